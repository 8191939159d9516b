//! Responses that come before their request is sent whole (RFC 9112 9.5; RFC 9110 7.5, 10.1.1), and those that end their connection by
//! their status (15.5.9, 15.5.20).

use crate::common;
use crate::common::client::{Asker, DEFAULT, answer, ok, with_policy};
use http_keepalive::{
    CloseReason, Content, DeadlineKind, Misuse, PauseReason, Persistence, Policy, SendError, Shut, Turn, Use,
};

#[test]
fn close_14_content_nobody_wants_is_stopped() {
    for content in [Content::Exact(9), Content::Unknown] {
        let mut asker = Asker::new(&DEFAULT);
        asker.ask_with("POST", [], content);
        asker.content("abc").written();
        asker.feed(&answer("413 Content Too Large", "Connection: close\r\nContent-Length: 2\r\n"));
        assert_eq!(asker.connection.wants().application, None, "nothing more is asked for");
        asker.assert_given_up(CloseReason::CloseReceived);
        asker.feed("no");
        assert_eq!(asker.exchanges(), [(413, "no".into())]);
        assert!(matches!(asker.connection.persistence(), Persistence::Close(_)));
        assert!(asker.connection.lifecycle().close_reasons().any(|reason| reason == CloseReason::EarlyResponse));
        assert!(asker.connection.lifecycle().has_ended());
        asker.assert_given_up(CloseReason::CloseReceived);
    }
}

#[test]
fn close_15_content_goes_on_where_the_response_does_not_close() {
    for status in ["200 OK", "413 Content Too Large"] {
        let mut asker = Asker::new(&DEFAULT);
        asker.ask_with("POST", [], Content::Exact(6));
        asker.content("abc").feed(&(answer(status, "Content-Length: 2\r\n") + "ok"));
        assert_eq!(asker.connection.wants().application, Some(Turn::Content));
        assert!(!asker.connection.lifecycle().is_idle(), "both must be complete");
        let early = asker.try_ask(&common::client::request("GET"), [("Host", "a")], Content::Empty);
        assert_eq!(early, Err(Misuse::RequestUnfinished.into()));
        asker.content("def").assert_idle();
        asker.ask("GET").feed(&ok("")).assert_idle();
    }
}

#[test]
fn close_15_policy_may_stop_refused_content() {
    let mut asker = Asker::new(&with_policy(Policy::DEFAULT.with_stop_refused_content(Use::On)));
    asker.ask_with("POST", [], Content::Exact(6));
    asker.content("abc").feed(&answer("413 x", "Content-Length: 0\r\n"));
    asker.assert_closes(CloseReason::EarlyResponse);
}

#[test]
fn close_15_octets_behind_an_early_response_end_the_connection_at_its_end() {
    let mut asker = Asker::new(&DEFAULT);
    asker.ask_with("POST", [], Content::Exact(6));
    asker.content("abc").feed(&(ok("") + "junk"));
    assert_eq!(asker.paused, Some(PauseReason::ResponseDue));
    asker.content("def").pump();
    asker.assert_closes(CloseReason::Unsolicited);
    assert!(asker.buffer.is_empty());
}

/// An upload that is answered early, and whose peer closes its side then.
fn answered_early_and_left(answer: &str) -> Asker {
    let mut asker = Asker::new(&DEFAULT);
    asker.ask_with("POST", [], Content::Exact(6));
    asker.content("abc").feed(answer).eof();
    assert_eq!(asker.error(), None);
    assert_eq!(asker.exchanges().len(), 1);
    asker
}

#[test]
fn close_15_content_goes_on_after_an_early_success_though_the_peer_has_closed_its_side() {
    for junk in ["", "junk"] {
        let mut asker = answered_early_and_left(&(ok("x") + junk));
        assert_eq!(asker.connection.wants().application, Some(Turn::Content), "{junk:?}");
        asker.content("def").pump();
        assert!(asker.connection.lifecycle().has_ended() && asker.connection.is_request_whole(), "{junk:?}");
        // until a write fails
        let mut asker = answered_early_and_left(&(ok("x") + junk));
        asker.connection.write_failed(asker.now);
        asker.pump();
        assert!(asker.connection.lifecycle().has_ended() && !asker.connection.is_request_whole(), "{junk:?}");
        assert_eq!(asker.connection.unanswered().count(), 0);
    }
}

