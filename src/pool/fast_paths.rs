//! Each fast path does what its careful twin does: two pools live the same story, one of them without fast paths.

use core::time::Duration;
use std::collections::BTreeMap;
use std::vec::Vec;

use proptest::prelude::*;

use super::slots::{Stamp, State};
use super::*;
use crate::config::Use;
use crate::lifecycle::persistence::{CloseReason, Persistence, ReuseReason};
use crate::message::keep_alive::KeepAlive;

/// One call, by numbers that choose its arguments.
#[derive(Clone, Copy, Debug)]
enum Call {
    Checkout { key: u8, new: bool },
    Checkin { which: usize, how: How },
    CheckinAs { which: usize, how: How, key: u8 },
    Close { which: usize },
    Readable { which: usize },
    Wait { millis: u64 },
    Settings { which: u8 },
}

fn any_call() -> impl Strategy<Value = Call> {
    prop_oneof![
        8 => (0..2_u8, prop::bool::weighted(0.1)).prop_map(|(key, new)| Call::Checkout { key, new }),
        10 => (0..8_usize, any_how()).prop_map(|(which, how)| Call::Checkin { which, how }),
        1 => (0..8_usize, any_how(), 0..3_u8).prop_map(|(which, how, key)| Call::CheckinAs { which, how, key }),
        1 => (0..8_usize).prop_map(|which| Call::Close { which }),
        1 => (0..8_usize).prop_map(|which| Call::Readable { which }),
        2 => prop_oneof![5 => 0..50_u64, 1 => 0..20_000_u64].prop_map(|millis| Call::Wait { millis }),
        1 => (0..100_u8).prop_map(|which| Call::Settings { which }),
    ]
}

/// Settings with which most calls could take the fast path, and some with which none may.
fn any_config() -> impl Strategy<Value = PoolConfig> {
    let few = || prop_oneof![Just(None), (1..4_u32).prop_map(Some)];
    let span = || prop_oneof![4 => (1..20_u64).prop_map(|secs| Some(Duration::from_secs(secs))), 1 => Just(None)];
    let eviction = prop::sample::select(Eviction::ALL.to_vec());
    let percent = prop_oneof![2 => Just(0_u8), 1 => 0..=100_u8];
    let margin = (prop::sample::select(std::vec![0_u64, 1, 2]), percent, 0..3_u8, prop::bool::weighted(0.8));
    let used = prop_oneof![6 => span(), 1 => Just(Some(Duration::MAX))];
    (few(), few(), used, span(), span(), prop::option::of(1..40_u16), eviction, 0..8_u8, margin).prop_map(
        |(per_origin, total, used, age, lease, uses, eviction, other, (margin, percent, round_trips, hints))| {
            let limits = PoolLimits::DEFAULT
                .with_per_origin(per_origin)
                .with_total(total)
                .with_per_http10_origin(if other == 1 { Some(1) } else { None })
                .with_uses(uses.filter(|_| other == 2));
            let timeouts = PoolTimeouts::DEFAULT.with_used_idle(used).with_age(age.map(|age| age * 10));
            let lease = lease.map(|lease| lease * 10);
            let order = if other == 0 { Order::Oldest } else { Order::Newest };
            let policy = PoolPolicy::DEFAULT
                .with_eviction(eviction)
                .with_order(order)
                .with_margin_percent(percent)
                .with_margin_round_trips(round_trips)
                .with_hints(if hints { Use::On } else { Use::Off });
            let timeouts = timeouts.with_margin(Duration::from_secs(margin));
            PoolConfig::new(limits, timeouts.with_lease(lease), policy).expect("within bounds")
        },
    )
}

/// How a connection comes back: its verdict, and until when it may be used.
#[derive(Clone, Copy, Debug)]
struct How {
    verdict: u8,
    hint: KeepAlive,
    /// Before or after now.
    until: Option<(bool, Duration)>,
    round_trip: Option<Duration>,
}

