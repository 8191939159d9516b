//! What became of each request, counted, and whether it may have.

use std::time::Instant;

use http_keepalive::retry::Advice;

use crate::driver::{Asked, End};
use crate::origin::{EVIL, Log, own};

/// Counts of one kind of hostility.
#[derive(Default)]
pub struct Tally {
    pub requests: u32,
    pub answered: u32,
    pub repeated: u32,
    pub ask: u32,
    pub never: u32,
    /// Octets of others were taken for an answer; they had crossed the request on the wire.
    pub crossed: u32,
    /// They were there before the request.
    pub foreign: u32,
    /// POSTs that the origin received more than once.
    pub twice: u32,
    /// Requests without an end, and GETs that failed though nothing had crossed them.
    pub lost: u32,
    pub violations: Vec<String>,
}

impl Tally {
    pub const HEADINGS: [&'static str; 9] =
        ["requests", "answered", "repeated", "ask", "never", "crossed", "FOREIGN", "TWICE", "LOST"];

    pub fn counts(&self) -> [u32; 9] {
        let Self { requests, answered, repeated, ask, never, crossed, foreign, twice, lost, .. } = *self;
        [requests, answered, repeated, ask, never, crossed, foreign, twice, lost]
    }

    pub fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.answered += other.answered;
        self.repeated += other.repeated;
        self.ask += other.ask;
        self.never += other.never;
        self.crossed += other.crossed;
        self.foreign += other.foreign;
        self.twice += other.twice;
        self.lost += other.lost;
        self.violations.extend(other.violations);
    }

    /// A request of our driver.
    pub fn judge(&mut self, log: &Log, asked: &Asked) {
        self.requests += 1;
        self.repeated += asked.tries.len().saturating_sub(1) as u32;
        self.judge_receipts(log, &asked.request);
        let hostile =
            |port: u16| log.said.iter().find(|said| said.port == port && said.content.is_none()).map(|said| said.to);
        for one in &asked.tries {
            if one.interim > 0 {
                self.foreign(asked, "an interim response", hostile(one.port), one.seen);
            }
        }
        let Some(last) = asked.tries.last() else { return self.lose(asked) };
        match &asked.end {
            End::Answer(200, content) if *content == own(&asked.request) => self.answered += 1,
            End::Answer(_, content) => {
                let said =
                    log.said.iter().rfind(|said| said.port == last.port && said.content.as_ref() == Some(content));
                let said = said.map(|said| said.to).or(hostile(last.port).filter(|_| content == EVIL));
                self.foreign(asked, content, said, last.seen);
            }
            End::Verdict(verdict) => {
                match verdict.advice {
                    Advice::Ask => self.ask += 1,
                    _ => self.never += 1,
                }
                let crossed = hostile(last.port).is_some_and(|to| to >= last.seen);
                if asked.request.starts_with("GET") && !crossed {
                    self.lose(asked);
                }
            }
            End::Stuck(why) => self.lose(&(why, asked)),
        }
    }

    /// Octets of others were taken for an answer. `said`: when they had been written; `seen`: from when on they could be
    /// missed.
    pub fn foreign(&mut self, asked: &impl std::fmt::Debug, what: &str, said: Option<Instant>, seen: Instant) {
        match said {
            Some(said) if said >= seen => self.crossed += 1,
            said => {
                self.foreign += 1;
                let before = said.map_or("at no time".into(), |said| format!("{:?} before", seen - said));
                self.violations.push(format!("{what:?}, written {before}, answers {asked:?}"));
            }
        }
    }

    /// A POST is received once at most.
    pub fn judge_receipts(&mut self, log: &Log, request: &str) {
        let times = log.received.iter().filter(|received| *received == request).count();
        if request.starts_with("POST") && times > 1 {
            self.twice += 1;
            self.violations.push(format!("{request} was received {times} times"));
        }
    }

    pub fn lose(&mut self, asked: &impl std::fmt::Debug) {
        self.lost += 1;
        self.violations.push(format!("lost: {asked:?}"));
    }
}
