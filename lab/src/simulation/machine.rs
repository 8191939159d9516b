//! The server's machine: places for connections, those who wait for one, processors.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use http_keepalive::presets::ServerPreset;
use http_keepalive::{IdleQueue, Lifecycle};

use super::connection::Seat;
use super::events::Event;
use super::{Line, Simulation, instant};
use crate::settings::{Limit, Machine, Workers};

/// Places, the queue before them, and processors.
#[derive(Debug)]
pub(super) struct Site {
    /// Connections at once.
    places: u64,
    pub(super) taken: u64,
    waits: VecDeque<u32>,
    backlog: usize,
    /// Idle connections, if they yield.
    pub(super) idle: Option<IdleQueue<u32>>,
    /// Connections that yield, and have not closed yet.
    pub(super) yielding: u64,
    pub(super) shield_asked: bool,
    /// When each processor is free.
    processors: BinaryHeap<Reverse<u64>>,
}

impl Site {
    pub(super) fn new(machine: &Machine, preset: &ServerPreset) -> Self {
        let by_preset = Limit(preset.connections.map(u64::from));
        // what a preset says of its workers is no bound of an event loop's
        let places = match (machine.places, machine.workers) {
            (Some(places), _) => places,
            (None, Workers::Processes) => by_preset,
            (None, Workers::EventLoop) => Limit(None),
        };
        Self {
            places: places.0.unwrap_or(u64::MAX),
            taken: 0,
            waits: VecDeque::new(),
            backlog: machine.backlog as usize,
            idle: machine.idle_yields.then(IdleQueue::new),
            yielding: 0,
            shield_asked: false,
            processors: (0..machine.cores).map(|_| Reverse(0)).collect(),
        }
    }

    /// A processor works for so long: when it is done.
    pub(super) fn work(&mut self, now: u64, nanos: u64) -> u64 {
        let Reverse(free) = self.processors.pop().unwrap_or_default();
        let done = free.max(now) + nanos;
        self.processors.push(Reverse(done));
        done
    }
}

impl<const DEPTH: usize> Simulation<'_, DEPTH> {
    /// A client's first segment comes.
    pub(super) fn opening_arrived(&mut self, now: u64, connection: u32) {
        let answered = now + self.one_way(connection);
        let openings = self.configs.world.machine.openings;
        let coming = &mut self.connections[connection as usize];
        if coming.line == Line::UserToProxy {
            self.later(answered, connection, Event::Opened { connection });
            self.accept(now, connection);
            return;
        }
        if self.site.waits.len() >= self.site.backlog && self.site.taken >= self.site.places {
            self.measures.openings_dropped += 1;
            coming.openings += 1;
            // 1 s, then twice as long each time
            let again = now + (1_000_000_000 << (coming.openings - 1));
            let event = match coming.openings < openings {
                true => Event::OpeningAgain { connection },
                false => Event::OpeningRefused { connection },
            };
            self.later(again, connection, event);
            return;
        }
        coming.seat = Seat::Waits;
        self.site.waits.push_back(connection);
        let queue = self.shared.wait(now);
        self.later(answered + queue, connection, Event::Opened { connection });
    }

    /// Accepts who waits, as far as there are places, and has idle connections yield to the others.
    pub(super) fn fill_places(&mut self, now: u64) {
        while self.site.taken < self.site.places {
            let Some(connection) = self.site.waits.pop_front() else { return };
            self.site.taken += 1;
            self.measures.placed.change(now, 1);
            self.accept(now, connection);
        }
        while (self.site.yielding as usize) < self.site.waits.len() {
            let Some(idle) = &mut self.site.idle else { return };
            let Some(connection) = idle.first_to_go(instant(now)) else { break };
            let server = self.connections[connection as usize].server.as_mut();
            if !server.is_some_and(|server| server.free_place(instant(now))) {
                debug_assert!(false, "an idle connection does not yield");
                break;
            }
            self.site.yielding += 1;
            self.connections[connection as usize].yields = true;
            self.tell(now, connection, super::story::Fact::PlaceNeeded);
            self.settle_server(now, connection);
            self.forget_if_over(connection);
        }
        let waits = (self.site.yielding as usize) < self.site.waits.len();
        if let (true, false, Some(idle)) = (waits, self.site.shield_asked, &self.site.idle) {
            if let Some(over) = idle.next() {
                self.site.shield_asked = true;
                self.events.add(over.as_nanos().max(now + 1), Event::ShieldOver);
            }
        }
    }

    fn accept(&mut self, now: u64, connection: u32) {
        let configs = self.configs;
        let accepted = &mut self.connections[connection as usize];
        let config = match (&configs.proxy_server, accepted.line) {
            (Some(config), Line::UserToProxy) => config,
            _ => &configs.server,
        };
        accepted.seat = Seat::Placed;
        accepted.server = Some(Lifecycle::new(instant(now), config));
        self.tell(now, connection, super::story::Fact::Accepted);
        self.settle_server(now, connection);
        self.forget_if_over(connection);
    }

    /// The connection has closed: its place is free.
    pub(super) fn leave_place(&mut self, now: u64, connection: u32) {
        let left = &mut self.connections[connection as usize];
        debug_assert!(left.seat == Seat::Placed);
        left.seat = Seat::None;
        let (in_work, yields) = (std::mem::take(&mut left.in_work), left.yields);
        if left.line == Line::UserToProxy {
            return;
        }
        if let Some(idle) = &mut self.site.idle {
            idle.set(connection, &mut left.queued, None);
        }
        self.site.taken -= 1;
        self.site.yielding -= u64::from(yields);
        self.measures.placed.change(now, -1);
        if in_work {
            self.measures.working.change(now, -1);
        }
    }

    /// The server is restarted: what is open is drained.
    pub(super) fn restart(&mut self, now: u64) {
        let open: Vec<u32> = self.connections.iter().map(|(slot, _)| slot as u32).collect();
        for connection in open {
            let drained = &mut self.connections[connection as usize];
            if drained.line == Line::UserToProxy {
                continue;
            }
            if let Some(server) = &mut drained.server {
                server.close_after_exchange(instant(now));
                self.tell(now, connection, super::story::Fact::Drained);
                self.settle_server(now, connection);
                self.forget_if_over(connection);
            }
        }
        let after = self.configs.world.machine.restart.0;
        if let (Some(after), true) = (after, self.measures.users < u64::from(self.configs.world.users.count)) {
            self.events.add(now + after.as_nanos() as u64, Event::Restart);
        }
    }
}
