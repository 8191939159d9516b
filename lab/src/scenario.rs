//! A scenario in a file: a world, what is varied of it, and what is drawn.
//!
//! Each `[[series]]` changes the world; each `[[axis]]` gives one setting several values. Every series is run at every combination of values.
//! The first axis is that of the charts; further ones become part of the series' names. `[small]` makes all of it small, for a check.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use toml::{Table, Value};

use crate::settings::World;

/// A setting, and the values that it takes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// Its name, with dots: `network.round_trip`. Several settings that take the same value: `a.b, c.d`.
    pub setting: String,
    /// What it is, with its unit, for people.
    pub title: String,
    /// The values.
    pub values: Vec<Value>,
    /// What each is called in the names of series; empty: as it is written.
    #[serde(default)]
    pub names: Vec<String>,
    /// On charts: as a logarithm.
    #[serde(default)]
    pub logarithmic: bool,
}

/// A change of the world with a name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Series {
    /// The name.
    pub name: String,
    /// The settings that are different.
    #[serde(default)]
    pub world: Table,
}

/// What is drawn.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChartPlan {
    /// The file, without its end.
    pub file: String,
    /// The heading.
    pub title: String,
    /// The column.
    pub column: String,
    /// What the column is, with its unit.
    pub label: String,
    /// Divided by what this series has at the same values.
    #[serde(default)]
    pub relative_to: Option<String>,
    /// Only these series: those whose names begin so.
    #[serde(default)]
    pub only: Vec<String>,
    /// The vertical axis as a logarithm.
    #[serde(default)]
    pub logarithmic: bool,
}

/// A scenario.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is about.
    pub title: String,
    /// The claim of the texts that it tries.
    pub claim: String,
    /// Seeds that each run is repeated with; what is told is the mean.
    #[serde(default = "one")]
    pub seeds: u32,
    /// What all have in common.
    #[serde(default)]
    pub world: Table,
    /// What is compared.
    pub series: Vec<Series>,
    /// What is varied.
    pub axis: Vec<Axis>,
    /// What is drawn.
    #[serde(default)]
    pub chart: Vec<ChartPlan>,
    /// Changes of the world that make it small.
    #[serde(default)]
    pub small: Table,
    /// Its name: that of its file.
    #[serde(skip)]
    pub name: String,
}

const fn one() -> u32 {
    1
}

/// One run.
#[derive(Clone, Debug)]
pub struct Run {
    /// The series, with the values of all axes but the first.
    pub series: String,
    /// The value of the first axis.
    pub at: String,
    /// The world, with the first seed.
    pub world: World,
}

/// Puts `over` onto `table`, key by key. A `preset` in it stands for a whole: what was there of that table goes.
fn merge(table: &mut Table, over: &Table) {
    for (key, value) in over {
        match (table.get_mut(key), value) {
            (Some(Value::Table(under)), Value::Table(over)) if !over.contains_key("preset") => merge(under, over),
            _ => _ = table.insert(key.clone(), value.clone()),
        }
    }
}

/// Sets one setting by its name with dots.
fn set(table: &mut Table, name: &str, value: &Value) {
    match name.split_once('.') {
        None => _ = table.insert(name.to_owned(), value.clone()),
        Some((first, rest)) => {
            let inner = table.entry(first).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                set(inner, rest, value);
            }
        }
    }
}

/// A value as it stands in names and tables.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Scenario {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// Where it can not be read, or what is wrong in it.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut scenario: Self = toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        scenario.name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("scenario").to_owned();
        if scenario.axis.is_empty() || scenario.axis.iter().any(|axis| axis.values.is_empty()) {
            return Err(format!("{}: at least one [[axis]], each with values", path.display()));
        }
        Ok(scenario)
    }

    /// Every run, series by series.
    ///
    /// # Errors
    ///
    /// Which run has settings that are wrong.
    pub fn runs(&self, small: bool, seed: Option<u64>) -> Result<Vec<Run>, String> {
        let mut combinations: Vec<Vec<&Value>> = vec![Vec::new()];
        for axis in &self.axis {
            let longer = combinations.iter().flat_map(|combination| {
                axis.values.iter().map(move |value| combination.iter().copied().chain([value]).collect())
            });
            combinations = longer.collect();
        }
        // in the order of the charts: the first axis runs fastest
        combinations.sort_by_key(|combination| {
            let place = |(axis, value): (&Axis, &&Value)| axis.values.iter().position(|other| other == *value);
            self.axis.iter().zip(combination).skip(1).map(place).collect::<Vec<_>>()
        });
        let mut runs = Vec::new();
        for series in &self.series {
            for combination in &combinations {
                let mut table = self.world.clone();
                merge(&mut table, &series.world);
                let mut name = series.name.clone();
                for (number, (axis, value)) in self.axis.iter().zip(combination).enumerate() {
                    axis.setting.split(", ").for_each(|setting| set(&mut table, setting, value));
                    if number > 0 {
                        let place = axis.values.iter().position(|other| other == *value);
                        let called = place.and_then(|place| axis.names.get(place));
                        name = format!("{name}, {}", called.cloned().unwrap_or_else(|| shown(value)));
                    }
                }
                if small {
                    merge(&mut table, &self.small);
                }
                if let Some(seed) = seed {
                    set(&mut table, "seed", &Value::Integer(seed as i64));
                }
                let at = shown(combination[0]);
                let world = World::deserialize(Value::Table(table))
                    .map_err(|error| format!("{}: {name} at {at}: {error}", self.name))?;
                world.check().map_err(|error| format!("{}: {name} at {at}: {error}", self.name))?;
                runs.push(Run { series: name, at, world });
            }
        }
        Ok(runs)
    }
}
