//! Connections that became another protocol's.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A transport, whatever it is.
pub trait Transport: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Transport for T {}

/// The connection is another protocol's, after a `101` or a successful CONNECT: an extension of the response. All clones of it have the same
/// connection; where none of them takes it, it is closed when the last is dropped. It has no place in the pool any more.
#[derive(Clone)]
pub struct Upgrade(Arc<Mutex<Option<Upgraded>>>);

impl Upgrade {
    pub(super) fn new(transport: Box<dyn Transport>, received: Bytes) -> Self {
        Self(Arc::new(Mutex::new(Some(Upgraded { transport, received }))))
    }

    /// Takes the connection. `None`: it was taken before.
    pub fn take(&self) -> Option<Upgraded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Upgrade")
    }
}

/// A connection of another protocol. What came after the response is read first.
pub struct Upgraded {
    transport: Box<dyn Transport>,
    received: Bytes,
}

impl Upgraded {
    /// The transport, and the octets of the other protocol that came with the response.
    pub fn into_parts(self) -> (Box<dyn Transport>, Bytes) {
        (self.transport, self.received)
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded").field("received", &self.received).finish_non_exhaustive()
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.received.is_empty() {
            return Pin::new(&mut self.transport).poll_read(context, room);
        }
        let octets = room.remaining().min(self.received.len());
        room.put_slice(&self.received[..octets]);
        self.received.advance(octets);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write(context, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.transport).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.transport).poll_shutdown(context)
    }
}
