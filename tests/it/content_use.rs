//! What the application does with content is said, and not guessed: back-pressure is not the peer's fault, and what will be read is not unread.

use std::time::Duration;

use http_keepalive::{
    CloseReason, Content, ContentUse, DeadlineKind, Limits, NO_FIELDS, Outcome, Party, PauseReason, Phase, Policy,
    ReadWant, Shut, StatusCode, Timeouts, Turn, Use,
};

use crate::common::client::{Asker, answer, ok, with_limits, with_timeouts};
use crate::common::{Driver, Passes, Seen, chunked, get, limits};
use crate::rows::{nothing, server};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const fn some(seconds: u64) -> Option<Duration> {
    Some(secs(seconds))
}

fn post(octets: u64) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {octets}\r\n\r\n")
}

#[track_caller]
fn say(driver: &mut Driver, said: ContentUse) {
    driver.connection.content_use(driver.now, said).expect("content comes");
}

fn is_idle(driver: &Driver) -> bool {
    driver.connection.is_idle() && driver.connection.lifecycle().close_reasons().next().is_none()
}

#[test]
fn while_the_application_pauses_no_clock_accuses_the_peer() {
    let mut driver = server(nothing().with_content_gap(some(5)).with_content_rate(Some(10)));
    driver.feed(&post(100)).feed("01234");
    say(&mut driver, ContentUse::Paused);
    let wants = driver.connection.wants();
    assert_eq!((wants.read, wants.take_content, wants.owed_by()), (ReadWant::EofOnly, true, Party::Application));
    assert_eq!(driver.connection.next_deadline(), None);
    driver.wait(secs(3600));
    assert_eq!(driver.connection.expire(driver.now), None);
    say(&mut driver, ContentUse::Reading);
    assert!(!driver.connection.wants().take_content);
    let next = driver.connection.next_deadline().expect("it is the peer's turn");
    assert_eq!((next.kind, next.at), (DeadlineKind::ContentGap, driver.now + secs(5)));
}

#[test]
fn octets_that_come_in_a_pause_wait_and_the_end_after_them() {
    let mut driver = server(nothing());
    driver.feed(&post(4));
    say(&mut driver, ContentUse::Paused);
    driver.feed("abcd");
    assert_eq!((driver.paused, driver.buffer.len()), (Some(PauseReason::ContentPaused), 4));
    driver.eof();
    assert!(matches!(driver.seen[..], [Seen::Request(_)]), "{:?}", driver.seen);
    assert_eq!((driver.connection.wants().read, driver.connection.wants().take_content), (ReadWant::No, true));
    say(&mut driver, ContentUse::Reading);
    assert_eq!(driver.connection.wants().read, ReadWant::Offer);
    driver.pump(4);
    assert!(
        matches!(&driver.seen[1..], [Seen::Content(octets), Seen::End(_)] if octets == "abcd"),
        "{:?}",
        driver.seen
    );
}

#[test]
fn the_peers_end_is_seen_in_a_pause() {
    let mut driver = server(nothing());
    driver.feed(&post(4));
    say(&mut driver, ContentUse::Paused);
    driver.eof();
    assert!(matches!(driver.seen[..], [Seen::Request(_), Seen::Error(..)]), "nothing of it was in our buffer");
    let mut asker = Asker::knowing(&with_timeouts(nothing()));
    asker.ask("GET").feed("HTTP/1.1 200 OK\r\n\r\nabc");
    asker.connection.content_use(asker.now, ContentUse::Paused).expect("content comes");
    asker.eof();
    assert_eq!(asker.exchanges(), [(200, "abc".into())]);
}

#[test]
fn the_answer_owed_to_a_peer_that_ended_is_not_put_off_by_a_pause() {
    let mut driver = server(nothing().with_half_closed(some(60)));
    driver.feed(&post(4));
    say(&mut driver, ContentUse::Paused);
    driver.wait(secs(5)).feed("abcd").eof();
    let due = driver.now + secs(60);
    driver.wait(secs(10));
    say(&mut driver, ContentUse::Reading);
    for _ in 0..2 {
        let next = driver.connection.next_deadline().expect("an answer is owed");
        assert_eq!((next.kind, next.at), (DeadlineKind::HalfClosed, due));
        driver.pump(4);
    }
    assert_eq!(driver.connection.phase(), Phase::Waiting);
}

