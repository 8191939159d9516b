//! A client's reading where it is easily blind: heads that come slowly, framing that was let pass, counts that begin anew.

use crate::common;
use crate::common::client::{Asker, DEFAULT, answer, ok, request, with_limits, with_policy};
use http_keepalive::*;

#[test]
fn syn_09_the_version_of_a_response_is_the_same_however_it_is_read() {
    for head in ["HTTP/1.0 200 OK\r\n", "HTTP/1.0 200 OK\r\nX: a\r\n b\r\n", "HTTP/1.0 200\r\n"] {
        let head = format!("{head}Content-Length: 0\r\n\r\n");
        assert_eq!(Asker::asking("GET").dribble(&head).only_answer().minor, 0, "{head}");
        assert_eq!(Asker::asking("GET").feed(&head).only_answer().minor, 0, "{head}");
    }
}

#[test]
fn limit_06_a_head_is_no_content() {
    let mut asker = Asker::new(&with_limits(Limits::DEFAULT.with_content(Some(4))));
    let head = "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nTransfer-Encoding: chunked\r\n\r\n";
    asker.ask("GET").dribble(&format!("{head}4\r\nfour\r\n0\r\n\r\n"));
    assert_eq!(asker.exchanges(), [(200, "four".into())]);
}

#[test]
fn frame_13_faulty_framing_of_a_response_that_is_let_pass_ends_the_connection() {
    let config = with_policy(common::lenient());
    for fields in [
        "1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked",
        "0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked",
    ] {
        let mut asker = Asker::new(&config);
        asker.ask("GET").feed(&format!("HTTP/1.{fields}\r\n\r\n0\r\n\r\n"));
        asker.assert_closes(CloseReason::FaultyFraming);
    }
}

#[test]
fn limit_08_interim_responses_are_counted_for_each_request() {
    let mut asker = Asker::knowing(&with_limits(Limits::DEFAULT.with_interim_responses(Some(2))));
    asker.ask("GET").ask("GET");
    let two = answer("103 x", "").repeat(2);
    for _ in 0..2 {
        asker.feed(&two).feed(&ok(""));
    }
    assert_eq!(asker.error(), None);
    asker.ask("GET").feed(&two).feed(&ok("")).assert_idle();
    asker.ask("GET").feed(&two).feed(&answer("103 x", ""));
    assert_eq!(asker.error(), Some(ProtocolErrorKind::InterimResponses));
}

#[test]
fn close_15_by_policy_content_is_stopped_from_400_on() {
    for (status, stops) in [("399 x", false), ("400 x", true)] {
        let mut asker = Asker::new(&with_policy(Policy::DEFAULT.with_stop_refused_content(Use::On)));
        asker.ask_with("POST", [], Content::Exact(6));
        asker.content("abc").feed(&answer(status, "Content-Length: 0\r\n"));
        match stops {
            true => asker.assert_closes(CloseReason::EarlyResponse),
            false => assert_eq!(asker.connection.wants().application, Some(Turn::Content)),
        }
    }
}

fn facts(of: &Request<'_>) -> HeadFacts {
    let mut facts = HeadFacts::request(of.method(), of.version);
    facts.field_line(b"Host", b"a");
    facts
}

#[test]
fn a_lifecycle_of_a_client_ends_a_chunked_response_when_it_is_told() {
    let (now, get) = (Instant::from_secs(1), request("GET"));
    let mut lifecycle = Lifecycle::new(now, &DEFAULT);
    lifecycle.head_to_send(now, &get, &facts(&get), Content::Empty).expect("it may be sent");
    lifecycle.octets_written(now, 30);
    lifecycle.handle_sent(now, 30);
    let mut head = HeadFacts::response(StatusCode::OK, Version::HTTP_11);
    head.field_line(b"Transfer-Encoding", b"chunked");
    lifecycle.octets_received(now, 50);
    lifecycle.head_received(now, &head).expect("it is in order");
    lifecycle.content_received(now, 5).expect("it is due");
    assert!(lifecycle.is_reading() && !lifecycle.is_idle());
    lifecycle.end_received(now).expect("it ends");
    assert!(!lifecycle.is_reading() && lifecycle.is_idle());
}

#[test]
fn upg_03_a_lifecycle_switches_only_to_what_was_offered_and_counts_its_exchanges() {
    let now = Instant::from_secs(1);
    let mut lifecycle = Lifecycle::<Server>::new(now, &Config::DEFAULT);
    let head = facts(&request("GET"));
    lifecycle.head_received(now, &head).expect("it is in order");
    assert_eq!(lifecycle.exchanges(), 1);
    let switched = lifecycle.head_to_send(now, StatusCode::SWITCHING_PROTOCOLS, Content::Empty);
    assert_eq!(switched, Err(SendError::Misuse(Misuse::UpgradeNotOffered)));
    lifecycle.head_to_send(now, StatusCode::OK, Content::Empty).expect("it is due");
    lifecycle.head_received(now, &head).expect("it is in order");
    assert_eq!(lifecycle.exchanges(), 2);
}

#[test]
fn close_10_behind_the_end_of_the_peer_what_is_unread_is_asked_for_until_the_end_is_told() {
    let (mut asker, octets) = (Asker::asking("GET"), b"HTTP/1.1 200 OK\r\n\r\nabc");
    let (connection, now) = (&mut asker.connection, asker.now);
    let head = connection.receive(now, octets).expect("no error").consumed;
    let paused = Ok(Received { consumed: 0, outcome: Outcome::Paused(PauseReason::OctetsLeft) });
    assert_eq!(connection.receive_eof(now, Eof::Clean), paused);
    assert_eq!(connection.wants().read, ReadWant::Offer);
    let content = connection.receive(now, &octets[head..]).expect("no error");
    assert_eq!(content, Received { consumed: 3, outcome: Outcome::Event(Event::Content(b"abc")) });
    // all is consumed, and the end is still to be told
    assert_eq!((connection.wants().read, connection.wants().owed_by()), (ReadWant::Offer, Party::Transport));
    let end = connection.receive(now, b"").expect("no error");
    assert!(matches!(end.outcome, Outcome::Event(Event::End { .. })), "{end:?}");
    assert_eq!(connection.wants().read, ReadWant::No);
    asker.assert_closes(CloseReason::UntilClose);
}
