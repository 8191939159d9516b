//! What of the queue is kept: of a connection that is parked, and of a state whose value is compared ([`canonical`](crate::lifecycle::canonical)).

use crate::config::{Limits, Timeouts};
use crate::lifecycle::packing::{OWN, Packer, Unpacker};
use crate::lifecycle::pipeline::{Interim, Outstanding, Progress};
use crate::lifecycle::relative::{Parser, Relative};
use crate::lifecycle::role::PeerTime;
use crate::message::upgrade::Names;
use crate::time::Instant;

impl<const DEPTH: usize> Outstanding<DEPTH> {
    /// What is kept of an idle connection that is parked: the hint, the budget, the peer. The number of requests is that of the
    /// exchanges then.
    pub(crate) fn pack(&self, exchanges: u32, empty_lines: u8) -> Option<[u8; OWN]> {
        if self.asked != exchanges {
            return None;
        }
        let mut packer = Packer { octets: [0; OWN], at: 0 };
        let known = |number: Option<u32>| match number {
            None => Some(NONE),
            Some(number) => Some(u64::from(number)).filter(|&number| number < NONE),
        };
        packer.put(known(Some(self.peer.hint).filter(|&hint| hint != u32::MAX))?, 3)?;
        packer.put(known(self.budget)?, 3)?;
        packer.put(u64::from(empty_lines) << 1 | u64::from(self.is_http11), 1)?;
        Some(packer.octets)
    }

    /// What was kept, and the empty lines skipped.
    pub(crate) fn unpack(own: [u8; OWN], exchanges: u32) -> (Self, u8) {
        let mut unpacker = Unpacker { octets: &own, at: 0 };
        let mut number = || Some(unpacker.take(3)).filter(|&number| number != NONE).map(|number| number as u32);
        let (hint, budget) = (number().unwrap_or(u32::MAX), number());
        let bits = unpacker.take(1) as u8;
        let peer = PeerTime { hint, ..PeerTime::UNKNOWN };
        (Self { asked: exchanges, is_http11: bits & 1 != 0, peer, budget, ..Self::new() }, bits >> 1)
    }

    /// The same value where the same follows: see [`canonical`](crate::lifecycle::canonical). `ended`: no response is read any more;
    /// `answered`: the head of the first response is complete.
    pub(crate) fn canonical(
        &mut self,
        limits: &Limits,
        timeouts: &Timeouts,
        relative: Relative,
        ended: bool,
        answered: bool,
    ) {
        // the octets before the first request are no part of what follows
        let before = self.requests.first().map_or(self.written, |first| first.from);
        self.written -= before;
        let waits = !ended && timeouts.response.is_some();
        let (exchange, answered_at) = (timeouts.exchange.is_some(), self.answered_at);
        self.answered_at = Instant::EPOCH;
        for (place, request) in self.requests.iter_mut().enumerate() {
            request.from -= before;
            request.to = request.to.saturating_sub(before);
            // that of the first is known beside
            relative.keep(&mut request.began, !ended && exchange && place > 0);
            if place == 0 {
                // its wait does not count from before the answer before it
                request.left_at = request.left_at.max(answered_at);
            }
            let counts = waits && request.progress == Progress::Left && (place > 0 || !answered);
            relative.keep(&mut request.left_at, counts);
        }
        if ended || !self.requests.iter().any(|request| request.marks.offers) {
            self.offered = Names::NONE;
        }
        // of the number only matters whether there was one before, where none is counted to
        if ended || limits.max_exchanges.is_none() {
            let answered = self.asked - self.requests.len();
            self.asked = answered.min(1) + self.requests.len();
        }
        if self.requests.is_empty() && relative.parser == Parser::Ours {
            // it is taken back with the next request's octets
            self.nothing_left = false;
        }
        let awaited = !ended && !answered && !self.requests.is_empty();
        if !awaited {
            self.interim = Interim::NONE;
        } else {
            self.interim = self.interim.canonical(limits);
        }
        relative.keep(&mut self.peer.interim_at, waits && self.interim.responses > 0);
        match &mut self.peer.waiting {
            Some(since) if awaited && waits => relative.keep(since, true),
            waiting => *waiting = None,
        }
        if ended {
            (self.is_http11, self.budget, self.peer.hint) = (false, None, u32::MAX);
            self.ends_after_response = false;
            for request in self.requests.iter_mut() {
                (request.marks.last, request.marks.offers) = (false, false);
            }
            self.own = 0;
        }
    }
}

impl Interim {
    /// What is not bounded is not counted; that there was one matters to the clocks.
    fn canonical(self, limits: &Limits) -> Self {
        let responses = if limits.interim_responses.is_some() { self.responses } else { self.responses.min(1) };
        let octets = if limits.interim_octets.is_some() { self.octets } else { 0 };
        Self { responses, octets }
    }
}

/// No number, in three octets.
const NONE: u64 = 0xFF_FFFF;
