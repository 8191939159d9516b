//! What a response's head means for its connection: may it be what it is, how is it framed, what follows from it.
//!
//! Read first: RFC 9112 6.3 (a response is framed by the request it answers), 9.3, 9.5 (early responses), 9.6; RFC 9110 7.8 (`101`),
//! 9.3.6 (CONNECT), 10.1.1, 15.2 (interim responses). A head is judged first, which moves nothing; what follows from one that may
//! stand is then recorded. Nearly every response is final, and says at most how long it is: the rest is out of its way.
//!
//! Tie-breaks. A response that comes before the content of its request is sent: held back for `100 (Continue)`, the content is
//! not sent at all where the status is 300 or above, for it is not wanted; on its way, it is given up only where the server refuses it:
//! by a status of 400 or above that ends the connection (RFC 9112 9.5), or as `stop_refused_content` says. After an earlier success or
//! redirection it goes on until a write fails, though the connection ends with the response (RFC 9110 7.5): who answers while it reads
//! would lose the rest. The connection is closed when both are complete, once the last octet of the request has left.
//!
//! A 408 ends its connection, since what the server has read of it is not known (RFC 9110 15.5.9); a 421 too, for another one is asked for
//! (RFC 9110 15.5.20), unless policy says that the connection is a proxy's, which carries requests for others.
//!
//! `inline(always)`: see [`response_to_send`](crate::lifecycle::response_to_send).

use crate::config::{Client, Settings};
use crate::error::ProtocolErrorKind::{self, ContentTooLarge};
use crate::lifecycle::persistence::{self, CloseReason, Persistence, TunnelReason};
use crate::lifecycle::pipeline::Answer;
use crate::lifecycle::state::{ConnectionState, Sending};
use crate::message::connection_facts::ConnectionFacts;
use crate::message::fact_set::Fact;
use crate::message::framing::{self, BodyLength, Framing, FramingRule};
use crate::message::method::MethodKind;
use crate::message::upgrade::Names;
use crate::status::StatusCode;
use crate::time::Instant;

/// What a response says of its connection: in `Proxy-Connection`, too, where policy honours that.
pub(crate) fn facts(settings: &Settings, head: &ConnectionFacts) -> ConnectionFacts {
    let proxy = settings.policy.proxy_connection.is_on() && head.has_any([Fact::ProxyClose, Fact::ProxyKeepAlive]);
    if proxy { head.with_proxy_connection() } else { *head }
}

/// How a response is framed, if it may be what it is. `octets`: of its head; `named`: the protocols of its `Upgrade`, where it switches.
pub(crate) fn judge<const DEPTH: usize>(
    state: &ConnectionState<Client<DEPTH>>,
    settings: &Settings,
    head: &ConnectionFacts,
    octets: u32,
    named: Option<&Names>,
) -> Result<Framing, ProtocolErrorKind> {
    let (Some(first), Some(status)) = (state.role.first(), head.status()) else {
        return Err(ProtocolErrorKind::StatusLine);
    };
    if status == StatusCode::SWITCHING_PROTOCOLS {
        let whole = !state.role.sends_first() || state.send.half() != Sending::Content;
        let named = named.is_some_and(|named| state.role.offered().is_some_and(|offered| offered.cover(named)));
        let offered = head.is_upgrade() && named;
        return match whole && offered {
            true => Ok(Framing { length: BodyLength::Empty, rule: FramingRule::NoContent }),
            false => Err(ProtocolErrorKind::UpgradeNotOffered),
        };
    }
    if status.is_interim() && state.role.interim.is_over(&settings.limits, octets) {
        return Err(ProtocolErrorKind::InterimResponses);
    }
    frame(first.method, settings, head)
}

#[inline(always)]
fn frame(method: MethodKind, settings: &Settings, head: &ConnectionFacts) -> Result<Framing, ProtocolErrorKind> {
    let framing = framing::frame_response(head, method, &settings.policy)?;
    match (framing.length, settings.limits.content) {
        (BodyLength::Exact(octets), Some(most)) if octets > most => Err(ContentTooLarge),
        _ => Ok(framing),
    }
}

