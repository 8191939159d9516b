//! Each leniency of [`Policy`]: refused by default with its kind, accepted in the one documented way when it is set, and
//! never in chunk framing.

use crate::common::Passes;
use std::time::Duration;

use crate::common;
use crate::common::{
    Driver, Seen, accept, accept_one, assert_refused, chunked, expect_pairs, get, lenient, octets, pairs, policy,
};
use http_keepalive::ProtocolErrorKind::{self, *};
use http_keepalive::{
    BodyLength, CloseReason, Config, Content, FramingRule, HostRule, KeepAliveField, Limits, MethodKind, Persistence,
    Policy, Server, StatusCode, Tolerance, Turn, Use,
};

const STRICT: Config<Server> = Config::DEFAULT;
const OK: Tolerance = Tolerance::Accept;

/// Refused by default with this kind and status; accepted with this policy: the first request.
#[track_caller]
fn only_with(set: Policy, input: &str, kind: ProtocolErrorKind, status: u16) -> common::Request {
    assert_refused(&STRICT, input, kind, status);
    let driver = accept(&policy(set), input);
    // and each of the other leniencies changes nothing about it
    let every = accept(&policy(lenient()), input);
    assert_eq!(driver.seen, every.seen, "{input:?} under every leniency");
    driver.requests()[0].clone()
}

/// A response head under this policy, or what is wrong with it.
fn response(head: &str, policy: &Policy) -> Result<(BodyLength, common::Pairs), ProtocolErrorKind> {
    let head = octets(head);
    let parsed =
        common::parse_response(&head, MethodKind::Get, &Limits::DEFAULT, policy).map_err(|error| error.kind)?;
    let (_, head, _) = parsed.expect("complete");
    Ok((head.framing.length, pairs(&head.fields)))
}

#[test]
fn bare_lf_ends_start_lines_and_field_lines() {
    let set = Policy::DEFAULT.with_bare_lf(OK);
    for input in [
        "GET / HTTP/1.1▼\nHost: a\nX:  y \n\n",
        "GET / HTTP/1.1▼\nHost: a\r\nX: y\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y▼\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n▼\n",
        "▼\nGET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n",
    ] {
        let request = only_with(set, input, BareLf, 400);
        assert_eq!(request.fields, expect_pairs(&[("Host", "a"), ("X", "y")]), "{input:?}");
    }
    let driver = accept(&policy(set), &"POST / HTTP/1.1\nHost: a\nContent-Length: 2\n\nok".repeat(2));
    assert_eq!((driver.requests().len(), driver.received().as_str()), (2, "okok"));
    // in a trailer section, which is field lines; the empty line after them is chunk framing
    let driver = accept(&policy(set), &chunked("0\r\nX: y\n\r\n"));
    assert_eq!(driver.seen.last(), Some(&Seen::End(expect_pairs(&[("X", "y")]))));
    // never in chunk framing
    for (body, kind) in [
        ("1▼\nx\r\n0\r\n\r\n", ChunkSize),
        ("1\r\nx▼\n0\r\n\r\n", ChunkEnd),
        ("1;a▼\nx\r\n0\r\n\r\n", ChunkExtension),
        ("0\r\n▼\n", BareLf),
        ("0\r\nX: y\n▼\n", BareLf),
    ] {
        assert_refused(&policy(set), &chunked(body), kind, 400);
    }
}

#[test]
fn bare_lf_alone_does_not_let_in_a_bare_cr() {
    let set = policy(Policy::DEFAULT.with_bare_lf(OK));
    // RFC 9112 2.2: a CR before the LF is ignored, one
    assert_refused(&set, "GET / HTTP/1.1\r\nHost: a\r\nX: y▼\r\r\n\r\n", BareCr, 400);
    assert_refused(&set, "GET / HTTP/1.1\nHost: a\nX: y▼\rz\n\n", BareCr, 400);
}

