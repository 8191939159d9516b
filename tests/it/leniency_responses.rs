//! Leniencies of a client: each refused by default with its kind, accepted in the one documented way when it is set, and
//! never where a message is framed by it.

use crate::common::client::{Asker, DEFAULT, answer, ok, with_limits, with_policy};
use http_keepalive::ProtocolErrorKind::{self, *};
use http_keepalive::{CloseReason, Limits, Persistence, Policy, ReuseReason, Timeouts, Tolerance, Use};
use std::time::Duration;

const ACCEPT: Tolerance = Tolerance::Accept;

/// Refused by default with this kind, in one piece and in octets.
#[track_caller]
fn assert_refused(policy: Policy, octets: &str, kind: ProtocolErrorKind) {
    for dribbles in [false, true] {
        let mut asker = Asker::new(&with_policy(policy));
        asker.ask("GET");
        let asker = if dribbles { asker.dribble(octets) } else { asker.feed(octets) };
        assert_eq!(asker.error(), Some(kind), "{octets:?} {dribbles}");
    }
}

/// Accepted: the status, the reason, the field lines and the content, in one piece and in octets.
#[track_caller]
fn assert_accepted(policy: Policy, octets: &str, reason: &str, fields: &[(&str, &str)], content: &str) {
    for dribbles in [false, true] {
        let mut asker = Asker::new(&with_policy(policy));
        asker.ask("GET");
        let asker = if dribbles { asker.dribble(octets) } else { asker.feed(octets) };
        assert_eq!(asker.error(), None, "{octets:?} {dribbles}");
        let answer = asker.only_answer();
        assert_eq!((answer.status, &answer.reason[..]), (200, reason), "{octets:?} {dribbles}");
        let lines: Vec<_> = answer.fields.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        assert_eq!(lines, fields, "{octets:?} {dribbles}");
        assert_eq!(asker.exchanges(), [(200, content.into())], "{octets:?} {dribbles}");
    }
}

#[test]
fn syn_17_runs_of_whitespace_separate_the_parts_of_a_status_line() {
    let set = Policy::DEFAULT.with_start_line_whitespace(ACCEPT);
    let rest = "\r\nContent-Length: 2\r\n\r\nok";
    for (line, reason) in [
        ("HTTP/1.1  200 OK", "OK"),
        ("HTTP/1.1\t200\tOK", "OK"),
        ("HTTP/1.1 200  \u{b}Very  fine", "Very  fine"),
        ("HTTP/1.1 200 OK  ", "OK  "),
        ("HTTP/1.1 200   ", "  "),
        ("HTTP/1.1 200\t  OK", "OK"),
        ("HTTP/1.1 200 OK\u{c}\r", "OK"),
        ("HTTP/1.1\r200 OK", "OK"),
    ] {
        // an empty reason phrase and spaces within one are fine without it
        if line != "HTTP/1.1 200 OK  " && line != "HTTP/1.1 200   " {
            assert_refused(Policy::DEFAULT, &format!("{line}{rest}"), StatusLine);
        }
        assert_accepted(set, &format!("{line}{rest}"), reason, &[("Content-Length", "2")], "ok");
    }
    assert_accepted(set, &format!("  HTTP/1.1 200 OK{rest}"), "OK", &[("Content-Length", "2")], "ok");
    assert_refused(Policy::DEFAULT, &format!("  HTTP/1.1 200 OK{rest}"), NotHttp);
    // what is not whitespace stays what it is
    for line in ["HTTP/1.1 2 00 OK", "HTTP/1.1 2000 OK", "HTTP/1.1200 OK", "HTTP/1.1 200OK", "HTTP/1.1"] {
        assert_refused(set, &format!("{line}{rest}"), StatusLine);
    }
    assert_refused(set, &format!("HTTP /1.1 200 OK{rest}"), Version);
    assert_refused(set, &format!("X  HTTP/1.1 200 OK{rest}"), NotHttp);
}

#[test]
fn a_line_of_a_response_that_is_no_field_line_may_be_dropped() {
    let set = Policy::DEFAULT.with_response_junk_lines(ACCEPT);
    let long = "x".repeat(3000);
    for (junk, kind) in [
        ("Deprecated function in /var/www/a.php on line 3", MissingColon),
        ("<b>Warning</b>: headers already sent", FieldName),
        ("my header: x", FieldName),
        (": no name", FieldName),
        ("X-Caf\u{e9}: x", FieldName),
        ("HTTP/1.1 200 OK", MissingColon),
        ("Set-Cookie", MissingColon),
        ("Connection reset", MissingColon),
        (&long, MissingColon),
    ] {
        for (before, after) in [("", ""), ("A: b\r\n", ""), ("", "C: d\r\n"), ("A: b\r\nE: f\r\n", "C: d\r\nG: h\r\n")]
        {
            let head = format!("HTTP/1.1 200 OK\r\n{before}{junk}\r\n{after}Content-Length: 2\r\n\r\nok");
            assert_refused(Policy::DEFAULT, &head, kind);
            let lines = (before.to_owned() + after).replace("\r\n", "\n");
            let mut fields: Vec<_> = lines.lines().map(|line| line.split_once(": ").expect("a field line")).collect();
            fields.push(("Content-Length", "2"));
            assert_accepted(set, &head, "OK", &fields, "ok");
        }
    }
    // several, and one that is continued
    let head = "HTTP/1.1 200 OK\r\na b\r\nc d\r\nA: b\r\nmore junk\r\n of it\r\nContent-Length: 2\r\ne f\r\n\r\nok";
    assert_accepted(set, head, "OK", &[("A", "b"), ("Content-Length", "2")], "ok");
}

