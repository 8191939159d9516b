//! The `Keep-Alive` field, both ways.
//!
//! No current standard defines it. RFC 2068 19.7.1.1 gives the shape (`0#( name "=" value )`, and only beside
//! `Connection: keep-alive`), draft-thomson-hybi-http-timeout-03 and MDN the meaning: `timeout` is whole seconds the sender
//! will leave the connection idle, `max` how many requests it will still accept. It is a hint and never breaks a message:
//! a member that is not understood is skipped. Firefox sent a bare number in requests (`Keep-Alive: 115`).
//!
//! Tie-breaks: only `1*DIGIT` counts (`"5"`, `+5`, `1.5` do not). A number that does not fit 32 bits is `u32::MAX`. Where a parameter is
//! repeated the smallest number counts, since the peer may mean it.

use crate::message::octets::{self, Known, NumberFault};

/// What a `Keep-Alive` field says: `timeout=N, max=N`; each of them may be missing (RFC 2068 19.7.1.1).
///
/// ```
/// use http_keepalive::KeepAlive;
///
/// assert_eq!(KeepAlive::parse(b"timeout=5, max=200"), KeepAlive { timeout: Some(5), max: Some(200) });
/// assert_eq!(KeepAlive::parse(b"115"), KeepAlive::default());
/// assert_eq!(KeepAlive { timeout: Some(5), max: None }.to_string(), "timeout=5");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "the field has these two parameters, and users of a pool write down what another parser read"
)]
pub struct KeepAlive {
    /// How many seconds the sender will leave the connection idle before it closes it.
    pub timeout: Option<u32>,
    /// How many more requests the sender will accept on the connection.
    pub max: Option<u32>,
}

/// As the field's value is written.
impl core::fmt::Display for KeepAlive {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match (self.timeout, self.max) {
            (Some(timeout), Some(max)) => write!(f, "timeout={timeout}, max={max}"),
            (Some(timeout), None) => write!(f, "timeout={timeout}"),
            (None, Some(max)) => write!(f, "max={max}"),
            (None, None) => Ok(()),
        }
    }
}

impl KeepAlive {
    /// Reads one field value. Members that are not understood are skipped; nothing is an error.
    pub fn parse(value: &[u8]) -> Self {
        Self::parse_fast(value).unwrap_or_else(|| Self::parse_full(value))
    }

    /// `timeout=N` or `timeout=N, max=M`, as servers send it, or a bare number. `None` for anything else.
    ///
    /// Twin of [`parse_full`](Self::parse_full).
    #[inline]
    pub(super) fn parse_fast(value: &[u8]) -> Option<Self> {
        const TIMEOUT: Known = Known::new(b"timeout=");
        // Firefox sent a number alone
        if let Some((_, [])) = few_digits(value) {
            return Some(Self::default());
        }
        let (name, rest) = value.split_first_chunk::<8>()?;
        if !TIMEOUT.is(name) {
            return None;
        }
        let (timeout, rest) = few_digits(rest)?;
        let max = match rest {
            [] => None,
            [b',', b' ', b'm', b'a', b'x', b'=', rest @ ..] => match few_digits(rest)? {
                (max, []) => Some(max),
                _ => return None,
            },
            _ => return None,
        };
        Some(Self { timeout: Some(timeout), max })
    }

    /// Any value.
    #[inline(never)]
    pub(super) fn parse_full(value: &[u8]) -> Self {
        let mut hint = Self::default();
        let mut rest = value;
        while !rest.is_empty() {
            let (name, mut after) = octets::token(rest);
            if let [b'=', value @ ..] = octets::trim_start(after) {
                let (number, end) = octets::token(value);
                after = octets::trim_start(end);
                if matches!(after, [] | [b',', ..]) {
                    hint.parameter(name, number);
                }
            }
            rest = after.get(octets::separator_at(after, b',') + 1..).unwrap_or_default();
        }
        hint
    }

    fn parameter(&mut self, name: &[u8], value: &[u8]) {
        const TIMEOUT: Known = Known::new(b"timeout");
        let place = if TIMEOUT.is(name) {
            &mut self.timeout
        } else if name.eq_ignore_ascii_case(b"max") {
            &mut self.max
        } else {
            return;
        };
        let number = match octets::decimal(value) {
            Ok(number) => u32::try_from(number).unwrap_or(u32::MAX),
            Err(NumberFault::TooLarge) => u32::MAX,
            Err(NumberFault::NotANumber) => return,
        };
        *place = smaller(*place, Some(number));
    }

    /// Is neither of the numbers there?
    pub fn is_empty(&self) -> bool {
        self.timeout.is_none() && self.max.is_none()
    }
}

/// The number of one to nine digits, which fits 32 bits, and the octets after them.
#[inline]
fn few_digits(octets: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = octets::leading_digits(octets);
    let digits = octets.len() - rest.len();
    if (1..=9).contains(&digits) { Some((number as u32, rest)) } else { None }
}

fn smaller(one: Option<u32>, other: Option<u32>) -> Option<u32> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