#[test]
fn bare_cr_in_a_field_value_stands_for_a_space() {
    let set = Policy::DEFAULT.with_bare_cr(OK);
    let request = only_with(set, &get("X: a▼\rb\rc\r\n"), BareCr, 400);
    assert_eq!(request.values("x"), ["a b c"]);
    let request = only_with(set, &get("X: a▼\r\r\n"), BareCr, 400);
    assert_eq!(request.values("x"), ["a"], "a space at the end is no part of the value");
    let request = only_with(set, &get("Connection: close▼\rx\r\n"), BareCr, 400);
    assert_eq!(request.values("connection"), ["close x"]);
    let driver = accept(&policy(set), &get("Connection: close\rx\r\n").repeat(2));
    assert_eq!(driver.requests().len(), 2, "`close x` is no `close`");
    let driver = accept(&policy(set), &get("Connection: x,\rclose\r\n").repeat(2));
    assert_eq!(driver.requests().len(), 1);
    // framing and routing with a space in them
    for (fields, kind) in
        [("▼Content-Length: 1\r2\r\n", ContentLength), ("▼Transfer-Encoding: chun\rked\r\n", TransferEncoding)]
    {
        assert_refused(&policy(set), &get(fields), kind, 400);
    }
    assert_refused(&policy(set), "GET / HTTP/1.1\r\n▼Host: a\rb\r\n\r\n", HostInvalid, 400);
    let request =
        accept_one(&policy(set), &get("Transfer-Encoding:\rchunked\r\n").replace("\r\n\r\n", "\r\n\r\n0\r\n\r\n"));
    assert_eq!(request.length, BodyLength::Chunked);
    // in values only
    assert_refused(&policy(set), &get("X▼\rY: z\r\n"), BareCr, 400);
    assert_refused(&policy(set), "GET▼\r/ HTTP/1.1\r\nHost: a\r\n\r\n", BareCr, 400);
    assert_refused(&policy(set), &chunked("1\r▼x\r\n0\r\n\r\n"), ChunkSize, 400);
    assert_refused(&policy(set), &chunked("1\r\nx\r▼0\r\n\r\n"), ChunkEnd, 400);
}

#[test]
fn control_octets_are_kept_and_nul_stands_for_a_space() {
    let set = Policy::DEFAULT.with_control_octets(OK);
    let request = only_with(set, &get("X: a▼\u{1}b\u{7f}\u{1f}\u{b}c\r\n"), FieldValue, 400);
    assert_eq!(request.values("x"), ["a\\x01b\\x7f\\x1f\\x0bc"]);
    let request = only_with(set, &get("X: a▼\u{0}b\r\n"), FieldValue, 400);
    assert_eq!(request.values("x"), ["a b"]);
    // not where framing or routing is decided
    for name in ["Host", "Content-Length", "Transfer-Encoding", "Connection", "cONNECTION"] {
        for octet in ["\u{0}", "\u{1}", "\u{7f}", "\u{c}"] {
            let input = format!("GET / HTTP/1.1\r\n{name}: 1▼{octet}\r\n\r\n");
            assert_refused(&policy(set), &input, FieldValue, 400);
            assert_refused(&policy(lenient()), &input, FieldValue, 400);
        }
    }
    // not in names, start lines, chunk framing
    assert_refused(&policy(set), &get("X▼\u{1}: y\r\n"), FieldName, 400);
    assert_refused(&policy(set), "GET /▼\u{1} HTTP/1.1\r\nHost: a\r\n\r\n", Target, 400);
    assert_refused(&policy(set), &chunked("1;a▼\u{1}\r\nx\r\n0\r\n\r\n"), ChunkExtension, 400);
}

#[test]
fn control_octets_are_kept_in_every_field_that_decides_nothing() {
    let set = Policy::DEFAULT.with_control_octets(OK);
    // names of the length and the first letter of those that decide
    for name in ["Heat", "Exotic", "Urgency", "Cache-Keys", "Kept-Alive", "Content-Digest", "Transfer-Checksum"] {
        let request = only_with(set, &get(&format!("{name}: a▼\u{1}b\r\n")), FieldValue, 400);
        assert_eq!(request.values(name), ["a\\x01b"], "{name}");
    }
}

