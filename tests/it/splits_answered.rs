//! SYN-32 where the application does not wait: any split is the same when requests are answered at their heads, their content is left
//! unread or asked for by 100, the connection is drained, or handed over. `PROPTEST_CASES` scales how many are tried.

use crate::cases;
use crate::common;
use crate::common::shown;
use http_keepalive::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What the application does with one request.
#[derive(Clone, Debug)]
struct Answer {
    /// At its head; else at its end.
    early: bool,
    status: StatusCode,
    content: Content,
    /// A drain begins with this request.
    drains: bool,
    /// An interim response goes first.
    hints: bool,
}

fn answer() -> impl Strategy<Value = Answer> {
    let status = select(vec![StatusCode::OK, StatusCode::OK, StatusCode::NOT_FOUND, StatusCode::new(204).unwrap()]);
    let content = prop_oneof![
        3 => Just(Content::Empty),
        3 => Just(Content::Exact(3)),
        3 => Just(Content::Unknown),
        1 => Just(Content::UntilClose),
    ];
    let drains = prop_oneof![9 => Just(false), 1 => Just(true)];
    (any::<bool>(), status, content, drains, any::<bool>()).prop_map(|(early, status, content, drains, hints)| Answer {
        early,
        status,
        content,
        drains,
        hints,
    })
}

/// A chunked body, some of it long.
fn chunks() -> impl Strategy<Value = String> {
    let chunk = prop_oneof![4 => 1..20usize, 1 => 200..5000usize, 1 => Just(16), 1 => Just(256)];
    let trailers = select(vec!["", "", "T: v\r\n", "T: v\r\nU: w\r\n"]);
    (vec(chunk, 0..4), trailers).prop_map(|(sizes, trailers)| {
        let chunks: Vec<_> = sizes.iter().map(|&size| format!("{size:x}\r\n{}\r\n", "c".repeat(size))).collect();
        format!("{}0\r\n{trailers}\r\n", chunks.concat())
    })
}

fn request() -> impl Strategy<Value = String> {
    let expect = select(vec!["", "", "Expect: 100-continue\r\n"]);
    let post = |fields: String, body: String| format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}");
    let length = prop_oneof![3 => 0..20usize, 1 => 200..5000usize];
    prop_oneof![
        4 => select(vec![
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
            "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
        ]).prop_map(str::to_string),
        3 => (expect.clone(), length).prop_map(move |(expect, length)| {
            post(format!("{expect}Content-Length: {length}\r\n"), "e".repeat(length))
        }),
        4 => (expect, select(vec!["", "Trailer: T\r\n"]), chunks()).prop_map(move |(expect, trailer, body)| {
            post(format!("{trailer}Transfer-Encoding: chunked\r\n{expect}"), body)
        }),
        1 => chunks().prop_map(move |body| {
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n".into(), body)
        }),
        1 => Just(post("Transfer-Encoding: chunked\r\n".into(), "5\r\nhelloX\r\n0\r\n\r\n".into())),
    ]
}

/// All that can be told apart from outside.
#[derive(Debug, Default, PartialEq)]
struct Transcript {
    seen: Vec<String>,
    content: usize,
    written: Vec<u8>,
    error: Option<ProtocolError>,
    verdict: Option<Persistence>,
    shut: Option<Shut>,
}

struct Served {
    connection: Connection<Server, &'static Config<Server>>,
    buffer: Vec<u8>,
    transcript: Transcript,
    requests: usize,
    answered: bool,
    switches: bool,
    connects: bool,
}

const NOW: Instant = Instant::from_secs(1);

impl Served {
    fn new(config: &'static Config<Server>) -> Self {
        let (buffer, transcript) = (Vec::new(), Transcript::default());
        Self {
            connection: Connection::new(NOW, config),
            buffer,
            transcript,
            requests: 0,
            answered: true,
            switches: false,
            connects: false,
        }
    }

    fn left(&mut self) {
        self.connection.handle_sent(NOW, self.connection.octets_pending());
    }

