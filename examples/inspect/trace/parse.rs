//! The lines of a trace as they are written. A whole trace is read before any of it is replayed, so that a mistake is found wherever it is.
//!
//! Strict: a key that is not known and a value of another kind are mistakes. Nothing that was written is left out in silence.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_keepalive::presets::nearest;
use http_keepalive::settings::{Settings, Value as Setting};
use http_keepalive::{
    Client, Config, Content, ContentUse, Instant, Limits, Policy, Server, StatusCode, Timeouts, Version,
};
use serde_json::{Map, Value};

use super::super::settings::DEPTH;
use super::{Intents, header};

/// One line of a trace.
pub struct Line<I> {
    pub at: Instant,
    /// Since the line before nothing ran: what is due passes now, and a look at the transport finds the fact.
    pub late: bool,
    /// None: only time passes.
    pub fact: Option<Fact<I>>,
}

/// What happens, or what the caller wants.
pub enum Fact<I> {
    Receive(Vec<u8>),
    Eof,
    Sent {
        octets: u64,
        /// Taken by the transport, and not known to have left.
        unconfirmed: bool,
    },
    Drain,
    ContentUse(ContentUse),
    /// Timeouts of this exchange, by their names, and whether they are within bounds is known.
    Timeouts(Vec<(String, Setting)>),
    /// The transport failed: of `both` sides, or only as far as it is written to.
    Failed {
        both: bool,
    },
    Send(Vec<u8>),
    SendEnd(Vec<(String, String)>),
    /// What only one role can be told.
    Intent(I),
}

/// The keys of what either role can be told.
const KEYS: &[&str] = &[
    "receive",
    "receive_b64",
    "eof",
    "sent",
    "drain",
    "content_use",
    "timeouts",
    "failed",
    "send",
    "send_b64",
    "send_end",
];
/// The timeouts that an exchange can have of its own.
const OF_AN_EXCHANGE: [&str; 8] =
    ["content_gap", "content_rate", "application", "response", "write_stall", "send_rate", "exchange", "expect"];
/// Those of what a look at the transport may find.
const FOUND: [&str; 4] = ["receive", "receive_b64", "eof", "sent"];

/// The lines of a trace, or the number of the first that is wrong, and what is wrong with it.
pub fn parse<R: Intents>(trace: &[u8]) -> Result<Vec<Line<R::Intent>>, String> {
    let mut lines = lines(trace).peekable();
    // whose trace it is has been read
    lines.next_if(|(line, _)| header::is_header(line));
    lines.map(|(line, number)| read_line::<R>(line).map_err(|why| format!("line {number}: {why}"))).collect()
}

/// The lines that say something, each with its number.
pub fn lines(trace: &[u8]) -> impl Iterator<Item = (&[u8], u32)> {
    trace.split(|&octet| octet == b'\n').zip(1..).filter(|(line, _)| !line.trim_ascii().is_empty())
}

fn read_line<R: Intents>(line: &[u8]) -> Result<Line<R::Intent>, String> {
    let mut line = Object::of(serde_json::from_slice(line).map_err(|error| not_json(&error))?)?;
    let at = line.take("at", seconds)?.ok_or("no `at`")?;
    // what goes with a fact is taken off before it
    let unconfirmed = line.take("unconfirmed", truth)?;
    if unconfirmed.is_some() && !line.rest.contains_key("sent") {
        return Err("`unconfirmed` without `sent`".into());
    }
    let late = line.take("late", truth)?;
    if late.is_some() && !FOUND.iter().any(|key| line.rest.contains_key(*key)) {
        return Err(format!("`late` without one of {}", FOUND.join(", ")));
    }
    line.rest.keys().try_for_each(|key| known::<R>(key))?;
    let mut facts = line.rest.into_iter();
    let fact = match (facts.next(), facts.next()) {
        (None, _) => None,
        (Some((key, value)), None) => {
            let fact = read::<R>(&key, &value, unconfirmed.unwrap_or(false));
            Some(fact.map_err(|why| format!("`{key}`: {why}"))?)
        }
        (Some((one, _)), Some((other, _))) => return Err(format!("`{one}` and `{other}`: a line has one of these")),
    };
    Ok(Line { at, late: late.unwrap_or(false), fact })
}

