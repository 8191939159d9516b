//! What the connection makes of bytes: drives one connection in memory and prints what it says, one JSON object a line.
//!
//! ```sh
//! printf 'GET / HTTP/1.1\r\nHost: example.org\r\n\r\n' | cargo run --release --example inspect
//! ```
//!
//! With `--trace FILE` time passes too: each line of the file is a fact or an intent with its instant.

mod answers;
mod lines;
mod raw;
mod settings;
mod trace;

use std::io::{Read, Write};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use http_keepalive::{Client, Server};

/// Drives one connection in memory with the octets on standard input and prints what it says, one JSON object a line.
///
/// Without --trace every octet is there at once and nothing times out: a server answers each complete request with an empty 200, takes up
/// the first protocol of an upgrade that is offered, and accepts CONNECT. A client has sent the requests named.
#[derive(Parser)]
#[command(name = "inspect", after_help = "Exits with 0, whatever the octets are, and with 2 where it can not run.")]
struct Options {
    /// Who we are: a server reads requests, a client reads responses.
    #[arg(long, value_enum, default_value_t = Role::Server)]
    role: Role,
    /// The peer closes its side after the last octet.
    #[arg(long)]
    eof: bool,
    /// Offer the input whole, one octet more at a time (`bytes`), or so many octets more at a time.
    #[arg(long, default_value = "whole", value_parser = parse_split)]
    split: usize,
    /// Client: a request that has been sent and waits, in order, repeatable: METHOD[,upgrade=TOKEN]. One GET if none is named.
    #[arg(long, value_name = "REQUEST", value_parser = answers::parse_asked)]
    request: Vec<answers::Asked>,
    /// The `Host` rule of RFC 9112 3.2.
    #[arg(long, value_enum, default_value_t = Switch::On)]
    host_check: Switch,
    /// Replay facts and intents with their instants from a file of JSON lines, instead of octets on standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["eof", "split", "request"])]
    trace: Option<std::path::PathBuf>,
    /// One setting as NAME=VALUE, repeatable: durations as 5s or 250ms, counts as numbers, words, `off`. The names are those of
    /// configuration files: of `Limits`, `Timeouts` and `Policy`, such as idle=5s, max_exchanges=10, bare_lf=accept; of two of one name the timeout
    /// is meant, and limits.head is the limit.
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Role {
    Server,
    Client,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

fn parse_split(text: &str) -> Result<usize, String> {
    match text {
        "whole" => Ok(usize::MAX),
        "bytes" => Ok(1),
        _ => text.parse().ok().filter(|&n| n > 0).ok_or_else(|| "whole, bytes or a number above 0".into()),
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("inspect: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let mut out = std::io::stdout().lock();
    let mut print = |lines: Vec<serde_json::Value>| {
        lines.iter().try_for_each(|line| writeln!(out, "{line}")).map_err(|error| format!("cannot write: {error}"))
    };
    if let Some(path) = &options.trace {
        let named = |why| format!("{}: {why}", path.display());
        let octets = std::fs::read(path).map_err(|error| named(error.to_string()))?;
        return print(match options.role {
            Role::Server => {
                let config = settings::server(&options.set, options.host_check == Switch::On)?;
                trace::run::<Server>(&config, trace::parse::<Server>(&octets).map_err(named)?)
            }
            Role::Client => {
                let config = settings::client(&options.set)?;
                trace::run(&config, trace::parse::<Client<_>>(&octets).map_err(named)?)
            }
        });
    }
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input).map_err(|error| format!("cannot read standard input: {error}"))?;
    let lines = match options.role {
        Role::Server if !options.request.is_empty() => return Err("--request is a client's".into()),
        Role::Server => {
            let config = settings::server(&options.set, options.host_check == Switch::On)?;
            raw::serve(&config, &input, options.split, options.eof)
        }
        Role::Client => {
            let config = settings::client(&options.set)?;
            answers::read(&config, &options.request, &input, options.split, options.eof)?
        }
    };
    print(lines)
}
