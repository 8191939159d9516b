//! A pool that owns its connections, and wakes the requests that wait.
//!
//! Read first: [`pool`](super), whose rules are all that decides here. A [`Pool`] holds names, and its driver holds a map of
//! connections beside it, another one of those who wait, and calls `expire` after each call. A [`SharedPool`] holds all three, and is
//! for drivers of many threads or tasks: every call takes `&self`, and a clone of it is another handle of the same pool.
//!
//! What it hands out is a guard: [`Lent`], [`FreePlace`], [`Waiting`]. A guard that is dropped gives back what it has, so a request
//! that is dropped loses nothing, whatever it was about. There is no runtime in it: it wakes [`Waker`](core::task::Waker)s, or threads
//! ([`Waiting::block`]).
//!
//! # Who closes what
//!
//! The pool never drops a connection: to close one may take long, and may want octets to be sent (TLS). What it gives up comes out
//! where it is known ([`Lent::checkin`]); all else comes out of [`expire`](SharedPool::expire), one at a time, and why: what is idle
//! for too long, what goes for another one, what ends with a generation or a drain. **So somebody calls `expire`**, or these stay
//! open: one task or thread, at [`next_deadline`](SharedPool::next_deadline) ([`poll_expire`](SharedPool::poll_expire) wakes it when that
//! moves), or each request before its check-out. At the deadlines of those who wait it must be called, too, or a waiter asks by
//! itself.
//!
//! # Who is woken
//!
//! A waiter is woken once, when its answer is there: by whichever call let it go on, before that call returns. No other waiter is woken.
//! Between two calls nobody waits for whom there is something. A request may open a connection and wait at once
//! ([`Meanwhile::Wait`](super::Meanwhile::Wait)): then its [`FreePlace`] is asked whether another connection has come first.
//!
//! # The lock
//!
//! One lock, for as long as one call of [`Pool`] takes. No code of a user runs under it except the `Hash`, `Eq`, `Clone` and `Drop` of
//! keys. If a key's `Hash` or `Eq` panics, the call has changed nothing, and the pool goes on. Wakers are cloned, woken and dropped
//! outside of it; so are connections. They are moved when they are lent and when they come back: put a large one into a `Box`.
//! Nothing is allocated in steady state.
//!
//! A guard that is dropped has no clock: it takes the latest instant that the pool was told.
//!
//! # A request, whole
//!
//! The transport is a peer that answers at once; a driver has a socket there, and waits.
//!
//! ```
//! use http_keepalive::pool::{Demand, EndReason, Ended, Handout, Lent, Look, PoolConfig, Returned, SharedPool, Source};
//! use http_keepalive::retry::{Advice, Unanswered};
//! use http_keepalive::{
//!     Client, Config, Connection, Content, Eof, Event, Instant, Method, Outcome, ProtocolError, Request, Reusable,
//! };
//!
//! /// A connection: its machine, and its transport.
//! struct Wire {
//!     machine: Connection<Client, &'static Config<Client>>,
//!     /// What has come and was not read yet.
//!     input: Vec<u8>,
//!     /// The peer has closed, after that.
//!     peer_closed: bool,
//! }
//!
//! impl Wire {
//!     fn open(now: Instant) -> Self {
//!         Self { machine: Connection::new(now, &Config::DEFAULT), input: Vec::new(), peer_closed: false }
//!     }
//!
//!     /// The peer reads a request, and answers, or not.
//!     fn write(&mut self, _request: &[u8]) {
//!         if !self.peer_closed {
//!             self.input.extend_from_slice(b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=15\r\n");
//!             self.input.extend_from_slice(b"Content-Length: 2\r\n\r\nok");
//!         }
//!     }
//!
//!     /// Offers what there is to be read: the content of a response that came, if it came whole.
//!     fn read(&mut self, now: Instant) -> Result<Option<String>, ProtocolError> {
//!         let mut content = String::new();
//!         loop {
//!             let received = self.machine.receive(now, &self.input)?;
//!             let consumed = received.consumed;
//!             match received.outcome {
//!                 Outcome::Event(Event::Content(piece)) => content += &String::from_utf8_lossy(piece),
//!                 Outcome::Event(Event::End { .. }) => {
//!                     self.input.drain(..consumed);
//!                     return Ok(Some(content));
//!                 }
//!                 Outcome::Event(_) => {}
//!                 _ if self.peer_closed => return self.machine.receive_eof(now, Eof::Clean).map(|_| None),
//!                 _ => return Ok(None),
//!             }
//!             self.input.drain(..consumed);
//!         }
//!     }
//!
//!     /// A request, and its response; or what is known of the request, if none came.
//!     fn exchange(&mut self, now: Instant) -> Result<String, Unanswered> {
//!         let (request, mut out) = (Request::new(Method::new(b"GET"), b"/"), [0; 256]);
//!         let sent = self.machine.send_request(now, &request, [("Host", "example.org")], Content::Empty, &mut out);
//!         let octets = sent.expect("the machine was asked whether it is reusable");
//!         self.write(&out[..octets]);
//!         self.machine.handle_sent(now, octets as u64);
//!         match self.read(now) {
//!             Ok(Some(content)) => Ok(content),
//!             // it is lost: the machine knows how far it came
//!             _ => Err(self.machine.unanswered().next().expect("a request was sent")),
//!         }
//!     }
//! }
//!
//! type Pool = SharedPool<String, Wire>;
//!
//! /// A request of our own. `trouble` is what happens to its connection just before.
//! fn fetch(pool: &Pool, now: Instant, trouble: &mut dyn FnMut(&mut Wire)) -> Result<String, String> {
//!     let (mut demand, mut tries, mut lost_on_reused) = (Demand::DEFAULT, 0, 0);
//!     loop {
//!         // what went for others or was idle for too long: here it is closed by being dropped
//!         while let Some(closing) = pool.expire(now) {
//!             drop(closing);
//!         }
//!         let mut lent: Lent<String, Wire> = match pool.checkout(now, "http://example.org", demand) {
//!             Handout::Use(lent) => lent,
//!             // where it cannot be opened: `place.failed(now)`
//!             Handout::Open(place) => place.opened(now, Wire::open(now)).map_err(|late| late.why.to_string())?,
//!             // a task: `waiting.answer(clock).await`; a thread: `waiting.block(clock, until)`
//!             Handout::Wait(_waiting) => return Err("it would have to wait".into()),
//!             Handout::Refuse(why) => return Err(why.to_string()),
//!         };
//!         if lent.look() == Look::First {
//!             // read without waiting: what is there now is no answer to a request that was not sent
//!             let _ = lent.read(now);
//!         }
//!         if !matches!(lent.machine.reusable(now), Reusable::Now { .. }) {
//!             // found before anything was sent, so another one is tried, and no try is counted
//!             let ended = Ended::of_machine(lent.machine.ended_by(), lent.is_reused());
//!             drop(lent.closed(now, ended));
//!             continue;
//!         }
//!         trouble(&mut lent);
//!         match lent.exchange(now) {
//!             Ok(content) => {
//!                 // the machine's verdict, and until when it would be used
//!                 let returned = Returned::of_machine(lent.machine.persistence(), lent.machine.reusable(now));
//!                 let checked_in = lent.checkin(now, &returned);
//!                 // not kept, or kept for another one: to be closed
//!                 drop(checked_in.to_close);
//!                 return Ok(content);
//!             }
//!             Err(Unanswered { evidence, .. }) => {
//!                 let unanswered = lent.is_reused() && !evidence.response_begun;
//!                 let ended = Ended::of_machine(lent.machine.ended_by(), unanswered);
//!                 drop(lent.closed(now, ended));
//!                 let verdict = evidence.after(tries).after_reused(lost_on_reused).verdict();
//!                 if verdict.advice != Advice::Retry {
//!                     return Err(verdict.reason.to_string());
//!                 }
//!                 // those that were idle beside it are most likely dead, too
//!                 demand = demand.with_source(Source::New);
//!                 (tries, lost_on_reused) = (tries + 1, lost_on_reused + u32::from(evidence.reused));
//!             }
//!         }
//!     }
//! }
//!
//! let mut now = Instant::from_secs(1);
//! let pool = Pool::new(now, &PoolConfig::DEFAULT);
//! assert_eq!(fetch(&pool, now, &mut |_| {})?, "ok");
//! assert_eq!((pool.idle(), pool.held()), (1, 1));
//!
//! // its peer said `timeout=15`, and the machine takes its margin off, two seconds: until then it may be idle, and no longer
//! assert_eq!(pool.next_deadline(), Some(Instant::from_secs(1 + 15 - 2)));
//! now = Instant::from_secs(9);
//! assert_eq!(fetch(&pool, now, &mut |_| {})?, "ok");
//! assert_eq!((pool.counters().opened, pool.counters().reused), (1, 1));
//!
//! // the peer closes as the third request is on its way: it is repeated once, on a new connection
//! let mut times = 0;
//! let mut closes_once = |wire: &mut Wire| {
//!     times += 1;
//!     wire.peer_closed = times == 1;
//! };
//! assert_eq!(fetch(&pool, now, &mut closes_once)?, "ok");
//! assert_eq!((times, pool.counters().opened), (2, 2));
//! assert_eq!(pool.counters().ended(EndReason::DeadAtReuse), 1);
//!
//! // nobody uses it again
//! now = pool.next_deadline().expect("it does not stay for ever");
//! let closing = pool.expire(now).expect("it is due");
//! assert_eq!((closing.why, pool.held()), (EndReason::Until, 0));
//! # Ok::<(), String>(())
//! ```
//!
//! What it answers:
//!
//! - **`with_hint` or `with_until`?** Where there is a machine, `with_until`, which
//!   [`Returned::of_machine`](super::Returned::of_machine) sets: the machine has read the peer's `Keep-Alive` and takes its margin off.
//!   [`with_hint`](super::Returned::with_hint) is for those who have no machine; both together would take two margins.
//! - **Are the machine's deadlines to be driven while it is idle in the pool?** No. `until` is the earliest of them, and the pool ends
//!   the connection then. Whoever is lent it asks [`reusable`](crate::Connection::reusable), which knows what has passed.
//! - **Which idle timeout holds?** The one that ends first: the machine's [`Timeouts::idle`](crate::Timeouts::idle), the peer's hint
//!   less the machine's margin, and its age, all in `until`; and the pool's own (`used_idle`, `unused_idle`, `age`, what was learned).
//! - **When `DeadAtReuse`, when `ByPeer`?** [`DeadAtReuse`](super::Ended::DeadAtReuse): it had been idle, and the peer closed it before
//!   a status line came. From this the pool [learns](super::Learned). [`ByPeer`](super::Ended::ByPeer): the peer closed it later, or a
//!   new one. [`Ended::of_machine`](super::Ended::of_machine) tells them apart.
//! - **What of a request that never touched its connection?** Give it back with its machine's verdict, as any other. A waiter that is
//!   dropped before it took its answer does so by itself.

