//! Message body length (RFC 9112 6.3), of requests as a server reads them and of responses as facts say it.

use crate::common::Passes;
use std::time::Duration;

use crate::common;
use crate::common::{
    Driver, Seen, accept, accept_one, assert_all_refused, assert_refused, chunked, get, lenient, octets, policy,
};
use http_keepalive::ProtocolErrorKind::*;
use http_keepalive::{
    BodyLength, CloseReason, Config, Content, Framing, FramingRule, HeadFacts, Limits, MethodKind, Persistence, Policy,
    ProtocolErrorKind, Server, StatusCode, Tolerance, Turn, Version, framing,
};

const STRICT: Config<Server> = Config::DEFAULT;

fn post(fields: &str, body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}")
}

fn response(head: &str, method: MethodKind, policy: &Policy) -> Result<Framing, ProtocolErrorKind> {
    match common::parse_response(&octets(head), method, &Limits::DEFAULT, policy) {
        Ok(Some((_, head, _))) => Ok(head.framing),
        Ok(None) => panic!("{head:?} is not complete"),
        Err(error) => Err(error.kind),
    }
}

#[test]
fn frame_01_any_method_has_a_body_if_its_head_says_so() {
    for method in ["GET", "HEAD", "DELETE", "OPTIONS", "POST", "PUT", "get", "X"] {
        let input = format!("{method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc").repeat(2);
        let driver = accept(&STRICT, &input);
        assert_eq!(driver.requests().len(), 2, "{method}");
        assert_eq!(driver.seen[1], Seen::Content("abc".into()), "{method}");
        let driver = accept(&STRICT, &format!("{method} {}", chunked("3\r\nabc\r\n0\r\n\r\n").split_off(5)));
        assert_eq!(driver.received(), "abc", "{method}");
    }
}

#[test]
fn frame_03_a_response_without_content_ends_with_its_head() {
    for (head, method) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", MethodKind::Head),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", MethodKind::Head),
        ("HTTP/1.1 200 OK\r\n\r\n", MethodKind::Head),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", MethodKind::Get),
        ("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", MethodKind::Get),
        ("HTTP/1.1 100 Continue\r\nContent-Length: 10\r\n\r\n", MethodKind::Post),
        ("HTTP/1.1 199 x\r\nContent-Length: 10\r\n\r\n", MethodKind::Post),
        ("HTTP/1.1 204 No Content\r\n\r\n", MethodKind::Connect),
    ] {
        let framing = response(head, method, &Policy::DEFAULT);
        assert_eq!(framing.map(|framing| framing.length), Ok(BodyLength::Empty), "{head}");
    }
}

#[test]
fn frame_04_a_2xx_to_connect_opens_a_tunnel() {
    for (code, rule) in [
        (200, FramingRule::Connect),
        (299, FramingRule::Connect),
        (403, FramingRule::ContentLength),
        (301, FramingRule::ContentLength),
    ] {
        let head = format!("HTTP/1.1 {code} x\r\nContent-Length: 10\r\n\r\n");
        assert_eq!(response(&head, MethodKind::Connect, &Policy::DEFAULT).map(|f| f.rule), Ok(rule), "{code}");
    }
}

#[test]
fn frame_05_content_length_and_transfer_encoding_are_400() {
    for fields in [
        "Content-Length: 3\r\n▼Transfer-Encoding: chunked\r\n",
        "▼Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Content-Length: 0\r\n▼Transfer-Encoding: chunked\r\n",
        "Content-Length: 3\r\n▼Transfer-Encoding: gzip\r\n",
        "content-length: 3\r\n▼tRANSFER-eNCODING: chunked\r\n",
    ] {
        let input = post(fields, "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_refused(&STRICT, &input, LengthAndTransferEncoding, 400);
    }
}

#[test]
fn frame_06_content_length_and_transfer_encoding_of_a_response_are_an_error() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(response(head, MethodKind::Get, &Policy::DEFAULT), Err(LengthAndTransferEncoding));
    let framing = response(head, MethodKind::Get, &lenient());
    assert_eq!(framing, Ok(Framing { length: BodyLength::Chunked, rule: FramingRule::FaultyCoding }));
}

