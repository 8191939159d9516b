//! One connection: octets and time in, events, decisions and octets out.
//!
//! [`Connection`] is the codec (heads, framing, bodies, output) around a [`Lifecycle`]. The caller owns the buffer: octets not
//! consumed are offered again unchanged with more after them; one event a call, so the work of a call is bounded by what
//! is offered. Events borrow the buffer and never the connection.

pub(crate) mod client;
pub(crate) mod event;
pub(crate) mod parking;
mod plain_request;
pub(crate) mod receive;
pub(crate) mod receive_content;
pub(crate) mod role;
pub(crate) mod server;
pub(crate) mod summary;
#[cfg(test)]
mod twins;
mod wants;

use core::ops::Deref;

use crate::config::Config;
use crate::connection::event::{Framed, Written};
use crate::connection::receive::Reading;
use crate::connection::role::Role;
use crate::error::{Misuse, ProtocolError, ProtocolErrorKind, ReceiveError, SendError};
use crate::lifecycle::Lifecycle;
use crate::lifecycle::canonical::Canonical;
use crate::lifecycle::content_use::ContentUse;
use crate::lifecycle::deadline::{Deadline, DeadlineCause};
use crate::lifecycle::persistence::{CloseReason, Persistence};
use crate::lifecycle::phase::Phase;
use crate::lifecycle::relative::Parser;
use crate::lifecycle::state::{BodyEnd, Receiving};
use crate::message::chunked;
use crate::message::fields_to_send::Fields;
use crate::message::output::{Base, Output};
use crate::message::writer::Writer;
use crate::time::Instant;

/// One connection in the role `R`. `C` is how it holds its configuration: `&'static Config<R>`, `Arc<Config<R>>`; a million
/// connections share one.
///
/// **Facts in**: [`receive`](Self::receive), [`receive_eof`](Self::receive_eof), [`nothing_to_read`](Self::nothing_to_read),
/// [`handle_sent`](Self::handle_sent), [`handle_shut`](Self::handle_shut), [`handle_timeout`](Self::handle_timeout),
/// [`write_failed`](Self::write_failed), [`transport_failed`](Self::transport_failed), of a server
/// [`application_gone`](Connection::application_gone). **Intents in, octets out** (all or nothing; state moves only if it fitted):
/// [`send_content`](Self::send_content), [`frame_content`](Self::frame_content), [`send_end`](Self::send_end), those of the
/// role, and without octets [`content_use`](Self::content_use), [`exchange_timeouts`](Self::exchange_timeouts), of a server
/// [`refuse`](Connection::refuse) and [`free_place`](Connection::free_place),
/// [`close_after_exchange`](Self::close_after_exchange) and [`abort`](Self::abort). **Answers out**: everything that takes `&self`.
///
/// **What may move a deadline earlier**, or arm one where none was: `receive`, `receive_eof`, `skip_content`, `content_use`, `handle_sent`,
/// `handle_shut`, `handle_timeout`, `nothing_to_read`, `write_failed`, `exchange_timeouts`, `refuse`, `application_gone`, `free_place`,
/// `close_after_exchange`, `send_request`, `send_response`, `send_interim`,
/// `send_continue`, `send_refusal`, `send_content`, `frame_content`, `send_end`. Ask for [`next_deadline`](Self::next_deadline) after them.
/// After any other call a timer that was set stays right: it comes too early at most.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Connection<R: Role, C: Deref<Target = Config<R>> = &'static Config<R>> {
    pub(crate) lifecycle: Lifecycle<R, C>,
    pub(crate) reading: Reading,
    /// Octets consumed.
    pub(crate) offset: u64,
}

impl<R: Role, C: Deref<Target = Config<R>>> Connection<R, C> {
    /// A connection that opened at `now`.
    pub fn new(now: Instant, config: C) -> Self {
        Self { lifecycle: Lifecycle::new(now, config), reading: Reading::FRESH, offset: 0 }
    }

