//! A file's sections over a preset: what a whole configuration is read from, and shown as.

use core::fmt;
use core::marker::PhantomData;
use std::borrow::ToOwned;
use std::format;
use std::string::{String, ToString};

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Changes, Section, Setting, SettingError, Settings, Value, check, read};
use crate::config::by_name::unknown;
use crate::config::{Client, Config, Limits, Policy, Server, Timeouts};
use crate::connection::role::Role;
use crate::pool::{PoolConfig, PoolLimits, PoolPolicy, PoolTimeouts};
use crate::presets::{self, ClientPreset, ServerPreset};

/// Whose settings a file has.
trait Side {
    type Limits: Settings;
    type Timeouts: Settings;
    type Policy: Settings;
    /// The settings outside of the three sections.
    const OWN: &'static [&'static str];
    /// Can a setting outside of the sections have this value?
    fn check_own(name: &str, value: &Value) -> Result<(), String>;
    /// Is this the name of a preset?
    fn check_preset(name: &str) -> Result<(), String>;
    /// What is to be said of a setting that this side does not have, if another one has it.
    fn others(name: &str) -> Option<&'static str>;
}

/// A file's part for one side: a preset to begin with, and what is changed of it.
struct Sections<S> {
    preset: Option<String>,
    limits: Changes,
    timeouts: Changes,
    policy: Changes,
    own: Changes,
    side: PhantomData<S>,
}

impl<'de, S: Side> Deserialize<'de> for Sections<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All<S>(PhantomData<S>);
        impl<'de, S: Side> Visitor<'de> for All<S> {
            type Value = Sections<S>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`preset`, `limits`, `timeouts` and `policy`")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Sections<S>, A::Error> {
                let none = Changes::default;
                let (mut preset, mut own) = (None, none());
                let (mut limits, mut timeouts, mut policy) = (none(), none(), none());
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "preset" => {
                            let check = |_: &str, name: &Value| S::check_preset(&name.to_string());
                            preset = Some(map.next_value_seed(Setting { name: "preset", check })?.to_string());
                        }
                        "limits" => limits = map.next_value_seed(Section(check_of::<S, S::Limits>))?,
                        "timeouts" => timeouts = map.next_value_seed(Section(check_of::<S, S::Timeouts>))?,
                        "policy" => policy = map.next_value_seed(Section(check_of::<S, S::Policy>))?,
                        name if S::OWN.contains(&name) => {
                            let value = map.next_value_seed(Setting { name, check: S::check_own })?;
                            own.0.push((key, value));
                        }
                        name => map.next_value_seed(Refused(elsewhere::<S>(name).unwrap_or_else(|| {
                            let known = ["preset", "limits", "timeouts", "policy"].iter().chain(S::OWN).copied();
                            let nearest = presets::nearest(name, known);
                            SettingError::Unknown { name: name.to_owned(), nearest }.to_string()
                        })))?,
                    }
                }
                Ok(Sections { preset, limits, timeouts, policy, own, side: PhantomData })
            }
        }
        deserializer.deserialize_map(All(PhantomData))
    }
}

/// Whether a setting is one of this section of this side, and can have this value.
fn check_of<S: Side, T: Settings>(name: &str, value: &Value) -> Result<(), String> {
    let refused = check::<T>(name, value);
    let other = if T::NAMES.contains(&name) { None } else { elsewhere::<S>(name) };
    other.map_or(refused, Err)
}

/// Where a setting is that is none of where it stands.
fn elsewhere<S: Side>(name: &str) -> Option<String> {
    let sections = [("limits", S::Limits::NAMES), ("timeouts", S::Timeouts::NAMES), ("policy", S::Policy::NAMES)];
    if let Some((section, _)) = sections.iter().find(|(_, names)| names.contains(&name)) {
        return Some(format!("setting `{name}` belongs into `{section}`"));
    }
    if S::OWN.contains(&name) {
        return Some(format!("setting `{name}` belongs before the sections"));
    }
    S::others(name).map(|what| format!("setting `{name}` {what}"))
}

/// A key that has no place: its value is skipped, and the error stands there.
struct Refused(String);

impl<'de> DeserializeSeed<'de> for Refused {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        IgnoredAny::deserialize(deserializer)?;
        Err(de::Error::custom(self.0))
    }
}

fn is_of_connections(name: &str) -> bool {
    [Limits::NAMES, Timeouts::NAMES, Policy::NAMES].iter().any(|names| names.contains(&name))
}

