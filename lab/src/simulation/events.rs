//! What will happen, and the order in which it does.
//!
//! An event is twelve octets that are copied, an entry of the heap 24: nothing is allocated for one. Tie-break: of what happens at the same
//! instant, what was said first.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// One thing that happens to one connection, user or pool. Offsets of octets are the low 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The next user comes.
    Arrival,
    /// The user has read the page, and wants the next one.
    NextPage { user: u32 },
    /// The document is parsed: its parts are known.
    Parsed { user: u32, page: u32 },
    /// The user has waited for the page for as long as one does.
    PatienceOver { user: u32, page: u32 },
    /// The client's first segment is at the server.
    OpeningArrived { connection: u32 },
    /// It had been dropped, and is sent again.
    OpeningAgain { connection: u32 },
    /// The server's answer to it is at the client.
    Opened { connection: u32 },
    /// There was nobody to answer it.
    OpeningRefused { connection: u32 },
    /// A request is at the server.
    RequestArrived { connection: u32 },
    /// The application has made a response.
    ResponseMade { connection: u32 },
    /// Segments are at the client.
    Delivered { connection: u32, start: u32, octets: u16 },
    /// Their acknowledgement is at the server.
    Acknowledged { connection: u32, start: u32, octets: u16 },
    /// The sender has waited for an acknowledgement for as long as it does.
    SegmentsOverdue { connection: u32, start: u32 },
    /// The client's end is at the server.
    EndAtServer { connection: u32 },
    /// The server's end is at the client.
    EndAtClient { connection: u32 },
    /// The server's reset is at the client.
    ResetAtClient { connection: u32 },
    /// A deadline of the server's lifecycle may have passed. It outlives its connection: the serial number tells.
    ServerDeadline { connection: u32, serial: u32 },
    /// A deadline of the client's lifecycle may have passed; the same.
    ClientDeadline { connection: u32, serial: u32 },
    /// Something in a pool may be due.
    PoolDeadline { pool: u32 },
    /// The shield of an idle connection is over, and somebody waits for its place.
    ShieldOver,
    /// The server is restarted.
    Restart,
}

const _: () = assert!(size_of::<Event>() == 12 && size_of::<Entry>() == 24);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    at: u64,
    number: u32,
    event: Event,
}

impl Entry {
    const fn key(&self) -> u128 {
        (self.at as u128) << 32 | self.number as u128
    }
}

impl Ord for Entry {
    /// The earliest is the greatest, as the heap has it.
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The events to come.
#[derive(Debug, Default)]
pub(crate) struct Events {
    heap: BinaryHeap<Entry>,
    number: u32,
    now: u64,
    /// Events at this instant so far.
    at_once: u32,
}

/// More events at one instant are a circle: nothing goes on.
const MOST_AT_ONCE: u32 = 50_000_000;

impl Events {
    /// The event happens at this instant, in nanoseconds; what is past happens now.
    pub(crate) fn add(&mut self, at: u64, event: Event) {
        self.number = self.number.wrapping_add(1);
        self.heap.push(Entry { at: at.max(self.now), number: self.number, event });
    }

    /// The next one, and when.
    pub(crate) fn next(&mut self) -> Option<(u64, Event)> {
        let entry = self.heap.pop()?;
        debug_assert!(entry.at >= self.now, "time goes back");
        self.at_once = if entry.at == self.now { self.at_once + 1 } else { 0 };
        assert!(
            self.at_once < if cfg!(debug_assertions) { MOST_AT_ONCE / 500 } else { MOST_AT_ONCE },
            "{:?} again and again",
            entry.event
        );
        self.now = entry.at;
        Some((entry.at, entry.event))
    }

    /// The instant of the last one.
    pub(crate) const fn now(&self) -> u64 {
        self.now
    }
}
