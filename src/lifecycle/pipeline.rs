//! Requests that wait for their answers: a client's queue, bounded by its type.
//!
//! Read first: RFC 9112 9.2 (each response belongs to the first request that has none), 9.3.2 (pipelining), 9.6 (nothing after
//! `close`); RFC 9110 9.2.2 (idempotence).
//!
//! The receiving half of the [`Machine`] belongs to the first request of the queue, the sending half to the last. A response
//! that is complete takes its request out, and the next one's clocks begin; with the last one gone, and sent to its end,
//! the connection is between exchanges. A connection that ends leaves here what was not answered, with the evidence for
//! [`retry`](crate::lifecycle::retry).
//!
//! **What left, and what is not known to have left.** Octets are handed out, then confirmed as left. A response can only answer a
//! request of which an octet is confirmed: what comes before was there before it (RFC 9112 9.2). Between the two nothing is known,
//! unless the driver gives its word that nothing has left; the word is for what comes next, and is taken back by octets handed out,
//! by octets confirmed, and when all that was received has been looked at.
//!
//! **When may a request follow another unanswered one?** When all that is outstanding is idempotent, so that it could be
//! sent again (RFC 9112 9.3.2); when nothing outstanding can end HTTP on this connection or withhold its content (`close`,
//! `Upgrade`, CONNECT, `Expect`); when the peer is known to speak HTTP/1.1; within the peer's `max`. Of several reasons
//! against, the first in this order is given: closing, a request still being sent, the queue, the peer, the requests before.

use arrayvec::ArrayVec;

use crate::config::Settings;
use crate::error::{Misuse, SendError};
use crate::lifecycle::deadlines::PeerTime;
use crate::lifecycle::packing::{OWN, Packer, Unpacker};
use crate::lifecycle::persistence::CloseReason;
use crate::lifecycle::retry::Sent;
use crate::lifecycle::state::{Half, Machine, flag};
use crate::message::method::MethodKind;
use crate::message::upgrade::Names;
use crate::time::Instant;

/// A request that has been handed out and not been answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pending {
    /// It was begun.
    pub(crate) begun: Instant,
    /// Its last octet left, if [`bit::LEFT`].
    left: Instant,
    /// Octets handed out on the connection before it.
    from: u64,
    /// And with it, once it is whole.
    to: u64,
    pub(crate) method: MethodKind,
    bits: u8,
}

/// Bits of a [`Pending`].
pub(crate) mod bit {
    /// It may be repeated: by its method, or because the caller said so.
    pub(crate) const IDEMPOTENT: u8 = 1;
    /// Nothing may follow it until it is answered: `close`, `Upgrade`, CONNECT, `Expect`.
    pub(crate) const LAST: u8 = 1 << 1;
    /// It was handed out whole.
    pub(crate) const WHOLE: u8 = 1 << 2;
    /// All of it left.
    pub(crate) const LEFT: u8 = 1 << 3;
    /// Its content, if it has any, can be sent again.
    pub(crate) const REPLAYABLE: u8 = 1 << 4;
    /// It went after another one that had no answer yet.
    pub(crate) const PIPELINED: u8 = 1 << 5;
    /// It offers to switch to the protocols that are kept.
    pub(crate) const OFFERS: u8 = 1 << 6;
}

impl Pending {
    pub(crate) const fn is(&self, bit: u8) -> bool {
        self.bits & bit != 0
    }

    /// So many octets have left on the connection; is it whole with them?
    #[inline(always)]
    fn left_by(&mut self, sent: u64, now: Instant) -> bool {
        let leaves = self.bits & (bit::WHOLE | bit::LEFT) == bit::WHOLE && self.to <= sent;
        if leaves {
            self.bits |= bit::LEFT;
            self.left = now;
        }
        leaves
    }

    /// Octets of it that left, and whether that is all.
    fn octets_left(&self, sent: u64) -> (u64, bool) {
        let to = if self.is(bit::WHOLE) { self.to } else { u64::MAX };
        (sent.min(to).saturating_sub(self.from), self.is(bit::LEFT))
    }
}

/// The queue, and what is known of the peer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Outstanding<const DEPTH: usize> {
    requests: ArrayVec<Pending, DEPTH>,
    /// The protocols that the last request offers, if it is one that does: nothing follows such a one.
    offered: Names,
    /// Requests handed out on this connection.
    asked: u32,
    /// Octets handed out on this connection.
    written: u64,
    /// The peer is known to speak HTTP/1.1: by its answers, or because the caller knows.
    pub(crate) is_http11: bool,
    /// The peer's time.
    pub(crate) peer: PeerTime,
    /// The response before was complete.
    answered: Instant,
    /// Requests the peer will still accept, by its `max`.
    budget: Option<u32>,
    /// Interim responses to the first request.
    pub(crate) interim: u8,
    /// Line ends dropped since the last response.
    pub(crate) line_ends: u8,
    /// The driver's word: no octet of what is pending has left.
    nothing_left: bool,
}

