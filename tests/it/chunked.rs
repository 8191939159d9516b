//! The chunked coding and trailers (RFC 9112 7.1), received and sent.

use crate::common;
use crate::common::{
    Driver, Seen, accept, assert_all_refused, assert_refused, chunked, expect_pairs, get, lenient, octets, policy,
};
use http_keepalive::ProtocolErrorKind::*;
use http_keepalive::{
    CloseReason, Config, Content, Misuse, NO_FIELDS, Persistence, SendError, Server, Shut, StatusCode,
};

const STRICT: Config<Server> = Config::DEFAULT;

/// The content of a body that is accepted, and that the next request is found behind it.
#[track_caller]
fn content(config: &Config<Server>, body: &str) -> String {
    let driver = accept(config, &(chunked(body) + &get("X: behind\r\n")));
    assert_eq!(driver.requests().len(), 2, "{body:?}: {:#?}", driver.seen);
    assert_eq!(driver.requests()[1].values("x"), ["behind"], "{body:?}");
    driver.received()
}

/// Refused strictly and leniently.
#[track_caller]
fn refused_always(rows: &[(&str, http_keepalive::ProtocolErrorKind, u16)]) {
    for (body, kind, status) in rows {
        for config in [STRICT, policy(lenient())] {
            assert_refused(&config, &chunked(body), *kind, *status);
        }
    }
}

#[test]
fn chunk_01_chunked_content_is_decoded() {
    assert_eq!(content(&STRICT, "5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n"), "hello world");
    assert_eq!(content(&STRICT, "0\r\n\r\n"), "");
    let data = "\r\n0\r\n\r\n";
    assert_eq!(content(&STRICT, &format!("7\r\n{data}\r\n0\r\n\r\n")), common::shown(data.as_bytes()));
}

#[test]
fn chunk_02_a_size_is_hex_digits_in_either_case_with_leading_zeros() {
    for (size, octets) in [("a", 10), ("A", 10), ("000A", 10), ("1f", 31), ("1F", 31), ("00000000000000000000001", 1)] {
        assert_eq!(content(&STRICT, &format!("{size}\r\n{}\r\n0\r\n\r\n", "x".repeat(octets))).len(), octets, "{size}");
    }
}

#[test]
fn chunk_02_what_is_no_size_is_400() {
    refused_always(&[
        ("▼\r\nhello\r\n0\r\n\r\n", ChunkSize, 400),
        ("0▼x5\r\nhello\r\n0\r\n\r\n", ChunkSize, 400),
        ("▼+5\r\nhello\r\n0\r\n\r\n", ChunkSize, 400),
        ("▼-1\r\nhello\r\n0\r\n\r\n", ChunkSize, 400),
        ("▼ 5\r\nhello\r\n0\r\n\r\n", ChunkSize, 400),
        ("▼\t5\r\nhello\r\n0\r\n\r\n", ChunkSize, 400),
        ("5▼g\r\nhello\r\n0\r\n\r\n", ChunkSize, 400),
        ("5▼_0\r\nhello\r\n0\r\n\r\n", ChunkSize, 400),
        ("▼;a\r\nhello\r\n0\r\n\r\n", ChunkSize, 400),
        ("5 ▼5\r\nhello\r\n0\r\n\r\n", ChunkSize, 400),
        ("5▼\u{0}\r\nhello\r\n0\r\n\r\n", ChunkSize, 400),
        ("▼\u{ff}\r\n", ChunkSize, 400),
        ("5▼,5\r\nhello\r\n0\r\n\r\n", ChunkSize, 400),
        ("5\r▼hello\r\n0\r\n\r\n", ChunkSize, 400),
        ("5\r▼\r\nhello\r\n0\r\n\r\n", ChunkSize, 400),
        ("5\r\nhello\r\n▼\r\n0\r\n\r\n", ChunkSize, 400),
        ("5\r\nhello\r\n▼GET / HTTP/1.1\r\n", ChunkSize, 400),
    ]);
}

#[test]
fn chunk_02_whitespace_behind_a_size_is_400() {
    assert_all_refused(
        &STRICT,
        &[
            (&chunked("5 ▼\r\nhello\r\n0\r\n\r\n"), ChunkSize, 400),
            (&chunked("5\t▼\r\nhello\r\n0\r\n\r\n"), ChunkSize, 400),
            (&chunked("5\r\nhello\r\n0 ▼\r\n\r\n"), ChunkSize, 400),
        ],
    );
}

