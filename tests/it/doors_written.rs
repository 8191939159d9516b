//! What a lifecycle writes of a head, and the refusals it writes whole, are the octets that a connection writes.

use std::time::Duration;

use crate::common::{Passes, lenient};
use http_keepalive::{
    Announce, BodyLength, Client, CloseReason, Config, Connection, ConnectionOptions, Content, FramingField, HeadFacts,
    Instant, KeepAlive, KeepAliveField, Lifecycle, Limits, Method, Misuse, NO_FIELDS, Policy, Request, RequestHead,
    RequestHint, SendError, Server, StatusCode, Timeouts, Use, Version,
};

const NOW: Instant = Instant::from_secs(100);

/// All its octets; and in less room nothing but their number.
#[track_caller]
fn written(announce: &Announce) -> String {
    let mut out = [0; Announce::MOST_OCTETS];
    let octets = announce.write(&mut out).expect("the most octets are room for it");
    for room in 0..octets {
        assert_eq!(announce.write(&mut out[..room]), Err(SendError::OutputTooSmall { needed: octets }));
    }
    assert_eq!(announce.write(&mut out[..octets]), Ok(octets));
    String::from_utf8(out[..octets].to_vec()).expect("ASCII")
}

fn servers() -> Vec<Config<Server>> {
    let limits = Limits::DEFAULT.with_max_exchanges(Some(2));
    let told = Timeouts::DEFAULT.with_idle_advertised(Some(Duration::from_secs(5)));
    let config = |limits, timeouts, policy| Config::new(limits, timeouts, policy).expect("within bounds");
    vec![
        Config::DEFAULT,
        config(limits, told, Policy::DEFAULT.with_keep_alive_field(KeepAliveField::Always)),
        config(limits, Timeouts::DEFAULT, Policy::DEFAULT.with_keep_alive_field(KeepAliveField::Always)),
        config(Limits::DEFAULT, told, lenient().with_keep_alive_field(KeepAliveField::OnOption)),
        config(Limits::DEFAULT, told, Policy::DEFAULT.with_persistence(Use::Off)),
    ]
}

/// Both doors, told of this request.
fn both<'c>(config: &'c Config<Server>, head: &str) -> ServerOf<'c> {
    let (mut connection, mut lifecycle) = (Connection::new(NOW, config), Lifecycle::new(NOW, config));
    connection.receive(NOW, head.as_bytes()).expect("a request");
    lifecycle.octets_received(NOW, head.len() as u64);
    let mut parsed = RequestHead::new();
    let (octets, facts) =
        parsed.parse(head.as_bytes(), config.limits(), config.policy()).expect("a head").expect("whole");
    lifecycle.head_received(NOW, &facts.with_octets(octets)).expect("a request");
    (connection, lifecycle)
}

#[test]
fn a_response_says_of_its_connection_what_the_announcement_writes() {
    let heads = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
        "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
    ];
    let contents = [Content::Empty, Content::Exact(7), Content::Exact(u64::MAX), Content::Unknown, Content::UntilClose];
    let mut heard = std::collections::BTreeSet::new();
    for config in &servers() {
        for (head, content) in heads.iter().flat_map(|head| contents.map(|content| (head, content))) {
            for (code, upgrade) in
                [(200, None), (200, Some("foo")), (204, None), (304, None), (426, Some("foo")), (101, Some("foo"))]
            {
                let status = StatusCode::new(code).expect("three digits");
                let (mut connection, mut lifecycle) = both(config, head);
                let fields: Vec<_> = [("Date", "now")].into_iter().chain(upgrade.map(|it| ("Upgrade", it))).collect();
                let mut out = [0; 500];
                let sent = connection.send_response(NOW, status, fields.as_slice(), content, &mut out);
                let announce = lifecycle.head_to_send(NOW, status, content);
                let (sent, mut announce) = match (sent, announce) {
                    (Ok(sent), Ok(announce)) => (sent, announce),
                    (sent, announce) => {
                        assert_eq!(sent.err(), announce.err(), "{head:?} {code}");
                        continue;
                    }
                };
                // the caller knows what it sends beside
                announce.options.upgrade = upgrade.is_some();
                let mut expected = format!("HTTP/1.1 {code} {}\r\n", status.reason_phrase());
                fields.iter().for_each(|(name, value)| expected += &format!("{name}: {value}\r\n"));
                let said = written(&announce);
                expected += &format!("{said}\r\n");
                assert_eq!(String::from_utf8_lossy(&out[..sent]), expected, "{head:?}");
                heard.insert(said);
            }
        }
    }
    // nothing at all, and each of the fields
    assert!(heard.contains(""));
    for said in ["Content-Length: 18446744073709551615", "chunked", "close", "keep-alive, upgrade", "timeout=5, max=1"]
    {
        assert!(heard.iter().any(|heard| heard.contains(said)), "{said} {heard:?}");
    }
}

