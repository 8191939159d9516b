//! Each fast path beside its twin, over generated inputs: where the fast path gives an answer it is the twin's answer, and where it gives
//! none, nothing is lost. Each test counts how often the fast path answered, so that none of them passes on inputs that it never takes.

use std::format;
use std::string::String;
use std::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};

use crate::config::{Limits, Policy, Tolerance};
use crate::error::Misuse;
use crate::message::chunked::Chunked;
use crate::message::connection_facts::ConnectionFacts;
use crate::message::fields_to_send::{CheckedFields, NO_FIELDS};
use crate::message::head::{
    Fault, FieldSection, FieldTable, Line, Progress, RequestHead, ResponseHead, Rules, Section, fast_parts,
    fast_request_line, find_line,
};
use crate::message::host;
use crate::message::keep_alive::KeepAlive;
use crate::message::known_fields;
use crate::message::method::{Method, MethodKind, Version};
use crate::message::octets::{self, Known, class};
use crate::message::request::Request;
use crate::message::writer::Writer;
use crate::status::StatusCode;

mod values;

/// Gives `check` generated inputs. It says whether the fast path answered: it must, for one input of `rarest` at least.
fn compare<S: Strategy>(rarest: u32, inputs: S, check: impl Fn(S::Value) -> bool) {
    let (cases, fast) = (3000, core::cell::Cell::new(0));
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let result = runner.run(&inputs, |input| {
        fast.set(fast.get() + u32::from(check(input)));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    assert!(fast.get() >= cases / rarest, "the fast path answered only {} times of {cases}", fast.get());
}

/// Pieces of `parts`, one after another.
fn text(parts: &'static [&'static str], pieces: core::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    vec(select(parts), pieces).prop_map(|pieces| pieces.concat().into_bytes())
}

/// Octets of which nearly all are letters.
fn mostly_letters(most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(
        prop_oneof![20 => select(&b"abcxyzABCXYZ"[..]), 1 => any::<u8>(), 1 => select(&b"-./: \t\r\n\0#\x7f\x80"[..])],
        0..most,
    )
}

/// With one octet of them changed, now and then.
fn damaged(octets: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (octets, prop_oneof![4 => Just(None), 1 => any::<(prop::sample::Index, u8)>().prop_map(Some)]).prop_map(
        |(mut octets, damage)| {
            if let (Some((index, octet)), false) = (damage, octets.is_empty()) {
                let place = index.index(octets.len());
                octets[place] = octet;
            }
            octets
        },
    )
}

const USUAL_LINES: &[&str] = &[
    "Host: a.example\r\n",
    "Content-Length: 5\r\n",
    "content-length: 0\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Connection: close\r\n",
    "Connection: keep-alive, Upgrade\r\n",
    "Keep-Alive: timeout=5, max=9\r\n",
    "Upgrade: websocket\r\n",
    "TE: trailers\r\n",
    "Expect: 100-continue\r\n",
    "Accept: */*\r\n",
    "Cookie: a=1; b=\u{e9}\r\n",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n",
];

const ODD_LINES: &[&str] = &[
    "host: b\r\n",
    "Host:a\r\n",
    "Host: \r\n",
    "Host: [::1]:80\r\n",
    "Content-Length: 05\r\n",
    "Content-Length: 18446744073709551615\r\n",
    "Content-Length: 99999999999999999999\r\n",
    "Content-Length: 5, 5\r\n",
    "Content-Length: x\r\n",
    "Transfer-Encoding: chunked\r\n",
    "X-Empty:\r\n",
    "X-Empty: \r\n",
    "X-Padded:  a b \t\r\n",
    "X_Other1: a\r\n",
    "X-Trailing: a \r\n",
    "Connection: close \r\n",
    "Accept-Language: en\n",
    " folded\r\n",
    "\r\n",
];

/// Field lines, nearly all of them as they are sent; the first of a request is `Host`.
fn lines(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![12 => select(USUAL_LINES), 1 => select(ODD_LINES)];
    let first = select(&["Host: a.example\r\n", "HOST: b\r\n", ""][..]);
    (first, vec(line, 0..most)).prop_map(|(first, lines)| [first, &lines.concat()].concat().into_bytes())
}

const REQUEST_LINES: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "GET /index.html?q=1 HTTP/1.1\r\n",
    "POST /a HTTP/1.0\r\n",
    "OPTIONS * HTTP/1.1\r\n",
    "CONNECT a:1 HTTP/1.1\r\n",
    "CONNECT /a HTTP/1.1\r\n",
    "PROPFIND /a-b HTTP/1.1\r\n",
    "GET http://a/ HTTP/1.1\r\n",
    "GET / HTTP/1.2\r\n",
    "GET / HTTP/2.0\r\n",
    "GET  / HTTP/1.1\r\n",
    "GET / HTTP/1.1\n",
];

