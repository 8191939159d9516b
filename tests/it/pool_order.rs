//! Which of several idle connections is used.

use std::time::Duration;

use crate::driver::*;
use http_keepalive::Use;
use http_keepalive::pool::*;

fn driver(policy: PoolPolicy) -> Driver {
    let limits = PoolLimits::DEFAULT.with_per_origin(None);
    let timeouts = PoolTimeouts::DEFAULT.with_used_idle(None).with_unused_idle(None).with_age(None);
    Driver::new(limits, timeouts, policy)
}

/// Five connections that came back in the order of their numbers; the numbers that so many requests get, one after another.
fn taken(policy: PoolPolicy, requests: usize) -> Vec<u32> {
    let mut driver = driver(policy);
    for id in driver.open_all("a", 5) {
        driver.done(id);
    }
    (0..requests).map(|_| driver.fetch("a").id()).collect()
}

#[test]
fn the_newest_is_used_again_and_again_and_the_oldest_is_never_the_same() {
    assert_eq!(taken(PoolPolicy::DEFAULT.with_order(Order::Newest), 4), [5, 5, 5, 5]);
    assert_eq!(taken(PoolPolicy::DEFAULT.with_order(Order::Oldest), 7), [1, 2, 3, 4, 5, 1, 2]);
    assert_eq!(taken(PoolPolicy::DEFAULT.with_order(Order::FirstOpened), 3), [1, 1, 1]);
}

#[test]
fn round_robin_goes_by_the_order_of_opening() {
    assert_eq!(taken(PoolPolicy::DEFAULT.with_order(Order::RoundRobin), 7), [1, 2, 3, 4, 5, 1, 2]);
    // whatever the order in which they come back
    let mut driver = driver(PoolPolicy::DEFAULT.with_order(Order::RoundRobin));
    let all = driver.open_all("a", 4);
    [2, 0, 3, 1].iter().for_each(|&place| driver.done(all[place]));
    assert_eq!([driver.ask("a"), driver.ask("a")], [Got::Reused(1), Got::Reused(2)]);
    driver.done(2);
    assert_eq!(
        [driver.fetch("a"), driver.fetch("a"), driver.fetch("a")],
        [Got::Reused(3), Got::Reused(4), Got::Reused(2)]
    );
}

#[test]
fn random_is_by_the_seed_and_reaches_all() {
    let order = |seed| taken(PoolPolicy::DEFAULT.with_order(Order::Random).with_seed(seed), 200);
    assert_eq!(order(1), order(1));
    assert_ne!(order(1), order(2));
    for id in 1..=5 {
        let times = order(3).iter().filter(|&&taken| taken == id).count();
        assert!((20..=60).contains(&times), "{id}: {times} times");
    }
}

#[test]
fn used_connections_are_taken_before_never_used_ones_unless_policy_says_otherwise() {
    for (used_first, order) in [(Use::On, [1, 2, 3]), (Use::Off, [3, 2, 1])] {
        let mut driver = driver(PoolPolicy::DEFAULT.with_used_first(used_first));
        driver.open_all("a", 3);
        driver.done(1);
        let _ = driver.give_back(2, &UNUSED);
        let _ = driver.give_back(3, &UNUSED);
        let taken: Vec<u32> = (0..3).map(|_| driver.ask("a").id()).collect();
        assert_eq!(taken, order);
    }
}

#[test]
fn a_new_connection_can_be_asked_for_though_others_are_idle() {
    let mut driver = driver(PoolPolicy::DEFAULT);
    driver.fetch("a");
    assert_eq!(driver.ask_for("a", Demand::DEFAULT.with_source(Source::New)), Got::Opened(2));
    assert_eq!(driver.ask("a"), Got::Reused(1));
}

#[test]
fn what_is_past_its_time_is_passed_over_in_every_order() {
    for order in Order::ALL {
        let limits = PoolLimits::DEFAULT.with_per_origin(None);
        let mut driver = Driver::new(limits, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT.with_order(order));
        driver.open_all("a", 4);
        let _ = driver.give_back(1, &hint(5));
        driver.done(2);
        let _ = driver.give_back(3, &hint(5));
        let _ = driver.give_back(4, &hint(5));
        driver.now = driver.now + Duration::from_secs(4);
        assert_eq!([driver.ask("a"), driver.ask("a")], [Got::Reused(2), Got::Opened(5)], "{order:?}");
        assert_eq!(driver.expire().len(), 3);
    }
}
