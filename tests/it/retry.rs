//! What becomes of requests that were not answered (RFC 9110 9.2.2; RFC 9112 9.3.1): the verdict as a table, and the evidence.

use crate::common::client::{Asker, DEFAULT, HOST, answer, ok, request};
use http_keepalive::retry::{Advice, Evidence, RetryReason, RetryVerdict, Sender, Sent};
use http_keepalive::{CloseReason, Content, Method, MethodKind, ProtocolErrorKind, SendError, Shut, StatusCode};

use Advice::{Ask, Never, Retry};
use Sender::{Proxy, UserAgent};

const GET: Evidence = Evidence { sent: Sent::All, ..Evidence::new(MethodKind::Get) };
const POST: Evidence = Evidence { sent: Sent::All, ..Evidence::new(MethodKind::Post) };

#[track_caller]
fn assert_verdict(evidence: Evidence, advice: Advice, reason: RetryReason) {
    assert_eq!(evidence.verdict(), RetryVerdict { advice, reason }, "{evidence:?}");
}

#[test]
fn retry_02_the_idempotent_methods() {
    use MethodKind::*;
    for (method, idempotent) in [
        (Get, true),
        (Head, true),
        (Options, true),
        (Trace, true),
        (Put, true),
        (Delete, true),
        (Post, false),
        (Connect, false),
        (Other, false),
    ] {
        for sent in [Sent::Unknown, Sent::Some, Sent::All] {
            let evidence = Evidence { sent, ..Evidence::new(method) };
            assert_eq!(evidence.idempotent, idempotent);
            match idempotent {
                true => assert_verdict(evidence, Retry, RetryReason::Idempotent),
                false => assert_verdict(evidence, Ask, RetryReason::NotIdempotent),
            }
        }
    }
    // by their names, with case
    let of_name = |name: &str| Method::new(name.as_bytes()).kind().is_idempotent();
    for name in ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"] {
        assert!(of_name(name) && !of_name(&name.to_lowercase()), "{name}");
    }
    for name in ["POST", "PATCH", "CONNECT", "PROPFIND", "", "GETS"] {
        assert!(!of_name(name), "{name}");
    }
}

#[test]
fn retry_03_what_was_not_sent_was_not_applied() {
    for evidence in [GET, POST, POST.sent_for(Proxy), POST.after(3).after_reused(3)] {
        for response_begun in [false, true] {
            let evidence = Evidence { sent: Sent::Nothing, replayable: false, response_begun, ..evidence };
            assert_verdict(evidence, Retry, RetryReason::NotSent);
        }
    }
    for sent in [Sent::Unknown, Sent::Some] {
        assert_verdict(Evidence { sent, ..POST }, Ask, RetryReason::NotIdempotent);
        assert_verdict(Evidence { sent, replayable: false, ..GET }, Never, RetryReason::NotReplayable);
    }
    assert_verdict(Evidence { idempotent: true, ..POST }, Retry, RetryReason::Idempotent);
}

#[test]
fn retry_03_silence_counts_only_where_it_is_trusted() {
    let silent = Evidence { trusts_silence: true, reused: true, ..POST };
    assert_verdict(silent, Retry, RetryReason::SilentReuse);
    for evidence in [
        Evidence { trusts_silence: false, ..silent },
        Evidence { reused: false, ..silent },
        Evidence { pipelined: true, ..silent },
        silent.after(1),
    ] {
        assert_verdict(evidence, Ask, RetryReason::NotIdempotent);
    }
    assert_verdict(silent.sent_for(Proxy), Never, RetryReason::NotOurs);
    assert_verdict(Evidence { response_begun: true, ..silent }, Never, RetryReason::ResponseBegun);
    assert_verdict(Evidence { replayable: false, ..silent }, Never, RetryReason::NotReplayable);
}

#[test]
fn retry_04_a_proxy_never_repeats_what_is_not_idempotent() {
    assert_verdict(POST.sent_for(Proxy), Never, RetryReason::NotOurs);
    assert_verdict(POST.sent_for(Proxy).after(1), Never, RetryReason::NotOurs);
    assert_verdict(GET.sent_for(Proxy), Retry, RetryReason::Idempotent);
}

