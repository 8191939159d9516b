//! What is over: a connection in use that ended, an idle one that can be read, one that its caller takes back.

use std::hash::{BuildHasher, Hash};

use super::Pool;
use super::api::{Ended, Readable};
use super::index::{OriginIndex, Second, elapsed};
use super::names::{Idle, Lease, Stale};
use super::reasons::EndReason;
use crate::config::nanos::Span;
use crate::time::Instant;

impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
    /// A connection that was in use is over: it is closed, or will be.
    ///
    /// # Errors
    ///
    /// [`Stale`] if the lease is overdue or over.
    pub fn closed(&mut self, now: Instant, lease: Lease, ended: Ended) -> Result<(), Stale> {
        let now = self.advance_clock(now);
        let entry = self.named(lease.slot, lease.stamp)?;
        let (index, is_reused) = (entry.origin, entry.marks.is_reused());
        let why = match ended {
            Ended::DeadAtReuse => EndReason::DeadAtReuse,
            Ended::ByPeer => EndReason::PeerClosed,
            Ended::ByUs => EndReason::Caller,
            Ended::Unsolicited => EndReason::UnsolicitedOctets,
        };
        if ended == Ended::DeadAtReuse && is_reused && self.resolved.learns {
            self.note_peer_close(now, index, self.idle_before_use[lease.slot]);
        }
        self.remove(lease.slot, why);
        self.note_end(now, index, why);
        self.after_call();
        Ok(())
    }

    /// The peer had closed a connection that had been idle for this long.
    fn note_peer_close(&mut self, now: Instant, index: OriginIndex, idle: Span) {
        if let Some(observed) = self.origins.learned.get_mut(index) {
            observed.note_closed(idle, Second::of(now), self.resolved.forget);
        }
    }

    /// An idle connection can be read: whatever there is, nobody asked for it (RFC 9112 9.2), and the connection is over. Close it.
    ///
    /// # Errors
    ///
    /// [`Stale`] if it is not idle any more: the request that uses it will see.
    pub fn readable_while_idle(&mut self, now: Instant, idle: Idle, readable: Readable) -> Result<EndReason, Stale> {
        let now = self.advance_clock(now);
        let entry = self.named(idle.slot, idle.stamp)?;
        let (index, idle_for) = (entry.origin, elapsed(entry.since, now));
        let why = match readable {
            Readable::Octets => EndReason::UnsolicitedOctets,
            Readable::End => EndReason::PeerClosed,
        };
        if readable == Readable::End && self.resolved.learns {
            self.note_peer_close(now, index, idle_for);
        }
        self.remove(idle.slot, why);
        self.note_end(now, index, why);
        self.after_call();
        Ok(why)
    }

    /// Takes an idle connection out of the pool, for a reason of the caller's: its id.
    ///
    /// # Errors
    ///
    /// [`Stale`] if it is not idle any more.
    pub fn withdraw(&mut self, now: Instant, idle: Idle) -> Result<Id, Stale> {
        self.advance_clock(now);
        self.named(idle.slot, idle.stamp)?;
        let id = self.remove(idle.slot, EndReason::Caller);
        self.after_call();
        Ok(id)
    }
}
