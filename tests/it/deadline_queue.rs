//! The deadline queue against a naive twin: a list of every deadline, searched in full. Nothing late, nothing lost, no growth.

use std::time::Duration;

use crate::cases;
use http_keepalive::{Armed, Deadline, DeadlineKind, DeadlineQueue, Instant};
use proptest::prelude::*;

/// What may happen to one of a few connections, or to all of them.
#[derive(Clone, Debug)]
enum Step {
    /// Its deadline is now so far away, of this kind; sooner or later than it was.
    Arm { id: usize, kind: usize, nanos: u64 },
    /// It has none for now.
    Park { id: usize },
    /// It is gone, and another one takes its id.
    Disarm { id: usize },
    /// Time goes on; what is due is looked at, at most so many.
    Advance { nanos: u64, most: usize },
    /// Time goes on to exactly what the queue says.
    Sleep,
}

fn step() -> impl Strategy<Value = Step> {
    let id = 0..CONNECTIONS;
    let kind = 0..DeadlineKind::ALL.len();
    // few instants, so that many are equal
    let nanos = prop_oneof![0_u64..8, 0_u64..100];
    prop_oneof![
        8 => (id.clone(), kind, nanos.clone()).prop_map(|(id, kind, nanos)| Step::Arm { id, kind, nanos }),
        1 => id.clone().prop_map(|id| Step::Park { id }),
        1 => id.prop_map(|id| Step::Disarm { id }),
        2 => (nanos, prop_oneof![Just(usize::MAX), 0_usize..3]).prop_map(|(nanos, most)| Step::Advance { nanos, most }),
        2 => Just(Step::Sleep),
    ]
}

const CONNECTIONS: usize = 6;

#[derive(Default)]
struct World {
    queue: DeadlineQueue<usize>,
    armed: [Armed; CONNECTIONS],
    /// The twin.
    deadlines: [Option<Deadline>; CONNECTIONS],
    now: Instant,
}

impl World {
    fn step(&mut self, step: &Step) {
        match *step {
            Step::Arm { id, kind, nanos } => {
                let at = self.now + Duration::from_nanos(nanos);
                self.deadlines[id] = Some(Deadline { at, kind: DeadlineKind::ALL[kind] });
                self.arm(id);
            }
            Step::Park { id } => {
                self.deadlines[id] = None;
                self.arm(id);
            }
            Step::Disarm { id } => {
                self.deadlines[id] = None;
                self.queue.disarm(&mut self.armed[id]);
            }
            Step::Advance { nanos, most } => {
                self.now = self.now + Duration::from_nanos(nanos);
                self.expire(most);
            }
            Step::Sleep => {
                self.now = self.queue.next().map_or(self.now, |next| next.max(self.now));
                self.expire(usize::MAX);
            }
        }
        self.check();
    }

    fn arm(&mut self, id: usize) {
        self.queue.arm(id, &mut self.armed[id], self.deadlines[id]);
    }

    /// As a driver does: what came up is looked at, what is due expires, and the id is armed again.
    fn expire(&mut self, most: usize) {
        for looks in 0..most {
            assert!(looks < 2 * CONNECTIONS, "the queue spins");
            let Some(id) = self.queue.pop(self.now) else {
                let due = |deadline: &Deadline| deadline.at <= self.now;
                assert!(!self.deadlines.iter().flatten().any(due), "late: {:?} at {:?}", self.deadlines, self.now);
                return;
            };
            self.deadlines[id] = self.deadlines[id].filter(|deadline| deadline.at > self.now);
            self.arm(id);
        }
    }

    fn check(&self) {
        let earliest = self.deadlines.iter().flatten().map(|deadline| deadline.at).min();
        let next = self.queue.next();
        assert!(earliest.is_none_or(|at| next.is_some_and(|next| next <= at)), "{next:?} is later than {earliest:?}");
        assert!(self.queue.len() <= CONNECTIONS, "an id has more than one entry");
        assert!(self.queue.slots() <= 2 * self.queue.len() + 32 * DeadlineKind::ALL.len());
        assert_eq!(self.queue.is_empty(), self.queue.next().is_none());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases::of(1000, 100)))]
    #[test]
    fn nothing_is_late_or_lost_and_nothing_grows(steps in prop::collection::vec(step(), 0..200)) {
        let mut world = World::default();
        steps.iter().for_each(|step| world.step(step));
        // all that is left comes up: at most once early and once when it is due
        for _ in 0..2 * CONNECTIONS {
            world.step(&Step::Sleep);
        }
        prop_assert!(world.deadlines.iter().all(Option::is_none));
        prop_assert!(world.queue.is_empty() && world.queue.slots() == 0);
    }
}

fn at(kind: DeadlineKind, secs: u64) -> Option<Deadline> {
    Some(Deadline { at: Instant::from_secs(secs), kind })
}

