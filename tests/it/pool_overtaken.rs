//! A connection that is being opened is overtaken by one that comes back: the request takes what comes first, and nothing is lost.

use std::time::Duration;

use crate::driver::*;
use http_keepalive::pool::*;

const BOTH: Demand = Demand::DEFAULT.with_meanwhile(Meanwhile::Wait);

fn limited(per_origin: u32, total: u32) -> Driver {
    let limits = PoolLimits::DEFAULT.with_per_origin(Some(per_origin)).with_total(Some(total));
    Driver::new(limits, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT)
}

fn opens(driver: &mut Driver, key: &str) -> (Permit, Ticket) {
    match driver.ask_for(key, BOTH) {
        Got::Opens(permit, ticket) => (permit, ticket),
        got => panic!("{got:?}"),
    }
}

#[test]
fn what_comes_back_first_is_taken_and_the_new_connection_serves_the_next() {
    let mut driver = limited(6, 10);
    let id = driver.ask("a").id();
    let (permit, ticket) = opens(&mut driver, "a");
    assert_eq!(driver.next_waiter(), None);
    driver.done(id);
    assert_eq!(driver.next_waiter(), Some((ticket.clone(), Got::Reused(id))));
    assert_eq!(driver.pool.cancel(ticket), Err(Stale));
    // the new one comes too late for its request, and goes to whoever asks next
    let lease = driver.pool.opened(driver.now, permit, 77).unwrap();
    assert!(matches!(driver.pool.checkin(driver.now, lease, &UNUSED), Ok(Checkin::Kept(_))));
    assert_eq!(driver.ask("a"), Got::Reused(77));
    let counters = driver.pool.counters();
    assert_eq!((counters.waited_opening, counters.overtaken, counters.waited, counters.went_on), (1, 1, 0, 0));
}

#[test]
fn a_new_connection_that_comes_first_ends_the_wait_without_a_word() {
    let mut driver = limited(6, 10);
    let id = driver.ask("a").id();
    let (permit, ticket) = opens(&mut driver, "a");
    let lease = driver.pool.opened(driver.now, permit, 77).unwrap();
    assert_eq!((driver.pool.cancel(ticket), driver.pool.waiting()), (Err(Stale), 0));
    driver.done(id);
    assert_eq!(driver.wait(Duration::from_secs(59)), []);
    let _ = driver.pool.checkin(driver.now, lease, &HTTP11).unwrap();
}

#[test]
fn the_connection_of_another_request_does_as_well() {
    let mut driver = limited(6, 10);
    let (first, ticket) = opens(&mut driver, "a");
    let (second, _second) = opens(&mut driver, "a");
    // the second is there first, is used, and comes back while the first is still being opened
    let lease = driver.pool.opened(driver.now, second, 77).unwrap();
    assert_eq!(driver.next_waiter(), None);
    let _ = driver.pool.checkin(driver.now, lease, &HTTP11).unwrap();
    assert_eq!(driver.next_waiter(), Some((ticket, Got::Reused(77))));
    driver.pool.failed(driver.now, first).unwrap();
    assert_eq!((driver.next_waiter(), driver.pool.held()), (None, 1));
}

#[test]
fn who_does_not_ask_or_cannot_wait_is_given_a_permit_alone() {
    let limits = PoolLimits::DEFAULT.with_waiters(1);
    let mut driver = Driver::new(limits, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT);
    assert_eq!(driver.ask("a"), Got::Opened(1));
    // nothing that comes back would do, or it does not wait
    assert_eq!(driver.ask_for("a", BOTH.with_source(Source::New)), Got::Opened(2));
    assert_eq!(driver.ask_for("a", BOTH.with_patience(Patience::None)), Got::Opened(3));
    let (_permit, _ticket) = opens(&mut driver, "a");
    // the queue is full
    assert_eq!(driver.ask_for("a", BOTH), Got::Opened(4));
}

#[test]
fn who_opens_holds_back_nobody_who_wants_a_place() {
    let mut driver = limited(3, 10);
    let (permit, _ticket) = opens(&mut driver, "a");
    // of the same key and of another
    assert_eq!(driver.ask("a"), Got::Opened(1));
    assert_eq!(driver.ask_for("a", Demand::DEFAULT.with_patience(Patience::None)), Got::Opened(2));
    let third = driver.ask("a").ticket();
    driver.closed(1, Ended::ByPeer);
    // the place that is free is the first's who has none
    assert_eq!(driver.next_waiter(), Some((third, Got::Opened(3))));
    driver.pool.failed(driver.now, permit).unwrap();
}

