//! A response's content on its way to hyper.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use http_keepalive::{Announce, BodyLength};
use pin_project_lite::pin_project;

use super::facts::Shared;

pin_project! {
    /// A response's content: what the service gave, which tells what goes.
    pub struct Outgoing<B> {
        #[pin]
        body: Option<B>,
        told: Option<Told>,
    }
}

/// Where content is told.
struct Told {
    shared: Shared,
    /// How much is to come, where that is known.
    remaining: Option<u64>,
}

impl<B> Outgoing<B> {
    pub(super) fn new(body: Option<B>, announce: &Announce, shared: &Shared) -> Self {
        let remaining = match announce.length {
            BodyLength::Empty => return Self { body, told: None },
            BodyLength::Exact(octets) => Some(octets),
            BodyLength::Chunked | BodyLength::UntilClose => None,
        };
        Self { body, told: Some(Told { shared: shared.clone(), remaining }) }
    }
}

impl Told {
    /// So much of the content goes; nothing is left to be told of it: `true`.
    fn goes(&mut self, octets: u64, ends: bool) -> bool {
        let mut facts = self.shared.lock();
        let now = facts.now();
        if let Some(remaining) = &mut self.remaining {
            // hyper leaves out what is more than was declared
            let octets = octets.min(*remaining);
            *remaining -= octets;
            let is_last = *remaining == 0;
            if is_last {
                facts.reads_on(now);
            }
            let _ = facts.life.content_sent(now, octets);
            return is_last;
        }
        let _ = facts.life.content_sent(now, octets);
        if ends {
            facts.reads_on(now);
            let _ = facts.life.end_sent(now);
        }
        ends
    }
}

impl<B: Body> Body for Outgoing<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(mut body) = this.body.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let polled = body.as_mut().poll_frame(context);
        if let (Some(told), Poll::Ready(frame)) = (&mut *this.told, &polled) {
            let over = match frame {
                Some(Ok(frame)) => {
                    let octets = frame.data_ref().map_or(0, |data| data.remaining() as u64);
                    // hyper asks for nothing more after the end, nor after trailers
                    told.goes(octets, frame.is_trailers() || body.is_end_stream())
                }
                None => told.goes(0, true),
                Some(Err(_)) => {
                    let mut facts = told.shared.lock();
                    let now = facts.now();
                    let _ = facts.life.application_gone(now);
                    true
                }
            };
            if over {
                *this.told = None;
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
