//! Settings by name and from files (feature `serde`): what people write, read strictly, and shown as it is in force.
//!
//! A duration is written as `"75s"`, `"1m 30s"` or `"250ms"`; a count as a number; a choice as a word; and `"off"` means no limit.
//! A name that is not known is refused, with the nearest name that is known; so is a value that the setting cannot have. Settings have
//! to fit each other: where a file shortens `idle` alone, `idle_advertised` is shortened with it.
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

use core::fmt;
use std::borrow::ToOwned;
use std::string::String;
use std::vec::Vec;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

pub use crate::config::by_name::{SettingError, Settings, Value};
use crate::config::by_name::{Written, read};
use crate::config::{Limits, Policy, Timeouts};
use crate::pool::{PoolLimits, PoolPolicy, PoolTimeouts};

/// A choice is written as a word.
macro_rules! words {
    ($($choice:path { $($variant:ident = $word:literal),+ })+) => {
        $(impl Written for $choice {
            fn read(value: &Value) -> Result<Self, String> {
                match value {
                    $(Value::Text(word) if word == $word => Ok(Self::$variant),)+
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
struct Changes(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Changes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Section;
        impl<'de> Visitor<'de> for Section {
            type Value = Changes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("settings by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Changes, A::Error> {
                let mut changes = Vec::new();
                while let Some(change) = map.next_entry()? {
                    changes.push(change);
                }
                Ok(Changes(changes))
            }
        }
        deserializer.deserialize_map(Section)
    }
}

impl Changes {
    fn says(&self, name: &str) -> bool {
        self.0.iter().any(|(said, _)| said == name)
    }

    fn apply<T: Settings, E: de::Error>(&self, settings: &mut T) -> Result<(), E> {
        self.0.iter().try_for_each(|(name, value)| settings.set(name, value)).map_err(E::custom)
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
                    Changes::deserialize(deserializer)?.apply(&mut settings)?;
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
