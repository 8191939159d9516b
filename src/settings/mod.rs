//! Settings by name and from files (feature `serde`): what people write, read strictly, and shown as it is in force.
//!
//! A duration is written as `"75s"`, `"250ms"` or `"1m30s"`, or as a number of seconds ([`duration`]); a count as a number; a choice as a
//! word; and `"off"` means no limit.
//! A name that is not known is refused, with the nearest name that is known; so is a value that the setting cannot have. Settings have
//! to fit each other: where a file shortens `idle` alone, `idle_advertised` is shortened with it.
//!
//! A file without `preset` changes the crate's defaults, or those of a program that has its own: [`Over`].
//!
//! ```
//! use http_keepalive::{Config, Server};
//!
//! let file = r#"{ "preset": "nginx", "timeouts": { "idle": "15s" }, "limits": { "max_exchanges": "off" } }"#;
//! let config: Config<Server> = serde_json::from_str(file)?;
//! assert_eq!(config.timeouts().idle, Some(core::time::Duration::from_secs(15)));
//!
//! let wrong = serde_json::from_str::<Config<Server>>(r#"{ "timeouts": { "idel": "15s" } }"#).unwrap_err();
//! assert!(wrong.to_string().starts_with("no setting `idel`: did you mean `idle`?"));
//! # Ok::<(), serde_json::Error>(())
//! ```

mod files;

pub use files::Over;

use core::fmt;
use std::borrow::ToOwned;
use std::string::{String, ToString};
use std::vec::Vec;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

pub use crate::config::by_name::{SettingError, Settings, Value, duration, duration_or_off};
use crate::config::by_name::{Written, read};
use crate::config::{Limits, Policy, Timeouts};
use crate::pool::{PoolLimits, PoolPolicy, PoolTimeouts};

/// A choice is written as a word.
macro_rules! words {
    ($($choice:path { $($variant:ident = $word:literal),+ })+) => {
        $(impl Written for $choice {
            fn read(value: &Value) -> Result<Self, String> {
                match value.word() {
                    $(Some($word) => Ok(Self::$variant),)+
                    _ => Err(concat!("expected ", $("`", $word, "` ",)+).trim_end().replace("` `", "`, `")),
                }
            }

            fn written(&self) -> Value {
                Value::Text(match self { $(Self::$variant => $word),+ }.to_owned())
            }
        })+
    };
}

words! {
    crate::config::Tolerance { Refuse = "refuse", Accept = "accept" }
    crate::config::Use { On = "on", Off = "off" }
    crate::config::HostRule { On = "on", Optional = "optional", Off = "off" }
    crate::config::KeepAliveField { Never = "never", OnOption = "on-option", Always = "always" }
    crate::config::RequestHint { Silent = "silent", Ask = "ask", Timeout = "timeout", BareNumber = "bare-number" }
    crate::config::HalfClose { Answer = "answer", Abort = "abort" }
    crate::config::IdleClose { AtOnce = "at-once", Staged = "staged" }
    crate::config::AgeClose { Any = "any", Announced = "announced" }
    crate::config::DrainMode { Close = "close", LameDuck = "lame-duck" }
    crate::pool::Order {
        Newest = "newest", Oldest = "oldest", Warmest = "warmest", FirstOpened = "first-opened", RoundRobin = "round-robin",
        Random = "random"
    }
    crate::pool::ReuseMode { Never = "never", Safe = "safe", Aggressive = "aggressive", Always = "always" }
    crate::pool::Eviction { Never = "never", LongestIdle = "longest-idle", NearestExpiry = "nearest-expiry" }
    crate::pool::Excess { Returned = "returned", Idle = "idle" }
    crate::presets::Repeats { Nothing = "nothing", NeverStarted = "never-started", Idempotent = "idempotent", Any = "any" }
    crate::presets::HeadTimer { Own = "own", SharedWithIdle = "shared-with-idle" }
}

/// The settings that a section of a file changes.
#[derive(Default)]
struct Changes(Vec<(String, Value)>);

impl Changes {
    fn says(&self, name: &str) -> bool {
        self.0.iter().any(|(said, _)| said == name)
    }

    fn apply<T: Settings, E: de::Error>(&self, settings: &mut T) -> Result<(), E> {
        self.0.iter().try_for_each(|(name, value)| settings.set(name, value)).map_err(E::custom)
    }
}

/// Whether a setting exists and can have this value, or why not.
type Check = fn(&str, &Value) -> Result<(), String>;

fn check<T: Settings>(name: &str, value: &Value) -> Result<(), String> {
    let mut any = T::ANY;
    any.set(name, value).map_err(|error| error.to_string())
}

/// Reads a section. What is wrong is refused where it stands, so that the error has its place in the file.
struct Section(Check);

impl<'de> DeserializeSeed<'de> for Section {
    type Value = Changes;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Changes, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Section {
    type Value = Changes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("settings by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Changes, A::Error> {
        let mut changes = Changes::default();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(Setting { name: &name, check: self.0 })?;
            changes.0.push((name, value));
        }
        Ok(changes)
    }
}

/// Reads the value of one setting.
struct Setting<'n> {
    name: &'n str,
    check: Check,
}

impl<'de> DeserializeSeed<'de> for Setting<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let value = Value::deserialize(deserializer)?;
        (self.check)(self.name, &value).map_err(de::Error::custom)?;
        Ok(value)
    }
}

fn serialize<T: Settings, S: Serializer>(settings: &T, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(T::NAMES.len()))?;
    for name in T::NAMES {
        map.serialize_entry(name, &settings.value(name))?;
    }
    map.end()
}

macro_rules! in_files {
    ($($settings:ty)+) => {
        $(
            impl<'de> Deserialize<'de> for $settings {
                fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    let mut settings = Self::DEFAULT;
                    Section(check::<Self>).deserialize(deserializer)?.apply(&mut settings)?;
                    Ok(settings)
                }
            }

            impl Serialize for $settings {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serialize(self, serializer)
                }
            }
        )+
    };
}

in_files! { Limits Timeouts Policy PoolLimits PoolTimeouts PoolPolicy }