#[test]
fn close_14_a_peer_that_refuses_and_leaves_ends_the_connection() {
    let asker = answered_early_and_left(&answer("413 x", "Content-Length: 0\r\n"));
    assert!(asker.connection.lifecycle().has_ended(), "{:?}", asker.connection.wants());
    assert!(!asker.connection.is_request_whole());
}

#[test]
fn close_14_content_is_given_up_for_a_refusal_that_closes_and_for_nothing_else() {
    let closing = ["Connection: close\r\nContent-Length: 2\r\n", "Content-Length: 2\r\nConnection: x, close\r\n"];
    for status in [200, 201, 204, 302, 307, 399, 400, 413, 417, 499, 500, 503, 599, 600, 999] {
        for fields in closing {
            for expects in [false, true] {
                let mut asker = Asker::new(&DEFAULT);
                if expects {
                    asker.ask_with("POST", [("Expect", "100-continue")], Content::Exact(6));
                } else {
                    asker.ask_with("POST", [], Content::Exact(6));
                    asker.content("abc");
                }
                asker.feed(&answer(&format!("{status} x"), fields));
                // content that was held back is not wanted after any answer that is no success
                let given_up = status >= if expects { 300 } else { 400 };
                let case = format!("{status} {fields} {expects}");
                assert_eq!(asker.connection.is_request_whole(), !given_up, "{case}");
                let mut out = [0; 16];
                let sent = asker.connection.send_content(asker.now, b"def", &mut out);
                match given_up {
                    true => assert!(matches!(sent, Err(SendError::Ended(_))), "{case}: {sent:?}"),
                    false => assert_eq!(sent.expect("it goes on").consumed, 3, "{case}"),
                }
            }
        }
    }
}

#[test]
fn close_14_content_goes_on_after_a_success_that_ends_the_connection_in_any_way() {
    let ends = [
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 302 Found\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    ];
    for early in ends {
        let mut asker = Asker::new(&DEFAULT);
        asker.ask_with("POST", [], Content::Exact(6));
        asker.content("abc").feed(early);
        assert_eq!(asker.connection.wants().application, Some(Turn::Content), "{early}");
        assert_eq!(asker.connection.wants().shut, None, "{early}");
        asker.content("def");
        if early.starts_with("HTTP/1.1 200 OK\r\n\r\n") {
            asker.eof();
        }
        assert_eq!(asker.exchanges().last().map(|(_, content)| &content[..]), Some("ok"), "{early}");
        assert!(asker.connection.lifecycle().has_ended() && asker.connection.is_request_whole(), "{early}");
    }
}

#[test]
fn close_15_what_was_handed_out_leaves_before_the_connection_that_ends_is_closed() {
    type Ends = fn(&mut Asker);
    let ends: [(&str, &str, Ends); 8] = [
        ("a close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", |_| {}),
        ("a redirection", "HTTP/1.1 302 x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", |_| {}),
        ("HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", |_| {}),
        ("until close", "HTTP/1.1 200 OK\r\n\r\nok", |asker| {
            asker.eof();
        }),
        ("the peer's end", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", |asker| {
            asker.eof();
        }),
        ("a drain", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", |asker| {
            asker.connection.close_after_exchange(asker.now)
        }),
        ("a drain after a refusal", "HTTP/1.1 404 x\r\nContent-Length: 2\r\n\r\nok", |asker| {
            asker.connection.close_after_exchange(asker.now);
        }),
        (
            "max",
            "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: max=0\r\nContent-Length: 2\r\n\r\nok",
            |_| {},
        ),
    ];
    for (name, early, end) in ends {
        for drains_first in [false, true] {
            let mut asker = Asker::new(&DEFAULT);
            asker.leaves = false;
            let head = asker.ask_with("POST", [], Content::Exact(6)).len() as u64;
            asker.left(head).content("abcdef").left(2);
            if drains_first {
                end(&mut asker);
            }
            if !(drains_first && name.contains("end")) {
                asker.feed(early);
            }
            if !drains_first {
                end(&mut asker);
            }
            let cut = drains_first && (name == "the peer's end" || name == "until close");
            if cut {
                continue;
            }
            assert_eq!(asker.connection.wants().shut, None, "{name}: four octets wait");
            assert!(asker.connection.wants().flush && !asker.connection.lifecycle().is_idle(), "{name}");
            assert_eq!(asker.connection.unanswered().count(), 0, "{name}: it was answered");
            let more = asker.try_ask(&common::client::request("GET"), [("Host", "a")], Content::Empty);
            assert!(matches!(more, Err(SendError::Ended(_))), "{name}: {more:?}");
            // they leave, or can not, or stall
            let mut stalled = asker.connection.next_deadline().expect("the peer is to read");
            assert!(matches!(stalled.kind, DeadlineKind::WriteStall | DeadlineKind::Drain), "{name}: {stalled:?}");
            asker.left(3);
            assert_eq!(asker.connection.wants().shut, None, "{name}: one waits");
            stalled = asker.connection.next_deadline().expect("the peer is to read");
            if drains_first {
                asker.left(1);
            } else {
                asker.now = stalled.at;
                asker.connection.write_failed(asker.now);
            }
            assert!(
                matches!(asker.connection.wants().shut, Some(Shut::Close(_))),
                "{name}: {:?}",
                asker.connection.wants()
            );
            assert_eq!(asker.connection.is_request_whole(), drains_first, "{name}");
        }
    }
    // where the answer refuses it, nothing of it is of use any more
    let mut asker = Asker::new(&DEFAULT);
    asker.leaves = false;
    let head = asker.ask_with("POST", [], Content::Exact(6)).len() as u64;
    asker.left(head).content("abcdef").left(2).feed("HTTP/1.1 413 x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    asker.assert_closes(CloseReason::CloseReceived);
}

