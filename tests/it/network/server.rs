//! A server: its machine, and an application that answers as the plan says.

use std::sync::Arc;
use std::time::Duration;

use http_keepalive::{Config, Content, ContentUse, Instant, NO_FIELDS, Server, StatusCode, Turn};

use super::end::{End, Fact};
use super::plan::{Ask, Framed, answer_octets, request_octets};
use super::wire::{Side, Wire};

/// A final response that went out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// What it answers; nothing, where a head was refused before it was understood.
    pub request: Option<usize>,
    pub status: u16,
    /// As far as it was handed out.
    pub content: Vec<u8>,
    pub is_whole: bool,
}

/// The request that is being answered.
struct Current {
    number: usize,
    received: usize,
    is_whole: bool,
    is_answered: bool,
    /// What the delay of its answer counts from.
    since: Instant,
    interim: u8,
    left: usize,
    /// Until then no content is taken.
    pauses: Option<Instant>,
}

impl Current {
    const fn new(number: usize, since: Instant, interim: u8) -> Self {
        Self { number, received: 0, is_whole: false, is_answered: false, since, interim, left: 0, pauses: None }
    }
}

/// A server's connection.
pub struct Serving {
    pub end: End<Server>,
    current: Option<Current>,
    pub sent: Vec<Sent>,
    /// The requests that were seen, by number.
    pub seen: Vec<usize>,
    /// It said what nobody asked for.
    pub intruded: bool,
}

impl Serving {
    pub fn new(opens: Instant, config: &Arc<Config<Server>>) -> Self {
        let end = End::new(Side::Server, opens, config);
        Self { end, current: None, sent: Vec::new(), seen: Vec::new(), intruded: false }
    }

    /// When the application has something to say.
    pub fn ready(&self, asks: &[Ask]) -> Option<Instant> {
        let current = self.current.as_ref()?;
        if let Some(until) = current.pauses.filter(|_| self.end.connection.wants().take_content) {
            return Some(until);
        }
        let reply = &asks[current.number].reply;
        let answers = (current.is_whole || reply.early) && !current.is_answered && !self.end.is_closed();
        if answers { Some(current.since + reply.delay) } else { None }
    }

    /// Says what nobody asked for, where it is not in the middle of a response: whether it did.
    pub fn intrude(&mut self, octets: &[u8]) -> bool {
        let speaks = self.current.as_ref().is_some_and(|current| current.is_answered && current.left > 0);
        if speaks || !self.end.outbox.is_empty() {
            return false;
        }
        self.intruded = true;
        self.end.inject(octets);
        true
    }

    /// Does all that can be done now.
    pub fn step(&mut self, wire: &mut Wire, now: Instant, asks: &[Ask]) {
        self.end.look(wire, now);
        for round in 0.. {
            assert!(round < 10_000, "a server spins: {:?}", self.end.connection.wants());
            let mut moved = self.end.expire(now) | self.end.read(wire, now);
            while let Some(fact) = self.end.next_fact(wire, now) {
                self.note(fact, now, asks);
                moved = true;
            }
            moved |= self.act(now, asks);
            moved |= self.end.write(wire, now);
            moved |= self.end.shut(wire, now);
            if !moved {
                break;
            }
        }
        self.end.settle(now);
    }

    fn note(&mut self, fact: Fact, now: Instant, asks: &[Ask]) {
        match (fact, &mut self.current) {
            (Fact::Request(number), _) => {
                self.seen.push(number);
                let interim = asks[number].reply.interim;
                let mut current = Current::new(number, now, interim);
                let pause = asks[number].reply.pause;
                let pauses = pause > Duration::ZERO && self.end.connection.content_use(now, ContentUse::Paused).is_ok();
                current.pauses = pauses.then(|| now + pause);
                self.current = Some(current);
            }
            (Fact::Content(content), Some(current)) => {
                let (from, to) = (current.received, current.received + content.len());
                let ask = &asks[current.number];
                assert!(to <= ask.content && request_octets(current.number, from..to) == content, "request {ask:?}");
                current.received = to;
            }
            (Fact::End, Some(current)) => {
                let ask = &asks[current.number];
                // what came after the response was dropped
                let dropped = current.is_answered && current.left == 0;
                assert!(dropped || current.received == ask.content, "request {ask:?} is whole");
                current.is_whole = true;
                if !ask.reply.early {
                    current.since = now;
                }
            }
            (Fact::PeerClosed | Fact::Error, _) => {}
            (fact, _) => panic!("a server saw {fact:?}"),
        }
    }