#[test]
fn chunk_03_sizes_never_overflow() {
    refused_always(&[
        ("FFFFFFFFFFFFFFFF▼F\r\n", ChunkSizeTooLarge, 400),
        ("1000000000000000▼0\r\n", ChunkSizeTooLarge, 400),
        ("0001000000000000000▼05\r\nhello\r\n0\r\n\r\n", ChunkSizeTooLarge, 400),
    ]);
    for (digit, most) in [("f", 17), ("0", 4096)] {
        let mut driver = Driver::answering(&STRICT);
        driver.feed(&chunked(&digit.repeat(4096)));
        let Some(&Seen::Error(ChunkSizeTooLarge, at)) = driver.seen.last() else { panic!("{:?}", driver.seen) };
        assert!(at < chunked("").len() as u64 + most, "digits are capped");
    }
    // the largest that fits is a size, and its octets are content
    let mut driver = Driver::strict();
    driver.feed(&chunked("FFFFFFFFFFFFFFFF\r\nhello"));
    assert_eq!(driver.received(), "hello");
    assert_eq!(driver.connection.contiguous_content(), u64::MAX - 5);
}

#[test]
fn chunk_04_any_number_of_zeros_is_the_last_chunk() {
    for last in ["0", "000", "000;x=y", "00 ;x"] {
        assert_eq!(content(&STRICT, &format!("1\r\nx\r\n{last}\r\n\r\n")), "x", "{last}");
    }
}

#[test]
fn chunk_05_crlf_stands_behind_chunk_data() {
    refused_always(&[
        ("3\r\nabc▼d\r\n0\r\n\r\n", ChunkEnd, 400),
        ("3\r\nabc▼\n0\r\n\r\n", ChunkEnd, 400),
        ("3\r\nabc\r▼0\r\n\r\n", ChunkEnd, 400),
        ("3\r\nabc\r▼\r\n0\r\n\r\n", ChunkEnd, 400),
        ("3\r\nabc▼0\r\n\r\n", ChunkEnd, 400),
        ("2\r\nab\r\n3\r\nabc▼xx0\r\n\r\n", ChunkEnd, 400),
    ]);
}

#[test]
fn chunk_06_bare_lf_ends_no_chunk_line_in_either_mode() {
    refused_always(&[
        ("3▼\nabc\r\n0\r\n\r\n", ChunkSize, 400),
        ("3\r\nabc\r\n0▼\n\r\n", ChunkSize, 400),
        ("3;a▼\nabc\r\n0\r\n\r\n", ChunkExtension, 400),
        ("3\r\nabc▼\n0\n\n", ChunkEnd, 400),
    ]);
}

#[test]
fn chunk_07_unknown_extensions_are_ignored() {
    for extension in [
        ";foo",
        ";foo;bar=baz;q=\"a;b\"",
        ";a=\"\"",
        ";a=\"\\\"\\\\\"",
        ";a=\"x\ty \u{e9}\"",
        ";!#$%&'*+-.^_`|~=!#$%&'*+-.^_`|~",
        ";a=b;a=b;a",
    ] {
        assert_eq!(content(&STRICT, &format!("5{extension}\r\nhello\r\n0{extension}\r\n\r\n")), "hello", "{extension}");
    }
}

#[test]
fn chunk_08_whitespace_around_the_parts_of_an_extension_is_dropped() {
    for extension in [" ; a = b", "\t;\ta\t=\tb ; c", " ;a", "; a", ";a ;b", ";a=\"b\" ; c", ";a  =  \"b\""] {
        assert_eq!(content(&STRICT, &format!("5{extension}\r\nhello\r\n0\r\n\r\n")), "hello", "{extension:?}");
    }
}

#[test]
fn chunk_09_extensions_hold_to_their_grammar() {
    refused_always(&[
        ("5;a=\"x▼\r\ny\"\r\nhello\r\n0\r\n\r\n", ChunkExtension, 400),
        ("5;a▼\nb\r\nhello\r\n0\r\n\r\n", ChunkExtension, 400),
        ("5;a=\"x▼\ny\"\r\nhello\r\n0\r\n\r\n", ChunkExtension, 400),
        ("5;a=\"x▼\u{0}y\"\r\nhello\r\n0\r\n\r\n", ChunkExtension, 400),
        ("5;a=\"x\\▼\u{0}y\"\r\nhello\r\n0\r\n\r\n", ChunkExtension, 400),
        ("5;a=\"x\\▼\r\ny\"\r\nhello\r\n0\r\n\r\n", ChunkExtension, 400),
        ("5;a=\"x▼\u{7f}y\"\r\nhello\r\n0\r\n\r\n", ChunkExtension, 400),
        ("5;a▼\u{0}\r\nhello\r\n0\r\n\r\n", ChunkExtension, 400),
        ("5;▼\r\nhello\r\n0\r\n\r\n", ChunkExtension, 400),
        ("5;▼;a\r\nhello\r\n0\r\n\r\n", ChunkExtension, 400),
        ("5;▼=b\r\nhello\r\n0\r\n\r\n", ChunkExtension, 400),
        ("5;a=▼\r\nhello\r\n0\r\n\r\n", ChunkExtension, 400),
        ("5;a ▼b\r\nhello\r\n0\r\n\r\n", ChunkExtension, 400),
        ("5;a=b▼\"c\"\r\nhello\r\n0\r\n\r\n", ChunkExtension, 400),
        ("5;a=\"b\"▼c\r\nhello\r\n0\r\n\r\n", ChunkExtension, 400),
        ("5;a▼(b\r\nhello\r\n0\r\n\r\n", ChunkExtension, 400),
        ("5;▼\u{e9}\r\nhello\r\n0\r\n\r\n", ChunkExtension, 400),
    ]);
    // the CR of a chunk line wants its LF
    for config in [STRICT, policy(lenient())] {
        let mut driver = Driver::answering(&config);
        driver.feed(&chunked("5;a\rb\r\nhello\r\n0\r\n\r\n"));
        let at = (chunked("").len() + 4) as u64;
        assert!(
            matches!(driver.seen.last(), Some(Seen::Error(ChunkSize | ChunkExtension, offset)) if *offset == at),
            "{:?}",
            driver.seen
        );
    }
}

