//! A small blocking driver that obeys the pool and the machine, and nothing else.
//!
//! The order of calls: send, say what left, read. Before a connection is used again it is looked at where the pool says so.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use http_keepalive::drive::is_wait_over;
use http_keepalive::pool::{
    Checkin, Checkout, Demand, Due, Ended, Lease, Look, Patience, Pool, PoolConfig, Returned, Source,
};
use http_keepalive::retry::{Advice, Evidence, RetryVerdict, Sent};
use http_keepalive::{
    Client, CloseReason, Config, Connection, Content, Eof, Event, Limits, Method, Outcome, Policy, Request, Reusable,
    StatusCode, Timeouts,
};

/// How a request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// At once.
    Whole,
    /// Its first octet, and a while later the others.
    Split(Duration),
    /// A while after the machine wrote it, and after one more look.
    Late(Duration),
}

/// One try of a request.
#[derive(Clone, Copy, Debug)]
pub struct Try {
    /// The connection's port.
    pub port: u16,
    /// Octets that were said before this instant were there before the request: the driver could see them then. The last look
    /// before its first octet left, or else when that left.
    pub seen: Instant,
    /// Interim responses that were delivered.
    pub interim: u32,
}

/// How a request ended.
#[derive(Clone, Debug)]
pub enum End {
    Answer(u16, String),
    Verdict(RetryVerdict),
    /// Not as it should.
    Stuck(String),
}

/// A request, its tries, and its end.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method and the target.
    pub request: String,
    pub tries: Vec<Try>,
    pub end: End,
}

pub struct Driver {
    origin: SocketAddr,
    began: Instant,
    pool: Pool<SocketAddr, u64>,
    idle: HashMap<u64, Wire>,
    opened: u64,
}

impl Driver {
    pub fn new(origin: SocketAddr) -> Self {
        let began = Instant::now();
        let pool = Pool::new(http_keepalive::Instant::EPOCH, &PoolConfig::DEFAULT);
        Self { origin, began, pool, idle: HashMap::new(), opened: 0 }
    }

    fn now(&self) -> http_keepalive::Instant {
        http_keepalive::Instant::since(self.began, Instant::now())
    }

    /// One request, repeated where the verdict says so.
    pub fn ask(&mut self, method: &str, target: &str, manner: Manner) -> Asked {
        let mut asked = Asked { request: format!("{method} {target}"), tries: Vec::new(), end: stuck("no try") };
        for attempts in 0..MOST_TRIES {
            let source = if attempts == 0 { Source::Any } else { Source::New };
            let (mut wire, lease) = match self.take(source) {
                Ok(taken) => taken,
                Err(why) => {
                    asked.end = stuck(&why);
                    return asked;
                }
            };
            let (answer, id) = (wire.exchange(method, target, manner), wire.number);
            asked.tries.push(Try { port: wire.port, seen: wire.seen, interim: wire.interim });
            let verdict = match answer {
                Ok((status, content)) => {
                    let kind = Method::new(method.as_bytes()).kind();
                    let status_code = StatusCode::new(status);
                    let evidence =
                        Evidence { status: status_code, sent: Sent::All, ..Evidence::new(kind).after(attempts) };
                    let is_refused = status >= 400;
                    self.give_back(wire, lease);
                    if !is_refused {
                        asked.end = End::Answer(status, content);
                        return asked;
                    }
                    evidence.verdict()
                }
                Err(why) => {
                    let now = self.now();
                    let _ = self.pool.closed(now, lease, Ended::ByPeer);
                    let Some(left) = wire.machine.unanswered().next() else {
                        asked.end = stuck(&format!("no verdict on connection {id}: {why}"));
                        return asked;
                    };
                    left.evidence.after(attempts).verdict()
                }
            };
            if verdict.advice != Advice::Retry {
                asked.end = End::Verdict(verdict);
                return asked;
            }
        }
        asked.end = stuck("repeated for ever");
        asked
    }

