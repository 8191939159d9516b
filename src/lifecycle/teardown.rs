//! Closing in stages, and draining (RFC 9112 9.5, 9.6).
//!
//! **Stages.** `Open → Finishing → HalfClosed → CloseDue → Closed`. While `Finishing`, what was handed out is being sent; then our side is
//! shut, and what the peer still sends is dropped within octets, total time and gap, because a close with unread input makes TCP reset the
//! connection and destroy the answer on its way. Where the peer has closed its side there is nothing of the kind to lose, and the close
//! follows at once. A reset is advised for a peer that does not read, and where our own until-close content was cut, so that it can not
//! pass for complete.
//!
//! | what ends the connection | function | first stage |
//! | --- | --- | --- |
//! | an exchange that is over, with a cause to close; the peer's close | `close_in_stages` | `Finishing` |
//! | an idle time, an exchange that took too long before its response, a refusal of which no status goes out | `close_once_sent` | `CloseDue`, or `Finishing` while octets wait or have left lately |
//! | anything that ends a client's connection | `close_at_once` | `CloseDue` |
//! | the same where all requests were answered and none refused | `close_once_left` | `Finishing` while octets wait, then the close |
//! | an abort or a deadline within a message | `cut` | `CloseDue`, or `ResetDue` where cut content would pass for complete |
//! | a peer that does not read | `reset` | `ResetDue` |
//! | a failure of the transport | `transport_failed` | `CloseDue` |
//! | a write that failed | [`write_failed`](crate::lifecycle::write_failure) | none, or `HalfClosed`, or `CloseDue` |
//!
//! **Draining** asks for the end without cutting anything: a busy connection ends with its exchange, whose response says so. A fresh one and
//! an idle one end at once, the idle one not within the shield after its last exchange; or both stay for a window in which a request that
//! was on its way is answered, with `close`. As a lame duck (`drain_mode`) they stay by their own timeouts, and each is served, with `close`.
//! A hard deadline ends it in any state.

use crate::config::nanos::Span;
use crate::config::{HalfClose, Settings};
use crate::lifecycle::deadline::DeadlineKind;
use crate::lifecycle::persistence::CloseReason;
use crate::lifecycle::role::LifecycleRole;
use crate::lifecycle::state::{BodyEnd, ConnectionState, Ended, Receiving, Sending, Stage};
use crate::time::Instant;

impl<R: LifecycleRole> ConnectionState<R> {
    /// Sends what was handed out, then closes in stages. A teardown never goes back.
    pub(crate) fn close_in_stages(&mut self) {
        if self.send.has_failed() {
            self.shut_by_failure();
        } else if matches!(self.lifetime.stage(), Stage::Open | Stage::Finishing) {
            self.lifetime.begin_finishing();
        }
    }

    /// Closes where nothing can be lost but what was handed out, or has left a short time ago.
    pub(crate) fn close_once_sent(&mut self, now: Instant, settings: &Settings) {
        if self.send.unsent > 0 || self.sent_lately(now, settings) {
            self.close_in_stages();
        } else if matches!(self.lifetime.stage(), Stage::Open | Stage::Finishing) {
            self.lifetime.owe_close();
        }
    }

    /// Octets of ours left less than `linger_gap` ago (or `linger`, where that is off): whether the peer has them is not known, and a close
    /// that meets octets of the peer would destroy them.
    fn sent_lately(&self, now: Instant, settings: &Settings) -> bool {
        self.lifetime.exchanges > 0 && self.moved_lately(now, settings)
    }

    /// The same of a connection that may have sent nothing so far.
    pub(crate) fn moved_lately(&self, now: Instant, settings: &Settings) -> bool {
        let spans = &settings.spans;
        let span = if spans.linger_gap == Span::NEVER { spans.linger } else { spans.linger_gap };
        span != Span::NEVER && !span.is_over(self.send.still_since, now)
    }

    /// Ends the connection of a client, which has nothing to lose: what it was told has been read, or will not come.
    pub(crate) fn close_at_once(&mut self) {
        if self.send.half() == Sending::Content {
            self.stop_sending();
        }
        if matches!(self.lifetime.stage(), Stage::Open | Stage::Finishing) {
            self.lifetime.owe_close();
        }
    }

    /// The same where all was answered: octets of a request that nobody refused may still be on their way out, and leave first. `handed_out`:
    /// the last of them were handed out with this, and may still be to be told.
    pub(crate) fn close_once_left(&mut self, handed_out: bool) {
        let leaves =
            (self.send.unsent > 0 || handed_out) && self.send.half() != Sending::Content && self.send.is_whole();
        if leaves && self.lifetime.is_open() && self.is_between_exchanges() {
            self.lifetime.begin_finishing();
        } else {
            self.close_at_once();
        }
    }

    /// The application's content that has not been handed out is not wanted.
    pub(crate) fn stop_sending(&mut self) {
        self.send.complete();
        self.send.ended = Ended::GivenUp;
        self.send.request.awaits_continue = false;
    }

    /// Octets came to a client that answer no request of its (RFC 9112 9.2).
    pub(crate) fn unsolicited(&mut self, now: Instant) {
        self.tick(now);
        self.lifetime.causes.end_by(CloseReason::Unsolicited);
        self.close_at_once();
    }

