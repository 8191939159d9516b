//! Instants of the machine, and those of tokio.

use std::time::Duration;

use http_keepalive::Instant;
use tokio::time::Instant as TokioInstant;

/// What the machine's time is counted from. Where tokio's time is paused, in a test, this one stands still with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    epoch: TokioInstant,
}

impl Clock {
    /// One that begins now, at a second, so that something may have been before it.
    pub fn start() -> Self {
        let now = TokioInstant::now();
        Self { epoch: now.checked_sub(BEFORE).unwrap_or(now) }
    }

    /// Now.
    #[inline]
    pub fn now(&self) -> Instant {
        Instant::since(self.epoch.into_std(), TokioInstant::now().into_std())
    }

    /// The same instant, as tokio has it. One that is further away than it can say is a year away.
    pub fn of_tokio(&self, at: Instant) -> TokioInstant {
        let after = Duration::from_nanos(at.as_nanos());
        self.epoch.checked_add(after).unwrap_or_else(|| TokioInstant::now() + YEAR)
    }
}

const BEFORE: Duration = Duration::from_secs(1);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
