//! Pipelining (RFC 9112 9.2, 9.3.2): what may follow what, which answer is whose, and what a broken pipeline leaves.

use crate::common;
use crate::common::client::{Asker, DEFAULT, HOST, Said, answer, ok, request, with_limits, with_policy};
use http_keepalive::retry::{Advice, RetryReason};
use http_keepalive::{
    CloseReason, Content, Limits, Misuse, Policy, ProtocolErrorKind, Request, Reusable, SendError, Use,
};

/// Another request is refused now, for this.
#[track_caller]
fn assert_held(asker: &mut Asker, why: impl Into<SendError>) {
    let (before, why) = (asker.connection.clone(), why.into());
    assert_eq!(asker.try_ask(&request("GET"), HOST, Content::Empty), Err(why));
    assert_eq!(asker.connection, before, "no state moves");
    let expected = match why {
        SendError::Ended(reason) => Reusable::No(reason),
        SendError::Misuse(misuse) => Reusable::Wait(misuse),
        SendError::OutputTooSmall { .. } => panic!("it fits"),
    };
    assert_eq!(asker.connection.reusable(asker.now), expected);
}

#[test]
fn pipe_01_the_first_request_goes_alone_until_the_peer_is_known() {
    let mut asker = Asker::asking("GET");
    assert_held(&mut asker, Misuse::PipelineHeld);
    asker.feed(&answer("103 Early Hints", ""));
    asker.ask("GET").feed(&(ok("a") + &ok("b"))).assert_idle();
    asker.ask("GET").ask("GET").feed("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n");
    assert_held(&mut asker, Misuse::PipelineHeld);
    asker.feed(&ok("")).assert_idle();

    let mut known = Asker::knowing(&DEFAULT);
    known.ask("GET").ask("GET");
    assert_eq!(known.connection.unanswered().count(), 2);
}

#[test]
fn pipe_01_policy_may_switch_it_off() {
    let mut asker = Asker::knowing(&with_policy(Policy::DEFAULT.with_pipelining(Use::Off)));
    asker.ask("GET");
    assert_held(&mut asker, Misuse::PipelineHeld);
    asker.feed(&ok("")).assert_idle();
    asker.ask("GET");
}

#[test]
fn pipe_03_answers_are_in_order_and_the_queue_is_bounded() {
    let mut asker = Asker::knowing(&DEFAULT);
    asker.ask("GET").ask("OPTIONS").ask("DELETE").ask("HEAD");
    assert_held(&mut asker, Misuse::PipelineFull);
    asker.feed(&ok("a"));
    asker.ask("GET");
    assert_held(&mut asker, Misuse::PipelineFull);
    asker.feed(&(ok("b") + &ok("c") + &answer("200 OK", "Content-Length: 9\r\n") + &ok("e"))).assert_idle();
    let contents: Vec<_> = asker.exchanges().into_iter().map(|(_, content)| content).collect();
    assert_eq!(contents, ["a", "b", "c", "", "e"]);
    assert_eq!(asker.connection.lifecycle().requests(), 5);
}

#[test]
fn pipe_04_each_answer_is_framed_by_its_own_request() {
    let stream = answer("100 Continue", "")
        + &answer("200 OK", "Content-Length: 5\r\n")
        + &answer("103 Early Hints", "")
        + &ok("ok")
        + &answer("304 Not Modified", "Content-Length: 7\r\n")
        + &ok("end");
    for whole in [true, false] {
        let mut asker = Asker::knowing(&DEFAULT);
        asker.ask("HEAD").ask("GET").ask("GET").ask("GET");
        if whole {
            asker.feed(&stream)
        } else {
            asker.dribble(&stream)
        };
        asker.assert_idle();
        let expected = [(200, ""), (200, "ok"), (304, ""), (200, "end")];
        assert_eq!(asker.exchanges(), expected.map(|(status, content)| (status, content.to_string())));
    }
}

#[test]
fn pipe_06_nothing_follows_what_may_not_be_repeated() {
    let mut asker = Asker::knowing(&DEFAULT);
    asker.ask("GET").ask("POST");
    assert_held(&mut asker, Misuse::PipelineHeld);
    asker.feed(&ok(""));
    assert_held(&mut asker, Misuse::PipelineHeld);
    asker.feed(&ok("")).assert_idle();
    for method in ["POST", "PATCH", "get", "M-SEARCH"] {
        asker.ask(method);
        assert_held(&mut asker, Misuse::PipelineHeld);
        asker.feed(&answer("103 Early Hints", ""));
        assert_held(&mut asker, Misuse::PipelineHeld);
        asker.feed(&ok(""));
    }
    // the caller may know better
    asker.try_ask(&request("POST").with_idempotent(true), HOST, Content::Empty).unwrap();
    asker.ask("GET").feed(&(ok("") + &ok(""))).assert_idle();
}

