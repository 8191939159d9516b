//! One connection: a blocking socket, its machine, and what lies between them.

mod sending;

use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::rc::Rc;
use std::time::Duration;

use http_keepalive::retry::Unanswered;
use http_keepalive::{
    Account, Client, CloseReason, Config, Connection, ConnectionSummary, Eof, Event, ExchangeSummary, Outcome,
    Persistence, ReadWant, Reusable, Shut, Timeouts, Turn,
};

use crate::happened::{Happened, tell};
use crate::target::{Clock, Origin};
use crate::trace::Trace;
use crate::upload::Ledger;

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
    /// What was handed out and has left, since the connection opened.
    pub ledger: Ledger,
    /// When octets left last, or began to wait: what is left to send where nothing more is awaited is given up by it.
    moved: std::time::Instant,
    /// Why nothing goes any more: what the peer has said may still be read (RFC 9112 9.5).
    failure: Option<String>,
    /// The last answer was complete before its request had left.
    is_early: bool,
    closed: bool,
    trace: Option<Trace>,
    account: Account,
    /// Exchanges that are over, and not told.
    over: Vec<ExchangeSummary>,
    /// By which the pool knows it.
    pub number: u64,
}

impl Wire {
    /// Opens a connection; `config` makes its settings from the time that took. What happens on it is written to `trace`.
    pub fn open(
        origin: &Origin,
        clock: Clock,
        config: impl FnOnce(Duration) -> Config<Client<DEPTH>>,
        mut trace: Option<Trace>,
    ) -> Result<Self, String> {
        let failed = |error: io::Error| format!("cannot connect to {origin}: {error}");
        let began = std::time::Instant::now();
        let addresses = (origin.host.as_str(), origin.port).to_socket_addrs().map_err(failed)?;
        let mut last = io::Error::new(ErrorKind::NotFound, "no address");
        for address in addresses {
            match TcpStream::connect_timeout(&address, Duration::from_secs(10)) {
                Ok(stream) => {
                    stream.set_nodelay(true).map_err(failed)?;
                    let (now, config) = (clock.now(), Rc::new(config(began.elapsed())));
                    if let Some(trace) = &mut trace {
                        trace.opened(now, &config);
                    }
                    return Ok(Self {
                        machine: Connection::new(now, config),
                        stream,
                        clock,
                        input: Vec::new(),
                        output: Vec::new(),
                        left: 0,
                        ledger: Ledger::default(),
                        moved: std::time::Instant::now(),
                        failure: None,
                        is_early: false,
                        closed: false,
                        trace,
                        account: Account::new(now),
                        over: Vec::new(),
                        number: 0,
                    });
                }
                Err(error) => last = error,
            }
        }
        Err(failed(last))
    }

    /// The server speaks HTTP/1.1, as connections before this one have shown.
    pub fn knows_http11(&mut self) {
        self.machine.knows_http11();
        let now = self.clock.now();
        self.note(|trace, _| trace.fact(now, "knows_http11", &true.into()));
    }

    /// Writes to the trace, if there is one. `late`: a deadline is due, and what is found now a look has found.
    fn note(&mut self, write: impl FnOnce(&mut Trace, bool)) {
        if let Some(trace) = &mut self.trace {
            let is_due = self.machine.next_deadline().is_some_and(|deadline| deadline.at <= self.clock.now());
            let wants = self.machine.wants();
            write(trace, is_due || wants.flush_once || wants.read == ReadWant::LookOnce);
        }
    }

    /// May a request be sent? Looks at the socket first: the peer may have closed it.
    pub fn reusable(&mut self) -> Reusable {
        if self.machine.lifecycle().is_idle() && self.machine.lifecycle().requests() > 0 {
            self.read(Some(Duration::ZERO), &mut Vec::new());
            self.shut();
        }
        self.machine.reusable(self.clock.now())
    }

    /// Is content to be sent now?
    pub fn wants_content(&self) -> bool {
        self.machine.wants().application == Some(Turn::Content)
    }

