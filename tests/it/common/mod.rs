//! A driver for tests: octets and virtual time in, owned records and written octets out.
//!
//! Octets are written as text: every char up to U+00FF is the octet of that number. `▼` stands before the octet that an
//! error is about, and is no octet itself.

pub mod client;

pub use crate::harness::{Passes, lies_where_it_is_said};

use std::sync::Arc;
use std::time::Duration;

use http_keepalive::{
    BodyLength, Config, Connection, Content, Eof, Event, FieldSection, Fields, FramingRule, HeadFacts, Instant, Limits,
    MethodKind, NO_FIELDS, Outcome, PauseReason, Policy, ProtocolError, ProtocolErrorKind, ReadWant, RequestHead,
    ResponseHead, Role, SendError, Server, StatusCode, Timeouts, Tolerance, TunnelReason, Turn,
};

/// Offers these octets until nothing more comes of them.
pub fn offer<R: Role>(connection: &mut Connection<R, &'static Config<R>>, now: Instant, mut octets: &[u8]) {
    for _ in 0..8 {
        let Ok(received) = connection.receive(now, octets) else { return };
        octets = &octets[received.consumed..];
        if !matches!(received.outcome, Outcome::Event(_)) {
            return;
        }
    }
}

/// Names and values in order, escaped.
pub type Pairs = Vec<(String, String)>;

/// The octets that `text` stands for.
pub fn octets(text: &str) -> Vec<u8> {
    text.chars().filter(|&c| c != '▼').map(|c| u8::try_from(u32::from(c)).expect("up to U+00FF")).collect()
}

/// Where `text` has its mark.
pub fn mark(text: &str) -> Option<u64> {
    text.chars().position(|c| c == '▼').map(|at| at as u64)
}

/// Octets as text that can be read and compared.
pub fn shown(octets: &[u8]) -> String {
    octets.escape_ascii().to_string()
}

/// The pairs of a field section, as events give them.
pub fn pairs(section: &FieldSection<'_>) -> Pairs {
    section.iter().map(|line| (shown(line.name), shown(&line.value.octets().collect::<Vec<_>>()))).collect()
}

/// What a test expects of field lines.
pub fn expect_pairs(pairs: &[(&str, &str)]) -> Pairs {
    pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

/// A request to `/` with `Host: a` and these field lines.
pub fn get(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
}

/// A POST with a chunked body of these octets.
pub fn chunked(body: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
}

/// Every leniency.
pub fn lenient() -> Policy {
    Policy::DEFAULT
        .with_bare_lf(Tolerance::Accept)
        .with_bare_cr(Tolerance::Accept)
        .with_control_octets(Tolerance::Accept)
        .with_whitespace_before_fields(Tolerance::Accept)
        .with_start_line_whitespace(Tolerance::Accept)
        .with_target_octets(Tolerance::Accept)
        .with_request_fold(Tolerance::Accept)
        .with_response_fold(Tolerance::Accept)
        .with_response_colon_space(Tolerance::Accept)
        .with_response_junk_lines(Tolerance::Accept)
        .with_repeated_length(Tolerance::Accept)
        .with_length_and_coding(Tolerance::Accept)
        .with_http10_coding(Tolerance::Accept)
        .with_other_codings(Tolerance::Accept)
        .with_chunk_size_whitespace(Tolerance::Accept)
        .with_request_trailers(Tolerance::Accept)
        .with_expectation(Tolerance::Accept)
}

/// A configuration that differs from the defaults in its policy.
pub fn policy(policy: Policy) -> Config<Server> {
    Config::new(Limits::DEFAULT, Timeouts::DEFAULT, policy).expect("within bounds")
}

/// A configuration that differs from the defaults in its limits.
pub fn limits(limits: Limits) -> Config<Server> {
    Config::new(limits, Timeouts::DEFAULT, Policy::DEFAULT).expect("within bounds")
}

/// What a connection reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Request(Request),
    /// Adjacent pieces together.
    Content(String),
    End(Pairs),
    Tunnel(TunnelReason),
    PeerClosed,
    Error(ProtocolErrorKind, u64),
}

/// A request head, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub minor: u8,
    pub fields: Pairs,
    pub length: BodyLength,
    pub rule: FramingRule,
    pub authority: Option<String>,
    pub expects_continue: bool,
    pub offers_upgrade: bool,
}

