//! How long an origin leaves a connection idle, learned from what happened.
//!
//! Two things are seen: a connection that had been idle for so long was used, and answered; a connection was found closed by
//! the peer when it had been idle for so long. The peer's limit is at most the smallest of the latter, so the next reuse is
//! kept below it, less the margin that would be taken off a hint. After [`forget`](super::PoolTimeouts::forget) without another such close it is
//! forgotten: servers are reconfigured, and a crash looks like a limit.
//!
//! Ages are kept in milliseconds, rounded down.

use core::fmt;
use core::time::Duration;

use super::entries::NONE;

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

/// What is kept of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory {
    /// Milliseconds.
    worked: u32,
    /// Milliseconds; [`NONE`]: nothing.
    closed: u32,
    /// The second in which that was seen last.
    seen: u32,
}

impl Memory {
    pub(super) const NOTHING: Self = Self { worked: 0, closed: NONE, seen: 0 };

    /// Reuse worked after so many nanoseconds.
    pub(super) fn worked(&mut self, idle: u64) {
        self.worked = self.worked.max(millis(idle));
    }

    /// The peer had closed after so many nanoseconds.
    pub(super) fn closed(&mut self, idle: u64, second: u32, forget: u32) {
        if self.closed != NONE && !self.is_known(second, forget) {
            *self = Self::NOTHING;
        }
        self.closed = self.closed.min(millis(idle));
        if self.worked >= self.closed {
            // the server is not what it was
            self.worked = 0;
        }
        self.seen = second;
    }

    /// The peer closes after so many nanoseconds, as far as we know.
    pub(super) fn bound(&self, second: u32, forget: u32) -> Option<u64> {
        self.is_known(second, forget).then_some(u64::from(self.closed) * MILLI)
    }

    pub(super) fn is_known(&self, second: u32, forget: u32) -> bool {
        self.closed != NONE && second.saturating_sub(self.seen) < forget
    }

    pub(super) fn explain(&self, limit: u64) -> Learned {
        Learned {
            worked: Duration::from_millis(self.worked.into()),
            closed: Duration::from_millis(self.closed.into()),
            limit: Duration::from_nanos(limit),
        }
    }
}

fn millis(nanos: u64) -> u32 {
    u32::try_from(nanos / MILLI).unwrap_or(NONE - 1)
}

const MILLI: u64 = 1_000_000;
