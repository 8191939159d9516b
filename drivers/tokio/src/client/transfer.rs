//! What a drive asks of the transport, done.

use std::io;
use std::io::ErrorKind;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes};
use http_keepalive::drive::{Attempt, Side, Transport};
use http_keepalive::{Eof, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;

use super::error::Failure;
use super::wire::{LEAST_ROOM, Wire};

impl<T: AsyncRead + AsyncWrite + Unpin> Wire<T> {
    /// Does one thing of what is asked for, and says what came of it. `Some`: content was read straight to where it stays.
    pub(super) fn transfer(
        &mut self,
        now: &mut Instant,
        asked: Transport,
        context: &mut Context<'_>,
    ) -> Poll<Option<Bytes>> {
        if asked.write != Attempt::No {
            if let Poll::Ready(wrote) = self.poll_write(context) {
                self.wrote(*now, wrote);
                return Poll::Ready(None);
            }
        } else if self.is_unflushed {
            if let Poll::Ready(flushed) = Pin::new(&mut self.io).poll_flush(context) {
                self.is_unflushed = false;
                if let Err(error) = flushed {
                    self.wrote(*now, Err(error));
                    return Poll::Ready(None);
                }
            }
        }
        if asked.read != Attempt::No {
            let octets = self.drive.contiguous_content();
            if octets >= STRAIGHT && asked.read == Attempt::Wait {
                if let Poll::Ready(content) = self.poll_content(*now, octets, context) {
                    return Poll::Ready(content);
                }
            } else if self.poll_read(*now, context).is_ready() {
                return Poll::Ready(None);
            }
        }
        self.poll_time(now, asked, context).map(|()| None)
    }

    /// Nothing can be done: waits for as long as the drive says.
    fn poll_time(&mut self, now: &mut Instant, asked: Transport, context: &mut Context<'_>) -> Poll<()> {
        let Some(wait) = self.drive.wait(*now) else { return Poll::Pending };
        let until = *now + wait;
        let until = if asked.read == Attempt::Look || asked.write == Attempt::Look {
            // a look that goes on is not begun again
            *self.look_until.get_or_insert(until)
        } else {
            until
        };
        ready!(self.timer.poll_until(&self.clock, *now, until, context));
        *now = self.clock.now();
        self.look_until = None;
        self.drive.timeout(*now);
        Poll::Ready(())
    }

    /// Reads into the room of the drive.
    pub(super) fn poll_read(&mut self, now: Instant, context: &mut Context<'_>) -> Poll<()> {
        let mut room = ReadBuf::new(self.drive.room());
        let read = ready!(Pin::new(&mut self.io).poll_read(context, &mut room));
        let octets = room.filled().len();
        self.look_until = None;
        match read {
            Ok(()) => self.drive.read(octets),
            Err(error) => self.read_failed(now, error),
        }
        Poll::Ready(())
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let (io, unsent) = (Pin::new(&mut self.io), self.drive.unsent());
        let passed = self.drive.passed();
        if passed == 0 {
            return io.poll_write(context, unsent);
        }
        let from = self.passed.len() - usize::try_from(passed).unwrap_or(usize::MAX).min(self.passed.len());
        let slices = [unsent, &self.passed[from..], self.drive.unsent_after()].map(io::IoSlice::new);
        let slices = if unsent.is_empty() { &slices[1..] } else { &slices[..] };
        io.poll_write_vectored(context, slices)
    }

    fn wrote(&mut self, now: Instant, wrote: io::Result<usize>) {
        match wrote {
            // a transport that takes nothing will take nothing more
            Ok(0) => self.drive.failed(now, Side::Write),
            Ok(octets) => {
                self.is_unflushed = true;
                self.look_until = None;
                self.drive.wrote(now, octets);
                if self.drive.passed() == 0 && !self.passed.is_empty() {
                    self.passed = Bytes::new();
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                // what the peer has sent may be read still
                let side = if error.kind() == ErrorKind::BrokenPipe { Side::Write } else { Side::Read };
                self.failure.get_or_insert(Failure::of_transport(error));
                self.passed = Bytes::new();
                self.drive.failed(now, side);
            }
        }
    }

    fn read_failed(&mut self, now: Instant, error: io::Error) {
        match error.kind() {
            ErrorKind::Interrupted => {}
            // the end, which TLS did not say
            ErrorKind::UnexpectedEof => self.drive.eof(Eof::Truncated),
            _ => {
                self.failure.get_or_insert(Failure::of_transport(error));
                self.drive.failed(now, Side::Read);
            }
        }
    }

    /// Reads content to where it stays, of which so many octets are to come without anything between.
    fn poll_content(&mut self, now: Instant, octets: u64, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let most = usize::try_from(octets).unwrap_or(usize::MAX).min(self.room_octets);
        if self.room.capacity() < most.min(LEAST_ROOM) {
            // memory that nobody holds any more is used again
            self.room.reserve(most);
        }
        let most = most.min(self.room.capacity());
        let read = ready!(poll_read_buf(Pin::new(&mut self.io), context, &mut (&mut self.room).limit(most)));
        self.look_until = None;
        let octets = match read {
            Ok(0) => {
                self.drive.read(0);
                return Poll::Ready(None);
            }
            Ok(octets) => octets,
            Err(error) => {
                self.read_failed(now, error);
                return Poll::Ready(None);
            }
        };
        if octets == most {
            self.room_octets = (self.room_octets * 2).min(MOST_ROOM);
        } else if octets < self.room_octets / 4 {
            self.room_octets = (self.room_octets / 2).max(LEAST_ROOM);
        }
        let content = self.room.split_to(octets).freeze();
        // it was asked how many there may be
        if self.drive.skip_content(now, octets as u64).is_err() {
            self.drive.abort(now);
            return Poll::Ready(None);
        }
        Poll::Ready(Some(content))
    }
}

/// Content of which at least so many octets are to come is read to where it stays.
const STRAIGHT: u64 = 4 * 1024;
/// How much content is read at once, at most.
const MOST_ROOM: usize = 256 * 1024;
