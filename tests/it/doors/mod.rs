//! A connection and a lifecycle that are told the same: the one in octets, the other in the facts that a parser of a user knows.
//!
//! **What is not told, or later.** Line ends between messages are no fact, so there are none. The end of the peer's side is told a lifecycle
//! once all before it has been looked at; until then what is said of reading differs. A lifecycle counts octets when they come, a connection
//! when they are consumed, so that it decides the same wherever a read ends: so `max_octets` is not compared.

pub mod ops;
pub mod peer;

use std::fmt::Debug;

use http_keepalive::{
    Config, Connection, Content, Deadline, DeadlineKind, Eof, Event, Framing, HalfClose, HeadFacts, Instant, Lifecycle,
    NO_FIELDS, Outcome, Phase, ProtocolError, ProtocolErrorKind, ReadWant, ReceiveError, Received, Role, SendError,
    Shut,
};

use peer::{Is, Peer};

/// What a role has of its own.
pub trait Doors: Role {
    /// A head is told.
    fn head(
        lifecycle: &mut Lifecycle<Self, &Config<Self>>,
        now: Instant,
        head: &HeadFacts,
    ) -> Result<Framing, ReceiveError>;
    /// The start line of a head is told, whose rest has not come.
    fn begin_head(_: &mut Lifecycle<Self, &Config<Self>>, _: Instant, _: &HeadFacts) {}
    /// For an exchange that gets timeouts of its own.
    fn own() -> &'static Config<Self>;
    /// What only this role says is the same.
    fn agree(pair: &Pair<'_, Self>, when: &str);
}

/// The close of the peer's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    No,
    /// The connection knows; octets before it have not been looked at.
    Said,
    Told,
}

/// What a lifecycle says is what its connection says.
#[track_caller]
pub fn same<T: Debug + PartialEq>(lifecycle: T, connection: T, when: &str) {
    assert_eq!(lifecycle, connection, "the lifecycle, and the connection, {when}");
}

/// How a user tells.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// Octets are told to be written before what they say is told to be sent.
    pub octets_first: bool,
    /// What is left of a read is told always; else only where lengths do not say it: after chunks, and to a client.
    pub says_left: bool,
}

pub struct Pair<'c, R: Doors> {
    pub connection: Connection<R, &'c Config<R>>,
    pub lifecycle: Lifecycle<R, &'c Config<R>>,
    pub now: Instant,
    habits: Habits,
    peer: Peer,
    end: End,
    /// How the peer's side ended, where it did.
    eof: Eof,
    /// The parser has stopped: what comes is of no message.
    deaf: bool,
    /// The peer closes its side only where all it sent has been looked at: both are told at once.
    pub ends_at_once: bool,
}

impl<'c, R: Doors> Pair<'c, R> {
    pub fn new(config: &'c Config<R>, peer: Peer, habits: Habits) -> Self {
        let now = Instant::from_secs(1000);
        let (connection, lifecycle) = (Connection::new(now, config), Lifecycle::new(now, config));
        Self {
            connection,
            lifecycle,
            now,
            habits,
            peer,
            end: End::No,
            eof: Eof::Clean,
            deaf: false,
            ends_at_once: false,
        }
    }

    /// Both decide the same.
    #[track_caller]
    pub fn agree(&self, when: &str) {
        let (connection, own, other) = (&self.connection, self.connection.lifecycle(), &self.lifecycle);
        let (mut wants, mut own_wants) = (other.wants(), connection.wants());
        if self.end == End::Said {
            // it knows of the end already
            (wants.read, own_wants.read) = (ReadWant::No, ReadWant::No);
            if let (Some(Shut::HalfClose(reason)), Some(Shut::Close(_))) = (wants.shut, own_wants.shut) {
                wants.shut = Some(Shut::Close(reason));
            }
        }
        let closes: Vec<_> = own.close_reasons().collect();
        same(other.close_reasons().collect::<Vec<_>>(), closes, when);
        same(other.phase(), connection.phase(), when);
        same(wants, own_wants, when);
        same(other.persistence(), connection.persistence(), when);
        let deadlines: Vec<_> = connection.deadlines().collect();
        same(other.deadlines().collect::<Vec<_>>(), deadlines, when);
        same(other.next_deadline(), connection.next_deadline(), when);
        same(other.exchanges(), own.exchanges(), when);
        same(other.octets_pending(), own.octets_pending(), when);
        same(other.is_idle(), own.is_idle(), when);
        same(other.is_closed(), own.is_closed(), when);
        R::agree(self, when);
    }

