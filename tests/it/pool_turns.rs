//! A pool starves nobody, across keys too: at the limit of all, a waiter is passed over only so often.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::cases;
use crate::driver::*;
use http_keepalive::pool::*;
use proptest::prelude::*;

fn limited(per_origin: Option<u32>, total: u32, passed_over: Option<u32>, policy: PoolPolicy) -> Driver {
    let limits = PoolLimits::DEFAULT.with_per_origin(per_origin).with_total(Some(total));
    Driver::new(limits.with_passed_over(passed_over), PoolTimeouts::DEFAULT, policy)
}

/// Two connections in use by a key that always has more requests, and one that waits for another key. How many requests of the first
/// key were given a connection until the other went on, and what that got; `None`: a thousand were.
fn passed_by(mut driver: Driver, asks_first: bool) -> Option<(usize, Got)> {
    let mut busy: VecDeque<u32> = driver.open_all("busy", 2).into();
    let quiet = driver.ask("quiet").ticket();
    for passed in 0..1000 {
        if !asks_first {
            driver.ask("busy");
        }
        let id = busy.pop_front().expect("one is in use");
        driver.done(id);
        // a driver that checks out before it calls `expire`: nobody of this key waits
        let got = if asks_first { Some(driver.ask("busy")).filter(|got| !matches!(got, Got::Waits(_))) } else { None };
        busy.extend(got.as_ref().map(Got::id));
        while let Some((ticket, got)) = driver.next_waiter() {
            if ticket == quiet {
                return Some((passed, got));
            }
            busy.push_back(got.id());
        }
    }
    None
}

#[test]
fn the_longest_waiter_gets_the_place_after_so_many_later_ones() {
    for policy in Eviction::ALL.map(|rule| PoolPolicy::DEFAULT.with_eviction(rule)) {
        for asks_first in [false, true] {
            for most in [0, 1, 8] {
                let got = passed_by(limited(None, 2, Some(most), policy), asks_first);
                let served = got
                    .as_ref()
                    .is_some_and(|(passed, got)| *passed == most as usize && matches!(got, Got::Replaced(..)));
                assert!(served, "{got:?}, at most {most}: {policy:?} {asks_first}");
            }
            assert_eq!(passed_by(limited(None, 2, None, policy), asks_first), None, "{policy:?} {asks_first}");
        }
    }
}

#[test]
fn the_default_is_eight() {
    assert_eq!(PoolLimits::DEFAULT.passed_over, Some(8));
}

#[test]
fn a_connection_in_use_is_never_closed_for_another() {
    let mut driver = limited(None, 2, Some(0), PoolPolicy::DEFAULT);
    let busy = driver.open_all("busy", 2);
    let quiet = driver.ask("quiet").ticket();
    assert_eq!(driver.next_waiter(), None);
    assert_eq!(
        driver.ask_for("busy", Demand::DEFAULT.with_patience(Patience::None)),
        Got::Refused(RefuseReason::Behind)
    );
    driver.done(busy[0]);
    assert_eq!(driver.next_waiter(), Some((quiet, Got::Replaced(busy[0], 3))));
}

#[test]
fn a_connection_is_not_closed_for_one_that_has_left_the_queue() {
    for rule in Eviction::ALL {
        let mut driver = limited(None, 1, Some(0), PoolPolicy::DEFAULT.with_eviction(rule));
        let id = driver.ask("busy").id();
        let (quiet, next) = (driver.ask("quiet").ticket(), driver.ask("busy").ticket());
        driver.done(id);
        driver.pool.cancel(quiet).unwrap();
        assert_eq!(driver.next_waiter(), Some((next, Got::Reused(id))), "{rule:?}");
    }
}

#[test]
fn who_is_held_back_by_the_limit_of_its_key_is_not_passed_over_and_holds_up_nobody() {
    let mut driver = limited(Some(1), 2, Some(2), PoolPolicy::DEFAULT);
    let (a, mut b) = (driver.ask("a").id(), driver.ask("b").id());
    let first = driver.ask("a").ticket();
    // at the limit of all and of its key: ten later ones go on, and nothing is closed
    for _ in 0..10 {
        let next = driver.ask("b").ticket();
        driver.done(b);
        let Some((ticket, got)) = driver.next_waiter() else { panic!("one goes on") };
        b = got.id();
        assert_eq!((ticket, got), (next, Got::Reused(b)));
    }
    driver.done(a);
    assert_eq!(driver.next_waiter(), Some((first, Got::Reused(a))));
}

#[test]
fn a_place_that_is_free_goes_to_the_first_in_line_before_a_connection_is_lent_to_a_later_one() {
    let mut driver = limited(None, 2, None, PoolPolicy::DEFAULT);
    let (a, b) = (driver.ask("a").id(), driver.ask("b").id());
    let (c, later) = (driver.ask("c").ticket(), driver.ask("b").ticket());
    driver.done(b);
    driver.closed(a, Ended::ByPeer);
    assert_eq!(driver.next_waiter(), Some((c, Got::Opened(3))));
    assert_eq!(driver.next_waiter(), Some((later, Got::Reused(b))));
}

