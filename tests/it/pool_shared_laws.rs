//! Whatever is called in whatever order: the shared pool answers as a pool with a driver does, wakes whoever may go on and nobody else,
//! serves each key in the order of asking, and loses nothing.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

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

// ---- as a driver of the pool does

/// A pool with a driver: what [`SharedPool`] is there to replace.
struct Glue {
    pool: Pool<u8, u32>,
    answers: HashMap<Ticket, Got>,
    closing: VecDeque<(u32, EndReason)>,
    opened: u32,
}

/// What a request has, on the side of the driver.
enum Got {
    Lease(u32, Lease),
    Permit(Permit, Option<Ticket>),
    Ticket(Ticket),
    Refused(RefuseReason),
}

impl Glue {
    fn sort(&mut self, checkout: Checkout<u32>) -> Got {
        match checkout {
            Checkout::Reuse { id, lease, .. } => Got::Lease(id, lease),
            Checkout::Open(permit) => Got::Permit(permit, None),
            Checkout::OpenOrWait { permit, ticket } => Got::Permit(permit, Some(ticket)),
            Checkout::EvictThenOpen { victim, why, permit, ticket } => {
                self.closing.push_back((victim, why));
                Got::Permit(permit, ticket)
            }
            Checkout::Wait(ticket) => Got::Ticket(ticket),
            Checkout::Refuse(why) => Got::Refused(why),
        }
    }

    fn due(&mut self, due: Due<u32>) {
        match due {
            Due::Close { id, why } => self.closing.push_back((id, why)),
            Due::PermitOverdue(_) | Due::LeaseOverdue { .. } => {}
            Due::WaitOver { ticket, why } => drop(self.answers.insert(ticket, Got::Refused(why))),
            Due::GoOn { ticket, checkout } => {
                let got = self.sort(checkout);
                self.answers.insert(ticket, got);
            }
        }
    }

    fn settle(&mut self, now: Instant) {
        while self.pool.waiting() > 0 {
            let Some(due) = self.pool.expire(now) else { return };
            self.due(due);
        }
    }

    fn expire(&mut self, now: Instant) -> Option<(u32, EndReason)> {
        loop {
            if let Some(closing) = self.closing.pop_front() {
                return Some(closing);
            }
            let due = self.pool.expire(now)?;
            self.due(due);
        }
    }
}

/// What a request has, on both sides.
enum Both {
    Use(Lent<u8, u32>, u32, Lease),
    Open(FreePlace<u8, u32>, Permit, Option<Ticket>),
    Wait(Waiting<u8, u32>, Ticket),
}

/// The two have the same, or both nothing: what it is.
fn both(shared: Result<Handout<u8, u32>, RefuseReason>, got: Got) -> Option<Both> {
    match (shared, got) {
        (Ok(Handout::Use(lent)), Got::Lease(id, lease)) => {
            assert_eq!(*lent, id);
            Some(Both::Use(lent, id, lease))
        }
        (Ok(Handout::Open(place)), Got::Permit(permit, ticket)) => {
            assert_eq!(place.waits(), ticket.is_some());
            Some(Both::Open(place, permit, ticket))
        }
        (Ok(Handout::Wait(waiting)), Got::Ticket(ticket)) => Some(Both::Wait(waiting, ticket)),
        (Err(why), Got::Refused(refused)) => {
            assert_eq!(why, refused);
            None
        }
        (shared, _) => panic!("the pool answers otherwise than {shared:?}"),
    }
}

