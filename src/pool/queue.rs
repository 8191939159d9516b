//! What waits in a line, first come first served, each for the same time at most: permits and waiters.

use std::vec::Vec;

use super::slots::NONE;

/// A line in a slab. Since all wait for the same time, the first to come is the first to be due.
#[derive(Debug)]
pub(super) struct Queue<T> {
    places: Vec<Place<T>>,
    /// The first vacant place.
    vacant: u32,
    first: u32,
    last: u32,
    len: u32,
}

#[derive(Debug)]
struct Place<T> {
    /// Grows with each item that the place has held.
    stamp: u32,
    prev: u32,
    next: u32,
    due: u64,
    item: Option<T>,
}

/// A place and its stamp.
pub(super) type Name = (u32, u32);

impl<T> Queue<T> {
    pub(super) const fn new() -> Self {
        Self { places: Vec::new(), vacant: NONE, first: NONE, last: NONE, len: 0 }
    }

    pub(super) const fn len(&self) -> u32 {
        self.len
    }

    /// Puts an item at the end.
    pub(super) fn push(&mut self, due: u64, item: T) -> Name {
        let (prev, next) = (self.last, NONE);
        let index = match self.places.get_mut(self.vacant as usize) {
            Some(place) => {
                let index = self.vacant;
                self.vacant = place.next;
                (place.prev, place.next, place.due, place.item) = (prev, next, due, Some(item));
                index
            }
            None => {
                self.places.push(Place { stamp: 0, prev, next, due, item: Some(item) });
                self.places.len() as u32 - 1
            }
        };
        match self.places.get_mut(prev as usize) {
            Some(before) => before.next = index,
            None => self.first = index,
        }
        self.last = index;
        self.len += 1;
        (index, self.places[index as usize].stamp)
    }

    /// Takes an item out, if the name is that of one.
    pub(super) fn remove(&mut self, (index, stamp): Name) -> Option<T> {
        let place = self.places.get_mut(index as usize).filter(|place| place.stamp == stamp)?;
        let item = place.item.take()?;
        place.stamp = place.stamp.wrapping_add(1);
        let (prev, next) = (place.prev, std::mem::replace(&mut place.next, self.vacant));
        self.vacant = index;
        self.len -= 1;
        match self.places.get_mut(prev as usize) {
            Some(before) => before.next = next,
            None => self.first = next,
        }
        match self.places.get_mut(next as usize) {
            Some(behind) => behind.prev = prev,
            None => self.last = prev,
        }
        Some(item)
    }

    /// The first in line.
    pub(super) fn first(&self) -> Option<Name> {
        self.name(self.first)
    }

    /// The one after it.
    pub(super) fn next_after(&self, (index, _): Name) -> Option<Name> {
        self.name(self.places.get(index as usize)?.next)
    }

    /// When the first in line has waited for long enough.
    pub(super) fn due(&self) -> Option<u64> {
        self.places.get(self.first as usize).map(|place| place.due)
    }

    pub(super) fn name(&self, index: u32) -> Option<Name> {
        self.places.get(index as usize).map(|place| (index, place.stamp))
    }

    pub(super) fn get(&self, (index, stamp): Name) -> Option<&T> {
        self.places.get(index as usize).filter(|place| place.stamp == stamp)?.item.as_ref()
    }

    /// What is at this place, if anything is.
    pub(super) fn item_mut(&mut self, index: u32) -> Option<&mut T> {
        self.places.get_mut(index as usize)?.item.as_mut()
    }
}
