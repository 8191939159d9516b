//! Answers that no application gives: the driver refuses at any time, answers close by themselves, and a late or lost application is
//! answered for.

use std::time::Duration;

use http_keepalive::{
    CloseReason, Config, Content, DeadlineKind, DrainMode, HeadFacts, Instant, Lifecycle, Limits, Method, Misuse,
    NO_FIELDS, Persistence, Phase, Policy, ReceiveError, Response, SendError, Server, Shut, StatusCode, Timeouts, Turn,
    Use, Version,
};

use crate::common::{Driver, Passes, get, policy};
use crate::rows::nothing;

const fn some(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

const FULL: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";

fn idle(config: &Config<Server>) -> Driver {
    let mut driver = Driver::new(config);
    driver.feed(&get("")).respond(StatusCode::OK, Content::Empty);
    driver.out.clear();
    driver.seen.clear();
    driver
}

fn refuse(driver: &mut Driver, status: StatusCode) -> Result<(), SendError> {
    driver.connection.refuse(driver.now, status)
}

fn turn(driver: &Driver) -> Option<Turn> {
    driver.connection.wants().application
}

/// The refusal that is due goes out: `close`, without content, and its stages follow.
#[track_caller]
fn goes_out(driver: &mut Driver, status: StatusCode) {
    assert_eq!(turn(driver), Some(Turn::Refuse(status)));
    driver.refuse();
    let response = driver.response();
    assert_eq!((response.status, response.field("content-length").as_deref()), (status.as_u16(), Some("0")));
    assert!(response.has_option("close"));
    assert_eq!(driver.connection.ended_by(), Some(CloseReason::Refused));
    assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::Refused)));
}

#[test]
fn before_a_head_begins_a_refusal_is_kept_and_nothing_is_sent() {
    for mut driver in [Driver::strict(), idle(&Config::DEFAULT)] {
        refuse(&mut driver, FULL).expect("nothing is answered");
        assert_eq!((turn(&driver), driver.connection.phase()), (None, Phase::Leaving));
        assert_eq!(driver.connection.persistence(), Persistence::Close(CloseReason::Refused));
        // RFC 9112 2.2: an empty line is no request
        driver.feed("\r\n");
        assert_eq!(turn(&driver), None);
        driver.feed("G");
        assert!(driver.seen.is_empty());
        goes_out(&mut driver, FULL);
        // the rest of the request is dropped
        driver.shut().feed("ET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(driver.seen.is_empty() && driver.buffer.is_empty());
    }
}

#[test]
fn a_refusal_that_is_kept_goes_with_the_connection_if_no_request_comes() {
    let first =
        [(DeadlineKind::FirstOctet, CloseReason::FirstOctetTimeout), (DeadlineKind::Idle, CloseReason::IdleTimeout)];
    for (mut driver, (kind, reason)) in [Driver::strict(), idle(&Config::DEFAULT)].into_iter().zip(first) {
        let before = driver.connection.next_deadline();
        refuse(&mut driver, FULL).expect("it is kept");
        let due = driver.connection.next_deadline().expect("it does not wait for ever");
        assert_eq!((Some(due), due.kind), (before, kind));
        driver.now = due.at;
        driver.connection.expire(due.at);
        driver.connection.nothing_to_read(due.at);
        assert_eq!(driver.connection.wants().shut, Some(Shut::Close(reason)));
        assert!(driver.out.is_empty());
    }
}

#[test]
fn a_peer_that_ends_instead_of_asking_is_not_answered() {
    let mut driver = idle(&Config::DEFAULT);
    refuse(&mut driver, FULL).expect("it is kept");
    driver.eof();
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::PeerClosed)));
    assert_eq!(turn(&driver), None);
}

#[test]
fn of_two_that_are_kept_the_later_one_counts() {
    let mut driver = Driver::strict();
    refuse(&mut driver, FULL).expect("it is kept");
    refuse(&mut driver, StatusCode::TOO_MANY_REQUESTS).expect("it takes its place");
    driver.feed("GET");
    goes_out(&mut driver, StatusCode::TOO_MANY_REQUESTS);
}

