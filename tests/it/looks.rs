//! A deadline that accuses the peer takes effect only after a look at the transport: nothing that had arrived is punished.
//!
//! Each case is a process that was away: a deadline passed long ago, and what the peer did meanwhile lies in the socket.

use std::time::Duration;

use http_keepalive::{
    BodyLength, CloseReason, Config, Content, DeadlineKind, Instant, Lifecycle, Limits, Policy, ReadWant, Server, Shut,
    StatusCode, Timeouts, Turn,
};

use crate::common::client::{Asker, answer, with_timeouts};
use crate::common::{Driver, Seen, get};
use crate::rows::{nothing, server};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const fn some(seconds: u64) -> Option<Duration> {
    Some(secs(seconds))
}

const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n";

/// This deadline passes, and a look is asked for that does not wait; nothing else follows.
#[track_caller]
fn passes(driver: &mut Driver, kind: DeadlineKind) {
    let passed = driver.connection.handle_timeout(driver.now);
    assert_eq!(passed.map(|deadline| deadline.kind), Some(kind));
    assert_eq!(driver.connection.handle_timeout(driver.now), None, "it passes once");
    let wants = driver.connection.wants();
    assert_eq!((wants.shut, wants.read == ReadWant::LookOnce || wants.flush_once), (None, true), "{wants:?}");
    assert!(!matches!(wants.application, Some(Turn::Refuse(_))));
    // where nobody looks it is over a second later
    let armed = driver.connection.deadlines().find(|cause| cause.deadline.kind == kind).map(|cause| cause.deadline.at);
    assert_eq!(armed, Some(driver.now + secs(1)));
}

/// What is due next, so long from now.
#[track_caller]
fn due(driver: &Driver, kind: DeadlineKind, after: Duration) {
    let next = driver.connection.next_deadline().map(|next| (next.kind, next.at.saturating_duration_since(driver.now)));
    assert_eq!(next, Some((kind, after)));
}

fn refused(driver: &mut Driver) -> bool {
    driver.connection.nothing_to_read(driver.now);
    driver.connection.wants().application == Some(Turn::Refuse(StatusCode::REQUEST_TIMEOUT))
}

#[test]
fn a_head_that_lay_in_the_socket_is_served() {
    let mut driver = server(nothing().with_head(some(10)));
    driver.feed("GET / HT").wait(secs(100));
    passes(&mut driver, DeadlineKind::Head);
    driver.feed("TP/1.1\r\nHost: a\r\n\r\n");
    assert!(matches!(driver.seen[..], [Seen::Request(_), Seen::End(_)]), "{:?}", driver.seen);
    assert_eq!(driver.connection.wants().application, Some(Turn::Respond));
    assert_eq!(driver.connection.next_deadline(), None);
}

#[test]
fn a_head_that_the_look_does_not_complete_has_a_grace_as_long_as_the_look_was_late_and_one_term_at_most() {
    for (late, grace) in [(3, 3), (10, 10), (90, 10)] {
        let mut driver = server(nothing().with_head(some(10)));
        driver.feed("GET / HT").wait(secs(10 + late));
        passes(&mut driver, DeadlineKind::Head);
        driver.feed("TP");
        assert_eq!(driver.connection.wants().read, ReadWant::Octets);
        due(&driver, DeadlineKind::Head, secs(grace));
        driver.wait(secs(grace));
        passes(&mut driver, DeadlineKind::Head);
        assert!(refused(&mut driver), "late by {late} s");
    }
}