    /// Carries octets both ways, and waits until something happens: what did. `has_more`: there is content to send, so that
    /// only a look is taken at what comes. What there is to read is read before deadlines pass, and looked for once more before one
    /// that has passed takes effect: this process may have been stopped while it waited.
    pub fn turn(&mut self, has_more: bool) -> Vec<Happened> {
        let mut happened = Vec::new();
        self.flush(PATIENCE);
        let now = self.clock.now();
        let wait = self.machine.next_deadline().map(|deadline| deadline.at.saturating_duration_since(now));
        // nothing is waited for where all is answered, and the last octet of the request has left just now
        let busy = has_more || self.waiting() > 0 || self.machine.is_idle();
        if !self.closed {
            self.read(if busy { Some(Duration::ZERO) } else { wait }, &mut happened);
        }
        self.say_what_left();
        while let Some(deadline) = self.machine.handle_timeout(self.clock.now()) {
            self.account.expired(deadline);
            happened.push(Happened::Expired(deadline));
            self.look(&mut happened);
            let now = self.clock.now();
            self.note(|trace, _| trace.time(now));
        }
        self.shut();
        self.sum_up();
        happened.extend(self.over.drain(..).map(Happened::Exchange));
        if let Some(trace) = &mut self.trace {
            trace.flush();
        }
        happened
    }

    /// An exchange may be over.
    fn sum_up(&mut self) {
        self.over.extend(self.account.look(self.clock.now(), &self.machine));
    }

    /// What the connection has come to.
    pub fn summary(&self) -> ConnectionSummary {
        self.account.summary(self.clock.now(), &self.machine)
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

    /// Why nothing goes any more, if so.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// What ended the connection, for people: what the system said, the deadline that passed, or the reason.
    pub fn why_it_ended(&self) -> String {
        if let Some(failure) = &self.failure {
            return failure.clone();
        }
        let Some(reason) = self.close_reason() else { return "the connection ended".into() };
        let limit = limit(reason, self.machine.lifecycle().config().timeouts());
        limit.map_or_else(|| reason.to_string(), |limit| format!("{limit}: {reason}"))
    }

    /// What was left unanswered.
    pub fn unanswered(&self) -> Vec<Unanswered> {
        self.machine.unanswered().collect()
    }

    /// Reads what there is, waiting at most so long; `None`: as long as it takes.
    fn read(&mut self, wait: Option<Duration>, happened: &mut Vec<Happened>) {
        match self.machine.wants().read {
            ReadWant::No => return,
            ReadWant::Offer => return self.receive(happened),
            // octets of no answer, while a request is still being sent
            ReadWant::EofOnly if self.input.len() >= MOST_AHEAD => return,
            _ => {}
        }
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
                self.note(|trace, late| trace.eof(now, late));
                match self.machine.receive_eof(now, Eof::Clean) {
                    Ok(received) => tell(&received.outcome, self.machine.persistence(), happened),
                    Err(error) => happened.push(Happened::Error(error)),
                }
                self.receive(happened);
            }
            Ok(octets) => {
                self.note(|trace, late| trace.receive(now, &piece[..octets], late));
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
            Err(error) => {
                self.failure.get_or_insert_with(|| format!("cannot read: {error}"));
                self.note(|trace, _| trace.fact(now, "failed", &"both".into()));
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
                    self.over.extend(self.account.look(self.clock.now(), &self.machine));
                    match received.outcome {
                        Outcome::Event(Event::End { .. }) => {
                            self.is_early |= self.wants_content() || self.waiting() > 0
                        }
                        Outcome::Event(_) => {}
                        _ => break,
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
            Some(Shut::Close(_)) if self.parts() => self.part(),
            Some(Shut::Close(_) | Shut::Reset(_)) => {
                self.machine.handle_shut(now);
                self.closed = true;
            }
            None => {}
        }
    }
}

/// The option that says how long was waited, in words.
fn limit(reason: CloseReason, timeouts: &Timeouts) -> Option<String> {
    let (what, option, term) = match reason {
        CloseReason::ContentTimeout => ("no content", "--gap", timeouts.content_gap),
        CloseReason::ResponseTimeout => ("no answer", "--timeout", timeouts.response),
        _ => return None,
    };
    term.map(|term| format!("{what} for {}, as {option} allows", humantime::format_duration(term)))
}

fn is_wait(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Octets that are read while none is waited for.
const MOST_AHEAD: usize = 64 * 1024;
/// Of a write: short, so that an answer that comes meanwhile is seen.
const PATIENCE: Duration = Duration::from_millis(20);
