//! All sequences of up to six calls (of five in a debug build), of both roles and through both doors: in every state that they reach
//! somebody owes the next step and the machine names who, what ended is told once, a refused call changes nothing, and a driver that does
//! as asked comes to an end. A search in which a fault was planted finds it, by its shortest sequence.

mod laws;
mod sequences;

use std::time::Duration;

use http_keepalive::*;
use sequences::doors::{Bare, Whole};
use sequences::planted::{Fault, Planted};
use sequences::subject::{Fact, Intent, Letter, Subject};
use sequences::world::EVERY_TIMEOUT;
use sequences::{Violation, search, walk};

use Letter::{
    Abort, Act, Drain, Eof, Expire, ExpireLate, Failed, NothingToRead, Octets, Once, Sent, SentNothing, SentSome, Shut,
    WriteFailed,
};

/// What both roles have.
const BOTH: [Letter; 19] = [
    Eof,
    Expire,
    Sent,
    Shut,
    Failed,
    WriteFailed,
    Drain,
    Act(Intent::Content(5)),
    Act(Intent::End),
    ExpireLate,
    SentNothing,
    Act(Intent::Use(ContentUse::Paused)),
    NothingToRead,
    Abort,
    SentSome,
    Act(Intent::OwnTimeouts),
    Act(Intent::Use(ContentUse::Reading)),
    Act(Intent::Use(ContentUse::Dropped)),
    Act(Intent::Use(ContentUse::Undecided)),
];

/// What a server's driver and its application say of the whole.
const OF_SERVER: [Letter; 4] = [
    Act(Intent::TurnAway(503)),
    Act(Intent::Gone),
    Act(Intent::FreePlace),
    Act(Intent::RespondLast(Content::Exact(5))),
];

const ANSWERS: [Letter; 5] = [
    Act(Intent::Respond(Content::Empty)),
    Act(Intent::Respond(Content::Exact(5))),
    Act(Intent::Respond(Content::Unknown)),
    Act(Intent::Respond(Content::UntilClose)),
    Act(Intent::Continue),
];

const REQUESTS: [Letter; 5] = [
    Act(Intent::Ask("GET", None, Content::Empty, false)),
    Act(Intent::Ask("POST", None, Content::Exact(5), false)),
    Act(Intent::Ask("POST", Some(("Expect", "100-continue")), Content::Unknown, false)),
    Act(Intent::Ask("GET", None, Content::Empty, true)),
    Act(Intent::Ask("CONNECT", None, Content::Empty, false)),
];

/// Those that come first go the whole length.
fn of_server() -> Vec<Letter> {
    let arrives = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
        "GET / HT",
        "3\r\nabc\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
        "0\r\n\r\n",
        "\r\n",
        "\0",
    ]
    .map(Octets);
    let once =
        ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1GET / HT"]
            .map(Once);
    let rest = [Intent::Refuse, Intent::RespondSmall, Intent::RefuseSmall, Intent::Skip(2)].map(Act);
    let (first, others) = arrives.split_at(5);
    first
        .iter()
        .chain(&once)
        .chain(&BOTH[..12])
        .chain(&OF_SERVER[..1])
        .chain(&ANSWERS[..3])
        .chain(others)
        .chain(&BOTH[12..])
        .chain(&OF_SERVER[1..])
        .chain(&ANSWERS[3..])
        .chain(&rest)
        .copied()
        .collect()
}

fn of_client() -> Vec<Letter> {
    let arrives = [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
        "HTTP/1",
        "0\r\n\r\n",
        "\r\n",
        "\0",
    ]
    .map(Octets);
    let once = ["", "HTTP/1.1 200 OK\r\n\r\nabc"].map(Once);
    let rest = [Act(Intent::Skip(2)), Act(Intent::NothingLeft), Once("HTTP/1.1 204 No Content\r\n\r\n")];
    let (first, others) = arrives.split_at(5);
    first
        .iter()
        .chain(&once)
        .chain(&BOTH[..13])
        .chain(&REQUESTS[..3])
        .chain(others)
        .chain(&BOTH[13..])
        .chain(&REQUESTS[3..])
        .chain(&rest)
        .copied()
        .collect()
}

