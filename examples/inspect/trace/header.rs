//! The line that a trace may begin with: whose it is, and the settings in force.
//!
//! It makes a trace whole: who recorded it needs not say how it is to be replayed.

use http_keepalive::settings::{Settings, Value as Setting};
use http_keepalive::{Limits, Policy, Timeouts};
use serde_json::Value;

use super::parse::{self, Object};

/// What the first line says.
#[derive(Debug, PartialEq, Eq)]
pub struct Header {
    /// `server` or `client`.
    pub role: String,
    /// Each as `section.name=value`.
    pub settings: Vec<String>,
}

/// The key by which it is known.
const KEY: &str = "connection";

/// What the first line of a trace says, if that is such a line.
pub fn read(trace: &[u8]) -> Result<Option<Header>, String> {
    let Some((line, number)) = parse::lines(trace).next() else { return Ok(None) };
    // what is no such line is read, and judged, with the others
    let Ok(Value::Object(mut line)) = serde_json::from_slice(line) else { return Ok(None) };
    let Some(said) = line.shift_remove(KEY) else { return Ok(None) };
    let others =
        line.keys().find(|key| *key != "at").map(|key| format!("`{KEY}` and `{key}`: a line has one of these"));
    let header = others.map_or_else(|| read_said(said).map_err(|why| format!("`{KEY}`: {why}")), Err);
    header.map(Some).map_err(|why| format!("line {number}: {why}"))
}

/// Is this the first line of a trace that says it?
pub fn is_header(line: &[u8]) -> bool {
    serde_json::from_slice::<Value>(line).is_ok_and(|line| line.get(KEY).is_some())
}

fn read_said(said: Value) -> Result<Header, String> {
    let mut said = Object::of(said)?;
    let role = said.need("role", parse::text)?;
    if !["server", "client"].contains(&role.as_str()) {
        return Err(format!("`role`: server or client, not {role}"));
    }
    let mut settings = Vec::new();
    let limits = said.take("limits", |value| section("limits", value, Limits::DEFAULT))?;
    let timeouts = said.take("timeouts", |value| section("timeouts", value, Timeouts::DEFAULT))?;
    let policy = said.take("policy", |value| section("policy", value, Policy::DEFAULT))?;
    said.end()?;
    settings.extend([limits, timeouts, policy].into_iter().flatten().flatten());
    Ok(Header { role, settings })
}

/// The settings of a section, of which each exists and can have its value.
fn section<S: Settings>(section: &str, value: &Value, mut settings: S) -> Result<Vec<String>, String> {
    let Value::Object(entries) = value else { return Err("expected an object".into()) };
    let written = entries.iter().map(|(name, value)| {
        let setting = match value {
            Value::Number(number) => number.as_u64().map(Setting::Number),
            Value::String(text) => Some(Setting::Text(text.clone())),
            _ => None,
        };
        let setting =
            setting.ok_or_else(|| format!("`{name}`: expected a duration, a number or a word, not {value}"))?;
        settings.set(name, &setting).map_err(|error| error.to_string())?;
        Ok(format!("{section}.{name}={setting}"))
    });
    written.collect()
}