#[test]
fn whitespace_led_lines_before_the_first_field_line_are_dropped() {
    let set = Policy::DEFAULT.with_whitespace_before_fields(OK);
    for dropped in [" Host: evil\r\n", "\tX: y\r\n \r\n  \r\n", " Content-Length: 5\r\n Transfer-Encoding: chunked\r\n"]
    {
        let input = format!("GET / HTTP/1.1\r\n▼{dropped}Host: a\r\nX: y\r\n\r\n");
        let request = only_with(set, &input, WhitespaceBeforeFields, 400);
        assert_eq!(request.fields, expect_pairs(&[("Host", "a"), ("X", "y")]), "{dropped:?}");
        assert_eq!((request.target.as_str(), request.length), ("/", BodyLength::Empty), "no fold of the start line");
    }
    let request = accept_one(&policy(set), "GET / HTTP/1.0\r\n Host: evil\r\n\r\n");
    assert_eq!(request.fields, []);
    // behind a field line it is a fold
    assert_refused(&policy(set), "GET / HTTP/1.1\r\n X: y\r\nHost: a\r\n▼ b\r\n\r\n", ObsFold, 400);
    // dropped lines count as octets of the head
    let small = Config::new(Limits::DEFAULT.with_start_line(32).with_head(60), *STRICT.timeouts(), set).unwrap();
    let input = format!("GET / HTTP/1.1\r\n{}\r\n\r\n", " x".repeat(100));
    assert_refused(&small, &format!("{}▼{}", &input[..60], &input[60..]), HeadTooLong, 431);
}

#[test]
fn whitespace_of_any_kind_separates_the_parts_of_a_request_line() {
    let set = Policy::DEFAULT.with_start_line_whitespace(OK);
    for gap in ["  ", "\t", "\u{b}", "\u{c}", "\r", " \t \r\u{b}\u{c} "] {
        for line in [
            format!("GET{gap}/x HTTP/1.1"),
            format!("GET /x{gap}HTTP/1.1"),
            format!("GET /x HTTP/1.1{gap}"),
            format!("{gap}GET /x HTTP/1.1"),
            format!("GET{gap}/x{gap}HTTP/1.1{gap}"),
        ] {
            // an empty line is skipped, a CR at the front belongs to one
            if line.starts_with('\r') {
                continue;
            }
            let input = format!("{line}\r\nHost: a\r\n\r\n");
            let mut strict = Driver::answering(&STRICT);
            strict.feed(&input);
            assert!(matches!(strict.seen[..], [Seen::Error(..)]), "{line:?} by default: {:?}", strict.seen);
            assert_eq!(strict.response().status, 400, "{line:?}");
            let request = accept_one(&policy(set), &input);
            assert_eq!((request.method.as_str(), request.target.as_str(), request.minor), ("GET", "/x", 1), "{line:?}");
        }
    }
}

#[test]
fn whitespace_in_a_request_line_stays_out_of_the_target() {
    let set = policy(Policy::DEFAULT.with_start_line_whitespace(OK));
    assert_refused(&set, "GET  /a▼ b  HTTP/1.1\r\nHost: a\r\n\r\n", Target, 400);
    assert_refused(&set, "GET /a▼\tb HTTP/1.1\r\nHost: a\r\n\r\n", Target, 400);
    for no_whitespace in ["GET / HTTP/1.1\u{0}", "GET /\u{0} HTTP/1.1", "GET\u{0}/ HTTP/1.1", "GET\u{a0}/ HTTP/1.1"] {
        let mut driver = Driver::answering(&set);
        driver.feed(&format!("{no_whitespace}\r\nHost: a\r\n\r\n"));
        assert!(matches!(driver.seen[..], [Seen::Error(..)]), "{no_whitespace:?}: {:?}", driver.seen);
    }
    assert_refused(&set, "GET  /\r\nHost: a\r\n\r\n", RequestLine, 400);
}

#[test]
fn octets_above_7f_pass_in_a_target() {
    let set = Policy::DEFAULT.with_target_octets(OK);
    let request = only_with(set, "GET /a▼\u{80}\u{ff} HTTP/1.1\r\nHost: a\r\n\r\n", Target, 400);
    assert_eq!(request.target, "/a\\x80\\xff");
    for (input, kind) in [
        ("GET /a▼\u{7f} HTTP/1.1\r\nHost: a\r\n\r\n", Target),
        ("GET /a▼# HTTP/1.1\r\nHost: a\r\n\r\n", Target),
        ("GET /a▼\u{1} HTTP/1.1\r\nHost: a\r\n\r\n", Target),
        ("G▼\u{e9}T / HTTP/1.1\r\nHost: a\r\n\r\n", Method),
    ] {
        assert_refused(&policy(set), input, kind, 400);
    }
}

