//! A naive pool, a list searched in full, beside the real one: whatever the one answers the other must find right.
//!
//! The twin does not predict, it judges: it says which answers are right, and follows the one that was given.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use http_keepalive::pool::*;
use http_keepalive::{Instant, Use};

mod config;
mod due;
mod steps;

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
    /// How many later ones were given a connection while it was first in line.
    passed: u32,
}

/// The pool, its twin, and the time.
#[derive(Debug)]
pub struct World {
    pool: Pool<Key, Id>,
    config: PoolConfig,
    now: u64,
    connections: Vec<Connection>,
    permits: VecDeque<(Permit, Key, u64)>,
    waiters: VecDeque<Waiter>,
    origins: HashMap<Key, Origin>,
    users: u32,
    /// Idle connections one of which goes for the waiter that has its turn.
    claimed: Vec<Id>,
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
            claimed: Vec::new(),
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
        match choices.next() % 32 {
            0..=11 => self.checkout(choices),
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
        self.check();
    }

    fn checkout(&mut self, choices: &mut Choices) {
        let choice = choices.next();
        let key = choice % 3;
        let demand = Demand::DEFAULT
            .with_peer(if key == 2 { Peer::Proxy } else { Peer::Origin })
            .with_session(if choice & 16 == 0 { Session::Later } else { Session::First })
            .with_source(if choice & 0xE0 == 0xE0 { Source::New } else { Source::Any })
            .with_patience(if choice & 12 == 12 { Patience::None } else { Patience::Wait });
        let got = self.pool.checkout(self.at(), &key, demand);
        let origin = self.origins.entry(key).or_default();
        if !self.draining {
            origin.proxy |= demand.peer == Peer::Proxy;
        }
        let why = if self.draining {
            RefuseReason::Drain
        } else if self.waiters.iter().any(|waiter| waiter.key == key) {
            RefuseReason::Behind
        } else {
            match self.judge(key, demand, None, &got) {
                Ok(()) => return,
                Err(why) => why,
            }
        };
        let most = self.config.limits().waiters as usize;
        let refused = if self.draining || demand.patience == Patience::None || most == 0 {
            Some(why)
        } else {
            (self.waiters.len() >= most).then_some(RefuseReason::Waiters)
        };
        match got {
            Checkout::Refuse(got) => assert_eq!(Some(got), refused),
            Checkout::Wait(ticket) => {
                assert_eq!(None, refused, "it waits");
                let due = self.now.saturating_add(nanos(self.config.timeouts().wait));
                self.waiters.push_back(Waiter { ticket, key, demand, due, passed: 0 });
            }
            got => panic!("{got:?} where none may be had: {why:?}"),
        }
    }

