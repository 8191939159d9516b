//! Thousands of requests over a shared pool and machines, in virtual time, half of them dropped where it hurts: nothing is lost.

mod executor;
mod peer;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use crate::cases;
use http_keepalive::pool::*;
use http_keepalive::retry::{Advice, Unanswered};
use http_keepalive::{Instant, Persistence, Reusable};

use executor::{Clock, Executor, Next};
use peer::{Exchange, MANNERS, Manner, Random, Wire};

const PER_ORIGIN: u32 = 6;
const TOTAL: u32 = 24;

fn requests() -> usize {
    cases::of(20_000, 4_000) as usize
}

/// Where a request is. Later ones are greater, except that it may wait again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    /// It has not asked for a connection.
    Begins,
    Waits,
    /// It waits, and was woken.
    Woken,
    Opens,
    /// Its request is sent.
    Sent,
    /// It has the head of its response.
    Answered,
}

const STAGES: [Stage; 6] = [Stage::Begins, Stage::Waits, Stage::Woken, Stage::Opens, Stage::Sent, Stage::Answered];

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Answered,
    Refused(RefuseReason),
    GivenUp,
    Dropped(Stage),
}

/// What a request has of a key.
#[derive(Clone, Copy)]
enum Has {
    Used,
    Opening,
    Waits,
}

/// How many requests have what, by key, counted by guards that are dropped with what they stand for.
#[derive(Clone, Default)]
struct Counted(Rc<[[Cell<u32>; MANNERS.len()]; 3]>);

struct One(Counted, Has, Manner);

impl Counted {
    fn one(&self, has: Has, key: Manner) -> One {
        let count = &self.0[has as usize][key as usize];
        count.set(count.get() + 1);
        One(self.clone(), has, key)
    }

    fn of(&self, has: Has, key: Manner) -> u32 {
        self.0[has as usize][key as usize].get()
    }

    fn all(&self, has: Has) -> u32 {
        self.0[has as usize].iter().map(Cell::get).sum()
    }
}

impl Drop for One {
    fn drop(&mut self) {
        let count = &self.0.0[self.1 as usize][self.2 as usize];
        count.set(count.get() - 1);
    }
}

struct World {
    clock: Rc<Clock>,
    pool: SharedPool<Manner, Wire>,
    random: RefCell<Random>,
    alive: Rc<()>,
    counted: Counted,
    stages: RefCell<Vec<Stage>>,
    fates: RefCell<Vec<Option<Fate>>>,
    opened: Cell<u64>,
    retried: Cell<u64>,
    overtook: Cell<u64>,
}

impl World {
    fn new(seed: u64) -> Rc<Self> {
        let limits = PoolLimits::DEFAULT.with_per_origin(Some(PER_ORIGIN)).with_total(Some(TOTAL)).with_waiters(5000);
        let timeouts = PoolTimeouts::DEFAULT
            .with_wait(Some(Duration::from_millis(25)))
            .with_used_idle(Some(Duration::from_millis(700)));
        let config = PoolConfig::new(limits, timeouts, PoolPolicy::DEFAULT).unwrap();
        let clock = Clock::new(Instant::from_secs(1));
        Rc::new(Self {
            pool: SharedPool::new(clock.now(), &config),
            clock,
            random: RefCell::new(Random::new(seed)),
            alive: Rc::new(()),
            counted: Counted::default(),
            stages: RefCell::new(vec![Stage::Begins; requests()]),
            fates: RefCell::new(vec![None; requests()]),
            opened: Cell::new(0),
            retried: Cell::new(0),
            overtook: Cell::new(0),
        })
    }

    fn random(&self, below: u64) -> u64 {
        self.random.borrow_mut().number(below)
    }

    fn stage(&self, number: usize, stage: Stage) {
        self.stages.borrow_mut()[number] = stage;
    }

    fn open(&self, key: Manner) -> Wire {
        self.opened.set(self.opened.get() + 1);
        Wire::new(&self.clock, key, self.opened.get(), &self.alive)
    }

    /// Until then, or until another connection has come first.
    async fn overtaken(
        &self,
        place: &mut FreePlace<Manner, Wire>,
        at: Instant,
        key: Manner,
    ) -> Option<Lent<Manner, Wire>> {
        let mut waits = place.waits().then(|| self.counted.one(Has::Waits, key));
        let mut sleep = std::pin::pin!(self.clock.sleep(at));
        poll_fn(|context| {
            if let Poll::Ready(lent) = place.poll(self.clock.now(), context) {
                return Poll::Ready(Some(lent));
            }
            if !place.waits() {
                waits = None;
            }
            sleep.as_mut().poll(context).map(|()| None)
        })
        .await
    }

