//! Persistence (RFC 9112 9.3, 9.6), HTTP/1.0 and the `Keep-Alive` field, pipelining.

use std::time::Duration;

use crate::common;
use crate::common::{Driver, Seen, accept, get, limits, pairs, policy};
use http_keepalive::{
    BodyLength, CloseReason, Config, Content, DeadlineKind, FramingField, FramingRule, HeadFacts, KeepAlive,
    KeepAliveField, Lifecycle, Limits, Method, MethodKind, Misuse, NO_FIELDS, PauseReason, Persistence, Policy,
    ProtocolErrorKind, ReadWant, Response, ReuseReason, SendError, Server, Shut, StatusCode, Timeouts, TunnelReason,
    Turn, Use, Version, persistence,
};

const STRICT: Config<Server> = Config::DEFAULT;

fn old(fields: &str) -> String {
    format!("GET / HTTP/1.0\r\n{fields}\r\n")
}

/// The verdict after one request is read, and once it has been answered with content of known length.
#[track_caller]
fn verdict(config: &Config<Server>, request: &str) -> Persistence {
    let mut driver = Driver::new(config);
    driver.feed(request);
    assert!(matches!(driver.seen.last(), Some(Seen::End(_))), "{request:?}: {:?}", driver.seen);
    let verdict = driver.connection.persistence();
    driver.respond(StatusCode::OK, Content::Exact(2)).content("ok");
    assert_eq!(driver.connection.persistence(), verdict, "an ordinary response changes nothing");
    let closes = matches!(verdict, Persistence::Close(_));
    assert_eq!(driver.response().has_option("close"), closes, "{request:?}: what is decided is announced");
    assert_eq!(driver.connection.lifecycle().is_idle(), !closes, "{request:?}");
    assert_eq!(matches!(driver.connection.wants().shut, Some(Shut::HalfClose(_))), closes, "{request:?}");
    verdict
}

#[test]
fn pers_02_truth_table_of_a_server() {
    let off = policy(Policy::DEFAULT.with_http10_keep_alive(Use::Off));
    let reuse = Persistence::Reuse(ReuseReason::Http11);
    let reuse_old = Persistence::Reuse(ReuseReason::Http10KeepAlive);
    let close = |reason| Persistence::Close(reason);
    let new = |version: &str, fields: &str| format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n");
    for (config, request, expected) in [
        (&STRICT, new("1.1", ""), reuse),
        (&STRICT, new("1.1", "Connection: close\r\n"), close(CloseReason::CloseReceived)),
        (&STRICT, new("1.1", "Connection: keep-alive, close\r\n"), close(CloseReason::CloseReceived)),
        (&STRICT, new("1.2", ""), reuse),
        (&STRICT, new("1.0", ""), close(CloseReason::Http10)),
        (&STRICT, new("1.0", "Connection: Keep-Alive\r\n"), reuse_old),
        (&off, new("1.0", "Connection: Keep-Alive\r\n"), close(CloseReason::Http10KeepAliveOff)),
        // beyond the table
        (&off, new("1.1", "Connection: Keep-Alive\r\n"), reuse),
        (&off, new("1.0", ""), close(CloseReason::Http10)),
        (&STRICT, new("1.0", "Connection: close, Keep-Alive\r\n"), close(CloseReason::CloseReceived)),
        (&STRICT, new("1.9", "Connection: close\r\n"), close(CloseReason::CloseReceived)),
    ] {
        assert_eq!(verdict(config, &request), expected, "{request:?}");
    }
    // the last row: what leaves HTTP, whatever Connection says
    for (request, status, fields, reason) in [
        ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", StatusCode::OK, &[][..], TunnelReason::Connect),
        ("CONNECT a:1 HTTP/1.0\r\nConnection: close\r\n\r\n", StatusCode::OK, &[], TunnelReason::Connect),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade, close\r\nUpgrade: foo\r\n\r\n",
            StatusCode::SWITCHING_PROTOCOLS,
            &[("Upgrade", "foo")],
            TunnelReason::Upgrade,
        ),
    ] {
        let mut driver = Driver::strict();
        driver.feed(request).respond_with(status, fields.iter().copied(), Content::Empty);
        assert_eq!(driver.connection.persistence(), Persistence::Tunnel(reason), "{request}");
    }
}

