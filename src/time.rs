//! Time as an input: the caller's clock, counted from an epoch of the caller's.
//!
//! Nothing here reads a clock. Whoever drives a machine says what time it is, so that a test can run a year in a
//! microsecond and a simulator can stop the world. A clock that goes back counts as no time: every machine keeps the
//! greatest instant it has seen. Arithmetic saturates, so no value from a clock or a setting can make it panic.

use core::fmt;
use core::ops::Add;
use core::time::Duration;

/// A point in time: nanoseconds since an epoch the caller chose, up to 584 years.
///
/// ```
/// use core::time::Duration;
/// use http_keepalive::Instant;
///
/// let opened = Instant::from_secs(10);
/// assert_eq!((opened + Duration::from_millis(250)).saturating_duration_since(opened), Duration::from_millis(250));
/// assert_eq!(opened.saturating_duration_since(opened + Duration::from_secs(1)), Duration::ZERO);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The epoch itself.
    pub const EPOCH: Self = Self(0);
    /// The last instant there is; arithmetic ends here.
    pub const MAX: Self = Self(u64::MAX);

    /// So many nanoseconds after the epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// So many milliseconds after the epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// So many seconds after the epoch.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// This instant moved on by `duration`, at most to [`Instant::MAX`].
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        let nanos = duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos() as u64);
        Self(self.0.saturating_add(nanos))
    }

    /// The time from `earlier` to this instant; nothing if `earlier` is later.
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The caller's `now`, counted from the caller's `epoch`.
    #[cfg(feature = "std")]
    pub fn since(epoch: std::time::Instant, now: std::time::Instant) -> Self {
        Self::EPOCH.saturating_add(now.saturating_duration_since(epoch))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        self.saturating_add(duration)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09}s", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}
