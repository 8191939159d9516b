//! The shared pool: what a guard gives back, how it may end, and who is woken.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use http_keepalive::pool::*;
use http_keepalive::{CloseReason, Instant, Persistence, ReuseReason};

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

#[test]
fn a_connection_that_comes_back_is_lent_again() {
    let mut world = World::one();
    let lent = world.open(AT, "a");
    assert_eq!((lent.0, lent.is_reused(), lent.look()), (1, false, Look::Skip));
    let checked_in = lent.checkin(AT, &PERSISTS);
    assert!(checked_in.idle.is_some() && checked_in.to_close.is_none());
    assert_eq!((world.pool.idle(), world.pool.held()), (1, 1));
    let lent = world.reuse(later(1), "a");
    assert_eq!((lent.0, lent.is_reused(), lent.look()), (1, true, Look::First));
    assert_eq!((world.pool.idle(), world.pool.held()), (0, 1));
    assert_eq!(world.dropped.get(), 0);
}

#[test]
fn what_is_not_kept_comes_out_and_says_why() {
    let mut world = World::one();
    let lent = world.open(AT, "a");
    let checked_in = lent.checkin(AT, &Returned::new(Persistence::Close(CloseReason::MaxHint)));
    assert_eq!(checked_in.idle, None);
    let closing = checked_in.to_close.expect("it is to be closed");
    assert_eq!((closing.connection.0, closing.why), (1, EndReason::MaxHint));
    assert_eq!((world.pool.held(), world.dropped.get()), (0, 0));
}

#[test]
fn what_goes_for_another_one_comes_out() {
    let limits = PoolLimits::DEFAULT.with_idle_per_origin(Some(1)).with_total(Some(3));
    let mut world = World::new(limits);
    let (first, second) = (world.open(AT, "a"), world.open(AT, "a"));
    assert!(first.checkin(AT, &PERSISTS).to_close.is_none());
    let checked_in = second.checkin(later(1), &PERSISTS);
    let closing = checked_in.to_close.expect("one is too many");
    assert!(checked_in.idle.is_some());
    assert_eq!((closing.connection.0, closing.why), (1, EndReason::IdlePerOrigin));

    // at the limit of all: the idle one goes for a new one, and comes out where all do
    let _held = (world.open(later(2), "b"), world.open(later(2), "c"));
    let _new = world.open(later(2), "d");
    assert_eq!(world.pool.next_deadline(), Some(later(2)));
    let closing = world.pool.expire(later(2)).expect("it has no place any more");
    assert_eq!((closing.connection.0, closing.why), (2, EndReason::Evicted));
    assert!(world.pool.expire(later(2)).is_none());
    assert!(world.pool.next_deadline() > Some(later(2)));
}

#[test]
fn a_connection_that_is_dropped_is_closed_and_its_place_is_free() {
    let mut world = World::one();
    let lent = world.open(AT, "a");
    let mut waits = world.wait(later(1), "a");
    drop(lent);
    assert_eq!((world.dropped.get(), waits.woken()), (1, 1));
    assert_eq!(world.pool.counters().ended(EndReason::Caller), 1);
    let place = place(waits.poll(later(1)));
    // the next one, when that is given up too
    let mut next = world.wait(later(2), "a");
    drop(place);
    assert_eq!(world.pool.counters().ended(EndReason::OpenFailed), 1);
    let Poll::Ready(Ok(Granted::Open(place))) = next.poll(later(2)) else { panic!("it has the place") };
    assert!(place.failed(later(2)).is_none());
    assert_eq!(world.pool.held(), 0);
}

#[test]
fn who_closes_a_connection_has_it_and_says_why() {
    let mut world = World::one();
    let connection = world.open(AT, "a").closed(AT, Ended::ByPeer);
    assert_eq!((connection.0, world.pool.held(), world.dropped.get()), (1, 0, 0));
    let _ = world.open(AT, "a").checkin(AT, &PERSISTS);
    drop(world.reuse(later(1), "a").closed(later(1), Ended::DeadAtReuse));
    let counters = world.pool.counters();
    assert_eq!((counters.ended(EndReason::PeerClosed), counters.ended(EndReason::DeadAtReuse)), (1, 1));
}

