//! Permits, leases and tickets: nothing is lost silently, and nobody starves.

use std::collections::HashMap;
use std::time::Duration;

use crate::driver::*;
use http_keepalive::pool::*;
use http_keepalive::{ConfigError, Instant, Use};

fn limited(per_origin: u32, total: u32) -> Driver {
    let limits = PoolLimits::DEFAULT.with_per_origin(Some(per_origin)).with_total(Some(total));
    Driver::new(limits, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT)
}

#[test]
fn waiters_are_served_first_come_first_served() {
    let mut driver = limited(1, 10);
    let id = driver.ask("a").id();
    let tickets: Vec<_> = (0..3).map(|_| driver.ask("a").ticket()).collect();
    for ticket in tickets {
        driver.done(id);
        // who comes now stands behind
        assert_eq!(
            driver.ask_for("a", Demand::DEFAULT.with_patience(Patience::None)),
            Got::Refused(RefuseReason::Behind)
        );
        assert_eq!(driver.next_waiter(), Some((ticket, Got::Reused(id))));
        assert_eq!(driver.next_waiter(), None);
    }
}

/// Each key has a connection that came back and a waiter, and nobody has been told yet: those that leave take nobody else's turn with them.
#[test]
fn the_others_go_on_in_the_order_in_which_connections_came_back() {
    let keys: Vec<String> = (0..20).map(|key| key.to_string()).collect();
    let mut driver = limited(1, 20);
    let ids: Vec<_> = keys.iter().map(|key| driver.ask(key).id()).collect();
    let mut tickets: Vec<_> = keys.iter().map(|key| Some(driver.ask(key).ticket())).collect();
    // by steps of seven: in no order
    let came_back: Vec<usize> = (0..20).map(|turn| turn * 7 % 20).collect();
    came_back.iter().for_each(|&key| driver.done(ids[key]));
    let leaves = |key: usize| key % 3 == 1;
    for key in (0..20).rev().filter(|&key| leaves(key)) {
        assert_eq!(driver.pool.cancel(tickets[key].take().unwrap()), Ok(()));
    }
    // what came back for the one that left is for anybody
    assert_eq!(driver.ask(&keys[4]), Got::Reused(ids[4]));
    for &key in came_back.iter().filter(|&&key| !leaves(key)) {
        assert_eq!(driver.next_waiter(), Some((tickets[key].take().unwrap(), Got::Reused(ids[key]))));
    }
    assert_eq!(driver.next_waiter(), None);
}

#[test]
fn no_waiter_starves_while_its_origins_connections_return() {
    // eight clients that ask again as soon as they are served
    let mut driver = limited(2, 10);
    let mut waiting = HashMap::new();
    let mut using = HashMap::new();
    let mut served = [0_u32; 8];
    for client in 0..8 {
        match driver.ask("a") {
            Got::Waits(ticket) => {
                waiting.insert(ticket, client);
            }
            got => {
                using.insert(got.id(), client);
            }
        }
    }
    for turn in 0..800 {
        let id = using.keys().copied().min_by_key(|id| (id + turn) % 2).unwrap();
        let client = using.remove(&id).unwrap();
        driver.done(id);
        served[client] += 1;
        waiting.insert(driver.ask("a").ticket(), client);
        let (ticket, got) = driver.next_waiter().unwrap();
        using.insert(got.id(), waiting.remove(&ticket).unwrap());
    }
    assert!(served.iter().all(|&served| served == 100), "{served:?}");
}

#[test]
fn a_place_that_is_free_is_offered_to_the_queue_first() {
    let mut driver = limited(5, 2);
    let (a, b) = (driver.ask("a").id(), driver.ask("b").id());
    let (c, d) = (driver.ask("c").ticket(), driver.ask("d").ticket());
    driver.closed(b, Ended::ByPeer);
    let e = driver.ask("e").ticket();
    assert_eq!(driver.next_waiter(), Some((c, Got::Opened(3))));
    assert_eq!(driver.next_waiter(), None);
    // what becomes idle elsewhere goes for who waits
    driver.done(a);
    assert_eq!(driver.next_waiter(), Some((d, Got::Replaced(a, 4))));
    driver.closed(3, Ended::ByUs);
    assert_eq!(driver.next_waiter(), Some((e, Got::Opened(5))));
}

#[test]
fn the_queue_is_bounded_and_can_be_left() {
    let limits = PoolLimits::DEFAULT.with_per_origin(Some(1)).with_waiters(2);
    let mut driver = Driver::new(limits, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT);
    let id = driver.ask("a").id();
    let (first, second) = (driver.ask("a").ticket(), driver.ask("a").ticket());
    assert_eq!(driver.ask("a"), Got::Refused(RefuseReason::Waiters));
    driver.pool.cancel(first.clone()).unwrap();
    assert_eq!(driver.pool.cancel(first), Err(Stale));
    driver.done(id);
    assert_eq!(driver.next_waiter(), Some((second.clone(), Got::Reused(id))));
    assert_eq!(driver.pool.cancel(second), Err(Stale), "it has its connection");
}

