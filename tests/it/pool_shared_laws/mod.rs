//! Whatever is called in whatever order: the shared pool answers as a pool with a driver does, wakes whoever may go on and nobody else,
//! serves each key in the order of asking, and loses nothing.

mod driver;
mod waking;

use std::time::Duration;

use crate::cases;
use http_keepalive::pool::*;
use http_keepalive::{CloseReason, Instant, KeepAlive, Persistence, ReuseReason, Use};
use proptest::prelude::*;

const START: Instant = Instant::from_secs(100);

fn returned(number: u8) -> Returned {
    let persists = Returned::new(Persistence::Reuse(ReuseReason::Http11));
    match number % 8 {
        0 => Returned::new(Persistence::Close(CloseReason::MaxHint)),
        1 => Returned::new(Persistence::Undecided),
        2 => persists.with_hint(KeepAlive { timeout: Some(5), max: None }),
        3 => persists.with_hint(KeepAlive { timeout: None, max: Some(u32::from(number >> 6)) }),
        _ => persists,
    }
}

fn demand(number: u8) -> Demand {
    let demand = Demand::DEFAULT;
    let demand = if number % 4 == 0 { demand.with_source(Source::New) } else { demand };
    let demand = if number % 4 == 1 { demand.with_meanwhile(Meanwhile::Wait) } else { demand };
    if number % 7 == 0 { demand.with_patience(Patience::None) } else { demand }
}

fn config(numbers: [u8; 4]) -> PoolConfig {
    let [limits, times, policy, waits] = numbers.map(u32::from);
    let limits = PoolLimits::DEFAULT
        .with_per_origin(Some(1 + limits % 3))
        .with_total(Some(1 + limits / 3 % 6))
        .with_idle_total((limits / 18 % 3 == 0).then_some(2))
        .with_passed_over(Some(limits / 54 % 4));
    let timeouts = PoolTimeouts::DEFAULT
        .with_used_idle(Some(Duration::from_secs(u64::from(3 + times % 8))))
        .with_lease(Some(Duration::from_secs(if times / 8 % 4 == 0 { 6 } else { 3600 })))
        .with_open(Some(Duration::from_secs(if times / 32 % 3 == 0 { 4 } else { 30 })))
        .with_wait((waits % 3 > 0).then(|| Duration::from_secs(u64::from(1 + waits % 20))));
    let policy = PoolPolicy::DEFAULT
        .with_eviction(Eviction::ALL[policy as usize % 3])
        .with_order(Order::ALL[policy as usize / 3 % 6])
        .with_learn(if policy / 18 % 3 == 0 { Use::On } else { Use::Off })
        .with_idle_watched(Use::On);
    PoolConfig::new(limits, timeouts, policy).unwrap()
}

/// The same, where no guard is overdue.
fn patient(numbers: [u8; 4]) -> PoolConfig {
    let config = config(numbers);
    PoolConfig::new(*config.limits(), config.timeouts().with_lease(None).with_open(None), *config.policy()).unwrap()
}

/// One call: which, and with what.
type Call = (u8, u8, u8);

fn calls() -> impl Strategy<Value = Vec<Call>> {
    prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>()), 0..250)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases::of(120, 15)))]

    #[test]
    fn it_answers_as_a_pool_with_its_driver(numbers: [u8; 4], calls in calls()) {
        driver::compare(&config(numbers), calls);
    }

    #[test]
    fn whoever_may_go_on_is_woken_and_nobody_else_and_nothing_is_lost(numbers: [u8; 4], calls in calls()) {
        waking::run(&patient(numbers), calls);
    }
}
