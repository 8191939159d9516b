//! Trace mode: facts and intents with their instants, a JSON object a line, replayed exactly.
//!
//! A driver that never waits: it knows what comes next. What is due before a line expires first; octets that arrive in the
//! instant of a deadline win. Nothing is said or sent but what the trace says, and what the machine itself must send.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_keepalive::{
    Client, Config, Connection, Content, Deadline, Eof, Event, Instant, Method, NO_FIELDS, Outcome, Persistence,
    ProtocolErrorKind, ReadWant, Request, Role, SendError, Server, Shut, StatusCode, Turn, Version,
};
use serde_json::{Map, Value, json};

use super::lines;
use super::settings::DEPTH;

/// One line of a trace.
pub struct Line {
    at: Instant,
    /// Of `sent`: taken by the transport, and not known to have left.
    unconfirmed: bool,
    fields: Map<String, Value>,
}

/// The lines of a trace, or what is wrong with the first that is wrong.
pub fn parse(text: &str) -> Result<Vec<Line>, String> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(number, line)| line_of(line).map_err(|why| format!("trace line {}: {why}", number + 1))).collect()
}

const KNOWN: [&str; 10] =
    ["receive_b64", "receive", "eof", "respond", "interim", "request", "send", "send_end", "sent", "drain"];

fn line_of(line: &str) -> Result<Line, String> {
    let value: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let Value::Object(mut fields) = value else { return Err("not an object".into()) };
    let at = fields.remove("at").and_then(|at| at.as_f64()).filter(|&at| at >= 0.0).ok_or("no `at` in seconds")?;
    let unconfirmed = match fields.remove("unconfirmed") {
        None => false,
        Some(Value::Bool(unconfirmed)) if fields.contains_key("sent") => unconfirmed,
        Some(value) => return Err(format!("unconfirmed: expected true or false beside sent, not {value}")),
    };
    if let Some(other) = fields.keys().find(|key| !KNOWN.contains(&key.as_str())) {
        return Err(format!("no such fact or intent: {other}"));
    }
    if fields.len() > 1 {
        return Err("more than one fact or intent".into());
    }
    Ok(Line { at: Instant::from_nanos((at * 1e9).round() as u64), unconfirmed, fields })
}

