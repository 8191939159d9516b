//! Raw mode: everything the peer sends is there at once, and every request is answered at once.

use http_keepalive::{
    Config, Connection, Content, Eof, Event, Instant, MethodKind, NO_FIELDS, Outcome, PauseReason, Persistence,
    Received, RequestHead, SendError, Server, StatusCode, Turn,
};
use serde_json::Value;

use super::lines;

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
        match event {
            Event::End { .. } => {
                self.complete = self.connection.offset();
                self.respond();
            }
            Event::Tunnel(_) => self.tunnel = true,
            _ => {}
        }
    }

    fn choose(&mut self, head: &RequestHead<'_>) {
        self.protocol =
            head.upgrade_offers().next().filter(|_| head.method.kind() != MethodKind::Connect).map(<[u8]>::to_vec);
        self.answer = if self.protocol.is_some() { StatusCode::SWITCHING_PROTOCOLS } else { StatusCode::OK };
    }

    fn respond(&mut self) {
        let (answer, upgrade) = (self.answer, self.protocol.take().map(|protocol| ("Upgrade", protocol)));
        self.write(|connection, out| {
            let upgrade = upgrade.iter().map(|(name, protocol)| (*name, protocol.as_slice()));
            connection.send_response(NOW, answer, upgrade, Content::Empty, out)
        });
    }

    fn proceed(&mut self) {
        self.write(|connection, out| connection.send_continue(NOW, out));
    }

    fn refuse(&mut self) {
        if let Some(Turn::Refuse(_)) = self.connection.wants().application {
            self.write(|connection, out| connection.send_refusal(NOW, NO_FIELDS, out));
        }
    }

    /// Writes a piece into as much room as it needs, and has all of it leave at once.
    fn write(
        &mut self,
        send: impl Fn(&mut Connection<Server, &Config<Server>>, &mut [u8]) -> Result<usize, SendError>,
    ) {
        let mut out = vec![0; 256];
        let octets = loop {
            match send(&mut self.connection, &mut out) {
                Ok(octets) => break octets,
                Err(SendError::OutputTooSmall { needed }) => out.resize(needed, 0),
                Err(error) => unreachable!("what is sent is what was asked for: {error}"),
            }
        };
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
            Ok(Received { outcome: Outcome::Paused(_), .. }) => self.offer(input),
            Ok(_) => {
                if self.connection.wants().shut.is_some() {
                    self.connection.handle_shut(NOW);
                }
            }
        }
    }

    fn finish(mut self, input: &[u8]) -> Vec<Value> {
        let state = match self.connection.error().map(|error| error.kind) {
            Some(kind) if kind.is_incomplete() => "truncated",
            Some(_) => "error",
            None if self.tunnel => "upgrade",
            None if !matches!(self.connection.persistence(), Persistence::Close(_)) => {
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
