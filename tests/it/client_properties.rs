//! Properties of a client that hold on any input. `PROPTEST_CASES` scales how many are tried.

use crate::cases;
use crate::common::Passes;
use crate::harness;
use std::collections::VecDeque;

use crate::common;
use crate::common::client::{Asker, Four, HOST, Said, host, request};
use crate::common::{Driver, Seen, lenient, shown};
use http_keepalive::{
    Client, Config, Connection, Content, Instant, Limits, Misuse, NO_FIELDS, Persistence, Policy, SendError, Server,
    StatusCode, Timeouts, Turn,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

// ---- what a server may send

/// A string, or now and then another one.
fn mostly(usual: &'static str, others: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop_oneof![6 => Just(usual.to_string()), 1 => select(others).prop_map(str::to_string)]
}

/// Framing fields and the body behind the empty line.
fn body() -> impl Strategy<Value = (String, String)> {
    let chunk = "[a-z\r\n0]{1,20}".prop_map(|data| format!("{:x}\r\n{data}\r\n", data.len()));
    let trailers = select(&["", "T: v\r\n", "Host: b\r\nT: v\r\n", "T: v\r\n w\r\n", "T:v\n"][..]);
    let chunked = (vec(chunk, 0..4), trailers).prop_map(|(chunks, trailers)| {
        ("Transfer-Encoding: chunked\r\n".to_string(), format!("{}0\r\n{trailers}\r\n", chunks.concat()))
    });
    prop_oneof![
        6 => "[a-z\r\n]{0,20}".prop_map(|body| (format!("Content-Length: {}\r\n", body.len()), body)),
        4 => chunked,
        1 => "[a-z]{0,9}".prop_map(|body| (String::new(), body)),
        1 => Just(("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n".into(), "1\r\nx\r\n0\r\n\r\n".into())),
        1 => Just(("Transfer-Encoding:\r\n chunked\r\n".into(), "1\r\nx\r\n0\r\n\r\n".into())),
        1 => Just(("Content-Length: 2, 2\r\n".into(), "ok".into())),
        1 => select(
            &[
                "content-LENGTH: 2\r\n",
                "Content-Length: 02\r\n",
                "Content-Length: 2\r\nContent-Length: 2\r\n",
                "Content-Length: 2\r\nContent-Length: 02\r\n",
                "Content-Length: 2\r\n \r\n",
                "Content-Length: 2\r\n\t3\r\n",
                "Content-Length: 2 \r\n",
                "Content-Length:2\r\n",
                "Content-Length: \r\n 2\r\n",
                "Content-Length: 18446744073709551616\r\n",
                "Content-Length: 0000000000000000000002\r\n",
                "Content\rLength: 2\r\nX-2: b\r\n",
            ][..],
        )
        .prop_map(|framing| (framing.to_string(), "ok".to_string())),
    ]
}

fn response() -> impl Strategy<Value = String> {
    let version = mostly("HTTP/1.1 ", &["HTTP/1.0 ", "HTTP/1.2 ", "\r\nHTTP/1.1 ", "HTTP/2.0 "]);
    let status = mostly("200 OK", &["204 ", "304", "100 Continue", "103 x", "101 x", "413 No", "777 \u{e9}", "20 x"]);
    let fields = vec(
        select(
            &[
                "X: y\r\n",
                "X : y\r\n",
                "X: a\r\n b\r\n",
                "Connection: keep-alive\r\nKeep-Alive: timeout=9, max=2\r\n",
                "Connection: upgrade\r\nUpgrade: foo\r\n",
                "Connection: close\r\n",
                "Set-Cookie: a\r\n",
                "Server: b\r\n",
                "Y: z\n",
            ][..],
        ),
        0..3,
    );
    (version, status, fields, body(), mostly("", &["\r\n", "\r", "x"])).prop_map(
        |(version, status, fields, (framing, body), behind)| {
            format!("{version}{status}\r\n{}{framing}\r\n{body}{behind}", fields.concat())
        },
    )
}

/// Responses as octets, some of them broken.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let octet = prop_oneof![select(&b"\r\n \t:;,\0\x7f\xff0a\"="[..]), any::<u8>()];
    let mutations = prop_oneof![3 => Just(vec![]), 1 => vec((any::<Index>(), octet), 1..3)];
    (vec(response(), 1..6), mutations).prop_map(|(responses, mutations)| {
        let mut stream = common::octets(&responses.concat());
        for (at, octet) in mutations {
            let at = at.index(stream.len());
            stream[at] = octet;
        }
        stream
    })
}