    /// Is this the connection or the place that the request must get? `Err`: it must get none. `place`: of a waiter in the queue.
    fn judge(
        &mut self,
        key: Key,
        demand: Demand,
        place: Option<usize>,
        got: &Checkout<Id>,
    ) -> Result<(), RefuseReason> {
        if demand.source == Source::Any {
            for unused in [false, true] {
                let right = self.choices_of(key, unused, demand.session);
                if right.is_empty() {
                    continue;
                }
                if !self.may_pass(place) {
                    self.claimed = right;
                    return Err(RefuseReason::Behind);
                }
                let policy = self.config.policy();
                let order = if unused { policy.unused_order } else { policy.order };
                let &Checkout::Reuse { id, ref lease, look } = got else { panic!("{got:?} though {right:?} are idle") };
                assert!(right.contains(&id), "{id} of {right:?}");
                if order == Order::RoundRobin {
                    self.origins.entry(key).or_default().turn = id + 1;
                }
                let now = self.now;
                // only who watches idle connections may trust one for a time
                let look_after = match policy.idle_watched {
                    Use::On => nanos(self.config.timeouts().look_after),
                    Use::Off => 0,
                };
                let connection = self.find(id);
                assert_eq!(look == Look::First, now - connection.since >= look_after);
                connection.age = now - connection.since;
                (connection.since, connection.reused) = (now, true);
                let before = std::mem::replace(&mut connection.name, Name::Lease(lease.clone()));
                self.forget_name(before);
                return Ok(());
            }
        }
        let (most, why) = self.most(key);
        let (own, all) = (self.held(|other| other == key), self.held(|_| true));
        let total = self.config.limits().total.map_or(usize::MAX, |total| total as usize);
        let victims = if own >= most {
            let never = self.config.policy().eviction == Eviction::Never;
            let own_idle = self.idle().filter(|idle| idle.key == key && (!never || idle.due <= self.now));
            let longest = own_idle.min_by_key(|idle| idle.since).map(|idle| idle.id);
            let longest = longest.filter(|_| own == most && all <= total).ok_or(why)?;
            if !self.may_pass(place) {
                self.claimed = vec![longest];
                return Err(RefuseReason::Behind);
            }
            vec![longest]
        } else if place.is_none() && self.first_in_line().is_some() {
            return Err(RefuseReason::Behind);
        } else if all >= total {
            let rule = self.config.policy().eviction;
            let victims = if rule == Eviction::Never { Vec::new() } else { self.victims(rule) };
            if victims.is_empty() && place.is_some() && self.turn() == place { self.claimable() } else { victims }
        } else {
            let Checkout::Open(permit) = got else { panic!("{got:?} though there is room") };
            self.permit(permit.clone(), key);
            return Ok(());
        };
        if victims.is_empty() {
            return Err(RefuseReason::Total);
        }
        let &Checkout::EvictThenOpen { victim, why, ref permit } = got else {
            panic!("{got:?} though one of {victims:?} may go")
        };
        assert!(victims.contains(&victim), "{victim} of {victims:?}");
        let (now, evicted) = (self.now, self.find(victim));
        assert_eq!(why, if evicted.due <= now { evicted.why } else { EndReason::Evicted });
        self.gone(victim);
        self.permit(permit.clone(), key);
        Ok(())
    }

    /// May a request of such a session be given this one?
    fn may_have(&self, connection: &Connection, session: Session) -> bool {
        !connection.used
            || match (self.config.policy().reuse, session) {
                (ReuseMode::Always, _) | (ReuseMode::Safe | ReuseMode::Aggressive, Session::Later) => true,
                (ReuseMode::Aggressive, Session::First) => connection.proven,
                (ReuseMode::Never, _) | (ReuseMode::Safe, Session::First) => false,
            }
    }

    /// Which idle connections may be taken.
    fn choices_of(&self, key: Key, unused: bool, session: Session) -> Vec<Id> {
        let policy = self.config.policy();
        let apart = policy.used_first == Use::On;
        let fits = |connection: &&Connection| {
            let here = if apart { connection.used != unused } else { !unused };
            connection.key == key && here && connection.due > self.now && self.may_have(connection, session)
        };
        let mut fit: Vec<&Connection> = self.idle().filter(fits).collect();
        fit.sort_by_key(|connection| connection.since);
        let (Some(first), Some(last)) = (fit.first(), fit.last()) else { return Vec::new() };
        let turn = self.origins.get(&key).map_or(0, |origin| origin.turn);
        match if unused { policy.unused_order } else { policy.order } {
            Order::Newest => vec![last.id],
            Order::Oldest => vec![first.id],
            Order::FirstOpened => vec![fit.iter().min_by_key(|connection| connection.id).unwrap().id],
            Order::Warmest => vec![fit.iter().max_by_key(|connection| connection.kib).unwrap().id],
            Order::RoundRobin => vec![fit.iter().map(|idle| idle.id).min_by_key(|&id| (id < turn, id)).unwrap()],
            Order::Random => fit.iter().map(|connection| connection.id).collect(),
        }
    }