fn compare(config: &PoolConfig, calls: Vec<Call>) {
    let pool = SharedPool::<u8, u32>::new(START, config);
    let mut glue =
        Glue { pool: Pool::new(START, config), answers: HashMap::new(), closing: VecDeque::new(), opened: 0 };
    let (mut now, mut all) = (START, Vec::<Both>::new());
    for (call, one, other) in calls {
        let place = usize::from(one) % all.len().max(1);
        match (call % 16, all.is_empty()) {
            (0..6, _) | (_, true) => {
                let key = other % 4;
                let handout = match pool.checkout(now, &key, demand(one)) {
                    Handout::Refuse(why) => Err(why),
                    handout => Ok(handout),
                };
                let checkout = glue.pool.checkout(now, &key, demand(one));
                let got = glue.sort(checkout);
                all.extend(both(handout, got));
            }
            (6..12, _) => match all.swap_remove(place) {
                Both::Use(lent, id, lease) if other % 8 == 7 => {
                    assert_eq!(lent.closed(now, Ended::DeadAtReuse), id);
                    let _ = glue.pool.closed(now, lease, Ended::DeadAtReuse);
                }
                Both::Use(lent, id, lease) => {
                    let (returned, key) = (returned(other), one % 4);
                    let (checked_in, checkin) = if other % 5 == 0 {
                        (lent.checkin_as(now, &key, &returned), glue.pool.checkin_as(now, lease, &key, &returned))
                    } else {
                        (lent.checkin(now, &returned), glue.pool.checkin(now, lease, &returned))
                    };
                    let (idle, closing) = match checkin {
                        Ok(Checkin::Kept(idle)) => (Some(idle), None),
                        Ok(Checkin::KeptFor { idle, victim, why }) => (Some(idle), Some((victim, why))),
                        Ok(Checkin::Close(why)) => (None, Some((id, why))),
                        Err(Stale) => (None, Some((id, EndReason::LeaseOverdue))),
                    };
                    assert_eq!(checked_in.idle, idle);
                    assert_eq!(checked_in.to_close.map(|closing| (closing.connection, closing.why)), closing);
                }
                Both::Open(place, permit, ticket) if other % 8 == 0 => {
                    drop(place);
                    ticket.map(|ticket| glue.pool.cancel(ticket));
                    let _ = glue.pool.failed(Instant::EPOCH, permit);
                }
                Both::Open(place, permit, ticket) if other % 4 == 0 => {
                    let waiting = place.failed(now);
                    let _ = glue.pool.failed(now, permit);
                    assert_eq!(waiting.is_some(), ticket.is_some());
                    all.extend(waiting.zip(ticket).map(|(waiting, ticket)| Both::Wait(waiting, ticket)));
                }
                Both::Open(place, permit, ticket) => {
                    let id = glue.opened;
                    glue.opened += 1;
                    match (place.opened(now, id), glue.pool.opened(now, permit, id)) {
                        (Ok(lent), Ok(lease)) => all.push(Both::Use(lent, id, lease)),
                        (Err(closing), Err(Stale)) => {
                            assert_eq!(closing.why, EndReason::OpenOverdue);
                            ticket.map(|ticket| glue.pool.cancel(ticket));
                        }
                        (lent, lease) => panic!("{lent:?} and {lease:?}"),
                    }
                }
                // what was answered is taken below, so this one waits
                Both::Wait(waiting, ticket) => {
                    drop(waiting);
                    assert_eq!(glue.pool.cancel(ticket), Ok(()));
                }
            },
            (12, _) => now = now + Duration::from_millis(u64::from(one) * u64::from(other) / 8),
            (13, _) if one < 20 => {
                pool.new_generation(now);
                glue.pool.new_generation(now);
            }
            (13, _) if one < 60 => {
                pool.new_generation_of(now, &(other % 4));
                glue.pool.new_generation_of(now, &(other % 4));
            }
            (13, _) if one < 100 => {
                pool.suspended(now, Duration::from_secs(other.into()));
                glue.pool.suspended(now, Duration::from_secs(other.into()));
            }
            (13, _) if one < 103 => {
                pool.drain(now);
                glue.pool.drain(now);
            }
            _ => loop {
                let closing = pool.expire(now).map(|closing| (closing.connection, closing.why));
                assert_eq!(closing, glue.expire(now));
                if closing.is_none() {
                    break;
                }
            },
        }
        glue.settle(now);
        // all take what they were given
        for both_wait in std::mem::take(&mut all) {
            match both_wait {
                Both::Wait(mut waiting, ticket) => match (waiting.ask(now), glue.answers.remove(&ticket)) {
                    (None, None) => all.push(Both::Wait(waiting, ticket)),
                    (Some(Ok(Granted::Use(lent))), Some(got)) => all.extend(both(Ok(Handout::Use(lent)), got)),
                    (Some(Ok(Granted::Open(place))), Some(got)) => all.extend(both(Ok(Handout::Open(place)), got)),
                    (Some(Err(why)), Some(got)) => assert!(both(Err(why), got).is_none()),
                    (answer, _) => panic!("the pool answers otherwise than {answer:?}"),
                },
                Both::Open(mut place, permit, Some(ticket)) => match (place.ask(now), glue.answers.remove(&ticket)) {
                    (None, None) => all.push(Both::Open(place, permit, Some(ticket))),
                    (Some(lent), Some(got)) => {
                        all.extend(both(Ok(Handout::Use(lent)), got));
                        all.push(Both::Open(place, permit, None));
                    }
                    (None, Some(Got::Refused(_))) => all.push(Both::Open(place, permit, None)),
                    (lent, _) => panic!("the pool answers otherwise than {lent:?}"),
                },
                other => all.push(other),
            }
        }
        assert_eq!(
            (pool.idle(), pool.held(), pool.waiting(), pool.keys(), pool.is_drained()),
            (
                glue.pool.idle(),
                glue.pool.held(),
                glue.pool.waiting(),
                glue.pool.keys(),
                glue.pool.is_drained() && glue.closing.is_empty()
            )
        );
        // a generation of one key puts the clock ahead by a nanosecond each time
        let soon = |next: Option<Instant>| next.map(|next| next.max(now + Duration::from_micros(1)));
        let next = if glue.closing.is_empty() { glue.pool.next_deadline() } else { Some(now) };
        assert_eq!(soon(pool.next_deadline()), soon(next));
    }
    assert_eq!(pool.counters(), *glue.pool.counters());
}

