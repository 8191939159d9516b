//! The command line: runs scenarios, writes tables and charts, compares them with those that are committed, and asks real programs.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Parser, Subcommand};
use http_keepalive_lab::scenario::{Run, Scenario};
use http_keepalive_lab::simulation::{self, measures::Outcome};
use http_keepalive_lab::table::{Row, compare, csv, digits};
use http_keepalive_lab::{chart, truth};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What persistent connections buy: claims as experiments in virtual time, on the crate's own lifecycles and pools.
///
/// A scenario is a file in `lab/scenarios`: a world (users, page, client, server, machine, network), what is varied of it, and what is drawn.
/// The same seed gives the same digits. What is modelled and what is not is at the top of lab/README.md.
#[derive(Debug, Parser)]
#[command(
    name = "lab",
    after_help = "Exits with 0 if all was well, with 1 where a table differs or the truth does not hold, with 2 for wrong options."
)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The scenarios, each with the claim it tries
    List,
    /// Run scenarios: a table (CSV) and charts (SVG) of each
    Run {
        /// Names (`timeouts`) or files; none: all of them but the great one, `million`
        scenarios: Vec<PathBuf>,
        #[command(flatten)]
        how: How,
        /// The folder for tables and charts; none is written without it, and the table is printed
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Columns of the printed table
        #[arg(
            long,
            value_delimiter = ',',
            default_value = "page_mean_ms,page_p95_ms,connections_per_page,pages_failed,lost,drops_percent"
        )]
        columns: Vec<String>,
    },
    /// Run all scenarios small, and compare their tables with those of a folder
    Check {
        /// The folder
        #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/expected"))]
        expected: PathBuf,
        /// Write what is new there instead
        #[arg(long)]
        write: bool,
    },
    /// Run six settings in real time, with `serve` and `fetch` through a proxy that delays, and compare
    Truth(truth::Options),
}

#[derive(Debug, Args)]
struct How {
    /// With the changes of `[small]`, for a check
    #[arg(long)]
    small: bool,
    /// Another seed than the scenario's
    #[arg(long)]
    seed: Option<u64>,
    /// Only series whose names begin so
    #[arg(long, value_name = "NAME")]
    series: Option<String>,
    /// Without progress
    #[arg(long, short)]
    quiet: bool,
}

const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");

/// It is run by name alone, as it takes minutes.
const GREAT: &str = "million";

fn main() -> ExitCode {
    match Options::parse().command {
        Command::List => told(list()),
        Command::Run { scenarios, how, out, columns } => told(run_all(&scenarios, &how, out.as_deref(), &columns)),
        Command::Check { expected, write } => told(check(&expected, write)),
        Command::Truth(options) => told(truth::run(&options)),
    }
}

fn told(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("lab: {message}");
            ExitCode::FAILURE
        }
    }
}

fn all() -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(SCENARIOS).map_err(|error| format!("{SCENARIOS}: {error}"))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    paths.sort();
    Ok(paths)
}

/// By name, or a file.
fn found(name: &Path) -> PathBuf {
    let known = Path::new(SCENARIOS).join(name).with_extension("toml");
    if !name.exists() && known.exists() { known } else { name.to_owned() }
}

/// To standard output; that nobody reads on is no fault.
fn say(text: &str) -> Result<(), String> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("cannot write: {error}")),
        _ => Ok(()),
    }
}

fn list() -> Result<(), String> {
    for path in all()? {
        let scenario = Scenario::read(&path)?;
        let claim = scenario.claim.trim().replace('\n', "\n             ");
        say(&format!("{:<12} {}\n             {claim}\n", scenario.name, scenario.title))?;
    }
    Ok(())
}

fn run_all(names: &[PathBuf], how: &How, out: Option<&Path>, columns: &[String]) -> Result<(), String> {
    if let Some(wrong) = columns.iter().find(|column| !Outcome::NAMES.contains(&column.as_str())) {
        return Err(format!("no column `{wrong}`: there are {}", Outcome::NAMES.join(", ")));
    }
    let great = Path::new(SCENARIOS).join(GREAT).with_extension("toml");
    let paths = if names.is_empty() { all()? } else { names.iter().map(|name| found(name)).collect() };
    for path in paths.iter().filter(|path| !names.is_empty() || **path != great) {
        let scenario = Scenario::read(path)?;
        let began = Instant::now();
        let rows = rows(&scenario, how)?;
        match out {
            Some(folder) => write(&scenario, &rows, folder)?,
            None => say(&shown(&scenario, &rows, columns))?,
        }
        let events: f64 = rows.iter().filter_map(|row| row.outcome.value("events")).sum();
        eprintln!(
            "{}: {} runs, {} events, {:.1} s",
            scenario.name,
            rows.len(),
            digits(events),
            began.elapsed().as_secs_f64()
        );
    }
    Ok(())
}

