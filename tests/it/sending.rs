//! What is sent: exact octets, what is refused of the caller, and that nothing is written or moved where it is.

use crate::common;
use crate::common::{Driver, expect_pairs, get, read_responses};
use http_keepalive::{
    CheckedFields, Client, CloseReason, Config, Connection, Content, Instant, Method, Misuse, NO_FIELDS, Persistence,
    Request, SendError, Server, Shut, StatusCode, Turn,
};

const FORBIDDEN: [&str; 9] = ["a\r\nX: evil", "a\nb", "a\rb", "a\0b", "a\u{1}b", "a\u{7f}b", "\r\n", "a\r\n b", "\n"];

/// A connection with a request to be answered.
fn asked() -> Driver {
    let mut driver = Driver::strict();
    driver.feed(&get(""));
    driver
}

/// What is sent is refused for this reason, and no state moves.
#[track_caller]
fn refused(driver: &mut Driver, why: impl Into<SendError>, send: impl FnOnce(&mut Driver) -> Result<usize, SendError>) {
    let (before, written) = (driver.connection.clone(), driver.out.len());
    assert_eq!(send(driver), Err(why.into()));
    assert_eq!(driver.connection, before, "no state moved");
    assert_eq!(driver.out.len(), written);
}

#[test]
fn send_01_no_field_can_end_its_line() {
    for value in FORBIDDEN {
        refused(&mut asked(), Misuse::FieldValue, |driver| {
            driver.try_respond(StatusCode::OK, [("A", "b"), ("X", value)], Content::Empty)
        });
        refused(&mut asked(), Misuse::FieldValue, |driver| driver.try_interim(StatusCode::EARLY_HINTS, [("X", value)]));
        let mut driver = asked();
        driver.respond(StatusCode::OK, Content::Unknown);
        refused(&mut driver, Misuse::FieldValue, |driver| {
            driver.connection.send_end(driver.now, [("X", value)], &mut [0; 64])
        });
    }
    for name in ["", "a b", "a:", "a\r\nb", "a\0", "\u{e9}", "a(", " a", "a ", "a\t", "\"a\""] {
        refused(&mut asked(), Misuse::FieldName, |driver| {
            driver.try_respond(StatusCode::OK, [(name, "b")], Content::Empty)
        });
        let mut driver = asked();
        driver.respond(StatusCode::OK, Content::Unknown);
        refused(&mut driver, Misuse::FieldName, |driver| {
            driver.connection.send_end(driver.now, [(name, "b")], &mut [0; 64])
        });
    }
}

#[test]
fn send_02_lines_are_written_in_one_form() {
    let mut driver = asked();
    let fields = [("Date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("X-Empty", ""), ("x-inner", "a \t b"), ("Y", "\u{e9}")];
    driver.respond_with(StatusCode::OK, fields, Content::Exact(2)).content("ok");
    let expected = "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\nX-Empty: \r\nx-inner: a \t b\r\n\
                    Y: \u{e9}\r\nContent-Length: 2\r\n\r\nok";
    assert_eq!(driver.out, expected.as_bytes());
}

#[test]
fn send_02_the_connection_field_has_no_empty_member() {
    let mut driver = Driver::strict();
    driver.feed(&get("Connection: close, upgrade\r\nUpgrade: foo\r\n"));
    driver.respond_with(StatusCode::OK, [("Upgrade", "foo")], Content::Empty);
    assert_eq!(driver.response().field("connection").as_deref(), Some("close, upgrade"));
    let mut driver = asked();
    driver.respond(StatusCode::OK, Content::Empty);
    assert_eq!(driver.response().field("connection"), None, "nothing to say is not said");
}

#[test]
fn send_04_what_the_machine_writes_stands_on_one_line() {
    for content in [Content::Empty, Content::Exact(1), Content::Unknown, Content::UntilClose] {
        let mut driver = Driver::strict();
        driver.feed(&get("Connection: keep-alive\r\n")).respond_with(StatusCode::OK, [("A", "1"), ("A", "2")], content);
        let response = read_responses(&driver.out, &[true]).pop().expect("a head");
        for name in ["Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive"] {
            let lines = response.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).count();
            assert!(lines <= 1, "{name} with {content:?}");
        }
        assert_eq!(response.field("a").as_deref(), Some("1, 2"), "the caller's stay as they are");
    }
    // also where it names several options
    let mut driver = Driver::strict();
    let upgrade = [("Upgrade", "websocket")];
    driver.feed(&get("Connection: keep-alive\r\n")).respond_with(StatusCode::UPGRADE_REQUIRED, upgrade, Content::Empty);
    let response = driver.response();
    let lines: Vec<_> = response.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("connection")).collect();
    assert_eq!(lines, [&("Connection".to_string(), "keep-alive, upgrade".to_string())]);
}

