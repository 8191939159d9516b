//! A connection's place in a loop: its peer while something goes on, and what is left of it while nothing does.

use http_keepalive::{Armed, Config, Queued, Server};

use super::peer::{Asleep, Log, Peer};

/// A place.
pub struct Slot {
    /// In the queue of deadlines.
    pub armed: Armed,
    /// In the queue of idle connections.
    pub queued: Queued,
    state: State,
}

enum State {
    Awake {
        peer: Box<Peer>,
        /// It stands in the line of those that have had their share. Who does never sleeps.
        in_line: bool,
    },
    Asleep(Asleep),
    /// The same where a log is written: idle connections are many, and so what few have is kept apart.
    Logged(Box<(Asleep, Box<Log>)>),
    /// While it wakes or falls asleep.
    Between,
}

impl State {
    fn awake(peer: Peer) -> Self {
        Self::Awake { peer: Box::new(peer), in_line: false }
    }
}

impl Slot {
    pub fn new(peer: Peer) -> Self {
        Self { armed: Armed::default(), queued: Queued::default(), state: State::awake(peer) }
    }

    /// The peer, woken if it slept; and its places in the queues of deadlines and of idle connections.
    pub fn peer(&mut self, config: &'static Config<Server>) -> (&mut Peer, &mut Armed, &mut Queued) {
        if !matches!(self.state, State::Awake { .. }) {
            self.state = match std::mem::replace(&mut self.state, State::Between) {
                State::Asleep(asleep) => State::awake(Peer::wake(asleep, config, None)),
                State::Logged(logged) => State::awake(Peer::wake(logged.0, config, Some(logged.1))),
                state => state,
            };
        }
        match &mut self.state {
            State::Awake { peer, .. } => (peer, &mut self.armed, &mut self.queued),
            _ => unreachable!("it was woken"),
        }
    }

    /// Whether it stands in the line.
    pub fn is_in_line(&self) -> bool {
        matches!(self.state, State::Awake { in_line: true, .. })
    }

    /// It stands there from now on, or no more.
    pub fn set_in_line(&mut self, stands: bool) {
        if let State::Awake { in_line, .. } = &mut self.state {
            *in_line = stands;
        }
    }

    /// Lets the peer go to sleep, if it waits for nothing but its socket and time. Its deadline is armed already.
    pub fn sleep(&mut self) {
        let State::Awake { peer, .. } = &self.state else { return };
        let Some(parked) = peer.sleep() else { return };
        if let State::Awake { peer, .. } = std::mem::replace(&mut self.state, State::Between) {
            self.state = match peer.fall_asleep(parked) {
                (asleep, None) => State::Asleep(asleep),
                (asleep, Some(log)) => State::Logged(Box::new((asleep, log))),
            };
        }
    }
}
