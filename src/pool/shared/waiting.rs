//! A request that waits.

use core::future::{Future, poll_fn};
use core::task::{Context, Poll, Waker};
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::task::Wake;
use std::thread::{self, Thread};

use super::free_place::FreePlace;
use super::lent::Lent;
use super::state::Core;
use super::waiters::{Asked, Taken};
use crate::pool::RefuseReason;
use crate::time::Instant;

/// What a request is given that has waited.
#[derive(Debug)]
#[must_use = "a connection or a place that is dropped is lost to the request"]
#[expect(clippy::exhaustive_enums, reason = "a driver does each of these: a new one is a breaking change on purpose")]
pub enum Granted<K: Hash + Eq, C, S: BuildHasher = RandomState> {
    /// Use this connection.
    Use(Lent<K, C, S>),
    /// Open a connection.
    Open(FreePlace<K, C, S>),
}

/// A place in the queue. Ask with [`poll`](Self::poll) or [`ask`](Self::ask), or wait with [`answer`](Self::answer) or
/// [`block`](Self::block).
///
/// If it is dropped, the request is gone, and nothing is lost: it leaves the queue; if it was answered and has not taken the answer, its
/// connection goes to the next one that waits for it, or is idle as it was before, with the deadline that it had; its place is given
/// to the next. All this at the latest instant that the pool was told.
#[must_use = "a request that is dropped does not wait any more"]
pub struct Waiting<K: Hash + Eq, C, S: BuildHasher = RandomState> {
    core: Arc<Core<K, C, S>>,
    /// `None`: it has taken its answer.
    at: Option<u32>,
}

/// The answer to a waiter.
type Answer<K, C, S> = Result<Granted<K, C, S>, RefuseReason>;

impl<K: Hash + Eq, C, S: BuildHasher> Waiting<K, C, S> {
    pub(super) const fn new(core: Arc<Core<K, C, S>>, at: u32) -> Self {
        Self { core, at: Some(at) }
    }

    /// Whether it may go on: for futures, which have a clock. The waker of the last call is woken once, when the answer is there; it
    /// does not need to ask at the times that [`next_deadline`](super::SharedPool::next_deadline) tells, if somebody calls
    /// [`expire`](super::SharedPool::expire) then.
    ///
    /// After the answer it is `Pending` for ever.
    ///
    /// # Errors
    ///
    /// It waited for too long ([`WaitTimeout`](RefuseReason::WaitTimeout)), the pool is being drained
    /// ([`Drain`](RefuseReason::Drain)), or its own connection could not be opened and there is no other one that could come back
    /// ([`OpenFailed`](RefuseReason::OpenFailed)).
    pub fn poll(&mut self, now: Instant, context: &mut Context<'_>) -> Poll<Answer<K, C, S>> {
        match self.ask_with(now, Some(context.waker().clone())) {
            Some(answer) => Poll::Ready(answer),
            None => Poll::Pending,
        }
    }

    /// Whether it may go on: for event loops, which ask after every call of the pool, and when
    /// [`next_deadline`](super::SharedPool::next_deadline) has come. `None`: not yet, or it has taken its answer. Nobody is woken.
    ///
    /// # Errors
    ///
    /// As [`poll`](Self::poll).
    pub fn ask(&mut self, now: Instant) -> Option<Answer<K, C, S>> {
        self.ask_with(now, None)
    }

    /// The same as a future: [`poll`](Self::poll), with the time of this clock.
    ///
    /// # Errors
    ///
    /// As [`poll`](Self::poll).
    pub fn answer(mut self, clock: impl Fn() -> Instant) -> impl Future<Output = Answer<K, C, S>> {
        poll_fn(move |context| self.poll(clock(), context))
    }

    /// Blocks the thread until it may go on, or until then: `None`. The thread wakes at the pool's deadlines too, so that nobody else
    /// has to. Nothing is allocated, except once for each thread.
    ///
    /// # Errors
    ///
    /// As [`poll`](Self::poll).
    pub fn block(&mut self, clock: impl Fn() -> Instant, until: Instant) -> Option<Answer<K, C, S>> {
        let waker = OWN_WAKER.try_with(Waker::clone).unwrap_or_else(|_| own_waker());
        loop {
            let now = clock();
            if let Some(answer) = self.ask_with(now, Some(waker.clone())) {
                return Some(answer);
            }
            if now >= until || self.at.is_none() {
                return None;
            }
            // whatever fell due until now is done, and nobody else need fetch what is to be closed
            let next = self.core.read(|state| state.pool.next_deadline());
            let wake_at = next.map_or(until, |next| next.min(until));
            thread::park_timeout(wake_at.saturating_duration_since(now));
        }
    }

    fn ask_with(&mut self, now: Instant, waker: Option<Waker>) -> Option<Answer<K, C, S>> {
        let at = self.at?;
        let Asked { answer, unneeded } = self.core.change(now, |state| state.ask(now, at, waker));
        drop(unneeded);
        let answer = answer?;
        self.at = None;
        Some(answer.map(|taken| Granted::of(&self.core, taken)))
    }
}

impl<K: Hash + Eq, C, S: BuildHasher> Granted<K, C, S> {
    pub(super) fn of(core: &Arc<Core<K, C, S>>, taken: Taken<C>) -> Self {
        let core = Arc::clone(core);
        match taken {
            Taken::Use { id, lease, connection, look } => {
                Self::Use(Lent::new(core, (id, lease), connection, look, true))
            }
            Taken::Open(place) => Self::Open(FreePlace::new(core, place)),
        }
    }
}

impl<K: Hash + Eq, C, S: BuildHasher> Drop for Waiting<K, C, S> {
    fn drop(&mut self) {
        if let Some(at) = self.at.take() {
            // the waker is dropped outside of the lock
            drop(self.core.change(Instant::EPOCH, |state| state.cancel(Instant::EPOCH, at)));
        }
    }
}

impl<K: Hash + Eq, C, S: BuildHasher> fmt::Debug for Waiting<K, C, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("at", &self.at).finish_non_exhaustive()
    }
}

/// Wakes a thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

std::thread_local! {
    /// Wakes this thread.
    static OWN_WAKER: Waker = own_waker();
}

fn own_waker() -> Waker {
    Waker::from(Arc::new(Unpark(thread::current())))
}
