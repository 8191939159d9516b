//! Properties that hold on any input. `PROPTEST_CASES` scales how many are tried.

use crate::cases;
use crate::common::Passes;
use std::sync::Arc;
use std::time::Duration;

use crate::common;
use crate::common::{Driver, Pairs, Seen, lenient, read_responses, shown};
use http_keepalive::{
    BodyLength, Config, Connection, Content, Eof, HeadFacts, Instant, Lifecycle, Limits, Method, MethodKind, NO_FIELDS,
    Persistence, Policy, ProtocolErrorKind, SendError, Server, Shut, StatusCode, Timeouts, Version,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn config(limits: Limits, policy: Policy) -> Config<Server> {
    Config::new(limits, Timeouts::DEFAULT, policy).expect("within bounds")
}

/// Limits that ordinary messages reach.
fn tiny() -> Limits {
    Limits::DEFAULT
        .with_start_line(24)
        .with_field_line(30)
        .with_head(110)
        .with_field_lines(5)
        .with_trailer_section(40)
        .with_trailer_lines(2)
        .with_empty_lines(1)
        .with_chunk_extension(9)
        .with_chunk_extensions(16)
        .with_chunk_framing(Some(20))
        .with_unread_octets(Some(8))
        .with_max_exchanges(Some(3))
}

// ---- what a peer may send

/// A string, or now and then another one.
fn mostly(usual: &'static str, others: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop_oneof![8 => Just(usual.to_string()), 1 => select(others).prop_map(str::to_string)]
}

fn line_end() -> impl Strategy<Value = String> {
    prop_oneof![30 => Just("\r\n"), 1 => Just("\n"), 1 => Just("\r\r\n")].prop_map(str::to_string)
}

fn field_line() -> impl Strategy<Value = String> {
    let name = select(
        &[
            "X",
            "Accept",
            "User-Agent",
            "Connection",
            "x_y",
            "Cookie",
            "Keep-Alive",
            "Upgrade",
            "A-Longer-Field-Name",
            "Expect",
            "TE",
            "Heat",
        ][..],
    );
    let value = prop_oneof![
        6 => "[a-z0-9 ,;=/.]{0,24}",
        2 => select(&["close", "keep-alive", "upgrade, x", "100-continue", "websocket", "timeout=5, max=9"][..])
            .prop_map(str::to_string),
        1 => "[\u{0}-\u{ff}]{0,6}",
        1 => "[a-z]{1,5}\r\n[ \t]{1,2}[a-z]{0,5}",
        1 => "[a-z]{1,5}\n [a-z]{0,5}",
    ];
    let separator = select(&[": ", ": ", ": ", ":", ":\t ", ":            ", ":                    ", " :"][..]);
    (name, separator, value, select(&["", "", "", " ", " \t "][..]), line_end())
        .prop_map(|(name, separator, value, behind, end)| format!("{name}{separator}{value}{behind}{end}"))
}

fn chunk() -> impl Strategy<Value = String> {
    let extension = prop_oneof![8 => Just(""), 1 => Just(";a"), 1 => Just(" ; a = \"b;\\\"\""), 1 => Just(";a=b;c"), 1 => Just(" ")];
    (extension, "[a-z\r\n0]{1,20}", any::<bool>()).prop_map(|(extension, data, upper)| {
        let size = if upper { format!("0{:X}", data.len()) } else { format!("{:x}", data.len()) };
        format!("{size}{extension}\r\n{data}\r\n")
    })
}

/// Framing fields and the body behind the empty line.
fn body() -> impl Strategy<Value = (String, String)> {
    let trailers = vec(
        prop_oneof![4 => Just("T: v\r\n"), 1 => Just("Host: b\r\n"), 1 => Just("T: v\r\n w\r\n"), 1 => Just("T:v\n")],
        0..3,
    );
    let chunked = (vec(chunk(), 0..4), trailers).prop_map(|(chunks, trailers)| {
        ("Transfer-Encoding: chunked\r\n".to_string(), format!("{}0\r\n{}\r\n", chunks.concat(), trailers.concat()))
    });
    prop_oneof![
        4 => Just((String::new(), String::new())),
        3 => "[a-z\r\n]{0,20}".prop_map(|body| (format!("Content-Length: {}\r\n", body.len()), body)),
        4 => chunked,
        1 => "[a-z]{0,9}".prop_map(|body| (format!("Content-Length: {0}, {0}\r\n", body.len()), body)),
        1 => Just(("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n".into(), "1\r\nx\r\n0\r\n\r\n".into())),
        1 => Just(("Transfer-Encoding:\r\n chunked\r\n".into(), "1\r\nx\r\n0\r\n\r\n".into())),
        1 => Just(("Transfer-Encoding: gzip, chunked\r\n".into(), "0\r\n\r\n".into())),
    ]
}

fn request() -> impl Strategy<Value = String> {
    let line = (
        prop_oneof![12 => Just(""), 1 => Just("\r\n"), 1 => Just("\r\n\r\n"), 1 => Just("\n")],
        mostly("GET", &["POST", "HEAD", "OPTIONS", "get", "CONNECT", "M-SEARCH", "TRACE"]),
        mostly(" ", &["  ", "\t", "\r", "\u{b}"]),
        mostly("/path", &["*", "http://b/x", "/\u{e9}", "a:1", "/a b", "/a-long-target-that-reaches-a-tiny-limit"]),
        mostly(" HTTP/1.1", &[" HTTP/1.0", " HTTP/1.2", " HTTP/2.0", "  HTTP/1.1 ", ""]),
        line_end(),
        mostly("", &[" X: y\r\n", " \r\n\tY\r\n"]),
        mostly("Host: a\r\n", &["", "Host: a\r\nHost: a\r\n", "host:\r\n"]),
    );
    (line, vec(field_line(), 0..4), body()).prop_map(|(line, fields, (framing, body))| {
        let (empty, method, gap, target, version, end, led, host) = line;
        format!("{empty}{method}{gap}{target}{version}{end}{led}{host}{}{framing}\r\n{body}", fields.concat())
    })
}

#[derive(Clone, Debug)]
enum Mutation {
    Replace(u8),
    Insert(u8),
    Delete,
}

/// Pipelined requests, as octets, some of them broken.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![select(&b"\r\n \t:;,\0\x7f\xff0a\"="[..]), any::<u8>()];
    let mutation = prop_oneof![
        octet.clone().prop_map(Mutation::Replace),
        octet.prop_map(Mutation::Insert),
        Just(Mutation::Delete)
    ];
    let mutations = prop_oneof![2 => Just(vec![]), 1 => vec((any::<prop::sample::Index>(), mutation), 1..3)];
    (vec(request(), 1..5), mutations).prop_map(|(requests, mutations)| {
        let mut stream = common::octets(&requests.concat());
        for (at, mutation) in mutations {
            let at = at.index(stream.len());
            match mutation {
                Mutation::Replace(octet) => stream[at] = octet,
                Mutation::Insert(octet) => stream.insert(at, octet),
                Mutation::Delete => drop(stream.remove(at)),
            }
            if stream.is_empty() {
                stream.push(b'G');
            }
        }
        stream
    })
}

