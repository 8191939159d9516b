//! States that behave alike, made equal.
//!
//! Two connections with the same configuration may differ in what no later call can show: how late it is, octets and exchanges that are not
//! limited, instants from which nothing is counted any more. [`Lifecycle::canonical`] leaves these out: every instant is told relative to
//! `now`, what has no effect has one value, counters that only tell "none" from "some" are clamped. The configuration is no part of it.
//!
//! **The law.** Where `a.canonical(t) == b.canonical(u)`, the same calls, at `t + d` and `u + d`, come to the same: results, wants, phases,
//! causes, deadlines (moved by `u - t`), and equal states again. Not the same are the mere counts: exchanges, requests and their numbers,
//! octets of the connection, and so the offsets in errors. A search over states, a simulator, a cache of decisions need no more.
//!
//! Exact but for the ends of time: where an instant would be before the epoch or after the last one.

use core::ops::Deref;

use crate::config::{Config, Settings};
use crate::lifecycle::Lifecycle;
use crate::lifecycle::jitter;
use crate::lifecycle::persistence::CloseReason;
use crate::lifecycle::relative::Relative;
use crate::lifecycle::role::LifecycleRole;
use crate::lifecycle::state::{BodyEnd, ConnectionState, Receiving, Sending, Stage};
use crate::time::Instant;

/// What a connection will do, whatever it has done: equal values do the same for every next call. See [`Lifecycle::canonical`].
///
/// It can be compared, hashed and cloned; what is in it is shown by `Debug` alone, for people.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Canonical<R: LifecycleRole>(ConnectionState<R>);

impl<R: LifecycleRole, C: Deref<Target = Config<R>>> Lifecycle<R, C> {
    /// The state as far as it has an effect on what is to come, seen from `now`: lifecycles of one configuration whose values are equal do
    /// the same for every next call.
    ///
    /// Instants are relative to `now`, what has no effect any more has one value, counts that nothing limits are clamped. So counts and
    /// numbers ([`exchanges`](Self::exchanges), of a client `requests` and the numbers of [`Unanswered`](crate::retry::Unanswered)) may
    /// differ between lifecycles that are equal here. The configuration is no part of the value: compare those of one configuration.
    ///
    /// ```
    /// use http_keepalive::*;
    ///
    /// let config = Config::DEFAULT;
    /// let early = Lifecycle::<Server, _>::new(Instant::from_secs(1), &config);
    /// let late = Lifecycle::<Server, _>::new(Instant::from_secs(1000), &config);
    /// assert_ne!(early, late);
    /// assert_eq!(early.canonical(Instant::from_secs(3)), late.canonical(Instant::from_secs(1002)));
    /// assert_ne!(early.canonical(Instant::from_secs(3)), late.canonical(Instant::from_secs(1003)));
    /// ```
    pub fn canonical(&self, now: Instant) -> Canonical<R> {
        let mut state = self.state.clone();
        state.make_canonical(self.config.settings(), now);
        Canonical(state)
    }
}

impl<R: LifecycleRole> ConnectionState<R> {
    fn make_canonical(&mut self, settings: &Settings, now: Instant) {
        let relative = Relative::to(now);
        let stage = self.lifetime.stage();
        let open = stage == Stage::Open;
        let over = matches!(stage, Stage::CloseDue | Stage::ResetDue | Stage::Closed | Stage::Tunnel(_));
        let between = self.is_between_exchanges();
        let waits = self.send.unsent > 0;
        // the clock goes on from now, if it has not been there yet
        let latest = self.latest.max(now);
        self.latest = latest;
        R::canonical(self, &settings.limits, relative);
        relative.keep(&mut self.latest, latest > now);
        let counts = (open && !between) || (!R::IS_CLIENT && waits && !over);
        relative.keep(&mut self.exchange_began, counts);

        let receive = &mut self.receive;
        let (head, content) = (receive.half() == Receiving::Head, receive.half() == Receiving::Content);
        let lingers = stage == Stage::HalfClosed;
        relative.keep(&mut receive.began, lingers || (open && (head || content)));
        let complete = open && !R::IS_CLIENT && receive.half() == Receiving::Complete;
        relative.keep(&mut receive.progress_at, lingers || complete || (open && content));
        if !lingers && !(open && (head || content)) {
            receive.octets = 0;
        }
        if !(open && content) {
            (receive.end, receive.remaining) = (BodyEnd::Exact, 0);
        }
        if !open {
            receive.dropped = false;
            receive.fault = None;
            receive.empty_lines = 0;
            (receive.ahead, receive.ahead_told) = (0, false);
        }
        if over {
            receive.unread = 0;
        }

        let send = &mut self.send;
        if send.half() != Sending::Content {
            send.remaining = 0;
        }
        let still = !over && (waits || (open && (between || send.request.awaits_continue)));
        relative.keep(&mut send.still_since, still);

        let lifetime = &mut self.lifetime;
        let drains = lifetime.drain_began().is_some();
        relative.keep(&mut lifetime.age_ends_at, !over && !drains);
        lifetime.keep_drain(relative, !over);
        if over || !open {
            lifetime.close_after_look = None;
        }
        if over || (settings.limits.jitter == 0 && settings.spans.drain_spread.or_nothing().is_nothing()) {
            lifetime.jitter = jitter::MIDDLE;
        }
        lifetime.exchanges = match settings.limits.max_exchanges {
            _ if over => 0,
            None => lifetime.exchanges.min(1),
            Some(_) => lifetime.exchanges,
        };
        if over || settings.limits.max_octets.is_none() {
            lifetime.octets = 0;
        }
        debug_assert!(!drains || lifetime.causes.has(CloseReason::Drain));
    }
}