#[test]
fn frame_08_chunked_last_is_chunked_whatever_the_case_and_on_however_many_lines() {
    for fields in [
        "Transfer-Encoding: chunked\r\n",
        "Transfer-Encoding: CHUNKED\r\n",
        "transfer-encoding: Chunked , \r\n",
        "Transfer-Encoding:chunked\r\n",
        "Transfer-Encoding: ,\tchunked\r\n",
    ] {
        let driver = accept(&STRICT, &post(fields, "1\r\nx\r\n0\r\n\r\n").repeat(2));
        assert_eq!(driver.requests().len(), 2, "{fields}");
        assert_eq!(driver.requests()[0].length, BodyLength::Chunked);
        assert_eq!(driver.requests()[0].rule, FramingRule::Chunked);
    }
    let decodes = policy(Policy::DEFAULT.with_other_codings(Tolerance::Accept));
    let request =
        accept_one(&decodes, &post("Transfer-Encoding: gzip\r\nX: y\r\nTransfer-Encoding: CHUNKED\r\n", "0\r\n\r\n"));
    assert_eq!(request.length, BodyLength::Chunked);
}

#[test]
fn frame_09_a_response_whose_last_coding_is_not_chunked_lasts_until_close() {
    for coding in ["gzip", "gzip, foo", "identity", "xchunked", "chunked, gzip"] {
        let head = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {coding}\r\n\r\n");
        let until_close = Framing { length: BodyLength::UntilClose, rule: FramingRule::CodingUntilClose };
        assert_eq!(response(&head, MethodKind::Get, &Policy::DEFAULT), Ok(until_close), "{coding}");
    }
}

#[test]
fn frame_10_a_request_whose_last_coding_is_not_chunked_is_400() {
    for config in [STRICT, policy(lenient())] {
        for (coding, kind) in [
            ("gzip", NotChunkedLast),
            ("chunked, gzip", NotChunkedLast),
            ("identity", NotChunkedLast),
            ("xchunked", NotChunkedLast),
            ("chunkedx", NotChunkedLast),
            ("chunked-", NotChunkedLast),
            ("\"chunked\"", TransferEncoding),
            ("chun ked", TransferEncoding),
            ("chunked gzip", TransferEncoding),
            ("chunked\u{e9}", TransferEncoding),
            ("", TransferEncoding),
            (",", TransferEncoding),
        ] {
            let input = post(&format!("▼Transfer-Encoding: {coding}\r\n"), "0\r\n\r\n");
            assert_refused(&config, &input, kind, 400);
        }
        let split = post("Transfer-Encoding: chunked\r\n▼Transfer-Encoding: gzip\r\n", "0\r\n\r\n");
        assert_refused(&config, &split, NotChunkedLast, 400);
    }
}

#[test]
fn frame_11_another_coding_before_chunked_is_501() {
    for coding in ["foo, chunked", "gzip,chunked", "identity, chunked", "gzip;q=1, chunked"] {
        assert_refused(&STRICT, &post(&format!("▼Transfer-Encoding: {coding}\r\n"), "0\r\n\r\n"), UnknownCoding, 501);
    }
}

#[test]
fn frame_11_parameters_of_chunked_are_400() {
    for config in [STRICT, policy(lenient())] {
        for coding in ["chunked;a=b", "chunked ; a", "chunked;", "gzip, chunked;a=\"x,y\""] {
            let input = post(&format!("▼Transfer-Encoding: {coding}\r\n"), "0\r\n\r\n");
            assert_refused(&config, &input, ChunkedMisused, 400);
        }
    }
}

