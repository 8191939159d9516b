//! Why a connection takes no request.

use std::fmt;

use http_keepalive::CloseReason;

/// A connection takes no request, or its service failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it is over, or its service failed: there is no third")]
pub enum ReuseError<E> {
    /// It is not to be used again, for this reason. Nothing of the request has been sent: it goes on another connection.
    Over(CloseReason),
    /// What its service says.
    Service(E),
}

impl<E: fmt::Display> fmt::Display for ReuseError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Over(reason) => {
                write!(f, "the connection is not used again: {} ({})", reason.as_str(), reason.clause())
            }
            Self::Service(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for ReuseError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Over(_) => None,
            Self::Service(error) => error.source(),
        }
    }
}
