//! What is left to do when hyper has let the transport go: a refusal, and the close in its stages.

use std::pin::Pin;
use std::task::{Context, Poll};

use http_keepalive::{CloseReason, Instant, ReadWant, Shut, Turn};
use http_keepalive_tokio::{Clock, Reset, with_date};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::facts::Facts;

/// A transport that hyper has let go.
pub(super) struct Own<T> {
    transport: T,
    /// What is to be written.
    out: Vec<u8>,
    flushed: bool,
    shut: bool,
}

/// What came of a step.
pub(super) enum Step {
    /// Something was done, so what is wanted now may be something else.
    Done,
    /// It waits.
    Waits,
    /// It is closed, for this reason.
    Closed(CloseReason),
}

impl<T: AsyncRead + AsyncWrite + Unpin> Own<T> {
    pub(super) const fn new(transport: T) -> Self {
        Self { transport, out: Vec::new(), flushed: true, shut: false }
    }

    pub(super) fn step(
        &mut self,
        facts: &mut Facts,
        clock: &Clock,
        now: Instant,
        reset: Reset<T>,
        context: &mut Context<'_>,
    ) -> Step {
        if let Some(Turn::Refuse(_)) = facts.life.wants_application() {
            let written = with_date(clock, now, |date| facts.life.send_refusal(now, [("Date", date)], &mut self.out));
            match written {
                Ok(octets) => facts.pending += octets as u64,
                Err(_) => facts.life.abort(now),
            }
            return Step::Done;
        }
        if self.writes(facts, now, context) {
            return Step::Done;
        }
        match facts.life.wants_shut() {
            Some(Shut::HalfClose(_)) if Pin::new(&mut self.transport).poll_shutdown(context).is_ready() => {
                // if it failed, reading shows it
                self.shut = true;
                facts.life.handle_shut(now);
                return Step::Done;
            }
            Some(Shut::Close(reason)) => {
                if !self.shut {
                    // who has a word of its own for the end says it, if that needs no waiting
                    let _ = Pin::new(&mut self.transport).poll_shutdown(context);
                }
                facts.life.handle_shut(now);
                return Step::Closed(reason);
            }
            Some(Shut::Reset(reason)) => {
                reset(&mut self.transport);
                facts.life.handle_shut(now);
                return Step::Closed(reason);
            }
            Some(Shut::HalfClose(_)) | None => {}
        }
        if self.reads(facts, context) { Step::Done } else { Step::Waits }
    }

    /// Writes what is left; something was done.
    fn writes(&mut self, facts: &mut Facts, now: Instant, context: &mut Context<'_>) -> bool {
        if self.out.is_empty() {
            if !self.flushed {
                self.flushed = Pin::new(&mut self.transport).poll_flush(context).is_ready();
            }
            return false;
        }
        if facts.life.is_closed() {
            return false;
        }
        let polled = Pin::new(&mut self.transport).poll_write(context, &self.out);
        match &polled {
            Poll::Ready(Ok(0)) | Poll::Ready(Err(_)) => {
                self.out.clear();
                facts.life.transport_failed(now);
            }
            Poll::Ready(Ok(octets)) => {
                self.out.drain(..*octets);
                self.flushed = false;
                facts.wrote(0, &polled);
            }
            Poll::Pending => return false,
        }
        true
    }

    /// Reads what is to be dropped; something was done.
    fn reads(&mut self, facts: &mut Facts, context: &mut Context<'_>) -> bool {
        if !matches!(facts.life.wants_read(), ReadWant::Discard | ReadWant::Octets | ReadWant::LookOnce) {
            return false;
        }
        let mut piece = [0; 2048];
        let mut into = ReadBuf::new(&mut piece);
        let polled = Pin::new(&mut self.transport).poll_read(context, &mut into);
        let ready = polled.is_ready();
        let _ = facts.read(polled.map_ok(|()| into.filled()));
        ready
    }
}
