//! A final response to be sent: its status line (RFC 9112 4), and what the caller wants of the connection.

use crate::error::Misuse;
use crate::message::method::Version;
use crate::message::octets::{self, class};
use crate::status::StatusCode;

/// A final response to be sent: its status line, and what the caller wants of the connection. A [`StatusCode`] alone is one, too.
///
/// ```
/// use http_keepalive::{Response, StatusCode, Version};
///
/// let response = Response::new(StatusCode::OK).with_reason(b"Quite Fine").with_close(true);
/// assert_eq!(response.version, Version::HTTP_11);
/// assert_eq!(Response::from(StatusCode::OK), Response::new(StatusCode::OK));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Response<'a> {
    /// The status: a final one, or `101`.
    pub status: StatusCode,
    /// The reason phrase, of visible octets, spaces and tabs; it may be empty. `None`, the default: the registered one of the status, or
    /// an empty one (RFC 9112 4). Who writes the head themselves sends their own.
    pub reason: Option<&'a [u8]>,
    /// The version in the status line. HTTP/1.1 by default, also to an HTTP/1.0 client (RFC 9110 6.2); HTTP/1.0 for a client that is known to
    /// be broken (RFC 9112 2.3): then it says nothing that HTTP/1.0 does not know: content of unknown length ends with the connection, and
    /// a connection that stays says `keep-alive`.
    pub version: Version,
    /// The connection ends with it, and it says `Connection: close` (RFC 9112 9.6). `false` by default. Nothing is cut for it, unlike by
    /// a drain, which has a hard end.
    pub close: bool,
}

impl<'a> Response<'a> {
    /// A response of this status with the registered reason phrase, as HTTP/1.1, after which the connection stays if nothing else ends it.
    #[inline(always)]
    pub const fn new(status: StatusCode) -> Self {
        Self { status, reason: None, version: Version::HTTP_11, close: false }
    }

    /// With a reason phrase of its own.
    #[must_use]
    pub const fn with_reason(mut self, reason: &'a [u8]) -> Self {
        self.reason = Some(reason);
        self
    }

    /// With another version: HTTP/1.0 or HTTP/1.1.
    #[must_use]
    pub const fn with_version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// The last one on this connection, or not.
    #[must_use]
    pub const fn with_close(mut self, close: bool) -> Self {
        self.close = close;
        self
    }

    /// Are version and reason phrase what they may be (RFC 9112 2.3, 4)?
    #[inline(always)]
    pub(crate) fn check_line(&self) -> Result<(), Misuse> {
        let version = self.version.minor <= 1;
        let reason = self.reason.is_none_or(|reason| octets::all(reason, class::FIELD));
        if version && reason { Ok(()) } else { Err(Misuse::StatusLine) }
    }

    /// It is sent as HTTP/1.0.
    #[inline(always)]
    pub(crate) const fn is_http10(&self) -> bool {
        !self.version.is_http11()
    }
}

impl From<StatusCode> for Response<'_> {
    #[inline(always)]
    fn from(status: StatusCode) -> Self {
        Self::new(status)
    }
}
