//! The settings of a pool: how many connections, for how long, which first, and which goes.
//!
//! Checked once by [`PoolConfig::new`]; a pool then never fails to build.

use core::time::Duration;

use crate::config::Use;
use crate::error::ConfigError;

settings! {
    /// How many connections and requests. `None`: any number.
    pub struct PoolLimits {
        /// Connections to one origin, those being opened included. As browsers; RFC 2616 8.1.4 had 2, RFC 9112 9.4 has no number.
        per_origin / with_per_origin: Option<u32> = Some(6);
        /// Connections to an origin whose responses are HTTP/1.0. `None`: as to any other. Internet Explorer had 4 where it
        /// had 2 to others, since an HTTP/1.0 connection is of little use twice.
        per_http10_origin / with_per_http10_origin: Option<u32> = None;
        /// Connections to one proxy. As browsers.
        per_proxy / with_per_proxy: Option<u32> = Some(32);
        /// Connections to one proxy or origin for each user, where we are a proxy ourselves: RFC 2616 8.1.4 has 2. Bounds
        /// both besides their own limits, with the number of [users](super::Pool::set_users) at run time.
        per_user / with_per_user: Option<u32> = None;
        /// All connections, those being opened included. As Chromium.
        total / with_total: Option<u32> = Some(256);
        /// Idle connections to one origin.
        idle_per_origin / with_idle_per_origin: Option<u32> = None;
        /// All idle connections.
        idle_total / with_idle_total: Option<u32> = None;
        /// When more connections than this are idle …
        high_water / with_high_water: Option<u32> = None;
        /// … some are closed, until only this many are idle. At most `high_water`.
        low_water / with_low_water: u32 = 0;
        /// This many idle connections to an origin are protected from eviction, water marks and purges. They have their own
        /// limits in time all the same: what the peer has closed is not warm. An eviction passes over them one by one.
        min_warm / with_min_warm: u32 = 0;
        /// Requests that may wait for a connection, those that open one meanwhile included; 0: none may.
        waiters / with_waiters: u32 = 1024;
        /// While a request waits that `total` alone holds back, this many later requests may be given a connection. Then the next one
        /// that comes back goes for it, whatever [`Eviction`] says. Fewer: fairer; 0: all are served in the order of their coming.
        /// More: more connections are used again. `None`: those to a busy key may serve that key for ever (RFC 9112 9.4 has no rule).
        passed_over / with_passed_over: Option<u32> = Some(8);
        /// Once this many connections to one origin ended within [`quarantine`](PoolTimeouts::quarantine) for octets that nobody asked
        /// for, it is in quarantine: 1 to 255 (RFC 9112 9.2).
        unsolicited_per_origin / with_unsolicited_per_origin: Option<u8> = Some(3);
        /// How often one connection is used: 1 to 65 534 times.
        uses / with_uses: Option<u16> = None;
    }
}

settings! {
    /// Limits in time. `None`: no limit.
    pub struct PoolTimeouts {
        /// How long a connection may be idle after use. Below the 65 s and 75 s of common servers.
        used_idle / with_used_idle: Option<Duration> = Some(Duration::from_secs(60));
        /// How long it may be idle before its first use: servers give a fresh connection less. As Chromium.
        unused_idle / with_unused_idle: Option<Duration> = Some(Duration::from_secs(10));
        /// Since the connection opened; counted in whole seconds, and cut when it is idle. With its jitter less than the hour after
        /// which common servers end a connection themselves.
        age / with_age: Option<Duration> = Some(Duration::from_secs(3000));
        /// From a permit to its connection.
        open / with_open: Option<Duration> = Some(Duration::from_secs(30));
        /// In the queue.
        wait / with_wait: Option<Duration> = Some(Duration::from_secs(30));
        /// From check-out to check-in: longer than any exchange that we know, since an overdue connection is given up.
        lease / with_lease: Option<Duration> = Some(Duration::from_secs(3600));
        /// Once a connection was idle for this long, it is to be looked at before it is used, where the driver watches idle
        /// connections ([`idle_watched`](PoolPolicy::idle_watched)): zero for always. As HttpClient.
        look_after / with_look_after: Option<Duration> = Some(Duration::from_secs(2));
        /// Taken off the peer's `Keep-Alive: timeout`, and off a learned limit: a request must arrive before the peer closes. As
        /// undici.
        margin / with_margin: Duration = Duration::from_secs(2);
        /// Between two purges; longer than zero.
        purge / with_purge: Option<Duration> = None;
        /// What was learned of an origin is forgotten after this time. A server's settings seldom change sooner.
        forget / with_forget: Duration = Duration::from_secs(3600);
        /// Once the machine slept for this long, all idle connections end: addresses and translations have changed.
        suspension / with_suspension: Option<Duration> = Some(Duration::from_secs(60));
        /// So long after the last of [`unsolicited_per_origin`](PoolLimits::unsolicited_per_origin) connections to an origin ended for
        /// octets that nobody asked for, no connection to it is used again. It is also the time within which they are counted: zero
        /// for never.
        quarantine / with_quarantine: Duration = Duration::from_secs(60);
    }
}