// ---- what wakes, and what is lost

struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A connection, counted, and until when its peer said that it stays.
struct Conn {
    alive: Rc<Cell<u32>>,
    until: Instant,
}

impl Conn {
    fn new(alive: &Rc<Cell<u32>>) -> Self {
        alive.set(alive.get() + 1);
        Self { alive: Rc::clone(alive), until: Instant::MAX }
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        self.alive.set(self.alive.get() - 1);
    }
}

struct Waiter {
    key: u8,
    waiting: Waiting<u8, Conn>,
    woken: Arc<Woken>,
}

impl Waiter {
    fn poll(&mut self, now: Instant) -> Poll<Result<Granted<u8, Conn>, RefuseReason>> {
        let waker = Waker::from(Arc::clone(&self.woken));
        self.waiting.poll(now, &mut Context::from_waker(&waker))
    }

    fn is_woken(&self) -> bool {
        let woken = self.woken.0.load(Ordering::Relaxed);
        assert!(woken <= 1, "it is woken once");
        woken == 1
    }
}

/// A place, and who is woken if its request waits meanwhile.
struct Opening {
    place: FreePlace<u8, Conn>,
    woken: Arc<Woken>,
}

impl Opening {
    fn poll(&mut self, now: Instant) -> Option<Lent<u8, Conn>> {
        let waker = Waker::from(Arc::clone(&self.woken));
        match self.place.poll(now, &mut Context::from_waker(&waker)) {
            Poll::Ready(lent) => Some(lent),
            Poll::Pending => None,
        }
    }

    /// It was answered, and has not asked.
    fn is_woken(&self) -> bool {
        let woken = self.woken.0.load(Ordering::Relaxed);
        assert!(woken <= 1, "it is woken once");
        woken == 1 && self.place.waits()
    }
}

struct World {
    pool: SharedPool<u8, Conn>,
    now: Instant,
    alive: Rc<Cell<u32>>,
    lent: Vec<Lent<u8, Conn>>,
    places: Vec<Opening>,
    waiters: Vec<Waiter>,
    /// Those whose connection could not be opened, and who wait on for what comes back.
    lost: Vec<Waiter>,
}

impl World {
    fn have(&mut self, granted: Granted<u8, Conn>) {
        match granted {
            Granted::Use(lent) => {
                // told to look where it took its time
                assert!(lent.until > self.now || lent.look() == Look::First, "its time is over");
                self.lent.push(lent);
            }
            Granted::Open(place) => {
                let mut opening = Opening { place, woken: Arc::new(Woken(AtomicUsize::new(0))) };
                // it may be given something before it has asked for the first time
                let lent = opening.poll(self.now);
                self.places.push(opening);
                lent.into_iter().for_each(|lent| self.have(Granted::Use(lent)));
            }
        }
    }

    fn check(&mut self) {
        let waiters = || self.waiters.iter().chain(&self.lost);
        let waiting = waiters().count() + self.places.iter().filter(|opening| opening.place.waits()).count();
        let woken = waiters().filter(|waiter| waiter.is_woken()).count()
            + self.places.iter().filter(|opening| opening.is_woken()).count();
        let woken = woken as u32;
        // one that was given a place may wait meanwhile
        assert!(self.pool.waiting() <= waiting as u32 && waiting as u32 <= self.pool.waiting() + woken);
        // of each key, those that were answered are those that came first
        for key in 0..4 {
            let mut all = self.waiters.iter().filter(|waiter| waiter.key == key).map(Waiter::is_woken);
            assert!(!all.by_ref().skip_while(|woken| *woken).any(|woken| woken), "the order of asking");
        }
        // who was not woken has no answer
        let now = self.now;
        for waiter in self.waiters.iter_mut().chain(&mut self.lost).filter(|waiter| !waiter.is_woken()) {
            assert!(waiter.poll(now).is_pending(), "nobody has woken it");
        }
        for opening in self.places.iter_mut().filter(|opening| !opening.is_woken()) {
            assert!(opening.poll(now).is_none(), "nobody has woken it");
        }
        let known = self.pool.idle() + self.lent.len() as u32 + self.places.len() as u32;
        // who was given a place, and a connection meanwhile, has both
        assert!((known..=known + 2 * woken).contains(&self.pool.held()), "{known} of {}", self.pool.held());
        assert!(self.pool.held() <= self.pool.config().limits().total.unwrap_or(u32::MAX));
    }

