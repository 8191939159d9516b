//! A restart that nobody notices: the next process is given the listener, and then each connection with its socket, as soon as nothing is
//! under way on it. No client connects anew, no answer says `close`, and a request that has come meanwhile lies in its socket until the
//! next process reads it.
//!
//! ```sh
//! cargo run --release --example handover -- 127.0.0.1:8080 /run/user/1000/handover.sock    # and the same once more, for the next process
//! ```
//!
//! It teaches three things:
//!
//! - **`Parked`**: what is known of an idle connection is forty octets of plain data. They say the same in both processes only where the
//!   clock is the same: `CLOCK_MONOTONIC` counts from one epoch in every process of a machine. Both processes have releases of the crate that
//!   are compatible, which the first line of the hand-over makes sure of.
//! - **`SCM_RIGHTS`**: a socket goes as ancillary data of a message between processes, beside what was parked. What waits in the socket goes
//!   along.
//! - **Who owns a connection**: the one who has acknowledged it. A next process that dies leaves all that it did not acknowledge where it was.
//!
//! What the application knows of a connection (a session, an authenticated user) would go beside what was parked. SIGTERM drains instead.
#![forbid(unsafe_code)]

use http_keepalive::drive::{Attempt, Drive, Step};
use http_keepalive::{
    Armed, Config, Connection, DeadlineQueue, Event, MethodKind, NO_FIELDS, Server, Shut, StatusCode,
};
use http_keepalive::{Instant, Parked, SendError};
use mio::net::{TcpListener, TcpStream, UnixListener};
use mio::{Events, Interest, Poll, Token, Waker, unix::SourceFd};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::mem::{MaybeUninit, replace};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, atomic::AtomicBool, atomic::Ordering::Relaxed};
use std::{env, error::Error, fs, net::Shutdown, path::PathBuf, process, thread, time::Duration};

const LISTENER: Token = Token(usize::MAX);
const NEXT: Token = Token(usize::MAX - 1);
const PREVIOUS: Token = Token(usize::MAX - 2);
const SIGNAL: Token = Token(usize::MAX - 3);
/// What both processes have to agree upon: the messages below, and the format of `Parked`, which is the same in all releases that are compatible.
const GREETING: &[u8] = b"handover 1, http-keepalive 0.1\n";
/// Connections in one message: the system takes no more than 253 descriptors.
const MOST: usize = 128;

fn main() -> Result<(), Box<dyn Error>> {
    let argument = |n| env::args().nth(n);
    let (Some(address), Some(path)) = (argument(1), argument(2)) else {
        return Err("HOST:PORT and the path of a socket, and settings as JSON if you like".into());
    };
    let settings = argument(3).unwrap_or(r#"{"limits": {"content": 16777216}}"#.into());
    let config = Box::leak(serde_json::from_str(&settings)?);
    let (listener, previous) = match UnixStream::connect(&path) {
        Ok(mut previous) => {
            previous.write_all(GREETING)?;
            let (_, mut sockets) = receive(&mut previous, RecvFlags::empty())?;
            let listener = sockets.pop().ok_or("the previous process does not hand over: is it of another release?")?;
            previous.write_all(ACKNOWLEDGED)?;
            (listener.into(), Some(previous))
        }
        Err(_) => (std::net::TcpListener::bind(address)?, None),
    };
    listener.set_nonblocking(true)?;
    println!("process {} listens on http://{}/", process::id(), listener.local_addr()?);
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077)); // nobody else is to take the connections
    let mut server = Process {
        config,
        poll: Poll::new()?,
        listener: TcpListener::from_std(listener),
        control: None,
        path: path.into(),
        previous,
        next: None,
        peers: slab::Slab::new(),
        deadlines: DeadlineQueue::new(),
        drains: Arc::default(),
        is_draining: false,
    };
    server.begin()?;
    server.run()?;
    Ok(())
}

/// What is known of a connection, beside its socket.
enum State {
    /// Nothing is under way: it may be given to another process.
    Idle(Parked<Server>),
    Busy(Box<Busy>),
}