#[test]
fn pers_02_the_verdict_on_one_message_is_a_function_of_its_facts() {
    for (minor, options, honours, expected) in [
        (1, "", false, Persistence::Reuse(ReuseReason::Http11)),
        (1, "close", true, Persistence::Close(CloseReason::CloseReceived)),
        (0, "keep-alive", true, Persistence::Reuse(ReuseReason::Http10KeepAlive)),
        (0, "keep-alive", false, Persistence::Close(CloseReason::Http10KeepAliveOff)),
        (0, "x", true, Persistence::Close(CloseReason::Http10)),
        (0, "keep-alive,close", true, Persistence::Close(CloseReason::CloseReceived)),
    ] {
        let mut facts = HeadFacts::request(Method::new(b"GET"), Version { minor });
        facts.field_line(b"connection", options.as_bytes());
        assert_eq!(persistence::of_message(&facts, honours), expected, "1.{minor} {options}");
    }
}

#[test]
fn pers_03_close_beats_keep_alive_in_any_order_on_any_line() {
    for fields in [
        "Connection: keep-alive\r\nConnection: Close\r\n",
        "Connection: close\r\nConnection: keep-alive\r\n",
        "Connection: close, keep-alive\r\n",
        "connection: a, CLOSE ,b\r\nX: y\r\nConnection: keep-alive\r\n",
    ] {
        assert_eq!(verdict(&STRICT, &get(fields)), Persistence::Close(CloseReason::CloseReceived), "{fields}");
        assert_eq!(verdict(&STRICT, &old(fields)), Persistence::Close(CloseReason::CloseReceived), "{fields}");
    }
}

#[test]
fn pers_04_options_are_whole_tokens_without_case() {
    for close in ["CLOSE", "Upgrade, close", "close\t,x", "x,,close", "cLoSe"] {
        assert_eq!(
            verdict(&STRICT, &get(&format!("Connection: {close}\r\n"))),
            Persistence::Close(CloseReason::CloseReceived),
            "{close}"
        );
    }
    for other in ["closed", "x-close", "\"close\"", "close-x", "close x", "clos", "x=close", "close=1", "close;x"] {
        let verdict = verdict(&STRICT, &get(&format!("Connection: {other}\r\n")));
        assert_eq!(verdict, Persistence::Reuse(ReuseReason::Http11), "{other}");
    }
    for other in ["keep-alived", "keepalive", "\"keep-alive\"", "keep-alive=1", "keep alive", "persist"] {
        let verdict = verdict(&STRICT, &old(&format!("Connection: {other}\r\n")));
        assert_eq!(verdict, Persistence::Close(CloseReason::Http10), "{other}");
    }
}

#[test]
fn pers_05_the_latest_request_decides() {
    let keep = old("Connection: keep-alive\r\n");
    let driver = accept(&STRICT, &format!("{keep}{keep}{}{}", old(""), get("")));
    assert_eq!(driver.requests().len(), 3, "keep-alive must recur in every HTTP/1.0 request");
    let options: Vec<_> = driver.responses().iter().map(|response| response.field("connection")).collect();
    assert_eq!(options, [Some("keep-alive".into()), Some("keep-alive".into()), Some("close".into())]);
    // versions may mix on one connection
    let driver = accept(&STRICT, &format!("{}{keep}{}{}", get(""), get(""), get("Connection: close\r\n")));
    assert_eq!(driver.requests().len(), 4);
}

#[test]
fn pers_06_a_response_delimited_by_close_ends_persistence() {
    for (request, content) in [
        (get(""), Content::UntilClose),
        (get("Connection: keep-alive\r\n"), Content::UntilClose),
        (old("Connection: keep-alive\r\n"), Content::Unknown),
    ] {
        let mut driver = Driver::strict();
        driver.feed(&request).respond(StatusCode::OK, content);
        assert_eq!(driver.connection.persistence(), Persistence::Close(CloseReason::UntilClose));
        assert_eq!(driver.response().field("connection").as_deref(), Some("close"));
        driver.content("hello").end(NO_FIELDS);
        assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::UntilClose)));
        assert_eq!(driver.response().content, b"hello");
    }
}