    /// The end of the peer's side is known to one of them only.
    pub fn end_is_untold(&self) -> bool {
        self.end == End::Said
    }

    /// What is dropped once our side is shut may soon be too much.
    pub fn drops_little(&self) -> bool {
        self.lifecycle.config().limits().linger_octets.is_some_and(|most| most < 1000)
    }

    /// So many octets of the peer come.
    pub fn arrive(&mut self, octets: usize) {
        if self.end != End::No {
            return;
        }
        let octets = self.peer.arrive(octets);
        self.lifecycle.octets_received(self.now, octets as u64);
        self.pump();
    }

    /// Offers what came, and tells what it was.
    pub fn pump(&mut self) {
        loop {
            let drops = self.connection.phase() == Phase::UnreadContent;
            match self.connection.receive(self.now, self.peer.inbox()) {
                Ok(Received { consumed, outcome }) => {
                    let lasts = self.peer.marks.front().is_some_and(|mark| mark.to == usize::MAX);
                    let outcome = told(&outcome, lasts);
                    self.tell(self.peer.read + consumed);
                    self.peer.read += consumed;
                    match outcome {
                        Said::Tunnel => self.deaf = true,
                        Said::Closed => self.tell_end(None),
                        Said::More => break,
                        Said::Event => {}
                    }
                }
                Err(error) => self.fault(error, drops),
            }
        }
        self.unsolicited();
        if let Some(peer::Mark { is: Is::Head(head), .. }) = self.peer.marks.front() {
            let line_is_there = self.peer.told == self.peer.read && self.peer.inbox().contains(&b'\n');
            if line_is_there && !self.deaf && !self.is_over() {
                R::begin_head(&mut self.lifecycle, self.now, head);
            }
        }
        if self.is_over() || self.peer.inbox().is_empty() {
            self.tell_end(None);
        }
        let between = matches!(self.peer.marks.front(), None | Some(peer::Mark { is: Is::Head(_) | Is::Broken, .. }));
        let says = between && (self.habits.says_left || self.peer.was_chunked);
        // to a client it also says that all has been looked at, wherever that ends: what its driver gave its word for
        if self.deaf || R::IS_CLIENT || says {
            self.lifecycle.octets_unread(self.now, self.peer.inbox().len() as u64);
            self.peer.was_chunked = false;
        }
    }

    /// What is left of what came will not be looked at.
    fn is_over(&self) -> bool {
        let phase = self.connection.phase();
        self.connection.wants().shut.is_some() || matches!(phase, Phase::Finishing | Phase::Lingering | Phase::Closed)
    }

    /// A parser that finds octets where no response is due says so.
    fn unsolicited(&mut self) {
        let says =
            |mut reasons: Box<dyn Iterator<Item = _>>| reasons.any(|it| it == http_keepalive::CloseReason::Unsolicited);
        let connection = says(Box::new(self.connection.lifecycle().close_reasons()));
        if connection && !says(Box::new(self.lifecycle.close_reasons())) {
            self.lifecycle.fault_received(self.now, ProtocolErrorKind::Unsolicited);
        }
    }

