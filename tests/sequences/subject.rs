//! What a search walks over: a connection or a lifecycle of either role, and what a driver may do to it.

use std::fmt::Debug;
use std::hash::Hasher;

use http_keepalive::*;

/// One call, or a few that go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Letter {
    /// Octets arrive at a connection, which looks at them as far as it can.
    Octets(&'static str),
    /// The same, but the application does something before it looks on after the first event.
    Once(&'static str),
    /// A foreign parser tells a lifecycle what it read.
    Fact(Fact),
    Eof,
    /// It becomes as late as the next deadline says, and what is due expires.
    Expire,
    /// The same, but nobody was there for long: other deadlines have passed, too.
    ExpireLate,
    NothingToRead,
    /// All that was handed out leaves.
    Sent,
    /// One octet of it does.
    SentSome,
    /// A try to write finds no room.
    SentNothing,
    /// What is asked for is done.
    Shut,
    Failed,
    /// A write failed, and reading may go on.
    WriteFailed,
    Abort,
    Drain,
    Act(Intent),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// So many octets came.
    Octets(u64),
    /// A head with this field line; of a client's peer with this status.
    Head(u16, Option<(&'static str, &'static str)>),
    Content(u64),
    End,
    Fault,
}

/// What the application or the driver wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    Respond(Content),
    /// The same, with no room for it.
    RespondSmall,
    /// The last response of the connection, which says so.
    RespondLast(Content),
    Continue,
    Refuse,
    RefuseSmall,
    /// The driver refuses the request that is open, or the next one, with this status.
    TurnAway(u16),
    /// The application will not answer, or not go on.
    Gone,
    /// The place of the connection is needed.
    FreePlace,
    /// The exchange gets timeouts of its own.
    OwnTimeouts,
    /// A method, a field line and content; whether it is the last.
    Ask(&'static str, Option<(&'static str, &'static str)>, Content, bool),
    Content(u64),
    End,
    Skip(u64),
    /// What the application does with the content that comes.
    Use(ContentUse),
    NothingLeft,
}

/// What was told of what arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// A message began, with so much content, if that is known.
    Head(Option<u64>),
    Content(u64),
    End,
    Tunnel,
    Error,
}

/// Why a call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    TooSmall,
    Ended,
    /// Its place is not free.
    Stays,
    Misuse(Misuse),
}

impl From<SendError> for Refused {
    fn from(error: SendError) -> Self {
        match error {
            SendError::OutputTooSmall { .. } => Self::TooSmall,
            SendError::Ended(_) => Self::Ended,
            SendError::Misuse(misuse) => Self::Misuse(misuse),
        }
    }
}

/// A machine with what is unread of its peer's octets. What it is named after the methods of is what it does.
pub trait Subject: Clone + Debug + Eq {
    /// Its messages' ends are told by it, not by the parser beside it.
    const TELLS: bool;
    const IS_CLIENT: bool;
    /// All that what follows depends on, seen from now.
    fn canonical(&self, now: Instant, hasher: &mut impl Hasher);
    fn wants(&self) -> Wants;
    fn next_deadline(&self) -> Option<Deadline>;
    fn is_closed(&self) -> bool;
    fn is_idle(&self) -> bool;
    fn persistence(&self) -> Persistence;
    fn close_reasons(&self) -> Vec<CloseReason>;
    fn octets_pending(&self) -> u64;
    /// Of a server: how it is idle.
    fn idleness(&self) -> Option<Idleness>;
    fn handle_timeout(&mut self, now: Instant) -> Option<Deadline>;
    fn nothing_to_read(&mut self, now: Instant);
    fn handle_sent(&mut self, now: Instant, octets: u64);
    fn handle_shut(&mut self, now: Instant);
    fn transport_failed(&mut self, now: Instant);
    fn write_failed(&mut self, now: Instant);
    fn abort(&mut self, now: Instant);
    fn close_after_exchange(&mut self, now: Instant);
    /// Octets arrive, to be looked at by [`pump`](Self::pump).
    fn arrive(&mut self, octets: &'static str);
    /// What is unread is offered once; `None`: there is nothing to tell.
    fn pump(&mut self, now: Instant) -> Option<Told>;
    fn fact(&mut self, now: Instant, fact: Fact) -> Result<Option<Told>, Refused>;
    fn eof(&mut self, now: Instant) -> Option<Told>;
    fn act(&mut self, now: Instant, intent: Intent) -> Result<(), Refused>;
}