// ---- 1, 4, 6: how octets are offered does not matter

/// All that can be told apart from outside.
#[derive(Debug, PartialEq)]
struct Transcript {
    seen: Vec<Seen>,
    written: String,
    error: Option<(ProtocolErrorKind, u64)>,
    persistence: Persistence,
    /// Octets consumed; behind an error they are only discarded.
    consumed: Option<u64>,
    requests: u32,
    closed: bool,
}

/// Offers the stream as `offer` does, then its end.
fn run(config: &Config<Server>, offer: impl FnOnce(&mut Driver)) -> Transcript {
    let mut driver = Driver::answering(config);
    offer(&mut driver);
    let consumed = driver.connection.offset();
    driver.eof();
    Transcript {
        written: shown(&driver.out),
        error: driver.connection.error().map(|error| (error.kind, error.offset)),
        persistence: driver.connection.persistence(),
        consumed: if driver.connection.error().is_none() { Some(consumed) } else { None },
        requests: driver.connection.lifecycle().exchanges(),
        closed: driver.connection.lifecycle().is_closed(),
        seen: driver.seen,
    }
}

/// The pieces of a stream between these cuts.
fn pieces<'s>(stream: &'s [u8], cuts: &[prop::sample::Index]) -> Vec<&'s [u8]> {
    let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
    at.extend([0, stream.len()]);
    at.sort_unstable();
    at.windows(2).map(|two| &stream[two[0]..two[1]]).collect()
}

