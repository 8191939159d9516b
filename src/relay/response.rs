//! What the upstream says goes to the client.

use core::ops::Deref;

use super::exchange::{Exchange, Stage};
use super::kept::{About, authenticates_connection, names_itself_in_responses};
use super::poll::Attended;
use super::step::{STILL, TakenReason};
use super::{LossKind, Neighbor, Relay, RelayPolicy, RelayStep};
use crate::close_reason::CloseReason;
use crate::config::{Client, Config, Server, Use};
use crate::connection::event::Event;
use crate::drive::{Attempt, Drive, Step, Storage};
use crate::error::SendError;
use crate::intermediary::{Direction, HopFields, NamedFields, ProxyAuthentication, content_to_send, trailer_goes_on};
use crate::lifecycle::content_use::ContentUse;
use crate::lifecycle::persistence::TunnelReason;
use crate::lifecycle::retry::{Advice, Evidence, Sent};
use crate::message::announcement::Content;
use crate::message::fields_to_send::NO_FIELDS;
use crate::message::head::{FieldSection, ResponseHead};
use crate::message::method::MethodKind;
use crate::message::octets;
use crate::message::response::Response;
use crate::status::StatusCode;
use crate::time::Instant;

/// What became of a final response's head.
enum Passed {
    /// It went on.
    On,
    /// With it another protocol begins.
    Switches(TunnelReason),
    /// It may not go on.
    Malformed,
    /// The request was not looked at, and is sent again.
    Unanswered(StatusCode),
    /// The next hop asks us who we are.
    Unauthenticated,
    /// The client takes no more.
    Ended,
}