#[test]
fn pers_07_unread_content_is_never_read_as_a_request() {
    let smuggled = get("X: smuggled\r\n");
    let body = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", smuggled.len());
    // answered before any content came
    let mut driver = Driver::strict();
    driver.feed(&body).respond(StatusCode::OK, Content::Empty).feed(&smuggled).feed(&get("X: next\r\n"));
    let xs: Vec<_> = driver.requests().iter().flat_map(|request| request.values("x")).collect();
    assert_eq!(xs, ["next"]);
    assert_eq!(driver.received(), "", "and is reported to nobody");
    // answered in the middle of chunked content
    let mut driver = Driver::strict();
    driver.feed(&common::chunked("5\r\nhel")).respond(StatusCode::OK, Content::Empty);
    driver.feed(&format!("lo\r\n{:x}\r\n{smuggled}\r\n0\r\nT: v\r\n\r\n{}", smuggled.len(), get("X: next\r\n")));
    let xs: Vec<_> = driver.requests().iter().flat_map(|request| request.values("x")).collect();
    assert_eq!((xs, driver.received().as_str()), (vec!["next"], "hel"));
}

#[test]
fn pers_10_without_persistence_every_final_response_says_close() {
    let off = policy(Policy::DEFAULT.with_persistence(Use::Off));
    for request in [get(""), get("Connection: keep-alive\r\n"), old("Connection: keep-alive\r\n")] {
        assert_eq!(verdict(&off, &request), Persistence::Close(CloseReason::PersistenceOff));
    }
    let mut driver = Driver::new(&off);
    driver.feed(&get(""));
    driver.try_interim(StatusCode::EARLY_HINTS, NO_FIELDS).expect("an interim response");
    driver.respond(StatusCode::NO_CONTENT, Content::Empty);
    assert_eq!(driver.responses()[0].field("connection"), None, "an interim response says nothing");
    assert_eq!(driver.responses()[1].field("connection").as_deref(), Some("close"));
}

#[test]
fn pers_12_behind_a_request_with_close_nothing_is_processed() {
    let both = format!("{}{}", get("Connection: close\r\n"), get(""));
    let mut driver = Driver::strict();
    driver.feed(&both);
    assert_eq!(driver.requests().len(), 1);
    driver.respond(StatusCode::OK, Content::Exact(2)).content("ok").feed(&get(""));
    assert_eq!(driver.requests().len(), 1);
    assert_eq!(driver.responses().len(), 1);
    assert!(driver.buffer.is_empty(), "discarded");
    assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::CloseReceived)));
    assert_eq!(driver.connection.wants().application, None);
}

#[test]
fn pers_13_behind_a_response_with_close_nothing_is_processed() {
    let mut driver = Driver::strict();
    driver.feed(&get("")).feed(&get("").repeat(3));
    driver.connection.close_after_exchange(driver.now);
    driver.respond(StatusCode::OK, Content::Empty).feed(&get(""));
    assert!(driver.response().has_option("close"));
    assert_eq!((driver.requests().len(), driver.responses().len()), (1, 1));
    assert!(driver.buffer.is_empty());
    // where the application alone says so
    let mut driver = Driver::strict();
    driver.feed(&get("").repeat(2));
    let (response, mut out) = (Response::new(StatusCode::OK).with_close(true), [0; 200]);
    let sent = driver.connection.send_response(driver.now, response, NO_FIELDS, Content::Empty, &mut out);
    driver.connection.handle_sent(driver.now, sent.expect("it is due") as u64);
    assert_eq!(driver.connection.persistence(), Persistence::Close(CloseReason::CloseSent));
    driver.feed("");
    assert_eq!(driver.requests().len(), 1);
    assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::CloseSent)));
}

#[test]
fn pers_16_http_10_without_keep_alive_is_told_close_under_a_status_line_of_http_11() {
    let mut driver = Driver::strict();
    driver.feed(&old("")).respond(StatusCode::OK, Content::Exact(2)).content("ok");
    assert_eq!(driver.response().line, "HTTP/1.1 200 OK");
    assert_eq!(driver.response().field("connection").as_deref(), Some("close"));
    assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::Http10)));
}

#[test]
fn pers_17_a_status_never_ends_persistence() {
    for code in [200, 204, 304, 400, 404, 413, 417, 431, 500, 501, 503, 505] {
        let mut driver = Driver::strict();
        driver.feed(&get("")).respond(StatusCode::new(code).unwrap(), Content::Empty).feed(&get(""));
        assert_eq!(driver.requests().len(), 2, "{code}");
        assert_eq!(driver.response().field("connection"), None, "{code}");
    }
}

