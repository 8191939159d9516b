//! Each client's preset, driven to what is characteristic of the system: how many connections, for how long, what it says, and
//! what it repeats.

use std::time::Duration;

use crate::common::client;
use crate::driver::{Driver, Got, HTTP10, UNUSED, hint};
use http_keepalive::pool::*;
use http_keepalive::presets::{self, ClientPreset, PresetError, Repeats};
use http_keepalive::*;

fn preset(name: &str) -> &'static ClientPreset {
    presets::client(name).unwrap_or_else(|| panic!("no preset {name}"))
}

/// A pool as the system has it, what is not known of it left at the guess.
fn pool(name: &str) -> Driver {
    let preset = preset(name);
    Driver::new(preset.limits, preset.timeouts, preset.policy)
}

/// So many connections to a server or proxy, and the next request gets none.
#[track_caller]
fn assert_most(name: &str, peer: Peer, most: u32) {
    let mut pool = pool(name);
    let demand = Demand::DEFAULT.with_peer(peer).with_patience(Patience::None);
    for number in 1..=most {
        assert_eq!(pool.ask_for("a", demand), Got::Opened(number), "{name}");
    }
    assert!(matches!(pool.ask_for("a", demand), Got::Refused(_)), "{name}: connection {}", most + 1);
}

/// An idle connection is used again 0.1 s before this, and is gone 0.1 s behind it.
#[track_caller]
fn assert_idle(name: &str, seconds: f64) {
    for (wait, reused) in [(seconds - 0.1, true), (seconds + 0.1, false)] {
        let mut pool = pool(name);
        assert_eq!(pool.fetch("a"), Got::Opened(1));
        let closed = pool.closed_after(Duration::from_secs_f64(wait));
        assert_eq!(pool.ask("a"), if reused { Got::Reused(1) } else { Got::Opened(2) }, "{name} after {wait} s");
        assert_eq!(closed.is_empty(), reused, "{name}: {closed:?}");
    }
}

#[test]
fn the_connection_behind_the_last_that_is_allowed_is_not_opened() {
    for (name, most) in [
        ("crate-default", 6),
        ("rfc2616-client", 2),
        ("rfc9112", 6),
        ("ie-6", 2),
        ("ie-7", 2),
        ("ie-8", 6),
        ("firefox-2", 2),
        ("firefox-3", 6),
        ("firefox-3.6", 6),
        ("firefox", 6),
        ("opera-9", 4),
        ("opera-10", 8),
        ("opera-11", 6),
        ("chromium", 6),
        ("httpclient-5", 5),
    ] {
        assert_most(name, Peer::Origin, most);
    }
    for (name, most) in [
        ("crate-default", 32),
        ("rfc2616-client", 2),
        ("rfc9112", 6),
        ("firefox-2", 4),
        ("firefox-3", 8),
        ("firefox-3.6", 8),
        ("firefox", 32),
        ("chromium", 32),
    ] {
        assert_most(name, Peer::Proxy, most);
    }
}

#[test]
fn a_proxy_of_rfc_2616_has_two_for_each_user() {
    let mut proxy = pool("rfc2616-proxy");
    proxy.pool.set_users(3);
    let demand = Demand::DEFAULT.with_patience(Patience::None);
    (1..=6).for_each(|number| assert_eq!(proxy.ask_for("a", demand), Got::Opened(number)));
    assert!(matches!(proxy.ask_for("a", demand), Got::Refused(_)));
}

#[test]
fn internet_explorer_has_four_connections_to_an_http10_server() {
    for (name, most) in [("ie-6", 4), ("ie-7", 4), ("ie-8", 6)] {
        let mut explorer = pool(name);
        let first = explorer.ask("old").id();
        let _ = explorer.give_back(first, &HTTP10);
        let demand = Demand::DEFAULT.with_patience(Patience::None);
        let got = (0..=most).map(|_| explorer.ask_for("old", demand));
        assert_eq!(got.filter(|got| !matches!(got, Got::Refused(_))).count(), most, "{name}");
    }
}

#[test]
fn the_total_is_kept_by_closing_what_is_idle_elsewhere_or_by_waiting() {
    for (name, total, closes) in [
        ("netscape-4", 15, true),
        ("chromium", 256, true),
        ("crate-default", 256, true),
        ("opera-11", 35, false),
        ("firefox", 900, false),
    ] {
        let mut pool = pool(name);
        (0..total).for_each(|site| assert!(matches!(pool.fetch(&format!("site {site}")), Got::Opened(_)), "{name}"));
        match pool.ask("one more") {
            Got::Replaced(victim, _) => assert!(closes && victim == 1, "{name} closes {victim}"),
            got => assert!(!closes && matches!(got, Got::Waits(_)), "{name}: {got:?}"),
        }
    }
}

