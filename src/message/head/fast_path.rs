//! The quick walk over field lines: those that are as browsers send them. See the head of this folder.
//!
//! Most of a head's time is spent in [`Progress::quick_lines`]: look at the code generated before and after a change. `Host`
//! is first in nearly every request, so there its grammar and its end are one search ([`host_line`]), and the least of
//! requests needs no other. Where a line may be continued it counts once the octet after it is there: so is it in responses,
//! nearly all of which say their `Content-Length` in the shortest way ([`length_line`]).

use super::fields::{FieldTable, Packed};
use super::{Progress, Rules};
use crate::message::facts::may_matter;
use crate::message::octets;

impl Progress {
    /// What the quick walk may see of `rest`, which begins at octet `at` of its section: in it no line is too long, nor any after
    /// the limit of the section. Those are for the careful walk to refuse.
    #[inline(always)]
    pub(super) fn window<'b>(&self, rules: Rules<'_>, rest: &'b [u8], at: usize) -> &'b [u8] {
        let most_line = (rules.limits.field_line as usize).min(FieldTable::MOST_LINE);
        rest.get(..most_line.min(rules.section.octets(rules.limits).saturating_sub(at))).unwrap_or(rest)
    }

    /// The octets after `Host`, where it is the first line, as it should be (RFC 9110 7.2), and of a registered name alone.
    #[inline(always)]
    pub(super) fn quick_host<'b>(&mut self, most: u16, window: &'b [u8], table: &mut FieldTable) -> &'b [u8] {
        if let (Some(behind), Some(place)) = (host_line(window), table.place(0, most)) {
            *place = Packed::new(window.len() - behind.len(), 4, 1);
            self.facts.first_host();
            self.lines = 1;
            return behind;
        }
        window
    }

    /// The octets after as many lines as are common enough and fit the table.
    #[inline(never)]
    pub(super) fn quick_lines<'b>(&mut self, most: u16, window: &'b [u8], table: &mut FieldTable) -> &'b [u8] {
        let mut rest = window;
        let mut read = self.lines;
        while let Some(place) = table.place(read, most) {
            let Some(line) = quick_line(rest) else { break };
            let name = rest.len() - line.colon.len();
            if name.wrapping_sub(1) >= FieldTable::MOST_NAME {
                break;
            }
            *place = Packed::new(rest.len() - line.behind.len(), name, 1);
            if may_matter(rest[0], name) {
                self.facts.known_field(&rest[..name], line.value());
            }
            read += 1;
            rest = line.behind;
        }
        self.lines = read;
        rest
    }

    /// The same of lines that may be continued.
    #[inline(never)]
    pub(super) fn quick_whole_lines<'b>(&mut self, most: u16, window: &'b [u8], table: &mut FieldTable) -> &'b [u8] {
        let mut rest = window;
        let Some(&(mut first)) = rest.first() else { return rest };
        let mut read = self.lines;
        while let Some(place) = table.place(read, most) {
            if first == b'\r' {
                break;
            }
            if first | 0x20 == b'c' {
                if let Some((octets, next, behind)) = length_line(rest) {
                    if self.facts.first_length(octets) {
                        *place = Packed::new(rest.len() - behind.len(), 14, 1);
                        read += 1;
                        (first, rest) = (next, behind);
                        continue;
                    }
                }
            }
            let Some((line, next)) = quick_whole_line(rest) else { break };
            let name = rest.len() - line.colon.len();
            if name.wrapping_sub(1) >= FieldTable::MOST_NAME {
                break;
            }
            *place = Packed::new(rest.len() - line.behind.len(), name, 1);
            if may_matter(first, name) {
                self.facts.known_field(rest.get(..name).unwrap_or_default(), line.value());
            }
            read += 1;
            (first, rest) = (next, line.behind);
        }
        self.lines = read;
        rest
    }
}

/// A field line as most are: the octets from its colon on, and those after the line.
struct Quick<'b> {
    colon: &'b [u8],
    behind: &'b [u8],
}

