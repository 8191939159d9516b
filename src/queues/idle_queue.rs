//! A server's idle connections in one queue: which of them goes when places run out.
//!
//! Read first: RFC 9112 9.5 (a server may close a connection at any time), RFC 2068 19.7.1.1 (`Keep-Alive: timeout=`, which is the
//! promise here).
//!
//! **The law.** When places run out, the longest idle connection goes, not the newest client. In this order:
//!
//! 1. those whose promise has passed: their clients no longer count on them. The one whose promise passed first goes first;
//! 2. fresh ones: no octet of a request has come, so no request is lost. The one that opened first goes first;
//! 3. the others, also within their promise. The one that is idle for longest goes first.
//!
//! None goes within its shield, whatever its class. A promise that ends within the shield ends with the shield. If none may go, the
//! newcomer is refused.
//!
//! **Tie-breaks.** At the same instant: in the order in which they were said to be so.
//!
//! **Why lists.** Connections become idle in the order of time. Where the settings are the same for all, shields and promises end in
//! that order, too. So no order has to be made: each class is a list, a connection is put at its end and taken out wherever it is, and
//! the first of a list is the first that may go. A connection with a promise is in two lists: in that of its class without the
//! promise, by when it became idle, and in that of promises, by when they end. So those whose promise has passed are the begin of a
//! list, and nothing is moved when one passes.
//!
//! **Out of order.** A connection that does not fit at the end of a list (settings that differ between connections, a promise that
//! the age bounds, the same time told again in another way) goes to an ordered map beside the list: as exact, but slower. While it is
//! within its shield, it is in a map by the ends of shields. The first question after the end moves it on.
//!
//! **Cost.** Constant time, and nothing is allocated in steady state; O(log n), and now and then a node of a map, for what is out of
//! order. While the last of a list ends later than all that follow, these are out of order. An entry takes 56 octets beside its id,
//! and [`Queued`] takes 8 beside the connection. The entries of those that left are used again: the memory is that of the most that
//! were idle at once, and is kept.

use std::collections::BTreeMap;
use std::vec::Vec;

use crate::lifecycle::idleness::Idleness;
use crate::time::Instant;

/// A server's idle connections, in the order in which they go when places run out. `Id` is how the driver names a connection: an
/// index or a token, best a small one.
///
/// It closes nothing. Its memory is bounded by the connections: an entry for each that is idle, at most 2^32 - 1 of them; further ones
/// do not enter, and so do not go.
///
/// ```
/// use core::time::Duration;
/// use http_keepalive::{IdleQueue, Idleness, Instant, Queued};
///
/// /// As after a response that said `Keep-Alive: timeout=60`, with a shield of a second.
/// fn used(since: Instant) -> Idleness {
///     let (promise, shield) = (Duration::from_secs(60), Duration::from_secs(1));
///     Idleness { since, is_fresh: false, promised_until: Some(since + promise), shielded_until: since + shield }
/// }
///
/// let at = Instant::from_secs;
/// let mut queue = IdleQueue::new();
/// let mut connections: [Queued; 2] = Default::default();
/// queue.set(0, &mut connections[0], Some(used(at(10))));
/// queue.set(1, &mut connections[1], Some(used(at(20))));
///
/// // both places are taken and a client comes: the longest idle goes
/// assert_eq!(queue.first_to_go(at(20)), Some(0));
/// // a request came on it before: the other one is within its shield, and the newcomer is refused, or waits
/// queue.set(0, &mut connections[0], None);
/// assert_eq!(queue.first_to_go(at(20)), None);
/// assert_eq!(queue.next(), Some(at(21)));
/// ```
#[derive(Debug)]
pub struct IdleQueue<Id> {
    entries: Vec<Entry<Id>>,
    /// The first of the vacant entries, which are linked by `next`.
    vacant: u32,
    /// Entries that are not vacant.
    len: usize,
    /// By [`Class`].
    orders: [Order; Class::ALL.len()],
    /// Those that are out of order in the list of their idleness, and within their shield, by its end.
    shielded: BTreeMap<(Instant, u64), u32>,
    /// The greatest instant seen.
    reached: Instant,
    /// How many entries were made: the number of the last one.
    made: u64,
}

