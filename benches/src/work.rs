//! The work that is counted, each piece `times` over: ours and the peers', on the same octets.

use std::hint::black_box;

use http_keepalive::*;

use crate::{heads, inputs, peers, pool};

/// A kind of work by its name, with the input it is done on; `None`: no such work.
pub fn run(work: &str, input: &[u8], times: usize) -> Option<()> {
    match work {
        "ours" => (0..times).for_each(|_| heads::ours(black_box(input))),
        "ours-lazy" => (0..times).for_each(|_| parse_ours_lazily(black_box(input))),
        "httparse" => (0..times).for_each(|_| heads::httparse(black_box(input))),
        "octets" => (0..times).for_each(|_| one_at_a_time(black_box(input))),
        "pieces" => (0..times).for_each(|_| in_pieces(black_box(input), 3)),
        "exchange" => exchanges(black_box(input), times, usual_fields()),
        "exchange-unchecked" => exchanges(black_box(input), times, [DATE, TYPE]),
        "client-exchange" => client_exchanges(times, CheckedFields::new(black_box(b"Host: a\r\n")).unwrap()),
        "client-exchange-unchecked" => client_exchanges(times, [("Host", "a")]),
        "pipelined" => pipelined(black_box(input), times),
        "chunks-small" => chunks(16, 64, times),
        "chunks-large" => chunks(16 * 1024, 4, times),
        "response-head" => response_heads(times),
        "next-deadline" => next_deadlines(times),
        "wants" => wants(times),
        "wants-parts" => wants_by_part(times),
        "http-net-client" => peers::http_net_client(times),
        "http-net-server" => peers::http_net_server(black_box(input), times),
        "pool" => pool::exchanges(times),
        "pool-shared" => pool::exchanges_shared(times),
        "pool-until" => pool::exchanges_until(times),
        "pool-hint" => pool::exchanges_hint(times),
        "map-lookup" => pool::lookups(times),
        "pool-expiry" => pool::expiries(times),
        "pool-opened" => pool::opened(times),
        _ => return None,
    }
    Some(())
}

/// The last octet apart: no table of the lines, all are found again.
fn parse_ours_lazily(input: &[u8]) {
    let mut connection = Connection::<Server>::new(Instant::EPOCH, &Config::DEFAULT);
    assert_eq!(connection.receive(Instant::EPOCH, &input[..input.len() - 1]).unwrap().consumed, 0);
    let received = connection.receive(Instant::EPOCH, input).unwrap();
    let Outcome::Event(Event::Request(head)) = received.outcome else { panic!("no request") };
    head.fields.iter().for_each(|line| heads::read_field(line.name, line.value.as_received()));
}

fn one_at_a_time(input: &[u8]) {
    let mut connection = Connection::<Server>::new(Instant::EPOCH, &Config::DEFAULT);
    for end in 1..input.len() {
        let received = connection.receive(Instant::EPOCH, &input[..end]).unwrap();
        assert!(matches!(received, Received { consumed: 0, outcome: Outcome::NeedMore }));
    }
    let received = connection.receive(Instant::EPOCH, input).unwrap();
    let Outcome::Event(Event::Request(head)) = received.outcome else { panic!("no request") };
    black_box(head.fields.as_bytes());
}

fn in_pieces(input: &[u8], pieces: usize) {
    let mut connection = Connection::<Server>::new(Instant::EPOCH, &Config::DEFAULT);
    for piece in 1..pieces {
        black_box(connection.receive(Instant::EPOCH, &input[..input.len() * piece / pieces]).unwrap());
    }
    black_box(connection.receive(Instant::EPOCH, input).unwrap());
}

const CONTENT: &[u8] = b"Hello, World!";
const DATE: (&str, &str) = ("Date", "Tue, 24 Nov 2026 03:00:00 GMT");
const TYPE: (&str, &str) = ("Content-Type", "text/plain");

/// Date and type as a server keeps them: checked when the second changes, not with each response.
fn usual_fields() -> CheckedFields<'static> {
    CheckedFields::new(black_box(b"Date: Tue, 24 Nov 2026 03:00:00 GMT\r\nContent-Type: text/plain\r\n")).unwrap()
}

/// A request in, 13 octets of content with date, type and length out, all of it sent.
#[inline(never)]
fn exchange(connection: &mut Connection<Server>, input: &[u8], fields: impl Fields, out: &mut [u8]) -> (usize, usize) {
    let now = Instant::EPOCH;
    let received = connection.receive(now, input).unwrap();
    assert!(matches!(received.outcome, Outcome::Event(Event::Request(_))));
    let end = connection.receive(now, input.get(received.consumed..).unwrap_or_default()).unwrap();
    assert!(matches!(end.outcome, Outcome::Event(Event::End { .. })));
    let mut written = connection.send_response(now, StatusCode::OK, fields, Content::Exact(13), out).unwrap();
    written += connection.send_content(now, CONTENT, &mut out[written..]).unwrap().written;
    (received.consumed, written)
}

static UNCAPPED: Config<Server> =
    match Config::new(Limits::DEFAULT.with_max_exchanges(None), Timeouts::DEFAULT, Policy::DEFAULT) {
        Ok(config) => config,
        Err(_) => panic!("out of bounds"),
    };

