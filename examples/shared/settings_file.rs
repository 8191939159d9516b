//! `NAME|FILE`: the settings of a system by its name, or those of a file in TOML.

use std::fs;
use std::path::Path;

use http_keepalive::presets::{self, nearest};
use serde::de::DeserializeSeed;

/// What `given` is: a preset of `names`, which `named` has, or a file, which `seed` reads. `side`: whose.
pub fn read<'s, T, S: for<'de> DeserializeSeed<'de, Value = T>>(
    given: &str,
    side: &str,
    named: Option<T>,
    names: impl Iterator<Item = &'s str>,
    seed: S,
) -> Result<T, String> {
    if let Some(preset) = named {
        return Ok(preset);
    }
    let path = Path::new(given);
    if path.is_dir() {
        return Err(format!("{given} is a folder: expected the name of a {side}'s preset or a file in TOML"));
    }
    if !path.exists() {
        let hint = match nearest(given, names) {
            _ if presets::client(given).is_some() => "it is a client's".to_owned(),
            _ if presets::server(given).is_some() => "it is a server's".to_owned(),
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => "`check --list` has the names".to_owned(),
        };
        return Err(format!("`{given}` is no preset of a {side}, nor a file: {hint}"));
    }
    let text = fs::read_to_string(path).map_err(|error| format!("{given}: {error}"))?;
    let read = toml::Deserializer::parse(&text).and_then(|file| seed.deserialize(file));
    read.map_err(|error| match error.span() {
        Some(span) => {
            let line = text[..span.start].matches('\n').count() + 1;
            format!("{given}: line {line}: {}", error.message())
        }
        None => format!("{given}: {}", error.message()),
    })
}
