//! The loop around a connection, still without I/O: a driver does what [`Drive::poll`] says, and knows no HTTP.
//!
//! [`Drive`] holds a [`Connection`], what was received and not looked at, and what is to be sent. A driver tells it what its transport did:
//! [`read`](Drive::read), [`wrote`](Drive::wrote), [`eof`](Drive::eof), [`failed`](Drive::failed), [`looked_nothing`](Drive::looked_nothing),
//! [`timeout`](Drive::timeout), [`shut_done`](Drive::shut_done). An application says what it wants: [`respond`](Drive::respond),
//! [`request`](Drive::request), [`send_content`](Drive::send_content), [`finish`](Drive::finish) and others. [`poll`](Drive::poll) says what
//! is next, one [`Step`] at a time.
//!
//! ```
//! use http_keepalive::drive::{Attempt, Drive, Step};
//! use http_keepalive::*;
//!
//! let now = Instant::from_secs(1);
//! let mut drive = Drive::<Server, Vec<u8>>::new(now, &Config::DEFAULT, Vec::new(), Vec::new());
//! let mut incoming: &[u8] = b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n";
//! let mut outgoing = Vec::new();
//! loop {
//!     match drive.poll(now) {
//!         Step::Event(Event::Request(head)) => assert_eq!(head.target.as_str(), "/"),
//!         Step::Respond => drive.respond(now, StatusCode::OK, NO_FIELDS, Content::Exact(2))?,
//!         Step::Content => drop(drive.send_content(now, b"ok")?),
//!         Step::Transport(transport) if transport.write == Attempt::Wait => {
//!             outgoing.extend_from_slice(drive.unsent());
//!             drive.wrote(now, drive.unsent().len());
//!         }
//!         Step::Transport(_) if incoming.is_empty() => break, // a driver waits here, for drive.wait(now) at most
//!         Step::Transport(_) => {
//!             let room = drive.room();
//!             room[..incoming.len()].copy_from_slice(incoming);
//!             drive.read(core::mem::take(&mut incoming).len());
//!         }
//!         Step::Shut(_) => drive.shut_done(now),
//!         Step::HandOver(_) | Step::Closed => break,
//!         _ => {}
//!     }
//! }
//! assert_eq!(outgoing, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
//! # Ok::<(), SendError>(())
//! ```
//!
//! # What it owns
//!
//! - **Offering**: what was received is offered until it is looked at, again after all that may change the answer, and to its end before the
//!   end of the peer's side is told.
//! - **The order of steps**: refusals and requests for content before the application's turn, the application before more of what was
//!   received (a client's content after it, since a response may say that nobody wants it), all that was handed out before a shut, and
//!   deadlines after all that has come.
//! - **Looks**: [`Attempt::Look`] asks for each; what a look found is offered, however much waits to be sent. [`timeout`](Drive::timeout)
//!   says that one found nothing, too.
//! - **Back-pressure**: while 64 KiB wait to be sent, no request is looked at and the application is not asked for more. A client
//!   reads on. A storage that does not grow asks while there is room.
//! - **A client's evidence**: what waits in the output when something comes has not left, and that is said
//!   ([`Connection::nothing_left`]). Nothing of this is the driver's.
//! - **CONNECT**: refused by 501, unless [`with_tunnels`](Drive::with_tunnels) leaves it to the application.
//!
//! # Who waits for whom
//!
//! [`Respond`](Step::Respond) and [`Content`](Step::Content) are said until they are done. An application that has no answer yet, a task of
//! its own perhaps, is not asked by [`poll_while_busy`](Drive::poll_while_busy), which says all else: transport, time, and what comes.
//!
//! # Completion queues
//!
//! The system holds the memory of a read or a write that is under way. [`lend_input`](Drive::lend_input) gives the storage itself away, with
//! the room in it, and [`return_input`](Drive::return_input) takes it back; [`take_output`](Drive::take_output) gives all that is to be
//! sent away, for another storage. **Meanwhile every call may be made**: while the input is lent nothing is offered, and no read is asked for
//! but by a look, for which the read that is under way does; while octets of `take_output` are under way
//! no write is asked for, and [`wrote`](Drive::wrote) counts them first. Take completions of writes before those of reads.
//!
//! # Deadlines
//!
//! [`wait`](Drive::wait) says for how long to wait at most. Where that passes, say [`timeout`](Drive::timeout). A driver that
//! never waits, since octets come all the time, need not: [`poll`](Drive::poll) lets expire what was due when it asked the
//! transport last, and looks for that every 10 ms.

