//! A file's sections over a preset: what a whole configuration is read from, and shown as.

use core::fmt;
use std::format;
use std::string::String;
use std::vec::Vec;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Changes, SettingError, Settings, Value, Written, read};
use crate::config::{Client, Config, Limits, Policy, Server, Timeouts};
use crate::connection::role::Role;
use crate::pool::{PoolConfig, PoolLimits, PoolPolicy, PoolTimeouts};
use crate::presets::{self, ClientPreset, ServerPreset};

/// A file's part for one side: a preset to begin with, and what is changed of it.
struct Sections {
    preset: Option<String>,
    limits: Changes,
    timeouts: Changes,
    policy: Changes,
    /// The settings outside of the three sections.
    own: Changes,
}

impl<'de> Deserialize<'de> for Sections {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Sections;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`preset`, `limits`, `timeouts` and `policy`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Sections, A::Error> {
                let none = || Changes(Vec::new());
                let mut all = Sections { preset: None, limits: none(), timeouts: none(), policy: none(), own: none() };
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "preset" => all.preset = Some(map.next_value()?),
                        "limits" => all.limits = map.next_value()?,
                        "timeouts" => all.timeouts = map.next_value()?,
                        "policy" => all.policy = map.next_value()?,
                        name if PRESET_FIELDS.contains(&name) => all.own.0.push((key, map.next_value()?)),
                        name => {
                            map.next_value::<IgnoredAny>()?;
                            if let Some(section) = section_of(name) {
                                return Err(de::Error::custom(format!("setting `{name}` belongs into `{section}`")));
                            }
                            let known = ["preset", "limits", "timeouts", "policy"].into_iter().chain(PRESET_FIELDS);
                            let nearest = presets::nearest(name, known);
                            return Err(de::Error::custom(SettingError::Unknown { name: key, nearest }));
                        }
                    }
                }
                Ok(all)
            }
        }
        deserializer.deserialize_map(All)
    }
}

/// The settings that a preset has outside of its sections.
const PRESET_FIELDS: [&str; 8] =
    ["request_hint", "asks", "max_hint", "depth", "repeats", "attempts", "head_timer", "connections"];

/// The section into which a setting belongs.
fn section_of(name: &str) -> Option<&'static str> {
    let sections: [(&str, [&[&str]; 2]); 3] = [
        ("limits", [Limits::NAMES, PoolLimits::NAMES]),
        ("timeouts", [Timeouts::NAMES, PoolTimeouts::NAMES]),
        ("policy", [Policy::NAMES, PoolPolicy::NAMES]),
    ];
    sections.into_iter().find(|(_, names)| names.iter().any(|names| names.contains(&name))).map(|(section, _)| section)
}

/// The preset of this name, or else an error that names the nearest.
fn named<P: Copy, E: de::Error>(
    name: Option<&str>,
    all: &'static [P],
    name_of: fn(&P) -> &'static str,
) -> Result<P, E> {
    let name = name.unwrap_or("crate-default");
    all.iter().find(|preset| name_of(preset) == name).copied().ok_or_else(|| {
        let nearest = presets::nearest(name, all.iter().map(name_of));
        E::custom(match nearest {
            Some(nearest) => format!("no preset `{name}`: did you mean `{nearest}`?"),
            None => format!("no preset `{name}`"),
        })
    })
}

impl Sections {
    /// Makes the changes.
    fn apply<E: de::Error>(
        &self,
        limits: &mut impl Settings,
        timeouts: &mut impl Settings,
        policy: &mut impl Settings,
    ) -> Result<(), E> {
        self.limits.apply(limits)?;
        self.timeouts.apply(timeouts)?;
        self.policy.apply(policy)
    }

    /// What is unknown of the preset of this name that the file changes: nothing, or all of it where the file only names the system.
    fn completed<E: de::Error>(
        &self,
        name: &'static str,
        unknown: &'static [&'static str],
    ) -> Result<&'static [&'static str], E> {
        let said = [&self.limits, &self.timeouts, &self.policy, &self.own];
        match unknown.iter().find(|name| !said.iter().any(|section| section.says(name))) {
            None => Ok(&[]),
            Some(_) if said.iter().all(|section| section.0.is_empty()) => Ok(unknown),
            Some(missing) => {
                Err(E::custom(format!("preset `{name}`: not known of this system, to be set: `{missing}`")))
            }
        }
    }
}

