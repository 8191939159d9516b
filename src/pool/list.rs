//! An origin's lists of idle connections, through the `prev` and `next` of their entries, oldest first.

use core::ops::{Index, IndexMut};

use super::index::Slot;
use super::slots::{EntriesView, ListKind};

/// A list. Only its length says where it ends: `prev` of the first entry and `next` of the last one may be anything.
///
/// The last of the used ones may be in use: it is handed out where it is. If it comes back before anything else looks at the
/// list, the list need not be changed. All code that looks takes it out first ([`unlink_leased`](super::Pool::unlink_leased)).
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    pub(super) first: Slot,
    pub(super) last: Slot,
    pub(super) len: u32,
}

impl List {
    const EMPTY: Self = Self { first: Slot::NONE, last: Slot::NONE, len: 0 };

    /// Takes out an entry that stands between these two.
    #[inline]
    fn unlink_between<Id>(&mut self, mut entries: EntriesView<'_, Id>, slot: Slot, prev: Slot, next: Slot) {
        self.len = self.len.wrapping_sub(1);
        if self.len == 0 {
            *self = Self::EMPTY;
        } else if self.first == slot {
            self.first = next;
        } else if self.last == slot {
            self.last = prev;
        } else {
            if let Some(before) = entries.get_mut(prev) {
                before.next = next;
            }
            if let Some(after) = entries.get_mut(next) {
                after.prev = prev;
            }
        }
    }
}

/// The three lists of an origin.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lists([List; 3]);

impl Lists {
    pub(super) const EMPTY: Self = Self([List::EMPTY; 3]);

    pub(super) fn all(&self) -> &[List; 3] {
        &self.0
    }

    /// How many are in all three.
    pub(super) const fn len(&self) -> u32 {
        self.0[0].len + self.0[1].len + self.0[2].len
    }

    /// Takes an entry out of the list that it is in.
    #[inline]
    pub(super) fn unlink<Id>(&mut self, mut entries: EntriesView<'_, Id>, slot: Slot) {
        if let Some(entry) = entries.get_mut(slot) {
            let (list, prev, next) = (entry.marks.list(), entry.prev, entry.next);
            self.unlink_between(entries, list, slot, prev, next);
        }
    }

    /// Takes an entry that stands between these two out of its list.
    #[inline]
    pub(super) fn unlink_between<Id>(
        &mut self,
        entries: EntriesView<'_, Id>,
        list: ListKind,
        slot: Slot,
        prev: Slot,
        next: Slot,
    ) {
        if let Some(list) = self.0.get_mut(list.as_usize()) {
            list.unlink_between(entries, slot, prev, next);
        }
    }

    /// Puts an entry, which is in no list, at the end of this one.
    pub(super) fn append<Id>(&mut self, mut entries: EntriesView<'_, Id>, kind: ListKind, slot: Slot) {
        let list = &mut self[kind];
        let last = core::mem::replace(&mut list.last, slot);
        if list.len == 0 {
            list.first = slot;
        } else if let Some(before) = entries.get_mut(last) {
            before.next = slot;
        }
        list.len = list.len.wrapping_add(1);
        if let Some(entry) = entries.get_mut(slot) {
            entry.prev = last;
            entry.marks.set_list(kind);
        }
    }
}

impl Index<ListKind> for Lists {
    type Output = List;

    #[inline]
    fn index(&self, list: ListKind) -> &List {
        &self.0[list.as_usize()]
    }
}

impl IndexMut<ListKind> for Lists {
    #[inline]
    fn index_mut(&mut self, list: ListKind) -> &mut List {
        &mut self.0[list.as_usize()]
    }
}
