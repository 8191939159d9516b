//! The content of a request, and what is kept of it so that it can be sent again.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::HeaderMap;
use http_body::{Body, Frame};

use crate::BoxError;

/// The content of a request.
pub(super) struct Upload {
    /// `None`: there is none, or it has ended.
    body: Option<Pin<Box<dyn Pieces>>>,
    /// How many octets it has in all, if that is known.
    octets: Option<u64>,
    /// What came from it, from its start.
    kept: Vec<Bytes>,
    trailers: Option<Box<HeaderMap>>,
    /// Pieces of `kept` that were given.
    given: usize,
    /// Octets that may still be kept.
    room: u64,
    /// More came than may be kept.
    is_lost: bool,
    /// What was given, and is to be given again.
    back: Option<Bytes>,
}

/// A part of the content.
pub(super) enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
}

impl Upload {
    /// No content.
    pub(super) const fn none() -> Self {
        Self {
            body: None,
            octets: Some(0),
            kept: Vec::new(),
            trailers: None,
            given: 0,
            room: 0,
            is_lost: false,
            back: None,
        }
    }

    /// That of `body`, of which so many octets may be kept.
    pub(super) fn new<B>(body: B, limit: u64) -> Self
    where
        B: Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        if body.is_end_stream() {
            return Self::none();
        }
        let octets = body.size_hint().exact();
        Self { body: Some(Box::pin(body)), octets, room: limit, ..Self::none() }
    }

    pub(super) const fn octets(&self) -> Option<u64> {
        self.octets
    }

    /// It can be sent from its start: nothing of it was asked for, or all that came is kept.
    pub(super) const fn is_replayable(&self) -> bool {
        !self.is_lost
    }

    /// It is sent from its start.
    pub(super) fn rewind(&mut self) {
        (self.given, self.back) = (0, None);
    }

    /// Nothing of it is sent again.
    pub(super) fn keep_nothing(&mut self) {
        self.is_lost |= !self.kept.is_empty() || self.trailers.is_some();
        self.room = 0;
        if self.given >= self.kept.len() {
            self.kept = Vec::new();
            self.given = 0;
        }
    }

    /// This was given, and is to be given next.
    pub(super) fn give_back(&mut self, rest: Bytes) {
        self.back = Some(rest);
    }

    /// Nothing more of it is wanted.
    pub(super) fn drop_it(&mut self) {
        *self = Self { is_lost: true, ..Self::none() };
    }

    pub(super) fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Piece, BoxError>> {
        if let Some(piece) = self.back.take() {
            return Poll::Ready(Ok(Piece::Data(piece)));
        }
        if let Some(piece) = self.kept.get(self.given) {
            self.given += 1;
            return Poll::Ready(Ok(Piece::Data(piece.clone())));
        }
        loop {
            let Some(body) = &mut self.body else {
                return Poll::Ready(Ok(match &self.trailers {
                    Some(trailers) => Piece::Trailers((**trailers).clone()),
                    None => Piece::End,
                }));
            };
            let frame = match body.as_mut().poll_piece(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => {
                    self.body = None;
                    continue;
                }
                Poll::Ready(Some(Err(error))) => {
                    self.drop_it();
                    return Poll::Ready(Err(error));
                }
                Poll::Ready(Some(Ok(frame))) => frame,
            };
            match frame.into_data() {
                Ok(data) if data.is_empty() => {}
                Ok(data) => {
                    self.keep(&data);
                    return Poll::Ready(Ok(Piece::Data(data)));
                }
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        self.body = None;
                        self.trailers = Some(Box::new(trailers));
                    }
                }
            }
        }
    }

    fn keep(&mut self, data: &Bytes) {
        match self.room.checked_sub(data.len() as u64) {
            Some(room) if !self.is_lost => {
                self.room = room;
                self.kept.push(data.clone());
                self.given = self.kept.len();
            }
            _ => {
                self.is_lost = true;
                (self.room, self.kept, self.given) = (0, Vec::new(), 0);
            }
        }
    }
}

/// A body, whatever it is.
trait Pieces: Send {
    fn poll_piece(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>>;
}

impl<B> Pieces for B
where
    B: Body + Send,
    B::Error: Into<BoxError>,
{
    fn poll_piece(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        // octets that are `Bytes` are shared, and not copied
        let shared = |frame: Frame<B::Data>| frame.map_data(|mut data| data.copy_to_bytes(data.remaining()));
        self.poll_frame(context).map_ok(shared).map_err(Into::into)
    }
}
