//! Deadlines: which state arms which, how long it is, and what is due next.
//!
//! A deadline is a point in time, derived from an anchor (when something last happened) and a timeout; no timer is kept.
//! [`Lifecycle::next_deadline`](crate::Lifecycle::next_deadline) and `handle_timeout` read the same table, so what is announced is
//! what expires. Of several due at once the first in the order of [`DeadlineKind`] expires.

use core::time::Duration;

use crate::reasons::reasons;
use crate::time::Instant;

/// A point in time at which something follows from silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Deadline {
    /// When.
    pub at: Instant,
    /// Which; the setting of the same name gave its length.
    pub kind: DeadlineKind,
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
        /// From a complete request until its response begins.
        Application => "application", "RFC 9112 9.5";
        /// From a request sent until its response begins.
        Response => "response", "RFC 9112 9.5";
        /// While octets wait to be sent, from the last that left: then a reset is advised, since the peer does not read.
        WriteStall => "write_stall", "RFC 9112 9.5";
        /// Waiting for `100 (Continue)`: then the content is sent all the same.
        Expect => "expect", "RFC 9110 10.1.1";
        /// From our half-close: then the connection is closed.
        Linger => "linger", "RFC 9112 9.6";
        /// After our half-close, from the last octet discarded: then the connection is closed.
        LingerGap => "linger_gap", "RFC 9112 9.6";
        /// Between exchanges, until which a close that is wanted waits.
        IdleShield => "idle_shield", "RFC 9112 9.5";
        /// Between exchanges, from the last octet either way: then it is closed in silence.
        Idle => "idle", "RFC 9112 9.5";
        /// Fresh or between exchanges, from the begin of the connection: then it is closed.
        Age => "age", "RFC 9112 9.5";
    }
}

/// The earliest of the deadlines offered; of equal ones the first offered.
#[derive(Clone, Copy)]
pub(crate) struct Earliest(Option<Deadline>);

impl Earliest {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// Offers the deadline `timeout` after `anchor`, if there is such a timeout.
    #[inline]
    pub(crate) fn offer(&mut self, kind: DeadlineKind, anchor: Instant, timeout: Option<Duration>) {
        if let Some(timeout) = timeout {
            self.offer_at(kind, anchor + timeout);
        }
    }

    /// Offers a deadline at this instant.
    #[inline]
    pub(crate) fn offer_at(&mut self, kind: DeadlineKind, at: Instant) {
        if self.0.is_none_or(|earliest| at < earliest.at) {
            self.0 = Some(Deadline { at, kind });
        }
    }

    pub(crate) const fn get(self) -> Option<Deadline> {
        self.0
    }
}

/// `timeout`, extended by the time that `octets` take at `rate` octets a second, to `cap` at most. No rate: not extended.
pub(crate) fn extended(timeout: Duration, octets: u64, rate: Option<u32>, cap: Option<Duration>) -> Duration {
    let Some(rate) = rate else { return timeout };
    let nanos = u128::from(octets) * 1_000_000_000 / u128::from(rate.max(1));
    let longer = timeout.saturating_add(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)));
    cap.map_or(longer, |cap| longer.min(cap.max(timeout)))
}
