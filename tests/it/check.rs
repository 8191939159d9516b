//! The checker: the incidents it is to find, each with its source; the pairs it is to find nothing grave in; and its cures.

use std::time::Duration;

use http_keepalive::check::{Finding, Hazard, Hop, Network, Severity, Side, To, check, check_chain};
use http_keepalive::presets::{self, ClientPreset, Repeats, ServerPreset};
use http_keepalive::{KeepAliveField, Limits, Policy, Timeouts, Use};

pub const NETWORK: Network = Network::of(Duration::from_millis(50));

pub fn client(name: &str) -> ClientPreset {
    *presets::client(name).unwrap_or_else(|| panic!("no client {name}"))
}

pub fn server(name: &str) -> ServerPreset {
    *presets::server(name).unwrap_or_else(|| panic!("no server {name}"))
}

pub fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

pub fn found(client: &ClientPreset, server: &ServerPreset, hazard: Hazard) -> Option<Finding> {
    check(client, server, &NETWORK).into_iter().find(|finding| finding.hazard == hazard)
}

#[track_caller]
pub fn assert_found(client: &ClientPreset, server: &ServerPreset, severity: Severity, hazard: Hazard) -> Finding {
    let finding = found(client, server, hazard);
    assert_eq!(finding.map(|one| one.severity), Some(severity), "{:#?}", check(client, server, &NETWORK));
    finding.expect("it is found")
}

#[track_caller]
pub fn assert_no_error(client: &ClientPreset, server: &ServerPreset) {
    let findings = check(client, server, &NETWORK);
    assert!(
        findings.iter().all(|one| one.severity < Severity::Error),
        "{} to {}: {findings:#?}",
        client.name,
        server.name
    );
}

/// nodejs/node#20256, shuheikagawa.com "Tuning HTTP Keep-Alive in Node.js": a load balancer of 60 s before a server of 5 s answers
/// 502.
#[test]
fn a_node_server_behind_a_load_balancer_of_60_seconds() {
    for (balancer, name) in
        [("aws-alb", "node"), ("aws-alb", "node-20"), ("gcp-lb", "node"), ("nginx-upstream", "node")]
    {
        let finding = assert_found(&client(balancer), &server(name), Severity::Error, Hazard::IdleRace);
        let cure = finding.cure.expect("the server is to outlast the balancer");
        assert_eq!((cure.side, cure.setting), (Side::Server, "idle"), "{balancer} to {name}");
    }
    let finding = assert_found(&client("aws-alb"), &server("node"), Severity::Error, Hazard::IdleRace);
    assert_eq!(
        finding.to_string(),
        "a request can arrive 60050ms after the last response, and the server closes after 6s"
    );
    assert_eq!(finding.cure.map(|cure| cure.to_string()), Some("server: idle = 60060ms".to_owned()));
}

/// golang/go#22158, hyperium/hyper#2136: a client that keeps a connection for longer than its server.
#[test]
fn a_client_that_keeps_longer_than_its_server() {
    for (keeps, closes) in
        [("go-transport", "crate-default"), ("hyper-util", "nginx"), ("jdk-http", "apache-2.4"), ("curl", "tomcat")]
    {
        let severity = if client(keeps).repeats == Repeats::Any { Severity::Warning } else { Severity::Error };
        assert_found(&client(keeps), &server(closes), severity, Hazard::IdleRace);
    }
    // without any limit of its own, there is no server's that is long enough
    let finding = assert_found(&client("rfc2616-client"), &server("nginx"), Severity::Error, Hazard::IdleRace);
    assert_eq!(finding.client, None);
    assert_eq!(finding.cure.map(|cure| (cure.side, cure.setting)), Some((Side::Client, "used_idle")));
}

