//! Searches and comparisons by many octets at once (SWAR: SIMD within a register).
//!
//! The searches ask whether any of 8 or 16 octets is a stop, without a branch for each octet. A loop over a block of fixed size is compiled
//! to vector compares. The exact place is then found in a 64-bit word.

use super::{class, skip_class};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

const fn every(octet: u8) -> u64 {
    ONES * octet as u64
}

/// The first eight octets, the first in the lowest place; NUL after the end.
pub(crate) fn word(octets: &[u8]) -> u64 {
    match octets.first_chunk::<8>() {
        Some(word) => u64::from_le_bytes(*word),
        None => short_word(octets),
    }
}

/// The same of fewer than eight.
#[inline(never)]
fn short_word(octets: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (octets.first_chunk::<4>(), octets.last_chunk::<4>()) {
        let [first, last] = [first, last].map(|half| u64::from(u32::from_le_bytes(*half)));
        return first | last << ((octets.len() * 8).wrapping_sub(32) & 63);
    }
    match *octets {
        [] => 0,
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_le_bytes([a, b])),
        [a, b, c, ..] => u64::from(u32::from_le_bytes([a, b, c, 0])),
    }
}

/// High bit set in each octet of `word` that is neither a letter nor `-`.
pub(crate) const fn not_name(word: u64) -> u64 {
    let lower = word | every(0x20);
    let seven = lower & !HIGH;
    let from_a = seven.wrapping_add(every(0x80 - b'a'));
    let past_z = seven.wrapping_add(every(0x80 - b'z' - 1));
    let dash = word ^ every(b'-');
    let other_than_dash = (dash & !HIGH).wrapping_add(every(0x7f)) | dash;
    ((!from_a | past_z | word) & other_than_dash) & HIGH
}

/// High bit set in each octet of `word` that is neither a letter, a digit nor `-`.
const fn not_name_or_digit(word: u64) -> u64 {
    let seven = word & !HIGH;
    let from_0 = seven.wrapping_add(every(0x80 - b'0'));
    let past_9 = seven.wrapping_add(every(0x80 - b'9' - 1));
    not_name(word) & (!from_0 | past_9 | word)
}

/// High bit set in the first octet of `word` that is 0; higher bits may be set falsely after it.
const fn zero(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH
}

/// High bit set in the first octet of `word` below SP or DEL; higher bits may be set falsely after it.
pub(crate) const fn control(word: u64) -> u64 {
    let below = word.wrapping_sub(every(0x20)) & !word;
    let delete = word ^ every(0x7f);
    let delete = delete.wrapping_sub(ONES) & !delete;
    (below | delete) & HIGH
}

/// High bit set in the first octet of `word` that a request target may not hold; higher bits may be false.
pub(crate) const fn not_target(word: u64) -> u64 {
    let below = word.wrapping_sub(every(0x21)) & !word;
    let hash = word ^ every(b'#');
    let hash = hash.wrapping_sub(ONES) & !hash;
    let delete = word ^ every(0x7f);
    let delete = delete.wrapping_sub(ONES) & !delete;
    (below | hash | delete | word) & HIGH
}

/// Which of the eight octets holds the first set bit.
pub(crate) const fn first(mask: u64) -> usize {
    (mask.trailing_zeros() / 8) as usize
}

/// Which of sixteen octets is the first that is marked: 0xff is a mark, 0 is none.
///
/// `black_box` makes the marks a value in memory. Without it LLVM 22 (Rust 1.95) splits the vector compare into sixteen scalar ones:
/// 2027 instructions more in `ours classic`.
// inlined: -37 `pieces classic`, with `marks`
#[inline(always)]
fn first_marked(marks: [u8; 16]) -> Option<usize> {
    let marks = core::hint::black_box(marks);
    let [low, high] = [&marks[..8], &marks[8..]].map(word);
    if low != 0 {
        return Some(first(low));
    }
    if high != 0 { Some(8 + first(high)) } else { None }
}

/// The marks that `mark` gives to the octets of a block.
// inlined: -37 `pieces classic`, with `first_marked`
#[inline(always)]
fn marks(block: &[u8; 16], mark: impl Fn(u8) -> u8) -> [u8; 16] {
    let mut marks = [0; 16];
    for (place, &octet) in marks.iter_mut().zip(block) {
        *place = mark(octet);
    }
    marks
}

const fn mark(marked: bool) -> u8 {
    if marked { 0xff } else { 0 }
}

/// The octets from the first control octet (HTAB is one); none if there is none.
///
/// Twin of a search for the first octet that is not in [`class::FIELD`], or is HTAB.
// inlined: -114 `ours classic`
#[inline(always)]
pub(crate) fn skip_to_control(octets: &[u8]) -> &[u8] {
    skip_until(octets, |b| (b < 0x20) | (b == 0x7f), control)
}

