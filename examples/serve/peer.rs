//! One connection: a socket, its machine, and what lies between them.
//!
//! Nothing here decides anything about HTTP. The machine is told what happened (octets, end, failure, octets that left, time)
//! and asked what it [`wants`](Connection::wants): to read, to flush, an answer or a piece of one, a shut. Round by round that
//! is done until the socket or the machine has to wait.
//!
//! **Back-pressure.** Answers gather in the output buffer and go out in one write, also those to pipelined requests. While
//! [`HIGH_WATER`] octets or more wait there, nothing is answered, no content is fetched from its file, and nothing is read. No clock of
//! the peer runs meanwhile but those that watch it read: a request is looked at only while there is room for its answer, and content of
//! requests makes no answers, so that none waits unread. Where it could, the machine would have to be told
//! ([`ContentUse::Paused`](http_keepalive::ContentUse::Paused)).
//!
//! **Looks.** Before a deadline accuses the peer the machine asks for one more look at the socket: a read or a write that is really made,
//! whatever was said of readiness, and whatever waits. What was said may be old: this process may have been stopped since.
//!
//! **Content of requests** is of no use here. It is read to its end all the same before the answer goes out, within the limit, so
//! that a client which writes all before it reads is not cut off; a client that waits to be asked for it is answered at once.
//!
//! **Memory.** A peer that waits with empty buffers has none: it borrows the loop's, and keeps one only with octets in it. One
//! that is idle besides goes to sleep ([`Peer::sleep`]): forty octets of a machine and its socket are left.

#[path = "peer/log.rs"]
mod log;
#[path = "peer/transport.rs"]
mod transport;

pub use log::Log;

use std::io::{self, Read};

use http_keepalive::{
    BodyLength, Config, Connection, Content as Length, Deadline, DeadlineKind, Event, Idleness, Instant, NO_FIELDS,
    Outcome, Parked, ReadWant, RequestHead, SendError, Server, StatusCode, Turn,
};
use mio::net::TcpStream;

use super::buffer::Buffer;
use super::site::{Answer, Content, Site};

/// One connection.
pub struct Peer {
    stream: TcpStream,
    machine: Connection<Server>,
    input: Buffer,
    output: Buffer,
    /// The answer to a request whose content is still coming.
    waiting: Option<Answer>,
    /// What is left to be sent of the answer.
    content: Option<Content>,
    /// The machine may have more to tell of what it was offered: the end of a message, an error.
    tells: bool,
    /// The socket may have something to read: it had, and has not said otherwise since.
    readable: bool,
    /// It will, for ever: the peer closed its side.
    read_closed: bool,
    /// That the peer closed its side has been read.
    eof: bool,
    /// The socket takes octets.
    writable: bool,
    /// It took some since it was full last.
    takes: bool,
    /// When to try again to write: a system may have room long before it says so, and who reads on is not to be taken for one who does not.
    retry_at: Option<Instant>,
    /// What is logged of it, where that is asked for.
    log: Option<Box<Log>>,
    octets_discarded: u64,
    /// Of these, what came to an idle connection behind the decision to close it: a request that is lost.
    octets_lost: u64,
}

/// A peer that is idle: all that is left of it.
pub struct Asleep {
    pub stream: TcpStream,
    machine: Parked<Server>,
    log: Option<Box<Log>>,
}

/// What a loop lends to the peer it attends to.
pub struct Lent<'l> {
    pub site: &'l Site,
    /// The value of `Date`: the machine knows no calendar.
    pub date: &'l str,
    pub input: &'l mut Buffer,
    pub output: &'l mut Buffer,
    /// For a piece of a file.
    pub piece: &'l mut [u8],
    /// Requests that are still answered in this turn.
    pub share: u32,
}

/// How attending to a peer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attended {
    /// It waits for its socket or for time.
    Waits,
    /// It could go on, and others are to have their turn first.
    GoesOn,
    /// It is closed.
    Closed,
}

impl Peer {
    /// One that has just connected; `seed` sets it apart from others where limits vary.
    pub fn new(
        now: Instant,
        stream: TcpStream,
        seed: u64,
        config: &'static Config<Server>,
        log: Option<Box<Log>>,
    ) -> Self {
        // often the first request has come with the connection
        Self { readable: true, ..Self::of(stream, Connection::new(now, config).with_seed(seed), log) }
    }

    fn of(stream: TcpStream, machine: Connection<Server>, log: Option<Box<Log>>) -> Self {
        Self {
            stream,
            machine,
            input: Buffer::default(),
            output: Buffer::default(),
            waiting: None,
            content: None,
            tells: false,
            readable: false,
            read_closed: false,
            eof: false,
            writable: true,
            takes: false,
            retry_at: None,
            log,
            octets_discarded: 0,
            octets_lost: 0,
        }
    }