#[test]
fn exchange_and_drain_run_on_in_a_pause() {
    for (timeouts, reason) in [
        (nothing().with_exchange(some(9)), CloseReason::ExchangeTimeout),
        (nothing().with_drain(some(9)), CloseReason::DrainTimeout),
    ] {
        let mut driver = server(timeouts);
        driver.feed(&post(4));
        driver.connection.close_after_exchange(driver.now);
        say(&mut driver, ContentUse::Paused);
        driver.wait(secs(9));
        assert!(driver.connection.expire(driver.now).is_some());
        assert_eq!(driver.connection.wants().shut, Some(Shut::Close(reason)));
    }
}

#[test]
fn an_echo_of_known_length_keeps_its_connection() {
    let piece = "x".repeat(16 * 1024);
    for length in [piece.len() as u64, 1 << 20] {
        let mut driver = Driver::strict();
        driver.feed(&post(length));
        say(&mut driver, ContentUse::Reading);
        driver.respond(StatusCode::OK, Content::Exact(length));
        assert!(!driver.response().has_option("close"));
        for _ in 0..length / piece.len() as u64 {
            driver.feed(&piece).content(&piece);
        }
        assert!(is_idle(&driver), "{length} octets");
        assert!(matches!(driver.seen.last(), Some(Seen::End(_))));
    }
}

#[test]
fn content_that_is_read_is_told_to_its_end_after_its_response() {
    for (head, rest) in [(post(9), "123456789"), (chunked(""), "9\r\n123456789\r\n0\r\n\r\n")] {
        for close in [false, true] {
            let mut driver = server(nothing().with_content_gap(some(5)));
            let head = if close { head.replace("Host: a", "Host: a\r\nConnection: close") } else { head.clone() };
            driver.feed(&head);
            say(&mut driver, ContentUse::Reading);
            driver.respond(StatusCode::OK, Content::Empty);
            assert_eq!((driver.connection.phase(), driver.connection.wants().shut), (Phase::Content, None));
            assert_eq!(driver.connection.wants().application, None, "it has answered");
            driver.wait(secs(4)).feed(&rest[..5]).wait(secs(4)).feed(&rest[5..]);
            assert!(
                matches!(&driver.seen[1..], [Seen::Content(octets), Seen::End(_)] if octets == "123456789"),
                "{:?}",
                driver.seen
            );
            let shut = driver.connection.wants().shut;
            assert_eq!(shut, close.then_some(Shut::HalfClose(CloseReason::CloseReceived)));
        }
    }
}

#[test]
fn content_that_comes_too_late_after_its_response_is_told_to_who_reads_it() {
    for (said, told) in [(ContentUse::Reading, true), (ContentUse::Undecided, false)] {
        let mut driver = server(nothing().with_content_gap(some(5)));
        driver.feed(&post(9)).feed("1234");
        say(&mut driver, said);
        driver.respond(StatusCode::OK, Content::Empty).wait(secs(5));
        assert_eq!(driver.connection.expire(driver.now).map(|due| due.kind), Some(DeadlineKind::ContentGap));
        driver.pump(0);
        let errors = driver.seen.iter().filter(|seen| matches!(seen, Seen::Error(..))).count();
        assert_eq!(errors, usize::from(told), "{:?}", driver.seen);
        assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::ContentTimeout)));
    }
}

#[test]
fn what_is_paused_when_the_response_ends_counts_as_dropped() {
    let few = limits(Limits::DEFAULT.with_unread_octets(Some(10)));
    // as little as is worth it
    let mut driver = Driver::new(&few);
    driver.feed(&post(10));
    say(&mut driver, ContentUse::Paused);
    driver.respond(StatusCode::OK, Content::Exact(2));
    driver.content("ok");
    assert_eq!((driver.connection.phase(), driver.connection.wants().read), (Phase::UnreadContent, ReadWant::Octets));
    driver.feed("0123456789");
    assert!(is_idle(&driver));
    // one octet more: the response had begun, and could not say so
    let mut driver = Driver::new(&few);
    driver.feed(&post(11));
    say(&mut driver, ContentUse::Paused);
    driver.respond(StatusCode::OK, Content::Exact(2));
    assert!(!driver.response().has_option("close"));
    driver.content("ok");
    assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::UnreadContent)));
    // a response that ends with its head says it
    let mut driver = Driver::new(&few);
    driver.feed(&post(11));
    say(&mut driver, ContentUse::Paused);
    driver.respond(StatusCode::OK, Content::Empty);
    assert!(driver.response().has_option("close"));
}

