//! Do two policies fit, over the network between them?
//!
//! [`check`] is a pure function over a client, a server and a network: what will go wrong, how badly, and the smallest change
//! that cures it. It knows nothing but the settings of the two sides and the network.
//!
//! **The idle race.** A client may send as long as it has been idle for less than `C`: its own limit, or the server's hint less
//! the client's margin. The server closes once it has been idle for `S`. The client's clock begins half a round trip later than the
//! server's, and its octets take another half: they arrive at `C` and a round trip at the latest. Beyond `S` they meet a closed
//! connection: the request is lost, unless it may be repeated (RFC 9112 9.5, 9.3.1). Timers fire late, by `granularity` at most:
//!
//! ```text
//! C + round trip + granularity ≤ S          safe
//! C + round trip > S + 2 × granularity      requests are lost
//! in between                                it depends on how late the timers are
//! ```
//!
//! **The age** is the same race once in a connection's life, where a server closes an idle connection for its age. There is none where the
//! age is only announced (`age_close`), and none for a client that is told a hint and keeps to it: a server of this crate promises no more
//! than is left of the age, less a guard (the difference of `idle` and `idle_advertised`, 5 s at most).
//!
//! **A restart** closes idle connections, unless the server goes on serving them (`drain_mode`), keeps them for a round trip
//! (`drain_window`), or closes none before a client's last request has come (`idle_shield`).
//!
//! **An answer that has left** is destroyed where a pipelined request arrives on a closed socket: TCP answers with a reset, and the client
//! loses what it has not read (RFC 9112 9.6). A server that waits after its half-close (`linger_gap`) for a round trip loses none.
//!
//! **Severity.** An error loses requests, or can. A warning costs connections, or loses requests only where the client repeats
//! every request, or where timers are late. A note is for information.
//!
//! ```
//! use core::time::Duration;
//! use http_keepalive::check::{Hazard, Network, Severity, check};
//! use http_keepalive::presets;
//!
//! let (balancer, node) = (presets::client("aws-alb").unwrap(), presets::server("node").unwrap());
//! let findings = check(balancer, node, &Network::of(Duration::from_millis(50)));
//! assert_eq!((findings[0].severity, findings[0].hazard), (Severity::Error, Hazard::IdleRace));
//! // the cure is a change that can be made
//! let mut cured = *node;
//! findings[0].cure.expect("there is one").apply(&mut balancer.clone(), &mut cured);
//! assert!(check(balancer, &cured, &Network::of(Duration::from_millis(50))).iter().all(|one| one.severity < Severity::Error));
//! ```

mod cure;
mod finding;
mod rules;
mod shown;

use core::time::Duration;
use std::vec::Vec;

use crate::presets::{ClientPreset, ServerPreset};

pub use cure::{Cure, Side, To};
pub use finding::{Finding, Hazard, Severity};

/// The network between a client and its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "users describe theirs by it: one more property of a network changes findings, and so breaks on purpose"
)]
pub struct Network {
    /// From one side to the other and back.
    pub round_trip: Duration,
    /// How late timers of either side are at most: event loops that sweep, and processes that are busy.
    pub granularity: Duration,
}

impl Network {
    /// Of this round trip, with timers that are late by 10 ms at most: those of a process that is not overloaded.
    pub const fn of(round_trip: Duration) -> Self {
        Self { round_trip, granularity: Duration::from_millis(10) }
    }
}

/// What does not fit, the gravest first; findings of one severity in the order of [`Hazard`].
pub fn check(client: &ClientPreset, server: &ServerPreset, network: &Network) -> Vec<Finding> {
    let mut findings = Vec::new();
    rules::Pair { client, server, network }.judge(&mut findings);
    findings.sort_by_key(|finding: &Finding| (core::cmp::Reverse(finding.severity), finding.hazard));
    findings
}

/// One hop of a chain.
pub type Hop<'p> = (&'p ClientPreset, &'p ServerPreset, Network);

/// Every hop of a chain, from the outermost client to the last server: each finding with the number of its hop, from 0.
///
/// A proxy is a server to its client, and a client to its server. Each hop has its own connections, and nothing of one reaches
/// another (RFC 9110 7.6.1).
pub fn check_chain(hops: &[Hop<'_>]) -> Vec<(usize, Finding)> {
    let each = hops.iter().enumerate();
    each.flat_map(|(number, (client, server, network))| {
        check(client, server, network).into_iter().map(move |finding| (number, finding))
    })
    .collect()
}
