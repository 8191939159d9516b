//! Which idle connection is closed when another one needs its place, or when too many are idle.

use std::hash::{BuildHasher, Hash};

use super::Pool;
use super::calendar::Calendar;
use super::config::Eviction;
use super::index::{OriginIndex, Place, Slot, Tick};
use super::slot_times::{ByDeadline, ByIdleSince};
use super::slots::{Entry, ListKind};
use crate::time::Instant;

impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
    /// Of the idle connections of an origin that wants another one: the longest idle, if evictions are allowed or its time is over.
    pub(super) fn evictable_of_origin(&self, now: Instant, index: OriginIndex) -> Option<Slot> {
        let never = self.config.policy.eviction == Eviction::Never;
        self.longest_idle_of_origin(index, |due| !never || due <= now)
    }

    /// The longest idle connection of an origin, of those with a deadline that `will_do`.
    pub(super) fn longest_idle_of_origin(&self, index: OriginIndex, will_do: impl Fn(Instant) -> bool) -> Option<Slot> {
        let mut longest = (Instant::MAX, None);
        for list in self.origins.all[index].lists.all() {
            let mut slot = list.first;
            for _ in 0..list.len {
                let Some(entry) = self.entries.get(slot) else { break };
                if will_do(entry.due) && entry.since < longest.0 {
                    longest = (entry.since, Some(slot));
                }
                slot = entry.next;
            }
        }
        longest.1
    }

    /// Of all idle connections that are not protected, the one that goes first by this rule. It has lost its record in one calendar.
    pub(super) fn evictable(&mut self, now: Instant, rule: Eviction) -> Option<Slot> {
        let nearest = match rule {
            Eviction::NearestExpiry => self.first_unprotected(now, Self::pop_nearest_deadline, Self::arm_deadline),
            Eviction::LongestIdle | Eviction::Never => None,
        };
        // the longest idle; or, where deadlines matter, those that never expire, and there is nothing else
        nearest.or_else(|| self.first_unprotected(now, Self::pop_longest_idle, Self::index_by_idle))
    }

    /// The first idle connection that `pop` gives and that is not protected. Those before it get their records `back`.
    fn first_unprotected(
        &mut self,
        now: Instant,
        pop: fn(&mut Self) -> Option<Slot>,
        back: fn(&mut Self, Slot),
    ) -> Option<Slot> {
        let mut found = None;
        while let Some(slot) = pop(self) {
            if self.entries[slot].is_idle() && !self.is_protected(now, slot) {
                found = Some(slot);
                break;
            }
            self.passed_over.push(slot);
        }
        while let Some(slot) = self.passed_over.pop() {
            back(self, slot);
        }
        found
    }

    /// The slot whose deadline is first; its record is gone.
    fn pop_nearest_deadline(&mut self) -> Option<Slot> {
        let (entries, origins) = (self.entries.view(), &self.origins.all);
        self.deadlines.pop_first(&mut ByDeadline { entries, origins, lease: self.resolved.lease })
    }

    /// The idle slot that is idle for the longest time; its record is gone.
    fn pop_longest_idle(&mut self) -> Option<Slot> {
        self.idle_order.pop_first(&mut ByIdleSince(&mut self.entries))
    }

    /// A waiter may want it, or it is one of those to be kept warm.
    fn is_protected(&self, now: Instant, slot: Slot) -> bool {
        let entry = &self.entries[slot];
        let origin = &self.origins.all[entry.origin];
        let leased = self.is_leased_in_place(origin.lists[ListKind::USED].last);
        let wanted = self.is_wanted(entry, origin.first_waiter);
        entry.due > now && (wanted || origin.idle() - u32::from(leased) <= self.config.limits.min_warm)
    }

    /// A waiter of the chain that begins here may be given this connection.
    fn is_wanted(&self, entry: &Entry<Id>, mut place: Place) -> bool {
        while let Some(waiter) = self.waiters.item(place) {
            if self.may_be_given(entry, waiter.demand) {
                return true;
            }
            place = waiter.next_for_idle();
        }
        false
    }

    /// Makes all records of the order of idleness again: they would come up too late, since the times are earlier now.
    pub(super) fn order_by_idle_anew(&mut self) {
        let idle_since = |slot| self.entries.get(slot).filter(|entry| entry.is_idle()).map(|entry| entry.since);
        let first = self.entries.indices().filter_map(idle_since).min().unwrap_or(self.now);
        self.idle_order = Calendar::new(first, self.resolved.longest);
        self.idle_order.reserve(self.entries.len());
        for slot in self.entries.indices() {
            let entry = &mut self.entries[slot];
            entry.marks.set_in_idle_order(false);
            if entry.is_idle() {
                self.index_by_idle(slot);
            }
        }
    }

    /// Makes sure that an idle slot has its record in the order of idleness.
    pub(super) fn index_by_idle(&mut self, slot: Slot) {
        let entry = &mut self.entries[slot];
        if !entry.marks.is_in_idle_order() && self.idle_order.insert(slot, entry.since) != Tick::NEVER {
            entry.marks.set_in_idle_order(true);
        }
    }
}