#[test]
fn a_connection_that_its_waiter_may_not_use_is_a_place_for_another() {
    // a request to be repeated needs a new connection, and the idle one of its key is no use to it
    let mut driver = limited(None, 1, Some(8), PoolPolicy::DEFAULT);
    let id = driver.ask("a").id();
    let Got::Waits(repeated) = driver.ask_for("a", Demand::DEFAULT.with_source(Source::New)) else { panic!() };
    driver.done(id);
    assert_eq!(driver.next_waiter(), Some((repeated, Got::Replaced(id, 2))));
}

/// A client that asks again and again.
#[derive(Clone, Copy, Debug)]
struct Task {
    key: usize,
    /// How long it uses a connection, in milliseconds.
    uses: u64,
}

/// One that waits: since how many grants, how many came before it, and how many grants there were while any place would have served
/// it.
#[derive(Debug)]
struct Waits {
    task: usize,
    ticket: Ticket,
    before: u64,
    grants: u64,
}

/// A pool, and tasks that use it in virtual time.
struct World {
    driver: Driver,
    names: Vec<String>,
    tasks: Vec<Task>,
    per_origin: usize,
    total: usize,
    passed_over: Option<u32>,
    /// The driver checks out before it calls `expire`, and not now and then after it.
    asks_first: bool,
    /// In use: when it ends, the task, the connection.
    using: Vec<(u64, usize, u32)>,
    waiting: Vec<Waits>,
    /// By connection, its key; those that are idle too.
    connections: HashMap<u32, usize>,
    millis: u64,
    random: u64,
    /// The longest wait of each key in grants.
    longest: Vec<u64>,
    served: u64,
}

impl World {
    fn new(tasks: Vec<Task>, keys: usize, limits: PoolLimits, rule: Eviction, seed: u64) -> Self {
        let timeouts = PoolTimeouts::DEFAULT.with_wait(None);
        let mut world = Self {
            driver: Driver::new(limits.with_waiters(10_000), timeouts, PoolPolicy::DEFAULT.with_eviction(rule)),
            names: (0..keys).map(|key| format!("key {key}")).collect(),
            tasks,
            per_origin: limits.per_origin.map_or(usize::MAX, |most| most as usize),
            total: limits.total.map_or(usize::MAX, |most| most as usize),
            passed_over: limits.passed_over,
            asks_first: false,
            using: Vec::new(),
            waiting: Vec::new(),
            connections: HashMap::new(),
            millis: 0,
            random: seed,
            longest: vec![0; keys],
            served: 0,
        };
        (0..world.tasks.len()).for_each(|task| world.ask(task));
        world
    }

    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.random >> 33
    }

    fn held(&self, key: usize) -> usize {
        self.connections.values().filter(|&&other| other == key).count()
    }

    /// Any place would serve this waiter: it is the first of its key, which is below its limit.
    fn is_in_line(&self, place: usize) -> bool {
        let key = |waits: &Waits| self.tasks[waits.task].key;
        let own = key(&self.waiting[place]);
        self.waiting.iter().position(|waits| key(waits) == own) == Some(place) && self.held(own) < self.per_origin
    }

    /// A request got a connection: `but` did, if it waited.
    fn count_grant(&mut self, but: Option<usize>) {
        for place in 0..self.waiting.len() {
            if self.is_in_line(place) || but == Some(place) {
                self.waiting[place].grants += 1;
            }
            let Waits { task, before, grants, .. } = self.waiting[place];
            let longest = &mut self.longest[self.tasks[task].key];
            *longest = (*longest).max(grants);
            if let Some(most) = self.passed_over {
                assert!(grants <= (u64::from(most) + 1) * (before + 1), "{:?}", self.waiting[place]);
            }
        }
    }

    fn use_it(&mut self, task: usize, got: Got) {
        if let Got::Replaced(victim, _) = got {
            assert!(!self.using.iter().any(|used| used.2 == victim), "it is in use");
            self.connections.remove(&victim);
        }
        self.connections.insert(got.id(), self.tasks[task].key);
        self.served += 1;
        let jitter = self.random() % 5;
        self.using.push((self.millis + self.tasks[task].uses + jitter, task, got.id()));
    }

    fn ask(&mut self, task: usize) {
        match self.driver.ask(&self.names[self.tasks[task].key].clone()) {
            Got::Waits(ticket) => {
                let before = self.waiting.len() as u64;
                self.waiting.push(Waits { task, ticket, before, grants: 0 });
            }
            got => {
                self.count_grant(None);
                self.use_it(task, got);
            }
        }
        self.settle();
    }

    /// All that is due.
    fn settle(&mut self) {
        for due in self.driver.expire_and_follow() {
            let (ticket, got) = match due {
                Ok(going) => going,
                Err(Due::Close { id, .. }) => {
                    self.connections.remove(&id);
                    continue;
                }
                Err(due) => panic!("{due:?}"),
            };
            let place = self.waiting.iter().position(|waits| waits.ticket == ticket).expect("it waits");
            self.count_grant(Some(place));
            let waits = self.waiting.remove(place);
            self.use_it(waits.task, got);
        }
        let is_idle = self.connections.len() < self.total;
        assert!(!is_idle || (0..self.waiting.len()).all(|place| !self.is_in_line(place)), "a place is idle");
    }

    /// The next one that is done gives its connection back, loses it, or takes one that waits out of the queue; and asks again.
    fn step(&mut self, faults: bool) {
        let Some(next) = self.using.iter().enumerate().min_by_key(|(_, used)| used.0).map(|(place, _)| place) else {
            return;
        };
        let (at, task, id) = self.using.swap_remove(next);
        self.driver.now = self.driver.now + Duration::from_millis(at - self.millis);
        self.millis = at;
        match self.random() % if faults { 8 } else { 1 } {
            1 => {
                self.driver.closed(id, Ended::ByPeer);
                self.connections.remove(&id);
            }
            2 if !self.waiting.is_empty() => {
                let place = self.random() as usize % self.waiting.len();
                let waits = self.waiting.remove(place);
                self.driver.pool.cancel(waits.ticket).expect("it waits");
                self.driver.done(id);
                self.settle();
                self.ask(waits.task);
            }
            _ => self.driver.done(id),
        }
        // it asks at once, before or after the others were told
        if !self.asks_first && self.random() % 2 == 0 {
            self.settle();
        }
        self.ask(task);
    }
}

