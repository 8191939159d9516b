//! The runs of a scenario as a table: CSV, written and compared.

use std::fs;
use std::path::Path;

use crate::simulation::measures::Outcome;

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// The series.
    pub series: String,
    /// The value of the first axis.
    pub at: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// As many digits as a table needs, and as every machine agrees on.
pub fn digits(value: f64) -> String {
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// As CSV.
///
/// # Errors
///
/// Why a row can not be written.
pub fn csv(axis: &str, rows: &[Row]) -> Result<String, String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let head = ["series", axis].into_iter().chain(Outcome::NAMES).chain(["ends"]);
    writer.write_record(head).map_err(|error| error.to_string())?;
    for row in rows {
        let values = row.outcome.columns.iter().map(|&(_, value)| digits(value));
        let ends = row.outcome.ends.iter().map(|(why, count)| format!("{why}={count}")).collect::<Vec<_>>().join(" ");
        let record = [row.series.clone(), row.at.clone()].into_iter().chain(values).chain([ends]);
        writer.write_record(record).map_err(|error| error.to_string())?;
    }
    let octets = writer.into_inner().map_err(|error| error.to_string())?;
    String::from_utf8(octets).map_err(|error| error.to_string())
}

/// The first line in which the table differs from the one in the file.
///
/// # Errors
///
/// The difference, or why the file can not be read.
pub fn compare(table: &str, committed: &Path) -> Result<(), String> {
    let name = committed.display();
    let before = fs::read_to_string(committed).map_err(|error| format!("{name}: {error}"))?;
    if before == table {
        return Ok(());
    }
    let differ = before.lines().zip(table.lines()).enumerate().find(|(_, (before, now))| before != now);
    Err(match differ {
        Some((number, (before, now))) => format!("{name}:{}:\n  committed {before}\n  now       {now}", number + 1),
        None => format!("{name}: {} lines committed, {} now", before.lines().count(), table.lines().count()),
    })
}
