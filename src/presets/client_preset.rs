//! What a client and its pool do, by the name of a system.

use super::PresetError;
use crate::config::{Client, Config, Limits, Policy, RequestHint, Timeouts, Use};
use crate::pool::{PoolConfig, PoolLimits, PoolPolicy, PoolTimeouts};

/// Which requests a client repeats by itself when their connection ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Repeats {
    /// None: the caller is told of the failure.
    Nothing,
    /// Those of which nothing was sent.
    NeverStarted,
    /// Idempotent ones as well, on a connection that was reused, if no octet of a response came (RFC 9110 9.2.2).
    Idempotent,
    /// Every request, whatever its method: a POST may be done twice.
    Any,
}

/// What a client and its pool do, by the name of a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientPreset {
    /// The name by which it is found.
    pub name: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// Where the values come from.
    pub source: &'static str,
    /// How many connections.
    pub limits: PoolLimits,
    /// For how long.
    pub timeouts: PoolTimeouts,
    /// Which first, and which goes.
    pub policy: PoolPolicy,
    /// The `Keep-Alive` field of its requests.
    pub request_hint: RequestHint,
    /// It sends `Connection: keep-alive`; many servers send their hint only to such a client.
    pub asks: Use,
    /// It keeps to the peer's `max`: the requests that the server still accepts.
    pub max_hint: Use,
    /// Requests that it has outstanding on one connection; 1: it does not pipeline.
    pub depth: u8,
    /// What it repeats by itself.
    pub repeats: Repeats,
    /// How often a request is tried in all. `None`: until a fresh connection fails.
    pub attempts: Option<u8>,
    /// Settings whose values are not known of this system, by the names of their fields; the values there are guesses.
    pub unknown: &'static [&'static str],
}

impl ClientPreset {
    const fn known(&self) -> Result<(), PresetError> {
        if self.unknown.is_empty() {
            Ok(())
        } else {
            Err(PresetError::Unknown { preset: self.name, settings: self.unknown })
        }
    }

    /// The configuration of its pool.
    ///
    /// # Errors
    ///
    /// [`PresetError::Unknown`] if something of the system is not known and the caller has not completed it;
    /// [`PresetError::Config`] if a value is out of bounds.
    pub fn pool(&self) -> Result<PoolConfig, PresetError> {
        self.known()?;
        Ok(PoolConfig::new(self.limits, self.timeouts, self.policy)?)
    }

    /// The configuration of its connections. One of this crate obeys the peer's hint in any case.
    ///
    /// # Errors
    ///
    /// As of [`pool`](Self::pool).
    pub fn config<const DEPTH: usize>(&self) -> Result<Config<Client<DEPTH>>, PresetError> {
        self.known()?;
        let limits = Limits::DEFAULT.with_max_exchanges(self.limits.uses.map(u32::from));
        let timeouts = Timeouts::DEFAULT
            .with_idle(self.timeouts.used_idle)
            .with_idle_advertised(None)
            .with_age(self.timeouts.age)
            .with_hint_margin(Some(self.timeouts.margin));
        let policy = Policy::DEFAULT
            .with_request_hint(match self.request_hint {
                RequestHint::Silent if self.asks == Use::On => RequestHint::Ask,
                hint => hint,
            })
            .with_max_hint(self.max_hint)
            .with_pipelining(if self.depth > 1 { Use::On } else { Use::Off });
        Ok(Config::new(limits, timeouts, policy)?)
    }

    /// With these settings; nothing is unknown any more. What it repeats is a field that can be set.
    #[must_use]
    pub const fn complete(self, limits: PoolLimits, timeouts: PoolTimeouts, policy: PoolPolicy) -> Self {
        Self { limits, timeouts, policy, unknown: &[], ..self }
    }
}
