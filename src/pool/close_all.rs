//! What ends many connections at once: another network or other settings, a sleep, a drain.

use std::hash::{BuildHasher, Hash};

use super::Pool;
use super::reasons::EndReason;
use super::resolved::nanos;
use super::slots::OUTDATED;
use crate::time::Instant;

impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
    /// Begins a generation: what is idle goes, what is in use goes when it comes back, since the network or the settings have
    /// changed. Takes time in the number of connections; [`expire`](Self::expire) says what to close.
    pub fn new_generation(&mut self, now: Instant) {
        let now = self.advance_clock(now);
        for entry in &mut self.entries {
            entry.flags |= OUTDATED;
        }
        self.end_idle(now, EndReason::Generation);
    }

    /// We slept for so long, while the caller's clock stood still: idle connections are older than they look. Those that are past
    /// their time go, and all of them after [`suspension`](super::PoolTimeouts::suspension). Takes time in the number of connections.
    pub fn suspended(&mut self, now: Instant, asleep: core::time::Duration) {
        let now = self.advance_clock(now);
        let asleep = nanos(Some(asleep));
        if asleep >= nanos(self.config.timeouts.suspension) {
            return self.end_idle(now, EndReason::Suspended);
        }
        for slot in 0..self.entries.len() as u32 {
            let entry = &mut self.entries[slot as usize];
            if entry.is_idle() && entry.due != u64::MAX {
                entry.due = entry.due.saturating_sub(asleep);
                self.arm_deadline(slot);
            }
        }
    }

    /// Ends the pool: whoever waits or asks gets nothing, what is idle goes, and what is in use when it comes back. [`expire`](Self::expire)
    /// says what to close. Takes time in the number of connections.
    pub fn drain(&mut self, now: Instant) {
        let now = self.advance_clock(now);
        self.draining = true;
        self.update_fast_path();
        self.end_idle(now, EndReason::Drain);
    }

    fn end_idle(&mut self, now: u64, why: EndReason) {
        for slot in 0..self.entries.len() as u32 {
            let entry = &mut self.entries[slot as usize];
            if entry.is_idle() {
                (entry.due, entry.why) = (now, why as u8);
                self.arm_deadline(slot);
            }
        }
    }
}
