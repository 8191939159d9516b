//! What a drive asks of the transport, done.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_keepalive::Instant;
use http_keepalive::drive::{Attempt, Transport};
use tokio::io::{AsyncRead, AsyncWrite};

use super::error::Failure;
use super::wire::Wire;
use crate::stream::Tried;

impl<T: AsyncRead + AsyncWrite + Unpin> Wire<T> {
    /// Does one thing of what is asked for, and says what came of it. `Some`: content was read straight to where it stays.
    pub(super) fn transfer(
        &mut self,
        now: &mut Instant,
        asked: Transport,
        context: &mut Context<'_>,
    ) -> Poll<Option<Bytes>> {
        let Self { drive, stream, .. } = self;
        if asked.write != Attempt::No {
            if let Poll::Ready(tried) = stream.write(drive, *now, context) {
                self.tried(tried);
                return Poll::Ready(None);
            }
        } else if let Poll::Ready(Err(error)) = stream.flush(drive, *now, context) {
            self.tried(Err(error));
            return Poll::Ready(None);
        }
        if asked.read != Attempt::No {
            let octets = self.drive.contiguous_content();
            if octets >= STRAIGHT && asked.read == Attempt::Wait {
                let polled = self.stream.read_content(&mut self.drive, *now, octets, context);
                if let Poll::Ready(content) = polled {
                    let (content, tried) = match content {
                        Ok(content) => (content, Ok(())),
                        Err(error) => (None, Err(error)),
                    };
                    self.tried(tried);
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
        let tried = ready!(self.stream.read(&mut self.drive, now, context));
        self.tried(tried);
        Poll::Ready(())
    }

    /// Something came of a try: a look that was under way is over, and what failed is kept.
    fn tried(&mut self, tried: Tried) {
        self.look_until = None;
        if let Err(error) = tried {
            self.failure.get_or_insert(Failure::of_transport(error));
        }
    }
}

/// Content of which at least so many octets are to come is read to where it stays.
const STRAIGHT: u64 = 4 * 1024;
