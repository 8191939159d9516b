//! A transport, and what a drive of either role asks of it.
//!
//! Errors are told to the machine here, and returned for those who say more of them.

use std::io::{self, ErrorKind, IoSlice};
use std::iter;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes, BytesMut};
use http_keepalive::drive::{Drive, DriveRole, Side};
use http_keepalive::{Config, Connection, Eof, Instant, SendError, Shut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

use crate::{Reset, next_seed};

/// The machine of a connection with its loop, and buffers that grow.
pub(crate) type Machine<R> = Drive<R, Vec<u8>, Arc<Config<R>>>;

/// One that has just been opened.
pub(crate) fn machine<R: DriveRole>(now: Instant, config: Arc<Config<R>>) -> Machine<R> {
    Drive::of(Connection::new(now, config).with_seed(next_seed()), Vec::new(), Vec::new())
}

/// A transport, and what is on its way through it beside the drive's buffers.
#[derive(Debug)]
pub(crate) struct Stream<T> {
    pub(crate) io: T,
    pub(crate) reset: Reset<T>,
    /// Content that is written without being copied, in pieces, while the drive has it as passed.
    passed: Vec<Bytes>,
    /// Something was written, and may wait in the transport: in the records of TLS.
    unflushed: bool,
    /// Where content is read straight to, and how much of it at once.
    room: BytesMut,
    octets: u32,
}

/// How much content is read at once: at first, and at most.
const LEAST: u32 = 64 * 1024;
const MOST: u32 = 512 * 1024;
/// Pieces of content that are written at once, at most.
pub(crate) const PIECES: usize = 16;

/// What came of a try, which the machine knows: what failed, for those who say more of it.
pub(crate) type Tried = Result<(), io::Error>;

impl<T: AsyncRead + AsyncWrite + Unpin> Stream<T> {
    pub(crate) fn new(io: T, reset: Reset<T>) -> Self {
        Self { io, reset, passed: Vec::new(), unflushed: false, room: BytesMut::new(), octets: LEAST }
    }

    /// Sends content without copying it, [`PIECES`] at most, where there is room for its framing and none is passed already: as
    /// [`pass_content`](Drive::pass_content). Pieces at the end that are more than was said do not go: whether there are some.
    pub(crate) fn pass<R: DriveRole>(
        &mut self,
        machine: &mut Machine<R>,
        now: Instant,
        mut content: Vec<Bytes>,
    ) -> Result<bool, SendError> {
        let mut is_more = false;
        loop {
            match machine.pass_content(now, octets(&content)) {
                Err(SendError::Misuse(_)) if content.len() > 1 => {
                    content.pop();
                    is_more = true;
                }
                passed => break passed?,
            }
        }
        if machine.passed() > 0 {
            self.passed = content;
        }
        Ok(is_more)
    }

    /// Writes what the drive has. `Pending`: nothing could be written.
    #[inline]
    pub(crate) fn write<R: DriveRole>(
        &mut self,
        machine: &mut Machine<R>,
        now: Instant,
        context: &mut Context<'_>,
    ) -> Poll<Tried> {
        let io = Pin::new(&mut self.io);
        let polled = if machine.passed() == 0 {
            io.poll_write(context, machine.unsent())
        } else {
            let mut gone = octets(&self.passed).saturating_sub(machine.passed());
            let mut slices = [IoSlice::new(&[]); PIECES + 2];
            let pieces = self.passed.iter().map(|piece| {
                let of_it = gone.min(piece.len() as u64);
                gone -= of_it;
                piece.get(usize::try_from(of_it).unwrap_or(usize::MAX)..).unwrap_or_default()
            });
            let all = iter::once(machine.unsent()).chain(pieces).chain(iter::once(machine.unsent_after()));
            let mut count = 0;
            for (slice, piece) in slices.iter_mut().zip(all.filter(|piece| !piece.is_empty())) {
                *slice = IoSlice::new(piece);
                count += 1;
            }
            io.poll_write_vectored(context, slices.get(..count).unwrap_or_default())
        };
        let tried = match ready!(polled) {
            // a transport that takes nothing will take nothing more
            Ok(0) => {
                machine.failed(now, Side::Write);
                Ok(())
            }
            Ok(octets) => {
                self.unflushed = true;
                machine.wrote(now, octets);
                Ok(())
            }
            Err(error) => write_failed(machine, now, error),
        };
        if machine.passed() == 0 && !self.passed.is_empty() {
            self.passed = Vec::new();
        }
        Poll::Ready(tried)
    }

    /// Has the transport send what it holds back. `Pending`: not all of it has left.
    #[inline]
    pub(crate) fn flush<R: DriveRole>(
        &mut self,
        machine: &mut Machine<R>,
        now: Instant,
        context: &mut Context<'_>,
    ) -> Poll<Tried> {
        if !self.unflushed {
            return Poll::Ready(Ok(()));
        }
        let flushed = ready!(Pin::new(&mut self.io).poll_flush(context));
        self.unflushed = false;
        Poll::Ready(flushed.or_else(|error| write_failed(machine, now, error)))
    }

    /// Reads into the drive's buffer. `Pending`: there is nothing.
    #[inline]
    pub(crate) fn read<R: DriveRole>(
        &mut self,
        machine: &mut Machine<R>,
        now: Instant,
        context: &mut Context<'_>,
    ) -> Poll<Tried> {
        let mut room = ReadBuf::new(machine.room());
        match ready!(Pin::new(&mut self.io).poll_read(context, &mut room)) {
            Ok(()) => {
                let octets = room.filled().len();
                machine.read(octets);
                Poll::Ready(Ok(()))
            }
            Err(error) => Poll::Ready(read_failed(machine, now, error)),
        }
    }

    /// Reads content to where it stays, of which so many octets are to come without anything between. `None`: the peer has closed, or it failed.
    /// No memory is held while nothing comes.
    pub(crate) fn read_content<R: DriveRole>(
        &mut self,
        machine: &mut Machine<R>,
        now: Instant,
        octets: u64,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, io::Error>> {
        let most = usize::try_from(octets).unwrap_or(usize::MAX).min(self.octets as usize);
        if self.room.capacity() < most.min(LEAST as usize) {
            // memory that nobody holds any more is used again
            self.room.reserve(most);
        }
        let room = self.room.capacity();
        let most = most.min(room);
        let polled = poll_read_buf(Pin::new(&mut self.io), context, &mut (&mut self.room).limit(most));
        if polled.is_pending() {
            self.rest();
        }
        match ready!(polled) {
            Ok(0) => {
                machine.read(0);
                Poll::Ready(Ok(None))
            }
            Ok(read) => {
                if read == most {
                    self.octets = (self.octets * 2).min(MOST);
                } else if read < self.octets as usize / 4 {
                    self.octets = (self.octets / 2).max(LEAST);
                }
                let content = if read < room / 4 {
                    // who keeps a short piece does not keep the room that it came to
                    let copy = Bytes::copy_from_slice(&self.room);
                    self.room.clear();
                    copy
                } else {
                    self.room.split_to(read).freeze()
                };
                // it was asked how many there may be
                if machine.skip_content(now, read as u64).is_err() {
                    machine.abort(now);
                    return Poll::Ready(Ok(None));
                }
                Poll::Ready(Ok(Some(content)))
            }
            Err(error) => Poll::Ready(read_failed(machine, now, error).map(|()| None)),
        }
    }

    /// Nothing comes: no memory is held.
    pub(crate) fn rest(&mut self) {
        self.room = BytesMut::new();
    }

    /// Shuts as the machine says. `Pending`: not yet.
    pub(crate) fn shut(&mut self, shut: Shut, context: &mut Context<'_>) -> Poll<()> {
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

/// How many octets pieces of content have.
pub(crate) fn octets(pieces: &[Bytes]) -> u64 {
    pieces.iter().map(|piece| piece.len() as u64).sum()
}

/// Tells the machine, and keeps the error.
fn write_failed<R: DriveRole>(machine: &mut Machine<R>, now: Instant, error: io::Error) -> Tried {
    machine.write_result(now, Err(error.kind().into()));
    if error.kind() == ErrorKind::Interrupted { Ok(()) } else { Err(error) }
}

/// The same. TLS that ends without its alert says so by a kind of its own (RFC 9112 9.8).
fn read_failed<R: DriveRole>(machine: &mut Machine<R>, now: Instant, error: io::Error) -> Tried {
    match error.kind() {
        ErrorKind::UnexpectedEof => machine.eof(Eof::Truncated),
        kind => machine.read_result(now, Err(kind.into())),
    }
    if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::Interrupted) { Ok(()) } else { Err(error) }
}