#[test]
fn frame_12_chunked_more_than_once_is_400() {
    for config in [STRICT, policy(lenient())] {
        for fields in [
            "▼Transfer-Encoding: chunked, chunked\r\n",
            "▼Transfer-Encoding: chunked,gzip,chunked\r\n",
            "Transfer-Encoding: chunked\r\n▼Transfer-Encoding: Chunked\r\n",
        ] {
            assert_refused(&config, &post(fields, "0\r\n\r\n"), ChunkedMisused, 400);
        }
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n";
        assert_eq!(response(head, MethodKind::Get, config.policy()), Err(ChunkedMisused));
    }
}

#[test]
fn frame_13_transfer_encoding_in_http_10_is_400() {
    let input = "POST / HTTP/1.0\r\n▼Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert_refused(&STRICT, input, TransferEncodingInHttp10, 400);
    let both = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n";
    let mut driver = Driver::answering(&STRICT);
    driver.feed(both);
    let [Seen::Error(LengthAndTransferEncoding | TransferEncodingInHttp10, _)] = driver.seen[..] else {
        panic!("{:?}", driver.seen)
    };
    let head = "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(response(head, MethodKind::Get, &Policy::DEFAULT), Err(TransferEncodingInHttp10));
}

#[test]
fn frame_14_content_length_that_is_no_number_is_400() {
    for config in [STRICT, policy(lenient())] {
        for value in [
            "+5", "-1", "5 5", "0x5", "5.0", "5;", "\"5\"", "", "5, 6", "5,", ",5", "5,,5", "five", "5a", "a5", "1e1",
            "5_0", "\u{b2}", "5\u{e9}", "0,1", "00,0 1",
        ] {
            assert_refused(&config, &post(&format!("▼Content-Length: {value}\r\n"), "hello"), ContentLength, 400);
        }
        let two = post("Content-Length: 5\r\n▼Content-Length: 6\r\n", "hello");
        assert_refused(&config, &two, ContentLength, 400);
        let two = post("Content-Length: 5\r\nX: y\r\n▼Content-Length: +5\r\n", "hello");
        assert_refused(&config, &two, ContentLength, 400);
    }
}

#[test]
fn frame_14_leading_zeros_and_zero_are_numbers() {
    for (value, length) in [("0", 0), ("000", 0), ("005", 5), ("5", 5), ("\t5 ", 5), ("0000000000000000000000005", 5)] {
        let driver = accept(&STRICT, &(post(&format!("Content-Length:{value}\r\n"), &"x".repeat(length)) + &get("")));
        assert_eq!(driver.requests().len(), 2, "{value}");
        assert_eq!(driver.requests()[0].length, BodyLength::Exact(length as u64));
        assert_eq!(driver.requests()[0].rule, FramingRule::ContentLength);
        assert_eq!(driver.received().len(), length);
    }
}

#[test]
fn frame_15_a_bad_content_length_of_a_response_is_an_error() {
    for (fields, kind) in [
        ("Content-Length: +5\r\n", ContentLength),
        ("Content-Length: 5, 6\r\n", ContentLength),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", ContentLength),
        ("Content-Length: 18446744073709551616\r\n", ContentLengthTooLarge),
    ] {
        let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
        assert_eq!(response(&head, MethodKind::Get, &lenient()), Err(kind), "{fields}");
    }
}

#[test]
fn frame_16_identical_content_lengths_are_400() {
    assert_all_refused(
        &STRICT,
        &[
            (&post("▼Content-Length: 5, 5\r\n", "hello"), ContentLengthRepeated, 400),
            (&post("Content-Length: 5\r\n▼Content-Length: 5\r\n", "hello"), ContentLengthRepeated, 400),
            (&post("Content-Length: 0\r\nX: y\r\n▼content-length: 0\r\n", ""), ContentLengthRepeated, 400),
        ],
    );
}

