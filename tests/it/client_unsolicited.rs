//! Octets that answer no request of a client's (RFC 9112 9.2): what was there before a request is never its answer, and what is known
//! of a request that was lost so (RFC 9110 9.2.2).

use crate::common::Passes;
use std::time::Duration;

use crate::common::client::{Asker, DEFAULT, Four, HOST, answer, ok, request, with_limits};
use http_keepalive::retry::{Advice, RetryReason, Sent};
use http_keepalive::{
    CloseReason, Config, Content, Event, HeadFacts, Instant, Lifecycle, Limits, MethodKind, Misuse, Outcome,
    ProtocolErrorKind, Request, Reusable, StatusCode, Version,
};
use proptest::prelude::*;

/// What a peer may send that no request of ours asked for.
const FOREIGN: [&str; 5] = [
    "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL",
    "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\n\r\n",
    "H",
    "\r",
];

/// Requests answered before: a connection that has just opened, and one that has lived.
const LIVED: [usize; 3] = [0, 1, 3];

fn lived(config: &Config<Four>, exchanges: usize) -> Asker {
    let mut asker = Asker::new(config);
    for _ in 0..exchanges {
        asker.ask("GET").feed(&ok("a")).wait(Duration::from_secs(7));
    }
    asker
}

/// Reads up to the end of the first response, and no further.
fn read_one(asker: &mut Asker, octets: &str) {
    asker.buffer.extend_from_slice(octets.as_bytes());
    loop {
        let received = asker.connection.receive(asker.now, &asker.buffer).expect("no error");
        let (consumed, is_end) = (received.consumed, matches!(received.outcome, Outcome::Event(Event::End { .. })));
        asker.buffer.drain(..consumed);
        if is_end {
            return;
        }
    }
}

#[test]
fn pipe_05_octets_left_after_a_response_forbid_a_request_until_they_are_offered() {
    for foreign in FOREIGN {
        let mut asker = lived(&DEFAULT, 1);
        asker.ask("GET");
        read_one(&mut asker, &(ok("a") + foreign));
        assert!(!asker.buffer.is_empty(), "{foreign:?}");
        let held = Reusable::Wait(Misuse::OctetsUnread);
        assert_eq!(asker.connection.reusable(asker.now), held, "{foreign:?}");
        assert_eq!(asker.connection.lifecycle().reusable(asker.now), held, "{foreign:?}");
        assert_eq!(asker.connection.park(), None);
        for method in ["GET", "POST"] {
            let before = asker.connection.clone();
            assert_eq!(asker.try_ask(&request(method), HOST, Content::Empty), Err(Misuse::OctetsUnread.into()));
            assert_eq!(asker.connection, before, "a refused call changes nothing");
        }
        // time does not make them an answer
        asker.wait(Duration::from_secs(3));
        assert_eq!(asker.connection.reusable(asker.now), held);
        asker.pump();
        if foreign == "\r" {
            assert_eq!(asker.connection.reusable(asker.now), held, "half a line end");
            asker.feed("\n").assert_idle();
            asker.ask("GET").feed(&ok("b")).assert_idle();
        } else {
            asker.assert_closes(CloseReason::Unsolicited);
            assert_eq!(asker.verdicts(), [], "no request was lost");
        }
    }
}

#[test]
fn pipe_05_while_requests_are_outstanding_what_is_unread_may_be_theirs() {
    let mut asker = Asker::knowing(&DEFAULT);
    asker.ask("GET").ask("GET");
    read_one(&mut asker, &(ok("a") + &ok("b")));
    assert!(matches!(asker.connection.reusable(asker.now), Reusable::Now { .. }));
    asker.ask("GET").pump();
    asker.feed(&ok("c")).assert_idle();
    let contents: Vec<_> = asker.exchanges().into_iter().map(|(_, content)| content).collect();
    assert_eq!(contents, ["b", "c"], "after the first, which was read apart");
}