#[test]
fn idle_connections_are_used_as_long_as_the_system_uses_them() {
    for (name, idle) in [
        ("crate-default", 60.0),
        ("ie-6", 60.0),
        ("ie-7", 60.0),
        ("ie-8", 60.0),
        ("firefox-2", 300.0),
        ("firefox-3", 300.0),
        ("firefox-3.6", 115.0),
        ("firefox", 115.0),
        ("chromium", 300.0),
        ("curl", 118.0),
        ("go-transport", 90.0),
        ("node-agent", 5.0),
        ("node-agent-20", 5.0),
        ("undici", 4.0),
        ("hyper-util", 90.0),
        ("nginx-upstream", 60.0),
        ("envoy-up", 3600.0),
        ("squid-back", 60.0),
        ("httpclient-5", 180.0),
        ("okhttp", 300.0),
        ("jdk-http", 30.0),
        ("aws-alb", 60.0),
        ("gcp-lb", 600.0),
        ("reqwest", 90.0),
        ("httpx", 5.0),
        ("aiohttp", 15.0),
        ("dotnet", 60.0),
        ("cloudflare", 900.0),
        ("heroku", 90.0),
        ("caddy-upstream", 120.0),
        ("traefik-upstream", 90.0),
    ] {
        assert_idle(name, idle);
    }
}

#[test]
fn some_have_no_time_limit() {
    for name in
        ["rfc2616-client", "rfc2616-proxy", "rfc9112", "netscape-4", "opera-9", "pingora-pool", "requests", "urllib3"]
    {
        let mut pool = pool(name);
        pool.fetch("a");
        assert_eq!(pool.pool.next_deadline(), None, "{name}");
        pool.wait(Duration::from_secs(365 * 24 * 3600));
        assert!(matches!(pool.ask("a"), Got::Reused(1)), "{name}");
    }
}

#[test]
fn chromium_and_we_give_a_connection_never_used_ten_seconds() {
    for name in ["chromium", "crate-default"] {
        let mut pool = pool(name);
        let unused = pool.ask("a").id();
        let _ = pool.give_back(unused, &UNUSED);
        assert_eq!(pool.closed_after(Duration::from_secs_f64(9.9)), []);
        assert_eq!(pool.closed_after(Duration::from_secs_f64(0.2)), [(unused, EndReason::UnusedLimit)]);
    }
}

#[test]
fn the_hint_counts_less_what_the_system_takes_off_or_not_at_all() {
    for (name, hinted, until) in [
        ("crate-default", 10, 8.0),
        ("firefox", 10, 10.0),
        ("node-agent", 4, 3.0),
        ("node-agent-20", 4, 4.0),
        ("undici", 5, 3.0),
        ("httpclient-5", 10, 10.0),
        ("pingora-pool", 10, 10.0),
        ("chromium", 10, 300.0),
        ("go-transport", 10, 90.0),
        ("aws-alb", 10, 60.0),
        ("dotnet", 10, 9.0),
        ("reqwest", 10, 90.0),
        ("httpx", 2, 5.0),
        ("aiohttp", 10, 15.0),
    ] {
        for (wait, reused) in [(until - 0.1, true), (until + 0.1, false)] {
            let mut pool = pool(name);
            let id = pool.ask("a").id();
            let _ = pool.give_back(id, &hint(hinted));
            let _ = pool.closed_after(Duration::from_secs_f64(wait));
            assert_eq!(pool.ask("a") == Got::Reused(id), reused, "{name} after {wait} s");
        }
    }
    // of what is less than the margin nothing is left
    let mut undici = pool("undici");
    let id = undici.ask("a").id();
    assert_eq!(undici.give_back(id, &hint(2)), Checkin::Close(EndReason::HintTooShort));
}

#[test]
fn which_is_used_first_is_what_the_system_uses_first() {
    for (name, expected) in [
        ("crate-default", [3, 2, 1]),
        ("chromium", [3, 2, 1]),
        ("hyper-util", [3, 2, 1]),
        ("curl", [1, 2, 3]),
        ("okhttp", [1, 2, 3]),
        ("jdk-http", [1, 2, 3]),
        ("nginx-upstream", [3, 2, 1]),
        ("reqwest", [3, 2, 1]),
        ("dotnet", [3, 2, 1]),
        ("httpx", [1, 2, 3]),
        ("aiohttp", [1, 2, 3]),
    ] {
        let mut pool = pool(name);
        let all = pool.open_all("a", 3);
        all.iter().for_each(|&id| pool.done(id));
        let order: Vec<u32> = (0..3).map(|_| pool.ask("a").id()).collect();
        assert_eq!(order, expected, "{name}");
    }
}

