//! Octets as choices, and settings chosen by them.

use super::*;

/// Choices, one octet each; zero when there are no more.
pub struct Choices<'a>(pub &'a [u8]);

impl Choices<'_> {
    pub fn next(&mut self) -> u8 {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        first
    }

    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::from(self.next()) % all.len()]
    }

    /// None, or one of a few small numbers.
    fn few(&mut self) -> Option<u32> {
        self.of(&[None, Some(1), Some(2), Some(3), Some(5)])
    }

    fn span(&mut self) -> Option<Duration> {
        self.of(&[None, Some(2), Some(5), Some(10), Some(60)]).map(Duration::from_secs)
    }
}

/// The settings, from 29 choices.
pub fn config(choices: &mut Choices) -> PoolConfig {
    let order = choices.of(&Order::ALL);
    let eviction = choices.of(&Eviction::ALL);
    let (on_off, excess) = ([Use::On, Use::Off], [Excess::Idle, Excess::Returned]);
    let limits = PoolLimits::DEFAULT
        .with_per_origin(choices.few())
        .with_total(choices.few())
        .with_idle_per_origin(choices.few())
        .with_idle_total(choices.few())
        .with_per_http10_origin(choices.few())
        .with_per_proxy(choices.few())
        .with_per_user(choices.few())
        .with_high_water(choices.of(&[None, None, Some(2), Some(3)]))
        .with_low_water(choices.of(&[0, 1, 2]))
        .with_min_warm(choices.of(&[0, 0, 1]))
        .with_waiters(choices.of(&[5, 0, 1]))
        .with_uses(choices.of(&[None, None, Some(2), Some(3)]));
    let timeouts = PoolTimeouts::DEFAULT
        .with_used_idle(choices.span())
        .with_unused_idle(choices.span())
        .with_age(choices.of(&[None, Some(Duration::from_secs(30))]))
        .with_open(choices.span())
        .with_wait(choices.span())
        .with_lease(choices.span())
        .with_look_after(choices.span())
        .with_purge(choices.of(&[None, None, Some(Duration::from_secs(5))]));
    let policy = PoolPolicy::DEFAULT
        .with_order(order)
        .with_eviction(eviction)
        .with_unused_order(choices.of(&Order::ALL))
        .with_used_first(choices.of(&on_off))
        .with_reuse(choices.of(&[ReuseMode::Always, ReuseMode::Safe, ReuseMode::Aggressive, ReuseMode::Never]))
        .with_origin_excess(choices.of(&excess))
        .with_total_excess(choices.of(&excess))
        .with_learn(choices.of(&[Use::Off, Use::On]))
        .with_idle_watched(choices.of(&on_off))
        .with_margin_round_trips(2)
        .with_jitter_percent(0);
    let limits = limits.with_passed_over(choices.of(&[Some(8), Some(0), Some(1), Some(2), None]));
    let limits = limits.with_unsolicited_per_origin(choices.of(&[Some(3), Some(1), Some(2), None]));
    let timeouts = timeouts.with_quarantine(Duration::from_secs(choices.of(&[60, 5, 1])));
    PoolConfig::new(limits, timeouts.with_margin(Duration::from_secs(1)), policy).expect("within bounds")
}
