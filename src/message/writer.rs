//! Writes heads, chunk lines and trailer sections into an [`Output`](crate::Output): the whole, or nothing but the length that is needed.
//!
//! Read first: RFC 9112 3, 4, 5, 7.1; RFC 9110 2.2, 5.5 (no CR, LF, NUL gets through). `Connection`, `Keep-Alive`, `Content-Length` and
//! `Transfer-Encoding` are written by the machine; a line of these from the caller is a [`Misuse`].

use crate::error::{Misuse, SendError};
use crate::message::announcement::{Announce, ConnectionOptions, FramingField};
use crate::message::connection_facts::ConnectionFacts;
use crate::message::fact_set::Fact;
use crate::message::fields_to_send::{CheckedFields, Fields, Grammar, Line, check_line, split_lines};
use crate::message::keep_alive::KeepAlive;
use crate::message::known_fields::never_a_trailer;
use crate::message::method::MethodKind;
use crate::message::octets;
use crate::message::output::{Base, Pieces};
use crate::message::request::Request;
use crate::message::response::Response;
use crate::message::upgrade::{self, Offers};
use crate::status::StatusCode;

/// Writes what heads are made of, whatever takes the pieces.
#[derive(Default)]
pub struct Writer<P> {
    to: P,
}

impl<P: Pieces> Writer<P> {
    #[inline(always)]
    pub(crate) fn new<'o, B: Base<Pieces<'o> = P> + ?Sized>(out: &'o mut B) -> Self {
        Self { to: out.pieces() }
    }

    // inlined: -9 `ours-lazy classic`, with `put_array`
    #[inline(always)]
    pub(crate) fn put(&mut self, octets: &[u8]) {
        self.to.put(octets);
    }

    // inlined: -9 `ours-lazy classic`, with `put`
    #[inline(always)]
    fn put_array<const N: usize>(&mut self, octets: &[u8; N]) {
        self.to.put_array(octets);
    }

    /// Writes as much of this as there is room for, and says how much.
    #[inline(always)]
    pub(crate) fn put_what_fits(&mut self, octets: &[u8]) -> usize {
        let fits = octets.get(..self.to.room()).unwrap_or(octets);
        self.put(fits);
        fits.len()
    }

    /// How many octets were written, if all pieces fitted.
    ///
    /// # Errors
    ///
    /// They did not: [`SendError::OutputTooSmall`] with what they need.
    // inlined: -10 `client-exchange`, with `end_head`
    #[inline(always)]
    pub(crate) fn finish(self) -> Result<usize, SendError> {
        self.to.finish()
    }

