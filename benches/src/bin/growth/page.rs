//! The page of all charts and tables, and a table by itself.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::series::{Group, Line};

const COMMAND: &str = "cargo run --release --manifest-path benches/Cargo.toml --target-dir target/benches --bin growth -- \\\n    --all --svg docs/growth --page docs/growth.md";

pub fn whole(counted: &[(&Group, Vec<Line>)], charts: &Path, page: &Path) -> String {
    let charts = page.parent().and_then(|folder| charts.strip_prefix(folder).ok()).unwrap_or(charts);
    let mut text = format!(
        "# How cost grows with size

Instructions, counted under callgrind on {date}: what a unit of work costs (an octet, a field line, a connection, a request) at sizes far
apart. This page, with its charts, is made by

```sh
{COMMAND}
```

The same program without options checks each series against its bound, and `.ci/run` runs it. The laws:

- *flat*: an operation costs the same among many as among few;
- *linear*: work grows with its size and no faster, so a unit of it costs no more;
- *logarithm*: an operation costs more among many, but only as the logarithm of their number: what is out of order is put into a tree, and
  what is taken out of the middle is searched by bisection.

What is done once for all units outweighs them while they are few. So a bound holds from a size on (*since*). *Steepest* is by how much a
unit costs more at any greater size than by the law, *most* how much it may, with the reason below where that is more than a
quarter. In the charts the red line is the bound.
",
        date = today()
    );
    for (group, lines) in counted {
        let chart = charts.join(format!("{}.svg", group.name));
        let _ = write!(text, "\n## {0}\n\n![{0}]({1})\n\n{2}", group.title, chart.display(), table(group, lines));
        let series = lines.iter().map(|line| line.series);
        let reasons = series.filter_map(|series| series.why.map(|why| (series, why)));
        for (number, (series, why)) in reasons.enumerate() {
            let blank = if number == 0 { "\n" } else { "" };
            let _ = writeln!(text, "{blank}- *{}*, {:.2}: {why}.", series.name, series.most);
        }
    }
    text
}

/// What a unit of each series costs at each size.
pub fn table(group: &Group, lines: &[Line]) -> String {
    let sizes: Vec<usize> =
        lines.first().map(|line| line.points.iter().map(|point| point.0).collect()).unwrap_or_default();
    let mut text = format!("| {}: | a unit |", group.size);
    sizes.iter().for_each(|&size| _ = write!(text, " {} |", grouped(size)));
    let _ = write!(
        text,
        " law | since | steepest | most |\n| --- | --- |{} --- | ---: | ---: | ---: |\n",
        " ---: |".repeat(sizes.len())
    );
    for line in lines {
        let series = line.series;
        let _ = write!(text, "| {} | {} |", series.name, series.unit);
        line.points.iter().for_each(|&(_, each)| _ = write!(text, " {} |", number(each)));
        let (law, since, steepest, most) = (series.law.name(), grouped(series.since), line.steepest(), series.most);
        let _ = writeln!(text, " {law} | {since} | {steepest:.2} | {most:.2} |");
    }
    text
}

/// With as many digits as matter.
pub fn number(each: f64) -> String {
    match each {
        100.0.. => format!("{each:.0}"),
        10.0.. => format!("{each:.1}"),
        _ => format!("{each:.2}"),
    }
}

/// With a space between thousands.
fn grouped(size: usize) -> String {
    let digits = size.to_string();
    let group = |(at, digit): (usize, char)| {
        let space = at > 0 && (digits.len() - at) % 3 == 0;
        space.then_some(' ').into_iter().chain([digit])
    };
    digits.chars().enumerate().flat_map(group).collect()
}

/// The day of the clock, in the Gregorian calendar.
fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    // of eras of 400 years that begin in March, so that the day of a leap year is the last
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    format!("{}-{month:02}-{day:02}", era * 400 + year + u64::from(month < 3))
}