#[test]
fn chunk_11_a_body_without_its_end_is_incomplete() {
    for (body, kind) in [
        ("5\r\nhello\r\n", IncompleteContent),
        ("5\r\nhello", IncompleteContent),
        ("5\r\nhello\r\n0\r", IncompleteContent),
        ("5\r\nhello\r\n0\r\nX: y\r", IncompleteContent),
        ("5\r\nhello\r\n0\r\nX", IncompleteContent),
        // only the last line end is missing
        ("5\r\nhello\r\n0\r\n", IncompleteTrailers),
        ("5\r\nhello\r\n0\r\nX: y\r\n", IncompleteTrailers),
    ] {
        let mut driver = Driver::answering(&STRICT);
        driver.feed(&chunked(body)).eof();
        let end = chunked(body).len() as u64;
        assert_eq!(driver.received(), "hello", "what came is delivered");
        assert_eq!(driver.seen.last(), Some(&Seen::Error(kind, end)), "{body:?}");
        assert_eq!(driver.connection.persistence(), Persistence::Close(CloseReason::Incomplete));
    }
}

#[test]
fn chunk_12_trailer_lines_are_field_lines() {
    assert_all_refused(
        &STRICT,
        &[
            (&chunked("0\r\nX▼ : y\r\n\r\n"), WhitespaceBeforeColon, 400),
            (&chunked("0\r\n▼: y\r\n\r\n"), FieldName, 400),
            (&chunked("0\r\n▼no colon\r\n\r\n"), MissingColon, 400),
            (&chunked("0\r\nX▼[]: y\r\n\r\n"), FieldName, 400),
            (&chunked("0\r\nX: a▼\u{0}\r\n\r\n"), FieldValue, 400),
            (&chunked("0\r\nX: a▼\u{1}b\r\n\r\n"), FieldValue, 400),
            (&chunked("0\r\nX: a▼\rb\r\n\r\n"), BareCr, 400),
            (&chunked("0\r\nX: a▼\n\r\n"), BareLf, 400),
            (&chunked("0\r\nX: a\r\n▼\n"), BareLf, 400),
            (&chunked("0\r\nX: a\r\n▼ b\r\n\r\n"), ObsFold, 400),
            (&chunked("0\r\n▼ X: a\r\n\r\n"), ObsFold, 400),
        ],
    );
    // a bare CR at the begin of a line: it ends nothing
    let mut driver = Driver::answering(&STRICT);
    driver.feed(&chunked("0\r\n\rX: y\r\n\r\n"));
    let at = (chunked("").len() + 3) as u64;
    assert_eq!(driver.seen.last(), Some(&Seen::Error(BareCr, at)));
}

#[test]
fn chunk_13_trailers_are_apart_from_headers() {
    let driver = accept(&STRICT, &chunked("1\r\nx\r\n0\r\nX: y\r\nDigest:  z \r\n\r\n"));
    assert_eq!(driver.request().values("x"), Vec::<&str>::new());
    assert_eq!(driver.seen.last(), Some(&Seen::End(expect_pairs(&[("X", "y"), ("Digest", "z")]))));
}

#[test]
fn chunk_14_trailers_for_framing_routing_or_persistence_are_400() {
    for name in [
        "Content-Length",
        "Transfer-Encoding",
        "Host",
        "Connection",
        "Trailer",
        "Content-Encoding",
        "Keep-Alive",
        "Upgrade",
        "Expect",
        "TE",
        "Proxy-Connection",
        "hOST",
        "CONTENT-LENGTH",
    ] {
        let input = chunked(&format!("0\r\nX: y\r\n▼{name}: 1\r\n\r\n"));
        assert_refused(&STRICT, &input, Trailer, 400);
    }
}

