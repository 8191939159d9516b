//! One end of a connection: a machine, what it has read and not consumed, what it has handed out and not written.

use std::collections::VecDeque;
use std::sync::Arc;

use http_keepalive::{
    CloseReason, Config, Connection, Eof, Event, Instant, Outcome, PauseReason, ReadWant, Role, Shut,
};

use super::wire::{Side, Wire};

/// What a machine reported, owned.
#[derive(Clone, Debug)]
pub enum Fact {
    /// The number of the request in its target.
    Request(usize),
    Interim,
    Response(u16),
    Content(Vec<u8>),
    End,
    PeerClosed,
    Error,
}

/// How a machine is told that nothing of what waits has left.
pub type Word<R> = fn(&mut Connection<R, Arc<Config<R>>>, Instant);

/// A machine and what surrounds it.
pub struct End<R: Role> {
    pub connection: Connection<R, Arc<Config<R>>>,
    side: Side,
    /// From when on there is a connection.
    pub opens: Instant,
    inbox: Vec<u8>,
    pub outbox: VecDeque<u8>,
    saw_eof: bool,
    half_closed: bool,
    /// Octets the transport took.
    pub written: u64,
    /// Octets that had arrived, and were thrown away by a close that only a timer of ours wanted.
    pub thrown_away: usize,
    pub closed_at: Option<Instant>,
    pub drained_at: Option<Instant>,
    /// Nothing of an exchange was outstanding then.
    pub was_idle: bool,
    facts: u32,
    /// Of the outbox, from its front: octets of nobody's, which the machine does not know of.
    foreign: usize,
    /// Octets read up to each read, and how many the transport had taken then.
    reads: Vec<(u64, u64)>,
    consumed: u64,
    /// Octets that the transport had taken when the first one of the last head came.
    pub written_at_head: u64,
    /// Says that nothing of what waits has left, where the role can.
    pub gives_word: Option<Word<R>>,
}

impl<R: Role> End<R> {
    pub fn new(side: Side, opens: Instant, config: &Arc<Config<R>>) -> Self {
        Self {
            connection: Connection::new(opens, Arc::clone(config)),
            side,
            opens,
            inbox: Vec::new(),
            outbox: VecDeque::new(),
            saw_eof: false,
            half_closed: false,
            written: 0,
            thrown_away: 0,
            closed_at: None,
            drained_at: None,
            was_idle: false,
            facts: 0,
            foreign: 0,
            reads: Vec::new(),
            consumed: 0,
            written_at_head: 0,
            gives_word: None,
        }
    }

    pub fn is_closed(&self) -> bool {
        self.connection.lifecycle().is_closed()
    }

    /// When a deadline is due.
    pub fn due(&self) -> Option<Instant> {
        let due = self.connection.next_deadline().filter(|_| !self.is_closed());
        due.map(|due| due.at.max(self.opens))
    }

    /// Begins a drain.
    pub fn drain(&mut self, now: Instant) {
        if !self.is_closed() {
            self.drained_at = Some(now);
            // what was handed out leaves first
            self.was_idle = self.connection.is_idle() && self.connection.octets_pending() == 0;
        }
        self.connection.close_after_exchange(now);
    }

    /// What is still here has not left.
    fn say_what_left(&mut self, now: Instant) {
        if let (Some(give_word), false) = (self.gives_word, self.outbox.is_empty()) {
            give_word(&mut self.connection, now);
        }
    }

    /// Lets expire what is due: whether anything was. A look that is asked for is that of [`read`](Self::read) or [`write`](Self::write).
    pub fn expire(&mut self, now: Instant) -> bool {
        self.say_what_left(now);
        let mut expired = 0;
        while self.connection.handle_timeout(now).is_some() {
            expired += 1;
            assert!(expired < 20, "deadlines expire without end");
        }
        let next = self.connection.next_deadline();
        assert!(next.is_none_or(|next| next.at > now), "{next:?} stays due at {now:?}");
        expired > 0
    }

    /// Lets expire what is due before anything else happens, and learns of a reset.
    pub fn look(&mut self, wire: &Wire, now: Instant) {
        self.expire(now);
        if wire.has_failed(self.side) && !self.is_closed() {
            self.say_what_left(now);
            self.connection.transport_failed(now);
        }
    }

    /// Reads as the machine wants: whether anything came.
    pub fn read(&mut self, wire: &mut Wire, now: Instant) -> bool {
        let want = self.connection.wants().read;
        if want == ReadWant::No {
            return false;
        }
        let octets = if want == ReadWant::EofOnly { 0 } else { wire.read(self.side, now, &mut self.inbox) };
        if octets > 0 {
            let before = self.reads.last().map_or(0, |(read, _)| *read);
            self.reads.push((before + octets as u64, self.written));
        }
        let eof = octets == 0 && !self.saw_eof && wire.is_at_eof(self.side);
        if want == ReadWant::LookOnce && octets == 0 && !eof {
            self.connection.nothing_to_read(now);
            return true;
        }
        octets > 0
    }

