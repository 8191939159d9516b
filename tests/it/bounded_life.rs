//! CLOSE-01, CLOSE-19, LIMIT-12: a connection's life is bounded by exchanges, octets and age, cut at message boundaries and announced; and
//! by the policy on a client's FIN (RFC 9112 9.5, 9.6).

use std::collections::BTreeSet;
use std::time::Duration;

use crate::common;
use crate::common::client::Asker;
use crate::common::{Driver, get, limits, policy};
use http_keepalive::*;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn timeouts(timeouts: Timeouts) -> Config<Server> {
    Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds")
}

/// A connection whose limits vary by so much, at the place of this seed.
fn seeded(percent: u8, seed: u64) -> Driver {
    let limits = Limits::DEFAULT.with_jitter(percent).with_max_exchanges(Some(100));
    let timeouts = Timeouts::DEFAULT.with_age(Some(secs(1000))).with_idle(None).with_first_octet(None);
    let mut driver = Driver::new(&Config::new(limits, timeouts, Policy::DEFAULT).expect("within bounds"));
    driver.connection = driver.connection.with_seed(seed);
    driver
}

/// Exchanges until the response that says `close`.
fn exchanges(driver: &mut Driver) -> u32 {
    for exchange in 1..=1000 {
        driver.feed(&get("")).respond(StatusCode::OK, Content::Empty);
        if driver.connection.persistence() == Persistence::Close(CloseReason::MaxExchanges) {
            return exchange;
        }
    }
    panic!("no end")
}

#[test]
fn limit_12_octets_both_ways_bound_a_connection_and_the_response_that_reaches_them_says_close() {
    let request = get("");
    let mut driver = Driver::new(&limits(Limits::DEFAULT.with_max_octets(Some(1000))));
    driver.feed(&request).respond(StatusCode::OK, Content::Exact(500)).content(&"x".repeat(500));
    let carried = request.len() + driver.out.len();
    assert_eq!(driver.connection.persistence(), Persistence::Reuse(ReuseReason::Http11));
    // the content of the next is known before it is sent: one octet less would not reach the limit
    let left = (1000 - carried - request.len()) as u64;
    driver.feed(&request).respond(StatusCode::OK, Content::Exact(left - 1));
    assert_eq!(driver.connection.persistence(), Persistence::Reuse(ReuseReason::Http11), "{left}");
    let mut driver = Driver::new(&limits(Limits::DEFAULT.with_max_octets(Some(1000))));
    driver.feed(&request).respond(StatusCode::OK, Content::Exact(500)).content(&"x".repeat(500));
    driver.feed(&request).respond(StatusCode::OK, Content::Exact(left));
    assert_eq!(driver.connection.persistence(), Persistence::Close(CloseReason::MaxOctets));
    assert!(driver.responses()[1].has_option("close"));
    // it is not cut, though its end is beyond the limit
    driver.content(&"x".repeat(left as usize));
    assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::MaxOctets)));
}

#[test]
fn limit_12_octets_passed_past_the_connection_count_as_well() {
    let mut lifecycle =
        Lifecycle::<Server, _>::new(Instant::EPOCH, Box::new(limits(Limits::DEFAULT.with_max_octets(Some(1000)))));
    let mut head = HeadFacts::request(Method::new(b"GET"), Version::HTTP_11);
    head.field_line(b"Host", b"a");
    for (octets, closes) in [(500, false), (300, true)] {
        lifecycle.octets_received(Instant::EPOCH, 50);
        lifecycle.head_received(Instant::EPOCH, &head).expect("a request");
        let announce = lifecycle.head_to_send(Instant::EPOCH, StatusCode::OK, Content::Exact(octets)).expect("it may");
        assert_eq!(announce.options.close, closes);
        lifecycle.octets_written(Instant::EPOCH, octets + 100);
        lifecycle.content_sent(Instant::EPOCH, octets).expect("all of it");
        lifecycle.handle_sent(Instant::EPOCH, octets + 100);
    }
}

/// An age of ten seconds, and nothing that is promised beyond it.
fn of_ten_seconds() -> Config<Server> {
    timeouts(Timeouts::DEFAULT.with_age(Some(secs(10))).with_idle_advertised(None))
}

#[test]
fn close_01_an_age_that_passes_behind_the_head_ends_the_connection_with_the_exchange() {
    let mut driver = Driver::new(&of_ten_seconds());
    driver.wait(secs(9)).feed(&get("")).respond(StatusCode::OK, Content::Unknown);
    assert!(!driver.connection.lifecycle().is_idle());
    driver.wait(secs(2)).content("late").end(NO_FIELDS);
    assert!(!driver.response().has_option("close"), "its head was out");
    assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::Age)));
    // one nanosecond before it, the connection stays for the next
    let mut driver = Driver::new(&of_ten_seconds());
    driver.wait(secs(9)).feed(&get("")).respond(StatusCode::OK, Content::Unknown);
    driver.wait(secs(1) - Duration::from_nanos(1)).content("just").end(NO_FIELDS);
    assert_eq!(driver.connection.wants().shut, None);
    assert!(driver.connection.lifecycle().is_idle());
}

