//! What a server promises to its clients is kept: hints within the age, ages that are announced, lame ducks, answers that a close does not
//! destroy; and who goes when places run out.

use std::time::Duration;

use http_keepalive::{
    AgeClose, CloseReason, Config, Content, DeadlineKind, DrainMode, Idleness, Instant, KeepAliveField, Limits,
    Persistence, Phase, Policy, ReadWant, Server, Shut, StatusCode, Timeouts,
};
use proptest::prelude::*;

use crate::cases;
use crate::common::{Driver, Passes, get};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn some(seconds: u64) -> Option<Duration> {
    Some(secs(seconds))
}

fn config(timeouts: Timeouts, policy: Policy) -> Config<Server> {
    Config::new(Limits::DEFAULT.with_max_exchanges(None), timeouts, policy).expect("within bounds")
}

/// What a response says that goes out after so long: what it tells, and whether it closes.
fn told(config: &Config<Server>, after: Duration) -> (Option<String>, bool) {
    let mut driver = Driver::new(config);
    driver.feed("G").wait(after).feed("ET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
    driver.respond(StatusCode::OK, Content::Empty);
    let response = driver.response();
    (response.field("keep-alive"), response.has_option("close"))
}

fn says(seconds: u64) -> (Option<String>, bool) {
    (Some(format!("timeout={seconds}")), false)
}

const CLOSES: (Option<String>, bool) = (None, true);

#[test]
fn a_hint_ends_before_the_age_by_the_guard() {
    // the guard is the five seconds between them
    let aged = Timeouts::DEFAULT.with_head(None).with_age(some(100));
    let usual = config(aged, Policy::DEFAULT);
    for (after, expected) in
        [(0, says(60)), (35, says(60)), (36, says(59)), (55, says(40)), (94, says(1)), (95, CLOSES)]
    {
        assert_eq!(told(&usual, secs(after)), expected, "after {after} s");
    }
    // less than a second can not be promised
    assert_eq!(told(&usual, secs(94) + Duration::from_nanos(1)), CLOSES);
    // the guard is less than five seconds, or none is known
    let short = config(aged.with_idle(some(20)).with_idle_advertised(some(18)), Policy::DEFAULT);
    assert_eq!(told(&short, secs(90)), says(8));
    let told_only = config(aged.with_idle(None).with_idle_advertised(some(60)), Policy::DEFAULT);
    assert_eq!(told(&told_only, secs(90)), says(10));
    // of an age that closes nobody, and of none, all is kept
    let announced = config(aged, Policy::DEFAULT.with_age_close(AgeClose::Announced));
    assert_eq!(told(&announced, secs(99)), says(60));
    assert_eq!(told(&announced, secs(100)), CLOSES);
    assert_eq!(told(&config(aged.with_age(None), Policy::DEFAULT), secs(99)), says(60));
}

#[test]
fn nothing_is_said_of_less_than_a_second() {
    let short = Timeouts::DEFAULT
        .with_idle(Some(Duration::from_millis(900)))
        .with_idle_advertised(Some(Duration::from_millis(500)));
    assert_eq!(told(&config(short, Policy::DEFAULT), Duration::ZERO), (None, false));
    // how many requests are left is said all the same
    let counted =
        Config::new(Limits::DEFAULT.with_max_exchanges(Some(3)), short, Policy::DEFAULT).expect("within bounds");
    assert_eq!(told(&counted, Duration::ZERO), (Some("max=2".into()), false));
    // nor to a client that does not ask, which is told that the connection ends
    let mut driver = Driver::new(&config(Timeouts::DEFAULT.with_age(some(3)), Policy::DEFAULT));
    driver.feed(&get("")).respond(StatusCode::OK, Content::Empty);
    assert!(driver.response().has_option("close"));
    assert_eq!(driver.connection.persistence(), Persistence::Close(CloseReason::Age));
}

proptest! {
    #![proptest_config(cases::property(500, 125))]

    /// Whatever the settings: until the instant that was told, an idle connection is there.
    #[test]
    fn what_was_told_is_kept(
        idle in 1_000_u64..90_000, guard in 0_u64..9_000, age in 1_000_u64..200_000, after in 0_u64..190_000,
        shield in 0_u64..3_000, jitter in 0_u8..=50, seed in any::<u64>(),
    ) {
        let millis = Duration::from_millis;
        let timeouts = Timeouts::DEFAULT
            .with_first_octet(None)
            .with_idle(Some(millis(idle)))
            .with_idle_advertised(Some(millis(idle.saturating_sub(guard))))
            .with_idle_shield(Some(millis(shield)))
            .with_age(Some(millis(age)));
        let limits = Limits::DEFAULT.with_jitter(jitter);
        let policy = Policy::DEFAULT.with_keep_alive_field(KeepAliveField::Always);
        let config = Config::<Server>::new(limits, timeouts, policy).expect("within bounds");
        let mut driver = Driver::new(&config);
        driver.connection = driver.connection.clone().with_seed(seed);
        driver.wait(millis(after)).feed(&get("")).respond(StatusCode::OK, Content::Empty);
        let hint = driver.response().field("keep-alive").and_then(|value| {
            value.split(", ").find_map(|part| part.strip_prefix("timeout=").map(|told| told.parse::<u64>().expect("a number")))
        });
        if let Some(seconds) = hint {
            prop_assert!(seconds > 0);
            let until = driver.now + secs(seconds);
            let next = driver.connection.next_deadline();
            prop_assert!(next.is_none_or(|next| next.at >= until), "{next:?} is before {until:?}");
        }
    }
}

// ---- ages that are announced

fn announced() -> Config<Server> {
    config(
        Timeouts::DEFAULT.with_age(some(10)).with_idle(some(65)),
        Policy::DEFAULT.with_age_close(AgeClose::Announced),
    )
}

#[test]
fn an_age_that_is_announced_closes_neither_fresh_nor_idle_connections() {
    let mut fresh = Driver::new(&announced());
    assert_eq!(fresh.connection.next_deadline().map(|due| due.kind), Some(DeadlineKind::FirstOctet));
    fresh.wait(secs(20)).feed(&get("")).respond(StatusCode::OK, Content::Empty);
    assert!(fresh.response().has_option("close"));
    let mut idle = Driver::new(&announced());
    idle.feed(&get("")).respond(StatusCode::OK, Content::Empty);
    assert_eq!(idle.connection.next_deadline().map(|due| due.kind), Some(DeadlineKind::Idle));
    idle.wait(secs(50)).feed(&get("")).respond(StatusCode::OK, Content::Empty);
    assert!(idle.response().has_option("close"));
    assert_eq!(idle.connection.wants().shut, Some(Shut::HalfClose(CloseReason::Age)));
}

#[test]
fn an_age_that_passes_after_the_head_is_announced_by_the_next_response() {
    let mut driver = Driver::new(&announced());
    driver
        .feed(&get(""))
        .respond(StatusCode::OK, Content::Unknown)
        .wait(secs(20))
        .content("late")
        .end(http_keepalive::NO_FIELDS);
    assert_eq!(driver.connection.wants().shut, None);
    assert!(driver.connection.is_idle());
    driver.feed(&get("")).respond(StatusCode::OK, Content::Empty);
    assert!(driver.response().has_option("close"));
}

// ---- lame ducks

fn lame_duck(driver: &mut Driver) {
    driver.connection.close_after_exchange(driver.now);
}

#[test]
fn a_lame_duck_serves_what_comes_and_says_close() {
    let policy = Policy::DEFAULT.with_drain_mode(DrainMode::LameDuck);
    let timeouts = Timeouts::DEFAULT.with_first_octet(some(20)).with_idle(some(20)).with_idle_advertised(some(20));
    for lived in [false, true] {
        let mut driver = Driver::new(&config(timeouts, policy));
        if lived {
            driver.feed(&get("")).respond(StatusCode::OK, Content::Empty);
        }
        lame_duck(&mut driver);
        assert_eq!((driver.connection.phase(), driver.connection.wants().read), (Phase::Leaving, ReadWant::Octets));
        let kind = if lived { DeadlineKind::Idle } else { DeadlineKind::FirstOctet };
        let due = driver.connection.next_deadline().expect("its own timeouts go on");
        assert_eq!((due.kind, due.at), (kind, driver.now + secs(20)));
        driver.wait(secs(10)).feed(&get("")).respond(StatusCode::OK, Content::Empty);
        assert!(driver.response().has_option("close"));
        assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::Drain)));
    }
}

