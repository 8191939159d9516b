//! Two measures, since neither is enough alone. By the clock: heads, ours beside other parsers', as ratios. By instructions under callgrind: the same work twice, few times and many, so that the start of the program cancels out.
//! The counts of one binary repeat to about one instruction, whatever else the machine does.

mod clock;
mod heads;
mod inputs;
mod peers;
mod pool;
mod work;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};

/// Speed by counted instructions: ours and the peers' in one run.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    command: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Does one kind of work so many times: what is counted.
    Run { work: String, input: String, times: usize },
    /// Times the pool beside a lookup in the standard map.
    Pool {
        #[arg(long, default_value_t = 1_000_000)]
        connections: usize,
        #[arg(long, default_value_t = 100_000)]
        origins: usize,
    },
    /// Times heads by the clock, beside other parsers, and prints ratios.
    Clock {
        #[arg(long, default_value_t = 151)]
        rounds: usize,
        /// One input alone.
        #[arg(long, value_name = "NAME", value_parser = inputs::TIMED)]
        only: Option<String>,
        /// Draws them, too.
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
    },
    /// Counts everything under callgrind and prints it with the ratios.
    Count {
        /// Fails if a count is over the committed one by more than 3 per cent, or a ratio over its bound.
        #[arg(long, value_name = "FILE")]
        check: Option<String>,
        /// Writes the counts to a file.
        #[arg(long, value_name = "FILE")]
        save: Option<String>,
    },
}

