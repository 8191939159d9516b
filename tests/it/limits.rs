//! Limits: what is refused, with which status, and that nothing is cut silently.

use crate::common;
use crate::common::Passes;
use crate::common::client::{Asker, with_limits};
use crate::common::{Driver, Seen, accept, accept_one, assert_refused, chunked, get, limits, octets};
use http_keepalive::ProtocolErrorKind::*;
use http_keepalive::{
    CloseReason, Config, Content, Limits, MethodKind, NO_FIELDS, Persistence, Policy, ReadWant, Server, Shut,
    StatusCode, Timeouts, Turn,
};

const STRICT: Config<Server> = Config::DEFAULT;

/// A request line with a target, in all of so many octets with its line end.
fn request_line(octets: usize) -> String {
    let around = "GET / HTTP/1.1\r\n".len();
    format!("GET /{} HTTP/1.1\r\n", "x".repeat(octets - around))
}

/// A field line of so many octets with its line end.
fn field_line(octets: usize) -> String {
    format!("X: {}\r\n", "y".repeat(octets - 5))
}

#[test]
fn limit_01_what_we_write_can_be_read() {
    let value = "v".repeat(7000);
    let mut driver = Driver::strict();
    driver.feed(&get("")).respond_with(StatusCode::OK, [("X", value.as_str())], Content::Unknown);
    let (_, head, _) =
        common::parse_response(&driver.out, MethodKind::Get, &Limits::DEFAULT, &Policy::DEFAULT).unwrap().unwrap();
    assert_eq!(head.fields.value("x").unwrap().to_str(), Some(value.as_str()));
    driver.content(&"c".repeat(5000)).end(NO_FIELDS);
    assert_eq!(driver.response().content.len(), 5000);
}

#[test]
fn limit_02_request_lines_of_8000_octets_are_read() {
    for octets in [8000, 8001, 16 * 1024] {
        let request = accept_one(&STRICT, &format!("{}Host: a\r\n\r\n", request_line(octets)));
        assert_eq!(request.target.len(), octets - 15);
    }
}

#[test]
fn limit_03_a_target_over_the_limit_is_414() {
    let small = limits(Limits::DEFAULT.with_start_line(64));
    accept_one(&small, &format!("{}Host: a\r\n\r\n", request_line(64)));
    for octets in [65, 66, 200] {
        let input = format!("{}Host: a\r\n\r\n", request_line(octets));
        let marked = format!("{}▼{}", &input[..64], &input[64..]);
        assert_refused(&small, &marked, TargetTooLong, 414);
    }
    // it need not end
    assert_refused(&small, &format!("GET /{}▼", "x".repeat(59)), TargetTooLong, 414);
    assert_refused(&STRICT, &format!("GET /{}▼", "x".repeat(16 * 1024 - 5)), TargetTooLong, 414);
}

#[test]
fn limit_03_a_method_over_the_limit_is_501() {
    let small = limits(Limits::DEFAULT.with_start_line(64));
    assert_refused(&small, &format!("{}▼X", "M".repeat(64)), MethodTooLong, 501);
    accept_one(&small, &format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "M".repeat(64 - 13)));
    assert_refused(&small, &format!("M@{}▼", "M".repeat(62)), RequestLine, 400);
}

#[test]
fn limit_04_a_field_line_over_the_limit_is_431() {
    let small = limits(Limits::DEFAULT.with_field_line(40));
    let request = accept_one(&small, &get(&field_line(40)));
    assert_eq!(request.values("x"), ["y".repeat(35)], "and nothing is cut");
    for octets in [41, 42, 400] {
        let input = get(&field_line(octets));
        let at = "GET / HTTP/1.1\r\nHost: a\r\n".len() + 40;
        assert_refused(&small, &format!("{}▼{}", &input[..at], &input[at..]), FieldLineTooLong, 431);
    }
    assert_refused(&small, &format!("GET / HTTP/1.1\r\n{}▼", "N".repeat(40)), FieldLineTooLong, 431);
}

