//! The canonical value of a state: the same story told at another time comes to an equal one, and states of one value have the same
//! future, whatever is called next. Of both roles, through both doors, parked and not.

#[path = "canonical/law.rs"]
mod law;
#[path = "canonical/subject.rs"]
mod subject;

use std::time::Duration;

use http_keepalive::*;
use http_keepalive::{Content as Length, Eof as End};
use law::{Begin, Letters, Reached, have_two_values, shifted};
use proptest::prelude::*;
use subject::{Bare, Call, Pause, Subject, Whole};

use Call::*;

const fn secs(secs: u64) -> Option<Duration> {
    Some(Duration::from_secs(secs))
}

const fn config<R: Role>(limits: Limits, timeouts: Timeouts, policy: Policy) -> Config<R> {
    match Config::new(limits, timeouts, policy) {
        Ok(config) => config,
        Err(_) => panic!("within bounds"),
    }
}

/// Every timeout is set, and no two are the same.
const TIMEOUTS: Timeouts = Timeouts::DEFAULT
    .with_first_octet(secs(31))
    .with_application(secs(41))
    .with_response(secs(43))
    .with_exchange(secs(83))
    .with_write_stall(secs(61))
    .with_half_closed(secs(53))
    .with_linger(secs(29))
    .with_drain(secs(37))
    .with_idle(secs(67))
    .with_idle_advertised(secs(59));

/// Little of everything is allowed, and all of it varies.
const NARROW: Limits = Limits::DEFAULT
    .with_max_exchanges(Some(3))
    .with_max_octets(Some(160))
    .with_content(Some(8))
    .with_linger_octets(Some(60))
    .with_unread_octets(Some(3))
    .with_empty_lines(1)
    .with_interim_responses(Some(2))
    .with_chunk_framing(Some(16))
    .with_jitter(20);

const SHORT: Timeouts = TIMEOUTS
    .with_age(secs(90))
    .with_drain_window(secs(4))
    .with_drain_spread(secs(6))
    .with_head_rate(Some(2))
    .with_content_rate(Some(1))
    .with_send_rate(Some(1))
    .with_hint_margin(None);

const OTHER: Policy = Policy::DEFAULT
    .with_idle_close(IdleClose::Staged)
    .with_half_close(HalfClose::Abort)
    .with_keep_alive_field(KeepAliveField::Always)
    .with_request_timeout_response(Use::Off)
    .with_stop_refused_content(Use::On)
    .with_read_unwanted_content(Use::On);

/// The usual one, a narrow one, and one where nothing is counted, whose age is announced, and that drains as a lame duck.
const fn configs<R: Role>() -> [Config<R>; 3] {
    [
        config(Limits::DEFAULT.with_max_exchanges(Some(4)), TIMEOUTS, Policy::DEFAULT),
        config(NARROW, SHORT, OTHER),
        config(
            Limits::DEFAULT
                .with_max_exchanges(None)
                .with_linger_octets(None)
                .with_unread_octets(Some(3))
                .with_empty_lines(1)
                .with_interim_responses(Some(2))
                .with_interim_octets(Some(60))
                .with_content(Some(9)),
            TIMEOUTS
                .with_exchange(None)
                .with_age(secs(75))
                .with_idle_shield(secs(8))
                .with_drain_window(secs(3))
                .with_head_rate(None)
                .with_content_rate(None)
                .with_half_closed(None)
                .with_send_rate(Some(100)),
            Policy::DEFAULT
                .with_read_unwanted_content(Use::On)
                .with_age_close(AgeClose::Announced)
                .with_drain_mode(DrainMode::LameDuck)
                .with_application_timeout_response(Use::On),
        ),
    ]
}

static SERVERS: [Config<Server>; 3] = configs();
static CLIENTS: [Config<Client<2>>; 3] = configs();
static PLAIN_CLIENTS: [Config<Client<1>>; 3] = configs();

const REST: [Call; 22] = [
    Eof(End::Clean),
    NothingToRead,
    Sent(0),
    Sent(1),
    SentAll,
    SentAll,
    Said(ContentUse::Paused),
    Said(ContentUse::Paused),
    Said(ContentUse::Reading),
    Said(ContentUse::Dropped),
    Said(ContentUse::Undecided),
    Shut,
    Failed,
    WriteFailed,
    OwnTimeouts,
    OwnTimeouts,
    Timeout,
    TimeoutOnce,
    Drain,
    Abort,
    Park,
    Park,
];

