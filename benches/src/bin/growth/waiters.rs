//! Work on requests that wait for a connection: of one key, or each of its own.

use std::hint::black_box;
use std::time::Duration;

use http_keepalive::pool::*;

use crate::pool::{Fixed, Keyed, LIMITS, NOW, POLICY, RETURNED, lent_new, pool};
use crate::queues::scattered;
use crate::series::{Group, Law, Series, Work};

pub const WAITERS: Group = Group {
    name: "waiters",
    title: "Requests that wait",
    size: "requests that wait",
    sizes: &[1, 10, 100, 1_000, 10_000, 100_000],
    greatest: &[],
    series: &[
        Series::new("one key: begins to wait", "a request", Law::Flat, 100, |many| {
            let (mut pool, _) = busy(1);
            Work::new(many, move || (0..many).for_each(|_| _ = black_box(wait(&mut pool, 0))))
        }),
        Series::new("one key: given what comes back", "a request", Law::Flat, 100, |many| {
            let (mut pool, leases) = busy(1);
            (0..many).for_each(|_| _ = wait(&mut pool, 0));
            let mut lease = leases.into_iter().next();
            Work::new(many, move || {
                for _ in 0..many {
                    come_back(&mut pool, lease.take().expect("it is in use"));
                    let Some(Due::GoOn { checkout: Checkout::Reuse { lease: next, .. }, .. }) = pool.expire(NOW) else {
                        panic!("it goes on")
                    };
                    assert_eq!(pool.expire(NOW), None);
                    lease = Some(next);
                }
            })
        }),
        Series::new("one key: leaves, in any order", "a request", Law::Flat, 100, |many| {
            let (mut pool, _) = busy(1);
            let mut tickets: Vec<_> = (0..many).map(|_| Some(wait(&mut pool, 0))).collect();
            Work::new(many, move || leave(&mut pool, &mut tickets))
        }),
        Series::new("one key: has waited for too long", "a request", Law::Flat, 100, |many| {
            let (mut pool, _) = busy(1);
            (0..many).for_each(|_| _ = wait(&mut pool, 0));
            let late = NOW + Duration::from_secs(30);
            Work::new(many, move || {
                for _ in 0..many {
                    assert!(matches!(pool.expire(late), Some(Due::WaitOver { .. })));
                }
            })
        }),
        Series::new("one key, shared: waits, given one", "a request", Law::Flat, 100, |many| {
            let pool = SharedPool::<u64, u64, Fixed>::with_hasher(NOW, &config(1), Fixed::default());
            let Handout::Open(place) = pool.checkout(NOW, &0, Demand::DEFAULT) else { panic!("there is a place") };
            let mut lent = place.opened(NOW, 0).ok();
            Work::new(many, move || {
                let waiting = (0..many).map(|_| match pool.checkout(NOW, &0, Demand::DEFAULT) {
                    Handout::Wait(waiting) => waiting,
                    _ => panic!("it waits"),
                });
                for mut waiting in waiting.collect::<Vec<_>>() {
                    assert!(lent.take().expect("it is in use").checkin(NOW, &RETURNED).to_close.is_none());
                    let Some(Ok(Granted::Use(next))) = waiting.ask(NOW) else { panic!("it goes on") };
                    lent = Some(next);
                }
            })
        }),
        Series::new("one key, shared: waits, leaves", "a request", Law::Flat, 100, |many| {
            let pool = SharedPool::<u64, u64, Fixed>::with_hasher(NOW, &config(1), Fixed::default());
            let Handout::Open(place) = pool.checkout(NOW, &0, Demand::DEFAULT) else { panic!("there is a place") };
            let lent = place.opened(NOW, 0).ok();
            let order = scattered(many);
            Work::new(many, move || {
                let mut waiting: Vec<_> = (0..many).map(|_| Some(pool.checkout(NOW, &0, Demand::DEFAULT))).collect();
                order.iter().for_each(|&at| waiting[at as usize] = None);
                black_box(&lent);
            })
        }),
        Series::new("many keys: begins to wait", "a request", Law::Flat, 100, |many| {
            let (mut pool, _) = busy(1);
            Work::new(many, move || (1..=many).for_each(|key| _ = black_box(wait(&mut pool, key as u64))))
        }),
        // who has waited for longest is the first of a heap
        Series::new("many keys: given another's place", "a request", Law::Logarithm, 100, |many| {
            let (mut pool, leases) = busy(1);
            (1..=many).for_each(|key| _ = wait(&mut pool, key as u64));
            let mut lease = leases.into_iter().next();
            Work::new(many, move || {
                for _ in 0..many {
                    pool.closed(NOW, lease.take().expect("it is in use"), Ended::ByPeer).expect("it is not stale");
                    let Some(Due::GoOn { checkout: Checkout::Open(permit), .. }) = pool.expire(NOW) else {
                        panic!("it goes on")
                    };
                    lease = Some(pool.opened(NOW, permit, 0).expect("it is not stale"));
                    assert_eq!(pool.expire(NOW), None);
                }
            })
        }),
        Series::new("many keys: leaves, in any order", "a request", Law::Flat, 100, |many| {
            let (mut pool, _) = busy(1);
            let mut tickets: Vec<_> = (1..=many).map(|key| Some(wait(&mut pool, key as u64))).collect();
            Work::new(many, move || leave(&mut pool, &mut tickets))
        }),
        Series::new("many keys, all ready: leaves, in any order", "a request", Law::Flat, 100, |many| {
            let (mut pool, leases) = busy(many);
            let mut tickets: Vec<_> = (0..many).map(|key| Some(wait(&mut pool, key as u64))).collect();
            leases.into_iter().for_each(|lease| come_back(&mut pool, lease));
            Work::new(many, move || leave(&mut pool, &mut tickets))
        }),
    ],
};

/// So many connections in all, one of each key.
fn config(total: usize) -> PoolConfig {
    let limits = LIMITS.with_per_origin(Some(1)).with_total(Some(total as u32));
    PoolConfig::new(limits, PoolTimeouts::DEFAULT, POLICY).expect("within bounds")
}

/// All places are taken, each by a connection that is in use, of the keys from 0 on.
fn busy(places: usize) -> (Keyed, Vec<Lease>) {
    let mut pool = pool(&config(places));
    let leases = (0..places).map(|key| lent_new(&mut pool, NOW, key as u64)).collect();
    (pool, leases)
}

fn wait(pool: &mut Keyed, key: u64) -> Ticket {
    let Checkout::Wait(ticket) = pool.checkout(NOW, &key, Demand::DEFAULT) else { panic!("it waits") };
    ticket
}

fn come_back(pool: &mut Keyed, lease: Lease) {
    assert!(matches!(pool.checkin(NOW, lease, &RETURNED), Ok(Checkin::Kept(_))));
}

fn leave(pool: &mut Keyed, tickets: &mut [Option<Ticket>]) {
    for at in scattered(tickets.len()) {
        assert_eq!(pool.cancel(tickets[at as usize].take().expect("it waits")), Ok(()));
    }
    assert_eq!(pool.waiting(), 0);
}
