//! Chunk framing (RFC 9112 7.1): no leniency reaches into it, and there is no more of it than its content is worth; in both
//! roles, whatever the split, and where content is discarded or taken past the connection.

use crate::cases;
use crate::common;
use crate::common::{chunked, get, lenient, octets};
use http_keepalive::ProtocolErrorKind::{self, BareLf, ChunkFramingTooLong, ObsFold};
use http_keepalive::{
    Client, Config, Connection, Content, Event, Instant, Limits, Method, NO_FIELDS, Outcome, Policy, Request, Role,
    Server, StatusCode, Timeouts, Tolerance,
};
use proptest::collection::vec;
use proptest::prelude::*;

const NOW: Instant = Instant::from_secs(100);
const OK: Tolerance = Tolerance::Accept;

/// What came of a body: its octets of content, or what is wrong and where in the body.
type Read = Result<usize, (ProtocolErrorKind, u64)>;

/// How a body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Server,
    /// It has answered, and keeps reading for the sake of the connection.
    Discarding,
    Client,
}

const READERS: [Reader; 3] = [Reader::Server, Reader::Discarding, Reader::Client];

const ANSWER: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

fn config<R: Role>(limits: Limits, policy: Policy) -> Config<R> {
    Config::new(limits.with_unread_octets(None), Timeouts::DEFAULT, policy).expect("within bounds")
}

/// Reads a body in pieces that end at `ends`, and at its end; what is left over is a fault of the test.
fn read(reader: Reader, limits: Limits, policy: Policy, body: &str, ends: impl Fn(usize) -> bool) -> Read {
    let mut out = [0; 512];
    if reader == Reader::Client {
        let config = config::<Client>(limits, policy);
        let mut connection = Connection::new(NOW, &config);
        let get = Request::new(Method::new(b"GET"), b"/");
        let written = connection.send_request(NOW, &get, [("Host", "a")], Content::Empty, &mut out).unwrap();
        connection.handle_sent(NOW, written as u64);
        connection.receive(NOW, ANSWER.as_bytes()).unwrap();
        return read_body(&mut connection, ANSWER.len() as u64, &octets(body), ends);
    }
    let (config, head) = (config::<Server>(limits, policy), chunked(""));
    let mut connection = Connection::new(NOW, &config);
    connection.receive(NOW, head.as_bytes()).unwrap();
    if reader == Reader::Discarding {
        let written = connection.send_response(NOW, StatusCode::OK, NO_FIELDS, Content::Empty, &mut out).unwrap();
        connection.handle_sent(NOW, written as u64);
    }
    let read = read_body(&mut connection, head.len() as u64, &octets(body), ends);
    if let (Ok(_), Reader::Discarding) = (read, reader) {
        // its end is where the next request begins
        let next = octets(&get(""));
        let received = connection.receive(NOW, &next).unwrap();
        assert!(matches!(received.outcome, Outcome::Event(Event::Request(_))), "{received:?}");
    }
    read
}

fn read_body<R: Role>(
    connection: &mut Connection<R, &Config<R>>,
    head: u64,
    body: &[u8],
    ends: impl Fn(usize) -> bool,
) -> Read {
    let (mut from, mut content) = (0, 0);
    for end in (1..=body.len()).filter(|end| ends(*end) || *end == body.len()) {
        loop {
            let received = match connection.receive(NOW, &body[from..end]) {
                Ok(received) => received,
                Err(error) => return Err((error.kind, error.offset - head)),
            };
            from += received.consumed;
            match received.outcome {
                Outcome::Event(Event::Content(octets)) => content += octets.len(),
                Outcome::Event(Event::End { .. }) => {
                    assert_eq!(from, body.len(), "the body ends at its end");
                    return Ok(content);
                }
                _ => break,
            }
        }
    }
    assert_eq!((from, connection.error()), (body.len(), None));
    Ok(content)
}

/// Whole and octet by octet, in each role: read so. Of content that is discarded none is seen.
#[track_caller]
fn all_read(limits: Limits, policy: Policy, body: &str, expected: Read) {
    for reader in READERS {
        let expected = if reader == Reader::Discarding { expected.map(|_| 0) } else { expected };
        assert_eq!(read(reader, limits, policy, body, |_| false), expected, "{body:?}, {reader:?}, whole");
        assert_eq!(read(reader, limits, policy, body, |_| true), expected, "{body:?}, {reader:?}, octet by octet");
    }
}

