//! Status lines (RFC 9112 4), and the heads that begin with them.

use super::fields::FieldTable;
use super::heads::ResponseHead;
use super::start_line::{fast_version, is_space, version};
use super::{Fault, Progress, Rules, cut_line_end};
use crate::error::ProtocolErrorKind::*;
use crate::message::connection_facts::ConnectionFacts;
use crate::message::method::Version;
use crate::message::octets::{self, class};
use crate::status::StatusCode;

impl Progress {
    /// Goes on reading a response head into `head`, all but its framing: how many octets it has, or `None` if more are needed.
    // inlined: -95 `ours resp`, with the two fast ones
    #[inline(always)]
    pub(crate) fn read_response<'b>(
        &mut self,
        rules: Rules<'_>,
        buf: &'b [u8],
        head: &mut ResponseHead<'b>,
    ) -> Result<Option<usize>, Fault> {
        if self.searched == 0 && self.next_line == 0 {
            if let Some((fresh, line)) = Self::fast_response(rules, buf) {
                *self = fresh;
                if let Some((section, octets)) = self.fast_section(rules, buf, head.fields.table()) {
                    (head.status, head.version, head.reason) = (line.status, self.facts.version(), line.reason);
                    head.fields.set_lines(section, self.lines(), self.is_plain);
                    return Ok(Some(octets));
                }
            }
        }
        let end = self.full_response(rules, buf, head)?;
        self.check(buf);
        Ok(end)
    }

    /// The status line that `buf` begins with, where it is as nearly all are, and a response of which it has been read.
    ///
    /// Twin of [`full_response`](Self::full_response), with [`fast_section`](Self::fast_section).
    // inlined: -95 `ours resp`, with `read_response`
    #[inline(always)]
    pub(crate) fn fast_response<'b>(rules: Rules<'_>, buf: &'b [u8]) -> Option<(Self, StatusLine<'b>)> {
        let line = fast_status_line(buf)?;
        if line.end > rules.limits.start_line as usize {
            return None;
        }
        let facts = ConnectionFacts::response(line.status, Version { minor: line.minor });
        Some((Self { facts, next_line: line.end as u32, ..Self::FRESH }, line))
    }

    /// The field lines after the status line, where they are of common shape, and where the head ends.
    ///
    /// Twin of [`full_response`](Self::full_response), after [`fast_response`](Self::fast_response).
    // inlined: -95 `ours resp`, with `read_response`
    #[inline(always)]
    pub(crate) fn fast_section<'b>(
        &mut self,
        rules: Rules<'_>,
        buf: &'b [u8],
        table: &mut FieldTable,
    ) -> Option<(&'b [u8], usize)> {
        let at = self.next_line as usize;
        let window = self.fast_window(rules, buf.get(at..)?, at);
        // a line that may be continued is left to the full reading, also where policy refuses to continue lines
        let rest = self.fast_unfolded_lines(rules.limits.field_lines, window, table);
        let section = window.get(..window.len() - rest.len())?;
        self.next_line = (at + section.len()) as u32;
        match rest {
            [b'\r', b'\n', ..] => Some((section, self.octets())),
            _ => None,
        }
    }

    /// Goes on reading a head, by every rule.
    #[inline(never)]
    pub(crate) fn full_response<'b>(
        &mut self,
        rules: Rules<'_>,
        buf: &'b [u8],
        head: &mut ResponseHead<'b>,
    ) -> Result<Option<usize>, Fault> {
        self.take_up(buf, head.fields.table());
        if self.next_line == 0 {
            let Some(line) = self.full_status_line(rules, buf)? else { return Ok(None) };
            self.facts = ConnectionFacts::response(line.status, Version { minor: line.minor });
            self.next_line = line.end as u32;
        }
        let Some(octets) = self.read_fields(rules, buf, head.fields.table())? else { return Ok(None) };
        // the status line is read a second time when the head is complete, and not with each line that ends
        let end = memchr::memchr(b'\n', buf).map_or(buf.len(), |lf| lf + 1);
        let line = cut_line_end(buf, 0, end, rules.policy)?;
        let spaced = rules.policy.start_line_whitespace.accepts();
        let line = split_status_line(line, spaced, end).ok_or(Fault::new(StatusLine, 0))?;
        let Some(section) = buf.get(line.end..self.fields_end()) else { return Ok(None) };
        head.status = line.status;
        head.version = self.facts.version();
        head.fields.set_lines(section, self.lines(), self.is_plain);
        head.reason = line.reason;
        Ok(Some(octets))
    }

    #[cold]
    #[inline(never)]
    fn full_status_line<'b>(&mut self, rules: Rules<'_>, buf: &'b [u8]) -> Result<Option<StatusLine<'b>>, Fault> {
        let spaced = rules.policy.start_line_whitespace.accepts();
        if buf.first().is_some_and(|&first| first != b'H' && !(spaced && is_space(first))) {
            return Err(Fault::new(NotHttp, 0));
        }
        let Some(end) = self.start_line_end(rules, buf, |_| StatusLine)? else { return Ok(None) };
        let line = cut_line_end(buf, 0, end, rules.policy)?;
        let leading = if spaced { leading_spaces(line) } else { 0 };
        let rest = &line[leading..];
        let version = version(rest.get(..8).unwrap_or(rest));
        version.map_err(|kind| Fault::new(kind, leading))?;
        split_status_line(line, spaced, end).ok_or(Fault::new(StatusLine, leading)).map(Some)
    }
}

