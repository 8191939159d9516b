//! Between HTTP/1.x and HTTP/2 or HTTP/3: what crosses, in which shape, and what makes a message malformed (RFC 9113 8, RFC 9114 4).
//!
//! To 2 and 3 go the lines that [`HopFields`](super::HopFields) forwards, with names in lower case ([`lower_case`]) and content without its
//! framing. From 2 and 3 comes nothing unchecked: a name or a value with octets that are syntax in HTTP/1.1 would be a request of its own
//! (RFC 9110 2.2). `Connection: close` of a peer ends its own connection alone, and so does the end of a stream.

use crate::lifecycle::retry::{Evidence, Sent};
use crate::message::announcement::Content;
use crate::message::host;
use crate::message::known_fields;
use crate::message::octets::{self, class};
use crate::reasons::reasons;
use crate::status::StatusCode;

reasons! {
    /// What makes a message of HTTP/2 or HTTP/3 malformed, so that it is not forwarded.
    pub enum Malformed {
        /// A field that is of a connection of HTTP/1.x.
        ConnectionSpecific => "connection-specific", "RFC 9113 8.2.2";
        /// A name with upper-case letters, a colon, or an octet that is none of a token.
        FieldName => "field-name", "RFC 9113 8.2.1";
        /// A value with NUL, CR or LF, with another octet that HTTP/1.1 does not send, or with whitespace at an end.
        FieldValue => "field-value", "RFC 9113 8.2.1";
        /// A method that is no token.
        Method => "method", "RFC 9113 8.3.1";
        /// A path that is no target: empty, not begun by `/`, or with an octet that none has.
        Path => "path", "RFC 9113 8.3.1";
        /// An authority that is no `host [":" port]`.
        Authority => "authority", "RFC 9113 8.3.1";
        /// `Host` and the authority differ (HTTP/3), or neither is there.
        Host => "host", "RFC 9114 4.3.1";
        /// The content is longer or shorter than `content-length` says.
        ContentLength => "content-length", "RFC 9113 8.1.1";
    }
}

impl core::error::Error for Malformed {}

/// HTTP/2 or HTTP/3, where they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there are no others to translate from")]
pub enum Multiplexed {
    /// HTTP/2 (RFC 9113).
    Http2,
    /// HTTP/3 (RFC 9114).
    Http3,
}

/// Is this a field of a connection of HTTP/1.x, which HTTP/2 and HTTP/3 forbid (RFC 9113 8.2.2, RFC 9114 4.2)? `TE` is one, but for the one
/// value that a request may have there: [`SpecificFields::of`] knows.
pub fn connection_specific(name: &[u8]) -> bool {
    known_fields::is_of_hop(name)
}

/// What a recipient of HTTP/2 or HTTP/3 does with a connection-specific field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "such a message is malformed, or mended: there is no third")]
pub enum SpecificFields {
    /// The message is malformed (RFC 9113 8.1.1): what the texts ask for.
    #[default]
    Refuse,
    /// The field is dropped, and has no effect.
    Strip,
}

impl SpecificFields {
    /// Chromium, of responses: drops them.
    pub const CHROMIUM: Self = Self::Strip;
    /// Firefox, of responses: drops them.
    pub const FIREFOX: Self = Self::Strip;
    /// Safari, of responses: does not load one that has them, as the texts ask for.
    pub const SAFARI: Self = Self::Refuse;

    /// What becomes of a line. `in_request`: there `te: trailers` may stand, and no other value (RFC 9113 8.2.2).
    ///
    /// # Errors
    ///
    /// [`Malformed::ConnectionSpecific`]: the message is refused for it.
    pub fn of(self, name: &[u8], value: &[u8], in_request: bool) -> Result<Line, Malformed> {
        let allowed = in_request && name.eq_ignore_ascii_case(b"te") && value.eq_ignore_ascii_case(b"trailers");
        match self {
            _ if allowed || !connection_specific(name) => Ok(Line::Stays),
            Self::Strip => Ok(Line::IsDropped),
            Self::Refuse => Err(Malformed::ConnectionSpecific),
        }
    }
}

/// What becomes of a field line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a line stays or goes")]
pub enum Line {
    /// It stays.
    Stays,
    /// It is left out.
    IsDropped,
}

