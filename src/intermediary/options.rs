//! Connection options: which fields they name, and which they may not (RFC 9110 7.6.1).

use super::ForwardFault;
use crate::message::known_fields;
use crate::message::octets;

/// What is done with a connection option that names a field which is for every recipient, such as `Host` or `Authorization`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "such a message is refused, or its option is not obeyed: there is no third"
)]
pub enum Nominations {
    /// The message is refused: no sender may do it, and those who do are after what its recipients make of it.
    #[default]
    Refuse,
    /// The option has no effect: the field is forwarded.
    Ignore,
}

/// Fields that are for every recipient, and that some have named as connection options, so that a proxy removes them: RFC 9110 7.6.1 has
/// `Cache-Control` for its example. In lower case.
const END_TO_END: [&[u8]; 33] = [
    b"accept-encoding",
    b"age",
    b"authorization",
    b"cache-control",
    b"content-disposition",
    b"content-encoding",
    b"content-language",
    b"content-length",
    b"content-location",
    b"content-range",
    b"content-security-policy",
    b"content-type",
    b"cookie",
    b"date",
    b"etag",
    b"expect",
    b"expires",
    b"forwarded",
    b"host",
    b"last-modified",
    b"location",
    b"max-forwards",
    b"origin",
    b"pragma",
    b"range",
    b"referer",
    b"set-cookie",
    b"strict-transport-security",
    b"user-agent",
    b"vary",
    b"via",
    b"www-authenticate",
    b"x-real-ip",
];

/// Is this field for every recipient of the message, so that no connection option may name it (RFC 9110 7.6.1)? Those of
/// authorization, routing, framing and content, and the conditional ones; `X-Forwarded-` with any ending, which tells an origin of the client.
/// Of fields that are not known here the answer is `false`: an option may name them.
///
/// ```
/// use http_keepalive::intermediary::is_end_to_end;
///
/// assert!(is_end_to_end(b"Host") && is_end_to_end(b"X-Forwarded-For") && !is_end_to_end(b"X-Of-Mine"));
/// ```
pub fn is_end_to_end(name: &[u8]) -> bool {
    let begins = |prefix: &[u8]| name.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix));
    END_TO_END.iter().any(|known| name.eq_ignore_ascii_case(known)) || begins(b"if-") || begins(b"x-forwarded-")
}

/// The most options of one message that are no fields of the hop by themselves. `close`, `TE` and their like do not count.
const MOST_NAMED: u32 = 32;

/// Which fields connection options have named, as 128 bits of a filter: what it says no to was not named. It is kept where the head is gone,
/// for the trailer section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct NamedFields(u128);

impl NamedFields {
    /// None.
    pub const NONE: Self = Self(0);

    fn bit(name: &[u8]) -> u128 {
        let mix = |hash: u32, b: &u8| (hash ^ u32::from(b.to_ascii_lowercase())).wrapping_mul(0x0100_0193);
        let hash = name.iter().fold(0x811c_9dc5, mix);
        1 << ((hash ^ hash >> 16) % 128)
    }

    /// May an option have named this field? It may say yes of one in a few that was not: enough to leave a trailer field out, which any
    /// intermediary may (RFC 9110 6.5.1).
    pub fn may_have(self, name: &[u8]) -> bool {
        self.0 != 0 && self.0 & Self::bit(name) != 0
    }
}

/// Which fields the options in these values of `Connection` name, beside those that are of the hop by themselves.
pub(super) fn named<'h>(
    values: impl Iterator<Item = &'h [u8]>,
    nominations: Nominations,
) -> Result<NamedFields, ForwardFault> {
    let (mut named, mut count) = (NamedFields::NONE, 0);
    for option in values.flat_map(octets::members) {
        if known_fields::is_of_hop(option) || is_persistence(option) {
            continue;
        }
        if is_end_to_end(option) {
            match nominations {
                Nominations::Refuse => return Err(ForwardFault::EndToEndOption),
                Nominations::Ignore => continue,
            }
        }
        count += 1;
        if count > MOST_NAMED {
            return Err(ForwardFault::TooManyOptions);
        }
        named.0 |= NamedFields::bit(option);
    }
    Ok(named)
}

/// `close` names no field; `keep-alive` is one of the hop.
fn is_persistence(option: &[u8]) -> bool {
    option.eq_ignore_ascii_case(b"close")
}
