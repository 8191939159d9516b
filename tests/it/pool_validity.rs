//! Until when an idle connection is good, and what makes one unfit.

use std::time::Duration;

use crate::driver::*;
use http_keepalive::pool::*;
use http_keepalive::{CloseReason, Instant, KeepAlive, Persistence, TunnelReason, Use, presets};

const ANY: PoolLimits = PoolLimits::DEFAULT.with_per_origin(None).with_total(None);

fn driver(timeouts: PoolTimeouts, policy: PoolPolicy) -> Driver {
    Driver::new(ANY, timeouts, policy)
}

fn ends(driver: &mut Driver, returned: &Returned) -> EndReason {
    let id = driver.ask("a").id();
    match driver.give_back(id, returned) {
        Checkin::Close(why) => why,
        checkin => panic!("{checkin:?}"),
    }
}

#[test]
fn every_taint_ends_pooling_under_its_name() {
    let mut driver = driver(PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT);
    for &taint in Taint::ALL {
        let why = ends(&mut driver, &HTTP11.with_taint(Some(taint)));
        assert_eq!((why, why.as_str(), why.clause()), (taint.end(), taint.as_str(), taint.clause()));
        assert_eq!(driver.pool.counters().ended(why), 1);
    }
}

#[test]
fn the_machines_verdict_ends_pooling() {
    let mut driver = driver(PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT);
    for (verdict, why) in [
        (Persistence::Close(CloseReason::CloseReceived), EndReason::Verdict),
        (Persistence::Close(CloseReason::UnreadContent), EndReason::UnreadContent),
        (Persistence::Close(CloseReason::Unsolicited), EndReason::UnsolicitedOctets),
        (Persistence::Close(CloseReason::FaultyFraming), EndReason::AmbiguousFraming),
        (Persistence::Close(CloseReason::EarlyResponse), EndReason::EarlyResponse),
        (Persistence::Close(CloseReason::Misdirected), EndReason::Misdirected),
        (Persistence::Close(CloseReason::RequestTimeoutReceived), EndReason::RequestTimeout),
        (Persistence::Tunnel(TunnelReason::Connect), EndReason::Tunnel),
    ] {
        assert_eq!(ends(&mut driver, &Returned::new(verdict)), why);
    }
}

#[test]
fn a_hint_counts_less_a_margin_of_time_fraction_and_round_trips() {
    let timeouts = PoolTimeouts::DEFAULT.with_margin(Duration::from_secs(1));
    let policy = PoolPolicy::DEFAULT.with_margin_percent(10).with_margin_round_trips(3);
    let mut driver = driver(timeouts, policy);
    let id = driver.ask("a").id();
    let _ = driver.give_back(id, &hint(20).with_round_trip(Some(Duration::from_millis(500))));
    // 20 s less 1 s, 2 s and 1.5 s
    assert_eq!(driver.closed_after(Duration::from_millis(15_499)), []);
    assert_eq!(driver.closed_after(Duration::from_millis(2)), [(id, EndReason::HintLimit)]);
}

#[test]
fn a_hint_never_makes_the_idle_limit_longer_and_can_be_ignored() {
    let mut driver_ = driver(PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT);
    let id = driver_.ask("a").id();
    let _ = driver_.give_back(id, &hint(600));
    assert_eq!(driver_.closed_after(Duration::from_secs(61)), [(id, EndReason::IdleLimit)]);
    let mut deaf = driver(PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT.with_hints(Use::Off));
    let id = deaf.ask("a").id();
    let _ = deaf.give_back(id, &hint(5));
    assert_eq!(deaf.closed_after(Duration::from_secs(59)), []);
}

#[test]
fn max_says_how_often_the_connection_is_used_again() {
    let mut driver = driver(PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT);
    let max = |max| HTTP11.with_hint(KeepAlive { timeout: None, max: Some(max) });
    let id = driver.ask("a").id();
    let _ = driver.give_back(id, &max(2));
    assert_eq!(driver.fetch("a"), Got::Reused(id));
    assert_eq!(driver.ask("a"), Got::Reused(id));
    assert_eq!(driver.give_back(id, &HTTP11), Checkin::Close(EndReason::Uses));
    assert_eq!(ends(&mut driver, &max(0)), EndReason::MaxHint);
}

