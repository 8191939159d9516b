//! Content of the client's request that lies in the client's input: what is being passed, and what can be passed again.

use core::ops::Range;

use arrayvec::ArrayVec;

/// More than this many pieces are not kept: those that lie side by side are one.
const MOST_PIECES: usize = 16;

/// Pieces of content, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Pieces {
    places: ArrayVec<(usize, usize), MOST_PIECES>,
    /// How many of them the upstream has been given.
    handed: usize,
    /// Some content that came is not among them: it can not be sent again.
    lost: bool,
}

impl Pieces {
    /// Content came, and goes to the upstream now. Those before it have left, or lie before it.
    pub(super) fn add(&mut self, place: &Range<usize>, most: usize) {
        debug_assert!(self.is_all_handed(), "content comes after what came before it was given");
        let octets: usize = self.places.iter().map(|(from, to)| to - from).sum();
        if octets + place.len() > most || (self.places.is_full() && !self.follows(place)) {
            self.forget();
        }
        match self.places.last_mut() {
            Some((_, to)) if *to == place.start => *to = place.end,
            _ => self.places.push((place.start, place.end)),
        }
        self.handed = self.places.len();
    }

    fn follows(&self, place: &Range<usize>) -> bool {
        self.places.last().is_some_and(|(_, to)| *to == place.start)
    }

    /// What has left is not sent again.
    pub(super) fn forget(&mut self) {
        self.lost = true;
        self.places.clear();
        self.handed = 0;
    }

    /// All content that came can be sent again.
    pub(super) fn is_replayable(&self) -> bool {
        !self.lost
    }

    /// From the first octet again.
    pub(super) fn rewind(&mut self) {
        self.handed = 0;
    }

    /// The upstream has been given all that came.
    pub(super) fn is_all_handed(&self) -> bool {
        self.handed == self.places.len()
    }

    /// How many octets the next piece has that the upstream has not been given.
    pub(super) fn next(&self) -> Option<usize> {
        self.places.get(self.handed).map(|(from, to)| to - from)
    }

    /// It has been given it.
    pub(super) fn hand(&mut self) {
        self.handed = (self.handed + 1).min(self.places.len());
    }

    /// Where the octets end that are being passed.
    pub(super) fn passing_end(&self) -> usize {
        self.handed.checked_sub(1).and_then(|last| self.places.get(last)).map_or(0, |(_, to)| *to)
    }

    /// Where the last of them ends: what is read goes after it. `None`: nothing is to stay.
    pub(super) fn end(&self) -> Option<usize> {
        self.places.last().map(|(_, to)| *to)
    }
}
