//! What holds of requests that open and wait at once, whatever comes first: one connection besides their own, no place lost, in order,
//! and nobody passed over too often.

use std::collections::HashMap;
use std::time::Duration;

use crate::cases;
use crate::driver::*;
use http_keepalive::Instant;
use http_keepalive::pool::*;
use proptest::prelude::*;

const BOTH: Demand = Demand::DEFAULT.with_meanwhile(Meanwhile::Wait);

/// What a driver does next, by numbers that choose among what there is.
#[derive(Clone, Debug)]
enum Act {
    Ask {
        key: u8,
        both: bool,
    },
    Open(usize),
    Fail(usize),
    GiveBack(usize),
    /// It comes back under this key.
    Move(usize, u8),
    Close(usize),
    Cancel(usize),
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0..3_u8, prop::bool::weighted(0.8)).prop_map(|(key, both)| Act::Ask { key, both }),
        3 => any::<usize>().prop_map(Act::Open),
        1 => any::<usize>().prop_map(Act::Fail),
        4 => any::<usize>().prop_map(Act::GiveBack),
        1 => (any::<usize>(), 0..3_u8).prop_map(|(which, key)| Act::Move(which, key)),
        1 => any::<usize>().prop_map(Act::Close),
        1 => any::<usize>().prop_map(Act::Cancel),
        1 => (0..10_000_u64).prop_map(Act::Wait),
    ]
}

/// A request, and what it has got so far.
#[derive(Debug, Default)]
struct Asker {
    key: u8,
    ticket: Option<Ticket>,
    places: u32,
    /// Connections of others that it was given.
    given: u32,
    /// Its own connection came in time.
    opened: u32,
    /// It was told that it gets nothing.
    refused: u32,
    /// The driver took it out of the queue.
    cancelled: bool,
    /// How many waited when it began to, and how many grants there were since while any place would have served it.
    before: u64,
    grants: u64,
}

/// A driver whose requests open and wait at once, and that opens, fails and gives back in any order.
struct Story {
    pool: Pool<u8, u32>,
    now: Instant,
    askers: Vec<Asker>,
    /// Permits, and by which request each was asked for.
    permits: Vec<(Permit, usize, u8)>,
    leases: Vec<(Lease, u32)>,
    /// By connection, its key; those that are idle too.
    connections: HashMap<u32, u8>,
    ids: u32,
    per_origin: usize,
    passed_over: u64,
}

impl Story {
    fn act(&mut self, act: &Act) {
        self.now = self.now + Duration::from_millis(1);
        let now = self.now;
        fn pick<T>(all: &mut Vec<T>, which: usize) -> Option<T> {
            if all.is_empty() { None } else { Some(all.remove(which % all.len())) }
        }
        match *act {
            Act::Ask { key, both } => {
                self.askers.push(Asker { key, ..Asker::default() });
                let demand = if both { BOTH } else { Demand::DEFAULT };
                let checkout = self.pool.checkout(now, &key, demand);
                self.follow(self.askers.len() - 1, checkout);
            }
            Act::Open(which) => {
                let Some((permit, asker, _)) = pick(&mut self.permits, which) else { return };
                self.ids += 1;
                let lease = self.pool.opened(now, permit, self.ids).unwrap();
                self.connections.insert(self.ids, self.askers[asker].key);
                let asker = &mut self.askers[asker];
                if asker.given + asker.refused == 0 && !asker.cancelled {
                    asker.opened += 1;
                    // the ticket is stale from now
                    let stale = asker.ticket.take().is_none_or(|ticket| self.pool.cancel(ticket) == Err(Stale));
                    assert!(stale, "a request has its connection and waits");
                    self.leases.push((lease, self.ids));
                } else {
                    let _ = self.pool.checkin(now, lease, &UNUSED).unwrap();
                }
            }
            Act::Fail(which) => {
                let Some((permit, ..)) = pick(&mut self.permits, which) else { return };
                self.pool.failed(now, permit).unwrap();
            }
            Act::GiveBack(which) => {
                let Some((lease, _)) = pick(&mut self.leases, which) else { return };
                assert!(matches!(self.pool.checkin(now, lease, &HTTP11), Ok(Checkin::Kept(_))));
            }
            Act::Move(which, key) => {
                let Some((lease, id)) = pick(&mut self.leases, which) else { return };
                assert!(matches!(self.pool.checkin_as(now, lease, &key, &HTTP11), Ok(Checkin::Kept(_))));
                self.connections.insert(id, key);
            }
            Act::Close(which) => {
                let Some((lease, id)) = pick(&mut self.leases, which) else { return };
                self.pool.closed(now, lease, Ended::ByPeer).unwrap();
                self.connections.remove(&id);
            }
            Act::Cancel(which) => {
                let waiting = self.askers.iter_mut().filter(|asker| asker.ticket.is_some());
                let mut waiting: Vec<_> = waiting.collect();
                let Some(asker) = pick(&mut waiting, which) else { return };
                self.pool.cancel(asker.ticket.take().unwrap()).unwrap();
                asker.cancelled = true;
            }
            Act::Wait(millis) => self.now = now + Duration::from_millis(millis),
        }
        self.expire();
    }

