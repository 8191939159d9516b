//! The chunked coding (RFC 9112 7.1), received and sent.
//!
//! Read first: RFC 9112 7.1, 7.1.1 (extensions).
//!
//! Receiving is strict where leniency has been a way to smuggle requests. Every line ends in CRLF. The CRLF after chunk data is verified
//! octet by octet. Sizes are `1*HEXDIG` and never wrap. Extensions follow their grammar, and are bounded in each chunk and in all chunks
//! together. Framing is bounded by the content that comes with it. Chunk lines may arrive in pieces of any length.

use crate::config::Limits;
use crate::error::ProtocolErrorKind::{self, *};
use crate::message::octets::{self, class, hex_digit};

/// How far a chunked body has been received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Chunked {
    /// Octets of chunk data to come; within a size, its value so far.
    remaining: u64,
    /// Octets of framing that may come before more content must come. Each octet of content adds to it.
    allowance: u64,
    /// Octets of extensions in all chunks so far.
    all_extensions: u32,
    /// Octets of extensions in this chunk so far.
    extension: u16,
    /// Digits of this size so far.
    size_digits: u8,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    /// In a chunk size.
    Size,
    /// SP or HTAB after a chunk size: of an extension, or let in by policy.
    SizeSpace,
    /// After `;`: an extension name is to come.
    NameStart,
    /// In an extension name.
    Name,
    /// Whitespace after an extension name.
    NameSpace,
    /// After `=`: a value is to come.
    ValueStart,
    /// In a value that is a token.
    Token,
    /// In a quoted string.
    Quoted,
    /// After `\` in a quoted string.
    Escaped,
    /// After a quoted string.
    ValueEnd,
    /// Whitespace after a value.
    ValueSpace,
    /// After the CR of a chunk line.
    LineCr,
    /// In chunk data.
    Data,
    /// After chunk data: CR is due.
    DataCr,
    /// LF is due.
    DataLf,
}

/// What the next octets of a chunked body are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Octets `from..to` are content.
    Content { from: usize, to: usize },
    /// This many octets were framing; more are needed.
    NeedMore { consumed: usize },
    /// The last chunk ended here; the trailer section follows.
    Last { consumed: usize },
}

impl Chunked {
    /// Nothing has been read. This many octets of framing may come before content; `None`: there is no limit of framing.
    pub(crate) const fn new(framing: Option<u32>) -> Self {
        let allowance = match framing {
            Some(octets) => octets as u64,
            None => UNLIMITED,
        };
        Self { remaining: 0, allowance, all_extensions: 0, extension: 0, size_digits: 0, state: State::Size }
    }

    /// Octets of this chunk's data to come.
    pub(crate) const fn in_chunk(&self) -> u64 {
        if matches!(self.state, State::Data) { self.remaining } else { 0 }
    }

    /// Takes `octets` of this chunk's data as received, without seeing them; at most [`in_chunk`](Self::in_chunk).
    pub(crate) fn skip(&mut self, octets: u64) {
        let earned = octets.saturating_mul(1 << FRAMING_SHIFT);
        self.allowance = self.allowance.saturating_add(earned).min(MAX_ALLOWANCE);
        self.take_data(octets);
    }

    fn take_data(&mut self, octets: u64) {
        self.remaining -= octets;
        if self.remaining == 0 {
            self.state = State::DataCr;
        }
    }

    /// Takes back that the last `octets` of the content were read: they will be read again.
    pub(crate) fn give_back(&mut self, octets: u64) {
        self.remaining += octets;
        self.allowance = self.allowance.saturating_sub(octets.saturating_mul(1 << FRAMING_SHIFT));
        self.state = State::Data;
    }