    /// What it can sleep as, if it waits for nothing but its socket and time.
    pub fn sleep(&self) -> Option<Parked<Server>> {
        let awaits = self.readable || self.read_closed || !self.writable;
        let holds =
            !self.input.is_empty() || !self.output.is_empty() || self.waiting.is_some() || self.content.is_some();
        if awaits || holds { None } else { self.machine.park() }
    }

    pub fn fall_asleep(self, machine: Parked<Server>) -> Asleep {
        Asleep { stream: self.stream, machine, log: self.log }
    }

    pub fn wake(asleep: Asleep, config: &'static Config<Server>) -> Self {
        let Asleep { stream, machine, log } = asleep;
        Self::of(stream, Connection::unpark(machine, config), log)
    }

    /// What is due next: a deadline of the machine's, or another try to write.
    pub fn next_deadline(&self) -> Option<Deadline> {
        let retry = self.retry_at.map(|at| Deadline { at, kind: DeadlineKind::WriteStall });
        self.machine.next_deadline().into_iter().chain(retry).min_by_key(|due| due.at)
    }

    /// The socket has said something.
    pub fn ready(&mut self, event: &mio::event::Event) {
        self.read_closed |= event.is_read_closed() || event.is_error();
        self.readable |= event.is_readable() || self.read_closed;
        self.writable |= event.is_writable() || event.is_error();
    }

    /// Lets expire what is due.
    pub fn expire(&mut self, now: Instant) {
        if self.retry_at.is_some_and(|at| at <= now) {
            (self.retry_at, self.writable) = (None, true);
        }
        while let Some(deadline) = self.machine.handle_timeout(now) {
            self.note_expired(now, deadline);
            self.tells = true;
        }
    }

    /// It has no place here: its first request, if one comes, is refused.
    pub fn refuse(&mut self, now: Instant) {
        if let Err(error) = self.machine.refuse(now, StatusCode::SERVICE_UNAVAILABLE) {
            eprintln!("serve: {}: it can not be refused: {error}", self.address());
            self.machine.abort(now);
        }
    }

    /// What it is for one that looks for a place.
    pub fn idleness(&self) -> Option<Idleness> {
        self.machine.idleness().filter(|_| self.input.is_empty())
    }

    /// Gives its place up, if it may go.
    pub fn free_place(&mut self, now: Instant) {
        self.machine.free_place(now);
    }

    /// Asks for the end, without cutting anything off.
    pub fn drain(&mut self, now: Instant) {
        self.machine.close_after_exchange(now);
    }

    /// Does what the machine wants, until it or the socket has to wait, or it has had its turn.
    pub fn attend(&mut self, now: Instant, mut lent: Lent<'_>) -> Attended {
        self.borrow(&mut lent);
        let mut attended = Attended::GoesOn;
        for _ in 0..ROUNDS {
            let done = self.work(now, &mut lent);
            self.flush(now);
            self.shut(now);
            self.note(now);
            if self.machine.is_closed() {
                attended = Attended::Closed;
                break;
            }
            let goes_on = match self.machine.wants().read {
                ReadWant::LookOnce => self.look(now, &mut lent),
                // what has been received comes before what can be read
                _ if done => self.read(now),
                // it has had its share, and has more
                _ if lent.share == 0 && self.output.len() < HIGH_WATER => break,
                _ => self.output.len() < HIGH_WATER,
            };
            if !goes_on {
                attended = Attended::Waits;
                break;
            }
        }
        self.give_back(&mut lent);
        attended
    }

    /// Offers what was received and answers, until enough waits to be sent or nothing is left to do: whether that is so.
    fn work(&mut self, now: Instant, lent: &mut Lent<'_>) -> bool {
        while self.output.len() < HIGH_WATER {
            match self.machine.wants().application {
                Some(Turn::Refuse(_)) => {
                    self.send(now, |machine, out| machine.send_refusal(now, [("Date", lent.date)], out));
                }
                Some(Turn::Content) => {
                    self.send_content(now, lent.piece);
                    if self.machine.wants().application != Some(Turn::Content) {
                        // a file is not to stay open while the connection idles
                        self.content = None;
                    }
                }
                // what has begun goes on, and no more begins
                _ if lent.share == 0 => return false,
                _ if self.offer(now, lent) => {}
                // the request that begins may be refused, without an event
                _ if matches!(self.machine.wants().application, Some(Turn::Refuse(_))) => {}
                _ => return true,
            }
        }
        false
    }

