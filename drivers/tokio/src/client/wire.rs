//! A connection: its drive, its transport, and what is next on it.

use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_keepalive::drive::{Attempt, Step};
use http_keepalive::{
    BodyLength, Client, Config, Event, HttpFields, Instant, NO_FIELDS, Persistence, ResponseHead, Reusable, SendError,
    Shut,
};
use tokio::io::{AsyncRead, AsyncWrite};

use super::error::Failure;
use super::upload::{Piece, Upload};
use crate::own_lines::own_lines;
use crate::stream::{Machine, Stream, machine};
use crate::trace::event;
use crate::{Clock, Reset, Timer, spare, trace};

/// A connection.
pub(super) struct Wire<T> {
    pub(super) drive: Machine<Client>,
    pub(super) stream: Stream<T>,
    pub(super) clock: Clock,
    pub(super) timer: Timer,
    /// When the look that was begun is over.
    pub(super) look_until: Option<Instant>,
    /// What went wrong, beside the machine's reason.
    pub(super) failure: Option<Failure>,
    /// The line `Host` as it was sent last.
    pub(super) host: Vec<u8>,
    /// Exchanges that have begun.
    pub(super) exchanges: u32,
}

/// What has come.
#[derive(Debug)]
pub(super) enum Got {
    Interim(Response<()>),
    /// A response, and how many octets of content it has, if that is known.
    Response(Response<()>, Option<u64>),
    Content(Bytes),
    End(Option<HeaderMap>),
    /// The transport is another protocol's.
    HandOver,
    Closed,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Wire<T> {
    pub(super) fn new(now: Instant, clock: Clock, config: Arc<Config<Client>>, io: T, reset: Reset<T>) -> Self {
        Self {
            drive: machine(now, config),
            stream: Stream::new(io, reset),
            clock,
            timer: Timer::new(),
            look_until: None,
            failure: None,
            host: Vec::new(),
            exchanges: 0,
        }
    }

    /// What comes next; meanwhile the request is sent. While nothing comes, no storage is held.
    pub(super) fn poll(&mut self, now: &mut Instant, upload: &mut Upload, context: &mut Context<'_>) -> Poll<Got> {
        self.begin();
        let got = self.poll_next(now, upload, context);
        if got.is_pending() {
            self.give_storages();
        }
        got
    }

    fn poll_next(&mut self, now: &mut Instant, upload: &mut Upload, context: &mut Context<'_>) -> Poll<Got> {
        let mut is_busy = false;
        loop {
            let step = if is_busy { self.drive.poll_while_busy(*now) } else { self.drive.poll(*now) };
            match step {
                Step::Event(event) => match told(event) {
                    Ok(Some(got)) => return Poll::Ready(got),
                    Ok(None) => {}
                    Err(failure) => self.fail(*now, failure),
                },
                Step::Content => match upload.poll_piece(context) {
                    Poll::Pending => is_busy = true,
                    Poll::Ready(piece) => self.send(*now, upload, piece),
                },
                Step::Transport(asked) => match self.transfer(now, asked, context) {
                    Poll::Ready(None) => {}
                    Poll::Ready(Some(content)) => return Poll::Ready(Got::Content(content)),
                    Poll::Pending => return Poll::Pending,
                },
                Step::Shut(shut) => {
                    ready!(self.shut(shut, context));
                    self.drive.shut_done(*now);
                }
                Step::HandOver(_) => return Poll::Ready(Got::HandOver),
                Step::Closed => return Poll::Ready(Got::Closed),
                Step::Error(error) => {
                    trace::error(&error);
                    self.failure.get_or_insert(Failure::of_protocol(error));
                }
                Step::Expired(deadline) => trace::expired(&deadline),
                Step::Respond | Step::Continue | Step::Refuse(_) => {}
            }
        }
    }

    /// What has come already, without asking the transport.
    pub(super) fn next_received(&mut self, now: Instant) -> Option<Got> {
        loop {
            match self.drive.poll_while_busy(now) {
                Step::Event(event) => match told(event) {
                    Ok(Some(got)) => return Some(got),
                    Ok(None) => {}
                    Err(failure) => self.fail(now, failure),
                },
                Step::Error(error) => {
                    trace::error(&error);
                    self.failure.get_or_insert(Failure::of_protocol(error));
                }
                Step::HandOver(_) => return Some(Got::HandOver),
                Step::Expired(_) => {}
                _ => return None,
            }
        }
    }

    /// A piece of the request's content goes to the drive, or its end.
    fn send(&mut self, now: Instant, upload: &mut Upload, piece: Result<Piece, crate::BoxError>) {
        let sent = match piece {
            Ok(Piece::Data(data)) if data.len() >= PASSED => {
                self.stream.pass(&mut self.drive, now, vec![data]).map(drop)
            }
            Ok(Piece::Data(mut data)) => self.drive.send_content(now, &data).map(|taken| {
                if taken < data.len() {
                    upload.give_back(data.split_off(taken));
                }
            }),
            Ok(Piece::Trailers(trailers)) => self.drive.finish(now, HttpFields(&trailers)),
            Ok(Piece::End) => self.drive.finish(now, NO_FIELDS),
            Err(error) => return self.fail(now, Failure::of_upload(error)),
        };
        match sent {
            Ok(()) => {}
            // nobody wants it any more
            Err(SendError::Ended(_)) => upload.drop_it(),
            Err(error) => self.fail(now, Failure::of_upload(error)),
        }
    }

    fn fail(&mut self, now: Instant, failure: Failure) {
        self.failure.get_or_insert(failure);
        self.drive.abort(now);
    }

    fn shut(&mut self, shut: Shut, context: &mut Context<'_>) -> Poll<()> {
        event!(DEBUG, "shut", reason = shut.reason().as_str(), clause = shut.reason().clause());
        self.stream.shut(shut, context)
    }

    /// Octets will come or go: there are storages for them.
    pub(super) fn begin(&mut self) {
        self.drive.empty_storages().into_iter().flatten().for_each(spare::take);
    }

    fn give_storages(&mut self) {
        self.drive.empty_storages().into_iter().flatten().for_each(spare::give);
    }

    /// Nothing is under way: what holds octets goes to others.
    pub(super) fn rest(&mut self) {
        self.give_storages();
        self.stream.rest();
    }

    /// Looks at what is there before a request is sent, without waiting.
    pub(super) fn look_first(&mut self, now: Instant, context: &mut Context<'_>) {
        loop {
            match self.drive.poll_while_busy(now) {
                Step::Transport(asked) if asked.read != Attempt::No => {
                    if self.poll_read(now, context).is_pending() {
                        return;
                    }
                }
                Step::Event(_) | Step::Error(_) | Step::Expired(_) => {}
                _ => return,
            }
        }
    }

    /// The response is whole, and something of the request is still to be sent.
    pub(super) fn is_sending(&self) -> bool {
        self.drive.connection().octets_pending() > 0 || self.drive.takes_content()
    }

    pub(super) fn is_reusable(&self, now: Instant) -> bool {
        matches!(self.drive.reusable(now), Reusable::Now { .. })
    }

    pub(super) fn is_tunnel(&self) -> bool {
        matches!(self.drive.connection().persistence(), Persistence::Tunnel(_))
    }

    /// Closes the connection, whatever is under way, without waiting.
    pub(super) fn close(mut self, now: Instant) {
        let context = &mut Context::from_waker(Waker::noop());
        if self.drive.connection().is_idle() {
            self.drive.close_after_exchange(now);
        } else if !self.drive.connection().is_closed() {
            self.drive.abort(now);
        }
        for _ in 0..8 {
            match self.drive.poll_while_busy(now) {
                Step::Shut(shut) => {
                    let _ = self.shut(shut, context);
                    self.drive.shut_done(now);
                }
                Step::Transport(_) | Step::Closed | Step::HandOver(_) => break,
                _ => {}
            }
        }
        self.rest();
    }
}

/// What an event is for those who wait.
fn told(event: Event<'_>) -> Result<Option<Got>, Failure> {
    Ok(Some(match event {
        Event::Interim(head) => Got::Interim(response(&head)?),
        Event::Response(head) => {
            let octets = match head.framing.length {
                BodyLength::Empty => Some(0),
                BodyLength::Exact(octets) => Some(octets),
                BodyLength::Chunked | BodyLength::UntilClose => None,
            };
            Got::Response(response(&head)?, octets)
        }
        Event::Content(piece) => Got::Content(Bytes::copy_from_slice(piece)),
        Event::End { trailers } if trailers.as_bytes().is_empty() => Got::End(None),
        Event::End { trailers } => Got::End(Some(own_lines(&trailers).map_err(Failure::of_response)?)),
        _ => return Ok(None),
    }))
}

fn response(head: &ResponseHead<'_>) -> Result<Response<()>, Failure> {
    let mut response = Response::new(());
    *response.status_mut() = head.status.try_into().map_err(Failure::of_response)?;
    *response.version_mut() = head.version.into();
    *response.headers_mut() = own_lines(&head.fields).map_err(Failure::of_response)?;
    Ok(response)
}

/// Content of at least so many octets is written without being copied.
const PASSED: usize = 4 * 1024;