#[test]
fn pipe_05_a_response_before_its_request_left_is_none() {
    for (exchanges, foreign) in LIVED.into_iter().flat_map(|lived| FOREIGN.map(|foreign| (lived, foreign))) {
        for (method, word, expected) in [
            ("GET", true, (Advice::Retry, RetryReason::NotSent)),
            ("POST", true, (Advice::Retry, RetryReason::NotSent)),
            ("GET", false, (Advice::Retry, RetryReason::Idempotent)),
            ("POST", false, (Advice::Ask, RetryReason::NotIdempotent)),
        ] {
            let mut asker = lived(&DEFAULT, exchanges);
            asker.leaves = false;
            let content = if method == "POST" { Content::Exact(1) } else { Content::Empty };
            let replayable = request(method).with_replayable(true);
            asker.try_ask(&replayable, HOST, content).expect("it may be sent");
            if word {
                asker.connection.nothing_left(asker.now);
            }
            let answers = asker.answers().len();
            asker.feed(foreign);
            if foreign == "\r" {
                assert_eq!(asker.connection.wants().shut, None, "half a line end is nothing yet");
                continue;
            }
            asker.assert_closes(CloseReason::Unsolicited);
            assert_eq!(asker.answers().len(), answers, "{foreign:?} is no answer");
            assert_eq!(asker.error(), None);
            let (advice, reason) = expected;
            assert_eq!(asker.verdicts(), [(exchanges as u32, advice, reason)], "{method}, {word}, {foreign:?}");
            // what is known at the end stays known
            asker.feed(&ok("GOOD")).eof();
            assert_eq!(asker.verdicts(), [(exchanges as u32, advice, reason)]);
            assert_eq!(asker.answers().len(), answers);
        }
    }
}

#[test]
fn pipe_05_one_octet_that_left_makes_it_an_answer() {
    for exchanges in LIVED {
        let mut asker = lived(&DEFAULT, exchanges);
        asker.leaves = false;
        asker.ask("GET").left(1).feed(&ok("early"));
        assert_eq!(asker.exchanges().last(), Some(&(200, "early".into())));
    }
}

#[test]
fn pipe_05_the_second_of_a_pipeline_is_not_answered_before_it_left() {
    let mut asker = Asker::knowing(&DEFAULT);
    asker.leaves = false;
    let first = asker.ask_with("GET", [], Content::Empty).len() as u64;
    asker.ask("POST").left(first);
    asker.connection.nothing_left(asker.now);
    // the word holds until all that was offered has been looked at
    asker.feed(&(ok("a") + &ok("EVIL"))).assert_closes(CloseReason::Unsolicited);
    assert_eq!(asker.exchanges(), [(200, "a".into())]);
    assert_eq!(asker.verdicts(), [(1, Advice::Retry, RetryReason::NotSent)]);
}

/// A POST handed out, of which nothing has left, and the word given for it.
fn held() -> Asker {
    let mut asker = lived(&DEFAULT, 1);
    asker.leaves = false;
    let post = request("POST").with_replayable(true);
    asker.try_ask(&post, HOST, Content::Unknown).expect("it may be sent");
    asker.connection.nothing_left(asker.now);
    asker
}

#[test]
fn retry_03_the_word_counts_for_whatever_comes_next() {
    let not_sent = [(1, Advice::Retry, RetryReason::NotSent)];
    assert_eq!(held().eof().verdicts(), not_sent);
    let mut asker = held();
    asker.connection.transport_failed(asker.now);
    assert_eq!(asker.verdicts(), not_sent);
    let mut asker = held();
    asker.connection.abort(asker.now);
    assert_eq!(asker.verdicts(), not_sent);
    let mut asker = held();
    let stalled = asker.connection.next_deadline().expect("octets wait");
    assert_eq!(asker.connection.expire(stalled.at), Some(stalled));
    assert_eq!(asker.verdicts(), not_sent);
}