impl Request {
    /// The values of the lines of this name.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let of_name = self.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
        of_name.map(|(_, value)| value.as_str()).collect()
    }
}

/// A connection with what surrounds it.
pub struct Driver {
    pub connection: Connection<Server, Arc<Config<Server>>>,
    pub now: Instant,
    /// Octets received and not consumed.
    pub buffer: Vec<u8>,
    pub seen: Vec<Seen>,
    /// Octets written.
    pub out: Vec<u8>,
    pub paused: Option<PauseReason>,
    /// Answer every request at its end, refuse every error, shut when that is asked for.
    pub answers: bool,
}

impl Driver {
    /// With this configuration; the caller answers.
    pub fn new(config: &Config<Server>) -> Self {
        Self {
            connection: Connection::new(Instant::from_secs(100), Arc::new(config.clone())),
            now: Instant::from_secs(100),
            buffer: Vec::new(),
            seen: Vec::new(),
            out: Vec::new(),
            paused: None,
            answers: false,
        }
    }

    /// By the defaults; the caller answers.
    pub fn strict() -> Self {
        Self::new(&Config::DEFAULT)
    }

    /// Answers everything with an empty 200.
    pub fn answering(config: &Config<Server>) -> Self {
        Self { answers: true, ..Self::new(config) }
    }

    /// Time passes.
    pub fn wait(&mut self, time: Duration) -> &mut Self {
        self.now = self.now + time;
        self
    }

    /// Octets arrive.
    pub fn feed(&mut self, text: &str) -> &mut Self {
        self.feed_octets(&octets(text))
    }

    pub fn feed_octets(&mut self, octets: &[u8]) -> &mut Self {
        self.buffer.extend_from_slice(octets);
        self.pump(self.buffer.len());
        self
    }

    /// Octets arrive one by one.
    pub fn dribble(&mut self, octets: &[u8]) -> &mut Self {
        octets.iter().for_each(|octet| {
            self.feed_octets(&[*octet]);
        });
        self
    }

    /// Offers the first `most` octets of what is unread, until more of them would be needed or something else is.
    pub fn pump(&mut self, mut most: usize) -> &mut Self {
        loop {
            let offered = most.min(self.buffer.len());
            let (consumed, seen, stop) = match self.connection.receive(self.now, &self.buffer[..offered]) {
                Err(ProtocolError { kind, offset, .. }) => (0, Some(Seen::Error(kind, offset)), false),
                Ok(received) => {
                    lies_where_it_is_said(&received, &self.buffer[..offered]);
                    self.paused = if let Outcome::Paused(reason) = received.outcome { Some(reason) } else { None };
                    let (seen, stop) = match received.outcome {
                        Outcome::Event(event) => (Some(owned(&event)), false),
                        Outcome::NeedMore | Outcome::Paused(_) => (None, true),
                    };
                    (received.consumed, seen, stop)
                }
            };
            self.buffer.drain(..consumed);
            most = offered - consumed;
            if let Some(seen) = seen {
                self.record(seen);
            }
            if stop {
                return self;
            }
        }
    }

    fn record(&mut self, seen: Seen) {
        let answer = self.answers && matches!(seen, Seen::End(_) | Seen::Error(..));
        match (self.seen.last_mut(), seen) {
            (Some(Seen::Content(before)), Seen::Content(more)) => before.push_str(&more),
            (_, seen) => self.seen.push(seen),
        }
        if answer {
            if let Some(Turn::Refuse(_)) = self.connection.wants().application {
                self.refuse();
            } else if self.connection.wants().application == Some(Turn::Respond) {
                self.respond(StatusCode::OK, Content::Empty);
            }
            self.shut();
        }
    }

    /// The peer closes its side.
    pub fn eof(&mut self) -> &mut Self {
        let seen = match self.connection.receive_eof(self.now, Eof::Clean) {
            Err(error) => Some(Seen::Error(error.kind, error.offset)),
            Ok(received) => match received.outcome {
                Outcome::Event(event) => Some(owned(&event)),
                Outcome::NeedMore | Outcome::Paused(_) => None,
            },
        };
        if let Some(seen) = seen {
            self.record(seen);
        }
        if self.answers {
            self.shut();
        }
        self
    }

