//! Work on many connections of a server: their deadlines in one queue, the idle ones parked, and in the queue of those that may go.

use std::hint::black_box;
use std::time::Duration;

use http_keepalive::*;

use crate::series::{Group, Law, Series, Work};

pub const SIZES: &[usize] = &[100, 1_000, 10_000, 100_000];

pub const DEADLINES: Group = Group {
    name: "deadlines",
    title: "Deadlines of many connections",
    size: "connections",
    sizes: SIZES,
    greatest: &[1_000_000],
    series: &[
        Series::new("set, in the order of time", "a deadline", Law::Flat, 100, |many| {
            let mut queue = DeadlineQueue::new();
            let mut armed: Vec<Armed> = (0..many).map(|_| Armed::default()).collect();
            Work::new(many, move || {
                for (id, armed) in armed.iter_mut().enumerate() {
                    queue.arm(id as u32, armed, idle(id));
                }
            })
        }),
        Series::new("moved later", "a deadline", Law::Flat, 100, |many| {
            let (mut queue, mut armed) = armed(many);
            let order = scattered(many);
            Work::new(many, move || {
                for &id in &order {
                    queue.arm(id, &mut armed[id as usize], idle(many + id as usize));
                }
            })
        }),
        // its place is found by bisection
        Series::new("moved earlier", "a deadline", Law::Logarithm, 100, |many| {
            let (mut queue, mut armed) = armed(many);
            let order = scattered(many);
            Work::new(many, move || {
                for (turn, &id) in order.iter().enumerate() {
                    let head = Deadline { at: after(20, turn), kind: DeadlineKind::Head };
                    queue.arm(id, &mut armed[id as usize], Some(head));
                }
            })
        }),
        // in a tree
        Series::new("set, out of order", "a deadline", Law::Logarithm, 100, |many| {
            let (order, mut queue) = (scattered(many), DeadlineQueue::new());
            let mut armed: Vec<Armed> = (0..many).map(|_| Armed::default()).collect();
            Work::new(many, move || {
                for &id in &order {
                    queue.arm(id, &mut armed[id as usize], idle(id as usize));
                }
            })
        }),
        Series::new("due, and taken out", "a deadline", Law::Flat, 100, |many| {
            let (mut queue, _) = armed(many);
            Work::new(many, move || {
                while let Some(at) = queue.next() {
                    while let Some(id) = queue.pop(at) {
                        black_box(id);
                    }
                }
            })
        }),
        Series::new("come up early, and put back", "a deadline", Law::Flat, 100, |many| {
            let (mut queue, mut armed) = armed(many);
            Work::new(many, move || {
                for turn in 0..many {
                    let id = queue.pop(after(60, turn)).expect("it comes up");
                    queue.arm(id, &mut armed[id as usize], idle(60_000_000 + turn));
                }
            })
        }),
        // as where it is moved earlier
        Series::new("given up, in any order", "a deadline", Law::Logarithm, 100, |many| {
            let (mut queue, mut armed) = armed(many);
            let order = scattered(many);
            Work::new(many, move || order.iter().for_each(|&id| queue.disarm(&mut armed[id as usize])))
        }),
    ],
};

