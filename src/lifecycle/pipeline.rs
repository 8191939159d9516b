//! Requests that wait for their answers: a client's queue, bounded by its type.
//!
//! Read first: RFC 9112 9.2 (each response belongs to the first request that has none), 9.3.2 (pipelining), 9.6 (nothing after
//! `close`); RFC 9110 9.2.2 (idempotence).
//!
//! The receiving half of the [`ConnectionState`] belongs to the first request of the queue, the sending half to the last. A response
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
//!
//! **Cost.** A request costs the same however many are outstanding: none is moved ([`row`]), what has left is counted ([`leaving`]), and what is
//! asked of all follows from one or two of them.
//!
//! `inline(always)`: see [`response_to_send`](crate::lifecycle::response_to_send).

mod answered;
mod invariants;
mod leaving;
mod row;
mod value;

use crate::config::{Client, Limits, Settings};
use crate::error::{Misuse, SendError};
use crate::lifecycle::persistence::CloseReason;
use crate::lifecycle::pipeline::row::Row;
use crate::lifecycle::role::{Own, PeerTime};
use crate::lifecycle::state::{ConnectionState, Sending};
use crate::lifecycle::terms::Terms;
use crate::message::method::MethodKind;
use crate::message::upgrade::Names;
use crate::status::StatusCode;
use crate::time::Instant;

/// A request that has been handed out and not been answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pending {
    /// When it was begun.
    began: Instant,
    /// When its last octet left, once that is so: see `progress`.
    left_at: Instant,
    /// Octets handed out on the connection before it.
    from: u64,
    /// And with it, once it is whole.
    to: u64,
    pub(crate) method: MethodKind,
    progress: Progress,
    pub(crate) marks: Marks,
    /// It went after another one that had no answer yet.
    pub(crate) pipelined: bool,
}

/// How far a request has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Progress {
    /// It is being handed out.
    Begun,
    /// It was handed out whole.
    Whole,
    /// All of it left.
    Left,
}

/// What is known of the final response to the first request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    None,
    /// Its whole status line was read.
    Begun,
    /// Its head is complete, and it refuses the request, of which content was to be sent: 400 or above.
    Refuses,
}

/// The interim responses to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Interim {
    pub(crate) responses: u32,
    /// Octets of their heads.
    pub(crate) octets: u32,
}

impl Interim {
    pub(crate) const NONE: Self = Self { responses: 0, octets: 0 };

    /// Are they too many with one more, of this number of octets?
    pub(crate) fn is_over(self, limits: &Limits, octets: u32) -> bool {
        let too_long = |most: u32| self.octets.saturating_add(octets) > most;
        limits.interim_responses.is_some_and(|most| self.responses >= most)
            || limits.interim_octets.is_some_and(too_long)
    }

    /// One more, of this number of octets.
    pub(crate) fn add(&mut self, octets: u32) {
        self.responses = self.responses.saturating_add(1);
        self.octets = self.octets.saturating_add(octets);
    }
}

/// What is known of a request as it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Marks {
    /// It may be repeated: by its method, or because the caller said so.
    pub(crate) idempotent: bool,
    /// Its content, if it has any, can be sent again.
    pub(crate) replayable: bool,
    /// Nothing may follow it until it is answered: `close`, `Upgrade`, CONNECT, `Expect`.
    pub(crate) last: bool,
    /// It offers to switch to the protocols that are kept.
    pub(crate) offers: bool,
}

impl Marks {
    const NONE: Self = Self { idempotent: false, replayable: false, last: false, offers: false };
}

impl Pending {
    /// What stands where no request does.
    const NONE: Self = Self {
        began: Instant::EPOCH,
        left_at: Instant::EPOCH,
        from: 0,
        to: 0,
        method: MethodKind::Get,
        progress: Progress::Begun,
        marks: Marks::NONE,
        pipelined: false,
    };
}

