//! A queue of slots by a time that mostly grows: buckets of a coarse tick, re-armed lazily, exact in front.
//!
//! A connection's deadline moves with each use and is hardly ever met. So a slot has one record, in the bucket of the tick
//! that its time had when the record was made; when the time moves later the record stays, and comes up early. It is then
//! looked at, and put where it belongs by then: once a period, not once a use. Only a time that moves earlier needs another
//! record; the old one is recognised by not being where the slot says its record is, and dropped.
//!
//! A record belongs to its slot, not to the connection in it: a slot that changes hands keeps it. Buckets are chains of
//! chunks with bare slot numbers, so that the slots of a bucket are loaded side by side, not one after another; the
//! bucket in front is sorted where the exact order matters, and a stack where all of it is due.
//!
//! [`DeadlineQueue`](crate::DeadlineQueue) has the same idea for classes of one timeout each; it takes 40 octets a connection,
//! and a tree where deadlines come out of order, as peers' hints make them do.

use std::boxed::Box;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::vec;
use std::vec::Vec;

use super::entries::NONE;

/// The times that a [`Calendar`] is ordered by, and where it keeps each slot's record.
pub(super) trait Times {
    /// The record of this slot, found at a tick within these: its time now. `None`: the record is not, or no longer, needed.
    fn time(&mut self, slot: u32, from: u32, to: u32) -> Option<u64>;
    /// The slot's record is at this tick now; [`NONE`]: it has none.
    fn recorded(&mut self, slot: u32, tick: u32);
    /// What changes with whatever changes the slot's time to a later one.
    fn stamp(&self, slot: u32) -> u32;
}

#[derive(Debug)]
pub(super) struct Calendar {
    /// The instant of tick 1; before it is the front as it begins.
    base: u64,
    /// Nanoseconds of a tick, as a power of two.
    shift: u32,
    /// The tick in front: what belongs to it and before is in `near` or `ripe`.
    front: u32,
    /// The first chunk of each tick's chain, by tick modulo their number.
    buckets: Box<[u32]>,
    /// What is left of the front's chain to look through.
    chain: u32,
    /// Which buckets have a chunk.
    filled: [u64; BUCKETS / 64],
    chunks: Vec<Chunk>,
    /// The first unused chunk.
    unused: u32,
    /// What the front had, the first at the end.
    soon: Vec<(u64, u32)>,
    /// What came to the front later.
    near: BinaryHeap<Reverse<(u64, u32)>>,
    /// Slots that were due when they were looked at, with their stamps. They have no record.
    ripe: Vec<(u32, u32)>,
}

/// Records side by side.
#[derive(Debug)]
struct Chunk {
    slots: [u32; CHUNK],
    len: u32,
    next: u32,
}

impl Calendar {
    /// Ticks count from `base`; times up to `span` nanoseconds ahead are told apart.
    pub(super) fn new(base: u64, span: u64) -> Self {
        let shift = (span / (BUCKETS as u64 - 1)).max(1).ilog2() + 1;
        Self {
            base,
            shift: shift.clamp(SHIFT_LEAST, SHIFT_MOST),
            front: 0,
            buckets: vec![NONE; BUCKETS].into_boxed_slice(),
            chain: NONE,
            filled: [0; BUCKETS / 64],
            chunks: Vec::new(),
            unused: NONE,
            soon: Vec::new(),
            near: BinaryHeap::new(),
            ripe: Vec::new(),
        }
    }

    /// Makes room for so many more records.
    pub(super) fn reserve(&mut self, records: usize) {
        let _ = self.chunks.try_reserve_exact(records / CHUNK + BUCKETS);
    }

    /// The tick of a time; [`NONE`] for one that never comes.
    #[inline(always)]
    pub(super) fn tick(&self, at: u64) -> u32 {
        let tick = (at.saturating_sub(self.base) >> self.shift) + 1;
        if tick >= u64::from(NONE) { NONE } else { tick as u32 }
    }