#[test]
fn what_comes_back_is_the_first_ones_also_if_it_opens() {
    let mut driver = limited(2, 10);
    let id = driver.ask("a").id();
    let (permit, first) = opens(&mut driver, "a");
    let second = driver.ask("a").ticket();
    driver.done(id);
    // who comes now takes nothing away from them
    let new = driver.ask_for("a", Demand::DEFAULT.with_patience(Patience::None));
    assert_eq!(new, Got::Refused(RefuseReason::Behind));
    assert_eq!(driver.next_waiter(), Some((first, Got::Reused(id))));
    assert_eq!(driver.next_waiter(), None);
    let lease = driver.pool.opened(driver.now, permit, 77).unwrap();
    let _ = driver.pool.checkin(driver.now, lease, &UNUSED).unwrap();
    assert_eq!(driver.next_waiter(), Some((second, Got::Reused(77))));
}

/// In this mode the first request of a session is given no connection that was used before.
#[test]
fn what_who_opens_may_not_use_is_the_next_ones() {
    let policy = PoolPolicy::DEFAULT.with_reuse(ReuseMode::Safe);
    let limits = PoolLimits::DEFAULT.with_per_origin(Some(2));
    let mut driver = Driver::new(limits, PoolTimeouts::DEFAULT, policy);
    let id = driver.ask("a").id();
    let Got::Opens(_permit, _first) = driver.ask_for("a", BOTH.with_session(Session::First)) else { panic!() };
    let second = driver.ask("a").ticket();
    driver.done(id);
    assert_eq!(driver.next_waiter(), Some((second, Got::Reused(id))));
    driver.done(id);
    assert_eq!(driver.next_waiter(), None);
    assert_eq!(driver.ask("a"), Got::Reused(id));
}

#[test]
fn who_waited_and_is_given_a_place_waits_on_where_it_was() {
    let mut driver = limited(2, 10);
    let all = driver.open_all("a", 2);
    let Got::Waits(first) = driver.ask_for("a", BOTH) else { panic!() };
    driver.now = driver.now + Duration::from_secs(10);
    let second = driver.ask("a").ticket();
    driver.closed(all[0], Ended::ByPeer);
    let Some((ticket, Got::Opens(permit, next))) = driver.next_waiter() else { panic!() };
    assert_eq!(ticket, first);
    assert_ne!(next, first);
    assert_eq!(driver.pool.cancel(first), Err(Stale));
    // it came first
    driver.done(all[1]);
    assert_eq!(driver.next_waiter(), Some((next, Got::Reused(all[1]))));
    driver.pool.failed(driver.now, permit).unwrap();
    assert_eq!(driver.next_waiter(), Some((second, Got::Opened(3))));
}

#[test]
fn the_wait_ends_as_any_and_the_permit_stays_good() {
    let timeouts = PoolTimeouts::DEFAULT.with_wait(secs(5));
    let mut driver = Driver::new(PoolLimits::DEFAULT, timeouts, PoolPolicy::DEFAULT);
    let (permit, ticket) = opens(&mut driver, "a");
    let over = Due::WaitOver { ticket, why: RefuseReason::WaitTimeout };
    assert_eq!(driver.wait(Duration::from_secs(6)), [over]);
    let lease = driver.pool.opened(driver.now, permit, 77).unwrap();
    assert!(matches!(driver.pool.checkin(driver.now, lease, &UNUSED), Ok(Checkin::Kept(_))));
}

#[test]
fn a_drain_ends_the_wait_and_the_permit_stays_good() {
    let mut driver = limited(2, 10);
    let (permit, ticket) = opens(&mut driver, "a");
    driver.pool.drain(driver.now);
    assert_eq!(driver.expire(), [Due::WaitOver { ticket, why: RefuseReason::Drain }]);
    let lease = driver.pool.opened(driver.now, permit, 77).unwrap();
    assert_eq!(driver.pool.checkin(driver.now, lease, &UNUSED), Ok(Checkin::Close(EndReason::Drain)));
    assert!(driver.pool.is_drained());
}

