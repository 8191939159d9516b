//! An application that takes no content for a while: its peer is not blamed for it, and nobody else is either.

use std::time::Duration;

use http_keepalive::*;

const START: Instant = Instant::from_secs(1000);

fn at(millis: u64) -> Instant {
    START + Duration::from_millis(millis)
}

/// When the deadline of this kind is due, if it is armed.
fn due(lifecycle: &Lifecycle<Server, &Config<Server>>, kind: DeadlineKind) -> Option<Instant> {
    lifecycle.deadlines().find(|cause| cause.deadline.kind == kind).map(|cause| cause.deadline.at)
}

/// Of a server that was told of a POST with five octets of content.
fn posted<'a>(fields: &[(&str, &str)], config: &'a Config<Server>) -> Lifecycle<Server, &'a Config<Server>> {
    let mut lifecycle = Lifecycle::new(START, config);
    let mut head = HeadFacts::request(Method::new(b"POST"), Version::HTTP_11);
    for (name, value) in [("Host", "a"), ("Content-Length", "5")].iter().chain(fields) {
        head.field_line(name.as_bytes(), value.as_bytes());
    }
    lifecycle.head_received(START, &head).expect("well formed");
    lifecycle
}

#[test]
fn content_that_is_told_within_a_pause_takes_none_of_it_back() {
    let mut lifecycle = posted(&[], &Config::DEFAULT);
    lifecycle.content_use(at(1000), ContentUse::Paused).expect("content comes");
    lifecycle.content_received(at(31_000), 2).expect("it had been read");
    lifecycle.content_use(at(61_000), ContentUse::Reading).expect("content comes");
    // twenty seconds, and two octets at 500 a second; the pause was a minute
    assert_eq!(due(&lifecycle, DeadlineKind::ContentRate), Some(at(80_004)));
}

#[test]
fn a_pause_does_not_lengthen_the_time_of_who_closed_its_side() {
    let mut connection = Connection::<Server>::new(START, &Config::DEFAULT);
    let (offer, mut out) = (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde", [0; 256]);
    let received = connection.receive(START, offer).expect("well formed");
    assert_eq!(received.consumed, offer.len() - 5);
    connection.receive_eof(START, Eof::Clean).expect("what it sent is there");
    connection.content_use(START, ContentUse::Paused).expect("content comes");
    connection.send_response(START, StatusCode::OK, NO_FIELDS, Content::Exact(5), &mut out).expect("it is due");
    connection.handle_sent(at(50_000), connection.octets_pending());
    assert_eq!(due(connection.lifecycle(), DeadlineKind::HalfClosed), Some(at(110_000)));
    connection.content_use(at(50_000), ContentUse::Reading).expect("content comes");
    assert_eq!(due(connection.lifecycle(), DeadlineKind::HalfClosed), Some(at(110_000)));
}

#[test]
fn after_the_response_undecided_is_dropped() {
    let mut lifecycle = posted(&[], &Config::DEFAULT);
    lifecycle.content_use(START, ContentUse::Reading).expect("content comes");
    lifecycle.head_to_send(START, StatusCode::OK, Content::Empty).expect("it is due");
    lifecycle.content_use(START, ContentUse::Undecided).expect("content comes");
    let reads = lifecycle.content_use(START, ContentUse::Reading);
    assert_eq!(reads, Err(ReceiveError::Misuse(Misuse::ContentNotExpected)), "it is dropped");
    lifecycle.content_received(START, 5).expect("it is walked over");
    assert!(lifecycle.is_idle());
}

#[test]
fn content_that_nobody_asked_for_is_not_to_be_taken_in_time() {
    let timeouts = Timeouts::DEFAULT.with_application(Some(Duration::from_secs(20)));
    let config = Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds");
    let mut lifecycle = posted(&[("Expect", "100-continue")], &config);
    lifecycle.content_use(START, ContentUse::Paused).expect("content comes");
    assert_eq!(due(&lifecycle, DeadlineKind::Application), None);
    lifecycle.head_to_send(at(30_000), StatusCode::OK, Content::Exact(5)).expect("it is due");
    assert_eq!(due(&lifecycle, DeadlineKind::Application), None, "it has not asked for it now either");
    let mut asks = posted(&[("Expect", "100-continue")], &config);
    asks.content_use(START, ContentUse::Paused).expect("content comes");
    asks.interim_to_send(at(30_000), StatusCode::CONTINUE).expect("it is waited for");
    assert_eq!(due(&asks, DeadlineKind::Application), Some(at(50_000)));
}