#[test]
fn limit_04_a_head_over_the_limit_is_431() {
    let small = limits(Limits::DEFAULT.with_start_line(64).with_head(100));
    let fits = get(&field_line(100 - get("").len()));
    assert_eq!(fits.len(), 100);
    accept_one(&small, &fits);
    for more in [1, 2, 3, 50] {
        let input = get(&field_line(100 - get("").len() + more));
        assert_refused(&small, &format!("{}▼{}", &input[..100], &input[100..]), HeadTooLong, 431);
    }
    // many small lines
    let input = get(&"X: y\r\n".repeat(20));
    assert_refused(&small, &format!("{}▼{}", &input[..100], &input[100..]), HeadTooLong, 431);
}

#[test]
fn limit_10_the_least_buffer_is_never_full_where_folds_are_let_in() {
    // a line that may yet be continued, and fills the head to its limit: nothing behind it could be part of it
    let limits = Limits::DEFAULT.with_start_line(32).with_head(60);
    let config = Config::new(limits, Timeouts::DEFAULT, common::lenient()).unwrap();
    let input = get(&field_line(60 - get("").len() + 2)).into_bytes();
    for behind in [&b""[..], b"\r\n", b" y\r\n", b"Z: z\r\n"] {
        let input = [&input[..60], behind].concat();
        for slowly in [false, true] {
            let mut driver = Driver::answering(&config);
            if slowly {
                driver.dribble(&input)
            } else {
                driver.feed_octets(&input)
            };
            assert_eq!(driver.seen, [Seen::Error(HeadTooLong, 60)], "{}, slowly: {slowly}", common::shown(&input));
        }
    }
    // what is wrong in such a line is wrong whatever the split
    let input = octets(&get(&field_line(60 - get("").len() + 2).replace("X: y", "X : ")))[..60].to_vec();
    for slowly in [false, true] {
        for behind in [&b""[..], b"\r\n"] {
            let input = [&input[..], behind].concat();
            let mut driver = Driver::answering(&config);
            if slowly {
                driver.dribble(&input)
            } else {
                driver.feed_octets(&input)
            };
            assert_eq!(driver.seen, [Seen::Error(WhitespaceBeforeColon, 26)], "slowly: {slowly}");
        }
    }
    // a trailer section, too
    let limits = Limits::DEFAULT.with_trailer_section(20);
    let config = Config::new(limits, Timeouts::DEFAULT, common::lenient()).unwrap();
    let input = chunked(&format!("0\r\n{}", field_line(20)));
    let mut driver = Driver::answering(&config);
    driver.feed(&input);
    assert_eq!(driver.seen.last(), Some(&Seen::Error(HeadTooLong, input.len() as u64)));
}

#[test]
fn limit_04_too_many_field_lines_are_431() {
    let small = limits(Limits::DEFAULT.with_field_lines(3));
    accept_one(&small, &get("A: 1\r\nB: 2\r\n"));
    assert_refused(&small, &get("A: 1\r\nB: 2\r\n▼C: 3\r\n"), FieldLines, 431);
    assert_refused(&small, &get("A:\t1\r\nB:\t2\r\n▼C:\t3\r\n"), FieldLines, 431);
    accept_one(&STRICT, &get(&"X: y\r\n".repeat(127)));
    assert_refused(&STRICT, &get(&format!("{}▼X: y\r\n", "X: y\r\n".repeat(127))), FieldLines, 431);
}

#[test]
fn limit_04_the_same_for_trailers() {
    let small =
        limits(Limits::DEFAULT.with_trailer_lines(2).with_trailer_section(40).with_field_line(30).with_head(16384 * 2));
    accept(&small, &chunked("0\r\nA: 1\r\nB: 2\r\n\r\n"));
    assert_refused(&small, &chunked("0\r\nA: 1\r\nB: 2\r\n▼C: 3\r\n\r\n"), FieldLines, 431);
    accept(&small, &chunked(&format!("0\r\n{}\r\n", field_line(30))));
    let long = field_line(31);
    assert_refused(&small, &chunked(&format!("0\r\n{}▼{}\r\n", &long[..30], &long[30..])), FieldLineTooLong, 431);
    let two = field_line(20) + &field_line(18);
    accept(&small, &chunked(&format!("0\r\n{two}\r\n")));
    let two = field_line(20) + &field_line(19);
    assert_refused(&small, &chunked(&format!("0\r\n{two}\r▼\n")), HeadTooLong, 431);
}

