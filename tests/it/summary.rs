//! Summaries of exchanges and connections: what they count is what went over the wire.

use std::time::Duration;

use http_keepalive::{
    Account, Client, CloseReason, Config, Connection, Content, DeadlineKind, Eof, ExchangeSummary, Instant, Limits,
    Method, NO_FIELDS, Outcome, Persistence, Policy, Request, ReuseReason, Server, StatusCode, Timeouts,
};
use proptest::prelude::*;

fn at(milliseconds: u64) -> Instant {
    Instant::from_secs(100) + Duration::from_millis(milliseconds)
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A server, its account, and octets that were not consumed.
struct Serves {
    connection: Connection<Server>,
    account: Account,
    buffer: Vec<u8>,
    over: Vec<ExchangeSummary>,
    out: usize,
}

impl Serves {
    fn new() -> Self {
        Self {
            connection: Connection::new(at(0), &Config::DEFAULT),
            account: Account::new(at(0)),
            buffer: Vec::new(),
            over: Vec::new(),
            out: 0,
        }
    }

    fn look(&mut self, now: u64) -> &mut Self {
        self.over.extend(self.account.look(at(now), &self.connection));
        self
    }

    fn feed(&mut self, now: u64, text: &str) -> &mut Self {
        self.buffer.extend_from_slice(text.as_bytes());
        loop {
            let received = self.connection.receive(at(now), &self.buffer);
            let (consumed, goes_on) = match &received {
                Ok(received) => (received.consumed, matches!(received.outcome, Outcome::Event(_))),
                Err(_) => (0, true),
            };
            self.buffer.drain(..consumed);
            self.look(now);
            if !goes_on {
                return self;
            }
        }
    }

    fn answer(&mut self, now: u64, content: &'static str) -> &mut Self {
        let mut out = [0; 512];
        let length = Content::Exact(content.len() as u64);
        let head =
            self.connection.send_response(at(now), StatusCode::OK, NO_FIELDS, length, &mut out).expect("its turn");
        self.look(now);
        self.out += head;
        if !content.is_empty() {
            let sent = self.connection.send_content(at(now), content.as_bytes(), &mut out).expect("it fits");
            self.out += sent.written;
            self.look(now);
        }
        self
    }
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn a_servers_exchanges_are_told_with_their_octets_and_times() {
    let mut serves = Serves::new();
    serves.feed(10, "GET / HT").feed(30, &GET[8..]).answer(70, "hello");
    let first = serves.over.pop().expect("it is over");
    assert_eq!((first.number, first.is_reused(), first.received, first.sent), (1, false, 27, serves.out as u64));
    assert_eq!((first.began, first.first_octet, first.took), (at(10), Some(ms(60)), ms(60)));
    assert!(first.request_whole && first.response_whole);
    assert_eq!(first.persistence, Persistence::Reuse(ReuseReason::Http11));
    assert_eq!((first.reasons.iter().count(), first.deadline), (0, None));
    // two at once, of which one says close
    let out = serves.out;
    serves.feed(100, &format!("{GET}{}", GET.replace("a\r\n", "a\r\nConnection: close\r\n"))).answer(110, "");
    serves.feed(110, "").answer(130, "x");
    let [second, third] = serves.over[..] else { panic!("{:?}", serves.over) };
    assert_eq!((second.number, second.is_reused(), second.received), (2, true, 27));
    assert_eq!((third.number, third.received), (3, 46));
    assert_eq!(second.sent + third.sent, (serves.out - out) as u64);
    assert_eq!(third.persistence, Persistence::Close(CloseReason::CloseReceived));
    assert_eq!(third.reasons.iter().collect::<Vec<_>>(), [CloseReason::CloseReceived]);
    // what has not left does not count, and without it nothing is whole
    let all = serves.account.summary(at(140), &serves.connection);
    assert_eq!((all.sent, all.whole), (0, false));
    serves.connection.handle_sent(at(145), serves.out as u64);
    let all = serves.account.summary(at(150), &serves.connection);
    assert_eq!((all.exchanges, all.received, all.sent, all.whole), (3, 100, serves.out as u64, true));
    assert_eq!((all.took, all.first_octet), (ms(150), Some(ms(70))));
    assert_eq!(
        all.to_string(),
        "3 exchanges: 100 octets in, 139 out, first octet after 70.0ms, 150.0ms in all, whole; close-received (RFC 9112 9.6)"
    );
}

#[test]
fn a_response_that_does_not_leave_is_not_whole() {
    for end in ["a stall", "a failed write"] {
        let mut serves = Serves::new();
        serves.feed(0, GET).answer(1, "hello");
        serves.connection.handle_sent(at(2), 20);
        match end {
            "a stall" => while serves.connection.handle_timeout(at(200_000)).is_some() {},
            _ => serves.connection.write_failed(at(2)),
        }
        serves.look(200_000);
        let all = serves.account.summary(at(200_000), &serves.connection);
        assert!(!all.whole, "{end}: {all}");
        if end == "a stall" {
            assert_eq!(all.sent, 20, "{all}");
        }
    }
    // where all of it has left, a transport that is lost takes nothing along
    let mut serves = Serves::new();
    serves.feed(0, GET).answer(1, "hello");
    serves.connection.handle_sent(at(2), serves.out as u64);
    serves.connection.transport_failed(at(3));
    serves.look(3);
    assert!(serves.account.summary(at(3), &serves.connection).whole);
}

#[test]
fn what_was_not_whole_is_told() {
    // a request that never ends: refused, and told why
    let mut serves = Serves::new();
    serves.feed(0, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
    for now in [ms(20_000), ms(21_000), ms(22_000)] {
        while let Some(deadline) = serves.connection.handle_timeout(at(0) + now) {
            serves.account.expired(deadline);
        }
        serves.connection.nothing_to_read(at(0) + now);
        serves.look(now.as_millis() as u64);
    }
    let mut out = [0; 512];
    serves.connection.send_refusal(at(22_000), NO_FIELDS, &mut out).expect("408 is due");
    serves.look(22_000);
    let told = serves.over.pop().expect("it is over");
    assert!(!told.request_whole && told.response_whole, "{told:?}");
    assert_eq!(told.deadline, Some(DeadlineKind::ContentGap));
    assert_eq!(told.reasons.iter().next(), Some(CloseReason::ContentTimeout));
    assert!(told.to_string().contains("request not whole; content-timeout"), "{told}");
    assert!(told.to_string().ends_with("; deadline content_gap"), "{told}");
    // a response that the application cuts
    let mut serves = Serves::new();
    serves.feed(0, GET);
    let head = serves.connection.send_response(at(1), StatusCode::OK, NO_FIELDS, Content::Exact(5), &mut out);
    head.expect("its turn");
    serves.look(1);
    serves.connection.abort(at(2));
    serves.look(2);
    let told = serves.over.pop().expect("it is over");
    assert!(told.request_whole && !told.response_whole, "{told:?}");
    assert_eq!(told.first_octet, Some(ms(1)));
    assert!(!serves.account.summary(at(3), &serves.connection).whole);
    // nothing at all
    let mut serves = Serves::new();
    let _ = serves.connection.receive_eof(at(5), Eof::Clean);
    assert_eq!(serves.look(5).over, []);
    let all = serves.account.summary(at(5), &serves.connection);
    assert_eq!((all.exchanges, all.first_octet, all.whole), (0, None, true));
    assert_eq!(
        all.to_string(),
        "0 exchanges: 0 octets in, 0 out, no octet of a response, 5.0ms in all, whole; peer-closed (RFC 9112 9.6)"
    );
}

#[test]
fn a_client_is_told_of_an_upload_that_was_not_whole() {
    for (answer, whole) in [
        ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", true),
        ("HTTP/1.1 413 x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", false),
    ] {
        let mut connection = Connection::<Client>::new(at(0), &Config::DEFAULT);
        let (mut account, mut out) = (Account::new(at(0)), [0; 512]);
        let request = Request::new(Method::new(b"POST"), b"/");
        let host = [("Host", "a")];
        let mut sent = connection.send_request(at(0), &request, host, Content::Exact(6), &mut out).expect("it may");
        sent += connection.send_content(at(0), b"abc", &mut out).expect("it is its turn").written;
        connection.handle_sent(at(0), sent as u64);
        assert_eq!(account.look(at(0), &connection), None);
        let mut over = Vec::new();
        let mut rest = answer.as_bytes();
        while !rest.is_empty() {
            let received = connection.receive(at(40), rest).expect("it is HTTP");
            rest = &rest[received.consumed..];
            over.extend(account.look(at(40), &connection));
        }
        if whole {
            assert_eq!(over, []);
            sent += connection.send_content(at(60), b"def", &mut out).expect("it goes on").written;
            over.extend(account.look(at(60), &connection));
        }
        let [told] = over[..] else { panic!("{over:?}") };
        assert_eq!((told.request_whole, told.response_whole), (whole, true), "{told}");
        assert_eq!((told.first_octet, told.sent, told.received), (Some(ms(40)), sent as u64, answer.len() as u64));
        let reasons: Vec<_> = told.reasons.iter().collect();
        match whole {
            true => assert_eq!(reasons, [CloseReason::CloseReceived]),
            false => assert_eq!(reasons, [CloseReason::CloseReceived, CloseReason::EarlyResponse]),
        }
    }
}

fn pipelining() -> Config<Client<4>> {
    Config::new(Limits::DEFAULT, Timeouts::CLIENT, Policy::DEFAULT).expect("within bounds")
}

proptest! {
    #[test]
    fn the_octets_of_the_exchanges_are_those_of_the_connection(
        contents in proptest::collection::vec(0_usize..40, 1..12),
        cuts in proptest::collection::vec(1_usize..60, 1..40),
        depth in 1_usize..4,
    ) {
        let config = pipelining();
        let mut connection = Connection::<Client<4>, _>::new(at(0), &config);
        connection.knows_http11();
        let (mut account, mut out) = (Account::new(at(0)), [0; 512]);
        let (mut over, mut sent, mut received, mut now) = (Vec::new(), 0, 0, 0);
        let mut asked = 0;
        let (mut answers, mut cuts) = (Vec::new(), cuts.iter().cycle());
        while over.len() < contents.len() {
            while asked < contents.len() && asked < over.len() + depth {
                let request = Request::new(Method::new(b"GET"), b"/");
                let octets = connection.send_request(at(now), &request, [("Host", "a")], Content::Empty, &mut out);
                let octets = octets.expect("it may");
                connection.handle_sent(at(now), octets as u64);
                over.extend(account.look(at(now), &connection));
                sent += octets as u64;
                answers.extend(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", contents[asked]).into_bytes());
                answers.extend(vec![b'x'; contents[asked]]);
                asked += 1;
            }
            now += 1;
            let offered = answers.len().min(*cuts.next().expect("without end"));
            let whole = answers.len();
            loop {
                let told = connection.receive(at(now), &answers[..offered - (whole - answers.len())]).expect("it is HTTP");
                let (consumed, goes_on) = (told.consumed, matches!(told.outcome, Outcome::Event(_)));
                answers.drain(..consumed);
                received += consumed as u64;
                over.extend(account.look(at(now), &connection));
                if !goes_on {
                    break;
                }
            }
            if offered == whole && answers.len() == whole {
                // a cut within a head: more of it is needed
                cuts.next();
            }
            if answers.len() == whole {
                // nothing was consumed of so few octets: all are offered
                loop {
                    let told = connection.receive(at(now), &answers).expect("it is HTTP");
                    let (consumed, goes_on) = (told.consumed, matches!(told.outcome, Outcome::Event(_)));
                    answers.drain(..consumed);
                    received += consumed as u64;
                    over.extend(account.look(at(now), &connection));
                    if !goes_on {
                        break;
                    }
                }
            }
        }
        let all = account.summary(at(now), &connection);
        prop_assert_eq!((all.exchanges as usize, all.received, all.sent, all.whole), (contents.len(), received, sent, true));
        prop_assert_eq!(over.iter().map(|told| told.received).sum::<u64>(), received);
        prop_assert_eq!(over.iter().map(|told| told.sent).sum::<u64>(), sent);
        for (number, told) in over.iter().enumerate() {
            prop_assert_eq!(told.number as usize, number + 1);
            prop_assert!(told.request_whole && told.response_whole && told.first_octet.is_some());
            prop_assert!(told.received as usize >= contents[number] + 38, "{}", told);
        }
    }
}

/// Octets that were done with in the same offer as an error are not counted twice.
#[test]
fn what_was_sent_after_an_error_is_what_was_written() {
    let bad = "GET / HTTP/1.1\r\nHost : a\r\n\r\n";
    for input in [bad.to_string(), format!("\r\n{bad}"), format!("\r\n\r\n\r\n{bad}")] {
        let (mut connection, mut account) = (Connection::<Server>::new(at(0), &Config::DEFAULT), Account::new(at(0)));
        connection.receive(at(1), input.as_bytes()).expect_err("whitespace before the colon");
        account.look(at(1), &connection);
        let mut out = [0; 512];
        let written = connection.send_refusal(at(2), NO_FIELDS, &mut out).expect("a refusal is due");
        connection.handle_sent(at(2), written as u64);
        account.look(at(2), &connection);
        assert_eq!(account.summary(at(2), &connection).sent, written as u64, "{input:?}");
    }
}
