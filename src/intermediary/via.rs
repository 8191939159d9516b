//! `Via`: by whom a message was received, and whether it was here before (RFC 9110 7.6.3).

use arrayvec::ArrayVec;

use super::fields::values;
use crate::message::host;
use crate::message::method::Version;
use crate::message::octets;

/// The name of an intermediary in `Via`: a token, or a host with or without its port, of at most 48 octets. It is to be another one for
/// each hop that a message may pass, since a message that has it is taken for one that comes round.
///
/// ```
/// use http_keepalive::Version;
/// use http_keepalive::intermediary::Pseudonym;
///
/// let pseudonym = Pseudonym::new("edge-7").expect("a token");
/// assert_eq!(&pseudonym.line(Version::HTTP_11)[..], b"1.1 edge-7");
/// assert!(Pseudonym::new("two words").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pseudonym(ArrayVec<u8, 48>);

impl Pseudonym {
    /// `None`: it is empty, too long, or no `received-by` (RFC 9110 7.6.3).
    pub fn new(name: &str) -> Option<Self> {
        let octets = name.as_bytes();
        let valid =
            octets::is_token(octets) || (!octets.is_empty() && host::is_host(octets) && !octets.contains(&b','));
        if valid { ArrayVec::try_from(octets).ok().map(Self) } else { None }
    }

    /// The value of the line to be added, for a message that was received in this version.
    pub fn line(&self, received: Version) -> ArrayVec<u8, 52> {
        let mut line = ArrayVec::new();
        line.extend([b'1', b'.', b'0' + received.minor.min(9), b' ']);
        line.extend(self.0.iter().copied());
        line
    }

    /// Has a message with these lines passed here before?
    pub fn is_in<'h>(&self, lines: impl Iterator<Item = (&'h [u8], &'h [u8])>) -> bool {
        let is_us = |member: &[u8]| {
            let mut words = member.split(|&b| octets::is_whitespace(b)).filter(|word| !word.is_empty());
            words.nth(1).is_some_and(|by| by.eq_ignore_ascii_case(&self.0))
        };
        values(lines, b"via").flat_map(octets::members).any(is_us)
    }
}