/// A connection, and the exchange that is open on it.
struct Busy {
    drive: Drive<Server, Vec<u8>>,
    method: MethodKind,
    answer: Vec<u8>,
    sent: usize,
}

struct Peer {
    stream: TcpStream,
    armed: Armed,
    state: State,
}

struct Process {
    config: &'static Config<Server>,
    poll: Poll,
    listener: TcpListener,
    /// Where the next process asks for all of this. Not before the previous one is done.
    control: Option<UnixListener>,
    path: PathBuf,
    /// The process that hands over to this one.
    previous: Option<UnixStream>,
    /// The process that this one hands over to.
    next: Option<UnixStream>,
    peers: slab::Slab<Peer>,
    deadlines: DeadlineQueue<usize>,
    /// It was asked to end.
    drains: Arc<AtomicBool>,
    /// It was said to each connection.
    is_draining: bool,
}

impl Process {
    fn begin(&mut self) -> io::Result<()> {
        let (drains, waker) = (Arc::clone(&self.drains), Waker::new(self.poll.registry(), SIGNAL)?);
        let mut signals = signal_hook::iterator::Signals::new([signal_hook::consts::SIGTERM])?;
        thread::spawn(move || {
            for _ in signals.forever() {
                drains.store(true, Relaxed);
                let _ = waker.wake(); // a loop that is not there any more needs none
            }
        });
        self.poll.registry().register(&mut self.listener, LISTENER, Interest::READABLE)?;
        match &self.previous {
            Some(previous) => {
                self.poll.registry().register(&mut SourceFd(&previous.as_raw_fd()), PREVIOUS, Interest::READABLE)
            }
            None => self.listen_for_next(),
        }
    }

    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            let wait =
                self.deadlines.next().map(|at| at.saturating_duration_since(now()).max(Duration::from_millis(1)));
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                match event.token() {
                    LISTENER | SIGNAL => {}
                    NEXT => self.meet_next()?,
                    PREVIOUS => self.take_over()?,
                    Token(id) => self.go_on(id, |_| {}),
                }
            }
            while let Some(id) = self.deadlines.pop(now()) {
                self.go_on(id, |drive| drive.expire(now()));
            }
            if self.drains.load(Relaxed) && !replace(&mut self.is_draining, true) {
                let _ = self.poll.registry().deregister(&mut self.listener); // an error: the next process has it already
                for id in self.peers.iter().map(|(id, _)| id).collect::<Vec<_>>() {
                    self.go_on(id, |drive| drive.close_after_exchange(now()));
                }
            }
            if self.next.is_some() {
                self.hand_over()?;
            } else if !self.is_draining {
                self.accept()?; // at each turn: where descriptors had run out no event says that there are some again
            }
            if self.peers.is_empty() && self.previous.is_none() && (self.next.is_some() || self.is_draining) {
                return Ok(());
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Ok((stream, _)) = self.listener.accept() {
            let _ = stream.set_nodelay(true); // if it fails, so will reading
            let connection = Connection::<Server>::new(now(), self.config);
            self.add(stream, connection.park().expect("nothing is under way on a connection that has just opened"))?;
        }
        Ok(())
    }

    /// What has come before now is told by an event.
    fn add(&mut self, mut stream: TcpStream, parked: Parked<Server>) -> io::Result<()> {
        let entry = self.peers.vacant_entry();
        self.poll.registry().register(&mut stream, Token(entry.key()), Interest::READABLE | Interest::WRITABLE)?;
        let mut armed = Armed::default();
        self.deadlines.arm(entry.key(), &mut armed, parked.next_deadline(self.config));
        entry.insert(Peer { stream, armed, state: State::Idle(parked) });
        Ok(())
    }

    /// Goes on with a connection, after something was told to it, until its socket has nothing and takes nothing.
    fn go_on(&mut self, id: usize, tell: impl FnOnce(&mut Drive<Server, Vec<u8>>)) {
        let Some(peer) = self.peers.get_mut(id) else { return }; // it has ended in this turn
        if let State::Idle(parked) = peer.state {
            let drive = Drive::of(Connection::unpark(parked, self.config), Vec::new(), Vec::new());
            peer.state = State::Busy(Box::new(Busy { drive, method: MethodKind::Other, answer: Vec::new(), sent: 0 }));
        }
        let State::Busy(busy) = &mut peer.state else { unreachable!("it was taken up") };
        tell(&mut busy.drive);
        let is_open = busy.go_on(&mut peer.stream).expect("what is answered is right");
        if is_open {
            self.deadlines.arm(id, &mut peer.armed, busy.drive.next_deadline());
            if let Some(parked) = busy.drive.park() {
                peer.state = State::Idle(parked);
            }
        } else {
            self.remove(id);
        }
    }

    /// The socket closes here, unless another process has it, too.
    fn remove(&mut self, id: usize) {
        let mut peer = self.peers.remove(id);
        self.deadlines.disarm(&mut peer.armed);
        // said, as the system forgets a socket by itself only where no process has it any more
        let _ = self.poll.registry().deregister(&mut peer.stream);
    }
}

