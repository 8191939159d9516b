//! A request that opens and waits at once.

use super::*;

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
