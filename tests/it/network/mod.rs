//! A client and a server in virtual time over a simulated network: what becomes of each request, and of each connection.
//!
//! Everything is determined by the arguments; nothing sleeps; steps are bounded. Both sides do in one instant, in this
//! order: what is due, what has arrived, what is to be said, written and shut. With a granularity they act only at its
//! multiples, so that a timer is late by up to that much and an arrival is noticed late by as much.

pub mod client;
pub mod end;
pub mod plan;
pub mod server;
pub mod wire;
pub mod worlds;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use http_keepalive::retry::{Advice, Evidence, RetryVerdict, Sent};
use http_keepalive::{Client, Config, Instant, Method, Reusable, Server};

use client::{Asking, Loss};
use plan::{Scene, When, answer_octets};
use server::Serving;
use wire::{Side, Wire};

/// What lies between the two.
#[derive(Clone, Copy, Debug)]
pub struct Network {
    /// One way.
    pub delay: Duration,
    /// Both sides act at multiples of this; nothing: at once.
    pub granularity: Duration,
    /// Octets that may be under way and unread, each way.
    pub window: usize,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// By a whole answer of this status.
    Answered(u16),
    /// By a verdict that does not repeat it.
    GivenUp(RetryVerdict),
}

/// What became of a request.
#[derive(Clone, Debug)]
pub struct Fate {
    pub outcome: Outcome,
    /// The connections that ended under it.
    pub losses: Vec<Loss>,
}

/// What became of a connection.
#[derive(Clone, Debug)]
pub struct Life {
    /// By side: when it was asked to end, whether it was idle then, and when it was closed.
    pub drained: [Option<Instant>; 2],
    pub was_idle: [bool; 2],
    pub closed: [Option<Instant>; 2],
}

/// What happened.
#[derive(Clone, Debug)]
pub struct Report {
    /// By request, as planned.
    pub requests: Vec<Fate>,
    pub connections: Vec<Life>,
    pub steps: usize,
}

impl Report {
    /// Losses of requests that had begun to leave.
    pub fn lost(&self) -> usize {
        self.requests.iter().flat_map(|fate| &fate.losses).filter(|loss| loss.was_taken).count()
    }
}

/// Runs `scene` to its end, and checks what holds of any.
pub fn run<const DEPTH: usize>(
    client: &Config<Client<DEPTH>>,
    server: &Config<Server>,
    network: &Network,
    scene: &Scene,
) -> Report {
    let mut world = World::new(client, server, network, scene);
    world.run();
    world.report()
}

struct Link<const DEPTH: usize> {
    wire: Wire,
    client: Asking<DEPTH>,
    server: Serving,
}

/// Octets, and from when on they are said.
type Timed = (Instant, Vec<u8>);

#[derive(Default)]
struct State {
    outcome: Option<Outcome>,
    losses: Vec<Loss>,
    answers: Vec<(usize, usize)>,
}

struct World<'a, const DEPTH: usize> {
    client: Arc<Config<Client<DEPTH>>>,
    server: Arc<Config<Server>>,
    network: Network,
    scene: &'a Scene,
    now: Instant,
    links: Vec<Link<DEPTH>>,
    /// To be sent again, before anything else.
    repeats: VecDeque<usize>,
    /// The first request that was never sent.
    next: usize,
    /// The one before it was answered or given up.
    settled: Instant,
    states: Vec<State>,
    steps: usize,
    /// By side: until then nobody drives its connections.
    sleeps: [Instant; 2],
    /// Something arrived that nobody has looked at.
    attention: Option<Instant>,
    /// The connection whose server is hostile, and the pieces that it has not said.
    hostile: Option<(usize, VecDeque<Timed>)>,
}

impl<'a, const DEPTH: usize> World<'a, DEPTH> {
    fn new(client: &Config<Client<DEPTH>>, server: &Config<Server>, network: &Network, scene: &'a Scene) -> Self {
        let start = Instant::from_secs(1000);
        Self {
            client: Arc::new(client.clone()),
            server: Arc::new(server.clone()),
            network: *network,
            scene,
            now: start,
            links: Vec::new(),
            repeats: VecDeque::new(),
            next: 0,
            settled: start,
            states: scene.asks.iter().map(|_| State::default()).collect(),
            steps: 0,
            sleeps: [start; 2],
            attention: Some(start),
            hostile: None,
        }
    }

