//! A link: octets leave it one after another, those that find its buffer full are dropped.
//!
//! It keeps one number, the instant at which its last octet will have left. What waits in it follows from that.

use super::measures::Carried;

/// Octets of TCP and IP beside each segment's content.
const HEADERS: u64 = 40;

/// Octets of content in a segment.
pub(crate) const SEGMENT: u64 = 1460;

/// How fast a link is, and how much may wait before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinkTerms {
    /// Bits in a second; `None`: no octet waits.
    pub(crate) rate: Option<u64>,
    /// Octets, headers included; `None`: any number.
    pub(crate) buffer: Option<u64>,
}

/// The instant at which its last octet will have left.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Link {
    free_at: u64,
}

/// What became of segments that were offered to a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passed {
    /// Octets of content that were taken; the rest was dropped.
    pub(crate) octets: u64,
    /// When the last of them has left, in nanoseconds.
    pub(crate) at: u64,
}

impl LinkTerms {
    fn nanos(&self, octets: u64) -> u64 {
        self.rate.map_or(0, |rate| octets * 8_000_000_000 / rate.max(1))
    }
}

impl Link {
    /// How long an octet that comes now waits.
    pub(crate) const fn wait(&self, now: u64) -> u64 {
        self.free_at.saturating_sub(now)
    }

    /// Offers segments that come at once: as many of them as have room are taken.
    pub(crate) fn offer(&mut self, terms: &LinkTerms, now: u64, octets: u64, carried: &mut Carried) -> Passed {
        let segments = octets.div_ceil(SEGMENT);
        let Some(rate) = terms.rate else { return Passed { octets, at: now } };
        let taken = match terms.buffer {
            None => segments,
            Some(buffer) => {
                let waiting = self.wait(now) * rate / 8_000_000_000;
                (buffer.saturating_sub(waiting) / (SEGMENT + HEADERS)).min(segments)
            }
        };
        let octets = octets.min(taken * SEGMENT);
        carried.segments += segments;
        carried.dropped += segments - taken;
        if taken > 0 {
            self.free_at = self.free_at.max(now) + terms.nanos(octets + taken * HEADERS);
        }
        Passed { octets, at: self.free_at.max(now) }
    }
}
