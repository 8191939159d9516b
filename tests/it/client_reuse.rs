//! A client between exchanges (RFC 9112 9.2, 9.3, 9.5): what keeps the connection, for how long, and what ends it.

use std::time::Duration;

use crate::common::client::{Asker, DEFAULT, Four, HOST, Said, answer, no_timeouts, ok, request, with_policy};
use http_keepalive::{
    Client, CloseReason, Config, Connection, Content, DeadlineKind, Eof, Event, HeadFacts, Instant, Lifecycle, Limits,
    Misuse, Outcome, Persistence, Policy, ProtocolErrorKind, Reusable, ReuseReason, SendError, Shut, Timeouts, Use,
};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Idle for so long, less this margin; nothing else is due.
fn idle(idle: u64, margin: u64) -> Config<Four> {
    let timeouts = no_timeouts().with_idle(Some(secs(idle))).with_hint_margin(Some(secs(margin)));
    Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds")
}

/// `200` without content and with this hint.
fn hinted(hint: &str) -> String {
    answer("200 OK", &format!("Connection: keep-alive\r\nKeep-Alive: {hint}\r\nContent-Length: 0\r\n"))
}

/// One exchange, answered so.
fn after(config: &Config<Four>, response: &str) -> Asker {
    let mut asker = Asker::new(config);
    asker.ask("GET").feed(response);
    assert_eq!(asker.exchanges().len(), 1, "{response:?}: {:#?}", asker.said);
    asker
}

#[test]
fn pers_02_truth_table_of_a_client() {
    let off = with_policy(Policy::DEFAULT.with_http10_keep_alive(Use::Off));
    let reuse = Persistence::Reuse(ReuseReason::Http11);
    let reuse_old = Persistence::Reuse(ReuseReason::Http10KeepAlive);
    let close = Persistence::Close;
    for (config, version, fields, expected) in [
        (&DEFAULT, "1.1", "", reuse),
        (&DEFAULT, "1.1", "Connection: close\r\n", close(CloseReason::CloseReceived)),
        (&DEFAULT, "1.1", "Connection: keep-alive\r\nConnection: Close\r\n", close(CloseReason::CloseReceived)),
        (&DEFAULT, "1.1", "Connection: closed, \"close\", x-close\r\n", reuse),
        (&DEFAULT, "1.2", "", reuse),
        (&DEFAULT, "1.0", "Connection: Keep-Alive\r\n", reuse_old),
        (&DEFAULT, "1.0", "Connection: keep-alive, close\r\n", close(CloseReason::CloseReceived)),
        (&DEFAULT, "1.0", "", close(CloseReason::Http10)),
        (&DEFAULT, "1.0", "Keep-Alive: timeout=5\r\n", close(CloseReason::Http10)),
        (&off, "1.0", "Connection: keep-alive\r\n", close(CloseReason::Http10KeepAliveOff)),
        (&off, "1.1", "Connection: keep-alive\r\n", reuse),
    ] {
        let asker = after(config, &format!("HTTP/{version} 200 OK\r\nContent-Length: 0\r\n{fields}\r\n"));
        assert_eq!(asker.connection.persistence(), expected, "{version} {fields}");
        match expected {
            Persistence::Close(reason) => asker.assert_closes(reason),
            _ => asker.assert_idle(),
        }
        let may = matches!(asker.connection.reusable(asker.now), Reusable::Now { .. });
        assert_eq!(may, matches!(expected, Persistence::Reuse(_)), "{version} {fields}");
    }
}

