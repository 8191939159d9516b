//! The names of what is handed out, each for one step: its holder may say what becomes of it.

use core::fmt;

use super::index::{Place, Slot};
use super::queue::QueueName;
use super::slots::Stamp;

macro_rules! connection_names {
    ($( $(#[$doc:meta])* $name:ident; )+) => {
        $(
            $(#[$doc])*
            ///
            /// It names one step of one connection: it is stale once that step is over, and a call with a stale name answers
            /// [`Stale`]. A name from another pool is not told apart from one of this pool.
            #[derive(Debug, PartialEq, Eq, Hash)]
            pub struct $name {
                pub(super) slot: Slot,
                pub(super) stamp: Stamp,
            }
        )+
    };
}

connection_names! {
    /// A connection in use: ended by [`checkin`](super::Pool::checkin) or [`closed`](super::Pool::closed).
    ///
    /// One that is dropped keeps the connection's place until [`PoolTimeouts::lease`](super::PoolTimeouts::lease) is over; then
    /// [`Due::LeaseOverdue`](super::Due::LeaseOverdue) names it. Until then [`outstanding`](super::Pool::outstanding) does.
    #[derive(Clone)]
    #[must_use = "a lease that is dropped keeps its connection and its place until the `lease` timeout is over: give it to `checkin` or `closed`"]
    Lease;
    /// A connection that is idle in the pool: what the driver has to say when its socket can be read. Nothing is lost with it: the
    /// pool knows until when the connection may be idle.
    #[derive(Clone, Copy)]
    #[must_use = "without it the pool cannot be told what is seen of an idle connection"]
    Idle;
}

/// Makes a name of a type with a place and a number.
macro_rules! queue_name {
    ($name:ident) => {
        impl QueueName for $name {
            fn new(place: Place, number: u32) -> Self {
                Self { place, number }
            }

            fn place(&self) -> Place {
                self.place
            }

            fn number(&self) -> u32 {
                self.number
            }
        }
    };
}
pub(super) use queue_name;

macro_rules! queue_names {
    ($( $(#[$doc:meta])* $name:ident; )+) => {
        $(
            $(#[$doc])*
            ///
            /// It is stale once it was answered, and a call with a stale name answers [`Stale`]. A name from another pool is not
            /// told apart from one of this pool.
            #[derive(Clone, Debug, PartialEq, Eq, Hash)]
            pub struct $name {
                place: Place,
                number: u32,
            }

            queue_name!($name);
        )+
    };
}

queue_names! {
    /// A place for a connection that is being opened: answered by [`opened`](super::Pool::opened) or [`failed`](super::Pool::failed).
    ///
    /// One that is dropped keeps the place until [`PoolTimeouts::open`](super::PoolTimeouts::open) is over; then
    /// [`Due::PermitOverdue`](super::Due::PermitOverdue) names it. Until then [`outstanding`](super::Pool::outstanding) does.
    #[must_use = "a permit that is dropped keeps its place until the `open` timeout is over: give it to `opened` or `failed`"]
    Permit;
    /// A place in the queue: answered by [`Due::GoOn`](super::Due::GoOn) or [`Due::WaitOver`](super::Due::WaitOver), or given up with
    /// [`cancel`](super::Pool::cancel).
    ///
    /// One that is dropped stays in the queue, and is answered in its turn, as if somebody waited; at the latest
    /// [`PoolTimeouts::wait`](super::PoolTimeouts::wait) later. Until then [`outstanding`](super::Pool::outstanding) names it.
    #[must_use = "a ticket that is dropped keeps its place in the queue, and is answered in its turn, until the `wait` timeout is over: \
                  give it to `cancel`"]
    Ticket;
}

/// The name is stale: what it named is over, and the pool has said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "it says one thing, and is compared with")]
pub struct Stale;

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name is stale: what it named is over")
    }
}

impl core::error::Error for Stale {}
