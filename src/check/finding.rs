//! What does not fit: how badly, and why.

use core::fmt;
use core::time::Duration;

use super::cure::Cure;
use super::shown::Shown;
use crate::reasons::reasons;

/// How badly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// For information.
    Note,
    /// Costs connections or time, or sometimes loses requests that are then repeated.
    Warning,
    /// Loses requests.
    Error,
}

impl Severity {
    /// As a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

reasons! {
    /// What can go wrong between a client and a server.
    pub enum Hazard {
        /// A request can arrive when the server has closed the idle connection.
        IdleRace => "idle-race", "RFC 9112 9.5";
        /// A request can arrive when the server has closed the idle connection for its age.
        AgeRace => "age-race", "RFC 9112 9.5";
        /// The first request of a connection can arrive when the server has closed it.
        UnusedRace => "unused-race", "RFC 9112 9.5";
        /// The idle timer goes on within a head: the time for a head depends on how long the connection was idle.
        HeadTimer => "head-timer-is-idle-timer", "hyperium/hyper#3970";
        /// The hint promises more than is kept.
        HintNotKept => "hint-not-kept", "RFC 2068 19.7.1.1";
        /// The hint promises all that is kept: a client that believes it to the last moment meets the close.
        HintWithoutGuard => "hint-without-guard", "RFC 2068 19.7.1.1";
        /// A hint is sent, and no connection is closed by it.
        HintNotEnforced => "hint-not-enforced", "RFC 2068 19.7.1.1";
        /// The client may hold more connections than the server serves at once.
        PoolOverCap => "pool-over-cap", "RFC 9112 9.4";
        /// Requests go out after the one that the server answers last.
        PipelineOverMax => "pipeline-over-max", "RFC 9112 9.3.2";
        /// Requests can wait for a connection without end.
        Starvation => "starvation", "hyperium/hyper#2236";
        /// A request on its way is lost when the server is restarted.
        DrainRace => "drain-race", "RFC 9112 9.6";
        /// A restart can take for ever.
        DrainEndless => "drain-endless", "RFC 9112 9.6";
        /// A close at once can destroy an answer that has left: pipelined requests meet a closed socket, and its reset takes the answer
        /// with it.
        AnswerDestroyed => "answer-destroyed", "RFC 9112 9.6";
        /// A request that is not idempotent can be done twice.
        BlindRepeat => "blind-repeat", "RFC 9110 9.2.2";
    }
}

/// Something that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Finding {
    /// How badly.
    pub severity: Severity,
    /// What.
    pub hazard: Hazard,
    /// What the client does, where it is a time: the latest arrival of a request, for a race.
    pub client: Option<Duration>,
    /// What the server does, where it is a time.
    pub server: Option<Duration>,
    /// The smallest change that cures it, if one does.
    pub cure: Option<Cure>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.hazard, self.client, self.server) {
            (Hazard::IdleRace, Some(client), Some(server)) => write!(
                f,
                "a request can arrive {} after the last response, and the server closes after {}",
                Shown(client),
                Shown(server)
            ),
            (Hazard::IdleRace, None, Some(server)) => {
                write!(
                    f,
                    "the client keeps connections without end, and the server closes them after {}",
                    Shown(server)
                )
            }
            (Hazard::AgeRace, Some(client), Some(server)) => write!(
                f,
                "a request can arrive on a connection {} old, and the server closes idle ones at {}",
                Shown(client),
                Shown(server)
            ),
            (Hazard::AgeRace, None, Some(server)) => write!(
                f,
                "the client uses connections of any age, and the server closes idle ones at {}",
                Shown(server)
            ),
            (Hazard::UnusedRace, Some(client), Some(server)) => write!(
                f,
                "the first request can arrive {} after the opening, and the server closes a fresh connection after {}",
                Shown(client),
                Shown(server)
            ),
            (Hazard::UnusedRace, None, Some(server)) => write!(
                f,
                "the client keeps unused connections without end, and the server closes fresh ones after {}",
                Shown(server)
            ),
            (Hazard::HeadTimer, Some(client), Some(server)) => write!(
                f,
                "one timer of {} for idleness and head: a request that arrives after {} has little of it left",
                Shown(server),
                Shown(client)
            ),
            (Hazard::HeadTimer, ..) => f.write_str("one timer for idleness and head"),
            (Hazard::HintNotKept, Some(said), Some(kept)) => {
                write!(f, "the server says {} and keeps connections for {}", Shown(said), Shown(kept))
            }
            (Hazard::HintWithoutGuard, Some(said), _) => write!(
                f,
                "the server says {} and closes at that moment: a client that believes it meets the close",
                Shown(said)
            ),
            (Hazard::HintNotEnforced, Some(said), _) => {
                write!(f, "the server says {} and never closes an idle connection", Shown(said))
            }
            (Hazard::PoolOverCap, ..) => {
                f.write_str("the client may hold more connections than the server serves at once")
            }
            (Hazard::PipelineOverMax, ..) => {
                f.write_str("requests are sent after the one that the server answers last, and have to be repeated")
            }
            (Hazard::Starvation, ..) => f.write_str("a request can wait for a connection without end"),
            (Hazard::DrainRace, _, _) => {
                f.write_str("at a restart idle connections close at once, and a request on its way is lost")
            }
            (Hazard::DrainEndless, ..) => f.write_str("a restart waits for connections that nothing ends"),
            (Hazard::AnswerDestroyed, _, stays) => write!(
                f,
                "requests are pipelined, and an idle connection that is closed stays for {}: the reset of a later request can destroy an \
                 answer that has left",
                Shown(stays.unwrap_or_default())
            ),
            (Hazard::BlindRepeat, ..) => {
                f.write_str("what the race loses is repeated whatever its method: it can be done twice")
            }
            (hazard, ..) => f.write_str(hazard.as_str()),
        }
    }
}