/// What an [`IdleQueue`] knows of one connection: kept beside the connection, and given with its id to every call about it. A default
/// one is not in the queue.
///
/// It belongs to one queue. Dropping it takes nothing out: [`set`](IdleQueue::set) it to `None` when its connection is gone.
#[derive(Debug)]
pub struct Queued {
    slot: u32,
    /// The low bits of the entry's number: if they differ, the entry is another connection's.
    stamp: u32,
}

impl Default for Queued {
    fn default() -> Self {
        Self { slot: NONE, stamp: 0 }
    }
}

impl<Id: Copy> IdleQueue<Id> {
    /// An empty queue; it allocates with the first entry.
    pub const fn new() -> Self {
        Self {
            entries: Vec::new(),
            vacant: NONE,
            len: 0,
            orders: [const { Order::new() }; Class::ALL.len()],
            shielded: BTreeMap::new(),
            reached: Instant::EPOCH,
            made: 0,
        }
    }

    /// An empty queue with room for this number of connections, so that it does not grow before there are more.
    pub fn with_capacity(connections: usize) -> Self {
        Self { entries: Vec::with_capacity(connections), ..Self::new() }
    }

    /// Says what the connection is now: idle in this way, or busy or gone (`None`). Call it after everything that may have changed
    /// that. A call that changes nothing costs one comparison, and the connection keeps its turn.
    ///
    /// Constant time where it is in order, O(log n) where it is not.
    pub fn set(&mut self, id: Id, queued: &mut Queued, idleness: Option<Idleness>) {
        if let Some(entry) = self.entries.get_mut(queued.slot as usize).filter(|entry| entry.is_of(queued)) {
            if idleness.is_some_and(|idleness| entry.is(&idleness)) {
                entry.id = id;
                return;
            }
            self.remove(queued.slot);
        }
        *queued = idleness.and_then(|idleness| self.insert(id, &idleness)).unwrap_or_default();
    }

    /// Which connection is to go for a newcomer at `now`. `None`: none may go, and the newcomer is refused, or waits until
    /// [`next`](Self::next).
    ///
    /// It stays in the queue, and is the answer again, until it is [`set`](Self::set) otherwise: to `None` when its close begins.
    ///
    /// Constant time; O(log n) for each that is out of order and whose shield has ended since the last call.
    pub fn first_to_go(&mut self, now: Instant) -> Option<Id> {
        self.reached = self.reached.max(now);
        self.end_shields();
        let first = Class::ALL.into_iter().find_map(|class| self.first_of(class))?;
        Some(first.id)
    }

    /// When one may go: the earliest end of a shield, or, if one may go already, an instant that has passed. `None`: the queue is
    /// empty. Constant time, O(log n) for what is out of order.
    pub fn next(&self) -> Option<Instant> {
        // of a list the first has the earliest end; what is out of order and not in `shielded` may go already
        let firsts = [Class::Fresh, Class::Used].into_iter().flat_map(|class| self.orders[class as usize].firsts());
        let firsts = firsts.filter_map(|slot| self.entries.get(slot as usize)).map(|entry| entry.shielded_until);
        let shielded = self.shielded.first_key_value().map(|(&(at, _), _)| at);
        firsts.chain(shielded).min()
    }

    /// Connections in the queue: those that are idle.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// No connection is in the queue.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Entries held, vacant ones included: the most that [`len`](Self::len) ever was.
    pub fn slots(&self) -> usize {
        self.entries.len()
    }

    /// The first of this class, if it may go.
    fn first_of(&self, class: Class) -> Option<&Entry<Id>> {
        let firsts = self.orders[class as usize].firsts();
        let entries = firsts.filter_map(|slot| self.entries.get(slot as usize));
        entries.filter(|entry| entry.goes_at(class) <= self.reached).min_by_key(|entry| entry.key(class))
    }

