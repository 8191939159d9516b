//! What ends many connections at once: another network or other settings, a host that moved, a sleep, a drain.

use core::time::Duration;
use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};

use super::Pool;
use super::index::OriginIndex;
use super::reasons::EndReason;
use super::slots::ListKind;
use crate::config::nanos::Span;
use crate::time::Instant;

impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
    /// Begins a generation, since the network or the settings have changed: idle connections end now, those in use when they come
    /// back. [`expire`](Self::expire) says what to close. Takes time in proportion to the number of connections.
    pub fn new_generation(&mut self, now: Instant) {
        let now = self.advance_clock(now);
        for entry in self.entries.items_mut() {
            entry.marks.set_outdated();
        }
        self.end_idle(now, EndReason::Generation);
        self.after_call();
    }

    /// Begins a generation of one key, since its host has moved: its idle connections end now, those in use when they come back.
    /// [`expire`](Self::expire) says what to close. Other keys are not touched. Takes time in proportion to the idle connections of
    /// the key. From here on the pool's clock is ahead by a nanosecond, so that what is handed out next is told from what was before.
    pub fn new_generation_of<Q>(&mut self, now: Instant, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let now = self.advance_clock(now);
        if let Some(index) = self.origins.find(key) {
            self.unlink_leased(index);
            self.end_idle_of(now, index, EndReason::Generation);
            if self.origins.all[index].held > self.origins.all[index].idle() {
                self.origins.note_mut(index).generation = Some(now);
                self.now = now + Duration::from_nanos(1);
            }
        }
        self.after_call();
    }

    /// Ends the idle connections of a key. None is leased where it is.
    pub(super) fn end_idle_of(&mut self, now: Instant, index: OriginIndex, why: EndReason) {
        for kind in [ListKind::USED, ListKind::UNUSED, ListKind::EXPIRED] {
            let list = self.origins.all[index].lists[kind];
            let mut slot = list.first;
            for _ in 0..list.len {
                let entry = &mut self.entries[slot];
                (entry.due, entry.why) = (now, why);
                let next = entry.next;
                self.arm_deadline(slot);
                slot = next;
            }
        }
    }

    /// The machine slept for this long while the caller's clock stood still: connections are older than they look, and idle for
    /// longer. Those whose time is over end, and all idle ones after [`suspension`](super::PoolTimeouts::suspension). To be called
    /// before anything else when the machine wakes: see [`SleepMeter`](super::SleepMeter). Takes time in proportion to the number of
    /// connections.
    pub fn suspended(&mut self, now: Instant, asleep: Duration) {
        let now = self.advance_clock(now);
        let asleep = Span::of(Some(asleep));
        for entry in self.entries.items_mut() {
            entry.retires_at = entry.retires_at.earlier(asleep);
        }
        if asleep >= self.resolved.suspension {
            self.end_idle(now, EndReason::Suspended);
        } else {
            self.bring_forward(asleep);
        }
        self.after_call();
    }

    /// Idle connections are idle for longer by this time, and end sooner.
    fn bring_forward(&mut self, asleep: Span) {
        for slot in self.entries.indices() {
            let entry = &mut self.entries[slot];
            if entry.is_idle() {
                entry.since = asleep.before(entry.since);
                if entry.due != Instant::MAX {
                    entry.due = asleep.before(entry.due);
                    self.arm_deadline(slot);
                }
            }
        }
        if self.resolved.orders_by_idle {
            self.order_by_idle_anew();
        }
    }

    /// Ends the pool: no request gets a connection any more, idle connections end now, those in use when they come back.
    /// [`expire`](Self::expire) says what to close. Takes time in proportion to the number of connections.
    pub fn drain(&mut self, now: Instant) {
        let now = self.advance_clock(now);
        self.draining = true;
        self.update_fast_path();
        self.end_idle(now, EndReason::Drain);
        self.after_call();
    }

    fn end_idle(&mut self, now: Instant, why: EndReason) {
        for slot in self.entries.indices() {
            let entry = &mut self.entries[slot];
            if entry.is_idle() {
                (entry.due, entry.why) = (now, why);
                self.arm_deadline(slot);
            }
        }
    }
}
