//! Octets: the classes of RFC 9110 5.6 as one table, number grammars, list members, and the word-at-a-time searches the
//! head parser is built on.
//!
//! Read first: RFC 9110 5.5 (field values), 5.6.1 (lists), 5.6.2 (tokens), 5.6.3 (whitespace), 8.6 (`1*DIGIT`);
//! RFC 9112 7.1 (`1*HEXDIG`). The standard library's integer parsers take `+5` and are not used on octets of a peer.
//!
//! The searches answer "is any octet of these 8 or 16 a stop?" without branching on each octet. A sum over a fixed-size
//! block is what the compiler turns into vector compares; the exact place is then found in a 64-bit word.

/// One of the octet classes in the table.
pub(crate) mod class {
    /// `tchar` of RFC 9110 5.6.2.
    pub(crate) const TOKEN: u8 = 1;
    /// `VCHAR`, `SP`, `HTAB`, `obs-text`: what a field value is made of (RFC 9110 5.5).
    pub(crate) const FIELD: u8 = 2;
    /// Visible ASCII except `#`: what a request target may hold (RFC 9112 3.2).
    pub(crate) const TARGET: u8 = 4;
    /// `unreserved` and `sub-delims` of RFC 3986: a registered name without its percent-encoded octets.
    pub(crate) const NAME: u8 = 8;
    /// `HEXDIG`.
    pub(crate) const HEX: u8 = 16;
    /// `SP`, `HTAB`, and what stands for a space once leniency or unfolding has let it in: CR, LF, NUL.
    pub(crate) const BLANK: u8 = 32;
}

const fn among(octet: u8, set: &[u8]) -> bool {
    let mut i = 0;
    while i < set.len() {
        if set[i] == octet {
            return true;
        }
        i += 1;
    }
    false
}

const CLASSES: [u8; 256] = {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let b = i as u8;
        let mut classes = 0;
        if b.is_ascii_alphanumeric() || among(b, b"!#$%&'*+-.^_`|~") {
            classes |= class::TOKEN;
        }
        if b == b'\t' || (b >= b' ' && b != 0x7f) {
            classes |= class::FIELD;
        }
        if b.is_ascii_graphic() && b != b'#' {
            classes |= class::TARGET;
        }
        if b.is_ascii_alphanumeric() || among(b, b"-._~!$&'()*+,;=") {
            classes |= class::NAME;
        }
        if b.is_ascii_hexdigit() {
            classes |= class::HEX;
        }
        if among(b, b" \t\r\n\0") {
            classes |= class::BLANK;
        }
        table[i] = classes;
        i += 1;
    }
    table
};

/// Is `octet` in `class`?
#[inline(always)]
pub(crate) const fn is(octet: u8, class: u8) -> bool {
    CLASSES[octet as usize] & class != 0
}

/// Are all `octets` in `class`?
pub(crate) fn all(octets: &[u8], class: u8) -> bool {
    octets.iter().all(|&b| is(b, class))
}

/// A non-empty `token` (RFC 9110 5.6.2).
pub(crate) fn is_token(octets: &[u8]) -> bool {
    !octets.is_empty() && all(octets, class::TOKEN)
}

/// SP or HTAB (RFC 9110 5.6.3).
pub(crate) const fn is_whitespace(octet: u8) -> bool {
    octet == b' ' || octet == b'\t'
}

/// Without optional whitespace at either end.
pub(crate) fn trim(mut octets: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = octets {
        if !is(*first, class::BLANK) {
            break;
        }
        octets = rest;
    }
    while let [rest @ .., last] = octets {
        if !is(*last, class::BLANK) {
            break;
        }
        octets = rest;
    }
    octets
}

/// `1*DIGIT`, or nothing where that is not what it is or it does not fit 64 bits (RFC 9110 8.6, 17.5).
pub(crate) fn decimal(octets: &[u8]) -> Result<u64, NumberFault> {
    if octets.is_empty() {
        return Err(NumberFault::NotANumber);
    }
    let mut fits = Some(0u64);
    for &b in octets {
        if !b.is_ascii_digit() {
            return Err(NumberFault::NotANumber);
        }
        fits = fits.and_then(|n| n.checked_mul(10)).and_then(|n| n.checked_add(u64::from(b - b'0')));
    }
    fits.ok_or(NumberFault::TooLarge)
}

/// Why octets are not a number we can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NumberFault {
    NotANumber,
    TooLarge,
}

/// The value of a `HEXDIG`.
#[inline(always)]
pub(crate) const fn hex_digit(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    }
}

/// The members of a `#rule` list, empty ones left out, outer whitespace trimmed, commas in quoted strings kept
/// (RFC 9110 5.6.1.2).
pub(crate) fn members(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    pieces(list, b',')
}

/// `octets` cut at `separator` outside quoted strings; trimmed; empty pieces left out.
pub(crate) fn pieces(octets: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = octets;
    core::iter::from_fn(move || {
        while !rest.is_empty() {
            let end = separator_at(rest, separator);
            let (piece, behind) = rest.split_at(end);
            rest = behind.get(1..).unwrap_or_default();
            let piece = trim(piece);
            if !piece.is_empty() {
                return Some(piece);
            }
        }
        None
    })
}

fn separator_at(octets: &[u8], separator: u8) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (i, &b) in octets.iter().enumerate() {
        if escaped {
            escaped = false;
        } else if quoted {
            escaped = b == b'\\';
            quoted = b != b'"';
        } else if b == separator {
            return i;
        } else {
            quoted = b == b'"';
        }
    }
    octets.len()
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

const fn every(octet: u8) -> u64 {
    ONES * octet as u64
}

