//! A machine that sleeps lends nothing dead, with either kind of clock.

use std::time::Duration;

use crate::driver::*;
use http_keepalive::pool::*;
use http_keepalive::{Instant, KeepAlive, Persistence, ReuseReason};
use proptest::prelude::*;

/// What the driver's clock does while the machine sleeps, and what it tells the pool.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Clock {
    RunsOn,
    StandsStill,
    /// And nobody says so.
    Unsaid,
}

/// A server that closes what is idle for as long as it has said, by the time that really goes by; and a client on a machine that
/// sleeps.
struct World {
    pool: Pool<&'static str, u32>,
    clock: Clock,
    /// Milliseconds since the start, really and by the client's monotonic clock.
    real: u64,
    awake: u64,
    /// How far off the wall clock is.
    wall_off: i64,
    meter: SleepMeter,
    /// When the server closes each connection.
    closes: Vec<u64>,
    lent_dead: u32,
    lent: u32,
}

/// A server's idle timeout, in seconds; the client takes its margin of 2 s off it.
const SERVER: u64 = 20;

impl World {
    fn new(clock: Clock) -> Self {
        let config = PoolConfig::new(PoolLimits::DEFAULT, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT).unwrap();
        let now = Instant::from_secs(1000);
        let meter = SleepMeter::new(now, Duration::from_secs(1_000_000));
        let pool = Pool::new(now, &config);
        let (closes, wall_off) = (Vec::new(), 0);
        Self { pool, clock, real: 0, awake: 0, wall_off, meter, closes, lent_dead: 0, lent: 0 }
    }

    fn now(&self) -> Instant {
        let millis = if self.clock == Clock::RunsOn { self.real } else { self.awake };
        Instant::from_secs(1000) + Duration::from_millis(millis)
    }

    /// Time goes by, with the machine awake and then asleep, and it wakes. What its driver does first.
    fn wait(&mut self, awake: u64, asleep: u64, wall_set_by: i64) {
        self.real += awake + asleep;
        self.awake += awake;
        self.wall_off += wall_set_by;
        let wall = Duration::from_millis((1_000_000_000 + self.real).saturating_add_signed(self.wall_off));
        let now = self.now();
        if let Some(asleep) = self.meter.asleep(now, wall).filter(|_| self.clock != Clock::Unsaid) {
            assert_ne!(self.clock, Clock::RunsOn, "no sleep is seen by a clock that runs on");
            self.pool.suspended(now, asleep);
        }
        while let Some(due) = self.pool.expire(now) {
            assert!(matches!(due, Due::Close { .. }), "{due:?}");
        }
    }

    /// One request and its answer.
    fn fetch(&mut self) {
        let now = self.now();
        let lease = match self.pool.checkout(now, &"server", Demand::DEFAULT) {
            Checkout::Reuse { id, lease, .. } => {
                self.lent += 1;
                self.lent_dead += u32::from(self.closes[id as usize] <= self.real);
                lease
            }
            Checkout::Open(permit) => {
                self.closes.push(0);
                self.pool.opened(now, permit, self.closes.len() as u32 - 1).unwrap()
            }
            checkout => panic!("{checkout:?}"),
        };
        let outstanding = self.pool.outstanding().next();
        let Some(Outstanding::Lease { id, .. }) = outstanding else { panic!("{outstanding:?}") };
        self.closes[id as usize] = self.real + SERVER * 1000;
        let hint = KeepAlive { timeout: Some(SERVER as u32), max: None };
        let returned = Returned::new(Persistence::Reuse(ReuseReason::Http11)).with_hint(hint);
        assert!(matches!(self.pool.checkin(now, lease, &returned), Ok(Checkin::Kept(_))));
    }
}

fn live(clock: Clock, story: &[(u64, u64, i64)]) -> World {
    let mut world = World::new(clock);
    for &(awake, asleep, wall_set_by) in story {
        world.fetch();
        world.wait(awake, asleep, wall_set_by);
    }
    world
}

proptest! {
    /// The wall clock may be set forth and back by little meanwhile: less than half a second each time.
    #[test]
    fn nothing_dead_is_lent_after_a_sleep(
        story in prop::collection::vec((0..30_000_u64, prop_oneof![2 => Just(0), 3 => 0..100_000_u64], -400..400_i64), 0..60),
    ) {
        for clock in [Clock::RunsOn, Clock::StandsStill] {
            prop_assert_eq!(live(clock, &story).lent_dead, 0);
        }
    }
}

