//! The names of the fields that bear on a connection, in one table. Each list of names, and each filter by length or first letter, is
//! computed from it when the crate is compiled.
//!
//! Read first: RFC 9110 6.5.1 (what may not be a trailer), 7.6.1 (connection options), 7.8, 10.1.1, 10.1.4; RFC 9112 6.3, 9.3.

use crate::message::octets::Known;

/// What is done with a line of a field that was received.
enum Received {
    /// Nothing of it is kept.
    Ignored,
    /// What it says is kept as a fact.
    Kept,
    /// The same, and framing, routing or persistence follow from it. So no policy lets a control octet into its value.
    Decides,
}

/// What a caller may send of a field.
enum Sent {
    /// Any value within the grammar. Whether it fits the head is judged with the head.
    AnyValue,
    /// Not every value: each line is judged.
    SomeValues,
    /// Nothing: the machine writes it.
    Never,
}

/// For whom a field is.
enum Scope {
    /// For the recipient on this connection alone: who forwards the message removes it (RFC 9110 7.6.1).
    Hop,
    /// For every recipient of the message.
    Message,
}

use Received::*;
use Scope::*;
use Sent::*;

/// A field that bears on a connection or on how content is decoded.
struct KnownField {
    /// In lower case.
    name: &'static [u8],
    received: Received,
    sent: Sent,
    scope: Scope,
}

const fn field(name: &'static [u8], received: Received, sent: Sent, scope: Scope) -> KnownField {
    KnownField { name, received, sent, scope }
}

/// Fields for framing, routing and persistence, and those that say how content is to be decoded. None of them has an effect in a
/// trailer section (RFC 9110 6.5.1).
const FIELDS: [KnownField; 11] = [
    field(b"connection", Decides, Never, Hop),
    field(b"content-encoding", Ignored, AnyValue, Message),
    field(b"content-length", Decides, Never, Message),
    field(b"expect", Decides, AnyValue, Message),
    field(b"host", Decides, AnyValue, Message),
    field(b"keep-alive", Decides, Never, Hop),
    field(b"proxy-connection", Kept, Never, Hop),
    field(b"te", Kept, SomeValues, Hop),
    field(b"trailer", Ignored, AnyValue, Message),
    field(b"transfer-encoding", Decides, Never, Hop),
    field(b"upgrade", Decides, SomeValues, Hop),
];

/// A name of the table whose lines are kept, to be compared with. It does not compile where the table has no such row.
pub(crate) const fn kept(name: &'static [u8]) -> Known {
    Known::new(kept_name(name))
}

/// The same of a name too short for [`Known`].
#[expect(clippy::panic, reason = "it stops the compiler, and no program")]
pub(crate) const fn kept_name(name: &'static [u8]) -> &'static [u8] {
    let mut index = 0;
    while index < FIELDS.len() {
        let field = &FIELDS[index];
        if is_same(field.name, name) {
            assert!(!matches!(field.received, Ignored));
            return name;
        }
        index += 1;
    }
    panic!("not in the table")
}

const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut index = 0;
    while index < one.len() && index < other.len() && one[index] == other[index] {
        index += 1;
    }
    one.len() == other.len() && index == one.len()
}

fn any(name: &[u8], which: impl Fn(&KnownField) -> bool) -> bool {
    FIELDS.iter().any(|field| which(field) && name.eq_ignore_ascii_case(field.name))
}

