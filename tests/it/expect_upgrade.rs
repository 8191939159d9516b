//! `Expect: 100-continue` and interim responses, `Upgrade` and CONNECT.

use crate::common;
use crate::common::{Driver, Seen, accept, accept_one, assert_refused, chunked, get, lenient, limits, policy};
use http_keepalive::ProtocolErrorKind::*;
use http_keepalive::{
    BodyLength, CloseReason, Config, Content, Limits, Misuse, NO_FIELDS, PauseReason, Persistence, Policy, SendError,
    Server, StatusCode, TunnelReason, Turn, Use,
};

const STRICT: Config<Server> = Config::DEFAULT;

const EXPECTS: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
const UPGRADES: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket, foo/2\r\n\r\n";

fn misuse(sent: Result<usize, SendError>) -> Misuse {
    match sent {
        Err(SendError::Misuse(misuse)) => misuse,
        other => panic!("not a misuse: {other:?}"),
    }
}

#[test]
fn exp_04_the_application_is_told_that_the_client_waits() {
    for request in [EXPECTS, &EXPECTS.replace("Content-Length: 5", "Transfer-Encoding: chunked")] {
        let mut driver = Driver::strict();
        driver.feed(request);
        assert!(driver.request().expects_continue);
        assert_eq!(driver.paused, Some(PauseReason::ContinueDue));
        assert_eq!(driver.connection.wants().application, Some(Turn::Continue));
        let mut out = [0; 64];
        let sent = driver.connection.send_continue(driver.now, &mut out).expect("100 is due");
        assert_eq!(&out[..sent], b"HTTP/1.1 100 Continue\r\n\r\n");
        driver.feed("");
        assert_eq!(driver.paused, None);
        assert_eq!(driver.connection.wants().application, Some(Turn::Respond));
        assert_eq!(driver.try_interim(StatusCode::CONTINUE, NO_FIELDS), Ok(0), "once is enough");
    }
}

#[test]
fn exp_04_the_expectation_is_compared_without_case_and_in_a_list() {
    for value in ["100-Continue", "100-CONTINUE", " ,100-continue, ", "100-continue, 100-continue"] {
        let mut driver = Driver::strict();
        driver.feed(&EXPECTS.replace("100-continue", value));
        assert_eq!(driver.connection.wants().application, Some(Turn::Continue), "{value}");
    }
}

#[test]
fn exp_05_no_100_where_content_has_come_or_none_will() {
    // octet by octet the client shows that it does not wait
    let mut driver = Driver::strict();
    driver.feed(EXPECTS).feed("h");
    assert_eq!(driver.connection.wants().application, Some(Turn::Respond));
    assert_eq!(driver.try_interim(StatusCode::CONTINUE, NO_FIELDS), Ok(0));
    driver.feed("ello").respond(StatusCode::OK, Content::Empty);
    assert_eq!(driver.received(), "hello");
    assert!(driver.connection.lifecycle().is_idle(), "nothing is left open");
    // in one piece
    let mut driver = Driver::strict();
    driver.feed(&format!("{EXPECTS}hello"));
    assert_eq!(driver.paused, Some(PauseReason::ResponseDue));
    for request in [
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n",
    ] {
        let mut driver = Driver::strict();
        driver.feed(request);
        assert_eq!(driver.connection.wants().application, Some(Turn::Respond), "{request}");
        assert_eq!(driver.try_interim(StatusCode::CONTINUE, NO_FIELDS), Ok(0), "{request}");
    }
    // unasked
    let mut driver = Driver::strict();
    driver.feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    assert_eq!(driver.try_interim(StatusCode::CONTINUE, NO_FIELDS), Ok(0));
}

#[test]
fn exp_06_behind_100_the_final_response_is_still_due() {
    let mut driver = Driver::strict();
    driver.feed(EXPECTS);
    driver.try_interim(StatusCode::CONTINUE, NO_FIELDS).expect("100 is due");
    driver.feed("hello");
    assert_eq!(driver.connection.wants().application, Some(Turn::Respond));
    driver.respond(StatusCode::CREATED, Content::Empty);
    let statuses: Vec<_> = driver.responses().iter().map(|response| response.status).collect();
    assert_eq!(statuses, [100, 201]);
    assert!(driver.connection.lifecycle().is_idle());
}

