//! The parser-free front door gives the same decisions as a connection that reads the octets itself.

use crate::common::Passes;
use std::time::Duration;

use crate::common;
use crate::common::{Driver, chunked, get, lenient, octets, policy, read_responses};
use http_keepalive::{
    BodyLength, CloseReason, Config, Content, DeadlineKind, FramingField, HeadFacts, Instant, Lifecycle, Limits,
    Method, Misuse, NO_FIELDS, Persistence, Policy, ProtocolErrorKind, ReceiveError, Server, Shut, StatusCode,
    Timeouts, Turn, Use, Version,
};

/// A connection and a lifecycle, told the same.
struct Both {
    driver: Driver,
    lifecycle: Lifecycle<Server, std::sync::Arc<Config<Server>>>,
}

impl Both {
    fn new(config: &Config<Server>) -> Self {
        let driver = Driver::new(config);
        let lifecycle = Lifecycle::new(driver.now, std::sync::Arc::new(config.clone()));
        Self { driver, lifecycle }
    }

    /// Every answer that needs no octets is the same.
    #[track_caller]
    fn agree(&self, when: &str) {
        let connection = &self.driver.connection;
        assert_eq!(connection.persistence(), self.lifecycle.persistence(), "{when}");
        assert_eq!(connection.wants(), self.lifecycle.wants(), "{when}");
        assert_eq!(connection.next_deadline(), self.lifecycle.next_deadline(), "{when}");
        assert_eq!(connection.lifecycle().exchanges(), self.lifecycle.exchanges(), "{when}");
        assert_eq!(connection.lifecycle().octets_pending(), self.lifecycle.octets_pending(), "{when}");
        assert_eq!(connection.lifecycle().is_idle(), self.lifecycle.is_idle(), "{when}");
        assert_eq!(connection.lifecycle().is_closed(), self.lifecycle.is_closed(), "{when}");
        let reasons = |lifecycle: &Lifecycle<Server, _>| lifecycle.close_reasons().collect::<Vec<_>>();
        assert_eq!(reasons(connection.lifecycle()), reasons(&self.lifecycle), "{when}");
    }

    /// A head arrives in two pieces; a foreign parser reads it.
    #[track_caller]
    fn head(&mut self, head: &str) {
        let (first, second) = head.split_at(head.len() / 2);
        self.driver.feed(first);
        self.lifecycle.octets_received(self.driver.now, first.len() as u64);
        self.agree("within the head");
        self.wait(1);
        self.driver.feed(second);
        self.lifecycle.octets_received(self.driver.now, second.len() as u64);
        let config = self.lifecycle.config().clone();
        // what is wrong with framing is the lifecycle's to find, what is wrong with syntax the parser's
        let facts = facts_of(head);
        match common::parse_request(&octets(head), config.limits(), config.policy()) {
            Err(error) if facts.is_none() => self.lifecycle.fault_received(self.driver.now, error.kind),
            _ => {
                let framing = self.lifecycle.head_received(self.driver.now, &facts.expect("a head"));
                match framing {
                    Ok(framing) => {
                        let requests = self.driver.requests();
                        let request = requests.last().unwrap_or_else(|| panic!("{head:?}: {:?}", self.driver.seen));
                        assert_eq!((request.length, request.rule), (framing.length, framing.rule), "{head:?}");
                    }
                    Err(kind) => {
                        assert_eq!(
                            self.driver.connection.error().map(|error| ReceiveError::Fault(error.kind)),
                            Some(kind),
                            "{head:?}"
                        )
                    }
                }
            }
        }
        self.agree("behind the head");
    }

    #[track_caller]
    fn content(&mut self, framed: &str, content: &str) {
        self.driver.feed(framed);
        self.lifecycle.octets_received(self.driver.now, framed.len() as u64);
        assert_eq!(self.lifecycle.content_received(self.driver.now, content.len() as u64), Ok(()));
        self.agree("behind content");
    }