#[test]
fn chunk_06_the_empty_line_that_ends_a_body_is_crlf_always() {
    for set in [Policy::DEFAULT, Policy::DEFAULT.with_bare_lf(OK), lenient()] {
        for (before, chunks) in [("", 0), ("1\r\nx\r\n", 1)] {
            let at = |end: &str| {
                (format!("{before}{}", end.replace('▼', "")), (before.len() + end.find('▼').unwrap()) as u64)
            };
            for end in ["0\r\n▼\n", "0\r\nX: y\r\n▼\n", "000;a=b\r\n▼\n", "0\r\n▼\nGET / HTTP/1.1\r\n"] {
                let (body, at) = at(end);
                all_read(Limits::DEFAULT, set, &body, Err((BareLf, at)));
            }
            all_read(Limits::DEFAULT, set, &format!("{before}0\r\n\r\n"), Ok(chunks));
        }
    }
}

#[test]
fn chunk_06_a_trailer_line_may_end_in_lf_where_that_is_let_in() {
    for set in [Policy::DEFAULT.with_bare_lf(OK), lenient()] {
        all_read(Limits::DEFAULT, set, "1\r\nx\r\n0\r\nX: y\n\r\n", Ok(1));
        all_read(Limits::DEFAULT, set, "0\r\nX: y\nZ: a\r\n\r\n", Ok(0));
        all_read(Limits::DEFAULT, set, "0\r\nX: y\n\n", Err((BareLf, 8)));
    }
    all_read(Limits::DEFAULT, lenient(), "0\r\nX: y\n z\n\r\n", Ok(0));
    all_read(Limits::DEFAULT, lenient(), "0\r\nX: y\n z\n\n", Err((BareLf, 11)));
}

#[test]
fn chunk_06_no_leniency_lets_a_line_before_the_trailers_in() {
    for set in [Policy::DEFAULT, lenient()] {
        // it continues nothing, is not dropped, and a CR is no space
        all_read(Limits::DEFAULT, set, "0\r\n X: y\r\n\r\n", Err((ObsFold, 3)));
        all_read(Limits::DEFAULT, set, "0\r\n\t\r\n\r\n", Err((ObsFold, 3)));
        for body in ["0\r\n\r\r\nX", "0\r\n\u{0}\r\n\r\n"] {
            for reader in READERS {
                assert!(read(reader, Limits::DEFAULT, set, body, |_| true).is_err(), "{body:?}, {reader:?}");
            }
        }
    }
}

#[test]
fn limit_07_chunks_of_one_octet_pass_without_end() {
    let tight = Limits::DEFAULT.with_chunk_framing(Some(16));
    let body = "1\r\nx\r\n".repeat(20_000) + "0\r\n\r\n";
    for limits in [tight, Limits::DEFAULT, Limits::DEFAULT.with_chunk_framing(None)] {
        all_read(limits, Policy::DEFAULT, &body, Ok(20_000));
    }
    // eleven octets of framing to one of content, three more than it is worth: of sixteen the fourth has seven left
    let body = "0000001\r\nx\r\n".repeat(6) + "0\r\n\r\n";
    all_read(tight, Policy::DEFAULT, &body, Err((ChunkFramingTooLong, 3 * 12 + 7)));
}

#[test]
fn limit_07_sizes_of_many_digits_do_not_pass_without_end() {
    let chunk = format!("{}1\r\nx\r\n", "0".repeat(31));
    let body = chunk.repeat(2_000) + "0\r\n\r\n";
    let first = over(16 * 1024, &body, |at| at % chunk.len() == chunk.len() - 3).expect("too much");
    all_read(Limits::DEFAULT, Policy::DEFAULT, &body, Err((ChunkFramingTooLong, first)));
    all_read(Limits::DEFAULT.with_chunk_framing(None), Policy::DEFAULT, &body, Ok(2_000));
    let error = ChunkFramingTooLong;
    assert_eq!((error.as_str(), error.clause()), ("chunk-framing-too-long", "RFC 9112 7.1"));
    assert_eq!(error.suggested_status(), Some(StatusCode::BAD_REQUEST));
}

