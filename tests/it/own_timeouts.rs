//! Timeouts of one exchange: eight of them, of that exchange alone, and told anew from where they counted before.

use std::sync::Arc;
use std::time::Duration;

use http_keepalive::{
    CloseReason, Config, Content, ContentUse, DeadlineKind, Instant, Limits, Misuse, Policy, Role, SendError, Server,
    Shut, StatusCode, Timeouts,
};

use crate::common::client::{Asker, Four, ok};
use crate::common::{Driver, Passes, get};
use crate::rows::nothing;

const fn some(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

fn config<R: Role>(timeouts: Timeouts) -> Config<R> {
    Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds")
}

/// Ten seconds for each of the eight, and a rate of ten octets a second.
fn tens() -> Timeouts {
    nothing()
        .with_content_gap(some(10))
        .with_application(some(10))
        .with_response(some(10))
        .with_write_stall(some(10))
        .with_exchange(some(10))
        .with_expect(some(10))
}

/// Those of the exchange from now on.
#[track_caller]
fn give(driver: &mut Driver, timeouts: Timeouts) {
    driver.connection.exchange_timeouts(driver.now, Arc::new(config(timeouts))).expect("an exchange is open");
}

/// What is due next, seconds from the begin.
fn due(driver: &Driver) -> Option<(DeadlineKind, f64)> {
    let next = driver.connection.next_deadline()?;
    Some((next.kind, next.at.saturating_duration_since(Instant::from_secs(100)).as_secs_f64()))
}

const UPLOAD: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

#[test]
fn each_of_the_eight_is_that_of_the_exchange_and_counts_from_where_it_did() {
    type Arm = fn(&mut Driver);
    let upload: Arm = |driver| _ = driver.feed(UPLOAD);
    let asked: Arm = |driver| _ = driver.feed(&get(""));
    let sending: Arm = |driver| {
        driver.feed(&get(""));
        driver.hand_out(100);
    };
    type Set = fn(Timeouts, Option<Duration>) -> Timeouts;
    let rows: [(DeadlineKind, Arm, Set); 4] = [
        (DeadlineKind::ContentGap, upload, Timeouts::with_content_gap),
        (DeadlineKind::Application, asked, Timeouts::with_application),
        (DeadlineKind::WriteStall, sending, Timeouts::with_write_stall),
        (DeadlineKind::Exchange, asked, Timeouts::with_exchange),
    ];
    for (kind, arm, set) in rows {
        let mut driver = Driver::new(&config(set(nothing(), some(10))));
        arm(&mut driver);
        assert_eq!(due(&driver), Some((kind, 10.0)));
        driver.wait(Duration::from_secs(4));
        for seconds in [60, 5] {
            give(&mut driver, set(nothing(), some(seconds)));
            assert_eq!(due(&driver), Some((kind, seconds as f64)));
        }
        give(&mut driver, set(nothing(), None));
        assert_eq!(due(&driver), None);
        // what is past by then expires at once
        give(&mut driver, set(nothing(), some(3)));
        assert_eq!(driver.connection.expire(driver.now).map(|due| due.kind), Some(kind));
    }
}

#[test]
fn a_rate_is_that_of_the_exchange_also_where_the_connection_has_none() {
    let mut driver = Driver::new(&config(nothing()));
    driver.feed(UPLOAD);
    give(&mut driver, nothing().with_content_gap(some(10)).with_content_rate(Some(1)));
    driver.wait(Duration::from_secs(4)).feed("5\r\nabcde\r\n");
    let rate = driver.connection.deadlines().find(|cause| cause.deadline.kind == DeadlineKind::ContentRate);
    assert_eq!(rate.map(|cause| cause.deadline.at), Some(Instant::from_secs(115)));
    // and of what goes, from when its first octet waited
    let mut driver = Driver::new(&config(nothing()));
    driver.feed(&get(""));
    let all = driver.hand_out(100);
    driver.wait(Duration::from_secs(4));
    give(&mut driver, nothing().with_write_stall(some(10)).with_send_rate(Some(10)));
    driver.wait(Duration::from_secs(6));
    driver.connection.handle_sent(driver.now, 20);
    let rate = driver.connection.deadlines().find(|cause| cause.deadline.kind == DeadlineKind::SendRate);
    assert_eq!(rate.map(|cause| cause.deadline.at), Some(Instant::from_secs(100 + 10 + 2)));
    driver.connection.handle_sent(driver.now, all - 20);
    assert!(driver.connection.is_idle());
}

#[test]
fn all_else_stays_that_of_the_connection() {
    let mut driver = Driver::new(&config(tens().with_idle(some(50)).with_head(some(10)).with_linger(some(10))));
    driver.feed("GET / HT");
    give(&mut driver, nothing().with_idle(some(1)).with_head(some(1)).with_age(some(1)).with_first_octet(some(1)));
    assert_eq!(due(&driver), Some((DeadlineKind::Head, 10.0)));
    driver.feed("TP/1.1\r\nHost: a\r\n\r\n").respond(StatusCode::OK, Content::Empty);
    assert_eq!(due(&driver), Some((DeadlineKind::Idle, 50.0)));
}

#[test]
fn they_end_with_the_exchange_and_its_last_octet() {
    let mut driver = Driver::new(&config(tens()));
    driver.feed(&(get("") + &get("")));
    give(&mut driver, nothing().with_write_stall(some(60)));
    driver.hand_out(100);
    // its octets wait, and no head of another exchange has begun
    assert_eq!(due(&driver), Some((DeadlineKind::WriteStall, 60.0)));
    driver.feed("");
    assert_eq!(driver.requests().len(), 2);
    assert_eq!(due(&driver), Some((DeadlineKind::Exchange, 10.0)));
    let mut driver = Driver::new(&config(tens()));
    driver.feed(&get(""));
    give(&mut driver, nothing());
    driver.respond(StatusCode::OK, Content::Empty);
    assert_eq!(due(&driver), None);
    driver.feed(UPLOAD);
    assert_eq!(due(&driver), Some((DeadlineKind::Exchange, 10.0)));
}

#[test]
fn where_no_exchange_is_open_there_is_none_to_give_them_to() {
    let given = |driver: &mut Driver| driver.connection.exchange_timeouts(driver.now, Arc::new(config(nothing())));
    let mut driver = Driver::new(&config(tens()));
    let before = driver.connection.clone();
    assert_eq!(given(&mut driver), Err(SendError::Misuse(Misuse::NothingToAnswer)));
    assert_eq!(driver.connection, before);
    driver.feed(&get("")).respond(StatusCode::OK, Content::Empty);
    assert_eq!(given(&mut driver), Err(SendError::Misuse(Misuse::NothingToAnswer)));
    driver.connection.abort(driver.now);
    assert_eq!(given(&mut driver), Err(SendError::Ended(CloseReason::Aborted)));
}

#[test]
fn a_look_that_is_waited_for_is_over_if_what_passed_is_due_no_more() {
    let mut driver = Driver::new(&config(tens().with_exchange(None)));
    driver.feed(UPLOAD).wait(Duration::from_secs(10));
    assert!(driver.connection.handle_timeout(driver.now).is_some());
    give(&mut driver, tens().with_exchange(None).with_content_gap(some(60)));
    driver.connection.nothing_to_read(driver.now);
    assert_eq!(due(&driver), Some((DeadlineKind::ContentGap, 60.0)));
    assert_eq!(driver.connection.wants().shut, None);
}

#[test]
fn a_pause_is_bounded_by_the_application_of_the_exchange() {
    let mut driver = Driver::new(&config::<Server>(nothing()));
    driver.feed(UPLOAD);
    give(&mut driver, nothing().with_application(some(7)));
    driver.wait(Duration::from_secs(1));
    driver.connection.content_use(driver.now, ContentUse::Paused).expect("content is to come");
    assert_eq!(due(&driver), Some((DeadlineKind::Application, 8.0)));
}

// ---- a client's

fn client(timeouts: Timeouts) -> Asker {
    Asker::knowing(&config::<Four>(timeouts))
}

fn give_client(asker: &mut Asker, timeouts: Timeouts) -> Result<(), SendError> {
    asker.connection.exchange_timeouts(asker.now, Arc::new(config(timeouts)))
}

/// What is due next, seconds from now.
fn left(asker: &Asker) -> Option<(DeadlineKind, f64)> {
    let next = asker.connection.next_deadline()?;
    Some((next.kind, next.at.saturating_duration_since(asker.now).as_secs_f64()))
}

#[test]
fn a_clients_are_those_of_the_request_sent_last_and_of_no_other() {
    let mut asker = client(nothing().with_response(some(10)));
    assert_eq!(give_client(&mut asker, nothing()), Err(SendError::Misuse(Misuse::NothingToAnswer)));
    asker.ask("GET").ask("GET");
    give_client(&mut asker, nothing().with_response(some(60))).expect("a request is open");
    // the first one has those of the connection
    assert_eq!(left(&asker), Some((DeadlineKind::Response, 10.0)));
    asker.wait(Duration::from_secs(1)).feed(&ok("a"));
    assert_eq!(left(&asker), Some((DeadlineKind::Response, 60.0)));
    asker.feed(&ok("b")).ask("GET");
    assert_eq!(left(&asker), Some((DeadlineKind::Response, 10.0)));
}

#[test]
fn one_request_at_a_time_has_timeouts_of_its_own() {
    let mut asker = client(nothing().with_response(some(10)));
    asker.ask("GET");
    give_client(&mut asker, nothing().with_response(some(60))).expect("a request is open");
    asker.ask("GET");
    let before = asker.connection.clone();
    assert_eq!(give_client(&mut asker, nothing()), Err(SendError::Misuse(Misuse::ExchangeOpen)));
    assert_eq!(asker.connection, before);
    assert_eq!(left(&asker), Some((DeadlineKind::Response, 60.0)));
    asker.feed(&ok("a"));
    give_client(&mut asker, nothing().with_response(some(30))).expect("the one before is over");
    assert_eq!(left(&asker), Some((DeadlineKind::Response, 30.0)));
}

#[test]
fn an_event_stream_between_short_calls_is_not_cut() {
    let mut asker = client(nothing().with_content_gap(some(5)));
    asker.ask("GET");
    give_client(&mut asker, nothing()).expect("a request is open");
    asker.feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n:ok\r\n");
    asker.wait(Duration::from_secs(3000));
    assert_eq!(asker.connection.expire(asker.now), None);
    asker.feed("0\r\n\r\n").ask("GET").feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\na");
    assert_eq!(left(&asker), Some((DeadlineKind::ContentGap, 5.0)));
    asker.wait(Duration::from_secs(5));
    asker.connection.expire(asker.now);
    assert!(matches!(asker.connection.wants().shut, Some(Shut::Close(CloseReason::ContentTimeout))));
}

#[test]
fn the_wait_for_100_is_that_of_the_exchange() {
    let mut asker = client(nothing().with_expect(some(1)));
    asker.ask_with("POST", [("Expect", "100-continue")], Content::Exact(3));
    give_client(&mut asker, nothing().with_expect(some(20))).expect("a request is open");
    assert_eq!(left(&asker), Some((DeadlineKind::Expect, 20.0)));
}