    /// A connection, as the pool says.
    fn take(&mut self, source: Source) -> Result<(Wire, Lease), String> {
        let demand = Demand::DEFAULT.with_patience(Patience::None).with_source(source);
        loop {
            let now = self.now();
            while let Some(due) = self.pool.expire(now) {
                if let Due::Close { id, .. } = due {
                    self.idle.remove(&id);
                }
            }
            let permit = match self.pool.checkout(now, &self.origin, demand) {
                Checkout::Reuse { id, lease, look } => {
                    let Some(mut wire) = self.idle.remove(&id) else { return Err("not idle".into()) };
                    wire.seen = Instant::now();
                    wire.looked = look == Look::First;
                    if wire.looked {
                        wire.read(Some(Duration::ZERO));
                        let _ = wire.offer();
                    }
                    match wire.reusable() {
                        Reusable::Now { .. } => return Ok((wire, lease)),
                        Reusable::No(CloseReason::Unsolicited) => {
                            let _ = self.pool.closed(self.now(), lease, Ended::Unsolicited);
                        }
                        _ => drop(self.pool.closed(self.now(), lease, Ended::DeadAtReuse)),
                    }
                    continue;
                }
                Checkout::EvictThenOpen { victim, permit, .. } => {
                    self.idle.remove(&victim);
                    permit
                }
                Checkout::Open(permit) => permit,
                other => return Err(format!("{other:?}")),
            };
            self.opened += 1;
            let wire = match Wire::open(self.origin, self.began, self.opened) {
                Ok(wire) => wire,
                Err(error) => {
                    let _ = self.pool.failed(self.now(), permit);
                    return Err(error.to_string());
                }
            };
            let lease = self.pool.opened(self.now(), permit, self.opened).map_err(|stale| stale.to_string())?;
            return Ok((wire, lease));
        }
    }

    fn give_back(&mut self, mut wire: Wire, lease: Lease) {
        // what came after the answer is offered again
        if let Reusable::Wait(_) = wire.reusable() {
            let _ = wire.offer();
        }
        let now = self.now();
        let Reusable::Now { until } = wire.reusable() else {
            let _ = self.pool.closed(now, lease, Ended::ByUs);
            return;
        };
        let returned = Returned::new(wire.machine.persistence()).with_until(until);
        match self.pool.checkin(now, lease, &returned) {
            Ok(Checkin::Kept(_)) => drop(self.idle.insert(wire.number, wire)),
            Ok(Checkin::KeptFor { victim, .. }) => {
                self.idle.insert(wire.number, wire);
                self.idle.remove(&victim);
            }
            Ok(Checkin::Close(_)) | Err(_) => {}
        }
    }
}

fn stuck(why: &str) -> End {
    End::Stuck(why.to_owned())
}

struct Wire {
    machine: Connection<Client, Rc<Config<Client>>>,
    stream: TcpStream,
    began: Instant,
    input: Vec<u8>,
    number: u64,
    port: u16,
    seen: Instant,
    looked: bool,
    interim: u32,
    /// The status and the content, as far as they came.
    answer: (u16, Vec<u8>),
}

/// The status and the content of an answer, or why there is none: then the connection has ended.
type Exchanged = Result<(u16, String), String>;

impl Wire {
    fn open(origin: SocketAddr, began: Instant, number: u64) -> std::io::Result<Self> {
        let stream = TcpStream::connect_timeout(&origin, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let timeouts = Timeouts::CLIENT.with_response(Some(PATIENCE));
        let config = Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).unwrap_or_default();
        let now = http_keepalive::Instant::since(began, Instant::now());
        let port = stream.local_addr()?.port();
        let (machine, seen) = (Connection::new(now, Rc::new(config)), Instant::now());
        let (input, answer) = (Vec::new(), (0, Vec::new()));
        Ok(Self { machine, stream, began, input, number, port, seen, looked: false, interim: 0, answer })
    }

    fn now(&self) -> http_keepalive::Instant {
        http_keepalive::Instant::since(self.began, Instant::now())
    }

    fn reusable(&self) -> Reusable {
        self.machine.reusable(self.now())
    }

