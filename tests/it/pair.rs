//! A client and a server in virtual time, over a network that delays, stalls and fails: no request is forgotten, none is
//! repeated that may not be, every drain ends, and no timer of ours loses what had arrived.
//!
//! What holds of any run is checked by the simulator itself: the answer that came is the one that was sent, octet by octet; a
//! request that is not idempotent is seen by servers once at most; no deadline stays due.

use std::time::Duration;

use crate::cases;
use crate::network::plan::{Ask, Framed, Reply, Scene, When};
use crate::network::server::slowest;
use crate::network::wire::Side;
use crate::network::worlds::{Four, asks, client, limits, millis, network, policy, server};
use crate::network::{Network, Outcome, Report, run};
use http_keepalive::retry::{Advice, RetryReason};
use http_keepalive::{Client, Config, KeepAliveField, Limits, Policy, Server, Timeouts};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

const fn nanos(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

/// Who answers before it has read does not pause: its client may have given the content up for the answer, and then none comes.
fn reads_all(reply: Reply) -> Reply {
    Reply { pause: if reply.early { Duration::ZERO } else { reply.pause }, ..reply }
}

/// It goes when those before it are over: one that is pipelined may meet a close.
fn alone(ask: Ask) -> Ask {
    let when = if ask.when == When::Behind { When::After(Duration::ZERO) } else { ask.when };
    Ask { when, reply: reads_all(ask.reply), ..ask }
}

/// One of the steps of this run.
fn step_of(report: &Report, step: Index) -> usize {
    step.index(report.steps) + 1
}

proptest! {
    #![proptest_config(cases::property(300, 15))]

    #[test]
    fn every_request_ends_in_a_response_or_a_verdict(
        asks in asks(),
        network in network(),
        client in client(),
        server in server(),
        writes_first in any::<bool>(),
        accidents in (any::<Index>(), any::<Index>(), any::<bool>()),
        sleep in 0..100_000u64,
    ) {
        let quiet = Scene { writes_first, ..Scene::of(asks) };
        let report = run(&client, &server, &network, &quiet);
        let (sever, drain, of_client) = accidents;
        let side = if of_client { Side::Client } else { Side::Server };
        let severed = Scene { sever: Some(step_of(&report, sever)), ..quiet.clone() };
        run(&client, &server, &network, &severed);
        let drained = Scene { drain: Some((side, step_of(&report, drain))), ..severed };
        run(&client, &server, &network, &drained);
        let asleep = Scene { sleep: Some((side, step_of(&report, sever), millis(sleep))), ..quiet };
        run(&client, &server, &network, &asleep);
    }

    #[test]
    fn close_08_a_fin_behind_the_last_request_cancels_nothing(
        asks in asks(),
        network in network(),
        (limits, policy) in (limits(), policy()),
        writes_first in any::<bool>(),
    ) {
        // a window of an octet would take longer for a longer head than the default timeouts are
        let network = Network { window: network.window.max(100), ..network };
        let client = Config::<Four>::DEFAULT;
        let server = Config::<Server>::new(limits, Timeouts::DEFAULT, policy).expect("within bounds");
        let scene = Scene { writes_first, ..Scene::of(asks) };
        let open = run(&client, &server, &network, &scene);
        let shut = run(&client, &server, &network, &Scene { half_closes: true, ..scene });
        let outcomes = |report: &Report| report.requests.iter().map(|fate| fate.outcome).collect::<Vec<_>>();
        prop_assert_eq!(outcomes(&open), outcomes(&shut));
    }

    #[test]
    fn where_nothing_fails_every_request_is_answered_at_its_first_try(
        asks in asks(),
        network in network(),
        policies in (policy(), policy()),
        most in select(vec![None, Some(1), Some(2)]),
        writes_first in any::<bool>(),
    ) {
        let network = Network { window: network.window.max(100), ..network };
        let limits = Limits::DEFAULT.with_max_exchanges(most);
        let client = Config::<Four>::new(Limits::DEFAULT, Timeouts::DEFAULT, policies.0).expect("within bounds");
        let server = Config::<Server>::new(limits, Timeouts::DEFAULT, policies.1).expect("within bounds");
        let scene = Scene { writes_first, ..Scene::of(asks.into_iter().map(alone).collect()) };
        let report = run(&client, &server, &network, &scene);
        for (fate, ask) in report.requests.iter().zip(&scene.asks) {
            prop_assert_eq!(fate.outcome, Outcome::Answered(ask.reply.status));
            prop_assert!(fate.losses.is_empty(), "{:?}", fate);
        }
    }

    #[test]
    fn a_server_that_sleeps_loses_nobody_who_had_come(
        asks in asks(),
        network in network(),
        (step, sleep) in (any::<Index>(), 0..600_000u64),
    ) {
        // its clients wait, and read: one that reads nothing before all of its content was taken is reset after a sleep as well
        let network = Network { window: network.window.max(100), ..network };
        let waits = Timeouts::DEFAULT.with_head(None).with_head_cap(None).with_content_gap(None).with_content_rate(None);
        let waits = waits.with_write_stall(None);
        let client = Config::<Four>::new(Limits::DEFAULT, waits, Policy::DEFAULT).expect("within bounds");
        // a client that our own full window keeps from sending is too slow for a rate
        let awaits = Timeouts::DEFAULT.with_content_rate(None);
        let server = Config::<Server>::new(Limits::DEFAULT, awaits, Policy::DEFAULT).expect("within bounds");
        let quiet = Scene::of(asks.into_iter().map(alone).collect());
        let step = step_of(&run(&client, &server, &network, &quiet), step);
        let report = run(&client, &server, &network, &Scene { sleep: Some((Side::Server, step, millis(sleep))), ..quiet.clone() });
        for (fate, ask) in report.requests.iter().zip(&quiet.asks) {
            prop_assert_eq!(fate.outcome, Outcome::Answered(ask.reply.status), "{:?}", fate);
            prop_assert!(fate.losses.is_empty(), "{:?}", fate);
        }
    }

    #[test]
    fn a_client_that_sleeps_takes_what_came_meanwhile(
        asks in asks(),
        network in network(),
        (step, sleep) in (any::<Index>(), 0..600_000u64),
    ) {
        let network = Network { window: 100_000, ..network };
        let timeouts = Timeouts::DEFAULT.with_response(Some(millis(2000))).with_content_gap(Some(millis(500)));
        let client = Config::<Client>::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds");
        let server = Config::<Server>::DEFAULT;
        let get = |ask: Ask| Ask { method: "GET", content: 0, chunked: false, when: When::After(millis(100)), ..ask };
        let quiet = Scene::of(asks.into_iter().map(get).collect());
        let step = step_of(&run(&client, &server, &network, &quiet), step);
        let report = run(&client, &server, &network, &Scene { sleep: Some((Side::Client, step, millis(sleep))), ..quiet.clone() });
        for (fate, ask) in report.requests.iter().zip(&quiet.asks) {
            prop_assert_eq!(fate.outcome, Outcome::Answered(ask.reply.status), "{:?}", fate);
        }
    }

    #[test]
    fn a_drain_ends_within_its_deadline_from_any_state(
        asks in asks(),
        network in network(),
        client in client(),
        server in server(),
        writes_first in any::<bool>(),
        steps in vec(any::<Index>(), 4),
        of_client in any::<bool>(),
    ) {
        let quiet = Scene { writes_first, ..Scene::of(asks) };
        let report = run(&client, &server, &network, &quiet);
        let side = if of_client { Side::Client } else { Side::Server };
        let timeouts = if of_client { client.timeouts() } else { server.timeouts() };
        let most = timeouts.drain.unwrap() + network.granularity;
        for step in steps {
            let scene = Scene { drain: Some((side, step_of(&report, step))), ..quiet.clone() };
            let report = run(&client, &server, &network, &scene);
            for life in &report.connections {
                let Some(drained) = life.drained[side as usize] else { continue };
                let closed = life.closed[side as usize].expect("a drain ends");
                prop_assert!(closed <= drained + most, "{side:?} drained at {drained:?}, closed at {closed:?}");
                let at_once = of_client && life.was_idle[side as usize];
                prop_assert!(!at_once || closed <= drained + network.granularity, "a client has no shield");
                // what it was at when it learns of the close it may still finish
                let other = life.closed[side.other() as usize].expect("and the other side learns of it");
                let learns = network.delay * 3 + network.granularity * 3 + slowest(&scene.asks);
                prop_assert!(other <= closed + learns + millis(3000), "{closed:?}, and the other at {other:?}");
            }
        }
    }
}

/// Pipelined behind an upload that a small window holds up, so that some of it has not left whenever something happens.
fn held_up() -> (Network, Scene) {
    let network = Network { delay: millis(20), granularity: Duration::ZERO, window: 100 };
    let upload = Ask { content: 1500, ..Ask::new("PUT", Duration::ZERO) };
    let behind = |method| Ask { when: When::Behind, ..Ask::new(method, Duration::ZERO) };
    (network, Scene::of(vec![Ask::new("GET", Duration::ZERO), upload, behind("GET"), behind("POST")]))
}

#[test]
fn a_connection_lost_at_any_step_leaves_a_verdict_by_what_had_left() {
    let (network, quiet) = held_up();
    let (client, server) = (Config::<Four>::DEFAULT, Config::<Server>::DEFAULT);
    let (mut unsent, mut asked) = (0, 0);
    for step in 1..=run(&client, &server, &network, &quiet).steps {
        let report = run(&client, &server, &network, &Scene { sever: Some(step), ..quiet.clone() });
        let losses = report.requests.iter().flat_map(|fate| &fate.losses);
        for loss in losses {
            unsent += usize::from(loss.verdict.reason == RetryReason::NotSent);
            asked += usize::from(loss.verdict.reason == RetryReason::NotIdempotent);
        }
    }
    assert!(unsent > 0 && asked > 0, "{unsent} of which nothing had left, {asked} POSTs of which some had");
}

// ---- the race of an idle close

/// A connection that the client keeps for as long as it is told, by a server that says so.
fn hinted(advertised: u64, guard: u64, margin: Duration) -> (Config<Client>, Config<Server>) {
    let timeouts = Timeouts::DEFAULT.with_idle(None).with_idle_advertised(None).with_hint_margin(Some(margin));
    let client = Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds");
    let advertised = millis(advertised * 1000);
    let timeouts = Timeouts::DEFAULT.with_idle_advertised(Some(advertised)).with_idle(Some(advertised + millis(guard)));
    let policy = Policy::DEFAULT.with_keep_alive_field(KeepAliveField::Always);
    (client, Config::new(Limits::DEFAULT, timeouts, policy).expect("within bounds"))
}

/// A gap around `about`, to the nanosecond where it matters.
fn gap_around(about: Duration, by: Duration) -> impl Strategy<Value = Duration> {
    let close = (0..3u64).prop_map(|by| by as i64 - 1);
    let near = -3_000_000..3_000_000i64;
    let by = by.as_nanos() as i64;
    let far = -by..=by;
    prop_oneof![close, near, far].prop_map(move |off| nanos((about.as_nanos() as i64 + off).max(0) as u64))
}

/// The network, a server's idle timeout, and gaps around what makes a request arrive as it expires.
fn race() -> impl Strategy<Value = (Network, Duration, Vec<Duration>)> {
    (network(), 300..3000u64).prop_flat_map(|(network, idle)| {
        let (network, idle) = (Network { window: 100_000, ..network }, millis(idle));
        let about = idle.saturating_sub(network.delay * 2);
        (Just(network), Just(idle), vec(gap_around(about, network.delay * 3 + network.granularity * 2), 1..6))
    })
}

proptest! {
    #![proptest_config(cases::property(300, 15))]

    #[test]
    fn no_octet_that_had_arrived_is_thrown_away_by_an_idle_close(
        (network, idle, gaps) in race(),
        fresh in any::<bool>(),
    ) {
        // that none is, the simulator checks; a request that was lost had not arrived, and its verdict says what may be done
        let timeouts = Timeouts::DEFAULT.with_idle_shield(None).with_idle_advertised(None);
        let timeouts = match fresh {
            true => timeouts.with_first_octet(Some(network.delay * 2 + nanos(gaps[0].as_nanos() as u64 % 3))),
            false => timeouts.with_idle(Some(idle)),
        };
        let server = Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds");
        let asks = gaps.iter().zip(["POST", "GET"].into_iter().cycle()).map(|(gap, method)| Ask::new(method, *gap));
        let report = run(&Config::<Client>::DEFAULT, &server, &network, &Scene::of(asks.collect()));
        prop_assert!(report.requests.iter().step_by(2).all(|fate| fate.losses.len() <= 1), "one POST, one verdict");
    }

    #[test]
    fn with_a_margin_above_round_trip_and_granularity_no_request_meets_an_idle_close(
        (network, gaps, guard) in (network(), 0..1500u64).prop_flat_map(|(network, guard)| {
            let about = millis(ADVERTISED * 1000) - network.delay * 2;
            let by = network.delay * 3 + network.granularity * 2 + millis(guard);
            (Just(Network { window: 100_000, ..network }), vec(gap_around(about, by), 1..8), Just(guard))
        }),
        more in 1..5_000_000u64,
    ) {
        let margin = network.delay * 2 + network.granularity + nanos(more);
        let (client, server) = hinted(ADVERTISED, guard, margin);
        let asks = gaps.iter().map(|gap| Ask::new("POST", *gap)).collect();
        let report = run(&client, &server, &network, &Scene::of(asks));
        prop_assert!(report.requests.iter().all(|fate| fate.losses.is_empty()), "{report:#?}");
        prop_assert!(report.requests.iter().all(|fate| fate.outcome == Outcome::Answered(200)));
    }
}

/// Seconds that a server says it will stay.
const ADVERTISED: u64 = 3;

#[test]
fn without_a_margin_requests_are_lost_and_only_the_idempotent_are_repeated() {
    let network = Network { delay: millis(50), granularity: Duration::ZERO, window: 100_000 };
    let mut lost = 0;
    for early in (0..=120).map(millis) {
        let (client, server) = hinted(ADVERTISED, 0, Duration::ZERO);
        let gap = millis(ADVERTISED * 1000) - early;
        let asks = ["GET", "GET", "POST"].map(|method| Ask::new(method, gap));
        let report = run(&client, &server, &network, &Scene::of(asks.to_vec()));
        lost += report.lost();
        let [_, get, post] = &report.requests[..] else { panic!("three requests") };
        assert_eq!(get.outcome, Outcome::Answered(200), "it is repeated: {get:?}");
        for loss in &post.losses {
            assert_eq!((loss.verdict.advice, loss.verdict.reason), (Advice::Ask, RetryReason::NotIdempotent));
            assert_eq!(post.outcome, Outcome::GivenUp(loss.verdict));
        }
        // before the last round trip of the timeout all arrives
        assert!(early < millis(100) || report.lost() == 0, "{early:?}: {report:#?}");
    }
    assert!(lost > 50, "that is what the margin is for: {lost}");
}

// ---- early refusals

/// An upload that is refused while it is still coming.
fn upload() -> impl Strategy<Value = Ask> {
    let method = select(&["PUT", "POST"][..]);
    let framing = select(&[Framed::Exact, Framed::Chunked, Framed::UntilClose][..]);
    (method, 1..60_000usize, any::<bool>(), any::<bool>(), framing, 0..900u64, 0..3000usize).prop_map(
        |(method, content, chunked, expects, framing, delay, answer)| {
            let gap = Duration::ZERO;
            let reply = Reply {
                status: 413,
                content: answer,
                framing,
                early: true,
                interim: 0,
                delay: millis(delay),
                pause: Duration::ZERO,
            };
            Ask { content, chunked, expects, reply, ..Ask::new(method, gap) }
        },
    )
}

proptest! {
    #![proptest_config(cases::property(150, 12))]

    #[test]
    fn an_early_refusal_is_seen_by_a_client_that_still_sends(
        upload in upload(),
        network in network(),
        window in 2_000..20_000usize,
        writes_first in any::<bool>(),
        by_limit in any::<bool>(),
        unread in select(&[0, 1000, 64 * 1024][..]),
        policies in (policy(), policy()),
    ) {
        let content = if by_limit { Some(upload.content as u64 - 1) } else { None };
        let limits = Limits::DEFAULT.with_content(content).with_unread_octets(Some(unread));
        let client = Config::<Client>::new(Limits::DEFAULT, Timeouts::DEFAULT, policies.0).expect("within bounds");
        let server = Config::<Server>::new(limits, Timeouts::DEFAULT, policies.1).expect("within bounds");
        let scene = Scene { writes_first, ..Scene::of(vec![upload]) };
        let report = run(&client, &server, &Network { window, ..network }, &scene);
        prop_assert_eq!(report.requests[0].outcome, Outcome::Answered(413), "{:#?}", report);
        prop_assert!(report.requests[0].losses.is_empty(), "at the first try");
    }
}