    /// Writes a head without fields.
    pub fn respond(&mut self, status: StatusCode, content: Content) -> &mut Self {
        self.respond_with(status, NO_FIELDS, content)
    }

    pub fn respond_with(&mut self, status: StatusCode, fields: impl Fields, content: Content) -> &mut Self {
        let sent = self.try_respond(status, fields, content);
        assert!(sent.is_ok(), "{sent:?}");
        self
    }

    /// Tries to write a head.
    pub fn try_respond(
        &mut self,
        status: StatusCode,
        fields: impl Fields,
        content: Content,
    ) -> Result<usize, SendError> {
        let mut out = vec![0; 8192].into_boxed_slice();
        let sent = self.connection.send_response(self.now, status, fields, content, &mut out)?;
        self.sent(&out[..sent]);
        Ok(sent)
    }

    /// Hands a head without fields out, and nothing of it leaves: its octets.
    pub fn hand_out_head(&mut self, content: Content) -> u64 {
        let mut out = [0; 300];
        let head = self.connection.send_response(self.now, StatusCode::OK, NO_FIELDS, content, &mut out);
        head.expect("it is due") as u64
    }

    /// Hands a response of so much content out, and nothing of it leaves: all its octets.
    pub fn hand_out(&mut self, octets: usize) -> u64 {
        let head = self.hand_out_head(Content::Exact(octets as u64));
        let (content, mut out) = (vec![b'x'; octets], vec![0; octets].into_boxed_slice());
        self.connection.send_content(self.now, &content, &mut out).expect("it fits");
        head + octets as u64
    }

    /// Tries to write an interim response.
    pub fn try_interim(&mut self, status: StatusCode, fields: impl Fields) -> Result<usize, SendError> {
        let mut out = vec![0; 8192].into_boxed_slice();
        let sent = self.connection.send_interim(self.now, status, fields, &mut out)?;
        self.sent(&out[..sent]);
        Ok(sent)
    }

    /// Writes content, whole.
    pub fn content(&mut self, content: &str) -> &mut Self {
        let content = octets(content);
        let mut out = vec![0; content.len() + 64].into_boxed_slice();
        let written = self.connection.send_content(self.now, &content, &mut out).expect("content may be sent");
        assert_eq!(written.consumed, content.len());
        self.sent(&out[..written.written]);
        self
    }

    /// Ends the response.
    pub fn end(&mut self, trailers: impl Fields) -> &mut Self {
        let mut out = vec![0; 8192].into_boxed_slice();
        let sent = self.connection.send_end(self.now, trailers, &mut out).expect("the message may end");
        self.sent(&out[..sent]);
        self
    }

    /// Writes the refusal that is due.
    pub fn refuse(&mut self) -> &mut Self {
        let mut out = vec![0; 8192].into_boxed_slice();
        let sent = self.connection.send_refusal(self.now, NO_FIELDS, &mut out).expect("a refusal is due");
        self.sent(&out[..sent]);
        self
    }

    fn sent(&mut self, octets: &[u8]) {
        self.out.extend_from_slice(octets);
        self.connection.handle_sent(self.now, octets.len() as u64);
    }

    /// Shuts the transport as far as that is asked for now.
    pub fn shut(&mut self) -> &mut Self {
        if self.connection.wants().shut.is_some() {
            self.connection.handle_shut(self.now);
        }
        self
    }

    /// The requests seen.
    pub fn requests(&self) -> Vec<&Request> {
        let requests =
            self.seen.iter().map(|seen| if let Seen::Request(request) = seen { Some(request) } else { None });
        requests.flatten().collect()
    }

