//! The server's octets on their way to the client: TCP as far as it matters to when they arrive.
//!
//! Read first: RFC 5681 (slow start, congestion avoidance, fast retransmit, the restart of an idle window), RFC 6298 (the timer), RFC 6928
//! (the initial window of ten). A sender has a window of segments. Each acknowledgement opens it: by as much as it acknowledges while it is
//! below the threshold, by a segment for each window after. A loss that later segments show halves it; one that only the timer shows begins
//! anew with one segment. What was lost goes first. Segments go in trains of at most `train`, as one event each: the bursts of a sender that
//! hears of two segments at once, or, with longer ones, of a machine that sends in bulk.

use super::links::SEGMENT;

/// The terms of all flows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlowTerms {
    /// Segments that may go at first; `None`: any number, and the window never matters.
    pub(crate) initial_window: Option<u32>,
    /// Octets on their way at most.
    pub(crate) receive_window: u64,
    /// A window that was idle for longer than the timer begins anew.
    pub(crate) cold_after_idle: bool,
    /// Segments of one train at most: no more than 44.
    pub(crate) train: u64,
    /// The least time of the timer, in nanoseconds.
    pub(crate) least_timer: u64,
}

/// Octets that were dropped, and what the sender knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hole {
    start: u64,
    octets: u64,
    known: Known,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// Nothing: they count as on their way.
    Nothing,
    /// That they were lost: they are to be sent again.
    Lost,
    /// They were sent again, and are on their way.
    Resent,
    /// They were sent again and dropped again: only the timer will tell.
    DroppedAgain,
}

/// Octets that may go now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Train {
    pub(crate) start: u64,
    pub(crate) octets: u64,
    /// They were sent before.
    pub(crate) again: bool,
}

/// One direction of a connection.
#[derive(Debug)]
pub(crate) struct Flow {
    /// Segments that may be on their way; negative: any number.
    window: f32,
    threshold: f32,
    /// Octets that the application has written.
    written: u64,
    /// Octets that have gone at least once.
    sent: u64,
    /// Octets that the client has, without a gap.
    delivered: u64,
    /// The end of the latest octet that the client has.
    latest: u64,
    /// Octets that the sender believes to be on their way.
    on_their_way: u64,
    /// Losses before this octet belong to one that has halved the window already.
    recovered_at: u64,
    last_sent: u64,
    holes: Vec<Hole>,
    timeouts: u8,
}

impl Flow {
    pub(crate) fn new(terms: &FlowTerms) -> Self {
        Self {
            window: terms.initial_window.map_or(-1.0, |segments| segments as f32),
            threshold: f32::INFINITY,
            written: 0,
            sent: 0,
            delivered: 0,
            latest: 0,
            on_their_way: 0,
            recovered_at: 0,
            last_sent: 0,
            holes: Vec::new(),
            timeouts: 0,
        }
    }

    /// The whole offset of these low bits, which is not far from what was sent.
    pub(crate) const fn whole(&self, low: u32) -> u64 {
        self.sent - (self.sent as u32).wrapping_sub(low) as u64
    }

    /// The application writes.
    pub(crate) fn write(&mut self, terms: &FlowTerms, now: u64, octets: u64, timer: u64) {
        let is_quiet = self.on_their_way == 0 && self.sent == self.written;
        if let (true, true, Some(initial)) = (is_quiet, terms.cold_after_idle, terms.initial_window) {
            if self.sent > 0 && now.saturating_sub(self.last_sent) > timer {
                self.window = self.window.min(initial as f32);
            }
        }
        self.written += octets;
    }

    /// What may go now, if anything may: to be asked until nothing may.
    pub(crate) fn next_train(&mut self, terms: &FlowTerms, now: u64) -> Option<Train> {
        let lost = self.holes.iter().position(|hole| hole.known == Known::Lost);
        let (start, left) = match lost {
            Some(at) => (self.holes[at].start, self.holes[at].octets),
            None => (self.sent, self.written - self.sent),
        };
        if left == 0 {
            return None;
        }
        let window = if self.window < 0.0 { u64::MAX } else { self.window as u64 * SEGMENT };
        let room = window.min(terms.receive_window).saturating_sub(self.on_their_way);
        // whole segments, or all that is left
        let octets = left.min(terms.train * SEGMENT);
        let octets = if octets <= room { octets } else { room / SEGMENT * SEGMENT };
        if octets == 0 {
            return None;
        }
        match lost {
            Some(at) => {
                let hole = self.holes[at];
                self.holes[at] = Hole { octets, known: Known::Resent, ..hole };
                if octets < left {
                    let rest = Hole { start: start + octets, octets: left - octets, ..hole };
                    self.holes.insert(at + 1, rest);
                }
            }
            None => self.sent += octets,
        }
        self.on_their_way += octets;
        self.last_sent = now;
        Some(Train { start, octets, again: lost.is_some() })
    }

