//! The browsers, and what the RFCs ask of their kind. Where a source is a file, it is of the system's own repository.

use super::clients::{ANY, FOR_EVER, PLAIN, WAITING, idle, preset};
use super::{ClientPreset, Repeats, secs};
use crate::config::{RequestHint, Use};
use crate::pool::Order;

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

pub(super) const BROWSERS: &[ClientPreset] = &[
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
];