#[test]
fn send_08_a_status_line_keeps_its_space_and_its_code_is_100_to_599() {
    let mut driver = asked();
    driver.respond(StatusCode::new(299).unwrap(), Content::Empty);
    assert!(driver.out.starts_with(b"HTTP/1.1 299 \r\n"));
    for code in [0, 1, 99, 600, 777, 999] {
        refused(&mut asked(), Misuse::Status, |driver| {
            driver.try_respond(StatusCode::new(code).unwrap(), NO_FIELDS, Content::Empty)
        });
    }
    assert_eq!(StatusCode::new(1000), None);
    for code in [200, 404, 599] {
        asked().respond(StatusCode::new(code).unwrap(), Content::Empty);
    }
}

#[test]
fn send_09_never_content_length_beside_transfer_encoding() {
    for (content, length, coding) in [
        (Content::Empty, Some("0"), None),
        (Content::Exact(7), Some("7"), None),
        (Content::Exact(u64::MAX), Some("18446744073709551615"), None),
        (Content::Unknown, None, Some("chunked")),
        (Content::UntilClose, None, None),
    ] {
        let mut driver = asked();
        driver.respond(StatusCode::OK, content);
        let head = read_responses(&driver.out, &[true]).pop().unwrap();
        assert_eq!(head.field("content-length").as_deref(), length, "{content:?}");
        assert_eq!(head.field("transfer-encoding").as_deref(), coding, "{content:?}");
    }
}

#[test]
fn send_10_no_framing_field_where_there_is_never_content() {
    for content in [Content::Empty, Content::Exact(5), Content::Unknown, Content::UntilClose] {
        let mut driver = asked();
        driver.try_interim(StatusCode::EARLY_HINTS, NO_FIELDS).expect("an interim response");
        driver.respond(StatusCode::NO_CONTENT, content);
        for response in driver.responses() {
            assert_eq!(response.fields, [], "{} with {content:?}", response.status);
        }
        assert!(driver.connection.lifecycle().is_idle(), "{content:?}");
    }
}

#[test]
fn send_11_the_head_says_what_a_get_would_have_had_and_no_content_follows() {
    let head_request = get("").replace("GET", "HEAD");
    for (request, status) in [(&head_request, StatusCode::OK), (&get(""), StatusCode::NOT_MODIFIED)] {
        for (content, length) in [
            (Content::Exact(5), Some("5")),
            (Content::Unknown, None),
            (Content::Empty, None),
            (Content::UntilClose, None),
        ] {
            let mut driver = Driver::strict();
            driver.feed(request).respond(status, content);
            let head = driver.out.clone();
            let response = read_responses(&head, &[true]).pop().unwrap();
            assert_eq!(response.field("content-length").as_deref(), length, "{status} {content:?}");
            assert_eq!(response.field("transfer-encoding"), None, "{status} {content:?}");
            // content that the application holds all the same is taken and not written
            if content != Content::Empty {
                driver.content("hello").end(NO_FIELDS);
            }
            assert_eq!(driver.out, head, "{status} {content:?}");
            assert!(driver.connection.lifecycle().is_idle(), "{status} {content:?}");
            driver.feed(&get(""));
            assert_eq!(driver.requests().len(), 2);
        }
    }
    for status in [StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT] {
        let mut driver = asked();
        driver.respond(status, Content::Exact(5));
        let head = driver.out.len();
        driver.content("hello").end(NO_FIELDS);
        assert_eq!(driver.out.len(), head, "{status}");
    }
}