#[test]
fn frame_17_a_content_length_beyond_64_bits_fails_cleanly() {
    for config in [STRICT, policy(lenient())] {
        for value in [
            "18446744073709551616",
            "18446744073709551621",
            "99999999999999999999",
            "1234567890123456789012345678901234567890",
            &"9".repeat(1000),
        ] {
            let input = post(&format!("▼Content-Length: {value}\r\n"), "hello");
            assert_refused(&config, &input, ContentLengthTooLarge, 413);
        }
    }
    // the largest that fits is a length
    let mut driver = Driver::strict();
    driver.feed(&post("Content-Length: 18446744073709551615\r\n", "hello"));
    assert_eq!(driver.request().length, BodyLength::Exact(u64::MAX));
    assert_eq!(driver.received(), "hello");
    assert_eq!(driver.connection.contiguous_content(), u64::MAX - 5);
}

#[test]
fn frame_17_the_largest_content_can_be_skipped_without_overflow() {
    let mut driver = Driver::strict();
    driver.feed(&post("Content-Length: 18446744073709551615\r\n", ""));
    assert_eq!(driver.connection.skip_content(driver.now, u64::MAX), Ok(()));
    driver.feed("");
    assert_eq!(driver.seen.last(), Some(&Seen::End(vec![])));
}

#[test]
fn frame_17_octets_behind_the_largest_content_overflow_nothing() {
    let mut driver = Driver::strict();
    driver.feed(&post("Content-Length: 18446744073709551615\r\n", ""));
    assert_eq!(driver.connection.skip_content(driver.now, u64::MAX), Ok(()));
    driver.feed("").respond(StatusCode::OK, Content::Empty).feed(&get("X: behind\r\n"));
    assert_eq!(driver.requests()[1].values("x"), ["behind"]);
    assert_eq!(driver.connection.offset(), u64::MAX, "as many as can be counted");
    driver.respond(StatusCode::OK, Content::Empty).feed("BAD\r\n");
    assert_eq!(driver.seen.last(), Some(&Seen::Error(RequestLine, u64::MAX)));
}

#[test]
fn frame_18_content_is_exactly_as_long_as_declared() {
    let driver = accept(&STRICT, &(post("Content-Length: 5\r\n", "hello") + &get("X: 2\r\n")));
    assert_eq!(driver.received(), "hello");
    assert_eq!(driver.requests()[1].values("x"), ["2"]);

    let mut driver = Driver::strict();
    let input = post("Content-Length: 5\r\n", "hell");
    driver.feed(&input);
    assert_eq!(driver.seen.len(), 2, "no end yet: {:?}", driver.seen);
    driver.eof();
    assert_eq!(driver.seen.last(), Some(&Seen::Error(IncompleteContent, input.len() as u64)));
}

#[test]
fn frame_19_a_request_that_says_nothing_has_nothing() {
    for request in ["POST / HTTP/1.1\r\nHost: a\r\n\r\n", "PUT / HTTP/1.1\r\nHost: a\r\n\r\n", &get("")] {
        let driver = accept(&STRICT, &request.repeat(2));
        assert_eq!(driver.requests().len(), 2);
        assert_eq!(driver.requests()[0].length, BodyLength::Empty);
        assert_eq!(driver.requests()[0].rule, FramingRule::NothingSaid);
    }
    let request = accept_one(&STRICT, "POST / HTTP/1.0\r\n\r\n");
    assert_eq!(request.length, BodyLength::Empty);
    let driver = accept(&STRICT, &("POST / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".to_string() + &get("")));
    assert_eq!(driver.requests().len(), 2);
}

#[test]
fn frame_20_a_response_that_says_nothing_lasts_until_close() {
    let until_close = Framing { length: BodyLength::UntilClose, rule: FramingRule::UntilClose };
    for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 777 x\r\nConnection: keep-alive\r\n\r\n"] {
        assert_eq!(response(head, MethodKind::Get, &Policy::DEFAULT), Ok(until_close));
    }
}