/// A name as HTTP/2 and HTTP/3 have it (RFC 9113 8.2).
pub fn lower_case(name: &[u8]) -> impl Iterator<Item = u8> {
    name.iter().map(u8::to_ascii_lowercase)
}

/// May this name go on in HTTP/1.x: a token in lower case, which a name of HTTP/2 and HTTP/3 is without its pseudo-fields (RFC 9113 8.2.1)?
///
/// # Errors
///
/// [`Malformed::FieldName`]
pub fn check_name(name: &[u8]) -> Result<(), Malformed> {
    let valid = octets::is_token(name) && !name.iter().any(u8::is_ascii_uppercase);
    if valid { Ok(()) } else { Err(Malformed::FieldName) }
}

/// May this value go on in HTTP/1.x: no NUL, CR, LF or other control octet, no whitespace at an end (RFC 9113 8.2.1, RFC 9110 5.5)?
///
/// # Errors
///
/// [`Malformed::FieldValue`]
pub fn check_value(value: &[u8]) -> Result<(), Malformed> {
    let valid = octets::is_field_value(value) && octets::trim_to_send(value).len() == value.len();
    if valid { Ok(()) } else { Err(Malformed::FieldValue) }
}

/// May a request line be made of these: method, `:path`, and `:authority` where there is one (RFC 9113 8.3.1)? No octet of them is a space, an
/// end of a line or another control octet, and the path begins as a path does; `*` is of OPTIONS. CONNECT has no path: it is to be empty.
///
/// # Errors
///
/// [`Malformed::Method`], [`Malformed::Path`], [`Malformed::Authority`]
pub fn check_request_line(method: &[u8], path: &[u8], authority: Option<&[u8]>) -> Result<(), Malformed> {
    if !octets::is_token(method) {
        return Err(Malformed::Method);
    }
    let is_path = match (method, path) {
        (b"CONNECT", path) => path.is_empty(),
        (b"OPTIONS", b"*") => true,
        (_, [b'/', ..]) => octets::all(path, class::TARGET),
        _ => false,
    };
    if !is_path {
        return Err(Malformed::Path);
    }
    let is_authority = |authority: &[u8]| match method {
        b"CONNECT" => host::is_authority_with_port(authority),
        _ => host::is_host(authority),
    };
    match authority {
        None if method == b"CONNECT" => Err(Malformed::Authority),
        Some(authority) if !is_authority(authority) => Err(Malformed::Authority),
        _ => Ok(()),
    }
}

/// The value of `Host` in HTTP/1.x: that of `:authority`. In HTTP/2 it replaces a `Host`; in HTTP/3 both are to be equal (RFC 9113 8.3.1,
/// RFC 9114 4.3.1). Where there is no `:authority`, `Host` stays.
///
/// # Errors
///
/// [`Malformed::Host`]: neither is there, or in HTTP/3 they differ. [`Malformed::Authority`]: what is there is no `host [":" port]`.
pub fn host_from<'h>(
    version: Multiplexed,
    authority: Option<&'h [u8]>,
    host: Option<&'h [u8]>,
) -> Result<&'h [u8], Malformed> {
    let value = match (authority, host) {
        (Some(authority), Some(host)) if version == Multiplexed::Http3 && !authority.eq_ignore_ascii_case(host) => {
            return Err(Malformed::Host);
        }
        (Some(authority), _) => authority,
        (None, Some(host)) => host,
        (None, None) => return Err(Malformed::Host),
    };
    if host::is_host(value) { Ok(value) } else { Err(Malformed::Authority) }
}

/// The `cookie` fields of a request, joined by `; ` (RFC 9113 8.2.3): written to the front of `out`, and returned. `None`: they do not fit.
pub fn join_cookies<'c, 'o>(cookies: impl IntoIterator<Item = &'c [u8]>, out: &'o mut [u8]) -> Option<&'o [u8]> {
    let mut to = 0;
    for cookie in cookies {
        let separator: &[u8] = if to > 0 { b"; " } else { b"" };
        for piece in [separator, cookie] {
            out.get_mut(to..to + piece.len())?.copy_from_slice(piece);
            to += piece.len();
        }
    }
    out.get(..to)
}

