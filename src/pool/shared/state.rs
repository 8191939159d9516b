//! What the handles of a shared pool have in common, under one lock.
//!
//! Under the lock no code of a user runs, except `Hash`, `Eq` and `Clone` of the keys (and the `Drop` of a key that is forgotten).
//! So connections are only moved here, and never dropped; wakers are cloned, called and dropped outside.

use std::borrow::{Borrow, ToOwned};
use std::collections::VecDeque;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::vec::Vec;

use super::slab::Slab;
use super::waiters::{Answer, Taken, Waiter};
use crate::pool::{Checkin, Checkout, Demand, Due, EndReason, Ended, Idle, Lease, Permit, Pool, RefuseReason, Stale};
use crate::time::Instant;

/// A connection that the pool gives up: to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "close it as its protocol asks for, or drop it: the pool has forgotten it"]
#[expect(clippy::exhaustive_structs, reason = "whoever closes it takes it apart")]
pub struct Closing<C> {
    /// The connection.
    pub connection: C,
    /// Why it ends.
    pub why: EndReason,
}

/// What becomes of a connection that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "there may be a connection in it to be closed"]
#[expect(clippy::exhaustive_structs, reason = "whoever gives a connection back acts on each part")]
pub struct CheckedIn<C> {
    /// It is kept, or a waiter has it already: what to say when its socket can be read while it is idle. `None`: it is not kept.
    pub idle: Option<Idle>,
    /// To be closed: the connection itself, or another one that goes instead.
    pub to_close: Option<Closing<C>>,
}

/// The state under its lock.
pub(super) struct Core<K, C, S>(Mutex<State<K, C, S>>);

pub(super) struct State<K, C, S> {
    pub(super) pool: Pool<K, u32, S>,
    /// All connections that the pool knows, by their ids: `None` while one is in use.
    pub(super) connections: Slab<Option<C>>,
    pub(super) waiters: Slab<Waiter>,
    /// By the place of a ticket: where its waiter is.
    pub(super) waiter_at: Vec<u32>,
    /// What is to be closed and was not fetched yet.
    pub(super) to_close: VecDeque<Closing<C>>,
    /// To be woken once the lock is free.
    pub(super) to_wake: VecDeque<Waker>,
    /// Whoever closes what falls due, and until when it sleeps (`None`: for ever).
    keeper: Option<(Waker, Option<Instant>)>,
    #[cfg(debug_assertions)]
    calls_since_check: usize,
}

/// The answer to a check-out.
pub(super) enum Served<C> {
    Taken(Taken<C>),
    /// Where it waits.
    Wait(u32),
    Refuse(RefuseReason),
}

impl<K: Hash + Eq, C, S: BuildHasher> Core<K, C, S> {
    pub(super) fn new(pool: Pool<K, u32, S>) -> Self {
        Self(Mutex::new(State {
            pool,
            connections: Slab::new(),
            waiters: Slab::new(),
            waiter_at: Vec::new(),
            to_close: VecDeque::new(),
            to_wake: VecDeque::new(),
            keeper: None,
            #[cfg(debug_assertions)]
            calls_since_check: 0,
        }))
    }

    /// What a panic can interrupt under the lock is the look-up of a key, before anything is changed: so a poisoned lock is as good.
    fn lock(&self) -> MutexGuard<'_, State<K, C, S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the state.
    pub(super) fn read<R>(&self, look: impl FnOnce(&State<K, C, S>) -> R) -> R {
        look(&self.lock())
    }

    /// Changes the state. Then each waiter that may go on is given its answer, and is woken.
    pub(super) fn change<R>(&self, now: Instant, act: impl FnOnce(&mut State<K, C, S>) -> R) -> R {
        let mut state = self.lock();
        let answer = act(&mut state);
        state.settle(now);
        state.tell_keeper();
        // one after the other: if one panics, the others are woken by the next call
        while let Some(waker) = state.to_wake.pop_front() {
            drop(state);
            waker.wake();
            state = self.lock();
        }
        drop(state);
        answer
    }
}

