//! Policies with names: servers, clients and pools of history and of today, as data.
//!
//! A preset says what a system does with idle connections, how many it keeps, what it announces and which hints it believes, each
//! value with the place where it was read. It is a start: every value is public and can be changed, as it could in the original.
//!
//! **What is not known** of a system is named in `unknown`. Such a preset is no configuration yet: the caller completes it, and
//! until then [`ServerPreset::config`] says which settings are missing. What a system does not have is off, not unknown.
//!
//! **What does not fit.** A preset describes connections, not a system's architecture. What a system does when its workers run
//! out, or with the descriptors of its process, is said in `about` where it matters, and left to the caller.
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

mod application_servers;
#[cfg(feature = "std")]
mod browsers;
#[cfg(feature = "std")]
mod client_preset;
#[cfg(feature = "std")]
mod clients;
#[cfg(feature = "std")]
mod proxies;
mod servers;

use core::fmt;
use core::time::Duration;

pub use crate::config::nearest::nearest;
use crate::config::{Config, Limits, Policy, Server, Timeouts};
use crate::error::ConfigError;

#[cfg(feature = "std")]
pub use client_preset::{ClientPreset, Repeats};
#[cfg(feature = "std")]
pub use clients::CLIENTS;
pub use servers::SERVERS;

/// Whole seconds, as most settings are.
const fn secs(secs: u64) -> Option<Duration> {
    Some(Duration::from_secs(secs))
}

/// The lists as one; `N` is how many they have together.
const fn joined<T: Copy, const N: usize>(lists: &[&[T]]) -> [T; N] {
    let mut all = [lists[0][0]; N];
    let (mut list, mut at) = (0, 0);
    while list < lists.len() {
        let mut next = 0;
        while next < lists[list].len() {
            all[at] = lists[list][next];
            (at, next) = (at + 1, next + 1);
        }
        list += 1;
    }
    all
}

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

/// What a server does, by the name of a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerPreset {
    /// The name by which it is found.
    pub name: &'static str,
    /// What it does, in a line.
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
    /// How many connections it serves at once, idle ones included; more of them wait. `None`: as many as there are descriptors.
    pub connections: Option<u32>,
    /// Settings whose values are not known of this system, by the names of their fields; the values there are guesses.
    pub unknown: &'static [&'static str],
}

/// Why a preset is no configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PresetError {
    /// It is not known what the system does: the caller has to complete the preset.
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
    /// [`PresetError::Unknown`] if something of the system is not known and the caller has not completed it;
    /// [`PresetError::Config`] if a value is out of bounds.
    pub const fn config(&self) -> Result<Config<Server>, PresetError> {
        if !self.unknown.is_empty() {
            return Err(PresetError::Unknown { preset: self.name, settings: self.unknown });
        }
        match Config::new(self.limits, self.timeouts, self.policy) {
            Ok(config) => Ok(config),
            Err(error) => Err(PresetError::Config(error)),
        }
    }

    /// With these settings; none of them is unknown any more.
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