#[test]
fn the_graces_of_one_head_are_one_term_together_and_the_next_head_has_its_own() {
    let mut driver = server(nothing().with_head(some(10)));
    let mut octets = get("").chars().map(String::from).collect::<Vec<_>>().into_iter();
    driver.feed(&octets.next().expect("a head has octets"));
    let began = driver.now;
    let mut granted = Duration::ZERO;
    // each look is late by three seconds, and finds one octet
    loop {
        let due = driver.connection.next_deadline().expect("a head is bounded").at;
        driver.now = due + secs(3);
        if driver.connection.handle_timeout(driver.now).is_none()
            || driver.connection.wants().read != ReadWant::LookOnce
        {
            break;
        }
        driver.feed(&octets.next().expect("it is cut before its end"));
        match driver.connection.next_deadline() {
            Some(next) if next.at > driver.now => granted += next.at.saturating_duration_since(driver.now),
            _ => {
                // nothing more is granted: it takes effect without another look
                assert_eq!(driver.connection.handle_timeout(driver.now).map(|due| due.kind), Some(DeadlineKind::Head));
                break;
            }
        }
    }
    assert_eq!(driver.connection.wants().application, Some(Turn::Refuse(StatusCode::REQUEST_TIMEOUT)));
    assert!(granted <= secs(10) && granted > secs(9), "{granted:?}");
    assert!(driver.now.saturating_duration_since(began) <= secs(10 + 10 + 5 * 3), "{:?}", driver.now);

    let mut driver = server(nothing().with_head(some(10)));
    driver.feed("G").wait(secs(99));
    passes(&mut driver, DeadlineKind::Head);
    driver.feed(&get("")[1..]).respond(StatusCode::OK, Content::Empty).wait(secs(5)).feed("G");
    due(&driver, DeadlineKind::Head, secs(10));
    driver.wait(secs(99));
    passes(&mut driver, DeadlineKind::Head);
    driver.feed("E");
    due(&driver, DeadlineKind::Head, secs(10));
}

#[test]
fn what_keeps_its_rate_is_looked_for_however_often_the_process_stops() {
    // ten octets a second, and a minute of them in the socket at each look
    let minute = "x".repeat(600);
    let timeouts = nothing().with_head(some(5)).with_head_rate(Some(10)).with_head_cap(some(10_000));
    let mut head = server(timeouts);
    head.feed("GET / HTTP/1.1\r\nHost: a\r\nX: ");
    let timeouts = nothing().with_content_gap(some(5)).with_content_rate(Some(10));
    let mut content = server(timeouts);
    content.feed(&crate::common::chunked(""));
    for round in 0..9 {
        head.wait(secs(60));
        passes(&mut head, DeadlineKind::Head);
        head.feed(&minute);
        content.wait(secs(60));
        let passed = content.connection.handle_timeout(content.now).map(|deadline| deadline.kind);
        assert!(matches!(passed, Some(DeadlineKind::ContentGap | DeadlineKind::ContentRate)), "{passed:?}");
        assert_eq!(content.connection.wants().read, ReadWant::LookOnce);
        // its rate is due before its gap, once a little less than a minute of it came
        match round {
            0 => content.feed("24e\r\n").feed(&minute[..590]).feed("\r\n"),
            _ => content.feed("258\r\n").feed(&minute).feed("\r\n"),
        };
        assert!(content.connection.next_deadline().is_some_and(|next| next.at > content.now));
    }
    head.wait(secs(60));
    passes(&mut head, DeadlineKind::Head);
    head.feed("\r\n\r\n");
    assert!(matches!(head.seen[..], [Seen::Request(_), Seen::End(_)]), "{:?}", head.seen);
    // and one that stops is cut
    content.wait(secs(60));
    while content.connection.handle_timeout(content.now).is_some() {
        content.connection.nothing_to_read(content.now);
    }
    assert_eq!(content.connection.wants().application, Some(Turn::Refuse(StatusCode::REQUEST_TIMEOUT)));
}

#[test]
fn what_looks_have_granted_is_counted_exactly() {
    let mut driver = server(nothing().with_head(some(10)));
    driver.feed("G");
    // each look comes so late; ten seconds are granted in all
    for (late, grace) in [(3, 3), (2, 2), (20, 5)] {
        let due = driver.connection.next_deadline().expect("a head is bounded").at;
        driver.now = due + secs(late);
        passes(&mut driver, DeadlineKind::Head);
        driver.feed("G");
        let next = driver.connection.next_deadline().expect("it is granted").at.saturating_duration_since(driver.now);
        let less = secs(grace) - next;
        assert!(less <= Duration::from_micros(500), "{less:?}");
    }
}

