//! Heads: from octets to a start line, a field section and the facts that decide framing and persistence, in one pass.
//!
//! Read first: RFC 9112 2.2 (parsing robustness), 3 and 4 (start lines), 5 (field lines); RFC 9110 5.4 (limits).
//!
//! **A line is judged when its end has arrived**, and never before; only the first octet of a start line is judged alone,
//! so that another protocol is refused at once. A line that is longer than its limit is refused when the limit is reached.
//! Both are properties of the octets and not of how they were split, so any split gives the same events, errors and offsets.
//!
//! **Two walks.** The quick walk takes a line as browsers send it: name of letters and dashes, colon, at most one space,
//! visible octets, CRLF. Whatever it meets that it does not know, the end of the buffer too, it leaves to the careful walk,
//! which looks for the end of the line and knows every rule and leniency. The careful walk alone is complete; the quick one
//! only saves time.
//!
//! **Resuming.** Kept between offers are the begin of the first line not yet read, how far its end was sought, and the facts
//! of the lines before. An octet that ends no line costs a comparison; each line is read once, whatever the split. A shorter
//! offer than before starts over.

mod fields;
mod start_line;

pub use fields::{FieldLine, FieldLines, FieldSection, FieldValue, FieldValueOctets};
pub(crate) use start_line::RequestLine;

use crate::config::{Limits, Policy};
use crate::error::ProtocolError;
use crate::error::ProtocolErrorKind::{self, *};
use crate::facts::{HeadFacts, may_matter};
use crate::octets::{self, class};
use fields::FieldTable;

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

    /// As an error in octets that are a stream of their own.
    pub(crate) const fn alone(self) -> ProtocolError {
        ProtocolError { kind: self.kind, offset: self.at as u64 }
    }
}

/// Which section is read: they differ in limits and leniencies. Public in name only, for the sealed trait of roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(unreachable_pub)]
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
    pub(crate) facts: HeadFacts,
    /// Where the first line not yet read begins; 0 is the start line of a head.
    line: u32,
    /// No line end before this.
    sought: u32,
    /// Field lines read.
    lines: u16,
}

/// The rules a section is read by.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'c> {
    pub(crate) section: Section,
    pub(crate) limits: &'c Limits,
    pub(crate) policy: &'c Policy,
}

/// What the careful walk found at a line.
enum Line {
    /// A field line, or one to be left out; the next begins here.
    Next(usize),
    /// The empty line; the section ends here.
    End(usize),
    /// Its end has not arrived.
    Unfinished,
}

impl Progress {
    /// Nothing has been read.
    pub(crate) const FRESH: Self =
        Self { facts: HeadFacts::new(crate::MethodKind::Other, crate::Version::HTTP_11), line: 0, sought: 0, lines: 0 };

    /// Have only octets come that end no line and reach no limit? Then there is nothing to read: said in a few
    /// instructions, since a peer may send one octet at a time.
    #[inline(always)]
    pub(crate) fn still_unfinished(&mut self, limits: &Limits, section: Section, buf: &[u8]) -> bool {
        let (line, sought) = (self.line, self.sought);
        let of_line = if line == 0 && section.is_head() { limits.start_line } else { limits.field_line };
        let most = (line as usize + of_line as usize).min(section.octets(limits));
        if sought <= line || buf.len() >= most {
            return false;
        }
        let unfinished = match buf.get(sought as usize..) {
            Some([octet]) => *octet != b'\n',
            Some(new) => memchr::memchr(b'\n', new).is_none(),
            None => false,
        };
        if unfinished {
            self.sought = buf.len() as u32;
        }
        unfinished
    }

    /// Reads field lines from where they were left to the empty line. `Ok(None)`: more octets are needed.
    #[inline(always)]
    fn read_fields(
        &mut self,
        rules: Rules<'_>,
        buf: &[u8],
        mut table: Option<&mut FieldTable>,
    ) -> Result<Option<usize>, Fault> {
        let unfolds = rules.section.unfolds(rules.policy);
        let (most_lines, most_line) = (rules.section.lines(rules.limits), rules.limits.field_line as usize);
        let most = rules.section.octets(rules.limits);
        let mut at = self.line as usize;
        let mut word = octets::word(buf, at);
        loop {
            if word as u16 == CRLF && at + 2 <= most {
                return Ok(Some(at + 2));
            }
            // a line half read whose continuations are sought is not begun again with each of them
            let begun = unfolds && self.sought as usize > at;
            if let Some(quick) = if begun { None } else { quick_line(buf, at, word) } {
                let next = quick.end + 2;
                word = octets::word(buf, next);
                let continued = unfolds && (next == buf.len() || octets::is_whitespace(word as u8));
                if !continued && next <= most && next - at <= most_line && self.lines < most_lines {
                    self.lines += 1;
                    if let Some(table) = table.as_deref_mut() {
                        table.push(next - at, quick.colon - at, quick.value - quick.colon - 1, 0);
                    }
                    if let (Some(name), Some(value)) = (buf.get(at..quick.colon), buf.get(quick.value..quick.end)) {
                        if may_matter(name) {
                            self.facts.known_field(name, value);
                        }
                    }
                    at = next;
                    continue;
                }
            }
            match self.careful_line(rules, buf, at, table.as_deref_mut())? {
                Line::Next(next) => at = next,
                Line::End(end) => return Ok(Some(end)),
                Line::Unfinished => return Ok(None),
            }
            word = octets::word(buf, at);
        }
    }

