//! A response is complete: its request leaves the queue, the next one's clocks begin, or the connection ends with it.

use crate::config::Client;
use crate::lifecycle::content_use::ContentUse;
use crate::lifecycle::persistence::CloseReason;
use crate::lifecycle::pipeline::{Answer, Interim};
use crate::lifecycle::state::{ConnectionState, Receiving, Sending};
use crate::time::Instant;

impl<const DEPTH: usize> ConnectionState<Client<DEPTH>> {
    /// The first request may have been answered, and the connection end with that. `handed_out`: the last octets of the request were handed out
    /// with this, and may still be to be told.
    #[inline(always)]
    pub(crate) fn over_if_answered(&mut self, now: Instant, handed_out: bool) {
        if !self.lifetime.is_open() || self.receive.half() != Receiving::Complete {
            return;
        }
        if self.role.sends_first() && self.send.half() == Sending::Content {
            // answered early: its content is still being sent
            return;
        }
        let now = self.tick(now);
        if self.role.ends_after_response || !self.lifetime.causes.is_empty() || self.lifetime.may_be_over_age(now) {
            self.answered_last(now, handed_out);
        } else {
            self.answered(now);
        }
    }

    /// The same where no request may follow.
    #[cold]
    #[inline(never)]
    fn answered_last(&mut self, now: Instant, handed_out: bool) {
        let is_refused = self.role.answer == Answer::Refuses && self.role.ends_after_response;
        // what waits goes on by the timeouts of the connection, from here where its own were others
        let own = self.role.own == 1;
        let still_since = if own { now } else { self.send.still_since };
        self.answered(now);
        if self.role.is_empty() && self.is_over_age(now) {
            // it passed after the head of the response
            self.lifetime.causes.add(CloseReason::Age);
        }
        let ends = !self.lifetime.causes.is_empty() && (self.role.is_empty() || self.is_unanswerable());
        if !self.role.ends_after_response && !ends {
            return;
        }
        if is_refused {
            self.close_at_once();
        } else {
            self.close_once_left(handed_out);
        }
        if self.send.unsent > 0 {
            // that it was answered is no progress of what still waits
            self.send.still_since = still_since;
        }
    }

    /// The first request has been answered whole.
    #[inline(always)]
    pub(crate) fn answered(&mut self, now: Instant) {
        self.role.interim = Interim::NONE;
        self.role.answer = Answer::None;
        self.role.answered_at = now;
        self.receive.empty_lines = 0;
        self.receive.begin_next();
        self.receive.octets = 0;
        self.receive.given_up = false;
        self.receive.content_use = ContentUse::Undecided;
        if self.role.own == 1 {
            self.answered_in_own_time(now);
        }
        if DEPTH > 1 && self.role.requests.len() > 1 {
            return self.begin_next_exchange();
        }
        if self.send.unsent == 0 {
            self.stay_still(now);
        }
        self.role.clear();
        self.send.begin_next();
        self.send.still_since = now;
        self.role.peer.waiting = None;
    }

    /// An exchange with timeouts of its own is over: where no other is outstanding a rate is that of the next message.
    #[cold]
    #[inline(never)]
    fn answered_in_own_time(&mut self, now: Instant) {
        self.own_timeouts_end(now);
        if self.role.sends_first() && !self.send.has_failed() {
            self.send.rate_began = Instant::MAX;
        }
    }

    /// The exchange of the second request begins.
    #[inline(never)]
    fn begin_next_exchange(&mut self) {
        self.role.pop_first();
        if let Some(next) = self.role.requests.first() {
            self.exchange_began = next.began;
        }
        self.role.wait();
    }
}