/// What a parser of either role tells.
const FACTS: [Fact; 5] = [Fact::Octets(1), Fact::Content(2), Fact::Content(5), Fact::End, Fact::Fault];

fn of_bare_server() -> Vec<Letter> {
    let heads = [
        Fact::Head(10, None),
        Fact::Head(0, None),
        Fact::Head(0, Some(("Content-Length", "5"))),
        Fact::Head(0, Some(("Transfer-Encoding", "chunked"))),
        Fact::Head(0, Some(("Content-Length", "x"))),
        Fact::Head(0, Some(("Expect", "100-continue"))),
        Fact::Head(1, None),
    ];
    let facts = heads.into_iter().chain(FACTS).map(Letter::Fact);
    let refusals = [Act(Intent::Refuse), Act(Intent::RefuseSmall)];
    facts
        .chain(BOTH[..12].iter().copied())
        .chain(OF_SERVER[..1].iter().copied())
        .chain(ANSWERS[..3].iter().copied())
        .chain(BOTH[12..].iter().copied())
        .chain(OF_SERVER[1..].iter().copied())
        .chain(ANSWERS[3..].iter().copied())
        .chain(refusals)
        .collect()
}

fn of_bare_client() -> Vec<Letter> {
    let heads = [
        Fact::Head(204, None),
        Fact::Head(204, Some(("Connection", "close"))),
        Fact::Head(200, Some(("Content-Length", "5"))),
        Fact::Head(200, Some(("Transfer-Encoding", "chunked"))),
        Fact::Head(200, None),
        Fact::Head(100, None),
    ];
    let facts = heads.into_iter().chain(FACTS).map(Letter::Fact);
    facts
        .chain(REQUESTS[..3].iter().copied())
        .chain(BOTH[..13].iter().copied())
        .chain(REQUESTS[3..].iter().copied())
        .chain(BOTH[13..].iter().copied())
        .chain([Act(Intent::NothingLeft)])
        .collect()
}

const fn config<R: Role>(limits: Limits, timeouts: Timeouts, policy: Policy) -> Config<R> {
    match Config::new(limits, timeouts, policy) {
        Ok(config) => config,
        Err(_) => panic!("within bounds"),
    }
}

const fn secs(secs: u64) -> Option<Duration> {
    Some(Duration::from_secs(secs))
}

/// An exchange may have timeouts of its own: some are shorter, some longer, and one is off.
const OWN: Timeouts = EVERY_TIMEOUT
    .with_content_gap(secs(7))
    .with_response(secs(7))
    .with_expect(secs(5))
    .with_application(secs(250))
    .with_exchange(secs(300))
    .with_write_stall(secs(90))
    .with_send_rate(None);

static OWN_SERVER: Config<Server> = config(Limits::DEFAULT, OWN, Policy::DEFAULT);
static OWN_CLIENT: Config<Client<2>> = config(Limits::DEFAULT, OWN, Policy::DEFAULT);

static SERVER: [&Config<Server>; 2] = [&config::<Server>(Limits::DEFAULT, EVERY_TIMEOUT, Policy::DEFAULT), &OWN_SERVER];
static CLIENT: [&Config<Client<2>>; 2] =
    [&config::<Client<2>>(Limits::DEFAULT, EVERY_TIMEOUT, Policy::DEFAULT), &OWN_CLIENT];

/// No sequence breaks a law.
fn hold<S: Subject>(of: &str, start: S, letters: &[Letter], length: usize) {
    let begun = std::time::Instant::now();
    match search(start, letters, length) {
        Ok(report) => println!("{of}: {length} of {} letters, {report:?}, {:?}", letters.len(), begun.elapsed()),
        Err(Violation { letters, says }) => panic!("{of}: {says}\nafter {letters:#?}"),
    }
}