    /// Both answer, and what the head says is what was announced.
    #[track_caller]
    fn respond(&mut self, status: StatusCode, content: Content) {
        let before = self.driver.out.len();
        let sent = self.driver.try_respond(status, NO_FIELDS, content);
        match self.lifecycle.head_to_send(self.driver.now, status, content) {
            Err(refused) => assert_eq!(sent, Err(refused)),
            Ok(announce) => {
                let sent = sent.expect("both may");
                self.lifecycle.octets_written(self.driver.now, sent as u64);
                self.lifecycle.handle_sent(self.driver.now, sent as u64);
                let head = read_responses(&self.driver.out[before..], &[true]).pop().expect("a head");
                assert_eq!(head.has_option("close"), announce.options.close, "{head:?}");
                assert_eq!(head.has_option("keep-alive"), announce.options.keep_alive, "{head:?}");
                let hint = head.field("keep-alive").map(|value| http_keepalive::KeepAlive::parse(value.as_bytes()));
                assert_eq!(hint, announce.keep_alive, "{head:?}");
                let framing = match (head.field("content-length"), head.field("transfer-encoding")) {
                    (Some(length), None) => FramingField::ContentLength(length.parse().unwrap()),
                    (None, Some(_)) => FramingField::Chunked,
                    (None, None) => FramingField::None,
                    both => panic!("{both:?}"),
                };
                assert_eq!(framing, announce.framing, "{head:?}");
            }
        }
        self.agree("behind a response's head");
    }

    #[track_caller]
    fn send(&mut self, content: &str) {
        let before = self.driver.out.len();
        self.driver.content(content);
        let written = (self.driver.out.len() - before) as u64;
        self.lifecycle.octets_written(self.driver.now, written);
        assert_eq!(self.lifecycle.content_sent(self.driver.now, content.len() as u64), Ok(()));
        self.lifecycle.handle_sent(self.driver.now, written);
        self.agree("behind content sent");
    }

    #[track_caller]
    fn end(&mut self) {
        let before = self.driver.out.len();
        self.driver.end(NO_FIELDS);
        let written = (self.driver.out.len() - before) as u64;
        self.lifecycle.octets_written(self.driver.now, written);
        assert_eq!(self.lifecycle.end_sent(self.driver.now), Ok(()));
        self.lifecycle.handle_sent(self.driver.now, written);
        self.agree("behind the end");
    }

    #[track_caller]
    fn wait(&mut self, secs: u64) {
        self.driver.wait(Duration::from_secs(secs));
        loop {
            let expired = self.driver.connection.expire(self.driver.now);
            assert_eq!(expired, self.lifecycle.expire(self.driver.now));
            self.agree("behind a timeout");
            if expired.is_none() {
                break;
            }
        }
        if self.driver.connection.wants().read == http_keepalive::ReadWant::LookOnce {
            self.driver.connection.nothing_to_read(self.driver.now);
            self.lifecycle.nothing_to_read(self.driver.now);
            self.agree("behind a look");
        }
    }

    #[track_caller]
    fn shut(&mut self) {
        self.driver.connection.handle_shut(self.driver.now);
        self.lifecycle.handle_shut(self.driver.now);
        self.agree("behind a shut");
    }

    #[track_caller]
    fn eof(&mut self) {
        self.driver.eof();
        self.lifecycle.eof_received(self.driver.now);
        self.agree("behind EOF");
    }
}

/// A naive parser of heads that are within the syntax.
fn facts_of(head: &str) -> Option<HeadFacts> {
    let mut lines = head.trim_end().split("\r\n");
    let line = lines.next()?;
    let mut parts = line.split(' ');
    let method = parts.next()?;
    let minor = parts.nth(1)?.strip_prefix("HTTP/1.")?.parse().ok()?;
    let mut facts = HeadFacts::request(Method::new(method.as_bytes()), Version { minor });
    for line in lines {
        let (name, value) = line.split_once(':')?;
        if name.contains(' ') {
            return None;
        }
        facts.field_line(name.as_bytes(), value.as_bytes());
    }
    Some(facts.with_octets(head.len()))
}

fn configs() -> [Config<Server>; 4] {
    let limits = Limits::DEFAULT.with_max_exchanges(Some(2)).with_content(Some(20)).with_unread_octets(Some(5));
    let timeouts = Timeouts::DEFAULT
        .with_exchange(Some(Duration::from_secs(50)))
        .with_application(Some(Duration::from_secs(10)))
        .with_age(Some(Duration::from_secs(3)));
    let off = Policy::DEFAULT.with_persistence(Use::Off);
    [
        Config::DEFAULT,
        policy(lenient()),
        Config::new(limits, timeouts, Policy::DEFAULT).unwrap(),
        Config::new(limits, Timeouts::DEFAULT, off).unwrap(),
    ]
}

