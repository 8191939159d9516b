//! What is kept of each connection.
//!
//! When a connection is removed, its slot keeps its records in the [calendars](super::calendar::Calendar) and the old id, which is
//! `Copy`. The slot's [`Stamp`] changes with each step, so that a name from before the step is found to be stale by one comparison.

use super::index::{OriginIndex, Second, Slot, Table, TableView, Tick};
use super::reasons::EndReason;
use crate::config::nanos::Span;
use crate::time::Instant;

/// All connections.
pub(super) type Entries<Id> = Table<Slot, Entry<Id>>;

/// The same, with its address in registers.
pub(super) type EntriesView<'e, Id> = TableView<'e, Slot, Entry<Id>>;

/// One connection: 48 octets and the id.
#[derive(Debug)]
pub(super) struct Entry<Id> {
    pub(super) id: Id,
    /// When it was handed out or came back.
    pub(super) since: Instant,
    /// While idle: when it is to be closed; [`Instant::MAX`]: never.
    ///
    /// While leased: the latest instant for which its record in the calendar comes up early enough, or [`Instant::MAX`]. If it comes
    /// back and may be idle for longer than that, it needs no other record.
    pub(super) due: Instant,
    pub(super) stamp: Stamp,
    pub(super) origin: OriginIndex,
    /// The connection before it in its list.
    pub(super) prev: Slot,
    /// The connection after it in its list; of a vacant slot, the next vacant one.
    pub(super) next: Slot,
    /// What its order compares: KiB that it has carried, or its number in the order of opening.
    pub(super) order_key: u32,
    /// The second in which it reaches its age.
    pub(super) retires_at: Second,
    /// The tick of its record in the calendar of deadlines.
    pub(super) armed: Tick,
    /// How often it may still be used; `u16::MAX`: any number of times.
    pub(super) uses_left: u16,
    pub(super) marks: Marks,
    /// Why it ends when `due` comes.
    pub(super) why: EndReason,
}

impl<Id> Entry<Id> {
    /// When its time in this state is over.
    pub(super) fn deadline(&self, lease: Span) -> Instant {
        if self.is_leased() { lease.after(self.since) } else { self.due }
    }

    pub(super) const fn is_idle(&self) -> bool {
        self.stamp.0 & State::Idle as u32 != 0
    }

    #[inline]
    pub(super) const fn is_leased(&self) -> bool {
        self.stamp.0 & STATE_BITS == State::Leased as u32
    }

    #[inline]
    pub(super) const fn is_vacant(&self) -> bool {
        self.stamp.0 & STATE_BITS == State::Vacant as u32
    }

    /// Goes over into another state: names from before are stale.
    #[inline]
    pub(super) const fn step(&mut self, to: State) {
        self.stamp = self.stamp.step(to);
    }
}

/// What a slot holds. No two of them have a bit in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Vacant = 0,
    Leased = 1,
    Idle = 2,
}

/// The state of a slot in the low bits, and a count of its steps in the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stamp(u32);

/// The low bits, which say the state.
const STATE_BITS: u32 = 3;

impl Stamp {
    /// A new slot's.
    pub(super) const FIRST_LEASE: Self = Self(State::Leased as u32);

    pub(super) const fn step(self, to: State) -> Self {
        Self((self.0 | STATE_BITS).wrapping_add(1) | to as u32)
    }

    /// [`step`](Self::step) of an idle connection that is leased, in one addition.
    #[inline]
    pub(super) const fn idle_to_leased(self) -> Self {
        Self(self.0.wrapping_add(STATE_BITS + 1 + State::Leased as u32 - State::Idle as u32))
    }

    /// [`step`](Self::step) of a leased connection that becomes idle, in one addition.
    #[inline]
    pub(super) const fn leased_to_idle(self) -> Self {
        Self(self.0.wrapping_add(STATE_BITS + 1 + State::Idle as u32 - State::Leased as u32))
    }
}

/// One of the lists of an origin's idle connections. A number and not an enum, since it is stored in two bits: to make a variant of
/// them would take eight instructions more for each connection that expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListKind(u8);

