//! The pool: a check-out and a check-in beside a lookup of the same key in the standard map with the same hasher, and expiry.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, RandomState};
use std::hint::black_box;
use std::time::{Duration, Instant as Wall};

use http_keepalive::pool::*;
use http_keepalive::{Instant, KeepAlive, Persistence, ReuseReason};

const RETURNED: Returned = Returned::new(Persistence::Reuse(ReuseReason::Http11));

/// Any number of connections with one idle limit, the rest as it is by default: an age, leases, eviction of the longest idle.
fn config() -> PoolConfig {
    let limits = PoolLimits::DEFAULT.with_per_origin(None).with_total(Some(100_000_000));
    let policy = PoolPolicy::DEFAULT.with_jitter_percent(0);
    let timeouts = PoolTimeouts::DEFAULT.with_unused_idle(Some(Duration::from_secs(60)));
    PoolConfig::new(limits, timeouts, policy).unwrap()
}

fn keys(origins: usize) -> Vec<String> {
    (0..origins).map(|origin| format!("https://host-{origin}.example:443")).collect()
}

/// The standard map's hash, with the same keys in each run: the counts repeat.
type Fixed = BuildHasherDefault<DefaultHasher>;

/// So many connections, in turn to each origin, each idle for the first time.
fn filled<S: BuildHasher + Default>(keys: &[String], connections: usize) -> (Pool<String, u64, S>, Instant) {
    let mut pool = Pool::<String, u64, S>::with_hasher(Instant::EPOCH, &config(), S::default());
    pool.reserve(connections, keys.len());
    let mut now = Instant::EPOCH;
    let new = Demand::DEFAULT.with_source(Source::New);
    for id in 0..connections {
        now = now + Duration::from_micros(50);
        let Checkout::Open(permit) = pool.checkout(now, &keys[id % keys.len()], new) else { panic!("no place") };
        let lease = pool.opened(now, permit, id as u64).unwrap();
        assert!(matches!(pool.checkin(now, lease, &RETURNED), Ok(Checkin::Kept(_))));
    }
    (pool, now)
}

/// What a driver does of it: the id and the names are used.
#[inline(always)]
fn exchange<S: BuildHasher>(pool: &mut Pool<String, u64, S>, now: Instant, key: &str, returned: &Returned) {
    let Checkout::Reuse { id, lease, look } = pool.checkout(now, key, Demand::DEFAULT) else { panic!("none is idle") };
    if look == Look::First {
        black_box(());
    }
    black_box(id);
    let Ok(Checkin::Kept(idle)) = pool.checkin(now, lease, returned) else { panic!("not kept") };
    let _ = black_box(idle);
}

#[inline(always)]
fn lookup<S: BuildHasher>(map: &HashMap<String, u32, S>, key: &str) {
    black_box(map.get(key).copied());
}

/// Closes what is due: how many.
#[inline(always)]
fn expire<S: BuildHasher>(pool: &mut Pool<String, u64, S>, now: Instant) -> u32 {
    let mut expired = 0;
    while let Some(due) = pool.expire(now) {
        let Due::Close { id, .. } = due else { panic!("only idle ones") };
        black_box(id);
        expired += 1;
    }
    expired
}

/// Keys to be asked for, in turn.
fn asked(keys: &[String], times: usize) -> Vec<&str> {
    keys.iter().map(String::as_str).cycle().take(times).collect()
}

/// What is counted: so many check-outs and check-ins over a hundred origins, each connection in use for the fourth time and on.
pub fn exchanges(times: usize) {
    #[inline(never)]
    fn all(pool: &mut Pool<String, u64, Fixed>, now: Instant, keys: &[&str]) {
        for key in keys {
            exchange(pool, now, key, &RETURNED);
        }
    }
    let keys = keys(100);
    let (mut pool, now) = filled(&keys, 300);
    asked(&keys, 300).iter().for_each(|key| exchange(&mut pool, now, key, &RETURNED));
    all(&mut pool, now, &asked(&keys, times));
}