    /// The first instant of a tick.
    fn start(&self, tick: u32) -> u64 {
        let ticks = u64::from(tick.saturating_sub(1));
        if ticks > u64::MAX >> self.shift { u64::MAX } else { self.base.saturating_add(ticks << self.shift) }
    }

    /// A record at this tick is late for a time of that tick.
    #[inline(always)]
    pub(super) fn is_late(&self, recorded: u32, tick: u32) -> bool {
        tick < recorded || tick <= self.front
    }

    /// Makes a record: the tick where it is now.
    pub(super) fn insert(&mut self, slot: u32, at: u64) -> u32 {
        let tick = self.tick(at);
        if tick == NONE {
            return NONE;
        }
        if tick <= self.front {
            self.near.push(Reverse((at, slot)));
            return self.front;
        }
        let tick = tick.min(self.front.saturating_add(BUCKETS as u32 - 1));
        let bucket = tick as usize % BUCKETS;
        let head = self.buckets[bucket];
        let room = self.chunks.get_mut(head as usize).filter(|chunk| (chunk.len as usize) < CHUNK);
        match room {
            Some(chunk) => {
                chunk.slots[chunk.len as usize] = slot;
                chunk.len += 1;
            }
            None => {
                self.buckets[bucket] = self.chunk(slot, head);
                self.filled[bucket / 64] |= 1 << (bucket % 64);
            }
        }
        tick
    }

    /// A chunk with one record in front of a chain.
    fn chunk(&mut self, slot: u32, next: u32) -> u32 {
        let mut chunk = Chunk { slots: [0; CHUNK], len: 1, next };
        chunk.slots[0] = slot;
        let index = self.unused;
        match self.chunks.get_mut(index as usize) {
            Some(unused) => {
                self.unused = unused.next;
                *unused = chunk;
                index
            }
            None => {
                self.chunks.push(chunk);
                self.chunks.len() as u32 - 1
            }
        }
    }

    /// A slot whose time is `now` or before, and which has no record any more. In no particular order.
    #[inline]
    pub(super) fn pop_due(&mut self, now: u64, times: &mut impl Times) -> Option<u32> {
        loop {
            let slot = if let Some((slot, stamp)) = self.ripe.pop() {
                if times.stamp(slot) == stamp {
                    return Some(slot);
                }
                continue;
            } else if self.chain != NONE {
                self.look_through(now, times);
                continue;
            } else if let Some((_, slot)) = self.pop_near(now) {
                slot
            } else if self.front < self.tick(now) {
                self.open(self.next_filled().unwrap_or(NONE).min(self.tick(now)));
                continue;
            } else {
                return None;
            };
            if let Some(at) = times.time(slot, 0, self.front) {
                if at <= now {
                    times.recorded(slot, NONE);
                    return Some(slot);
                }
                let tick = self.insert(slot, at);
                times.recorded(slot, tick);
            }
        }
    }

    /// The slot whose time is first of all, and which has no record any more, with its time.
    pub(super) fn pop_first(&mut self, times: &mut impl Times) -> Option<(u32, u64)> {
        loop {
            while self.chain != NONE {
                self.look_through(0, times);
            }
            while let Some((slot, stamp)) = self.ripe.pop() {
                if let Some(at) = times.time(slot, NONE, NONE).filter(|_| times.stamp(slot) == stamp) {
                    let tick = self.insert(slot, at);
                    times.recorded(slot, tick);
                }
            }
            let Some((recorded, slot)) = self.pop_near(u64::MAX) else {
                self.open(self.next_filled()?);
                continue;
            };
            match times.time(slot, 0, self.front) {
                Some(at) if at == recorded => {
                    times.recorded(slot, NONE);
                    return Some((slot, at));
                }
                Some(at) => {
                    let tick = self.insert(slot, at);
                    times.recorded(slot, tick);
                }
                None => {}
            }
        }
    }