#[test]
fn a_line_that_may_be_meant_for_framing_is_never_dropped() {
    let set = Policy::DEFAULT.with_response_junk_lines(ACCEPT);
    for line in [
        "Content-Length 2",
        "Content Length: 2",
        "content_length\u{e9}: 2",
        "Content-Length;: 2",
        "\"Content-Length\": 2",
        "X Content-Length: 2",
        "contentlength",
        "Transfer-Encoding chunked",
        "Transfer Encoding: chunked",
        "(Transfer-Encoding): chunked",
        "Connection",
        "\"Connection\": close",
        "Conn ection: close",
        "junk\r\n Content-Length: 2",
        "<a\rContent-Length: 2",
    ] {
        let mut asker = Asker::new(&with_policy(set));
        asker.ask("GET").feed(&format!("HTTP/1.1 200 OK\r\nA: b\r\n{line}\r\n\r\n"));
        assert!(asker.error().is_some(), "{line:?}");
    }
    // whitespace before the colon and octets in a value are other leniencies
    assert_refused(set, "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", WhitespaceBeforeColon);
    assert_refused(set, "HTTP/1.1 200 OK\r\nA: b\u{1}\r\n\r\n", FieldValue);
    assert_refused(set, "HTTP/1.1 200 OK\r\nju\rnk: b\r\n\r\n", BareCr);
    assert_refused(set, "HTTP/1.1 200 OK\r\nju nk\0\r\n\r\n", MissingColon);
    // nor in a trailer section
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    assert_refused(set, &format!("{chunked}junk\r\n\r\n"), MissingColon);
}

#[test]
fn dropped_lines_count_for_the_limit_of_the_head() {
    let limits = Limits::DEFAULT.with_head(400).with_start_line(100);
    let config =
        http_keepalive::Config::new(limits, Timeouts::CLIENT, Policy::DEFAULT.with_response_junk_lines(ACCEPT))
            .expect("within bounds");
    let mut asker = Asker::new(&config);
    asker.ask("GET").feed(&format!("HTTP/1.1 200 OK\r\n{}\r\n", "junk junk\r\n".repeat(60)));
    assert_eq!(asker.error(), Some(HeadTooLong));
}

#[test]
fn proxy_10_proxy_connection_counts_only_for_a_connection_to_a_proxy() {
    let honours = with_policy(Policy::DEFAULT.with_proxy_connection(Use::On));
    let length = "Content-Length: 0\r\n";
    let cases = [
        ("HTTP/1.0 407 x", "Proxy-Connection: keep-alive\r\n", Persistence::Reuse(ReuseReason::Http10KeepAlive)),
        ("HTTP/1.0 407 x", "proxy-connection: Keep-Alive , x\r\n", Persistence::Reuse(ReuseReason::Http10KeepAlive)),
        ("HTTP/1.1 407 x", "Proxy-Connection: close\r\n", Persistence::Close(CloseReason::CloseReceived)),
        ("HTTP/1.1 407 x", "Proxy-Connection: keep-alive, close\r\n", Persistence::Close(CloseReason::CloseReceived)),
        (
            "HTTP/1.0 407 x",
            "Connection: close\r\nProxy-Connection: keep-alive\r\n",
            Persistence::Close(CloseReason::CloseReceived),
        ),
        ("HTTP/1.0 407 x", "Proxy-Connection: upgrade\r\n", Persistence::Close(CloseReason::Http10)),
    ];
    for (line, fields, persistence) in cases {
        for dribbles in [false, true] {
            let head = format!("{line}\r\n{fields}{length}\r\n");
            let verdict = |asker: &mut Asker| {
                asker.ask("GET");
                if dribbles {
                    asker.dribble(&head)
                } else {
                    asker.feed(&head)
                };
                asker.connection.persistence()
            };
            assert_eq!(verdict(&mut Asker::new(&honours)), persistence, "{head:?}");
            // without it the field says nothing
            let (mut asker, plain) = (Asker::new(&DEFAULT), head.replace("roxy-", "oxy-").replace("roxy-c", "oxy-c"));
            let strict = verdict(&mut asker);
            let mut other = Asker::new(&DEFAULT);
            other.ask("GET").feed(&plain);
            assert_eq!(strict, other.connection.persistence(), "{head:?}");
        }
    }
    // the hint needs its connection option, from wherever it is
    let mut asker = Asker::new(&honours);
    asker
        .ask("GET")
        .feed(&answer("200 OK", &format!("Proxy-Connection: keep-alive\r\nKeep-Alive: timeout=7, max=3\r\n{length}")));
    assert_eq!((asker.connection.peer_hint().timeout, asker.connection.peer_hint().max), (Some(7), Some(3)));
    let mut asker = Asker::new(&DEFAULT);
    asker
        .ask("GET")
        .feed(&answer("200 OK", &format!("Proxy-Connection: keep-alive\r\nKeep-Alive: timeout=7\r\n{length}")));
    assert_eq!(asker.connection.peer_hint().timeout, None);
}