    /// One request, as a client has it.
    async fn request(&self, number: usize, key: Manner, begins: Instant) {
        self.clock.sleep(begins).await;
        let fate = self.fetch(number, key).await;
        self.fates.borrow_mut()[number] = Some(fate);
    }

    async fn fetch(&self, number: usize, key: Manner) -> Fate {
        let mut demand = Demand::DEFAULT;
        if self.random(30) == 0 {
            demand = demand.with_source(Source::New);
        }
        if self.random(3) > 0 {
            demand = demand.with_meanwhile(Meanwhile::Wait);
        }
        let (mut tries, mut reused) = (0, 0);
        loop {
            let mut waits = None;
            let granted = match self.pool.checkout(self.clock.now(), &key, demand) {
                Handout::Use(lent) => Ok(Granted::Use(lent)),
                Handout::Open(place) => Ok(Granted::Open(place)),
                Handout::Wait(waiting) => {
                    self.stage(number, Stage::Waits);
                    waits = Some(self.counted.one(Has::Waits, key));
                    waiting.answer(|| self.clock.now()).await
                }
                Handout::Refuse(why) => Err(why),
            };
            drop(waits);
            let (mut lent, _used) = 'granted: {
                match granted {
                    Ok(Granted::Use(lent)) => (lent, self.counted.one(Has::Used, key)),
                    Ok(Granted::Open(mut place)) => {
                        self.stage(number, Stage::Opens);
                        let opening = self.counted.one(Has::Opening, key);
                        let opens_at = self.clock.now() + Duration::from_millis(self.random(20));
                        if let Some(lent) = self.overtaken(&mut place, opens_at, key).await {
                            // its own is there at the same time, or is given up
                            if self.random(2) == 0 {
                                let wire = self.open(key);
                                let own =
                                    place.opened(self.clock.now(), wire).map_err(|late| late.why).expect("in time");
                                let _ = own.checkin(self.clock.now(), &Returned::new(Persistence::Undecided)).idle;
                            }
                            drop(opening);
                            self.overtook.set(self.overtook.get() + 1);
                            break 'granted (lent, self.counted.one(Has::Used, key));
                        }
                        if self.random(50) == 0 {
                            drop(opening);
                            let waits = self.counted.one(Has::Waits, key);
                            self.stage(number, Stage::Waits);
                            // who has waited meanwhile may wait on
                            let Some(waiting) = place.failed(self.clock.now()) else { return Fate::GivenUp };
                            let answer = waiting.answer(|| self.clock.now()).await;
                            drop(waits);
                            match answer {
                                Ok(Granted::Use(lent)) => break 'granted (lent, self.counted.one(Has::Used, key)),
                                Ok(Granted::Open(_)) => panic!("it had a place"),
                                Err(why) => return Fate::Refused(why),
                            }
                        }
                        let wire = self.open(key);
                        drop(opening);
                        (
                            place.opened(self.clock.now(), wire).map_err(|late| late.why).expect("in time"),
                            self.counted.one(Has::Used, key),
                        )
                    }
                    Err(why) => return Fate::Refused(why),
                }
            };
            // nobody watches: it is looked at each time
            assert_eq!(lent.look() == Look::First, lent.is_reused());
            assert_eq!(lent.unread(), 0, "what was read was offered, before it came back");
            assert_eq!(lent.manner, key);
            let mut content = None;
            let _ = lent.read(&mut content);
            if !matches!(lent.machine.reusable(self.clock.now()), Reusable::Now { .. }) {
                let ended = Ended::of_machine(lent.machine.ended_by(), lent.is_reused());
                drop(lent.closed(self.clock.now(), ended));
                continue;
            }
            lent.send(number);
            self.stage(number, Stage::Sent);
            let exchange = loop {
                self.clock.sleep(lent.next()).await;
                if let Some(exchange) = lent.read(&mut content) {
                    break exchange;
                }
                if content.is_some() {
                    self.stage(number, Stage::Answered);
                }
                if lent.expire() {
                    break Exchange::Lost;
                }
            };
            let now = self.clock.now();
            match exchange {
                Exchange::Answered(answer) => {
                    assert_eq!(answer, number.to_string(), "the answer of another request");
                    let returned = Returned::of_machine(lent.machine.persistence(), lent.machine.reusable(now));
                    drop(lent.checkin(now, &returned).to_close);
                    return Fate::Answered;
                }
                Exchange::Lost => {
                    let Unanswered { evidence, .. } = lent.machine.unanswered().next().expect("a request was sent");
                    let unanswered = lent.is_reused() && !evidence.response_begun;
                    let ended = Ended::of_machine(lent.machine.ended_by(), unanswered);
                    drop(lent.closed(now, ended));
                    if evidence.after(tries).after_reused(reused).verdict().advice != Advice::Retry {
                        return Fate::GivenUp;
                    }
                    self.retried.set(self.retried.get() + 1);
                    (tries, reused) = (tries + 1, reused + u32::from(evidence.reused));
                    demand = demand.with_source(Source::New);
                }
            }
        }
    }

    /// Closes what falls due, and sleeps until the next time: for as long as the pool is not drained.
    async fn keep(&self) {
        poll_fn(|context| {
            while let Poll::Ready(closing) = self.pool.poll_expire(self.clock.now(), context) {
                drop(closing);
            }
            if self.pool.is_drained() {
                return Poll::Ready(());
            }
            if let Some(at) = self.pool.next_deadline() {
                assert!(at > self.clock.now(), "what is due was asked for");
                self.clock.wake_at(at, context.waker());
            }
            Poll::Pending
        })
        .await;
    }

    /// What holds after each step. `woken`: requests that were woken as they waited. `quiet`: nobody is ready.
    fn check(&self, woken: u32, quiet: bool) {
        let (used, opened, waits) =
            (self.counted.all(Has::Used), self.counted.all(Has::Opening), self.counted.all(Has::Waits));
        let (idle, held) = (self.pool.idle(), self.pool.held());
        let known = idle + used + opened;
        assert!(known <= held && held <= known + woken && held <= TOTAL, "{known} of {held}");
        assert!(self.pool.waiting() <= waits && waits <= self.pool.waiting() + woken);
        let alive = Rc::strong_count(&self.alive) as u32 - 1;
        assert!(idle + used <= alive);
        for key in MANNERS {
            assert!(self.counted.of(Has::Used, key) + self.counted.of(Has::Opening, key) <= PER_ORIGIN);
        }
        if quiet {
            assert_eq!((woken, known, waits, alive), (0, held, self.pool.waiting(), idle + used), "something is lost");
        }
    }
}

