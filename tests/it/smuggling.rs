//! Shapes by which requests were smuggled, and responses mistaken, between 2016 and 2025: each as octets, by the strict defaults. A shape is
//! refused, and nothing after it is read, or it is framed in the one way that RFC 9112 6.3 knows. `docs/threats.md` has the list.
//!
//! `GET /smuggled` is what the attacker wants to be read as a request of its own.

use std::time::Duration;

use crate::common::client::{Asker, Said, answer, ok};
use crate::common::{Driver, Seen, assert_all_refused, get, octets};
use http_keepalive::ProtocolErrorKind::*;
use http_keepalive::{CloseReason, Config, Content, NO_FIELDS, ReadWant, Reusable, Server, StatusCode, Turn};

const STRICT: Config<Server> = Config::DEFAULT;

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// A POST with these field lines, and what comes after its head.
fn post(fields: &str, after: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n{after}")
}

/// The targets of the requests that are read, whole and octet by octet.
#[track_caller]
fn assert_targets(input: &str, targets: &[&str]) {
    for dribbles in [false, true] {
        let mut driver = Driver::answering(&STRICT);
        if dribbles {
            driver.dribble(&octets(input))
        } else {
            driver.feed(input)
        };
        let seen: Vec<_> = driver.requests().iter().map(|request| request.target.as_str()).collect();
        assert_eq!(seen, targets, "{input:?}");
        assert!(!driver.seen.iter().any(|seen| matches!(seen, Seen::Error(..))), "{input:?}: {:?}", driver.seen);
    }
}

#[test]
fn two_lengths_are_no_length() {
    let chunks = format!("0\r\n\r\n{SMUGGLED}");
    for fields in [
        // CL.TE and TE.CL (2005, again 2019)
        "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        // with the one in a form that some do not see
        "Transfer-Encoding: chunked\r\ncontent-length:6\r\n",
        "Content-Length: 6\r\nTransfer-Encoding:chunked\r\n",
        "Content-Length:\t6\r\nTransfer-Encoding:\tchunked\r\n",
    ] {
        assert_all_refused(&STRICT, &[(&post(fields, &chunks), LengthAndTransferEncoding, 400)]);
    }
    assert_all_refused(
        &STRICT,
        &[
            // CL.CL
            (&post("Content-Length: 0\r\nContent-Length: 35\r\n", SMUGGLED), ContentLength, 400),
            (&post("Content-Length: 35\r\nContent-Length: 0\r\n", SMUGGLED), ContentLength, 400),
            (&post("Content-Length: 0, 35\r\n", SMUGGLED), ContentLength, 400),
            (&post("Content-Length: 35\r\nContent-Length: 35\r\n", SMUGGLED), ContentLengthRepeated, 400),
            (&post("Content-Length: 35\r\ncontent-length: 035\r\n", SMUGGLED), ContentLength, 400),
            // a coding in a version that has none
            (&format!("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"), TransferEncodingInHttp10, 400),
        ],
    );
}