#[test]
fn a_request_says_of_its_connection_what_the_announcement_writes() {
    for hint in [RequestHint::Silent, RequestHint::Ask, RequestHint::Timeout, RequestHint::BareNumber] {
        for idle in [Some(Duration::from_secs(115)), Some(Duration::from_secs(u64::from(u32::MAX) * 2)), None] {
            let timeouts = Timeouts::CLIENT.with_idle(idle);
            let policy = Policy::DEFAULT.with_request_hint(hint);
            let Ok(config) = Config::<Client<4>>::new(Limits::DEFAULT, timeouts, policy) else { continue };
            for (method, content) in [
                ("GET", Content::Empty),
                ("POST", Content::Empty),
                ("PUT", Content::Exact(12)),
                ("PUT", Content::Unknown),
                ("CONNECT", Content::Empty),
            ] {
                for (own, close) in [
                    (None, false),
                    (None, true),
                    (Some(("TE", "trailers")), false),
                    (Some(("Upgrade", "foo")), false),
                    (Some(("Upgrade", "foo")), true),
                ] {
                    let target: &[u8] = if method == "CONNECT" { b"a:80" } else { b"/" };
                    let request = Request::new(Method::new(method.as_bytes()), target).with_close(close);
                    let fields: Vec<_> = [("Host", "a:80")].into_iter().chain(own).collect();
                    let mut facts = HeadFacts::request(request.method(), Version::HTTP_11);
                    fields.iter().for_each(|(name, value)| facts.field_line(name.as_bytes(), value.as_bytes()));
                    let (mut connection, mut lifecycle) = (Connection::new(NOW, &config), Lifecycle::new(NOW, &config));
                    let mut out = [0; 500];
                    let sent = connection
                        .send_request(NOW, &request, fields.as_slice(), content, &mut out)
                        .expect("it may go");
                    let announce = lifecycle.head_to_send(NOW, &request, &facts, content).expect("it may go");
                    let mut expected = format!("{method} {} HTTP/1.1\r\n", String::from_utf8_lossy(target));
                    fields.iter().for_each(|(name, value)| expected += &format!("{name}: {value}\r\n"));
                    expected += &format!("{}\r\n", written(&announce));
                    assert_eq!(String::from_utf8_lossy(&out[..sent]), expected);
                }
            }
        }
    }
}

#[test]
fn the_most_octets_are_as_many_as_can_be() {
    let options = ConnectionOptions { close: true, keep_alive: true, te: true, upgrade: true };
    let keep_alive = Some(KeepAlive { timeout: Some(u32::MAX), max: Some(u32::MAX) });
    let framing = FramingField::ContentLength(u64::MAX);
    for bare_keep_alive in [None, Some(u32::MAX)] {
        let announce = Announce { options, keep_alive, bare_keep_alive, framing, length: BodyLength::Empty };
        assert_eq!(written(&announce).len(), Announce::MOST_OCTETS);
    }
}

type ServerOf<'c> = (Connection<Server, &'c Config<Server>>, Lifecycle<Server, &'c Config<Server>>);

/// What is due is refused by both in the same octets; in less room and with a bad line neither moves.
#[track_caller]
fn refused(now: Instant, (mut connection, mut lifecycle): ServerOf<'_>) -> String {
    let (mut out, mut own) = ([0; 500], [0; 500]);
    let before = lifecycle.clone();
    let sent = connection.send_refusal(now, [("Date", "now")], &mut out).expect("it is due");
    for room in [0, sent - 1] {
        let refused = lifecycle.send_refusal(now, [("Date", "now")], &mut own[..room]);
        assert_eq!(refused, Err(SendError::OutputTooSmall { needed: sent }));
    }
    assert_eq!(lifecycle.send_refusal(now, [("Date", "a\r\nb")], &mut own), Err(Misuse::FieldValue.into()));
    assert_eq!(lifecycle, before, "nothing has moved");
    let said = lifecycle.send_refusal(now, [("Date", "now")], &mut own[..sent]).expect("it is due");
    assert_eq!(String::from_utf8_lossy(&own[..said]), String::from_utf8_lossy(&out[..sent]));
    for octets in [0, sent as u64] {
        connection.handle_sent(now, octets);
        lifecycle.handle_sent(now, octets);
        assert_eq!(connection.wants(), lifecycle.wants());
        assert_eq!(connection.next_deadline(), lifecycle.next_deadline());
        assert_eq!(connection.lifecycle().octets_pending(), lifecycle.octets_pending());
        assert!(connection.lifecycle().close_reasons().eq(lifecycle.close_reasons()));
    }
    assert!(lifecycle.send_refusal(now, NO_FIELDS, &mut own).is_err(), "it is due once");
    String::from_utf8_lossy(&out[..sent]).into_owned()
}