/// Whole, in pieces, octet by octet, and through a buffer of the least length: all the same.
fn any_split_is_the_same(
    config: &Config<Server>,
    stream: &[u8],
    cuts: &[prop::sample::Index],
) -> Result<(), TestCaseError> {
    let whole = run(config, |driver| {
        driver.feed_octets(stream);
    });
    let split = run(config, |driver| {
        pieces(stream, cuts).into_iter().for_each(|piece| {
            driver.feed_octets(piece);
        });
    });
    prop_assert_eq!(&whole, &split, "whole and in pieces: {}", shown(stream));
    let slow = run(config, |driver| {
        driver.dribble(stream);
    });
    prop_assert_eq!(&whole, &slow, "whole and octet by octet: {}", shown(stream));
    let mut full = false;
    let buffered = run(config, |driver| {
        let mut rest = stream;
        while !rest.is_empty() {
            let room = config.min_buffer() - driver.buffer.len();
            if room == 0 {
                // a tunnel's octets are not ours to take
                full = driver.paused.is_none();
                break;
            }
            let (piece, behind) = rest.split_at(room.min(rest.len()));
            driver.feed_octets(piece);
            rest = behind;
        }
    });
    prop_assert!(!full, "a buffer of {} octets is full: {}", config.min_buffer(), shown(stream));
    prop_assert_eq!(&whole, &buffered, "whole and through a buffer: {}", shown(stream));
    Ok(())
}

fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    vec(any::<prop::sample::Index>(), 1..12)
}

proptest! {
    #![proptest_config(cases::property(300, 60))]

    #[test]
    fn syn_32_any_split_is_the_same_strictly(stream in stream(), cuts in cuts()) {
        any_split_is_the_same(&Config::DEFAULT, &stream, &cuts)?;
    }

    #[test]
    fn syn_32_any_split_is_the_same_leniently(stream in stream(), cuts in cuts()) {
        any_split_is_the_same(&config(Limits::DEFAULT, lenient()), &stream, &cuts)?;
    }

    #[test]
    fn syn_32_any_split_is_the_same_under_tiny_limits(stream in stream(), cuts in cuts()) {
        any_split_is_the_same(&config(tiny(), Policy::DEFAULT), &stream, &cuts)?;
    }

    #[test]
    fn syn_32_any_split_is_the_same_leniently_under_tiny_limits(stream in stream(), cuts in cuts()) {
        any_split_is_the_same(&config(tiny(), lenient()), &stream, &cuts)?;
    }

    #[test]
    fn syn_32_any_split_is_the_same_with_a_limit_of_content(stream in stream(), cuts in cuts()) {
        any_split_is_the_same(&config(Limits::DEFAULT.with_content(Some(12)), Policy::DEFAULT), &stream, &cuts)?;
    }

    #[test]
    fn a_shorter_offer_is_as_if_never_a_longer_one_was_made(
        stream in stream(),
        offers in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..20),
        is_lenient in any::<bool>(),
        is_tiny in any::<bool>(),
    ) {
        let limits = if is_tiny { tiny() } else { Limits::DEFAULT };
        let config = config(limits, if is_lenient { lenient() } else { Policy::DEFAULT });
        let whole = run(&config, |driver| {
            driver.feed_octets(&stream);
        });
        let back_and_forth = run(&config, |driver| {
            let mut rest = &stream[..];
            for (arrive, offer) in offers {
                let (piece, behind) = rest.split_at(arrive.index(rest.len() + 1));
                driver.buffer.extend_from_slice(piece);
                rest = behind;
                let longer = driver.buffer.len();
                driver.pump(longer);
                let shorter = offer.index(driver.buffer.len() + 1);
                driver.pump(shorter);
            }
            driver.feed_octets(rest);
        });
        prop_assert_eq!(whole, back_and_forth, "{}", shown(&stream));
    }

    #[test]
    fn field_lines_are_the_same_indexed_and_found_again(
        lines in vec(("[A-Za-z0-9!#$_-]{1,20}", "[ \t]{0,20}", "([!-~\u{80}-\u{ff}]([ -~]{0,30}[!-~])?)?", "[ \t]{0,20}"), 0..50),
        long in 0..70_000usize,
        cuts in cuts(),
    ) {
        let limits = Limits::DEFAULT.with_head(200_000).with_field_line(100_000);
        let config = config(limits, Policy::DEFAULT.with_control_octets(http_keepalive::Tolerance::Accept));
        let mut head = "GET / HTTP/1.0\r\n".to_string();
        let mut expected = Pairs::new();
        for (i, (name, before, value, behind)) in lines.iter().enumerate() {
            // a name of our own, so that no rule applies to it
            let name = format!("x{name}");
            let value = if i == 3 && long > 60_000 { "v".repeat(long) } else { value.clone() };
            head += &format!("{name}:{before}{value}{behind}\r\n");
            expected.push((shown(name.as_bytes()), shown(&common::octets(&value))));
        }
        let head = common::octets(&(head + "\r\n"));
        let slowly: Vec<_> = head.chunks(1).collect();
        let ways = [vec![&head[..]], pieces(&head, &cuts), if head.len() < 5_000 { slowly } else { vec![&head[..]] }];
        for way in ways {
            let mut driver = Driver::new(&config);
            way.into_iter().for_each(|piece| {
                driver.feed_octets(piece);
            });
            let fields = driver.requests().first().map(|request| request.fields.clone());
            prop_assert_eq!(fields.as_ref(), Some(&expected));
        }
    }
}

