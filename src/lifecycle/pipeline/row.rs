//! The requests in their order: put in at the end, taken out at the begin, and none of the others moves.
//!
//! Where the first stands says nothing: rows of the same requests in the same order are the same, in whichever slots.

use core::fmt::{Debug, Formatter, Result};
use core::hash::{Hash, Hasher};

use crate::lifecycle::pipeline::Pending;

/// Requests, `DEPTH` of them at most.
#[derive(Clone)]
pub(super) struct Row<const DEPTH: usize> {
    /// After the last slot the first one follows.
    slots: [Pending; DEPTH],
    /// The slot of the first request.
    first: u32,
    len: u32,
}

impl<const DEPTH: usize> Row<DEPTH> {
    /// Its places are counted by `u32`, and one more than each.
    const IS_COUNTED: () = assert!(DEPTH < u32::MAX as usize, "a client has fewer requests outstanding");

    pub(super) const fn new() -> Self {
        let () = Self::IS_COUNTED;
        Self { slots: [Pending::NONE; DEPTH], first: 0, len: 0 }
    }

    #[inline(always)]
    pub(super) const fn len(&self) -> u32 {
        self.len
    }

    #[inline(always)]
    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline(always)]
    pub(super) const fn is_full(&self) -> bool {
        self.len as usize == DEPTH
    }

    /// The slot of the request at this place, counted from the first, or of the one that is put there.
    #[inline(always)]
    const fn slot(&self, place: u32) -> usize {
        if DEPTH == 1 {
            return 0;
        }
        let at = self.first as usize + place as usize;
        if at < DEPTH { at } else { at - DEPTH }
    }

    #[inline(always)]
    const fn slot_of_first(&self) -> usize {
        if DEPTH == 1 { 0 } else { self.first as usize }
    }

    #[inline(always)]
    pub(super) fn get(&self, place: u32) -> Option<&Pending> {
        if place < self.len { self.slots.get(self.slot(place)) } else { None }
    }

    #[inline(always)]
    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut Pending> {
        if place >= self.len {
            return None;
        }
        let slot = self.slot(place);
        self.slots.get_mut(slot)
    }

    #[inline(always)]
    pub(super) fn first(&self) -> Option<&Pending> {
        if self.len > 0 { self.slots.get(self.slot_of_first()) } else { None }
    }

    #[inline(always)]
    pub(super) fn first_mut(&mut self) -> Option<&mut Pending> {
        let slot = self.slot_of_first();
        if self.len > 0 { self.slots.get_mut(slot) } else { None }
    }

    #[inline(always)]
    pub(super) fn last(&self) -> Option<&Pending> {
        self.get(self.len.wrapping_sub(1))
    }

    #[inline(always)]
    pub(super) fn last_mut(&mut self) -> Option<&mut Pending> {
        self.get_mut(self.len.wrapping_sub(1))
    }

    /// Puts a request at the end. Whether there was a place.
    #[inline(always)]
    pub(super) fn push(&mut self, request: Pending) -> bool {
        if self.is_full() {
            return false;
        }
        let slot = self.slot(self.len);
        match self.slots.get_mut(slot) {
            None => false,
            Some(place) => {
                *place = request;
                self.len += 1;
                true
            }
        }
    }

    /// Takes the first request out.
    #[inline(always)]
    pub(super) fn pop_first(&mut self) {
        if self.len > 0 {
            self.first = self.slot(1) as u32;
            self.len -= 1;
        }
    }

    #[inline(always)]
    pub(super) fn clear(&mut self) {
        (self.first, self.len) = (0, 0);
    }

    /// All of them, in order.
    #[inline]
    pub(super) fn iter(&self) -> impl Iterator<Item = &Pending> {
        let (after, before) = self.slots.split_at_checked(self.first as usize).unwrap_or_default();
        before.iter().chain(after).take(self.len as usize)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Pending> {
        let (after, before) = self.slots.split_at_mut_checked(self.first as usize).unwrap_or_default();
        before.iter_mut().chain(after).take(self.len as usize)
    }
}

impl<const DEPTH: usize> PartialEq for Row<DEPTH> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<const DEPTH: usize> Eq for Row<DEPTH> {}

impl<const DEPTH: usize> Hash for Row<DEPTH> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.len.hash(state);
        self.iter().for_each(|request| request.hash(state));
    }
}

impl<const DEPTH: usize> Debug for Row<DEPTH> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
