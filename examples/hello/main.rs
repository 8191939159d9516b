//! The README's loop as a server: a thread for each connection, and one answer to everything.
//!
//! ```sh
//! cargo run --release --example hello -- --addr 127.0.0.1:8080 --set idle=15s --set max_exchanges=off
//! ```
//!
//! `serve.rs` is what the README shows, and is to be copied.

#![forbid(unsafe_code)]

mod serve;
#[expect(dead_code, reason = "each tool has options of its own")]
#[path = "../shared/values.rs"]
mod values;

use std::net::TcpListener;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use http_keepalive::settings::{Settings, Value};
use http_keepalive::{Config, Limits, Policy, Server, Timeouts};

/// Answers every request with `Hello`.
#[derive(Parser)]
#[command(name = "hello", after_help = "Exits with 1 where it can not listen, with 2 for wrong options.")]
struct Options {
    /// Where to listen; a port alone is for this machine only.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080", value_parser = values::address)]
    addr: String,
    /// Set a timeout, a limit or a policy: `idle=15s`, `max_exchanges=off`; `head` is the timeout, `limits.head` the limit. May be given more than
    /// once.
    #[arg(long = "set", value_name = "NAME=VALUE")]
    settings: Vec<String>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let config = match config(&options.settings) {
        Ok(config) => config,
        Err(why) => {
            eprintln!("hello: {why}");
            return ExitCode::from(2);
        }
    };
    let listener = match TcpListener::bind(&options.addr) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!("hello: cannot listen on {}: {error}", options.addr);
            return ExitCode::FAILURE;
        }
    };
    println!("answering on http://{}/", listener.local_addr().map_or(options.addr, |address| address.to_string()));
    let config: &'static Config<Server> = Box::leak(Box::new(config));
    loop {
        // none of these errors is the end: the peer has gone, or there are no descriptors or threads for a while
        let spawned = listener.accept().and_then(|(stream, _)| {
            // answers are written whole, and none is to wait for more
            stream.set_nodelay(true)?;
            thread::Builder::new().spawn(move || {
                if let Err(mistake) = serve::serve(stream, config, b"Hello\n") {
                    eprintln!("hello: a mistake in this program: {mistake}");
                }
            })
        });
        if let Err(error) = spawned {
            eprintln!("hello: a connection was lost: {error}");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// The defaults, with `NAME=VALUE` settings applied.
fn config(settings: &[String]) -> Result<Config<Server>, String> {
    let (mut limits, mut timeouts, mut policy) = (Limits::DEFAULT, Timeouts::DEFAULT, Policy::DEFAULT);
    for setting in settings {
        let (name, value) = setting.split_once('=').ok_or_else(|| format!("--set {setting}: expected NAME=VALUE"))?;
        let value = Value::from(value);
        // `head` is both, and the timeout is meant
        let set = match name.strip_prefix("limits.").unwrap_or(name) {
            limit if limit != name => limits.set(limit, &value),
            name if Timeouts::NAMES.contains(&name) => timeouts.set(name, &value),
            name if Policy::NAMES.contains(&name) => policy.set(name, &value),
            name => limits.set(name, &value),
        };
        set.map_err(|why| format!("--set {setting}: {why}"))?;
    }
    // no more is advertised than is kept, unless that was asked for
    if !settings.iter().any(|setting| setting.starts_with("idle_advertised=")) {
        timeouts.idle_advertised = timeouts.idle.and_then(Timeouts::advertised);
    }
    Config::new(limits, timeouts, policy).map_err(|error| error.to_string())
}
