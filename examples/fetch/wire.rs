//! One connection: a blocking socket, its machine, and what lies between them.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::rc::Rc;
use std::time::Duration;

use http_keepalive::retry::Unanswered;
use http_keepalive::{
    BodyLength, Client, CloseReason, Config, Connection, Content, Deadline, Eof, Event, Outcome, Persistence,
    ProtocolError, ReadWant, Request, Reusable, SendError, Shut, StatusCode, Turn,
};

use crate::work::{Clock, Origin};

/// As many as may be outstanding.
pub const DEPTH: usize = 64;

/// One connection to an origin.
pub struct Wire {
    pub machine: Connection<Client<DEPTH>, Rc<Config<Client<DEPTH>>>>,
    stream: TcpStream,
    clock: Clock,
    input: Vec<u8>,
    output: Vec<u8>,
    /// What was written and has left, of `output`.
    left: usize,
    /// Writing failed: what the peer has said may still be read (RFC 9112 9.5).
    write_failed: bool,
    closed: bool,
    /// By which the pool knows it.
    pub number: u64,
}

impl Wire {
    /// Opens a connection; `config` makes its settings from the time that took.
    pub fn open(
        origin: &Origin,
        clock: Clock,
        config: impl FnOnce(Duration) -> Config<Client<DEPTH>>,
    ) -> Result<Self, String> {
        let failed = |error: io::Error| format!("cannot connect to {origin}: {error}");
        let began = std::time::Instant::now();
        let addresses = (origin.host.as_str(), origin.port).to_socket_addrs().map_err(failed)?;
        let mut last = io::Error::new(ErrorKind::NotFound, "no address");
        for address in addresses {
            match TcpStream::connect_timeout(&address, Duration::from_secs(10)) {
                Ok(stream) => {
                    stream.set_nodelay(true).map_err(failed)?;
                    let config = Rc::new(config(began.elapsed()));
                    return Ok(Self {
                        machine: Connection::new(clock.now(), config),
                        stream,
                        clock,
                        input: Vec::new(),
                        output: Vec::new(),
                        left: 0,
                        write_failed: false,
                        closed: false,
                        number: 0,
                    });
                }
                Err(error) => last = error,
            }
        }
        Err(failed(last))
    }

    /// May a request be sent? Looks at the socket first: the peer may have closed it.
    pub fn reusable(&mut self) -> Reusable {
        if self.machine.lifecycle().is_idle() && self.machine.lifecycle().requests() > 0 {
            self.read(Some(Duration::ZERO), &mut Vec::new());
            self.shut();
        }
        self.machine.reusable(self.clock.now())
    }

    /// Writes a request's head.
    pub fn ask(&mut self, request: &Request<'_>, fields: &[(&str, &str)], content: Content) -> Result<(), SendError> {
        let now = self.clock.now();
        let machine = &mut self.machine;
        write(&mut self.output, |out| machine.send_request(now, request, fields, content, out))
    }

    /// Writes a piece of content, or its end.
    pub fn send(&mut self, piece: Option<&[u8]>) -> Result<(), SendError> {
        let now = self.clock.now();
        let machine = &mut self.machine;
        match piece {
            None => write(&mut self.output, |out| machine.send_end(now, http_keepalive::NO_FIELDS, out)),
            Some(mut piece) => {
                while !piece.is_empty() {
                    let mut consumed = 0;
                    write(&mut self.output, |out| {
                        let sent = machine.send_content(now, piece, out)?;
                        consumed = sent.consumed;
                        Ok(sent.written)
                    })?;
                    piece = &piece[consumed..];
                }
                Ok(())
            }
        }
    }

    /// Octets that wait to be sent.
    pub fn waiting(&self) -> usize {
        self.output.len() - self.left
    }

    /// Is content to be sent now?
    pub fn wants_content(&self) -> bool {
        self.machine.wants().application == Some(Turn::Content) && !self.write_failed
    }

    /// Carries octets both ways, and waits until something happens: what did. `has_more`: there is content to send, so that
    /// only a look is taken at what comes. What there is to read is read before deadlines pass, and looked for once more before one
    /// that has passed takes effect: this process may have been stopped while it waited.
    pub fn turn(&mut self, has_more: bool) -> Vec<Happened> {
        let mut happened = Vec::new();
        self.flush(PATIENCE);
        let now = self.clock.now();
        let wait = self.machine.next_deadline().map(|deadline| deadline.at.saturating_duration_since(now));
        let busy = has_more || (self.waiting() > 0 && !self.write_failed);
        if !self.closed {
            self.read(if busy { Some(Duration::ZERO) } else { wait }, &mut happened);
        }
        self.say_what_left();
        while let Some(deadline) = self.machine.handle_timeout(self.clock.now()) {
            happened.push(Happened::Expired(deadline));
            self.look(&mut happened);
        }
        self.shut();
        happened
    }

    /// Looks at the socket where the machine asks for it: a deadline waits for what is found.
    fn look(&mut self, happened: &mut Vec<Happened>) {
        loop {
            let wants = self.machine.wants();
            if wants.flush_once {
                self.flush(Duration::ZERO);
            } else if wants.read == ReadWant::LookOnce {
                self.read(Some(Duration::ZERO), happened);
            } else {
                return;
            }
        }
    }

    /// The connection is over: nothing more will be answered.
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Why it is, as far as is known.
    pub fn close_reason(&self) -> Option<CloseReason> {
        match self.machine.persistence() {
            Persistence::Close(reason) => self.machine.ended_by().or(Some(reason)),
            _ => None,
        }
    }

    /// What was left unanswered.
    pub fn unanswered(&self) -> Vec<Unanswered> {
        self.machine.unanswered().collect()
    }