    /// The only request seen.
    #[track_caller]
    pub fn request(&self) -> &Request {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{:#?}", self.seen);
        requests[0]
    }

    /// The content seen, in all.
    pub fn received(&self) -> String {
        self.seen.iter().map(|seen| if let Seen::Content(content) = seen { content.as_str() } else { "" }).collect()
    }

    /// The responses written, none of them to HEAD.
    pub fn responses(&self) -> Vec<Response> {
        read_responses(&self.out, &[])
    }

    /// The last response written.
    #[track_caller]
    pub fn response(&self) -> Response {
        self.responses().pop().unwrap_or_else(|| panic!("no response after {:#?}", self.seen))
    }
}

fn owned(event: &Event<'_>) -> Seen {
    match event {
        Event::Request(head) => Seen::Request(Request {
            method: shown(head.method.as_bytes()),
            target: shown(head.target.as_bytes()),
            minor: head.version.minor,
            fields: pairs(&head.fields),
            length: head.framing.length,
            rule: head.framing.rule,
            authority: head.authority().map(shown),
            expects_continue: head.expects_continue(),
            offers_upgrade: head.offers_upgrade(),
        }),
        Event::Content(content) => Seen::Content(shown(content)),
        Event::End { trailers } => Seen::End(pairs(trailers)),
        Event::Tunnel(reason) => Seen::Tunnel(*reason),
        Event::PeerClosed => Seen::PeerClosed,
        other => panic!("not a server's event: {other:?}"),
    }
}

/// A response as a naive client reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub line: String,
    pub fields: Pairs,
    pub content: Vec<u8>,
    pub trailers: Pairs,
    /// Octets of the whole message.
    pub octets: usize,
}

impl Response {
    /// The values of the lines of this name, joined.
    pub fn field(&self, name: &str) -> Option<String> {
        let of_name: Vec<_> = self.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).collect();
        let joined = of_name.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(", ");
        if of_name.is_empty() { None } else { Some(joined) }
    }

    /// Does `Connection` have this option?
    pub fn has_option(&self, option: &str) -> bool {
        self.field("connection").is_some_and(|value| value.split(", ").any(|o| o == option))
    }
}

/// The responses in `out`; `to_head` says of each final one whether it answers a HEAD.
#[track_caller]
pub fn read_responses(mut out: &[u8], to_head: &[bool]) -> Vec<Response> {
    let mut responses: Vec<Response> = Vec::new();
    let mut to_head = to_head.iter();
    while !out.is_empty() {
        let (line, fields, mut rest) = read_lines(out, true);
        let status: u16 = line.get(9..12).and_then(|digits| digits.parse().ok()).expect("a status line");
        let mut response = Response { status, line, fields, content: Vec::new(), trailers: Vec::new(), octets: 0 };
        let answers_head = (status >= 200 || status == 101) && to_head.next() == Some(&true);
        if answers_head || status < 200 || status == 204 || status == 304 {
            // it ends with its head
        } else if response.field("transfer-encoding").is_some() {
            loop {
                let end = rest.windows(2).position(|two| two == b"\r\n").expect("a chunk line");
                let size = std::str::from_utf8(&rest[..end]).ok().and_then(|hex| usize::from_str_radix(hex, 16).ok());
                rest = &rest[end + 2..];
                match size.expect("a chunk size") {
                    0 => break,
                    size => {
                        response.content.extend_from_slice(&rest[..size]);
                        assert_eq!(&rest[size..size + 2], b"\r\n");
                        rest = &rest[size + 2..];
                    }
                }
            }
            let (_, trailers, behind) = read_lines(rest, false);
            response.trailers = trailers;
            rest = behind;
        } else if let Some(length) = response.field("content-length") {
            let length = length.parse::<usize>().expect("a length").min(rest.len());
            response.content.extend_from_slice(&rest[..length]);
            rest = &rest[length..];
        } else {
            response.content.extend_from_slice(rest);
            rest = b"";
        }
        response.octets = out.len() - rest.len();
        responses.push(response);
        out = rest;
        if status == 101 {
            break;
        }
    }
    responses
}

#[track_caller]
fn read_lines(mut octets: &[u8], has_start_line: bool) -> (String, Pairs, &[u8]) {
    let mut lines = Vec::new();
    loop {
        let end = octets.windows(2).position(|two| two == b"\r\n").expect("a line ends in CRLF");
        let line = &octets[..end];
        octets = &octets[end + 2..];
        if line.is_empty() {
            break;
        }
        lines.push(shown(line));
    }
    let start = if has_start_line { lines.remove(0) } else { String::new() };
    let pair = |line: &String| {
        let (name, value) = line.split_once(": ").expect("one colon, one space");
        (name.to_string(), value.to_string())
    };
    (start, lines.iter().map(pair).collect(), octets)
}

