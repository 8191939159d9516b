//! Parking: an idle connection as forty octets, from which it goes on as one that never was put away.

use crate::common::Passes;
use std::time::Duration;

use crate::common;
use crate::common::client::{self, Asker};
use crate::common::{Driver, get, limits};
use http_keepalive::*;
use proptest::prelude::*;

/// Puts the connection away and takes it up again, if it can be.
fn park(driver: &mut Driver) -> bool {
    let Some(parked) = driver.connection.park() else { return false };
    let config = driver.connection.lifecycle().config().clone();
    assert_eq!(parked.next_deadline(&config), driver.connection.next_deadline());
    let handed_over = Parked::from_octets(parked.to_octets());
    driver.connection = Connection::unpark(handed_over, config.into());
    true
}

fn park_asker(asker: &mut Asker) -> bool {
    let Some(parked) = asker.connection.park() else { return false };
    let config = asker.connection.lifecycle().config().clone();
    assert_eq!(parked.next_deadline(&config), asker.connection.next_deadline());
    asker.connection = Connection::unpark(Parked::from_octets(parked.to_octets()), config.into());
    true
}

#[test]
fn a_parked_connection_is_forty_octets_and_a_servers_decisions_are_168() {
    assert_eq!(size_of::<Parked<Server>>(), 40);
    assert_eq!(size_of::<Parked<Client<64>>>(), 40);
    assert!(size_of::<Lifecycle<Server>>() <= 168, "{}", size_of::<Lifecycle<Server>>());
    // with what is known of a head half read
    assert!(size_of::<Connection<Server>>() <= 232, "{}", size_of::<Connection<Server>>());
}

#[test]
fn only_an_idle_connection_is_parked() {
    let mut driver = Driver::strict();
    assert!(park(&mut driver), "fresh");
    driver.feed("GET / HT");
    assert!(!park(&mut driver), "half a head");
    driver.feed("TP/1.1\r\nHost: a\r\n\r\n");
    assert!(!park(&mut driver), "a response is due");
    driver.respond(StatusCode::OK, Content::Unknown);
    assert!(!park(&mut driver), "a response is being sent");
    driver.end(NO_FIELDS);
    assert!(park(&mut driver), "idle");
    let mut out = [0; 256];
    driver.feed(&get(""));
    let sent =
        driver.connection.send_response(driver.now, StatusCode::OK, NO_FIELDS, Content::Empty, &mut out).unwrap();
    assert!(!park(&mut driver), "octets have not left");
    driver.connection.handle_sent(driver.now, sent as u64);
    assert!(park(&mut driver));
    driver.wait(Duration::from_secs(65));
    while driver.connection.expire(driver.now).is_some() {}
    assert!(!park(&mut driver), "a look is due");
    let mut driver = Driver::strict();
    driver.connection.close_after_exchange(driver.now);
    assert!(!park(&mut driver), "it is to be closed");
}

#[test]
fn a_connection_is_not_parked_before_it_has_told_of_the_end() {
    let now = Instant::EPOCH;
    let mut connection = Connection::<Server>::new(now, &Config::DEFAULT);
    let request = get("");
    let received = connection.receive(now, request.as_bytes()).expect("a request");
    assert_eq!(received.consumed, request.len());
    let sent = connection.send_response(now, StatusCode::OK, NO_FIELDS, Content::Empty, &mut [0; 256]).unwrap();
    connection.handle_sent(now, sent as u64);
    assert_eq!(connection.park(), None);
    assert!(matches!(connection.receive(now, b""), Ok(Received { outcome: Outcome::Event(Event::End { .. }), .. })));
    let parked = connection.park().expect("both halves are complete, and that has been told");
    let mut resumed = Connection::<Server>::unpark(parked, &Config::DEFAULT);
    assert!(matches!(
        resumed.receive(now, request.as_bytes()),
        Ok(Received { outcome: Outcome::Event(Event::Request(_)), .. })
    ));
    // a client is still to be told that its response is complete
    let mut asker = Asker::new(&client::DEFAULT);
    asker.ask("GET");
    let response = client::ok("x");
    let head = asker.connection.receive(asker.now, response.as_bytes()).expect("a head").consumed;
    asker.connection.receive(asker.now, &response.as_bytes()[head..]).expect("content");
    assert!(!park_asker(&mut asker));
    assert!(matches!(
        asker.connection.receive(asker.now, b""),
        Ok(Received { outcome: Outcome::Event(Event::End { .. }), .. })
    ));
    assert!(park_asker(&mut asker));
}

#[test]
fn octets_in_the_buffer_keep_a_connection_from_being_parked() {
    let mut driver = Driver::strict();
    driver.feed(&(get("") + &get("")));
    driver.connection.send_response(driver.now, StatusCode::OK, NO_FIELDS, Content::Empty, &mut [0; 256]).unwrap();
    driver.connection.handle_sent(driver.now, u64::MAX);
    assert!(driver.connection.lifecycle().is_idle());
    assert!(!park(&mut driver));
}

