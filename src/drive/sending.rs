//! What an application says: what is to be sent, and what else it wants of the connection.

use core::ops::Deref;

use super::{Drive, DriveRole, ENOUGH, HIGH_WATER, Offer, Passed, Storage};
use crate::config::{Client, Config, Server};
use crate::connection::Connection;
use crate::error::{ReceiveError, SendError};
use crate::lifecycle::content_use::ContentUse;
use crate::lifecycle::idleness::Idleness;
use crate::lifecycle::retry::Reusable;
use crate::lifecycle::wants::Turn;
use crate::message::announcement::Content;
use crate::message::chunked::MAX_SIZE_LINE;
use crate::message::fields_to_send::Fields;
use crate::message::request::Request;
use crate::message::response::Response;
use crate::status::StatusCode;
use crate::time::Instant;

impl<R: DriveRole, S: Storage, C: Deref<Target = Config<R>>> Drive<R, S, C> {
    /// Takes content of the message being sent: how many octets of it. All of it where the storage grows, up to 64 KiB; else as much as there is room
    /// for. What it did not take is to be given at the next [`Step::Content`](super::Step::Content).
    ///
    /// # Errors
    ///
    /// As [`Connection::send_content`]. [`SendError::OutputTooSmall`]: there is no room before something has left. Nothing was taken.
    pub fn send_content(&mut self, now: Instant, content: &[u8]) -> Result<usize, SendError> {
        let piece = content.get(..HIGH_WATER).unwrap_or(content);
        let out = self.output.buffer.room(piece.len() + FRAMING);
        let sent = self.connection.moved().send_content(now, piece, out)?;
        self.output.buffer.put(sent.written);
        self.after_intent();
        Ok(sent.consumed)
    }

    /// Content of the message being sent, or its end, is still to be given, whether there is room for it or not.
    pub fn takes_content(&self) -> bool {
        self.connection.wants_application() == Some(Turn::Content)
    }

    /// The next `octets` of content are written by the caller itself, after [`unsent`](Self::unsent): by `writev`, `sendfile` or `splice`, without
    /// being copied. [`passed`](Self::passed) says how many of them have not left.
    ///
    /// # Errors
    ///
    /// As [`Connection::frame_content`]. [`SendError::OutputTooSmall`]: content that was passed before has not left, or there is no room for
    /// the framing before something has. Nothing was taken.
    pub fn pass_content(&mut self, now: Instant, octets: u64) -> Result<(), SendError> {
        let room = self.output.buffer.room(FRAMING).len();
        if self.output.passed.is_some() || room < FRAMING {
            return Err(SendError::OutputTooSmall { needed: FRAMING });
        }
        let pending = self.connection.octets_pending();
        let framed = self.connection.moved().frame_content(now, octets)?;
        // to HEAD, and in a 304, nothing of it goes
        let goes = self.connection.octets_pending() > pending;
        let buffer = &mut self.output.buffer;
        let mut put = |piece: &[u8]| {
            if let Some(slot) = buffer.room(FRAMING).get_mut(..piece.len()) {
                slot.copy_from_slice(piece);
            }
            buffer.put(piece.len());
            buffer.len()
        };
        let before = put(framed.before());
        put(framed.after());
        if goes && octets > 0 {
            self.output.passed = Some(Passed { before, octets });
        }
        self.after_intent();
        Ok(())
    }

    /// Ends the message being sent; of chunked content with trailers.
    ///
    /// # Errors
    ///
    /// As [`Connection::send_end`]. [`SendError::OutputTooSmall`]: there is no room before something has left; if nothing waits, there will
    /// be none. The message is not ended.
    pub fn finish(&mut self, now: Instant, trailers: impl Fields + Clone) -> Result<(), SendError> {
        self.write(|connection, out| connection.send_end(now, trailers.clone(), out))
    }

    /// [`Connection::content_use`]: what the application does with the content being received.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn content_use(&mut self, now: Instant, said: ContentUse) -> Result<(), ReceiveError> {
        self.connection.moved().content_use(now, said)?;
        self.reading.offers();
        Ok(())
    }

    /// [`Connection::contiguous_content`]: how many octets of content may be read straight into memory of the caller's, since none of them
    /// has been received. [`skip_content`](Self::skip_content) says how many were.
    pub fn contiguous_content(&self) -> u64 {
        if self.input.is_empty() && self.reading.offer != Offer::Lent {
            self.connection.contiguous_content()
        } else {
            0
        }
    }

    /// `octets` of content were read into memory of the caller's.
    ///
    /// # Errors
    ///
    /// As [`Connection::skip_content`]: more than [`contiguous_content`](Self::contiguous_content) said. Nothing has moved.
    pub fn skip_content(&mut self, now: Instant, octets: u64) -> Result<(), ReceiveError> {
        self.connection.moved().skip_content(now, octets)?;
        self.reading.offers();
        Ok(())
    }

    /// [`Connection::exchange_timeouts`]: gives the exchange that is open timeouts of its own.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn exchange_timeouts(&mut self, now: Instant, config: C) -> Result<(), SendError> {
        self.connection.moved().exchange_timeouts(now, config)
    }

    /// [`Connection::close_after_exchange`]: closes gracefully, after this exchange or now if there is none. At the end of a process it is said
    /// of every connection.
    pub fn close_after_exchange(&mut self, now: Instant) {
        self.connection.moved().close_after_exchange(now);
        self.after_intent();
    }

    /// [`Connection::abort`]: cuts the connection.
    pub fn abort(&mut self, now: Instant) {
        self.connection.moved().abort(now);
        self.after_intent();
    }

    /// Has the connection write into the output.
    #[inline]
    fn write(
        &mut self,
        mut write: impl FnMut(&mut Connection<R, C>, &mut [u8]) -> Result<usize, SendError>,
    ) -> Result<(), SendError> {
        let Self { connection, output, .. } = self;
        let connection = connection.moved();
        output.write(ENOUGH, |out| write(connection, out))?;
        self.after_intent();
        Ok(())
    }

    /// What was received may be looked at now.
    #[inline]
    pub(super) fn after_intent(&mut self) {
        if !self.input.is_empty() {
            self.reading.offers();
        }
    }
}

