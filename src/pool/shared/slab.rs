//! A list whose places are used again: nothing is allocated once it has grown.

use std::vec::Vec;

#[derive(Debug)]
pub(super) struct Slab<T> {
    places: Vec<Place<T>>,
    first_vacant: u32,
}

#[derive(Debug)]
enum Place<T> {
    Taken(T),
    /// The next vacant one.
    Vacant(u32),
}

/// No place.
const NONE: u32 = u32::MAX;

impl<T> Slab<T> {
    pub(super) const fn new() -> Self {
        Self { places: Vec::new(), first_vacant: NONE }
    }

    /// Makes room for this many more, if there is memory.
    pub(super) fn reserve(&mut self, more: usize) {
        // without the room there is less speed, and nothing else
        let _ = self.places.try_reserve(more);
    }

    /// Puts an item in: its place.
    pub(super) fn insert(&mut self, item: T) -> u32 {
        let place = self.first_vacant;
        match self.places.get_mut(place as usize) {
            Some(vacant) => {
                if let Place::Vacant(next) = *vacant {
                    self.first_vacant = next;
                }
                *vacant = Place::Taken(item);
                place
            }
            None => {
                self.places.push(Place::Taken(item));
                (self.places.len() - 1) as u32
            }
        }
    }

    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut T> {
        match self.places.get_mut(place as usize)? {
            Place::Taken(item) => Some(item),
            Place::Vacant(_) => None,
        }
    }

    /// Takes an item out, if there is one.
    pub(super) fn remove(&mut self, place: u32) -> Option<T> {
        let at = self.places.get_mut(place as usize).filter(|at| matches!(at, Place::Taken(_)))?;
        match core::mem::replace(at, Place::Vacant(self.first_vacant)) {
            Place::Taken(item) => {
                self.first_vacant = place;
                Some(item)
            }
            Place::Vacant(_) => None,
        }
    }

    /// All items.
    pub(super) fn items_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.places.iter_mut().filter_map(|place| match place {
            Place::Taken(item) => Some(item),
            Place::Vacant(_) => None,
        })
    }

    #[cfg(debug_assertions)]
    pub(super) fn items(&self) -> impl Iterator<Item = &T> {
        self.places.iter().filter_map(|place| match place {
            Place::Taken(item) => Some(item),
            Place::Vacant(_) => None,
        })
    }
}
