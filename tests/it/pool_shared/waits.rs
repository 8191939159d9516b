//! Who waits: when it is woken, and what becomes of what it does not take.

use super::*;

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