#[test]
fn a_refusal_is_written_in_the_same_octets() {
    let config = Config::<Server>::new(Limits::DEFAULT.with_content(Some(4)), Timeouts::DEFAULT, Policy::DEFAULT);
    let config = config.expect("within bounds");
    // what a head says: its method is known
    for (head, code) in [
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("HEAD / HTTP/1.1\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", "413"),
        ("GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", "417"),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "400"),
    ] {
        let (mut connection, mut lifecycle) = (Connection::new(NOW, &config), Lifecycle::new(NOW, &config));
        let fault = connection.receive(NOW, head.as_bytes()).expect_err("it is wrong").kind;
        let mut facts = HeadFacts::request(Method::new(head.split(' ').next().unwrap_or_default().as_bytes()), {
            if head.contains("/1.0") { Version::HTTP_10 } else { Version::HTTP_11 }
        });
        for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
            facts.field_line(name.as_bytes(), value.as_bytes());
        }
        lifecycle.octets_received(NOW, head.len() as u64);
        assert_eq!(lifecycle.head_received(NOW, &facts.with_octets(head.len())), Err(fault.into()));
        let said = refused(NOW, (connection, lifecycle));
        assert!(said.contains(code), "{said}");
        assert_eq!(said.ends_with("\r\n\r\n"), head.starts_with("HEAD"), "{said}");
    }
    // what comes too late
    let begun = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n";
    let late = |(mut connection, mut lifecycle): ServerOf<'_>| {
        let due = connection.next_deadline().expect("it is bounded");
        assert_eq!(connection.expire(due.at), Some(due));
        assert_eq!(lifecycle.expire(due.at), Some(due));
        assert!(refused(due.at, (connection, lifecycle)).contains("408"));
    };
    late(both(&config, begun));
    for head in ["GET", "GET / HTTP/1.1\r\nHo"] {
        let (mut connection, mut lifecycle) = (Connection::new(NOW, &config), Lifecycle::new(NOW, &config));
        connection.receive(NOW, head.as_bytes()).expect("half a head");
        lifecycle.octets_received(NOW, head.len() as u64);
        late((connection, lifecycle));
    }
    // what is too much, and what a parser finds
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (mut connection, mut lifecycle) = both(&config, chunked);
    connection.receive(NOW, b"4\r\nabcd\r\n").expect("as much as may be");
    lifecycle.content_received(NOW, 4).expect("as much as may be");
    let fault = connection.receive(NOW, b"\r\n1\r\na").expect_err("too much").kind;
    assert_eq!(lifecycle.content_received(NOW, 1), Err(fault.into()));
    refused(NOW, (connection, lifecycle));
    let (mut connection, mut lifecycle) = both(&config, chunked);
    let fault = connection.receive(NOW, b"x").expect_err("no size").kind;
    lifecycle.fault_received(NOW, fault);
    refused(NOW, (connection, lifecycle));
}

#[test]
fn no_refusal_is_written_that_is_not_due() {
    let mut out = [0; 500];
    let mut fresh = Lifecycle::<Server>::new(NOW, &Config::DEFAULT);
    assert_eq!(fresh.send_refusal(NOW, NO_FIELDS, &mut out), Err(Misuse::NothingToAnswer.into()));
    let config = Config::DEFAULT;
    let (_, mut asked) = both(&config, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(asked.send_refusal(NOW, NO_FIELDS, &mut out), Err(Misuse::NothingToAnswer.into()));
    asked.abort(NOW);
    assert_eq!(asked.send_refusal(NOW, NO_FIELDS, &mut out), Err(SendError::Ended(CloseReason::Aborted)));
}