fn main() -> ExitCode {
    let result = match Options::parse().command {
        Action::Run { work, input, times } => run(&work, &input, times),
        Action::Pool { connections, origins } => {
            pool::compare(connections, origins);
            pool::beside_pingora(connections, origins);
            Ok(())
        }
        Action::Clock { rounds, only, svg } => clock::run(rounds.max(1), only.as_deref(), svg.as_deref()),
        Action::Count { check, save } => count(check.as_deref(), save.as_deref()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("benches: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(work: &str, input: &str, times: usize) -> Result<(), String> {
    let heads = inputs::named(input).ok_or("no such input")?.heads;
    work::run(work, &heads[0], times).ok_or_else(|| "no such work".into())
}

/// What is counted.
const COUNTED: [(&str, &str); 42] = [
    ("ours", "tiny"),
    ("ours", "classic"),
    ("ours", "chrome"),
    ("ours", "resp"),
    ("httparse", "tiny"),
    ("httparse", "classic"),
    ("httparse", "chrome"),
    ("httparse", "resp"),
    ("ours-lazy", "classic"),
    ("ours-lazy", "chrome"),
    ("octets", "tiny"),
    ("octets", "classic"),
    ("octets", "chrome"),
    ("pieces", "classic"),
    ("pieces", "chrome"),
    ("exchange", "tiny"),
    ("exchange", "classic"),
    ("exchange", "chrome"),
    ("drive", "tiny"),
    ("relay", "tiny"),
    ("relay", "64k"),
    ("pipelined", "tiny"),
    ("pipelined", "classic"),
    ("pipelined", "chrome"),
    ("chunks-small", "tiny"),
    ("chunks-large", "tiny"),
    ("response-head", "tiny"),
    ("next-deadline", "tiny"),
    ("wants", "tiny"),
    ("wants-parts", "tiny"),
    ("exchange-unchecked", "tiny"),
    ("client-exchange", "tiny"),
    ("client-exchange-unchecked", "tiny"),
    ("http-net-client", "tiny"),
    ("http-net-server", "tiny"),
    ("pool", "tiny"),
    ("pool-until", "tiny"),
    ("pool-shared", "tiny"),
    ("pool-hint", "tiny"),
    ("map-lookup", "tiny"),
    ("pool-opened", "tiny"),
    ("pool-expiry", "tiny"),
];

/// Bounds on ratios of counts taken in this run: parsing a head, ours over httparse's.
const RATIOS: [(&str, f64); 4] = [("tiny", 0.80), ("classic", 0.90), ("chrome", 0.90), ("resp", 0.90)];

/// Our client's whole small exchange over http-net's.
const MOST_OF_HTTP_NET: f64 = 0.50;

/// Instructions of a check-out and a check-in beyond those of a lookup of the same key in the standard map: of a driver that says
/// nothing else, that says until when, and that passes on the peer's hint.
const MOST_BEYOND_LOOKUP: [(&str, u64); 3] = [("pool tiny", 80), ("pool-until tiny", 120), ("pool-hint tiny", 140)];

fn count(check: Option<&str>, save: Option<&str>) -> Result<(), String> {
    let mut counts = BTreeMap::new();
    for (work, input) in COUNTED {
        let count = instructions(work, input)?;
        counts.insert(format!("{work} {input}"), count);
    }
    let mut report = String::new();
    for (name, count) in &counts {
        let _ = writeln!(report, "{name:24} {count}");
    }
    print!("{report}");
    let mut broken = Vec::new();
    for (row, most) in MOST_BEYOND_LOOKUP {
        let beyond = counts[row].saturating_sub(counts["map-lookup tiny"]);
        println!("a check-out and a check-in, beyond a lookup, {row}: {beyond} (at most {most})");
        if beyond > most {
            broken.push(format!("{row}: {beyond} beyond a lookup, over {most}"));
        }
    }
    let ratio = counts["client-exchange tiny"] as f64 / counts["http-net-client tiny"] as f64;
    println!("a client's exchange, ours / http-net's: {ratio:.3} (at most {MOST_OF_HTTP_NET:.2})");
    if ratio > MOST_OF_HTTP_NET {
        broken.push(format!("a client's exchange: {ratio:.3} of http-net's, over {MOST_OF_HTTP_NET:.2}"));
    }
    for (input, most) in RATIOS {
        let ratio = counts[&format!("ours {input}")] as f64 / counts[&format!("httparse {input}")] as f64;
        println!("ours / httparse, {input}: {ratio:.3} (at most {most:.2})");
        if ratio > most {
            broken.push(format!("{input}: {ratio:.3} of httparse, over {most:.2}"));
        }
    }
    for (input, octets) in inputs::ALL {
        if let Some(count) = counts.get(&format!("octets {input}")) {
            let each = *count as f64 / octets.len() as f64;
            println!("one octet at a time, {input}: {each:.1} each");
        }
    }
    if let Some(path) = save {
        std::fs::write(path, &report).map_err(|error| format!("cannot write {path}: {error}"))?;
    }
    if let Some(path) = check {
        let budget = std::fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))?;
        broken.extend(over_budget(&budget, &counts));
        return if broken.is_empty() { Ok(()) } else { Err(broken.join("\n         ")) };
    }
    Ok(())
}

/// What is over its committed count, and what is not in both: a row that is renamed would else be checked no more.
fn over_budget(budget: &str, counts: &BTreeMap<String, u64>) -> Vec<String> {
    let mut broken = Vec::new();
    let mut committed = BTreeMap::new();
    for line in budget.lines().filter(|line| !line.trim().is_empty()) {
        match line.rsplit_once(' ').map(|(name, most)| (name.trim(), most.parse::<u64>())) {
            Some((name, Ok(most))) => {
                committed.insert(name, most);
            }
            _ => broken.push(format!("no row: {line}")),
        }
    }
    for name in committed.keys().filter(|name| !counts.contains_key(**name)) {
        broken.push(format!("{name}: committed, and not counted"));
    }
    for (name, &count) in counts {
        let ours = !["httparse ", "http-net-", "map-"].into_iter().any(|peer| name.starts_with(peer));
        match committed.get(name.as_str()) {
            None => broken.push(format!("{name}: counted, and not committed")),
            Some(most) if ours && count * 100 > most * 103 => {
                broken.push(format!("{name}: {count} instructions, {most} committed"));
            }
            Some(_) => {}
        }
    }
    broken
}

/// Instructions of one piece of work.
fn instructions(work: &str, input: &str) -> Result<u64, String> {
    let (few, many) = (100, 600);
    let (most, least) = (total(work, input, many)?, total(work, input, few)?);
    let difference = most.checked_sub(least).ok_or("more work took fewer instructions")?;
    let each = match work {
        "pipelined" => 16,
        "pool-opened" | "pool-expiry" => 10,
        _ => 1,
    };
    Ok(difference / (many - few) as u64 / each)
}

fn total(work: &str, input: &str, times: usize) -> Result<u64, String> {
    let mut program = std::env::current_exe().map_err(|error| error.to_string())?;
    match work {
        "drive" => program.set_file_name("driven"),
        "relay" => program.set_file_name("relayed"),
        _ => {}
    }
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["run", work, input, &times.to_string()])
        .output()
        .map_err(|error| format!("cannot run valgrind: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let line =
        text.lines().find_map(|line| line.split_once("Collected :")).ok_or_else(|| format!("no count: {text}"))?;
    line.1.trim().parse().map_err(|_| format!("no count: {}", line.1))
}
