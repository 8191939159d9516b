//! What ended is told, once and always, and nothing is left for ever: ends of messages, content that came too late, a failed transport,
//! the hand-over (RFC 9112 8, 9.5, 9.6).

#![cfg(feature = "serde")]

use crate::common::Passes;
use std::time::Duration;

use crate::common::client::{Asker, DEFAULT, Said, ok};
use crate::common::{Driver, Seen, get};
use http_keepalive::*;

const fn secs(secs: u64) -> Option<Duration> {
    Some(Duration::from_secs(secs))
}

/// Nothing times out but what is set.
fn only(set: fn(Timeouts) -> Timeouts) -> Config<Server> {
    let mut off = Timeouts::DEFAULT;
    for name in <Timeouts as settings::Settings>::NAMES {
        // what is not a time that can be off keeps its default
        let _ = settings::Settings::set(&mut off, name, &settings::Value::Text("off".into()));
    }
    Config::new(Limits::DEFAULT, set(off), Policy::DEFAULT).expect("within bounds")
}

const HALF: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc";

/// Half a request has come, and its response is under way.
fn under_way(config: &Config<Server>) -> Driver {
    let mut driver = Driver::new(config);
    driver.feed(HALF).respond(StatusCode::OK, Content::Unknown);
    driver
}

fn expire(driver: &mut Driver, after: u64) -> Option<DeadlineKind> {
    driver.wait(Duration::from_secs(after));
    driver.connection.expire(driver.now).map(|due| due.kind)
}

fn due(driver: &Driver) -> Option<(DeadlineKind, Duration)> {
    let due = driver.connection.next_deadline()?;
    Some((due.kind, due.at.saturating_duration_since(driver.now)))
}

#[test]
fn close_13_content_that_comes_too_late_is_told_once_while_its_response_is_under_way() {
    let mut driver = under_way(&only(|t| t.with_content_gap(secs(5)).with_linger(secs(10))));
    let offset = driver.connection.offset();
    assert_eq!(expire(&mut driver, 5), Some(DeadlineKind::ContentGap));
    assert_eq!(driver.connection.contiguous_content(), 0);
    let ended = ReceiveError::Ended(CloseReason::ContentTimeout);
    assert_eq!(driver.connection.skip_content(driver.now, 10), Err(ended));
    assert_eq!(driver.connection.offset(), offset, "a refused call changes nothing");
    driver.feed("");
    assert_eq!(driver.seen.last(), Some(&Seen::Error(ProtocolErrorKind::ContentTimeout, offset)));
    let seen = driver.seen.len();
    driver.feed("more of it").eof();
    assert!(driver.seen[seen..].iter().all(|seen| !matches!(seen, Seen::Error(..) | Seen::Content(_))), "told once");
    assert_eq!(driver.connection.wants().application, Some(Turn::Content), "it may be ended");
    driver.end(NO_FIELDS);
    assert!(driver.connection.wants().shut.is_some());
}

#[test]
fn close_13_the_response_has_a_time_to_end_counted_anew_from_each_octet() {
    let mut driver = under_way(&only(|t| t.with_content_gap(secs(5)).with_linger(secs(10))));
    expire(&mut driver, 5);
    assert_eq!(due(&driver), Some((DeadlineKind::Linger, Duration::from_secs(10))));
    let cause = driver.connection.deadline_cause().expect("it has one");
    assert_eq!((cause.fact, cause.setting), (DeadlineFact::ContentTimedOut, "linger"));
    driver.wait(Duration::from_secs(9)).content("hi");
    assert_eq!(due(&driver), Some((DeadlineKind::Linger, Duration::from_secs(10))));
    assert_eq!(expire(&mut driver, 10), Some(DeadlineKind::Linger));
    assert!(matches!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::ContentTimeout))));
    // content that only the end of the connection ends must not pass for whole
    let mut driver = Driver::new(&only(|t| t.with_content_gap(secs(5)).with_linger(secs(10))));
    driver.feed(HALF).respond(StatusCode::OK, Content::UntilClose);
    expire(&mut driver, 5);
    assert_eq!(expire(&mut driver, 10), Some(DeadlineKind::Linger));
    assert!(matches!(driver.connection.wants().shut, Some(Shut::Reset(_))));
}

