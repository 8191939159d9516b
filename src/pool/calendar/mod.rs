//! Slots in the order of a time that mostly grows: buckets of a coarse tick, records that are moved late, exact where it matters.
//!
//! A connection's deadline moves with each use and is hardly ever met. So a slot has one record, in the bucket of the tick
//! that its time had when the record was made. When the time moves later, the record stays and comes up early: then the time is
//! looked at, and the record is made again where it belongs by then. That is once a period, not once a use. Only a time that moves
//! earlier needs another record at once. The old one is dropped when it comes up: its tick is not the one that the slot knows.
//!
//! A record belongs to its slot, not to the connection in it: a slot that gets another connection keeps it. Buckets are chains of
//! chunks of bare slot numbers. Those of a chunk are looked at one after another, each once, but what they stand for is prefetched
//! together: to load that takes most of the time. Records of the front tick that are not due yet are set aside
//! ([`FrontRecords`]), and sorted where their order matters.
//!
//! [`DeadlineQueue`](crate::DeadlineQueue) has the same idea for classes of one timeout each. It takes 40 octets a connection,
//! and a tree where deadlines come out of order, as peers' hints make them do.

mod front;

use core::hint::black_box;
use core::mem::replace;
use std::boxed::Box;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::vec::Vec;

use self::front::FrontRecords;
use super::index::{ChunkIndex, Slot, Table, TableIndex, Tick};
use crate::config::nanos::Span;
use crate::time::Instant;

/// The times that a [`Calendar`] is ordered by, and where it keeps each slot's record.
pub(super) trait SlotTimes {
    /// The time of a slot whose record came up when the calendar had reached `front`. `None`: the record is not, or no longer,
    /// needed.
    fn time(&mut self, slot: Slot, front: Tick) -> Option<Instant>;
    /// The slot's record is at this tick now; [`Tick::NEVER`]: it has none.
    fn set_record(&mut self, slot: Slot, tick: Tick);
    /// These are looked at next: loads what that needs.
    fn prefetch(&self, slots: &[Slot]);
}

#[derive(Debug)]
pub(super) struct Calendar {
    /// Slots whose records came up: those from `next_candidate` on are looked at next. No more than a chunk has.
    candidates: Vec<Slot>,
    next_candidate: usize,
    /// The instant at which tick 1 begins.
    base: Instant,
    /// Nanoseconds of a tick, as a power of two.
    shift: u32,
    /// The tick that has been reached. Its records, and all from before, are in `candidates`, `front_chain`, `front_records` or
    /// `late_arrivals`.
    front: Tick,
    /// By tick modulo their number.
    buckets: Box<[Bucket; BUCKETS]>,
    /// What is still to be looked through of the bucket that the front tick had.
    front_chain: ChunkIndex,
    /// Which buckets have a chunk.
    filled: [u64; BUCKETS / 64],
    chunks: Table<ChunkIndex, Chunk>,
    first_unused: ChunkIndex,
    /// Records that the front's chain had and that were not due yet.
    front_records: FrontRecords,
    /// Records that were made for the front tick, or a tick before, once it had been reached.
    late_arrivals: BinaryHeap<Reverse<(Instant, Slot)>>,
}

/// The records of one tick: a chain of chunks.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    first: ChunkIndex,
    last: ChunkIndex,
}

impl Bucket {
    const EMPTY: Self = Self { first: ChunkIndex::NONE, last: ChunkIndex::NONE };
}

/// Records side by side.
#[derive(Debug)]
struct Chunk {
    slots: [Slot; CHUNK],
    len: u32,
    next: ChunkIndex,
}

impl Chunk {
    fn slots(&self) -> &[Slot] {
        &self.slots[..self.len as usize]
    }
}

impl Calendar {
    /// Ticks count from `base`. Times up to `longest` ahead have ticks of their own; what is later shares the last one for a time.
    pub(super) fn new(base: Instant, longest: Span) -> Self {
        let shift = (longest.as_nanos() / (BUCKETS as u64 - 1)).max(1).ilog2() + 1;
        Self {
            candidates: Vec::with_capacity(CHUNK),
            next_candidate: 0,
            base,
            shift: shift.clamp(SHIFT_LEAST, SHIFT_MOST),
            front: Tick::START,
            buckets: Box::new([Bucket::EMPTY; BUCKETS]),
            front_chain: ChunkIndex::NONE,
            filled: [0; BUCKETS / 64],
            chunks: Table::new(),
            first_unused: ChunkIndex::NONE,
            front_records: FrontRecords::new(),
            late_arrivals: BinaryHeap::new(),
        }
    }