/// How a final response is framed after which there is still HTTP, if it is one and may be what it is.
pub(crate) fn judge_final<const DEPTH: usize>(
    state: &ConnectionState<Client<DEPTH>>,
    settings: &Settings,
    head: &ConnectionFacts,
) -> Option<Framing> {
    let method = state.role.first()?.method;
    if method == MethodKind::Connect || head.status()?.is_interim() {
        return None;
    }
    frame(method, settings, head).ok()
}

/// How a final response is framed that has content and says nothing but how long it is.
#[inline(always)]
pub(crate) fn judge_plain(
    method: MethodKind,
    status: StatusCode,
    settings: &Settings,
    head: &ConnectionFacts,
) -> Option<Framing> {
    let octets = head.length_alone()?;
    // most are 200
    let usual =
        status == StatusCode::OK || (status >= StatusCode::OK && head.has_usual_status() && !status.has_no_content());
    let may_have = usual && !matches!(method, MethodKind::Head | MethodKind::Connect);
    let fits = octets > 0 && settings.limits.content.is_none_or(|most| octets <= most);
    if may_have && fits && head.version().is_http11() {
        Some(Framing { length: BodyLength::Exact(octets), rule: FramingRule::ContentLength })
    } else {
        None
    }
}

/// A response's head is complete and within every rule; `octets`: its length.
pub(crate) fn record<const DEPTH: usize>(
    state: &mut ConnectionState<Client<DEPTH>>,
    settings: &Settings,
    now: Instant,
    head: &ConnectionFacts,
    octets: u32,
    framing: Framing,
) {
    let now = state.tick(now);
    let (Some(first), Some(status)) = (state.role.first(), head.status()) else { return };
    let method = first.method;
    if status.is_interim() && status != StatusCode::SWITCHING_PROTOCOLS {
        state.role.is_http11 = head.version().is_http11();
        state.role.interim.add(octets);
        state.receive.empty_lines = 0;
        state.receive.leave_head();
        state.receive.octets = 0;
        state.role.peer.interim_at = now;
        if status == StatusCode::CONTINUE && state.role.sends_first() {
            state.send.request.awaits_continue = false;
        }
        // the final response is still owed
        if head.has_close() {
            state.lifetime.causes.add(CloseReason::CloseReceived);
        }
        if framing::fault_of_response(head, &settings.policy).is_some() {
            state.lifetime.causes.add(CloseReason::FaultyFraming);
            state.role.ends_after_response = true;
        }
        return;
    }
    let connects = method == MethodKind::Connect && status.is_successful();
    if status == StatusCode::SWITCHING_PROTOCOLS || connects {
        begin(state, now, head);
        state.receive.complete();
        state.answered(now);
        state.lifetime.hand_over(if connects { TunnelReason::Connect } else { TunnelReason::Upgrade });
        return;
    }
    record_final(state, settings, now, head, framing, head.has_usual_status());
}

/// The clocks of a final response begin.
#[inline(always)]
fn begin<const DEPTH: usize>(state: &mut ConnectionState<Client<DEPTH>>, now: Instant, head: &ConnectionFacts) {
    state.role.is_http11 = head.version().is_http11();
    state.lifetime.exchanges = state.lifetime.exchanges.saturating_add(1);
    state.begin_part(now);
}

/// The head of a final response after which there is still HTTP; `is_usual`: its status says nothing of the connection.
#[inline(always)]
pub(crate) fn record_final<const DEPTH: usize>(
    state: &mut ConnectionState<Client<DEPTH>>,
    settings: &Settings,
    now: Instant,
    head: &ConnectionFacts,
    framing: Framing,
    is_usual: bool,
) {
    let now = state.tick(now);
    begin(state, now, head);
    state.send.peer_is_http10 = !state.role.is_http11;
    state.role.answer = Answer::Begun;
    let plain = state.role.is_http11
        && !head.has_close()
        && !head.has_keep_alive()
        && framing.length != BodyLength::UntilClose
        && !matches!(framing.rule, FramingRule::FaultyCoding | FramingRule::NoContent)
        && is_usual;
    let ends = !plain && message_causes(state, settings, head, framing);
    let exhausted = plain && state.role.is_exhausted();
    if exhausted || state.lifetime.may_be_over_age(now) || settings.limits.max_octets.is_some() {
        last_causes(state, settings, now, exhausted);
    }
    if state.role.sends_first() && state.send.half() == Sending::Content {
        early(state, settings, head, ends);
    }
    state.receive.begin_content(framing.length);
}

