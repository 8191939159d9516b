//! Each kind of invariant, broken on purpose: the check must say so.

use super::super::index::{Place, Slot, Table, Tick};
use super::super::learned::Observed;
use super::super::slots::{ListKind, State};
use super::super::waiting::PlaceToOpen;
use super::super::*;
use crate::lifecycle::persistence::{Persistence, ReuseReason};
use core::time::Duration;

const KEY: u8 = 1;

/// A pool with one vacant slot, two idle connections, a leased one, a permit, and a request that waits for another key.
fn pool() -> Pool<u8, u32> {
    let limits = PoolLimits::DEFAULT.with_total(Some(4));
    let policy = PoolPolicy::DEFAULT.with_eviction(Eviction::LongestIdle);
    let config = PoolConfig::new(limits, PoolTimeouts::DEFAULT, policy).expect("within bounds");
    let now = Instant::from_secs(1000);
    let mut pool = Pool::new(now, &config);
    let mut leases: Vec<Lease> = (0..4).map(|id| lease(&mut pool, id)).collect();
    pool.closed(now, leases.remove(0), Ended::ByUs).expect("it is leased");
    let returned = Returned::new(Persistence::Reuse(ReuseReason::Http11));
    for lease in leases.drain(..2) {
        assert!(matches!(pool.checkin(now, lease, &returned), Ok(Checkin::Kept(_))));
    }
    // protected from eviction, so that others have to wait
    pool.config.limits.min_warm = 2;
    let new = Demand::DEFAULT.with_source(Source::New);
    assert!(matches!(pool.checkout(now, &KEY, new), Checkout::Open(_)));
    assert!(matches!(pool.checkout(now, &2, Demand::DEFAULT), Checkout::Wait(_)));
    pool
}

fn lease(pool: &mut Pool<u8, u32>, id: u32) -> Lease {
    let new = Demand::DEFAULT.with_source(Source::New);
    let Checkout::Open(permit) = pool.checkout(pool.now, &KEY, new) else { panic!("there is a place") };
    pool.opened(pool.now, permit, id).expect("it is not stale")
}

fn idle_slot(pool: &Pool<u8, u32>) -> Slot {
    pool.entries.indices().find(|&slot| pool.entries[slot].is_idle()).expect("two are idle")
}

fn leased_slot(pool: &Pool<u8, u32>) -> Slot {
    pool.entries.indices().find(|&slot| pool.entries[slot].is_leased()).expect("one is leased")
}

fn origin(pool: &Pool<u8, u32>, key: u8) -> OriginIndex {
    pool.origins.find(&key).expect("it is known")
}

#[test]
fn a_whole_pool_passes() {
    let pool = pool();
    pool.check();
    assert_eq!((pool.idle(), pool.held(), pool.waiting()), (2, 4, 1));
}

macro_rules! broken {
    ($( $name:ident $expected:literal |$pool:ident| $break:expr; )+) => {
        $(
            #[test]
            #[should_panic(expected = $expected)]
            fn $name() {
                let mut $pool = pool();
                $break;
                $pool.check();
            }
        )+
    };
}

