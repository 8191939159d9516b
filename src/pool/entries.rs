//! What is kept of each connection, and the lists of an origin's idle ones.
//!
//! A slot that is left keeps its number's records ([`Calendar`](super::calendar::Calendar)) and its old id, which is `Copy`. The low bits of a stamp
//! say what the slot is in; each step adds to the stamp, so that a name from before it is recognised as stale by one comparison.

use super::calendar::Times;
use super::origins::Origin;

/// No slot, no tick, never.
pub(super) const NONE: u32 = u32::MAX;

/// One connection: 48 octets and the id.
#[derive(Debug)]
pub(super) struct Entry<Id> {
    pub(super) id: Id,
    /// When it was handed out or came back, in nanoseconds.
    pub(super) since: u64,
    /// When its time in this state is up; `u64::MAX`: never.
    pub(super) due: u64,
    /// A count of its steps above its state.
    pub(super) stamp: u32,
    pub(super) origin: u32,
    /// The one before it in its list; of a vacant slot, nothing.
    pub(super) prev: u32,
    /// The one behind it in its list; of a vacant slot, the next vacant one.
    pub(super) next: u32,
    /// KiB that it has carried.
    pub(super) octets: u32,
    /// The second in which its age ends; [`NONE`]: never.
    pub(super) retire: u32,
    /// The tick of its record in the calendar of deadlines.
    pub(super) armed: u32,
    /// Uses that are left; `u16::MAX`: any number.
    pub(super) uses: u16,
    pub(super) flags: u8,
    /// What `due` is the end of: an [`EndReason`](super::EndReason).
    pub(super) why: u8,
}

/// It has carried an exchange.
pub(super) const USED: u8 = 1;
/// It has carried one after it had been idle.
pub(super) const PROVEN: u8 = 2;
/// It was idle when it was handed out.
pub(super) const REUSED: u8 = 4;
/// It is of an earlier generation.
pub(super) const OUTDATED: u8 = 8;
/// Its slot has a record in the calendar of idleness. Of the slot, not of the connection.
pub(super) const RECORDED: u8 = 16;
/// In which of its origin's lists it is.
pub(super) const LIST_SHIFT: u32 = 5;
pub(super) const LIST_MASK: u8 = 3 << LIST_SHIFT;

pub(super) const VACANT: u32 = 0;
pub(super) const LEASED: u32 = 1;
pub(super) const IDLE: u32 = 2;
/// The bits of a stamp that say one of these.
pub(super) const STATE: u32 = 3;

impl<Id> Entry<Id> {
    #[inline(always)]
    pub(super) const fn state(&self) -> u32 {
        self.stamp & STATE
    }

    /// Steps into another state.
    #[inline(always)]
    pub(super) const fn step(&mut self, state: u32) {
        self.stamp = (self.stamp | STATE).wrapping_add(1) | state;
    }

    pub(super) const fn is_idle(&self) -> bool {
        self.state() == IDLE
    }

    pub(super) const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub(super) const fn list(&self) -> usize {
        ((self.flags & LIST_MASK) >> LIST_SHIFT) as usize
    }
}

/// A list through `prev` and `next`, oldest first.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    pub(super) first: u32,
    pub(super) last: u32,
    pub(super) len: u32,
}

impl List {
    pub(super) const EMPTY: Self = Self { first: NONE, last: NONE, len: 0 };
}

/// Takes an entry out of its origin's list.
#[inline(always)]
pub(super) fn unlink<Id>(entries: &mut [Entry<Id>], origin: &mut Origin, slot: u32) {
    let Some(entry) = entries.get(slot as usize) else { return };
    let (prev, next) = (entry.prev, entry.next);
    let list = &mut origin.lists[entry.list() % origin.lists.len()];
    list.len = list.len.wrapping_sub(1);
    match entries.get_mut(prev as usize) {
        Some(before) => before.next = next,
        None => list.first = next,
    }
    match entries.get_mut(next as usize) {
        Some(behind) => behind.prev = prev,
        None => list.last = prev,
    }
}

/// Puts an entry at the end of one of its origin's lists.
#[inline(always)]
pub(super) fn link<Id>(entries: &mut [Entry<Id>], origin: &mut Origin, slot: u32, number: usize) {
    let list = &mut origin.lists[number % 3];
    let last = std::mem::replace(&mut list.last, slot);
    list.len += 1;
    match entries.get_mut(last as usize) {
        Some(before) => before.next = slot,
        None => list.first = slot,
    }
    let Some(entry) = entries.get_mut(slot as usize) else { return };
    entry.prev = last;
    entry.next = NONE;
    entry.flags = entry.flags & !LIST_MASK | (number as u8) << LIST_SHIFT;
}

/// By deadline.
pub(super) struct ByDue<'p, Id>(pub(super) &'p mut [Entry<Id>]);

impl<Id> Times for ByDue<'_, Id> {
    fn time(&mut self, slot: u32, from: u32, to: u32) -> Option<u64> {
        let entry = self.0.get_mut(slot as usize)?;
        if entry.armed < from || entry.armed > to {
            return None;
        }
        if entry.state() == VACANT {
            entry.armed = NONE;
            return None;
        }
        Some(entry.due)
    }

    fn recorded(&mut self, slot: u32, tick: u32) {
        if let Some(entry) = self.0.get_mut(slot as usize) {
            entry.armed = tick;
        }
    }
}

/// By the instant since when it is idle.
pub(super) struct BySince<'p, Id>(pub(super) &'p mut [Entry<Id>]);

impl<Id> Times for BySince<'_, Id> {
    fn time(&mut self, slot: u32, _: u32, _: u32) -> Option<u64> {
        let entry = self.0.get_mut(slot as usize)?;
        if entry.is_idle() {
            return Some(entry.since);
        }
        entry.flags &= !RECORDED;
        None
    }

    fn recorded(&mut self, slot: u32, tick: u32) {
        if let Some(entry) = self.0.get_mut(slot as usize) {
            match tick {
                NONE => entry.flags &= !RECORDED,
                _ => entry.flags |= RECORDED,
            }
        }
    }
}
