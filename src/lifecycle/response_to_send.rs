//! What a response's head must announce about the connection: may it be sent, what does it say, what follows from it.
//!
//! Read first: RFC 9110 8.6, 15.2, 15.3.6 (which responses have content), RFC 9112 6.1, 6.3 (how it is framed), 9.3, 9.6 (`close` is
//! announced whenever we will close). A [`Plan`] is made from facts alone and moves nothing; it is committed once the octets
//! fitted.
//!
//! Tie-breaks. What the request's method or the status forbids is not sent, though the application has it; the field that
//! says how much there would have been is (RFC 9110 8.6). Unread content of a known length is weighed here, since here `close`
//! can still be said; of an unknown length it is read until it has become too much.

use crate::config::{KeepAliveField, Settings};
use crate::error::{Misuse, SendError};
use crate::lifecycle::persistence::{Causes, CloseReason};
use crate::lifecycle::state::{Counted, Half, Machine, flag};
use crate::lifecycle::teardown::Stage;
use crate::message::announcement::{Announce, ConnectionOptions, Content, FramingField};
use crate::message::framing::BodyLength;
use crate::message::keep_alive::KeepAlive;
use crate::status::StatusCode;
use crate::time::Instant;

/// A response head that may be sent, and what follows from sending it.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) options: ConnectionOptions,
    pub(crate) framing: FramingField,
    pub(crate) sends: Sends,
    /// A `Keep-Alive` field goes with it.
    hints: bool,
    pub(crate) is_tunnel: bool,
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
    pub(crate) fn announce(&self, machine: &Machine, settings: &Settings) -> Announce {
        let length = match (self.sends, self.framing) {
            (Sends::Exact, FramingField::ContentLength(octets)) => BodyLength::Exact(octets),
            (Sends::Nothing | Sends::Exact, _) => BodyLength::Empty,
            (Sends::Chunked, _) => BodyLength::Chunked,
            (Sends::UntilClose, _) => BodyLength::UntilClose,
        };
        Announce { options: self.options, keep_alive: self.hint(machine, settings), framing: self.framing, length }
    }

    /// The `Keep-Alive` field: how long we advertise to wait, and how many exchanges are left.
    #[inline]
    pub(crate) fn hint(&self, machine: &Machine, settings: &Settings) -> Option<KeepAlive> {
        if !self.hints {
            return None;
        }
        let timeout = settings.timeouts.idle_advertised.map(|idle| u32::try_from(idle.as_secs()).unwrap_or(u32::MAX));
        let max = machine.most_exchanges(settings).map(|most| most.saturating_sub(machine.exchanges));
        Some(KeepAlive { timeout, max })
    }
}

/// What a final response must say, if it may be sent at all. `ahead`: octets of the peer that lie unread in a buffer.
#[inline(always)]
pub(crate) fn plan_response(
    machine: &Machine,
    settings: &Settings,
    now: Instant,
    status: StatusCode,
    content: Content,
    ahead: u64,
) -> Result<Plan, SendError> {
    let refusing = machine.is(flag::REFUSING);
    machine.check_open()?;
    if !refusing && matches!(machine.receiving, Half::Idle | Half::Head) {
        return Err(Misuse::NothingToAnswer.into());
    }
    if machine.sending != Half::Idle {
        return Err(Misuse::AlreadyAnswered.into());
    }
    let switches = status == StatusCode::SWITCHING_PROTOCOLS;
    if !status.is_valid() || (status.is_interim() && !switches) {
        return Err(Misuse::Status.into());
    }
    if switches && !machine.is(flag::UPGRADE) {
        return Err(Misuse::UpgradeNotOffered.into());
    }
    let connects = machine.is(flag::CONNECT) && status.is_successful();
    if (switches || connects) && machine.receiving != Half::Complete {
        return Err(Misuse::UpgradeTooEarly.into());
    }
    let mut causes = machine.causes;
    let (framing, sends) = frame_response(machine, status, content, connects);
    if sends == Sends::UntilClose {
        causes.add(CloseReason::UntilClose);
    }
    let octets = if let (Sends::Exact, FramingField::ContentLength(octets)) = (sends, framing) { octets } else { 0 };
    if machine.is(flag::EOF) && ahead == 0 {
        causes.add(CloseReason::PeerClosed);
    }
    machine.life_causes(settings, now, octets, &mut causes);
    late_causes(machine, settings, status, ahead, &mut causes);
    let is_tunnel = switches || connects;
    // 0 octets, though the application has some
    let is_suppressed = sends == Sends::Nothing && !matches!(content, Content::Empty | Content::Exact(0));
    let (options, hints) = match is_tunnel {
        true => (ConnectionOptions { upgrade: switches, ..ConnectionOptions::default() }, false),
        false => options(machine, settings, &causes),
    };
    Ok(Plan { options, framing, sends, hints, is_tunnel, is_suppressed, causes })
}

