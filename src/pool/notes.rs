//! What is kept of a key beside its record, of the few keys of which there is anything.
//!
//! A key that has a note says so in its record, so that others pay nothing for it. A note goes with its key, or once it says nothing
//! any more.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hash};

use super::index::{OriginIndex, elapsed};
use super::origins::Origins;
use super::reasons::EndReason;
use crate::config::nanos::Span;
use crate::time::Instant;

/// A key's note.
#[derive(Debug)]
pub(super) struct Note {
    /// Connections that were handed out by then are of an earlier generation.
    pub(super) generation: Option<Instant>,
    /// When its connections ended for octets that nobody asked for, the last few times.
    pub(super) unsolicited: VecDeque<Instant>,
    /// Until then none of its connections is used again.
    pub(super) quarantined_until: Instant,
}

impl Note {
    const NEW: Self = Self { generation: None, unsolicited: VecDeque::new(), quarantined_until: Instant::EPOCH };

    /// A connection that was handed out then may be used again, or why not.
    pub(super) fn allows_reuse(&self, now: Instant, since: Instant) -> Result<(), EndReason> {
        if self.generation.is_some_and(|generation| since <= generation) {
            Err(EndReason::Generation)
        } else if now < self.quarantined_until {
            Err(EndReason::Quarantine)
        } else {
            Ok(())
        }
    }

    /// It may still matter. `is_held`: the key has connections.
    pub(super) fn is_needed(&self, now: Instant, quarantine: Span, is_held: bool) -> bool {
        let is_recent = |&last: &Instant| elapsed(last, now) < quarantine;
        self.generation.is_some() && is_held
            || now < self.quarantined_until
            || self.unsolicited.back().is_some_and(is_recent)
    }
}

/// All notes.
pub(super) type Notes = HashMap<OriginIndex, Note>;

impl<K: Hash + Eq, S: BuildHasher> Origins<K, S> {
    /// The note of a key, if it has one.
    #[inline]
    pub(super) fn note(&self, index: OriginIndex) -> Option<&Note> {
        if self.all[index].is_noted { self.notes.get(&index) } else { None }
    }

    /// The note of a key, which it has from now on.
    pub(super) fn note_mut(&mut self, index: OriginIndex) -> &mut Note {
        self.all[index].is_noted = true;
        self.notes.entry(index).or_insert(Note::NEW)
    }
}