    /// What is out of order and no longer within its shield takes its turn in its class.
    fn end_shields(&mut self) {
        while let Some(first) = self.shielded.first_entry().filter(|first| first.key().0 <= self.reached) {
            let slot = first.remove();
            if let Some(entry) = self.entries.get_mut(slot as usize) {
                let class = entry.class();
                entry.stands[class.link()] = Stand::OutOfOrder;
                self.orders[class as usize].out_of_order.insert(entry.key(class), slot);
            }
        }
    }

    /// `None`: there is no room for one more.
    fn insert(&mut self, id: Id, idleness: &Idleness) -> Option<Queued> {
        let number = self.made.wrapping_add(1);
        let entry = Entry::new(id, number, idleness);
        let slot = match self.entries.get_mut(self.vacant as usize) {
            Some(vacant) => {
                let next = vacant.links[0].next;
                *vacant = entry;
                core::mem::replace(&mut self.vacant, next)
            }
            None => {
                let slot = u32::try_from(self.entries.len()).ok().filter(|&slot| slot != NONE)?;
                self.entries.push(entry);
                slot
            }
        };
        self.made = number;
        self.len += 1;
        self.enter(if idleness.is_fresh { Class::Fresh } else { Class::Used }, slot);
        if idleness.promised_until.is_some_and(|until| until != Instant::MAX) {
            self.enter(Class::Promised, slot);
        }
        Some(Queued { slot, stamp: number as u32 })
    }

    /// Gives the entry its turn in this class.
    fn enter(&mut self, class: Class, slot: u32) {
        let Some(entry) = self.entries.get(slot as usize) else { return };
        let (key, goes_at) = (entry.key(class), entry.goes_at(class));
        let order = &mut self.orders[class as usize];
        let last = self.entries.get(order.last as usize);
        let stand = if last.is_none_or(|last| last.key(class) <= key && last.goes_at(class) <= goes_at) {
            self.append(class, slot);
            Stand::Listed
        } else if class == Class::Promised || goes_at <= self.reached {
            order.out_of_order.insert(key, slot);
            Stand::OutOfOrder
        } else {
            self.shielded.insert((goes_at, key.1), slot);
            Stand::Shielded
        };
        if let Some(entry) = self.entries.get_mut(slot as usize) {
            entry.stands[class.link()] = stand;
        }
    }

    /// Takes the entry out of all that it is in. It is vacant then.
    fn remove(&mut self, slot: u32) {
        let Some(entry) = self.entries.get(slot as usize) else { return };
        let (stands, shield_end) = (entry.stands, (entry.shielded_until, entry.number));
        for (class, key) in [entry.class(), Class::Promised].map(|class| (class, entry.key(class))) {
            match stands[class.link()] {
                Stand::Nowhere => {}
                Stand::Listed => self.unlink(class, slot),
                Stand::OutOfOrder => drop(self.orders[class as usize].out_of_order.remove(&key)),
                Stand::Shielded => drop(self.shielded.remove(&shield_end)),
            }
        }
        if let Some(entry) = self.entries.get_mut(slot as usize) {
            entry.stands = [Stand::Nowhere; 2];
            entry.links[0].next = core::mem::replace(&mut self.vacant, slot);
            self.len -= 1;
        }
    }

    /// Puts the entry at the end of the list.
    fn append(&mut self, class: Class, slot: u32) {
        let (link, order) = (class.link(), &mut self.orders[class as usize]);
        let prev = core::mem::replace(&mut order.last, slot);
        match self.entries.get_mut(prev as usize) {
            Some(before) => before.links[link].next = slot,
            None => order.first = slot,
        }
        if let Some(entry) = self.entries.get_mut(slot as usize) {
            entry.links[link] = Link { prev, next: NONE };
        }
    }

    /// Takes the entry out of the list.
    fn unlink(&mut self, class: Class, slot: u32) {
        let (link, order) = (class.link(), &mut self.orders[class as usize]);
        let Some(Link { prev, next }) = self.entries.get(slot as usize).map(|entry| entry.links[link]) else { return };
        match self.entries.get_mut(prev as usize) {
            Some(before) => before.links[link].next = next,
            None => order.first = next,
        }
        match self.entries.get_mut(next as usize) {
            Some(after) => after.links[link].prev = prev,
            None => order.last = prev,
        }
    }
}

