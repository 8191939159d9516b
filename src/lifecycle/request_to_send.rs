//! What a request's head must announce about the connection: may it be sent, what does it say, what follows from it.
//!
//! Read first: RFC 9112 3.2 (targets), 6.1 to 6.3 (framing), 9.3, 9.6 (options); RFC 9110 7.8 (`Upgrade`), 8.6 (`Content-Length`), 9.3
//! (content by method), 10.1.1 (`Expect`). As for a response, [`judge`] moves nothing, and [`record`] what follows
//! once the octets fitted.
//!
//! Tie-breaks. POST and PUT without content say `Content-Length: 0`; other methods say nothing (RFC 9110 8.6). Content of unknown
//! length is chunked, unless the peer has answered as HTTP/1.0: then it is refused, for a request can not end by closing.
//!
//! `inline(always)`: see [`response_to_send`](crate::lifecycle::response_to_send).

use crate::config::{Client, RequestHint, Settings};
use crate::error::Misuse;
use crate::lifecycle::persistence::CloseReason;
use crate::lifecycle::pipeline::Marks;
use crate::lifecycle::state::{BodyEnd, ConnectionState, Ended};
use crate::message::announcement::{Announce, ConnectionOptions, Content, FramingField};
use crate::message::connection_facts::ConnectionFacts;
use crate::message::framing::{self, BodyLength};
use crate::message::head_facts::Compared;
use crate::message::keep_alive::KeepAlive;
use crate::message::method::MethodKind;
use crate::message::request::Request;
use crate::message::target::{Target, TargetForm};
use crate::message::upgrade::Names;
use crate::time::Instant;

/// A request head that may be sent, and what follows from sending it.
#[derive(Clone, Copy)]
pub(crate) struct RequestPlan {
    pub(crate) options: ConnectionOptions,
    pub(crate) framing: FramingField,
    pub(crate) hint: RequestHint,
    length: BodyLength,
    closes: bool,
    /// Why, if it does.
    reason: CloseReason,
}

impl RequestPlan {
    /// There is nothing to announce.
    #[inline(always)]
    pub(crate) fn is_silent(&self) -> bool {
        self.framing == FramingField::None
            && self.hint == RequestHint::Silent
            && self.options == ConnectionOptions::default()
    }

    pub(crate) fn announce(&self, settings: &Settings) -> Announce {
        // a hint of nothing is no field
        let seconds = settings.timeouts.idle.map(|idle| u32::try_from(idle.as_secs()).unwrap_or(u32::MAX));
        let (keep_alive, bare_keep_alive) = match self.hint {
            RequestHint::Timeout => (seconds.map(|seconds| KeepAlive { timeout: Some(seconds), max: None }), None),
            RequestHint::BareNumber => (None, seconds),
            RequestHint::Silent | RequestHint::Ask => (None, None),
        };
        Announce { options: self.options, keep_alive, bare_keep_alive, framing: self.framing, length: self.length }
    }
}

