//! CLOSE: the peer's FIN and what it does not cancel; faults, stalls and refusals, and what they do not lose.

use crate::common::Passes;
use http_keepalive::*;

const TWO: &[u8] = b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
const NOW: Instant = Instant::from_secs(1);

fn request<'b>(connection: &mut Connection<Server>, buf: &'b [u8]) -> (usize, RequestHead<'b>) {
    match connection.receive(NOW, buf) {
        Ok(Received { consumed, outcome: Outcome::Event(Event::Request(head)) }) => (consumed, head),
        other => panic!("no request: {other:?}"),
    }
}

/// The request is whole: told once, also after its response.
fn ended(connection: &mut Connection<Server>, buf: &[u8]) {
    let received = connection.receive(NOW, buf).expect("no error");
    assert!(matches!(received, Received { consumed: 0, outcome: Outcome::Event(Event::End { .. }) }), "{received:?}");
}

fn respond(connection: &mut Connection<Server>) -> Vec<u8> {
    let mut out = [0; 256];
    let written = connection.send_response(NOW, StatusCode::OK, NO_FIELDS, Content::Empty, &mut out).unwrap();
    connection.handle_sent(NOW, written as u64);
    out[..written].to_vec()
}

fn says_close(response: &[u8]) -> bool {
    String::from_utf8_lossy(response).contains("Connection: close\r\n")
}

#[test]
fn close_08_fin_behind_pipelined_requests_cancels_none_of_them() {
    // the FIN is seen before the first is answered, and between the two
    for before_the_answer in [true, false] {
        let mut connection = Connection::new(NOW, &Config::DEFAULT);
        let (consumed, first) = request(&mut connection, TWO);
        assert_eq!(first.target.as_str(), "/1");
        let paused =
            |outcome, reason| assert_eq!(outcome, Ok(Received { consumed: 0, outcome: Outcome::Paused(reason) }));
        if before_the_answer {
            paused(connection.receive_eof(NOW, Eof::Clean), PauseReason::ResponseDue);
            assert!(!says_close(&respond(&mut connection)), "another is still to be answered");
        } else {
            respond(&mut connection);
            paused(connection.receive_eof(NOW, Eof::Clean), PauseReason::OctetsLeft);
        }
        ended(&mut connection, &TWO[consumed..]);
        let (behind, second) = request(&mut connection, &TWO[consumed..]);
        assert_eq!((second.target.as_str(), consumed + behind), ("/2", TWO.len()));
        assert!(says_close(&respond(&mut connection)));
        assert_eq!(connection.wants().shut, Some(Shut::Close(CloseReason::PeerClosed)));
    }
}

#[test]
fn close_03_fin_between_exchanges_is_answered_by_a_close_and_is_no_error() {
    let mut connection = Connection::new(NOW, &Config::DEFAULT);
    request(&mut connection, &TWO[..TWO.len() / 2]);
    respond(&mut connection);
    let closed = Ok(Received { consumed: 0, outcome: Outcome::Event(Event::PeerClosed) });
    assert_eq!(connection.receive_eof(NOW, Eof::Clean), closed);
    assert_eq!(connection.wants().shut, Some(Shut::Close(CloseReason::PeerClosed)));
    connection.handle_shut(NOW);
    assert!(connection.lifecycle().is_closed());
}

#[test]
fn close_09_fin_inside_a_pipelined_head_is_an_incomplete_message() {
    let cut = &TWO[..TWO.len() - 5];
    let mut connection = Connection::new(NOW, &Config::DEFAULT);
    let (consumed, _) = request(&mut connection, cut);
    assert!(connection.receive_eof(NOW, Eof::Clean).is_ok(), "what is left has not been looked at");
    respond(&mut connection);
    ended(&mut connection, &cut[consumed..]);
    let error = connection.receive(NOW, &cut[consumed..]).expect_err("half a head");
    assert_eq!((error.kind, error.offset), (ProtocolErrorKind::IncompleteHead, cut.len() as u64));
    assert_eq!(error.suggested_status(), None);
    assert_eq!(connection.offset(), consumed as u64, "an error consumes nothing");
}

