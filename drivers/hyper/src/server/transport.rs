//! The transport as hyper sees it: what it reads and writes is told.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::facts::Shared;

/// A transport that tells what hyper reads from it and writes to it. After an upgrade it is inside hyper's
/// [`Upgraded`](hyper::upgrade::Upgraded): `downcast::<TokioIo<Transport<T>>>()` gives it back, and [`into_inner`](Self::into_inner) what was
/// given to [`serve_connection`](super::serve_connection).
#[derive(Debug)]
pub struct Transport<T> {
    inner: T,
    shared: Shared,
    /// The connection is another protocol's: nothing more is told.
    handed_over: bool,
}

impl<T> Transport<T> {
    pub(super) const fn new(inner: T, shared: Shared) -> Self {
        Self { inner, shared, handed_over: false }
    }

    /// The transport itself.
    pub fn into_inner(self) -> T {
        self.inner
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Transport<T> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        let polled = Pin::new(&mut this.inner).poll_read(context, into);
        if this.handed_over {
            return polled;
        }
        let read = polled.map_ok(|()| into.filled().get(before..).unwrap_or_default());
        let (handed_over, polled) = this.shared.lock().read(read);
        this.handed_over = handed_over;
        polled
    }
}

impl<T: AsyncWrite + Unpin> Transport<T> {
    /// Tells what is to be written and what was.
    fn write(
        &mut self,
        offered: usize,
        write: impl FnOnce(Pin<&mut T>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if self.handed_over {
            return write(Pin::new(&mut self.inner));
        }
        let polled = write(Pin::new(&mut self.inner));
        self.handed_over = self.shared.lock().wrote(offered, &polled);
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Transport<T> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().write(octets.len(), |inner| inner.poll_write(context, octets))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let offered = pieces.iter().map(|piece| piece.len()).sum();
        self.get_mut().write(offered, |inner| inner.poll_write_vectored(context, pieces))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(context)
    }

    /// While HTTP is spoken the machine says how it is shut, and not hyper.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.handed_over {
            this.handed_over = this.shared.lock().is_handed_over();
        }
        if this.handed_over { Pin::new(&mut this.inner).poll_shutdown(context) } else { Poll::Ready(Ok(())) }
    }
}
