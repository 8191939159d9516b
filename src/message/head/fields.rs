//! The field section: field lines in order, borrowed from the buffer they were read in.
//!
//! **A table of offsets, or a search at each access?** Both. A table of packed offsets, three octets a line, is filled while the lines are
//! read. It covers the first [`FieldTable::CAPACITY`] lines of a head that arrived in one piece, and only lines of common shape. Other
//! lines are searched for in the validated octets when they are asked for: for their colon and their end alone, where all lines of the
//! section are of that shape, and else by every rule. Counted, each field read once: the table costs about 25 instructions a field, and
//! about 5 to fill; a search for colon and end about 120, one by every rule about 250. A table alone would bound the number of lines, or
//! would be kept in each connection while a head arrives in pieces. The search alone would add two fifths to the cost of parsing.

use super::fast_path::fast_parts;
use crate::message::known_fields::never_a_trailer;
use crate::message::octets;

/// Packed offsets of the first lines of a section, each in the slot of its number.
#[derive(Clone, Copy, Debug)]
pub struct FieldTable {
    /// Octets of each line, its line end included.
    lines: [u16; Self::CAPACITY],
    /// Octets of its name; 0: it is not packed, and is to be searched for.
    names: [u8; Self::CAPACITY],
    /// The lines from this number on are not in the table.
    end: u32,
}

/// Where name and value are in a line of which one octet is between colon and value, and two are after it, and whose value is one slice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PackedLine {
    /// Octets of the line, its line end included.
    line: u16,
    /// Octets of its name; 0: it is another line, and is to be searched for.
    name: u8,
}

impl PackedLine {
    /// A line of these sizes, with `leading` octets of whitespace before its value, where that can be packed.
    pub(crate) const fn fitting(line: usize, name: usize, leading: usize) -> Self {
        let fits = leading == 1 && line <= FieldTable::MAX_LINE && name <= FieldTable::MAX_NAME;
        if fits { Self::new(line, name) } else { Self::NONE }
    }

    /// The same, of sizes that fit.
    pub(crate) const fn new(line: usize, name: usize) -> Self {
        Self { line: line as u16, name: name as u8 }
    }

    /// A line to be searched for.
    pub(crate) const NONE: Self = Self { line: 0, name: 0 };

    pub(super) const fn is_none(self) -> bool {
        self.name == 0
    }

    /// Name and value of the line at the front of `octets`, and the octets after it.
    fn parts(self, octets: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
        parts(octets, self.line.into(), self.name.into())
    }
}

/// Name and value of the line at the front of `octets`, and the octets after it. `line`: how many octets it has; `name`: how many of them are
/// its name.
#[inline]
fn parts(octets: &[u8], line: usize, name: usize) -> Option<(&[u8], &[u8], &[u8])> {
    let (line, after) = octets.split_at_checked(line)?;
    let (before, value) = line.split_at_checked(name.checked_add(2)?)?;
    Some((before.get(..name)?, value.get(..value.len().wrapping_sub(2))?, after))
}

/// How lines that are not in the table are found again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// Each line is as [`PackedLine`] tells it: its colon and its end are all there is to find.
    Plain,
    /// A line is of another form, or was dropped.
    InFull,
    /// Those of a trailer section: some are left out.
    Trailers,
}

impl FieldTable {
    /// How many lines there is room for. Browsers send 10 to 18 field lines; the table is copied with the section, so it is short.
    pub(crate) const CAPACITY: usize = 21;
    /// Octets of the longest name that can be packed.
    pub(crate) const MAX_NAME: usize = 0xff;
    /// Octets of the longest line that can be packed.
    pub(crate) const MAX_LINE: usize = 0xffff;

    pub(crate) const fn new() -> Self {
        Self { lines: [0; Self::CAPACITY], names: [0; Self::CAPACITY], end: Self::CAPACITY as u32 }
    }

    /// An empty table that accepts no line.
    pub(crate) const fn closed() -> Self {
        Self { end: 0, ..Self::new() }
    }

    /// No line from this one on is in the table.
    pub(crate) fn truncate(&mut self, line: usize) {
        self.end = self.end.min(line as u32);
    }

    /// What always holds when a section has been read: each line in the table ends within its octets. Looked at in debug builds only.
    fn check(&self, octets: &[u8]) {
        if cfg!(debug_assertions) {
            debug_assert!(self.end as usize <= Self::CAPACITY, "no more lines than there is room for");
            let mut rest = octets;
            for line in self.packed() {
                if line.name == 0 {
                    rest = find_line(rest, false).map_or(&[], |(_, after)| after);
                    continue;
                }
                let parts = line.parts(rest);
                let is_line = parts.is_some_and(|(name, value, after)| {
                    let between = &rest[name.len()..rest.len() - after.len()];
                    // policy may let in other whitespace, and a bare LF after some
                    between.starts_with(b":") && between.ends_with(b"\n") && between.len() == value.len() + 4
                });
                debug_assert!(is_line, "a packed line is a line: {line:?} of {rest:?}");
                rest = parts.map_or(&[], |(.., after)| after);
            }
        }
    }