impl<const DEPTH: usize> Outstanding<DEPTH> {
    /// Where no request can be kept, none is to be sent: it would be lost.
    const HOLDS_ONE: () = assert!(DEPTH > 0, "a client has at least one request outstanding");

    pub(crate) const fn new() -> Self {
        let () = Self::HOLDS_ONE;
        Self {
            requests: ArrayVec::new_const(),
            offered: Names::NONE,
            asked: 0,
            written: 0,
            is_http11: false,
            peer: PeerTime::UNKNOWN,
            answered: Instant::EPOCH,
            budget: None,
            interim: 0,
            line_ends: 0,
            nothing_left: false,
        }
    }

    /// The request that the next response answers.
    pub(crate) fn first(&self) -> Option<&Pending> {
        self.requests.first()
    }

    /// The protocols that it offers.
    pub(crate) fn offered(&self) -> Option<&Names> {
        self.first().filter(|first| first.is(bit::OFFERS)).map(|_| &self.offered)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// What is unanswered, each with its number on the connection, from 0.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Pending)> {
        let answered = self.asked - self.requests.len() as u32;
        self.requests.iter().enumerate().map(move |(i, request)| (answered + i as u32, request))
    }

    /// Requests handed out on this connection.
    pub(crate) const fn asked(&self) -> u32 {
        self.asked
    }

    /// Octets that left on this connection.
    pub(crate) const fn sent(&self, machine: &Machine) -> u64 {
        self.written.saturating_sub(machine.pending)
    }

    /// Has an octet of the first request left? Before that nothing that comes can be its answer (RFC 9112 9.2).
    #[inline(always)]
    pub(crate) fn awaits(&self, machine: &Machine) -> bool {
        self.requests.first().is_some_and(|first| self.sent(machine) > first.from)
    }

    /// The driver's word: no octet of what is pending has left.
    pub(crate) fn nothing_left(&mut self) {
        self.nothing_left = true;
    }

    /// The word was for what has been looked at.
    #[inline(always)]
    pub(crate) fn looked_at(&mut self) {
        self.nothing_left = false;
    }

    /// How much of a request has left.
    pub(crate) fn sent_of(&self, machine: &Machine, pending: &Pending) -> Sent {
        match pending.octets_left(self.sent(machine)) {
            (_, true) => Sent::All,
            (0, false) if self.nothing_left => Sent::Nothing,
            (0, false) => Sent::Unknown,
            (_, false) => Sent::Some,
        }
    }

    /// May a request be handed out now?
    #[inline(always)]
    pub(crate) fn check(&self, machine: &Machine, settings: &Settings, now: Instant) -> Result<(), SendError> {
        self.check_state(machine, settings)?;
        // what is due has ended it, though nobody has looked
        if self.is_empty() && machine.is_over_idle(settings, self.peer.hint, now) {
            let age = machine.is_over_age(now);
            Err(SendError::Ended(if age { CloseReason::Age } else { CloseReason::IdleTimeout }))
        } else {
            Ok(())
        }
    }

    /// The same but for the time.
    #[inline(always)]
    pub(crate) fn check_state(&self, machine: &Machine, settings: &Settings) -> Result<(), SendError> {
        machine.check_open()?;
        if !machine.causes.is_empty() || machine.is(flag::EOF) || self.budget == Some(0) {
            let eof = if machine.is(flag::EOF) { CloseReason::PeerClosed } else { CloseReason::MaxHint };
            return Err(SendError::Ended(machine.causes.first().unwrap_or(eof)));
        }
        if machine.sending == Half::Content {
            return Err(Misuse::RequestUnfinished.into());
        }
        let Some(last) = self.requests.last() else {
            // what was there before a request is never its answer (RFC 9112 9.2)
            return if machine.unread == 0 { Ok(()) } else { Err(Misuse::OctetsUnread.into()) };
        };
        if last.is(bit::LAST) {
            return Err(Misuse::PipelineHeld.into());
        }
        if self.requests.is_full() {
            return Err(Misuse::PipelineFull.into());
        }
        if !self.is_http11 || !settings.policy.pipelining.is_on() {
            return Err(Misuse::PipelineHeld.into());
        }
        let safe = self.requests.iter().all(|request| request.is(bit::IDEMPOTENT));
        if safe { Ok(()) } else { Err(Misuse::PipelineHeld.into()) }
    }

