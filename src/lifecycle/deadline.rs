//! What a deadline is: its instant, its kind, and the fact and the setting that it comes from. Which state arms which is in
//! [`deadlines`](crate::lifecycle::deadlines).
//!
//! A deadline is a point in time, derived from an anchor (when something last happened) and a timeout; no timer is kept.
//! [`Lifecycle::next_deadline`](crate::Lifecycle::next_deadline) and `handle_timeout` read the same rows, so what is announced is
//! what expires. Of several due at once the first in the order of [`DeadlineKind`] expires.

use crate::reasons::reasons;
use crate::time::Instant;

/// A point in time at which something follows from silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "users of a queue of deadlines make their own: an instant and a kind, and no more"
)]
pub struct Deadline {
    /// When.
    pub at: Instant,
    /// Which; the setting of the same name gave its length.
    pub kind: DeadlineKind,
}

/// Why a deadline is due when it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DeadlineCause {
    /// The deadline.
    pub deadline: Deadline,
    /// When what armed it happened; the deadline counts from there.
    pub since: Instant,
    /// What that was.
    pub fact: DeadlineFact,
    /// The name of the setting that gave the length: of [`Timeouts`](crate::Timeouts), or `keep_alive`, which the peer said.
    pub setting: &'static str,
}

reasons! {
    /// What arms deadlines.
    pub enum DeadlineFact {
        /// The connection opened.
        Opened => "opened", "RFC 9112 9.5";
        /// A drain began.
        DrainBegan => "drain-began", "RFC 9112 9.6";
        /// The first octet of an exchange came, or its request was handed out.
        ExchangeBegan => "exchange-began", "RFC 9112 9.5";
        /// The first octet of a head came.
        HeadBegan => "head-began", "RFC 9112 9.5";
        /// A head was complete, and its content was to follow.
        ContentBegan => "content-began", "RFC 9112 9.5";
        /// A piece of content came, or its head was complete.
        ContentCame => "content-came", "RFC 9112 9.5";
        /// The request was complete.
        RequestCame => "request-came", "RFC 9112 9.5";
        /// The request had left whole, and the response before it had come.
        RequestLeft => "request-left", "RFC 9112 9.5";
        /// The last octet left, or the first was handed out since.
        OctetLeft => "octet-left", "RFC 9112 9.5";
        /// Content took too long while its response was under way, or an octet of that response went since.
        ContentTimedOut => "content-timed-out", "RFC 9110 15.5.9";
        /// The first octet of a message began to wait: moved on by time in which none waits, and by the time that the rate gives to what left.
        OctetWaits => "octet-waits", "RFC 9112 9.5";
        /// The peer closed its side, or an octet of ours left after it.
        PeerClosed => "peer-closed", "RFC 9112 9.6";
        /// The application stopped to take content.
        ContentPaused => "content-paused", "RFC 9112 9.5";
        /// A look at the transport was asked for, and nothing has been said since.
        LookAsked => "look-asked", "RFC 9112 9.5";
        /// A write failed.
        WriteFailed => "write-failed", "RFC 9112 9.5";
        /// Our side was shut.
        HalfClosed => "half-closed", "RFC 9112 9.6";
        /// An octet was discarded, or our side was shut.
        OctetDiscarded => "octet-discarded", "RFC 9112 9.6";
    }
}

reasons! {
    /// The kinds of deadlines, named as the settings that give their lengths.
    pub enum DeadlineKind {
        /// From the begin of a drain, in every state: then the connection is cut.
        Drain => "drain", "RFC 9112 9.6";
        /// From the first octet of an exchange to its last.
        Exchange => "exchange", "RFC 9112 9.5";
        /// A fresh connection, until the first octet of its first head: then it is closed in silence.
        FirstOctet => "first_octet", "RFC 9112 9.5";
        /// From a head's first octet until it is complete: then 408.
        Head => "head", "RFC 9110 15.5.9";
        /// From the end of the head, then from each piece of content: then 408.
        ContentGap => "content_gap", "RFC 9110 15.5.9";
        /// The content as a whole, by the rate it must keep: then 408.
        ContentRate => "content_rate", "RFC 9110 15.5.9";
        /// From a complete request until its response begins: then the connection is closed, after a 503 if policy has it so. And while the application takes no content, from when it paused.
        Application => "application", "RFC 9112 9.5";
        /// From a request sent until its response begins.
        Response => "response", "RFC 9112 9.5";
        /// While octets wait to be sent, from the last that left: then a reset is advised, since the peer does not read.
        WriteStall => "write_stall", "RFC 9112 9.5";
        /// While octets wait to be sent, by the rate at which those of a message must leave: then a reset is advised.
        SendRate => "send_rate", "RFC 9112 9.5";
        /// While an answer is owed to a peer that closed its side, from that, or from the last octet that left since: then the connection is
        /// reset where the answer has begun, else closed.
        HalfClosed => "half_closed", "RFC 9112 9.6";
        /// Waiting for `100 (Continue)`: then the content is sent all the same.
        Expect => "expect", "RFC 9110 10.1.1";
        /// From our half-close: then the connection is closed. And from a timeout of content, or an octet that goes after it, while the
        /// response is under way: then the connection is cut. And from a write that failed, while the peer's message is still read.
        Linger => "linger", "RFC 9112 9.6";
        /// After our half-close, from the last octet discarded: then the connection is closed.
        LingerGap => "linger_gap", "RFC 9112 9.6";
        /// Between exchanges, until which a close that is wanted waits.
        IdleShield => "idle_shield", "RFC 9112 9.5";
        /// Between exchanges or fresh, from the begin of a drain: until which a request on its way is awaited.
        DrainWindow => "drain_window", "RFC 9112 9.6";
        /// Between exchanges, from the last octet either way: then it is closed in silence.
        Idle => "idle", "RFC 9112 9.5";
        /// Fresh or between exchanges, from the begin of the connection: then it is closed.
        Age => "age", "RFC 9112 9.5";
    }
}
