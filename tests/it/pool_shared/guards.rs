//! What a guard gives back, and how it may end.

use std::task::Poll;
use std::time::Duration;

use http_keepalive::CloseReason;

use super::*;

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
