//! Settings by name: the words that deadlines are printed with, too.

use std::time::Duration;

use http_keepalive::{Client, Config, Limits, Policy, Server, Timeouts, Use};

/// Requests that a client of ours may have outstanding.
pub const DEPTH: usize = 16;

/// The client's configuration with `NAME=VALUE` settings applied.
pub fn client(settings: &[String]) -> Result<Config<Client<DEPTH>>, String> {
    let (limits, timeouts) = named(settings)?;
    Config::new(limits, timeouts, Policy::DEFAULT).map_err(|error| error.to_string())
}

/// The server's configuration with `NAME=VALUE` settings applied.
pub fn server(settings: &[String], checks_host: bool) -> Result<Config<Server>, String> {
    let (limits, timeouts) = named(settings)?;
    let host = if checks_host { Use::On } else { Use::Off };
    Config::new(limits, timeouts, Policy::DEFAULT.with_host(host)).map_err(|error| error.to_string())
}

fn named(settings: &[String]) -> Result<(Limits, Timeouts), String> {
    let (mut limits, mut timeouts) = (Limits::DEFAULT, Timeouts::DEFAULT);
    for setting in settings {
        let (name, value) = setting.split_once('=').ok_or_else(|| format!("--set {setting}: expected NAME=VALUE"))?;
        apply(&mut limits, &mut timeouts, name, value).map_err(|why| format!("--set {setting}: {why}"))?;
    }
    // what is advertised is never more than what is kept, and a cap never less than what it caps
    if let (Some(advertised), Some(idle)) = (timeouts.idle_advertised, timeouts.idle) {
        timeouts.idle_advertised = Some(advertised.min(idle));
    }
    if let (Some(cap), Some(head)) = (timeouts.head_cap, timeouts.head) {
        timeouts.head_cap = Some(cap.max(head));
    }
    Ok((limits, timeouts))
}

fn apply(limits: &mut Limits, timeouts: &mut Timeouts, name: &str, value: &str) -> Result<(), String> {
    match name {
        "first_octet" => timeouts.first_octet = duration(value)?,
        "idle" => timeouts.idle = duration(value)?,
        "idle_advertised" => timeouts.idle_advertised = duration(value)?,
        "idle_shield" => timeouts.idle_shield = duration(value)?,
        "head" => timeouts.head = duration(value)?,
        "head_rate" => timeouts.head_rate = number(value)?,
        "head_cap" => timeouts.head_cap = duration(value)?,
        "content_gap" => timeouts.content_gap = duration(value)?,
        "content_rate" => timeouts.content_rate = number(value)?,
        "application" => timeouts.application = duration(value)?,
        "response" => timeouts.response = duration(value)?,
        "write_stall" => timeouts.write_stall = duration(value)?,
        "exchange" => timeouts.exchange = duration(value)?,
        "expect" => timeouts.expect = duration(value)?,
        "linger" => timeouts.linger = duration(value)?,
        "linger_gap" => timeouts.linger_gap = duration(value)?,
        "linger_octets" => limits.linger_octets = number(value)?,
        "drain" => timeouts.drain = duration(value)?,
        "drain_window" => timeouts.drain_window = duration(value)?,
        "age" => timeouts.age = duration(value)?,
        "max_exchanges" => limits.max_exchanges = number(value)?,
        "max_octets" => limits.max_octets = number(value)?,
        "unread_octets" => limits.unread_octets = number(value)?,
        "hint_margin" => timeouts.hint_margin = duration(value)?,
        _ => return Err("no setting of that name: see --help".into()),
    }
    Ok(())
}

fn duration(value: &str) -> Result<Option<Duration>, String> {
    match value {
        "off" => Ok(None),
        _ => humantime::parse_duration(value).map(Some).map_err(|error| error.to_string()),
    }
}

fn number<N: std::str::FromStr>(value: &str) -> Result<Option<N>, String> {
    match value {
        "off" => Ok(None),
        _ => value.parse().map(Some).map_err(|_| "expected a number or `off`".into()),
    }
}