mod back_to_back;
mod facts;
mod known;
mod poll;
mod role;
mod sending;
mod step;
mod storage;

use core::ops::Deref;

#[cfg(feature = "std")]
pub use facts::is_wait_over;
pub use role::DriveRole;
pub use step::{Attempt, Side, Step, Transport};
pub use storage::Storage;

use known::Followed;
use storage::Buffer;

use crate::config::Config;
use crate::connection::Connection;
use crate::connection::event::Eof;
use crate::lifecycle::parking::Parked;
use crate::time::Instant;

/// A connection in the role `R`, with the octets on their way in storages `S`, and what is next. `C`: how its configuration is held.
#[derive(Clone, Debug)]
pub struct Drive<R: DriveRole, S, C: Deref<Target = Config<R>> = &'static Config<R>> {
    connection: Followed<R, C>,
    /// What was received and is not consumed.
    input: Buffer<S>,
    output: Output<S>,
    reading: Reading,
    habits: Habits,
    clock: Clock,
}

/// When deadlines are looked at.
#[derive(Clone, Copy, Debug)]
struct Clock {
    /// When the transport was asked last. What had come by then has been told where the next poll comes so far.
    asked: Instant,
    /// When deadlines are looked at next, whatever the driver says.
    checks: Instant,
}

/// What is to be sent.
#[derive(Clone, Debug)]
struct Output<S> {
    buffer: Buffer<S>,
    /// Content of the caller's that goes between the octets of the buffer.
    passed: Option<Passed>,
    /// Octets that were taken, and have not left.
    under_way: u64,
    /// Room that the last message asked for, and did not get.
    needed: usize,
}

/// Content that the caller sends itself.
#[derive(Clone, Copy, Debug)]
struct Passed {
    /// Octets of the buffer that go before it.
    before: usize,
    /// Octets of it that have not left.
    octets: u64,
}

/// What is known of what was received.
#[derive(Clone, Copy, Debug)]
struct Reading {
    offer: Offer,
    end: PeerEnd,
    message: Message,
    said: Said,
    /// Octets that came after HTTP was over.
    discarded: u64,
}

/// Whether what was received is to be offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offer {
    /// Not before something has come, or has changed.
    Nothing,
    /// It is, also where it is nothing.
    Due,
    /// Its storage is lent: not before it is returned.
    Lent,
}

/// The end of the peer's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PeerEnd {
    /// It has not come.
    Open,
    /// It has, and is told after what came before it.
    Came(Eof),
    /// It was told.
    Told,
}

/// The message that is received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    /// None: a head is to come.
    None,
    /// Its head was told.
    Begun,
    /// Its end was told, too.
    Whole,
}

/// A step that need not be answered, and was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    None,
    Refuse,
    Continue,
}

/// What the application asked for.
#[derive(Clone, Copy, Debug)]
struct Habits {
    early_responses: bool,
    late_continue: bool,
    tunnels: bool,
}

impl<R: DriveRole, S: Storage, C: Deref<Target = Config<R>>> Drive<R, S, C> {
    /// A connection that opened at `now`. `input` is for what is received, `output` for what is to be sent: empty ones that grow, or ones
    /// that are large enough ([`Storage`]).
    pub fn new(now: Instant, config: C, input: S, output: S) -> Self {
        Self::of(Connection::new(now, config), input, output)
    }

    /// A connection on which nothing is under way: one that [`with_seed`](Connection::with_seed) set apart, or one that was
    /// [parked](Self::park).
    pub fn of(connection: Connection<R, C>, input: S, output: S) -> Self {
        Self {
            connection: Followed::new(connection),
            input: Buffer::new(input),
            output: Output { buffer: Buffer::new(output), passed: None, under_way: 0, needed: 0 },
            reading: Reading {
                offer: Offer::Nothing,
                end: PeerEnd::Open,
                message: Message::None,
                said: Said::None,
                discarded: 0,
            },
            habits: Habits { early_responses: false, late_continue: false, tunnels: false },
            clock: Clock { asked: Instant::EPOCH, checks: Instant::EPOCH },
        }
    }

    /// [`Step::Respond`] is said from the request's head on, and not after its end; a request without content ends first all the same. For an
    /// application that answers while it reads, and says so ([`content_use`](Self::content_use)): a client that sends all of its content before
    /// it reads never sees the answer to a long request else.
    #[must_use]
    pub const fn with_early_responses(mut self) -> Self {
        self.habits.early_responses = true;
        self
    }