#[test]
fn content_that_lay_in_the_socket_is_taken_and_the_gap_counts_anew_from_the_look() {
    let mut driver = server(nothing().with_content_gap(some(5)));
    driver.feed(POST).feed("01234").wait(secs(60));
    passes(&mut driver, DeadlineKind::ContentGap);
    driver.feed("5");
    due(&driver, DeadlineKind::ContentGap, secs(5));
    driver.feed("6789");
    assert!(matches!(driver.seen[..], [Seen::Request(_), Seen::Content(_), Seen::End(_)]));
    assert_eq!(driver.connection.next_deadline(), None);
}

#[test]
fn octets_of_framing_that_the_look_finds_begin_the_gap_anew() {
    let mut driver = server(nothing().with_content_gap(some(5)));
    driver.feed(&crate::common::chunked("5\r\nhello\r\n")).wait(secs(60));
    passes(&mut driver, DeadlineKind::ContentGap);
    driver.feed("1");
    due(&driver, DeadlineKind::ContentGap, secs(5));
    // what had been offered before is nothing that a look finds
    driver.wait(secs(5));
    passes(&mut driver, DeadlineKind::ContentGap);
    let unread = driver.buffer.len();
    driver.pump(unread);
    assert!(refused(&mut driver));
}

#[test]
fn the_rate_of_content_has_a_grace_of_the_gap_at_most() {
    let mut driver = server(nothing().with_content_gap(some(5)).with_content_rate(Some(10)));
    driver.feed(POST).feed("01234").wait(Duration::from_millis(5_500) + secs(1));
    passes(&mut driver, DeadlineKind::ContentGap);
    driver.feed("5");
    // it was due at 5.5 s, and is at 5.6 s by what came: the grace is what the look was late
    due(&driver, DeadlineKind::ContentRate, secs(1));
}

#[test]
fn the_end_of_the_peer_that_a_look_finds_is_no_timeout() {
    let mut driver = server(nothing().with_content_gap(some(5)));
    driver.feed(POST).wait(secs(60));
    passes(&mut driver, DeadlineKind::ContentGap);
    driver.eof();
    assert!(matches!(driver.seen[..], [Seen::Request(_), Seen::Error(..)]));
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::Incomplete)));

    let mut asker = Asker::knowing(&with_timeouts(nothing().with_content_gap(some(5))));
    asker.ask("GET").feed("HTTP/1.1 200 OK\r\n\r\nhello").wait(secs(60));
    assert_eq!(asker.connection.handle_timeout(asker.now).map(|due| due.kind), Some(DeadlineKind::ContentGap));
    asker.eof();
    assert_eq!(asker.exchanges(), [(200, "hello".into())], "until-close content is whole");
}

