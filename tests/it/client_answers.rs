//! What a client makes of responses (RFC 9112 4, 6.3; RFC 9110 15.2, 7.8, 9.3.6), and of those that come early (9.5).

use crate::common;
use crate::common::client::{Answer, Asker, DEFAULT, Said, answer, ok, with_limits, with_policy};
use http_keepalive::{
    BodyLength, CloseReason, Content, Eof, FramingRule, Limits, Misuse, PauseReason, Persistence, Policy,
    ProtocolErrorKind, SendError, StatusCode, Tolerance, TunnelReason,
};

/// A method is asked and answered so: the framing, whole and octet by octet, and the connection stays.
#[track_caller]
fn framed(method: &'static str, response: &str, content: &str) -> (BodyLength, FramingRule) {
    let mut asker = Asker::asking(method);
    asker.feed(response).assert_idle();
    let mut slow = Asker::asking(method);
    slow.dribble(response);
    assert_eq!(asker.said, slow.said, "{response:?}");
    assert_eq!(asker.exchanges().last().map(|(_, content)| content.as_str()), Some(content), "{response:?}");
    assert!(matches!(asker.said.last(), Some(Said::End(_))));
    let answer: &Answer = asker.only_answer();
    (answer.length, answer.rule)
}

/// A response is refused, whole and octet by octet, for this; nothing behind it is read.
#[track_caller]
fn assert_refused(method: &'static str, response: &str, kind: ProtocolErrorKind) {
    for whole in [true, false] {
        let mut asker = Asker::asking(method);
        if whole {
            asker.feed(response)
        } else {
            asker.dribble(response)
        };
        assert_eq!(asker.error(), Some(kind), "{response:?}, whole: {whole}");
        asker.assert_closes(CloseReason::ProtocolError);
        let said = asker.said.len();
        asker.feed(&ok(""));
        assert_eq!((asker.said.len(), asker.buffer.len()), (said, 0), "nothing is read behind {response:?}");
    }
}

#[test]
fn frame_03_head_204_and_304_end_with_their_heads() {
    let none = (BodyLength::Empty, FramingRule::NoContent);
    for (method, status, fields) in [
        ("HEAD", "200 OK", "Content-Length: 5\r\n"),
        ("HEAD", "200 OK", "Transfer-Encoding: chunked\r\n"),
        ("HEAD", "404 Not Found", ""),
        ("GET", "204 No Content", "Content-Length: 5\r\n"),
        ("GET", "204 No Content", ""),
        ("GET", "304 Not Modified", "Content-Length: 10\r\n"),
        ("GET", "304 Not Modified", "Transfer-Encoding: chunked\r\n"),
    ] {
        assert_eq!(framed(method, &answer(status, fields), ""), none, "{method} {status} {fields}");
    }
}

#[test]
fn frame_18_content_of_known_length_leaves_the_connection() {
    let exact = |octets| (BodyLength::Exact(octets), FramingRule::ContentLength);
    assert_eq!(framed("GET", &ok("hello"), "hello"), exact(5));
    assert_eq!(framed("GET", &ok(""), ""), exact(0));
    assert_eq!(framed("GET", &answer("205 Reset Content", "Content-Length: 0\r\n"), ""), exact(0));
    assert_eq!(framed("POST", &(answer("500 Oh", "Content-Length: 1\r\n") + "x"), "x"), exact(1), "PERS-17");
    assert_eq!(framed("CONNECT", &(answer("407 No", "Content-Length: 1\r\n") + "x"), "x"), exact(1), "UPG-11");
    let chunked = answer("200 OK", "Transfer-Encoding: chunked\r\n") + "2\r\nab\r\n1;x\r\nc\r\n0\r\n\r\n";
    assert_eq!(framed("GET", &chunked, "abc"), (BodyLength::Chunked, FramingRule::Chunked));
}

#[test]
fn chunk_13_trailers_stand_apart_and_those_that_may_not_are_dropped() {
    let mut asker = Asker::asking("GET");
    let trailers = "T: v\r\nContent-Length: 3\r\nConnection: close\r\nU: w\r\n";
    asker.feed(&(answer("200 OK", "Transfer-Encoding: chunked\r\n") + "0\r\n" + trailers + "\r\n")).assert_idle();
    let expected = common::expect_pairs(&[("T", "v"), ("U", "w")]);
    assert_eq!(asker.said.last(), Some(&Said::End(expected)));
}

