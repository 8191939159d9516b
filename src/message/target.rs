//! Request targets: four forms, bound to methods (RFC 9112 3.2).

use core::fmt;

use crate::error::ProtocolErrorKind;
use crate::message::host;
use crate::message::method::MethodKind;

/// A request target as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target<'a> {
    octets: &'a [u8],
    method: MethodKind,
}

/// The forms of RFC 9112 3.2.1 to 3.2.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9112 3.2 knows these four alone")]
pub enum TargetForm {
    /// `/where?q=now`
    Origin,
    /// `http://www.example.org/pub/`: to a proxy, and to be accepted by any server.
    Absolute,
    /// `www.example.org:80`: CONNECT's alone.
    Authority,
    /// `*`: OPTIONS' alone.
    Asterisk,
}

impl<'a> Target<'a> {
    pub(crate) const fn new(octets: &'a [u8], method: MethodKind) -> Self {
        Self { octets, method }
    }

    /// The octets, as sent.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.octets
    }

    /// As text: visible ASCII, unless policy let in octets above 0x7F. Where those are not UTF-8, the text is empty.
    pub fn as_str(&self) -> &'a str {
        core::str::from_utf8(self.octets).unwrap_or_default()
    }

    /// Its form, which follows from the method and the first octet.
    pub const fn form(&self) -> TargetForm {
        match (self.method, self.octets) {
            (MethodKind::Connect, _) => TargetForm::Authority,
            (_, [b'/', ..]) => TargetForm::Origin,
            (_, b"*") => TargetForm::Asterisk,
            _ => TargetForm::Absolute,
        }
    }

    /// The authority it names, `host [":" port]`; it overrides `Host` (RFC 9112 3.2.2). `userinfo`, which an absolute form of
    /// another scheme than `http` and `https` may have, is no part of it.
    pub fn authority(&self) -> Option<&'a [u8]> {
        match self.form() {
            TargetForm::Absolute => Uri::parse(self.octets)?.authority,
            TargetForm::Authority => Some(self.octets),
            TargetForm::Origin | TargetForm::Asterisk => None,
        }
    }

    /// The path. Of an absolute form without one it is `/`, or `*` where OPTIONS asks about the whole server, without a query
    /// (RFC 9112 3.2.1, 3.2.4). The target of CONNECT has none: it is empty.
    pub fn path(&self) -> &'a [u8] {
        let PathAndQuery { path, query } = self.written_parts();
        match (path, self.form()) {
            ([], TargetForm::Absolute) if self.method == MethodKind::Options && query.is_none() => b"*",
            ([], TargetForm::Absolute) => b"/",
            _ => path,
        }
    }

    /// The query, after the first `?`; it may be empty. `None`: there is no `?`.
    pub fn query(&self) -> Option<&'a [u8]> {
        self.written_parts().query
    }

    /// [`path`](Self::path) and [`query`](Self::query) together: the target that a request to the origin itself would have.
    pub fn path_and_query(&self) -> PathAndQuery<'a> {
        PathAndQuery { path: self.path(), query: self.query() }
    }

    /// Path and query as they are written.
    fn written_parts(&self) -> PathAndQuery<'a> {
        let after = match self.form() {
            TargetForm::Origin | TargetForm::Asterisk => self.octets,
            TargetForm::Absolute => Uri::parse(self.octets).map_or(&b""[..], |uri| uri.path_and_query),
            TargetForm::Authority => b"",
        };
        match after.iter().position(|&b| b == b'?') {
            Some(at) => PathAndQuery { path: &after[..at], query: after.get(at + 1..) },
            None => PathAndQuery { path: after, query: None },
        }
    }
}

/// Path and query of a target: `/where?q=now`. It is not a slice of the target, since the path may be one that is not written there.
///
/// ```
/// use http_keepalive::{Limits, Policy, RequestHead};
///
/// let mut head = RequestHead::new();
/// head.parse(b"GET http://a?x HTTP/1.1\r\nHost: a\r\n\r\n", &Limits::DEFAULT, &Policy::DEFAULT)?;
/// assert_eq!(head.target.path_and_query(), "/?x");
/// assert_eq!((head.target.path(), head.target.query()), (&b"/"[..], Some(&b"x"[..])));
/// # Ok::<(), http_keepalive::ProtocolError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PathAndQuery<'a> {
    path: &'a [u8],
    query: Option<&'a [u8]>,
}

