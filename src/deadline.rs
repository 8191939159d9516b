//! Deadlines: which state arms which, how long it is, and what is due next.
//!
//! A deadline is a point in time, derived from an anchor (when something last happened) and a timeout; no timer is kept.
//! [`Lifecycle::next_deadline`](crate::Lifecycle::next_deadline) and `handle_timeout` read the same table, so what is announced is
//! what expires. Of several due at once the first in the order of [`DeadlineKind`] expires.

use core::time::Duration;

use crate::config::Timeouts;
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

/// Timeouts as they are counted: nanoseconds.
macro_rules! spans {
    ($($name:ident)+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) struct Spans {
            $(pub(crate) $name: Span,)+
        }

        impl Spans {
            pub(crate) const fn of(timeouts: &Timeouts) -> Self {
                Self { $($name: Span::of(timeouts.$name),)+ }
            }
        }
    };
}

spans! {
    first_octet idle idle_shield head head_cap content_gap application response write_stall exchange expect linger linger_gap
    drain age hint_margin
}

/// Nanoseconds, or no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Span(u64);

impl Span {
    pub(crate) const NEVER: Self = Self(u64::MAX);

    pub(crate) const fn of(timeout: Option<Duration>) -> Self {
        match timeout {
            Some(timeout) => Self(Instant::EPOCH.saturating_add(timeout).as_nanos()),
            None => Self::NEVER,
        }
    }

    /// Nothing, where there is no end.
    pub(crate) const fn or_nothing(self) -> Self {
        if self.0 == u64::MAX { Self(0) } else { self }
    }

    pub(crate) const fn is_nothing(self) -> bool {
        self.0 == 0
    }

    /// This span without the first `part` of it.
    pub(crate) const fn less(self, part: Self) -> Self {
        if self.0 == u64::MAX { self } else { Self(self.0.saturating_sub(part.0)) }
    }

    /// This span after `anchor`; without an end, [`Instant::MAX`].
    #[inline(always)]
    pub(crate) const fn after(self, anchor: Instant) -> Instant {
        Instant::from_nanos(anchor.as_nanos().saturating_add(self.0))
    }

    /// Has this span after `anchor` passed?
    #[inline(always)]
    pub(crate) fn is_over(self, anchor: Instant, now: Instant) -> bool {
        self != Self::NEVER && self.after(anchor) <= now
    }

    /// Extended by the time that `octets` take at `rate` octets a second, to `cap` at most. No rate: not extended.
    pub(crate) fn extended(self, octets: u64, rate: Option<u32>, cap: Self) -> Self {
        let Some(rate) = rate else { return self };
        let nanos = u128::from(octets) * 1_000_000_000 / u128::from(rate.max(1));
        let longer = self.0.saturating_add(u64::try_from(nanos).unwrap_or(u64::MAX));
        Self(longer.min(cap.0.max(self.0)))
    }
}

/// The earliest of the deadlines offered; of equal ones the first offered. What is never due is none.
#[derive(Clone, Copy)]
pub(crate) struct Earliest(Deadline);

impl Earliest {
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self(Deadline { at: Instant::MAX, kind: DeadlineKind::Drain })
    }

    /// Offers the deadline `span` after `anchor`.
    #[inline(always)]
    pub(crate) fn offer(&mut self, kind: DeadlineKind, anchor: Instant, span: Span) {
        self.offer_at(kind, span.after(anchor));
    }

    /// Offers a deadline at this instant.
    #[inline(always)]
    pub(crate) fn offer_at(&mut self, kind: DeadlineKind, at: Instant) {
        if at < self.0.at {
            self.0 = Deadline { at, kind };
        }
    }

    /// Nothing offered is due at `now`.
    #[inline(always)]
    pub(crate) fn is_after(&self, now: Instant) -> bool {
        self.0.at > now
    }

    #[inline(always)]
    pub(crate) fn get(self) -> Option<Deadline> {
        if self.0.at == Instant::MAX { None } else { Some(self.0) }
    }
}