#[test]
fn exp_07_any_final_status_instead_of_100_closes() {
    for code in [200, 201, 204, 205, 299, 303, 304, 399, 400, 401, 403, 404, 413, 417, 500, 503] {
        let mut driver = Driver::strict();
        driver.feed(EXPECTS).respond(StatusCode::new(code).unwrap(), Content::Empty);
        assert!(driver.response().has_option("close"), "{code}");
        assert_eq!(driver.connection.persistence(), Persistence::Close(CloseReason::ContentUnwanted));
        // whatever comes, it is neither content nor a request
        driver.feed(&get(""));
        assert_eq!((driver.requests().len(), driver.received().as_str()), (1, ""), "{code}");
    }
}

#[test]
fn exp_07_declared_content_is_drained_where_the_connection_stays() {
    let drains = policy(Policy::DEFAULT.with_read_unwanted_content(Use::On));
    for code in [403, 401, 200, 204, 303] {
        let mut driver = Driver::new(&drains);
        driver.feed(EXPECTS).respond(StatusCode::new(code).unwrap(), Content::Empty);
        assert_eq!(driver.response().field("connection"), None, "{code}");
        driver.feed(&format!("GET /{}", get("X: next\r\n")));
        let xs: Vec<_> = driver.requests().iter().flat_map(|request| request.values("x")).collect();
        assert_eq!(xs, ["next"], "the five octets are content by framing ({code})");
    }
    // once content has come, or 100 has gone out, it is content like any other
    for (asked, status) in [(false, 403), (false, 200), (true, 403), (true, 200)] {
        let mut driver = Driver::strict();
        driver.feed(EXPECTS);
        if asked {
            driver.try_interim(StatusCode::CONTINUE, NO_FIELDS).expect("100 is due");
        }
        driver.feed(if asked { "" } else { "he" }).respond(StatusCode::new(status).unwrap(), Content::Empty);
        driver.feed(if asked { "hello" } else { "llo" }).feed(&get(""));
        assert_eq!(driver.requests().len(), 2, "{asked} {status}");
    }
}

#[test]
fn exp_09_an_unknown_expectation_is_417() {
    for value in ["200-maybe", "100-continue, x", "x=y", "100-continued", "\"100-continue\"", "100-continue;q=1"] {
        let input = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n▼Expect: {value}\r\n\r\n");
        assert_refused(&STRICT, &input, Expectation, 417);
    }
    accept_one(&STRICT, "POST / HTTP/1.0\r\nExpect: x\r\n\r\n");
    accept_one(&STRICT, "POST / HTTP/1.1\r\nHost: a\r\nExpect:\r\n\r\n");
}

#[test]
fn exp_12_any_number_of_early_hints_before_the_final_response() {
    let mut driver = Driver::strict();
    driver.feed(&get(""));
    for n in 0..3 {
        let link = format!("</{n}.css>; rel=preload");
        driver.try_interim(StatusCode::EARLY_HINTS, [("Link", link.as_str())]).expect("103 may be sent");
    }
    driver.respond(StatusCode::OK, Content::Exact(2)).content("ok");
    let responses = driver.responses();
    let statuses: Vec<_> = responses.iter().map(|response| response.status).collect();
    assert_eq!(statuses, [103, 103, 103, 200]);
    assert_eq!(responses[2].fields, common::expect_pairs(&[("Link", "</2.css>; rel=preload")]));
    assert_eq!(responses[3].field("link"), None);
}

#[test]
fn exp_13_interim_responses_stand_before_their_own_final_response_only() {
    let mut driver = Driver::strict();
    assert_eq!(misuse(driver.try_interim(StatusCode::EARLY_HINTS, NO_FIELDS)), Misuse::NothingToAnswer);
    driver.feed(&get("").repeat(2));
    driver.respond(StatusCode::OK, Content::Exact(2));
    assert_eq!(misuse(driver.try_interim(StatusCode::EARLY_HINTS, NO_FIELDS)), Misuse::AlreadyAnswered);
    driver.content("ok");
    assert_eq!(misuse(driver.try_interim(StatusCode::EARLY_HINTS, NO_FIELDS)), Misuse::NothingToAnswer);
    driver.feed("");
    driver.try_interim(StatusCode::EARLY_HINTS, NO_FIELDS).expect("of the second request");
    // none before a refusal, which the peer made necessary and not the caller
    let mut refused = Driver::strict();
    refused.feed("GET / HTTP/1.1\r\nHost : a\r\n\r\n");
    let ended = SendError::Ended(CloseReason::ProtocolError);
    assert_eq!(refused.try_interim(StatusCode::EARLY_HINTS, NO_FIELDS), Err(ended));
    // a final status is no interim one, nor the reverse
    assert_eq!(misuse(driver.try_interim(StatusCode::OK, NO_FIELDS)), Misuse::Status);
    assert_eq!(misuse(driver.try_interim(StatusCode::SWITCHING_PROTOCOLS, NO_FIELDS)), Misuse::Status);
    assert_eq!(misuse(driver.try_respond(StatusCode::CONTINUE, NO_FIELDS, Content::Empty)), Misuse::Status);
    assert_eq!(misuse(driver.try_respond(StatusCode::EARLY_HINTS, NO_FIELDS, Content::Empty)), Misuse::Status);
    // a request answered while its content still comes
    let mut driver = Driver::strict();
    driver.feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n").respond(StatusCode::OK, Content::Empty);
    assert_eq!(misuse(driver.try_interim(StatusCode::EARLY_HINTS, NO_FIELDS)), Misuse::AlreadyAnswered);
}

