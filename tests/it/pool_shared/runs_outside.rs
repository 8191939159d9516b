//! The keeper; and no code of a user runs under the lock, except that of keys.

use super::*;

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
