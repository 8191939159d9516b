//! What changes when a connection leaves the pool.

use std::hash::{BuildHasher, Hash};

use super::Pool;
use super::index::{OriginIndex, Slot};
use super::reasons::EndReason;
use super::slots::{ListKind, State};

impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
    /// The last connection of a list of used ones is leased: it was handed out where it is.
    pub(super) fn is_leased_in_place(&self, last: Slot) -> bool {
        self.entries.get(last).is_some_and(|entry| !entry.is_idle())
    }

    /// Takes the connection that was leased in place out of its list. From here on all that is in a list is idle.
    pub(super) fn unlink_leased(&mut self, index: OriginIndex) {
        let last = self.origins.all[index].lists[ListKind::USED].last;
        if self.is_leased_in_place(last) {
            self.origins.all[index].lists.unlink(self.entries.view(), last);
        }
    }

    /// Forgets a connection: its id.
    #[inline(never)]
    pub(super) fn remove(&mut self, slot: Slot, why: EndReason) -> Id {
        self.remove_inline(slot, why)
    }

    // −9 on `pool-expiry`: in the fast path of `expire` half of it is known
    #[inline(always)]
    pub(super) fn remove_inline(&mut self, slot: Slot, why: EndReason) -> Id {
        let mut entries = self.entries.view();
        let entry = &mut entries[slot];
        let (id, index, is_idle, list) = (entry.id, entry.origin, entry.is_idle(), entry.marks.list());
        let (prev, next) = (entry.prev, core::mem::replace(&mut entry.next, self.first_vacant));
        entry.step(State::Vacant);
        self.first_vacant = slot;
        let lists = &mut self.origins.remove_connection(index).lists;
        if is_idle || lists[ListKind::USED].last == slot {
            lists.unlink_between(entries, list, slot, prev, next);
        }
        self.ended_idle += u64::from(is_idle);
        self.count_freed_place(index, why);
        id
    }

    /// A place is free.
    #[inline]
    pub(super) fn count_freed_place(&mut self, index: OriginIndex, why: EndReason) {
        self.held -= 1;
        self.counters.count_end(why);
        if !self.waiters.is_empty() {
            self.offer_place(index);
        }
    }
}
