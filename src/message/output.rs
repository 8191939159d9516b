//! Where octets go that are to be sent: into room that there is, or onto the end of a buffer that grows.
//!
//! All of a call's octets are written, or none count: where they do not fit, the length that they need is told; a buffer that grows is as
//! long as before where there is an error, or a panic of the caller's fields. Nothing is written twice, and no octet is zeroed to be
//! written over.

use crate::error::SendError;
use crate::message::octets;
use crate::message::writer::Writer;

/// Where the calls that write put their octets.
///
/// | output | octets are written | [`SendError::OutputTooSmall`] |
/// | --- | --- | --- |
/// | `[u8]`, arrays, `Box<[u8]>` | to its front, over what was there | where they do not fit |
/// | `Vec<u8>` (feature `alloc`), `bytes::BytesMut` (feature `bytes`) | after what it holds | never: it grows |
///
/// Where an error is returned, nothing was appended; of octets in place, what stands there is not to be sent. A buffer that grows does as
/// its own `reserve` does where there is no memory.
///
/// It is sealed: what may be written before it is known that all fits, and what is taken back, stays between the crate and these types. Who
/// has another buffer gives its free room as a slice.
///
/// ```
/// use http_keepalive::*;
///
/// let now = Instant::from_secs(1);
/// let mut connection = Connection::<Server>::new(now, &Config::DEFAULT);
/// connection.receive(now, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")?;
/// connection.receive(now, b"")?;
/// # #[cfg(feature = "alloc")] {
/// let mut out = Vec::new();
/// connection.send_response(now, StatusCode::OK, NO_FIELDS, Content::Exact(2), &mut out)?;
/// connection.send_content(now, b"ok", &mut out)?;
/// assert_eq!(out, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Output: Based {}

/// What an output comes down to; sealed, since this module is private.
pub trait Based {
    type Base: Base + ?Sized;

    fn base(&mut self) -> &mut Self::Base;
}

/// One of the few outputs that there is code for.
pub trait Base {
    type Pieces<'o>: Pieces
    where
        Self: 'o;

    /// Begins to write.
    fn pieces(&mut self) -> Self::Pieces<'_>;

    /// How many octets there is room for.
    fn room(&self) -> usize;

    /// The octets that were written last, this number of them.
    fn written(&self, octets: usize) -> &[u8];

    /// They are not to be sent.
    fn take_back(&mut self, octets: usize);
}

/// Takes the octets of one call, piece by piece.
pub trait Pieces: Sized {
    fn put(&mut self, octets: &[u8]);

    /// A piece whose length is known when compiled.
    ///
    /// Twin of [`put`](Self::put).
    fn put_array<const N: usize>(&mut self, octets: &[u8; N]);

    /// `name: value CRLF`
    fn put_line(&mut self, name: &[u8], value: &[u8]);

    /// How many octets more there is room for.
    fn room(&self) -> usize;

    /// How many octets they were, if all fitted.
    fn finish(self) -> Result<usize, SendError>;

    /// Does what is rarely done with a copy of the writer that has an address, where that lets the writer itself stay in registers.
    fn out_of_registers(writer: &mut Writer<Self>, write: impl FnOnce(&mut Writer<Self>)) {
        write(writer);
    }
}

/// Room that there is. Writes while there is some, and goes on counting when there is none.
///
/// Each piece is compared with what remains of the room, and with nothing else, so that a piece costs a few instructions.
#[derive(Default)]
pub struct Fixed<'o> {
    /// Where the next piece goes; empty once a piece did not fit.
    rest: &'o mut [u8],
    /// How many octets there was room for at first.
    room: usize,
    /// How many octets all pieces have, once one did not fit; 0 before.
    needed: usize,
}

impl<'o> Fixed<'o> {
    /// The slot of the next piece, if it fits.
    // inlined: -9 `ours-lazy classic`, with `put` and `put_array`
    #[inline(always)]
    fn reserve(&mut self, octets: usize) -> Option<&'o mut [u8]> {
        if octets > self.rest.len() {
            self.overflow(octets);
            return None;
        }
        let (slot, rest) = core::mem::take(&mut self.rest).split_at_mut(octets);
        self.rest = rest;
        Some(slot)
    }

    /// There is no room for a piece, and so for none after it: from here on, pieces are counted.
    fn overflow(&mut self, octets: usize) {
        if self.needed == 0 {
            self.needed = self.room - self.rest.len();
            self.rest = &mut [];
        }
        self.needed += octets;
    }
}

impl Pieces for Fixed<'_> {
    // inlined: -9 `ours-lazy classic`, with `put_array` and `reserve`
    #[inline(always)]
    fn put(&mut self, octets: &[u8]) {
        if let Some(slot) = self.reserve(octets.len()) {
            octets::copy(slot, octets);
        }
    }

    // inlined: -9 `ours-lazy classic`, with `put` and `reserve`
    #[inline(always)]
    fn put_array<const N: usize>(&mut self, octets: &[u8; N]) {
        if let Some(slot) = self.reserve(N).and_then(|slot| slot.first_chunk_mut::<N>()) {
            *slot = *octets;
        }
    }

    // inlined: -48 `response-head`, with `Writer::put_checked`
    #[inline(always)]
    fn put_line(&mut self, name: &[u8], value: &[u8]) {
        if let Some(slot) = self.reserve(name.len() + value.len() + 4) {
            let (before, rest) = slot.split_at_mut(name.len());
            octets::copy(before, name);
            if let [colon, space, after @ .., cr, lf] = rest {
                octets::copy(after, value);
                [*colon, *space, *cr, *lf] = *b": \r\n";
            }
        }
    }

    #[inline(always)]
    fn room(&self) -> usize {
        self.rest.len()
    }

    // inlined: -10 `client-exchange`, with `Writer::end_head`
    #[inline(always)]
    fn finish(self) -> Result<usize, SendError> {
        if self.needed == 0 {
            Ok(self.room - self.rest.len())
        } else {
            Err(SendError::OutputTooSmall { needed: self.needed })
        }
    }

    fn out_of_registers(writer: &mut Writer<Self>, write: impl FnOnce(&mut Writer<Self>)) {
        let mut copy = core::mem::take(writer);
        write(&mut copy);
        *writer = copy;
    }
}

