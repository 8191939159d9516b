//! What a client makes of a response whose framing fields are broken where they frame nothing, of transfer codings outside their
//! grammar, and of statuses that there are not (RFC 9112 6.1, 6.3, 7; RFC 9110 15). Each law through both doors.

use crate::common;
use crate::common::client::{Asker, DEFAULT, Four, Said, answer, ok, with_policy};
use http_keepalive::ProtocolErrorKind::{self, *};
use http_keepalive::{
    BodyLength, CloseReason, Config, Content, FramingRule, HeadFacts, Instant, Lifecycle, Method, MethodKind,
    Persistence, Policy, StatusCode, Tolerance, Version, framing,
};
use proptest::prelude::*;

/// Framing fields, and what is wrong with them.
const FAULTY: [(&str, ProtocolErrorKind); 14] = [
    ("Content-Length: -1\r\n", ContentLength),
    ("Content-Length: x\r\n", ContentLength),
    ("Content-Length:\r\n", ContentLength),
    ("Content-Length: 5, 6\r\n", ContentLength),
    ("Content-Length: 5\r\nContent-Length: 6\r\n", ContentLength),
    ("Content-Length: 5\r\nContent-Length: 5\r\n", ContentLengthRepeated),
    ("Content-Length: 18446744073709551616\r\n", ContentLengthTooLarge),
    ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", LengthAndTransferEncoding),
    ("Transfer-Encoding: chunked, chunked\r\n", ChunkedMisused),
    ("Transfer-Encoding: chunked;a=b\r\n", ChunkedMisused),
    ("Transfer-Encoding:\r\n", TransferEncoding),
    ("Transfer-Encoding: gzip b\r\n", TransferEncoding),
    ("Transfer-Encoding: gzip;a=\"b, chunked\r\n", TransferEncoding),
    ("Transfer-Encoding: gzip;a, chunked\r\n", TransferEncoding),
];

const SOUND: [&str; 6] = [
    "",
    "Content-Length: 0\r\n",
    "Content-Length: 005\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Transfer-Encoding: gzip;a=\"b,\\\"\"; c = d, chunked\r\n",
];

/// A method, and the status of a response to it that has no content.
const WITHOUT_CONTENT: [(&str, &str); 5] =
    [("HEAD", "200 OK"), ("HEAD", "404 No"), ("GET", "304 x"), ("GET", "204 x"), ("POST", "204 x")];

/// The facts of a response's head.
fn facts_of(head: &str) -> HeadFacts {
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap();
    let version = if line.starts_with("HTTP/1.1") { Version::HTTP_11 } else { Version::HTTP_10 };
    let mut facts = HeadFacts::response(StatusCode::new(line[9..12].parse().unwrap()).unwrap(), version);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        facts.field_line(name.as_bytes(), value.as_bytes());
    }
    facts
}

/// The same head through the other door: the verdict after it, the content being left out.
fn through_lifecycle(config: &Config<Four>, method: &'static str, heads: &[&str]) -> Persistence {
    let now = Instant::from_secs(100);
    let mut lifecycle = Lifecycle::new(now, config);
    let request = common::client::request(method);
    let mut facts = HeadFacts::request(request.method(), request.version);
    facts.field_line(b"Host", common::client::host(method)[0].1.as_bytes());
    lifecycle.head_to_send(now, &request, &facts, Content::Empty).unwrap();
    lifecycle.octets_written(now, 50);
    lifecycle.handle_sent(now, 50);
    for head in heads {
        lifecycle.octets_received(now, head.len() as u64);
        lifecycle.head_received(now, &facts_of(head)).unwrap();
    }
    lifecycle.persistence()
}

#[test]
fn frame_03_a_broken_field_on_a_response_without_content_ends_the_connection() {
    for (method, status) in WITHOUT_CONTENT {
        for (fields, kind) in FAULTY {
            let head = answer(status, fields);
            let mut asker = Asker::asking(method);
            asker.feed(&head);
            let got = asker.only_answer();
            assert_eq!((got.length, got.rule), (BodyLength::Empty, FramingRule::NoContent), "{method} {head}");
            assert_eq!(asker.said.last(), Some(&Said::End(vec![])), "it is whole");
            asker.assert_closes(CloseReason::FaultyFraming);
            assert_eq!(asker.verdicts(), [], "and answered");
            let closes = Persistence::Close(CloseReason::FaultyFraming);
            assert_eq!(through_lifecycle(&DEFAULT, method, &[&head]), closes, "{method} {head}");
            assert_eq!(framing::response_fault(&facts_of(&head), &Policy::DEFAULT), Some(kind), "{head}");
        }
        for fields in SOUND {
            let head = answer(status, fields);
            let mut asker = Asker::asking(method);
            asker.feed(&head).assert_idle();
            assert!(matches!(through_lifecycle(&DEFAULT, method, &[&head]), Persistence::Reuse(_)), "{head}");
            assert_eq!(framing::response_fault(&facts_of(&head), &Policy::DEFAULT), None, "{head}");
        }
    }
}

