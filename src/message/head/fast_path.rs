//! The fast loop over field lines: those as browsers send them. See the head of this folder.
//!
//! Most of a head's time is spent in [`Progress::fast_lines`]: look at the code generated before and after a change. `Host` is the first
//! line of nearly every request, so its grammar and its end are one search there ([`host_line`]), and the shortest requests need no other.
//! Where a line may be continued it counts only when the octet after it is there. That is so in responses, and nearly all of them say
//! their `Content-Length` in the shortest way ([`content_length_line`]).
//!
//! **Two searches side by side.** Where a line ends is searched from where it begins, and not from its colon. So where the next line begins
//! depends on one search alone, and the processor looks for the name meanwhile. It costs a few instructions a line, and saves a quarter of
//! the time (benches, `clock`): each search waits for its loads longer than it computes.
//!
//! Whatever a function of this file does not know, it leaves alone: it returns what it has not read, and the full reading goes on there.

use super::fields::{FieldTable, PackedLine};
use super::{Progress, Rules};
use crate::message::known_fields::may_be_kept;
use crate::message::octets;

impl Progress {
    /// The part of `rest`, which begins at octet `at` of its section, in which no line is too long and none passes the limit of the
    /// section. What is too long is for the full reading to refuse.
    pub(in crate::message) fn fast_window<'b>(&self, rules: Rules<'_>, rest: &'b [u8], at: usize) -> &'b [u8] {
        let longest = (rules.limits.field_line as usize).min(FieldTable::MAX_LINE);
        rest.get(..longest.min(rules.section.octets(rules.limits).saturating_sub(at))).unwrap_or(rest)
    }

    /// The octets after `Host`, where it is the first line, as it should be (RFC 9110 7.2), and its value is a registered name alone.
    ///
    /// Twin of [`full_line`](Self::full_line).
    // inlined: -13 `octets classic`, with `host_line`
    #[inline(always)]
    pub(in crate::message) fn fast_host<'b>(
        &mut self,
        max_lines: u16,
        window: &'b [u8],
        table: &mut FieldTable,
    ) -> &'b [u8] {
        if let (Some(after), true) = (host_line(window), max_lines > 0) {
            table.set(0, PackedLine::new(window.len() - after.len(), 4));
            self.facts.set_first_host();
            self.line_count = 1;
            return after;
        }
        window
    }

    /// The octets after as many lines as are common enough; the table has those that it has room for.
    ///
    /// Twin of [`full_line`](Self::full_line), called line by line.
    #[inline(never)]
    pub(in crate::message) fn fast_lines<'b>(
        &mut self,
        max_lines: u16,
        window: &'b [u8],
        table: &mut FieldTable,
    ) -> &'b [u8] {
        let mut rest = window;
        let (mut lines, most) = (usize::from(self.line_count), usize::from(max_lines));
        while lines < most {
            let Some((line, name)) = named_line(rest) else { break };
            table.set(lines, PackedLine::new(rest.len() - line.after.len(), name));
            if may_be_kept(rest[0], name) {
                self.facts.kept_line(&rest[..name], line.value());
            }
            lines += 1;
            rest = line.after;
        }
        self.line_count = lines as u16;
        rest
    }

    /// The same for lines that may be continued: a line counts when the octet after it shows that it is not.
    ///
    /// Twin of [`full_line`](Self::full_line), called line by line.
    #[inline(never)]
    pub(in crate::message) fn fast_unfolded_lines<'b>(
        &mut self,
        max_lines: u16,
        window: &'b [u8],
        table: &mut FieldTable,
    ) -> &'b [u8] {
        let mut rest = window;
        let Some(&(mut first)) = rest.first() else { return rest };
        let (mut lines, most) = (usize::from(self.line_count), usize::from(max_lines));
        while lines < most {
            if first == b'\r' {
                break;
            }
            if first | 0x20 == b'c' {
                if let Some((octets, next, after)) = content_length_line(rest) {
                    if self.facts.set_first_length(octets) {
                        table.set(lines, PackedLine::new(rest.len() - after.len(), 14));
                        lines += 1;
                        (first, rest) = (next, after);
                        continue;
                    }
                }
            }
            let Some((line, name, next)) = named_unfolded_line(rest) else { break };
            table.set(lines, PackedLine::new(rest.len() - line.after.len(), name));
            if may_be_kept(first, name) {
                self.facts.kept_line(rest.get(..name).unwrap_or_default(), line.value());
            }
            lines += 1;
            (first, rest) = (next, line.after);
        }
        self.line_count = lines as u16;
        rest
    }
}

