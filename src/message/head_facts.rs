//! The facts of a head as a foreign parser or writer gives them: those that decide framing and persistence, and beside them the
//! names that must be compared octet by octet.

use core::hash::{Hash, Hasher};

use crate::error::Misuse;
use crate::message::connection_facts::ConnectionFacts;
use crate::message::fields_to_send;
use crate::message::keep_alive::KeepAlive;
use crate::message::method::{Method, MethodKind, Version};
use crate::message::octets;
use crate::message::upgrade::Names;
use crate::status::StatusCode;

/// The facts of one head.
///
/// ```
/// use http_keepalive::{HeadFacts, Method, Version};
///
/// let mut facts = HeadFacts::request(Method::new(b"GET"), Version::HTTP_11);
/// facts.field_line(b"Connection", b"keep-alive, Close");
/// assert!(facts.has_close());
/// ```
#[derive(Clone, Copy, Debug, Eq)]
pub struct HeadFacts {
    pub(crate) facts: ConnectionFacts,
    pub(crate) compared: Compared,
    /// How many octets the head has; a lower bound, unless `octets_told`.
    pub(crate) octets: u32,
    pub(crate) octets_told: bool,
}

/// What is compared octet by octet. Kept apart: it is large, and most heads have none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Compared {
    /// The protocols of its `Upgrade`.
    pub(crate) protocols: Option<Names>,
    /// A hash of its `Host`, without case: guards a caller against a mistake of its own.
    host: Option<u64>,
    /// What is wrong with the first line that may not be sent, where the head is one to be sent.
    pub(crate) misuse: Option<Misuse>,
}

impl Compared {
    /// Nothing of it.
    pub(crate) const NONE: Self = Self { protocols: None, host: None, misuse: None };

    /// Takes a line into account: its octets, where they matter, and whether it may be sent.
    pub(crate) fn line(&mut self, name: &[u8], value: &[u8]) {
        if name.eq_ignore_ascii_case(b"host") {
            self.host = Some(hash(value));
        }
        if name.eq_ignore_ascii_case(b"upgrade") {
            self.protocols.get_or_insert(Names::NONE).add(value);
        }
        if let Err(misuse @ (Misuse::Upgrade | Misuse::TeChunked)) = fields_to_send::check_restricted(name, value) {
            self.misuse = self.misuse.or(Some(misuse));
        }
    }

    /// Is there no `Host`, or is it this one?
    pub(crate) fn host_is(&self, host: &[u8]) -> bool {
        self.host.is_none_or(|own| own == hash(host))
    }
}

impl HeadFacts {
    /// A request whose field lines are still to come.
    pub const fn request(method: Method<'_>, version: Version) -> Self {
        let mut facts = Self::of(ConnectionFacts::new(method.kind(), version));
        // method SP, a target, SP HTTP-version CRLF, and the empty line
        facts.octets = SHORTEST_HEAD + method.as_bytes().len() as u32;
        facts
    }

    /// A response whose field lines are still to come.
    pub const fn response(status: StatusCode, version: Version) -> Self {
        Self::of(ConnectionFacts::response(status, version))
    }

    pub(crate) const fn of(facts: ConnectionFacts) -> Self {
        Self { facts, compared: Compared::NONE, octets: SHORTEST_HEAD, octets_told: false }
    }

    /// Takes one field line into account, as sent or with outer whitespace trimmed. Lines that do not bear on the
    /// connection may be left out.
    pub fn field_line(&mut self, name: &[u8], value: &[u8]) {
        let value = octets::trim(value);
        if !self.octets_told {
            let line = u32::try_from(name.len() + value.len() + 3).unwrap_or(u32::MAX);
            self.octets = self.octets.saturating_add(line);
        }
        self.facts.field_line(name, value);
        self.compared.line(name, value);
    }

    /// With the number of octets that the head has, its empty line included; more than `u32::MAX` are counted as that. Without it a
    /// [`Lifecycle`](crate::Lifecycle) knows only a lower bound, from the names and values. With it, it knows whether what was received
    /// reaches into the next head.
    #[inline]
    #[must_use]
    pub fn with_octets(mut self, octets: usize) -> Self {
        self.octets = u32::try_from(octets).unwrap_or(u32::MAX);
        self.octets_told = true;
        self
    }

    /// The method; of a response, [`MethodKind::Other`].
    pub const fn method(&self) -> MethodKind {
        self.facts.method()
    }

    /// The status of a response.
    pub const fn status(&self) -> Option<StatusCode> {
        self.facts.status()
    }

    /// The version.
    pub const fn version(&self) -> Version {
        self.facts.version()
    }

    /// The connection option `close` (RFC 9112 9.6).
    pub const fn has_close(&self) -> bool {
        self.facts.has_close()
    }

    /// The connection option `keep-alive` (RFC 9112 9.3).
    pub const fn has_keep_alive(&self) -> bool {
        self.facts.has_keep_alive()
    }

    /// The `Keep-Alive` field, where its connection option stands beside it (RFC 2068 19.7.1.1).
    pub fn keep_alive(&self) -> Option<KeepAlive> {
        self.facts.keep_alive()
    }

    /// The protocols of an `Upgrade` that may be taken up: named as a connection option, in HTTP/1.1, not only h2c
    /// (RFC 9110 7.8, RFC 9113 3.1).
    pub const fn offers_upgrade(&self) -> bool {
        self.facts.offers_upgrade()
    }

    /// `Expect: 100-continue`, in HTTP/1.1 (RFC 9110 10.1.1).
    pub const fn expects_continue(&self) -> bool {
        self.facts.expects_continue()
    }
}

impl HeadFacts {
    /// What two heads are compared by.
    const fn key(&self) -> (ConnectionFacts, Option<Names>, Option<Misuse>) {
        (self.facts, self.compared.protocols, self.compared.misuse)
    }
}

/// Heads that say the same are equal, whatever their lengths. The hash of `Host` does not count either: a head that was read has one only
/// where its target could name another host.
impl PartialEq for HeadFacts {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Hash for HeadFacts {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// Octets of the shortest head, without its method.
const SHORTEST_HEAD: u32 = " / HTTP/1.1\r\n\r\n".len() as u32;

/// FNV-1a of the octets in lower case.
fn hash(octets: &[u8]) -> u64 {
    octets.iter().fold(0xcbf2_9ce4_8422_2325, |hash, b| {
        (hash ^ u64::from(b.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
    })
}
