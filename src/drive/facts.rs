//! What a driver tells: what its transport did, and that time passed.

use core::ops::{Deref, Range};
use core::time::Duration;

use super::{Clock, Drive, DriveRole, Offer, Passed, PeerEnd, READ, Side, Storage};
use crate::config::Config;
use crate::connection::event::Eof;
use crate::lifecycle::deadline::Deadline;
use crate::lifecycle::looks;
use crate::time::Instant;

impl<R: DriveRole, S: Storage, C: Deref<Target = Config<R>>> Drive<R, S, C> {
    /// Where to read into: all the room there is, of a storage that grows 16 KiB at least. To be asked for where
    /// [`Step::Transport`](super::Step::Transport) says to read; [`read`](Self::read) says what came of it.
    #[inline]
    pub fn room(&mut self) -> &mut [u8] {
        self.room_and_unsent().0
    }

    /// [`room`](Self::room) and [`unsent`](Self::unsent) at once: for a driver that reads and writes at the same time.
    #[inline]
    pub fn room_and_unsent(&mut self) -> (&mut [u8], &[u8]) {
        let Self { input, output, reading, .. } = self;
        (if reading.offer == Offer::Lent { &mut [] } else { input.room(READ) }, output.unsent())
    }

    /// `octets` were read into the [`room`](Self::room). 0: the peer has closed its side, as [`std::io::Read`] has it.
    #[inline]
    pub fn read(&mut self, octets: usize) {
        if octets == 0 {
            return self.eof(Eof::Clean);
        }
        self.input.put(octets);
        self.reading.offers();
    }

    /// The peer has closed its side: nothing comes after what was read.
    pub fn eof(&mut self, eof: Eof) {
        if self.reading.end == PeerEnd::Open {
            self.reading.end = PeerEnd::Came(eof);
        }
    }

    /// What is to be written next, in one piece. Where content is [passed](Self::pass_content), what goes before it.
    #[inline]
    pub fn unsent(&self) -> &[u8] {
        self.output.unsent()
    }

    /// How many octets of content that is the caller's own are to be written after [`unsent`](Self::unsent).
    pub fn passed(&self) -> u64 {
        self.output.passed.map_or(0, |passed| passed.octets)
    }

    /// What is to be written after the content that is passed.
    pub fn unsent_after(&self) -> &[u8] {
        let after = self.output.passed.and_then(|passed| self.output.buffer.octets().get(passed.before..));
        after.unwrap_or_default()
    }

    /// `octets` have left, of [`unsent`](Self::unsent) and what goes after it in their order; 0 where a look found that none can leave.
    #[inline]
    pub fn wrote(&mut self, now: Instant, octets: usize) {
        let output = &mut self.output;
        if output.under_way == 0 && output.passed.is_none() {
            output.buffer.take(octets);
        } else {
            output.leave(octets as u64);
        }
        self.connection.moved().handle_sent(now, octets as u64);
        // the exchange may be over, and what came after it waits
        if !self.input.is_empty() || self.reading.end != PeerEnd::Open {
            self.reading.offers();
        }
    }

    /// The look that [`Attempt::Look`](super::Attempt::Look) asked for found nothing to read.
    pub fn looked_nothing(&mut self, now: Instant) {
        self.output.say_what_left(self.connection.moved(), now);
        self.connection.moved().nothing_to_read(now);
        self.reading.offers();
    }

    /// The transport failed on this side, with anything but "try again".
    pub fn failed(&mut self, now: Instant, side: Side) {
        match side {
            Side::Read => {
                self.output.say_what_left(self.connection.moved(), now);
                self.connection.moved().transport_failed(now);
            }
            Side::Write => self.connection.moved().write_failed(now),
        }
        self.output.clear();
        self.reading.offers();
    }

    /// The time that [`wait`](Self::wait) said has passed, and nothing has come or left: deadlines are looked at by the next poll. Where a look
    /// was asked for, it found nothing.
    pub fn timeout(&mut self, now: Instant) {
        match self.connection.lifecycle.state().look() {
            Some(looks::Side::Reading) => self.looked_nothing(now),
            Some(looks::Side::Writing) => self.wrote(now, 0),
            None => self.expire(now),
        }
    }

    /// Lets expire what is due by now: deadlines are looked at by the next poll, whatever waits. Where a look was asked for, it is still to be
    /// made.
    pub fn expire(&mut self, now: Instant) {
        self.clock = Clock { asked: now, checks: Instant::EPOCH };
    }

    /// The shut that [`Step::Shut`](super::Step::Shut) asked for is done. A half-close that fails is done: reading shows the failure.
    pub fn shut_done(&mut self, now: Instant) {
        self.connection.moved().handle_shut(now);
        self.reading.offers();
    }

