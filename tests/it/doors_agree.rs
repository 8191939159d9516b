//! The same facts give the same decisions through both doors, in any order of calls.

use std::time::Duration;

use http_keepalive::{
    AgeClose, CloseReason, Config, Connection, Content, ContentUse, DrainMode, Framing, HalfClose, HeadFacts,
    IdleClose, Instant, KeepAliveField, Lifecycle, Limits, Method, NO_FIELDS, Outcome, Persistence, Policy,
    ReceiveError, Role, Server, StatusCode, Timeouts, Use, Version,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::cases;
use crate::doors::ops::{Op, Two, ask, of_client, of_server, serve};
use crate::doors::peer::{KINDS, stream};
use crate::doors::{Doors, Habits, Pair, same};

impl Doors for Server {
    fn head(
        lifecycle: &mut Lifecycle<Self, &Config<Self>>,
        now: Instant,
        head: &HeadFacts,
    ) -> Result<Framing, ReceiveError> {
        lifecycle.head_received(now, head)
    }
    fn own() -> &'static Config<Self> {
        const { &own_config() }
    }
    fn agree(pair: &Pair<'_, Self>, when: &str) {
        // the begin of a head is dropped by a connection once our side is shut; a lifecycle has been told of it before
        if !pair.end_is_untold() && pair.connection.is_idle() {
            same(pair.lifecycle.idleness(), pair.connection.idleness(), when);
        }
    }
}

impl Doors for Two {
    fn begin_head(lifecycle: &mut Lifecycle<Self, &Config<Self>>, now: Instant, head: &HeadFacts) {
        let status = head.status().expect("that of a response");
        match lifecycle.status_line_received(now, status) {
            // the response before is complete, and its request still goes
            Ok(()) | Err(ReceiveError::Misuse(_)) => {}
            error => panic!("{error:?} of {head:?}"),
        }
    }
    fn head(
        lifecycle: &mut Lifecycle<Self, &Config<Self>>,
        now: Instant,
        head: &HeadFacts,
    ) -> Result<Framing, ReceiveError> {
        lifecycle.head_received(now, head)
    }
    fn own() -> &'static Config<Self> {
        const { &own_config() }
    }
    fn agree(pair: &Pair<'_, Self>, when: &str) {
        let (connection, own, other) = (&pair.connection, pair.connection.lifecycle(), &pair.lifecycle);
        let left: Vec<_> = connection.unanswered().collect();
        same(other.unanswered().collect::<Vec<_>>(), left, when);
        same(other.is_reading(), own.is_reading(), when);
        same(other.requests(), own.requests(), when);
        same(other.has_ended(), own.has_ended(), when);
        same(other.pipeline_broke(), own.pipeline_broke(), when);
        if !pair.end_is_untold() {
            same(other.peer_closed(), own.peer_closed(), when);
            let reusable = connection.reusable(pair.now);
            same(other.reusable(pair.now), reusable, when);
        }
    }
}

/// Some are shorter than those of a connection, some longer, and one is off.
const fn own_config<R: Role>() -> Config<R> {
    const fn secs(secs: u64) -> Option<Duration> {
        Some(Duration::from_secs(secs))
    }
    let reads = Timeouts::DEFAULT.with_content_gap(secs(7)).with_content_rate(Some(2)).with_response(secs(15));
    let times = reads.with_application(secs(12)).with_exchange(secs(21)).with_write_stall(secs(11));
    match Config::new(Limits::DEFAULT, times.with_send_rate(None).with_expect(secs(4)), Policy::DEFAULT) {
        Ok(config) => config,
        Err(_) => panic!("within bounds"),
    }
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
        config(hurried(times).with_half_closed(Some(Duration::from_secs(6))), Policy::DEFAULT),
    ]
}

/// Every clock runs, and short: a total is over while its gap goes on.
fn hurried(defaults: Timeouts) -> Timeouts {
    let secs = |secs| Some(Duration::from_secs(secs));
    let reads = defaults.with_head(secs(3)).with_head_rate(Some(20)).with_head_cap(secs(9)).with_content_gap(secs(4));
    let reads = reads.with_content_rate(Some(3)).with_application(secs(7)).with_response(secs(6));
    let writes = reads.with_write_stall(secs(5)).with_send_rate(Some(4)).with_expect(secs(2));
    writes.with_linger(secs(8)).with_linger_gap(secs(3)).with_drain(secs(25)).with_half_closed(None)
}