#[test]
fn a_response_that_lay_in_the_socket_is_read() {
    let config = with_timeouts(nothing().with_response(some(5)));
    let mut asker = Asker::knowing(&config);
    asker.ask("POST").wait(secs(100));
    assert_eq!(asker.connection.handle_timeout(asker.now).map(|due| due.kind), Some(DeadlineKind::Response));
    assert_eq!(asker.connection.wants().read, ReadWant::LookOnce);
    asker.feed("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(asker.exchanges(), [(200, "ok".into())]);
    assert_eq!(asker.connection.unanswered().count(), 0);
    // an octet of any kind begins the wait anew
    let mut asker = Asker::knowing(&config);
    asker.ask("POST").wait(secs(100));
    asker.connection.handle_timeout(asker.now);
    asker.feed(&answer("103 Early Hints", ""));
    asker.assert_due(DeadlineKind::Response, secs(5));
    asker.assert_closes(CloseReason::ResponseTimeout);
}

#[test]
fn a_wait_that_began_anew_goes_on_while_later_requests_leave() {
    let config = with_timeouts(nothing().with_response(some(5)));
    // the first request of a connection, and one that waited for another's response
    for before in [0, 1] {
        let mut asker = Asker::knowing(&config);
        asker.ask("GET");
        for _ in 0..before {
            asker.ask("GET");
            asker.feed("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
        asker.wait(secs(100));
        assert_eq!(asker.connection.handle_timeout(asker.now).map(|due| due.kind), Some(DeadlineKind::Response));
        asker.feed(&answer("103 Early Hints", "")).wait(secs(1));
        asker.ask("GET");
        assert_eq!(asker.connection.unanswered().count(), 2, "{before}");
        asker.assert_due(DeadlineKind::Response, secs(4));
    }
}

#[test]
fn a_stall_is_believed_after_another_try_to_write() {
    let mut driver = server(nothing().with_write_stall(some(5)));
    driver.feed(&get(""));
    let head = driver.hand_out_head(Content::Exact(100));
    driver.wait(secs(60));
    passes(&mut driver, DeadlineKind::WriteStall);
    let wants = driver.connection.wants();
    assert!(wants.flush && wants.flush_once && wants.read == ReadWant::EofOnly, "{wants:?}");
    driver.connection.handle_sent(driver.now, 1);
    assert!(!driver.connection.wants().flush_once);
    due(&driver, DeadlineKind::WriteStall, secs(5));
    driver.wait(secs(5));
    passes(&mut driver, DeadlineKind::WriteStall);
    driver.connection.handle_sent(driver.now, 0);
    assert_eq!(driver.connection.wants().shut, Some(Shut::Reset(CloseReason::WriteStall)));
    assert_eq!(driver.connection.octets_pending(), head - 1);
}

#[test]
fn a_try_that_writes_something_gives_the_rate_a_grace_and_one_term_at_most() {
    let mut driver = server(nothing().with_write_stall(some(5)).with_send_rate(Some(1_000_000)));
    driver.feed(&get(""));
    driver.hand_out_head(Content::Exact(100));
    driver.wait(secs(7));
    passes(&mut driver, DeadlineKind::WriteStall);
    driver.connection.handle_sent(driver.now, 1);
    // both were due at 5 s: two seconds late
    due(&driver, DeadlineKind::SendRate, secs(2));
    driver.wait(secs(2) + secs(90));
    passes(&mut driver, DeadlineKind::SendRate);
    driver.connection.handle_sent(driver.now, 1);
    let left = driver.connection.next_deadline().expect("it is bounded").at.saturating_duration_since(driver.now);
    assert!(left <= secs(3) && left > Duration::from_millis(2_900), "the rest of the term: {left:?}");
    driver.wait(left + secs(1));
    passes(&mut driver, DeadlineKind::SendRate);
    driver.connection.handle_sent(driver.now, 1);
    assert_eq!(driver.connection.handle_timeout(driver.now).map(|due| due.kind), Some(DeadlineKind::SendRate));
    assert_eq!(driver.connection.wants().shut, Some(Shut::Reset(CloseReason::SendRate)), "without another look");
}

#[test]
fn the_wait_after_our_half_close_goes_on_with_a_peer_that_was_sending() {
    let mut driver = server(nothing().with_linger(some(30)).with_linger_gap(some(2)));
    driver.feed(&get("Connection: close\r\n")).respond(StatusCode::OK, Content::Empty).shut();
    driver.wait(secs(50));
    passes(&mut driver, DeadlineKind::LingerGap);
    driver.feed("zzzz");
    due(&driver, DeadlineKind::LingerGap, secs(2));
    driver.wait(secs(1));
    driver.feed("z").wait(secs(1)).feed("z").wait(secs(1));
    driver.eof();
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::CloseReceived)));
}

#[test]
fn one_look_answers_for_both_sides_only_what_it_found() {
    // a response under way, and content of its request still to come: both stopped, and only what we read had arrived
    let mut driver = server(nothing().with_content_gap(some(5)).with_write_stall(some(6)));
    driver.feed(POST);
    driver.hand_out_head(Content::Exact(100));
    driver.wait(secs(60));
    passes(&mut driver, DeadlineKind::ContentGap);
    driver.feed("01234");
    passes(&mut driver, DeadlineKind::WriteStall);
    driver.connection.handle_sent(driver.now, 0);
    assert_eq!(driver.connection.wants().shut, Some(Shut::Reset(CloseReason::WriteStall)));
}

