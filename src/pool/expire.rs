//! What falls due: idle connections to close, overdue names, waiters that may go on.

use std::hash::{BuildHasher, Hash};

use super::Pool;
use super::api::Due;
use super::checkout::Served;
use super::config::Eviction;
use super::index::{OriginIndex, Place, Slot, Tick};
use super::names::{Lease, Ticket};
use super::queue::QueueName;
use super::reasons::{EndReason, RefuseReason};
use super::slot_times::ByDeadline;
use super::slots::Entry;
use super::waiting::{PlaceToOpen, Waiter};
use crate::time::Instant;

impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
    /// When [`expire`](Self::expire) should be called next. Never later than the earliest deadline; earlier by a few hundredths of a
    /// limit where many are due at about the same time. `None`: nothing ever falls due. After `expire` has answered `None` it is
    /// later than now.
    pub fn next_deadline(&self) -> Option<Instant> {
        let waiters_are_due = self.waiters_may_go_on || self.draining || !self.ready_origins.is_empty();
        if self.over_high_water || self.to_purge > 0 || waiters_are_due && !self.waiters.is_empty() {
            return Some(self.now);
        }
        let times = [self.next_connection_due(), self.permits.due(), self.waiters.due(), Some(self.purge_at)];
        times.into_iter().flatten().filter(|&at| at != Instant::MAX).min()
    }

    /// When the deadline of a connection may have come.
    pub(super) fn next_connection_due(&self) -> Option<Instant> {
        self.deadlines.next(self.now, |slot| {
            let entry = self.entries.get(slot).filter(|entry| !entry.is_vacant())?;
            Some(entry.deadline(self.resolved.lease))
        })
    }

    /// One thing that is due at `now`, if there is any; to be called until `None`.
    #[inline]
    pub fn expire(&mut self, now: Instant) -> Option<Due<Id>> {
        let now = self.advance_clock(now);
        let due = match self.expire_fast(now) {
            Some(due) => Some(due),
            None => self.expire_full(now),
        };
        self.after_call();
        due
    }

    /// Closes the idle connection that the calendar has loaded already, if it is due. `None`: nothing was done.
    ///
    /// Its careful twin is [`expire_full`](Self::expire_full).
    #[inline]
    pub(super) fn expire_fast(&mut self, now: Instant) -> Option<Due<Id>> {
        if self.is_full_path_forced() {
            return None;
        }
        let (slot, front) = (self.deadlines.candidate()?, self.deadlines.front());
        let is_due = |entry: &Entry<Id>| entry.is_idle() && entry.armed <= front && entry.due <= now;
        let entry = self.entries.get_mut(slot).filter(|entry| is_due(entry))?;
        entry.armed = Tick::NEVER;
        self.deadlines.drop_candidate();
        let why = entry.why;
        Some(Due::Close { id: self.remove_inline(slot, why), why })
    }

    /// The careful twin of [`expire_fast`](Self::expire_fast): whatever is due.
    #[inline(never)]
    fn expire_full(&mut self, now: Instant) -> Option<Due<Id>> {
        match self.pop_connection_due(now) {
            Some(slot) => {
                let entry = &self.entries[slot];
                if entry.is_idle() {
                    let why = entry.why;
                    return Some(Due::Close { id: self.remove(slot, why), why });
                }
                let lease = Lease { slot, stamp: entry.stamp };
                Some(Due::LeaseOverdue { id: self.remove(slot, EndReason::LeaseOverdue), lease })
            }
            None => self.expire_rest(now),
        }
    }

    /// A connection whose deadline has come; it has no record any more.
    fn pop_connection_due(&mut self, now: Instant) -> Option<Slot> {
        let (entries, origins) = (self.entries.view(), &self.origins.all);
        self.deadlines.pop_due(now, &mut ByDeadline { entries, origins, lease: self.resolved.lease })
    }

    /// What is due when no connection is.
    fn expire_rest(&mut self, now: Instant) -> Option<Due<Id>> {
        if self.permits.due().is_some_and(|due| due <= now) {
            let permit = self.permits.first()?;
            let opening = self.permits.remove(&permit)?;
            self.end_permit(&opening, EndReason::OpenOverdue);
            return Some(Due::PermitOverdue(permit));
        }
        self.close_over_limits(now).or_else(|| self.next_to_go_on(now)).or_else(|| self.end_wait(now))
    }

    /// Above the high water mark, or at a purge: the idle connection that goes next.
    fn close_over_limits(&mut self, now: Instant) -> Option<Due<Id>> {
        if self.purge_at <= now {
            self.to_purge = (u64::from(self.idle()) * u64::from(self.config.policy.purge_percent) / 100) as u32;
            self.purge_at = if self.idle() == 0 { Instant::MAX } else { self.resolved.purge.after(now) };
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
            // all that are idle are protected
            (self.to_purge, self.over_high_water) = (0, false);
            return None;
        };
        Some(Due::Close { id: self.remove(victim, why), why })
    }

    /// A waiter that may go on.
    fn next_to_go_on(&mut self, now: Instant) -> Option<Due<Id>> {
        if self.draining {
            return None;
        }
        if let Some(due) = self.take_turn(now) {
            return Some(due);
        }
        if !self.is_full() {
            // so that nobody is lent a connection while an earlier one could have a place
            if let Some(due) = self.admit_first_in_line(now) {
                return Some(due);
            }
        }
        while let Some(ready) = self.ready_origins.first() {
            let Some(&index) = self.ready_origins.get(&ready) else { break };
            // what its waiters would have been given may go for one who waits for longer
            if let Some(due) = self.serve_chain(now, index).or_else(|| self.take_turn(now)) {
                return Some(due);
            }
            self.forget_ready(index, ready.place());
        }
        if let Some(due) = self.admit_first_in_line(now) {
            return Some(due);
        }
        self.waiters_may_go_on = false;
        None
    }

    /// The waiter that is first in line goes on, if there may be a place for it, and is.
    fn admit_first_in_line(&mut self, now: Instant) -> Option<Due<Id>> {
        let (_, first) = self.first_in_line().filter(|_| self.waiters_may_go_on)?;
        let index = self.waiters.item(first)?.origin;
        self.serve_chain(now, index).or_else(|| self.give_place(now, first, None))
    }

    /// The waiter that has its turn goes on, if an idle connection is claimed for it.
    fn take_turn(&mut self, now: Instant) -> Option<Due<Id>> {
        let claimed = self.take_claimed()?;
        let first = self.has_turn()?;
        let index = self.waiters.item(first)?.origin;
        let due = self.serve_chain(now, index).or_else(|| self.give_place(now, first, Some(claimed)));
        if due.is_some() && self.entries[claimed].is_idle() {
            // another one went for it, or served one of its key that came before it: this one goes for the next that has its turn
            self.claim(claimed);
        }
        due
    }

    /// Of the waiters of this key, the first for whom the key itself has something: an idle connection or, at the limit of the key,
    /// the place of one; or for whom nothing is left. Who wants no place holds nobody back: what it may not use is offered to the
    /// next.
    fn serve_chain(&mut self, now: Instant, index: OriginIndex) -> Option<Due<Id>> {
        self.unlink_leased(index);
        let origin = &self.origins.all[index];
        let mut place = origin.first_waiter;
        if self.has_nothing_left(index) {
            return self.end_wait_of(&self.waiters.name(place)?, RefuseReason::OpenFailed);
        }
        if origin.idle() == 0 {
            return None;
        }
        while let Some(waiter) = self.waiters.item(place) {
            let (demand, number, next) = (waiter.demand, waiter.number, waiter.next_for_idle());
            let served = if waiter.place == PlaceToOpen::Wanted {
                self.serve_from_own(now, index, demand, number).ok()
            } else {
                self.serve_idle(now, index, demand, number).ok()?.map(Served::Idle)
            };
            if let Some(served) = served {
                return self.go_on(now, place, served);
            }
            place = next;
        }
        None
    }

    /// The waiter that is first in line is given a place that any key may have, if there is one.
    fn give_place(&mut self, now: Instant, first: Place, claimed: Option<Slot>) -> Option<Due<Id>> {
        let victim = self.place_of_all(now, claimed).ok()?;
        self.go_on(now, first, Served::Place(victim))
    }

    /// The waiter at this place in the queue goes on, with what there is for it.
    fn go_on(&mut self, now: Instant, place: Place, served: Served<Id>) -> Option<Due<Id>> {
        let ticket = self.waiters.name(place)?;
        let &Waiter { origin: index, demand, place: had, .. } = self.waiters.item(place)?;
        let checkout = match served {
            Served::Idle(checkout) => {
                self.dequeue(&ticket);
                checkout
            }
            Served::Place(victim) if demand.waits_meanwhile() => {
                let next = self.wait_on_while_opening(&ticket);
                self.open(now, index, victim, next)
            }
            Served::Place(victim) => {
                self.dequeue(&ticket);
                self.open(now, index, victim, None)
            }
        };
        self.make_ready(index);
        if had == PlaceToOpen::Given {
            self.counters.overtaken += 1;
        } else {
            self.counters.went_on += 1;
        }
        Some(Due::GoOn { ticket, checkout })
    }

    /// A waiter that has waited for long enough; while draining, any waiter.
    fn end_wait(&mut self, now: Instant) -> Option<Due<Id>> {
        let is_over = self.waiters.due().is_some_and(|due| due <= now);
        let why = match (self.draining, is_over) {
            (true, _) => RefuseReason::Drain,
            (false, true) => RefuseReason::WaitTimeout,
            (false, false) => return None,
        };
        let ticket = self.waiters.first()?;
        self.end_wait_of(&ticket, why)
    }

    /// A waiter gets nothing.
    fn end_wait_of(&mut self, ticket: &Ticket, why: RefuseReason) -> Option<Due<Id>> {
        let waiter = self.dequeue(ticket)?;
        self.make_ready(waiter.origin);
        self.counters.count_refusal(why);
        Some(Due::WaitOver { ticket: ticket.clone(), why })
    }
}
