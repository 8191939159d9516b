//! Field lines to send: what a caller may give, and what is checked of it.
//!
//! Read first: RFC 9110 5.1, 5.5, 5.6.2 (the grammar: no CR, LF, NUL gets through), 6.5.1 (trailers), 7.6.1 (connection options).
//! Every line is checked as it is written, unless it was checked before ([`CheckedFields`]): the lines of a server are nearly always the
//! same. Whitespace at the ends of a value does not belong to the value (RFC 9110 5.5), and is not written.

use crate::error::Misuse;
use crate::message::connection_facts::ConnectionFacts;
use crate::message::fact_set::FactSet;
use crate::message::known_fields::{self, is_owned};
use crate::message::method::{MethodKind, Version};
use crate::message::octets;
use crate::message::upgrade;

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

impl SendField for crate::message::head::FieldLine<'_> {
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
    ///
    /// # Errors
    ///
    /// The first that `visit` returned, after which it is called no more.
    fn visit(self, visit: impl FnMut(&[u8], &[u8]) -> Result<(), Misuse>) -> Result<(), Misuse>;

    /// What is known of the names and values that are visited. Only this crate knows more than nothing.
    #[doc(hidden)]
    fn grammar(&self) -> Grammar {
        Grammar::UNKNOWN
    }

    /// Lines that have been checked. They are written before those that are visited.
    fn checked(&self) -> CheckedFields<'_> {
        CheckedFields { lines: b"", facts: FactSet::EMPTY, has_padding: false }
    }
}

impl<I: IntoIterator<Item = F>, F: SendField> Fields for I {
    fn visit(self, mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), Misuse>) -> Result<(), Misuse> {
        self.into_iter().try_for_each(|field| visit(field.name(), field.value()))
    }
}

/// Whether names and values are known to be within the grammar, so that it is not asked again. It can be made in this crate alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grammar {
    kept: bool,
}

impl Grammar {
    const UNKNOWN: Self = Self { kept: false };
    /// A type that has no other values has them.
    #[cfg(feature = "http")]
    pub(in crate::message) const KEPT: Self = Self { kept: true };
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
    /// What they say of the connection.
    pub(crate) facts: FactSet,
    /// A value has whitespace at an end.
    pub(crate) has_padding: bool,
}

impl<'a> CheckedFields<'a> {
    /// Checks `lines`, each of them `name: value CRLF`. What `Host`, `Expect`, `Upgrade` and `TE` say of the connection is kept, and judged
    /// with each head that the lines are sent in.
    ///
    /// # Errors
    ///
    /// Those of sending the lines one by one: see [`check_field`]. [`Misuse::FieldName`] also where `lines` are not of that form.
    pub fn new(lines: &'a [u8]) -> Result<Self, Misuse> {
        let (mut octets, mut facts) = (0, ConnectionFacts::new(MethodKind::Get, Version::HTTP_11));
        let mut has_padding = false;
        for (name, value) in split_lines(lines) {
            let trimmed = octets::trim_to_send(value);
            check_line(name, trimmed, Grammar::UNKNOWN)?;
            facts.field_line(name, trimmed);
            has_padding |= trimmed.len() != value.len();
            octets += name.len() + value.len() + 4;
        }
        let checked = Self { lines, facts: facts.set(), has_padding };
        if octets == lines.len() { Ok(checked) } else { Err(Misuse::FieldName) }
    }

    /// These lines, and after them other `fields`.
    pub const fn and<F: Fields>(self, fields: F) -> CheckedAnd<'a, F> {
        CheckedAnd(self, fields)
    }
}

/// [`CheckedFields::and`]
#[derive(Clone, Copy, Debug)]
pub struct CheckedAnd<'a, F>(CheckedFields<'a>, F);

impl Fields for CheckedFields<'_> {
    fn visit(self, _: impl FnMut(&[u8], &[u8]) -> Result<(), Misuse>) -> Result<(), Misuse> {
        Ok(())
    }

    fn checked(&self) -> CheckedFields<'_> {
        *self
    }
}

