//! What a drive says is next.

use crate::connection::event::Event;
use crate::error::ProtocolError;
use crate::lifecycle::deadline::Deadline;
use crate::lifecycle::persistence::TunnelReason;
use crate::lifecycle::wants::Shut;
use crate::status::StatusCode;

/// What is next on a connection.
///
/// What was received borrows the drive until the next call. [`Refuse`](Self::Refuse), [`Continue`](Self::Continue), [`Error`](Self::Error) and
/// [`Expired`](Self::Expired) are said once each, and nothing need be done: a driver may ignore them. The others are said again and again
/// until they are done, or no longer hold.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a driver does each of these: a new one is a breaking change on purpose")]
pub enum Step<'b> {
    /// Something was received: a head, a piece of content, the end of a message with its trailers, the end of the peer's side. Said once.
    Event(Event<'b>),
    /// A server's application is to answer: [`respond`](super::Drive::respond). Said after the request's end, unless
    /// [`with_early_responses`](super::Drive::with_early_responses) asked for it from the head on.
    Respond,
    /// The client waits to be asked for its content (RFC 9110 10.1.1). A final response now spares it the sending; else the next poll asks
    /// for it, unless [`with_late_continue`](super::Drive::with_late_continue) left that to the application.
    Continue,
    /// More content of the message being sent, or its end, is to be given: [`send_content`](super::Drive::send_content),
    /// [`pass_content`](super::Drive::pass_content), [`finish`](super::Drive::finish). Said while there is room for it.
    Content,
    /// A refusal with this status goes out at the next poll: [`send_refusal`](super::Drive::send_refusal) now sends it with fields of yours,
    /// such as `Date` (RFC 9110 6.6.1); [`respond`](super::Drive::respond) sends a response of yours instead.
    Refuse(StatusCode),
    /// The transport is to read, to write, or both, and to say what came of it; or time is to pass.
    Transport(Transport),
    /// The transport is to be shut, all that was handed out having left: do it, and say [`shut_done`](super::Drive::shut_done).
    Shut(Shut),
    /// The connection is another protocol's, and all of ours has left: the transport is yours, with
    /// [`received`](super::Drive::received), which is the other protocol's already.
    HandOver(TunnelReason),
    /// The transport is closed, and nothing is left to do.
    Closed,
    /// The peer broke the protocol or a limit. What follows from it the drive does: a message that has begun will not be completed.
    Error(ProtocolError),
    /// A deadline passed. What follows from it the drive does.
    Expired(Deadline),
}

/// What the transport is to do. A driver that can do one thing at a time writes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a driver does each of these: a new one is a breaking change on purpose")]
pub struct Transport {
    /// To read into [`room`](super::Drive::room).
    pub read: Attempt,
    /// To write [`unsent`](super::Drive::unsent).
    pub write: Attempt,
}

/// Whether to read or to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a driver does each of these: a new one is a breaking change on purpose")]
pub enum Attempt {
    /// Not now.
    No,
    /// As soon as the transport can.
    Wait,
    /// Now, without waiting, whatever the transport said before, and say what came of it, also that nothing did
    /// ([`looked_nothing`](super::Drive::looked_nothing); [`wrote`](super::Drive::wrote) with 0): a deadline has passed, and takes effect if
    /// there is nothing. [How](crate#looks) on std, mio, tokio and others. Nothing else is asked for beside it.
    Look,
}

/// The side of a transport that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a transport has no other")]
pub enum Side {
    /// Reading, or the transport as a whole: a connection that was reset.
    Read,
    /// Writing alone: the peer takes nothing more (`EPIPE`), and what it has sent may still be read.
    Write,
}
