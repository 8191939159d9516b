//! The settings as they are counted: nanoseconds, and the greatest number for "any".

use core::time::Duration;

use super::config::{Eviction, Excess, Order, PoolConfig, ReuseMode};
use super::slots::NONE;
use crate::config::Use;

#[derive(Clone, Copy, Debug)]
pub(super) struct ResolvedPoolConfig {
    pub(super) used_idle: u64,
    pub(super) unused_idle: u64,
    pub(super) age: u64,
    pub(super) open: u64,
    pub(super) wait: u64,
    pub(super) lease: u64,
    pub(super) look_after: u64,
    pub(super) purge: u64,
    /// Seconds.
    pub(super) forget: u32,
    margin: u64,
    margin_percent: u8,
    margin_round_trips: u8,
    pub(super) idle_per_origin: u32,
    pub(super) idle_total: u32,
    pub(super) high_water: u32,
    /// The shortest time, by the settings alone, that a connection may be leased or idle.
    pub(super) shortest: u64,
    /// The longest time that is told apart in the calendars.
    pub(super) longest: u64,
    pub(super) learns: bool,
    /// Idle connections are kept in order of their idleness.
    pub(super) ranks: bool,
    /// Connections that come back stay idle for less than a lease may last, and for some time: whoever is handed out has a record
    /// that will do for the lease.
    pub(super) long_lease: bool,
    /// The settings ask for more than the fast path does.
    pub(super) needs_full_path: bool,
}

impl ResolvedPoolConfig {
    pub(super) fn of(PoolConfig { limits, timeouts, policy }: &PoolConfig) -> Self {
        let (used_idle, unused_idle) = (nanos(timeouts.used_idle), nanos(timeouts.unused_idle));
        let finite = |span: u64| if span == u64::MAX { 0 } else { span };
        let purges = timeouts.purge.is_some() || limits.high_water.is_some();
        let ranks_excess = limits.idle_total.is_some() && policy.total_excess == Excess::Idle;
        let ranks = purges || ranks_excess || (limits.total.is_some() && policy.eviction != Eviction::Never);
        let lease = nanos(timeouts.lease);
        let long_lease =
            lease == u64::MAX || (used_idle.max(unused_idle) != u64::MAX && used_idle.max(unused_idle) <= lease);
        Self {
            used_idle,
            unused_idle,
            age: nanos(timeouts.age),
            open: nanos(timeouts.open),
            wait: nanos(timeouts.wait),
            lease,
            look_after: if policy.idle_watched.is_on() { nanos(timeouts.look_after) } else { 0 },
            purge: nanos(timeouts.purge),
            forget: u32::try_from(timeouts.forget.as_secs()).unwrap_or(NONE),
            margin: nanos(Some(timeouts.margin)),
            margin_percent: policy.margin_percent,
            margin_round_trips: policy.margin_round_trips,
            idle_per_origin: limits.idle_per_origin.unwrap_or(NONE),
            idle_total: limits.idle_total.unwrap_or(NONE),
            high_water: limits.high_water.unwrap_or(NONE),
            shortest: lease.min(used_idle).min(unused_idle),
            longest: finite(used_idle).max(finite(unused_idle)).max(1_000_000_000),
            learns: policy.learn == Use::On,
            ranks,
            long_lease,
            needs_full_path: !long_lease
                || (policy.reuse, policy.order) != (ReuseMode::Always, Order::Newest)
                || matches!(used_idle, 0 | u64::MAX)
                || policy.learn == Use::On
                || limits.idle_per_origin.is_some()
                || limits.idle_total.is_some()
                || purges,
        }
    }

    /// A time that the peer will stay, less the margin.
    pub(super) fn less_margin(&self, span: u64, round_trip: Option<Duration>) -> u64 {
        let fraction = (u128::from(span) * u128::from(self.margin_percent) / 100) as u64;
        let trips = nanos(Some(round_trip.unwrap_or_default())).saturating_mul(self.margin_round_trips.into());
        span.saturating_sub(self.margin).saturating_sub(fraction).saturating_sub(trips)
    }
}

/// As nanoseconds; the greatest number for what never ends.
pub(super) fn nanos(span: Option<Duration>) -> u64 {
    span.map_or(u64::MAX, |span| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX))
}