#[test]
fn frame_13_a_transfer_coding_in_http_10_closes_also_without_content() {
    for (method, status) in WITHOUT_CONTENT {
        let head = format!("HTTP/1.0 {status}\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n");
        for policy in [Policy::DEFAULT, Policy::DEFAULT.with_http10_coding(Tolerance::Accept)] {
            let config = with_policy(policy);
            let mut asker = Asker::new(&config);
            asker.ask(method).feed(&head);
            asker.assert_closes(CloseReason::FaultyFraming);
            let closes = Persistence::Close(CloseReason::FaultyFraming);
            assert_eq!(through_lifecycle(&config, method, &[&head]), closes);
        }
        let plain = head.replace("Transfer-Encoding: chunked", "X: y");
        Asker::asking(method).feed(&plain).assert_idle();
    }
}

#[test]
fn frame_06_what_policy_lets_in_closes_and_what_it_calls_sound_does_not() {
    let lenient = with_policy(common::lenient());
    for (fields, closes) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", true),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", false),
        ("Content-Length: 5, 5\r\n", false),
        ("Content-Length: 5, 6\r\n", true),
    ] {
        let mut asker = Asker::new(&lenient);
        asker.ask("HEAD").feed(&answer("200 OK", fields));
        match closes {
            true => asker.assert_closes(CloseReason::FaultyFraming),
            false => asker.assert_idle(),
        }
    }
}

#[test]
fn frame_03_a_broken_field_on_an_interim_response_ends_the_connection_behind_the_final_one() {
    for (fields, _) in FAULTY {
        let interim = answer("103 Early Hints", fields);
        let mut asker = Asker::knowing(&DEFAULT);
        asker.ask("GET").ask("GET").feed(&interim);
        assert!(matches!(asker.said.last(), Some(Said::Interim(_))), "{interim}");
        assert_eq!(asker.connection.wants().shut, None, "the final response is owed");
        asker.feed(&ok("x")).feed(&ok("not ours"));
        assert_eq!(asker.exchanges(), [(200, "x".into())], "{interim}");
        asker.assert_closes(CloseReason::FaultyFraming);
        assert_eq!(asker.verdicts().len(), 1, "the second has no answer");
        let heads = [interim.as_str(), "HTTP/1.1 204 x\r\n\r\n"];
        let closes = Persistence::Close(CloseReason::FaultyFraming);
        assert_eq!(through_lifecycle(&DEFAULT, "GET", &heads), closes, "{interim}");
    }
}

#[test]
fn frame_03_a_connection_that_has_lived_ends_alike() {
    let mut asker = Asker::knowing(&DEFAULT);
    asker.ask("GET").feed(&ok("a")).ask("HEAD").ask("GET");
    asker.feed(&answer("200 OK", "Content-Length: +5\r\n")).feed(&ok("b"));
    assert_eq!(asker.exchanges(), [(200, "a".into()), (200, String::new())], "none follows such a response");
    asker.assert_closes(CloseReason::FaultyFraming);
    assert_eq!(asker.verdicts().len(), 1);
}

#[test]
fn frame_04_a_tunnels_response_has_no_framing_to_be_broken() {
    for (fields, _) in FAULTY {
        let mut asker = Asker::asking("CONNECT");
        asker.feed(&answer("200 OK", fields));
        assert!(matches!(asker.connection.persistence(), Persistence::Tunnel(_)), "{fields}");
    }
}

// ---- coding parameters

const BROKEN_PARAMETERS: [&str; 16] = [
    "gzip;a=\"b",
    "gzip;a=\"b\\\"",
    "gzip;",
    "gzip;;a=b",
    "gzip;a",
    "gzip;a=",
    "gzip;=b",
    "gzip;a=b c",
    "gzip;a=\"b\"c",
    "gzip;a=b\"c\"",
    "gzip;a b=c",
    "gzip;\"a\"=b",
    "gzip;a==b",
    "gzip;a=@",
    "gzip;a=b;",
    "gzip \"x\"",
];

