//! The pool: which idle connection, for whom, until when, and why.
//!
//! Read first: RFC 9112 9.3 and 9.3.1 (persistence; a connection may close while it is idle), 9.4 (how many connections: no number
//! any more; RFC 2616 8.1.4 had 2, and 2 × N for a proxy with N users), 9.5 (how long: no number either), RFC 2068 19.7.1.1 (the
//! peer's hint).
//!
//! A [`Pool`] opens and closes nothing, and knows no sockets: it holds the caller's ids and says what to do with them, and why.
//! What it hands out has a name, and each name has its own deadline, so that nothing is lost in silence: a [`Permit`] to open a
//! connection, a [`Lease`] of one in use, an [`Idle`] one, a [`Ticket`] in the queue. What falls due comes out of
//! [`expire`](Pool::expire): call it until `None` whenever [`next_deadline`](Pool::next_deadline) is due, and, where requests wait,
//! after every call that may let one of them go on.
//!
//! A [`SharedPool`] is for drivers of many threads or tasks: it owns the connections, and wakes the requests that wait.
//! [Its page](shared) has a request through pool and [`Connection`](crate::Connection), whole.
//!
//! # What belongs into a key
//!
//! Everything in which two requests must agree to share a connection, and nothing else:
//!
//! - for a client, the origin: scheme, host and port (RFC 9110 4.3.1), and the transport's settings where they differ;
//! - for requests through a plain proxy, the proxy and not the origin: one connection carries requests for any host;
//! - after CONNECT, the proxy and the tunnel's origin: the tunnel belongs to it;
//! - for a proxy, the next hop, and what it tells that hop of the client at the level of the connection;
//! - the owner, where a connection may not be shared: authentication that is bound to it (NTLM, Negotiate), client certificates.
//!   What was opened without an owner can [come back](Pool::checkin_as) under its owner's key.
//!
//! # Which connection
//!
//! Used ones before never used ones; among each kind, by [`Order`]. Never one whose time is over, be it by our limit, its age, the
//! peer's hint less the margin, what was learned, the instant of its machine, or its generation; and none of an origin that is in
//! quarantine, since several of its connections had octets that nobody asked for (RFC 9112 9.2). The deadline of an idle connection
//! is the first of these, and it keeps the cause. The peer may close at any time all the same (RFC 9112 9.5): [`Look`] says when to
//! look first, and a request that meets a closed connection is one for [`retry`](crate::lifecycle::retry).
//!
//! # Who goes first, and which connection goes
//!
//! Requests wait in one queue. Of those for one key the first is served first, and no later request is served before it, except
//! with what it may not use while its own connection is being opened. An idle connection serves its own key. A free place serves the
//! first in line: of all keys that are below their own limit, of the first waiters that want a place, the one that came first. While
//! there is one, no new request is given a place. The other waiters are held back by the limit of their key: they go on when that
//! allows it, and hold up nobody.
//!
//! At the limit of all, a busy key could keep its connections for ever. So the first in line is passed over by so many later requests
//! and no more: [`PoolLimits::passed_over`], N. Then it is its turn: the next idle connection that comes back, or would be lent to a
//! later request, or go for one, goes for it. No connection in use is closed for another. A request with p others before it in the queue waits for
//! at most (N + 1)(p + 1) grants (connections lent, and places given) while it is held back by the limit of all alone: each of the
//! p + 1 is passed over by N at most while it is first in line. Where requests open and wait at once, it is (N + 2)(p + 1): each may
//! be lent a connection after it was given a place. And no more than one in N + 1 connections is closed that could have
//! been used again; to serve all in the order of their coming (N = 0) would close nearly every one. So nobody starves, while
//! connections come back, and [`expire`](Pool::expire) is called after each call.
//!
//! At the limit of its key, a request takes the place of an idle connection of that key whose time is over, or which it may not
//! use (not with [`Eviction::Never`]). At the limit of all, it takes the place of the idle connection that [`Eviction`] names, to
//! any key: that is how Netscape's pool stayed small. Protected from this are connections that a waiter of their key may be given
//! next, and as many as are to be kept warm. One whose turn it is takes the place of any idle connection, if there is none without
//! protection, and even where `Eviction` is `Never`: then the one goes that comes back, or would be lent.
//!
//! # A connection that is being opened is overtaken
//!
//! While a connection is being opened, another one of its key may come back, and could serve the request at once. A request that
//! asks for it ([`Meanwhile::Wait`]) opens and waits at once ([`Checkout::OpenOrWait`]): it has a permit and a ticket, and takes
//! what comes first.
//!
//! - It has a place already. So it is given no other one, and holds back nobody of its key who wants one. What comes back it is
//!   given before those that came later; what it may not use is offered to the next.
//! - It stands in no line for a place, so it is never passed over, and has no turn. What goes for one whose turn it is, it is not
//!   given: it has a place, and the other one has none. To open in a free place passes nobody over. But a connection lent to it is
//!   one more that the first in line was passed over by, if that one came before it.
//! - If another connection comes first, its permit goes on to live on its own. The new connection serves the next request of the
//!   key, or is idle, once the driver has checked it in unused.
//! - If its own connection comes first, its ticket is stale.
//! - If its own connection cannot be opened, or not in time, it waits on where it is, for what comes back, and is given no other
//!   place: a peer that refuses would be asked again and again. So it makes no difference whether another connection comes back a
//!   moment before the failure or after it. Once no connection of its key is held, nothing can come back, and
//!   [`RefuseReason::OpenFailed`] says so, before another one of its key is given a place. A driver that wants the request to fail
//!   at once cancels its ticket.
//! - What ends instead of coming back is no use to it: its key is in [quarantine](PoolTimeouts::quarantine) or has a new generation,
//!   or the connection went to [another key](Pool::checkin_as). It goes on to open, and waits on. In quarantine a connection that
//!   was opened for it and is checked in unused ends too.
//! - The limits of waiting hold for it as for any: room in the queue, the time. Its permit is good beyond them.
//!
//! # A request that is dropped
//!
//! A request may end before its connection does: a future is dropped, a thread ends, a path through the code forgets a name.
//! Nothing tells the pool, and what the request had stays as it was:
//!
//! - a [`Lease`]: the connection counts as in use, and nobody else gets it, until [`PoolTimeouts::lease`] is over;
//! - a [`Permit`]: its place counts as taken until [`PoolTimeouts::open`] is over;
//! - a [`Ticket`]: it stays in the queue, and is answered in its turn, until [`PoolTimeouts::wait`] is over. The connection or the
//!   place that it is given then is the driver's, which finds nobody for it.
//!
//! So these names cannot be copied, only cloned, and the compiler says where one is not used. A driver keeps each where its end is
//! seen: in a guard, say, that gives it back when it is dropped, to [`closed`](Pool::closed), [`failed`](Pool::failed) or
//! [`cancel`](Pool::cancel), as those of a [`SharedPool`] do. A request that opens and waits at once has two names, and each is given back by itself. A call with a
//! clone of a name that was given back answers [`Stale`], and does nothing: to give a name back twice does no harm. If `cancel`
//! answers `Stale`, the waiter was answered already: what the answer has is to be given back.
//!
//! What is lost all the same is found. [`outstanding`](Pool::outstanding) names all that the pool has handed out and that did not
//! come back, and since when or until when: what it names and the driver does not know is lost, and the driver gives it back. If it
//! does not, the timeout does: [`Due::LeaseOverdue`], [`Due::PermitOverdue`] and [`Due::WaitOver`] name what is lost.
//!
//! # Which clock
//!
//! The peer's clock does not stop while our machine sleeps. So the pool needs a clock that runs on in a sleep: then what is too old
//! falls due when the machine wakes, before a request can be given it, if [`expire`](Pool::expire) is called first. Linux and Android
//! have `CLOCK_BOOTTIME`, macOS has `mach_continuous_time`; on Windows `QueryPerformanceCounter` runs on, and with it
//! `std::time::Instant`. On Linux (`CLOCK_MONOTONIC`) and macOS (`CLOCK_UPTIME_RAW`) `std::time::Instant` stands still: with it idle
//! connections look younger than they are, and are lent though the peer has closed them. There a driver says how long the machine
//! slept ([`Pool::suspended`]), before it asks for anything else; [`SleepMeter`] finds out by the wall clock. The wall clock itself
//! is none for a pool, since it is set.
//!
//! After a longer sleep ([`suspension`](PoolTimeouts::suspension)) all idle connections end, whatever their time, but only if it is
//! said: a clock that runs on does not show that the machine slept.
//!
//! # Tie-breaks
//!
//! Equal octets: the newest. Equal instants in an eviction: any, but always the same. Equal ends of idleness have the cause of the
//! first of these: the idle limit, the age, the hint, what was learned, the machine's instant. What falls due at one call of `expire`
//! comes in this order: connections whose time is over, overdue permits, water marks and purges, waiters that go on or for whom
//! nothing is left, waiters that are too late.
//!
//! # Cost
//!
//! A check-out hashes the key once, one for a new key twice, a check-in never, one under another key once or, if that is new, twice.
//! A request that waits for a place costs time in the logarithm of the keys that are below their limit and have such waiters, and none
//! for the others. A connection takes 48 octets beside its id, four for its place among the deadlines, and four more where eviction
//! asks for an order; a key takes 60 octets and its place in the map. Nothing is allocated in steady state.
//!
//! The fast path: a connection that is used again and again is leased where it is, in a few dozen instructions. It serves a
//! check-in of which nothing is said but that the connection persists over HTTP/1.1, and until when (by the time of a hint, without
//! `max`, or by the machine's instant), in a pool with [`Order::Newest`], [`ReuseMode::Always`] and idle limits that end and are no
//! longer than a lease, without purges, water marks, limits on idle connections or learning, while no request waits, be it one that
//! opens meanwhile. A connection that is to end sooner than it would have the last time takes a longer path once, for an earlier
//! record. All other calls take a longer path, in constant time too. [`Order::Newest`] and [`Order::Oldest`] look at one idle
//! connection, the other orders at all of the key. What comes back, and a search for one to evict, pass over those one by one that
//! open a connection and may not use it. None is leased where it is of a key in quarantine or of an earlier generation, nor where a
//! request has its turn: all of that is the longer path's.
//!
//! ```
//! use std::time::Duration;
//! use http_keepalive::pool::*;
//! use http_keepalive::{Instant, Persistence, ReuseReason};
//!
//! let opened = Instant::from_secs(1);
//! let mut pool = Pool::<String, usize>::new(opened, &PoolConfig::DEFAULT);
//!
//! // nothing is there: open a connection, and say so
//! let Checkout::Open(permit) = pool.checkout(opened, "example.org:80", Demand::DEFAULT) else { panic!() };
//! let lease = pool.opened(opened, permit, 7)?;
//!
//! // the exchange is over, and the machine says that the connection persists
//! let returned = Returned::new(Persistence::Reuse(ReuseReason::Http11));
//! assert!(matches!(pool.checkin(opened, lease, &returned)?, Checkin::Kept(_)));
//!
//! // the next request uses it
//! let Checkout::Reuse { id: 7, lease, .. } = pool.checkout(opened, "example.org:80", Demand::DEFAULT) else { panic!() };
//! let _ = pool.checkin(opened, lease, &returned)?;
//!
//! // and no other request does
//! let deadline = pool.next_deadline().expect("it does not stay for ever");
//! assert_eq!(deadline, opened + Duration::from_secs(60));
//! assert_eq!(pool.expire(deadline), Some(Due::Close { id: 7, why: EndReason::IdleLimit }));
//! assert_eq!(pool.expire(deadline), None);
//! # Ok::<(), Stale>(())
//! ```