const STATUS_LINES: &[&str] = &[
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.0 200 OK\r\n",
    "HTTP/1.1 404 Not Found\r\n",
    "HTTP/1.1 204 \r\n",
    "HTTP/1.1 304\r\n",
    "HTTP/1.1 099 x\r\n",
    "HTTP/1.1 200 \u{e9}\r\n",
    "HTTP/1.9 200 OK\r\n",
    "HTTP/2.0 200 OK\r\n",
    "HTTP/1.1 200 OK\n",
];

fn heads(start_lines: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let whole = (text(start_lines, 1..2), lines(20)).prop_map(|(start, lines)| [&start[..], &lines, b"\r\n"].concat());
    damaged(whole)
}

fn policies() -> impl Strategy<Value = Policy> {
    let lenient = Policy::DEFAULT
        .with_bare_lf(Tolerance::Accept)
        .with_bare_cr(Tolerance::Accept)
        .with_control_octets(Tolerance::Accept)
        .with_whitespace_before_fields(Tolerance::Accept)
        .with_start_line_whitespace(Tolerance::Accept)
        .with_target_octets(Tolerance::Accept)
        .with_response_fold(Tolerance::Accept)
        .with_response_colon_space(Tolerance::Accept)
        .with_response_junk_lines(Tolerance::Accept);
    select([Policy::DEFAULT, lenient, Policy::DEFAULT.with_response_fold(Tolerance::Refuse)].to_vec())
}

fn limits() -> impl Strategy<Value = Limits> {
    let small = Limits::DEFAULT.with_start_line(20).with_field_line(40).with_field_lines(3).with_head(120);
    prop_oneof![3 => Just(Limits::DEFAULT), 1 => Just(small)]
}

/// Field lines read by every rule, none by the fast loop: where the section ends, if it does.
fn full_lines(
    progress: &mut Progress,
    rules: Rules<'_>,
    buf: &[u8],
    table: &mut FieldTable,
    until: usize,
) -> Result<Option<usize>, Fault> {
    let mut at = progress.fields_end();
    while at < until {
        match progress.full_line(rules, buf, at, table)? {
            Line::Next(next) => at = next,
            Line::End(end) => return Ok(Some(end)),
            Line::Unfinished => return Ok(None),
        }
    }
    Ok(None)
}

/// The start line by every rule: with no octet after it, so that no field line is read. `None`: it is not complete.
fn start_line(buf: &[u8], read: impl FnOnce(&[u8]) -> Result<Option<usize>, Fault>) -> Result<Option<usize>, Fault> {
    let end = buf.iter().position(|&b| b == b'\n').map(|lf| lf + 1);
    read(&buf[..end.unwrap_or(buf.len())]).map(|_| end)
}

/// The lines of a section, each octet of it.
fn lines_of(section: &FieldSection<'_>) -> Vec<(String, String)> {
    let text = |octets: &[u8]| format!("{:?}", octets);
    section.all_lines().map(|line| (text(line.name), text(line.value.as_received()))).collect()
}

