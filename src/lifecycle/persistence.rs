//! Persistence: does the connection outlive the exchange, and why (RFC 9112 9.3, 9.6)?
//!
//! The verdict on one message is a pure function of its facts ([`of_message`]), in the order of RFC 9112 9.3: `close` ends,
//! 1.1 persists, 1.0 persists on `keep-alive` where that is honoured, everything else ends. `close` beats `keep-alive` in
//! any order, on any line. The verdict on a connection is that of its latest message, unless something else has asked for
//! the end: those causes are kept as a set, which can not overflow, and the first of them is the reason given.

pub use crate::close_reason::CloseReason;
use crate::message::connection_facts::ConnectionFacts;
use crate::message::head_facts::HeadFacts;
use crate::reasons::reasons;

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever keeps connections acts on each: another fate of a connection is a breaking change on purpose"
)]
pub enum Persistence {
    /// No message has said anything yet.
    Undecided,
    /// The connection stays for the next exchange.
    Reuse(ReuseReason),
    /// The connection ends with this exchange, or has ended.
    Close(CloseReason),
    /// The connection is handed over to another protocol.
    Tunnel(TunnelReason),
}

impl Persistence {
    /// The token of the reason.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Undecided => "undecided",
            Self::Reuse(reason) => reason.as_str(),
            Self::Close(reason) => reason.as_str(),
            Self::Tunnel(reason) => reason.as_str(),
        }
    }

    /// The clause of the reason.
    pub const fn clause(&self) -> &'static str {
        match self {
            Self::Undecided => "RFC 9112 9.3",
            Self::Reuse(reason) => reason.clause(),
            Self::Close(reason) => reason.clause(),
            Self::Tunnel(reason) => reason.clause(),
        }
    }
}

reasons! {
    /// Why a connection stays.
    pub enum ReuseReason {
        /// HTTP/1.1 persists unless something says otherwise.
        Http11 => "http11", "RFC 9112 9.3";
        /// HTTP/1.0 with the connection option `keep-alive`.
        Http10KeepAlive => "http10-keep-alive", "RFC 9112 9.3";
    }
}

reasons! {
    /// Why a connection is no longer HTTP.
    pub enum TunnelReason {
        /// A successful response to CONNECT.
        Connect => "connect", "RFC 9110 9.3.6";
        /// `101 (Switching Protocols)`.
        Upgrade => "upgrade", "RFC 9110 7.8";
    }
}

/// What one message says about its connection (RFC 9112 9.3); `honours_http10` is whether an HTTP/1.0 `keep-alive` counts.
///
/// Of its framing it knows nothing: until-close content and [faulty framing](crate::message::framing::response_fault) end a connection, too.
pub const fn of_message(facts: &HeadFacts, honours_http10: bool) -> Persistence {
    of_facts(&facts.facts, honours_http10)
}

/// [`of_message`]
pub(crate) const fn of_facts(facts: &ConnectionFacts, honours_http10: bool) -> Persistence {
    if facts.has_close() {
        Persistence::Close(CloseReason::CloseReceived)
    } else if facts.version().is_http11() {
        Persistence::Reuse(ReuseReason::Http11)
    } else if !facts.has_keep_alive() {
        Persistence::Close(CloseReason::Http10)
    } else if honours_http10 {
        Persistence::Reuse(ReuseReason::Http10KeepAlive)
    } else {
        Persistence::Close(CloseReason::Http10KeepAliveOff)
    }
}

/// A set of causes to close, which came first, and which of them ended the connection, if one did beside the verdict on its messages.
///
/// A bit for each, above them the number of the first, and above it the number of the one that ended it, plus one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Causes(u64);

/// Bits of a set of causes.
const CAUSES: u32 = 48;
/// And of them with the number of the first.
const WITH_FIRST: u32 = CAUSES + 8;
const _: () = assert!(CloseReason::ALL.len() <= CAUSES as usize);

impl Causes {
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn add(&mut self, reason: CloseReason) {
        if self.0 == 0 {
            self.0 = (reason as u64) << CAUSES;
        }
        self.0 |= 1 << reason as u8;
    }

    /// This ended the connection, or a message of it.
    #[cold]
    pub(crate) fn end_by(&mut self, reason: CloseReason) {
        self.add(reason);
        self.0 &= (1 << WITH_FIRST) - 1;
        self.0 |= (reason as u64 + 1) << WITH_FIRST;
    }

    /// What ended the connection, or a message of it, beside the verdict.
    pub(crate) fn ended_by(&self) -> Option<CloseReason> {
        let number = (self.0 >> WITH_FIRST) as usize;
        CloseReason::ALL.get(number.checked_sub(1)?).copied()
    }

    /// What the connection ends by: what ended it, else the first cause.
    pub(crate) fn end(&self) -> Option<CloseReason> {
        self.ended_by().or(self.first())
    }

    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn has(&self, reason: CloseReason) -> bool {
        self.0 >> reason as u8 & 1 != 0
    }

    pub(crate) fn first(&self) -> Option<CloseReason> {
        if self.0 == 0 { None } else { CloseReason::ALL.get((self.0 >> CAUSES & 0xFF) as usize).copied() }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = CloseReason> {
        let first = self.first();
        // mostly there is none
        let all = if self.is_empty() { &[] } else { CloseReason::ALL };
        let others = all.iter().copied().filter(move |&reason| self.has(reason) && Some(reason) != first);
        first.into_iter().chain(others)
    }
}
