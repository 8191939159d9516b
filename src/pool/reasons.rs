//! Why a connection leaves the pool, why none is handed out, and what a connection may be tainted by.

use crate::lifecycle::persistence::CloseReason;
use crate::reasons::reasons;

reasons! {
    /// Why a connection leaves the pool.
    pub enum EndReason {
        /// The connection's own verdict is that it ends.
        Verdict => "verdict", "RFC 9112 9.3";
        /// The peer, or we, turned it into a tunnel.
        Tunnel => "tunnel", "RFC 9110 9.3.6";
        /// Content of a response was left unread: the next response would be looked for inside it.
        UnreadContent => "unread-content", "RFC 9112 9.3";
        /// More octets were read than the response has.
        OverreadContent => "overread-content", "RFC 9112 6.3";
        /// Octets came that answer no request.
        UnsolicitedOctets => "unsolicited-octets", "RFC 9112 9.2";
        /// Its peer sent such octets on several connections: for a time none is used again.
        Quarantine => "quarantine", "RFC 9112 9.2";
        /// Where a message ends can be read in more than one way.
        AmbiguousFraming => "ambiguous-framing", "RFC 9112 6.1";
        /// The response came before the request was sent, and the rest of the request was not.
        EarlyResponse => "early-response", "RFC 9112 9.5";
        /// The connection is authenticated for its owner, not each request for its sender.
        ConnectionBoundAuthentication => "connection-bound-authentication", "RFC 9112 9.3";
        /// Used, and idle for as long as we allow.
        IdleLimit => "idle-limit", "RFC 9112 9.5";
        /// Never used, and idle for as long as we allow.
        UnusedLimit => "unused-limit", "RFC 9112 9.5";
        /// Idle for as long as the peer said it would stay, less the margin.
        HintLimit => "hint-limit", "RFC 2068 19.7.1.1";
        /// The peer will stay for less than the margin.
        HintTooShort => "hint-too-short", "RFC 2068 19.7.1.1";
        /// The peer accepts no more requests: `Keep-Alive: max`.
        MaxHint => "max-hint", "RFC 2068 19.7.1.1";
        /// Idle for nearly as long as connections to this origin were seen to stay open.
        LearnedLimit => "learned-limit", "RFC 9112 9.5";
        /// Idle until the instant that its state machine gave.
        Until => "until", "RFC 9112 9.5";
        /// As old as a connection may become.
        Age => "age", "RFC 9112 9.5";
        /// Used as often as a connection may be.
        Uses => "uses", "RFC 9112 9.5";
        /// It is of an earlier generation: the network or the settings changed, or its host moved.
        Generation => "generation", "RFC 9112 9.5";
        /// The machine slept, and the peer did not.
        Suspended => "suspended", "RFC 9112 9.5";
        /// Its place was needed for another connection.
        Evicted => "evicted", "RFC 9112 9.4";
        /// There are already as many idle ones to the origin as there may be.
        IdlePerOrigin => "idle-per-origin", "RFC 9112 9.4";
        /// There are already as many idle ones as there may be.
        IdleTotal => "idle-total", "RFC 9112 9.4";
        /// More than the high water mark were idle.
        Water => "water", "RFC 9112 9.4";
        /// It is of the share of idle connections that is closed at each purge.
        Purge => "purge", "RFC 9112 9.4";
        /// The pool is being drained.
        Drain => "drain", "RFC 9112 9.6";
        /// The peer closed it while it was idle.
        PeerClosed => "peer-closed", "RFC 9112 9.5";
        /// It was found closed when it was to be used.
        DeadAtReuse => "dead-at-reuse", "RFC 9112 9.3.1";
        /// The caller closed it.
        Caller => "caller", "RFC 9112 9.6";
        /// It could not be opened.
        OpenFailed => "open-failed", "RFC 9112 9.4";
        /// It was not opened in time.
        OpenOverdue => "open-overdue", "RFC 9112 9.4";
        /// It was not returned in time.
        LeaseOverdue => "lease-overdue", "RFC 9112 9.5";
    }
}