#[test]
fn who_takes_back_that_it_reads_after_its_response_drops_it() {
    for (head, keeps) in [(post(10), true), (post(11), false), (chunked(""), true)] {
        let mut driver = Driver::new(&limits(Limits::DEFAULT.with_unread_octets(Some(10))));
        driver.feed(&head);
        say(&mut driver, ContentUse::Reading);
        driver.respond(StatusCode::OK, Content::Empty);
        assert_eq!(driver.connection.phase(), Phase::Content);
        say(&mut driver, ContentUse::Undecided);
        let phase = if keeps { Phase::UnreadContent } else { Phase::Finishing };
        assert_eq!(driver.connection.phase(), phase, "{head:?}");
    }
}

#[test]
fn dropped_content_is_walked_over_within_what_it_is_worth() {
    let few = limits(Limits::DEFAULT.with_unread_octets(Some(10)));
    for (head, rest, keeps) in [
        (post(10), "0123456789", true),
        (post(11), "0123456789a", false),
        (chunked(""), "5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n", true),
        (chunked(""), "b\r\nhello world\r\n0\r\n\r\n", false),
    ] {
        let mut driver = Driver::new(&few);
        driver.feed(&head);
        say(&mut driver, ContentUse::Dropped);
        driver.feed(rest);
        assert!(!driver.seen.iter().any(|seen| matches!(seen, Seen::Content(_))), "nobody reads it");
        assert_eq!(driver.connection.wants().application, Some(Turn::Respond));
        assert_eq!(matches!(driver.seen.last(), Some(Seen::End(_))), keeps, "{:?}", driver.seen);
        driver.respond(StatusCode::OK, Content::Empty);
        assert_eq!(driver.response().has_option("close"), !keeps, "{head:?}");
        assert_eq!(is_idle(&driver), keeps);
        if keeps {
            driver.feed(&get(""));
            assert!(matches!(driver.seen.last(), Some(Seen::End(_))), "the next request is read");
        }
    }
}

#[test]
fn a_request_that_came_with_dropped_content_waits_for_its_turn() {
    let mut driver = Driver::strict();
    driver.feed(&post(3));
    say(&mut driver, ContentUse::Dropped);
    driver.feed(&format!("abc{}", get("")));
    assert_eq!((driver.paused, driver.buffer.len()), (Some(PauseReason::ResponseDue), get("").len()));
    driver.respond(StatusCode::OK, Content::Empty).pump(1000);
    assert_eq!(driver.seen.iter().filter(|seen| matches!(seen, Seen::Request(_))).count(), 2);
}

#[test]
fn a_client_reads_little_of_what_it_drops_and_else_closes_at_once() {
    let config = with_limits(Limits::DEFAULT.with_unread_octets(Some(10)));
    for (head, rest, keeps) in [
        (answer("200 OK", "Content-Length: 10\r\n"), "0123456789", true),
        (answer("200 OK", "Content-Length: 11\r\n"), "", false),
        (answer("200 OK", "Transfer-Encoding: chunked\r\n"), "5\r\nhello\r\n0\r\n\r\n", true),
        (answer("200 OK", "Transfer-Encoding: chunked\r\n"), "b\r\nhello world\r\n", false),
        ("HTTP/1.1 200 OK\r\n\r\n".to_owned(), "", false),
    ] {
        let mut asker = Asker::knowing(&config);
        asker.ask("GET").feed(&head);
        asker.connection.content_use(asker.now, ContentUse::Dropped).expect("content comes");
        asker.feed(rest);
        if keeps {
            assert_eq!(asker.exchanges(), [(200, String::new())], "its end is told, and nothing of it");
            asker.ask("GET").feed(&ok("x"));
            assert_eq!(asker.exchanges().len(), 2);
        } else {
            assert_eq!(asker.connection.wants().shut, Some(Shut::Close(CloseReason::UnreadContent)), "{head}");
            assert_eq!(asker.connection.unanswered().count(), 1);
        }
    }
}

#[test]
fn a_final_response_in_place_of_100_keeps_the_connection_of_who_reads() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    for (said, keeps) in [
        (ContentUse::Undecided, false),
        (ContentUse::Reading, true),
        (ContentUse::Dropped, false),
        (ContentUse::Paused, false),
    ] {
        let mut driver = Driver::strict();
        driver.feed(head);
        say(&mut driver, said);
        driver.respond(StatusCode::UNAUTHORIZED, Content::Exact(2)).content("no");
        assert_eq!(driver.response().has_option("close"), !keeps, "{said:?}");
        if keeps {
            driver.feed("abcd");
            assert!(matches!(driver.seen.last(), Some(Seen::End(_))) && is_idle(&driver));
        }
    }
    // a policy of the whole server does the same for who has not said
    let mut driver = Driver::new(&crate::common::policy(Policy::DEFAULT.with_read_unwanted_content(Use::On)));
    driver.feed(head).respond(StatusCode::UNAUTHORIZED, Content::Empty);
    assert!(!driver.response().has_option("close"));
}