#[test]
fn a_transfer_coding_in_disguise_is_a_coding_or_is_refused() {
    let chunks = format!("0\r\n\r\n{SMUGGLED}");
    for (field, kind, status) in [
        // TE.TE (2019): one reader takes it for chunked, another does not
        ("Transfer-Encoding: xchunked", NotChunkedLast, 400),
        ("Transfer-Encoding: chunkedx", NotChunkedLast, 400),
        ("Transfer-Encoding: chunked, identity", NotChunkedLast, 400),
        ("Transfer-Encoding: identity", NotChunkedLast, 400),
        ("Transfer-Encoding: cow\r\nTransfer-Encoding: chunked", UnknownCoding, 501),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: cow", NotChunkedLast, 400),
        ("Transfer-Encoding: chunked, chunked", ChunkedMisused, 400),
        ("Transfer-Encoding: chunked;q=1", ChunkedMisused, 400),
        ("Transfer-Encoding: \"chunked\"", TransferEncoding, 400),
        ("Transfer-Encoding: 'chunked'", NotChunkedLast, 400),
        ("Transfer-Encoding: chunked cow", TransferEncoding, 400),
        ("Transfer-Encoding:", TransferEncoding, 400),
        // in the name, in the whitespace, in the line end
        ("Transfer-Encoding : chunked", WhitespaceBeforeColon, 400),
        ("Transfer-Encoding\t: chunked", WhitespaceBeforeColon, 400),
        ("X: y\r\n Transfer-Encoding: chunked", ObsFold, 400),
        ("Transfer-Encoding:\r\n chunked", ObsFold, 400),
        ("Transfer-Encoding: \u{b}chunked", FieldValue, 400),
        ("Transfer-Encoding: \u{0}chunked", FieldValue, 400),
        ("Transfer-Encoding: chunked\u{0}", FieldValue, 400),
        ("Transfer-Encoding\u{0}: chunked", FieldName, 400),
        ("Transfer-Encoding\u{b}: chunked", FieldName, 400),
        ("\u{0}Transfer-Encoding: chunked", FieldName, 400),
        ("X: y\rTransfer-Encoding: chunked", BareCr, 400),
        ("X: y\nTransfer-Encoding: chunked", BareLf, 400),
        ("Transfer-Encoding: chunked\r\r", BareCr, 400),
        ("Transfer Encoding: chunked", FieldName, 400),
    ] {
        assert_all_refused(&STRICT, &[(&post(&format!("{field}\r\n"), &chunks), kind, status)]);
    }
    // whatever its case, and with whitespace that the grammar has, it is chunked
    for field in ["transfer-encoding: CHUNKED", "Transfer-Encoding:\t chunked \t", "Transfer-Encoding: ,chunked,"] {
        assert_targets(&post(&format!("{field}\r\n"), &format!("0\r\n\r\n{}", get(""))), &["/", "/"]);
    }
    // other names are other fields, for us and for others that keep to RFC 9110
    for field in ["Transfer_Encoding: chunked", "Transfer-Encoding2: chunked", "X-Transfer-Encoding: chunked"] {
        assert_targets(&post(&format!("{field}\r\n"), &get("")), &["/", "/"]);
    }
}

#[test]
fn a_length_in_disguise_is_a_number_or_is_refused() {
    for value in ["+35", "-0", "0x23", "35.0", "3 5", "35;", "35,", ",", "\"35\"", "3_5", "3e1", "\u{b2}", ""] {
        let input = post(&format!("Content-Length: {value}\r\n"), SMUGGLED);
        assert_all_refused(&STRICT, &[(&input, ContentLength, 400)]);
    }
    for (field, kind, status) in [
        ("Content-Length : 35", WhitespaceBeforeColon, 400),
        ("Content-Length\u{0}: 35", FieldName, 400),
        ("Content-Length: 3\r\n 5", ObsFold, 400),
        ("Content-Length: 3\u{0}5", FieldValue, 400),
        ("Content-Length: 35\u{b}", FieldValue, 400),
        // 2^64 + 35: a reader that wraps takes it for 35
        ("Content-Length: 18446744073709551651", ContentLengthTooLarge, 413),
    ] {
        assert_all_refused(&STRICT, &[(&post(&format!("{field}\r\n"), SMUGGLED), kind, status)]);
    }
    assert_targets(&post(&format!("Content-Length: 00{}\r\n", SMUGGLED.len()), SMUGGLED), &["/"]);
}