/// The octets from the first `stop`; none if there is none.
///
/// Twin of [`memchr`](memchr::memchr), whose call costs more than it saves where little is skipped.
#[inline(always)]
pub(crate) fn skip_to(octets: &[u8], stop: u8) -> &[u8] {
    skip_until(octets, |b| b == stop, |word| zero(word ^ every(stop)))
}

/// The octets from the first that `stops`; none if there is none. `in_word` has the high bit set in the first such octet of a word, and none
/// where there is none; higher bits may be set falsely after it.
// inlined: -114 `ours classic`
#[inline(always)]
fn skip_until(octets: &[u8], stops: impl Fn(u8) -> bool, in_word: impl Fn(u64) -> u64) -> &[u8] {
    let mut rest = octets;
    while let Some((block, after)) = rest.split_first_chunk::<16>() {
        // whether there is one is cheaper to know than where
        let marks = marks(block, |b| mark(stops(b)));
        if marks.iter().fold(0, |any, mark| any | mark) != 0 {
            if let Some(at) = first_marked(marks) {
                return &rest[at..];
            }
        }
        rest = after;
    }
    if let Some((word, after)) = rest.split_first_chunk::<8>() {
        let found = in_word(u64::from_le_bytes(*word));
        if found != 0 {
            return &rest[(first(found) & 7)..];
        }
        rest = after;
    }
    while let [octet, after @ ..] = rest {
        if stops(*octet) {
            break;
        }
        rest = after;
    }
    rest
}

/// The octets from the first one that a request target may not have; none if there is none.
///
/// Twin of a search for the first octet that is not in [`class::TARGET`].
// inlined: -12 `ours tiny`
#[inline(always)]
pub(crate) fn skip_target(octets: &[u8]) -> &[u8] {
    let mut rest = octets;
    while let Some((block, after)) = rest.split_first_chunk::<16>() {
        if let Some(at) = first_marked(marks(block, |b| mark(b.wrapping_sub(0x21) > 0x7e - 0x21) | mark(b == b'#'))) {
            return &rest[at..];
        }
        rest = after;
    }
    loop {
        let stops = not_target(word(rest));
        if stops != 0 {
            return rest.get(first(stops)..).unwrap_or_default();
        }
        rest = rest.get(8..).unwrap_or_default();
    }
}

/// A mark where `octet` is neither a letter, a digit nor `-`.
// inlined: -96 `ours classic`, with `skip_name`
#[inline(always)]
const fn not_of_name(octet: u8) -> u8 {
    let letter = (octet | 0x20).wrapping_add(0x7f - b'z') as i8 > 0x7f - 26;
    let digit = (octet ^ b'0') < 10;
    !(mark(letter) | mark(digit) | mark(octet == b'-'))
}

/// The octets from the first one that is neither a letter, a digit nor `-`. `None` where there is none, or where it is among the last
/// octets, fewer than 8, which are not looked at.
///
/// Twin of a search for the first octet that is neither a letter, a digit nor `-`.
// inlined: -96 `ours classic`
#[inline(always)]
pub(crate) fn skip_name(octets: &[u8]) -> Option<&[u8]> {
    let mut rest = octets;
    while let Some((block, after)) = rest.split_first_chunk::<16>() {
        if let Some(at) = first_marked(marks(block, not_of_name)) {
            return Some(&rest[at..]);
        }
        rest = after;
    }
    loop {
        let (word, after) = rest.split_first_chunk::<8>()?;
        let stops = not_name_or_digit(u64::from_le_bytes(*word));
        if stops != 0 {
            return Some(&rest[(first(stops) & 7)..]);
        }
        rest = after;
    }
}

/// A word known when compiled, compared without case in two loads, or three where it is longer than 16 octets.
///
/// Only letters are folded. To fold `-` as well would make CR (0x0D) equal to it (0x2D).
///
/// [`is`](Self::is) is the twin of [`eq_ignore_ascii_case`](slice::eq_ignore_ascii_case).
pub(crate) struct Known {
    octets: usize,
    first: Folded,
    middle: Folded,
    last: Folded,
}

/// Up to eight octets as a number, and the bits by which their cases differ.
#[derive(Clone, Copy)]
struct Folded {
    lower: u64,
    case: u64,
}

impl Folded {
    const fn of(word: &[u8], from: usize, octets: usize) -> Self {
        let mut folded = Self { lower: 0, case: 0 };
        let mut index = octets;
        while index > 0 {
            index -= 1;
            let octet = word[from + index];
            assert!(!octet.is_ascii_uppercase());
            folded.lower = folded.lower << 8 | octet as u64;
            folded.case = folded.case << 8 | if octet.is_ascii_lowercase() { 0x20 } else { 0 };
        }
        folded
    }

    fn is(self, octets: &[u8; 8]) -> bool {
        u64::from_le_bytes(*octets) | self.case == self.lower
    }

    fn is_half(self, octets: &[u8; 4]) -> bool {
        u64::from(u32::from_le_bytes(*octets)) | self.case == self.lower
    }
}

