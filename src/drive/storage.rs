//! Octets on their way through a storage of the caller's: put in at the end, taken out at the front.

/// Where the octets of one direction are kept: `&mut [u8]`, `[u8; N]`, `Box<[u8]>`, `Vec<u8>`, or a type of your own.
///
/// A storage that does not grow is to have at least [`Config::min_buffer`](crate::Config::min_buffer) octets for what is received, so that
/// a head within the limits always fits.
pub trait Storage {
    /// It grows as far as is asked for.
    const GROWS: bool = false;

    /// All of its octets, whatever is in them.
    fn octets(&self) -> &[u8];

    /// The same, to be written to.
    fn octets_mut(&mut self) -> &mut [u8];

    /// Has at least this number of octets afterwards, if it can grow; those it had stay as they are. Does nothing if it can not.
    fn grow(&mut self, octets: usize) {
        let _ = octets;
    }

    /// Needs only this number of octets, those at the front. Does nothing if it can not shrink.
    fn shrink(&mut self, octets: usize) {
        let _ = octets;
    }
}

impl Storage for &mut [u8] {
    fn octets(&self) -> &[u8] {
        self
    }

    fn octets_mut(&mut self) -> &mut [u8] {
        self
    }
}

impl<const N: usize> Storage for [u8; N] {
    fn octets(&self) -> &[u8] {
        self
    }

    fn octets_mut(&mut self) -> &mut [u8] {
        self
    }
}

#[cfg(feature = "alloc")]
impl Storage for alloc::boxed::Box<[u8]> {
    fn octets(&self) -> &[u8] {
        self
    }

    fn octets_mut(&mut self) -> &mut [u8] {
        self
    }
}

#[cfg(feature = "alloc")]
impl Storage for alloc::vec::Vec<u8> {
    const GROWS: bool = true;

    #[inline]
    fn octets(&self) -> &[u8] {
        self
    }

    #[inline]
    fn octets_mut(&mut self) -> &mut [u8] {
        self
    }

    fn grow(&mut self, octets: usize) {
        if self.len() < octets {
            self.resize(octets.next_power_of_two(), 0);
        }
    }

    fn shrink(&mut self, octets: usize) {
        let enough = (octets + LEAST / 2).next_power_of_two().max(LEAST);
        if self.len() > enough {
            self.truncate(enough);
            self.shrink_to_fit();
        }
    }
}

/// The octets from here to there.
#[inline]
pub(super) fn octets_in(all: &[u8], from: usize, to: usize) -> &[u8] {
    match all.get(from..to) {
        Some(octets) => octets,
        None => no_octets(),
    }
}

/// A storage has become shorter than what was in it.
#[cold]
#[inline(never)]
const fn no_octets<'a>() -> &'a [u8] {
    &[]
}

/// The same.
#[cold]
#[inline(never)]
const fn no_room<'a>() -> &'a mut [u8] {
    &mut []
}

/// What a storage that shrinks keeps at least.
#[cfg(feature = "alloc")]
const LEAST: usize = 1024;

/// The octets in a storage.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffer<S> {
    pub(super) storage: S,
    /// Where they begin.
    pub(super) from: usize,
    /// Where they end, and the room begins.
    pub(super) to: usize,
}

impl<S: Storage> Buffer<S> {
    pub(super) const fn new(storage: S) -> Self {
        Self { storage, from: 0, to: 0 }
    }

    #[inline]
    pub(super) fn octets(&self) -> &[u8] {
        octets_in(self.storage.octets(), self.from, self.to)
    }

    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.to - self.from
    }

    #[inline]
    pub(super) const fn is_empty(&self) -> bool {
        self.from == self.to
    }

    /// Octets were taken out at the front.
    #[inline]
    pub(super) fn take(&mut self, octets: usize) {
        self.from = self.from.wrapping_add(octets).min(self.to);
        if self.from == self.to {
            (self.from, self.to) = (0, 0);
        }
    }

    /// Room at the end for this number of octets, or what there is of it.
    #[inline]
    pub(super) fn room(&mut self, octets: usize) -> &mut [u8] {
        // one that does not grow has room to make only where something was taken out
        if (S::GROWS || self.from > 0) && self.to.wrapping_add(octets) > self.storage.octets().len() {
            self.make_room(octets);
        }
        match self.storage.octets_mut().get_mut(self.to..) {
            Some(room) => room,
            None => no_room(),
        }
    }

    /// What is in it moves to the front before the storage grows.
    #[cold]
    fn make_room(&mut self, octets: usize) {
        self.storage.octets_mut().copy_within(self.from..self.to, 0);
        (self.from, self.to) = (0, self.len());
        self.storage.grow(self.to.saturating_add(octets));
    }

    /// Octets were put into the room.
    #[inline]
    pub(super) fn put(&mut self, octets: usize) {
        self.to = self.to.wrapping_add(octets).min(self.storage.octets().len());
    }

    /// What is in it moves to the front, if there is something, and storage beyond it is given back.
    pub(super) fn shrink(&mut self) {
        if !self.is_empty() {
            self.storage.octets_mut().copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.len());
            self.storage.shrink(self.to);
        }
    }

    /// For how many octets there is room, without growing.
    #[inline]
    pub(super) fn most_room(&self) -> usize {
        self.storage.octets().len().saturating_sub(self.len())
    }
}