impl<S: Storage, CS, CU> Relay<S, CS, CU>
where
    CS: Deref<Target = Config<Server>>,
    CU: Deref<Target = Config<Client>>,
{
    pub(super) fn attend_upstream(&mut self, now: Instant) -> Attended {
        let evidence = self.evidence();
        let Self { client, upstream, kept, exchange, policy } = self;
        let Some(drive) = upstream.as_mut().filter(|_| exchange.taken.is_none() && !exchange.returned) else {
            return Attended::Rest(STILL);
        };
        let passes = !S::GROWS && exchange.response.piece.is_some();
        let holds = passes || !client.has_room_for_head();
        drive.hold(holds);
        // it takes more of a request that is still to come
        let takes_more = exchange.request.is_open && drive.takes_content();
        let stops = drive.connection().lifecycle.config().policy().stop_refused_content == Use::On;
        match drive.poll_while_busy(now) {
            Step::Event(Event::Interim(head)) => {
                interim(now, client, exchange, policy, &head);
                Attended::Moved
            }
            Step::Event(Event::Response(head)) => {
                if takes_more && !gives_up(&head, stops) {
                    read_on(now, client, exchange);
                }
                let passed = pass_head(now, client, exchange, policy, kept.about, evidence, &head);
                if policy.pinning == Use::On && (challenges_connection(&head.fields) || kept.about.pins) {
                    exchange.pinned = true;
                }
                self.head_passed(now, passed, evidence);
                Attended::Moved
            }
            Step::Event(Event::Content(content)) => {
                let (address, octets) = (content.as_ptr() as usize, content.len());
                let place = drive.place_of(address, octets);
                if takes_more {
                    read_on(now, client, exchange);
                }
                match client.pass_content(now, octets as u64) {
                    Ok(()) if client.passes() => exchange.response.piece = Some(place),
                    Ok(()) => {}
                    Err(_) => self.client_ended(now),
                }
                Attended::Moved
            }
            Step::Event(Event::End { trailers }) => {
                if exchange.stage == Stage::Responding {
                    if takes_more {
                        read_on(now, client, exchange);
                    }
                    let takes = kept.about.takes_trailers;
                    finish(now, client, exchange.response.named, takes, policy, &trailers);
                    exchange.stage = Stage::Responded;
                }
                Attended::Moved
            }
            Step::Event(_) | Step::Refuse(_) | Step::Continue | Step::Respond | Step::Content => Attended::Moved,
            Step::Error(error) => {
                exchange.attempt.error = Some(error);
                Attended::Step(RelayStep::Error(Neighbor::Upstream, error))
            }
            Step::Expired(deadline) => Attended::Step(RelayStep::Expired(Neighbor::Upstream, deadline)),
            Step::Shut(_) | Step::Closed => {
                self.upstream_ended(now);
                Attended::Moved
            }
            Step::HandOver(reason) => Attended::HandedOver(reason),
            Step::Transport(transport) if transport.read == Attempt::Look && holds => {
                drive.looked_nothing(now);
                Attended::Moved
            }
            Step::Transport(transport) => Attended::Rest(transport),
        }
    }

    /// What follows from a final response's head.
    fn head_passed(&mut self, now: Instant, passed: Passed, evidence: Evidence) {
        let Self { client, upstream, exchange, .. } = self;
        let begun = Evidence { sent: Sent::All, response_begun: true, ..evidence };
        match passed {
            Passed::On => {
                exchange.stage = Stage::Responding;
                let takes = upstream.as_ref().is_some_and(|drive| drive.takes_content());
                if exchange.request.is_open && !takes && exchange.request.said == ContentUse::Reading {
                    // it wants no more of the request after all
                    let _ = client.content_use(now, ContentUse::Dropped);
                }
                self.release_pieces();
            }
            Passed::Switches(reason) => exchange.stage = Stage::Switching(reason),
            Passed::Malformed => self.lost(now, LossKind::Malformed, begun, TakenReason::Malformed),
            Passed::Unauthenticated => self.lost(now, LossKind::Unauthenticated, begun, TakenReason::Unanswered),
            Passed::Unanswered(status) => {
                let evidence = Evidence { sent: Sent::All, status: Some(status), ..evidence };
                self.lost(now, LossKind::Unanswered, evidence, TakenReason::Unanswered);
            }
            Passed::Ended => self.client_ended(now),
        }
    }

    /// The upstream's connection has ended.
    fn upstream_ended(&mut self, now: Instant) {
        let Some(drive) = &self.upstream else { return };
        let timed_out = matches!(
            drive.connection().ended_by(),
            Some(
                CloseReason::ResponseTimeout
                    | CloseReason::HeadTimeout
                    | CloseReason::ContentTimeout
                    | CloseReason::ExchangeTimeout
                    | CloseReason::WriteStall
                    | CloseReason::SendRate
            )
        );
        let error = self.exchange.attempt.error.filter(|error| !error.kind.is_incomplete());
        let kind = match (timed_out, error) {
            (true, _) => LossKind::TimedOut,
            (false, Some(_)) => LossKind::Malformed,
            (false, None) => LossKind::Ended,
        };
        let evidence = self.evidence();
        match self.exchange.stage {
            Stage::Forwarding | Stage::Responding => self.lost(now, kind, evidence, TakenReason::Ended),
            Stage::Responded => {
                self.drop_request(now);
                self.exchange.take(TakenReason::Ended);
                self.exchange.pinned = false;
            }
            _ => {
                self.exchange.take(TakenReason::Ended);
                self.exchange.pinned = false;
            }
        }
    }

    /// What is still to come of the request goes nowhere.
    pub(super) fn drop_request(&mut self, now: Instant) {
        if self.exchange.request.is_open {
            // where it is over, nothing follows from it
            let _ = self.client.content_use(now, ContentUse::Dropped);
        }
        (self.exchange.request.is_open, self.exchange.attempt.is_given) = (false, true);
    }

    /// Content of the request that was kept to be sent again is needed no more, once it has left.
    pub(super) fn release_pieces(&mut self) {
        let Self { client, upstream, exchange, .. } = self;
        let passes = upstream.as_ref().is_some_and(|drive| drive.passes());
        let needed = S::GROWS && exchange.stage == Stage::Forwarding && exchange.request.pieces.is_replayable();
        if !passes && !needed && exchange.request.pieces.end().is_some() {
            exchange.request.pieces.forget();
            client.keep_nothing();
        }
    }
}

/// The client is to be read on, also after its response is complete: what is paused then would be dropped.
fn read_on<S: Storage, CS: Deref<Target = Config<Server>>>(
    now: Instant,
    client: &mut Drive<Server, S, CS>,
    exchange: &mut Exchange,
) {
    if client.content_use(now, ContentUse::Reading).is_ok() {
        exchange.request.said = ContentUse::Reading;
    }
}

/// Will the upstream take no more of the request after this response (RFC 9112 9.5)? `stops`: as policy has it.
fn gives_up(head: &ResponseHead<'_>, stops: bool) -> bool {
    let close = |value: &[u8]| octets::members(value).any(|option| option.eq_ignore_ascii_case(b"close"));
    let closes = !head.version.is_http11() || head.fields.values("connection").any(|value| close(value.as_received()));
    head.status.as_u16() >= 400 && (closes || stops)
}

/// A challenge authenticates the connection.
fn challenges_connection(fields: &FieldSection<'_>) -> bool {
    ["www-authenticate", "proxy-authenticate"]
        .iter()
        .any(|name| fields.values(name).any(|value| authenticates_connection(value.as_received())))
}

