//! A naive pool, a list searched in full, beside the real one: whatever the one answers the other must find right.
//!
//! The twin does not predict, it judges: it says which answers are right, and follows the one that was given.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use http_keepalive::pool::*;
use http_keepalive::{Instant, Use};

mod config;
mod due;
mod judge;
mod steps;
mod turns;

use config::{Choices, config};

type Id = u32;
type Key = u8;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Name {
    Lease(Lease),
    Idle(Idle),
}

#[derive(Clone, Debug)]
struct Connection {
    id: Id,
    key: Key,
    name: Name,
    since: u64,
    due: u64,
    why: EndReason,
    used: bool,
    proven: bool,
    reused: bool,
    outdated: bool,
    kib: u64,
    retire: u64,
    uses: u16,
    /// How long it had been idle when it was handed out.
    age: u64,
}

impl Connection {
    fn is_idle(&self) -> bool {
        matches!(self.name, Name::Idle(_))
    }
}

#[derive(Clone, Debug, Default)]
struct Origin {
    proxy: bool,
    http10: bool,
    turn: Id,
    /// When connections ended for octets that nobody asked for, and until when it is in quarantine.
    unsolicited: Vec<u64>,
    quarantined_until: u64,
    /// Milliseconds, and the second it was seen in.
    closed: Option<(u64, u64)>,
}

#[derive(Debug)]
struct Waiter {
    ticket: Ticket,
    key: Key,
    demand: Demand,
    due: u64,
    place: Place,
    /// How many later ones were given a connection while it was first in line.
    passed: u32,
}

/// What a waiter has of a place to open a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Wanted,
    Given,
    Lost,
}

#[derive(Debug)]
struct Opening {
    permit: Permit,
    key: Key,
    due: u64,
    /// Of the request that opens it, if it waits meanwhile. It may be stale.
    ticket: Option<Ticket>,
}

/// The pool, its twin, and the time.
#[derive(Debug)]
pub struct World {
    pool: Pool<Key, Id>,
    config: PoolConfig,
    now: u64,
    connections: Vec<Connection>,
    permits: VecDeque<Opening>,
    waiters: VecDeque<Waiter>,
    origins: HashMap<Key, Origin>,
    users: u32,
    /// Something has come back for who waits for these keys, and was not offered yet.
    ready: HashSet<Key>,
    overtaken: u64,
    /// Idle connections one of which goes for the waiter that has its turn.
    claimed: Vec<Id>,
    /// None of them was lent or has gone since.
    claim_stands: bool,
    /// How often a key came into quarantine.
    quarantined: u64,
    ebbing: bool,
    draining: bool,
    purge_at: u64,
    purging: u64,
    ids: Id,
    /// Names that are stale.
    stale: (Vec<Lease>, Vec<Idle>, Vec<Permit>, Vec<Ticket>),
}

const SECOND: u64 = 1_000_000_000;

fn waits_meanwhile(demand: Demand) -> bool {
    demand.meanwhile == Meanwhile::Wait && demand.patience == Patience::Wait && demand.source == Source::Any
}

fn nanos(span: Option<Duration>) -> u64 {
    span.map_or(u64::MAX, |span| span.as_nanos() as u64)
}

/// Runs one story: the settings, then what happens.
pub fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let config = config(&mut choices);
    let mut world = World::new(config);
    for _ in 0..300 {
        if choices.0.is_empty() {
            break;
        }
        world.step(&mut choices);
    }
    world.end();
}

impl World {
    pub fn new(config: PoolConfig) -> Self {
        let now = 1000 * SECOND;
        Self {
            pool: Pool::new(Instant::from_nanos(now), &config),
            config,
            now,
            connections: Vec::new(),
            permits: VecDeque::new(),
            waiters: VecDeque::new(),
            origins: HashMap::new(),
            users: 1,
            ready: HashSet::new(),
            overtaken: 0,
            claimed: Vec::new(),
            claim_stands: false,
            quarantined: 0,
            ebbing: false,
            draining: false,
            purge_at: u64::MAX,
            purging: 0,
            ids: 0,
            stale: (Vec::new(), Vec::new(), Vec::new(), Vec::new()),
        }
    }

    fn at(&self) -> Instant {
        Instant::from_nanos(self.now)
    }

    pub fn step(&mut self, choices: &mut Choices) {
        // no two things happen at once, so that what is longest idle is one
        self.now += 1;
        let choice = choices.next();
        match choice % 32 {
            0..=11 => self.checkout(choices, choice >= 128),
            12..=16 => self.checkin(choices, false),
            17 => self.checkin(choices, true),
            18..=20 => self.answer_permit(choices),
            21 => self.closed(choices),
            22 => self.readable(choices),
            23..=26 => self.wait(choices),
            27 => self.cancel(choices),
            28 => {
                self.users = u32::from(choices.next() % 3);
                self.pool.set_users(self.users);
                self.users = self.users.max(1);
            }
            29 => self.upheaval(choices),
            30 => self.try_stale(choices),
            _ => self.expire(),
        }
        let waiters = &self.waiters;
        self.ready.retain(|&key| waiters.iter().any(|waiter| waiter.key == key));
        self.check();
    }

