//! The field section: field lines in order, borrowed from the buffer they were read in.
//!
//! **Lazily iterated or packed offsets?** Both. A table of packed offsets, four octets a line, is filled while the lines
//! are read; it covers the first [`FieldTable::LINES`] lines of a head that arrived in one piece, and only lines of common
//! shape. Whatever it does not cover is found again in the validated octets when it is asked for. Measured on heads of 9 to
//! 12 fields, every field read once: a table lookup costs about 20 instructions a field and 6 to fill, finding a line again
//! 90 to 120. A table alone would bound the number of lines, or cost its octets in every machine while a head dribbles in;
//! finding alone would cost a third of the whole parse.

use arrayvec::ArrayVec;

use crate::octets::{self, class};
use crate::output::never_a_trailer;

/// Packed offsets of the first lines of a section: `length:16 name:8 leading:4 trailing:4`.
#[derive(Clone, Debug)]
pub(crate) struct FieldTable {
    lines: ArrayVec<u32, { Self::LINES }>,
    stopped: bool,
}

impl FieldTable {
    /// Browsers send 12 to 30 field lines.
    pub(crate) const LINES: usize = 32;

    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self { lines: ArrayVec::new_const(), stopped: false }
    }

    /// No line from here on is in the table.
    pub(crate) fn stop(&mut self) {
        self.stopped = true;
    }

    /// The next line: octets with its CRLF, of its name, and of whitespace before and behind its value.
    #[inline(always)]
    pub(crate) fn push(&mut self, line: usize, name: usize, leading: usize, trailing: usize) {
        let fits = line <= 0xffff && name <= 0xff && leading <= 0xf && trailing <= 0xf;
        if !self.stopped && fits {
            let packed = (line as u32) << 16 | (name as u32) << 8 | (leading as u32) << 4 | trailing as u32;
            self.stopped = self.lines.try_push(packed).is_err();
        } else {
            self.stopped = true;
        }
    }
}

/// A header section or trailer section: field lines in order, duplicates kept, names as sent.
#[derive(Clone, Debug)]
pub struct FieldSection<'a> {
    octets: &'a [u8],
    table: FieldTable,
    is_trailers: bool,
}

impl<'a> FieldSection<'a> {
    /// Validated field lines, with or without the empty line behind them.
    #[inline(always)]
    pub(crate) fn new(octets: &'a [u8], table: FieldTable) -> Self {
        Self { octets, table, is_trailers: false }
    }

    /// Validated field lines of a trailer section: those that may not stand there are left out (RFC 9110 6.5.1).
    pub(crate) fn trailers(octets: &'a [u8]) -> Self {
        Self { octets, table: FieldTable::new(), is_trailers: true }
    }

    /// No field line at all.
    pub fn empty() -> Self {
        Self { octets: b"", table: FieldTable::new(), is_trailers: false }
    }

    /// The field lines in order.
    #[inline]
    pub fn iter(&self) -> FieldLines<'a, '_> {
        FieldLines { is_trailers: self.is_trailers, ..self.all() }
    }

    /// The field lines in order, those too that are left out.
    #[inline]
    pub(crate) fn all(&self) -> FieldLines<'a, '_> {
        FieldLines { octets: self.octets, table: &self.table.lines, is_trailers: false }
    }

    /// The values of the lines of this name, case ignored (RFC 9110 5.1), in order.
    pub fn values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = FieldValue<'a>> + 's {
        self.iter().filter(move |line| line.name.eq_ignore_ascii_case(name.as_bytes())).map(|line| line.value)
    }

    /// The value of the first line of this name.
    pub fn value(&self, name: &str) -> Option<FieldValue<'a>> {
        self.values(name).next()
    }

    /// The octets of the section as received, line ends included.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.octets
    }
}

impl PartialEq for FieldSection<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.octets == other.octets
    }
}

impl Eq for FieldSection<'_> {}

impl<'a, 's> IntoIterator for &'s FieldSection<'a> {
    type Item = FieldLine<'a>;
    type IntoIter = FieldLines<'a, 's>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// A field line (RFC 9112 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldLine<'a> {
    /// The name, as sent; compare without case.
    pub name: &'a [u8],
    /// The value, outer whitespace trimmed.
    pub value: FieldValue<'a>,
}