#[test]
fn h10_02_keep_alive_of_http_10_is_echoed() {
    let mut driver = Driver::strict();
    driver.feed(&old("Connection: Keep-Alive\r\n")).respond(StatusCode::OK, Content::Exact(2)).content("ok");
    let response = driver.response();
    assert_eq!(response.line, "HTTP/1.1 200 OK");
    assert_eq!(response.field("connection").as_deref(), Some("keep-alive"));
    assert_eq!(response.field("content-length").as_deref(), Some("2"));
    driver.feed(&old(""));
    assert_eq!(driver.requests().len(), 2, "it stays open");
}

#[test]
fn h10_03_only_content_of_known_length_keeps_an_http_10_connection() {
    let keep = old("Connection: keep-alive\r\n");
    for (status, content, keeps) in [
        (StatusCode::OK, Content::Exact(0), true),
        (StatusCode::OK, Content::Empty, true),
        (StatusCode::NO_CONTENT, Content::Unknown, true),
        (StatusCode::NOT_MODIFIED, Content::Unknown, true),
        (StatusCode::OK, Content::Unknown, false),
        (StatusCode::OK, Content::UntilClose, false),
    ] {
        let mut driver = Driver::strict();
        driver.feed(&keep).respond(status, content).end(NO_FIELDS);
        let response = driver.response();
        assert_eq!(response.has_option("keep-alive"), keeps, "{status} {content:?}");
        assert_eq!(response.has_option("close"), !keeps, "{status} {content:?}");
        assert_eq!(driver.connection.lifecycle().is_idle(), keeps, "{status} {content:?}");
    }
    let mut driver = Driver::strict();
    driver.feed("HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").respond(StatusCode::OK, Content::Unknown);
    assert!(driver.connection.lifecycle().is_idle(), "the answer to HEAD has no content");
}

#[test]
fn h10_04_no_transfer_encoding_to_http_10() {
    for fields in ["", "Connection: keep-alive\r\n", "TE: chunked, trailers\r\n"] {
        let mut driver = Driver::strict();
        driver.feed(&old(fields)).respond(StatusCode::OK, Content::Unknown).content("hello").end(NO_FIELDS);
        assert_eq!(driver.response().field("transfer-encoding"), None);
        assert_eq!(driver.response().content, b"hello");
    }
}

#[test]
fn h10_05_no_interim_response_to_http_10_and_no_upgrade() {
    let mut driver = Driver::strict();
    driver.feed(
        "POST / HTTP/1.0\r\nConnection: keep-alive, upgrade\r\nUpgrade: foo\r\nExpect: 100-continue, x\r\n\
         Content-Length: 2\r\n\r\n",
    );
    assert!(!driver.request().expects_continue && !driver.request().offers_upgrade);
    assert_eq!(driver.paused, None);
    assert_eq!(driver.connection.wants().application, Some(Turn::Respond));
    for status in [StatusCode::CONTINUE, StatusCode::EARLY_HINTS] {
        let sent = driver.try_interim(status, NO_FIELDS);
        assert_eq!(sent, Err(SendError::Misuse(Misuse::InterimToHttp10)));
    }
    driver.feed("ok");
    let sent = driver.try_respond(StatusCode::SWITCHING_PROTOCOLS, [("Upgrade", "foo")], Content::Empty);
    assert_eq!(sent, Err(SendError::Misuse(Misuse::UpgradeNotOffered)));
    driver.respond(StatusCode::OK, Content::Empty);
    assert!(driver.connection.lifecycle().is_idle());
}

#[test]
fn h10_09_keep_alive_without_its_option_is_ignored() {
    let head = b"HTTP/1.0 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n";
    let (_, _, facts) =
        common::parse_response(head, MethodKind::Get, &Limits::DEFAULT, &Policy::DEFAULT).unwrap().unwrap();
    assert_eq!(facts.keep_alive(), None);
    assert_eq!(persistence::of_message(&facts, true), Persistence::Close(CloseReason::Http10));
    assert_eq!(verdict(&STRICT, &old("Keep-Alive: timeout=5\r\n")), Persistence::Close(CloseReason::Http10));
}

