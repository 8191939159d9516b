//! What a response's head means for its connection: may it be what it is, how is it framed, what follows from it.
//!
//! Read first: RFC 9112 6.3 (a response is framed by the request it answers), 9.3, 9.5 (early responses), 9.6; RFC 9110 7.8 (`101`),
//! 9.3.6 (CONNECT), 10.1.1, 15.2 (interim responses). A head is judged first, which moves nothing; what follows from one that may
//! stand is then recorded. Nearly every response is final, and says at most how long it is: the rest is out of its way.
//!
//! Tie-breaks. A response that comes before the content of its request is sent: held back for `100 (Continue)`, the content is
//! not sent at all where the status is 300 or above, for it is not wanted; on its way, it is stopped where the response says
//! `close`, and goes on otherwise.

use crate::config::Settings;
use crate::error::ProtocolErrorKind::{self, ContentTooLarge};
use crate::lifecycle::persistence::{self, CloseReason, Persistence};
use crate::lifecycle::pipeline::Outstanding;
use crate::lifecycle::state::{Half, Machine, flag};
use crate::lifecycle::teardown::Stage;
use crate::message::connection_facts::ConnectionFacts as Facts;
use crate::message::framing::{self, BodyLength, Framing, FramingRule};
use crate::message::method::MethodKind;
use crate::message::upgrade::Names;
use crate::status::StatusCode;
use crate::time::Instant;

/// How a response is framed, if it may be what it is. `named` are the protocols of its `Upgrade`, where it switches.
pub(crate) fn judge<const DEPTH: usize>(
    machine: &Machine,
    state: &Outstanding<DEPTH>,
    settings: &Settings,
    head: &Facts,
    named: Option<&Names>,
) -> Result<Framing, ProtocolErrorKind> {
    let (Some(first), Some(status)) = (state.first(), head.status()) else {
        return Err(ProtocolErrorKind::StatusLine);
    };
    if status == StatusCode::SWITCHING_PROTOCOLS {
        let whole = !state.sends_first() || machine.sending != Half::Content;
        let named = named.is_some_and(|named| state.offered().is_some_and(|offered| offered.cover(named)));
        let offered = head.is_upgrade() && named;
        return match whole && offered {
            true => Ok(Framing { length: BodyLength::Empty, rule: FramingRule::NoContent }),
            false => Err(ProtocolErrorKind::UpgradeNotOffered),
        };
    }
    if status.is_interim() && state.interim >= settings.limits.interim_responses {
        return Err(ProtocolErrorKind::InterimResponses);
    }
    frame(first.method, settings, head)
}

#[inline(always)]
fn frame(method: MethodKind, settings: &Settings, head: &Facts) -> Result<Framing, ProtocolErrorKind> {
    let framing = framing::frame_response(head, method, &settings.policy)?;
    match (framing.length, settings.limits.content) {
        (BodyLength::Exact(octets), Some(most)) if octets > most => Err(ContentTooLarge),
        _ => Ok(framing),
    }
}

/// How a final response is framed after which there is still HTTP, if it is one and may be what it is.
pub(crate) fn judge_final<const DEPTH: usize>(
    state: &Outstanding<DEPTH>,
    settings: &Settings,
    head: &Facts,
) -> Option<Framing> {
    let method = state.first()?.method;
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
    head: &Facts,
) -> Option<Framing> {
    let octets = head.length_alone()?;
    let may_have = !matches!(method, MethodKind::Head | MethodKind::Connect)
        && status >= StatusCode::OK
        && !status.has_no_content();
    let fits = octets > 0 && settings.limits.content.is_none_or(|most| octets <= most);
    if may_have && fits && head.version().is_http11() {
        Some(Framing { length: BodyLength::Exact(octets), rule: FramingRule::ContentLength })
    } else {
        None
    }
}

/// A response's head is complete and within every rule.
pub(crate) fn received<const DEPTH: usize>(
    machine: &mut Machine,
    state: &mut Outstanding<DEPTH>,
    settings: &Settings,
    now: Instant,
    head: &Facts,
    framing: Framing,
) {
    let now = machine.tick(now);
    let (Some(first), Some(status)) = (state.first(), head.status()) else { return };
    let method = first.method;
    if status.is_interim() && status != StatusCode::SWITCHING_PROTOCOLS {
        state.is_http11 = head.version().is_http11();
        state.interim += 1;
        state.line_ends = 0;
        machine.receiving = Half::Idle;
        machine.octets = 0;
        machine.begun = now;
        if status == StatusCode::CONTINUE && state.sends_first() {
            machine.flags &= !flag::CONTINUE;
        }
        // the final response is still owed
        if head.has_close() {
            machine.causes.add(CloseReason::CloseReceived);
        }
        if framing::fault_of_response(head, &settings.policy).is_some() {
            machine.causes.add(CloseReason::FaultyFraming);
            machine.flags |= flag::FINAL;
        }
        return;
    }
    let connects = method == MethodKind::Connect && status.is_successful();
    if status == StatusCode::SWITCHING_PROTOCOLS || connects {
        begin(machine, state, now, head);
        machine.flags = machine.flags & !flag::CONNECT | if connects { flag::CONNECT } else { 0 };
        state.answered(machine, now);
        machine.stage = Stage::Tunnel;
        return;
    }
    received_final(machine, state, settings, now, head, framing, head.has_valid_status());
}

