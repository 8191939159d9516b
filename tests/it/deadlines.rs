//! Both sides of every deadline, of both roles: nothing a nanosecond before, exactly this at it, what follows, never again.
//!
//! Each row names the state that arms its deadline and what follows from it; everything else is off.

use crate::common::Passes;
use std::time::Duration;

use crate::common::client::{Asker, answer, ok};
use crate::common::{Driver, get};
use crate::rows::{Row, nothing, server};
use http_keepalive::DeadlineKind::{self, *};
use http_keepalive::{CloseReason, Content, ContentUse, Instant, NO_FIELDS, ReadWant, Shut, StatusCode, Turn};

const fn secs(secs: u64) -> Option<Duration> {
    Some(Duration::from_secs(secs))
}

// ---- servers

fn drained(driver: &mut Driver) {
    driver.connection.close_after_exchange(driver.now);
}

/// A response of two octets of content, of which nothing leaves.
fn held(driver: &mut Driver) {
    let mut out = [0; 256];
    let connection = &mut driver.connection;
    connection.send_response(driver.now, StatusCode::OK, NO_FIELDS, Content::Exact(2), &mut out).expect("it is due");
    connection.send_content(driver.now, b"ok", &mut out).expect("it fits");
}

/// An empty response to a GET.
fn exchanged(driver: &mut Driver) {
    driver.feed(&get("")).respond(StatusCode::OK, Content::Empty);
    assert!(driver.connection.lifecycle().is_idle());
}

/// Half-closed behind a response that said `close`.
fn half_closed(driver: &mut Driver) {
    driver.feed(&get("Connection: close\r\n")).respond(StatusCode::OK, Content::Empty).shut();
}

fn half_a_post(driver: &mut Driver) {
    driver.feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
}

/// The application takes no content for now.
fn paused(driver: &mut Driver) {
    driver.connection.content_use(driver.now, ContentUse::Paused).expect("content comes");
}

fn read(driver: &mut Driver) {
    driver.connection.content_use(driver.now, ContentUse::Reading).expect("content comes");
}

#[track_caller]
fn shuts(driver: &mut Driver, shut: Shut) {
    assert_eq!(driver.connection.wants().shut, Some(shut));
    driver.shut();
    assert!(driver.connection.lifecycle().is_closed());
    assert_eq!(driver.connection.next_deadline(), None);
}

/// One more look, and then a close in silence.
#[track_caller]
fn looks(driver: &mut Driver, reason: CloseReason) {
    let written = driver.out.len();
    assert_eq!(driver.connection.wants().read, ReadWant::LookOnce);
    assert_eq!(driver.connection.wants().shut, None, "not before the look");
    driver.connection.nothing_to_read(driver.now);
    shuts(driver, Shut::Close(reason));
    assert_eq!(driver.out.len(), written, "nothing is said");
}

/// 408 with `close`, then the staged close.
#[track_caller]
fn refuses(driver: &mut Driver, reason: CloseReason) {
    assert_eq!(driver.connection.wants().application, Some(Turn::Refuse(StatusCode::REQUEST_TIMEOUT)));
    let response = driver.refuse().response();
    assert!(response.status == 408 && response.has_option("close"), "{response:?}");
    assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(reason)));
}

#[track_caller]
fn closes(driver: &mut Driver, reason: CloseReason) {
    assert_eq!(driver.out, b"", "nothing is said");
    shuts(driver, Shut::Close(reason));
}

macro_rules! rows {
    ($($kind:ident, $state:literal, $set:expr, $arm:expr, $after:literal, $then:expr;)+) => {
        &[$(Row { state: $state, kind: $kind, set: $set, arm: $arm, after: $after, then: $then }),+]
    };
}