#[test]
fn close_06_nothing_is_closed_before_what_was_handed_out_has_left() {
    // the parser-free front door says how many octets a head has after it was allowed
    let mut lifecycle = Lifecycle::<Server>::new(NOW, &Config::DEFAULT);
    let mut head = HeadFacts::request(Method::new(b"GET"), Version::HTTP_11);
    head.field_line(b"Host", b"a");
    lifecycle.head_received(NOW, &head).expect("a request");
    assert_eq!(lifecycle.eof_received(NOW), None);
    lifecycle.head_to_send(NOW, StatusCode::OK, Content::Empty).expect("its response");
    lifecycle.octets_written(NOW, 100);
    assert_eq!((lifecycle.wants().flush, lifecycle.wants().shut), (true, None));
    lifecycle.handle_sent(NOW, 40);
    assert_eq!(lifecycle.wants().shut, None);
    lifecycle.handle_sent(NOW, 60);
    assert_eq!(lifecycle.wants().shut, Some(Shut::Close(CloseReason::PeerClosed)));
}

#[test]
fn close_13_requests_do_not_postpone_a_write_stall() {
    let mut connection = Connection::new(NOW, &Config::DEFAULT);
    let (mut now, mut out) = (NOW, [0; 256]);
    let one = &TWO[..TWO.len() / 2];
    let stall = NOW + Timeouts::DEFAULT.write_stall.unwrap();
    for _ in 0..3 {
        assert!(matches!(
            connection.receive(now, one),
            Ok(Received { outcome: Outcome::Event(Event::Request(_)), .. })
        ));
        connection.send_response(now, StatusCode::OK, NO_FIELDS, Content::Empty, &mut out).unwrap();
        ended(&mut connection, b"");
        assert_eq!(connection.next_deadline(), Some(Deadline { at: stall, kind: DeadlineKind::WriteStall }));
        now = now + core::time::Duration::from_secs(20);
    }
    assert!(connection.expire(stall).is_some());
    assert_eq!(connection.wants().shut, Some(Shut::Reset(CloseReason::WriteStall)));
}

#[test]
fn close_08_a_bad_request_before_a_fin_is_refused_like_any_other() {
    for fin_is_seen in [false, true] {
        let mut connection = Connection::new(NOW, &Config::DEFAULT);
        let input = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n";
        let (consumed, _) = request(&mut connection, input);
        if fin_is_seen {
            connection.receive_eof(NOW, Eof::Clean).expect("something is left");
        }
        respond(&mut connection);
        ended(&mut connection, &input[consumed..]);
        let error = connection.receive(NOW, &input[consumed..]).expect_err("no Host");
        assert_eq!(error.kind, ProtocolErrorKind::HostMissing);
        assert_eq!(connection.wants().application, Some(Turn::Refuse(StatusCode::BAD_REQUEST)));
    }
}

