//! Start lines: request lines (RFC 9112 3) and status lines (RFC 9112 4).
//!
//! Tie-breaks. The form of a target is judged with its method (RFC 9110 7.1): `host:port` is CONNECT's alone, `*` is
//! OPTIONS' alone. What is wrong first from the left is what is reported; a well-formed version of another major number
//! counts before the target, since the target may be in a language we do not know.

use super::fields::FieldTable;
use super::heads::{RequestHead, ResponseHead};
use super::{Bounds, Fault, Progress, Rules, cut_line_end};
use crate::error::ProtocolErrorKind::*;
use crate::message::connection_facts::ConnectionFacts;
use crate::message::host;
use crate::message::method::{Method, MethodKind, Version};
use crate::message::octets::{self, class};
use crate::message::target::Target;
use crate::status::StatusCode;

/// The parts of a request line.
#[derive(Clone, Copy)]
struct Request<'b> {
    method: &'b [u8],
    kind: MethodKind,
    target: &'b [u8],
    minor: u8,
    octets: usize,
    after: &'b [u8],
}

/// Where the parts of a request line are.
#[derive(Clone, Copy)]
struct Parts {
    method: (usize, usize),
    target: (usize, usize),
    minor: u8,
    end: usize,
}

impl Progress {
    /// Reads a request head from where it was left into `head`, all but its framing: how many octets it is of, or `None` if more
    /// are needed.
    #[inline(always)]
    pub(crate) fn read_request<'b>(
        &mut self,
        rules: Rules<'_>,
        buf: &'b [u8],
        head: &mut RequestHead<'b>,
    ) -> Result<Option<usize>, Fault> {
        match self.fast_request(rules, buf, head) {
            Some(octets) => Ok(Some(octets)),
            None => self.full_request(rules, buf, head),
        }
    }

    /// A whole head of common lines, or as much of it as there is.
    #[inline(always)]
    fn fast_request<'b>(&mut self, rules: Rules<'_>, buf: &'b [u8], head: &mut RequestHead<'b>) -> Option<usize> {
        if self.sought > 0 || self.line > 0 || rules.policy.request_fold.accepts() {
            return None;
        }
        let line = fast_request_line(buf)?;
        if line.octets > rules.limits.start_line as usize {
            return None;
        }
        self.facts = ConnectionFacts::new(line.kind, Version { minor: line.minor });
        let window = self.fast_window(rules, line.after, line.octets);
        let mut rest = self.fast_host(rules.limits.field_lines, window, head.fields.table());
        if !matches!(rest, [b'\r', b'\n', ..]) {
            rest = self.fast_lines(rules.limits.field_lines, rest, head.fields.table());
        }
        let section = window.get(..window.len() - rest.len())?;
        self.line = (line.octets + section.len()) as u32;
        let [b'\r', b'\n', ..] = rest else { return None };
        head.method = Method::new(line.method);
        head.target = Target::new(line.target, line.kind);
        self.complete_request(section, head);
        Some(line.octets + section.len() + 2)
    }

    /// Goes on where a head was left, if these octets are still its own.
    #[inline(always)]
    fn take_up(&mut self, buf: &[u8], table: &mut FieldTable) {
        if self.line == 0 || self.sought > 0 {
            // the table can not begin in the middle: the lines are found again when they are asked for
            self.restart_if_shorter(buf);
            if self.line > 0 {
                table.stop(0);
            }
        }
    }

    /// A head by every rule, from where it was left.
    #[inline(never)]
    fn full_request<'b>(
        &mut self,
        rules: Rules<'_>,
        buf: &'b [u8],
        head: &mut RequestHead<'b>,
    ) -> Result<Option<usize>, Fault> {
        self.take_up(buf, head.fields.table());
        if self.line == 0 {
            let Some(parts) = self.full_request_line(rules, buf)? else { return Ok(None) };
            let line = parts.of(buf);
            self.facts = ConnectionFacts::new(line.kind, Version { minor: line.minor });
            self.line = line.octets as u32;
        }
        let Some(octets) = self.read_fields(rules, buf, head.fields.table())? else { return Ok(None) };
        let line = split_request_line(buf).of(buf);
        let Some(section) = buf.get(line.octets..self.fields_end()) else { return Ok(None) };
        head.method = Method::new(line.method);
        head.target = Target::new(line.target, line.kind);
        self.complete_request(section, head);
        Ok(Some(octets))
    }

    #[inline(always)]
    fn complete_request<'b>(&self, section: &'b [u8], head: &mut RequestHead<'b>) {
        head.version = self.facts.version();
        head.fields.read(section, self.lines());
        head.facts = self.facts.set();
    }

    /// Reads a response head from where it was left into `head`, all but its framing: how many octets it is of, or `None` if
    /// more are needed.
    #[inline(always)]
    pub(crate) fn read_response<'b>(
        &mut self,
        rules: Rules<'_>,
        buf: &'b [u8],
        head: &mut ResponseHead<'b>,
    ) -> Result<Option<usize>, Fault> {
        if self.sought == 0 && self.line == 0 {
            if let Some((fresh, line)) = Self::fast_response(rules, buf) {
                *self = fresh;
                if let Some((section, octets)) = self.fast_section(rules, buf, head.fields.table()) {
                    (head.status, head.version, head.reason) = (line.status, self.facts.version(), line.reason);
                    head.fields.read(section, self.lines());
                    return Ok(Some(octets));
                }
            }
        }
        self.full_response(rules, buf, head)
    }

    /// The status line that `buf` begins with, where it is as nearly all are, and that much read of a response.
    #[inline(always)]
    pub(crate) fn fast_response<'b>(rules: Rules<'_>, buf: &'b [u8]) -> Option<(Self, StatusLine<'b>)> {
        let line = fast_status_line(buf)?;
        if line.end > rules.limits.start_line as usize {
            return None;
        }
        let facts = ConnectionFacts::response(line.status, Version { minor: line.minor });
        Some((Self { facts, line: line.end as u32, ..Self::FRESH }, line))
    }

    /// The field lines after the status line read, where they are of common shape: they, and where the head ends.
    #[inline(always)]
    pub(crate) fn fast_section<'b>(
        &mut self,
        rules: Rules<'_>,
        buf: &'b [u8],
        table: &mut FieldTable,
    ) -> Option<(&'b [u8], usize)> {
        let at = self.line as usize;
        let window = self.fast_window(rules, buf.get(at..)?, at);
        // what could continue a line is for the careful walk, also where it may not
        let rest = self.fast_unfolded_lines(rules.limits.field_lines, window, table);
        let section = window.get(..window.len() - rest.len())?;
        self.line = (at + section.len()) as u32;
        match rest {
            [b'\r', b'\n', ..] => Some((section, at + section.len() + 2)),
            _ => None,
        }
    }

    /// A response head by every rule, from where it was left.
    #[inline(never)]
    pub(crate) fn full_response<'b>(
        &mut self,
        rules: Rules<'_>,
        buf: &'b [u8],
        head: &mut ResponseHead<'b>,
    ) -> Result<Option<usize>, Fault> {
        self.take_up(buf, head.fields.table());
        if self.line == 0 {
            let Some(line) = self.full_status_line(rules, buf)? else { return Ok(None) };
            self.facts = ConnectionFacts::response(line.status, Version { minor: line.minor });
            self.line = line.end as u32;
        }
        let Some(octets) = self.read_fields(rules, buf, head.fields.table())? else { return Ok(None) };
        // once more when the head is whole, not with each line that ends
        let end = memchr::memchr(b'\n', buf).map_or(buf.len(), |lf| lf + 1);
        let line = split_status_line(cut_line_end(buf, 0, end, rules.policy)?, end).ok_or(Fault::new(StatusLine, 0))?;
        let Some(section) = buf.get(line.end..self.fields_end()) else { return Ok(None) };
        head.status = line.status;
        head.version = self.facts.version();
        head.fields.read(section, self.lines());
        head.reason = line.reason;
        Ok(Some(octets))
    }

    /// The start line by every rule.
    #[cold]
    #[inline(never)]
    fn full_request_line(&mut self, rules: Rules<'_>, buf: &[u8]) -> Result<Option<Parts>, Fault> {
        let spaced = rules.policy.start_line_whitespace.accepts();
        if let Some(&first) = buf.first() {
            let begins = octets::is(first, class::TOKEN) || (spaced && is_space(first));
            if !begins {
                return Err(Fault::new(NotHttp, 0));
            }
        }
        let Some(end) = self.start_line_end(rules, buf, |line| match memchr::memchr(b' ', line) {
            None if octets::is_token(line) => MethodTooLong,
            None => RequestLine,
            Some(_) => TargetTooLong,
        })?
        else {
            return Ok(None);
        };
        let line = cut_line_end(buf, 0, end, rules.policy)?;
        check_request_line(rules, line, split_request_line(buf)).map(Some)
    }

    #[cold]
    #[inline(never)]
    fn full_status_line<'b>(&mut self, rules: Rules<'_>, buf: &'b [u8]) -> Result<Option<StatusLine<'b>>, Fault> {
        if buf.first().is_some_and(|&first| first != b'H') {
            return Err(Fault::new(NotHttp, 0));
        }
        let Some(end) = self.start_line_end(rules, buf, |_| StatusLine)? else { return Ok(None) };
        let line = cut_line_end(buf, 0, end, rules.policy)?;
        let version = version(line.get(..8).unwrap_or(line));
        version.map_err(|kind| Fault::new(kind, 0))?;
        split_status_line(line, end).ok_or(Fault::new(StatusLine, 0)).map(Some)
    }

    fn start_line_end(
        &mut self,
        rules: Rules<'_>,
        buf: &[u8],
        too_long: impl Fn(&[u8]) -> crate::error::ProtocolErrorKind,
    ) -> Result<Option<usize>, Fault> {
        let most = rules.limits.start_line as usize;
        let bounds = Bounds { line: most, all: rules.limits.head as usize, too_long: RequestLine };
        self.line_end(buf, 0, bounds, false)
            .map_err(|fault| Fault::new(too_long(buf.get(..most).unwrap_or(buf)), fault.at))
    }
}