impl How {
    const USUAL: Self =
        Self { verdict: 31, hint: KeepAlive { timeout: None, max: None }, until: None, round_trip: None };
}

fn any_how() -> impl Strategy<Value = How> {
    let timeout = prop_oneof![2 => Just(None), 2 => (0..25_u32).prop_map(Some), 1 => Just(Some(u32::MAX))];
    let max = prop_oneof![30 => Just(None), 1 => (0..3_u32).prop_map(Some)];
    let until = prop_oneof![
        3 => (0..25_000_u64).prop_map(Duration::from_millis),
        // the ends that may be equal
        3 => (0..25_u64).prop_map(Duration::from_secs),
        1 => Just(Duration::MAX),
    ];
    let until = prop::option::of((prop::bool::weighted(0.1), until));
    let round_trip = prop::option::weighted(0.3, (0..3_000_u64).prop_map(Duration::from_millis));
    (0..32_u8, timeout, max, until, round_trip).prop_map(|(verdict, timeout, max, until, round_trip)| How {
        verdict,
        hint: KeepAlive { timeout, max },
        until,
        round_trip,
    })
}

fn returned(how: How, now: Instant) -> Returned {
    let until = how.until.map(|(before, span)| {
        let span = Span::of(Some(span));
        if before { span.before(now) } else { span.after(now) }
    });
    let usual = Returned::new(Persistence::Reuse(ReuseReason::Http11));
    let usual = usual.with_hint(how.hint).with_until(until).with_round_trip(how.round_trip);
    match how.verdict {
        3 => usual.with_taint(Some(Taint::UnreadContent)),
        4 => Returned::new(Persistence::Close(CloseReason::PeerClosed)),
        5 => Returned::new(Persistence::Undecided),
        6 => Returned::new(Persistence::Reuse(ReuseReason::Http10KeepAlive)),
        _ => usual,
    }
}

/// One of the connections, if there is any.
fn nth<T>(all: &BTreeMap<u32, T>, which: usize) -> Option<u32> {
    all.keys().nth(which % all.len().max(1)).copied()
}

/// A pool and the names that it gave, by the ids of connections.
struct Side {
    pool: Pool<u8, u32>,
    leases: BTreeMap<u32, Lease>,
    idle: BTreeMap<u32, Idle>,
    opened: u32,
}

impl Side {
    fn new(config: &PoolConfig, full_path_only: bool) -> Self {
        let mut pool = Pool::new(Instant::from_secs(1000), config);
        pool.full_path_only = full_path_only;
        Self { pool, leases: BTreeMap::new(), idle: BTreeMap::new(), opened: 0 }
    }

    /// Makes a call: what came of it, without the pool's own names.
    fn call(&mut self, call: Call, now: Instant) -> Vec<std::string::String> {
        let mut said = Vec::new();
        match call {
            Call::Checkout { key, new } => {
                let source = if new { Source::New } else { Source::Any };
                let checkout = self.pool.checkout(now, &key, Demand::DEFAULT.with_source(source));
                said.push(self.follow(checkout, now));
            }
            Call::Checkin { which, how } => {
                if let Some(id) = nth(&self.leases, which) {
                    said.push(self.give_back(id, now, &returned(how, now), None));
                }
            }
            Call::CheckinAs { which, how, key } => {
                if let Some(id) = nth(&self.leases, which) {
                    said.push(self.give_back(id, now, &returned(how, now), Some(key)));
                }
            }
            Call::Close { which } => {
                if let Some(id) = nth(&self.leases, which) {
                    let lease = self.leases.remove(&id).expect("it is leased");
                    assert_eq!(self.pool.closed(now, lease, Ended::ByPeer), Ok(()));
                }
            }
            Call::Readable { which } => {
                if let Some(id) = nth(&self.idle, which) {
                    let idle = self.idle.remove(&id).expect("it is idle");
                    let why = self.pool.readable_while_idle(now, idle, Readable::End);
                    said.push(std::format!("{id} {why:?}"));
                }
            }
            Call::Wait { .. } => {}
            Call::Settings { which: 0 } => self.pool.drain(now),
            Call::Settings { which: which @ 1..5 } => self.pool.new_generation_of(now, &(which % 2)),
            Call::Settings { which: 5..10 } => self.pool.new_generation(now),
            Call::Settings { which: 10..20 } => self.pool.suspended(now, Duration::from_secs(3)),
            Call::Settings { which } => self.pool.set_users(which.into()),
        }
        // a driver may be late
        if matches!(call, Call::Wait { millis } if millis % 2 == 1) {
            return said;
        }
        // connections that are due come in no particular order
        let mut due = Vec::new();
        while let Some(one) = self.pool.expire(now) {
            due.push(self.follow_due(one, now));
        }
        due.sort();
        said.extend(due);
        let counters = self.pool.counters();
        said.push(std::format!("{} {} {} {counters:?}", self.pool.idle(), self.pool.held(), self.pool.waiting()));
        said
    }

