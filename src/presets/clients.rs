//! The libraries that ask, and the list of all clients. Where a source is a file, it is of the system's own repository.

use core::time::Duration;

use super::browsers::BROWSERS;
use super::proxies::PROXIES;
use super::{ClientPreset, Repeats, joined, secs};
use crate::config::{RequestHint, Use};
use crate::pool::{Eviction, Excess, Order, PoolLimits, PoolPolicy, PoolTimeouts};

/// Any number of connections.
pub(super) const ANY: PoolLimits =
    PoolLimits::DEFAULT.with_per_origin(None).with_per_proxy(None).with_total(None).with_waiters(u32::MAX);

/// For any time, and taken as they are.
pub(super) const FOR_EVER: PoolTimeouts = PoolTimeouts::DEFAULT
    .with_used_idle(None)
    .with_unused_idle(None)
    .with_age(None)
    .with_wait(None)
    .with_lease(None)
    .with_look_after(None)
    .with_margin(Duration::ZERO)
    .with_suspension(None);

pub(super) const fn idle(seconds: u64) -> PoolTimeouts {
    FOR_EVER.with_used_idle(secs(seconds)).with_unused_idle(secs(seconds))
}

/// The last used first; the peer's hint means nothing.
pub(super) const PLAIN: PoolPolicy = PoolPolicy::DEFAULT.with_hints(Use::Off).with_jitter_percent(0);

pub(super) const HINTED: PoolPolicy = PLAIN.with_hints(Use::On);

/// Nothing is closed to make room: who needs a place waits.
pub(super) const WAITING: PoolPolicy = PLAIN.with_eviction(Eviction::Never);

/// As Go's transport: used and unused ones are one list, and what comes back over the limit of a host is closed.
pub(super) const GO: PoolPolicy = PLAIN.with_used_first(Use::Off).with_origin_excess(Excess::Returned);

pub(super) const fn preset(
    name: &'static str,
    about: &'static str,
    source: &'static str,
    limits: PoolLimits,
    timeouts: PoolTimeouts,
    policy: PoolPolicy,
) -> ClientPreset {
    ClientPreset {
        name,
        about,
        source,
        limits,
        timeouts,
        policy,
        request_hint: RequestHint::Silent,
        asks: Use::On,
        max_hint: Use::Off,
        depth: 1,
        repeats: Repeats::Idempotent,
        attempts: Some(2),
        unknown: &[],
    }
}

/// Every client there is.
pub const CLIENTS: &[ClientPreset] =
    &joined::<ClientPreset, { LIBRARIES.len() + BROWSERS.len() + PROXIES.len() }>(&[LIBRARIES, BROWSERS, PROXIES]);