#[test]
fn a_drain_ends_what_waits_to_be_refused_and_a_lame_duck_does_not() {
    let mut driver = Driver::strict();
    refuse(&mut driver, FULL).expect("it is kept");
    driver.connection.close_after_exchange(driver.now);
    driver.connection.nothing_to_read(driver.now);
    assert!(matches!(driver.connection.wants().shut, Some(Shut::Close(_))));
    let mut driver = Driver::new(&policy(Policy::DEFAULT.with_drain_mode(DrainMode::LameDuck)));
    refuse(&mut driver, FULL).expect("it is kept");
    driver.connection.close_after_exchange(driver.now);
    driver.feed("GET");
    goes_out(&mut driver, FULL);
}

#[test]
fn within_a_request_and_instead_of_its_answer_a_refusal_goes_out_at_once() {
    let begun = ["GET / HTTP/1.1\r\nCookie: x", POST, &format!("{POST}ab"), &get(""), &get("Connection: close\r\n")];
    for octets in begun {
        let mut driver = Driver::strict();
        driver.feed(octets);
        refuse(&mut driver, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE).expect("no response has begun");
        goes_out(&mut driver, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    // one that waits to be asked for its content, and a second one on its connection
    let mut driver = idle(&Config::DEFAULT);
    driver.feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    refuse(&mut driver, StatusCode::EXPECTATION_FAILED).expect("no response has begun");
    goes_out(&mut driver, StatusCode::EXPECTATION_FAILED);
}

#[test]
fn what_can_not_be_refused_says_so_and_stays_as_it_was() {
    let mut driver = Driver::strict();
    for status in [StatusCode::OK, StatusCode::CONTINUE, StatusCode::NOT_MODIFIED] {
        let before = driver.connection.clone();
        assert_eq!(refuse(&mut driver, status), Err(SendError::Misuse(Misuse::Status)));
        assert_eq!(driver.connection, before);
    }
    driver.feed(&get("")).respond(StatusCode::OK, Content::Exact(5));
    assert_eq!(refuse(&mut driver, FULL), Err(SendError::Misuse(Misuse::AlreadyAnswered)));
    // a refusal that is due for another reason stays
    let mut driver = Driver::strict();
    driver.feed("\0");
    assert_eq!(refuse(&mut driver, FULL), Err(SendError::Ended(CloseReason::ProtocolError)));
    assert_eq!(turn(&driver), Some(Turn::Refuse(StatusCode::BAD_REQUEST)));
    driver.refuse();
    assert_eq!(refuse(&mut driver, FULL), Err(SendError::Ended(CloseReason::ProtocolError)));
}

#[test]
fn a_foreign_parser_finds_the_same() {
    let (now, config) = (Instant::from_secs(100), Config::<Server>::DEFAULT);
    let mut lifecycle = Lifecycle::<Server, _>::new(now, &config);
    lifecycle.refuse(now, FULL).expect("it is kept");
    assert_eq!(lifecycle.wants().application, None);
    lifecycle.octets_received(now, 10);
    assert_eq!(lifecycle.wants().application, Some(Turn::Refuse(FULL)));
    let head = HeadFacts::request(Method::new(b"GET"), Version::HTTP_11);
    assert_eq!(lifecycle.head_received(now, &head), Err(ReceiveError::Ended(CloseReason::Refused)));
    let mut out = [0; 300];
    let octets = lifecycle.send_refusal(now, NO_FIELDS, &mut out).expect("it is due");
    assert!(out[..octets].starts_with(b"HTTP/1.1 503 ") && out[..octets].ends_with(b"\r\n\r\n"));
}

// ---- one response

#[test]
fn a_response_ends_its_connection_by_itself_and_nothing_is_cut_for_it() {
    let mut driver = Driver::new(
        &Config::new(Limits::DEFAULT, Timeouts::DEFAULT.with_drain(some(1)), Policy::DEFAULT).expect("it is"),
    );
    driver.feed(&get("Connection: keep-alive\r\n"));
    let closing = Response::new(StatusCode::OK).with_close(true);
    let mut out = [0; 300];
    let head = driver
        .connection
        .send_response(driver.now, closing, NO_FIELDS, Content::Exact(1000), &mut out)
        .expect("it may");
    let text = String::from_utf8_lossy(&out[..head]).into_owned();
    assert!(text.contains("\r\nConnection: close\r\n") && !text.contains("Keep-Alive"), "{text}");
    driver.connection.handle_sent(driver.now, head as u64);
    // an octet in fifty seconds, for hours
    for _ in 0..1000 {
        driver.wait(Duration::from_secs(50));
        assert_eq!(driver.connection.expire(driver.now), None);
        assert_eq!(driver.connection.wants().shut, None);
        driver.content("x");
    }
    assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::CloseSent)));
}

