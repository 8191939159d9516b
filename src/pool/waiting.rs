//! The requests that wait, and what wakes them.

use std::hash::{BuildHasher, Hash};

use super::Pool;
use super::api::Demand;
use super::index::{OriginIndex, Place};
use super::names::{Stale, Ticket, queue_name};
use super::queue::QueueName;
use crate::time::Instant;

/// A request that waits. All of them are in one queue; those for one origin are also a chain.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) origin: OriginIndex,
    pub(super) demand: Demand,
    pub(super) place: PlaceToOpen,
    /// The one for the same origin that came next.
    pub(super) next: Place,
    /// The one for the same origin that came before.
    pub(super) prev: Place,
    /// Of the chain, the first one that wants a place. Only the first of the chain knows it.
    pub(super) first_for_place: Place,
    /// Requests are numbered as they begin to wait.
    pub(super) number: u64,
    /// How many connections later requests were given while it was first in line.
    pub(super) passed_over: u32,
    /// It was put into the line of those that any place would serve.
    pub(super) is_in_line: bool,
    /// Where its origin is among those that are ready. Only the first of the chain knows it.
    pub(super) ready_at: Place,
}

/// Where an origin is among those whose waiters may go on.
#[derive(Debug)]
pub(super) struct Ready {
    place: Place,
    number: u32,
}

queue_name!(Ready);

impl Waiter {
    /// Who may be given a connection of the key that this one may not use: the next, unless this one wants a place.
    pub(super) fn next_for_idle(&self) -> Place {
        if self.place == PlaceToOpen::Wanted { Place::NONE } else { self.next }
    }
}

/// What a request that waits has of a place to open a connection: it is given one at most, so that a peer that refuses is not asked
/// again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PlaceToOpen {
    /// It goes on with a place too.
    Wanted,
    /// It has one, and waits for what comes back meanwhile.
    Given,
    /// It had one, and its connection could not be opened: it waits for what comes back.
    Lost,
}

impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
    /// Puts a request at the end of the queue.
    pub(super) fn enqueue(&mut self, now: Instant, index: OriginIndex, demand: Demand, place: PlaceToOpen) -> Ticket {
        let prev = self.origins.all[index].last_waiter;
        let due = self.resolved.wait.after(now);
        let waiter = Waiter {
            origin: index,
            demand,
            place,
            prev,
            next: Place::NONE,
            first_for_place: Place::NONE,
            // one of the two is counted for each
            number: self.counters.waited + self.counters.waited_opening,
            passed_over: 0,
            is_in_line: false,
            ready_at: Place::NONE,
        };
        let ticket = self.waiters.push(due, waiter);
        self.origins.add_waiter(index);
        let origin = &mut self.origins.all[index];
        origin.last_waiter = ticket.place();
        match self.waiters.item_mut(prev) {
            Some(before) => before.next = ticket.place(),
            None => origin.first_waiter = ticket.place(),
        }
        if place == PlaceToOpen::Wanted {
            if !self.waits_for_place(index) {
                self.set_first_for_place(index, ticket.place());
            }
            self.counters.waited += 1;
        } else {
            self.counters.waited_opening += 1;
        }
        self.update_fast_path();
        self.stand_in_line(index);
        ticket
    }

    /// A request that waited is given a place, and stays where it is in the queue, under another name.
    pub(super) fn wait_on_while_opening(&mut self, ticket: &Ticket) -> Option<Ticket> {
        let ticket = self.waiters.rename(ticket)?;
        let waiter = self.waiters.get_mut(&ticket)?;
        waiter.place = PlaceToOpen::Given;
        let (index, next) = (waiter.origin, waiter.next);
        self.set_first_for_place(index, next);
        self.counters.waited_opening += 1;
        self.stand_in_line(index);
        Some(ticket)
    }

    /// Of the requests for this origin that want a place to open a connection, the first one. Those that want none stand before
    /// them: only the first one is given a place, and who comes while others want one wants one too.
    pub(super) fn first_for_place(&self, index: OriginIndex) -> Place {
        let first = self.waiters.item(self.origins.all[index].first_waiter);
        first.map_or(Place::NONE, |first| first.first_for_place)
    }

    fn set_first_for_place(&mut self, index: OriginIndex, place: Place) {
        if let Some(first) = self.waiters.item_mut(self.origins.all[index].first_waiter) {
            first.first_for_place = place;
        }
    }

    /// A request for this origin waits and wants a place to open a connection.
    pub(super) fn waits_for_place(&self, index: OriginIndex) -> bool {
        self.first_for_place(index) != Place::NONE
    }

    /// The first request for this origin has lost its place, and no connection is held that could come back.
    pub(super) fn has_nothing_left(&self, index: OriginIndex) -> bool {
        let origin = &self.origins.all[index];
        let first = self.waiters.item(origin.first_waiter);
        origin.held == 0 && first.is_some_and(|first| first.place == PlaceToOpen::Lost)
    }

    /// Takes a request out of the queue.
    pub(super) fn dequeue(&mut self, ticket: &Ticket) -> Option<Waiter> {
        let index = self.waiters.get(ticket)?.origin;
        let first_for_place = self.first_for_place(index);
        let waiter = self.waiters.remove(ticket)?;
        let origin = &mut self.origins.all[index];
        match self.waiters.item_mut(waiter.prev) {
            Some(before) => before.next = waiter.next,
            None => origin.first_waiter = waiter.next,
        }
        match self.waiters.item_mut(waiter.next) {
            Some(after) => {
                after.prev = waiter.prev;
                if waiter.prev == Place::NONE {
                    after.ready_at = waiter.ready_at;
                }
            }
            None => origin.last_waiter = waiter.prev,
        }
        let was_first = first_for_place == ticket.place();
        self.set_first_for_place(index, if was_first { waiter.next } else { first_for_place });
        self.origins.remove_waiter(index);
        if self.origins.all[index].waiting == 0 {
            // what came back is for anybody, and not for who waits next
            self.forget_ready(index, waiter.ready_at);
        }
        self.update_fast_path();
        self.stand_in_line(index);
        // what it protected from eviction may be another's place
        self.wake_waiters();
        Some(waiter)
    }

    /// Gives up a place in the queue. If a connection is being opened meanwhile ([`Checkout::OpenOrWait`](super::Checkout::OpenOrWait)),
    /// its permit stays good.
    ///
    /// # Errors
    ///
    /// [`Stale`] if the ticket was answered: then its connection or place is to be given back.
    pub fn cancel(&mut self, ticket: Ticket) -> Result<(), Stale> {
        let waiter = self.dequeue(&ticket).ok_or(Stale)?;
        // the one after it may need less
        self.make_ready(waiter.origin);
        self.after_call();
        Ok(())
    }

    /// The waiter that is first in line may go on: a place is free, or may become free.
    pub(super) fn wake_waiters(&mut self) {
        self.waiters_may_go_on |= !self.waiters.is_empty();
    }

    /// A connection to this origin is gone, or it may have another number of them: there is a place, for one of its waiters or for
    /// any; or nothing is left that could come back for them.
    #[cold]
    pub(super) fn offer_place(&mut self, index: OriginIndex) {
        self.stand_in_line(index);
        if self.waits_for_place(index) || self.has_nothing_left(index) {
            self.make_ready(index);
        }
        self.wake_waiters();
    }

    /// This origin, which is at this place among the ready ones if it is ready, is not any more.
    pub(super) fn forget_ready(&mut self, index: OriginIndex, place: Place) {
        let name = self.ready_origins.name(place).filter(|_| self.origins.all[index].is_ready);
        if let Some(name) = name {
            self.ready_origins.remove(&name);
            self.origins.all[index].is_ready = false;
        }
    }

    /// The waiters of this origin may be given an idle connection of it, or the place of one.
    pub(super) fn make_ready(&mut self, index: OriginIndex) {
        let origin = &mut self.origins.all[index];
        if origin.waiting > 0 && !origin.is_ready {
            origin.is_ready = true;
            let first = origin.first_waiter;
            let name = self.ready_origins.push(Instant::MAX, index);
            if let Some(first) = self.waiters.item_mut(first) {
                first.ready_at = name.place();
            }
        }
    }
}