/// May this line, which is no field line, have been meant for one by which a message is framed, or for `Connection`? `name`: what stands
/// before its colon, or all of it. What stands among the letters counts for nothing, and of the first two nothing that stands around them.
pub(crate) fn may_be_meant_for_framing(name: &[u8]) -> bool {
    let (mut last, mut count) = ([0; 16], 0);
    for letter in name.iter().filter(|b| b.is_ascii_alphabetic()) {
        last.rotate_left(1);
        last[15] = letter.to_ascii_lowercase();
        count += 1;
        if last.ends_with(b"contentlength") || last.ends_with(b"transferencoding") {
            return true;
        }
    }
    let mut words = name.split(|b| !b.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    (count == 10 && last.ends_with(b"connection"))
        || words.next().is_some_and(|first| first.eq_ignore_ascii_case(b"connection"))
}

/// Do framing, routing or persistence follow from a field of this name?
pub(crate) fn decides(name: &[u8]) -> bool {
    any(name, |field| matches!(field.received, Decides))
}

/// Is this field for the recipient on this connection alone (RFC 9110 7.6.1)?
pub(crate) fn is_of_hop(name: &[u8]) -> bool {
    any(name, |field| matches!(field.scope, Hop))
}

/// Does the machine alone write this field?
pub(crate) fn is_owned(name: &[u8]) -> bool {
    any(name, |field| matches!(field.sent, Never))
}

/// May this field not stand in a trailer section (RFC 9110 6.5.1)?
pub(crate) fn never_a_trailer(name: &[u8]) -> bool {
    any(name, |_| true)
}

/// Could a field be one that is kept, whose name begins with this octet and has this many octets? A filter: it may say yes for other
/// fields, and never says no for one that is kept.
pub(crate) fn may_be_kept(first: u8, octets: usize) -> bool {
    // the bit of upper and lower case, and the one by which `c` and `k` differ: two names of ten octets begin with these
    const IGNORED_BITS: u8 = 0x28;
    const FIRST: [u8; 32] = {
        let (mut first, mut index) = ([0; 32], 0);
        while index < FIELDS.len() {
            let field = &FIELDS[index];
            if !matches!(field.received, Ignored) {
                let (place, octet) = (field.name.len(), field.name[0] | IGNORED_BITS);
                assert!(first[place] == 0 || first[place] == octet, "one first letter for each length");
                first[place] = octet;
            }
            index += 1;
        }
        first
    };
    FIRST[octets % 32] == first | IGNORED_BITS
}

/// Could a field whose name has this many octets be one of which not every value may be sent? A filter like [`may_be_kept`].
pub(crate) const fn may_be_restricted(octets: usize) -> bool {
    const LENGTHS: u32 = {
        let (mut lengths, mut index) = (0, 0);
        while index < FIELDS.len() {
            if !matches!(FIELDS[index].sent, AnyValue) {
                lengths |= 1 << FIELDS[index].name.len();
            }
            index += 1;
        }
        lengths
    };
    octets <= LENGTHS.ilog2() as usize && LENGTHS >> octets & 1 != 0
}

/// All names of the table.
#[cfg(test)]
pub(crate) fn names() -> impl Iterator<Item = &'static [u8]> {
    FIELDS.iter().map(|field| field.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::connection_facts::ConnectionFacts;
    use crate::message::method::{MethodKind, Version};
    use crate::status::StatusCode;

    #[test]
    fn filters_let_each_field_of_the_table_through() {
        for field in &FIELDS {
            let name = field.name.to_ascii_uppercase();
            assert!(never_a_trailer(&name));
            assert_eq!(decides(&name), matches!(field.received, Decides));
            assert_eq!(is_owned(&name), matches!(field.sent, Never));
            for first in [name[0], field.name[0]] {
                assert!(matches!(field.received, Ignored) || may_be_kept(first, name.len()));
            }
            assert!(matches!(field.sent, AnyValue) || may_be_restricted(name.len()));
        }
        assert!(!never_a_trailer(b"date") && !may_be_kept(b'd', 4) && !may_be_restricted(4) && !may_be_restricted(34));
    }

    #[test]
    fn a_line_of_each_field_that_is_kept_is_a_fact() {
        for field in &FIELDS {
            let fresh = match field.name {
                b"proxy-connection" => ConnectionFacts::response(StatusCode::OK, Version::HTTP_11),
                _ => ConnectionFacts::new(MethodKind::Get, Version::HTTP_11),
            };
            let mut facts = fresh;
            facts.field_line(field.name, if field.name == b"keep-alive" { b"timeout=1" } else { b"close" });
            let is_kept = facts != fresh;
            assert_eq!(is_kept, !matches!(field.received, Ignored));
        }
    }
}