/// The same with a pool that owns its connections, a pointer each, and locks itself.
pub fn exchanges_shared(times: usize) {
    #[inline(never)]
    fn all(pool: &SharedPool<String, Box<u64>, Fixed>, now: Instant, keys: &[&str]) {
        for key in keys {
            let Handout::Use(lent) = pool.checkout(now, *key, Demand::DEFAULT) else { panic!("none is idle") };
            black_box(**lent);
            let checked_in = lent.checkin(now, &RETURNED);
            assert!(checked_in.idle.is_some() && checked_in.to_close.is_none());
        }
    }
    let keys = keys(100);
    let pool = SharedPool::with_hasher(Instant::EPOCH, &config(), Fixed::default());
    pool.reserve(300, keys.len());
    let mut now = Instant::EPOCH;
    let new = Demand::DEFAULT.with_source(Source::New);
    for id in 0..300 {
        now = now + Duration::from_micros(50);
        let Handout::Open(place) = pool.checkout(now, &keys[id % keys.len()], new) else { panic!("no place") };
        let lent = place.opened(now, Box::new(id as u64)).map_err(|late| late.why).unwrap();
        assert!(lent.checkin(now, &RETURNED).idle.is_some());
    }
    all(&pool, now, &asked(&keys, 300));
    all(&pool, now, &asked(&keys, times));
}

/// The same by a driver that says until when its machine would use the connection: for five seconds from the check-in.
pub fn exchanges_until(times: usize) {
    #[inline(never)]
    fn all(pool: &mut Pool<String, u64, Fixed>, now: Instant, keys: &[&str]) {
        for key in keys {
            let until = black_box(Some(now + Duration::from_secs(5)));
            exchange(pool, now, key, &RETURNED.with_until(until));
        }
    }
    let keys = keys(100);
    let (mut pool, now) = filled(&keys, 300);
    // the first time, each needs an earlier record than it has
    all(&mut pool, now, &asked(&keys, 300));
    all(&mut pool, now, &asked(&keys, times));
}

/// The same by a driver that passes on what the peer said: five seconds, as Apache httpd does.
pub fn exchanges_hint(times: usize) {
    #[inline(never)]
    fn all(pool: &mut Pool<String, u64, Fixed>, now: Instant, keys: &[&str]) {
        for key in keys {
            let hint = black_box(KeepAlive { timeout: Some(5), max: None });
            exchange(pool, now, key, &RETURNED.with_hint(hint));
        }
    }
    let keys = keys(100);
    let (mut pool, now) = filled(&keys, 300);
    all(&mut pool, now, &asked(&keys, 300));
    all(&mut pool, now, &asked(&keys, times));
}

/// As many lookups of the same keys in the standard map with the same hasher.
pub fn lookups(times: usize) {
    #[inline(never)]
    fn all(map: &HashMap<String, u32, Fixed>, keys: &[&str]) {
        for key in keys {
            lookup(map, key);
        }
    }
    let keys = keys(100);
    let map: HashMap<String, u32, Fixed> = keys.iter().cloned().zip(0..).collect();
    all(&map, &asked(&keys, times));
}

/// So many connections that fall due and are closed; the difference to [`opened`] is expiry.
pub fn expiries(times: usize) {
    let keys = keys(100);
    let (mut pool, now) = filled::<Fixed>(&keys, 10 * times);
    let later = now + Duration::from_secs(1000);
    assert_eq!(expire(&mut pool, later), 10 * times as u32);
}

/// So many connections that are opened and come back.
pub fn opened(times: usize) {
    black_box(filled::<Fixed>(&keys(100), 10 * times));
}

