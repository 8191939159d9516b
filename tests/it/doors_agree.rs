//! The same facts give the same decisions through both doors, in any order of calls.

use std::time::Duration;

use http_keepalive::{
    Client, Config, Connection, ContentUse, Framing, HalfClose, HeadFacts, IdleClose, Instant, Lifecycle, Limits,
    Method, Policy, ReadWant, ReceiveError, Request, Server, StatusCode, Timeouts, Turn, Use, Version,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::doors::peer::{KINDS, stream};
use crate::doors::{CONTENTS, Doors, Habits, Pair};

type Two = Client<2>;

impl Doors for Server {
    fn head(
        lifecycle: &mut Lifecycle<Self, &Config<Self>>,
        now: Instant,
        head: &HeadFacts,
    ) -> Result<Framing, ReceiveError> {
        lifecycle.head_received(now, head)
    }
    fn agree(_: &Pair<'_, Self>, _: &str) {}
}

impl Doors for Two {
    fn head(
        lifecycle: &mut Lifecycle<Self, &Config<Self>>,
        now: Instant,
        head: &HeadFacts,
    ) -> Result<Framing, ReceiveError> {
        lifecycle.head_received(now, head)
    }
    fn agree(pair: &Pair<'_, Self>, when: &str) {
        let (connection, own, other) = (&pair.connection, pair.connection.lifecycle(), &pair.lifecycle);
        let left: Vec<_> = connection.unanswered().collect();
        assert_eq!(other.unanswered().collect::<Vec<_>>(), left, "the lifecycle, and the connection, {when}");
        assert_eq!(other.is_reading(), own.is_reading(), "the lifecycle, and the connection, {when}");
        assert_eq!(other.requests(), own.requests(), "the lifecycle, and the connection, {when}");
        assert_eq!(other.has_ended(), own.has_ended(), "the lifecycle, and the connection, {when}");
        assert_eq!(other.pipeline_broke(), own.pipeline_broke(), "the lifecycle, and the connection, {when}");
        if !pair.end_is_untold() {
            assert_eq!(other.peer_closed(), own.peer_closed(), "the lifecycle, and the connection, {when}");
            let reusable = connection.reusable(pair.now);
            assert_eq!(other.reusable(pair.now), reusable, "the lifecycle, and the connection, {when}");
        }
    }
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Op {
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
    Drain,
    Abort,
    Failed,
    Shut,
    NothingLeft,
    Use(ContentUse),
}

/// What a look finds.
#[derive(Clone, Copy, Debug)]
enum Found {
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
        1 => Just(Op::Drain),
        1 => Just(Op::Abort),
        1 => Just(Op::Failed),
        2 => Just(Op::Shut),
        3 => proptest::sample::select(USES).prop_map(Op::Use),
    ]
}

fn of_server() -> impl Strategy<Value = Op> {
    let status = prop_oneof![6 => Just(200u16), 1 => proptest::sample::select(&[204u16, 304, 404, 101, 426, 205, 503, 100, 999][..])];
    prop_oneof![
        20 => of_both(),
        4 => (status, 0..CONTENTS.len()).prop_map(|(status, content)| Op::Respond(status, content)),
        1 => (100..105u16).prop_map(Op::Interim),
        1 => Just(Op::Refuse),
    ]
}

fn of_client() -> impl Strategy<Value = Op> {
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
            pair.now = pair.now + tenths_of_seconds(tenths);
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
        Op::Eof => pair.close(),
        Op::Drain => pair.both(Connection::close_after_exchange, Lifecycle::close_after_exchange),
        Op::Abort => pair.both(Connection::abort, Lifecycle::abort),
        Op::Failed => pair.both(Connection::transport_failed, Lifecycle::transport_failed),
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

fn serve(pair: &mut Pair<'_, Server>, op: Op) -> bool {
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

fn ask(pair: &mut Pair<'_, Two>, op: Op) -> bool {
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

fn timeouts(defaults: Timeouts) -> Timeouts {
    let secs = |secs| Some(Duration::from_secs(secs));
    defaults.with_application(secs(7)).with_response(secs(9)).with_exchange(secs(40)).with_send_rate(Some(10))
}

/// Of these the end of the peer has a deadline.
fn half_closed() -> [Config<Server>; 3] {
    let times = timeouts(Timeouts::DEFAULT).with_half_closed(Some(Duration::from_secs(8)));
    let config = |timeouts, policy| Config::new(Limits::DEFAULT, timeouts, policy).expect("within bounds");
    [
        Config::DEFAULT,
        config(times, Policy::DEFAULT.with_read_unwanted_content(Use::On)),
        config(times.with_write_stall(None).with_send_rate(None), Policy::DEFAULT),
    ]
}

fn servers() -> [Config<Server>; 5] {
    let limits = Limits::DEFAULT.with_content(Some(6)).with_unread_octets(Some(4)).with_max_exchanges(Some(3));
    // the end of the peer is told to a connection when it comes, to a lifecycle when all before it has been looked at
    let times = timeouts(Timeouts::DEFAULT).with_half_closed(None);
    let drains = times
        .with_drain_window(Some(Duration::from_secs(3)))
        .with_drain_spread(Some(Duration::from_secs(2)))
        .with_age(Some(Duration::from_secs(30)));
    let config = |limits, timeouts, policy| Config::new(limits, timeouts, policy).expect("within bounds");
    [
        config(Limits::DEFAULT, Timeouts::DEFAULT.with_half_closed(None), Policy::DEFAULT),
        config(limits.with_linger_octets(Some(32)), times, Policy::DEFAULT.with_read_unwanted_content(Use::On)),
        config(Limits::DEFAULT, drains, Policy::DEFAULT.with_idle_close(IdleClose::Staged)),
        config(Limits::DEFAULT, times, Policy::DEFAULT.with_request_timeout_response(Use::Off)),
        config(Limits::DEFAULT, times, Policy::DEFAULT.with_half_close(HalfClose::Abort)),
    ]
}

fn clients() -> [Config<Two>; 3] {
    let limits = Limits::DEFAULT.with_content(Some(6)).with_interim_responses(Some(1)).with_max_exchanges(Some(3));
    let times = timeouts(Timeouts::CLIENT);
    let config = |limits, timeouts, policy| Config::new(limits, timeouts, policy).expect("within bounds");
    [
        Config::DEFAULT,
        config(limits, times, Policy::DEFAULT.with_stop_refused_content(Use::On)),
        config(Limits::DEFAULT, times.with_age(Some(Duration::from_secs(30))), Policy::DEFAULT),
    ]
}

/// So many cases, unless the environment says otherwise.
fn cases(default: u32) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(default);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn kinds() -> impl Strategy<Value = Vec<usize>> {
    vec(prop_oneof![2 => 0..KINDS, 3 => 0..8usize], 0..6)
}

fn habits() -> impl Strategy<Value = Habits> {
    any::<(bool, bool)>().prop_map(|(octets_first, says_left)| Habits { octets_first, says_left })
}

/// These go one after the other through a pair that is told in this way.
fn serves(choice: usize, habits: Habits, kinds: &[usize], ops: &[Op]) {
    serves_all(Pair::new(&servers()[choice], stream(false, kinds), habits), ops);
}

fn serves_all(mut pair: Pair<'_, Server>, ops: &[Op]) {
    pair.agree("at the begin");
    for op in ops {
        if !serve(&mut pair, *op) {
            break;
        }
        settle(&mut pair, op);
    }
}

/// What is due expires, unless nobody looks yet, and both stand where the other does.
fn settle<R: Doors>(pair: &mut Pair<'_, R>, op: &Op) {
    if !matches!(op, Op::Lag(_)) {
        pair.until(pair.now);
    }
    pair.agree(&format!("after {op:?}"));
}

/// The same of a client; `pipelines`: it knows that its peer does.
fn asks(choice: usize, habits: Habits, pipelines: bool, kinds: &[usize], ops: &[Op]) {
    let config = &clients()[choice];
    let mut pair = Pair::new(config, stream(true, kinds), habits);
    if pipelines {
        pair.connection.knows_http11();
        pair.lifecycle.knows_http11();
    }
    pair.agree("at the begin");
    for op in ops {
        if !ask(&mut pair, *op) {
            break;
        }
        settle(&mut pair, op);
    }
}

/// The shortest that were found, each with what differed.
#[test]
fn what_differed_once() {
    use Op::*;
    let habits = Habits { octets_first: false, says_left: true };
    let servers: &[(&str, usize, &[usize], &[Op])] = &[
        ("the last of pipelined requests was looked at after the end", 0, &[0, 0], &[Arrive(54), Eof, Obey(0)]),
        ("what came after it was no request", 0, &[0, 14], &[Arrive(45), Eof, Obey(0)]),
        ("a message broken off says no more of its end", 0, &[4, 2], &[Arrive(78), Respond(200, 2), Eof]),
        ("who closed its side waits for no 100", 0, &[0, 4], &[Arrive(105), Eof, Obey(0), Obey(0), Obey(0)]),
        (
            "the end of an exact message is said after a broken head came",
            0,
            &[0, 19],
            &[Arrive(48), Respond(200, 2), Sent(255), Obey(0)],
        ),
        ("the same of content that came with the next head", 0, &[6, 0], &[Arrive(47), Obey(0), Sent(255), Arrive(10)]),
        ("a CONNECT is refused, and octets came after it", 0, &[12, 0], &[Obey(0), Respond(304, 0)]),
        (
            "the age passed, and the next head had begun",
            2,
            &[0, 0],
            &[Arrive(28), Obey(2), Wait(125), Sent(255), Wait(175), Obey(0)],
        ),
    ];
    for (what, choice, kinds, ops) in servers {
        println!("{what}");
        serves(*choice, habits, kinds, ops);
    }
    let clients: &[(&str, &[usize], &[Op])] = &[
        ("an octet came with the response that no request asked for", &[0], &[Ask(3, 0, false), Obey(0), Arrive(39)]),
        ("content was said before its octets, which had not left", &[], &[Ask(0, 2, false), Obey(0), Obey(0)]),
        ("the wait for 100 was over before it began", &[], &[Wait(10), Ask(2, 2, false)]),
        ("a head begun after an interim response", &[4, 0], &[Ask(0, 0, false), Obey(0), Arrive(26)]),
        ("a word for what has been looked at since", &[], &[Ask(0, 0, false), NothingLeft, Arrive(0)]),
    ];
    for (what, kinds, ops) in clients {
        println!("{what}");
        asks(0, habits, false, kinds, ops);
    }
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn a_server_decides_the_same_through_both_doors(
        choice in 0..5usize, habits in habits(), kinds in kinds(), ops in vec(of_server(), 0..40),
    ) {
        serves(choice, habits, &kinds, &ops);
    }

    #[test]
    fn the_end_of_the_peer_has_the_same_deadline_through_both_doors(
        choice in 0..3usize, habits in habits(), kinds in kinds(), ops in vec(of_server(), 0..40),
    ) {
        let config = &half_closed()[choice];
        let mut pair = Pair::new(config, stream(false, &kinds), habits);
        pair.ends_at_once = true;
        serves_all(pair, &ops);
    }

    #[test]
    fn a_client_decides_the_same_through_both_doors(
        choice in 0..3usize, habits in habits(), pipelines in any::<bool>(), kinds in kinds(), ops in vec(of_client(), 0..40),
    ) {
        asks(choice, habits, pipelines, &kinds, &ops);
    }
}
