//! What a request's head means for its connection: may it be what it is, how is it framed, what follows from it.
//!
//! Read first: RFC 9112 3.2 (`Host`), 6.3 (framing), 9.3, 9.6 (persistence); RFC 9110 10.1.1 (`Expect`). As for a response, [`judge`] moves
//! nothing, and what follows from a head that may stand is then recorded.
//!
//! `inline(always)`: see [`response_to_send`](crate::lifecycle::response_to_send).

use crate::config::{HostRule, Server, Settings};
use crate::error::ProtocolErrorKind;
use crate::lifecycle::content_use::ContentUse;
use crate::lifecycle::persistence::{self, CloseReason, Persistence};
use crate::lifecycle::state::{AnsweredMethod, ConnectionState, Ended, Receiving, RequestFacts};
use crate::message::connection_facts::ConnectionFacts;
use crate::message::framing::{self, BodyLength, Framing, FramingRule};
use crate::message::upgrade::Offers;
use crate::time::Instant;

/// How a request is framed, if it may be what it is.
#[inline(always)]
fn judge(settings: &Settings, head: &ConnectionFacts) -> Result<Framing, ProtocolErrorKind> {
    let framing = framing::frame_request(head, &settings.policy)?;
    match settings.policy.host {
        HostRule::On => framing::check_host(head)?,
        HostRule::Optional => framing::check_optional_host(head)?,
        HostRule::Off => {}
    }
    framing::check_expectation(head, &settings.policy)?;
    match (framing.length, settings.limits.content) {
        (BodyLength::Exact(octets), Some(most)) if octets > most => Err(ProtocolErrorKind::ContentTooLarge),
        _ => Ok(framing),
    }
}

/// A request's head is complete: it is judged, and what follows is recorded, also where it is wrong.
#[inline(always)]
pub(crate) fn received(
    state: &mut ConnectionState<Server>,
    settings: &Settings,
    now: Instant,
    head: &ConnectionFacts,
) -> Result<Framing, ProtocolErrorKind> {
    match judge(settings, head) {
        Ok(framing) => {
            record(state, settings, now, head, framing);
            Ok(framing)
        }
        Err(kind) => {
            record_request(state, head);
            state.fail(now, kind);
            Err(kind)
        }
    }
}

/// A request's head [without anything unusual](ConnectionFacts::is_plain_request) came whole where [one was
/// awaited](ConnectionState::awaits_plain_request): it has no content. `false`: it is another one, and nothing is recorded.
///
/// Twin of [`received`], after [`head_octets`](ConnectionState::head_octets).
#[inline(always)]
pub(crate) fn received_plain(
    state: &mut ConnectionState<Server>,
    settings: &Settings,
    now: Instant,
    head: &ConnectionFacts,
) -> bool {
    let is_plain = head.is_plain_request();
    if is_plain {
        let now = state.tick(now);
        state.exchange_began = now;
        begin_exchange(state, now, head, BodyLength::Empty);
        end_by_settings(state, settings);
    }
    is_plain
}

/// The same of any head. `None`: something is wrong with it, and nothing is recorded.
///
/// Twin of [`received`], after [`head_octets`](ConnectionState::head_octets).
#[inline(never)]
pub(crate) fn received_whole(
    state: &mut ConnectionState<Server>,
    settings: &Settings,
    now: Instant,
    head: &ConnectionFacts,
) -> Option<Framing> {
    let framing = judge(settings, head).ok()?;
    let now = state.tick(now);
    state.exchange_began = now;
    record(state, settings, now, head, framing);
    Some(framing)
}

/// The head of a request is complete and within every rule.
#[inline(always)]
fn record(
    state: &mut ConnectionState<Server>,
    settings: &Settings,
    now: Instant,
    head: &ConnectionFacts,
    framing: Framing,
) {
    let now = state.tick(now);
    begin_exchange(state, now, head, framing.length);
    if head.offers_upgrade() {
        state.role = head.offers();
    }
    state.send.request.awaits_continue = head.expects_continue() && state.receive.half() == Receiving::Content;
    let (policy, causes) = (&settings.policy, &mut state.lifetime.causes);
    if let Persistence::Close(reason) = persistence::of_facts(head, policy.http10_keep_alive.is_on()) {
        causes.add(reason);
    }
    if framing.rule == FramingRule::FaultyCoding {
        causes.add(CloseReason::FaultyFraming);
    }
    end_by_settings(state, settings);
}

/// What follows from any request.
#[inline(always)]
fn begin_exchange(state: &mut ConnectionState<Server>, now: Instant, head: &ConnectionFacts, length: BodyLength) {
    state.lifetime.exchanges = state.lifetime.exchanges.saturating_add(1);
    state.begin_part(now);
    state.receive.empty_lines = 0;
    state.receive.begin_content(length);
    record_request(state, head);
    // how the message before ended is forgotten
    state.send.ended = Ended::ByCall;
}

/// The settings end the connection with this request.
#[inline(always)]
fn end_by_settings(state: &mut ConnectionState<Server>, settings: &Settings) {
    if !settings.policy.persistence.is_on() {
        state.lifetime.causes.add(CloseReason::PersistenceOff);
    }
    if state.most_exchanges(settings).is_some_and(|most| state.lifetime.exchanges >= most) {
        state.lifetime.causes.add(CloseReason::MaxExchanges);
    }
}

/// What any answer to a request depends on, also the refusal of a head that is wrong further on.
#[inline(always)]
pub(crate) fn record_request(state: &mut ConnectionState<Server>, head: &ConnectionFacts) {
    state.send.peer_is_http10 = !head.version().is_http11();
    state.send.request = request_facts(head);
    state.receive.content_use = ContentUse::Undecided;
    state.role = Offers::NONE;
}

/// What of a head decides how its request is answered; that its content waits is found out later.
#[inline(always)]
pub(crate) fn request_facts(head: &ConnectionFacts) -> RequestFacts {
    RequestFacts { method: AnsweredMethod::of(head.method()), keep_alive: head.has_keep_alive(), ..RequestFacts::NONE }
}
