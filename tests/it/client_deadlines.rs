//! A client's deadlines (RFC 9112 9.5; RFC 9110 10.1.1): what is due when, not a nanosecond before, and what follows.

use crate::common::Passes;
use std::time::Duration;

use crate::common::client::{Asker, DEFAULT, Four, answer, no_timeouts, ok, with_timeouts};
use http_keepalive::retry::{Advice, RetryReason};
use http_keepalive::{CloseReason, Config, Content, Deadline, DeadlineKind, Instant, Shut, Timeouts, Turn};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Only what `set` switches on is ever due.
fn only(set: impl FnOnce(Timeouts) -> Timeouts) -> Config<Four> {
    with_timeouts(set(no_timeouts()))
}

/// A GET asked under this configuration.
fn asked(config: &Config<Four>) -> Asker {
    let mut asker = Asker::new(config);
    asker.ask("GET");
    asker
}

/// The connection ends for this reason, and the request may be repeated or not.
#[track_caller]
fn ends(asker: &Asker, reason: CloseReason, advice: Advice, why: RetryReason) {
    asker.assert_closes(reason);
    assert_eq!(asker.verdicts(), [(0, advice, why)]);
    assert_eq!(asker.connection.next_deadline(), None);
}

#[test]
fn nothing_is_due_where_everything_is_off() {
    let config = only(|timeouts| timeouts);
    let mut asker = asked(&config);
    assert_eq!(asker.connection.next_deadline(), None);
    asker.feed("HTTP/1.1 200 OK\r\n");
    assert_eq!(asker.connection.next_deadline(), None);
    asker.feed("Content-Length: 2\r\n\r\no");
    assert_eq!(asker.connection.next_deadline(), None);
    asker.feed("k");
    assert_eq!(asker.connection.next_deadline(), None);
    assert_eq!(asker.connection.expire(Instant::MAX), None);
}

#[test]
fn response_counts_from_the_request_sent_to_the_first_octet() {
    let config = only(|timeouts| timeouts.with_response(Some(secs(10))));
    let mut asker = asked(&config);
    asker.assert_due(DeadlineKind::Response, secs(10));
    ends(&asker, CloseReason::ResponseTimeout, Advice::Retry, RetryReason::Idempotent);

    let mut asker = asked(&config);
    asker.wait(secs(9)).feed("H");
    assert_eq!(asker.connection.next_deadline(), None, "one octet stops it");
}

#[test]
fn response_counts_from_when_the_request_has_left() {
    let config = only(|timeouts| timeouts.with_response(Some(secs(10))));
    let mut asker = Asker::new(&config);
    asker.leaves = false;
    let sent = asker.ask_with("POST", [], Content::Exact(3)).len() as u64;
    asker.wait(secs(1)).left(sent);
    assert_eq!(asker.connection.next_deadline(), None, "its content is still to be sent");
    asker.wait(secs(1)).content("abc");
    assert_eq!(asker.connection.next_deadline(), None, "it has not left");
    asker.wait(secs(1)).left(2);
    assert_eq!(asker.connection.next_deadline(), None, "not whole");
    asker.wait(secs(1)).left(1);
    asker.assert_due(DeadlineKind::Response, secs(10));
    ends(&asker, CloseReason::ResponseTimeout, Advice::Never, RetryReason::NotReplayable);
}

#[test]
fn response_is_neither_stopped_nor_extended_by_interim_ones() {
    let mut asker = asked(&only(|timeouts| timeouts.with_response(Some(secs(10)))));
    asker.wait(secs(6)).feed(&answer("103 Early Hints", ""));
    asker.assert_due(DeadlineKind::Response, secs(4));
    ends(&asker, CloseReason::ResponseTimeout, Advice::Retry, RetryReason::Idempotent);
}

#[test]
fn response_that_runs_out_within_an_interim_head_is_due_behind_it() {
    let mut asker = asked(&only(|timeouts| timeouts.with_response(Some(secs(10)))));
    asker.wait(secs(9)).feed("HTTP/1.1 103 Early").wait(secs(2)).feed(" Hints\r\n\r\n");
    let due = Some(Deadline { at: asker.now, kind: DeadlineKind::Response });
    assert_eq!(asker.connection.next_deadline(), due, "not before it can expire");
    assert_eq!(asker.connection.expire(asker.now), due);
    ends(&asker, CloseReason::ResponseTimeout, Advice::Retry, RetryReason::Idempotent);
}

