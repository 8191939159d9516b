//! Work on the messages of one connection: octets, fields, splits, pipelined exchanges, chunks.

use std::hint::black_box;

use http_keepalive::*;

use crate::series::{Group, Law, Series, Work};

pub const OCTETS: Group = Group {
    name: "octets",
    title: "Octets of a head",
    size: "octets of the head",
    sizes: &[100, 300, 1_000, 3_000, 10_000, 30_000, 65_536],
    greatest: &[],
    series: &[
        // what is done once for a head outweighs its octets up to here
        Series::new("a request with a long value", "an octet", Law::Linear, 10_000, |octets| {
            let head = request(octets);
            Work::new(octets, move || offer(&mut server(), &head, &[head.len()]))
        }),
        Series::new("a request with a long target", "an octet", Law::Linear, 10_000, |octets| {
            let head = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "t".repeat(octets - 27)).into_bytes();
            Work::new(octets, move || offer(&mut server(), &head, &[head.len()]))
        }),
        Series::new("a long value, an octet an offer", "an octet", Law::Linear, 1_000, |octets| {
            let (head, ends) = (request(octets), ends(octets, octets));
            Work::new(octets, move || offer(&mut server(), &head, &ends))
        }),
        Series::new("a response with a long value, sent", "an octet", Law::Linear, 10_000, |octets| {
            let (value, mut connection, mut out) = ("v".repeat(octets - 43), asked(), vec![0; octets]);
            Work::new(octets, move || {
                let fields = [("X", black_box(value.as_str()))];
                let sent = connection.send_response(NOW, StatusCode::OK, fields, Content::Empty, &mut out);
                assert_eq!(sent, Ok(octets));
            })
        }),
    ],
};

pub const FIELDS: Group = Group {
    name: "fields",
    title: "Fields of a head",
    size: "field lines",
    sizes: &[1, 2, 4, 8, 16, 32, 64, 128],
    greatest: &[],
    series: &[
        Series::new("received, and each one read", "a field line", Law::Linear, 16, |fields| read_fields(fields, true))
            .at_most(
                1.35,
                "the lines after the 21st, for which the table has no room, are found again when they are read",
            ),
        Series::new("received", "a field line", Law::Linear, 8, |fields| read_fields(fields, false)),
        Series::new("sent", "a field line", Law::Linear, 8, |fields| {
            let (lines, mut connection, mut out) = (vec![FIELD; fields], asked(), vec![0; 8192]);
            Work::new(fields, move || {
                let fields = black_box(lines.as_slice()).iter().copied();
                let sent = connection.send_response(NOW, StatusCode::OK, fields, Content::Empty, &mut out);
                assert!(sent.is_ok());
            })
        }),
    ],
};

/// Octets of each message that is split.
const SPLIT: usize = 1024;

pub const SPLITS: Group = Group {
    name: "splits",
    title: "Splits of a message of 1024 octets",
    size: "offers",
    sizes: &[1, 2, 4, 16, 64, 256, SPLIT],
    greatest: &[],
    series: &[
        Series::new("a head of twenty fields", "an offer beyond the first", Law::Linear, 16, |offers| {
            let fields = format!("{}: {}\r\n", FIELD.0, FIELD.1).repeat(19);
            let head = format!("GET / HTTP/1.1\r\n{fields}Host: {}\r\n\r\n", "a".repeat(SPLIT - fields.len() - 26));
            let ends = ends(head.len(), offers);
            Work::new(offers, move || offer(&mut server(), head.as_bytes(), &ends))
        })
        .beyond_first(),
        Series::new("a request with 64 chunks", "an offer beyond the first", Law::Linear, 16, |offers| {
            let mut message = CHUNKED.to_vec();
            message.extend(b"8\r\neight oc\r\n".repeat(64));
            message.resize(SPLIT - 7, b'x');
            message.splice(CHUNKED.len() + 64 * 13.., trailers(SPLIT - CHUNKED.len() - 64 * 13));
            let ends = ends(message.len(), offers);
            Work::new(offers, move || offer(&mut server(), &message, &ends))
        })
        .beyond_first(),
    ],
};

