//! CLOSE: the peer's FIN, and what it does not cancel.

use http_keepalive::*;

const TWO: &[u8] = b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
const NOW: Instant = Instant::from_secs(1);

fn request<'b>(connection: &mut Connection<Server>, buf: &'b [u8]) -> (usize, RequestHead<'b>) {
    match connection.receive(NOW, buf) {
        Ok(Received { consumed, outcome: Outcome::Event(Event::Request(head)) }) => (consumed, head),
        other => panic!("no request: {other:?}"),
    }
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
    let error = connection.receive(NOW, &cut[consumed..]).expect_err("half a head");
    assert_eq!((error.kind, error.offset), (ProtocolErrorKind::IncompleteHead, cut.len() as u64));
    assert_eq!(error.suggested_status(), None);
    assert_eq!(connection.offset(), consumed as u64, "an error consumes nothing");
}
