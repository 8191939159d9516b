//! What a response's head must announce about the connection: may it be sent, what does it say, what follows from it.
//!
//! Read first: RFC 9110 8.6, 15.2, 15.3.6 (which responses have content), RFC 9112 6.1, 6.3 (how it is framed), 9.3, 9.6 (`close` is
//! announced whenever we will close). [`judge`] moves nothing and makes a [`Plan`] from facts alone; [`record`] what follows once
//! the octets fitted.
//!
//! Tie-breaks. What the request's method or the status forbids is not sent, though the application has it; the field that
//! says how much there would have been is (RFC 9110 8.6). Unread content of a known length is weighed here, since here `close`
//! can still be said; of an unknown length it is read until it has become too much.
//!
//! `inline(always)` in the files of heads and in `deadlines` buys 68 instructions of `exchange tiny` (910) and 81 of `client-exchange` (1008;
//! benches, `count`).

use crate::config::{KeepAliveField, Server, Settings};
use crate::error::{Misuse, SendError};
use crate::lifecycle::content_use::ContentUse;
use crate::lifecycle::persistence::{Causes, CloseReason, TunnelReason};
use crate::lifecycle::state::{AnsweredMethod, BodyEnd, ConnectionState, Ended, Receiving, RequestFacts, Sending};
use crate::message::announcement::{Announce, ConnectionOptions, Content, FramingField};
use crate::message::framing::BodyLength;
use crate::message::keep_alive::KeepAlive;
use crate::message::response::Response;
use crate::status::StatusCode;
use crate::time::Instant;

/// A response head that may be sent, and what follows from sending it.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) options: ConnectionOptions,
    pub(crate) framing: FramingField,
    pub(crate) sends: Sends,
    /// The `Keep-Alive` field that goes with it.
    pub(crate) hint: Option<KeepAlive>,
    /// It ends HTTP on this connection.
    tunnel: Option<TunnelReason>,
    /// The application has content, but none may be sent.
    is_suppressed: bool,
    causes: Causes,
}

/// How the content that is really sent is framed; the length is that of the field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sends {
    Nothing,
    Exact,
    Chunked,
    UntilClose,
}

impl Plan {
    /// Content of a length that is known is sent.
    #[inline]
    pub(crate) fn sends_content(&self) -> bool {
        self.sends == Sends::Exact
    }

    pub(crate) fn announce(&self) -> Announce {
        let length = match (self.sends, self.framing) {
            (Sends::Exact, FramingField::ContentLength(octets)) => BodyLength::Exact(octets),
            (Sends::Nothing | Sends::Exact, _) => BodyLength::Empty,
            (Sends::Chunked, _) => BodyLength::Chunked,
            (Sends::UntilClose, _) => BodyLength::UntilClose,
        };
        Announce { options: self.options, keep_alive: self.hint, bare_keep_alive: None, framing: self.framing, length }
    }
}

/// The `Keep-Alive` field: how long a client may count on the connection when it is idle, and how many exchanges are left; `None`: nothing is
/// known of either. No time of less than a second is said: clients take `timeout=0` for "not again".
#[cold]
#[inline(never)]
fn hint(state: &ConnectionState<Server>, settings: &Settings, now: Instant) -> Option<KeepAlive> {
    let left = state.promises_end_at(settings).saturating_duration_since(now);
    let told = settings.timeouts.idle_advertised.map(|told| told.min(left));
    let seconds = told.map(|told| u32::try_from(told.as_secs()).unwrap_or(u32::MAX));
    let timeout = seconds.filter(|&seconds| seconds > 0);
    let max = state.most_exchanges(settings).map(|most| most.saturating_sub(state.lifetime.exchanges));
    (timeout.is_some() || max.is_some()).then_some(KeepAlive { timeout, max })
}