impl Base for [u8] {
    type Pieces<'o> = Fixed<'o>;

    #[inline(always)]
    fn pieces(&mut self) -> Fixed<'_> {
        Fixed { room: self.len(), rest: self, needed: 0 }
    }

    #[inline(always)]
    fn room(&self) -> usize {
        self.len()
    }

    fn written(&self, octets: usize) -> &[u8] {
        self.get(..octets).unwrap_or_default()
    }

    fn take_back(&mut self, _: usize) {}
}

impl Output for [u8] {}

impl Based for [u8] {
    type Base = Self;

    #[inline(always)]
    fn base(&mut self) -> &mut Self {
        self
    }
}

impl<const N: usize> Output for [u8; N] {}

impl<const N: usize> Based for [u8; N] {
    type Base = [u8];

    #[inline(always)]
    fn base(&mut self) -> &mut [u8] {
        self
    }
}

impl<O: Output + ?Sized> Output for &mut O {}

impl<O: Based + ?Sized> Based for &mut O {
    type Base = O::Base;

    #[inline(always)]
    fn base(&mut self) -> &mut O::Base {
        (**self).base()
    }
}

#[cfg(feature = "alloc")]
mod growing {
    use alloc::boxed::Box;
    use alloc::vec::Vec;

    use super::{Base, Based, Output, Pieces};
    use crate::error::SendError;

    /// A buffer that grows.
    pub trait Buffer {
        fn octets(&self) -> &[u8];
        fn append(&mut self, octets: &[u8]);
        fn make_room(&mut self, octets: usize);
        fn shorten(&mut self, to: usize);
    }

    /// Appends to a buffer. What was appended is taken back unless it was finished.
    pub struct Growing<'o, B: Buffer> {
        buffer: &'o mut B,
        /// How long it is without what is not finished.
        length: usize,
    }

    impl<B: Buffer> Pieces for Growing<'_, B> {
        #[inline]
        fn put(&mut self, octets: &[u8]) {
            self.buffer.append(octets);
        }

        #[inline]
        fn put_array<const N: usize>(&mut self, octets: &[u8; N]) {
            self.buffer.append(octets);
        }

        #[inline]
        fn put_line(&mut self, name: &[u8], value: &[u8]) {
            self.buffer.make_room(name.len() + value.len() + 4);
            self.buffer.append(name);
            self.buffer.append(b": ");
            self.buffer.append(value);
            self.buffer.append(b"\r\n");
        }

        #[inline]
        fn room(&self) -> usize {
            isize::MAX.unsigned_abs()
        }

        #[inline]
        fn finish(mut self) -> Result<usize, SendError> {
            let length = self.buffer.octets().len();
            Ok(length - core::mem::replace(&mut self.length, length))
        }
    }

    impl<B: Buffer> Drop for Growing<'_, B> {
        #[inline]
        fn drop(&mut self) {
            self.buffer.shorten(self.length);
        }
    }

    impl<B: Buffer> Base for B {
        type Pieces<'o>
            = Growing<'o, B>
        where
            Self: 'o;

        #[inline]
        fn pieces(&mut self) -> Growing<'_, B> {
            Growing { length: self.octets().len(), buffer: self }
        }

        #[inline]
        fn room(&self) -> usize {
            // no buffer is longer
            isize::MAX.unsigned_abs()
        }

        fn written(&self, octets: usize) -> &[u8] {
            let all = self.octets();
            all.get(all.len().saturating_sub(octets)..).unwrap_or_default()
        }

        fn take_back(&mut self, octets: usize) {
            self.shorten(self.octets().len().saturating_sub(octets));
        }
    }

    macro_rules! grows {
        ($buffer:ty) => {
            impl Buffer for $buffer {
                #[inline]
                fn octets(&self) -> &[u8] {
                    self
                }

                #[inline]
                fn append(&mut self, octets: &[u8]) {
                    self.extend_from_slice(octets);
                }

                #[inline]
                fn make_room(&mut self, octets: usize) {
                    self.reserve(octets);
                }

                #[inline]
                fn shorten(&mut self, to: usize) {
                    self.truncate(to);
                }
            }

            impl Output for $buffer {}

            impl Based for $buffer {
                type Base = Self;

                #[inline]
                fn base(&mut self) -> &mut Self {
                    self
                }
            }
        };
    }

    grows!(Vec<u8>);
    #[cfg(feature = "bytes")]
    grows!(bytes::BytesMut);

    impl Output for Box<[u8]> {}

    impl Based for Box<[u8]> {
        type Base = [u8];

        #[inline]
        fn base(&mut self) -> &mut [u8] {
            self
        }
    }
}
