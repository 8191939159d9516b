//! No allocation in steady state, and few octets a connection.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use http_keepalive::pool::*;
use http_keepalive::{Instant, Persistence, ReuseReason};

/// The system's, counting.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);
static OCTETS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: each call goes on to the system's allocator as it came, and counting allocates nothing
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        OCTETS.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: what our caller promises is what it asks for
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        OCTETS.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above; `alloc` has given what goes back
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const RETURNED: Returned = Returned::new(Persistence::Reuse(ReuseReason::Http11));

/// One test, since the counts are the program's.
#[test]
fn nothing_is_allocated_in_steady_state_and_a_connection_takes_few_octets() {
    steady();
    shared();
    octets();
}

/// Requests to two hundred origins, with waiters, evictions, expiries and reopened connections, for an hour.
fn steady() {
    let limits = PoolLimits::DEFAULT.with_per_origin(Some(2)).with_total(Some(210));
    let config = PoolConfig::new(limits, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT).unwrap();
    let mut now = Instant::from_secs(1);
    let mut pool = Pool::<u64, u64>::new(now, &config);
    let (mut random, mut ids) = (1_u64, 0);
    let mut leases = VecDeque::with_capacity(1000);
    let mut turn = |pool: &mut Pool<u64, u64>, leases: &mut VecDeque<Lease>| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        now = now + Duration::from_millis(random >> 56);
        let mut follow = |pool: &mut Pool<u64, u64>, checkout| {
            let permit = match checkout {
                Checkout::Reuse { lease, .. } => return Some(lease),
                Checkout::Open(permit)
                | Checkout::OpenOrWait { permit, .. }
                | Checkout::EvictThenOpen { permit, .. } => permit,
                Checkout::Wait(_) | Checkout::Refuse(_) => return None,
            };
            ids += 1;
            Some(pool.opened(now, permit, ids).unwrap())
        };
        let checkout = pool.checkout(now, &(random >> 33 & 127 | random >> 35 & 64), Demand::DEFAULT);
        leases.extend(follow(pool, checkout));
        if leases.len() > 200 || random >> 60 == 0 {
            let lease = leases.pop_front().unwrap();
            let _ = pool.checkin(now, lease, &RETURNED);
        }
        while let Some(due) = pool.expire(now) {
            if let Due::GoOn { checkout, .. } = due {
                leases.extend(follow(pool, checkout));
            }
        }
    };
    for _ in 0..30_000 {
        turn(&mut pool, &mut leases);
    }
    let (before, counted) = (ALLOCATIONS.load(Ordering::Relaxed), *pool.counters());
    for _ in 0..30_000 {
        turn(&mut pool, &mut leases);
    }
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed) - before, 0);
    let after = pool.counters();
    assert!(after.reused > counted.reused + 1000 && after.went_on > counted.went_on + 1000);
    assert!(after.ended(EndReason::Evicted) > counted.ended(EndReason::Evicted) + 100);
}

/// The same over a shared pool, with wakers, and guards that are dropped.
fn shared() {
    struct Ignore;
    impl Wake for Ignore {
        fn wake(self: Arc<Self>) {}
    }
    let limits = PoolLimits::DEFAULT.with_per_origin(Some(2)).with_total(Some(210));
    let config = PoolConfig::new(limits, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT).unwrap();
    let mut now = Instant::from_secs(1);
    let pool = SharedPool::<u64, u64>::new(now, &config);
    let waker = Waker::from(Arc::new(Ignore));
    let mut context = Context::from_waker(&waker);
    let (mut random, mut ids) = (1_u64, 0);
    let mut lent = VecDeque::with_capacity(1000);
    let mut waiters = VecDeque::with_capacity(3000);
    let mut turn = || {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        now = now + Duration::from_millis(random >> 56);
        let mut follow = |granted| match granted {
            Granted::Use(lent) => Some(lent),
            Granted::Open(_) if random >> 61 == 0 => None,
            Granted::Open(place) => {
                ids += 1;
                place.opened(now, ids).ok()
            }
        };
        match pool.checkout(now, &(random >> 33 & 127 | random >> 35 & 64), Demand::DEFAULT) {
            Handout::Use(one) => lent.extend(follow(Granted::Use(one))),
            Handout::Open(place) => lent.extend(follow(Granted::Open(place))),
            Handout::Wait(waiting) => waiters.push_back(waiting),
            Handout::Refuse(_) => {}
        }
        // some ask, some are gone
        for _ in 0..2 {
            let Some(mut waiting) = waiters.pop_front() else { break };
            match waiting.poll(now, &mut context) {
                Poll::Ready(answer) => lent.extend(answer.ok().and_then(&mut follow)),
                Poll::Pending if random >> 59 & 3 == 0 => {}
                Poll::Pending => waiters.push_back(waiting),
            }
        }
        if lent.len() > 200 || random >> 60 == 0 {
            let one = lent.pop_front().unwrap();
            if random >> 58 & 7 > 0 {
                let _ = one.checkin(now, &RETURNED);
            }
        }
        while let Poll::Ready(closing) = pool.poll_expire(now, &mut context) {
            let _ = closing;
        }
    };
    for _ in 0..25_000 {
        turn();
    }
    let (before, counted) = (ALLOCATIONS.load(Ordering::Relaxed), pool.counters());
    for _ in 0..10_000 {
        turn();
    }
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed) - before, 0);
    let after = pool.counters();
    assert!(after.reused > counted.reused + 300 && after.went_on > counted.went_on + 300, "{after:?}");
    assert!(after.ended(EndReason::Evicted) > counted.ended(EndReason::Evicted) + 100, "{after:?}");
    assert!(after.ended(EndReason::Caller) > counted.ended(EndReason::Caller) + 100, "{after:?}");
}

/// Idle connections, ten to an origin, opened in no particular order: a million of them with `CASES=all`.
fn octets() {
    let all = std::env::var_os("CASES").is_some_and(|cases| cases == "all");
    let (connections, origins) = if all { (1_000_000_u32, 100_000) } else { (250_000, 25_000) };
    let limits = PoolLimits::DEFAULT.with_per_origin(None).with_total(Some(connections));
    let config = PoolConfig::new(limits, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT).unwrap();
    let before = OCTETS.load(Ordering::Relaxed);
    let mut now = Instant::from_secs(1);
    let mut pool = Pool::<u64, u64>::new(now, &config);
    pool.reserve(connections as usize, origins);
    for id in 0..u64::from(connections) {
        now = now + Duration::from_micros(5);
        let key = id * 7919 % origins as u64;
        let Checkout::Open(permit) = pool.checkout(now, &key, Demand::DEFAULT.with_source(Source::New)) else {
            panic!()
        };
        let lease = pool.opened(now, permit, id).unwrap();
        let _ = pool.checkin(now, lease, &RETURNED).unwrap();
    }
    assert_eq!(pool.idle(), connections);
    let octets = (OCTETS.load(Ordering::Relaxed) - before) as f64 / f64::from(connections);
    // beside the id, and the share of a key
    let beside = octets - size_of::<u64>() as f64 - size_of::<u64>() as f64 * origins as f64 / f64::from(connections);
    println!("{beside:.1} octets for each idle connection");
    assert!(beside <= if all { 64.0 } else { 65.0 }, "{beside}");
}
