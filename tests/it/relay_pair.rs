//! A client, a relay and origins that are honest, all machines of this crate, over transports that move any number of octets in any order;
//! connections to origins break where the schedule says.

use std::collections::BTreeMap;

use http_keepalive::drive::{Attempt, Drive, Side, Step, Storage, Transport};
use http_keepalive::intermediary::NextHop;
use http_keepalive::relay::*;
use http_keepalive::*;

/// A request to be made, and the answer it gets.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub method: &'static str,
    pub content: Content,
    /// Octets of content, where its length is not said.
    pub octets: usize,
    pub expects: bool,
    pub trailers: bool,
    /// Octets of the response, and whether their number is said.
    pub answer: (usize, bool),
    /// The origin answers before it has read the request.
    pub early: bool,
    /// Interim responses before it.
    pub interim: usize,
    /// The connection that it is sent on breaks once so many octets more have gone or come on it.
    pub breaks: Option<usize>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    /// A response, whole.
    Whole { status: u16, octets: Vec<u8>, trailer: bool },
    /// A response that was cut.
    Cut,
    /// No answer: the connection ended.
    Nothing,
}

/// What is known at the end.
#[derive(Default)]
pub struct Seen {
    pub came: Vec<Came>,
    /// How often the head of each request reached an origin, and how often all of it.
    pub heads: BTreeMap<usize, usize>,
    pub whole: BTreeMap<usize, usize>,
    /// Octets of the answer that had gone when the connection of a request broke.
    pub answered: BTreeMap<usize, usize>,
    pub lost: Vec<LossVerdict>,
    pub connections: usize,
}

/// Content of this exchange, so long.
fn content(number: usize, octets: usize) -> Vec<u8> {
    (0..octets).map(|at| b'a' + ((number * 7 + at) % 26) as u8).collect()
}

struct Schedule<'s> {
    choices: &'s [u8],
    at: usize,
}

impl Schedule<'_> {
    fn next(&mut self) -> usize {
        self.at += 1;
        if self.choices.is_empty() { 255 } else { usize::from(self.choices[self.at % self.choices.len()]) }
    }

    /// So many of `most` octets.
    fn share(&mut self, most: usize) -> usize {
        most.min([1, 7, 60, 400, 3000, 1 << 20][self.next() % 6])
    }
}

type Drives<S> = Relay<S>;

/// An origin's end of a connection.
struct Origin<S> {
    server: Drive<Server, Vec<u8>>,
    idle: Option<Drive<Client, S>>,
    to_relay: Vec<u8>,
    to_origin: Vec<u8>,
    number: usize,
    given: usize,
    read: Vec<u8>,
    whole: bool,
    answered: usize,
    interim: usize,
    breaks: Option<usize>,
    closed: bool,
}

pub fn run<S: Storage>(exchanges: &[Exchange], choices: &[u8], policy: RelayPolicy, storage: impl Fn() -> S) -> Seen {
    let now = Instant::from_secs(1);
    let mut schedule = Schedule { choices, at: 0 };
    let mut seen = Seen::default();
    let mut origins: Vec<Origin<S>> = Vec::new();
    let mut current = None;
    let mut number = 0;
    while number < exchanges.len() {
        // a client's connection carries requests until it ends
        let mut relay: Drives<S> =
            Relay::new(Drive::new(now, &Config::DEFAULT, storage(), storage()), policy.clone(), storage());
        let mut client = Drive::<Client, Vec<u8>>::new(now, &Config::DEFAULT, Vec::new(), Vec::new());
        let (mut to_relay, mut to_client) = (Vec::new(), Vec::new());
        let mut user =
            User { number, sent: 0, sends: number, asked: false, status: None, octets: Vec::new(), over: false };
        let (mut shut, mut ended) = (None, false);
        let mut still = 0;
        loop {
            let mut moved =
                user.moves(&mut client, now, exchanges, &mut to_relay, &mut to_client, &mut schedule, &mut seen);
            let asked = relay_moves(
                &mut relay,
                now,
                &mut origins,
                &mut current,
                exchanges,
                user.number,
                &mut seen,
                &mut moved,
                &storage,
                &mut shut,
            );
            if let Some(asked) = asked {
                for (who, transport) in [(Neighbor::Client, asked.client), (Neighbor::Upstream, asked.upstream)] {
                    let Some((from, to)) = pipes(who, &mut to_relay, &mut to_client, &mut origins, current) else {
                        continue;
                    };
                    moved |= transfers(&mut relay, now, who, transport, from, to, &mut schedule);
                }
            }
            for (at, origin) in origins.iter_mut().enumerate() {
                moved |= origin.serves(now, exchanges, &mut schedule, &mut seen);
                if current == Some(at) && origin.closed && origin.to_relay.is_empty() {
                    relay.eof(Neighbor::Upstream, Eof::Clean);
                }
            }
            // what was sent before arrives before the end
            if let (Some(shut), true, false) = (shut, to_client.is_empty(), ended) {
                match shut {
                    Shut::Reset(_) => client.failed(now, Side::Read),
                    Shut::Close(_) | Shut::HalfClose(_) => client.eof(Eof::Clean),
                }
                (ended, moved) = (true, true);
            }
            if client.connection().is_closed() && to_relay.is_empty() {
                relay.eof(Neighbor::Client, Eof::Clean);
            }
            still = if moved { 0 } else { still + 1 };
            let over = user.number >= exchanges.len() || client.connection().is_closed();
            if (over && !moved && (shut.is_none() || relay.client().connection().is_closed())) || still > 20 {
                if user.number < exchanges.len() && !client.connection().is_closed() {
                    panic!("nobody moves: {:?} {:?}", relay.client().connection().wants(), client.connection().wants());
                }
                break;
            }
        }
        if let Some((_, verdict)) = relay.take_upstream(now) {
            assert!(matches!(verdict, UpstreamVerdict::Close(_)));
        }
        if let Some(at) = current.take() {
            origins[at].closed = true;
        }
        number = user.end(&mut seen);
    }
    seen.connections = origins.len();
    seen
}