/// Idle ones of one origin and in all, uses, and what is looked at; 0 for no limit.
#[test]
fn as_many_connections_stay_idle_as_with_the_system() {
    for (name, per_origin, total, looked_at) in [
        ("nginx-upstream", 0, 32, None),
        ("caddy-upstream", 32, 0, None),
        ("traefik-upstream", 200, 0, None),
        ("reqwest", 0, 0, None),
        ("urllib3", 1, 0, Some(Duration::ZERO)),
        ("httpx", 0, 20, Some(Duration::ZERO)),
        ("aiohttp", 0, 0, None),
        ("dotnet", 0, 0, Some(Duration::ZERO)),
        ("heroku", 0, 0, None),
        ("cloudflare", 0, 0, None),
        ("azure-gateway", 0, 0, None),
    ] {
        let (limits, timeouts) = (preset(name).limits, preset(name).timeouts);
        let most = (limits.idle_per_origin.unwrap_or(0), limits.idle_total.unwrap_or(0), timeouts.look_after);
        assert_eq!(most, (per_origin, total, looked_at), "{name}");
    }
    assert_eq!(preset("nginx-upstream").limits.uses, Some(1000));
    for (name, total, wait) in [("httpx", 100, 5), ("aiohttp", 100, 300)] {
        let (limits, timeouts) = (preset(name).limits, preset(name).timeouts);
        assert_eq!((limits.total, timeouts.wait), (Some(total), Some(Duration::from_secs(wait))), "{name}");
    }
}

#[test]
fn what_is_repeated_and_asked_for_is_what_the_system_does() {
    for (name, repeats, attempts, asks) in [
        ("nginx-upstream", Repeats::Idempotent, 2, Use::Off),
        ("caddy-upstream", Repeats::Idempotent, 2, Use::Off),
        ("traefik-upstream", Repeats::Idempotent, 2, Use::Off),
        ("reqwest", Repeats::NeverStarted, 2, Use::Off),
        ("urllib3", Repeats::Idempotent, 4, Use::Off),
        ("httpx", Repeats::Nothing, 1, Use::On),
        ("aiohttp", Repeats::Idempotent, 2, Use::Off),
        ("dotnet", Repeats::Idempotent, 4, Use::Off),
        ("heroku", Repeats::Nothing, 1, Use::On),
    ] {
        let preset = preset(name);
        assert_eq!((preset.repeats, preset.attempts, preset.asks), (repeats, Some(attempts), asks), "{name}");
    }
    for (name, unknown) in [("cloudflare", &["repeats"][..]), ("azure-gateway", &["used_idle", "repeats"])] {
        assert_eq!(preset(name).unknown, unknown, "{name}");
    }
}

#[test]
fn firefox_said_its_limit_as_a_bare_number() {
    for (name, says) in
        [("firefox-2", Some("300")), ("firefox-3.6", Some("115")), ("firefox", None), ("chromium", None)]
    {
        let config = preset(name).config::<4>().expect("it is known");
        let mut asker = client::Asker::new(&config);
        let head = asker.ask_with("GET", [], Content::Empty);
        let said = head.lines().find_map(|line| line.strip_prefix("Keep-Alive: "));
        assert_eq!(said, says, "{name}: {head}");
    }
}

#[test]
fn a_connection_of_the_crate_keeps_to_the_limits_of_the_preset() {
    for (name, idle) in [("ie-6", 60), ("firefox-3.6", 115), ("curl", 118), ("aws-alb", 60)] {
        let preset = preset(name);
        let config =
            preset.complete(preset.limits, preset.timeouts, preset.policy).config::<4>().expect("it is complete");
        let mut asker = client::Asker::new(&config);
        asker.ask("GET").feed(&client::ok(""));
        asker.assert_due(DeadlineKind::Idle, Duration::from_secs(idle));
    }
}

#[test]
fn what_is_not_known_of_a_system_is_said_and_is_no_configuration_until_it_is_completed() {
    let unknown: Vec<_> = presets::CLIENTS.iter().filter(|preset| !preset.unknown.is_empty()).collect();
    assert_eq!(unknown.len(), 10);
    for preset in unknown {
        let error = PresetError::Unknown { preset: preset.name, settings: preset.unknown };
        assert_eq!(preset.pool(), Err(error));
        assert_eq!(preset.config::<1>(), Err(error));
        assert!(preset.complete(preset.limits, preset.timeouts, preset.policy).pool().is_ok());
    }
}

#[test]
fn every_preset_says_where_it_comes_from_and_has_a_name_of_its_own() {
    let mut names: Vec<_> = presets::clients().collect();
    for preset in presets::CLIENTS {
        assert!(!preset.source.is_empty() && !preset.about.is_empty(), "{}", preset.name);
        assert!(preset.unknown.is_empty() == preset.pool().is_ok(), "{}: {:?}", preset.name, preset.pool());
    }
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert_eq!(preset("chromium").repeats, Repeats::Any);
    assert_eq!(presets::nearest("firefox3.6", presets::clients()), Some("firefox-3.6"));
}