    /// Offers what was received. Whether something came of it.
    fn offer(&mut self, now: Instant, lent: &mut Lent<'_>) -> bool {
        if self.input.is_empty() && !self.eof && !self.tells {
            return false;
        }
        // taken for the call: what is received borrows it, and the answer needs the rest of the peer
        let mut input = std::mem::take(&mut self.input);
        // an error is the machine's to remember and to answer
        let goes_on = match self.machine.receive(now, input.octets()) {
            Ok(received) => {
                match &received.outcome {
                    Outcome::Event(Event::Request(head)) => {
                        lent.share = lent.share.saturating_sub(1);
                        self.requested(now, head, lent);
                    }
                    Outcome::Event(Event::End { .. }) => {
                        if let Some(answer) = self.waiting.take() {
                            self.respond(now, answer, lent);
                        }
                    }
                    _ => {}
                }
                let goes_on = matches!(received.outcome, Outcome::Event(_));
                input.take(received.consumed);
                goes_on
            }
            Err(_) => true,
        };
        self.note(now);
        self.input = input;
        self.tells = goes_on;
        goes_on
    }

    /// Answers a request, now or when its content has come.
    fn requested(&mut self, now: Instant, head: &RequestHead<'_>, lent: &Lent<'_>) {
        let answer = lent.site.answer(head);
        let content_comes = head.framing.length != BodyLength::Empty && !head.expects_continue();
        if content_comes { self.waiting = Some(answer) } else { self.respond(now, answer, lent) }
    }

    fn respond(&mut self, now: Instant, answer: Answer, lent: &Lent<'_>) {
        let Answer { status, fields, content } = answer;
        let date = [("Date", lent.date)];
        let length = Length::Exact(content.octets());
        self.send(now, |machine, out| {
            let fields = fields.iter().map(|(name, value)| (*name, value.as_str()));
            machine.send_response(now, status, date.into_iter().chain(fields), length, out)
        });
        // whether any is to be sent, the machine knows
        self.content = Some(content).filter(|_| self.machine.wants().application == Some(Turn::Content));
    }

    /// Sends a piece of the answer's content, or its end.
    fn send_content(&mut self, now: Instant, piece: &mut [u8]) {
        match self.content.as_mut() {
            Some(Content::Text(text)) if !text.is_empty() => {
                let text = std::mem::take(text);
                self.send_all(now, text.as_bytes());
            }
            Some(Content::File { file, left, .. }) if *left > 0 => {
                let most = piece.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                match file.read(&mut piece[..most]) {
                    Ok(octets) if octets > 0 => {
                        *left -= octets as u64;
                        self.send_all(now, &piece[..octets]);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    // it was cut since it was opened, or can not be read: what was promised can not be kept
                    result => {
                        eprintln!("serve: {}: a file ended early: {result:?}", self.address());
                        if self.machine.application_gone(now).is_err() {
                            self.content = None;
                        }
                    }
                }
            }
            _ => {
                self.content = None;
                self.send(now, |machine, out| machine.send_end(now, NO_FIELDS, out));
            }
        }
    }

    fn send_all(&mut self, now: Instant, mut content: &[u8]) {
        while !content.is_empty() && self.machine.wants().application == Some(Turn::Content) {
            let mut consumed = 0;
            self.send(now, |machine, out| {
                machine.send_content(now, content, out).map(|written| {
                    consumed = written.consumed;
                    written.written
                })
            });
            content = &content[consumed..];
        }
    }

    /// Lets the machine write into the output buffer, with as much room as it needs.
    fn send(
        &mut self,
        now: Instant,
        mut write: impl FnMut(&mut Connection<Server>, &mut [u8]) -> Result<usize, SendError>,
    ) {
        let mut room = ROOM;
        loop {
            match write(&mut self.machine, self.output.room(room)) {
                Ok(octets) => {
                    self.note(now);
                    return self.output.put(octets);
                }
                Err(SendError::OutputTooSmall { needed }) => room = needed,
                // the peer or a deadline has ended it meanwhile: the machine says how it goes on
                Err(SendError::Ended(_)) => return self.content = None,
                Err(SendError::Misuse(misuse)) => {
                    eprintln!("serve: {}: a mistake in this program: {misuse}", self.address());
                    return self.machine.abort(now);
                }
            }
        }
    }

    /// Octets that an idle close has thrown away.
    pub fn octets_lost(&self) -> u64 {
        self.octets_lost
    }

    fn borrow(&mut self, lent: &mut Lent<'_>) {
        for (own, lent) in [(&mut self.input, &mut *lent.input), (&mut self.output, &mut *lent.output)] {
            if !own.is_allocated() {
                std::mem::swap(own, lent);
            }
        }
    }

    fn give_back(&mut self, lent: &mut Lent<'_>) {
        for (own, lent) in [(&mut self.input, &mut *lent.input), (&mut self.output, &mut *lent.output)] {
            if !own.is_empty() {
                own.shrink();
            } else if !lent.is_allocated() {
                std::mem::swap(own, lent);
            } else {
                *own = Buffer::default();
            }
        }
    }
}

/// While so many octets wait to be sent, no more are made.
const HIGH_WATER: usize = 64 * 1024;
/// The least room to read into and to write a head into.
const ROOM: usize = 16 * 1024;
/// Rounds of reading and writing before the other peers have their turn.
const ROUNDS: usize = 16;
