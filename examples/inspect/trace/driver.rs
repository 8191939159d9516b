//! The driver of a trace. It never waits: it knows what comes next.
//!
//! What is due before a line expires first; octets that arrive in the instant of a deadline win. Nothing is said or sent but what the trace
//! says, and what the machine itself must send.

use std::collections::VecDeque;
use std::sync::Arc;

use http_keepalive::settings::{Settings, Value as Setting};
use http_keepalive::{
    Config, Connection, Deadline, Eof, Event, Instant, Misuse, Outcome, Phase, ReadWant, ReceiveError, Shut, Timeouts,
    Turn,
};
use serde_json::{Value, json};

use super::super::lines;
use super::Intents;
use super::parse::{Fact, Line};

pub struct Driver<R: Intents> {
    pub(super) connection: Connection<R, Arc<Config<R>>>,
    config: Arc<Config<R>>,
    /// Those of the exchange of this number.
    timeouts: (u32, Timeouts),
    lines: Vec<Value>,
    pub(super) now: Instant,
    /// No deadline is announced as due before this: now, but where nothing ran since the line before.
    since: Instant,
    /// Received and not consumed.
    pub(super) input: Vec<u8>,
    /// The trace says what leaves; else everything does, at once.
    pub(super) says_sent: bool,
    /// Handed out, and not known to have left.
    pub(super) output: u64,
    /// Of these, taken by the transport.
    pub(super) unconfirmed: u64,
    /// What a look at the transport finds, in the order of its lines: what can be read, and what a try to write lets leave.
    found: VecDeque<Fact<R::Intent>>,
    /// The peer has closed its side after octets that wait for the application.
    ends: bool,
    /// Content that waits until it may be sent.
    pub(super) held: VecDeque<Vec<u8>>,
    announced: Option<Deadline>,
    any_announced: bool,
    action: Option<&'static str>,
    tunnel: bool,
    /// Octets up to the end of the last complete message.
    complete: u64,
}

/// What the connection makes of a trace.
pub fn run<R: Intents>(config: Config<R>, trace: Vec<Line<R::Intent>>) -> Vec<Value> {
    let config = Arc::new(config);
    let mut driver = Driver {
        connection: Connection::new(Instant::EPOCH, config.clone()),
        timeouts: (0, *config.timeouts()),
        config,
        lines: Vec::new(),
        now: Instant::EPOCH,
        since: Instant::EPOCH,
        input: Vec::new(),
        says_sent: trace.iter().any(|line| matches!(line.fact, Some(Fact::Sent { .. }))),
        output: 0,
        unconfirmed: 0,
        found: VecDeque::new(),
        ends: false,
        held: VecDeque::new(),
        announced: None,
        any_announced: false,
        action: None,
        tunnel: false,
        complete: 0,
    };
    driver.announce();
    let mut trace = trace.into_iter().peekable();
    while let Some(line) = trace.next() {
        if line.late {
            let (at, mut facts) = (line.at, vec![line.fact]);
            while let Some(line) = trace.next_if(|line| line.late && line.at == at) {
                facts.push(line.fact);
            }
            driver.wake(at, facts.into_iter().flatten());
            continue;
        }
        let arrives = matches!(line.fact, Some(Fact::Receive(_)));
        let at = line.at.max(driver.now);
        driver.expire(|due| due < at || (due == at && !arrives));
        (driver.now, driver.since) = (at, at);
        if let Some(fact) = line.fact {
            driver.apply(fact);
        }
        driver.settle();
        driver.announce();
        driver.expire(|due| due <= at);
    }
    driver.finish();
    driver.lines
}

impl<R: Intents> Driver<R> {
    pub(super) fn say(&mut self, mut line: Value) {
        line["at"] = seconds(self.now);
        self.lines.push(line);
    }

    /// Nothing ran since the line before. What is due passes now, and only then a look finds these facts.
    fn wake(&mut self, at: Instant, facts: impl Iterator<Item = Fact<R::Intent>>) {
        self.now = self.now.max(at);
        self.found.extend(facts);
        let now = self.now;
        self.expire(|due| due <= now);
        // where nothing asked for a look they are found all the same
        self.find_all();
        self.settle();
        self.announce();
        self.expire(|due| due <= now);
    }

