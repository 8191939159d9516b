//! Receiving: what the next octets are, and one event a call.
//!
//! The reading state follows the receiving half of the exchange: `Head → Exact | Chunked → Trailers → End → Next`. It never
//! decides; it tells the lifecycle what it read. `Next` waits in the caller's buffer until the exchange is over: that is the
//! back-pressure of pipelining (RFC 9112 9.3.2). Content that nobody reads is walked over silently, and the next head may
//! follow in the same call.
//!
//! **Fast paths.** What is usual is taken in one step: more octets of an unfinished head, content of a known length, a
//! chunk, a whole head. A fast path handles its input completely, or changes nothing and goes on with
//! [`receive_in_full`](Connection::receive_in_full), which knows every case and is the twin of them all; `twins` compares them.
//!
//! `inline(always)` in this folder buys 22 instructions of `client-exchange` (1008) and 37 of `pieces classic` (4043; benches, `count`).

use core::ops::Deref;

use crate::config::{Config, HalfClose, Limits};
use crate::connection::Connection;
use crate::connection::event::{Eof, Event, Outcome, PauseReason, Received};
use crate::connection::role::Role;
use crate::error::ProtocolError;
use crate::error::ProtocolErrorKind;
use crate::lifecycle::role::LifecycleRole;
use crate::lifecycle::state::{BodyEnd, Receiving, Stage};
use crate::message::chunked::Chunked;
use crate::message::framing::BodyLength;
use crate::message::head::{Fault, FieldSection, FieldTable, Progress, Section};
use crate::time::Instant;

/// What reading does by role; sealed, since this module is private.
pub trait Reads: LifecycleRole {
    /// The section trailers are.
    const TRAILERS: Section;

    /// Receives what is not known to be content.
    fn receive_next<'b, C: Deref<Target = Config<Self>>>(
        connection: &mut Connection<Self, C>,
        now: Instant,
        buf: &'b [u8],
    ) -> Result<Received<'b>, ProtocolError>
    where
        Self: Role;

    /// The same, with the outcome written where it is needed, and how many octets were consumed.
    #[inline(always)]
    fn receive_next_into<'b, C: Deref<Target = Config<Self>>>(
        connection: &mut Connection<Self, C>,
        now: Instant,
        buf: &'b [u8],
        outcome: &mut Outcome<'b>,
    ) -> Result<usize, ProtocolError>
    where
        Self: Role,
    {
        let received = Self::receive_next(connection, now, buf)?;
        *outcome = received.outcome;
        Ok(received.consumed)
    }

    /// Reads a head into `outcome`; the table is of what a fast path has read of it.
    fn receive_head<'b, C: Deref<Target = Config<Self>>>(
        connection: &mut Connection<Self, C>,
        now: Instant,
        buf: &'b [u8],
        table: Option<&FieldTable>,
        outcome: &mut Outcome<'b>,
    ) -> Result<Step, ProtocolError>
    where
        Self: Role;
}

/// What one step of reading came to, and how many octets it consumed.
pub enum Step {
    /// The outcome says what.
    Done(usize),
    /// Nothing to report; the octets that follow may be read.
    Again(usize),
    /// More octets are needed.
    NeedMore(usize),
}

/// What the next octets are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reading {
    /// A head.
    Head(Progress),
    /// Content of a length that the lifecycle counts.
    Exact,
    /// A chunked body.
    Chunked(Chunked),
    /// The trailer section after it, and whether only the empty line at its end is missing.
    Trailers(Progress, bool),
    /// Nothing: the end of the message is to be reported.
    End,
    /// The next head, once this exchange is over.
    Next,
    /// Nothing any more: what was wrong, and where.
    Failed(ProtocolErrorKind, u64),
    /// The same, of content that took too long, and still to be told.
    TimedOut(u64),
    /// Nothing any more: the connection is another protocol's, and that has been told.
    HandedOver,
}

impl Reading {
    /// The same value where the same follows: what was wrong where tells no more once it was told, and what is not read any more is
    /// nothing. `open`: HTTP is spoken; `idle`: nothing of the message has come.
    pub(crate) const fn canonical(self, open: bool, idle: bool) -> Self {
        match self {
            Self::Failed(kind, _) => Self::Failed(kind, 0),
            Self::TimedOut(_) => Self::TimedOut(0),
            Self::Head(_) | Self::Exact | Self::Chunked(_) | Self::Trailers(..) if !open => Self::Next,
            Self::Next if open && idle => Self::FRESH,
            reading => reading,
        }
    }

