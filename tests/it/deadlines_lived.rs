//! LIMIT-13 and CLOSE-13, of connections that have lived: each deadline counts from the fact that arms it, and never from one before it.

use std::time::Duration;

use crate::common::client::{Asker, DEFAULT, answer, ok};
use crate::common::{Driver, get};
use http_keepalive::*;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn timeouts(timeouts: Timeouts) -> Driver {
    Driver::new(&Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds"))
}

/// Content is to keep 500 octets a second, 20 s given in advance.
fn rated() -> Driver {
    timeouts(Timeouts::DEFAULT.with_content_gap(Some(secs(20))).with_content_rate(Some(500)))
}

/// A response of which nothing leaves.
fn held(driver: &mut Driver) {
    let connection = &mut driver.connection;
    connection.send_response(driver.now, StatusCode::OK, NO_FIELDS, Content::Empty, &mut [0; 256]).expect("it is due");
}

/// This is due so long from now.
#[track_caller]
fn due(driver: &Driver, kind: DeadlineKind, after: u64) {
    assert_eq!(driver.connection.next_deadline(), Some(Deadline { at: driver.now + secs(after), kind }));
}

const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n";

#[test]
fn linger_and_its_gap_count_from_the_half_close() {
    let mut driver = Driver::strict();
    driver.feed(&get("Connection: close\r\n")).wait(secs(10)).respond(StatusCode::OK, Content::Empty);
    due(driver.wait(secs(7)).shut(), DeadlineKind::LingerGap, 5);

    let mut driver = timeouts(Timeouts::DEFAULT.with_linger_gap(None));
    driver.feed(&get("Connection: close\r\n")).wait(secs(10)).respond(StatusCode::OK, Content::Empty);
    due(driver.wait(secs(7)).shut(), DeadlineKind::Linger, 30);
}

#[test]
fn idle_counts_from_the_end_of_the_exchange_whichever_half_ends_it() {
    let mut driver = Driver::strict();
    driver.feed(&format!("{POST}\r\n")).respond(StatusCode::OK, Content::Empty);
    due(driver.wait(secs(10)).feed("123456789"), DeadlineKind::Idle, 65);
    // an empty line ends an idle time
    due(driver.wait(secs(60)).feed("\r\n"), DeadlineKind::Idle, 65);
}

#[test]
fn a_write_stall_counts_from_what_was_handed_out_or_left() {
    // not the idle time before it
    let mut driver = Driver::strict();
    driver.feed(&get("")).respond(StatusCode::OK, Content::Empty).wait(secs(55)).feed(&get(""));
    held(&mut driver);
    due(&driver, DeadlineKind::WriteStall, 60);
    // no octets are no progress
    driver.wait(secs(30));
    driver.connection.handle_sent(driver.now, 0);
    due(&driver, DeadlineKind::WriteStall, 30);
    driver.connection.handle_sent(driver.now, 1);
    due(&driver, DeadlineKind::WriteStall, 60);
}

#[test]
fn a_client_of_which_nothing_has_left_stalls() {
    let mut asker = Asker::new(&DEFAULT);
    asker.leaves = false;
    asker.wait(secs(7)).ask("GET").assert_due(DeadlineKind::WriteStall, secs(60));
}

#[test]
fn a_rate_counts_from_the_head_of_its_content() {
    let mut driver = rated();
    driver.feed(&get("")).respond(StatusCode::OK, Content::Empty).wait(secs(50)).feed(&format!("{POST}\r\n1"));
    due(&driver, DeadlineKind::ContentGap, 20);
    // of content asked for by 100, from there
    let mut driver = rated();
    driver.feed(&format!("{POST}Expect: 100-continue\r\n\r\n")).wait(secs(50));
    driver.try_interim(StatusCode::CONTINUE, NO_FIELDS).expect("it is waited for");
    due(&driver, DeadlineKind::ContentGap, 20);
    // of content that nobody asked for and that is read all the same, from the answer
    let policy = Policy::DEFAULT.with_read_unwanted_content(Use::On);
    let timeouts = Timeouts::DEFAULT.with_content_gap(Some(secs(20))).with_content_rate(Some(500));
    let mut driver = Driver::new(&Config::new(Limits::DEFAULT, timeouts, policy).expect("within bounds"));
    driver.feed(&format!("{POST}Expect: 100-continue\r\n\r\n")).wait(secs(50)).respond(StatusCode::OK, Content::Empty);
    due(&driver, DeadlineKind::ContentGap, 20);
}

#[test]
fn the_gap_of_a_response_counts_from_its_head_however_it_is_read() {
    for dribbles in [false, true] {
        let (mut asker, head) = (Asker::new(&DEFAULT), answer("200 OK", "Content-Length: 3\r\n"));
        asker.ask("GET").wait(secs(7));
        let asker = if dribbles { asker.dribble(&head) } else { asker.feed(&head) };
        asker.assert_due(DeadlineKind::ContentGap, secs(300));
    }
}

#[test]
fn a_connection_that_was_opened_long_ago_carries_its_first_request() {
    let mut asker = Asker::new(&DEFAULT);
    asker.wait(secs(300)).ask("GET").feed(&ok("")).assert_idle();
}

#[test]
fn content_that_goes_without_the_100_ends_the_wait_for_it() {
    let mut asker = Asker::new(&DEFAULT);
    asker.ask_with("POST", [("Expect", "100-continue")], Content::Exact(6));
    asker.content("abc");
    assert_eq!(asker.connection.wants().application, Some(Turn::Content));
    assert!(asker.connection.next_deadline().is_none_or(|due| due.kind != DeadlineKind::Expect));
}

#[test]
fn an_age_that_passes_in_content_ends_the_connection_behind_it() {
    let config = Config::new(Limits::DEFAULT, Timeouts::DEFAULT.with_age(Some(secs(10))), Policy::DEFAULT).unwrap();
    let (mut lifecycle, now) = (Lifecycle::<Server, _>::new(Instant::from_secs(1), &config), Instant::from_secs(2));
    let mut head = HeadFacts::request(Method::new(b"POST"), Version::HTTP_11);
    head.field_line(b"Host", b"a");
    head.field_line(b"Transfer-Encoding", b"chunked");
    lifecycle.octets_received(now, 50);
    lifecycle.head_received(now, &head).expect("it is in order");
    lifecycle.head_to_send(now, StatusCode::OK, Content::Empty).expect("it is due");
    lifecycle.octets_written(now, 50);
    lifecycle.handle_sent(now, 50);
    lifecycle.end_received(Instant::from_secs(30)).expect("it ends");
    assert_eq!(lifecycle.wants().shut, Some(Shut::HalfClose(CloseReason::Age)));
}

#[test]
fn an_exchange_that_is_over_its_time_is_cut_though_an_earlier_answer_still_waits_to_leave() {
    let mut driver = timeouts(Timeouts::DEFAULT.with_exchange(Some(secs(10))).with_write_stall(None));
    driver.feed(&get(""));
    held(&mut driver);
    driver.wait(secs(3)).feed(&get(""));
    assert_eq!(driver.requests().len(), 2);
    due(&driver, DeadlineKind::Exchange, 10);
    driver.wait(secs(10));
    let expired = driver.connection.handle_timeout(driver.now);
    assert_eq!(expired.map(|due| due.kind), Some(DeadlineKind::Exchange));
    assert_eq!(
        driver.connection.wants().shut,
        Some(Shut::Close(CloseReason::ExchangeTimeout)),
        "it waits for no reader"
    );
    // where nothing waits, an answer that has left lately is not destroyed
    let mut driver = timeouts(Timeouts::DEFAULT.with_exchange(Some(secs(3))));
    driver.feed(&get("")).respond(StatusCode::OK, Content::Empty).feed(&get("")).wait(secs(3));
    driver.connection.handle_timeout(driver.now);
    assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::ExchangeTimeout)));
}

