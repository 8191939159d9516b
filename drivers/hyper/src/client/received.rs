//! A response's content on its way to the caller.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::known::Shared;

pin_project! {
    /// A response's content, which tells what came. When it is at its end the connection is idle. One that is dropped before costs the
    /// connection.
    #[derive(Debug)]
    pub struct Received<B> {
        #[pin]
        body: B,
        told: Told,
    }
}

/// Where content is told, while some is to come.
#[derive(Debug)]
struct Told(Option<Shared>);

impl Drop for Told {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.lock().broke_off();
        }
    }
}

impl<B: Body> Received<B> {
    pub(super) fn new(body: B, shared: Option<Shared>) -> Self {
        let mut told = Told(shared);
        if body.is_end_stream() {
            told.end();
        }
        Self { body, told }
    }
}

impl Told {
    fn end(&mut self) {
        if let Some(shared) = self.0.take() {
            shared.lock().end();
        }
    }
}

impl<B: Body> Body for Received<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let polled = this.body.as_mut().poll_frame(context);
        if let (Some(shared), Poll::Ready(frame)) = (&this.told.0, &polled) {
            match frame {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        shared.lock().content(data.remaining() as u64);
                    }
                    if this.body.is_end_stream() {
                        this.told.end();
                    }
                }
                Some(Err(_)) => {
                    shared.lock().failed();
                    this.told.0 = None;
                }
                None => this.told.end(),
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
