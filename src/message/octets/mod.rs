//! Octets: the classes of RFC 9110 5.6 as one table, numbers, and lists. In [`swar`] are the searches that look at many octets at once.
//!
//! Read first: RFC 9110 5.5 (field values), 5.6.1 (lists), 5.6.2 (tokens), 5.6.3 (whitespace), 8.6 (`1*DIGIT`);
//! RFC 9112 7.1 (`1*HEXDIG`). The standard library's integer parsers take `+5` and are not used on octets of a peer.

mod swar;

pub(crate) use swar::*;

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
    /// `SP`, `HTAB`, and the octets that count as a space where policy let them in: CR, LF, NUL.
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
// inlined: -9 `ours-lazy classic`, with the others of this file
#[inline(always)]
pub(crate) const fn is(octet: u8, class: u8) -> bool {
    CLASSES[octet as usize] & class != 0
}

/// Are all `octets` in `class`?
// inlined: -9 `ours-lazy classic`, with the others of this file
#[inline(always)]
pub(crate) fn all(octets: &[u8], class: u8) -> bool {
    let (mut rest, mut classes) = (octets, class);
    while let Some((four, after)) = rest.split_first_chunk::<4>() {
        classes = four.iter().fold(classes, |classes, &b| classes & CLASSES[b as usize]);
        rest = after;
    }
    for &octet in rest {
        classes &= CLASSES[octet as usize];
    }
    classes != 0
}

/// The octets from the first one that is not in `class`; none if all are.
// inlined: -9 `ours-lazy classic`, with the others of this file
#[inline(always)]
fn skip_class(mut octets: &[u8], class: u8) -> &[u8] {
    while let [first, rest @ ..] = octets {
        if !is(*first, class) {
            break;
        }
        octets = rest;
    }
    octets
}

/// The octets from the first one that is not of a token (RFC 9110 5.6.2).
pub(crate) fn skip_token(octets: &[u8]) -> &[u8] {
    skip_class(octets, class::TOKEN)
}

/// A non-empty `token` (RFC 9110 5.6.2).
pub(crate) fn is_token(octets: &[u8]) -> bool {
    !octets.is_empty() && all(octets, class::TOKEN)
}

/// A non-empty `token` to be sent. Most are letters and dashes, and short: their first and last octets are looked at together.
///
/// Twin of [`is_token`].
// inlined: -22 `response-head`
#[inline(always)]
pub(crate) fn is_field_name(octets: &[u8]) -> bool {
    if octets.len() <= 16 {
        if let (Some(first), Some(last)) = (octets.first_chunk::<8>(), octets.last_chunk::<8>()) {
            let stops = not_name(u64::from_le_bytes(*first)) | not_name(u64::from_le_bytes(*last));
            return stops == 0 || is_token(octets);
        }
        if let (Some(first), Some(last)) = (octets.first_chunk::<4>(), octets.last_chunk::<4>()) {
            let [first, last] = [first, last].map(|half| u64::from(u32::from_le_bytes(*half)));
            return not_name(first | last << 32) == 0 || is_token(octets);
        }
    }
    is_token(octets)
}

/// `SP`, `HTAB`, `VCHAR` and `obs-text` (RFC 9110 5.5), of which HTAB is rare.
///
/// Twin of [`all`] of [`class::FIELD`].
// inlined: -19 `response-head`
#[inline(always)]
pub(crate) fn is_field_value(octets: &[u8]) -> bool {
    let any_control = |block: &[u8; 16]| block.iter().fold(false, |any, &b| any | (b < 0x20) | (b == 0x7f));
    let controls = match (octets.split_first_chunk::<16>(), octets.last_chunk::<16>()) {
        (Some((first, mut after)), Some(last)) => {
            let mut controls = any_control(first) | any_control(last);
            while let (Some((block, rest)), true) = (after.split_first_chunk::<16>(), after.len() > 16) {
                controls |= any_control(block);
                after = rest;
            }
            controls
        }
        _ => match (octets.first_chunk::<8>(), octets.last_chunk::<8>()) {
            (Some(first), Some(last)) => control(u64::from_le_bytes(*first)) | control(u64::from_le_bytes(*last)) != 0,
            _ => return all(octets, class::FIELD),
        },
    };
    !controls || all(octets, class::FIELD)
}

/// Copies `octets` to `place`, which has the same length. Up to 64 octets are two moves, which may overlap; most pieces of a head are that
/// short.
///
/// Twin of [`copy_from_slice`](slice::copy_from_slice).
// inlined: -54 `response-head`, with `ends`
#[inline(always)]
pub(crate) fn copy(place: &mut [u8], octets: &[u8]) {
    // inlined: -54 `response-head`, with `copy`
    #[inline(always)]
    fn ends<const N: usize>(place: &mut [u8], octets: &[u8]) -> bool {
        let (Some(first), Some(last)) = (octets.first_chunk::<N>(), octets.last_chunk::<N>()) else { return false };
        if let Some(place) = place.first_chunk_mut::<N>() {
            *place = *first;
        }
        if let Some(place) = place.last_chunk_mut::<N>() {
            *place = *last;
        }
        true
    }
    // up to 64 are a date and a type together
    let few = if octets.len() < 16 {
        ends::<8>(place, octets) || ends::<4>(place, octets) || ends::<2>(place, octets) || ends::<1>(place, octets)
    } else if octets.len() <= 32 {
        ends::<16>(place, octets)
    } else {
        octets.len() <= 64 && ends::<32>(place, octets)
    };
    if !few {
        place.copy_from_slice(octets);
    }
}

