//! The order of steps.
//!
//! 1. What is to be told, once.
//! 2. An upstream that is to be taken back.
//! 3. What is due on our side: an answer of ours, a cut, content that was kept, a word to either side on what becomes of its content.
//! 4. What the upstream said; then what the client said.
//! 5. An upstream that is wanted; then the transports.

use core::ops::Deref;

use super::exchange::{Stage, Told};
use super::step::{STILL, TakenReason, Transports};
use super::{Neighbor, Relay, RelayStep};
use crate::config::{Client, Config, Server};
use crate::connection::event::Event;
use crate::connection::receive::Reading;
use crate::drive::{Attempt, Step, Storage, Transport};
use crate::error::SendError;
use crate::lifecycle::content_use::ContentUse;
use crate::lifecycle::persistence::TunnelReason;
use crate::lifecycle::retry::Reusable;
use crate::lifecycle::state::Receiving;
use crate::lifecycle::wants::Shut;
use crate::message::announcement::Content;
use crate::message::fields_to_send::NO_FIELDS;
use crate::time::Instant;

/// What came of attending to one side.
pub(super) enum Attended {
    /// Something has changed.
    Moved,
    /// This is to be said.
    Step(RelayStep),
    /// Its transport is to do this.
    Rest(Transport),
    /// It is another protocol's.
    HandedOver(TunnelReason),
}

