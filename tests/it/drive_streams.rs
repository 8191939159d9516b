//! A drive on a stream of the standard library: what came of reads, writes and shuts, as `std::io` says it.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};

use http_keepalive::drive::{Attempt, Drive, Step, Transport};
use http_keepalive::*;

type Server = Drive<http_keepalive::Server, Vec<u8>>;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// What each try comes to, in turn; then it would block.
#[derive(Default)]
struct Stream {
    reads: VecDeque<Result<&'static [u8], ErrorKind>>,
    writes: VecDeque<Result<usize, ErrorKind>>,
    written: Vec<u8>,
}

impl Read for Stream {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let octets = self.reads.pop_front().unwrap_or(Err(ErrorKind::WouldBlock))?;
        room[..octets.len()].copy_from_slice(octets);
        Ok(octets.len())
    }
}

impl Write for Stream {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let taken = self.writes.pop_front().unwrap_or(Err(ErrorKind::WouldBlock))?.min(octets.len());
        self.written.extend_from_slice(&octets[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn fresh() -> Server {
    Drive::new(Instant::from_secs(1), &Config::DEFAULT, Vec::new(), Vec::new())
}

/// Polls until the transport is asked for, or the end: answers requests, and tells what else was said.
fn polled(drive: &mut Server, now: Instant) -> (Option<Transport>, Vec<String>) {
    let mut said = Vec::new();
    loop {
        match drive.poll(now) {
            Step::Transport(transport) => return (Some(transport), said),
            Step::Respond => drive.respond(now, StatusCode::NO_CONTENT, NO_FIELDS, Content::Empty).unwrap(),
            Step::Closed => return (None, said),
            Step::Shut(shut) => {
                said.push(format!("{shut:?}"));
                drive.shut_result(now, Err(ErrorKind::NotConnected.into()));
            }
            Step::Expired(deadline) => said.push(format!("{:?}", deadline.kind)),
            _ => {}
        }
    }
}

/// One transfer, and what is polled after it.
fn transferred(drive: &mut Server, now: Instant, stream: &mut Stream) -> (Option<Transport>, Vec<String>) {
    let transport = polled(drive, now).0.expect("the transport is asked for");
    drive.transfer(|| now, transport, stream);
    polled(drive, now)
}

#[test]
fn one_thing_at_a_time_is_done_and_writing_goes_first() {
    let (mut drive, now) = (fresh(), Instant::from_secs(1));
    let mut stream =
        Stream { reads: [Ok(REQUEST), Ok(REQUEST)].into(), writes: [Ok(10), Ok(1000)].into(), ..Default::default() };
    let (transport, _) = transferred(&mut drive, now, &mut stream);
    assert_eq!(transport.unwrap().write, Attempt::Wait);
    for left in [1, 0] {
        transferred(&mut drive, now, &mut stream);
        assert_eq!((stream.writes.len(), stream.reads.len()), (left, 1));
    }
    assert_eq!(stream.written, b"HTTP/1.1 204 No Content\r\n\r\n");
    transferred(&mut drive, now, &mut stream);
    assert!(stream.reads.is_empty());
}

#[test]
fn nothing_to_read_is_time_that_passed_and_what_a_look_found() {
    let (mut drive, at) = (fresh(), Instant::from_secs(32));
    let mut stream = Stream::default();
    let (transport, said) = transferred(&mut drive, at, &mut stream);
    assert_eq!((transport.unwrap().read, said), (Attempt::Look, vec!["FirstOctet".to_owned()]));
    let (transport, said) = transferred(&mut drive, at, &mut stream);
    assert_eq!((transport, said), (None, vec!["Close(FirstOctetTimeout)".to_owned()]));
}

#[test]
fn an_interrupted_try_is_made_again() {
    let (mut drive, now) = (fresh(), Instant::from_secs(1));
    let mut stream = Stream {
        reads: [Err(ErrorKind::Interrupted), Ok(REQUEST)].into(),
        writes: [Err(ErrorKind::Interrupted), Ok(1000)].into(),
        ..Default::default()
    };
    for _ in 0..4 {
        assert!(transferred(&mut drive, now, &mut stream).0.is_some());
    }
    assert_eq!(stream.written, b"HTTP/1.1 204 No Content\r\n\r\n");
}

#[test]
fn a_broken_pipe_ends_writing_and_a_reset_all() {
    let now = Instant::from_secs(1);
    for (error, reads_on) in [(ErrorKind::BrokenPipe, true), (ErrorKind::ConnectionReset, false)] {
        let mut drive = fresh();
        let mut stream = Stream { reads: [Ok(REQUEST)].into(), writes: [Err(error)].into(), ..Default::default() };
        transferred(&mut drive, now, &mut stream);
        let (transport, _) = transferred(&mut drive, now, &mut stream);
        assert_eq!(transport.is_some_and(|transport| transport.read == Attempt::Wait), reads_on, "{error}");
        assert_eq!(drive.connection().is_closed(), !reads_on);
    }
}

#[test]
fn room_and_what_is_unsent_are_had_at_once() {
    let (mut drive, now) = (fresh(), Instant::from_secs(1));
    let mut stream = Stream { reads: [Ok(REQUEST)].into(), ..Default::default() };
    transferred(&mut drive, now, &mut stream);
    let (room, unsent) = (drive.room().len(), drive.unsent().to_vec());
    assert!(room > 0 && !unsent.is_empty());
    let both = drive.room_and_unsent();
    assert_eq!((both.0.len(), both.1), (room, &unsent[..]));
    let _lent = drive.lend_input().unwrap();
    assert_eq!(drive.room_and_unsent(), (&mut [][..], &unsent[..]));
}

/// RFC 9112 8: what ends by a failure is not whole. A system that waits no longer says "try again" (Windows: "timed out", as for both).
#[test]
#[cfg(not(windows))]
fn a_connection_that_timed_out_has_failed_and_is_no_wait_that_is_over() {
    let now = Instant::from_secs(1);
    let mut drive = Drive::<Client, Vec<u8>>::new(now, &Config::DEFAULT, Vec::new(), Vec::new());
    let request = Request::new(Method::new(b"GET"), b"/");
    drive.request(now, &request, [("Host", "a")], Content::Empty).unwrap();
    let mut stream = Stream {
        reads: [Ok(&b"HTTP/1.1 200 OK\r\n\r\nhalf of"[..]), Err(ErrorKind::TimedOut), Ok(b"")].into(),
        writes: [Ok(1000)].into(),
        ..Default::default()
    };
    let mut ended = false;
    loop {
        match drive.poll(now) {
            Step::Transport(transport) => drive.transfer(|| now, transport, &mut stream),
            Step::Event(Event::End { .. }) => ended = true,
            Step::Shut(_) => drive.shut_done(now),
            Step::Closed => break,
            _ => {}
        }
    }
    assert!(!ended, "half a response passed for a whole one");
    assert_eq!(drive.connection().ended_by(), Some(CloseReason::TransportFailed));
}
