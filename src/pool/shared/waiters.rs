//! The requests that wait, what they are given, and what becomes of it when they are gone.

use core::time::Duration;
use std::hash::{BuildHasher, Hash};
use std::task::Waker;

use super::state::State;
use crate::pool::index::TableIndex;
use crate::pool::queue::QueueName;
use crate::pool::unused::BeforeLease;
use crate::pool::{Checkin, EndReason, Ended, Lease, Look, Permit, RefuseReason, Stale, Ticket};
use crate::time::Instant;

/// A request that waits, or was answered and has not taken the answer.
pub(super) enum Waiter {
    Waits { ticket: Ticket, waker: Option<Waker> },
    Answered(Answer),
}

/// What a waiter was given.
pub(super) enum Answer {
    Use { id: u32, lease: Lease, look: Look, before: Option<BeforeLease> },
    Open(Place),
    Refuse(RefuseReason),
}

/// What a waiter takes.
pub(super) enum Taken<C> {
    Use { id: u32, lease: Lease, connection: C, look: Look },
    Open(Place),
}

/// A place for a connection that is being opened.
pub(super) struct Place {
    pub(super) permit: Permit,
    /// Where its request waits meanwhile, if it does.
    pub(super) waits_at: Option<u32>,
}

/// What a waiter hears when it asks.
pub(super) struct Asked<C> {
    pub(super) answer: Option<Result<Taken<C>, RefuseReason>>,
    /// To be dropped outside of the lock.
    pub(super) unneeded: [Option<Waker>; 2],
}

impl<K: Hash + Eq, C, S: BuildHasher> State<K, C, S> {
    /// A request waits from now on: where.
    pub(super) fn enqueue(&mut self, ticket: Ticket) -> u32 {
        let place = ticket.place().as_usize();
        if self.waiter_at.len() <= place {
            self.waiter_at.resize(place + 1, u32::MAX);
        }
        let at = self.waiters.insert(Waiter::Waits { ticket, waker: None });
        self.waiter_at[place] = at;
        at
    }

    /// Whether this waiter was answered: its answer, and wakers that are to be dropped outside of the lock. If it was not, it is woken
    /// with this waker when it is.
    pub(super) fn ask(&mut self, now: Instant, at: u32, waker: Option<Waker>) -> Asked<C> {
        // so that it does not wake itself
        let before = match self.waiters.get_mut(at) {
            Some(Waiter::Waits { waker, .. }) => waker.take(),
            _ => None,
        };
        self.settle(now);
        match self.waiters.get_mut(at) {
            Some(Waiter::Waits { waker: slot, .. }) => {
                *slot = waker;
                Asked { answer: None, unneeded: [before, None] }
            }
            Some(Waiter::Answered(_)) => {
                let answer = match self.waiters.remove(at) {
                    Some(Waiter::Answered(answer)) => Some(self.take(now, answer)),
                    _ => None,
                };
                Asked { answer, unneeded: [before, waker] }
            }
            None => Asked { answer: None, unneeded: [before, waker] },
        }
    }

    /// A waiter takes what it was given.
    fn take(&mut self, now: Instant, answer: Answer) -> Result<Taken<C>, RefuseReason> {
        match answer {
            Answer::Use { id, lease, look, before } => {
                // where its lease is over, the connection is closed, and the id may be another's
                let late = self.pool.look_at_taking(now, &lease).map_err(|Stale| RefuseReason::WaitTimeout)?;
                let is_over = before.is_some_and(|before| before.due <= now);
                let look = if is_over || late == Look::First { Look::First } else { look };
                let connection = self.connections.get_mut(id).and_then(Option::take);
                let connection = connection.ok_or(RefuseReason::WaitTimeout)?;
                Ok(Taken::Use { id, lease, connection, look })
            }
            Answer::Open(place) => Ok(Taken::Open(place)),
            Answer::Refuse(why) => Err(why),
        }
    }

    /// A waiter is gone; nothing that it was given is lost. Its waker is to be dropped outside of the lock.
    pub(super) fn cancel(&mut self, now: Instant, at: u32) -> Option<Waker> {
        match self.waiters.remove(at)? {
            Waiter::Waits { ticket, waker } => {
                // stale: nothing is owed
                let _ = self.pool.cancel(ticket);
                return waker;
            }
            Waiter::Answered(Answer::Use { id, lease, before: Some(before), .. }) => {
                match self.pool.put_back(now, &lease, before) {
                    Ok(Checkin::Kept(_)) | Err(Stale) => {}
                    Ok(Checkin::KeptFor { victim, why, .. }) => self.close(victim, why),
                    Ok(Checkin::Close(why)) => self.close(id, why),
                }
            }
            Waiter::Answered(Answer::Use { id, lease, before: None, .. }) => {
                // nothing is known of what it was before: it is not used again
                if self.pool.closed(now, lease, Ended::ByUs).is_ok() {
                    self.close(id, EndReason::Caller);
                }
            }
            Waiter::Answered(Answer::Open(Place { permit, waits_at })) => {
                // nobody has polled that one, so it has no waker
                let waker = waits_at.and_then(|at| self.cancel(now, at));
                debug_assert!(waker.is_none(), "what was not taken was not polled");
                // stale: it was given to another before
                let _ = self.pool.give_up(now, &permit);
            }
            Waiter::Answered(Answer::Refuse(_)) => {}
        }
        None
    }

    /// The machine slept: what waiters were given and have not taken is as idle as the rest.
    pub(super) fn suspended(&mut self, now: Instant, asleep: Duration) {
        self.pool.suspended(now, asleep);
        for waiter in self.waiters.items_mut() {
            if let Waiter::Answered(Answer::Use { before: Some(before), .. }) = waiter {
                self.pool.bring_before_forward(before, asleep);
            }
        }
    }

    /// A place for a connection, and where its request waits meanwhile.
    pub(super) fn place(&mut self, permit: Permit, ticket: Option<Ticket>) -> Place {
        Place { permit, waits_at: ticket.map(|ticket| self.enqueue(ticket)) }
    }

    /// Where the waiter of a ticket is.
    pub(super) fn waiter_of(&self, ticket: &Ticket) -> u32 {
        self.waiter_at.get(ticket.place().as_usize()).copied().unwrap_or(u32::MAX)
    }

    /// Answers a waiter, and wakes it soon.
    pub(super) fn answer(&mut self, at: u32, answer: Answer) {
        if let Some(waiter) = self.waiters.get_mut(at) {
            if let Waiter::Waits { waker: Some(waker), .. } = core::mem::replace(waiter, Waiter::Answered(answer)) {
                self.to_wake.push_back(waker);
            }
        }
    }
}