    /// A head of which nothing has been read.
    pub(crate) const FRESH: Self = Self::Head(Progress::FRESH);

    /// What follows a head with content of this length.
    #[inline(always)]
    pub(crate) const fn content(length: BodyLength, limits: &Limits) -> Self {
        match length {
            BodyLength::Empty | BodyLength::Exact(0) => Self::End,
            BodyLength::Exact(_) | BodyLength::UntilClose => Self::Exact,
            BodyLength::Chunked => Self::Chunked(Chunked::new(limits.chunk_framing)),
        }
    }
}

impl<R: Role, C: Deref<Target = Config<R>>> Connection<R, C> {
    /// Octets of the peer: those not consumed before, unchanged, with any new ones after them. One event at most.
    ///
    /// `NeedMore`: offer more when there is more. `Paused`: the application has something to do first; offer the same then. An
    /// error is returned once, and nothing of the offer is consumed; from then on what is offered, those octets first, is
    /// consumed and dropped while the answer goes out and the close is staged.
    ///
    /// # Errors
    ///
    /// The peer broke the protocol or a limit, or its content came too late: what is wrong, and where. It is not the driver's to
    /// answer: [`wants`](Self::wants) asks for a refusal, or for a close.
    // it is small, and its callers know what they have offered
    #[inline(always)]
    pub fn receive<'b>(&mut self, now: Instant, buf: &'b [u8]) -> Result<Received<'b>, ProtocolError> {
        let (state, _) = self.lifecycle.parts();
        match &mut self.reading {
            Reading::Head(progress) => {
                if state.is_within_head() {
                    // more octets of an unfinished head, and no line end among them
                    if progress.still_unfinished(buf) {
                        state.head_octets(now, buf.len() as u64);
                        state.set_unread(buf.len());
                        R::on_looked_at(state);
                        self.check();
                        return Ok(Received { consumed: 0, outcome: Outcome::NeedMore });
                    }
                    return self.receive_next(now, buf, None);
                }
            }
            Reading::End => return Ok(Received { consumed: 0, outcome: Outcome::Event(self.tell_end(buf.len())) }),
            Reading::Next => {}
            _ if state.body_end() == BodyEnd::Exact => return self.receive_counted(now, buf),
            _ => return self.receive_chunk(now, buf),
        }
        R::receive_next(self, now, buf)
    }

    /// As [`receive`](Self::receive), with the outcome written where it is needed, and how many octets were consumed.
    #[inline(always)]
    pub(crate) fn receive_into<'b>(
        &mut self,
        now: Instant,
        buf: &'b [u8],
        outcome: &mut Outcome<'b>,
    ) -> Result<usize, ProtocolError> {
        match &self.reading {
            // the pieces of a head have a fast path of their own
            Reading::Head(_) | Reading::Next if !self.lifecycle.state().is_within_head() => {
                R::receive_next_into(self, now, buf, outcome)
            }
            _ => {
                let received = self.receive(now, buf)?;
                *outcome = received.outcome;
                Ok(received.consumed)
            }
        }
    }

    /// What is received next is the end of a message, which has no trailers.
    #[inline]
    pub(crate) const fn is_at_end(&self) -> bool {
        matches!(self.reading, Reading::End)
    }

    /// The end of a message without trailers, before so many octets that have come.
    #[inline(always)]
    pub(crate) fn tell_end(&mut self, unread: usize) -> Event<'static> {
        self.reading = Reading::Next;
        // no request may be sent before they are looked at
        self.lifecycle.parts().0.set_unread(unread);
        self.check();
        Event::End { trailers: FieldSection::empty() }
    }

    /// As [`receive`](Self::receive); the table is of what a fast path has read of a head.
    #[inline(never)]
    pub(crate) fn receive_next<'b>(
        &mut self,
        now: Instant,
        buf: &'b [u8],
        table: Option<&FieldTable>,
    ) -> Result<Received<'b>, ProtocolError> {
        let mut received = Received { consumed: 0, outcome: Outcome::NeedMore };
        received.consumed = self.receive_in_full(now, buf, table, &mut received.outcome)?;
        if matches!(received.outcome, Outcome::NeedMore) {
            // most pieces of a head come to this, and an outcome is long to move
            return Ok(Received { consumed: received.consumed, outcome: Outcome::NeedMore });
        }
        Ok(received)
    }

    /// The same, with the outcome written where it is needed, and how many octets were consumed.
    #[inline(never)]
    pub(crate) fn receive_in_full<'b>(
        &mut self,
        now: Instant,
        buf: &'b [u8],
        mut table: Option<&FieldTable>,
        outcome: &mut Outcome<'b>,
    ) -> Result<usize, ProtocolError> {
        self.answer_look(now, buf);
        let before = self.offset;
        let (mut consumed, mut rest) = (0, buf);
        loop {
            let step = match self.step(now, rest, table.take(), outcome) {
                Ok(step) => step,
                Err(error) => {
                    // the caller is told of no octet consumed, and offers all of them again
                    self.take_back(before);
                    self.lifecycle.parts().0.set_unread(buf.len());
                    self.check();
                    return Err(error);
                }
            };
            let octets = match step {
                Step::Done(octets) | Step::Again(octets) | Step::NeedMore(octets) => octets,
            };
            self.leave(octets, rest.len());
            if octets > 0 {
                // also those that had been left unread
                self.lifecycle.octets_came(now);
            }
            consumed += octets;
            match step {
                Step::Done(_) => {
                    if matches!(outcome, Outcome::Paused(_)) {
                        self.on_looked_at();
                    }
                    self.check();
                    return Ok(consumed);
                }
                Step::Again(_) => rest = rest.get(octets..).unwrap_or_default(),
                Step::NeedMore(_) => {
                    // the end is not told of a message that failed already or was given up
                    if self.lifecycle.state().waits_for_end() {
                        let event = self.end_of_stream(now).inspect_err(|_| self.take_back(before))?;
                        *outcome = Outcome::Event(event);
                        return Ok(consumed);
                    }
                    self.end_after_message(now);
                    self.on_looked_at();
                    self.see_looks();
                    self.check();
                    *outcome = Outcome::NeedMore;
                    return Ok(consumed);
                }
            }
        }
    }

    /// Octets after this one were consumed, and are not: they will be offered again.
    #[cold]
    fn take_back(&mut self, before: u64) {
        self.lifecycle.parts().0.count_back(self.offset.saturating_sub(before));
        self.offset = before;
    }

    /// A look at the transport is waited for, and octets are offered that have not been looked at: it found them.
    #[inline(always)]
    pub(crate) fn answer_look(&mut self, now: Instant, buf: &[u8]) {
        let state = self.lifecycle.state();
        if state.is_looking() && buf.len() as u64 > u64::from(state.octets_unread()) {
            self.lifecycle.octets_came(now);
        }
    }

    /// While a look is waited for, more octets of a head are not taken on the fast path, which knows nothing of looks.
    #[inline(always)]
    pub(crate) fn see_looks(&mut self) {
        if let (Reading::Head(progress), true) = (&mut self.reading, self.lifecycle.state().is_looking()) {
            progress.read_in_full();
        }
    }

    /// All that came has been looked at: if the peer's side has ended, and with it no message, no request follows.
    #[inline(always)]
    pub(crate) fn end_after_message(&mut self, now: Instant) {
        let (state, _) = self.lifecycle.parts();
        if state.ended_after_message() {
            state.eof(now, 0);
            // a client's request may have been answered, and is not sent to its end now
            R::on_message_complete(state, now);
        }
    }

    /// What was offered has been looked at, as far as it can be. What is known at the end of a connection stays known.
    #[inline(always)]
    fn on_looked_at(&mut self) {
        let (state, _) = self.lifecycle.parts();
        if state.is_open() {
            R::on_looked_at(state);
        }
    }

    #[inline(always)]
    fn step<'b>(
        &mut self,
        now: Instant,
        buf: &'b [u8],
        table: Option<&FieldTable>,
        outcome: &mut Outcome<'b>,
    ) -> Result<Step, ProtocolError> {
        let state = self.lifecycle.state();
        if state.reads_nothing() {
            return self.discard(now, buf, outcome);
        }
        if matches!(self.reading, Reading::Next) && state.receiving() == Receiving::Idle {
            self.reading = Reading::FRESH;
        }
        match self.reading {
            Reading::Head(_) => R::receive_head(self, now, buf, table, outcome),
            _ => self.receive_content(now, buf, outcome),
        }
    }

    /// Nothing is read as HTTP any more.
    #[cold]
    pub(crate) fn discard(
        &mut self,
        now: Instant,
        buf: &[u8],
        outcome: &mut Outcome<'_>,
    ) -> Result<Step, ProtocolError> {
        if let Reading::TimedOut(offset) = self.reading {
            return Err(self.failed_at(ProtocolErrorKind::ContentTimeout, offset));
        }
        let (state, settings) = self.lifecycle.parts();
        *outcome = match state.stage() {
            Stage::Tunnel(reason) if self.reading != Reading::HandedOver => {
                self.reading = Reading::HandedOver;
                Outcome::Event(Event::Tunnel(reason))
            }
            Stage::Tunnel(_) => Outcome::Paused(PauseReason::Tunnel),
            Stage::Closed => Outcome::Paused(PauseReason::Closed),
            _ => {
                state.octets_dropped(now, settings, buf.len() as u64);
                return Ok(Step::NeedMore(buf.len()));
            }
        };
        Ok(Step::Done(0))
    }

    /// The peer closed its side; all it had sent has been offered before. A message broken off is an error; otherwise the
    /// event says that nothing was lost.
    ///
    /// # Errors
    ///
    /// A message was broken off: in which way, and where the octets ended. The connection ends; what can still be said,
    /// [`wants`](Self::wants) asks for.
    pub fn receive_eof(&mut self, now: Instant, eof: Eof) -> Result<Received<'static>, ProtocolError> {
        let (state, settings) = self.lifecycle.parts();
        if eof == Eof::Truncated {
            state.end_truncated(now);
        }
        let left = match state.receiving() {
            Receiving::Complete => PauseReason::ResponseDue,
            Receiving::Idle => PauseReason::OctetsLeft,
            // content is reported piece by piece, so some may be left; a section is always looked at to its end
            Receiving::Content if !matches!(self.reading, Reading::Trailers(..)) => PauseReason::OctetsLeft,
            Receiving::Head | Receiving::Content => return self.ended(now),
        };
        // requests that were not looked at are dropped with their client, what answers those before them is not
        let aborts = !R::IS_CLIENT && settings.policy.half_close == HalfClose::Abort;
        let gone = aborts && state.receiving() == Receiving::Idle;
        let unread = state.octets_unread();
        if unread == 0 || !state.is_open() || gone {
            return self.ended(now);
        }
        // pipelined requests are still to be read
        state.eof(now, unread.into());
        state.half_closed_by_peer(settings);
        // a client's request may have been answered, and is not sent to its end now
        R::on_message_complete(state, now);
        self.check();
        Ok(Received { consumed: 0, outcome: Outcome::Paused(left) })
    }

    fn ended(&mut self, now: Instant) -> Result<Received<'static>, ProtocolError> {
        Ok(Received { consumed: 0, outcome: Outcome::Event(self.end_of_stream(now)?) })
    }

    fn end_of_stream(&mut self, now: Instant) -> Result<Event<'static>, ProtocolError> {
        let state = self.lifecycle.state();
        let ends = state.is_open() && state.receiving() == Receiving::Content && state.ends_with_connection();
        let broken = self.lifecycle.eof_received(now);
        match broken {
            None if ends => {
                self.reading = Reading::Next;
                Ok(Event::End { trailers: FieldSection::empty() })
            }
            None => Ok(Event::PeerClosed),
            Some(kind) => {
                let unread = u64::from(self.lifecycle.state().octets_unread());
                let kind = match &self.reading {
                    Reading::Trailers(_, true) => ProtocolErrorKind::IncompleteTrailers,
                    _ => kind,
                };
                Err(self.failed_at(kind, self.offset.saturating_add(unread)))
            }
        }
    }

    /// Octets are left over: `offered` less `consumed`.
    #[inline(always)]
    pub(crate) fn leave(&mut self, consumed: usize, offered: usize) {
        self.offset = self.offset.saturating_add(consumed as u64);
        let (state, _) = self.lifecycle.parts();
        state.count_octets(consumed as u64);
        state.set_unread(offered - consumed);
    }

    /// Something is wrong in what was offered.
    pub(crate) fn fail(&mut self, now: Instant, fault: Fault) -> ProtocolError {
        self.lifecycle.parts().0.fail(now, fault.kind);
        self.failed(fault)
    }

    /// The same, where the lifecycle found it and knows.
    pub(crate) fn failed(&mut self, fault: Fault) -> ProtocolError {
        self.failed_at(fault.kind, self.offset.saturating_add(fault.at as u64))
    }

    fn failed_at(&mut self, kind: ProtocolErrorKind, offset: u64) -> ProtocolError {
        self.reading = Reading::Failed(kind, offset);
        ProtocolError { kind, offset }
    }
}