impl<'a> PathAndQuery<'a> {
    /// Its octets, one by one.
    pub fn octets(&self) -> impl Iterator<Item = u8> + use<'a> {
        let mark: &[u8] = if self.query.is_some() { b"?" } else { b"" };
        [self.path, mark, self.query.unwrap_or_default()].into_iter().flatten().copied()
    }
}

/// Octets that are not UTF-8, where policy let them in, are written as U+FFFD.
impl fmt::Display for PathAndQuery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut write = |octets: &[u8]| {
            octets.utf8_chunks().try_for_each(|chunk| {
                f.write_str(chunk.valid())?;
                f.write_str(if chunk.invalid().is_empty() { "" } else { "\u{fffd}" })
            })
        };
        write(self.path)?;
        match self.query {
            Some(query) => write(b"?").and_then(|()| write(query)),
            None => Ok(()),
        }
    }
}

impl PartialEq<[u8]> for PathAndQuery<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        self.octets().eq(other.iter().copied())
    }
}

impl PartialEq<&[u8]> for PathAndQuery<'_> {
    fn eq(&self, other: &&[u8]) -> bool {
        self == *other
    }
}

impl PartialEq<str> for PathAndQuery<'_> {
    fn eq(&self, other: &str) -> bool {
        self == other.as_bytes()
    }
}

impl PartialEq<&str> for PathAndQuery<'_> {
    fn eq(&self, other: &&str) -> bool {
        self == other.as_bytes()
    }
}

/// Is this an absolute URI that says where the request goes? Of `http` and `https` there must be a host, and no `userinfo`
/// (RFC 9110 4.2.1, 4.2.4).
pub(crate) fn is_absolute(target: &[u8]) -> Result<(), ProtocolErrorKind> {
    let uri = Uri::parse(target).ok_or(ProtocolErrorKind::TargetForm)?;
    // a URI of a scheme of that name, but above all `host:port`, which is CONNECT's alone
    if uri.authority.is_none() && uri.path_and_query.iter().all(u8::is_ascii_digit) {
        return Err(ProtocolErrorKind::TargetForm);
    }
    let web = uri.scheme.eq_ignore_ascii_case(b"http") || uri.scheme.eq_ignore_ascii_case(b"https");
    let valid = match uri.authority {
        None => !web,
        Some(authority) => match host::split_authority(authority) {
            Some((host, _)) if web => !host.is_empty() && uri.userinfo.is_none(),
            Some(_) => uri.userinfo.is_none_or(is_userinfo),
            None => false,
        },
    };
    if valid { Ok(()) } else { Err(ProtocolErrorKind::Target) }
}

/// `*( unreserved / pct-encoded / sub-delims / ":" )` (RFC 3986 3.2.1)
fn is_userinfo(userinfo: &[u8]) -> bool {
    userinfo.split(|&b| b == b':').all(host::is_registered_name)
}

/// The parts of an absolute URI. Only the scheme has been judged.
struct Uri<'a> {
    scheme: &'a [u8],
    userinfo: Option<&'a [u8]>,
    /// Host and port.
    authority: Option<&'a [u8]>,
    /// Path and query.
    path_and_query: &'a [u8],
}

impl<'a> Uri<'a> {
    /// `scheme ":" [ "//" [ userinfo "@" ] host [ ":" port ] ] path [ "?" query ]` (RFC 3986 3)
    fn parse(target: &'a [u8]) -> Option<Self> {
        let colon = target.iter().position(|&b| b == b':')?;
        let (scheme, after) = (&target[..colon], &target[colon + 1..]);
        let named = scheme.first().is_some_and(u8::is_ascii_alphabetic)
            && scheme.iter().all(|&b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
        if !named {
            return None;
        }
        let Some(after) = after.strip_prefix(b"//") else {
            return Some(Self { scheme, userinfo: None, authority: None, path_and_query: after });
        };
        let end = after.iter().position(|&b| matches!(b, b'/' | b'?')).unwrap_or(after.len());
        let (authority, after) = after.split_at(end);
        let (userinfo, authority) = match authority.iter().rposition(|&b| b == b'@') {
            Some(at) => (Some(&authority[..at]), &authority[at + 1..]),
            None => (None, authority),
        };
        Some(Self { scheme, userinfo, authority: Some(authority), path_and_query: after })
    }
}