/// Which field frames the content, and how what is really sent is framed (RFC 9110 8.6, RFC 9112 6.1).
#[inline(always)]
fn frame_response(machine: &Machine, status: StatusCode, content: Content, connects: bool) -> (FramingField, Sends) {
    if connects || (status.has_no_content() && status != StatusCode::NOT_MODIFIED) {
        return (FramingField::None, Sends::Nothing);
    }
    if status == StatusCode::RESET_CONTENT {
        return (FramingField::ContentLength(0), Sends::Nothing);
    }
    if machine.is(flag::HEAD) || status == StatusCode::NOT_MODIFIED {
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
        Content::Unknown if !machine.is(flag::HTTP10) && !machine.is(flag::REFUSING) => {
            (FramingField::Chunked, Sends::Chunked)
        }
        Content::Unknown | Content::UntilClose => (FramingField::None, Sends::UntilClose),
    }
}

/// Causes to close that lie in what of the request is still to come.
#[inline(always)]
fn late_causes(machine: &Machine, settings: &Settings, status: StatusCode, ahead: u64, causes: &mut Causes) {
    if machine.is(flag::CONNECT) && !status.is_successful() && ahead > 0 {
        causes.add(CloseReason::ConnectRefused);
    }
    if machine.receiving == Half::Content {
        // whether the client, which still waits, sends its content now, nobody knows
        let unwanted = machine.is(flag::CONTINUE);
        if unwanted && !settings.policy.read_unwanted_content.is_on() {
            causes.add(CloseReason::ContentUnwanted);
        }
        let most = settings.limits.unread_octets.unwrap_or(u64::MAX);
        if machine.receive_by == Counted::Exact && machine.to_receive > most.max(ahead) {
            causes.add(CloseReason::UnreadContent);
        }
    }
}

/// The connection options to send, and whether a `Keep-Alive` field goes with them.
#[inline(always)]
fn options(machine: &Machine, settings: &Settings, causes: &Causes) -> (ConnectionOptions, bool) {
    let mut options = ConnectionOptions::default();
    if !causes.is_empty() {
        options.close = true;
        return (options, false);
    }
    let wanted = match settings.policy.keep_alive_field {
        KeepAliveField::Never => false,
        KeepAliveField::OnOption => machine.is(flag::KEEP_ALIVE),
        KeepAliveField::Always => true,
    };
    let known = settings.timeouts.idle_advertised.is_some() || settings.limits.max_exchanges.is_some();
    let hints = wanted && known;
    // an HTTP/1.0 client knows of persistence only if it is told (RFC 9112 9.3)
    options.keep_alive = machine.is(flag::HTTP10) || hints;
    (options, hints)
}

/// The response planned was handed out.
#[inline(always)]
pub(crate) fn commit_response(machine: &mut Machine, now: Instant, plan: &Plan) {
    machine.causes = plan.causes;
    machine.flags &= !flag::REFUSING;
    if plan.is_suppressed {
        machine.flags |= flag::SUPPRESSED;
    }
    if plan.is_tunnel {
        if plan.options.upgrade {
            machine.flags &= !flag::CONNECT;
        }
        machine.stage = Stage::Tunnel;
        return;
    }
    let octets = match (plan.sends, plan.framing) {
        (Sends::Exact, FramingField::ContentLength(octets)) => octets,
        _ => 0,
    };
    machine.send_by = match plan.sends {
        Sends::Nothing | Sends::Exact => Counted::Exact,
        Sends::Chunked => Counted::Chunked,
        Sends::UntilClose => Counted::UntilClose,
    };
    machine.to_send = octets;
    if machine.send_by == Counted::Exact && octets == 0 {
        machine.flags |= flag::ENDED;
        machine.end_sent(now);
    } else {
        machine.sending = Half::Content;
    }
}

/// May an interim response be sent (RFC 9110 15.2)? `false`: it would say nothing, for it is a 100 that nobody waits for, or no longer:
/// content has come (RFC 9110 10.1.1).
pub(crate) fn check_interim(machine: &Machine, status: StatusCode) -> Result<bool, SendError> {
    machine.check_open()?;
    if machine.is(flag::REFUSING) {
        return Err(SendError::Ended(machine.close_reason()));
    }
    if matches!(machine.receiving, Half::Idle | Half::Head) {
        return Err(Misuse::NothingToAnswer.into());
    }
    if machine.sending != Half::Idle {
        return Err(Misuse::AlreadyAnswered.into());
    }
    if machine.is(flag::HTTP10) {
        return Err(Misuse::InterimToHttp10.into());
    }
    if !status.is_interim() || status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Misuse::Status.into());
    }
    Ok(status != StatusCode::CONTINUE || machine.is(flag::CONTINUE))
}

pub(crate) fn commit_interim(machine: &mut Machine, status: StatusCode) {
    if status == StatusCode::CONTINUE {
        machine.flags &= !flag::CONTINUE;
        // the peer begins to send now
        machine.begun = machine.latest;
        machine.last = machine.latest;
    }
}