    /// Content after a size line without extensions that is in `buf` as a whole, or content within a chunk: the state after it, how many
    /// octets of framing stand before it, and the content. `None`, and nothing has changed: read with [`read`](Self::read).
    ///
    /// Twin of [`read`](Self::read).
    // inlined: -1366 `chunks-small`
    #[inline(always)]
    pub(crate) fn read_fast<'b>(&self, buf: &'b [u8]) -> Option<(Self, usize, &'b [u8])> {
        let (mut chunked, mut rest) = (*self, buf);
        if self.state != State::Data {
            if self.state == State::DataCr {
                rest = rest.strip_prefix(b"\r\n")?;
            } else if self.state != State::Size || self.size_digits > 0 {
                return None;
            }
            let line = rest;
            chunked.remaining = 0;
            while let Some((digit, after)) = rest.split_first().and_then(|(b, after)| Some((hex_digit(*b)?, after))) {
                chunked.remaining = chunked.remaining << 4 | u64::from(digit);
                rest = after;
            }
            let digits = line.len() - rest.len();
            rest = rest.strip_prefix(b"\r\n")?;
            // more digits may not fit
            if chunked.remaining == 0 || digits > 15 {
                return None;
            }
            (chunked.size_digits, chunked.extension, chunked.state) = (digits as u8, 0, State::Data);
        }
        let octets = rest.len().min(usize::try_from(chunked.remaining).unwrap_or(usize::MAX));
        if octets == 0 {
            return None;
        }
        let framing = buf.len() - rest.len();
        // where it is not enough, `read` says so
        let allowance = chunked.allowance.checked_sub(framing as u64)?;
        chunked.allowance = allowance.wrapping_add((octets as u64) << FRAMING_SHIFT);
        chunked.take_data(octets as u64);
        chunked.check();
        Some((chunked, framing, rest.get(..octets)?))
    }

    /// What always holds after a read, whatever it came to. Looked at in debug builds only.
    fn check(&self) {
        let is_in_data = self.state == State::Data;
        debug_assert!(!is_in_data || self.remaining > 0, "a chunk with no octet to come is over: {self:?}");
        let is_after_data = matches!(self.state, State::DataCr | State::DataLf);
        debug_assert!(
            !is_after_data || self.remaining == 0,
            "the CRLF after chunk data comes after all of it: {self:?}"
        );
        let has_size = !matches!(self.state, State::Size | State::DataCr | State::DataLf);
        debug_assert!(!has_size || self.size_digits > 0, "nothing of a chunk comes before its size: {self:?}");
        debug_assert!(self.size_digits <= MAX_SIZE_DIGITS + 1, "a size of more digits is an error: {self:?}");
        debug_assert!(self.allowance <= u64::MAX - (UNLIMITED >> 2), "no sum of the allowance wraps: {self:?}");
    }

    /// Reads framing up to the next content, or to the end of `buf`. `trims`: whitespace between a size and its CRLF is dropped.
    ///
    /// # Errors
    ///
    /// What is wrong, and at which octet of `buf`. Nothing is to be read after it.
    pub(crate) fn read(
        &mut self,
        limits: &Limits,
        trims: bool,
        buf: &[u8],
    ) -> Result<Piece, (ProtocolErrorKind, usize)> {
        let piece = self.read_octets(limits, trims, buf);
        self.check();
        piece
    }

    fn read_octets(&mut self, limits: &Limits, trims: bool, buf: &[u8]) -> Result<Piece, (ProtocolErrorKind, usize)> {
        let mut at = 0;
        while let Some(&octet) = buf.get(at) {
            if self.state == State::Data {
                let to = at + usize::try_from(self.remaining).unwrap_or(usize::MAX).min(buf.len() - at);
                self.skip((to - at) as u64);
                return Ok(Piece::Content { from: at, to });
            }
            self.allowance = self.allowance.checked_sub(1).ok_or((ChunkFramingTooLong, at))?;
            match self.state {
                State::DataCr => match buf.get(at..at + 2) {
                    Some(b"\r\n") if self.allowance > 0 => {
                        self.allowance -= 1;
                        self.begin_chunk();
                        at += 1;
                    }
                    _ if octet == b'\r' => self.state = State::DataLf,
                    _ => return Err((ChunkEnd, at)),
                },
                State::DataLf if octet == b'\n' => self.begin_chunk(),
                State::DataLf => return Err((ChunkEnd, at)),
                State::Size => match hex_digit(octet) {
                    Some(digit) => self.add_size_digit(digit).map_err(|kind| (kind, at))?,
                    None if self.size_digits == 0 => return Err((ChunkSize, at)),
                    None => self.after_size(octet).map_err(|kind| (kind, at))?,
                },
                State::LineCr if octet != b'\n' => return Err((ChunkSize, at)),
                State::LineCr => {
                    self.extension = 0;
                    if self.remaining == 0 {
                        return Ok(Piece::Last { consumed: at + 1 });
                    }
                    self.state = State::Data;
                }
                _ => self.add_extension_octet(limits, trims, octet).map_err(|kind| (kind, at))?,
            }
            at += 1;
        }
        Ok(Piece::NeedMore { consumed: at })
    }

    fn begin_chunk(&mut self) {
        self.state = State::Size;
        self.size_digits = 0;
        self.remaining = 0;
    }

    fn add_size_digit(&mut self, digit: u8) -> Result<(), ProtocolErrorKind> {
        // leading zeros are fine, but not any number of them
        self.size_digits = self.size_digits.checked_add(1).ok_or(ChunkSizeTooLarge)?;
        if self.remaining > u64::MAX >> 4 || self.size_digits > MAX_SIZE_DIGITS {
            return Err(ChunkSizeTooLarge);
        }
        self.remaining = self.remaining << 4 | u64::from(digit);
        Ok(())
    }

    fn after_size(&mut self, octet: u8) -> Result<(), ProtocolErrorKind> {
        self.state = match octet {
            b'\r' => State::LineCr,
            b';' => State::NameStart,
            b' ' | b'\t' => State::SizeSpace,
            _ => return Err(ChunkSize),
        };
        if self.state != State::LineCr {
            self.extension = 1;
            self.all_extensions = self.all_extensions.saturating_add(1);
        }
        Ok(())
    }

    /// `*( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )` (RFC 9112 7.1.1).
    #[inline(never)]
    fn add_extension_octet(&mut self, limits: &Limits, trims: bool, octet: u8) -> Result<(), ProtocolErrorKind> {
        use State::*;
        // all octets between the size and the line end count
        let counts = u16::from(octet != b'\r');
        self.extension = self.extension.saturating_add(counts);
        self.all_extensions = self.all_extensions.saturating_add(u32::from(counts));
        if self.extension > limits.chunk_extension || self.all_extensions > limits.chunk_extensions {
            return Err(ChunkExtensionsTooLong);
        }
        let token = octets::is(octet, class::TOKEN);
        let text = octets::is(octet, class::FIELD);
        self.state = match (self.state, octet) {
            (SizeSpace, b' ' | b'\t') => SizeSpace,
            (SizeSpace, b';') => NameStart,
            (SizeSpace, b'\r') if trims => LineCr,
            (SizeSpace, _) => return Err(ChunkSize),
            (NameStart, b' ' | b'\t') => NameStart,
            (NameStart | Name, _) if token => Name,
            (Name | NameSpace, b' ' | b'\t') => NameSpace,
            (Name | NameSpace, b'=') => ValueStart,
            (Name | Token | ValueEnd | NameSpace | ValueSpace, b';') => NameStart,
            (Name | Token | ValueEnd, b'\r') => LineCr,
            (ValueStart, b' ' | b'\t') => ValueStart,
            (ValueStart, b'"') => Quoted,
            (ValueStart | Token, _) if token => Token,
            (Token | ValueEnd | ValueSpace, b' ' | b'\t') => ValueSpace,
            (Quoted, b'"') => ValueEnd,
            (Quoted, b'\\') => Escaped,
            (Quoted | Escaped, _) if text => Quoted,
            _ => return Err(ChunkExtension),
        };
        Ok(())
    }
}

