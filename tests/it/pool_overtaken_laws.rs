//! What holds of requests that open and wait at once, whatever comes first: one connection besides their own, no place lost, in order.

use std::time::Duration;

use crate::driver::*;
use http_keepalive::Instant;
use http_keepalive::pool::*;
use proptest::prelude::*;

const BOTH: Demand = Demand::DEFAULT.with_meanwhile(Meanwhile::Wait);

/// What a driver does next, by numbers that choose among what there is.
#[derive(Clone, Debug)]
enum Act {
    Ask { key: u8, both: bool },
    Open(usize),
    Fail(usize),
    GiveBack(usize),
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
}

/// A driver whose requests open and wait at once, and that opens, fails and gives back in any order.
struct Story {
    pool: Pool<u8, u32>,
    now: Instant,
    askers: Vec<Asker>,
    /// Permits, and by which request each was asked for.
    permits: Vec<(Permit, usize)>,
    leases: Vec<Lease>,
    ids: u32,
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
                let Some((permit, asker)) = pick(&mut self.permits, which) else { return };
                self.ids += 1;
                let lease = self.pool.opened(now, permit, self.ids).unwrap();
                let asker = &mut self.askers[asker];
                if asker.given + asker.refused == 0 && !asker.cancelled {
                    asker.opened += 1;
                    // the ticket is stale from now
                    let stale = asker.ticket.take().is_none_or(|ticket| self.pool.cancel(ticket) == Err(Stale));
                    assert!(stale, "a request has its connection and waits");
                    self.leases.push(lease);
                } else {
                    let _ = self.pool.checkin(now, lease, &UNUSED).unwrap();
                }
            }
            Act::Fail(which) => {
                let Some((permit, _)) = pick(&mut self.permits, which) else { return };
                self.pool.failed(now, permit).unwrap();
            }
            Act::GiveBack(which) => {
                let Some(lease) = pick(&mut self.leases, which) else { return };
                let _ = self.pool.checkin(now, lease, &HTTP11).unwrap();
            }
            Act::Close(which) => {
                let Some(lease) = pick(&mut self.leases, which) else { return };
                self.pool.closed(now, lease, Ended::ByPeer).unwrap();
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
        let (permit, ticket) = match checkout {
            Checkout::Reuse { lease, .. } => {
                self.askers[asker].given += 1;
                return self.leases.push(lease);
            }
            Checkout::Open(permit) => (Some(permit), None),
            Checkout::OpenOrWait { permit, ticket } => (Some(permit), Some(ticket)),
            Checkout::EvictThenOpen { permit, ticket, .. } => (Some(permit), ticket),
            Checkout::Wait(ticket) => (None, Some(ticket)),
            Checkout::Refuse(why) => panic!("{why}: there is room in the queue"),
        };
        self.askers[asker].places += u32::from(permit.is_some());
        self.permits.extend(permit.map(|permit| (permit, asker)));
        self.askers[asker].ticket = ticket;
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
                    self.askers[asker].ticket = None;
                    self.follow(asker, checkout);
                }
                Due::WaitOver { ticket, .. } => {
                    let asker = by_ticket(&ticket).expect("a request that waits");
                    self.askers[asker].ticket = None;
                    self.askers[asker].refused += 1;
                }
                Due::PermitOverdue(permit) => self.permits.retain(|(other, _)| *other != permit),
                Due::LeaseOverdue { lease, .. } => self.leases.retain(|other| *other != lease),
                Due::Close { .. } => {}
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_request_has_one_connection_besides_its_own_and_no_place_is_lost(
        per_origin in 1..4_u32,
        total in 1..6_u32,
        wait in 5..60_u64,
        open in 5..60_u64,
        acts in prop::collection::vec(act(), 0..120),
    ) {
        let limits = PoolLimits::DEFAULT.with_per_origin(Some(per_origin)).with_total(Some(total));
        let timeouts = PoolTimeouts::DEFAULT.with_wait(secs(wait)).with_open(secs(open)).with_lease(secs(100));
        let config = PoolConfig::new(limits, timeouts.with_used_idle(secs(20)), PoolPolicy::DEFAULT).unwrap();
        let now = Instant::from_secs(1000);
        let pool = Pool::new(now, &config);
        let mut story =
            Story { pool, now, askers: Vec::new(), permits: Vec::new(), leases: Vec::new(), ids: 0 };
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
