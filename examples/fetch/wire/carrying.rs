//! What the drive says is next, done with the socket.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use http_keepalive::drive::{Attempt, Side, Step, Transport, is_wait_over};
use http_keepalive::{Event, Shut};

use super::Wire;
use crate::happened::{Happened, tell};
use crate::trace::Trace;

impl Wire {
    /// Lets something happen, and waits for it if nothing else is to be done: what did.
    pub fn turn(&mut self) -> Vec<Happened> {
        self.go_on(true);
        let mut happened = std::mem::take(&mut self.happened);
        // what an exchange came to is told after all of it
        happened.sort_by_key(|one| matches!(one, Happened::Exchange(_)));
        happened
    }

    /// Goes on until the socket had its turn, or content is asked for. `waits`: for octets, if none are to be sent.
    pub(super) fn go_on(&mut self, waits: bool) {
        let mut carried = false;
        loop {
            let now = self.clock.now();
            if self.has_expired && !self.drive.is_looking() {
                self.has_expired = false;
                self.trace.iter_mut().for_each(|trace| trace.time(now));
            }
            match if self.was_given { self.drive.poll_while_busy(now) } else { self.drive.poll(now) } {
                Step::Event(Event::End { .. }) => {
                    self.happened.push(Happened::End(self.drive.connection().persistence()));
                    self.is_early |= self.waiting() > 0 && self.is_answered();
                }
                Step::Event(event) => self.happened.extend(tell(&event)),
                Step::Error(error) => self.happened.push(Happened::Error(error)),
                Step::Expired(deadline) => {
                    self.account.expired(deadline);
                    self.has_expired = true;
                    self.happened.push(Happened::Expired(deadline));
                }
                Step::Content => {
                    self.is_early |= self.is_answered();
                    self.happened.push(Happened::Asked);
                    break;
                }
                Step::Transport(transport) => {
                    let is_look = [transport.read, transport.write].contains(&Attempt::Look);
                    // what happened is told before it is waited for more
                    if !is_look && (carried || (waits && !self.happened.is_empty())) {
                        break;
                    }
                    self.carry(transport, waits && !is_look);
                    carried = true;
                }
                Step::Shut(Shut::HalfClose(_)) => {
                    let _ = self.stream.shutdown(Shutdown::Write);
                    self.drive.shut_done(now);
                }
                Step::Shut(Shut::Close(_)) => self.close(),
                Step::Shut(Shut::Reset(_)) => self.drive.shut_done(now),
                Step::Closed | Step::HandOver(_) => break,
                // a server's
                Step::Respond | Step::Continue | Step::Refuse(_) => {}
            }
            self.sum_up();
        }
        self.trace.iter_mut().for_each(Trace::flush);
    }

    /// Does what the transport is to do. `waits`: it may take a moment, or longer if nothing but reading is to be done.
    fn carry(&mut self, Transport { read, write }: Transport, waits: bool) {
        let was_given = std::mem::take(&mut self.was_given);
        let at_once = !waits || was_given || write != Attempt::No;
        if write != Attempt::No {
            if self.write(Some(if waits { PATIENCE } else { Duration::ZERO })) {
                self.drive.timeout(self.clock.now());
            }
            if read == Attempt::No || (self.waiting() == 0 && !was_given) {
                // what is next is not known before the next poll
                return;
            }
        }
        let wait = if at_once { Some(Duration::ZERO) } else { self.drive.wait(self.clock.now()) };
        match read {
            Attempt::No => {
                thread::sleep(wait.unwrap_or(PATIENCE));
                self.drive.timeout(self.clock.now());
            }
            Attempt::Wait | Attempt::Look => self.read(wait),
        }
    }

    /// Reads what there is, waiting at most so long; `None`: as long as it takes.
    fn read(&mut self, wait: Option<Duration>) {
        let read = self.limit(wait).and_then(|()| self.stream.read(self.drive.room()));
        let (now, late) = (self.clock.now(), self.is_late());
        match (&read, &mut self.trace) {
            // by a signal, perhaps one that ended a long stop: what came meanwhile is there
            (Err(error), _) if error.kind() == ErrorKind::Interrupted => return self.read(Some(Duration::ZERO)),
            (Err(error), _) if !is_wait_over(error) => {
                self.failure.get_or_insert_with(|| format!("cannot read: {error}"));
                self.note("failed", &"both".into());
            }
            (Ok(0), Some(trace)) => trace.eof(now, late),
            (&Ok(octets), Some(trace)) => trace.received(now, &self.drive.room()[..octets], late),
            _ => {}
        }
        self.drive.read_result(now, read);
    }

