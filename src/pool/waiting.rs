//! The requests that wait, and what wakes them.

use std::hash::{BuildHasher, Hash};

use super::Pool;
use super::api::Demand;
use super::index::{OriginIndex, Place};
use super::names::{Stale, Ticket};
use super::queue::QueueName;
use crate::time::Instant;

/// A request that waits. All of them are in one queue; those for one origin are also a chain.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) origin: OriginIndex,
    pub(super) demand: Demand,
    /// The one for the same origin that came next.
    pub(super) next: Place,
    /// The one for the same origin that came before.
    pub(super) prev: Place,
    /// Requests are numbered as they begin to wait.
    pub(super) number: u64,
    /// How many connections later requests were given while it was first in line.
    pub(super) passed_over: u32,
    /// It was put into the line of those that any place would serve.
    pub(super) is_in_line: bool,
}

impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
    /// Puts a request at the end of the queue.
    pub(super) fn enqueue(&mut self, now: Instant, index: OriginIndex, demand: Demand) -> Ticket {
        let prev = self.origins.all[index].last_waiter;
        let due = self.resolved.wait.after(now);
        let waiter = Waiter {
            origin: index,
            demand,
            prev,
            next: Place::NONE,
            number: self.counters.waited,
            passed_over: 0,
            is_in_line: false,
        };
        let ticket = self.waiters.push(due, waiter);
        self.origins.add_waiter(index);
        let origin = &mut self.origins.all[index];
        origin.last_waiter = ticket.place();
        match self.waiters.item_mut(prev) {
            Some(before) => before.next = ticket.place(),
            None => origin.first_waiter = ticket.place(),
        }
        self.counters.waited += 1;
        self.update_fast_path();
        self.stand_in_line(index);
        ticket
    }

    /// Takes a request out of the queue.
    pub(super) fn dequeue(&mut self, ticket: &Ticket) -> Option<Waiter> {
        let waiter = self.waiters.remove(ticket)?;
        let origin = &mut self.origins.all[waiter.origin];
        match self.waiters.item_mut(waiter.prev) {
            Some(before) => before.next = waiter.next,
            None => origin.first_waiter = waiter.next,
        }
        match self.waiters.item_mut(waiter.next) {
            Some(after) => after.prev = waiter.prev,
            None => origin.last_waiter = waiter.prev,
        }
        self.origins.remove_waiter(waiter.origin);
        self.update_fast_path();
        self.stand_in_line(waiter.origin);
        // what it protected from eviction may be another's place
        self.wake_waiters();
        Some(waiter)
    }

    /// Gives up a place in the queue.
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

    /// A connection to this origin is gone: there is a place, for one of its waiters or for any.
    #[cold]
    pub(super) fn offer_place(&mut self, index: OriginIndex) {
        self.stand_in_line(index);
        self.make_ready(index);
        self.wake_waiters();
    }

    /// The first waiter of this origin may be given an idle connection.
    pub(super) fn make_ready(&mut self, index: OriginIndex) {
        let origin = &mut self.origins.all[index];
        if origin.waiting > 0 && !origin.is_ready {
            origin.is_ready = true;
            self.ready_origins.push_back(index);
        }
    }
}
