//! What holds of deadlines in any order of facts, intents and clocks; and what an idle close owes to octets on their way.

use crate::cases;
use crate::common::Passes;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::common::{Driver, get};
use http_keepalive::{
    Client, CloseReason, Config, Connection, Content, Deadline, DeadlineKind, Eof, HalfClose, IdleClose, Instant,
    Limits, Method, NO_FIELDS, Policy, ReadWant, Request, Role, Server, Shut, StatusCode, Timeouts, Turn, Use,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const fn secs(secs: u64) -> Option<Duration> {
    Some(Duration::from_secs(secs))
}

fn driver(timeouts: Timeouts, policy: Policy) -> Driver {
    Driver::new(&Config::new(Limits::DEFAULT, timeouts, policy).expect("within bounds"))
}

/// Until the deadline that is due next.
fn expire(driver: &mut Driver) -> DeadlineKind {
    let due = driver.connection.next_deadline().expect("something is due");
    driver.now = due.at;
    assert_eq!(driver.connection.expire(due.at), Some(due));
    due.kind
}

// ---- an idle close

/// A server in each state in which a timer of its own, or a drain, asks for one more look.
fn looking() -> Vec<(&'static str, Driver)> {
    let timeouts = Timeouts::DEFAULT.with_idle(secs(10)).with_idle_advertised(None).with_idle_shield(secs(1));
    let aged = timeouts.with_age(secs(5));
    let exchanged = |timeouts| {
        let mut driver = driver(timeouts, Policy::DEFAULT);
        driver.feed(&get("")).respond(StatusCode::OK, Content::Empty);
        driver
    };
    let mut states = Vec::new();
    let mut fresh = driver(timeouts, Policy::DEFAULT);
    assert_eq!(expire(&mut fresh), DeadlineKind::FirstOctet);
    states.push(("fresh", fresh));
    let mut fresh = driver(aged, Policy::DEFAULT);
    assert_eq!(expire(&mut fresh), DeadlineKind::Age);
    states.push(("fresh and aged", fresh));
    let mut fresh = driver(timeouts, Policy::DEFAULT);
    fresh.connection.close_after_exchange(fresh.now);
    states.push(("fresh and drained", fresh));
    let mut idle = exchanged(timeouts);
    assert_eq!(expire(&mut idle), DeadlineKind::Idle);
    states.push(("idle", idle));
    let mut idle = exchanged(aged);
    assert_eq!(expire(&mut idle), DeadlineKind::Age);
    states.push(("idle and aged", idle));
    let mut idle = exchanged(timeouts);
    idle.connection.close_after_exchange(idle.now);
    assert_eq!(expire(&mut idle), DeadlineKind::IdleShield);
    states.push(("idle and drained within the shield", idle));
    let mut idle = exchanged(timeouts);
    idle.wait(Duration::from_secs(2)).connection.close_after_exchange(Instant::from_secs(102));
    states.push(("idle and drained", idle));
    states
}

#[test]
fn octets_found_by_the_look_win() {
    for (state, mut driver) in looking() {
        assert_eq!(driver.connection.wants().read, ReadWant::LookOnce, "{state}");
        assert_eq!(driver.connection.wants().shut, None, "{state}");
        driver.feed(&get(""));
        assert_eq!(driver.connection.wants().read, ReadWant::EofOnly, "{state}");
        // a look that ends too late changes nothing
        driver.connection.nothing_to_read(driver.now);
        driver.respond(StatusCode::OK, Content::Empty);
        let closes = !matches!(state, "fresh" | "idle");
        assert_eq!(driver.response().has_option("close"), closes, "{state}");
        assert_eq!(driver.connection.wants().shut.is_some(), closes, "{state}");
    }
}

#[test]
fn half_a_head_found_by_the_look_wins() {
    for (state, mut driver) in looking() {
        driver.feed("GE");
        driver.connection.nothing_to_read(driver.now);
        assert_eq!(driver.connection.wants().shut, None, "{state}");
        driver.feed(&get("")[2..]);
        assert_eq!(driver.connection.wants().application, Some(Turn::Respond), "{state}");
    }
}

#[test]
fn a_fin_found_by_the_look_ends_it() {
    for (state, mut driver) in looking() {
        driver.eof();
        assert!(matches!(driver.connection.wants().shut, Some(Shut::Close(_))), "{state}");
        driver.shut();
        assert!(driver.connection.lifecycle().is_closed(), "{state}");
    }
}

#[test]
fn a_fin_behind_octets_that_were_not_looked_at_makes_nothing_due_twice() {
    let mut driver = driver(Timeouts::DEFAULT.with_age(secs(5)).with_idle_advertised(None), Policy::DEFAULT);
    driver.feed(&(get("") + "\r\n")).respond(StatusCode::OK, Content::Empty);
    assert_eq!(expire(&mut driver), DeadlineKind::Age);
    driver.eof();
    assert_eq!(driver.connection.expire(driver.now), None);
    driver.feed("");
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::PeerClosed)));
}

