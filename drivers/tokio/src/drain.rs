//! The end of a process, told to every connection.
//!
//! A [`Drain`] is a handle that all connections of a server have, and who ends the server. Before it has begun it costs a connection one
//! look at an atomic each time its task runs, and one place in a table for as long as it is open.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use slab::Slab;

use crate::task::Task;

/// Tells connections that they are to end after their exchange, and when all have ended. A clone is another handle of the same.
#[derive(Clone, Debug, Default)]
pub struct Drain {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    stage: AtomicU8,
    tasks: Mutex<Tasks>,
}

#[derive(Debug, Default)]
struct Tasks {
    /// Those of connections.
    joined: Slab<Option<Waker>>,
    /// Those who wait for the last of them.
    waiting: Vec<Waker>,
}

/// Each is to end after its exchange, as its policy says.
const BEGUN: u8 = 1;
/// And those that are idle go.
const LEAVES: u8 = 2;

/// One connection among those of a [`Drain`]. When it is dropped, the connection has ended.
#[derive(Debug)]
pub struct Joined {
    shared: Arc<Shared>,
    at: usize,
    told: Task,
}

impl Drain {
    /// One that has not begun, and that nobody has joined.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins: every connection ends after its exchange, as its policy says. Nothing happens the second time.
    pub fn begin(&self) {
        self.shared.advance(BEGUN);
    }

    /// Begins, if it has not, and lets go what is idle, or becomes it: the end of a lame duck, when nothing more is accepted.
    pub fn leave(&self) {
        self.shared.advance(LEAVES);
    }

    /// It has begun.
    pub fn has_begun(&self) -> bool {
        self.shared.stage.load(Ordering::Acquire) >= BEGUN
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.shared.tasks().joined.len()
    }

    /// Waits until there is no connection, which may be at once.
    pub async fn ended(&self) {
        poll_fn(|context| {
            let mut tasks = self.shared.tasks();
            if tasks.joined.is_empty() {
                return Poll::Ready(());
            }
            if !tasks.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                tasks.waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }

    /// One more connection.
    pub fn join(&self) -> Joined {
        let at = self.shared.tasks().joined.insert(None);
        Joined { shared: Arc::clone(&self.shared), at, told: Task::NONE }
    }
}

impl Joined {
    /// Whether the drain has begun; this task is woken when it does, and when idle connections are to go.
    #[inline]
    pub fn poll_begun(&mut self, context: &mut Context<'_>) -> bool {
        let stage = self.shared.stage.load(Ordering::Acquire);
        if stage == LEAVES {
            return true;
        }
        if self.told.is_that_of(context.waker()) { stage >= BEGUN } else { self.wait(context.waker()) }
    }

    /// Idle connections are to go.
    pub fn leaves(&self) -> bool {
        self.shared.stage.load(Ordering::Acquire) == LEAVES
    }

    #[cold]
    fn wait(&mut self, waker: &Waker) -> bool {
        self.told = Task::of(waker);
        let before = self.shared.tasks().joined.get_mut(self.at).and_then(|place| place.replace(waker.clone()));
        drop(before);
        // it may have begun meanwhile, and found no waker here
        self.shared.stage.load(Ordering::Acquire) >= BEGUN
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        let mut tasks = self.shared.tasks();
        let waker = tasks.joined.try_remove(self.at);
        let waiting = if tasks.joined.is_empty() { std::mem::take(&mut tasks.waiting) } else { Vec::new() };
        drop(tasks);
        drop(waker);
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl Shared {
    fn advance(&self, stage: u8) {
        if self.stage.fetch_max(stage, Ordering::AcqRel) < stage {
            let wakers: Vec<_> = self.tasks().joined.iter().filter_map(|(_, waker)| waker.clone()).collect();
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    /// The lock is held for a few instructions, in which nothing panics.
    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