/// SP or HTAB (RFC 9110 5.6.3).
pub(crate) const fn is_whitespace(octet: u8) -> bool {
    octet == b' ' || octet == b'\t'
}

/// Without optional whitespace at either end.
pub(crate) fn trim(octets: &[u8]) -> &[u8] {
    let mut octets = trim_start(octets);
    while let [rest @ .., last] = octets {
        if !is(*last, class::BLANK) {
            break;
        }
        octets = rest;
    }
    octets
}

/// Without SP and HTAB at either end, as a value is sent. Other octets there are left, and judged.
// inlined: -9 `ours-lazy classic`, with the others of this file
#[inline(always)]
pub(crate) fn trim_to_send(octets: &[u8]) -> &[u8] {
    #[cold]
    fn trimmed(mut octets: &[u8]) -> &[u8] {
        while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = octets {
            octets = rest;
        }
        octets
    }
    let blank = |b: Option<&u8>| b.is_some_and(|&b| b <= b' ' && is_whitespace(b));
    if blank(octets.first()) || blank(octets.last()) { trimmed(octets) } else { octets }
}

/// Without optional whitespace at the front.
#[inline]
pub(crate) fn trim_start(octets: &[u8]) -> &[u8] {
    skip_class(octets, class::BLANK)
}

/// The token at the start, after optional whitespace, and the octets after it. It may be empty.
#[inline]
pub(crate) fn token(octets: &[u8]) -> (&[u8], &[u8]) {
    let octets = trim_start(octets);
    octets.split_at(octets.len() - skip_class(octets, class::TOKEN).len())
}

/// The number that the first octets are as digits, and the octets after them. It is wrong where there are more than 19 digits; there
/// may be none.
#[inline]
pub(crate) fn leading_digits(octets: &[u8]) -> (u64, &[u8]) {
    let (mut number, mut rest) = (0u64, octets);
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        rest = after;
    }
    (number, rest)
}

/// `1*DIGIT` as a number (RFC 9110 8.6).
///
/// # Errors
///
/// It is not that, or it does not fit 64 bits (RFC 9110 17.5).
pub(crate) fn decimal(octets: &[u8]) -> Result<u64, NumberFault> {
    // up to 19 digits fit in any case
    let (few, more) = octets.split_at(octets.len().min(19));
    let mut number = 0u64;
    for &octet in few {
        let digit = octet.wrapping_sub(b'0');
        if digit > 9 {
            return Err(NumberFault::NotANumber);
        }
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    let mut fits = Some(number);
    for &octet in more {
        if !octet.is_ascii_digit() {
            return Err(NumberFault::NotANumber);
        }
        fits = fits.and_then(|n| n.checked_mul(10)).and_then(|n| n.checked_add(u64::from(octet - b'0')));
    }
    if octets.is_empty() { Err(NumberFault::NotANumber) } else { fits.ok_or(NumberFault::TooLarge) }
}

/// Why octets are not a number that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NumberFault {
    NotANumber,
    TooLarge,
}

/// The value of a `HEXDIG`.
// inlined: -9 `ours-lazy classic`, with the others of this file
#[inline(always)]
pub(crate) const fn hex_digit(octet: u8) -> Option<u8> {
    const DIGITS: [u8; 256] = {
        let (mut digits, mut digit) = ([0xff; 256], 0);
        while digit < 16 {
            digits[b"0123456789abcdef"[digit] as usize] = digit as u8;
            digits[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
            digit += 1;
        }
        digits
    };
    let digit = DIGITS[octet as usize];
    if digit < 16 { Some(digit) } else { None }
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
            let (piece, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            let piece = trim(piece);
            if !piece.is_empty() {
                return Some(piece);
            }
        }
        None
    })
}

/// Where the first `separator` is that is not in a quoted string, or the end.
pub(crate) fn separator_at(octets: &[u8], separator: u8) -> usize {
    let mut rest = octets.iter();
    while let Some(&octet) = rest.next() {
        if octet == separator {
            return octets.len() - rest.len() - 1;
        }
        if octet == b'"' {
            skip_quoted(&mut rest);
        }
    }
    octets.len()
}

/// `DQUOTE *( qdtext / quoted-pair ) DQUOTE` (RFC 9110 5.6.4).
pub(crate) fn is_quoted_string(octets: &[u8]) -> bool {
    let [b'"', inner @ .., b'"'] = octets else { return false };
    let mut rest = inner.iter();
    while let Some(&octet) = rest.next() {
        let octet = match octet {
            b'"' => return false,
            b'\\' => match rest.next() {
                Some(&escaped) => escaped,
                None => return false,
            },
            octet => octet,
        };
        if !is(octet, class::FIELD) {
            return false;
        }
    }
    true
}

/// Goes on to the octet after the closing quote, or to the end.
#[cold]
fn skip_quoted(rest: &mut core::slice::Iter<'_, u8>) {
    while let Some(&octet) = rest.next() {
        match octet {
            b'"' => return,
            b'\\' => drop(rest.next()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