#[test]
fn who_waits_is_woken_once_and_no_other() {
    let mut world = World::one();
    let lent = world.open(AT, "a");
    let other_key = world.open(AT, "b");
    let (mut first, mut second) = (world.wait(AT, "a"), world.wait(AT, "a"));
    let mut other = world.wait(AT, "b");
    assert_eq!(world.pool.waiting(), 3);
    let _ = lent.checkin(later(1), &PERSISTS);
    assert_eq!((first.woken(), second.woken(), other.woken()), (1, 0, 0));
    // polled or not: what it has is nobody else's
    assert!(second.poll(later(1)).is_pending() && other.poll(later(1)).is_pending());
    let lent = used(first.poll(later(1)));
    assert_eq!((lent.0, world.pool.waiting()), (1, 2));
    let _ = lent.checkin(later(2), &PERSISTS);
    assert_eq!((first.woken(), second.woken(), other.woken()), (1, 1, 0));
    drop(used(second.poll(later(2))));
    let _ = other_key.checkin(later(3), &PERSISTS);
    assert_eq!(used(other.poll(later(3))).0, 2);
    // it was answered, and asks again
    assert!(first.poll(later(3)).is_pending() && first.waits.ask(later(3)).is_none());
    assert_eq!((first.woken(), second.woken(), other.woken()), (1, 1, 1));
}

#[test]
fn the_last_waker_is_woken() {
    let mut world = World::one();
    let lent = world.open(AT, "a");
    let mut request = world.wait(AT, "a");
    let before = std::mem::replace(&mut request.woken, Arc::new(Woken(AtomicUsize::new(0))));
    assert!(request.poll(AT).is_pending());
    let _ = lent.checkin(AT, &PERSISTS);
    assert_eq!((before.0.load(Ordering::Relaxed), request.woken()), (0, 1));
    // and nobody keeps one that is not needed
    assert_eq!(Arc::strong_count(&before), 1);
    drop(request.poll(AT));
    assert_eq!(Arc::strong_count(&request.woken), 1);
}

#[test]
fn a_waiter_that_is_dropped_is_out_of_the_queue() {
    let mut world = World::one();
    let lent = world.open(AT, "a");
    let (first, mut second) = (world.wait(AT, "a"), world.wait(AT, "a"));
    let woken = Arc::clone(&first.woken);
    drop(first);
    assert_eq!((world.pool.waiting(), Arc::strong_count(&woken)), (1, 1));
    let _ = lent.checkin(AT, &PERSISTS);
    assert_eq!(used(second.poll(AT)).0, 1);
}

#[test]
fn what_a_waiter_was_given_and_did_not_take_goes_to_the_next() {
    let mut world = World::one();
    let lent = world.open(AT, "a");
    let (first, mut second) = (world.wait(AT, "a"), world.wait(AT, "a"));
    let _ = lent.checkin(AT, &PERSISTS);
    assert_eq!((first.woken(), second.woken()), (1, 0));
    drop(first);
    assert_eq!(second.woken(), 1);
    let lent = used(second.poll(later(1)));
    assert_eq!((lent.0, world.dropped.get()), (1, 0));
    // a place, too
    let (first, mut second) = (world.wait(later(1), "a"), world.wait(later(1), "a"));
    drop(lent.closed(later(1), Ended::ByUs));
    assert_eq!((first.woken(), second.woken()), (1, 0));
    drop(first);
    assert_eq!(second.woken(), 1);
    let Poll::Ready(Ok(Granted::Open(_place))) = second.poll(later(1)) else { panic!("it has the place") };
    // nobody has tried to open it
    assert_eq!(world.pool.counters().ended(EndReason::OpenFailed), 0);
}