#[test]
fn frame_21_a_205_is_framed_as_any_other_response() {
    for (fields, length) in [
        ("", BodyLength::UntilClose),
        ("Content-Length: 3\r\n", BodyLength::Exact(3)),
        ("Transfer-Encoding: chunked\r\n", BodyLength::Chunked),
    ] {
        let framing = response(&format!("HTTP/1.1 205 x\r\n{fields}\r\n"), MethodKind::Get, &Policy::DEFAULT);
        assert_eq!(framing.map(|framing| framing.length), Ok(length));
    }
    // ours has none
    for content in [Content::Empty, Content::Exact(5), Content::Unknown, Content::UntilClose] {
        let mut driver = Driver::strict();
        driver.feed(&get("")).respond(StatusCode::RESET_CONTENT, content);
        assert_eq!(driver.response().field("content-length").as_deref(), Some("0"), "{content:?}");
        assert!(!driver.response().has_option("close"), "{content:?}");
        assert!(driver.connection.lifecycle().is_idle(), "{content:?}");
    }
}

#[test]
fn frame_23_an_incomplete_request_is_never_complete() {
    for (input, kind) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n".to_string(), IncompleteHead),
        ("G".to_string(), IncompleteHead),
        (get("")[..get("").len() - 1].to_string(), IncompleteHead),
        (post("Content-Length: 1\r\n", ""), IncompleteContent),
        (chunked("5\r\nhello\r\n"), IncompleteContent),
        (chunked("5\r\nhel"), IncompleteContent),
        (chunked("5\r\nhello\r\n0\r\n"), IncompleteTrailers),
        (chunked("5\r\nhello\r\n0\r\nX: y\r\n"), IncompleteTrailers),
    ] {
        let mut driver = Driver::answering(&STRICT);
        driver.feed(&input).eof();
        assert_eq!(driver.seen.last(), Some(&Seen::Error(kind, input.len() as u64)), "{input:?}");
        assert!(!driver.seen.iter().any(|seen| matches!(seen, Seen::End(_))), "{input:?}");
        assert_eq!(driver.connection.persistence(), Persistence::Close(CloseReason::Incomplete));
        assert_eq!(driver.connection.wants().application, None);
        assert!(driver.connection.lifecycle().is_closed());
    }
}

#[test]
fn frame_23_a_request_that_times_out_is_never_complete() {
    let mut driver = Driver::strict();
    driver.feed(&post("Content-Length: 9\r\n", "hell")).wait(Duration::from_secs(3600));
    while driver.connection.expire(driver.now).is_some() {}
    assert_eq!(driver.connection.wants().application, Some(Turn::Refuse(StatusCode::REQUEST_TIMEOUT)));
    driver.refuse().feed("o wor");
    assert!(!driver.seen.iter().any(|seen| matches!(seen, Seen::End(_))));
    assert_eq!(driver.received(), "hell");
    assert_eq!((driver.response().status, driver.response().has_option("close")), (408, true));
}

#[test]
fn frame_25_the_application_may_answer_411() {
    let mut driver = Driver::strict();
    driver.feed(&chunked("")).respond(StatusCode::LENGTH_REQUIRED, Content::Empty);
    driver.feed(&format!("5\r\nhello\r\n0\r\n\r\n{}", get("X: 2\r\n")));
    assert_eq!(driver.received(), "", "unread content is reported to nobody");
    assert_eq!(driver.requests()[1].values("x"), ["2"]);
}

#[test]
fn frame_26_content_on_connect_and_trace_is_400() {
    for config in [STRICT, policy(lenient())] {
        for (method, target) in [("CONNECT", "a:443"), ("TRACE", "/")] {
            for fields in ["Content-Length: 1\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length: 000009\r\n"] {
                let input = format!("{method} {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n0\r\n\r\n");
                assert_refused(&config, &input, ContentNotAllowed, 400);
            }
            accept_one(&config, &format!("{method} {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"));
        }
    }
}