impl<S: Storage, CS, CU> Relay<S, CS, CU>
where
    CS: Deref<Target = Config<Server>>,
    CU: Deref<Target = Config<Client>>,
{
    /// What is next. To be called until it says [`RelayStep::Transport`], then after the transports or time have been told of; and again after
    /// each intent.
    pub fn poll(&mut self, now: Instant) -> RelayStep {
        self.next(now, true)
    }

    /// What is next while no upstream is at hand, or the driver has nothing to say: as [`poll`](Self::poll), but without
    /// [`RelayStep::Upstream`] and [`RelayStep::Content`].
    pub fn poll_while_busy(&mut self, now: Instant) -> RelayStep {
        self.next(now, false)
    }

    fn next(&mut self, now: Instant, asks: bool) -> RelayStep {
        loop {
            match self.exchange.told.take() {
                Some(Told::Refused(fault)) => return RelayStep::Refused(fault),
                Some(Told::Lost(kind, verdict, reason)) => return RelayStep::Lost(kind, verdict, reason),
                None => {}
            }
            if self.is_to_be_taken() {
                return RelayStep::Return;
            }
            if self.advance(now) {
                continue;
            }
            let upstream = match self.attend_upstream(now) {
                Attended::Moved => continue,
                Attended::Step(step) => return step,
                Attended::Rest(transport) => Ok(transport),
                Attended::HandedOver(reason) => Err(reason),
            };
            let client = match self.attend_client(now, asks) {
                Attended::Moved => continue,
                Attended::Step(RelayStep::Closed) if self.upstream.is_some() => {
                    self.client_ended(now);
                    continue;
                }
                Attended::Step(step) => return step,
                Attended::Rest(transport) => transport,
                Attended::HandedOver(reason) if self.upstream.is_none() || upstream.is_err() => {
                    return RelayStep::HandOver(reason);
                }
                Attended::HandedOver(_) => STILL,
            };
            if asks && self.exchange.stage == Stage::Routing {
                return RelayStep::Upstream;
            }
            return RelayStep::Transport(Transports { client, upstream: upstream.unwrap_or(STILL) });
        }
    }

    /// The upstream is to be taken back, and nothing of it is still being written.
    pub(super) fn is_to_be_taken(&self) -> bool {
        let due = self.exchange.taken.is_some() || self.exchange.returned;
        due && self.upstream.is_some() && self.exchange.response.piece.is_none()
    }

    /// Does what is due on our side: whether something was.
    fn advance(&mut self, now: Instant) -> bool {
        match self.exchange.stage {
            Stage::Answering(status) => {
                if !self.client.has_room_for_head() {
                    return false;
                }
                match self.client.respond(now, status, NO_FIELDS, Content::Exact(0)) {
                    Ok(()) => self.exchange.end(),
                    Err(SendError::Ended(_)) => self.exchange.stage = Stage::Over,
                    Err(SendError::OutputTooSmall { .. } | SendError::Misuse(_)) => {
                        self.client.abort(now);
                        self.exchange.stage = Stage::Over;
                    }
                }
                true
            }
            // what came of it has left
            Stage::Cutting if self.client.output_is_empty() => {
                self.exchange.response.piece = None;
                if self.client.application_gone(now).is_err() {
                    self.client.abort(now);
                }
                self.exchange.stage = Stage::Over;
                true
            }
            Stage::ClosingSilently => {
                if self.client.close_unanswered(now).is_err() {
                    self.client.abort(now);
                }
                self.exchange.stage = Stage::Over;
                true
            }
            Stage::DriverAnswers if !self.client.takes_content() => {
                self.exchange.end();
                true
            }
            _ => self.say_content_use(now) || self.feed_upstream(now) || self.exchange_over(now),
        }
    }

    /// Content of the client's request is still to be told.
    pub(super) fn is_content_to_come(&self) -> bool {
        let connection = self.client.connection();
        let state = connection.lifecycle.state();
        let comes = state.receiving() == Receiving::Content && !state.drops_content();
        self.exchange.request.is_open && state.is_open() && (comes || matches!(connection.reading, Reading::End))
    }

    /// Each side is told whether what comes of it is taken.
    fn say_content_use(&mut self, now: Instant) -> bool {
        let Self { client, upstream, exchange, .. } = self;
        let mut moved = false;
        let drive = upstream.as_mut().filter(|_| exchange.taken.is_none());
        let goes = |takes: bool| if takes { ContentUse::Reading } else { ContentUse::Paused };
        let request = &mut exchange.request;
        if request.is_open && (exchange.stage.forwards() || exchange.stage == Stage::Routing) {
            let takes = exchange.stage.forwards()
                && request.pieces.is_all_handed()
                && drive.as_ref().is_some_and(|drive| drive.takes_content() && !drive.passes());
            if request.said != goes(takes) {
                // where it is over, nothing follows from it
                request.said = goes(takes);
                moved = client.content_use(now, request.said).is_ok();
            }
        }
        if let (Some(drive), Stage::Responding) = (drive, exchange.stage) {
            let said = goes(!client.passes());
            if exchange.response.said != said {
                exchange.response.said = said;
                moved |= drive.content_use(now, said).is_ok();
            }
        }
        moved
    }

    /// Gives the upstream what is kept of the request, and its end.
    fn feed_upstream(&mut self, now: Instant) -> bool {
        let Self { client, upstream, kept, exchange, .. } = self;
        let Some(drive) = upstream.as_mut().filter(|_| exchange.taken.is_none()) else { return false };
        if !exchange.stage.forwards() || exchange.attempt.is_given {
            return false;
        }
        if !drive.connection().lifecycle.state().sends_content() {
            exchange.attempt.is_given = true;
            return true;
        }
        if !drive.takes_content() {
            return false;
        }
        if client.connection().lifecycle.state().awaits_continue() && client.has_room_for_head() {
            return client.send_continue(now).is_ok();
        }
        if drive.passes() {
            return false;
        }
        if let Some(octets) = exchange.request.pieces.next() {
            let given = drive.pass_content(now, octets as u64).is_ok();
            if given {
                exchange.request.pieces.hand();
            }
            return given;
        }
        if !exchange.request.is_whole {
            return false;
        }
        let finished = match drive.finish(now, kept.trailers()) {
            // what may not be sent is left out with the others
            Err(SendError::Misuse(_)) => drive.finish(now, NO_FIELDS),
            finished => finished,
        };
        exchange.attempt.is_given = finished.is_ok();
        exchange.attempt.is_given
    }

    /// What follows where a half of the exchange is over.
    fn exchange_over(&mut self, now: Instant) -> bool {
        let stage = self.exchange.stage;
        if !stage.forwards() || self.exchange.taken.is_some() {
            return false;
        }
        let is_cut = self.exchange.request.is_open && !self.is_content_to_come();
        if is_cut && !self.exchange.attempt.is_given {
            self.leave_upstream(now, TakenReason::RequestCut);
            self.exchange.stage = match stage {
                Stage::Responding => Stage::Cutting,
                Stage::Responded => {
                    self.drop_request(now);
                    Stage::Responded
                }
                _ => Stage::Over,
            };
            return true;
        }
        if stage != Stage::Responded || !self.exchange.attempt.is_given || self.exchange.returned {
            return false;
        }
        let Some(drive) = &self.upstream else { return self.end_exchange() };
        let rests = drive.output_is_empty() && self.exchange.response.piece.is_none();
        if !rests || !drive.has_looked() {
            return false;
        }
        match drive.reusable(now) {
            Reusable::Now { .. } => {}
            // the half of a line end: whether the other half comes, nobody waits for
            Reusable::Wait(_) if !drive.received().is_empty() => {
                self.leave_upstream(now, TakenReason::LeftOver);
                return true;
            }
            _ => return false,
        }
        if self.exchange.pinned {
            return self.end_exchange();
        }
        self.exchange.returned = true;
        true
    }

    /// The exchange is over on both sides, but for what still leaves.
    pub(super) fn end_exchange(&mut self) -> bool {
        let (taken, piece) = (self.exchange.taken, self.exchange.response.piece.take());
        self.exchange.end();
        (self.exchange.taken, self.exchange.response.piece) = (taken, piece);
        self.client.keep_nothing();
        true
    }

    /// The upstream is not used again, and its exchange is broken off.
    pub(super) fn leave_upstream(&mut self, now: Instant, reason: TakenReason) {
        if let Some(drive) = &mut self.upstream {
            drive.abort(now);
            self.exchange.take(reason);
            self.exchange.pinned = false;
        }
    }

    /// The client's connection has ended, or will without more from here.
    pub(super) fn client_ended(&mut self, now: Instant) {
        let reason = if self.exchange.pinned { TakenReason::Pinned } else { TakenReason::ClientGone };
        self.exchange.response.piece = None;
        if !self.exchange.returned {
            self.leave_upstream(now, reason);
        }
        self.exchange.stage = Stage::Over;
    }

    fn attend_client(&mut self, now: Instant, asks: bool) -> Attended {
        let Self { client, upstream, kept, exchange, policy } = self;
        let stage = exchange.stage;
        let full = upstream.as_ref().is_some_and(|drive| {
            let passes = !S::GROWS && drive.passes();
            stage.forwards() && exchange.request.is_open && (passes || !drive.has_room_for_head())
        });
        // its next request waits until the upstream of this one is given back
        let waits = stage == Stage::Responded && !exchange.request.is_open;
        let holds = full || waits;
        client.hold(holds);
        let step = match asks && stage == Stage::DriverAnswers {
            true => client.poll(now),
            false => client.poll_while_busy(now),
        };
        match step {
            Step::Event(Event::Request(head)) => {
                let has_content = head.has_content();
                let read = kept.keep(&head, policy);
                exchange.begin(has_content);
                self.request_came(now, read);
                Attended::Moved
            }
            Step::Event(Event::Content(content)) => {
                let (address, octets) = (content.as_ptr() as usize, content.len());
                self.request_content(now, address, octets);
                Attended::Moved
            }
            Step::Event(Event::End { trailers }) => {
                (exchange.request.is_open, exchange.request.is_whole) = (false, true);
                kept.keep_trailers(&trailers, policy);
                Attended::Moved
            }
            Step::Event(_) | Step::Refuse(_) | Step::Continue | Step::Respond => Attended::Moved,
            Step::Content => Attended::Step(RelayStep::Content),
            Step::Error(error) => Attended::Step(RelayStep::Error(Neighbor::Client, error)),
            Step::Expired(deadline) => Attended::Step(RelayStep::Expired(Neighbor::Client, deadline)),
            Step::Shut(shut) => self.client_shuts(now, shut),
            Step::HandOver(reason) => Attended::HandedOver(reason),
            Step::Closed => Attended::Step(RelayStep::Closed),
            Step::Transport(transport) if transport.read == Attempt::Look && holds => {
                // nothing of it is taken now, and that is not its fault
                client.looked_nothing(now);
                Attended::Moved
            }
            Step::Transport(transport) => Attended::Rest(transport),
        }
    }

    fn client_shuts(&mut self, now: Instant, shut: Shut) -> Attended {
        let done = self.exchange.stage == Stage::Responded && self.exchange.attempt.is_given;
        let over = self.upstream.is_none() || self.exchange.taken.is_some() || self.exchange.returned || done;
        match shut {
            Shut::HalfClose(_) if !over => {
                self.client_ended(now);
                Attended::Moved
            }
            Shut::Close(_) | Shut::Reset(_) if self.upstream.is_some() => {
                self.client_ended(now);
                Attended::Moved
            }
            _ => {
                if self.upstream.is_none() {
                    self.exchange.stage = Stage::Over;
                }
                Attended::Step(RelayStep::Shut(shut))
            }
        }
    }
}