#[test]
fn a_waiter_waits_for_so_long_and_no_longer() {
    let mut driver = limited(1, 10);
    driver.ask("a");
    let first = driver.ask("a").ticket();
    driver.now = driver.now + Duration::from_secs(10);
    let second = driver.ask("a").ticket();
    let over = |ticket| Due::WaitOver { ticket, why: RefuseReason::WaitTimeout };
    assert_eq!(driver.wait(Duration::from_secs(20)), [over(first)]);
    assert_eq!(driver.wait(Duration::from_secs(11)), [over(second)]);
    assert_eq!(driver.pool.counters().refused(RefuseReason::WaitTimeout), 2);
}

#[test]
fn a_permit_that_is_not_answered_comes_out_and_its_place_is_free() {
    let mut pool = Pool::<&str, u32>::new(Instant::EPOCH, &PoolConfig::DEFAULT);
    let Checkout::Open(permit) = pool.checkout(Instant::EPOCH, &"a", Demand::DEFAULT) else { panic!() };
    let due = pool.next_deadline().unwrap();
    assert_eq!((due, pool.held()), (Instant::from_secs(30), 1));
    assert_eq!(pool.expire(due), Some(Due::PermitOverdue(permit.clone())));
    assert_eq!((pool.expire(due), pool.held()), (None, 0));
    assert_eq!(pool.opened(due, permit, 7), Err(Stale), "what opened too late is to be closed");
}

#[test]
fn a_lease_that_is_not_returned_comes_out_and_its_place_is_free() {
    let mut pool = Pool::<&str, u32>::new(Instant::EPOCH, &PoolConfig::DEFAULT);
    let Checkout::Open(permit) = pool.checkout(Instant::EPOCH, &"a", Demand::DEFAULT) else { panic!() };
    let lease = pool.opened(Instant::EPOCH, permit, 7).unwrap();
    let due = pool.next_deadline().unwrap();
    assert_eq!(due, Instant::from_secs(3600));
    assert_eq!(pool.expire(due), Some(Due::LeaseOverdue { id: 7, lease: lease.clone() }));
    assert_eq!(pool.checkin(due, lease, &HTTP11), Err(Stale));
    assert_eq!((pool.held(), pool.next_deadline()), (0, None));
}

#[test]
fn what_a_dropped_request_had_is_named_and_can_be_given_back() {
    let mut pool = Pool::<&str, u32>::new(Instant::EPOCH, &one_connection());
    let Checkout::Open(permit) = pool.checkout(Instant::EPOCH, &"a", Demand::DEFAULT) else { panic!() };
    drop(permit);
    let Checkout::Wait(ticket) = pool.checkout(Instant::EPOCH, &"a", Demand::DEFAULT) else { panic!() };
    drop(ticket);
    let mut all = pool.outstanding();
    let Some(Outstanding::Permit { permit, until }) = all.next() else { panic!() };
    assert_eq!(until, Some(Instant::from_secs(30)));
    let Some(Outstanding::Ticket { ticket, until }) = all.next() else { panic!() };
    assert_eq!((until, all.next()), (Some(Instant::from_secs(30)), None));
    drop(all);
    drop(pool.opened(Instant::from_secs(1), permit, 7).unwrap());
    let Some(Outstanding::Lease { id: 7, lease, since, until }) = pool.outstanding().next() else { panic!() };
    assert_eq!((since, until), (Instant::from_secs(1), Some(Instant::from_secs(3601))));
    pool.cancel(ticket).unwrap();
    pool.closed(Instant::from_secs(2), lease, Ended::ByUs).unwrap();
    assert_eq!((pool.held(), pool.waiting(), pool.outstanding().next()), (0, 0, None));
}

/// A ticket that nobody holds is answered like any other: the driver finds nobody for what it gets.
#[test]
fn what_nobody_gives_back_comes_out_when_its_time_is_over() {
    let mut pool = Pool::<&str, u32>::new(Instant::EPOCH, &one_connection());
    let Checkout::Open(permit) = pool.checkout(Instant::EPOCH, &"a", Demand::DEFAULT) else { panic!() };
    let id = 7;
    drop(pool.opened(Instant::EPOCH, permit, id).unwrap());
    let Checkout::Wait(lost) = pool.checkout(Instant::EPOCH, &"a", Demand::DEFAULT) else { panic!() };
    let due = Instant::from_secs(30);
    assert_eq!(pool.expire(due), Some(Due::WaitOver { ticket: lost, why: RefuseReason::WaitTimeout }));
    let Checkout::Wait(ticket) = pool.checkout(Instant::from_secs(3599), &"a", Demand::DEFAULT) else { panic!() };
    let Some(Due::LeaseOverdue { id: 7, .. }) = pool.expire(Instant::from_secs(3600)) else { panic!() };
    // its place is the waiter's
    let due = pool.expire(Instant::from_secs(3600));
    assert!(
        matches!(due, Some(Due::GoOn { ticket: who, checkout: Checkout::Open(_) }) if who == ticket),
        "the place is free"
    );
    assert!(matches!(pool.expire(Instant::from_secs(3630)), Some(Due::PermitOverdue(_))));
    assert_eq!((pool.held(), pool.outstanding().next()), (0, None));
}

