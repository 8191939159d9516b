//! Policies with names: servers, clients and pools of history and of today, as data.
//!
//! A preset says what a system does with idle connections, how many it keeps, what it announces and whom it believes, each value
//! with the place it was read at. It is a beginning: every value is public and can be changed, as it could in the original.
//!
//! **What is not known** of a system is named in `unknown`. Such a preset is no configuration: the caller completes it first, and
//! until then [`ServerPreset::config`] says which settings are missing. What a system does not have is off, not unknown.
//!
//! **What does not fit.** A preset describes connections, not a system's architecture: what a system does when its workers run
//! out, or with the descriptors of its process, is told in `about` where it matters and left to the caller.
//!
//! ```
//! use http_keepalive::presets;
//!
//! let apache = presets::server("apache-2.0").expect("it is known");
//! assert_eq!(apache.config()?.timeouts().idle, Some(core::time::Duration::from_secs(15)));
//! // as its administrator could
//! let changed = apache.timeouts.with_idle(None).with_idle_advertised(None);
//! let patient = apache.complete(apache.limits, changed, apache.policy).config()?;
//! assert_eq!(presets::nearest("apache-20", presets::servers()), Some("apache-2.0"));
//! # Ok::<(), http_keepalive::presets::PresetError>(())
//! ```

#[cfg(feature = "std")]
mod client_preset;
#[cfg(feature = "std")]
mod clients;
mod servers;

use core::fmt;

use crate::config::{Config, Limits, Policy, Server, Timeouts};
use crate::error::ConfigError;

#[cfg(feature = "std")]
pub use client_preset::{ClientPreset, Repeats};
#[cfg(feature = "std")]
pub use clients::CLIENTS;
pub use servers::SERVERS;

/// Which timer bounds the head of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HeadTimer {
    /// One of its own, from its first octet.
    Own,
    /// The idle timer goes on until the head is complete: a request that begins late has little time left. A server of this
    /// crate does not do that; only a check of policies knows of it.
    SharedWithIdle,
}

/// When a connection's age counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AgeCheck {
    /// At any time: an idle connection is closed at its age. As servers of this crate.
    Any,
    /// With a request: its response says `close`. An idle connection is not closed for its age.
    AtRequest,
}

/// What a server does, by the name of a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerPreset {
    /// What it is looked up by.
    pub name: &'static str,
    /// What is to be known of it, in a line.
    pub about: &'static str,
    /// Where the values come from.
    pub source: &'static str,
    /// Counts and sizes.
    pub limits: Limits,
    /// Times.
    pub timeouts: Timeouts,
    /// Choices.
    pub policy: Policy,
    /// The timer of its heads.
    pub head_timer: HeadTimer,
    /// When `age` counts.
    pub age_check: AgeCheck,
    /// Connections that it serves at once, idle ones included; those beyond wait. `None`: as many as there are descriptors.
    pub connections: Option<u32>,
    /// Settings whose values are not known of this system, by the names of their fields; what stands there is a guess.
    pub unknown: &'static [&'static str],
}

/// Why a preset is no configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PresetError {
    /// It is not known what the system does: to be completed by the caller.
    Unknown {
        /// The preset.
        preset: &'static str,
        /// The settings.
        settings: &'static [&'static str],
    },
    /// A value is out of bounds.
    Config(ConfigError),
}

impl fmt::Display for PresetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { preset, settings } => {
                write!(f, "preset {preset}: not known of this system, to be set: ")?;
                for (number, setting) in settings.iter().enumerate() {
                    write!(f, "{}{setting}", if number > 0 { ", " } else { "" })?;
                }
                Ok(())
            }
            Self::Config(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for PresetError {}

impl From<ConfigError> for PresetError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl ServerPreset {
    /// As a configuration.
    ///
    /// # Errors
    ///
    /// `Unknown` if something of the system is not known and has not been said.
    pub const fn config(&self) -> Result<Config<Server>, PresetError> {
        if !self.unknown.is_empty() {
            return Err(PresetError::Unknown { preset: self.name, settings: self.unknown });
        }
        match Config::new(self.limits, self.timeouts, self.policy) {
            Ok(config) => Ok(config),
            Err(error) => Err(PresetError::Config(error)),
        }
    }

    /// With these settings, nothing of which is unknown any more.
    #[must_use]
    pub const fn complete(self, limits: Limits, timeouts: Timeouts, policy: Policy) -> Self {
        Self { limits, timeouts, policy, unknown: &[], ..self }
    }
}

/// The server of this name.
pub fn server(name: &str) -> Option<&'static ServerPreset> {
    SERVERS.iter().find(|preset| preset.name == name)
}

/// The client of this name.
#[cfg(feature = "std")]
pub fn client(name: &str) -> Option<&'static ClientPreset> {
    CLIENTS.iter().find(|preset| preset.name == name)
}

/// The names of all clients.
#[cfg(feature = "std")]
pub fn clients() -> impl Iterator<Item = &'static str> {
    CLIENTS.iter().map(|preset| preset.name)
}

/// The names of all servers.
pub fn servers() -> impl Iterator<Item = &'static str> {
    SERVERS.iter().map(|preset| preset.name)
}

/// The name that is most like this one, if one is: for a message about a name that is not known.
pub fn nearest<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let distances = names.into_iter().map(|known| (distance(name.as_bytes(), known.as_bytes()), known));
    let (distance, known) = distances.min_by_key(|(distance, _)| *distance)?;
    // half of it at most is different
    if distance * 2 <= name.len().max(known.len()) { Some(known) } else { None }
}

/// Octets to be put in, taken out or changed to make one name of the other. Of long names the beginning counts.
fn distance(one: &[u8], other: &[u8]) -> usize {
    const MOST: usize = 32;
    let (one, other) = (&one[..one.len().min(MOST)], &other[..other.len().min(MOST)]);
    let mut row = [0; MOST + 1];
    for (at, cell) in row.iter_mut().enumerate() {
        *cell = at;
    }
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(!a.eq_ignore_ascii_case(b));
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}
