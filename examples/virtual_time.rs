//! Tests of a program that uses this crate: a client's connection against a server's, in memory and in virtual time. They teach how a year of
//! idleness is tested in a millisecond, and a race at the instant at which it is lost: no socket, no thread, no sleep.
//! `cargo test -p virtual-time-example`. To be copied: `turn` is the whole network.
#![forbid(unsafe_code)]

use http_keepalive::retry::{Advice, RetryReason};
use http_keepalive::{drive::*, *};
use std::time::Duration;

type Side<R> = Drive<R, Vec<u8>>;

/// One step of one side, which `answer`s where it is asked to; what it was told goes into `told`. `false`: it waits, for its peer or for time.
fn turn<R: DriveRole, P: DriveRole>(
    now: Instant,
    (this, peer): (&mut Side<R>, &mut Side<P>),
    told: &mut Vec<String>,
    answer: impl Fn(&mut Side<R>),
) -> bool {
    match this.poll(now) {
        Step::Event(Event::Request(head)) => told.push(format!("{} {}", head.method.as_str(), head.target.as_str())),
        Step::Event(Event::Response(head)) => told.push(head.status.as_u16().to_string()),
        Step::Event(Event::Content(piece)) => told.push(String::from_utf8_lossy(piece).into()),
        Step::Expired(deadline) => told.push(format!("{:?}", deadline.kind)),
        Step::Respond => answer(this),
        Step::Transport(Transport { write: Attempt::No, read: Attempt::Look }) => this.looked_nothing(now),
        Step::Transport(Transport { write: Attempt::No, .. }) | Step::Closed => return false,
        Step::Transport(_) => {
            let octets = this.unsent().len().min(peer.room().len());
            peer.room()[..octets].copy_from_slice(&this.unsent()[..octets]);
            peer.read(octets);
            this.wrote(now, octets);
        }
        Step::Shut(_) => {
            peer.eof(Eof::Clean);
            this.shut_done(now);
        }
        _ => {}
    }
    true
}

/// Both sides, until both wait: what they were told. Each request is answered.
fn settle(now: Instant, client: &mut Side<Client>, server: &mut Side<Server>) -> Vec<String> {
    let mut told = Vec::new();
    let answer = |server: &mut Side<Server>| {
        server.respond_with(now, StatusCode::OK, NO_FIELDS, b"hello").unwrap();
    };
    while turn(now, (client, server), &mut told, |_| {}) | turn(now, (server, client), &mut told, answer) {}
    told
}

/// A connection that has just opened: both of its sides.
fn open(now: Instant) -> (Side<Client>, Side<Server>) {
    let client = Drive::new(now, &Config::DEFAULT, Vec::new(), Vec::new());
    (client, Drive::new(now, &Config::DEFAULT, Vec::new(), Vec::new()))
}

fn ask(now: Instant, client: &mut Side<Client>, method: &[u8]) {
    client.request(now, &Request::new(Method::new(method), b"/"), [("Host", "a")], Content::Empty).unwrap();
}

#[test]
fn a_connection_carries_a_request_after_a_pause() {
    let mut now = Instant::from_secs(1);
    let (mut client, mut server) = open(now);
    for _ in 0..3 {
        ask(now, &mut client, b"GET");
        assert_eq!(settle(now, &mut client, &mut server), ["GET /", "200", "hello"]);
        now = now + Duration::from_secs(50);
    }
    assert_eq!(server.connection().lifecycle().exchanges(), 3);
}

/// By default a client's limit is shorter than a server's, so that no request meets the server's close.
#[test]
fn an_idle_connection_ends_at_the_deadline_of_its_client_and_not_before() {
    let now = Instant::from_secs(1);
    let (mut client, mut server) = open(now);
    ask(now, &mut client, b"GET");
    settle(now, &mut client, &mut server);
    let deadline = client.next_deadline().expect("nobody stays for ever").at;
    assert_eq!(deadline, now + Duration::from_secs(60));
    let before = Instant::from_nanos(deadline.as_nanos() - 1);
    client.timeout(before);
    assert_eq!(settle(before, &mut client, &mut server), [""; 0]);
    client.timeout(deadline);
    assert_eq!(settle(deadline, &mut client, &mut server), ["Idle"]);
    assert_eq!(client.reusable(deadline), Reusable::No(CloseReason::IdleTimeout));
    assert_eq!(server.connection().ended_by(), Some(CloseReason::PeerClosed));
}

/// The race of every idle connection (RFC 9112 9.5): the server closes while a request is on its way.
#[test]
fn a_request_that_meets_the_close_is_repeated_only_if_twice_is_as_once() {
    for (method, advice, reason) in
        [("GET", Advice::Retry, RetryReason::Idempotent), ("POST", Advice::Ask, RetryReason::NotIdempotent)]
    {
        let now = Instant::from_secs(1);
        let (mut client, mut server) = open(now);
        ask(now, &mut client, b"GET");
        settle(now, &mut client, &mut server);
        // the server's deadline passes, and its look finds nothing: it closes
        let deadline = server.next_deadline().expect("nobody stays for ever").at;
        server.timeout(deadline);
        let mut unsent = open(deadline).0;
        while turn(deadline, (&mut server, &mut unsent), &mut Vec::new(), |_| {}) {}
        assert!(server.connection().is_closed());
        // a moment before that the client has sent: what left meets nobody
        ask(now, &mut client, method.as_bytes());
        let Step::Transport(Transport { write: Attempt::Wait, .. }) = client.poll(now) else {
            panic!("a request waits")
        };
        client.wrote(now, client.unsent().len());
        client.eof(Eof::Clean);
        while turn(deadline, (&mut client, &mut server), &mut Vec::new(), |_| {}) {}
        let lost = client.connection().unanswered().next().expect("nobody has answered");
        assert_eq!((lost.verdict().advice, lost.verdict().reason), (advice, reason));
    }
}

#[test]
fn half_a_head_is_answered_408_in_time() {
    let mut now = Instant::from_secs(1);
    let (mut reader, mut server) = open(now); // the one who reads is never polled: what came for it stays as it is
    let half = b"GET / HTTP/1.1\r\nHos";
    server.room()[..half.len()].copy_from_slice(half);
    server.read(half.len());
    let mut told = Vec::new();
    while !reader.received().starts_with(b"HTTP/1.1 408 ") {
        while turn(now, (&mut server, &mut reader), &mut told, |_| panic!("there is no request")) {}
        now = server.next_deadline().expect("somebody is waited for").at;
        server.timeout(now);
    }
    assert_eq!(told, ["Head"]);
}
