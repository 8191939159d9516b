//! A request to be sent: its request line (RFC 9112 3), and what the caller knows of it.

use crate::error::Misuse;
use crate::message::connection_facts::ConnectionFacts;
use crate::message::fields_to_send::CheckedFields;
use crate::message::method::{Method, MethodKind, Version};
use crate::message::octets::{self, class};

/// A request to be sent: its request line, and what the caller knows of it.
///
/// ```
/// use http_keepalive::{Method, Request, Version};
///
/// let request = Request::new(Method::new(b"POST"), b"/orders").with_idempotent(true);
/// assert_eq!(request.version, Version::HTTP_11);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request<'a> {
    method: Method<'a>,
    kind: MethodKind,
    /// The target, in the form its recipient expects (RFC 9112 3.2): origin-form to an origin, absolute-form to a proxy.
    pub target: &'a [u8],
    /// The version; HTTP/1.1 by default. An HTTP/1.0 request asks for persistence with `Connection: keep-alive`, where policy has it.
    pub version: Version,
    /// It is the last one on this connection, and says `Connection: close` (RFC 9112 9.6). `false` by default.
    pub close: bool,
    /// It may be repeated though its method does not say so (RFC 9110 9.2.2). `false` by default.
    pub idempotent: bool,
    /// Its content can be sent again from the start. `false` by default; without content it does not matter.
    pub replayable: bool,
}

impl<'a> Request<'a> {
    /// An HTTP/1.1 request that is not the last one, and that may be repeated only where its method says so.
    pub const fn new(method: Method<'a>, target: &'a [u8]) -> Self {
        Self {
            method,
            kind: method.kind(),
            target,
            version: Version::HTTP_11,
            close: false,
            idempotent: false,
            replayable: false,
        }
    }

    /// The method.
    pub const fn method(&self) -> Method<'a> {
        self.method
    }

    pub(crate) const fn kind(&self) -> MethodKind {
        self.kind
    }

    /// Its facts, with those of its first field lines.
    // inlined: -16 `client-exchange`, with `check_line`
    #[inline(always)]
    pub(crate) const fn facts(&self, lines: &CheckedFields<'_>) -> ConnectionFacts {
        ConnectionFacts::new(self.kind, self.version).with_lines(lines.facts)
    }

    /// With another version.
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

    /// It may be repeated, or not.
    #[must_use]
    pub const fn with_idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = idempotent;
        self
    }

    /// Its content can be sent again, or not.
    #[must_use]
    pub const fn with_replayable(mut self, replayable: bool) -> Self {
        self.replayable = replayable;
        self
    }

    /// Are method, target and version what they may be (RFC 9112 3.2, RFC 9110 9.1)?
    ///
    /// Its branch for the origin-form is the twin of the other one.
    // inlined: -16 `client-exchange`, with `facts`
    #[inline(always)]
    pub(crate) fn check_line(&self) -> Result<(), Misuse> {
        let target = match self.target {
            // origin-form, as nearly all are
            [b'/', rest @ ..] if self.kind != MethodKind::Connect => octets::all(rest, class::TARGET),
            target => octets::all(target, class::TARGET) && crate::message::head::check_form(self.kind, target).is_ok(),
        };
        let method = self.kind != MethodKind::Other || octets::is_token(self.method.as_bytes());
        if method && target && self.version.minor <= 1 { Ok(()) } else { Err(Misuse::RequestLine) }
    }
}
