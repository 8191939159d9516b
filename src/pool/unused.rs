//! What was handed out and not used: an idle connection goes back as it was, a place to the next.
//!
//! A waiter may be gone when its answer comes. The connection that it was given has seen nothing since: its idle time goes on, its
//! deadline is the one that it had, nothing is learned of it, and it counts as used no more often.

use core::time::Duration;
use std::hash::{BuildHasher, Hash};

use super::Pool;
use super::api::{Checkin, Look};
use super::index::elapsed;
use super::names::{Idle, Lease, Permit, Stale};
use super::reasons::EndReason;
use crate::config::nanos::Span;
use crate::time::Instant;

/// What was known of an idle connection before it was lent.
#[derive(Clone, Copy, Debug)]
pub(super) struct BeforeLease {
    /// Since when it was idle.
    pub(super) since: Instant,
    /// Until when it might be.
    pub(super) due: Instant,
    /// Why it would have ended then.
    pub(super) why: EndReason,
}

impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
    /// A connection that a waiter was given was not used: it is idle again as it was `before`, or ends.
    pub(super) fn put_back(&mut self, now: Instant, lease: &Lease, before: BeforeLease) -> Result<Checkin<Id>, Stale> {
        let now = self.advance_clock(now);
        let index = self.named(lease.slot, lease.stamp)?.origin;
        self.unlink_leased(index);
        let may = self.may_stay(now, lease.slot, index);
        let may = may.and(if before.due <= now { Err(before.why) } else { Ok(()) });
        let answer = match may {
            Ok(()) => self.keep_idle(now, before.since, lease.slot, index, (before.due, before.why)),
            Err(why) => {
                self.remove(lease.slot, why);
                Checkin::Close(why)
            }
        };
        self.after_call();
        Ok(answer)
    }

    /// A place was not used: nobody has tried to open a connection.
    pub(super) fn give_up(&mut self, now: Instant, permit: &Permit) -> Result<(), Stale> {
        self.advance_clock(now);
        let opening = self.permits.remove(permit).ok_or(Stale)?;
        self.end_permit(&opening, EndReason::Caller);
        self.after_call();
        Ok(())
    }

    /// Whether to look at a connection that a waiter was given and takes now. It was watched by nobody in between.
    pub(super) fn look_at_taking(&self, now: Instant, lease: &Lease) -> Result<Look, Stale> {
        let entry = self.entries.get(lease.slot).filter(|entry| entry.stamp == lease.stamp).ok_or(Stale)?;
        let late = elapsed(entry.since, self.now.max(now)) >= self.resolved.look_after;
        Ok(if late { Look::First } else { Look::Skip })
    }

    /// The machine slept while a waiter's connection was neither idle nor used.
    pub(super) fn bring_before_forward(&self, before: &mut BeforeLease, asleep: Duration) {
        let asleep = Span::of(Some(asleep));
        if asleep >= self.resolved.suspension {
            (before.due, before.why) = (self.now, EndReason::Suspended);
        } else if before.due != Instant::MAX {
            before.due = asleep.before(before.due);
        }
    }

    /// The connection of this name.
    pub(super) fn id_of(&self, idle: Idle) -> Result<Id, Stale> {
        let entry = self.entries.get(idle.slot).filter(|entry| entry.stamp == idle.stamp).ok_or(Stale)?;
        Ok(entry.id)
    }
}
