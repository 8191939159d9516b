//! One readiness loop: a listener, its peers, and all their deadlines in one queue.
//!
//! A turn: sleep until a socket is ready or the next deadline is due, take the time once, then attend to every peer to which
//! something happened and arm it again. There is no tick: with nothing to wait for but sockets, the loop sleeps for ever.
//!
//! **Sockets before deadlines.** What has come and what may leave is taken first; only then what is still due by the time that was taken
//! expires. So a process that was stopped or starved blames nobody for its own sleep. A peer that is always ready holds up no deadline: it
//! has its share of a turn ([`Attended::GoesOn`]), and the deadlines have theirs in each.
//!
//! **Who asks for much lets others pass.** A peer that could go on after its share ([`SHARE`]) stands in a line. A turn accepts who waits, attends to
//! all that something has happened to, and then to one of that line. So a newcomer waits for one share, however many stand there.
//!
//! **When places run out** the longest idle connection goes, and not the newest client: it waits aside until one may go, the shield of the
//! last answer being over. If none is idle it is refused, with 503.
//!
//! **A lame duck** goes on accepting after the end has been asked for: each answer says `close`. After its time it accepts nothing, and what
//! is idle goes.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_keepalive::{Config, DeadlineKind, DeadlineQueue, DrainMode, IdleQueue, Instant, Server};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;

use super::peer::{Attended, Lent, Log, Peer};
use super::site::Site;
use super::slot::Slot;

/// What all loops share.
pub struct Shared {
    pub config: Config<Server>,
    pub site: Site,
    /// How long a lame duck goes on accepting, if it is not until the hard end.
    pub lame_duck: Option<Duration>,
    /// A line for each exchange and each closed connection.
    pub logs: bool,
    /// The end has been asked for; to be set before the loops are woken.
    pub draining: AtomicBool,
    /// Octets that came to an idle connection behind the decision to close it.
    pub octets_lost: AtomicU64,
    /// How often the system had nothing to accept a connection with.
    pub not_accepted: AtomicU64,
}

impl Shared {
    /// Of a process that writes no log.
    pub fn new(config: Config<Server>, site: Site) -> Self {
        Self {
            config,
            site,
            lame_duck: None,
            logs: false,
            draining: AtomicBool::new(false),
            octets_lost: AtomicU64::new(0),
            not_accepted: AtomicU64::new(0),
        }
    }
}

/// A loop that has not begun.
pub struct EventLoop {
    shared: &'static Shared,
    poll: Poll,
    waker: Arc<Waker>,
    /// None once nothing more is accepted.
    listener: Option<TcpListener>,
    /// One that has been accepted, and waits for a place.
    newcomer: Option<(TcpStream, SocketAddr)>,
    /// The end has been asked for, and until when it accepts all the same.
    ends: Option<Instant>,
    /// The listener may have connections waiting.
    acceptable: bool,
    /// The last connection could not be accepted.
    refuses: bool,
    peers: Slab<Slot>,
    /// Connections accepted.
    accepted: u64,
    deadlines: DeadlineQueue<u32>,
    /// Which goes when places run out.
    idle: IdleQueue<u32>,
    /// Peers to be attended to in this turn.
    ready: Vec<u32>,
    /// Peers that have had their share and could go on: one in each turn.
    line: VecDeque<u32>,
    clock: Clock,
    input: Vec<u8>,
    output: Vec<u8>,
    piece: Vec<u8>,
}