/// Passes an interim response on, if the client may have it: one that can not go on is left out, for the final one tells all.
fn interim<S: Storage, CS: Deref<Target = Config<Server>>>(
    now: Instant,
    client: &mut Drive<Server, S, CS>,
    exchange: &mut Exchange,
    policy: &RelayPolicy,
    head: &ResponseHead<'_>,
) {
    let awaits = client.connection().lifecycle.state().awaits_continue();
    let wanted = match head.status {
        StatusCode::CONTINUE => awaits,
        status => status.as_u16() == 102 || policy.early_hints == Use::On,
    };
    if exchange.stage != Stage::Forwarding || !wanted {
        return;
    }
    let lines = head.fields.iter().map(|line| (line.name, line.value.as_received()));
    let Ok(fields) = HopFields::of(lines, &policy.fields) else { return };
    let sent = client.send_interim(now, head.status, Once(|| fields.forwarded(Direction::Response)));
    exchange.response.interim_sent |= sent.is_ok();
}

/// Passes the head of a final response on.
fn pass_head<S: Storage, CS: Deref<Target = Config<Server>>>(
    now: Instant,
    client: &mut Drive<Server, S, CS>,
    exchange: &mut Exchange,
    policy: &RelayPolicy,
    about: About,
    evidence: Evidence,
    head: &ResponseHead<'_>,
) -> Passed {
    let status = head.status;
    let asked = Evidence { sent: Sent::All, status: Some(status), ..evidence };
    let unanswered = matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::MISDIRECTED_REQUEST);
    if unanswered && asked.verdict().advice == Advice::Retry {
        return Passed::Unanswered(status);
    }
    let of_hop = policy.fields.proxy_authentication == ProxyAuthentication::OfHop;
    if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED && of_hop {
        return Passed::Unauthenticated;
    }
    let lines = head.fields.iter().map(|line| (line.name, line.value.as_received()));
    let Ok(fields) = HopFields::of(lines, &policy.fields) else { return Passed::Malformed };
    exchange.response.named = fields.named();
    let switches = status == StatusCode::SWITCHING_PROTOCOLS;
    let connects = about.method == MethodKind::Connect && status.is_successful();
    let content = match about.method {
        _ if switches || connects => Content::Empty,
        MethodKind::Head => length_said(&head.fields),
        _ if status == StatusCode::NOT_MODIFIED => length_said(&head.fields),
        _ => content_to_send(head.framing.length),
    };
    // a connection to an HTTP/1.0 client of a proxy does not stay (RFC 9112 9.3)
    let close = names_itself_in_responses(policy) && !about.version.is_http11();
    let response = Response::new(status).with_reason(head.reason).with_close(close && !switches && !connects);
    let via = policy.via.as_ref().filter(|_| names_itself_in_responses(policy)).map(|us| us.line(head.version));
    let protocols = || {
        let values = head.fields.values("upgrade").map(|value| value.as_received());
        values.filter(|_| switches || status == StatusCode::UPGRADE_REQUIRED).map(|value| (&b"Upgrade"[..], value))
    };
    let via = || via.as_ref().map(|line| (&b"Via"[..], &line[..]));
    let all = Once(|| fields.forwarded(Direction::Response).chain(protocols()).chain(via()));
    match client.respond(now, response, all, content) {
        Ok(()) if switches => Passed::Switches(TunnelReason::Upgrade),
        Ok(()) if connects => Passed::Switches(TunnelReason::Connect),
        Ok(()) => Passed::On,
        Err(SendError::Ended(_)) => Passed::Ended,
        Err(SendError::Misuse(_) | SendError::OutputTooSmall { .. }) => Passed::Malformed,
    }
}

/// The length that a response without content says its content would have. Beside a transfer coding it says nothing (RFC 9112 6.3).
fn length_said(fields: &FieldSection<'_>) -> Content {
    if fields.value("transfer-encoding").is_some() {
        return Content::Unknown;
    }
    let mut values = fields.values("content-length").map(|value| value.as_received());
    match (values.next().map(octets::decimal), values.next()) {
        (Some(Ok(octets)), None) => Content::Exact(octets),
        _ => Content::Unknown,
    }
}

/// Ends the response, with its trailers where they may go on.
fn finish<S: Storage, CS: Deref<Target = Config<Server>>>(
    now: Instant,
    client: &mut Drive<Server, S, CS>,
    named: NamedFields,
    takes: bool,
    policy: &RelayPolicy,
    trailers: &FieldSection<'_>,
) {
    let lines = || trailers.iter().filter(|line| takes && trailer_goes_on(named, &policy.fields, line.name));
    if client.finish(now, Once(lines)).is_err() {
        // what may not be sent is left out with the others
        let _ = client.finish(now, NO_FIELDS);
    }
}

/// Field lines that are found anew each time they are written.
#[derive(Clone, Copy)]
struct Once<F>(F);

impl<F: FnOnce() -> I, I: IntoIterator> IntoIterator for Once<F> {
    type Item = I::Item;
    type IntoIter = I::IntoIter;

    fn into_iter(self) -> I::IntoIter {
        (self.0)().into_iter()
    }
}