    /// Finds what has come, and what left before it, too: who is answered is told first what of its request has left. Whether anything came.
    fn find(&mut self) -> bool {
        let comes = !self.found.iter().all(leaves);
        if comes {
            self.find_all();
        }
        comes
    }

    fn find_all(&mut self) {
        std::mem::take(&mut self.found).into_iter().for_each(|fact| self.apply(fact));
    }

    /// Finds that `octets` can leave now.
    fn find_room(&mut self) {
        let room = |fact: &Fact<R::Intent>| if let Fact::Sent { octets, .. } = fact { *octets } else { 0 };
        let octets = self.found.iter().filter(|fact| leaves(fact)).map(room).fold(0, u64::saturating_add);
        self.found.retain(|fact| !leaves(fact));
        self.leave(octets.min(self.output));
    }

    /// Lets everything expire whose instant `is_due`, each at its own.
    fn expire(&mut self, is_due: impl Fn(Instant) -> bool) {
        while let Some(deadline) = self.connection.next_deadline().filter(|deadline| is_due(deadline.at)) {
            self.now = self.now.max(deadline.at);
            self.say_what_left();
            let Some(expired) = self.connection.handle_timeout(self.now) else { return };
            self.say(json!({ "event": "expired", "kind": expired.kind.as_str() }));
            self.settle();
            self.announce();
        }
    }

    fn announce(&mut self) {
        let next = self.connection.next_deadline();
        if next != self.announced || !self.any_announced {
            // what is past by now expires now
            let due = next.map_or(Value::Null, |deadline| seconds(deadline.at.max(self.since)));
            let mut line =
                json!({ "event": "deadline", "due": due, "kind": next.map(|deadline| deadline.kind.as_str()) });
            if let Some(cause) = self.connection.deadline_cause() {
                line["fact"] = json!(cause.fact.as_str());
                line["since"] = seconds(cause.since);
                line["setting"] = json!(cause.setting);
            }
            self.say(line);
            self.announced = next;
            self.any_announced = true;
        }
    }

    fn apply(&mut self, fact: Fact<R::Intent>) {
        let now = self.now;
        match fact {
            Fact::Receive(octets) => self.input.extend(octets),
            Fact::Eof => self.eof(),
            Fact::Drain => self.drain(),
            Fact::Timeouts(said) => self.exchange_timeouts(&said),
            Fact::Failed { both } => self.fail(both),
            Fact::ContentUse(said) => match self.connection.content_use(now, said) {
                Ok(()) => {}
                Err(ReceiveError::Misuse(misuse)) => self.refused("content_use", misuse.as_str(), misuse.clause()),
                Err(ReceiveError::Ended(reason)) => self.refused("content_use", reason.as_str(), reason.clause()),
                Err(error) => self.refused("content_use", &error.to_string(), "RFC 9112 9.5"),
            },
            Fact::Sent { octets, unconfirmed: true } => return self.unconfirmed += octets.min(self.output),
            Fact::Sent { octets, unconfirmed: false } => self.leave(octets.min(self.output)),
            Fact::Send(piece) => self.send(&piece),
            Fact::SendEnd(trailers) => {
                self.write("send_end", |connection, out| connection.send_end(now, &trailers, out));
            }
            Fact::Intent(intent) => R::intend(self, intent),
        }
        self.offer();
    }

    fn drain(&mut self) {
        if self.tunnel {
            self.refused("drain", Misuse::Tunnel.as_str(), Misuse::Tunnel.clause());
        } else {
            self.connection.close_after_exchange(self.now);
        }
    }

    /// Of this exchange, beside those that were said of it before.
    fn exchange_timeouts(&mut self, said: &[(String, Setting)]) {
        let exchange = R::exchanges(self);
        let mut timeouts = match self.timeouts {
            (number, timeouts) if number == exchange => timeouts,
            _ => *self.config.timeouts(),
        };
        for (name, value) in said {
            // both were checked when the line was read
            let _ = timeouts.set(name, value);
        }
        let config = Config::new(*self.config.limits(), timeouts, *self.config.policy());
        let given = match config {
            Ok(config) => self.connection.exchange_timeouts(self.now, Arc::new(config)),
            Err(error) => return self.refused("timeouts", &error.to_string(), "RFC 9112 9.5"),
        };
        if self.taken("timeouts", given) {
            self.timeouts = (exchange, timeouts);
        }
    }

