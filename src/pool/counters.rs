//! What a pool did, counted by cause.

use super::reasons::{EndReason, RefuseReason};

/// Counts since the pool was made. At a billion a second they would wrap after 584 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Idle connections handed out.
    pub reused: u64,
    /// Permits given.
    pub permitted: u64,
    /// Connections opened with one.
    pub opened: u64,
    /// Connections that came back and were kept.
    pub kept: u64,
    /// Requests that began to wait. Those that wait while their connection is being opened are among them once it could not be.
    pub waited: u64,
    /// Requests that went on after they had waited.
    pub went_on: u64,
    /// Requests that began to wait while their connection is being opened.
    pub waited_opening: u64,
    /// Of these, the ones that were given another connection first.
    pub overtaken: u64,
    /// Keys that came into quarantine, each time.
    pub quarantined: u64,
    ended: [u64; EndReason::ALL.len()],
    refused: [u64; RefuseReason::ALL.len()],
}

impl Counters {
    pub(super) const ZERO: Self = Self {
        reused: 0,
        permitted: 0,
        opened: 0,
        kept: 0,
        waited: 0,
        went_on: 0,
        waited_opening: 0,
        overtaken: 0,
        quarantined: 0,
        ended: [0; EndReason::ALL.len()],
        refused: [0; RefuseReason::ALL.len()],
    };

    /// Connections and permits that left the pool for this cause.
    pub fn ended(&self, why: EndReason) -> u64 {
        self.ended.get(why as usize).copied().unwrap_or(0)
    }

    /// Requests that got nothing for this cause.
    pub fn refused(&self, why: RefuseReason) -> u64 {
        self.refused.get(why as usize).copied().unwrap_or(0)
    }

    #[cfg(debug_assertions)]
    pub(super) fn ended_in_all(&self) -> u64 {
        self.ended.iter().sum()
    }

    pub(super) fn count_end(&mut self, why: EndReason) {
        if let Some(count) = self.ended.get_mut(why as usize) {
            *count += 1;
        }
    }

    pub(super) fn count_refusal(&mut self, why: RefuseReason) {
        if let Some(count) = self.refused.get_mut(why as usize) {
            *count += 1;
        }
    }
}