#[test]
fn exp_12_interim_responses_hold_no_framing_and_no_connection_fields() {
    let mut driver = Driver::strict();
    driver.feed(&get(""));
    for name in ["Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive"] {
        assert_eq!(misuse(driver.try_interim(StatusCode::EARLY_HINTS, [(name, "1")])), Misuse::OwnedField, "{name}");
    }
    driver.try_interim(StatusCode::new(199).unwrap(), [("X", "y")]).expect("any interim status");
    assert_eq!(driver.out, b"HTTP/1.1 199 \r\nX: y\r\n\r\n");
}

#[test]
fn limit_06_too_much_content_is_refused_before_100() {
    let config = limits(Limits::DEFAULT.with_content(Some(4)));
    assert_refused(&config, &EXPECTS.replace("Content-Length", "▼Content-Length"), ContentTooLarge, 413);
}

#[test]
fn upg_01_upgrade_is_sent_with_its_connection_option() {
    let mut driver = Driver::strict();
    driver.feed(UPGRADES).respond_with(StatusCode::SWITCHING_PROTOCOLS, [("Upgrade", "websocket")], Content::Empty);
    let response = driver.response();
    assert_eq!(response.line, "HTTP/1.1 101 Switching Protocols");
    assert_eq!(response.field("connection").as_deref(), Some("upgrade"));
    assert_eq!(response.field("upgrade").as_deref(), Some("websocket"));
    assert_eq!((response.field("content-length"), response.field("transfer-encoding")), (None, None));
    for (status, content) in [(StatusCode::UPGRADE_REQUIRED, Content::Exact(0)), (StatusCode::OK, Content::Unknown)] {
        let mut driver = Driver::strict();
        driver.feed(&get("")).respond_with(status, [("upgrade", "foo")], content).end(NO_FIELDS);
        assert_eq!(driver.response().field("connection").as_deref(), Some("upgrade"), "{status}");
        assert!(driver.connection.lifecycle().is_idle(), "{status}");
    }
}

#[test]
fn upg_02_an_upgrade_may_be_ignored() {
    assert!(accept_one(&STRICT, UPGRADES).offers_upgrade);
    let driver = accept(&STRICT, &UPGRADES.repeat(2));
    assert_eq!(driver.requests().len(), 2, "the connection continues as HTTP/1.1");
}

#[test]
fn upg_02_an_upgrade_that_is_not_offered_to_us_is_no_offer() {
    for fields in [
        "Upgrade: foo\r\n",
        "Upgrade: foo\r\nConnection: keep-alive\r\n",
        "Connection: upgrade\r\n",
        "Connection: upgrade\r\nUpgrade: ,\r\n",
        "Connection: upgraded\r\nUpgrade: foo\r\n",
    ] {
        let mut driver = Driver::strict();
        driver.feed(&get(fields));
        assert!(!driver.request().offers_upgrade, "{fields}");
        let sent = driver.try_respond(StatusCode::SWITCHING_PROTOCOLS, [("Upgrade", "foo")], Content::Empty);
        assert_eq!(misuse(sent), Misuse::UpgradeNotOffered, "{fields}");
    }
    let mut driver = Driver::strict();
    driver.feed("GET / HTTP/1.0\r\nConnection: upgrade, keep-alive\r\nUpgrade: foo\r\n\r\n");
    assert!(!driver.request().offers_upgrade, "HTTP/1.0");
}

