//! Methods (RFC 9110 9): case-sensitive tokens, of which a few change framing or may be repeated.

use core::fmt;

/// A request method as received: a token, compared with case (RFC 9110 9.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Method<'a>(&'a [u8]);

impl<'a> Method<'a> {
    /// The method of these octets. Whether they are a token is checked where a request is read or sent.
    pub const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// The octets.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// As text. A method that was read is a token, so it is ASCII. Octets that are not UTF-8 give an empty text.
    pub fn as_str(&self) -> &'a str {
        core::str::from_utf8(self.0).unwrap_or_default()
    }

    /// Which of the known methods this is.
    pub const fn kind(&self) -> MethodKind {
        MethodKind::of(self.0)
    }
}

impl fmt::Debug for Method<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The methods that matter to a connection: for framing, for tunnels, and for what may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum MethodKind {
    /// `GET`
    Get,
    /// `HEAD`: its response has no content (RFC 9110 9.3.2).
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `DELETE`
    Delete,
    /// `CONNECT`: a successful response opens a tunnel (RFC 9110 9.3.6).
    Connect,
    /// `OPTIONS`
    Options,
    /// `TRACE`: never has content (RFC 9110 9.3.8).
    Trace,
    /// Any other token.
    Other,
}

impl MethodKind {
    pub(crate) const fn of(octets: &[u8]) -> Self {
        match octets {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"DELETE" => Self::Delete,
            b"CONNECT" => Self::Connect,
            b"OPTIONS" => Self::Options,
            b"TRACE" => Self::Trace,
            _ => Self::Other,
        }
    }

    /// Does it ask for no change of state (RFC 9110 9.2.1)?
    pub const fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options | Self::Trace)
    }

    /// Is sending it twice meant to have the same effect as sending it once (RFC 9110 9.2.2)?
    pub const fn is_idempotent(self) -> bool {
        self.is_safe() || matches!(self, Self::Put | Self::Delete)
    }
}

/// A version of HTTP/1 (RFC 9112 2.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_structs, reason = "RFC 9112 2.3: two digits, and no more")]
pub struct Version {
    /// The digit after the point. From 1 on a peer is an HTTP/1.1 peer (RFC 9110 6.2).
    pub minor: u8,
}

impl Version {
    /// `HTTP/1.0`
    pub const HTTP_10: Self = Self { minor: 0 };
    /// `HTTP/1.1`
    pub const HTTP_11: Self = Self { minor: 1 };

    /// Is it HTTP/1.1 or later: connections persist by default, `chunked` and interim responses are known (RFC 9112 9.3)?
    pub const fn is_http11(self) -> bool {
        self.minor >= 1
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP/1.{}", self.minor)
    }
}
