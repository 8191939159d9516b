//! One connection as TCP carries it: two directions with a bounded window each, a FIN that travels like data, and a reset that
//! destroys what was not read.
//!
//! It is as unkind as TCP may be. A side that closes while octets are unread, or that octets reach afterwards, resets the
//! connection; a reset also takes with it what its sender had under way (RFC 9112 9.6 is about that).

use std::collections::VecDeque;
use std::time::Duration;

use http_keepalive::Instant;

/// One of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client = 0,
    Server = 1,
}

impl Side {
    pub const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

#[derive(Clone, Debug)]
enum Parcel {
    Octets(Vec<u8>),
    Fin,
    Reset,
}

/// From one side to the other.
#[derive(Clone, Debug, Default)]
struct Direction {
    under_way: VecDeque<(Instant, Parcel)>,
    /// Arrived and not read.
    unread: VecDeque<u8>,
    fin_sent: bool,
    reset_sent: bool,
    fin_arrived: bool,
    /// Octets written that the writer does not yet know to have been read.
    outstanding: usize,
    /// The news of what was read, on its way back.
    credits: VecDeque<(Instant, usize)>,
}

/// A connection's two directions, by the side that writes.
#[derive(Clone, Debug)]
pub struct Wire {
    delay: Duration,
    window: usize,
    from: [Direction; 2],
    closed: [bool; 2],
    failed: [bool; 2],
}

impl Wire {
    pub fn new(delay: Duration, window: usize) -> Self {
        Self { delay, window, from: Default::default(), closed: [false; 2], failed: [false; 2] }
    }

    /// Takes as many octets from the front of `octets` as the window has room for.
    pub fn write(&mut self, side: Side, now: Instant, octets: &mut VecDeque<u8>) -> usize {
        let direction = &mut self.from[side as usize];
        let gone = self.closed[side as usize] || self.failed[side as usize] || direction.fin_sent;
        let room = if gone { 0 } else { self.window.saturating_sub(direction.outstanding).min(octets.len()) };
        if room > 0 {
            direction.outstanding += room;
            let parcel = Parcel::Octets(octets.drain(..room).collect());
            direction.under_way.push_back((now + self.delay, parcel));
        }
        room
    }

    /// Moves what has arrived to the end of `buffer`.
    pub fn read(&mut self, side: Side, now: Instant, buffer: &mut Vec<u8>) -> usize {
        let direction = &mut self.from[side.other() as usize];
        let octets = direction.unread.len();
        if octets > 0 {
            buffer.extend(direction.unread.drain(..));
            direction.credits.push_back((now + self.delay, octets));
        }
        octets
    }

    /// Octets that have arrived at this side and were not read.
    pub fn unread(&self, side: Side) -> usize {
        self.from[side.other() as usize].unread.len()
    }

    /// All has been read, and a FIN stands behind it.
    pub fn is_at_eof(&self, side: Side) -> bool {
        let direction = &self.from[side.other() as usize];
        direction.fin_arrived && direction.unread.is_empty() && !self.failed[side as usize]
    }

    /// A reset has arrived at this side.
    pub fn has_failed(&self, side: Side) -> bool {
        self.failed[side as usize]
    }

    /// Shuts the side's sending direction.
    pub fn half_close(&mut self, side: Side, now: Instant) {
        let direction = &mut self.from[side as usize];
        if !direction.fin_sent {
            direction.fin_sent = true;
            direction.under_way.push_back((now + self.delay, Parcel::Fin));
        }
    }

    /// Closes both directions; with octets unread that is a reset.
    pub fn close(&mut self, side: Side, now: Instant) {
        if self.unread(side) > 0 {
            return self.reset(side, now);
        }
        self.half_close(side, now);
        self.closed[side as usize] = true;
    }

    /// Closes by a reset.
    pub fn reset(&mut self, side: Side, now: Instant) {
        self.closed[side as usize] = true;
        let direction = &mut self.from[side as usize];
        if !direction.reset_sent {
            (direction.fin_sent, direction.reset_sent) = (true, true);
            direction.under_way.clear();
            direction.under_way.push_back((now + self.delay, Parcel::Reset));
        }
    }

    /// The connection is lost: nothing under way arrives, and both sides learn of it.
    pub fn sever(&mut self, now: Instant) {
        for direction in &mut self.from {
            direction.reset_sent = true;
            direction.under_way.clear();
            direction.under_way.push_back((now + self.delay, Parcel::Reset));
        }
    }

    /// When something arrives next.
    pub fn next_arrival(&self) -> Option<Instant> {
        let arrivals = self
            .from
            .iter()
            .flat_map(|from| [from.under_way.front().map(|(at, _)| *at), from.credits.front().map(|(at, _)| *at)]);
        arrivals.flatten().min()
    }

    /// Lets arrive what is due by now: whether anything was.
    pub fn advance(&mut self, now: Instant) -> bool {
        let mut moved = false;
        for from in [Side::Client, Side::Server] {
            let direction = &mut self.from[from as usize];
            while let Some(octets) = take_due(&mut direction.credits, now) {
                direction.outstanding = direction.outstanding.saturating_sub(octets);
                moved = true;
            }
            while let Some(parcel) = take_due(&mut self.from[from as usize].under_way, now) {
                moved = true;
                self.arrive(from, now, parcel);
            }
        }
        moved
    }

    fn arrive(&mut self, from: Side, now: Instant, parcel: Parcel) {
        let to = from.other();
        let direction = &mut self.from[from as usize];
        match parcel {
            _ if self.failed[to as usize] => {}
            Parcel::Octets(_) if self.closed[to as usize] => self.reset(to, now),
            Parcel::Octets(octets) => direction.unread.extend(octets),
            Parcel::Fin => direction.fin_arrived = true,
            Parcel::Reset => {
                direction.unread.clear();
                self.failed[to as usize] = true;
            }
        }
    }
}

fn take_due<T>(queue: &mut VecDeque<(Instant, T)>, now: Instant) -> Option<T> {
    match queue.front() {
        Some((at, _)) if *at <= now => queue.pop_front().map(|(_, parcel)| parcel),
        _ => None,
    }
}
