//! The pool: a check-out and a check-in beside a lookup of the same key in the standard map with the same hasher, and expiry.

use std::collections::HashMap;
use std::hash::RandomState;
use std::hint::black_box;
use std::time::{Duration, Instant as Wall};

use http_keepalive::pool::*;
use http_keepalive::{Instant, Persistence, ReuseReason};

const RETURNED: Returned = Returned::new(Persistence::Reuse(ReuseReason::Http11));

/// Any number of connections, the rest as it is by default: an idle limit, an age, eviction of the longest idle.
fn config() -> PoolConfig {
    let limits = PoolLimits::DEFAULT.with_per_origin(None).with_total(Some(100_000_000));
    let policy = PoolPolicy::DEFAULT.with_jitter_percent(0);
    PoolConfig::new(limits, PoolTimeouts::DEFAULT, policy).unwrap()
}

fn keys(origins: usize) -> Vec<String> {
    (0..origins).map(|origin| format!("https://host-{origin}.example:443")).collect()
}

/// So many connections, each used once, in turn to each origin.
fn filled(keys: &[String], connections: usize) -> (Pool<String, u64>, Instant) {
    let mut pool = Pool::<String, u64>::new(Instant::EPOCH, &config());
    let mut now = Instant::EPOCH;
    let new = Demand::DEFAULT.with_source(Source::New);
    for id in 0..connections {
        now = now + Duration::from_micros(1);
        let Checkout::Open(permit) = pool.checkout(now, &keys[id % keys.len()], new) else { panic!("no place") };
        let lease = pool.opened(now, permit, id as u64).unwrap();
        assert!(matches!(pool.checkin(now, lease, &RETURNED), Ok(Checkin::Kept(_))));
    }
    (pool, now)
}

/// What a driver does of it: the id and the names are used.
#[inline(always)]
fn exchange(pool: &mut Pool<String, u64>, now: Instant, key: &str) {
    let Checkout::Reuse { id, lease, look } = pool.checkout(now, key, Demand::DEFAULT) else { panic!("none is idle") };
    if look == Look::First {
        black_box(());
    }
    black_box(id);
    let Ok(Checkin::Kept(idle)) = pool.checkin(now, lease, &RETURNED) else { panic!("not kept") };
    let _ = black_box(idle);
}

#[inline(always)]
fn lookup(map: &HashMap<String, u32>, key: &str) {
    black_box(map.get(key).copied());
}

/// What is counted: `times` check-outs and check-ins, or lookups, over a thousand origins.
pub fn exchanges(times: usize) {
    #[inline(never)]
    fn all(pool: &mut Pool<String, u64>, now: Instant, keys: &[&str]) {
        for key in keys {
            exchange(pool, now, key);
        }
    }
    let keys = keys(1000);
    let (mut pool, now) = filled(&keys, 3000);
    let asked: Vec<&str> = keys.iter().map(String::as_str).cycle().take(times).collect();
    all(&mut pool, now, &asked);
}

pub fn lookups(times: usize) {
    #[inline(never)]
    fn all(map: &HashMap<String, u32>, keys: &[&str]) {
        for key in keys {
            lookup(map, key);
        }
    }
    let keys = keys(1000);
    let map: HashMap<String, u32, RandomState> = keys.iter().cloned().zip(0..).collect();
    black_box(filled(&keys, 3000));
    let asked: Vec<&str> = keys.iter().map(String::as_str).cycle().take(times).collect();
    all(&map, &asked);
}

/// Wall-clock times, at a million connections over a hundred thousand origins, keys in random order.
pub fn compare(connections: usize, origins: usize) {
    let keys = keys(origins);
    let order: Vec<usize> = {
        let mut state = 1_u64;
        let mut next = move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        (0..1_000_000).map(|_| next() % origins).collect()
    };
    let map: HashMap<String, u32> = keys.iter().cloned().zip(0..).collect();
    let (mut pool, mut now) = filled(&keys, connections);
    let mut rounds = Vec::new();
    for _ in 0..5 {
        let began = Wall::now();
        order.iter().for_each(|&key| lookup(&map, &keys[key]));
        let plain = began.elapsed();
        let began = Wall::now();
        for &key in &order {
            now = now + Duration::from_nanos(100);
            exchange(&mut pool, now, &keys[key]);
        }
        rounds.push((began.elapsed(), plain));
    }
    rounds.sort();
    for (ours, plain) in rounds {
        let each = |time: Duration| time.as_nanos() as f64 / order.len() as f64;
        println!(
            "lookup {:6.1} ns, check-out and check-in {:6.1} ns, {:.2} times",
            each(plain),
            each(ours),
            each(ours) / each(plain)
        );
    }
    // each connection is used once more, in random order, so that what is due next lies anywhere
    let began = Wall::now();
    let later = now + Duration::from_secs(1000);
    let mut expired = 0;
    while let Some(due) = pool.expire(later) {
        let _ = black_box(due);
        expired += 1;
    }
    println!("expiry of {expired}: {:.1} ns each", began.elapsed().as_nanos() as f64 / expired as f64);
}
