//! What a connection says of itself: exactly that, and not more.

use std::time::Duration;

use crate::common::client::{Asker, DEFAULT, answer};
use crate::common::{Driver, get};
use http_keepalive::*;

fn reasons(driver: &Driver) -> Vec<CloseReason> {
    driver.connection.lifecycle().close_reasons().collect()
}

/// A response of which nothing leaves.
fn held(driver: &mut Driver) {
    let connection = &mut driver.connection;
    connection.send_response(driver.now, StatusCode::OK, NO_FIELDS, Content::Empty, &mut [0; 256]).expect("it is due");
}

#[test]
fn every_cause_to_close_is_said_once_the_first_first() {
    let mut driver = Driver::strict();
    assert_eq!(reasons(&driver), []);
    driver.feed(&get("Connection: close\r\n"));
    assert_eq!(reasons(&driver), [CloseReason::CloseReceived]);
    driver.connection.close_after_exchange(driver.now);
    driver.connection.close_after_exchange(driver.now);
    assert_eq!(reasons(&driver), [CloseReason::CloseReceived, CloseReason::Drain]);
    driver.respond(StatusCode::OK, Content::UntilClose);
    let mut all = reasons(&driver);
    assert_eq!(all.remove(0), CloseReason::CloseReceived);
    all.sort_by_key(|reason| CloseReason::ALL.iter().position(|it| it == reason));
    assert_eq!(all.len(), 2);
    assert!(all.contains(&CloseReason::Drain) && all.contains(&CloseReason::UntilClose), "{all:?}");
}

#[test]
fn pers_02_of_a_fresh_connection_nothing_is_decided() {
    assert_eq!(Driver::strict().connection.persistence(), Persistence::Undecided);
    assert_eq!(Asker::new(&DEFAULT).connection.persistence(), Persistence::Undecided);
}

#[test]
fn a_flush_is_asked_for_while_octets_wait_and_only_then() {
    let mut driver = Driver::strict();
    assert!(!driver.connection.wants().flush);
    driver.feed(&get(""));
    assert!(!driver.connection.wants().flush);
    held(&mut driver);
    assert!(driver.connection.wants().flush);
    let pending = driver.connection.octets_pending();
    driver.connection.handle_sent(driver.now, pending - 1);
    assert!(driver.connection.wants().flush);
    driver.connection.handle_sent(driver.now, 1);
    assert!(!driver.connection.wants().flush);
}

#[test]
fn close_08_behind_the_end_of_the_peer_nothing_is_to_be_read() {
    let mut driver = Driver::strict();
    driver.feed(&get("")).eof();
    assert_eq!(driver.connection.wants().read, ReadWant::No);
    driver.respond(StatusCode::OK, Content::Exact(2));
    assert_eq!(driver.connection.wants().read, ReadWant::No);
    driver.content("ok");
    assert_eq!(driver.connection.wants().read, ReadWant::No);
    assert_eq!(driver.connection.wants().owed_by(), Party::Transport);

    let mut asker = Asker::new(&DEFAULT);
    asker.ask("GET").feed("HTTP/1.1 200 OK\r\n\r\nabc");
    assert!(matches!(asker.connection.receive_eof(asker.now, Eof::Clean), Ok(Received { .. })));
    assert_eq!(asker.connection.wants().read, ReadWant::No);
}

#[test]
fn a_transport_that_failed_is_the_reason_and_has_nothing_to_flush() {
    let mut driver = Driver::strict();
    driver.feed(&get(""));
    held(&mut driver);
    driver.connection.transport_failed(driver.now);
    assert_eq!(driver.connection.octets_pending(), 0);
    assert!(!driver.connection.wants().flush);
    assert_eq!(driver.connection.persistence(), Persistence::Close(CloseReason::TransportFailed));
    assert_eq!(driver.connection.wants().shut, Some(Shut::Close(CloseReason::TransportFailed)));
}

#[test]
fn a_close_that_is_done_is_undone_by_nothing() {
    let mut driver = Driver::strict();
    driver.feed(&get("")).respond(StatusCode::OK, Content::Empty).eof().shut();
    let closed = driver.connection.clone();
    assert!(closed.is_closed());
    let facts: [fn(&mut Connection<Server, _>, Instant); 6] = [
        |it, now| it.abort(now),
        |it, now| it.transport_failed(now),
        |it, now| it.handle_shut(now),
        |it, now| it.close_after_exchange(now),
        |it, now| it.nothing_to_read(now),
        |it, now| it.handle_sent(now, 9),
    ];
    for fact in facts {
        fact(&mut driver.connection, driver.now);
        assert_eq!(driver.connection.wants(), closed.wants());
        assert!(driver.connection.is_closed());
        assert_eq!(driver.connection.next_deadline(), None);
    }
}

/// What a deadline is blamed on is the setting that decided its instant.
#[test]
fn a_deadline_names_the_setting_that_decided_its_instant() {
    let rated = Timeouts::DEFAULT.with_head(Some(Duration::from_secs(20))).with_head_cap(Some(Duration::from_secs(40)));
    let head = |octets: usize| format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(octets - 19));
    for (rate, octets, setting, nanos) in [
        (None, 100, "head", 20_000_000_000),
        (Some(500), 100, "head_rate", 20_200_000_000),
        (Some(500), 9_999, "head_rate", 39_998_000_000),
        (Some(500), 10_000, "head_cap", 40_000_000_000),
        (Some(500), 12_000, "head_cap", 40_000_000_000),
    ] {
        let timeouts = rated.with_head_rate(rate);
        let config = Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds");
        let mut driver = Driver::new(&config);
        driver.feed(&head(octets));
        let cause = driver.connection.deadline_cause().expect("a head has begun");
        assert_eq!((cause.deadline.kind, cause.setting), (DeadlineKind::Head, setting), "{rate:?}, {octets}");
        let due = cause.since.saturating_add(Duration::from_nanos(nanos));
        assert_eq!((cause.since, cause.deadline.at), (driver.now, due), "{rate:?}, {octets}");
    }
    for (hint, setting) in
        [("", "idle"), ("Keep-Alive: timeout=5\r\n", "keep_alive"), ("Keep-Alive: timeout=900\r\n", "idle")]
    {
        let mut asker = Asker::asking("GET");
        asker.feed(&answer("200 OK", &format!("Connection: keep-alive\r\n{hint}Content-Length: 0\r\n")));
        let cause = asker.connection.deadline_cause().expect("it idles");
        assert_eq!((cause.deadline.kind, cause.setting), (DeadlineKind::Idle, setting), "{hint:?}");
    }
}