#[test]
fn pipe_07_nothing_follows_what_may_end_http_here() {
    const CLOSED: SendError = SendError::Ended(CloseReason::CloseSent);
    const HELD: SendError = SendError::Misuse(Misuse::PipelineHeld);
    const UNFINISHED: SendError = SendError::Misuse(Misuse::RequestUnfinished);
    for (request, fields, content, why) in [
        (request("GET").with_close(true), [("X", "y")], Content::Empty, CLOSED),
        (request("GET"), [("Upgrade", "foo")], Content::Empty, HELD),
        (request("CONNECT").with_idempotent(true), [("X", "y")], Content::Empty, HELD),
        (request("PUT"), [("Expect", "100-continue")], Content::Exact(1), UNFINISHED),
    ] {
        let mut asker = Asker::knowing(&DEFAULT);
        asker.ask("GET");
        let host = common::client::host(request.method().as_str());
        asker.try_ask(&request, host.into_iter().chain(fields), content).unwrap();
        assert_held(&mut asker, why);
        if content == Content::Exact(1) {
            asker.content("x");
            assert_held(&mut asker, Misuse::PipelineHeld);
        }
        asker.feed(&ok("a"));
        assert_held(&mut asker, if why == CLOSED { CLOSED } else { HELD });
        asker.feed(&answer("404 x", "Content-Length: 0\r\n"));
        assert_eq!(asker.exchanges().len(), 2);
        match why {
            CLOSED => asker.assert_closes(CloseReason::CloseSent),
            _ => asker.assert_idle(),
        }
    }
}

#[test]
fn pipe_a_request_is_sent_whole_before_the_next() {
    let mut asker = Asker::knowing(&DEFAULT);
    asker.ask_with("PUT", [], Content::Unknown);
    assert_held(&mut asker, Misuse::RequestUnfinished);
    asker.content("abc");
    assert_held(&mut asker, Misuse::RequestUnfinished);
    asker.end(http_keepalive::NO_FIELDS).ask("GET").feed(&(ok("a") + &ok("b"))).assert_idle();
}

#[test]
fn h10_15_max_bounds_what_is_outstanding() {
    let mut asker = Asker::knowing(&DEFAULT);
    asker.ask("GET").ask("GET");
    let max = |max: u32| {
        answer("200 OK", &format!("Connection: keep-alive\r\nKeep-Alive: max={max}\r\nContent-Length: 0\r\n"))
    };
    asker.feed(&max(2));
    asker.ask("GET");
    assert_eq!(asker.try_ask(&request("GET"), HOST, Content::Empty), Err(SendError::Ended(CloseReason::MaxHint)));
    assert_eq!(asker.connection.reusable(asker.now), Reusable::No(CloseReason::MaxHint));
    asker.feed(&(ok("") + &ok("last")));
    assert_eq!(asker.exchanges().last(), Some(&(200, "last".into())));
    asker.assert_closes(CloseReason::MaxHint);
}

#[test]
fn pers_14_a_close_in_the_middle_leaves_the_rest_unanswered() {
    let mut asker = Asker::knowing(&DEFAULT);
    asker.ask("GET").ask("GET").ask("PUT").ask("POST");
    asker.feed(&ok("a"));
    asker.feed(&(answer("200 OK", "Connection: close\r\nContent-Length: 1\r\n") + "b" + &ok("never read")));
    assert_eq!(asker.exchanges(), [(200, "a".into()), (200, "b".into())]);
    asker.assert_closes(CloseReason::CloseReceived);
    // that they were not processed can not be relied on (RETRY-07)
    let expected = [(2, Advice::Retry, RetryReason::Idempotent), (3, Advice::Ask, RetryReason::NotIdempotent)];
    assert_eq!(asker.verdicts(), expected);
    assert!(asker.connection.lifecycle().pipeline_broke(), "PIPE-08");
    assert!(asker.connection.unanswered().all(|left| left.evidence.pipelined && left.evidence.reused));
}

#[test]
fn pipe_09_an_end_in_the_middle_leaves_the_cut_and_the_rest() {
    let mut asker = Asker::knowing(&DEFAULT);
    asker.ask("GET").ask("GET").ask("GET");
    asker.feed(&(ok("a") + "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")).eof();
    assert_eq!(asker.error(), Some(ProtocolErrorKind::IncompleteContent));
    let expected = [(1, Advice::Never, RetryReason::ResponseBegun), (2, Advice::Retry, RetryReason::Idempotent)];
    assert_eq!(asker.verdicts(), expected);
    assert!(asker.connection.lifecycle().pipeline_broke());
}