#[test]
fn frame_faulty_framing_of_a_response_is_an_error() {
    use ProtocolErrorKind::*;
    for (fields, kind) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", LengthAndTransferEncoding),
        ("Content-Length: x\r\n", ContentLength),
        ("Content-Length: 5, 6\r\n", ContentLength),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", ContentLengthRepeated),
        ("Content-Length: 18446744073709551616\r\n", ContentLengthTooLarge),
        ("Transfer-Encoding: chunked, chunked\r\n", ChunkedMisused),
        ("X : y\r\n", WhitespaceBeforeColon),
    ] {
        assert_refused("GET", &answer("200 OK", fields), kind);
    }
    assert_refused("GET", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", TransferEncodingInHttp10);
}

#[test]
fn syn_17_octets_that_are_no_response_are_an_error() {
    use ProtocolErrorKind::*;
    for (octets, kind) in [
        ("HTTP/1.1 20 OK\r\n\r\n", StatusLine),
        ("HTTP/1.1 2000 OK\r\n\r\n", StatusLine),
        ("HTTP/1.1  200 OK\r\n\r\n", StatusLine),
        ("HTTP/2.0 200 OK\r\n\r\n", MajorVersion),
        ("GET / HTTP/1.1\r\n\r\n", NotHttp),
        ("<html>", NotHttp),
        ("\rHTTP/1.1 200 OK\r\n\r\n", NotHttp),
        ("\r\n HTTP/1.1 200 OK\r\n\r\n", NotHttp),
    ] {
        assert_refused("GET", octets, kind);
    }
    for line in ["HTTP/1.1 204\r\n\r\n", "HTTP/1.1 204 \r\n\r\n", "HTTP/1.7 204 \t\u{e9}\r\n\r\n"] {
        assert_eq!(framed("GET", line, "").0, BodyLength::Empty, "{line:?}");
    }
}

#[test]
fn syn_19_unknown_statuses_count_by_their_first_digit() {
    let mut asker = Asker::asking("GET");
    asker.feed(&(answer("199 Odd", "") + &answer("299 Odd", "Content-Length: 1\r\n") + "x")).assert_idle();
    assert!(matches!(&asker.said[0], Said::Interim(head) if head.status == 199));
    assert_eq!(asker.exchanges(), [(299, "x".into())]);
    assert_eq!(framed("GET", &answer("777 x", "Content-Length: 0\r\n"), "").0, BodyLength::Exact(0));
}

#[test]
fn syn_28_a_user_agent_unfolds_and_a_gateway_may_refuse() {
    let folded = answer("200 OK", "X: a\r\n  b\r\nTransfer-Encoding:\r\n chunked\r\n") + "0\r\n\r\n";
    let mut asker = Asker::asking("GET");
    asker.feed(&folded).assert_idle();
    let x = asker.only_answer().fields[0].1.clone();
    assert_eq!(x.split_whitespace().collect::<Vec<_>>(), ["a", "b"], "{x:?}");
    assert!(!x.contains(['\r', '\n', '\\']), "{x:?}");
    assert_eq!(asker.only_answer().length, BodyLength::Chunked, "unfolded before framing is judged");
    let mut strict = Asker::new(&with_policy(Policy::DEFAULT.with_response_fold(Tolerance::Refuse)));
    strict.ask("GET").feed(&folded);
    assert_eq!(strict.error(), Some(ProtocolErrorKind::ObsFold));
}

#[test]
fn close_10_until_close_ends_with_a_clean_end() {
    for (response, rule) in [
        (answer("200 OK", "") + "some", FramingRule::UntilClose),
        (answer("200 OK", "Connection: keep-alive\r\n") + "some", FramingRule::UntilClose),
        (answer("200 OK", "Transfer-Encoding: gzip\r\n") + "some", FramingRule::CodingUntilClose),
    ] {
        let mut asker = Asker::asking("GET");
        asker.feed(&response);
        assert_eq!((asker.only_answer().length, asker.only_answer().rule), (BodyLength::UntilClose, rule));
        assert_eq!(asker.connection.persistence(), Persistence::Close(CloseReason::UntilClose), "PERS-06");
        let refused = asker.try_ask(&common::client::request("GET"), [("Host", "a")], Content::Empty);
        assert_eq!(refused, Err(SendError::Ended(CloseReason::UntilClose)));
        asker.feed(" more").eof();
        assert_eq!(asker.exchanges(), [(200, "some more".into())]);
        assert_eq!(asker.said.last(), Some(&Said::End(vec![])));
        asker.assert_closes(CloseReason::UntilClose);
        assert_eq!(asker.verdicts(), []);
    }
}

