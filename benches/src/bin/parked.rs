//! Idle connections by the million: each forty octets, its place in the queue of deadlines, and the queue's entry. Memory is what
//! the allocator was asked for; times are of one run, for proportion.

use std::alloc::System;
use std::process::ExitCode;
use std::time::{Duration, Instant as Clock};

use clap::Parser;
use http_keepalive::{
    Armed, Config, Connection, Content, DeadlineQueue, Instant, NO_FIELDS, Parked, Server, StatusCode,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Measures idle connections, parked with their deadlines.
#[derive(Parser)]
struct Options {
    /// How many.
    #[arg(default_value_t = 1_000_000)]
    connections: usize,
}

fn main() -> ExitCode {
    match measure(Options::parse().connections) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("parked: {message}");
            ExitCode::FAILURE
        }
    }
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// One exchange on a connection: then it is idle, and `at` is when its last octet left.
fn exchange(connection: &mut Connection<Server>, at: Instant) {
    let mut out = [0; 256];
    connection.receive(at, REQUEST).expect("a request");
    connection.receive(at, b"").expect("its end");
    let sent = connection.send_response(at, StatusCode::OK, NO_FIELDS, Content::Empty, &mut out).expect("it is due");
    connection.handle_sent(at, sent as u64);
}

/// Parks `connections`, then lets each wake once for a request and be parked again, then all of them expire.
fn measure(connections: usize) -> Result<(), String> {
    let mut region = Region::new(ALLOCATOR);
    let mut parked: Vec<(Parked<Server>, Armed)> = Vec::with_capacity(connections);
    let mut queue = DeadlineQueue::new();
    let spread = |id: usize| Duration::from_micros(id as u64);
    let began = Clock::now();
    for id in 0..connections {
        let at = Instant::EPOCH + spread(id);
        let mut connection = Connection::<Server>::new(at, &Config::DEFAULT);
        exchange(&mut connection, at);
        let mut armed = Armed::default();
        queue.arm(id as u32, &mut armed, connection.next_deadline());
        parked.push((connection.park().ok_or("an idle connection was not parked")?, armed));
    }
    let each = |took: Duration| took.as_nanos() as f64 / connections as f64;
    let filled = each(began.elapsed());
    let change = region.change();
    let used = change.bytes_allocated - change.bytes_deallocated;
    println!(
        "{connections} parked: {:.1} octets each; {} of state, {} of place in the queue",
        used as f64 / connections as f64,
        Parked::<Server>::OCTETS,
        size_of::<Armed>(),
    );
    println!("opened, served and parked: {filled:.0} ns each");

    region.reset();
    let began = Clock::now();
    for (id, (parked, armed)) in parked.iter_mut().enumerate() {
        let at = Instant::from_secs(20) + spread(id);
        let mut connection = Connection::<Server>::unpark(*parked, &Config::DEFAULT);
        exchange(&mut connection, at);
        queue.arm(id as u32, armed, connection.next_deadline());
        *parked = connection.park().ok_or("an idle connection was not parked")?;
    }
    let allocations = region.change().allocations;
    println!("woken, served and parked again: {:.0} ns each, {allocations} allocations", each(began.elapsed()));

    let began = Clock::now();
    let (mut now, mut looked, mut expired) = (Instant::from_secs(20), 0, 0);
    while let Some(next) = queue.next() {
        now = now.max(next);
        while let Some(id) = queue.pop(now) {
            looked += 1;
            let (parked, armed) = &mut parked[id as usize];
            // nothing is woken that is not due
            match parked.next_deadline(&Config::DEFAULT) {
                Some(due) if due.at <= now => expired += 1,
                due => queue.arm(id, armed, due),
            }
        }
    }
    if expired != connections {
        return Err(format!("{expired} of {connections} expired"));
    }
    println!("expired: {:.0} ns each, {looked} looks", each(began.elapsed()));
    Ok(())
}