#[test]
fn content_that_nobody_reads_is_never_a_request() {
    let length = format!("Content-Length: {}\r\n", SMUGGLED.len());
    let (coding, chunks) =
        ("Transfer-Encoding: chunked\r\n", format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len()));
    // CL.0 (2022), TE.0 (2024): the application answers as if there were none, before it came or after
    for (fields, content) in [(length.as_str(), SMUGGLED), (coding, chunks.as_str())] {
        for (at_once, more) in [(true, get("")), (false, get("")), (true, String::new())] {
            for method in ["POST", "GET", "HEAD", "DELETE", "OPTIONS", "QUERY"] {
                let head = format!("{method} / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
                let mut driver = Driver::strict();
                let late = if at_once { driver.feed(&format!("{head}{content}{more}")) } else { driver.feed(&head) };
                late.respond(StatusCode::OK, Content::Empty).feed("");
                if !at_once {
                    driver.feed(&format!("{content}{more}"));
                }
                let targets: Vec<_> = driver.requests().iter().map(|request| request.target.clone()).collect();
                let expected = if more.is_empty() { &["/"][..] } else { &["/", "/"] };
                assert_eq!(targets, expected, "{method} {fields:?}, at once: {at_once}");
            }
        }
    }
    // 0.CL (2025): a client whose request is answered before its content went never lets the next one stand where content is awaited
    let mut asker = Asker::new(&Config::DEFAULT);
    asker.ask_with("POST", [("Expect", "100-continue")], Content::Exact(35));
    asker.feed(&ok("early"));
    assert_eq!(asker.connection.reusable(asker.now), Reusable::Wait(http_keepalive::Misuse::RequestUnfinished));
    asker.content(&"x".repeat(35));
    assert!(matches!(asker.connection.reusable(asker.now), Reusable::Now { .. }));
    let mut asker = Asker::new(&Config::DEFAULT);
    asker.ask_with("POST", [("Expect", "100-continue")], Content::Exact(35));
    asker.feed(&answer("404 Not Found", "Content-Length: 0\r\n"));
    asker.assert_closes(CloseReason::ContentUnwanted);
}

#[test]
fn a_pause_within_a_request_splits_it_in_no_two() {
    // pause-based (2022): the head, a pause until the server gives up, and content that looks like a request
    for fields in [format!("Content-Length: {}\r\n", SMUGGLED.len()), "Transfer-Encoding: chunked\r\n".to_string()] {
        let mut driver = Driver::strict();
        driver.feed(&post(&fields, "")).wait(Duration::from_secs(60));
        for _ in 0..4 {
            driver.connection.handle_timeout(driver.now);
            driver.connection.nothing_to_read(driver.now);
        }
        assert_eq!(driver.connection.wants().application, Some(Turn::Refuse(StatusCode::REQUEST_TIMEOUT)));
        driver.refuse().feed(SMUGGLED).shut().feed(SMUGGLED);
        assert_eq!((driver.requests().len(), driver.response().status), (1, 408), "{fields:?}");
        assert!(driver.response().has_option("close") && driver.buffer.is_empty());
    }
}

#[test]
fn an_expectation_splits_a_request_in_no_two() {
    let length = format!("Content-Length: {}\r\n", SMUGGLED.len());
    // Expect-based (2025): whichever way the expectation is met, the content is content, or the connection ends
    for expect in ["Expect: 100-continue\r\n", "expect: 100-Continue\r\n"] {
        for method in ["POST", "GET", "HEAD"] {
            let head = format!("{method} / HTTP/1.1\r\nHost: a\r\n{expect}{length}\r\n");
            let mut driver = Driver::strict();
            driver.feed(&head).respond(StatusCode::OK, Content::Empty).feed(SMUGGLED);
            assert_eq!(driver.requests().len(), 1, "{head:?}");
            assert!(String::from_utf8_lossy(&driver.out).contains("Connection: close"), "{head:?}");
            let mut driver = Driver::strict();
            driver.feed(&head);
            driver.try_interim(StatusCode::CONTINUE, NO_FIELDS).expect("it is due");
            driver.feed(SMUGGLED).respond(StatusCode::OK, Content::Empty).feed(&get(""));
            assert_eq!(driver.requests().len(), 2, "{head:?}");
            assert_eq!(driver.requests()[1].target, "/");
        }
    }
    for (field, kind, status) in [
        ("Expect: y 100-continue", Expectation, 417),
        ("Expect: 100-continue, 100-continue-x", Expectation, 417),
        ("Expect: 100-continue\r\n junk", ObsFold, 400),
        ("Expect : 100-continue", WhitespaceBeforeColon, 400),
    ] {
        assert_all_refused(&STRICT, &[(&post(&format!("{field}\r\n{length}"), SMUGGLED), kind, status)]);
    }
}