/// The queue, and what is known of the peer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Outstanding<const DEPTH: usize> {
    requests: Row<DEPTH>,
    /// How many have left whole before the first that has not.
    left: u32,
    /// How many, from the first, need not be asked when octets leave: see [`leaving`].
    settled: u32,
    /// Which exchange has timeouts of its own, one more than its place in the row; 0: none has.
    own: u32,
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
    /// When the response before was complete.
    answered_at: Instant,
    /// Requests the peer will still accept, by its `max`.
    budget: Option<u32>,
    /// Interim responses to the first request.
    pub(crate) interim: Interim,
    /// The final response to it.
    pub(crate) answer: Answer,
    /// No response follows the one being received.
    pub(crate) ends_after_response: bool,
    /// The driver's word: no octet of what is pending has left.
    nothing_left: bool,
}

impl<const DEPTH: usize> Outstanding<DEPTH> {
    /// Where no request can be kept, none is to be sent: it would be lost.
    const HOLDS_ONE: () = assert!(DEPTH > 0, "a client has at least one request outstanding");

    pub(crate) const fn new() -> Self {
        let () = Self::HOLDS_ONE;
        Self {
            requests: Row::new(),
            left: 0,
            settled: 0,
            own: 0,
            offered: Names::NONE,
            asked: 0,
            written: 0,
            is_http11: false,
            peer: PeerTime::UNKNOWN,
            answered_at: Instant::EPOCH,
            budget: None,
            interim: Interim::NONE,
            answer: Answer::None,
            ends_after_response: false,
            nothing_left: false,
        }
    }

    /// The request that the next response answers.
    pub(crate) fn first(&self) -> Option<&Pending> {
        self.requests.first()
    }

    /// The protocols that it offers.
    pub(crate) fn offered(&self) -> Option<&Names> {
        self.first().filter(|first| first.marks.offers).map(|_| &self.offered)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// The last request is out.
    #[inline(always)]
    fn clear(&mut self) {
        self.requests.clear();
        (self.left, self.settled, self.own) = (0, 0, 0);
    }

    /// Requests that were answered.
    pub(crate) fn answered(&self) -> u32 {
        self.asked - self.requests.len()
    }

    /// Octets handed out before the first request without an answer, and all of them.
    pub(crate) fn octets_sent(&self) -> (u64, u64) {
        (self.first().map_or(self.written, |first| first.from), self.written)
    }

    /// What is unanswered, each with its number on the connection, from 0.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Pending)> {
        let answered = self.answered();
        self.requests.iter().enumerate().map(move |(i, request)| (answered + i as u32, request))
    }

    /// Requests handed out on this connection.
    pub(crate) const fn asked(&self) -> u32 {
        self.asked
    }

    /// Which half of the exchange has timeouts of its own: what is received is of the first request, what is sent of the first of which not all
    /// has left, or else of the last.
    #[inline(always)]
    pub(crate) fn own_timeouts(&self) -> Own {
        let (own, goes) = (self.own, (self.left + 1).min(self.requests.len()));
        Own { any: own > 0, receiving: own == 1, sending: own > 0 && own == goes }
    }

    /// When the first of the exchanges has taken as long as it may, and since when that counts.
    ///
    /// None began before one that stands before it, so that of those with the same timeouts the first is due first.
    pub(crate) fn exchange_due(&self, terms: Terms<'_>) -> (Instant, Instant) {
        let due = |place: u32, settings: &Settings| {
            let never = (Instant::MAX, Instant::MAX);
            self.requests.get(place).map_or(never, |it| (settings.spans.exchange.after(it.began), it.began))
        };
        match self.own {
            0 => due(0, terms.connection),
            1 => due(0, terms.own).min(due(1, terms.connection)),
            own => due(0, terms.connection).min(due(own - 1, terms.own)),
        }
    }

    /// The exchange of the last request has timeouts of its own: one at a time.
    pub(crate) fn give_timeouts(&mut self) -> Result<(), Misuse> {
        let last = self.requests.len();
        match self.own {
            _ if last == 0 => Err(Misuse::NothingToAnswer),
            own if own > 0 && own != last => Err(Misuse::ExchangeOpen),
            _ => {
                self.own = last;
                Ok(())
            }
        }
    }

