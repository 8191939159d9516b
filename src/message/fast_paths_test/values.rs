//! What stands within a head and after it: values, chunks, octets, and what is written.

use super::*;
use crate::message::output::Fixed;

#[test]
fn chunks() {
    const PARTS: &[&str] = &[
        "0",
        "2",
        "f",
        "A",
        "10",
        "000000000000002",
        "1000000000000002",
        "\r\n",
        "\r\n",
        "\r",
        "\n",
        ";a=b",
        " ",
        "xyz",
        "xy",
        "2\r\nxy\r\n",
    ];
    compare(
        40,
        (text(PARTS, 1..12), any::<prop::sample::Index>(), prop::option::of(0..12u32)),
        |(buf, place, framing)| {
            let limits = Limits::DEFAULT;
            let (first, second) = buf.split_at(place.index(buf.len() + 1));
            let mut before = Chunked::new(framing);
            let mut rest = first;
            while !rest.is_empty() {
                use crate::message::chunked::Piece::*;
                match before.read(&limits, false, rest) {
                    Ok(Content { to, .. }) => rest = &rest[to..],
                    Ok(NeedMore { .. }) => rest = &[],
                    Ok(Last { .. }) | Err(_) => return false,
                }
            }
            let Some((fast, from, content)) = before.read_fast(second) else { return false };
            let mut full = before;
            let piece = full.read(&limits, false, second);
            let to = from + content.len();
            assert_eq!(piece, Ok(crate::message::chunked::Piece::Content { from, to }));
            assert_eq!((fast, content), (full, &second[from..to]));
            true
        },
    );
}

#[test]
fn facts_of_usual_values() {
    let lengths = ["5", "0", "00", "05", "18446744073709551615", "18446744073709551616", "5, 5", "x", ""];
    let options = ["close", "keep-alive", "Upgrade", "closed", "close, keep-alive", "\"close\"", ""];
    let facts = || ConnectionFacts::new(MethodKind::Get, Version::HTTP_11);
    for value in lengths {
        // as the first line that it is, and as a member of a list with nothing before it
        let (mut fast, mut full) = (facts(), facts());
        fast.field_line(b"Content-Length", value.as_bytes());
        full.unusual_content_length(value.as_bytes());
        assert_eq!(fast, full, "{value}");
        if let (Ok(number), false) = (value.parse::<u64>(), value.len() > 1 && value.starts_with('0')) {
            for before in [facts(), fast] {
                let (mut set, mut line) = (before, before);
                if set.set_first_length(number) {
                    line.field_line(b"content-length", value.as_bytes());
                } else {
                    assert!(before.has(crate::message::fact_set::Fact::Length));
                }
                assert_eq!(set, line);
            }
        }
    }
    for value in options {
        let (mut fast, mut full) = (facts(), facts());
        fast.field_line(b"Connection", value.as_bytes());
        full.field_line(b"Connection", format!(", {value}").as_bytes());
        assert_eq!(fast, full, "{value}");
    }
}

#[test]
fn keep_alive_values() {
    const PARTS: &[&str] =
        &["timeout", "=", "5", "0", ", ", ",", "max", "max=", "timeout=", "Timeout=", "9999999999", " ", "\"", "115"];
    compare(40, text(PARTS, 0..6), |value| {
        let Some(fast) = KeepAlive::parse_fast(&value) else { return false };
        assert_eq!(fast, KeepAlive::parse_full(&value), "{:?}", String::from_utf8_lossy(&value));
        true
    });
}

#[test]
fn hosts() {
    compare(6, mostly_letters(40), |value| {
        let fast = octets::skip_host_name(&value).is_empty();
        assert_eq!(host::is_host(&value), host::split_authority(&value).is_some());
        fast
    });
}

#[test]
fn request_lines_to_send() {
    let methods = select(["GET", "POST", "CONNECT", "OPTIONS", "PROPFIND", "B@D", ""].to_vec());
    let targets = damaged(text(&["/", "a", "?q", "#", "*", "http://", "a:1", "%20"], 0..4));
    compare(25, (methods, targets, 0..3u8), |(method, target, minor)| {
        let request = Request::new(Method::new(method.as_bytes()), &target).with_version(Version { minor });
        let valid = octets::is_token(method.as_bytes())
            && octets::all(&target, class::TARGET)
            && crate::message::head::check_form(request.kind(), &target).is_ok()
            && minor <= 1;
        assert_eq!(request.check_line().is_ok(), valid, "{method} {target:?}");
        target.first() == Some(&b'/')
    });
}