#[test]
fn requests() {
    compare(20, (heads(REQUEST_LINES), policies(), limits()), |(buf, policy, limits)| {
        let rules = Rules { section: Section::Request, limits: &limits, policy: &policy };
        let mut full = Progress::FRESH;
        let (mut full_head, mut table) = (RequestHead::new(), FieldTable::new());
        let start = start_line(&buf, |line| full.full_request(rules, line, &mut RequestHead::new()));
        let expected = match start {
            Ok(Some(_)) => full_lines(&mut full, rules, &buf, &mut table, usize::MAX),
            other => other,
        };
        // the fast path alone: where it is not whole, what it has read is what the full reading has read up to there
        let (mut fast, mut head, mut table) = (Progress::FRESH, RequestHead::new(), FieldTable::new());
        let answer = fast_request_line(rules, &buf).and_then(|line| {
            fast = Progress::after(&line);
            let section = fast.fast_request(rules, &line, &mut table)?;
            head = line.head(&fast.facts, FieldSection::of_plain(section, table, fast.lines() as u32));
            Some(fast.octets())
        });
        if let Some(octets) = answer {
            assert_eq!(Ok(Some(octets)), expected);
            assert_eq!(full_head_of(rules, &buf, &mut full_head), octets);
            assert_eq!(head, full_head);
            assert_eq!((fast.facts, fast.lines()), (full.facts, full.lines()));
            assert_eq!(lines_of(&head.fields), lines_of(&full_head.fields));
        } else if fast.has_start_line() {
            let mut full = Progress::FRESH;
            start_line(&buf, |line| full.full_request(rules, line, &mut RequestHead::new())).expect("it was good");
            full_lines(&mut full, rules, &buf, &mut FieldTable::new(), fast.fields_end()).expect("they were good");
            assert_eq!((fast.facts, fast.lines(), fast.fields_end()), (full.facts, full.lines(), full.fields_end()));
        }
        // both together
        let (mut both, mut head) = (Progress::FRESH, RequestHead::new());
        assert_eq!(both.read_request(rules, &buf, &mut head), expected, "{:?}", String::from_utf8_lossy(&buf));
        answer.is_some()
    });
}

/// Reads a head that is known to be good, with no line of it in the table.
fn full_head_of<'b>(rules: Rules<'_>, buf: &'b [u8], head: &mut RequestHead<'b>) -> usize {
    let mut progress = Progress::FRESH;
    start_line(buf, |line| progress.full_request(rules, line, &mut RequestHead::new())).expect("it was good");
    *head.fields.table() = FieldTable::closed();
    progress.full_request(rules, buf, head).expect("it was good").expect("it was whole")
}

#[test]
fn responses() {
    compare(20, (heads(STATUS_LINES), policies(), limits(), lines(2)), |(mut buf, policy, limits, next)| {
        buf.extend(next);
        let rules = Rules { section: Section::Response, limits: &limits, policy: &policy };
        let (mut full, mut table) = (Progress::FRESH, FieldTable::new());
        let start = start_line(&buf, |line| full.full_response(rules, line, &mut ResponseHead::new()));
        let expected = match start {
            Ok(Some(_)) => full_lines(&mut full, rules, &buf, &mut table, usize::MAX),
            other => other,
        };
        let mut answered = false;
        if let Some((mut fast, line)) = Progress::fast_response(rules, &buf) {
            let mut table = FieldTable::new();
            if let Some((section, octets)) = fast.fast_section(rules, &buf, &mut table) {
                answered = true;
                assert_eq!(Ok(Some(octets)), expected, "{:?}", String::from_utf8_lossy(&buf));
                assert_eq!((fast.facts, fast.lines()), (full.facts, full.lines()));
                let mut head = ResponseHead::new();
                let mut progress = Progress::FRESH;
                assert_eq!(progress.full_response(rules, &buf, &mut head), Ok(Some(octets)));
                assert_eq!((line.status, line.reason, section), (head.status, head.reason, head.fields.as_bytes()));
                let fields = FieldSection::of_plain(section, table, fast.lines() as u32);
                let unpacked = FieldSection::of_plain(section, FieldTable::closed(), fast.lines() as u32);
                assert_eq!(lines_of(&fields), lines_of(&unpacked));
            } else {
                let mut full = Progress::FRESH;
                start_line(&buf, |line| full.full_response(rules, line, &mut ResponseHead::new()))
                    .expect("it was good");
                full_lines(&mut full, rules, &buf, &mut FieldTable::new(), fast.fields_end()).expect("they were good");
                assert_eq!(
                    (fast.facts, fast.lines(), fast.fields_end()),
                    (full.facts, full.lines(), full.fields_end())
                );
            }
        }
        let (mut both, mut head) = (Progress::FRESH, ResponseHead::new());
        assert_eq!(both.read_response(rules, &buf, &mut head), expected, "{:?}", String::from_utf8_lossy(&buf));
        answered
    });
}

