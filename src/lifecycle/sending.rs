//! What was handed out, and leaves or not.
//!
//! Two clocks watch it. The gap counts from the last octet that left, or the first that began to wait (`write_stall`). The rate counts all of a
//! message: its octets are to leave at `send_rate` octets a second, `write_stall` given in advance. Time in which none waits does not count.
//! It is kept as one instant, from which the advance counts: what leaves moves that on by the time that the rate gives it.
//!
//! **Tie-break.** Of pipelined messages several may wait at once, and which octets are whose is not kept. A message that begins while
//! octets of an earlier one wait has its own advance from then, and what the earlier one had left is kept where that is more.

use crate::config::nanos::Span;
use crate::lifecycle::grace::Granted;
use crate::lifecycle::role::LifecycleRole;
use crate::lifecycle::state::{ConnectionState, OwnTimeouts, Stage};
use crate::lifecycle::terms::Terms;
use crate::time::Instant;

impl<R: LifecycleRole> ConnectionState<R> {
    /// The head of a message is about to be handed out.
    #[inline(always)]
    pub(crate) fn begin_to_send(&mut self, now: Instant, terms: Terms<'_>) {
        let mut settings = terms.sending;
        if !R::IS_CLIENT && self.receive.own_timeouts == OwnTimeouts::OfWhatGoes {
            // those of the exchange before
            self.own_timeouts_end(now);
            settings = terms.connection;
        }
        if settings.timeouts.send_rate.is_some() {
            self.begin_to_pace(now);
        }
    }

    #[cold]
    #[inline(never)]
    fn begin_to_pace(&mut self, now: Instant) {
        self.send.granted = Granted::NOTHING;
        let send = &mut self.send;
        if send.unsent > 0 && send.rate_began != Instant::MAX && send.rate_began > now {
            return;
        }
        if send.unsent == 0 {
            // its octets are told later, perhaps: until then none waits
            send.still_since = now;
        }
        send.rate_began = now;
    }

    /// Another rate holds for what goes from here on.
    pub(crate) fn pace_anew(&mut self, now: Instant) {
        let send = &mut self.send;
        if send.unsent == 0 {
            send.still_since = now;
        }
        (send.rate_began, send.granted) = (send.still_since, Granted::NOTHING);
    }

    /// When the rate of what goes is due, if it is armed, or would be but for a look.
    pub(crate) fn send_rate_due(&self, terms: Terms<'_>) -> Option<Instant> {
        let advance = terms.send_rate_advance()?;
        (self.send.unsent > 0).then(|| advance.after(self.send.rate_began))
    }

    /// Octets were handed out to be sent.
    #[inline(always)]
    pub(crate) fn written(&mut self, now: Instant, octets: u64) {
        if self.send.unsent == 0 {
            self.stay_still(now);
        }
        self.send.unsent = self.send.unsent.saturating_add(octets);
        self.count_octets(octets);
    }

    /// No octet has waited until now since the last one left: that time does not count.
    #[inline(always)]
    pub(crate) fn stay_still(&mut self, now: Instant) {
        let send = &mut self.send;
        if send.rate_began != Instant::MAX && !send.has_failed() {
            let still = now.saturating_duration_since(send.still_since);
            send.rate_began = send.rate_began.saturating_add(still);
        }
        send.still_since = now;
    }

    /// An octet of ours goes: who sends while content is late has time anew. A head never does: where one may be sent no response is
    /// under way. And nothing that a client receives is late while it sends.
    #[inline(always)]
    pub(crate) fn response_goes_on(&mut self, now: Instant) {
        if !R::IS_CLIENT && self.receive.fault.is_some() && self.content_timed_out() {
            self.receive.progress_at = now;
        }
    }

    /// Octets left. Whether more is to be [noted](Self::note_what_left) of them.
    #[inline(always)]
    pub(crate) fn sent(&mut self, now: Instant, octets: u64) -> bool {
        let now = self.tick(now);
        if octets == 0 {
            return false;
        }
        self.send.unsent = self.send.unsent.saturating_sub(octets);
        self.send.still_since = now;
        self.send.rate_began != Instant::MAX || self.receive.has_ended()
    }

    /// What left counts for the rate, and for a peer that has closed its side.
    #[cold]
    pub(crate) fn note_what_left(&mut self, octets: u64, terms: Terms<'_>) {
        let now = self.latest;
        let send = &mut self.send;
        if send.rate_began != Instant::MAX && !send.has_failed() {
            if let Some(rate) = terms.sending.timeouts.send_rate {
                send.rate_began = Span::of_octets(octets, rate).after(send.rate_began);
            }
            send.granted.look_again();
        }
        if self.receive.has_ended() && self.lifetime.stage() != Stage::HalfClosed {
            // who waits for an answer gets it
            self.receive.began = now;
        }
    }
}