fn is_of_pools(name: &str) -> bool {
    [PoolLimits::NAMES, PoolTimeouts::NAMES, PoolPolicy::NAMES].iter().any(|names| names.contains(&name))
}

/// A preset of the other side, or which name is the nearest.
fn no_preset(name: &str, names: impl Iterator<Item = &'static str>, other: Option<&'static str>) -> String {
    match (other, presets::nearest(name, names)) {
        (Some(other), _) => format!("preset `{name}` is {other}"),
        (None, Some(nearest)) => format!("no preset `{name}`: did you mean `{nearest}`?"),
        (None, None) => format!("no preset `{name}`"),
    }
}

fn server_named(name: &str) -> Result<ServerPreset, String> {
    presets::server(name).copied().ok_or_else(|| {
        no_preset(name, presets::servers(), presets::client(name).map(|_| "a client's, and this is a server"))
    })
}

fn client_named(name: &str) -> Result<ClientPreset, String> {
    presets::client(name).copied().ok_or_else(|| {
        no_preset(name, presets::clients(), presets::server(name).map(|_| "a server's, and this is a client"))
    })
}

/// What a file changes where it names no preset.
const DEFAULT: &str = "crate-default";

impl<S> Sections<S> {
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

impl Side for ServerPreset {
    type Limits = Limits;
    type Timeouts = Timeouts;
    type Policy = Policy;
    const OWN: &'static [&'static str] = &["head_timer", "connections"];

    fn check_own(name: &str, value: &Value) -> Result<(), String> {
        let mut any = server_named(DEFAULT)?;
        set_own_of_server(&mut any, name, value).map_err(|error| error.to_string())
    }

    fn check_preset(name: &str) -> Result<(), String> {
        server_named(name).map(|_| ())
    }

    fn others(name: &str) -> Option<&'static str> {
        (is_of_pools(name) || ClientPreset::OWN.contains(&name)).then_some("is a client's, and this is a server")
    }
}

fn set_own_of_server(preset: &mut ServerPreset, name: &str, value: &Value) -> Result<(), SettingError> {
    match name {
        "head_timer" => preset.head_timer = read("head_timer", value)?,
        "connections" => preset.connections = read("connections", value)?,
        _ => return Err(unknown(name, ServerPreset::OWN)),
    }
    Ok(())
}

impl ServerPreset {
    /// As a file says, which changes `base` where it names no preset.
    fn read<'de, D: Deserializer<'de>>(deserializer: D, base: Self) -> Result<Self, D::Error> {
        let file = Sections::<Self>::deserialize(deserializer)?;
        let mut preset = match &file.preset {
            Some(name) => server_named(name).map_err(de::Error::custom)?,
            None => base,
        };
        file.apply(&mut preset.limits, &mut preset.timeouts, &mut preset.policy)?;
        follow(&file.timeouts, &mut preset.timeouts);
        for (name, value) in &file.own.0 {
            set_own_of_server(&mut preset, name, value).map_err(de::Error::custom)?;
        }
        preset.unknown = file.completed(preset.name, preset.unknown)?;
        Ok(preset)
    }
}

impl<'de> Deserialize<'de> for ServerPreset {
    /// A server: `preset`, and over it `limits`, `timeouts`, `policy`, `head_timer`, `connections`.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let base = server_named(DEFAULT).map_err(de::Error::custom)?;
        Self::read(deserializer, base)
    }
}

impl Side for ClientPreset {
    type Limits = PoolLimits;
    type Timeouts = PoolTimeouts;
    type Policy = PoolPolicy;
    const OWN: &'static [&'static str] = &["request_hint", "asks", "max_hint", "depth", "repeats", "attempts"];

    fn check_own(name: &str, value: &Value) -> Result<(), String> {
        let mut any = client_named(DEFAULT)?;
        set_own_of_client(&mut any, name, value).map_err(|error| error.to_string())
    }

    fn check_preset(name: &str) -> Result<(), String> {
        client_named(name).map(|_| ())
    }

    fn others(name: &str) -> Option<&'static str> {
        if !is_of_connections(name) && !ServerPreset::OWN.contains(&name) {
            return None;
        }
        Some(match name {
            "max_exchanges" => "is a server's; a client has those of its pool: `limits.uses` is meant",
            "idle" => "is a server's; a client has those of its pool: `timeouts.used_idle` is meant",
            "first_octet" => "is a server's; a client has those of its pool: `timeouts.unused_idle` is meant",
            "hint_margin" => "is of a connection; a client has those of its pool: `timeouts.margin` is meant",
            "pipelining" => "is of a connection; a client has those of its pool: `depth` is meant",
            _ => "is a server's; a client has the limits, timeouts and policy of its pool",
        })
    }
}

