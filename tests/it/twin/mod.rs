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
    /// Milliseconds, and the second it was seen in.
    closed: Option<(u64, u64)>,
}

struct Waiter {
    ticket: Ticket,
    key: Key,
    demand: Demand,
    due: u64,
}

/// The pool, its twin, and the time.
pub struct World {
    pool: Pool<Key, Id>,
    config: PoolConfig,
    now: u64,
    connections: Vec<Connection>,
    permits: VecDeque<(Permit, Key, u64)>,
    waiters: VecDeque<Waiter>,
    origins: HashMap<Key, Origin>,
    users: u32,
    unsettled: bool,
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
            unsettled: false,
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
            12..=17 => self.checkin(choices),
            18..=20 => self.answer_permit(choices),
            21 => self.closed(choices),
            22 => self.readable(choices),
            23..=26 => self.wait(choices),
            27 => self.cancel(choices),
            28 => {
                self.users = u32::from(choices.next() % 3);
                self.pool.set_users(self.users);
                self.users = self.users.max(1);
                self.unsettle();
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
        let yields = self.unsettled && !self.waiters.is_empty();
        let why = if self.draining {
            RefuseReason::Drain
        } else if self.waiters.iter().any(|waiter| waiter.key == key) {
            RefuseReason::Behind
        } else {
            match self.judge(key, demand, yields, &got) {
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
                self.waiters.push_back(Waiter { ticket, key, demand, due });
            }
            got => panic!("{got:?} where none may be had: {why:?}"),
        }
    }

    /// Is this the connection or the place that the request must get? `Err`: it must get none.
    fn judge(&mut self, key: Key, demand: Demand, yields: bool, got: &Checkout<Id>) -> Result<(), RefuseReason> {
        if demand.source == Source::Any {
            for unused in [false, true] {
                let right = self.choices_of(key, unused, demand.session);
                if right.is_empty() {
                    continue;
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
        if yields {
            return Err(RefuseReason::Behind);
        }
        let (most, why) = self.most(key);
        let (own, all) = (self.held(|other| other == key), self.held(|_| true));
        let total = self.config.limits().total.map_or(usize::MAX, |total| total as usize);
        let victims = if own >= most {
            let never = self.config.policy().eviction == Eviction::Never;
            let own_idle = self.idle().filter(|idle| idle.key == key && (!never || idle.due <= self.now));
            let longest = own_idle.min_by_key(|idle| idle.since).map(|idle| idle.id);
            if own == most && all <= total {
                longest.ok_or(why)?;
            } else {
                return Err(why);
            }
            longest.into_iter().collect()
        } else if all >= total {
            let rule = self.config.policy().eviction;
            if all > total || rule == Eviction::Never {
                return Err(RefuseReason::Total);
            }
            self.victims(rule)
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

    /// Which idle connections may be taken.
    fn choices_of(&self, key: Key, unused: bool, session: Session) -> Vec<Id> {
        let policy = self.config.policy();
        let apart = policy.used_first == Use::On;
        let fits = |connection: &&Connection| {
            let allowed = match (policy.reuse, session) {
                (ReuseMode::Always, _) | (ReuseMode::Safe | ReuseMode::Aggressive, Session::Later) => true,
                (ReuseMode::Aggressive, Session::First) => connection.proven,
                (ReuseMode::Never, _) | (ReuseMode::Safe, Session::First) => false,
            };
            let here = if apart { connection.used != unused } else { !unused };
            connection.key == key && here && connection.due > self.now && (allowed || !connection.used)
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
            let wanted = self.waiters.iter().any(|waiter| waiter.key == idle.key);
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

    fn unsettle(&mut self) {
        self.unsettled |= !self.waiters.is_empty();
    }

    fn gone(&mut self, id: Id) -> Connection {
        let place =
            self.connections.iter().position(|connection| connection.id == id).expect("a connection of the pool");
        let connection = self.connections.remove(place);
        self.forget_name(connection.name.clone());
        self.unsettle();
        connection
    }

    fn forget_name(&mut self, name: Name) {
        match name {
            Name::Lease(lease) => self.stale.0.push(lease),
            Name::Idle(idle) => self.stale.1.push(idle),
        }
    }
}
