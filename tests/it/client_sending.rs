//! What a client sends (RFC 9112 3, 6; RFC 9110 7.6.1, 7.8, 10.1.1): heads, content, and what is refused.

use std::time::Duration;

use crate::common;
use crate::common::client::{Asker, DEFAULT, Four, HOST, Said, answer, ok, request, with_limits, with_policy};
use http_keepalive::retry::Sent;
use http_keepalive::{
    Announce, CheckedFields, CloseReason, Config, ConnectionOptions, Content, DeadlineKind, FramingField, HeadFacts,
    Instant, KeepAlive, Lifecycle, Limits, Method, Misuse, NO_FIELDS, Policy, Request, RequestHint, SendError, Server,
    Timeouts, Turn, Use, Version,
};

/// A head that is refused: nothing is written and no state moves.
#[track_caller]
fn assert_misuse<const N: usize>(
    asker: &mut Asker,
    request: &Request<'_>,
    fields: [(&str, &str); N],
    content: Content,
    why: impl Into<SendError>,
) {
    let before = asker.connection.clone();
    assert_eq!(asker.try_ask(request, fields, content), Err(why.into()), "{request:?} {fields:?}");
    assert_eq!(asker.connection, before, "{request:?} {fields:?}");
    assert!(asker.out.is_empty());
}

#[test]
fn send_05_host_is_the_callers_and_is_checked() {
    let mut asker = Asker::new(&DEFAULT);
    let get = request("GET");
    assert_misuse(&mut asker, &get, [], Content::Empty, Misuse::Host);
    assert_misuse(&mut asker, &get, [("Host", "a"), ("host", "a")], Content::Empty, Misuse::Host);
    for host in ["a b", "a/b", "a:x", "u@a"] {
        assert_misuse(&mut asker, &get, [("Host", host)], Content::Empty, Misuse::Host);
    }
    let sent = asker.try_ask(&get, [("Host", "")], Content::Empty).unwrap();
    assert_eq!(sent, "GET / HTTP/1.1\r\nHost: \r\n\r\n", "empty where the target has no authority");
    let old = get.with_version(Version::HTTP_10);
    let sent = Asker::new(&DEFAULT).try_ask(&old, NO_FIELDS, Content::Empty).unwrap();
    assert_eq!(sent, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "HTTP/1.0 has no such rule");
}

