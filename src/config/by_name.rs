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
    pub trait Sealed {}
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

            // YAML reads the words `on` and `off` as these
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