#[test]
fn a_lame_duck_ends_at_the_hard_end() {
    let policy = Policy::DEFAULT.with_drain_mode(DrainMode::LameDuck);
    let mut driver = Driver::new(&config(Timeouts::DEFAULT.with_drain(some(7)), policy));
    driver.feed(&get("")).respond(StatusCode::OK, Content::Empty);
    lame_duck(&mut driver);
    driver.wait(secs(7));
    assert_eq!(driver.connection.expire(driver.now).map(|due| due.kind), Some(DeadlineKind::Drain));
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::DrainTimeout)));
}

// ---- answers that have left

/// A pipelined request is on its way when a connection is closed for this reason, so long after the last octet left.
#[test]
fn a_close_shortly_after_an_answer_is_staged_whatever_its_cause() {
    type Cause = fn(&mut Driver);
    let timeouts = Timeouts::DEFAULT.with_idle_shield(None).with_idle_advertised(None);
    let idle: (Timeouts, Cause) = (timeouts.with_idle(some(2)), |_| {});
    let aged: (Timeouts, Cause) = (timeouts.with_age(some(2)), |_| {});
    let drained: (Timeouts, Cause) = (timeouts.with_drain_window(some(2)), lame_duck);
    let late: (Timeouts, Cause) = (timeouts.with_application(some(2)), |driver| _ = driver.feed(&get("")));
    let head: (Timeouts, Cause) = (timeouts.with_head(some(2)).with_head_rate(None), |driver| _ = driver.feed("GET"));
    for (name, (timeouts, cause)) in
        [("idle", idle), ("age", aged), ("drain", drained), ("application", late), ("head", head)]
    {
        for (gap, staged) in [(some(5), true), (some(1), false), (None, true)] {
            let policy = Policy::DEFAULT.with_request_timeout_response(http_keepalive::Use::Off);
            let mut driver = Driver::new(&config(timeouts.with_linger_gap(gap), policy));
            driver.feed(&get("")).respond(StatusCode::OK, Content::Empty);
            cause(&mut driver);
            driver.wait(secs(2));
            assert!(driver.connection.handle_timeout(driver.now).is_some(), "{name}");
            driver.connection.nothing_to_read(driver.now);
            let shut = driver.connection.wants().shut.expect("it ends");
            assert_eq!(matches!(shut, Shut::HalfClose(_)), staged, "{name}, a gap of {gap:?}: {shut:?}");
        }
    }
}