#[test]
fn searches_of_octets() {
    let position =
        |octets: &[u8], stops: &dyn Fn(u8) -> bool| octets.iter().position(|&b| stops(b)).unwrap_or(octets.len());
    compare(1, mostly_letters(80), |octets| {
        let skipped = |rest: &[u8]| octets.len() - rest.len();
        assert_eq!(skipped(octets::skip_to_control(&octets)), position(&octets, &|b| b < 0x20 || b == 0x7f));
        assert_eq!(skipped(octets::skip_target(&octets)), position(&octets, &|b| !octets::is(b, class::TARGET)));
        let host = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'-';
        // after whole blocks, what is left is looked at by class, which holds more
        let end = position(&octets, &|b| !host(b));
        let by_class = position(&octets, &|b| !octets::is(b, class::NAME));
        assert!((end..=by_class).contains(&skipped(octets::skip_host_name(&octets))));
        for stop in [b':', b'\n'] {
            assert_eq!(skipped(octets::skip_to(&octets, stop)), position(&octets, &|b| b == stop));
        }
        let end = position(&octets, &|b| !b.is_ascii_alphanumeric() && b != b'-');
        match octets::skip_name(&octets) {
            Some(rest) => assert_eq!(skipped(rest), end),
            None => assert!(octets.len() - end < 8),
        }
        true
    });
}

#[test]
fn classes_of_octets() {
    compare(1, mostly_letters(60), |octets| {
        for class in [class::TOKEN, class::FIELD, class::TARGET, class::NAME, class::HEX] {
            assert_eq!(octets::all(&octets, class), octets.iter().all(|&b| octets::is(b, class)));
        }
        assert_eq!(octets::is_field_name(&octets), octets::is_token(&octets));
        assert_eq!(octets::is_field_value(&octets), octets.iter().all(|&b| octets::is(b, class::FIELD)));
        let mut word = [0; 8];
        let few = &octets[..octets.len().min(8)];
        word[..few.len()].copy_from_slice(few);
        assert_eq!(octets::word(&octets), u64::from_le_bytes(word));
        let mut copied = std::vec![0; octets.len()];
        octets::copy(&mut copied, &octets);
        assert_eq!(copied, octets);
        let is_blank = |b: &u8| *b == b' ' || *b == b'\t';
        let start = octets.iter().position(|b| !is_blank(b)).unwrap_or(octets.len());
        let end = octets.iter().rposition(|b| !is_blank(b)).map_or(start, |last| last + 1);
        assert_eq!(octets::trim_to_send(&octets), &octets[start..end]);
        true
    });
}

#[test]
fn known_words() {
    const WORDS: [(&[u8], Known); 5] = [
        (b"host", Known::new(b"host")),
        (b"expect", Known::new(b"expect")),
        (b"keep-alive", Known::new(b"keep-alive")),
        (b"content-length", Known::new(b"content-length")),
        (b"transfer-encoding", Known::new(b"transfer-encoding")),
    ];
    let words = select(WORDS.map(|(word, _)| word).to_vec());
    let near = (words, any::<u32>()).prop_map(|(word, cases)| {
        let octets = word.iter().enumerate();
        octets.map(|(place, b)| if cases >> place & 1 == 1 { *b ^ 0x20 } else { *b }).collect()
    });
    compare(12, damaged(near), |octets: Vec<u8>| {
        let same = |(word, known): &(&[u8], Known)| {
            assert_eq!(known.is(&octets), octets.eq_ignore_ascii_case(word), "{:?}", String::from_utf8_lossy(&octets));
            known.is(&octets)
        };
        WORDS.iter().map(same).fold(false, |any, one| any | one)
    });
}

#[test]
fn numbers() {
    compare(3, damaged("[0-9]{0,24}".prop_map(String::into_bytes)), |octets| {
        let (number, rest) = octets::leading_digits(&octets);
        let digits = octets.len() - rest.len();
        assert_eq!(digits, octets.iter().take_while(|b| b.is_ascii_digit()).count());
        let is_number = rest.is_empty() && digits > 0;
        let text = String::from_utf8_lossy(&octets);
        let value =
            if is_number { text.parse::<u128>().ok().and_then(|number| u64::try_from(number).ok()) } else { None };
        assert_eq!(octets::decimal(&octets).ok(), value);
        if digits < 20 && is_number {
            assert_eq!(Some(number), value);
        }
        is_number
    });
}

