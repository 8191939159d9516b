//! Field lines to send, each judged by itself: values without outer whitespace, `TE`, `Upgrade` (RFC 9110 5.5, 7.8; RFC 9112 7.4),
//! through each way of sending them.

use crate::common;
use crate::common::client::{Asker, DEFAULT, answer, ok, request};
use crate::common::{Driver, get};
use http_keepalive::{
    CheckedFields, ConnectionOptions, Content, HeadFacts, Instant, Lifecycle, Misuse, SendError, StatusCode,
    check_field,
};
use proptest::prelude::*;

/// What a request with these fields comes to, through every way: its octets.
fn sent(fields: &[(&str, &str)]) -> Result<String, Misuse> {
    let misuse = |error| match error {
        SendError::Misuse(misuse) => misuse,
        other => panic!("{other:?}"),
    };
    let all = || [("Host", "a")].into_iter().chain(fields.iter().copied());
    let mut asker = Asker::new(&DEFAULT);
    let before = asker.connection.clone();
    let one = asker.try_ask(&request("GET"), all(), Content::Empty).map_err(misuse);
    if one.is_err() {
        assert_eq!(asker.connection, before, "nothing has moved");
    }
    let lines: String = all().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let checked = CheckedFields::new(lines.as_bytes())
        .and_then(|checked| Asker::new(&DEFAULT).try_ask(&request("GET"), checked, Content::Empty).map_err(misuse));
    assert_eq!(checked, one, "{lines}");
    let mut facts = HeadFacts::request(request("GET").method(), request("GET").version);
    all().for_each(|(name, value)| facts.field_line(name.as_bytes(), value.as_bytes()));
    let announce = Lifecycle::new(Instant::EPOCH, &DEFAULT)
        .head_to_send(Instant::EPOCH, &request("GET"), &facts, Content::Empty)
        .map(|announce| announce.options);
    let options = one.as_ref().map(|octets| ConnectionOptions {
        upgrade: octets.contains("\r\nConnection: upgrade"),
        te: octets.ends_with("TE\r\n\r\n"),
        ..ConnectionOptions::default()
    });
    assert_eq!(announce, options.map_err(|misuse| SendError::Misuse(*misuse)), "{fields:?}");
    one
}

#[test]
fn send_16_te_never_names_chunked() {
    for value in [
        "chunked",
        "CHUNKED",
        " chunked ",
        "trailers, chunked",
        "chunked;q=0",
        "gzip;q=0.5,\tChunked ; q=1",
        ",chunked,",
    ] {
        for name in ["TE", "te", "Te"] {
            assert_eq!(sent(&[(name, value)]), Err(Misuse::TeChunked), "{value}");
            assert_eq!(check_field(name, value), Err(Misuse::TeChunked));
        }
        assert_eq!(sent(&[("TE", "trailers"), ("TE", value)]), Err(Misuse::TeChunked), "{value}");
    }
    for value in ["", "trailers", "gzip;q=0.5", "x-chunked", "chunkedx", "gzip;a=\"b, chunked\""] {
        let octets = sent(&[("TE", value)]).unwrap();
        assert!(octets.ends_with("\r\nConnection: TE\r\n\r\n"), "{octets}");
    }
    assert!(!sent(&[("X-TE", "chunked")]).unwrap().contains("Connection"));
}

#[test]
fn upg_01_every_upgrade_of_a_request_goes_with_its_option() {
    for value in ["websocket", "h2c", "H2C", "h2c, websocket", "foo/2", " foo ", ",foo,"] {
        let octets = sent(&[("Upgrade", value)]).unwrap();
        assert!(octets.contains("\r\nConnection: upgrade\r\n"), "{octets}");
        // and nothing follows it until it is answered
        let mut asker = Asker::knowing(&DEFAULT);
        asker.ask_with("GET", [("upgrade", value)], Content::Empty);
        let next = asker.try_ask(&request("GET"), [("Host", "a")], Content::Empty);
        assert_eq!(next, Err(Misuse::PipelineHeld.into()), "{value}");
        asker.feed(&ok("")).assert_idle();
        asker.ask("GET").feed(&answer("204 x", "")).assert_idle();
    }
    for value in ["", " ", ",", "foo bar", "foo/", "/2", "foo/1/2", "foo, b@d", "\"foo\"", "foo;q=1"] {
        assert_eq!(sent(&[("Upgrade", value)]), Err(Misuse::Upgrade), "{value:?}");
        assert_eq!(check_field("UPGRADE", value), Err(Misuse::Upgrade), "{value:?}");
    }
}

#[test]
fn upg_01_every_upgrade_of_a_response_goes_with_its_option() {
    let offers = get("Connection: upgrade\r\nUpgrade: foo\r\n");
    for (status, request) in [
        (StatusCode::SWITCHING_PROTOCOLS, &offers),
        (StatusCode::UPGRADE_REQUIRED, &get("")),
        (StatusCode::OK, &get("")),
        (StatusCode::OK, &offers),
    ] {
        for checked in [false, true] {
            for value in ["foo", " foo ", "Foo, foo", "", "foo bar", ","] {
                let mut driver = Driver::strict();
                driver.feed(request);
                let line = format!("Upgrade: {value}\r\n");
                let sent = match checked {
                    true => CheckedFields::new(line.as_bytes())
                        .map_err(SendError::from)
                        .and_then(|fields| driver.try_respond(status, fields, Content::Empty)),
                    false => driver.try_respond(status, [("Upgrade", value)], Content::Empty),
                };
                if value.to_lowercase().contains("foo") && !value.contains("bar") {
                    sent.unwrap();
                    let octets = String::from_utf8(driver.out.clone()).unwrap();
                    assert!(octets.contains("\r\nConnection: upgrade\r\n"), "{octets}");
                    assert!(octets.contains(&format!("\r\nUpgrade: {}\r\n", value.trim())), "{octets}");
                } else {
                    assert_eq!(sent, Err(Misuse::Upgrade.into()), "{status} {value:?}");
                }
            }
        }
    }
    let mut driver = Driver::strict();
    driver.feed(&get(""));
    driver.try_interim(StatusCode::EARLY_HINTS, [("Upgrade", "h2c ")]).unwrap();
    assert!(driver.out.ends_with(b"Upgrade: h2c\r\nConnection: upgrade\r\n\r\n"));
    let sent = driver.try_interim(StatusCode::EARLY_HINTS, [("Upgrade", "")]);
    assert_eq!(sent, Err(Misuse::Upgrade.into()));
}