/// A field value: not always one slice, since a line may have been folded (RFC 9112 5.2).
#[derive(Clone, Copy, Debug)]
pub struct FieldValue<'a>(&'a [u8]);

impl<'a> FieldValue<'a> {
    /// The value, where it lies in one piece: always, unless a fold, a bare CR or a NUL was let in.
    #[inline]
    pub fn as_slice(&self) -> Option<&'a [u8]> {
        if self.0.iter().fold(false, |any, &b| any | is_space_in_value(b)) { None } else { Some(self.0) }
    }

    /// The octets, with a space for each octet of a fold.
    pub fn octets(&self) -> FieldValueOctets<'a> {
        FieldValueOctets(self.0.iter())
    }

    /// Copies the value to the front of `out`, if it fits.
    pub fn copy_to<'o>(&self, out: &'o mut [u8]) -> Option<&'o [u8]> {
        let out = out.get_mut(..self.0.len())?;
        for (place, octet) in out.iter_mut().zip(self.octets()) {
            *place = octet;
        }
        Some(out)
    }

    /// As text, where it is one slice of UTF-8.
    pub fn to_str(&self) -> Option<&'a str> {
        core::str::from_utf8(self.as_slice()?).ok()
    }

    /// The octets as they lie in the buffer, folds included.
    #[inline]
    pub fn as_received(&self) -> &'a [u8] {
        self.0
    }
}

impl PartialEq for FieldValue<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.octets().eq(other.octets())
    }
}

impl Eq for FieldValue<'_> {}

impl PartialEq<[u8]> for FieldValue<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        self.octets().eq(other.iter().copied())
    }
}

impl PartialEq<&str> for FieldValue<'_> {
    fn eq(&self, other: &&str) -> bool {
        self == other.as_bytes()
    }
}

/// The octets of a [`FieldValue`].
#[derive(Clone, Debug)]
pub struct FieldValueOctets<'a>(core::slice::Iter<'a, u8>);

impl Iterator for FieldValueOctets<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        self.0.next().map(|&octet| if is_space_in_value(octet) { b' ' } else { octet })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

fn is_space_in_value(octet: u8) -> bool {
    matches!(octet, b'\r' | b'\n' | 0)
}

/// The lines of a [`FieldSection`].
#[derive(Clone, Debug)]
pub struct FieldLines<'a, 's> {
    octets: &'a [u8],
    table: &'s [u32],
    is_trailers: bool,
}

impl<'a> Iterator for FieldLines<'a, '_> {
    type Item = FieldLine<'a>;

    #[inline]
    fn next(&mut self) -> Option<FieldLine<'a>> {
        let Some((&packed, rest)) = self.table.split_first() else { return self.find() };
        self.table = rest;
        let line = (packed >> 16) as usize;
        let name = (packed >> 8 & 0xff) as usize;
        let value = name + 1 + (packed >> 4 & 0xf) as usize;
        let end = line - 2 - (packed & 0xf) as usize;
        let (line, behind) = self.octets.split_at_checked(line)?;
        self.octets = behind;
        Some(FieldLine { name: line.get(..name)?, value: FieldValue(line.get(value..end)?) })
    }
}

impl<'a> FieldLines<'a, '_> {
    /// The next line in octets that have been validated: only its parts are to be found.
    #[inline(never)]
    fn find(&mut self) -> Option<FieldLine<'a>> {
        // lines that were dropped because they stand before the first field line
        while self.octets.first().is_some_and(|&b| octets::is_whitespace(b)) {
            let end = memchr::memchr(b'\n', self.octets)? + 1;
            self.octets = &self.octets[end..];
        }
        let mut end = 0;
        loop {
            end += memchr::memchr(b'\n', &self.octets[end..])? + 1;
            if !self.octets.get(end).is_some_and(|&b| octets::is_whitespace(b)) {
                break;
            }
        }
        let (line, behind) = self.octets.split_at(end);
        let colon = memchr::memchr(b':', line)?;
        self.octets = behind;
        let name = line[..colon].split(|&b| octets::is(b, class::BLANK)).next()?;
        if self.is_trailers && never_a_trailer(name) {
            return self.find();
        }
        Some(FieldLine { name, value: FieldValue(octets::trim(&line[colon + 1..])) })
    }
}
