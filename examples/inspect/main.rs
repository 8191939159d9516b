//! What the connection makes of bytes: drives one connection in memory and prints what it says, one JSON object a line.
//!
//! ```sh
//! printf 'GET / HTTP/1.1\r\nHost: example.org\r\n\r\n' | cargo run --release --example inspect
//! ```
//!
//! With `--trace FILE` time passes too: each line of the file is a fact or an intent with its instant.

mod answers;
mod help;
mod lines;
mod raw;
mod settings;
mod trace;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use http_keepalive::Config;
use serde_json::Value;

use trace::header::{self, Header};

/// Drives one connection in memory with the octets on standard input and prints what it says, one JSON object a line.
///
/// Without --trace every octet is there at once and nothing times out: a server answers each complete request with an empty 200, takes up
/// the first protocol of an upgrade that is offered, and accepts CONNECT. A client has sent the requests named.
#[derive(Parser)]
#[command(name = "inspect", after_help = "--help says what the lines are.", after_long_help = help::text())]
struct Options {
    /// Who we are: a server reads requests, a client reads responses. Server unless the trace says otherwise.
    #[arg(long, value_enum)]
    role: Option<Role>,
    /// The peer closes its side after the last octet.
    #[arg(long)]
    eof: bool,
    /// Offer the input whole, one octet more at a time (`bytes`), or N octets more at a time.
    #[arg(long, default_value = "whole", value_parser = parse_split)]
    split: usize,
    /// Client: a request that has been sent and waits, in order, repeatable: METHOD[,upgrade=TOKEN]. One GET if none is named.
    #[arg(long, value_name = "REQUEST", value_parser = answers::parse_asked)]
    request: Vec<answers::Asked>,
    /// Server: the `Host` rule of RFC 9112 3.2, on by default. A short form of --set host=on or off.
    #[arg(long, value_enum)]
    host_check: Option<Switch>,
    /// Replay facts and intents with their instants from a file of JSON lines, instead of octets on standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["eof", "split", "request"])]
    trace: Option<PathBuf>,
    /// Print as `text`, too, what was read and what is sent: heads, and content beside `data_b64`. Latin-1: one character, one octet.
    #[arg(long)]
    text: bool,
    /// Begin with what a system does, by its name: nginx, or for a client curl. A name that is not known says which there are.
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// Change one setting, repeatable: idle=5s, max_exchanges=10, bare_lf=accept, age=off. Names and values are those of
    /// configuration files: a duration is 75s, 250ms, 1m30s or a number of seconds. Of two of one name the timeout is meant, and limits.head is
    /// the limit.
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Role {
    Server,
    Client,
}

#[derive(Clone, Copy, ValueEnum)]
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
    let trace = options.trace.as_deref().map(Trace::read).transpose()?;
    let said = trace.as_ref().and_then(|trace| trace.header.as_ref());
    let role = options.role_of(said)?;
    let lines = match role {
        Role::Server if !options.request.is_empty() => return Err("--request is a client's".into()),
        Role::Server => {
            let config = settings::server(options.preset.as_deref(), &options.settings(said))?;
            match &trace {
                Some(trace) => trace.replay(config)?,
                None => raw::serve(&config, &read_input()?, options.split, options.eof),
            }
        }
        Role::Client => {
            let config = settings::client(options.preset.as_deref(), &options.settings(said))?;
            match &trace {
                Some(trace) => trace.replay(config)?,
                None => answers::read(&config, &options.request, &read_input()?, options.split, options.eof)?,
            }
        }
    };
    let lines = lines.into_iter().map(|line| if options.text { lines::with_text(line) } else { line });
    let mut out = std::io::stdout().lock();
    { lines }.try_for_each(|line| writeln!(out, "{line}")).map_err(|error| format!("cannot write: {error}"))
}

impl Options {
    /// Whose side it is: as asked for, or as the trace says.
    fn role_of(&self, said: Option<&Header>) -> Result<Role, String> {
        let said = said.map(|said| if said.role == "client" { Role::Client } else { Role::Server });
        match (self.role, said) {
            (Some(asked), Some(said)) if asked != said => {
                Err("--role: the trace is of the other role, as it says".into())
            }
            (asked, said) => Ok(asked.or(said).unwrap_or(Role::Server)),
        }
    }

    /// All settings in the order in which they are applied. A preset stands in for what the trace says.
    fn settings(&self, said: Option<&Header>) -> Vec<String> {
        let said = said.filter(|_| self.preset.is_none()).map_or(&[][..], |said| &said.settings);
        let host = self.host_check.map(|switch| match switch {
            Switch::On => "host=on".to_owned(),
            Switch::Off => "host=off".to_owned(),
        });
        said.iter().cloned().chain(host).chain(self.set.iter().cloned()).collect()
    }
}

/// A file with a trace.
struct Trace<'p> {
    path: &'p Path,
    octets: Vec<u8>,
    header: Option<Header>,
}

impl<'p> Trace<'p> {
    fn read(path: &'p Path) -> Result<Self, String> {
        let octets = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let header = header::read(&octets).map_err(|why| format!("{}: {why}", path.display()))?;
        Ok(Self { path, octets, header })
    }

    fn replay<R: trace::Intents>(&self, config: Config<R>) -> Result<Vec<Value>, String> {
        let lines = trace::parse::<R>(&self.octets).map_err(|why| format!("{}: {why}", self.path.display()))?;
        Ok(trace::run(config, lines))
    }
}

fn read_input() -> Result<Vec<u8>, String> {
    let mut input = Vec::new();
    std::io::stdin().read_to_end(&mut input).map_err(|error| format!("cannot read standard input: {error}"))?;
    Ok(input)
}
