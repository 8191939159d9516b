//! What is kept of a key beside its record, of the few keys of which there is anything.
//!
//! A key that has a note says so in its record, so that others pay nothing for it. A note goes with its key, or once it says nothing
//! any more.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

use super::index::OriginIndex;
use super::origins::Origins;
use crate::time::Instant;

/// A key's note.
#[derive(Debug)]
pub(super) struct Note {
    /// Connections that were handed out by then are of an earlier generation.
    pub(super) generation: Option<Instant>,
}

impl Note {
    const NEW: Self = Self { generation: None };
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