#[test]
fn chunk_lines_end_in_one_way() {
    let chunked = |body: &str| post("Transfer-Encoding: chunked\r\n", body);
    let rows = [
        // TERM.EXT and EXT.TERM (2025): a line end within an extension
        ("2;\nxx\r\n1c\r\nabc\r\n0\r\n\r\n", ChunkExtension),
        ("2;\rxx\r\n1c\r\nabc\r\n0\r\n\r\n", ChunkExtension),
        ("2;a\nxx\r\n0\r\n\r\n", ChunkExtension),
        ("2;a=\"\r\nxx\"\r\n0\r\n\r\n", ChunkExtension),
        ("2;a=\"\n\"\r\nxx\r\n0\r\n\r\n", ChunkExtension),
        ("0;\n\r\n\r\n", ChunkExtension),
        // TERM.SPILL, ONE.TWO, TWO.ONE (2025): another number of octets after the data
        ("5\r\nAAAAAXX2c\r\n0\r\n\r\n", ChunkEnd),
        ("5\r\nAAAAA\n2\r\nxx\r\n0\r\n\r\n", ChunkEnd),
        ("5\r\nAAAAA\rX2\r\nxx\r\n0\r\n\r\n", ChunkEnd),
        ("5\r\nAAAAA2\r\nxx\r\n0\r\n\r\n", ChunkEnd),
        ("5\nAAAAA\r\n0\r\n\r\n", ChunkSize),
        ("5\r\nAAAAA\r\n0\n\r\n", ChunkSize),
        ("5\rXAAAAA\r\n0\r\n\r\n", ChunkSize),
        // a size that one reader reads to its first bad octet, and another wraps
        ("5 \r\nAAAAA\r\n0\r\n\r\n", ChunkSize),
        ("0x5\r\nAAAAA\r\n0\r\n\r\n", ChunkSize),
        ("5_0\r\nAAAAA\r\n0\r\n\r\n", ChunkSize),
        ("+5\r\nAAAAA\r\n0\r\n\r\n", ChunkSize),
        ("\r\n5\r\nAAAAA\r\n0\r\n\r\n", ChunkSize),
        (";a\r\n\r\n", ChunkSize),
        ("10000000000000005\r\nAAAAA\r\n0\r\n\r\n", ChunkSizeTooLarge),
        ("fffffffffffffffff\r\nAAAAA\r\n0\r\n\r\n", ChunkSizeTooLarge),
        // the end of all
        ("0\r\n\nGET", BareLf),
    ];
    for (body, kind) in rows {
        assert_all_refused(&STRICT, &[(&chunked(body), kind, 400)]);
    }
    // what the grammar has is taken, and the next request begins where RFC 9112 7.1 says
    for body in
        ["5;a=\"b;c\"\r\nAAAAA\r\n0\r\n\r\n", "5 ; a = b\r\nAAAAA\r\n000;x\r\n\r\n", "05\r\nAAAAA\r\n0\r\nX: y\r\n\r\n"]
    {
        assert_targets(&format!("{}{}", chunked(body), get("")), &["/", "/"]);
    }
}