#[test]
fn folds_of_a_request_are_undone_before_framing_is_decided() {
    let set = Policy::DEFAULT.with_request_fold(OK);
    let request = only_with(set, &get("X: a\r\n▼ b\r\n\t\t c\r\nY: z\r\n"), ObsFold, 400);
    // CR, LF and the whitespace behind them: at least one space each, and nothing lost
    let value = request.values("x")[0].replace("\\t", " ");
    assert_eq!(value.split_whitespace().collect::<Vec<_>>(), ["a", "b", "c"], "{request:?}");
    assert!(!value.contains("\\r") && !value.contains("\\n"), "{value}");
    assert_eq!(request.values("y"), ["z"]);
}

#[test]
fn folded_framing_fields_frame() {
    let set = policy(Policy::DEFAULT.with_request_fold(OK));
    for (fields, body, length) in [
        ("Transfer-Encoding:\r\n chunked\r\n", "1\r\nx\r\n0\r\n\r\n", BodyLength::Chunked),
        ("Transfer-Encoding: \r\n \r\n\tchunked\r\n", "1\r\nx\r\n0\r\n\r\n", BodyLength::Chunked),
        ("Transfer-Encoding: ,\r\n chunked\r\n , \r\n", "1\r\nx\r\n0\r\n\r\n", BodyLength::Chunked),
        ("Content-Length:\r\n 1\r\n", "x", BodyLength::Exact(1)),
        ("Content-Length: 1\r\n \r\n", "x", BodyLength::Exact(1)),
    ] {
        let input = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}");
        let driver = accept(&set, &(input + &get("")));
        assert_eq!((driver.requests().len(), driver.received().as_str()), (2, "x"), "{fields:?}");
        assert_eq!(driver.requests()[0].length, length, "{fields:?}");
    }
    for (fields, kind) in [
        ("▼Content-Length: 1\r\n 2\r\n", ContentLength),
        ("▼Transfer-Encoding: chun\r\n ked\r\n", TransferEncoding),
        ("▼Transfer-Encoding: chunked,\r\n gzip\r\n", NotChunkedLast),
    ] {
        assert_refused(&set, &format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"), kind, 400);
    }
    let driver = accept(&set, &get("Connection: x,\r\n close\r\n").repeat(2));
    assert_eq!(driver.requests().len(), 1);
    // in a trailer section, too, but not before its first line, and never in chunk framing
    let driver = accept(&set, &chunked("0\r\nX: a\r\n b\r\n\r\n"));
    assert!(matches!(driver.seen.last(), Some(Seen::End(trailers)) if trailers.len() == 1), "{:?}", driver.seen);
    assert_refused(&set, &chunked("0\r\n▼ X: a\r\n\r\n"), ObsFold, 400);
    assert_refused(&set, &chunked("1;a\r\n ▼b\r\nx\r\n0\r\n\r\n"), ChunkEnd, 400);
    assert_refused(&set, "GET / HTTP/1.1\r\n▼ X: y\r\nHost: a\r\n\r\n", WhitespaceBeforeFields, 400);
}

#[test]
fn a_folded_line_may_be_as_long_as_any_line() {
    let small =
        Config::new(Limits::DEFAULT.with_field_line(20), *STRICT.timeouts(), Policy::DEFAULT.with_request_fold(OK))
            .unwrap();
    // exactly the limit, with a fold and without
    for fields in ["X: 456789012345678\r\n", "X: 4567\r\n 12345678\r\n"] {
        assert_eq!(fields.len(), 20);
        accept_one(&small, &get(fields));
        let more = fields.replacen('4', "44", 1);
        let at = get("").len() - 2 + 20;
        let input = get(&more);
        assert_refused(&small, &format!("{}▼{}", &input[..at], &input[at..]), FieldLineTooLong, 431);
    }
}