#[test]
fn retry_03_the_word_is_taken_back_by_what_makes_it_untrue() {
    let unknown = [(1, Advice::Ask, RetryReason::NotIdempotent)];
    // all that was offered has been looked at: octets may leave before the next are
    assert_eq!(held().feed("\r\n").eof().verdicts(), unknown);
    let mut asker = held();
    asker.content("more").eof();
    assert_eq!(asker.verdicts(), unknown);
    let mut asker = held();
    asker.left(0).eof();
    assert_eq!(asker.verdicts(), unknown);
    // and by what is said late
    let mut asker = held();
    asker.eof();
    asker.left(5);
    let evidence = asker.connection.unanswered().next().expect("it is lost").evidence;
    assert_eq!(evidence.sent, Sent::Some);
    assert_eq!(asker.verdicts(), unknown);
}

#[test]
fn retry_03_without_the_word_nothing_is_known() {
    for end in [Asker::eof as fn(&mut Asker) -> &mut Asker, |asker| {
        asker.connection.transport_failed(asker.now);
        asker
    }] {
        let mut asker = lived(&DEFAULT, 1);
        asker.leaves = false;
        asker.ask("POST");
        end(&mut asker);
        let evidence = asker.connection.unanswered().next().expect("it is lost").evidence;
        assert_eq!(evidence.sent, Sent::Unknown);
        assert_eq!(asker.verdicts(), [(1, Advice::Ask, RetryReason::NotIdempotent)]);
    }
}

#[test]
fn syn_05_line_ends_between_responses_are_skipped_within_a_limit() {
    let config = with_limits(Limits::DEFAULT.with_empty_lines(2));
    for exchanges in LIVED {
        // before the request, after it, or one each: over reads, in any split
        for (before, after) in [("\r\n\r\n", ""), ("\r\n", "\r\n"), ("", "\r\n\r\n"), ("\n", "\n"), ("", "\r\n\n")] {
            for dribbles in [false, true] {
                let mut asker = lived(&config, exchanges);
                let feed = |asker: &mut Asker, text: &str| match dribbles {
                    true => drop(asker.dribble(text)),
                    false => drop(asker.feed(text)),
                };
                feed(&mut asker, before);
                asker.ask("GET");
                feed(&mut asker, after);
                feed(&mut asker, &ok("x"));
                asker.assert_idle();
                assert_eq!(asker.exchanges().last(), Some(&(200, "x".into())), "{before:?} {after:?}");
                // counted anew after each response
                feed(&mut asker, "\r\n\r\n");
                asker.assert_idle();
                assert!(matches!(asker.connection.reusable(asker.now), Reusable::Now { .. }));
                feed(&mut asker, "\r");
                asker.assert_closes(CloseReason::Unsolicited);
            }
        }
        // one more than may be, with the request outstanding: it has left, and may be repeated
        for (before, after) in [("\r\n\r\n", "\r\n"), ("", "\r\n\r\n\n"), ("\n", "\n\r")] {
            let mut asker = lived(&config, exchanges);
            asker.feed(before).ask("GET").feed(after).assert_closes(CloseReason::Unsolicited);
            assert_eq!(asker.verdicts(), [(exchanges as u32, Advice::Retry, RetryReason::Idempotent)]);
        }
    }
    // none at all
    let config = with_limits(Limits::DEFAULT.with_empty_lines(0));
    lived(&config, 1).feed("\r\n").assert_closes(CloseReason::Unsolicited);
    lived(&config, 1).ask("GET").feed("\n").assert_closes(CloseReason::Unsolicited);
}

#[test]
fn syn_05_line_ends_stand_between_pipelined_and_interim_responses_too() {
    let mut asker = Asker::knowing(&DEFAULT);
    asker.ask("GET").ask("GET");
    asker.dribble(&(ok("a") + "\r\n" + &answer("103 Early Hints", "") + "\r\n" + &ok("b") + "\r\n"));
    asker.assert_idle();
    assert_eq!(asker.exchanges(), [(200, "a".into()), (200, "b".into())]);
}