// ---- 2: what is sent can be read, whatever the outputs

#[derive(Clone, Debug)]
struct Answer {
    head: bool,
    old: bool,
    status: u16,
    fields: Vec<(String, String)>,
    content: Content,
    octets: Vec<u8>,
    trailers: Vec<(String, String)>,
    interim: bool,
}

fn fields() -> impl Strategy<Value = Vec<(String, String)>> {
    vec(("x[A-Za-z0-9!#$%&'*+.^_`|~-]{0,12}", "([!-~]([ -~\t]{0,20}[!-~])?)?"), 0..6)
}

fn answer() -> impl Strategy<Value = Answer> {
    let status = select(&[200, 201, 204, 205, 206, 304, 301, 404, 418, 500, 503, 599][..]);
    let kind = 0..4u8;
    (
        prop_oneof![3 => Just(false), 1 => Just(true)],
        prop_oneof![3 => Just(false), 1 => Just(true)],
        status,
        fields(),
        kind,
        vec(any::<u8>(), 0..300),
        fields(),
        any::<bool>(),
    )
        .prop_map(|(head, old, status, fields, kind, octets, trailers, interim)| {
            let (content, octets) = match kind {
                0 => (Content::Empty, vec![]),
                1 => (Content::Exact(octets.len() as u64), octets),
                2 => (Content::Unknown, octets),
                _ => (Content::UntilClose, octets),
            };
            let trailers = if content == Content::Unknown && !old { trailers } else { vec![] };
            Answer { head, old, status, fields, content, octets, trailers, interim: interim && !old }
        })
}

type Conn = Connection<Server, Arc<Config<Server>>>;

/// Sends into outputs of these sizes until it fits: no state moves where it does not, and exactly what is said to be
/// needed is enough.
fn send<T: PartialEq + std::fmt::Debug>(
    connection: &mut Conn,
    room: usize,
    out: &mut Vec<u8>,
    written: impl Fn(&T) -> usize,
    mut send: impl FnMut(&mut Conn, &mut [u8]) -> Result<T, SendError>,
) -> Result<T, TestCaseError> {
    let before = connection.clone();
    let mut buffer = vec![0; room];
    let sent = match send(connection, &mut buffer) {
        Ok(sent) => sent,
        Err(SendError::OutputTooSmall { needed }) => {
            prop_assert!(needed > room, "{needed} octets are needed, and there were {room}");
            prop_assert_eq!(&*connection, &before, "no state moved");
            let mut short = vec![0; needed - 1];
            prop_assert_eq!(send(connection, &mut short), Err(SendError::OutputTooSmall { needed }));
            prop_assert_eq!(&*connection, &before, "no state moved");
            buffer = vec![0; needed];
            match send(connection, &mut buffer) {
                Ok(sent) => {
                    prop_assert_eq!(written(&sent), needed);
                    sent
                }
                Err(error) => return Err(TestCaseError::fail(format!("{needed} octets were not enough: {error}"))),
            }
        }
        Err(error) => return Err(TestCaseError::fail(error.to_string())),
    };
    out.extend_from_slice(&buffer[..written(&sent)]);
    Ok(sent)
}

