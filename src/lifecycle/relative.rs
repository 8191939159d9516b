//! Instants as they are seen from now: what a state that is told from another is compared by.

use crate::time::Instant;

/// Instants as they are seen from now.
#[derive(Clone, Copy)]
pub struct Relative {
    now: Instant,
}

/// Now, as instants that are relative to it are written.
const NOW: u64 = 1 << 62;

impl Relative {
    pub(crate) const fn to(now: Instant) -> Self {
        Self { now }
    }

    /// The instant relative to now where something is counted from it, else one that is the same for all.
    pub(crate) fn keep(self, at: &mut Instant, counts: bool) {
        *at = match *at {
            _ if !counts => Instant::EPOCH,
            Instant::MAX => Instant::MAX,
            at => Instant::from_nanos(NOW.wrapping_add(at.as_nanos()).wrapping_sub(self.now.as_nanos())),
        };
    }
}