#[test]
fn fields_checked_before() {
    const NAMES: &[&str] =
        &["Server", "X-A", "Upgrade", "TE", "Connection", "Host", "Date", "Content-Type", "B@d", "proxy-connection"];
    const VALUES: &[&str] =
        &["a", "", " padded ", "websocket", "chunked", "text/plain; charset=utf-8", "a\rb", "close"];
    let fields = vec((select(NAMES), select(VALUES)), 0..5);
    compare(6, fields, |fields| {
        let lines: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let write = |fields: &dyn Fn(&mut Writer<Fixed<'_>>) -> Result<(), Misuse>| -> Result<Vec<u8>, Misuse> {
            let mut out = [0; 1000];
            let mut writer = Writer::new(&mut out[..]);
            fields(&mut writer)?;
            let written = writer.finish().expect("there is room");
            Ok(out[..written].to_vec())
        };
        let one_by_one = write(&|writer| writer.fields(fields.iter(), None).map(|_| ()));
        let checked = CheckedFields::new(lines.as_bytes());
        assert_eq!(checked.is_ok(), one_by_one.is_ok(), "{lines}");
        let Ok(checked) = checked else { return false };
        assert_eq!(write(&|writer| writer.fields(checked, None).map(|_| ())), one_by_one);
        let request = Request::new(Method::new(b"GET"), b"/");
        let facts = |fields: &dyn Fn(&mut Writer<Fixed<'_>>) -> ConnectionFacts| {
            fields(&mut Writer::new(&mut [0; 1000][..])).set()
        };
        assert_eq!(
            facts(&|writer| writer.request_fields(&request, checked).expect("they were good")),
            facts(&|writer| writer.request_fields(&request, fields.iter()).expect("they were good")),
        );
        assert_eq!(
            write(&|writer| writer.last_chunk(checked)).err(),
            write(&|writer| writer.last_chunk(checked.and(NO_FIELDS))).err()
        );
        assert_eq!(
            write(&|writer| writer.last_chunk(checked)).err(),
            write(&|writer| writer.last_chunk(fields.iter())).err()
        );
        true
    });
}

#[test]
fn what_is_written_by_its_length() {
    compare(1, (any::<u64>(), 0..64u32, 0..1000u16, 0..80usize), |(number, shift, status, room)| {
        let number = number >> shift;
        let mut out = [0; 80];
        let mut writer = Writer::new(&mut out[..room]);
        let framing = crate::message::announcement::FramingField::ContentLength(number);
        let status = StatusCode::new(status).unwrap_or(StatusCode::OK);
        writer.status_line(status);
        writer.announce_to_end(framing, Default::default(), None, None);
        let [x, y, z] = status.digits().map(char::from);
        let expected = format!("HTTP/1.1 {x}{y}{z} {}\r\nContent-Length: {}\r\n\r\n", status.reason_phrase(), number);
        match writer.finish() {
            Ok(written) => assert_eq!(String::from_utf8_lossy(&out[..written]), expected),
            Err(crate::error::SendError::OutputTooSmall { needed }) => {
                assert!(room < needed);
                assert_eq!(needed, expected.len());
            }
            Err(other) => panic!("{other:?}"),
        }
        true
    });
}

#[test]
fn names_that_pass_no_filter() {
    let known = select(known_fields::names().collect::<Vec<_>>()).prop_map(<[u8]>::to_vec);
    let names = prop_oneof![mostly_letters(20), known];
    compare(3, names, |name| {
        let Some(&first) = name.first() else { return true };
        let kept = known_fields::may_be_kept(first, name.len());
        assert!(kept || !known_fields::decides(&name));
        assert!(known_fields::may_be_restricted(name.len()) || !known_fields::is_owned(&name));
        let mut facts = ConnectionFacts::new(MethodKind::Get, Version::HTTP_11);
        facts.kept_line(&name, b"close");
        assert!(kept || facts == ConnectionFacts::new(MethodKind::Get, Version::HTTP_11));
        !kept
    });
}
