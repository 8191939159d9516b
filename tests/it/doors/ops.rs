//! What happens to a pair, one after the other: what comes, what is due, what an application does.

use std::time::Duration;

use http_keepalive::{
    Client, Connection, ContentUse, Eof, HeadFacts, Lifecycle, Method, ReadWant, Request, Response, Server, StatusCode,
    Turn, Version,
};
use proptest::prelude::*;

use super::{CONTENTS, Doors, Pair, same};

/// A client of which two requests may be outstanding.
pub type Two = Client<2>;

/// What happens next.
#[derive(Clone, Copy, Debug)]
pub enum Op {
    Arrive(u8),
    /// What the connection asks for is done, and of an application this.
    Obey(usize),
    Respond(u16, usize),
    Interim(u16),
    Refuse,
    Ask(usize, usize, bool),
    Content(u8),
    End,
    Sent(u8),
    Wait(u16),
    Expire,
    /// So much time goes on before anybody looks at what is due: octets may come first.
    Lag(u16),
    /// The next deadline is noticed late by so much, and a look that it asks for finds this.
    Late(u16, Found),
    Look,
    Eof,
    /// The peer's side ends without the closure alert that TLS owes.
    Truncated,
    Drain,
    Abort,
    Failed,
    /// A write failed, and reading may go on.
    WriteFailed,
    /// The exchange gets timeouts of its own.
    OwnTimeouts,
    /// The driver refuses the request that is open, or the next one.
    TurnAway(u16),
    /// The application will not answer, or not go on.
    Gone,
    /// The place of the connection is needed.
    FreePlace,
    /// A last response, which says so, or one as HTTP/1.0.
    RespondAs(bool, usize),
    Shut,
    NothingLeft,
    Use(ContentUse),
}

/// What a look finds.
#[derive(Clone, Copy, Debug)]
pub enum Found {
    /// So many octets, which came or left.
    Octets(u8),
    Nothing,
    End,
}

const USES: &[ContentUse] = &[ContentUse::Undecided, ContentUse::Reading, ContentUse::Paused, ContentUse::Dropped];

fn found() -> impl Strategy<Value = Found> {
    prop_oneof![4 => (1..60u8).prop_map(Found::Octets), 3 => Just(Found::Nothing), 1 => Just(Found::End)]
}

fn of_both() -> impl Strategy<Value = Op> {
    prop_oneof![
        30 => prop_oneof![any::<u8>(), 0..8u8].prop_map(Op::Arrive),
        20 => (0..CONTENTS.len()).prop_map(Op::Obey),
        4 => (0..12u8).prop_map(Op::Content),
        4 => Just(Op::End),
        8 => prop_oneof![Just(255u8), 0..90u8].prop_map(Op::Sent),
        6 => (0..200u16).prop_map(Op::Wait),
        4 => Just(Op::Expire),
        2 => (0..400u16).prop_map(Op::Lag),
        4 => (0..400u16, found()).prop_map(|(late, found)| Op::Late(late, found)),
        1 => Just(Op::Look),
        2 => Just(Op::Eof),
        1 => Just(Op::Truncated),
        1 => Just(Op::Drain),
        1 => Just(Op::Abort),
        1 => Just(Op::Failed),
        1 => Just(Op::WriteFailed),
        2 => Just(Op::OwnTimeouts),
        2 => Just(Op::Shut),
        3 => proptest::sample::select(USES).prop_map(Op::Use),
    ]
}

pub fn of_server() -> impl Strategy<Value = Op> {
    let status = prop_oneof![6 => Just(200u16), 1 => proptest::sample::select(&[204u16, 304, 404, 101, 426, 205, 503, 100, 999][..])];
    prop_oneof![
        20 => of_both(),
        4 => (status, 0..CONTENTS.len()).prop_map(|(status, content)| Op::Respond(status, content)),
        1 => (any::<bool>(), 0..CONTENTS.len()).prop_map(|(closes, content)| Op::RespondAs(closes, content)),
        1 => (100..105u16).prop_map(Op::Interim),
        1 => Just(Op::Refuse),
        1 => proptest::sample::select(&[503u16, 431, 200][..]).prop_map(Op::TurnAway),
        1 => Just(Op::Gone),
        1 => Just(Op::FreePlace),
    ]
}

pub fn of_client() -> impl Strategy<Value = Op> {
    prop_oneof![
        20 => of_both(),
        8 => (0..REQUESTS.len(), 0..CONTENTS.len(), proptest::bool::weighted(0.1))
            .prop_map(|(request, content, close)| Op::Ask(request, content, close)),
        1 => Just(Op::NothingLeft),
    ]
}