    /// The next request offers these protocols.
    pub(crate) fn offer(&mut self, names: Option<&Names>) {
        if let Some(names) = names {
            self.offered = *names;
        }
    }

    /// A request's head is about to be handed out.
    pub(crate) fn push(&mut self, machine: &mut Machine, now: Instant, method: MethodKind, bits: u8) {
        let pipelined = if self.is_empty() { 0 } else { bit::PIPELINED };
        let request = Pending { begun: now, left: now, from: self.written, to: 0, method, bits: bits | pipelined };
        if self.is_empty() {
            machine.exchange = now;
            self.peer.waiting = None;
            machine.octets = 0;
            self.interim = 0;
        }
        if self.requests.try_push(request).is_err() {
            return;
        }
        self.asked = self.asked.saturating_add(1);
        if let Some(left) = &mut self.budget {
            *left = left.saturating_sub(1);
        }
    }

    /// What is kept of an idle connection that is parked: the hint, the budget, the peer. The number of requests is that of the
    /// exchanges then.
    pub(crate) fn pack(&self, exchanges: u32) -> Option<[u8; OWN]> {
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
        packer.put(u64::from(self.line_ends) << 1 | u64::from(self.is_http11), 1)?;
        Some(packer.octets)
    }

    pub(crate) fn unpack(own: [u8; OWN], exchanges: u32) -> Self {
        let mut unpacker = Unpacker { octets: &own, at: 0 };
        let mut number = || Some(unpacker.take(3)).filter(|&number| number != NONE).map(|number| number as u32);
        let (hint, budget) = (number().unwrap_or(u32::MAX), number());
        let bits = unpacker.take(1) as u8;
        let peer = PeerTime { hint, ..PeerTime::UNKNOWN };
        Self { asked: exchanges, is_http11: bits & 1 != 0, peer, budget, line_ends: bits >> 1, ..Self::new() }
    }

    /// Octets were handed out.
    pub(crate) fn written(&mut self, octets: u64) {
        self.nothing_left = false;
        self.written = self.written.saturating_add(octets);
    }

    /// The request being sent is whole.
    pub(crate) fn whole(&mut self) {
        let written = self.written;
        if let Some(last) = self.requests.last_mut() {
            last.to = written;
            last.bits |= bit::WHOLE;
        }
    }

    /// Octets left: those requests that are out whole begin to wait.
    #[inline]
    pub(crate) fn left(&mut self, machine: &mut Machine, now: Instant) {
        self.nothing_left = false;
        let sent = self.sent(machine);
        match self.requests.as_mut_slice() {
            [only] => {
                if only.left_by(sent, now) {
                    self.peer.waiting = Some(now.max(self.answered));
                }
            }
            all => {
                for request in all {
                    request.left_by(sent, now);
                }
                self.wait();
            }
        }
    }

    /// The first request's wait for its response counts from when it left whole, and not before the answer before it.
    #[inline]
    fn wait(&mut self) {
        self.peer.waiting = match self.requests.first() {
            Some(first) if first.is(bit::LEFT) => Some(first.left.max(self.answered)),
            _ => None,
        };
    }

    /// The peer said how many more requests it will accept. Those after the one answered count.
    pub(crate) fn hint(&mut self, max: Option<u32>) {
        if let Some(max) = max {
            let behind = self.requests.len().saturating_sub(1) as u32;
            self.budget = Some(max.saturating_sub(behind));
        }
    }

    /// The peer accepts no more requests.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.budget == Some(0)
    }

    /// Does the message being sent belong to the first request?
    pub(crate) fn sends_first(&self) -> bool {
        self.requests.len() <= 1
    }

    /// The first request has been answered whole.
    #[inline(always)]
    pub(crate) fn answered(&mut self, machine: &mut Machine, now: Instant) {
        self.interim = 0;
        self.line_ends = 0;
        self.answered = now;
        machine.receiving = Half::Idle;
        machine.octets = 0;
        machine.flags &= !flag::DISCARD;
        if DEPTH > 1 && self.requests.len() > 1 {
            return self.next(machine);
        }
        self.requests.clear();
        machine.sending = Half::Idle;
        machine.left = now;
        self.peer.waiting = None;
    }

    /// The exchange of the second request begins.
    #[inline(never)]
    fn next(&mut self, machine: &mut Machine) {
        self.requests.pop_at(0);
        if let Some(next) = self.requests.first() {
            machine.exchange = next.begun;
        }
        self.wait();
    }
}

/// No number, in three octets.
const NONE: u64 = 0xFF_FFFF;