    fn follow(&mut self, asker: usize, checkout: Checkout<u32>) {
        if !matches!(checkout, Checkout::Wait(_)) {
            self.count_grant(asker);
        }
        if !self.waits(asker) {
            self.askers[asker].before = (0..self.askers.len()).filter(|&other| self.waits(other)).count() as u64;
        }
        let (permit, ticket) = match checkout {
            Checkout::Reuse { id, lease, .. } => {
                self.askers[asker].given += 1;
                self.askers[asker].ticket = None;
                return self.leases.push((lease, id));
            }
            Checkout::Open(permit) => (Some(permit), None),
            Checkout::OpenOrWait { permit, ticket } => (Some(permit), Some(ticket)),
            Checkout::EvictThenOpen { victim, permit, ticket, .. } => {
                self.connections.remove(&victim);
                (Some(permit), ticket)
            }
            Checkout::Wait(ticket) => (None, Some(ticket)),
            Checkout::Refuse(why) => panic!("{why}: there is room in the queue"),
        };
        self.askers[asker].places += u32::from(permit.is_some());
        let key = self.askers[asker].key;
        self.permits.extend(permit.map(|permit| (permit, asker, key)));
        self.askers[asker].ticket = ticket;
    }

    fn waits(&self, asker: usize) -> bool {
        self.askers[asker].ticket.is_some()
    }

    /// Any place would serve this request: of its key it is the first that waits without one, and its key is below its limit.
    fn is_in_line(&self, asker: usize) -> bool {
        let key = self.askers[asker].key;
        let wants = |one: &Asker| one.key == key && one.ticket.is_some() && one.places == 0;
        let opening = self.permits.iter().filter(|permit| permit.2 == key).count();
        let held = self.connections.values().filter(|&&other| other == key).count() + opening;
        self.askers.iter().position(wants) == Some(asker) && held < self.per_origin
    }

    /// A request gets a connection or a place. One that waits has seen no more grants than the law says: each of those before it, and
    /// it itself, is passed over so often at most, and is given a place, and then a connection.
    fn count_grant(&mut self, to: usize) {
        for asker in 0..self.askers.len() {
            if self.is_in_line(asker) || asker == to && self.waits(to) && self.askers[to].places == 0 {
                self.askers[asker].grants += 1;
                let Asker { before, grants, .. } = self.askers[asker];
                assert!(grants <= (self.passed_over + 2) * (before + 1), "{:?}", self.askers[asker]);
            }
        }
    }

    fn expire(&mut self) {
        while let Some(due) = self.pool.expire(self.now) {
            let by_ticket =
                |ticket: &Ticket| self.askers.iter().position(|asker| asker.ticket.as_ref() == Some(ticket));
            match due {
                Due::GoOn { ticket, checkout } => {
                    let asker = by_ticket(&ticket).expect("a request that waits");
                    if let Checkout::Reuse { .. } = checkout {
                        let earlier = &self.askers[..asker];
                        let waits =
                            earlier.iter().any(|other| other.key == self.askers[asker].key && other.ticket.is_some());
                        assert!(!waits, "an earlier one waits for what comes back");
                    }
                    self.follow(asker, checkout);
                }
                Due::WaitOver { ticket, .. } => {
                    let asker = by_ticket(&ticket).expect("a request that waits");
                    self.askers[asker].ticket = None;
                    self.askers[asker].refused += 1;
                }
                Due::PermitOverdue(permit) => self.permits.retain(|(other, ..)| *other != permit),
                Due::LeaseOverdue { id, lease } => {
                    self.leases.retain(|(other, _)| *other != lease);
                    self.connections.remove(&id);
                }
                Due::Close { id, .. } => drop(self.connections.remove(&id)),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases::of(400, 40)))]
    #[test]
    fn a_request_has_one_connection_besides_its_own_and_no_place_is_lost_and_nobody_is_passed_over_too_often(
        per_origin in 1..4_u32,
        total in 1..6_u32,
        wait in 5..60_u64,
        open in 5..60_u64,
        passed_over in 0..4_u32,
        rule in prop::sample::select(Eviction::ALL.to_vec()),
        acts in prop::collection::vec(act(), 0..120),
    ) {
        let limits = PoolLimits::DEFAULT.with_per_origin(Some(per_origin)).with_total(Some(total)).with_passed_over(Some(passed_over));
        let timeouts = PoolTimeouts::DEFAULT.with_wait(secs(wait)).with_open(secs(open)).with_lease(secs(100));
        let config = PoolConfig::new(limits, timeouts.with_used_idle(secs(20)), PoolPolicy::DEFAULT.with_eviction(rule)).unwrap();
        let now = Instant::from_secs(1000);
        let pool = Pool::new(now, &config);
        let mut story =
            Story {
                pool,
                now,
                askers: Vec::new(),
                permits: Vec::new(),
                leases: Vec::new(),
                connections: HashMap::new(),
                ids: 0,
                per_origin: per_origin as usize,
                passed_over: passed_over.into(),
            };
        for act in &acts {
            story.act(act);
            prop_assert!(story.pool.held() <= total);
            let out = story.permits.len() + story.leases.len();
            prop_assert_eq!(story.pool.held(), out as u32 + story.pool.idle());
            let waiting = story.askers.iter().filter(|asker| asker.ticket.is_some()).count();
            prop_assert_eq!(story.pool.waiting() as usize, waiting);
        }
        // what nobody gives back comes out, and its place is another one's
        for _ in 0..=acts.len() {
            story.act(&Act::Wait(200_000));
        }
        for asker in &story.askers {
            prop_assert!(asker.places <= 1, "{asker:?}");
            prop_assert!(asker.given <= 1 && asker.opened <= 1 && asker.refused <= 1, "{asker:?}");
            prop_assert!(asker.given + asker.opened + asker.refused <= 1, "{asker:?}");
            prop_assert!(asker.ticket.is_none(), "{asker:?}");
        }
        prop_assert_eq!((story.pool.held(), story.pool.waiting(), story.pool.outstanding().count()), (0, 0, 0));
    }
}