#[test]
fn h10_10_keep_alive_is_never_sent_without_its_option() {
    let keeps = |when| policy(Policy::DEFAULT.with_keep_alive_field(when));
    let request = |option: &str| get(&format!("Connection: {option}\r\n"));
    for (when, option, sent) in [
        (KeepAliveField::OnOption, "x", false),
        (KeepAliveField::OnOption, "Keep-Alive", true),
        (KeepAliveField::Always, "x", true),
        (KeepAliveField::Always, "close", false),
        (KeepAliveField::Never, "keep-alive", false),
        (KeepAliveField::OnOption, "keep-alive, close", false),
    ] {
        let mut driver = Driver::new(&keeps(when));
        driver.feed(&request(option)).respond(StatusCode::OK, Content::Empty);
        let response = driver.response();
        assert_eq!(response.field("keep-alive").is_some(), sent, "{when:?} {option}: {response:?}");
        if sent {
            assert!(response.has_option("keep-alive"), "{when:?} {option}: {response:?}");
            assert_eq!(response.field("keep-alive").as_deref(), Some("timeout=60, max=999"));
        }
    }
}

#[test]
fn h10_11_keep_alive_is_a_list_of_parameters_and_junk_is_skipped() {
    let hint = |timeout: Option<u32>, max: Option<u32>| KeepAlive { timeout, max };
    for (value, expected) in [
        ("timeout=5, max=200", hint(Some(5), Some(200))),
        ("timeout = 5,, MAX=100, x=\"a,b\"", hint(Some(5), Some(100))),
        ("x=\"timeout=9, max=9\", max=1", hint(None, Some(1))),
        ("x=\"\\\", timeout=9\", timeout=3", hint(Some(3), None)),
        ("300", hint(None, None)),
        ("115, max=0", hint(None, Some(0))),
        ("", hint(None, None)),
        (",,,", hint(None, None)),
        ("=5, timeout=, timeout, max==3, timeout=7", hint(Some(7), None)),
        ("TimeOut\t=\t15", hint(Some(15), None)),
        ("xtimeout=5, timeoutx=5", hint(None, None)),
        ("timeout=5; max=3", hint(None, None)),
        ("\u{ff}\u{0}, timeout=5", hint(Some(5), None)),
    ] {
        assert_eq!(KeepAlive::parse(&common::octets(value)), expected, "{value}");
    }
    // it never breaks a message
    assert_eq!(verdict(&STRICT, &get("Keep-Alive: =,\"\r\n")), Persistence::Reuse(ReuseReason::Http11));
}

#[test]
fn h10_13_only_digits_count_the_smallest_wins_and_nothing_overflows() {
    for junk in ["-1", "1.5", "+5", "abc", "\"5\"", "0x5", "5s", "5 5", ""] {
        assert_eq!(KeepAlive::parse(format!("timeout={junk}").as_bytes()).timeout, None, "{junk}");
    }
    assert_eq!(KeepAlive::parse(b"timeout=9, timeout=5, timeout=7").timeout, Some(5));
    assert_eq!(KeepAlive::parse(b"timeout=9, timeout=-5").timeout, Some(9));
    for much in ["4294967296", "18446744073709551616", &"9".repeat(400)] {
        let hint = KeepAlive::parse(format!("timeout={much}, max={much}").as_bytes());
        assert_eq!(hint, KeepAlive { timeout: Some(u32::MAX), max: Some(u32::MAX) }, "{much}");
    }
    assert_eq!(KeepAlive::parse(b"timeout=005").timeout, Some(5));
    // over several lines, too
    let mut facts = HeadFacts::response(StatusCode::OK, Version::HTTP_11);
    facts.field_line(b"Keep-Alive", b"timeout=9, max=3");
    facts.field_line(b"Connection", b"keep-alive");
    facts.field_line(b"Keep-Alive", b"max=5, timeout=4");
    assert_eq!(facts.keep_alive(), Some(KeepAlive { timeout: Some(4), max: Some(3) }));
}

