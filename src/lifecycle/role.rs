//! What the lifecycle does by role: what it keeps of its own, and what follows there from its facts.
//!
//! The role is asked in one way: by the type. [`LifecycleRole::IS_CLIENT`] where one line differs, a function of the trait where more does.

use core::fmt::Debug;
use core::hash::Hash;

use crate::config::{Config, Limits, Policy, Settings, Timeouts};
use crate::error::Misuse;
use crate::lifecycle::packing::OWN;
use crate::lifecycle::relative::Relative;
use crate::lifecycle::state::ConnectionState;
use crate::lifecycle::terms::Terms;
use crate::time::Instant;

/// What a role knows of its peer's time: nothing, of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerTime {
    /// Since when the response to the first request is waited for: it left whole, and the one before is answered.
    pub(crate) waiting: Option<Instant>,
    /// When the last interim response was complete.
    pub(crate) interim_at: Instant,
    /// Seconds the peer says it will stay, or the greatest number.
    pub(crate) hint: u32,
}

impl PeerTime {
    pub(crate) const UNKNOWN: Self = Self { waiting: None, interim_at: Instant::EPOCH, hint: u32::MAX };
}

/// Which half of an exchange has timeouts of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own {
    /// Of any exchange that is open.
    pub(crate) any: bool,
    pub(crate) receiving: bool,
    pub(crate) sending: bool,
}

/// A role, as far as decisions go: [`Server`](crate::Server) or [`Client`](crate::Client). Sealed, since this module is private.
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
    #[inline]
    fn awaits(_: &ConnectionState<Self>) -> bool {
        true
    }

    /// What was received has been looked at, as far as it can be.
    #[inline]
    fn on_looked_at(_: &mut ConnectionState<Self>) {}

    /// The response being received refuses its request, whose content may still be sent.
    #[inline]
    fn is_refused(_: &ConnectionState<Self>) -> bool {
        false
    }

    /// The wait for the response to the first request counts anew.
    #[inline]
    fn wait_anew(_: &mut ConnectionState<Self>, _: Instant) {}

    /// A message may have become complete.
    #[inline]
    fn on_message_complete(_: &mut ConnectionState<Self>, _: Instant) {}

    /// An exchange is over, and the next may begin.
    #[inline]
    fn on_exchange_over(_: &mut ConnectionState<Self>) {}

    /// Octets were handed out.
    #[inline]
    fn on_written(_: &mut ConnectionState<Self>, _: u64) {}

    /// The message being sent is whole.
    #[inline]
    fn on_sent_whole(_: &mut ConnectionState<Self>) {}

    /// Octets left.
    #[inline]
    fn on_sent(_: &mut ConnectionState<Self>, _: Instant) {}

    /// The exchange under way, by a number that only it has.
    fn exchange_number(_: &ConnectionState<Self>) -> u32 {
        0
    }

    /// Octets handed out on the connection before the exchange under way, and all of them; `read`: octets that were consumed.
    fn octets_sent(state: &ConnectionState<Self>, read: u64) -> (u64, u64) {
        (state.octets_sent(read), state.octets_sent(read))
    }

    /// Which half of the exchange has timeouts of its own.
    fn own_timeouts(state: &ConnectionState<Self>) -> Own;

    /// When the exchange that is due first has taken as long as it may, and since when that counts.
    #[inline(always)]
    fn exchange_due(state: &ConnectionState<Self>, terms: Terms<'_>) -> (Instant, Instant) {
        (terms.receiving.spans.exchange.after(state.exchange_began), state.exchange_began)
    }

    /// The exchange that began last has timeouts of its own.
    fn give_timeouts(state: &mut ConnectionState<Self>) -> Result<(), Misuse>;

    /// What is known of the peer's time.
    #[inline]
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

impl<R: LifecycleRole> Config<R> {
    /// The defaults of the role.
    pub const DEFAULT: Self = Self::of(Settings::new(Limits::DEFAULT, R::TIMEOUTS, Policy::DEFAULT));
}

impl<R: LifecycleRole> Default for Config<R> {
    fn default() -> Self {
        Self::DEFAULT
    }
}