/// Causes to close that come from the lifetime of the connection; `exhausted`: the peer accepts no more requests.
#[cold]
#[inline(never)]
fn last_causes<const DEPTH: usize>(
    state: &mut ConnectionState<Client<DEPTH>>,
    settings: &Settings,
    now: Instant,
    exhausted: bool,
) {
    let mut causes = state.lifetime.causes;
    if exhausted {
        // the message says nothing of it: the one before did
        causes.add(CloseReason::MaxHint);
    }
    state.lifetime_causes(settings, now, 0, &mut causes);
    state.lifetime.causes = causes;
}

/// Causes to close that lie in the message itself: does no response follow it?
#[inline(never)]
fn message_causes<const DEPTH: usize>(
    state: &mut ConnectionState<Client<DEPTH>>,
    settings: &Settings,
    head: &ConnectionFacts,
    framing: Framing,
) -> bool {
    let policy = &settings.policy;
    let mut ends = false;
    let mut end = |state: &mut ConnectionState<Client<DEPTH>>, reason| {
        state.lifetime.causes.add(reason);
        ends = true;
    };
    if let Persistence::Close(reason) = persistence::of_facts(head, policy.http10_keep_alive.is_on()) {
        end(state, reason);
    }
    if framing.length == BodyLength::UntilClose {
        end(state, CloseReason::UntilClose);
    }
    // what says nothing of the length of this message may have been meant to (RFC 9112 6.1)
    let faulty = framing.rule == FramingRule::NoContent && framing::fault_of_response(head, policy).is_some();
    if framing.rule == FramingRule::FaultyCoding || faulty {
        end(state, CloseReason::FaultyFraming);
    }
    if !head.has_usual_status() {
        match head.status() {
            Some(StatusCode::REQUEST_TIMEOUT) => end(state, CloseReason::RequestTimeoutReceived),
            Some(StatusCode::MISDIRECTED_REQUEST) if policy.misdirected_close.is_on() => {
                end(state, CloseReason::Misdirected)
            }
            Some(StatusCode::MISDIRECTED_REQUEST) => {}
            _ => end(state, CloseReason::InvalidStatus),
        }
    }
    if let Some(hint) = head.keep_alive() {
        state.role.peer.hint = hint.timeout.unwrap_or(state.role.peer.hint);
        if policy.max_hint.is_on() || hint.max == Some(0) || state.role.len() > 1 {
            state.role.hint(hint.max);
        }
    }
    if state.role.is_exhausted() && !ends {
        state.lifetime.causes.add(CloseReason::MaxHint);
    }
    if head.keep_alive().is_some()
        && ConnectionState::<Client<DEPTH>>::idle_span(settings, state.role.peer.hint).is_nothing()
        && !ends
    {
        state.lifetime.causes.add(CloseReason::HintTooShort);
    }
    if ends {
        state.role.ends_after_response = true;
        if head.status().is_some_and(|status| status.counted() >= 400) {
            state.role.answer = Answer::Refuses;
        }
    }
    ends
}

/// The content of the request that is answered is still to be sent.
#[inline(never)]
fn early<const DEPTH: usize>(
    state: &mut ConnectionState<Client<DEPTH>>,
    settings: &Settings,
    head: &ConnectionFacts,
    closes: bool,
) {
    let held = state.send.request.awaits_continue;
    state.send.request.awaits_continue = false;
    let code = head.status().map_or(0, |status| status.counted());
    if code >= 400 {
        state.role.answer = Answer::Refuses;
    }
    let reason = match (held, code) {
        (true, 300..) => CloseReason::ContentUnwanted,
        (_, 400..) if closes || settings.policy.stop_refused_content.is_on() => CloseReason::EarlyResponse,
        _ => return,
    };
    state.lifetime.causes.add(reason);
    state.stop_sending();
}
