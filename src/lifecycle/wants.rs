//! What a connection waits for: reading, flushing, the application, a close. Independent of each other.
//!
//! **In every state somebody owes the next step**, and [`Wants::owed_by`] names who: the transport (to take octets, to be looked at, to be
//! shut), the application (it is told so), or the peer. Where the peer owes it a deadline is armed, or the setting that would arm it is off:
//! by default these are `response` of a client, and `exchange`. Where the application does, `application` may be.

use crate::lifecycle::persistence::CloseReason;
use crate::status::StatusCode;

/// What a connection waits for now. Each part is a call of its own, too, named `wants_` and the field:
/// [`wants_read`](crate::Connection::wants_read) and those beside it. A driver that is at one step asks for that part alone: about ten
/// instructions, where all of them together are about 65.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a driver does each of these: a new want is a breaking change on purpose"
)]
pub struct Wants {
    /// What to do with the transport's reading side.
    pub read: ReadWant,
    /// Octets that were handed out have not left.
    pub flush: bool,
    /// A deadline has passed by which some of these should have left: try once more to write, without waiting and whatever the transport said
    /// before, and tell how many left, also 0 ([`handle_sent`](crate::Connection::handle_sent)); with 0 it takes effect, or if nothing is said for two
    /// seconds ([how](crate#looks)).
    pub flush_once: bool,
    /// What the application is to do.
    pub application: Option<Turn>,
    /// The application paused, and is to take content again, or to say that it drops it
    /// ([`content_use`](crate::Connection::content_use)).
    pub take_content: bool,
    /// How the transport is to be shut, all that was handed out having left.
    pub shut: Option<Shut>,
}

impl Wants {
    /// Who owes the next step: of several, the transport before the application before the peer.
    pub const fn owed_by(&self) -> Party {
        match (self.shut, self.application, self.read) {
            (Some(_), _, _) | (_, _, ReadWant::LookOnce | ReadWant::Offer) => Party::Transport,
            _ if self.flush => Party::Transport,
            _ if self.take_content => Party::Application,
            (None, Some(_), _) => Party::Application,
            (None, None, ReadWant::Octets | ReadWant::EofOnly | ReadWant::Discard) => Party::Peer,
            (None, None, ReadWant::No) => Party::Nobody,
        }
    }
}

/// Who owes the next step on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is nobody else on a connection")]
pub enum Party {
    /// The transport, and who drives it: to flush, to look, to offer what was read, to shut.
    Transport,
    /// The application: [`Wants::application`] says what.
    Application,
    /// The peer: octets, or its end.
    Peer,
    /// Nobody: the connection is closed, or another protocol's.
    Nobody,
}

/// What to do with the transport's reading side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a driver does each of these: a new one is a breaking change on purpose")]
pub enum ReadWant {
    /// Do not read.
    No,
    /// Nothing more comes, and octets of the last offer have not been looked at, or the end after them has not been told: offer what is
    /// unread again, also where that is nothing.
    Offer,
    /// Octets would wait for a response; only the peer's close is of interest. Not reading is as good.
    EofOnly,
    /// Read, and offer what comes.
    Octets,
    /// Read, and offer what comes: it is counted and dropped.
    Discard,
    /// Look once whether anything can be read, without waiting: offer it, or say
    /// [`nothing_to_read`](crate::Connection::nothing_to_read). A deadline has passed, and takes effect if there is nothing, or if nothing is
    /// said for two seconds. The look must ask the system now: readiness that was told before may be stale ([how on std, mio, tokio and
    /// others](crate#looks)).
    LookOnce,
}

/// What the application is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a driver does each of these: a new one is a breaking change on purpose")]
pub enum Turn {
    /// Send the final response; interim ones before it if you like. Said from the request's head on: that its content has come, too, is
    /// told by [`Event::End`](crate::Event::End).
    Respond,
    /// The client waits to be told to send its content: send `100 (Continue)` or the final response. No timeout but
    /// `exchange` runs until then.
    Continue,
    /// Send more content, or its end.
    Content,
    /// Send the refusal that is due.
    Refuse(StatusCode),
}

/// How to shut the transport. Say [`handle_shut`](crate::Connection::handle_shut) when it is done. Every connection that is not handed over
/// ends in exactly one `Close` or `Reset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a driver does each of these: a new one is a breaking change on purpose")]
pub enum Shut {
    /// Shut the sending side only, and keep reading.
    HalfClose(CloseReason),
    /// Close.
    Close(CloseReason),
    /// Close so that the peer sees a reset: what it has of our message must not pass for complete, or it does not read. With
    /// sockets: set `SO_LINGER` to zero, then close (`socket2`'s `set_linger`, tokio's `set_zero_linger`; the standard library has no
    /// stable call). Where that can not be done, close: then content that ends with the connection may pass for complete, and octets
    /// that wait for a peer which does not read stay in the system for a while.
    Reset(CloseReason),
}

impl Shut {
    /// Why.
    pub const fn reason(self) -> CloseReason {
        match self {
            Self::HalfClose(reason) | Self::Close(reason) | Self::Reset(reason) => reason,
        }
    }
}
