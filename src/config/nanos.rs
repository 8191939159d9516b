//! Lengths of time as they are counted: whole nanoseconds, reduced from the timeouts once, when a configuration is built.

use core::time::Duration;

use crate::config::Timeouts;
use crate::time::Instant;

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
    first_octet idle idle_advertised idle_shield head head_cap content_gap application response write_stall half_closed exchange expect
    linger linger_gap drain drain_window drain_spread age hint_margin
}

/// Nanoseconds, or no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Span(u64);

impl Span {
    pub(crate) const NEVER: Self = Self(u64::MAX);

    pub(crate) const fn of(timeout: Option<Duration>) -> Self {
        match timeout {
            // the longest never ends either, and is not nothing where none would be
            Some(timeout) => match Instant::EPOCH.saturating_add(timeout).as_nanos() {
                u64::MAX => Self(u64::MAX - 1),
                nanos => Self(nanos),
            },
            None => Self::NEVER,
        }
    }

    pub(crate) const fn of_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    pub(crate) const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time that `octets` take at `rate` octets a second, rounded up.
    pub(crate) fn of_octets(octets: u64, rate: u32) -> Self {
        let nanos = (u128::from(octets) * 1_000_000_000).div_ceil(u128::from(rate.max(1)));
        Self(u64::try_from(nanos).unwrap_or(u64::MAX))
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

    /// This span, or `most` if that is shorter.
    pub(crate) const fn at_most(self, most: Self) -> Self {
        if self.0 < most.0 { self } else { most }
    }

    /// This span and `other` after it.
    pub(crate) const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// This span after `anchor`; without an end, [`Instant::MAX`].
    #[inline(always)]
    pub(crate) const fn after(self, anchor: Instant) -> Instant {
        Instant::from_nanos(anchor.as_nanos().saturating_add(self.0))
    }

    /// What `end` is this span after.
    pub(crate) const fn before(self, end: Instant) -> Instant {
        Instant::from_nanos(end.as_nanos().saturating_sub(self.0))
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