    /// The next fact in what was read, if there is one.
    pub fn next_fact(&mut self, wire: &Wire, now: Instant) -> Option<Fact> {
        self.facts += 1;
        assert!(self.facts < MOST_FACTS, "facts without end: {:?}", self.connection.wants());
        self.say_what_left(now);
        let fact = match self.connection.receive(now, &self.inbox) {
            Err(_) => return Some(Fact::Error),
            Ok(received) => {
                let fact = match &received.outcome {
                    Outcome::Event(event) => Some(owned(event)),
                    Outcome::NeedMore | Outcome::Paused(_) => None,
                };
                let consumed = received.consumed;
                let line_ends = self.inbox.iter().take_while(|octet| matches!(octet, b'\r' | b'\n')).count();
                if matches!(fact, Some(Fact::Interim | Fact::Response(_))) {
                    let first = self.consumed + line_ends as u64;
                    let read = self.reads.iter().find(|(read, _)| *read > first);
                    self.written_at_head = read.expect("it was read").1;
                }
                self.inbox.drain(..consumed);
                self.consumed += consumed as u64;
                fact
            }
        };
        let reads = self.connection.wants().read != ReadWant::No;
        if fact.is_none() && !self.saw_eof && reads && wire.is_at_eof(self.side) {
            self.saw_eof = true;
            self.say_what_left(now);
            return match self.connection.receive_eof(now, Eof::Clean) {
                Err(_) => Some(Fact::Error),
                Ok(received) => match &received.outcome {
                    Outcome::Event(event) => Some(owned(event)),
                    Outcome::Paused(PauseReason::OctetsLeft) => self.next_fact(wire, now),
                    Outcome::NeedMore | Outcome::Paused(_) => None,
                },
            };
        }
        fact
    }

    /// Writes as much as the window takes: whether it took any.
    pub fn write(&mut self, wire: &mut Wire, now: Instant) -> bool {
        if self.is_closed() {
            return false;
        }
        let tries = self.connection.wants().flush_once;
        let octets = wire.write(self.side, now, &mut self.outbox) as u64;
        let foreign = self.foreign.min(octets as usize);
        self.foreign -= foreign;
        if octets > foreign as u64 {
            self.written += octets - foreign as u64;
            self.connection.handle_sent(now, octets - foreign as u64);
        } else if tries {
            self.connection.handle_sent(now, 0);
        }
        octets > 0 || tries
    }

    /// Has octets written that are no part of what the machine says, where nothing else waits to be.
    pub fn inject(&mut self, octets: &[u8]) {
        self.outbox.extend(octets);
        self.foreign += octets.len();
    }

    /// Shuts the transport as the machine wants: whether it wanted to.
    pub fn shut(&mut self, wire: &mut Wire, now: Instant) -> bool {
        let Some(shut) = self.connection.wants().shut else { return false };
        match shut {
            Shut::HalfClose(_) => {
                assert_eq!(self.outbox.len(), self.foreign, "what was handed out goes first");
                self.half_closed = true;
                wire.half_close(self.side, now);
            }
            Shut::Close(_) => {
                // nothing but a timer of ours, or a drain between exchanges, has asked for this
                let unasked = |reason| {
                    use CloseReason::{Age, Drain, FirstOctetTimeout, IdleTimeout};
                    matches!(reason, FirstOctetTimeout | IdleTimeout | Age | Drain)
                };
                let mut reasons = self.connection.lifecycle().close_reasons();
                if !self.saw_eof && !self.half_closed && self.side == Side::Server && reasons.all(unasked) {
                    self.thrown_away += wire.unread(self.side) + self.inbox.len();
                }
                wire.close(self.side, now);
            }
            Shut::Reset(_) => wire.reset(self.side, now),
        }
        self.connection.handle_shut(now);
        true
    }

    /// Notes when it was closed.
    pub fn settle(&mut self, now: Instant) {
        if self.is_closed() {
            self.closed_at.get_or_insert(now);
        }
    }
}

fn owned(event: &Event<'_>) -> Fact {
    match event {
        Event::Request(head) => {
            let number = head.target.as_str().trim_start_matches('/').parse();
            Fact::Request(number.expect("a target of ours"))
        }
        Event::Interim(_) => Fact::Interim,
        Event::Response(head) => Fact::Response(head.status.as_u16()),
        Event::Content(content) => Fact::Content(content.to_vec()),
        Event::End { .. } => Fact::End,
        Event::PeerClosed => Fact::PeerClosed,
        other => panic!("nobody asked for {other:?}"),
    }
}

/// More than any connection reports.
const MOST_FACTS: u32 = 100_000;
