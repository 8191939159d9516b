//! A request that opens and waits at once, where others wait for a place, and where what it waits for ends or goes elsewhere.

use crate::driver::*;
use http_keepalive::pool::*;

const BOTH: Demand = Demand::DEFAULT.with_meanwhile(Meanwhile::Wait);

fn limited(limits: PoolLimits) -> Driver {
    Driver::new(limits, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT)
}

fn total(total: u32, passed_over: u32) -> PoolLimits {
    PoolLimits::DEFAULT.with_total(Some(total)).with_passed_over(Some(passed_over))
}

fn opens(driver: &mut Driver, key: &str) -> (Permit, Ticket) {
    match driver.ask_for(key, BOTH) {
        Got::Opens(permit, ticket) => (permit, ticket),
        got => panic!("{got:?}"),
    }
}

/// Who gets nothing, and why.
fn refused(driver: &mut Driver) -> Vec<(Ticket, RefuseReason)> {
    let told = |due| if let Due::WaitOver { ticket, why } = due { (ticket, why) } else { panic!("{due:?}") };
    driver.expire().into_iter().map(told).collect()
}

#[test]
fn what_goes_for_a_turn_goes_to_who_has_no_place_and_not_to_an_earlier_one_that_has() {
    let mut driver = limited(total(2, 0));
    let id = driver.ask("a").id();
    let (permit, ticket) = opens(&mut driver, "a");
    let other = driver.ask("b").ticket();
    driver.done(id);
    assert_eq!(driver.next_waiter(), Some((other, Got::Replaced(id, 2))));
    assert_eq!(driver.next_waiter(), None);
    // its own connection is still its own
    let _lease = driver.pool.opened(driver.now, permit, 77).unwrap();
    assert_eq!(driver.pool.cancel(ticket), Err(Stale));
}

#[test]
fn what_is_lent_to_an_earlier_one_that_has_a_place_passes_nobody_over() {
    let mut driver = limited(total(2, 1));
    let id = driver.ask("a").id();
    let (_permit, ticket) = opens(&mut driver, "a");
    let other = driver.ask("b").ticket();
    driver.done(id);
    assert_eq!(driver.next_waiter(), Some((ticket, Got::Reused(id))));
    // so one later one may still pass it
    let later = driver.ask("a").ticket();
    driver.done(id);
    assert_eq!(driver.next_waiter(), Some((later, Got::Reused(id))));
    let _last = driver.ask("a").ticket();
    driver.done(id);
    assert_eq!(driver.next_waiter(), Some((other, Got::Replaced(id, 2))));
}

/// Somebody waits that the limit of its key holds back, another one opens and waits after it, and a connection goes from the key of
/// the first to that of the second, so that the first could have it.
#[test]
fn what_is_lent_to_a_later_one_that_has_a_place_passes_over_who_has_none() {
    for passed_over in [0, 1] {
        let mut driver = limited(total(3, passed_over).with_per_origin(Some(1)));
        let (id, _busy) = (driver.ask("a").id(), driver.ask("c").id());
        let first = driver.ask("a").ticket();
        let (permit, later) = opens(&mut driver, "b");
        assert_eq!(driver.next_waiter(), None);
        assert!(matches!(driver.give_back_as(id, "b", &HTTP11), Checkin::Kept(_)));
        if passed_over == 1 {
            assert_eq!(driver.next_waiter(), Some((later, Got::Reused(id))));
            // it has been passed over as often as may be
            let lease = driver.pool.opened(driver.now, permit, 77).unwrap();
            assert!(matches!(driver.pool.checkin(driver.now, lease, &UNUSED), Ok(Checkin::Kept(_))));
            assert_eq!(driver.next_waiter(), Some((first, Got::Replaced(77, 3))));
        } else {
            assert_eq!(driver.next_waiter(), Some((first, Got::Replaced(id, 3))));
            driver.pool.cancel(later).unwrap();
            driver.pool.failed(driver.now, permit).unwrap();
        }
        assert_eq!(driver.next_waiter(), None);
    }
}

#[test]
fn of_one_key_what_is_free_for_a_turn_serves_who_came_first_and_the_turn_stays() {
    let mut driver = limited(total(2, 0));
    let id = driver.ask("a").id();
    let (_permit, earlier) = opens(&mut driver, "a");
    let wants = driver.ask("a").ticket();
    // it is the turn of the second, and the first may use what comes back
    driver.done(id);
    assert_eq!(driver.next_waiter(), Some((earlier, Got::Reused(id))));
    driver.done(id);
    assert_eq!(driver.next_waiter(), Some((wants, Got::Reused(id))));
}

#[test]
fn for_whom_nothing_is_left_is_told_before_another_one_of_its_key_is_given_a_place() {
    let mut driver = limited(total(1, 8));
    let (permit, first) = opens(&mut driver, "a");
    let Got::Waits(second) = driver.ask_for("a", BOTH) else { panic!("there is no place") };
    driver.pool.failed(driver.now, permit).unwrap();
    let told = driver.expire_and_follow();
    let [Err(Due::WaitOver { ticket, why: RefuseReason::OpenFailed }), Ok((next, Got::Opens(..)))] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!((ticket, next), (&first, &second));
}

