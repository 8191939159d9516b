//! An application that takes no content for a while: its peer is not blamed for it, and nobody else is either.

use std::time::Duration;

use crate::cases;
use http_keepalive::*;

const START: Instant = Instant::from_secs(1000);

fn at(millis: u64) -> Instant {
    START + Duration::from_millis(millis)
}

/// When the deadline of this kind is due, if it is armed.
fn due(lifecycle: &Lifecycle<Server, &Config<Server>>, kind: DeadlineKind) -> Option<Instant> {
    lifecycle.deadlines().find(|cause| cause.deadline.kind == kind).map(|cause| cause.deadline.at)
}

/// Of a server that was told of a POST with five octets of content.
fn posted<'a>(fields: &[(&str, &str)], config: &'a Config<Server>) -> Lifecycle<Server, &'a Config<Server>> {
    let mut lifecycle = Lifecycle::new(START, config);
    let mut head = HeadFacts::request(Method::new(b"POST"), Version::HTTP_11);
    for (name, value) in [("Host", "a"), ("Content-Length", "5")].iter().chain(fields) {
        head.field_line(name.as_bytes(), value.as_bytes());
    }
    lifecycle.head_received(START, &head).expect("well formed");
    lifecycle
}

#[test]
fn content_that_is_told_within_a_pause_takes_none_of_it_back() {
    let mut lifecycle = posted(&[], &Config::DEFAULT);
    lifecycle.content_use(at(1000), ContentUse::Paused).expect("content comes");
    lifecycle.content_received(at(31_000), 2).expect("it had been read");
    lifecycle.content_use(at(61_000), ContentUse::Reading).expect("content comes");
    // twenty seconds, and two octets at 500 a second; the pause was a minute
    assert_eq!(due(&lifecycle, DeadlineKind::ContentRate), Some(at(80_004)));
}