impl<'de> Deserialize<'de> for ServerPreset {
    /// A server: `preset`, and over it `limits`, `timeouts`, `policy`, `head_timer`, `connections`.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let file = Sections::deserialize(deserializer)?;
        let mut preset = named(file.preset.as_deref(), presets::SERVERS, |preset| preset.name)?;
        file.apply(&mut preset.limits, &mut preset.timeouts, &mut preset.policy)?;
        follow(&file.timeouts, &mut preset.timeouts);
        for (name, value) in &file.own.0 {
            match name.as_str() {
                "head_timer" => preset.head_timer = own("head_timer", value)?,
                "connections" => preset.connections = own("connections", value)?,
                _ => return Err(de::Error::custom(format!("setting `{name}` is none of a server"))),
            }
        }
        preset.unknown = file.completed(preset.name, preset.unknown)?;
        Ok(preset)
    }
}

impl<'de> Deserialize<'de> for ClientPreset {
    /// A client: `preset`, and over it the `limits`, `timeouts` and `policy` of its pool, `request_hint`, `asks`, `max_hint`, `depth`,
    /// `repeats`, `attempts`.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let file = Sections::deserialize(deserializer)?;
        let mut preset = named(file.preset.as_deref(), presets::CLIENTS, |preset| preset.name)?;
        file.apply(&mut preset.limits, &mut preset.timeouts, &mut preset.policy)?;
        for (name, value) in &file.own.0 {
            match name.as_str() {
                "request_hint" => preset.request_hint = own("request_hint", value)?,
                "asks" => preset.asks = own("asks", value)?,
                "max_hint" => preset.max_hint = own("max_hint", value)?,
                "depth" => preset.depth = own("depth", value)?,
                "repeats" => preset.repeats = own("repeats", value)?,
                "attempts" => preset.attempts = own("attempts", value)?,
                _ => return Err(de::Error::custom(format!("setting `{name}` is none of a client"))),
            }
        }
        preset.unknown = file.completed(preset.name, preset.unknown)?;
        Ok(preset)
    }
}

/// Where a file shortens `idle` and says nothing of `idle_advertised`, this one follows.
fn follow(said: &Changes, timeouts: &mut Timeouts) {
    if let (Some(idle), true, false) = (timeouts.idle, said.says("idle"), said.says("idle_advertised")) {
        if timeouts.idle_advertised.is_some_and(|advertised| advertised > idle) {
            timeouts.idle_advertised = Timeouts::advertised(idle);
        }
    }
}

fn own<W: Written, E: de::Error>(name: &'static str, value: &Value) -> Result<W, E> {
    read(name, value).map_err(E::custom)
}

impl<'de> Deserialize<'de> for Config<Server> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ServerPreset::deserialize(deserializer)?.config().map_err(de::Error::custom)
    }
}

/// Of a client's connection: its own limits, timeouts and policy. A system's preset is of its pool, too: [`ClientPreset`].
impl<'de, const DEPTH: usize> Deserialize<'de> for Config<Client<DEPTH>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let file = Sections::deserialize(deserializer)?;
        let base = match &file.preset {
            None => Self::DEFAULT,
            Some(name) => {
                let preset: ClientPreset = named(Some(name), presets::CLIENTS, |preset| preset.name)?;
                preset.config().map_err(de::Error::custom)?
            }
        };
        let (mut limits, mut timeouts, mut policy) = (*base.limits(), *base.timeouts(), *base.policy());
        if let Some((name, _)) = file.own.0.first() {
            return Err(de::Error::custom(format!("setting `{name}` is none of a connection")));
        }
        file.apply(&mut limits, &mut timeouts, &mut policy)?;
        Self::new(limits, timeouts, policy).map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for PoolConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ClientPreset::deserialize(deserializer)?.pool().map_err(de::Error::custom)
    }
}

/// Everything that is in force.
fn in_force<S: Serializer>(
    serializer: S,
    limits: &impl Serialize,
    timeouts: &impl Serialize,
    policy: &impl Serialize,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(3))?;
    map.serialize_entry("limits", limits)?;
    map.serialize_entry("timeouts", timeouts)?;
    map.serialize_entry("policy", policy)?;
    map.end()
}

impl<R: Role> Serialize for Config<R> {
    /// Everything that is in force.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        in_force(serializer, self.limits(), self.timeouts(), self.policy())
    }
}

impl Serialize for PoolConfig {
    /// Everything that is in force.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        in_force(serializer, self.limits(), self.timeouts(), self.policy())
    }
}