#[test]
fn the_machines_instant_bounds_reuse() {
    let mut driver = driver(PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT);
    let id = driver.ask("a").id();
    let _ = driver.give_back(id, &HTTP11.with_until(Some(driver.now + Duration::from_secs(3))));
    assert_eq!(driver.closed_after(Duration::from_secs(4)), [(id, EndReason::Until)]);
}

#[test]
fn age_and_uses_vary_by_the_jitter_and_the_seed_alone() {
    let ends_of = |seed: u64| {
        let timeouts = PoolTimeouts::DEFAULT.with_age(secs(1000)).with_used_idle(None).with_lease(None);
        let policy = PoolPolicy::DEFAULT.with_jitter_percent(20).with_seed(seed);
        let config = PoolConfig::new(ANY.with_uses(Some(100)), timeouts, policy).unwrap();
        let mut pool = Pool::<u8, u32>::new(Instant::EPOCH, &config);
        for id in 0..200 {
            let Checkout::Open(permit) = pool.checkout(Instant::EPOCH, &0, Demand::DEFAULT.with_source(Source::New))
            else {
                panic!()
            };
            let lease = pool.opened(Instant::EPOCH, permit, id).unwrap();
            let _ = pool.checkin(Instant::EPOCH, lease, &HTTP11).unwrap();
        }
        let mut ages = Vec::new();
        while let Some(next) = pool.next_deadline() {
            while let Some(due) = pool.expire(next) {
                assert!(matches!(due, Due::Close { why: EndReason::Age, .. }));
                ages.push(next.as_nanos() / 1_000_000_000);
            }
        }
        ages
    };
    let ages = ends_of(1);
    assert!(ages.iter().all(|age| (800..=1200).contains(age)));
    assert!(ages[0] < 830 && ages[199] > 1170 && ages.len() == 200);
    assert_eq!(ends_of(1), ages);
    assert_ne!(ends_of(2), ages);
}

#[test]
fn a_generation_ends_everything_before_it() {
    let mut driver = driver(PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT);
    let all = driver.open_all("a", 2);
    driver.done(all[0]);
    driver.pool.new_generation(driver.now);
    assert_eq!(driver.ask("a"), Got::Opened(3), "the idle one is not used");
    assert_eq!(driver.expire(), [Due::Close { id: all[0], why: EndReason::Generation }]);
    assert_eq!(driver.give_back(all[1], &HTTP11), Checkin::Close(EndReason::Generation));
    driver.done(3);
    assert_eq!(driver.ask("a"), Got::Reused(3));
}

#[test]
fn after_a_long_sleep_everything_idle_goes_and_after_a_short_one_what_is_past_its_time() {
    let mut driver = driver(PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT);
    driver.fetch("a");
    assert_eq!(driver.closed_after(Duration::from_secs(30)), []);
    driver.fetch("b");
    driver.pool.suspended(driver.now, Duration::from_secs(31));
    assert_eq!(driver.closed_after(Duration::ZERO), [(1, EndReason::IdleLimit)]);
    driver.pool.suspended(driver.now, Duration::from_secs(3600));
    assert_eq!(driver.closed_after(Duration::ZERO), [(2, EndReason::Suspended)]);
}

#[test]
fn what_was_idle_for_long_is_looked_at_before_it_is_used() {
    for (watched, look_after, after_1, after_2) in [
        (Use::On, secs(2), Look::Skip, Look::First),
        (Use::On, None, Look::Skip, Look::Skip),
        (Use::On, secs(0), Look::First, Look::First),
        // who does not watch looks each time
        (Use::Off, secs(2), Look::First, Look::First),
        (Use::Off, None, Look::First, Look::First),
    ] {
        let policy = PoolPolicy::DEFAULT.with_idle_watched(watched);
        let mut driver = driver(PoolTimeouts::DEFAULT.with_look_after(look_after), policy);
        driver.fetch("a");
        for (time, expected) in [(1, after_1), (2, after_2)] {
            driver.now = driver.now + Duration::from_secs(time);
            let Checkout::Reuse { lease, look, .. } = driver.pool.checkout(driver.now, "a", Demand::DEFAULT) else {
                panic!()
            };
            assert_eq!(look, expected);
            let _ = driver.pool.checkin(driver.now, lease, &HTTP11);
        }
    }
}