/// A debug build looks at so much less, and at less still unless `CASES=all`.
fn less() -> usize {
    match std::env::var_os("CASES") {
        _ if cfg!(not(debug_assertions)) => 0,
        Some(cases) if cases == "all" => 1,
        _ => 2,
    }
}

/// Both lengths: of the letters that matter most, and of all.
fn hold_both<S: Subject>(of: &str, start: S, letters: &[Letter], first: usize, lengths: [usize; 2]) {
    hold(of, start.clone(), letters, lengths[1] - less() / 2);
    hold(of, start, &letters[..first], lengths[0] - less());
}

#[test]
fn every_state_of_a_server_has_a_way_on() {
    hold_both("a server", Whole::new(SERVER), &of_server(), 21, [6, 4]);
}

#[test]
fn every_state_of_a_client_has_a_way_on() {
    hold_both("a client", Whole::new(CLIENT), &of_client(), 23, [6, 4]);
}

#[test]
fn every_state_of_a_lifecycle_of_a_server_has_a_way_on() {
    hold_both("a lifecycle of a server", Bare::new(SERVER), &of_bare_server(), 28, [6, 4]);
}

#[test]
fn every_state_of_a_lifecycle_of_a_client_has_a_way_on() {
    hold_both("a lifecycle of a client", Bare::new(CLIENT), &of_bare_client(), 27, [6, 5]);
}

/// Staged idle closes, a window for drains, gone with its FIN, no answer to what is late, and little that is read unread.
static OTHER_SERVER: [&Config<Server>; 2] = [
    &config::<Server>(
        Limits::DEFAULT
            .with_unread_octets(Some(2))
            .with_linger_octets(Some(4))
            .with_content(Some(6))
            .with_max_exchanges(Some(2)),
        EVERY_TIMEOUT.with_drain_window(secs(3)).with_age(secs(200)),
        Policy::DEFAULT
            .with_idle_close(IdleClose::Staged)
            .with_half_close(HalfClose::Abort)
            .with_request_timeout_response(Use::Off)
            .with_read_unwanted_content(Use::On),
    ),
    &OWN_SERVER,
];

/// An age that is announced, a lame duck, an answer for an application that is late, and places that are shielded.
static POLITE_SERVER: [&Config<Server>; 2] = [
    &config::<Server>(
        Limits::DEFAULT,
        EVERY_TIMEOUT.with_drain_window(secs(3)).with_age(secs(40)).with_idle_shield(secs(8)),
        Policy::DEFAULT
            .with_age_close(AgeClose::Announced)
            .with_drain_mode(DrainMode::LameDuck)
            .with_application_timeout_response(Use::On)
            .with_keep_alive_field(KeepAliveField::Always),
    ),
    &OWN_SERVER,
];

static OTHER_CLIENT: [&Config<Client<2>>; 2] = [
    &config::<Client<2>>(
        Limits::DEFAULT.with_content(Some(6)).with_interim_responses(Some(1)).with_empty_lines(1),
        EVERY_TIMEOUT.with_age(secs(90)),
        Policy::DEFAULT.with_stop_refused_content(Use::On),
    ),
    &OWN_CLIENT,
];

#[test]
fn other_policies_leave_a_way_on() {
    hold("a server", Whole::new(OTHER_SERVER), &of_server(), 4 - less());
    hold("a lifecycle of a server", Bare::new(OTHER_SERVER), &of_bare_server(), 4 - less() / 2);
    hold("a polite server", Whole::new(POLITE_SERVER), &of_server(), 4 - less());
    hold("a lifecycle of a polite server", Bare::new(POLITE_SERVER), &of_bare_server(), 4 - less() / 2);
    hold("a client", Whole::new(OTHER_CLIENT), &of_client(), 4 - less() / 2);
    hold("a lifecycle of a client", Bare::new(OTHER_CLIENT), &of_bare_client(), 5 - less());
}