mod api;
mod calendar;
mod checkin;
mod checkout;
mod choose;
mod close_all;
mod config;
mod counters;
mod ended;
mod evict;
mod expire;
#[cfg(test)]
mod fast_paths;
mod index;
mod invariants;
mod learned;
mod list;
mod names;
mod notes;
mod opening;
mod origins;
mod outstanding;
mod owner;
mod quarantine;
mod queue;
mod reasons;
mod remove;
mod resolved;
pub mod shared;
mod sleep_meter;
mod slot_times;
mod slots;
mod turns;
mod unused;
mod verdict;
mod waiting;

use std::borrow::Borrow;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};
use std::vec::Vec;

pub use api::{
    Checkin, Checkout, Demand, Due, Ended, Look, Meanwhile, Patience, Peer, Readable, Returned, Session, Source,
};
pub use config::{Eviction, Excess, Order, PoolConfig, PoolLimits, PoolPolicy, PoolTimeouts, ReuseMode};
pub use counters::Counters;
pub use learned::Learned;
pub use names::{Idle, Lease, Permit, Stale, Ticket};
pub use outstanding::Outstanding;
pub use reasons::{EndReason, RefuseReason, Taint};
pub use shared::{CheckedIn, Closing, FreePlace, Granted, Handout, Lent, SharedPool, Waiting};
pub use sleep_meter::SleepMeter;

