//! Protocols to switch to: what an `Upgrade` field names, and what is kept of an offer (RFC 9110 7.8).

use crate::message::octets;

/// The members of an `Upgrade` field, valid or not. A quote hides no comma, since a protocol is made of tokens.
pub(crate) fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&b| b == b',').map(octets::trim).filter(|member| !member.is_empty())
}

/// `token ["/" token]`
pub(crate) fn is_protocol(member: &[u8]) -> bool {
    member.splitn(2, |&b| b == b'/').all(octets::is_token)
}

/// The protocols of an `Upgrade` field that may be switched to; not `h2c`, which is deprecated (RFC 9113 3.1).
pub(crate) fn offers(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    members(value).filter(|member| is_protocol(member) && !member.eq_ignore_ascii_case(b"h2c"))
}

/// Does the field name one protocol at least, and nothing else?
pub(crate) fn is_upgrade(value: &[u8]) -> bool {
    members(value).next().is_some() && members(value).all(is_protocol)
}

/// The protocols offered to a server: the first four, each as 16 bits of a hash without case. It keeps an application from naming a protocol
/// that was not offered, which is a mistake of the application and not an attack of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Offers([u16; 4]);

impl Offers {
    pub(crate) const NONE: Self = Self([0; 4]);

    /// No protocol is offered.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0[0] == 0
    }

    fn hash(protocol: &[u8]) -> u16 {
        let hash = protocol
            .iter()
            .fold(0x811c_9dc5u32, |hash, b| (hash ^ u32::from(b.to_ascii_lowercase())).wrapping_mul(0x0100_0193));
        ((hash >> 16) as u16 ^ hash as u16).max(1)
    }

    pub(crate) fn add(&mut self, protocol: &[u8]) {
        if let Some(place) = self.0.iter_mut().find(|place| **place == 0) {
            *place = Self::hash(protocol);
        }
    }

    pub(crate) fn contains(&self, protocol: &[u8]) -> bool {
        self.0.contains(&Self::hash(protocol))
    }
}

/// How many octets of names are kept, each name with a comma after it.
const MAX_NAMES_OCTETS: usize = 64;

/// The length of names that are too long to be kept.
const TOO_LONG: u8 = u8::MAX;

/// The protocols that `Upgrade` fields name, octet by octet, where they fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Names {
    octets: [u8; MAX_NAMES_OCTETS],
    len: u8,
}

impl Names {
    pub(crate) const NONE: Self = Self { octets: [0; MAX_NAMES_OCTETS], len: 0 };

    /// The names of all these field values.
    pub(crate) fn of<'v>(values: impl Iterator<Item = &'v [u8]>) -> Self {
        let mut names = Self::NONE;
        values.for_each(|value| names.add(value));
        names
    }

    /// Those of one more field value.
    pub(crate) fn add(&mut self, value: &[u8]) {
        for member in members(value) {
            let from = usize::from(self.len);
            let place = self.octets.get_mut(from..).and_then(|rest| rest.get_mut(..member.len() + 1));
            let Some((comma, place)) = place.and_then(|place| place.split_last_mut()) else {
                self.len = TOO_LONG;
                return;
            };
            place.copy_from_slice(member);
            *comma = b',';
            self.len += member.len() as u8 + 1;
        }
    }

    /// Are all of them kept?
    pub(crate) const fn fit(&self) -> bool {
        self.len != TOO_LONG
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        members(self.octets.get(..self.len.into()).unwrap_or_default())
    }

    /// Does `other` name one of these, and nothing else? Case makes no difference (RFC 9110 7.8).
    pub(crate) fn cover(&self, other: &Self) -> bool {
        let named = |name: &[u8]| self.iter().any(|one| one.eq_ignore_ascii_case(name));
        self.fit() && other.fit() && other.len > 0 && other.iter().all(named)
    }
}
