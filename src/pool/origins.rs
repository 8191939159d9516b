//! What is kept of each key: its lists of idle connections, its waiters, what its peer is.
//!
//! An origin that has lost its last connection stays, in case another is opened, until more than half of all are such; then
//! they are swept out. So no key is kept twice or hashed again to be removed.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::vec::Vec;

use super::learned::Observed;
use super::slots::{List, NONE};

/// Used, never used, and past their time: the lists of an origin.
pub(super) const LIST_USED: usize = 0;
pub(super) const LIST_UNUSED: usize = 1;
pub(super) const LIST_EXPIRED: usize = 2;

/// 60 octets.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) lists: [List; 3],
    /// Connections: leased, idle, and being opened.
    pub(super) held: u32,
    /// How many wait.
    pub(super) waiting: u32,
    /// The places of the first and the last of them in the queue.
    pub(super) first_waiter: u32,
    pub(super) last_waiter: u32,
    /// From which opening on the next one in [`Order::RoundRobin`](super::Order::RoundRobin) is looked for.
    pub(super) turn: u32,
    pub(super) flags: u8,
}

/// The key names a proxy.
pub(super) const PROXY: u8 = 1;
/// Its responses are HTTP/1.0.
pub(super) const HTTP10: u8 = 2;
/// It is in the queue of origins whose waiters may go on.
pub(super) const READY: u8 = 4;

impl Origin {
    const NEW: Self =
        Self { lists: [List::EMPTY; 3], held: 0, waiting: 0, first_waiter: NONE, last_waiter: NONE, turn: 0, flags: 0 };

    /// Idle connections.
    pub(super) const fn idle(&self) -> u32 {
        self.lists[LIST_USED].len + self.lists[LIST_UNUSED].len + self.lists[LIST_EXPIRED].len
    }

    pub(super) const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    pub(super) const fn is_vacant(&self) -> bool {
        self.held == 0 && self.waiting == 0
    }
}

#[derive(Debug)]
pub(super) struct Origins<K, S> {
    map: HashMap<K, u32, S>,
    pub(super) all: Vec<Origin>,
    /// What was learned of each, where anything is.
    pub(super) learned: Vec<Observed>,
    gone: Vec<u32>,
    /// As many are in the map without a connection or a waiter, at most.
    pub(super) vacant: usize,
    /// So many are too many.
    sweep_at: usize,
}

impl<K: Hash + Eq, S: BuildHasher> Origins<K, S> {
    pub(super) fn new(hasher: S) -> Self {
        Self {
            map: HashMap::with_hasher(hasher),
            all: Vec::new(),
            learned: Vec::new(),
            gone: Vec::new(),
            vacant: 0,
            sweep_at: FEW,
        }
    }

    #[inline(always)]
    pub(super) fn find<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<u32>
    where
        K: Borrow<Q>,
    {
        self.map.get(key).copied()
    }

    /// The origin of a key that is not there yet. `second`: now, in seconds.
    pub(super) fn add(&mut self, key: K, learns: bool, second: u32, forget: u32) -> u32 {
        self.sweep(second, forget);
        let index = match self.gone.pop() {
            Some(index) => {
                self.all[index as usize] = Origin::NEW;
                index
            }
            None => {
                self.all.push(Origin::NEW);
                self.all.len() as u32 - 1
            }
        };
        if learns {
            self.learned.resize(self.all.len(), Observed::NOTHING);
            self.learned[index as usize] = Observed::NOTHING;
        }
        self.vacant += 1;
        self.map.insert(key, index);
        index
    }

    /// It has one more connection or waiter; the count is the caller's.
    pub(super) fn taken(&mut self, index: u32) {
        if self.all[index as usize].is_vacant() {
            self.vacant = self.vacant.saturating_sub(1);
        }
    }

    /// A connection to it has ended, or was not opened.
    pub(super) fn leave(&mut self, index: u32) {
        let origin = &mut self.all[index as usize];
        origin.held -= 1;
        self.vacant += usize::from(origin.is_vacant());
    }

    /// It has one waiter less; the count is the caller's.
    pub(super) fn left(&mut self, index: u32) {
        if self.all[index as usize].is_vacant() {
            self.vacant += 1;
        }
    }

    /// Drops what nothing is known of, once that is the most.
    fn sweep(&mut self, second: u32, forget: u32) {
        if self.vacant <= self.sweep_at || self.vacant <= self.map.len() / 2 {
            return;
        }
        let (all, learned, gone) = (&self.all, &self.learned, &mut self.gone);
        let mut kept = 0;
        self.map.retain(|_, index| {
            let origin = &all[*index as usize];
            if !origin.is_vacant() || origin.has(READY) {
                return true;
            }
            let known = learned.get(*index as usize).is_some_and(|observed| observed.is_known(second, forget));
            if known && kept < MOST_REMEMBERED {
                kept += 1;
                return true;
            }
            gone.push(*index);
            false
        });
        self.vacant = kept;
        self.sweep_at = FEW.max(2 * kept);
    }

    pub(super) fn reserve(&mut self, keys: usize) {
        let _ = (self.map.try_reserve(keys), self.all.try_reserve_exact(keys));
    }

    pub(super) fn len(&self) -> usize {
        self.map.len()
    }
}

/// So few vacant origins are no trouble.
const FEW: usize = 32;
/// So many origins are remembered after their last connection.
const MOST_REMEMBERED: usize = 4096;