fn servers() -> [Config<Server>; 7] {
    let limits = Limits::DEFAULT.with_content(Some(6)).with_unread_octets(Some(4)).with_max_exchanges(Some(3));
    // the end of the peer is told to a connection when it comes, to a lifecycle when all before it has been looked at
    let times = timeouts(Timeouts::DEFAULT).with_half_closed(None);
    let drains = times
        .with_drain_window(Some(Duration::from_secs(3)))
        .with_drain_spread(Some(Duration::from_secs(2)))
        .with_age(Some(Duration::from_secs(30)));
    let announced = Policy::DEFAULT.with_age_close(AgeClose::Announced).with_drain_mode(DrainMode::LameDuck);
    let polite = announced.with_application_timeout_response(Use::On).with_keep_alive_field(KeepAliveField::Always);
    let config = |limits, timeouts, policy| Config::new(limits, timeouts, policy).expect("within bounds");
    [
        config(Limits::DEFAULT, Timeouts::DEFAULT.with_half_closed(None), Policy::DEFAULT),
        config(limits.with_linger_octets(Some(32)), times, Policy::DEFAULT.with_read_unwanted_content(Use::On)),
        config(Limits::DEFAULT, drains, Policy::DEFAULT.with_idle_close(IdleClose::Staged)),
        config(Limits::DEFAULT, times, Policy::DEFAULT.with_request_timeout_response(Use::Off)),
        config(Limits::DEFAULT, times, Policy::DEFAULT.with_half_close(HalfClose::Abort)),
        config(Limits::DEFAULT, hurried(Timeouts::DEFAULT), Policy::DEFAULT),
        config(Limits::DEFAULT, drains.with_idle_shield(Some(Duration::from_secs(4))), polite),
    ]
}

fn clients() -> [Config<Two>; 4] {
    let limits = Limits::DEFAULT.with_content(Some(6)).with_interim_responses(Some(1)).with_max_exchanges(Some(3));
    let times = timeouts(Timeouts::CLIENT);
    let config = |limits, timeouts, policy| Config::new(limits, timeouts, policy).expect("within bounds");
    [
        Config::DEFAULT,
        config(limits, times, Policy::DEFAULT.with_stop_refused_content(Use::On)),
        config(Limits::DEFAULT, times.with_age(Some(Duration::from_secs(30))), Policy::DEFAULT),
        config(Limits::DEFAULT, hurried(Timeouts::CLIENT), Policy::DEFAULT),
    ]
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
    use ContentUse::{Paused, Reading, Undecided};
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
        (
            "a pause moved on the end of the peer that came in it, past now",
            0,
            &[4],
            &[Arrive(78), Use(Paused), Wait(1), Arrive(1), Eof, Obey(0)],
        ),
        (
            "who answered takes back that it reads, and content was undecided for ever",
            0,
            &[2],
            &[Arrive(56), Use(Reading), Respond(200, 0), Use(Undecided)],
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
        (
            "a lifecycle could not be told that a side ended without an alert",
            &[3],
            &[Ask(0, 0, false), Obey(0), Arrive(255), Truncated],
        ),
        (
            "a word within content, for what has been looked at since",
            &[6],
            &[Ask(0, 2, false), Sent(255), Arrive(47), Ask(0, 0, false), NothingLeft, Shut],
        ),
        ("a word for what has been looked at since", &[], &[Ask(0, 0, false), NothingLeft, Arrive(0)]),
        (
            "the end of content that the end of the peer is was told, and was a reason of its own",
            &[3],
            &[Ask(0, 2, false), Obey(0), Arrive(19), Eof],
        ),
    ];
    for (what, kinds, ops) in clients {
        println!("{what}");
        asks(0, habits, false, kinds, ops);
    }
}

/// Here they differ: where a read ends is no fact for a connection, and which of its octets are whose is none for a lifecycle.
#[test]
fn pipelined_octets_count_for_a_lifecycle_when_they_come() {
    const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let limits = Limits::DEFAULT.with_max_octets(Some(GET.len() as u64 + 1));
    let config = Config::<Server>::new(limits, Timeouts::DEFAULT, Policy::DEFAULT).expect("within bounds");
    let now = Instant::from_secs(1000);
    for (requests, differs) in [(1, false), (2, true)] {
        let came = GET.repeat(requests);
        let (mut connection, mut lifecycle) = (Connection::new(now, &config), Lifecycle::new(now, &config));
        let received = connection.receive(now, &came).expect("a head");
        assert!(matches!(received.outcome, Outcome::Event(_)) && received.consumed == GET.len());
        lifecycle.octets_received(now, came.len() as u64);
        let mut head = HeadFacts::request(Method::new(b"GET"), Version::HTTP_11).with_octets(GET.len());
        head.field_line(b"Host", b"a");
        lifecycle.head_received(now, &head).expect("a head");
        let written = connection.send_response(now, StatusCode::OK, NO_FIELDS, Content::Empty, &mut [0; 100]);
        assert!(written.is_ok() && matches!(connection.persistence(), Persistence::Reuse(_)));
        lifecycle.head_to_send(now, StatusCode::OK, Content::Empty).expect("it may be sent");
        let closes = lifecycle.persistence() == Persistence::Close(CloseReason::MaxOctets);
        assert_eq!(closes, differs, "{requests} requests came");
    }
}

proptest! {
    #![proptest_config(cases::property(1000, 200))]

    #[test]
    fn a_server_decides_the_same_through_both_doors(
        choice in 0..7usize, habits in habits(), kinds in kinds(), ops in vec(of_server(), 0..40),
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
        choice in 0..4usize, habits in habits(), pipelines in any::<bool>(), kinds in kinds(), ops in vec(of_client(), 0..40),
    ) {
        asks(choice, habits, pipelines, &kinds, &ops);
    }
}
