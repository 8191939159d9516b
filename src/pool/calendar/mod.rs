//! A queue of slots by a time that mostly grows: buckets of a coarse tick, re-armed lazily, exact in front.
//!
//! A connection's deadline moves with each use and is hardly ever met. So a slot has one record, in the bucket of the tick
//! that its time had when the record was made; when the time moves later the record stays, and comes up early. It is then
//! looked at, and put where it belongs by then: once a period, not once a use. Only a time that moves earlier needs another
//! record; the old one is recognised by not being where the slot says its record is, and dropped.
//!
//! A record belongs to its slot, not to the connection in it: a slot that changes hands keeps it. Buckets are chains of
//! chunks with bare slot numbers. Those of a chunk are looked at one after another, each once, but foreseen side by side: to
//! load them is what takes the time. Of the bucket in front, what is not due yet is put aside, and sorted where the order matters.
//!
//! [`DeadlineQueue`](crate::DeadlineQueue) has the same idea for classes of one timeout each; it takes 40 octets a connection,
//! and a tree where deadlines come out of order, as peers' hints make them do.

mod front;

use std::boxed::Box;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::vec::Vec;

use self::front::FrontRecords;
use super::slots::NONE;

/// The times that a [`Calendar`] is ordered by, and where it keeps each slot's record.
pub(super) trait SlotTimes {
    /// The record of this slot, found at this tick or before: its time now. `None`: the record is not, or no longer, needed.
    fn time(&mut self, slot: u32, to: u32) -> Option<u64>;
    /// The slot's record is at this tick now; [`NONE`]: it has none.
    fn recorded(&mut self, slot: u32, tick: u32);
    /// These are looked at next.
    fn prefetch(&self, slots: &[u32]);
}

#[derive(Debug)]
pub(super) struct Calendar {
    /// Looked at next, together with others: from `candidate_at` on, and no more than a chunk has. Their records are at the front.
    candidates: Vec<u32>,
    candidate_at: usize,
    /// The instant of tick 1; before it is the front as it begins.
    base: u64,
    /// Nanoseconds of a tick, as a power of two.
    shift: u32,
    /// The tick in front: what belongs to it and before is in `candidates`, `front_records` or `late_arrivals`.
    front: u32,
    /// The first and the last chunk of each tick's chain, by tick modulo their number.
    buckets: Box<[(u32, u32); BUCKETS]>,
    /// What is left of the front's chain to look through.
    front_chain: u32,
    /// Which buckets have a chunk.
    filled: [u64; BUCKETS / 64],
    chunks: Vec<Chunk>,
    /// The first unused chunk.
    first_unused: u32,
    /// What the front's chain had and was not due yet.
    front_records: FrontRecords,
    /// What came to the front later.
    late_arrivals: BinaryHeap<Reverse<(u64, u32)>>,
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
            candidates: Vec::with_capacity(CHUNK),
            candidate_at: 0,
            base,
            shift: shift.clamp(SHIFT_LEAST, SHIFT_MOST),
            front: 0,
            buckets: Box::new([(NONE, NONE); BUCKETS]),
            front_chain: NONE,
            filled: [0; BUCKETS / 64],
            chunks: Vec::new(),
            first_unused: NONE,
            front_records: FrontRecords::new(),
            late_arrivals: BinaryHeap::new(),
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
    pub(super) fn needs_record(&self, recorded: u32, tick: u32) -> bool {
        tick < recorded || tick <= self.front
    }

    /// Makes a record: the tick where it is now.
    pub(super) fn insert(&mut self, slot: u32, at: u64) -> u32 {
        self.insert_at(slot, at, self.tick(at))
    }

    #[inline(always)]
    fn insert_at(&mut self, slot: u32, at: u64, tick: u32) -> u32 {
        if tick == NONE {
            return NONE;
        }
        if tick <= self.front {
            self.late_arrivals.push(Reverse((at, slot)));
            return self.front;
        }
        let tick = tick.min(self.front.saturating_add(BUCKETS as u32 - 1));
        let bucket = tick as usize % BUCKETS;
        let last = self.buckets[bucket].1;
        match self.chunks.get_mut(last as usize).filter(|chunk| (chunk.len as usize) < CHUNK) {
            Some(chunk) => {
                chunk.slots[chunk.len as usize] = slot;
                chunk.len += 1;
            }
            None => self.extend(bucket, slot),
        }
        tick
    }

    /// A chunk with one record at the end of a bucket's chain.
    #[cold]
    fn extend(&mut self, bucket: usize, slot: u32) {
        let mut chunk = Chunk { slots: [0; CHUNK], len: 1, next: NONE };
        chunk.slots[0] = slot;
        let mut index = self.first_unused;
        match self.chunks.get_mut(index as usize) {
            Some(unused) => {
                self.first_unused = unused.next;
                *unused = chunk;
            }
            None => {
                index = self.chunks.len() as u32;
                self.chunks.push(chunk);
            }
        }
        let last = std::mem::replace(&mut self.buckets[bucket].1, index);
        match self.chunks.get_mut(last as usize) {
            Some(last) => last.next = index,
            None => self.buckets[bucket].0 = index,
        }
        self.filled[bucket / 64] |= 1 << (bucket % 64);
    }