#[test]
fn limit_05_a_response_over_a_limit_of_its_fields_is_an_error() {
    let small = Limits::DEFAULT.with_start_line(64).with_field_line(64).with_field_lines(4).with_head(200);
    let small = small.with_trailer_section(80).with_trailer_lines(2);
    let length = "Content-Length: 0\r\n";
    let chunks = "Transfer-Encoding: chunked\r\n\r\n0\r\n";
    for (fields, kind) in [
        (format!("{length}{}\r\n", field_line(64)), None),
        (format!("{length}{}\r\n", field_line(65)), Some(FieldLineTooLong)),
        (format!("{length}{}\r\n", "X: y\r\n".repeat(3)), None),
        (format!("{length}{}\r\n", "X: y\r\n".repeat(4)), Some(FieldLines)),
        (format!("{length}{}\r\n", field_line(60).repeat(2)), None),
        (format!("{length}{}\r\n", field_line(60).repeat(3)), Some(HeadTooLong)),
        (format!("{chunks}{}\r\n", "X: y\r\n".repeat(2)), None),
        (format!("{chunks}{}\r\n", "X: y\r\n".repeat(3)), Some(FieldLines)),
        (format!("{chunks}{}\r\n", field_line(65)), Some(FieldLineTooLong)),
        (format!("{chunks}{}\r\n", field_line(40).repeat(2)), Some(HeadTooLong)),
    ] {
        for dribbles in [false, true] {
            let mut asker = Asker::new(&with_limits(small));
            asker.ask("GET");
            let input = format!("HTTP/1.1 200 OK\r\n{fields}");
            if dribbles {
                asker.dribble(&input)
            } else {
                asker.feed(&input)
            };
            assert_eq!(asker.error(), kind, "{input:?}");
            match kind {
                None => assert!(asker.connection.is_idle(), "{:?}", asker.said),
                Some(_) => asker.assert_closes(CloseReason::ProtocolError),
            }
        }
    }
}

#[test]
fn limit_06_more_content_than_the_limit_is_413() {
    let small = limits(Limits::DEFAULT.with_content(Some(4)));
    let post = |length: usize| format!("POST / HTTP/1.1\r\nHost: a\r\n▼Content-Length: {length}\r\n\r\n");
    accept(&small, &format!("{}abcd", post(4).replace('▼', "")));
    assert_refused(&small, &post(5), ContentTooLarge, 413);
    accept(&small, &chunked("2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"));
    accept(&small, &chunked("4\r\nabcd\r\n0\r\n\r\n"));
    let mut driver = Driver::answering(&small);
    driver.feed(&chunked("2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"));
    assert!(matches!(driver.seen.last(), Some(Seen::Error(ContentTooLarge, _))), "{:?}", driver.seen);
    assert_eq!((driver.response().status, driver.response().has_option("close")), (413, true));
}

#[test]
fn limit_06_how_much_content_is_seen_before_413_does_not_depend_on_the_split() {
    let small = limits(Limits::DEFAULT.with_content(Some(4)));
    for body in ["5\r\nabcde\r\n0\r\n\r\n", "2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n"] {
        let mut whole = Driver::answering(&small);
        whole.feed(&chunked(body));
        let mut slow = Driver::answering(&small);
        slow.dribble(&octets(&chunked(body)));
        assert_eq!(whole.seen, slow.seen, "{body:?}");
    }
}

#[test]
fn limit_07_chunk_extensions_are_limited_in_each_chunk_and_in_all() {
    let small = limits(Limits::DEFAULT.with_chunk_extension(8).with_chunk_extensions(20));
    // octets between size and line end
    accept(&small, &chunked("1;a=bcdef\r\nx\r\n0\r\n\r\n"));
    assert_refused(&small, &chunked("1;a=bcdef▼g\r\nx\r\n0\r\n\r\n"), ChunkExtensionsTooLong, 400);
    assert_refused(&small, &chunked("1;a=\"        \"\r\nx\r\n0\r\n\r\n"), ChunkExtensionsTooLong, 400);
    let three = "1;abcd\r\nx\r\n".repeat(3);
    accept(&small, &chunked(&format!("{three}0\r\n\r\n")));
    let many = "1;abcd\r\nx\r\n".repeat(5);
    assert_refused(&small, &chunked(&format!("{many}0\r\n\r\n")), ChunkExtensionsTooLong, 400);
    // the next message counts anew
    let twice = chunked(&format!("{three}0\r\n\r\n")).repeat(2);
    assert_eq!(accept(&small, &twice).requests().len(), 2);
}

