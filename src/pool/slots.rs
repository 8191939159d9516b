//! What is kept of each connection, and the lists of an origin's idle ones.
//!
//! A slot that is left keeps its number's records ([`Calendar`](super::calendar::Calendar)) and its old id, which is `Copy`. The low bits of a stamp
//! say what the slot is in; each step adds to the stamp, so that a name from before it is recognised as stale by one comparison.

use super::calendar::{CHUNK, SlotTimes};
use super::origins::Origin;

/// No slot, no tick, never.
pub(super) const NONE: u32 = u32::MAX;

/// One connection: 48 octets and the id.
#[derive(Debug)]
pub(super) struct Entry<Id> {
    pub(super) id: Id,
    /// When it was handed out or came back, in nanoseconds.
    pub(super) since: u64,
    /// When its time is up while it is idle; `u64::MAX`: never. Of a leased one, an instant that its record is not too late for, or
    /// `u64::MAX`: if it comes back for longer than to then, its record will do.
    pub(super) due: u64,
    /// A count of its steps above its state.
    pub(super) stamp: u32,
    pub(super) origin: u32,
    /// The one before it in its list; of a vacant slot, nothing.
    pub(super) prev: u32,
    /// The one after it in its list; of a vacant slot, the next vacant one.
    pub(super) next: u32,
    /// What its order looks at: KiB that it has carried, or its number in the order of opening.
    pub(super) rank: u32,
    /// The second in which its age ends; [`NONE`]: never.
    pub(super) retires_at: u32,
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
/// It has been handed out after it had been idle.
pub(super) const REUSED: u8 = 4;
/// It is of an earlier generation.
pub(super) const OUTDATED: u8 = 8;
/// Its slot has a record in the calendar of idleness, or needs none. Of the slot, not of the connection.
pub(super) const RECORDED: u8 = 16;
/// Its uses are limited.
pub(super) const LIMITED: u8 = 128;
/// In which of its origin's lists it is.
pub(super) const LIST_SHIFT: u32 = 5;
pub(super) const LIST_MASK: u8 = 3 << LIST_SHIFT;

/// What a connection on the fast path has, and nothing else.
pub(super) const SETTLED: u8 = USED | PROVEN | REUSED | RECORDED;

pub(super) const VACANT: u32 = 0;
pub(super) const LEASED: u32 = 1;
pub(super) const IDLE: u32 = 2;
/// What a step adds, besides the change of state.
pub(super) const STEP: u32 = 4;
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

    /// Notes in which list it is.
    pub(super) const fn set_list(&mut self, list: usize) {
        self.flags = self.flags & !LIST_MASK | (list as u8) << LIST_SHIFT;
    }

    /// When its time in this state is up.
    pub(super) const fn deadline(&self, lease: u64) -> u64 {
        if self.state() == LEASED { self.since.saturating_add(lease) } else { self.due }
    }

    pub(super) const fn is_idle(&self) -> bool {
        // no state has more bits
        self.stamp & IDLE != 0
    }

    pub(super) const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub(super) const fn list(&self) -> usize {
        ((self.flags & LIST_MASK) >> LIST_SHIFT) as usize
    }
}

/// A list through `prev` and `next`, oldest first. Only its length says where it ends: the outer links of the first and of the last
/// entry may be anything.
///
/// Of the used ones, the last may be in use: it is handed out where it is, and if it comes back before anybody else looks, the
/// list need not be touched. Whoever does look straightens it first.
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
#[inline]
pub(super) fn unlink<Id>(entries: &mut [Entry<Id>], origin: &mut Origin, slot: u32) {
    let Some(entry) = entries.get(slot as usize) else { return };
    let (list, prev, next) = (entry.list(), entry.prev, entry.next);
    if let Some(list) = origin.lists.get_mut(list) {
        unlink_between(entries, list, slot, prev, next);
    }
}

/// Takes an entry with these neighbours out of its list.
#[inline(always)]
pub(super) fn unlink_between<Id>(entries: &mut [Entry<Id>], list: &mut List, slot: u32, prev: u32, next: u32) {
    list.len = list.len.wrapping_sub(1);
    if list.len == 0 {
        *list = List::EMPTY;
    } else if list.first == slot {
        list.first = next;
    } else if list.last == slot {
        list.last = prev;
    } else {
        if let Some(before) = entries.get_mut(prev as usize) {
            before.next = next;
        }
        if let Some(behind) = entries.get_mut(next as usize) {
            behind.prev = prev;
        }
    }
}

/// Puts an entry at the end of one of its origin's lists.
pub(super) fn link<Id>(entries: &mut [Entry<Id>], list: &mut List, slot: u32) {
    let last = std::mem::replace(&mut list.last, slot);
    if list.len == 0 {
        list.first = slot;
    } else if let Some(before) = entries.get_mut(last as usize) {
        before.next = slot;
    }
    list.len = list.len.wrapping_add(1);
    if let Some(entry) = entries.get_mut(slot as usize) {
        entry.prev = last;
    }
}

const _: () = assert!(size_of::<Entry<u64>>() == 48 + 8 && size_of::<Entry<u32>>() <= 48 + 8);

/// By deadline.
pub(super) struct ByDue<'p, Id> {
    pub(super) entries: &'p mut [Entry<Id>],
    /// What is looked at of an entry that is due, too.
    pub(super) origins: &'p [Origin],
    /// How long a lease may last.
    pub(super) lease: u64,
}

impl<Id: Copy> SlotTimes for ByDue<'_, Id> {
    #[inline(always)]
    fn time(&mut self, slot: u32, to: u32) -> Option<u64> {
        let entry = self.entries.get_mut(slot as usize)?;
        if entry.armed > to {
            return None;
        }
        if entry.state() == VACANT {
            entry.armed = NONE;
            return None;
        }
        Some(entry.deadline(self.lease))
    }

    #[inline(always)]
    fn recorded(&mut self, slot: u32, tick: u32) {
        if let Some(entry) = self.entries.get_mut(slot as usize) {
            entry.armed = tick;
            if entry.state() == LEASED {
                // the record may be too late for when it comes back
                entry.due = u64::MAX;
            }
        }
    }

    fn prefetch(&self, slots: &[u32]) {
        let (mut origins, mut all) = ([0; CHUNK], 0);
        // loads that do not wait for each other, of both cache lines that an entry and an origin may lie in
        for (origin, &slot) in origins.iter_mut().zip(slots) {
            if let Some(entry) = self.entries.get(slot as usize) {
                *origin = entry.origin;
                std::hint::black_box(entry.id);
                all ^= u32::from(entry.flags);
            }
        }
        for &index in &origins[..slots.len().min(CHUNK)] {
            if let Some(origin) = self.origins.get(index as usize) {
                all ^= origin.lists[0].first ^ u32::from(origin.flags);
            }
        }
        std::hint::black_box(all);
    }
}

/// By the instant since when it is idle.
pub(super) struct BySince<'p, Id>(pub(super) &'p mut [Entry<Id>]);

impl<Id> SlotTimes for BySince<'_, Id> {
    fn time(&mut self, slot: u32, _: u32) -> Option<u64> {
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

    fn prefetch(&self, slots: &[u32]) {
        let flags = slots.iter().filter_map(|&slot| self.0.get(slot as usize)).fold(0, |all, entry| all ^ entry.flags);
        std::hint::black_box(flags);
    }
}
