//! What a connection says of itself: exactly that, and not more.

use crate::common::client::{Asker, DEFAULT};
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