#[test]
fn response_of_a_pipelined_request_counts_from_the_answer_before() {
    let config = only(|timeouts| timeouts.with_response(Some(secs(10))));
    let mut asker = Asker::knowing(&config);
    asker.ask("GET").wait(secs(1)).ask("GET").wait(secs(4)).feed("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n");
    asker.wait(secs(20)).feed("x");
    asker.assert_due(DeadlineKind::Response, secs(10)).assert_closes(CloseReason::ResponseTimeout);
    assert_eq!(asker.verdicts(), [(1, Advice::Retry, RetryReason::Idempotent)]);
}

#[test]
fn head_counts_from_its_first_octet_and_is_not_extended() {
    let config = only(|timeouts| timeouts.with_head(Some(secs(10))));
    let mut asker = asked(&config);
    asker.wait(secs(99)).feed("HTTP/1.1").wait(secs(7)).feed(" 200 OK\r\n");
    asker.assert_due(DeadlineKind::Head, secs(3));
    ends(&asker, CloseReason::HeadTimeout, Advice::Never, RetryReason::ResponseBegun);

    // each head anew
    let mut asker = asked(&config);
    asker.feed("HTTP/1.1 103 x\r\n").wait(secs(9)).feed("\r\nHTTP/1.1").assert_due(DeadlineKind::Head, secs(10));
}

#[test]
fn content_gap_counts_from_each_piece() {
    let config = only(|timeouts| timeouts.with_content_gap(Some(secs(10))));
    for (fields, pieces) in [("Content-Length: 9\r\n", ["a", "b"]), ("Transfer-Encoding: chunked\r\n", ["2\r\na", "b"])]
    {
        let mut asker = asked(&config);
        asker.feed(&answer("200 OK", fields));
        assert_eq!(
            asker.connection.next_deadline(),
            Some(Deadline { at: asker.now + secs(10), kind: DeadlineKind::ContentGap })
        );
        asker.wait(secs(9)).feed(pieces[0]).wait(secs(9)).feed(pieces[1]);
        asker.assert_due(DeadlineKind::ContentGap, secs(10));
        ends(&asker, CloseReason::ContentTimeout, Advice::Never, RetryReason::ResponseBegun);
    }
    let mut asker = asked(&config);
    asker.feed(&answer("200 OK", "")).feed("x").assert_due(DeadlineKind::ContentGap, secs(10));
}

#[test]
fn content_rate_counts_over_the_whole() {
    let config = only(|timeouts| timeouts.with_content_gap(Some(secs(10))).with_content_rate(Some(2)));
    let mut asker = asked(&config);
    asker.feed(&answer("200 OK", "Content-Length: 99\r\n"));
    // 4 octets are worth 2 seconds
    asker.wait(secs(9)).feed("abcd");
    asker.assert_due(DeadlineKind::ContentRate, secs(3));
    ends(&asker, CloseReason::ContentTimeout, Advice::Never, RetryReason::ResponseBegun);
}

#[test]
fn write_stall_counts_from_the_last_octet_that_left() {
    let mut asker = Asker::new(&only(|timeouts| timeouts.with_write_stall(Some(secs(10)))));
    asker.leaves = false;
    asker.ask("GET").wait(secs(9)).left(5);
    asker.assert_due(DeadlineKind::WriteStall, secs(10));
    assert_eq!(asker.connection.wants().shut, Some(Shut::Reset(CloseReason::WriteStall)), "the peer does not read");
    assert_eq!(asker.verdicts(), [(0, Advice::Retry, RetryReason::Idempotent)]);
}

#[test]
fn exchange_counts_from_the_first_octet_of_the_request() {
    let mut asker = asked(&only(|timeouts| timeouts.with_exchange(Some(secs(10)))));
    asker.wait(secs(3)).feed("HTTP/1.1 200 OK\r\n").wait(secs(3)).feed("Content-Length: 2\r\n\r\nx");
    asker.assert_due(DeadlineKind::Exchange, secs(4));
    ends(&asker, CloseReason::ExchangeTimeout, Advice::Never, RetryReason::ResponseBegun);

    let mut asker = asked(&only(|timeouts| timeouts.with_exchange(Some(secs(10)))));
    asker.wait(secs(9)).feed(&ok("")).assert_idle();
    assert_eq!(asker.connection.next_deadline(), None, "over");
    asker.wait(secs(9)).ask("GET").assert_due(DeadlineKind::Exchange, secs(10));
}

#[test]
fn expect_counts_from_the_head_that_left_and_lets_the_content_go() {
    let config = only(|timeouts| timeouts.with_expect(Some(secs(3))));
    let mut asker = Asker::new(&config);
    asker.leaves = false;
    let head = asker.ask_with("POST", [("Expect", "100-continue")], Content::Exact(3)).len() as u64;
    assert_eq!(asker.connection.next_deadline(), None, "nobody can answer what has not left");
    asker.wait(secs(1)).left(head);
    asker.assert_due(DeadlineKind::Expect, secs(3));
    assert_eq!(asker.connection.wants().application, Some(Turn::Content));
    assert_eq!(asker.connection.wants().shut, None);
    asker.leaves = true;
    asker.content("abc").feed(&ok("")).assert_idle();
}

