//! How cost grows with size: each series is one kind of work at sizes far apart, counted under callgrind, each piece of work alone. A
//! unit of it (an octet, a field, a connection, a waiter) may not cost more in a great number than in a small one, but for what the
//! series says. `flat` asks the same of shapes of messages.
//!
//! Read first: [`series`], which says what a series is and holds it against its bound.

#[path = "../../calls.rs"]
mod calls;
mod chart;
mod count;
mod messages;
mod page;
mod pool;
mod queues;
mod series;
mod waiters;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use series::{GROUPS, Group, Line};

/// Counts what a unit of work costs at sizes from small to great, prints a table of instructions, and fails with a line for each series
/// that is over its bound. Needs valgrind.
#[derive(Parser)]
struct Options {
    /// Also the greatest sizes, a million connections: this takes some minutes.
    #[arg(long)]
    all: bool,
    /// These groups of series alone.
    #[arg(long, value_name = "GROUP", value_delimiter = ',', value_parser = GROUPS.map(|group| group.name))]
    only: Vec<String>,
    /// Draws a chart of each group into this folder.
    #[arg(long, value_name = "DIR")]
    svg: Option<PathBuf>,
    /// Writes the page that shows the charts, with the tables.
    #[arg(long, value_name = "FILE", requires = "svg", conflicts_with = "only")]
    page: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Action>,
}

#[derive(Subcommand)]
enum Action {
    /// Does the work of a group once, at every size: what is counted.
    #[command(hide = true)]
    Run { group: String },
}

fn main() -> ExitCode {
    let options = Options::parse();
    let result = match &options.command {
        Some(Action::Run { group }) => count::run(group, options.all).map(|()| Vec::new()),
        None => check(&options),
    };
    let broken = result.unwrap_or_else(|message| vec![message]);
    broken.iter().for_each(|line| eprintln!("growth: {line}"));
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Counts, prints and draws: the series that are over their bounds.
fn check(options: &Options) -> Result<Vec<String>, String> {
    let is_asked = |group: &Group| options.only.is_empty() || options.only.iter().any(|name| name == group.name);
    let groups: Vec<&Group> = GROUPS.into_iter().filter(|group| is_asked(group)).collect();
    let counted: Vec<(&Group, Vec<Line>)> = count::all(&groups, options.all)?;
    for (group, lines) in &counted {
        println!("{}", page::table(group, lines));
    }
    if let Some(folder) = &options.svg {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for (group, lines) in &counted {
            let path = folder.join(format!("{}.svg", group.name));
            chart::draw(group, lines, &path).map_err(|error| format!("cannot draw {}: {error}", path.display()))?;
        }
        if let Some(page) = &options.page {
            let text = page::whole(&counted, folder, page);
            std::fs::write(page, text).map_err(|error| format!("{}: {error}", page.display()))?;
        }
    }
    Ok(counted.iter().flat_map(|(group, lines)| lines.iter().filter_map(|line| line.broken(group))).collect())
}