    fn most(&self, key: Key) -> (usize, RefuseReason) {
        let limits = self.config.limits();
        let origin = &self.origins[&key];
        let (most, why) = if origin.proxy {
            (limits.per_proxy, RefuseReason::PerProxy)
        } else if origin.http10 && limits.per_http10_origin.is_some() {
            (limits.per_http10_origin, RefuseReason::PerHttp10Origin)
        } else {
            (limits.per_origin, RefuseReason::PerOrigin)
        };
        let users = limits.per_user.map_or(u32::MAX, |each| each * self.users);
        (most.unwrap_or(u32::MAX).min(users) as usize, why)
    }

    fn victims(&self, rule: Eviction) -> Vec<Id> {
        let spared = |idle: &Connection| {
            let warm = self.idle().filter(|other| other.key == idle.key).count();
            let first = self.waiters.iter().find(|waiter| waiter.key == idle.key).map(|first| first.demand);
            let wanted = first.is_some_and(|first| first.source == Source::Any && self.may_have(idle, first.session));
            idle.due > self.now && (wanted || warm <= self.config.limits().min_warm as usize)
        };
        let may_go = || self.idle().filter(|idle| !spared(idle));
        if rule == Eviction::NearestExpiry {
            let first = may_go().map(|idle| idle.due).min().filter(|&due| due != u64::MAX);
            if let Some(first) = first {
                return may_go().filter(|idle| idle.due == first).map(|idle| idle.id).collect();
            }
        }
        may_go().min_by_key(|idle| idle.since).map(|idle| idle.id).into_iter().collect()
    }

    /// Of the waiters that any place would serve, the first.
    fn first_in_line(&self) -> Option<usize> {
        (0..self.waiters.len()).find(|&place| {
            let key = self.waiters[place].key;
            let is_first = self.waiters.iter().position(|waiter| waiter.key == key) == Some(place);
            is_first && self.held(|other| other == key) < self.most(key).0
        })
    }

    fn is_full(&self) -> bool {
        self.config.limits().total.is_some_and(|total| self.held(|_| true) >= total as usize)
    }

    /// The waiter that was passed over as often as it may be.
    fn turn(&self) -> Option<usize> {
        let first = self.first_in_line().filter(|_| self.is_full())?;
        let most = self.config.limits().passed_over?;
        (self.waiters[first].passed >= most).then_some(first)
    }

    /// One who stands at this place, or does not wait yet, is given an idle connection or the place of one: may it be?
    fn may_pass(&mut self, place: Option<usize>) -> bool {
        let passes = |first: usize| place.is_none_or(|place| first < place);
        let Some(first) = self.first_in_line().filter(|&first| self.is_full() && passes(first)) else { return true };
        let may = self.turn().is_none();
        self.waiters[first].passed += u32::from(may);
        may
    }

    /// What may go for the one that has its turn: what was claimed for it, or what a later waiter would get.
    fn claimable(&self) -> Vec<Id> {
        let mut all = self.claimed.clone();
        let first = self.turn().unwrap_or(0);
        for waiter in self.waiters.iter().skip(first + 1).filter(|waiter| waiter.demand.source == Source::Any) {
            for unused in [false, true] {
                all.extend(self.choices_of(waiter.key, unused, waiter.demand.session));
            }
        }
        all.retain(|&id| self.idle().any(|idle| idle.id == id));
        all
    }

    fn idle(&self) -> impl Iterator<Item = &Connection> {
        self.connections.iter().filter(|connection| connection.is_idle())
    }

    fn held(&self, of: impl Fn(Key) -> bool) -> usize {
        let connections = self.connections.iter().map(|connection| connection.key);
        connections.chain(self.permits.iter().map(|permit| permit.1)).filter(|&key| of(key)).count()
    }

    fn find(&mut self, id: Id) -> &mut Connection {
        self.connections.iter_mut().find(|connection| connection.id == id).expect("a connection of the pool")
    }

    fn permit(&mut self, permit: Permit, key: Key) {
        let due = self.now.saturating_add(nanos(self.config.timeouts().open));
        self.permits.push_back((permit, key, due));
    }

    fn gone(&mut self, id: Id) -> Connection {
        let place =
            self.connections.iter().position(|connection| connection.id == id).expect("a connection of the pool");
        let connection = self.connections.remove(place);
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