/// What a final response must say, if it may be sent at all. `request` is what is known of its request; `unread`: octets of the peer that
/// are unread in a buffer.
#[inline(always)]
pub(crate) fn judge(
    state: &ConnectionState<Server>,
    request: RequestFacts,
    settings: &Settings,
    now: Instant,
    response: &Response<'_>,
    content: Content,
    unread: u64,
) -> Result<Plan, SendError> {
    let status = response.status;
    state.check_open()?;
    let refusing = state.owes_refusal();
    if !refusing && matches!(state.receive.half(), Receiving::Idle | Receiving::Head) {
        return Err(Misuse::NothingToAnswer.into());
    }
    if !state.send.is_idle() {
        return Err(state.already_answered());
    }
    let switches = status == StatusCode::SWITCHING_PROTOCOLS;
    if !status.is_valid() || (status.is_interim() && !switches) {
        return Err(Misuse::Status.into());
    }
    if switches && state.role.is_empty() {
        return Err(Misuse::UpgradeNotOffered.into());
    }
    response.check_line()?;
    if switches && response.is_http10() {
        return Err(Misuse::StatusLine.into());
    }
    let is_http10 = state.send.peer_is_http10 || response.is_http10();
    let connects = request.method == AnsweredMethod::Connect && status.is_successful();
    let tunnel = match (switches, connects) {
        (true, _) => Some(TunnelReason::Upgrade),
        (false, true) => Some(TunnelReason::Connect),
        (false, false) => None,
    };
    if tunnel.is_some() && state.receive.half() != Receiving::Complete {
        return Err(Misuse::UpgradeTooEarly.into());
    }
    let mut causes = state.lifetime.causes;
    if response.close {
        causes.add(CloseReason::CloseSent);
    }
    let (framing, sends) = frame_response(state, request.method, status, content, connects, is_http10);
    if sends == Sends::UntilClose {
        causes.add(CloseReason::UntilClose);
    }
    let octets = if let (Sends::Exact, FramingField::ContentLength(octets)) = (sends, framing) { octets } else { 0 };
    if state.receive.has_ended() {
        end_with_peer(unread, &mut causes);
    }
    state.lifetime_causes(settings, now, octets, &mut causes);
    late_causes(state, request.method, settings, status, unread, (sends, octets), &mut causes);
    let is_suppressed = sends == Sends::Nothing && !matches!(content, Content::Empty | Content::Exact(0));
    let (options, hint) = match tunnel {
        Some(_) => (ConnectionOptions { upgrade: switches, ..ConnectionOptions::default() }, None),
        None => options(state, is_http10, request.keep_alive, settings, now, &causes),
    };
    Ok(Plan { options, framing, sends, hint, tunnel, is_suppressed, causes })
}

/// The peer has closed its side, and no octets of its are left to be looked at.
#[cold]
#[inline(never)]
fn end_with_peer(unread: u64, causes: &mut Causes) {
    if unread == 0 {
        causes.add(CloseReason::PeerClosed);
    }
}

/// Which field frames the content, and how what is really sent is framed (RFC 9110 8.6, RFC 9112 6.1).
#[inline(always)]
fn frame_response(
    state: &ConnectionState<Server>,
    method: AnsweredMethod,
    status: StatusCode,
    content: Content,
    connects: bool,
    is_http10: bool,
) -> (FramingField, Sends) {
    if connects || (status.has_no_content() && status != StatusCode::NOT_MODIFIED) {
        return (FramingField::None, Sends::Nothing);
    }
    if status == StatusCode::RESET_CONTENT {
        return (FramingField::ContentLength(0), Sends::Nothing);
    }
    if method == AnsweredMethod::Head || status == StatusCode::NOT_MODIFIED {
        let field = match content {
            Content::Exact(octets) => FramingField::ContentLength(octets),
            _ => FramingField::None,
        };
        return (field, Sends::Nothing);
    }
    match content {
        Content::Empty => (FramingField::ContentLength(0), Sends::Nothing),
        Content::Exact(octets) => (FramingField::ContentLength(octets), Sends::Exact),
        // what an HTTP/1.0 client sees must end by closing (RFC 9112 6.1); so must the answer to a head never understood
        Content::Unknown if !is_http10 && !state.owes_refusal() => (FramingField::Chunked, Sends::Chunked),
        Content::Unknown | Content::UntilClose => (FramingField::None, Sends::UntilClose),
    }
}

