//! What a driver tells: what its transports did, and that time passed.

use core::ops::Deref;
use core::time::Duration;

use super::exchange::Stage;
use super::{Neighbor, Relay, Unsent, UnsentContent};
use crate::config::{Client, Config, Server};
use crate::connection::event::Eof;
use crate::drive::{Side, Storage};
use crate::time::Instant;

impl<S: Storage, CS, CU> Relay<S, CS, CU>
where
    CS: Deref<Target = Config<Server>>,
    CU: Deref<Target = Config<Client>>,
{
    /// Where to read into from this side. Empty where there is no upstream.
    pub fn room(&mut self, from: Neighbor) -> &mut [u8] {
        let Self { client, upstream, exchange, .. } = self;
        match (from, upstream) {
            (Neighbor::Client, _) => match exchange.request.pieces.end() {
                Some(end) => {
                    client.keep(end);
                    client.room_after()
                }
                None => client.room(),
            },
            (Neighbor::Upstream, Some(drive)) => match &exchange.response.piece {
                Some(piece) => {
                    drive.keep(piece.end);
                    drive.room_after()
                }
                None => drive.room(),
            },
            (Neighbor::Upstream, None) => &mut [],
        }
    }

    /// `octets` were read into the [`room`](Self::room). 0: the peer has closed its side.
    pub fn read(&mut self, from: Neighbor, octets: usize) {
        match (from, &mut self.upstream) {
            (Neighbor::Client, _) => self.client.read(octets),
            (Neighbor::Upstream, Some(drive)) => {
                self.exchange.attempt.octets_came |= octets > 0;
                drive.read(octets);
            }
            (Neighbor::Upstream, None) => {}
        }
    }

    /// The peer has closed its side, after what was read.
    pub fn eof(&mut self, from: Neighbor, eof: Eof) {
        match (from, &mut self.upstream) {
            (Neighbor::Client, _) => self.client.eof(eof),
            (Neighbor::Upstream, Some(drive)) => drive.eof(eof),
            (Neighbor::Upstream, None) => {}
        }
    }

    /// What is to be written to this side: heads and framing, and between them content that lies in the input of the other.
    pub fn unsent(&self, to: Neighbor) -> Unsent<'_> {
        match (to, &self.upstream) {
            (Neighbor::Client, upstream) => {
                let passed = self.client.passed();
                let end = self.exchange.response.piece.as_ref().map(|piece| piece.end);
                let content = match (upstream, end, usize::try_from(passed)) {
                    (Some(drive), Some(end), Ok(octets)) => {
                        UnsentContent::Here(drive.input_octets(end.saturating_sub(octets)..end))
                    }
                    _ => UnsentContent::Yours(passed),
                };
                Unsent { before: self.client.unsent(), content, after: self.client.unsent_after() }
            }
            (Neighbor::Upstream, Some(drive)) => {
                let passed = drive.passed();
                let end = self.exchange.request.pieces.passing_end();
                let content = match usize::try_from(passed) {
                    Ok(octets) if end > 0 => {
                        UnsentContent::Here(self.client.input_octets(end.saturating_sub(octets)..end))
                    }
                    _ => UnsentContent::Yours(passed),
                };
                Unsent { before: drive.unsent(), content, after: drive.unsent_after() }
            }
            (Neighbor::Upstream, None) => Unsent { before: &[], content: UnsentContent::Here(&[]), after: &[] },
        }
    }

    /// `octets` have left to this side, of what is [unsent](Self::unsent), in its order; 0 where a look found that none can leave.
    pub fn wrote(&mut self, now: Instant, to: Neighbor, octets: usize) {
        match (to, &mut self.upstream) {
            (Neighbor::Client, upstream) => {
                self.client.wrote(now, octets);
                if !self.client.passes() && self.exchange.response.piece.take().is_some() {
                    if let Some(drive) = upstream {
                        drive.keep_nothing();
                    }
                }
            }
            (Neighbor::Upstream, Some(drive)) => {
                drive.wrote(now, octets);
                self.release_pieces();
            }
            (Neighbor::Upstream, None) => {}
        }
    }

    /// Octets of content from this side that may be moved by count alone, from one transport to the other, by `splice` or through memory of the
    /// driver's, since none of them has been received: read at most so many, say [`moved`](Self::moved), and write them where
    /// [`unsent`](Self::unsent) has [`UnsentContent::Yours`]. A request whose content went so is not sent again.
    pub fn contiguous(&self, from: Neighbor) -> u64 {
        let Some(drive) = self.upstream.as_ref().filter(|_| self.exchange.taken.is_none()) else { return 0 };
        match (from, self.exchange.stage) {
            (Neighbor::Client, stage) if stage.forwards() => {
                let takes = drive.takes_content() && !drive.passes() && self.exchange.request.pieces.is_all_handed();
                if takes && !self.client.is_held() { self.client.contiguous_content() } else { 0 }
            }
            (Neighbor::Upstream, Stage::Responding) if !self.client.passes() && self.client.takes_content() => {
                drive.contiguous_content()
            }
            _ => 0,
        }
    }

    /// `octets` of content, as [`contiguous`](Self::contiguous) allowed, were read from this side past the relay, and are the driver's to write to
    /// the other. `false`: not so many were allowed. Nothing has moved, or where they were read already the connection is to be closed.
    pub fn moved(&mut self, now: Instant, from: Neighbor, octets: u64) -> bool {
        if octets > self.contiguous(from) {
            return false;
        }
        let Self { client, upstream, exchange, .. } = self;
        let Some(drive) = upstream else { return false };
        match from {
            Neighbor::Client => {
                exchange.request.pieces.forget();
                client.skip_content(now, octets).is_ok() && drive.pass_content(now, octets).is_ok()
            }
            Neighbor::Upstream => {
                exchange.attempt.octets_came = true;
                drive.skip_content(now, octets).is_ok() && client.pass_content(now, octets).is_ok()
            }
        }
    }

    /// The look that was asked for found nothing to read.
    pub fn looked_nothing(&mut self, now: Instant, from: Neighbor) {
        match (from, &mut self.upstream) {
            (Neighbor::Client, _) => self.client.looked_nothing(now),
            (Neighbor::Upstream, Some(drive)) => drive.looked_nothing(now),
            (Neighbor::Upstream, None) => {}
        }
    }

    /// The transport of this side failed, with anything but "try again": reading or as a whole, or writing alone.
    pub fn failed(&mut self, now: Instant, at: Neighbor, side: Side) {
        match (at, &mut self.upstream) {
            (Neighbor::Client, upstream) => {
                self.client.failed(now, side);
                // nothing more of it is written
                if self.exchange.response.piece.take().is_some() {
                    if let Some(drive) = upstream {
                        drive.keep_nothing();
                    }
                }
            }
            (Neighbor::Upstream, Some(drive)) => {
                drive.failed(now, side);
                self.release_pieces();
            }
            (Neighbor::Upstream, None) => {}
        }
    }

    /// The time that [`wait`](Self::wait) said has passed, and nothing has come or left on either side. Where a look was asked for, it found
    /// nothing.
    pub fn timeout(&mut self, now: Instant) {
        self.client.timeout(now);
        if let Some(drive) = &mut self.upstream {
            drive.timeout(now);
        }
    }

    /// Lets expire what is due by now on both sides, whatever waits. A look that was asked for is still to be made.
    pub fn expire(&mut self, now: Instant) {
        self.client.expire(now);
        if let Some(drive) = &mut self.upstream {
            drive.expire(now);
        }
    }

    /// The shut that [`RelayStep::Shut`](super::RelayStep::Shut) asked for is done.
    pub fn shut_done(&mut self, now: Instant) {
        self.client.shut_done(now);
    }

    /// For how long to wait for the transports at most; `None`: no deadline is armed on either side.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let upstream = self.upstream.as_ref().and_then(|drive| drive.wait(now));
        match (self.client.wait(now), upstream) {
            (Some(client), Some(upstream)) => Some(client.min(upstream)),
            (client, upstream) => client.or(upstream),
        }
    }

    /// Does on a stream of this side what `transport` asks for, one thing, and says what came of it, as
    /// [`Drive::transfer`](crate::drive::Drive::transfer): what is unsent in one call, else a read. Content that was [moved](Self::moved) is the
    /// driver's to write.
    #[cfg(feature = "std")]
    pub fn transfer<T: std::io::Read + std::io::Write>(
        &mut self,
        now: impl FnOnce() -> Instant,
        with: Neighbor,
        transport: crate::drive::Transport,
        stream: &mut T,
    ) {
        use std::io::{ErrorKind, IoSlice};
        let writes = transport.write != crate::drive::Attempt::No;
        let done = if writes {
            stream.write_vectored(&self.unsent(with).slices().map(IoSlice::new))
        } else {
            stream.read(self.room(with))
        };
        let now = now();
        match done {
            Ok(octets) if writes => self.wrote(now, with, octets),
            Ok(octets) => self.read(with, octets),
            Err(error) if crate::drive::is_wait_over(&error) => self.waited(now, with),
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::BrokenPipe if writes => self.failed(now, with, Side::Write),
                _ => self.failed(now, with, Side::Read),
            },
        }
    }

    /// One side could do nothing, now or for its [`wait`](Self::wait): its deadlines are looked at, and a look found nothing.
    pub fn waited(&mut self, now: Instant, with: Neighbor) {
        match (with, &mut self.upstream) {
            (Neighbor::Client, _) => self.client.timeout(now),
            (Neighbor::Upstream, Some(drive)) => drive.timeout(now),
            (Neighbor::Upstream, None) => {}
        }
    }
}