#[test]
fn upg_03_101_names_only_what_was_offered() {
    for (fields, allowed) in [
        (&[("Upgrade", "websocket")][..], true),
        (&[("upgrade", "WebSocket")], true),
        (&[("Upgrade", "foo/2")], true),
        (&[("Upgrade", "foo/2, websocket")], true),
        (&[("Upgrade", "websocket"), ("X", "y")], true),
        (&[("Upgrade", "foo")], false),
        (&[("Upgrade", "foo/3")], false),
        (&[("Upgrade", "websocket, bar")], false),
        (&[("Upgrade", "websocket"), ("Upgrade", "bar")], false),
        (&[], false),
        (&[("X-Upgrade", "websocket")], false),
    ] {
        let mut driver = Driver::strict();
        driver.feed(UPGRADES);
        let before = driver.connection.clone();
        let sent = driver.try_respond(StatusCode::SWITCHING_PROTOCOLS, fields.iter().copied(), Content::Empty);
        if allowed {
            assert!(sent.is_ok(), "{fields:?}: {sent:?}");
        } else {
            assert_eq!(sent, Err(Misuse::UpgradeNotOffered.into()), "{fields:?}");
            assert_eq!(driver.connection, before, "no state moved");
        }
    }
}

#[test]
fn upg_04_100_stands_before_101() {
    let input = UPGRADES
        .replace("GET", "POST")
        .replace("Upgrade: websocket", "Content-Length: 5\r\nExpect: 100-continue\r\nUpgrade: websocket");
    let mut driver = Driver::strict();
    driver.feed(&input);
    let sent = driver.try_respond(StatusCode::SWITCHING_PROTOCOLS, [("Upgrade", "websocket")], Content::Empty);
    assert_eq!(misuse(sent), Misuse::UpgradeTooEarly);
    driver.try_interim(StatusCode::CONTINUE, NO_FIELDS).expect("100 is due");
    driver.feed("hello").respond_with(StatusCode::SWITCHING_PROTOCOLS, [("Upgrade", "websocket")], Content::Empty);
    let statuses: Vec<_> = driver.responses().iter().map(|response| response.status).collect();
    assert_eq!(statuses, [100, 101]);
}

#[test]
fn upg_05_a_switch_waits_for_the_whole_request() {
    let input = UPGRADES.replace("Upgrade: websocket", "Transfer-Encoding: chunked\r\nUpgrade: websocket");
    let mut driver = Driver::strict();
    driver.feed(&input).feed("5\r\nhello\r\n0\r\n");
    let sent = driver.try_respond(StatusCode::SWITCHING_PROTOCOLS, [("Upgrade", "websocket")], Content::Empty);
    assert_eq!(misuse(sent), Misuse::UpgradeTooEarly);
    driver.feed("\r\n\u{81}\u{5}");
    assert_eq!(driver.seen.last(), Some(&Seen::End(vec![])));
    driver.respond_with(StatusCode::SWITCHING_PROTOCOLS, [("Upgrade", "websocket")], Content::Empty);
    assert_eq!(driver.buffer, [0x81, 5], "the other protocol's octets");
}

#[test]
fn upg_06_behind_101_nothing_is_read_as_http() {
    let mut driver = Driver::strict();
    driver.feed(&format!("{UPGRADES}{}", get("")));
    driver.respond_with(StatusCode::SWITCHING_PROTOCOLS, [("Upgrade", "foo/2")], Content::Empty);
    driver.feed("").feed("\u{0}\u{1}");
    assert_eq!(driver.requests().len(), 1);
    assert_eq!(driver.paused, Some(PauseReason::Tunnel));
    assert_eq!(driver.buffer.len(), get("").len() + 2, "handed over unread");
    assert_eq!(driver.connection.persistence(), Persistence::Tunnel(TunnelReason::Upgrade));
    assert_eq!(driver.connection.next_deadline(), None);
    assert_eq!(misuse(driver.try_respond(StatusCode::OK, NO_FIELDS, Content::Empty)), Misuse::Tunnel);
    assert_eq!(misuse(driver.try_interim(StatusCode::EARLY_HINTS, NO_FIELDS)), Misuse::Tunnel);
    let wants = driver.connection.wants();
    assert_eq!((wants.application, wants.shut), (None, None));
}