    fn follow(&mut self, checkout: Checkout<u32>, now: Instant) -> std::string::String {
        match checkout {
            Checkout::Reuse { id, lease, look } => {
                self.idle.remove(&id);
                self.leases.insert(id, lease);
                std::format!("reuse {id} {look:?}")
            }
            Checkout::Open(permit) => self.open(permit, now),
            Checkout::OpenOrWait { permit, .. } => self.open(permit, now),
            Checkout::EvictThenOpen { victim, why, permit, .. } => {
                self.idle.remove(&victim);
                std::format!("{victim} {why} {}", self.open(permit, now))
            }
            Checkout::Wait(_) => "wait".into(),
            Checkout::Refuse(why) => std::format!("refuse {why}"),
        }
    }

    fn open(&mut self, permit: Permit, now: Instant) -> std::string::String {
        self.opened += 1;
        let lease = self.pool.opened(now, permit, self.opened).expect("it is not stale");
        self.leases.insert(self.opened, lease);
        std::format!("open {}", self.opened)
    }

    fn give_back(&mut self, id: u32, now: Instant, returned: &Returned, key: Option<u8>) -> std::string::String {
        let lease = self.leases.remove(&id).expect("it is leased");
        let answer = match key {
            Some(key) => self.pool.checkin_as(now, lease.clone(), &key, returned),
            None => self.pool.checkin(now, lease.clone(), returned),
        };
        let answer = match answer.expect("it is not stale") {
            Checkin::Kept(idle) => {
                self.idle.insert(id, idle);
                "kept".into()
            }
            Checkin::KeptFor { idle, victim, why } => {
                self.idle.insert(id, idle);
                self.idle.remove(&victim);
                std::format!("kept for {victim} {why}")
            }
            Checkin::Close(why) => std::format!("close {why}"),
        };
        // the name is stale in both pools now
        assert_eq!(self.pool.checkin(now, lease, returned), Err(Stale));
        answer
    }

    fn follow_due(&mut self, due: Due<u32>, now: Instant) -> std::string::String {
        match due {
            Due::Close { id, why } => {
                self.idle.remove(&id);
                std::format!("close {id} {why}")
            }
            Due::LeaseOverdue { id, .. } => {
                self.leases.remove(&id);
                std::format!("lease overdue {id}")
            }
            Due::PermitOverdue(_) => "permit overdue".into(),
            Due::WaitOver { why, .. } => std::format!("wait over {why}"),
            Due::GoOn { checkout, .. } => std::format!("go on {}", self.follow(checkout, now)),
        }
    }
}

/// Both pools live the story.
fn compare(config: &PoolConfig, story: &[Call]) -> Side {
    let (mut fast, mut full) = (Side::new(config, false), Side::new(config, true));
    let mut now = Instant::from_secs(1000);
    for (number, &call) in story.iter().enumerate() {
        // no two things happen at once, so that what is longest idle is one
        let wait = if let Call::Wait { millis } = call { millis * 1_000_000 } else { 1 };
        now = now + Duration::from_nanos(wait);
        let (by_fast, by_full) = (fast.call(call, now), full.call(call, now));
        assert_eq!(by_fast, by_full, "call {number}: {call:?}");
    }
    fast
}

