//! What concerns one key, and no other: its host moves, a connection gets an owner, a peer sends what nobody asked for.

use crate::driver::*;
use http_keepalive::pool::*;

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