    fn fail(&mut self, both: bool) {
        self.say_what_left();
        if both {
            self.connection.transport_failed(self.now);
        } else {
            self.connection.write_failed(self.now);
        }
        (self.output, self.unconfirmed) = (0, 0);
    }

    fn offer(&mut self) {
        self.say_what_left();
        let mut input = std::mem::take(&mut self.input);
        let mut from = 0;
        while self.action.is_none_or(|action| action == "half-close") && !self.tunnel {
            let received = match self.connection.receive(self.now, &input[from..]) {
                Ok(received) => received,
                Err(error) => {
                    self.say(lines::error(&error));
                    // what is left is discarded
                    continue;
                }
            };
            from += received.consumed;
            let Outcome::Event(event) = received.outcome else { break };
            self.event(&event);
        }
        input.drain(..from);
        self.input = input;
        if self.ends && !self.connection.wants().take_content {
            self.eof();
        }
    }

    fn event(&mut self, event: &Event<'_>) {
        let (persistence, offset) = (self.connection.persistence(), self.connection.offset());
        if let Some(line) = lines::event(event, persistence, offset) {
            self.say(line);
        }
        match event {
            Event::Interim(_) | Event::End { .. } => self.complete = offset,
            Event::Tunnel(_) => {
                self.tunnel = true;
                self.complete = offset;
            }
            _ => {}
        }
    }

    fn eof(&mut self) {
        if self.tunnel {
            return;
        }
        // the end waits after octets that wait for the application
        self.ends = self.connection.wants().take_content && !self.input.is_empty();
        if self.ends {
            return;
        }
        self.say_what_left();
        match self.connection.receive_eof(self.now, Eof::Clean) {
            Err(error) => self.say(lines::error(&error)),
            Ok(received) => {
                if let Outcome::Event(event) = received.outcome {
                    self.event(&event);
                }
            }
        }
    }

    /// Does what the connection wants, until it waits.
    fn settle(&mut self) {
        loop {
            let wants = self.connection.wants();
            if wants.read == ReadWant::LookOnce {
                if !self.find() {
                    self.connection.nothing_to_read(self.now);
                    // what came too late is told before what follows from it
                    self.offer();
                }
            } else if wants.flush_once {
                self.find_room();
            } else if matches!(wants.application, Some(Turn::Refuse(_))) {
                if !R::refuse(self) {
                    return;
                }
            } else if wants.application == Some(Turn::Content) && !self.held.is_empty() {
                let piece = self.held.pop_front().unwrap_or_default();
                self.send(&piece);
            } else if self.output > 0 && !self.says_sent {
                self.leave(self.output);
            } else if let Some(shut) = wants.shut {
                let action = match shut {
                    Shut::HalfClose(_) => "half-close",
                    Shut::Close(_) => "close",
                    Shut::Reset(_) => "reset",
                };
                let reason = shut.reason();
                self.action = Some(action);
                self.say(json!({
                    "event": "action", "action": action, "reason": reason.as_str(), "clause": reason.clause(),
                }));
                self.connection.handle_shut(self.now);
                if action != "half-close" {
                    R::leftovers(self).into_iter().for_each(|line| self.say(line));
                }
            } else {
                self.offer();
                if self.connection.wants() == wants {
                    return;
                }
            }
        }
    }

    fn finish(&mut self) {
        // an announced close is complete, though its octets may still wait
        let over = self.action.is_some() || self.connection.phase() >= Phase::Finishing && !self.tunnel;
        let state = match self.connection.error().map(|error| error.kind) {
            Some(kind) if kind.is_incomplete() => "truncated",
            Some(_) => "error",
            None if self.tunnel => "upgrade",
            None if over && R::broke_off(self) => "truncated",
            None if over => "closed",
            None if R::is_idle(self) => "idle",
            None => "need-more",
        };
        let complete = self.complete;
        self.say(lines::state(state, complete));
    }
}

/// It says that octets can leave.
const fn leaves<I>(fact: &Fact<I>) -> bool {
    matches!(fact, Fact::Sent { unconfirmed: false, .. })
}

fn seconds(instant: Instant) -> Value {
    json!(instant.as_nanos() as f64 / 1e9)
}