    /// Makes room for this many more records, if there is memory.
    pub(super) fn reserve(&mut self, records: usize) {
        let _ = self.chunks.try_reserve_exact(records / CHUNK + BUCKETS);
    }

    /// The tick of a time; [`Tick::NEVER`] for one that never comes.
    #[inline]
    pub(super) fn tick(&self, at: Instant) -> Tick {
        Tick::of((at.as_nanos().saturating_sub(self.base.as_nanos()) >> self.shift) + 1)
    }

    /// The first instant of a tick.
    fn start(&self, tick: Tick) -> Instant {
        let ticks = u64::from(tick.number().saturating_sub(1));
        let start = self.base.as_nanos().saturating_add(ticks.saturating_mul(1 << self.shift));
        Instant::from_nanos(start)
    }

    /// A slot with its record at `recorded` needs another one for a time of this tick: the record would come up late.
    #[inline]
    pub(super) fn needs_record(&self, recorded: Tick, tick: Tick) -> bool {
        tick < recorded || tick <= self.front
    }

    /// Makes a record: the tick where it is now, or [`Tick::NEVER`] if there is none, since the time never comes.
    pub(super) fn insert(&mut self, slot: Slot, at: Instant) -> Tick {
        self.insert_at(slot, at, self.tick(at))
    }

    #[inline]
    fn insert_at(&mut self, slot: Slot, at: Instant, tick: Tick) -> Tick {
        if tick == Tick::NEVER {
            return Tick::NEVER;
        }
        if tick <= self.front {
            self.late_arrivals.push(Reverse((at, slot)));
            return self.front;
        }
        let tick = tick.min(self.last_tick());
        let bucket = bucket_of(tick);
        match self.chunks.get_mut(self.buckets[bucket].last).filter(|chunk| (chunk.len as usize) < CHUNK) {
            Some(chunk) => {
                chunk.slots[chunk.len as usize] = slot;
                chunk.len += 1;
            }
            None => self.add_chunk(bucket, slot),
        }
        tick
    }

    /// Puts a chunk with one record at the end of a bucket's chain.
    #[cold]
    fn add_chunk(&mut self, bucket: usize, slot: Slot) {
        let mut chunk = Chunk { slots: [Slot::NONE; CHUNK], len: 1, next: ChunkIndex::NONE };
        chunk.slots[0] = slot;
        let index = match self.chunks.get_mut(self.first_unused) {
            Some(unused) => {
                let next = unused.next;
                *unused = chunk;
                replace(&mut self.first_unused, next)
            }
            None => self.chunks.push(chunk),
        };
        let last = replace(&mut self.buckets[bucket].last, index);
        match self.chunks.get_mut(last) {
            Some(last) => last.next = index,
            None => self.buckets[bucket].first = index,
        }
        self.filled[bucket / 64] |= 1 << (bucket % 64);
    }

    /// The slot that is looked at next, if it is known.
    #[inline]
    pub(super) fn candidate(&self) -> Option<Slot> {
        self.candidates.get(self.next_candidate).copied()
    }

    /// The candidate has no record any more.
    #[inline]
    pub(super) fn drop_candidate(&mut self) {
        self.next_candidate = self.next_candidate.wrapping_add(1);
    }

    fn pop_candidate(&mut self) -> Option<Slot> {
        let slot = self.candidate()?;
        self.drop_candidate();
        Some(slot)
    }

    /// The tick that has been reached: records up to here come up.
    #[inline]
    pub(super) const fn front(&self) -> Tick {
        self.front
    }

    /// A slot whose time is `now` or before, and which has no record any more. In no particular order.
    pub(super) fn pop_due(&mut self, now: Instant, times: &mut impl SlotTimes) -> Option<Slot> {
        loop {
            let Some(slot) = self.pop_candidate() else {
                if self.load_candidates(now, times) {
                    continue;
                }
                return None;
            };
            if let Some(at) = times.time(slot, self.front) {
                if at <= now {
                    times.set_record(slot, Tick::NEVER);
                    return Some(slot);
                }
                self.reinsert(slot, at, times);
            }
        }
    }

