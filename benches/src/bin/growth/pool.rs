//! Work on a pool of many keys, and of many idle connections of one key.

use std::hash::{BuildHasherDefault, DefaultHasher};
use std::hint::black_box;
use std::time::Duration;

use http_keepalive::pool::*;
use http_keepalive::{Instant, Persistence, ReuseReason};

use crate::queues::{SIZES, scattered};
use crate::series::{Group, Law, Series, Work};

pub const POOL: Group = Group {
    name: "pool",
    title: "Idle connections of a pool",
    size: "idle connections",
    sizes: SIZES,
    greatest: &[1_000_000],
    series: &[
        Series::new("opened and idle, each of its own key", "a connection", Law::Flat, 100, |many| {
            let mut pool = pool(&config());
            Work::new(many, move || (0..many).for_each(|key| open(&mut pool, key as u64)))
        }),
        Series::new("lent and back, each of its own key", "a connection", Law::Flat, 100, |many| {
            let (mut pool, order) = (filled(&config(), many, many), scattered(many));
            let mut each_once = move || {
                for &key in &order {
                    let lease = lend(&mut pool, u64::from(key));
                    back(&mut pool, lease);
                }
            };
            // the first use of a connection costs more
            each_once();
            Work::new(many, each_once)
        }),
        Series::new("lent and back, in a shared pool", "a connection", Law::Flat, 100, |many| {
            let (pool, order) = (Shared::filled(many), scattered(many));
            let each_once = move || order.iter().for_each(|&key| pool.lend_and_take_back(key.into()));
            each_once();
            Work::new(many, each_once)
        }),
        Series::new("lent and back, of one key", "a connection", Law::Flat, 100, |many| {
            let mut pool = filled(&config(), many, 1);
            Work::new(many, move || {
                let leases: Vec<Lease> = (0..many).map(|_| lend(&mut pool, 0)).collect();
                leases.into_iter().for_each(|lease| back(&mut pool, lease));
            })
        }),
        Series::new("lent and back, the longest idle first", "a connection", Law::Flat, 100, |many| {
            let mut pool = filled(&config_with(PoolPolicy::DEFAULT.with_order(Order::Oldest)), many, 1);
            Work::new(many, move || {
                for _ in 0..many {
                    let lease = lend(&mut pool, 0);
                    back(&mut pool, lease);
                }
            })
        }),
        Series::new("found closed, in any order", "a connection", Law::Flat, 100, |many| {
            let mut pool = pool(&config());
            let names: Vec<Idle> = (0..many).map(|id| opened(&mut pool, NOW, id as u64)).collect();
            let order = scattered(many);
            Work::new(many, move || {
                for &id in &order {
                    pool.readable_while_idle(NOW, names[id as usize], Readable::End).expect("it is idle");
                }
            })
        }),
        Series::new("goes for one of another key", "a connection", Law::Flat, 100, |many| {
            let limits = LIMITS.with_total(Some(many as u32));
            let config = PoolConfig::new(limits, PoolTimeouts::DEFAULT, POLICY).expect("within bounds");
            let mut pool = filled(&config, many, many);
            Work::new(many, move || {
                for key in many..2 * many {
                    let checkout = pool.checkout(NOW, &(key as u64), Demand::DEFAULT);
                    let Checkout::EvictThenOpen { victim, permit, .. } = checkout else {
                        panic!("all places are taken")
                    };
                    let lease = pool.opened(NOW, permit, black_box(victim)).expect("it is not stale");
                    back(&mut pool, lease);
                }
            })
        }),
        Series::new("its time is over, each at another instant", "a connection", Law::Flat, 100, |many| {
            let mut pool = pool(&config());
            for id in 0..many as u64 {
                let _ = opened(&mut pool, NOW + Duration::from_micros(id), id);
            }
            Work::new(many, move || {
                let mut ended = 0;
                while let Some(at) = pool.next_deadline() {
                    while let Some(due) = pool.expire(at) {
                        assert!(matches!(black_box(due), Due::Close { .. }));
                        ended += 1;
                    }
                }
                assert_eq!(ended, many);
            })
        }),
        Series::new("a key comes and goes, among others", "a connection", Law::Flat, 100, |many| {
            let mut pool = filled(&config(), many, many);
            Work::new(many, move || {
                for key in many..2 * many {
                    let lease = lent_new(&mut pool, NOW, key as u64);
                    pool.closed(NOW, lease, Ended::ByUs).expect("it is not stale");
                }
            })
        }),
        Series::new("not lent to the first of a session", "a request", Law::Flat, 100, |many| {
            let mut pool = filled(&config_with(PoolPolicy::DEFAULT.with_reuse(ReuseMode::Safe)), many, 1);
            let first = Demand::DEFAULT.with_session(Session::First);
            Work::new(100, move || {
                for _ in 0..100 {
                    let Checkout::Open(permit) = pool.checkout(NOW, &0, first) else { panic!("none may be used") };
                    let lease = pool.opened(NOW, permit, 0).expect("it is not stale");
                    pool.closed(NOW, lease, Ended::ByUs).expect("it is not stale");
                }
            })
        }),
        // one of its key goes: all of them are looked at for the longest idle
        Series::new("looked at, where one of its key goes", "a connection", Law::Linear, 1_000, |many| {
            let limits = LIMITS.with_per_origin(Some(many as u32));
            let config = PoolConfig::new(limits, PoolTimeouts::DEFAULT, POLICY).expect("within bounds");
            let mut pool = filled(&config, many, 1);
            Work::new(many, move || {
                let checkout = pool.checkout(NOW, &0, Demand::DEFAULT.with_source(Source::New));
                assert!(matches!(black_box(checkout), Checkout::EvictThenOpen { .. }));
            })
        }),
        // one is lent: all of its key are looked at, as the order asks for
        Series::new("looked at, where the warmest is lent", "a connection", Law::Linear, 1_000, |many| {
            let mut pool = filled(&config_with(PoolPolicy::DEFAULT.with_order(Order::Warmest)), many, 1);
            let lease = lend(&mut pool, 0);
            back(&mut pool, lease);
            Work::new(many, move || _ = black_box(lend(&mut pool, 0)))
        }),
    ],
};