    /// The same with a place of its own between the extremes of `jitter` and `drain_spread`: connections of different seeds do not
    /// end together. Any numbers do, also those that count connections; the same seed gives the same place. Before anything happens.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.lifecycle = self.lifecycle.with_seed(seed);
        self
    }

    /// Which fact armed the next deadline, and which setting gave its length.
    pub fn deadline_cause(&self) -> Option<DeadlineCause> {
        self.lifecycle.deadline_cause()
    }

    /// The decisions alone, to be read.
    pub const fn lifecycle(&self) -> &Lifecycle<R, C> {
        &self.lifecycle
    }

    /// Octets consumed since the connection opened.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// What the peer did wrong, if it did.
    pub const fn error(&self) -> Option<ProtocolError> {
        match self.reading {
            Reading::Failed(kind, offset) => Some(ProtocolError { kind, offset }),
            Reading::TimedOut(offset) => Some(ProtocolError { kind: ProtocolErrorKind::ContentTimeout, offset }),
            _ => None,
        }
    }

    /// What the application does with the content being received, and no longer than that: [`ContentUse`] says what follows from each. Each
    /// message begins with [`ContentUse::Undecided`]. Once all of it has come, nothing follows from it any more.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::Ended`]: the content was given up, by a timeout or a fault. [`ReceiveError::Misuse`]: no content is being received, or
    /// it was said that it is dropped. Nothing has moved.
    pub fn content_use(&mut self, now: Instant, said: ContentUse) -> Result<(), ReceiveError> {
        if matches!(self.reading, Reading::End) {
            // it is there, and only its end is to be told
            return Ok(());
        }
        self.lifecycle.content_use(now, said)?;
        self.check();
        Ok(())
    }

    /// The look that [`ReadWant::LookOnce`](crate::ReadWant::LookOnce) asked for found nothing.
    pub fn nothing_to_read(&mut self, now: Instant) {
        self.lifecycle.nothing_to_read(now);
        self.note_timeout();
    }

    /// So many of the octets handed out have left since the last call: the transport has taken them; 0: none left at a try that
    /// [`Wants::flush_once`](crate::Wants::flush_once) asked for. A client says it before it offers
    /// what came after they left, for a response to a request of which nothing has left is none (RFC 9112 9.2).
    #[inline]
    pub fn handle_sent(&mut self, now: Instant, octets: u64) {
        self.lifecycle.handle_sent(now, octets);
    }

    /// The half-close or close asked for is done.
    pub fn handle_shut(&mut self, now: Instant) {
        self.lifecycle.handle_shut(now);
    }

    /// A write failed: nothing more goes, and reading goes on ([`Lifecycle::write_failed`]). Say it instead of
    /// [`transport_failed`](Self::transport_failed) where only writing did.
    pub fn write_failed(&mut self, now: Instant) {
        self.lifecycle.write_failed(now);
        self.see_looks();
        self.check();
    }

    /// Gives the exchange that is open timeouts of its own, and no longer than that: [`Lifecycle::exchange_timeouts`].
    ///
    /// # Errors
    ///
    /// [`SendError::Ended`]: the connection has ended. [`SendError::Misuse`]: no exchange is open; of a client that pipelines, one before
    /// this has timeouts of its own and is not over; the connection is a tunnel. Nothing has moved.
    pub fn exchange_timeouts(&mut self, now: Instant, config: C) -> Result<(), SendError> {
        self.lifecycle.exchange_timeouts(now, config)?;
        self.check();
        Ok(())
    }

    /// The transport failed: nothing more comes or goes. It is still to be closed: [`wants`](Self::wants) asks for one
    /// [`Shut`](crate::Shut), and after [`handle_shut`](Self::handle_shut) the connection [`is_closed`](Self::is_closed).
    pub fn transport_failed(&mut self, now: Instant) {
        self.lifecycle.transport_failed(now);
    }

    /// Lets what is due expire: the deadline that did, if one was due. To be called until `None`; then the next deadline is
    /// absent or later than `now`.
    ///
    /// Content that took too long while its response is under way is an error that [`receive`](Self::receive) returns next: offer what
    /// is unread, or nothing. The response may be ended in time ([`DeadlineKind::Linger`](crate::DeadlineKind::Linger)).
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Deadline> {
        let expired = self.lifecycle.handle_timeout(now);
        if expired.is_some() {
            self.see_looks();
            self.note_timeout();
        }
        expired
    }

    /// Content that came too late is an error that is still to be told.
    fn note_timeout(&mut self) {
        let state = self.lifecycle.state();
        if state.tells_content_timeout() && !matches!(self.reading, Reading::Failed(..)) {
            self.reading = Reading::TimedOut(self.offset.saturating_add(state.octets_unread().into()));
        }
        self.check();
    }

    /// Closes gracefully: after this exchange, or now if there is none (RFC 9112 9.6).
    pub fn close_after_exchange(&mut self, now: Instant) {
        self.lifecycle.close_after_exchange(now);
        self.see_looks();
    }

    /// Cuts the connection.
    pub fn abort(&mut self, now: Instant) {
        self.lifecycle.abort(now);
    }

    /// Whether the connection outlives this exchange, as far as is known, and why.
    pub fn persistence(&self) -> Persistence {
        self.lifecycle.persistence()
    }

    /// What ends the connection, or has ended it: [`Lifecycle::ended_by`].
    pub fn ended_by(&self) -> Option<CloseReason> {
        self.lifecycle.ended_by()
    }

    /// What is due next, if nothing happens before.
    pub fn next_deadline(&self) -> Option<Deadline> {
        self.lifecycle.next_deadline()
    }

    /// The transport is closed, and nothing is left to do: [`handle_shut`](Self::handle_shut) was said of a close.
    pub fn is_closed(&self) -> bool {
        self.lifecycle.is_closed()
    }

    /// Nothing of an exchange is under way: no octet of the next head has been received either.
    pub fn is_idle(&self) -> bool {
        self.lifecycle.is_idle()
    }

    /// Octets handed out that have not left.
    pub fn octets_pending(&self) -> u64 {
        self.lifecycle.octets_pending()
    }

    /// Writes content of the message being sent, framed as its head said: as much as fits.
    ///
    /// Content of a message that may have none (a response to HEAD, a 304) is taken and not written. Chunked content is written
    /// as one chunk a call.
    ///
    /// # Errors
    ///
    /// [`SendError::OutputTooSmall`]: not one octet fits. [`SendError::Ended`]: the connection has ended, or nobody wants the rest of
    /// this message. [`SendError::Misuse`]: more than the declared length (RFC 9110 8.6), or no message is being sent. Nothing was
    /// taken.
    pub fn send_content(
        &mut self,
        now: Instant,
        content: &[u8],
        out: &mut (impl Output + ?Sized),
    ) -> Result<Written, SendError> {
        self.write_content(now, content, out.base())
    }

    fn write_content(
        &mut self,
        now: Instant,
        content: &[u8],
        out: &mut (impl Base + ?Sized),
    ) -> Result<Written, SendError> {
        let (state, _) = self.lifecycle.parts();
        let now = state.tick(now);
        if !state.sends_content() {
            // a message that ended with its head has no content, whatever the application holds for it
            if !state.ended_with_head() {
                state.check_nothing_more(content.len() as u64)?;
            }
            return Ok(Written { consumed: content.len(), written: 0 });
        }
        let (end, left) = state.content_to_send();
        let room = match end {
            BodyEnd::Exact if content.len() as u64 > left => return Err(Misuse::TooMuchContent.into()),
            BodyEnd::Exact | BodyEnd::UntilClose => out.room(),
            BodyEnd::Chunked => chunk_room(out.room()),
        };
        if content.is_empty() {
            return Ok(Written { consumed: 0, written: 0 });
        }
        let consumed = content.len().min(room);
        if consumed == 0 {
            let needed = if end == BodyEnd::Chunked { SMALLEST_CHUNK } else { 1 };
            return Err(SendError::OutputTooSmall { needed });
        }
        let mut writer = Writer::new(out);
        if end == BodyEnd::Chunked {
            let (line, octets) = chunked::size_line(consumed as u64);
            writer.put(&line[..octets]);
            writer.put(&content[..consumed]);
            writer.put(b"\r\n");
        } else {
            writer.put(&content[..consumed]);
        }
        let written = writer.finish()?;
        self.lifecycle.on_written(now, written as u64);
        self.lifecycle.content_handed_out(now, consumed as u64);
        self.check();
        Ok(Written { consumed, written })
    }

    /// The framing around `octets` of content that the caller sends itself, by `writev`, `sendfile` or `splice`. Framing and
    /// content count as handed out.
    ///
    /// # Errors
    ///
    /// [`SendError::Ended`]: the connection has ended, or nobody wants the rest of this message. [`SendError::Misuse`]: more than the
    /// declared length (RFC 9110 8.6), or no message is being sent. Nothing has moved.
    pub fn frame_content(&mut self, now: Instant, octets: u64) -> Result<Framed, SendError> {
        let (state, _) = self.lifecycle.parts();
        let now = state.tick(now);
        let mut framed = Framed { before: arrayvec::ArrayVec::new(), after: b"" };
        if !state.sends_content() {
            return state.check_nothing_more(octets).map(|()| framed);
        }
        let (end, left) = state.content_to_send();
        if end == BodyEnd::Exact && octets > left {
            return Err(Misuse::TooMuchContent.into());
        }
        if end == BodyEnd::Chunked && octets > 0 {
            let (line, length) = chunked::size_line(octets);
            framed.before.extend(line[..length].iter().copied());
            framed.after = b"\r\n";
        }
        let overhead = framed.before.len() + framed.after.len();
        self.lifecycle.on_written(now, octets.saturating_add(overhead as u64));
        self.lifecycle.content_sent(now, octets)?;
        Ok(framed)
    }

    /// Ends the message being sent; of chunked content with trailers. After a message of exact length, which ends by itself,
    /// this writes nothing and is no mistake.
    ///
    /// # Errors
    ///
    /// [`SendError::OutputTooSmall`]: the last chunk and the trailers do not fit. [`SendError::Ended`]: the connection has ended, or
    /// nobody wants the rest of this message. [`SendError::Misuse`]: less than the declared length was sent (RFC 9110 8.6), a trailer
    /// may not be sent or the content is not chunked, or no message is being sent. The message is not ended.
    pub fn send_end(
        &mut self,
        now: Instant,
        trailers: impl Fields,
        out: &mut (impl Output + ?Sized),
    ) -> Result<usize, SendError> {
        self.write_end(now, trailers, out.base())
    }

    fn write_end(
        &mut self,
        now: Instant,
        trailers: impl Fields,
        out: &mut (impl Base + ?Sized),
    ) -> Result<usize, SendError> {
        let (state, _) = self.lifecycle.parts();
        let now = state.tick(now);
        let mut written = 0;
        if state.sends_content() && state.content_to_send().0 == BodyEnd::Chunked {
            let mut writer = Writer::new(out);
            writer.last_chunk(trailers)?;
            written = writer.finish()?;
            self.lifecycle.on_written(now, written as u64);
        } else if !state.ended_with_head() {
            if !trailers.checked().lines.is_empty() {
                return Err(Misuse::TrailersNotChunked.into());
            }
            trailers.visit(|_, _| Err(Misuse::TrailersNotChunked))?;
        }
        self.lifecycle.end_sent(now)?;
        Ok(written)
    }

    /// Takes `octets` of content as received past this connection, by `splice`: at most what is left of it, or of this chunk.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::Ended`]: the message was given up, by a timeout or a fault. [`ReceiveError::Misuse`]: octets of the last offer are
    /// unread, or more are skipped than [`contiguous_content`](Self::contiguous_content) says. Nothing has moved.
    pub fn skip_content(&mut self, now: Instant, octets: u64) -> Result<(), ReceiveError> {
        if octets == 0 {
            return Ok(());
        }
        let state = self.lifecycle.state();
        state.check_content(octets)?;
        if state.octets_unread() > 0 || octets > self.contiguous_content() {
            return Err(Misuse::ContentNotExpected.into());
        }
        self.lifecycle.content_received(now, octets)?;
        if let Reading::Chunked(chunked) = &mut self.reading {
            chunked.skip(octets);
        }
        self.offset = self.offset.saturating_add(octets);
        let (state, _) = self.lifecycle.parts();
        state.count_octets(octets);
        if matches!(self.reading, Reading::Exact) && state.receiving() != Receiving::Content {
            self.reading = Reading::End;
        }
        self.check();
        Ok(())
    }

    /// Octets of content to come with no framing between them, as far as is known.
    pub fn contiguous_content(&self) -> u64 {
        let state = self.lifecycle.state();
        if state.check_content(0).is_err() {
            return 0;
        }
        let allowed = state.content_allowed(self.lifecycle.config().settings());
        match &self.reading {
            Reading::Exact if state.ends_with_connection() => allowed,
            Reading::Exact => state.content_to_receive(),
            Reading::Chunked(chunked) => chunked.in_chunk().min(allowed),
            _ => 0,
        }
    }

    /// Every deadline that is armed now: [`Lifecycle::deadlines`].
    pub fn deadlines(&self) -> impl Iterator<Item = DeadlineCause> {
        self.lifecycle.deadlines()
    }

    /// Where the connection stands, in one word: for logs, counters and pictures. What to do is in [`wants`](Self::wants).
    pub fn phase(&self) -> Phase {
        self.lifecycle.phase()
    }

    /// The state as far as it has an effect on what is to come, seen from `now`: connections of one configuration whose values are equal do
    /// the same for every next call, the same octets being offered. See [`Lifecycle::canonical`]; of errors the offsets are not the same.
    pub fn canonical(&self, now: Instant) -> CanonicalConnection<R> {
        let state = self.lifecycle.state();
        let reading = self.reading.canonical(state.is_open(), state.receiving() == Receiving::Idle);
        CanonicalConnection { lifecycle: self.lifecycle.canonical_by(Parser::Ours, now), reading }
    }

    /// What always holds is asserted, in debug builds: what is read next agrees with the receiving half.
    #[inline(always)]
    pub(crate) fn check(&self) {
        #[cfg(debug_assertions)]
        {
            self.lifecycle.check();
            let state = self.lifecycle.state();
            if state.reads_nothing() {
                return;
            }
            let (half, end) = (state.receiving(), state.body_end());
            let agrees = match self.reading {
                Reading::Head(_) => matches!(half, Receiving::Idle | Receiving::Head),
                Reading::Exact => half == Receiving::Content && end != BodyEnd::Chunked,
                Reading::Chunked(_) | Reading::Trailers(..) => half == Receiving::Content && end == BodyEnd::Chunked,
                // of a client the next response may be waited for
                Reading::End | Reading::Next => matches!(half, Receiving::Complete | Receiving::Idle),
                Reading::Failed(..) | Reading::TimedOut(_) | Reading::HandedOver => half == Receiving::Complete,
            };
            assert!(agrees, "what is read next agrees with the receiving half: {:?} {state:?}", self.reading);
        }
    }
}

/// What a connection will do, whatever it has done: equal values do the same for every next call. See [`Connection::canonical`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CanonicalConnection<R: Role> {
    lifecycle: Canonical<R>,
    reading: Reading,
}

/// The shortest chunk: `1 CRLF x CRLF`.
const SMALLEST_CHUNK: usize = 6;

/// How much content fits as one chunk into so many octets.
fn chunk_room(out: usize) -> usize {
    let digits = |room: usize| room.checked_ilog2().unwrap_or(0) as usize / 4 + 1;
    let room = out.saturating_sub(4 + digits(out));
    // a shorter size line may leave room for one octet more
    if room + 1 + digits(room + 1) + 4 <= out { room + 1 } else { room }
}
