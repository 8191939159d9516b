//! What a relay does with a drive that no other application does: it writes the content of one drive from the input of another, and so has
//! that input stay as it is meanwhile.
//!
//! Content that was told lies before what is offered next. It stays there until something is read over it: [`keep`](Drive::keep) has the next
//! read go after it, and [`room_after`](Drive::room_after) moves nothing. Where the storage does not grow, nothing is read at all meanwhile
//! ([`hold`](Drive::hold)).

use core::ops::{Deref, Range};

use super::{Drive, DriveRole, Offer, PeerEnd, READ, Storage};
use crate::config::{Config, Server};
use crate::error::SendError;
use crate::time::Instant;

impl<R: DriveRole, S: Storage, C: Deref<Target = Config<R>>> Drive<R, S, C> {
    /// Where in the input the content lies that was told last: its first octet, by address, and how many they are.
    pub(crate) fn place_of(&self, address: usize, octets: usize) -> Range<usize> {
        let from = address.wrapping_sub(self.input.storage.octets().as_ptr() as usize);
        debug_assert!(from + octets <= self.input.storage.octets().len(), "content lies in the input");
        from..from.wrapping_add(octets)
    }

    /// The octets of the input there, whether they were told or not.
    pub(crate) fn input_octets(&self, place: Range<usize>) -> &[u8] {
        self.input.storage.octets().get(place).unwrap_or_default()
    }

    /// What lies before `end` stays: the next read goes after it.
    pub(crate) fn keep(&mut self, end: usize) {
        let input = &mut self.input;
        if input.from < end && input.is_empty() {
            (input.from, input.to) = (end, end);
        }
        debug_assert!(input.from >= end, "what is kept was told");
    }

    /// Nothing stays any more.
    pub(crate) fn keep_nothing(&mut self) {
        if self.input.is_empty() {
            (self.input.from, self.input.to) = (0, 0);
        }
    }

    /// As [`room`](Self::room), and nothing of the input moves.
    pub(crate) fn room_after(&mut self) -> &mut [u8] {
        if self.reading.offer == Offer::Lent {
            return &mut [];
        }
        let to = self.input.to;
        self.input.storage.grow(to.saturating_add(READ));
        self.input.storage.octets_mut().get_mut(to..).unwrap_or_default()
    }

    /// Nothing is read or offered, or it is again. The storage is not lent meanwhile.
    pub(crate) fn hold(&mut self, holds: bool) {
        if holds == self.is_held() {
            return;
        }
        self.connection.moved();
        self.reading.offer = if holds { Offer::Lent } else { Offer::Due };
    }

    /// Nothing is read or offered.
    pub(crate) fn is_held(&self) -> bool {
        self.reading.offer == Offer::Lent
    }

    /// All that has come was looked at.
    pub(crate) fn has_looked(&self) -> bool {
        self.reading.offer == Offer::Nothing && !matches!(self.reading.end, PeerEnd::Came(_))
    }

    /// There is room for a head in the output, if there ever is.
    pub(crate) fn has_room_for_head(&self) -> bool {
        if S::GROWS { !self.output.is_full() } else { self.output.is_empty() }
    }

    /// Content of the caller's is to be written, and has not left.
    pub(crate) fn passes(&self) -> bool {
        self.output.passed.is_some()
    }

    /// All that was to be sent has left.
    pub(crate) fn output_is_empty(&self) -> bool {
        self.output.is_empty()
    }
}

impl<S: Storage, C: Deref<Target = Config<Server>>> Drive<Server, S, C> {
    /// [`Connection::close_unanswered`](crate::Connection::close_unanswered): closes, and does not answer the request that is open.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn close_unanswered(&mut self, now: Instant) -> Result<(), SendError> {
        self.connection.moved().close_unanswered(now)?;
        self.after_intent();
        Ok(())
    }
}
