//! The settings as they are counted: nanoseconds, the greatest number for "any", and what follows from several of them.

use core::time::Duration;

use super::config::{Eviction, Excess, Order, PoolConfig, ReuseMode};
use super::index::NANOS;
use crate::config::Use;
use crate::config::nanos::Span;

#[derive(Clone, Copy, Debug)]
pub(super) struct ResolvedPoolConfig {
    pub(super) used_idle: Span,
    pub(super) unused_idle: Span,
    pub(super) age: Span,
    pub(super) open: Span,
    pub(super) wait: Span,
    pub(super) lease: Span,
    pub(super) look_after: Span,
    pub(super) purge: Span,
    pub(super) suspension: Span,
    pub(super) quarantine: Span,
    /// Seconds.
    pub(super) forget: u32,
    /// The peer's `Keep-Alive` field bounds reuse.
    pub(super) hints: bool,
    margin: Span,
    /// Nothing is added to it.
    margin_is_fixed: bool,
    margin_percent: u8,
    margin_round_trips: u8,
    pub(super) idle_per_origin: u32,
    pub(super) idle_total: u32,
    pub(super) high_water: u32,
    /// The shortest time, by the settings alone, that a connection may be leased or idle.
    pub(super) shortest: Span,
    /// The longest time that is told apart in the calendars.
    pub(super) longest: Span,
    pub(super) learns: bool,
    /// Idle connections are kept in the order of their idleness.
    pub(super) orders_by_idle: bool,
    /// A lease lasts at least as long as any idle time. So an idle connection's record comes up early enough for its lease.
    pub(super) long_lease: bool,
    /// The settings ask for more than the fast path does.
    pub(super) needs_full_path: bool,
}

impl ResolvedPoolConfig {
    pub(super) fn of(PoolConfig { limits, timeouts, policy }: &PoolConfig) -> Self {
        let (used_idle, unused_idle) = (Span::of(timeouts.used_idle), Span::of(timeouts.unused_idle));
        let lease = Span::of(timeouts.lease);
        let longest_idle = used_idle.max(unused_idle);
        let long_lease = lease == Span::NEVER || longest_idle != Span::NEVER && longest_idle <= lease;
        let purges = timeouts.purge.is_some() || limits.high_water.is_some();
        let evicts_over_total = limits.idle_total.is_some() && policy.total_excess == Excess::Idle;
        let evicts_for_new = limits.total.is_some() && policy.eviction != Eviction::Never;
        Self {
            used_idle,
            unused_idle,
            age: Span::of(timeouts.age),
            open: Span::of(timeouts.open),
            wait: Span::of(timeouts.wait),
            lease,
            look_after: if policy.idle_watched.is_on() { Span::of(timeouts.look_after) } else { Span::of_nanos(0) },
            purge: Span::of(timeouts.purge),
            suspension: Span::of(timeouts.suspension),
            quarantine: Span::of(Some(timeouts.quarantine)),
            forget: u32::try_from(timeouts.forget.as_secs()).unwrap_or(u32::MAX),
            hints: policy.hints == Use::On,
            margin: Span::of(Some(timeouts.margin)),
            margin_is_fixed: (policy.margin_percent, policy.margin_round_trips) == (0, 0),
            margin_percent: policy.margin_percent,
            margin_round_trips: policy.margin_round_trips,
            idle_per_origin: limits.idle_per_origin.unwrap_or(u32::MAX),
            idle_total: limits.idle_total.unwrap_or(u32::MAX),
            high_water: limits.high_water.unwrap_or(u32::MAX),
            shortest: lease.min(used_idle).min(unused_idle),
            longest: used_idle.or_nothing().max(unused_idle.or_nothing()).max(Span::of(Some(Duration::from_secs(1)))),
            learns: policy.learn == Use::On,
            orders_by_idle: purges || evicts_over_total || evicts_for_new,
            long_lease,
            needs_full_path: !long_lease
                || (policy.reuse, policy.order) != (ReuseMode::Always, Order::Newest)
                || used_idle.is_nothing()
                || used_idle == Span::NEVER
                || policy.learn == Use::On
                || limits.idle_per_origin.is_some()
                || limits.idle_total.is_some()
                || purges,
        }
    }

    /// A time for which the peer will stay, less the margin.
    pub(super) fn less_margin(&self, span: Span, round_trip: Span) -> Span {
        let fraction = (u128::from(span.as_nanos()) * u128::from(self.margin_percent) / 100) as u64;
        let round_trips = round_trip.as_nanos().saturating_mul(self.margin_round_trips.into());
        span.less(self.margin).less(Span::of_nanos(fraction)).less(Span::of_nanos(round_trips))
    }

    /// How long a connection may be idle whose peer will stay for so many seconds: they less the margin. It is in the fast path of
    /// a check-in.
    #[inline]
    pub(super) fn hint_limit(&self, timeout: u32, round_trip: Span) -> Span {
        let said = Span::of_nanos(u64::from(timeout) * NANOS);
        if self.margin_is_fixed { said.less(self.margin) } else { self.less_margin(said, round_trip) }
    }
}