fn one_connection() -> PoolConfig {
    let limits = PoolLimits::DEFAULT.with_per_origin(Some(1));
    PoolConfig::new(limits, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT).unwrap()
}

#[test]
fn a_drain_ends_everything_and_says_when_it_is_done() {
    let mut driver = limited(2, 10);
    let all = driver.open_all("a", 2);
    driver.done(all[0]);
    driver.fetch("b");
    driver.ask("a");
    let ticket = driver.ask("a").ticket();
    driver.pool.drain(driver.now);
    assert_eq!(driver.ask("a"), Got::Refused(RefuseReason::Drain));
    assert_eq!(driver.ask("new"), Got::Refused(RefuseReason::Drain));
    let due = driver.expire();
    assert!(due.contains(&Due::Close { id: 3, why: EndReason::Drain }));
    assert!(due.contains(&Due::WaitOver { ticket, why: RefuseReason::Drain }));
    assert!(!driver.pool.is_drained());
    for id in all {
        assert_eq!(driver.give_back(id, &HTTP11), Checkin::Close(EndReason::Drain));
    }
    assert!(driver.pool.is_drained() && driver.pool.next_deadline().is_none());
}

#[test]
fn names_of_another_pool_are_no_trouble() {
    let mut one = limited(2, 10);
    let mut other = limited(2, 10);
    let lease = {
        let Checkout::Open(permit) = one.pool.checkout(one.now, "a", Demand::DEFAULT) else { panic!() };
        assert_eq!(other.pool.failed(other.now, permit.clone()), Err(Stale));
        one.pool.opened(one.now, permit, 1).unwrap()
    };
    assert_eq!(other.pool.checkin(other.now, lease.clone(), &HTTP11), Err(Stale));
    assert_eq!(other.pool.closed(other.now, lease, Ended::ByUs), Err(Stale));
}

#[test]
fn keys_that_are_not_used_any_more_are_forgotten() {
    let mut driver = Driver::new(PoolLimits::DEFAULT, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT.with_learn(Use::On));
    for origin in 0..10_000 {
        driver.fetch(&format!("origin {origin}"));
        driver.wait(Duration::from_secs(1));
    }
    assert!(driver.pool.keys() < 300, "{}", driver.pool.keys());
}

#[test]
fn a_clock_that_goes_back_counts_as_no_time() {
    let mut driver = limited(2, 10);
    driver.fetch("a");
    driver.now = Instant::EPOCH;
    assert_eq!(driver.fetch("a"), Got::Reused(1));
    assert_eq!(driver.expire(), []);
    driver.now = Instant::from_secs(1061);
    assert_eq!(driver.expire(), [Due::Close { id: 1, why: EndReason::IdleLimit }]);
}

#[test]
fn what_is_over_the_end_of_time_never_comes_and_does_no_harm() {
    let mut driver = limited(2, 10);
    driver.fetch("a");
    driver.now = Instant::from_nanos(u64::MAX - 10_000);
    assert_eq!(driver.expire().len(), 1);
    driver.fetch("a");
    driver.fetch("a");
    driver.fetch("a");
    driver.now = Instant::MAX;
    let _ = (driver.expire(), driver.pool.next_deadline(), driver.ask("a"), driver.ask("b"));
}

#[test]
fn settings_are_checked_once() {
    let new = |limits, timeouts, policy| PoolConfig::new(limits, timeouts, policy).map(|_| ());
    let (limits, timeouts, policy) = (PoolLimits::DEFAULT, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT);
    assert_eq!(new(limits, timeouts, policy), Ok(()));
    for (setting, result) in [
        ("per_origin", new(limits.with_per_origin(Some(0)), timeouts, policy)),
        ("total", new(limits.with_total(Some(0)), timeouts, policy)),
        ("low_water", new(limits.with_high_water(Some(2)).with_low_water(3), timeouts, policy)),
        ("uses", new(limits.with_uses(Some(0)), timeouts, policy)),
        ("purge_percent", new(limits, timeouts, policy.with_purge_percent(101))),
        ("purge", new(limits, timeouts.with_purge(secs(0)), policy)),
    ] {
        assert!(matches!(result, Err(ConfigError { setting: found, .. }) if found == setting), "{result:?}");
    }
}

#[test]
fn every_cause_has_a_token_and_a_clause_of_its_own() {
    let mut tokens: Vec<_> = EndReason::ALL.iter().map(|why| why.as_str()).collect();
    tokens.sort_unstable();
    tokens.dedup();
    assert_eq!(tokens.len(), EndReason::ALL.len());
    assert!(EndReason::ALL.iter().all(|why| why.clause().starts_with("RFC ")));
    assert!(RefuseReason::ALL.iter().all(|why| why.clause().starts_with("RFC ")));
    assert_eq!(RefuseReason::PerProxy.to_string(), "per-proxy (RFC 9112 9.4)");
}