#[test]
fn send_12_more_content_than_declared_is_refused() {
    let mut driver = asked();
    driver.respond(StatusCode::OK, Content::Exact(5)).content("hell");
    refused(&mut driver, Misuse::TooMuchContent, |driver| {
        driver.connection.send_content(driver.now, b"oo", &mut [0; 64]).map(|written| written.written)
    });
    refused(&mut driver, Misuse::TooMuchContent, |driver| {
        driver.connection.frame_content(driver.now, 2).map(|framed| framed.before().len())
    });
    driver.content("o");
    refused(&mut driver, Misuse::NotSending, |driver| {
        driver.connection.send_content(driver.now, b"!", &mut [0; 64]).map(|written| written.written)
    });
    assert_eq!(driver.response().content, b"hello");
    let mut driver = asked();
    driver.respond(StatusCode::OK, Content::Empty);
    refused(&mut driver, Misuse::NotSending, |driver| {
        driver.connection.send_content(driver.now, b"!", &mut [0; 64]).map(|written| written.written)
    });
}

#[test]
fn send_12_less_content_than_declared_ends_in_a_cut_and_never_in_reuse() {
    let mut driver = asked();
    driver.respond(StatusCode::OK, Content::Exact(5)).content("hell");
    refused(&mut driver, Misuse::TooLittleContent, |driver| {
        driver.connection.send_end(driver.now, NO_FIELDS, &mut [0; 64])
    });
    assert_eq!(driver.connection.wants().application, Some(Turn::Content));
    driver.feed(&get("X: behind\r\n"));
    driver.connection.abort(driver.now);
    driver.feed("");
    assert_eq!(driver.requests().len(), 1);
    assert_eq!(driver.connection.persistence(), Persistence::Close(CloseReason::ContentAborted));
    assert!(matches!(driver.connection.wants().shut, Some(Shut::Close(_) | Shut::Reset(_))));
}

#[test]
fn send_12_content_until_close_that_is_cut_does_not_look_complete() {
    let mut driver = asked();
    driver.respond(StatusCode::OK, Content::UntilClose).content("hell");
    driver.connection.abort(driver.now);
    assert!(matches!(driver.connection.wants().shut, Some(Shut::Reset(_))), "{:?}", driver.connection.wants());
}

#[test]
fn send_12_content_framed_for_the_caller_to_send_counts_as_sent() {
    let mut driver = asked();
    driver.respond(StatusCode::OK, Content::Exact(5));
    let framed = driver.connection.frame_content(driver.now, 5).expect("as declared");
    assert_eq!((framed.before(), framed.after()), (&b""[..], &b""[..]));
    assert_eq!(driver.connection.lifecycle().octets_pending(), 5);
    assert!(driver.connection.lifecycle().is_idle(), "the message is complete");

    let mut driver = asked();
    driver.respond(StatusCode::OK, Content::Unknown);
    for (octets, line) in [
        (1, "1\r\n"),
        (10, "a\r\n"),
        (15, "f\r\n"),
        (16, "10\r\n"),
        (0xabcdef, "abcdef\r\n"),
        (u64::MAX, "ffffffffffffffff\r\n"),
    ] {
        let framed = driver.connection.frame_content(driver.now, octets).expect("a chunk");
        assert_eq!((framed.before(), framed.after()), (line.as_bytes(), &b"\r\n"[..]), "{octets}");
    }
}

