//! What concerns one key, and no other: its host moves, a connection gets an owner, a peer sends what nobody asked for.

use std::time::Duration;

use crate::cases;
use crate::driver::*;
use http_keepalive::pool::*;
use http_keepalive::{CloseReason, Persistence, TunnelReason};

fn driver() -> Driver {
    Driver::new(PoolLimits::DEFAULT, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT)
}

#[test]
fn pers_22_a_connection_serves_the_key_it_was_opened_for_alone() {
    let mut driver = driver();
    let keys = [
        "https://a:443",
        "https://a:8443",
        "http://a:443",
        "https://b:443",
        "https://a:443 by proxy",
        "https://a:443 as ann",
    ];
    let ids = keys.map(|key| driver.ask(key).id());
    for id in ids {
        driver.done(id);
    }
    // each has one that is idle, and no other key is given it
    for (key, id) in keys.into_iter().zip(ids) {
        assert_eq!(driver.ask(key), Got::Reused(id), "{key}");
        let Got::Opened(other) = driver.ask(key) else { panic!("{key} is given what is another's") };
        assert!(!ids.contains(&other), "{key}");
    }
    // who keeps connections to a proxy under the proxy's name alone has them for every target
    let proxied = driver.ask("proxy:3128").id();
    driver.done(proxied);
    assert_eq!(driver.ask("proxy:3128"), Got::Reused(proxied));
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
    for number in 0..cases::of(2000, 500) {
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

fn faulty() -> Returned {
    Returned::new(Persistence::Close(CloseReason::Unsolicited))
}

/// A connection of this key ends for octets that nobody asked for, in each of the ways in which that is seen.
fn offend(driver: &mut Driver, key: &str, way: usize) {
    let id = driver.ask_for(key, Demand::DEFAULT.with_source(Source::New)).id();
    let why = match way % 4 {
        0 => driver.give_back(id, &faulty()),
        1 => driver.give_back(id, &HTTP11.with_taint(Some(Taint::UnsolicitedOctets))),
        2 => {
            // a look found them
            driver.closed(id, Ended::Unsolicited);
            return;
        }
        _ => {
            assert!(matches!(driver.give_back(id, &HTTP11), Checkin::Kept(_)));
            Checkin::Close(driver.readable(id, Readable::Octets).unwrap())
        }
    };
    assert_eq!(why, Checkin::Close(EndReason::UnsolicitedOctets));
}

#[test]
fn an_origin_that_sends_what_nobody_asked_for_is_not_used_again_for_a_time() {
    let mut driver = driver();
    let all = driver.open_all("faulty", 3);
    driver.done(all[0]);
    driver.done(all[1]);
    let other = driver.fetch("other");
    for way in [0, 2, 3] {
        assert!(!driver.pool.is_quarantined(driver.now, "faulty"));
        offend(&mut driver, "faulty", way);
    }
    assert!(driver.pool.is_quarantined(driver.now, "faulty") && !driver.pool.is_quarantined(driver.now, "other"));
    assert_eq!(driver.pool.counters().quarantined, 1);
    // those that are idle end, those in use when they come back, and so does each that is opened meanwhile
    let Got::Opened(new) = driver.ask("faulty") else { panic!("none is used again") };
    let mut closed = driver.closed_after(Duration::ZERO);
    closed.sort_by_key(|(id, _)| *id);
    assert_eq!(closed, [all[0], all[1]].map(|id| (id, EndReason::Quarantine)));
    assert_eq!(driver.give_back(all[2], &HTTP11), Checkin::Close(EndReason::Quarantine));
    assert_eq!(driver.give_back(new, &HTTP11), Checkin::Close(EndReason::Quarantine));
    assert_eq!(driver.fetch("other"), Got::Reused(other.id()));
    assert_eq!(EndReason::Quarantine.to_string(), "quarantine (RFC 9112 9.2)");
    // after the time all is as before
    driver.now = driver.now + Duration::from_secs(60);
    assert!(!driver.pool.is_quarantined(driver.now, "faulty"));
    let id = driver.fetch("faulty").id();
    assert_eq!(driver.fetch("faulty"), Got::Reused(id));
    for way in 0..2 {
        offend(&mut driver, "faulty", way);
        assert!(!driver.pool.is_quarantined(driver.now, "faulty"), "the old ones do not count");
    }
}

#[test]
fn what_ends_otherwise_or_not_within_the_time_does_not_count() {
    let mut driver = driver();
    for _ in 0..10 {
        let id = driver.ask("a").id();
        assert!(matches!(driver.give_back(id, &HTTP11.with_taint(Some(Taint::UnreadContent))), Checkin::Close(_)));
        let id = driver.fetch("a").id();
        assert_eq!(driver.readable(id, Readable::End), Ok(EndReason::PeerClosed));
    }
    for way in 0..20 {
        offend(&mut driver, "a", way);
        driver.wait(Duration::from_secs(30));
    }
    assert_eq!(driver.pool.counters().quarantined, 0, "any third one is 60 s after the first");
    driver.now = driver.now + Duration::from_secs(31);
    for _ in 0..2 {
        offend(&mut driver, "a", 0);
    }
    assert!(!driver.pool.is_quarantined(driver.now, "a"));
    offend(&mut driver, "a", 0);
    assert!(driver.pool.is_quarantined(driver.now, "a"));
}

#[test]
fn an_origin_that_goes_on_so_stays_in_quarantine() {
    let mut driver = driver();
    for way in 0..12 {
        offend(&mut driver, "a", 4 * way);
        driver.wait(Duration::from_secs(20));
        assert_eq!(driver.pool.is_quarantined(driver.now, "a"), way >= 2);
    }
    assert_eq!(driver.pool.counters().quarantined, 1);
}

#[test]
fn a_quarantine_can_be_switched_off_and_its_settings_are_checked() {
    let limits = PoolLimits::DEFAULT.with_unsolicited_per_origin(None);
    let mut off = Driver::new(limits, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT);
    let timeouts = PoolTimeouts::DEFAULT.with_quarantine(Duration::ZERO);
    let mut never = Driver::new(PoolLimits::DEFAULT, timeouts, PoolPolicy::DEFAULT);
    for way in 0..10 {
        offend(&mut off, "a", way);
        offend(&mut never, "a", way);
    }
    assert!(!off.pool.is_quarantined(off.now, "a") && !never.pool.is_quarantined(never.now, "a"));
    let none = PoolConfig::new(limits.with_unsolicited_per_origin(Some(0)), timeouts, PoolPolicy::DEFAULT);
    assert_eq!(none.map(|_| ()).map_err(|error| error.setting), Err("unsolicited_per_origin"));
}

#[test]
fn a_quarantine_is_remembered_though_the_key_holds_nothing_and_memory_is_bounded() {
    let mut driver = driver();
    for way in 0..3 {
        offend(&mut driver, "faulty", 4 * way);
    }
    for number in 0..1000 {
        driver.closed_after(Duration::from_millis(30));
        let id = driver.ask(&format!("key {number}")).id();
        driver.closed(id, Ended::ByPeer);
    }
    assert!(driver.pool.is_quarantined(driver.now, "faulty") && driver.pool.keys() < 100, "{}", driver.pool.keys());
    // many at once: the first few thousand are remembered
    let limits = PoolLimits::DEFAULT.with_unsolicited_per_origin(Some(1));
    let mut driver = Driver::new(limits, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT);
    for number in 0..cases::of(20_000, 13_000) {
        offend(&mut driver, &format!("key {number}"), 0);
    }
    assert!(driver.pool.keys() <= 2 * 4096 + 4096, "{}", driver.pool.keys());
    driver.now = driver.now + Duration::from_secs(60);
    for number in 0..cases::of(20_000, 13_000) {
        let id = driver.ask(&format!("other {number}")).id();
        driver.closed(id, Ended::ByPeer);
    }
    assert!(driver.pool.keys() <= 2 * 4096 + 4096, "{}", driver.pool.keys());
}
