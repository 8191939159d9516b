//! The two times by which connections are kept in order: their deadline, and since when they are idle.

use core::hint::black_box;

use super::calendar::{CHUNK, SlotTimes};
use super::index::{OriginIndex, Slot, Table, TableIndex, Tick};
use super::origins::Origin;
use super::slots::{Entries, EntriesView, ListKind};
use crate::config::nanos::Span;
use crate::time::Instant;

/// By deadline.
pub(super) struct ByDeadline<'p, Id> {
    pub(super) entries: EntriesView<'p, Id>,
    /// Prefetched: the origin of an entry that is due is needed too.
    pub(super) origins: &'p Table<OriginIndex, Origin>,
    /// How long a lease may last.
    pub(super) lease: Span,
}

impl<Id: Copy> SlotTimes for ByDeadline<'_, Id> {
    #[inline]
    fn time(&mut self, slot: Slot, front: Tick) -> Option<Instant> {
        let entry = self.entries.get_mut(slot)?;
        if entry.armed > front {
            return None;
        }
        if entry.is_vacant() {
            entry.armed = Tick::NEVER;
            return None;
        }
        Some(entry.deadline(self.lease))
    }

    #[inline]
    fn set_record(&mut self, slot: Slot, tick: Tick) {
        if let Some(entry) = self.entries.get_mut(slot) {
            entry.armed = tick;
            if entry.is_leased() {
                // the record may be too late for when it comes back
                entry.due = Instant::MAX;
            }
        }
    }

    fn prefetch(&self, slots: &[Slot]) {
        let (mut origins, mut all) = ([OriginIndex::NONE; CHUNK], 0);
        // the loads do not wait for each other; an entry and an origin may each extend over two cache lines
        for (origin, &slot) in origins.iter_mut().zip(slots) {
            if let Some(entry) = self.entries.get(slot) {
                *origin = entry.origin;
                black_box(entry.id);
                all ^= entry.marks.load();
            }
        }
        for &index in &origins[..slots.len().min(CHUNK)] {
            if let Some(origin) = self.origins.get(index) {
                all ^= origin.lists[ListKind::USED].first.as_usize() as u32 ^ u32::from(origin.is_proxy);
            }
        }
        black_box(all);
    }
}

/// By the instant since when they are idle.
pub(super) struct ByIdleSince<'p, Id>(pub(super) &'p mut Entries<Id>);

impl<Id> SlotTimes for ByIdleSince<'_, Id> {
    fn time(&mut self, slot: Slot, _: Tick) -> Option<Instant> {
        let entry = self.0.get_mut(slot)?;
        if entry.is_idle() {
            return Some(entry.since);
        }
        entry.marks.set_in_idle_order(false);
        None
    }

    fn set_record(&mut self, slot: Slot, tick: Tick) {
        if let Some(entry) = self.0.get_mut(slot) {
            entry.marks.set_in_idle_order(tick != Tick::NEVER);
        }
    }

    fn prefetch(&self, slots: &[Slot]) {
        let entries = slots.iter().filter_map(|&slot| self.0.get(slot));
        black_box(entries.fold(0, |all, entry| all ^ entry.marks.load()));
    }
}