#[test]
fn close_10_content_left_in_the_buffer_is_not_broken_off_by_a_fin() {
    let input = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n1\r\ny\r\n0\r\n\r\n";
    let mut connection = Connection::new(NOW, &Config::DEFAULT);
    let (mut at, _) = request(&mut connection, input);
    let left = Ok(Received { consumed: 0, outcome: Outcome::Paused(PauseReason::OctetsLeft) });
    assert_eq!(connection.receive_eof(NOW, Eof::Clean), left);
    let mut content = Vec::new();
    loop {
        let received = connection.receive(NOW, &input[at..]).expect("nothing is broken off");
        at += received.consumed;
        match received.outcome {
            Outcome::Event(Event::Content(octets)) => content.extend_from_slice(octets),
            Outcome::Event(Event::End { .. }) => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((&content[..], at), (&b"xy"[..], input.len()));
}

#[test]
fn send_11_a_refusal_of_head_has_no_content() {
    for input in [&b"HEAD / HTTP/1.1\r\n\r\n"[..], b"HEAD / HTTP/1.1\r\nHost : a\r\n\r\n"] {
        let mut connection = Connection::<Server>::new(NOW, &Config::DEFAULT);
        connection.receive(NOW, input).expect_err("a fault");
        let mut out = [0; 512];
        let written = connection.send_refusal(NOW, NO_FIELDS, &mut out).unwrap();
        assert!(out[..written].ends_with(b"\r\n\r\n"), "{}", String::from_utf8_lossy(&out[..written]));
        assert!(says_close(&out[..written]));
    }
}

#[test]
fn send_11_head_that_came_too_late_is_refused_without_content() {
    let (mut connection, late, mut out) = (Connection::new(NOW, &Config::DEFAULT), Instant::from_secs(100), [0; 512]);
    let received = connection.receive(NOW, b"HEAD / HTTP/1.1\r\nHost: a\r\n").expect("no error");
    assert_eq!(received, Received { consumed: 0, outcome: Outcome::NeedMore });
    assert_eq!(connection.expire(late).map(|due| due.kind), Some(DeadlineKind::Head));
    let written = connection.send_refusal(late, NO_FIELDS, &mut out).expect("it is due");
    assert!(out[..written].ends_with(b"\r\n\r\n") && says_close(&out[..written]));
}

#[test]
fn upg_13_octets_behind_a_refused_connect_are_never_a_request() {
    let input = b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\nGET /tunnelled HTTP/1.1\r\nHost: a\r\n\r\n";
    let mut connection = Connection::new(NOW, &Config::DEFAULT);
    let (consumed, _) = request(&mut connection, input);
    let mut out = [0; 256];
    let written = connection.send_response(NOW, StatusCode::FORBIDDEN, NO_FIELDS, Content::Empty, &mut out).unwrap();
    assert!(says_close(&out[..written]));
    ended(&mut connection, &input[consumed..]);
    let dropped = Ok(Received { consumed: input.len() - consumed, outcome: Outcome::NeedMore });
    assert_eq!(connection.receive(NOW, &input[consumed..]), dropped);
}

#[test]
fn limit_09_what_follows_a_fault_is_consumed_while_a_response_goes_out() {
    let input = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut connection = Connection::new(NOW, &Config::DEFAULT);
    request(&mut connection, input);
    let mut out = [0; 256];
    connection.send_response(NOW, StatusCode::OK, NO_FIELDS, Content::Unknown, &mut out).unwrap();
    connection.receive(NOW, b"zz\r\n").expect_err("no chunk size");
    assert_eq!(connection.wants().read, ReadWant::Discard);
    let dropped = Ok(Received { consumed: 4, outcome: Outcome::NeedMore });
    assert_eq!(connection.receive(NOW, b"zz\r\n"), dropped);
    assert_eq!(connection.wants().application, Some(Turn::Content), "what was begun may be finished");
}

#[test]
fn close_09_content_broken_off_or_given_up_is_said_once_while_a_response_goes_out() {
    for gives_up in [false, true] {
        let input = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n";
        let mut connection = Connection::new(NOW, &Config::DEFAULT);
        request(&mut connection, input);
        let mut out = [0; 256];
        connection.send_response(NOW, StatusCode::OK, NO_FIELDS, Content::Exact(2), &mut out).unwrap();
        if gives_up {
            let gap = NOW + Timeouts::DEFAULT.content_gap.unwrap();
            assert_eq!(connection.expire(gap).map(|due| due.kind), Some(DeadlineKind::ContentGap));
            assert!(connection.receive_eof(gap, Eof::Clean).is_ok(), "nobody waits for it any more");
            let error = connection.receive(gap, b"").expect_err("the application is told");
            assert_eq!((error.kind, error.offset), (ProtocolErrorKind::ContentTimeout, input.len() as u64));
        } else {
            let error = connection.receive_eof(NOW, Eof::Clean).expect_err("3 octets are missing");
            assert_eq!(error.kind, ProtocolErrorKind::IncompleteContent);
        }
        assert_eq!(connection.receive(NOW, b""), Ok(Received { consumed: 0, outcome: Outcome::NeedMore }));
        assert_eq!(connection.wants().application, Some(Turn::Content), "what was begun may be finished");
    }
}

#[test]
fn close_10_until_close_content_that_has_not_left_is_not_cut_by_a_close() {
    // the peer takes a FIN for its end: what is cut must be seen to be
    let mut connection = Connection::new(NOW, &Config::DEFAULT);
    request(&mut connection, &TWO[..TWO.len() / 2]);
    let mut out = [0; 256];
    let head = connection.send_response(NOW, StatusCode::OK, NO_FIELDS, Content::UntilClose, &mut out).unwrap();
    connection.send_content(NOW, b"content", &mut out).unwrap();
    connection.send_end(NOW, NO_FIELDS, &mut out).unwrap();
    connection.handle_sent(NOW, head as u64);
    connection.close_after_exchange(NOW);
    let due = connection.next_deadline().unwrap();
    assert_eq!((connection.expire(due.at), due.kind), (Some(due), DeadlineKind::Drain));
    assert_eq!(connection.wants().shut, Some(Shut::Reset(CloseReason::DrainTimeout)));
}
