//! Which idle connection goes, and what remains of it.

use std::hash::{BuildHasher, Hash};

use super::Pool;
use super::config::Eviction;
use super::origins::{LIST_USED, READY};
use super::reasons::EndReason;
use super::slots::{ByDue, BySince, NONE, RECORDED, VACANT, unlink, unlink_between};

impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
    /// Of the idle connections of an origin that wants another one: the longest idle, where evictions are allowed or its time is up.
    pub(super) fn evictable_of_origin(&self, now: u64, index: u32) -> Option<u32> {
        let never = self.config.policy.eviction == Eviction::Never;
        self.longest_idle_of_origin(index, |due| !never || due <= now)
    }

    /// The longest idle connection of an origin whose deadline will do.
    pub(super) fn longest_idle_of_origin(&self, index: u32, will_do: impl Fn(u64) -> bool) -> Option<u32> {
        let mut longest = (u64::MAX, None);
        for list in &self.origins.all[index as usize].lists {
            let mut slot = list.first;
            for _ in 0..list.len {
                let Some(entry) = self.entries.get(slot as usize) else { break };
                if will_do(entry.due) && entry.since < longest.0 {
                    longest = (entry.since, Some(slot));
                }
                slot = entry.next;
            }
        }
        longest.1
    }

    /// Of all idle connections that are not spared, the one whose turn it is. It has lost its record in one calendar.
    pub(super) fn evictable(&mut self, now: u64, rule: Eviction) -> Option<u32> {
        let mut found = None;
        if rule == Eviction::NearestExpiry {
            while let Some(slot) = self.pop_nearest_deadline() {
                if self.entries[slot as usize].is_idle() && !self.is_protected(now, slot) {
                    found = Some(slot);
                    break;
                }
                self.set_aside.push(slot);
            }
            while let Some(slot) = self.set_aside.pop() {
                self.arm_deadline(slot);
            }
        }
        // the longest idle; or what never expires, and there is nothing else
        if found.is_none() {
            while let Some((slot, _)) = self.idle_order.pop_first(&mut BySince(&mut self.entries)) {
                if !self.is_protected(now, slot) {
                    found = Some(slot);
                    break;
                }
                self.set_aside.push(slot);
            }
            while let Some(slot) = self.set_aside.pop() {
                self.index_by_idle(slot);
            }
        }
        found
    }

    /// The slot whose deadline is first; its record is gone.
    fn pop_nearest_deadline(&mut self) -> Option<u32> {
        let (entries, origins) = (&mut self.entries, &self.origins.all);
        let (slot, _) = self.deadlines.pop_first(&mut ByDue { entries, origins, lease: self.resolved.lease })?;
        Some(slot)
    }

    /// A waiter may want it, or it is one of those to be kept warm.
    fn is_protected(&self, now: u64, slot: u32) -> bool {
        let entry = &self.entries[slot as usize];
        let origin = &self.origins.all[entry.origin as usize];
        let lent = self.is_leased_in_place(origin.lists[LIST_USED].last);
        entry.due > now && (origin.waiting > 0 || origin.idle() - u32::from(lent) <= self.config.limits.min_warm)
    }

    /// Sees to it that an idle slot is found by its idleness.
    pub(super) fn index_by_idle(&mut self, slot: u32) {
        let entry = &mut self.entries[slot as usize];
        if !entry.has(RECORDED) && self.idle_order.insert(slot, entry.since) != NONE {
            entry.flags |= RECORDED;
        }
    }

    /// The last of a list is in use: it was handed out from where it is.
    fn is_leased_in_place(&self, last: u32) -> bool {
        self.entries.get(last as usize).is_some_and(|entry| !entry.is_idle())
    }

    /// Takes the connection that was lent in place out of its list: what is in a list from here on is idle.
    pub(super) fn unlink_leased(&mut self, index: u32) {
        let last = self.origins.all[index as usize].lists[LIST_USED].last;
        if self.is_leased_in_place(last) {
            unlink(&mut self.entries, &mut self.origins.all[index as usize], last);
        }
    }

    /// Forgets a connection: its id.
    #[inline(never)]
    pub(super) fn remove(&mut self, slot: u32, why: EndReason) -> Id {
        self.remove_inline(slot, why)
    }

    #[inline(always)]
    pub(super) fn remove_inline(&mut self, slot: u32, why: EndReason) -> Id {
        let entries = self.entries.as_mut_slice();
        let entry = &mut entries[slot as usize];
        let (id, index, is_idle, list) = (entry.id, entry.origin, entry.is_idle(), entry.list());
        let (prev, next) = (entry.prev, std::mem::replace(&mut entry.next, self.vacant));
        entry.step(VACANT);
        self.vacant = slot;
        let origin = &mut self.origins.all[index as usize];
        if is_idle || origin.lists[LIST_USED].last == slot {
            if let Some(list) = origin.lists.get_mut(list) {
                unlink_between(entries, list, slot, prev, next);
            }
        }
        origin.held -= 1;
        self.origins.vacant += usize::from(origin.is_vacant());
        self.ended_idle += u64::from(is_idle);
        self.note_freed_place(why);
        id
    }

    /// A place is free again.
    pub(super) fn end_permit(&mut self, index: u32, why: EndReason) {
        self.origins.leave(index);
        self.note_freed_place(why);
    }

    #[inline(always)]
    fn note_freed_place(&mut self, why: EndReason) {
        self.held -= 1;
        self.counters.count_end(why);
        self.wake_waiters();
    }

    /// Any waiter may go on.
    pub(super) fn wake_waiters(&mut self) {
        self.waiters_may_go_on |= self.waiters.len() > 0;
    }

    /// The first waiter of this origin may be given an idle connection.
    pub(super) fn make_ready(&mut self, index: u32) {
        let origin = &mut self.origins.all[index as usize];
        if origin.waiting > 0 && !origin.has(READY) {
            origin.flags |= READY;
            self.ready_origins.push_back(index);
        }
    }
}
