//! The idle queue against a naive twin: a list of every idle connection, searched in full. The law, clause by clause, and no growth.

use std::time::Duration;

use crate::cases;
use http_keepalive::{IdleQueue, Idleness, Instant, Queued};
use proptest::prelude::*;

/// What may happen to one of a few connections, or to all of them. Times in nanoseconds.
#[derive(Clone, Debug)]
enum Step {
    /// It is idle since now, as all others are: what follows comes in order.
    Rest { id: usize, is_fresh: bool },
    /// It is idle in any way.
    Set { id: usize, before: u64, is_fresh: bool, promise: Option<u64>, shield: u64 },
    /// The same is said of it again.
    Again { id: usize },
    /// It is busy or gone.
    Busy { id: usize },
    /// Time goes on.
    Advance { nanos: u64 },
    /// Somebody asks at an instant that has passed.
    Earlier { nanos: u64 },
    /// Time goes on to exactly what the queue says.
    Wait,
    /// So many newcomers come.
    Come { most: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let id = 0..CONNECTIONS;
    // few instants, so that many are equal
    let nanos = prop_oneof![0_u64..4, 0_u64..40];
    let promise = prop_oneof![Just(None), Just(Some(u64::MAX)), nanos.clone().prop_map(Some)];
    let in_any_way = (id.clone(), nanos.clone(), any::<bool>(), promise, nanos.clone());
    prop_oneof![
        8 => (id.clone(), any::<bool>()).prop_map(|(id, is_fresh)| Step::Rest { id, is_fresh }),
        4 => in_any_way.prop_map(|(id, before, is_fresh, promise, shield)| Step::Set { id, before, is_fresh, promise, shield }),
        1 => id.clone().prop_map(|id| Step::Again { id }),
        4 => id.prop_map(|id| Step::Busy { id }),
        4 => nanos.clone().prop_map(|nanos| Step::Advance { nanos }),
        1 => nanos.prop_map(|nanos| Step::Earlier { nanos }),
        1 => Just(Step::Wait),
        2 => (0_usize..4).prop_map(|most| Step::Come { most }),
    ]
}

const CONNECTIONS: usize = 8;

#[derive(Default)]
struct World {
    queue: IdleQueue<usize>,
    queued: [Queued; CONNECTIONS],
    /// The twin: how each is idle, and a number that says since which call.
    idle: [Option<(Idleness, usize)>; CONNECTIONS],
    calls: usize,
    now: Instant,
    most: usize,
}

/// The law: the class and, in it, since when. The least goes first.
fn turn(idleness: &Idleness, now: Instant) -> Option<(u8, Instant)> {
    let shield = idleness.shielded_until;
    let promise = idleness.promised_until.map(|until| until.max(shield));
    let turn = match promise {
        Some(until) if until <= now => (1, until),
        _ if idleness.is_fresh => (2, idleness.since),
        _ => (3, idleness.since),
    };
    (shield <= now).then_some(turn)
}

impl World {
    fn first_to_go(&self) -> Option<usize> {
        let all = self.idle.iter().enumerate().filter_map(|(id, idle)| Some((id, idle.as_ref()?)));
        let turns = all.filter_map(|(id, (idleness, call))| Some((turn(idleness, self.now)?, call, id)));
        turns.min().map(|(.., id)| id)
    }

    fn set(&mut self, id: usize, idleness: Option<Idleness>) {
        self.calls += 1;
        self.queue.set(id, &mut self.queued[id], idleness);
        // a promise that never passes is none
        let idleness = idleness.map(|idleness| Idleness {
            promised_until: idleness.promised_until.filter(|&until| until != Instant::MAX),
            ..idleness
        });
        if self.idle[id].map(|(idleness, _)| idleness) != idleness {
            self.idle[id] = idleness.map(|idleness| (idleness, self.calls));
        }
    }

    fn step(&mut self, step: &Step) {
        let after = |nanos| self.now + Duration::from_nanos(nanos);
        let before = |nanos| Instant::from_nanos(self.now.as_nanos().saturating_sub(nanos));
        match *step {
            Step::Rest { id, is_fresh } => {
                let (promised_until, shielded_until) = ((!is_fresh).then(|| after(10)), after(2));
                self.set(id, Some(Idleness { since: self.now, is_fresh, promised_until, shielded_until }));
            }
            Step::Set { id, before: nanos, is_fresh, promise, shield } => {
                let (since, promised_until, shielded_until) = (before(nanos), promise.map(after), after(shield));
                self.set(id, Some(Idleness { since, is_fresh, promised_until, shielded_until }));
            }
            Step::Again { id } => self.set(id, self.idle[id].map(|(idleness, _)| idleness)),
            Step::Busy { id } => self.set(id, None),
            Step::Advance { nanos } => self.now = after(nanos),
            Step::Earlier { nanos } => {
                // a clock that goes back counts as no time
                let first = self.queue.first_to_go(self.now);
                assert_eq!(self.queue.first_to_go(before(nanos)), first);
            }
            Step::Wait => self.now = self.queue.next().map_or(self.now, |next| next.max(self.now)),
            Step::Come { most } => self.come(most),
        }
        self.check();
    }

