//! A world that is small and whole: one client, one network, one server, two requests, a drain at any moment, timers that expire in any
//! order that time allows. Every state of it is visited; in each the laws hold, and from each the end can be reached.

mod laws;
#[path = "small_world/search.rs"]
mod search;
#[path = "small_world/world.rs"]
mod world;

use std::time::Duration;

use http_keepalive::*;
use search::{Report, Violation, search};
use world::{Fault, Rules};

const fn secs(secs: u64) -> Option<Duration> {
    Some(Duration::from_secs(secs))
}

const fn config<R: Role>(timeouts: Timeouts) -> Config<R> {
    let limits = Limits::DEFAULT.with_max_exchanges(None);
    match Config::new(limits, timeouts, Policy::DEFAULT) {
        Ok(config) => config,
        Err(_) => panic!("within bounds"),
    }
}

const TIMEOUTS: Timeouts = Timeouts::DEFAULT
    .with_age(None)
    .with_head_rate(None)
    .with_content_rate(None)
    .with_application(secs(20))
    .with_response(secs(40));

static CLIENT: Config<Client<1>> = config(TIMEOUTS.with_idle(secs(60)).with_first_octet(secs(30)));
static SERVER: Config<Server> = config(TIMEOUTS);

/// What is handed out leaves at once, and who is to shut does: small enough for a debug build.
const SMALL: Rules = Rules {
    client: &CLIENT,
    server: &SERVER,
    methods: &["GET", "POST"],
    expect: false,
    split: true,
    drain: [true, true],
    slow: false,
    cut: false,
    waits: false,
    sleep: None,
    pause: false,
    fault: None,
};

/// The content waits for `100 (Continue)`, drivers take their time, and the network may fail.
const WHOLE: Rules = Rules { expect: true, slow: true, cut: true, ..SMALL };

/// The states and the steps of a world, where no law is broken.
fn visited(of: &str, rules: Rules) -> (usize, usize) {
    let begun = std::time::Instant::now();
    match search(rules, 4_000_000) {
        Ok(Report { states, steps, ends }) => {
            println!("{of}: {states} states, {steps} steps, {ends} ends in {:?}", begun.elapsed());
            (states, steps)
        }
        Err(violation) => panic!("{of}: {violation}"),
    }
}

#[test]
fn a_small_world_is_whole() {
    assert_eq!(visited("the small world", Rules { split: false, ..SMALL }), (16_962, 42_418));
}

#[test]
#[cfg_attr(debug_assertions, ignore = "long in a debug build")]
fn a_small_world_in_parts_is_whole() {
    assert_eq!(visited("the small world in parts", Rules { drain: [false, true], ..SMALL }), (42_731, 108_529));
}

#[test]
#[cfg_attr(debug_assertions, ignore = "long in a debug build")]
fn the_whole_world_is_whole() {
    assert_eq!(visited("the whole world", Rules { split: false, ..WHOLE }), (1_984_929, 6_893_771));
    assert_eq!(
        visited("the small world in parts, and time that passes within a look", Rules { waits: true, ..SMALL }),
        (412_939, 1_289_189)
    );
}

/// Nobody drives the connections for a while: when they are driven again deadlines have passed long ago, and what was sent lies there.
const ASLEEP: Rules = Rules { split: false, drain: [false, false], pause: true, sleep: secs(1000), ..SMALL };

#[test]
fn a_world_that_sleeps_is_whole() {
    assert_eq!(visited("asleep for long", ASLEEP), (8_448, 22_176));
}

#[test]
#[cfg_attr(debug_assertions, ignore = "long in a debug build")]
fn a_world_that_sleeps_at_any_moment_is_whole() {
    let drained = Rules { drain: [false, true], ..ASLEEP };
    assert_eq!(visited("asleep for a second", Rules { sleep: secs(1), ..drained }), (54_182, 148_216));
    assert_eq!(
        visited("asleep, and slow", Rules { slow: true, waits: true, pause: false, ..drained }),
        (567_458, 1_805_774)
    );
    assert_eq!(visited("asleep, and in parts", Rules { split: true, ..drained }), (487_311, 1_477_053));
}

/// A window in which a drained server waits, idle closes in stages, gone with its FIN, and two exchanges.
static OTHER_SERVER: Config<Server> = {
    let limits = Limits::DEFAULT.with_max_exchanges(Some(2));
    let policy = Policy::DEFAULT
        .with_idle_close(IdleClose::Staged)
        .with_half_close(HalfClose::Abort)
        .with_request_timeout_response(Use::Off)
        .with_read_unwanted_content(Use::On)
        .with_keep_alive_field(KeepAliveField::Always);
    match Config::new(limits, TIMEOUTS.with_drain_window(secs(3)).with_exchange(secs(83)), policy) {
        Ok(config) => config,
        Err(_) => panic!("within bounds"),
    }
};

#[test]
#[cfg_attr(debug_assertions, ignore = "long in a debug build")]
fn other_policies_make_a_world_that_is_whole() {
    let rules = Rules { server: &OTHER_SERVER, expect: true, drain: [false, true], pause: true, ..SMALL };
    assert_eq!(visited("another world", rules), (418_623, 1_366_396));
}

/// What a search finds where this fault was planted.
fn found(fault: Fault) -> Violation {
    let rules = Rules { split: false, drain: [false, true], slow: true, fault: Some(fault), ..SMALL };
    let Err(violation) = search(rules, 100_000) else { panic!("{fault:?} is not found") };
    println!("{fault:?}: {violation}");
    violation
}

#[test]
fn a_planted_fault_is_found_by_its_shortest_story() {
    for (fault, length, says) in [
        (Fault::NeverSaysShut, 0, "no end can be reached from here"),
        (Fault::DrainIsIgnored, 1, "Server: a drain has no effect"),
        (Fault::AnswersTheFirst, 14, "request 1 has an answer that is not its own"),
        (Fault::LooksTooLate, 4, "Server: a look found something, and [FirstOctetTimeout]"),
        (Fault::NeverTries, 4, "Client: Deadline"),
        (Fault::NoTime, 2, "another state of the same value does not look the same"),
    ] {
        // the longest is looked for with `CASES=all`, and in a release build
        if length > 10 && cfg!(debug_assertions) && std::env::var_os("CASES").is_none_or(|cases| cases != "all") {
            continue;
        }
        let violation = found(fault);
        let as_said = violation.story.len() == length && violation.says.starts_with(says);
        assert!(as_said, "{fault:?} is found by another story: {violation}");
    }
}