impl EndReason {
    /// The same cause, as a connection's machine names it.
    pub(super) const fn of(reason: CloseReason) -> Self {
        match reason {
            CloseReason::UnreadContent => Self::UnreadContent,
            CloseReason::Unsolicited => Self::UnsolicitedOctets,
            CloseReason::FaultyFraming => Self::AmbiguousFraming,
            CloseReason::EarlyResponse => Self::EarlyResponse,
            CloseReason::MaxHint => Self::MaxHint,
            CloseReason::HintTooShort => Self::HintTooShort,
            CloseReason::Age => Self::Age,
            CloseReason::MaxExchanges => Self::Uses,
            CloseReason::PeerClosed => Self::PeerClosed,
            _ => Self::Verdict,
        }
    }
}

reasons! {
    /// What makes a connection unfit for another request, though it seems to persist.
    pub enum Taint {
        /// Content of a response was left unread.
        UnreadContent => "unread-content", "RFC 9112 9.3";
        /// More octets were read than the response has.
        OverreadContent => "overread-content", "RFC 9112 6.3";
        /// Octets came that answer no request.
        UnsolicitedOctets => "unsolicited-octets", "RFC 9112 9.2";
        /// Where a message ends can be read in more than one way.
        AmbiguousFraming => "ambiguous-framing", "RFC 9112 6.1";
        /// The response came before the request was sent, and the rest of the request was not.
        EarlyResponse => "early-response", "RFC 9112 9.5";
        /// The connection is authenticated for its owner, not each request for its sender. Not a taint where the owner is part
        /// of the key, or of the one that it [comes back](super::Pool::checkin_as) under.
        ConnectionBoundAuthentication => "connection-bound-authentication", "RFC 9112 9.3";
    }
}

impl Taint {
    /// What a connection with it is ended for.
    pub const fn end(self) -> EndReason {
        match self {
            Self::UnreadContent => EndReason::UnreadContent,
            Self::OverreadContent => EndReason::OverreadContent,
            Self::UnsolicitedOctets => EndReason::UnsolicitedOctets,
            Self::AmbiguousFraming => EndReason::AmbiguousFraming,
            Self::EarlyResponse => EndReason::EarlyResponse,
            Self::ConnectionBoundAuthentication => EndReason::ConnectionBoundAuthentication,
        }
    }
}

reasons! {
    /// Why no connection is handed out.
    pub enum RefuseReason {
        /// As many connections to the origin as there may be.
        PerOrigin => "per-origin", "RFC 9112 9.4";
        /// As many connections to the HTTP/1.0 origin as there may be.
        PerHttp10Origin => "per-http10-origin", "RFC 9112 9.4";
        /// As many connections to the proxy as there may be.
        PerProxy => "per-proxy", "RFC 9112 9.4";
        /// As many connections as there may be, and none that may be closed for another one.
        Total => "total", "RFC 9112 9.4";
        /// Other requests wait already.
        Behind => "behind", "RFC 9112 9.4";
        /// As many requests wait as may wait.
        Waiters => "waiters", "RFC 9112 9.4";
        /// It waited for as long as it may.
        WaitTimeout => "wait-timeout", "RFC 9112 9.4";
        /// Its connection could not be opened, and no other one is left that may come back.
        OpenFailed => "open-failed", "RFC 9112 9.4";
        /// The pool is being drained.
        Drain => "drain", "RFC 9112 9.6";
    }
}

/// A taint and the end that it causes have one token and one clause: this does not compile where they differ.
const _: () = {
    let mut number = 0;
    while number < Taint::ALL.len() {
        let (taint, end) = (Taint::ALL[number], Taint::ALL[number].end());
        assert!(is_same(taint.as_str(), end.as_str()) && is_same(taint.clause(), end.clause()));
        number += 1;
    }
};

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}
