//! A failed write says nothing about reading: what is awaited is read, for `linger` at most, and nothing more is sent.

use std::time::Duration;

use http_keepalive::retry::{Advice, RetryReason};
use http_keepalive::{
    CloseReason, Content, ContentUse, DeadlineKind, Instant, NO_FIELDS, ReadWant, Reusable, SendError, Shut,
    StatusCode, Timeouts, Turn,
};

use crate::common::client::{Asker, host, ok, request, with_timeouts};
use crate::common::{Driver, Passes, get};
use crate::rows::{nothing, server};

const fn some(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

const FAILED: SendError = SendError::Ended(CloseReason::TransportFailed);

fn lingering() -> Timeouts {
    nothing().with_linger(some(10)).with_linger_gap(some(5)).with_write_stall(some(3))
}

/// A client whose upload has begun, and whose write has failed.
fn upload() -> Asker {
    let mut asker = Asker::new(&with_timeouts(lingering()));
    asker.ask_with("POST", [], Content::Exact(1000));
    asker.content("abc").wait(Duration::from_secs(1));
    asker.connection.write_failed(asker.now);
    asker
}

const REFUSED: &str = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\n";

#[test]
fn the_answer_to_an_upload_that_can_not_be_sent_is_read_in_pieces_and_then_it_closes() {
    let mut asker = upload();
    assert_eq!((asker.connection.wants().application, asker.connection.wants().flush), (None, false));
    assert_eq!(asker.connection.send_content(asker.now, b"more", &mut [0; 99]).err(), Some(FAILED));
    assert_eq!(asker.connection.send_end(asker.now, NO_FIELDS, &mut [0; 99]).err(), Some(FAILED));
    assert!(matches!(asker.connection.reusable(asker.now), Reusable::No(CloseReason::TransportFailed)));
    for octets in ["HTTP/1.1 103 Early Hints\r\n\r\n", REFUSED, "n"] {
        asker.wait(Duration::from_secs(1)).feed(octets);
        assert_eq!(asker.connection.wants().shut, None);
    }
    asker.feed("o");
    assert_eq!(asker.exchanges(), [(413, "no".into())]);
    asker.assert_closes(CloseReason::TransportFailed);
    assert_eq!(asker.verdicts(), []);
}

#[test]
fn an_answer_that_does_not_come_is_waited_for_as_long_as_a_linger() {
    let mut asker = upload();
    let due = asker.connection.next_deadline().expect("it is bounded");
    assert_eq!((due.kind, due.at), (DeadlineKind::Linger, asker.now + Duration::from_secs(10)));
    // what comes puts it off no further
    asker.wait(Duration::from_secs(9)).feed("HTTP/1.1 103 Early Hints\r\n\r\n");
    assert_eq!(asker.connection.next_deadline(), Some(due));
    asker.now = due.at;
    assert_eq!(asker.connection.expire(asker.now), Some(due));
    asker.assert_closes(CloseReason::TransportFailed);
    assert_eq!(asker.verdicts(), [(0, Advice::Never, RetryReason::NotReplayable)]);
}

#[test]
fn what_had_arrived_by_then_is_read_all_the_same() {
    let mut asker = upload();
    asker.wait(Duration::from_secs(60));
    assert!(asker.connection.handle_timeout(asker.now).is_some());
    assert_eq!(asker.connection.wants().read, ReadWant::LookOnce);
    asker.feed(&(REFUSED.to_owned() + "no"));
    assert_eq!(asker.exchanges(), [(413, "no".into())]);
    // and what a look finds in part has the time that the look was late, but no more than a linger
    let mut asker = upload();
    asker.wait(Duration::from_secs(14));
    asker.connection.handle_timeout(asker.now);
    asker.feed(REFUSED);
    let due = asker.connection.next_deadline().expect("it is bounded");
    assert_eq!(due.kind, DeadlineKind::Linger);
    let after = due.at.saturating_duration_since(asker.now);
    assert!(after <= Duration::from_secs(4) && after > Duration::from_millis(3900), "{after:?}");
}

#[test]
fn the_end_of_the_peer_ends_it_and_what_was_broken_off_is_told() {
    let mut asker = upload();
    asker.eof();
    assert!(matches!(asker.connection.wants().shut, Some(Shut::Close(_))));
    let mut asker = upload();
    asker.feed(REFUSED).eof();
    assert!(asker.error().is_some());
    assert!(matches!(asker.connection.wants().shut, Some(Shut::Close(_))));
}

#[test]
fn a_client_that_awaits_nothing_is_to_be_closed() {
    let mut asker = Asker::new(&with_timeouts(lingering()));
    asker.connection.write_failed(asker.now);
    asker.assert_closes(CloseReason::TransportFailed);
    let mut asker = Asker::asking("GET");
    asker.feed(&ok("a"));
    asker.connection.write_failed(asker.now);
    asker.assert_closes(CloseReason::TransportFailed);
    // one of which nothing has left can not be answered, and may go elsewhere
    let mut asker = Asker { leaves: false, ..Asker::new(&with_timeouts(lingering())) };
    asker.ask("POST");
    asker.connection.nothing_left(asker.now);
    asker.connection.write_failed(asker.now);
    asker.assert_closes(CloseReason::TransportFailed);
    assert_eq!(asker.verdicts(), [(0, Advice::Retry, RetryReason::NotSent)]);
}

#[test]
fn of_pipelined_requests_those_that_left_are_answered_and_the_others_are_given_back() {
    let mut asker = Asker { leaves: false, ..Asker::knowing(&with_timeouts(lingering())) };
    let first = asker.ask_with("GET", [], Content::Empty).len() as u64;
    asker.left(first).ask("GET");
    asker.connection.write_failed(asker.now);
    let third = asker.try_ask(&request("GET"), host("GET"), Content::Empty);
    assert_eq!(third, Err(FAILED));
    asker.feed(&ok("a"));
    assert_eq!(asker.exchanges(), [(200, "a".into())]);
    // nothing of the second has left: nobody answers it
    asker.assert_closes(CloseReason::TransportFailed);
    assert_eq!(asker.verdicts().first().map(|verdict| verdict.0), Some(1));
}

// ---- a server's

const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";

/// Our side counts as shut since then: what comes is dropped, until the peer's end or for a linger.
#[track_caller]
fn lingers(mut driver: Driver, since: Instant) {
    assert_eq!((driver.connection.wants().read, driver.connection.wants().shut), (ReadWant::Discard, None));
    assert_eq!(driver.connection.wants().application, None);
    let all = driver.connection.deadlines().find(|cause| cause.deadline.kind == DeadlineKind::Linger);
    assert_eq!(all.map(|cause| cause.deadline.at), Some(since + Duration::from_secs(10)));
    driver.feed("octets");
    let mut silent = Driver { connection: driver.connection.clone(), ..Driver::strict() };
    driver.eof();
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::TransportFailed)));
    silent.now = since + Duration::from_secs(60);
    while silent.connection.expire(silent.now).is_some() {}
    assert_eq!(silent.connection.wants().shut, Some(Shut::Close(CloseReason::TransportFailed)));
}