#[test]
fn pipe_09_until_close_content_takes_the_rest() {
    let mut asker = Asker::knowing(&DEFAULT);
    asker.ask("GET").ask("GET");
    asker.feed(&(answer("200 OK", "") + &ok("b"))).eof();
    assert_eq!(asker.answers().len(), 1);
    asker.assert_closes(CloseReason::UntilClose);
    assert_eq!(asker.verdicts(), [(1, Advice::Retry, RetryReason::Idempotent)]);
    assert!(!asker.connection.lifecycle().pipeline_broke(), "one is no pipeline");
}

#[test]
fn pipe_09_an_end_between_answers_leaves_the_rest() {
    let mut asker = Asker::knowing(&DEFAULT);
    asker.ask("GET").ask("GET").feed(&ok("a")).eof();
    assert_eq!((asker.error(), asker.said.last()), (None, Some(&Said::PeerClosed)));
    asker.assert_closes(CloseReason::PeerClosed);
    assert_eq!(asker.verdicts(), [(1, Advice::Retry, RetryReason::Idempotent)]);
}

#[test]
fn pipe_09_what_has_not_left_may_be_repeated_whatever_it_is() {
    let mut asker = Asker::knowing(&DEFAULT);
    asker.leaves = false;
    let first = asker.ask_with("GET", [], Content::Empty).len() as u64;
    asker.ask("POST").left(first);
    asker.connection.nothing_left(asker.now);
    asker.eof();
    let expected = [(0, Advice::Retry, RetryReason::Idempotent), (1, Advice::Retry, RetryReason::NotSent)];
    assert_eq!(asker.verdicts(), expected);
    let mut asker = Asker::knowing(&DEFAULT);
    asker.leaves = false;
    asker.ask("GET").ask("POST").left(first + 1).eof();
    assert_eq!(asker.verdicts()[1], (1, Advice::Ask, RetryReason::NotIdempotent), "one octet may be enough");
}

#[test]
fn pers_a_last_request_may_close_a_pipeline() {
    let mut asker = Asker::knowing(&with_limits(Limits::DEFAULT.with_max_exchanges(Some(3))));
    asker.ask("GET").ask("GET").written();
    asker.ask("GET");
    assert!(asker.written().contains("Connection: close\r\n"));
    assert_held(&mut asker, SendError::Ended(CloseReason::MaxExchanges));
    asker.feed(&(ok("a") + &ok("b")));
    assert_eq!(asker.connection.wants().shut, None, "one is still owed");
    asker.feed(&ok("c")).assert_closes(CloseReason::MaxExchanges);
    assert_eq!(asker.exchanges().len(), 3);
}

#[test]
fn upg_11_a_tunnel_behind_a_pipeline() {
    let mut asker = Asker::knowing(&DEFAULT);
    asker.ask("GET").ask("CONNECT").feed(&(ok("a") + &answer("200 OK", "") + "tunnelled"));
    assert_eq!(asker.exchanges(), [(200, "a".into()), (200, String::new())]);
    assert_eq!(asker.buffer, b"tunnelled");
    assert_eq!(asker.verdicts(), []);
}

#[test]
fn a_queue_of_one_is_no_pipeline() {
    let config = http_keepalive::Config::<http_keepalive::Client>::DEFAULT;
    let now = http_keepalive::Instant::from_secs(1);
    let mut connection = http_keepalive::Connection::new(now, &config);
    connection.knows_http11();
    let (get, mut out): (Request<'_>, _) = (request("GET"), [0; 99]);
    connection.send_request(now, &get, HOST, Content::Empty, &mut out).unwrap();
    let second = connection.send_request(now, &get, HOST, Content::Empty, &mut out);
    assert_eq!(second, Err(Misuse::PipelineFull.into()));
}

#[test]
fn content_past_the_connection_ends_its_response() {
    let mut asker = Asker::knowing(&DEFAULT);
    asker.ask("GET").ask("GET").feed(&answer("200 OK", "Content-Length: 4\r\n"));
    assert_eq!(asker.connection.contiguous_content(), 4);
    assert_eq!(asker.connection.skip_content(asker.now, 5), Err(Misuse::ContentNotExpected.into()));
    asker.connection.skip_content(asker.now, 4).unwrap();
    asker.feed(&ok("b")).assert_idle();
    assert_eq!(asker.said[1], Said::End(vec![]));
    assert_eq!(asker.exchanges(), [(200, String::new()), (200, "b".into())]);

    // no more of until-close content than the limit
    let mut asker = Asker::new(&with_limits(Limits::DEFAULT.with_content(Some(6))));
    asker.ask("GET").feed(&(answer("200 OK", "") + "ab"));
    assert_eq!(asker.connection.contiguous_content(), 4);
    assert_eq!(asker.connection.skip_content(asker.now, 5), Err(Misuse::ContentNotExpected.into()));
    asker.connection.skip_content(asker.now, 4).unwrap();
    assert_eq!(asker.feed("c").error(), Some(ProtocolErrorKind::ContentTooLarge));
}