mod free_place;
mod lent;
mod slab;
mod state;
mod waiters;
mod waiting;

use core::task::{Context, Poll};
use core::time::Duration;
use std::borrow::{Borrow, ToOwned};
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

pub use free_place::FreePlace;
pub use lent::Lent;
pub use state::{CheckedIn, Closing};
pub use waiting::{Granted, Waiting};

use super::{Counters, Demand, Idle, Learned, Pool, PoolConfig, Readable, RefuseReason, Stale};
use crate::time::Instant;
use state::{Core, Served};

/// A [`Pool`] that owns its connections `C`, shared by all that have a handle: a clone is another handle of the same pool.
pub struct SharedPool<K: Hash + Eq, C, S: BuildHasher = RandomState> {
    core: Arc<Core<K, C, S>>,
}

/// The answer to a check-out. What is dropped is given back, as each says.
#[derive(Debug)]
#[must_use = "a connection or a place that is dropped is lost to the request"]
#[expect(clippy::exhaustive_enums, reason = "a driver does each of these: a new one is a breaking change on purpose")]
pub enum Handout<K: Hash + Eq, C, S: BuildHasher = RandomState> {
    /// Use this connection.
    Use(Lent<K, C, S>),
    /// Open a connection.
    Open(FreePlace<K, C, S>),
    /// Wait.
    Wait(Waiting<K, C, S>),
    /// There is no connection for it, and it may not wait.
    Refuse(RefuseReason),
}