#[test]
fn h10_14_no_more_is_advertised_than_is_kept() {
    let secs = |secs| Some(Duration::from_secs(secs));
    let timeouts = Timeouts::DEFAULT.with_idle(secs(10)).with_idle_advertised(secs(11));
    let error = Config::<Server>::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).unwrap_err();
    assert_eq!(error.setting, "idle_advertised");
    // a part of a second is not advertised as a whole one
    let timeouts = Timeouts::DEFAULT.with_idle(secs(10)).with_idle_advertised(Some(Duration::from_millis(4900)));
    let config = Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).unwrap();
    let mut driver = Driver::new(&config);
    driver.feed(&get("Connection: keep-alive\r\n")).respond(StatusCode::OK, Content::Empty);
    assert_eq!(driver.response().field("keep-alive").as_deref(), Some("timeout=4, max=999"));
    let idle = driver.connection.next_deadline().expect("an idle deadline");
    assert_eq!((idle.kind, idle.at), (DeadlineKind::Idle, driver.now + Duration::from_secs(10)));
}

#[test]
fn h10_15_max_counts_down_to_close() {
    let config = limits(Limits::DEFAULT.with_max_exchanges(Some(3)));
    let driver = accept(&config, &get("Connection: keep-alive\r\n").repeat(5));
    let hints: Vec<_> = driver.responses().iter().map(|response| response.field("keep-alive")).collect();
    assert_eq!(hints, [Some("timeout=60, max=2".into()), Some("timeout=60, max=1".into()), None]);
    assert!(driver.response().has_option("close"));
    assert_eq!(driver.requests().len(), 3);
}

#[test]
fn h10_16_what_the_connection_controls_is_not_for_the_caller_to_send() {
    for name in ["Connection", "Keep-Alive", "Content-Length", "Transfer-Encoding", "Proxy-Connection"] {
        for name in [name.to_string(), name.to_lowercase(), name.to_uppercase()] {
            let mut driver = Driver::strict();
            driver.feed(&get(""));
            let before = driver.connection.clone();
            let sent = driver.try_respond(StatusCode::OK, [("X", "y"), (name.as_str(), "close")], Content::Empty);
            assert_eq!(sent, Err(SendError::Misuse(Misuse::OwnedField)), "{name}");
            assert_eq!(driver.connection, before, "no state moved");
        }
    }
}

#[test]
fn h10_17_an_http_10_request_is_answered_in_our_own_version() {
    let driver = accept(&STRICT, &old("Connection: keep-alive\r\n").repeat(2));
    assert!(driver.responses().iter().all(|response| response.line.starts_with("HTTP/1.1 ")));
}

#[test]
fn h10_18_http_09_is_400() {
    for input in ["GET /▼\r\n", "GET /▼\r\nHost: a\r\n\r\n"] {
        common::assert_refused(&STRICT, input, ProtocolErrorKind::RequestLine, 400);
        common::assert_refused(&policy(common::lenient()), input, ProtocolErrorKind::RequestLine, 400);
    }
}

#[test]
fn mdn_keep_alive_response_example() {
    // the example of MDN's page on `Keep-Alive`: a status line and seven field lines
    let input = b"HTTP/1.1 200 OK\r\n\
        Connection: Keep-Alive\r\n\
        Content-Encoding: gzip\r\n\
        Content-Type: text/html; charset=utf-8\r\n\
        Date: Thu, 11 Aug 2016 15:23:13 GMT\r\n\
        Keep-Alive: timeout=5, max=200\r\n\
        Last-Modified: Mon, 25 Jul 2016 04:32:39 GMT\r\n\
        Server: Apache\r\n\
        \r\n\
        (body)";
    let (octets, head, facts) =
        common::parse_response(input, MethodKind::Get, &Limits::DEFAULT, &Policy::DEFAULT).unwrap().unwrap();
    assert_eq!(&input[octets..], b"(body)");
    assert_eq!((head.status, head.reason), (StatusCode::OK, &b"OK"[..]));
    let fields = pairs(&head.fields);
    let names: Vec<_> = fields.iter().map(|(name, _)| name.as_str()).collect();
    let expected = ["Connection", "Content-Encoding", "Content-Type", "Date", "Keep-Alive", "Last-Modified", "Server"];
    assert_eq!(names, expected);
    assert_eq!(head.fields.value("date").unwrap().to_str(), Some("Thu, 11 Aug 2016 15:23:13 GMT"));
    let hint = KeepAlive { timeout: Some(5), max: Some(200) };
    assert_eq!(KeepAlive::parse(head.fields.value("keep-alive").unwrap().as_slice().unwrap()), hint);
    assert_eq!(facts.keep_alive(), Some(hint));
    assert!(facts.has_keep_alive() && !facts.has_close());
    // it says nothing of its length: the message itself lasts until close
    assert_eq!((head.framing.length, head.framing.rule), (BodyLength::UntilClose, FramingRule::UntilClose));
    assert_eq!(persistence::of_message(&facts, false), Persistence::Reuse(ReuseReason::Http11));
}

