//! What wakes, and what is lost.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::*;

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

pub fn run(config: &PoolConfig, calls: Vec<Call>) {
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
