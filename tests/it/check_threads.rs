//! Public threads in which people found by hand which side lost their requests: the checker names the loss, and its cure ends it.

use std::time::Duration;

use crate::check::{client, seconds, server};
use http_keepalive::check::{Hazard, Network, Severity, check};
use http_keepalive::presets::{ClientPreset, ServerPreset};

/// A data centre.
const NETWORK: Network = Network::of(Duration::from_millis(1));

/// Requests are lost by the idle race, and the one change that is named ends it.
#[track_caller]
fn assert_lost_and_cured(mut client: ClientPreset, mut server: ServerPreset, cure: &str) {
    let findings = check(&client, &server, &NETWORK);
    let worst = findings.first().expect("something is found");
    assert_eq!((worst.severity, worst.hazard), (Severity::Error, Hazard::IdleRace), "{findings:#?}");
    let named = worst.cure.expect("there is a cure");
    assert_eq!(named.to_string(), cure);
    assert!(named.apply(&mut client, &mut server));
    let left = check(&client, &server, &NETWORK);
    assert!(left.iter().all(|one| one.hazard != Hazard::IdleRace && one.severity < Severity::Error), "{left:#?}");
}

/// growthbook/growthbook-proxy#134: a load balancer of 60 s, Node's 5 s, and 502s whose rate falls with traffic.
#[test]
fn growthbook_proxy_134() {
    assert_lost_and_cured(client("aws-alb"), server("node"), "server: idle = 60011ms");
}

/// OpenCTI-Platform/opencti#17648: the same, with a Node that adds nothing to what it tells.
#[test]
fn opencti_17648() {
    assert_lost_and_cured(client("aws-alb"), server("node-20"), "server: idle = 60011ms");
}

/// cardstack/boxel#6107: a balancer that is set to 4000 s, and Node's default; 2 to 30 502s an hour.
#[test]
fn boxel_6107() {
    let mut balancer = client("aws-alb");
    balancer.timeouts = balancer.timeouts.with_used_idle(seconds(4000));
    assert_lost_and_cured(balancer, server("node"), "server: idle = 4000011ms");
}

/// fleetdm/fleet#51461: a balancer that is set to 905 s, and a Go server with an `IdleTimeout` of 5 min.
#[test]
fn fleet_51461() {
    let (mut balancer, mut go) = (client("aws-alb"), server("go-server"));
    balancer.timeouts = balancer.timeouts.with_used_idle(seconds(905));
    go.timeouts = go.timeouts.with_idle(seconds(300));
    assert_lost_and_cured(balancer, go, "server: idle = 905011ms");
}

/// duolahypercho/codex-router#165: a client of hyper's that pools for 90 s and does not read the `Keep-Alive: timeout=5` of a Node
/// server, which closes at 6 s: 84 turns lost in three weeks.
#[test]
fn codex_router_165() {
    assert_lost_and_cured(client("reqwest"), server("node"), "server: idle = 90011ms");
    // had it read the field, and taken something off, nothing would have been lost
    let mut reading = client("reqwest");
    reading.policy.hints = http_keepalive::Use::On;
    let findings = check(&reading, &server("node"), &NETWORK);
    assert!(findings.iter().all(|one| one.severity < Severity::Error), "{findings:#?}");
}

/// What nginx has done by default since 1.29.7, in front of what stands behind it most often.
#[test]
fn nginx_as_it_comes_in_front_of_application_servers() {
    for name in ["uvicorn", "gunicorn", "hypercorn", "node", "bun", "jetty", "cowboy", "lighttpd"] {
        let mut server = server(name);
        // one timer for idleness and head is a finding of its own
        server.head_timer = http_keepalive::presets::HeadTimer::Own;
        assert_lost_and_cured(client("nginx-upstream"), server, "server: idle = 60011ms");
    }
    let line = check(&client("nginx-upstream"), &server("uvicorn"), &NETWORK)[0];
    assert_eq!(
        line.to_string(),
        "a request can arrive 60001ms after the last response, and the server closes after 5s"
    );
    // these keep for longer
    for name in ["kestrel", "caddy", "traefik", "deno", "iis", "nginx"] {
        let findings = check(&client("nginx-upstream"), &server(name), &NETWORK);
        assert!(findings.iter().all(|one| one.severity < Severity::Error), "{name}: {findings:#?}");
    }
}

#[test]
fn the_routers_of_clouds_in_front_of_application_servers() {
    for (router, millis) in
        [("heroku", 90_011), ("cloudflare", 900_011), ("traefik-upstream", 90_011), ("caddy-upstream", 120_011)]
    {
        for name in ["uvicorn", "gunicorn", "node"] {
            assert_lost_and_cured(client(router), server(name), &format!("server: idle = {}", shown(millis)));
        }
    }
    fn shown(millis: u64) -> String {
        format!("{millis}ms")
    }
}
