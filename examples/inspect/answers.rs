//! Raw mode of a client: the requests named have been sent, and everything the peer sends is there at once.

use http_keepalive::{
    Client, Config, Connection, Content, Eof, Event, Instant, Method, Outcome, Persistence, Received, Request,
};
use serde_json::Value;

use super::lines;
use super::settings::DEPTH;

/// A request that has been sent.
#[derive(Clone)]
pub struct Asked {
    method: String,
    protocol: Option<String>,
}

pub fn parse_asked(text: &str) -> Result<Asked, String> {
    let (method, protocol) = match text.split_once(',') {
        None => (text, None),
        Some((method, option)) => {
            let protocol = option.strip_prefix("upgrade=").ok_or("expected METHOD[,upgrade=TOKEN]")?;
            (method, Some(protocol.to_owned()))
        }
    };
    Ok(Asked { method: method.to_owned(), protocol })
}

const NOW: Instant = Instant::EPOCH;

struct Driver<'c> {
    connection: Connection<Client<DEPTH>, &'c Config<Client<DEPTH>>>,
    /// Those not sent yet: what is outstanding forbids it.
    requests: std::collections::VecDeque<Asked>,
    lines: Vec<Value>,
    consumed: usize,
    /// Octets up to the end of the last complete message.
    complete: u64,
}

/// What a client makes of `input`, offered `split` octets more at a time.
pub fn read(
    config: &Config<Client<DEPTH>>,
    requests: &[Asked],
    input: &[u8],
    split: usize,
    eof: bool,
) -> Result<Vec<Value>, String> {
    let mut requests: std::collections::VecDeque<Asked> = requests.iter().cloned().collect();
    if requests.is_empty() {
        requests.push_back(Asked { method: "GET".into(), protocol: None });
    }
    let mut driver =
        Driver { connection: Connection::new(NOW, config), requests, lines: Vec::new(), consumed: 0, complete: 0 };
    driver.connection.knows_http11();
    driver.send()?;
    let mut offered = 0;
    while offered < input.len() {
        offered = offered.saturating_add(split).min(input.len());
        driver.offer(&input[..offered])?;
    }
    if eof {
        driver.eof(input)?;
    }
    Ok(driver.finish())
}

impl Driver<'_> {
    /// Sends as many of the requests as may be outstanding together.
    fn send(&mut self) -> Result<(), String> {
        while let Some(asked) = self.requests.front() {
            let (target, host) = match asked.method.as_str() {
                "CONNECT" => ("localhost:80", "localhost:80"),
                _ => ("/", "localhost"),
            };
            let request = Request::new(Method::new(asked.method.as_bytes()), target.as_bytes());
            let upgrade = asked.protocol.iter().map(|protocol| ("Upgrade", protocol.as_str()));
            let fields = [("Host", host)].into_iter().chain(upgrade);
            let mut out = [0; 1024];
            match self.connection.send_request(NOW, &request, fields, Content::Empty, &mut out) {
                Ok(octets) => self.connection.handle_sent(NOW, octets as u64),
                Err(_) if self.connection.lifecycle().requests() > 0 => return Ok(()),
                Err(error) => return Err(format!("--request {}: {error}", asked.method)),
            }
            self.requests.pop_front();
        }
        Ok(())
    }

    fn offer(&mut self, input: &[u8]) -> Result<(), String> {
        loop {
            let received = match self.connection.receive(NOW, &input[self.consumed..]) {
                Ok(received) => received,
                Err(error) => {
                    self.lines.push(lines::error(&error));
                    self.consumed = input.len();
                    return Ok(());
                }
            };
            self.consumed += received.consumed;
            match received.outcome {
                Outcome::Event(event) => self.event(&event)?,
                Outcome::NeedMore | Outcome::Paused(_) => return Ok(()),
            }
        }
    }

    fn event(&mut self, event: &Event<'_>) -> Result<(), String> {
        let (persistence, offset) = (self.connection.persistence(), self.connection.offset());
        self.lines.extend(lines::event(event, persistence, offset));
        match event {
            Event::Interim(_) | Event::Tunnel(_) => self.complete = offset,
            Event::End { .. } => {
                self.complete = offset;
                self.send()?;
            }
            _ => {}
        }
        Ok(())
    }

    fn eof(&mut self, input: &[u8]) -> Result<(), String> {
        self.offer(input)?;
        if self.connection.error().is_some() || matches!(self.connection.persistence(), Persistence::Tunnel(_)) {
            return Ok(());
        }
        match self.connection.receive_eof(NOW, Eof::Clean) {
            Err(error) => self.lines.push(lines::error(&error)),
            Ok(Received { outcome: Outcome::Event(event), .. }) => self.event(&event)?,
            Ok(_) => self.offer(input)?,
        }
        Ok(())
    }

    fn finish(mut self) -> Vec<Value> {
        let lifecycle = self.connection.lifecycle();
        let unanswered: Vec<_> = self.connection.unanswered().collect();
        let state = match self.connection.error().map(|error| error.kind) {
            Some(kind) if kind.is_incomplete() => "truncated",
            Some(_) => "error",
            None if matches!(self.connection.persistence(), Persistence::Tunnel(_)) => "upgrade",
            None if lifecycle.has_ended()
                && lifecycle.peer_closed()
                && !(unanswered.is_empty() && self.requests.is_empty()) =>
            {
                "truncated"
            }
            None if lifecycle.has_ended() => "closed",
            None if lifecycle.is_reading() => "need-more",
            None => "idle",
        };
        if lifecycle.has_ended() {
            self.lines.extend(unanswered.iter().map(lines::retry));
        }
        self.lines.push(lines::state(state, self.complete));
        self.lines
    }
}