#[test]
fn a_408_or_a_421_ends_its_connection_and_other_refusals_keep_it() {
    let cases = [("408 x", CloseReason::RequestTimeoutReceived), ("421 x", CloseReason::Misdirected)];
    for (status, reason) in cases {
        for fields in ["Content-Length: 2\r\n", "Connection: keep-alive\r\nContent-Length: 2\r\n"] {
            let mut asker = Asker::asking("GET");
            asker.feed(&(answer(status, fields) + "no"));
            asker.assert_closes(reason);
            // used before, chunked, in pieces
            let mut asker = Asker::asking("GET");
            asker.feed(&ok("")).ask("GET");
            asker.dribble(&(answer(status, "Transfer-Encoding: chunked\r\n") + "2\r\nno\r\n0\r\n\r\n"));
            asker.assert_closes(reason);
        }
    }
    for status in ["400 x", "409 x", "417 x", "422 x", "425 x", "429 x", "503 x"] {
        let mut asker = Asker::asking("GET");
        asker.feed(&answer(status, "Content-Length: 0\r\n")).assert_idle();
    }
}

#[test]
fn a_421_leaves_the_connection_to_a_proxy_to_the_requests_for_others() {
    let config = with_policy(Policy::DEFAULT.with_misdirected_close(Use::Off));
    let mut asker = Asker::new(&config);
    asker.ask("GET").feed(&answer("421 x", "Content-Length: 0\r\n")).assert_idle();
    asker.ask("GET").feed(&answer("421 x", "Connection: close\r\nContent-Length: 0\r\n"));
    asker.assert_closes(CloseReason::CloseReceived);
    let mut asker = Asker::new(&config);
    asker.ask("GET").feed(&answer("408 x", "Content-Length: 0\r\n"));
    asker.assert_closes(CloseReason::RequestTimeoutReceived);
}

#[test]
fn exp_08_content_held_back_is_not_sent_where_it_is_not_wanted() {
    for (status, wanted) in [("200 OK", true), ("299 x", true), ("300 x", false), ("417 x", false), ("503 x", false)] {
        let mut asker = Asker::new(&DEFAULT);
        asker.ask_with("POST", [("Expect", "100-continue")], Content::Exact(3));
        asker.written();
        asker.feed(&answer(status, "Content-Length: 0\r\n"));
        if wanted {
            assert_eq!(asker.connection.wants().application, Some(Turn::Content), "{status}");
            asker.content("abc").assert_idle();
            assert_eq!(asker.written(), "abc");
        } else {
            asker.assert_closes(CloseReason::ContentUnwanted);
            asker.assert_given_up(CloseReason::ContentUnwanted);
        }
    }
}

#[test]
fn exp_08_content_is_sent_when_it_is_asked_for() {
    let mut asker = Asker::new(&DEFAULT);
    asker.ask_with("POST", [("Expect", "100-continue")], Content::Exact(3));
    asker.feed(&answer("103 Early Hints", ""));
    assert_eq!(asker.connection.wants().application, None, "hints ask for nothing");
    asker.feed(&answer("100 Continue", ""));
    assert_eq!(asker.connection.wants().application, Some(Turn::Content));
    asker.content("abc").feed(&ok("")).assert_idle();
}