/// Six of all letters, seven of those that matter most: forty seconds of a release build, so it is to be asked for.
#[test]
#[ignore = "long in a debug build"]
fn every_letter_goes_the_whole_length() {
    hold_both("a server", Whole::new(SERVER), &of_server(), 23, [7, 6]);
    hold("a server", Whole::new(OTHER_SERVER), &of_server(), 5);
    hold("a polite server", Whole::new(POLITE_SERVER), &of_server(), 5);
    hold("a lifecycle of a polite server", Bare::new(POLITE_SERVER), &of_bare_server(), 6);
    hold_both("a client", Whole::new(CLIENT), &of_client(), 23, [7, 6]);
    hold("a client", Whole::new(OTHER_CLIENT), &of_client(), 6);
    hold("a lifecycle of a server", Bare::new(SERVER), &of_bare_server(), 7);
    hold("a lifecycle of a client", Bare::new(CLIENT), &of_bare_client(), 7);
}

#[test]
fn what_broke_once() {
    const POST: Letter = Octets("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    const EXPECTS: Letter = Octets("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    const PAUSE: Letter = Act(Intent::Use(ContentUse::Paused));
    const GET: Letter = Act(Intent::Ask("GET", None, Content::Empty, false));
    const OWN: Letter = Act(Intent::OwnTimeouts);
    let head = |status| Letter::Fact(Fact::Head(status, None));
    let answer = Act(Intent::Respond(Content::Exact(5)));
    let post_and_more = Once("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1GET / HT");
    let servers: [(&str, &[Letter]); 4] = [
        ("content is late that nobody asked for, once a write failed", &[EXPECTS, answer, Expire, WriteFailed]),
        (
            "a failed write, and content that nobody reads: no end",
            &[POST, PAUSE, WriteFailed, Expire, Act(Intent::Gone)],
        ),
        (
            "a look is waited for that nobody is asked for: the end has come, and a pause",
            &[post_and_more, Eof, PAUSE, WriteFailed, Expire, Expire, Eof],
        ),
        ("the last octets are late by the timeouts of the next exchange", &[POST, OWN, answer, Expire, post_and_more]),
    ];
    for (what, letters) in servers {
        walk(Whole::new(SERVER), letters).unwrap_or_else(|says| panic!("{what}: {says}"));
    }
    let kept = [Act(Intent::TurnAway(503)), head(10)];
    walk(Bare::new(SERVER), &kept).expect("a refusal that was kept is due, and the head is not told");
    let clients: [(&str, &[Letter]); 2] = [
        ("an answer comes before its request has left", &[GET, SentSome, OWN, Expire, head(204)]),
        ("another request follows", &[GET, SentSome, head(100), Expire, Expire, OWN, GET]),
    ];
    for (what, letters) in clients {
        walk(Bare::new(CLIENT), letters).unwrap_or_else(|says| panic!("{what}: {says}"));
    }
}

/// What a search finds where this fault was planted.
fn found(fault: Fault) -> (Vec<Letter>, String) {
    let Violation { letters, says } =
        search(Planted::new(Whole::new(SERVER), fault), &of_server(), 5).expect_err("it is found");
    (letters, says)
}

#[test]
fn a_planted_fault_is_found_by_its_shortest_sequence() {
    use Fault::*;
    for (fault, length, says) in [
        (NoLinger, 1, "no deadline"),
        (MovesWhenRefused, 2, "is refused, TooSmall, and changes something"),
        (NoEnd, 2, "an end was not told"),
        (ClosesTwice, 1, "closed, and still"),
        (RefusesTheAnswer, 1, "is refused"),
        (NeverLooks, 1, "takes effect without a look"),
        (NeverFlushed, 1, "it does not end"),
        (NeverTries, 3, "takes effect without a look"),
        (BlamesThePause, 2, "takes no content, and its peer is blamed"),
        (FindsNothing, 2, "a look has found something"),
        (ForgetsTheRefusal, 1, "TurnAway(503) is taken, and leads to Undecided"),
        (WaitsForWhoIsGone, 2, "Gone is taken, and leads to"),
        (WritesOn, 2, "a write failed, and something is to be sent"),
    ] {
        let (letters, said) = found(fault);
        assert!(letters.len() == length && said.contains(says), "{fault:?}: {said}\nafter {letters:#?}");
    }
}