proptest! {
    #![proptest_config(cases::property(300, 60))]

    #[test]
    fn what_is_sent_reads_back_whatever_the_outputs(
        answers in vec(answer(), 1..4),
        rooms in vec(0..60usize, 1..40),
    ) {
        let now = Instant::from_secs(1);
        let mut connection: Conn = Connection::new(now, Arc::new(Config::DEFAULT));
        let mut rooms = rooms.iter().copied().cycle();
        let mut room = move || rooms.next().unwrap_or(0);
        let (mut out, mut expected, mut to_head) = (Vec::new(), Vec::new(), Vec::new());
        for answer in &answers {
            if !connection.lifecycle().is_idle() {
                break;
            }
            let method = if answer.head { "HEAD" } else { "GET" };
            let version = if answer.old { "1.0\r\nConnection: keep-alive" } else { "1.1" };
            let request = format!("{method} / HTTP/{version}\r\nHost: a\r\n\r\n");
            let received = connection.receive(now, request.as_bytes()).expect("a request");
            prop_assert_eq!(received.consumed, request.len());
            connection.receive(now, b"").expect("its end");

            if answer.interim {
                send(&mut connection, room(), &mut out, |written| *written, |connection, out| {
                    connection.send_interim(now, StatusCode::EARLY_HINTS, &answer.fields, out)
                })?;
                expected.push((103, answer.fields.clone(), vec![], vec![]));
            }
            let status = StatusCode::new(answer.status).expect("three digits");
            send(&mut connection, room(), &mut out, |written| *written, |connection, out| {
                connection.send_response(now, status, &answer.fields, answer.content, out)
            })?;
            let bodiless = answer.head || matches!(answer.status, 204 | 205 | 304);
            let mut rest = &answer.octets[..];
            while !rest.is_empty() {
                let taken = send(&mut connection, room(), &mut out, |written: &http_keepalive::Written| written.written, |connection, out| {
                    connection.send_content(now, rest, out)
                })?;
                prop_assert!(taken.consumed > 0);
                rest = &rest[taken.consumed..];
            }
            let trailers = if bodiless { &[][..] } else { &answer.trailers[..] };
            send(&mut connection, room(), &mut out, |written| *written, |connection, out| {
                connection.send_end(now, trailers, out)
            })?;
            let octets = if bodiless { vec![] } else { answer.octets.clone() };
            expected.push((answer.status, answer.fields.clone(), octets, trailers.to_vec()));
            to_head.push(answer.head);
        }
        prop_assert_eq!(connection.lifecycle().octets_pending(), out.len() as u64);

        let responses = read_responses(&out, &to_head);
        prop_assert_eq!(responses.len(), expected.len(), "{}", shown(&out));
        let escaped = |fields: &[(String, String)]| -> Pairs {
            fields.iter().map(|(name, value)| (shown(name.as_bytes()), shown(value.as_bytes()))).collect()
        };
        for (response, (status, fields, octets, trailers)) in responses.iter().zip(&expected) {
            prop_assert_eq!(response.status, *status);
            prop_assert_eq!(&response.fields[..fields.len()], &escaped(fields)[..], "the caller's come first");
            prop_assert_eq!(&response.content, octets);
            prop_assert_eq!(&response.trailers, &escaped(trailers));
        }
        // and by our own parser, head by head
        let (mut at, mut finals) = (0, to_head.iter());
        for (response, (status, fields, octets, _)) in responses.iter().zip(&expected) {
            let is_to_head = *status != 103 && *finals.next().unwrap_or(&false);
            let method = if is_to_head { MethodKind::Head } else { MethodKind::Get };
            let parsed = common::parse_response(&out[at..], method, &Limits::DEFAULT, &Policy::DEFAULT);
            let Ok(Some((octets_of_head, head, facts))) = parsed else {
                return Err(TestCaseError::fail(format!("{parsed:?} in {}", shown(&out[at..]))));
            };
            prop_assert_eq!(head.status.as_u16(), *status);
            prop_assert_eq!(&common::pairs(&head.fields), &response.fields);
            prop_assert_eq!(&response.fields[..fields.len()], &escaped(fields)[..]);
            prop_assert!(!(facts.has_close() && facts.has_keep_alive()));
            let behind = response.octets - octets_of_head;
            match head.framing.length {
                BodyLength::Empty => prop_assert_eq!((behind, octets.len()), (0, 0)),
                BodyLength::Exact(length) => prop_assert_eq!((behind, length), (octets.len(), octets.len() as u64)),
                BodyLength::Chunked => prop_assert!(out[..at + response.octets].ends_with(b"\r\n\r\n")),
                BodyLength::UntilClose => prop_assert_eq!(&out[at + octets_of_head..], &octets[..]),
            }
            at += response.octets;
        }
    }
}