/// Which connection options and framing field go with a request; all but its field lines is known.
#[inline]
pub(crate) fn judge<const DEPTH: usize>(
    state: &ConnectionState<Client<DEPTH>>,
    settings: &Settings,
    request: &Request<'_>,
    content: Content,
) -> Result<RequestPlan, Misuse> {
    let method = request.kind();
    let (framing, length) = match content {
        Content::Empty | Content::Exact(0) if matches!(method, MethodKind::Post | MethodKind::Put) => {
            (FramingField::ContentLength(0), BodyLength::Empty)
        }
        Content::Empty | Content::Exact(0) => (FramingField::None, BodyLength::Empty),
        _ if matches!(method, MethodKind::Connect | MethodKind::Trace) => return Err(Misuse::ContentNotAllowed),
        Content::Exact(octets) => (FramingField::ContentLength(octets), BodyLength::Exact(octets)),
        Content::Unknown if request.version.is_http11() && !state.send.peer_is_http10 => {
            (FramingField::Chunked, BodyLength::Chunked)
        }
        Content::Unknown | Content::UntilClose => return Err(Misuse::ContentNotAllowed),
    };
    let policy = &settings.policy;
    let last = state.most_exchanges(settings).is_some_and(|most| state.role.asked().saturating_add(1) >= most);
    let closes = request.close || last || !policy.persistence.is_on();
    let hint = if closes { RequestHint::Silent } else { policy.request_hint };
    let asks = !request.version.is_http11() && policy.http10_keep_alive.is_on();
    let keep_alive = !closes && (asks || hint != RequestHint::Silent);
    let options = ConnectionOptions { close: closes, keep_alive, ..ConnectionOptions::default() };
    let reason = match (request.close, policy.persistence.is_on()) {
        (true, _) => CloseReason::CloseSent,
        (false, false) => CloseReason::PersistenceOff,
        (false, true) => CloseReason::MaxExchanges,
    };
    Ok(RequestPlan { options, framing, hint, length, closes, reason })
}

/// What the field lines of a request add to its plan; `facts` are theirs.
#[inline]
pub(crate) fn check_fields(plan: &mut RequestPlan, facts: &ConnectionFacts) -> Result<(), Misuse> {
    framing::check_host(facts).map_err(|_| Misuse::Host)?;
    let empty = plan.length == BodyLength::Empty;
    if facts.has_other_expectation() || (facts.has_continue_expectation() && empty) {
        return Err(Misuse::Expectation);
    }
    plan.options.upgrade = facts.has_upgrade_line();
    plan.options.te = facts.has_te();
    Ok(())
}

/// What must be compared octet by octet of a head to be sent: the `Host` with the authority of the target (RFC 9112 3.2), and
/// the protocols offered, which are returned, with what can be remembered.
#[cold]
pub(crate) fn check_compared<'h>(target: Target<'_>, head: &'h Compared) -> Result<Option<&'h Names>, Misuse> {
    if let Some(misuse) = head.misuse {
        return Err(misuse);
    }
    let named = matches!(target.form(), TargetForm::Absolute | TargetForm::Authority);
    if named && !head.host_is(target.authority().unwrap_or_default()) {
        return Err(Misuse::Host);
    }
    match &head.protocols {
        Some(names) if !names.fit() => Err(Misuse::UpgradeTooLong),
        names => Ok(names.as_ref()),
    }
}

/// The request judged was handed out, and what it offers is kept already.
#[inline(always)]
pub(crate) fn record<const DEPTH: usize>(
    state: &mut ConnectionState<Client<DEPTH>>,
    now: Instant,
    request: &Request<'_>,
    plan: &RequestPlan,
    facts: &ConnectionFacts,
) {
    let method = facts.method();
    let awaits_continue = facts.expects_continue();
    let marks = Marks {
        idempotent: method.is_idempotent() || request.idempotent,
        replayable: plan.length == BodyLength::Empty || request.replayable,
        last: plan.options.upgrade || plan.closes || method == MethodKind::Connect || awaits_continue,
        offers: plan.options.upgrade,
    };
    state.push(now, method, marks);
    state.send.request.awaits_continue = awaits_continue;
    if awaits_continue && state.send.unsent == 0 {
        // its wait counts from here, also before its octets are told
        state.send.still_since = now;
    }
    if plan.closes {
        state.lifetime.causes.add(plan.reason);
    }
    let (end, octets) = match plan.length {
        BodyLength::Empty | BodyLength::UntilClose => (BodyEnd::Exact, 0),
        BodyLength::Exact(octets) => (BodyEnd::Exact, octets),
        BodyLength::Chunked => (BodyEnd::Chunked, 0),
    };
    state.send.begin_content(end, octets);
    if plan.length == BodyLength::Empty {
        state.send.ended = Ended::ByLength;
        state.send.complete();
    }
}
