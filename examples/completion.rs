//! A POST gets its content back; one thread, and a queue of completions that holds the memory of each read and write meanwhile.
//!
//! ```sh
//! completion HOST:PORT '{"timeouts": {"idle": "15s"}}' [simulated]
//! ```
//!
//! The queue is `io_uring` where the kernel has it, else a simulated one ([`Simulated`]); the driver is the same, and safe code. It ends on
//! SIGTERM and SIGINT, after what has begun.

#![deny(unsafe_code)]

#[path = "completion/simulated.rs"]
mod simulated;
#[cfg(target_os = "linux")]
#[path = "completion/uring.rs"]
mod uring;

use http_keepalive::{drive::*, *};
use signal_hook::{consts::*, iterator::Signals};
use simulated::Simulated;
use std::collections::{BTreeSet, HashMap};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant as Clock};
use std::{env, error::Error, io, thread};

/// Reads, writes and accepts that are begun now and complete later.
trait Queue {
    /// Begins to wait for a connection.
    fn accept(&mut self, listener: &Arc<TcpListener>);

    /// Begins to read into this part of the memory, or to write it. The memory is the queue's until that has completed.
    fn transfer(&mut self, id: usize, side: Side, stream: &Arc<TcpStream>, memory: Vec<u8>, part: Range<usize>);

    /// Waits for completions, no longer than so long: adds them.
    fn wait(&mut self, longest: Duration, completed: &mut Vec<Completed>) -> io::Result<()>;
}

/// What has completed.
enum Completed {
    Accept(io::Result<TcpStream>),
    Transfer { id: usize, side: Side, memory: Vec<u8>, result: io::Result<usize> },
}

static DRAINS: AtomicBool = AtomicBool::new(false);

fn main() -> Result<(), Box<dyn Error>> {
    let settings = env::args().nth(2).unwrap_or(r#"{"limits": {"content": 16777216}}"#.into());
    let config: &Config<Server> = &serde_json::from_str(&settings)?;
    let listener = TcpListener::bind(env::args().nth(1).unwrap_or("127.0.0.1:8080".into()))?;
    let (address, mut signals) = (listener.local_addr()?, Signals::new([SIGINT, SIGTERM])?);
    let (name, mut queue) = queue(env::args().nth(3).is_some_and(|which| which == "simulated"));
    println!("listening on http://{address}/ with {name}");
    thread::spawn(move || {
        DRAINS.store(signals.forever().next().is_some(), Relaxed);
        TcpStream::connect(address) // so that the last accept completes
    });
    let opened = Clock::now();
    serve(listener, config, &mut *queue, &|| Instant::since(opened, Clock::now()))
}

/// `io_uring` if the kernel has it and it is not to be simulated.
fn queue(simulated: bool) -> (&'static str, Box<dyn Queue>) {
    #[cfg(target_os = "linux")]
    if !simulated {
        match uring::Uring::new() {
            Ok(uring) => return ("io_uring", Box::new(uring)),
            Err(error) => println!("no io_uring here: {error}"),
        }
    }
    let _ = simulated;
    ("a simulated queue", Box::new(Simulated::new()))
}

/// Serves all connections until the process is to end and they have ended.
fn serve(
    listener: TcpListener,
    config: &Config<Server>,
    queue: &mut dyn Queue,
    now: &dyn Fn() -> Instant,
) -> Result<(), Box<dyn Error>> {
    let mut listener = Some(Arc::new(listener));
    let (mut connections, mut due, mut next_id) = (HashMap::new(), BTreeSet::new(), 0);
    let (mut completed, mut ready) = (Vec::new(), BTreeSet::new());
    listener.iter().for_each(|listener| queue.accept(listener));
    while listener.is_some() || !connections.is_empty() {
        let wait = due.first().map_or(Duration::MAX, |(at, _): &(Instant, usize)| at.saturating_duration_since(now()));
        queue.wait(wait, &mut completed)?;
        // what has left is told before what has come
        completed.sort_by_key(|completed| matches!(completed, Completed::Transfer { side: Side::Read, .. }));
        for completed in completed.drain(..) {
            match completed {
                Completed::Accept(accepted) => {
                    match accepted {
                        Ok(stream) => {
                            connections.insert(next_id, Served::new(stream, config, now()));
                            ready.insert(next_id);
                            next_id += 1;
                        }
                        Err(_) => thread::sleep(Duration::from_millis(1)), // no descriptors for a while
                    }
                    if DRAINS.load(Relaxed) {
                        listener = None;
                        connections.values_mut().for_each(|connection| connection.drive.close_after_exchange(now()));
                        ready.extend(connections.keys());
                    }
                    listener.iter().for_each(|listener| queue.accept(listener));
                }
                Completed::Transfer { id, side, memory, result } => {
                    let Some(connection) = connections.get_mut(&id) else { continue };
                    match side {
                        Side::Read => connection.has_read(now(), memory, result),
                        Side::Write => connection.has_written(now(), id, memory, result, queue),
                    }
                    ready.insert(id);
                }
            }
        }
        // deadlines after all that has completed, and only of those for whom nothing has
        let at = now();
        for (_, id) in due.range(..=(at, usize::MAX)) {
            if let (Some(connection), true) = (connections.get_mut(id), ready.insert(*id)) {
                connection.drive.timeout(at);
            }
        }
        while let Some(id) = ready.pop_first() {
            let Some(connection) = connections.get_mut(&id) else { continue };
            if let Some(at) = connection.due {
                due.remove(&(at, id));
            }
            connection.go_on(id, queue, now)?;
            if let Some(at) = connection.due {
                due.insert((at, id));
            }
            if connection.is_over() {
                connections.remove(&id);
            }
        }
    }
    Ok(())
}

/// A connection, and the answer to its request.
struct Served<'c> {
    stream: Arc<TcpStream>,
    drive: Drive<Server, Vec<u8>, &'c Config<Server>>,
    method: MethodKind,
    answer: Vec<u8>,
    sent: usize,
    /// The queue holds the memory of what is received.
    reads: bool,
    /// Which part of what the queue holds is being written.
    writes: Option<Range<usize>>,
    /// Memory for what is sent next.
    spare: Vec<u8>,
    /// Until when to wait.
    due: Option<Instant>,
    shut: bool,
}