#[test]
fn folds_of_a_response_are_undone_unless_a_gateway_refuses_them() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length:\r\n 5\r\n\r\n";
    let unfolded = response(head, &Policy::DEFAULT).map(|(length, _)| length);
    assert_eq!(unfolded, Ok(BodyLength::Exact(5)), "a user agent must");
    assert_eq!(response(head, &Policy::DEFAULT.with_response_fold(Tolerance::Refuse)), Err(ObsFold));
    // each direction has its own switch
    let requests_only = Policy::DEFAULT.with_response_fold(Tolerance::Refuse).with_request_fold(OK);
    assert_eq!(response(head, &requests_only), Err(ObsFold));
    let input = get("X: a\r\n b\r\n");
    assert!(common::parse_request(input.as_bytes(), &Limits::DEFAULT, &Policy::DEFAULT).is_err());
}

#[test]
fn whitespace_before_a_colon_of_a_response_is_stripped() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length \t: 5\r\nX: y\r\n\r\n";
    assert_eq!(response(head, &Policy::DEFAULT), Err(WhitespaceBeforeColon));
    let stripped = response(head, &Policy::DEFAULT.with_response_colon_space(OK));
    assert_eq!(stripped, Ok((BodyLength::Exact(5), expect_pairs(&[("Content-Length", "5"), ("X", "y")]))));
    for name in ["Con tent", " X", "X\u{1} "] {
        let head = format!("HTTP/1.1 200 OK\r\nA: b\r\n{name} : 5\r\n\r\n");
        // no field line: it may be dropped, and is nobody's
        let unfolded = lenient().with_response_fold(Tolerance::Refuse);
        let accepted = response(&head, &unfolded.with_response_junk_lines(Tolerance::Refuse));
        assert!(accepted.is_err(), "{name:?}");
        if let Ok((_, lines)) = response(&head, &unfolded) {
            assert_eq!(lines, expect_pairs(&[("A", "b")]), "{name:?}");
        }
    }
    // never in a request
    assert_refused(&policy(lenient()), &get("X▼ : y\r\n"), WhitespaceBeforeColon, 400);
}

#[test]
fn the_same_content_length_more_than_once_counts_as_one() {
    let set = Policy::DEFAULT.with_repeated_length(OK);
    for fields in ["▼Content-Length: 5, 5\r\n", "Content-Length: 005\r\nX: y\r\n▼content-length: 005, 005\r\n"] {
        let input = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\nhello");
        let request = only_with(set, &input, ContentLengthRepeated, 400);
        assert_eq!(request.length, BodyLength::Exact(5));
        let driver = accept(&policy(set), &(input + &get("")));
        assert_eq!((driver.requests().len(), driver.received().as_str()), (2, "hello"));
    }
    // textually
    for value in ["5, 05", "05, 5", "5, 6", "5,", "5, 5, 6", "0, 00", "5, +5", "5, 50", "50, 5"] {
        let input = format!("POST / HTTP/1.1\r\nHost: a\r\n▼Content-Length: {value}\r\n\r\nhello");
        assert_refused(&policy(set), &input, ContentLength, 400);
    }
    let huge = "18446744073709551616";
    let input = format!("POST / HTTP/1.1\r\nHost: a\r\n▼Content-Length: {huge}, {huge}\r\n\r\n");
    assert_refused(&policy(set), &input, ContentLengthTooLarge, 413);
}

/// The message is decoded by its coding, the answer says `close`, nothing behind is read.
#[track_caller]
fn closes_behind(set: Policy, input: &str) {
    let mut driver = Driver::new(&policy(set));
    driver.feed(&format!("{input}{}", get("X: behind\r\n")));
    assert_eq!(driver.request().rule, FramingRule::FaultyCoding, "{input:?}");
    assert_eq!((driver.request().length, driver.received().as_str()), (BodyLength::Chunked, "hello"));
    let causes: Vec<_> = driver.connection.lifecycle().close_reasons().collect();
    assert!(causes.contains(&CloseReason::FaultyFraming), "{causes:?}");
    assert!(matches!(driver.connection.persistence(), Persistence::Close(_)));
    driver.respond(StatusCode::OK, Content::Empty).feed("").feed(&get(""));
    assert!(driver.response().has_option("close") && !driver.response().has_option("keep-alive"));
    assert_eq!((driver.requests().len(), driver.responses().len()), (1, 1));
}

