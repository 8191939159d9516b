//! The order of steps.
//!
//! 1. A look: what has come since it was asked for is offered, and nothing else is done before it is over.
//! 2. What is ours to send at once: a refusal, `100 (Continue)`.
//! 3. The application: it answers before more is offered, so that pipelined requests are answered one by one. A client looks at what came
//!    before it gives more of its content: a response may say that nobody wants that (RFC 9112 9.5).
//! 4. What was received, while there is room for what it may cause.
//! 5. A shut; then the end of HTTP.
//! 6. Deadlines, and the transport. What has come is offered before any of them passes.

use core::ops::Deref;
use core::time::Duration;

use super::known::Known;
use super::storage::{Buffer, octets_in};
use super::{
    Attempt, Clock, Drive, DriveRole, ENOUGH, Message, Offer, Output, PeerEnd, Reading, Said, Step, Storage, Transport,
};
use crate::config::Config;
use crate::connection::Connection;
use crate::connection::event::{Eof, Event, Outcome, Received};
use crate::error::SendError;
use crate::lifecycle::looks;
use crate::lifecycle::state::Stage;
use crate::lifecycle::wants::{ReadWant, Turn};
use crate::time::Instant;

impl<R: DriveRole, S: Storage, C: Deref<Target = Config<R>>> Drive<R, S, C> {
    /// What is next. To be called until it says [`Step::Transport`], then after the transport or time has been told of; and again after
    /// what the application said.
    #[inline]
    pub fn poll(&mut self, now: Instant) -> Step<'_> {
        self.next(now, true)
    }

    /// What is next while the application has nothing to say: as [`poll`](Self::poll), but without [`Step::Respond`], [`Step::Content`]
    /// and, where it is the application's, [`Step::Continue`].
    #[inline]
    pub fn poll_while_busy(&mut self, now: Instant) -> Step<'_> {
        self.next(now, false)
    }

    fn next(&mut self, now: Instant, asks: bool) -> Step<'_> {
        let Self { connection, input, output, reading, habits, clock } = self;
        let (connection, known) = connection.parts();
        // what is returned borrows the storage, and nothing else of the drive
        let Buffer { storage, from, to } = input;
        let storage: &S = storage;
        match *known {
            Known::Nothing => {}
            Known::End => {
                debug_assert!(is_usual(connection) && reading.offer == Offer::Due);
                reading.message = Message::Whole;
                if *from == *to && reading.end == PeerEnd::Open {
                    reading.offer = Offer::Nothing;
                }
                *known = if output.has_room() { Known::Respond } else { Known::Nothing };
                return Step::Event(connection.tell_end(*to - *from));
            }
            Known::Respond if asks => {
                debug_assert!(is_usual(connection) && output.has_room());
                debug_assert_eq!(connection.wants_application(), Some(Turn::Respond));
                return Step::Respond;
            }
            Known::Respond => *known = Known::Nothing,
        }
        loop {
            if is_usual(connection) {
                match connection.wants_application() {
                    None => {}
                    Some(Turn::Respond)
                        if asks
                            && (reading.message == Message::Whole || habits.early_responses)
                            && output.has_room() =>
                    {
                        return Step::Respond;
                    }
                    Some(Turn::Content)
                        if asks
                            && output.passed.is_none()
                            && output.has_room()
                            && !(R::IS_CLIENT && reading.is_due()) =>
                    {
                        return Step::Content;
                    }
                    Some(Turn::Continue)
                        if asks && habits.late_continue && reading.offer != Offer::Due && output.has_room() =>
                    {
                        return Step::Continue;
                    }
                    Some(Turn::Refuse(status)) if output.has_room() => {
                        match said_once(Said::Refuse, reading, connection, output, now) {
                            true => return Step::Refuse(status),
                            false => continue,
                        }
                    }
                    Some(Turn::Continue) if !habits.late_continue && output.has_room() => {
                        match said_once(Said::Continue, reading, connection, output, now) {
                            true => return Step::Continue,
                            false => continue,
                        }
                    }
                    Some(_) => {}
                }
                // what had come and could leave when the transport was asked last has been told
                if reading.offer == Offer::Nothing
                    && reading.end == PeerEnd::Open
                    && *from == *to
                    && clock.asked < clock.checks
                {
                    // octets, or only whether the peer goes away: with nothing to look at it is read
                    clock.asked = now;
                    let is_ready = R::IS_CLIENT || !output.is_full() || reading.message == Message::Begun;
                    return transport(Attempt::when(is_ready), Attempt::when(output.may_leave()));
                }
            } else if connection.lifecycle.state().look() == Some(looks::Side::Writing) {
                clock.asked = now;
                return transport(Attempt::No, Attempt::Look);
            }
            // what comes to a client makes it send nothing, and may spare it what waits
            let is_ready = R::IS_CLIENT || !output.is_full() || reads_beside_full_output(connection, reading);
            if is_ready && reading.offer == Offer::Due {
                output.say_what_left(connection, now);
                let octets = octets_in(storage.octets(), *from, *to);
                let was_open = connection.lifecycle.state().is_open();
                let mut outcome = Outcome::NeedMore;
                match connection.receive_into(now, octets, &mut outcome) {
                    Ok(consumed) => {
                        *from += consumed;
                        if *from == *to {
                            (*from, *to) = (0, 0);
                        }
                        if let Outcome::Event(event) = outcome {
                            match &event {
                                Event::Request(head) if head.method.as_bytes() == b"CONNECT" && !habits.tunnels => {
                                    reading.message = Message::Begun;
                                    R::refuse_tunnel(connection, now);
                                }
                                Event::Request(_) | Event::Response(_) => {
                                    reading.message = Message::Begun;
                                    if !R::IS_CLIENT
                                        && connection.is_at_end()
                                        && connection.lifecycle.state().may_be_answered()
                                    {
                                        *known = Known::End;
                                    }
                                }
                                Event::End { .. } => {
                                    reading.message = Message::Whole;
                                    if *from == *to && reading.end == PeerEnd::Open {
                                        reading.offer = Offer::Nothing;
                                    }
                                }
                                // said where all of ours has left
                                Event::Tunnel(_) => continue,
                                _ => {}
                            }
                            return Step::Event(event);
                        }
                        reading.offer = Offer::Nothing;
                        if !was_open {
                            reading.discarded += consumed as u64;
                        }
                    }
                    // the same is offered again, and dropped
                    Err(error) => return Step::Error(error),
                }
                continue;
            }
            if let (PeerEnd::Came(eof), Offer::Nothing, true) = (reading.end, reading.offer, is_ready) {
                match peer_ended(connection, output, reading, now, eof) {
                    Some(step) => return step,
                    None => continue,
                }
            }
            let has_room = S::GROWS || *to - *from < storage.octets().len();
            if let Some(step) = at_rest(connection, output, reading, clock, now, is_ready, has_room, *from == *to) {
                return step;
            }
        }
    }
}

