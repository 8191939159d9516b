//! A `101` names what was offered, octet by octet, and nothing else (RFC 9110 7.8): through both doors.

use crate::common::client::{Asker, DEFAULT, answer, ok, request};
use http_keepalive::{
    Content, HeadFacts, Instant, Lifecycle, Limits, Misuse, Persistence, Policy, ProtocolErrorKind, ReceiveError,
    ResponseHead, StatusCode, TunnelReason, Version,
};
use proptest::prelude::*;
use proptest::sample::select;

/// What a `101` with these field values comes to, after a request that offers these.
fn switch(offers: &[&str], names: &[&str]) -> Result<Persistence, ProtocolErrorKind> {
    let head: String = names.iter().map(|names| format!("Upgrade: {names}\r\n")).collect();
    let head = answer("101 Switching Protocols", &format!("Connection: upgrade\r\n{head}"));
    let mut asker = Asker::knowing(&DEFAULT);
    // one that has lived, with another request before
    asker.ask("GET").feed(&ok("a")).ask("GET");
    let fields = [("Host", "a")].into_iter().chain(offers.iter().map(|offer| ("Upgrade", *offer)));
    asker.try_ask(&request("GET"), fields, Content::Empty).unwrap();
    asker.feed(&ok("b")).feed(&head);
    let one = match asker.error() {
        Some(error) => Err(error),
        None => Ok(asker.connection.persistence()),
    };
    assert_eq!(through_lifecycle(offers, names), one, "{offers:?} {names:?}");
    // the facts of a head that was parsed alone serve as well
    let mut parsed = ResponseHead::new();
    let (_, facts) = parsed
        .parse(head.as_bytes(), http_keepalive::MethodKind::Get, &Limits::DEFAULT, &Policy::DEFAULT)
        .unwrap()
        .unwrap();
    assert_eq!(received_by_lifecycle(offers, &facts), one, "{offers:?} {names:?}");
    one
}

fn through_lifecycle(offers: &[&str], names: &[&str]) -> Result<Persistence, ProtocolErrorKind> {
    let mut head = HeadFacts::response(StatusCode::SWITCHING_PROTOCOLS, Version::HTTP_11);
    head.field_line(b"Connection", b"upgrade");
    names.iter().for_each(|names| head.field_line(b"upgrade", names.as_bytes()));
    received_by_lifecycle(offers, &head)
}

fn received_by_lifecycle(offers: &[&str], head: &HeadFacts) -> Result<Persistence, ProtocolErrorKind> {
    let (now, get) = (Instant::from_secs(1), request("GET"));
    let mut lifecycle = Lifecycle::new(now, &DEFAULT);
    let mut facts = HeadFacts::request(get.method(), get.version);
    facts.field_line(b"Host", b"a");
    offers.iter().for_each(|offer| facts.field_line(b"Upgrade", offer.as_bytes()));
    lifecycle.head_to_send(now, &get, &facts, Content::Empty).unwrap();
    lifecycle.octets_written(now, 90);
    lifecycle.handle_sent(now, 90);
    lifecycle.octets_received(now, 90);
    match lifecycle.head_received(now, head) {
        Ok(_) => Ok(lifecycle.persistence()),
        Err(ReceiveError::Fault(kind)) => Err(kind),
        Err(error) => panic!("a head was awaited: {error}"),
    }
}

#[test]
fn upg_07_names_are_compared_octet_by_octet() {
    for (offers, names, may) in [
        (&["websocket"][..], &["websocket"][..], true),
        (&["websocket"], &["WebSocket"], true),
        (&["foo/2, Bar"], &["bar"], true),
        (&["foo/2", "bar"], &["bar"], true),
        (&["foo/2, bar"], &["bar, FOO/2"], true),
        (&["foo/2, bar"], &["bar", "foo/2"], true),
        (&["foo/2, bar"], &[", ,bar ,"], true),
        (&["h2c"], &["h2c"], true),
        // the same 16 bits of a hash as `websocket`
        (&["websocket"], &["x7498"], false),
        (&["websocket"], &["websocke"], false),
        (&["websocket"], &["websocketx"], false),
        (&["web, socket"], &["websocket"], false),
        (&["foo/2"], &["foo"], false),
        (&["foo"], &["foo/2"], false),
        (&["foo, bar"], &["foo, baz"], false),
        (&["foo, bar"], &["foo", "baz"], false),
        (&["foo"], &["foo, h2c"], false),
        (&["foo"], &["foo, b@d"], false),
        (&["foo"], &["foo bar"], false),
        (&["foo"], &[""], false),
        (&["foo"], &[","], false),
        (&["foo"], &[], false),
        (&[], &["foo"], false),
        // more than four
        (&["a, b, c, d"], &["a, b, c, d, e"], false),
        (&["a, b, c, d, e"], &["e"], true),
        (&["a, b, c, d, e"], &["f"], false),
    ] {
        let expected = match may {
            true => Ok(Persistence::Tunnel(TunnelReason::Upgrade)),
            false => Err(ProtocolErrorKind::UpgradeNotOffered),
        };
        assert_eq!(switch(offers, names), expected, "{offers:?} {names:?}");
    }
}

