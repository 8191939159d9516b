//! The pool agrees with a naive twin, whatever the settings and the order of events.

use crate::cases;
use crate::twin;
use http_keepalive::pool::{Eviction, Order};
use proptest::prelude::*;

/// So many random octets, the same each time.
fn story(seed: u64, octets: u32) -> Vec<u8> {
    let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut octet = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 56) as u8
    };
    (0..octets).map(|_| octet()).collect()
}

/// Settings under which nearly every check-out and check-in takes the shortest way there is.
#[test]
fn the_fast_path() {
    for seed in 0..cases::of(1500, 60) {
        let mut story = story(seed.into(), 1500);
        for place in [0, 4, 5, 6, 7, 8, 9, 10, 13, 19, 21, 24, 27] {
            story[place] = 0;
        }
        // idle limits that end
        story[14] = story[14] % 4 + 1;
        story[15] = story[15] % 4 + 1;
        if seed % 2 == 0 {
            // no limits, and nobody waits
            story[2..4].fill(0);
        }
        twin::run(&story);
    }
}

/// Every order with every rule of eviction, and every pair of limits per key and in total; what else there is, at random.
#[test]
fn every_order_eviction_and_limit() {
    let (orders, evictions, limits) = (Order::ALL.len() as u8, Eviction::ALL.len() as u8, 5);
    let times = cases::of(8, 1);
    for combination in 0..orders as u32 * evictions as u32 * limits * limits * times {
        let mut story = story(combination.into(), cases::of(1500, 150));
        let mut rest = combination / times;
        for (place, number) in [orders as u32, evictions as u32, limits, limits].into_iter().enumerate() {
            story[place] = (rest % number) as u8;
            rest /= number;
        }
        if combination % 2 == 0 {
            // nothing else but the limits in time
            story[4..14].fill(0);
        }
        twin::run(&story);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases::of(400, 100)))]
    #[test]
    fn any_story(story in prop::collection::vec(any::<u8>(), 0..800)) {
        twin::run(&story);
    }
}
