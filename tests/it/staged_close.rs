//! CLOSE-06 and CLOSE-08 by policy and limits: how an idle connection is closed, what is discarded, whom a FIN takes away; both sides
//! of each.

use crate::common::Passes;
use std::time::Duration;

use crate::common::{Driver, get, limits, policy};
use http_keepalive::*;

const NEVER: &str = "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 30\r\n\r\n";

/// Idle until its time is over, and looked at.
fn looked_at(idle_close: IdleClose) -> Driver {
    let mut driver = Driver::new(&policy(Policy::DEFAULT.with_idle_close(idle_close)));
    driver.feed(&get("")).respond(StatusCode::OK, Content::Empty).wait(Duration::from_secs(65));
    assert_eq!(driver.connection.expire(driver.now).map(|due| due.kind), Some(DeadlineKind::Idle));
    assert_eq!((driver.connection.wants().read, driver.connection.wants().shut), (ReadWant::LookOnce, None));
    driver
}

#[test]
fn close_06_an_idle_connection_is_closed_at_once_or_by_policy_in_stages() {
    let mut driver = looked_at(IdleClose::AtOnce);
    driver.connection.nothing_to_read(driver.now);
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::IdleTimeout)));

    let mut driver = looked_at(IdleClose::Staged);
    driver.connection.nothing_to_read(driver.now);
    assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::IdleTimeout)));
    // a request that crosses it is discarded, and the close waits for the peer, or for the gap
    driver.shut().feed(&get(""));
    assert_eq!((driver.connection.wants().shut, driver.seen.len()), (None, 2), "{:?}", driver.seen);
    assert_eq!(driver.connection.next_deadline().map(|due| due.kind), Some(DeadlineKind::LingerGap));
    driver.eof();
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::IdleTimeout)));
}

#[test]
fn close_06_what_a_look_finds_is_answered_whatever_the_policy() {
    for idle_close in [IdleClose::AtOnce, IdleClose::Staged] {
        let mut driver = looked_at(idle_close);
        driver.feed(&get("")).respond(StatusCode::OK, Content::Empty);
        assert_eq!(driver.connection.wants().shut, None, "{idle_close:?}");
        assert!(driver.connection.is_idle());
    }
}

#[test]
fn close_06_what_is_discarded_is_bounded_in_octets() {
    for (most, closes_at) in [(Some(10), Some(11)), (Some(0), Some(1)), (None, None)] {
        let mut driver = Driver::new(&limits(Limits::DEFAULT.with_linger_octets(most)));
        driver.feed(NEVER).respond(StatusCode::OK, Content::Empty);
        // what comes before the half-close is not counted
        driver.feed(&"0".repeat(20)).shut();
        for octet in 1..=20 {
            driver.feed("0");
            let shut = closes_at.filter(|&at| octet >= at).map(|_| Shut::Close(CloseReason::CloseReceived));
            assert_eq!(driver.connection.wants().shut, shut, "{most:?}, {octet}");
        }
    }
}

#[test]
fn close_08_a_fin_cancels_nothing_or_by_policy_what_is_not_answered() {
    for (half_close, is_answered) in [(HalfClose::Answer, true), (HalfClose::Abort, false)] {
        let config = policy(Policy::DEFAULT.with_half_close(half_close));
        let mut driver = Driver::new(&config);
        driver.feed(&get("")).eof();
        let (shut, turn) = match is_answered {
            true => (None, Some(Turn::Respond)),
            false => (Some(Shut::Close(CloseReason::PeerClosed)), None),
        };
        assert_eq!((driver.connection.wants().shut, driver.connection.wants().application), (shut, turn));
        let sent = driver.try_respond(StatusCode::OK, NO_FIELDS, Content::Empty);
        let ended = SendError::Ended(CloseReason::PeerClosed);
        assert_eq!(sent.err(), if is_answered { None } else { Some(ended) }, "{half_close:?}");
        // between exchanges there is nothing to cancel
        let mut driver = Driver::new(&config);
        driver.feed(&get("")).respond(StatusCode::OK, Content::Empty).eof();
        assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::PeerClosed)), "{half_close:?}");
    }
}
