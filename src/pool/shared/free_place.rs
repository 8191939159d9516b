//! A place for a connection that is being opened.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use super::lent::Lent;
use super::state::{Closing, Core};
use crate::pool::{EndReason, Look, Permit};
use crate::time::Instant;

/// A place for a new connection: open one, and say so with [`opened`](Self::opened), or say that it [`failed`](Self::failed).
///
/// If it is dropped, the opening was given up: it counts as failed at the latest instant that the pool was told, and the place is
/// given to the next.
#[must_use = "a place that is dropped counts as failed: give it to `opened`"]
pub struct FreePlace<K: Hash + Eq, C, S: BuildHasher = RandomState> {
    core: Arc<Core<K, C, S>>,
    permit: Permit,
    /// It was answered.
    is_over: bool,
}

impl<K: Hash + Eq, C, S: BuildHasher> FreePlace<K, C, S> {
    pub(super) const fn new(core: Arc<Core<K, C, S>>, permit: Permit) -> Self {
        Self { core, permit, is_over: false }
    }

    /// A connection was opened: it is in use. Where it is not to be used at once, check it in as it is
    /// ([`Persistence::Undecided`](crate::Persistence::Undecided)).
    ///
    /// # Errors
    ///
    /// The opening took longer than [`PoolTimeouts::open`](crate::pool::PoolTimeouts::open), and the place is another's by now: the
    /// connection comes out, for [`OpenOverdue`](EndReason::OpenOverdue).
    pub fn opened(mut self, now: Instant, connection: C) -> Result<Lent<K, C, S>, Closing<C>> {
        self.is_over = true;
        match self.core.change(now, |state| state.opened(now, self.permit.clone())) {
            Ok(names) => Ok(Lent::new(Arc::clone(&self.core), names, connection, Look::Skip, false)),
            Err(_) => Err(Closing { connection, why: EndReason::OpenOverdue }),
        }
    }

    /// No connection could be opened: the place is given to the next.
    pub fn failed(mut self, now: Instant) {
        self.end(now);
    }

    fn end(&mut self, now: Instant) {
        self.is_over = true;
        // stale: it was given to another before
        let _ = self.core.change(now, |state| state.pool.failed(now, self.permit.clone()));
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
        f.debug_struct("FreePlace").field("permit", &self.permit).finish_non_exhaustive()
    }
}
