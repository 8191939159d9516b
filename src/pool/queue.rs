//! A queue: first come, first served, and each waits for the same time at most. There is one of permits, one of requests, and one of
//! the keys whose requests may go on, which are never due. Who leaves from the middle costs no more than the first.

use super::index::{Place, Table};
use crate::time::Instant;

/// The public name of what waits in one kind of queue: a place, and the number of the item that is in it.
pub(super) trait QueueName {
    fn new(place: Place, number: u32) -> Self;
    fn place(&self) -> Place;
    fn number(&self) -> u32;
}

/// A queue whose items are named by `N`. Since all wait for the same time, the first to come is the first to be due.
#[derive(Debug)]
pub(super) struct Queue<N, T> {
    places: Table<Place, Waiting<T>>,
    first_vacant: Place,
    first: Place,
    last: Place,
    len: u32,
    name: core::marker::PhantomData<N>,
}

#[derive(Debug)]
struct Waiting<T> {
    /// Grows with each item that the place has held.
    number: u32,
    prev: Place,
    /// The one after it in the queue; of a vacant place, the next vacant one.
    next: Place,
    due: Instant,
    item: Option<T>,
}

impl<N: QueueName, T> Queue<N, T> {
    pub(super) const fn new() -> Self {
        Self {
            places: Table::new(),
            first_vacant: Place::NONE,
            first: Place::NONE,
            last: Place::NONE,
            len: 0,
            name: core::marker::PhantomData,
        }
    }

    pub(super) const fn len(&self) -> u32 {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts an item at the end.
    pub(super) fn push(&mut self, due: Instant, item: T) -> N {
        let (prev, next) = (self.last, Place::NONE);
        let place = match self.places.get_mut(self.first_vacant) {
            Some(vacant) => {
                let place = self.first_vacant;
                self.first_vacant = vacant.next;
                (vacant.prev, vacant.next, vacant.due, vacant.item) = (prev, next, due, Some(item));
                place
            }
            None => self.places.push(Waiting { number: 0, prev, next, due, item: Some(item) }),
        };
        match self.places.get_mut(prev) {
            Some(before) => before.next = place,
            None => self.first = place,
        }
        self.last = place;
        self.len += 1;
        N::new(place, self.places[place].number)
    }

    /// Takes an item out, if it is still there.
    pub(super) fn remove(&mut self, name: &N) -> Option<T> {
        let place = self.places.get_mut(name.place()).filter(|place| place.number == name.number())?;
        let item = place.item.take()?;
        place.number = place.number.wrapping_add(1);
        let (prev, next) = (place.prev, core::mem::replace(&mut place.next, self.first_vacant));
        self.first_vacant = name.place();
        self.len -= 1;
        match self.places.get_mut(prev) {
            Some(before) => before.next = next,
            None => self.first = next,
        }
        match self.places.get_mut(next) {
            Some(after) => after.prev = prev,
            None => self.last = prev,
        }
        Some(item)
    }

    /// The first in the queue.
    pub(super) fn first(&self) -> Option<N> {
        self.name(self.first)
    }

    /// When the first in the queue has waited for long enough.
    pub(super) fn due(&self) -> Option<Instant> {
        self.places.get(self.first).map(|place| place.due)
    }

    pub(super) fn name(&self, place: Place) -> Option<N> {
        self.places.get(place).map(|waiting| N::new(place, waiting.number))
    }

    /// All in the queue, the first one first, and until when each waits.
    pub(super) fn names(&self) -> impl Iterator<Item = (N, Instant)> {
        let mut place = self.first;
        core::iter::from_fn(move || {
            let (here, waiting) = (place, self.places.get(place)?);
            place = waiting.next;
            Some((N::new(here, waiting.number), waiting.due))
        })
    }

    pub(super) fn get(&self, name: &N) -> Option<&T> {
        self.places.get(name.place()).filter(|place| place.number == name.number())?.item.as_ref()
    }

    pub(super) fn get_mut(&mut self, name: &N) -> Option<&mut T> {
        self.places.get_mut(name.place()).filter(|place| place.number == name.number())?.item.as_mut()
    }

    /// Another name for an item that stays where it is: the one that it had is stale.
    pub(super) fn rename(&mut self, name: &N) -> Option<N> {
        let place = self.places.get_mut(name.place()).filter(|place| place.number == name.number())?;
        place.number = place.number.wrapping_add(1);
        Some(N::new(name.place(), place.number))
    }

    /// The item at this place.
    pub(super) fn item(&self, place: Place) -> Option<&T> {
        self.places.get(place)?.item.as_ref()
    }

    /// The item at this place.
    pub(super) fn item_mut(&mut self, place: Place) -> Option<&mut T> {
        self.places.get_mut(place)?.item.as_mut()
    }
}

#[cfg(debug_assertions)]
impl<N: QueueName, T> Queue<N, T> {
    pub(super) fn items(&self) -> impl Iterator<Item = &T> {
        self.places.indices().filter_map(|place| self.item(place))
    }

    /// Asserts that the queue and the list of vacant places are whole, and that the first is due first.
    pub(super) fn check(&self) {
        let (mut place, mut prev, mut number, mut due) = (self.first, Place::NONE, 0, Instant::EPOCH);
        while let Some(waiting) = self.places.get(place) {
            number += 1;
            let is_link = waiting.item.is_some() && waiting.prev == prev && number <= self.len;
            assert!(is_link, "queue-links does not hold: each item has its way back");
            assert!(due <= waiting.due, "queue-order does not hold: the first to come is the first to be due");
            (due, prev, place) = (waiting.due, place, waiting.next);
        }
        assert!(number == self.len && self.last == prev, "queue-links does not hold: the last item ends it");
        let (mut place, mut vacant) = (self.first_vacant, 0);
        let most = self.places.len() - self.len as usize;
        while let Some(waiting) = self.places.get(place) {
            vacant += 1;
            assert!(
                waiting.item.is_none() && vacant <= most,
                "queue-places does not hold: a vacant place holds nothing"
            );
            place = waiting.next;
        }
        assert!(vacant == most, "queue-places does not hold: each place is vacant or waits");
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;
    use crate::pool::Ticket;

    fn queue() -> Queue<Ticket, u8> {
        let mut queue = Queue::new();
        let names = [1, 2, 3].map(|item| queue.push(Instant::from_secs(item), item as u8));
        queue.remove(&names[1]);
        queue.check();
        queue
    }

    #[test]
    #[should_panic(expected = "queue-links")]
    fn an_item_is_in_the_queue() {
        let mut queue = queue();
        queue.last = Place::NONE;
        queue.check();
    }

    #[test]
    #[should_panic(expected = "queue-order")]
    fn the_first_is_due_first() {
        let mut queue = queue();
        let first = queue.first;
        queue.places[first].due = Instant::from_secs(100);
        queue.check();
    }

    #[test]
    #[should_panic(expected = "queue-places")]
    fn a_place_is_vacant_or_waits() {
        let mut queue = queue();
        queue.first_vacant = Place::NONE;
        queue.check();
    }
}