    fn checkout(&mut self, choices: &mut Choices, overtaken: bool) {
        let choice = choices.next();
        let key = choice % 3;
        let demand = Demand::DEFAULT
            .with_peer(if key == 2 { Peer::Proxy } else { Peer::Origin })
            .with_session(if choice & 16 == 0 { Session::Later } else { Session::First })
            .with_source(if choice & 0xE0 == 0xE0 { Source::New } else { Source::Any })
            .with_patience(if choice & 12 == 12 { Patience::None } else { Patience::Wait })
            .with_meanwhile(if overtaken { Meanwhile::Wait } else { Meanwhile::Nothing });
        let got = self.pool.checkout(self.at(), &key, demand);
        let origin = self.origins.entry(key).or_default();
        if !self.draining {
            origin.proxy |= demand.peer == Peer::Proxy;
        }
        let most = self.config.limits().waiters as usize;
        let why = if self.draining {
            RefuseReason::Drain
        } else if self.is_behind_others(key) {
            RefuseReason::Behind
        } else {
            // what is idle here is of no use to who waits
            assert!(self.waiters_for(key).all(|waiter| !self.may_be_given_idle(waiter)));
            let waits = waits_meanwhile(demand) && self.waiters.len() < most;
            match self.judge(key, demand, None, waits, &got) {
                Ok(Some(ticket)) => return self.enqueue(ticket, key, demand, Place::Given),
                Ok(None) => return,
                Err(why) => why,
            }
        };
        let refused = if self.draining || demand.patience == Patience::None || most == 0 {
            Some(why)
        } else {
            (self.waiters.len() >= most).then_some(RefuseReason::Waiters)
        };
        match got {
            Checkout::Refuse(got) => assert_eq!(Some(got), refused),
            Checkout::Wait(ticket) => {
                assert_eq!(None, refused, "it waits");
                self.enqueue(ticket, key, demand, Place::Wanted);
            }
            got => panic!("{got:?} where none may be had: {why:?}"),
        }
    }

    /// Somebody wants a place for this key, or a connection has come back for one who waits for it.
    fn is_behind_others(&self, key: Key) -> bool {
        let came_back = self.ready.contains(&key) && self.idle().any(|idle| idle.key == key);
        self.waiters_for(key).any(|waiter| waiter.place == Place::Wanted || came_back)
    }

    fn enqueue(&mut self, ticket: Ticket, key: Key, demand: Demand, place: Place) {
        let due = self.now.saturating_add(nanos(self.config.timeouts().wait));
        self.waiters.push_back(Waiter { ticket, key, demand, due, place, passed: 0 });
    }

    fn waiters_for(&self, key: Key) -> impl Iterator<Item = &Waiter> {
        self.waiters.iter().filter(move |waiter| waiter.key == key)
    }

    fn may_be_given_idle(&self, waiter: &Waiter) -> bool {
        let idle = |unused| !self.choices_of(waiter.key, unused, waiter.demand.session).is_empty();
        waiter.demand.source == Source::Any && (idle(false) || idle(true))
    }

    fn idle(&self) -> impl Iterator<Item = &Connection> {
        self.connections.iter().filter(|connection| connection.is_idle())
    }

    fn held(&self, of: impl Fn(Key) -> bool) -> usize {
        let connections = self.connections.iter().map(|connection| connection.key);
        connections.chain(self.permits.iter().map(|opening| opening.key)).filter(|&key| of(key)).count()
    }

    fn find(&mut self, id: Id) -> &mut Connection {
        self.connections.iter_mut().find(|connection| connection.id == id).expect("a connection of the pool")
    }

    fn permit(&mut self, permit: &Permit, key: Key, ticket: Option<&Ticket>) {
        let due = self.now.saturating_add(nanos(self.config.timeouts().open));
        self.permits.push_back(Opening { permit: permit.clone(), key, due, ticket: ticket.cloned() });
    }

    /// The place in the queue of the request that opens this connection, if it still waits.
    fn waits_with(&self, opening: &Opening) -> Option<usize> {
        self.waiters.iter().position(|waiter| Some(&waiter.ticket) == opening.ticket.as_ref())
    }

    /// The connection is not opened: who waits meanwhile waits on without a place.
    fn lose_place(&mut self, opening: &Opening) {
        if let Some(place) = self.waits_with(opening) {
            assert_eq!(self.waiters[place].place, Place::Given);
            self.waiters[place].place = Place::Lost;
        }
    }

    /// Somebody left the queue, or came back for who is in it.
    fn make_ready(&mut self, key: Key) {
        if self.waiters_for(key).next().is_some() {
            self.ready.insert(key);
        }
    }

    fn gone(&mut self, id: Id) -> Connection {
        let place =
            self.connections.iter().position(|connection| connection.id == id).expect("a connection of the pool");
        let connection = self.connections.remove(place);
        self.claim_stands &= !self.claimed.contains(&id);
        self.forget_name(connection.name.clone());
        connection
    }

    fn forget_name(&mut self, name: Name) {
        match name {
            Name::Lease(lease) => self.stale.0.push(lease),
            Name::Idle(idle) => self.stale.1.push(idle),
        }
    }
}
