//! Laws of a relay between honest peers, over transports of any pace that break anywhere: what arrives is what was sent, nothing is doubled,
//! and nothing that may be repeated is lost.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use http_keepalive::relay::*;
use http_keepalive::*;

use crate::cases;
use crate::relay_pair::{Came, Exchange, Seen, run};

fn exchanges(may_break: bool) -> impl Strategy<Value = Vec<Exchange>> {
    let octets = || prop_oneof![Just(0usize), 1..50usize, 1..5000usize, Just(20_000usize)];
    let one = (
        select(vec!["GET", "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]),
        octets(),
        any::<[bool; 5]>(),
        octets(),
        0..3usize,
        weighted(0.4, prop_oneof![0..100usize, 0..3000usize, 0..60_000usize]),
    );
    let exchange =
        one.prop_map(move |(method, octets, [known, expects, trailers, said, early], answered, interim, breaks)| {
            let has = matches!(method, "POST" | "PUT" | "PATCH") && octets > 0;
            let content = match (has, known) {
                (false, _) => Content::Empty,
                (true, true) => Content::Exact(octets as u64),
                (true, false) => Content::Unknown,
            };
            Exchange {
                method,
                content,
                octets: if has { octets } else { 0 },
                expects: expects && has,
                trailers: trailers && has && !known,
                answer: (answered, said),
                early: early && has && !expects,
                interim,
                breaks: breaks.filter(|_| may_break),
            }
        });
    vec(exchange, 1..6)
}

fn all_arrives(exchanges: &[Exchange], seen: &Seen) {
    assert_eq!(seen.came.len(), exchanges.len());
    assert_eq!(seen.lost, []);
    for (number, (exchange, came)) in exchanges.iter().zip(&seen.came).enumerate() {
        let Came::Whole { status: 200, trailer, .. } = came else { panic!("{number}: {came:?} of {exchange:?}") };
        let trailers = !exchange.answer.1 && exchange.method != "HEAD";
        assert_eq!(*trailer, trailers, "{number}: {exchange:?}");
        assert_eq!(seen.whole.get(&number), Some(&1), "{number}");
    }
    assert_eq!(seen.connections, 1);
}

proptest! {
    #![proptest_config(cases::property(400, 30))]

    /// Any split, any pace, any order: content, trailers and interim responses arrive, over one connection on each side.
    #[test]
    fn what_arrives_is_what_was_sent(exchanges in exchanges(false), choices in vec(any::<u8>(), 0..40)) {
        let seen = run(&exchanges, &choices, RelayPolicy::DEFAULT, Vec::<u8>::new);
        all_arrives(&exchanges, &seen);
    }

    /// The same in storages that do not grow.
    #[test]
    fn what_arrives_in_storages_that_do_not_grow_is_the_same(exchanges in exchanges(false), choices in vec(any::<u8>(), 0..40)) {
        let octets = Config::<Server>::DEFAULT.min_buffer();
        let seen = run(&exchanges, &choices, RelayPolicy::DEFAULT, || vec![0; octets + 1024].into_boxed_slice());
        all_arrives(&exchanges, &seen);
    }

    /// Connections to origins break: no request that may not be is processed twice, none that may be repeated is lost, and nothing that was
    /// cut passes for whole.
    #[test]
    fn nothing_is_doubled_and_nothing_that_may_be_repeated_is_lost(
        exchanges in exchanges(true),
        choices in vec(any::<u8>(), 0..40),
    ) {
        let seen = run(&exchanges, &choices, RelayPolicy::DEFAULT, Vec::<u8>::new);
        prop_assert_eq!(seen.came.len(), exchanges.len());
        for (number, (exchange, came)) in exchanges.iter().zip(&seen.came).enumerate() {
            let idempotent = matches!(exchange.method, "GET" | "HEAD" | "PUT" | "DELETE");
            let heads = seen.heads.get(&number).copied().unwrap_or(0);
            prop_assert!(idempotent || heads <= 1, "{} reached origins {} times", exchange.method, heads);
            match came {
                // whole: what it says was compared
                Came::Whole { status: 200, .. } => {}
                Came::Whole { status, .. } => {
                    prop_assert_eq!(*status, 502);
                    // the status line of an answer was there, and the rest was not
                    let begun = seen.answered.get(&number).is_some_and(|&octets| octets >= "HTTP/1.1 200 OK\r\n".len());
                    // in more chunks than are kept
                    let many = exchange.content == Content::Unknown && exchange.octets > 16;
                    prop_assert!(exchange.breaks.is_some() && (!idempotent || begun || many), "{:?}", exchange);
                }
                Came::Cut => prop_assert!(exchange.breaks.is_some(), "{:?}", exchange),
                Came::Nothing => prop_assert!(exchange.breaks.is_some() && !idempotent && number > 0, "{:?}", exchange),
            }
        }
    }
}
