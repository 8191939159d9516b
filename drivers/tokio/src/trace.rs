//! One event a decision, with its reason and clause (feature `tracing`). Without the feature nothing is done.

use http_keepalive::{Deadline, ProtocolError};

/// An event of the target `http_keepalive`: its level, what happened, and fields.
#[cfg(feature = "tracing")]
macro_rules! event {
    ($level:ident, $what:literal $(, $name:ident = $value:expr)* $(,)?) => {
        tracing::event!(target: "http_keepalive", tracing::Level::$level, $($name = $value,)* $what)
    };
}

#[cfg(not(feature = "tracing"))]
macro_rules! event {
    ($level:ident, $what:literal $(, $name:ident = $value:expr)* $(,)?) => {
        { $( let _ = || { let _ = &$value; }; )* }
    };
}

pub(crate) use event;

/// The peer broke the protocol, or a limit.
pub(crate) fn error(error: &ProtocolError) {
    event!(DEBUG, "protocol error", reason = error.kind.as_str(), clause = error.kind.clause(), offset = error.offset);
}

/// A deadline passed.
pub(crate) fn expired(deadline: &Deadline) {
    event!(DEBUG, "deadline passed", reason = deadline.kind.as_str(), clause = deadline.kind.clause());
}