pub const PIPELINING: Group = Group {
    name: "pipelining",
    title: "Pipelined requests",
    size: "requests in a row",
    sizes: &[1, 2, 4, 16, 64, 256],
    greatest: &[],
    series: &[
        Series::new("a server reads and answers each", "a request", Law::Linear, 4, |depth| {
            let (requests, mut connection, mut out) = (GET.repeat(depth), server(), vec![0; 64 * depth]);
            Work::new(depth, move || answer_all(&mut connection, &requests, &mut out))
        }),
        Series::new("a client, requests leave together", "a request", Law::Linear, 4, |depth| {
            Work::new(depth, client(depth, false))
        }),
        Series::new("a client, requests leave one by one", "a request", Law::Linear, 4, |depth| {
            Work::new(depth, client(depth, true))
        }),
    ],
};

/// How many chunks come or go in a row.
const ROW: usize = 64;

pub const CHUNKS: Group = Group {
    name: "chunks",
    title: "Chunks of content",
    size: "octets of each chunk",
    sizes: &[1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536],
    greatest: &[],
    series: &[
        Series::new("received", "a chunk", Law::Flat, 1, |octets| {
            let chunk = [format!("{octets:x}\r\n").as_bytes(), &vec![b'x'; octets], b"\r\n"].concat();
            let (message, mut connection) = (chunk.repeat(ROW), server());
            offer(&mut connection, CHUNKED, &[CHUNKED.len()]);
            Work::new(ROW, move || offer(&mut connection, &message, &[message.len()]))
        }),
        Series::new("sent, content of the caller's own", "a chunk", Law::Flat, 1, |octets| {
            let mut connection = sending();
            Work::new(ROW, move || {
                for _ in 0..ROW {
                    let framed = connection.frame_content(NOW, octets as u64).expect("content is due");
                    let left = framed.before().len() + octets + framed.after().len();
                    connection.handle_sent(NOW, left as u64);
                }
            })
        })
        .at_most(1.4, "the octets of content cost nothing, but each digit of their number does"),
        // each octet is copied, above 4 KiB by one instruction of the processor, which is counted for each octet
        Series::new("sent, copied", "an octet", Law::Linear, 256, |octets| {
            let (mut connection, content, mut out) = (sending(), vec![b'x'; octets], vec![0; octets + 32]);
            Work::new(ROW * octets, move || {
                for _ in 0..ROW {
                    let sent = connection.send_content(NOW, black_box(&content), &mut out).expect("content is due");
                    assert_eq!(sent.consumed, octets);
                    connection.handle_sent(NOW, sent.written as u64);
                }
            })
        }),
    ],
};

const NOW: Instant = Instant::from_secs(1);
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const CHUNKED: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const FIELD: (&str, &str) = ("X-Field-Name", "and a usual field value, 48 octets");

const LIMITS: Limits = Limits::DEFAULT
    .with_head(1 << 17)
    .with_start_line(1 << 16)
    .with_field_line(1 << 17)
    .with_field_lines(256)
    .with_chunk_framing(None)
    .with_max_exchanges(None);

const fn config<R>() -> Config<R> {
    match Config::new(LIMITS, Timeouts::DEFAULT, Policy::DEFAULT) {
        Ok(config) => config,
        Err(_) => panic!("out of bounds"),
    }
}

static SERVER: Config<Server> = config();
static CLIENT: Config<Client<256>> = config();

fn server() -> Connection<Server> {
    Connection::new(NOW, &SERVER)
}

/// A server that has received a request whole.
fn asked() -> Connection<Server> {
    let mut connection = server();
    offer(&mut connection, GET, &[GET.len()]);
    connection
}

