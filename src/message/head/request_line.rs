//! Request lines (RFC 9112 3), and the heads that begin with them.
//!
//! Tie-breaks. The form of a target is judged with its method (RFC 9110 7.1): `host:port` is CONNECT's alone, `*` is
//! OPTIONS' alone. The first fault from the left is the one that is reported. A well-formed version of another major number
//! counts before the target, since the target may be in a language that we do not know.

use super::heads::RequestHead;
use super::start_line::{fast_version, is_space, version};
use super::{Fault, FieldSection, FieldTable, Progress, Rules, cut_line_end};
use crate::error::ProtocolErrorKind::{self, *};
use crate::message::connection_facts::ConnectionFacts;
use crate::message::host;
use crate::message::method::{Method, MethodKind, Version};
use crate::message::octets::{self, class};
use crate::message::target::{self, Target};

/// The parts of a request line, and the octets after it.
#[derive(Clone, Copy)]
pub(crate) struct RequestLineParts<'b> {
    method: &'b [u8],
    kind: MethodKind,
    target: &'b [u8],
    minor: u8,
    octets: usize,
    after: &'b [u8],
}

/// Where the parts of a request line are.
#[derive(Clone, Copy)]
struct RequestLineSpans {
    method: (usize, usize),
    target: (usize, usize),
    minor: u8,
    end: usize,
}

impl Progress {
    /// Goes on reading a request head into `head`, all but its framing: how many octets it has, or `None` if more are needed.
    // inlined: -88 `ours tiny`, with `fast_request`
    #[inline(always)]
    pub(crate) fn read_request<'b>(
        &mut self,
        rules: Rules<'_>,
        buf: &'b [u8],
        head: &mut RequestHead<'b>,
    ) -> Result<Option<usize>, Fault> {
        if self.next_line == 0 {
            if let Some(line) = fast_request_line(rules, buf) {
                *self = Self::after(&line);
                if let Some(section) = self.fast_request(rules, &line, head.fields.table()) {
                    self.complete_request(&line, section, head);
                    self.check(buf);
                    return Ok(Some(self.octets()));
                }
            }
        }
        let end = self.full_request(rules, buf, head)?;
        self.check(buf);
        Ok(end)
    }

    /// A request line has been read, and no field line.
    #[inline(always)]
    pub(crate) const fn after(line: &RequestLineParts<'_>) -> Self {
        let facts = ConnectionFacts::new(line.kind, Version { minor: line.minor });
        Self { facts, next_line: line.octets as u32, ..Self::FRESH }
    }

    /// Reads the rest of a head of common lines, all but the empty line, which is there. `None`: what was read of it is kept, and
    /// [`full_request`](Self::full_request) goes on there.
    ///
    /// Twin of [`full_request`](Self::full_request).
    // inlined: -88 `ours tiny`, with `read_request`
    #[inline(always)]
    pub(crate) fn fast_request<'b>(
        &mut self,
        rules: Rules<'_>,
        line: &RequestLineParts<'b>,
        table: &mut FieldTable,
    ) -> Option<&'b [u8]> {
        let window = self.fast_window(rules, line.after, line.octets);
        let mut rest = self.fast_host(rules.limits.field_lines, window, table);
        if !matches!(rest, [b'\r', b'\n', ..]) {
            rest = self.fast_lines(rules.limits.field_lines, rest, table);
        }
        let section = window.get(..window.len() - rest.len())?;
        self.next_line = (line.octets + section.len()) as u32;
        if let [b'\r', b'\n', ..] = rest { Some(section) } else { None }
    }

    /// Goes on reading a head, by every rule.
    #[inline(never)]
    pub(in crate::message) fn full_request<'b>(
        &mut self,
        rules: Rules<'_>,
        buf: &'b [u8],
        head: &mut RequestHead<'b>,
    ) -> Result<Option<usize>, Fault> {
        self.take_up(buf, head.fields.table());
        if self.next_line == 0 {
            let Some(spans) = self.full_request_line(rules, buf)? else { return Ok(None) };
            let line = spans.of(buf);
            self.facts = ConnectionFacts::new(line.kind, Version { minor: line.minor });
            self.next_line = line.octets as u32;
        }
        let Some(octets) = self.read_fields(rules, buf, head.fields.table())? else { return Ok(None) };
        let line = split_request_line(buf).of(buf);
        let Some(section) = buf.get(line.octets..self.fields_end()) else { return Ok(None) };
        self.complete_request(&line, section, head);
        Ok(Some(octets))
    }

    /// The head is whole.
    #[inline(always)]
    pub(crate) fn complete_request<'b>(
        &self,
        line: &RequestLineParts<'b>,
        section: &'b [u8],
        head: &mut RequestHead<'b>,
    ) {
        head.method = Method::new(line.method);
        head.target = Target::new(line.target, line.kind);
        head.version = self.facts.version();
        head.fields.set_lines(section, self.lines(), self.is_plain);
        head.facts = self.facts.set();
    }

    /// The start line by every rule.
    #[cold]
    #[inline(never)]
    fn full_request_line(&mut self, rules: Rules<'_>, buf: &[u8]) -> Result<Option<RequestLineSpans>, Fault> {
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
}

