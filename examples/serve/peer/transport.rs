//! What goes between the drive and the socket: reads, writes, looks and shuts, each as the drive asks for it.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use http_keepalive::drive::{Attempt, Transport};
use http_keepalive::{CloseReason, Instant, Shut};
use socket2::SockRef;

use super::Peer;

impl Peer {
    /// Writes and reads, as far as the socket can. Whether the drive was told something.
    pub(super) fn transport(&mut self, now: Instant, transport: Transport) -> bool {
        let wrote = match transport.write {
            Attempt::Look => {
                if !self.write(now) {
                    // that nothing left is the answer to a look
                    self.drive.wrote(now, 0);
                }
                true
            }
            Attempt::Wait => self.writable && self.write(now),
            Attempt::No => false,
        };
        let read = match transport.read {
            Attempt::Look => self.look(now),
            // what was answered goes first
            Attempt::Wait => !wrote && self.readable && self.read(now),
            Attempt::No => false,
        };
        wrote || read
    }

    /// Writes what there is to write. Whether the drive was told something.
    pub(super) fn write(&mut self, now: Instant) -> bool {
        let unsent = self.drive.unsent();
        if unsent.is_empty() {
            return false;
        }
        match self.stream.write(unsent) {
            Ok(octets) => {
                (self.writable, self.takes) = (true, true);
                self.drive.wrote(now, octets);
                true
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.writable = false;
                // of a socket that took nothing since, the system says when it takes more
                self.retry_at = std::mem::take(&mut self.takes).then(|| now + RETRY);
                false
            }
            Err(error) => {
                self.drive.write_result(now, Err(error));
                true
            }
        }
    }

    /// Reads once. Whether the drive was told something.
    fn read(&mut self, now: Instant) -> bool {
        let room = self.drive.room();
        let most = room.len();
        match self.stream.read(room) {
            Ok(octets) => {
                // a short read has emptied the socket; only an end could be after it
                self.readable = octets == most || (octets > 0 && self.read_closed);
                self.drive.read(octets);
                true
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                false
            }
            Err(error) => {
                self.drive.read_result(now, Err(error));
                true
            }
        }
    }

    /// Looks at the socket, whatever it said before. What one read leaves in the socket is read in the next round.
    fn look(&mut self, now: Instant) -> bool {
        if !self.read(now) {
            self.drive.looked_nothing(now);
        }
        true
    }

    pub(super) fn shut(&mut self, now: Instant, shut: Shut, piece: &mut [u8]) {
        self.content = None;
        // a half-close that fails shows in reading
        match shut {
            Shut::HalfClose(reason) => {
                if matches!(
                    reason,
                    CloseReason::IdleTimeout | CloseReason::FirstOctetTimeout | CloseReason::PlaceNeeded
                ) {
                    self.count_lost(piece);
                }
                let _ = self.stream.shutdown(Shutdown::Write);
            }
            // it closes when it is dropped
            Shut::Close(_) => {}
            Shut::Reset(_) => drop(SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))),
        }
        self.drive.shut_done(now);
    }

    /// What has come between the last look at an idle connection and our FIN is thrown away by us; what comes later has crossed
    /// the FIN, and is discarded as after any other.
    fn count_lost(&mut self, piece: &mut [u8]) {
        match self.stream.read(piece) {
            // to be read again, where it is told
            Ok(0) => (self.readable, self.read_closed) = (true, true),
            Ok(octets) => self.octets_lost += octets as u64,
            Err(_) => {}
        }
    }
}

/// After so long a write to a socket that was full is tried again. Of sockets of TCP Linux says that they take octets only once a third of
/// their room is free.
const RETRY: Duration = Duration::from_millis(250);