/// Where a request is dropped, and when: as soon as it is there, or some time later, wherever it is then.
#[derive(Clone, Copy)]
struct Plan {
    stage: Stage,
    later: Option<Duration>,
}

#[test]
fn of_thousands_of_requests_half_are_dropped_and_nothing_is_lost() {
    let world = World::new(7);
    let mut executor = Executor::new(Rc::clone(&world.clock));
    let mut plans = vec![None; requests()];
    let (mut begins, mut planned) = (world.clock.now(), 0);
    for (number, plan) in plans.iter_mut().enumerate() {
        // some thousand in a second, in bursts
        begins = begins
            + Duration::from_micros(if world.random(40) == 0 { world.random(90_000) } else { world.random(300) });
        if number % 2000 == 0 {
            // all that is idle comes to its end
            begins = begins + Duration::from_secs(4);
        }
        let key = MANNERS[(world.random(9) as usize).min(world.random(6) as usize)];
        if world.random(100) < 73 {
            let stage = STAGES[world.random(STAGES.len() as u64) as usize];
            let later = (world.random(2) == 0).then(|| Duration::from_millis(world.random(15)));
            *plan = Some(Plan { stage, later });
            planned += 1;
        }
        let future = {
            let world = Rc::clone(&world);
            async move { world.request(number, key, begins).await }
        };
        assert_eq!(executor.spawn(future), number);
    }
    let keeper = executor.spawn({
        let world = Rc::clone(&world);
        async move { world.keep().await }
    });

    // when those are dropped that are dropped later
    let mut to_drop = BTreeMap::<Instant, Vec<usize>>::new();
    let mut steps = 0;
    while executor.alive > 1 {
        let now = world.clock.now();
        let drop_now = |number: usize, stage: Stage| {
            world.fates.borrow_mut()[number] = Some(Fate::Dropped(stage));
            Next::Drop
        };
        let stage_of = |number: usize| world.stages.borrow()[number];
        let is_over = |number: usize| world.fates.borrow()[number].is_some();
        let plans = RefCell::new(&mut plans);
        executor.run_ready(
            |number| {
                if number == keeper {
                    return Next::Poll;
                }
                let stage = stage_of(number);
                let is_granted = stage == Stage::Waits;
                let at_once = plans.borrow()[number].is_some_and(|plan| plan.later.is_none());
                match plans.borrow()[number] {
                    Some(plan) if is_granted && at_once && plan.stage == Stage::Woken => drop_now(number, Stage::Woken),
                    _ => Next::Poll,
                }
            },
            |number| {
                steps += 1;
                if number == keeper || is_over(number) {
                    return Next::Poll;
                }
                let (stage, plan) = (stage_of(number), plans.borrow()[number]);
                match plan.filter(|plan| stage >= plan.stage) {
                    None => Next::Poll,
                    Some(Plan { later: None, .. }) => drop_now(number, stage),
                    Some(Plan { later: Some(later), .. }) => {
                        plans.borrow_mut()[number] = None;
                        to_drop.entry(now + later).or_default().push(number);
                        Next::Poll
                    }
                }
            },
        );
        world.check(0, true);
        // a timer of a request is a time at which something happens; so those to be dropped go with the next one
        while let Some(entry) = to_drop.first_entry().filter(|entry| *entry.key() <= now) {
            for number in entry.remove() {
                if !is_over(number) {
                    drop_now(number, stage_of(number));
                    executor.drop_task(number);
                    // what it had may have gone to somebody, who is ready now
                    world.check(TOTAL + world.counted.all(Has::Waits), false);
                }
            }
        }
        if executor.alive > 1 && world.random(3) > 0 {
            assert!(executor.advance(), "somebody waits, and nobody will wake it");
        }
    }
    let fates: Vec<Fate> = world.fates.borrow().iter().map(|fate| fate.expect("each has an end")).collect();
    let mut counts = BTreeMap::<Fate, usize>::new();
    fates.iter().for_each(|&fate| *counts.entry(fate).or_default() += 1);
    let counters = world.pool.counters();
    // of a test that passes nobody sees it
    println!(
        "{steps} polls, {} opened, {} retried, {} overtaken, {planned} planned; {counts:?}",
        world.opened.get(),
        world.retried.get(),
        world.overtook.get()
    );
    println!("{counters:?}");

    // nothing is held but what is idle, and all that there may be can be had
    assert_eq!((world.pool.held(), world.pool.waiting()), (world.pool.idle(), 0));
    let now = world.clock.now();
    let mut guards = Vec::new();
    for key in &MANNERS[..(TOTAL / PER_ORIGIN) as usize] {
        for _ in 0..PER_ORIGIN {
            let handout = world.pool.checkout(now, key, Demand::DEFAULT.with_patience(Patience::None));
            assert!(matches!(handout, Handout::Use(_) | Handout::Open(_)), "{:?}", world.pool);
            guards.push(handout);
        }
    }
    let one_more = world.pool.checkout(now, &MANNERS[5], Demand::DEFAULT.with_patience(Patience::None));
    assert!(matches!(one_more, Handout::Refuse(RefuseReason::Total)));
    drop(guards);
    world.pool.drain(now);
    while executor.alive > 0 {
        executor.run_ready(|_| Next::Poll, |_| Next::Poll);
        assert!(executor.alive == 0 || executor.advance(), "the pool is drained");
    }
    assert_eq!((world.pool.held(), Rc::strong_count(&world.alive)), (0, 1), "a connection is somewhere");

    let dropped: usize = STAGES.iter().map(|&stage| counts.get(&Fate::Dropped(stage)).copied().unwrap_or(0)).sum();
    assert!(dropped >= requests() / 2, "{dropped}");
    for stage in STAGES {
        assert!(counts[&Fate::Dropped(stage)] >= requests() / 200, "{stage:?}: {counts:?}");
    }
    assert!(counts[&Fate::Answered] >= requests() / 4, "{counts:?}");
    assert!(counts[&Fate::Refused(RefuseReason::WaitTimeout)] >= requests() / 2000, "{counts:?}");
    let (many, some) = (requests() as u64 / 20, requests() as u64 / 200);
    assert!(counters.went_on > many && counters.reused > many, "{counters:?}");
    assert!(counters.ended(EndReason::DeadAtReuse) > some && world.retried.get() > some);
    assert!(world.overtook.get() > some && counters.overtaken > some);
}
