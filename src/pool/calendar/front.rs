//! What the tick in front holds and is not due yet, in as much order as it is asked for.

use std::vec::Vec;

/// Records by time. What was found to be due is at the end.
#[derive(Debug)]
pub(super) struct FrontRecords {
    records: Vec<(u64, u32)>,
    /// None of those that are not known to be due is before.
    least: u64,
    /// The first is at the end, and so on.
    sorted: bool,
    /// So often all were looked through without being sorted.
    passes: u8,
}

impl FrontRecords {
    pub(super) const fn new() -> Self {
        Self { records: Vec::new(), least: u64::MAX, sorted: true, passes: 0 }
    }

    /// It may be added to: nothing is in order yet.
    pub(super) const fn allow_unsorted(&mut self) {
        self.sorted = false;
    }

    /// Of another tick from here on.
    pub(super) const fn start_tick(&mut self) {
        self.passes = 0;
    }

    /// Adds a record, unless that would break an order that was made.
    pub(super) fn push(&mut self, at: u64, slot: u32) -> bool {
        if !self.sorted {
            self.records.push((at, slot));
            self.least = self.least.min(at);
        }
        !self.sorted
    }

    /// No record is before.
    pub(super) fn first(&self) -> u64 {
        self.records.last().map_or(u64::MAX, |last| last.0.min(self.least))
    }

    /// The first of all, once they are sorted.
    pub(super) fn peek(&self) -> Option<(u64, u32)> {
        self.records.last().copied()
    }

    pub(super) fn pop(&mut self) -> Option<(u64, u32)> {
        let last = self.records.pop();
        match self.records.last() {
            None => (self.least, self.sorted) = (u64::MAX, true),
            Some(&(at, _)) if self.sorted => self.least = at,
            Some(_) => {}
        }
        last
    }

    /// One that is due at `now`, if any is. In no particular order.
    pub(super) fn pop_due(&mut self, now: u64) -> Option<u32> {
        if self.first() > now {
            return None;
        }
        if self.records.last().is_some_and(|last| last.0 > now) {
            if self.passes < MOST_PASSES { self.partition_due(now) } else { self.sort() }
        }
        self.records.last().filter(|last| last.0 <= now)?;
        self.pop().map(|last| last.1)
    }

    /// Puts what is due to the end: to sort takes longer, if this is not done often.
    fn partition_due(&mut self, now: u64) {
        let mut later = 0;
        self.least = u64::MAX;
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
            self.least = self.records.last().map_or(u64::MAX, |last| last.0);
        }
    }
}

/// So often what is not due yet is looked through before it is sorted.
const MOST_PASSES: u8 = 4;