    /// The next request offers these protocols.
    pub(crate) fn offer(&mut self, names: Option<&Names>) {
        if let Some(names) = names {
            self.offered = *names;
        }
    }

    /// The peer said how many more requests it will accept. Those after the one answered count.
    pub(crate) fn hint(&mut self, max: Option<u32>) {
        if let Some(max) = max {
            let after_it = self.requests.len().saturating_sub(1);
            self.budget = Some(max.saturating_sub(after_it));
        }
    }

    /// Requests without a whole answer.
    pub(crate) const fn len(&self) -> u32 {
        self.requests.len()
    }

    /// Requests that the peer will still accept, where it said how many.
    pub(crate) const fn still_accepts(&self) -> Option<u32> {
        self.budget
    }

    /// The peer accepts no more requests.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.budget == Some(0)
    }

    /// Does the message being sent belong to the first request?
    pub(crate) fn sends_first(&self) -> bool {
        self.requests.len() <= 1
    }
}

impl<const DEPTH: usize> ConnectionState<Client<DEPTH>> {
    /// May a request be handed out now?
    #[inline(always)]
    pub(crate) fn check_request(&self, settings: &Settings, now: Instant) -> Result<(), SendError> {
        self.check_request_untimed(settings)?;
        // what is due has ended it, though nobody has looked
        if self.role.is_empty() && self.is_over_idle(settings, self.role.peer.hint, now) {
            let age = self.is_over_age(now);
            Err(SendError::Ended(if age { CloseReason::Age } else { CloseReason::IdleTimeout }))
        } else {
            Ok(())
        }
    }

    /// The same but for the time.
    #[inline(always)]
    pub(crate) fn check_request_untimed(&self, settings: &Settings) -> Result<(), SendError> {
        self.check_open()?;
        let (queue, closed) = (&self.role, self.receive.has_ended());
        if !self.lifetime.causes.is_empty() || closed || queue.budget == Some(0) {
            let reason = if closed { CloseReason::PeerClosed } else { CloseReason::MaxHint };
            return Err(SendError::Ended(self.lifetime.causes.first().unwrap_or(reason)));
        }
        if self.send.half() == Sending::Content {
            return Err(Misuse::RequestUnfinished.into());
        }
        let Some(last) = queue.requests.last() else {
            // what was there before a request is never its answer (RFC 9112 9.2)
            return if self.receive.unread == 0 { Ok(()) } else { Err(Misuse::OctetsUnread.into()) };
        };
        if last.marks.last {
            return Err(Misuse::PipelineHeld.into());
        }
        if queue.requests.is_full() {
            return Err(Misuse::PipelineFull.into());
        }
        if !queue.is_http11 || !settings.policy.pipelining.is_on() {
            return Err(Misuse::PipelineHeld.into());
        }
        // those before it are: else it would not have followed them
        if last.marks.idempotent { Ok(()) } else { Err(Misuse::PipelineHeld.into()) }
    }

    /// A request's head is about to be handed out.
    pub(crate) fn push(&mut self, now: Instant, method: MethodKind, marks: Marks) {
        let before = self.role.requests.last().map(|last| last.progress);
        let pipelined = before.is_some();
        let from = self.role.written;
        let request =
            Pending { began: now, left_at: now, from, to: 0, method, progress: Progress::Begun, marks, pipelined };
        if !pipelined {
            self.exchange_began = now;
            self.role.peer.waiting = None;
            self.receive.octets = 0;
            self.role.interim = Interim::NONE;
        }
        if !self.role.requests.push(request) {
            return;
        }
        if before == Some(Progress::Begun) {
            self.role.followed();
        }
        self.role.asked = self.role.asked.saturating_add(1);
        if let Some(budget) = &mut self.role.budget {
            *budget = budget.saturating_sub(1);
        }
    }

    /// The whole status line of a response was read.
    #[cold]
    pub(crate) fn status_line(&mut self, status: StatusCode) {
        if !status.is_interim() {
            self.role.answer = Answer::Begun;
        }
    }
}
