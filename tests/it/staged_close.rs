//! CLOSE-06 and CLOSE-08 by policy and limits: how an idle connection is closed, what is discarded, whom a FIN takes away; both sides
//! of each.

use crate::common::Passes;
use crate::common::client::Asker;
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
fn close_17_the_end_of_sending_comes_before_the_close_and_either_end_is_taken() {
    for eof in [Eof::Clean, Eof::Truncated] {
        let mut driver = Driver::strict();
        driver.feed(&get("Connection: close\r\n")).respond(StatusCode::OK, Content::Exact(2));
        assert_eq!(driver.connection.wants().shut, None, "content is to come");
        driver.content("ok");
        // through TLS this is the alert that nothing more will come
        assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::CloseReceived)));
        driver.shut();
        assert_eq!(driver.connection.wants().shut, None, "the peer's end is waited for");
        let ended = driver.connection.receive_eof(driver.now, eof).expect("no message is broken off");
        assert_eq!(ended.outcome, Outcome::Event(Event::PeerClosed));
        assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::CloseReceived)), "{eof:?}");
        driver.shut();
        assert!(driver.connection.is_closed());
    }
    // a client has nothing to lose: both at once, as soon as it was answered
    let mut asker = Asker::asking("GET");
    asker.feed("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(asker.connection.wants().shut, Some(Shut::Close(CloseReason::CloseReceived)));
}

#[test]
fn close_18_a_server_answers_a_client_whose_end_was_cut() {
    let post = "POST / HTTP/1.1\r\nHost: a\r\n";
    for whole in [
        get(""),
        format!("{post}Content-Length: 2\r\n\r\nok"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
    ] {
        let mut driver = Driver::strict();
        driver.feed(&whole);
        driver.connection.receive_eof(driver.now, Eof::Truncated).expect("the request was whole");
        assert_eq!(driver.connection.wants().application, Some(Turn::Respond), "{whole:?}");
        driver.respond(StatusCode::OK, Content::Empty);
        assert_eq!(driver.response().status, 200);
        assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::PeerClosed)), "{whole:?}");
    }
    for cut in [
        "GET / HTTP/1.1\r\nHost: a\r\n".to_string(),
        format!("{post}Content-Length: 3\r\n\r\nok"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n"),
    ] {
        let mut driver = Driver::strict();
        driver.feed(&cut);
        let error = driver.connection.receive_eof(driver.now, Eof::Truncated).expect_err("it is incomplete");
        assert!(error.kind.is_incomplete(), "{error} of {cut:?}");
        assert_eq!(driver.connection.persistence(), Persistence::Close(CloseReason::Incomplete));
    }
    // between exchanges it is no error
    let mut driver = Driver::strict();
    driver.feed(&get("")).respond(StatusCode::OK, Content::Empty);
    let ended = driver.connection.receive_eof(driver.now, Eof::Truncated).expect("nothing is broken off");
    assert_eq!(ended.outcome, Outcome::Event(Event::PeerClosed));
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
