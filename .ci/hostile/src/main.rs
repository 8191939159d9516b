//! A hostile origin: octets that nobody asked for are never an answer (RFC 9112 9.2).
//!
//! An origin on loopback answers the first request of each connection as it should. A while later, from nothing to 2 s, it says
//! one thing more on the same connection: a second response, a 408, an interim response, garbage, line ends, half a status line, a
//! FIN, a reset. Requests that come later it answers properly again, so that a client that took the hostile thing for an answer is one
//! answer late from then on, and seen to be.
//!
//! Two clients meet it: a small driver that does what the pool and the machine say, with GET and POST in turn, right after an
//! answer or after a pause, written at once, in two pieces or late; and the example `fetch`.
//!
//! What is judged, each request by itself:
//! - FOREIGN: octets that the origin had written before the client's last look (or, where it does not look, before its first octet
//!   left) are delivered as an answer. Never allowed.
//! - crossed: the same, but written later. The request's first octet had left, or was about to, before they could be seen; by
//!   HTTP these are an early answer, and no client can tell (RFC 9112 9.3.2 and 9.5). A figure of its own, and no fault.
//! - TWICE: a POST that the origin received whole more than once. Never allowed.
//! - LOST: a request without answer and without verdict, or a GET that failed though nothing had crossed it. Never allowed.
//!
//! A write that ended before the look is in the client's socket: loopback hands it over within the call.

mod driver;
mod fetch;
mod judge;
mod origin;
mod plan;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use driver::Driver;
use judge::Tally;
use origin::{Kind, Origin};
use plan::Round;

/// Most of the time a round waits.
const THREADS: usize = 64;
const USAGE: &str =
    "hostile [--rounds N] [--only KIND] [--fetch PATH]: N rounds of each kind, 20 unless said otherwise";

struct Options {
    rounds: u64,
    only: Option<String>,
    fetch: PathBuf,
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(why) => {
            eprintln!("hostile: {why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let kinds: Vec<_> =
        Kind::ALL.iter().filter(|(_, name)| options.only.as_ref().is_none_or(|only| only == name)).collect();
    if kinds.is_empty() {
        eprintln!("hostile: no such kind\n{USAGE}");
        return ExitCode::from(2);
    }
    let clients = [("driver", drive as fn(&Options, &Round) -> _), ("fetch", fetch)];
    // both at once: they wait most of the time
    let counted = thread::scope(|scope| {
        let (options, kinds) = (&options, &kinds);
        let running = clients.map(|(client, run)| (client, scope.spawn(move || rounds(options, kinds, run))));
        running.map(|(client, running)| (client, running.join().unwrap_or_default()))
    });
    let mut violations = Vec::new();
    for (client, tallies) in counted {
        println!("{client:8}{:15}{}", "", Tally::HEADINGS.map(|heading| format!("{heading:>9}")).concat());
        if tallies.len() < kinds.len() {
            violations.push(format!("{client}: a thread panicked"));
        }
        for ((_, name), tally) in kinds.iter().zip(tallies) {
            println!("{:8}{name:15}{}", "", tally.counts().map(|count| format!("{count:>9}")).concat());
            violations.extend(tally.violations.into_iter().map(|violation| format!("{client}, {name}: {violation}")));
        }
    }
    for violation in violations.iter().take(10) {
        eprintln!("hostile: {violation}");
    }
    if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All rounds of one client: what became of each kind.
fn rounds(
    options: &Options,
    kinds: &[&(Kind, &str)],
    run: fn(&Options, &Round) -> Result<Tally, String>,
) -> Vec<Tally> {
    let tallies: Vec<_> = kinds.iter().map(|_| Mutex::new(Tally::default())).collect();
    let next = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    // the longest ones first, so that they do not end alone
                    let (kind, number) = ((turn % kinds.len() as u64) as usize, turn / kinds.len() as u64);
                    let Some(number) = options.rounds.checked_sub(1 + number) else { return };
                    let tally = run(options, &Round::new(kinds[kind].0, number)).unwrap_or_else(|why| {
                        let mut tally = Tally::default();
                        tally.lose(&why);
                        tally
                    });
                    tallies[kind].lock().unwrap_or_else(PoisonError::into_inner).add(tally);
                }
            });
        }
    });
    tallies.into_iter().map(|tally| tally.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}

fn options() -> Result<Options, String> {
    let fetch = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/release/examples/fetch");
    let mut options = Options { rounds: 20, only: None, fetch: fetch.into() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("{word}: what?"))?;
        match word.as_str() {
            "--rounds" => options.rounds = value.parse().map_err(|_| format!("{value}: not a number"))?,
            "--only" => options.only = Some(value),
            "--fetch" => options.fetch = value.into(),
            _ => return Err(format!("{word}: not an option")),
        }
    }
    Ok(options)
}

/// A round of our driver.
fn drive(_: &Options, round: &Round) -> Result<Tally, String> {
    let origin = Origin::start(Some((round.kind, round.gap))).map_err(|error| error.to_string())?;
    let mut driver = Driver::new(origin.address);
    let mut asked = Vec::new();
    for (number, method) in round.methods.into_iter().enumerate() {
        if number % 2 == 1 {
            thread::sleep(round.pause);
        }
        asked.push(driver.ask(method, &format!("/{}/{number}", round.number), round.manner));
    }
    drop(driver);
    let (log, mut tally) = (origin.end(), Tally::default());
    for asked in &asked {
        tally.judge(&log, asked);
    }
    Ok(tally)
}

fn fetch(options: &Options, round: &Round) -> Result<Tally, String> {
    fetch::run(&options.fetch, round)
}