impl<'b> RequestLineParts<'b> {
    /// The head that begins with it, all but its framing.
    #[inline(always)]
    pub(crate) fn head(&self, facts: &ConnectionFacts, fields: FieldSection<'b>) -> RequestHead<'b> {
        RequestHead {
            method: Method::new(self.method),
            target: Target::new(self.target, self.kind),
            version: facts.version(),
            facts: facts.set(),
            fields,
            ..RequestHead::new()
        }
    }
}

impl RequestLineSpans {
    fn of(self, buf: &[u8]) -> RequestLineParts<'_> {
        let slice = |(from, to): (usize, usize)| buf.get(from..to).unwrap_or_default();
        let method = slice(self.method);
        let kind = MethodKind::of(method);
        let after = buf.get(self.end..).unwrap_or_default();
        RequestLineParts { method, kind, target: slice(self.target), minor: self.minor, octets: self.end, after }
    }
}

/// `method SP request-target SP HTTP/1.x CRLF` with a target in origin-form, as nearly all are. `None` also where requests may be folded,
/// which no fast path knows.
///
/// Twin of [`Progress::full_request_line`].
// inlined: -49 `ours tiny`
#[inline(always)]
pub(crate) fn fast_request_line<'b>(rules: Rules<'_>, buf: &'b [u8]) -> Option<RequestLineParts<'b>> {
    if rules.policy.request_fold.accepts() {
        return None;
    }
    let line = request_line_of(buf)?;
    if line.octets > rules.limits.start_line as usize { None } else { Some(line) }
}

#[inline(always)]
fn request_line_of(buf: &[u8]) -> Option<RequestLineParts<'_>> {
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
    // origin-form; the other forms are left to the full reading
    match target {
        [b'/', ..] if !method.is_empty() && kind != MethodKind::Connect => {
            Some(RequestLineParts { method, kind, target, minor, octets: buf.len() - after.len(), after })
        }
        _ => None,
    }
}

/// The parts of the line that `buf` begins with, not checked: its first word, its last word, and what is between them.
fn split_request_line(buf: &[u8]) -> RequestLineSpans {
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
    RequestLineSpans {
        method,
        target: (from + leading, to - trailing),
        minor: line.last().map_or(1, |digit| digit.wrapping_sub(b'0')),
        end,
    }
}

/// Every rule of a request line whose parts are known.
fn check_request_line(rules: Rules<'_>, line: &[u8], spans: RequestLineSpans) -> Result<RequestLineSpans, Fault> {
    let method = &line[spans.method.0..spans.method.1.min(line.len())];
    let target = line.get(spans.target.0..spans.target.1).unwrap_or_default();
    let last = line.get(spans.target.1..).unwrap_or_default();
    let space = last.iter().take_while(|&&b| is_space(b)).count();
    let version_at = spans.target.1 + space;
    let trailing = last[space..].iter().rev().take_while(|&&b| is_space(b)).count();
    let version_octets = &last[space..last.len() - trailing];
    if line == b"PRI * HTTP/2.0" {
        return Err(Fault::new(Http2Preface, 0));
    }
    if !octets::is_token(method) {
        let at = method.iter().position(|&b| !octets::is(b, class::TOKEN)).unwrap_or(0);
        return Err(Fault::new(Method, spans.method.0 + at));
    }
    if target.is_empty() || version_octets.is_empty() {
        return Err(Fault::new(RequestLine, line.len()));
    }
    let minor = version(version_octets).map_err(|kind| Fault::new(kind, version_at))?;
    let exact = spans.method.0 == 0
        && line.get(spans.method.1..spans.target.0) == Some(b" ")
        && last.len() == 9
        && last[0] == b' ';
    if !exact && !rules.policy.start_line_whitespace.accepts() {
        let gap = line.iter().position(|&b| b != b' ' && is_space(b)).unwrap_or(spans.method.1);
        return Err(Fault::new(if line.get(gap) == Some(&b'\r') { BareCr } else { RequestLine }, gap));
    }
    let opaque = rules.policy.target_octets.accepts();
    if let Some(at) = target.iter().position(|&b| !(octets::is(b, class::TARGET) || (opaque && b >= 0x80))) {
        return Err(Fault::new(Target, spans.target.0 + at));
    }
    check_form(MethodKind::of(method), target).map_err(|kind| Fault::new(kind, spans.target.0))?;
    Ok(RequestLineSpans { minor, ..spans })
}

/// Is the target of a form that this method may have (RFC 9112 3.2)?
pub(crate) fn check_form(method: MethodKind, target: &[u8]) -> Result<(), ProtocolErrorKind> {
    if method == MethodKind::Connect {
        return if host::is_authority_with_port(target) { Ok(()) } else { Err(TargetForm) };
    }
    match target {
        [b'/', ..] => Ok(()),
        b"*" if method == MethodKind::Options => Ok(()),
        b"*" => Err(TargetForm),
        _ => target::is_absolute(target),
    }
}
