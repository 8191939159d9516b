//! The transport of a connection: what the drive asks for is tried on it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes, BytesMut};
use http_keepalive::drive::{Drive, Side};
use http_keepalive::{Config, Eof, Instant, Server, Shut};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

use crate::Reset;

/// The machine with its loop, and buffers that grow.
pub(super) type Machine = Drive<Server, Vec<u8>, Arc<Config<Server>>>;

/// A transport, and what is on its way through it beside the drive's buffers.
#[derive(Debug)]
pub(super) struct Wire<T> {
    pub(super) io: T,
    pub(super) reset: Reset<T>,
    /// Content that is written without being copied.
    passed: Bytes,
    /// Something was written, and may wait in the transport: in the records of TLS.
    unflushed: bool,
    /// How much content is read at once.
    piece: usize,
}

const LEAST_PIECE: usize = 16 * 1024;
const MOST_PIECE: usize = 256 * 1024;

impl<T: AsyncRead + AsyncWrite + Unpin> Wire<T> {
    pub(super) const fn new(io: T, reset: Reset<T>) -> Self {
        Self { io, reset, passed: Bytes::new(), unflushed: false, piece: LEAST_PIECE }
    }

    /// Content that goes between what the drive has to send.
    pub(super) fn pass(&mut self, content: Bytes) {
        self.passed = content;
    }

    /// Writes what the drive has. `Pending`: nothing could be written.
    #[inline]
    pub(super) fn write(&mut self, machine: &mut Machine, now: Instant, context: &mut Context<'_>) -> Poll<()> {
        let polled = if machine.passed() == 0 {
            Pin::new(&mut self.io).poll_write(context, machine.unsent())
        } else {
            self.poll_write_passed(machine, context)
        };
        match polled {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(0)) => machine.failed(now, Side::Write),
            Poll::Ready(Ok(octets)) => {
                self.unflushed = true;
                machine.wrote(now, octets);
                if machine.passed() == 0 && !self.passed.is_empty() {
                    self.passed = Bytes::new();
                }
            }
            Poll::Ready(Err(error)) => machine.write_result(now, Err(error)),
        }
        Poll::Ready(())
    }

    fn poll_write_passed(&mut self, machine: &Machine, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let left = usize::try_from(machine.passed()).unwrap_or(usize::MAX);
        let content = self.passed.get(self.passed.len().saturating_sub(left)..).unwrap_or_default();
        let pieces = [machine.unsent(), content, machine.unsent_after()];
        if Pin::new(&mut self.io).is_write_vectored() {
            return Pin::new(&mut self.io).poll_write_vectored(context, &pieces.map(IoSlice::new));
        }
        let first = pieces.into_iter().find(|piece| !piece.is_empty()).unwrap_or_default();
        Pin::new(&mut self.io).poll_write(context, first)
    }

    /// Has the transport send what it holds back. `Pending`: not all of it has left.
    #[inline]
    pub(super) fn flush(&mut self, machine: &mut Machine, now: Instant, context: &mut Context<'_>) -> Poll<()> {
        if self.unflushed {
            match Pin::new(&mut self.io).poll_flush(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(error)) => {
                    self.unflushed = false;
                    machine.write_result(now, Err(error));
                }
            }
        }
        Poll::Ready(())
    }

    /// Reads into the drive's buffer. `Pending`: there is nothing.
    #[inline]
    pub(super) fn read(&mut self, machine: &mut Machine, now: Instant, context: &mut Context<'_>) -> Poll<()> {
        let mut room = ReadBuf::new(machine.room());
        match Pin::new(&mut self.io).poll_read(context, &mut room) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) => {
                let octets = room.filled().len();
                machine.read(octets);
                Poll::Ready(())
            }
            Poll::Ready(Err(error)) => {
                read_failed(machine, now, error);
                Poll::Ready(())
            }
        }
    }

    /// Reads content that is not framed to where it stays: at most `octets` of it. `None`: it failed, or the peer has closed.
    pub(super) fn read_content(
        &mut self,
        machine: &mut Machine,
        now: Instant,
        octets: u64,
        context: &mut Context<'_>,
    ) -> Poll<Option<Bytes>> {
        let most = usize::try_from(octets).unwrap_or(usize::MAX).min(self.piece);
        let mut piece = BytesMut::with_capacity(most);
        let polled = poll_read_buf(Pin::new(&mut self.io), context, &mut (&mut piece).limit(most));
        match polled {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(0)) => {
                machine.read(0);
                Poll::Ready(None)
            }
            Poll::Ready(Ok(read)) => {
                self.piece = if read == self.piece { (self.piece * 2).min(MOST_PIECE) } else { self.piece };
                if machine.skip_content(now, read as u64).is_err() {
                    machine.abort(now);
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(piece.freeze()))
            }
            Poll::Ready(Err(error)) => {
                read_failed(machine, now, error);
                Poll::Ready(None)
            }
        }
    }

    /// A message's content is over: the next one's may be small.
    pub(super) const fn content_ended(&mut self) {
        self.piece = LEAST_PIECE;
    }

    /// Shuts as the machine says. `Pending`: not yet.
    pub(super) fn shut(&mut self, shut: Shut, context: &mut Context<'_>) -> Poll<()> {
        match shut {
            // if it fails, it is done: reading shows the failure
            Shut::HalfClose(_) => Pin::new(&mut self.io).poll_shutdown(context).map(drop),
            Shut::Close(_) => {
                // TLS says that it ends, if there is room for it
                let _ = Pin::new(&mut self.io).poll_shutdown(context);
                Poll::Ready(())
            }
            Shut::Reset(_) => {
                (self.reset)(&mut self.io);
                Poll::Ready(())
            }
        }
    }
}

/// TLS that ends without its alert says so by a kind of its own (RFC 9112 9.8).
fn read_failed(machine: &mut Machine, now: Instant, error: io::Error) {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => machine.eof(Eof::Truncated),
        _ => machine.read_result(now, Err(error)),
    }
}