/// A line, and how many octets its name has, of any name that can be packed.
#[inline(always)]
fn named_line(rest: &[u8]) -> Option<(FastLine<'_>, usize)> {
    let line = match fast_line(rest) {
        Some(line) => line,
        // the empty line, where all heads end
        None if rest.first() == Some(&b'\r') => return None,
        None => FastLine::of_token(rest)?,
    };
    let name = rest.len() - line.colon.len();
    if name.wrapping_sub(1) < FieldTable::MAX_NAME { Some((line, name)) } else { None }
}

/// The same where it is not continued, and the octet after it.
#[inline(always)]
fn named_unfolded_line(rest: &[u8]) -> Option<(FastLine<'_>, usize, u8)> {
    let (line, next) = match fast_unfolded_line(rest) {
        Some(line) => line,
        None => {
            let line = FastLine::of_token(rest)?;
            let next = *line.after.first()?;
            if may_continue(next) {
                return None;
            }
            (line, next)
        }
    };
    let name = rest.len() - line.colon.len();
    if name.wrapping_sub(1) < FieldTable::MAX_NAME { Some((line, name, next)) } else { None }
}

/// A field line as most are: the octets from its colon on, and those after the line.
struct FastLine<'b> {
    colon: &'b [u8],
    after: &'b [u8],
}

impl<'b> FastLine<'b> {
    /// A line whose name has other octets than letters, digits and dashes.
    // asked for only where a fast line was not found
    #[inline(always)]
    fn of_token(rest: &'b [u8]) -> Option<Self> {
        let (colon, after) = line_of_token(rest);
        if after == 0 { None } else { Some(Self { colon: rest.get(colon..)?, after: rest.get(after..)? }) }
    }

    fn value(&self) -> &'b [u8] {
        self.colon.get(2..self.colon.len().wrapping_sub(self.after.len() + 2)).unwrap_or_default()
    }
}

/// The octets after `Host: `, a registered name and CRLF.
// inlined: -13 `octets classic`, with `fast_host`
#[inline(always)]
fn host_line(line: &[u8]) -> Option<&[u8]> {
    const NAME: u64 = u64::from_le_bytes(*b"\0\0host: ");
    const CASE: u64 = u64::from_le_bytes(*b"\0\0\x20\x20\x20\x20\0\0");
    // the first six of eight octets
    if u64::from_le_bytes(*line.first_chunk::<8>()?) << 16 | CASE != NAME {
        return None;
    }
    let value = line.get(6..)?;
    let end = octets::skip_host_name(value);
    let (line_end, after) = end.split_first_chunk::<2>()?;
    if line_end == b"\r\n" && end.len() < value.len() { Some(after) } else { None }
}

