//! Message syntax: start lines and field lines of requests, and of responses where they are parsed alone.

use crate::common;
use crate::common::client::Asker;
use crate::common::{
    Driver, Seen, accept, accept_one, assert_all_refused, assert_refused, expect_pairs, get, lenient, octets, pairs,
    policy,
};
use http_keepalive::ProtocolErrorKind::*;
use http_keepalive::{
    Config, Content, Limits, Method, MethodKind, Policy, RequestHead, Reusable, Server, StatusCode, TargetForm,
    Tolerance,
};

const STRICT: Config<Server> = Config::DEFAULT;

#[test]
fn syn_01_octets_above_7f_arrive_unchanged() {
    let request = accept_one(&STRICT, &get("X: \u{c3}\u{28}\r\nY: \u{ff}\u{80}\u{fe}\r\n"));
    assert_eq!(request.values("x"), ["\\xc3("]);
    assert_eq!(request.values("y"), ["\\xff\\x80\\xfe"]);
}

#[test]
fn syn_01_a_line_end_ends_the_line_within_a_multi_octet_sequence() {
    // a decoder of two-octet text would take 0x81 0x0D for one character
    let request = accept_one(&STRICT, &get("X: a\u{81}\r\nY: b\r\n"));
    assert_eq!(request.values("x"), ["a\\x81"]);
    assert_eq!(request.values("y"), ["b"]);
    let bare = format!("GET / HTTP/1.1\r\nX: a\u{81}▼\nY: b\r\n{}", "Host: a\r\n\r\n");
    assert_refused(&STRICT, &bare, BareLf, 400);
}

#[test]
fn syn_02_bare_lf_is_400() {
    assert_all_refused(
        &STRICT,
        &[
            ("GET / HTTP/1.1▼\nHost: a\n\n", BareLf, 400),
            ("GET / HTTP/1.1\r\nHost: a▼\n\r\n", BareLf, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\n▼\n", BareLf, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nA-Long-Enough-Name: with a value\r\nX: b▼\nY: c\r\n\r\n", BareLf, 400),
            ("▼\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", BareLf, 400),
        ],
    );
}

