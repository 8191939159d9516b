//! A request's content on its way to the application.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::facts::Shared;
use crate::BoxError;

/// A request's content: hyper's [`Incoming`], which tells what the application takes of it. It may be read in any task.
#[derive(Debug)]
pub struct Content {
    /// `None`: dropped.
    body: Option<Incoming>,
    /// Where it is told, and of which exchange. `None`: there is no content.
    told: Option<(Shared, u32)>,
}

impl Content {
    pub(super) const fn new(body: Incoming, told: Option<(Shared, u32)>) -> Self {
        Self { body: Some(body), told }
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(context);
        if let Some((shared, exchange)) = &this.told {
            match &polled {
                Poll::Pending => shared.lock().content_awaited(*exchange),
                Poll::Ready(None) => shared.lock().content_ended(*exchange),
                Poll::Ready(Some(Err(_))) => {}
                Poll::Ready(Some(Ok(frame))) => {
                    let octets = frame.data_ref().map_or(0, |data| data.len() as u64);
                    let told = shared.lock().content_taken(*exchange, octets);
                    if let Err(error) = told {
                        return Poll::Ready(Some(Err(error.into())));
                    }
                }
            }
        }
        polled.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        if let (Some((shared, exchange)), Some(body)) = (self.told.take(), self.body.take()) {
            shared.lock().content_dropped(exchange, body);
        }
    }
}
