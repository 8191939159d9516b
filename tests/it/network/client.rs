//! A client's connection: its machine, the requests handed to it and the answers that came.

use std::sync::Arc;

use http_keepalive::retry::{RetryVerdict, Sent};
use http_keepalive::{Client, Config, Content, Instant, Method, NO_FIELDS, ReadWant, Request, Turn};

use super::end::{End, Fact};
use super::plan::{Ask, Scene, request_octets};
use super::wire::{Side, Wire};

/// A final response, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub content: Vec<u8>,
}

/// A request that its connection left unanswered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    pub verdict: RetryVerdict,
    /// How much of it left, as the machine has it.
    pub sent: Sent,
    /// Whether the transport took any of it.
    pub was_taken: bool,
    /// Whether a final response to it had begun.
    pub was_begun: bool,
}

pub struct Asking<const DEPTH: usize> {
    pub end: End<Client<DEPTH>>,
    /// The requests handed out, and how many octets before each.
    pub asked: Vec<(usize, u64)>,
    pub answers: Vec<Answer>,
    begun: Option<Answer>,
    /// The request whose content is being sent, and how much of it is left.
    sending: Option<(usize, usize)>,
    writes_first: bool,
    is_counted: bool,
    is_useless: bool,
}

impl<const DEPTH: usize> Asking<DEPTH> {
    pub fn new(opens: Instant, config: &Arc<Config<Client<DEPTH>>>, scene: &Scene) -> Self {
        let mut end = End::new(Side::Client, opens, config);
        if !scene.wordless {
            end.gives_word = Some(|connection, now| connection.nothing_left(now));
        }
        Self {
            end,
            asked: Vec::new(),
            answers: Vec::new(),
            begun: None,
            sending: None,
            writes_first: scene.writes_first,
            is_counted: false,
            is_useless: false,
        }
    }

    /// Hands out a request, which may be.
    pub fn ask(&mut self, now: Instant, number: usize, ask: &Ask) {
        let target = format!("/{number}");
        let request = Request::new(Method::new(ask.method.as_bytes()), target.as_bytes());
        let request = request.with_close(ask.closes).with_replayable(ask.replayable);
        let content = match ask.content {
            octets if !ask.chunked => Content::Exact(octets as u64),
            _ => Content::Unknown,
        };
        let has_content = ask.content > 0 || ask.chunked;
        let expect = [("Expect", "100-continue")].into_iter().take(usize::from(ask.expects && has_content));
        let fields = [("Host", "a")].into_iter().chain(expect);
        let mut out = [0; 300];
        let sent = self.end.connection.send_request(now, &request, fields, content, &mut out);
        let before = self.end.written + self.end.outbox.len() as u64;
        self.end.outbox.extend(&out[..sent.expect("it may be sent")]);
        self.asked.push((number, before));
        self.sending = if has_content { Some((number, ask.content)) } else { None };
    }

    /// Something was asked, and all of it has left.
    pub fn is_written(&self) -> bool {
        !self.asked.is_empty() && self.sending.is_none() && self.end.outbox.is_empty()
    }

    /// Does all that can be done now. The numbers of the requests that were answered.
    pub fn step(&mut self, wire: &mut Wire, now: Instant, asks: &[Ask]) -> Vec<usize> {
        let before = self.answers.len();
        self.end.look(wire, now);
        for round in 0.. {
            assert!(round < 10_000, "a client spins: {:?}", self.end.connection.wants());
            let mut moved = self.end.expire(now);
            let writes = !self.end.outbox.is_empty() || self.end.connection.wants().application.is_some();
            let looks = self.end.connection.wants().read == ReadWant::LookOnce;
            if looks || !(self.writes_first && writes) {
                moved |= self.end.read(wire, now);
                while let Some(fact) = self.end.next_fact(wire, now) {
                    self.note(fact);
                    moved = true;
                }
            }
            moved |= self.send_content(now, asks);
            moved |= self.end.write(wire, now);
            moved |= self.end.shut(wire, now);
            if !moved {
                break;
            }
        }
        self.end.settle(now);
        self.asked[before..self.answers.len()].iter().map(|(number, _)| *number).collect()
    }

    fn note(&mut self, fact: Fact) {
        if matches!(fact, Fact::Interim | Fact::Response(_)) {
            let (number, before) = self.asked[self.answers.len()];
            let written = self.end.written_at_head;
            assert!(
                written > before,
                "{fact:?} was there before request {number}: of the {before} octets before it {written} had left"
            );
        }
        match (fact, &mut self.begun) {
            (Fact::Response(status), begun @ None) => *begun = Some(Answer { status, content: Vec::new() }),
            (Fact::Content(content), Some(begun)) => begun.content.extend(content),
            (Fact::End, begun @ Some(_)) => self.answers.extend(begun.take()),
            (Fact::Interim, None) | (Fact::PeerClosed | Fact::Error, _) => {}
            (fact, begun) => panic!("a client saw {fact:?} within {begun:?}"),
        }
        assert!(self.answers.len() <= self.asked.len(), "more answers than requests");
    }

    fn send_content(&mut self, now: Instant, asks: &[Ask]) -> bool {
        let wants = self.end.connection.wants().application == Some(Turn::Content);
        let Some((number, left)) = &mut self.sending else { return false };
        if !wants || self.end.outbox.len() >= 500 {
            return false;
        }
        let from = asks[*number].content - *left;
        let piece = request_octets(*number, from..from + (*left).min(300));
        *left -= piece.len();
        let ends = *left == 0;
        let (connection, mut out) = (&mut self.end.connection, [0; 400]);
        let mut written = connection.send_content(now, &piece, &mut out).expect("it fits").written;
        if ends {
            written += connection.send_end(now, NO_FIELDS, &mut out[written..]).expect("it is whole");
            self.sending = None;
        }
        self.end.outbox.extend(&out[..written]);
        true
    }

    /// Once, when the connection has ended: nothing was ever asked on it.
    pub fn was_of_no_use(&mut self) -> bool {
        let ended = self.end.connection.lifecycle().has_ended();
        let is_news = ended && self.asked.is_empty() && !self.is_useless;
        self.is_useless |= is_news;
        is_news
    }

    /// Once, when the connection has ended: what it left unanswered, each by its number. `tries` of each went before.
    pub fn losses(&mut self, tries: impl Fn(usize) -> u32) -> Vec<(usize, Loss)> {
        if self.is_counted || !self.end.connection.lifecycle().has_ended() {
            return Vec::new();
        }
        self.is_counted = true;
        let unanswered: Vec<_> = self.end.connection.unanswered().collect();
        let numbers: Vec<_> = unanswered.iter().map(|left| left.request as usize).collect();
        // one whose answer has come, but whose content was not sent to its end, is among them still
        let first = self.asked.len() - numbers.len();
        assert_eq!(numbers, (first..self.asked.len()).collect::<Vec<_>>(), "the last ones, in order");
        assert!(self.answers.len() == first || self.answers.len() == first + 1, "{:?}: {numbers:?}", self.answers);
        let answered = self.answers.len();
        let losses = unanswered.iter().filter(|left| left.request as usize >= answered).map(|left| {
            let (number, before) = self.asked[left.request as usize];
            let verdict = left.evidence.after(tries(number)).verdict();
            let was_begun = left.request as usize == answered && self.begun.is_some();
            (number, Loss { verdict, sent: left.evidence.sent, was_taken: self.end.written > before, was_begun })
        });
        losses.collect()
    }
}