#[test]
fn what_a_waiter_did_not_take_is_idle_as_it_was_before() {
    // it has been idle for 4 s, more than the 2 s after which it is to be looked at
    let policy = PoolPolicy::DEFAULT.with_idle_watched(http_keepalive::Use::On);
    let mut world = World::with(PoolLimits::DEFAULT.with_per_origin(Some(1)), PoolTimeouts::DEFAULT, policy);
    let lent = world.open(AT, "a");
    let request = world.wait(AT, "a");
    let _ = lent.checkin(later(1), &PERSISTS);
    assert!(world.pool.expire(later(5)).is_none());
    drop(request);
    assert_eq!(world.reuse(later(5), "a").look(), Look::First);

    let mut world = World::one();
    let lent = world.open(AT, "a");
    let request = world.wait(AT, "a");
    let hint = http_keepalive::KeepAlive { timeout: Some(12), max: None };
    let _ = lent.checkin(later(1), &PERSISTS.with_hint(hint));
    assert_eq!(world.pool.idle(), 0);
    // the clock has gone on when it is dropped
    assert!(world.pool.expire(later(5)).is_none());
    drop(request);
    assert_eq!((world.pool.idle(), world.dropped.get()), (1, 0));
    // 12 s after it came back, less the margin of 2 s, and for the same reason
    assert_eq!(world.pool.next_deadline(), Some(later(11)));
    assert!(world.pool.expire(Instant::from_nanos(later(11).as_nanos() - 1)).is_none());
    let closing = world.pool.expire(later(11)).expect("it is due");
    assert_eq!((closing.connection.0, closing.why), (1, EndReason::HintLimit));
}

#[test]
fn what_a_waiter_did_not_take_ends_when_its_time_is_over() {
    for (act, why) in [
        ((|pool: &Shared| drop(pool.expire(later(70)))) as fn(&Shared), EndReason::IdleLimit),
        (|pool| pool.new_generation(later(2)), EndReason::Generation),
        (|pool| pool.new_generation_of(later(2), "a"), EndReason::Generation),
        (|pool| pool.drain(later(2)), EndReason::Drain),
        (|pool| pool.suspended(later(2), Duration::from_secs(59)), EndReason::IdleLimit),
        (|pool| pool.suspended(later(2), Duration::from_secs(60)), EndReason::Suspended),
    ] {
        let mut world = World::one();
        let lent = world.open(AT, "a");
        let request = world.wait(AT, "a");
        let _ = lent.checkin(later(1), &PERSISTS);
        act(&world.pool);
        drop(request);
        let closing = world.pool.expire(later(2)).expect("its time is over");
        assert_eq!((closing.connection.0, closing.why, world.pool.held()), (1, why, 0));
    }
}

#[test]
fn a_waiter_that_takes_its_connection_late_is_told_to_look() {
    let policy = PoolPolicy::DEFAULT.with_idle_watched(http_keepalive::Use::On);
    for (seconds, look) in [(1, Look::Skip), (2, Look::First)] {
        let limits = PoolLimits::DEFAULT.with_per_origin(Some(1));
        let mut world = World::with(limits, PoolTimeouts::DEFAULT, policy);
        let lent = world.open(AT, "a");
        let mut request = world.wait(AT, "a");
        let _ = lent.checkin(AT, &PERSISTS);
        assert_eq!(used(request.poll(later(seconds))).look(), look);
    }
}

#[test]
fn a_wait_that_is_over_is_refused() {
    let limits = PoolLimits::DEFAULT.with_per_origin(Some(1));
    let timeouts = PoolTimeouts::DEFAULT.with_wait(Some(Duration::from_secs(5)));
    let mut world = World::with(limits, timeouts, PoolPolicy::DEFAULT);
    let _lent = world.open(AT, "a");
    // by whoever calls `expire`, and by itself
    let (mut woken, asks) = (world.wait(AT, "a"), world.wait(later(1), "a"));
    assert_eq!(world.pool.next_deadline(), Some(later(5)));
    assert!(world.pool.expire(later(5)).is_none());
    assert_eq!((woken.woken(), asks.woken()), (1, 0));
    assert!(matches!(woken.poll(later(5)), Poll::Ready(Err(RefuseReason::WaitTimeout))));
    let Request { mut waits, woken } = asks;
    assert!(waits.ask(later(5)).is_none());
    assert!(matches!(waits.ask(later(6)), Some(Err(RefuseReason::WaitTimeout))));
    assert_eq!((woken.0.load(Ordering::Relaxed), world.pool.waiting()), (0, 0));
}