use crate::config::nanos::Span;
use crate::lifecycle::jitter;
use crate::time::Instant;
use calendar::Calendar;
use index::{OriginIndex, Second, Slot, Table};
use opening::Opening;
use origins::Origins;
use queue::Queue;
use resolved::ResolvedPoolConfig;
use slots::{Entries, Entry, Stamp};
use turns::Turns;
use unused::BeforeLease;
use waiting::{Ready, Waiter};

/// Idle connections by key, and which request may have which. `K` is the key, `Id` how the driver names a connection: an index or a
/// token.
///
/// ```
/// // keys that no peer chooses may be hashed faster
/// use std::hash::{BuildHasherDefault, DefaultHasher};
/// use http_keepalive::Instant;
/// use http_keepalive::pool::{Pool, PoolConfig};
///
/// type Hasher = BuildHasherDefault<DefaultHasher>;
/// let pool = Pool::<u64, u32, Hasher>::with_hasher(Instant::EPOCH, &PoolConfig::DEFAULT, Hasher::default());
/// assert_eq!((pool.idle(), pool.held(), pool.next_deadline()), (0, 0, None));
/// ```
#[derive(Debug)]
pub struct Pool<K, Id, S = RandomState> {
    config: PoolConfig,
    resolved: ResolvedPoolConfig,
    origins: Origins<K, S>,
    entries: Entries<Id>,
    first_vacant: Slot,
    /// Leased and idle connections by deadline.
    deadlines: Calendar,
    /// Idle connections, the longest idle first; empty unless eviction, water marks or purges ask for this order.
    idle_order: Calendar,
    /// Connections that are being opened.
    permits: Queue<Permit, Opening>,
    waiters: Queue<Ticket, Waiter>,
    /// Origins whose first waiter may go on, which knows its origin's place here.
    ready_origins: Queue<Ready, OriginIndex>,
    /// Something has changed by which the waiter that is first in line may go on.
    waiters_may_go_on: bool,
    turns: Turns,
    /// Idle connections are being closed: the high water mark was passed, and the low one is not reached yet.
    over_high_water: bool,
    draining: bool,
    /// The calls may not take their fast path, because of the settings, a drain, waiters, or an HTTP/1.0 peer.
    needs_full_path: bool,
    /// Some origin's responses were HTTP/1.0.
    saw_http10: bool,
    /// The latest instant seen.
    now: Instant,
    /// Connections that are leased, idle, or being opened.
    held: u32,
    /// Connections that ended while they were idle.
    ended_idle: u64,
    users: u32,
    /// When idle connections are purged next; [`Instant::MAX`]: not before another one is idle.
    purge_at: Instant,
    /// Connections that the purge has still to close.
    to_purge: u32,
    /// How many random numbers were drawn.
    numbers_drawn: u64,
    /// By slot: how long its connection had been idle when it was handed out. Empty unless the pool learns.
    idle_before_use: Table<Slot, Span>,
    /// Connections that a search for one to close has passed over. Empty between two searches; it keeps its memory.
    passed_over: Vec<Slot>,
    /// What was known of the connection that was lent last on the full path.
    last_lent: Option<BeforeLease>,
    counters: Counters,
    #[cfg(debug_assertions)]
    calls_since_check: usize,
    /// No fast path is taken: so that a test can compare.
    #[cfg(test)]
    full_path_only: bool,
}