#[test]
fn what_was_counted_before_still_counts() {
    let mut driver = Driver::answering(&limits(Limits::DEFAULT.with_max_exchanges(Some(3)).with_empty_lines(2)));
    driver.feed(&get("")).feed("\r\n\r\n");
    let offset = driver.connection.offset();
    assert!(park(&mut driver));
    assert_eq!(driver.connection.offset(), offset);
    let mut refused = Driver::answering(&limits(Limits::DEFAULT.with_empty_lines(2)));
    refused.feed("\r\n\r\n");
    assert!(park(&mut refused));
    refused.feed("\r\n");
    assert_eq!(refused.connection.error().map(|error| error.kind), Some(ProtocolErrorKind::EmptyLines));
    driver.feed(&get(""));
    assert!(park(&mut driver));
    driver.feed(&get(""));
    assert!(!park(&mut driver));
    assert_eq!(driver.connection.persistence(), Persistence::Close(CloseReason::MaxExchanges));
    // octets, too
    let mut driver = Driver::answering(&limits(Limits::DEFAULT.with_max_octets(Some(150))));
    driver.feed(&get(""));
    assert!(park(&mut driver));
    driver.feed(&get("")).feed(&get(""));
    assert_eq!(driver.connection.persistence(), Persistence::Close(CloseReason::MaxOctets));
}

#[test]
fn a_client_keeps_what_the_peer_said() {
    let mut asker = Asker::new(&client::DEFAULT);
    assert!(park_asker(&mut asker), "fresh");
    asker.ask("GET");
    assert!(!park_asker(&mut asker), "a response is awaited");
    asker.feed(&client::answer(
        "200 OK",
        "Content-Length: 0\r\nConnection: keep-alive\r\nKeep-Alive: timeout=10, max=2\r\n",
    ));
    assert!(park_asker(&mut asker));
    let due = asker.connection.next_deadline().expect("the hint less the margin");
    assert_eq!((due.kind, due.at), (DeadlineKind::Idle, asker.now + Duration::from_secs(8)));
    asker.ask("GET").feed(&client::ok("")).ask("GET").feed(&client::ok(""));
    asker.assert_closes(CloseReason::MaxHint);
    assert_eq!(asker.connection.lifecycle().requests(), 3);
    // what does not fit is not parked: more requests than three octets count, a count of octets
    let mut asker = Asker::new(&client::DEFAULT);
    asker
        .ask("GET")
        .feed(&client::answer("200 OK", "Content-Length: 0\r\nConnection: keep-alive\r\nKeep-Alive: max=16777215\r\n"));
    assert!(!park_asker(&mut asker));
    let mut asker = Asker::new(&client::with_limits(Limits::DEFAULT.with_max_octets(Some(1_000_000))));
    assert!(!park_asker(&mut asker));
}

/// What happens to a connection, and what a driver does.
#[derive(Clone, Debug)]
enum Step {
    Passes(u64),
    GoesBack(u64),
    /// A request, or a response to a client that asked.
    Message(usize),
    Half,
    EmptyLine,
    Drain,
    Eof,
}

const REQUESTS: [&str; 4] = [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
];

const RESPONSES: [&str; 4] = [
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\nKeep-Alive: timeout=7\r\n\r\n",
    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\nConnection: keep-alive\r\nKeep-Alive: max=5\r\n\r\n",
    "HTTP/1.1 204 No Content\r\n\r\n",
];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..30_000_000_000u64).prop_map(Step::Passes),
        1 => (0..5_000_000_000u64).prop_map(Step::GoesBack),
        6 => (0..4usize).prop_map(Step::Message),
        1 => Just(Step::Half),
        1 => Just(Step::EmptyLine),
        1 => Just(Step::Drain),
        1 => Just(Step::Eof),
    ]
}

fn moved(now: Instant, step: &Step) -> Instant {
    match step {
        Step::Passes(nanos) => now + Duration::from_nanos(*nanos),
        Step::GoesBack(nanos) => Instant::from_nanos(now.as_nanos().saturating_sub(*nanos)),
        _ => now,
    }
}

