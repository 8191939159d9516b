//! The shared pool: what a guard gives back, how it may end, and who is woken.

mod guards;
mod meanwhile;
mod runs_outside;
mod waits;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use http_keepalive::pool::*;
use http_keepalive::{Instant, Persistence, ReuseReason};

type Shared = SharedPool<&'static str, Conn>;
type Waits = Waiting<&'static str, Conn>;

const PERSISTS: Returned = Returned::new(Persistence::Reuse(ReuseReason::Http11));
const UNUSED: Returned = Returned::new(Persistence::Undecided);
const AT: Instant = Instant::from_secs(100);

fn later(seconds: u64) -> Instant {
    AT + Duration::from_secs(seconds)
}

/// A connection that says when it is dropped.
#[derive(Debug)]
struct Conn(u32, Rc<Cell<u32>>);

impl Drop for Conn {
    fn drop(&mut self) {
        self.1.set(self.1.get() + 1);
    }
}

/// Counts how often it is woken.
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Who waits, and how often it was woken.
struct Request {
    waits: Waits,
    woken: Arc<Woken>,
}

impl Request {
    fn new(waits: Waits) -> Self {
        Self { waits, woken: Arc::new(Woken(AtomicUsize::new(0))) }
    }

    fn poll(&mut self, now: Instant) -> Poll<Result<Granted<&'static str, Conn>, RefuseReason>> {
        let waker = Waker::from(Arc::clone(&self.woken));
        self.waits.poll(now, &mut Context::from_waker(&waker))
    }

    fn woken(&self) -> usize {
        self.woken.0.load(Ordering::Relaxed)
    }
}

struct World {
    pool: Shared,
    opened: u32,
    dropped: Rc<Cell<u32>>,
}

impl World {
    fn new(limits: PoolLimits) -> Self {
        Self::with(limits, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT)
    }

    fn with(limits: PoolLimits, timeouts: PoolTimeouts, policy: PoolPolicy) -> Self {
        let config = PoolConfig::new(limits, timeouts, policy).unwrap();
        Self { pool: Shared::new(AT, &config), opened: 0, dropped: Rc::default() }
    }

    /// One connection to each key.
    fn one() -> Self {
        Self::new(PoolLimits::DEFAULT.with_per_origin(Some(1)))
    }

    fn conn(&mut self) -> Conn {
        self.opened += 1;
        Conn(self.opened, Rc::clone(&self.dropped))
    }

    fn open(&mut self, now: Instant, key: &'static str) -> Lent<&'static str, Conn> {
        let Handout::Open(place) = self.pool.checkout(now, &key, Demand::DEFAULT) else { panic!("there is a place") };
        place.opened(now, self.conn()).expect("in time")
    }

    fn reuse(&self, now: Instant, key: &'static str) -> Lent<&'static str, Conn> {
        let Handout::Use(lent) = self.pool.checkout(now, &key, Demand::DEFAULT) else { panic!("one is idle") };
        lent
    }

    fn wait(&self, now: Instant, key: &'static str) -> Request {
        let Handout::Wait(waits) = self.pool.checkout(now, &key, Demand::DEFAULT) else { panic!("there is none") };
        let mut request = Request::new(waits);
        assert!(request.poll(now).is_pending());
        request
    }
}

fn used(poll: Poll<Result<Granted<&'static str, Conn>, RefuseReason>>) -> Lent<&'static str, Conn> {
    match poll {
        Poll::Ready(Ok(Granted::Use(lent))) => lent,
        other => panic!("{other:?}"),
    }
}

fn place(poll: Poll<Result<Granted<&'static str, Conn>, RefuseReason>>) -> FreePlace<&'static str, Conn> {
    match poll {
        Poll::Ready(Ok(Granted::Open(place))) => place,
        other => panic!("{other:?}"),
    }
}