impl Parts {
    fn of(self, buf: &[u8]) -> Request<'_> {
        let slice = |(from, to): (usize, usize)| buf.get(from..to).unwrap_or_default();
        let method = slice(self.method);
        let kind = MethodKind::of(method);
        let after = buf.get(self.end..).unwrap_or_default();
        Request { method, kind, target: slice(self.target), minor: self.minor, octets: self.end, after }
    }
}

/// `method SP request-target SP HTTP/1.x CRLF`, as nearly all are.
#[inline(always)]
fn fast_request_line(buf: &[u8]) -> Option<Request<'_>> {
    let word = octets::word(buf);
    let (method, kind, rest) = if word as u32 == u32::from_le_bytes(*b"GET ") {
        (buf.get(..3)?, MethodKind::Get, buf.get(4..)?)
    } else {
        let (method, rest) = buf.split_at_checked(octets::first(octets::not_name(word) | 1 << 63))?;
        let [b' ', rest @ ..] = rest else { return None };
        (method, MethodKind::of(method), rest)
    };
    let version = octets::skip_target(rest);
    let target = rest.get(..rest.len() - version.len())?;
    let (line_end, after) = version.split_first_chunk::<11>()?;
    let [b' ', h, t1, t2, p, slash, one, point, minor, b'\r', b'\n'] = *line_end else { return None };
    let minor = fast_version([h, t1, t2, p, slash, one, point, minor])?;
    // origin-form; the others are rare enough for the careful walk
    match target {
        [b'/', ..] if !method.is_empty() && kind != MethodKind::Connect => {
            Some(Request { method, kind, target, minor, octets: buf.len() - after.len(), after })
        }
        _ => None,
    }
}

