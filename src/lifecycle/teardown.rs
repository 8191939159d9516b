//! Closing in stages, and draining (RFC 9112 9.5, 9.6).
//!
//! **Stages.** `Open → Finishing → HalfClosed → CloseDue → Closed`. While `Finishing`, what was handed out is being sent; then
//! our side is shut, and what the peer still sends is discarded within octets, total time and gap, because a close with
//! unread input makes TCP reset the connection and destroy the answer on its way. Where the peer has closed its side there
//! is nothing of the kind to lose, and the close follows at once. A reset is advised for a peer that does not read, and where
//! our own until-close content was cut, so that it can not pass for complete.
//!
//! **Draining** asks for the end without cutting anything: a busy connection ends with its exchange, whose response says so. A fresh
//! one and an idle one end at once, the idle one not within the shield after its last exchange; or both stay for a window in
//! which a request that was on its way is answered, with `close`. A hard deadline ends it in any state.

use crate::config::{HalfClose, IdleClose, Settings};
use crate::error::ProtocolErrorKind;
use crate::lifecycle::persistence::CloseReason;
use crate::lifecycle::state::{Counted, Half, Machine, flag};
use crate::time::Instant;

/// How far the connection is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// HTTP is spoken.
    Open,
    /// The last octets are being sent; nothing is read as HTTP any more.
    Finishing,
    /// Our side is shut; what comes is discarded.
    HalfClosed,
    /// The transport is to be closed.
    CloseDue,
    /// The transport is to be reset.
    ResetDue,
    /// It is.
    Closed,
    /// Handed over to another protocol.
    Tunnel,
}

impl Machine {
    /// Sends what was handed out, then closes in stages.
    pub(crate) fn finish(&mut self, now: Instant) {
        // a teardown never goes back
        if !matches!(self.stage, Stage::Open | Stage::Finishing) {
            return;
        }
        self.stage = Stage::Finishing;
        self.begun = now;
    }

    /// Closes where nothing can be lost.
    pub(crate) fn close(&mut self, now: Instant) {
        if self.pending > 0 {
            self.finish(now);
        } else if matches!(self.stage, Stage::Open | Stage::Finishing) {
            self.stage = Stage::CloseDue;
        }
    }

    /// Ends the connection of a client that has nothing to lose: what it was told has been read, or will not come.
    pub(crate) fn end(&mut self) {
        if self.sending == Half::Content {
            self.give_up_content();
        }
        if matches!(self.stage, Stage::Open | Stage::Finishing) {
            self.stage = Stage::CloseDue;
        }
    }

    /// What the application still holds of the message being sent is not wanted.
    pub(crate) fn give_up_content(&mut self) {
        self.sending = Half::Complete;
        self.flags |= flag::GIVEN_UP;
    }

    /// Octets came to a client that answer no request of its (RFC 9112 9.2).
    pub(crate) fn unsolicited(&mut self, now: Instant) {
        self.tick(now);
        self.causes.add(CloseReason::Unsolicited);
        self.end();
    }

    /// Cuts the connection; a message being sent must not look complete.
    pub(crate) fn cut(&mut self) {
        let unsent = self.sending == Half::Content || self.pending > 0;
        let until_close = unsent && self.send_by == Counted::UntilClose;
        self.stage = if until_close { Stage::ResetDue } else { Stage::CloseDue };
    }

    /// The peer closed its side after ours was shut, or while the last octets leave.
    pub(crate) fn peer_gone(&mut self, now: Instant) {
        match self.stage {
            Stage::HalfClosed => self.stage = Stage::CloseDue,
            _ => self.latest = self.latest.max(now),
        }
    }

    /// The half-close or close asked for is done.
    pub(crate) fn shut(&mut self, now: Instant) {
        let now = self.tick(now);
        self.stage = match self.stage {
            Stage::Finishing if self.pending > 0 => Stage::Finishing,
            Stage::Finishing if self.is(flag::EOF) => Stage::Closed,
            Stage::Finishing => {
                self.begun = now;
                self.last = now;
                self.octets = 0;
                Stage::HalfClosed
            }
            Stage::CloseDue | Stage::ResetDue => Stage::Closed,
            stage => stage,
        };
    }