    /// The first instant from `at` on at which the sides act.
    fn tick(&self, at: Instant) -> Instant {
        let granularity = self.network.granularity.as_nanos() as u64;
        let ticks = at.as_nanos().div_ceil(granularity.max(1));
        Instant::from_nanos(ticks.saturating_mul(granularity.max(1)))
    }

    fn run(&mut self) {
        loop {
            self.steps += 1;
            assert!(self.steps < MOST_STEPS, "it never ends: {:#?}", self.scene);
            self.befall();
            self.intrude();
            let now = self.now;
            let moved = self.links.iter_mut().fold(false, |moved, link| link.wire.advance(now) | moved);
            if self.tick(now) == now {
                self.attention = None;
                self.act();
            } else if moved {
                self.attention = Some(self.tick(now));
            }
            let over = self.links.iter().all(|link| link.client.end.is_closed() && link.server.end.is_closed());
            if over && self.states.iter().all(|state| state.outcome.is_some()) {
                return;
            }
            let Some(next) = self.next_event() else { return };
            self.now = next.max(now);
        }
    }

    /// The accidents of this step.
    fn befall(&mut self) {
        let now = self.now;
        if let (Some(link), true) = (self.links.last_mut(), self.scene.sever == Some(self.steps)) {
            link.wire.sever(now);
        }
        if let Some((side, _, span)) = self.scene.sleep.filter(|(_, step, _)| *step == self.steps) {
            self.sleeps[side as usize] = now + span;
        }
        let Some((side, step)) = self.scene.drain else { return };
        if step == self.steps {
            for link in self.links.iter_mut().filter(|link| link.client.end.opens <= now) {
                match side {
                    Side::Client => link.client.end.drain(now),
                    Side::Server => link.server.end.drain(now),
                }
            }
            self.attention = Some(self.tick(now));
        }
    }

    /// What the hostile server says by now.
    fn intrude(&mut self) {
        let now = self.now;
        if let (Some((step, pieces)), None, Some(last)) =
            (&self.scene.hostile, &self.hostile, self.links.len().checked_sub(1))
        {
            if *step <= self.steps {
                let mut at = now;
                let pieces = pieces.iter().map(|(late, octets)| {
                    at = at + *late;
                    (at, octets.clone())
                });
                self.hostile = Some((last, pieces.collect()));
            }
        }
        let Some((at, pieces)) = &mut self.hostile else { return };
        let server = &mut self.links[*at].server;
        if let Some((_, octets)) = pieces.front().filter(|(at, _)| *at <= now && server.end.opens <= now) {
            if server.intrude(octets) {
                pieces.pop_front();
                self.attention = Some(self.tick(now));
            }
        }
    }

    fn next_event(&self) -> Option<Instant> {
        let (now, asks) = (self.now, &self.scene.asks);
        let later = |at: Option<Instant>| at.map(|at| self.tick(at)).filter(|at| *at > now);
        let [client_wakes, server_wakes] = self.sleeps;
        let of_links = self.links.iter().flat_map(|link| {
            let (client, server) = (&link.client.end, &link.server);
            let clients = [client.due(), Some(client.opens)].map(|at| at.map(|at| at.max(client_wakes)));
            let servers = [server.end.due(), server.ready(asks), Some(server.end.opens)];
            let servers = servers.map(|at| at.map(|at| at.max(server_wakes)));
            clients.into_iter().chain(servers).filter_map(later).chain(link.wire.next_arrival())
        });
        let intrusion = self.hostile.as_ref().and_then(|(_, pieces)| pieces.front()).map(|(at, _)| *at);
        let due = self.due().map(|due| due.max(client_wakes));
        of_links.chain(later(due)).chain(later(intrusion)).chain(self.attention).min()
    }

