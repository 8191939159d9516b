//! A connection in use.

use std::borrow::{Borrow, ToOwned};
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::state::{CheckedIn, Core};
use crate::pool::{Ended, Lease, Look, Returned};
use crate::time::Instant;

/// A connection in use. It is the connection, by `Deref`, until it is given back with [`checkin`](Self::checkin) or
/// [`closed`](Self::closed).
///
/// If it is dropped in any other way, its use was broken off, and nobody knows where: it counts as closed by us
/// ([`Ended::ByUs`]) at the latest instant that the pool was told, and its place is free at once. Then the connection is dropped,
/// outside of the pool's lock. A request that did not touch it gives it back with its machine's verdict, as any other.
#[must_use = "a connection that is dropped is closed: give it to `checkin`"]
pub struct Lent<K: Hash + Eq, C, S: BuildHasher = RandomState> {
    // dropped in this order: the place is free before the connection is closed
    held: Held<K, C, S>,
    connection: C,
    look: Look,
    is_reused: bool,
}

/// The place of a connection in use.
struct Held<K: Hash + Eq, C, S: BuildHasher> {
    core: Arc<Core<K, C, S>>,
    id: u32,
    lease: Lease,
    /// It was given back.
    is_over: bool,
}

impl<K: Hash + Eq, C, S: BuildHasher> Lent<K, C, S> {
    pub(super) const fn new(
        core: Arc<Core<K, C, S>>,
        (id, lease): (u32, Lease),
        connection: C,
        look: Look,
        is_reused: bool,
    ) -> Self {
        Self { held: Held { core, id, lease, is_over: false }, connection, look, is_reused }
    }

    /// Whether to look at it before it is used. Of a new one: [`Look::Skip`].
    pub const fn look(&self) -> Look {
        self.look
    }

    /// It was idle in the pool before: its peer may have closed it meanwhile (RFC 9112 9.5). `false`: it is new.
    pub const fn is_reused(&self) -> bool {
        self.is_reused
    }

    /// It is not used any more: as [`Pool::checkin`](crate::pool::Pool::checkin). What is not kept comes out, and why. If a request
    /// waits for it, that has it before this returns, and is woken.
    ///
    /// If its lease was overdue, its place is another's by now: it comes out, for
    /// [`LeaseOverdue`](crate::pool::EndReason::LeaseOverdue).
    pub fn checkin(self, now: Instant, returned: &Returned) -> CheckedIn<C> {
        let Self { mut held, connection, .. } = self;
        // not dropped under the lock, even if something panics there
        let mut connection = Some(connection);
        let checked_in = held.core.change(now, |state| {
            let checkin = state.pool.checkin(now, held.lease.clone(), returned);
            state.take_in(held.id, &mut connection, checkin)
        });
        held.is_over = true;
        checked_in
    }

    /// It is not used any more, and belongs to this key from now on: as [`Pool::checkin_as`](crate::pool::Pool::checkin_as).
    pub fn checkin_as<Q>(self, now: Instant, key: &Q, returned: &Returned) -> CheckedIn<C>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let Self { mut held, connection, .. } = self;
        let mut connection = Some(connection);
        let checked_in = held.core.change(now, |state| {
            let checkin = state.pool.checkin_as(now, held.lease.clone(), key, returned);
            state.take_in(held.id, &mut connection, checkin)
        });
        held.is_over = true;
        checked_in
    }

    /// It is over: as [`Pool::closed`](crate::pool::Pool::closed). Its place is free from now; the connection is the caller's, to be
    /// closed, or kept for another use (a tunnel).
    pub fn closed(self, now: Instant, ended: Ended) -> C {
        let Self { mut held, connection, .. } = self;
        held.end(now, ended);
        connection
    }
}

impl<K: Hash + Eq, C, S: BuildHasher> Held<K, C, S> {
    fn end(&mut self, now: Instant, ended: Ended) {
        self.is_over = true;
        self.core.change(now, |state| state.closed(now, self.id, self.lease.clone(), ended));
    }
}

impl<K: Hash + Eq, C, S: BuildHasher> Drop for Held<K, C, S> {
    fn drop(&mut self) {
        if !self.is_over {
            self.end(Instant::EPOCH, Ended::ByUs);
        }
    }
}

impl<K: Hash + Eq, C, S: BuildHasher> Deref for Lent<K, C, S> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.connection
    }
}

impl<K: Hash + Eq, C, S: BuildHasher> DerefMut for Lent<K, C, S> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.connection
    }
}

impl<K: Hash + Eq, C: fmt::Debug, S: BuildHasher> fmt::Debug for Lent<K, C, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent")
            .field("connection", &self.connection)
            .field("look", &self.look)
            .field("is_reused", &self.is_reused)
            .finish_non_exhaustive()
    }
}
