//! What a connection came to.

use std::fmt;
use std::time::Duration;

use http_keepalive::{CloseReason, DeadlineKind, Persistence};

/// What a connection came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Why it ended. `None`: it was handed over to another protocol, or hyper's connection ended for a reason of hyper's own.
    pub reason: Option<CloseReason>,
    /// The verdict on its messages, with its reason.
    pub persistence: Persistence,
    /// Requests whose heads came.
    pub exchanges: u32,
    /// Octets that were read.
    pub received: u64,
    /// Octets that were written.
    pub sent: u64,
    /// How long it was open.
    pub took: Duration,
    /// The deadline that passed last, if one did.
    pub deadline: Option<DeadlineKind>,
}

/// In one line, for logs.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { exchanges, received, sent, took, .. } = self;
        let (reason, clause) = match self.reason {
            Some(reason) => (reason.as_str(), reason.clause()),
            None => (self.persistence.as_str(), self.persistence.clause()),
        };
        write!(f, "{reason} ({clause}); exchanges {exchanges}, {received} octets in, {sent} out, {took:?}")?;
        match self.deadline {
            Some(deadline) => write!(f, ", deadline {}", deadline.as_str()),
            None => Ok(()),
        }
    }
}

/// hyper's connection failed: what hyper says of it, and what the connection came to.
#[derive(Debug)]
#[non_exhaustive]
pub struct Error {
    /// What hyper says.
    pub hyper: hyper::Error,
    /// What the connection came to.
    pub summary: Summary,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.hyper, self.summary)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.hyper)
    }
}
