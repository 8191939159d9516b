//! What is decided of a relay beside what the texts fix.

use crate::config::Use;
use crate::intermediary::{FieldPolicy, Pseudonym};

/// For whom a relay stands (RFC 9110 3.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9110 3.7 knows these two, and the tunnel, which forwards nothing")]
pub enum Standing {
    /// For origins, towards its clients: a reverse proxy. It may keep a connection to an HTTP/1.0 client.
    #[default]
    Gateway,
    /// For clients that chose it: a forward proxy. It keeps no connection to an HTTP/1.0 client (RFC 9112 9.3), and adds `Via` to responses.
    Proxy,
}

/// Which trailers of responses go on (RFC 9110 6.5.1). Those of requests always do, where the content is chunked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "trailers go on or not, or as the client says")]
pub enum Trailers {
    /// To clients that said `TE: trailers`. The upstream is told the same.
    #[default]
    WhereAccepted,
    /// To each client that can be sent them.
    Always,
    /// None.
    Never,
}

/// What is decided of a relay.
///
/// ```
/// use http_keepalive::intermediary::Pseudonym;
/// use http_keepalive::relay::{RelayPolicy, Standing};
///
/// let policy = RelayPolicy::DEFAULT.with_standing(Standing::Proxy).with_via(Pseudonym::new("edge-7"));
/// assert_eq!(policy.tries, 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelayPolicy {
    /// For whom it stands. Default: a gateway.
    pub standing: Standing,
    /// What becomes of field lines beside what the texts fix.
    pub fields: FieldPolicy,
    /// The name in `Via`, and by which a loop is seen. Default: none; a proxy is to have one (RFC 9110 7.6.3).
    pub via: Option<Pseudonym>,
    /// How many tries on new connections a request has, over all upstreams; 0 counts as 1. Default: 2.
    pub tries: u8,
    /// Up to this number of octets content stays in the client's input until a response has begun, so that it can be sent again. Only in
    /// storages that grow, and of chunked content only up to 16 chunks, since what lies between them is not content. 0: content is never sent again. Default: 64 KiB.
    pub replayed_octets: u32,
    /// Whether a client whose request was lost on a used connection learns it as the end of its own, where it can not be repeated: see
    /// [`LossVerdict::CloseSilently`](super::LossVerdict::CloseSilently). Off: 502. Default: on.
    pub silent_close: Use,
    /// `103 (Early Hints)` and interim responses that are not known go on (RFC 8297). `102` and what `100` is waited for always do. Default: on.
    pub early_hints: Use,
    /// Protocols that a client offers are offered to the upstream (RFC 9110 7.8). Default: on.
    pub upgrades: Use,
    /// Which trailers of responses go on. Default: where the client accepts them.
    pub trailers: Trailers,
    /// An upstream connection on which NTLM or Negotiate was used belongs to this client's connection from then on: these authenticate the
    /// connection, and not the request. Default: on.
    pub pinning: Use,
}

impl RelayPolicy {
    /// A gateway without a name, two tries, 64 KiB that can be sent again.
    pub const DEFAULT: Self = Self {
        standing: Standing::Gateway,
        fields: FieldPolicy::DEFAULT,
        via: None,
        tries: 2,
        replayed_octets: 64 * 1024,
        silent_close: Use::On,
        early_hints: Use::On,
        upgrades: Use::On,
        trailers: Trailers::WhereAccepted,
        pinning: Use::On,
    };

    /// For another one.
    #[must_use]
    pub fn with_standing(mut self, standing: Standing) -> Self {
        self.standing = standing;
        self
    }

    /// With another treatment of field lines.
    #[must_use]
    pub fn with_fields(mut self, fields: FieldPolicy) -> Self {
        self.fields = fields;
        self
    }

    /// With a name, or without.
    #[must_use]
    pub fn with_via(mut self, via: Option<Pseudonym>) -> Self {
        self.via = via;
        self
    }

    /// With another number of tries on new connections.
    #[must_use]
    pub fn with_tries(mut self, tries: u8) -> Self {
        self.tries = tries;
        self
    }

    /// With another number of octets that can be sent again.
    #[must_use]
    pub fn with_replayed_octets(mut self, octets: u32) -> Self {
        self.replayed_octets = octets;
        self
    }

    /// With the silent close, or without.
    #[must_use]
    pub fn with_silent_close(mut self, silent_close: Use) -> Self {
        self.silent_close = silent_close;
        self
    }

    /// With early hints, or without.
    #[must_use]
    pub fn with_early_hints(mut self, early_hints: Use) -> Self {
        self.early_hints = early_hints;
        self
    }

    /// With upgrades, or without.
    #[must_use]
    pub fn with_upgrades(mut self, upgrades: Use) -> Self {
        self.upgrades = upgrades;
        self
    }

    /// With other trailers of responses.
    #[must_use]
    pub fn with_trailers(mut self, trailers: Trailers) -> Self {
        self.trailers = trailers;
        self
    }

    /// With pinning, or without.
    #[must_use]
    pub fn with_pinning(mut self, pinning: Use) -> Self {
        self.pinning = pinning;
        self
    }
}

impl Default for RelayPolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}
