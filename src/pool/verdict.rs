//! What a machine says of its connection, as a pool wants to hear it.

use super::api::{Ended, Returned};
use super::reasons::Taint;
use crate::close_reason::CloseReason;
use crate::lifecycle::persistence::Persistence;
use crate::lifecycle::retry::Reusable;

impl Returned {
    /// With both verdicts of a client's machine: [`persistence`](crate::Connection::persistence), and
    /// [`reusable`](crate::Connection::reusable) at the instant of the check-in, whose `until` becomes
    /// [`with_until`](Self::with_until). What is reusable stays; what is not ends, for the reason that the machine gives; where an
    /// exchange is not over, content is unread ([`Taint::UnreadContent`]).
    ///
    /// ```
    /// use http_keepalive::pool::Returned;
    /// use http_keepalive::{CloseReason, Instant, Persistence, Reusable, ReuseReason};
    ///
    /// let persists = Persistence::Reuse(ReuseReason::Http11);
    /// let until = Some(Instant::from_secs(5));
    /// assert_eq!(Returned::of_machine(persists, Reusable::Now { until }), Returned::new(persists).with_until(until));
    /// let ended = Reusable::No(CloseReason::PeerClosed);
    /// assert_eq!(Returned::of_machine(persists, ended), Returned::new(Persistence::Close(CloseReason::PeerClosed)));
    /// ```
    pub const fn of_machine(persistence: Persistence, reusable: Reusable) -> Self {
        match (reusable, persistence) {
            (Reusable::Now { until }, _) => Self::new(persistence).with_until(until),
            (Reusable::No(_), Persistence::Close(_) | Persistence::Tunnel(_)) => Self::new(persistence),
            (Reusable::No(reason), _) => Self::new(Persistence::Close(reason)),
            (Reusable::Wait(_), _) => Self::new(persistence).with_taint(Some(Taint::UnreadContent)),
        }
    }
}

impl Ended {
    /// With what a client's machine says of its end ([`ended_by`](crate::Connection::ended_by)). `unanswered`: it had been idle in the
    /// pool, and no status line has come since. `None`, and what is no doing of the peer's: we closed it.
    ///
    /// ```
    /// use http_keepalive::CloseReason;
    /// use http_keepalive::pool::Ended;
    ///
    /// assert_eq!(Ended::of_machine(Some(CloseReason::PeerClosed), true), Ended::DeadAtReuse);
    /// assert_eq!(Ended::of_machine(Some(CloseReason::PeerClosed), false), Ended::ByPeer);
    /// assert_eq!(Ended::of_machine(Some(CloseReason::Unsolicited), true), Ended::Unsolicited);
    /// assert_eq!(Ended::of_machine(Some(CloseReason::ResponseTimeout), true), Ended::ByUs);
    /// ```
    pub const fn of_machine(ended_by: Option<CloseReason>, unanswered: bool) -> Self {
        match ended_by {
            Some(CloseReason::Unsolicited) => Self::Unsolicited,
            Some(CloseReason::PeerClosed | CloseReason::Incomplete | CloseReason::TransportFailed) if unanswered => {
                Self::DeadAtReuse
            }
            Some(CloseReason::PeerClosed | CloseReason::Incomplete | CloseReason::TransportFailed) => Self::ByPeer,
            _ => Self::ByUs,
        }
    }
}