#[test]
fn send_13_content_of_unknown_length_is_chunked_to_http_11_only() {
    for (version, coding) in [("1.1", Some("chunked")), ("1.2", Some("chunked")), ("1.0", None)] {
        let mut driver = Driver::strict();
        driver.feed(&format!("GET / HTTP/{version}\r\nHost: a\r\n\r\n")).respond(StatusCode::OK, Content::Unknown);
        driver.content("hello").content(" world").end(NO_FIELDS);
        let response = driver.response();
        assert_eq!(response.field("transfer-encoding").as_deref(), coding, "{version}");
        assert_eq!(response.content, b"hello world", "{version}");
        assert_eq!(response.has_option("close"), coding.is_none(), "{version}");
    }
    // a head that was never understood is not known to be of HTTP/1.1
    let mut driver = Driver::strict();
    driver.feed("BAD\r\n\r\n").respond(StatusCode::BAD_REQUEST, Content::Unknown).content("no").end(NO_FIELDS);
    assert_eq!(driver.response().field("transfer-encoding"), None);
    assert_eq!((driver.response().content, driver.response().has_option("close")), (b"no".to_vec(), true));
}

#[test]
fn send_13_chunks_are_written_as_one_may_read_them() {
    let mut driver = asked();
    driver.respond(StatusCode::OK, Content::Unknown);
    let head = driver.out.len();
    driver.content("hello").content(&"x".repeat(26)).end([("X", "y")]);
    let expected = format!("5\r\nhello\r\n1a\r\n{}\r\n0\r\nX: y\r\n\r\n", "x".repeat(26));
    assert_eq!(&driver.out[head..], expected.as_bytes());
}

#[test]
fn send_content_fills_whatever_output_there_is() {
    // as one chunk a call: the most that fits
    let content = vec![b'c'; 5000];
    let framed = |octets: usize| octets + format!("{octets:x}").len() + 4;
    for room in (0..600).chain(4080..4120) {
        let mut driver = asked();
        driver.respond(StatusCode::OK, Content::Unknown);
        let before = driver.connection.clone();
        let mut out = vec![0; room].into_boxed_slice();
        match driver.connection.send_content(driver.now, &content, &mut out) {
            Ok(written) => {
                assert_eq!(written.written, framed(written.consumed), "{room}");
                assert!(written.written <= room && framed(written.consumed + 1) > room, "{room}: {written:?}");
            }
            Err(error) => {
                assert_eq!(error, SendError::OutputTooSmall { needed: 6 }, "{room}");
                assert!(room < 6 && driver.connection == before, "{room}");
            }
        }
    }
    let mut driver = asked();
    driver.respond(StatusCode::OK, Content::Exact(5));
    let before = driver.connection.clone();
    let sent = driver.connection.send_content(driver.now, b"hello", &mut []);
    assert_eq!(sent, Err(SendError::OutputTooSmall { needed: 1 }));
    assert_eq!(driver.connection, before);
    let sent = driver.connection.send_content(driver.now, b"hello", &mut [0; 2]).expect("two octets fit");
    assert_eq!((sent.consumed, sent.written), (2, 2));
}

#[test]
fn send_15_content_until_close_says_close() {
    let mut driver = asked();
    driver.respond(StatusCode::OK, Content::UntilClose).content("hello");
    assert_eq!(driver.response().field("connection").as_deref(), Some("close"));
    driver.end(NO_FIELDS);
    assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::UntilClose)));
}

#[test]
fn send_16_connection_names_what_is_connection_specific_and_nothing_else() {
    for (request, fields, options) in [
        (get(""), &[][..], None),
        (get("Connection: keep-alive\r\n"), &[("Cache-Control", "no-store")], Some("keep-alive")),
        (get(""), &[("Upgrade", "foo")], Some("upgrade")),
        (get("Connection: keep-alive\r\n"), &[("Upgrade", "foo")], Some("keep-alive, upgrade")),
        (get("Connection: close\r\n"), &[("Upgrade", "foo")], Some("close, upgrade")),
        (get("Connection: close\r\n"), &[("X", "y")], Some("close")),
    ] {
        let mut driver = Driver::strict();
        driver.feed(&request).respond_with(StatusCode::OK, fields.iter().copied(), Content::Empty);
        assert_eq!(driver.response().field("connection").as_deref(), options, "{request:?} {fields:?}");
    }
}

