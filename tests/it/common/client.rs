//! A driver for tests of a client: requests, octets and virtual time in, owned records and written octets out.

use super::Passes;
use std::sync::Arc;
use std::time::Duration;

use http_keepalive::retry::{Advice, RetryReason};
use http_keepalive::{
    BodyLength, Client, CloseReason, Config, Connection, Content, Deadline, DeadlineKind, Eof, Event, Fields,
    FramingRule, Instant, Limits, Method, NO_FIELDS, Outcome, PauseReason, Persistence, Policy, ProtocolErrorKind,
    Request, ResponseHead, SendError, Shut, Timeouts, TunnelReason,
};

use super::{Pairs, lies_where_it_is_said, octets, pairs, shown};

/// A client of up to four outstanding requests.
pub type Four = Client<4>;

/// The configuration by default.
pub const DEFAULT: Config<Four> = Config::DEFAULT;

/// What every request of an origin's says.
pub const HOST: [(&str, &str); 1] = [("Host", "a")];

/// A configuration that differs from the defaults in its policy.
pub fn with_policy(policy: Policy) -> Config<Four> {
    Config::new(Limits::DEFAULT, Timeouts::DEFAULT, policy).expect("within bounds")
}

/// A configuration that differs from the defaults in its limits.
pub fn with_limits(limits: Limits) -> Config<Four> {
    Config::new(limits, Timeouts::DEFAULT, Policy::DEFAULT).expect("within bounds")
}

/// A configuration that differs from the defaults in its timeouts.
pub fn with_timeouts(timeouts: Timeouts) -> Config<Four> {
    Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds")
}

/// Nothing times out, but for what a test switches on.
pub fn no_timeouts() -> Timeouts {
    Timeouts::DEFAULT
        .with_idle(None)
        .with_idle_advertised(None)
        .with_head(None)
        .with_content_gap(None)
        .with_content_rate(None)
        .with_response(None)
        .with_write_stall(None)
        .with_exchange(None)
        .with_half_closed(None)
        .with_expect(None)
        .with_drain(None)
        .with_age(None)
}

/// A request of this method to the target it usually has.
pub fn request(method: &'static str) -> Request<'static> {
    let target: &[u8] = if method == "CONNECT" { b"a:80" } else { b"/" };
    Request::new(Method::new(method.as_bytes()), target)
}

/// What such a request says of its host (RFC 9112 3.2).
pub fn host(method: &str) -> [(&'static str, &'static str); 1] {
    if method == "CONNECT" { [("Host", "a:80")] } else { HOST }
}

/// A response of this status line's end and these field lines, without content.
pub fn answer(status: &str, fields: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{fields}\r\n")
}

/// `200` with this content.
pub fn ok(content: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{content}", content.len())
}

/// What a connection reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Interim(Answer),
    Response(Answer),
    /// Adjacent pieces together.
    Content(String),
    End(Pairs),
    Tunnel(TunnelReason),
    PeerClosed,
    Error(ProtocolErrorKind, u64),
}

/// A response head, owned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub reason: String,
    pub minor: u8,
    pub fields: Pairs,
    pub length: BodyLength,
    pub rule: FramingRule,
}

impl From<&ResponseHead<'_>> for Answer {
    fn from(head: &ResponseHead<'_>) -> Self {
        Self {
            status: head.status.as_u16(),
            reason: shown(head.reason),
            minor: head.version.minor,
            fields: pairs(&head.fields),
            length: head.framing.length,
            rule: head.framing.rule,
        }
    }
}

/// A connection with what surrounds it.
pub struct Asker {
    pub connection: Connection<Four, Arc<Config<Four>>>,
    pub now: Instant,
    /// Octets received and not consumed.
    pub buffer: Vec<u8>,
    pub said: Vec<Said>,
    /// Octets written.
    pub out: Vec<u8>,
    pub paused: Option<PauseReason>,
    /// Whether what is written leaves in the same instant.
    pub leaves: bool,
}

impl Asker {
    /// With this configuration, of a peer of which nothing is known.
    pub fn new(config: &Config<Four>) -> Self {
        Self {
            connection: Connection::new(Instant::from_secs(100), Arc::new(config.clone())),
            now: Instant::from_secs(100),
            buffer: Vec::new(),
            said: Vec::new(),
            out: Vec::new(),
            paused: None,
            leaves: true,
        }
    }

    /// With this configuration, of a peer known to speak HTTP/1.1.
    pub fn knowing(config: &Config<Four>) -> Self {
        let mut asker = Self::new(config);
        asker.connection.knows_http11();
        asker
    }

