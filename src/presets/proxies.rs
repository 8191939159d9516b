//! Proxies and load balancers towards their servers. Where a source is a file, it is of the system's own repository.

use super::clients::{ANY, FOR_EVER, GO, HINTED, PLAIN, idle, preset};
use super::{ClientPreset, Repeats, secs};
use crate::config::Use;
use crate::pool::{Order, ReuseMode};

pub(super) const PROXIES: &[ClientPreset] = &[
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
            "32 idle ones for each worker, 60 s, 1000 requests, an hour, by HTTP/1.1: so by default since 1.29.7; the last used first",
            "nginx/nginx src/http/modules/ngx_http_upstream_keepalive_module.c, ngx_http_upstream.c; docs/xml/nginx/changes.xml",
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
    ClientPreset {
        unknown: &["repeats"],
        ..preset(
            "cloudflare",
            "keeps connections to origin servers for 900 s, and answers 520 where one of them is closed first",
            "developers.cloudflare.com/fundamentals/reference/connection-limits: Proxy Idle Timeout",
            ANY,
            idle(900),
            PLAIN,
        )
    },
    ClientPreset {
        repeats: Repeats::Nothing,
        attempts: Some(1),
        ..preset(
            "heroku",
            "Router 2.0 keeps connections to dynos for 90 s; a request that meets a close fails",
            "devcenter.heroku.com/articles/http-routing#keepalives; heroku/python-getting-started#261",
            ANY,
            idle(90),
            PLAIN,
        )
    },
    ClientPreset {
        unknown: &["used_idle", "repeats"],
        ..preset(
            "azure-gateway",
            "Application Gateway keeps connections to its backends; for how long is not said",
            "MicrosoftDocs/azure-docs articles/application-gateway/application-gateway-faq.yml",
            ANY,
            FOR_EVER,
            PLAIN,
        )
    },
    ClientPreset {
        asks: Use::Off,
        ..preset(
            "caddy-upstream",
            "32 idle ones to a host, 120 s; Go's transport: the last used first",
            "caddyserver/caddy modules/caddyhttp/reverseproxy/httptransport.go; golang/go src/net/http/transport.go",
            ANY.with_idle_per_origin(Some(32)),
            idle(120),
            GO,
        )
    },
    ClientPreset {
        asks: Use::Off,
        ..preset(
            "traefik-upstream",
            "200 idle ones to a host, 90 s; Go's transport: the last used first",
            "traefik/traefik cmd/configuration.go, pkg/server/service/transport.go, pkg/config/static/static_config.go; golang/go \
             src/net/http/transport.go",
            ANY.with_idle_per_origin(Some(200)),
            idle(90),
            GO,
        )
    },
];
