//! A connection's bounded lifetime: exchanges, octets and age, each varied by the caller's seed.
//!
//! A limit never cuts a message: the response head that reaches it says `close`. The age alone can pass after that head: then
//! the connection ends with the exchange, without `Connection: close`, because the head had been sent (RFC 9112 9.5). An idle connection ends at
//! its age, but not within the shield after its last exchange; or, by policy (`age_close`), never.
//!
//! **Promises.** What `Keep-Alive: timeout` says is kept: it ends before the age does, by a guard, which is that between `idle` and
//! `idle_advertised`, of 5 s at most. A response after which less than a second could be promised says `close`.
//!
//! **Jitter.** A limit `n` with `j` per cent lies evenly between `n - n·j/100` and `n + n·j/100`, by 16 bits of the seed. Without a
//! seed it is `n`, so that what a setting says is exact.
//!
//! `inline(always)` in `exchange`, `lifetime` and `mod` buys 17 instructions of `client-exchange` (1008; benches, `count`).

use crate::config::Settings;
use crate::config::nanos::Span;
use crate::lifecycle::persistence::{Causes, CloseReason};
use crate::lifecycle::role::LifecycleRole;
use crate::lifecycle::state::ConnectionState;
use crate::time::Instant;

impl<R: LifecycleRole> ConnectionState<R> {
    /// A limit as it is for this connection.
    #[inline(always)]
    fn with_jitter(&self, settings: &Settings, limit: u64) -> u64 {
        match settings.limits.jitter {
            0 => limit,
            percent => self.jittered(limit, percent),
        }
    }

    #[cold]
    #[inline(never)]
    fn jittered(&self, limit: u64, percent: u8) -> u64 {
        let swing = u128::from(limit) * u128::from(percent) / 100;
        let jittered = u128::from(limit) - swing + ((2 * swing * u128::from(self.lifetime.jitter)) >> 16);
        u64::try_from(jittered).unwrap_or(u64::MAX - 1).max(1)
    }

    /// The position of a connection that has just opened, and with it the end of its lifetime.
    pub(crate) fn start_lifetime(&mut self, settings: &Settings, jitter: u16) {
        self.lifetime.jitter = jitter;
        let end = self.age(settings).after(self.send.still_since);
        self.lifetime.set_age_end(end);
    }

    /// The age that this connection may reach.
    pub(crate) fn age(&self, settings: &Settings) -> Span {
        match settings.spans.age {
            Span::NEVER => Span::NEVER,
            age => Span::of_nanos(self.with_jitter(settings, age.as_nanos())),
        }
    }

    /// It has reached its age, and no drain has begun, which ends it by other rules.
    #[inline(always)]
    pub(crate) fn is_over_age(&self, now: Instant) -> bool {
        self.lifetime.may_be_over_age(now) && self.ends_by_age()
    }

    /// Apart, so that what is nearly never so costs one comparison.
    #[cold]
    #[inline(never)]
    fn ends_by_age(&self) -> bool {
        self.lifetime.age_ends_at() < Instant::MAX
    }

    /// The exchanges that this connection may have.
    #[inline(always)]
    pub(crate) fn most_exchanges(&self, settings: &Settings) -> Option<u32> {
        let most = settings.limits.max_exchanges?;
        Some(u32::try_from(self.with_jitter(settings, most.into())).unwrap_or(u32::MAX))
    }

    /// Octets came or were handed out.
    #[inline(always)]
    pub(crate) fn count_octets(&mut self, octets: u64) {
        self.lifetime.octets = self.lifetime.octets.saturating_add(octets);
    }

    /// So many octets that were counted will come again.
    pub(crate) fn count_back(&mut self, octets: u64) {
        self.lifetime.octets = self.lifetime.octets.saturating_sub(octets);
    }

    /// What ends with the message whose head is judged, `octets` of content in it.
    #[inline(always)]
    pub(crate) fn lifetime_causes(&self, settings: &Settings, now: Instant, octets: u64, causes: &mut Causes) {
        // what would be promised is bounded by the age, and where that is less than a second nothing is
        if self.is_over_age(settings.age_notice.after(now)) {
            causes.add(CloseReason::Age);
        }
        if let Some(most) = settings.limits.max_octets {
            if self.lifetime.octets.saturating_add(octets) >= self.with_jitter(settings, most) {
                causes.add(CloseReason::MaxOctets);
            }
        }
    }

    /// An exchange of a server may have ended, and the age have passed while its response was under way.
    #[inline(always)]
    pub(crate) fn end_if_old(&mut self, now: Instant, settings: &Settings) {
        if !R::IS_CLIENT && self.lifetime.may_be_over_age(now) {
            self.end_by_age(now, settings);
        }
    }

    #[cold]
    #[inline(never)]
    fn end_by_age(&mut self, now: Instant, settings: &Settings) {
        let rests = self.is_between_exchanges() && self.lifetime.causes.is_empty();
        if rests && Self::closes_at_age(settings) && self.is_over_age(now) {
            self.lifetime.causes.add(CloseReason::Age);
            self.close_in_stages();
        }
    }

    /// Until when a client may be told to count on an idle connection, by its age; [`Instant::MAX`]: that does not bound it.
    pub(crate) fn promises_end_at(&self, settings: &Settings) -> Instant {
        match self.lifetime.age_ends_at() {
            end if end < Instant::MAX && Self::closes_at_age(settings) => settings.hint_guard.before(end),
            _ => Instant::MAX,
        }
    }

    /// The share of `span` that falls to this connection.
    pub(crate) fn spread_share(&self, span: Span) -> Span {
        Span::of_nanos(((u128::from(span.as_nanos()) * u128::from(self.lifetime.jitter)) >> 16) as u64)
    }
}
