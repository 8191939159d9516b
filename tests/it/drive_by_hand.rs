//! A drive does what a loop by hand does: the same events, errors, deadlines and shuts at the same instants, and the same octets sent;
//! whatever comes, however it is split, however slowly it leaves, wherever it fails, and however late somebody looks.

use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

use http_keepalive::drive::Drive;
use http_keepalive::*;

use crate::cases;
use crate::drive_applications::{Answer, Answers, Ask, Asks, Length};
use crate::drive_loops::{by_hand, driven};
use crate::drive_world::{End, Failure, Script, World};

fn requests() -> impl Strategy<Value = Vec<u8>> {
    let one = select(vec![
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n",
        "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\nother",
        "\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX y\r\n\r\n",
        "GET /un",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nshort",
    ]);
    vec(one, 0..6).prop_map(|all| all.concat().into_bytes())
}

fn responses() -> impl Strategy<Value = Vec<u8>> {
    let one = select(vec![
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok",
        "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=3, max=2\r\nContent-Length: 2\r\n\r\nok",
        "\r\n",
        "junk",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\ncut",
    ]);
    vec(one, 0..6).prop_map(|all| all.concat().into_bytes())
}

fn scripts(octets: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Script> {
    let time = || prop_oneof![0..3000u64, 0..100_000u64].prop_map(|time| 1000 + time);
    let end = (time(), select(vec![End::Clean, End::Clean, End::Truncated, End::Fails]));
    let fails = (0..2000usize, select(vec![Failure::Write, Failure::Both]));
    (
        octets,
        vec((time(), 0..500usize), 0..5),
        weighted(0.7, end),
        vec(prop_oneof![1..8usize, 1..70usize, Just(10_000)], 1..4),
        prop_oneof![Just(vec![(0, 1 << 20)]), vec((time(), 1..400usize), 0..5)],
        vec(prop_oneof![1..8usize, 1..200usize, Just(1 << 20)], 1..4),
        weighted(0.2, fails),
        vec((time(), prop_oneof![0..2000u64, 0..90_000u64]), 0..3),
        weighted(0.3, time()),
    )
        .prop_map(|(octets, mut arrivals, end, reads, windows, writes, write_fails, mut stops, drains)| {
            arrivals.sort_unstable();
            stops.sort_unstable();
            Script { octets, arrivals, end, reads, windows, writes, write_fails, stops, drains }
        })
}

fn answers() -> impl Strategy<Value = Vec<Answer>> {
    let statuses = vec![StatusCode::OK, StatusCode::OK, StatusCode::NOT_FOUND, StatusCode::NO_CONTENT];
    let lengths = vec![Length::Exact, Length::Unknown, Length::UntilClose, Length::Empty];
    let answer = (select(statuses), select(lengths), 0..3000usize, 1..2000usize);
    vec(answer.prop_map(|(status, length, octets, piece)| Answer { status, length, octets, piece }), 1..4)
}

fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let ask = (select(vec!["GET", "HEAD", "POST", "PUT"]), 0..3000usize, any::<bool>(), any::<bool>());
    vec(
        ask.prop_map(|(method, octets, chunked, expects)| {
            let has = matches!(method, "POST" | "PUT");
            Ask { method, octets: if has { octets } else { 0 }, chunked: chunked && has, expects: expects && has }
        }),
        0..5,
    )
}

/// Leniencies and limits that change what is told.
fn servers() -> impl Strategy<Value = Config<Server>> {
    let limits = (weighted(0.3, 1..4u32), weighted(0.3, 5..50u64));
    (limits, any::<bool>(), any::<bool>()).prop_map(|((exchanges, content), aborts, duck)| {
        let limits = Limits::DEFAULT.with_max_exchanges(exchanges).with_content(content);
        let mut policy = Policy::DEFAULT;
        if aborts {
            policy.half_close = HalfClose::Abort;
        }
        if duck {
            policy.drain_mode = DrainMode::LameDuck;
        }
        Config::new(limits, Timeouts::DEFAULT, policy).expect("within bounds")
    })
}

proptest! {
    #![proptest_config(cases::property(2000, 500))]

    #[test]
    fn of_a_server(script in scripts(requests()), answers in answers(), config in servers(), seed in any::<u64>()) {
        let config: &'static Config<Server> = Box::leak(Box::new(config));
        let application = Answers { answers: &answers, at: 0, left: None };
        let connection = || Connection::<Server>::new(Instant::from_millis(1000), config).with_seed(seed);
        let (mut drive, mut hand) = (World::new(&script), World::new(&script));
        driven(&mut drive, Drive::of(connection(), Vec::new(), Vec::new()).with_tunnels(), &mut application.clone());
        by_hand(&mut hand, connection(), &mut application.clone());
        prop_assert_eq!(drive.log, hand.log);
        prop_assert_eq!(String::from_utf8_lossy(&drive.sent), String::from_utf8_lossy(&hand.sent));
    }

    #[test]
    fn of_a_client(script in scripts(responses()), asks in asks(), knows in any::<bool>()) {
        static CONFIG: Config<Client<4>> = Config::<Client<4>>::DEFAULT;
        let application = Asks { asks: &asks, at: 0, left: 0 };
        let connection = || {
            let mut connection = Connection::<Client<4>>::new(Instant::from_millis(1000), &CONFIG);
            if knows {
                connection.knows_http11();
            }
            connection
        };
        let (mut drive, mut hand) = (World::new(&script), World::new(&script));
        driven(&mut drive, Drive::of(connection(), Vec::new(), Vec::new()).with_tunnels(), &mut application.clone());
        by_hand(&mut hand, connection(), &mut application.clone());
        prop_assert_eq!(drive.log, hand.log);
        prop_assert_eq!(String::from_utf8_lossy(&drive.sent), String::from_utf8_lossy(&hand.sent));
    }
}