impl EventLoop {
    pub fn new(shared: &'static Shared, listener: std::net::TcpListener) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        listener.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(listener);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        // memory that is asked for at once has no holes, and takes nothing before it is used
        let most = shared.site.places().most().min(MOST_AT_ONCE);
        let mut deadlines = DeadlineQueue::new();
        for kind in [DeadlineKind::FirstOctet, DeadlineKind::Idle] {
            deadlines.reserve(kind, most);
        }
        Ok(Self {
            shared,
            poll,
            waker,
            listener: Some(listener),
            newcomer: None,
            ends: None,
            acceptable: true,
            refuses: false,
            peers: Slab::with_capacity(most),
            accepted: 0,
            deadlines,
            idle: IdleQueue::with_capacity(most),
            ready: Vec::new(),
            line: VecDeque::new(),
            clock: Clock::new(),
            input: Vec::new(),
            output: Vec::new(),
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
                            // who stands in the line is attended to there
                            if !slot.is_in_line() {
                                self.ready.push(number(id));
                            }
                        }
                    }
                }
            }
            self.accept(now);
            if self.ends.is_none() && self.shared.draining.load(Ordering::Acquire) {
                self.drain(now);
            }
            self.end_accepting(now);
            for id in std::mem::take(&mut self.ready) {
                self.attend(now, id);
            }
            if let Some(id) = self.line.pop_front() {
                // none that has closed meanwhile: it was taken out
                self.peers[id as usize].set_in_line(false);
                self.attend(now, id);
            }
            // what was attended to is armed anew, and may not be due any more
            while let Some(id) = self.deadlines.pop(now) {
                self.peers[id as usize].peer(&self.shared.config).0.expire(now);
                self.attend(now, id);
            }
        }
        Ok(())
    }

    /// How long to sleep: to the next deadline, rounded up to what the system counts in, or it would wake too early and spin.
    fn sleep(&self) -> Option<Duration> {
        if !self.ready.is_empty() || !self.line.is_empty() {
            return Some(Duration::ZERO);
        }
        // one waits for a place, or all are to go
        let leaves = self.newcomer.is_some() || self.has_been_lame_duck();
        let goes = self.idle.next().filter(|_| leaves);
        let ends = self.ends.filter(|_| self.listener.is_some());
        let due = self.deadlines.next().into_iter().chain(goes).chain(ends).min().map(|due| {
            let left = due.saturating_duration_since(self.clock.now());
            Duration::from_millis(u64::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX))
        });
        // nobody tells that descriptors are to be had again, and who waits to be accepted has been told of already
        let waits = (self.refuses && self.acceptable && self.listener.is_some()) || self.newcomer.is_some();
        due.into_iter().chain(waits.then_some(ACCEPT_AGAIN)).min()
    }

    /// Takes in who waits, as far as there are places.
    fn accept(&mut self, now: Instant) {
        loop {
            if let Some(newcomer) = self.newcomer.take() {
                match self.find_place(now) {
                    Found::None => return self.newcomer = Some(newcomer),
                    Found::Place => self.admit(now, newcomer, false),
                    Found::Door => self.admit(now, newcomer, true),
                }
            }
            let Some(listener) = self.listener.as_ref().filter(|_| self.acceptable) else { return };
            match listener.accept() {
                Ok(newcomer) => {
                    self.refuses = false;
                    self.newcomer = Some(newcomer);
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return self.acceptable = false,
                    io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {}
                    // no descriptors, no memory: the longest idle goes, or it is tried again at the next turn
                    _ => {
                        let peers = self.peers.len();
                        if let Some(id) = self.idle.first_to_go(now) {
                            self.free_place(now, id);
                        }
                        if self.peers.len() == peers {
                            return self.note_not_accepted(&error);
                        }
                    }
                },
            }
        }
    }

    /// Its time is over, and what is idle is to go.
    fn has_been_lame_duck(&self) -> bool {
        self.listener.is_none() && self.shared.config.policy().drain_mode == DrainMode::LameDuck
    }

    fn note_not_accepted(&mut self, error: &io::Error) {
        self.shared.not_accepted.fetch_add(1, Ordering::Release);
        if !std::mem::replace(&mut self.refuses, true) {
            eprintln!("serve: cannot accept: {error}");
        }
    }

    /// A place for a newcomer: a free one, or that of the longest idle, which goes; or one at the door.
    fn find_place(&mut self, now: Instant) -> Found {
        let places = self.shared.site.places();
        while places.are_full() {
            match self.idle.first_to_go(now) {
                Some(id) => self.free_place(now, id),
                // it may go a little later
                None if self.idle.next().is_some() || places.is_door_full() => return Found::None,
                None => return Found::Door,
            }
        }
        Found::Place
    }

    fn free_place(&mut self, now: Instant, id: u32) {
        self.peers[id as usize].peer(&self.shared.config).0.free_place(now);
        self.attend(now, id);
    }

    fn admit(&mut self, now: Instant, (mut stream, address): (TcpStream, SocketAddr), is_refused: bool) {
        // answers are written whole, and none is to wait for more
        let _ = stream.set_nodelay(true);
        let entry = self.peers.vacant_entry();
        let id = entry.key();
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(&mut stream, Token(id), interest) {
            eprintln!("serve: a connection can not be waited for: {error}");
            return;
        }
        self.accepted += 1;
        // given back where it is removed
        self.shared.site.places().take();
        let log = self.shared.logs.then(|| Log::new(now, address));
        let peer = Peer::new(now, stream, self.accepted, &self.shared.config, log);
        let slot = entry.insert(Slot::new(peer));
        let (peer, ..) = slot.peer(&self.shared.config);
        if is_refused {
            peer.refuse(now);
        }
        if self.ends.is_some() {
            peer.drain(now);
        }
        self.ready.push(number(id));
    }

    /// The end has been asked for: every peer is to come to its own. A lame duck goes on accepting for a while.
    fn drain(&mut self, now: Instant) {
        let config = &self.shared.config;
        self.ends = Some(match config.policy().drain_mode {
            DrainMode::LameDuck => match self.shared.lame_duck.or(config.timeouts().drain) {
                Some(time) => now + time,
                None => Instant::MAX,
            },
            _ => now,
        });
        for (id, slot) in &mut self.peers {
            slot.peer(config).0.drain(now);
            self.ready.push(number(id));
        }
    }

    /// Accepts nothing any more, once that has come to its end; and what is idle then, or becomes it, goes.
    fn end_accepting(&mut self, now: Instant) {
        if self.ends.is_none_or(|ends| ends > now) {
            return;
        }
        self.listener = None;
        if let Some(newcomer) = self.newcomer.take() {
            // it has been accepted, and is drained as all others
            self.admit(now, newcomer, false);
        }
        if self.has_been_lame_duck() {
            while let Some(id) = self.idle.first_to_go(now) {
                self.free_place(now, id);
            }
        }
    }

    fn attend(&mut self, now: Instant, id: u32) {
        let Some(slot) = self.peers.get_mut(id as usize) else { return };
        let in_line = slot.is_in_line();
        let (peer, armed, queued) = slot.peer(&self.shared.config);
        let lent = Lent {
            site: &self.shared.site,
            date: &self.clock.date,
            input: &mut self.input,
            output: &mut self.output,
            piece: &mut self.piece,
            share: SHARE,
        };
        let attended = peer.attend(now, lent);
        let next = peer.next_deadline();
        self.deadlines.arm(id, armed, next);
        let idleness = if attended == Attended::Closed { None } else { peer.idleness() };
        self.idle.set(id, queued, idleness);
        match attended {
            Attended::Waits => slot.sleep(),
            Attended::GoesOn if in_line => {}
            Attended::GoesOn => {
                slot.set_in_line(true);
                self.line.push_back(id);
            }
            Attended::Closed => {
                if in_line {
                    self.line.retain(|other| *other != id);
                }
                self.deadlines.disarm(armed);
                self.shared.octets_lost.fetch_add(peer.octets_lost(), Ordering::Relaxed);
                if let Some(summary) = peer.summary(now) {
                    eprintln!("{summary}");
                }
                // the socket closes, and with that leaves the poll
                self.peers.remove(id as usize);
                self.shared.site.places().give_back();
            }
        }
    }
}

/// The id of a peer: there are no more of them than descriptors, and idle ones are to be small.
fn number(id: usize) -> u32 {
    u32::try_from(id).expect("no more peers than descriptors")
}

/// What there is for a newcomer.
enum Found {
    Place,
    /// All places are held, and none is idle: it is refused.
    Door,
    /// Nothing yet.
    None,
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
/// Requests that one peer is answered before others have their turn: what a newcomer waits for. Of fewer, each would cost more, as there are
/// more turns and smaller writes.
const SHARE: u32 = 64;
/// For how many peers memory is asked for at once; there may be more.
const MOST_AT_ONCE: usize = 1 << 18;
/// Octets read from a file at once.
const PIECE: usize = 64 * 1024;