pub const NOW: Instant = Instant::from_secs(1);
pub const RETURNED: Returned = Returned::new(Persistence::Reuse(ReuseReason::Http11));
pub const LIMITS: PoolLimits =
    PoolLimits::DEFAULT.with_per_origin(None).with_total(None).with_waiters(u32::MAX).with_passed_over(Some(8));
pub const POLICY: PoolPolicy = PoolPolicy::DEFAULT.with_jitter_percent(0);

/// The standard map's hash, with the same keys in each run: the counts repeat.
pub type Fixed = BuildHasherDefault<DefaultHasher>;
pub type Keyed = Pool<u64, u64, Fixed>;

fn config_with(policy: PoolPolicy) -> PoolConfig {
    let timeouts = PoolTimeouts::DEFAULT.with_unused_idle(Some(Duration::from_secs(60)));
    PoolConfig::new(LIMITS, timeouts, policy.with_jitter_percent(0)).expect("within bounds")
}

fn config() -> PoolConfig {
    config_with(POLICY)
}

pub fn pool(config: &PoolConfig) -> Keyed {
    Pool::with_hasher(NOW, config, Fixed::default())
}

/// So many connections, in turn to each key.
fn filled(config: &PoolConfig, many: usize, keys: usize) -> Keyed {
    let mut pool = pool(config);
    for id in 0..many {
        open(&mut pool, (id % keys) as u64);
    }
    pool
}

/// A connection in use, opened for this.
pub fn lent_new(pool: &mut Keyed, now: Instant, key: u64) -> Lease {
    let checkout = pool.checkout(now, &key, Demand::DEFAULT.with_source(Source::New));
    let Checkout::Open(permit) = checkout else { panic!("there is a place") };
    pool.opened(now, permit, key).expect("it is not stale")
}

fn opened(pool: &mut Keyed, now: Instant, key: u64) -> Idle {
    let lease = lent_new(pool, now, key);
    let Ok(Checkin::Kept(idle)) = pool.checkin(now, lease, &RETURNED) else { panic!("it is kept") };
    idle
}

fn open(pool: &mut Keyed, key: u64) {
    let _ = black_box(opened(pool, NOW, key));
}

fn lend(pool: &mut Keyed, key: u64) -> Lease {
    let Checkout::Reuse { id, lease, .. } = pool.checkout(NOW, &key, Demand::DEFAULT) else { panic!("one is idle") };
    black_box(id);
    lease
}

fn back(pool: &mut Keyed, lease: Lease) {
    let checkin = pool.checkin(NOW, lease, &RETURNED);
    assert!(matches!(black_box(checkin), Ok(Checkin::Kept(_))));
}

/// A pool that owns its connections.
struct Shared(SharedPool<u64, Box<u64>, Fixed>);

impl Shared {
    fn filled(keys: usize) -> Self {
        let pool = SharedPool::with_hasher(NOW, &config(), Fixed::default());
        for key in 0..keys as u64 {
            let Handout::Open(place) = pool.checkout(NOW, &key, Demand::DEFAULT) else { panic!("there is a place") };
            let lent = place.opened(NOW, Box::new(key)).map_err(|late| late.why).expect("it is in time");
            assert!(lent.checkin(NOW, &RETURNED).to_close.is_none());
        }
        Self(pool)
    }

    fn lend_and_take_back(&self, key: u64) {
        let Handout::Use(lent) = self.0.checkout(NOW, &key, Demand::DEFAULT) else { panic!("one is idle") };
        black_box(**lent);
        assert!(lent.checkin(NOW, &RETURNED).to_close.is_none());
    }
}