    /// When the next request that was never sent is to be.
    fn due(&self) -> Option<Instant> {
        match self.scene.asks.get(self.next)?.when {
            _ if self.next > 0 && self.states[self.next - 1].outcome.is_none() => None,
            When::After(gap) => Some(self.settled + gap),
            When::Behind => Some(self.settled),
        }
    }

    fn act(&mut self) {
        let (now, scene) = (self.now, self.scene);
        let [client_sleeps, server_sleeps] = self.sleeps.map(|until| until > now);
        for link in self.links.iter_mut().filter(|link| link.server.end.opens <= now && !server_sleeps) {
            link.server.step(&mut link.wire, now, &scene.asks);
        }
        if client_sleeps {
            return;
        }
        self.step_clients();
        while let Some(number) = self.candidate() {
            if !self.dispatch(number) {
                break;
            }
            // a request that went out is written before the next one is thought of
            self.step_clients();
        }
        if self.scene.half_closes && self.next == scene.asks.len() && self.repeats.is_empty() {
            self.half_close();
        }
    }

    /// Behind the last request, if all of it has left and no other can follow.
    fn half_close(&mut self) {
        let (Some((last, before)), now) = (self.links.split_last_mut(), self.now) else { return };
        if before.iter().all(|link| link.client.end.is_closed()) && last.client.is_written() {
            last.wire.half_close(Side::Client, now);
        }
    }

    fn step_clients(&mut self) {
        let now = self.now;
        for at in 0..self.links.len() {
            let link = &mut self.links[at];
            if link.client.end.opens > now {
                continue;
            }
            let before = link.client.answers.len();
            let answered = link.client.step(&mut link.wire, now, &self.scene.asks);
            for (place, number) in answered.into_iter().enumerate() {
                let outcome = Outcome::Answered(self.links[at].client.answers[before + place].status);
                self.states[number].answers.push((at, before + place));
                self.settle(number, outcome);
            }
            let states = &self.states;
            let tries =
                |number: usize| states[number].losses.iter().filter(|loss| loss.sent != Sent::Nothing).count() as u32;
            for (number, loss) in self.links[at].client.losses(tries) {
                self.lose(number, loss);
            }
        }
    }

    fn lose(&mut self, number: usize, loss: Loss) {
        let losses = &mut self.states[number].losses;
        losses.push(loss);
        if loss.verdict.advice == Advice::Retry && losses.len() < MOST_TRIES {
            self.repeats.push_back(number);
        } else {
            self.settle(number, Outcome::GivenUp(loss.verdict));
        }
    }

    fn settle(&mut self, number: usize, outcome: Outcome) {
        let before = self.states[number].outcome.replace(outcome);
        assert_eq!(before, None, "request {number} ends once");
        self.settled = self.now;
    }

    /// The request to be sent now.
    fn candidate(&self) -> Option<usize> {
        if let Some(&number) = self.repeats.front() {
            return Some(number);
        }
        let ask = self.scene.asks.get(self.next)?;
        let is_due = self.due().is_some_and(|due| due <= self.now);
        if is_due || (ask.when == When::Behind && self.next > 0) { Some(self.next) } else { None }
    }

    /// Sends it, if a connection is ready; opens one, if none is and none will be.
    fn dispatch(&mut self, number: usize) -> bool {
        let now = self.now;
        let reusable = self.links.last().map(|link| {
            if link.client.end.opens > now { None } else { Some(link.client.end.connection.reusable(now)) }
        });
        match reusable {
            Some(Some(Reusable::Now { until })) => {
                assert!(until.is_none_or(|until| until > now), "reusable until {until:?}, and it is {now:?}");
                assert!(self.links.len() < MOST_CONNECTIONS, "connections without end");
                let link = self.links.last_mut().expect("it is reusable");
                link.client.ask(now, number, &self.scene.asks[number]);
                self.take();
                true
            }
            Some(Some(Reusable::Wait(_)) | None) => false,
            Some(Some(Reusable::No(_))) | None => {
                if self.links.last_mut().is_some_and(|link| link.client.was_of_no_use()) {
                    // as one that can not be reached: a bounded number of tries
                    self.take();
                    let verdict =
                        Evidence::new(Method::new(self.scene.asks[number].method.as_bytes()).kind()).verdict();
                    self.lose(number, Loss { verdict, sent: Sent::Nothing, was_taken: false, was_begun: false });
                    return true;
                }
                self.open();
                false
            }
        }
    }