    /// Writes what waits, waiting at most so long.
    fn flush(&mut self, wait: Duration) {
        let wants = self.machine.wants();
        if !wants.flush_once && (self.waiting() == 0 || self.write_failed) {
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
                self.machine.handle_sent(self.clock.now(), octets as u64);
                if self.left == self.output.len() {
                    self.output.clear();
                    self.left = 0;
                }
                return;
            }
            // by a signal: it is to be tried again
            Err(error) if error.kind() == ErrorKind::Interrupted => return,
            Err(error) if is_wait(&error) => {}
            Err(_) => self.write_failed = true,
        }
        if wants.flush_once {
            self.machine.handle_sent(self.clock.now(), 0);
        }
    }

    /// Each write has said how much it took: what is still here has not left, and a request of which that is all may be repeated.
    fn say_what_left(&mut self) {
        if self.waiting() > 0 {
            self.machine.nothing_left(self.clock.now());
        }
    }

    /// Reads what there is, waiting at most so long; `None`: as long as it takes.
    fn read(&mut self, wait: Option<Duration>, happened: &mut Vec<Happened>) {
        let mut piece = [0; 64 * 1024];
        let at_once = wait == Some(Duration::ZERO);
        let set = match at_once {
            true => self.stream.set_nonblocking(true),
            false => self.stream.set_read_timeout(wait.map(|wait| wait.max(Duration::from_millis(1)))),
        };
        let read = set.and_then(|()| self.stream.read(&mut piece));
        if at_once {
            let _ = self.stream.set_nonblocking(false);
        }
        let now = self.clock.now();
        self.say_what_left();
        match read {
            Ok(0) => {
                match self.machine.receive_eof(now, Eof::Clean) {
                    Ok(received) => tell(&received.outcome, self.machine.persistence(), happened),
                    Err(error) => happened.push(Happened::Error(error)),
                }
                self.receive(happened);
            }
            Ok(octets) => {
                self.input.extend_from_slice(&piece[..octets]);
                self.receive(happened);
            }
            // by a signal, perhaps one that ended a long stop: what came meanwhile is there
            Err(error) if error.kind() == ErrorKind::Interrupted => self.read(Some(Duration::ZERO), happened),
            Err(error) if is_wait(&error) => {
                if self.machine.wants().read == ReadWant::LookOnce {
                    self.machine.nothing_to_read(now);
                }
            }
            Err(_) => {
                self.machine.transport_failed(now);
                self.closed = true;
            }
        }
    }

    /// What was received, event by event.
    fn receive(&mut self, happened: &mut Vec<Happened>) {
        let mut consumed = 0;
        loop {
            match self.machine.receive(self.clock.now(), &self.input[consumed..]) {
                Ok(received) => {
                    consumed += received.consumed;
                    tell(&received.outcome, self.machine.persistence(), happened);
                    if !matches!(received.outcome, Outcome::Event(_)) {
                        break;
                    }
                }
                Err(error) => {
                    happened.push(Happened::Error(error));
                    break;
                }
            }
        }
        self.input.drain(..consumed);
    }

    fn shut(&mut self) {
        let now = self.clock.now();
        match self.machine.wants().shut {
            Some(Shut::HalfClose(_)) => {
                let _ = self.stream.shutdown(Shutdown::Write);
                self.machine.handle_shut(now);
            }
            Some(Shut::Close(_) | Shut::Reset(_)) => {
                self.machine.handle_shut(now);
                self.closed = true;
            }
            None => {}
        }
    }
}

/// What happened on a connection.
pub enum Happened {
    /// An interim response.
    Interim(StatusCode),
    /// A final response's head; the octets of its content, where they are known.
    Response { status: StatusCode, head: String, octets: Option<u64> },
    /// A piece of its content.
    Content(Vec<u8>),
    /// It is complete: what that means for the connection.
    End(Persistence),
    /// What the peer did wrong.
    Error(ProtocolError),
    /// A deadline passed.
    Expired(Deadline),
}

fn tell(outcome: &Outcome<'_>, persistence: Persistence, happened: &mut Vec<Happened>) {
    let Outcome::Event(event) = outcome else { return };
    match event {
        Event::Interim(head) => happened.push(Happened::Interim(head.status)),
        Event::Response(head) => {
            let mut text = format!("HTTP/1.{} {} {}\n", head.version.minor, head.status, head.reason.escape_ascii());
            for line in &head.fields {
                let value: Vec<u8> = line.value.octets().collect();
                text += &format!("{}: {}\n", line.name.escape_ascii(), String::from_utf8_lossy(&value));
            }
            let octets = match head.framing.length {
                BodyLength::Exact(octets) => Some(octets),
                BodyLength::Empty => Some(0),
                BodyLength::Chunked | BodyLength::UntilClose => None,
            };
            happened.push(Happened::Response { status: head.status, head: text, octets });
        }
        Event::Content(octets) => happened.push(Happened::Content(octets.to_vec())),
        Event::End { .. } => happened.push(Happened::End(persistence)),
        _ => {}
    }
}

/// Has `send` write behind `output`, into as much room as it needs.
fn write(output: &mut Vec<u8>, mut send: impl FnMut(&mut [u8]) -> Result<usize, SendError>) -> Result<(), SendError> {
    let (before, mut room) = (output.len(), 16 * 1024);
    loop {
        output.resize(before + room, 0);
        match send(&mut output[before..]) {
            Ok(octets) => {
                output.truncate(before + octets);
                return Ok(());
            }
            Err(SendError::OutputTooSmall { needed }) if needed > room => room = needed,
            Err(error) => {
                output.truncate(before);
                return Err(error);
            }
        }
    }
}

fn is_wait(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Of a write: short, so that an answer that comes meanwhile is seen.
const PATIENCE: Duration = Duration::from_millis(20);