#[test]
fn limit_07_chunk_extensions_are_limited_by_default() {
    let endless = format!("1;{}", "a".repeat(2000));
    assert_refused(&STRICT, &chunked(&endless), ChunkExtensionsTooLong, 400);
    let many = format!("1;{}\r\nx\r\n", "a".repeat(500)).repeat(40);
    assert_refused(&STRICT, &chunked(&many), ChunkExtensionsTooLong, 400);
}

#[test]
fn limit_08_empty_lines_before_a_request_are_limited() {
    let input = |n: usize| "\r\n".repeat(n) + &get("");
    accept_one(&STRICT, &input(4));
    assert_refused(&STRICT, &format!("{}▼{}", "\r\n".repeat(4), input(1)), EmptyLines, 400);
    // counted anew for each request
    assert_eq!(accept(&STRICT, &input(4).repeat(3)).requests().len(), 3);
    let none = limits(Limits::DEFAULT.with_empty_lines(0));
    accept_one(&none, &get(""));
    assert_refused(&none, &format!("▼{}", input(1)), EmptyLines, 400);
}

#[test]
fn limit_09_an_error_is_the_last_that_is_read() {
    let mut driver = Driver::strict();
    driver.feed(&format!("GET / HTTP/1.1\r\nHost : a\r\n\r\n{}", get("")));
    let [Seen::Error(..)] = driver.seen[..] else { panic!("{:?}", driver.seen) };
    assert_eq!(driver.connection.wants().application, Some(Turn::Refuse(StatusCode::BAD_REQUEST)));
    let error = driver.connection.error();
    // before the refusal, behind it, behind the half-close
    driver.feed(&get("")).refuse().feed(&get("")).shut().feed(&get("")).feed("\u{0}");
    assert_eq!(driver.seen.len(), 1);
    assert!(driver.buffer.is_empty(), "discarded");
    assert_eq!(driver.connection.error(), error, "it stays");
    assert_eq!(driver.responses().len(), 1);
    assert_eq!(driver.connection.wants().read, ReadWant::Discard);
}

#[test]
fn limit_09_an_application_may_answer_an_error_itself() {
    let mut driver = Driver::strict();
    driver.feed("BAD\r\n\r\n").respond(StatusCode::BAD_REQUEST, Content::Exact(5)).content("nope\n");
    assert_eq!(driver.response().content, b"nope\n");
    assert!(driver.response().has_option("close"));
    assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::ProtocolError)));
}

#[test]
fn limit_09_nothing_is_read_as_a_request_while_the_application_answers_what_was_late() {
    let late = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1";
    for (begun, behind) in [("GET / HT", get("")), (late, "\r\n0\r\n\r\n".to_string() + &get(""))] {
        let mut driver = Driver::strict();
        driver.feed(begun).wait(std::time::Duration::from_secs(100));
        while driver.connection.expire(driver.now).is_some() {}
        assert_eq!(driver.connection.wants().application, Some(Turn::Refuse(StatusCode::REQUEST_TIMEOUT)));
        driver.feed("").respond(StatusCode::SERVICE_UNAVAILABLE, Content::Exact(5));
        let seen = driver.seen.clone();
        driver.feed(&behind);
        assert_eq!(driver.seen, seen, "what follows is dropped");
        assert!(driver.buffer.is_empty());
        assert!(driver.content("sorry").response().has_option("close"));
        assert!(matches!(driver.connection.wants().shut, Some(Shut::HalfClose(_))));
    }
}

#[test]
fn limit_10_a_head_as_long_as_may_be_is_read_octet_by_octet() {
    // a cost that grew with the square of the length would take minutes
    let lines = field_line(1000).repeat(60);
    let head = octets(&get(&lines));
    let mut driver = Driver::strict();
    driver.dribble(&head);
    assert_eq!(driver.request().values("x").len(), 60);
    let one = octets(&get(&field_line(64 * 1024 - get("").len())));
    let mut driver = Driver::strict();
    driver.dribble(&one);
    assert_eq!(driver.requests().len(), 1);
}

