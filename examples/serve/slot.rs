//! A connection's place in a loop: its peer while something goes on, and what is left of it while nothing does.

use http_keepalive::{Armed, Config, Queued, Server};

use super::peer::{Asleep, Peer};
use super::places::Place;

/// A place.
pub struct Slot {
    /// In the queue of deadlines.
    pub armed: Armed,
    /// In the queue of idle connections.
    pub queued: Queued,
    state: State,
    /// Given back with it.
    _place: Place,
}

enum State {
    Awake {
        peer: Box<Peer>,
        /// It stands in the line of those that have had their share. Who does never sleeps.
        in_line: bool,
    },
    /// None only while it wakes.
    Asleep(Option<Asleep>),
}

impl State {
    fn awake(peer: Peer) -> Self {
        Self::Awake { peer: Box::new(peer), in_line: false }
    }
}

impl Slot {
    pub fn new(peer: Peer, place: Place) -> Self {
        let state = State::awake(peer);
        Self { armed: Armed::default(), queued: Queued::default(), state, _place: place }
    }

    /// The peer, woken if it slept; and its places in the queues of deadlines and of idle connections.
    pub fn peer(&mut self, config: &'static Config<Server>) -> (&mut Peer, &mut Armed, &mut Queued) {
        if let State::Asleep(asleep) = &mut self.state {
            let asleep = asleep.take().expect("it is put back by what took it");
            self.state = State::awake(Peer::wake(asleep, config));
        }
        match &mut self.state {
            State::Awake { peer, .. } => (peer, &mut self.armed, &mut self.queued),
            State::Asleep(_) => unreachable!("it was woken"),
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
        if let State::Awake { peer, .. } = std::mem::replace(&mut self.state, State::Asleep(None)) {
            self.state = State::Asleep(Some(peer.fall_asleep(parked)));
        }
    }
}