#[test]
fn syn_03_bare_cr_is_400() {
    assert_all_refused(
        &STRICT,
        &[
            ("GET / HTTP/1.1\r\nHost: a▼\rb\r\n\r\n", BareCr, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX:▼\r b\r\n\r\n", BareCr, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: b▼\r\r\n\r\n", BareCr, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX▼\r: b\r\n\r\n", BareCr, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\n▼\rX: b\r\n\r\n", BareCr, 400),
            ("▼\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", BareCr, 400),
            ("GET▼\r/ HTTP/1.1\r\nHost: a\r\n\r\n", BareCr, 400),
            ("GET / HTTP/1.1▼\r\r\nHost: a\r\n\r\n", BareCr, 400),
        ],
    );
    // an octet that a target may not hold
    let mut driver = Driver::answering(&STRICT);
    driver.feed("GET /\rx HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(matches!(driver.seen[..], [Seen::Error(Target | BareCr, 5)]), "{:?}", driver.seen);
    assert_eq!(driver.response().status, 400);
}

#[test]
fn syn_04_an_empty_line_before_a_request_line_is_skipped() {
    let driver = accept(&STRICT, &format!("\r\n{}\r\n\r\n{}", get(""), get("X: 2\r\n")));
    assert_eq!(driver.requests().len(), 2);
    assert_eq!(driver.requests()[1].values("x"), ["2"]);
    // behind the content of a POST, too
    let driver = accept(&STRICT, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok\r\nGET / HTTP/1.0\r\n\r\n");
    assert_eq!(driver.requests().len(), 2);
    assert_eq!(driver.received(), "ok");
}

#[test]
fn syn_06_whitespace_before_the_first_field_line_is_400() {
    assert_all_refused(
        &STRICT,
        &[
            ("GET / HTTP/1.1\r\n▼ Host: evil\r\nHost: a\r\n\r\n", WhitespaceBeforeFields, 400),
            ("GET / HTTP/1.1\r\n▼\tX: y\r\nHost: a\r\n\r\n", WhitespaceBeforeFields, 400),
            ("GET / HTTP/1.1\r\n▼ \r\nHost: a\r\n\r\n", WhitespaceBeforeFields, 400),
        ],
    );
}

#[test]
fn syn_07_what_is_no_request_is_400_and_close() {
    assert_all_refused(
        &STRICT,
        &[
            ("HTTP▼/1.1 200 OK\r\n\r\n", Method, 400),
            ("▼\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", NotHttp, 400),
            ("▼\u{0}", NotHttp, 400),
            ("▼{\"json\": true}", NotHttp, 400),
            ("▼\u{80}", NotHttp, 400),
            ("EHLO mail.example\r\n", RequestLine, 400),
            ("SSH-2.0-client\r\n", RequestLine, 400),
            ("GET\r\n\r\n", RequestLine, 400),
            ("GET \r\n\r\n", RequestLine, 400),
        ],
    );
}

#[test]
fn syn_08_a_version_is_two_single_digits_in_upper_case() {
    for version in [
        "http/1.1",
        "Http/1.1",
        "HTTP/1",
        "HTTP/1.",
        "HTTP/.1",
        "HTTP/1.10",
        "HTTP/01.1",
        "HTTP/1,1",
        "HTTP/1.x",
        "HTTP1.1",
        "HTTP/1.1;",
        "HTTP /1.1",
        "HTTPS/1.1",
        "HTTP/+1.1",
        "HTTP/11",
        "ICY/1.0",
    ] {
        let input = format!("GET / {version}\r\nHost: a\r\n\r\n");
        let mut driver = Driver::answering(&STRICT);
        driver.feed(&input);
        let [Seen::Error(kind, _)] = driver.seen[..] else { panic!("{version}: {:?}", driver.seen) };
        assert_refused(&STRICT, &input, kind, 400);
    }
    assert_refused(&STRICT, "GET / ▼http/1.1\r\nHost: a\r\n\r\n", Version, 400);
    assert_refused(&STRICT, "GET / ▼HTTP/1.10\r\nHost: a\r\n\r\n", Version, 400);
}

#[test]
fn syn_09_higher_minor_versions_are_http_11() {
    for minor in 2..=9 {
        let driver = accept(&STRICT, &format!("GET / HTTP/1.{minor}\r\nHost: a\r\n\r\n").repeat(2));
        assert_eq!(driver.requests().len(), 2, "1.{minor} persists");
        assert_eq!(driver.requests()[0].minor, minor);
        // and Host is due
        assert_refused(&STRICT, &format!("GET / HTTP/1.{minor}\r\n\r\n"), HostMissing, 400);
    }
}

#[test]
fn syn_10_other_major_versions_are_505() {
    for version in ["HTTP/2.0", "HTTP/3.0", "HTTP/0.9", "HTTP/9.9"] {
        assert_refused(&STRICT, &format!("GET / ▼{version}\r\nHost: a\r\n\r\n"), MajorVersion, 505);
    }
    // the target may be in a language we do not know
    assert_refused(&STRICT, "GET * HTTP/2.0\r\nHost: a\r\n\r\n", MajorVersion, 505);
}

#[test]
fn syn_10_the_preface_of_http2_is_told_apart() {
    assert_refused(&STRICT, "▼PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Http2Preface, 505);
    assert_refused(&policy(lenient()), "▼PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Http2Preface, 505);
}

#[test]
fn syn_11_one_space_separates_the_parts_of_a_request_line() {
    assert_all_refused(
        &STRICT,
        &[
            ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", RequestLine, 400),
            ("GET▼\t/ HTTP/1.1\r\nHost: a\r\n\r\n", RequestLine, 400),
            ("▼ GET / HTTP/1.1\r\nHost: a\r\n\r\n", NotHttp, 400),
            ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", RequestLine, 400),
            ("GET / HTTP/1.1\t\r\nHost: a\r\n\r\n", RequestLine, 400),
            ("GET /▼\tHTTP/1.1\r\nHost: a\r\n\r\n", RequestLine, 400),
            ("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", RequestLine, 400),
        ],
    );
}

#[test]
fn syn_12_methods_are_tokens_compared_with_case() {
    for (method, kind) in [
        ("GET", MethodKind::Get),
        ("get", MethodKind::Other),
        ("Get", MethodKind::Other),
        ("HEAD", MethodKind::Head),
        ("connect", MethodKind::Other),
        ("M-SEARCH", MethodKind::Other),
        ("!#$%&'*+-.^_`|~09az", MethodKind::Other),
        ("G", MethodKind::Other),
    ] {
        let request = accept_one(&STRICT, &format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(request.method, common::shown(method.as_bytes()));
        assert_eq!(Method::new(method.as_bytes()).kind(), kind, "{method}");
    }
    assert!(!Method::new(b"get").kind().is_safe() && !Method::new(b"get").kind().is_idempotent());
    // no special framing for `head`: its response has content
    let mut driver = Driver::strict();
    driver.feed("head / HTTP/1.1\r\nHost: a\r\n\r\n").respond(StatusCode::OK, Content::Exact(2)).content("ok");
    assert_eq!(driver.response().content, b"ok");
    // nor for `connect`: its target is a path, and a 200 opens no tunnel
    let mut driver = Driver::strict();
    driver.feed("connect / HTTP/1.1\r\nHost: a\r\n\r\n").respond(StatusCode::OK, Content::Exact(2)).content("ok");
    assert_eq!(driver.response().content, b"ok");

    assert_all_refused(
        &STRICT,
        &[
            ("G▼@T / HTTP/1.1\r\nHost: a\r\n\r\n", Method, 400),
            ("GE▼(T / HTTP/1.1\r\nHost: a\r\n\r\n", Method, 400),
            ("GE▼\u{e9} / HTTP/1.1\r\nHost: a\r\n\r\n", Method, 400),
            ("GE▼\u{0} / HTTP/1.1\r\nHost: a\r\n\r\n", Method, 400),
            ("▼/ HTTP/1.1\r\nHost: a\r\n\r\n", NotHttp, 400),
        ],
    );
}

#[test]
fn syn_13_a_target_holds_visible_ascii_only() {
    assert_all_refused(
        &STRICT,
        &[
            ("GET /a▼ b HTTP/1.1\r\nHost: a\r\n\r\n", Target, 400),
            ("GET /a▼#b HTTP/1.1\r\nHost: a\r\n\r\n", Target, 400),
            ("GET /a▼\u{80}b HTTP/1.1\r\nHost: a\r\n\r\n", Target, 400),
            ("GET /a▼\u{ff} HTTP/1.1\r\nHost: a\r\n\r\n", Target, 400),
            ("GET /a▼\u{0}b HTTP/1.1\r\nHost: a\r\n\r\n", Target, 400),
            ("GET /a▼\u{7f} HTTP/1.1\r\nHost: a\r\n\r\n", Target, 400),
            ("GET /a-rather-long-target-that-takes-several-words▼\u{1} HTTP/1.1\r\nHost: a\r\n\r\n", Target, 400),
        ],
    );
    for target in ["/", "/a%20b?c=d&e", "/~!$&'()*+,;=:@-._", "/[]{}|\\^`\"<>"] {
        let request = accept_one(&STRICT, &format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(request.target, common::shown(target.as_bytes()));
    }
}

#[test]
fn syn_14_forms_of_targets_are_bound_to_methods() {
    assert_all_refused(
        &STRICT,
        &[
            ("GET ▼* HTTP/1.1\r\nHost: a\r\n\r\n", TargetForm, 400),
            ("GET ▼127.0.0.1:80 HTTP/1.1\r\nHost: a\r\n\r\n", TargetForm, 400),
            ("GET ▼[::1]:80 HTTP/1.1\r\nHost: a\r\n\r\n", TargetForm, 400),
            ("GET ▼path HTTP/1.1\r\nHost: a\r\n\r\n", TargetForm, 400),
            ("GET ▼?q HTTP/1.1\r\nHost: a\r\n\r\n", TargetForm, 400),
            ("OPTIONS ▼** HTTP/1.1\r\nHost: a\r\n\r\n", TargetForm, 400),
            ("CONNECT ▼/x HTTP/1.1\r\nHost: a\r\n\r\n", TargetForm, 400),
            ("CONNECT ▼http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", TargetForm, 400),
            ("CONNECT ▼* HTTP/1.1\r\nHost: a\r\n\r\n", TargetForm, 400),
        ],
    );
    let request = accept_one(&STRICT, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(request.target, "*");
    for (target, form) in [("/", TargetForm::Origin), ("http://a/", TargetForm::Absolute), ("*", TargetForm::Asterisk)]
    {
        let input = format!("OPTIONS {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        let (_, head, _) =
            common::parse_request(input.as_bytes(), &Limits::DEFAULT, &Policy::DEFAULT).unwrap().expect("complete");
        assert_eq!(head.target.form(), form);
    }
}

#[test]
fn syn_15_absolute_form_overrides_host() {
    for (target, authority, path) in [
        ("http://a.example/p", "a.example", "/p"),
        ("http://a.example", "a.example", "/"),
        ("HTTP://a.example:8080/p?q", "a.example:8080", "/p?q"),
        ("https://[::1]:8443?q", "[::1]:8443", "/?q"),
    ] {
        let input = format!("GET {target} HTTP/1.1\r\nHost: b.example\r\n\r\n");
        assert_eq!(accept_one(&STRICT, &input).authority.as_deref(), Some(authority), "{target}");
        let (_, head, _) =
            common::parse_request(input.as_bytes(), &Limits::DEFAULT, &Policy::DEFAULT).unwrap().expect("complete");
        assert_eq!(head.target.path_and_query(), path.as_bytes(), "{target}");
    }
    assert_eq!(accept_one(&STRICT, "GET /p HTTP/1.1\r\nHost: b.example\r\n\r\n").authority.unwrap(), "b.example");
    // Host is checked all the same
    assert_refused(&STRICT, "GET http://a.example/p HTTP/1.1\r\n\r\n", HostMissing, 400);
    assert_refused(&STRICT, "GET http://a.example/p HTTP/1.1\r\n▼Host: a b\r\n\r\n", HostInvalid, 400);
    for target in ["http:///p", "http://u@a/p", "http://a:x/p", "http:/p"] {
        assert_refused(&STRICT, &format!("GET ▼{target} HTTP/1.1\r\nHost: a\r\n\r\n"), Target, 400);
    }
}

#[test]
fn syn_16_an_http_11_request_without_host_is_400() {
    assert_refused(&STRICT, "GET / HTTP/1.1\r\n\r\n", HostMissing, 400);
    assert_refused(&STRICT, "GET / HTTP/1.1\r\nX-Host: a\r\nHosts: a\r\n\r\n", HostMissing, 400);
    accept_one(&STRICT, "GET / HTTP/1.0\r\n\r\n");
}

#[test]
fn syn_16_two_host_lines_are_400() {
    assert_all_refused(
        &STRICT,
        &[
            ("GET / HTTP/1.1\r\nHost: a\r\n▼Host: a\r\n\r\n", HostRepeated, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n▼hOST: b\r\n\r\n", HostRepeated, 400),
            ("GET / HTTP/1.0\r\nHost: a\r\n▼Host:\r\n\r\n", HostRepeated, 400),
            ("GET http://a/ HTTP/1.1\r\nHost: a\r\n▼Host: a\r\n\r\n", HostRepeated, 400),
        ],
    );
}

#[test]
fn syn_16_an_invalid_host_is_400() {
    for host in [
        "a b",
        "a/b",
        "a:x",
        "u@a",
        "a?b",
        "a#b",
        "a:80:80",
        "a:-1",
        "a:+1",
        "a:65536",
        "[::1",
        "::1",
        "[::g]",
        "[]",
        "a,b:x",
        "a%",
        "a%2",
        "a%zz",
        "\u{e9}",
        "a\\b",
        "\"a\"",
        "<a>",
        "[fe80::1%25eth0]",
        "http://a",
    ] {
        assert_refused(&STRICT, &format!("GET / HTTP/1.1\r\nX: y\r\n▼Host: {host}\r\n\r\n"), HostInvalid, 400);
        assert_refused(&STRICT, &format!("GET / HTTP/1.0\r\n▼Host: {host}\r\n\r\n"), HostInvalid, 400);
    }
    for host in ["", "a", "a:", "a:80", "A.Example", "127.0.0.1:8080", "[::1]", "[::1]:80", "[v1.a:b]", "a%2Db", "a_b"]
    {
        accept_one(&STRICT, &format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    }
}

#[test]
fn syn_16_host_in_front_is_read_as_any_other() {
    // it has a walk of its own
    let read = |before: &str, line: &[u8], limits| {
        let octets = [b"GET / HTTP/1.1\r\n", before.as_bytes(), line, b"\r\n"].concat();
        let mut head = RequestHead::new();
        let read = head.parse(&octets, &limits, &Policy::DEFAULT);
        let read = read.map(|head| head.map(|(octets, facts)| (octets - before.len(), facts)));
        let lines = head.fields.iter().skip(usize::from(!before.is_empty()));
        let lines: Vec<(Vec<u8>, Vec<u8>)> =
            lines.map(|line| (line.name.to_vec(), line.value.octets().collect())).collect();
        (read.map_err(|error| (error.kind, error.offset - before.len() as u64)), lines)
    };
    let in_front = |line: &[u8], limits| read("", line, limits);
    let behind = |line: &[u8], limits| read("X: y\r\n", line, limits);
    for line in ["Host: a\r\n", "hOsT: a.example.org:8080\r\nA: b\r\n", "Host: a-long-name.example.org\r\nHost: b\r\n"]
    {
        for place in 0..line.len() {
            for octet in 0..=255 {
                let mut line = line.as_bytes().to_vec();
                line[place] = octet;
                // whitespace, or the empty line, means another thing there
                if !matches!((place, octet), (0, b' ' | b'\t' | b'\n' | b'\r')) {
                    assert_eq!(in_front(&line, Limits::DEFAULT), behind(&line, Limits::DEFAULT), "{line:?}");
                }
            }
        }
        let line = line.as_bytes();
        for most in 0..3 {
            let (one, two) = (Limits::DEFAULT.with_field_lines(most), Limits::DEFAULT.with_field_lines(most + 1));
            assert_eq!(in_front(line, one).0, behind(line, two).0);
            let one = Limits::DEFAULT.with_field_line(line.len() as u32 - u32::from(most));
            assert_eq!(in_front(line, one).0, behind(line, one).0);
        }
        for octets in 0..40 {
            let one = Limits::DEFAULT.with_head(octets);
            assert_eq!(in_front(line, one).0, behind(line, one.with_head(octets + 6)).0);
        }
    }
}

#[test]
fn syn_17_status_lines_in_their_grammar_and_without_the_last_space() {
    for (line, status, reason) in [
        ("HTTP/1.1 200 OK", 200, "OK"),
        ("HTTP/1.1 200 ", 200, ""),
        ("HTTP/1.1 200", 200, ""),
        ("HTTP/1.0 404 Not  Found ", 404, "Not  Found "),
        ("HTTP/1.1 200 \ttab \u{e9}", 200, "\ttab \u{e9}"),
        ("HTTP/1.9 299 x", 299, "x"),
    ] {
        let input = octets(&format!("{line}\r\nContent-Length: 0\r\n\r\n"));
        let (read, head, _) = common::parse_response(&input, MethodKind::Get, &Limits::DEFAULT, &Policy::DEFAULT)
            .unwrap()
            .unwrap_or_else(|| panic!("{line} is not complete"));
        assert_eq!((head.status.as_u16(), head.reason, read), (status, &octets(reason)[..], input.len()), "{line}");
    }
    for (line, kind) in [
        ("HTTP/1.1 20 OK", StatusLine),
        ("HTTP/1.1 2000 OK", StatusLine),
        ("HTTP/1.1  200 OK", StatusLine),
        ("HTTP/1.1 200OK", StatusLine),
        ("HTTP/1.1 2x0 OK", StatusLine),
        ("HTTP/1.1 +20 OK", StatusLine),
        ("HTTP/1.1\t200 OK", StatusLine),
        ("HTTP/1.1 200\tOK", StatusLine),
        ("HTTP/1.1 200 a\u{0}b", StatusLine),
        ("HTTP/1.1 200 a\u{7f}b", StatusLine),
        ("HTTP/1.1", StatusLine),
        ("HTTP/1.10 200 OK", Version),
        ("HTTP/2.0 200 OK", MajorVersion),
        ("http/1.1 200 OK", NotHttp),
        ("GET / HTTP/1.1", NotHttp),
        ("ICY 200 OK", NotHttp),
    ] {
        let input = octets(&format!("{line}\r\nContent-Length: 0\r\n\r\n"));
        let error = common::parse_response(&input, MethodKind::Get, &Limits::DEFAULT, &Policy::DEFAULT)
            .err()
            .unwrap_or_else(|| panic!("{line} was accepted"));
        // `HTTP/1.10 200` may be a bad version or a bad line
        assert!(error.kind == kind || (kind == Version && error.kind == StatusLine), "{line}: {error}");
    }
}

#[test]
fn syn_18_a_reason_phrase_decides_nothing() {
    let phrases = ["", "OK", "close", "\ttab \u{e9}\u{ff} ", "404 Not Found", "Transfer-Encoding: chunked"];
    for (phrase, dribbles) in phrases.into_iter().flat_map(|phrase| [(phrase, false), (phrase, true)]) {
        let input = format!("HTTP/1.1 200 {phrase}\r\nContent-Length: 2\r\n\r\nok");
        let mut asker = Asker::asking("GET");
        if dribbles {
            asker.dribble(&input)
        } else {
            asker.feed(&input)
        };
        assert_eq!(asker.exchanges(), [(200, "ok".to_string())], "{phrase:?}");
        assert_eq!(asker.only_answer().reason, common::shown(&octets(phrase)));
        assert!(matches!(asker.connection.reusable(asker.now), Reusable::Now { .. }), "{phrase:?}");
    }
}

#[test]
fn syn_19_status_codes_are_classified_by_their_first_digit() {
    for (code, interim, successful, valid) in
        [(100, true, false, true), (199, true, false, true), (299, false, true, true), (777, false, false, false)]
    {
        let input = format!("HTTP/1.1 {code} x\r\nContent-Length: 3\r\n\r\n");
        let (_, head, _) =
            common::parse_response(input.as_bytes(), MethodKind::Get, &Limits::DEFAULT, &Policy::DEFAULT)
                .unwrap()
                .expect("complete");
        let status = head.status;
        assert_eq!((status.is_interim(), status.is_successful(), status.is_valid()), (interim, successful, valid));
        assert_eq!(head.framing.length == http_keepalive::BodyLength::Empty, interim, "{code}");
    }
}

#[test]
fn syn_20_outer_whitespace_is_no_part_of_a_value() {
    let request = accept_one(
        &STRICT,
        &get("A:\t x  y \t\r\nB:\r\nC:   \t \r\nD:z\r\nE: \u{e9} \r\nF:                                  far\r\n"),
    );
    let expected = [("Host", "a"), ("A", "x  y"), ("B", ""), ("C", ""), ("D", "z"), ("E", "\\xe9"), ("F", "far")];
    assert_eq!(request.fields, expect_pairs(&expected));
}

#[test]
fn syn_21_whitespace_before_a_colon_is_400() {
    for config in [STRICT, policy(lenient())] {
        assert_all_refused(
            &config,
            &[
                ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length▼ : 3\r\n\r\nabc", WhitespaceBeforeColon, 400),
                ("GET / HTTP/1.1\r\nHost▼\t: a\r\n\r\n", WhitespaceBeforeColon, 400),
                ("GET / HTTP/1.1\r\nHost: a\r\nX▼ \t : a\r\n\r\n", WhitespaceBeforeColon, 400),
                ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding▼ : chunked\r\n\r\n", WhitespaceBeforeColon, 400),
            ],
        );
    }
}

#[test]
fn syn_22_whitespace_before_a_colon_of_a_response_is_never_an_unknown_field() {
    let input = b"HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n";
    let error = common::parse_response(input, MethodKind::Get, &Limits::DEFAULT, &Policy::DEFAULT).unwrap_err();
    assert_eq!((error.kind, error.offset), (WhitespaceBeforeColon, 34));
    let strips = Policy::DEFAULT.with_response_colon_space(Tolerance::Accept);
    let (_, head, _) = common::parse_response(input, MethodKind::Get, &Limits::DEFAULT, &strips).unwrap().unwrap();
    assert_eq!(head.framing.length, http_keepalive::BodyLength::Chunked);
    assert_eq!(pairs(&head.fields), expect_pairs(&[("Transfer-Encoding", "chunked")]));
}

#[test]
fn syn_23_a_field_name_is_a_token_with_a_colon_behind() {
    assert_all_refused(
        &STRICT,
        &[
            ("GET / HTTP/1.1\r\nHost: a\r\n▼no colon here\r\n\r\n", MissingColon, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\n▼X\r\n\r\n", MissingColon, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\n▼: v\r\n\r\n", FieldName, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX▼[]: 1\r\n\r\n", FieldName, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX▼\u{0}: 1\r\n\r\n", FieldName, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX▼ Y: 1\r\n\r\n", FieldName, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX▼\u{e9}: 1\r\n\r\n", FieldName, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX▼\u{7f}: 1\r\n\r\n", FieldName, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nA-Name-Of-Many-Letters-Here▼(: 1\r\n\r\n", FieldName, 400),
        ],
    );
    let request = accept_one(&STRICT, "POST / HTTP/1.1\r\nhOST: a\r\ncontent-LENGTH: 0\r\n!#$%&'*+-.^_`|~9: x\r\n\r\n");
    assert_eq!(request.values("!#$%&\\'*+-.^_`|~9"), ["x"]);
    assert_eq!(request.values("Content-Length"), ["0"]);
}

#[test]
fn syn_23_an_underscore_is_not_a_dash() {
    let request = accept_one(&STRICT, &get("Transfer_Encoding: chunked\r\nContent_Length: 5\r\n"));
    assert_eq!(request.length, http_keepalive::BodyLength::Empty);
}

#[test]
fn syn_24_nul_cr_and_lf_in_a_value_are_400() {
    assert_all_refused(
        &STRICT,
        &[
            ("GET / HTTP/1.1\r\nHost: a\r\nX: a▼\u{0}b\r\n\r\n", FieldValue, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: ▼\u{0}\r\n\r\n", FieldValue, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: a▼\rb\r\n\r\n", BareCr, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX: a▼\nb\r\n\r\n", BareLf, 400),
        ],
    );
}

#[test]
fn syn_25_other_control_octets_in_a_value_are_400_and_htab_and_obs_text_are_not() {
    for octet in (1..0x20).chain([0x7f]).filter(|octet| ![b'\t', b'\n', b'\r'].contains(octet)) {
        let octet = char::from(octet);
        let within = format!("GET / HTTP/1.1\r\nHost: a\r\nX: some text▼{octet}and more\r\n\r\n");
        assert_refused(&STRICT, &within, FieldValue, 400);
        let first = format!("GET / HTTP/1.1\r\nHost: a\r\nX: ▼{octet}\r\n\r\n");
        assert_refused(&STRICT, &first, FieldValue, 400);
    }
    for octet in (0x80..=0xff).chain([b'\t', b' ']) {
        let value = format!("a{}b", char::from(octet));
        let request = accept_one(&STRICT, &get(&format!("X: {value}\r\n")));
        assert_eq!(request.values("x"), [common::shown(&octets(&value))]);
    }
}

#[test]
fn syn_26_a_folded_line_is_400() {
    assert_all_refused(
        &STRICT,
        &[
            ("GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n▼ b\r\n\r\n", ObsFold, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\n▼\tb\r\n\r\n", ObsFold, 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nX:\r\n▼ \r\n\r\n", ObsFold, 400),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n▼ chunked\r\n\r\n", ObsFold, 400),
        ],
    );
}

#[test]
fn syn_28_a_folded_line_of_a_response_is_unfolded() {
    let input = b"HTTP/1.1 200 OK\r\nX: a\r\n \tb\r\n  c\r\nTransfer-Encoding:\r\n chunked\r\n\r\n";
    let (octets, head, _) =
        common::parse_response(input, MethodKind::Get, &Limits::DEFAULT, &Policy::DEFAULT).unwrap().unwrap();
    assert_eq!(octets, input.len());
    assert_eq!(head.framing.length, http_keepalive::BodyLength::Chunked);
    let x = head.fields.value("x").unwrap();
    assert_eq!(x.as_slice(), None, "it does not lie in one piece");
    let value: Vec<u8> = x.octets().collect();
    let words: Vec<_> = value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
    assert_eq!(words, [b"a", b"b", b"c"]);
    assert!(!value.contains(&b'\r') && !value.contains(&b'\n'));
    let mut out = [0; 64];
    assert_eq!(x.copy_to(&mut out), Some(&value[..]));
}

#[test]
fn syn_27_a_gateway_may_refuse_a_folded_line_of_a_response() {
    let refuses = Policy::DEFAULT.with_response_fold(Tolerance::Refuse);
    let input = b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n";
    let error = common::parse_response(input, MethodKind::Get, &Limits::DEFAULT, &refuses).unwrap_err();
    assert_eq!((error.kind, error.offset), (ObsFold, 23));
}

#[test]
fn syn_29_repeated_lines_combine_in_order() {
    let driver = accept(&STRICT, &get("Connection: a\r\nConnection: close\r\nSet: 1\r\nSet: 2\r\n"));
    assert_eq!(driver.request().values("set"), ["1", "2"], "each line is kept");
    assert!(driver.response().has_option("close"));
    let driver = accept(&STRICT, &get("Connection: close\r\nConnection: keep-alive\r\n"));
    assert!(driver.response().has_option("close"));
}

#[test]
fn syn_30_lists_tolerate_empty_members() {
    for value in [",close,, ,", " , \t,close", "close,", ",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,close"] {
        let driver = accept(&STRICT, &get(&format!("Connection: {value}\r\n")));
        assert!(driver.response().has_option("close"), "{value}");
    }
    for value in ["", ",", ", ,, "] {
        let driver = accept(&STRICT, &get(&format!("Connection: {value}\r\n")).repeat(2));
        assert_eq!(driver.requests().len(), 2, "{value:?} says nothing");
    }
    let request = accept_one(&STRICT, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ,chunked, ,\r\n\r\n0\r\n\r\n");
    assert_eq!(request.length, http_keepalive::BodyLength::Chunked);
}

#[test]
fn syn_32_the_offset_counts_each_octet_once_behind_an_error_too() {
    // an error in the same offer as octets that are silently done with
    for before in ["\r\n", "\r\n\r\n"] {
        let input = octets(&format!("{before}GET / HTTP/1.1\r\nHost : a\r\n\r\n"));
        for slowly in [false, true] {
            let mut driver = Driver::answering(&STRICT);
            if slowly {
                driver.dribble(&input)
            } else {
                driver.feed_octets(&input)
            };
            assert!(matches!(driver.seen[..], [Seen::Error(WhitespaceBeforeColon, _)]));
            assert!(driver.buffer.is_empty());
            assert_eq!(driver.connection.offset(), input.len() as u64, "slowly: {slowly}");
        }
    }
}

#[test]
fn syn_32_the_offset_counts_each_octet_once_behind_an_incomplete_message_too() {
    // the peer closed while a request waited; its body turns out to be cut within its framing
    let waiting = common::chunked("5;ext");
    let mut driver = Driver::strict();
    driver.feed(&get("")).feed(&waiting).eof();
    driver.respond(StatusCode::OK, Content::Empty).feed("");
    let all = (get("").len() + waiting.len()) as u64;
    assert_eq!(driver.seen.last(), Some(&Seen::Error(IncompleteContent, all)));
    driver.feed("");
    assert!(driver.connection.offset() <= all, "{} of {all}", driver.connection.offset());
}

#[test]
fn syn_31_nothing_is_reported_before_the_empty_line() {
    let input = octets(&get("X: y\r\n"));
    let mut driver = Driver::strict();
    driver.dribble(&input[..input.len() - 1]);
    assert_eq!(driver.seen, []);
    assert_eq!(driver.try_respond(StatusCode::OK, http_keepalive::NO_FIELDS, Content::Empty), {
        Err(http_keepalive::Misuse::NothingToAnswer.into())
    });
    driver.dribble(&input[input.len() - 1..]);
    assert_eq!(driver.requests().len(), 1);
}
