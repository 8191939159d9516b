//! Settings by name: those of configuration files, and the words that deadlines are printed with.

use http_keepalive::settings::{Settings, Value};
use http_keepalive::{Client, Config, Limits, Policy, Role, Server, Timeouts, Use};

/// Requests that a client of ours may have outstanding.
pub const DEPTH: usize = 16;

/// The client's configuration with `NAME=VALUE` settings applied.
pub fn client(settings: &[String]) -> Result<Config<Client<DEPTH>>, String> {
    named(settings, Policy::DEFAULT)
}

/// The server's configuration with `NAME=VALUE` settings applied.
pub fn server(settings: &[String], checks_host: bool) -> Result<Config<Server>, String> {
    named(settings, Policy::DEFAULT.with_host(if checks_host { Use::On } else { Use::Off }))
}

fn named<R: Role>(settings: &[String], mut policy: Policy) -> Result<Config<R>, String> {
    let (mut limits, mut timeouts) = (Limits::DEFAULT, Timeouts::DEFAULT);
    for setting in settings {
        let (name, value) = setting.split_once('=').ok_or_else(|| format!("--set {setting}: expected NAME=VALUE"))?;
        let value = value.parse().map_or_else(|_| Value::Text(value.to_owned()), Value::Number);
        // `head` is a timeout, and with its section a limit
        let set = match name.split_once('.') {
            Some(("limits", name)) => limits.set(name, &value),
            Some(("timeouts", name)) => timeouts.set(name, &value),
            Some(("policy", name)) => policy.set(name, &value),
            _ if Timeouts::NAMES.contains(&name) => timeouts.set(name, &value),
            _ if Limits::NAMES.contains(&name) => limits.set(name, &value),
            _ if Policy::NAMES.contains(&name) => policy.set(name, &value),
            _ => timeouts.set(name, &value),
        };
        set.map_err(|why| format!("--set {setting}: {why}"))?;
    }
    // what is advertised is never more than what is kept, and a cap never less than what it caps
    if let (Some(advertised), Some(idle)) = (timeouts.idle_advertised, timeouts.idle) {
        timeouts.idle_advertised = Some(advertised.min(idle));
    }
    if let (Some(cap), Some(head)) = (timeouts.head_cap, timeouts.head) {
        timeouts.head_cap = Some(cap.max(head));
    }
    Config::new(limits, timeouts, policy).map_err(|error| error.to_string())
}