#[test]
fn pipe_02_responses_go_out_in_the_order_of_requests() {
    let without = (0..3).map(|n| format!("GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let with = (3..5).map(|n| format!("PUT /{n} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok"));
    let requests: String = without.chain(with).collect();
    let mut driver = Driver::strict();
    driver.feed(&requests);
    for n in 0..5 {
        assert_eq!(driver.requests().len(), n + 1, "one at a time");
        assert_eq!(driver.requests()[n].target, format!("/{n}"));
        let content = n.to_string();
        driver.respond(StatusCode::OK, Content::Exact(1)).content(&content).feed("");
    }
    let contents: Vec<_> = driver.responses().into_iter().flat_map(|response| response.content).collect();
    assert_eq!(contents, b"01234");
}

#[test]
fn pipe_02_a_response_half_sent_holds_the_next_request_back() {
    let mut driver = Driver::strict();
    driver.feed(&get("").repeat(2)).respond(StatusCode::OK, Content::Unknown).content("x").feed("");
    assert_eq!(driver.requests().len(), 1);
    assert_eq!(driver.paused, Some(PauseReason::ResponseDue));
    let sent = driver.try_respond(StatusCode::OK, NO_FIELDS, Content::Empty);
    assert_eq!(sent, Err(SendError::Misuse(Misuse::AlreadyAnswered)));
    driver.end(NO_FIELDS).feed("");
    assert_eq!(driver.requests().len(), 2);
}

#[test]
fn pipe_11_a_bad_request_behind_good_ones_is_answered_in_its_turn() {
    let mut driver = Driver::strict();
    let input = format!("{}{}GET / HTTP/1.1\r\nHost : a\r\n\r\n{}", get("X: 1\r\n"), get("X: 2\r\n"), get("X: 4\r\n"));
    driver.feed(&input);
    assert_eq!(driver.connection.error(), None, "not looked at yet");
    driver.respond(StatusCode::OK, Content::Exact(1)).content("1").feed("");
    driver.respond(StatusCode::OK, Content::Exact(1)).content("2").feed("");
    assert!(matches!(driver.seen.last(), Some(Seen::Error(ProtocolErrorKind::WhitespaceBeforeColon, _))));
    driver.refuse().feed(&get("X: 5\r\n"));
    let statuses: Vec<_> = driver.responses().iter().map(|response| response.status).collect();
    assert_eq!(statuses, [200, 200, 400]);
    assert_eq!(driver.requests().len(), 2);
}

#[test]
fn pipe_12_what_is_behind_a_message_waits_in_the_buffer_of_the_caller() {
    let mut driver = Driver::strict();
    driver.feed(&get("").repeat(100));
    assert_eq!(driver.buffer.len(), get("").len() * 99, "nothing is taken that is not read");
    assert_eq!(driver.paused, Some(PauseReason::ResponseDue));
    assert_eq!(driver.connection.wants().read, ReadWant::EofOnly, "and no more is asked for");
    assert_eq!(driver.connection.offset(), get("").len() as u64);
}

#[test]
fn the_announcement_to_an_http_10_client_is_the_same_without_octets() {
    let mut lifecycle = Lifecycle::<Server>::new(http_keepalive::Instant::EPOCH, &Config::DEFAULT);
    let mut facts = HeadFacts::request(Method::new(b"GET"), Version::HTTP_10);
    facts.field_line(b"Connection", b"keep-alive");
    lifecycle.head_received(http_keepalive::Instant::EPOCH, &facts).expect("a request");
    let announce = lifecycle
        .head_to_send(http_keepalive::Instant::EPOCH, StatusCode::OK, Content::Unknown)
        .expect("a response may be sent");
    assert!(announce.options.close && !announce.options.keep_alive);
    assert_eq!((announce.framing, announce.length), (FramingField::None, BodyLength::UntilClose));
}
