//! The idle connections: which one is used, until when and why not says the pool; here are their sockets.

use std::collections::HashMap;
use std::time::Duration;

use http_keepalive::pool::{
    Checkin, Checkout, Demand, Due, Ended, Lease, Look, Patience, Permit, Pool, PoolConfig, PoolLimits, PoolPolicy,
    PoolTimeouts, Returned, Source,
};
use http_keepalive::{CloseReason, Reusable, Use};

use crate::Options;
use crate::target::{Clock, Origin};
use crate::wire::Wire;

/// All connections that are not in use.
pub struct Connections {
    pool: Pool<Origin, u64>,
    idle: HashMap<u64, Wire>,
    opened: u64,
    clock: Clock,
    /// Connections that turned out to be closed when they were to be used.
    pub found_dead: u64,
}

/// What a request is given.
pub enum Taken {
    /// A connection that was used before.
    Reused(Box<Wire>, Lease),
    /// A place for a new one.
    Open(Permit),
}

impl Connections {
    pub fn new(options: &Options, clock: Clock) -> Self {
        // each machine takes its own margin off the hint; nobody watches idle sockets here, so that each is looked at before it is used
        let timeouts = PoolTimeouts::DEFAULT.with_margin(options.margin.unwrap_or(MARGIN));
        let policy = PoolPolicy::DEFAULT.with_learn(if options.learn { Use::On } else { Use::Off });
        let config = PoolConfig::new(PoolLimits::DEFAULT, timeouts, policy).unwrap_or_default();
        Self { pool: Pool::new(clock.now(), &config), idle: HashMap::new(), opened: 0, clock, found_dead: 0 }
    }

    /// A connection for a request, a new one if need be. `say` is told what becomes of those that are not fit any more.
    pub fn take(&mut self, origin: &Origin, source: Source, mut say: impl FnMut(String)) -> Result<Taken, String> {
        self.expire(&mut say);
        loop {
            let now = self.clock.now();
            match self.pool.checkout(now, origin, Demand::DEFAULT.with_source(source).with_patience(Patience::None)) {
                Checkout::Reuse { id, lease, look } => {
                    let Some(mut wire) = self.idle.remove(&id) else {
                        self.closed(lease, None, false);
                        continue;
                    };
                    let reusable = match look {
                        Look::First => wire.reusable(),
                        Look::Skip => wire.drive.reusable(now),
                    };
                    if let Reusable::Now { .. } = reusable {
                        return Ok(Taken::Reused(Box::new(wire), lease));
                    }
                    let why = wire.close_reason();
                    say(format!("{origin}: not reused: {}", why.map_or("busy".into(), |why| why.to_string())));
                    self.closed(lease, why, true);
                }
                Checkout::EvictThenOpen { victim, why, permit, .. } => {
                    self.idle.remove(&victim);
                    say(format!("a connection closed: {why}"));
                    return Ok(Taken::Open(permit));
                }
                Checkout::Open(permit) => return Ok(Taken::Open(permit)),
                Checkout::Wait(_) | Checkout::OpenOrWait { .. } => return Err("nobody waits here".into()),
                Checkout::Refuse(why) => return Err(format!("no connection to {origin}: {why}")),
            }
        }
    }

    /// A connection was opened.
    pub fn opened(&mut self, permit: Permit, wire: &mut Wire) -> Result<Lease, String> {
        self.opened += 1;
        wire.number = self.opened;
        self.pool.opened(self.clock.now(), permit, self.opened).map_err(|stale| stale.to_string())
    }

    /// A connection could not be opened.
    pub fn failed(&mut self, permit: Permit) {
        // stale: its place is free already
        let _ = self.pool.failed(self.clock.now(), permit);
    }

    /// A connection is over, and why as its machine says. `unanswered`: it was used again, and nothing had been answered.
    pub fn closed(&mut self, lease: Lease, why: Option<CloseReason>, unanswered: bool) {
        let ended = match why {
            Some(CloseReason::Unsolicited) => Ended::Unsolicited,
            Some(CloseReason::PeerClosed) if unanswered => Ended::DeadAtReuse,
            _ => Ended::ByPeer,
        };
        self.found_dead += u64::from(ended == Ended::DeadAtReuse);
        // stale: it is forgotten already
        let _ = self.pool.closed(self.clock.now(), lease, ended);
    }

    /// A connection is not used any more, and is good until then if that is known.
    pub fn give_back(&mut self, lease: Lease, mut wire: Wire, mut say: impl FnMut(String)) {
        let now = self.clock.now();
        let returned = match wire.reusable() {
            Reusable::Now { until } => Returned::new(wire.drive.connection().persistence()).with_until(until),
            Reusable::Wait(_) => return self.closed(lease, None, false),
            Reusable::No(reason) => Returned::new(http_keepalive::Persistence::Close(reason)),
        };
        let id = wire.number;
        match self.pool.checkin(now, lease, &returned) {
            Ok(Checkin::Kept(_)) => drop(self.idle.insert(id, wire)),
            Ok(Checkin::KeptFor { victim, why, .. }) => {
                self.idle.insert(id, wire);
                self.idle.remove(&victim);
                say(format!("a connection closed: {why}"));
            }
            Ok(Checkin::Close(why)) => say(format!("the connection is not kept: {why}")),
            Err(_) => {}
        }
    }

    /// Closes what is idle for too long.
    fn expire(&mut self, say: &mut impl FnMut(String)) {
        while let Some(due) = self.pool.expire(self.clock.now()) {
            match due {
                Due::Close { id, why } => {
                    self.idle.remove(&id);
                    say(format!("an idle connection closed: {why}"));
                }
                due => say(format!("{due:?}")),
            }
        }
    }
}

/// Taken off what was learned, where the options say nothing else: a round trip and a late clock.
const MARGIN: Duration = Duration::from_millis(100);
