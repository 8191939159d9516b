//! A place for a connection that is being opened.

use core::task::{Context, Poll, Waker};
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use super::lent::Lent;
use super::state::{Closing, Core};
use super::waiters::{Asked, Place};
use super::waiting::{Granted, Waiting};
use crate::pool::{EndReason, Look, Permit};
use crate::time::Instant;

/// A place for a new connection: open one, and say so with [`opened`](Self::opened), or say that it [`failed`](Self::failed).
///
/// If it is dropped, the opening was given up: it counts as failed at the latest instant that the pool was told, and the place is
/// given to the next.
///
/// If the demand asks for it ([`Meanwhile::Wait`](crate::pool::Meanwhile::Wait)), the request waits meanwhile: ask with
/// [`poll`](Self::poll) or [`ask`](Self::ask) whether another connection has come first, and use that one. The place is good all the
/// same: let the opening go on beside it, and check the new connection in for the next request, or drop the place.
#[must_use = "a place that is dropped counts as failed: give it to `opened`"]
pub struct FreePlace<K: Hash + Eq, C, S: BuildHasher = RandomState> {
    core: Arc<Core<K, C, S>>,
    permit: Permit,
    /// Where its request waits meanwhile, if it still does.
    waits_at: Option<u32>,
    /// It was answered.
    is_over: bool,
}

impl<K: Hash + Eq, C, S: BuildHasher> FreePlace<K, C, S> {
    pub(super) const fn new(core: Arc<Core<K, C, S>>, place: Place) -> Self {
        let Place { permit, waits_at } = place;
        Self { core, permit, waits_at, is_over: false }
    }

    /// Its request waits meanwhile, for a connection that comes back: [`poll`](Self::poll) has not said what came of it yet.
    pub const fn waits(&self) -> bool {
        self.waits_at.is_some()
    }

    /// Whether a connection has come back first that the request may use, and its own is still being opened. The waker of the last
    /// call is woken once, when there is one.
    ///
    /// `Pending` for ever after that, and where the request does not wait: its demand does not ask for it, or it has waited for too
    /// long.
    pub fn poll(&mut self, now: Instant, context: &mut Context<'_>) -> Poll<Lent<K, C, S>> {
        self.ask_with(now, Some(context.waker().clone())).map_or(Poll::Pending, Poll::Ready)
    }

    /// [`poll`](Self::poll), for those who ask after every call of the pool. Nobody is woken.
    pub fn ask(&mut self, now: Instant) -> Option<Lent<K, C, S>> {
        self.ask_with(now, None)
    }

    fn ask_with(&mut self, now: Instant, waker: Option<Waker>) -> Option<Lent<K, C, S>> {
        let at = self.waits_at?;
        let Asked { answer, unneeded } = self.core.change(now, |state| state.ask(now, at, waker));
        drop(unneeded);
        let answer = answer?;
        self.waits_at = None;
        match Granted::of(&self.core, answer.ok()?) {
            Granted::Use(lent) => Some(lent),
            // who has a place is given no other one
            Granted::Open(_) => None,
        }
    }

    /// A connection was opened: it is in use, and its request does not wait any more. Where it is not to be used at once, check it in
    /// as it is ([`Persistence::Undecided`](crate::Persistence::Undecided)).
    ///
    /// # Errors
    ///
    /// The opening took longer than [`PoolTimeouts::open`](crate::pool::PoolTimeouts::open), and the place is another's by now: the
    /// connection comes out, for [`OpenOverdue`](EndReason::OpenOverdue).
    pub fn opened(mut self, now: Instant, connection: C) -> Result<Lent<K, C, S>, Closing<C>> {
        self.is_over = true;
        let (opened, waker) = self.core.change(now, |state| {
            let opened = state.opened(now, self.permit.clone());
            // what came back meanwhile and was not asked for is the next one's
            (opened, self.waits_at.and_then(|at| state.cancel(now, at)))
        });
        drop(waker);
        match opened {
            Ok(names) => Ok(Lent::new(Arc::clone(&self.core), names, connection, Look::Skip, false)),
            Err(_) => Err(Closing { connection, why: EndReason::OpenOverdue }),
        }
    }

    /// No connection could be opened: the place is given to the next. A request that has waited meanwhile waits on, for a connection
    /// that comes back, and is given no other place; drop what is returned to have it fail at once. `None`: it does not wait.
    pub fn failed(mut self, now: Instant) -> Option<Waiting<K, C, S>> {
        let waits_at = self.waits_at.take();
        self.end(now);
        waits_at.map(|at| Waiting::new(Arc::clone(&self.core), at))
    }

    fn end(&mut self, now: Instant) {
        self.is_over = true;
        let waits_at = self.waits_at.take();
        let waker = self.core.change(now, |state| {
            let waker = waits_at.and_then(|at| state.cancel(now, at));
            // stale: it was given to another before
            let _ = state.pool.failed(now, self.permit.clone());
            waker
        });
        drop(waker);
    }
}

impl<K: Hash + Eq, C, S: BuildHasher> Drop for FreePlace<K, C, S> {
    fn drop(&mut self) {
        if !self.is_over {
            self.end(Instant::EPOCH);
        }
    }
}

impl<K: Hash + Eq, C, S: BuildHasher> fmt::Debug for FreePlace<K, C, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FreePlace")
            .field("permit", &self.permit)
            .field("waits", &self.waits_at.is_some())
            .finish_non_exhaustive()
    }
}