    /// Reads a trailer section; its fields are no facts of the message (RFC 9110 6.5.1).
    pub(crate) fn read_trailers(&mut self, rules: Rules<'_>, buf: &[u8]) -> Result<Option<usize>, Fault> {
        self.restart_if_shorter(buf);
        self.read_fields(rules, buf, None)
    }

    fn restart_if_shorter(&mut self, buf: &[u8]) {
        if buf.len() < self.sought as usize || buf.len() < self.line as usize {
            *self = Self::FRESH;
        }
    }

    /// One line, by every rule.
    #[cold]
    #[inline(never)]
    fn careful_line(
        &mut self,
        rules: Rules<'_>,
        buf: &[u8],
        at: usize,
        table: Option<&mut FieldTable>,
    ) -> Result<Line, Fault> {
        let bounds = Bounds {
            line: rules.limits.field_line as usize,
            all: rules.section.octets(rules.limits),
            too_long: FieldLineTooLong,
        };
        let unfolds = rules.section.unfolds(rules.policy);
        let Some(end) = self.line_end(buf, at, bounds, unfolds)? else { return Ok(Line::Unfinished) };
        let line = cut_line_end(buf, at, end, rules.policy)?;
        let Some(&first) = line.first() else { return Ok(Line::End(end)) };
        if octets::is_whitespace(first) {
            let before_fields = self.lines == 0 && rules.section.is_head();
            if before_fields && rules.policy.whitespace_before_fields.accepts() {
                if let Some(table) = table {
                    table.stop();
                }
                return Ok(Line::Next(end));
            }
            return Err(Fault::new(if before_fields { WhitespaceBeforeFields } else { ObsFold }, at));
        }
        if self.lines >= rules.section.lines(rules.limits) {
            return Err(Fault::new(FieldLines, at));
        }
        let (name, value) = split_field_line(rules, line).map_err(|fault| Fault::new(fault.kind, at + fault.at))?;
        self.lines += 1;
        if let Some(table) = table {
            let behind = line.len() - name.len() - 1;
            let leading = value.as_ptr() as usize - line.as_ptr() as usize - name.len() - 1;
            let strange = value.iter().any(|&b| matches!(b, b'\r' | b'\n' | 0)) || line.get(name.len()) != Some(&b':');
            if strange || buf.get(end - 2) != Some(&b'\r') {
                table.stop();
            } else {
                table.push(end - at, name.len(), leading, behind - leading - value.len());
            }
        }
        self.facts.field_line(name, value);
        Ok(Line::Next(end))
    }

    /// Where the line at `at` ends, its line end included, and those of its continuations; `None`: not yet.
    fn line_end(&mut self, buf: &[u8], at: usize, bounds: Bounds, unfolds: bool) -> Result<Option<usize>, Fault> {
        let mut from = at.max(self.sought as usize);
        let most = bounds.all.min(at + bounds.line);
        let too_long = Fault::new(if most == bounds.all { HeadTooLong } else { bounds.too_long }, most);
        let end = loop {
            let unread = buf.get(from..).unwrap_or_default();
            let Some(lf) = memchr::memchr(b'\n', unread).map(|i| from + i) else {
                self.sought = buf.len() as u32;
                break None;
            };
            let empty = lf == at || (lf == at + 1 && buf[at] == b'\r');
            if unfolds && !empty && lf < most {
                match buf.get(lf + 1) {
                    None => {
                        self.sought = lf as u32;
                        break None;
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
                self.line = end as u32;
                self.sought = end as u32;
                Ok(Some(end))
            }
            None if buf.len() >= most => Err(too_long),
            None => {
                self.line = at as u32;
                Ok(None)
            }
        }
    }
}

/// How long a line may be, and a section in all.
#[derive(Clone, Copy)]
struct Bounds {
    line: usize,
    all: usize,
    too_long: ProtocolErrorKind,
}

/// A field line as most are: where its colon, its value and its CRLF are.
struct Quick {
    colon: usize,
    value: usize,
    end: usize,
}

#[inline(always)]
fn quick_line(buf: &[u8], at: usize, word: u64) -> Option<Quick> {
    let mut colon = at;
    let mut stops = octets::not_name(word);
    while stops == 0 {
        colon += 8;
        stops = octets::not_name(octets::word(buf, colon));
    }
    colon += octets::first(stops);
    let value = match buf.get(colon..)? {
        [b':', b' ', visible, ..] if *visible > b' ' => colon + 2,
        [b':', visible, ..] if *visible > b' ' => colon + 1,
        _ => return None,
    };
    let end = octets::control_at(buf, value);
    let tail = buf.get(end - 1..)?;
    match tail {
        [last, b'\r', b'\n', ..] if *last > b' ' && colon > at => Some(Quick { colon, value, end }),
        _ => None,
    }
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
    let decides = name.len() < 18 && may_matter(name);
    check_value(rules.policy, &line[colon + 1..], decides)
        .map_err(|fault| Fault::new(fault.kind, colon + 1 + fault.at))?;
    Ok((name, octets::trim(&line[colon + 1..])))
}

fn trim_end(mut name: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = name {
        name = rest;
    }
    name
}

/// Line ends within `value` are those of continuations that may stand.
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

const CRLF: u16 = u16::from_le_bytes(*b"\r\n");