#[test]
fn a_later_deadline_leaves_the_queue_alone_and_comes_up_early_once() {
    let (mut queue, mut armed) = (DeadlineQueue::new(), Armed::default());
    queue.arm(7, &mut armed, at(DeadlineKind::Idle, 65));
    queue.arm(7, &mut armed, at(DeadlineKind::Idle, 100));
    assert_eq!((queue.next(), queue.len()), (Some(Instant::from_secs(65)), 1));
    assert_eq!(queue.pop(Instant::from_secs(65)), Some(7));
    queue.arm(7, &mut armed, at(DeadlineKind::Idle, 100));
    assert_eq!(queue.pop(Instant::from_secs(65)), None);
    assert_eq!(queue.next(), Some(Instant::from_secs(100)));
}

#[test]
fn room_that_was_made_changes_no_answer() {
    let (mut queue, mut armed) = (DeadlineQueue::new(), [Armed::default(), Armed::default(), Armed::default()]);
    queue.reserve(DeadlineKind::Idle, 2);
    assert_eq!((queue.is_empty(), queue.len(), queue.slots(), queue.next()), (true, 0, 0, None));
    for (id, armed) in armed.iter_mut().enumerate() {
        queue.arm(id, armed, at(DeadlineKind::Idle, 65));
    }
    assert_eq!((queue.len(), queue.next()), (3, Some(Instant::from_secs(65))));
    assert_eq!([(); 4].map(|()| queue.pop(Instant::from_secs(65))), [Some(0), Some(1), Some(2), None]);
}

#[test]
fn an_earlier_deadline_takes_the_old_entry_out() {
    let (mut queue, mut armed) = (DeadlineQueue::new(), Armed::default());
    queue.arm(7, &mut armed, at(DeadlineKind::Idle, 65));
    queue.arm(7, &mut armed, at(DeadlineKind::Head, 20));
    assert_eq!((queue.next(), queue.slots()), (Some(Instant::from_secs(20)), 1));
    assert_eq!(queue.pop(Instant::from_secs(100)), Some(7));
    assert_eq!(queue.pop(Instant::from_secs(100)), None);
}

#[test]
fn what_is_due_first_comes_first_even_out_of_order() {
    let mut queue = DeadlineQueue::new();
    let mut armed: Vec<_> = (0..4).map(|_| Armed::default()).collect();
    for (id, secs) in [(0, 40), (1, 20), (2, 30), (3, 20)] {
        queue.arm(id, &mut armed[id], at(DeadlineKind::Head, secs));
    }
    let order: Vec<_> = std::iter::from_fn(|| queue.pop(Instant::from_secs(60))).collect();
    assert_eq!(order, [1, 3, 2, 0]);
}

#[test]
fn at_one_instant_the_order_is_that_of_the_kinds_and_then_of_arming() {
    let mut queue = DeadlineQueue::new();
    let mut armed: Vec<_> = (0..4).map(|_| Armed::default()).collect();
    let kinds = [DeadlineKind::Idle, DeadlineKind::Head, DeadlineKind::Idle, DeadlineKind::Drain];
    for (id, kind) in kinds.into_iter().enumerate() {
        queue.arm(id, &mut armed[id], at(kind, 5));
    }
    let order: Vec<_> = std::iter::from_fn(|| queue.pop(Instant::from_secs(5))).collect();
    assert_eq!(order, [3, 1, 0, 2]);
}

#[test]
fn connections_that_come_and_go_or_move_to_and_fro_leave_nothing_behind() {
    let mut queue = DeadlineQueue::new();
    let mut kept: Vec<_> = (0..100).map(|_| Armed::default()).collect();
    for round in 0..1000 {
        for (id, armed) in kept.iter_mut().enumerate() {
            // a chain of ever earlier deadlines, each of another class
            for (kind, secs) in [(DeadlineKind::Age, 3600), (DeadlineKind::Idle, 65), (DeadlineKind::Head, 20)] {
                queue.arm(id, armed, at(kind, round + secs));
            }
            if (round as usize + id) % 2 == 0 {
                queue.disarm(armed);
            }
        }
        assert!(queue.slots() <= 2 * queue.len() + 96, "{} slots for {}", queue.slots(), queue.len());
    }
    kept.iter_mut().for_each(|armed| queue.disarm(armed));
    assert_eq!((queue.len(), queue.slots(), queue.next()), (0, 0, None));
}

#[test]
fn a_quiet_connection_in_front_holds_no_dead_ones_behind_it() {
    let mut queue = DeadlineQueue::new();
    let (mut quiet, mut passing) = (Armed::default(), Armed::default());
    queue.arm(0, &mut quiet, at(DeadlineKind::Idle, 65));
    for _ in 0..1000 {
        queue.arm(1, &mut passing, at(DeadlineKind::Idle, 66));
        queue.disarm(&mut passing);
        assert!(queue.slots() <= 2 * queue.len() + 32, "{} slots for {}", queue.slots(), queue.len());
    }
    assert_eq!((queue.pop(Instant::from_secs(65)), queue.slots()), (Some(0), 0));
}

#[test]
fn the_token_is_small() {
    assert_eq!(size_of::<Armed>(), 16);
}
