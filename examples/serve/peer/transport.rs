//! What goes between the machine and the socket: reads, writes, looks and shuts, each as the machine asks for it.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use http_keepalive::{CloseReason, Eof, Instant, ReadWant, Shut};
use socket2::SockRef;

use super::{Lent, Peer, ROOM};

impl Peer {
    pub(super) fn flush(&mut self, now: Instant) {
        loop {
            let wants = self.machine.wants();
            let flows = wants.flush && self.writable && !self.output.is_empty();
            if !flows && !wants.flush_once {
                return;
            }
            // a write of nothing says that nothing left, which is the answer to a look
            match self.stream.write(self.output.octets()) {
                Ok(octets) => {
                    (self.writable, self.takes) = (true, true);
                    self.output.take(octets);
                    self.machine.handle_sent(now, octets as u64);
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => {
                        self.writable = false;
                        // of a socket that took nothing since, the system says when it takes more
                        self.retry_at = std::mem::take(&mut self.takes).then(|| now + RETRY);
                        self.machine.handle_sent(now, 0);
                    }
                    io::ErrorKind::Interrupted => {}
                    // what it still sends may be read
                    io::ErrorKind::BrokenPipe => {
                        self.machine.write_failed(now);
                        self.output.take(self.output.len());
                        self.content = None;
                        return;
                    }
                    _ => self.machine.transport_failed(now),
                },
            }
        }
    }

    pub(super) fn shut(&mut self, now: Instant) {
        // a half-close that fails shows in reading
        match self.machine.wants().shut {
            None => return,
            Some(Shut::HalfClose(reason)) => {
                if matches!(
                    reason,
                    CloseReason::IdleTimeout | CloseReason::FirstOctetTimeout | CloseReason::PlaceNeeded
                ) {
                    self.count_lost();
                }
                let _ = self.stream.shutdown(Shutdown::Write);
            }
            // it closes when it is dropped
            Some(Shut::Close(_)) => {}
            Some(Shut::Reset(_)) => drop(SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))),
        }
        self.machine.handle_shut(now);
    }

    /// What has come between the last look at an idle connection and our FIN is thrown away by us; what comes later has crossed
    /// the FIN, and is discarded as behind any other.
    fn count_lost(&mut self) {
        match self.stream.read(self.input.room(ROOM)) {
            // to be read again, where it is told
            Ok(0) => (self.readable, self.read_closed) = (true, true),
            Ok(octets) => {
                self.octets_discarded += octets as u64;
                self.octets_lost += octets as u64;
            }
            Err(_) => {}
        }
    }

    /// Reads once, if the machine wants something read. Whether the machine was told something.
    pub(super) fn read(&mut self, now: Instant) -> bool {
        let want = self.machine.wants().read;
        // what was read has been offered before
        let reads = matches!(want, ReadWant::Octets | ReadWant::Discard) && self.readable;
        if !reads {
            return false;
        }
        let found = self.read_now(now);
        if let (ReadWant::Discard, Found::Octets(octets)) = (want, found) {
            self.octets_discarded += octets as u64;
        }
        found != Found::Nothing
    }

    /// Looks at the socket, whatever it said before, and offers what is found also where too much waits to be sent: nothing else ends the
    /// look. What one read leaves in the socket is read in the next round. Whether the machine was told something.
    pub(super) fn look(&mut self, now: Instant, lent: &mut Lent<'_>) -> bool {
        match self.read_now(now) {
            Found::Nothing => {
                self.machine.nothing_to_read(now);
                // at once: what comes between the look and the FIN is lost
                self.shut(now);
                self.tells = true;
            }
            Found::Octets(_) => drop(self.offer(now, lent)),
            Found::Else => {}
        }
        true
    }

    /// Reads once.
    fn read_now(&mut self, now: Instant) -> Found {
        let room = self.input.room(ROOM);
        let most = room.len();
        match self.stream.read(room) {
            Ok(0) => {
                (self.eof, self.readable) = (true, false);
                // what it broke off, the machine remembers
                let _ = self.machine.receive_eof(now, Eof::Clean);
            }
            Ok(octets) => {
                self.input.put(octets);
                // a short read has emptied the socket; only an end could be behind it
                self.readable = octets == most || self.read_closed;
                return Found::Octets(octets);
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    return Found::Nothing;
                }
                io::ErrorKind::Interrupted => {}
                _ => self.machine.transport_failed(now),
            },
        }
        Found::Else
    }
}

/// What a read came to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    /// So many octets.
    Octets(usize),
    /// There is nothing for now.
    Nothing,
    /// An end or a failure, of which the machine was told; or a signal, and the read is to be tried again.
    Else,
}

/// After so long a write to a socket that was full is tried again. Of sockets of TCP Linux says that they take octets only once a third of
/// their room is free.
const RETRY: Duration = Duration::from_millis(250);