    /// The final response, whole; one that is no longer wanted is not sent.
    fn respond(&mut self, answer: &Answer) {
        let mut out = [0; 1024];
        self.answered = true;
        let it = &mut self.connection;
        let mut written = 0;
        if answer.hints {
            written = it.send_interim(NOW, StatusCode::EARLY_HINTS, NO_FIELDS, &mut out).unwrap_or(0);
        }
        let switch = StatusCode::SWITCHING_PROTOCOLS;
        // what follows a refused CONNECT may not be read, and whether anything is depends on the split
        let status = if self.connects { StatusCode::OK } else { answer.status };
        let head = match self.switches && !answer.early {
            true => it.send_response(NOW, switch, [("Upgrade", "websocket")], Content::Empty, &mut out[written..]),
            false => it.send_response(NOW, status, NO_FIELDS, answer.content, &mut out[written..]),
        };
        if let Ok(octets) = head {
            written += octets;
            if it.wants().application == Some(Turn::Content) {
                written += it.send_content(NOW, b"abc", &mut out[written..]).expect("it fits").written;
                written += it.send_end(NOW, NO_FIELDS, &mut out[written..]).expect("it fits");
            }
        }
        self.transcript.written.extend_from_slice(&out[..written]);
        self.left();
    }

    fn feed(&mut self, octets: &[u8], answers: &[Answer]) {
        self.buffer.extend_from_slice(octets);
        loop {
            let buffer = std::mem::take(&mut self.buffer);
            let (mut consumed, mut goes_on, mut answer) = (0, true, None);
            match self.connection.receive(NOW, &buffer) {
                Err(error) => {
                    assert!(self.transcript.error.replace(error).is_none(), "an error is told once");
                    let mut out = [0; 512];
                    if let Ok(written) = self.connection.send_refusal(NOW, NO_FIELDS, &mut out) {
                        self.transcript.written.extend_from_slice(&out[..written]);
                        self.left();
                    }
                }
                Ok(received) => {
                    consumed = received.consumed;
                    match received.outcome {
                        Outcome::Event(Event::Content(content)) => self.transcript.content += content.len(),
                        Outcome::Event(event) => {
                            self.transcript.seen.push(match &event {
                                Event::Request(head) => format!("{:?} {:?}", head.method, head.framing),
                                Event::End { trailers } => {
                                    format!("end {}, {:?}", self.transcript.content, common::pairs(trailers))
                                }
                                other => format!("{other:?}"),
                            });
                            let planned = &answers[self.requests.saturating_sub(1) % answers.len()];
                            match event {
                                Event::Request(head) => {
                                    let planned = &answers[self.requests % answers.len()];
                                    self.requests += 1;
                                    self.answered = false;
                                    self.switches = head.offers_upgrade();
                                    if planned.drains {
                                        self.connection.close_after_exchange(NOW);
                                    }
                                    self.connects = head.method.as_bytes() == b"CONNECT";
                                    // what opens a tunnel waits for the end
                                    answer = Some(planned).filter(|planned| planned.early && !self.connects);
                                }
                                Event::End { .. } if !self.answered => answer = Some(planned),
                                _ => {}
                            }
                        }
                        // whether it is asked for depends on what has come: no part of the story
                        Outcome::Paused(PauseReason::ContinueDue) => {
                            self.connection.send_continue(NOW, &mut [0; 64]).expect("it is due");
                            self.left();
                        }
                        Outcome::NeedMore | Outcome::Paused(_) => goes_on = false,
                    }
                }
            }
            self.buffer = buffer;
            self.buffer.drain(..consumed);
            if let Some(answer) = answer {
                self.respond(answer);
            }
            if !goes_on {
                return;
            }
        }
    }

    fn end(mut self) -> Transcript {
        self.transcript.verdict = Some(self.connection.persistence());
        self.transcript.shut = self.connection.wants().shut;
        self.transcript
    }
}

static DEFAULT: Config<Server> = Config::DEFAULT;

proptest! {
    #![proptest_config(cases::property(400, 100))]

    #[test]
    fn syn_32_any_split_is_the_same_whenever_it_is_answered(
        requests in vec(request(), 1..5),
        answers in vec(answer(), 1..4),
        cuts in vec(any::<Index>(), 1..12),
        missing in prop_oneof![3 => Just(0), 1 => 0..30usize],
    ) {
        let mut stream = requests.concat().into_bytes();
        stream.truncate(stream.len() - missing.min(stream.len()));
        let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        at.extend([0, stream.len()]);
        at.sort_unstable();
        let pieces = at.windows(2).map(|two| &stream[two[0]..two[1]]).collect();
        let mut told = [vec![&stream[..]], pieces, stream.chunks(1).collect()].into_iter().map(|pieces| {
            let mut served = Served::new(&DEFAULT);
            pieces.into_iter().for_each(|piece| served.feed(piece, &answers));
            served.end()
        });
        let whole = told.next().expect("three ways");
        for other in told {
            prop_assert_eq!(&whole, &other, "{}", shown(&stream));
        }
    }
}