fn exchanges(input: &[u8], times: usize, fields: impl Fields + Copy) {
    let mut connection = Connection::<Server>::new(Instant::EPOCH, &UNCAPPED);
    let mut out = [0; 1024];
    for _ in 0..times {
        let (_, written) = exchange(&mut connection, input, fields, &mut out);
        connection.handle_sent(Instant::EPOCH, written as u64);
        black_box((connection.next_deadline(), &out));
    }
}

/// A small request out and its response in, 13 octets of content, to where the next may be sent.
fn client_exchanges(times: usize, fields: impl Fields + Copy) {
    static CONFIG: Config<Client> =
        match Config::new(Limits::DEFAULT.with_max_exchanges(None), Timeouts::DEFAULT, Policy::DEFAULT) {
            Ok(config) => config,
            Err(_) => panic!("out of bounds"),
        };
    let now = Instant::EPOCH;
    let mut connection = Connection::<Client>::new(now, &CONFIG);
    let mut out = [0; 1024];
    let request = Request::new(Method::new(black_box(b"GET")), black_box(b"/"));
    for _ in 0..times {
        let written = connection.send_request(now, &request, fields, Content::Empty, &mut out).unwrap();
        connection.handle_sent(now, written as u64);
        let (mut rest, mut content) = (black_box(peers::RESPONSE), 0);
        loop {
            let received = connection.receive(now, rest).unwrap();
            rest = &rest[received.consumed..];
            match received.outcome {
                Outcome::Event(Event::Content(octets)) => content += octets.len(),
                Outcome::Event(Event::End { .. }) => break,
                Outcome::Event(_) => {}
                _ => panic!("the answer is whole"),
            }
        }
        assert!(content == 13 && matches!(connection.reusable(now), Reusable::Now { .. }));
        black_box((connection.next_deadline(), &out));
    }
}

/// Sixteen requests in one piece, their responses sent as one.
fn pipelined(input: &[u8], times: usize) {
    let mut connection = Connection::<Server>::new(Instant::EPOCH, &UNCAPPED);
    let (all, fields, mut out) = (input.repeat(16), usual_fields(), [0; 4096]);
    for _ in 0..times {
        let (mut from, mut to) = (0, 0);
        while from < all.len() {
            let (consumed, written) = exchange(&mut connection, &all[from..], fields, &mut out[to..]);
            from += consumed;
            to += written;
        }
        connection.handle_sent(Instant::EPOCH, to as u64);
        black_box((connection.next_deadline(), &out));
    }
}

fn chunks(size: usize, number: usize, times: usize) {
    let mut input = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..number {
        input.extend_from_slice(format!("{size:x}\r\n").as_bytes());
        input.resize(input.len() + size, b'x');
        input.extend_from_slice(b"\r\n");
    }
    input.extend_from_slice(b"0\r\n\r\n");
    for _ in 0..times {
        let mut connection = Connection::<Server>::new(Instant::EPOCH, &Config::DEFAULT);
        let (mut from, mut content) = (0, 0);
        loop {
            let received = connection.receive(Instant::EPOCH, black_box(&input[from..])).unwrap();
            from += received.consumed;
            match received.outcome {
                Outcome::Event(Event::Content(octets)) => content += octets.len(),
                Outcome::Event(Event::End { .. }) => break,
                _ => {}
            }
        }
        assert_eq!(content, size * number);
    }
}

/// A status line, date, type and length; the request that asks for it is the tiny one.
fn response_heads(times: usize) {
    let mut connection = Connection::<Server>::new(Instant::EPOCH, &UNCAPPED);
    connection.receive(Instant::EPOCH, inputs::TINY).unwrap();
    let mut out = [0; 1024];
    for _ in 0..times {
        let mut connection = black_box(&connection).clone();
        black_box(
            connection
                .send_response(Instant::EPOCH, StatusCode::OK, [DATE, TYPE], Content::Exact(13), &mut out)
                .unwrap(),
        );
    }
}

/// What is due next within an exchange, which a driver asks after every call: its response is being sent.
fn next_deadlines(times: usize) {
    let mut connection = Connection::<Server>::new(Instant::EPOCH, &UNCAPPED);
    connection.receive(Instant::EPOCH, inputs::TINY).unwrap();
    connection.send_response(Instant::EPOCH, StatusCode::OK, NO_FIELDS, Content::Exact(13), &mut [0; 1024]).unwrap();
    for _ in 0..times {
        black_box(black_box(&connection).next_deadline());
    }
}

/// What is wanted, whole, which is asked where a response is due.
fn wants(times: usize) {
    let mut connection = Connection::<Server>::new(Instant::EPOCH, &UNCAPPED);
    connection.receive(Instant::EPOCH, inputs::TINY).unwrap();
    for _ in 0..times {
        black_box(black_box(&connection).wants());
    }
}

/// The same in the parts that a loop asks for: what the application is to do, what to read, whether to flush, how to shut.
fn wants_by_part(times: usize) {
    let mut connection = Connection::<Server>::new(Instant::EPOCH, &UNCAPPED);
    connection.receive(Instant::EPOCH, inputs::TINY).unwrap();
    for _ in 0..times {
        black_box(black_box(&connection).wants_application());
        black_box(black_box(&connection).wants_read());
        black_box(black_box(&connection).wants_flush());
        black_box(black_box(&connection).wants_shut());
    }
}
