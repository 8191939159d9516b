//! The order of steps.
//!
//! 1. A look: what has come since it was asked for is offered, and nothing else is done before it is over.
//! 2. What is ours to send at once: a refusal, `100 (Continue)`.
//! 3. The application: it answers before more is offered, so that pipelined requests are answered one by one.
//! 4. What was received, while there is room for what it may cause.
//! 5. A shut; then the end of HTTP.
//! 6. Deadlines, and the transport. What has come is offered before any of them passes.

use core::ops::Deref;
use core::time::Duration;

use super::{
    Attempt, Drive, DriveRole, ENOUGH, Message, Output, PeerEnd, Said, Step, Storage, Transport, storage::Buffer,
};
use crate::config::Config;
use crate::connection::Connection;
use crate::connection::event::{Event, Outcome};
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
        // what is returned borrows the storage, and nothing else of the drive
        let Buffer { storage, from, to } = input;
        let storage: &S = storage;
        loop {
            let state = connection.lifecycle.state();
            let look = if state.is_looking() { state.look() } else { None };
            match look {
                Some(looks::Side::Writing) => {
                    clock.asked = now;
                    return transport(Attempt::No, Attempt::Look);
                }
                Some(looks::Side::Reading) => {}
                None => match state.turn() {
                    Some(Turn::Respond)
                        if asks
                            && output.has_room()
                            && (habits.early_responses || reading.message == Message::Whole) =>
                    {
                        return Step::Respond;
                    }
                    Some(Turn::Content) if asks && output.passed.is_none() && output.has_room() => {
                        return Step::Content;
                    }
                    Some(Turn::Refuse(status)) if output.has_room() => {
                        if reading.said != Said::Refuse {
                            reading.said = Said::Refuse;
                            return Step::Refuse(status);
                        }
                        reading.said = Said::None;
                        by_itself(connection, output, now, R::send_refusal);
                        continue;
                    }
                    Some(Turn::Continue) if habits.late_continue && asks && output.has_room() && !reading.offers => {
                        return Step::Continue;
                    }
                    Some(Turn::Continue) if !habits.late_continue && output.has_room() => {
                        if reading.said != Said::Continue {
                            reading.said = Said::Continue;
                            return Step::Continue;
                        }
                        reading.said = Said::None;
                        by_itself(connection, output, now, R::send_continue);
                        continue;
                    }
                    _ => {}
                },
            }
            let is_ready = look.is_some() || reading.message == Message::Begun || !output.is_full();
            if reading.offers && is_ready && !reading.is_lent {
                output.say_what_left(connection, now);
                let octets = storage.octets().get(*from..*to).unwrap_or_default();
                match connection.receive(now, octets) {
                    Ok(received) => {
                        *from += received.consumed;
                        if let Outcome::Event(event) = received.outcome {
                            match event {
                                Event::Request(_) | Event::Response(_) => reading.message = Message::Begun,
                                Event::End { .. } => {
                                    reading.message = Message::Whole;
                                    reading.offers = *from < *to || reading.end != PeerEnd::Open;
                                }
                                // said where all of ours has left
                                Event::Tunnel(_) => continue,
                                _ => {}
                            }
                            return Step::Event(event);
                        }
                        reading.offers = false;
                        if *from == *to {
                            (*from, *to) = (0, 0);
                        }
                    }
                    // the same is offered again, and dropped
                    Err(error) => return Step::Error(error),
                }
                continue;
            }
            if let (PeerEnd::Came(eof), true) = (reading.end, is_ready && !reading.is_lent) {
                output.say_what_left(connection, now);
                reading.end = PeerEnd::Told;
                reading.offers = true;
                match connection.receive_eof(now, eof) {
                    Ok(received) => {
                        if let Outcome::Event(event) = received.outcome {
                            return Step::Event(event);
                        }
                    }
                    Err(error) => return Step::Error(error),
                }
                continue;
            }
            let has_room = S::GROWS || *to - *from < storage.octets().len();
            if look.is_some() {
                if reading.end == PeerEnd::Open && (has_room || reading.is_lent) {
                    clock.asked = now;
                    return transport(Attempt::Look, Attempt::No);
                }
                connection.nothing_to_read(now);
                reading.offers = true;
                continue;
            }
            let state = connection.lifecycle.state();
            if let Some(shut) = state.shut_want() {
                return Step::Shut(shut);
            }
            match state.stage() {
                Stage::Closed => return Step::Closed,
                Stage::Tunnel(reason) if output.is_empty() => return Step::HandOver(reason),
                _ => {}
            }
            // what had come and could leave when the transport was asked last has been told
            if clock.asked >= clock.checks {
                let asked = clock.asked;
                output.say_what_left(connection, asked);
                if let Some(deadline) = connection.handle_timeout(asked) {
                    reading.offers = true;
                    return Step::Expired(deadline);
                }
                clock.checks = asked.saturating_add(GRAIN);
                continue;
            }
            let state = connection.lifecycle.state();
            let reads = match state.read_want() {
                ReadWant::Octets | ReadWant::Discard => is_ready,
                // whether the peer goes away is seen while nothing else has come
                ReadWant::EofOnly => *from == *to,
                ReadWant::No | ReadWant::Offer | ReadWant::LookOnce => false,
            };
            if reads && !has_room && !reading.is_lent {
                R::has_no_room(connection, now);
                continue;
            }
            let reads = reads && !reading.is_lent && reading.end == PeerEnd::Open;
            let writes = output.under_way == 0 && !output.is_empty();
            clock.asked = now;
            return transport(Attempt::when(reads), Attempt::when(writes));
        }
    }
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

/// Writes what needs nobody's word.
#[cold]
fn by_itself<R: DriveRole, S: Storage, C: Deref<Target = Config<R>>>(
    connection: &mut Connection<R, C>,
    output: &mut Output<S>,
    now: Instant,
    write: impl Fn(&mut Connection<R, C>, Instant, &mut [u8]) -> Result<usize, SendError>,
) {
    let written = output.write(|out| write(connection, now, out));
    if let Err(SendError::OutputTooSmall { .. }) = written {
        // it has room as soon as what waits has left, or never
        if output.is_empty() {
            connection.abort(now);
        }
    }
}

impl<S: Storage> Output<S> {
    /// Has something written into the buffer, with as much room as it needs, if that can be had.
    #[inline]
    pub(super) fn write(
        &mut self,
        mut write: impl FnMut(&mut [u8]) -> Result<usize, SendError>,
    ) -> Result<(), SendError> {
        let mut room = ENOUGH;
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