    /// The slot whose time is first of all, and which has no record any more.
    pub(super) fn pop_first(&mut self, times: &mut impl SlotTimes) -> Option<Slot> {
        loop {
            // all records of the front, to be put in order
            while self.candidate().is_some() || self.front_chain != ChunkIndex::NONE {
                match self.pop_candidate() {
                    Some(slot) => {
                        if let Some(at) = times.time(slot, self.front) {
                            self.reinsert(slot, at, times);
                        }
                    }
                    None => self.load_chunk(times),
                }
            }
            self.front_records.sort();
            let Some((recorded, slot)) = self.pop_front() else {
                self.advance_to(self.next_filled(self.front)?);
                continue;
            };
            match times.time(slot, self.front) {
                Some(at) if at == recorded => {
                    times.set_record(slot, Tick::NEVER);
                    return Some(slot);
                }
                Some(at) => {
                    let tick = self.insert(slot, at);
                    times.set_record(slot, tick);
                }
                None => {}
            }
        }
    }

    /// When something may be due: never late; early only where a bucket holds many, and at once where records have come up that were
    /// not looked at. `times`: the time of a slot.
    pub(super) fn next(&self, now: Instant, times: impl Fn(Slot) -> Option<Instant>) -> Option<Instant> {
        if self.candidate().is_some() || self.front_chain != ChunkIndex::NONE {
            return Some(now);
        }
        let late = self.late_arrivals.peek().map_or(Instant::MAX, |arrival| arrival.0.0);
        let mut first = late.min(self.front_records.first());
        let mut tick = self.front;
        while let Some(next) = self.next_filled(tick) {
            tick = next;
            let start = self.start(tick);
            if start >= first {
                break;
            }
            let chunk = &self.chunks[self.buckets[bucket_of(tick)].first];
            if chunk.next != ChunkIndex::NONE || chunk.len > FEW {
                first = start;
                break;
            }
            let times = chunk.slots().iter().filter_map(|&slot| times(slot));
            first = times.fold(first, Instant::min);
        }
        (first != Instant::MAX).then_some(first)
    }

    /// Makes this tick the front. It is the next one with a record, or no tick before it has one.
    fn advance_to(&mut self, tick: Tick) {
        self.front = tick;
        self.front_records.start_tick();
        let bucket = bucket_of(tick);
        self.front_chain = replace(&mut self.buckets[bucket], Bucket::EMPTY).first;
        self.filled[bucket / 64] &= !(1 << (bucket % 64));
    }

    /// Makes a record again for a candidate that is not due.
    #[inline(never)]
    fn reinsert(&mut self, slot: Slot, at: Instant, times: &mut impl SlotTimes) {
        let tick = self.tick(at);
        let stays = tick <= self.front && self.front_records.push(at, slot);
        let tick = if stays { self.front } else { self.insert_at(slot, at, tick) };
        times.set_record(slot, tick);
    }

    /// There is no candidate: makes some of what may be due by now. Whether there are any.
    #[inline(never)]
    fn load_candidates(&mut self, now: Instant, times: &impl SlotTimes) -> bool {
        loop {
            if self.front_chain != ChunkIndex::NONE {
                self.load_chunk(times);
                return true;
            }
            self.candidates.clear();
            self.next_candidate = 0;
            while self.candidates.len() < CHUNK {
                let Some(slot) = self.front_records.pop_due(now).or_else(|| self.pop_late_arrival(now)) else { break };
                self.candidates.push(slot);
            }
            if !self.candidates.is_empty() {
                times.prefetch(&self.candidates);
                return true;
            }
            let tick = self.tick(now);
            if self.front >= tick {
                return false;
            }
            self.advance_to(self.next_filled(self.front).unwrap_or(Tick::NEVER).min(tick));
        }
    }