pub const IDLE: Group = Group {
    name: "idle",
    title: "Idle connections of a server",
    size: "idle connections",
    sizes: SIZES,
    greatest: &[1_000_000],
    series: &[
        Series::new("taken up and parked again", "a connection", Law::Flat, 100, |many| {
            let (mut parked, order) = (vec![parked(); many], scattered(many));
            Work::new(many, move || {
                for &id in &order {
                    let parked = &mut parked[id as usize];
                    let connection = Connection::<Server>::unpark(*parked, &UNCAPPED);
                    *parked = connection.park().expect("it is idle");
                }
            })
        }),
        // its deadline is earlier once
        Series::new("woken, served, parked again", "a connection", Law::Flat, 100, |many| {
            let (mut parked, order, mut queue) = (vec![parked(); many], scattered(many), DeadlineQueue::new());
            let mut armed: Vec<Armed> = (0..many).map(|_| Armed::default()).collect();
            for (id, armed) in armed.iter_mut().enumerate() {
                queue.arm(id as u32, armed, parked[id].next_deadline(&UNCAPPED));
            }
            Work::new(many, move || {
                for (turn, &id) in order.iter().enumerate() {
                    let parked = &mut parked[id as usize];
                    let mut connection = Connection::<Server>::unpark(*parked, &UNCAPPED);
                    exchange(&mut connection, after(20, turn));
                    queue.arm(id, &mut armed[id as usize], connection.next_deadline());
                    *parked = connection.park().expect("it is idle");
                }
            })
        }),
        Series::new("enters the queue, in order", "a connection", Law::Flat, 100, |many| {
            let mut queue = IdleQueue::new();
            let mut queued: Vec<Queued> = (0..many).map(|_| Queued::default()).collect();
            Work::new(many, move || {
                for (id, queued) in queued.iter_mut().enumerate() {
                    queue.set(id as u32, queued, Some(idleness(id)));
                }
            })
        }),
        Series::new("is busy, and idle again", "a connection", Law::Flat, 100, |many| {
            let (mut queue, mut queued) = queued(many);
            let order = scattered(many);
            Work::new(many, move || {
                for (turn, &id) in order.iter().enumerate() {
                    queue.set(id, &mut queued[id as usize], None);
                    queue.set(id, &mut queued[id as usize], Some(idleness(many + turn)));
                }
            })
        }),
        Series::new("leaves the queue", "a connection", Law::Flat, 100, |many| {
            let (mut queue, mut queued) = queued(many);
            let order = scattered(many);
            Work::new(many, move || order.iter().for_each(|&id| queue.set(id, &mut queued[id as usize], None)))
        }),
        Series::new("goes for a newcomer", "a connection", Law::Flat, 100, |many| {
            let (mut queue, mut queued) = queued(many);
            let now = after(10, many);
            Work::new(many, move || {
                while let Some(id) = queue.first_to_go(now) {
                    queue.set(id, &mut queued[id as usize], None);
                }
                assert!(queue.is_empty());
            })
        }),
        // in two trees
        Series::new("enters and goes, out of order", "a connection", Law::Logarithm, 100, |many| {
            let mut queue = IdleQueue::new();
            let mut queued: Vec<Queued> = (0..many).map(|_| Queued::default()).collect();
            let (order, now) = (scattered(many), after(10, many));
            Work::new(many, move || {
                for &id in &order {
                    queue.set(id, &mut queued[id as usize], Some(idleness(id as usize)));
                }
                while let Some(id) = queue.first_to_go(now) {
                    queue.set(id, &mut queued[id as usize], None);
                }
                assert!(queue.is_empty());
            })
        }),
    ],
};

/// So many seconds after the begin, and a millionth more for each turn.
fn after(secs: u64, turn: usize) -> Instant {
    Instant::from_secs(secs) + Duration::from_micros(turn as u64)
}

/// The deadline of a connection that became idle in its turn.
fn idle(turn: usize) -> Option<Deadline> {
    Some(Deadline { at: after(60, turn), kind: DeadlineKind::Idle })
}

/// So many connections whose idle deadlines are set.
fn armed(many: usize) -> (DeadlineQueue<u32>, Vec<Armed>) {
    let mut queue = DeadlineQueue::new();
    let arm = |id| {
        let mut armed = Armed::default();
        queue.arm(id as u32, &mut armed, idle(id));
        armed
    };
    let armed = (0..many).map(arm).collect();
    (queue, armed)
}

/// As after a response that said for how long it waits.
fn idleness(turn: usize) -> Idleness {
    let since = after(1, turn);
    let promised_until = Some(since + Duration::from_secs(5));
    Idleness { since, is_fresh: false, promised_until, shielded_until: since + Duration::from_secs(1) }
}

fn queued(many: usize) -> (IdleQueue<u32>, Vec<Queued>) {
    let mut queue = IdleQueue::new();
    let enter = |id| {
        let mut queued = Queued::default();
        queue.set(id as u32, &mut queued, Some(idleness(id)));
        queued
    };
    let queued = (0..many).map(enter).collect();
    (queue, queued)
}

static UNCAPPED: Config<Server> =
    match Config::new(Limits::DEFAULT.with_max_exchanges(None), Timeouts::DEFAULT, Policy::DEFAULT) {
        Ok(config) => config,
        Err(_) => panic!("out of bounds"),
    };

fn exchange(connection: &mut Connection<Server>, now: Instant) {
    let mut out = [0; 256];
    connection.receive(now, black_box(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")).expect("a request");
    connection.receive(now, b"").expect("its end");
    let sent = connection.send_response(now, StatusCode::OK, NO_FIELDS, Content::Empty, &mut out).expect("it is due");
    connection.handle_sent(now, sent as u64);
}

/// A connection that has served a request and is idle.
fn parked() -> Parked<Server> {
    let mut connection = Connection::<Server>::new(after(1, 0), &UNCAPPED);
    exchange(&mut connection, after(1, 0));
    connection.park().expect("it is idle")
}

/// All numbers below this one, in no order; the same in each run.
pub fn scattered(many: usize) -> Vec<u32> {
    let mut numbers: Vec<u32> = (0..many as u32).collect();
    let mut state = 1_u64;
    for place in (1..many).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        numbers.swap(place, (state >> 33) as usize % (place + 1));
    }
    numbers
}
