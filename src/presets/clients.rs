//! The clients and pools. Where a source is a file, it is of the system's own repository.

use core::time::Duration;

use super::{ClientPreset, Repeats, secs};
use crate::config::{RequestHint, Use};
use crate::pool::{Eviction, Excess, Order, PoolLimits, PoolPolicy, PoolTimeouts, ReuseMode};

/// Any number of connections.
const ANY: PoolLimits =
    PoolLimits::DEFAULT.with_per_origin(None).with_per_proxy(None).with_total(None).with_waiters(u32::MAX);

/// For any time, and taken as they are.
const FOR_EVER: PoolTimeouts = PoolTimeouts::DEFAULT
    .with_used_idle(None)
    .with_unused_idle(None)
    .with_age(None)
    .with_wait(None)
    .with_lease(None)
    .with_look_after(None)
    .with_margin(Duration::ZERO)
    .with_suspension(None);

const fn idle(seconds: u64) -> PoolTimeouts {
    FOR_EVER.with_used_idle(secs(seconds)).with_unused_idle(secs(seconds))
}

/// The last used first; the peer's hint means nothing.
const PLAIN: PoolPolicy = PoolPolicy::DEFAULT.with_hints(Use::Off).with_jitter_percent(0);

const HINTED: PoolPolicy = PLAIN.with_hints(Use::On);

/// Nothing is closed to make room: who needs a place waits.
const WAITING: PoolPolicy = PLAIN.with_eviction(Eviction::Never);