#[test]
fn frame_10_coding_parameters_keep_to_their_grammar() {
    for coding in BROKEN_PARAMETERS {
        for value in [coding.to_string(), format!("{coding}, chunked"), format!("deflate, {coding}, chunked")] {
            let mut asker = Asker::asking("GET");
            asker.feed(&(answer("200 OK", &format!("Transfer-Encoding: {value}\r\n")) + "0\r\n\r\n"));
            assert_eq!(asker.error(), Some(TransferEncoding), "{value}");
            let mut facts = HeadFacts::request(Method::new(b"POST"), Version::HTTP_11);
            facts.field_line(b"Transfer-Encoding", value.as_bytes());
            let decodes = Policy::DEFAULT.with_other_codings(Tolerance::Accept);
            assert_eq!(framing::request_framing(&facts, &decodes), Err(TransferEncoding), "{value}");
        }
    }
    for coding in ["gzip;a=b", "gzip ; a = \"b, ;\\\"c\" ;d=e", "gzip;a=\"\"", "gzip\t;\ta=b"] {
        let mut facts = HeadFacts::request(Method::new(b"POST"), Version::HTTP_11);
        facts.field_line(b"Transfer-Encoding", format!("{coding}, chunked").as_bytes());
        let decodes = Policy::DEFAULT.with_other_codings(Tolerance::Accept);
        let framing = framing::request_framing(&facts, &decodes).map(|framing| framing.length);
        assert_eq!(framing, Ok(BodyLength::Chunked), "{coding}");
        assert_eq!(framing::request_framing(&facts, &Policy::DEFAULT), Err(UnknownCoding), "{coding}");
    }
}

// ---- statuses that there are not

#[test]
fn syn_19_a_status_below_100_is_a_servers_error_and_ends_the_connection() {
    for code in ["000", "001", "042", "099"] {
        for (method, fields, content) in [
            ("GET", "Content-Length: 5\r\n", "hello"),
            ("GET", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            ("GET", "Content-Length: 0\r\n", ""),
            ("HEAD", "Content-Length: 5\r\n", ""),
            ("CONNECT", "Content-Length: 2\r\n", "no"),
        ] {
            let head = answer(&format!("{code} x"), fields);
            let mut asker = Asker::asking(method);
            asker.feed(&(head.clone() + content));
            assert_eq!(asker.only_answer().status, code.parse::<u16>().unwrap(), "final, not interim");
            asker.assert_closes(CloseReason::InvalidStatus);
            assert_eq!(asker.verdicts(), []);
            let closes = Persistence::Close(CloseReason::InvalidStatus);
            assert_eq!(through_lifecycle(&DEFAULT, method, &[&head]), closes, "{method} {head}");
        }
        // as after any error, content that was held back is not wanted
        let mut asker = Asker::new(&DEFAULT);
        asker.ask_with("POST", [("Expect", "100-continue")], Content::Exact(3));
        asker.written();
        asker.feed(&answer(&format!("{code} x"), "Content-Length: 0\r\n"));
        asker.assert_given_up(CloseReason::InvalidStatus);
        assert_eq!(asker.written(), "", "{code}");
    }
    for code in ["600", "999"] {
        Asker::asking("GET").feed(&answer(&format!("{code} x"), "Content-Length: 0\r\n")).assert_idle();
    }
}

proptest! {
    /// Whatever the fields: a response without content leaves the connection to be used again only if the same fields would
    /// frame content on another one, and both doors say the same.
    #[test]
    fn frame_03_what_frames_nothing_is_judged_as_what_frames(
        lengths in prop::collection::vec("[0-9 ,+x]{0,4}", 0..3),
        codings in prop::collection::vec("(chunked|gzip|gzip;a=b|gzip;a|x y|,| |\"|;){0,3}", 0..3),
        old in any::<bool>(),
        interim in any::<bool>(),
    ) {
        let lengths: String = lengths.iter().map(|value| format!("Content-Length: {value}\r\n")).collect();
        let codings: String = codings.iter().map(|value| format!("Transfer-Encoding: {value}\r\n")).collect();
        let fields = format!("Connection: keep-alive\r\n{lengths}{codings}");
        let version = if old { "HTTP/1.0" } else { "HTTP/1.1" };
        let facts = facts_of(&format!("{version} 200 x\r\n{fields}"));
        let sound = framing::response_framing(&facts, MethodKind::Get, &Policy::DEFAULT).is_ok();
        prop_assert_eq!(framing::response_fault(&facts, &Policy::DEFAULT).is_none(), sound);
        let status = if interim { "103" } else { "204" };
        let head = format!("{version} {status} x\r\n{fields}\r\n");
        let mut asker = Asker::asking("GET");
        asker.feed(&head);
        if interim {
            asker.feed("HTTP/1.1 204 x\r\n\r\n");
        }
        let kept = matches!(asker.connection.persistence(), Persistence::Reuse(_));
        prop_assert_eq!(kept, sound, "{}", head);
        let heads = [head.as_str(), "HTTP/1.1 204 x\r\n\r\n"];
        let other = through_lifecycle(&DEFAULT, "GET", &heads[..if interim { 2 } else { 1 }]);
        prop_assert_eq!(other, asker.connection.persistence());
    }
}