/// The number of a `Content-Length: ` written in the shortest way, the first octet after its CRLF, and all octets after it. `None` for
/// a line that is written in another way, or is continued.
///
/// Twin of [`fast_unfolded_line`] and [`ConnectionFacts::kept_line`](crate::message::connection_facts::ConnectionFacts::kept_line).
fn content_length_line(line: &[u8]) -> Option<(u64, u8, &[u8])> {
    const NAME: u128 = u128::from_le_bytes(*b"content-length: ");
    const CASE: u128 = u128::from_le_bytes(*b"\x20\x20\x20\x20\x20\x20\x20\0\x20\x20\x20\x20\x20\x20\0\0");
    let (name, value) = line.split_first_chunk::<16>()?;
    // other names begin with `content-`, too
    if name[8] | 0x20 != b'l' || u128::from_le_bytes(*name) | CASE != NAME {
        return None;
    }
    let (number, rest) = octets::leading_digits(value);
    // more digits may not fit, and leading zeros are remembered
    let digits = value.len() - rest.len();
    match (rest, value) {
        ([b'\r', b'\n', next, ..], [b'1'..=b'9', ..] | [b'0', b'\r', ..]) if digits < 19 && !may_continue(*next) => {
            Some((number, *next, &rest[2..]))
        }
        _ => None,
    }
}

/// May a line be continued that ends before this octet? SP and HTAB have two bits between them. The other octets made of those bits begin
/// no usual line.
const fn may_continue(next: u8) -> bool {
    next & !(b' ' | b'\t') == 0
}

/// A line like [`fast_line`] that is not continued, and the octet after it.
// inlined: -6 `ours resp`
#[inline(always)]
fn fast_unfolded_line(rest: &[u8]) -> Option<(FastLine<'_>, u8)> {
    // where the next line begins depends on this search alone, and not on that of the name
    let end = octets::skip_to_control(rest);
    let [cr, lf, next, ..] = end else { return None };
    let colon = octets::skip_name(rest)?;
    let [sign, space, first, ..] = colon else { return None };
    // an empty value has its line end for first octet
    let last = rest.get((rest.len() - end.len()).wrapping_sub(1))?;
    let separators = [*sign, *space] == *b": " && [*cr, *lf] == *b"\r\n";
    if separators && *first > b' ' && *last > b' ' && !may_continue(*next) {
        Some((FastLine { colon, after: &end[2..] }, *next))
    } else {
        None
    }
}

/// A name of letters, digits and dashes, a colon, one space, a value without control octets or outer whitespace, CRLF.
// inlined: -166 `ours classic`
#[inline(always)]
fn fast_line(rest: &[u8]) -> Option<FastLine<'_>> {
    // where the next line begins depends on this search alone, and not on that of the name
    let end = octets::skip_to_control(rest);
    let (line_end, after) = end.split_first_chunk::<2>()?;
    let colon = octets::skip_name(rest)?;
    let ([separators @ .., first], _) = colon.split_first_chunk::<3>()?;
    if line_end != b"\r\n" || separators != b": " {
        return None;
    }
    // an empty value has its line end for first octet
    let last = rest.get((rest.len() - end.len()).wrapping_sub(1))?;
    if *first > b' ' && *last > b' ' { Some(FastLine { colon, after }) } else { None }
}

/// Where the colon is in a line like [`fast_line`] whose name has other octets of a token, too, and where the line ends; (0, 0): it is none.
#[cold]
#[inline(never)]
fn line_of_token(rest: &[u8]) -> (usize, usize) {
    let line = || {
        let name = octets::skip_name(rest)?;
        let colon = octets::skip_token(name);
        // its name is of letters, digits and dashes: it is another line for another reason
        if colon.len() == name.len() {
            return None;
        }
        let [b':', b' ', first, ..] = colon else { return None };
        let end = octets::skip_to_control(&colon[2..]);
        let [b'\r', b'\n', after @ ..] = end else { return None };
        let last = colon.get((colon.len() - end.len()).wrapping_sub(1))?;
        let is_line = *first > b' ' && *last > b' ';
        is_line.then_some((rest.len() - colon.len(), rest.len() - after.len()))
    };
    line().unwrap_or_default()
}

/// Name, value, and the octets after the line, of a [`fast_line`] that has been read before.
///
/// Twin of [`find_line`](super::fields::find_line).
pub(in crate::message) fn fast_parts(octets: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let line = fast_line(octets).or_else(|| FastLine::of_token(octets))?;
    Some((octets.get(..octets.len() - line.colon.len())?, line.value(), line.after))
}