#[test]
fn frame_27_no_other_field_says_how_long_content_is() {
    let fields =
        "Content-Type: multipart/byteranges; boundary=x\r\nContent-Range: bytes 0-4/5\r\nLength: 5\r\nTE: chunked\r\n";
    let driver = accept(&STRICT, &get(fields).repeat(2));
    assert_eq!(driver.requests().len(), 2);
    assert_eq!(driver.requests()[0].length, BodyLength::Empty);
}

#[test]
fn framing_is_the_same_from_facts_of_another_parser() {
    let framing_of = |version, lines: &[(&str, &str)]| {
        let mut facts = HeadFacts::request(http_keepalive::Method::new(b"POST"), version);
        lines.iter().for_each(|(name, value)| facts.field_line(name.as_bytes(), value.as_bytes()));
        framing::request_framing(&facts, &Policy::DEFAULT).map(|framing| framing.length)
    };
    let (old, new) = (Version::HTTP_10, Version::HTTP_11);
    for (version, lines, expected) in [
        (new, &[("content-length", " 5 ")][..], Ok(BodyLength::Exact(5))),
        (new, &[("Content-Length", "5"), ("CONTENT-LENGTH", "6")], Err(ContentLength)),
        (new, &[("Content-Length", "5"), ("Content-Length", "5")], Err(ContentLengthRepeated)),
        (new, &[("Transfer-Encoding", "chunked")], Ok(BodyLength::Chunked)),
        (new, &[("Transfer-Encoding", "gzip"), ("Transfer-Encoding", "chunked")], Err(UnknownCoding)),
        (new, &[("Transfer-Encoding", "chunked"), ("Content-Length", "5")], Err(LengthAndTransferEncoding)),
        (old, &[("Transfer-Encoding", "chunked")], Err(TransferEncodingInHttp10)),
        (old, &[("X-Content-Length", "5")], Ok(BodyLength::Empty)),
    ] {
        assert_eq!(framing_of(version, lines), expected, "{lines:?}");
    }
}

#[test]
fn the_rules_on_host_and_expectation_are_the_same_from_facts_of_another_parser() {
    let facts = |version, lines: &[(&str, &str)]| {
        let mut facts = HeadFacts::request(http_keepalive::Method::new(b"POST"), version);
        lines.iter().for_each(|(name, value)| facts.field_line(name.as_bytes(), value.as_bytes()));
        facts
    };
    let (old, new) = (Version::HTTP_10, Version::HTTP_11);
    for (version, lines, expected) in [
        (new, &[("Host", "a")][..], Ok(())),
        (new, &[("host", "")], Ok(())),
        (new, &[], Err(HostMissing)),
        (old, &[], Ok(())),
        (new, &[("Host", "a"), ("Host", "a")], Err(HostRepeated)),
        (old, &[("Host", "a"), ("Host", "a")], Err(HostRepeated)),
        (new, &[("Host", "a b")], Err(HostInvalid)),
        (old, &[("Host", "a b")], Err(HostInvalid)),
    ] {
        assert_eq!(framing::host_rule(&facts(version, lines)), expected, "{version:?} {lines:?}");
    }
    let ignores = Policy::DEFAULT.with_expectation(Tolerance::Accept);
    for (version, value, strict) in [
        (new, "100-continue", Ok(())),
        (new, "100-Continue, 100-continue", Ok(())),
        (new, "x", Err(Expectation)),
        (new, "100-continue, x", Err(Expectation)),
        (old, "x", Ok(())),
    ] {
        let facts = facts(version, &[("Expect", value)]);
        assert_eq!(framing::expectation_rule(&facts, &Policy::DEFAULT), strict, "{version:?} {value:?}");
        assert_eq!(framing::expectation_rule(&facts, &ignores), Ok(()), "{version:?} {value:?}");
    }
}