    /// What octets up to here were is told.
    fn tell(&mut self, to: usize) {
        while let (false, Some(mark)) = (self.deaf, self.peer.marks.front().cloned()) {
            let (until, whole) = (mark.to.min(to), mark.to <= to);
            let octets = (until - self.peer.told) as u64;
            let told = match &mark.is {
                Is::Head(head) if whole => R::head(&mut self.lifecycle, self.now, head).map(Some),
                Is::Content if octets > 0 => self.lifecycle.content_received(self.now, octets).map(|()| None),
                Is::End if whole => self.lifecycle.end_received(self.now).map(|()| None),
                Is::Head(_) | Is::Framing | Is::Content | Is::End | Is::Broken => Ok(None),
            };
            self.peer.told = until;
            self.peer.was_chunked |= matches!(mark.is, Is::Framing);
            if whole {
                self.peer.marks.pop_front();
            }
            match told {
                Ok(Some(framing)) => self.peer.framed(framing),
                Ok(None) => {}
                Err(ReceiveError::Ended(_) | ReceiveError::Fault(ProtocolErrorKind::Unsolicited)) => self.deaf = true,
                Err(error) => panic!("{error:?} of {mark:?}: {self:?}"),
            }
            if !whole {
                break;
            }
        }
    }

    /// What is wrong is told, by whom it is for to find.
    fn fault(&mut self, error: ProtocolError, drops: bool) {
        use ProtocolErrorKind::{ContentTimeout, ContentTooLarge, IncompleteContent, IncompleteTrailers};
        if drops {
            // what nobody reads was looked at before
            let next = self.peer.marks.iter().position(|mark| matches!(mark.is, Is::Head(_) | Is::Broken));
            let to = next.and_then(|next| self.peer.marks.get(next.wrapping_sub(1))).map(|mark| mark.to);
            self.tell(to.unwrap_or(self.peer.told));
        }
        let (now, kind) = (self.now, error.kind);
        match (kind, self.peer.marks.front().map(|mark| mark.is.clone())) {
            (ContentTimeout, _) => {}
            // what of a chunked body is missing only its parser knows
            (IncompleteTrailers, _) => self.tell_end(Some(IncompleteContent)),
            (kind, _) if kind.is_incomplete() => self.tell_end(Some(kind)),
            (_, Some(Is::Head(head))) => {
                assert_eq!(R::head(&mut self.lifecycle, now, &head), Err(kind.into()), "{head:?}");
            }
            (ContentTooLarge, _) => assert_eq!(self.lifecycle.content_received(now, 1), Err(kind.into())),
            _ => self.lifecycle.fault_received(now, kind),
        }
        self.deaf = true;
    }

    fn tell_end(&mut self, broken: Option<ProtocolErrorKind>) {
        if self.end == End::Said {
            self.end = End::Told;
            let own = match self.eof {
                Eof::Truncated => self.lifecycle.truncation_received(self.now),
                _ => self.lifecycle.eof_received(self.now),
            };
            assert_eq!(own, broken, "{self:?}");
        }
    }

    /// The peer closes its side, in this way.
    pub fn close(&mut self, eof: Eof) {
        // after an early response a parser waits for the end of the request, and looks at nothing more
        let early = self.connection.phase() == Phase::Requesting && !self.peer.inbox().is_empty();
        // who takes the peer to have gone looks at nothing more: whether content that a pause left is whole only a parser knows
        let paused =
            self.connection.wants().take_content && self.lifecycle.config().policy().half_close == HalfClose::Abort;
        let late = (self.ends_at_once || paused) && !self.peer.inbox().is_empty();
        if self.end != End::No || early || late {
            return;
        }
        (self.end, self.eof) = (End::Said, eof);
        match self.connection.receive_eof(self.now, eof) {
            Ok(received) => {
                if !matches!(received.outcome, Outcome::Paused(_)) || self.is_over() {
                    self.tell_end(None);
                }
            }
            Err(error) => self.fault(error, false),
        }
        self.pump();
    }

    /// A look comes before time goes on: how long one may take counts from what was said last, and they are not told the same at once.
    pub fn look_before(&mut self, now: Instant) {
        let wants = self.connection.wants();
        if now > self.now && wants.read == ReadWant::LookOnce {
            self.both(Connection::nothing_to_read, Lifecycle::nothing_to_read);
            self.pump();
        }
        if now > self.now && wants.flush_once {
            self.both(|it, now| it.handle_sent(now, 0), |it, now| it.handle_sent(now, 0));
        }
    }