    /// Cuts the connection; a message being sent must not look complete.
    pub(crate) fn cut(&mut self, reason: CloseReason) {
        self.lifetime.causes.end_by(reason);
        let unsent = self.send.half() == Sending::Content || self.send.unsent > 0;
        if unsent && self.send.end == BodyEnd::UntilClose {
            self.lifetime.owe_reset();
        } else {
            self.lifetime.owe_close();
        }
    }

    /// Resets the connection of a peer that does not read.
    pub(crate) fn reset(&mut self, reason: CloseReason) {
        self.lifetime.causes.end_by(reason);
        self.lifetime.owe_reset();
    }

    /// The peer closed its side after ours was shut, or while the last octets leave.
    pub(crate) fn peer_closed_after_us(&mut self) {
        if self.lifetime.stage() == Stage::HalfClosed {
            self.lifetime.owe_close();
        }
    }

    /// The half-close or close asked for is done.
    pub(crate) fn shut_done(&mut self, now: Instant) {
        let now = self.tick(now);
        match self.lifetime.stage() {
            Stage::Finishing if self.send.unsent > 0 => {}
            Stage::Finishing if self.receive.has_ended() || R::IS_CLIENT => self.lifetime.closed(),
            Stage::Finishing => {
                self.begin_part(now);
                self.lifetime.half_closed();
            }
            Stage::CloseDue | Stage::ResetDue => self.lifetime.closed(),
            Stage::Open | Stage::HalfClosed | Stage::Closed | Stage::Tunnel(_) => {}
        }
    }

    /// Octets came that nobody reads.
    pub(crate) fn octets_dropped(&mut self, now: Instant, settings: &Settings, octets: u64) {
        let now = self.tick(now);
        if self.lifetime.stage() == Stage::HalfClosed && octets > 0 {
            self.receive.progress_at = now;
            self.receive.octets = self.receive.octets.saturating_add(octets);
            if settings.limits.linger_octets.is_some_and(|most| self.receive.octets > most) {
                self.lifetime.owe_close();
            }
        }
    }

    /// Content came, `octets` of it, that is read only to keep the connection. More than that is worth: its end. An exact length was
    /// weighed when the response was sent.
    pub(crate) fn content_dropped(&mut self, now: Instant, octets: u64) {
        if self.receive.end == BodyEnd::Exact {
            return;
        }
        match self.receive.remaining.checked_sub(octets) {
            Some(remaining) => self.receive.remaining = remaining,
            None if self.receive.half() == Receiving::Content => self.give_up_content(now),
            None => {}
        }
    }

    /// A graceful close is asked for.
    pub(crate) fn drain(&mut self, now: Instant, settings: &Settings) {
        let now = self.tick(now);
        if self.lifetime.drain_began().is_some() || matches!(self.lifetime.stage(), Stage::Closed | Stage::Tunnel(_)) {
            return;
        }
        self.lifetime.begin_drain(now);
        if self.is_between_exchanges() {
            // a drain ends it by other rules
            self.lifetime.passed = None;
        }
        if R::IS_CLIENT {
            if self.is_between_exchanges() {
                self.close_once_left(false);
            }
        } else if self.lifetime.is_open()
            && self.is_between_exchanges()
            && self.send.unsent == 0
            && self.may_end_idle(settings, now)
        {
            self.lifetime.passed = Some(DeadlineKind::DrainWindow);
            self.grace.unanswered = 0;
        }
    }

    /// The peer has closed its side. By policy it is taken to have gone, and what it asked for is not answered.
    pub(crate) fn half_closed_by_peer(&mut self, settings: &Settings) {
        let waits = self.lifetime.is_open() && !self.is_between_exchanges() && !R::IS_CLIENT;
        if waits && settings.policy.half_close == HalfClose::Abort {
            self.cut(CloseReason::PeerClosed);
        }
    }

    pub(crate) fn abort(&mut self, now: Instant, reason: CloseReason) {
        self.tick(now);
        if matches!(self.lifetime.stage(), Stage::CloseDue | Stage::ResetDue | Stage::Closed | Stage::Tunnel(_)) {
            return;
        }
        // what is cut matters more than who asked for it
        let content = reason == CloseReason::Aborted && self.send.half() == Sending::Content;
        self.cut(if content { CloseReason::ContentAborted } else { reason });
    }

    /// The transport is gone.
    pub(crate) fn transport_failed(&mut self, now: Instant) {
        self.tick(now);
        if matches!(self.lifetime.stage(), Stage::Closed | Stage::Tunnel(_)) {
            return;
        }
        if matches!(self.lifetime.stage(), Stage::CloseDue | Stage::ResetDue) {
            // the end is decided, for another reason
            self.lifetime.causes.add(CloseReason::TransportFailed);
        } else {
            self.lifetime.causes.end_by(CloseReason::TransportFailed);
        }
        if !R::IS_CLIENT {
            // what of its requests never left is evidence for a client
            self.send.unsent = 0;
        }
        if self.lifetime.stage() != Stage::ResetDue {
            self.lifetime.owe_close();
        }
    }
}
