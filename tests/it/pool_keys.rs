//! What concerns one key, and no other: its host moves, a connection gets an owner, a peer sends what nobody asked for.

use crate::driver::*;
use http_keepalive::pool::*;
use http_keepalive::{Persistence, TunnelReason};

fn driver() -> Driver {
    Driver::new(PoolLimits::DEFAULT, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT)
}

#[test]
fn a_generation_of_one_key_ends_what_was_before_it_and_leaves_the_others() {
    let mut driver = driver();
    let moved = driver.open_all("moved", 3);
    let other = driver.open_all("other", 2);
    driver.done(moved[0]);
    driver.done(moved[1]);
    driver.done(other[0]);
    // one of them is in use where it is, as most are
    assert_eq!(driver.ask("moved"), Got::Reused(moved[1]));
    driver.pool.new_generation_of(driver.now, "moved");
    driver.pool.new_generation_of(driver.now, "never heard of");
    // also at the same instant
    let Got::Opened(new) = driver.ask_at_once("moved") else { panic!("the idle one is not used") };
    assert_eq!(driver.expire(), [Due::Close { id: moved[0], why: EndReason::Generation }]);
    for id in [moved[1], moved[2]] {
        assert_eq!(driver.give_back(id, &HTTP11), Checkin::Close(EndReason::Generation));
    }
    driver.done(other[1]);
    driver.done(new);
    assert_eq!([driver.ask("moved"), driver.ask("other")], [Got::Reused(new), Got::Reused(other[1])]);
    assert_eq!(driver.ask("other"), Got::Reused(other[0]));
    // and it goes on so
    driver.done(new);
    assert_eq!(driver.fetch("moved"), Got::Reused(new));
}

#[test]
fn keys_whose_hosts_moved_are_forgotten_like_others() {
    let mut driver = driver();
    for number in 0..2000 {
        let key = format!("host {number}");
        let id = driver.ask(&key).id();
        driver.pool.new_generation_of(driver.now, &key);
        assert_eq!(driver.give_back(id, &HTTP11), Checkin::Close(EndReason::Generation));
    }
    assert!(driver.pool.keys() < 200, "{}", driver.pool.keys());
}

/// NTLM: the connection is its owner's, and its machine says that it persists.
const BOUND: Returned = HTTP11.with_taint(Some(Taint::ConnectionBoundAuthentication));

#[test]
fn a_connection_comes_back_under_its_owners_key() {
    let mut driver = driver();
    let id = driver.ask("intranet").id();
    assert!(matches!(driver.give_back_as(id, "intranet, ann", &BOUND), Checkin::Kept(_)));
    assert_eq!(driver.ask("intranet, bob"), Got::Opened(2), "nobody else is given it");
    assert_eq!(driver.ask("intranet"), Got::Opened(3));
    assert_eq!(driver.ask("intranet, ann"), Got::Reused(id), "its owner is");
    // from now on the owner is part of its key, and there is no taint
    driver.done(id);
    assert_eq!(driver.fetch("intranet, ann"), Got::Reused(id));
    // without a key, it ends
    assert_eq!(driver.give_back(2, &BOUND), Checkin::Close(EndReason::ConnectionBoundAuthentication));
    // and under its own key it is a check-in like any other, except for the taint
    assert!(matches!(driver.give_back_as(3, "intranet", &BOUND), Checkin::Kept(_)));
    assert_eq!(driver.ask("intranet"), Got::Reused(3));
}

#[test]
fn what_ends_does_not_move_and_makes_no_key() {
    let mut driver = driver();
    let all = driver.open_all("a", 4);
    let keys = driver.pool.keys();
    let tunnel = Returned::new(Persistence::Tunnel(TunnelReason::Upgrade));
    assert_eq!(driver.give_back_as(all[0], "ann", &tunnel), Checkin::Close(EndReason::Tunnel));
    let tainted = HTTP11.with_taint(Some(Taint::UnreadContent));
    assert_eq!(driver.give_back_as(all[1], "ann", &tainted), Checkin::Close(EndReason::UnreadContent));
    driver.pool.new_generation_of(driver.now, "a");
    assert_eq!(driver.give_back_as(all[2], "ann", &BOUND), Checkin::Close(EndReason::Generation));
    driver.pool.drain(driver.now);
    assert_eq!(driver.give_back_as(all[3], "ann", &BOUND), Checkin::Close(EndReason::Drain));
    assert_eq!(driver.pool.keys(), keys);
    assert!(driver.pool.is_drained());
}

#[test]
fn waiters_of_both_keys_are_served() {
    let mut driver =
        Driver::new(PoolLimits::DEFAULT.with_per_origin(Some(1)), PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT);
    let (id, anns) = (driver.ask("intranet").id(), driver.ask("ann").id());
    let (next, ann) = (driver.ask("intranet").ticket(), driver.ask("ann").ticket());
    // Ann's key has as many as it may have: what exists already is kept all the same
    assert!(matches!(driver.give_back_as(id, "ann", &BOUND), Checkin::Kept(_)));
    let mut served = driver.expire_and_follow();
    served.sort_by_key(|got| got.as_ref().map(|(_, got)| got.id()).unwrap_or(0));
    assert_eq!(served, [Ok((ann, Got::Reused(id))), Ok((next, Got::Opened(3)))]);
    // and no more are opened for it until there are few enough
    let later = driver.ask_for("ann", Demand::DEFAULT.with_source(Source::New)).ticket();
    driver.closed(anns, Ended::ByPeer);
    assert_eq!(driver.next_waiter(), None);
    driver.closed(id, Ended::ByPeer);
    assert_eq!(driver.next_waiter(), Some((later, Got::Opened(4))));
}

#[test]
fn a_key_that_a_connection_of_a_proxy_moves_to_names_the_proxy_too() {
    let limits = PoolLimits::DEFAULT.with_per_origin(Some(1)).with_per_proxy(Some(2));
    let mut driver = Driver::new(limits, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT);
    let id = driver.ask_for("proxy", Demand::DEFAULT.with_peer(Peer::Proxy)).id();
    assert!(matches!(driver.give_back_as(id, "proxy, ann", &BOUND), Checkin::Kept(_)));
    assert_eq!(driver.ask("proxy, ann"), Got::Reused(id));
    assert_eq!(driver.ask("proxy, ann"), Got::Opened(2));
}

#[test]
fn a_stale_lease_moves_nothing() {
    let mut driver = driver();
    let Checkout::Open(permit) = driver.pool.checkout(driver.now, "a", Demand::DEFAULT) else { panic!() };
    let lease = driver.pool.opened(driver.now, permit, 1).unwrap();
    driver.pool.closed(driver.now, lease.clone(), Ended::ByPeer).unwrap();
    assert_eq!(driver.pool.checkin_as(driver.now, lease, "b", &BOUND), Err(Stale));
    assert_eq!(driver.pool.keys(), 1);
}