/// Causes to close that lie in what of the request is still to come.
#[inline(always)]
fn late_causes(
    state: &ConnectionState<Server>,
    method: AnsweredMethod,
    settings: &Settings,
    status: StatusCode,
    unread: u64,
    content: (Sends, u64),
    causes: &mut Causes,
) {
    // where a refusal is due what came is dropped
    let tunnels = method == AnsweredMethod::Connect && unread > 0 && !state.owes_refusal();
    if tunnels && !status.is_successful() {
        causes.add(CloseReason::ConnectRefused);
    }
    if state.receive.half() == Receiving::Content {
        // whether the client, which still waits, sends its content now, nobody knows
        let said = state.receive.content_use;
        let unwanted = state.send.request.awaits_continue && said != ContentUse::Reading;
        if unwanted && !settings.policy.read_unwanted_content.is_on() {
            causes.add(CloseReason::ContentUnwanted);
        }
        let most = settings.limits.unread_octets.unwrap_or(u64::MAX);
        // what is paused counts as dropped once the response is complete, which this one is with its head
        let is_read = said == ContentUse::Reading
            || (said == ContentUse::Paused && !matches!(content, (Sends::Nothing, _) | (Sends::Exact, 0)));
        if !is_read && state.receive.end == BodyEnd::Exact && state.receive.remaining > most.max(unread) {
            causes.add(CloseReason::UnreadContent);
        }
    }
}

/// The connection options to send, and the `Keep-Alive` field that goes with them.
#[inline(always)]
fn options(
    state: &ConnectionState<Server>,
    is_http10: bool,
    asked: bool,
    settings: &Settings,
    now: Instant,
    causes: &Causes,
) -> (ConnectionOptions, Option<KeepAlive>) {
    let mut options = ConnectionOptions::default();
    if !causes.is_empty() {
        options.close = true;
        return (options, None);
    }
    let wanted = match settings.policy.keep_alive_field {
        KeepAliveField::Never => false,
        KeepAliveField::OnOption => asked,
        KeepAliveField::Always => true,
    };
    let hint = if wanted { hint(state, settings, now) } else { None };
    // an HTTP/1.0 client knows of persistence only if it is told (RFC 9112 9.3)
    options.keep_alive = is_http10 || hint.is_some();
    (options, hint)
}

/// The response judged was handed out.
#[inline(always)]
pub(crate) fn record(state: &mut ConnectionState<Server>, settings: &Settings, now: Instant, plan: &Plan) {
    state.lifetime.causes = plan.causes;
    let ended = if plan.is_suppressed { Ended::WithHead } else { Ended::ByLength };
    if let Some(reason) = plan.tunnel {
        if plan.is_suppressed {
            state.send.ended = ended;
        }
        return state.lifetime.hand_over(reason);
    }
    let (end, octets) = match (plan.sends, plan.framing) {
        (Sends::Exact, FramingField::ContentLength(octets)) => (BodyEnd::Exact, octets),
        (Sends::Nothing | Sends::Exact, _) => (BodyEnd::Exact, 0),
        (Sends::Chunked, _) => (BodyEnd::Chunked, 0),
        (Sends::UntilClose, _) => (BodyEnd::UntilClose, 0),
    };
    state.send.begin_content(end, octets);
    if end == BodyEnd::Exact && octets == 0 {
        state.send.ended = ended;
        state.end_sent(now, settings);
    }
}

/// May an interim response be sent (RFC 9110 15.2)? `false`: it would say nothing, for it is a 100 that nobody waits for, or no longer:
/// content has come (RFC 9110 10.1.1).
pub(crate) fn judge_interim(state: &ConnectionState<Server>, status: StatusCode) -> Result<bool, SendError> {
    state.check_open()?;
    if state.owes_refusal() {
        return Err(SendError::Ended(state.close_reason()));
    }
    if matches!(state.receive.half(), Receiving::Idle | Receiving::Head) {
        return Err(Misuse::NothingToAnswer.into());
    }
    if state.send.half() != Sending::Idle {
        return Err(state.already_answered());
    }
    if state.send.peer_is_http10 {
        return Err(Misuse::InterimToHttp10.into());
    }
    if !status.is_interim() || status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Misuse::Status.into());
    }
    Ok(status != StatusCode::CONTINUE || state.send.request.awaits_continue)
}

/// The interim response judged was handed out.
pub(crate) fn record_interim(state: &mut ConnectionState<Server>, status: StatusCode) {
    if status == StatusCode::CONTINUE {
        state.send.request.awaits_continue = false;
        // the peer begins to send now
        state.receive.began = state.latest;
        state.receive.progress_at = state.latest;
    }
}
