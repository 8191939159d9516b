//! How long the machine slept, where its monotonic clock does not say.

use core::time::Duration;

use crate::time::Instant;

/// Says how long the machine slept, from two clocks: a monotonic one that stands still meanwhile, and the wall clock, which does not.
///
/// It is given a pair of readings now and then, and at once after each wait of the driver, before anything is asked of the pool.
/// What the wall clock went on by more than the other one is sleep, if it is more than a second and a thousandth of the time between
/// the readings: less is how a wall clock is set and slewed. So sleeps of less than a second are not seen, however many.
///
/// A wall clock that is set forth by more than that counts as a sleep, and idle connections end sooner than they had to. One that is
/// set back hides as much of a sleep, if it is set in the very interval in which the machine slept. Where the system has a monotonic
/// clock that runs on, none of this is needed: see [the module](crate::pool#which-clock). With such a clock no sleep is ever
/// measured, so it does no harm to ask.
///
/// ```
/// use core::time::Duration;
/// use http_keepalive::Instant;
/// use http_keepalive::pool::{Pool, PoolConfig, SleepMeter};
///
/// let wall = |secs: u64| Duration::from_secs(1_700_000_000 + secs);
/// let mut pool = Pool::<String, u32>::new(Instant::from_secs(0), &PoolConfig::DEFAULT);
/// let mut meter = SleepMeter::new(Instant::from_secs(0), wall(0));
///
/// // 10 s later, of which the machine slept for 4 s
/// let now = Instant::from_secs(6);
/// let asleep = meter.asleep(now, wall(10));
/// assert_eq!(asleep, Some(Duration::from_secs(4)));
/// if let Some(asleep) = asleep {
///     pool.suspended(now, asleep);
/// }
/// // the wall clock is set forth and back a little: that is no sleep
/// assert_eq!(meter.asleep(Instant::from_secs(16), wall(21)), None);
/// assert_eq!(meter.asleep(Instant::from_secs(26), wall(30)), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SleepMeter {
    monotonic: Instant,
    wall: Duration,
}

impl SleepMeter {
    /// Begins with a pair of readings. `wall`: since any point that stays the same, such as the Unix epoch.
    pub const fn new(monotonic: Instant, wall: Duration) -> Self {
        Self { monotonic, wall }
    }

    /// The next pair of readings: how long the machine slept since the pair before, for [`suspended`](super::Pool::suspended). `None`:
    /// it did not, as far as the clocks show.
    #[must_use = "the next pair of readings does not show this sleep any more"]
    pub fn asleep(&mut self, monotonic: Instant, wall: Duration) -> Option<Duration> {
        let awake = monotonic.saturating_duration_since(self.monotonic);
        let in_all = wall.saturating_sub(self.wall);
        *self = Self { monotonic: monotonic.max(self.monotonic), wall };
        let asleep = in_all.saturating_sub(awake);
        if asleep > LEAST + in_all / 1000 { Some(asleep) } else { None }
    }
}

/// Shorter sleeps do not matter to limits of seconds, less their margin.
const LEAST: Duration = Duration::from_secs(1);