/// Which of several idle connections is used. Ties go to the one that is idle for the shortest time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a model of the pool has each: a new one is a breaking change on purpose, as it is for the twin in the tests"
)]
pub enum Order {
    /// Idle for the shortest time: most likely alive, and the others may reach their limits.
    Newest,
    /// Idle for the longest time: spreads the load, keeps all alive.
    Oldest,
    /// The one that has carried most octets, counted in KiB: its congestion window is wide. Of those never used, the newest.
    Warmest,
    /// The one that was opened first. As curl.
    FirstOpened,
    /// Each in turn, in the order of their opening.
    RoundRobin,
    /// Any, by the seed.
    Random,
}

impl Order {
    /// Every order there is.
    pub const ALL: [Self; 6] =
        [Self::Newest, Self::Oldest, Self::Warmest, Self::FirstOpened, Self::RoundRobin, Self::Random];
}

/// Which requests may be given a connection that was used before, as in HAProxy's `http-reuse`. The first request of a session is
/// not repeated when the connection turns out to be closed ([`Session`](super::Session)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a model of the pool has each: a new one is a breaking change on purpose, as it is for the twin in the tests"
)]
pub enum ReuseMode {
    /// None.
    Never,
    /// Every request but the first of a session.
    Safe,
    /// The first one too, if the connection has already been reused with success.
    Aggressive,
    /// Every request.
    Always,
}

impl ReuseMode {
    /// Every mode there is.
    pub const ALL: [Self; 4] = [Self::Never, Self::Safe, Self::Aggressive, Self::Always];
}

/// Which idle connection goes when its place is needed. Ties are broken by place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Eviction {
    /// None: a request that needs a place waits, until it was [passed over](PoolLimits::passed_over) often enough.
    Never,
    /// The one that is idle for the longest time, to whatever origin: the least recently used one.
    LongestIdle,
    /// The one whose time is over first.
    NearestExpiry,
}

impl Eviction {
    /// Every rule there is.
    pub const ALL: [Self; 3] = [Self::Never, Self::LongestIdle, Self::NearestExpiry];
}

/// Which connection goes when one more comes back than may be idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Excess {
    /// The one that comes back.
    Returned,
    /// An idle one. Over the limit of an origin: the one to that origin that is idle for the longest time. Over the limit of all: as
    /// [`Eviction`] says; where that is `Never`, as `LongestIdle`.
    Idle,
}