#[test]
fn pers_05_old_keep_alive_must_recur() {
    let mut asker = after(&DEFAULT, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n");
    asker.assert_idle();
    asker.ask("GET").feed("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
    asker.assert_closes(CloseReason::Http10);
}

#[test]
fn pers_14_nothing_is_sent_behind_a_close() {
    let mut asker = Asker::asking("GET");
    asker.feed(&answer("200 OK", "Connection: close\r\nContent-Length: 2\r\n"));
    assert_eq!(asker.try_ask(&request("GET"), HOST, Content::Empty), Err(SendError::Ended(CloseReason::CloseReceived)));
    assert_eq!(asker.connection.reusable(asker.now), Reusable::No(CloseReason::CloseReceived));
    assert_eq!(asker.connection.wants().shut, None, "its content is still to come");
    asker.feed("ok");
    asker.assert_closes(CloseReason::CloseReceived);
    asker.connection.handle_shut(asker.now);
    assert!(asker.connection.lifecycle().is_closed());
}

#[test]
fn h10_12_idle_is_the_smaller_of_ours_and_the_hint_less_the_margin() {
    for (config, hint, expected) in [
        (idle(60, 2), "timeout=15", 13),
        (idle(60, 0), "timeout=15", 15),
        (idle(10, 2), "timeout=15", 10),
        (idle(13, 2), "timeout=15", 13),
        (idle(60, 14), "timeout=15", 1),
        (idle(60, 2), "x=1", 60),
    ] {
        let mut asker = after(&config, &hinted(hint));
        asker.assert_idle();
        let until = asker.now + secs(expected);
        let before = Instant::from_nanos(until.as_nanos() - 1);
        assert_eq!(asker.connection.reusable(before), Reusable::Now { until: Some(until) });
        let mut late = asker.connection.clone();
        assert_eq!(late.reusable(until), Reusable::No(CloseReason::IdleTimeout), "though nobody has looked");
        let refused = late.send_request(until, &request("GET"), HOST, Content::Empty, &mut [0; 99]);
        assert_eq!(refused, Err(SendError::Ended(CloseReason::IdleTimeout)));
        asker.assert_due(DeadlineKind::Idle, secs(expected)).assert_closes(CloseReason::IdleTimeout);
    }
}

#[test]
fn h10_12_idle_counts_from_the_last_octet_of_the_response() {
    let mut asker = Asker::new(&idle(60, 2));
    asker
        .ask("GET")
        .wait(secs(7))
        .feed(&answer("200 OK", "Connection: keep-alive\r\nKeep-Alive: timeout=15\r\nContent-Length: 2\r\n"));
    asker.wait(secs(3)).feed("o").wait(secs(3)).feed("k");
    asker.assert_due(DeadlineKind::Idle, secs(13));
}

#[test]
fn h10_12_a_hint_within_the_margin_closes_with_the_response() {
    for hint in ["timeout=0", "timeout=1", "timeout=2", "timeout=9, timeout=2"] {
        let asker = after(&idle(60, 2), &hinted(hint));
        assert!(matches!(asker.said.last(), Some(Said::End(_))));
        asker.assert_closes(CloseReason::HintTooShort);
    }
    after(&idle(60, 2), &hinted("timeout=3")).assert_idle();
}

#[test]
fn h10_11_h10_13_hints_that_are_none_are_skipped() {
    for (hint, expected) in [
        ("timeout=\"5\"", 60),
        ("timeout=-1", 60),
        ("timeout=1.5", 60),
        ("timeout=+5", 60),
        ("timeout=", 60),
        ("timeout", 60),
        ("115", 60),
        ("\"timeout=5", 60),
        ("x=\"timeout=5, timeout=4\"", 60),
        ("timeout=99999999999999999999999999", 60),
        ("timeout=4294967295", 60),
        ("timeout=18446744073709551616", 60),
        ("TIMEOUT = 8,, MAX=100, x=\"a,b\"", 6),
        ("timeout=9, timeout=7, timeout=8", 5),
        ("=, ;, timeout=9", 7),
    ] {
        let mut asker = after(&idle(60, 2), &hinted(hint));
        asker.assert_idle();
        assert_eq!(
            asker.connection.next_deadline().map(|due| due.at),
            Some(asker.now + secs(expected)),
            "Keep-Alive: {hint}"
        );
        asker.ask("GET").feed(&ok("")).assert_idle();
    }
}

#[test]
fn h10_09_a_hint_without_its_option_is_none() {
    let asker = after(&idle(60, 2), &answer("200 OK", "Keep-Alive: timeout=1, max=0\r\nContent-Length: 0\r\n"));
    asker.assert_idle();
    assert_eq!(asker.connection.next_deadline().map(|due| due.at), Some(asker.now + secs(60)));
}

#[test]
fn h10_15_max_is_how_many_more() {
    let mut asker = after(&DEFAULT, &hinted("max=2"));
    asker.ask("GET").feed(&ok("")).assert_idle();
    asker.ask("GET");
    assert_eq!(asker.try_ask(&request("GET"), HOST, Content::Empty), Err(SendError::Ended(CloseReason::MaxHint)));
    assert_eq!(asker.connection.reusable(asker.now), Reusable::No(CloseReason::MaxHint));
    asker.feed(&ok("x"));
    assert_eq!(asker.exchanges().last(), Some(&(200, "x".into())));
    asker.assert_closes(CloseReason::MaxHint);

    // said anew, it counts anew
    let mut asker = after(&DEFAULT, &hinted("max=1"));
    asker.ask("GET").feed(&hinted("max=1")).assert_idle();
    asker.ask("GET").feed(&hinted("max=0")).assert_closes(CloseReason::MaxHint);
    after(&DEFAULT, &hinted("timeout=60, max=0")).assert_closes(CloseReason::MaxHint);
}

#[test]
fn h10_15_policy_takes_max_for_nothing_unless_it_is_0() {
    let config = with_policy(Policy::DEFAULT.with_max_hint(Use::Off));
    let mut asker = after(&config, &hinted("max=1"));
    for _ in 0..3 {
        asker.ask("GET").feed(&ok("")).assert_idle();
    }
    asker.ask("GET").feed(&hinted("max=0")).assert_closes(CloseReason::MaxHint);
}

#[test]
fn pipe_05_octets_nobody_asked_for_end_the_connection() {
    for (octets, of_fresh) in [("x", true), ("HTTP/1.1 200 OK\r\n\r\n", true), ("\0", false), (" \r\n", false)] {
        let mut asker = Asker::new(&DEFAULT);
        if !of_fresh {
            asker.ask("GET").feed(&ok(""));
        }
        let said = asker.said.len();
        asker.feed(octets);
        assert_eq!((asker.said.len(), asker.error()), (said, None), "{octets:?} is no response, and no fault");
        asker.assert_closes(CloseReason::Unsolicited);
        assert!(asker.buffer.is_empty());
        assert_eq!(
            asker.try_ask(&request("GET"), HOST, Content::Empty),
            Err(SendError::Ended(CloseReason::Unsolicited))
        );
        assert_eq!(asker.verdicts(), []);
    }
}

#[test]
fn pipe_05_a_surplus_behind_a_response_is_no_response() {
    let mut asker = Asker::asking("GET");
    asker.feed(&(ok("a") + &ok("b")));
    assert_eq!(asker.exchanges(), [(200, "a".into())]);
    asker.assert_closes(CloseReason::Unsolicited);
}

#[test]
fn close_12_a_408_between_exchanges_is_no_response() {
    let timeout = answer("408 Request Timeout", "Connection: close\r\nContent-Length: 0\r\n");
    let mut asker = after(&DEFAULT, &ok(""));
    asker.feed(&timeout).assert_closes(CloseReason::Unsolicited);
    assert_eq!(asker.exchanges().len(), 1);
    let mut asker = after(&DEFAULT, &ok(""));
    asker.ask("GET").feed(&timeout);
    assert_eq!(asker.exchanges().last(), Some(&(408, String::new())), "the request's answer where one is outstanding");
    asker.assert_closes(CloseReason::CloseReceived);
}

#[test]
fn close_03_the_peers_end_between_exchanges_is_no_error() {
    for eof in [Eof::Clean, Eof::Truncated] {
        let mut asker = after(&DEFAULT, &ok(""));
        asker.eof_as(eof);
        assert_eq!((asker.error(), asker.said.last()), (None, Some(&Said::PeerClosed)));
        asker.assert_closes(CloseReason::PeerClosed);
        assert_eq!(asker.connection.reusable(asker.now), Reusable::No(CloseReason::PeerClosed));
        assert_eq!(
            asker.try_ask(&request("GET"), HOST, Content::Empty),
            Err(SendError::Ended(CloseReason::PeerClosed))
        );
        assert_eq!(asker.verdicts(), []);
    }
    Asker::new(&DEFAULT).eof().assert_closes(CloseReason::PeerClosed);
}

#[test]
fn pers_08_the_whole_response_is_read_before_the_connection_is_used_again() {
    let mut asker = Asker::asking("POST");
    asker.feed(&answer("200 OK", "Content-Length: 2\r\n")).feed("o");
    assert_eq!(asker.connection.reusable(asker.now), Reusable::Wait(Misuse::PipelineHeld));
    assert_eq!(asker.try_ask(&request("GET"), HOST, Content::Empty), Err(Misuse::PipelineHeld.into()));
    asker.feed("k").assert_idle();
    asker.ask("GET");
    // nor of a client that never pipelines, to a peer that would let it
    let (now, config, mut out) = (Instant::from_secs(100), Config::<Client>::DEFAULT, [0; 200]);
    let mut connection = Connection::<Client, _>::new(now, &config);
    connection.knows_http11();
    let sent = connection.send_request(now, &request("GET"), HOST, Content::Empty, &mut out).expect("it may be sent");
    connection.handle_sent(now, sent as u64);
    let answer = answer("200 OK", "Content-Length: 2\r\n");
    let head = connection.receive(now, answer.as_bytes()).expect("a head");
    assert_eq!(head.consumed, answer.len());
    for octet in [b"o", b"k"] {
        assert_eq!(connection.reusable(now), Reusable::Wait(Misuse::PipelineFull));
        let content = connection.receive(now, octet).expect("content");
        assert_eq!(content.outcome, Outcome::Event(Event::Content(octet)));
    }
    assert!(matches!(connection.reusable(now), Reusable::Now { .. }));
}

#[test]
fn close_05_a_drain_lets_the_exchange_end() {
    let mut idle = after(&DEFAULT, &ok(""));
    idle.connection.close_after_exchange(idle.now);
    idle.assert_closes(CloseReason::Drain);
    let mut fresh = Asker::new(&DEFAULT);
    fresh.connection.close_after_exchange(fresh.now);
    fresh.assert_closes(CloseReason::Drain);
    let mut busy = Asker::asking("GET");
    busy.connection.close_after_exchange(busy.now);
    assert_eq!(busy.try_ask(&request("GET"), HOST, Content::Empty), Err(SendError::Ended(CloseReason::Drain)));
    busy.feed(&ok("x"));
    assert_eq!(busy.exchanges(), [(200, "x".into())]);
    busy.assert_closes(CloseReason::Drain);
    let mut late = Asker::asking("GET");
    late.connection.close_after_exchange(late.now);
    late.assert_due(DeadlineKind::Drain, secs(30)).assert_closes(CloseReason::DrainTimeout);
    assert_eq!(late.connection.unanswered().count(), 1);
}

#[test]
fn close_01_age_ends_a_connection_between_messages() {
    let timeouts = no_timeouts().with_age(Some(secs(50)));
    let config: Config<Four> = Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).unwrap();
    Asker::new(&config).assert_due(DeadlineKind::Age, secs(50)).assert_closes(CloseReason::Age);
    let mut asker = after(&config, &ok(""));
    assert_eq!(asker.connection.reusable(asker.now + secs(50)), Reusable::No(CloseReason::Age));
    asker.assert_due(DeadlineKind::Age, secs(50)).assert_closes(CloseReason::Age);

    // within an exchange nothing is cut
    let mut asker = Asker::new(&config);
    asker.ask("GET").wait(secs(60));
    assert_eq!(asker.connection.next_deadline(), None);
    asker.feed(&ok("x"));
    assert_eq!(asker.exchanges(), [(200, "x".into())]);
    asker.assert_closes(CloseReason::Age);
}

#[test]
fn close_06_a_fault_ends_the_connection_at_once() {
    let mut asker = Asker::new(&Config::new(Limits::DEFAULT, Timeouts::DEFAULT, Policy::DEFAULT).unwrap());
    asker.ask("GET").feed("noise");
    assert_eq!(asker.error(), Some(ProtocolErrorKind::NotHttp));
    asker.assert_closes(CloseReason::ProtocolError);
    assert_eq!(asker.connection.next_deadline(), None);
}

#[test]
fn pipe_05_the_lifecycle_alone_takes_nothing_for_an_answer_to_come() {
    let now = Instant::from_secs(1);
    let mut lifecycle = Lifecycle::new(now, &DEFAULT);
    lifecycle.octets_received(now, 30);
    assert_eq!(lifecycle.wants().shut, Some(Shut::Close(CloseReason::Unsolicited)));
    let get = request("GET");
    let mut facts = HeadFacts::request(get.method(), get.version);
    facts.field_line(b"Host", b"a");
    assert_eq!(
        lifecycle.head_to_send(now, &get, &facts, Content::Empty),
        Err(SendError::Ended(CloseReason::Unsolicited))
    );
}