/// hyperium/hyper#3970, #2355: one timer for idleness and head behind a proxy that pools connections.
#[test]
fn the_shared_timer_of_hyper_behind_a_pooling_proxy() {
    for proxy in ["nginx-upstream", "envoy-up", "squid-back"] {
        let finding = assert_found(&client(proxy), &server("hyper-server"), Severity::Error, Hazard::HeadTimer);
        assert_eq!(finding.cure.map(|cure| cure.to_string()), Some("server: head_timer = own".to_owned()));
        assert_found(&client(proxy), &server("hyper-server"), Severity::Error, Hazard::IdleRace);
    }
    // who comes early enough loses nothing, though its time for the head is not what is said
    assert_found(&client("undici"), &server("hyper-server"), Severity::Warning, Hazard::HeadTimer);
}

/// nodejs/node#47130, #52649: Node's agent against Node's server, both 5 s, nothing taken off the hint.
#[test]
fn nodes_agent_against_nodes_server() {
    let agent = client("node-agent-20");
    // with 50 ms between them, what is sent at 5 s arrives at 5.05 s
    assert_found(&agent, &server("node-20"), Severity::Error, Hazard::IdleRace);
    let finding = assert_found(&agent, &server("node-20"), Severity::Note, Hazard::HintWithoutGuard);
    assert_eq!(finding.client, seconds(5));
    // a second on either side is what both have by now
    assert_no_error(&client("node-agent"), &server("node-20"));
    assert_no_error(&agent, &server("node"));
    assert_no_error(&client("node-agent"), &server("node"));
}

#[test]
fn the_recommended_pairs_have_nothing_grave() {
    for (asks, answers) in [
        ("crate-default", "crate-default"),
        ("aws-alb", "behind-aws-alb"),
        ("gcp-lb", "behind-gcp-lb"),
        ("undici", "node"),
        ("node-agent", "node"),
        ("nginx-upstream", "crate-default"),
        ("crate-default", "behind-aws-alb"),
        ("crate-default", "nginx"),
        ("crate-default", "apache-2.4"),
        ("chromium", "crate-default"),
        ("firefox", "crate-default"),
        ("chromium", "gcp-lb-front"),
        ("ie-8", "crate-default"),
    ] {
        assert_no_error(&client(asks), &server(answers));
    }
    // ours against ours: nothing at all that loses a request
    let findings = check(&client("crate-default"), &server("crate-default"), &NETWORK);
    assert!(findings.iter().all(|one| one.severity == Severity::Note), "{findings:#?}");
}

#[test]
fn a_hint_is_believed_less_the_margin() {
    let mut undici = client("undici");
    undici.timeouts.used_idle = seconds(100);
    // 15 s less 2 s
    assert_eq!(found(&undici, &server("apache-2.0"), Hazard::IdleRace), None);
    undici.timeouts.margin = Duration::ZERO;
    let finding = assert_found(&undici, &server("apache-2.0"), Severity::Error, Hazard::IdleRace);
    assert_eq!(finding.client, Some(Duration::from_millis(15_050)));
    // what is not said to it can not be believed
    undici.asks = Use::Off;
    let finding = assert_found(&undici, &server("apache-2.0"), Severity::Error, Hazard::IdleRace);
    assert_eq!(finding.client, Some(Duration::from_millis(100_050)));
    // and the margin can be counted in round trips or parts
    undici.asks = Use::On;
    undici.policy = undici.policy.with_margin_round_trips(2);
    assert_eq!(found(&undici, &server("apache-2.0"), Hazard::IdleRace), None);
    undici.policy = undici.policy.with_margin_round_trips(0).with_margin_percent(1);
    assert_eq!(found(&undici, &server("apache-2.0"), Hazard::IdleRace), None);
}

#[test]
fn the_line_between_safe_and_lost_is_where_it_is_said_to_be() {
    let mut pair = (client("aws-alb"), server("nginx"));
    pair.0.timeouts.used_idle = seconds(10);
    for (idle, severity) in [
        (10_060, None),
        (10_059, Some(Severity::Warning)),
        (10_030, Some(Severity::Warning)),
        (10_029, Some(Severity::Error)),
    ] {
        pair.1.timeouts.idle = Some(Duration::from_millis(idle));
        assert_eq!(found(&pair.0, &pair.1, Hazard::IdleRace).map(|one| one.severity), severity, "{idle} ms");
    }
}