impl<Id: Copy> Default for IdleQueue<Id> {
    fn default() -> Self {
        Self::new()
    }
}

/// The classes in the order in which they go. An entry is in one of `Fresh` and `Used`, and, if it has a promise, in `Promised`.
/// What goes by its promise goes before its turn in the other comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Promised,
    Fresh,
    Used,
}

impl Class {
    const ALL: [Self; 3] = [Self::Promised, Self::Fresh, Self::Used];

    /// Which links of an entry are those of this class.
    const fn link(self) -> usize {
        matches!(self, Self::Promised) as usize
    }
}

/// The entries of a class.
#[derive(Debug)]
struct Order {
    /// A list in which keys and the instants from which one may go both grow, so that the first is the first in both.
    first: u32,
    last: u32,
    /// Those that do not fit into the list, by their keys. Of `Fresh` and `Used` only those that may go.
    out_of_order: BTreeMap<(Instant, u64), u32>,
}

impl Order {
    const fn new() -> Self {
        Self { first: NONE, last: NONE, out_of_order: BTreeMap::new() }
    }

    /// The first of the list and the first out of order.
    fn firsts(&self) -> impl Iterator<Item = u32> {
        core::iter::once(self.first).chain(self.out_of_order.first_key_value().map(|(_, &slot)| slot))
    }
}

/// An idle connection, or a vacant one: 56 octets and the id.
#[derive(Debug)]
struct Entry<Id> {
    id: Id,
    since: Instant,
    /// [`Instant::MAX`]: nothing was promised.
    promised_until: Instant,
    shielded_until: Instant,
    /// In the order of making: it breaks ties, and makes keys unique.
    number: u64,
    /// By [`Class::link`]. Of a vacant one, the first `next` is the next vacant one.
    links: [Link; 2],
    /// By [`Class::link`]. A vacant one stands nowhere.
    stands: [Stand; 2],
    is_fresh: bool,
}

impl<Id> Entry<Id> {
    fn new(id: Id, number: u64, idleness: &Idleness) -> Self {
        let &Idleness { since, is_fresh, promised_until, shielded_until } = idleness;
        let promised_until = promised_until.unwrap_or(Instant::MAX);
        let (links, stands) = ([Link { prev: NONE, next: NONE }; 2], [Stand::Nowhere; 2]);
        Self { id, since, promised_until, shielded_until, number, links, stands, is_fresh }
    }

    const fn is_of(&self, queued: &Queued) -> bool {
        self.number as u32 == queued.stamp && !matches!(self.stands[0], Stand::Nowhere)
    }

    fn is(&self, idleness: &Idleness) -> bool {
        self.since == idleness.since
            && self.promised_until == idleness.promised_until.unwrap_or(Instant::MAX)
            && self.shielded_until == idleness.shielded_until
            && self.is_fresh == idleness.is_fresh
    }

    /// Its class without its promise.
    const fn class(&self) -> Class {
        if self.is_fresh { Class::Fresh } else { Class::Used }
    }

    /// The order in which those of the class go.
    fn key(&self, class: Class) -> (Instant, u64) {
        let at = if class == Class::Promised { self.goes_at(class) } else { self.since };
        (at, self.number)
    }

    /// From when it may go as one of the class.
    fn goes_at(&self, class: Class) -> Instant {
        if class == Class::Promised { self.promised_until.max(self.shielded_until) } else { self.shielded_until }
    }
}

#[derive(Clone, Copy, Debug)]
struct Link {
    prev: u32,
    next: u32,
}

/// Where an entry stands in a class.
#[derive(Clone, Copy, Debug)]
enum Stand {
    Nowhere,
    Listed,
    OutOfOrder,
    Shielded,
}

/// No slot.
const NONE: u32 = u32::MAX;

const _: () = assert!(size_of::<Entry<u64>>() == 56 + 8 && size_of::<Queued>() == 8);
