//! A peer that lets an octet drip whenever it is looked at: it gains one term at most of each deadline that counts a whole, however late
//! the looks are.

use std::time::Duration;

use http_keepalive::*;
use proptest::prelude::*;

const START: Instant = Instant::from_secs(1_000_000);

/// The terms of all that counts as a whole, and the gaps beside it.
const TERM: Duration = Duration::from_secs(10);

/// Octets a second, so many that those which drip earn next to nothing.
const FAST: u32 = 1_000_000;

fn config<R: Role>(gaps: Option<Duration>) -> Config<R> {
    let timeouts = Timeouts::DEFAULT
        .with_head(Some(TERM))
        .with_head_rate(None)
        .with_head_cap(None)
        .with_content_gap(Some(TERM))
        .with_content_rate(Some(FAST))
        .with_write_stall(Some(TERM))
        .with_send_rate(Some(FAST))
        .with_linger(Some(TERM))
        .with_linger_gap(gaps);
    Config::new(Limits::DEFAULT.with_head(1 << 20).with_field_line(1 << 20), timeouts, Policy::DEFAULT)
        .expect("within bounds")
}

type Machine<R> = Connection<R, Box<Config<R>>>;

/// One whose peer drips, and how.
struct Dripping<R: Role> {
    connection: Machine<R>,
    /// What has come and was not consumed.
    inbox: Vec<u8>,
    /// What counts the whole.
    kind: DeadlineKind,
    drip: fn(&mut Machine<R>, &mut Vec<u8>, Instant),
}

impl<R: Role> Dripping<R> {
    fn new(
        connection: Machine<R>,
        kind: DeadlineKind,
        inbox: &[u8],
        drip: fn(&mut Machine<R>, &mut Vec<u8>, Instant),
    ) -> Self {
        Self { connection, inbox: inbox.to_vec(), kind, drip }
    }

    /// The deadline that counts the whole, if it is armed.
    fn whole(&self) -> Option<Instant> {
        self.connection.deadlines().find(|cause| cause.deadline.kind == self.kind).map(|cause| cause.deadline.at)
    }

    /// Answers each look with an octet, until nothing is waited for: what was gained.
    fn gained(mut self, late: &[u64]) -> (DeadlineKind, Duration) {
        let (mut now, mut gained, mut looks) = (START, Duration::ZERO, 0);
        let mut late = late.iter().cycle();
        while let (Some(due), Some(before)) = (self.connection.next_deadline(), self.whole()) {
            now = now.max(due.at) + Duration::from_millis(*late.next().expect("a cycle"));
            while self.connection.handle_timeout(now).is_some() {}
            let wants = self.connection.wants();
            if wants.read != ReadWant::LookOnce && !wants.flush_once {
                break;
            }
            looks += 1;
            if looks == 1000 {
                // who is looked at after each octet that it had earned keeps to the rate
                assert!(matches!(self.kind, DeadlineKind::ContentRate | DeadlineKind::SendRate), "looks without end");
                break;
            }
            (self.drip)(&mut self.connection, &mut self.inbox, now);
            if let Some(whole) = self.whole() {
                // until now it was for the driver to look
                gained += whole.saturating_duration_since(before.max(now));
            }
        }
        assert!(looks > 0, "it was looked at");
        (self.kind, gained)
    }
}

fn octet<R: Role>(connection: &mut Machine<R>, inbox: &mut Vec<u8>, now: Instant) {
    inbox.push(b'x');
    offer(connection, inbox, now);
}

fn offer<R: Role>(connection: &mut Machine<R>, inbox: &mut Vec<u8>, now: Instant) {
    let consumed = connection.receive(now, inbox).expect("no fault is in it").consumed;
    inbox.drain(..consumed);
}

fn accepted(gaps: Option<Duration>) -> Machine<Server> {
    Connection::new(START, Box::new(config(gaps)))
}

/// A client that has asked.
fn asked(gaps: Option<Duration>) -> Machine<Client> {
    let mut client = Connection::new(START, Box::new(config(gaps)));
    let get = Request::new(Method::new(b"GET"), b"/");
    let sent = client.send_request(START, &get, [("Host", "a")], Content::Empty, &mut [0; 200]);
    client.handle_sent(START, sent.expect("it may be sent") as u64);
    client
}

/// A server that has answered the last request.
fn answered(gaps: Option<Duration>, content: &[u8]) -> Machine<Server> {
    let (mut server, mut out) = (accepted(gaps), [0; 4096]);
    let mut inbox = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_vec();
    offer(&mut server, &mut inbox, START);
    offer(&mut server, &mut inbox, START);
    let length = Content::Exact(content.len() as u64);
    server.send_response(START, StatusCode::OK, NO_FIELDS, length, &mut out).expect("it is due");
    if !content.is_empty() {
        server.send_content(START, content, &mut out).expect("it fits");
    }
    server
}

fn drip_each(late: &[u64], gaps: Option<Duration>) -> [(DeadlineKind, Duration); 6] {
    use DeadlineKind::{ContentRate, Head, Linger, SendRate};
    let begun = |head: &[u8]| {
        let mut server =
            Dripping::new(accepted(gaps), if head.ends_with(b"\r\n\r\n") { ContentRate } else { Head }, head, octet);
        offer(&mut server.connection, &mut server.inbox, START);
        server.gained(late)
    };
    let answer = |head: &[u8]| {
        let mut client =
            Dripping::new(asked(gaps), if head.ends_with(b"\r\n\r\n") { ContentRate } else { Head }, head, octet);
        offer(&mut client.connection, &mut client.inbox, START);
        client.gained(late)
    };
    let mut lingers = answered(gaps, b"");
    lingers.handle_sent(START, lingers.octets_pending());
    lingers.handle_shut(START);
    [
        begun(b"GET / HTTP/1.1\r\nA: "),
        answer(b"HTTP/1.1 200 OK\r\nA: "),
        begun(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"),
        answer(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"),
        Dripping::new(lingers, Linger, b"", octet).gained(late),
        Dripping::new(answered(gaps, &[b'x'; 3000]), SendRate, b"", |it, _, now| it.handle_sent(now, 1)).gained(late),
    ]
}

/// What octets earn that drip, and an eighth of a millisecond.
const NEXT_TO_NOTHING: Duration = Duration::from_millis(2);

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn who_drips_gains_one_term_at_most(
        late in prop::collection::vec(
            prop_oneof![Just(0), 1..5_u64, 5..500_u64, 1_000..20_000_u64, Just(10_000_000)],
            1..40,
        ),
        gaps in prop::option::of(1..12_u64),
    ) {
        for (kind, gained) in drip_each(&late, gaps.map(Duration::from_secs)) {
            prop_assert!(gained <= TERM + NEXT_TO_NOTHING, "{:?} gained {:?}", kind, gained);
        }
    }
}

#[test]
fn who_is_looked_at_late_gains_a_term() {
    for (kind, gained) in drip_each(&[3_600_000], None) {
        assert!(gained > TERM - NEXT_TO_NOTHING, "{kind:?} gained {gained:?}");
    }
}
