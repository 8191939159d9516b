//! Settings by name and from files (feature `serde`): what a person writes, read strictly and shown as it is in force.
//!
//! A duration is written as people do, `"75s"`, `"1m 30s"`, `"250ms"`; a count as a number; a choice as a word; and `"off"` is
//! what has no limit. A name that is not known is refused, with the nearest one that is; so is a value that is none. Settings have to
//! fit each other: an `idle` that is shortened takes `idle_advertised` along.
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
use core::time::Duration;
use std::borrow::ToOwned;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::config::{Limits, Policy, Timeouts};
use crate::pool::{PoolLimits, PoolPolicy, PoolTimeouts};
use crate::presets;

/// A value as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// A count.
    Number(u64),
    /// A duration, a word, or `off`.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// Why a setting can not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingError {
    /// No setting has this name.
    Unknown {
        /// The name.
        name: String,
        /// The one it is most like.
        nearest: Option<&'static str>,
    },
    /// The setting has no such value.
    Value {
        /// The setting.
        name: &'static str,
        /// What was written.
        value: String,
        /// What can be.
        expected: String,
    },
}

impl fmt::Display for SettingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name, nearest: Some(nearest) } => {
                write!(f, "no setting `{name}`: did you mean `{nearest}`?")
            }
            Self::Unknown { name, nearest: None } => write!(f, "no setting `{name}`"),
            Self::Value { name, value, expected } => write!(f, "setting `{name}` can not be `{value}`: {expected}"),
        }
    }
}

impl std::error::Error for SettingError {}

/// A set of settings that can be made one by one, by name. Of this crate's structs of settings; sealed, since each is closed.
pub trait Settings: Sized + sealed::Sealed {
    /// The names, in order.
    const NAMES: &'static [&'static str];

    /// Makes one setting.
    ///
    /// # Errors
    ///
    /// There is none of this name, or it has no such value.
    fn set(&mut self, name: &str, value: &Value) -> Result<(), SettingError>;

    /// What a setting is, if there is one of this name.
    fn value(&self, name: &str) -> Option<Value>;
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

pub(crate) fn unknown(name: &str, names: &'static [&'static str]) -> SettingError {
    SettingError::Unknown { name: name.to_owned(), nearest: presets::nearest(name, names.iter().copied()) }
}

pub(crate) fn read<W: Written>(name: &'static str, value: &Value) -> Result<W, SettingError> {
    W::read(value).map_err(|expected| SettingError::Value { name, value: value.to_string(), expected })
}

/// How one kind of value is written; `Err` says what can be.
pub(crate) trait Written: Sized {
    fn read(value: &Value) -> Result<Self, String>;
    fn written(&self) -> Value;
}

const OFF: &str = "off";

impl Written for Duration {
    fn read(value: &Value) -> Result<Self, String> {
        let expected = || "expected a duration such as `75s` or `1m 30s`".to_owned();
        match value {
            Value::Text(text) => humantime::parse_duration(text).map_err(|_| expected()),
            Value::Number(_) => Err(expected()),
        }
    }

    fn written(&self) -> Value {
        Value::Text(humantime::format_duration(*self).to_string())
    }
}

macro_rules! numbers {
    ($($number:ident)+) => {
        $(impl Written for $number {
            fn read(value: &Value) -> Result<Self, String> {
                let expected = || format!("expected a number from 0 to {}", Self::MAX);
                match value {
                    Value::Number(number) => Self::try_from(*number).map_err(|_| expected()),
                    Value::Text(_) => Err(expected()),
                }
            }

            fn written(&self) -> Value {
                Value::Number((*self).into())
            }
        })+
    };
}

numbers! { u8 u16 u32 u64 }

impl<W: Written> Written for Option<W> {
    fn read(value: &Value) -> Result<Self, String> {
        match value {
            Value::Text(text) if text == OFF => Ok(None),
            value => W::read(value).map(Some).map_err(|expected| format!("{expected}, or `{OFF}`")),
        }
    }

    fn written(&self) -> Value {
        self.as_ref().map_or_else(|| Value::Text(OFF.to_owned()), W::written)
    }
}

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
    crate::config::KeepAliveField { Never = "never", OnOption = "on-option", Always = "always" }
    crate::config::RequestHint { Silent = "silent", Ask = "ask", Timeout = "timeout", BareNumber = "bare-number" }
    crate::config::HalfClose { Answer = "answer", Abort = "abort" }
    crate::config::IdleClose { AtOnce = "at-once", Staged = "staged" }
    crate::pool::Order {
        Newest = "newest", Oldest = "oldest", Warmest = "warmest", FirstOpened = "first-opened", RoundRobin = "round-robin",
        Random = "random"
    }
    crate::pool::ReuseMode { Never = "never", Safe = "safe", Aggressive = "aggressive", Always = "always" }
    crate::pool::Eviction { Never = "never", LongestIdle = "longest-idle", NearestExpiry = "nearest-expiry" }
    crate::pool::Excess { Returned = "returned", Idle = "idle" }
    presets::Repeats { Nothing = "nothing", NeverStarted = "never-started", Idempotent = "idempotent", Any = "any" }
    presets::AgeCheck { Any = "any", AtRequest = "at-request" }
    presets::HeadTimer { Own = "own", SharedWithIdle = "shared-with-idle" }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl Visitor<'_> for Written {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number or a text")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
                Ok(Value::Number(number))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
                u64::try_from(number).map(Value::Number).map_err(|_| E::custom("a setting can not be negative"))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }

            // what YAML makes of a word that is on or off
            fn visit_bool<E: de::Error>(self, on: bool) -> Result<Value, E> {
                Ok(Value::Text(if on { "on" } else { OFF }.to_owned()))
            }
        }
        deserializer.deserialize_any(Written)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

/// The settings of a section of a file, over what they change.
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