#[test]
fn connections_opened_in_advance_race_with_the_first_octets_time() {
    let mut eager = client("crate-default");
    assert_eq!(found(&eager, &server("crate-default"), Hazard::UnusedRace), None);
    eager.timeouts.unused_idle = seconds(60);
    let finding = assert_found(&eager, &server("crate-default"), Severity::Note, Hazard::UnusedRace);
    assert_eq!((finding.client, finding.server), (Some(Duration::from_millis(60_050)), seconds(30)));
    assert_eq!(finding.cure.map(|cure| cure.to_string()), Some("client: unused_idle = 29940ms".to_owned()));
    // a server without such a limit closes none
    assert_eq!(found(&eager, &server("go-server"), Hazard::UnusedRace), None);
}

#[test]
fn what_is_repeated_whatever_it_is_can_be_done_twice() {
    let finding = assert_found(&client("chromium"), &server("apache-2.4"), Severity::Warning, Hazard::BlindRepeat);
    assert_eq!(finding.cure.map(|cure| cure.to_string()), Some("client: repeats = idempotent".to_owned()));
    assert_found(&client("chromium"), &server("apache-2.4"), Severity::Warning, Hazard::IdleRace);
    // where nothing races, nothing is repeated
    assert_eq!(found(&client("chromium"), &server("gcp-lb-front"), Hazard::BlindRepeat), None);
}

#[test]
fn hints_that_promise_what_is_not_kept() {
    let mut node = server("node");
    node.timeouts.idle = seconds(4);
    assert_found(&client("node-agent"), &node, Severity::Error, Hazard::HintNotKept);
    node.timeouts.idle = None;
    assert_found(&client("node-agent"), &node, Severity::Note, Hazard::HintNotEnforced);
    assert_found(&client("firefox"), &server("apache-2.4"), Severity::Note, Hazard::HintWithoutGuard);
    // to enforce what is said is not to close on a client that believes nothing
    let mut deaf = client("crate-default");
    deaf.policy = deaf.policy.with_hints(Use::Off);
    deaf.timeouts = deaf.timeouts.with_used_idle(seconds(90));
    let finding = assert_found(&deaf, &node, Severity::Note, Hazard::HintNotEnforced);
    assert!(finding.cure.expect("there is one").apply(&mut deaf, &mut node));
    assert_eq!(found(&deaf, &node, Hazard::IdleRace), None);
    // nor is it lied to
    node.timeouts.idle = seconds(4);
    deaf.timeouts = deaf.timeouts.with_used_idle(seconds(1));
    assert_no_error(&deaf, &node);
    // said to nobody, it promises nothing
    let mut silent = server("apache-2.4");
    silent.policy = silent.policy.with_keep_alive_field(KeepAliveField::Never);
    assert_eq!(found(&client("firefox"), &silent, Hazard::HintWithoutGuard), None);
}

#[test]
fn more_connections_than_the_server_serves() {
    let mut apache = server("apache-2.2");
    apache.connections = Some(4);
    let finding = assert_found(&client("crate-default"), &apache, Severity::Error, Hazard::PoolOverCap);
    assert_eq!(finding.cure.map(|cure| cure.to), Some(To::Count(4)));
    assert_found(&client("hyper-util"), &apache, Severity::Note, Hazard::PoolOverCap);
    assert_eq!(found(&client("ie-6"), &apache, Hazard::PoolOverCap), None);
}

#[test]
fn a_pipeline_that_is_deeper_than_what_is_answered() {
    let mut pipelining = client("crate-default");
    pipelining.depth = 8;
    // told how many are left, it keeps to that
    assert_eq!(found(&pipelining, &server("apache-2.4"), Hazard::PipelineOverMax), None);
    let mut timeless = server("apache-2.4");
    timeless.timeouts.idle_advertised = None;
    assert_eq!(found(&pipelining, &timeless, Hazard::PipelineOverMax), None);
    pipelining.max_hint = Use::Off;
    let finding = assert_found(&pipelining, &server("apache-2.4"), Severity::Warning, Hazard::PipelineOverMax);
    assert_eq!(finding.cure.map(|cure| cure.to_string()), Some("client: max_hint = on".to_owned()));
    let finding = assert_found(&pipelining, &server("nginx"), Severity::Warning, Hazard::PipelineOverMax);
    assert_eq!(finding.cure.map(|cure| cure.to_string()), Some("client: depth = 1".to_owned()));
    pipelining.repeats = Repeats::Nothing;
    assert_found(&pipelining, &server("nginx"), Severity::Error, Hazard::PipelineOverMax);
}

