//! One connection: octets and time in, events, decisions and octets out.
//!
//! [`Connection`] is the codec (heads, framing, bodies, output) around a [`Lifecycle`]. The caller owns the buffer: octets not
//! consumed are offered again unchanged with more after them; one event a call, so the work of a call is bounded by what
//! is offered. Events borrow the buffer and never the connection.

pub(crate) mod client;
pub(crate) mod event;
pub(crate) mod parking;
pub(crate) mod receive;
pub(crate) mod receive_content;
pub(crate) mod role;
pub(crate) mod server;

use core::ops::Deref;

use crate::config::Config;
use crate::connection::event::{Framed, Written};
use crate::connection::receive::Reading;
use crate::connection::role::Role;
use crate::error::{Misuse, ProtocolError, ProtocolErrorKind, ReceiveError, SendError};
use crate::lifecycle::Lifecycle;
use crate::lifecycle::deadline::{Deadline, DeadlineCause};
use crate::lifecycle::persistence::Persistence;
use crate::lifecycle::state::{Counted, Half, flag};
use crate::lifecycle::teardown::Stage;
use crate::lifecycle::wants::Wants;
use crate::message::chunked;
use crate::message::fields_to_send::Fields;
use crate::message::writer::Writer;
use crate::time::Instant;

/// One connection in the role `R`. `C` is how it holds its configuration: `&'static Config<R>`, `Arc<Config<R>>`; a million
/// connections share one.
///
/// **Facts in**: [`receive`](Self::receive), [`receive_eof`](Self::receive_eof), [`nothing_to_read`](Self::nothing_to_read),
/// [`handle_sent`](Self::handle_sent), [`handle_shut`](Self::handle_shut), [`handle_timeout`](Self::handle_timeout),
/// [`transport_failed`](Self::transport_failed). **Intents in, octets out** (all or nothing; state moves only if it fitted):
/// [`send_content`](Self::send_content), [`frame_content`](Self::frame_content), [`send_end`](Self::send_end), those of the
/// role, and without octets [`close_after_exchange`](Self::close_after_exchange) and [`abort`](Self::abort). **Answers out**:
/// everything that takes `&self`.
///
/// **What may move a deadline earlier**: `receive`, `handle_sent` and `handle_shut` when they enter another state, every call that sends a
/// head or an end, and `close_after_exchange`. Ask for [`next_deadline`](Self::next_deadline) after them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Connection<R: Role, C: Deref<Target = Config<R>> = &'static Config<R>> {
    pub(crate) lifecycle: Lifecycle<R, C>,
    pub(crate) reading: Reading,
    /// Octets consumed.
    pub(crate) offset: u64,
    /// Empty lines skipped before the start line to come.
    pub(crate) empty_lines: u8,
}