#[test]
fn a_drain_refuses_all_that_wait_and_ends_when_all_is_closed() {
    let mut world = World::one();
    let (lent, idle) = (world.open(AT, "a"), world.open(AT, "b"));
    let _ = idle.checkin(AT, &PERSISTS);
    let mut request = world.wait(AT, "a");
    world.pool.drain(later(1));
    assert_eq!(request.woken(), 1);
    assert!(matches!(request.poll(later(1)), Poll::Ready(Err(RefuseReason::Drain))));
    assert!(matches!(world.pool.checkout(later(1), &"c", Demand::DEFAULT), Handout::Refuse(RefuseReason::Drain)));
    let checked_in = lent.checkin(later(1), &PERSISTS);
    assert_eq!(checked_in.to_close.map(|closing| closing.why), Some(EndReason::Drain));
    assert!(!world.pool.is_drained());
    assert_eq!(world.pool.expire(later(1)).map(|closing| closing.why), Some(EndReason::Drain));
    assert!(world.pool.is_drained());
}

#[test]
fn names_that_are_overdue_hurt_nobody() {
    let limits = PoolLimits::DEFAULT.with_per_origin(Some(1));
    let timeouts = PoolTimeouts::DEFAULT
        .with_lease(Some(Duration::from_secs(20)))
        .with_used_idle(Some(Duration::from_secs(10)))
        .with_open(Some(Duration::from_secs(5)));
    let mut world = World::with(limits, timeouts, PoolPolicy::DEFAULT);
    // in use for too long: another one has the place, and its id
    let late = world.open(AT, "a");
    assert!(world.pool.expire(later(20)).is_none());
    let new = world.open(later(20), "a");
    let checked_in = late.checkin(later(20), &PERSISTS);
    let closing = checked_in.to_close.expect("its place is another's");
    assert_eq!((closing.connection.0, closing.why), (1, EndReason::LeaseOverdue));
    assert_eq!((new.0, world.pool.held()), (2, 1));
    let _ = new.checkin(later(20), &PERSISTS);
    // opened too late
    let Handout::Open(place) = world.pool.checkout(later(20), &"b", Demand::DEFAULT) else { panic!("a place") };
    assert!(world.pool.expire(later(25)).is_none());
    let closing = place.opened(later(25), world.conn()).expect_err("it is too late");
    assert_eq!((closing.connection.0, closing.why), (3, EndReason::OpenOverdue));
    // given, and not taken for too long
    let lent = world.reuse(later(26), "a");
    let mut request = world.wait(later(26), "a");
    let _ = lent.checkin(later(26), &PERSISTS);
    let closing = world.pool.expire(later(46)).expect("nobody has taken it");
    assert_eq!((closing.connection.0, closing.why), (2, EndReason::LeaseOverdue));
    // and its id is another's
    let _ = world.open(later(46), "a").checkin(later(46), &PERSISTS);
    assert!(matches!(request.poll(later(46)), Poll::Ready(Err(RefuseReason::WaitTimeout))));
    assert_eq!((world.pool.idle(), world.pool.held()), (1, 1));
}

#[test]
fn what_is_seen_of_an_idle_connection_takes_it_out() {
    let mut world = World::one();
    let idle = world.open(AT, "a").checkin(AT, &PERSISTS).idle.expect("it is kept");
    let closing = world.pool.readable_while_idle(later(1), idle, Readable::Octets).expect("it is idle");
    assert_eq!((closing.connection.0, closing.why), (1, EndReason::UnsolicitedOctets));
    assert_eq!(world.pool.readable_while_idle(later(1), idle, Readable::End).err(), Some(Stale));
    let idle = world.open(later(1), "a").checkin(later(1), &PERSISTS).idle.expect("it is kept");
    assert_eq!(world.pool.withdraw(later(1), idle).expect("it is idle").0, 2);
    assert_eq!(world.pool.withdraw(later(1), idle).err(), Some(Stale));
    assert_eq!((world.pool.held(), world.dropped.get()), (0, 1));
}