/// HTTP is spoken, and no deadline has passed.
#[inline]
fn is_usual<R: DriveRole, C: Deref<Target = Config<R>>>(connection: &Connection<R, C>) -> bool {
    let state = connection.lifecycle.state();
    state.is_open() && !state.is_looking()
}

/// What came before it has been offered: the end of the peer's side is told.
#[cold]
#[inline(never)]
fn peer_ended<'b, R: DriveRole, S: Storage, C: Deref<Target = Config<R>>>(
    connection: &mut Connection<R, C>,
    output: &Output<S>,
    reading: &mut Reading,
    now: Instant,
    eof: Eof,
) -> Option<Step<'b>> {
    output.say_what_left(connection, now);
    (reading.end, reading.offer) = (PeerEnd::Told, Offer::Due);
    match connection.receive_eof(now, eof) {
        Ok(Received { outcome: Outcome::Event(event), .. }) => Some(Step::Event(event)),
        Ok(_) => None,
        Err(error) => Some(Step::Error(error)),
    }
}

/// What comes is looked at although much waits to leave: it is of a message that has begun, or the connection ends.
#[cold]
fn reads_beside_full_output<R: DriveRole, C: Deref<Target = Config<R>>>(
    connection: &Connection<R, C>,
    reading: &Reading,
) -> bool {
    reading.message == Message::Begun || !is_usual(connection)
}

/// Whether this is to be said: once, and at the next poll it is done, where the application did not do it.
#[cold]
fn said_once<R: DriveRole, S: Storage, C: Deref<Target = Config<R>>>(
    said: Said,
    reading: &mut Reading,
    connection: &mut Connection<R, C>,
    output: &mut Output<S>,
    now: Instant,
) -> bool {
    if reading.said != said {
        reading.said = said;
        return true;
    }
    reading.said = Said::None;
    reading.offers();
    let written = output.write(ENOUGH, |out| match said {
        Said::Refuse => R::send_refusal(connection, now, out),
        _ => R::send_continue(connection, now, out),
    });
    // it has room as soon as what waits has left, or never
    if matches!(written, Err(SendError::OutputTooSmall { .. })) && output.is_empty() {
        connection.abort(now);
    }
    false
}