#[test]
fn nothing_is_trusted_by_default() {
    let mut driver = driver(PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT);
    driver.fetch("a");
    let checkout = driver.pool.checkout(driver.now, "a", Demand::DEFAULT);
    assert!(matches!(checkout, Checkout::Reuse { look: Look::First, .. }), "{checkout:?}");
    for preset in presets::CLIENTS {
        let mut pool = Pool::<String, u32>::new(
            Instant::EPOCH,
            &PoolConfig::new(preset.limits, preset.timeouts, preset.policy).expect("within bounds"),
        );
        let Checkout::Open(permit) = pool.checkout(Instant::EPOCH, "a", Demand::DEFAULT) else { panic!() };
        let lease = pool.opened(Instant::EPOCH, permit, 1).expect("in time");
        if let Ok(Checkin::Kept(_)) = pool.checkin(Instant::EPOCH, lease, &HTTP11) {
            let checkout = pool.checkout(Instant::EPOCH, "a", Demand::DEFAULT);
            assert!(!matches!(checkout, Checkout::Reuse { look: Look::Skip, .. }), "{}: {checkout:?}", preset.name);
        }
    }
}

#[test]
fn an_idle_connection_that_can_be_read_is_over() {
    let mut driver = driver(PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT);
    driver.fetch("a");
    assert_eq!(driver.readable(1, Readable::End), Ok(EndReason::PeerClosed));
    driver.fetch("a");
    assert_eq!(driver.readable(2, Readable::Octets), Ok(EndReason::UnsolicitedOctets));
    assert_eq!(driver.fetch("a"), Got::Opened(3));
    // the race is lost: it is in use by then, and whoever uses it will see
    driver.ask("a");
    assert_eq!(driver.readable(3, Readable::End), Err(Stale));
}

#[test]
fn the_idle_limit_of_a_server_is_learned_explained_and_forgotten() {
    let timeouts = PoolTimeouts::DEFAULT.with_margin(Duration::from_secs(1)).with_forget(Duration::from_secs(600));
    let mut driver = driver(timeouts, PoolPolicy::DEFAULT.with_learn(Use::On));
    driver.fetch("a");
    driver.now = driver.now + Duration::from_secs(10);
    assert_eq!(driver.fetch("a"), Got::Reused(1));
    assert_eq!(driver.pool.learned("a"), None, "that reuse works says nothing of when it does not");
    // found closed after 30 s, then seen to close after 15 s
    driver.now = driver.now + Duration::from_secs(30);
    assert_eq!(driver.ask("a"), Got::Reused(1));
    driver.closed(1, Ended::DeadAtReuse);
    driver.fetch("a");
    assert_eq!(driver.pool.learned("a").unwrap().limit, Duration::from_secs(29));
    driver.now = driver.now + Duration::from_secs(15);
    driver.readable(2, Readable::End).unwrap();
    let learned = driver.pool.learned("a").unwrap();
    assert_eq!(
        (learned.worked, learned.closed, learned.limit),
        (Duration::from_secs(10), Duration::from_secs(15), Duration::from_secs(14))
    );
    assert_eq!(
        learned.to_string(),
        "reuse worked after 10s of idleness, the peer had closed after 15s: idle for at most 14s"
    );
    driver.fetch("a");
    assert_eq!(driver.closed_after(Duration::from_secs(20)), [(3, EndReason::LearnedLimit)]);
    // another origin is another matter
    driver.fetch("b");
    assert_eq!(driver.closed_after(Duration::from_secs(59)), []);
    assert_eq!(driver.closed_after(Duration::from_secs(600)).len(), 1);
    assert_eq!(driver.expire(), []);
    assert_eq!(driver.pool.learned("a"), None);
    driver.fetch("a");
    assert_eq!(driver.closed_after(Duration::from_secs(61)), [(4 + 1, EndReason::IdleLimit)]);
}

#[test]
fn nothing_is_learned_unless_it_is_asked_for() {
    let mut driver = driver(PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT);
    driver.fetch("a");
    driver.readable(1, Readable::End).unwrap();
    assert_eq!(driver.pool.learned("a"), None);
}