#[test]
fn a_connection_that_has_sent_nothing_is_closed_at_once() {
    let mut driver = Driver::new(&config(Timeouts::DEFAULT.with_first_octet(some(1)), Policy::DEFAULT));
    driver.wait(secs(1));
    driver.connection.handle_timeout(driver.now);
    driver.connection.nothing_to_read(driver.now);
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::FirstOctetTimeout)));
}

// ---- places

#[test]
fn what_may_go_and_what_it_was_promised_is_told() {
    let usual = config(Timeouts::DEFAULT.with_age(some(100)), Policy::DEFAULT);
    let mut driver = Driver::new(&usual);
    let opened = driver.now;
    let fresh = Idleness { since: opened, is_fresh: true, promised_until: None, shielded_until: opened + secs(1) };
    assert_eq!(driver.connection.idleness(), Some(fresh));
    driver.feed("GET / HT");
    assert_eq!(driver.connection.idleness(), None);
    driver.feed("TP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(driver.connection.idleness(), None);
    driver.wait(secs(2)).respond(StatusCode::OK, Content::Empty);
    let promised = |at: Instant| Idleness {
        since: driver.now,
        is_fresh: false,
        promised_until: Some(at),
        shielded_until: driver.now + secs(1),
    };
    assert_eq!(driver.connection.idleness(), Some(promised(driver.now + secs(60))));
    // the age bounds it, by the guard
    let mut old = driver.connection.clone();
    old.receive(opened + secs(60), get("").as_bytes()).expect("a request");
    old.receive(opened + secs(60), b"").expect("its end");
    let sent =
        old.send_response(opened + secs(60), StatusCode::OK, http_keepalive::NO_FIELDS, Content::Empty, &mut [0; 300]);
    assert_eq!(old.idleness(), None, "octets wait to leave");
    old.handle_sent(opened + secs(60), sent.expect("it may") as u64);
    assert_eq!(old.idleness().and_then(|idleness| idleness.promised_until), Some(opened + secs(95)));
    // of a server that says nothing nothing was promised
    let silent = Policy::DEFAULT.with_keep_alive_field(KeepAliveField::Never);
    let mut driver = Driver::new(&config(Timeouts::DEFAULT, silent));
    driver.feed(&get("")).respond(StatusCode::OK, Content::Empty);
    assert_eq!(driver.connection.idleness().and_then(|idleness| idleness.promised_until), None);
}

#[test]
fn a_place_is_freed_after_the_shield_and_a_look_and_in_stages_where_an_answer_has_just_left() {
    let usual = config(Timeouts::DEFAULT, Policy::DEFAULT);
    let mut driver = Driver::new(&usual);
    driver.feed(&get("")).respond(StatusCode::OK, Content::Empty);
    assert!(!driver.connection.free_place(driver.now), "within its shield");
    driver.wait(secs(2));
    let mut asked = Driver { connection: driver.connection.clone(), now: driver.now, ..Driver::strict() };
    assert!(driver.connection.free_place(driver.now));
    assert_eq!(driver.connection.wants().read, ReadWant::LookOnce);
    driver.connection.nothing_to_read(driver.now);
    assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::PlaceNeeded)));
    driver.shut();
    // the place is still needed: its client has been told the end, and sends nothing
    assert!(driver.connection.idleness().is_some_and(|idleness| idleness.promised_until <= Some(driver.now)));
    let mut sending = Driver { connection: driver.connection.clone(), now: driver.now, ..Driver::strict() };
    assert!(driver.connection.free_place(driver.now));
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::PlaceNeeded)));
    // one that still sends would lose its answer
    sending.feed("octets");
    assert!(!sending.connection.free_place(sending.now));
    // a request that the look finds is served, and is the last
    assert!(asked.connection.free_place(asked.now));
    asked.feed(&get("")).respond(StatusCode::OK, Content::Empty);
    assert!(asked.response().has_option("close"));
    assert_eq!(asked.connection.wants().shut, Some(Shut::HalfClose(CloseReason::PlaceNeeded)));
    // long after its answer it goes at once
    let mut driver = Driver::new(&usual);
    driver.feed(&get("")).respond(StatusCode::OK, Content::Empty).wait(secs(30));
    assert!(driver.connection.free_place(driver.now));
    driver.connection.nothing_to_read(driver.now);
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::PlaceNeeded)));
    // and nothing goes that carries an exchange
    let mut driver = Driver::new(&usual);
    driver.feed(&get("")).wait(secs(30));
    assert!(!driver.connection.free_place(driver.now));
}

