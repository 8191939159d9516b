//! A setting by its name: values as people write them, and the trait that reads and shows them (feature `serde`).
//!
//! It stands beside the structs of settings, whose macro writes the trait for each; files are read in `settings`.

use core::fmt;
use core::time::Duration;
use std::borrow::ToOwned;
use std::format;
use std::string::{String, ToString};

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::config::nearest::nearest;

/// A value as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Value {
    /// A count, or a duration in seconds.
    Number(u64),
    /// A duration, a word, or `off`.
    Text(String),
    /// `on` or `off`, as formats write it that have `true` and `false`.
    Switch(bool),
}

impl Value {
    /// As a word.
    pub(crate) fn word(&self) -> Option<&str> {
        match self {
            Self::Number(_) => None,
            Self::Text(text) => Some(text),
            Self::Switch(on) => Some(if *on { "on" } else { OFF }),
        }
    }
}

/// As it stands on a command line: a number where it is one, and a text else.
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Text(text.to_owned()), Self::Number)
    }
}

impl fmt::Display for Value {
    /// As it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
            Self::Switch(on) => on.fmt(f),
        }
    }
}

/// Why a setting cannot be changed.
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
        /// What it can be.
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

/// A set of settings that can be changed one by one, by name: the crate's structs of settings. Sealed: no other type can be one.
pub trait Settings: Sized + sealed::Sealed {
    /// The names, in order.
    const NAMES: &'static [&'static str];

    /// Changes one setting.
    ///
    /// # Errors
    ///
    /// [`SettingError::Unknown`] if there is none of this name, [`SettingError::Value`] if it cannot have this value.
    fn set(&mut self, name: &str, value: &Value) -> Result<(), SettingError>;

    /// The value of a setting, if there is one of this name.
    fn value(&self, name: &str) -> Option<Value>;
}

pub(crate) mod sealed {
    pub trait Sealed {
        /// Some settings, to try values on.
        const ANY: Self;
    }
}

pub(crate) fn unknown(name: &str, names: &'static [&'static str]) -> SettingError {
    SettingError::Unknown { name: name.to_owned(), nearest: nearest(name, names.iter().copied()) }
}

pub(crate) fn read<W: Written>(name: &'static str, value: &Value) -> Result<W, SettingError> {
    W::read(value).map_err(|expected| SettingError::Value { name, value: value.to_string(), expected })
}

/// How one kind of value is written. `Err` says what the value can be.
pub(crate) trait Written: Sized {
    fn read(value: &Value) -> Result<Self, String>;
    fn written(&self) -> Value;
}

const OFF: &str = "off";

/// A duration as people write it, on command lines and in files alike: `75s`, `250ms`, `1m30s`, `2h`; a number without a unit counts
/// seconds.
///
/// # Errors
///
/// What was expected, if it is none. `off` is none: where there may be no limit, ask [`duration_or_off`].
///
/// ```
/// use core::time::Duration;
/// use http_keepalive::settings::{duration, duration_or_off};
///
/// assert_eq!(duration("90"), Ok(Duration::from_secs(90)));
/// assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
/// assert_eq!(duration_or_off("off"), Ok(None));
/// assert!(duration("soon").is_err());
/// ```
pub fn duration(text: &str) -> Result<Duration, String> {
    Duration::read(&Value::from(text))
}

/// The same, or `off`: no limit.
///
/// # Errors
///
/// What was expected, if it is neither.
pub fn duration_or_off(text: &str) -> Result<Option<Duration>, String> {
    Option::read(&Value::from(text))
}

/// The one place that knows how durations are written.
impl Written for Duration {
    fn read(value: &Value) -> Result<Self, String> {
        let read = match value {
            Value::Number(seconds) => Some(Self::from_secs(*seconds)),
            Value::Text(text) => match text.parse() {
                Ok(seconds) => Some(Self::from_secs(seconds)),
                Err(_) => humantime::parse_duration(text).ok(),
            },
            Value::Switch(_) => None,
        };
        read.ok_or_else(|| "expected a duration such as `75s`, `250ms` or `1m30s`, or a number of seconds".to_owned())
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
                    Value::Text(_) | Value::Switch(_) => Err(expected()),
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
            value if value.word() == Some(OFF) => Ok(None),
            value => W::read(value).map(Some).map_err(|expected| format!("{expected}, or `{OFF}`")),
        }
    }

    fn written(&self) -> Value {
        self.as_ref().map_or_else(|| Value::Text(OFF.to_owned()), W::written)
    }
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

            // what no setting can be is refused by the setting, in its own words
            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
                Ok(u64::try_from(number).map_or_else(|_| Value::Text(number.to_string()), Value::Number))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Value, E> {
                Ok(Value::Text(format!("{number:?}")))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }

            // YAML reads the words `on` and `off` as these
            fn visit_bool<E: de::Error>(self, on: bool) -> Result<Value, E> {
                Ok(Value::Switch(on))
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
            Self::Switch(on) => serializer.serialize_bool(*on),
        }
    }
}
