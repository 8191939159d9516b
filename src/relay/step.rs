//! What a relay says is next, and the words it is said in.

use super::loss::{LossKind, LossReason, LossVerdict};
use crate::drive::{Attempt, Transport};
use crate::error::ProtocolError;
use crate::intermediary::ForwardFault;
use crate::lifecycle::deadline::Deadline;
use crate::lifecycle::persistence::TunnelReason;
use crate::lifecycle::wants::Shut;
use crate::reasons::reasons;

/// One of the two that a relay stands between.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a relay stands between two")]
pub enum Neighbor {
    /// Who sends the requests.
    Client,
    /// To whom they go now.
    Upstream,
}

/// What is next. [`Upstream`](Self::Upstream), [`Return`](Self::Return), [`Content`](Self::Content), [`Transport`](Self::Transport),
/// [`Shut`](Self::Shut), [`HandOver`](Self::HandOver) and [`Closed`](Self::Closed) are said again until they are done; the others once, and
/// nothing need be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a driver does each of these: a new one is a breaking change on purpose")]
pub enum RelayStep {
    /// A request is to go on: [`wanted`](super::Relay::wanted) says which. [`forward`](super::Relay::forward) gives it an upstream connection,
    /// [`forward_pinned`](super::Relay::forward_pinned) that which is here, [`tunnel`](super::Relay::tunnel) opens one,
    /// [`not_connected`](super::Relay::not_connected) says that there is none, [`answer`](super::Relay::answer) answers it here.
    Upstream,
    /// The upstream connection is to be taken back: [`take_upstream`](super::Relay::take_upstream).
    Return,
    /// More content of an answer of the driver's own is to be given: [`send_content`](super::Relay::send_content),
    /// [`finish`](super::Relay::finish).
    Content,
    /// The transports are to read, to write, or both; or time is to pass.
    Transport(Transports),
    /// The client's transport is to be shut: do it, and say [`shut_done`](super::Relay::shut_done).
    Shut(Shut),
    /// Both sides are another protocol's: [`into_drives`](super::Relay::into_drives). What each has received and not looked at is for the other.
    HandOver(TunnelReason),
    /// The client's transport is closed, and no upstream is left: nothing is to do.
    Closed,
    /// The request was refused, and did not go on.
    Refused(ForwardFault),
    /// The upstream was lost: how, what follows, and why.
    Lost(LossKind, LossVerdict, LossReason),
    /// One of the two broke the protocol or a limit. What follows from it the relay does.
    Error(Neighbor, ProtocolError),
    /// A deadline of one of the two connections passed. What follows from it the relay does.
    Expired(Neighbor, Deadline),
}

/// What the two transports are to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a driver does each of these")]
pub struct Transports {
    /// The client's.
    pub client: Transport,
    /// The upstream's; nothing where there is none.
    pub upstream: Transport,
}

/// A transport that does nothing.
pub(super) const STILL: Transport = Transport { read: Attempt::No, write: Attempt::No };

/// What is to be written to a transport, in three parts, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a driver writes each of these")]
pub struct Unsent<'a> {
    /// Heads and framing.
    pub before: &'a [u8],
    /// Content.
    pub content: UnsentContent<'a>,
    /// Framing and heads after it.
    pub after: &'a [u8],
}

/// Content to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a driver writes each of these")]
pub enum UnsentContent<'a> {
    /// It lies in the input of the other side, and is not copied. It may be empty.
    Here(&'a [u8]),
    /// So many octets that the driver [moved](super::Relay::moved) itself, and has: in a pipe, or in memory of its own.
    Yours(u64),
}

impl<'a> Unsent<'a> {
    /// The parts that are here, for `writev`: with content of the driver's own, up to that.
    pub const fn slices(&self) -> [&'a [u8]; 3] {
        match self.content {
            UnsentContent::Here(content) => [self.before, content, self.after],
            UnsentContent::Yours(0) => [self.before, &[], self.after],
            UnsentContent::Yours(_) => [self.before, &[], &[]],
        }
    }
}

/// What may be done with an upstream connection that comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a driver does each of these")]
pub enum UpstreamVerdict {
    /// It may carry a request for anybody: to the pool, by what its machine says (`Returned::of_machine`).
    Reuse,
    /// It is closed, and never used again: close its transport. What its machine says of its end is for the pool, too (`Ended::of_machine`).
    Close(TakenReason),
}

reasons! {
    /// Why an upstream connection is not used again.
    pub enum TakenReason {
        /// It has ended, or said that it will: by its peer, by a deadline, by what it sent.
        Ended => "ended", "RFC 9112 9.6";
        /// The client went away before its exchange was over.
        ClientGone => "client-gone", "RFC 9112 9.5";
        /// The client's request broke off, or its content will not be read to the end: the upstream can not be told that it is whole.
        RequestCut => "request-cut", "RFC 9112 8";
        /// It was authenticated for a client that has no use for it any more.
        Pinned => "pinned", "RFC 9110 11.7";
        /// Its response may not be forwarded.
        Malformed => "malformed", "RFC 9110 15.6.3";
        /// It answered that it did not look at the request.
        Unanswered => "unanswered", "RFC 9110 15.5.20";
        /// Octets of it are left that are no whole line end.
        LeftOver => "left-over", "RFC 9112 9.2";
        /// The request could not be sent on it.
        NotSent => "not-sent", "RFC 9112 9.3";
    }
}