    /// Writes what waits, waiting at most so long: whether nothing could leave.
    fn write(&mut self, wait: Option<Duration>) -> bool {
        let rest = self.piece.len().saturating_sub(self.drive.passed() as usize);
        let pieces = [self.drive.unsent(), &self.piece[rest..], self.drive.unsent_after()].map(IoSlice::new);
        match self.limit(wait).and_then(|()| (&self.stream).write_vectored(&pieces)) {
            Ok(octets) => {
                let (now, late) = (self.clock.now(), self.is_late());
                self.trace.iter_mut().for_each(|trace| trace.sent(now, octets, late));
                self.drive.wrote(now, octets);
                self.ledger.leave(octets, self.drive.passed());
            }
            Err(error) if is_wait_over(&error) => return true,
            // by a signal: it is to be tried again
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => self.write_failed(&error.to_string()),
        }
        false
    }

    /// Has the socket wait at most so long.
    fn limit(&self, wait: Option<Duration>) -> io::Result<()> {
        let at_once = wait == Some(Duration::ZERO);
        self.stream.set_nonblocking(at_once)?;
        if at_once {
            return Ok(());
        }
        self.stream.set_read_timeout(wait)?;
        self.stream.set_write_timeout(wait)
    }

    /// Nothing goes any more. What has come, and comes, is still read.
    fn write_failed(&mut self, why: &str) {
        self.note("failed", &"write".into());
        self.drive.failed(self.clock.now(), Side::Write);
        self.failure.get_or_insert_with(|| format!("cannot write: {why}"));
    }

    /// A deadline is due or has passed, so that what is found now a look has found.
    fn is_late(&self) -> bool {
        self.drive.is_looking() || self.drive.next_deadline().is_some_and(|deadline| deadline.at <= self.clock.now())
    }

    /// Nothing is unanswered.
    fn is_answered(&self) -> bool {
        self.drive.connection().unanswered().next().is_none()
    }

    /// Has what is left of a request go that was answered early, and closes once the server has closed its side: it has taken all of it
    /// then. If it has not, it resets the connection.
    fn close(&mut self) {
        let connection = self.drive.connection();
        let timeouts = *connection.lifecycle().config().timeouts();
        let parts = self.is_early && self.is_answered() && connection.is_request_whole();
        while parts && self.waiting() > 0 {
            if self.write(timeouts.write_stall) {
                self.write_failed("the server takes nothing");
            }
        }
        if parts && self.failure.is_none() {
            if let Err(error) = self.part(timeouts.linger_gap.unwrap_or(PARTING)) {
                self.failure = Some(format!("cannot read: {error}"));
            }
        }
        self.drive.shut_done(self.clock.now());
    }

    /// Waits at most so long for the server to close its side.
    fn part(&mut self, wait: Duration) -> io::Result<()> {
        let until = Instant::now() + wait;
        self.stream.shutdown(Shutdown::Write)?;
        loop {
            let wait = until.saturating_duration_since(Instant::now());
            self.limit(Some(wait))?;
            match self.stream.read(&mut [0; 4096]) {
                Ok(0) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // it takes its time
                Err(error) if is_wait_over(&error) => return Ok(()),
                Err(error) => return Err(error),
                Ok(_) if wait.is_zero() => return Ok(()),
                Ok(_) => {}
            }
        }
    }

    /// Closes what would persist, after an early answer: the answer to a next request would say that the server has read this one.
    pub fn end(&mut self) {
        self.note("drain", &true.into());
        self.drive.close_after_exchange(self.clock.now());
        self.go_on(false);
    }
}

/// Of a write: short, so that an answer that comes meanwhile is seen.
const PATIENCE: Duration = Duration::from_millis(20);
/// How long the server's end is waited for where no setting says it.
const PARTING: Duration = Duration::from_secs(5);
