//! Places: how many connections and open files there may be, by the descriptors that the system gives this process.
//!
//! Each connection holds one, and each file that is being sent another. Some descriptors are kept spare: for a newcomer that waits until
//! the longest idle connection has gone, for those that are refused at the door, and for files.

use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::process::{Resource, getrlimit};

/// The places of this process.
pub struct Places {
    most: usize,
    /// How many may be beyond them, to be refused.
    door: usize,
    held: AtomicUsize,
}

/// One of them, of an open file, until it is dropped.
pub struct Place(&'static Places);

impl Places {
    /// `most` places, or as many as the descriptors allow if that is less or nothing was said. No place is what is open now, nor what will be:
    /// `others`. For as long as the process.
    pub fn new(most: Option<usize>, others: usize) -> &'static Self {
        let all =
            getrlimit(Resource::Nofile).current.map_or(usize::MAX, |all| usize::try_from(all).unwrap_or(usize::MAX));
        // the list of them is open itself; where there is none, as many as a process of this kind has
        let open = std::fs::read_dir("/dev/fd").map_or(32, |open| open.count());
        let spare = (all / 16).max(LEAST_SPARE);
        let allowed = all.saturating_sub(open + others).saturating_sub(spare).max(1);
        let most = most.unwrap_or(allowed).min(allowed);
        Box::leak(Box::new(Self { most, door: spare / 4, held: AtomicUsize::new(0) }))
    }

    /// Holds one, also where none is free.
    pub fn hold(&'static self) -> Place {
        self.take();
        Place(self)
    }

    /// The same for a connection, until it is [given back](Self::give_back): what says whose it is would be a tenth of what one takes while
    /// it is idle.
    pub fn take(&self) {
        self.held.fetch_add(1, Ordering::Relaxed);
    }

    pub fn give_back(&self) {
        self.held.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many there are.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Every place is held.
    pub fn are_full(&self) -> bool {
        self.held.load(Ordering::Relaxed) >= self.most
    }

    /// As many are held beyond the places as are refused at once.
    pub fn is_door_full(&self) -> bool {
        self.held.load(Ordering::Relaxed) >= self.most.saturating_add(self.door)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.give_back();
    }
}

/// The fewest descriptors that are kept spare.
const LEAST_SPARE: usize = 8;