/// Everything that a driver can see of a server.
fn server_story(steps: &[Step], seed: u64, parks: bool) -> (Vec<String>, usize) {
    let limits = Limits::DEFAULT.with_max_exchanges(Some(6)).with_jitter(50).with_max_octets(Some(700));
    let timeouts =
        Timeouts::DEFAULT.with_age(Some(Duration::from_secs(90))).with_drain_window(Some(Duration::from_secs(1)));
    let mut driver = Driver::answering(&Config::new(limits, timeouts, Policy::DEFAULT).expect("within bounds"));
    driver.connection = driver.connection.with_seed(seed);
    let (mut story, mut parked) = (Vec::new(), 0);
    for step in steps {
        driver.now = moved(driver.now, step);
        match step {
            Step::Message(number) => _ = driver.feed(REQUESTS[*number]),
            Step::Half => _ = driver.feed("GET / HTTP/1.1\r\nHo").feed("st: a\r\n\r\n"),
            Step::EmptyLine => _ = driver.feed("\r\n"),
            Step::Drain => driver.connection.close_after_exchange(driver.now),
            Step::Eof => _ = driver.eof(),
            Step::Passes(_) | Step::GoesBack(_) => {}
        }
        while let Some(expired) = driver.connection.expire(driver.now) {
            story.push(format!("{expired:?}"));
        }
        if driver.connection.wants().read == ReadWant::LookOnce {
            driver.connection.nothing_to_read(driver.now);
        }
        driver.shut();
        let connection = &driver.connection;
        story.push(format!(
            "{:?} {:?} {:?} {:?} {} {} {}",
            connection.deadline_cause(),
            connection.wants(),
            connection.persistence(),
            connection.error(),
            connection.offset(),
            connection.lifecycle().exchanges(),
            common::shown(&driver.out),
        ));
        parked += usize::from(parks && park(&mut driver));
    }
    story.push(format!("{:?}", driver.seen));
    (story, parked)
}

/// Everything that a driver can see of a client.
fn client_story(steps: &[Step], seed: u64, parks: bool) -> (Vec<String>, usize) {
    let limits = Limits::DEFAULT.with_max_exchanges(Some(6)).with_jitter(50);
    let timeouts = Timeouts::DEFAULT.with_age(Some(Duration::from_secs(90)));
    let mut asker = Asker::new(&Config::new(limits, timeouts, Policy::DEFAULT).expect("within bounds"));
    asker.connection = asker.connection.with_seed(seed);
    let (mut story, mut parked) = (Vec::new(), 0);
    for step in steps {
        asker.now = moved(asker.now, step);
        match step {
            Step::Message(number) if matches!(asker.connection.reusable(asker.now), Reusable::Now { .. }) => {
                _ = asker.ask("GET").feed(RESPONSES[*number]);
            }
            Step::Half if matches!(asker.connection.reusable(asker.now), Reusable::Now { .. }) => {
                _ = asker.ask("GET").feed("HTTP/1.1 2")
            }
            Step::EmptyLine => _ = asker.feed("\r\n"),
            Step::Drain => asker.connection.close_after_exchange(asker.now),
            Step::Eof => _ = asker.eof(),
            _ => {}
        }
        while let Some(expired) = asker.connection.expire(asker.now) {
            story.push(format!("{expired:?}"));
        }
        let connection = &asker.connection;
        story.push(format!(
            "{:?} {:?} {:?} {:?} {:?} {} {:?} {}",
            connection.deadline_cause(),
            connection.wants(),
            connection.persistence(),
            connection.reusable(asker.now),
            connection.unanswered().collect::<Vec<_>>(),
            connection.offset(),
            connection.lifecycle().requests(),
            common::shown(&asker.out),
        ));
        parked += usize::from(parks && park_asker(&mut asker));
    }
    story.push(format!("{:?}", asker.said));
    (story, parked)
}

#[test]
fn the_stories_that_are_compared_do_park() {
    let steps = [Step::Message(0), Step::Passes(1), Step::Message(1)];
    assert_eq!(server_story(&steps, 1, true).1, 3);
    assert_eq!(client_story(&steps, 1, true).1, 3);
}

proptest! {
    #[test]
    fn a_server_that_is_parked_whenever_it_can_be_behaves_as_one_that_never_was(
        steps in prop::collection::vec(step(), 1..25), seed: u64,
    ) {
        prop_assert_eq!(server_story(&steps, seed, true).0, server_story(&steps, seed, false).0);
    }

    #[test]
    fn a_client_that_is_parked_whenever_it_can_be_behaves_as_one_that_never_was(
        steps in prop::collection::vec(step(), 1..25), seed: u64,
    ) {
        prop_assert_eq!(client_story(&steps, seed, true).0, client_story(&steps, seed, false).0);
    }

    #[test]
    fn any_forty_octets_make_a_connection_that_does_not_panic(octets in prop::collection::vec(any::<u8>(), 40), at: u64) {
        let octets: [u8; 40] = octets.try_into().expect("forty");
        let now = Instant::from_nanos(at);
        let config = Config::<Server>::DEFAULT;
        let mut server = Connection::unpark(Parked::from_octets(octets), &config);
        let mut bound = 0;
        while server.expire(now).is_some() {
            bound += 1;
            prop_assert!(bound < 10);
        }
        let _ = server.receive(now, REQUESTS[0].as_bytes());
        let config = Config::<Client>::DEFAULT;
        let mut client = Connection::unpark(Parked::from_octets(octets), &config);
        while client.expire(now).is_some() {}
        let _ = client.reusable(now);
    }
}
