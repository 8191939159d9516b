//! The fact that disarms each deadline: with only this one switched on, nothing is due behind it.

use std::time::Duration;

use crate::common::client::{Asker, answer, no_timeouts, ok, with_timeouts};
use crate::common::{Driver, get};
use http_keepalive::DeadlineKind::{self, *};
use http_keepalive::{Config, Content, ContentUse, Limits, NO_FIELDS, Policy, StatusCode, Timeouts};

const TEN: Option<Duration> = Some(Duration::from_secs(10));

/// Only this kind is ever due.
fn only(kind: DeadlineKind) -> Timeouts {
    let none = no_timeouts().with_first_octet(None).with_idle_shield(None).with_linger(None).with_linger_gap(None);
    let none = none.with_head_rate(None);
    match kind {
        Drain => none.with_drain(TEN),
        Exchange => none.with_exchange(TEN),
        FirstOctet => none.with_first_octet(TEN),
        Head => none.with_head(TEN),
        ContentGap | ContentRate => none.with_content_gap(TEN),
        Application => none.with_application(TEN),
        Response => none.with_response(TEN),
        WriteStall => none.with_write_stall(TEN),
        SendRate => none.with_write_stall(TEN).with_send_rate(Some(1)),
        HalfClosed => none.with_half_closed(TEN),
        Expect => none.with_expect(TEN),
        Linger => none.with_linger(TEN),
        LingerGap => none.with_linger_gap(TEN),
        IdleShield => none.with_idle_shield(TEN),
        DrainWindow => none.with_drain_window(TEN),
        Idle => none.with_idle(TEN),
        Age => none.with_age(TEN),
        new => panic!("{new:?}: what disarms it?"),
    }
}

fn post(driver: &mut Driver) {
    driver.feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n");
}

fn paused(driver: &mut Driver) {
    post(driver);
    driver.connection.content_use(driver.now, ContentUse::Paused).expect("content comes");
}

fn exchanged(driver: &mut Driver) {
    driver.feed(&get("")).respond(StatusCode::OK, Content::Empty);
}

fn half_closed(driver: &mut Driver) {
    driver.feed(&get("Connection: close\r\n")).respond(StatusCode::OK, Content::Empty).shut();
}

/// A state that arms the deadline, and the fact that disarms it.
type Row<D> = (DeadlineKind, fn(&mut D), fn(&mut D));

const SERVER: &[Row<Driver>] = &[
    (FirstOctet, |_| {}, |d| _ = d.feed("G")),
    (Head, |d| _ = d.feed("G"), |d| _ = d.feed(&get("")[1..])),
    (ContentGap, post, |d| _ = d.feed("abc")),
    (Application, |d| _ = d.feed(&get("")), |d| _ = d.respond(StatusCode::OK, Content::Unknown)),
    (
        WriteStall,
        |d| {
            d.feed(&get(""));
            let sent = d.connection.send_response(d.now, StatusCode::OK, NO_FIELDS, Content::Unknown, &mut [0; 200]);
            assert!(sent.is_ok());
        },
        |d| d.connection.handle_sent(d.now, 200),
    ),
    (Exchange, |d| _ = d.feed(&get("")), |d| _ = d.respond(StatusCode::OK, Content::Empty)),
    (Idle, exchanged, |d| _ = d.feed("G")),
    (Age, exchanged, |d| _ = d.feed("G")),
    (Age, |_| {}, |d| _ = d.feed("G")),
    (
        IdleShield,
        |d| {
            exchanged(d);
            d.connection.close_after_exchange(d.now);
        },
        |d| _ = d.feed("G"),
    ),
    (DrainWindow, |d| d.connection.close_after_exchange(d.now), |d| _ = d.feed("G")),
    (HalfClosed, |d| _ = d.feed(&get("")).eof(), |d| _ = d.respond(StatusCode::OK, Content::Empty)),
    (Application, paused, |d| d.connection.content_use(d.now, ContentUse::Reading).expect("content comes")),
    (Application, paused, |d| d.connection.content_use(d.now, ContentUse::Dropped).expect("content comes")),
    (Linger, half_closed, |d| _ = d.eof()),
    (LingerGap, half_closed, |d| _ = d.eof()),
    (
        Drain,
        |d| {
            post(d);
            d.connection.close_after_exchange(d.now);
        },
        |d| d.connection.transport_failed(d.now),
    ),
];

const CLIENT: &[Row<Asker>] = &[
    (Response, |a| _ = a.ask("GET"), |a| _ = a.feed("H")),
    (Head, |a| _ = a.ask("GET").feed("H"), |a| _ = a.feed(&ok("")[1..])),
    (ContentGap, |a| _ = a.ask("GET").feed(&answer("200 OK", "Content-Length: 1\r\n")), |a| _ = a.feed("x")),
    (Exchange, |a| _ = a.ask("GET"), |a| _ = a.feed(&ok(""))),
    (
        Expect,
        |a| _ = a.ask_with("POST", [("Expect", "100-continue")], Content::Exact(3)),
        |a| _ = a.feed(&answer("100 Continue", "")),
    ),
    (
        WriteStall,
        |a| {
            a.leaves = false;
            a.ask("GET");
        },
        |a| _ = a.left(500),
    ),
    (Idle, |a| _ = a.ask("GET").feed(&ok("")), |a| _ = a.ask("GET")),
    (Age, |_| {}, |a| _ = a.ask("GET")),
    (
        Drain,
        |a| {
            a.ask("GET");
            a.connection.close_after_exchange(a.now);
        },
        |a| _ = a.feed(&ok("")),
    ),
];

#[test]
fn nothing_is_due_behind_the_fact_that_disarms_it() {
    for (kind, arm, disarm) in SERVER {
        let config = Config::new(Limits::DEFAULT, only(*kind), Policy::DEFAULT).expect("within bounds");
        let mut driver = Driver::new(&config);
        arm(&mut driver);
        assert_eq!(driver.connection.next_deadline().map(|due| due.kind), Some(*kind));
        disarm(driver.wait(Duration::from_secs(9)));
        assert_eq!(driver.connection.next_deadline(), None, "{kind:?}");
    }
    for (kind, arm, disarm) in CLIENT {
        let mut asker = Asker::new(&with_timeouts(only(*kind)));
        arm(&mut asker);
        assert_eq!(asker.connection.next_deadline().map(|due| due.kind), Some(*kind));
        disarm(asker.wait(Duration::from_secs(9)));
        assert_eq!(asker.connection.next_deadline(), None, "{kind:?}");
    }
}

#[test]
fn every_kind_is_disarmed_by_something() {
    let has = |kind| SERVER.iter().any(|row| row.0 == kind) || CLIENT.iter().any(|row| row.0 == kind);
    // one of two clocks of the same content, and of the same octets
    let other = |kind| matches!(kind, ContentRate | SendRate);
    let missing: Vec<_> = DeadlineKind::ALL.iter().filter(|kind| !has(**kind) && !other(**kind)).collect();
    assert_eq!(missing, [] as [&DeadlineKind; 0]);
}
