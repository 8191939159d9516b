//! What an offer of octets came to: one event at most, and how many octets are done with.

use core::ops::Range;

use crate::lifecycle::persistence::TunnelReason;
use crate::message::head::{FieldSection, RequestHead, ResponseHead};

/// What an offer of octets came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a driver takes it apart and acts on each part: a new one is a breaking change on purpose"
)]
pub struct Received<'a> {
    /// Octets at the front of the offer that are done with, whatever the outcome. The others are to be offered again, with more after
    /// them.
    pub consumed: usize,
    /// What they were.
    pub outcome: Outcome<'a>,
}

impl Received<'_> {
    /// Where in the offer the [content](Event::Content) lies, for a caller that keeps its place and not its slice: framing comes before it,
    /// and none after it is consumed, so it ends where [`consumed`](Self::consumed) ends. `None`: it is no content.
    ///
    /// ```
    /// use http_keepalive::*;
    ///
    /// let now = Instant::from_secs(1);
    /// let mut connection = Connection::<Server>::new(now, &Config::DEFAULT);
    /// let head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    /// connection.receive(now, head)?;
    /// let received = connection.receive(now, b"5\r\nhello\r\n")?;
    /// assert_eq!((received.content_range(), received.consumed), (Some(3..8), 8));
    /// # Ok::<(), ProtocolError>(())
    /// ```
    #[inline]
    pub const fn content_range(&self) -> Option<Range<usize>> {
        let Outcome::Event(Event::Content(content)) = &self.outcome else { return None };
        match self.consumed.checked_sub(content.len()) {
            Some(from) => Some(from..self.consumed),
            None => None,
        }
    }

    /// The content as a part of the offer, which it shares: `offer` is what was offered. `None`: it is no content, or `offer` is another one
    /// and too short.
    #[cfg(feature = "bytes")]
    pub fn content_of(&self, offer: &bytes::Bytes) -> Option<bytes::Bytes> {
        let range = self.content_range()?;
        if range.end <= offer.len() { Some(offer.slice(range)) } else { None }
    }
}

/// What an offer of octets came to: one event at most.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a driver does each of these: a new one is a breaking change on purpose")]
pub enum Outcome<'a> {
    /// Something was received.
    Event(Event<'a>),
    /// More octets are needed.
    NeedMore,
    /// Octets may be there, but something else must happen first.
    Paused(PauseReason),
}

/// Something received, in the order of the octets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A request's head is complete (servers).
    Request(RequestHead<'a>),
    /// An interim response (clients).
    Interim(ResponseHead<'a>),
    /// A final response's head is complete (clients).
    Response(ResponseHead<'a>),
    /// A piece of content, decoded. Where it lies in the offer: [`Received::content_range`].
    Content(&'a [u8]),
    /// The message is complete.
    End {
        /// The trailer section, kept apart from the header section (RFC 9110 6.5.1); fields that may not stand there are left out.
        trailers: FieldSection<'a>,
    },
    /// The connection is no longer HTTP; the octets that follow are the other protocol's.
    Tunnel(TunnelReason),
    /// The peer closed its side, and broke nothing off: a response may still be owed.
    PeerClosed,
}

/// Why octets are not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PauseReason {
    /// The response to the request before is not complete: pipelined requests wait in the caller's buffer.
    ResponseDue,
    /// The client waits for `100 (Continue)` or a final response.
    ContinueDue,
    /// The application said that it takes no content for now ([`ContentUse::Paused`](crate::ContentUse::Paused)).
    ContentPaused,
    /// The peer closed its side, but octets of its are left in the caller's buffer: they are to be offered first.
    OctetsLeft,
    /// The connection is another protocol's now.
    Tunnel,
    /// The connection is closed.
    Closed,
}

/// How the peer's side ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Eof {
    /// As it should: FIN, or a closure alert of TLS.
    Clean,
    /// Without a closure alert where TLS owes one: an until-close body is not known to be whole (RFC 9112 9.8).
    Truncated,
}

/// Content accepted to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a driver takes it apart and acts on each part: a new one is a breaking change on purpose"
)]
pub struct Written {
    /// Octets of content taken.
    pub consumed: usize,
    /// Octets of output written.
    pub written: usize,
}

/// The framing around content that the caller sends itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framed {
    pub(crate) before: arrayvec::ArrayVec<u8, { crate::message::chunked::MAX_SIZE_LINE }>,
    pub(crate) after: &'static [u8],
}

impl Framed {
    /// To be sent before the content.
    pub fn before(&self) -> &[u8] {
        &self.before
    }

    /// To be sent after the content.
    pub const fn after(&self) -> &'static [u8] {
        self.after
    }
}
