//! A small world, whole: a client with two requests, a relay, two upstream connections. Each of them sends its next piece, ends or fails, and
//! each transport moves, in any order; every state is visited, the laws hold in each, and from each the end can be reached.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{Hash, Hasher};

use http_keepalive::drive::{Attempt, Drive, DriveRole, Side, Storage, Transport};
use http_keepalive::intermediary::NextHop;
use http_keepalive::relay::*;
use http_keepalive::*;

/// Octets whose place in their stream says what they are: so a state is told without them.
#[derive(Clone, Default)]
struct Octets(Vec<u8>);

impl fmt::Debug for Octets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("octets")
    }
}

impl Storage for Octets {
    const GROWS: bool = true;

    fn octets(&self) -> &[u8] {
        &self.0
    }

    fn octets_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    fn grow(&mut self, octets: usize) {
        if self.0.len() < octets.min(MOST) {
            self.0.resize(octets.min(MOST), 0);
        }
    }
}

/// More than all that is sent.
const MOST: usize = 400;
const REQUESTS: [&str; 3] =
    ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab", "cd"];
const RESPONSES: [&str; 4] = [
    "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n12",
    "34",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n1234\r\n",
    "0\r\n\r\n",
];

#[derive(Clone, Debug, Default)]
struct Connection {
    sent: usize,
    over: bool,
    got: String,
}

#[derive(Clone, Debug)]
struct World {
    relay: Relay<Octets>,
    client: Connection,
    told: String,
    upstreams: Vec<Connection>,
    idle: Option<(usize, Drive<Client, Octets>)>,
    current: Option<usize>,
    refused: u8,
    at: At,
    now: Instant,
}

/// Where it rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Wanted,
    Waits(Transports),
    Closed,
}

#[derive(Clone, Copy, Debug)]
enum Move {
    Says(Neighbor),
    Ends(Neighbor),
    Fails(Neighbor, Side),
    Takes(Neighbor),
    Reuse,
    Open,
    NotConnected,
    /// Where nobody else moves.
    Time,
}

fn now() -> Instant {
    Instant::from_secs(1)
}

fn drive<R: DriveRole>(config: &'static Config<R>) -> Drive<R, Octets> {
    Drive::new(now(), config, Octets::default(), Octets::default())
}

impl World {
    fn new() -> Self {
        let relay = Relay::new(drive(&Config::DEFAULT), RelayPolicy::DEFAULT, Octets::default());
        let still = Transport { read: Attempt::No, write: Attempt::No };
        let mut world = Self {
            relay,
            client: Connection::default(),
            told: String::new(),
            upstreams: Vec::new(),
            idle: None,
            current: None,
            refused: 0,
            now: now(),
            at: At::Waits(Transports { client: still, upstream: still }),
        };
        world.run();
        world
    }