    /// By the defaults, a request of this method sent.
    pub fn asking(method: &'static str) -> Self {
        let mut asker = Self::new(&DEFAULT);
        asker.ask(method);
        asker
    }

    /// Time passes.
    pub fn wait(&mut self, time: Duration) -> &mut Self {
        self.now = self.now + time;
        self
    }

    /// Tries to send a request's head: its octets as text.
    pub fn try_ask(
        &mut self,
        request: &Request<'_>,
        fields: impl Fields,
        content: Content,
    ) -> Result<String, SendError> {
        let mut out = vec![0; 8192].into_boxed_slice();
        let sent = self.connection.send_request(self.now, request, fields, content, &mut out)?;
        self.sent(&out[..sent]);
        Ok(shown(&out[..sent]).replace("\\r\\n", "\r\n"))
    }

    /// Sends a request without content.
    #[track_caller]
    pub fn ask(&mut self, method: &'static str) -> &mut Self {
        self.ask_with(method, NO_FIELDS, Content::Empty);
        self
    }

    /// Sends a request's head: its octets as text.
    #[track_caller]
    pub fn ask_with<const N: usize>(
        &mut self,
        method: &'static str,
        fields: [(&str, &str); N],
        content: Content,
    ) -> String {
        let sent = self.try_ask(&request(method), host(method).into_iter().chain(fields), content);
        sent.unwrap_or_else(|error| panic!("{method} may be sent: {error}"))
    }

    /// Writes content, whole.
    #[track_caller]
    pub fn content(&mut self, content: &str) -> &mut Self {
        let mut out = vec![0; content.len() + 64].into_boxed_slice();
        let written = self.connection.send_content(self.now, content.as_bytes(), &mut out).expect("it may be sent");
        assert_eq!(written.consumed, content.len());
        self.sent(&out[..written.written]);
        self
    }

    /// Ends the request.
    #[track_caller]
    pub fn end(&mut self, trailers: impl Fields) -> &mut Self {
        let mut out = vec![0; 1024].into_boxed_slice();
        let sent = self.connection.send_end(self.now, trailers, &mut out).expect("the message may end");
        self.sent(&out[..sent]);
        self
    }

    fn sent(&mut self, octets: &[u8]) {
        self.out.extend_from_slice(octets);
        if self.leaves {
            self.connection.handle_sent(self.now, octets.len() as u64);
        }
    }

    /// So many of the octets written leave.
    pub fn left(&mut self, octets: u64) -> &mut Self {
        self.connection.handle_sent(self.now, octets);
        self
    }

    /// What was written since the last call, as text.
    pub fn written(&mut self) -> String {
        shown(&std::mem::take(&mut self.out)).replace("\\r\\n", "\r\n")
    }

    /// Octets arrive.
    pub fn feed(&mut self, text: &str) -> &mut Self {
        self.feed_octets(&octets(text))
    }

    pub fn feed_octets(&mut self, octets: &[u8]) -> &mut Self {
        self.buffer.extend_from_slice(octets);
        self.pump()
    }

    /// Octets arrive one by one.
    pub fn dribble(&mut self, text: &str) -> &mut Self {
        octets(text).iter().for_each(|octet| {
            self.feed_octets(&[*octet]);
        });
        self
    }

    /// Offers what is unread, until more of it would be needed or something else is.
    pub fn pump(&mut self) -> &mut Self {
        loop {
            let (consumed, said) = match self.connection.receive(self.now, &self.buffer) {
                Err(error) => (0, Some(Said::Error(error.kind, error.offset))),
                Ok(received) => {
                    assert!(received.consumed <= self.buffer.len());
                    lies_where_it_is_said(&received, &self.buffer);
                    self.paused = if let Outcome::Paused(reason) = received.outcome { Some(reason) } else { None };
                    let said = if let Outcome::Event(event) = &received.outcome { Some(owned(event)) } else { None };
                    (received.consumed, said)
                }
            };
            self.buffer.drain(..consumed);
            match said {
                Some(said) => self.record(said),
                None => return self,
            }
        }
    }

    fn record(&mut self, said: Said) {
        match (self.said.last_mut(), said) {
            (Some(Said::Content(before)), Said::Content(more)) => before.push_str(&more),
            (_, said) => self.said.push(said),
        }
    }

    /// The peer closes its side as it should.
    pub fn eof(&mut self) -> &mut Self {
        self.eof_as(Eof::Clean)
    }

