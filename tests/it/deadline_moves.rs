//! Which calls may move a deadline earlier: those that the documentation of `Connection` names, and no other.
//!
//! Every sequence of a few calls is tried, from every state that they reach, and the calls after which something is due earlier than before
//! are compared with the list.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use http_keepalive::*;

use crate::common::offer;

const NOW: Instant = Instant::from_secs(1000);

type On<R> = Connection<R, &'static Config<R>>;
type Call<R> = (&'static str, fn(&mut On<R>, Instant));

const LAST: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// Every timeout is on, each of its own length.
fn timeouts(timeouts: Timeouts) -> Timeouts {
    let some = |seconds| Some(Duration::from_secs(seconds));
    timeouts
        .with_content_rate(Some(10))
        .with_application(some(21))
        .with_response(some(22))
        .with_send_rate(Some(10))
        .with_half_closed(some(23))
        .with_exchange(some(70))
}

static SERVER: std::sync::LazyLock<Config<Server>> = std::sync::LazyLock::new(|| {
    Config::new(Limits::DEFAULT, timeouts(Timeouts::DEFAULT), Policy::DEFAULT).expect("within bounds")
});
/// Without those of the application, which bound what it has still to begin.
static PATIENT: std::sync::LazyLock<Config<Server>> = std::sync::LazyLock::new(|| {
    let timeouts = timeouts(Timeouts::DEFAULT)
        .with_application(None)
        .with_exchange(None)
        .with_write_stall(Timeouts::DEFAULT.content_gap);
    Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds")
});
static CLIENT: std::sync::LazyLock<Config<Client<2>>> = std::sync::LazyLock::new(|| {
    Config::new(Limits::DEFAULT, timeouts(Timeouts::CLIENT), Policy::DEFAULT).expect("within bounds")
});

/// For one exchange: each less than that of the connection.
static SHORT: std::sync::LazyLock<Config<Server>> = std::sync::LazyLock::new(|| {
    let some = |seconds| Some(Duration::from_secs(seconds));
    let short = timeouts(Timeouts::DEFAULT).with_application(some(3)).with_exchange(some(5)).with_content_gap(some(4));
    Config::new(Limits::DEFAULT, short, Policy::DEFAULT).expect("within bounds")
});

fn of_both<R: Role>() -> Vec<Call<R>> {
    vec![
        ("receive", |it, now| offer(it, now, b"ab")),
        ("receive", |it, now| offer(it, now, b"\r\n")),
        ("receive", |it, now| drop(it.receive(now, b""))),
        ("receive_eof", |it, now| drop(it.receive_eof(now, Eof::Clean))),
        ("skip_content", |it, now| _ = it.skip_content(now, it.contiguous_content().min(2))),
        ("content_use", |it, now| _ = it.content_use(now, ContentUse::Paused)),
        ("content_use", |it, now| _ = it.content_use(now, ContentUse::Reading)),
        ("content_use", |it, now| _ = it.content_use(now, ContentUse::Dropped)),
        ("handle_sent", |it, now| it.handle_sent(now, it.octets_pending())),
        ("handle_sent", |it, now| it.handle_sent(now, 0)),
        ("handle_shut", |it, now| it.handle_shut(now)),
        ("handle_timeout", |it, now| _ = it.handle_timeout(now)),
        ("nothing_to_read", |it, now| it.nothing_to_read(now)),
        ("close_after_exchange", |it, now| it.close_after_exchange(now)),
        ("send_content", |it, now| _ = it.send_content(now, b"y", &mut [0; 99])),
        ("frame_content", |it, now| drop(it.frame_content(now, 1))),
        ("send_end", |it, now| _ = it.send_end(now, NO_FIELDS, &mut [0; 99])),
        ("write_failed", |it, now| it.write_failed(now)),
        ("abort", |it, now| it.abort(now)),
        ("transport_failed", |it, now| it.transport_failed(now)),
    ]
}

fn of_server() -> Vec<Call<Server>> {
    let own: [Call<Server>; 15] = [
        ("receive", |it, now| offer(it, now, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")),
        ("receive", |it, now| offer(it, now, b"GET")),
        ("receive", |it, now| offer(it, now, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n")),
        ("receive", |it, now| {
            offer(it, now, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
        }),
        ("receive", |it, now| offer(it, now, b"GET / HTTP/1.1\r\n\r\n")),
        ("send_continue", |it, now| _ = it.send_continue(now, &mut [0; 99])),
        ("send_interim", |it, now| _ = it.send_interim(now, StatusCode::EARLY_HINTS, NO_FIELDS, &mut [0; 99])),
        ("send_response", |it, now| {
            _ = it.send_response(now, StatusCode::OK, NO_FIELDS, Content::Empty, &mut [0; 999]);
        }),
        ("send_response", |it, now| {
            _ = it.send_response(now, StatusCode::OK, NO_FIELDS, Content::Exact(1), &mut [0; 999]);
        }),
        ("send_response", |it, now| {
            _ = it.send_response(now, StatusCode::OK, NO_FIELDS, Content::UntilClose, &mut [0; 999]);
        }),
        ("send_refusal", |it, now| _ = it.send_refusal(now, NO_FIELDS, &mut [0; 999])),
        ("exchange_timeouts", |it, now| _ = it.exchange_timeouts(now, &SHORT)),
        ("refuse", |it, now| _ = it.refuse(now, StatusCode::SERVICE_UNAVAILABLE)),
        ("application_gone", |it, now| _ = it.application_gone(now)),
        ("free_place", |it, now| _ = it.free_place(now)),
    ];
    [of_both(), own.to_vec()].concat()
}

fn of_client() -> Vec<Call<Client<2>>> {
    fn ask(it: &mut On<Client<2>>, now: Instant, method: &[u8], content: Content) {
        let request = Request::new(Method::new(method), b"/");
        _ = it.send_request(now, &request, [("Host", "a")], content, &mut [0; 999]);
    }
    let own: [Call<Client<2>>; 8] = [
        ("receive", |it, now| offer(it, now, b"HTTP/1.1 ")),
        ("receive", |it, now| offer(it, now, b"HTTP/1.1 100 Continue\r\n\r\n")),
        ("receive", |it, now| offer(it, now, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")),
        ("receive", |it, now| offer(it, now, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")),
        ("send_request", |it, now| ask(it, now, b"GET", Content::Empty)),
        ("send_request", |it, now| ask(it, now, b"POST", Content::Exact(1))),
        ("nothing_left", |it, now| it.nothing_left(now)),
        ("knows_http11", |it, _| it.knows_http11()),
    ];
    [of_both(), own.to_vec()].concat()
}

/// The calls after which something is due earlier, or at all.
fn earlier<R: Role>(start: On<R>, calls: &[Call<R>], length: usize) -> BTreeSet<&'static str> {
    let (mut found, mut known) = (BTreeSet::new(), HashSet::new());
    known.insert(start.canonical(NOW));
    let mut frontier = vec![(start, NOW)];
    for _ in 0..length {
        let mut next = Vec::new();
        for (connection, then) in frontier {
            let before = connection.next_deadline().map_or(Instant::MAX, |due| due.at);
            // at once, a while later, and when it is due
            let due = if before == Instant::MAX { then } else { before.max(then) };
            for now in [then, then + Duration::from_secs(1), due] {
                for (name, call) in calls {
                    let mut reached = connection.clone();
                    call(&mut reached, now);
                    if reached.next_deadline().is_some_and(|due| due.at < before) {
                        found.insert(*name);
                    }
                    if known.insert(reached.canonical(now)) {
                        next.push((reached, now));
                    }
                }
            }
        }
        frontier = next;
    }
    found
}

/// The names that the documentation lists.
fn listed() -> BTreeSet<String> {
    let source = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/connection/mod.rs"));
    let source = source.expect("it is there").replace("\n///", "");
    let (_, rest) = source.split_once("**What may move a deadline earlier**").expect("a list");
    let (list, _) = rest.split_once(". Ask for").expect("its end");
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn no_call_moves_a_deadline_earlier_but_those_that_the_documentation_lists() {
    let (server, client) = std::thread::scope(|scope| {
        let server = scope.spawn(|| {
            let mut found = earlier(Connection::new(NOW, &*SERVER), &of_server(), 3);
            // what takes longer: content to send, and a last response that has left
            for (request, content) in [("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Content::Unknown), (LAST, Content::Empty)]
            {
                let mut begun = Connection::new(NOW, &*SERVER);
                offer(&mut begun, NOW, request.as_bytes());
                let sent = begun.send_response(NOW, StatusCode::OK, NO_FIELDS, content, &mut [0; 999]);
                begun.handle_sent(NOW, sent.expect("it is due") as u64);
                found.append(&mut earlier(begun, &of_server(), 2));
            }
            found
        });
        (server.join().expect("no panic"), earlier(Connection::new(NOW, &*CLIENT), &of_client(), 4))
    });
    // two are due at once, and the second is told after the look for the first
    let mut begun = Connection::new(NOW, &*PATIENT);
    offer(&mut begun, NOW, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n");
    let sent = begun.send_response(NOW, StatusCode::OK, NO_FIELDS, Content::Unknown, &mut [0; 999]);
    assert!(sent.is_ok());
    let both = earlier(begun.clone(), &of_server(), 2);
    // the same where nobody takes the look, and it is over
    let mut asked = begun;
    for after in [20, 21] {
        assert!(asked.handle_timeout(NOW + Duration::from_secs(after)).is_some());
    }
    let over = earlier(asked, &of_server(), 1);
    let patient = earlier(Connection::new(NOW, &*PATIENT), &of_server(), 3);
    let seen: BTreeSet<_> =
        server.iter().chain(&client).chain(&patient).chain(&both).chain(&over).map(|name| (*name).to_owned()).collect();
    assert_eq!(seen, listed());
}