#[test]
fn limit_07_extensions_are_chunk_framing_and_trailers_are_not() {
    let tight = Limits::DEFAULT.with_chunk_framing(Some(20));
    all_read(tight, Policy::DEFAULT, "0;aaaaaaaaaaaaaaaa\r\n\r\n", Ok(0));
    all_read(tight, Policy::DEFAULT, "0;aaaaaaaaaaaaaaaaa\r\n\r\n", Err((ChunkFramingTooLong, 20)));
    all_read(tight, Policy::DEFAULT, &format!("0\r\n{}\r\n", "X: y\r\n".repeat(20)), Ok(0));
    // the next message counts anew
    let mut driver = common::Driver::answering(&common::limits(tight));
    driver.feed(&chunked("0;aaaaaaaaaaaaaaaa\r\n\r\n").repeat(3));
    assert_eq!(driver.requests().len(), 3);
}

#[test]
fn limit_07_content_taken_past_the_connection_counts_as_content() {
    let config = common::limits(Limits::DEFAULT.with_chunk_framing(Some(16)));
    let mut driver = common::Driver::new(&config);
    driver.feed(&chunked(""));
    for _ in 0..1_000 {
        // nine octets of framing to two of content: were one of them not counted, one too many
        driver.feed("00002\r\n");
        driver.connection.skip_content(driver.now, 1).unwrap();
        driver.feed("x\r\n");
    }
    assert_eq!(driver.connection.error(), None);
    // more than can be counted
    let mut driver = common::Driver::strict();
    driver.feed(&chunked("ffffffffffffffff\r\n"));
    driver.connection.skip_content(driver.now, u64::MAX).unwrap();
    driver.feed("\r\n1\r\nx\r\n0\r\n\r\n");
    assert!(matches!(driver.seen.last(), Some(common::Seen::End(_))), "{:?}", driver.seen);
}

/// The first octet of framing that is too much: beyond the limit and eight for each octet of content before it.
fn over(limit: u64, body: &str, is_content: impl Fn(usize) -> bool) -> Option<u64> {
    let (mut framing, mut content) = (0, 0);
    for at in 0..body.len() {
        match is_content(at) {
            true => content += 1,
            false => framing += 1,
        }
        if framing > limit + 8 * content {
            return Some(at as u64);
        }
    }
    None
}

proptest! {
    #![proptest_config(cases::property(300, 75))]

    #[test]
    fn limit_07_how_much_framing_passes_does_not_depend_on_the_split(
        chunks in vec((1..20usize, 0..30usize, prop_oneof![3 => Just(""), 1 => Just(";a=b"), 1 => Just(" ; c")]), 1..30),
        limit in 16..300u32,
        cuts in vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let (mut body, mut content) = (String::new(), Vec::new());
        for (octets, zeros, extension) in &chunks {
            body += &format!("{}{octets:x}{extension}\r\n", "0".repeat(*zeros));
            content.extend(body.len()..body.len() + octets);
            body += &format!("{}\r\n", "x".repeat(*octets));
        }
        // the empty line is of the trailer section
        body += "0\r\n";
        let expected = match over(limit.into(), &body, |at| content.contains(&at)) {
            Some(at) => Err((ChunkFramingTooLong, at)),
            None => Ok(content.len()),
        };
        body += "\r\n";
        let cuts: Vec<_> = cuts.iter().map(|cut| cut.index(body.len())).collect();
        let limits = Limits::DEFAULT.with_chunk_framing(Some(limit));
        for reader in READERS {
            let expected = if reader == Reader::Discarding { expected.map(|_| 0) } else { expected };
            let read = |ends: &dyn Fn(usize) -> bool| read(reader, limits, Policy::DEFAULT, &body, ends);
            prop_assert_eq!(read(&|_| false), expected, "{:?}, whole: {:?}", reader, &body);
            prop_assert_eq!(read(&|_| true), expected, "{:?}, octet by octet: {:?}", reader, &body);
            prop_assert_eq!(read(&|end| cuts.contains(&end)), expected, "{:?}, at {:?}: {:?}", reader, &cuts, &body);
        }
    }
}
