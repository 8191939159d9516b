//! The fast paths of receiving, each against the path that knows every case: the same octets, in the same pieces, come to the same outcome
//! and to the same state.
#![cfg(test)]

use core::fmt::Debug;
use std::format;
use std::vec::Vec;

use proptest::prelude::*;

use crate::config::{Client, Config, Limits, Server};
use crate::connection::Connection;
use crate::connection::event::Outcome;
use crate::connection::receive::Reading;
use crate::connection::role::Role;
use crate::message::announcement::Content;
use crate::message::fields_to_send::NO_FIELDS;
use crate::message::method::Method;
use crate::message::request::Request;
use crate::status::StatusCode;
use crate::time::Instant;

const NOW: Instant = Instant::from_secs(1000);

/// What a peer may say: heads, content and framing that are usual, and such as are not.
const REQUESTS: &[&[u8]] = &[
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n05;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
    b"\r\nGET /a HTTP/1.0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX",
];
const RESPONSES: &[&[u8]] = &[
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nG\r\n",
    b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc",
    b"\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
];

/// Offers the octets in these pieces to both paths.
fn compare<R: Role + Debug>(
    mut fast: Connection<R, &Config<R>>,
    octets: &[u8],
    pieces: &[usize],
    mut between: impl FnMut(&mut Connection<R, &Config<R>>),
) -> Result<(), TestCaseError> {
    let (mut from, mut to, mut full) = (0, 0, fast.clone());
    for piece in pieces.iter().copied().chain([octets.len()]) {
        to = (to + piece).min(octets.len());
        for _ in 0..16 {
            let offered = &octets[from..to];
            // the end of a message that was known to be complete is told by `receive` alone
            let other = match full.reading {
                Reading::End => full.receive(NOW, offered),
                _ => full.receive_next(NOW, offered, None),
            };
            let one = fast.receive(NOW, offered);
            prop_assert_eq!(&one, &other, "offered {:?}", offered.escape_ascii());
            prop_assert_eq!(&fast, &full, "after {:?}", offered.escape_ascii());
            let Ok(received) = one else { return Ok(()) };
            from += received.consumed;
            between(&mut fast);
            full = fast.clone();
            if !matches!(received.outcome, Outcome::Event(_)) {
                break;
            }
        }
    }
    Ok(())
}

fn several(of: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(proptest::sample::select(of), 1..4).prop_map(|messages| messages.concat())
}

fn pieces() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(prop_oneof![1..4usize, 1..40usize], 0..80)
}

proptest! {
    #[test]
    fn a_server_receives_on_the_fast_paths_what_it_receives_on_the_full_one(
        octets in several(REQUESTS),
        pieces in pieces(),
        limit in prop_oneof![Just(None), Just(Some(4))],
        answers in any::<bool>(),
    ) {
        let limits = Limits::DEFAULT.with_content(limit);
        let config = Config::new(limits, *Config::<Server>::DEFAULT.timeouts(), *Config::<Server>::DEFAULT.policy());
        let config = config.expect("settings that fit");
        let mut out = [0; 512];
        compare(Connection::new(NOW, &config), &octets, &pieces, |connection| {
            if answers && connection.wants().application.is_some() {
                let _ = connection.send_response(NOW, StatusCode::OK, NO_FIELDS, Content::Exact(0), &mut out);
                connection.handle_sent(NOW, connection.octets_pending());
            }
        })?;
    }

    #[test]
    fn a_client_receives_on_the_fast_paths_what_it_receives_on_the_full_one(
        octets in several(RESPONSES),
        pieces in pieces(),
        head in any::<bool>(),
    ) {
        let config = Config::<Client<4>>::DEFAULT;
        let (mut connection, mut out) = (Connection::<Client<4>, _>::new(NOW, &config), [0; 512]);
        let mut ask = |connection: &mut Connection<Client<4>, &Config<Client<4>>>| {
            let request = Request::new(Method::new(if head { b"HEAD" } else { b"GET" }), b"/");
            let _ = connection.send_request(NOW, &request, [("Host", "a")], Content::Empty, &mut out);
            connection.handle_sent(NOW, connection.octets_pending());
        };
        connection.knows_http11();
        ask(&mut connection);
        ask(&mut connection);
        compare(connection, &octets, &pieces, |connection| ask(connection))?;
    }
}

/// The comparison sees what it compares: a state that moved on one path alone is seen.
#[test]
fn a_difference_is_seen() {
    let config = Config::<Server>::DEFAULT;
    let (one, mut other) = (Connection::<Server, _>::new(NOW, &config), Connection::<Server, _>::new(NOW, &config));
    assert_eq!(one, other);
    other.receive(NOW, b"G").expect("half a head");
    assert_ne!(format!("{one:?}"), format!("{other:?}"));
    assert_ne!(one, other);
}
