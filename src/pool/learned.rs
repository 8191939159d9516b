//! How long an origin leaves a connection idle, learned from what happened.
//!
//! Two things are seen: a connection that had been idle for some time was used, and answered; a connection that had been idle for
//! some time was found closed by the peer. The peer's limit is at most the smallest time of the second kind. So the next reuse is
//! kept below that, less the margin that would be taken off a hint. After [`forget`](super::PoolTimeouts::forget) without another
//! such close it is forgotten: servers are reconfigured, and a crash looks like a limit.
//!
//! Times are kept in milliseconds, rounded down.

use core::fmt;
use core::time::Duration;

use super::index::Second;
use crate::config::nanos::Span;
use crate::time::Instant;

/// What was learned of one origin: what was seen, and what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Learned {
    /// The longest idle time after which reuse worked; zero if none did.
    pub worked: Duration,
    /// The shortest idle time after which the peer had closed.
    pub closed: Duration,
    /// The idle limit that follows.
    pub limit: Duration,
}

impl fmt::Display for Learned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "reuse worked after {:?} of idleness, the peer had closed after {:?}: idle for at most {:?}",
            self.worked, self.closed, self.limit
        )
    }
}

/// What is kept of it: 12 octets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observed {
    worked: Millis,
    closed: Millis,
    /// When the peer was last seen to have closed.
    seen: Second,
}

impl Observed {
    pub(super) const NOTHING: Self =
        Self { worked: Millis(0), closed: Millis::NEVER, seen: Second::of(Instant::EPOCH) };

    /// Reuse worked after this time.
    pub(super) fn note_worked(&mut self, idle: Span) {
        self.worked = self.worked.max(Millis::of(idle));
    }

    /// The peer had closed after this time. `forget`: seconds.
    pub(super) fn note_closed(&mut self, idle: Span, second: Second, forget: u32) {
        if self.closed != Millis::NEVER && !self.is_known(second, forget) {
            *self = Self::NOTHING;
        }
        self.closed = self.closed.min(Millis::of(idle));
        if self.worked >= self.closed {
            // the server behaves differently now
            self.worked = Millis(0);
        }
        self.seen = second;
    }

    /// The peer closes after this time, as far as we know.
    pub(super) fn peer_limit(&self, second: Second, forget: u32) -> Option<Span> {
        self.is_known(second, forget).then_some(self.closed.span())
    }

    pub(super) fn is_known(&self, second: Second, forget: u32) -> bool {
        self.closed != Millis::NEVER && second.since(self.seen) < forget
    }

    pub(super) fn explain(&self, limit: Span) -> Learned {
        Learned {
            worked: Duration::from_millis(self.worked.0.into()),
            closed: Duration::from_millis(self.closed.0.into()),
            limit: Duration::from_nanos(limit.as_nanos()),
        }
    }
}

/// A length of time, in whole milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Millis(u32);

impl Millis {
    const NEVER: Self = Self(u32::MAX);

    fn of(span: Span) -> Self {
        Self(u32::try_from(span.as_nanos() / MILLI).unwrap_or(u32::MAX - 1))
    }

    fn span(self) -> Span {
        Span::of_nanos(u64::from(self.0) * MILLI)
    }
}

const MILLI: u64 = 1_000_000;