#[test]
fn who_waits_after_one_that_may_not_use_what_came_back_is_told_of_the_free_place() {
    let policy = PoolPolicy::DEFAULT.with_reuse(ReuseMode::Safe);
    let mut driver = Driver::new(PoolLimits::DEFAULT, PoolTimeouts::DEFAULT, policy);
    let id = driver.ask("a").id();
    let Got::Opens(_permit, _ticket) = driver.ask_for("a", BOTH.with_session(Session::First)) else { panic!() };
    driver.done(id);
    // what came back was not offered yet
    let Got::Waits(next) = driver.ask_for("a", Demand::DEFAULT.with_session(Session::First)) else { panic!() };
    assert_eq!(driver.pool.next_deadline(), Some(driver.now));
    assert_eq!(driver.next_waiter(), Some((next, Got::Opened(2))));
}

#[test]
fn what_came_back_for_one_that_has_left_holds_back_nobody() {
    let policy = PoolPolicy::DEFAULT.with_reuse(ReuseMode::Safe);
    let mut driver = Driver::new(PoolLimits::DEFAULT.with_per_origin(Some(3)), PoolTimeouts::DEFAULT, policy);
    let first = BOTH.with_session(Session::First);
    let all = driver.open_all("a", 3);
    let waits = driver.ask("a").ticket();
    driver.done(all[0]);
    driver.closed(all[1], Ended::ByPeer);
    driver.pool.cancel(waits).unwrap();
    // these may not use what is idle, and nothing has come back since the first of them waits
    assert!(matches!(driver.ask_for("a", first), Got::Opens(..)));
    let next = driver.ask_for("a", first.with_patience(Patience::None));
    assert!(matches!(next, Got::Replaced(..)), "{next:?}");
}

#[test]
fn in_quarantine_nothing_comes_back_for_it_and_it_goes_on_to_open() {
    let mut driver = limited(PoolLimits::DEFAULT.with_unsolicited_per_origin(Some(1)));
    let all = driver.open_all("a", 3);
    let (permit, ticket) = opens(&mut driver, "a");
    let (lost, without) = opens(&mut driver, "a");
    driver.closed(all[0], Ended::Unsolicited);
    assert!(driver.pool.is_quarantined(driver.now, "a"));
    assert_eq!(driver.give_back(all[1], &HTTP11), Checkin::Close(EndReason::Quarantine));
    driver.pool.failed(driver.now, lost).unwrap();
    assert_eq!(driver.next_waiter(), None);
    let lease = driver.pool.opened(driver.now, permit, 77).unwrap();
    assert_eq!(driver.pool.cancel(ticket), Err(Stale));
    assert_eq!(driver.pool.checkin(driver.now, lease, &UNUSED), Ok(Checkin::Close(EndReason::Quarantine)));
    // the last one that could come back does not
    assert_eq!(refused(&mut driver), []);
    assert_eq!(driver.give_back(all[2], &HTTP11), Checkin::Close(EndReason::Quarantine));
    assert_eq!(refused(&mut driver), [(without, RefuseReason::OpenFailed)]);
}

#[test]
fn of_an_earlier_generation_nothing_comes_back_for_it() {
    let mut driver = limited(PoolLimits::DEFAULT);
    let id = driver.ask("a").id();
    let (permit, ticket) = opens(&mut driver, "a");
    driver.pool.new_generation_of(driver.now, "a");
    assert_eq!(driver.give_back(id, &HTTP11), Checkin::Close(EndReason::Generation));
    assert_eq!(driver.next_waiter(), None);
    // what is opened after it is of the new one
    let lease = driver.pool.opened(driver.now, permit, 77).unwrap();
    assert_eq!(driver.pool.cancel(ticket), Err(Stale));
    assert!(matches!(driver.pool.checkin(driver.now, lease, &HTTP11), Ok(Checkin::Kept(_))));
}

#[test]
fn what_goes_to_another_key_serves_who_opens_there_and_is_lost_to_who_opened_here() {
    let mut driver = limited(PoolLimits::DEFAULT);
    let id = driver.ask("anybody").id();
    let (lost, left) = opens(&mut driver, "anybody");
    let (_permit, ticket) = opens(&mut driver, "ann");
    driver.pool.failed(driver.now, lost).unwrap();
    assert_eq!(driver.next_waiter(), None);
    assert!(matches!(driver.give_back_as(id, "ann", &HTTP11), Checkin::Kept(_)));
    let told = driver.expire_and_follow();
    let over = Due::WaitOver { ticket: left, why: RefuseReason::OpenFailed };
    assert_eq!(told, [Err(over), Ok((ticket, Got::Reused(id)))]);
}