/// The fact of this key, which is known.
fn read<R: Intents>(key: &str, value: &Value, unconfirmed: bool) -> Result<Fact<R::Intent>, String> {
    Ok(match key {
        "receive" => Fact::Receive(text(value)?.into_bytes()),
        "receive_b64" => Fact::Receive(octets(value)?),
        "eof" => only_true(value, Fact::Eof)?,
        "sent" => Fact::Sent { octets: number(value)?, unconfirmed },
        "drain" => only_true(value, Fact::Drain)?,
        "content_use" => Fact::ContentUse(content_use(value)?),
        "timeouts" => Fact::Timeouts(timeouts(value)?),
        "failed" => Fact::Failed { both: failed(value)? },
        "send" => Fact::Send(text(value)?.into_bytes()),
        "send_b64" => Fact::Send(octets(value)?),
        "send_end" if *value == Value::Bool(true) => Fact::SendEnd(Vec::new()),
        "send_end" => Fact::SendEnd(fields(value)?),
        _ => Fact::Intent(R::read(key, value)?),
    })
}

/// Whether a line can have this key, or else why not.
fn known<R: Intents>(key: &str) -> Result<(), String> {
    if KEYS.contains(&key) || R::KEYS.contains(&key) {
        return Ok(());
    }
    for (role, keys) in [(Server::NAME, Server::KEYS), (Client::<DEPTH>::NAME, Client::<DEPTH>::KEYS)] {
        if keys.contains(&key) {
            return Err(format!("`{key}` is told to a {role}, and this is a {}", R::NAME));
        }
    }
    Err(unknown("fact or intent", key, KEYS.iter().chain(R::KEYS).copied()))
}

fn unknown<'n>(what: &str, key: &str, keys: impl Iterator<Item = &'n str> + Clone) -> String {
    match nearest(key, keys.clone()) {
        Some(nearest) => format!("no {what} `{key}`: did you mean `{nearest}`?"),
        None => format!("no {what} `{key}`; there are: {}", keys.collect::<Vec<_>>().join(", ")),
    }
}

/// An object, of which each key is taken off when it is read.
pub struct Object {
    rest: Map<String, Value>,
    /// The keys that were asked for.
    known: Vec<&'static str>,
}

impl Object {
    pub fn of(value: Value) -> Result<Self, String> {
        match value {
            Value::Object(rest) => Ok(Self { rest, known: Vec::new() }),
            other => Err(expected("an object", &other)),
        }
    }

    /// Reads the value of a key and takes it off, if it is there.
    pub fn take<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Result<Option<T>, String> {
        self.known.push(key);
        let value = self.rest.shift_remove(key);
        value.map(|value| read(&value).map_err(|why| format!("`{key}`: {why}"))).transpose()
    }

    pub fn need<T>(&mut self, key: &'static str, read: impl FnOnce(&Value) -> Result<T, String>) -> Result<T, String> {
        self.take(key, read)?.ok_or_else(|| format!("no `{key}`"))
    }

    /// What there is to send, and what of it is there at once.
    pub fn content(&mut self) -> Result<(Content, Option<Vec<u8>>), String> {
        let piece = self.take("content", text)?.map(String::into_bytes);
        let length = self.take("length", number)?;
        let chunked = self.take("chunked", truth)?.unwrap_or(false);
        let until_close = self.take("until_close", truth)?.unwrap_or(false);
        match (piece, length, chunked, until_close) {
            (None, None, false, false) => Ok((Content::Empty, None)),
            (Some(piece), None, false, false) => Ok((Content::Exact(piece.len() as u64), Some(piece))),
            (None, Some(length), false, false) => Ok((Content::Exact(length), None)),
            (None, None, true, false) => Ok((Content::Unknown, None)),
            (None, None, false, true) => Ok((Content::UntilClose, None)),
            _ => Err("one at most of `content`, `length`, `chunked`, `until_close`".into()),
        }
    }

    /// Nothing is left: every key was known.
    pub fn end(self) -> Result<(), String> {
        match self.rest.keys().next() {
            Some(key) => Err(unknown("key", key, self.known.iter().copied())),
            None => Ok(()),
        }
    }
}

pub fn text(value: &Value) -> Result<String, String> {
    value.as_str().map(ToOwned::to_owned).ok_or_else(|| expected("text", value))
}

