//! Servers of several manners, at the other end of a connection without a network: what they send is known from the request on, and
//! is there when its time has come.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use http_keepalive::{
    Client, Config, Connection, Content, Deadline, Eof, Event, Instant, Method, Outcome, ReadWant, Request, Shut,
};

use super::executor::Clock;

/// How a server behaves; also the key of its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Manner {
    /// Answers soon, and stays.
    Stays,
    /// Says how long it stays, and closes then.
    Hints,
    /// Closes soon after a response, without a word.
    ClosesSilently,
    /// Says `close` now and then.
    SaysClose,
    /// Answers slowly, in pieces.
    Slow,
    /// Breaks off within a response, now and then; and says 408 to an idle connection before it closes.
    Rude,
}

pub const MANNERS: [Manner; 6] =
    [Manner::Stays, Manner::Hints, Manner::ClosesSilently, Manner::SaysClose, Manner::Slow, Manner::Rude];

/// What arrives.
enum Piece {
    Octets(Vec<u8>),
    End,
}

/// The same numbers each time.
pub struct Random(u64);

impl Random {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Below `below`.
    pub fn number(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

const fn ms(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// A connection: its machine, and its server.
pub struct Wire {
    pub machine: Connection<Client, &'static Config<Client>>,
    pub manner: Manner,
    clock: Rc<Clock>,
    random: Random,
    served: u64,
    arriving: VecDeque<(Instant, Piece)>,
    input: Vec<u8>,
    /// Counts the connections that there are.
    _alive: Rc<()>,
}

/// What became of a request.
pub enum Exchange {
    /// It was answered so.
    Answered(String),
    /// The connection was lost.
    Lost,
}

impl Wire {
    pub fn new(clock: &Rc<Clock>, manner: Manner, seed: u64, alive: &Rc<()>) -> Self {
        Self {
            machine: Connection::new(clock.now(), &Config::DEFAULT),
            manner,
            clock: Rc::clone(clock),
            random: Random::new(seed),
            served: 0,
            arriving: VecDeque::new(),
            input: Vec::new(),
            _alive: Rc::clone(alive),
        }
    }

    /// Octets that were read and not offered, or not taken.
    pub fn unread(&self) -> usize {
        self.input.len()
    }

    /// Something has arrived that was not read.
    pub fn has_arrived(&self) -> bool {
        self.arriving.front().is_some_and(|(at, _)| *at <= self.clock.now())
    }

    /// The server has a request: what it will send, and when.
    fn serve(&mut self, request: &[u8]) {
        let now = self.clock.now();
        let under_way = if self.manner == Manner::ClosesSilently { ms(8) } else { Duration::ZERO };
        if matches!(self.arriving.back(), Some((at, Piece::End)) if *at <= now + under_way) {
            // it has closed already, and this side will see it later
            return;
        }
        // it meant to close or to complain, and has a request instead
        self.arriving.clear();
        self.served += 1;
        let text = std::str::from_utf8(request).expect("text");
        let number = text.strip_prefix("GET /").and_then(|rest| rest.split(' ').next()).expect("a request of ours");
        let random = &mut self.random;
        let soon = now + ms(1 + random.number(10));
        let whole =
            |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n{number}", number.len());
        let mut send = |at, octets: &str| self.arriving.push_back((at, Piece::Octets(octets.as_bytes().to_vec())));
        let end = match self.manner {
            Manner::Stays => {
                send(soon, &whole(""));
                None
            }
            Manner::Hints => {
                send(soon, &whole("Connection: keep-alive\r\nKeep-Alive: timeout=3\r\n"));
                Some(soon + ms(3000))
            }
            Manner::ClosesSilently => {
                send(soon, &whole(""));
                Some(soon + ms(random.number(40)))
            }
            Manner::SaysClose => {
                let closes = self.served % 5 == 0;
                send(soon, &whole(if closes { "Connection: close\r\n" } else { "" }));
                closes.then_some(soon)
            }
            Manner::Slow => {
                let head = soon + ms(10);
                send(head, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                for (place, digit) in number.chars().enumerate() {
                    send(head + ms(4 * place as u64), &format!("1\r\n{digit}\r\n"));
                }
                send(head + ms(4 * number.len() as u64), "0\r\n\r\n");
                None
            }
            Manner::Rude if random.number(4) == 0 => {
                // of the head, or of the content
                let part = whole("X-Much: to say\r\n");
                let most = part.len() as u64;
                send(soon, &part[..random.number(most) as usize]);
                Some(soon + ms(3))
            }
            Manner::Rude => {
                send(soon, &whole(""));
                let bored = soon + ms(random.number(60));
                send(bored, "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
                Some(bored)
            }
        };
        self.arriving.extend(end.map(|at| (at, Piece::End)));
    }

    /// Reads what has arrived, and offers it: what became of the exchange, if one is over. The content of a response is put together in
    /// `content`.
    pub fn read(&mut self, content: &mut Option<String>) -> Option<Exchange> {
        let now = self.clock.now();
        while self.has_arrived() {
            let Some((_, piece)) = self.arriving.pop_front() else { break };
            match piece {
                Piece::Octets(octets) => self.input.extend(octets),
                Piece::End => {
                    if let Some(exchange) = self.offer(content) {
                        // the end is for the next one who looks
                        self.arriving.push_front((now, Piece::End));
                        return Some(exchange);
                    }
                    let _ = self.machine.receive_eof(now, Eof::Clean);
                    return Some(self.offer(content).unwrap_or(Exchange::Lost));
                }
            }
            if let Some(exchange) = self.offer(content) {
                return Some(exchange);
            }
        }
        self.offer(content)
    }

    fn offer(&mut self, content: &mut Option<String>) -> Option<Exchange> {
        let now = self.clock.now();
        loop {
            let Ok(received) = self.machine.receive(now, &self.input) else { return Some(Exchange::Lost) };
            let consumed = received.consumed;
            let mut over = None;
            let is_event = match received.outcome {
                Outcome::Event(Event::Response(_)) => {
                    *content = Some(String::new());
                    true
                }
                Outcome::Event(Event::Content(piece)) => {
                    content.get_or_insert_default().push_str(std::str::from_utf8(piece).expect("text"));
                    true
                }
                Outcome::Event(Event::End { .. }) => {
                    over = content.take().map(Exchange::Answered);
                    true
                }
                Outcome::Event(_) => true,
                _ => false,
            };
            self.input.drain(..consumed);
            if over.is_some() || !is_event {
                return over;
            }
        }
    }

    /// Sends a request.
    pub fn send(&mut self, number: usize) {
        let now = self.clock.now();
        assert!(!self.has_arrived() && self.unread() == 0, "what was there before a request is never its answer");
        let (target, mut out) = (format!("/{number}"), [0; 256]);
        let request = Request::new(Method::new(b"GET"), target.as_bytes());
        let sent = self.machine.send_request(now, &request, [("Host", "a")], Content::Empty, &mut out);
        let octets = sent.expect("the machine said that it is reusable");
        self.serve(&out[..octets]);
        self.machine.handle_sent(now, octets as u64);
    }

    /// When something may happen.
    pub fn next(&self) -> Instant {
        let arrives = self.arriving.front().map(|(at, _)| *at);
        let due = self.machine.next_deadline().map(|Deadline { at, .. }| at);
        arrives.into_iter().chain(due).min().expect("a request has a deadline")
    }

    /// What is due is done. `true`: it was closed.
    pub fn expire(&mut self) -> bool {
        let now = self.clock.now();
        while self.machine.handle_timeout(now).is_some() {
            if self.machine.wants().read == ReadWant::LookOnce {
                self.machine.nothing_to_read(now);
            }
        }
        matches!(self.machine.wants().shut, Some(Shut::Close(_) | Shut::Reset(_)))
    }
}