#[test]
fn a_server_that_can_send_nothing_drops_what_comes() {
    let states: [fn(&mut Driver); 5] = [
        |_| {},
        |driver| _ = driver.feed("GET / HT"),
        |driver| _ = driver.feed(&get("")),
        |driver| {
            driver.feed(&get(""));
            driver.hand_out(100);
        },
        |driver| _ = driver.feed(&get("")).respond(StatusCode::OK, Content::UntilClose).content("ab"),
    ];
    for reach in states {
        let mut driver = server(lingering());
        reach(&mut driver);
        driver.wait(Duration::from_secs(1));
        driver.connection.write_failed(driver.now);
        assert!(!driver.connection.wants().flush);
        let sent = driver.try_respond(StatusCode::OK, NO_FIELDS, Content::Empty);
        assert_eq!(sent, Err(FAILED));
        assert_eq!(driver.connection.send_content(driver.now, b"x", &mut [0; 99]).err(), Some(FAILED));
        let now = driver.now;
        lingers(driver, now);
    }
}

#[test]
fn content_that_is_read_is_read_to_its_end() {
    for said in [None, Some(ContentUse::Reading)] {
        let mut driver = server(lingering());
        driver.feed(POST);
        if let Some(said) = said {
            driver.connection.content_use(driver.now, said).expect("it is to come");
        }
        driver.connection.write_failed(driver.now);
        let failed = driver.now;
        assert_eq!(driver.connection.wants().application, None);
        assert_eq!(driver.try_respond(StatusCode::OK, NO_FIELDS, Content::Empty), Err(FAILED));
        assert_eq!(driver.connection.refuse(driver.now, StatusCode::BAD_REQUEST), Err(FAILED));
        driver.wait(Duration::from_secs(2)).feed("12345");
        assert_eq!(driver.received(), "12345");
        lingers(driver, failed);
    }
    // and for a linger at most
    let mut driver = server(lingering());
    driver.feed(POST);
    driver.connection.write_failed(driver.now);
    driver.wait(Duration::from_secs(10));
    assert_eq!(driver.connection.expire(driver.now).map(|due| due.kind), Some(DeadlineKind::Linger));
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::TransportFailed)));
}

#[test]
fn a_refusal_that_can_not_be_sent_is_not_asked_for() {
    let mut driver = server(lingering());
    driver.feed("\0");
    assert!(matches!(driver.connection.wants().application, Some(Turn::Refuse(_))));
    driver.connection.write_failed(driver.now);
    let now = driver.now;
    lingers(driver, now);
}

#[test]
fn where_both_sides_have_failed_it_closes_at_once() {
    let mut driver = server(lingering());
    driver.feed(POST);
    driver.connection.write_failed(driver.now);
    driver.connection.transport_failed(driver.now);
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::TransportFailed)));
    let mut asker = upload();
    asker.connection.transport_failed(asker.now);
    asker.assert_closes(CloseReason::TransportFailed);
}