#[test]
fn syn_05_a_parked_connection_counts_on() {
    let config = with_limits(Limits::DEFAULT.with_empty_lines(2));
    let mut asker = lived(&config, 1);
    asker.feed("\r\n");
    let parked = asker.connection.park().expect("it is idle");
    asker.connection = http_keepalive::Connection::unpark(parked, std::sync::Arc::new(config));
    asker.ask("GET").feed("\r\n").assert_is_waiting();
    asker.feed("\r\n").assert_closes(CloseReason::Unsolicited);
}

trait Waits {
    fn assert_is_waiting(&self);
}

impl Waits for Asker {
    #[track_caller]
    fn assert_is_waiting(&self) {
        assert_eq!(self.connection.wants().shut, None);
    }
}

#[test]
fn pipe_05_the_same_facts_give_the_same_without_octets() {
    let now = Instant::from_secs(1);
    let config = Config::<Four>::DEFAULT;
    let ask = |lifecycle: &mut Lifecycle<Four, &Config<Four>>, method: MethodKind| {
        let name: &[u8] = if method == MethodKind::Post { b"POST" } else { b"GET" };
        let request = Request::new(http_keepalive::Method::new(name), b"/");
        let mut fields = HeadFacts::request(request.method(), Version::HTTP_11);
        fields.field_line(b"Host", b"a");
        lifecycle.head_to_send(now, &request, &fields, Content::Empty)
    };
    let mut response = HeadFacts::response(StatusCode::OK, Version::HTTP_11);
    response.field_line(b"Content-Length", b"0");
    let fresh = || Lifecycle::<Four, _>::new(now, &config);
    let exchange = |lifecycle: &mut Lifecycle<Four, &Config<Four>>| {
        ask(lifecycle, MethodKind::Get).expect("it may be sent");
        lifecycle.octets_written(now, 40);
        lifecycle.handle_sent(now, 40);
        lifecycle.octets_received(now, 90);
        lifecycle.head_received(now, &response).expect("an answer");
        lifecycle.end_received(now).expect("its end");
    };

    // what is left in the parser's buffer forbids a request, until it is known to be nothing
    let mut lifecycle = fresh();
    exchange(&mut lifecycle);
    lifecycle.octets_unread(now, 45);
    assert_eq!(lifecycle.reusable(now), Reusable::Wait(Misuse::OctetsUnread));
    assert_eq!(ask(&mut lifecycle, MethodKind::Get), Err(Misuse::OctetsUnread.into()));
    assert_eq!(lifecycle.park(), None);
    let mut skipped = lifecycle.clone();
    skipped.octets_unread(now, 0);
    exchange(&mut skipped);
    // it was a response
    assert_eq!(lifecycle.head_received(now, &response), Err(ProtocolErrorKind::Unsolicited.into()));
    assert_eq!(lifecycle.reusable(now), Reusable::No(CloseReason::Unsolicited));

    // nothing of the request has left
    for by_octets in [true, false] {
        for (word, advice) in [(true, Advice::Retry), (false, Advice::Ask)] {
            let mut lifecycle = fresh();
            exchange(&mut lifecycle);
            ask(&mut lifecycle, MethodKind::Post).expect("it may be sent");
            lifecycle.octets_written(now, 40);
            if word {
                lifecycle.nothing_left(now);
            }
            if by_octets {
                lifecycle.octets_received(now, 90);
            } else {
                assert_eq!(lifecycle.head_received(now, &response), Err(ProtocolErrorKind::Unsolicited.into()));
            }
            assert_eq!(lifecycle.reusable(now), Reusable::No(CloseReason::Unsolicited));
            let lost: Vec<_> = lifecycle.unanswered().map(|lost| lost.verdict().advice).collect();
            assert_eq!(lost, [advice]);
        }
    }
}