const fn preset(
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

const fn firefox(
    name: &'static str,
    about: &'static str,
    per_server: u32,
    per_proxy: u32,
    seconds: u64,
    hint: RequestHint,
) -> ClientPreset {
    ClientPreset {
        request_hint: hint,
        max_hint: Use::On,
        repeats: Repeats::Any,
        attempts: Some(10),
        ..preset(
            name,
            about,
            "mozilla/gecko-dev modules/libpref/init/all.js, netwerk/protocol/http/nsHttpConnection.cpp (bug 491541); \
             kb.mozillazine.org. Repetition and hints are carried back from later sources",
            ANY.with_per_origin(Some(per_server)).with_per_proxy(Some(per_proxy)).with_total(Some(256)),
            idle(seconds),
            WAITING.with_hints(Use::On),
        )
    }
}

const fn internet_explorer(
    name: &'static str,
    about: &'static str,
    per_server: u32,
    per_http10_server: u32,
) -> ClientPreset {
    ClientPreset {
        unknown: &["per_proxy", "repeats"],
        ..preset(
            name,
            about,
            "support.microsoft.com/kb/813827; learn.microsoft.com cc304129; blog.danbartels.com 2006. KeepAliveTimeout, \
             MaxConnectionsPerServer, MaxConnectionsPer1_0Server in the registry; bounded by ServerInfoTimeout, 120 s",
            ANY.with_per_origin(Some(per_server)).with_per_http10_origin(Some(per_http10_server)),
            idle(60),
            WAITING,
        )
    }
}

const fn opera(name: &'static str, about: &'static str, per_server: u32, total: Option<u32>) -> ClientPreset {
    ClientPreset {
        depth: 4,
        unknown: &["used_idle", "per_proxy", "repeats"],
        ..preset(
            name,
            about,
            "Souders, roundup on parallel connections; web3.lu concurrent connections. Both numbers are preferences of its user",
            ANY.with_per_origin(Some(per_server)).with_total(total),
            FOR_EVER,
            WAITING,
        )
    }
}

/// Every client there is.
pub const CLIENTS: &[ClientPreset] = &[
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
    preset(
        "rfc2616-client",
        "2 connections to any server or proxy",
        "RFC 2616 8.1.4",
        ANY.with_per_origin(Some(2)).with_per_proxy(Some(2)),
        FOR_EVER,
        PLAIN,
    ),
    preset(
        "rfc2616-proxy",
        "2 connections for each user to any server or proxy; the number of users is set at run time",
        "RFC 2616 8.1.4",
        ANY.with_per_user(Some(2)),
        FOR_EVER,
        PLAIN,
    ),
    preset(
        "rfc9112",
        "no number, but conservatively few: as browsers",
        "RFC 9112 9.4",
        ANY.with_per_origin(Some(6)).with_per_proxy(Some(6)),
        FOR_EVER,
        PLAIN,
    ),
    ClientPreset {
        unknown: &["per_origin", "per_proxy", "repeats"],
        ..preset(
            "netscape-4",
            "15 connections in all, for any time; the least recently used goes when a new one is needed elsewhere",
            "pages.cs.wisc.edu/~cao/papers/persistent-connection.html, measured on 4.05; its count for a server is a preference, 4",
            ANY.with_per_origin(Some(4)).with_total(Some(15)),
            FOR_EVER,
            PLAIN,
        )
    },
    internet_explorer("ie-6", "2 connections to a server, 4 to an HTTP/1.0 one; 60 s", 2, 4),
    internet_explorer("ie-7", "as version 6", 2, 4),
    internet_explorer("ie-8", "6 connections to a server, 2 by dial-up; 60 s", 6, 6),
    firefox(
        "firefox-2",
        "2 persistent connections to a server, 4 to a proxy; 300 s",
        2,
        4,
        300,
        RequestHint::BareNumber,
    ),
    firefox("firefox-3", "3.0 to 3.5: 6 to a server, 8 to a proxy; 300 s", 6, 8, 300, RequestHint::BareNumber),
    firefox("firefox-3.6", "6 to a server, 8 to a proxy; 115 s", 6, 8, 115, RequestHint::BareNumber),
    ClientPreset {
        limits: ANY.with_per_origin(Some(6)).with_per_proxy(Some(32)).with_total(Some(900)),
        policy: WAITING.with_hints(Use::On).with_order(Order::Warmest),
        ..firefox(
            "firefox",
            "6 to a server, 32 to a proxy, 900 in all; 115 s or the hint; the one that has read most first",
            6,
            32,
            115,
            RequestHint::Silent,
        )
    },
    opera("opera-9", "4 connections to a server", 4, None),
    opera("opera-10", "8 connections to a server", 8, None),
    opera("opera-11", "6 connections to a server, 35 in all", 6, Some(35)),
    ClientPreset {
        repeats: Repeats::Any,
        attempts: None,
        ..preset(
            "chromium",
            "6 to a server, 32 to a proxy, 256 in all; used ones 300 s, others 10 s; the newest used, else the oldest unused; repeats \
             until a fresh connection fails",
            "chromium/chromium net/socket/client_socket_pool.cc, transport_client_socket_pool.cc, client_socket_pool_manager.cc",
            ANY.with_per_origin(Some(6)).with_per_proxy(Some(32)).with_total(Some(256)),
            FOR_EVER.with_used_idle(secs(300)).with_unused_idle(secs(10)),
            PLAIN,
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
            PLAIN.with_used_first(Use::Off).with_origin_excess(Excess::Returned),
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
        repeats: Repeats::Any,
        attempts: Some(16),
        ..preset(
            "pingora-pool",
            "128 for each thread; no time limit unless the peer is given one; the hint",
            "cloudflare/pingora pingora-pool/src/connection.rs, lru.rs",
            ANY.with_idle_total(Some(128)),
            FOR_EVER.with_look_after(secs(0)),
            HINTED.with_order(Order::Oldest),
        )
    },
    ClientPreset {
        asks: Use::Off,
        ..preset(
            "nginx-upstream",
            "32 idle ones for each worker, 60 s, 1000 requests, an hour; the last used first",
            "nginx/nginx src/http/modules/ngx_http_upstream_keepalive_module.c, ngx_http_upstream.c",
            ANY.with_idle_total(Some(32)).with_uses(Some(1000)),
            idle(60).with_age(secs(3600)),
            PLAIN,
        )
    },
    ClientPreset {
        repeats: Repeats::Nothing,
        attempts: Some(3),
        ..preset(
            "haproxy-back",
            "half of the idle ones go every 5 s; safe reuse; connects are repeated, requests are not",
            "haproxy/haproxy src/server.c, src/backend.c, include/haproxy/defaults.h",
            ANY,
            FOR_EVER.with_purge(secs(5)),
            PLAIN.with_reuse(ReuseMode::Safe),
        )
    },
    ClientPreset {
        repeats: Repeats::Nothing,
        attempts: Some(1),
        asks: Use::Off,
        ..preset(
            "envoy-up",
            "an hour; the last used first; 1024 connections by its circuit breaker",
            "envoyproxy/envoy source/common/conn_pool/conn_pool_base.cc, api/envoy/config/core/v3/protocol.proto",
            ANY.with_total(Some(1024)),
            idle(3600),
            PLAIN,
        )
    },
    ClientPreset {
        unknown: &["order", "repeats"],
        ..preset("squid-back", "60 s", "squid-cache.org/Doc/config: server_idle_pconn_timeout", ANY, idle(60), PLAIN)
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
    ClientPreset {
        repeats: Repeats::Nothing,
        attempts: Some(1),
        ..preset(
            "aws-alb",
            "a load balancer that keeps connections to its targets for 60 s, and answers 502 where a target closed first",
            "docs.aws.amazon.com, edit-load-balancer-attributes; nodejs/node#20256 and many like it",
            ANY,
            idle(60),
            PLAIN,
        )
    },
    ClientPreset {
        repeats: Repeats::Nothing,
        attempts: Some(1),
        ..preset(
            "gcp-lb",
            "a load balancer that keeps connections to its backends for 600 s, which can not be changed",
            "cloud.google.com/load-balancing, request-distribution",
            ANY,
            idle(600),
            PLAIN,
        )
    },
];