#[test]
fn upg_08_426_carries_upgrade_and_closes_nothing() {
    let mut driver = Driver::strict();
    driver.feed(&get("")).respond_with(StatusCode::UPGRADE_REQUIRED, [("Upgrade", "foo")], Content::Empty);
    assert_eq!(driver.response().field("connection").as_deref(), Some("upgrade"));
    driver.feed(&get(""));
    assert_eq!(driver.requests().len(), 2);
    // beside close, too
    let mut driver = Driver::strict();
    driver.feed(&get("Connection: close\r\n"));
    driver.respond_with(StatusCode::UPGRADE_REQUIRED, [("Upgrade", "foo")], Content::Empty);
    let response = driver.response();
    assert!(response.has_option("upgrade") && response.has_option("close"), "{response:?}");
}

#[test]
fn upg_09_h2c_is_no_offer() {
    let input = UPGRADES.replace("websocket, foo/2", "h2c");
    assert!(!accept_one(&STRICT, &input).offers_upgrade);
    let mut driver = Driver::strict();
    driver.feed(&UPGRADES.replace("websocket", "H2C, websocket"));
    assert!(driver.request().offers_upgrade);
    let sent = driver.try_respond(StatusCode::SWITCHING_PROTOCOLS, [("Upgrade", "h2c")], Content::Empty);
    assert_eq!(misuse(sent), Misuse::UpgradeNotOffered);
}

#[test]
fn upg_10_a_target_of_connect_is_host_and_port() {
    for config in [STRICT, policy(lenient())] {
        for target in
            ["a", "a:", "a:99999", "a:0", "a:x", "a:-1", ":443", "[::1]", "[::1]:", "u@a:1", "a:1/", "a:1:2", "a b:1"]
        {
            let mut driver = Driver::answering(&config);
            driver.feed(&format!("CONNECT {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
            assert!(
                matches!(driver.seen[..], [Seen::Error(TargetForm | Target, 8..=9)]),
                "{target}: {:?}",
                driver.seen
            );
            assert_eq!(driver.response().status, 400, "{target}");
        }
    }
    for target in ["a:1", "a.example:443", "[::1]:8443", "127.0.0.1:65535"] {
        let request = accept_one(&STRICT, &format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n"));
        assert_eq!(request.authority.as_deref(), Some(target));
    }
}

#[test]
fn upg_11_a_2xx_to_connect_opens_a_tunnel_and_nothing_else_does() {
    for code in [200, 204, 299] {
        let mut driver = Driver::strict();
        driver.feed(&format!("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n{}", get("")));
        driver.respond(StatusCode::new(code).unwrap(), Content::Empty).feed("");
        assert_eq!(driver.paused, Some(PauseReason::Tunnel), "{code}");
        assert_eq!(driver.buffer.len(), get("").len(), "octets already buffered belong to the tunnel");
        assert_eq!(driver.connection.persistence(), Persistence::Tunnel(TunnelReason::Connect));
    }
    for code in [301, 403, 407, 502] {
        let mut driver = Driver::strict();
        driver.feed("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
        driver.respond(StatusCode::new(code).unwrap(), Content::Exact(2)).content("no");
        assert_eq!(driver.response().content, b"no", "{code}");
        assert!(matches!(driver.connection.persistence(), Persistence::Reuse(_)), "{code}");
        driver.feed(&get(""));
        assert_eq!(driver.requests().len(), 2, "{code}");
    }
}

#[test]
fn upg_12_a_2xx_to_connect_has_no_framing_and_no_connection_fields() {
    for (request, content) in [
        ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", Content::Exact(5)),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nConnection: close\r\n\r\n", Content::Unknown),
        ("CONNECT a:1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", Content::UntilClose),
        ("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\nConnection: keep-alive\r\n\r\n", Content::Empty),
    ] {
        let mut driver = Driver::strict();
        driver.feed(request).respond_with(StatusCode::OK, [("X", "y")], content);
        assert_eq!(driver.out, b"HTTP/1.1 200 OK\r\nX: y\r\n\r\n", "{request}");
        assert_eq!(driver.connection.wants().shut, None, "close has no further effect");
    }
}

#[test]
fn a_switch_and_content_do_not_meet() {
    // content of a request to switch is content of the request, not of the other protocol
    let mut driver = Driver::strict();
    driver.feed(&chunked("1\r\nx\r\n0\r\n\r\n").replace("Host: a", "Host: a\r\nConnection: upgrade\r\nUpgrade: foo"));
    assert_eq!(driver.request().length, BodyLength::Chunked);
    assert_eq!(driver.received(), "x");
    driver.respond_with(StatusCode::SWITCHING_PROTOCOLS, [("Upgrade", "foo")], Content::Exact(9));
    assert_eq!(driver.response().field("content-length"), None);
}