#[test]
fn retry_05_a_failed_repetition_is_not_repeated() {
    for sender in [UserAgent, Proxy] {
        for attempts in [1, 2, u32::MAX] {
            assert_verdict(GET.sent_for(sender).after(attempts), Ask, RetryReason::RetriedBefore);
            // nor where both tries were on connections that had been used
            let reused = Evidence { reused: true, ..GET.sent_for(sender).after(attempts).after_reused(attempts) };
            assert_verdict(reused, Ask, RetryReason::RetriedBefore);
        }
    }
    for status in [408, 417, 421, 425] {
        let answered = Evidence { status: StatusCode::new(status), ..GET };
        assert_verdict(answered.after(1), Ask, RetryReason::RetriedBefore);
    }
}

#[test]
fn retry_06_nothing_is_repeated_of_which_an_answer_was_seen_or_that_is_gone() {
    for evidence in [GET, POST, GET.sent_for(Proxy), GET.after(1)] {
        assert_verdict(Evidence { response_begun: true, ..evidence }, Never, RetryReason::ResponseBegun);
        assert_verdict(Evidence { replayable: false, ..evidence }, Never, RetryReason::NotReplayable);
    }
}

#[test]
fn retry_08_retry_09_retry_10_retry_12_answers_that_ask_for_another_try() {
    let answered = |evidence: Evidence, status| Evidence {
        status: StatusCode::new(status),
        // an answer that is there was begun
        response_begun: true,
        ..evidence
    };
    for (status, reason) in
        [(421, RetryReason::Misdirected), (417, RetryReason::ExpectationFailed), (425, RetryReason::TooEarly)]
    {
        for evidence in [GET, POST, POST.sent_for(Proxy)] {
            assert_verdict(answered(evidence, status), Retry, reason);
        }
    }
    assert_verdict(answered(GET, 408), Retry, RetryReason::RequestTimeout);
    assert_verdict(answered(POST, 408), Ask, RetryReason::NotIdempotent);
    assert_verdict(answered(POST.sent_for(Proxy), 408), Never, RetryReason::NotOurs);
    for status in [408, 417, 421, 425] {
        let gone = Evidence { replayable: false, ..answered(GET, status) };
        assert_verdict(gone, Never, RetryReason::NotReplayable);
    }
}

#[test]
fn retry_11_other_answers_are_answers() {
    for status in [200, 301, 400, 404, 411, 413, 429, 431, 500, 503] {
        for evidence in [GET, POST, Evidence { sent: Sent::Nothing, ..GET }] {
            let answered = Evidence { status: StatusCode::new(status), ..evidence };
            assert_verdict(answered, Never, RetryReason::Answered);
        }
    }
}

#[test]
fn retry_no_verdict_depends_on_what_it_may_not() {
    // every evidence: a proxy repeats what is not idempotent only if nothing was sent or the answer says it was not applied
    let bools = [false, true];
    for bits in 0..1 << 7 {
        let is = |bit: usize| bools[bits >> bit & 1];
        for sent in [Sent::Nothing, Sent::Some, Sent::All] {
            let evidence = Evidence {
                sent,
                idempotent: is(0),
                replayable: is(1),
                response_begun: is(2),
                reused: is(3),
                pipelined: is(4),
                attempts: u32::from(is(5)),
                trusts_silence: is(6),
                ..POST
            };
            for sender in [UserAgent, Proxy] {
                let RetryVerdict { advice, reason } = evidence.sent_for(sender).verdict();
                let seen = evidence.response_begun && sent != Sent::Nothing;
                assert!(advice != Retry || !seen, "{evidence:?}");
                assert!(sent != Sent::Nothing || advice != Never, "what was not sent was not applied: {evidence:?}");
                if advice == Retry && sent != Sent::Nothing {
                    assert!(evidence.replayable && evidence.attempts == 0, "{evidence:?}");
                    let silent = reason == RetryReason::SilentReuse && sender == UserAgent && evidence.trusts_silence;
                    assert!(evidence.idempotent || silent, "{evidence:?}");
                }
                assert!(reason.clause().starts_with("RFC "));
            }
        }
    }
    assert_eq!([Retry, Ask, Never].map(Advice::as_str), ["retry", "ask", "never"]);
}

