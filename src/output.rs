//! Heads, chunk lines and trailer sections into `&mut [u8]`: all of it, or nothing with the length that is needed.
//!
//! Read first: RFC 9112 3, 4, 5, 7.1; RFC 9110 2.2, 5.5 (no CR, LF, NUL gets through). What the machine owns (`Connection`,
//! `Keep-Alive`, `Content-Length`, `Transfer-Encoding`) it writes; a caller's own is a [`Misuse`].

use crate::announce::{ConnectionOptions, FramingField, Plan};
use crate::error::{Misuse, SendError};
use crate::facts::Offers;
use crate::keep_alive::KeepAlive;
use crate::octets::{self, class};
use crate::status::StatusCode;

/// One field line to send: any pair of octet strings, or a reference to one.
pub trait SendField {
    /// Its name.
    fn name(&self) -> &[u8];
    /// Its value.
    fn value(&self) -> &[u8];
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> SendField for (N, V) {
    fn name(&self) -> &[u8] {
        self.0.as_ref()
    }

    fn value(&self) -> &[u8] {
        self.1.as_ref()
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> SendField for &(N, V) {
    fn name(&self) -> &[u8] {
        self.0.as_ref()
    }

    fn value(&self) -> &[u8] {
        self.1.as_ref()
    }
}

impl SendField for crate::FieldLine<'_> {
    fn name(&self) -> &[u8] {
        self.name
    }

    fn value(&self) -> &[u8] {
        self.value.as_received()
    }
}

/// Field lines to send, in order: arrays, slices, iterators of [`SendField`].
pub trait Fields {
    /// Calls `visit` with name and value of each.
    fn visit(self, visit: impl FnMut(&[u8], &[u8]) -> Result<(), Misuse>) -> Result<(), Misuse>;
}

impl<I: IntoIterator<Item = F>, F: SendField> Fields for I {
    #[inline(always)]
    fn visit(self, mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), Misuse>) -> Result<(), Misuse> {
        self.into_iter().try_for_each(|field| visit(field.name(), field.value()))
    }
}

/// No field lines.
pub const NO_FIELDS: [(&str, &str); 0] = [];

/// Writes while there is room, and counts on when there is none.
pub(crate) struct Writer<'o> {
    out: &'o mut [u8],
    at: usize,
}

impl<'o> Writer<'o> {
    pub(crate) fn new(out: &'o mut [u8]) -> Self {
        Self { out, at: 0 }
    }

    #[inline(always)]
    pub(crate) fn put(&mut self, octets: &[u8]) {
        let end = self.at + octets.len();
        if let Some(place) = self.out.get_mut(self.at..end) {
            place.copy_from_slice(octets);
        }
        self.at = end;
    }

    /// A piece whose length is known when compiled: a few moves, and no call.
    #[inline(always)]
    fn put_all<const N: usize>(&mut self, octets: &[u8; N]) {
        if let Some(place) = self.out.get_mut(self.at..).and_then(|rest| rest.first_chunk_mut::<N>()) {
            *place = *octets;
        }
        self.at += N;
    }