#[test]
fn a_connection_comes_back_under_its_owners_key() {
    let mut world = World::one();
    let lent = world.open(AT, "anybody");
    let taint = PERSISTS.with_taint(Some(Taint::ConnectionBoundAuthentication));
    assert!(lent.checkin_as(AT, &"ann", &taint).idle.is_some());
    assert!(matches!(world.pool.checkout(AT, &"anybody", Demand::DEFAULT), Handout::Open(_)));
    assert_eq!(world.reuse(AT, "ann").0, 1);
}

#[test]
fn the_keeper_is_woken_when_the_deadline_moves_earlier_and_not_before() {
    let mut world = World::with(
        PoolLimits::DEFAULT.with_total(Some(2)),
        PoolTimeouts::DEFAULT.with_lease(None),
        PoolPolicy::DEFAULT,
    );
    let keeper = Arc::new(Woken(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&keeper));
    let mut context = Context::from_waker(&waker);
    let woken = || keeper.0.swap(0, Ordering::Relaxed);
    assert!(world.pool.poll_expire(AT, &mut context).is_pending());
    assert_eq!(world.pool.next_deadline(), None);

    // a permit is due in 30 s
    let Handout::Open(place) = world.pool.checkout(AT, &"a", Demand::DEFAULT) else { panic!("a place") };
    assert_eq!(woken(), 1);
    assert!(world.pool.poll_expire(AT, &mut context).is_pending());
    let lent = place.opened(AT, world.conn()).expect("in time");
    let _ = lent.checkin(AT, &PERSISTS);
    assert_eq!(woken(), 0, "60 s is later");
    // never used: 10 s
    let _ = world.open(AT, "b").checkin(AT, &UNUSED);
    assert_eq!(woken(), 1);
    assert!(world.pool.poll_expire(AT, &mut context).is_pending());
    assert_eq!(woken(), 0);
    // an eviction is due at once
    let _new = world.open(later(1), "c");
    assert_eq!(woken(), 1);
    let Poll::Ready(closing) = world.pool.poll_expire(later(1), &mut context) else { panic!("one is to be closed") };
    assert_eq!(closing.why, EndReason::Evicted);
    assert!(world.pool.poll_expire(later(1), &mut context).is_pending());
    // a clone of the pool is the same pool
    assert_eq!(world.pool.clone().held(), 2);
}

/// A key whose hash may panic, as no good one does.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Fragile(u32, Rc<Cell<bool>>);

impl std::hash::Hash for Fragile {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        assert!(!self.1.get(), "a key that panics");
        self.0.hash(state);
    }
}

#[test]
fn a_key_that_panics_changes_nothing() {
    let pool = SharedPool::<Fragile, u32>::new(AT, &PoolConfig::DEFAULT);
    let panics = Rc::new(Cell::new(false));
    let key = Fragile(1, Rc::clone(&panics));
    type Call = fn(&SharedPool<Fragile, u32>, &Fragile, Lent<Fragile, u32>);
    let calls: [Call; 3] = [
        |pool, key, _lent| drop(pool.checkout(AT, key, Demand::DEFAULT)),
        |pool, key, _lent| pool.new_generation_of(AT, key),
        |_, key, lent| {
            let _ = lent.checkin_as(AT, key, &PERSISTS);
        },
    ];
    for call in calls {
        let Handout::Open(place) = pool.checkout(AT, &key, Demand::DEFAULT) else { panic!("a place") };
        let lent = place.opened(AT, 7).expect("in time");
        panics.set(true);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| call(&pool, &key, lent)));
        assert!(result.is_err());
        panics.set(false);
        assert_eq!((pool.held(), pool.idle(), pool.waiting()), (0, 0, 0));
    }
    assert_eq!(pool.counters().ended(EndReason::Caller), 3);
}