#[test]
fn a_reason_phrase_of_ones_own_is_sent_and_what_none_can_be_is_refused() {
    for (reason, line) in [
        ("Quite Fine", "HTTP/1.1 200 Quite Fine\r\n"),
        ("", "HTTP/1.1 200 \r\n"),
        ("a\tb \u{e9}", "HTTP/1.1 200 a\tb \u{e9}\r\n"),
    ] {
        let mut driver = Driver::strict();
        driver.feed(&get(""));
        let mut out = [0; 300];
        let response = Response::new(StatusCode::OK).with_reason(reason.as_bytes());
        let octets = driver.connection.send_response(driver.now, response, NO_FIELDS, Content::Empty, &mut out);
        assert!(out[..octets.expect("it may")].starts_with(line.as_bytes()), "{line}");
    }
    for reason in [&b"a\r\nX: b"[..], b"\0", b"\x7f", b"\n"] {
        let mut driver = Driver::strict();
        driver.feed(&get(""));
        let before = driver.connection.clone();
        let response = Response::new(StatusCode::OK).with_reason(reason);
        let sent = driver.connection.send_response(driver.now, response, NO_FIELDS, Content::Empty, &mut [0; 300]);
        assert_eq!(sent, Err(SendError::Misuse(Misuse::StatusLine)));
        assert_eq!(driver.connection, before);
    }
}

#[test]
fn a_response_as_http10_says_nothing_that_http10_does_not_know() {
    let send = |request: &str, status, content| {
        let mut driver = Driver::strict();
        driver.feed(request);
        let response = Response::new(status).with_version(Version::HTTP_10);
        let mut out = [0; 300];
        let sent = driver.connection.send_response(driver.now, response, [("Upgrade", "x")], content, &mut out)?;
        Ok::<_, SendError>((String::from_utf8_lossy(&out[..sent]).into_owned(), driver))
    };
    // it stays, and says so (RFC 9112 9.3)
    let (head, driver) = send(&get(""), StatusCode::OK, Content::Exact(0)).expect("it may");
    assert!(head.starts_with("HTTP/1.0 200 OK\r\n") && head.contains("keep-alive"), "{head}");
    assert!(driver.connection.is_idle());
    // the end of unknown content is that of the connection (RFC 9112 6.1)
    let (head, driver) = send(&get(""), StatusCode::OK, Content::Unknown).expect("it may");
    assert!(head.contains("close") && !head.contains("chunked"), "{head}");
    assert_eq!(driver.connection.persistence(), Persistence::Close(CloseReason::UntilClose));
    // and no protocol is switched to
    let upgrade = get("Connection: upgrade\r\nUpgrade: x\r\n");
    let switched = send(&upgrade, StatusCode::SWITCHING_PROTOCOLS, Content::Empty);
    assert_eq!(switched.err(), Some(SendError::Misuse(Misuse::StatusLine)));
}

// ---- the application

