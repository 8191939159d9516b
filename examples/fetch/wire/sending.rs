//! What goes on a connection: handed out by the machine, taken by the socket, and known to have arrived or not.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use http_keepalive::{Content, Request, SendError, Shut};

use super::{Wire, is_wait};

impl Wire {
    /// Writes a request's head.
    pub fn ask(&mut self, request: &Request<'_>, fields: &[(&str, &str)], content: Content) -> Result<(), SendError> {
        let now = self.clock.now();
        let machine = &mut self.machine;
        let written = write(&mut self.output, |out| machine.send_request(now, request, fields, content, out))?;
        self.note(|trace, _| trace.request(now, request, fields, content));
        self.hand_out(written, 0);
        self.is_early = false;
        Ok(())
    }

    /// Writes a piece of content, or its end.
    pub fn send(&mut self, piece: Option<&[u8]>) -> Result<(), SendError> {
        let now = self.clock.now();
        let Some(mut piece) = piece else {
            let machine = &mut self.machine;
            let written = write(&mut self.output, |out| machine.send_end(now, http_keepalive::NO_FIELDS, out))?;
            self.note(|trace, _| trace.fact(now, "send_end", &true.into()));
            self.hand_out(written, 0);
            return Ok(());
        };
        while !piece.is_empty() {
            let (machine, mut consumed) = (&mut self.machine, 0);
            let written = write(&mut self.output, |out| {
                let sent = machine.send_content(now, piece, out)?;
                consumed = sent.consumed;
                Ok(sent.written)
            })?;
            self.note(|trace, _| trace.send(now, &piece[..consumed]));
            self.hand_out(written, consumed);
            piece = &piece[consumed..];
        }
        Ok(())
    }

    /// `written` octets wait to leave, `content` of them content: where there is framing, a line end of it is after that.
    fn hand_out(&mut self, written: usize, content: usize) {
        if self.waiting() == written {
            self.moved = std::time::Instant::now();
        }
        self.ledger.hand_out(written, content, if written > content { 2 } else { 0 });
        self.sum_up();
    }

    /// Octets that wait to be sent.
    pub fn waiting(&self) -> usize {
        self.output.len() - self.left
    }

    /// Writes what waits, waiting at most so long.
    pub(super) fn flush(&mut self, wait: Duration) {
        let wants = self.machine.wants();
        if !wants.flush_once && self.waiting() == 0 {
            return;
        }
        let at_once = wait.is_zero();
        let set = match at_once {
            true => self.stream.set_nonblocking(true),
            false => self.stream.set_write_timeout(Some(wait)),
        };
        let wrote = set.and_then(|()| self.stream.write(&self.output[self.left..]));
        if at_once {
            let _ = self.stream.set_nonblocking(false);
        }
        match wrote {
            Ok(octets) => {
                self.left += octets;
                self.ledger.leave(octets);
                self.moved = std::time::Instant::now();
                let now = self.clock.now();
                self.note(|trace, late| trace.sent(now, octets, late));
                self.machine.handle_sent(now, octets as u64);
                if self.left == self.output.len() || self.left > MOST_LEFT {
                    self.output.drain(..self.left);
                    self.left = 0;
                }
                return;
            }
            // by a signal: it is to be tried again
            Err(error) if error.kind() == ErrorKind::Interrupted => return,
            Err(error) if is_wait(&error) => {}
            Err(error) => self.write_failed(&error.to_string()),
        }
        if wants.flush_once {
            self.machine.handle_sent(self.clock.now(), 0);
        }
    }

    /// Nothing goes any more. What has come, and comes, is still read.
    fn write_failed(&mut self, why: &str) {
        self.say_what_left();
        let now = self.clock.now();
        self.note(|trace, _| trace.fact(now, "failed", &"write".into()));
        self.machine.write_failed(now);
        self.output.clear();
        self.left = 0;
        self.failure.get_or_insert_with(|| format!("cannot write: {why}"));
    }

    /// Each write has said how much it took: what is still here has not left, and a request of which that is all may be repeated.
    pub(super) fn say_what_left(&mut self) {
        if self.waiting() > 0 {
            self.machine.nothing_left(self.clock.now());
        }
    }

    /// The last request was answered before it had left: whether the server took the rest of it no answer says.
    pub const fn is_early(&self) -> bool {
        self.is_early
    }

    /// The same, and the connection ends.
    pub(super) fn parts(&self) -> bool {
        let ends = matches!(self.machine.wants().shut, Some(Shut::Close(_)));
        let answered = self.machine.is_request_whole() && self.machine.unanswered().next().is_none();
        self.is_early && self.failure.is_none() && ends && answered
    }

    /// Has what is left of a request go that was answered early, and closes once the server has closed its side: it has taken all of it
    /// then. If it has not, it resets the connection.
    pub fn part(&mut self) {
        let timeouts = *self.machine.lifecycle().config().timeouts();
        if self.waiting() > 0 {
            if timeouts.write_stall.is_some_and(|stall| self.moved.elapsed() >= stall) {
                self.write_failed("the server takes nothing");
            }
            return;
        }
        let until = std::time::Instant::now() + timeouts.linger_gap.unwrap_or(PARTING);
        let mut rest = [0; 4096];
        let mut ended = self.stream.shutdown(Shutdown::Write);
        while ended.is_ok() {
            let wait = until.saturating_duration_since(std::time::Instant::now());
            let set = self.stream.set_read_timeout(Some(wait.max(Duration::from_millis(1))));
            match set.and_then(|()| self.stream.read(&mut rest)) {
                Ok(0) => break,
                Ok(_) if wait > Duration::ZERO => {}
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // it takes its time
                Err(error) if is_wait(&error) => break,
                Err(error) => ended = Err(error),
            }
        }
        if let Err(error) = ended {
            self.failure = Some(format!("cannot read: {error}"));
        }
        let now = self.clock.now();
        if self.machine.wants().shut.is_none() {
            // the connection would persist
            self.note(|trace, _| trace.fact(now, "drain", &true.into()));
            self.machine.close_after_exchange(now);
        }
        self.machine.handle_shut(now);
        self.closed = true;
    }
}

/// Has `send` write after `output`, into as much room as it needs: how many octets that were.
fn write(
    output: &mut Vec<u8>,
    mut send: impl FnMut(&mut [u8]) -> Result<usize, SendError>,
) -> Result<usize, SendError> {
    let (before, mut room) = (output.len(), 16 * 1024);
    loop {
        output.resize(before + room, 0);
        match send(&mut output[before..]) {
            Ok(octets) => {
                output.truncate(before + octets);
                return Ok(octets);
            }
            Err(SendError::OutputTooSmall { needed }) if needed > room => room = needed,
            Err(error) => {
                output.truncate(before);
                return Err(error);
            }
        }
    }
}

/// Octets that have left and are still kept.
const MOST_LEFT: usize = 256 * 1024;
/// How long the server's end is waited for where no setting says it.
const PARTING: Duration = Duration::from_secs(5);
