//! One connection: a socket, its drive, and what lies between them.
//!
//! Nothing here decides anything about HTTP. The drive is told what happened (octets, end, failure, octets that left, time), and says what is
//! next: an answer or a piece of one, what the socket is to do, a shut. That is done until the socket or the drive has to wait.
//!
//! **Looks.** Before a deadline accuses the peer the drive asks for one more look at the socket: a read or a write that is really made,
//! whatever was said of readiness. What was said may be old: this process may have been stopped since.
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

use std::fs::File;
use std::io::{self, Read};

use http_keepalive::drive::{Drive, Step};
use http_keepalive::{
    Config, Connection, Content as Length, Deadline, DeadlineKind, Event, Idleness, Instant, NO_FIELDS, Parked,
    SendError, Server, StatusCode,
};
use mio::net::TcpStream;

use super::places::Place;
use super::site::{Answer, Content, Site};

/// One connection.
pub struct Peer {
    stream: TcpStream,
    drive: Drive<Server, Vec<u8>>,
    /// The answer to a request whose content is still coming.
    waiting: Option<Answer>,
    /// What is left to be sent of the answer.
    content: Option<Content>,
    /// The file whose octets the system sends, as long as the drive has some of them to go: with the place it holds.
    passing: Option<(File, Place)>,
    /// The socket may have something to read: it had, and has not said otherwise since.
    readable: bool,
    /// It will, for ever: the peer closed its side.
    read_closed: bool,
    /// The socket takes octets.
    writable: bool,
    /// It took some since it was full last.
    takes: bool,
    /// When to try again to write: a system may have room long before it says so, and who reads on is not to be taken for one who does not.
    retry_at: Option<Instant>,
    /// What is logged of it, where that is asked for.
    log: Option<Box<Log>>,
    /// What came to an idle connection after the decision to close it: a request that is lost.
    octets_lost: u64,
}

/// A peer that is idle: all that is left of it.
pub struct Asleep {
    stream: TcpStream,
    machine: Parked<Server>,
}

