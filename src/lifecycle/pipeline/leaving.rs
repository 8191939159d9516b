//! What of the requests has left.
//!
//! Requests leave in their order. So it is kept how many have left, and when octets leave it is counted on from there: it costs the same
//! however many are outstanding.
//!
//! **One exception.** A user may tell the octets of several requests together. One that was followed by the next before its own were told is
//! never known to be whole: it counts as not left until it is answered, though those after it leave. So two numbers are kept: how many have
//! left before the first that has not, and how many are settled, of which octets that leave change nothing more.

use crate::config::Client;
use crate::lifecycle::pipeline::{Outstanding, Pending, Progress};
use crate::lifecycle::retry::Sent;
use crate::lifecycle::state::ConnectionState;
use crate::time::Instant;

impl Pending {
    /// So many octets have left on the connection; is it whole with them?
    #[inline(always)]
    fn left_by(&mut self, sent: u64, now: Instant) -> bool {
        let leaves = self.progress == Progress::Whole && self.to <= sent;
        if leaves {
            self.progress = Progress::Left;
            self.left_at = now;
        }
        leaves
    }

    /// Octets of it that left, and whether that is all.
    fn octets_left(&self, sent: u64) -> (u64, bool) {
        let to = if self.progress == Progress::Begun { u64::MAX } else { self.to };
        (sent.min(to).saturating_sub(self.from), self.progress == Progress::Left)
    }
}

impl<const DEPTH: usize> Outstanding<DEPTH> {
    /// Octets that left on this connection, `unsent` being handed out still.
    #[inline(always)]
    const fn sent(&self, unsent: u64) -> u64 {
        self.written.saturating_sub(unsent)
    }

    /// Has an octet of the first request left? Before that nothing that comes can be its answer (RFC 9112 9.2).
    #[inline(always)]
    pub(crate) fn awaits(&self, unsent: u64) -> bool {
        self.requests.first().is_some_and(|first| self.sent(unsent) > first.from)
    }

    /// The driver's word: no octet of what is pending has left.
    pub(crate) fn nothing_left(&mut self) {
        self.nothing_left = true;
    }

    /// The word was for what has been looked at.
    #[inline(always)]
    pub(crate) fn looked_at(&mut self) {
        self.nothing_left = false;
    }

    /// How much of a request has left.
    pub(crate) fn sent_of(&self, unsent: u64, pending: &Pending) -> Sent {
        match pending.octets_left(self.sent(unsent)) {
            (_, true) => Sent::All,
            (0, false) if self.nothing_left => Sent::Nothing,
            (0, false) => Sent::Unknown,
            (_, false) => Sent::Some,
        }
    }

    /// Octets were handed out.
    pub(crate) fn written(&mut self, octets: u64) {
        self.nothing_left = false;
        self.written = self.written.saturating_add(octets);
    }

    /// The request being sent is whole. Octets of it that are told after its end have not left.
    pub(crate) fn whole(&mut self) {
        let written = self.written;
        let Some(last) = self.requests.last_mut() else { return };
        let goes_on = last.progress == Progress::Left && last.to < written;
        last.to = written;
        if last.progress == Progress::Begun || goes_on {
            last.progress = Progress::Whole;
        }
        if goes_on {
            let before = self.requests.len() - 1;
            (self.left, self.settled) = (self.left.min(before), self.settled.min(before));
            if before == 0 {
                self.peer.waiting = None;
            }
        }
    }

    /// Octets left: those requests that are out whole begin to wait.
    #[inline]
    pub(crate) fn left(&mut self, unsent: u64, now: Instant) {
        self.nothing_left = false;
        let sent = self.sent(unsent);
        if self.requests.len() != 1 {
            return self.several_left(sent, now);
        }
        if self.requests.first_mut().is_some_and(|only| only.left_by(sent, now)) {
            (self.left, self.settled) = (1, 1);
            self.peer.waiting = Some(now.max(self.answered_at));
        }
    }

    fn several_left(&mut self, sent: u64, now: Instant) {
        let (len, before) = (self.requests.len(), self.left);
        while let Some(next) = self.requests.get_mut(self.settled) {
            if next.left_by(sent, now) {
                if self.left == self.settled {
                    self.left += 1;
                }
            } else if next.progress == Progress::Whole || self.settled + 1 == len {
                break;
            }
            self.settled += 1;
        }
        // a wait that has begun is not that of those after it, and may have begun anew since
        if before == 0 && self.left > 0 {
            self.wait();
        }
    }

    /// The last request but one was followed before it was known to be whole.
    #[cold]
    pub(super) fn followed(&mut self) {
        // unless one before it still leaves
        if self.settled + 2 == self.requests.len() {
            self.settled += 1;
        }
    }

    /// The first request is taken out of the row.
    pub(super) fn pop_first(&mut self) {
        self.requests.pop_first();
        self.own = self.own.saturating_sub(1);
        if self.left == 0 {
            return self.popped_unsent();
        }
        (self.left, self.settled) = (self.left - 1, self.settled - 1);
    }

    /// The one that was taken out had not left, and others after it may have.
    #[cold]
    #[inline(never)]
    fn popped_unsent(&mut self) {
        self.settled = self.settled.saturating_sub(1);
        while self.requests.get(self.left).is_some_and(|request| request.progress == Progress::Left) {
            self.left += 1;
        }
        while self.settled + 1 < self.requests.len()
            && self.requests.get(self.settled).is_some_and(|request| request.progress == Progress::Begun)
        {
            self.settled += 1;
        }
    }

    /// The first request's wait for its response counts from when it left whole, and not before the answer before it.
    #[inline]
    pub(super) fn wait(&mut self) {
        self.peer.waiting = match self.requests.first() {
            Some(first) if first.progress == Progress::Left => Some(first.left_at.max(self.answered_at)),
            _ => None,
        };
    }
}

impl<const DEPTH: usize> ConnectionState<Client<DEPTH>> {
    /// Octets left of requests of which several are outstanding: what goes next may be of an exchange with other timeouts.
    #[inline(never)]
    pub(crate) fn left_of_several(&mut self, now: Instant) {
        let before = self.role.own_timeouts().sending;
        self.role.left(self.send.unsent, now);
        if self.role.own_timeouts().sending != before {
            self.own_timeouts_end(now);
        }
    }
}
