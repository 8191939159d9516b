//! Parking a connection between two messages: what is kept is of its [lifecycle](crate::lifecycle::parking), and its offset.

use core::ops::Deref;

use crate::config::Config;
use crate::connection::Connection;
use crate::connection::receive::Reading;
use crate::connection::role::Role;
use crate::lifecycle::parking::{self, Parked};

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
        parking::pack(&self.lifecycle, self.offset)
    }

    /// The connection that was parked.
    pub fn unpark(parked: Parked<R>, config: C) -> Self {
        let (lifecycle, offset) = parking::unpack(&parked, config);
        Self { lifecycle, reading: Reading::FRESH, offset }
    }
}