impl Busy {
    /// `false`: the connection is over. An error is a mistake in this function.
    fn go_on(&mut self, stream: &mut TcpStream) -> Result<bool, SendError> {
        let Self { drive, method, answer, sent } = self;
        loop {
            match drive.poll(now()) {
                Step::Event(Event::Request(head)) => (*method, *answer) = (head.method.kind(), Vec::new()),
                Step::Event(Event::Content(piece)) => answer.extend_from_slice(piece),
                Step::Event(Event::End { .. }) if *method != MethodKind::Post => {
                    *answer = format!("Hello from process {}\n", process::id()).into_bytes();
                }
                Step::Respond => *sent = drive.respond_with(now(), StatusCode::OK, NO_FIELDS, answer)?,
                Step::Content => *sent += drive.send_content(now(), &answer[*sent..])?,
                Step::Transport(asked) => {
                    let wrote = (asked.write != Attempt::No).then(|| stream.write(drive.unsent()));
                    let read = (asked.read != Attempt::No).then(|| stream.read(drive.room()));
                    let wrote = wrote.filter(|wrote| asked.write == Attempt::Look || !would_block(wrote));
                    let read = read.filter(|read| asked.read == Attempt::Look || !would_block(read));
                    if wrote.is_none() && read.is_none() {
                        return Ok(true);
                    }
                    wrote.into_iter().for_each(|wrote| drive.write_result(now(), wrote));
                    read.into_iter().for_each(|read| drive.read_result(now(), read));
                }
                Step::Shut(Shut::Reset(_)) => {
                    let _ = rustix::net::sockopt::set_socket_linger(&*stream, Some(Duration::ZERO));
                    drive.shut_done(now());
                }
                Step::Shut(_) => drive.shut_result(now(), stream.shutdown(Shutdown::Write)),
                Step::HandOver(_) | Step::Closed => return Ok(false),
                _ => {}
            }
        }
    }
}

/// The hand-over: of both processes the parts that talk to the other one.
impl Process {
    /// The previous process is done, or there is none: from now on this one can be asked.
    fn listen_for_next(&mut self) -> io::Result<()> {
        let _ = fs::remove_file(&self.path); // of a process that is gone
        let mut control = UnixListener::bind(&self.path)?;
        self.poll.registry().register(&mut control, NEXT, Interest::READABLE)?;
        self.control = Some(control);
        Ok(())
    }

    /// The next process has come: it gets the listener first. One of another release is sent away.
    fn meet_next(&mut self) -> io::Result<()> {
        while let Some(Ok((stream, _))) = self.control.as_ref().map(UnixListener::accept) {
            let mut stream = UnixStream::from(OwnedFd::from(stream));
            stream.set_nonblocking(false)?;
            stream.set_read_timeout(Some(Duration::from_secs(1)))?; // to greet
            let mut greeting = [0; GREETING.len()];
            let greets = stream.read_exact(&mut greeting).is_ok() && greeting == GREETING;
            if !greets || self.next.is_some() || self.is_draining {
                continue;
            }
            // it is waited for as long as it lives: only that says for sure whose a connection is
            stream.set_read_timeout(None)?;
            if give(&mut stream, &[], &[self.listener.as_fd()]).is_ok() {
                self.poll.registry().deregister(&mut self.listener)?;
                self.next = Some(stream);
            }
        }
        Ok(())
    }