fn pipes<'p, S>(
    who: Neighbor,
    to_relay: &'p mut Vec<u8>,
    to_client: &'p mut Vec<u8>,
    origins: &'p mut [Origin<S>],
    current: Option<usize>,
) -> Option<(&'p mut Vec<u8>, &'p mut Vec<u8>)> {
    match who {
        Neighbor::Client => Some((to_relay, to_client)),
        Neighbor::Upstream => {
            let origin = origins.get_mut(current?)?;
            Some((&mut origin.to_relay, &mut origin.to_origin))
        }
    }
}

fn transfers<S: Storage>(
    relay: &mut Drives<S>,
    now: Instant,
    who: Neighbor,
    transport: Transport,
    from: &mut Vec<u8>,
    to: &mut Vec<u8>,
    schedule: &mut Schedule<'_>,
) -> bool {
    let mut moved = false;
    if transport.write != Attempt::No {
        let slices = relay.unsent(who).slices();
        let share = schedule.share(slices.iter().map(|slice| slice.len()).sum());
        let mut rest = share;
        for slice in slices {
            let taken = rest.min(slice.len());
            to.extend_from_slice(&slice[..taken]);
            rest -= taken;
        }
        relay.wrote(now, who, share);
        moved = share > 0;
    }
    if transport.read == Attempt::Look && from.is_empty() {
        relay.looked_nothing(now, who);
        return true;
    }
    if transport.read != Attempt::No && !from.is_empty() {
        let room = relay.room(who);
        let share = schedule.share(from.len().min(room.len()));
        room[..share].copy_from_slice(&from[..share]);
        from.drain(..share);
        if share > 0 {
            relay.read(who, share);
            moved = true;
        }
    }
    moved
}

/// The relay's steps, until it wants its transports.
#[expect(clippy::too_many_arguments, reason = "the whole of a world")]
fn relay_moves<S: Storage>(
    relay: &mut Drives<S>,
    now: Instant,
    origins: &mut Vec<Origin<S>>,
    current: &mut Option<usize>,
    exchanges: &[Exchange],
    number: usize,
    seen: &mut Seen,
    moved: &mut bool,
    storage: &impl Fn() -> S,
    shut: &mut Option<Shut>,
) -> Option<Transports> {
    for _ in 0..10_000 {
        match relay.poll(now) {
            RelayStep::Upstream => {
                *moved = true;
                let wanted = relay.wanted().expect("one is wanted");
                let idle = if wanted.new_only {
                    None
                } else {
                    origins.iter().position(|origin| origin.idle.is_some() && !origin.closed)
                };
                let breaks =
                    if wanted.tries == 0 { exchanges.get(number).and_then(|exchange| exchange.breaks) } else { None };
                let at = idle.unwrap_or_else(|| {
                    origins.push(Origin::new(now, storage));
                    origins.len() - 1
                });
                origins[at].breaks = breaks;
                let drive = origins[at].idle.take().expect("it is idle");
                *current = Some(at);
                relay.forward(now, drive, NextHop::Origin, [("X-Forwarded-For", "192.0.2.1")]).expect("one was wanted");
            }
            RelayStep::Return => {
                *moved = true;
                let (drive, verdict) = relay.take_upstream(now).expect("it is to be taken");
                let origin = &mut origins[current.take().expect("one is here")];
                origin.breaks = None;
                match verdict {
                    UpstreamVerdict::Reuse if !origin.closed => origin.idle = Some(drive),
                    _ => origin.closed = true,
                }
            }
            RelayStep::Shut(asked) => {
                *shut = shut.or(Some(asked));
                relay.shut_done(now);
                *moved = true;
            }
            RelayStep::Lost(_, verdict, _) => seen.lost.push(verdict),
            RelayStep::Transport(asked) => return Some(asked),
            RelayStep::Closed => return None,
            RelayStep::HandOver(_) | RelayStep::Content => panic!("none of these is asked for"),
            RelayStep::Refused(fault) => panic!("an honest request is refused: {fault}"),
            RelayStep::Error(..) | RelayStep::Expired(..) => {}
        }
    }
    panic!("it goes on for ever")
}

