//! Receiving content: of a known length, chunked, or until the connection closes, and the trailers after it.
//!
//! Up to the limit content is content like any other; the octet after it is the fault. Content that nobody reads any more is
//! walked over within the budget that keeping the connection is worth (RFC 9112 9.3).

use core::ops::Deref;

use crate::config::Config;
use crate::connection::Connection;
use crate::connection::event::{Event, Outcome, PauseReason, Received};
use crate::connection::receive::{Reading, Step};
use crate::connection::role::Role;
use crate::error::ProtocolError;
use crate::error::ProtocolErrorKind::*;
use crate::message::chunked::Piece;
use crate::message::head::{Fault, FieldSection, Progress, Rules, Section};
use crate::message::known_fields::never_a_trailer;
use crate::time::Instant;

impl<R: Role, C: Deref<Target = Config<R>>> Connection<R, C> {
    pub(crate) fn receive_content<'b>(
        &mut self,
        now: Instant,
        buf: &'b [u8],
        outcome: &mut Outcome<'b>,
    ) -> Result<Step, ProtocolError> {
        let unread = self.lifecycle.state().drops_content();
        if self.lifecycle.state().is_paused() {
            *outcome = Outcome::Paused(PauseReason::ContentPaused);
            return Ok(Step::Done(0));
        }
        match self.reading {
            Reading::Exact => self.receive_exact(now, buf, outcome),
            Reading::Chunked(mut chunked) => {
                let (state, settings) = self.lifecycle.parts();
                let trims = settings.policy.chunk_size_whitespace.accepts();
                let mut piece = chunked.read(&settings.limits, trims, buf);
                if let (Ok(Piece::Content { from, to }), Some(most), false) =
                    (&mut piece, settings.limits.content, unread)
                {
                    // up to the limit it is content like any other
                    let room = most.saturating_sub(state.content_octets());
                    let over = ((*to - *from) as u64).saturating_sub(room);
                    if room == 0 {
                        let at = *from;
                        return Err(self.fail(now, Fault::new(ContentTooLarge, at)));
                    }
                    if over > 0 {
                        chunked.give_back(over);
                        *to -= over as usize;
                    }
                }
                self.reading = Reading::Chunked(chunked);
                match piece {
                    Ok(Piece::Content { from, to }) => {
                        state.content_received(now, (to - from) as u64);
                        if unread {
                            state.content_dropped(now, (to - from) as u64);
                            return Ok(Step::Again(to));
                        }
                        *outcome = Outcome::Event(Event::Content(&buf[from..to]));
                        Ok(Step::Done(to))
                    }
                    Ok(Piece::NeedMore { consumed: 0 }) => Ok(self.no_content(outcome)),
                    Ok(Piece::NeedMore { consumed }) => Ok(Step::NeedMore(consumed)),
                    Ok(Piece::Last { consumed }) => {
                        self.reading = Reading::Trailers(Progress::FRESH, true);
                        Ok(Step::Again(consumed))
                    }
                    Err((kind, at)) => Err(self.fail(now, Fault::new(kind, at))),
                }
            }
            Reading::Trailers(progress, _) => self.receive_trailers(now, buf, outcome, progress),
            Reading::End => {
                self.reading = Reading::Next;
                *outcome = Outcome::Event(Event::End { trailers: FieldSection::empty() });
                Ok(Step::Done(0))
            }
            Reading::Failed(..) | Reading::TimedOut(_) | Reading::HandedOver => self.discard(now, buf, outcome),
            Reading::Next | Reading::Head(_) => {
                if buf.is_empty() {
                    self.end_after_message(now);
                }
                *outcome = Outcome::Paused(PauseReason::ResponseDue);
                Ok(Step::Done(0))
            }
        }
    }

    /// Content of a known length, or until the connection closes.
    #[inline(never)]
    fn receive_exact<'b>(
        &mut self,
        now: Instant,
        buf: &'b [u8],
        outcome: &mut Outcome<'b>,
    ) -> Result<Step, ProtocolError> {
        let (state, settings) = self.lifecycle.parts();
        if buf.is_empty() || state.content_to_receive() == 0 {
            return Ok(self.no_content(outcome));
        }
        let unread = state.drops_content();
        let mut buf = buf;
        if state.ends_with_connection() && settings.limits.content.is_some() {
            // up to the limit it is content like any other
            let room = usize::try_from(state.content_allowed(settings)).unwrap_or(usize::MAX);
            if room == 0 {
                return Err(self.fail(now, Fault::new(ContentTooLarge, 0)));
            }
            buf = buf.get(..room).unwrap_or(buf);
        }
        let octets = self.take_exact(now, buf);
        if unread {
            // nobody is told of it but that it ended
            return Ok(Step::Again(octets));
        }
        *outcome = Outcome::Event(Event::Content(&buf[..octets]));
        Ok(Step::Done(octets))
    }

    /// Content of a known length that is there, to be reported; anything else that may come with it.
    ///
    /// Twin of [`receive_in_full`](Self::receive_in_full), for what is usual.
    #[inline(never)]
    pub(crate) fn receive_counted<'b>(&mut self, now: Instant, buf: &'b [u8]) -> Result<Received<'b>, ProtocolError> {
        let counted = matches!(self.reading, Reading::Exact) && self.lifecycle.state().counts_content();
        if !counted || buf.is_empty() {
            return self.receive_next(now, buf, None);
        }
        let octets = self.take_exact(now, buf);
        self.leave(octets, buf.len());
        self.check();
        Ok(Received { consumed: octets, outcome: Outcome::Event(Event::Content(&buf[..octets])) })
    }

    /// Content of a chunk whose size line is as usual, to be reported; anything else that may come in a chunked body.
    ///
    /// Twin of [`receive_in_full`](Self::receive_in_full), for what is usual.
    #[inline(never)]
    pub(crate) fn receive_chunk<'b>(&mut self, now: Instant, buf: &'b [u8]) -> Result<Received<'b>, ProtocolError> {
        let (state, settings) = self.lifecycle.parts();
        if let (Reading::Chunked(chunked), true) = (&mut self.reading, state.reports_content()) {
            if let Some((after, from, content)) = chunked.read_fast(buf) {
                let octets = content.len() as u64;
                if octets <= state.content_allowed(settings) {
                    *chunked = after;
                    state.content_received(now, octets);
                    let consumed = from + content.len();
                    self.leave(consumed, buf.len());
                    self.check();
                    return Ok(Received { consumed, outcome: Outcome::Event(Event::Content(content)) });
                }
            }
        }
        self.receive_next(now, buf, None)
    }

    /// Takes content that lies at the front of `buf`, as much as is still to come: so many octets.
    #[inline(always)]
    fn take_exact(&mut self, now: Instant, buf: &[u8]) -> usize {
        let left = self.lifecycle.state().content_to_receive();
        let octets = buf.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        if octets as u64 == left {
            self.reading = Reading::End;
        }
        self.lifecycle.on_content(now, octets as u64);
        octets
    }

    fn receive_trailers<'b>(
        &mut self,
        now: Instant,
        buf: &'b [u8],
        outcome: &mut Outcome<'b>,
        mut progress: Progress,
    ) -> Result<Step, ProtocolError> {
        // a section that dribbles in
        if progress.still_unfinished(buf) {
            self.reading = Reading::Trailers(progress, progress.misses_only_its_end(buf));
            return Ok(Step::NeedMore(0));
        }
        let (_, settings) = self.lifecycle.parts();
        let rules = Rules { section: R::TRAILERS, limits: &settings.limits, policy: &settings.policy };
        let Some(end) = (match progress.read_trailers(rules, buf) {
            Ok(end) => end,
            Err(fault) => return Err(self.fail(now, fault)),
        }) else {
            self.reading = Reading::Trailers(progress, progress.misses_only_its_end(buf));
            return Ok(Step::NeedMore(0));
        };
        let trailers = FieldSection::trailers(&buf[..progress.fields_end()]);
        if R::TRAILERS == Section::RequestTrailers && !settings.policy.request_trailers.accepts() {
            if let Some(line) = trailers.all_lines().find(|line| never_a_trailer(line.name)) {
                let at = line.name.as_ptr() as usize - buf.as_ptr() as usize;
                return Err(self.fail(now, Fault::new(Trailer, at)));
            }
        }
        self.reading = Reading::Next;
        self.lifecycle.parts().0.end_received(now);
        self.lifecycle.after_content(now);
        *outcome = Outcome::Event(Event::End { trailers });
        Ok(Step::Done(end))
    }

    /// No content has come: the peer may be waiting to be asked for it.
    fn no_content(&self, outcome: &mut Outcome<'_>) -> Step {
        // on a client it is the request being sent that waits, not this response
        let state = self.lifecycle.state();
        // nor does anybody wait who has closed its side: what is missing does not come
        if R::IS_CLIENT || !state.awaits_continue() || state.waits_for_end() {
            return Step::NeedMore(0);
        }
        *outcome = Outcome::Paused(PauseReason::ContinueDue);
        Step::Done(0)
    }
}