/// What only one role can be told.
pub trait Intents: Role + Sized {
    fn intend(driver: &mut Driver<'_, Self>, name: &str, value: &Value) -> Result<bool, String>;
    fn refuse(driver: &mut Driver<'_, Self>) -> bool;
    /// Gives the word that nothing of what waits has left.
    fn nothing_left(driver: &mut Driver<'_, Self>);
    /// What a connection that has ended leaves.
    fn leftovers(driver: &Driver<'_, Self>) -> Vec<Value>;
    fn broke_off(driver: &Driver<'_, Self>) -> bool;
    fn is_idle(driver: &Driver<'_, Self>) -> bool;
}

pub struct Driver<'c, R: Role> {
    connection: Connection<R, &'c Config<R>>,
    lines: Vec<Value>,
    now: Instant,
    /// Received and not consumed.
    input: Vec<u8>,
    /// The trace says what leaves; else everything does, at once.
    says_sent: bool,
    /// Handed out, and not known to have left.
    output: u64,
    /// Of these, taken by the transport.
    unconfirmed: u64,
    /// Content that waits until it may be sent.
    held: VecDeque<Vec<u8>>,
    announced: Option<Deadline>,
    any_announced: bool,
    action: Option<&'static str>,
    tunnel: bool,
    /// Octets up to the end of the last complete message.
    complete: u64,
}

/// What the connection makes of a trace.
pub fn run<R: Intents>(config: &Config<R>, trace: &[Line]) -> Result<Vec<Value>, String> {
    let mut driver = Driver {
        connection: Connection::new(Instant::EPOCH, config),
        lines: Vec::new(),
        now: Instant::EPOCH,
        input: Vec::new(),
        says_sent: trace.iter().any(|line| line.fields.contains_key("sent")),
        output: 0,
        unconfirmed: 0,
        held: VecDeque::new(),
        announced: None,
        any_announced: false,
        action: None,
        tunnel: false,
        complete: 0,
    };
    driver.announce();
    for line in trace {
        let arrives = line.fields.keys().any(|key| key.starts_with("receive"));
        let at = line.at.max(driver.now);
        driver.expire(|due| due < at || (due == at && !arrives));
        driver.now = at;
        match line.fields.iter().next() {
            Some((_, value)) if line.unconfirmed => driver.unconfirmed += octets(value)?.min(driver.output),
            Some((name, value)) => driver.apply(name, value)?,
            None => {}
        }
        driver.settle();
        driver.announce();
        driver.expire(|due| due <= at);
    }
    driver.finish();
    Ok(driver.lines)
}

impl<R: Intents> Driver<'_, R> {
    fn say(&mut self, mut line: Value) {
        line["at"] = seconds(self.now);
        self.lines.push(line);
    }

    /// Lets everything expire whose instant `is_due`, each at its own.
    fn expire(&mut self, is_due: impl Fn(Instant) -> bool) {
        while let Some(deadline) = self.connection.next_deadline().filter(|deadline| is_due(deadline.at)) {
            self.now = self.now.max(deadline.at);
            self.say_what_left();
            let Some(expired) = self.connection.handle_timeout(self.now) else { return };
            self.say(json!({ "event": "expired", "kind": expired.kind.as_str() }));
            self.settle();
            self.announce();
        }
    }

    fn announce(&mut self) {
        let next = self.connection.next_deadline();
        if next != self.announced || !self.any_announced {
            let due = next.map_or(Value::Null, |deadline| seconds(deadline.at));
            let mut line =
                json!({ "event": "deadline", "due": due, "kind": next.map(|deadline| deadline.kind.as_str()) });
            if let Some(cause) = self.connection.deadline_cause() {
                line["fact"] = json!(cause.fact.as_str());
                line["since"] = seconds(cause.since);
                line["setting"] = json!(cause.setting);
            }
            self.say(line);
            self.announced = next;
            self.any_announced = true;
        }
    }

    fn apply(&mut self, name: &str, value: &Value) -> Result<(), String> {
        match name {
            "receive" => self.input.extend_from_slice(text(value)?.as_bytes()),
            "receive_b64" => {
                self.input.extend(STANDARD.decode(text(value)?).map_err(|error| format!("receive_b64: {error}"))?);
            }
            "eof" => self.eof(),
            "drain" => self.connection.close_after_exchange(self.now),
            "sent" => {
                let octets = octets(value)?.min(self.output);
                self.leave(octets);
            }
            "send" => {
                self.send(text(value)?.as_bytes());
            }
            "send_end" => {
                let trailers = pairs(Some(value))?;
                let now = self.now;
                self.write("send_end", |connection, out| connection.send_end(now, &trailers, out));
            }
            _ if R::intend(self, name, value)? => {}
            _ => return Err(format!("{name} is not for this role")),
        }
        self.offer();
        Ok(())
    }

    /// Whoever says what leaves knows what has not.
    fn say_what_left(&mut self) {
        if self.says_sent && self.output > 0 && self.unconfirmed == 0 {
            R::nothing_left(self);
        }
    }

    fn offer(&mut self) {
        self.say_what_left();
        let mut input = std::mem::take(&mut self.input);
        let mut from = 0;
        while self.action.is_none_or(|action| action == "half-close") && !self.tunnel {
            let received = match self.connection.receive(self.now, &input[from..]) {
                Ok(received) => received,
                Err(error) => {
                    self.say(lines::error(&error));
                    // what is left is discarded
                    continue;
                }
            };
            from += received.consumed;
            let Outcome::Event(event) = received.outcome else { break };
            self.event(&event);
        }
        input.drain(..from);
        self.input = input;
    }

    fn event(&mut self, event: &Event<'_>) {
        let (persistence, offset) = (self.connection.persistence(), self.connection.offset());
        if let Some(line) = lines::event(event, persistence, offset) {
            self.say(line);
        }
        match event {
            Event::Interim(_) | Event::End { .. } => self.complete = offset,
            Event::Tunnel(_) => {
                self.tunnel = true;
                self.complete = offset;
            }
            _ => {}
        }
    }

    fn eof(&mut self) {
        if self.tunnel {
            return;
        }
        self.say_what_left();
        match self.connection.receive_eof(self.now, Eof::Clean) {
            Err(error) => self.say(lines::error(&error)),
            Ok(received) => {
                if let Outcome::Event(event) = received.outcome {
                    self.event(&event);
                }
            }
        }
    }

    /// Has `send` write into as much room as it needs. An intent that is not allowed now is said to be refused.
    fn write(
        &mut self,
        intent: &str,
        mut send: impl FnMut(&mut Connection<R, &Config<R>>, &mut [u8]) -> Result<usize, SendError>,
    ) -> bool {
        let mut out = vec![0; 64 * 1024];
        let octets = loop {
            match send(&mut self.connection, &mut out) {
                Ok(octets) => break octets,
                Err(SendError::OutputTooSmall { needed }) => out.resize(needed, 0),
                Err(SendError::Misuse(misuse)) => {
                    self.refused(intent, misuse.as_str(), misuse.clause());
                    return false;
                }
                Err(SendError::Ended(reason)) => {
                    self.refused(intent, reason.as_str(), reason.clause());
                    return false;
                }
            }
        };
        if octets > 0 {
            self.say(lines::write(&out[..octets]));
            self.output += octets as u64;
        }
        true
    }

    fn refused(&mut self, intent: &str, reason: &str, clause: &str) {
        self.say(json!({ "event": "refused", "intent": intent, "reason": reason, "clause": clause }));
    }

    /// Has a piece of content sent, all of it.
    fn send(&mut self, mut piece: &[u8]) {
        let now = self.now;
        loop {
            let mut consumed = 0;
            let goes_on = self.write("send", |connection, out| {
                let sent = connection.send_content(now, piece, out)?;
                consumed = sent.consumed;
                Ok(sent.written)
            });
            piece = &piece[consumed..];
            if !goes_on || consumed == 0 || piece.is_empty() {
                return;
            }
        }
    }

    fn leave(&mut self, octets: u64) {
        self.output -= octets;
        self.unconfirmed = self.unconfirmed.saturating_sub(octets);
        self.connection.handle_sent(self.now, octets);
    }

    /// Does what the connection wants, until it waits.
    fn settle(&mut self) {
        loop {
            let wants = self.connection.wants();
            if wants.read == ReadWant::LookOnce {
                self.connection.nothing_to_read(self.now);
            } else if matches!(wants.application, Some(Turn::Refuse(_))) {
                if !R::refuse(self) {
                    return;
                }
            } else if wants.application == Some(Turn::Content) && !self.held.is_empty() {
                let piece = self.held.pop_front().unwrap_or_default();
                self.send(&piece);
            } else if self.output > 0 && !self.says_sent {
                self.leave(self.output);
            } else if let Some(shut) = wants.shut {
                let action = match shut {
                    Shut::HalfClose(_) => "half-close",
                    Shut::Close(_) => "close",
                    Shut::Reset(_) => "reset",
                };
                let reason = shut.reason();
                self.action = Some(action);
                self.say(json!({
                    "event": "action", "action": action, "reason": reason.as_str(), "clause": reason.clause(),
                }));
                self.connection.handle_shut(self.now);
                if action != "half-close" {
                    R::leftovers(self).into_iter().for_each(|line| self.say(line));
                }
            } else {
                return self.offer();
            }
        }
    }

    fn finish(&mut self) {
        let verdict = self.connection.persistence();
        let over = self.action.is_some()
            || (matches!(verdict, Persistence::Close(_)) && self.connection.wants().application.is_none());
        let state = match self.connection.error().map(|error| error.kind) {
            Some(ProtocolErrorKind::IncompleteHead | ProtocolErrorKind::IncompleteContent) => "truncated",
            Some(_) => "error",
            None if self.tunnel => "upgrade",
            None if over && R::broke_off(self) => "truncated",
            None if over => "closed",
            None if R::is_idle(self) => "idle",
            None => "need-more",
        };
        let complete = self.complete;
        self.say(lines::state(state, complete));
    }
}

impl Intents for Server {
    fn intend(driver: &mut Driver<'_, Self>, name: &str, value: &Value) -> Result<bool, String> {
        let now = driver.now;
        match name {
            "interim" => {
                let (status, fields) = (status(value)?, pairs(value.get("fields"))?);
                driver.write("interim", |connection, out| connection.send_interim(now, status, &fields, out));
            }
            "respond" => {
                let (status, fields) = (status(value)?, pairs(value.get("fields"))?);
                let (content, piece) = content(value)?;
                let sent = driver
                    .write("respond", |connection, out| connection.send_response(now, status, &fields, content, out));
                if let (true, Some(piece)) = (sent, piece) {
                    driver.send(&piece);
                }
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn refuse(driver: &mut Driver<'_, Self>) -> bool {
        let now = driver.now;
        driver.write("respond", |connection, out| connection.send_refusal(now, NO_FIELDS, out))
    }

    /// A server's clients know for themselves what they were not answered.
    fn nothing_left(_: &mut Driver<'_, Self>) {}

    fn leftovers(_: &Driver<'_, Self>) -> Vec<Value> {
        Vec::new()
    }

    fn broke_off(_: &Driver<'_, Self>) -> bool {
        false
    }

    fn is_idle(driver: &Driver<'_, Self>) -> bool {
        driver.connection.lifecycle().is_idle() && driver.input.is_empty()
    }
}

impl Intents for Client<DEPTH> {
    fn intend(driver: &mut Driver<'_, Self>, name: &str, value: &Value) -> Result<bool, String> {
        if name != "request" {
            return Ok(false);
        }
        let now = driver.now;
        let word = |key: &str| value.get(key).and_then(Value::as_str).ok_or(format!("request: no {key}"));
        let (method, target, fields) = (word("method")?, word("target")?, pairs(value.get("fields"))?);
        let version = if value.get("version") == Some(&json!("1.0")) { Version::HTTP_10 } else { Version::HTTP_11 };
        // the option is the machine's to send
        let says_close = |(name, value): &(String, String)| {
            name.eq_ignore_ascii_case("connection") && value.eq_ignore_ascii_case("close")
        };
        let closes = fields.iter().any(says_close);
        let fields: Vec<_> = fields.into_iter().filter(|field| !says_close(field)).collect();
        let (content, piece) = content(value)?;
        let request = Request::new(Method::new(method.as_bytes()), target.as_bytes())
            .with_version(version)
            .with_close(closes)
            .with_replayable(true);
        let sent =
            driver.write("request", |connection, out| connection.send_request(now, &request, &fields, content, out));
        if let (true, Some(piece)) = (sent, piece) {
            driver.held.push_back(piece);
        }
        Ok(true)
    }

    fn refuse(_: &mut Driver<'_, Self>) -> bool {
        false
    }

    fn nothing_left(driver: &mut Driver<'_, Self>) {
        driver.connection.nothing_left(driver.now);
    }

    fn leftovers(driver: &Driver<'_, Self>) -> Vec<Value> {
        driver.connection.unanswered().map(|unanswered| lines::retry(&unanswered)).collect()
    }

    fn broke_off(driver: &Driver<'_, Self>) -> bool {
        driver.connection.lifecycle().peer_closed() && driver.connection.unanswered().next().is_some()
    }

    fn is_idle(driver: &Driver<'_, Self>) -> bool {
        let lifecycle = driver.connection.lifecycle();
        !lifecycle.is_reading() && driver.connection.wants().application.is_none()
    }
}

fn seconds(instant: Instant) -> Value {
    json!(instant.as_nanos() as f64 / 1e9)
}

fn text(value: &Value) -> Result<&str, String> {
    value.as_str().ok_or_else(|| format!("expected text, not {value}"))
}

fn octets(value: &Value) -> Result<u64, String> {
    value.as_u64().ok_or_else(|| "sent: expected a number of octets".into())
}

fn status(value: &Value) -> Result<StatusCode, String> {
    let code = value.get("status").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    code.and_then(StatusCode::new).ok_or_else(|| format!("no status in {value}"))
}

fn pairs(value: Option<&Value>) -> Result<Vec<(String, String)>, String> {
    match value {
        None | Some(Value::Bool(true)) => Ok(Vec::new()),
        Some(value) => {
            serde_json::from_value(value.clone()).map_err(|_| format!("expected [[name, value], …], not {value}"))
        }
    }
}

/// What there is to send, and what of it is there at once.
fn content(value: &Value) -> Result<(Content, Option<Vec<u8>>), String> {
    if let Some(piece) = value.get("content") {
        let piece = text(piece)?.as_bytes().to_vec();
        return Ok((Content::Exact(piece.len() as u64), Some(piece)));
    }
    if let Some(length) = value.get("length") {
        return Ok((Content::Exact(length.as_u64().ok_or("length: expected a number")?), None));
    }
    let says = |key: &str| value.get(key) == Some(&Value::Bool(true));
    Ok(match (says("chunked"), says("until_close")) {
        (true, _) => (Content::Unknown, None),
        (_, true) => (Content::UntilClose, None),
        _ => (Content::Empty, None),
    })
}