/// The parts of a status line, and where it ends.
#[derive(Clone, Copy)]
pub(crate) struct StatusLine<'b> {
    pub(crate) status: StatusCode,
    minor: u8,
    pub(crate) reason: &'b [u8],
    end: usize,
}

/// `HTTP/1.x SP 3DIGIT SP reason-phrase CRLF`, as nearly all are. Most of them are `200 OK`.
///
/// Twin of [`split_status_line`].
// inlined: -19 `client-exchange`
#[inline(always)]
fn fast_status_line(buf: &[u8]) -> Option<StatusLine<'_>> {
    let (version, rest) = buf.split_first_chunk::<8>()?;
    let minor = fast_version(*version)?;
    if let Some(([ok @ .., lf], _)) = rest.split_first_chunk::<9>() {
        if u64::from_le_bytes(*ok) == u64::from_le_bytes(*b" 200 OK\r") && *lf == b'\n' {
            return Some(StatusLine { status: StatusCode::OK, minor, reason: &rest[5..7], end: 17 });
        }
    }
    let ([b' ', status @ .., b' '], reason) = rest.split_first_chunk::<5>()? else { return None };
    let status = three_digits(status)?;
    let after = octets::skip_to_control(reason);
    let reason = reason.get(..reason.len() - after.len())?;
    match after {
        [b'\r', b'\n', ..] => Some(StatusLine { status, minor, reason, end: 13 + reason.len() + 2 }),
        _ => None,
    }
}

/// A status line without its line end, its version checked already. A missing last space is common (RFC 9112 4). `spaced`: runs of
/// whitespace separate its parts, stand before it and after it.
fn split_status_line(line: &[u8], spaced: bool, end: usize) -> Option<StatusLine<'_>> {
    let line = if spaced { &line[leading_spaces(line)..] } else { line };
    let minor = line.get(7)?.wrapping_sub(b'0');
    let rest = after_gap(line.get(8..)?, spaced)?;
    let status = three_digits(rest.first_chunk::<3>()?)?;
    let reason = match &rest[3..] {
        [] => &[],
        [b' ', reason @ ..] if leading_others(reason) == 0 => reason,
        rest => after_gap(rest, spaced)?,
    };
    // a reason phrase may end in a space or HTAB, but not in the others
    let others =
        if spaced { reason.iter().rev().take_while(|&&b| is_space(b) && !octets::is_whitespace(b)).count() } else { 0 };
    let reason = &reason[..reason.len() - others];
    if octets::all(reason, class::FIELD) { Some(StatusLine { status, minor, reason, end }) } else { None }
}

/// What follows one SP, or a run of whitespace.
fn after_gap(line: &[u8], spaced: bool) -> Option<&[u8]> {
    match line {
        [b' ', rest @ ..] if !spaced => Some(rest),
        [first, ..] if spaced && is_space(*first) => Some(&line[leading_spaces(line)..]),
        _ => None,
    }
}

/// How many octets of the whitespace at the front are neither spaces nor HTAB, which a reason phrase may begin with.
fn leading_others(line: &[u8]) -> usize {
    line[..leading_spaces(line)].iter().filter(|&&b| !octets::is_whitespace(b)).count()
}

fn leading_spaces(line: &[u8]) -> usize {
    line.iter().take_while(|&&b| is_space(b)).count()
}

fn three_digits(digits: &[u8; 3]) -> Option<StatusCode> {
    let [hundreds, tens, ones] = digits.map(|digit| digit.wrapping_sub(b'0'));
    if hundreds > 9 || tens > 9 || ones > 9 {
        return None;
    }
    StatusCode::new(u16::from(hundreds) * 100 + u16::from(tens) * 10 + u16::from(ones))
}