impl<K: Hash + Eq, C> SharedPool<K, C> {
    /// An empty pool, whose map is keyed at random: nobody can choose keys that collide.
    pub fn new(now: Instant, config: &PoolConfig) -> Self {
        Self::with_hasher(now, config, RandomState::new())
    }
}

impl<K: Hash + Eq, C, S: BuildHasher> SharedPool<K, C, S> {
    /// An empty pool with the caller's hasher.
    pub fn with_hasher(now: Instant, config: &PoolConfig, hasher: S) -> Self {
        Self { core: Arc::new(Core::new(Pool::with_hasher(now, config, hasher))) }
    }

    /// Asks for a connection: as [`Pool::checkout`]. A connection that goes for it comes out of [`expire`](Self::expire).
    pub fn checkout<Q>(&self, now: Instant, key: &Q, demand: Demand) -> Handout<K, C, S>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        match self.core.change(now, |state| state.checkout(now, key, demand)) {
            Served::Taken(taken) => match Granted::of(&self.core, taken) {
                Granted::Use(lent) => Handout::Use(lent),
                Granted::Open(place) => Handout::Open(place),
            },
            Served::Wait(at) => Handout::Wait(Waiting::new(Arc::clone(&self.core), at)),
            Served::Refuse(why) => Handout::Refuse(why),
        }
    }

    /// A connection that is to be closed, and why, if there is any; to be called until `None`: whenever
    /// [`next_deadline`](Self::next_deadline) is due. Those that went for others come first, then those whose time is over.
    ///
    /// Nothing that the pool gives up is dropped here: to close a connection may take long, and the caller knows how.
    pub fn expire(&self, now: Instant) -> Option<Closing<C>> {
        self.core.change(now, |state| state.next_to_close(now))
    }

    /// [`expire`](Self::expire), for one task that does nothing else: `Pending` until there is something to close. Its waker is woken
    /// once, when [`next_deadline`](Self::next_deadline) has become earlier than it was at this call: at that time the task wakes by
    /// itself. If several tasks ask, the last one is woken.
    ///
    /// ```
    /// # use std::task::{Context, Poll, Waker};
    /// # use http_keepalive::{Instant, pool::*};
    /// # let pool = SharedPool::<u32, u32>::new(Instant::EPOCH, &PoolConfig::DEFAULT);
    /// # let (now, mut context) = (Instant::EPOCH, Context::from_waker(Waker::noop()));
    /// // in the poll of the task
    /// while let Poll::Ready(closing) = pool.poll_expire(now, &mut context) {
    ///     // send the `close_notify` of TLS, say
    ///     drop(closing.connection);
    /// }
    /// // set the timer, and wait for it or for the waker
    /// let wake_at = pool.next_deadline();
    /// ```
    pub fn poll_expire(&self, now: Instant, context: &mut Context<'_>) -> Poll<Closing<C>> {
        let waker = context.waker().clone();
        let (closing, unneeded) = self.core.change(now, |state| match state.next_to_close(now) {
            Some(closing) => (Some(closing), Some(waker)),
            None => (None, state.keep(waker)),
        });
        drop(unneeded);
        closing.map_or(Poll::Pending, Poll::Ready)
    }

    /// When [`expire`](Self::expire) should be called next; the latest instant so far, if there is something to close. Never later than
    /// the earliest deadline, as [`Pool::next_deadline`]. `None`: nothing ever falls due.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.core.read(|state| state.next_deadline())
    }

    /// An idle connection can be read: it is over, and comes out, and why. As [`Pool::readable_while_idle`].
    ///
    /// # Errors
    ///
    /// [`Stale`] if it is not idle any more: the request that has it is told to look first, or sees.
    pub fn readable_while_idle(&self, now: Instant, idle: Idle, readable: Readable) -> Result<Closing<C>, Stale> {
        let taken =
            self.core.change(now, |state| state.take_idle(idle, |pool| pool.readable_while_idle(now, idle, readable)));
        taken.map(|(connection, why)| Closing { connection, why })
    }

    /// Takes an idle connection out of the pool, for a reason of the caller's: as [`Pool::withdraw`].
    ///
    /// # Errors
    ///
    /// [`Stale`] if it is not idle any more.
    pub fn withdraw(&self, now: Instant, idle: Idle) -> Result<C, Stale> {
        let taken = self.core.change(now, |state| state.take_idle(idle, |pool| pool.withdraw(now, idle)));
        taken.map(|(connection, _)| connection)
    }

    /// Begins a generation: as [`Pool::new_generation`]. What ends now comes out of [`expire`](Self::expire).
    pub fn new_generation(&self, now: Instant) {
        self.core.change(now, |state| state.pool.new_generation(now));
    }

    /// Begins a generation of one key: as [`Pool::new_generation_of`]. What ends now comes out of [`expire`](Self::expire).
    pub fn new_generation_of<Q>(&self, now: Instant, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.core.change(now, |state| state.pool.new_generation_of(now, key));
    }

    /// The machine slept for this long while the caller's clock stood still: as [`Pool::suspended`]. What ends now comes out of
    /// [`expire`](Self::expire).
    pub fn suspended(&self, now: Instant, asleep: Duration) {
        self.core.change(now, |state| state.suspended(now, asleep));
    }

    /// Ends the pool: as [`Pool::drain`]. All that wait are refused, and woken. What ends now comes out of [`expire`](Self::expire).
    pub fn drain(&self, now: Instant) {
        self.core.change(now, |state| state.pool.drain(now));
    }

    /// A drain has ended: no check-out is served any more, no connection is held, and all that were to be closed came out.
    pub fn is_drained(&self) -> bool {
        self.core.read(|state| state.pool.is_drained() && state.is_closed())
    }

    /// Sets the number of users that we work for: as [`Pool::set_users`].
    pub fn set_users(&self, users: u32) {
        self.core.change(Instant::EPOCH, |state| state.pool.set_users(users));
    }

    /// Makes room for this many more connections and keys: as [`Pool::reserve`].
    pub fn reserve(&self, connections: usize, keys: usize) {
        self.core.change(Instant::EPOCH, |state| state.reserve(connections, keys));
    }

    /// Connections that are idle.
    pub fn idle(&self) -> u32 {
        self.core.read(|state| state.pool.idle())
    }

    /// Connections that are idle, in use, or being opened: what the limits count. What is only to be closed is not among them.
    pub fn held(&self) -> u32 {
        self.core.read(|state| state.pool.held())
    }

    /// Requests that wait. Those that have an answer and have not taken it do not wait.
    pub fn waiting(&self) -> u32 {
        self.core.read(|state| state.pool.waiting())
    }

    /// Keys that are known: as [`Pool::keys`].
    pub fn keys(&self) -> usize {
        self.core.read(|state| state.pool.keys())
    }

    /// Counts of what happened so far.
    pub fn counters(&self) -> Counters {
        self.core.read(|state| *state.pool.counters())
    }

    /// The settings.
    pub fn config(&self) -> PoolConfig {
        self.core.read(|state| *state.pool.config())
    }

    /// What was learned of this key, if anything was.
    pub fn learned<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<Learned>
    where
        K: Borrow<Q>,
    {
        self.core.read(|state| state.pool.learned(key))
    }
}

impl<K: Hash + Eq, C, S: BuildHasher> Clone for SharedPool<K, C, S> {
    fn clone(&self) -> Self {
        Self { core: Arc::clone(&self.core) }
    }
}

impl<K: Hash + Eq, C, S: BuildHasher> fmt::Debug for SharedPool<K, C, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (idle, held, waiting) =
            self.core.read(|state| (state.pool.idle(), state.pool.held(), state.pool.waiting()));
        let mut debug = f.debug_struct("SharedPool");
        debug.field("idle", &idle).field("held", &held).field("waiting", &waiting).finish_non_exhaustive()
    }
}