#[test]
fn deadlines_that_accuse_nobody_take_no_look() {
    let mut driver = server(nothing().with_application(some(5)));
    driver.feed(&get("")).wait(secs(60));
    driver.connection.handle_timeout(driver.now);
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::ApplicationTimeout)));
    for (timeouts, reason) in [
        (nothing().with_exchange(some(5)), CloseReason::ExchangeTimeout),
        (nothing().with_drain(some(5)), CloseReason::DrainTimeout),
    ] {
        let mut driver = server(timeouts);
        driver.feed(POST);
        driver.connection.close_after_exchange(driver.now);
        driver.wait(secs(60));
        driver.connection.handle_timeout(driver.now);
        assert_eq!(driver.connection.wants().shut, Some(Shut::Close(reason)));
    }
}

#[test]
fn while_a_look_is_waited_for_the_hard_deadlines_go_on() {
    let mut driver = server(nothing().with_content_gap(some(5)).with_exchange(Some(Duration::from_millis(6_500))));
    driver.feed(POST).wait(secs(6));
    passes(&mut driver, DeadlineKind::ContentGap);
    let exchange = driver.connection.deadlines().find(|cause| cause.deadline.kind == DeadlineKind::Exchange);
    assert_eq!(exchange.map(|cause| cause.deadline.at), Some(driver.now + Duration::from_millis(500)));
    driver.wait(Duration::from_millis(500));
    driver.connection.handle_timeout(driver.now);
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::ExchangeTimeout)));
    // the look is over with it
    driver.connection.nothing_to_read(driver.now);
    assert_eq!(driver.connection.lifecycle().close_reasons().collect::<Vec<_>>(), [CloseReason::ExchangeTimeout]);
}

#[test]
fn what_no_longer_holds_when_the_look_is_over_takes_no_effect() {
    let mut driver = server(nothing().with_content_gap(some(5)));
    driver.feed(POST).wait(secs(60));
    passes(&mut driver, DeadlineKind::ContentGap);
    driver.connection.content_use(driver.now, http_keepalive::ContentUse::Paused).expect("content comes");
    driver.connection.nothing_to_read(driver.now);
    assert_eq!(driver.connection.wants().application, Some(Turn::Respond));
    assert!(driver.connection.lifecycle().close_reasons().next().is_none());
}

#[test]
fn a_driver_that_does_not_know_of_looks_is_asked_twice_and_does_not_wait_for_ever() {
    let mut driver = server(nothing().with_head(some(10)));
    driver.feed("GET / HT").wait(secs(10));
    passes(&mut driver, DeadlineKind::Head);
    due(&driver, DeadlineKind::Head, secs(1));
    driver.wait(secs(1));
    // it may have been stopped since: it is asked again, and what has come is served
    passes(&mut driver, DeadlineKind::Head);
    let mut served = driver.connection.clone();
    let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert!(served.receive(driver.now, head).is_ok() && served.wants().application == Some(Turn::Respond));
    driver.wait(secs(1));
    assert_eq!(driver.connection.handle_timeout(driver.now).map(|due| due.kind), Some(DeadlineKind::Head));
    assert_eq!(driver.connection.wants().application, Some(Turn::Refuse(StatusCode::REQUEST_TIMEOUT)));

    let mut driver = server(nothing().with_write_stall(some(5)));
    driver.feed(&get(""));
    driver.hand_out_head(Content::Empty);
    driver.wait(secs(5));
    passes(&mut driver, DeadlineKind::WriteStall);
    driver.wait(secs(1));
    while driver.connection.handle_timeout(driver.now).is_some() {}
    driver.wait(secs(1));
    while driver.connection.handle_timeout(driver.now).is_some() {}
    assert_eq!(driver.connection.wants().shut, Some(Shut::Reset(CloseReason::WriteStall)));

    let mut driver = server(nothing().with_idle(some(5)));
    driver.feed(&get("")).respond(StatusCode::OK, Content::Empty).wait(secs(5));
    passes(&mut driver, DeadlineKind::Idle);
    driver.wait(secs(1));
    while driver.connection.handle_timeout(driver.now).is_some() {}
    driver.wait(secs(1));
    while driver.connection.handle_timeout(driver.now).is_some() {}
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::IdleTimeout)));
}