#[test]
fn the_peers_hint_is_what_it_said_less_the_requests_since() {
    let mut asker = Asker::asking("GET");
    assert_eq!((asker.connection.peer_hint().timeout, asker.connection.peer_hint().max), (None, None));
    asker.feed(
        &(answer("200 OK", "Connection: keep-alive\r\nKeep-Alive: timeout=5, max=9\r\nContent-Length: 2\r\n") + "ok"),
    );
    let hint = asker.connection.peer_hint();
    assert_eq!((hint.timeout, hint.max), (Some(5), Some(9)));
    asker.ask("GET").feed(&ok(""));
    assert_eq!((asker.connection.peer_hint().timeout, asker.connection.peer_hint().max), (Some(5), Some(8)));
}

// ---- a client's defaults

#[test]
fn limit_08_interim_responses_are_bounded_by_their_octets_and_not_by_their_number() {
    let interim = "HTTP/1.1 102 Processing\r\n\r\n";
    assert_eq!(Limits::DEFAULT.interim_responses, None);
    let most = Limits::DEFAULT.interim_octets.expect("a bound") as usize;
    assert!(most >= 64 * 1024);
    for (count, error) in [(most / interim.len(), None), (most / interim.len() + 1, Some(InterimResponses))] {
        let mut asker = Asker::asking("COPY");
        for _ in 0..count {
            asker.feed(interim);
        }
        assert_eq!(asker.error(), error, "{count}");
    }
    // inclusive, for each request anew, and however they are read
    let limits = Limits::DEFAULT.with_interim_octets(Some(2 * interim.len() as u32));
    for dribbles in [false, true] {
        let mut asker = Asker::new(&with_limits(limits));
        let feed = |asker: &mut Asker, text: &str| {
            if dribbles {
                asker.dribble(text)
            } else {
                asker.feed(text)
            };
        };
        for _ in 0..3 {
            asker.ask("GET");
            feed(&mut asker, interim);
            feed(&mut asker, interim);
            feed(&mut asker, &ok("x"));
            assert_eq!(asker.error(), None);
        }
        asker.ask("GET");
        feed(&mut asker, interim);
        feed(&mut asker, interim);
        feed(&mut asker, interim);
        assert_eq!(asker.error(), Some(InterimResponses));
    }
    let mut asker = Asker::new(&with_limits(Limits::DEFAULT.with_interim_octets(None)));
    asker.ask("GET");
    for _ in 0..2 * most / interim.len() {
        asker.feed(interim);
    }
    asker.feed(&ok("")).assert_idle();
}

#[test]
fn a_clients_event_stream_lives_by_its_heartbeats_and_ends_without_them() {
    let gap = Timeouts::CLIENT.content_gap.expect("a shield");
    assert!(gap >= Duration::from_secs(120) && Timeouts::CLIENT.content_rate.is_none());
    let mut asker = Asker::asking("GET");
    asker.feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for _ in 0..100 {
        let deadline = asker.connection.next_deadline().expect("it is shielded");
        assert!(deadline.at >= asker.now + gap, "{deadline:?}");
        asker.wait(gap - Duration::from_secs(1)).feed("3\r\n:ka\r\n");
    }
    assert_eq!(asker.error(), None);
    asker.wait(gap);
    assert!(asker.connection.handle_timeout(asker.now).is_some());
    // one that is an attack is shielded by a setting
    let strict = Timeouts::CLIENT.with_content_gap(Some(Duration::from_secs(20))).with_content_rate(Some(500));
    let config = http_keepalive::Config::new(Limits::DEFAULT, strict, Policy::DEFAULT).expect("within bounds");
    let mut asker = Asker::new(&config);
    asker.ask("GET").feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    asker.wait(Duration::from_secs(15)).feed("3\r\n:ka\r\n");
    assert_eq!(asker.connection.next_deadline().map(|due| due.at), Some(asker.now + Duration::from_millis(5006)));
}