#[test]
fn empty_lines_found_by_the_look_make_nothing_due_twice() {
    for (state, mut driver) in looking() {
        let before = driver.now;
        driver.feed("\r\n");
        let next = driver.connection.next_deadline();
        let later = next.is_none_or(|next| next.at > before || next.kind == DeadlineKind::Drain);
        assert!(later, "{state}: {next:?} at {before:?}");
        if driver.connection.wants().read == ReadWant::LookOnce {
            driver.connection.nothing_to_read(driver.now);
            assert!(driver.connection.wants().shut.is_some(), "{state}");
        }
    }
}

#[test]
fn close_11_where_policy_has_it_so_a_request_that_takes_too_long_ends_in_silence() {
    let policy = Policy::DEFAULT.with_request_timeout_response(Use::Off);
    for (octets, kind) in [
        ("GET", DeadlineKind::Head),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", DeadlineKind::ContentGap),
    ] {
        let mut driver = driver(Timeouts::DEFAULT, policy);
        driver.feed(octets);
        assert_eq!(expire(&mut driver), kind);
        assert_eq!(driver.connection.wants().application, None);
        assert!(matches!(driver.connection.wants().shut, Some(Shut::Close(_))));
        assert_eq!(driver.out, b"");
    }
}

// ---- any order of calls

#[derive(Clone, Copy, Debug)]
struct Op {
    what: u8,
    number: u16,
}

/// What a connection keeps to, and its place between the extremes.
#[derive(Clone, Debug)]
struct Settings {
    timeouts: Timeouts,
    limits: Limits,
    policy: Policy,
    seed: u64,
    /// A timeout may be nothing at all.
    may_be_nothing: bool,
}

/// Timeouts of any length, none and nothing among them, or not nothing; rates, jitter and policies of any kind.
fn settings() -> impl Strategy<Value = Settings> {
    let spans = |least: u64| {
        let span = prop_oneof![1 => Just(None), 1 => Just(Some(least)), 3 => (least..20_000).prop_map(Some)];
        vec(span, 19)
    };
    let timeouts = prop_oneof![spans(0).prop_map(|spans| (spans, true)), spans(1).prop_map(|spans| (spans, false))];
    let rate = || prop_oneof![Just(None), (1..2000u32).prop_map(Some)];
    let choices = (any::<u8>(), 0..=50u8, rate(), rate(), any::<u64>());
    (timeouts, choices).prop_map(|((spans, may_be_nothing), (choice, jitter, head_rate, content_rate, seed))| {
        let timeouts = set(spans).with_head_rate(head_rate).with_content_rate(content_rate);
        let on = |bit: u8| if choice >> bit & 1 == 0 { Use::On } else { Use::Off };
        let is = |bit: u8| choice >> bit & 1 != 0;
        let policy = Policy::DEFAULT
            .with_half_close(if is(0) { HalfClose::Abort } else { HalfClose::Answer })
            .with_idle_close(if is(1) { IdleClose::Staged } else { IdleClose::AtOnce })
            .with_request_timeout_response(on(2))
            .with_read_unwanted_content(on(3))
            .with_stop_refused_content(on(4))
            .with_persistence(if choice < 240 { Use::On } else { Use::Off });
        let limits = if is(6) { Limits::DEFAULT.with_jitter(jitter) } else { Limits::DEFAULT };
        let limits = if is(7) { limits.with_linger_octets(Some(20)).with_unread_octets(Some(20)) } else { limits };
        Settings { timeouts, limits, policy, seed, may_be_nothing }
    })
}