#[test]
fn trailers_are_no_fields_of_a_head() {
    // TR.MRG (2025): a trailer that counts as a field
    for field in [
        "Content-Length: 35",
        "Transfer-Encoding: chunked",
        "Host: evil",
        "Connection: keep-alive",
        "Expect: 100-continue",
    ] {
        let input = post("Transfer-Encoding: chunked\r\n", &format!("0\r\n{field}\r\n\r\n{SMUGGLED}"));
        assert_all_refused(&STRICT, &[(&input, Trailer, 400)]);
    }
    let mut driver = Driver::answering(&STRICT);
    driver.feed(&post("Transfer-Encoding: chunked\r\n", "0\r\nX-User: admin\r\n\r\n"));
    assert_eq!(driver.request().values("x-user"), [""; 0]);
    assert!(matches!(driver.seen.last(), Some(Seen::End(trailers)) if trailers.len() == 1), "{:?}", driver.seen);
}

#[test]
fn a_request_names_one_host_and_each_its_own() {
    for (head, kind) in [
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", HostRepeated),
        ("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", HostRepeated),
        ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", HostInvalid),
        ("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", HostInvalid),
        ("GET / HTTP/1.1\r\nHost: a/../b\r\n\r\n", HostInvalid),
        ("GET / HTTP/1.1\r\nHost : b\r\nHost: a\r\n\r\n", WhitespaceBeforeColon),
        ("GET / HTTP/1.1\r\n Host: b\r\nHost: a\r\n\r\n", WhitespaceBeforeFields),
        ("GET / HTTP/1.1\r\nX: y\r\n Host: b\r\nHost: a\r\n\r\n", ObsFold),
        ("GET http://u@b/ HTTP/1.1\r\nHost: a\r\n\r\n", Target),
        ("GET //b@c HTTP/1.1\r\n\r\n", HostMissing),
        ("GET @b/ HTTP/1.1\r\nHost: a\r\n\r\n", TargetForm),
    ] {
        assert_all_refused(&STRICT, &[(head, kind, 400)]);
    }
    // first-request routing (2022): each request says its host anew, and nothing is kept of the one before
    let mut driver = Driver::answering(&STRICT);
    driver.feed(
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\n\r\nGET http://c/ HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    let hosts: Vec<_> = driver.requests().iter().map(|request| request.authority.clone().unwrap_or_default()).collect();
    assert_eq!(hosts, ["a", "b", "c"]);
}

#[test]
fn another_protocol_hides_no_request() {
    // an upgrade that was not made (2019, 2020): what comes after is HTTP, and content is content
    for upgrade in ["websocket", "h2c", "HTTP/2.0", "junk"] {
        let fields =
            format!("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: {upgrade}\r\nSec-WebSocket-Version: 777\r\n");
        assert_targets(&format!("{}{}", get(&fields), get("")), &["/", "/"]);
        let length = format!("{fields}Content-Length: {}\r\n", SMUGGLED.len());
        assert_targets(&format!("{}{}", post(&length, SMUGGLED), get("")), &["/", "/"]);
    }
    // a switch waits for the content before it
    let mut driver = Driver::strict();
    driver.feed(&post("Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 35\r\n", ""));
    assert!(driver.try_respond(StatusCode::SWITCHING_PROTOCOLS, [("Upgrade", "x")], Content::Empty).is_err());
    assert_all_refused(
        &STRICT,
        &[
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Http2Preface, 505),
            ("GET / HTTP/2\r\nHost: a\r\n\r\n", Version, 400),
            ("GET / HTTP/0.9\r\n\r\n", MajorVersion, 505),
            ("GET /\r\n", RequestLine, 400),
            (
                &format!("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\nContent-Length: 35\r\n\r\n{SMUGGLED}"),
                ContentNotAllowed,
                400,
            ),
            (&format!("TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 35\r\n\r\n{SMUGGLED}"), ContentNotAllowed, 400),
        ],
    );
    // a CONNECT that is refused: what the client had sent for the tunnel is no request
    let mut driver = Driver::strict();
    driver.feed(&format!("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n{SMUGGLED}"));
    driver.respond(StatusCode::FORBIDDEN, Content::Empty).feed("");
    assert_eq!((driver.requests().len(), driver.connection.wants().read), (1, ReadWant::Discard));
}