    pub fn eof_as(&mut self, eof: Eof) -> &mut Self {
        match self.connection.receive_eof(self.now, eof) {
            Err(error) => self.record(Said::Error(error.kind, error.offset)),
            Ok(received) => match received.outcome {
                Outcome::Event(event) => self.record(owned(&event)),
                Outcome::Paused(PauseReason::OctetsLeft | PauseReason::ResponseDue) => drop(self.pump()),
                Outcome::NeedMore | Outcome::Paused(_) => {}
            },
        }
        self
    }

    /// The final responses' heads.
    pub fn answers(&self) -> Vec<&Answer> {
        self.said.iter().filter_map(|said| if let Said::Response(head) = said { Some(head) } else { None }).collect()
    }

    /// The only final response.
    #[track_caller]
    pub fn only_answer(&self) -> &Answer {
        let answers = self.answers();
        assert_eq!(answers.len(), 1, "{:#?}", self.said);
        answers[0]
    }

    /// The status of each final response, and its content.
    pub fn exchanges(&self) -> Vec<(u16, String)> {
        let mut exchanges = Vec::new();
        for said in &self.said {
            match (said, exchanges.last_mut()) {
                (Said::Response(head), _) => exchanges.push((head.status, String::new())),
                (Said::Content(content), Some((_, before))) => before.push_str(content),
                _ => {}
            }
        }
        exchanges
    }

    /// The error, if there was one: reported last.
    pub fn error(&self) -> Option<ProtocolErrorKind> {
        let error = if let Some(Said::Error(kind, _)) = self.said.last() { Some(*kind) } else { None };
        assert_eq!(self.connection.error().map(|error| error.kind), error, "{:#?}", self.said);
        error
    }

    /// The connection is to be closed, for this.
    #[track_caller]
    pub fn assert_closes(&self, reason: CloseReason) {
        assert_eq!(self.connection.wants().shut, Some(Shut::Close(reason)), "{:#?}", self.said);
        // the verdict on the messages before may have been another
        let drains = reason == CloseReason::DrainTimeout;
        let verdict = if drains { CloseReason::Drain } else { reason };
        assert_eq!(self.connection.persistence(), Persistence::Close(verdict));
        assert!(self.connection.lifecycle().has_ended());
    }

    /// What is left of the request is not wanted, for this: who sends it is told, and nothing moves.
    #[track_caller]
    pub fn assert_given_up(&mut self, reason: CloseReason) {
        let (before, mut out, ended) = (self.connection.clone(), [0; 64], SendError::Ended(reason));
        assert_eq!(self.connection.send_content(self.now, b"more", &mut out), Err(ended));
        assert_eq!(self.connection.frame_content(self.now, 4), Err(ended));
        assert_eq!(self.connection.send_end(self.now, NO_FIELDS, &mut out), Err(ended));
        assert_eq!(self.connection, before);
    }

    /// The connection waits for the next request.
    #[track_caller]
    pub fn assert_idle(&self) {
        assert!(self.connection.lifecycle().is_idle(), "{:?}, {:#?}", self.connection.wants(), self.said);
        assert_eq!(self.connection.wants().shut, None);
        assert!(matches!(self.connection.persistence(), Persistence::Reuse(_)), "{:?}", self.connection.persistence());
    }

    /// What is to be done with each unanswered request.
    pub fn verdicts(&self) -> Vec<(u32, Advice, RetryReason)> {
        let verdicts = self.connection.unanswered().map(|left| (left.request, left.verdict()));
        verdicts.map(|(request, verdict)| (request, verdict.advice, verdict.reason)).collect()
    }

    /// This is due so long from now, not a nanosecond before; then it expires, and nothing else stays due.
    #[track_caller]
    pub fn assert_due(&mut self, kind: DeadlineKind, after: Duration) -> &mut Self {
        let due = Deadline { at: self.now + after, kind };
        assert_eq!(self.connection.next_deadline(), Some(due));
        let before = Instant::from_nanos(due.at.as_nanos() - 1);
        assert_eq!(self.connection.expire(before), None, "nothing before its time");
        assert_eq!(self.connection.expire(due.at), Some(due));
        self.now = due.at;
        assert_eq!(self.connection.expire(due.at), None, "nothing stays due");
        assert!(self.connection.next_deadline().is_none_or(|next| next.at > due.at));
        self
    }
}

fn owned(event: &Event<'_>) -> Said {
    match event {
        Event::Interim(head) => Said::Interim(head.into()),
        Event::Response(head) => Said::Response(head.into()),
        Event::Content(content) => Said::Content(shown(content)),
        Event::End { trailers } => Said::End(pairs(trailers)),
        Event::Tunnel(reason) => Said::Tunnel(*reason),
        Event::PeerClosed => Said::PeerClosed,
        other => panic!("not a client's event: {other:?}"),
    }
}