impl<S: Storage> Origin<S> {
    fn new(now: Instant, storage: &impl Fn() -> S) -> Self {
        let server = Drive::new(now, &Config::DEFAULT, Vec::new(), Vec::new()).with_early_responses();
        Self {
            server,
            idle: Some(Drive::new(now, &Config::DEFAULT, storage(), storage())),
            to_relay: Vec::new(),
            to_origin: Vec::new(),
            number: 0,
            given: 0,
            read: Vec::new(),
            whole: false,
            answered: 0,
            interim: 0,
            breaks: None,
            closed: false,
        }
    }

    fn serves(&mut self, now: Instant, exchanges: &[Exchange], schedule: &mut Schedule<'_>, seen: &mut Seen) -> bool {
        if self.closed {
            return false;
        }
        for _ in 0..10_000 {
            let waits = !self.whole && exchanges.get(self.number).is_none_or(|exchange| !exchange.early);
            let step = if waits { self.server.poll_while_busy(now) } else { self.server.poll(now) };
            match step {
                Step::Event(Event::Request(head)) => {
                    for line in &head.fields {
                        let name = String::from_utf8_lossy(line.name).to_ascii_lowercase();
                        let of_hop = ["keep-alive", "proxy-connection", "upgrade"].contains(&name.as_str());
                        assert!(!of_hop, "{name} crossed");
                        assert!(name != "connection" || line.value == "TE", "options crossed");
                    }
                    let own =
                        head.fields.value("x-number").and_then(|value| value.to_str()).expect("it has its number");
                    self.number = own.parse().expect("a number");
                    *seen.heads.entry(self.number).or_default() += 1;
                    (self.given, self.interim, self.whole, self.answered) = (0, 0, false, 0);
                    self.read.clear();
                }
                Step::Event(Event::Content(piece)) => self.read.extend_from_slice(piece),
                Step::Event(Event::End { trailers }) => {
                    let exchange = &exchanges[self.number];
                    assert_eq!(self.read, content(self.number, exchange.octets), "the content is as it was sent");
                    assert_eq!(trailers.value("x-end").is_some(), exchange.trailers, "the trailers, too");
                    *seen.whole.entry(self.number).or_default() += 1;
                    self.whole = true;
                }
                Step::Respond => {
                    let exchange = &exchanges[self.number];
                    if self.interim < exchange.interim {
                        self.interim += 1;
                        let _ = self.server.send_interim(now, StatusCode::EARLY_HINTS, [("Link", "x")]);
                        continue;
                    }
                    let (octets, said) = exchange.answer;
                    let length = if said { Content::Exact(octets as u64) } else { Content::Unknown };
                    if self.server.connection().wants_application() == Some(Turn::Respond) {
                        let _ = self.server.content_use(now, ContentUse::Reading);
                    }
                    let fields = [("X-Own", self.number.to_string()), ("Keep-Alive-Not", "1".to_owned())];
                    let _ = self.server.respond(now, StatusCode::OK, fields, length);
                }
                Step::Content => {
                    let exchange = &exchanges[self.number];
                    let all = content(self.number + 1, exchange.answer.0);
                    let rest = &all[self.given..];
                    if rest.is_empty() {
                        let trailers = if exchange.answer.1 { &[][..] } else { &[("X-Last", "1")][..] };
                        let _ = self.server.finish(now, trailers.iter());
                        continue;
                    }
                    let share = schedule.share(rest.len());
                    match self.server.send_content(now, &rest[..share]) {
                        Ok(taken) => self.given += taken,
                        Err(_) => break,
                    }
                }
                Step::Transport(_) => break,
                Step::Shut(_) => {
                    self.server.shut_done(now);
                    self.closed |= self.server.connection().is_closed();
                    break;
                }
                Step::Closed => {
                    self.closed = true;
                    break;
                }
                _ => {}
            }
        }
        let mut moved = false;
        let (unsent, incoming) = (self.server.unsent().len(), self.to_origin.len());
        for (octets, leaves) in [(unsent, true), (incoming, false)] {
            let mut share = schedule.share(octets);
            if let Some(left) = &mut self.breaks {
                share = share.min(*left);
                *left -= share;
                if *left == 0 && octets > 0 {
                    // what went before goes on its way
                    if leaves {
                        self.to_relay.extend_from_slice(&self.server.unsent()[..share]);
                        self.answered += share;
                    }
                    seen.answered.insert(self.number, self.answered);
                    self.closed = true;
                    self.to_origin.clear();
                    return true;
                }
            }
            if share == 0 {
                continue;
            }
            moved = true;
            if leaves {
                self.to_relay.extend_from_slice(&self.server.unsent()[..share]);
                self.answered += share;
                self.server.wrote(now, share);
            } else {
                let room = self.server.room();
                let share = share.min(room.len());
                room[..share].copy_from_slice(&self.to_origin[..share]);
                self.to_origin.drain(..share);
                self.server.read(share);
            }
        }
        moved
    }
}

