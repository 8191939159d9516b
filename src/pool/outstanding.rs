//! What the pool has handed out and did not get back.

use std::hash::{BuildHasher, Hash};

use super::Pool;
use super::names::{Lease, Permit, Ticket};
use crate::time::Instant;

/// A name that the pool has given and that was not given back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever looks for what is lost must know each kind: there is one for each name"
)]
pub enum Outstanding<Id> {
    /// A connection in use.
    Lease {
        /// The connection.
        id: Id,
        /// Its name: to be given to [`checkin`](Pool::checkin) or [`closed`](Pool::closed).
        lease: Lease,
        /// When it was handed out.
        since: Instant,
        /// When [`Due::LeaseOverdue`](super::Due::LeaseOverdue) names it. `None`: never.
        until: Option<Instant>,
    },
    /// A connection that is being opened.
    Permit {
        /// Its name: to be given to [`opened`](Pool::opened) or [`failed`](Pool::failed).
        permit: Permit,
        /// When [`Due::PermitOverdue`](super::Due::PermitOverdue) names it. `None`: never.
        until: Option<Instant>,
    },
    /// A request that waits.
    Ticket {
        /// Its name: to be given to [`cancel`](Pool::cancel).
        ticket: Ticket,
        /// When [`Due::WaitOver`](super::Due::WaitOver) names it, if it is not answered before. `None`: never.
        until: Option<Instant>,
    },
}

impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
    /// All names that were given and not given back: first the leases, in no particular order, then the permits and then the
    /// tickets, the earliest of each first. What is here and unknown to the driver is lost, and can be given back.
    ///
    /// Keys are not among this: the pool finds connections by their keys, and not the other way. Takes time in proportion to the
    /// number of connections; nothing is allocated.
    ///
    /// ```
    /// use http_keepalive::Instant;
    /// use http_keepalive::pool::*;
    ///
    /// let now = Instant::from_secs(1);
    /// let mut pool = Pool::<&str, u32>::new(now, &PoolConfig::DEFAULT);
    /// let Checkout::Open(permit) = pool.checkout(now, &"a", Demand::DEFAULT) else { panic!() };
    /// // whoever opens the connection is stopped, and forgets the permit
    /// drop(permit);
    /// let Some(Outstanding::Permit { permit, until }) = pool.outstanding().next() else { panic!() };
    /// assert_eq!(until, Some(Instant::from_secs(31)));
    /// pool.failed(now, permit)?;
    /// assert_eq!((pool.held(), pool.outstanding().count()), (0, 0));
    /// # Ok::<(), Stale>(())
    /// ```
    pub fn outstanding(&self) -> impl Iterator<Item = Outstanding<Id>> {
        let leases = self.entries.indices().filter_map(|slot| {
            let entry = self.entries.get(slot).filter(|entry| entry.is_leased())?;
            let (lease, since) = (Lease { slot, stamp: entry.stamp }, entry.since);
            Some(Outstanding::Lease {
                id: entry.id,
                lease,
                since,
                until: unless_never(self.resolved.lease.after(since)),
            })
        });
        let permits = self.permits.names().map(|(permit, due)| (permit, unless_never(due)));
        let tickets = self.waiters.names().map(|(ticket, due)| (ticket, unless_never(due)));
        leases
            .chain(permits.map(|(permit, until)| Outstanding::Permit { permit, until }))
            .chain(tickets.map(|(ticket, until)| Outstanding::Ticket { ticket, until }))
    }
}

fn unless_never(at: Instant) -> Option<Instant> {
    if at == Instant::MAX { None } else { Some(at) }
}