impl<F: Fields> Fields for CheckedAnd<'_, F> {
    fn visit(self, visit: impl FnMut(&[u8], &[u8]) -> Result<(), Misuse>) -> Result<(), Misuse> {
        self.1.visit(visit)
    }

    fn grammar(&self) -> Grammar {
        self.1.grammar()
    }

    fn checked(&self) -> CheckedFields<'_> {
        self.0
    }
}

/// Name and value of each line, up to the first that is not `name: value CRLF`.
pub(crate) fn split_lines(lines: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = lines;
    core::iter::from_fn(move || {
        let (line, after) = rest.split_at(memchr::memchr(b'\n', rest)? + 1);
        let colon = memchr::memchr(b':', line)?;
        let value = line.get(colon + 1..)?.strip_prefix(b" ")?.strip_suffix(b"\r\n")?;
        rest = after;
        Some((&line[..colon], value))
    })
}

/// May this field line be sent? What is wrong with it, if it may not.
///
/// One line that may not be sent keeps the whole head from being sent. A program that sends lines of others asks this for each line first,
/// and leaves out or reports the one that is wrong:
///
/// ```
/// use http_keepalive::{Misuse, check_field};
///
/// assert_eq!(check_field("Content-Type", "text/plain "), Ok(()));
/// assert_eq!(check_field("X-Note", "a\r\nSet-Cookie: b"), Err(Misuse::FieldValue));
/// assert_eq!(check_field("Connection", "close"), Err(Misuse::OwnedField));
/// ```
///
/// What depends on the whole head is not asked here: whether there is one `Host`, and the right one; whether the `Upgrade` of a `101` names
/// what was offered; whether a field may be a trailer.
///
/// # Errors
///
/// [`Misuse::FieldName`], [`Misuse::FieldValue`]: it is not within the grammar (RFC 9110 5.1, 5.5). [`Misuse::OwnedField`]: the machine
/// writes this field. [`Misuse::TeChunked`], [`Misuse::Upgrade`]: this value may not be sent (RFC 9112 7.4, RFC 9110 7.8).
pub fn check_field(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<(), Misuse> {
    check_line(name.as_ref(), octets::trim_to_send(value.as_ref()), Grammar::UNKNOWN).map(|_| ())
}

/// What a line to be sent is, as far as it matters to its head.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    Other,
    Upgrade,
}

/// May this line be sent? The value has no whitespace at its ends.
// inlined: -21 `response-head`
#[inline(always)]
pub(crate) fn check_line(name: &[u8], value: &[u8], grammar: Grammar) -> Result<Line, Misuse> {
    if !grammar.kept && !octets::is_field_name(name) {
        return Err(Misuse::FieldName);
    }
    if !grammar.kept && !octets::is_field_value(value) {
        return Err(Misuse::FieldValue);
    }
    if known_fields::may_be_restricted(name.len()) { check_restricted(name, value) } else { Ok(Line::Other) }
}

/// May this line be sent, whose name has passed the filter [`may_be_restricted`](known_fields::may_be_restricted)?
#[inline(never)]
pub(crate) fn check_restricted(name: &[u8], value: &[u8]) -> Result<Line, Misuse> {
    if name.eq_ignore_ascii_case(b"te") {
        let chunked = |member: &[u8]| {
            let coding = &member[..octets::separator_at(member, b';')];
            octets::trim(coding).eq_ignore_ascii_case(b"chunked")
        };
        return if octets::members(value).any(chunked) { Err(Misuse::TeChunked) } else { Ok(Line::Other) };
    }
    if name.eq_ignore_ascii_case(b"upgrade") {
        return if upgrade::is_upgrade(value) { Ok(Line::Upgrade) } else { Err(Misuse::Upgrade) };
    }
    if is_owned(name) { Err(Misuse::OwnedField) } else { Ok(Line::Other) }
}
