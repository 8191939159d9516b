//! Instants as they are seen from now: what a state that is told from another is compared by.

use crate::time::Instant;

/// Who reads and writes octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parser {
    /// A [`Connection`](crate::Connection): what begins as a head is one, and octets are told before the end that they bring.
    Ours,
    /// The user: a head may turn out to be none, and octets may be told later.
    Theirs,
}

/// Instants as they are seen from now, and who reads and writes.
#[derive(Clone, Copy)]
pub struct Relative {
    now: Instant,
    pub(crate) parser: Parser,
}

/// Now, as instants that are relative to it are written.
const NOW: u64 = 1 << 62;

impl Relative {
    pub(crate) const fn to(now: Instant, parser: Parser) -> Self {
        Self { now, parser }
    }

    /// The instant relative to now where something is counted from it, else one that is the same for all.
    pub(crate) fn keep(self, at: &mut Instant, counts: bool) {
        *at = match *at {
            _ if !counts => Instant::EPOCH,
            Instant::MAX => Instant::MAX,
            at => Instant::from_nanos(NOW.wrapping_add(at.as_nanos()).wrapping_sub(self.now.as_nanos())),
        };
    }
}
