//! One readiness loop: a listener, its peers, and all their deadlines in one queue.
//!
//! A turn: sleep until a socket is ready or the next deadline is due, take the time once, then attend to every peer to which
//! something happened and arm it again. There is no tick: with nothing to wait for but sockets, the loop sleeps for ever.
//!
//! **Sockets before deadlines.** What has come and what may leave is taken first; only then what is still due by the time that was taken
//! expires. So a process that was stopped or starved blames nobody for its own sleep. A peer that is always ready holds up no deadline: it
//! has its share of a turn ([`Attended::GoesOn`]), and the deadlines have theirs in each.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_keepalive::{Config, DeadlineQueue, Instant, Server};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;

use super::buffer::Buffer;
use super::peer::{Attended, Lent};
use super::site::Site;
use super::slot::Slot;

/// What all loops share.
pub struct Shared {
    pub config: Config<Server>,
    pub site: Site,
    /// A line for each closed connection.
    pub logs: bool,
    /// The end has been asked for; to be set before the loops are woken.
    pub draining: AtomicBool,
    /// Octets that came to an idle connection behind the decision to close it.
    pub octets_lost: AtomicU64,
    /// How often the system had nothing to accept a connection with.
    pub not_accepted: AtomicU64,
}

/// A loop that has not begun.
pub struct EventLoop {
    shared: &'static Shared,
    poll: Poll,
    waker: Arc<Waker>,
    /// None once the end has been asked for.
    listener: Option<TcpListener>,
    /// The listener may have connections waiting.
    acceptable: bool,
    /// The last connection could not be accepted.
    refuses: bool,
    peers: Slab<Slot>,
    /// Connections accepted.
    accepted: u64,
    deadlines: DeadlineQueue<usize>,
    /// Peers to be attended to.
    ready: Vec<usize>,
    clock: Clock,
    input: Buffer,
    output: Buffer,
    piece: Vec<u8>,
}

impl EventLoop {
    pub fn new(shared: &'static Shared, listener: std::net::TcpListener) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        listener.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(listener);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            shared,
            poll,
            waker,
            listener: Some(listener),
            acceptable: true,
            refuses: false,
            peers: Slab::new(),
            accepted: 0,
            deadlines: DeadlineQueue::new(),
            ready: Vec::new(),
            clock: Clock::new(),
            input: Buffer::default(),
            output: Buffer::default(),
            piece: vec![0; PIECE],
        })
    }

    /// What wakes the loop, to make it see that the end has been asked for.
    pub fn waker(&self) -> Arc<Waker> {
        self.waker.clone()
    }

    /// Serves until the end has been asked for and every connection has come to its own.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        while self.listener.is_some() || !self.peers.is_empty() {
            if let Err(error) = self.poll.poll(&mut events, self.sleep()) {
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
                continue;
            }
            let now = self.clock.turn();
            for event in &events {
                match event.token() {
                    LISTENER => self.acceptable = true,
                    WAKER => {}
                    Token(id) => {
                        if let Some(slot) = self.peers.get_mut(id) {
                            slot.peer(&self.shared.config).0.ready(event);
                            self.ready.push(id);
                        }
                    }
                }
            }
            self.accept(now);
            if self.listener.is_some() && self.shared.draining.load(Ordering::Acquire) {
                self.drain(now);
            }
            for id in std::mem::take(&mut self.ready) {
                self.attend(now, id);
            }
            // what was attended to is armed anew, and may not be due any more
            while let Some(id) = self.deadlines.pop(now) {
                self.peers[id].peer(&self.shared.config).0.expire(now);
                self.attend(now, id);
            }
        }
        Ok(())
    }

    /// How long to sleep: to the next deadline, rounded up to what the system counts in, or it would wake too early and spin.
    fn sleep(&self) -> Option<Duration> {
        if !self.ready.is_empty() {
            return Some(Duration::ZERO);
        }
        let due = self.deadlines.next().map(|due| {
            let left = due.saturating_duration_since(self.clock.now());
            Duration::from_millis(u64::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX))
        });
        // nobody tells that descriptors are to be had again, and who waits to be accepted has been told of already
        let waits = self.refuses && self.acceptable && self.listener.is_some();
        due.into_iter().chain(waits.then_some(ACCEPT_AGAIN)).min()
    }

    fn accept(&mut self, now: Instant) {
        let Some(listener) = self.listener.as_ref().filter(|_| self.acceptable) else { return };
        loop {
            match listener.accept() {
                Ok((mut stream, address)) => {
                    self.refuses = false;
                    // answers are written whole, and none is to wait for more
                    let _ = stream.set_nodelay(true);
                    let entry = self.peers.vacant_entry();
                    let token = Token(entry.key());
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    if let Err(error) = self.poll.registry().register(&mut stream, token, interest) {
                        eprintln!("serve: {address}: {error}");
                        continue;
                    }
                    self.ready.push(entry.key());
                    self.accepted += 1;
                    entry.insert(Slot::new(now, stream, self.accepted, &self.shared.config));
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return self.acceptable = false,
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {}
                    // no descriptors, no memory: tried again at the next turn
                    _ => {
                        self.shared.not_accepted.fetch_add(1, Ordering::Release);
                        if !std::mem::replace(&mut self.refuses, true) {
                            eprintln!("serve: cannot accept: {error}");
                        }
                        return;
                    }
                },
            }
        }
    }

    /// Accepts nothing any more, and asks every peer for its end.
    fn drain(&mut self, now: Instant) {
        self.listener = None;
        for (id, slot) in &mut self.peers {
            slot.peer(&self.shared.config).0.drain(now);
            self.ready.push(id);
        }
    }

    fn attend(&mut self, now: Instant, id: usize) {
        let Some(slot) = self.peers.get_mut(id) else { return };
        let (peer, armed) = slot.peer(&self.shared.config);
        let lent = Lent {
            site: &self.shared.site,
            date: &self.clock.date,
            input: &mut self.input,
            output: &mut self.output,
            piece: &mut self.piece,
        };
        let attended = peer.attend(now, lent);
        let next = peer.next_deadline();
        self.deadlines.arm(id, armed, next);
        match attended {
            Attended::Waits => slot.sleep(),
            Attended::GoesOn => self.ready.push(id),
            Attended::Closed => {
                self.deadlines.disarm(armed);
                self.shared.octets_lost.fetch_add(peer.octets_lost(), Ordering::Relaxed);
                if self.shared.logs {
                    eprintln!("{}", peer.summary());
                }
                // the socket closes, and with that leaves the poll
                self.peers.remove(id);
            }
        }
    }
}

/// The two times of a loop: one that never goes back, for the machines, and the calendar's, for people.
struct Clock {
    epoch: std::time::Instant,
    /// The second that `date` is of.
    second: u64,
    /// As `Date` says it.
    date: String,
}

impl Clock {
    fn new() -> Self {
        Self { epoch: std::time::Instant::now(), second: 0, date: String::new() }
    }

    fn now(&self) -> Instant {
        Instant::since(self.epoch, std::time::Instant::now())
    }

    /// A turn begins: writes the date anew once a second.
    fn turn(&mut self) -> Instant {
        let time = SystemTime::now();
        let second = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if second != self.second || self.date.is_empty() {
            self.second = second;
            self.date = httpdate::fmt_http_date(time);
        }
        self.now()
    }
}

const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);
/// The longest pause between tries to accept while there are no descriptors.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// Events taken from the system at once.
const EVENTS: usize = 1024;
/// Octets read from a file at once.
const PIECE: usize = 64 * 1024;