/// The minor number of one of the two usual versions.
#[inline(always)]
const fn fast_version(octets: [u8; 8]) -> Option<u8> {
    const HTTP_10: u64 = u64::from_le_bytes(*b"HTTP/1.0");
    const HTTP_11: u64 = u64::from_le_bytes(*b"HTTP/1.1");
    match u64::from_le_bytes(octets) {
        HTTP_11 => Some(1),
        HTTP_10 => Some(0),
        _ => None,
    }
}

/// The parts of the line that `buf` begins with, unchecked: first and last word, and what is between them.
fn split_request_line(buf: &[u8]) -> Parts {
    let end = memchr::memchr(b'\n', buf).map_or(buf.len(), |lf| lf + 1);
    let mut line = &buf[..end];
    while let [rest @ .., last] = line {
        if *last != b'\n' && !is_space(*last) {
            break;
        }
        line = rest;
    }
    let start = line.iter().position(|&b| !is_space(b)).unwrap_or(line.len());
    let method = (start, line[start..].iter().position(|&b| is_space(b)).map_or(line.len(), |i| start + i));
    let last = line.iter().rposition(|&b| is_space(b)).map_or(line.len(), |i| i + 1);
    let (from, to) = (method.1.min(last), last.max(method.1));
    let between = &line[from..to];
    let leading = between.iter().take_while(|&&b| is_space(b)).count();
    let trailing = between[leading..].iter().rev().take_while(|&&b| is_space(b)).count();
    Parts {
        method,
        target: (from + leading, to - trailing),
        minor: line.last().map_or(1, |digit| digit.wrapping_sub(b'0')),
        end,
    }
}