proptest! {
    /// Whatever comes, whenever and in whatever pieces: no octet that was there before an octet of the oldest request had left is
    /// reported, and every request is answered or has a verdict.
    #[test]
    fn pipe_05_nothing_that_came_too_early_is_ever_reported(
        steps in prop::collection::vec((0u8..6, any::<prop::sample::Index>(), 1usize..30), 1..60),
        word in any::<bool>(),
    ) {
        let mut asker = Asker::knowing(&DEFAULT);
        asker.leaves = false;
        // octets handed out, those that left, and how many came before each request
        let (mut written, mut left, mut froms) = (0u64, 0u64, Vec::new());
        let pieces = [ok("a"), ok(""), FOREIGN[1].into(), FOREIGN[2].into(), "\r\n".into(), "\r".into(), "x".into()];
        for (step, which, size) in steps {
            if word && written > left {
                asker.connection.nothing_left(asker.now);
            }
            let answered = asker.answers().len();
            match step {
                0 | 1 => {
                    let method = if step == 0 { "GET" } else { "POST" };
                    let unread = !asker.buffer.is_empty() && asker.connection.unanswered().next().is_none();
                    let before = asker.connection.clone();
                    match asker.try_ask(&request(method), HOST, Content::Empty) {
                        Ok(octets) => {
                            prop_assert!(!unread, "sent though octets were unread");
                            froms.push(written);
                            written += octets.len() as u64;
                        }
                        Err(_) => prop_assert_eq!(&before, &asker.connection),
                    }
                }
                2 => {
                    let octets = (size as u64).min(written - left);
                    left += octets;
                    asker.left(octets);
                }
                3 => drop(asker.feed(which.get(&pieces).as_str())),
                4 => drop(asker.dribble(which.get(&pieces).as_str())),
                _ => {
                    // one event of what is there, and no more
                    asker.buffer.extend_from_slice(which.get(&pieces).as_bytes());
                    let oldest = asker.connection.unanswered().next().map(|oldest| oldest.request as usize);
                    if let Ok(received) = asker.connection.receive(asker.now, &asker.buffer) {
                        if let Outcome::Event(Event::Response(_) | Event::Interim(_)) = received.outcome {
                            prop_assert!(oldest.is_some_and(|oldest| left > froms[oldest]));
                        }
                        let consumed = received.consumed;
                        asker.buffer.drain(..consumed);
                    }
                }
            }
            if asker.answers().len() > answered {
                let last = asker.answers().len() - 1;
                prop_assert!(froms.get(last).is_none_or(|from| left > *from), "answer {} before its request", last);
            }
        }
        let lost: Vec<_> = asker.connection.unanswered().collect();
        for lost in lost.iter().filter(|lost| lost.evidence.method == MethodKind::Post) {
            let from = froms[lost.request as usize];
            prop_assert!(left <= from || lost.verdict().advice != Advice::Retry, "a POST of which octets left: {lost:?}");
            prop_assert!(word || lost.evidence.sent != Sent::Nothing, "nobody gave the word");
        }
    }
}

#[test]
fn pipe_05_octets_that_come_between_the_content_and_its_end_forbid_a_request() {
    let mut asker = Asker::asking("GET");
    let content = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na";
    let (head, _) = content.split_at(content.len() - 1);
    let mut offer = |octets: &str| {
        let received = asker.connection.receive(asker.now, octets.as_bytes()).expect("no error");
        (received.consumed, matches!(received.outcome, Outcome::Event(Event::End { .. })))
    };
    assert_eq!(offer(head), (head.len(), false));
    assert_eq!(offer("a"), (1, false));
    // nothing was unread at the content; more was read before its end was asked for
    assert_eq!(offer(FOREIGN[0]), (0, true));
    let held = Reusable::Wait(Misuse::OctetsUnread);
    assert_eq!(asker.connection.reusable(asker.now), held);
    assert_eq!(asker.connection.park(), None);
    assert_eq!(asker.try_ask(&request("GET"), HOST, Content::Empty), Err(Misuse::OctetsUnread.into()));
}
