//! What request lines and status lines share: how a head is taken up again, where its first line ends, and the version.
//!
//! Read first: RFC 9112 2.3 (version), 3 and 4 (start lines).

use super::fields::FieldTable;
use super::{Bounds, Fault, Progress, Rules};
use crate::error::ProtocolErrorKind::{self, *};

impl Progress {
    /// Prepares to go on with a head that was read in part. Where less is offered than before, it begins again.
    pub(super) fn take_up(&mut self, buf: &[u8], table: &mut FieldTable) {
        if self.next_line == 0 || self.searched > 0 {
            // the table can not begin in the middle of a section: its lines are searched for when they are asked for
            self.restart_if_shorter(buf);
            if self.next_line > 0 {
                table.truncate(0);
            }
        }
    }

    /// Where the start line ends, its line end included; `None`: not yet. `too_long` says what is wrong with one that reaches its limit.
    pub(super) fn start_line_end(
        &mut self,
        rules: Rules<'_>,
        buf: &[u8],
        too_long: impl Fn(&[u8]) -> ProtocolErrorKind,
    ) -> Result<Option<usize>, Fault> {
        let most = rules.limits.start_line as usize;
        let bounds = Bounds { line: most, all: rules.limits.head as usize, too_long: RequestLine };
        self.line_end(buf, 0, bounds, false)
            .map_err(|fault| Fault::new(too_long(buf.get(..most).unwrap_or(buf)), fault.at))
    }
}

/// The minor number of one of the two usual versions.
///
/// Twin of [`version`].
pub(super) const fn fast_version(octets: [u8; 8]) -> Option<u8> {
    const HTTP_10: u64 = u64::from_le_bytes(*b"HTTP/1.0");
    const HTTP_11: u64 = u64::from_le_bytes(*b"HTTP/1.1");
    match u64::from_le_bytes(octets) {
        HTTP_11 => Some(1),
        HTTP_10 => Some(0),
        _ => None,
    }
}

/// `HTTP/` DIGIT `.` DIGIT of major number 1: its minor number.
pub(super) fn version(octets: &[u8]) -> Result<u8, ProtocolErrorKind> {
    match octets {
        [b'H', b'T', b'T', b'P', b'/', major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9'] => {
            if *major == b'1' {
                Ok(minor - b'0')
            } else {
                Err(MajorVersion)
            }
        }
        _ => Err(Version),
    }
}

/// Is this octet whitespace for the lenient reading of a start line (RFC 9112 3)?
pub(super) fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | 0x0b | 0x0c | b'\r')
}