/// Each octet of content adds eight octets (1 << 3) to the framing that may come. Chunks of one octet have five.
const FRAMING_SHIFT: u32 = 3;

/// The allowance where there is no limit: more than any number of octets of framing.
const UNLIMITED: u64 = u64::MAX >> 1;

/// The allowance does not grow above this. Below it stands what 2^59 octets of content add to [`UNLIMITED`], and above it is room for as
/// many again. So no sum wraps, and [`read_fast`](Chunked::read_fast), which does not look at this bound, adds the same as
/// [`read`](Chunked::read).
const MAX_ALLOWANCE: u64 = UNLIMITED + (UNLIMITED >> 1);

/// Digits of a chunk size: 16 carry 64 bits, the rest may be leading zeros.
const MAX_SIZE_DIGITS: u8 = 32;

/// Octets of the longest size line that is sent: 16 digits and CRLF.
pub(crate) const MAX_SIZE_LINE: usize = 18;

/// The size line of a chunk of this many octets, and the length of the line: `1*HEXDIG CRLF`, no extension, no leading zero.
pub(crate) fn size_line(octets: u64) -> ([u8; MAX_SIZE_LINE], usize) {
    let mut line = [0; MAX_SIZE_LINE];
    let digits = (octets.checked_ilog2().unwrap_or(0) / 4 + 1) as usize;
    for (i, place) in line[..digits].iter_mut().enumerate() {
        let digit = (octets >> (4 * (digits - 1 - i))) as usize & 0xf;
        *place = b"0123456789abcdef"[digit];
    }
    line[digits..digits + 2].copy_from_slice(b"\r\n");
    (line, digits + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "the CRLF after chunk data comes after all of it")]
    fn a_state_that_can_not_be_is_noticed() {
        let mut chunked = Chunked { remaining: 1, state: State::DataCr, ..Chunked::new(None) };
        let _ = chunked.read(&Limits::DEFAULT, false, b"");
    }

    #[test]
    fn what_is_read_fast_is_what_is_read_octet_by_octet() {
        const PARTS: [&str; 9] = ["0", "2", "f", "A", "\r\n", "\r", "\n", ";", "xyz"];
        let at = |remaining, state| Chunked { remaining, state, size_digits: 1, ..Chunked::new(Some(8)) };
        let places = [Chunked::new(Some(8)), at(0, State::DataCr), at(2, State::Data), at(u64::MAX, State::Data)];
        let mut fast = 0;
        for number in 0..PARTS.len().pow(5) {
            let parts = (0..5).map(|place| PARTS[number / PARTS.len().pow(place) % PARTS.len()]);
            let mut buf: arrayvec::ArrayVec<u8, 15> = arrayvec::ArrayVec::new();
            parts.for_each(|part| buf.extend(part.bytes()));
            for place in places {
                let Some((after, from, content)) = place.read_fast(&buf) else { continue };
                let mut full = place;
                let piece = full.read(&Limits::DEFAULT, false, &buf);
                assert_eq!(piece, Ok(Piece::Content { from, to: from + content.len() }), "{buf:?}");
                assert_eq!((after, content), (full, &buf[from..][..content.len()]));
                fast += 1;
            }
        }
        assert!(fast > 1000);
        for line in [&b"10000000000000000\r\nx"[..], b"0000000000000002\r\nxy", b"2\r\n", b"0\r\n\r\n", b"2"] {
            assert!(Chunked::new(None).read_fast(line).is_none());
        }
    }
}