    /// The candidate is no longer one.
    fn take(&mut self) {
        if self.repeats.pop_front().is_none() {
            self.next += 1;
        }
    }

    fn open(&mut self) {
        let (now, delay) = (self.now, self.network.delay);
        let arrives = now + delay;
        self.links.push(Link {
            wire: Wire::new(delay, self.network.window),
            client: Asking::new(arrives + delay, &self.client, self.scene),
            server: Serving::new(arrives, &self.server),
        });
        self.attention = Some(self.tick(now));
    }

    /// What holds of any run: every request has ended; what was answered is what was sent; what may not be repeated was not.
    fn report(self) -> Report {
        let asks = &self.scene.asks;
        for link in &self.links {
            // that nothing answers a request that it was there before, each client has checked; what comes later may be taken for an answer
            let answers = if link.server.intruded { &[][..] } else { &link.client.answers };
            for (place, answer) in answers.iter().enumerate() {
                let Some(sent) = link.server.sent.get(place) else { panic!("nobody sent {answer:?}") };
                assert!(sent.is_whole, "cut short, and taken for whole: {answer:?}");
                let (number, _) = link.client.asked[place];
                assert_eq!(answer.status, sent.status);
                if sent.request.is_some() || asks[number].method != "HEAD" {
                    // who refuses half a head does not know that it is HEAD
                    assert_eq!(answer.content, sent.content);
                }
                assert!(sent.request.is_none_or(|request| request == number), "{sent:?} answers request {number}");
                if sent.status == asks[number].reply.status && sent.request.is_some() && sent.status != 413 {
                    assert_eq!(answer.content, answer_octets(number, 0..asks[number].answer_length()));
                }
            }
            assert_eq!(link.server.end.thrown_away, 0, "an idle close threw octets away");
        }
        for (number, (state, ask)) in self.states.iter().zip(asks).enumerate() {
            assert!(state.answers.len() <= 1, "request {number} was answered by {:?}", state.answers);
            for loss in &state.losses {
                let safe = ask.is_idempotent() || !loss.was_taken;
                assert!(safe || loss.verdict.advice != Advice::Retry, "{ask:?} was repeated: {loss:?}");
                let is_known = loss.sent != Sent::Unknown;
                assert!(is_known || self.scene.wordless, "it gives its word: {loss:?}");
                assert!(!is_known || loss.was_taken == (loss.sent != Sent::Nothing), "{ask:?}: {loss:?}");
                let safe = ask.is_idempotent() || is_known;
                assert!(safe || loss.verdict.advice != Advice::Retry, "{ask:?} was repeated: {loss:?}");
                assert!(!loss.was_begun || loss.verdict.advice == Advice::Never, "{ask:?}: {loss:?}");
            }
            let seen = self.links.iter().flat_map(|link| &link.server.seen).filter(|seen| **seen == number).count();
            assert!(ask.is_idempotent() || seen <= 1, "{ask:?} was seen {seen} times");
        }
        let fate = |state: State| Fate { outcome: state.outcome.expect("every request ends"), losses: state.losses };
        Report {
            requests: self.states.into_iter().map(fate).collect(),
            connections: self.links.iter().map(life).collect(),
            steps: self.steps,
        }
    }
}

fn life<const DEPTH: usize>(link: &Link<DEPTH>) -> Life {
    let (client, server) = (&link.client.end, &link.server.end);
    Life {
        drained: [client.drained_at, server.drained_at],
        was_idle: [client.was_idle, server.was_idle],
        closed: [client.closed_at, server.closed_at],
    }
}

/// More than any run takes that ends.
const MOST_STEPS: usize = 100_000;

const MOST_CONNECTIONS: usize = 1000;

/// Tries of one request; only one of which nothing was sent is tried more than twice.
const MOST_TRIES: usize = 8;