// ---- the evidence a connection gives

#[test]
fn retry_01_how_far_each_request_got() {
    let mut asker = Asker::new(&DEFAULT);
    asker.leaves = false;
    let head = asker.ask_with("POST", [], Content::Exact(3)).len() as u64;
    let evidence = |asker: &Asker| asker.connection.unanswered().next().unwrap().evidence;
    assert_eq!(evidence(&asker).sent, Sent::Unknown, "it was handed out");
    asker.connection.nothing_left(asker.now);
    assert_eq!(evidence(&asker).sent, Sent::Nothing, "by the driver's word");
    asker.left(1);
    assert_eq!(evidence(&asker).sent, Sent::Some);
    asker.left(head - 1);
    assert_eq!(evidence(&asker).sent, Sent::Some, "its content is not out");
    asker.content("abc").left(2);
    assert_eq!(evidence(&asker).sent, Sent::Some);
    asker.left(1);
    let all = evidence(&asker);
    assert_eq!((all.sent, all.replayable, all.idempotent, all.reused), (Sent::All, false, false, false));
    asker.feed(&answer("100 Continue", ""));
    assert!(!evidence(&asker).response_begun, "an interim response is no answer (RETRY-06)");
    asker.feed("HTTP/1.1 200 O");
    assert!(!evidence(&asker).response_begun, "its status line is not whole");
    asker.feed("K\r\n");
    assert!(evidence(&asker).response_begun);
}

#[test]
fn retry_06_what_is_no_whole_final_status_line_begins_no_response() {
    let reused = || {
        let mut asker = Asker::asking("GET");
        asker.feed(&ok("")).ask("GET");
        asker
    };
    let not_begun = [
        "H",
        "HTTP/1.1 200 OK",
        "HTTP/1.1 200 OK\r",
        "220 smtp ready\r\n",
        "nullHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a",
        "HTTP/1.1 103 Early Hints\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nConnec",
        "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 20",
        "HTTP/1.1 103 Early Hints\r\nbad field\r\n\r\n",
        "\r\n",
    ];
    let begun = [
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 503 x\r\nX: ",
        "HTTP/1.1 200 OK\r\nbad field\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz",
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n",
    ];
    for (cases, advice) in [(&not_begun[..], Retry), (&begun[..], Never)] {
        for octets in cases {
            for dribbles in [false, true] {
                let mut asker = reused();
                let asker = if dribbles { asker.dribble(octets) } else { asker.feed(octets) };
                asker.eof();
                assert_eq!(asker.connection.unanswered().count(), 1, "{octets:?}");
                let left = asker.connection.unanswered().next().expect("one");
                assert_eq!(left.verdict().advice, advice, "{octets:?} {dribbles}: {left:?}");
                assert!(left.evidence.reused);
            }
        }
    }
}

// ---- the budget

/// A request of which nothing ever leaves: how often is it tried, where each connection is as `reused` says of this try?
fn tries(budget: u8, reused: impl Fn(u32) -> bool) -> u32 {
    let mut reused_attempts = 0;
    for attempts in 0..100 {
        let now_reused = reused(attempts);
        let evidence = Evidence { sent: Sent::Nothing, reused: now_reused, ..POST };
        let verdict = evidence.after(attempts).after_reused(reused_attempts).with_budget(budget).verdict();
        if verdict.advice != Retry {
            assert_eq!(verdict, RetryVerdict { advice: Ask, reason: RetryReason::RetriedBefore });
            return attempts + 1;
        }
        reused_attempts += u32::from(now_reused);
    }
    panic!("there is no end to it");
}

