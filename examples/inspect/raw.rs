//! Raw mode: everything the peer sends is there at once, and every request is answered at once.

use http_keepalive::{
    Config, Connection, Content, Eof, Event, Instant, NO_FIELDS, Outcome, PauseReason, ProtocolErrorKind, RequestHead,
    Server, StatusCode, Turn,
};
use serde_json::Value;

use crate::lines;

/// What a server makes of `input`, offered `split` octets more at a time.
pub fn serve(config: &Config<Server>, input: &[u8], split: usize, eof: bool) -> Vec<Value> {
    let mut driver = Driver {
        connection: Connection::new(NOW, config),
        lines: Vec::new(),
        consumed: 0,
        complete: 0,
        answer: StatusCode::OK,
        protocol: None,
        tunnel: false,
    };
    let mut offered = 0;
    while offered < input.len() {
        offered = offered.saturating_add(split).min(input.len());
        driver.offer(&input[..offered]);
    }
    if eof {
        driver.eof(input);
    }
    driver.finish(input)
}

const NOW: Instant = Instant::EPOCH;

struct Driver<'c> {
    connection: Connection<Server, &'c Config<Server>>,
    lines: Vec<Value>,
    /// Octets consumed of the input.
    consumed: usize,
    /// Octets up to the end of the last complete message.
    complete: u64,
    /// How the request being read is to be answered.
    answer: StatusCode,
    protocol: Option<Vec<u8>>,
    tunnel: bool,
}

impl Driver<'_> {
    fn offer(&mut self, input: &[u8]) {
        loop {
            let received = match self.connection.receive(NOW, &input[self.consumed..]) {
                Ok(received) => received,
                Err(error) => {
                    self.lines.push(lines::error(&error));
                    self.consumed = input.len();
                    return self.refuse();
                }
            };
            self.consumed += received.consumed;
            match received.outcome {
                Outcome::Event(event) => self.event(&event),
                Outcome::Paused(PauseReason::ContinueDue) => self.proceed(),
                Outcome::NeedMore | Outcome::Paused(_) => return,
            }
        }
    }

    fn event(&mut self, event: &Event<'_>) {
        if let Event::Request(head) = event {
            self.choose(head);
        }
        self.lines.extend(lines::event(event, self.connection.persistence(), self.connection.offset()));
        if let Event::End { .. } = event {
            self.complete = self.connection.offset();
            self.respond();
        }
    }

    fn choose(&mut self, head: &RequestHead<'_>) {
        self.protocol = None;
        self.answer = StatusCode::OK;
        if head.offers_upgrade() {
            self.answer = StatusCode::SWITCHING_PROTOCOLS;
            let offers: Vec<u8> = head.fields.values("upgrade").flat_map(|value| value.octets().chain(*b",")).collect();
            let first = offers.split(|&b| b == b',').map(<[u8]>::trim_ascii);
            self.protocol =
                first.filter(|protocol| !protocol.is_empty() && *protocol != b"h2c").map(<[u8]>::to_vec).next();
        }
    }

    fn respond(&mut self) {
        let mut out = [0; 1024];
        let upgrade = self.protocol.take().map(|protocol| ("Upgrade", protocol));
        let sent = self.connection.send_response(NOW, self.answer, upgrade, Content::Empty, &mut out);
        self.written(&out, sent);
        if let Outcome::Paused(PauseReason::Tunnel) = self.look() {
            self.tunnel = true;
            if let http_keepalive::Persistence::Tunnel(reason) = self.connection.persistence() {
                self.lines.extend(lines::event(
                    &Event::Tunnel(reason),
                    self.connection.persistence(),
                    self.connection.offset(),
                ));
            }
        }
    }

    fn look(&mut self) -> Outcome<'static> {
        match self.connection.receive(NOW, b"") {
            Ok(received) => received.outcome,
            Err(_) => Outcome::NeedMore,
        }
    }

    fn proceed(&mut self) {
        let mut out = [0; 64];
        let sent = self.connection.send_continue(NOW, &mut out);
        self.written(&out, sent);
    }

    fn refuse(&mut self) {
        if let Some(Turn::Refuse(_)) = self.connection.wants().application {
            let mut out = [0; 1024];
            let sent = self.connection.send_refusal(NOW, NO_FIELDS, &mut out);
            self.written(&out, sent);
        }
    }

    fn written(&mut self, out: &[u8], sent: Result<usize, http_keepalive::SendError>) {
        let octets = sent.expect("the response is the machine's to allow, and the buffer is long enough");
        self.lines.push(lines::write(&out[..octets]));
        self.connection.handle_sent(NOW, octets as u64);
        if self.connection.wants().shut.is_some() {
            self.connection.handle_shut(NOW);
        }
    }

    fn eof(&mut self, input: &[u8]) {
        self.offer(input);
        if self.tunnel || self.connection.error().is_some() {
            return;
        }
        match self.connection.receive_eof(NOW, Eof::Clean) {
            Err(error) => self.lines.push(lines::error(&error)),
            Ok(_) => {
                if self.connection.wants().shut.is_some() {
                    self.connection.handle_shut(NOW);
                }
            }
        }
    }

    fn finish(mut self, input: &[u8]) -> Vec<Value> {
        let state = match self.connection.error().map(|error| error.kind) {
            Some(ProtocolErrorKind::IncompleteHead | ProtocolErrorKind::IncompleteContent) => "truncated",
            Some(_) => "error",
            None if self.tunnel => "upgrade",
            None if !matches!(self.connection.persistence(), http_keepalive::Persistence::Close(_)) => {
                let rest = &input[self.consumed..];
                if self.connection.lifecycle().is_idle() && rest.iter().all(|&b| b == b'\r') {
                    "idle"
                } else {
                    "need-more"
                }
            }
            None if self.connection.wants().application.is_none() => "closed",
            None => "need-more",
        };
        self.lines.push(lines::state(state, self.complete));
        self.lines
    }
}