#[test]
fn a_start_line_is_read_in_one_way() {
    for (head, kind, status) in [
        ("GET / HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n", Target, 400),
        ("GET\u{b}/ HTTP/1.1\r\nHost: a\r\n\r\n", RequestLine, 400),
        ("GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", BareCr, 400),
        ("GET / HTTP/1.1\rHost: a\r\n\r\n", Version, 400),
        (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", NotHttp, 400),
        ("GE\u{0}T / HTTP/1.1\r\nHost: a\r\n\r\n", Method, 400),
        ("GET /\u{0} HTTP/1.1\r\nHost: a\r\n\r\n", Target, 400),
        ("GET /#x HTTP/1.1\r\nHost: a\r\n\r\n", Target, 400),
        ("GET / HTTP/1.1\nHost: a\n\n", BareLf, 400),
        ("HTTP/1.1 200 OK\r\n\r\n", Method, 400),
    ] {
        assert_all_refused(&STRICT, &[(head, kind, status)]);
    }
}

/// What a client that sent one GET makes of this: the exchanges it reports, and whether the connection may be used again.
fn asked(method: &'static str, input: &str) -> (Vec<u16>, bool) {
    let mut both = Vec::new();
    for dribbles in [false, true] {
        let mut asker = Asker::asking(method);
        if dribbles {
            asker.dribble(input)
        } else {
            asker.feed(input)
        };
        assert!(asker.said.iter().all(|said| !matches!(said, Said::Response(head) if head.status == 666)), "{input:?}");
        let statuses = asker.answers().iter().map(|head| head.status).collect();
        both.push((statuses, matches!(asker.connection.reusable(asker.now), Reusable::Now { .. })));
    }
    assert_eq!(both[0], both[1], "{input:?}");
    both.remove(0)
}

#[test]
fn a_response_answers_one_request_and_its_own() {
    let poison = "HTTP/1.1 666 x\r\nContent-Length: 0\r\n\r\n";
    // response queue poisoning (2021): a second response in the same read is nobody's
    assert_eq!(asked("GET", &format!("{}{poison}", ok("ok"))), (vec![200], false));
    assert_eq!(asked("GET", &format!("{}{poison}", answer("204 No Content", ""))), (vec![204], false));
    // HEAD and 304 have no content, whatever they say (2021, response desync by HEAD)
    let head = answer("200 OK", "Content-Length: 38\r\n");
    assert_eq!(asked("HEAD", &head), (vec![200], true));
    assert_eq!(asked("HEAD", &format!("{head}{poison}")), (vec![200], false));
    assert_eq!(
        asked("GET", &format!("{}{poison}", answer("304 Not Modified", "Content-Length: 38\r\n"))),
        (vec![304], false)
    );
    // within content it is content
    assert_eq!(asked("GET", &format!("{head}{poison}")), (vec![200], true));
    // an interim response ends with its head, and none is the final one
    assert_eq!(
        asked("GET", &format!("{}{}", answer("103 Early Hints", "Content-Length: 5\r\n"), ok(""))),
        (vec![200], true)
    );
    // two lengths, and a coding in disguise: no length is believed, and the connection ends
    for fields in [
        "Content-Length: 0\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 5, 6\r\n",
        "Content-Length: +5\r\n",
        "Content-Length : 5\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: \u{b}chunked\r\n",
        "X: y\rContent-Length: 0\r\n",
        "X: y\nContent-Length: 0\r\n",
    ] {
        assert_eq!(asked("GET", &format!("{}{poison}", answer("200 OK", fields))), (vec![], false), "{fields:?}");
    }
    // a coding that we do not know, or that is not last, lasts until the connection ends
    for fields in [
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: identity\r\n",
    ] {
        assert_eq!(asked("GET", &format!("{}{poison}", answer("200 OK", fields))), (vec![200], false), "{fields:?}");
    }
}
