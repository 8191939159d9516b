//! Fetches over HTTP/1.1 on persistent connections, on the standard library alone.
//!
//! ```sh
//! cargo run --release --example fetch -- http://127.0.0.1:8080/
//! ```
//!
//! `wire` does with a blocking socket what its drive says, `pool` keeps the idle ones, `work` hands requests to connections and does with what
//! is left unanswered as the verdict says, `upload` counts what of a file has left, `trace` writes all of it down, `chains` measures. What HTTP
//! asks of a connection is decided by the drive alone.

#![forbid(unsafe_code)]

mod chains;
mod happened;
mod pool;
mod target;
mod task;
mod trace;
mod upload;
#[expect(dead_code, reason = "each tool has options of its own")]
#[path = "../shared/values.rs"]
mod values;
mod wire;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use http_keepalive::settings::duration;

use crate::target::Target;
use crate::values::{OrOff, count, duration_or_off};
use crate::work::Worker;

/// Fetches http:// URLs, reusing connections, and writes their content to standard output.
///
/// Of several URLs those of one origin share a connection while it lasts. What a connection leaves unanswered is repeated where
/// that is safe, within --tries. Durations are written as 90s, 250ms or 1m30s; a plain number counts seconds.
#[derive(Parser, Clone)]
#[command(
    name = "fetch",
    after_help = "Exits with 0 if everything was answered with a status below 400 and every upload was sent whole, with 1 if not, and with 2 for wrong options."
)]
pub struct Options {
    /// What to fetch: http:// only, which may be left out.
    ///
    /// With --chains: one URL, and milliseconds between the starts of two chains.
    #[arg(required = true, value_name = "URL")]
    urls: Vec<String>,
    /// Have up to N requests outstanding on a connection.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = count::<1, 64, u16>)]
    pipeline: u16,
    /// Ask for heads alone, and print them.
    #[arg(long)]
    head: bool,
    /// Send this file with PUT: chunked, once the server says to continue. It fails unless all of the file was sent.
    #[arg(long, value_name = "FILE", conflicts_with = "head")]
    upload: Option<PathBuf>,
    /// Fetch each URL so many times.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = count::<0, { u32::MAX }, u32>)]
    repeat: u32,
    /// New connections that one request may have, the first counted: at least 1. One that had been idle comes before them. What was
    /// sent is repeated once at most.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = count::<1, 255, u8>)]
    tries: u8,
    /// Drop the content.
    #[arg(long)]
    discard: bool,
    /// Give up on an answer that has not begun after so long.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    timeout: Duration,
    /// Give up on an answer that has begun and of which nothing comes for so long, or `off`; of an event stream: longer than its silence.
    #[arg(long, value_name = "DURATION|off", default_value = "300s", value_parser = duration_or_off)]
    gap: OrOff<Duration>,
    /// Taken off the time a server says it keeps an idle connection; unless set, twice the time to connect and 50ms.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    margin: Option<Duration>,
    /// Learn from what happens how long each server leaves a connection idle, for those that do not say.
    #[arg(long)]
    learn: bool,
    /// Print each decision with its reason and clause to standard error.
    #[arg(short, long)]
    verbose: bool,
    /// Write what happens to this file, for `inspect --trace FILE` to replay: one file for each connection, the second with .2 before
    /// the extension, and so on. At most 16 requests are outstanding.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Print one line of counts to standard error at the end.
    #[arg(long)]
    summary: bool,
    /// For measuring servers, and not for fetching: each line of standard input is a method and the pauses before its next requests, in
    /// milliseconds (`GET 100 5000`); for each of these requests a line of JSON says what became of it.
    #[arg(long, hide_short_help = true, conflicts_with_all = ["head", "upload", "pipeline", "trace"])]
    chains: bool,
}

impl Options {
    const fn method(&self) -> &'static str {
        match (&self.upload, self.head) {
            (Some(_), _) => "PUT",
            (None, true) => "HEAD",
            (None, false) => "GET",
        }
    }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("fetch: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<bool, String> {
    if options.trace.is_some() && options.pipeline > 16 {
        return Err("--trace: at most 16 requests are outstanding, as in `inspect`: --pipeline 16".into());
    }
    if options.chains {
        let [url, rest @ ..] = &options.urls[..] else { return Err("--chains needs a URL".into()) };
        let stagger = match rest {
            [] => 0.0,
            [stagger] => stagger.parse().map_err(|_| format!("{stagger}: expected milliseconds"))?,
            _ => return Err("--chains takes one URL and milliseconds".into()),
        };
        return chains::run(options, &Target::parse(url)?, stagger).map(|()| true);
    }
    let targets = options.urls.iter().map(|url| Target::parse(url)).collect::<Result<Vec<_>, _>>()?;
    let mut worker = Worker::new(options);
    for target in targets {
        for _ in 0..options.repeat {
            worker.add(target.clone());
        }
    }
    worker.run()
}