settings! {
    /// Which connection first, and which goes.
    pub struct PoolPolicy {
        /// Which used connection is taken.
        order / with_order: Order = Order::Newest;
        /// Which never used connection is taken. As Chromium: the oldest, whose time is over first.
        unused_order / with_unused_order: Order = Order::Oldest;
        /// Used connections are taken before never used ones; off: they are one list, under `order`. On, since a used one has
        /// proven itself and has a wider window.
        used_first / with_used_first: Use = Use::On;
        /// Which requests may be given a used connection.
        reuse / with_reuse: ReuseMode = ReuseMode::Always;
        /// Which connection goes when another one needs its place.
        eviction / with_eviction: Eviction = Eviction::LongestIdle;
        /// Which one goes over `idle_per_origin`.
        origin_excess / with_origin_excess: Excess = Excess::Idle;
        /// Which one goes over `idle_total`.
        total_excess / with_total_excess: Excess = Excess::Idle;
        /// Idle connections that are closed at each purge: 0 to 100 per cent, rounded down.
        purge_percent / with_purge_percent: u8 = 50;
        /// The peer's `Keep-Alive` field bounds reuse.
        hints / with_hints: Use = Use::On;
        /// The driver watches the sockets of idle connections, and says what it sees of them ([`readable_while_idle`](super::Pool::readable_while_idle))
        /// before it checks one out. Off: every idle connection is to be looked at before it is used, whatever `look_after` says,
        /// since octets that were there before a request are never its answer (RFC 9112 9.2).
        idle_watched / with_idle_watched: Use = Use::Off;
        /// Added to the margin: 0 to 100 per cent of the time that it is taken off.
        margin_percent / with_margin_percent: u8 = 0;
        /// Added to the margin: this many round trips, where the caller knows how long one takes.
        margin_round_trips / with_margin_round_trips: u8 = 0;
        /// The idle limit of an origin is learned from what happened. Off: it is a guess.
        learn / with_learn: Use = Use::Off;
        /// Age and uses of a connection vary by up to this many per cent (0 to 100), either way, so that connections that were
        /// opened together do not close together.
        jitter_percent / with_jitter_percent: u8 = 10;
        /// The seed of everything random. The same seed and the same calls give the same answers.
        seed / with_seed: u64 = 0;
    }
}

/// A checked set of [`PoolLimits`], [`PoolTimeouts`] and [`PoolPolicy`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PoolConfig {
    pub(super) limits: PoolLimits,
    pub(super) timeouts: PoolTimeouts,
    pub(super) policy: PoolPolicy,
}

impl PoolConfig {
    /// The defaults.
    pub const DEFAULT: Self =
        Self { limits: PoolLimits::DEFAULT, timeouts: PoolTimeouts::DEFAULT, policy: PoolPolicy::DEFAULT };

    /// Checks the settings against each other.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with the first setting that is out of bounds, and its bound.
    pub const fn new(limits: PoolLimits, timeouts: PoolTimeouts, policy: PoolPolicy) -> Result<Self, ConfigError> {
        const fn broken(setting: &'static str, bound: &'static str) -> Result<PoolConfig, ConfigError> {
            Err(ConfigError { setting, bound })
        }
        if let Some(0) = limits.per_origin {
            return broken("per_origin", "at least 1");
        }
        if let Some(0) = limits.per_http10_origin {
            return broken("per_http10_origin", "at least 1");
        }
        if let Some(0) = limits.per_proxy {
            return broken("per_proxy", "at least 1");
        }
        if let Some(0) = limits.per_user {
            return broken("per_user", "at least 1");
        }
        if let Some(0) = limits.total {
            return broken("total", "at least 1");
        }
        if let Some(high) = limits.high_water {
            if limits.low_water > high {
                return broken("low_water", "at most `high_water`");
            }
        }
        if let Some(0) = limits.unsolicited_per_origin {
            return broken("unsolicited_per_origin", "at least 1");
        }
        if let Some(0 | u16::MAX) = limits.uses {
            return broken("uses", "1 to 65534");
        }
        if policy.purge_percent > 100 {
            return broken("purge_percent", "at most 100");
        }
        if policy.margin_percent > 100 {
            return broken("margin_percent", "at most 100");
        }
        if policy.jitter_percent > 100 {
            return broken("jitter_percent", "at most 100");
        }
        if let Some(Duration::ZERO) = timeouts.purge {
            return broken("purge", "longer than nothing");
        }
        Ok(Self { limits, timeouts, policy })
    }

    /// The limits.
    pub const fn limits(&self) -> &PoolLimits {
        &self.limits
    }

    /// The timeouts.
    pub const fn timeouts(&self) -> &PoolTimeouts {
        &self.timeouts
    }

    /// The policies.
    pub const fn policy(&self) -> &PoolPolicy {
        &self.policy
    }
}