    /// `DIGIT`s without leading zeros.
    // inlined: -15 `response-head`
    #[inline(always)]
    fn put_decimal(&mut self, mut number: u64) {
        if number < 100 {
            let (tens, ones) = (b'0' + (number / 10) as u8, b'0' + (number % 10) as u8);
            return if number < 10 { self.put_array(&[ones]) } else { self.put_array(&[tens, ones]) };
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

    pub(crate) fn status_line(&mut self, status: StatusCode) {
        if status == StatusCode::OK {
            return self.put_array(b"HTTP/1.1 200 OK\r\n");
        }
        let [x, y, z] = status.digits();
        self.put_array(&[b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1', b' ', x, y, z, b' ']);
        self.put(status.reason_phrase().as_bytes());
        self.put_array(b"\r\n");
    }

    /// The status line of a response, as its caller wants it.
    #[inline(always)]
    pub(crate) fn response_line(&mut self, response: &Response<'_>) {
        if response.reason.is_none() && !response.is_http10() {
            return self.status_line(response.status);
        }
        self.own_response_line(response);
    }

    #[cold]
    #[inline(never)]
    fn own_response_line(&mut self, response: &Response<'_>) {
        self.put(if response.is_http10() { b"HTTP/1.0 " } else { b"HTTP/1.1 " });
        self.put(&response.status.digits());
        self.put(b" ");
        self.put(response.reason.unwrap_or(response.status.reason_phrase().as_bytes()));
        self.put(b"\r\n");
    }

    /// Writes `name: value CRLF`, and says whether that may be sent. The value has no whitespace at its ends.
    // inlined: -48 `response-head`, with `put_checked`
    #[inline(always)]
    fn put_field(&mut self, name: &[u8], value: &[u8], grammar: Grammar) -> Result<Line, Misuse> {
        self.to.put_line(name, value);
        check_line(name, value, grammar)
    }

    /// Writes lines that have been checked.
    ///
    /// Twin of [`put_field`](Self::put_field), called line by line.
    // inlined: -48 `response-head`, with `put_field`
    #[inline(always)]
    fn put_checked(&mut self, checked: &CheckedFields<'_>) {
        if checked.has_padding {
            P::out_of_registers(self, |writer| writer.put_trimmed(checked.lines));
        } else {
            self.put(checked.lines);
        }
    }

    #[cold]
    fn put_trimmed(&mut self, checked: &[u8]) {
        for (name, value) in split_lines(checked) {
            [name, b": ", octets::trim_to_send(value), b"\r\n"].iter().for_each(|piece| self.put(piece));
        }
    }

    /// Writes the fields of the caller. Returns whether there is an `Upgrade` among them. `offers`: the protocols that it may name, where
    /// the response switches to one of them.
    // inlined: -83 `response-head`, with `framing_field` and `announce`
    #[inline(always)]
    pub(crate) fn fields(&mut self, fields: impl Fields, offers: Option<&Offers>) -> Result<bool, Misuse> {
        let mut upgrades = false;
        let checked = fields.checked();
        self.put_checked(&checked);
        if checked.facts.has(Fact::UpgradeLine) {
            upgrades = true;
            checked_upgrade(checked.lines, offers)?;
        }
        let grammar = fields.grammar();
        fields.visit(|name, value| {
            let value = octets::trim_to_send(value);
            if self.put_field(name, value, grammar)? == Line::Upgrade {
                upgrades = true;
                check_offered(value, offers)?;
            }
            Ok(())
        })?;
        Ok(upgrades)
    }

    // inlined: -83 `response-head`, with `fields` and `announce`
    #[inline(always)]
    fn framing_field(&mut self, field: FramingField) {
        match field {
            FramingField::None => {}
            FramingField::ContentLength(octets) => {
                self.put_array(b"Content-Length: ");
                self.put_decimal(octets);
                self.put_array(b"\r\n");
            }
            FramingField::Chunked => self.put(b"Transfer-Encoding: chunked\r\n"),
        }
    }

    /// Writes the fields of the machine. `bare`: the number of a `Keep-Alive` that is a number alone.
    // inlined: -83 `response-head`, with `fields` and `framing_field`
    #[inline(always)]
    pub(crate) fn announce(
        &mut self,
        framing: FramingField,
        options: ConnectionOptions,
        hint: Option<KeepAlive>,
        bare: Option<u32>,
    ) {
        self.framing_field(framing);
        if options != ConnectionOptions::default() {
            P::out_of_registers(self, |writer| writer.connection_fields(options, hint, bare));
        }
    }

    /// The same, and the empty line: together where nothing stands between them.
    #[inline(always)]
    pub(crate) fn announce_to_end(
        &mut self,
        framing: FramingField,
        options: ConnectionOptions,
        hint: Option<KeepAlive>,
        bare: Option<u32>,
    ) {
        if options != ConnectionOptions::default() {
            self.framing_field(framing);
            P::out_of_registers(self, |writer| writer.connection_fields(options, hint, bare));
            return self.end_head();
        }
        match framing {
            FramingField::ContentLength(octets @ 0..10) => {
                let mut line = *b"Content-Length: 0\r\n\r\n";
                line[16] += octets as u8;
                self.put_array(&line);
            }
            FramingField::ContentLength(octets @ 10..100) => {
                let mut line = *b"Content-Length: 00\r\n\r\n";
                line[16] += (octets / 10) as u8;
                line[17] += (octets % 10) as u8;
                self.put_array(&line);
            }
            _ => {
                self.framing_field(framing);
                self.end_head();
            }
        }
    }

    /// `method SP request-target SP HTTP-version CRLF`
    // inlined: -24 `client-exchange`, with `request_fields`
    #[inline(always)]
    pub(crate) fn request_line(&mut self, request: &Request<'_>) {
        if request.kind() == MethodKind::Get {
            self.put_array(b"GET ");
        } else {
            self.put(request.method().as_bytes());
            self.put_array(b" ");
        }
        self.put(request.target);
        self.put_array(if request.version.is_http11() { b" HTTP/1.1\r\n" } else { b" HTTP/1.0\r\n" });
    }

    /// Writes the fields of the caller in a request, and returns the facts of its head.
    // inlined: -24 `client-exchange`, with `request_line`
    #[inline(always)]
    pub(crate) fn request_fields(
        &mut self,
        request: &Request<'_>,
        fields: impl Fields,
    ) -> Result<ConnectionFacts, Misuse> {
        let checked = fields.checked();
        self.put_checked(&checked);
        let mut facts = request.facts(&checked);
        let grammar = fields.grammar();
        fields.visit(|name, value| {
            let value = octets::trim_to_send(value);
            self.put_field(name, value, grammar)?;
            facts.field_line(name, value);
            Ok(())
        })?;
        Ok(facts)
    }

    /// The empty line.
    // inlined: -10 `client-exchange`, with `finish`
    #[inline(always)]
    pub(crate) fn end_head(&mut self) {
        self.put_array(b"\r\n");
    }

    /// Writes the fields of the machine in a request, and the empty line.
    #[inline(never)]
    pub(crate) fn announce_request(mut self, announce: &Announce) -> Self {
        self.announce_to_end(announce.framing, announce.options, announce.keep_alive, announce.bare_keep_alive);
        self
    }

    #[inline(never)]
    fn connection_fields(&mut self, options: ConnectionOptions, hint: Option<KeepAlive>, bare: Option<u32>) {
        self.put(b"Connection: ");
        let named = [
            (options.close, "close"),
            (options.keep_alive, "keep-alive"),
            (options.upgrade, "upgrade"),
            (options.te, "TE"),
        ];
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
                self.put_decimal(timeout.into());
            }
            if let Some(max) = hint.max {
                self.put(if hint.timeout.is_some() { b", max=" } else { b"max=" });
                self.put_decimal(max.into());
            }
            self.put(b"\r\n");
        } else if let Some(seconds) = bare {
            self.put(b"Keep-Alive: ");
            self.put_decimal(seconds.into());
            self.put(b"\r\n");
        }
    }

    /// `0 CRLF`, the trailers, the empty line.
    pub(crate) fn last_chunk(&mut self, trailers: impl Fields) -> Result<(), Misuse> {
        self.put(b"0\r\n");
        let checked = trailers.checked();
        self.put_checked(&checked);
        if split_lines(checked.lines).any(|(name, _)| never_a_trailer(name)) {
            return Err(Misuse::TrailerField);
        }
        let grammar = trailers.grammar();
        trailers.visit(|name, value| {
            if never_a_trailer(name) {
                return Err(Misuse::TrailerField);
            }
            self.put_field(name, octets::trim_to_send(value), grammar).map(|_| ())
        })?;
        self.put(b"\r\n");
        Ok(())
    }
}

/// Are the protocols offered that the `Upgrade` lines among these lines name?
#[cold]
fn checked_upgrade(checked: &[u8], offers: Option<&Offers>) -> Result<(), Misuse> {
    let upgrades = split_lines(checked).filter(|(name, _)| name.eq_ignore_ascii_case(b"upgrade"));
    upgrades.into_iter().try_for_each(|(_, value)| check_offered(value, offers))
}

/// Are the protocols offered that this `Upgrade` names? Without `offers` any may be named.
#[cold]
fn check_offered(value: &[u8], offers: Option<&Offers>) -> Result<(), Misuse> {
    let unknown = |offers: &Offers| upgrade::members(value).any(|protocol| !offers.contains(protocol));
    if offers.is_some_and(unknown) { Err(Misuse::UpgradeNotOffered) } else { Ok(()) }
}