    /// For how long to wait for the transport at most: to the next deadline, and a millisecond at least; a millisecond for a look. `None`: no
    /// deadline is armed.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        if self.is_looking() {
            return Some(MOMENT);
        }
        Some(self.next_deadline()?.at.saturating_duration_since(now).max(MOMENT))
    }

    /// A deadline has passed, and takes effect or not by what a look finds, which is not over.
    pub fn is_looking(&self) -> bool {
        self.connection.lifecycle.state().look().is_some()
    }

    /// [`Connection::next_deadline`](crate::Connection::next_deadline)
    pub fn next_deadline(&self) -> Option<Deadline> {
        self.connection.next_deadline()
    }

    /// Gives the storage of what is received away, with where to read into: for a system that holds the memory meanwhile. `None`: it is lent.
    /// What has come in it is offered once it is [returned](Self::return_input).
    pub fn lend_input(&mut self) -> Option<(S, Range<usize>)>
    where
        S: Default,
    {
        if self.reading.offer == Offer::Lent {
            return None;
        }
        let room = self.input.room(READ).len();
        self.reading.offer = Offer::Lent;
        self.connection.moved();
        let from = self.input.to;
        Some((core::mem::take(&mut self.input.storage), from..from + room))
    }

    /// Takes the storage back that was lent; what was read into it is told afterwards ([`read`](Self::read)).
    pub fn return_input(&mut self, storage: S) {
        self.input.storage = storage;
        self.reading.offer = Offer::Due;
    }

    /// Gives all that is to be sent away, with where it lies, for an empty storage in its place. It is under way from now on: what leaves of it
    /// is told by [`wrote`](Self::wrote), and the rest of it is the caller's to write. `None`, and nothing was taken: something is under way,
    /// nothing is to be sent, or content is passed.
    pub fn take_output(&mut self, storage: &mut S) -> Option<Range<usize>> {
        let output = &mut self.output;
        if output.under_way > 0 || output.passed.is_some() || output.buffer.is_empty() {
            return None;
        }
        let range = output.buffer.from..output.buffer.to;
        core::mem::swap(storage, &mut output.buffer.storage);
        (output.buffer.from, output.buffer.to) = (0, 0);
        output.under_way = range.len() as u64;
        Some(range)
    }

    /// Does on a stream what [`Step::Transport`](super::Step::Transport) asks for, one thing: writes [`unsent`](Self::unsent) if anything is to
    /// be written, else reads into the [`room`](Self::room); and says what came of it. The stream is to wait no longer than
    /// [`wait`](Self::wait) says: by a timeout of its socket, or not at all where it does not block. `now` is asked afterwards. Content that
    /// is [passed](Self::pass_content) is the caller's to write.
    #[cfg(feature = "std")]
    pub fn transfer<T: std::io::Read + std::io::Write>(
        &mut self,
        now: impl FnOnce() -> Instant,
        transport: super::Transport,
        stream: &mut T,
    ) {
        if transport.write == super::Attempt::No {
            let read = stream.read(self.room());
            self.read_result(now(), read);
        } else {
            let wrote = stream.write(self.unsent());
            self.write_result(now(), wrote);
        }
    }

    /// What came of a read, as [`std::io::Read`] says it: octets, 0 at the peer's end, "try again" where the [wait](Self::wait) is over, a failure.
    #[cfg(feature = "std")]
    pub fn read_result(&mut self, now: Instant, result: std::io::Result<usize>) {
        use std::io::ErrorKind;
        match result {
            Ok(octets) => self.read(octets),
            Err(error) => match error.kind() {
                _ if is_wait_over(&error) => self.timeout(now),
                ErrorKind::Interrupted => {}
                _ => self.failed(now, Side::Read),
            },
        }
    }

    /// What came of a write, as [`std::io::Write`] says it: octets, "try again" where the [wait](Self::wait) is over, a failure.
    #[cfg(feature = "std")]
    pub fn write_result(&mut self, now: Instant, result: std::io::Result<usize>) {
        use std::io::ErrorKind;
        match result {
            Ok(octets) => self.wrote(now, octets),
            Err(error) => match error.kind() {
                _ if is_wait_over(&error) => self.timeout(now),
                ErrorKind::Interrupted => {}
                // what it has sent may be read
                ErrorKind::BrokenPipe => self.failed(now, Side::Write),
                _ => self.failed(now, Side::Read),
            },
        }
    }

    /// What came of the shut that [`Step::Shut`](super::Step::Shut) asked for: as [`shut_done`](Self::shut_done), whatever it was.
    #[cfg(feature = "std")]
    pub fn shut_result(&mut self, now: Instant, result: std::io::Result<()>) {
        drop(result);
        self.shut_done(now);
    }
}

impl<S: Storage> super::Output<S> {
    /// What is written next.
    #[inline]
    fn unsent(&self) -> &[u8] {
        match self.passed {
            None => self.buffer.octets(),
            Some(passed) => self.unsent_before(passed),
        }
    }

    #[cold]
    fn unsent_before(&self, passed: Passed) -> &[u8] {
        self.buffer.octets().get(..passed.before).unwrap_or_default()
    }

    /// `octets` have left: first of what is under way, then of the buffer, with content that is passed between.
    #[cold]
    fn leave(&mut self, octets: u64) {
        let mut rest = octets - octets.min(self.under_way);
        self.under_way -= octets - rest;
        if let Some(passed) = &mut self.passed {
            let before = passed.before.min(usize::try_from(rest).unwrap_or(usize::MAX));
            self.buffer.take(before);
            passed.before -= before;
            rest -= before as u64;
            let content = passed.octets.min(rest);
            passed.octets -= content;
            rest -= content;
            if passed.before == 0 && passed.octets == 0 {
                self.passed = None;
            }
        }
        self.buffer.take(usize::try_from(rest).unwrap_or(usize::MAX));
    }
}

/// The wait of a stream that blocks for a time, or not at all, is over: for a driver that reads and writes by itself.
///
/// Systems say so by "try again", and a connection that timed out has failed. Windows says "timed out" for both.
#[cfg(feature = "std")]
pub fn is_wait_over(error: &std::io::Error) -> bool {
    use std::io::ErrorKind;
    matches!(error.kind(), ErrorKind::WouldBlock) || (cfg!(windows) && matches!(error.kind(), ErrorKind::TimedOut))
}

/// The time of a look, and the least that is waited.
const MOMENT: Duration = Duration::from_millis(1);