/// Whether the connection comes back before or after the failure makes no difference. No second connection is opened for it: a
/// peer that refuses would be asked again and again.
#[test]
fn who_could_not_open_waits_on_for_what_comes_back_and_opens_no_more() {
    for overdue in [false, true] {
        let timeouts = PoolTimeouts::DEFAULT.with_open(secs(5));
        let mut driver = Driver::new(PoolLimits::DEFAULT, timeouts, PoolPolicy::DEFAULT);
        let id = driver.ask("a").id();
        let (permit, ticket) = opens(&mut driver, "a");
        if overdue {
            assert_eq!(driver.wait(Duration::from_secs(5)), [Due::PermitOverdue(permit)]);
        } else {
            driver.pool.failed(driver.now, permit).unwrap();
        }
        assert_eq!((driver.next_waiter(), driver.pool.waiting()), (None, 1));
        // nor does it hold others back
        assert_eq!(driver.ask("a"), Got::Opened(2));
        driver.done(id);
        assert_eq!(driver.next_waiter(), Some((ticket, Got::Reused(id))));
        let counters = driver.pool.counters();
        assert_eq!((counters.waited, counters.went_on, counters.overtaken), (1, 1, 0));
    }
}

#[test]
fn who_could_not_open_gets_nothing_once_no_connection_of_its_key_is_left() {
    let mut driver = limited(6, 10);
    let id = driver.ask("a").id();
    driver.ask("b");
    let (permit, ticket) = opens(&mut driver, "a");
    let (alone, other) = opens(&mut driver, "c");
    driver.pool.failed(driver.now, permit).unwrap();
    driver.pool.failed(driver.now, alone).unwrap();
    let over = |ticket| Due::WaitOver { ticket, why: RefuseReason::OpenFailed };
    assert_eq!(driver.expire(), [over(other)]);
    driver.closed(id, Ended::ByPeer);
    assert_eq!(driver.expire(), [over(ticket)]);
    assert_eq!(driver.pool.counters().refused(RefuseReason::OpenFailed), 2);
    // who is to fail at once is taken out of the queue
    driver.ask("a");
    let (permit, ticket) = opens(&mut driver, "a");
    driver.pool.failed(driver.now, permit).unwrap();
    driver.pool.cancel(ticket).unwrap();
    assert_eq!((driver.expire(), driver.pool.waiting()), (vec![], 0));
}

#[test]
fn who_takes_the_place_of_an_idle_connection_waits_meanwhile_too() {
    let mut driver = limited(2, 2);
    let id = driver.ask("a").id();
    driver.fetch("b");
    let Checkout::EvictThenOpen { victim, permit, ticket: Some(ticket), .. } =
        driver.pool.checkout(driver.now, "a", BOTH)
    else {
        panic!()
    };
    assert_eq!(victim, 2);
    driver.done(id);
    assert_eq!(driver.next_waiter(), Some((ticket, Got::Reused(id))));
    driver.pool.failed(driver.now, permit).unwrap();
    driver.fetch("b");
    driver.done(id);
    // who does not ask has no ticket
    let Checkout::EvictThenOpen { ticket: None, .. } = driver.pool.checkout(driver.now, "c", Demand::DEFAULT) else {
        panic!()
    };
}

#[test]
fn one_who_comes_after_a_connection_that_is_of_no_use_to_who_opens_is_served_at_once() {
    let limits = PoolLimits::DEFAULT.with_per_origin(Some(3)).with_total(Some(3));
    let policy = PoolPolicy::DEFAULT.with_reuse(ReuseMode::Never);
    let mut driver = Driver::new(limits, PoolTimeouts::DEFAULT, policy);
    let id = driver.ask("a").id();
    let _ = opens(&mut driver, "a");
    driver.done(id);
    let _ = opens(&mut driver, "b");
    // it might be for the one that opens: so the newcomer waits until that is looked at, and it is
    let Checkout::Wait(ticket) = driver.pool.checkout(driver.now, "a", Demand::DEFAULT) else { panic!() };
    let Some(Due::GoOn { ticket: served, checkout: Checkout::EvictThenOpen { victim, .. } }) =
        driver.pool.expire(driver.now)
    else {
        panic!("it waits although a place can be had")
    };
    assert_eq!((served, victim), (ticket, id));
}
