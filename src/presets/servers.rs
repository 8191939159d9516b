//! The servers. Where a source is a file, it is of the system's own repository.

use core::time::Duration;

use super::application_servers::APPLICATION_SERVERS;
use super::{HeadTimer, ServerPreset, joined, secs};
use crate::config::{AgeClose, IdleClose, KeepAliveField, Limits, Policy, Timeouts, Use};

/// No limits in time but those that a drain and a half-closed client have by default, and a close is done at once.
pub(super) const NONE: Timeouts = Timeouts::DEFAULT
    .with_first_octet(None)
    .with_idle(None)
    .with_idle_advertised(None)
    .with_idle_shield(None)
    .with_head(None)
    .with_head_rate(None)
    .with_head_cap(None)
    .with_content_gap(None)
    .with_content_rate(None)
    .with_write_stall(None)
    .with_linger(secs(0))
    .with_linger_gap(secs(0))
    .with_age(None);

const UNCOUNTED: Limits = Limits::DEFAULT.with_max_exchanges(None);

/// The `Keep-Alive` field is not sent, and a head that takes too long is cut in silence.
pub(super) const SILENT: Policy =
    Policy::DEFAULT.with_keep_alive_field(KeepAliveField::Never).with_request_timeout_response(Use::Off);

/// Apache httpd before 2.4: one timeout for every read and write, and a linger of 30 s that ends 2 s after the last octet.
const fn apache(io: u64, idle: u64) -> Timeouts {
    NONE.with_first_octet(secs(io))
        .with_head(secs(io))
        .with_content_gap(secs(io))
        .with_write_stall(secs(io))
        .with_idle(secs(idle))
        // what is announced is what is enforced: there is no guard for a client that keeps to it until the last moment
        .with_idle_advertised(secs(idle))
        .with_linger(secs(30))
        .with_linger_gap(secs(2))
}

/// `max` counts down from 100, and the response after `max=1` says `close`: 101 requests in all.
const APACHE_REQUESTS: Limits = Limits::DEFAULT.with_max_exchanges(Some(101));

/// Go's net/http: unread content up to 256 KiB is read, and 500 ms pass between the FIN and the close.
const GO: Timeouts =
    NONE.with_linger(Some(Duration::from_millis(500))).with_linger_gap(Some(Duration::from_millis(500)));
const GO_LIMITS: Limits = UNCOUNTED.with_unread_octets(Some(256 * 1024));

pub(super) const fn preset(
    name: &'static str,
    about: &'static str,
    source: &'static str,
    timeouts: Timeouts,
) -> ServerPreset {
    ServerPreset {
        name,
        about,
        source,
        limits: UNCOUNTED,
        timeouts,
        policy: SILENT,
        head_timer: HeadTimer::Own,
        connections: None,
        unknown: &[],
    }
}

/// Every server there is.
pub const SERVERS: &[ServerPreset] =
    &joined::<ServerPreset, { SERVERS_AND_PROXIES.len() + APPLICATION_SERVERS.len() }>(&[
        SERVERS_AND_PROXIES,
        APPLICATION_SERVERS,
    ]);