fn set(spans: Vec<Option<u64>>) -> Timeouts {
    let mut spans = spans.into_iter().map(|span| span.map(Duration::from_millis));
    let mut next = || spans.next().flatten();
    Timeouts::DEFAULT
        .with_idle_advertised(None)
        .with_first_octet(next())
        .with_idle(next())
        .with_idle_shield(next())
        .with_head(next())
        .with_head_cap(None)
        .with_content_gap(next())
        .with_application(next())
        .with_response(next())
        .with_write_stall(next())
        .with_exchange(next())
        .with_expect(next())
        .with_linger(next())
        .with_linger_gap(next())
        .with_drain(next())
        .with_age(next())
        .with_hint_margin(next())
        .with_drain_window(next())
        .with_drain_spread(next())
}

type Machine<R> = Connection<R, Arc<Config<R>>>;

/// A machine under any calls, and the octets its peer may send.
struct World<R: Role> {
    machine: Machine<R>,
    now: Instant,
    /// The greatest instant it was told.
    latest: Instant,
    coming: Vec<u8>,
    buffer: Vec<u8>,
    expired: HashSet<(Deadline, u64)>,
    /// Calls that were not timeouts. Where a timeout may be nothing, they begin anew at the same instant what has expired.
    told: u64,
    may_be_nothing: bool,
}

impl<R: Role> World<R> {
    fn new(settings: Settings, coming: Vec<u8>) -> Self {
        let (now, Settings { timeouts, limits, policy, seed, may_be_nothing }) = (Instant::from_secs(1000), settings);
        let config = Arc::new(Config::new(limits, timeouts, policy).expect("within bounds"));
        let (buffer, expired) = (Vec::new(), HashSet::new());
        let machine = Connection::new(now, config).with_seed(seed);
        Self { machine, now, latest: now, coming, buffer, expired, told: 0, may_be_nothing }
    }

    /// What both roles can be told.
    fn apply(&mut self, op: Op) {
        let (machine, now, number) = (&mut self.machine, self.now, op.number);
        let mut out = [0; 200];
        match op.what {
            0..=4 => {
                let most = usize::from(number % 60).min(self.coming.len());
                self.buffer.extend(self.coming.drain(..most));
                let consumed = machine.receive(now, &self.buffer).map_or(0, |received| received.consumed);
                self.buffer.drain(..consumed);
            }
            5 if number % 8 == 0 => drop(machine.receive_eof(now, Eof::Clean)),
            6 | 7 => machine.handle_sent(now, u64::from(number % 300)),
            8 if machine.wants().shut.is_some() => machine.handle_shut(now),
            9 => machine.nothing_to_read(now),
            10 => drop(machine.send_content(now, &[b'c'; 99][..usize::from(number % 99)], &mut out)),
            11 => drop(machine.send_end(now, NO_FIELDS, &mut out)),
            12 if number % 8 == 0 => machine.close_after_exchange(now),
            13 if number % 32 == 0 => machine.abort(now),
            14 if number % 32 == 0 => machine.transport_failed(now),
            15 => self.now = Instant::from_nanos(now.as_nanos().saturating_sub(u64::from(number) << 20)),
            16 if number % 64 == 0 => self.now = Instant::from_nanos(u64::MAX - u64::from(number)),
            17 => self.now = machine.next_deadline().map_or(now, |due| due.at),
            _ => self.now = now + Duration::from_millis(u64::from(number % 9000)),
        }
        self.told += 1;
    }