/// A server that sends chunked content.
fn sending() -> Connection<Server> {
    let (mut connection, mut out) = (asked(), [0; 128]);
    let sent = connection.send_response(NOW, StatusCode::OK, NO_FIELDS, Content::Unknown, &mut out);
    connection.handle_sent(NOW, sent.expect("it is due") as u64);
    connection
}

/// A request of this number of octets, most of them one field value.
fn request(octets: usize) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "v".repeat(octets - 32)).into()
}

/// The last chunk, and trailers that make it so long.
fn trailers(octets: usize) -> Vec<u8> {
    format!("0\r\nX: {}\r\n\r\n", "v".repeat(octets - 10)).into()
}

/// Where this number of offers of about the same length end.
fn ends(octets: usize, offers: usize) -> Vec<usize> {
    (1..=offers).map(|offer| octets * offer / offers).collect()
}

/// Offers a message that is one piece to the last offer; what it comes to is left where it is.
fn offer(connection: &mut Connection<Server>, octets: &[u8], ends: &[usize]) {
    let mut from = 0;
    for &end in ends {
        while from < end {
            let received = connection.receive(NOW, black_box(&octets[from..end])).expect("accepted");
            from += received.consumed;
            if !matches!(black_box(&received.outcome), Outcome::Event(_)) {
                break;
            }
        }
    }
    assert_eq!(from, octets.len());
}

fn read_fields(fields: usize, each: bool) -> Work {
    let line = format!("{}: {}\r\n", FIELD.0, FIELD.1);
    let head = format!("GET / HTTP/1.1\r\n{}Host: a\r\n\r\n", line.repeat(fields - 1));
    Work::new(fields, move || {
        let mut connection = server();
        let received = connection.receive(NOW, black_box(head.as_bytes())).expect("accepted");
        let Outcome::Event(Event::Request(head)) = &received.outcome else { panic!("it is whole") };
        let head = black_box(head);
        if each {
            head.fields.iter().for_each(|line| _ = black_box((line.name, line.value.as_received())));
        }
    })
}

/// Each request is read and answered before the next one; the answers leave together.
fn answer_all(connection: &mut Connection<Server>, requests: &[u8], out: &mut [u8]) {
    let (mut from, mut to) = (0, 0);
    while from < requests.len() {
        let received = connection.receive(NOW, black_box(&requests[from..])).expect("accepted");
        assert!(matches!(received.outcome, Outcome::Event(Event::Request(_))));
        from += received.consumed;
        let end = connection.receive(NOW, &requests[from..]).expect("accepted");
        assert!(matches!(end.outcome, Outcome::Event(Event::End { .. })));
        let sent = connection.send_response_with(NOW, StatusCode::OK, NO_FIELDS, b"ok", &mut out[to..]);
        to += sent.expect("it is due").written;
    }
    connection.handle_sent(NOW, to as u64);
}

/// Sends `depth` requests, and reads the responses; the deadline is asked for after each, as a driver does.
fn client(depth: usize, alone: bool) -> impl FnMut() + 'static {
    let responses = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".repeat(depth);
    let (mut connection, mut out) = (Connection::<Client<256>>::new(NOW, &CLIENT), vec![0; 64 * depth]);
    connection.knows_http11();
    move || {
        let request = Request::new(Method::new(black_box(b"GET")), b"/");
        let (mut to, mut left) = (0, 0);
        for _ in 0..depth {
            let sent = connection.send_request(NOW, &request, [("Host", "a")], Content::Empty, &mut out[to..]);
            to += sent.expect("it may go");
            if alone {
                connection.handle_sent(NOW, (to - left) as u64);
                left = to;
                black_box(connection.next_deadline());
            }
        }
        connection.handle_sent(NOW, (to - left) as u64);
        let (mut from, mut ended) = (0, 0);
        while ended < depth {
            let received = connection.receive(NOW, black_box(&responses[from..])).expect("accepted");
            from += received.consumed;
            if matches!(received.outcome, Outcome::Event(Event::End { .. })) {
                ended += 1;
                black_box(connection.next_deadline());
            }
        }
    }
}
