//! A reason names what caused the thing it stands beside; the verdict on persistence keeps its first cause.

use std::time::Duration;

use http_keepalive::{CloseReason, Content, Persistence, Shut, StatusCode, Timeouts, Turn};

use crate::common::client::{Asker, with_timeouts};
use crate::common::{Driver, Passes, get, shown};
use crate::rows::{nothing, server};

const fn some(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

const CLOSE: Persistence = Persistence::Close(CloseReason::CloseReceived);

/// A server whose client has sent `close` and content of which nothing comes.
fn said_close(timeouts: Timeouts) -> Driver {
    let mut driver = server(timeouts);
    driver.feed("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\n");
    driver
}

/// What is due expires, whatever the verdict was before.
#[track_caller]
fn expires(driver: &mut Driver, reason: CloseReason) {
    let due = driver.connection.next_deadline().expect("it is bounded");
    driver.now = due.at;
    assert_eq!(driver.connection.expire(due.at), Some(due));
    assert_eq!((driver.connection.persistence(), driver.connection.ended_by()), (CLOSE, Some(reason)));
    let both = [CloseReason::CloseReceived, reason];
    assert_eq!(driver.connection.lifecycle().close_reasons().collect::<Vec<_>>(), both);
}

#[test]
fn a_refusal_its_text_and_the_half_close_after_it_name_the_timeout() {
    let mut driver = said_close(nothing().with_content_gap(some(5)).with_linger_gap(some(2)));
    expires(&mut driver, CloseReason::ContentTimeout);
    assert_eq!(driver.connection.wants().application, Some(Turn::Refuse(StatusCode::REQUEST_TIMEOUT)));
    driver.refuse();
    let text = shown(&driver.out);
    assert!(text.contains("content-timeout") && !text.contains("close-received"), "{text}");
    assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::ContentTimeout)));
    driver.shut();
    driver.wait(Duration::from_secs(2));
    assert!(driver.connection.expire(driver.now).is_some());
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::ContentTimeout)));
}

#[test]
fn cuts_and_resets_name_what_made_them() {
    let mut driver = said_close(nothing().with_exchange(some(5)));
    expires(&mut driver, CloseReason::ExchangeTimeout);
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::ExchangeTimeout)));

    let mut driver = server(nothing().with_application(some(5)));
    driver.feed(&get("Connection: close\r\n"));
    expires(&mut driver, CloseReason::ApplicationTimeout);

    let mut driver = server(nothing().with_write_stall(some(5)));
    driver.feed(&get("Connection: close\r\n"));
    driver
        .connection
        .send_response(driver.now, StatusCode::OK, http_keepalive::NO_FIELDS, Content::Empty, &mut [0; 300])
        .expect("due");
    // the end of the exchange had its own reason, and then nothing left
    assert_eq!(driver.connection.ended_by(), Some(CloseReason::CloseReceived));
    expires(&mut driver, CloseReason::WriteStall);
    assert_eq!(driver.connection.wants().shut, Some(Shut::Reset(CloseReason::WriteStall)));

    let mut driver = said_close(nothing());
    driver.connection.abort(driver.now);
    assert_eq!((driver.connection.persistence(), driver.connection.ended_by()), (CLOSE, Some(CloseReason::Aborted)));
    // once it is decided, what comes later changes nothing
    driver.connection.transport_failed(driver.now);
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::Aborted)));

    let mut driver = said_close(nothing());
    driver.connection.transport_failed(driver.now);
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::TransportFailed)));

    let mut driver = said_close(nothing());
    driver.eof();
    assert_eq!(driver.connection.ended_by(), Some(CloseReason::Incomplete));
}

#[test]
fn a_client_names_the_silence_after_it_has_said_close() {
    let mut asker = Asker::knowing(&with_timeouts(nothing().with_response(some(5))));
    let request = crate::common::client::request("GET").with_close(true);
    asker.try_ask(&request, [("Host", "a")], Content::Empty).expect("it may be sent");
    let due = asker.connection.next_deadline().expect("it has left");
    asker.connection.expire(due.at);
    assert_eq!(asker.connection.persistence(), Persistence::Close(CloseReason::CloseSent));
    assert_eq!(asker.connection.wants().shut, Some(Shut::Close(CloseReason::ResponseTimeout)));
}

#[test]
fn where_nothing_else_happened_the_first_cause_is_the_cause() {
    let mut driver = server(nothing());
    driver.feed(&get("Connection: close\r\n"));
    assert_eq!((driver.connection.persistence(), driver.connection.ended_by()), (CLOSE, None), "it is not over");
    driver.respond(StatusCode::OK, Content::Empty);
    assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::CloseReceived)));
    assert_eq!(driver.connection.ended_by(), Some(CloseReason::CloseReceived));
}
