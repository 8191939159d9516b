//! One event a decision, with its reason and clause (feature `tracing`). Without the feature nothing is done.

use http_keepalive::drive::DriveRole;
use http_keepalive::{Config, Connection, ConnectionSummary, Deadline, ProtocolError, Shut, StatusCode};

use crate::BoxError;

macro_rules! event {
    ($level:ident, $($field:tt)*) => {{
        #[cfg(feature = "tracing")]
        tracing::event!(target: "http_keepalive", tracing::Level::$level, $($field)*);
    }};
}

/// The peer broke the protocol, or a limit.
pub(crate) fn error(error: &ProtocolError) {
    let _ = error;
    event!(DEBUG, reason = error.kind.as_str(), clause = error.kind.clause(), offset = error.offset, "protocol error");
}

/// A deadline passed.
pub(crate) fn expired(deadline: &Deadline) {
    let _ = deadline;
    event!(DEBUG, reason = deadline.kind.as_str(), clause = deadline.kind.clause(), "deadline passed");
}

/// A refusal goes out.
pub(crate) fn refused<R: DriveRole, C: std::ops::Deref<Target = Config<R>>>(
    status: StatusCode,
    connection: &Connection<R, C>,
) {
    let _ = (status, connection);
    event!(
        INFO,
        status = status.as_u16(),
        reason = connection.persistence().as_str(),
        clause = connection.persistence().clause(),
        "refused"
    );
}

/// The transport was shut.
pub(crate) fn shut(shut: Shut) {
    let _ = shut;
    event!(DEBUG, how = how(shut), reason = shut.reason().as_str(), clause = shut.reason().clause(), "shut");
}

#[cfg(feature = "tracing")]
const fn how(shut: Shut) -> &'static str {
    match shut {
        Shut::HalfClose(_) => "half-close",
        Shut::Close(_) => "close",
        Shut::Reset(_) => "reset",
    }
}

/// A connection is over.
pub(crate) fn closed(summary: &ConnectionSummary) {
    let _ = summary;
    event!(
        DEBUG,
        reason = summary.persistence.as_str(),
        clause = summary.persistence.clause(),
        "connection over: {summary}"
    );
}

/// The application failed.
pub(crate) fn failed(error: &BoxError) {
    let _ = error;
    event!(ERROR, reason = "application-gone", error = %error, "the service failed");
}