impl ListKind {
    /// They have carried an exchange.
    pub(super) const USED: Self = Self(0);
    /// They have not.
    pub(super) const UNUSED: Self = Self(1);
    /// Their time is over: they only wait to be closed.
    pub(super) const EXPIRED: Self = Self(2);

    #[inline]
    pub(super) const fn as_usize(self) -> usize {
        self.0 as usize
    }
}

/// What is known of a connection in yes and no, and which list it is in: one octet, so that an idle connection takes 64 in all.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Marks(u8);

const USED: u8 = 1;
const PROVEN: u8 = 2;
const REUSED: u8 = 4;
const OUTDATED: u8 = 8;
const IN_IDLE_ORDER: u8 = 16;
const LIST_SHIFT: u32 = 5;
const LIST: u8 = 3 << LIST_SHIFT;
const LIMITED: u8 = 128;

impl Marks {
    /// Of a new connection.
    pub(super) const fn new(limited: bool, in_idle_order: bool) -> Self {
        Self(if limited { LIMITED } else { 0 } | if in_idle_order { IN_IDLE_ORDER } else { 0 })
    }

    /// Used and used again, neither outdated nor limited, in no need of a record, in the list of used ones: the fast path of a
    /// check-in serves these alone.
    #[inline]
    pub(super) const fn are_usual(self) -> bool {
        self.0 == USED | PROVEN | REUSED | IN_IDLE_ORDER
    }

    /// It has carried an exchange.
    pub(super) const fn is_used(self) -> bool {
        self.0 & USED != 0
    }

    /// It has carried an exchange after it had been idle.
    pub(super) const fn is_proven(self) -> bool {
        self.0 & PROVEN != 0
    }

    /// It was handed out after it had been idle.
    pub(super) const fn is_reused(self) -> bool {
        self.0 & REUSED != 0
    }

    /// It belongs to an earlier generation.
    pub(super) const fn is_outdated(self) -> bool {
        self.0 & OUTDATED != 0
    }

    /// Its slot has a record in the order of idleness, or needs none. This stays when the connection goes.
    pub(super) const fn is_in_idle_order(self) -> bool {
        self.0 & IN_IDLE_ORDER != 0
    }

    #[cfg(debug_assertions)]
    pub(super) const fn is_limited(self) -> bool {
        self.0 & LIMITED != 0
    }

    /// An exchange on it is over.
    pub(super) const fn note_exchange(&mut self) {
        self.0 |= if self.is_reused() { USED | PROVEN } else { USED };
    }

    #[inline]
    pub(super) const fn set_reused(&mut self) {
        self.0 |= REUSED;
    }

    pub(super) const fn set_outdated(&mut self) {
        self.0 |= OUTDATED;
    }

    /// The number of its uses is limited.
    pub(super) const fn set_limited(&mut self) {
        self.0 |= LIMITED;
    }

    pub(super) const fn set_in_idle_order(&mut self, is: bool) {
        self.0 = if is { self.0 | IN_IDLE_ORDER } else { self.0 & !IN_IDLE_ORDER };
    }

    /// The list of its origin in which it is.
    #[inline]
    pub(super) const fn list(self) -> ListKind {
        ListKind((self.0 & LIST) >> LIST_SHIFT)
    }

    pub(super) const fn set_list(&mut self, list: ListKind) {
        self.0 = self.0 & !LIST | list.0 << LIST_SHIFT;
    }

    /// A number that depends on them: to read it is to load them.
    pub(super) const fn load(self) -> u32 {
        self.0 as u32
    }
}

impl core::fmt::Debug for Marks {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let all =
            [(USED, "used"), (PROVEN, "proven"), (REUSED, "reused"), (OUTDATED, "outdated"), (LIMITED, "limited")];
        let marks = all.iter().filter(|(bit, _)| self.0 & bit != 0).map(|(_, name)| name);
        f.debug_set().entries(marks).entry(&self.list()).finish()
    }
}

const _: () = assert!(size_of::<Entry<u64>>() == 48 + 8 && size_of::<Entry<u32>>() <= 48 + 8);
