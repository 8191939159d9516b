//! CLOSE-13 and following: a graceful shutdown cuts nothing off, loses no request that was on its way, and ends
//! (RFC 9112 9.6).

use crate::common::Passes;
use std::collections::BTreeSet;
use std::time::Duration;

use crate::common::{Driver, get};
use http_keepalive::*;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const TICK: Duration = Duration::from_nanos(1);

/// Idle connections stay for two seconds of a drain, no shield.
fn windowed() -> Config<Server> {
    let timeouts = Timeouts::DEFAULT.with_drain_window(Some(secs(2))).with_idle_shield(None);
    Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds")
}

/// An idle connection, one exchange behind it.
fn idle(config: &Config<Server>) -> Driver {
    let mut driver = Driver::new(config);
    driver.feed(&get("")).respond(StatusCode::OK, Content::Empty);
    driver.out.clear();
    driver
}

fn drain(driver: &mut Driver) {
    driver.connection.close_after_exchange(driver.now);
}

fn wants(driver: &Driver) -> (ReadWant, Option<Shut>) {
    (driver.connection.wants().read, driver.connection.wants().shut)
}

/// What expires now, in order.
fn expires(driver: &mut Driver) -> Vec<DeadlineKind> {
    std::iter::from_fn(|| driver.connection.expire(driver.now)).map(|deadline| deadline.kind).collect()
}

#[test]
fn without_a_window_idle_and_fresh_connections_are_looked_at_once_and_closed_at_once() {
    let config =
        Config::new(Limits::DEFAULT, Timeouts::DEFAULT.with_idle_shield(None), Policy::DEFAULT).expect("it is");
    // what has left a short time ago may not have been read
    let staged = Shut::HalfClose(CloseReason::Drain);
    for (mut driver, shut) in [(idle(&config), staged), (Driver::new(&config), Shut::Close(CloseReason::Drain))] {
        drain(&mut driver);
        assert_eq!(wants(&driver), (ReadWant::LookOnce, None));
        driver.connection.nothing_to_read(driver.now);
        assert_eq!(wants(&driver).1, Some(shut));
    }
}

#[test]
fn in_the_window_idle_and_fresh_connections_wait_for_a_request_that_was_on_its_way() {
    for mut driver in [idle(&windowed()), Driver::new(&windowed())] {
        drain(&mut driver);
        assert_eq!(wants(&driver), (ReadWant::Octets, None));
        let due = driver.connection.next_deadline().expect("the window's end");
        assert_eq!((due.kind, due.at), (DeadlineKind::DrainWindow, driver.now + secs(2)));
        driver.wait(secs(2) - TICK);
        assert_eq!(expires(&mut driver), []);
        driver.feed(&get("")).respond(StatusCode::OK, Content::Empty);
        assert!(driver.response().has_option("close"));
        assert_eq!(wants(&driver).1, Some(Shut::HalfClose(CloseReason::Drain)));
    }
}

#[test]
fn at_the_end_of_the_window_what_has_arrived_still_wins() {
    // what has left less than `linger_gap` ago may not have been read
    let staged = Shut::HalfClose(CloseReason::Drain);
    for (mut driver, shut) in [(idle(&windowed()), staged), (Driver::new(&windowed()), Shut::Close(CloseReason::Drain))]
    {
        drain(&mut driver);
        driver.wait(secs(2));
        assert_eq!(expires(&mut driver), [DeadlineKind::DrainWindow]);
        assert_eq!(wants(&driver), (ReadWant::LookOnce, None));
        let mut served = idle(&windowed());
        drain(&mut served);
        served.wait(secs(2));
        expires(&mut served);
        served.feed(&get("")).respond(StatusCode::OK, Content::Empty);
        assert!(served.response().has_option("close"));
        driver.connection.nothing_to_read(driver.now);
        assert_eq!(wants(&driver).1, Some(shut));
        driver.connection.handle_shut(driver.now);
        let lingers = driver.connection.next_deadline().map(|due| due.kind);
        assert_eq!(lingers, (shut == staged).then_some(DeadlineKind::LingerGap));
    }
}

#[test]
fn the_window_ends_no_later_than_idleness_and_the_hard_deadline() {
    let timeouts = Timeouts::DEFAULT.with_drain_window(Some(secs(20))).with_idle_shield(None).with_idle(Some(secs(5)));
    let timeouts = timeouts.with_idle_advertised(Some(secs(5)));
    let config = Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds");
    let mut driver = idle(&config);
    drain(&mut driver);
    driver.wait(secs(5));
    assert_eq!(expires(&mut driver), [DeadlineKind::Idle]);
    driver.connection.nothing_to_read(driver.now);
    assert_eq!(wants(&driver).1, Some(Shut::Close(CloseReason::IdleTimeout)));
    let timeouts = Timeouts::DEFAULT.with_drain_window(Some(secs(20))).with_drain(Some(secs(3)));
    let mut driver = idle(&Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds"));
    drain(&mut driver);
    driver.wait(secs(3));
    assert_eq!(expires(&mut driver), [DeadlineKind::Drain]);
    assert_eq!(wants(&driver).1, Some(Shut::Close(CloseReason::DrainTimeout)));
}

#[test]
fn the_shield_after_an_exchange_outlasts_a_shorter_window() {
    let timeouts = Timeouts::DEFAULT.with_drain_window(Some(secs(2))).with_idle_shield(Some(secs(3)));
    let mut driver = idle(&Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds"));
    drain(&mut driver);
    let due = driver.connection.next_deadline().expect("an end");
    assert_eq!((due.kind, due.at), (DeadlineKind::IdleShield, driver.now + secs(3)));
}

#[test]
fn a_spread_lets_a_thousand_connections_end_one_by_one() {
    let timeouts = Timeouts::DEFAULT.with_drain_window(Some(secs(2))).with_drain_spread(Some(secs(10)));
    let config = Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds");
    let mut ends = BTreeSet::new();
    for seed in 0..1000 {
        let mut driver = Driver::new(&config);
        driver.connection = driver.connection.with_seed(seed);
        drain(&mut driver);
        let due = driver.connection.next_deadline().expect("an end");
        assert_eq!(due.kind, DeadlineKind::DrainWindow);
        let after = due.at.saturating_duration_since(driver.now);
        assert!(secs(2) <= after && after < secs(12), "{after:?}");
        assert_eq!(driver.connection.deadline_cause().map(|cause| cause.setting), Some("drain_spread"));
        ends.insert(after.as_millis() / 100);
    }
    assert_eq!(ends.len(), 100, "every tenth of a second has some");
}

#[test]
fn a_busy_connection_says_so_in_its_response_and_a_second_drain_changes_nothing() {
    let mut driver = Driver::new(&windowed());
    driver.feed("GET / HT");
    drain(&mut driver);
    let due = driver.connection.next_deadline();
    driver.wait(secs(1));
    drain(&mut driver);
    assert_eq!(driver.connection.next_deadline(), due);
    driver.feed("TP/1.1\r\nHost: a\r\n\r\n").respond(StatusCode::OK, Content::Empty);
    assert!(driver.response().has_option("close"));
    assert_eq!(wants(&driver).1, Some(Shut::HalfClose(CloseReason::Drain)));
}