#[test]
fn chunk_14_trailers_never_change_framing_or_persistence() {
    let drops = policy(lenient());
    let body = "1\r\nx\r\n0\r\nContent-Length: 7\r\nConnection: close\r\nHost: evil, evil\r\nX: y\r\n\
                Transfer-Encoding: gzip\r\nUpgrade: foo\r\nExpect: 100-continue\r\n\r\n";
    let driver = accept(&drops, &(chunked(body) + &get("")));
    assert_eq!(driver.seen[2], Seen::End(expect_pairs(&[("X", "y")])), "dropped");
    assert_eq!(driver.requests().len(), 2);
    assert!(matches!(driver.connection.persistence(), Persistence::Reuse(_)));
}

#[test]
fn chunk_15_trailers_need_no_announcement_and_duplicates_stay_in_order() {
    let input = "POST / HTTP/1.1\r\nHost: a\r\nTrailer: A, B\r\nTransfer-Encoding: chunked\r\n\r\n\
                 0\r\nC: 1\r\nB: 2\r\nC: 3\r\nb: 4\r\n\r\n";
    let driver = accept(&STRICT, input);
    let trailers = [("C", "1"), ("B", "2"), ("C", "3"), ("b", "4")];
    assert_eq!(driver.seen.last(), Some(&Seen::End(expect_pairs(&trailers))));
}

fn answering_chunked() -> Driver {
    let mut driver = Driver::strict();
    driver.feed(&get("")).respond_with(StatusCode::OK, [("Trailer", "X")], Content::Unknown);
    driver
}

#[test]
fn chunk_16_trailers_are_sent_only_behind_chunked_content_and_only_where_they_may_stand() {
    let mut driver = answering_chunked();
    let mut out = [0; 256];
    for name in ["Content-Length", "transfer-encoding", "HOST", "Connection", "Trailer", "Content-Encoding", "TE"] {
        let before = driver.connection.clone();
        let sent = driver.connection.send_end(driver.now, [(name, "1")], &mut out);
        assert_eq!(sent, Err(SendError::Misuse(Misuse::TrailerField)), "{name}");
        assert_eq!(driver.connection, before, "no state moved");
    }
    driver.content("hello").end([("X", "y"), ("X", "z")]);
    let response = driver.response();
    assert_eq!((response.content, response.trailers), (b"hello".to_vec(), expect_pairs(&[("X", "y"), ("X", "z")])));

    let mut driver = Driver::strict();
    driver.feed(&get("")).respond(StatusCode::OK, Content::Exact(2));
    driver.content("ok");
    let sent = driver.connection.send_end(driver.now, [("X", "y")], &mut out);
    assert_eq!(sent, Err(SendError::Misuse(Misuse::TrailersNotChunked)));
}

#[test]
fn chunk_17_no_content_writes_nothing() {
    let mut driver = answering_chunked();
    let head = driver.out.len();
    driver.content("");
    assert_eq!(driver.out.len(), head);
    let framed = driver.connection.frame_content(driver.now, 0).expect("nothing is framed");
    assert_eq!((framed.before(), framed.after()), (&b""[..], &b""[..]));
    driver.content("x").content("").content("y").end(NO_FIELDS);
    assert_eq!(driver.response().content, b"xy");
    assert!(driver.out.ends_with(b"\r\n\r\n1\r\nx\r\n1\r\ny\r\n0\r\n\r\n"));
}

#[test]
fn chunk_18_aborted_content_has_no_last_chunk() {
    let mut driver = answering_chunked();
    driver.content("hello");
    let written = driver.out.len();
    driver.connection.abort(driver.now);
    assert_eq!(driver.connection.wants().shut.map(Shut::reason), Some(CloseReason::ContentAborted));
    let mut out = [0; 64];
    assert!(driver.connection.send_end(driver.now, NO_FIELDS, &mut out).is_err(), "nothing is sent behind an abort");
    assert!(driver.connection.send_content(driver.now, b"more", &mut out).is_err());
    assert!(driver.out.len() == written && driver.out.ends_with(b"5\r\nhello\r\n"));
}

#[test]
fn chunked_content_is_received_in_place() {
    // content is a piece of what was offered, not a copy
    let mut driver = Driver::strict();
    let body = octets("5\r\nhello\r\n");
    driver.feed(&chunked(""));
    let received = driver.connection.receive(driver.now, &body).expect("content");
    let http_keepalive::Outcome::Event(http_keepalive::Event::Content(content)) = received.outcome else {
        panic!("{received:?}")
    };
    assert!(std::ptr::eq(content, &body[3..8]));
    assert_eq!(received.consumed, 8);
}