    fn act(&mut self, now: Instant, asks: &[Ask]) -> bool {
        let is_ready = self.ready(asks).is_some_and(|ready| ready <= now);
        if self.end.connection.wants().take_content {
            if let (Some(current), true) = (&self.current, is_ready) {
                let reply = &asks[current.number].reply;
                // the end of a response that ends with the connection waits for content that is read: its client may have given that up
                let waits = reply.early && reply.framing == Framed::UntilClose;
                let said = if waits { ContentUse::Undecided } else { ContentUse::Reading };
                self.end.connection.content_use(now, said).expect("it is to be taken");
            }
            return is_ready;
        }
        match self.end.connection.wants().application {
            Some(Turn::Refuse(_)) => self.refuse(now),
            Some(Turn::Respond | Turn::Continue) if is_ready => self.respond(now, asks),
            Some(Turn::Continue) if !self.current.as_ref().is_some_and(|current| asks[current.number].reply.early) => {
                self.write(|end, out| end.connection.send_continue(now, out).expect("it is due"));
            }
            Some(Turn::Content) if self.end.outbox.len() < 500 => self.send_content(now, asks),
            _ => return false,
        }
        true
    }

    fn write(&mut self, write: impl FnOnce(&mut End<Server>, &mut [u8]) -> usize) -> Vec<u8> {
        let mut out = [0; 1000];
        let written = write(&mut self.end, &mut out);
        self.end.outbox.extend(&out[..written]);
        out[..written].to_vec()
    }

    fn refuse(&mut self, now: Instant) {
        let octets = self.write(|end, out| end.connection.send_refusal(now, NO_FIELDS, out).expect("it is due"));
        let text = String::from_utf8_lossy(&octets);
        let status = text.split(' ').nth(1).and_then(|digits| digits.parse().ok()).expect("a status line");
        let content = text.split_once("\r\n\r\n").expect("a head").1.as_bytes().to_vec();
        // a fault in the content is that of the request being read
        let current = self.current.take().filter(|current| !current.is_whole && !current.is_answered);
        let request = current.map(|current| current.number);
        self.sent.push(Sent { request, status, content, is_whole: true });
    }

    fn respond(&mut self, now: Instant, asks: &[Ask]) {
        let Some(current) = &mut self.current else { panic!("nothing to answer") };
        let (number, reply) = (current.number, &asks[current.number].reply);
        if current.interim > 0 {
            current.interim -= 1;
            let hints = StatusCode::EARLY_HINTS;
            self.write(|end, out| end.connection.send_interim(now, hints, NO_FIELDS, out).expect("one more"));
            return;
        }
        let octets = asks[number].answer_length();
        let content = match reply.framing {
            Framed::Exact => Content::Exact(octets as u64),
            _ if octets == 0 => Content::Empty,
            Framed::Chunked => Content::Unknown,
            Framed::UntilClose => Content::UntilClose,
        };
        (current.left, current.is_answered) = (octets, true);
        let status = StatusCode::new(reply.status).expect("three digits");
        self.write(|end, out| end.connection.send_response(now, status, NO_FIELDS, content, out).expect("it is due"));
        let is_whole = octets == 0;
        self.sent.push(Sent { request: Some(number), status: reply.status, content: Vec::new(), is_whole });
    }

    fn send_content(&mut self, now: Instant, asks: &[Ask]) {
        let (Some(current), Some(sent)) = (&mut self.current, self.sent.last_mut()) else { panic!("nothing to send") };
        let from = asks[current.number].answer_length() - current.left;
        let piece = answer_octets(current.number, from..from + current.left.min(300));
        sent.content.extend(&piece);
        current.left -= piece.len();
        let ends = current.left == 0;
        sent.is_whole = ends;
        self.write(|end, out| {
            let mut written = end.connection.send_content(now, &piece, out).expect("it fits").written;
            if ends {
                written += end.connection.send_end(now, NO_FIELDS, &mut out[written..]).expect("it is whole");
            }
            written
        });
    }
}

/// The longest that an application of this plan takes.
pub fn slowest(asks: &[Ask]) -> Duration {
    asks.iter().map(|ask| ask.reply.delay + ask.reply.pause).max().unwrap_or_default()
}