    /// Time goes on until then, and what is due expires.
    pub fn until(&mut self, now: Instant) {
        self.look_before(now);
        self.now = self.now.max(now);
        for round in 0.. {
            let expired = self.connection.handle_timeout(self.now);
            assert_eq!(self.lifecycle.handle_timeout(self.now), expired, "the lifecycle, and the connection");
            assert!(round < 16, "{expired:?} stays due");
            if expired.is_none() {
                break;
            }
            self.agree(&format!("after {expired:?}"));
            self.pump();
        }
    }

    pub fn next_deadline(&self) -> Option<Deadline> {
        self.connection.next_deadline()
    }

    /// A head was announced: what counts from its octets is not due before they are told. Others may be, after a look.
    #[track_caller]
    pub fn announced(&mut self, octets: usize) {
        let due = self.lifecycle.next_deadline();
        let early = due.is_some_and(|due| due.at <= self.now && due.kind == DeadlineKind::Expect);
        assert!(!early, "{due:?} is due before it was handed out");
        self.lifecycle.octets_written(self.now, octets as u64);
    }

    /// Content is sent through both.
    pub fn content(&mut self, octets: usize) {
        let mut out = [0; 100];
        let sent = self.connection.send_content(self.now, &[b'x'; 16][..octets.min(16)], &mut out);
        let sent = match sent {
            // nothing, or of a response that may have none: what is not sent is not told
            Ok(sent) if sent.written == 0 => return,
            Ok(sent) => Ok((sent.consumed as u64, sent.written)),
            Err(error) => Err(error),
        };
        let octets = sent.map_or(octets.min(16) as u64, |(consumed, _)| consumed);
        self.sent(sent.map(|(_, written)| written), |it, now| it.content_sent(now, octets));
    }

    pub fn end(&mut self) {
        let sent = self.connection.send_end(self.now, NO_FIELDS, &mut [0; 100]);
        self.sent(sent, Lifecycle::end_sent);
    }

    /// What a connection has written is told.
    fn sent(
        &mut self,
        sent: Result<usize, SendError>,
        tell: impl FnOnce(&mut Lifecycle<R, &'c Config<R>>, Instant) -> Result<(), SendError>,
    ) {
        let written = sent.unwrap_or_default() as u64;
        if self.habits.octets_first && written > 0 {
            self.lifecycle.octets_written(self.now, written);
        }
        assert_eq!(tell(&mut self.lifecycle, self.now), sent.map(|_| ()), "the lifecycle, and the connection");
        if !self.habits.octets_first && written > 0 {
            self.lifecycle.octets_written(self.now, written);
        }
        self.pump();
    }

    /// The same call of both; what came is not looked at.
    pub fn both(
        &mut self,
        connection: impl FnOnce(&mut Connection<R, &'c Config<R>>, Instant),
        lifecycle: impl FnOnce(&mut Lifecycle<R, &'c Config<R>>, Instant),
    ) {
        connection(&mut self.connection, self.now);
        lifecycle(&mut self.lifecycle, self.now);
    }
}

impl<'c, R: Doors> Debug for Pair<'c, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}, {:?} at {:?}", self.connection.phase(), self.lifecycle.phase(), self.now)
    }
}

/// What an outcome means for who pumps.
enum Said {
    Event,
    Tunnel,
    /// The peer closed its side, or the message ended that lasts until then.
    Closed,
    More,
}

/// `lasts`: the message ends with the peer's side.
fn told(outcome: &Outcome<'_>, lasts: bool) -> Said {
    match outcome {
        Outcome::Event(Event::Tunnel(_)) => Said::Tunnel,
        Outcome::Event(Event::PeerClosed) => Said::Closed,
        Outcome::Event(Event::End { .. }) if lasts => Said::Closed,
        Outcome::Event(_) => Said::Event,
        Outcome::NeedMore | Outcome::Paused(_) => Said::More,
    }
}

/// What an application has.
pub const CONTENTS: [Content; 5] =
    [Content::Empty, Content::Exact(0), Content::Exact(5), Content::Unknown, Content::UntilClose];