const fn tenths_of_seconds(tenths: u16) -> Duration {
    Duration::from_millis(tenths as u64 * 100)
}

/// What both roles do alike; `false`: what a role does of its own.
fn act<R: Doors>(pair: &mut Pair<'_, R>, op: Op) -> bool {
    match op {
        Op::Arrive(octets) => pair.arrive(octets.into()),
        Op::Content(octets) => pair.content(octets.into()),
        Op::End => pair.end(),
        Op::Sent(octets) => {
            let octets = pair.connection.octets_pending().min(if octets == 255 { u64::MAX } else { octets.into() });
            pair.both(|it, now| it.handle_sent(now, octets), |it, now| it.handle_sent(now, octets));
        }
        Op::Wait(tenths) => pair.until(pair.now + tenths_of_seconds(tenths)),
        Op::Lag(tenths) => {
            let now = pair.now + tenths_of_seconds(tenths);
            pair.look_before(now);
            pair.now = now;
            // nothing is offered
            return true;
        }
        Op::Late(tenths, found) => {
            let Some(due) = pair.next_deadline() else { return true };
            pair.until(due.at + tenths_of_seconds(tenths));
            let wants = pair.connection.wants();
            let next = match (wants.read == ReadWant::LookOnce, wants.flush_once, found) {
                (true, _, Found::Octets(octets)) => Op::Arrive(octets),
                (true, _, Found::Nothing) => Op::Look,
                (true, _, Found::End) => Op::Eof,
                (_, true, Found::Octets(octets)) => Op::Sent(octets),
                (_, true, _) => Op::Sent(0),
                _ => return true,
            };
            return act(pair, next);
        }
        Op::Expire => {
            if let Some(due) = pair.next_deadline() {
                pair.until(due.at);
            }
        }
        Op::Look => pair.both(Connection::nothing_to_read, Lifecycle::nothing_to_read),
        Op::Eof => pair.close(Eof::Clean),
        Op::Truncated => pair.close(Eof::Truncated),
        Op::Drain => pair.both(Connection::close_after_exchange, Lifecycle::close_after_exchange),
        Op::Abort => pair.both(Connection::abort, Lifecycle::abort),
        Op::Failed => pair.both(Connection::transport_failed, Lifecycle::transport_failed),
        // what a connection has not consumed counts as dropped then, of a lifecycle it has been told before
        Op::WriteFailed if pair.drops_little() => return true,
        Op::WriteFailed => pair.both(Connection::write_failed, Lifecycle::write_failed),
        Op::OwnTimeouts => {
            let own = pair.connection.exchange_timeouts(pair.now, R::own());
            let other = pair.lifecycle.exchange_timeouts(pair.now, R::own());
            same(other, own, "given timeouts of its own");
        }
        Op::Shut => pair.both(Connection::handle_shut, Lifecycle::handle_shut),
        Op::Use(said) => {
            // a connection tells the end of content later than its last octet, and until then it is no mistake
            let own = pair.connection.content_use(pair.now, said);
            let other = pair.lifecycle.content_use(pair.now, said);
            assert_eq!(own, other, "the lifecycle, and the connection");
        }
        Op::Obey(content) => {
            let wants = pair.connection.wants();
            let next = match (wants.shut, wants.read, wants.flush, wants.application) {
                (Some(_), ..) => Op::Shut,
                (_, ReadWant::LookOnce, ..) => Op::Look,
                _ if wants.flush_once => Op::Sent(0),
                _ if wants.take_content => Op::Use(ContentUse::Reading),
                (_, _, true, _) => Op::Sent(255),
                (.., Some(Turn::Content)) => {
                    pair.content(5);
                    Op::End
                }
                (.., Some(Turn::Refuse(_))) => Op::Refuse,
                (.., Some(Turn::Continue)) => Op::Interim(100),
                (.., Some(Turn::Respond)) => Op::Respond(200, content),
                _ => Op::Arrive(255),
            };
            return match next {
                Op::Refuse | Op::Interim(_) | Op::Respond(..) => false,
                next => act(pair, next),
            };
        }
        _ => return false,
    }
    pair.pump();
    true
}

