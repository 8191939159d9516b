//! Persistence: does the connection outlive the exchange, and why (RFC 9112 9.3, 9.6)?
//!
//! The verdict on one message is a pure function of its facts ([`of_message`]), in the order of RFC 9112 9.3: `close` ends,
//! 1.1 persists, 1.0 persists on `keep-alive` where that is honoured, everything else ends. `close` beats `keep-alive` in
//! any order, on any line. The verdict on a connection is that of its latest message, unless something else has asked for
//! the end: those causes are kept as a set, which can not overflow, and the first of them is the reason given.

use crate::message::facts::Facts;
use crate::message::head_facts::HeadFacts;
use crate::reasons::reasons;

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// Why a connection ends.
    pub enum CloseReason {
        /// The peer sent the connection option `close`.
        CloseReceived => "close-received", "RFC 9112 9.6";
        /// We sent the connection option `close`, as the caller asked.
        CloseSent => "close-sent", "RFC 9112 9.6";
        /// HTTP/1.0 without the connection option `keep-alive`.
        Http10 => "http10", "RFC 9112 9.3";
        /// HTTP/1.0 with `keep-alive`, which policy does not honour.
        Http10KeepAliveOff => "http10-keep-alive-off", "RFC 9112 9.3";
        /// Connections do not persist, by policy.
        PersistenceOff => "persistence-off", "RFC 9112 9.3";
        /// The end of the response is the end of the connection.
        UntilClose => "until-close", "RFC 9112 6.3 (8)";
        /// Framing that was let in by policy ends the connection.
        FaultyFraming => "faulty-framing", "RFC 9112 6.1";
        /// As many exchanges as one connection may have.
        MaxExchanges => "max-exchanges", "RFC 9112 9.5";
        /// The limit of octets of one connection is reached.
        MaxOctets => "max-octets", "RFC 9112 9.5";
        /// The connection is as old as one may become.
        Age => "age", "RFC 9112 9.5";
        /// We are closing gracefully.
        Drain => "drain", "RFC 9112 9.6";
        /// A drain took as long as one may.
        DrainTimeout => "drain-timeout", "RFC 9112 9.6";
        /// Content is left that would take too long to read.
        UnreadContent => "unread-content", "RFC 9112 9.3";
        /// Octets that were meant for a tunnel came behind a CONNECT that was refused.
        ConnectRefused => "connect-refused", "RFC 9110 9.3.6";
        /// A final response went out instead of `100 (Continue)`; whether content follows is unknown.
        ContentUnwanted => "content-unwanted", "RFC 9110 10.1.1";
        /// The final response came before our content was sent, and it does not want the rest.
        EarlyResponse => "early-response", "RFC 9112 9.5";
        /// A response with a status below 100, which no server sends.
        InvalidStatus => "invalid-status", "RFC 9110 15";
        /// The peer accepts no more requests: `Keep-Alive: max`.
        MaxHint => "max-hint", "RFC 2068 19.7.1.1";
        /// The peer will stay for less than the margin: `Keep-Alive: timeout`.
        HintTooShort => "hint-too-short", "RFC 2068 19.7.1.1";
        /// Octets came that answer no request.
        Unsolicited => "unsolicited", "RFC 9112 9.2";
        /// The peer closed its side, and broke nothing off.
        PeerClosed => "peer-closed", "RFC 9112 9.6";
        /// The peer closed inside a message.
        Incomplete => "incomplete", "RFC 9112 8";
        /// The peer broke the protocol or a limit.
        ProtocolError => "protocol-error", "RFC 9112 2.2";
        /// No octet came on a fresh connection.
        FirstOctetTimeout => "first-octet-timeout", "RFC 9112 9.5";
        /// No octet came between exchanges.
        IdleTimeout => "idle-timeout", "RFC 9112 9.5";
        /// A head took too long.
        HeadTimeout => "head-timeout", "RFC 9110 15.5.9";
        /// Received content took too long.
        ContentTimeout => "content-timeout", "RFC 9110 15.5.9";
        /// The application took too long to answer.
        ApplicationTimeout => "application-timeout", "RFC 9112 9.5";
        /// The peer took too long to answer.
        ResponseTimeout => "response-timeout", "RFC 9112 9.5";
        /// Nothing of what we send leaves.
        WriteStall => "write-stall", "RFC 9112 9.5";
        /// The exchange took too long.
        ExchangeTimeout => "exchange-timeout", "RFC 9112 9.5";
        /// Our own message ended before its declared length.
        ContentAborted => "content-aborted", "RFC 9112 8";
        /// The connection is another protocol's now: of what may be sent on it, not of how it ends.
        HandedOver => "handed-over", "RFC 9110 7.8";
        /// The application ended the connection.
        Aborted => "aborted", "RFC 9112 9.5";
        /// The transport failed.
        TransportFailed => "transport-failed", "RFC 9112 9.5";
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
pub(crate) const fn of_facts(facts: &Facts, honours_http10: bool) -> Persistence {
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

/// A set of causes to close, and which came first.
///
/// A bit for each, and the number of the first above them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Causes(u64);

/// Bits of a set of causes.
const CAUSES: u32 = 56;
const _: () = assert!(CloseReason::ALL.len() <= CAUSES as usize);

impl Causes {
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn add(&mut self, reason: CloseReason) {
        if self.0 == 0 {
            self.0 = (reason as u64) << CAUSES;
        }
        self.0 |= 1 << reason as u8;
    }

    #[inline(always)]
    pub(crate) const fn is_empty(&self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn has(&self, reason: CloseReason) -> bool {
        self.0 >> reason as u8 & 1 != 0
    }

    pub(crate) fn first(&self) -> Option<CloseReason> {
        if self.0 == 0 { None } else { CloseReason::ALL.get((self.0 >> CAUSES) as usize).copied() }
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = CloseReason> {
        let first = self.first();
        let others = CloseReason::ALL.iter().copied().filter(move |&reason| self.has(reason) && Some(reason) != first);
        first.into_iter().chain(others)
    }
}