broken! {
    idle_is_counted "idle-count" |pool| pool.counters.kept += 1;
    more_ended_idle_than_were_kept "idle-count" |pool| pool.ended_idle = 100;
    held_is_counted "held-count" |pool| pool.held += 1;
    held_of_an_origin_is_counted "held-count" |pool| {
        // the sum stays
        let (one, other) = (origin(&pool, KEY), origin(&pool, 2));
        pool.origins.all[one].held -= 1;
        pool.origins.all[other].held += 1;
    };
    a_permit_ends_once "permits-end-once" |pool| pool.counters.permitted += 1;
    a_vacant_slot_is_found_again "free-slots" |pool| pool.first_vacant = Slot::NONE;
    a_vacant_slot_is_in_no_circle "free-slots" |pool| {
        let vacant = pool.first_vacant;
        pool.entries[vacant].next = vacant;
    };
    a_link_leads_back "list-links" |pool| {
        let last = pool.origins.all[origin(&pool, KEY)].lists[ListKind::USED].last;
        pool.entries[last].prev = Slot::NONE;
    };
    a_list_has_its_own_entries_alone "list-links" |pool| {
        let slot = idle_slot(&pool);
        pool.entries[slot].marks.set_list(ListKind::UNUSED);
    };
    what_is_leased_is_in_no_list "list-links" |pool| {
        let (listed, other) = (idle_slot(&pool), leased_slot(&pool));
        pool.entries[listed].step(State::Leased);
        pool.entries[other].step(State::Idle);
    };
    what_is_expired_is_over "expired-list" |pool| {
        let (index, slot) = (origin(&pool, KEY), idle_slot(&pool));
        pool.origins.all[index].lists.unlink(pool.entries.view(), slot);
        pool.origins.all[index].lists.append(pool.entries.view(), ListKind::EXPIRED, slot);
    };
    a_waiter_is_in_the_chain_of_its_key "waiter-chain" |pool| {
        let index = origin(&pool, 2);
        pool.origins.all[index].first_waiter = Place::NONE;
    };
    a_ready_origin_is_in_the_list "ready-origins" |pool| {
        let index = origin(&pool, KEY);
        pool.origins.all[index].is_ready = true;
    };
    a_note_is_of_a_key_that_says_so "notes" |pool| {
        let index = origin(&pool, KEY);
        pool.origins.all[index].is_noted = true;
    };
    a_vacant_origin_is_counted "vacant-origins" |pool| {
        let index = pool.origins.add(3, pool.now, &pool.resolved);
        pool.origins.all[index].waiting = 0;
        pool.origins.add_waiter(index);
        pool.origins.all[index].waiting = 0;
    };
    a_record_comes_up_in_time "deadline-record" |pool| {
        let slot = idle_slot(&pool);
        pool.entries[slot].due = pool.now;
        pool.entries[slot].armed = Tick::NEVER;
    };
    a_record_is_in_the_calendar "deadline-record" |pool| {
        let slot = idle_slot(&pool);
        pool.entries[slot].armed = pool.deadlines.front();
    };
    an_idle_connection_can_be_evicted "idle-record" |pool| {
        let slot = idle_slot(&pool);
        pool.entries[slot].marks.set_in_idle_order(false);
    };
    a_deadline_is_not_missed "next-deadline" |pool| {
        pool.deadlines = Calendar::new(pool.now, pool.resolved.longest);
        // the check of each record would say it first
        pool.check_calendars();
    };
    nothing_is_of_the_future "clock" |pool| pool.now = Instant::EPOCH;
    proven_is_used "marks" |pool| {
        let slot = leased_slot(&pool);
        pool.entries[slot].marks.set_reused();
        pool.entries[slot].marks.note_exchange();
        pool.entries[slot].uses_left = 1;
    };
    what_is_idle_may_be_used "idle-is-usable" |pool| {
        let slot = idle_slot(&pool);
        pool.entries[slot].marks.set_outdated();
    };
    unused_ones_are_apart "list-kind" |pool| {
        let (index, slot) = (origin(&pool, KEY), idle_slot(&pool));
        pool.origins.all[index].lists.unlink(pool.entries.view(), slot);
        pool.origins.all[index].lists.append(pool.entries.view(), ListKind::UNUSED, slot);
    };
    who_any_place_would_serve_is_in_line "turns-line" |pool| {
        let place = pool.origins.all[origin(&pool, 2)].first_waiter;
        pool.waiters.item_mut(place).expect("it waits").is_in_line = false;
    };
    who_is_marked_is_in_line "turns-line" |pool| pool.turns = Turns::new();
    a_free_place_is_offered "turns-place" |pool| {
        pool.waiters_may_go_on = false;
        pool.config.limits.total = None;
    };
    nobody_is_passed_over_too_often "turns-passed" |pool| pool.config.limits.passed_over = {
        let place = pool.origins.all[origin(&pool, 2)].first_waiter;
        pool.waiters.item_mut(place).expect("it waits").passed_over = 3;
        Some(2)
    };
    waiters_turn_the_fast_path_off "fast-path" |pool| pool.needs_full_path = false;
    who_wants_a_place_first_is_known "first-for-place" |pool| {
        let place = pool.origins.all[origin(&pool, 2)].first_waiter;
        pool.waiters.item_mut(place).expect("it waits").first_for_place = Place::NONE;
    };
    who_waits_for_nothing_is_told "nothing-left" |pool| {
        let place = pool.origins.all[origin(&pool, 2)].first_waiter;
        let waiter = pool.waiters.item_mut(place).expect("it waits");
        (waiter.place, waiter.first_for_place) = (PlaceToOpen::Lost, Place::NONE);
    };
    who_opens_and_waits_has_its_place "openings" |pool| {
        let (index, demand) = (origin(&pool, KEY), Demand::DEFAULT);
        drop(pool.enqueue(pool.now, index, demand, PlaceToOpen::Given));
    };
    a_search_leaves_nothing "passed-over" |pool| pool.passed_over.push(idle_slot(&pool));
    what_is_not_asked_for_is_not_learned "learned" |pool| {
        pool.origins.learned = Table::new();
        pool.origins.learned.push(Observed::NOTHING);
    };
    idle_ones_are_no_more_than_may_be "idle-limit" |pool| {
        pool.counters.waited = 0;
        pool.config.limits.idle_total = Some(1);
        pool.config.policy.total_excess = Excess::Returned;
    };
}

/// Once the calendar has gone ahead to find the nearest deadline, what is due at once is due before the tick that it has reached.
#[test]
fn next_deadline_is_not_late_between_two_calls_of_expire() {
    let timeouts = PoolTimeouts::DEFAULT.with_used_idle(Some(Duration::from_secs(60)));
    let limits = PoolLimits::DEFAULT.with_total(Some(3)).with_min_warm(2);
    let policy = PoolPolicy::DEFAULT.with_eviction(Eviction::NearestExpiry);
    let config = PoolConfig::new(limits, timeouts, policy).expect("within bounds");
    let mut pool = Pool::<u8, u32>::new(Instant::from_secs(1000), &config);
    let leases: Vec<Lease> = (0..3).map(|id| lease(&mut pool, id)).collect();
    let now = pool.now;
    let returned = Returned::new(Persistence::Reuse(ReuseReason::Http11));
    for lease in leases {
        assert!(matches!(pool.checkin(now, lease, &returned), Ok(Checkin::Kept(_))));
    }
    // for another key, the one whose time is over first goes: the calendar looks for it
    assert!(matches!(pool.checkout(now, &2, Demand::DEFAULT), Checkout::EvictThenOpen { .. }));
    pool.new_generation(now);
    assert_eq!(pool.next_deadline(), Some(now));
    assert!(matches!(pool.expire(now), Some(Due::Close { .. })));
    assert_eq!(pool.next_deadline(), Some(now), "the other one is due as well");
    assert!(matches!(pool.expire(now), Some(Due::Close { .. })));
    assert_eq!(pool.expire(now), None);
}