impl<'b> Quick<'b> {
    #[inline(always)]
    fn value(&self) -> &'b [u8] {
        self.colon.get(2..self.colon.len().wrapping_sub(self.behind.len() + 2)).unwrap_or_default()
    }
}

/// The octets after `Host: ` of a registered name and CRLF.
#[inline(always)]
fn host_line(line: &[u8]) -> Option<&[u8]> {
    const NAME: u64 = u64::from_le_bytes(*b"\0\0host: ");
    const SMALL: u64 = u64::from_le_bytes(*b"\0\0\x20\x20\x20\x20\0\0");
    // the first six of eight octets
    if u64::from_le_bytes(*line.first_chunk::<8>()?) << 16 | SMALL != NAME {
        return None;
    }
    let value = line.get(6..)?;
    let end = octets::from_host_name_end(value);
    let (line_end, behind) = end.split_first_chunk::<2>()?;
    if line_end == b"\r\n" && end.len() < value.len() { Some(behind) } else { None }
}

/// What `Content-Length: ` and a number of few digits say, the shortest way to write it; and the octets after its CRLF, if they
/// do not continue it, the first of them apart.
#[inline(always)]
fn length_line(line: &[u8]) -> Option<(u64, u8, &[u8])> {
    const NAME: u128 = u128::from_le_bytes(*b"content-length: ");
    const SMALL: u128 = u128::from_le_bytes(*b"\x20\x20\x20\x20\x20\x20\x20\0\x20\x20\x20\x20\x20\x20\0\0");
    let (name, value) = line.split_first_chunk::<16>()?;
    if u128::from_le_bytes(*name) | SMALL != NAME {
        return None;
    }
    let (mut number, mut rest) = (0u64, value);
    while let [digit @ b'0'..=b'9', behind @ ..] = rest {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        rest = behind;
    }
    // more digits may not fit, and leading zeros are remembered
    let digits = value.len() - rest.len();
    match (rest, value) {
        ([b'\r', b'\n', next, ..], [b'1'..=b'9', ..] | [b'0', b'\r', ..]) if digits < 19 && !continues(*next) => {
            Some((number, *next, &rest[2..]))
        }
        _ => None,
    }
}

/// May a line be continued that ends before this octet? SP and HTAB have two bits between them; what else is made of those begins
/// no usual line.
#[inline(always)]
const fn continues(next: u8) -> bool {
    next & !(b' ' | b'\t') == 0
}

/// A quick line that is not continued, and the octet after it.
#[inline(always)]
fn quick_whole_line(rest: &[u8]) -> Option<(Quick<'_>, u8)> {
    let colon = octets::from_name_end(rest)?;
    let [sign, space, first, ..] = colon else { return None };
    let end = octets::from_control(&colon[2..]);
    let [cr, lf, next, ..] = end else { return None };
    // an empty value has its line end for first octet
    let last = colon.get((colon.len() - end.len()).wrapping_sub(1))?;
    let signs = [*sign, *space] == *b": " && [*cr, *lf] == *b"\r\n";
    if signs && *first > b' ' && *last > b' ' && !continues(*next) {
        Some((Quick { colon, behind: &end[2..] }, *next))
    } else {
        None
    }
}

/// A name of letters and dashes, a colon, one space, a value without control octets or outer whitespace, CRLF.
#[inline(always)]
fn quick_line(rest: &[u8]) -> Option<Quick<'_>> {
    let colon = octets::from_name_end(rest)?;
    let [b':', b' ', first, ..] = colon else { return None };
    let end = octets::from_control(&colon[2..]);
    let [b'\r', b'\n', behind @ ..] = end else { return None };
    // an empty value has its line end for first octet
    let last = colon.get((colon.len() - end.len()).wrapping_sub(1))?;
    if *first > b' ' && *last > b' ' { Some(Quick { colon, behind }) } else { None }
}

/// The same of a line that has been read before: name, value, and the octets after the line.
pub(super) fn quick_parts(octets: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let line = quick_line(octets)?;
    Some((octets.get(..octets.len() - line.colon.len())?, line.value(), line.behind))
}