/// A connection, a waker and a key whose ends call the pool: nothing of theirs runs under its lock.
#[test]
fn whoever_is_dropped_or_woken_may_call_the_pool() {
    struct Calls(std::sync::Weak<std::sync::Mutex<Option<SharedPool<u32, Calls>>>>, Arc<AtomicUsize>);
    impl Drop for Calls {
        fn drop(&mut self) {
            let Some(pool) = self.0.upgrade() else { return };
            let pool = pool.lock().unwrap().clone();
            self.1.fetch_add(pool.map_or(0, |pool| 1 + pool.held() as usize), Ordering::Relaxed);
        }
    }
    impl Wake for Calls {
        fn wake(self: Arc<Self>) {}
    }
    let limits = PoolLimits::DEFAULT.with_per_origin(Some(1)).with_total(Some(1));
    let config = PoolConfig::new(limits, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT).unwrap();
    let pool = SharedPool::<u32, Calls>::new(AT, &config);
    let holder = Arc::new(std::sync::Mutex::new(Some(pool.clone())));
    let called = Arc::new(AtomicUsize::new(0));
    let calls = || Calls(Arc::downgrade(&holder), Arc::clone(&called));
    let open = |key: u32| match pool.checkout(AT, &key, Demand::DEFAULT) {
        Handout::Open(place) => place.opened(AT, calls()).map_err(drop).expect("in time"),
        _ => panic!("a place"),
    };
    let waker = || Waker::from(Arc::new(calls()));
    // a waker that is replaced, one that is woken, one whose waiter is dropped, and the keeper's
    let lent = open(1);
    let mut waits: Vec<_> = (0..3)
        .map(|_| match pool.checkout(AT, &1, Demand::DEFAULT) {
            Handout::Wait(waits) => waits,
            _ => panic!("it waits"),
        })
        .collect();
    for _ in 0..2 {
        for waits in &mut waits {
            assert!(waits.poll(AT, &mut Context::from_waker(&waker())).is_pending());
        }
        assert!(pool.poll_expire(AT, &mut Context::from_waker(&waker())).is_pending());
    }
    waits.truncate(2);
    let before = called.load(Ordering::Relaxed);
    assert!(before > 0);
    let _ = lent.checkin(AT, &PERSISTS);
    drop(waits);
    // an idle one goes for another, and one in use is dropped
    drop(open(2));
    while let Some(closing) = pool.expire(AT) {
        drop(closing);
    }
    assert!(called.load(Ordering::Relaxed) > before + 3);
    *holder.lock().unwrap() = None;
}

// ---- a request that opens and waits at once

const BOTH: Demand = Demand::DEFAULT.with_meanwhile(Meanwhile::Wait);

impl World {
    /// A place whose request waits meanwhile, and was polled.
    fn open_or_wait(&self, now: Instant, key: &'static str) -> (FreePlace<&'static str, Conn>, Arc<Woken>) {
        let Handout::Open(mut place) = self.pool.checkout(now, &key, BOTH) else { panic!("there is a place") };
        let woken = Arc::new(Woken(AtomicUsize::new(0)));
        assert!(place.waits() && asked(&mut place, &woken, now).is_none());
        (place, woken)
    }
}

fn asked(
    place: &mut FreePlace<&'static str, Conn>,
    woken: &Arc<Woken>,
    now: Instant,
) -> Option<Lent<&'static str, Conn>> {
    let waker = Waker::from(Arc::clone(woken));
    match place.poll(now, &mut Context::from_waker(&waker)) {
        Poll::Ready(lent) => Some(lent),
        Poll::Pending => None,
    }
}

#[test]
fn a_connection_that_comes_back_overtakes_the_one_that_is_opened() {
    let mut world = World::new(PoolLimits::DEFAULT);
    let lent = world.open(AT, "a");
    let (mut place, woken) = world.open_or_wait(AT, "a");
    assert_eq!((world.pool.held(), world.pool.waiting()), (2, 1));
    let _ = lent.checkin(later(1), &PERSISTS);
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    let lent = asked(&mut place, &woken, later(1)).expect("it has come back");
    assert_eq!((lent.0, lent.is_reused(), place.waits()), (1, true, false));
    assert!(asked(&mut place, &woken, later(1)).is_none());
    // the opening goes on beside it, for the next request
    let _ = place.opened(later(2), world.conn()).expect("in time").checkin(later(2), &UNUSED);
    assert_eq!((world.pool.idle(), world.pool.held(), world.pool.counters().overtaken), (1, 2, 1));
    assert_eq!(world.reuse(later(2), "a").0, 2);
    assert_eq!(woken.0.load(Ordering::Relaxed), 1);
}