    /// Gives the next process what is idle by now. If it dies, all it has not acknowledged goes on here.
    fn hand_over(&mut self) -> io::Result<()> {
        while let Some(next) = &mut self.next {
            let idle = self.peers.iter().filter_map(|(id, peer)| match &peer.state {
                State::Idle(parked) => Some((id, parked.to_octets(), peer.stream.as_fd())),
                State::Busy(_) => None,
            });
            let (mut ids, mut parked, mut sockets) = (Vec::new(), Vec::new(), Vec::new());
            for (id, octets, socket) in idle.take(MOST) {
                ids.push(id);
                parked.extend_from_slice(&octets);
                sockets.push(socket);
            }
            if ids.is_empty() {
                break;
            }
            match give(next, &parked, &sockets) {
                Ok(()) => ids.into_iter().for_each(|id| self.remove(id)),
                Err(error) => {
                    eprintln!("the next process is gone, and this one goes on: {error}");
                    self.next = None;
                    self.poll.registry().register(&mut self.listener, LISTENER, Interest::READABLE)?;
                }
            }
        }
        Ok(())
    }

    /// Takes what the previous process gives, and serves it from now on.
    fn take_over(&mut self) -> io::Result<()> {
        while let Some(previous) = &mut self.previous {
            match receive(previous, RecvFlags::DONTWAIT) {
                Ok((parked, sockets)) if !sockets.is_empty() => {
                    // first the word, then the work: so no connection is served by two
                    if previous.write_all(ACKNOWLEDGED).is_ok() {
                        for (parked, socket) in parked.into_iter().zip(sockets) {
                            self.add(TcpStream::from_std(socket.into()), parked)?;
                        }
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // all were given, or the previous process has died
                Ok(_) | Err(_) => {
                    self.poll.registry().deregister(&mut SourceFd(&previous.as_raw_fd()))?;
                    self.previous = None;
                    self.listen_for_next()?;
                }
            }
        }
        Ok(())
    }
}

const ACKNOWLEDGED: &[u8] = b"+";

/// Gives sockets to the process at the other end, each with the octets of what was parked, or a listener alone; and waits for its word.
fn give(stream: &mut UnixStream, parked: &[u8], sockets: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    assert!(ancillary.push(SendAncillaryMessage::ScmRights(sockets)), "there is room for {MOST} descriptors");
    let count = [(parked.len() / Parked::<Server>::OCTETS) as u8];
    let message = [IoSlice::new(&count), IoSlice::new(parked)];
    let sent = rustix::net::sendmsg(&*stream, &message, &mut ancillary, SendFlags::NOSIGNAL)?;
    stream.write_all(&[&count, parked].concat()[sent..])?; // descriptors go with the first octet
    stream.read_exact(&mut [0; ACKNOWLEDGED.len()])
}

/// What [`give`] gave. No sockets: the other end has closed.
fn receive(stream: &mut UnixStream, flags: RecvFlags) -> io::Result<(Vec<Parked<Server>>, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut message = [0; 1 + MOST * Parked::<Server>::OCTETS];
    let flags = flags | RecvFlags::CMSG_CLOEXEC;
    let here = rustix::net::recvmsg(&*stream, &mut [IoSliceMut::new(&mut message)], &mut ancillary, flags)?.bytes;
    let sockets = ancillary.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(sockets) => sockets.collect(),
        _ => Vec::new(),
    });
    let (sockets, length) = (sockets.collect(), 1 + usize::from(message[0]) * Parked::<Server>::OCTETS);
    if here > 0 && here < length {
        stream.read_exact(&mut message[here..length])?;
    }
    let parked = message[1..length].chunks_exact(Parked::<Server>::OCTETS);
    Ok((parked.map(|octets| Parked::from_octets(octets.try_into().expect("chunks are exact"))).collect(), sockets))
}

fn would_block(result: &io::Result<usize>) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// The same in every process of the machine: so an instant that one has noted is right in the next.
fn now() -> Instant {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Instant::EPOCH + Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32)
}