/// A server whose application has ten seconds, and is answered for if policy has it so.
fn hurried(answers: Use) -> Config<Server> {
    let policy = Policy::DEFAULT.with_application_timeout_response(answers);
    let timeouts = nothing().with_application(some(10)).with_linger(some(30)).with_linger_gap(some(5));
    Config::new(Limits::DEFAULT, timeouts, policy).expect("within bounds")
}

#[test]
fn a_late_application_is_answered_for_by_policy_and_told_that_it_is_late() {
    let mut driver = Driver::new(&hurried(Use::On));
    driver.feed(&get("")).wait(Duration::from_secs(10));
    assert_eq!(driver.connection.expire(driver.now).map(|due| due.kind), Some(DeadlineKind::Application));
    assert_eq!(turn(&driver), Some(Turn::Refuse(FULL)));
    driver.refuse();
    assert!(driver.response().has_option("close"));
    assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::ApplicationTimeout)));
    let late = driver.try_respond(StatusCode::OK, NO_FIELDS, Content::Empty);
    assert_eq!(late, Err(SendError::Ended(CloseReason::ApplicationTimeout)));
    // silence without the policy
    let mut driver = Driver::new(&hurried(Use::Off));
    driver.feed(&get("")).wait(Duration::from_secs(10));
    driver.connection.expire(driver.now);
    assert_eq!(
        (turn(&driver), driver.connection.wants().shut),
        (None, Some(Shut::Close(CloseReason::ApplicationTimeout)))
    );
}

#[test]
fn an_answer_that_waits_to_leave_is_not_lost_with_the_next_application() {
    let mut driver = Driver::new(&hurried(Use::Off));
    driver.feed(&(get("") + &get("")));
    let first = driver.hand_out(100);
    driver.feed("");
    assert_eq!(turn(&driver), Some(Turn::Respond));
    driver.wait(Duration::from_secs(10));
    driver.connection.expire(driver.now);
    // what has been handed out leaves first
    assert_eq!((driver.connection.wants().flush, driver.connection.wants().shut), (true, None));
    driver.connection.handle_sent(driver.now, first);
    assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::ApplicationTimeout)));
}

#[test]
fn a_lost_application_is_500_or_its_response_is_cut_so_that_it_does_not_pass_for_whole() {
    let gone = |driver: &mut Driver| driver.connection.application_gone(driver.now);
    let mut driver = Driver::strict();
    assert_eq!(gone(&mut driver), Err(SendError::Misuse(Misuse::NothingToAnswer)));
    driver.feed(POST);
    assert_eq!(gone(&mut driver), Ok(()));
    assert_eq!(turn(&driver), Some(Turn::Refuse(StatusCode::INTERNAL_SERVER_ERROR)));
    assert_eq!(gone(&mut driver), Ok(()));
    driver.refuse();
    assert!(driver.response().has_option("close"));
    assert_eq!(driver.connection.ended_by(), Some(CloseReason::ApplicationGone));
    for (content, shut) in [
        (Content::Exact(5), Shut::Close(CloseReason::ApplicationGone)),
        (Content::Unknown, Shut::Close(CloseReason::ApplicationGone)),
        (Content::UntilClose, Shut::Reset(CloseReason::ApplicationGone)),
    ] {
        let mut driver = Driver::strict();
        driver.feed(&get("")).respond(StatusCode::OK, content).content("abc");
        assert_eq!(gone(&mut driver), Ok(()));
        assert_eq!(driver.connection.wants().shut, Some(shut));
    }
    // a response that is complete needs nobody; what was read after it is dropped
    let mut driver = Driver::strict();
    driver.feed(POST);
    driver.connection.content_use(driver.now, http_keepalive::ContentUse::Reading).expect("it is to come");
    driver.respond(StatusCode::OK, Content::Empty);
    assert_eq!(gone(&mut driver), Ok(()));
    driver.feed("12345");
    assert!(driver.connection.is_idle());
}
