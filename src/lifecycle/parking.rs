//! Parking: an idle connection as forty octets of plain data.
//!
//! A server of a million connections has most of them idle. Of such a machine little is left to know: when it opened, when its
//! last octet left, how far it has come. [`Parked`] is that and no more, and no pointer is in it: it can be kept by the million,
//! sent to another thread, or handed with its socket to the next process, whose clock must count from the same epoch.
//!
//! A connection that was parked and taken up again behaves as one that never was. What would not fit is not parked: an open
//! exchange, octets in a buffer or on their way, a cause to close, ages and pauses of more than 78 hours, more than 256 TiB
//! carried; of a client also a `Keep-Alive` of more than half a year or of more than 16 million requests, and a limit of
//! octets.

use core::fmt;
use core::marker::PhantomData;
use core::ops::Deref;

use crate::config::Config;
use crate::lifecycle::Lifecycle;
use crate::lifecycle::canonical::Canonical;
use crate::lifecycle::deadline::Deadline;
use crate::lifecycle::packing::{Packer, Unpacker};
use crate::lifecycle::role::LifecycleRole;
use crate::lifecycle::state::{ConnectionState, Ended, RequestFacts};
use crate::time::Instant;

/// An idle connection that is put away: see [`Connection::park`](crate::Connection::park).
///
/// ```
/// use http_keepalive::{Config, Connection, Instant, Parked, Server};
///
/// let connection = Connection::<Server>::new(Instant::EPOCH, &Config::DEFAULT);
/// let parked = connection.park().expect("nothing is going on");
/// assert_eq!(parked.next_deadline(&Config::DEFAULT), connection.next_deadline());
/// let kept: [u8; Parked::<Server>::OCTETS] = parked.to_octets();
/// assert_eq!(Connection::unpark(Parked::from_octets(kept), &Config::DEFAULT), connection);
/// ```
pub struct Parked<R> {
    octets: [u8; OCTETS],
    role: PhantomData<fn() -> R>,
}

const OCTETS: usize = 40;
/// No end, in six octets.
const NEVER: u64 = 0xFFFF_FFFF_FFFF;
impl<R> Parked<R> {
    /// Its size.
    pub const OCTETS: usize = OCTETS;

    /// As octets, to be handed to another process; the same on every machine.
    pub const fn to_octets(&self) -> [u8; OCTETS] {
        self.octets
    }

    /// From [`to_octets`](Self::to_octets). Other octets make some connection, and harm nobody else.
    pub const fn from_octets(octets: [u8; OCTETS]) -> Self {
        Self { octets, role: PhantomData }
    }
}

impl<R: LifecycleRole> Parked<R> {
    /// What is due next of the connection, if nothing happens before. Then it is to be unparked and told of the time.
    pub fn next_deadline(&self, config: &Config<R>) -> Option<Deadline> {
        Lifecycle::unpark(*self, config).next_deadline()
    }

    /// [`Lifecycle::canonical`] of the connection that was parked.
    pub fn canonical(&self, config: &Config<R>, now: Instant) -> Canonical<R> {
        Lifecycle::unpark(*self, config).canonical(now)
    }
}

impl<R: LifecycleRole, C: Deref<Target = Config<R>>> Lifecycle<R, C> {
    /// [`Connection::park`](crate::Connection::park)
    pub fn park(&self) -> Option<Parked<R>> {
        pack(self, 0)
    }

    /// [`Connection::unpark`](crate::Connection::unpark)
    pub fn unpark(parked: Parked<R>, config: C) -> Self {
        unpack(&parked, config).0
    }
}

/// How the last message of an idle connection ended, as two bits.
const ENDED: [(Ended, u64); 3] = [(Ended::ByCall, 0), (Ended::ByLength, 1), (Ended::WithHead, 3)];

pub(crate) fn pack<R: LifecycleRole, C: Deref<Target = Config<R>>>(
    lifecycle: &Lifecycle<R, C>,
    offset: u64,
) -> Option<Parked<R>> {
    let state = &lifecycle.state;
    let ConnectionState { receive, send, lifetime, .. } = state;
    let idle = lifetime.is_open() && state.is_between_exchanges() && send.unsent == 0;
    let unread = receive.unread > 0 || receive.has_ended();
    let ends = !lifetime.causes.is_empty() || lifetime.passed.is_some() || receive.given_up;
    if !idle || unread || ends || send.request != RequestFacts::NONE {
        return None;
    }
    let still_since = send.still_since.as_nanos();
    let (_, ended) = ENDED.iter().find(|(ended, _)| *ended == send.ended)?;
    // of a client the role keeps them
    let empty_lines = if R::IS_CLIENT { 0 } else { u64::from(receive.empty_lines) };
    let mut packer = Packer { octets: [0; OCTETS], at: 0 };
    packer.put(still_since, 8)?;
    let age = match lifetime.age_ends_at() {
        Instant::MAX => NEVER,
        end => Some(end.as_nanos().checked_sub(still_since)?).filter(|&age| age != NEVER)?,
    };
    packer.put(age, 6)?;
    packer.put(state.latest.as_nanos().checked_sub(still_since)?, 6)?;
    packer.put(offset, 6)?;
    packer.put(lifetime.exchanges.into(), 4)?;
    packer.put(lifetime.jitter.into(), 2)?;
    packer.put(u64::from(send.peer_is_http10) | ended << 1 | empty_lines << 3, 1)?;
    for octet in R::pack(state, &lifecycle.config.settings().limits)? {
        packer.put(octet.into(), 1)?;
    }
    Some(Parked::from_octets(packer.octets))
}

/// The lifecycle that was packed, and the offset.
pub(crate) fn unpack<R: LifecycleRole, C: Deref<Target = Config<R>>>(
    parked: &Parked<R>,
    config: C,
) -> (Lifecycle<R, C>, u64) {
    let mut unpacker = Unpacker { octets: &parked.octets, at: 0 };
    let still_since = unpacker.take(8);
    let mut state = ConnectionState::new(Instant::from_nanos(still_since));
    state.lifetime.set_age_end(match unpacker.take(6) {
        NEVER => Instant::MAX,
        age => Instant::from_nanos(still_since.saturating_add(age)),
    });
    state.latest = Instant::from_nanos(still_since.saturating_add(unpacker.take(6)));
    let offset = unpacker.take(6);
    state.lifetime.exchanges = unpacker.take(4) as u32;
    state.lifetime.jitter = unpacker.take(2) as u16;
    let bits = unpacker.take(1);
    state.send.peer_is_http10 = bits & 1 != 0;
    state.send.ended =
        ENDED.iter().find(|(_, ended)| *ended == bits >> 1 & 3).map_or(Ended::ByCall, |(ended, _)| *ended);
    state.receive.empty_lines = (bits >> 3) as u8;
    let own = core::array::from_fn(|_| unpacker.take(1) as u8);
    R::unpack(own, &mut state);
    (Lifecycle { config, exchange_config: None, state }, offset)
}

impl<R> Clone for Parked<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Parked<R> {}

impl<R> PartialEq for Parked<R> {
    fn eq(&self, other: &Self) -> bool {
        self.octets == other.octets
    }
}

impl<R> Eq for Parked<R> {}

impl<R> core::hash::Hash for Parked<R> {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.octets.hash(state);
    }
}

impl<R> fmt::Debug for Parked<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut unpacker = Unpacker { octets: &self.octets, at: 0 };
        let left = Instant::from_nanos(unpacker.take(8));
        f.debug_struct("Parked").field("left", &left).finish_non_exhaustive()
    }
}