/// All that can be told apart from outside.
#[derive(Debug, PartialEq)]
struct Transcript {
    said: Vec<Said>,
    offset: Option<u64>,
    persistence: Persistence,
    left: Vec<String>,
    buffer: Vec<u8>,
}

/// Requests of these methods as far as they may be outstanding together, and the stream in pieces; then its end.
fn run(config: &Config<Four>, methods: &[&'static str], pieces: &[&[u8]]) -> Transcript {
    let mut asker = Asker::knowing(config);
    for method in methods {
        let sent =
            asker.try_ask(&request(method), host(method).into_iter().chain([("Upgrade", "foo")]), Content::Empty);
        assert!(
            matches!(sent, Ok(_) | Err(SendError::Misuse(Misuse::PipelineHeld | Misuse::PipelineFull))),
            "{sent:?}"
        );
        if let Ok(sent) = sent {
            assert!(sent.starts_with(method));
        }
    }
    pieces.iter().for_each(|piece| {
        asker.feed_octets(piece);
    });
    let offset = asker.connection.offset();
    asker.eof();
    Transcript {
        offset: if asker.connection.error().is_none() { Some(offset) } else { None },
        persistence: asker.connection.persistence(),
        left: asker.connection.unanswered().map(|left| format!("{left:?}")).collect(),
        said: asker.said,
        buffer: asker.buffer,
    }
}

fn config(is_lenient: bool, content: Option<u64>) -> Config<Four> {
    let policy = if is_lenient { lenient() } else { Policy::DEFAULT };
    let limits = Limits::DEFAULT.with_content(content).with_interim_responses(Some(2));
    Config::new(limits, Timeouts::DEFAULT, policy).expect("within bounds")
}

proptest! {
    #![proptest_config(cases::property(400, 100))]

    #[test]
    fn syn_32_any_split_of_responses_is_the_same(
        stream in stream(),
        method in select(&["GET", "HEAD", "POST", "CONNECT"][..]),
        cuts in vec(any::<Index>(), 1..12),
        is_lenient in any::<bool>(),
        content in select(&[None, Some(12)][..]),
    ) {
        let config = config(is_lenient, content);
        let whole = run(&config, &[method], &[&stream]);
        let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        at.extend([0, stream.len()]);
        at.sort_unstable();
        let pieces: Vec<_> = at.windows(2).map(|two| &stream[two[0]..two[1]]).collect();
        prop_assert_eq!(&whole, &run(&config, &[method], &pieces), "in pieces: {}", shown(&stream));
        let octets: Vec<_> = stream.chunks(1).collect();
        prop_assert_eq!(&whole, &run(&config, &[method], &octets), "octet by octet: {}", shown(&stream));
    }

    #[test]
    fn syn_32_any_split_of_pipelined_responses_is_the_same(head in any::<[u8; 4]>(), stream in stream()) {
        harness::answers(&[&head[..], &stream].concat());
    }

    #[test]
    fn limit_10_no_octets_make_a_client_panic(octets in vec(any::<u8>(), 0..200)) {
        harness::answers(&octets);
    }
}

// ---- a client and a server, back to back

/// An exchange as it is to be.
#[derive(Clone, Debug)]
struct Plan {
    method: &'static str,
    /// The request's content, in this many pieces where it is chunked.
    content: String,
    is_chunked: bool,
    close: bool,
    answer: Reply,
    reply: String,
    status: u16,
    interim: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Reply {
    Exact,
    Chunked,
    UntilClose,
}

fn plan() -> impl Strategy<Value = Plan> {
    let method = select(&["GET", "GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH"][..]);
    let answer = prop_oneof![8 => Just(Reply::Exact), 8 => Just(Reply::Chunked), 1 => Just(Reply::UntilClose)];
    let content = prop_oneof![Just(String::new()), "[a-z\r\n0]{1,40}"];
    let closes = prop_oneof![12 => Just(false), 1 => Just(true)];
    (
        method,
        content,
        any::<bool>(),
        closes,
        answer,
        "[a-z\r\n0]{0,40}",
        select(&[200, 200, 404, 204, 304, 500][..]),
        any::<bool>(),
    )
        .prop_map(|(method, content, is_chunked, close, answer, reply, status, interim)| Plan {
            method,
            content: if matches!(method, "PUT" | "POST" | "PATCH") { content } else { String::new() },
            is_chunked,
            close,
            answer,
            reply,
            status,
            interim,
        })
}

/// Both ends, and the octets between them.
struct Pair {
    asker: Asker,
    server: Driver,
    /// Exchanges planned and not asked.
    plans: VecDeque<Plan>,
    /// Those asked.
    asked: Vec<Plan>,
    answered: usize,
    up: VecDeque<u8>,
    down: VecDeque<u8>,
}

impl Pair {
    fn new(plans: &[Plan]) -> Self {
        Self {
            asker: Asker::new(&Config::DEFAULT),
            server: Driver::new(&Config::<Server>::DEFAULT),
            plans: plans.iter().cloned().collect(),
            asked: Vec::new(),
            answered: 0,
            up: VecDeque::new(),
            down: VecDeque::new(),
        }
    }

    /// Sends the next request if it may be sent.
    fn ask(&mut self) -> bool {
        let Some(plan) = self.plans.front() else { return false };
        let octets = plan.content.len() as u64;
        let content = match plan.is_chunked && octets > 0 {
            true => Content::Unknown,
            false => Content::Exact(octets),
        };
        let sent = self.asker.try_ask(&request(plan.method).with_close(plan.close), host(plan.method), content);
        match sent {
            Ok(_) => {}
            Err(
                SendError::Ended(_)
                | SendError::Misuse(Misuse::PipelineHeld | Misuse::PipelineFull | Misuse::RequestUnfinished),
            ) => return false,
            Err(error) => panic!("{plan:?}: {error}"),
        }
        let plan = self.plans.pop_front().expect("it was there");
        if octets > 0 {
            let (first, second) = plan.content.split_at(plan.content.len() / 2);
            self.asker.content(first).content(second).end(NO_FIELDS);
        }
        self.up.extend(std::mem::take(&mut self.asker.out));
        self.asked.push(plan);
        true
    }

    /// The server answers what is complete.
    fn answer(&mut self) {
        while self.server.connection.wants().application == Some(Turn::Respond)
            && matches!(self.server.seen.last(), Some(Seen::End(_)))
            && self.server.requests().len() > self.answered
        {
            let plan = self.asked[self.answered].clone();
            self.answered += 1;
            if plan.interim {
                self.server.try_interim(StatusCode::EARLY_HINTS, [("Link", "x")]).expect("it may be sent");
            }
            let has_none = plan.status == 204 || plan.status == 304 || plan.method == "HEAD";
            let content = match plan.answer {
                _ if has_none => Content::Empty,
                Reply::Exact => Content::Exact(plan.reply.len() as u64),
                Reply::Chunked => Content::Unknown,
                Reply::UntilClose => Content::UntilClose,
            };
            self.server.respond(StatusCode::new(plan.status).expect("three digits"), content);
            if !has_none && !plan.reply.is_empty() {
                self.server.content(&plan.reply);
            }
            if !has_none && plan.answer != Reply::Exact {
                self.server.end(NO_FIELDS);
            }
            // the next one may have been waiting
            let rest = self.server.buffer.len();
            self.server.pump(rest);
        }
        self.down.extend(std::mem::take(&mut self.server.out));
    }

    /// Carries octets both ways in pieces of these sizes until nothing moves any more.
    fn run(&mut self, sizes: &[usize]) {
        let mut sizes = sizes.iter().copied().cycle();
        let mut shut = false;
        for _ in 0..100_000 {
            let mut moved = false;
            // how many are asked before anything is carried varies
            for _ in 0..sizes.next().unwrap_or(1) % 5 + 1 {
                moved |= self.ask();
            }
            let size = sizes.next().unwrap_or(1).max(1);
            let piece: Vec<u8> = self.up.drain(..size.min(self.up.len())).collect();
            if !piece.is_empty() {
                moved = true;
                self.server.feed_octets(&piece);
                self.answer();
            }
            let size = sizes.next().unwrap_or(1).max(1);
            let piece: Vec<u8> = self.down.drain(..size.min(self.down.len())).collect();
            if !piece.is_empty() {
                moved = true;
                self.asker.feed_octets(&piece);
            }
            if !shut && self.down.is_empty() && self.server.connection.wants().shut.is_some() {
                (shut, moved) = (true, true);
                self.server.shut();
                self.asker.eof();
            }
            if !moved {
                return;
            }
        }
        panic!("it never ends");
    }
}

proptest! {
    #![proptest_config(cases::property(300, 75))]

    #[test]
    fn pipe_03_every_request_is_answered_in_order_or_reported(
        plans in vec(plan(), 1..8),
        sizes in vec(1..60usize, 1..9),
    ) {
        let mut pair = Pair::new(&plans);
        pair.run(&sizes);
        prop_assert_eq!(pair.asker.error(), None);
        prop_assert!(pair.up.is_empty() && pair.down.is_empty());

        // the server saw the requests that were sent, in order and whole, as far as it read
        let requests = pair.server.requests();
        let read: String = pair.asked[..requests.len()].iter().map(|plan| plan.content.as_str()).collect();
        prop_assert_eq!(pair.server.received(), shown(read.as_bytes()));
        for (seen, plan) in requests.iter().zip(&pair.asked) {
            prop_assert_eq!(&seen.method, plan.method);
        }

        // the client has its answers in order, with the right content
        let answers = pair.asker.exchanges();
        prop_assert_eq!(answers.len(), pair.answered);
        for ((status, content), plan) in answers.iter().zip(&pair.asked) {
            let has_none = plan.status == 204 || plan.status == 304 || plan.method == "HEAD";
            prop_assert_eq!(*status, plan.status);
            prop_assert_eq!(content, &if has_none { String::new() } else { shown(plan.reply.as_bytes()) });
        }

        // what has no answer is reported, each by its number; both agree on what becomes of the connection
        let left: Vec<_> = pair.asker.connection.unanswered().map(|left| left.request as usize).collect();
        prop_assert_eq!(left, (pair.answered..pair.asked.len()).collect::<Vec<_>>());
        let ended = pair.asker.connection.lifecycle().has_ended();
        prop_assert_eq!(ended, !pair.server.connection.lifecycle().is_idle(), "{:?}", plans);
        let closes = |persistence| matches!(persistence, Persistence::Close(_));
        prop_assert_eq!(closes(pair.asker.connection.persistence()), ended);
        prop_assert_eq!(closes(pair.server.connection.persistence()), ended);
        if !ended {
            prop_assert!(pair.plans.is_empty() && pair.asker.connection.lifecycle().is_idle());
        }
    }

    #[test]
    fn limit_10_no_order_of_calls_makes_a_client_panic(
        calls in vec((0..14u8, any::<u8>()), 0..60),
        stream in stream(),
    ) {
        let config = Config::<Client<4>>::DEFAULT;
        let mut now = Instant::from_secs(1000);
        let mut connection = Connection::<Client<4>, _>::new(now, &config);
        let (mut buffer, mut rest, mut out) = (Vec::new(), stream.into_iter(), [0; 200]);
        for (call, argument) in calls {
            let room = usize::from(argument) % out.len();
            let host = HOST.into_iter();
            match call {
                0..=2 => {
                    buffer.extend(rest.by_ref().take(argument.into()));
                    if let Ok(received) = connection.receive(now, &buffer) {
                        let consumed = received.consumed;
                        prop_assert!(consumed <= buffer.len());
                        buffer.drain(..consumed);
                    }
                }
                3 => drop(connection.send_request(now, &request("GET"), host, Content::Empty, &mut out[..room])),
                4 => drop(connection.send_request(now, &request("PUT"), host, Content::Exact(9), &mut out)),
                5 => drop(connection.send_request(now, &request("POST"), host, Content::Unknown, &mut out)),
                6 => {
                    let fields = host.chain([("Expect", "100-continue"), ("Upgrade", "foo")]);
                    let _ = connection.send_request(now, &request("PUT"), fields, Content::Exact(3), &mut out);
                }
                7 => drop(connection.send_content(now, &[b'x'; 20][..usize::from(argument) % 20], &mut out[..room])),
                8 => drop(connection.send_end(now, NO_FIELDS, &mut out[..room])),
                9 => connection.handle_sent(now, argument.into()),
                10 => now = now + std::time::Duration::from_millis(u64::from(argument) * 400),
                11 => match argument % 6 {
                    0 => connection.close_after_exchange(now),
                    1 => connection.knows_http11(),
                    2 => drop(connection.receive_eof(now, http_keepalive::Eof::Clean)),
                    3 => drop(connection.frame_content(now, argument.into())),
                    4 => drop(connection.skip_content(now, argument.into())),
                    _ => now = Instant::from_nanos(now.as_nanos() / 2),
                },
                12 if connection.wants().shut.is_some() => connection.handle_shut(now),
                _ => {}
            }
            let mut rounds = 0;
            while connection.expire(now).is_some() {
                rounds += 1;
                prop_assert!(rounds < 16, "a deadline stays due");
            }
            prop_assert!(connection.unanswered().count() <= 4);
            prop_assert_eq!(&connection, &connection.clone());
        }
    }
}