    /// As a driver does: for each newcomer one goes, or the newcomer is refused.
    fn come(&mut self, most: usize) {
        for _ in 0..most {
            let first = self.queue.first_to_go(self.now);
            assert_eq!(first, self.first_to_go(), "at {:?} of {:?}", self.now, self.idle);
            assert_eq!(self.queue.first_to_go(self.now), first, "it stays until it is set otherwise");
            let Some(id) = first else { return };
            self.set(id, None);
            self.check();
        }
    }

    fn check(&mut self) {
        let idle = self.idle.iter().flatten();
        let (len, shield) = (idle.clone().count(), idle.map(|(idleness, _)| idleness.shielded_until).min());
        self.most = self.most.max(len);
        assert_eq!((self.queue.len(), self.queue.is_empty()), (len, len == 0));
        assert_eq!(self.queue.slots(), self.most, "it grows");
        let may_go_at = |at: Option<Instant>| at.map(|at| at.max(self.now));
        assert_eq!(may_go_at(self.queue.next()), may_go_at(shield));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases::of(2000, 200)))]
    #[test]
    fn who_goes_first_is_as_the_law_says_and_nothing_grows(steps in prop::collection::vec(step(), 0..200)) {
        let mut world = World::default();
        steps.iter().for_each(|step| world.step(step));
        // all that is left goes
        for _ in 0..CONNECTIONS {
            world.step(&Step::Wait);
            world.come(1);
        }
        prop_assert!(world.queue.is_empty() && world.queue.next().is_none());
    }
}

/// Idle since this second, without a promise and without a shield.
fn idle(since: u64) -> Idleness {
    let since = Instant::from_secs(since);
    Idleness { since, is_fresh: false, promised_until: None, shielded_until: Instant::EPOCH }
}

fn fresh(since: u64) -> Idleness {
    Idleness { is_fresh: true, ..idle(since) }
}

fn promised(since: u64, until: u64) -> Idleness {
    Idleness { promised_until: Some(Instant::from_secs(until)), ..idle(since) }
}

fn shielded(until: u64, idleness: Idleness) -> Idleness {
    Idleness { shielded_until: Instant::from_secs(until), ..idleness }
}

/// A queue of these, by their numbers.
struct Few {
    queue: IdleQueue<usize>,
    queued: Vec<Queued>,
}

impl Few {
    fn of(all: &[Idleness]) -> Self {
        let mut few = Self { queue: IdleQueue::with_capacity(2), queued: Vec::new() };
        for (id, &idleness) in all.iter().enumerate() {
            few.queued.push(Queued::default());
            few.set(id, Some(idleness));
        }
        few
    }

    fn set(&mut self, id: usize, idleness: Option<Idleness>) {
        self.queue.set(id, &mut self.queued[id], idleness);
    }

    fn first_to_go(&mut self, secs: u64) -> Option<usize> {
        self.queue.first_to_go(Instant::from_secs(secs))
    }

    /// All that may go then, in the order in which they do.
    fn order(&mut self, secs: u64) -> Vec<usize> {
        let mut order = Vec::new();
        while let Some(id) = self.first_to_go(secs) {
            self.set(id, None);
            order.push(id);
        }
        order
    }
}

#[test]
fn past_promises_go_before_fresh_ones_and_these_before_the_longest_idle() {
    let mut few = Few::of(&[idle(1), fresh(2), promised(3, 63)]);
    assert_eq!(few.order(63), [2, 1, 0]);
}

#[test]
fn the_promise_that_passed_first_goes_first_however_long_its_connection_is_idle() {
    // promises differ: the age bounds some
    let mut few = Few::of(&[promised(1, 61), promised(2, 62), promised(3, 20), promised(4, 64), promised(5, 30)]);
    assert_eq!(few.order(62), [2, 4, 0, 1, 3]);
}

#[test]
fn a_promise_has_passed_at_its_instant_and_not_before() {
    let all = [idle(1), promised(2, 62)];
    assert_eq!((Few::of(&all).first_to_go(61), Few::of(&all).first_to_go(62)), (Some(0), Some(1)));
}

#[test]
fn a_promise_at_the_end_of_time_never_passes() {
    let never = Idleness { promised_until: Some(Instant::MAX), ..idle(2) };
    let mut few = Few::of(&[idle(1), never]);
    assert_eq!(few.queue.first_to_go(Instant::MAX), Some(0));
}

#[test]
fn of_fresh_ones_the_one_that_opened_first_goes_first() {
    let mut few = Few::of(&[fresh(2), fresh(1), fresh(3), idle(0)]);
    assert_eq!(few.order(3), [1, 0, 2, 3]);
}

