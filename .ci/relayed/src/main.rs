//! Sends cases through a relay, in process: one a line of the standard input, `role piece eof methods octets`, the octets in hexadecimal digits.
//!
//! `server`: the octets are a client's, and an origin answers each request that is whole by 204, a CONNECT by 200. `client`: they are an
//! origin's, and a client sends a request of each method, one after another. A line of the standard output says what came of it: what the
//! client was sent, what each connection to an origin was, and how it ended.

use std::io::BufRead;

use http_keepalive::drive::{Attempt, Drive};
use http_keepalive::intermediary::NextHop;
use http_keepalive::relay::{Neighbor, Relay, RelayPolicy, RelayStep, UpstreamVerdict};
use http_keepalive::*;

struct Case {
    /// The octets are a client's.
    requests: bool,
    piece: usize,
    eof: bool,
    methods: Vec<String>,
    octets: Vec<u8>,
}

struct World {
    relay: Relay<Vec<u8>>,
    now: Instant,
    told: Vec<u8>,
    origins: Vec<Vec<u8>>,
    idle: Option<Drive<Client, Vec<u8>>>,
    end: &'static str,
    asked: Option<http_keepalive::relay::Transports>,
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("digits")).collect()
}

/// How many requests these are, and whether the last of them is CONNECT; those that are whole.
fn whole(octets: &[u8]) -> (usize, bool) {
    let now = Instant::from_secs(1);
    let mut server = Connection::<Server>::new(now, &Config::DEFAULT);
    let (mut rest, mut count, mut connects, mut out) = (octets, 0, false, [0; 256]);
    while let Ok(received) = server.receive(now, rest) {
        rest = &rest[received.consumed..];
        match received.outcome {
            Outcome::Event(Event::Request(head)) => connects = head.method.kind() == MethodKind::Connect,
            Outcome::Event(Event::End { .. }) => {
                count += 1;
                let _ = server.content_use(now, ContentUse::Reading);
                if let Ok(written) =
                    server.send_response(now, StatusCode::NO_CONTENT, NO_FIELDS, Content::Empty, &mut out)
                {
                    server.handle_sent(now, written as u64);
                }
            }
            Outcome::Event(_) => {}
            _ => break,
        }
    }
    (count, connects)
}

impl World {
    /// Until it waits for octets: `false`: it is over.
    fn run(&mut self) -> bool {
        loop {
            match self.relay.poll(self.now) {
                RelayStep::Upstream => {
                    let wanted = self.relay.wanted().expect("one is wanted");
                    let connects = wanted.method.kind() == MethodKind::Connect;
                    let new_only = wanted.new_only;
                    let next = if connects { NextHop::Proxy } else { NextHop::Origin };
                    if wanted.tries > 0 {
                        // the case is over
                        self.relay.not_connected(self.now, true);
                        continue;
                    }
                    let drive = self.idle.take().filter(|_| !new_only).unwrap_or_else(|| {
                        self.origins.push(Vec::new());
                        Drive::new(self.now, &Config::DEFAULT, Vec::new(), Vec::new())
                    });
                    self.relay.forward(self.now, drive, next, NO_FIELDS).expect("one was wanted");
                }
                RelayStep::Return => {
                    let (drive, verdict) = self.relay.take_upstream(self.now).expect("it is to be taken");
                    self.idle = (verdict == UpstreamVerdict::Reuse).then_some(drive);
                }
                RelayStep::Transport(asked) => {
                    let mut wrote = false;
                    for (who, transport) in [(Neighbor::Client, asked.client), (Neighbor::Upstream, asked.upstream)] {
                        if transport.write != Attempt::No {
                            let octets = self.relay.unsent(who).slices().concat();
                            let to = if who == Neighbor::Client {
                                &mut self.told
                            } else {
                                self.origins.last_mut().expect("one")
                            };
                            to.extend_from_slice(&octets);
                            self.relay.wrote(self.now, who, octets.len());
                            wrote = true;
                        }
                    }
                    if !wrote {
                        self.asked = Some(asked);
                        return true;
                    }
                }
                RelayStep::Shut(_) => {
                    self.end = "closed";
                    self.relay.shut_done(self.now);
                }
                RelayStep::HandOver(_) => {
                    self.end = "tunnel";
                    return false;
                }
                RelayStep::Closed => return false,
                _ => {}
            }
        }
    }

    /// Gives one side what it takes of these octets: how many.
    fn give(&mut self, who: Neighbor, octets: &[u8]) -> usize {
        let Some(asked) = self.asked else { return 0 };
        let asked = if who == Neighbor::Client { asked.client } else { asked.upstream };
        if asked.read == Attempt::No || octets.is_empty() {
            return 0;
        }
        let room = self.relay.room(who);
        let share = octets.len().min(room.len());
        room[..share].copy_from_slice(&octets[..share]);
        self.relay.read(who, share);
        share
    }
}

fn through(case: &Case) -> World {
    let now = Instant::from_secs(1);
    let client = Drive::new(now, &Config::DEFAULT, Vec::new(), Vec::new());
    let relay = Relay::new(client, RelayPolicy::DEFAULT, Vec::new());
    let mut world = World { relay, now, told: Vec::new(), origins: Vec::new(), idle: None, end: "open", asked: None };
    let mut methods = case.methods.iter();
    let (mut rest, mut answered, mut eof) = (&case.octets[..], 0, case.eof);
    while world.run() {
        let moved = if case.requests {
            let share = rest.len().min(case.piece);
            let given = world.give(Neighbor::Client, &rest[..share]);
            rest = &rest[given..];
            let (count, connects) = whole(&world.origins.concat());
            if given > 0 {
                true
            } else if count > answered {
                answered += 1;
                let answer: &[u8] =
                    if connects { b"HTTP/1.1 200 OK\r\n\r\n" } else { b"HTTP/1.1 204 No Content\r\n\r\n" };
                world.give(Neighbor::Upstream, answer) > 0
            } else {
                false
            }
        } else if world.relay.upstream().is_some() {
            let share = rest.len().min(case.piece);
            let given = world.give(Neighbor::Upstream, &rest[..share]);
            rest = &rest[given..];
            if given == 0 && rest.is_empty() && eof {
                eof = false;
                world.relay.eof(Neighbor::Upstream, Eof::Clean);
                true
            } else {
                given > 0
            }
        } else {
            let request = methods.next().map(|method| match (method.strip_suffix('+'), method.as_str()) {
                (Some(method), _) => {
                    format!("{method} / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
                }
                (None, "CONNECT") => "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n".to_owned(),
                (None, method) => format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"),
            });
            request.is_some_and(|request| world.give(Neighbor::Client, request.as_bytes()) > 0)
        };
        if !moved {
            if case.requests && eof && rest.is_empty() {
                eof = false;
                world.relay.eof(Neighbor::Client, Eof::Clean);
                continue;
            }
            break;
        }
    }
    world
}

fn main() {
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("text");
        let parts: Vec<&str> = line.split(' ').collect();
        let [role, piece, eof, methods, input] = parts[..] else { panic!("five parts: {line}") };
        let case = Case {
            requests: role == "server",
            piece: piece.parse().expect("a number"),
            eof: eof == "true",
            methods: methods.split(',').filter(|method| !method.is_empty()).map(str::to_owned).collect(),
            octets: octets(input),
        };
        let world = through(&case);
        let origins: Vec<String> = world.origins.iter().map(|octets| hex(octets)).collect();
        println!("{} {} {}", hex(&world.told), origins.join(","), world.end);
    }
}
