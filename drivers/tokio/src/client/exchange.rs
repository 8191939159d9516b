//! A connection on loan, from the response's head to its end.

use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use http_keepalive::pool::{Ended, Returned};
use http_keepalive::{ContentUse, Instant};
use tokio::io::{AsyncRead, AsyncWrite};

use super::error::{Error, ErrorKind};
use super::key::Key;
use super::upload::Upload;
use super::wire::{Got, Wire};
use crate::trace::event;

/// A connection on loan from the pool.
pub(super) type Lent<T> = http_keepalive::pool::Lent<Key, Box<Wire<T>>>;

/// The rest of a response, on its connection.
pub(super) struct Exchange<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    lent: Option<Lent<T>>,
    upload: Upload,
    /// Content that came with the head.
    first: Option<Bytes>,
    /// Octets of content that are to come, if that is known.
    left: Option<u64>,
    /// The machine was told that nobody reads.
    is_paused: bool,
}

/// The rest of a response, on whatever transport.
pub(super) trait Rest: Send {
    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>>;

    /// All of it was given.
    fn is_over(&self) -> bool;

    /// Octets that are still to be given.
    fn left(&self) -> Option<u64>;
}

/// What is here of a response whose head has come.
pub(super) enum Here<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    /// All of it, and the connection is given back.
    Whole(Option<Bytes>, Option<HeaderMap>),
    /// Some.
    Part(Exchange<T>),
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Exchange<T> {
    /// Takes what has come with the head.
    pub(super) fn begin(mut lent: Lent<T>, upload: Upload, octets: Option<u64>, now: Instant) -> Here<T> {
        let mut first: Option<Bytes> = None;
        let trailers = loop {
            match lent.next_received(now) {
                Some(Got::Content(piece)) => {
                    first = Some(match first {
                        None => piece,
                        Some(before) => {
                            let mut both = before.try_into_mut().unwrap_or_else(|before| before[..].into());
                            both.extend_from_slice(&piece);
                            both.freeze()
                        }
                    });
                }
                Some(Got::End(trailers)) => break trailers,
                Some(Got::Interim(_) | Got::Response(..)) => {}
                None | Some(Got::HandOver | Got::Closed) => {
                    let came = first.as_ref().map_or(0, |first| first.len() as u64);
                    let left = octets.map(|octets| octets.saturating_sub(came));
                    let mut exchange = Self { lent: Some(lent), upload, first, left, is_paused: false };
                    exchange.pause(now);
                    return Here::Part(exchange);
                }
            }
        };
        end(lent, upload, now);
        Here::Whole(first, trailers)
    }

    fn gone(&mut self) -> Option<Error> {
        let mut lent = self.lent.take()?;
        let connection = lent.drive.connection();
        let reason = connection.ended_by();
        let ended = Ended::of_machine(reason, false);
        let failure = lent.failure.take();
        let kind = match &failure {
            Some(failure) if failure.kind != ErrorKind::Unanswered => failure.kind,
            _ => ErrorKind::Incomplete,
        };
        let verdict = lent.drive.connection().unanswered().next().map(|unanswered| unanswered.verdict());
        let now = lent.clock.now();
        event!(
            DEBUG,
            "closed inside a response",
            reason = reason.map(|reason| reason.as_str()),
            clause = reason.map(|reason| reason.clause())
        );
        lent.closed(now, ended).close(now);
        let error = Error::new(kind, failure.map(|failure| failure.source)).with_reason(reason);
        Some(match verdict {
            Some(verdict) => error.with_verdict(verdict),
            None => error,
        })
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Rest for Exchange<T> {
    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        loop {
            let Some(lent) = &mut self.lent else { return Poll::Ready(None) };
            let mut now = lent.clock.now();
            if std::mem::take(&mut self.is_paused) {
                read_on(lent, now);
            }
            match lent.poll(&mut now, &mut self.upload, context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Got::Content(content)) => {
                    if let Some(left) = &mut self.left {
                        *left = left.saturating_sub(content.len() as u64);
                        if *left == 0 && matches!(lent.next_received(now), Some(Got::End(_))) {
                            self.end(now);
                        }
                    }
                    self.pause(now);
                    return Poll::Ready(Some(Ok(Frame::data(content))));
                }
                Poll::Ready(Got::End(trailers)) => {
                    self.end(now);
                    return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
                }
                Poll::Ready(Got::Closed | Got::HandOver) => return Poll::Ready(self.gone().map(Err)),
                Poll::Ready(Got::Interim(_) | Got::Response(..)) => {}
            }
        }
    }

    fn is_over(&self) -> bool {
        self.lent.is_none() && self.first.is_none()
    }

    fn left(&self) -> Option<u64> {
        let first = self.first.as_ref().map_or(0, |first| first.len() as u64);
        match self.lent {
            Some(_) => self.left.map(|left| left + first),
            None => Some(first),
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Exchange<T> {
    /// Nobody reads before the next poll: the time until then is not the peer's.
    fn pause(&mut self, now: Instant) {
        if let Some(lent) = &mut self.lent {
            self.is_paused = lent.drive.content_use(now, ContentUse::Paused).is_ok();
        }
    }

    fn end(&mut self, now: Instant) {
        if let Some(lent) = self.lent.take() {
            end(lent, std::mem::replace(&mut self.upload, Upload::none()), now);
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Drop for Exchange<T> {
    /// Nobody wants the rest: if it is here and short, the connection is kept.
    fn drop(&mut self) {
        let Some(mut lent) = self.lent.take() else { return };
        let context = &mut Context::from_waker(Waker::noop());
        let mut now = lent.clock.now();
        if self.is_paused {
            read_on(&mut lent, now);
        }
        let mut octets = 0;
        let is_short = !lent.is_sending() && self.left.is_none_or(|left| left <= SHORT);
        while is_short && octets <= SHORT {
            match lent.poll(&mut now, &mut Upload::none(), context) {
                Poll::Ready(Got::Content(content)) => octets += content.len() as u64,
                Poll::Ready(Got::End(_)) => return end(lent, Upload::none(), now),
                Poll::Ready(Got::Interim(_) | Got::Response(..)) => {}
                Poll::Ready(Got::Closed | Got::HandOver) | Poll::Pending => break,
            }
        }
        event!(DEBUG, "closed, since its response was dropped");
        lent.closed(now, Ended::ByUs).close(now);
    }
}

fn read_on<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(lent: &mut Lent<T>, now: Instant) {
    // where its content is over, there is nothing to say
    let _ = lent.drive.content_use(now, ContentUse::Reading);
}

/// The response is whole. What is still to be sent of the request is, by a task of its own, for nobody polls the response any more.
fn end<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(lent: Lent<T>, mut upload: Upload, now: Instant) {
    if !lent.is_sending() {
        return give_back(lent, now);
    }
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    upload.keep_nothing();
    let mut lent = Some(lent);
    runtime.spawn(std::future::poll_fn(move |context| {
        let Some(wire) = &mut lent else { return Poll::Ready(()) };
        let mut now = wire.clock.now();
        loop {
            if !wire.is_sending() {
                break;
            }
            match wire.poll(&mut now, &mut upload, context) {
                Poll::Ready(Got::Closed | Got::HandOver) => break,
                Poll::Ready(_) => {}
                // all has left, and nothing more comes
                Poll::Pending if !wire.is_sending() => break,
                Poll::Pending => return Poll::Pending,
            }
        }
        if let Some(lent) = lent.take() {
            give_back(lent, now);
        }
        Poll::Ready(())
    }));
}

/// Gives the connection back with its machine's verdict.
pub(super) fn give_back<T: AsyncRead + AsyncWrite + Unpin + Send + 'static>(mut lent: Lent<T>, now: Instant) {
    // octets after the response are no answer to the next request
    while !lent.drive.received().is_empty() && !matches!(lent.next_received(now), None | Some(Got::HandOver)) {}
    lent.rest();
    let persistence = lent.drive.connection().persistence();
    event!(DEBUG, "given back", reason = persistence.as_str(), clause = persistence.clause());
    let returned = Returned::of_machine(persistence, lent.drive.reusable(now));
    let checked_in = lent.checkin(now, &returned);
    if let Some(closing) = checked_in.to_close {
        close(closing, now);
    }
}

/// Closes what the pool gives up.
pub(super) fn close<T: AsyncRead + AsyncWrite + Unpin>(
    closing: http_keepalive::pool::Closing<Box<Wire<T>>>,
    now: Instant,
) {
    event!(DEBUG, "closed", reason = closing.why.as_str(), clause = closing.why.clause());
    closing.connection.close(now);
}

/// As many octets of a response that nobody wants are read.
const SHORT: u64 = 64 * 1024;
