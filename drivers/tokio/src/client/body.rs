//! The content of a response.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use super::error::Error;
use super::exchange::Rest;

/// The content of a response, with its trailers. Whoever polls it drives the connection, and the rest of the request.
///
/// If it is dropped before its end, the connection is kept where the rest is here already and short, and closed otherwise; its place in the
/// pool is free at once either way. What is still to be sent of the request is sent by a task once the response is whole.
#[derive(Default)]
pub struct Body(Content);

#[derive(Default)]
enum Content {
    #[default]
    None,
    Whole(Option<Bytes>, Option<Box<HeaderMap>>),
    Coming(Box<dyn Rest>),
}

impl Body {
    pub(super) fn whole(content: Option<Bytes>, trailers: Option<HeaderMap>) -> Self {
        Self(match (content, trailers) {
            (None, None) => Content::None,
            (content, trailers) => Content::Whole(content, trailers.map(Box::new)),
        })
    }

    pub(super) fn coming(rest: Box<dyn Rest>) -> Self {
        Self(Content::Coming(rest))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut self.0 {
            Content::None => Poll::Ready(None),
            Content::Whole(content, trailers) => {
                let frame = match content.take() {
                    Some(content) => Some(Frame::data(content)),
                    None => trailers.take().map(|trailers| Frame::trailers(*trailers)),
                };
                Poll::Ready(frame.map(Ok))
            }
            Content::Coming(rest) => {
                let frame = rest.poll_frame(context);
                if let Poll::Ready(None | Some(Err(_))) = frame {
                    self.0 = Content::None;
                }
                frame
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Content::None | Content::Whole(None, None) => true,
            Content::Whole(..) => false,
            Content::Coming(rest) => rest.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::None => SizeHint::with_exact(0),
            Content::Whole(content, _) => {
                SizeHint::with_exact(content.as_ref().map_or(0, |content| content.len() as u64))
            }
            Content::Coming(rest) => rest.left().map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_whole = !matches!(self.0, Content::Coming(_));
        f.debug_struct("Body").field("is_whole", &is_whole).finish_non_exhaustive()
    }
}