/// The clocks of a final response begin.
#[inline(always)]
fn begin<const DEPTH: usize>(machine: &mut Machine, state: &mut Outstanding<DEPTH>, now: Instant, head: &Facts) {
    state.is_http11 = head.version().is_http11();
    machine.exchanges = machine.exchanges.saturating_add(1);
    machine.begun = now;
    machine.last = now;
    machine.octets = 0;
}

/// The head of a final response after which there is still HTTP; `valid`: of a status that there is.
#[inline(always)]
pub(crate) fn received_final<const DEPTH: usize>(
    machine: &mut Machine,
    state: &mut Outstanding<DEPTH>,
    settings: &Settings,
    now: Instant,
    head: &Facts,
    framing: Framing,
    valid: bool,
) {
    let now = machine.tick(now);
    begin(machine, state, now, head);
    machine.flags = machine.flags & !flag::HTTP10 | if state.is_http11 { 0 } else { flag::HTTP10 };
    let plain = state.is_http11
        && !head.has_close()
        && !head.has_keep_alive()
        && framing.length != BodyLength::UntilClose
        && !matches!(framing.rule, FramingRule::FaultyCoding | FramingRule::NoContent)
        && valid;
    let ends = !plain && message_causes(machine, state, settings, head, framing);
    let exhausted = plain && state.is_exhausted();
    if exhausted || machine.life <= now || settings.limits.max_octets.is_some() {
        last_causes(machine, settings, now, exhausted);
    }
    if state.sends_first() && machine.sending == Half::Content {
        early(machine, settings, head, ends);
    }
    machine.expect_content(framing.length);
}

/// Causes to close that lie in the life of the connection; `exhausted`: the peer accepts no more requests.
#[cold]
#[inline(never)]
fn last_causes(machine: &mut Machine, settings: &Settings, now: Instant, exhausted: bool) {
    let mut causes = machine.causes;
    if exhausted {
        // the message says nothing of it: the one before did
        causes.add(CloseReason::MaxHint);
    }
    machine.life_causes(settings, now, 0, &mut causes);
    machine.causes = causes;
}

/// Causes to close that lie in the message itself: does no response follow it?
#[inline(never)]
fn message_causes<const DEPTH: usize>(
    machine: &mut Machine,
    state: &mut Outstanding<DEPTH>,
    settings: &Settings,
    head: &Facts,
    framing: Framing,
) -> bool {
    let policy = &settings.policy;
    let mut ends = false;
    let mut end = |machine: &mut Machine, reason| {
        machine.causes.add(reason);
        ends = true;
    };
    if let Persistence::Close(reason) = persistence::of_facts(head, policy.http10_keep_alive.is_on()) {
        end(machine, reason);
    }
    if framing.length == BodyLength::UntilClose {
        end(machine, CloseReason::UntilClose);
    }
    // what says nothing of the length of this message may have been meant to (RFC 9112 6.1)
    let faulty = framing.rule == FramingRule::NoContent && framing::fault_of_response(head, policy).is_some();
    if framing.rule == FramingRule::FaultyCoding || faulty {
        end(machine, CloseReason::FaultyFraming);
    }
    if !head.has_valid_status() {
        end(machine, CloseReason::InvalidStatus);
    }
    if let Some(hint) = head.keep_alive() {
        state.peer.hint = hint.timeout.unwrap_or(state.peer.hint);
        if policy.max_hint.is_on() || hint.max == Some(0) || state.iter().count() > 1 {
            state.hint(hint.max);
        }
    }
    if state.is_exhausted() && !ends {
        machine.causes.add(CloseReason::MaxHint);
    }
    if head.keep_alive().is_some() && machine.idle_span(settings, state.peer.hint).is_nothing() && !ends {
        machine.causes.add(CloseReason::HintTooShort);
    }
    if ends {
        machine.flags |= flag::FINAL;
    }
    ends
}

/// The content of the request that is answered is still to be sent.
#[inline(never)]
fn early(machine: &mut Machine, settings: &Settings, head: &Facts, closes: bool) {
    let held = machine.is(flag::CONTINUE);
    machine.flags &= !flag::CONTINUE;
    let code = head.status().map_or(0, |status| status.counted());
    let refused = code >= 400 && settings.policy.stop_refused_content.is_on();
    let reason = match (held, closes || refused) {
        (true, _) if code >= 300 => CloseReason::ContentUnwanted,
        (_, true) => CloseReason::EarlyResponse,
        _ => return,
    };
    machine.causes.add(reason);
    machine.give_up_content();
}
