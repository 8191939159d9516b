//! Heads: from octets to a start line, a field section and the facts that decide framing and persistence, in one pass.
//!
//! Read first: RFC 9112 2.2 (parsing robustness), 3 and 4 (start lines), 5 (field lines); RFC 9110 5.4 (limits).
//!
//! **A line is judged when its end has arrived**, and never before. Only the first octet of a start line is judged alone, so that another
//! protocol is refused at once. A line that is longer than its limit is refused when the limit is reached. Both depend on the octets and
//! not on how they were split, so any split gives the same events, errors and offsets.
//!
//! **Two ways to read a line.** The fast one takes a line as browsers send it: a name of letters, digits and dashes, a colon, one space, visible
//! octets, CRLF. It stops at anything else, the end of the buffer too. There the full one goes on: it looks for the end of the line, and
//! knows every rule and every leniency. The full one alone is complete; the fast one only saves time.
//!
//! **Resuming.** Between two calls is kept where the first line begins that has not been read, how far its end has been searched for, and
//! the facts of the lines before it. An octet that ends no line costs a comparison. Each line is read once, whatever the split. When less
//! is offered than before, reading starts again from the first octet.

mod fast_path;
mod fields;
mod heads;
mod places;
mod request_line;
mod start_line;
mod status_line;

pub(crate) use fields::FieldTable;
use fields::PackedLine;
pub(crate) use request_line::{RequestLineParts, check_form, fast_request_line};
pub(crate) use status_line::StatusLine;

pub(crate) use heads::blamed_field;
pub use heads::{RequestHead, ResponseHead};
pub use places::{FieldPlaces, RequestPlaces, ResponsePlaces};

pub use fields::{FieldLine, FieldLines, FieldSection, FieldValue, FieldValueOctets};

use crate::config::{Limits, Policy};
use crate::error::ProtocolError;
use crate::error::ProtocolErrorKind::{self, *};
use crate::message::connection_facts::ConnectionFacts;
use crate::message::known_fields;
use crate::message::method::{MethodKind, Version};
use crate::message::octets::{self, class};

/// What is wrong, and where in the octets offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: ProtocolErrorKind,
    pub(crate) at: usize,
}

impl Fault {
    pub(crate) const fn new(kind: ProtocolErrorKind, at: usize) -> Self {
        Self { kind, at }
    }

    /// As an error of octets that are not part of a longer stream: the offset is counted from the first of them.
    pub(crate) const fn alone(self) -> ProtocolError {
        ProtocolError { kind: self.kind, offset: self.at as u64 }
    }
}

/// Which section is read: they differ in limits and leniencies. Public in name only, because the sealed trait of roles names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Request,
    Response,
    RequestTrailers,
    ResponseTrailers,
}

impl Section {
    const fn is_request(self) -> bool {
        matches!(self, Self::Request | Self::RequestTrailers)
    }

    const fn is_head(self) -> bool {
        matches!(self, Self::Request | Self::Response)
    }

    fn unfolds(self, policy: &Policy) -> bool {
        if self.is_request() { policy.request_fold.accepts() } else { policy.response_fold.accepts() }
    }

    const fn octets(self, limits: &Limits) -> usize {
        (if self.is_head() { limits.head } else { limits.trailer_section }) as usize
    }

    const fn lines(self, limits: &Limits) -> u16 {
        if self.is_head() { limits.field_lines } else { limits.trailer_lines }
    }
}

/// How far a section has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Progress {
    pub(crate) facts: ConnectionFacts,
    /// Where the first line begins that has not been read. 0 is the start line of a head.
    next_line: u32,
    /// How far the end of that line has been searched for: before this octet there is none.
    searched: u32,
    /// The length of `buf` at which the unfinished line reaches a limit; 0 if no line is unfinished.
    line_limit: u32,
    /// How many field lines have been read.
    line_count: u16,
    /// Each of them is as [`PackedLine`] tells it, and none was dropped.
    is_plain: bool,
}

/// The rules a section is read by.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'c> {
    pub(crate) section: Section,
    pub(crate) limits: &'c Limits,
    pub(crate) policy: &'c Policy,
}

/// What the full reading found at a line.
pub(in crate::message) enum Line {
    /// A field line, or one to be left out; the next begins here.
    Next(usize),
    /// The empty line; the section ends here.
    End(usize),
    /// Its end has not arrived.
    Unfinished,
}