const LIBRARIES: &[ClientPreset] = &[
    ClientPreset {
        max_hint: Use::On,
        ..preset(
            "crate-default",
            "6 to an origin, 256 in all; 60 s, or the hint less 2 s; the last used first, the least recently used goes",
            "the docs of PoolLimits, PoolTimeouts and PoolPolicy",
            PoolLimits::DEFAULT,
            PoolTimeouts::DEFAULT,
            PoolPolicy::DEFAULT,
        )
    },
    ClientPreset {
        repeats: Repeats::Any,
        attempts: Some(5),
        asks: Use::Off,
        ..preset(
            "curl",
            "5 idle ones, 118 s, a day; the first that matches, the longest idle goes",
            "curl/curl lib/url.c, lib/urldata.h, lib/conncache.c",
            ANY.with_idle_total(Some(5)),
            idle(118).with_age(secs(86_400)).with_look_after(secs(1)),
            PLAIN.with_order(Order::FirstOpened).with_unused_order(Order::FirstOpened),
        )
    },
    ClientPreset {
        asks: Use::Off,
        ..preset(
            "go-transport",
            "2 idle ones to a host, 100 in all, 90 s; the last used first",
            "golang/go src/net/http/transport.go, DefaultTransport",
            ANY.with_idle_per_origin(Some(2)).with_idle_total(Some(100)),
            idle(90),
            GO,
        )
    },
    ClientPreset {
        repeats: Repeats::Nothing,
        attempts: Some(1),
        ..preset(
            "node-agent",
            "the global agent: 5 s, or the hint less 1 s; nothing is repeated",
            "nodejs/node lib/_http_agent.js, with agentKeepAliveTimeoutBuffer",
            ANY.with_idle_per_origin(Some(256)),
            idle(5).with_margin(Duration::from_secs(1)),
            HINTED,
        )
    },
    ClientPreset {
        repeats: Repeats::Nothing,
        attempts: Some(1),
        ..preset(
            "node-agent-20",
            "the global agent before it took anything off the hint: 5 s",
            "nodejs/node lib/_http_agent.js of v20; nodejs/node#52649, #47130",
            ANY.with_idle_per_origin(Some(256)),
            idle(5),
            HINTED,
        )
    },
    ClientPreset {
        repeats: Repeats::NeverStarted,
        ..preset(
            "undici",
            "4 s, or the hint less 2 s, 600 s at most",
            "nodejs/undici lib/dispatcher/client.js, client-h1.js, pool.js",
            ANY,
            idle(4).with_margin(Duration::from_secs(2)),
            HINTED,
        )
    },
    ClientPreset {
        repeats: Repeats::NeverStarted,
        asks: Use::Off,
        ..preset(
            "hyper-util",
            "90 s, any number; the last used first",
            "hyperium/hyper-util src/client/legacy/client.rs, pool.rs",
            ANY,
            idle(90),
            PLAIN,
        )
    },
    ClientPreset {
        repeats: Repeats::NeverStarted,
        asks: Use::Off,
        ..preset(
            "reqwest",
            "hyper-util's pool: 90 s, any number; the hint is not read; the last used first",
            "seanmonstar/reqwest src/async_impl/client.rs; hyperium/hyper-util src/client/legacy/client.rs, pool.rs",
            ANY,
            idle(90),
            PLAIN,
        )
    },
    ClientPreset {
        repeats: Repeats::Nothing,
        attempts: Some(1),
        ..preset(
            "requests",
            "10 to a host, for any time, looked at before they are used",
            "urllib3/urllib3 src/urllib3/connectionpool.py; psf/requests src/requests/adapters.py",
            ANY.with_idle_per_origin(Some(10)),
            FOR_EVER.with_look_after(secs(0)),
            PLAIN.with_origin_excess(Excess::Returned),
        )
    },
    ClientPreset {
        attempts: Some(4),
        asks: Use::Off,
        ..preset(
            "urllib3",
            "1 to a host, for any time, looked at before it is used; more are opened, and closed after use; 3 retries",
            "urllib3/urllib3 src/urllib3/connectionpool.py, src/urllib3/util/retry.py",
            ANY.with_idle_per_origin(Some(1)),
            FOR_EVER.with_look_after(secs(0)),
            PLAIN.with_origin_excess(Excess::Returned),
        )
    },
    ClientPreset {
        repeats: Repeats::Nothing,
        attempts: Some(1),
        ..preset(
            "httpx",
            "100 in all, 20 idle ones, 5 s, looked at before they are used; the first that was opened first; waits for 5 s",
            "encode/httpx httpx/_config.py, httpx/_client.py; encode/httpcore httpcore/_async/connection_pool.py, http11.py",
            ANY.with_total(Some(100)).with_idle_total(Some(20)),
            idle(5).with_look_after(secs(0)).with_wait(secs(5)),
            PLAIN.with_order(Order::FirstOpened),
        )
    },
    ClientPreset {
        asks: Use::Off,
        ..preset(
            "aiohttp",
            "100 in use at once, 15 s; the longest idle first; a request takes 300 s at most, its wait included",
            "aio-libs/aiohttp aiohttp/connector.py, aiohttp/client.py (3.14)",
            ANY.with_total(Some(100)),
            idle(15).with_wait(secs(300)),
            PLAIN.with_order(Order::Oldest),
        )
    },
    ClientPreset {
        // what has no content, whatever its method; what has content, only before any of it was sent
        attempts: Some(4),
        asks: Use::Off,
        ..preset(
            "dotnet",
            "SocketsHttpHandler: any number, 60 s (120 s before .NET 6), or the hint less 1 s; looked at before they are used; repeats \
             what has no content, 3 times",
            "dotnet/runtime src/libraries/System.Net.Http/src/System/Net/Http/SocketsHttpHandler/HttpConnection.cs, \
             ConnectionPool/HttpConnectionPool.cs; learn.microsoft.com, SocketsHttpHandler.PooledConnectionIdleTimeout",
            ANY,
            idle(60).with_look_after(secs(0)).with_margin(Duration::from_secs(1)),
            HINTED,
        )
    },
    preset(
        "httpclient-5",
        "5 to a route, 25 in all; the hint, else 3 min; looked at after 2 s",
        "apache/httpcomponents-client PoolingHttpClientConnectionManager.java, DefaultConnectionKeepAliveStrategy.java",
        ANY.with_per_origin(Some(5)).with_total(Some(25)),
        idle(180).with_look_after(secs(2)),
        HINTED,
    ),
    ClientPreset {
        repeats: Repeats::Any,
        ..preset(
            "okhttp",
            "5 idle ones for 5 min; the longest idle goes",
            "square/okhttp ConnectionPool.kt, RealConnectionPool.kt, RetryAndFollowUpInterceptor.kt",
            ANY.with_idle_total(Some(5)),
            idle(300),
            PLAIN.with_order(Order::FirstOpened),
        )
    },
    ClientPreset {
        attempts: Some(5),
        ..preset(
            "jdk-http",
            "30 s; the first that came back first",
            "openjdk/jdk src/java.net.http ConnectionPool.java, module-info.java",
            ANY,
            idle(30),
            PLAIN.with_order(Order::Oldest).with_eviction(Eviction::NearestExpiry),
        )
    },
];