#[test]
fn a_pause_does_not_lengthen_the_time_of_who_closed_its_side() {
    let mut connection = Connection::<Server>::new(START, &Config::DEFAULT);
    let (offer, mut out) = (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde", [0; 256]);
    let received = connection.receive(START, offer).expect("well formed");
    assert_eq!(received.consumed, offer.len() - 5);
    connection.receive_eof(START, Eof::Clean).expect("what it sent is there");
    connection.content_use(START, ContentUse::Paused).expect("content comes");
    connection.send_response(START, StatusCode::OK, NO_FIELDS, Content::Exact(5), &mut out).expect("it is due");
    connection.handle_sent(at(50_000), connection.octets_pending());
    assert_eq!(due(connection.lifecycle(), DeadlineKind::HalfClosed), Some(at(110_000)));
    connection.content_use(at(50_000), ContentUse::Reading).expect("content comes");
    assert_eq!(due(connection.lifecycle(), DeadlineKind::HalfClosed), Some(at(110_000)));
}

#[test]
fn after_the_response_undecided_is_dropped() {
    let mut lifecycle = posted(&[], &Config::DEFAULT);
    lifecycle.content_use(START, ContentUse::Reading).expect("content comes");
    lifecycle.head_to_send(START, StatusCode::OK, Content::Empty).expect("it is due");
    lifecycle.content_use(START, ContentUse::Undecided).expect("content comes");
    let reads = lifecycle.content_use(START, ContentUse::Reading);
    assert_eq!(reads, Err(ReceiveError::Misuse(Misuse::ContentNotExpected)), "it is dropped");
    lifecycle.content_received(START, 5).expect("it is walked over");
    assert!(lifecycle.is_idle());
}

#[test]
fn content_that_nobody_asked_for_is_not_to_be_taken_in_time() {
    let timeouts = Timeouts::DEFAULT.with_application(Some(Duration::from_secs(20)));
    let config = Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds");
    let mut lifecycle = posted(&[("Expect", "100-continue")], &config);
    lifecycle.content_use(START, ContentUse::Paused).expect("content comes");
    assert_eq!(due(&lifecycle, DeadlineKind::Application), None);
    lifecycle.head_to_send(at(30_000), StatusCode::OK, Content::Exact(5)).expect("it is due");
    assert_eq!(due(&lifecycle, DeadlineKind::Application), None, "it has not asked for it now either");
    let mut asks = posted(&[("Expect", "100-continue")], &config);
    asks.content_use(START, ContentUse::Paused).expect("content comes");
    asks.interim_to_send(at(30_000), StatusCode::CONTINUE).expect("it is waited for");
    assert_eq!(due(&asks, DeadlineKind::Application), Some(at(50_000)));
}

/// A server in virtual time, its client sends as fast as it is read.
struct Upload {
    connection: Connection<Server, &'static Config<Server>>,
    now: Instant,
    /// What has come and was not consumed.
    inbox: Vec<u8>,
    /// What the client has not sent.
    left: Vec<u8>,
    received: usize,
    ended: bool,
    paused_until: Option<Instant>,
}

impl Upload {
    fn new(config: &'static Config<Server>) -> Self {
        let (inbox, left) = (Vec::new(), Vec::new());
        let connection = Connection::new(START, config);
        Self { connection, now: START, inbox, left, received: 0, ended: false, paused_until: None }
    }

    /// A request with `octets` of content, and the application pauses once, after `before` of it, for half a minute.
    fn post(&mut self, octets: usize, before: usize, chunked: bool, piece: usize) {
        let content = vec![b'x'; octets];
        let framing = match chunked {
            true => "Transfer-Encoding: chunked".to_owned(),
            false => format!("Content-Length: {octets}"),
        };
        self.left = format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n").into_bytes();
        if chunked {
            let chunks =
                content.chunks(300).map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
            self.left.extend(chunks.flatten().chain(*b"0\r\n\r\n"));
        } else {
            self.left.extend(content);
        }
        (self.received, self.ended) = (0, false);
        let mut pauses = true;
        for _ in 0..100_000 {
            let wants = self.connection.wants();
            assert_eq!(wants.shut, None, "{:?}", self.connection.persistence());
            match wants.application {
                Some(Turn::Refuse(status)) => panic!("it is refused with {status:?}"),
                Some(Turn::Respond) if self.ended => return self.answer(),
                _ => {}
            }
            if matches!(wants.read, ReadWant::Octets | ReadWant::LookOnce) && !self.left.is_empty() {
                let rest = self.left.split_off(piece.min(self.left.len()));
                self.inbox.extend(std::mem::replace(&mut self.left, rest));
                // the next comes a little later
                self.now = self.now + Duration::from_millis(20);
            } else if wants.read == ReadWant::LookOnce {
                self.connection.nothing_to_read(self.now);
            }
            while self.hear(before, &mut pauses) {}
            match self.paused_until.filter(|until| *until <= self.now) {
                Some(_) => {
                    self.connection.content_use(self.now, ContentUse::Reading).expect("it is to be taken");
                    self.paused_until = None;
                }
                None => {
                    let due = self.connection.next_deadline().map(|due| due.at);
                    let next =
                        [self.paused_until, due.filter(|_| self.paused_until.is_some())].into_iter().flatten().min();
                    self.now = next.unwrap_or(self.now).max(self.now);
                }
            }
            while self.connection.handle_timeout(self.now).is_some() {}
        }
        panic!("it never ends");
    }

    fn hear(&mut self, before: usize, pauses: &mut bool) -> bool {
        let received = self.connection.receive(self.now, &self.inbox).expect("it is in time");
        let goes_on = match received.outcome {
            Outcome::Event(Event::Content(content)) => {
                self.received += content.len();
                true
            }
            Outcome::Event(Event::End { .. }) => {
                self.ended = true;
                true
            }
            Outcome::Event(_) => true,
            Outcome::NeedMore | Outcome::Paused(_) => false,
        };
        self.inbox.drain(..received.consumed);
        if *pauses && self.received >= before && self.connection.content_use(self.now, ContentUse::Paused).is_ok() {
            *pauses = false;
            self.paused_until = Some(self.now + Duration::from_secs(30));
        }
        goes_on
    }

    fn answer(&mut self) {
        let mut out = [0; 200];
        let sent = self.connection.send_response(self.now, StatusCode::OK, NO_FIELDS, Content::Empty, &mut out);
        self.connection.handle_sent(self.now, sent.expect("it is due") as u64);
    }
}

#[test]
fn of_thousands_of_uploads_to_an_application_that_pauses_none_is_late() {
    let config: &'static Config<Server> = Box::leak(Box::new(
        Config::new(Limits::DEFAULT.with_max_exchanges(None), Timeouts::DEFAULT.with_age(None), Policy::DEFAULT)
            .expect("within bounds"),
    ));
    let mut upload = Upload::new(config);
    let mut chance = 7_u64;
    let mut below = |most: u64| {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (chance >> 33) % most
    };
    let uploads = cases::of(10_000, 1000);
    for _ in 0..uploads {
        let octets = 1 + below(3000);
        let before = below(octets);
        let piece = 200 + below(2000);
        upload.post(octets as usize, before as usize, below(2) == 0, piece as usize);
        assert!(upload.connection.is_idle() && upload.received == octets as usize);
    }
    assert!(upload.now >= START + Duration::from_secs(30) * uploads * 99 / 100, "they paused: {:?}", upload.now);
}

#[test]
fn an_echo_that_says_it_reads_keeps_its_connection() {
    const LENGTH: usize = 1 << 20;
    let mut connection = Connection::<Server>::new(START, &Config::DEFAULT);
    let (mut out, mut now) = (vec![0; 1 << 17].into_boxed_slice(), START);
    for _ in 0..3 {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {LENGTH}\r\n\r\n");
        let received = connection.receive(now, head.as_bytes()).expect("well formed");
        assert!(matches!(received.outcome, Outcome::Event(Event::Request(_))));
        connection.content_use(now, ContentUse::Reading).expect("content comes");
        let content = Content::Exact(LENGTH as u64);
        let sent = connection.send_response(now, StatusCode::OK, NO_FIELDS, content, &mut out).expect("it is due");
        connection.handle_sent(now, sent as u64);
        let mut left = LENGTH;
        while left > 0 {
            let piece = vec![b'x'; left.min(60_000)];
            let received = connection.receive(now, &piece).expect("content");
            assert!(matches!(received.outcome, Outcome::Event(Event::Content(echoed)) if echoed == piece));
            let sent = connection.send_content(now, &piece, &mut out).expect("as much as was said");
            assert_eq!(sent.consumed, piece.len());
            now = now + Duration::from_millis(100);
            connection.handle_sent(now, sent.written as u64);
            left -= piece.len();
        }
        assert!(matches!(connection.persistence(), Persistence::Reuse(_)));
        let received = connection.receive(now, b"").expect("its end");
        assert!(matches!(received.outcome, Outcome::Event(Event::End { .. })));
        assert!(connection.is_idle());
    }
}
