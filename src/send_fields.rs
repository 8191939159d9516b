//! Field lines to send: what a caller may give, and what is checked of it.
//!
//! Read first: RFC 9110 5.1, 5.5, 5.6.2 (the grammar: no CR, LF, NUL gets through), 6.5.1 (trailers), 7.6.1 (connection options).
//! Every line is checked as it is written, unless it was checked before ([`CheckedFields`]): a server's are nearly always
//! the same ones.

use crate::error::Misuse;
use crate::facts::{HeadFacts, Offers};
use crate::method::{Method, Version};
use crate::octets;

/// One field line to send: any pair of octet strings, or a reference to one.
pub trait SendField {
    /// Its name.
    fn name(&self) -> &[u8];
    /// Its value.
    fn value(&self) -> &[u8];
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> SendField for (N, V) {
    fn name(&self) -> &[u8] {
        self.0.as_ref()
    }

    fn value(&self) -> &[u8] {
        self.1.as_ref()
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> SendField for &(N, V) {
    fn name(&self) -> &[u8] {
        self.0.as_ref()
    }

    fn value(&self) -> &[u8] {
        self.1.as_ref()
    }
}

impl SendField for crate::FieldLine<'_> {
    fn name(&self) -> &[u8] {
        self.name
    }

    fn value(&self) -> &[u8] {
        self.value.as_received()
    }
}

/// Field lines to send, in order: arrays, slices, iterators of [`SendField`].
pub trait Fields {
    /// Calls `visit` with name and value of each.
    fn visit(self, visit: impl FnMut(&[u8], &[u8]) -> Result<(), Misuse>) -> Result<(), Misuse>;

    /// Lines that have been checked and go before those visited.
    #[inline(always)]
    fn checked(&self) -> CheckedFields<'_> {
        CheckedFields { lines: b"", flags: 0, offers: Offers::NONE }
    }
}

impl<I: IntoIterator<Item = F>, F: SendField> Fields for I {
    #[inline(always)]
    fn visit(self, mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), Misuse>) -> Result<(), Misuse> {
        self.into_iter().try_for_each(|field| visit(field.name(), field.value()))
    }
}

/// No field lines.
pub const NO_FIELDS: [(&str, &str); 0] = [];

/// Field lines checked once, to be sent any number of times: whole lines, each with its CRLF.
///
/// A line costs about 150 instructions to check and to put together; these are copied as they are.
///
/// ```
/// use http_keepalive::{CheckedFields, Misuse};
///
/// assert!(CheckedFields::new(b"Server: mine\r\nContent-Type: text/plain\r\n").is_ok());
/// assert_eq!(CheckedFields::new(b"Connection: close\r\n"), Err(Misuse::OwnedField));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CheckedFields<'a> {
    pub(crate) lines: &'a [u8],
    /// What they say of the connection, as [`HeadFacts`] keep it.
    pub(crate) flags: u32,
    pub(crate) offers: Offers,
}

impl<'a> CheckedFields<'a> {
    /// Checks `lines`: `name: value CRLF` each. Errors are those of sending them one by one. What `Host`, `Expect`, `Upgrade` and
    /// `TE` say of the connection is kept, and judged with each head they are sent in.
    pub fn new(lines: &'a [u8]) -> Result<Self, Misuse> {
        let (mut octets, mut facts) = (0, HeadFacts::request(Method::new(b"GET"), Version::HTTP_11));
        for (name, value) in self::lines(lines) {
            check_field(name, value)?;
            facts.line_to_send(name, value);
            octets += name.len() + value.len() + 4;
        }
        let checked = Self { lines, flags: facts.flags(), offers: facts.offers() };
        if octets == lines.len() { Ok(checked) } else { Err(Misuse::FieldName) }
    }

    /// These lines, and behind them other `fields`.
    pub const fn and<F: Fields>(self, fields: F) -> CheckedAnd<'a, F> {
        CheckedAnd(self, fields)
    }
}

/// [`CheckedFields::and`]
#[derive(Clone, Copy, Debug)]
pub struct CheckedAnd<'a, F>(CheckedFields<'a>, F);

impl Fields for CheckedFields<'_> {
    #[inline(always)]
    fn visit(self, _: impl FnMut(&[u8], &[u8]) -> Result<(), Misuse>) -> Result<(), Misuse> {
        Ok(())
    }

    #[inline(always)]
    fn checked(&self) -> CheckedFields<'_> {
        *self
    }
}

impl<F: Fields> Fields for CheckedAnd<'_, F> {
    #[inline(always)]
    fn visit(self, visit: impl FnMut(&[u8], &[u8]) -> Result<(), Misuse>) -> Result<(), Misuse> {
        self.1.visit(visit)
    }

    #[inline(always)]
    fn checked(&self) -> CheckedFields<'_> {
        self.0
    }
}

/// Name and value of each `name: value CRLF`, as far as they are that.
pub(crate) fn lines(lines: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = lines;
    core::iter::from_fn(move || {
        let (line, behind) = rest.split_at(memchr::memchr(b'\n', rest)? + 1);
        let colon = memchr::memchr(b':', line)?;
        let value = line.get(colon + 1..)?.strip_prefix(b" ")?.strip_suffix(b"\r\n")?;
        rest = behind;
        Some((&line[..colon], value))
    })
}

/// Within the grammar, and not the machine's own.
#[inline(always)]
pub(crate) fn check_field(name: &[u8], value: &[u8]) -> Result<(), Misuse> {
    if !octets::is_field_name(name) {
        return Err(Misuse::FieldName);
    }
    let blank = |b: Option<&u8>| b.is_some_and(|&b| b <= b' ' && octets::is_whitespace(b));
    if !octets::is_field_value(value) || blank(value.first()) || blank(value.last()) {
        return Err(Misuse::FieldValue);
    }
    if matches!(name.len(), 10 | 14 | 16 | 17) && is_owned(name) { Err(Misuse::OwnedField) } else { Ok(()) }
}

fn is_owned(name: &[u8]) -> bool {
    ["connection", "keep-alive", "content-length", "proxy-connection", "transfer-encoding"]
        .iter()
        .any(|owned| name.eq_ignore_ascii_case(owned.as_bytes()))
}

/// Fields for framing, routing and persistence, and those that say how content is to be decoded, have no effect in a
/// trailer section and may not stand there (RFC 9110 6.5.1).
pub(crate) fn never_a_trailer(name: &[u8]) -> bool {
    const NEVER: [&str; 11] = [
        "connection",
        "content-encoding",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    NEVER.iter().any(|never| name.eq_ignore_ascii_case(never.as_bytes()))
}