#[test]
fn h10_16_what_the_machine_owns_is_refused_of_a_caller() {
    let mut asker = Asker::new(&DEFAULT);
    for name in ["Connection", "keep-alive", "Content-Length", "TRANSFER-ENCODING", "Proxy-Connection"] {
        assert_misuse(&mut asker, &request("GET"), [("Host", "a"), (name, "1")], Content::Empty, Misuse::OwnedField);
    }
    asker.ask("GET");
    assert_eq!(asker.written(), "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
}

#[test]
fn send_01_nothing_outside_the_grammar_is_written() {
    let mut asker = Asker::new(&DEFAULT);
    for (field, misuse) in [
        (("X", "a\r\nY: b"), Misuse::FieldValue),
        (("X", "a\0"), Misuse::FieldValue),
        (("X Y", "a"), Misuse::FieldName),
        (("", "a"), Misuse::FieldName),
        (("X:", "a"), Misuse::FieldName),
    ] {
        assert_misuse(&mut asker, &request("GET"), [("Host", "a"), field], Content::Empty, misuse);
    }
    for (method, target) in [
        ("", "/"),
        ("G T", "/"),
        ("GET\r\n", "/"),
        ("GET", ""),
        ("GET", "/a b"),
        ("GET", "/\r\nX: y"),
        ("GET", "/\u{e9}"),
        ("GET", "a"),
    ] {
        let request = Request::new(Method::new(method.as_bytes()), target.as_bytes());
        assert_misuse(&mut asker, &request, HOST, Content::Empty, Misuse::RequestLine);
    }
}

#[test]
fn send_06_the_form_of_a_target_is_its_methods() {
    for (method, target, may) in [
        ("GET", "/p?q", true),
        ("GET", "http://a/p", true),
        ("GET", "*", false),
        ("GET", "127.0.0.1:80", false),
        ("GET", "example.com:443", false),
        ("POST", "example.com:", false),
        ("OPTIONS", "*", true),
        ("OPTIONS", "/", true),
        ("CONNECT", "a:443", true),
        ("CONNECT", "[::1]:443", true),
        ("CONNECT", "a", false),
        ("CONNECT", "a:", false),
        ("CONNECT", "a:99999", false),
        ("CONNECT", "/", false),
        ("connect", "/", true),
    ] {
        let request = Request::new(Method::new(method.as_bytes()), target.as_bytes());
        let mut asker = Asker::new(&DEFAULT);
        match may {
            true => {
                let host = if method == "CONNECT" { target } else { "a" };
                let sent = asker.try_ask(&request, [("Host", host)], Content::Empty).unwrap();
                assert!(sent.starts_with(&format!("{method} {target} HTTP/1.1\r\n")), "{sent}");
            }
            false => assert_misuse(&mut asker, &request, HOST, Content::Empty, Misuse::RequestLine),
        }
    }
}

#[test]
fn send_07_no_version_is_claimed_that_is_not_ours() {
    let mut asker = Asker::new(&DEFAULT);
    let newer = request("GET").with_version(Version { minor: 2 });
    assert_misuse(&mut asker, &newer, HOST, Content::Empty, Misuse::RequestLine);
}

#[test]
fn send_14_framing_follows_from_content_and_method() {
    let head = |method: &'static str, fields: &str| format!("{method} / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    for (method, content, fields) in [
        ("POST", Content::Exact(5), "Content-Length: 5\r\n"),
        ("POST", Content::Unknown, "Transfer-Encoding: chunked\r\n"),
        ("POST", Content::Empty, "Content-Length: 0\r\n"),
        ("PUT", Content::Exact(0), "Content-Length: 0\r\n"),
        ("GET", Content::Empty, ""),
        ("HEAD", Content::Exact(0), ""),
        ("DELETE", Content::Empty, ""),
        ("PATCH", Content::Exact(18446744073709551615), "Content-Length: 18446744073709551615\r\n"),
    ] {
        assert_eq!(Asker::new(&DEFAULT).ask_with(method, [], content), head(method, fields), "{method} {content:?}");
    }
}

#[test]
fn send_17_content_that_can_not_be_framed_is_refused() {
    let mut asker = Asker::new(&DEFAULT);
    for (method, content) in [
        ("POST", Content::UntilClose),
        ("TRACE", Content::Exact(1)),
        ("TRACE", Content::Unknown),
        ("CONNECT", Content::Exact(1)),
    ] {
        assert_misuse(&mut asker, &request(method), HOST, content, Misuse::ContentNotAllowed);
    }
    // chunked is not HTTP/1.0's, neither ours nor the peer's (SEND-13)
    let old = request("POST").with_version(Version::HTTP_10);
    assert_misuse(&mut asker, &old, HOST, Content::Unknown, Misuse::ContentNotAllowed);
    asker.ask("GET").feed("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n").written();
    assert_misuse(&mut asker, &request("POST"), HOST, Content::Unknown, Misuse::ContentNotAllowed);
    assert!(asker.ask_with("POST", [], Content::Exact(1)).contains("Content-Length: 1\r\n"));
}