    /// Makes candidates of the next chunk of the front's chain.
    fn load_chunk(&mut self, times: &impl SlotTimes) {
        self.candidates.clear();
        self.next_candidate = 0;
        let index = self.front_chain;
        let Some(chunk) = self.chunks.get_mut(index) else { return };
        self.candidates.extend_from_slice(&chunk.slots[..chunk.len as usize]);
        self.front_chain = replace(&mut chunk.next, self.first_unused);
        self.first_unused = index;
        if let Some(next) = self.chunks.get(self.front_chain) {
            // prefetch: one load from each of the next chunk's cache lines
            let lines = next.slots.iter().step_by(CACHE_LINE);
            black_box(lines.fold(0, |all, slot| all ^ slot.as_usize()));
        }
        times.prefetch(&self.candidates);
        // what is reinserted is collected, and sorted when that matters
        self.front_records.allow_unsorted();
    }

    fn pop_late_arrival(&mut self, now: Instant) -> Option<Slot> {
        self.late_arrivals.peek().filter(|arrival| arrival.0.0 <= now)?;
        self.late_arrivals.pop().map(|arrival| arrival.0.1)
    }

    /// The first record of the front. Those that were set aside are sorted.
    fn pop_front(&mut self) -> Option<(Instant, Slot)> {
        match self.late_arrivals.peek() {
            Some(&Reverse(arrival)) if self.front_records.peek().is_none_or(|first| arrival <= first) => {
                self.late_arrivals.pop().map(|arrival| arrival.0)
            }
            _ => self.front_records.pop(),
        }
    }

    /// The last tick that has a bucket of its own.
    const fn last_tick(&self) -> Tick {
        self.front.later(BUCKETS as u32 - 1)
    }

    /// The first tick after this one that has a record.
    fn next_filled(&self, tick: Tick) -> Option<Tick> {
        let last = self.last_tick().number();
        let mut tick = tick.number().checked_add(1)?;
        while tick <= last {
            let bucket = tick as usize % BUCKETS;
            let word = self.filled[bucket / 64] >> (bucket % 64);
            if word != 0 {
                let found = tick + word.trailing_zeros();
                return (found <= last).then_some(Tick::of(found.into()));
            }
            tick = tick.checked_add(64 - bucket as u32 % 64)?;
        }
        None
    }
}

#[cfg(debug_assertions)]
impl Calendar {
    /// The slot has a record that comes up with this tick, or has come up already.
    pub(super) fn has_record(&self, slot: Slot, tick: Tick) -> bool {
        if tick > self.front {
            return self.chain(self.buckets[bucket_of(tick)].first).any(|other| other == slot);
        }
        self.front_slots().any(|other| other == slot)
    }

    /// Every slot that has a record, once for each.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> {
        let mut tick = self.front;
        let ticks = core::iter::from_fn(move || {
            tick = self.next_filled(tick)?;
            Some(tick)
        });
        self.front_slots().chain(ticks.flat_map(|tick| self.chain(self.buckets[bucket_of(tick)].first)))
    }

    /// The slots whose records have come up.
    fn front_slots(&self) -> impl Iterator<Item = Slot> {
        let candidates = self.candidates.iter().skip(self.next_candidate).copied();
        let late = self.late_arrivals.iter().map(|arrival| arrival.0.1);
        candidates.chain(self.chain(self.front_chain)).chain(self.front_records.slots()).chain(late)
    }

    fn chain(&self, first: ChunkIndex) -> impl Iterator<Item = Slot> {
        let chunks = core::iter::successors(self.chunks.get(first), |chunk| self.chunks.get(chunk.next));
        chunks.flat_map(|chunk| chunk.slots().iter().copied())
    }
}

#[inline]
const fn bucket_of(tick: Tick) -> usize {
    tick.number() as usize % BUCKETS
}

/// Ticks that have a bucket of their own; a power of two, so that the numbers of ticks may wrap.
const BUCKETS: usize = 512;
/// This many records are looked at to know exactly when the next is due.
const FEW: u32 = 8;
/// Records in a chunk, which is four cache lines. What they stand for, two cache lines each and two for the origin, fits into
/// the smallest cache.
pub(super) const CHUNK: usize = 62;
/// Records in a cache line.
const CACHE_LINE: usize = 16;
/// A tick is at least 34 ms, so that 32 bits of them are more than four years …
const SHIFT_LEAST: u32 = 25;
/// … and at most four minutes.
const SHIFT_MOST: u32 = 38;

const _: () = assert!(size_of::<Chunk>() == 256);
