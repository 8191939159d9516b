//! A peer that sends octets nobody asked for, again and again, gets a new connection for each request, for a time.
//!
//! Such octets may be the answer to a request that another connection's peer, or an earlier request, had: an origin behind a broken
//! balancer is off by one for ever, and each idle connection to it is a wrong answer that waits (RFC 9112 9.2). One connection that
//! ends for it is a fault of one connection; several within the time are one of the origin.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};

use super::Pool;
use super::index::{OriginIndex, elapsed};
use super::reasons::EndReason;
use crate::time::Instant;

impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
    /// The key is in quarantine: none of its connections is used again. It has
    /// [`unsolicited_per_origin`](super::PoolLimits::unsolicited_per_origin) of them that ended for octets that nobody asked for, and
    /// that was less than [`quarantine`](super::PoolTimeouts::quarantine) ago.
    pub fn is_quarantined<Q>(&self, now: Instant, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let note = self.origins.find(key).and_then(|index| self.origins.note(index));
        note.is_some_and(|note| self.now.max(now) < note.quarantined_until)
    }

    /// A connection of this key ended for this reason, which is not the pool's.
    pub(super) fn note_end(&mut self, now: Instant, index: OriginIndex, why: EndReason) {
        let Some(most) = self.config.limits.unsolicited_per_origin else { return };
        if why != EndReason::UnsolicitedOctets {
            return;
        }
        let note = self.origins.note_mut(index);
        note.unsolicited.push_back(now);
        if note.unsolicited.len() > usize::from(most) {
            note.unsolicited.pop_front();
        }
        let first = note.unsolicited.front().filter(|_| note.unsolicited.len() == usize::from(most));
        if first.is_some_and(|&first| elapsed(first, now) < self.resolved.quarantine) {
            self.counters.quarantined += u64::from(note.quarantined_until <= now);
            note.quarantined_until = self.resolved.quarantine.after(now);
            self.unlink_leased(index);
            self.end_idle_of(now, index, EndReason::Quarantine);
        }
    }
}