/// Eight octets from `at`, first in the lowest place; NUL behind the end of `buf`.
#[inline(always)]
pub(crate) fn word(buf: &[u8], at: usize) -> u64 {
    match buf.get(at..).and_then(|tail| tail.first_chunk::<8>()) {
        Some(octets) => u64::from_le_bytes(*octets),
        None => last_word(buf, at),
    }
}

#[inline(always)]
fn last_word(buf: &[u8], at: usize) -> u64 {
    let missing = (at + 8).wrapping_sub(buf.len());
    match buf.last_chunk::<8>() {
        // the last eight octets, those before `at` shifted out
        Some(octets) if missing < 8 => u64::from_le_bytes(*octets) >> (8 * missing),
        Some(_) => 0,
        None => buf.get(at..).unwrap_or_default().iter().rev().fold(0, |word, &b| word << 8 | u64::from(b)),
    }
}

/// High bit set in each octet of `word` that is neither a letter nor `-`.
#[inline(always)]
pub(crate) const fn not_name(word: u64) -> u64 {
    let lower = word | every(0x20);
    let seven = lower & !HIGH;
    let from_a = seven.wrapping_add(every(0x80 - b'a'));
    let past_z = seven.wrapping_add(every(0x80 - b'z' - 1));
    let dash = word ^ every(b'-');
    let other_than_dash = (dash & !HIGH).wrapping_add(every(0x7f)) | dash;
    ((!from_a | past_z | word) & other_than_dash) & HIGH
}

/// High bit set in the first octet of `word` below SP or DEL; higher bits may be set falsely behind it.
#[inline(always)]
pub(crate) const fn control(word: u64) -> u64 {
    let below = word.wrapping_sub(every(0x20)) & !word;
    let delete = word ^ every(0x7f);
    let delete = delete.wrapping_sub(ONES) & !delete;
    (below | delete) & HIGH
}

/// High bit set in the first octet of `word` that a request target may not hold; higher bits may be false.
#[inline(always)]
pub(crate) const fn not_target(word: u64) -> u64 {
    let below = word.wrapping_sub(every(0x21)) & !word;
    let hash = word ^ every(b'#');
    let hash = hash.wrapping_sub(ONES) & !hash;
    let delete = word ^ every(0x7f);
    let delete = delete.wrapping_sub(ONES) & !delete;
    (below | hash | delete | word) & HIGH
}

/// Which of the eight octets holds the first set bit.
#[inline(always)]
pub(crate) const fn first(mask: u64) -> usize {
    (mask.trailing_zeros() / 8) as usize
}

/// Where the first control octet of `buf` from `at` is (HTAB is one), or the end.
#[inline(always)]
pub(crate) fn control_at(buf: &[u8], mut at: usize) -> usize {
    while let Some(block) = buf.get(at..).and_then(|tail| tail.first_chunk::<16>()) {
        if block.iter().fold(false, |any, &b| any | (b < 0x20) | (b == 0x7f)) {
            break;
        }
        at += 16;
    }
    loop {
        let mask = control(word(buf, at));
        if mask != 0 {
            return (at + first(mask)).min(buf.len());
        }
        at += 8;
    }
}

/// Where the first octet of `buf` from `at` is that a request target may not hold, or the end.
#[inline(always)]
pub(crate) fn target_end(buf: &[u8], mut at: usize) -> usize {
    loop {
        let mask = not_target(word(buf, at));
        if mask != 0 {
            return (at + first(mask)).min(buf.len());
        }
        at += 8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_find_what_the_table_says() {
        for b in 0..=255u8 {
            for place in 0..8 {
                let mut octets = [b'm'; 8];
                octets[place] = b;
                let word = u64::from_le_bytes(octets);
                let name = b.is_ascii_alphabetic() || b == b'-';
                assert_eq!(not_name(word), if name { 0 } else { 0x80 << (8 * place) }, "{b:#x}");
                let stop = b < 0x20 || b == 0x7f;
                assert_eq!(control(word) != 0, stop, "{b:#x}");
                assert!(!stop || first(control(word)) == place);
                let stop = !is(b, class::TARGET);
                assert_eq!(not_target(word) != 0, stop, "{b:#x}");
                assert!(!stop || first(not_target(word)) == place);
            }
        }
    }

    #[test]
    fn searches_stop_at_the_first_octet_that_fits_or_at_the_end() {
        for len in 0..40 {
            let mut buf = [b'a'; 40];
            assert_eq!(control_at(&buf[..len], 0), len);
            for stop in 0..len {
                buf[stop] = b'\r';
                assert_eq!(control_at(&buf[..len], 0), stop);
                assert_eq!(target_end(&buf[..len], 0), stop);
                buf[stop] = b'a';
            }
        }
    }

    #[test]
    fn numbers_are_digits_only_and_never_wrap() {
        assert_eq!(decimal(b"005"), Ok(5));
        assert_eq!(decimal(b"18446744073709551615"), Ok(u64::MAX));
        assert_eq!(decimal(b"18446744073709551616"), Err(NumberFault::TooLarge));
        for bad in [&b""[..], b"+5", b"-1", b"5 5", b"0x5", b"5.0", b"99999999999999999999999x"] {
            assert_eq!(decimal(bad), Err(NumberFault::NotANumber), "{bad:?}");
        }
    }

    #[test]
    fn lists_skip_empty_members_and_respect_quotes() {
        let list: arrayvec::ArrayVec<&[u8], 4> = members(b",, a ,\tb=\"x,\\\"y\" ,").collect();
        assert_eq!(&list[..], [&b"a"[..], b"b=\"x,\\\"y\""]);
    }
}