    /// The last of a train were dropped: all but the first `passed` octets.
    pub(crate) fn dropped(&mut self, train: Train, passed: u64) {
        let (start, octets) = (train.start + passed, train.octets - passed);
        if train.again {
            let at = self.holes.iter().position(|hole| hole.start == train.start && hole.known == Known::Resent);
            let Some(at) = at else { return };
            if passed > 0 {
                self.holes[at].octets = passed;
                self.holes.insert(at + 1, Hole { start, octets, known: Known::DroppedAgain });
            } else {
                self.holes[at].known = Known::DroppedAgain;
            }
        } else {
            self.holes.push(Hole { start, octets, known: Known::Nothing });
        }
    }

    /// Segments are at the client: how many octets it can read for that.
    pub(crate) fn delivered(&mut self, start: u64, octets: u64) -> u64 {
        self.latest = self.latest.max(start + octets);
        if !self.holes.is_empty() {
            self.holes.retain(|hole| !(start <= hole.start && hole.start + hole.octets <= start + octets));
        }
        let without_gap = self.holes.iter().map(|hole| hole.start).min().unwrap_or(self.latest).min(self.latest);
        let more = without_gap.saturating_sub(self.delivered);
        self.delivered += more;
        more
    }

    /// Their acknowledgement is at the sender.
    pub(crate) fn acknowledged(&mut self, start: u64, octets: u64) {
        let end = start + octets;
        self.timeouts = 0;
        let before = self.on_their_way;
        self.on_their_way = before.saturating_sub(octets);
        let (mut halve, sent, recovered_at) = (false, self.sent, self.recovered_at);
        for hole in &mut self.holes {
            if hole.known == Known::Nothing && end >= hole.start + hole.octets + 3 * SEGMENT {
                hole.known = Known::Lost;
                self.on_their_way = self.on_their_way.saturating_sub(hole.octets);
                halve |= hole.start >= recovered_at;
            }
        }
        if halve {
            self.threshold = (self.window / 2.0).max(2.0);
            self.window = self.threshold;
            self.recovered_at = sent;
        } else if self.window >= 0.0
            && before as f32 * 2.0 >= self.window * SEGMENT as f32
            && (self.window < self.threshold || start >= recovered_at)
        {
            let segments = octets.div_ceil(SEGMENT) as f32;
            self.window += if self.window < self.threshold { segments } else { segments / self.window };
        }
    }

    /// The timer of octets that were dropped has passed. Whether they are still missed.
    pub(crate) fn overdue(&mut self, start: u64) -> bool {
        let waits = |hole: &Hole| matches!(hole.known, Known::Nothing | Known::DroppedAgain);
        if !self.holes.iter().any(|hole| hole.start == start && waits(hole)) {
            return false;
        }
        self.timeouts = (self.timeouts + 1).min(6);
        self.threshold = (self.window / 2.0).max(2.0);
        self.window = 1.0;
        self.recovered_at = self.sent;
        for hole in self.holes.iter_mut().filter(|hole| waits(hole)) {
            hole.known = Known::Lost;
            self.on_their_way = self.on_their_way.saturating_sub(hole.octets);
        }
        true
    }

    /// How often the timer passed since the last acknowledgement.
    pub(crate) const fn timeouts(&self) -> u8 {
        self.timeouts
    }

    /// All that was written is at the client.
    pub(crate) const fn is_delivered(&self) -> bool {
        self.delivered == self.written
    }

    /// All that was written has gone at least once.
    pub(crate) const fn is_sent(&self) -> bool {
        self.sent == self.written
    }

    /// Octets that were written, that have gone, and that the client has, each no more than the one before.
    pub(crate) const fn counts(&self) -> (u64, u64, u64) {
        (self.written, self.sent, self.delivered)
    }
}