/// The stories show something: what sleeps for a while is used again after it, and without a word dead ones are lent.
#[test]
fn with_a_clock_that_stands_still_and_not_a_word_dead_ones_are_lent() {
    let story = [(1_000, 10_000, 0), (1_000, 30_000, 300), (1_000, 0, 0)];
    let lent = |clock| {
        let world = live(clock, &story);
        (world.lent, world.lent_dead)
    };
    assert_eq!([lent(Clock::RunsOn), lent(Clock::StandsStill), lent(Clock::Unsaid)], [(1, 0), (1, 0), (2, 1)]);
}

#[test]
fn a_sleep_makes_older_and_longer_idle_too() {
    let timeouts = PoolTimeouts::DEFAULT.with_age(Some(Duration::from_secs(100)));
    let policy = PoolPolicy::DEFAULT.with_jitter_percent(0).with_idle_watched(http_keepalive::Use::On);
    let config = PoolConfig::new(PoolLimits::DEFAULT, timeouts, policy).unwrap();
    let now = Instant::from_secs(1000);
    let mut pool = Pool::<&str, u32>::new(now, &config);
    let returned = Returned::new(Persistence::Reuse(ReuseReason::Http11));
    let [one, other] = [1, 2].map(|id| {
        let Checkout::Open(permit) = pool.checkout(now, &"a", Demand::DEFAULT) else { panic!() };
        pool.opened(now, permit, id).unwrap()
    });
    let _ = pool.checkin(now, one, &returned);
    pool.suspended(now, Duration::from_secs(10));
    // idle for longer than the driver is trusted to have watched it
    let Checkout::Reuse { look: Look::First, lease, .. } = pool.checkout(now, &"a", Demand::DEFAULT) else { panic!() };
    // and older, in use or not: after 60 s of idleness it would be 70 s old, but it slept for 50 s more
    pool.suspended(now, Duration::from_secs(50));
    for lease in [lease, other] {
        let _ = pool.checkin(now, lease, &returned);
    }
    let later = now + Duration::from_secs(40);
    assert!(matches!(pool.expire(later), Some(Due::Close { why: EndReason::Age, .. })));
    assert!(matches!(pool.expire(later), Some(Due::Close { why: EndReason::Age, .. })));
}

#[test]
fn the_meter_knows_a_sleep_from_a_wall_clock_that_is_set() {
    let (start, wall) = (Instant::from_secs(50), Duration::from_secs(1_000_000));
    let ms = Duration::from_millis;
    for (awake, wall_by, found) in [
        (10_000, 10_000, None),
        (10_000, 11_000, None),
        (10_000, 11_012, Some(1_012)),
        (0, 5_000, Some(5_000)),
        // a slewed clock gains a two-thousandth
        (7_200_000, 7_203_600, None),
        (7_200_000, 7_220_000, Some(20_000)),
        // set back, by more than has gone by too
        (10_000, 9_000, None),
        (10_000, 0, None),
    ] {
        let mut meter = SleepMeter::new(start, wall);
        assert_eq!(meter.asleep(start + ms(awake), wall + ms(wall_by)), found.map(ms), "{awake} {wall_by}");
        // once only
        assert_eq!(meter.asleep(start + ms(awake), wall + ms(wall_by)), None);
    }
    let mut meter = SleepMeter::new(start, wall);
    assert_eq!(meter.asleep(start + ms(10_000), ms(0)), None, "set back to the beginning");
    assert_eq!(meter.asleep(start + ms(20_000), ms(15_000)), Some(ms(5_000)), "the next one is measured from there");
    assert_eq!(meter.asleep(Instant::EPOCH, ms(15_000)), None, "a monotonic clock that goes back stands still");
    assert_eq!(meter.asleep(start + ms(20_000), ms(15_000)), None);
}

/// The record of one that was used again is older than the time that it stands for, that of the other is not.
#[test]
fn after_a_sleep_the_longest_idle_one_goes_first_as_before() {
    for asleep in [0, 4, 900] {
        let timeouts = PoolTimeouts::DEFAULT.with_used_idle(None).with_age(None).with_suspension(None);
        let policy = PoolPolicy::DEFAULT.with_eviction(Eviction::LongestIdle);
        let mut driver = Driver::new(PoolLimits::DEFAULT.with_total(Some(2)), timeouts, policy);
        let (a, b) = (driver.ask("a").id(), driver.ask("b").id());
        driver.done(b);
        assert_eq!(driver.wait(Duration::from_secs(30)), []);
        driver.done(a);
        assert_eq!(driver.wait(Duration::from_secs(1)), []);
        assert_eq!(driver.fetch("b"), Got::Reused(b));
        driver.pool.suspended(driver.now, Duration::from_secs(asleep));
        assert_eq!(driver.ask("c"), Got::Replaced(a, 3), "asleep for {asleep} s");
    }
}