impl<K: Hash + Eq, Id: Copy> Pool<K, Id> {
    /// An empty pool, whose map is keyed at random: nobody can choose keys that collide.
    pub fn new(now: Instant, config: &PoolConfig) -> Self {
        Self::with_hasher(now, config, RandomState::new())
    }
}

impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
    /// An empty pool with the caller's hasher.
    pub fn with_hasher(now: Instant, config: &PoolConfig, hasher: S) -> Self {
        let resolved = ResolvedPoolConfig::of(config);
        Self {
            config: *config,
            resolved,
            origins: Origins::new(hasher),
            entries: Entries::new(),
            first_vacant: Slot::NONE,
            deadlines: Calendar::new(now, resolved.longest),
            idle_order: Calendar::new(now, resolved.longest),
            permits: Queue::new(),
            waiters: Queue::new(),
            ready_origins: Queue::new(),
            waiters_may_go_on: false,
            turns: Turns::new(),
            over_high_water: false,
            draining: false,
            needs_full_path: resolved.needs_full_path,
            saw_http10: false,
            now,
            held: 0,
            ended_idle: 0,
            users: 1,
            purge_at: Instant::MAX,
            to_purge: 0,
            numbers_drawn: 0,
            idle_before_use: Table::new(),
            passed_over: Vec::new(),
            last_lent: None,
            counters: Counters::ZERO,
            #[cfg(debug_assertions)]
            calls_since_check: 0,
            #[cfg(test)]
            full_path_only: false,
        }
    }

    /// The settings.
    pub const fn config(&self) -> &PoolConfig {
        &self.config
    }

    /// Makes room for exactly this many more connections and keys, if there is memory. Without it, room is doubled whenever it is
    /// full.
    pub fn reserve(&mut self, connections: usize, keys: usize) {
        // without the room there is less speed, and nothing else
        let _ = self.entries.try_reserve_exact(connections);
        self.origins.reserve(keys);
        self.deadlines.reserve(connections);
        if self.resolved.orders_by_idle {
            self.idle_order.reserve(connections);
        }
    }

    /// Connections that are idle.
    pub const fn idle(&self) -> u32 {
        (self.counters.kept - self.counters.reused - self.ended_idle) as u32
    }

    /// Connections that are idle, in use, or being opened: what the limits count.
    pub const fn held(&self) -> u32 {
        self.held
    }

    /// Requests that wait.
    pub const fn waiting(&self) -> u32 {
        self.waiters.len()
    }

    /// Keys that are known: all with a connection or a waiter, and some that had one before.
    pub fn keys(&self) -> usize {
        self.origins.len()
    }

    /// Counts of what happened so far.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// A drain has ended: no check-out is served any more, and no connection is held.
    pub const fn is_drained(&self) -> bool {
        self.draining && self.held == 0 && self.waiters.is_empty()
    }

    /// Sets the number of users that we work for, at least one: the N of RFC 2616 8.1.4, see [`PoolLimits::per_user`]. A smaller
    /// number closes no connection: only, none is opened until there are few enough. Takes time in proportion to the number of keys.
    pub fn set_users(&mut self, users: u32) {
        self.users = users.max(1);
        for index in self.origins.all.indices() {
            if self.origins.all[index].waiting > 0 {
                self.offer_place(index);
            }
        }
        self.after_call();
    }

    /// What was learned of this key, if anything was.
    pub fn learned<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<Learned>
    where
        K: Borrow<Q>,
    {
        let observed = self.origins.learned.get(self.origins.find(key)?)?;
        let closed = observed.peer_limit(Second::of(self.now), self.resolved.forget)?;
        Some(observed.explain(self.resolved.less_margin(closed, Span::of_nanos(0))))
    }

    /// A clock that goes back counts as one that stands still: the latest instant so far.
    #[inline]
    fn advance_clock(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    /// The next number of the seed's sequence.
    fn next_random(&mut self) -> u64 {
        self.numbers_drawn += 1;
        jitter::splitmix64(self.config.policy.seed, self.numbers_drawn)
    }

    /// A number varied by the jitter. The greatest one, which stands for "any", stays.
    fn with_jitter(&mut self, number: u64) -> u64 {
        let percent = u64::from(self.config.policy.jitter_percent);
        if percent == 0 || number == u64::MAX {
            return number;
        }
        let range = (u128::from(number) * u128::from(2 * percent) / 100) as u64;
        let drawn = ((u128::from(self.next_random()) * (u128::from(range) + 1)) >> 64) as u64;
        (number - range / 2).saturating_add(drawn)
    }

    /// The connection of a name that is not stale.
    #[inline]
    fn named(&mut self, slot: Slot, stamp: Stamp) -> Result<&mut Entry<Id>, Stale> {
        self.entries.get_mut(slot).filter(|entry| entry.stamp == stamp).ok_or(Stale)
    }

    /// Decides whether the fast paths will do.
    fn update_fast_path(&mut self) {
        self.needs_full_path = self.does_need_full_path();
    }

    fn does_need_full_path(&self) -> bool {
        self.resolved.needs_full_path || self.draining || self.saw_http10 || !self.waiters.is_empty()
    }

    #[cfg(test)]
    const fn is_full_path_forced(&self) -> bool {
        self.full_path_only
    }

    #[cfg(not(test))]
    #[inline]
    #[allow(clippy::unused_self, reason = "the same call as in tests")]
    const fn is_full_path_forced(&self) -> bool {
        false
    }

    /// Makes sure that the slot's record comes up before its deadline has passed.
    #[inline(never)]
    fn arm_deadline(&mut self, slot: Slot) {
        if let Some(entry) = self.entries.get_mut(slot) {
            let at = entry.deadline(self.resolved.lease);
            if self.deadlines.needs_record(entry.armed, self.deadlines.tick(at)) {
                entry.armed = self.deadlines.insert(slot, at);
            }
        }
    }
}