const SERVER: &[Row<Driver>] = rows! {
    FirstOctet, "fresh", |t| t.with_first_octet(secs(10)), |_| {}, 10_000, |d| looks(d, CloseReason::FirstOctetTimeout);
    FirstOctet, "fresh, and empty lines came", |t| t.with_first_octet(secs(10)),
        |d| { d.wait(Duration::from_secs(4)).feed("\r\n"); }, 6_000, |d| looks(d, CloseReason::FirstOctetTimeout);
    Head, "within a head", |t| t.with_head(secs(10)),
        |d| { d.wait(Duration::from_secs(99)).feed("G"); }, 10_000, |d| refuses(d, CloseReason::HeadTimeout);
    Head, "within a head: octets do not begin it anew", |t| t.with_head(secs(10)),
        |d| { d.feed("GET ").wait(Duration::from_secs(9)).feed("/ HTTP/1.1\r\n"); }, 1_000,
        |d| refuses(d, CloseReason::HeadTimeout);
    Head, "within a head, extended by its rate", |t| t.with_head(secs(10)).with_head_rate(Some(2)).with_head_cap(None),
        |d| { d.feed("GET").wait(Duration::from_secs(9)).feed(" / "); }, 4_000,
        |d| refuses(d, CloseReason::HeadTimeout);
    Head, "within a head, extended to the cap",
        |t| t.with_head(secs(10)).with_head_rate(Some(1)).with_head_cap(secs(12)),
        |d| { d.feed("GET / "); }, 12_000, |d| refuses(d, CloseReason::HeadTimeout);
    ContentGap, "from the head", |t| t.with_content_gap(secs(10)), half_a_post, 10_000,
        |d| refuses(d, CloseReason::ContentTimeout);
    ContentGap, "from the last piece", |t| t.with_content_gap(secs(10)),
        |d| { half_a_post(d); d.wait(Duration::from_secs(9)).feed("abc"); }, 10_000,
        |d| refuses(d, CloseReason::ContentTimeout);
    ContentGap, "from the 100 that was asked for", |t| t.with_content_gap(secs(10)), |d| {
        d.feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
        assert_eq!(d.connection.next_deadline(), None, "who waits for us is not slow");
        d.wait(Duration::from_secs(99)).try_interim(StatusCode::CONTINUE, NO_FIELDS).expect("100 is due");
    }, 10_000, |d| assert_eq!(d.connection.wants().application, Some(Turn::Refuse(StatusCode::REQUEST_TIMEOUT)));
    ContentGap, "while the response goes out: what was begun may be finished", |t| {
            t.with_content_gap(secs(10)).with_linger(secs(7))
        },
        |d| { half_a_post(d); d.respond(StatusCode::OK, Content::Exact(2)); }, 10_000, |d| {
            assert_eq!(d.connection.wants().application, Some(Turn::Content));
            d.content("ok");
            assert_eq!(d.connection.wants().shut, Some(Shut::HalfClose(CloseReason::ContentTimeout)));
        };
    ContentGap, "of content that is read to keep the connection", |t| t.with_content_gap(secs(10)),
        |d| { half_a_post(d); d.respond(StatusCode::OK, Content::Empty); }, 10_000,
        |d| assert_eq!(d.connection.wants().shut, Some(Shut::HalfClose(CloseReason::ContentTimeout)));
    ContentGap, "of content that is read to keep the connection, which our response does not begin anew",
        |t| t.with_content_gap(secs(10)),
        |d| { half_a_post(d); d.wait(Duration::from_secs(9)).respond(StatusCode::OK, Content::Empty); }, 1_000,
        |d| assert_eq!(d.connection.wants().shut, Some(Shut::HalfClose(CloseReason::ContentTimeout)));
    ContentRate, "the whole, also what is read to keep the connection",
        |t| t.with_content_gap(secs(10)).with_content_rate(Some(2)), |d| {
            half_a_post(d);
            d.wait(Duration::from_secs(9)).feed("ab").respond(StatusCode::OK, Content::Empty).feed("cd");
        }, 3_000, |d| assert_eq!(d.connection.wants().shut, Some(Shut::HalfClose(CloseReason::ContentTimeout)));
    ContentRate, "the whole, at two octets a second", |t| t.with_content_gap(secs(10)).with_content_rate(Some(2)),
        |d| { half_a_post(d); d.wait(Duration::from_secs(9)).feed("abcd"); }, 3_000,
        |d| refuses(d, CloseReason::ContentTimeout);
    Application, "from a request without content", |t| t.with_application(secs(10)), |d| { d.feed(&get("")); }, 10_000,
        |d| closes(d, CloseReason::ApplicationTimeout);
    Application, "from the last octet of content, whatever interim responses", |t| t.with_application(secs(10)), |d| {
        half_a_post(d);
        d.wait(Duration::from_secs(9)).feed("123456789").wait(Duration::from_secs(4));
        d.try_interim(StatusCode::EARLY_HINTS, NO_FIELDS).expect("it may be sent");
    }, 6_000, |d| shuts(d, Shut::Close(CloseReason::ApplicationTimeout));
    WriteStall, "a response that does not leave", |t| t.with_write_stall(secs(10)),
        |d| { d.feed(&get("")); held(d); }, 10_000, |d| shuts(d, Shut::Reset(CloseReason::WriteStall));
    WriteStall, "a response whose content is still to come", |t| t.with_write_stall(secs(10)), |d| {
        d.feed(&get(""));
        let mut out = [0; 256];
        d.connection.send_response(d.now, StatusCode::OK, NO_FIELDS, Content::Unknown, &mut out).expect("it is due");
    }, 10_000, |d| shuts(d, Shut::Reset(CloseReason::WriteStall));
    WriteStall, "from the last octet that left", |t| t.with_write_stall(secs(10)),
        |d| { d.feed(&get("")); held(d); d.wait(Duration::from_secs(9)); d.connection.handle_sent(d.now, 1); }, 10_000,
        |d| shuts(d, Shut::Reset(CloseReason::WriteStall));
    WriteStall, "the last response", |t| t.with_write_stall(secs(10)),
        |d| { d.feed(&get("Connection: close\r\n")); held(d); }, 10_000, |d| {
            assert_eq!(d.connection.wants().shut, Some(Shut::Reset(CloseReason::WriteStall)));
        };
    Application, "from the pause of who takes content, whatever came before", |t| {
            t.with_application(secs(10)).with_content_gap(secs(3))
        },
        |d| { half_a_post(d); d.wait(Duration::from_secs(2)).feed("abc"); paused(d); }, 10_000,
        |d| shuts(d, Shut::Close(CloseReason::ApplicationTimeout));
    Application, "from a pause within the response", |t| t.with_application(secs(10)),
        |d| { half_a_post(d); d.respond(StatusCode::OK, Content::Unknown); paused(d); }, 10_000,
        |d| shuts(d, Shut::Close(CloseReason::ApplicationTimeout));
    ContentGap, "from the end of a pause", |t| t.with_content_gap(secs(10)),
        |d| { half_a_post(d); paused(d); d.wait(Duration::from_secs(99)); read(d); }, 10_000,
        |d| refuses(d, CloseReason::ContentTimeout);
    ContentGap, "of content that is read after its response", |t| t.with_content_gap(secs(10)),
        |d| { half_a_post(d); read(d); d.respond(StatusCode::OK, Content::Empty); }, 10_000,
        |d| assert_eq!(d.connection.wants().shut, Some(Shut::HalfClose(CloseReason::ContentTimeout)));
    ContentRate, "the whole, a pause of ninety-nine seconds not counted",
        |t| t.with_content_gap(secs(10)).with_content_rate(Some(2)), |d| {
            half_a_post(d);
            d.wait(Duration::from_secs(4));
            paused(d);
            d.wait(Duration::from_secs(99));
            read(d);
            d.wait(Duration::from_secs(1)).feed("abcd").wait(Duration::from_secs(2));
        }, 5_000, |d| refuses(d, CloseReason::ContentTimeout);
    SendRate, "from when the first octet waited, at two octets a second", |t| {
            t.with_write_stall(secs(10)).with_send_rate(Some(2))
        }, |d| {
            d.feed(&get(""));
            held(d);
            d.wait(Duration::from_secs(9));
            d.connection.handle_sent(d.now, 4);
        }, 3_000, |d| shuts(d, Shut::Reset(CloseReason::SendRate));
    SendRate, "time in which nothing waits not counted", |t| t.with_write_stall(secs(10)).with_send_rate(Some(1000)), |d| {
            d.feed(&get("")).respond(StatusCode::OK, Content::Unknown).wait(Duration::from_secs(99));
            let mut out = [0; 256];
            d.connection.send_content(d.now, b"ok", &mut out).expect("it fits");
            d.wait(Duration::from_secs(9));
            d.connection.handle_sent(d.now, 1);
        }, 1_048, |d| shuts(d, Shut::Reset(CloseReason::SendRate));
    SendRate, "the next message anew", |t| t.with_write_stall(secs(10)).with_send_rate(Some(2)), |d| {
            exchanged(d);
            d.wait(Duration::from_secs(3)).feed(&get(""));
            held(d);
            d.wait(Duration::from_secs(9));
            d.connection.handle_sent(d.now, 2);
        }, 2_000, |d| shuts(d, Shut::Reset(CloseReason::SendRate));
    HalfClosed, "a request and its end, and nobody answers", |t| t.with_half_closed(secs(10)),
        |d| { d.feed(&get("")).wait(Duration::from_secs(4)).eof(); }, 10_000,
        |d| closes(d, CloseReason::HalfClosedTimeout);
    HalfClosed, "from the last octet that left", |t| t.with_half_closed(secs(10)), |d| {
            d.feed(&get("")).eof();
            d.wait(Duration::from_secs(4)).respond(StatusCode::OK, Content::Unknown);
        }, 10_000, |d| shuts(d, Shut::Reset(CloseReason::HalfClosedTimeout));
    HalfClosed, "not from an octet that waits", |t| t.with_half_closed(secs(10)), |d| {
            d.feed(&get("")).eof();
            d.wait(Duration::from_secs(4));
            held(d);
        }, 6_000, |d| shuts(d, Shut::Reset(CloseReason::HalfClosedTimeout));
    Exchange, "within a head", |t| t.with_exchange(secs(10)), |d| { d.feed("G"); }, 10_000,
        |d| closes(d, CloseReason::ExchangeTimeout);
    Exchange, "within content", |t| t.with_exchange(secs(10)),
        |d| {
            d.feed("POST ").wait(Duration::from_secs(4));
            d.feed("/ HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
        }, 6_000, |d| closes(d, CloseReason::ExchangeTimeout);
    Exchange, "while the application works", |t| t.with_exchange(secs(10)), |d| { d.feed(&get("")); }, 10_000,
        |d| closes(d, CloseReason::ExchangeTimeout);
    Exchange, "until the last octet has left", |t| t.with_exchange(secs(10)),
        |d| { d.feed(&get("")); held(d); }, 10_000, |d| shuts(d, Shut::Close(CloseReason::ExchangeTimeout));
    Exchange, "until the last octet of the last response has left", |t| t.with_exchange(secs(10)),
        |d| { d.feed(&get("Connection: close\r\n")); held(d); d.wait(Duration::from_secs(4)); d.connection.handle_sent(d.now, 1); },
        6_000, |d| shuts(d, Shut::Close(CloseReason::ExchangeTimeout));
    Exchange, "too many empty lines, long behind the exchange before", |t| t.with_exchange(secs(10)),
        |d| { exchanged(d); d.wait(Duration::from_secs(99)).feed("\r\n\r\n\r\n\r\n\r\n"); }, 10_000,
        |d| shuts(d, Shut::Close(CloseReason::ExchangeTimeout));
    Exchange, "within until-close content", |t| t.with_exchange(secs(10)),
        |d| { d.feed(&get("")).respond(StatusCode::OK, Content::UntilClose); }, 10_000,
        |d| shuts(d, Shut::Reset(CloseReason::ExchangeTimeout));
    Drain, "within a head", |t| t.with_drain(secs(10)), |d| { d.feed("G"); drained(d); }, 10_000,
        |d| closes(d, CloseReason::DrainTimeout);
    Drain, "within content; a second drain changes nothing", |t| t.with_drain(secs(10)),
        |d| { half_a_post(d); drained(d); d.wait(Duration::from_secs(4)); drained(d); }, 6_000,
        |d| closes(d, CloseReason::DrainTimeout);
    Drain, "while the application works", |t| t.with_drain(secs(10)), |d| { d.feed(&get("")); drained(d); }, 10_000,
        |d| closes(d, CloseReason::DrainTimeout);
    Drain, "within a response", |t| t.with_drain(secs(10)),
        |d| { d.feed(&get("")).respond(StatusCode::OK, Content::Unknown); drained(d); }, 10_000,
        |d| shuts(d, Shut::Close(CloseReason::DrainTimeout));
    Drain, "within until-close content", |t| t.with_drain(secs(10)),
        |d| { d.feed(&get("")).respond(StatusCode::OK, Content::UntilClose); drained(d); }, 10_000,
        |d| shuts(d, Shut::Reset(CloseReason::DrainTimeout));
    Drain, "while the last response leaves", |t| t.with_drain(secs(10)),
        |d| { d.feed(&get("Connection: close\r\n")); held(d); drained(d); }, 10_000,
        |d| shuts(d, Shut::Close(CloseReason::DrainTimeout));
    Drain, "half-closed", |t| t.with_drain(secs(10)), |d| { half_closed(d); drained(d); }, 10_000,
        |d| shuts(d, Shut::Close(CloseReason::DrainTimeout));
    Drain, "between exchanges, within the shield", |t| t.with_drain(secs(10)).with_idle_shield(secs(20)),
        |d| { exchanged(d); drained(d); }, 10_000, |d| shuts(d, Shut::Close(CloseReason::DrainTimeout));
    Linger, "from our half-close, whatever comes", |t| t.with_linger(secs(10)),
        |d| { half_closed(d); d.wait(Duration::from_secs(4)).feed("noise"); }, 6_000,
        |d| shuts(d, Shut::Close(CloseReason::CloseReceived));
    LingerGap, "from our half-close", |t| t.with_linger_gap(secs(10)), half_closed, 10_000,
        |d| shuts(d, Shut::Close(CloseReason::CloseReceived));
    LingerGap, "from the last octet discarded", |t| t.with_linger_gap(secs(10)),
        |d| { half_closed(d); d.wait(Duration::from_secs(4)).feed("noise"); }, 10_000,
        |d| shuts(d, Shut::Close(CloseReason::CloseReceived));
    DrainWindow, "fresh, in a drain", |t| t.with_drain_window(secs(10)), |d| { d.wait(Duration::from_secs(9)); drained(d); },
        10_000, |d| looks(d, CloseReason::Drain);
    DrainWindow, "between exchanges, in a drain", |t| t.with_drain_window(secs(10)).with_idle_shield(secs(4)),
        |d| { exchanged(d); d.wait(Duration::from_secs(3)); drained(d); }, 10_000, |d| looks(d, CloseReason::Drain);
    IdleShield, "draining behind an exchange", |t| t.with_idle_shield(secs(10)),
        |d| { exchanged(d); d.wait(Duration::from_secs(4)); drained(d); }, 6_000, |d| looks(d, CloseReason::Drain);
    Idle, "behind an exchange", |t| t.with_idle(secs(10)), exchanged, 10_000, |d| looks(d, CloseReason::IdleTimeout);
    Idle, "behind an exchange, and an empty line came", |t| t.with_idle(secs(10)),
        |d| { exchanged(d); d.wait(Duration::from_secs(9)).feed("\r\n"); }, 10_000,
        |d| looks(d, CloseReason::IdleTimeout);
    Idle, "not before the shield ends", |t| t.with_idle(secs(3)).with_idle_shield(secs(10)), exchanged, 10_000,
        |d| looks(d, CloseReason::IdleTimeout);
    Age, "fresh", |t| t.with_age(secs(10)), |_| {}, 10_000, |d| looks(d, CloseReason::Age);
    Age, "behind an exchange", |t| t.with_age(secs(10)),
        |d| { d.wait(Duration::from_secs(4)); exchanged(d); d.wait(Duration::from_secs(2)); }, 4_000,
        |d| looks(d, CloseReason::Age);
    Age, "not before the shield ends", |t| t.with_age(secs(10)).with_idle_shield(secs(10)),
        |d| { d.wait(Duration::from_secs(9)); exchanged(d); }, 10_000, |d| looks(d, CloseReason::Age);
};

// ---- clients

fn fed(asker: &mut Asker, octets: &str) {
    asker.ask("GET").wait(Duration::from_secs(3)).feed(octets);
}

const CLIENT: &[Row<Asker>] = rows! {
    Head, "within a head", |t| t.with_head(secs(10)),
        |a| { fed(a, "HTTP"); a.wait(Duration::from_secs(4)).feed("/1.1 200 OK"); }, 6_000,
        |a| a.assert_closes(CloseReason::HeadTimeout);
    ContentGap, "from the last piece", |t| t.with_content_gap(secs(10)),
        |a| { fed(a, &answer("200 OK", "Content-Length: 9\r\n")); a.wait(Duration::from_secs(9)).feed("a"); }, 10_000,
        |a| a.assert_closes(CloseReason::ContentTimeout);
    ContentRate, "the whole, at two octets a second", |t| t.with_content_gap(secs(10)).with_content_rate(Some(2)),
        |a| { fed(a, &answer("200 OK", "Content-Length: 9\r\n")); a.wait(Duration::from_secs(9)).feed("abcd"); }, 3_000,
        |a| a.assert_closes(CloseReason::ContentTimeout);
    Application, "from the pause of who takes content", |t| t.with_application(secs(10)).with_content_gap(secs(3)), |a| {
            fed(a, &answer("200 OK", "Content-Length: 9\r\n"));
            a.connection.content_use(a.now, ContentUse::Paused).expect("content comes");
        }, 10_000, |a| a.assert_closes(CloseReason::ApplicationTimeout);
    SendRate, "a request that leaves slowly", |t| t.with_write_stall(secs(10)).with_send_rate(Some(2)),
        |a| { a.leaves = false; a.ask("GET").wait(Duration::from_secs(4)).left(4); }, 8_000,
        |a| assert_eq!(a.connection.wants().shut, Some(Shut::Reset(CloseReason::SendRate)));
    Response, "the request has left", |t| t.with_response(secs(10)), |a| { a.ask("GET"); }, 10_000,
        |a| a.assert_closes(CloseReason::ResponseTimeout);
    WriteStall, "the request does not leave", |t| t.with_write_stall(secs(10)),
        |a| { a.leaves = false; a.ask("GET").wait(Duration::from_secs(4)).left(1); }, 10_000,
        |a| assert_eq!(a.connection.wants().shut, Some(Shut::Reset(CloseReason::WriteStall)));
    Exchange, "from the request to the end of its answer", |t| t.with_exchange(secs(10)),
        |a| fed(a, &answer("200 OK", "Content-Length: 9\r\n")), 7_000,
        |a| a.assert_closes(CloseReason::ExchangeTimeout);
    Expect, "the head has left", |t| t.with_expect(secs(10)), |a| {
        a.leaves = false;
        let head = a.ask_with("POST", [("Expect", "100-continue")], Content::Exact(3)).len() as u64;
        assert_eq!(a.connection.next_deadline(), None, "nobody can answer what has not left");
        a.wait(Duration::from_secs(4)).left(head).leaves = true;
    }, 10_000, |a| {
        assert_eq!(a.connection.wants().application, Some(Turn::Content), "it goes all the same");
        a.content("abc").feed(&ok("")).assert_idle();
    };
    Drain, "within an exchange", |t| t.with_drain(secs(10)),
        |a| { a.ask("GET"); a.connection.close_after_exchange(a.now); }, 10_000,
        |a| a.assert_closes(CloseReason::DrainTimeout);
    Idle, "behind an exchange", |t| t.with_idle(secs(10)), |a| fed(a, &ok("")), 10_000,
        |a| a.assert_closes(CloseReason::IdleTimeout);
    Idle, "as the server said, less the margin", |t| t.with_idle(secs(10)).with_hint_margin(secs(2)),
        |a| fed(a, "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=9\r\nContent-Length: 0\r\n\r\n"),
        7_000, |a| a.assert_closes(CloseReason::IdleTimeout);
    Age, "fresh", |t| t.with_age(secs(10)), |_| {}, 10_000, |a| a.assert_closes(CloseReason::Age);
    Age, "behind an exchange", |t| t.with_age(secs(10)), |a| fed(a, &ok("")), 7_000,
        |a| a.assert_closes(CloseReason::Age);
};

/// Which role arms it: of a server, of a client.
fn arms(kind: DeadlineKind) -> (bool, bool) {
    match kind {
        FirstOctet | HalfClosed | Linger | LingerGap | IdleShield | DrainWindow => (true, false),
        Response | Expect => (false, true),
        Drain | Exchange | Head | ContentGap | ContentRate | Application | WriteStall | SendRate | Idle | Age => {
            (true, true)
        }
        new => panic!("{new:?} has no row here"),
    }
}

#[test]
fn every_kind_has_its_rows() {
    for &kind in DeadlineKind::ALL {
        let rows = (SERVER.iter().any(|row| row.kind == kind), CLIENT.iter().any(|row| row.kind == kind));
        assert_eq!(rows, arms(kind), "{kind}");
    }
}

#[test]
fn each_of_a_server_expires_at_its_instant_and_never_again() {
    SERVER.iter().for_each(Row::check);
}

#[test]
fn each_of_a_client_expires_at_its_instant_and_never_again() {
    CLIENT.iter().for_each(Row::check);
}

#[test]
fn nothing_is_due_where_everything_is_off() {
    for row in SERVER {
        let mut driver = server(nothing());
        (row.arm)(&mut driver);
        // behind an exchange a drain has nothing to wait for but a look
        let looks = driver.connection.wants().read == ReadWant::LookOnce;
        if !looks && row.kind != IdleShield && row.state != "between exchanges, within the shield" {
            assert_eq!(driver.connection.next_deadline(), None, "{}", row.state);
            assert_eq!(driver.connection.expire(Instant::MAX), None, "{}", row.state);
        }
    }
}

#[test]
fn the_longest_shield_is_one() {
    let timeouts = nothing().with_idle(secs(10)).with_idle_shield(Some(Duration::MAX));
    let mut driver = server(timeouts);
    exchanged(&mut driver);
    assert_eq!(driver.connection.next_deadline(), None);
    drained(&mut driver);
    assert_eq!(driver.connection.wants().read, ReadWant::Octets);
}
