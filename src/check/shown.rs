//! Durations for people.

use core::fmt;
use core::time::Duration;

/// A duration in the unit that shows it without a fraction.
pub(super) struct Shown(pub(super) Duration);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.subsec_nanos();
        match () {
            () if nanos == 0 => write!(f, "{}s", self.0.as_secs()),
            () if nanos % 1_000_000 == 0 => write!(f, "{}ms", self.0.as_millis()),
            () if nanos % 1_000 == 0 => write!(f, "{}us", self.0.as_micros()),
            () => write!(f, "{}ns", self.0.as_nanos()),
        }
    }
}
