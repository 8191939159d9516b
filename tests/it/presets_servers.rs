//! Each server's preset, driven to what is characteristic of the system: when it closes, what it says, which request is its last.

use crate::common::Passes;
use std::time::Duration;

use crate::common::{Driver, get};
use http_keepalive::presets::{self, HeadTimer, PresetError, ServerPreset};
use http_keepalive::*;

fn preset(name: &str) -> &'static ServerPreset {
    presets::server(name).unwrap_or_else(|| panic!("no preset {name}"))
}

fn open(name: &str) -> Driver {
    Driver::answering(&preset(name).config().unwrap_or_else(|error| panic!("{error}")))
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// One exchange with a client that asks for persistence by name.
fn exchange(driver: &mut Driver) {
    driver.feed(&get("Connection: keep-alive\r\n"));
}

/// Lets everything expire that is due, and answers each look with nothing.
fn expire(driver: &mut Driver) -> Option<Shut> {
    loop {
        while driver.connection.expire(driver.now).is_some() {}
        if driver.connection.wants().read != ReadWant::LookOnce {
            return driver.connection.wants().shut;
        }
        driver.connection.nothing_to_read(driver.now);
    }
}

/// An idle connection stays for 0.1 s less than this, and ends 0.1 s later than this, in silence.
#[track_caller]
fn assert_idle(name: &str, idle: f64) {
    let mut driver = open(name);
    exchange(&mut driver);
    let said = driver.out.len();
    driver.wait(seconds(idle - 0.1));
    assert_eq!(expire(&mut driver), None, "{name} after {} s", idle - 0.1);
    driver.wait(seconds(0.2));
    let shut = expire(&mut driver);
    let reason = Some(CloseReason::IdleTimeout);
    assert!(matches!(shut, Some(Shut::Close(why) | Shut::HalfClose(why)) if Some(why) == reason), "{name}: {shut:?}");
    assert_eq!(driver.out.len(), said, "{name} says something");
}

/// The response to this request of a connection is the first that says `close`.
#[track_caller]
fn assert_last_request(name: &str, last: usize) {
    let mut driver = open(name);
    for number in 1..=last {
        assert_eq!(driver.connection.wants().shut, None, "{name} before request {number}");
        exchange(&mut driver);
    }
    let responses = driver.responses();
    assert_eq!(responses.len(), last);
    assert_eq!(responses.iter().position(|response| response.has_option("close")), Some(last - 1), "{name}");
}

/// What the `Keep-Alive` field of the first response says.
#[track_caller]
fn assert_hint(name: &str, hint: Option<&str>) {
    let mut driver = open(name);
    exchange(&mut driver);
    assert_eq!(driver.response().field("Keep-Alive").as_deref(), hint, "{name}");
}

#[test]
fn idle_connections_end_when_those_of_the_system_do() {
    for (name, idle) in [
        ("crate-default", 65.0),
        ("apache-2.0", 15.0),
        ("apache-2.2", 5.0),
        ("apache-2.4", 5.0),
        ("nginx", 75.0),
        ("envoy-down", 3600.0),
        ("node", 6.0),
        ("node-20", 5.0),
        ("hyper-server", 30.0),
        ("pingora-server", 60.0),
        ("gunicorn", 2.0),
        ("tomcat", 60.0),
        ("uvicorn", 5.0),
        ("hypercorn", 5.0),
        ("aiohttp", 75.0),
        ("bun", 10.0),
        ("cowboy", 5.0),
        ("kestrel", 130.0),
        ("jetty", 30.0),
        ("lighttpd", 5.0),
        ("caddy", 300.0),
        ("traefik", 180.0),
        ("gcp-lb-front", 610.0),
        ("aws-alb-front", 60.0),
        ("behind-aws-alb", 75.0),
        ("behind-gcp-lb", 630.0),
    ] {
        assert_idle(name, idle);
    }
}

#[test]
fn go_and_deno_do_not_end_an_idle_connection() {
    for name in ["go-server", "deno"] {
        let mut driver = open(name);
        exchange(&mut driver);
        assert_eq!(driver.connection.next_deadline(), None, "{name}");
    }
}

/// A fresh connection, a head, a gap in content, a write, a stop: in seconds, 0 for no limit.
#[test]
fn what_is_not_idle_ends_when_that_of_the_system_does() {
    for (name, first_octet, head, content_gap, write_stall, drain) in [
        ("uvicorn", 0, 0, 0, 0, 0),
        ("hypercorn", 5, 5, 0, 0, 3),
        ("aiohttp", 75, 75, 0, 0, 60),
        ("bun", 10, 10, 10, 0, 0),
        ("deno", 0, 0, 0, 0, 0),
        ("cowboy", 5, 5, 60, 0, 5),
        ("kestrel", 130, 30, 0, 0, 30),
        ("jetty", 30, 0, 30, 30, 5),
        // its drain is a guess
        ("iis", 120, 120, 120, 0, 30),
        ("lighttpd", 60, 0, 60, 360, 8),
        ("caddy", 60, 60, 60, 60, 0),
        ("traefik", 60, 60, 0, 0, 10),
    ] {
        let timeouts = preset(name).timeouts;
        let those = [timeouts.first_octet, timeouts.head, timeouts.content_gap, timeouts.write_stall, timeouts.drain];
        let those = those.map(|time| time.map_or(0, |time| time.as_secs()));
        assert_eq!(those, [first_octet, head, content_gap, write_stall, drain], "{name}");
    }
    assert_eq!(preset("bun").timeouts.content_rate, Some(16 * 1024));
}

#[test]
fn one_timer_for_idleness_and_head_is_what_some_have() {
    let shared = presets::SERVERS.iter().filter(|preset| preset.head_timer == HeadTimer::SharedWithIdle);
    let names: Vec<_> = shared.map(|preset| preset.name).collect();
    assert_eq!(names, ["hyper-server", "hypercorn", "aiohttp", "bun", "cowboy"]);
}

#[test]
fn what_lingers_after_a_close_is_what_the_system_has() {
    for (name, linger, gap) in [
        ("lighttpd", 5.0, 5.0),
        ("cowboy", 1.0, 1.0),
        ("caddy", 0.5, 0.5),
        ("traefik", 0.5, 0.5),
        ("uvicorn", 0.0, 0.0),
    ] {
        let timeouts = preset(name).timeouts;
        assert_eq!((timeouts.linger, timeouts.linger_gap), (Some(seconds(linger)), Some(seconds(gap))), "{name}");
    }
}

#[test]
fn an_age_is_announced_by_those_that_do_not_close_for_it() {
    for (name, age) in [("nginx", 3600.0), ("squid-front", 86_400.0)] {
        let preset = preset(name);
        assert_eq!((preset.timeouts.age, preset.policy.age_close), (Some(seconds(age)), AgeClose::Announced), "{name}");
    }
    // keepalive_min_timeout is off
    assert_eq!((preset("nginx").timeouts.idle_shield, preset("nginx").timeouts.drain_window), (None, None));
}

#[test]
fn a_balancers_front_keeps_connections_as_long_as_its_documents_say() {
    for (name, idle) in [("cloudflare-front", 400.0), ("azure-gateway-front", 120.0), ("iis", 120.0)] {
        assert_eq!(preset(name).timeouts.idle, Some(seconds(idle)), "{name}");
    }
}

#[test]
fn apache_answers_101_requests_and_counts_them_down_from_100() {
    for name in ["apache-2.0", "apache-2.2", "apache-2.4"] {
        assert_last_request(name, 101);
        let mut driver = open(name);
        (0..101).for_each(|_| exchange(&mut driver));
        let hints: Vec<_> = driver.responses().iter().map(|response| response.field("Keep-Alive")).collect();
        let timeout = preset(name).timeouts.idle.expect("it has one").as_secs();
        assert_eq!(hints[0], Some(format!("timeout={timeout}, max=100")));
        assert_eq!(hints[99], Some(format!("timeout={timeout}, max=1")));
        assert_eq!(hints[100], None, "{name}");
    }
}

#[test]
fn apache_says_nothing_of_it_to_a_client_that_does_not_ask() {
    let mut driver = open("apache-2.0");
    driver.feed(&get(""));
    assert_eq!(driver.response().field("Keep-Alive"), None);
}

#[test]
fn the_last_request_is_that_of_the_system() {
    for (name, last) in [
        ("nginx", 1000),
        ("tomcat", 100),
        ("crate-default", 1000),
        ("hypercorn", 1000),
        ("cowboy", 1000),
        ("lighttpd", 1001),
    ] {
        assert_last_request(name, last);
    }
}

#[test]
fn what_is_announced_is_what_the_system_announces() {
    for (name, hint) in [
        ("crate-default", Some("timeout=60, max=999")),
        ("nginx", None),
        ("node", Some("timeout=5")),
        ("node-20", Some("timeout=5")),
        ("go-server", None),
        ("uvicorn", None),
        ("kestrel", None),
        ("behind-aws-alb", Some("timeout=65")),
        ("behind-gcp-lb", Some("timeout=620")),
    ] {
        assert_hint(name, hint);
    }
    // Node says it unasked
    let mut driver = open("node");
    driver.feed(&get(""));
    assert_eq!(driver.response().field("Keep-Alive").as_deref(), Some("timeout=5"));
}

#[test]
fn node_tells_five_seconds_and_keeps_to_six() {
    let mut driver = open("node");
    exchange(&mut driver);
    driver.wait(seconds(5.5));
    assert_eq!(expire(&mut driver), None, "who comes a little late is served");
    exchange(&mut driver);
    assert_eq!(driver.responses().len(), 2);
}

#[test]
fn mod_reqtimeout_gives_a_head_twenty_seconds_and_forty_to_one_that_keeps_coming() {
    let mut driver = open("apache-2.4");
    driver.feed("GET / HTTP/1.1\r\n").wait(seconds(19.9));
    assert_eq!(expire(&mut driver), None);
    driver.wait(seconds(0.2));
    while driver.connection.expire(driver.now).is_some() {}
    assert_eq!(driver.connection.wants().application, Some(Turn::Refuse(StatusCode::REQUEST_TIMEOUT)));
    // 500 octets a second hold it, but not beyond 40 s
    let mut driver = open("apache-2.4");
    driver.feed("GET / HTTP/1.1\r\n");
    for _ in 0..39 {
        driver.feed(&format!("X: {}\r\n", "x".repeat(1000))).wait(seconds(1.0));
        assert_eq!(expire(&mut driver), None);
    }
    driver.wait(seconds(1.1));
    while driver.connection.expire(driver.now).is_some() {}
    assert_eq!(driver.connection.wants().application, Some(Turn::Refuse(StatusCode::REQUEST_TIMEOUT)));
}

#[test]
fn gunicorn_gives_the_first_request_no_longer_than_the_next() {
    let mut driver = open("gunicorn");
    driver.wait(seconds(1.9));
    assert_eq!(expire(&mut driver), None);
    driver.wait(seconds(0.2));
    assert!(expire(&mut driver).is_some());
}

#[test]
fn nginx_ends_a_connection_after_an_hour_and_squid_after_a_day() {
    let squid = preset("squid-front");
    let timeouts = squid.timeouts.with_head(Some(seconds(60.0))).with_first_octet(None);
    let squid = squid.complete(squid.limits, timeouts, squid.policy).config().expect("it is complete");
    let nginx = preset("nginx").config().expect("it is");
    for (config, age) in [(nginx, 3600), (squid, 86_400)] {
        let mut driver = Driver::answering(&config);
        let mut passed = 0;
        while passed < age {
            exchange(&mut driver);
            assert_eq!(driver.connection.wants().shut, None, "after {passed} s");
            driver.wait(seconds(50.0));
            passed += 50;
        }
        exchange(&mut driver);
        assert_eq!(driver.connection.persistence(), Persistence::Close(CloseReason::Age));
    }
}

#[test]
fn what_is_not_known_of_a_system_is_said_and_is_no_configuration_until_it_is_completed() {
    for name in ["apache-1.1", "haproxy-front", "squid-front", "cloudflare-front", "azure-gateway-front", "iis"] {
        let preset = preset(name);
        let error = preset.config().expect_err("it is not known");
        assert_eq!(error, PresetError::Unknown { preset: name, settings: preset.unknown });
        assert!(error.to_string().starts_with(&format!("preset {name}: not known of this system, to be set: ")));
        let complete = preset.complete(preset.limits, Timeouts::DEFAULT, preset.policy);
        assert!(complete.config().is_ok());
    }
    let apache = preset("apache-1.1");
    let complete = apache.complete(apache.limits, apache.timeouts, apache.policy).config().expect("it is complete");
    let mut driver = Driver::answering(&complete);
    (0..6).for_each(|_| exchange(&mut driver));
    assert!(driver.responses()[5].has_option("close") && !driver.responses()[4].has_option("close"));
}

#[test]
fn every_preset_says_where_it_comes_from_and_has_a_name_of_its_own() {
    let mut names: Vec<_> = presets::servers().collect();
    for preset in presets::SERVERS {
        assert!(!preset.source.is_empty() && !preset.about.is_empty(), "{}", preset.name);
        assert!(preset.unknown.is_empty() == preset.config().is_ok(), "{}", preset.name);
    }
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    assert_eq!(preset("hyper-server").head_timer, HeadTimer::SharedWithIdle);
}

#[test]
fn a_name_that_is_not_known_is_answered_by_the_nearest() {
    for (name, nearest) in [
        ("apache-22", Some("apache-2.2")),
        ("Nginx", Some("nginx")),
        ("nod", Some("node")),
        ("behind-alb", Some("behind-aws-alb")),
        ("", None),
        ("something-else-entirely", None),
    ] {
        assert_eq!(presets::nearest(name, presets::servers()), nearest, "{name}");
    }
}
