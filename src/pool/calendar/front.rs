//! Records of the front tick that are not due yet. They are sorted only when their order is needed.

use std::vec::Vec;

use super::super::index::Slot;
use crate::time::Instant;

/// Records by time. Those that were found to be due are at the end.
#[derive(Debug)]
pub(super) struct FrontRecords {
    records: Vec<(Instant, Slot)>,
    /// No record is before this, except for those at the end that were found to be due.
    least: Instant,
    /// The records are in order, the first one at the end.
    sorted: bool,
    /// How often all of this tick were looked through without being sorted.
    passes: u8,
}

impl FrontRecords {
    pub(super) const fn new() -> Self {
        Self { records: Vec::new(), least: Instant::MAX, sorted: true, passes: 0 }
    }

    /// Records may be added from now on: the order is given up.
    pub(super) const fn allow_unsorted(&mut self) {
        self.sorted = false;
    }

    /// Another tick begins.
    pub(super) const fn start_tick(&mut self) {
        self.passes = 0;
    }

    /// Adds a record, unless this would break the order: whether it was added.
    pub(super) fn push(&mut self, at: Instant, slot: Slot) -> bool {
        if !self.sorted {
            self.records.push((at, slot));
            self.least = self.least.min(at);
        }
        !self.sorted
    }

    #[cfg(debug_assertions)]
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> {
        self.records.iter().map(|record| record.1)
    }

    /// No record is before this.
    pub(super) fn first(&self) -> Instant {
        self.records.last().map_or(Instant::MAX, |last| last.0.min(self.least))
    }

    /// The first record, once they are sorted.
    pub(super) fn peek(&self) -> Option<(Instant, Slot)> {
        self.records.last().copied()
    }

    pub(super) fn pop(&mut self) -> Option<(Instant, Slot)> {
        let last = self.records.pop();
        match self.records.last() {
            None => (self.least, self.sorted) = (Instant::MAX, true),
            Some(&(at, _)) if self.sorted => self.least = at,
            Some(_) => {}
        }
        last
    }

    /// One that is due at `now`, if any is. In no particular order.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Slot> {
        if self.first() > now {
            return None;
        }
        if self.records.last().is_some_and(|last| last.0 > now) {
            if self.passes < MOST_PASSES { self.partition_due(now) } else { self.sort() }
        }
        self.records.last().filter(|last| last.0 <= now)?;
        self.pop().map(|last| last.1)
    }

    /// Moves what is due to the end. A few times this takes less than to sort.
    fn partition_due(&mut self, now: Instant) {
        let mut later = 0;
        self.least = Instant::MAX;
        for index in 0..self.records.len() {
            let at = self.records[index].0;
            if at > now {
                self.least = self.least.min(at);
                self.records.swap(later, index);
                later += 1;
            }
        }
        self.sorted = false;
        self.passes += 1;
    }

    pub(super) fn sort(&mut self) {
        if !self.sorted {
            self.records.sort_unstable_by(|one, other| other.cmp(one));
            self.sorted = true;
            self.least = self.records.last().map_or(Instant::MAX, |last| last.0);
        }
    }
}

/// After this many passes over the records of one tick they are sorted.
const MOST_PASSES: u8 = 4;
