//! `Max-Forwards`: how far TRACE and OPTIONS go (RFC 9110 7.6.2).

use super::fields::values;
use crate::message::method::MethodKind;
use crate::message::octets::{self, NumberFault};

/// What `Max-Forwards` says to an intermediary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "an intermediary acts on each: RFC 9110 7.6.2 knows no other")]
pub enum MaxForwards {
    /// Nothing: the field is not there, or the method is none that counts it. Then it is forwarded as it is.
    NotSaid,
    /// The request goes on, with this number in its place.
    GoesOn(u64),
    /// The request goes no further: the intermediary answers it itself.
    EndsHere,
    /// No number, or more than one.
    Invalid,
}

/// What `Max-Forwards` among these lines of a request says (RFC 9110 7.6.2). A number of more than 64 bits is sent on as the greatest of them.
pub fn max_forwards<'h>(method: MethodKind, lines: impl Iterator<Item = (&'h [u8], &'h [u8])>) -> MaxForwards {
    if !matches!(method, MethodKind::Trace | MethodKind::Options) {
        return MaxForwards::NotSaid;
    }
    let mut values = values(lines, b"max-forwards");
    match (values.next(), values.next()) {
        (None, _) => MaxForwards::NotSaid,
        (Some(value), None) => match octets::decimal(value) {
            Ok(0) => MaxForwards::EndsHere,
            Ok(number) => MaxForwards::GoesOn(number - 1),
            Err(NumberFault::TooLarge) => MaxForwards::GoesOn(u64::MAX),
            Err(NumberFault::NotANumber) => MaxForwards::Invalid,
        },
        (Some(_), Some(_)) => MaxForwards::Invalid,
    }
}