const SERVERS_AND_PROXIES: &[ServerPreset] = &[
    ServerPreset {
        limits: Limits::DEFAULT,
        policy: Policy::DEFAULT,
        ..preset(
            "crate-default",
            "65 s, of which 60 s are told: longer than the 60 s of common load balancers, with a guard of 5 s; 1000 requests, an hour",
            "the docs of Limits, Timeouts and Policy",
            Timeouts::DEFAULT,
        )
    },
    ServerPreset {
        limits: Limits::DEFAULT.with_max_exchanges(Some(6)),
        policy: Policy::DEFAULT,
        unknown: &["idle_advertised", "first_octet", "head", "content_gap", "write_stall", "linger", "linger_gap"],
        ..preset(
            "apache-1.1",
            "the first with KeepAlive: 15 s, MaxKeepAliveRequests 5",
            "docs.oracle.com/cd/B13789_01/server.101/q20201/keepalive.html, a copy of the page of Apache 1.1",
            NONE.with_idle(secs(15)),
        )
    },
    ServerPreset {
        limits: APACHE_REQUESTS,
        policy: Policy::DEFAULT,
        connections: Some(256),
        ..preset(
            "apache-2.0",
            "15 s and 101 requests, MaxClients 256; the Keep-Alive field only to a client that sent keep-alive",
            "apache/httpd include/httpd.h, modules/http/http_protocol.c, server/connection.c of 1.3.x and 2.0.x",
            apache(300, 15),
        )
    },
    ServerPreset {
        limits: APACHE_REQUESTS,
        policy: Policy::DEFAULT,
        connections: Some(256),
        ..preset(
            "apache-2.2",
            "5 s since 2005, else as 2.0",
            "apache/httpd include/httpd.h of 2.2.x, commit 6efa778213",
            apache(300, 5),
        )
    },
    ServerPreset {
        limits: APACHE_REQUESTS,
        policy: Policy::DEFAULT,
        ..preset(
            "apache-2.4",
            "5 s and 101 requests; mod_reqtimeout bounds heads (20 s to 40 s) and content by a rate of 500 octets a second",
            "apache/httpd include/httpd.h, server/mpm/event/event.c, docs/manual/mod/mod_reqtimeout.xml of 2.4.x",
            apache(60, 5)
                .with_head(secs(20))
                .with_head_rate(Some(500))
                .with_head_cap(secs(40))
                .with_content_gap(secs(20))
                .with_content_rate(Some(500)),
        )
    },
    ServerPreset {
        limits: Limits::DEFAULT.with_max_exchanges(Some(1000)),
        policy: SILENT.with_request_timeout_response(Use::On).with_age_close(AgeClose::Announced),
        connections: Some(512),
        ..preset(
            "nginx",
            "75 s, 1000 requests, an hour, 512 worker_connections; says nothing of it unless keepalive_timeout has a second value; \
             keepalive_min_timeout (1.27.4), which is off, is idle_shield: no close before it, in a graceful stop neither",
            "nginx/nginx src/http/ngx_http_core_module.c, ngx_http_request.c; docs/xml/nginx/changes.xml",
            NONE.with_idle(secs(75))
                .with_age(secs(3600))
                .with_first_octet(secs(60))
                .with_head(secs(60))
                .with_content_gap(secs(60))
                .with_write_stall(secs(60))
                .with_linger(secs(30))
                .with_linger_gap(secs(5)),
        )
    },
    ServerPreset {
        // the response after the thousandth says `close`
        limits: Limits::DEFAULT.with_max_exchanges(Some(1001)),
        ..preset(
            "lighttpd",
            "5 s and 1001 requests; 60 s between two reads, but 5 s in the head of a later request, and nothing bounds a head as a whole; \
             360 s for a write; a stop takes 8 s",
            "lighttpd/lighttpd1.4 src/configfile.c, src/h1.c, src/connections.c, src/server.c",
            NONE.with_idle(secs(5))
                .with_first_octet(secs(60))
                .with_content_gap(secs(60))
                .with_write_stall(secs(360))
                .with_drain(secs(8))
                .with_linger(secs(5))
                .with_linger_gap(secs(5)),
        )
    },
    ServerPreset {
        policy: SILENT.with_request_timeout_response(Use::On),
        unknown: &["idle", "head", "first_octet"],
        ..preset(
            "haproxy-front",
            "timeout http-keep-alive, or else http-request, or else client: all unset; 408 for a head, silence for an idle connection; \
             in a soft stop idle connections close at once unless idle-close-on-response is on",
            "haproxy/haproxy doc/configuration.txt, src/http_ana.c",
            NONE,
        )
    },
    preset(
        "envoy-down",
        "an hour, no cap; a close is delayed by 1 s, a drain takes 5 s",
        "envoyproxy/envoy api/envoy/config/core/v3/protocol.proto and http_connection_manager.proto",
        NONE.with_idle(secs(3600)).with_linger(secs(1)).with_linger_gap(secs(1)).with_drain(secs(5)),
    ),
    ServerPreset {
        policy: Policy::DEFAULT.with_keep_alive_field(KeepAliveField::Always),
        ..preset(
            "node",
            "keepAliveTimeout 5 s, which is told, and a buffer of 1 s; heads 60 s, requests 300 s",
            "nodejs/node lib/_http_server.js, doc/api/http.md (nodejs/node#59315)",
            NONE.with_idle(secs(6))
                .with_idle_advertised(secs(5))
                .with_first_octet(secs(60))
                .with_head(secs(60))
                .with_exchange(secs(300)),
        )
    },
    ServerPreset {
        policy: Policy::DEFAULT.with_keep_alive_field(KeepAliveField::Always),
        ..preset(
            "node-20",
            "keepAliveTimeout 5 s, which is told and enforced: no buffer",
            "nodejs/node lib/_http_server.js before nodejs/node#59315",
            NONE.with_idle(secs(5))
                .with_idle_advertised(secs(5))
                .with_first_octet(secs(60))
                .with_head(secs(60))
                .with_exchange(secs(300)),
        )
    },
    ServerPreset {
        limits: GO_LIMITS,
        ..preset(
            "go-server",
            "no limit unless IdleTimeout or ReadTimeout is set; reads 256 KiB of unread content, and waits 500 ms after its FIN",
            "golang/go src/net/http/server.go",
            GO,
        )
    },
    ServerPreset {
        limits: GO_LIMITS,
        ..preset(
            "caddy",
            "5 min; heads 60 s, 60 s for each read of content and each write; a stop waits for as long as exchanges take",
            "caddyserver/caddy modules/caddyhttp/app.go; golang/go src/net/http/server.go",
            GO.with_idle(secs(300))
                .with_drain(None)
                .with_first_octet(secs(60))
                .with_head(secs(60))
                .with_content_gap(secs(60))
                .with_write_stall(secs(60)),
        )
    },
    ServerPreset {
        limits: GO_LIMITS,
        ..preset(
            "traefik",
            "180 s; 60 s for a whole request, of which the time of its head is said here; a stop takes 10 s; neither keepAliveMaxRequests \
             nor keepAliveMaxTime unless it is set",
            "traefik/traefik pkg/config/static/static_config.go, pkg/server/server_entrypoint_tcp.go; golang/go src/net/http/server.go",
            GO.with_idle(secs(180)).with_first_octet(secs(60)).with_head(secs(60)).with_drain(secs(10)),
        )
    },
    ServerPreset {
        head_timer: HeadTimer::SharedWithIdle,
        ..preset(
            "hyper-server",
            "one timer of 30 s from the end of a response to the end of the next head, if it is given a timer at all",
            "hyperium/hyper src/server/conn/http1.rs, src/proto/h1/conn.rs",
            NONE.with_first_octet(secs(30)).with_idle(secs(30)).with_head(secs(30)),
        )
    },
    preset(
        "pingora-server",
        "60 s, and 60 s for each read",
        "cloudflare/pingora pingora-core/src/protocols/http/v1/server.rs, src/apps/mod.rs",
        NONE.with_idle(secs(60)).with_first_octet(secs(60)).with_head(secs(60)).with_content_gap(secs(60)),
    ),
    preset(
        "gunicorn",
        "the threaded worker: 2 s, also for the first request",
        "benoitc/gunicorn gunicorn/config.py, workers/gthread.py",
        NONE.with_idle(secs(2)).with_first_octet(secs(2)).with_drain(secs(30)),
    ),
    ServerPreset {
        limits: Limits::DEFAULT.with_max_exchanges(Some(100)),
        ..preset(
            "tomcat",
            "keepAliveTimeout = connectionTimeout = 60 s (20 s in the server.xml that comes with it), 100 requests",
            "Tomcat's HTTP connector docs; cloudfoundry/java-buildpack#881, spring-projects/spring-boot#25805",
            NONE.with_idle(secs(60)).with_first_octet(secs(60)).with_head(secs(60)),
        )
    },
    ServerPreset {
        unknown: &["head", "first_octet"],
        policy: SILENT.with_age_close(AgeClose::Announced),
        ..preset(
            "squid-front",
            "2 min, a day",
            "squid-cache.org/Doc/config: client_idle_pconn_timeout, client_lifetime, pconn_lifetime",
            NONE.with_idle(secs(120)).with_age(secs(86_400)),
        )
    },
    preset(
        "gcp-lb-front",
        "610 s towards clients",
        "cloud.google.com/load-balancing, request-distribution",
        NONE.with_idle(secs(610)),
    ),
    preset(
        "aws-alb-front",
        "60 s towards clients, unless idle_timeout.timeout_seconds is set",
        "docs.aws.amazon.com, edit-load-balancer-attributes",
        NONE.with_idle(secs(60)),
    ),
    ServerPreset {
        unknown: &["head", "first_octet"],
        ..preset(
            "cloudflare-front",
            "400 s towards clients",
            "developers.cloudflare.com/fundamentals/reference/connection-limits",
            NONE.with_idle(secs(400)),
        )
    },
    ServerPreset {
        unknown: &["head", "first_octet"],
        ..preset(
            "azure-gateway-front",
            "Application Gateway: 120 s towards clients, of both kinds; until 2023 its documents had 75 s for v2",
            "MicrosoftDocs/azure-docs articles/application-gateway/application-gateway-faq.yml; docs.azure.cn, application-gateway-faq",
            NONE.with_idle(secs(120)),
        )
    },
    ServerPreset {
        limits: UNCOUNTED,
        policy: Policy::DEFAULT.with_idle_close(IdleClose::Staged),
        ..preset(
            "behind-aws-alb",
            "a server fit to stand behind a load balancer that keeps connections for 60 s: 75 s, told 65 s, and no end by count or age, \
             which the balancer would meet as a 502",
            "docs.aws.amazon.com: the target's keep-alive is to be longer than the idle timeout",
            Timeouts::DEFAULT
                .with_idle(secs(75))
                .with_idle_advertised(secs(65))
                .with_first_octet(secs(75))
                .with_age(None),
        )
    },
    ServerPreset {
        limits: UNCOUNTED,
        policy: Policy::DEFAULT.with_idle_close(IdleClose::Staged),
        ..preset(
            "behind-gcp-lb",
            "a server fit to stand behind a load balancer that keeps connections for 600 s: 630 s, told 620 s, and no end by count or \
             age",
            "cloud.google.com/load-balancing: the backend's keep-alive is to be longer than 600 s, 620 s",
            Timeouts::DEFAULT
                .with_idle(secs(630))
                .with_idle_advertised(secs(620))
                .with_first_octet(secs(630))
                .with_age(None),
        )
    },
];