impl<R: Role, C: Deref<Target = Config<R>>> Connection<R, C> {
    /// A connection that opened at `now`.
    pub fn new(now: Instant, config: C) -> Self {
        Self { lifecycle: Lifecycle::new(now, config), reading: Reading::FRESH, offset: 0, empty_lines: 0 }
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

    /// The look that [`ReadWant::LookOnce`](crate::ReadWant::LookOnce) asked for found nothing.
    pub fn nothing_to_read(&mut self, now: Instant) {
        self.lifecycle.nothing_to_read(now);
    }

    /// So many of the octets handed out have left since the last call: the transport has taken them. A client says it before it offers
    /// what came after they left, for a response to a request of which nothing has left is none (RFC 9112 9.2).
    #[inline]
    pub fn handle_sent(&mut self, now: Instant, octets: u64) {
        self.lifecycle.handle_sent(now, octets);
    }

    /// The half-close or close asked for is done.
    pub fn handle_shut(&mut self, now: Instant) {
        self.lifecycle.handle_shut(now);
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
        if expired.is_some()
            && self.lifecycle.machine.content_timed_out()
            && !matches!(self.reading, Reading::Failed(..))
        {
            self.reading = Reading::TimedOut(self.offset.saturating_add(self.lifecycle.machine.unread.into()));
        }
        expired
    }

    /// Closes gracefully: after this exchange, or now if there is none (RFC 9112 9.6).
    pub fn close_after_exchange(&mut self, now: Instant) {
        self.lifecycle.close_after_exchange(now);
    }

    /// Cuts the connection.
    pub fn abort(&mut self, now: Instant) {
        self.lifecycle.abort(now);
    }

    /// Whether the connection outlives this exchange, as far as is known, and why.
    pub fn persistence(&self) -> Persistence {
        self.lifecycle.persistence()
    }

    /// What is due next, if nothing happens before.
    pub fn next_deadline(&self) -> Option<Deadline> {
        self.lifecycle.next_deadline()
    }

    /// The transport is closed, and nothing is left to do: [`handle_shut`](Self::handle_shut) was said of a close.
    pub fn is_closed(&self) -> bool {
        self.lifecycle.is_closed()
    }

    /// Nothing of an exchange is outstanding, and the next may begin.
    pub fn is_idle(&self) -> bool {
        self.lifecycle.is_idle()
    }

    /// Octets handed out that have not left.
    pub fn octets_pending(&self) -> u64 {
        self.lifecycle.octets_pending()
    }

    /// What the connection waits for.
    pub fn wants(&self) -> Wants {
        self.lifecycle.wants()
    }

    /// Writes content of the message being sent, framed as its head said: as much as fits.
    ///
    /// Content of a message that may have none (a response to HEAD, a 304) is taken and not written. Chunked content is written
    /// as one chunk a call. Errors: `OutputTooSmall` where not one octet fits; `Misuse::TooMuchContent` beyond the declared
    /// length (RFC 9110 8.6).
    pub fn send_content(&mut self, now: Instant, content: &[u8], out: &mut [u8]) -> Result<Written, SendError> {
        let machine = &mut self.lifecycle.machine;
        let now = machine.tick(now);
        if machine.stage != Stage::Open || machine.sending != Half::Content {
            // a message that ended with its head has no content, whatever the application holds for it
            if !machine.is(flag::SUPPRESSED) {
                machine.check_nothing_more(content.len() as u64)?;
            }
            return Ok(Written { consumed: content.len(), written: 0 });
        }
        let room = match machine.send_by {
            Counted::Exact if content.len() as u64 > machine.to_send => return Err(Misuse::TooMuchContent.into()),
            Counted::Exact | Counted::UntilClose => out.len(),
            Counted::Chunked => chunk_room(out.len()),
        };
        if content.is_empty() {
            return Ok(Written { consumed: 0, written: 0 });
        }
        let consumed = content.len().min(room);
        if consumed == 0 {
            let needed = if machine.send_by == Counted::Chunked { SMALLEST_CHUNK } else { 1 };
            return Err(SendError::OutputTooSmall { needed });
        }
        let mut writer = Writer::new(out);
        if machine.send_by == Counted::Chunked {
            let (line, octets) = chunked::size_line(consumed as u64);
            writer.put(&line[..octets]);
            writer.put(&content[..consumed]);
            writer.put(b"\r\n");
        } else {
            writer.put(&content[..consumed]);
        }
        let written = writer.finish()?;
        self.lifecycle.wrote(now, written as u64);
        self.lifecycle.content_sent(now, consumed as u64)?;
        Ok(Written { consumed, written })
    }

    /// The framing around `octets` of content that the caller sends itself, by `writev`, `sendfile` or `splice`. Framing and
    /// content count as handed out.
    pub fn frame_content(&mut self, now: Instant, octets: u64) -> Result<Framed, SendError> {
        let machine = &mut self.lifecycle.machine;
        let now = machine.tick(now);
        let mut framed = Framed { before: arrayvec::ArrayVec::new(), after: b"" };
        if machine.stage != Stage::Open || machine.sending != Half::Content {
            return machine.check_nothing_more(octets).map(|()| framed);
        }
        if machine.send_by == Counted::Exact && octets > machine.to_send {
            return Err(Misuse::TooMuchContent.into());
        }
        if machine.send_by == Counted::Chunked && octets > 0 {
            let (line, length) = chunked::size_line(octets);
            framed.before.extend(line[..length].iter().copied());
            framed.after = b"\r\n";
        }
        let overhead = framed.before.len() + framed.after.len();
        self.lifecycle.wrote(now, octets.saturating_add(overhead as u64));
        self.lifecycle.content_sent(now, octets)?;
        Ok(framed)
    }

    /// Ends the message being sent; of chunked content with trailers. After a message of exact length, which ends by itself,
    /// this writes nothing and is no mistake.
    pub fn send_end(&mut self, now: Instant, trailers: impl Fields, out: &mut [u8]) -> Result<usize, SendError> {
        let machine = &mut self.lifecycle.machine;
        let now = machine.tick(now);
        let mut written = 0;
        if machine.stage == Stage::Open && machine.sending == Half::Content && machine.send_by == Counted::Chunked {
            let mut writer = Writer::new(out);
            writer.last_chunk(trailers)?;
            written = writer.finish()?;
            self.lifecycle.wrote(now, written as u64);
        } else if !machine.is(flag::SUPPRESSED) {
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
        self.lifecycle.machine.check_content(octets)?;
        if self.lifecycle.machine.unread > 0 || octets > self.contiguous_content() {
            return Err(Misuse::ContentNotExpected.into());
        }
        self.lifecycle.content_received(now, octets)?;
        if let Reading::Chunked(chunked) = &mut self.reading {
            chunked.skip(octets);
        }
        self.offset = self.offset.saturating_add(octets);
        self.lifecycle.machine.carry(octets);
        if matches!(self.reading, Reading::Exact) && self.lifecycle.machine.to_receive == 0 {
            self.reading = Reading::End;
        }
        Ok(())
    }

    /// Octets of content to come with no framing between them, as far as is known.
    pub fn contiguous_content(&self) -> u64 {
        let machine = &self.lifecycle.machine;
        if machine.check_content(0).is_err() {
            return 0;
        }
        let most = self.lifecycle.config().limits().content.unwrap_or(u64::MAX);
        let allowed = most.saturating_sub(machine.octets);
        match &self.reading {
            Reading::Exact if machine.receive_by == Counted::UntilClose => allowed,
            Reading::Exact => machine.to_receive,
            Reading::Chunked(chunked) => chunked.in_chunk().min(allowed),
            _ => 0,
        }
    }
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