    /// When something may be due: never late; early only where its bucket holds many.
    pub(super) fn next(&self, times: impl Fn(u32) -> Option<u64>) -> Option<u64> {
        if !self.ripe.is_empty() || self.chain != NONE {
            return Some(self.start(self.front));
        }
        let near = self.near.peek().map_or(u64::MAX, |near| near.0.0);
        let mut first = self.soon.last().map_or(near, |soon| near.min(soon.0));
        let mut tick = self.front;
        while let Some(next) = self.next_filled_after(tick) {
            tick = next;
            let start = self.start(tick);
            if start >= first {
                break;
            }
            let chunk = &self.chunks[self.buckets[tick as usize % BUCKETS] as usize];
            if chunk.next != NONE || chunk.len > FEW {
                first = start;
                break;
            }
            let times = chunk.slots[..chunk.len as usize].iter().filter_map(|&slot| times(slot));
            first = times.fold(first, u64::min);
        }
        (first != u64::MAX).then_some(first)
    }

    /// Makes this tick the front: it is the next with a record, or there is none before it.
    fn open(&mut self, tick: u32) {
        self.front = tick;
        let bucket = tick as usize % BUCKETS;
        self.chain = std::mem::replace(&mut self.buckets[bucket], NONE);
        self.filled[bucket / 64] &= !(1 << (bucket % 64));
    }

    /// Looks through one chunk of the front: what is due is ripe, the rest near or elsewhere. A chunk at a time, so that what was
    /// looked at is still in the cache when it is used.
    fn look_through(&mut self, now: u64, times: &mut impl Times) {
        let index = self.chain;
        let chunk = &mut self.chunks[index as usize];
        let (slots, len) = (chunk.slots, chunk.len as usize);
        self.chain = std::mem::replace(&mut chunk.next, self.unused);
        self.unused = index;
        for &slot in &slots[..len] {
            match times.time(slot, self.front, self.front) {
                Some(at) if at <= now => {
                    times.recorded(slot, NONE);
                    self.ripe.push((slot, times.stamp(slot)));
                }
                // its record stays at the front
                Some(at) if self.tick(at) <= self.front => self.soon.push((at, slot)),
                Some(at) => {
                    let tick = self.insert(slot, at);
                    times.recorded(slot, tick);
                }
                None => {}
            }
        }
        if self.chain == NONE {
            self.soon.sort_unstable_by(|one, other| other.cmp(one));
        }
    }

    /// The first record at the front, if it is not later than this.
    fn pop_near(&mut self, to: u64) -> Option<(u64, u32)> {
        let soon = self.soon.last().map_or((u64::MAX, NONE), |&soon| soon);
        match self.near.peek() {
            Some(&Reverse(near)) if near <= soon => {
                (near.0 <= to).then(|| self.near.pop()).flatten().map(|near| near.0)
            }
            _ => (soon.0 <= to).then(|| self.soon.pop()).flatten(),
        }
    }

    fn next_filled(&self) -> Option<u32> {
        self.next_filled_after(self.front)
    }

    /// The first tick behind this one with a record, of those that have a bucket of their own.
    fn next_filled_after(&self, tick: u32) -> Option<u32> {
        let last = self.front.saturating_add(BUCKETS as u32 - 1);
        let mut tick = tick.checked_add(1)?;
        while tick <= last {
            let bucket = tick as usize % BUCKETS;
            let word = self.filled[bucket / 64] >> (bucket % 64);
            if word != 0 {
                let found = tick + word.trailing_zeros();
                return (found <= last).then_some(found);
            }
            tick = tick.checked_add(64 - bucket as u32 % 64)?;
        }
        None
    }
}

/// Ticks that are told apart; a power of two, so that ticks may wrap.
const BUCKETS: usize = 512;
/// So many records are looked at to know when the next is due.
const FEW: u32 = 8;
/// Records in a chunk, which is four cache lines.
const CHUNK: usize = 62;
/// A tick is at least a millisecond …
const SHIFT_LEAST: u32 = 20;
/// … and at most four minutes.
const SHIFT_MOST: u32 = 38;

const _: () = assert!(size_of::<Chunk>() == 256);