    fn key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        format!("{self:?}").hash(&mut hasher);
        hasher.finish()
    }

    fn run(&mut self) {
        for _ in 0..1000 {
            match self.relay.poll(self.now) {
                RelayStep::Upstream => return self.at = At::Wanted,
                RelayStep::Transport(asked) => return self.at = At::Waits(asked),
                RelayStep::Closed => return self.at = At::Closed,
                RelayStep::Return => {
                    let (drive, verdict) = self.relay.take_upstream(self.now).expect("it is to be taken");
                    let at = self.current.take().expect("one is here");
                    match verdict {
                        UpstreamVerdict::Reuse => self.idle = Some((at, drive)),
                        UpstreamVerdict::Close(_) => self.upstreams[at].over = true,
                    }
                }
                RelayStep::Shut(_) => self.relay.shut_done(self.now),
                RelayStep::HandOver(_) | RelayStep::Content | RelayStep::Refused(_) => {
                    panic!("none of these is asked for")
                }
                RelayStep::Lost(..) | RelayStep::Error(..) | RelayStep::Expired(..) => {}
            }
        }
        panic!("it goes on for ever");
    }

    fn moves(&self) -> Vec<Move> {
        let asked = match self.at {
            At::Closed => return Vec::new(),
            At::Wanted => {
                let mut moves = vec![Move::NotConnected];
                let new_only = self.relay.wanted().is_some_and(|wanted| wanted.new_only);
                if self.idle.is_some() && !new_only {
                    moves.push(Move::Reuse);
                } else if self.upstreams.len() < 2 {
                    moves.push(Move::Open);
                }
                return moves;
            }
            At::Waits(asked) => asked,
        };
        let mut moves = Vec::new();
        for (who, transport) in [(Neighbor::Client, asked.client), (Neighbor::Upstream, asked.upstream)] {
            let (connection, most) = match (who, self.current) {
                (Neighbor::Client, _) => (&self.client, REQUESTS.len()),
                (Neighbor::Upstream, Some(at)) => (&self.upstreams[at], RESPONSES.len()),
                (Neighbor::Upstream, None) => continue,
            };
            if transport.write != Attempt::No {
                moves.push(Move::Takes(who));
                if !connection.over {
                    moves.push(Move::Fails(who, Side::Write));
                }
            }
            if transport.read != Attempt::No && !connection.over {
                if connection.sent < most {
                    moves.push(Move::Says(who));
                }
                moves.extend([Move::Ends(who), Move::Fails(who, Side::Read)]);
            }
        }
        if moves.is_empty() {
            moves.push(Move::Time);
        }
        moves
    }

    fn after(&self, next: Move) -> Self {
        let mut world = self.clone();
        match next {
            Move::Says(who) => {
                let (connection, all) = match who {
                    Neighbor::Client => (&mut world.client, &REQUESTS[..]),
                    Neighbor::Upstream => (&mut world.upstreams[world.current.expect("one is here")], &RESPONSES[..]),
                };
                let octets = all[connection.sent].as_bytes();
                connection.sent += 1;
                world.relay.room(who)[..octets.len()].copy_from_slice(octets);
                world.relay.read(who, octets.len());
            }
            Move::Ends(who) => {
                world.connection(who).over = true;
                world.relay.eof(who, Eof::Clean);
            }
            Move::Fails(who, side) => {
                world.connection(who).over = true;
                world.relay.failed(world.now, who, side);
            }
            Move::Takes(who) => {
                let octets = world.relay.unsent(who).slices().concat();
                let text = String::from_utf8(octets).expect("text");
                match who {
                    Neighbor::Client => world.told += &text,
                    Neighbor::Upstream => world.connection(who).got += &text,
                }
                world.relay.wrote(world.now, who, text.len());
            }
            Move::Reuse | Move::Open => {
                let (at, drive) = world.idle.take().filter(|_| matches!(next, Move::Reuse)).unwrap_or_else(|| {
                    world.upstreams.push(Connection::default());
                    (world.upstreams.len() - 1, drive(&Config::DEFAULT))
                });
                world.current = Some(at);
                world.relay.forward(world.now, drive, NextHop::Origin, NO_FIELDS).expect("one was wanted");
            }
            Move::Time => {
                world.now = world.now + world.relay.wait(world.now).expect("nobody owes the next step");
                world.relay.timeout(world.now);
            }
            Move::NotConnected => {
                world.refused += 1;
                world.relay.not_connected(world.now, true);
            }
        }
        world.run();
        world
    }

    fn shown(&self) -> String {
        let all = format!("{self:?}");
        all.split_once("exchange: Exchange").map_or(all.clone(), |(_, exchange)| exchange.to_owned())
    }

    fn connection(&mut self, who: Neighbor) -> &mut Connection {
        match who {
            Neighbor::Client => &mut self.client,
            Neighbor::Upstream => &mut self.upstreams[self.current.expect("one is here")],
        }
    }

    fn check(&self) {
        let posts: usize = self.upstreams.iter().map(|one| one.got.matches("POST ").count()).sum();
        assert!(posts <= 1, "a POST is doubled: {}", self.shown());
        for upstream in &self.upstreams {
            let rest = upstream.got.replace("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "");
            let post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nabcd";
            assert!(post.starts_with(&rest), "only what was sent goes on: {}", self.shown());
        }
        // the client is told answers, each of them whole but the last, and that only where the connection ends
        let mut rest = &self.told[..];
        while !rest.is_empty() {
            let (head, after) = rest.split_once("\r\n\r\n").expect("heads are written whole");
            let content = if head.starts_with("HTTP/1.1 50") {
                ""
            } else if head.contains("chunked") {
                "4\r\n1234\r\n0\r\n\r\n"
            } else {
                "1234"
            };
            let common = after.len().min(content.len());
            assert_eq!(after[..common], content[..common], "{}", self.shown());
            if after.len() < content.len() && self.at == At::Closed {
                assert!(self.relay.client().connection().is_closed());
            }
            rest = &after[common..];
        }
        assert!(self.told.matches("HTTP/1.1 ").count() <= 2, "an answer too many: {}", self.shown());
        assert!(self.at != At::Closed || self.current.is_none(), "it was given back: {}", self.shown());
    }
}

#[test]
fn the_laws_hold_in_every_state_and_from_each_the_end_can_be_reached() {
    let first = World::new();
    let mut states = HashMap::from([(first.key(), 0usize)]);
    let (mut open, mut before, mut ends) = (VecDeque::from([first]), vec![Vec::new()], Vec::new());
    let (mut at, mut steps) = (0, 0);
    while let Some(world) = open.pop_front() {
        world.check();
        let moves = world.moves();
        if world.at == At::Closed {
            ends.push(at);
        }
        for next in moves {
            steps += 1;
            let after = world.after(next);
            let number = before.len();
            let number = *states.entry(after.key()).or_insert(number);
            if number == before.len() {
                before.push(Vec::new());
                open.push_back(after);
            }
            before[number].push(at);
        }
        at += 1;
        assert!(at < 500_000, "the world is not small");
    }
    // backwards from the ends
    let (mut reached, mut rest) = (vec![false; before.len()], ends.clone());
    while let Some(state) = rest.pop() {
        if !std::mem::replace(&mut reached[state], true) {
            rest.extend(&before[state]);
        }
    }
    assert!(reached.iter().all(|&reached| reached), "a state from which there is no end");
    println!("{} states, {steps} steps, {} ends", before.len(), ends.len());
    assert_eq!((before.len(), steps, ends.len()), (14508, 23183, 5110));
}