/// Times by the clock, for a machine that does nothing else; by default at a million connections over a hundred thousand origins, keys in random order.
pub fn compare(connections: usize, origins: usize) {
    let keys = keys(origins);
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let order: Vec<usize> = (0..1_000_000).map(|_| random() % origins).collect();
    let map: HashMap<String, u32, RandomState> = keys.iter().cloned().zip(0..).collect();
    let (mut pool, mut now) = filled::<RandomState>(&keys, connections);
    let each = |began: Wall, times: usize| began.elapsed().as_nanos() as f64 / times as f64;
    let mut rounds = Vec::new();
    for _ in 0..7 {
        let began = Wall::now();
        order.iter().for_each(|&key| lookup(&map, &keys[key]));
        let plain = each(began, order.len());
        let began = Wall::now();
        for &key in &order {
            now = now + Duration::from_nanos(100);
            exchange(&mut pool, now, &keys[key], &RETURNED);
        }
        let ours = each(began, order.len());
        rounds.push((ours / plain, ours, plain));
    }
    rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (ratio, ours, plain) = rounds[rounds.len() / 2];
    println!("lookup {plain:.0} ns, check-out and check-in {ours:.0} ns, {ratio:.2} times (median of 7)");
    // what is due lies anywhere: each origin's connections come back in another order, a minute's worth apart
    let mut leases = Vec::with_capacity(connections);
    for key in keys.iter().cycle().take(connections) {
        let Checkout::Reuse { lease, .. } = pool.checkout(now, key, Demand::DEFAULT) else { panic!("none is idle") };
        leases.push(lease);
    }
    for place in (1..leases.len()).rev() {
        leases.swap(place, random() % (place + 1));
    }
    for lease in leases {
        now = now + Duration::from_micros(50);
        let _ = pool.checkin(now, lease, &RETURNED);
    }
    expire_all(&mut pool, now, "come back in any order");
    let (mut pool, now) = filled::<RandomState>(&keys, connections);
    expire_all(&mut pool, now, "opened and idle in one order");
}

/// The same work in pingora's pool, which takes the key's hash for a key and knows no time, and in ours behind a mutex, since
/// pingora's may be shared. hyper-util's pool can only be reached through its client, and is not compared.
pub fn beside_pingora(connections: usize, origins: usize) {
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % origins as u64
    };
    let order: Vec<u64> = (0..1_000_000).map(|_| random()).collect();
    let pingora = pingora_pool::ConnectionPool::new(connections);
    let mut pool = Pool::<u64, u64>::new(Instant::EPOCH, &config());
    pool.reserve(connections, origins);
    let mut now = Instant::EPOCH;
    for id in 0..connections as u64 {
        let key = id % origins as u64;
        drop(pingora.put(&pingora_pool::ConnectionMeta::new(key, id as i32), id));
        now = now + Duration::from_micros(1);
        let Checkout::Open(permit) = pool.checkout(now, &key, Demand::DEFAULT.with_source(Source::New)) else {
            panic!()
        };
        let lease = pool.opened(now, permit, id).unwrap();
        let _ = pool.checkin(now, lease, &RETURNED);
    }
    let pool = std::sync::Mutex::new(pool);
    for round in 0..3 {
        let began = Wall::now();
        for key in &order {
            let id = pingora.get(key).expect("one is idle");
            drop(pingora.put(&pingora_pool::ConnectionMeta::new(*key, black_box(id) as i32), id));
        }
        let theirs = began.elapsed().as_nanos() as f64 / order.len() as f64;
        let began = Wall::now();
        for key in &order {
            now = now + Duration::from_nanos(100);
            let taken = pool.lock().unwrap().checkout(now, key, Demand::DEFAULT);
            let Checkout::Reuse { id, lease, .. } = taken else { panic!("none is idle") };
            black_box(id);
            let _ = black_box(pool.lock().unwrap().checkin(now, lease, &RETURNED));
        }
        let ours = began.elapsed().as_nanos() as f64 / order.len() as f64;
        println!("round {round}: get and put, pingora {theirs:.0} ns, ours behind a mutex {ours:.0} ns");
    }
}

/// As a driver does, ten times a second.
fn expire_all<S: BuildHasher>(pool: &mut Pool<String, u64, S>, mut now: Instant, what: &str) {
    let (began, mut expired, end) = (Wall::now(), 0_u32, now + Duration::from_secs(100));
    while now < end {
        now = now + Duration::from_millis(100);
        expired += expire(pool, now);
    }
    let each = began.elapsed().as_nanos() as f64 / f64::from(expired);
    println!("expiry of {expired}, {what}: {each:.1} ns each");
    assert_eq!(pool.idle(), 0);
}