impl Progress {
    /// Nothing has been read.
    pub(crate) const FRESH: Self = Self {
        facts: ConnectionFacts::new(MethodKind::Other, Version::HTTP_11),
        next_line: 0,
        searched: 0,
        line_limit: 0,
        line_count: 0,
        is_plain: true,
    };

    /// Have only octets come that end no line and reach no limit? Then there is nothing to read. It costs a few instructions, since a
    /// peer may send one octet at a time.
    ///
    /// Twin of [`full_request`](Self::full_request), [`full_response`](Self::full_response) and [`read_trailers`](Self::read_trailers).
    // inlined: -67 `chunks-small`
    #[inline(always)]
    pub(crate) fn still_unfinished(&mut self, buf: &[u8]) -> bool {
        if buf.len() >= self.line_limit as usize {
            return false;
        }
        let unfinished = match buf.get(self.searched as usize..) {
            Some([octet]) => *octet != b'\n',
            Some(new) => memchr::memchr(b'\n', new).is_none(),
            None => false,
        };
        if unfinished {
            self.searched = buf.len() as u32;
            self.check(buf);
        }
        unfinished
    }

    /// What comes next is not only searched for the end of a line.
    pub(crate) fn read_in_full(&mut self) {
        self.line_limit = 0;
    }

    /// What always holds after a read that found no fault. Looked at in debug builds only.
    fn check(&self, buf: &[u8]) {
        let octets = buf.len() as u64;
        debug_assert!(u64::from(self.next_line) <= octets, "what has been read was offered: {self:?}");
        debug_assert!(u64::from(self.searched) <= octets, "what has been searched was offered: {self:?}");
        let is_watched = self.line_limit > 0;
        let is_unfinished = self.searched >= self.next_line && self.searched < self.line_limit;
        debug_assert!(
            !is_watched || is_unfinished,
            "an unfinished line has been searched, and is within its limit: {self:?}"
        );
        debug_assert!(
            u32::from(self.line_count) <= self.next_line / 3,
            "each line has a name, a colon and an end: {self:?}"
        );
    }

    /// The start line of a head has been read, so its facts are those of a message.
    pub(crate) const fn has_start_line(&self) -> bool {
        self.next_line > 0
    }

    /// Is nothing of this section missing but the empty line at its end, or a part of that? The last line may wait for what could
    /// continue it.
    pub(crate) fn misses_only_its_end(&self, buf: &[u8]) -> bool {
        let rest = buf.get(self.next_line as usize..).unwrap_or_default();
        matches!(rest, [] | [b'\r'] | [.., b'\n'] | [.., b'\n', b'\r'])
    }

    /// Where the field lines end that have been read: in a complete section, before the empty line.
    pub(crate) const fn fields_end(&self) -> usize {
        self.next_line as usize
    }

    /// How many octets a head has of which all field lines have been read, and the empty line is there as CRLF.
    #[inline]
    pub(crate) const fn octets(&self) -> usize {
        self.next_line as usize + 2
    }

    /// Reads the field lines that have not been read, up to the empty line: where the section ends, or `None` if more octets are needed.
    // inlined: -298 `octets classic`
    #[inline(always)]
    fn read_fields(&mut self, rules: Rules<'_>, buf: &[u8], table: &mut FieldTable) -> Result<Option<usize>, Fault> {
        let unfolds = rules.section.unfolds(rules.policy);
        let mut at = self.next_line as usize;
        // an unfinished line that is being continued is not offered to the fast loop again with each continuation
        let mut resumed = unfolds && self.searched > self.next_line;
        loop {
            if !resumed {
                let window = self.fast_window(rules, buf.get(at..).unwrap_or_default(), at);
                let lines = rules.section.lines(rules.limits);
                let rest = match unfolds {
                    true => self.fast_unfolded_lines(lines, window, table),
                    false => self.fast_lines(lines, window, table),
                };
                at += window.len() - rest.len();
                if let [b'\r', b'\n', ..] = rest {
                    self.next_line = at as u32;
                    return Ok(Some(at + 2));
                }
            }
            resumed = false;
            at = match self.full_line(rules, buf, at, table)? {
                Line::Next(next) => next,
                Line::End(end) => {
                    self.next_line = at as u32;
                    return Ok(Some(end));
                }
                Line::Unfinished => return Ok(None),
            };
        }
    }

    /// Field lines read.
    pub(crate) const fn lines(&self) -> usize {
        self.line_count as usize
    }