    /// The slot that is looked at next, if it is known.
    #[inline(always)]
    pub(super) fn candidate(&self) -> Option<u32> {
        self.candidates.get(self.candidate_at).copied()
    }

    /// It has no record any more.
    #[inline(always)]
    pub(super) fn drop_candidate(&mut self) {
        self.candidate_at = self.candidate_at.wrapping_add(1);
    }

    /// The tick up to which what comes up is looked at.
    #[inline(always)]
    pub(super) const fn front(&self) -> u32 {
        self.front
    }

    /// A slot whose time is `now` or before, and which has no record any more. In no particular order.
    pub(super) fn pop_due(&mut self, now: u64, times: &mut impl SlotTimes) -> Option<u32> {
        loop {
            let Some(slot) = self.pop_candidate() else {
                if self.load_candidates(now, times) {
                    continue;
                }
                return None;
            };
            if let Some(at) = times.time(slot, self.front) {
                if at <= now {
                    times.recorded(slot, NONE);
                    return Some(slot);
                }
                self.reinsert(slot, at, times);
            }
        }
    }

    /// The slot whose time is first of all, and which has no record any more, with its time.
    pub(super) fn pop_first(&mut self, times: &mut impl SlotTimes) -> Option<(u32, u64)> {
        loop {
            // all of the front, to be put in order
            while self.candidate().is_some() || self.front_chain != NONE {
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
                self.advance_to(self.next_filled()?);
                continue;
            };
            match times.time(slot, self.front) {
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
        if self.candidate().is_some() || self.front_chain != NONE {
            return Some(self.start(self.front));
        }
        let mut first = self.late_arrivals.peek().map_or(u64::MAX, |near| near.0.0).min(self.front_records.first());
        let mut tick = self.front;
        while let Some(next) = self.next_filled_after(tick) {
            tick = next;
            let start = self.start(tick);
            if start >= first {
                break;
            }
            let chunk = &self.chunks[self.buckets[tick as usize % BUCKETS].0 as usize];
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
    fn advance_to(&mut self, tick: u32) {
        self.front = tick;
        self.front_records.start_tick();
        let bucket = tick as usize % BUCKETS;
        self.front_chain = std::mem::replace(&mut self.buckets[bucket], (NONE, NONE)).0;
        self.filled[bucket / 64] &= !(1 << (bucket % 64));
    }

    fn pop_candidate(&mut self) -> Option<u32> {
        let slot = self.candidate()?;
        self.drop_candidate();
        Some(slot)
    }

    /// It was candidates, but its time is not up.
    #[inline(never)]
    fn reinsert(&mut self, slot: u32, at: u64, times: &mut impl SlotTimes) {
        let tick = self.tick(at);
        let stays = tick <= self.front && self.front_records.push(at, slot);
        let tick = if stays { self.front } else { self.insert_at(slot, at, tick) };
        times.recorded(slot, tick);
    }

    /// Some that may be due are ripe then, if there are any. None was.
    #[inline(never)]
    fn load_candidates(&mut self, now: u64, times: &impl SlotTimes) -> bool {
        loop {
            if self.front_chain != NONE {
                self.load_chunk(times);
                return true;
            }
            self.candidates.clear();
            self.candidate_at = 0;
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
            self.advance_to(self.next_filled().unwrap_or(NONE).min(tick));
        }
    }

    /// The next chunk of the front is candidates.
    fn load_chunk(&mut self, times: &impl SlotTimes) {
        self.candidates.clear();
        self.candidate_at = 0;
        let index = self.front_chain;
        let Some(chunk) = self.chunks.get_mut(index as usize) else { return };
        self.candidates.extend_from_slice(&chunk.slots[..chunk.len as usize]);
        self.front_chain = std::mem::replace(&mut chunk.next, self.first_unused);
        self.first_unused = index;
        if let Some(next) = self.chunks.get(self.front_chain as usize) {
            // one load from each of its cache lines
            std::hint::black_box(next.slots.iter().step_by(16).fold(next.len, |all, slot| all ^ slot));
        }
        times.prefetch(&self.candidates);
        // what is put off is collected, and sorted when that matters
        self.front_records.allow_unsorted();
    }

    /// One that came to the front later, if it is due.
    fn pop_late_arrival(&mut self, now: u64) -> Option<u32> {
        self.late_arrivals.peek().filter(|near| near.0.0 <= now)?;
        self.late_arrivals.pop().map(|near| near.0.1)
    }

    /// The first record at the front, which is in order.
    fn pop_front(&mut self) -> Option<(u64, u32)> {
        match self.late_arrivals.peek() {
            Some(&Reverse(near)) if self.front_records.peek().is_none_or(|first| near <= first) => {
                self.late_arrivals.pop().map(|near| near.0)
            }
            _ => self.front_records.pop(),
        }
    }

    fn next_filled(&self) -> Option<u32> {
        self.next_filled_after(self.front)
    }

    /// The first tick after this one with a record, of those that have a bucket of their own.
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
/// Records in a chunk, which is four cache lines. What they stand for, two cache lines each and two for the origin, fits into
/// the smallest cache.
pub(super) const CHUNK: usize = 62;
/// A tick is at least 34 ms, so that 32 bits of them are more than four years …
const SHIFT_LEAST: u32 = 25;
/// … and at most four minutes.
const SHIFT_MOST: u32 = 38;

const _: () = assert!(size_of::<Chunk>() == 256);