    /// `100 (Continue)` is sent when the application says so ([`send_continue`](Self::send_continue)), and [`Step::Continue`] is said until then.
    #[must_use]
    pub const fn with_late_continue(mut self) -> Self {
        self.habits.late_continue = true;
        self
    }

    /// CONNECT is the application's to answer: a successful response makes the connection a tunnel ([`Step::HandOver`]). Otherwise a server
    /// refuses it by 501, so that an application that answers every request alike opens none (RFC 9110 9.3.6).
    #[must_use]
    pub const fn with_tunnels(mut self) -> Self {
        self.habits.tunnels = true;
        self
    }

    /// The connection, to be asked.
    #[inline]
    pub const fn connection(&self) -> &Connection<R, C> {
        self.connection.connection()
    }

    /// What was received and not consumed. After [`Step::HandOver`] it is of the other protocol.
    pub fn received(&self) -> &[u8] {
        self.input.octets()
    }

    /// The storages of input and output, to be used again. What is in them is lost.
    pub fn into_storages(self) -> (S, S) {
        (self.input.storage, self.output.buffer.storage)
    }

    /// The storages of what is received and of what is to be sent, each if nothing is in it: to be exchanged for another one. A loop may
    /// lend those of its own to the connection that it attends to.
    pub fn empty_storages(&mut self) -> [Option<&mut S>; 2] {
        let Self { input, output, reading, .. } = self;
        [
            (input.is_empty() && reading.offer != Offer::Lent).then_some(&mut input.storage),
            (output.buffer.is_empty() && output.passed.is_none()).then_some(&mut output.buffer.storage),
        ]
    }

    /// Gives back what storages that grow have beyond the octets in them and a little room ([`Storage::shrink`]).
    pub fn shrink(&mut self) {
        if self.reading.offer != Offer::Lent {
            self.input.shrink();
        }
        self.output.buffer.shrink();
    }

    /// Octets that came after HTTP was over, and were dropped.
    pub const fn discarded(&self) -> u64 {
        self.reading.discarded
    }

    /// The connection as plain data, if it is idle and nothing is on its way: to be resumed by [`of`](Self::of) of
    /// [`Connection::unpark`], with what was asked for asked for again.
    pub fn park(&self) -> Option<Parked<R>> {
        let rests = self.input.is_empty() && self.output.is_empty() && self.reading.end == PeerEnd::Open;
        if rests && self.reading.offer != Offer::Lent { self.connection.park() } else { None }
    }
}

impl Reading {
    /// What was received is to be offered, as soon as it is here.
    #[inline]
    fn offers(&mut self) {
        if self.offer == Offer::Nothing {
            self.offer = Offer::Due;
        }
    }

    /// Something has come that is not looked at, and can be.
    #[inline]
    const fn is_due(&self) -> bool {
        matches!(self.offer, Offer::Due)
            || (matches!(self.end, PeerEnd::Came(_)) && matches!(self.offer, Offer::Nothing))
    }
}

impl<S: Storage> Output<S> {
    /// Nothing is to be sent, and nothing is under way.
    #[inline]
    fn is_empty(&self) -> bool {
        self.buffer.is_empty() && self.passed.is_none() && self.under_way == 0
    }

    /// So much waits that nothing more is made.
    #[inline]
    const fn is_full(&self) -> bool {
        self.buffer.len() >= HIGH_WATER
    }

    /// There is room for what the application may say.
    #[inline]
    fn has_room(&self) -> bool {
        self.buffer.is_empty() || self.has_room_after()
    }

    /// The same, after something that waits.
    #[inline(never)]
    fn has_room_after(&self) -> bool {
        !self.is_full() && (S::GROWS || self.buffer.most_room() >= self.needed.max(ENOUGH))
    }

    /// Nothing of it leaves any more.
    fn clear(&mut self) {
        (self.buffer.from, self.buffer.to) = (0, 0);
        (self.passed, self.under_way) = (None, 0);
    }
}

/// While this number of octets waits to be sent, no more are made.
const HIGH_WATER: usize = 64 * 1024;
/// The least room to ask an application for something to be sent.
const ENOUGH: usize = 512;
/// The room that a storage which grows has to read into.
const READ: usize = 16 * 1024;