impl Known {
    /// `word` in lower case, of 4 to 24 octets.
    pub(crate) const fn new(word: &[u8]) -> Self {
        let octets = word.len();
        assert!(octets >= 4 && octets <= 24, "two loads or three cover it");
        let load = if octets < 8 { 4 } else { 8 };
        Self {
            octets,
            first: Folded::of(word, 0, load),
            middle: Folded::of(word, 8, if octets > 16 { 8 } else { 0 }),
            last: Folded::of(word, octets - load, load),
        }
    }

    /// Are `octets` this word?
    pub(crate) fn is(&self, octets: &[u8]) -> bool {
        if octets.len() != self.octets {
            return false;
        }
        if self.octets < 8 {
            let (Some(first), Some(last)) = (octets.first_chunk(), octets.last_chunk()) else { return false };
            return self.first.is_half(first) && self.last.is_half(last);
        }
        let (Some(first), Some(last)) = (octets.first_chunk(), octets.last_chunk()) else { return false };
        let middle = self.octets <= 16 || octets[8..].first_chunk().is_some_and(|middle| self.middle.is(middle));
        self.first.is(first) && self.last.is(last) && middle
    }
}

/// The octets from the first one that is not in most host names (letters, digits, `.` and `-`); none if there is none. Among the last octets,
/// fewer than 16, it is the first one that is not in [`class::NAME`].
///
/// Twin of a search for the first octet that is neither a letter, a digit, `-` nor `.`.
// inlined: -17 `octets classic`, with `not_host_name`
#[inline(always)]
pub(crate) fn skip_host_name(octets: &[u8]) -> &[u8] {
    let mut rest = octets;
    while let Some((block, after)) = rest.split_first_chunk::<16>() {
        if let Some(at) = first_marked(marks(block, not_host_name)) {
            return &rest[at..];
        }
        rest = after;
    }
    skip_class(rest, class::NAME)
}

/// A mark where `octet` is neither letter nor digit nor `.` nor `-`.
// inlined: -17 `octets classic`, with `skip_host_name`
#[inline(always)]
const fn not_host_name(octet: u8) -> u8 {
    mark((octet | 0x20).wrapping_sub(b'a') >= 26) & (mark(octet.wrapping_sub(b'-') >= 13) | mark(octet == b'/'))
}

#[cfg(test)]
mod tests {
    use super::super::is;
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
                let name = name || b.is_ascii_digit();
                assert_eq!(not_name_or_digit(word), if name { 0 } else { 0x80 << (8 * place) }, "{b:#x}");
                assert_eq!(not_of_name(b), mark(!name), "{b:#x}");
                let stop = b < 0x20 || b == 0x7f;
                assert_eq!(control(word) != 0, stop, "{b:#x}");
                assert!(!stop || first(control(word)) == place);
                let stop = !is(b, class::TARGET);
                assert_eq!(not_target(word) != 0, stop, "{b:#x}");
                assert!(!stop || first(not_target(word)) == place);
                let other = not_host_name(b) != 0;
                assert_eq!(!other, b.is_ascii_alphanumeric() || b == b'.' || b == b'-', "{b:#x}");
                assert!(other || is(b, class::NAME));
            }
        }
    }

    #[test]
    fn searches_stop_at_the_first_octet_that_fits_or_at_the_end() {
        for len in 0..80 {
            let mut buf = [b'a'; 80];
            assert_eq!(skip_to_control(&buf[..len]).len(), 0);
            assert_eq!(skip_target(&buf[..len]).len(), 0);
            assert_eq!(skip_host_name(&buf[..len]).len(), 0);
            for stop in 0..len {
                buf[stop] = b'\r';
                assert_eq!(skip_to_control(&buf[..len]).len(), len - stop);
                assert_eq!(skip_target(&buf[..len]).len(), len - stop);
                assert_eq!(skip_host_name(&buf[..len]).len(), len - stop);
                let last = len - stop < 8 - stop % 8;
                assert_eq!(skip_name(&buf[..len]).map(<[u8]>::len), if last { None } else { Some(len - stop) });
                buf[stop] = b'a';
            }
        }
    }

    #[test]
    fn known_words_match_in_any_case_and_nothing_else_does() {
        const KEEP_ALIVE: Known = Known::new(b"keep-alive");
        const CLOSE: Known = Known::new(b"close");
        assert!(KEEP_ALIVE.is(b"Keep-Alive") && KEEP_ALIVE.is(b"keep-alive") && CLOSE.is(b"CLOSE"));
        for word in [&b"keep-aliv"[..], b"keep\ralive", b"keep-alives", b"closE "] {
            assert!(!KEEP_ALIVE.is(word) && !CLOSE.is(word));
        }
        let word = *b"Keep-Alive";
        for place in 0..word.len() {
            for octet in 0..=255 {
                let mut other = word;
                other[place] = octet;
                assert_eq!(KEEP_ALIVE.is(&other), other.eq_ignore_ascii_case(&word));
            }
        }
    }
}