/// Every rule of a request line whose parts are known.
fn check_request_line(rules: Rules<'_>, line: &[u8], parts: Parts) -> Result<Parts, Fault> {
    let method = &line[parts.method.0..parts.method.1.min(line.len())];
    let target = line.get(parts.target.0..parts.target.1).unwrap_or_default();
    let last = line.get(parts.target.1..).unwrap_or_default();
    let space = last.iter().take_while(|&&b| is_space(b)).count();
    let version_at = parts.target.1 + space;
    let trailing = last[space..].iter().rev().take_while(|&&b| is_space(b)).count();
    let version_octets = &last[space..last.len() - trailing];
    if line == b"PRI * HTTP/2.0" {
        return Err(Fault::new(Http2Preface, 0));
    }
    if !octets::is_token(method) {
        let at = method.iter().position(|&b| !octets::is(b, class::TOKEN)).unwrap_or(0);
        return Err(Fault::new(Method, parts.method.0 + at));
    }
    if target.is_empty() || version_octets.is_empty() {
        return Err(Fault::new(RequestLine, line.len()));
    }
    let minor = version(version_octets).map_err(|kind| Fault::new(kind, version_at))?;
    let exact = parts.method.0 == 0
        && line.get(parts.method.1..parts.target.0) == Some(b" ")
        && last.len() == 9
        && last[0] == b' ';
    if !exact && !rules.policy.start_line_whitespace.accepts() {
        let gap = line.iter().position(|&b| b != b' ' && is_space(b)).unwrap_or(parts.method.1);
        return Err(Fault::new(if line.get(gap) == Some(&b'\r') { BareCr } else { RequestLine }, gap));
    }
    let opaque = rules.policy.target_octets.accepts();
    if let Some(at) = target.iter().position(|&b| !(octets::is(b, class::TARGET) || (opaque && b >= 0x80))) {
        return Err(Fault::new(Target, parts.target.0 + at));
    }
    check_form(MethodKind::of(method), target).map_err(|kind| Fault::new(kind, parts.target.0))?;
    Ok(Parts { minor, ..parts })
}

/// Is the target of a form that this method may have (RFC 9112 3.2)?
pub(crate) fn check_form(method: MethodKind, target: &[u8]) -> Result<(), crate::error::ProtocolErrorKind> {
    if method == MethodKind::Connect {
        return if host::is_authority_with_port(target) { Ok(()) } else { Err(TargetForm) };
    }
    match target {
        [b'/', ..] => Ok(()),
        b"*" if method == MethodKind::Options => Ok(()),
        b"*" => Err(TargetForm),
        _ => crate::message::target::is_absolute(target),
    }
}

/// `HTTP/` DIGIT `.` DIGIT of major number 1: its minor number.
fn version(octets: &[u8]) -> Result<u8, crate::error::ProtocolErrorKind> {
    match octets {
        [b'H', b'T', b'T', b'P', b'/', major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9'] => {
            if *major == b'1' {
                Ok(minor - b'0')
            } else {
                Err(MajorVersion)
            }
        }
        _ => Err(Version),
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

/// `HTTP/1.x SP 3DIGIT SP reason-phrase CRLF`, as nearly all are; and most of those are two.
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

/// A status line without its line end, its version checked already. A missing last space is common (RFC 9112 4).
fn split_status_line(line: &[u8], end: usize) -> Option<StatusLine<'_>> {
    let minor = line.get(7)?.wrapping_sub(b'0');
    let (b' ', rest) = line.get(8..)?.split_first()? else { return None };
    let status = three_digits(rest.first_chunk::<3>()?)?;
    let reason = match &rest[3..] {
        [b' ', reason @ ..] if octets::all(reason, class::FIELD) => reason,
        [] => &[],
        _ => return None,
    };
    Some(StatusLine { status, minor, reason, end })
}

#[inline(always)]
fn three_digits(digits: &[u8; 3]) -> Option<StatusCode> {
    let [hundreds, tens, ones] = digits.map(|digit| digit.wrapping_sub(b'0'));
    if hundreds > 9 || tens > 9 || ones > 9 {
        return None;
    }
    StatusCode::new(u16::from(hundreds) * 100 + u16::from(tens) * 10 + u16::from(ones))
}

/// What the lenient reading of a start line takes for whitespace (RFC 9112 3).
fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | 0x0b | 0x0c | b'\r')
}