// ---- nothing is cut for what was promised

/// A download of a hundred MiB whose reader takes ten minutes.
#[test]
fn a_slow_download_is_not_cut_by_a_close_an_age_that_passes_or_a_drain_that_is_announced() {
    const OCTETS: u64 = 100 << 20;
    type Begin = fn(&mut Driver) -> http_keepalive::Response<'static>;
    let plain: Begin = |_| http_keepalive::Response::new(StatusCode::OK);
    let closing: Begin = |_| http_keepalive::Response::new(StatusCode::OK).with_close(true);
    let drained: Begin = |driver| {
        lame_duck(driver);
        http_keepalive::Response::new(StatusCode::OK)
    };
    let usual = Timeouts::DEFAULT.with_drain(None);
    let lame = Policy::DEFAULT.with_drain_mode(DrainMode::LameDuck);
    for (name, begin, timeouts, policy) in [
        ("close", closing, usual.with_drain(some(30)), Policy::DEFAULT),
        ("age", plain, usual.with_age(some(60)), Policy::DEFAULT),
        ("age, announced", plain, usual.with_age(some(60)), Policy::DEFAULT.with_age_close(AgeClose::Announced)),
        ("drain", drained, usual, Policy::DEFAULT),
        ("lame duck", drained, usual, lame),
    ] {
        let mut driver = Driver::new(&config(timeouts, policy));
        driver.feed(&get(""));
        let response = begin(&mut driver);
        let mut out = [0; 300];
        let head = driver.connection.send_response(
            driver.now,
            response,
            http_keepalive::NO_FIELDS,
            Content::Exact(OCTETS),
            &mut out,
        );
        driver.connection.handle_sent(driver.now, head.expect("it may") as u64);
        // all of it waits from the begin
        driver.connection.frame_content(driver.now, OCTETS).expect("it is to come");
        for _ in 0..600 {
            driver.wait(secs(1));
            assert_eq!(driver.connection.expire(driver.now), None, "{name}");
            assert_eq!(driver.connection.wants().shut, None, "{name}");
            driver.connection.handle_sent(driver.now, OCTETS / 600);
        }
        driver.connection.handle_sent(driver.now, driver.connection.octets_pending());
        assert!(driver.connection.octets_pending() == 0, "{name}: all of it has left");
    }
}