#[test]
fn close_13_without_linger_the_write_stall_bounds_it_and_without_both_it_is_cut_at_once() {
    let mut driver = under_way(&only(|t| t.with_content_gap(secs(5)).with_write_stall(secs(7))));
    expire(&mut driver, 5);
    assert_eq!(due(&driver), Some((DeadlineKind::Linger, Duration::from_secs(7))));
    assert_eq!(driver.connection.deadline_cause().map(|cause| cause.setting), Some("write_stall"));
    let mut driver = under_way(&only(|t| t.with_content_gap(secs(5))));
    expire(&mut driver, 5);
    assert_eq!(expire(&mut driver, 0), Some(DeadlineKind::Linger));
    assert!(driver.connection.wants().shut.is_some());
    // a rate that is not kept is the same
    let mut driver = under_way(&only(|t| t.with_content_gap(secs(5)).with_content_rate(Some(10)).with_linger(secs(9))));
    driver.wait(Duration::from_secs(4)).feed("d");
    assert_eq!(expire(&mut driver, 2), Some(DeadlineKind::ContentRate));
    assert_eq!(due(&driver), Some((DeadlineKind::Linger, Duration::from_secs(9))));
}

#[test]
fn the_end_of_a_request_is_told_whatever_was_sent_meanwhile() {
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (head, content, trailers) in [
        (get(""), "", vec![]),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n".into(), "abcd", vec![]),
        (chunked.into(), "4\r\nabcd\r\n0\r\nT: v\r\n\r\n", vec![("T".to_owned(), "v".to_owned())]),
    ] {
        for (before, dribbles, closes) in
            (0..=content.len()).flat_map(|n| [(n, false, false), (n, true, false), (n, false, true)])
        {
            let mut driver = Driver::strict();
            driver.buffer.extend_from_slice(head.as_bytes());
            let consumed = driver.connection.receive(driver.now, &driver.buffer).expect("a head").consumed;
            driver.buffer.drain(..consumed);
            if before > 0 {
                driver.feed(&content[..before]);
            }
            if closes {
                driver.connection.close_after_exchange(driver.now);
            }
            driver.respond(StatusCode::OK, Content::Empty);
            let rest = &content[before..];
            match dribbles {
                true => driver.dribble(rest.as_bytes()).feed(""),
                false => driver.feed(rest),
            };
            let ends = driver.seen.iter().filter(|seen| matches!(seen, Seen::End(_))).count();
            let given_up = driver.connection.wants().shut.is_some();
            assert!(ends == 1 || (ends == 0 && given_up && before < content.len()), "{head:?} {before} {closes}");
            if ends == 1 && !closes {
                assert!(driver.seen.contains(&Seen::End(trailers.clone())), "{:?}", driver.seen);
                driver.feed(&get(""));
                assert!(matches!(driver.seen.last(), Some(Seen::End(_))), "the next is read: {:?}", driver.seen);
                assert_eq!(driver.seen.iter().filter(|seen| matches!(seen, Seen::End(_))).count(), 2);
            }
        }
    }
}