// ---- 3, 5: any order of calls, any time

#[derive(Clone, Debug)]
enum Op {
    Arrive(Vec<u8>),
    Offer(prop::sample::Index),
    Eof(bool),
    NothingToRead,
    Sent(u64),
    Shut,
    Failed,
    Timeouts,
    Wait(u64),
    SetTime(u64),
    Respond(u16, Content),
    Switch,
    Interim(u16),
    Send(usize, usize),
    Frame(u64),
    End(bool),
    Refuse(usize),
    Skip(Option<u64>),
    Close,
    Abort,
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..20u64, Just(u64::MAX), Just(u64::MAX / 2), any::<u64>()]
}

fn content() -> impl Strategy<Value = Content> {
    prop_oneof![
        Just(Content::Empty),
        number().prop_map(Content::Exact),
        Just(Content::Unknown),
        Just(Content::UntilClose),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let status = prop_oneof![3 => select(&[200, 204, 205, 304, 400, 404, 413, 101, 100, 103][..]), 1 => 0..1000u16];
    let heads = select(
        &[
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n",
            "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
            "0\r\n\r\n",
            "\r\n",
            "GET / HT",
            "hello",
        ][..],
    );
    prop_oneof![
        6 => heads.prop_map(|head| Op::Arrive(head.as_bytes().to_vec())),
        1 => vec(any::<u8>(), 0..30).prop_map(Op::Arrive),
        1 => stream().prop_map(Op::Arrive),
        4 => any::<prop::sample::Index>().prop_map(Op::Offer),
        1 => any::<bool>().prop_map(Op::Eof),
        2 => Just(Op::NothingToRead),
        2 => number().prop_map(Op::Sent),
        2 => Just(Op::Shut),
        1 => Just(Op::Failed),
        3 => Just(Op::Timeouts),
        3 => (0..100_000u64).prop_map(Op::Wait),
        1 => any::<u64>().prop_map(Op::SetTime),
        6 => (status.clone(), content()).prop_map(|(status, content)| Op::Respond(status, content)),
        1 => Just(Op::Switch),
        2 => status.prop_map(Op::Interim),
        3 => (0..30usize, 0..40usize).prop_map(|(octets, room)| Op::Send(octets, room)),
        2 => number().prop_map(Op::Frame),
        2 => any::<bool>().prop_map(Op::End),
        2 => prop_oneof![Just(0), Just(512)].prop_map(Op::Refuse),
        3 => prop_oneof![1 => number().prop_map(Some), 2 => Just(None)].prop_map(Op::Skip),
        1 => Just(Op::Close),
        1 => Just(Op::Abort),
    ]
}

fn timeouts() -> impl Strategy<Value = Timeouts> {
    let secs = || prop_oneof![Just(None), (0..40u64).prop_map(|secs| Some(Duration::from_secs(secs)))];
    (secs(), secs(), secs(), secs(), secs(), secs(), secs(), secs(), secs()).prop_map(
        |(idle, shield, head, gap, application, exchange, linger, drain, age)| {
            Timeouts::DEFAULT
                .with_idle_advertised(None)
                .with_idle(idle)
                .with_idle_shield(shield)
                .with_head(head)
                .with_head_cap(None)
                .with_content_gap(gap)
                .with_application(application)
                .with_exchange(exchange)
                .with_linger(linger)
                .with_drain(drain)
                .with_age(age)
        },
    )
}

/// A connection under any calls.
struct World {
    connection: Conn,
    now: Instant,
    buffer: Vec<u8>,
}

impl World {
    /// Octets that this call wrote, or framed.
    fn apply(&mut self, op: Op) -> u64 {
        let (connection, now) = (&mut self.connection, self.now);
        let mut out = [0; 512];
        let status = |code| StatusCode::new(code).unwrap_or(StatusCode::OK);
        let mut written = 0;
        match op {
            Op::Arrive(octets) => self.buffer.extend(octets),
            Op::Offer(most) => {
                let most = most.index(self.buffer.len() + 1);
                let consumed = connection.receive(now, &self.buffer[..most]).map_or(0, |received| received.consumed);
                assert!(consumed <= most);
                self.buffer.drain(..consumed);
            }
            Op::Eof(clean) => {
                let _ = connection.receive_eof(now, if clean { Eof::Clean } else { Eof::Truncated });
            }
            Op::NothingToRead => connection.nothing_to_read(now),
            Op::Sent(octets) => connection.handle_sent(now, octets),
            Op::Shut => connection.handle_shut(now),
            Op::Failed => connection.transport_failed(now),
            Op::Timeouts => {
                let mut expired = 0;
                while connection.expire(now).is_some() {
                    expired += 1;
                    assert!(expired < 20, "deadlines expire without end: {:?}", connection.next_deadline());
                }
                let next = connection.next_deadline();
                assert!(next.is_none_or(|next| next.at > now), "{next:?} is due at {now:?}");
            }
            Op::Wait(millis) => self.now = now + Duration::from_millis(millis),
            Op::SetTime(nanos) => self.now = Instant::from_nanos(nanos),
            Op::Respond(code, content) => {
                written = connection.send_response(now, status(code), NO_FIELDS, content, &mut out).unwrap_or(0) as u64;
            }
            Op::Switch => {
                let upgrade = [("Upgrade", "foo")];
                let sent =
                    connection.send_response(now, StatusCode::SWITCHING_PROTOCOLS, upgrade, Content::Empty, &mut out);
                written = sent.unwrap_or(0) as u64;
            }
            Op::Interim(code) => {
                written = connection.send_interim(now, status(code), NO_FIELDS, &mut out).unwrap_or(0) as u64;
            }
            Op::Send(octets, room) => {
                let sent = connection.send_content(now, &vec![b'c'; octets], &mut out[..room]);
                written = sent.map_or(0, |sent| sent.written) as u64;
            }
            Op::Frame(octets) => written = connection.frame_content(now, octets).map_or(0, |_| octets),
            Op::End(trailers) => {
                let trailers = [("X", "y")].into_iter().take(usize::from(trailers));
                written = connection.send_end(now, trailers, &mut out).unwrap_or(0) as u64;
            }
            Op::Refuse(room) => {
                written = connection.send_refusal(now, NO_FIELDS, &mut out[..room]).unwrap_or(0) as u64;
            }
            Op::Skip(octets) => {
                let octets = octets.unwrap_or_else(|| connection.contiguous_content());
                let _ = connection.skip_content(now, octets);
            }
            Op::Close => connection.close_after_exchange(now),
            Op::Abort => connection.abort(now),
        }
        let _ = (self.connection.wants(), self.connection.persistence(), self.connection.next_deadline());
        let _ = (self.connection.error(), self.connection.lifecycle().close_reasons().count());
        written
    }

    /// The transport is to be closed, is closed, or was cut.
    fn is_at_its_end(&self) -> bool {
        let shut = self.connection.wants().shut;
        matches!(shut, Some(Shut::Close(_) | Shut::Reset(_))) || self.connection.lifecycle().is_closed()
    }
}

proptest! {
    #![proptest_config(cases::property(300, 60))]

    #[test]
    fn limit_10_no_order_of_calls_panics_and_no_deadline_stays_due(
        ops in vec(op(), 1..60),
        timeouts in timeouts(),
        is_lenient in any::<bool>(),
        is_tiny in any::<bool>(),
    ) {
        let limits = if is_tiny { tiny() } else { Limits::DEFAULT };
        let policy = if is_lenient { lenient() } else { Policy::DEFAULT };
        let config = Arc::new(Config::new(limits, timeouts, policy).expect("within bounds"));
        let now = Instant::from_secs(1);
        let mut world = World { connection: Connection::new(now, config), now, buffer: Vec::new() };
        for op in ops {
            world.apply(op);
        }
        world.apply(Op::Timeouts);
    }

    #[test]
    fn nothing_is_written_once_the_transport_is_to_be_closed(ops in vec(op(), 1..60)) {
        let now = Instant::from_secs(1);
        let config = Arc::new(Config::DEFAULT);
        let mut world = World { connection: Connection::new(now, config), now, buffer: Vec::new() };
        for op in ops {
            let (ended, shown) = (world.is_at_its_end(), format!("{op:?}"));
            let written = world.apply(op);
            prop_assert!(!ended || written == 0, "{shown} wrote {written} octets");
            prop_assert!(!ended || world.is_at_its_end(), "{shown} undid the end");
        }
    }

    #[test]
    fn limit_10_no_octets_panic(
        octets in vec(any::<u8>(), 0..200),
        cuts in cuts(),
        is_lenient in any::<bool>(),
    ) {
        let policy = if is_lenient { lenient() } else { Policy::DEFAULT };
        any_split_is_the_same(&config(tiny(), policy), &octets, &cuts)?;
        let _ = common::parse_response(&octets, MethodKind::Get, &tiny(), &policy);
        let _ = common::parse_request(&octets, &tiny(), &policy);
        let _ = http_keepalive::KeepAlive::parse(&octets);
    }

    #[test]
    fn limit_10_no_order_of_facts_panics_and_no_deadline_stays_due(
        ops in vec((0..16u8, number(), content(), 0..100_000u64), 1..60),
        timeouts in timeouts(),
    ) {
        let config = Config::<Server>::new(tiny(), timeouts, Policy::DEFAULT).expect("within bounds");
        let mut now = Instant::from_secs(1);
        let mut lifecycle = Lifecycle::new(now, &config);
        for (op, number, content, millis) in ops {
            match op {
                0 | 1 => {
                    let mut facts = HeadFacts::request(Method::new(b"POST"), Version { minor: (number % 3) as u8 });
                    facts.field_line(b"Host", b"a");
                    let length = number.to_string();
                    match number % 4 {
                        0 => facts.field_line(b"Content-Length", length.as_bytes()),
                        1 => facts.field_line(b"Transfer-Encoding", b"chunked"),
                        2 => facts.field_line(b"Connection", b"keep-alive"),
                        _ => facts.field_line(b"Expect", b"100-continue"),
                    }
                    let _ = lifecycle.head_received(now, &facts);
                }
                2 => lifecycle.octets_received(now, number),
                3 => drop(lifecycle.content_received(now, number)),
                4 => drop(lifecycle.end_received(now)),
                5 => drop(lifecycle.eof_received(now)),
                6 => drop(lifecycle.head_to_send(now, StatusCode::OK, content)),
                7 => drop(lifecycle.content_sent(now, number)),
                8 => drop(lifecycle.end_sent(now)),
                9 => lifecycle.octets_written(now, number),
                10 => lifecycle.handle_sent(now, number),
                11 => lifecycle.handle_shut(now),
                12 => lifecycle.nothing_to_read(now),
                13 if millis % 7 == 0 => lifecycle.fault_received(now, ProtocolErrorKind::NotHttp),
                14 if millis % 7 == 0 => lifecycle.close_after_exchange(now),
                15 if millis % 7 == 0 => lifecycle.abort(now),
                _ => now = now + Duration::from_millis(millis),
            }
            let _ = (lifecycle.wants(), lifecycle.persistence());
            let mut expired = 0;
            while lifecycle.expire(now).is_some() {
                expired += 1;
                prop_assert!(expired < 20, "deadlines expire without end: {:?}", lifecycle.next_deadline());
            }
            let next = lifecycle.next_deadline();
            prop_assert!(next.is_none_or(|next| next.at > now), "{next:?} is due at {now:?}");
        }
    }
}