/// More with `CASES=all`.
fn cases() -> u32 {
    if std::env::var_os("CASES").is_some_and(|cases| cases == "all") { 200 } else { 40 }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases()) })]
    #[test]
    fn a_pool_without_fast_paths_answers_the_same(
        config in any_config(),
        story in prop::collection::vec(any_call(), 0..200),
    ) {
        compare(&config, &story);
    }
}

/// The comparison compares something: with these settings nearly every call takes its fast path.
#[test]
fn the_fast_paths_are_taken() {
    let config = PoolConfig::new(PoolLimits::DEFAULT, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT).expect("defaults");
    let mut story = Vec::new();
    for _ in 0..100 {
        story.extend([Call::Checkout { key: 0, new: false }, Call::Checkin { which: 0, how: How::USUAL }]);
    }
    let mut side = compare(&config, &story);
    assert_eq!(side.pool.counters().reused, 99);
    let slot = side.idle.values().next().map(|idle| idle.slot).expect("one is idle");
    let origin = side.pool.origins.find(&0).expect("it is known");
    assert!(side.pool.serve_fast(side.pool.now, origin, Demand::DEFAULT).is_some());
    let lease = Lease { slot, stamp: side.pool.entries[slot].stamp };
    let usual = returned(How::USUAL, side.pool.now);
    assert!(side.pool.checkin_fast(side.pool.now, &lease, &usual).is_some());
    // two that are due at once: the second is loaded already
    let pair = [0, 1].map(|_| Call::Checkout { key: 0, new: true });
    let back = [0, 0].map(|which| Call::Checkin { which, how: How::USUAL });
    let mut side = compare(&config, &[pair, back].concat());
    let later = side.pool.now + Duration::from_secs(100);
    assert_eq!(side.pool.expire_fast(later), None);
    assert!(matches!(side.pool.expire(later), Some(Due::Close { .. })));
    assert!(matches!(side.pool.expire_fast(later), Some(Due::Close { .. })));
}

/// The cause by which the fast path keeps a connection that comes back so, if it does.
fn fast_cause(config: &PoolConfig, returned: impl Fn(Instant) -> Returned) -> Option<EndReason> {
    // the connection's record is early enough for any end
    let until = |secs| How { until: Some((false, Duration::from_secs(secs))), ..How::USUAL };
    let exchange = |how| [Call::Checkout { key: 0, new: false }, Call::Checkin { which: 0, how }];
    let mut side = compare(config, &[exchange(until(5)), exchange(until(6)), exchange(until(6))].concat());
    let now = side.pool.now + Duration::from_secs(2);
    let Checkout::Reuse { lease, .. } = side.pool.checkout(now, &0, Demand::DEFAULT) else { panic!("it is idle") };
    let checkin = side.pool.checkin_fast(now, &lease, &returned(now));
    #[cfg(debug_assertions)]
    side.pool.check();
    checkin.map(|_| side.pool.entries[lease.slot].why)
}

