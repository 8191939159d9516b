//! What falls due: idle connections to close, overdue names, waiters that may go on.

use std::hash::{BuildHasher, Hash};

use super::Pool;
use super::api::{Due, Lease, Permit, Ticket};
use super::config::Eviction;
use super::origins::READY;
use super::queue::Name;
use super::reasons::{EndReason, RefuseReason};
use super::slots::{ByDue, Entry, NONE, VACANT};
use crate::time::Instant;

impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
    /// When [`expire`](Self::expire) should be called next. Never later than the earliest deadline; earlier by a few hundredths of a limit
    /// where many are due at about the same time. `None`: nothing ever falls due. After `expire` has answered `None` it is later than now.
    pub fn next_deadline(&self) -> Option<Instant> {
        let busy = self.waiters_may_go_on || self.draining || !self.ready_origins.is_empty();
        if self.over_high_water || self.to_purge > 0 || busy && self.waiters.len() > 0 {
            return Some(Instant::from_nanos(self.now));
        }
        let due = |slot: u32| {
            let entry = self.entries.get(slot as usize).filter(|entry| entry.state() != VACANT)?;
            Some(entry.deadline(self.resolved.lease))
        };
        let times = [self.deadlines.next(due), self.permits.due(), self.waiters.due(), Some(self.purge_at)];
        times.into_iter().flatten().filter(|&at| at != u64::MAX).min().map(Instant::from_nanos)
    }

    /// One thing that is due at `now`, if there is any; to be called until `None`.
    #[inline]
    pub fn expire(&mut self, now: Instant) -> Option<Due<Id>> {
        let now = self.advance_clock(now);
        if let Some(slot) = self.deadlines.candidate() {
            let front = self.deadlines.front();
            let is_due = |entry: &Entry<Id>| entry.is_idle() && entry.armed <= front && entry.due <= now;
            // what the calendar does, too, where most often nothing else can be the matter
            if let Some(entry) = self.entries.get_mut(slot as usize).filter(|entry| is_due(entry)) {
                entry.armed = NONE;
                self.deadlines.drop_candidate();
                let why = EndReason::numbered(entry.why);
                return Some(Due::Close { id: self.remove_inline(slot, why), why });
            }
        }
        self.expire_full(now)
    }

    #[inline(never)]
    fn expire_full(&mut self, now: u64) -> Option<Due<Id>> {
        let (entries, origins) = (&mut self.entries, &self.origins.all);
        if let Some(slot) = self.deadlines.pop_due(now, &mut ByDue { entries, origins, lease: self.resolved.lease }) {
            let entry = &self.entries[slot as usize];
            if entry.is_idle() {
                let why = EndReason::numbered(entry.why);
                return Some(Due::Close { id: self.remove(slot, why), why });
            }
            let lease = Lease { slot, stamp: entry.stamp };
            return Some(Due::LeaseOverdue { id: self.remove(slot, EndReason::LeaseOverdue), lease });
        }
        self.expire_rest(now)
    }

    /// What is due when no connection is.
    fn expire_rest(&mut self, now: u64) -> Option<Due<Id>> {
        if let Some((name, origin)) = self.permits.due().filter(|&due| due <= now).and_then(|_| {
            let name = self.permits.first()?;
            Some((name, self.permits.remove(name)?))
        }) {
            self.end_permit(origin, EndReason::OpenOverdue);
            return Some(Due::PermitOverdue(Permit { slot: name.0, stamp: name.1 }));
        }
        self.close_over_limits(now).or_else(|| self.next_to_go_on(now)).or_else(|| self.end_wait(now))
    }

    /// Above the high water mark, or at a purge, the idle connections whose turn it is.
    fn close_over_limits(&mut self, now: u64) -> Option<Due<Id>> {
        if self.purge_at <= now {
            self.to_purge = (u64::from(self.idle()) * u64::from(self.config.policy.purge_percent) / 100) as u32;
            self.purge_at = if self.idle() == 0 { u64::MAX } else { now.saturating_add(self.resolved.purge) };
        }
        let why = if self.to_purge > 0 {
            self.to_purge -= 1;
            EndReason::Purge
        } else if self.over_high_water && self.idle() > self.config.limits.low_water {
            EndReason::Water
        } else {
            self.over_high_water = false;
            return None;
        };
        let rule = match self.config.policy.eviction {
            Eviction::Never => Eviction::LongestIdle,
            rule => rule,
        };
        let Some(victim) = self.evictable(now, rule) else {
            // all that are left are spared
            (self.to_purge, self.over_high_water) = (0, false);
            return None;
        };
        Some(Due::Close { id: self.remove(victim, why), why })
    }

    /// A waiter that may go on.
    fn next_to_go_on(&mut self, now: u64) -> Option<Due<Id>> {
        if self.draining {
            return None;
        }
        while let Some(&index) = self.ready_origins.front() {
            if let Some(first) = self.waiters.name(self.origins.all[index as usize].first_waiter) {
                if let Some(due) = self.try_admit(now, first, true) {
                    return Some(due);
                }
                // it may still take the place of a connection that it may not use
                self.wake_waiters();
            }
            self.origins.all[index as usize].flags &= !READY;
            self.ready_origins.pop_front();
        }
        let mut next = self.waiters.first().filter(|_| self.waiters_may_go_on);
        while let Some(name) = next {
            let origin = self.waiters.get(name).map(|waiter| &self.origins.all[waiter.origin as usize]);
            if origin.is_some_and(|origin| origin.first_waiter == name.0) {
                if let Some(due) = self.try_admit(now, name, false) {
                    return Some(due);
                }
            }
            next = self.waiters.next_after(name);
        }
        self.waiters_may_go_on = false;
        None
    }

    /// `yields`: an idle connection, but no place for a new one.
    fn try_admit(&mut self, now: u64, name: Name, yields: bool) -> Option<Due<Id>> {
        let (index, demand) = self.waiters.get(name).map(|waiter| (waiter.origin, waiter.demand))?;
        let checkout = self.try_serve(now, index, demand, yields).ok()?;
        self.dequeue(name);
        self.make_ready(index);
        self.counters.went_on += 1;
        Some(Due::GoOn { ticket: Ticket { slot: name.0, stamp: name.1 }, checkout })
    }

    /// A waiter that has waited for long enough.
    fn end_wait(&mut self, now: u64) -> Option<Due<Id>> {
        let late = self.waiters.due().is_some_and(|due| due <= now);
        let why = match (self.draining, late) {
            (true, _) => RefuseReason::Drain,
            (false, true) => RefuseReason::WaitTimeout,
            (false, false) => return None,
        };
        let name = self.waiters.first()?;
        let waiter = self.dequeue(name)?;
        self.make_ready(waiter.origin);
        self.wake_waiters();
        self.counters.count_refusal(why);
        Some(Due::WaitOver { ticket: Ticket { slot: name.0, stamp: name.1 }, why })
    }
}
