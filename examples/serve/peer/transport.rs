//! What goes between the drive and the socket: reads, writes, looks and shuts, each as the drive asks for it.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::net::Shutdown;
use std::time::Duration;

use http_keepalive::drive::{Attempt, Transport};
use http_keepalive::{CloseReason, Instant, Shut};
use mio::net::TcpStream;
use rustix::net::SendFlags;
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
        let (unsent, passed) = (self.drive.unsent(), self.drive.passed());
        let wrote = match &mut self.passing {
            // one packet may hold a head and the begin of its content
            Some(_) if !unsent.is_empty() && passed > 0 => send_more(&self.stream, unsent),
            Some((file, _)) if passed > 0 => match send_file(&mut self.stream, file, passed) {
                Ok(0) => {
                    // it was cut since it was opened: what was promised can not be kept
                    eprintln!("serve: {}: a file ended early", self.address());
                    self.passing = None;
                    self.drive.abort(now);
                    return true;
                }
                sent => sent,
            },
            _ if unsent.is_empty() => return false,
            _ => self.stream.write(unsent),
        };
        let wrote = self.wrote(now, wrote);
        if self.drive.passed() == 0 {
            self.passing = None;
        }
        wrote
    }

    /// What came of a write. Whether the drive was told something.
    fn wrote(&mut self, now: Instant, wrote: io::Result<usize>) -> bool {
        match wrote {
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
        (self.content, self.passing) = (None, None);
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

/// Writes, and says that more follows at once.
fn send_more(stream: &TcpStream, octets: &[u8]) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
    #[cfg(not(target_os = "linux"))]
    let flags = SendFlags::empty();
    Ok(rustix::net::send(stream, octets, flags)?)
}

/// Sends some of the next `octets` of a file, without copying them where the system can: how many; 0: it has no more.
fn send_file(stream: &mut TcpStream, file: &mut File, octets: u64) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    {
        use rustix::io::Errno;
        let most = usize::try_from(octets).unwrap_or(usize::MAX).min(AT_ONCE);
        match rustix::fs::sendfile(&*stream, &*file, None, most) {
            // some kinds of files can not
            Err(Errno::INVAL | Errno::NOSYS) => {}
            sent => return Ok(sent?),
        }
    }
    let mut piece = [0; 16 * 1024];
    let most = piece.len().min(usize::try_from(octets).unwrap_or(usize::MAX));
    let read = file.read(&mut piece[..most])?;
    let wrote = if read == 0 { Ok(0) } else { stream.write(&piece[..read]) };
    let left = read - wrote.as_ref().map_or(0, |octets| *octets);
    // the file goes on after what has left
    file.seek_relative(-(left as i64))?;
    wrote
}

/// Octets that the system is asked to send at once: others have their turn.
#[cfg(target_os = "linux")]
const AT_ONCE: usize = 256 * 1024;