#[test]
fn a_half_closed_peer_whose_answer_does_not_come_is_left_without_another_try_to_write() {
    let mut driver = timeouts(Timeouts::DEFAULT.with_half_closed(Some(secs(7))));
    driver.feed(&get("")).wait(secs(2)).eof();
    due(&driver, DeadlineKind::HalfClosed, 7);
    driver.wait(secs(7));
    let expired = driver.connection.handle_timeout(driver.now);
    assert_eq!(expired.map(|due| due.kind), Some(DeadlineKind::HalfClosed));
    let wants = driver.connection.wants();
    assert_eq!((wants.flush_once, wants.shut), (false, Some(Shut::Close(CloseReason::HalfClosedTimeout))));
}

#[test]
fn where_idleness_and_age_end_at_one_instant_it_was_idle_too_long() {
    // 65 s of idleness from 35 s on, and 100 s of age; one second earlier it would be idleness, one later age
    for (from, kind) in [(34, DeadlineKind::Idle), (35, DeadlineKind::Idle), (36, DeadlineKind::Age)] {
        let mut driver =
            timeouts(Timeouts::DEFAULT.with_idle(Some(secs(65))).with_age(Some(secs(100))).with_first_octet(None));
        driver.wait(secs(from)).feed(&get("")).respond(StatusCode::OK, Content::Empty);
        due(&driver, kind, 65.min(100 - from));
        let client = Timeouts::CLIENT.with_idle(Some(secs(65))).with_age(Some(secs(100)));
        let mut asker = Asker::new(&Config::new(Limits::DEFAULT, client, Policy::DEFAULT).expect("within bounds"));
        asker.wait(secs(from)).ask("GET").feed(&ok(""));
        let next = asker.connection.next_deadline();
        assert_eq!(next, Some(Deadline { at: asker.now + secs(65.min(100 - from)), kind }), "{from}");
    }
}