#[test]
fn lines_of_a_section() {
    let sections = damaged(lines(20));
    compare(2, (sections, policies(), limits(), any::<bool>()), |(buf, policy, limits, is_request)| {
        let section = if is_request { Section::Request } else { Section::Response };
        let rules = Rules { section, limits: &limits, policy: &policy };
        let (mut fast, mut table) = (Progress::FRESH, FieldTable::new());
        let window = fast.fast_window(rules, &buf, 0);
        let mut rest = window;
        if is_request {
            rest = fast.fast_host(limits.field_lines, rest, &mut table);
            rest = fast.fast_lines(limits.field_lines, rest, &mut table);
        } else {
            rest = fast.fast_unfolded_lines(limits.field_lines, rest, &mut table);
        }
        let (mut full, mut full_table) = (Progress::FRESH, FieldTable::new());
        let end = window.len() - rest.len();
        assert_eq!(full_lines(&mut full, rules, &buf, &mut full_table, end), Ok(None));
        assert_eq!((fast.facts, fast.lines(), end), (full.facts, full.lines(), full.fields_end()));
        let lines = |table| lines_of(&FieldSection::of_plain(&buf[..end], table, fast.lines() as u32));
        assert_eq!(lines(table), lines(full_table));
        end > 0
    });
}

#[test]
fn parts_of_a_line_that_has_been_read() {
    compare(60, lines(3), |buf| {
        let Some((name, value, after)) = fast_parts(&buf) else { return false };
        // trailers are found in the full way, and other names are left out of them
        if known_fields::never_a_trailer(name) || after.first().is_some_and(|&b| octets::is_whitespace(b)) {
            return false;
        }
        let (line, full_after) = find_line(&buf, true).expect("it is one");
        assert_eq!((name, value, after), (line.name, line.value.as_received(), full_after));
        true
    });
}

#[test]
fn heads_of_which_more_octets_have_come() {
    let splits = (heads(REQUEST_LINES), heads(STATUS_LINES), policies(), limits(), any::<[prop::sample::Index; 2]>());
    compare(10, splits, |(request, response, policy, limits, places)| {
        let mut answered = false;
        for (section, buf) in [(Section::Request, &request), (Section::Response, &response)] {
            let rules = Rules { section, limits: &limits, policy: &policy };
            let mut places = places.map(|place| place.index(buf.len() + 1));
            places.sort_unstable();
            let [first, second] = places;
            let read = |progress: &mut Progress, buf: &[u8]| match section {
                Section::Request => progress.full_request(rules, buf, &mut RequestHead::new()),
                _ => progress.full_response(rules, buf, &mut ResponseHead::new()),
            };
            let mut before = Progress::FRESH;
            if read(&mut before, &buf[..first]) != Ok(None) {
                continue;
            }
            let (mut fast, mut full) = (before, before);
            if fast.still_unfinished(&buf[..second]) {
                answered = true;
                assert_eq!(read(&mut full, &buf[..second]), Ok(None));
                assert_eq!(fast, full);
            } else {
                assert_eq!(fast, before);
            }
        }
        answered
    });
}
