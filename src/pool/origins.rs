//! What is kept of each key: its lists of idle connections, its waiters, what its peer is.
//!
//! An origin that has lost its last connection and waiter is vacant. It stays, in case another connection is opened, until more
//! than half of all are vacant; then these are swept out, but for some of which there is something to remember. So a key is never
//! stored twice, nor hashed again to be removed.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::vec::Vec;

use super::index::{OriginIndex, Place, Second, Table};
use super::learned::Observed;
use super::list::Lists;
use super::notes::{Note, Notes};
use super::resolved::ResolvedPoolConfig;
use crate::time::Instant;

/// 60 octets.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) lists: Lists,
    /// Connections: leased, idle, and being opened.
    pub(super) held: u32,
    /// How many wait.
    pub(super) waiting: u32,
    /// The places of the first and the last of them in the queue.
    pub(super) first_waiter: Place,
    pub(super) last_waiter: Place,
    /// The number of the opening from which on [`Order::RoundRobin`](super::Order::RoundRobin) looks for the next connection.
    pub(super) turn: u32,
    /// The key names a proxy.
    pub(super) is_proxy: bool,
    /// Its responses are HTTP/1.0.
    pub(super) is_http10: bool,
    /// It is in the list of origins whose waiters may go on.
    pub(super) is_ready: bool,
    /// There is a [`Note`] of it.
    pub(super) is_noted: bool,
}

impl Origin {
    const NEW: Self = Self {
        lists: Lists::EMPTY,
        held: 0,
        waiting: 0,
        first_waiter: Place::NONE,
        last_waiter: Place::NONE,
        turn: 0,
        is_proxy: false,
        is_http10: false,
        is_ready: false,
        is_noted: false,
    };

    /// Idle connections. If the last one of the used list is leased where it is, it is counted too.
    pub(super) const fn idle(&self) -> u32 {
        self.lists.len()
    }

    pub(super) const fn is_vacant(&self) -> bool {
        self.held == 0 && self.waiting == 0
    }
}

#[derive(Debug)]
pub(super) struct Origins<K, S> {
    map: HashMap<K, OriginIndex, S>,
    pub(super) all: Table<OriginIndex, Origin>,
    /// What was learned of each, where anything is.
    pub(super) learned: Table<OriginIndex, Observed>,
    pub(super) notes: Notes,
    /// Those that no key has.
    unused: Vec<OriginIndex>,
    /// How many in the map are vacant.
    vacant: usize,
    /// Above this number, the vacant ones may be swept out.
    sweep_above: usize,
}

impl<K: Hash + Eq, S: BuildHasher> Origins<K, S> {
    pub(super) fn new(hasher: S) -> Self {
        Self {
            map: HashMap::with_hasher(hasher),
            all: Table::new(),
            learned: Table::new(),
            notes: Notes::new(),
            unused: Vec::new(),
            vacant: 0,
            sweep_above: FEW,
        }
    }

    #[inline]
    pub(super) fn find<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<OriginIndex>
    where
        K: Borrow<Q>,
    {
        self.map.get(key).copied()
    }

    /// The origin of a key that is not there yet.
    pub(super) fn add(&mut self, key: K, now: Instant, config: &ResolvedPoolConfig) -> OriginIndex {
        self.sweep(now, config);
        let index = match self.unused.pop() {
            Some(index) => {
                self.all[index] = Origin::NEW;
                index
            }
            None => self.all.push(Origin::NEW),
        };
        if config.learns {
            self.learned.grow(self.all.len(), Observed::NOTHING);
            self.learned[index] = Observed::NOTHING;
        }
        self.vacant += 1;
        self.map.insert(key, index);
        index
    }

    /// One more connection is being opened.
    pub(super) fn add_connection(&mut self, index: OriginIndex) {
        self.vacant -= usize::from(self.all[index].is_vacant());
        self.all[index].held += 1;
    }

    /// A connection has ended, or was not opened: its origin.
    #[inline]
    pub(super) fn remove_connection(&mut self, index: OriginIndex) -> &mut Origin {
        let origin = &mut self.all[index];
        origin.held -= 1;
        self.vacant += usize::from(origin.is_vacant());
        origin
    }

    /// One more waits.
    pub(super) fn add_waiter(&mut self, index: OriginIndex) {
        self.vacant -= usize::from(self.all[index].is_vacant());
        self.all[index].waiting += 1;
    }

    /// One waits no more.
    pub(super) fn remove_waiter(&mut self, index: OriginIndex) {
        self.all[index].waiting -= 1;
        self.vacant += usize::from(self.all[index].is_vacant());
    }

    /// Sweeps out the vacant ones of which nothing is known, once more than half are vacant.
    fn sweep(&mut self, now: Instant, config: &ResolvedPoolConfig) {
        if self.vacant <= self.sweep_above || self.vacant <= self.map.len() / 2 {
            return;
        }
        let (all, learned, unused, notes) = (&mut self.all, &self.learned, &mut self.unused, &mut self.notes);
        let second = Second::of(now);
        let (mut remembered, mut ready) = (0, 0);
        self.map.retain(|_, &mut index| {
            let origin = &mut all[index];
            let is_needed = |note: &Note| note.is_needed(now, config.quarantine, origin.held > 0);
            if origin.is_noted && !notes.get(&index).is_some_and(is_needed) {
                notes.remove(&index);
                origin.is_noted = false;
            }
            if !origin.is_vacant() {
                return true;
            }
            if origin.is_ready {
                ready += 1;
                return true;
            }
            let is_known = learned.get(index).is_some_and(|one| one.is_known(second, config.forget));
            if remembered < MOST_REMEMBERED && (is_known || origin.is_noted) {
                remembered += 1;
                return true;
            }
            if origin.is_noted {
                notes.remove(&index);
                origin.is_noted = false;
            }
            unused.push(index);
            false
        });
        self.vacant = remembered + ready;
        self.sweep_above = FEW.max(2 * remembered);
    }

    pub(super) fn reserve(&mut self, keys: usize) {
        let _ = (self.map.try_reserve(keys), self.all.try_reserve_exact(keys));
    }

    pub(super) fn len(&self) -> usize {
        self.map.len()
    }
}

#[cfg(debug_assertions)]
impl<K: Hash + Eq, S: BuildHasher> Origins<K, S> {
    /// Asserts that each origin has a key or is unused, and that the vacant ones are counted.
    pub(super) fn check(&self) {
        let vacant = self.all.indices().filter(|&index| self.all[index].is_vacant()).count();
        assert!(
            self.map.len() + self.unused.len() == self.all.len(),
            "origin-keys does not hold: one key each, or none"
        );
        let unused = self.unused.iter().all(|&index| self.all[index].is_vacant() && !self.all[index].is_ready);
        assert!(unused, "origin-keys does not hold: an origin without a key is vacant");
        let noted = self.map.values().filter(|&&index| self.all[index].is_noted);
        let found = noted.clone().all(|index| self.notes.contains_key(index));
        assert!(found && noted.count() == self.notes.len(), "notes does not hold: each is of a key that says so");
        assert!(self.vacant + self.unused.len() == vacant, "vacant-origins does not hold: they are counted");
    }
}

/// This few vacant origins do no harm.
const FEW: usize = 32;
/// At most this many origins are remembered after their last connection.
const MOST_REMEMBERED: usize = 4096;

const _: () = assert!(size_of::<Origin>() == 60);
