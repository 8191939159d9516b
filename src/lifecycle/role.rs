//! What the lifecycle does by role: what it keeps beside the machine, and what follows there from its facts.

use crate::config::{Client, Config, Limits, Policy, Server, Settings, Timeouts};
use crate::lifecycle::deadlines::PeerTime;
use crate::lifecycle::packing::{OWN, Packer, Unpacker};
use crate::lifecycle::persistence::CloseReason;
use crate::lifecycle::pipeline::Outstanding;
use crate::lifecycle::state::{Half, Machine, flag};
use crate::lifecycle::teardown::Stage;
use crate::time::Instant;

/// A role, as far as decisions go: [`Server`] or [`Client`]. Sealed, since this module is private.
pub trait LifecycleRole: Sized {
    /// What the role keeps beside the machine.
    type State: Clone + core::fmt::Debug + PartialEq + Eq + core::hash::Hash;
    /// As a connection opens.
    const FRESH: Self::State;
    /// By default.
    const TIMEOUTS: Timeouts = Timeouts::DEFAULT;
    /// The flags of its machine.
    const FLAGS: u16;
    /// May octets come that begin a message?
    #[inline(always)]
    fn awaits(_: &Self::State, _: &Machine) -> bool {
        true
    }

    /// What was received has been looked at, as far as it can be.
    #[inline(always)]
    fn looked_at(_: &mut Self::State) {}

    /// A message may have become complete.
    #[inline(always)]
    fn settle(_: &mut Self::State, _: &mut Machine, _: Instant) {}

    /// Octets were handed out.
    #[inline(always)]
    fn wrote(_: &mut Self::State, _: u64) {}

    /// The message being sent is whole.
    #[inline(always)]
    fn whole(_: &mut Self::State) {}

    /// What is known of the peer's time.
    #[inline(always)]
    fn peer_time(_: &Self::State) -> PeerTime {
        PeerTime::UNKNOWN
    }

    /// Octets left.
    #[inline(always)]
    fn left(_: &mut Self::State, _: &mut Machine, _: Instant) {}

    /// What the role keeps of an idle connection that is parked, if it fits.
    fn pack(state: &Self::State, machine: &Machine, limits: &Limits) -> Option<[u8; OWN]>;

    /// What it kept.
    fn unpack(own: [u8; OWN], machine: &mut Machine) -> Self::State;
}

impl LifecycleRole for Server {
    type State = ();
    const FRESH: Self::State = ();
    const FLAGS: u16 = 0;

    fn pack((): &(), machine: &Machine, _: &Limits) -> Option<[u8; OWN]> {
        let mut packer = Packer { octets: [0; OWN], at: 0 };
        packer.put(machine.carried, 6)?;
        Some(packer.octets)
    }

    fn unpack(own: [u8; OWN], machine: &mut Machine) {
        machine.carried = Unpacker { octets: &own, at: 0 }.take(6);
    }
}

impl<const DEPTH: usize> LifecycleRole for Client<DEPTH> {
    type State = Outstanding<DEPTH>;
    const FRESH: Self::State = Outstanding::new();
    const TIMEOUTS: Timeouts = Timeouts::CLIENT;
    const FLAGS: u16 = flag::CLIENT;

    #[inline(always)]
    fn awaits(state: &Self::State, machine: &Machine) -> bool {
        state.awaits(machine)
    }

    #[inline(always)]
    fn looked_at(state: &mut Self::State) {
        state.looked_at();
    }

    fn settle(state: &mut Self::State, machine: &mut Machine, now: Instant) {
        if machine.stage != Stage::Open || machine.receiving != Half::Complete {
            return;
        }
        if state.sends_first() && machine.sending == Half::Content {
            // answered early: its content is still being sent
            return;
        }
        let now = machine.tick(now);
        state.answered(machine, now);
        if state.is_empty() && machine.is_over_age(now) {
            // it passed after the head of the response
            machine.causes.add(CloseReason::Age);
        }
        if machine.is(flag::FINAL) || (state.is_empty() && !machine.causes.is_empty()) {
            machine.end();
        }
    }

    fn wrote(state: &mut Self::State, octets: u64) {
        state.written(octets);
    }

    fn whole(state: &mut Self::State) {
        state.whole();
    }

    fn peer_time(state: &Self::State) -> PeerTime {
        state.peer
    }

    fn left(state: &mut Self::State, machine: &mut Machine, now: Instant) {
        let now = machine.tick(now);
        state.left(machine, now);
    }

    fn pack(state: &Self::State, machine: &Machine, limits: &Limits) -> Option<[u8; OWN]> {
        // what it has carried is not kept
        if limits.max_octets.is_some() {
            return None;
        }
        state.pack(machine.exchanges)
    }

    fn unpack(own: [u8; OWN], machine: &mut Machine) -> Self::State {
        Outstanding::unpack(own, machine.exchanges)
    }
}

impl<R: LifecycleRole> Config<R> {
    /// The defaults of the role.
    pub const DEFAULT: Self = Self::of(Settings::new(Limits::DEFAULT, R::TIMEOUTS, Policy::DEFAULT));
}

impl<R: LifecycleRole> Default for Config<R> {
    fn default() -> Self {
        Self::DEFAULT
    }
}