fn set_own_of_client(preset: &mut ClientPreset, name: &str, value: &Value) -> Result<(), SettingError> {
    match name {
        "request_hint" => preset.request_hint = read("request_hint", value)?,
        "asks" => preset.asks = read("asks", value)?,
        "max_hint" => preset.max_hint = read("max_hint", value)?,
        "depth" => preset.depth = read("depth", value)?,
        "repeats" => preset.repeats = read("repeats", value)?,
        "attempts" => preset.attempts = read("attempts", value)?,
        _ => return Err(unknown(name, ClientPreset::OWN)),
    }
    Ok(())
}

impl<'de> Deserialize<'de> for ClientPreset {
    /// A client: `preset`, and over it the `limits`, `timeouts` and `policy` of its pool, `request_hint`, `asks`, `max_hint`, `depth`,
    /// `repeats`, `attempts`.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let file = Sections::<Self>::deserialize(deserializer)?;
        let named = client_named(file.preset.as_deref().unwrap_or(DEFAULT));
        let mut preset = named.map_err(de::Error::custom)?;
        file.apply(&mut preset.limits, &mut preset.timeouts, &mut preset.policy)?;
        for (name, value) in &file.own.0 {
            set_own_of_client(&mut preset, name, value).map_err(de::Error::custom)?;
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

impl<'de> Deserialize<'de> for Config<Server> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ServerPreset::deserialize(deserializer)?.config().map_err(de::Error::custom)
    }
}

/// A file over these settings, where it names no preset: for a program with defaults of its own. A preset that the file names stands in for
/// all of them.
///
/// ```
/// use http_keepalive::settings::Over;
/// use http_keepalive::{Config, Limits, Policy, Server, Timeouts};
/// use serde::de::DeserializeSeed;
///
/// let own = Config::<Server>::new(Limits::DEFAULT.with_jitter(10), Timeouts::DEFAULT, Policy::DEFAULT)?;
/// let mut file = serde_json::Deserializer::from_str(r#"{ "timeouts": { "idle": "5s" } }"#);
/// assert_eq!(Over(own).deserialize(&mut file)?.limits().jitter, 10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a wrapper, and no more")]
pub struct Over<C>(pub C);

impl<'de> DeserializeSeed<'de> for Over<Config<Server>> {
    type Value = Config<Server>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Config<Server>, D::Error> {
        let base = server_named(DEFAULT).map_err(de::Error::custom)?;
        let base = base.complete(*self.0.limits(), *self.0.timeouts(), *self.0.policy());
        ServerPreset::read(deserializer, base)?.config().map_err(de::Error::custom)
    }
}

/// A client's connection, of which a file can have the settings.
enum ClientConnection {}

impl Side for ClientConnection {
    type Limits = Limits;
    type Timeouts = Timeouts;
    type Policy = Policy;
    const OWN: &'static [&'static str] = &[];

    fn check_own(name: &str, _: &Value) -> Result<(), String> {
        Err(unknown(name, Self::OWN).to_string())
    }

    fn check_preset(name: &str) -> Result<(), String> {
        client_named(name).map(|_| ())
    }

    fn others(name: &str) -> Option<&'static str> {
        let own = ServerPreset::OWN.contains(&name) || ClientPreset::OWN.contains(&name);
        (is_of_pools(name) || own).then_some("is none of a connection")
    }
}

/// Of a client's connection: its own limits, timeouts and policy. A system's preset is of its pool, too: [`ClientPreset`].
impl<'de, const DEPTH: usize> Deserialize<'de> for Config<Client<DEPTH>> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Over(Self::DEFAULT).deserialize(deserializer)
    }
}

impl<'de, const DEPTH: usize> DeserializeSeed<'de> for Over<Config<Client<DEPTH>>> {
    type Value = Config<Client<DEPTH>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Config<Client<DEPTH>>, D::Error> {
        let file = Sections::<ClientConnection>::deserialize(deserializer)?;
        let base = match &file.preset {
            None => self.0,
            Some(name) => client_named(name).map_err(de::Error::custom)?.config().map_err(de::Error::custom)?,
        };
        let (mut limits, mut timeouts, mut policy) = (*base.limits(), *base.timeouts(), *base.policy());
        file.apply(&mut limits, &mut timeouts, &mut policy)?;
        Config::new(limits, timeouts, policy).map_err(de::Error::custom)
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