    /// What is due expires, as announced, once, and then nothing is due.
    fn settle(&mut self) -> Result<(), TestCaseError> {
        self.latest = self.latest.max(self.now);
        let mut rounds = 0;
        loop {
            let (announced, wants) = (self.machine.next_deadline(), self.machine.wants());
            let due = announced.filter(|due| due.at <= self.latest);
            let expired = self.machine.expire(self.now);
            prop_assert_eq!(expired, due, "what is announced expires, at its time and not before");
            let Some(due) = expired else {
                let next = self.machine.next_deadline();
                // the end of a look that nobody takes counts from what was said last
                let looks = wants.read == ReadWant::LookOnce || wants.flush_once;
                prop_assert!(looks || next == announced, "{:?} was announced, and now {:?}", announced, next);
                prop_assert_eq!(next.is_some(), announced.is_some());
                prop_assert_eq!(self.machine.wants(), wants);
                return Ok(());
            };
            rounds += 1;
            prop_assert!(rounds < 5, "deadlines expire without end");
            prop_assert!(
                self.expired.insert((due, if self.may_be_nothing { self.told } else { 0 })),
                "{:?} is due twice",
                due
            );
        }
    }
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    vec((0..36u8, any::<u16>()).prop_map(|(what, number)| Op { what, number }), 1..80)
}

fn requests() -> impl Strategy<Value = Vec<u8>> {
    let request = select(vec![
        "\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n0123456789012345678901234567890123456789",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
    ]);
    vec(request, 0..8).prop_map(|requests| requests.concat().into_bytes())
}

fn responses() -> impl Strategy<Value = Vec<u8>> {
    let response = select(vec![
        "\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=3\r\nContent-Length: 9\r\n\r\n012345678",
        "HTTP/1.1 413 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 9\r\n\r\n012345678",
    ]);
    vec(response, 0..8).prop_map(|responses| responses.concat().into_bytes())
}

proptest! {
    #![proptest_config(cases::property(1500, 375))]

    #[test]
    fn of_a_server_nothing_stays_due_and_nothing_is_due_twice(
        settings in settings(),
        coming in requests(),
        ops in ops(),
    ) {
        let mut world = World::<Server>::new(settings, coming);
        for op in ops {
            let mut out = [0; 300];
            let (machine, now, ok) = (&mut world.machine, world.now, StatusCode::OK);
            let content = [Content::Empty, Content::Exact(40), Content::Unknown, Content::UntilClose];
            let content = content[usize::from(op.number) % 4];
            match op.what {
                18..=21 => drop(machine.send_response(now, ok, NO_FIELDS, content, &mut out)),
                22 => drop(machine.send_continue(now, &mut out)),
                23 | 24 => drop(machine.send_refusal(now, NO_FIELDS, &mut out)),
                _ => world.apply(op),
            }
            world.settle()?;
        }
    }

    #[test]
    fn of_a_client_nothing_stays_due_and_nothing_is_due_twice(
        settings in settings(),
        coming in responses(),
        ops in ops(),
    ) {
        let mut world = World::<Client<3>>::new(settings, coming);
        world.machine.knows_http11();
        for op in ops {
            let mut out = [0; 300];
            let (machine, now) = (&mut world.machine, world.now);
            let host = [("Host", "a")].into_iter();
            let (get, put) = (Request::new(Method::new(b"GET"), b"/"), Request::new(Method::new(b"PUT"), b"/"));
            match op.what {
                18..=20 => drop(machine.send_request(now, &get, host, Content::Empty, &mut out)),
                21 => drop(machine.send_request(now, &put, host, Content::Unknown, &mut out)),
                22 => {
                    let expects = host.chain([("Expect", "100-continue")]);
                    let _ = machine.send_request(now, &put, expects, Content::Exact(9), &mut out);
                }
                _ => world.apply(op),
            }
            world.settle()?;
        }
    }
}

#[test]
fn the_reason_of_a_close_that_time_asked_for_names_it() {
    let mut driver = driver(Timeouts::DEFAULT, Policy::DEFAULT);
    assert_eq!(expire(&mut driver), DeadlineKind::FirstOctet);
    driver.connection.nothing_to_read(driver.now);
    assert_eq!(driver.connection.persistence().as_str(), CloseReason::FirstOctetTimeout.as_str());
}
