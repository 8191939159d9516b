//! What the lifecycle does by role: what it keeps of its own, and what follows there from its facts.
//!
//! The role is asked in one way: by the type. [`LifecycleRole::IS_CLIENT`] where one line differs, a function of the trait where more does.

use core::fmt::Debug;
use core::hash::Hash;

use crate::config::{Client, Config, Limits, Policy, Server, Settings, Timeouts};
use crate::lifecycle::canonical::Relative;
use crate::lifecycle::deadlines::PeerTime;
use crate::lifecycle::packing::{OWN, Packer, Unpacker};
use crate::lifecycle::persistence::CloseReason;
use crate::lifecycle::pipeline::Outstanding;
use crate::lifecycle::state::{ConnectionState, Receiving, Sending};
use crate::message::upgrade::Offers;
use crate::time::Instant;

/// A role, as far as decisions go: [`Server`] or [`Client`]. Sealed, since this module is private.
pub trait LifecycleRole: Copy + Debug + Eq + Hash + 'static {
    /// What the role keeps of its own.
    type State: Clone + Debug + Eq + Hash;
    /// As a connection opens.
    const FRESH: Self::State;
    /// By default.
    const TIMEOUTS: Timeouts = Timeouts::DEFAULT;
    /// It sends requests.
    const IS_CLIENT: bool;

    /// May octets come that begin a message?
    #[inline(always)]
    fn awaits(_: &ConnectionState<Self>) -> bool {
        true
    }

    /// What was received has been looked at, as far as it can be.
    #[inline(always)]
    fn on_looked_at(_: &mut ConnectionState<Self>) {}

    /// A message may have become complete.
    #[inline(always)]
    fn on_message_complete(_: &mut ConnectionState<Self>, _: Instant) {}

    /// An exchange is over, and the next may begin.
    #[inline(always)]
    fn on_exchange_over(_: &mut ConnectionState<Self>) {}

    /// Octets were handed out.
    #[inline(always)]
    fn on_written(_: &mut ConnectionState<Self>, _: u64) {}

    /// The message being sent is whole.
    #[inline(always)]
    fn on_sent_whole(_: &mut ConnectionState<Self>) {}

    /// Octets left.
    #[inline(always)]
    fn on_sent(_: &mut ConnectionState<Self>, _: Instant) {}

    /// What is known of the peer's time.
    #[inline(always)]
    fn peer_time(_: &ConnectionState<Self>) -> PeerTime {
        PeerTime::UNKNOWN
    }

    /// What the role keeps, where it is the same that equals the same: see [`canonical`](crate::lifecycle::canonical).
    fn canonical(state: &mut ConnectionState<Self>, limits: &Limits, timeouts: &Timeouts, relative: Relative);

    /// What always holds of what the role keeps.
    fn check(state: &ConnectionState<Self>);

    /// What the role keeps of an idle connection that is parked, if it fits.
    fn pack(state: &ConnectionState<Self>, limits: &Limits) -> Option<[u8; OWN]>;

    /// What it kept.
    fn unpack(own: [u8; OWN], state: &mut ConnectionState<Self>);
}

impl LifecycleRole for Server {
    /// The protocols that the request offers to switch to.
    type State = Offers;
    const FRESH: Self::State = Offers::NONE;
    const IS_CLIENT: bool = false;

    #[inline(always)]
    fn on_exchange_over(state: &mut ConnectionState<Self>) {
        state.role = Offers::NONE;
    }

    fn canonical(state: &mut ConnectionState<Self>, _: &Limits, _: &Timeouts, _: Relative) {
        if !state.lifetime.is_open() || !state.send.is_idle() {
            state.role = Offers::NONE;
        }
    }

    fn check(state: &ConnectionState<Self>) {
        let answers = !state.is_between_exchanges();
        assert!(answers || state.role.is_empty(), "protocols are offered by no request");
    }

    fn pack(state: &ConnectionState<Self>, _: &Limits) -> Option<[u8; OWN]> {
        let mut packer = Packer { octets: [0; OWN], at: 0 };
        packer.put(state.lifetime.octets, 6)?;
        Some(packer.octets)
    }

    fn unpack(own: [u8; OWN], state: &mut ConnectionState<Self>) {
        state.lifetime.octets = Unpacker { octets: &own, at: 0 }.take(6);
    }
}

impl<const DEPTH: usize> LifecycleRole for Client<DEPTH> {
    type State = Outstanding<DEPTH>;
    const FRESH: Self::State = Outstanding::new();
    const TIMEOUTS: Timeouts = Timeouts::CLIENT;
    const IS_CLIENT: bool = true;

    #[inline(always)]
    fn awaits(state: &ConnectionState<Self>) -> bool {
        state.role.awaits(state.send.unsent)
    }

    #[inline(always)]
    fn on_looked_at(state: &mut ConnectionState<Self>) {
        state.role.looked_at();
    }

    fn on_message_complete(state: &mut ConnectionState<Self>, now: Instant) {
        if !state.lifetime.is_open() || state.receive.half() != Receiving::Complete {
            return;
        }
        if state.role.sends_first() && state.send.half() == Sending::Content {
            // answered early: its content is still being sent
            return;
        }
        let now = state.tick(now);
        state.answered(now);
        if state.role.is_empty() && state.is_over_age(now) {
            // it passed after the head of the response
            state.lifetime.causes.add(CloseReason::Age);
        }
        if state.role.ends_after_response || (state.role.is_empty() && !state.lifetime.causes.is_empty()) {
            state.close_at_once();
        }
    }

    fn on_written(state: &mut ConnectionState<Self>, octets: u64) {
        state.role.written(octets);
    }

    fn on_sent_whole(state: &mut ConnectionState<Self>) {
        state.role.whole();
    }

    fn on_sent(state: &mut ConnectionState<Self>, now: Instant) {
        let now = state.tick(now);
        state.role.left(state.send.unsent, now);
    }

    #[inline(always)]
    fn peer_time(state: &ConnectionState<Self>) -> PeerTime {
        state.role.peer
    }

    fn canonical(state: &mut ConnectionState<Self>, limits: &Limits, timeouts: &Timeouts, relative: Relative) {
        let ended = !state.lifetime.is_open();
        let answered = matches!(state.receive.half(), Receiving::Content | Receiving::Complete);
        state.role.canonical(limits, timeouts, relative, ended, answered);
    }

    fn check(state: &ConnectionState<Self>) {
        state.role.check(state);
    }

    fn pack(state: &ConnectionState<Self>, limits: &Limits) -> Option<[u8; OWN]> {
        // the octets that it carried are not kept
        if limits.max_octets.is_some() {
            return None;
        }
        state.role.pack(state.lifetime.exchanges, state.receive.empty_lines)
    }

    fn unpack(own: [u8; OWN], state: &mut ConnectionState<Self>) {
        (state.role, state.receive.empty_lines) = Outstanding::unpack(own, state.lifetime.exchanges);
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
