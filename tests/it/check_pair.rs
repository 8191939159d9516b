//! What the checker calls a race loses a request, and what it calls safe loses none: under the same two policies and network, in
//! virtual time.

use std::time::Duration;

use crate::cases;
use crate::network::plan::{Ask, Scene};
use crate::network::{Network, Outcome, Report, run};
use http_keepalive::check::{Finding, Hazard, Network as Between, Severity, check};
use http_keepalive::presets::{self, ClientPreset, ServerPreset};
use http_keepalive::{Client, KeepAliveField, Timeouts};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn some_of(least: u64, most: u64) -> impl Strategy<Value = Option<Duration>> {
    prop_oneof![1 => Just(None), 4 => (least..most).prop_map(|time| Some(millis(time)))]
}

/// A client: its idle limit, its age, and what it takes off a hint.
pub(crate) fn client() -> impl Strategy<Value = ClientPreset> {
    (some_of(200, 5000), some_of(3000, 12_000), 0..1500u64).prop_map(|(idle, age, margin)| {
        let mut client = *presets::client("crate-default").expect("it is known");
        client.timeouts = client.timeouts.with_used_idle(idle).with_age(age).with_margin(millis(margin));
        client.policy = client.policy.with_jitter_percent(0);
        client
    })
}

/// A server: its idle limit, how much less it says, and its age.
pub(crate) fn server() -> impl Strategy<Value = ServerPreset> {
    let says = select(&[KeepAliveField::Never, KeepAliveField::Always][..]);
    (some_of(1000, 5000), 0..2500u64, some_of(3000, 12_000), says).prop_map(|(idle, guard, age, says)| {
        let mut server = *presets::server("crate-default").expect("it is known");
        // what is said is in whole seconds, and 0 is nothing to be said
        let said = idle.map(|idle| idle.saturating_sub(millis(guard))).filter(|said| *said >= millis(1000));
        server.timeouts =
            Timeouts::DEFAULT.with_idle(idle).with_idle_advertised(said).with_idle_shield(None).with_age(age);
        server.limits = server.limits.with_max_exchanges(None);
        server.policy = server.policy.with_keep_alive_field(says);
        server
    })
}

/// Timers that are late by less than half a round trip: else a client learns of the close before it can miss it.
pub(crate) fn between() -> impl Strategy<Value = Between> {
    (select(&[0, 1, 5][..]), 12..400u64)
        .prop_map(|(late, round_trip)| Between { round_trip: millis(round_trip & !1), granularity: millis(late) })
}

/// POSTs with these gaps between them.
fn posts(client: &ClientPreset, server: &ServerPreset, between: &Between, gaps: &[Duration]) -> Report {
    let network = Network { delay: between.round_trip / 2, granularity: between.granularity, window: 100_000 };
    let client = client.config::<1>().expect("it is complete");
    let server = server.config().expect("it is complete");
    let first = [Ask::new("POST", Duration::ZERO)];
    let asks = first.into_iter().chain(gaps.iter().map(|gap| Ask::new("POST", *gap)));
    run::<1>(&client as &http_keepalive::Config<Client<1>>, &server, &network, &Scene::of(asks.collect()))
}

pub(crate) fn races(client: &ClientPreset, server: &ServerPreset, between: &Between) -> Vec<Finding> {
    let race = |finding: &Finding| matches!(finding.hazard, Hazard::IdleRace | Hazard::AgeRace);
    check(client, server, between).into_iter().filter(race).collect()
}

/// Gaps around what either side keeps to.
pub(crate) fn gaps_about(
    client: &ClientPreset,
    server: &ServerPreset,
    between: &Between,
    gaps: &[(u64, i64)],
) -> Vec<Duration> {
    let limits = [client.timeouts.used_idle, server.timeouts.idle, server.timeouts.idle_advertised];
    let about: Vec<Duration> = limits.into_iter().flatten().collect();
    let gap = |(part, off): &(u64, i64)| {
        let about = about.get(*part as usize % (about.len() + 1)).copied().unwrap_or(millis(part * 40));
        let early = between.round_trip / 100 * (*part as u32 % 101);
        Duration::from_nanos((about.saturating_sub(early).as_nanos() as i64 + off).max(0) as u64)
    };
    gaps.iter().map(gap).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { max_global_rejects: 1_000_000, ..cases::property(300, 75) })]

    #[test]
    fn what_is_called_safe_loses_nothing(
        client in client(),
        server in server(),
        between in between(),
        gaps in vec((0..=100u64, -3_000_000..3_000_000i64), 1..8),
    ) {
        prop_assume!(races(&client, &server, &between).is_empty());
        let gaps = gaps_about(&client, &server, &between, &gaps);
        let report = posts(&client, &server, &between, &gaps);
        prop_assert_eq!(report.lost(), 0, "{:?} {:#?}", gaps, report);
        prop_assert!(report.requests.iter().all(|fate| fate.outcome == Outcome::Answered(200)));
    }

    #[test]
    fn what_is_called_an_error_loses_a_request(client in client(), server in server(), between in between()) {
        // the age is another race, once in a connection's life
        let (mut client, mut server) = (client, server);
        client.timeouts.age = None;
        server.timeouts.age = None;
        let races = races(&client, &server, &between);
        let lost = races.iter().find(|one| one.hazard == Hazard::IdleRace && one.severity == Severity::Error);
        prop_assume!(lost.is_some());
        let close = server.timeouts.idle.expect("something closes");
        // as late as its close is not yet known here, or as late as this connection is used
        let latest = lost.and_then(|one| one.client).map(|arrival| arrival - between.round_trip - between.granularity);
        let crossing = close - between.round_trip / 2;
        let gap = latest.map_or(crossing, |latest| latest.min(crossing)) - Duration::from_nanos(1);
        let report = posts(&client, &server, &between, &[gap]);
        prop_assert!(report.lost() > 0, "{:?} {:#?} {:#?}", gap, races, report);
    }
}