#[test]
fn send_18_one_final_response_for_each_request() {
    let mut driver = Driver::strict();
    refused(&mut driver, Misuse::NothingToAnswer, |driver| {
        driver.try_respond(StatusCode::OK, NO_FIELDS, Content::Empty)
    });
    refused(&mut driver, Misuse::NotSending, |driver| driver.connection.send_end(driver.now, NO_FIELDS, &mut [0; 64]));
    driver.feed(&get("")).respond(StatusCode::OK, Content::Unknown);
    refused(&mut driver, Misuse::AlreadyAnswered, |driver| {
        driver.try_respond(StatusCode::OK, NO_FIELDS, Content::Empty)
    });
    driver.end(NO_FIELDS);
    refused(&mut driver, Misuse::NothingToAnswer, |driver| {
        driver.try_respond(StatusCode::OK, NO_FIELDS, Content::Empty)
    });
    // a response that ends before its request does
    let mut driver = Driver::strict();
    driver.feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n").respond(StatusCode::OK, Content::Empty);
    refused(&mut driver, Misuse::AlreadyAnswered, |driver| {
        driver.try_respond(StatusCode::OK, NO_FIELDS, Content::Empty)
    });
    driver.feed("hello").feed(&get("")).respond(StatusCode::OK, Content::Empty);
    assert_eq!(driver.responses().len(), 2);
    // behind the last one
    let mut driver = Driver::strict();
    driver.feed(&get("Connection: close\r\n")).respond(StatusCode::OK, Content::Empty);
    let ended = SendError::Ended(CloseReason::CloseReceived);
    refused(&mut driver, ended, |driver| driver.try_respond(StatusCode::OK, NO_FIELDS, Content::Empty));
    refused(&mut driver, ended, |driver| driver.connection.send_refusal(driver.now, NO_FIELDS, &mut [0; 512]));
}

#[test]
fn a_refusal_is_whole_and_says_why() {
    for (input, line) in [
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", "HTTP/1.1 505 HTTP Version Not Supported"),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", "HTTP/1.1 417 Expectation Failed"),
    ] {
        let mut driver = Driver::strict();
        driver.feed(input);
        let kind = driver.connection.error().expect("an error").kind;
        let before = driver.connection.clone();
        let Err(SendError::OutputTooSmall { needed }) = driver.connection.send_refusal(driver.now, NO_FIELDS, &mut [])
        else {
            panic!("{input:?}")
        };
        assert_eq!(driver.connection, before);
        let mut short = vec![0; needed - 1].into_boxed_slice();
        assert!(driver.connection.send_refusal(driver.now, NO_FIELDS, &mut short).is_err());
        assert_eq!(driver.connection, before);
        let mut out = vec![0; needed].into_boxed_slice();
        assert_eq!(driver.connection.send_refusal(driver.now, NO_FIELDS, &mut out), Ok(needed));
        let [response] = &read_responses(&out, &[])[..] else { panic!("{}", common::shown(&out)) };
        assert_eq!(response.line, line);
        assert_eq!(response.field("content-length"), Some(response.content.len().to_string()));
        assert!(response.has_option("close"));
        let text = common::shown(&response.content);
        assert!(text.contains(kind.as_str()) && text.contains(kind.clause()), "{text}");
        assert_eq!(response.fields[0], expect_pairs(&[("Content-Type", "text/plain; charset=us-ascii")])[0]);
        let ended = SendError::Ended(CloseReason::ProtocolError);
        refused(&mut driver, ended, |driver| driver.try_respond(StatusCode::OK, NO_FIELDS, Content::Empty));
    }
}