/// 64 tasks, eight slow origins and eight quick ones, 16 places. 15 tasks are for slow ones, so that these hold 15 at most; the quick
/// ones share what is left.
fn quick_and_slow(passed_over: Option<u32>, asks_first: bool) -> World {
    let slow = (0..15).map(|task| Task { key: task % 8, uses: 1000 });
    let quick = (0..49).map(|task| Task { key: 8 + task % 8, uses: 10 });
    let limits = PoolLimits::DEFAULT.with_total(Some(16)).with_passed_over(passed_over);
    let mut world = World::new(slow.chain(quick).collect(), 16, limits, Eviction::LongestIdle, 1);
    world.asks_first = asks_first;
    for _ in 0..6_000 {
        world.step(false);
    }
    world
}

#[test]
fn quick_origins_are_served_beside_slow_ones() {
    // the other order, too, with `CASES=all`
    for asks_first in [true, false].into_iter().take(cases::of(2, 1) as usize) {
        let [with, without] = [Some(8), None].map(|passed_over| quick_and_slow(passed_over, asks_first));
        for (name, world) in [("after 8", &with), ("off", &without)] {
            let longest = |keys: std::ops::Range<usize>| world.longest[keys].iter().copied().max().unwrap_or(0);
            let (opened, served) = (world.driver.pool.counters().opened, world.served);
            println!(
                "{name}, asks first: {asks_first}: longest wait in grants: quick {}, slow {}; {served} served, {opened} opened",
                longest(8..16),
                longest(0..8),
            );
        }
        let longest = |world: &World| world.longest.iter().copied().max().unwrap_or(0);
        // 63 others at most were there before it
        assert!(longest(&with) <= 9 * 64 && longest(&without) > 10 * longest(&with));
        // no more than every ninth connection that could have been used again is closed
        let (opened, served) = (with.driver.pool.counters().opened, with.served);
        assert!(opened <= served / 9 + 64, "{opened}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases::of(40, 10)))]
    /// A waiter with `p` others before it waits for at most (N + 1)(p + 1) grants while any place would serve it; and no place is idle
    /// meanwhile.
    #[test]
    fn nobody_is_passed_over_more_often_than_the_law_says(
        tasks in prop::collection::vec((0..6_usize, prop_oneof![1..20_u64, 100..1000_u64]), 1..40),
        per_origin in prop::option::of(1..5_u32),
        total in 1..8_u32,
        passed_over in prop::sample::select(vec![Some(0), Some(1), Some(3), Some(8), None]),
        rule in prop::sample::select(Eviction::ALL.to_vec()),
        seed in any::<u64>(),
    ) {
        let tasks = tasks.into_iter().map(|(key, uses)| Task { key, uses }).collect();
        let limits = PoolLimits::DEFAULT.with_per_origin(per_origin).with_total(Some(total)).with_passed_over(passed_over);
        let mut world = World::new(tasks, 6, limits, rule, seed);
        for _ in 0..400 {
            world.step(true);
        }
    }
}