#[test]
fn close_18_an_unclean_end_leaves_until_close_content_incomplete() {
    let mut asker = Asker::asking("GET");
    asker.feed(&(answer("200 OK", "") + "some")).eof_as(Eof::Truncated);
    assert_eq!(asker.error(), Some(ProtocolErrorKind::IncompleteContent));
    assert_eq!(asker.connection.unanswered().count(), 1);
    for whole in [ok("some"), answer("200 OK", "Transfer-Encoding: chunked\r\n") + "4\r\nsome\r\n0\r\n\r\n"] {
        let mut asker = Asker::asking("GET");
        asker.feed(&whole).eof_as(Eof::Truncated);
        assert_eq!(asker.error(), None, "what says its own end is complete");
        assert_eq!(asker.exchanges(), [(200, "some".into())]);
        asker.assert_closes(CloseReason::PeerClosed);
    }
}

#[test]
fn close_10_an_end_within_a_response_is_an_error() {
    for (part, kind) in [
        ("HTTP/1.1 200", ProtocolErrorKind::IncompleteHead),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", ProtocolErrorKind::IncompleteContent),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
            ProtocolErrorKind::IncompleteTrailers,
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n",
            ProtocolErrorKind::IncompleteTrailers,
        ),
    ] {
        let mut asker = Asker::asking("GET");
        asker.feed(part).eof();
        assert_eq!(asker.error(), Some(kind), "{part:?}");
        asker.assert_closes(CloseReason::Incomplete);
        assert_eq!(asker.connection.unanswered().count(), 1);
    }
}

#[test]
fn exp_10_interim_responses_are_any_number_within_the_limit() {
    let mut asker = Asker::asking("GET");
    let hints = answer("103 Early Hints", "Link: x\r\nContent-Length: 9\r\n");
    asker.feed(&(answer("100 Continue", "") + &hints + &answer("204 No Content", ""))).assert_idle();
    let interim = asker.said.iter().filter(|said| matches!(said, Said::Interim(_))).count();
    assert_eq!((interim, asker.exchanges()), (2, vec![(204, String::new())]), "EXP-11");

    let config = with_limits(Limits::DEFAULT.with_interim_responses(Some(2)));
    for (number, error) in [(2, None), (3, Some(ProtocolErrorKind::InterimResponses))] {
        let mut asker = Asker::new(&config);
        for _ in 0..2 {
            // the count is of one request
            asker.ask("GET").feed(&answer("103 Early Hints", "").repeat(number));
            if error.is_none() {
                asker.feed(&ok("")).assert_idle();
            }
            assert_eq!(asker.error(), error, "{number}");
            if error.is_some() {
                break;
            }
        }
    }
}

#[test]
fn pers_18_close_in_an_interim_response_waits_for_the_final_one() {
    let mut asker = Asker::asking("GET");
    asker.feed(&answer("103 Early Hints", "Connection: close\r\n"));
    assert_eq!(asker.connection.wants().shut, None);
    asker.feed(&ok("x"));
    assert_eq!(asker.exchanges(), [(200, "x".into())]);
    asker.assert_closes(CloseReason::CloseReceived);
}

#[test]
fn upg_11_a_tunnel_follows_a_successful_connect_at_once() {
    for status in ["200 OK", "204 No Content", "299 x"] {
        let mut asker = Asker::asking("CONNECT");
        asker.feed(&(answer(status, "Content-Length: 3\r\nConnection: close\r\n") + "\x16\x03\x01"));
        assert_eq!(asker.connection.persistence(), Persistence::Tunnel(TunnelReason::Connect), "{status}");
        assert_eq!(asker.buffer, b"\x16\x03\x01", "what follows is not ours");
        assert_eq!((asker.paused, asker.connection.wants().shut), (Some(PauseReason::Tunnel), None));
        assert_eq!(asker.only_answer().length, BodyLength::Empty);
        assert_eq!(asker.connection.next_deadline(), None);
        let more = asker.try_ask(&common::client::request("GET"), [("Host", "a")], Content::Empty);
        assert_eq!(more, Err(SendError::Misuse(Misuse::Tunnel)));
    }
}