#[test]
fn send_17_get_head_and_delete_have_content_where_the_caller_gives_some_and_else_say_nothing_of_it() {
    for method in ["GET", "HEAD", "DELETE"] {
        let mut asker = Asker::new(&DEFAULT);
        let silent = asker.ask_with(method, [], Content::Empty);
        assert_eq!(silent, format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"));
        asker.feed(&answer("204 No Content", ""));
        let declared = asker.ask_with(method, [], Content::Exact(2));
        assert_eq!(declared, format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"));
        asker.content("ok");
        assert!(asker.connection.is_request_whole(), "{method}");
    }
}

#[test]
fn send_12_content_is_as_long_as_was_said() {
    let mut asker = Asker::new(&DEFAULT);
    asker.ask_with("POST", [], Content::Exact(5));
    asker.written();
    assert_eq!(asker.connection.wants().application, Some(Turn::Content));
    let (before, mut out) = (asker.connection.clone(), [0; 64]);
    let now = asker.now;
    let too_much = asker.connection.send_content(now, b"123456", &mut out);
    assert_eq!(too_much, Err(Misuse::TooMuchContent.into()));
    assert_eq!(asker.connection.send_end(now, NO_FIELDS, &mut out), Err(Misuse::TooLittleContent.into()));
    assert_eq!(asker.connection, before);
    asker.content("123").content("45").end(NO_FIELDS);
    assert_eq!(asker.written(), "12345", "it ended by itself");
    assert_eq!(asker.connection.wants().application, None);
}

#[test]
fn chunk_content_of_unknown_length_is_chunked_with_trailers() {
    let mut asker = Asker::new(&DEFAULT);
    asker.ask_with("POST", [], Content::Unknown);
    asker.written();
    asker.content("hello").content("0123456789abcdef").end([("T", "v")]);
    assert_eq!(asker.written(), "5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nT: v\r\n\r\n");
    let mut out = [0; 64];
    let again = asker.connection.send_content(asker.now, b"x", &mut out);
    assert_eq!(again, Err(Misuse::NotSending.into()), "the message is over");
    asker.feed(&ok("")).assert_idle();
}

#[test]
fn h10_08_an_old_request_asks_for_persistence_where_policy_lets_it() {
    let old = request("GET").with_version(Version::HTTP_10);
    let off = with_policy(Policy::DEFAULT.with_http10_keep_alive(Use::Off));
    for (config, request, options) in [
        (&DEFAULT, old, "Connection: keep-alive\r\n"),
        (&off, old, ""),
        (&DEFAULT, old.with_close(true), "Connection: close\r\n"),
        (&off, old.with_close(true), "Connection: close\r\n"),
    ] {
        let sent = Asker::new(config).try_ask(&request, HOST, Content::Empty).unwrap();
        assert_eq!(sent, format!("GET / HTTP/1.0\r\nHost: a\r\n{options}\r\n"));
    }
}

#[test]
fn h10_10_a_hint_goes_with_its_option() {
    for (hint, idle, fields) in [
        (RequestHint::Silent, 115, ""),
        (RequestHint::Ask, 115, "Connection: keep-alive\r\n"),
        (RequestHint::Timeout, 115, "Connection: keep-alive\r\nKeep-Alive: timeout=115\r\n"),
        (RequestHint::BareNumber, 115, "Connection: keep-alive\r\nKeep-Alive: 115\r\n"),
        (RequestHint::Timeout, 60, "Connection: keep-alive\r\nKeep-Alive: timeout=60\r\n"),
    ] {
        let timeouts = Timeouts::DEFAULT.with_idle(Some(Duration::from_secs(idle)));
        let config = Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT.with_request_hint(hint)).unwrap();
        let sent = Asker::new(&config).ask_with("GET", [], Content::Empty);
        assert_eq!(sent, format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
        let last = Asker::new(&config).try_ask(&request("GET").with_close(true), HOST, Content::Empty).unwrap();
        assert_eq!(last, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "who leaves does not wait");
    }
}

#[test]
fn h10_10_who_stays_for_ever_has_no_number_to_say() {
    for hint in [RequestHint::Timeout, RequestHint::BareNumber] {
        let timeouts = Timeouts::DEFAULT.with_idle(None);
        let config = Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT.with_request_hint(hint)).unwrap();
        let sent = Asker::new(&config).ask_with("GET", [], Content::Empty);
        assert!(!sent.contains("Keep-Alive:"), "{sent:?}");
    }
}

#[test]
fn pers_09_pers_11_close_is_said_and_kept() {
    let off = with_policy(Policy::DEFAULT.with_persistence(Use::Off));
    let two = with_limits(Limits::DEFAULT.with_max_exchanges(Some(2)));
    for (config, before, close, reason) in [
        (&DEFAULT, 0, true, CloseReason::CloseSent),
        (&off, 0, false, CloseReason::PersistenceOff),
        (&two, 1, false, CloseReason::MaxExchanges),
    ] {
        let mut asker = Asker::new(config);
        for _ in 0..before {
            asker.ask("GET").feed(&ok("")).assert_idle();
        }
        asker.written();
        let sent = asker.try_ask(&request("GET").with_close(close), HOST, Content::Empty).unwrap();
        assert_eq!(sent, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        asker.written();
        assert_misuse(&mut asker, &request("GET"), HOST, Content::Empty, SendError::Ended(reason));
        assert_eq!(asker.connection.wants().shut, None, "the response is still to come");
        asker.feed(&ok("hello"));
        assert_eq!(asker.exchanges().last(), Some(&(200, "hello".into())));
        asker.assert_closes(reason);
    }
}

#[test]
fn exp_01_an_expectation_is_of_content_and_is_the_one_we_know() {
    let mut asker = Asker::new(&DEFAULT);
    let fields = |value| [("Host", "a"), ("Expect", value)];
    assert_misuse(&mut asker, &request("POST"), fields("100-continue"), Content::Empty, Misuse::Expectation);
    assert_misuse(&mut asker, &request("GET"), fields("100-continue"), Content::Exact(0), Misuse::Expectation);
    assert_misuse(&mut asker, &request("POST"), fields("x"), Content::Exact(3), Misuse::Expectation);
    let sent = asker.ask_with("POST", [("Expect", "100-continue")], Content::Exact(3));
    assert_eq!(sent, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    assert_eq!(asker.connection.wants().application, None, "it waits");
    asker.assert_due(DeadlineKind::Expect, Duration::from_secs(1));
    assert_eq!(asker.connection.wants().application, Some(Turn::Content), "but not for ever (EXP-03)");
}

#[test]
fn exp_03_content_may_go_without_waiting() {
    let mut asker = Asker::new(&DEFAULT);
    asker.ask_with("POST", [("Expect", "100-continue")], Content::Exact(3));
    asker.content("abc").feed(&ok("")).assert_idle();
}

#[test]
fn upg_01_send_16_what_is_of_the_connection_is_named_in_it() {
    let mut asker = Asker::new(&DEFAULT);
    let sent = asker.ask_with("GET", [("Upgrade", "websocket"), ("TE", "trailers")], Content::Empty);
    assert!(sent.ends_with("Connection: upgrade, TE\r\n\r\n"), "{sent}");
    let te = Asker::new(&DEFAULT).ask_with("GET", [("te", "trailers")], Content::Empty);
    assert!(te.ends_with("te: trailers\r\nConnection: TE\r\n\r\n"), "{te}");
}

#[test]
fn output_that_is_too_small_moves_nothing() {
    let fields = [("Host", "a"), ("Expect", "100-continue"), ("X", "a long enough value")];
    let whole = Asker::new(&DEFAULT).try_ask(&request("POST"), fields, Content::Unknown).unwrap();
    let mut asker = Asker::new(&DEFAULT);
    for room in 0..whole.len() {
        let (before, mut out, now) = (asker.connection.clone(), vec![0; room].into_boxed_slice(), asker.now);
        let sent = asker.connection.send_request(now, &request("POST"), fields, Content::Unknown, &mut out);
        assert_eq!(sent, Err(SendError::OutputTooSmall { needed: whole.len() }), "{room}");
        assert_eq!(asker.connection, before, "{room}");
    }
    let mut out = vec![0; whole.len()].into_boxed_slice();
    let sent = asker.connection.send_request(asker.now, &request("POST"), fields, Content::Unknown, &mut out);
    assert_eq!(sent, Ok(whole.len()));
    assert_eq!(&out[..], whole.as_bytes());
}

#[test]
fn lines_checked_before_go_first_and_need_a_host_beside() {
    let checked = CheckedFields::new(b"User-Agent: x\r\nAccept: */*\r\n").unwrap();
    let mut asker = Asker::new(&DEFAULT);
    assert_eq!(asker.try_ask(&request("GET"), checked, Content::Empty), Err(Misuse::Host.into()));
    let sent = asker.try_ask(&request("GET"), checked.and(HOST), Content::Empty).unwrap();
    assert_eq!(sent, "GET / HTTP/1.1\r\nUser-Agent: x\r\nAccept: */*\r\nHost: a\r\n\r\n");
}

#[test]
fn the_lifecycle_alone_says_what_a_head_must() {
    let config = with_policy(Policy::DEFAULT.with_request_hint(RequestHint::Timeout));
    let now = Instant::from_secs(1);
    let mut lifecycle = Lifecycle::new(now, &config);
    let put = Request::new(Method::new(b"PUT"), b"/");
    let mut facts = HeadFacts::request(put.method(), put.version);
    assert_eq!(lifecycle.head_to_send(now, &put, &facts, Content::Exact(3)), Err(Misuse::Host.into()));
    facts.field_line(b"Host", b"a");
    let announce = lifecycle.head_to_send(now, &put, &facts, Content::Exact(3)).unwrap();
    let Announce { options, keep_alive, framing, .. } = announce;
    assert_eq!(options, ConnectionOptions { keep_alive: true, ..ConnectionOptions::default() });
    assert_eq!(keep_alive, Some(KeepAlive { timeout: Some(65), max: None }));
    assert_eq!(framing, FramingField::ContentLength(3));
    lifecycle.octets_written(now, 90);
    lifecycle.content_sent(now, 3).unwrap();
    lifecycle.handle_sent(now, 90);
    let head = HeadFacts::response(http_keepalive::StatusCode::NO_CONTENT, Version::HTTP_11);
    lifecycle.octets_received(now, 30);
    assert!(lifecycle.head_received(now, &head).is_ok());
    assert!(lifecycle.is_idle(), "{lifecycle:?}");
}

#[test]
fn what_a_client_writes_a_server_reads() {
    let mut asker = Asker::new(&DEFAULT);
    asker.ask_with("POST", [("X", "y")], Content::Unknown);
    asker.content("hello").end([("T", "v")]).feed(&ok(""));
    asker.ask("GET").feed(&answer("204 No Content", "")).ask_with("PUT", [], Content::Exact(2));
    asker.content("ok").feed(&ok(""));
    assert!(asker.said.iter().filter(|said| matches!(said, Said::End(_))).count() == 3);
    let mut server = common::Driver::answering(&Config::<Server>::DEFAULT);
    server.feed_octets(&asker.out);
    let methods: Vec<_> = server.requests().iter().map(|request| request.method.clone()).collect();
    assert_eq!(methods, ["POST", "GET", "PUT"]);
    assert_eq!(server.received(), "hellook");
}

#[test]
fn retry_01_a_request_whose_octets_left_before_its_end_was_told_has_left_whole() {
    let now = Instant::from_secs(1);
    let timeouts = Timeouts::CLIENT.with_response(Some(Duration::from_secs(5)));
    let config = Config::<Four>::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds");
    for content in [Content::Exact(3), Content::Unknown] {
        let mut lifecycle = Lifecycle::new(now, &config);
        let put = request("PUT");
        let mut facts = HeadFacts::request(put.method(), put.version);
        facts.field_line(b"Host", b"a");
        lifecycle.head_to_send(now, &put, &facts, content).expect("it may be sent");
        lifecycle.octets_written(now, 60);
        lifecycle.handle_sent(now, 60);
        match content {
            Content::Exact(octets) => lifecycle.content_sent(now, octets).expect("its content"),
            _ => lifecycle.end_sent(now).expect("its end"),
        }
        assert_eq!(lifecycle.unanswered().next().map(|left| left.evidence.sent), Some(Sent::All));
        assert_eq!(lifecycle.next_deadline().map(|due| due.kind), Some(DeadlineKind::Response));
    }
}