/// The octets of a message's content, counted against its `content-length` (RFC 9113 8.1.1). A message whose head ends the stream has no
/// content; one that does not, and says no length, is chunked towards an HTTP/1.1 peer.
///
/// ```
/// use http_keepalive::Content;
/// use http_keepalive::intermediary::translation::{CountedContent, Malformed};
///
/// let mut content = CountedContent::of(Some(5), false, false);
/// assert_eq!(content.to_send(), Content::Exact(5));
/// content.data(3)?;
/// assert_eq!(content.end(), Err(Malformed::ContentLength));
/// assert_eq!(CountedContent::of(None, true, false).to_send(), Content::Empty);
/// # Ok::<(), Malformed>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CountedContent {
    said: Option<u64>,
    came: u64,
    ends_with_head: bool,
    has_none: bool,
}

impl CountedContent {
    /// Of a message that says this length. `has_none`: its length is not that of its content, which it has not: the response to HEAD, a 304.
    pub const fn of(said: Option<u64>, ends_with_head: bool, has_none: bool) -> Self {
        Self { said, came: 0, ends_with_head, has_none }
    }

    /// How it is to be sent in HTTP/1.x.
    pub const fn to_send(&self) -> Content {
        match self.said {
            Some(octets) => Content::Exact(octets),
            None if self.ends_with_head || self.has_none => Content::Empty,
            None => Content::Unknown,
        }
    }

    /// So many octets of DATA came.
    ///
    /// # Errors
    ///
    /// [`Malformed::ContentLength`]: more than was said.
    pub fn data(&mut self, octets: u64) -> Result<(), Malformed> {
        self.came = self.came.saturating_add(octets);
        let most = if self.has_none { Some(0) } else { self.said };
        if most.is_some_and(|most| self.came > most) { Err(Malformed::ContentLength) } else { Ok(()) }
    }

    /// The stream has ended, as it should.
    ///
    /// # Errors
    ///
    /// [`Malformed::ContentLength`]: fewer octets came than were said. The message is not to be completed towards HTTP/1.x (RFC 9112 8).
    pub fn end(&self) -> Result<(), Malformed> {
        let said = if self.has_none { None } else { self.said };
        if said.is_some_and(|said| self.came != said) { Err(Malformed::ContentLength) } else { Ok(()) }
    }
}

/// May an interim response of this status cross to HTTP/2 and HTTP/3? All but `101`, which they do not have; and what offers a switch does not
/// cross, either: `Upgrade` is connection-specific, and extended CONNECT stands in its place (RFC 9113 8.6, RFC 8441 4).
pub fn interim_crosses(status: StatusCode) -> bool {
    status.is_interim() && status != StatusCode::SWITCHING_PROTOCOLS
}

/// How a stream of HTTP/2 or HTTP/3 ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a translator acts on each")]
pub enum StreamEnd {
    /// With its last frame or octet: END_STREAM, FIN.
    Clean,
    /// `REFUSED_STREAM`, or `H3_REQUEST_REJECTED`: nothing of it was processed.
    Refused,
    /// By a GOAWAY that names an earlier stream as the last one: nothing of it was processed.
    BeyondGoaway,
    /// By any other reset.
    Reset,
}

/// What follows for the other side, in HTTP/1.x.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a translator acts on each")]
pub enum OtherSide {
    /// The message is ended.
    Ends,
    /// Our side of the transport is shut: a tunnel's END_STREAM is a FIN (RFC 9113 8.5).
    HalfCloses,
    /// The message is cut, and never completed (RFC 9112 8).
    IsCut,
}

impl StreamEnd {
    /// What follows for the message, or the tunnel, on the other side.
    pub const fn other_side(self, is_tunnel: bool) -> OtherSide {
        match (self, is_tunnel) {
            (Self::Clean, true) => OtherSide::HalfCloses,
            (Self::Clean, false) => OtherSide::Ends,
            _ => OtherSide::IsCut,
        }
    }

    /// Does it prove that the request was not processed, so that any method may be repeated (RFC 9113 8.7, RFC 9114 4.1.1)? HTTP/1.x has no
    /// such signal.
    pub const fn proves_unprocessed(self) -> bool {
        matches!(self, Self::Refused | Self::BeyondGoaway)
    }

    /// What it adds to the evidence of a request that was translated: of one that was not processed nothing counts as sent.
    #[must_use]
    pub const fn evidence(self, evidence: Evidence) -> Evidence {
        if self.proves_unprocessed() { Evidence { sent: Sent::Nothing, ..evidence } } else { evidence }
    }
}