#[test]
fn heads_are_framed_and_persist_alike() {
    for config in configs() {
        for head in [
            &get(""),
            &get("Connection: close\r\n"),
            &get("Connection: keep-alive, x\r\n"),
            "GET / HTTP/1.0\r\n\r\n",
            "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
            &get("Content-Length: 5, 5\r\n"),
            &get("Content-Length: 5\r\nContent-Length: 6\r\n"),
            &get("Content-Length: 21\r\n"),
            &get("Content-Length: +1\r\n"),
            &get("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
            &get("Transfer-Encoding: gzip\r\n"),
            &get("Transfer-Encoding: gzip, chunked\r\n"),
            &get("Expect: 100-continue\r\nContent-Length: 5\r\n"),
            &get("Expect: x\r\n"),
            &get("Connection: upgrade\r\nUpgrade: foo\r\n"),
            "CONNECT a:1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n",
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            &get("X : y\r\n"),
            &get("no colon\r\n"),
        ] {
            for (status, content) in [
                (StatusCode::OK, Content::Empty),
                (StatusCode::OK, Content::Exact(2)),
                (StatusCode::OK, Content::Unknown),
                (StatusCode::OK, Content::UntilClose),
                (StatusCode::NO_CONTENT, Content::Exact(2)),
                (StatusCode::NOT_MODIFIED, Content::Exact(2)),
                (StatusCode::FORBIDDEN, Content::Empty),
                (StatusCode::CONTINUE, Content::Empty),
                (StatusCode::new(999).unwrap(), Content::Empty),
            ] {
                let mut both = Both::new(&config);
                both.head(head);
                both.respond(status, content);
                both.wait(2);
                both.wait(100);
                both.eof();
            }
        }
    }
}

#[test]
fn whole_exchanges_go_alike() {
    for config in configs() {
        let mut both = Both::new(&config);
        both.agree("at the begin");
        both.head("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
        let interim = both.driver.try_interim(StatusCode::CONTINUE, NO_FIELDS).expect("100 is due") as u64;
        assert_eq!(both.lifecycle.interim_to_send(both.driver.now, StatusCode::CONTINUE), Ok(true));
        both.lifecycle.octets_written(both.driver.now, interim);
        both.lifecycle.handle_sent(both.driver.now, interim);
        both.agree("behind 100");
        both.wait(1);
        both.content("he", "he");
        both.wait(1);
        both.content("llo", "llo");
        both.respond(StatusCode::OK, Content::Unknown);
        both.send("some content");
        both.wait(1);
        both.send("more");
        both.end();
        both.wait(2);
        if both.lifecycle.is_idle() {
            both.head(&get("Connection: close\r\n"));
            both.respond(StatusCode::OK, Content::Exact(4));
            both.send("done");
        }
        assert!(matches!(both.lifecycle.wants().shut, Some(Shut::HalfClose(_))));
        both.shut();
        both.wait(4);
        both.eof();
        both.shut();
        assert!(both.lifecycle.is_closed());
    }
}

#[test]
fn exp_07_a_final_status_instead_of_100_goes_alike() {
    for config in configs() {
        for code in [200, 204, 304, 401, 503] {
            let mut both = Both::new(&config);
            both.head("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
            both.respond(StatusCode::new(code).unwrap(), Content::Empty);
            let reads = config.policy().read_unwanted_content == Use::On;
            let closes = both.lifecycle.close_reasons().any(|reason| reason == CloseReason::ContentUnwanted);
            assert_eq!(closes, !reads, "{code}");
            both.wait(100);
        }
    }
}

#[test]
fn unread_content_goes_alike() {
    for config in configs() {
        let mut both = Both::new(&config);
        both.head(&chunked(""));
        both.content("5\r\nhello\r\n", "hello");
        both.respond(StatusCode::OK, Content::Empty);
        if both.lifecycle.wants().shut.is_none() {
            both.content("3\r\nabc\r\n", "abc");
            both.content("3\r\ndef\r\n", "def");
        }
        if both.lifecycle.wants().shut.is_none() {
            both.driver.feed("0\r\n\r\n");
            assert_eq!(both.lifecycle.end_received(both.driver.now), Ok(()));
            both.agree("behind the end");
        }
        both.wait(200);
    }
}

#[test]
fn a_drain_goes_alike() {
    for config in configs() {
        for busy in [false, true] {
            let mut both = Both::new(&config);
            if busy {
                both.head(&get(""));
            }
            both.driver.connection.close_after_exchange(both.driver.now);
            both.lifecycle.close_after_exchange(both.driver.now);
            both.agree("draining");
            both.wait(0);
            if busy {
                both.respond(StatusCode::OK, Content::Empty);
            }
            assert!(both.lifecycle.wants().shut.is_some());
            both.wait(100);
        }
    }
}

#[test]
fn a_fault_of_a_foreign_parser_is_answered() {
    let mut lifecycle = Lifecycle::<Server>::new(Instant::EPOCH, &Config::DEFAULT);
    lifecycle.octets_received(Instant::EPOCH, 10);
    lifecycle.fault_received(Instant::EPOCH, ProtocolErrorKind::TargetTooLong);
    assert_eq!(lifecycle.wants().application, Some(Turn::Refuse(StatusCode::URI_TOO_LONG)));
    assert_eq!(lifecycle.persistence(), Persistence::Close(CloseReason::ProtocolError));
    let announce = lifecycle.head_to_send(Instant::EPOCH, StatusCode::URI_TOO_LONG, Content::Exact(3)).unwrap();
    assert!(announce.options.close);
    assert_eq!(announce.length, BodyLength::Exact(3));
}

#[test]
fn calls_out_of_place_are_misuse() {
    let now = Instant::EPOCH;
    let mut lifecycle = Lifecycle::<Server>::new(now, &Config::DEFAULT);
    assert_eq!(lifecycle.head_to_send(now, StatusCode::OK, Content::Empty), Err(Misuse::NothingToAnswer.into()));
    assert_eq!(lifecycle.interim_to_send(now, StatusCode::EARLY_HINTS), Err(Misuse::NothingToAnswer.into()));
    assert_eq!(lifecycle.content_sent(now, 1), Err(Misuse::NotSending.into()));
    assert_eq!(lifecycle.end_sent(now), Err(Misuse::NotSending.into()));
    assert_eq!(lifecycle.content_received(now, 1), Err(Misuse::ContentNotExpected.into()));
    let mut facts = HeadFacts::request(Method::new(b"POST"), Version::HTTP_11);
    facts.field_line(b"Host", b"a");
    facts.field_line(b"Content-Length", b"5");
    lifecycle.head_received(now, &facts).expect("a request");
    assert_eq!(lifecycle.content_received(now, 6), Err(Misuse::ContentNotExpected.into()));
    assert_eq!(lifecycle.end_received(now), Err(Misuse::ContentNotExpected.into()), "content is missing");
    assert_eq!(lifecycle.content_received(now, 5), Ok(()));
    assert_eq!(lifecycle.end_received(now), Ok(()), "it ended by itself");
    lifecycle.head_to_send(now, StatusCode::OK, Content::Exact(5)).expect("a response");
    assert_eq!(lifecycle.head_to_send(now, StatusCode::OK, Content::Empty), Err(Misuse::AlreadyAnswered.into()));
    assert_eq!(lifecycle.content_sent(now, 6), Err(Misuse::TooMuchContent.into()));
    assert_eq!(lifecycle.content_sent(now, 4), Ok(()));
    assert_eq!(lifecycle.end_sent(now), Err(Misuse::TooLittleContent.into()));
    assert_eq!(lifecycle.content_sent(now, 1), Ok(()));
    assert_eq!(lifecycle.end_sent(now), Ok(()));
    assert!(lifecycle.is_idle());
}

#[test]
fn octets_that_run_ahead_of_their_heads_do_not_age_the_next_exchange() {
    // a foreign reader took two pipelined requests off the wire at once
    let timeouts = Timeouts::DEFAULT.with_exchange(Some(Duration::from_secs(50)));
    let config = Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).unwrap();
    let mut driver = Driver::new(&config);
    let mut lifecycle = Lifecycle::<Server, _>::new(driver.now, &config);
    let facts = facts_of(&get("")).unwrap();
    driver.feed(&get("").repeat(2));
    lifecycle.octets_received(driver.now, 2 * get("").len() as u64);
    lifecycle.head_received(driver.now, &facts).expect("the first");
    driver.wait(Duration::from_secs(40)).respond(StatusCode::OK, Content::Empty).feed("");
    lifecycle.head_to_send(driver.now, StatusCode::OK, Content::Empty).expect("its response");
    lifecycle.head_received(driver.now, &facts).expect("the second");
    assert_eq!(driver.requests().len(), 2);
    let deadline = driver.connection.next_deadline().expect("an exchange is bounded");
    assert_eq!((deadline.kind, deadline.at), (DeadlineKind::Exchange, driver.now + Duration::from_secs(50)));
    assert_eq!(lifecycle.next_deadline(), Some(deadline));
}

type Call = fn(&mut Lifecycle<Server>, Instant);

#[test]
fn no_fact_and_no_intent_undoes_a_close() {
    let now = Instant::from_secs(9);
    let calls: [(&str, Call); 13] = [
        ("head_received", |l, now| _ = l.head_received(now, &facts_of(&get("")).unwrap())),
        ("a bad head_received", |l, now| _ = l.head_received(now, &facts_of("GET / HTTP/1.1\r\n\r\n").unwrap())),
        ("octets_received", |l, now| l.octets_received(now, u64::MAX)),
        ("content_received", |l, now| _ = l.content_received(now, 1 << 40)),
        ("end_received", |l, now| _ = l.end_received(now)),
        ("fault_received", |l, now| l.fault_received(now, ProtocolErrorKind::NotHttp)),
        ("eof_received", |l, now| _ = l.eof_received(now)),
        ("head_to_send", |l, now| _ = l.head_to_send(now, StatusCode::OK, Content::Exact(5))),
        ("content_sent", |l, now| _ = l.content_sent(now, 1)),
        ("end_sent", |l, now| _ = l.end_sent(now)),
        ("close_after_exchange", |l, now| l.close_after_exchange(now)),
        ("handle_timeout", |l, now| _ = l.expire(now + Duration::from_secs(1 << 20))),
        ("nothing_to_read", |l, now| l.nothing_to_read(now)),
    ];
    for head in [&get(""), &get("Content-Length: 5\r\n"), &chunked("")] {
        for answer in [None, Some(Content::Empty), Some(Content::Exact(5)), Some(Content::Unknown)] {
            for (eof, shut) in [(false, false), (true, false), (false, true), (true, true)] {
                let mut lifecycle = Lifecycle::<Server>::new(now, &Config::DEFAULT);
                lifecycle.head_received(now, &facts_of(head).unwrap()).expect("a request");
                if let Some(content) = answer {
                    lifecycle.head_to_send(now, StatusCode::OK, content).expect("a response");
                }
                if eof {
                    lifecycle.eof_received(now);
                }
                lifecycle.abort(now);
                if shut {
                    lifecycle.handle_shut(now);
                }
                let case = format!("{head:?}, {answer:?}, eof: {eof}, shut: {shut}");
                assert_eq!(lifecycle.is_closed(), shut, "{case}");
                for (name, call) in &calls {
                    let mut after = lifecycle.clone();
                    call(&mut after, now);
                    assert_eq!(after.is_closed(), lifecycle.is_closed(), "{name} behind {case}");
                    let (shut, was) = (after.wants().shut, lifecycle.wants().shut);
                    assert_eq!(shut, was, "{name} behind {case}");
                    assert_eq!(after.wants().application, None, "{name} behind {case}");
                }
            }
        }
    }
}

/// A parser's lifecycle that has answered `GET /where`, of which `read` octets came in one read.
fn answered(read: u64, head: &HeadFacts) -> Lifecycle<Server> {
    let now = Instant::from_secs(100);
    let mut lifecycle = Lifecycle::<Server>::new(now, &Config::DEFAULT);
    lifecycle.octets_received(now, read);
    lifecycle.head_received(now, head).expect("a request");
    lifecycle.end_received(now).expect("whole");
    lifecycle.head_to_send(now, StatusCode::OK, Content::Exact(0)).expect("its response");
    lifecycle.octets_written(now, 40);
    lifecycle.handle_sent(now, 40);
    lifecycle
}

#[test]
fn close_12_what_came_with_a_head_and_is_not_of_it_begins_the_next() {
    let kind = |lifecycle: &Lifecycle<Server>| lifecycle.next_deadline().map(|due| due.kind);
    let octets = get("").len();
    let head = facts_of(&get("")).expect("a head");
    assert_eq!(kind(&answered(octets as u64, &head)), Some(DeadlineKind::Idle));
    let mut lifecycle = answered(octets as u64 + 9, &head);
    assert_eq!(kind(&lifecycle), Some(DeadlineKind::Head));
    assert!(!lifecycle.is_idle());
    // it was line ends, which the parser skipped
    let mut skipped = lifecycle.clone();
    skipped.octets_unread(Instant::from_secs(100), 0);
    assert_eq!(kind(&skipped), Some(DeadlineKind::Idle));
    // or half a head, and nothing more: 408, as through the other door
    let due = lifecycle.next_deadline().expect("a head's");
    assert_eq!(lifecycle.expire(due.at), Some(due));
    assert_eq!(lifecycle.wants().application, Some(Turn::Refuse(StatusCode::REQUEST_TIMEOUT)));
    // what comes while a response is due is of the next head, too
    let now = Instant::from_secs(100);
    let mut lifecycle = Lifecycle::<Server>::new(now, &Config::DEFAULT);
    lifecycle.head_received(now, &head).expect("a request");
    lifecycle.octets_received(now, 5);
    lifecycle.head_to_send(now, StatusCode::OK, Content::Exact(0)).expect("its response");
    assert_eq!(kind(&lifecycle), Some(DeadlineKind::Head));
}

#[test]
fn close_12_where_nobody_says_how_long_a_head_is_an_idle_connection_is_not_accused() {
    // its parser names `Host` alone, and not how long the head is
    let mut head = HeadFacts::request(Method::new(b"GET"), Version::HTTP_11);
    head.field_line(b"Host", b"a");
    let mut lifecycle = answered(700, &head);
    let due = lifecycle.next_deadline().expect("an idle connection does not stay");
    assert_eq!(due.kind, DeadlineKind::Head);
    assert!(lifecycle.is_idle());
    assert_eq!(lifecycle.expire(due.at), Some(due));
    assert_eq!((lifecycle.wants().application, lifecycle.wants().shut), (None, None));
    let idle = lifecycle.next_deadline().expect("its own");
    assert_eq!((idle.kind, idle.at), (DeadlineKind::Idle, Instant::from_secs(165)));
    // and it is answered as any other
    lifecycle.octets_received(due.at, 700);
    lifecycle.head_received(due.at, &head).expect("a request");
    // chunked content hides what is framing and what is not
    head.field_line(b"Transfer-Encoding", b"chunked");
    let mut lifecycle = Lifecycle::<Server>::new(due.at, &Config::DEFAULT);
    lifecycle.octets_received(due.at, 100);
    lifecycle.head_received(due.at, &head).expect("a request");
    lifecycle.content_received(due.at, 4).expect("content");
    lifecycle.end_received(due.at).expect("its end");
    lifecycle.head_to_send(due.at, StatusCode::OK, Content::Exact(0)).expect("its response");
    assert_eq!(lifecycle.next_deadline().map(|due| due.kind), Some(DeadlineKind::Idle));
}

#[test]
fn pipe_04_a_head_within_an_open_exchange_is_the_callers_mistake() {
    let now = Instant::from_secs(100);
    let head = facts_of(&get("")).expect("a head");
    let post = facts_of("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n").expect("a head");
    for (first, answers) in [(&head, false), (&post, false), (&post, true)] {
        let mut lifecycle = Lifecycle::<Server>::new(now, &Config::DEFAULT);
        lifecycle.head_received(now, first).expect("a request");
        if answers {
            lifecycle.head_to_send(now, StatusCode::NO_CONTENT, Content::Empty).expect("its response");
        }
        let before = lifecycle.clone();
        assert_eq!(lifecycle.head_received(now, &head), Err(Misuse::ExchangeOpen.into()));
        assert_eq!(lifecycle, before);
    }
    let mut ended = Lifecycle::<Server>::new(now, &Config::DEFAULT);
    ended.abort(now);
    assert_eq!(ended.head_received(now, &head), Err(ReceiveError::Ended(CloseReason::Aborted)));
}

#[test]
fn limit_07_the_limit_of_content_is_kept_of_any_framing() {
    let config = Config::new(Limits::DEFAULT.with_content(Some(10)), Timeouts::DEFAULT, Policy::DEFAULT).unwrap();
    let now = Instant::from_secs(100);
    let chunked = facts_of("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").expect("a head");
    let mut lifecycle = Lifecycle::<Server, _>::new(now, &config);
    lifecycle.head_received(now, &chunked).expect("a request");
    assert_eq!(lifecycle.content_received(now, 8), Ok(()));
    assert_eq!(lifecycle.content_received(now, 2), Ok(()), "as much as may be");
    assert_eq!(lifecycle.content_received(now, 1), Err(ProtocolErrorKind::ContentTooLarge.into()));
    assert_eq!(lifecycle.wants().application, Some(Turn::Refuse(StatusCode::CONTENT_TOO_LARGE)));
    assert_eq!(lifecycle.content_received(now, 1), Err(ReceiveError::Ended(CloseReason::ProtocolError)));
}