#[test]
fn waiting_without_an_end() {
    assert_found(&client("rfc2616-client"), &server("nginx"), Severity::Note, Hazard::Starvation);
    assert_eq!(found(&client("crate-default"), &server("nginx"), Hazard::Starvation), None);
}

#[test]
fn each_hop_of_a_chain_is_checked_by_itself() {
    let (browser, front) = (client("chromium"), server("gcp-lb-front"));
    let (balancer, node) = (client("gcp-lb"), server("node"));
    let hops: [Hop; 2] = [(&browser, &front, NETWORK), (&balancer, &node, Network::of(Duration::from_millis(2)))];
    let errors: Vec<_> = check_chain(&hops).into_iter().filter(|(_, one)| one.severity == Severity::Error).collect();
    assert!(!errors.is_empty() && errors.iter().all(|(hop, _)| *hop == 1), "{errors:#?}");
}

/// Every cure makes its finding go away, or its gravity less, in every pair there is.
#[test]
fn every_cure_cures() {
    let (mut pairs, mut cures) = (0, 0);
    for client in presets::CLIENTS {
        for server in presets::SERVERS {
            pairs += 1;
            for finding in check(client, server, &NETWORK) {
                let Some(cure) = finding.cure else { continue };
                let (mut cured_client, mut cured_server) = (*client, *server);
                assert!(cure.apply(&mut cured_client, &mut cured_server), "{cure}");
                assert!((cured_client, cured_server) != (*client, *server), "{cure} changes nothing");
                let left = found(&cured_client, &cured_server, finding.hazard);
                assert_eq!(left, None, "{} to {}: {finding} / {cure}", client.name, server.name);
                cures += 1;
            }
        }
    }
    assert!(pairs > 500 && cures > 500, "{pairs} pairs, {cures} cures");
}

#[test]
fn the_gravest_comes_first_and_every_finding_says_something() {
    for client in presets::CLIENTS {
        for server in presets::SERVERS {
            let findings = check(client, server, &NETWORK);
            assert!(findings.is_sorted_by(|one, next| one.severity >= next.severity));
            assert!(findings.iter().all(|one| one.to_string().len() > 20 && !one.hazard.clause().is_empty()));
        }
    }
}

#[test]
fn a_server_that_never_persists_or_a_client_that_never_reuses_has_no_race() {
    let mut closing = server("node");
    closing.policy = Policy::DEFAULT.with_persistence(Use::Off);
    assert_no_error(&client("aws-alb"), &closing);
    let short = server("node").complete(
        Limits::DEFAULT,
        Timeouts::DEFAULT.with_idle(seconds(1)).with_idle_advertised(seconds(1)),
        server("node").policy,
    );
    // of a hint of 1 s, less a margin of 2 s, nothing is left
    assert_eq!(found(&client("undici"), &short, Hazard::IdleRace), None);
}

#[test]
fn no_time_is_too_long_to_be_judged() {
    const TIMES: [Duration; 2] = [Duration::ZERO, Duration::MAX];
    for (time, round_trip) in TIMES.into_iter().flat_map(|time| TIMES.map(|round_trip| (time, round_trip))) {
        let network = Network { round_trip, granularity: time };
        let (mut client, mut server) = (client("crate-default"), server("crate-default"));
        client.policy = client.policy.with_margin_round_trips(2);
        client.timeouts = client.timeouts.with_used_idle(Some(time)).with_age(Some(time)).with_margin(time);
        server.timeouts = server.timeouts.with_idle(Some(time)).with_idle_advertised(Some(time)).with_age(Some(time));
        server.policy = server.policy.with_keep_alive_field(KeepAliveField::Always);
        check(&client, &server, &network);
        server.timeouts.idle = None;
        check(&client, &server, &network);
    }
}