#[test]
fn retry_05_every_repetition_is_within_a_budget() {
    assert_eq!(Evidence::new(MethodKind::Get).budget, 2);
    for budget in 1..5 {
        let all = u32::from(budget);
        assert_eq!(tries(budget, |_| false), all, "on new connections");
        assert_eq!(tries(budget, |attempt| attempt == 0), all + 1, "one that was used before is not counted");
        assert_eq!(tries(budget, |attempt| attempt < 3), all + 3, "and several of them are not");
        assert_eq!(tries(budget, |_| true), 7, "a driver that opens no new ones comes to an end");
    }
    assert_eq!(tries(0, |_| false), 1, "no budget is one try");
    assert_verdict(Evidence { reused: true, ..GET }.with_budget(0), Retry, RetryReason::Idempotent);
    // a driver that counts more tries on used connections than there were is taken at its number of tries
    let reused = Evidence { reused: true, sent: Sent::Nothing, ..GET };
    assert_verdict(reused.after(1).after_reused(9), Retry, RetryReason::NotSent);
    assert_verdict(reused.after(9).after_reused(u32::MAX), Ask, RetryReason::RetriedBefore);
    assert_verdict(GET.with_budget(1), Ask, RetryReason::RetriedBefore);
    assert_verdict(Evidence { reused: true, ..GET }.with_budget(1), Retry, RetryReason::Idempotent);
    // what may not be repeated may not within a budget either
    assert_verdict(Evidence { replayable: false, ..GET }.after(9), Never, RetryReason::NotReplayable);
    assert_verdict(POST.sent_for(Proxy).after(9), Never, RetryReason::NotOurs);
}

#[test]
fn retry_01_what_the_caller_knows_counts() {
    let mut asker = Asker::new(&DEFAULT);
    let known = request("POST").with_idempotent(true).with_replayable(true);
    asker.try_ask(&known, HOST, Content::Exact(3)).unwrap();
    asker.content("abc").eof();
    assert_eq!(asker.verdicts(), [(0, Retry, RetryReason::Idempotent)]);
}

#[test]
fn close_04_a_request_that_crosses_an_idle_close() {
    let mut asker = Asker::new(&DEFAULT);
    asker.ask("GET").feed(&ok("")).ask("POST").eof();
    asker.assert_closes(CloseReason::PeerClosed);
    let left = asker.connection.unanswered().next().unwrap();
    assert_eq!((left.request, left.evidence.reused, left.evidence.response_begun), (1, true, false));
    assert_eq!(left.verdict().advice, Ask);
    let trusting = Evidence { trusts_silence: true, ..left.evidence };
    assert_verdict(trusting, Retry, RetryReason::SilentReuse);
}

#[test]
fn retry_03_a_transport_that_failed_before_anything_left() {
    let mut asker = Asker::new(&DEFAULT);
    asker.leaves = false;
    asker.ask("POST");
    asker.connection.nothing_left(asker.now);
    asker.connection.transport_failed(http_keepalive::Instant::from_secs(101));
    assert_eq!(asker.verdicts(), [(0, Retry, RetryReason::NotSent)]);
    assert_eq!(asker.connection.wants().shut, Some(Shut::Close(CloseReason::TransportFailed)));
    assert!(!asker.connection.wants().flush, "nothing more leaves");
    let mut asker = Asker::new(&DEFAULT);
    asker.leaves = false;
    asker.ask("POST").left(1).connection.transport_failed(http_keepalive::Instant::from_secs(101));
    assert_eq!(asker.verdicts(), [(0, Ask, RetryReason::NotIdempotent)]);
}

#[test]
fn retry_06_a_fault_of_the_peer_is_an_answer_begun() {
    let mut asker = Asker::asking("GET");
    asker.feed("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n");
    assert_eq!(asker.error(), Some(ProtocolErrorKind::ContentLength));
    assert_eq!(asker.verdicts(), [(0, Never, RetryReason::ResponseBegun)]);
    let more = asker.try_ask(&request("GET"), HOST, Content::Empty);
    assert_eq!(more, Err(SendError::Ended(CloseReason::ProtocolError)));
}

#[test]
fn close_16_a_request_given_up_closes_the_connection() {
    let mut asker = Asker::asking("GET");
    asker.connection.abort(asker.now);
    asker.assert_closes(CloseReason::Aborted);
    assert_eq!(asker.verdicts(), [(0, Retry, RetryReason::Idempotent)]);
}