impl<K: Hash + Eq, C, S: BuildHasher> State<K, C, S> {
    /// Answers all waiters that can be answered. Where nobody waits, nothing is done: what is due comes out when it is asked for.
    pub(super) fn settle(&mut self, now: Instant) {
        while self.pool.waiting() > 0 {
            let Some(due) = self.pool.expire(now) else { break };
            self.sort(due);
        }
        #[cfg(debug_assertions)]
        self.check_some();
    }

    /// The next connection that is to be closed.
    pub(super) fn next_to_close(&mut self, now: Instant) -> Option<Closing<C>> {
        loop {
            if let Some(closing) = self.to_close.pop_front() {
                return Some(closing);
            }
            let due = self.pool.expire(now)?;
            self.sort(due);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        if self.to_close.is_empty() { self.pool.next_deadline() } else { Some(self.pool.now) }
    }

    /// Whether what is to be closed was all fetched.
    pub(super) fn is_closed(&self) -> bool {
        self.to_close.is_empty()
    }

    /// To whom it goes, what fell due.
    fn sort(&mut self, due: Due<u32>) {
        match due {
            Due::Close { id, why } => self.close(id, why),
            // a waiter that has not taken it has it here; its user has it
            Due::LeaseOverdue { id, .. } => self.close(id, EndReason::LeaseOverdue),
            Due::PermitOverdue(_) => {}
            Due::WaitOver { ticket, why } => self.answer(self.waiter_of(&ticket), Answer::Refuse(why)),
            Due::GoOn { ticket, checkout } => {
                // before another ticket has its place
                let at = self.waiter_of(&ticket);
                let answer = match checkout {
                    Checkout::Reuse { id, lease, look } => {
                        Answer::Use { id, lease, look, before: self.pool.last_lent.take() }
                    }
                    Checkout::Open(permit) => Answer::Open(self.place(permit, None)),
                    Checkout::OpenOrWait { permit, ticket } => Answer::Open(self.place(permit, Some(ticket))),
                    Checkout::EvictThenOpen { victim, why, permit, ticket } => {
                        self.close(victim, why);
                        Answer::Open(self.place(permit, ticket))
                    }
                    Checkout::Wait(_) => Answer::Refuse(RefuseReason::Behind),
                    Checkout::Refuse(why) => Answer::Refuse(why),
                };
                self.answer(at, answer);
            }
        }
    }

    /// The pool has forgotten this connection.
    pub(super) fn close(&mut self, id: u32, why: EndReason) {
        if let Some(Some(connection)) = self.connections.remove(id) {
            self.to_close.push_back(Closing { connection, why });
        }
    }

    /// Wakes the keeper, if something is due before it wakes by itself.
    fn tell_keeper(&mut self) {
        if let Some((_, until)) = &self.keeper {
            let is_earlier = |next: Instant| until.is_none_or(|until| next < until);
            if self.next_deadline().is_some_and(is_earlier) {
                self.to_wake.extend(self.keeper.take().map(|(waker, _)| waker));
            }
        }
    }

    /// The keeper sleeps until the next deadline: the waker that it had before.
    pub(super) fn keep(&mut self, waker: Waker) -> Option<Waker> {
        let until = self.next_deadline();
        self.keeper.replace((waker, until)).map(|(before, _)| before)
    }

    /// What the pool answers to a check-out.
    pub(super) fn serve(&mut self, checkout: Checkout<u32>) -> Served<C> {
        match checkout {
            Checkout::Reuse { id, lease, look } => match self.connections.get_mut(id).and_then(Option::take) {
                Some(connection) => Served::Taken(Taken::Use { id, lease, connection, look }),
                None => {
                    debug_assert!(false, "what is idle is here");
                    Served::Refuse(RefuseReason::Behind)
                }
            },
            Checkout::Open(permit) => Served::Taken(Taken::Open(self.place(permit, None))),
            Checkout::OpenOrWait { permit, ticket } => Served::Taken(Taken::Open(self.place(permit, Some(ticket)))),
            Checkout::EvictThenOpen { victim, why, permit, ticket } => {
                self.close(victim, why);
                Served::Taken(Taken::Open(self.place(permit, ticket)))
            }
            Checkout::Wait(ticket) => Served::Wait(self.enqueue(ticket)),
            Checkout::Refuse(why) => Served::Refuse(why),
        }
    }

    /// A connection was opened: its id, and its name while it is in use.
    pub(super) fn opened(&mut self, now: Instant, permit: Permit) -> Result<(u32, Lease), Stale> {
        let id = self.connections.insert(None);
        match self.pool.opened(now, permit, id) {
            Ok(lease) => Ok((id, lease)),
            Err(stale) => {
                self.connections.remove(id);
                Err(stale)
            }
        }
    }

    /// A connection in use is over.
    pub(super) fn closed(&mut self, now: Instant, id: u32, lease: Lease, ended: Ended) {
        // stale: it was forgotten before, and the id may be another's
        if self.pool.closed(now, lease, ended).is_ok() {
            self.connections.remove(id);
        }
    }

    /// Takes an idle connection out that the pool forgets in `act`.
    pub(super) fn take_idle<R>(
        &mut self,
        idle: Idle,
        act: impl FnOnce(&mut Pool<K, u32, S>) -> Result<R, Stale>,
    ) -> Result<(C, R), Stale> {
        let id = self.pool.id_of(idle)?;
        let told = act(&mut self.pool)?;
        let connection = self.connections.remove(id).flatten().ok_or(Stale)?;
        Ok((connection, told))
    }

    /// The connection of this id comes back, and the pool has answered so. It is taken out of `connection`.
    pub(super) fn take_in(
        &mut self,
        id: u32,
        connection: &mut Option<C>,
        checkin: Result<Checkin<u32>, Stale>,
    ) -> CheckedIn<C> {
        let connection = connection.take();
        let to_close = |connection: Option<C>, why| connection.map(|connection| Closing { connection, why });
        match checkin {
            Ok(Checkin::Kept(idle)) => {
                self.put(id, connection);
                CheckedIn { idle: Some(idle), to_close: None }
            }
            Ok(Checkin::KeptFor { idle, victim, why }) => {
                self.put(id, connection);
                let victim = self.connections.remove(victim).flatten();
                CheckedIn { idle: Some(idle), to_close: to_close(victim, why) }
            }
            Ok(Checkin::Close(why)) => {
                self.connections.remove(id);
                CheckedIn { idle: None, to_close: to_close(connection, why) }
            }
            Err(Stale) => CheckedIn { idle: None, to_close: to_close(connection, EndReason::LeaseOverdue) },
        }
    }

    fn put(&mut self, id: u32, connection: Option<C>) {
        if let Some(place) = self.connections.get_mut(id) {
            *place = connection;
        }
    }

    /// Room for so many more connections and waiters.
    pub(super) fn reserve(&mut self, connections: usize, keys: usize) {
        self.pool.reserve(connections, keys);
        self.connections.reserve(connections);
    }

    /// Asks the pool for a connection.
    pub(super) fn checkout<Q>(&mut self, now: Instant, key: &Q, demand: Demand) -> Served<C>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let checkout = self.pool.checkout(now, key, demand);
        self.serve(checkout)
    }

    /// A great one is checked now and then, as the pool itself.
    #[cfg(debug_assertions)]
    fn check_some(&mut self) {
        let size =
            self.connections.items().size_hint().1.unwrap_or(0) + self.waiters.items().size_hint().1.unwrap_or(0);
        self.calls_since_check += 1;
        if size <= 64 || self.calls_since_check >= 4 * size {
            self.calls_since_check = 0;
            self.check();
        }
    }

    /// What is always so: each idle connection is here, and none that is in use.
    #[cfg(debug_assertions)]
    fn check(&self) {
        let mut here = 0;
        for connection in self.connections.items() {
            here += u32::from(connection.is_some());
        }
        let granted = |waiter: &&Waiter| matches!(waiter, Waiter::Answered(Answer::Use { .. }));
        let waits = |waiter: &&Waiter| matches!(waiter, Waiter::Waits { .. });
        let granted = self.waiters.items().filter(granted).count() as u32;
        let waiting = self.waiters.items().filter(waits).count() as u32;
        assert!(
            self.pool.idle() <= here && here <= self.pool.idle() + granted,
            "shared-idle does not hold: what is idle is here"
        );
        assert!(waiting == self.pool.waiting(), "shared-waiters does not hold: who waits is known to the pool");
    }
}