    fn call(&mut self, (call, one, other): Call) {
        let now = self.now;
        match call % 20 {
            0..7 => match self.pool.checkout(now, &(other % 4), demand(one)) {
                Handout::Use(lent) => self.have(Granted::Use(lent)),
                Handout::Open(place) => self.have(Granted::Open(place)),
                Handout::Wait(waiting) => {
                    let woken = Arc::new(Woken(AtomicUsize::new(0)));
                    let mut waiter = Waiter { key: other % 4, waiting, woken };
                    match waiter.poll(now) {
                        Poll::Pending => self.waiters.push(waiter),
                        Poll::Ready(Ok(granted)) => self.have(granted),
                        Poll::Ready(Err(_)) => {}
                    }
                }
                Handout::Refuse(_) => {}
            },
            7..11 if !self.lent.is_empty() => {
                let mut lent = self.lent.swap_remove(usize::from(one) % self.lent.len());
                match other % 8 {
                    0 => drop(lent),
                    1 => drop(lent.closed(now, Ended::DeadAtReuse)),
                    number => {
                        // five seconds less the margin, or without end
                        lent.until = if number == 2 { now + Duration::from_secs(3) } else { Instant::MAX };
                        drop(lent.checkin(now, &returned(number)).to_close);
                    }
                }
            }
            11..14 if !self.places.is_empty() => {
                let mut opening = self.places.swap_remove(usize::from(one) % self.places.len());
                if other % 3 == 0 {
                    opening.poll(now).into_iter().for_each(|lent| self.have(Granted::Use(lent)));
                }
                let place = opening.place;
                match other % 8 {
                    0 => drop(place),
                    1 | 2 => {
                        let Some(waiting) = place.failed(now) else { return };
                        let mut waiter = Waiter { key: 0, waiting, woken: Arc::new(Woken(AtomicUsize::new(0))) };
                        match waiter.poll(now) {
                            Poll::Pending => self.lost.push(waiter),
                            Poll::Ready(Ok(granted)) => self.have(granted),
                            Poll::Ready(Err(_)) => {}
                        }
                    }
                    _ => self.lent.extend(place.opened(now, Conn::new(&self.alive)).ok()),
                }
            }
            17 if !self.lost.is_empty() => {
                let mut waiter = self.lost.swap_remove(usize::from(one) % self.lost.len());
                match waiter.poll(now) {
                    Poll::Ready(Ok(granted)) => self.have(granted),
                    _ => drop(waiter),
                }
            }
            14..18 if !self.waiters.is_empty() => {
                let mut waiter = self.waiters.remove(usize::from(one) % self.waiters.len());
                if other % 3 == 0 {
                    // gone: before its answer, or after it
                    return;
                }
                match (waiter.is_woken(), waiter.poll(now)) {
                    (true, Poll::Ready(Ok(granted))) => self.have(granted),
                    (true, Poll::Ready(Err(_))) => {}
                    (false, Poll::Pending) => self.waiters.insert(usize::from(one) % (self.waiters.len() + 1), waiter),
                    (woken, _) => panic!("woken: {woken}, and answered otherwise"),
                }
            }
            18 => {
                self.now = now + Duration::from_millis(u64::from(one) * u64::from(other) / 16);
                while let Some(closing) = self.pool.expire(self.now) {
                    drop(closing);
                }
            }
            _ => match one {
                0..10 => self.pool.new_generation(now),
                10..30 => self.pool.suspended(now, Duration::from_secs(other.into())),
                _ => {}
            },
        }
    }
}

fn run(config: &PoolConfig, calls: Vec<Call>) {
    let pool = SharedPool::new(START, config);
    let alive = Rc::default();
    let mut world =
        World { pool, now: START, alive, lent: Vec::new(), places: Vec::new(), waiters: Vec::new(), lost: Vec::new() };
    for call in calls {
        world.call(call);
        world.check();
    }
    // all are gone, in any order: nothing is held but what is idle
    world.places.clear();
    world.waiters.clear();
    world.lost.clear();
    world.lent.clear();
    assert_eq!((world.pool.held(), world.pool.waiting()), (world.pool.idle(), 0));
    world.pool.drain(world.now);
    while let Some(closing) = world.pool.expire(world.now) {
        drop(closing);
    }
    assert!(world.pool.is_drained());
    assert_eq!(world.alive.get(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn it_answers_as_a_pool_with_its_driver(numbers: [u8; 4], calls in calls()) {
        compare(&config(numbers), calls);
    }

    #[test]
    fn whoever_may_go_on_is_woken_and_nobody_else_and_nothing_is_lost(numbers: [u8; 4], calls in calls()) {
        run(&patient(numbers), calls);
    }
}
