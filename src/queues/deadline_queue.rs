//! Many connections' deadlines in one queue: a ring per timeout class, re-armed lazily.
//!
//! Read first: [`DeadlineKind`], which is the timeout class here.
//!
//! **Why rings.** Deadlines of one kind have one timeout, so they come in the order in which they are due: the entry at
//! the back of a ring is due last, and the entry at the front is the next of its class. So no order has to be made. A wheel or
//! a heap makes one for arbitrary deadlines, which a server does not have. Where a deadline does come out of order (a head
//! extended by its rate, settings that differ between connections), it goes to an ordered map beside the rings: as exact, but
//! slower.
//!
//! **Why lazy.** Almost every deadline is moved and never met: each octet moves one. A deadline that moves *later* costs one
//! comparison, and the queue does not change. Its entry comes up early, once in a timeout period: the connection is looked at,
//! nothing has expired, and [`arm`](DeadlineQueue::arm) puts it back with the deadline that it has by then. When a deadline moves
//! *earlier*, its old entry is taken out and it gets a new one.
//!
//! **Exact.** An id has one entry or none, due no later than its deadline. So [`next`](DeadlineQueue::next) is never late, and
//! early only where a deadline was moved later. The ticket of the entry is kept beside the connection ([`Armed`], 16 octets). By
//! the ticket its place in its ring is found by bisection: no map from ids to entries is needed.
//!
//! **Tie-breaks.** What is due first comes first. At the same instant: the classes in the order of [`DeadlineKind`], within a
//! class in the order of arming, and last what came out of order.
//!
//! An entry that is taken out of the middle of a ring stays there, dead, until the ring has more dead entries than live ones; then
//! the dead ones are removed. This takes constant time on average, and a little over twice the memory of the live ones at most.
//!
//! ```
//! use http_keepalive::{Armed, Config, Connection, DeadlineQueue, Instant, ReadWant, Server};
//!
//! let mut queue = DeadlineQueue::new();
//! let mut now = Instant::EPOCH;
//! let mut connections: Vec<(Connection<Server>, Armed)> =
//!     (0..3).map(|_| (Connection::new(now, &Config::DEFAULT), Armed::default())).collect();
//! for (id, (connection, armed)) in connections.iter_mut().enumerate() {
//!     queue.arm(id, armed, connection.next_deadline());
//! }
//! while let Some(next) = queue.next() {
//!     now = next; // a driver sleeps here
//!     while let Some(id) = queue.pop(now) {
//!         let (connection, armed) = &mut connections[id];
//!         while let Some(_passed) = connection.handle_timeout(now) {}
//!         if connection.wants().read == ReadWant::LookOnce {
//!             connection.nothing_to_read(now); // a driver looks here
//!         }
//!         queue.arm(id, armed, connection.next_deadline());
//!     }
//! }
//! assert_eq!(now, Instant::from_secs(30)); // no octet came
//! ```

use std::collections::{BTreeMap, VecDeque};

use crate::lifecycle::deadline::{Deadline, DeadlineKind};
use crate::time::Instant;

/// The deadlines of many connections. `Id` is how the driver names a connection: an index or a token, best a small one.
#[derive(Debug)]
pub struct DeadlineQueue<Id> {
    /// By [`DeadlineKind`], each in order of instants and of tickets.
    rings: [Ring<Id>; CLASSES],
    /// Entries that came out of order.
    out_of_order: BTreeMap<(Instant, u64), Id>,
    /// Every entry that was due up to this instant may have been popped; no later one has been.
    reached: Instant,
    /// How many tickets were given out.
    tickets: u64,
}

/// What a [`DeadlineQueue`] knows of one connection: kept beside the connection, and given with its id to every call about it.
/// A default one is not armed.
///
/// Dropping it disarms nothing: [`disarm`](DeadlineQueue::disarm) it when its connection is gone.
#[derive(Debug, Default)]
pub struct Armed {
    /// When the entry comes up. If the queue has reached this, the entry may be gone.
    at: Instant,
    /// A number that only grows, above the class; of an entry that came out of order, above [`OUT_OF_ORDER`].
    ticket: u64,
}

#[derive(Debug)]
struct Ring<Id> {
    entries: VecDeque<Entry<Id>>,
    /// Entries that have lost their id. The front one always has its id.
    dead: usize,
}

#[derive(Debug)]
struct Entry<Id> {
    at: Instant,
    ticket: u64,
    id: Option<Id>,
}

impl<Id: Copy> DeadlineQueue<Id> {
    /// An empty queue; it allocates with the first entry.
    pub const fn new() -> Self {
        Self {
            rings: [const { Ring::new() }; CLASSES],
            out_of_order: BTreeMap::new(),
            reached: Instant::EPOCH,
            tickets: 0,
        }
    }

    /// Makes room for this number of deadlines of a kind more, so that its part of the queue does not grow before. Of a server's many
    /// connections most wait for [`Idle`](DeadlineKind::Idle), and fresh ones for [`FirstOctet`](DeadlineKind::FirstOctet).
    pub fn reserve(&mut self, kind: DeadlineKind, more: usize) {
        self.rings[kind as usize].entries.reserve(more);
    }