    /// Octets came that are read by nobody.
    pub(crate) fn discarded(&mut self, now: Instant, settings: &Settings, octets: u64) {
        let now = self.tick(now);
        if self.stage == Stage::HalfClosed && octets > 0 {
            self.last = now;
            self.octets = self.octets.saturating_add(octets);
            if settings.limits.linger_octets.is_some_and(|most| self.octets > most) {
                self.stage = Stage::CloseDue;
            }
        }
    }

    /// Content came that is read only to keep the connection. More than that is worth: its end.
    pub(crate) fn unread_content(&mut self, now: Instant, settings: &Settings) {
        let most = settings.limits.unread_octets.unwrap_or(u64::MAX);
        // an exact length was weighed when the response was sent; else the octets that came before are noted
        let unread = self.octets.saturating_sub(self.to_receive);
        if self.receive_by != Counted::Exact && unread > most && self.receiving == Half::Content {
            self.causes.add(CloseReason::UnreadContent);
            self.receiving = Half::Complete;
            self.finish(now);
        }
    }

    /// A graceful close is asked for.
    pub(crate) fn drain(&mut self, now: Instant, settings: &Settings) {
        let now = self.tick(now);
        if self.is(flag::DRAINING) || matches!(self.stage, Stage::Closed | Stage::Tunnel) {
            return;
        }
        self.flags |= flag::DRAINING;
        self.life = now;
        self.causes.add(CloseReason::Drain);
        if self.is(flag::CLIENT) {
            if self.between_exchanges() {
                self.end();
            }
        } else if self.stage == Stage::Open
            && self.between_exchanges()
            && self.pending == 0
            && self.may_end_idle(settings, now)
        {
            self.looking = Some(CloseReason::Drain);
        }
    }

    /// The peer has closed its side. By policy it is taken to have gone, and what it asked for is not answered.
    pub(crate) fn half_closed(&mut self, settings: &Settings) {
        let waits = self.stage == Stage::Open && !self.between_exchanges() && !self.is(flag::CLIENT);
        if waits && settings.policy.half_close == HalfClose::Abort {
            self.causes.add(CloseReason::PeerClosed);
            self.cut();
        }
    }

    pub(crate) fn abort(&mut self, now: Instant, reason: CloseReason) {
        self.tick(now);
        if matches!(self.stage, Stage::ResetDue | Stage::Closed | Stage::Tunnel) {
            return;
        }
        // what is cut matters more than who asked for it
        let content = reason == CloseReason::Aborted && self.sending == Half::Content;
        self.causes.add(if content { CloseReason::ContentAborted } else { reason });
        self.cut();
    }

    /// The transport is gone.
    pub(crate) fn transport_failed(&mut self, now: Instant) {
        self.tick(now);
        if matches!(self.stage, Stage::Closed | Stage::Tunnel) {
            return;
        }
        self.causes.add(CloseReason::TransportFailed);
        if !self.is(flag::CLIENT) {
            // what of its requests never left is evidence for a client
            self.pending = 0;
        }
        if self.stage != Stage::ResetDue {
            self.stage = Stage::CloseDue;
        }
    }

    /// The look that an idle deadline asked for found nothing.
    pub(crate) fn nothing_to_read(&mut self, now: Instant, settings: &Settings) {
        let now = self.tick(now);
        if let Some(reason) = self.looking.take() {
            self.causes.add(reason);
            match settings.policy.idle_close {
                IdleClose::AtOnce => self.close(now),
                IdleClose::Staged => self.finish(now),
            }
        }
    }

    /// Why a refusal goes out, for people.
    pub(crate) fn refusal_reason(&self) -> (&'static str, &'static str) {
        match (self.fault, self.causes.first()) {
            (Some(fault), _) => (fault.as_str(), fault.clause()),
            (None, Some(cause)) => (cause.as_str(), cause.clause()),
            (None, None) => (ProtocolErrorKind::NotHttp.as_str(), ProtocolErrorKind::NotHttp.clause()),
        }
    }
}
