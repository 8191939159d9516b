//! A driver without sockets: it opens what the pool permits, at once, and keeps time.

use std::collections::HashMap;
use std::time::Duration;

use http_keepalive::pool::*;
use http_keepalive::{Instant, KeepAlive, Persistence, ReuseReason};

pub struct Driver {
    pub pool: Pool<String, u32>,
    pub now: Instant,
    opened: u32,
    leases: HashMap<u32, Lease>,
    idle: HashMap<u32, Idle>,
}

/// What a request got: connections are numbered as they are opened, from 1.
#[derive(Clone, Debug, PartialEq)]
pub enum Got {
    Reused(u32),
    Opened(u32),
    /// The second one, after the first was closed for it.
    Replaced(u32, u32),
    Waits(Ticket),
    /// It opens and waits at once: what comes of the permit is said to the pool itself.
    Opens(Permit, Ticket),
    Refused(RefuseReason),
}

impl Got {
    pub fn id(&self) -> u32 {
        match self {
            Self::Reused(id) | Self::Opened(id) | Self::Replaced(_, id) => *id,
            got => panic!("no connection: {got:?}"),
        }
    }

    pub fn ticket(self) -> Ticket {
        let Self::Waits(ticket) = self else { panic!("it does not wait: {self:?}") };
        ticket
    }
}

pub const HTTP11: Returned = Returned::new(Persistence::Reuse(ReuseReason::Http11));
pub const HTTP10: Returned = Returned::new(Persistence::Reuse(ReuseReason::Http10KeepAlive));
pub const UNUSED: Returned = Returned::new(Persistence::Undecided);

pub fn hint(timeout: u32) -> Returned {
    HTTP11.with_hint(KeepAlive { timeout: Some(timeout), max: None })
}

pub const fn secs(secs: u64) -> Option<Duration> {
    Some(Duration::from_secs(secs))
}

impl Driver {
    pub fn new(limits: PoolLimits, timeouts: PoolTimeouts, policy: PoolPolicy) -> Self {
        let config = PoolConfig::new(limits, timeouts, policy.with_jitter_percent(0)).unwrap();
        let now = Instant::from_secs(1000);
        Self { pool: Pool::new(now, &config), now, opened: 0, leases: HashMap::new(), idle: HashMap::new() }
    }

    /// A pool as this system has it.
    pub fn of(name: &str) -> Self {
        let preset = http_keepalive::presets::client(name).unwrap_or_else(|| panic!("no preset {name}"));
        Self::new(preset.limits, preset.timeouts, preset.policy)
    }

    pub fn ask(&mut self, key: &str) -> Got {
        self.ask_for(key, Demand::DEFAULT)
    }

    pub fn ask_for(&mut self, key: &str, demand: Demand) -> Got {
        // no two things happen at once
        self.now = self.now + Duration::from_nanos(1);
        let checkout = self.pool.checkout(self.now, key, demand);
        self.follow(checkout)
    }

    /// At the same instant as what was before.
    pub fn ask_at_once(&mut self, key: &str) -> Got {
        let checkout = self.pool.checkout(self.now, key, Demand::DEFAULT);
        self.follow(checkout)
    }

    fn follow(&mut self, checkout: Checkout<u32>) -> Got {
        match checkout {
            Checkout::Reuse { id, lease, .. } => {
                self.leases.insert(id, lease);
                Got::Reused(id)
            }
            Checkout::Open(permit) => Got::Opened(self.open(permit)),
            Checkout::OpenOrWait { permit, ticket } => Got::Opens(permit, ticket),
            Checkout::EvictThenOpen { victim, permit, .. } => Got::Replaced(victim, self.open(permit)),
            Checkout::Wait(ticket) => Got::Waits(ticket),
            Checkout::Refuse(why) => Got::Refused(why),
        }
    }

    fn open(&mut self, permit: Permit) -> u32 {
        self.opened += 1;
        let lease = self.pool.opened(self.now, permit, self.opened).unwrap();
        self.leases.insert(self.opened, lease);
        self.opened
    }

    pub fn give_back(&mut self, id: u32, returned: &Returned) -> Checkin<u32> {
        self.now = self.now + Duration::from_nanos(1);
        let checkin = self.pool.checkin(self.now, self.leases.remove(&id).expect("in use"), returned).unwrap();
        self.note(id, checkin)
    }

    /// It comes back under this key.
    pub fn give_back_as(&mut self, id: u32, key: &str, returned: &Returned) -> Checkin<u32> {
        let checkin = self.pool.checkin_as(self.now, self.leases.remove(&id).expect("in use"), key, returned).unwrap();
        self.note(id, checkin)
    }

    fn note(&mut self, id: u32, checkin: Checkin<u32>) -> Checkin<u32> {
        if let Checkin::Kept(idle) | Checkin::KeptFor { idle, .. } = checkin {
            self.idle.insert(id, idle);
        }
        checkin
    }

    /// The exchange on it is over, and it persists.
    pub fn done(&mut self, id: u32) {
        let checkin = self.give_back(id, &HTTP11);
        assert!(matches!(checkin, Checkin::Kept(_)), "{checkin:?}");
    }

    /// One request and its answer: the connection that carried it.
    pub fn fetch(&mut self, key: &str) -> Got {
        let got = self.ask(key);
        self.done(got.id());
        got
    }

    /// So many connections to a key, all in use.
    pub fn open_all(&mut self, key: &str, number: u32) -> Vec<u32> {
        let all: Vec<_> = (0..number).map(|_| self.ask(key)).collect();
        assert!(all.iter().all(|got| matches!(got, Got::Opened(_))), "{all:?}");
        all.iter().map(Got::id).collect()
    }

    pub fn closed(&mut self, id: u32, ended: Ended) {
        self.pool.closed(self.now, self.leases.remove(&id).expect("in use"), ended).unwrap();
    }

    pub fn readable(&mut self, id: u32, readable: Readable) -> Result<EndReason, Stale> {
        self.pool.readable_while_idle(self.now, self.idle.remove(&id).expect("idle"), readable)
    }

    /// Time goes on; what fell due, at each deadline in between.
    pub fn wait(&mut self, time: Duration) -> Vec<Due<u32>> {
        let until = self.now + time;
        let mut all = self.expire();
        while let Some(next) = self.pool.next_deadline().filter(|&next| next <= until) {
            self.now = self.now.max(next);
            all.extend(self.expire());
        }
        self.now = until;
        all
    }

    pub fn expire(&mut self) -> Vec<Due<u32>> {
        std::iter::from_fn(|| self.pool.expire(self.now)).collect()
    }

    /// What falls due now: who goes on, and with what; or else what it is.
    pub fn expire_and_follow(&mut self) -> Vec<Result<(Ticket, Got), Due<u32>>> {
        let mut all = Vec::new();
        while let Some(due) = self.pool.expire(self.now) {
            all.push(match due {
                Due::GoOn { ticket, checkout } => Ok((ticket, self.follow(checkout))),
                due => Err(due),
            });
        }
        all
    }

    /// The connections that are to be closed, and why, after so much time.
    pub fn closed_after(&mut self, time: Duration) -> Vec<(u32, EndReason)> {
        let due = self.wait(time).into_iter();
        let close = |due| if let Due::Close { id, why } = due { (id, why) } else { panic!("{due:?}") };
        due.map(close).collect()
    }

    /// The waiter that goes on, and with what.
    pub fn next_waiter(&mut self) -> Option<(Ticket, Got)> {
        match self.pool.expire(self.now)? {
            Due::GoOn { ticket, checkout } => Some((ticket, self.follow(checkout))),
            due => panic!("{due:?}"),
        }
    }
}