fn rows(scenario: &Scenario, how: &How) -> Result<Vec<Row>, String> {
    let mut runs = scenario.runs(how.small, how.seed)?;
    if let Some(only) = &how.series {
        runs.retain(|run| run.series.starts_with(only.as_str()));
    }
    let seeds = if how.small { 1 } else { scenario.seeds.max(1) };
    let users: u64 = runs.iter().map(|run| u64::from(run.world.users.count) * u64::from(seeds)).sum();
    let bar = ProgressBar::with_draw_target(
        Some(users),
        if how.quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() },
    );
    let style = ProgressStyle::with_template("{msg:40!} {bar:30} {pos}/{len} users, {elapsed}, {eta} to go");
    bar.set_style(style.map_err(|error| error.to_string())?);
    bar.enable_steady_tick(Duration::from_millis(500));
    let rows = runs.into_iter().map(|run| row(scenario, run, seeds, &bar)).collect();
    bar.finish_and_clear();
    rows
}

fn row(scenario: &Scenario, run: Run, seeds: u32, bar: &ProgressBar) -> Result<Row, String> {
    let Run { series, at, world } = run;
    let mut outcomes = Vec::new();
    for number in 0..seeds {
        let mut world = world.clone();
        world.seed += u64::from(number);
        let before = bar.position();
        let outcome = simulation::run(&world, |events, users| {
            bar.set_message(format!("{} {series} {at}: {}M events", scenario.name, events >> 20));
            bar.set_position(before + users);
        });
        outcomes.push(outcome.map_err(|error| format!("{}: {series} at {at}: {error}", scenario.name))?);
        bar.set_position(before + u64::from(world.users.count));
    }
    let outcome = Outcome::mean(&outcomes).ok_or("no seed")?;
    Ok(Row { series, at, outcome })
}

fn write(scenario: &Scenario, rows: &[Row], folder: &Path) -> Result<(), String> {
    let put = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    put(&format!("{}.csv", scenario.name), &csv(&scenario.axis[0].title, rows)?)?;
    for plan in &scenario.chart {
        put(&format!("{}.svg", plan.file), &chart::svg(plan, &scenario.axis[0], rows)?)?;
    }
    Ok(())
}

/// The table, for people. Writing to a `String` does not fail.
fn shown(scenario: &Scenario, rows: &[Row], columns: &[String]) -> String {
    let widest = rows.iter().map(|row| row.series.len()).max().unwrap_or(0).max(6);
    let mut text = format!("{}\n{:widest$} {:>10}", scenario.title, "series", "at");
    for column in columns {
        let _ = write!(text, " {column:>width$}", width = column.len().max(9));
    }
    for row in rows {
        let _ = write!(text, "\n{:widest$} {:>10}", row.series, row.at);
        for column in columns {
            let value = row.outcome.value(column).unwrap_or(f64::NAN);
            let _ = write!(text, " {:>width$}", format!("{value:.2}"), width = column.len().max(9));
        }
    }
    text.push('\n');
    text
}

fn check(expected: &Path, write: bool) -> Result<(), String> {
    let mut wrong = Vec::new();
    for path in all()? {
        let scenario = Scenario::read(&path)?;
        let how = How { small: true, seed: None, series: None, quiet: true };
        let began = Instant::now();
        let rows = rows(&scenario, &how)?;
        let table = csv(&scenario.axis[0].title, &rows)?;
        for plan in &scenario.chart {
            chart::svg(plan, &scenario.axis[0], &rows)?;
        }
        let committed = expected.join(&scenario.name).with_extension("csv");
        if write {
            fs::create_dir_all(expected)
                .and_then(|()| fs::write(&committed, &table))
                .map_err(|error| error.to_string())?;
        }
        let same = compare(&table, &committed);
        say(&format!(
            "{:<12} {} runs, {:.1} s: {}\n",
            scenario.name,
            rows.len(),
            began.elapsed().as_secs_f64(),
            if same.is_ok() { "the same" } else { "differs" }
        ))?;
        wrong.extend(same.err());
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}