/// What a loop lends to the peer it attends to.
pub struct Lent<'l> {
    pub site: &'l Site,
    /// The value of `Date`: the machine knows no calendar.
    pub date: &'l str,
    pub input: &'l mut Vec<u8>,
    pub output: &'l mut Vec<u8>,
    /// For a piece of a file.
    pub piece: &'l mut [u8],
    /// How many requests may begin before the others have their turn.
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
            drive: Drive::of(machine, Vec::new(), Vec::new()),
            waiting: None,
            content: None,
            passing: None,
            readable: false,
            read_closed: false,
            writable: true,
            takes: false,
            retry_at: None,
            log,
            octets_lost: 0,
        }
    }

    /// What it can sleep as, if it waits for nothing but its socket and time.
    pub fn sleep(&self) -> Option<Parked<Server>> {
        let awaits = self.readable || self.read_closed || !self.writable;
        let holds = self.waiting.is_some() || self.content.is_some() || self.passing.is_some();
        if awaits || holds { None } else { self.drive.park() }
    }

    /// What is left of it, and what is logged of it.
    pub fn fall_asleep(self, machine: Parked<Server>) -> (Asleep, Option<Box<Log>>) {
        (Asleep { stream: self.stream, machine }, self.log)
    }

    pub fn wake(asleep: Asleep, config: &'static Config<Server>, log: Option<Box<Log>>) -> Self {
        let Asleep { stream, machine } = asleep;
        Self::of(stream, Connection::unpark(machine, config), log)
    }

    /// What is due next: a deadline of the machine's, or another try to write.
    pub fn next_deadline(&self) -> Option<Deadline> {
        let retry = self.retry_at.map(|at| Deadline { at, kind: DeadlineKind::WriteStall });
        self.drive.next_deadline().into_iter().chain(retry).min_by_key(|due| due.at)
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
        self.drive.expire(now);
    }

    /// It has no place here: its first request, if one comes, is refused.
    pub fn refuse(&mut self, now: Instant) {
        if let Err(error) = self.drive.refuse(now, StatusCode::SERVICE_UNAVAILABLE) {
            eprintln!("serve: {}: it can not be refused: {error}", self.address());
            self.drive.abort(now);
        }
    }

    /// What it is for one that looks for a place.
    pub fn idleness(&self) -> Option<Idleness> {
        self.drive.idleness()
    }

    /// Gives its place up, if it may go.
    pub fn free_place(&mut self, now: Instant) {
        self.drive.free_place(now);
    }

    /// Asks for the end, without cutting anything off.
    pub fn drain(&mut self, now: Instant) {
        self.drive.close_after_exchange(now);
    }

    /// Does what the drive says, until it or the socket has to wait, or it has had its turn.
    pub fn attend(&mut self, now: Instant, mut lent: Lent<'_>) -> Attended {
        self.borrow(&mut lent);
        let attended = self.work(now, &mut lent);
        self.note(now);
        self.give_back(&mut lent);
        attended
    }

    fn work(&mut self, now: Instant, lent: &mut Lent<'_>) -> Attended {
        let mut rounds = ROUNDS;
        loop {
            if lent.share == 0 && self.waiting.is_none() && self.content.is_none() {
                // it has had its share, and may have more
                let waits = self.drive.unsent().len() >= HIGH_WATER;
                self.write(now);
                return if waits && !self.writable { Attended::Waits } else { Attended::GoesOn };
            }
            match self.drive.poll(now) {
                Step::Event(Event::Request(head)) => {
                    lent.share = lent.share.saturating_sub(1);
                    self.waiting = Some(lent.site.answer(&head));
                }
                Step::Respond | Step::Continue => {
                    if let Some(answer) = self.waiting.take() {
                        self.respond(now, answer, lent);
                    }
                }
                Step::Content => self.send_content(now, lent.piece),
                Step::Refuse(_) => {
                    let sent = self.drive.send_refusal(now, [("Date", lent.date)]);
                    self.sent(now, sent);
                }
                Step::Expired(deadline) => self.note_expired(now, deadline),
                Step::Transport(transport) => {
                    if !self.transport(now, transport) {
                        return Attended::Waits;
                    }
                    rounds -= 1;
                    if rounds == 0 {
                        return Attended::GoesOn;
                    }
                }
                Step::Shut(shut) => self.shut(now, shut, lent.piece),
                Step::Closed | Step::HandOver(_) => return Attended::Closed,
                Step::Event(_) | Step::Error(_) => {}
            }
            self.note(now);
        }
    }

    fn respond(&mut self, now: Instant, answer: Answer, lent: &Lent<'_>) {
        let Answer { status, fields, content } = answer;
        let fields = fields.iter().map(|(name, value)| (*name, value.as_str()));
        let fields = [("Date", lent.date)].into_iter().chain(fields);
        let sent = self.drive.respond(now, status, fields, Length::Exact(content.octets()));
        self.sent(now, sent);
        // a file is not to stay open while the connection idles
        self.content = Some(content).filter(|_| self.drive.takes_content());
    }

    /// Sends a piece of the answer's content, or its end.
    fn send_content(&mut self, now: Instant, piece: &mut [u8]) {
        match self.content.as_mut() {
            Some(Content::Text(text)) if !text.is_empty() => {
                let sent = self.drive.send_content(now, text.as_bytes()).map(|octets| drop(text.drain(..octets)));
                self.sent(now, sent);
            }
            Some(Content::File { left, .. }) if *left > PASSED => self.pass_file(now),
            Some(Content::File { file, left, .. }) if *left > 0 => {
                let most = piece.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                match file.read(&mut piece[..most]) {
                    Ok(octets) if octets > 0 => {
                        *left -= octets as u64;
                        // the output takes a whole piece
                        let sent = self.drive.send_content(now, &piece[..octets]).map(drop);
                        self.sent(now, sent);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    // it was cut since it was opened, or can not be read: what was promised can not be kept
                    result => {
                        eprintln!("serve: {}: a file ended early: {result:?}", self.address());
                        let gone = self.drive.application_gone(now);
                        self.sent(now, gone);
                    }
                }
            }
            _ => {
                let ended = self.drive.finish(now, NO_FIELDS);
                self.sent(now, ended);
            }
        }
        if !self.drive.takes_content() {
            self.content = None;
        }
    }

    /// Leaves the rest of the file to the system, which sends it from where it lies.
    fn pass_file(&mut self, now: Instant) {
        if let Some(Content::File { file, left, place }) = self.content.take() {
            let passed = self.drive.pass_content(now, left);
            if passed.is_ok() && self.drive.passed() > 0 {
                self.passing = Some((file, place));
            } else {
                // there is no room for it yet
                self.content = Some(Content::File { file, left, place });
            }
            self.sent(now, passed);
        }
    }

    /// What came of something that was to be sent.
    fn sent(&mut self, now: Instant, sent: Result<(), SendError>) {
        if let Err(SendError::Misuse(misuse)) = sent {
            eprintln!("serve: {}: a mistake in this program: {misuse}", self.address());
            self.drive.abort(now);
        }
    }

    /// Octets that an idle close has thrown away.
    pub fn octets_lost(&self) -> u64 {
        self.octets_lost
    }

    fn borrow(&mut self, lent: &mut Lent<'_>) {
        for (own, lent) in self.drive.empty_storages().into_iter().zip([&mut *lent.input, &mut *lent.output]) {
            if let Some(own) = own.filter(|own| own.is_empty()) {
                std::mem::swap(own, lent);
            }
        }
    }

    fn give_back(&mut self, lent: &mut Lent<'_>) {
        self.drive.shrink();
        for (own, lent) in self.drive.empty_storages().into_iter().zip([&mut *lent.input, &mut *lent.output]) {
            match own {
                Some(own) if lent.is_empty() => std::mem::swap(own, lent),
                Some(own) => *own = Vec::new(),
                None => {}
            }
        }
    }
}

/// A longer rest of a file is not copied.
const PASSED: u64 = 64 * 1024;
/// While this number of octets waits to be sent, nobody goes on.
const HIGH_WATER: usize = 64 * 1024;
/// Reads and writes before the other peers have their turn.
const ROUNDS: usize = 32;