#[test]
fn the_longest_idle_goes_also_within_its_promise() {
    let mut few = Few::of(&[promised(2, 62), idle(3), promised(1, 61)]);
    assert_eq!(few.order(4), [2, 0, 1]);
}

#[test]
fn none_goes_within_its_shield_in_any_class() {
    let mut few = Few::of(&[shielded(9, promised(1, 2)), shielded(9, fresh(1)), shielded(9, idle(1)), idle(7)]);
    assert_eq!(few.order(8), [3]);
    assert_eq!(few.order(9), [0, 1, 2]);
}

#[test]
fn a_shield_that_ends_early_is_seen_after_a_long_one() {
    let mut few = Few::of(&[shielded(9, idle(1)), shielded(5, idle(2)), shielded(7, fresh(3)), shielded(6, fresh(3))]);
    assert_eq!(few.queue.next(), Some(Instant::from_secs(5)));
    assert_eq!(few.first_to_go(4), None);
    assert_eq!(few.order(6), [3, 1]);
    assert_eq!(few.order(9), [2, 0]);
}

#[test]
fn a_promise_that_ends_within_the_shield_ends_with_it() {
    let mut few = Few::of(&[shielded(5, promised(1, 2)), promised(1, 4)]);
    assert_eq!(few.order(5), [1, 0]);
}

#[test]
fn where_none_may_go_the_newcomer_is_refused_and_told_when_to_come() {
    let mut few = Few::of(&[shielded(11, idle(10)), shielded(12, idle(11))]);
    assert_eq!((few.first_to_go(10), few.queue.next()), (None, Some(Instant::from_secs(11))));
    assert_eq!(few.first_to_go(11), Some(0));
    let mut none = Few::of(&[]);
    assert_eq!((none.first_to_go(10), none.queue.next()), (None, None));
}

#[test]
fn at_one_instant_the_order_is_that_of_the_calls() {
    let mut few = Few::of(&[idle(1), fresh(1), promised(1, 5), idle(1), fresh(1), promised(1, 5)]);
    assert_eq!(few.order(5), [2, 5, 1, 4, 0, 3]);
}

#[test]
fn the_same_said_again_keeps_the_turn() {
    let mut few = Few::of(&[idle(1), idle(1)]);
    few.set(0, Some(idle(1)));
    assert_eq!(few.order(1), [0, 1]);
}

#[test]
fn an_id_that_changes_is_taken_over() {
    let mut few = Few::of(&[idle(1)]);
    few.queue.set(7, &mut few.queued[0], Some(idle(1)));
    assert_eq!((few.first_to_go(1), few.queue.len()), (Some(7), 1));
}

#[test]
fn what_is_busy_or_gone_never_goes() {
    let mut few = Few::of(&[idle(1), idle(2), idle(3)]);
    few.set(1, None);
    few.set(0, None);
    few.set(0, Some(idle(4)));
    assert_eq!(few.order(4), [2, 0]);
}

#[test]
fn what_was_kept_of_a_connection_that_is_gone_does_no_harm() {
    let mut few = Few::of(&[idle(1)]);
    few.set(0, None);
    // another one has its entry
    let mut other = Queued::default();
    few.queue.set(7, &mut other, Some(idle(2)));
    few.set(0, None);
    assert_eq!((few.first_to_go(2), few.queue.len(), few.queue.slots()), (Some(7), 1, 1));
    few.set(0, Some(idle(3)));
    few.queue.set(7, &mut other, None);
    assert_eq!((few.first_to_go(3), few.queue.len()), (Some(0), 1));
    // as little as that of a queue that is no more
    few.queue.set(7, &mut other, Some(idle(4)));
    let mut new = Few::of(&[idle(1)]);
    new.queue.set(7, &mut other, None);
    assert_eq!(new.first_to_go(1), Some(0));
}

#[test]
fn a_clock_that_goes_back_counts_as_no_time() {
    let mut few = Few::of(&[shielded(5, idle(1)), shielded(5, promised(1, 9))]);
    assert_eq!(few.first_to_go(9), Some(1));
    assert_eq!(few.first_to_go(4), Some(1));
}

#[test]
fn connections_that_come_and_go_leave_nothing_behind() {
    let mut few = Few::of(&[fresh(0); 100]);
    for now in 1..1000 {
        for id in 0..100 {
            few.set(id, None);
            // every seventh is as old as one may become, and its promise is shorter
            let promise = if (now + id as u64) % 7 == 0 { 5 } else { 60 };
            few.set(id, Some(shielded(now + 1, promised(now, now + promise))));
        }
        assert_eq!((few.queue.len(), few.queue.slots()), (100, 100));
    }
    assert_eq!(few.order(1060).len(), 100);
    assert_eq!((few.queue.len(), few.queue.slots(), few.queue.next()), (0, 100, None));
}

#[test]
fn the_token_is_small() {
    assert_eq!(size_of::<Queued>(), 8);
}