#[test]
fn it_is_said_of_content_that_comes_and_of_no_other() {
    let mut driver = Driver::strict();
    assert!(driver.connection.content_use(driver.now, ContentUse::Paused).is_err(), "no message");
    driver.feed(&get(""));
    assert!(driver.connection.content_use(driver.now, ContentUse::Paused).is_err(), "no content");
    driver.respond(StatusCode::OK, Content::Empty).feed(&post(3));
    say(&mut driver, ContentUse::Dropped);
    let before = driver.connection.clone();
    assert!(driver.connection.content_use(driver.now, ContentUse::Reading).is_err(), "it was dropped");
    assert_eq!(driver.connection, before);
    say(&mut driver, ContentUse::Dropped);
    // the next message begins anew
    driver.feed("abc").respond(StatusCode::OK, Content::Empty).feed(&post(3)).feed("abc");
    assert!(driver.seen.iter().any(|seen| matches!(seen, Seen::Content(_))));
}

#[test]
fn what_the_peer_was_faster_with_is_no_mistake_of_the_application() {
    let mut driver = Driver::strict();
    let octets = post(3) + "abc";
    let head = post(3).len();
    driver.connection.receive(driver.now, &octets.as_bytes()[..head]).expect("a head");
    let content = driver.connection.receive(driver.now, &octets.as_bytes()[head..]).expect("content");
    assert!(matches!(content.outcome, Outcome::Event(_)));
    // all of it has come, and its end is still to be told
    for said in [ContentUse::Paused, ContentUse::Reading, ContentUse::Dropped] {
        assert_eq!(driver.connection.content_use(driver.now, said), Ok(()));
    }
    let end = driver.connection.receive(driver.now, b"").expect("its end");
    assert!(matches!(end.outcome, Outcome::Event(http_keepalive::Event::End { .. })));
}

#[test]
fn an_application_that_pauses_may_answer_meanwhile() {
    let mut driver = server(Timeouts::DEFAULT);
    driver.feed(&post(100_000));
    say(&mut driver, ContentUse::Paused);
    assert_eq!(driver.connection.wants().application, Some(Turn::Respond));
    driver.respond_with(StatusCode::OK, NO_FIELDS, Content::Unknown);
    assert_eq!(driver.connection.wants().application, Some(Turn::Content));
    assert!(driver.connection.wants().take_content);
    driver.end(NO_FIELDS);
    assert!(!driver.response().has_option("close"), "it was to be read");
    // and is given up with the response
    assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::UnreadContent)));
}

#[test]
fn a_client_that_paused_and_still_sent_when_its_peer_ended_comes_to_an_end() {
    let mut asker = Asker::knowing(&with_timeouts(nothing()));
    asker.ask_with("POST", [("X", "y")], Content::Exact(5));
    asker.feed(&answer("200 OK", "Content-Length: 5\r\n"));
    asker.connection.content_use(asker.now, ContentUse::Paused).expect("content comes");
    asker.feed("hello").eof();
    assert!(asker.connection.wants().take_content);
    asker.connection.content_use(asker.now, ContentUse::Reading).expect("content comes");
    asker.feed("");
    assert_eq!(asker.exchanges(), [(200, "hello".into())]);
    // what it sends goes on: nobody has refused it
    assert_eq!(asker.connection.wants().application, Some(Turn::Content));
    asker.content("12345");
    assert!(asker.connection.wants().shut.is_some(), "{:?}", asker.connection.wants());
}

/// Who reads on after its response, and is lost: nobody reads on.
#[test]
fn content_that_was_read_after_its_response_is_dropped_with_its_application() {
    for (head, rest) in [(post(9), "6789"), (chunked(""), "4\r\n6789\r\n0\r\n\r\n")] {
        let mut driver = server(nothing().with_content_gap(some(5)));
        driver.feed(&head);
        say(&mut driver, ContentUse::Reading);
        driver.respond(StatusCode::OK, Content::Empty);
        driver.feed(if rest.starts_with('4') { "5\r\n12345\r\n" } else { "12345" });
        assert_eq!((driver.connection.phase(), driver.received().len()), (Phase::Content, 5));
        driver.connection.application_gone(driver.now).expect("it has answered");
        assert_eq!(driver.connection.phase(), Phase::UnreadContent, "{head:?}");
        // its rest is walked over, and the next request is read
        driver.feed(rest).feed(&get(""));
        assert_eq!((driver.received().len(), driver.requests().len()), (5, 2), "{head:?}");
    }
}