    /// Says what the next deadline of `id` is now. Call it after everything that may have made the deadline earlier or given the id
    /// one, and after every [`pop`](Self::pop) of the id. Each further call costs one comparison.
    ///
    /// `None`: the id has no deadline for now. If it has an entry, that stays and comes up early: so a connection that is parked and
    /// taken up again costs nothing.
    ///
    /// Constant time where the deadline moved later or was popped; O(log n) where it moved earlier or came out of order.
    #[inline]
    pub fn arm(&mut self, id: Id, armed: &mut Armed, deadline: Option<Deadline>) {
        let Some(deadline) = deadline else { return };
        if armed.at <= self.reached || deadline.at < armed.at {
            self.requeue(id, armed, deadline);
        }
    }

    fn requeue(&mut self, id: Id, armed: &mut Armed, Deadline { at, kind }: Deadline) {
        self.disarm(armed);
        self.tickets += 1;
        let ring = &mut self.rings[kind as usize];
        let in_order = ring.entries.back().is_none_or(|last| last.at <= at);
        let ticket = self.tickets << CLASS_BITS | if in_order { kind as u64 } else { OUT_OF_ORDER };
        if in_order {
            ring.entries.push_back(Entry { at, ticket, id: Some(id) });
        } else {
            self.out_of_order.insert((at, ticket), id);
        }
        *armed = Armed { at, ticket };
    }

    /// Takes the entry out, if there is one: the connection is gone, and its id may name another one. O(log n).
    pub fn disarm(&mut self, armed: &mut Armed) {
        let Armed { at, ticket } = core::mem::take(armed);
        match self.rings.get_mut((ticket & OUT_OF_ORDER) as usize) {
            Some(ring) => ring.remove(ticket),
            None => {
                self.out_of_order.remove(&(at, ticket));
            }
        }
    }

    /// When something may be due: the earliest entry. Never later than the earliest deadline, and earlier only where that was
    /// moved later. `None`: nothing will be due. Constant time.
    pub fn next(&self) -> Option<Instant> {
        self.earliest().map(|(at, _)| at)
    }

    /// Takes out an id that may be due at `now`, if there is one. Let its connection's deadlines expire, and
    /// [`arm`](Self::arm) it again; to be called until `None`.
    ///
    /// Constant time, O(log n) for what came out of order.
    pub fn pop(&mut self, now: Instant) -> Option<Id> {
        self.reached = self.reached.max(now);
        match self.earliest().filter(|&(at, _)| at <= now)? {
            (_, Some(class)) => self.rings[class].pop(),
            (_, None) => self.out_of_order.pop_first().map(|(_, id)| id),
        }
    }

    /// The earliest entry, and the ring at whose front it is.
    fn earliest(&self) -> Option<(Instant, Option<usize>)> {
        let fronts = self.rings.iter().enumerate();
        let fronts = fronts.filter_map(|(class, ring)| ring.entries.front().map(|entry| (entry.at, Some(class))));
        let out_of_order = self.out_of_order.first_key_value().map(|(&(at, _), _)| (at, None));
        // of equal ones the first class
        fronts.chain(out_of_order).min_by_key(|&(at, _)| at)
    }

    /// Ids with an entry.
    pub fn len(&self) -> usize {
        self.rings.iter().map(|ring| ring.entries.len() - ring.dead).sum::<usize>() + self.out_of_order.len()
    }

    /// No id has an entry.
    pub fn is_empty(&self) -> bool {
        self.next().is_none()
    }

    /// Entries held, dead ones included: never more than twice [`len`](Self::len), and 32 more for each kind.
    pub fn slots(&self) -> usize {
        self.rings.iter().map(|ring| ring.entries.len()).sum::<usize>() + self.out_of_order.len()
    }
}

impl<Id: Copy> Default for DeadlineQueue<Id> {
    fn default() -> Self {
        Self::new()
    }
}

impl<Id> Ring<Id> {
    const fn new() -> Self {
        Self { entries: VecDeque::new(), dead: 0 }
    }

    fn pop(&mut self) -> Option<Id> {
        let entry = self.entries.pop_front()?;
        self.drop_dead();
        entry.id
    }

    /// Takes the id from the entry of this ticket, if the entry is still here: it is dead then.
    fn remove(&mut self, ticket: u64) {
        if self.entries.front().is_none_or(|first| ticket < first.ticket) {
            return;
        }
        let place = self.entries.partition_point(|entry| entry.ticket < ticket);
        if let Some(entry) = self.entries.get_mut(place).filter(|entry| entry.ticket == ticket) {
            entry.id = None;
            self.dead += 1;
            self.drop_dead();
        }
    }

    /// Drops dead entries: those at the front at once, the others when there are many.
    fn drop_dead(&mut self) {
        while self.entries.front().is_some_and(|entry| entry.id.is_none()) {
            self.entries.pop_front();
            self.dead -= 1;
        }
        if self.dead > MOST_DEAD && self.dead > self.entries.len() / 2 {
            self.entries.retain(|entry| entry.id.is_some());
            self.entries.shrink_to(2 * self.entries.len());
            self.dead = 0;
        }
    }
}

const CLASSES: usize = DeadlineKind::ALL.len();
/// Low bits of a ticket: its class.
const CLASS_BITS: u32 = 5;
/// The class of what came out of order and is in no ring.
const OUT_OF_ORDER: u64 = (1 << CLASS_BITS) - 1;
/// This many dead entries a ring may have, even with fewer live ones.
const MOST_DEAD: usize = 32;

const _: () = assert!(CLASSES < OUT_OF_ORDER as usize);