#[test]
fn a_client_that_has_idled_too_long_looks_for_nothing() {
    let mut asker = Asker::knowing(&with_timeouts(nothing().with_idle(some(5))));
    asker.ask("GET").feed(&crate::common::client::ok("")).wait(secs(60));
    asker.connection.handle_timeout(asker.now);
    asker.assert_closes(CloseReason::IdleTimeout);
}

/// The same for who brings a parser of their own.
#[test]
fn a_lifecycle_looks_too() {
    let config = Config::<Server>::new(
        Limits::DEFAULT,
        Timeouts::DEFAULT.with_head(some(10)).with_head_rate(None).with_head_cap(some(10)),
        Policy::DEFAULT,
    )
    .expect("within bounds");
    let (begin, late) = (Instant::from_secs(1), Instant::from_secs(31));
    let begun = || {
        let mut lifecycle = Lifecycle::<Server, _>::new(begin, &config);
        lifecycle.octets_received(begin, 20);
        assert_eq!(lifecycle.handle_timeout(late).map(|due| due.kind), Some(DeadlineKind::Head));
        assert_eq!(lifecycle.wants().read, ReadWant::LookOnce);
        lifecycle
    };
    let mut lifecycle = begun();
    lifecycle.nothing_to_read(late);
    assert_eq!(lifecycle.wants().application, Some(Turn::Refuse(StatusCode::REQUEST_TIMEOUT)));
    let mut lifecycle = begun();
    lifecycle.octets_received(late, 3);
    assert_eq!(lifecycle.next_deadline().map(|due| due.at), Some(late + secs(10)));
    let mut head =
        http_keepalive::HeadFacts::request(http_keepalive::Method::new(b"GET"), http_keepalive::Version::HTTP_11);
    head.field_line(b"Host", b"a");
    let mut lifecycle = begun();
    assert_eq!(lifecycle.head_received(late, &head).expect("a request").length, BodyLength::Empty);
    assert_eq!(lifecycle.wants().application, Some(Turn::Respond));
}

#[test]
fn what_comes_after_the_last_grace_is_looked_for_all_the_same() {
    // the whole term has been granted, and what the look found was not enough by its rate
    let mut driver = server(nothing().with_content_gap(some(5)).with_content_rate(Some(10)));
    driver.feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n").wait(secs(90));
    passes(&mut driver, DeadlineKind::ContentGap);
    driver.feed("0");
    driver.wait(secs(5));
    passes(&mut driver, DeadlineKind::ContentGap);
    // much has come by now: it is in time again, and when that is over it is looked for again
    driver.feed(&"x".repeat(950));
    assert_eq!(driver.connection.wants().read, ReadWant::Octets);
    driver.wait(secs(60));
    passes(&mut driver, DeadlineKind::ContentGap);
    driver.feed(&"x".repeat(49));
    assert!(matches!(driver.seen.last(), Some(Seen::End(_))));

    let mut driver = server(nothing().with_write_stall(some(5)).with_send_rate(Some(10)));
    driver.feed(&get(""));
    let octets = driver.hand_out(1000);
    for _ in 0..2 {
        driver.now = driver.connection.next_deadline().expect("it is bounded").at + secs(90);
        assert!(driver.connection.handle_timeout(driver.now).is_some());
        assert!(driver.connection.wants().flush_once);
        driver.connection.handle_sent(driver.now, 1);
    }
    // nothing is granted any more; but enough leaves before it takes effect
    driver.connection.handle_sent(driver.now, 94 * 10 + 1);
    driver.now = driver.connection.next_deadline().expect("it is bounded").at;
    assert!(driver.connection.handle_timeout(driver.now).is_some());
    assert!(driver.connection.wants().flush_once);
    driver.connection.handle_sent(driver.now, octets - 943);
    assert!(driver.connection.wants().shut.is_none() && !driver.connection.wants().flush_once);
}
