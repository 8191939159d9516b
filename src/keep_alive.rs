//! The `Keep-Alive` field, both ways.
//!
//! No current standard defines it. RFC 2068 19.7.1.1 gives the shape (`0#( name "=" value )`, and only beside
//! `Connection: keep-alive`), draft-thomson-hybi-http-timeout-03 and MDN the meaning: `timeout` is whole seconds the sender
//! will leave the connection idle, `max` how many requests it will still accept. It is a hint and never breaks a message:
//! a member that is not understood is skipped. Firefox sent a bare number in requests (`Keep-Alive: 115`).
//!
//! Tie-breaks: only `1*DIGIT` counts (`"5"`, `+5`, `1.5` do not); a number too large to count is the largest we count; of
//! a repeated parameter the smallest counts, since the peer may mean it.

use crate::octets::{self, Known, NumberFault};

/// What a `Keep-Alive` field says.
///
/// ```
/// use http_keepalive::KeepAlive;
///
/// assert_eq!(KeepAlive::parse(b"timeout=5, max=200"), KeepAlive { timeout: Some(5), max: Some(200) });
/// assert_eq!(KeepAlive::parse(b"115"), KeepAlive::default());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeepAlive {
    /// Seconds the sender will leave the connection idle.
    pub timeout: Option<u32>,
    /// Requests the sender will still accept.
    pub max: Option<u32>,
}

impl KeepAlive {
    /// Reads one field value. Junk is skipped, never an error.
    pub fn parse(value: &[u8]) -> Self {
        let mut hint = Self::default();
        let mut rest = value;
        while let Some(end) = rest.iter().position(|&b| matches!(b, b'=' | b',' | b'"')) {
            let (name, behind) = rest.split_at(end);
            let mut after = behind;
            if let [b'=', value @ ..] = behind {
                let end = octets::separator_at(value, b',');
                after = &value[end..];
                hint.parameter(octets::trim(name), octets::trim(&value[..end]));
            } else {
                // a member without an equals sign, or begun by a quoted string, is not one of ours
                after = &after[octets::separator_at(after, b',')..];
            }
            rest = after.get(1..).unwrap_or_default();
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

    /// This hint and one more field line of the same message.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { timeout: smaller(self.timeout, other.timeout), max: smaller(self.max, other.max) }
    }

    /// Says nothing.
    pub fn is_empty(&self) -> bool {
        self.timeout.is_none() && self.max.is_none()
    }
}

fn smaller(one: Option<u32>, other: Option<u32>) -> Option<u32> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
