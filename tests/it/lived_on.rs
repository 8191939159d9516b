//! What a connection keeps of what was before must not speak for what is now: the look before a close, `Expect`, the end of a message.

use crate::common::Passes;
use core::time::Duration;

use http_keepalive::*;

const NOW: Instant = Instant::from_secs(1000);
static CONFIG: Config<Server> = Config::DEFAULT;

/// A server whose idle time is over, and which looks once more at its transport.
fn looking() -> Connection<Server> {
    let mut connection = Connection::<Server>::new(NOW, &CONFIG);
    let due = connection.next_deadline().expect("a first octet is awaited").at;
    assert_eq!(connection.expire(due).map(|deadline| deadline.kind), Some(DeadlineKind::FirstOctet));
    assert_eq!((connection.wants().read, connection.phase()), (ReadWant::LookOnce, Phase::Looking));
    connection
}

/// RFC 9112 9.5: octets that came before we committed to closing are answered, also where the answer is a refusal.
#[test]
fn a_look_that_finds_a_fault_ends_and_the_refusal_goes_out() {
    let mut connection = looking();
    let now = NOW + Duration::from_secs(60);
    assert!(connection.receive(now, b"\r\rGET").is_err());
    assert_eq!(connection.wants().read, ReadWant::Discard);
    assert_eq!(connection.phase(), Phase::Refusing);
    connection.nothing_to_read(now);
    assert!(matches!(connection.wants().application, Some(Turn::Refuse(StatusCode::BAD_REQUEST))));
    assert_eq!(connection.wants().shut, None);
}

/// The same, told by a parser of the user.
#[test]
fn a_look_that_finds_a_fault_ends_and_the_refusal_goes_out_without_octets() {
    let mut lifecycle = Lifecycle::<Server>::new(NOW, &CONFIG);
    let due = lifecycle.next_deadline().expect("a first octet is awaited").at;
    lifecycle.expire(due);
    lifecycle.fault_received(due, ProtocolErrorKind::NotHttp);
    assert_eq!(lifecycle.wants().read, ReadWant::Discard);
    lifecycle.nothing_to_read(due);
    assert!(matches!(lifecycle.wants().application, Some(Turn::Refuse(StatusCode::BAD_REQUEST))));
}

/// RFC 9110 10.1.1: a server may leave out the 100 where content has come; of none, all has.
#[test]
fn no_100_goes_out_after_the_last_chunk_of_content_that_was_empty() {
    let mut connection = Connection::<Server>::new(NOW, &CONFIG);
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n";
    let received = connection.receive(NOW, head).expect("a request");
    assert_eq!((received.consumed, connection.phase()), (head.len(), Phase::AwaitsContinue));
    let end = connection.receive(NOW, b"0\r\n\r\n").expect("its end");
    assert!(matches!(end.outcome, Outcome::Event(Event::End { .. })));
    assert_eq!(connection.wants().application, Some(Turn::Respond));
    assert_eq!(connection.send_continue(NOW, &mut [0; 100]), Ok(0));
}

/// A client that ends its chunked content without an octet of it waits for nothing but the response.
#[test]
fn content_that_was_ended_waits_for_no_100() {
    let mut connection = Connection::<Client>::new(NOW, &Config::DEFAULT);
    let mut out = [0; 300];
    let request = Request::new(Method::new(b"POST"), b"/");
    let fields = [("Host", "a"), ("Expect", "100-continue")];
    let written = connection.send_request(NOW, &request, fields, Content::Unknown, &mut out).expect("a request");
    connection.handle_sent(NOW, written as u64);
    assert_eq!(connection.phase(), Phase::AwaitsContinue);
    let written = connection.send_end(NOW, NO_FIELDS, &mut out).expect("its end");
    connection.handle_sent(NOW, written as u64);
    assert_eq!(connection.phase(), Phase::Waiting);
    assert!(connection.deadlines().all(|cause| cause.deadline.kind != DeadlineKind::Expect));
}

/// A response to HEAD ends with its head, whatever the application holds; the one after it is of its own length, and its content is cut.
#[test]
fn the_end_of_an_earlier_response_is_not_that_of_a_later_one() {
    let mut connection = Connection::<Server>::new(NOW, &CONFIG);
    let mut out = [0; 300];
    connection.receive(NOW, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").expect("a request");
    connection.receive(NOW, b"").expect("its end");
    connection.send_response(NOW, StatusCode::OK, NO_FIELDS, Content::Exact(5), &mut out).expect("a response");
    assert_eq!(connection.send_content(NOW, b"12345", &mut out), Ok(Written { consumed: 5, written: 0 }));
    assert!(connection.receive(NOW, b"\x01").is_err());
    connection.send_response(NOW, StatusCode::BAD_REQUEST, NO_FIELDS, Content::Exact(5), &mut out).expect("a response");
    connection.abort(NOW);
    let ended = SendError::Ended(CloseReason::ContentAborted);
    assert_eq!(connection.send_content(NOW, b"12345", &mut out), Err(ended));
    assert_eq!(connection.send_end(NOW, NO_FIELDS, &mut out), Err(ended));
}