#[test]
fn who_has_its_own_connection_does_not_wait_any_more() {
    for is_given in [false, true] {
        let mut world = World::new(PoolLimits::DEFAULT.with_per_origin(Some(2)));
        let first = world.open(AT, "a");
        let (place, woken) = world.open_or_wait(AT, "a");
        let mut first = Some(first);
        if is_given {
            // it has not asked for it
            let _ = first.take().map(|first| first.checkin(AT, &PERSISTS));
            assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        }
        let own = place.opened(AT, world.conn()).expect("in time");
        assert_eq!((own.0, world.pool.waiting(), Arc::strong_count(&woken)), (2, 0, 1));
        assert_eq!((world.pool.idle(), world.pool.held()), (u32::from(is_given), 2));
    }
}

#[test]
fn who_cannot_open_waits_on_for_what_comes_back() {
    let mut world = World::new(PoolLimits::DEFAULT.with_per_origin(Some(2)));
    let lent = world.open(AT, "a");
    let (place, _) = world.open_or_wait(AT, "a");
    let mut waits = Request::new(place.failed(AT).expect("it waits on"));
    assert!(waits.poll(AT).is_pending());
    assert_eq!((world.pool.held(), world.pool.waiting()), (1, 1));
    let _ = lent.checkin(later(1), &PERSISTS);
    assert_eq!(waits.woken(), 1);
    let lent = used(waits.poll(later(1)));

    // nothing can come back
    let (place, _) = world.open_or_wait(later(1), "a");
    let mut waits = Request::new(place.failed(later(1)).expect("it waits on"));
    assert!(waits.poll(later(1)).is_pending());
    drop(lent);
    assert_eq!(waits.woken(), 1);
    assert!(matches!(waits.poll(later(1)), Poll::Ready(Err(RefuseReason::OpenFailed))));
    assert_eq!((world.pool.held(), world.pool.waiting()), (0, 0));
}

#[test]
fn a_place_that_is_dropped_takes_its_waiter_with_it() {
    for is_given in [false, true] {
        let mut world = World::new(PoolLimits::DEFAULT.with_per_origin(Some(2)));
        let lent = world.open(AT, "a");
        let (place, woken) = world.open_or_wait(AT, "a");
        let mut lent = Some(lent);
        if is_given {
            let _ = lent.take().map(|lent| lent.checkin(AT, &PERSISTS));
        }
        drop(place);
        assert_eq!((world.pool.waiting(), world.pool.held(), Arc::strong_count(&woken)), (0, 1, 1));
        assert_eq!((world.pool.idle(), world.dropped.get()), (u32::from(is_given), 0));
    }
}

#[test]
fn a_waiter_that_is_given_a_place_waits_on_meanwhile() {
    for (is_taken, is_given) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut world = World::new(PoolLimits::DEFAULT.with_per_origin(Some(2)).with_total(Some(2)));
        let (first, second) = (world.open(AT, "a"), world.open(AT, "a"));
        let Handout::Wait(waits) = world.pool.checkout(AT, &"a", BOTH) else { panic!("it waits") };
        let mut request = Request::new(waits);
        assert!(request.poll(AT).is_pending());
        drop(second);
        assert_eq!((request.woken(), world.pool.waiting()), (1, 1));
        let mut first = Some(first);
        if is_given {
            let _ = first.take().map(|first| first.checkin(later(1), &PERSISTS));
            assert_eq!(world.pool.waiting(), 0);
        }
        if is_taken {
            let mut place = place(request.poll(later(1)));
            assert_eq!(asked(&mut place, &request.woken, later(1)).map(|lent| lent.0), is_given.then_some(1));
        }
        drop(request);
        assert_eq!(world.pool.waiting(), 0);
        // what was taken was dropped too, and so closed
        let idle = u32::from(is_given && !is_taken);
        assert_eq!((world.pool.idle(), world.pool.held()), (idle, idle + u32::from(!is_given)));
    }
}