fn of_server() -> Letters {
    let heads = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "GET / HT",
        "TP/1.1\r\nHo",
        "st: a\r\n\r\n",
    ];
    let pieces = ["abcde", "ab", "3\r\nabc\r\n", "3\r\na", "0\r\n\r\n", "\r\n", "\r", "5;x", "0\r\nA: b\r\n\r\n", "\0"];
    let messages = heads.map(Arrive).into_iter().chain(pieces.map(Arrive)).collect();
    Letters {
        messages,
        requests: Vec::new(),
        answers: of_answers(),
        content: vec![Content(5), Content(2), Content(1), Frame(2), End],
        rest: REST
            .into_iter()
            .chain(of_driver())
            .chain([Skip(2), Skip(1), Refuse, Interim(100), Interim(103), Eof(End::Truncated)])
            .chain([Once("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Once(""), Once("abc")])
            .collect(),
    }
}

/// What a server's driver says of the whole.
fn of_driver() -> [Call; 5] {
    [TurnAway(503), TurnAway(431), Gone, FreePlace, FreePlace]
}

fn of_answers() -> Vec<Call> {
    vec![
        Respond(200, None, Length::Empty),
        Respond(200, None, Length::Exact(5)),
        Respond(200, None, Length::Unknown),
        Respond(200, None, Length::UntilClose),
        RespondAs(Version::HTTP_10, false, Length::Unknown),
        RespondAs(Version::HTTP_11, true, Length::Exact(2)),
        Respond(304, None, Length::Exact(2)),
        Respond(401, None, Length::Empty),
        Respond(101, Some(("Upgrade", "x")), Length::Empty),
    ]
}

fn of_requests() -> Vec<Call> {
    vec![
        Ask("GET", None, Length::Empty, false),
        Ask("POST", None, Length::Exact(5), false),
        Ask("POST idempotent", None, Length::Exact(5), false),
        Ask("POST replayable", None, Length::Exact(5), false),
        Ask("PUT", None, Length::Unknown, false),
        Ask("POST", Some(("Expect", "100-continue")), Length::Unknown, false),
        Ask("GET", None, Length::Empty, true),
        Ask("HEAD", None, Length::Empty, false),
        Ask("CONNECT", None, Length::Empty, false),
        Ask("GET", Some(("Upgrade", "x")), Length::Empty, false),
        Ask("GET", Some(("Upgrade", "y")), Length::Empty, false),
    ]
}

fn of_client() -> Letters {
    let heads = [
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5, max=1\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5, max=3\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\nKeep-Alive: timeout=9\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nConnection: close\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n",
        "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nabcde",
        "HTTP/1.1 421 Misdirected\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX",
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 204 A\r\n\r\nHTTP/1.1 204 A\r\n\r\n",
        "HTTP/1",
        ".1 204 A\r\n\r\n",
    ];
    let pieces = ["abcde", "ab", "3\r\nabc\r\n", "3\r\na", "0\r\n\r\n", "\r\n", "\r", "\0"];
    let arrive = heads.map(Arrive).into_iter().chain(pieces.map(Arrive));
    Letters {
        messages: arrive.collect(),
        requests: of_requests(),
        answers: Vec::new(),
        content: vec![Content(5), Content(2), Content(1), Frame(2), End, SentAll],
        rest: REST
            .into_iter()
            .chain([Skip(2), NothingLeft, KnowsHttp11, KnowsHttp11, KnowsHttp11, Eof(End::Truncated), SentAll, SentAll])
            .chain([Once("HTTP/1.1 204 No Content\r\n\r\n"), Once(""), Once("\r\n")])
            .collect(),
    }
}

/// What a parser of either role tells.
const FACTS: [Call; 8] = [Octets(1), Octets(30), Came(2), Came(5), Came(3), EndCame, Unread(0), Unread(4)];

const LENGTH: Option<(&str, &str)> = Some(("Content-Length", "5"));
const CHUNKED: Option<(&str, &str)> = Some(("Transfer-Encoding", "chunked"));

fn of_bare_server() -> Letters {
    let heads = [
        Head("GET", Version::HTTP_11, None, None),
        Head("GET", Version::HTTP_11, None, Some(30)),
        Head("POST", Version::HTTP_11, LENGTH, Some(20)),
        Head("POST", Version::HTTP_11, CHUNKED, None),
        Head("POST", Version::HTTP_11, Some(("Content-Length", "x")), None),
        Head("POST", Version::HTTP_11, Some(("Expect", "100-continue")), None),
        Head("GET", Version::HTTP_11, Some(("Expect", "x")), None),
        Head("GET", Version::HTTP_10, Some(("Connection", "keep-alive")), None),
        Head("CONNECT", Version::HTTP_11, None, None),
        Head("GET", Version::HTTP_11, Some(("Upgrade", "x")), None),
    ];
    Letters {
        messages: heads.into_iter().chain(FACTS).collect(),
        requests: Vec::new(),
        answers: of_answers(),
        content: vec![Content(5), Content(2), End, Written(7), SentAll],
        rest: REST
            .into_iter()
            .chain(of_driver())
            .chain([Refuse, Interim(100), Interim(103), Written(7), Written(7), Fault])
            .collect(),
    }
}

fn of_bare_client() -> Letters {
    let heads = [
        Head("204", Version::HTTP_11, None, None),
        Head("204", Version::HTTP_11, Some(("Connection", "close")), None),
        Head("200", Version::HTTP_11, LENGTH, None),
        Head("200", Version::HTTP_11, CHUNKED, None),
        Head("200", Version::HTTP_11, None, None),
        Head("200", Version::HTTP_11, Some(("Keep-Alive", "timeout=7, max=1")), None),
        Head("200", Version::HTTP_11, Some(("Keep-Alive", "timeout=7, max=3")), None),
        Head("103", Version::HTTP_11, Some(("Connection", "close")), None),
        Head("100", Version::HTTP_11, None, None),
        Head("413", Version::HTTP_11, LENGTH, None),
        Head("421", Version::HTTP_11, LENGTH, None),
        StatusLine(204),
        StatusLine(103),
    ];
    Letters {
        messages: heads.into_iter().chain(FACTS).collect(),
        requests: of_requests(),
        answers: Vec::new(),
        content: vec![Content(5), Content(2), End, Written(7), SentAll],
        rest: REST
            .into_iter()
            .chain([
                NothingLeft,
                KnowsHttp11,
                KnowsHttp11,
                KnowsHttp11,
                Written(7),
                Written(7),
                Written(7),
                SentAll,
                SentAll,
                Fault,
            ])
            .collect(),
    }
}

/// How much is tried: three times more with `CASES=all`, and much more in a release build.
fn more() -> usize {
    match std::env::var_os("CASES") {
        _ if cfg!(not(debug_assertions)) => 72,
        Some(cases) if cases == "all" => 3,
        _ => 1,
    }
}

/// States of one value have the same future.
fn one_future<S: Subject>(of: &str, configs: &'static [Config<S::Role>], letters: &Letters)
where
    S::Role: Copy,
{
    // the first alone where little is tried
    for (number, config) in configs.iter().enumerate().take(more()) {
        let begun = std::time::Instant::now();
        let begin = Begin { config, seed: None };
        let mut reached = Reached::<S>::new(7 + number as u64);
        let all: Vec<_> = letters
            .messages
            .iter()
            .chain(&letters.requests)
            .chain(&letters.answers)
            .chain(&letters.content)
            .chain(&letters.rest)
            .copied()
            .collect();
        reached.all_of(begin, &all, 2);
        reached.walks(begin, letters, 47 * more(), 16);
        reached.walks(Begin { config, seed: Some(7) }, letters, 14 * more(), 16);
        reached.walks(Begin { config, seed: Some(8) }, letters, 14 * more(), 16);
        match reached.have_one_future(letters, 4, 6) {
            Ok(report) => {
                println!("{of}, configuration {number}: {report:?}, {:?}", begun.elapsed());
                let enough = report.pairs > 500 && report.values > 800 && report.samples > 10_000;
                assert!(enough, "too few to say something: {report:?}");
            }
            Err(says) => panic!("{of}, configuration {number}: {says}"),
        }
    }
}

#[test]
fn servers_of_one_value_have_one_future() {
    one_future::<Whole<Server>>("a server", &SERVERS, &of_server());
}

#[test]
fn clients_of_one_value_have_one_future() {
    one_future::<Whole<Client<2>>>("a client", &CLIENTS, &of_client());
}

#[test]
fn plain_clients_of_one_value_have_one_future() {
    one_future::<Whole<Client<1>>>("a plain client", &PLAIN_CLIENTS, &of_client());
}

#[test]
fn lifecycles_of_servers_of_one_value_have_one_future() {
    one_future::<Bare<Server>>("a lifecycle of a server", &SERVERS, &of_bare_server());
}

#[test]
fn lifecycles_of_clients_of_one_value_have_one_future() {
    one_future::<Bare<Client<2>>>("a lifecycle of a client", &CLIENTS, &of_bare_client());
}

/// Differences that chance seldom finds, each in one fact alone.
#[test]
fn what_has_two_futures_has_two_values() {
    let begin = Begin { config: &CLIENTS[0], seed: None };
    let now = |call| (Pause::Millis(0), call);
    let get = Ask("GET", None, Length::Empty, false);
    let two = [now(KnowsHttp11), now(get), now(SentAll)];
    // when the second request began: its exchange counts from then
    let early = [&two[..], &[now(get), (Pause::Millis(2000), SentAll)]].concat();
    let late = [&two[..], &[(Pause::Millis(2000), get), now(SentAll)]].concat();
    let answer = now(Arrive("HTTP/1.1 204 No Content\r\n\r\n"));
    have_two_values::<Whole<Client<2>>>(begin, &early, &late, &[answer]);
    // whether the response that is being read is the last, the cause to close being the same
    let both = [&two[..], &[now(get), now(SentAll)]].concat();
    let interim = now(Arrive("HTTP/1.1 103 Early Hints\r\nConnection: close\r\n\r\n"));
    let goes_on = now(Arrive("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"));
    let ends = now(Arrive("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"));
    let one = [&both[..], &[interim, goes_on]].concat();
    let other = [&both[..], &[ends]].concat();
    have_two_values::<Whole<Client<2>>>(begin, &one, &other, &[now(Arrive("abcde"))]);
    // how many requests there were, where they are counted to
    let exchange = [now(get), now(SentAll), answer];
    let (one, other) = (exchange.to_vec(), [exchange, exchange].concat());
    have_two_values::<Whole<Client<2>>>(begin, &one, &other, &[&exchange[..], &[now(get)]].concat());
    // whether another may follow: its content is no longer waited for
    let put = |field| now(Ask("PUT", field, Length::Exact(5), false));
    let sent = [now(Written(7)), now(SentAll), now(Head("100", Version::HTTP_11, None, None)), now(Content(5))];
    let one = [&[now(KnowsHttp11), put(None)], &sent[..]].concat();
    let other = [&[now(KnowsHttp11), put(Some(("Expect", "100-continue")))], &sent[..]].concat();
    have_two_values::<Bare<Client<2>>>(begin, &one, &other, &[now(get)]);
    // what has left of a response whose other octets are told only when the connection ends
    let begin = Begin { config: &SERVERS[1], seed: None };
    let post = now(Head("POST", Version::HTTP_11, LENGTH, Some(20)));
    let answer = now(Respond(200, None, Length::Empty));
    let (one, other) = ([post, answer], [post, now(Written(7)), answer, now(SentAll)]);
    have_two_values::<Bare<Server>>(begin, &one, &other, &[now(Written(7))]);
}

/// What is alike and has another value: for who looks for what `canonical` could leave out.
#[test]
#[ignore = "a tool: it prints"]
fn what_is_alike_and_has_another_value() {
    fn look<S: Subject>(of: &str, config: &'static Config<S::Role>, letters: &Letters)
    where
        S::Role: Copy,
    {
        let mut reached = Reached::<S>::new(3);
        reached.walks(Begin { config, seed: None }, letters, 400, 12);
        let values = reached.samples;
        println!("{of}: of {values} {:#?}", reached.alike(letters, 60, 8));
    }
    look::<Whole<Server>>("a server", &SERVERS[0], &of_server());
    look::<Whole<Client<2>>>("a client", &CLIENTS[0], &of_client());
    look::<Bare<Server>>("a lifecycle of a server", &SERVERS[0], &of_bare_server());
    look::<Bare<Client<2>>>("a lifecycle of a client", &CLIENTS[0], &of_bare_client());
}

fn choices() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(any::<u64>(), 1..24)
}

fn start() -> impl Strategy<Value = Instant> {
    (1_000_000_u64..1 << 60).prop_map(|nanos| Instant::from_nanos(nanos + 1_000_000_000_000))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8 * more() as u32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_story_has_one_value_whenever_it_is_told(
        choices in choices(), start in start(), number in 0_usize..3, seed in prop::option::of(0_u64..4),
    ) {
        let told = |told: Result<(), String>| told.map_err(TestCaseError::fail);
        told(shifted::<Whole<Server>>(Begin { config: &SERVERS[number], seed }, &of_server(), start, &choices))?;
        told(shifted::<Whole<Client<2>>>(Begin { config: &CLIENTS[number], seed }, &of_client(), start, &choices))?;
        told(shifted::<Whole<Client<1>>>(Begin { config: &PLAIN_CLIENTS[number], seed }, &of_client(), start, &choices))?;
        told(shifted::<Bare<Server>>(Begin { config: &SERVERS[number], seed }, &of_bare_server(), start, &choices))?;
        told(shifted::<Bare<Client<2>>>(Begin { config: &CLIENTS[number], seed }, &of_bare_client(), start, &choices))?;
    }
}