pub fn serve(pair: &mut Pair<'_, Server>, op: Op) -> bool {
    if act(pair, op) {
        return true;
    }
    let op = match (op, pair.connection.wants().application) {
        (Op::Obey(_), Some(Turn::Refuse(_))) => Op::Refuse,
        (Op::Obey(_), Some(Turn::Continue)) => Op::Interim(100),
        (Op::Obey(content), _) => Op::Respond(200, content),
        (op, _) => op,
    };
    let (now, mut out) = (pair.now, [0; 500]);
    match op {
        Op::TurnAway(code) => {
            let status = StatusCode::new(code).expect("three digits");
            same(pair.lifecycle.refuse(now, status), pair.connection.refuse(now, status), "that refuses");
        }
        Op::Gone => {
            same(
                pair.lifecycle.application_gone(now),
                pair.connection.application_gone(now),
                "whose application is gone",
            );
        }
        Op::FreePlace if pair.lifecycle.idleness() != pair.connection.idleness() => {}
        Op::FreePlace => {
            same(pair.lifecycle.free_place(now), pair.connection.free_place(now), "whose place is needed");
        }
        Op::RespondAs(closes, content) => {
            let version = if closes { Version::HTTP_11 } else { Version::HTTP_10 };
            let response = Response::new(StatusCode::OK).with_close(closes).with_version(version);
            let sent =
                pair.connection.send_response(now, response, http_keepalive::NO_FIELDS, CONTENTS[content], &mut out);
            let announce = pair.lifecycle.head_to_send(now, response, CONTENTS[content]);
            assert_eq!(announce.err(), sent.err(), "the lifecycle, and the connection");
            if let Ok(octets) = sent {
                pair.announced(octets);
            }
        }
        Op::Respond(code, content) => {
            let status = StatusCode::new(code).expect("three digits");
            let upgrade = [("Upgrade", "foo")];
            let fields = if matches!(code, 101 | 426) { &upgrade[..] } else { &[] };
            let sent = pair.connection.send_response(now, status, fields, CONTENTS[content], &mut out);
            let announce = pair.lifecycle.head_to_send(now, status, CONTENTS[content]);
            assert_eq!(announce.err(), sent.err(), "the lifecycle, and the connection");
            if let Ok(octets) = sent {
                pair.announced(octets);
            }
        }
        Op::Interim(code) => {
            let status = StatusCode::new(code).expect("three digits");
            let sent = pair.connection.send_interim(now, status, http_keepalive::NO_FIELDS, &mut out);
            let says = pair.lifecycle.interim_to_send(now, status);
            assert_eq!(says, sent.map(|octets| octets > 0), "the lifecycle, and the connection");
            if let Ok(octets @ 1..) = sent {
                pair.announced(octets);
            }
        }
        Op::Refuse => {
            let sent = pair.connection.send_refusal(now, http_keepalive::NO_FIELDS, &mut out);
            let mut own = [0; 500];
            let said = pair.lifecycle.send_refusal(now, http_keepalive::NO_FIELDS, &mut own);
            if let (Ok(octets), Ok(own)) = (sent, said) {
                if octets < own {
                    // of a head that did not come to its end only the connection knows that it is one of HEAD
                    assert!(out[..octets].ends_with(b"\r\n\r\n"));
                    return false;
                }
            }
            assert_eq!(said, sent, "the lifecycle, and the connection");
            assert_eq!(out, own, "the octets of the connection, and of the lifecycle");
        }
        other => unreachable!("{other:?} is a client's"),
    }
    pair.pump();
    true
}

/// A method, a target, and a field line of the caller's.
type Own = (&'static str, &'static str, Option<(&'static str, &'static str)>);

const REQUESTS: &[Own] = &[
    ("GET", "/", None),
    ("POST", "/", None),
    ("PUT", "/", Some(("Expect", "100-continue"))),
    ("HEAD", "/", None),
    ("GET", "/", Some(("Upgrade", "foo"))),
    ("CONNECT", "a:80", None),
];

pub fn ask(pair: &mut Pair<'_, Two>, op: Op) -> bool {
    if act(pair, op) {
        return true;
    }
    let now = pair.now;
    match op {
        Op::Ask(request, content, close) => {
            let (method, target, own) = REQUESTS[request];
            let request = Request::new(Method::new(method.as_bytes()), target.as_bytes()).with_close(close);
            let fields: Vec<_> = [("Host", "a:80")].into_iter().chain(own).collect();
            let mut facts = HeadFacts::request(request.method(), Version::HTTP_11);
            fields.iter().for_each(|(name, value)| facts.field_line(name.as_bytes(), value.as_bytes()));
            let content = CONTENTS[content];
            let sent = pair.connection.send_request(now, &request, fields.as_slice(), content, &mut [0; 500]);
            let announce = pair.lifecycle.head_to_send(now, &request, &facts, content);
            assert_eq!(announce.err(), sent.err(), "the lifecycle, and the connection");
            if let Ok(octets) = sent {
                pair.announced(octets);
            }
        }
        Op::NothingLeft => {
            pair.both(Connection::nothing_left, Lifecycle::nothing_left);
            return true;
        }
        other => unreachable!("{other:?} is a server's"),
    }
    pair.pump();
    true
}
