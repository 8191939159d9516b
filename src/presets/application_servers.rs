//! The servers that stand in an application's own process. Where a source is a file, it is of the system's own repository.

use super::servers::{NONE, SILENT, preset};
use super::{HeadTimer, ServerPreset, secs};
use crate::config::{Limits, Use};

pub(super) const APPLICATION_SERVERS: &[ServerPreset] = &[
    preset(
        "uvicorn",
        "5 s after a response, and no other timer; a stop waits for as long as exchanges take",
        "Kludex/uvicorn uvicorn/config.py, uvicorn/protocols/http/h11_impl.py, httptools_impl.py",
        NONE.with_idle(secs(5)).with_drain(None),
    ),
    ServerPreset {
        limits: Limits::DEFAULT.with_max_exchanges(Some(1000)),
        head_timer: HeadTimer::SharedWithIdle,
        ..preset(
            "hypercorn",
            "5 s from the opening, or from a response, to the end of the next head; 1000 requests; a stop takes 3 s",
            "pgjones/hypercorn src/hypercorn/config.py, asyncio/tcp_server.py, protocol/h11.py",
            NONE.with_idle(secs(5)).with_first_octet(secs(5)).with_head(secs(5)).with_drain(secs(3)),
        )
    },
    ServerPreset {
        head_timer: HeadTimer::SharedWithIdle,
        ..preset(
            "aiohttp",
            "run_app: 75 s from the opening, or from a response, to the end of the next head; a stop takes 60 s",
            "aio-libs/aiohttp aiohttp/web.py, aiohttp/web_protocol.py (3.14)",
            NONE.with_idle(secs(75)).with_first_octet(secs(75)).with_head(secs(75)).with_drain(secs(60)),
        )
    },
    ServerPreset {
        head_timer: HeadTimer::SharedWithIdle,
        ..preset(
            "bun",
            "Bun.serve: 10 s, swept every 4 s, from the opening, or from a response, to the end of the next head; content slower than \
             16 KiB a second ends after as long; a stop waits for as long as exchanges take",
            "oven-sh/bun src/bun.js/api/server/ServerConfig.zig, packages/bun-uws/src/HttpContext.h; bun.sh/docs/api/http for the stop",
            NONE.with_idle(secs(10))
                .with_drain(None)
                .with_first_octet(secs(10))
                .with_head(secs(10))
                .with_content_gap(secs(10))
                .with_content_rate(Some(16 * 1024)),
        )
    },
    preset(
        "deno",
        "Deno.serve: no timer at all; at a stop idle connections close at once, and the others end with their exchanges",
        "denoland/deno ext/http/http_next.rs, libs/http_h1/conn.rs",
        NONE.with_drain(None),
    ),
    ServerPreset {
        limits: Limits::DEFAULT.with_max_exchanges(Some(1000)),
        policy: SILENT.with_request_timeout_response(Use::On),
        head_timer: HeadTimer::SharedWithIdle,
        ..preset(
            "cowboy",
            "5 s from the opening, or from a response, to the end of the next head; 1000 requests; within an exchange 60 s without an \
             octet from the client end it, also while the response is sent; a stop takes 5 s",
            "ninenines/cowboy src/cowboy_http.erl; ninenines/ranch src/ranch_conns_sup.erl",
            NONE.with_idle(secs(5))
                .with_first_octet(secs(5))
                .with_head(secs(5))
                .with_content_gap(secs(60))
                .with_drain(secs(5))
                .with_linger(secs(1))
                .with_linger_gap(secs(1)),
        )
    },
    ServerPreset {
        policy: SILENT.with_request_timeout_response(Use::On),
        ..preset(
            "kestrel",
            "130 s; heads 30 s; content, and each write, at 240 octets a second after 5 s, which are not said here; a stop takes 30 s",
            "dotnet/aspnetcore src/Servers/Kestrel/Core/src/KestrelServerLimits.cs, src/Internal/Http/Http1Connection.cs; \
             EventStore/EventStore#4110 for the stop",
            NONE.with_idle(secs(130)).with_first_octet(secs(130)).with_head(secs(30)).with_drain(secs(30)),
        )
    },
    preset(
        "jetty",
        "30 s without an octet either way, also within a head, of which nothing bounds the whole; a stop takes 5 s",
        "jetty/jetty.project jetty-core/jetty-server/src/main/java/org/eclipse/jetty/server/AbstractConnector.java, \
         src/main/config/etc/jetty.xml (12.0)",
        NONE.with_idle(secs(30))
            .with_first_octet(secs(30))
            .with_content_gap(secs(30))
            .with_write_stall(secs(30))
            .with_drain(secs(5)),
    ),
    ServerPreset {
        unknown: &["linger", "linger_gap", "drain"],
        ..preset(
            "iis",
            "HTTP.sys: 120 s for an idle connection, for a head, and between two pieces of content; a response slower than 150 octets a \
             second, of IIS 240, ends, which is not said here",
            "learn.microsoft.com: windows/win32/http/server-timeouts-property; iis/configuration/system.applicationhost/weblimits",
            NONE.with_idle(secs(120)).with_first_octet(secs(120)).with_head(secs(120)).with_content_gap(secs(120)),
        )
    },
];