    /// Reads a trailer section: where it ends, its empty line included, or `None` if more octets are needed. What its fields say is no
    /// fact of the message (RFC 9110 6.5.1).
    pub(crate) fn read_trailers(&mut self, rules: Rules<'_>, buf: &[u8]) -> Result<Option<usize>, Fault> {
        self.restart_if_shorter(buf);
        let end = self.read_fields(rules, buf, &mut FieldTable::new())?;
        self.check(buf);
        Ok(end)
    }

    fn restart_if_shorter(&mut self, buf: &[u8]) {
        self.line_limit = 0;
        if buf.len() < self.searched as usize || buf.len() < self.next_line as usize {
            *self = Self::FRESH;
        }
    }

    /// One line, by every rule. Its twins are in [`fast_path`].
    #[cold]
    #[inline(never)]
    pub(in crate::message) fn full_line(
        &mut self,
        rules: Rules<'_>,
        buf: &[u8],
        at: usize,
        table: &mut FieldTable,
    ) -> Result<Line, Fault> {
        let bounds = Bounds {
            line: rules.limits.field_line as usize,
            all: rules.section.octets(rules.limits),
            too_long: FieldLineTooLong,
        };
        let unfolds = rules.section.unfolds(rules.policy);
        let Some(end) = self.line_end(buf, at, bounds, unfolds)? else { return Ok(Line::Unfinished) };
        let line = cut_line_end(buf, at, end, rules.policy)?;
        let Some(&first) = line.first() else {
            // the CRLF that ends a trailer section is one of the chunked body (RFC 9112 7.1)
            let bare = !rules.section.is_head() && end - at < 2;
            return if bare { Err(Fault::new(BareLf, at)) } else { Ok(Line::End(end)) };
        };
        if octets::is_whitespace(first) {
            let before_fields = self.line_count == 0 && rules.section.is_head();
            if before_fields && rules.policy.whitespace_before_fields.accepts() {
                table.truncate(0);
                self.is_plain = false;
                return Ok(Line::Next(end));
            }
            return Err(Fault::new(if before_fields { WhitespaceBeforeFields } else { ObsFold }, at));
        }
        if self.line_count >= rules.section.lines(rules.limits) {
            return Err(Fault::new(FieldLines, at));
        }
        let (name, value) = match split_field_line(rules, line) {
            Ok(parts) => parts,
            Err(fault) if is_junk(rules, line, fault.kind) => {
                // it and the lines after it are searched for when they are asked for
                table.truncate(self.line_count.into());
                self.is_plain = false;
                return Ok(Line::Next(end));
            }
            Err(fault) => return Err(Fault::new(fault.kind, at + fault.at)),
        };
        let leading = value.as_ptr() as usize - line.as_ptr() as usize - name.len() - 1;
        let is_plain = name.len() + 1 + leading + value.len() + 2 == end - at
            && line.get(name.len()) == Some(&b':')
            && !value.iter().any(|&b| matches!(b, b'\r' | b'\n' | 0));
        let packed = if is_plain { PackedLine::fitting(end - at, name.len(), leading) } else { PackedLine::NONE };
        self.is_plain &= !packed.is_none();
        table.set(self.line_count.into(), packed);
        self.line_count += 1;
        self.facts.field_line(name, value);
        Ok(Line::Next(end))
    }

    /// Where the line at `at` ends, its line end and its continuations included; `None`: that has not arrived.
    fn line_end(&mut self, buf: &[u8], at: usize, bounds: Bounds, unfolds: bool) -> Result<Option<usize>, Fault> {
        let mut from = at.max(self.searched as usize);
        let most = bounds.all.min(at.saturating_add(bounds.line));
        let too_long = Fault::new(if most == bounds.all { HeadTooLong } else { bounds.too_long }, most);
        let end = loop {
            let unread = buf.get(from..).unwrap_or_default();
            let Some(lf) = memchr::memchr(b'\n', unread).map(|i| from + i) else { break None };
            let empty = lf == at || (lf == at + 1 && buf[at] == b'\r');
            // after the limit of the section nothing can continue it
            if unfolds && !empty && lf < most && lf + 1 < bounds.all {
                match buf.get(lf + 1) {
                    None => {
                        // the line is complete, unless the next octet continues it
                        self.next_line = at as u32;
                        self.searched = lf as u32;
                        return Ok(None);
                    }
                    Some(&next) if octets::is_whitespace(next) => {
                        from = lf + 1;
                        continue;
                    }
                    Some(_) => {}
                }
            }
            break Some(lf + 1);
        };
        match end {
            Some(end) if end > most => Err(too_long),
            Some(end) => {
                self.next_line = end as u32;
                self.searched = end as u32;
                Ok(Some(end))
            }
            None if buf.len() >= most => Err(too_long),
            None => {
                self.next_line = at as u32;
                self.searched = buf.len() as u32;
                self.line_limit = if self.searched > 0 { most as u32 } else { 0 };
                Ok(None)
            }
        }
    }
}