/// Octets are refused, whole and one by one: with this kind, at the mark if there is one; with this status and `close`; and
/// nothing behind is read as HTTP.
#[track_caller]
pub fn assert_refused(config: &Config<Server>, input: &str, kind: ProtocolErrorKind, status: u16) {
    for whole in [true, false] {
        let mut driver = Driver::new(config);
        driver.answers = true;
        if whole {
            driver.feed(input)
        } else {
            driver.dribble(&octets(input))
        };
        let Some(&Seen::Error(seen, offset)) = driver.seen.last() else {
            panic!("{input:?} (whole: {whole}) was not refused: {:#?}", driver.seen)
        };
        assert_eq!(seen, kind, "{input:?}, whole: {whole}");
        if let Some(mark) = mark(input) {
            assert_eq!(offset, mark, "offset of {kind:?} in {input:?}, whole: {whole}");
        }
        let response = driver.response();
        assert_eq!(response.status, status, "{input:?}");
        assert!(response.has_option("close"), "{input:?}: {response:?}");
        assert!(!response.has_option("keep-alive"), "{input:?}: {response:?}");
        assert_eq!(driver.connection.error().map(|error| (error.kind, error.offset)), Some((seen, offset)));
        assert_eq!(driver.connection.wants().read, ReadWant::Discard, "{input:?}");

        let (events, written) = (driver.seen.len(), driver.out.len());
        driver.feed("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!((driver.seen.len(), driver.out.len()), (events, written), "nothing is read behind {input:?}");
        assert!(driver.buffer.is_empty());
        driver.eof();
        assert!(driver.connection.lifecycle().is_closed(), "{input:?}: {:?}", driver.connection.wants());
        assert!(driver.seen[events..].iter().all(|seen| *seen == Seen::PeerClosed), "{:#?}", driver.seen);
    }
}

/// As [`assert_refused`], row by row.
#[track_caller]
pub fn assert_all_refused(config: &Config<Server>, rows: &[(&str, ProtocolErrorKind, u16)]) {
    for (input, kind, status) in rows {
        assert_refused(config, input, *kind, *status);
    }
}

/// Octets are accepted, whole and one by one alike, and every request in them is answered with an empty 200.
#[track_caller]
pub fn accept(config: &Config<Server>, input: &str) -> Driver {
    let mut driver = Driver::answering(config);
    driver.feed(input);
    let refused = driver.seen.iter().any(|seen| matches!(seen, Seen::Error(..)));
    assert!(!refused, "{input:?} was refused: {:#?}", driver.seen);
    let mut slow = Driver::answering(config);
    slow.dribble(&octets(input));
    assert_eq!(driver.seen, slow.seen, "{input:?} whole and octet by octet");
    driver
}

/// As [`accept`], for one request and nothing behind it: that request.
#[track_caller]
pub fn accept_one(config: &Config<Server>, input: &str) -> Request {
    let driver = accept(config, input);
    assert!(driver.buffer.is_empty(), "{input:?} left {:?}", shown(&driver.buffer));
    let last = driver.seen.iter().rev().find(|seen| !matches!(seen, Seen::Tunnel(_)));
    assert!(matches!(last, Some(Seen::End(_))), "{input:?}: {:#?}", driver.seen);
    driver.request().clone()
}

/// A request head and its facts, read without a connection: of how many octets it is.
pub fn parse_request<'a>(
    octets: &'a [u8],
    limits: &Limits,
    policy: &Policy,
) -> Result<Option<(usize, RequestHead<'a>, HeadFacts)>, ProtocolError> {
    let mut head = RequestHead::new();
    let parsed = head.parse(octets, limits, policy)?;
    Ok(parsed.map(|(read, facts)| (read, head, facts)))
}

/// A response head, the answer to a request of `method`, and its facts: of how many octets it is.
pub fn parse_response<'a>(
    octets: &'a [u8],
    method: MethodKind,
    limits: &Limits,
    policy: &Policy,
) -> Result<Option<(usize, ResponseHead<'a>, HeadFacts)>, ProtocolError> {
    let mut head = ResponseHead::new();
    let parsed = head.parse(octets, method, limits, policy)?;
    Ok(parsed.map(|(read, facts)| (read, head, facts)))
}