#[test]
fn close_01_an_age_that_passes_behind_the_head_of_its_response_ends_a_client_with_the_exchange() {
    let config = common::client::with_timeouts(Timeouts::DEFAULT.with_age(Some(secs(10))));
    for (late, closes) in [(secs(1), true), (secs(1) - Duration::from_nanos(1), false)] {
        let mut asker = Asker::new(&config);
        asker.ask("GET").wait(secs(9)).feed("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no").wait(late).feed("k");
        // nothing is announced that is due already
        assert_eq!(asker.connection.next_deadline().is_none(), closes);
        if closes { asker.assert_closes(CloseReason::Age) } else { asker.assert_idle() }
    }
}

#[test]
fn close_01_an_age_that_passes_while_unread_content_is_discarded_ends_the_connection_behind_it() {
    let mut driver = Driver::new(&of_ten_seconds());
    driver.wait(secs(9)).feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n");
    driver.respond(StatusCode::OK, Content::Empty).feed("12");
    assert_eq!(driver.connection.wants().shut, None);
    driver.wait(secs(2)).feed("34");
    assert_eq!(driver.connection.wants().shut, Some(Shut::HalfClose(CloseReason::Age)));
}

#[test]
fn close_01_without_jitter_or_without_a_seed_a_limit_is_exact() {
    for mut driver in [seeded(0, 1), seeded(0, u64::MAX)] {
        assert_eq!(driver.connection.next_deadline().map(|due| due.at), Some(driver.now + secs(1000)));
        assert_eq!(exchanges(&mut driver), 100);
    }
    let config = Config::new(
        Limits::DEFAULT.with_jitter(50).with_max_exchanges(Some(100)),
        Timeouts::DEFAULT.with_age(Some(secs(1000))).with_idle(None).with_first_octet(None),
        Policy::DEFAULT,
    );
    let mut driver = Driver::new(&config.expect("within bounds"));
    assert_eq!(driver.connection.next_deadline().map(|due| due.at), Some(driver.now + secs(1000)));
    assert_eq!(exchanges(&mut driver), 100);
}

#[test]
fn close_01_jitter_spreads_connections_within_its_fraction_and_the_same_seed_gives_the_same() {
    let mut ages = BTreeSet::new();
    let mut lives = BTreeSet::new();
    for seed in 0..400 {
        let mut driver = seeded(20, seed);
        let due = driver.connection.next_deadline().expect("an age");
        let age = due.at.saturating_duration_since(driver.now);
        assert!(secs(800) <= age && age <= secs(1200), "{age:?}");
        assert_eq!(seeded(20, seed).connection.next_deadline(), Some(due));
        ages.insert(age);
        let exchanges = exchanges(&mut driver);
        assert!((80..=120).contains(&exchanges), "{exchanges}");
        lives.insert(exchanges);
    }
    // they lie apart, and close to both extremes
    assert!(ages.len() > 390, "{}", ages.len());
    assert!(ages.first() < Some(&secs(805)) && ages.last() > Some(&secs(1195)), "{:?} {:?}", ages.first(), ages.last());
    assert!(lives.len() > 38, "{lives:?}");
}

#[test]
fn limit_12_what_is_said_of_the_exchanges_left_is_what_is_kept_under_jitter() {
    let mut driver = seeded(20, 7);
    driver.feed(&get("Connection: keep-alive\r\n")).respond(StatusCode::OK, Content::Empty);
    let hint = driver.response().field("Keep-Alive").expect("a hint");
    let max: u32 = hint.split("max=").nth(1).expect("a max").parse().expect("a number");
    assert_eq!(exchanges(&mut driver), max);
}

#[test]
fn limit_12_a_client_obeys_the_same_limits() {
    let config = Config::new(
        Limits::DEFAULT.with_jitter(50).with_max_exchanges(Some(10)),
        Timeouts::DEFAULT.with_age(None),
        Policy::DEFAULT,
    )
    .expect("within bounds");
    let lives = (0..40).map(|seed| {
        let mut asker = Asker::new(&config);
        asker.connection = asker.connection.with_seed(seed);
        let mut requests = 0;
        while matches!(asker.connection.reusable(asker.now), Reusable::Now { .. }) {
            asker.ask("GET").feed(&common::client::ok(""));
            requests += 1;
        }
        requests
    });
    let lives: BTreeSet<_> = lives.collect();
    assert!(lives.len() > 5 && lives.first() >= Some(&5) && lives.last() <= Some(&15), "{lives:?}");
    let config = common::client::with_limits(Limits::DEFAULT.with_max_octets(Some(200)));
    let mut asker = Asker::new(&config);
    asker.ask("GET").feed(&common::client::ok(&"x".repeat(200))).ask("GET").feed(&common::client::ok(""));
    asker.assert_closes(CloseReason::MaxOctets);
}