/// How long a line may be, and the whole section.
#[derive(Clone, Copy)]
struct Bounds {
    line: usize,
    all: usize,
    too_long: ProtocolErrorKind,
}

/// The line without its line end; what ends it must be CRLF.
fn cut_line_end<'b>(buf: &'b [u8], at: usize, end: usize, policy: &Policy) -> Result<&'b [u8], Fault> {
    match &buf[at..end] {
        [line @ .., b'\r', b'\n'] => Ok(line),
        [line @ .., b'\n'] if policy.bare_lf.accepts() => Ok(line),
        _ => Err(Fault::new(BareLf, end - 1)),
    }
}

/// Name and trimmed value of a whole field line, continuations included; every rule of RFC 9112 5 and RFC 9110 5.5.
fn split_field_line<'b>(rules: Rules<'_>, line: &'b [u8]) -> Result<(&'b [u8], &'b [u8]), Fault> {
    let Some(colon) = memchr::memchr(b':', line) else {
        return Err(Fault::new(MissingColon, 0));
    };
    let name = match &line[..colon] {
        [name @ .., b' ' | b'\t'] if octets::is_token(trim_end(name)) => {
            if rules.section.is_request() || !rules.policy.response_colon_space.accepts() {
                return Err(Fault::new(WhitespaceBeforeColon, trim_end(name).len()));
            }
            trim_end(name)
        }
        name => name,
    };
    if !octets::is_token(name) {
        let at = name.iter().position(|&b| !octets::is(b, class::TOKEN)).unwrap_or(0);
        return Err(Fault::new(if name.get(at) == Some(&b'\r') { BareCr } else { FieldName }, at));
    }
    check_value(rules.policy, &line[colon + 1..], known_fields::decides(name))
        .map_err(|fault| Fault::new(fault.kind, colon + 1 + fault.at))?;
    Ok((name, octets::trim(&line[colon + 1..])))
}

/// Is this no field line, and one that policy drops? `kind`: what is wrong with it.
fn is_junk(rules: Rules<'_>, line: &[u8], kind: ProtocolErrorKind) -> bool {
    let name = line.split(|&b| b == b':').next().unwrap_or(line);
    let cr_alone = line.windows(2).any(|pair| pair[0] == b'\r' && pair[1] != b'\n') || line.ends_with(b"\r");
    rules.section == Section::Response
        && rules.policy.response_junk_lines.accepts()
        && matches!(kind, MissingColon | FieldName)
        && !cr_alone
        && !line.contains(&0)
        && !known_fields::may_be_meant_for_framing(name)
}

fn trim_end(mut name: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = name {
        name = rest;
    }
    name
}

/// Are these octets a field value by RFC 9110 5.5 and the leniencies of `policy`? Line ends within it belong to continuations, which have
/// been let in already. `decides`: framing, routing or persistence follow from the field.
fn check_value(policy: &Policy, value: &[u8], decides: bool) -> Result<(), Fault> {
    let mut at = 0;
    while let Some(&octet) = value.get(at) {
        at += match (octet, value.get(at + 1)) {
            _ if octets::is(octet, class::FIELD) => 1,
            (b'\r', Some(b'\n')) => 2,
            (b'\n', _) if policy.bare_lf.accepts() => 1,
            (b'\n', _) => return Err(Fault::new(BareLf, at)),
            (b'\r', _) if policy.bare_cr.accepts() => 1,
            (b'\r', _) => return Err(Fault::new(BareCr, at)),
            _ if policy.control_octets.accepts() && !decides => 1,
            _ => return Err(Fault::new(FieldValue, at)),
        };
    }
    Ok(())
}

#[cfg(test)]
pub(in crate::message) use {fast_path::fast_parts, fields::find_line};

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "what has been searched was offered")]
    fn a_progress_that_can_not_be_is_noticed() {
        Progress { searched: 3, ..Progress::FRESH }.check(b"GE");
    }
}