    /// `DIGIT`s without leading zeros.
    fn decimal(&mut self, mut number: u64) {
        if number < 100 {
            let (tens, ones) = (b'0' + (number / 10) as u8, b'0' + (number % 10) as u8);
            return if number < 10 { self.put_all(&[ones]) } else { self.put_all(&[tens, ones]) };
        }
        let mut digits = [0; 20];
        let mut from = digits.len();
        loop {
            from -= 1;
            digits[from] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.put(&digits[from..]);
    }

    /// How much was written, if all of it was.
    pub(crate) fn finish(self) -> Result<usize, SendError> {
        if self.at <= self.out.len() { Ok(self.at) } else { Err(SendError::OutputTooSmall { needed: self.at }) }
    }

    #[inline(always)]
    pub(crate) fn status_line(&mut self, status: StatusCode) {
        if status == StatusCode::OK {
            return self.put_all(b"HTTP/1.1 200 OK\r\n");
        }
        let [x, y, z] = status.digits();
        self.put_all(&[b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1', b' ', x, y, z, b' ']);
        self.put(status.reason_phrase().as_bytes());
        self.put_all(b"\r\n");
    }

    #[inline(always)]
    fn field(&mut self, name: &[u8], value: &[u8]) {
        let end = self.at + name.len() + value.len() + 4;
        if let Some(place) = self.out.get_mut(self.at..end) {
            let (before, rest) = place.split_at_mut(name.len());
            before.copy_from_slice(name);
            if let [colon, space, behind @ .., cr, lf] = rest {
                behind.copy_from_slice(value);
                [*colon, *space, *cr, *lf] = *b": \r\n";
            }
        }
        self.at = end;
    }

    /// The caller's fields. What they say of `Upgrade` is returned.
    #[inline(always)]
    pub(crate) fn fields(&mut self, fields: impl Fields, offers: Option<&Offers>) -> Result<bool, Misuse> {
        let mut upgrades = false;
        fields.visit(|name, value| {
            check_field(name, value)?;
            if name.len() == 7 && name.eq_ignore_ascii_case(b"upgrade") {
                for protocol in octets::members(value) {
                    upgrades = true;
                    if offers.is_some_and(|offers| !offers.contains(protocol)) {
                        return Err(Misuse::UpgradeNotOffered);
                    }
                }
            }
            self.field(name, value);
            Ok(())
        })?;
        Ok(upgrades)
    }

    /// What the machine has to say, and the empty line.
    #[inline(always)]
    pub(crate) fn announce(&mut self, plan: &Plan, hint: Option<KeepAlive>, upgrades: bool) {
        match plan.framing {
            FramingField::None => {}
            FramingField::ContentLength(octets) => {
                self.put_all(b"Content-Length: ");
                self.decimal(octets);
                self.put_all(b"\r\n");
            }
            FramingField::Chunked => self.put(b"Transfer-Encoding: chunked\r\n"),
        }
        let options = ConnectionOptions { upgrade: upgrades, ..plan.options };
        if options != ConnectionOptions::default() {
            self.connection(options, hint);
        }
        self.put_all(b"\r\n");
    }

    #[inline(never)]
    fn connection(&mut self, options: ConnectionOptions, hint: Option<KeepAlive>) {
        self.put(b"Connection: ");
        let named = [(options.close, "close"), (options.keep_alive, "keep-alive"), (options.upgrade, "upgrade")];
        let mut separator = "";
        for (_, option) in named.into_iter().filter(|(sent, _)| *sent) {
            self.put(separator.as_bytes());
            self.put(option.as_bytes());
            separator = ", ";
        }
        self.put(b"\r\n");
        if let Some(hint) = hint {
            self.put(b"Keep-Alive: ");
            if let Some(timeout) = hint.timeout {
                self.put(b"timeout=");
                self.decimal(timeout.into());
            }
            if let Some(max) = hint.max {
                self.put(if hint.timeout.is_some() { b", max=" } else { b"max=" });
                self.decimal(max.into());
            }
            self.put(b"\r\n");
        }
    }

    /// `0 CRLF`, the trailers, the empty line.
    pub(crate) fn last_chunk(&mut self, trailers: impl Fields) -> Result<(), Misuse> {
        self.put(b"0\r\n");
        trailers.visit(|name, value| {
            if never_a_trailer(name) {
                return Err(Misuse::TrailerField);
            }
            check_field(name, value)?;
            self.field(name, value);
            Ok(())
        })?;
        self.put(b"\r\n");
        Ok(())
    }
}

/// Within the grammar, and not the machine's own.
#[inline(always)]
fn check_field(name: &[u8], value: &[u8]) -> Result<(), Misuse> {
    if !octets::is_token(name) {
        return Err(Misuse::FieldName);
    }
    let blank = |b: Option<&u8>| b.is_some_and(|&b| octets::is_whitespace(b));
    if !octets::all(value, class::FIELD) || blank(value.first()) || blank(value.last()) {
        return Err(Misuse::FieldValue);
    }
    if matches!(name.len(), 10 | 14 | 16 | 17) && is_owned(name) { Err(Misuse::OwnedField) } else { Ok(()) }
}

fn is_owned(name: &[u8]) -> bool {
    ["connection", "keep-alive", "content-length", "proxy-connection", "transfer-encoding"]
        .iter()
        .any(|owned| name.eq_ignore_ascii_case(owned.as_bytes()))
}

/// Fields for framing, routing and persistence, and those that say how content is to be decoded, have no effect in a
/// trailer section and may not stand there (RFC 9110 6.5.1).
pub(crate) fn never_a_trailer(name: &[u8]) -> bool {
    const NEVER: [&str; 11] = [
        "connection",
        "content-encoding",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    NEVER.iter().any(|never| name.eq_ignore_ascii_case(never.as_bytes()))
}
