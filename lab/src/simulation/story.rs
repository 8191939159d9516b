//! What each lifecycle was told, and what it answered: to be told to a `Connection`, which reads octets, and compared.

use http_keepalive::{CloseReason, Deadline, Persistence, Phase};

use super::Simulation;

/// What a response's head said, as far as its client heeds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Octets of content.
    pub octets: u32,
    /// The connection option `close`.
    pub closes: bool,
    /// The connection option `keep-alive`.
    pub keeps_alive: bool,
    /// `Keep-Alive: timeout=`
    pub timeout: Option<u16>,
    /// `Keep-Alive: max=`
    pub max: Option<u16>,
}

/// What one of the two lifecycles of a connection was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Fact {
    Accepted,
    RequestRead { is_post: bool, is_http10: bool, closes: bool, keeps_alive: bool },
    Responded { content: u32, left: u64 },
    Left { octets: u64 },
    Dropped { octets: u32 },
    NothingToRead,
    ClientEnded { resets: bool },
    ServerTimedOut,
    ServerShut,
    PlaceNeeded,
    Drained,
    Opened { knows_http11: bool },
    Asked { is_post: bool, is_http10: bool },
    HeadRead { octets: u32, head: Option<Head> },
    ContentRead { octets: u32 },
    EndRead,
    ResetRead,
    ClientTimedOut,
    ClientCloses,
    ClientAborts,
}

impl Fact {
    /// Whether the server was told.
    pub const fn is_of_server(&self) -> bool {
        matches!(
            self,
            Self::Accepted
                | Self::RequestRead { .. }
                | Self::Responded { .. }
                | Self::Left { .. }
                | Self::Dropped { .. }
                | Self::NothingToRead
                | Self::ClientEnded { .. }
                | Self::ServerTimedOut
                | Self::ServerShut
                | Self::PlaceNeeded
                | Self::Drained
        )
    }
}

/// Where a lifecycle stands after it was told something.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "the names are those of the calls")]
pub struct Standing {
    pub persistence: Persistence,
    pub next_deadline: Option<Deadline>,
    pub ended_by: Option<CloseReason>,
    pub phase: Phase,
}

/// A fact, when it was told, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Told {
    /// Nanoseconds.
    pub at: u64,
    /// The connection, by a number in the order of opening.
    pub connection: u32,
    /// The fact.
    pub fact: Fact,
    /// Of the lifecycle that was told.
    pub standing: Standing,
}

/// All of it, in order.
#[derive(Clone, Debug, Default)]
pub struct Story {
    /// What was told.
    pub told: Vec<Told>,
}

impl<const DEPTH: usize> Simulation<'_, DEPTH> {
    /// Records what was told, if a story is wanted.
    #[inline]
    pub(super) fn tell(&mut self, now: u64, connection: u32, fact: Fact) {
        if self.story.is_some() {
            self.record(now, connection, fact);
        }
    }

    #[cold]
    fn record(&mut self, now: u64, place: u32, fact: Fact) {
        macro_rules! standing {
            ($lifecycle:expr) => {
                $lifecycle.as_ref().map(|it| Standing {
                    persistence: it.persistence(),
                    next_deadline: it.next_deadline(),
                    ended_by: it.ended_by(),
                    phase: it.phase(),
                })
            };
        }
        let told = &self.connections[place as usize];
        let standing = if fact.is_of_server() { standing!(told.server) } else { standing!(told.client) };
        let (Some(standing), Some(story)) = (standing, &mut self.story) else { return };
        let connection = told.serial;
        story.told.push(Told { at: now, connection, fact, standing });
    }
}