#[test]
fn upg_07_an_offer_of_another_request_does_not_count() {
    let mut asker = Asker::knowing(&DEFAULT);
    asker.ask_with("GET", [("Upgrade", "foo")], Content::Empty);
    asker.feed(&ok("a")).ask("GET").feed(&answer("101 x", "Connection: upgrade\r\nUpgrade: foo\r\n"));
    assert_eq!(asker.error(), Some(ProtocolErrorKind::UpgradeNotOffered));
    // nor one that was offered after it
    let mut asker = Asker::knowing(&DEFAULT);
    asker.ask("GET").ask_with("GET", [("Upgrade", "foo")], Content::Empty);
    asker.feed(&answer("101 x", "Connection: upgrade\r\nUpgrade: foo\r\n"));
    assert_eq!(asker.error(), Some(ProtocolErrorKind::UpgradeNotOffered));
}

#[test]
fn upg_07_an_offer_too_long_to_be_remembered_is_refused() {
    let name = "x".repeat(63);
    for (offers, fits) in [
        (vec![name.clone()], true),
        (vec![format!("x{name}")], false),
        (vec!["y".into(), name.clone()], false),
        (vec![format!("a, b,\t {}", "x".repeat(59))], true),
        (vec![format!("a, b,\t {}", "x".repeat(60))], false),
    ] {
        let fields = || {
            let offers = offers.iter().map(|offer| ("Upgrade".to_string(), offer.clone()));
            [("Host".to_string(), "a".to_string())].into_iter().chain(offers)
        };
        let mut asker = Asker::new(&DEFAULT);
        let before = asker.connection.clone();
        let sent = asker.try_ask(&request("GET"), fields(), Content::Empty).map(|_| ());
        let mut lifecycle = Lifecycle::new(Instant::EPOCH, &DEFAULT);
        let mut facts = HeadFacts::request(request("GET").method(), Version::HTTP_11);
        fields().for_each(|(name, value)| facts.field_line(name.as_bytes(), value.as_bytes()));
        let other = lifecycle.head_to_send(Instant::EPOCH, &request("GET"), &facts, Content::Empty).map(|_| ());
        match fits {
            true => assert_eq!((sent, other), (Ok(()), Ok(()))),
            false => {
                assert_eq!((sent, other), (Err(Misuse::UpgradeTooLong.into()), Err(Misuse::UpgradeTooLong.into())));
                assert_eq!(asker.connection, before, "nothing has moved");
                asker.ask("GET").feed(&ok("")).assert_idle();
            }
        }
    }
    // output that is too small for the rest keeps nothing of the offer
    let mut asker = Asker::new(&DEFAULT);
    let fields = [("Host", "a"), ("Upgrade", "foo")];
    let whole = Asker::new(&DEFAULT).try_ask(&request("GET"), fields, Content::Empty).unwrap();
    for room in 0..whole.len() {
        let (before, mut out) = (asker.connection.clone(), vec![0; room].into_boxed_slice());
        asker.connection.send_request(asker.now, &request("GET"), fields, Content::Empty, &mut out).unwrap_err();
        assert_eq!(asker.connection, before, "{room}");
    }
}

proptest! {
    #[test]
    fn upg_07_a_switch_is_to_members_of_the_offer(
        offer in prop::collection::vec(select(&["a", "b", "A/1", "a/2", "websocket", "h2c"][..]), 1..6),
        named in prop::collection::vec(select(&["a", "B", "a/1", "a/2", "WebSocket", "x7498", "h2c", "", "@"][..]), 0..4),
    ) {
        let names: Vec<_> = named.iter().filter(|name| !name.is_empty()).collect();
        let may = !names.is_empty() && names.iter().all(|name| offer.iter().any(|one| one.eq_ignore_ascii_case(name)));
        let came = switch(&[&offer.join(", ")], &[&named.join(",")]);
        prop_assert_eq!(came.is_ok(), may, "{:?} {:?}", offer, named);
    }
}