/// A driver that says until when takes it too. Of ends that are equal the cause is that of the careful path: the idle limit, the
/// age, the hint, the machine's instant.
#[test]
fn the_fast_path_of_a_check_in_is_taken_where_until_when_is_said() {
    let policy = PoolPolicy::DEFAULT.with_jitter_percent(0);
    let config_of = |timeouts, policy| PoolConfig::new(PoolLimits::DEFAULT, timeouts, policy).expect("within bounds");
    let config = config_of(PoolTimeouts::DEFAULT, policy);
    let usual = returned(How::USUAL, Instant::EPOCH);
    let hint = |timeout| usual.with_hint(KeepAlive { timeout: Some(timeout), max: None });
    let cases = [
        (usual, None, Some(EndReason::IdleLimit)),
        (usual, Some(10), Some(EndReason::Until)),
        (usual, Some(60), Some(EndReason::IdleLimit)),
        (usual, Some(100), Some(EndReason::IdleLimit)),
        // less the margin of 2 s
        (hint(20), None, Some(EndReason::HintLimit)),
        (hint(62), None, Some(EndReason::IdleLimit)),
        (hint(100), None, Some(EndReason::IdleLimit)),
        (hint(20), Some(10), Some(EndReason::Until)),
        (hint(12), Some(10), Some(EndReason::HintLimit)),
        (hint(11), Some(10), Some(EndReason::HintLimit)),
        // the peer will stay for no longer than the margin
        (hint(2), None, None),
        (usual.with_hint(KeepAlive { timeout: Some(20), max: Some(9) }), None, None),
        // there is no time left
        (usual, Some(0), None),
    ];
    for (said, secs, expected) in cases {
        let until = |now: Instant| secs.map(|secs| now + Duration::from_secs(secs));
        assert_eq!(fast_cause(&config, |now| said.with_until(until(now))), expected, "{said:?} {secs:?}");
    }
    let deaf = config_of(PoolTimeouts::DEFAULT, policy.with_hints(Use::Off));
    assert_eq!(fast_cause(&deaf, |_| hint(20)), Some(EndReason::IdleLimit));
    // of 10 s the margin takes 1 s, 1 s and 3 s
    let timeouts = PoolTimeouts::DEFAULT.with_margin(Duration::from_secs(1));
    let wide = config_of(timeouts, policy.with_margin_percent(10).with_margin_round_trips(2));
    let hint = hint(10).with_round_trip(Some(Duration::from_millis(1500)));
    let until = |nanos| move |now| hint.with_until(Some(now + Duration::from_nanos(nanos)));
    assert_eq!(fast_cause(&wide, until(5_000_000_000)), Some(EndReason::HintLimit));
    assert_eq!(fast_cause(&wide, until(4_999_999_999)), Some(EndReason::Until));
    // where the age may come first, the careful path decides: it is reached at 1030 s
    let aged = config_of(PoolTimeouts::DEFAULT.with_age(Some(Duration::from_secs(30))), policy);
    let until = |nanos: u64| move |_| usual.with_until(Some(Instant::from_nanos(1_030_000_000_000 - nanos)));
    assert_eq!(fast_cause(&aged, until(0)), None);
    assert_eq!(fast_cause(&aged, until(1)), Some(EndReason::Until));
}

/// A limit that is practically none is over the end of time: an earlier end that was said before does not make it one that is over.
#[test]
fn a_limit_over_the_end_of_time_is_none_of_the_fast_path() {
    let timeouts = PoolTimeouts::DEFAULT.with_used_idle(Some(Duration::MAX)).with_lease(None).with_age(None);
    let config = PoolConfig::new(PoolLimits::DEFAULT, timeouts, PoolPolicy::DEFAULT).expect("within bounds");
    let said = How { until: Some((false, Duration::from_secs(5))), ..How::USUAL };
    let exchange = |how| [Call::Checkout { key: 0, new: false }, Call::Checkin { which: 0, how }];
    let wait = [Call::Checkout { key: 0, new: false }, Call::Wait { millis: 20_001 }];
    let back = [Call::Checkin { which: 0, how: How::USUAL }, Call::Checkout { key: 0, new: false }];
    let side = compare(&config, &[exchange(said), exchange(said), exchange(said), wait, back].concat());
    assert_eq!(side.pool.counters().reused, 4);
}

/// The steps of the fast paths, in one addition, are those of the full ones.
#[test]
fn stamps_step_alike() {
    let mut stamp = Stamp::FIRST_LEASE;
    for _ in 0..10 {
        assert_eq!(stamp.leased_to_idle(), stamp.step(State::Idle));
        stamp = stamp.step(State::Idle);
        assert_eq!(stamp.idle_to_leased(), stamp.step(State::Leased));
        stamp = stamp.step(State::Leased);
    }
}
