//! Sending is bounded, too, and age never cuts what is being sent; a peer that has closed its side does not wait for ever.

use std::time::Duration;

use http_keepalive::{
    CloseReason, Config, Content, DeadlineKind, Lifecycle, Limits, Policy, Server, Shut, StatusCode, Timeouts,
};

use crate::common::{Driver, Passes, get};
use crate::rows::{nothing, server};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const fn some(seconds: u64) -> Option<Duration> {
    Some(secs(seconds))
}

#[test]
fn a_peer_that_reads_too_slowly_is_cut_and_one_that_keeps_the_rate_is_not() {
    for (each, cut) in [(40, false), (39, true)] {
        let mut driver = server(nothing().with_write_stall(some(5)).with_send_rate(Some(10)));
        driver.feed(&get(""));
        let all = driver.hand_out(4000);
        // four seconds an octet would be too slow at any length; so is a little less than ten octets a second, in time
        for _ in 0..all / each {
            driver.wait(secs(4));
            while driver.connection.expire(driver.now).is_some() {}
            if driver.connection.wants().shut.is_some() {
                break;
            }
            driver.connection.handle_sent(driver.now, each);
        }
        let shut = driver.connection.wants().shut;
        assert_eq!(shut, cut.then_some(Shut::Reset(CloseReason::SendRate)), "{each} octets each four seconds");
    }
}

#[test]
fn without_a_rate_a_slow_reader_is_left_alone_and_without_a_stall_there_is_no_rate() {
    for timeouts in [nothing().with_write_stall(some(5)), nothing().with_send_rate(Some(1_000_000))] {
        let mut driver = server(timeouts);
        driver.feed(&get(""));
        for _ in 0..driver.hand_out(100) {
            driver.wait(secs(4));
            assert_eq!(driver.connection.expire(driver.now), None);
            driver.connection.handle_sent(driver.now, 1);
        }
        assert!(driver.connection.is_idle());
    }
}

#[test]
fn of_pipelined_responses_each_has_its_advance_and_none_is_cut_earlier_than_alone() {
    let mut driver = server(nothing().with_write_stall(some(5)).with_send_rate(Some(10)));
    driver.feed(&(get("") + &get("")));
    let first = driver.hand_out(100);
    driver.wait(secs(4)).pump(1000);
    driver.connection.handle_sent(driver.now, 20);
    let second = driver.hand_out(100);
    // the first: five seconds, and two for the twenty octets; the second: five seconds from now
    let due = driver.connection.deadlines().find(|cause| cause.deadline.kind == DeadlineKind::SendRate);
    assert_eq!(due.map(|cause| cause.deadline.at), Some(driver.now + secs(5)));
    driver.wait(secs(4));
    driver.connection.handle_sent(driver.now, first + second - 20);
    assert!(driver.connection.is_idle() && driver.connection.next_deadline().is_none());
}

#[test]
fn age_is_judged_when_the_response_has_left_however_slowly() {
    let mut driver = server(nothing().with_age(some(10)).with_linger(some(9)));
    driver.feed(&get(""));
    let all = driver.hand_out(100);
    for _ in 0..all - 1 {
        driver.wait(secs(50));
        assert_eq!(driver.connection.expire(driver.now), None, "what is being sent is not cut for its age");
        driver.connection.handle_sent(driver.now, 1);
        assert_eq!(driver.connection.wants().shut, None);
    }
    driver.connection.handle_sent(driver.now, 1);
    while driver.connection.expire(driver.now).is_some() {}
    driver.connection.nothing_to_read(driver.now);
    assert!(matches!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::Age))));
}

#[test]
fn a_half_closed_peer_is_answered_while_octets_go_and_not_for_ever() {
    let mut driver = Driver::strict();
    driver.feed(&get("")).eof();
    // an event stream to somebody who has gone, as long as something is said
    driver.respond(StatusCode::OK, Content::Unknown);
    for _ in 0..100 {
        driver.wait(secs(59));
        assert_eq!(driver.connection.expire(driver.now), None);
        driver.content("x");
    }
    driver.wait(secs(60));
    assert_eq!(driver.connection.expire(driver.now).map(|due| due.kind), Some(DeadlineKind::HalfClosed));
    assert_eq!(driver.connection.wants().shut, Some(Shut::Reset(CloseReason::HalfClosedTimeout)));
}

#[test]
fn what_waits_for_a_half_closed_peer_is_tried_once_more() {
    let mut driver = server(nothing().with_half_closed(some(10)));
    driver.feed(&get("")).eof();
    let all = driver.hand_out(100);
    driver.wait(secs(3600));
    assert_eq!(driver.connection.handle_timeout(driver.now).map(|due| due.kind), Some(DeadlineKind::HalfClosed));
    assert!(driver.connection.wants().flush_once);
    driver.connection.handle_sent(driver.now, all - 1);
    assert_eq!(driver.connection.next_deadline().map(|due| due.at), Some(driver.now + secs(10)));
    driver.connection.handle_sent(driver.now, 1);
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::PeerClosed)), "it has its answer");
}

#[test]
fn a_lifecycle_bounds_both_too() {
    let timeouts = Timeouts::DEFAULT.with_write_stall(some(5)).with_send_rate(Some(10)).with_half_closed(some(7));
    let config = Config::<Server>::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds");
    let now = http_keepalive::Instant::from_secs(1);
    let mut lifecycle = Lifecycle::<Server, _>::new(now, &config);
    let mut head =
        http_keepalive::HeadFacts::request(http_keepalive::Method::new(b"GET"), http_keepalive::Version::HTTP_11);
    head.field_line(b"Host", b"a");
    lifecycle.head_received(now, &head).expect("a request");
    lifecycle.end_received(now).expect("its end");
    lifecycle.eof_received(now);
    assert_eq!(
        lifecycle.next_deadline().map(|due| (due.kind, due.at)),
        Some((DeadlineKind::HalfClosed, now + secs(7)))
    );
    lifecycle.head_to_send(now, StatusCode::OK, Content::Unknown).expect("it is due");
    // its octets are told later than its head
    let later = now + secs(3);
    lifecycle.octets_written(later, 100);
    let due = |lifecycle: &Lifecycle<Server, &Config<Server>>| {
        let rate = lifecycle.deadlines().find(|cause| cause.deadline.kind == DeadlineKind::SendRate);
        rate.map(|cause| cause.deadline.at)
    };
    assert_eq!(due(&lifecycle), Some(later + secs(5)));
    lifecycle.handle_sent(later + secs(1), 20);
    assert_eq!(due(&lifecycle), Some(later + secs(7)));
}
