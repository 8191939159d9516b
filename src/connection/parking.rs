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
use crate::connection::Connection;
use crate::connection::receive::Reading;
use crate::connection::role::Role;
use crate::lifecycle::Lifecycle;
use crate::lifecycle::deadline::Deadline;
use crate::lifecycle::packing::{Packer, Unpacker};
use crate::lifecycle::state::{Machine, flag};
use crate::lifecycle::teardown::Stage;
use crate::time::Instant;

/// An idle connection that is put away: see [`Connection::park`].
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

impl<R: Role> Parked<R> {
    /// What is due next of the connection, if nothing happens before. Then it is to be unparked and told of the time.
    pub fn next_deadline(&self, config: &Config<R>) -> Option<Deadline> {
        Lifecycle::unpark(*self, config).next_deadline()
    }
}

impl<R: Role, C: Deref<Target = Config<R>>> Connection<R, C> {
    /// The connection as plain data, if it is idle and nothing of the peer's is left in the buffer: to be resumed by
    /// [`unpark`](Self::unpark) when an octet or an end arrives, when a request is to be sent, when its deadline is due or when it is
    /// to be closed.
    pub fn park(&self) -> Option<Parked<R>> {
        let between = match self.reading {
            Reading::Next => true,
            reading => reading == Reading::FRESH,
        };
        if !between {
            return None;
        }
        pack(&self.lifecycle, self.offset, self.empty_lines)
    }

    /// The connection that was parked.
    pub fn unpark(parked: Parked<R>, config: C) -> Self {
        let (lifecycle, offset, empty_lines) = unpack(&parked.octets, config);
        Self { lifecycle, reading: Reading::FRESH, offset, empty_lines }
    }
}

impl<R: Role, C: Deref<Target = Config<R>>> Lifecycle<R, C> {
    /// [`Connection::park`]
    pub fn park(&self) -> Option<Parked<R>> {
        pack(self, 0, 0)
    }

    /// [`Connection::unpark`]
    pub fn unpark(parked: Parked<R>, config: C) -> Self {
        unpack(&parked.octets, config).0
    }
}

/// Flags that an idle connection can have, one bit each from the lowest.
const FLAGS: [u16; 3] = [flag::HTTP10, flag::ENDED, flag::SUPPRESSED];

fn pack<R: Role, C: Deref<Target = Config<R>>>(
    lifecycle: &Lifecycle<R, C>,
    offset: u64,
    empty_lines: u8,
) -> Option<Parked<R>> {
    let machine = &lifecycle.machine;
    let idle = machine.stage == Stage::Open
        && machine.between_exchanges()
        && machine.pending == 0
        && machine.unread == 0
        && machine.ahead == 0;
    let known = FLAGS.iter().fold(R::FLAGS, |known, flag| known | flag);
    if !idle || !machine.causes.is_empty() || machine.looking.is_some() || machine.flags & !known != 0 {
        return None;
    }
    let left = machine.left.as_nanos();
    let bits = FLAGS.iter().enumerate().map(|(bit, &flag)| u64::from(machine.is(flag)) << bit).sum::<u64>();
    let mut packer = Packer { octets: [0; OCTETS], at: 0 };
    packer.put(left, 8)?;
    let life = if machine.life == Instant::MAX { NEVER } else { machine.life.as_nanos().checked_sub(left)? };
    if life == NEVER && machine.life != Instant::MAX {
        return None;
    }
    packer.put(life, 6)?;
    packer.put(machine.latest.as_nanos().checked_sub(left)?, 6)?;
    packer.put(offset, 6)?;
    packer.put(machine.exchanges.into(), 4)?;
    packer.put(machine.jitter.into(), 2)?;
    packer.put(bits | u64::from(empty_lines) << FLAGS.len(), 1)?;
    for octet in R::pack(&lifecycle.state, machine, &lifecycle.config.settings().limits)? {
        packer.put(octet.into(), 1)?;
    }
    Some(Parked::from_octets(packer.octets))
}

fn unpack<R: Role, C: Deref<Target = Config<R>>>(octets: &[u8; OCTETS], config: C) -> (Lifecycle<R, C>, u64, u8) {
    let mut unpacker = Unpacker { octets, at: 0 };
    let left = unpacker.take(8);
    let life = match unpacker.take(6) {
        NEVER => Instant::MAX,
        life => Instant::from_nanos(left.saturating_add(life)),
    };
    let latest = left.saturating_add(unpacker.take(6));
    let offset = unpacker.take(6);
    let exchanges = unpacker.take(4) as u32;
    let jitter = unpacker.take(2) as u16;
    let bits = unpacker.take(1) as u8;
    let mut machine = Machine::new(Instant::from_nanos(left), R::FLAGS);
    machine.life = life;
    machine.latest = Instant::from_nanos(latest);
    machine.exchanges = exchanges;
    machine.jitter = jitter;
    for (bit, flag) in FLAGS.iter().enumerate() {
        if bits >> bit & 1 != 0 {
            machine.flags |= flag;
        }
    }
    let own = core::array::from_fn(|_| unpacker.take(1) as u8);
    let state = R::unpack(own, &mut machine);
    (Lifecycle { config, machine, state }, offset, bits >> FLAGS.len())
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
