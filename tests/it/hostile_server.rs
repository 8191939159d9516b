//! A client and a server in virtual time, where the server says what nobody asked for, at any moment and in any pieces: whatever was
//! there before a request is never its answer (RFC 9112 9.2), and every request still ends in an answer or a verdict.
//!
//! The simulator checks both in any run: a response is reported only where an octet of its request had left when the response's first
//! octet was read; what is not idempotent is seen once at most. Octets that crossed the request may be taken for its answer.

use std::time::Duration;

use crate::cases;
use crate::network::plan::{Ask, Piece, Scene};
use crate::network::worlds::{self, Four, asks, millis, network, server};
use crate::network::{Network, Outcome, run};
use http_keepalive::{Client, Config, Server};
use proptest::prelude::*;
use proptest::sample::{Index, select};

const EVIL: &[u8] = b"HTTP/1.1 299 EVIL\r\nContent-Length: 4\r\n\r\nEVIL";
const TIMEOUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// What is said, in pieces, each so long after the one before.
fn pieces() -> impl Strategy<Value = Vec<Piece>> {
    let said = prop_oneof![
        select(&[EVIL, TIMEOUT, b"HTTP/1.1 103 Early Hints\r\n\r\n", b"EVIL\r\n\r\n", b"HTTP/1.1 2", b"\r"][..])
            .prop_map(<[u8]>::to_vec),
        (1..8usize).prop_map(|times| b"\r\n".repeat(times)),
        (0..4usize).prop_map(|times| [b"\r\n".repeat(times), EVIL.to_vec()].concat()),
        Just(EVIL.repeat(2)),
    ];
    let late = || prop_oneof![2 => Just(0), 1 => 0..1000u64].prop_map(|micros| Duration::from_micros(micros * 700));
    (said, any::<Index>(), late(), late()).prop_map(|(said, at, first, second)| {
        let (head, tail) = said.split_at(at.index(said.len()));
        let pieces = [(first, head.to_vec()), (second, tail.to_vec())];
        pieces.into_iter().filter(|(_, piece)| !piece.is_empty()).collect()
    })
}

/// A client that waits for the next piece of content for a minute at most. A server that did not answer a request, but in whose name
/// somebody did, waits for content that was given up over that answer; the client waits for the answer's end, which may be the close.
fn client() -> impl Strategy<Value = Config<Four>> {
    worlds::client().prop_map(|config| {
        let timeouts = match config.timeouts() {
            bounded if bounded.content_gap.is_some() => *bounded,
            endless => endless.with_content_gap(Some(millis(60_000))).with_content_rate(None),
        };
        Config::new(*config.limits(), timeouts, *config.policy()).expect("within bounds")
    })
}

proptest! {
    #![proptest_config(cases::property(400, 15))]

    #[test]
    fn pipe_05_what_was_there_before_a_request_is_never_its_answer(
        asks in asks(),
        network in network(),
        client in client(),
        server in server(),
        (writes_first, wordless) in any::<(bool, bool)>(),
        pieces in pieces(),
        step in any::<Index>(),
    ) {
        let quiet = Scene { writes_first, wordless, ..Scene::of(asks) };
        let report = run(&client, &server, &network, &quiet);
        let step = step.index(report.steps) + 1;
        run(&client, &server, &network, &Scene { hostile: Some((step, pieces)), ..quiet });
    }

    #[test]
    fn pipe_05_what_is_said_between_two_requests_costs_the_second_nothing(
        method in select(&["GET", "POST"][..]),
        network in network(),
        (writes_first, wordless) in any::<(bool, bool)>(),
        mut pieces in pieces(),
        after in 1000..5000u64,
    ) {
        // after the first answer, which takes less than half a second, and early enough to arrive before the second request
        pieces[0].0 += millis(after);
        let network = Network { window: network.window.max(200), ..network };
        let asks = vec![Ask::new("GET", Duration::ZERO), Ask::new(method, millis(8000))];
        let scene = Scene { writes_first, wordless, hostile: Some((2, pieces)), ..Scene::of(asks) };
        let report = run(&Config::<Client>::DEFAULT, &Config::<Server>::DEFAULT, &network, &scene);
        for fate in &report.requests {
            prop_assert_eq!(fate.outcome, Outcome::Answered(200), "{:?}", report);
            prop_assert!(fate.losses.is_empty(), "{:?}", report);
        }
    }
}

#[test]
fn retry_03_octets_that_nobody_asked_for_cost_a_post_nothing() {
    let network = Network { delay: millis(20), granularity: Duration::ZERO, window: 100_000 };
    let (client, server) = (Config::<Four>::DEFAULT, Config::<Server>::DEFAULT);
    let asks = vec![Ask::new("GET", Duration::ZERO), Ask::new("POST", millis(1000))];
    // said after the first answer, which takes 60 ms, and arriving before the second request is made
    for late in (70..1000).step_by(10).map(millis) {
        let scene = Scene { hostile: Some((2, vec![(late, EVIL.to_vec())])), ..Scene::of(asks.clone()) };
        let report = run(&client, &server, &network, &scene);
        assert_eq!(report.requests[1].outcome, Outcome::Answered(200), "{late:?}: {report:#?}");
        assert!(report.requests[1].losses.is_empty(), "{late:?}: {report:#?}");
        assert_eq!(report.connections.len(), 2, "the first is not used again");
    }
}