#[test]
fn pipe_07_content_of_the_answer_before_does_not_end_the_wait_for_100() {
    let mut asker = Asker::knowing(&only(|timeouts| timeouts.with_expect(Some(secs(3)))));
    asker.ask("GET").ask_with("POST", [("Expect", "100-continue")], Content::Exact(3));
    asker.feed(&answer("200 OK", "Content-Length: 2\r\n"));
    assert_eq!(asker.paused, None, "a client is never asked for its own 100");
    asker.feed("o");
    assert_eq!(asker.connection.wants().application, None, "it waits for its own answer");
    asker.feed("k").feed(&answer("100 Continue", ""));
    assert_eq!(asker.connection.wants().application, Some(Turn::Content));
    asker.content("abc").feed(&ok("")).assert_idle();
}

#[test]
fn pipe_07_an_early_interim_response_to_the_one_before_asks_for_nothing() {
    let mut asker = Asker::knowing(&DEFAULT);
    asker.ask("GET").ask_with("POST", [("Expect", "100-continue")], Content::Exact(3));
    asker.feed(&answer("100 Continue", ""));
    assert_eq!(asker.connection.wants().application, None, "it was for the GET");
    asker.feed(&ok("")).feed(&answer("100 Continue", ""));
    assert_eq!(asker.connection.wants().application, Some(Turn::Content));
}

#[test]
fn idle_begins_where_the_exchange_ends() {
    let mut asker = Asker::new(&only(|timeouts| timeouts.with_idle(Some(secs(10)))));
    assert_eq!(asker.connection.next_deadline(), None, "a fresh connection is not idle");
    asker.ask("GET").wait(secs(30)).feed("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n").wait(secs(30)).feed("x");
    asker.assert_due(DeadlineKind::Idle, secs(10)).assert_closes(CloseReason::IdleTimeout);
    assert_eq!(asker.verdicts(), []);

    // an early answer: from the last octet of the request
    let mut asker = Asker::new(&only(|timeouts| timeouts.with_idle(Some(secs(10)))));
    asker.ask_with("POST", [], Content::Exact(3));
    asker.feed(&ok("")).wait(secs(5));
    assert_eq!(asker.connection.next_deadline(), None);
    asker.content("abc").assert_due(DeadlineKind::Idle, secs(10));
}

#[test]
fn octets_in_the_instant_of_a_deadline_win() {
    let mut asker = asked(&only(|timeouts| timeouts.with_response(Some(secs(10))).with_idle(Some(secs(1)))));
    asker.wait(secs(10)).feed(&ok("")).assert_idle();
    assert_eq!(asker.connection.expire(asker.now), None);
}

#[test]
fn a_clock_set_back_counts_as_no_time() {
    let mut asker = asked(&only(|timeouts| timeouts.with_response(Some(secs(10)))));
    let (early, due) = (Instant::from_secs(1), asker.now + secs(10));
    asker.connection.handle_sent(early, 0);
    assert_eq!(asker.connection.expire(early), None);
    assert_eq!(asker.connection.next_deadline().map(|next| next.at), Some(due));
}

#[test]
fn close_14_nothing_a_peer_does_makes_content_a_mistake() {
    let ways: [fn(&mut Asker); 3] = [
        |asker| {
            asker.feed("noise");
        },
        |asker| {
            asker.eof();
        },
        |asker| {
            asker.feed("HTTP/1.1 413 x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
        },
    ];
    for way in ways {
        for content in [Content::Exact(6), Content::Unknown] {
            let mut asker = Asker::new(&DEFAULT);
            asker.ask_with("POST", [], content);
            asker.content("abc").written();
            way(&mut asker);
            assert!(asker.connection.lifecycle().has_ended());
            assert_eq!(asker.connection.wants().application, None);
            let reason = asker.connection.lifecycle().close_reasons().next().expect("it ended for something");
            asker.assert_given_up(reason);
        }
    }
}

#[test]
fn exchange_of_a_pipelined_request_counts_from_its_own_first_octet() {
    let mut asker = Asker::knowing(&only(|timeouts| timeouts.with_exchange(Some(secs(10)))));
    asker.ask("GET").wait(secs(4)).ask("GET").wait(secs(3)).feed(&ok(""));
    asker.assert_due(DeadlineKind::Exchange, secs(7)).assert_closes(CloseReason::ExchangeTimeout);
}