impl<'c> Served<'c> {
    fn new(stream: TcpStream, config: &'c Config<Server>, now: Instant) -> Self {
        let _ = stream.set_nodelay(true); // if it fails, so will reading
        let drive = Drive::new(now, config, Vec::new(), Vec::new());
        let (stream, method, answer, spare) = (Arc::new(stream), MethodKind::Other, Vec::new(), Vec::new());
        Self { stream, drive, method, answer, sent: 0, reads: false, writes: None, spare, due: None, shut: false }
    }

    fn has_read(&mut self, now: Instant, memory: Vec<u8>, result: io::Result<usize>) {
        self.reads = false;
        self.drive.return_input(memory);
        self.drive.read_result(now, result);
    }

    fn has_written(
        &mut self,
        now: Instant,
        id: usize,
        memory: Vec<u8>,
        result: io::Result<usize>,
        queue: &mut dyn Queue,
    ) {
        let part = self.writes.take().unwrap_or_default();
        let rest = match &result {
            Ok(octets) => part.start + octets..part.end,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => part,
            Err(_) => part.end..part.end,
        };
        self.drive.write_result(now, result);
        if rest.is_empty() || self.shut {
            self.spare = memory;
        } else {
            self.writes = Some(rest.clone());
            queue.transfer(id, Side::Write, &self.stream, memory, rest);
        }
    }

    /// Does what is next, until the transport is waited for. An error is a mistake in this function.
    fn go_on(&mut self, id: usize, queue: &mut dyn Queue, now: &dyn Fn() -> Instant) -> Result<(), SendError> {
        self.due = None;
        while !self.shut {
            match self.drive.poll(now()) {
                Step::Event(Event::Request(head)) => {
                    self.method = head.method.kind();
                    self.answer.clear();
                }
                Step::Event(Event::Content(piece)) => self.answer.extend_from_slice(piece),
                Step::Event(Event::End { .. }) if self.method != MethodKind::Post => self.answer = b"Hello\n".to_vec(),
                Step::Respond => {
                    self.sent = self.drive.respond_with(now(), StatusCode::OK, NO_FIELDS, &self.answer)?;
                }
                Step::Content => self.sent += self.drive.send_content(now(), &self.answer[self.sent..])?,
                Step::Transport(transport) => {
                    let wanted = transport.write != Attempt::No;
                    if let Some(part) = wanted.then(|| self.drive.take_output(&mut self.spare)).flatten() {
                        self.writes = Some(part.clone());
                        queue.transfer(id, Side::Write, &self.stream, std::mem::take(&mut self.spare), part);
                    }
                    // a look takes the read that is under way, if there is one
                    let wanted = transport.read != Attempt::No;
                    if let Some((memory, room)) = wanted.then(|| self.drive.lend_input()).flatten() {
                        self.reads = true;
                        queue.transfer(id, Side::Read, &self.stream, memory, room);
                    }
                    let now = now();
                    self.due = self.drive.wait(now).map(|wait| now.saturating_add(wait));
                    return Ok(());
                }
                Step::Shut(Shut::HalfClose(_)) => self.drive.shut_result(now(), self.stream.shutdown(Shutdown::Write)),
                Step::Shut(shut) => {
                    if matches!(shut, Shut::Reset(_)) {
                        let _ = socket2::SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO));
                    }
                    self.shut = true;
                }
                Step::HandOver(_) | Step::Closed => self.shut = true,
                _ => {}
            }
        }
        if !self.is_over() {
            let _ = self.stream.shutdown(Shutdown::Both); // what is under way completes, and gives its memory back
        }
        Ok(())
    }

    /// It is shut, and nothing of it is under way.
    fn is_over(&self) -> bool {
        self.shut && !self.reads && self.writes.is_none()
    }
}