#[test]
fn transfer_encoding_overrides_content_length_and_the_connection_closes() {
    let set = Policy::DEFAULT.with_length_and_coding(OK);
    for fields in [
        "Content-Length: 3\r\n▼Transfer-Encoding: chunked\r\n",
        "▼Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "▼Transfer-Encoding: chunked\r\nContent-Length: junk\r\n",
        "▼Transfer-Encoding: chunked\r\nContent-Length: 3\r\nConnection: keep-alive\r\n",
    ] {
        let input = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n5\r\nhello\r\n0\r\n\r\n");
        only_with(set, &input, LengthAndTransferEncoding, 400);
        closes_behind(set, &input);
        closes_behind(lenient(), &input);
    }
    // and in a response
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(response(head, &Policy::DEFAULT), Err(LengthAndTransferEncoding));
    assert_eq!(response(head, &set).map(|(length, _)| length), Ok(BodyLength::Chunked));
}

#[test]
fn transfer_encoding_counts_in_http_10_and_the_connection_closes() {
    let set = Policy::DEFAULT.with_http10_coding(OK);
    for fields in ["", "Connection: keep-alive\r\n"] {
        let input = format!("POST / HTTP/1.0\r\n{fields}▼Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
        only_with(set, &input, TransferEncodingInHttp10, 400);
        closes_behind(set, &input);
    }
    let both = "POST / HTTP/1.0\r\n▼Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    assert_refused(&policy(set), both, LengthAndTransferEncoding, 400);
    closes_behind(set.with_length_and_coding(OK), both);
    let not_last = "POST / HTTP/1.0\r\n▼Transfer-Encoding: gzip\r\n\r\n";
    assert_refused(&policy(set), not_last, NotChunkedLast, 400);
}

#[test]
fn other_codings_are_left_to_the_application() {
    let set = Policy::DEFAULT.with_other_codings(OK);
    let input = "POST / HTTP/1.1\r\nHost: a\r\n▼Transfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
    let request = only_with(set, input, UnknownCoding, 501);
    assert_eq!((request.length, request.rule), (BodyLength::Chunked, FramingRule::Chunked));
    let driver = accept(&policy(set), &(input.to_string() + &get("")));
    assert_eq!((driver.requests().len(), driver.received().as_str()), (2, "x"), "the coded octets, and it persists");
    let without = "POST / HTTP/1.1\r\nHost: a\r\n▼Transfer-Encoding: gzip\r\n\r\n";
    assert_refused(&policy(set), without, NotChunkedLast, 400);
}

#[test]
fn whitespace_behind_a_chunk_size_is_dropped() {
    let set = Policy::DEFAULT.with_chunk_size_whitespace(OK);
    for body in ["5 ▼\r\nhello\r\n0\r\n\r\n", "5\t ▼\r\nhello\r\n0 \r\n\r\n", "5\r\nhello\r\n0 ▼\r\n\r\n"] {
        only_with(set, &chunked(body), ChunkSize, 400);
        let driver = accept(&policy(set), &(chunked(body) + &get("")));
        assert_eq!((driver.requests().len(), driver.received().as_str()), (2, "hello"), "{body:?}");
    }
    for (body, kind) in [
        ("▼ 5\r\nhello\r\n0\r\n\r\n", ChunkSize),
        ("5 ▼5\r\nhello\r\n0\r\n\r\n", ChunkSize),
        ("5 ▼\nhello\r\n0\r\n\r\n", ChunkSize),
        ("5;a ▼\r\nhello\r\n0\r\n\r\n", ChunkExtension),
        ("5▼\u{b}\r\nhello\r\n0\r\n\r\n", ChunkSize),
    ] {
        assert_refused(&policy(set), &chunked(body), kind, 400);
    }
}

#[test]
fn trailers_that_may_not_stand_are_dropped() {
    let set = Policy::DEFAULT.with_request_trailers(OK);
    let input = chunked("0\r\nX: y\r\n▼Content-Length: 5\r\nhost: b\r\nY: z\r\n\r\n");
    assert_refused(&STRICT, &input, Trailer, 400);
    let driver = accept(&policy(set), &(input + &get("")));
    assert_eq!(driver.seen[1], Seen::End(expect_pairs(&[("X", "y"), ("Y", "z")])));
    assert_eq!(driver.requests().len(), 2);
    // their syntax is checked all the same
    assert_refused(&policy(set), &chunked("0\r\nHost▼ : b\r\n\r\n"), WhitespaceBeforeColon, 400);
}

#[test]
fn an_unknown_expectation_is_ignored() {
    let set = Policy::DEFAULT.with_expectation(OK);
    let request = only_with(set, &get("▼Expect: 200-maybe\r\n"), Expectation, 417);
    assert!(!request.expects_continue);
    let mut driver = Driver::new(&policy(set));
    driver.feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: x, 100-continue\r\n\r\n");
    assert_eq!(driver.connection.wants().application, Some(Turn::Continue), "the one we know counts");
}

#[test]
fn a_host_may_be_absent_but_not_doubled() {
    let set = Policy::DEFAULT.with_host(HostRule::Optional);
    for input in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
    ] {
        accept_one(&policy(set), input);
        let mut driver = Driver::answering(&policy(set));
        driver.feed(input);
        let closes = input.contains("HTTP/1.0");
        assert_eq!(driver.response().has_option("close"), closes, "{input:?}: it is a request like any other");
    }
    assert_refused(&STRICT, "GET / HTTP/1.1\r\n\r\n", HostMissing, 400);
    for (input, kind) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n▼Host: a\r\n\r\n", HostRepeated),
        ("GET / HTTP/1.0\r\nHost: a\r\n▼Host: b\r\n\r\n", HostRepeated),
        ("GET / HTTP/1.1\r\n▼Host: a b\r\n\r\n", HostInvalid),
    ] {
        assert_refused(&policy(set), input, kind, 400);
    }
}