/// Nothing is left to be told: what the transport or time is to do. `None`: something has changed.
#[cold]
#[expect(
    clippy::too_many_arguments,
    reason = "what is received stays borrowed, so that the drive can not be passed whole"
)]
fn at_rest<'b, R: DriveRole, S: Storage, C: Deref<Target = Config<R>>>(
    connection: &mut Connection<R, C>,
    output: &Output<S>,
    reading: &mut Reading,
    clock: &mut Clock,
    now: Instant,
    is_ready: bool,
    has_room: bool,
    is_empty: bool,
) -> Option<Step<'b>> {
    let state = connection.lifecycle.state();
    if state.look().is_some() {
        if reading.end == PeerEnd::Open && (has_room || reading.offer == Offer::Lent) {
            clock.asked = now;
            return Some(transport(Attempt::Look, Attempt::No));
        }
        connection.nothing_to_read(now);
        reading.offers();
        return None;
    }
    if let Some(shut) = connection.wants_shut() {
        return Some(Step::Shut(shut));
    }
    match state.stage() {
        Stage::Closed => return Some(Step::Closed),
        Stage::Tunnel(reason) if output.is_empty() => return Some(Step::HandOver(reason)),
        _ => {}
    }
    if clock.asked >= clock.checks {
        let asked = clock.asked;
        output.say_what_left(connection, asked);
        if let Some(deadline) = connection.handle_timeout(asked) {
            reading.offers();
            return Some(Step::Expired(deadline));
        }
        clock.checks = asked.saturating_add(GRAIN);
        return None;
    }
    let want = connection.wants_read();
    let reads = match want {
        ReadWant::Octets | ReadWant::Discard => is_ready,
        // whether the peer goes away is seen while nothing else has come
        ReadWant::EofOnly => is_empty && is_ready,
        ReadWant::No | ReadWant::Offer | ReadWant::LookOnce => false,
    };
    if want == ReadWant::Octets && reads && !has_room && reading.offer != Offer::Lent {
        R::has_no_room(connection, now);
        reading.offers();
        return None;
    }
    let reads = reads && reading.offer != Offer::Lent && reading.end == PeerEnd::Open;
    clock.asked = now;
    Some(transport(Attempt::when(reads), Attempt::when(output.may_leave())))
}

impl Attempt {
    #[inline]
    const fn when(wanted: bool) -> Self {
        if wanted { Self::Wait } else { Self::No }
    }
}

#[inline]
const fn transport<'b>(read: Attempt, write: Attempt) -> Step<'b> {
    Step::Transport(Transport { read, write })
}

impl<S: Storage> Output<S> {
    /// Has something written into the buffer, with as much room as it needs, if that can be had. `room`: what is tried first.
    #[inline]
    pub(super) fn write(
        &mut self,
        mut room: usize,
        mut write: impl FnMut(&mut [u8]) -> Result<usize, SendError>,
    ) -> Result<(), SendError> {
        loop {
            match write(self.buffer.room(room)) {
                Ok(octets) => {
                    self.buffer.put(octets);
                    self.needed = 0;
                    return Ok(());
                }
                Err(SendError::OutputTooSmall { needed })
                    if needed > room && (S::GROWS || needed <= self.buffer.most_room()) =>
                {
                    room = needed;
                }
                Err(error) => {
                    if let SendError::OutputTooSmall { needed } = error {
                        self.needed = needed;
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Something is to be written.
    #[inline]
    fn may_leave(&self) -> bool {
        self.under_way == 0 && (!self.buffer.is_empty() || self.passed.is_some())
    }

    /// Something has come, or time has passed: what waits in the buffer has not left.
    #[inline]
    pub(super) fn say_what_left<R: DriveRole, C: Deref<Target = Config<R>>>(
        &self,
        connection: &mut Connection<R, C>,
        now: Instant,
    ) {
        if R::IS_CLIENT && !self.buffer.is_empty() && self.under_way == 0 {
            R::nothing_left(connection, now);
        }
    }
}

/// How often deadlines are looked at where the driver says nothing of time.
const GRAIN: Duration = Duration::from_millis(10);
