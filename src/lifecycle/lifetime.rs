//! A connection's bounded life: exchanges, octets and age, each varied by the caller's seed.
//!
//! A limit never cuts a message: the response head that reaches it says `close`. The age alone can pass after that head: then
//! the connection ends with the exchange, unannounced, for it was to be no older (RFC 9112 9.5). An idle connection ends at
//! its age, but not within the shield after its last exchange.
//!
//! **Jitter.** A limit `n` with `j` per cent lies evenly between `n - n·j/100` and `n + n·j/100`, by 16 bits of the seed. Without a
//! seed it is `n`, so that what a setting says is exact.

use crate::config::Settings;
use crate::config::nanos::Span;
use crate::lifecycle::persistence::{Causes, CloseReason};
use crate::lifecycle::state::{Machine, flag};
use crate::time::Instant;

/// The place of a connection without a seed: the middle.
pub(crate) const MIDDLE: u16 = 1 << 15;

/// Where a seed puts a connection between the extremes.
pub(crate) const fn place(seed: u64) -> u16 {
    (nth(seed, 1) >> 48) as u16
}

/// The number of this place in a seed's sequence (SplitMix64): equidistributed, and seeds that lie close together come to lie
/// apart.
pub(crate) const fn nth(seed: u64, place: u64) -> u64 {
    let mixed = seed.wrapping_add(place.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

impl Machine {
    /// A limit as it is for this connection.
    #[inline(always)]
    fn varied(&self, settings: &Settings, limit: u64) -> u64 {
        match settings.limits.jitter {
            0 => limit,
            percent => self.vary(limit, percent),
        }
    }

    #[cold]
    #[inline(never)]
    fn vary(&self, limit: u64, percent: u8) -> u64 {
        let swing = u128::from(limit) * u128::from(percent) / 100;
        let varied = u128::from(limit) - swing + ((2 * swing * u128::from(self.jitter)) >> 16);
        u64::try_from(varied).unwrap_or(u64::MAX - 1).max(1)
    }

    /// The place of a connection that has just opened, and with it the end of its life.
    pub(crate) fn begin_life(&mut self, settings: &Settings, jitter: u16) {
        self.jitter = jitter;
        self.life = self.age(settings).after(self.left);
    }

    /// The age that this connection may reach.
    pub(crate) fn age(&self, settings: &Settings) -> Span {
        match settings.spans.age {
            Span::NEVER => Span::NEVER,
            age => Span::of_nanos(self.varied(settings, age.as_nanos())),
        }
    }

    #[inline(always)]
    pub(crate) fn is_over_age(&self, now: Instant) -> bool {
        self.life <= now && self.ends_by_age()
    }

    /// Apart, so that what is nearly never so costs one comparison.
    #[cold]
    #[inline(never)]
    fn ends_by_age(&self) -> bool {
        self.life < Instant::MAX && !self.is(flag::DRAINING)
    }

    /// The exchanges that this connection may have.
    #[inline(always)]
    pub(crate) fn most_exchanges(&self, settings: &Settings) -> Option<u32> {
        let most = settings.limits.max_exchanges?;
        Some(u32::try_from(self.varied(settings, most.into())).unwrap_or(u32::MAX))
    }

    /// Octets were carried, one way or the other.
    #[inline(always)]
    pub(crate) fn carry(&mut self, octets: u64) {
        self.carried = self.carried.saturating_add(octets);
    }

    /// What ends with the message whose head is planned, `octets` of content in it.
    #[inline(always)]
    pub(crate) fn life_causes(&self, settings: &Settings, now: Instant, octets: u64, causes: &mut Causes) {
        if self.is_over_age(now) {
            causes.add(CloseReason::Age);
        }
        if let Some(most) = settings.limits.max_octets {
            if self.carried.saturating_add(octets) >= self.varied(settings, most) {
                causes.add(CloseReason::MaxOctets);
            }
        }
    }

    /// An exchange may have ended, and the age have passed while its response was under way.
    #[inline(always)]
    pub(crate) fn end_if_old(&mut self, now: Instant) {
        if self.life <= now && self.between_exchanges() && self.causes.is_empty() && self.is_over_age(now) {
            self.causes.add(CloseReason::Age);
            self.finish(now);
        }
    }

    /// The share of `span` that falls to this connection.
    pub(crate) fn share(&self, span: Span) -> Span {
        Span::of_nanos(((u128::from(span.as_nanos()) * u128::from(self.jitter)) >> 16) as u64)
    }
}