#[test]
fn close_15_a_transport_that_failed_is_to_be_shut_once_in_every_state() {
    let states: [fn(&mut Driver) -> &mut Driver; 7] = [
        |d| d,
        |d| d.feed("GET / HT"),
        |d| d.feed(HALF),
        |d| d.feed(&get("")),
        |d| d.feed(&get("")).respond(StatusCode::OK, Content::Exact(5)),
        |d| d.feed(&get("Connection: close\r\n")).respond(StatusCode::OK, Content::Empty),
        |d| d.feed(&get("Connection: close\r\n")).respond(StatusCode::OK, Content::Empty).shut(),
    ];
    for (number, state) in states.into_iter().enumerate() {
        let mut driver = Driver::strict();
        state(&mut driver);
        driver.connection.transport_failed(driver.now);
        let wants = driver.connection.wants();
        assert!(matches!(wants.shut, Some(Shut::Close(_) | Shut::Reset(_))), "{number}: {wants:?}");
        assert_eq!((wants.flush, wants.application, wants.owed_by()), (false, None, Party::Transport), "{number}");
        assert_eq!(driver.connection.next_deadline(), None);
        let mut out = [0; 256];
        let sent = driver.connection.send_response(driver.now, StatusCode::OK, NO_FIELDS, Content::Empty, &mut out);
        assert!(matches!(sent, Err(SendError::Ended(_))), "{number}: {sent:?}");
        driver.connection.handle_shut(driver.now);
        assert!(driver.connection.is_closed());
        driver.connection.transport_failed(driver.now);
        assert_eq!(driver.connection.wants().shut, None, "{number}: once");
        assert_eq!(driver.connection.wants().owed_by(), Party::Nobody);
    }
}

#[test]
fn upg_06_the_hand_over_is_told_once_in_both_roles() {
    let mut driver = Driver::strict();
    driver.feed("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n");
    driver.respond_with(StatusCode::SWITCHING_PROTOCOLS, [("Upgrade", "foo")], Content::Empty).feed("its own octets");
    assert_eq!(driver.seen.last(), Some(&Seen::Tunnel(TunnelReason::Upgrade)));
    assert_eq!((driver.paused, driver.buffer.as_slice()), (Some(PauseReason::Tunnel), &b"its own octets"[..]));
    driver.feed("and more");
    assert_eq!(driver.seen.iter().filter(|seen| matches!(seen, Seen::Tunnel(_))).count(), 1);
    // what is handed over is not ours to shut
    driver.connection.transport_failed(driver.now);
    driver.connection.abort(driver.now);
    assert_eq!((driver.connection.wants().shut, driver.connection.wants().owed_by()), (None, Party::Nobody));
    let mut asker = Asker::asking("CONNECT");
    asker.feed("HTTP/1.1 200 OK\r\n\r\nits own octets");
    assert_eq!(asker.said.last(), Some(&Said::Tunnel(TunnelReason::Connect)));
    assert_eq!(asker.buffer, b"its own octets");
}

#[test]
fn a_client_that_is_told_less_than_it_asked_to_send_learns_it_from_the_next_call() {
    let mut asker = Asker::new(&DEFAULT);
    asker.ask_with("POST", [], Content::Exact(9));
    asker.content("abc").feed("HTTP/1.1 413 x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    asker.assert_given_up(CloseReason::CloseReceived);
    // a request that was whole has nothing more, and says so
    let mut asker = Asker::new(&DEFAULT);
    asker.ask_with("POST", [], Content::Exact(3));
    asker.content("abc").end(NO_FIELDS).feed(&ok("x"));
    assert_eq!(asker.connection.send_end(asker.now, NO_FIELDS, &mut [0; 9]), Ok(0));
}

#[test]
fn close_05_a_drain_looks_for_a_request_only_after_what_waits_has_left() {
    let mut driver = Driver::new(&only(|t| t));
    let mut out = [0; 256];
    driver.feed(&get(""));
    let octets = driver
        .connection
        .send_response(driver.now, StatusCode::OK, NO_FIELDS, Content::Empty, &mut out)
        .expect("it is due");
    driver.feed("");
    driver.connection.close_after_exchange(driver.now);
    let wants = driver.connection.wants();
    assert_eq!((wants.read, wants.flush), (ReadWant::Octets, true));
    driver.connection.handle_sent(driver.now, octets as u64);
    while driver.connection.expire(driver.now).is_some() {}
    assert_eq!(driver.connection.wants().read, ReadWant::LookOnce);
    driver.connection.nothing_to_read(driver.now);
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::Drain)));
}