#[test]
fn send_02_outer_whitespace_of_a_value_is_not_sent() {
    for (value, trimmed) in
        [(" a", "a"), ("a ", "a"), ("\ta", "a"), ("a\t ", "a"), (" ", ""), ("\t", ""), (" a b ", "a b"), ("a", "a")]
    {
        let line = format!("X: {trimmed}\r\n");
        let fields = [("X", value)];
        let lines = format!("X: {value}\r\n");
        let checked = CheckedFields::new(lines.as_bytes()).unwrap();
        for with_checked in [false, true] {
            let mut driver = Driver::strict();
            driver.feed(&get(""));
            match with_checked {
                true => driver.try_interim(StatusCode::EARLY_HINTS, checked).unwrap(),
                false => driver.try_interim(StatusCode::EARLY_HINTS, fields).unwrap(),
            };
            assert_eq!(driver.out, format!("HTTP/1.1 103 Early Hints\r\n{line}\r\n").as_bytes());
            driver.out.clear();
            match with_checked {
                true => driver.try_respond(StatusCode::OK, checked.and(fields), Content::Unknown).unwrap(),
                false => driver.try_respond(StatusCode::OK, fields.iter().chain(&fields), Content::Unknown).unwrap(),
            };
            let head = format!("HTTP/1.1 200 OK\r\n{line}{line}Transfer-Encoding: chunked\r\n\r\n");
            assert_eq!(String::from_utf8_lossy(&driver.out), head);
            let mut out = [0; 64];
            let end = match with_checked {
                true => driver.connection.send_end(driver.now, checked, &mut out).unwrap(),
                false => driver.connection.send_end(driver.now, fields, &mut out).unwrap(),
            };
            assert_eq!(&out[..end], format!("0\r\n{line}\r\n").as_bytes());
        }
        let octets = sent(&[("X", value), ("Y", "z")]).unwrap();
        assert_eq!(octets, format!("GET / HTTP/1.1\r\nHost: a\r\n{line}Y: z\r\n\r\n"));
    }
    // what is said of the connection is what was sent
    assert!(sent(&[("Upgrade", "\tfoo "), ("TE", " trailers ")]).unwrap().contains("Connection: upgrade, TE"));
    let mut asker = Asker::new(&DEFAULT);
    asker.try_ask(&request("POST"), [("Host", " a "), ("Expect", "100-continue ")], Content::Exact(3)).unwrap();
    assert_eq!(asker.connection.wants().application, None, "it waits");
    // line ends are no such whitespace
    for value in ["a\r\n", "\r\n", "a \r", "\na", " \0"] {
        assert_eq!(check_field("X", value), Err(Misuse::FieldValue), "{value:?}");
        let mut driver = Driver::strict();
        driver.feed(&get(""));
        let refused = driver.try_respond(StatusCode::OK, [("X", value)], Content::Empty);
        assert_eq!(refused, Err(Misuse::FieldValue.into()), "{value:?}");
    }
}

#[test]
fn a_driver_can_leave_out_the_one_line_that_is_wrong() {
    let given =
        [("Content-Type", "text/plain"), ("X-Note", "a\nb"), ("Content-Length", "3"), ("b d", "c"), ("Y", "z ")];
    let mut driver = Driver::strict();
    driver.feed(&get(""));
    assert!(driver.try_respond(StatusCode::OK, given, Content::Empty).is_err());
    let wrong: Vec<_> = given.iter().filter_map(|(name, value)| check_field(name, value).err()).collect();
    assert_eq!(wrong, [Misuse::FieldValue, Misuse::OwnedField, Misuse::FieldName]);
    let kept = given.into_iter().filter(|(name, value)| check_field(name, value).is_ok());
    driver.try_respond(StatusCode::OK, kept, Content::Empty).unwrap();
    let head = driver.response();
    assert_eq!(
        head.fields,
        common::expect_pairs(&[("Content-Type", "text/plain"), ("Y", "z"), ("Content-Length", "0")])
    );
}

proptest! {
    /// A line that passes alone is sent in a response; one that does not keeps it back, for the same reason.
    #[test]
    fn what_is_said_of_one_line_holds_in_a_head(
        name in "(TE|Upgrade|Connection|X|Host|Keep-Alive|[ a:]{0,2})",
        value in "(chunked|foo|foo/2|, |;q=1|\t| |\r|\"|@){0,3}",
    ) {
        let mut driver = Driver::strict();
        driver.feed(&get(""));
        let sent = driver.try_respond(StatusCode::OK, [(name.as_str(), value.as_str())], Content::Empty).map(|_| ());
        prop_assert_eq!(sent, check_field(&name, &value).map_err(SendError::from));
    }
}