#[test]
fn the_host_rule_may_be_the_callers() {
    let set = Policy::DEFAULT.with_host(HostRule::Off);
    for (input, kind) in [
        ("GET / HTTP/1.1\r\n\r\n", HostMissing),
        ("GET / HTTP/1.1\r\nHost: a\r\n▼Host: b\r\n\r\n", HostRepeated),
        ("GET / HTTP/1.1\r\n▼Host: a b\r\n\r\n", HostInvalid),
    ] {
        assert_refused(&STRICT, input, kind, 400);
        assert_refused(&policy(lenient()), input, kind, 400);
        accept_one(&policy(set), input);
    }
}

#[test]
fn a_request_that_times_out_may_be_closed_in_silence() {
    for (answer, expected) in [(Use::On, Some(Turn::Refuse(StatusCode::REQUEST_TIMEOUT))), (Use::Off, None)] {
        let mut driver = Driver::new(&policy(Policy::DEFAULT.with_request_timeout_response(answer)));
        driver.feed("GET / HTT").wait(Duration::from_secs(3600));
        while driver.connection.expire(driver.now).is_some() {}
        assert_eq!(driver.connection.wants().application, expected);
        assert_eq!(driver.connection.persistence(), Persistence::Close(CloseReason::HeadTimeout));
        assert_eq!(driver.connection.wants().shut.is_some(), answer == Use::Off);
    }
}

#[test]
fn the_strict_default_is_every_refusal() {
    assert_eq!(Policy::DEFAULT.keep_alive_field, KeepAliveField::OnOption);
    let strict = Policy::DEFAULT;
    let tolerances = [
        strict.bare_lf,
        strict.bare_cr,
        strict.control_octets,
        strict.whitespace_before_fields,
        strict.start_line_whitespace,
        strict.target_octets,
        strict.request_fold,
        strict.response_colon_space,
        strict.repeated_length,
        strict.length_and_coding,
        strict.http10_coding,
        strict.other_codings,
        strict.chunk_size_whitespace,
        strict.request_trailers,
        strict.expectation,
    ];
    assert!(tolerances.iter().all(|tolerance| *tolerance == Tolerance::Refuse));
}