/// Octets in base64.
fn octets(value: &Value) -> Result<Vec<u8>, String> {
    STANDARD.decode(text(value)?).map_err(|error| format!("no base64: {error}"))
}

pub fn number(value: &Value) -> Result<u64, String> {
    value.as_u64().ok_or_else(|| expected("a whole number", value))
}

fn content_use(value: &Value) -> Result<ContentUse, String> {
    let said = [ContentUse::Reading, ContentUse::Paused, ContentUse::Dropped];
    let found = said.into_iter().find(|said| value.as_str() == Some(said.as_str()));
    found.ok_or_else(|| expected("reading, paused or dropped", value))
}

/// Timeouts by name, each of which an exchange can have, and together within their bounds.
fn timeouts(value: &Value) -> Result<Vec<(String, Setting)>, String> {
    let Value::Object(entries) = value else { return Err(expected("an object", value)) };
    let mut timeouts = Timeouts::DEFAULT;
    let mut said = Vec::new();
    for (name, value) in entries {
        if !OF_AN_EXCHANGE.contains(&name.as_str()) {
            return Err(unknown("timeout of an exchange", name, OF_AN_EXCHANGE.into_iter()));
        }
        let setting = match value {
            Value::Number(number) => number.as_u64().map(Setting::Number),
            Value::String(text) => Some(Setting::Text(text.clone())),
            _ => None,
        };
        let setting = setting.ok_or_else(|| expected("a duration, a number or `off`", value))?;
        timeouts.set(name, &setting).map_err(|error| error.to_string())?;
        said.push((name.clone(), setting));
    }
    let within = Config::<Server>::new(Limits::DEFAULT, timeouts, Policy::DEFAULT);
    within.map_err(|error| error.to_string()).map(|_| said)
}

fn failed(value: &Value) -> Result<bool, String> {
    match value.as_str() {
        Some("write") => Ok(false),
        Some("both") => Ok(true),
        _ => Err(expected("write or both", value)),
    }
}

pub fn version(value: &Value) -> Result<Version, String> {
    match value.as_str() {
        Some("1.0") => Ok(Version::HTTP_10),
        Some("1.1") => Ok(Version::HTTP_11),
        _ => Err(format!("expected \"1.0\" or \"1.1\", not {value}")),
    }
}

pub fn truth(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| expected("true or false", value))
}

pub fn only_true<T>(value: &Value, then: T) -> Result<T, String> {
    if *value == Value::Bool(true) { Ok(then) } else { Err(expected("true", value)) }
}

fn seconds(value: &Value) -> Result<Instant, String> {
    let seconds = value.as_f64().filter(|&seconds| seconds >= 0.0);
    let seconds = seconds.ok_or_else(|| expected("seconds since the start", value))?;
    Ok(Instant::from_nanos((seconds * 1e9).round() as u64))
}

pub fn status(value: &Value) -> Result<StatusCode, String> {
    let code = value.as_u64().and_then(|code| u16::try_from(code).ok());
    code.and_then(StatusCode::new).ok_or_else(|| expected("a status", value))
}

/// A status that refuses.
pub fn refusal(value: &Value) -> Result<StatusCode, String> {
    let refuses = |status: &StatusCode| (400..600).contains(&status.as_u16());
    status(value).ok().filter(refuses).ok_or_else(|| expected("a status of 400 to 599", value))
}

/// Fields to send, in order.
pub fn fields(value: &Value) -> Result<Vec<(String, String)>, String> {
    serde_json::from_value(value.clone()).map_err(|_| expected("[[name, value], …]", value))
}

fn expected(what: &str, value: &Value) -> String {
    const MOST: usize = 60;
    let written = value.to_string();
    match written.char_indices().nth(MOST) {
        None => format!("expected {what}, not {written}"),
        Some((end, _)) => format!("expected {what}, not {}…", &written[..end]),
    }
}

/// The line is that of the trace, not the one that the reader of JSON counts.
fn not_json(error: &serde_json::Error) -> String {
    let why = error.to_string();
    let why = why.rsplit_once(" at line ").map_or(why.as_str(), |(why, _)| why);
    format!("no JSON: {why} at column {}", error.column())
}