    /// Puts the line of this number into the table, where there is room for it.
    pub(crate) fn set(&mut self, number: usize, line: PackedLine) {
        if let (Some(octets), Some(name)) = (self.lines.get_mut(number), self.names.get_mut(number)) {
            (*octets, *name) = (line.line, line.name);
        }
    }

    /// The lines in it.
    fn packed(&self) -> impl Iterator<Item = PackedLine> {
        let all = self.lines.iter().zip(&self.names).take(self.end as usize);
        all.map(|(&line, &name)| PackedLine { line, name })
    }
}

/// A header section or trailer section: field lines in order, duplicates kept, names as sent.
#[derive(Clone, Debug)]
pub struct FieldSection<'a> {
    octets: &'a [u8],
    table: FieldTable,
    finding: Finding,
}

impl<'a> FieldSection<'a> {
    /// Nothing read yet.
    pub(crate) const fn new() -> Self {
        Self { octets: b"", table: FieldTable::new(), finding: Finding::Plain }
    }

    /// `lines` validated field lines, each of them plain; `table` has some of them, or none.
    pub(crate) fn of_plain(octets: &'a [u8], table: FieldTable, lines: u32) -> Self {
        let table = FieldTable { end: table.end.min(lines), ..table };
        let section = Self { octets, table, finding: Finding::Plain };
        section.check();
        section
    }

    /// Removes all lines, as if nothing had been read.
    pub(crate) fn clear(&mut self) {
        self.octets = b"";
        self.table.end = FieldTable::CAPACITY as u32;
        self.finding = Finding::Plain;
    }

    /// The table, to be filled while lines are read.
    pub(crate) fn table(&mut self) -> &mut FieldTable {
        &mut self.table
    }

    /// The validated field lines, `lines` of them, without the empty line after them. `are_plain`: each of them is as [`PackedLine`] tells it.
    pub(crate) fn set_lines(&mut self, octets: &'a [u8], lines: usize, are_plain: bool) {
        self.octets = octets;
        self.table.end = self.table.end.min(lines as u32);
        self.finding = if are_plain { Finding::Plain } else { Finding::InFull };
        self.check();
    }

    /// What always holds when a section has been read. Looked at in debug builds only.
    fn check(&self) {
        if cfg!(debug_assertions) {
            self.table.check(self.octets);
            let found = self.all_lines();
            let in_full = FieldLines { finding: Finding::InFull, table: [].iter().zip(&[]), ..found.clone() };
            debug_assert!(found.eq(in_full), "lines are found again as they are");
        }
    }

    /// The validated field lines of a trailer section. Those that may not be trailers are left out (RFC 9110 6.5.1).
    pub(crate) fn trailers(octets: &'a [u8]) -> Self {
        Self { octets, table: FieldTable::closed(), finding: Finding::Trailers }
    }

    /// Lines that were validated, with what was kept of them.
    pub(super) const fn at(octets: &'a [u8], table: FieldTable, finding: Finding) -> Self {
        Self { octets, table, finding }
    }

    /// What is kept of the lines beside their octets.
    pub(super) const fn kept(&self) -> (FieldTable, Finding) {
        (self.table, self.finding)
    }

    /// No field line at all.
    pub fn empty() -> Self {
        Self { octets: b"", table: FieldTable::closed(), finding: Finding::Plain }
    }

    /// The field lines in order.
    #[inline]
    pub fn iter(&self) -> FieldLines<'a, '_> {
        FieldLines { finding: self.finding, ..self.all_lines() }
    }

    /// The field lines in order, with those that [`iter`](Self::iter) leaves out.
    #[inline]
    pub(crate) fn all_lines(&self) -> FieldLines<'a, '_> {
        let end = self.table.end as usize;
        let lines = self.table.lines.get(..end).unwrap_or_default();
        let names = self.table.names.get(..end).unwrap_or_default();
        let finding = if self.finding == Finding::Plain { Finding::Plain } else { Finding::InFull };
        FieldLines { octets: self.octets, table: lines.iter().zip(names), finding }
    }