impl<S: Storage, C: Deref<Target = Config<Server>>> Drive<Server, S, C> {
    /// Sends the head of the response: [`Connection::send_response`]. Its content follows where [`Step::Content`](super::Step::Content) is said,
    /// which it is not after `Exact(0)`, to HEAD, or in a 304.
    ///
    /// # Errors
    ///
    /// As there. [`SendError::OutputTooSmall`]: there is no room before something has left, and [`Step::Respond`](super::Step::Respond) is said
    /// again then; if nothing waits, there will be none. Nothing has moved.
    pub fn respond<'r>(
        &mut self,
        now: Instant,
        response: impl Into<Response<'r>>,
        fields: impl Fields + Clone,
        content: Content,
    ) -> Result<(), SendError> {
        let response = response.into();
        self.write(|connection, out| connection.send_response(now, response, fields.clone(), content, out))
    }

    /// Sends the response whose content is at hand: its head, and as much of the content as [`send_content`](Self::send_content) would take
    /// now. How many octets of it: mostly all, and the response is complete. What was not taken is to be given at the next
    /// [`Step::Content`](super::Step::Content).
    ///
    /// # Errors
    ///
    /// As [`respond`](Self::respond).
    pub fn respond_with<'r>(
        &mut self,
        now: Instant,
        response: impl Into<Response<'r>>,
        fields: impl Fields + Clone,
        content: &[u8],
    ) -> Result<usize, SendError> {
        let response = response.into();
        let Self { connection, output, .. } = self;
        let (connection, mut taken) = (connection.moved(), 0);
        output.write(ENOUGH + content.len().min(HIGH_WATER), |out| {
            let written = connection.send_response_with(now, response, fields.clone(), content, out)?;
            taken = written.consumed;
            Ok(written.written)
        })?;
        self.after_intent();
        Ok(taken)
    }

    /// Sends an interim response: [`Connection::send_interim`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send_interim(
        &mut self,
        now: Instant,
        status: StatusCode,
        fields: impl Fields + Clone,
    ) -> Result<(), SendError> {
        self.write(|connection, out| connection.send_interim(now, status, fields.clone(), out))
    }

    /// Asks for the content that waits for it: [`Connection::send_continue`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send_continue(&mut self, now: Instant) -> Result<(), SendError> {
        self.write(|connection, out| connection.send_continue(now, out))
    }

    /// Sends the refusal that is due with fields of the caller's: [`Connection::send_refusal`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send_refusal(&mut self, now: Instant, fields: impl Fields + Clone) -> Result<(), SendError> {
        self.write(|connection, out| connection.send_refusal(now, fields.clone(), out))
    }

    /// [`Connection::refuse`]: refuses the request that is open, or the next one.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn refuse(&mut self, now: Instant, status: StatusCode) -> Result<(), SendError> {
        self.connection.moved().refuse(now, status)?;
        self.after_intent();
        Ok(())
    }

    /// [`Connection::application_gone`]: the application will not answer, or not go on.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn application_gone(&mut self, now: Instant) -> Result<(), SendError> {
        self.connection.moved().application_gone(now)?;
        self.after_intent();
        Ok(())
    }

    /// What the connection is for one that looks for a place: [`Connection::idleness`]. It is not idle while something was received and not
    /// looked at.
    pub fn idleness(&self) -> Option<Idleness> {
        if self.input.is_empty() && self.reading.offer != Offer::Due { self.connection.idleness() } else { None }
    }

    /// [`Connection::free_place`]: frees the place of the connection for another one, if it may go.
    pub fn free_place(&mut self, now: Instant) -> bool {
        self.idleness().is_some() && self.connection.moved().free_place(now)
    }
}

impl<const DEPTH: usize, S: Storage, C: Deref<Target = Config<Client<DEPTH>>>> Drive<Client<DEPTH>, S, C> {
    /// Sends the head of a request: [`Connection::send_request`]. Its content follows where [`Step::Content`](super::Step::Content) is said.
    /// What has come is to be polled before, so that it is not taken for the response.
    ///
    /// # Errors
    ///
    /// As there. [`SendError::OutputTooSmall`]: there is no room before something has left; if nothing waits, there will be none. Nothing has
    /// moved.
    pub fn request(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        fields: impl Fields + Clone,
        content: Content,
    ) -> Result<(), SendError> {
        self.write(|connection, out| connection.send_request(now, request, fields.clone(), content, out))
    }

    /// Whether a request may be sent now: [`Connection::reusable`].
    pub fn reusable(&self, now: Instant) -> Reusable {
        self.connection.reusable(now)
    }

    /// [`Connection::knows_http11`]
    pub fn knows_http11(&mut self) {
        self.connection.moved().knows_http11();
    }
}

/// Room for the framing around a piece of content.
const FRAMING: usize = MAX_SIZE_LINE + 2;