#[test]
fn what_does_not_fit_is_not_begun() {
    let fields = [("X", "y"), ("Z", "a longer value")];
    let mut driver = asked();
    let before = driver.connection.clone();
    let sent = driver.connection.send_response(driver.now, StatusCode::OK, fields, Content::Unknown, &mut []);
    let Err(SendError::OutputTooSmall { needed }) = sent else { panic!("{sent:?}") };
    for room in 0..needed {
        let mut out = vec![0; room].into_boxed_slice();
        let sent = driver.connection.send_response(driver.now, StatusCode::OK, fields, Content::Unknown, &mut out);
        assert_eq!(sent, Err(SendError::OutputTooSmall { needed }), "{room}");
        assert_eq!(driver.connection, before, "{room}");
    }
    let mut out = vec![0; needed].into_boxed_slice();
    let sent = driver.connection.send_response(driver.now, StatusCode::OK, fields, Content::Unknown, &mut out);
    assert_eq!(sent, Ok(needed));
    // the same for an end
    let before = driver.connection.clone();
    for room in 0..11 {
        let sent = driver.connection.send_end(driver.now, [("X", "y")], &mut vec![0; room][..]);
        assert_eq!(sent, Err(SendError::OutputTooSmall { needed: 11 }), "{room}");
        assert_eq!(driver.connection, before, "{room}");
    }
    assert_eq!(driver.connection.send_end(driver.now, [("X", "y")], &mut [0; 11]), Ok(11));
}

#[test]
fn checked_lines_are_judged_as_lines_given_one_by_one() {
    let now = Instant::EPOCH;
    let cases: [&[(&str, &str)]; 10] = [
        &[("Host", "a")],
        &[("X", "y")],
        &[("Host", "a"), ("host", "a")],
        &[("Host", "a b")],
        &[("Host", "a"), ("TE", "trailers")],
        &[("Host", "a"), ("Expect", "100-continue")],
        &[("Host", "a"), ("Expect", "more")],
        &[("Host", "a"), ("Upgrade", "websocket")],
        &[("Host", "a"), ("Upgrade", "h2c")],
        &[("Host", "a"), ("Upgrade", "foo, websocket")],
    ];
    for fields in cases {
        let lines: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let checked = CheckedFields::new(lines.as_bytes()).unwrap();
        // a request
        for content in [Content::Empty, Content::Exact(3)] {
            let request = Request::new(Method::new(b"POST"), b"/");
            let mut one = Connection::<Client>::new(now, &Config::DEFAULT);
            let mut other = one.clone();
            let (mut out, mut same) = ([0; 256], [0; 256]);
            let sent = one.send_request(now, &request, fields, content, &mut out);
            assert_eq!(other.send_request(now, &request, checked, content, &mut same), sent, "{lines}");
            assert_eq!(one, other, "{lines}");
            assert!(sent.is_err() || out == same, "{lines}");
        }
        // a response, to an offer of a protocol
        for status in [StatusCode::OK, StatusCode::SWITCHING_PROTOCOLS, StatusCode::UPGRADE_REQUIRED] {
            let mut one = Connection::<Server>::new(now, &Config::DEFAULT);
            let offer = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
            one.receive(now, offer).unwrap();
            let mut other = one.clone();
            let (mut out, mut same) = ([0; 256], [0; 256]);
            let sent = one.send_response(now, status, fields, Content::Empty, &mut out);
            assert_eq!(other.send_response(now, status, checked, Content::Empty, &mut same), sent, "{status} {lines}");
            assert_eq!(one, other, "{status} {lines}");
            assert!(sent.is_err() || out == same, "{status} {lines}");
        }
    }
    let host = CheckedFields::new(b"Host: a\r\n").unwrap().and([("Host", "a")]);
    let mut connection = Connection::<Client>::new(now, &Config::DEFAULT);
    let request = Request::new(Method::new(b"GET"), b"/");
    let sent = connection.send_request(now, &request, host, Content::Empty, &mut [0; 256]);
    assert_eq!(sent, Err(SendError::Misuse(Misuse::Host)));
}
