//! Octets on their way: read in at the end, taken out at the front.

/// A buffer whose storage is zeroed once and used again and again.
#[derive(Default)]
pub struct Buffer {
    storage: Vec<u8>,
    from: usize,
    to: usize,
}

impl Buffer {
    /// The octets in it.
    pub fn octets(&self) -> &[u8] {
        &self.storage[self.from..self.to]
    }

    pub fn len(&self) -> usize {
        self.to - self.from
    }

    pub fn is_empty(&self) -> bool {
        self.from == self.to
    }

    /// Octets were taken out at the front.
    pub fn take(&mut self, octets: usize) {
        self.from += octets;
        if self.is_empty() {
            (self.from, self.to) = (0, 0);
        }
    }

    /// Room at the end for at least so many octets. What is in it moves to the front before the storage grows.
    pub fn room(&mut self, octets: usize) -> &mut [u8] {
        if self.storage.len() - self.to < octets {
            self.storage.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.len());
            let needed = self.to + octets;
            if self.storage.len() < needed {
                self.storage.resize(needed.next_power_of_two().max(LEAST), 0);
            }
        }
        &mut self.storage[self.to..]
    }

    /// Octets were put into the room.
    pub fn put(&mut self, octets: usize) {
        self.to += octets;
    }

    /// Has storage.
    pub fn is_allocated(&self) -> bool {
        !self.storage.is_empty()
    }

    /// Keeps no more storage than its octets and a little room need.
    pub fn shrink(&mut self) {
        let enough = (self.to + LEAST / 2).next_power_of_two().max(LEAST);
        if self.storage.len() > enough {
            self.storage.truncate(enough);
            self.storage.shrink_to_fit();
        }
    }
}

/// The smallest storage.
const LEAST: usize = 1024;