#[test]
fn limit_10_a_trailer_section_as_long_as_may_be_is_read_octet_by_octet() {
    let section = octets(&format!("0\r\n{}\r\n", field_line(16 * 1024 - 2)));
    let mut driver = Driver::strict();
    driver.feed(&chunked("")).dribble(&section);
    let Some(Seen::End(trailers)) = driver.seen.last() else { panic!("{:?}", driver.seen) };
    assert_eq!(trailers[0].1.len(), 16 * 1024 - 2 - 5);
}

#[test]
fn limit_11_unread_content_is_drained_within_a_bound_only() {
    let small = limits(Limits::DEFAULT.with_unread_octets(Some(10)));
    let post = |length: usize| format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
    let mut driver = Driver::new(&small);
    driver.feed(&post(10)).respond(StatusCode::OK, Content::Empty);
    assert_eq!(driver.response().field("connection"), None, "as much as is drained");
    driver.feed("0123456789").feed(&get(""));
    assert_eq!(driver.requests().len(), 2);

    let mut driver = Driver::new(&small);
    driver.feed(&post(11)).respond(StatusCode::OK, Content::Empty);
    assert!(driver.response().has_option("close"), "more than that");
    assert_eq!(driver.connection.persistence(), Persistence::Close(CloseReason::UnreadContent));
    driver.feed(&get(""));
    assert_eq!(driver.requests().len(), 1);

    // of a length nobody knows
    for (chunks, stays) in [(10, true), (11, false)] {
        let mut driver = Driver::new(&small);
        driver.feed(&chunked("")).respond(StatusCode::OK, Content::Empty);
        assert_eq!(driver.response().field("connection"), None);
        driver.feed(&"1\r\nx\r\n".repeat(chunks)).feed(&format!("0\r\n\r\n{}", get("")));
        assert_eq!(driver.requests().len(), if stays { 2 } else { 1 }, "{chunks}");
        if !stays {
            assert_eq!(driver.connection.persistence(), Persistence::Close(CloseReason::UnreadContent));
            assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::UnreadContent)));
        }
    }
}

#[test]
fn limit_12_the_last_of_the_exchanges_says_close() {
    let config = limits(Limits::DEFAULT.with_max_exchanges(Some(2)));
    let driver = accept(&config, &get("").repeat(4));
    let options: Vec<_> = driver.responses().iter().map(|response| response.field("connection")).collect();
    assert_eq!(options, [None, Some("close".into())]);
    assert_eq!(driver.requests().len(), 2);
    assert_eq!(driver.connection.persistence(), Persistence::Close(CloseReason::MaxExchanges));
}

#[test]
fn settings_out_of_bounds_are_named() {
    let refused = |limits: Limits, timeouts: Timeouts| {
        Config::<Server>::new(limits, timeouts, Policy::DEFAULT).map_err(|error| error.setting).map(|_| ())
    };
    let (limits, timeouts) = (Limits::DEFAULT, Timeouts::DEFAULT);
    assert_eq!(refused(limits.with_start_line(15), timeouts), Err("start_line"));
    assert_eq!(refused(limits.with_field_line(15), timeouts), Err("field_line"));
    // where a line begins and how long it may be fit 32 bits together
    assert_eq!(refused(limits.with_field_line(16 * 1024 * 1024), timeouts), Ok(()));
    assert_eq!(refused(limits.with_field_line(16 * 1024 * 1024 + 1), timeouts), Err("field_line"));
    assert_eq!(refused(limits.with_field_line(u32::MAX), timeouts), Err("field_line"));
    assert_eq!(refused(limits.with_chunk_framing(Some(15)), timeouts), Err("chunk_framing"));
    assert_eq!(refused(limits.with_head(limits.start_line), timeouts), Err("head"));
    assert_eq!(refused(limits.with_head(16 * 1024 * 1024 + 1), timeouts), Err("head"));
    assert_eq!(refused(limits.with_trailer_section(1), timeouts), Err("trailer_section"));
    assert_eq!(refused(limits.with_max_exchanges(Some(0)), timeouts), Err("max_exchanges"));
    assert_eq!(refused(limits, timeouts.with_head_rate(Some(0))), Err("head_rate"));
    assert_eq!(refused(limits, timeouts.with_content_rate(Some(0))), Err("content_rate"));
    assert_eq!(refused(limits, timeouts), Ok(()));
}