    /// The values of the lines of this name, case ignored (RFC 9110 5.1), in order.
    pub fn values<'s>(&'s self, name: &'s str) -> impl Iterator<Item = FieldValue<'a>> + 's {
        self.iter().filter(move |line| line.name.eq_ignore_ascii_case(name.as_bytes())).map(|line| line.value)
    }

    /// The value of the first line of this name, case ignored; `None` where there is no such line.
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
#[non_exhaustive]
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
    /// The value as one slice. `None` only where policy let in a fold, a bare CR or a NUL.
    #[inline]
    pub fn as_slice(&self) -> Option<&'a [u8]> {
        if self.0.iter().fold(false, |any, &b| any | is_space_in_value(b)) { None } else { Some(self.0) }
    }

    /// The octets, with a space in the place of each octet of a fold, a bare CR and a NUL (RFC 9112 5.2, 2.2; RFC 9110 5.5).
    pub fn octets(&self) -> FieldValueOctets<'a> {
        FieldValueOctets(self.0.iter())
    }

    /// Copies the [`octets`](Self::octets) to the front of `out`, and returns them. `None`, and `out` is as before, where they do not fit.
    pub fn copy_to<'o>(&self, out: &'o mut [u8]) -> Option<&'o [u8]> {
        let out = out.get_mut(..self.0.len())?;
        for (slot, octet) in out.iter_mut().zip(self.octets()) {
            *slot = octet;
        }
        Some(out)
    }

    /// The value as text. `None` where it is not one slice, or not UTF-8.
    pub fn to_str(&self) -> Option<&'a str> {
        core::str::from_utf8(self.as_slice()?).ok()
    }

    /// The octets as they are in the buffer, folds included.
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
    table: core::iter::Zip<core::slice::Iter<'s, u16>, core::slice::Iter<'s, u8>>,
    finding: Finding,
}

impl<'a> Iterator for FieldLines<'a, '_> {
    type Item = FieldLine<'a>;

    #[inline]
    fn next(&mut self) -> Option<FieldLine<'a>> {
        if let Some((&line, &name)) = self.table.next() {
            let packed = PackedLine { line, name };
            if packed.name > 0 {
                let (name, value, after) = packed.parts(self.octets)?;
                self.octets = after;
                return Some(FieldLine { name, value: FieldValue(value) });
            }
        }
        if self.octets.is_empty() {
            return None;
        }
        let (line, after) = find(self.octets, self.finding)?;
        self.octets = after;
        Some(line)
    }
}

/// The first line of octets that have been validated, and the octets after it.
#[inline(never)]
fn find(octets: &[u8], finding: Finding) -> Option<(FieldLine<'_>, &[u8])> {
    if finding == Finding::Plain {
        let (line, name) = sizes_of_plain_line(octets);
        let (name, value, after) = parts(octets, line, name)?;
        return Some((FieldLine { name, value: FieldValue(value) }, after));
    }
    find_line(octets, finding == Finding::Trailers)
}

/// How many octets a line has, and its name, where it is as [`PackedLine`] tells it.
///
/// Twin of [`find_line`].
#[inline]
fn sizes_of_plain_line(octets: &[u8]) -> (usize, usize) {
    let (end, colon) = (octets::skip_to(octets, b'\n'), octets::skip_to(octets, b':'));
    (octets.len() - end.len() + 1, octets.len() - colon.len())
}

/// The first line of octets that have been validated, and the octets after it. Nothing is judged again.
#[inline(never)]
pub(in crate::message) fn find_line(mut octets: &[u8], is_trailers: bool) -> Option<(FieldLine<'_>, &[u8])> {
    loop {
        if let (Some((name, value, after)), false) = (fast_parts(octets), is_trailers) {
            // a line without a name is one that policy dropped
            if !name.is_empty() && !after.first().is_some_and(|&b| octets::is_whitespace(b)) {
                return Some((FieldLine { name, value: FieldValue(value) }, after));
            }
        }
        // lines before the first field line, which policy drops
        if octets.first().is_some_and(|&b| octets::is_whitespace(b)) {
            octets = &octets[memchr::memchr(b'\n', octets)? + 1..];
            continue;
        }
        let mut end = 0;
        loop {
            end += memchr::memchr(b'\n', &octets[end..])? + 1;
            if !octets.get(end).is_some_and(|&b| octets::is_whitespace(b)) {
                break;
            }
        }
        let (line, after) = octets.split_at(end);
        octets = after;
        // a line without a colon or a name is one that policy dropped
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let (name, value) = line.split_at(colon);
        // whitespace before the colon may have been let in
        let name = octets::trim(name);
        if octets::is_token(name) && !(is_trailers && never_a_trailer(name)) {
            return Some((FieldLine { name, value: FieldValue(octets::trim(&value[1..])) }, after));
        }
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "a packed line is a line")]
    fn a_table_of_other_octets_is_noticed() {
        let mut section = FieldSection::new();
        section.table().set(0, PackedLine::new(9, 1));
        section.set_lines(b"a: b\r\n", 1, true);
    }
}
