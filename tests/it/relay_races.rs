//! Two timeouts that race, through a relay that repeats nothing: what the checker calls an error loses a request, and what it calls safe loses
//! none, in virtual time.

use std::time::Duration;

use http_keepalive::check::{Hazard, Network as Between, Severity};
use http_keepalive::presets::{ClientPreset, ServerPreset};
use http_keepalive::relay::RelayPolicy;
use http_keepalive::{Config, KeepAliveField, Use};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::cases;
use crate::check_pair::{between, client, gaps_about, races, server};
use crate::relay_world::{Neighbor, World};

const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok";

/// The answer of the server: what it says of its idle limit.
fn answer(server: &ServerPreset) -> String {
    let said = server.timeouts.idle_advertised.filter(|_| server.policy.keep_alive_field == KeepAliveField::Always);
    let hint = said.map_or_else(String::new, |said| format!("Keep-Alive: timeout={}\r\n", said.as_secs()));
    format!("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n{hint}Content-Length: 2\r\n\r\nok")
}

/// POSTs with these gaps between an answer and the next request, to a server that closes when its idle limit is over: how many were lost.
fn lost(client: &ClientPreset, server: &ServerPreset, between: &Between, gaps: &[Duration]) -> usize {
    let policy = RelayPolicy::DEFAULT.with_tries(1).with_replayed_octets(0).with_silent_close(Use::Off);
    let upstream = Box::leak(Box::new(client.config().expect("it is complete")));
    let mut world = World::of(policy, &Config::DEFAULT, upstream);
    let (way, idle) = (between.round_trip / 2, server.timeouts.idle);
    let mut lost = 0;
    for gap in [None].into_iter().chain(gaps.iter().map(Some)) {
        if let Some(&gap) = gap {
            // its end is seen here half a round trip after it, and so the limit after the answer was
            match idle.filter(|idle| gap >= *idle && !world.origins.is_empty()) {
                Some(idle) => {
                    world.waits(idle);
                    world.idle_ends();
                    world.waits(gap - idle);
                }
                None => drop(world.waits(gap)),
            }
        }
        let before = world.origins.len();
        world.client(POST);
        world.run();
        let is_reused = world.origins.len() == before;
        world.waits(way);
        // the server had closed when the request came to it
        let crosses = idle.zip(gap).is_some_and(|(idle, gap)| is_reused && *gap + between.round_trip > idle);
        if crosses {
            world.ends(Neighbor::Upstream);
        } else {
            world.waits(way);
            world.upstream(answer(server));
        }
        let told = world.answer();
        lost += usize::from(!told.starts_with("HTTP/1.1 200 "));
    }
    lost
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 1_000_000, ..cases::property(300, 75) })]

    #[test]
    fn what_is_called_safe_loses_nothing_through_a_relay(
        client in client(),
        server in server(),
        between in between(),
        gaps in vec((0..=100u64, -3_000_000..3_000_000i64), 1..8),
    ) {
        prop_assume!(races(&client, &server, &between).is_empty());
        let gaps = gaps_about(&client, &server, &between, &gaps);
        prop_assert_eq!(lost(&client, &server, &between, &gaps), 0, "{:?}", gaps);
    }

    #[test]
    fn what_is_called_an_error_loses_a_request_through_a_relay(client in client(), server in server(), between in between()) {
        let (mut client, mut server) = (client, server);
        (client.timeouts.age, server.timeouts.age) = (None, None);
        let races = races(&client, &server, &between);
        let error = races.iter().find(|one| one.hazard == Hazard::IdleRace && one.severity == Severity::Error);
        prop_assume!(error.is_some());
        let idle = server.timeouts.idle.expect("something closes");
        // as late as its close is not yet known here, or as late as this connection is used
        let latest = error.and_then(|one| one.client).map(|arrival| arrival - between.round_trip - between.granularity);
        let gap = latest.map_or(idle, |latest| latest.min(idle)) - Duration::from_nanos(1);
        prop_assert_eq!(lost(&client, &server, &between, &[gap]), 1, "{:?} {:#?}", gap, races);
    }
}