    /// A request and its answer: the status and the content. Otherwise the connection has ended.
    fn exchange(&mut self, method: &str, target: &str, manner: Manner) -> Exchanged {
        self.interim = 0;
        let content: &[u8] = if method == "POST" { b"n=1" } else { b"" };
        let length = if content.is_empty() { Content::Empty } else { Content::Exact(content.len() as u64) };
        let request = Request::new(Method::new(method.as_bytes()), target.as_bytes()).with_replayable(true);
        let (now, mut out) = (self.now(), [0; 1024]);
        let sent = self.machine.send_request(now, &request, [("Host", "localhost")], length, &mut out);
        let mut written = sent.map_err(|error| error.to_string())?;
        if !content.is_empty() {
            let sent = self.machine.send_content(now, content, &mut out[written..]);
            written += sent.map_err(|error| error.to_string())?.written;
        }
        let mut out = &out[..written];
        if let Manner::Late(pause) = manner {
            thread::sleep(pause);
            (self.seen, self.looked) = (Instant::now(), true);
            self.read(Some(Duration::ZERO));
            if let Some(end) = self.offer() {
                return end;
            }
        }
        if !self.looked {
            self.seen = Instant::now();
        }
        if let (Manner::Split(pause), false) = (manner, self.machine.lifecycle().has_ended()) {
            self.write(&mut out, 1);
            thread::sleep(pause);
        }
        while !out.is_empty() && !self.machine.lifecycle().has_ended() {
            let all = out.len();
            if !self.write(&mut out, all) {
                break;
            }
        }
        self.answer()
    }

    /// Whether anything left. Where writing fails, what the peer has said may still be read (RFC 9112 9.5).
    fn write(&mut self, out: &mut &[u8], most: usize) -> bool {
        let sent = self.stream.write(&out[..most]).unwrap_or(0);
        let now = self.now();
        if sent > 0 {
            self.machine.handle_sent(now, sent as u64);
        }
        *out = &out[sent..];
        sent > 0
    }

    /// Each write says how much it took, so that what is pending has not left.
    fn say_what_left(&mut self) {
        if self.machine.lifecycle().octets_pending() > 0 {
            self.machine.nothing_left(self.now());
        }
    }

    fn answer(&mut self) -> Exchanged {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(end) = self.offer() {
                return end;
            }
            let due = self.machine.next_deadline().map(|due| due.at.saturating_duration_since(self.now()));
            self.read(Some(due.unwrap_or(PATIENCE).clamp(Duration::from_millis(1), PATIENCE)));
            while self.machine.handle_timeout(self.now()).is_some() {}
        }
        Err("no end".into())
    }

    /// Offers what there is, event by event: the end of the exchange or of the connection, if it is one.
    fn offer(&mut self) -> Option<Exchanged> {
        loop {
            let now = self.now();
            let received = match self.machine.receive(now, &self.input) {
                Ok(received) => received,
                Err(error) => return Some(Err(error.to_string())),
            };
            let (mut is_over, mut is_more) = (false, true);
            match &received.outcome {
                Outcome::Event(Event::Interim(_)) => self.interim += 1,
                Outcome::Event(Event::Response(head)) => self.answer = (head.status.as_u16(), Vec::new()),
                Outcome::Event(Event::Content(piece)) => self.answer.1.extend_from_slice(piece),
                Outcome::Event(Event::End { .. }) => is_over = true,
                Outcome::Event(_) => {}
                Outcome::NeedMore | Outcome::Paused(_) => is_more = false,
            }
            self.input.drain(..received.consumed);
            if is_over {
                return Some(Ok((self.answer.0, String::from_utf8_lossy(&self.answer.1).into_owned())));
            }
            if !is_more {
                return self.machine.lifecycle().has_ended().then(|| Err("the connection ended".into()));
            }
        }
    }

    /// Reads what there is, waiting so long for the first octet.
    fn read(&mut self, wait: Option<Duration>) {
        let mut piece = [0; 16 * 1024];
        let at_once = wait == Some(Duration::ZERO);
        let set = match at_once {
            true => self.stream.set_nonblocking(true),
            false => self.stream.set_read_timeout(wait),
        };
        let read = set.and_then(|()| self.stream.read(&mut piece));
        if at_once {
            let _ = self.stream.set_nonblocking(false);
        }
        let now = self.now();
        self.say_what_left();
        match read {
            Ok(0) => drop(self.machine.receive_eof(now, Eof::Clean)),
            Ok(octets) => self.input.extend_from_slice(&piece[..octets]),
            Err(error) if is_wait_over(&error) => {}
            Err(_) => self.machine.transport_failed(now),
        }
    }
}

/// More can not be, where each new connection answers its first request.
const MOST_TRIES: u32 = 6;
const PATIENCE: Duration = Duration::from_secs(5);