#[test]
fn upg_06_upg_07_a_switch_is_to_what_was_offered() {
    for (offer, accepted, may) in [
        (Some("foo/2, bar"), "Connection: upgrade\r\nUpgrade: bar\r\n", true),
        (Some("foo/2, bar"), "Connection: upgrade\r\nUpgrade: FOO/2\r\n", true),
        (Some("foo/2, bar"), "Connection: upgrade\r\nUpgrade: baz\r\n", false),
        (Some("foo/2, bar"), "Connection: upgrade\r\nUpgrade: bar, baz\r\n", false),
        (Some("foo"), "Upgrade: foo\r\n", false),
        (Some("foo"), "Connection: upgrade\r\n", false),
        (None, "Connection: upgrade\r\nUpgrade: foo\r\n", false),
    ] {
        let mut asker = Asker::new(&DEFAULT);
        let fields = [("Host", "a")].into_iter().chain(offer.map(|offer| ("Upgrade", offer)));
        asker.try_ask(&common::client::request("GET"), fields, Content::Empty).unwrap();
        asker.feed(&(answer("101 Switching Protocols", accepted) + "\u{81}\u{5}"));
        match may {
            true => {
                assert_eq!(asker.connection.persistence(), Persistence::Tunnel(TunnelReason::Upgrade), "{accepted}");
                assert_eq!(asker.buffer, b"\x81\x05");
                assert_eq!(asker.only_answer().status, StatusCode::SWITCHING_PROTOCOLS.as_u16());
            }
            false => assert_eq!(asker.error(), Some(ProtocolErrorKind::UpgradeNotOffered), "{offer:?} {accepted}"),
        }
    }
}

#[test]
fn upg_05_no_switch_before_the_request_is_whole() {
    let mut asker = Asker::new(&DEFAULT);
    asker.ask_with("POST", [("Upgrade", "foo")], Content::Exact(3));
    asker.content("ab").feed(&answer("101 x", "Connection: upgrade\r\nUpgrade: foo\r\n"));
    assert_eq!(asker.error(), Some(ProtocolErrorKind::UpgradeNotOffered));
}

#[test]
fn upg_02_a_server_may_ignore_an_offer() {
    let mut asker = Asker::new(&DEFAULT);
    asker.ask_with("GET", [("Upgrade", "foo")], Content::Empty);
    asker.feed(&answer("426 Upgrade Required", "Upgrade: foo\r\nContent-Length: 0\r\n")).assert_idle();
    asker.ask("GET").feed(&ok("x")).assert_idle();
}

// ---- early answers

#[test]
fn limit_06_more_content_than_the_limit_is_an_error() {
    let config = with_limits(Limits::DEFAULT.with_content(Some(4)));
    for (response, error) in [
        (ok("four"), None),
        (ok("fives"), Some(ProtocolErrorKind::ContentTooLarge)),
        // where the head says more than its length, too
        (answer("200 OK", "Connection: keep-alive\r\nContent-Length: 4\r\n") + "four", None),
        (
            answer("200 OK", "Connection: keep-alive\r\nContent-Length: 5\r\n") + "fives",
            Some(ProtocolErrorKind::ContentTooLarge),
        ),
        (answer("200 OK", "") + "fives", Some(ProtocolErrorKind::ContentTooLarge)),
        (
            answer("200 OK", "Transfer-Encoding: chunked\r\n") + "5\r\nfives\r\n0\r\n\r\n",
            Some(ProtocolErrorKind::ContentTooLarge),
        ),
    ] {
        let mut asker = Asker::new(&config);
        asker.ask("GET").feed(&response);
        assert_eq!(asker.error(), error, "{response}");
    }
    let mut asker = Asker::new(&config);
    asker.ask("HEAD").feed(&answer("200 OK", "Content-Length: 5\r\n")).assert_idle();
}