/// Who sends the requests, one after another.
struct User {
    number: usize,
    sent: usize,
    /// The request that is being sent.
    sends: usize,
    asked: bool,
    status: Option<u16>,
    octets: Vec<u8>,
    over: bool,
}

impl User {
    #[expect(clippy::too_many_arguments, reason = "the whole of a world")]
    fn moves(
        &mut self,
        client: &mut Drive<Client, Vec<u8>>,
        now: Instant,
        exchanges: &[Exchange],
        to_relay: &mut Vec<u8>,
        to_client: &mut Vec<u8>,
        schedule: &mut Schedule<'_>,
        seen: &mut Seen,
    ) -> bool {
        let mut moved = false;
        if self.over {
            return false;
        }
        for _ in 0..1000 {
            if !self.asked && self.number < exchanges.len() && matches!(client.reusable(now), Reusable::Now { .. }) {
                let exchange = &exchanges[self.number];
                let request = Request::new(Method::new(exchange.method.as_bytes()), b"/");
                let own = self.number.to_string();
                let mut fields = vec![("Host", "a"), ("X-Number", own.as_str()), ("Accept", "*/*")];
                if exchange.expects {
                    fields.push(("Expect", "100-continue"));
                }
                fields.push(("TE", "trailers"));
                if client.request(now, &request, fields.iter(), exchange.content).is_ok() {
                    (self.asked, self.sent, self.status, self.sends) = (true, 0, None, self.number);
                    self.octets.clear();
                    moved = true;
                }
            }
            match client.poll(now) {
                Step::Event(Event::Response(head)) => {
                    assert!(head.fields.value("connection").is_none_or(|value| value == "close"), "options crossed");
                    self.status = Some(head.status.as_u16());
                }
                Step::Event(Event::Content(piece)) => self.octets.extend_from_slice(piece),
                Step::Event(Event::End { trailers }) => {
                    let trailer = trailers.value("x-last").is_some();
                    let status = self.status.take().expect("a head came");
                    let octets = std::mem::take(&mut self.octets);
                    if status == 200 {
                        let exchange = &exchanges[self.number];
                        let expected = if exchange.method == "HEAD" {
                            Vec::new()
                        } else {
                            content(self.number + 1, exchange.answer.0)
                        };
                        assert_eq!(octets, expected, "the answer is as it was sent");
                    }
                    seen.came.push(Came::Whole { status, octets, trailer });
                    self.number += 1;
                    self.asked = false;
                    moved = true;
                }
                Step::Content => {
                    let exchange = &exchanges[self.sends];
                    let all = content(self.sends, exchange.octets);
                    let rest = &all[self.sent.min(all.len())..];
                    if rest.is_empty() {
                        let trailers = if exchange.trailers { &[("X-End", "1")][..] } else { &[][..] };
                        let _ = client.finish(now, trailers.iter());
                        continue;
                    }
                    let share = schedule.share(rest.len());
                    match client.send_content(now, &rest[..share]) {
                        Ok(taken) => self.sent += taken,
                        Err(_) => break,
                    }
                    if client.unsent().len() > 4096 {
                        break;
                    }
                }
                Step::Transport(_) => break,
                Step::Shut(_) => client.shut_done(now),
                Step::Closed => {
                    self.over = true;
                    return true;
                }
                _ => {}
            }
        }
        let share = schedule.share(client.unsent().len());
        to_relay.extend_from_slice(&client.unsent()[..share]);
        if share > 0 {
            client.wrote(now, share);
            moved = true;
        }
        let room = client.room();
        let share = schedule.share(to_client.len().min(room.len()));
        if share > 0 {
            room[..share].copy_from_slice(&to_client[..share]);
            to_client.drain(..share);
            client.read(share);
            moved = true;
        }
        moved
    }

    /// The connection is over: what came of the request that was open, and which is next.
    fn end(self, seen: &mut Seen) -> usize {
        if self.asked && seen.came.len() == self.number {
            seen.came.push(if self.status.is_some() { Came::Cut } else { Came::Nothing });
            return self.number + 1;
        }
        self.number.max(seen.came.len())
    }
}