#[test]
fn close_19_a_connection_answers_at_least_one_request_whatever_its_limits() {
    let least = Timeouts::DEFAULT.with_age(Some(Duration::from_nanos(1)));
    for (name, limits, timeouts) in [
        ("exchanges", Limits::DEFAULT.with_max_exchanges(Some(1)), Timeouts::DEFAULT),
        ("exchanges that vary", Limits::DEFAULT.with_max_exchanges(Some(1)).with_jitter(50), Timeouts::DEFAULT),
        ("octets", Limits::DEFAULT.with_max_octets(Some(1)), Timeouts::DEFAULT),
        ("no octets", Limits::DEFAULT.with_max_octets(Some(0)), Timeouts::DEFAULT),
        ("age", Limits::DEFAULT, least),
    ] {
        for seed in [0, 1, u64::MAX] {
            let mut driver = Driver::new(&Config::new(limits, timeouts, Policy::DEFAULT).expect("within bounds"));
            driver.connection = driver.connection.with_seed(seed);
            driver.wait(secs(1)).feed(&get("")).wait(secs(1)).respond(StatusCode::OK, Content::Exact(5));
            assert_eq!(driver.connection.wants().shut, None, "{name}: it is not cut");
            driver.wait(secs(1)).content("hello");
            let response = driver.response();
            assert_eq!((response.status, &response.content[..]), (200, &b"hello"[..]), "{name}");
            assert!(response.has_option("close"), "{name}");
            let shut = driver.connection.wants().shut;
            assert!(matches!(shut, Some(Shut::HalfClose(_))), "{name}: {shut:?}");
        }
    }
    let none = Config::<Server>::new(Limits::DEFAULT.with_max_exchanges(Some(0)), Timeouts::DEFAULT, Policy::DEFAULT);
    assert_eq!(none.map_err(|error| error.setting).err(), Some("max_exchanges"));
}

#[test]
fn close_08_a_fin_behind_a_request_cancels_nothing_or_by_policy_everything() {
    let aborts = policy(Policy::DEFAULT.with_half_close(HalfClose::Abort));
    for (config, shut) in [(&Config::DEFAULT, None), (&aborts, Some(Shut::Close(CloseReason::PeerClosed)))] {
        // before the response
        let mut driver = Driver::new(config);
        driver.feed(&get("")).eof();
        assert_eq!(driver.connection.wants().shut, shut);
        assert_eq!(driver.try_respond(StatusCode::OK, NO_FIELDS, Content::Empty).is_ok(), shut.is_none());
        // within it
        let mut driver = Driver::new(config);
        driver.feed(&get("")).respond(StatusCode::OK, Content::Exact(4)).content("12").eof();
        assert_eq!(driver.connection.wants().shut, shut);
        // behind it nothing is left to be cancelled
        let mut driver = Driver::new(config);
        driver.feed(&get("")).respond(StatusCode::OK, Content::Empty).eof();
        assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::PeerClosed)));
    }
}

#[test]
fn close_08_by_policy_a_fin_drops_pipelined_requests_and_cuts_a_response_until_close_by_a_reset() {
    let aborts = policy(Policy::DEFAULT.with_half_close(HalfClose::Abort));
    let mut driver = Driver::new(&aborts);
    driver.feed(&(get("") + &get(""))).eof();
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::PeerClosed)));
    assert_eq!(driver.requests().len(), 1);
    // between two of them: what answers the first is not cut
    let mut driver = Driver::new(&aborts);
    driver.buffer = (get("") + &get("")).into_bytes();
    let first = driver.connection.receive(driver.now, &driver.buffer).expect("a request").consumed;
    driver.buffer.drain(..first);
    let mut out = [0; 256];
    let sent = driver.connection.send_response(driver.now, StatusCode::OK, NO_FIELDS, Content::Empty, &mut out);
    driver.eof();
    assert_eq!(driver.connection.wants().shut, None);
    driver.connection.handle_sent(driver.now, sent.expect("it is due") as u64);
    assert_eq!(driver.pump(first).requests().len(), 0, "nobody waits for the second");
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::PeerClosed)));
    let mut driver = Driver::new(&aborts);
    driver.feed(&get("")).respond(StatusCode::OK, Content::UntilClose).content("12").eof();
    assert!(matches!(driver.connection.wants().shut, Some(Shut::Reset(_))), "it must not pass for whole");
}

#[test]
fn a_jitter_of_more_than_half_is_no_configuration() {
    let error = Config::<Server>::new(Limits::DEFAULT.with_jitter(51), Timeouts::DEFAULT, Policy::DEFAULT);
    assert_eq!(error.map_err(|error| error.setting), Err("jitter"));
}
