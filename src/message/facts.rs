//! What a head says about its connection: every field line is looked at once, those that decide framing, persistence
//! and hand-over are kept as facts, and the rules ([`framing`](crate::message::framing), [`persistence`](crate::lifecycle::persistence)) read
//! the facts only. So they serve a foreign parser as well.
//!
//! Read first: RFC 9110 5.3 (repeated lines combine), 7.6.1 (`Connection`), 7.8 (`Upgrade`), 10.1.1 (`Expect`);
//! RFC 9112 6.1, 6.3 (framing fields). No first match wins here: each line adds to what was there.

use crate::message::host;
use crate::message::keep_alive::KeepAlive;
use crate::message::method::{MethodKind, Version};
use crate::message::octets::{self, Known, NumberFault};
use crate::message::upgrade::{self, Offers};
use crate::status::StatusCode;

/// The facts of one head, as they are kept while it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Facts {
    content_length: u64,
    timeout: u32,
    max: u32,
    offers: Offers,
    flags: u32,
    status: u16,
    method: MethodKind,
    minor: u8,
}

/// Bits of [`Facts`].
pub(crate) mod flag {
    pub(crate) const LENGTH: u32 = 1;
    pub(crate) const LENGTH_INVALID: u32 = 1 << 1;
    pub(crate) const LENGTH_TOO_LARGE: u32 = 1 << 2;
    pub(crate) const LENGTH_REPEATED: u32 = 1 << 3;
    pub(crate) const CODING: u32 = 1 << 4;
    pub(crate) const CODING_INVALID: u32 = 1 << 5;
    pub(crate) const CODING_OTHER: u32 = 1 << 6;
    pub(crate) const CHUNKED_LAST: u32 = 1 << 7;
    pub(crate) const CHUNKED_BEFORE: u32 = 1 << 8;
    pub(crate) const CHUNKED_PARAMETERS: u32 = 1 << 9;
    pub(crate) const CLOSE: u32 = 1 << 10;
    pub(crate) const KEEP_ALIVE: u32 = 1 << 11;
    pub(crate) const UPGRADE_OPTION: u32 = 1 << 12;
    pub(crate) const UPGRADE: u32 = 1 << 13;
    pub(crate) const HOST: u32 = 1 << 14;
    pub(crate) const HOST_REPEATED: u32 = 1 << 15;
    pub(crate) const HOST_INVALID: u32 = 1 << 16;
    pub(crate) const CONTINUE: u32 = 1 << 17;
    pub(crate) const EXPECTATION: u32 = 1 << 18;
    pub(crate) const RESPONSE: u32 = 1 << 19;
    /// There is a `TE`.
    pub(crate) const TE: u32 = 1 << 20;
    /// There is an `Upgrade`, whatever it names.
    pub(crate) const UPGRADE_LINE: u32 = 1 << 21;
}

/// No number: what a peer says is cut to one less.
const NONE: u32 = u32::MAX;

impl Facts {
    /// A response whose field lines are still to come.
    pub(crate) const fn response(status: StatusCode, version: Version) -> Self {
        let mut facts = Self::new(MethodKind::Other, version);
        facts.status = status.as_u16();
        facts.flags = flag::RESPONSE;
        facts
    }

    pub(crate) const fn new(method: MethodKind, version: Version) -> Self {
        Self {
            content_length: 0,
            timeout: NONE,
            max: NONE,
            offers: Offers::NONE,
            flags: 0,
            status: 0,
            method,
            minor: version.minor,
        }
    }

    /// Takes one field line into account, as sent or with outer whitespace trimmed. Lines that do not bear on the
    /// connection may be left out.
    pub(crate) fn field_line(&mut self, name: &[u8], value: &[u8]) {
        if name.first().is_some_and(|&first| may_matter(first, name.len())) {
            self.known_field(name, octets::trim(value));
        }
    }

    /// A request that begins with lines of which these are the flags.
    #[inline(always)]
    pub(crate) const fn with_lines(self, flags: u32) -> Self {
        Self { flags, ..self }
    }

    /// Any field, its value trimmed; out of line, so that the walk over field lines stays small. Each field is so too: then
    /// this has nothing to save and restore.
    #[inline(never)]
    pub(crate) fn known_field(&mut self, name: &[u8], value: &[u8]) {
        const HOST: Known = Known::new(b"host");
        const EXPECT: Known = Known::new(b"expect");
        const UPGRADE: Known = Known::new(b"upgrade");
        const CONNECTION: Known = Known::new(b"connection");
        const KEEP_ALIVE: Known = Known::new(b"keep-alive");
        const CONTENT_LENGTH: Known = Known::new(b"content-length");
        // one octet less than it has: so many are compared in two loads
        const TRANSFER_ENCODIN: Known = Known::new(b"transfer-encodin");
        if HOST.is(name) {
            self.host(value);
        } else if CONNECTION.is(name) {
            self.connection(value);
        } else if KEEP_ALIVE.is(name) {
            self.hint(value);
        } else if CONTENT_LENGTH.is(name) {
            self.length(value);
        } else if EXPECT.is(name) {
            self.expect(value);
        } else if UPGRADE.is(name) {
            self.upgrade(value);
        } else if name.eq_ignore_ascii_case(b"te") {
            self.flags |= flag::TE;
        } else if let [name @ .., b'g' | b'G'] = name {
            if TRANSFER_ENCODIN.is(name) {
                self.coding(value);
            }
        }
    }

    /// `Host` as the first field line and of a registered name alone, as in nearly every request.
    #[inline(always)]
    pub(crate) const fn first_host(&mut self) {
        self.flags |= flag::HOST;
    }

    /// `Content-Length` in digits that fit and without leading zeros, unless one has been read before.
    #[inline(always)]
    pub(crate) const fn first_length(&mut self, octets: u64) -> bool {
        if self.any(flag::LENGTH) {
            return false;
        }
        self.flags |= flag::LENGTH;
        self.content_length = octets;
        true
    }

    #[inline(never)]
    fn host(&mut self, value: &[u8]) {
        if self.flags & flag::HOST != 0 {
            self.flags |= flag::HOST_REPEATED;
        }
        self.flags |= flag::HOST;
        if !host::is_host(value) {
            self.flags |= flag::HOST_INVALID;
        }
    }

    #[inline(never)]
    fn expect(&mut self, value: &[u8]) {
        for member in octets::members(value) {
            let continues = member.eq_ignore_ascii_case(b"100-continue");
            self.flags |= if continues { flag::CONTINUE } else { flag::EXPECTATION };
        }
    }

    #[inline(never)]
    fn upgrade(&mut self, value: &[u8]) {
        self.flags |= flag::UPGRADE_LINE;
        for protocol in upgrade::offers(value) {
            self.flags |= flag::UPGRADE;
            self.offers.add(protocol);
        }
    }

    #[inline(never)]
    fn connection(&mut self, value: &[u8]) {
        let flag = connection_option(value);
        if flag != 0 {
            self.flags |= flag;
            return;
        }
        // options are tokens: a quote hides no comma
        for option in value.split(|&b| b == b',') {
            self.flags |= connection_option(octets::trim(option));
        }
    }

    #[inline(never)]
    fn hint(&mut self, value: &[u8]) {
        // no number is the greatest, so the smaller of two is the one that was said
        let raw = |number: Option<u32>| number.map_or(NONE, |number| number.min(NONE - 1));
        let more = KeepAlive::parse(value);
        self.timeout = self.timeout.min(raw(more.timeout));
        self.max = self.max.min(raw(more.max));
    }

    #[inline(never)]
    fn length(&mut self, value: &[u8]) {
        if let (Ok(number), false) = (octets::decimal(value), self.any(flag::LENGTH)) {
            self.flags |= flag::LENGTH;
            self.content_length = number;
            return self.digits(value, number);
        }
        self.unusual_length(value);
    }

    #[cold]
    fn unusual_length(&mut self, value: &[u8]) {
        // `5, 5` is two values on one line; an empty member is not a number
        for member in value.split(|&b| b == b',') {
            let member = octets::trim(member);
            let before = self.flags & flag::LENGTH != 0;
            self.flags |= flag::LENGTH;
            match octets::decimal(member) {
                Ok(number) if !before => {
                    self.content_length = number;
                    self.digits(member, number);
                }
                Ok(number) => {
                    let same = number == self.content_length && member.len() == self.length_digits();
                    self.flags |= if same { flag::LENGTH_REPEATED } else { flag::LENGTH_INVALID };
                }
                Err(NumberFault::TooLarge) => self.flags |= flag::LENGTH_TOO_LARGE,
                Err(NumberFault::NotANumber) => self.flags |= flag::LENGTH_INVALID,
            }
        }
    }

    // `5` and `05` are the same number, but not textually identical: leading zeros are counted in the upper flag bits
    fn digits(&mut self, member: &[u8], number: u64) {
        if member.first() == Some(&b'0') {
            let shortest = number.checked_ilog10().unwrap_or(0) as usize + 1;
            let zeros = member.len().saturating_sub(shortest).min(ZEROS_MOST);
            self.flags |= (zeros as u32) << ZEROS_SHIFT;
        }
    }

    fn length_digits(&self) -> usize {
        let zeros = (self.flags >> ZEROS_SHIFT) as usize;
        self.content_length.checked_ilog10().unwrap_or(0) as usize + 1 + zeros
    }

    #[inline(never)]
    fn coding(&mut self, value: &[u8]) {
        self.flags |= flag::CODING;
        for member in octets::members(value) {
            // whatever was last before is not last now
            if self.flags & flag::CHUNKED_LAST != 0 {
                self.flags = self.flags & !flag::CHUNKED_LAST | flag::CHUNKED_BEFORE;
            }
            let (name, parameters) = member.split_at(octets::separator_at(member, b';'));
            let name = octets::trim(name);
            if name.eq_ignore_ascii_case(b"chunked") {
                self.flags |= flag::CHUNKED_LAST;
                if name.len() != member.len() {
                    self.flags |= flag::CHUNKED_PARAMETERS;
                }
            } else {
                let valid = octets::is_token(name) && are_parameters(parameters);
                self.flags |= if valid { flag::CODING_OTHER } else { flag::CODING_INVALID };
            }
        }
    }

    fn raw_hint(&self) -> KeepAlive {
        let number = |n| if n == NONE { None } else { Some(n) };
        KeepAlive { timeout: number(self.timeout), max: number(self.max) }
    }

    #[inline(always)]
    pub(crate) const fn any(&self, flags: u32) -> bool {
        self.flags & flags != 0
    }

    /// The length of its content, where a response says nothing else that bears on the connection.
    #[inline(always)]
    pub(crate) const fn length_alone(&self) -> Option<u64> {
        if self.flags == flag::RESPONSE | flag::LENGTH { Some(self.content_length) } else { None }
    }

    /// What a head has to remember of its facts.
    pub(crate) const fn flags(&self) -> u32 {
        self.flags
    }

    pub(crate) const fn content_length(&self) -> u64 {
        self.content_length
    }

    pub(crate) const fn offers(&self) -> Offers {
        self.offers
    }

    /// The method; of a response, [`MethodKind::Other`].
    pub(crate) const fn method(&self) -> MethodKind {
        self.method
    }

    /// The status of a response.
    pub(crate) const fn status(&self) -> Option<StatusCode> {
        if self.any(flag::RESPONSE) { StatusCode::new(self.status) } else { None }
    }

    /// A response's status is one that there is: below 100 there is none (RFC 9110 15).
    #[inline(always)]
    pub(crate) const fn has_valid_status(&self) -> bool {
        self.status >= 100
    }

    /// An `Upgrade` that counts, whatever it names (RFC 9110 7.8).
    pub(crate) const fn is_upgrade(&self) -> bool {
        self.any(flag::UPGRADE_OPTION) && self.version().is_http11()
    }

    /// The version.
    pub(crate) const fn version(&self) -> Version {
        Version { minor: self.minor }
    }

    /// The connection option `close` (RFC 9112 9.6).
    pub(crate) const fn has_close(&self) -> bool {
        self.any(flag::CLOSE)
    }

    /// The connection option `keep-alive` (RFC 9112 9.3).
    pub(crate) const fn has_keep_alive(&self) -> bool {
        self.any(flag::KEEP_ALIVE)
    }

    /// The `Keep-Alive` field, where its connection option stands beside it (RFC 2068 19.7.1.1).
    pub(crate) fn keep_alive(&self) -> Option<KeepAlive> {
        let hint = self.raw_hint();
        if self.has_keep_alive() && !hint.is_empty() { Some(hint) } else { None }
    }

    /// The protocols of an `Upgrade` that may be taken up: named as a connection option, in HTTP/1.1, not only h2c
    /// (RFC 9110 7.8, RFC 9113 3.1).
    pub(crate) const fn offers_upgrade(&self) -> bool {
        offers_upgrade(self.flags, self.version())
    }

    /// `Expect: 100-continue`, in HTTP/1.1 (RFC 9110 10.1.1).
    pub(crate) const fn expects_continue(&self) -> bool {
        expects_continue(self.flags, self.version())
    }
}

pub(crate) const fn offers_upgrade(flags: u32, version: Version) -> bool {
    let both = flag::UPGRADE | flag::UPGRADE_OPTION;
    flags & both == both && version.is_http11()
}

pub(crate) const fn expects_continue(flags: u32, version: Version) -> bool {
    flags & flag::CONTINUE != 0 && version.is_http11()
}

fn connection_option(option: &[u8]) -> u32 {
    const KEEP_ALIVE: Known = Known::new(b"keep-alive");
    const CLOSE: Known = Known::new(b"close");
    const UPGRADE: Known = Known::new(b"upgrade");
    if KEEP_ALIVE.is(option) {
        flag::KEEP_ALIVE
    } else if CLOSE.is(option) {
        flag::CLOSE
    } else if UPGRADE.is(option) {
        flag::UPGRADE_OPTION
    } else {
        0
    }
}

/// `*( OWS ";" OWS transfer-parameter )` with `transfer-parameter = token BWS "=" BWS ( token / quoted-string )`
/// (RFC 9112 7).
fn are_parameters(mut octets: &[u8]) -> bool {
    while let [b';', rest @ ..] = octets {
        let (parameter, behind) = rest.split_at(octets::separator_at(rest, b';'));
        let equals = parameter.iter().position(|&b| b == b'=').unwrap_or(parameter.len());
        let (name, value) = parameter.split_at(equals);
        let value = octets::trim(value.get(1..).unwrap_or_default());
        if !octets::is_token(octets::trim(name)) || !(octets::is_token(value) || octets::is_quoted_string(value)) {
            return false;
        }
        octets = behind;
    }
    true
}

const ZEROS_SHIFT: u32 = 24;
const ZEROS_MOST: usize = 0xff;

/// Does a field of this name bear on the connection?
pub(crate) fn is_known(name: &[u8]) -> bool {
    ["host", "expect", "upgrade", "connection", "keep-alive", "content-length", "transfer-encoding"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

/// Could a field be one of ours whose name has this first octet and so many in all? Cheap, and wrong only in our favour.
#[inline(always)]
pub(crate) fn may_matter(first: u8, octets: usize) -> bool {
    // upper and lower case, and the `c` and `k` of the two fields of ten letters, alike
    const CASE: u8 = 0x28;
    const FIRST: [u8; 32] = {
        let mut first = [0; 32];
        first[2] = b't' | CASE;
        first[4] = b'h' | CASE;
        first[6] = b'e' | CASE;
        first[7] = b'u' | CASE;
        first[10] = b'c' | CASE;
        first[14] = b'c' | CASE;
        first[17] = b't' | CASE;
        first
    };
    FIRST[octets % 32] == first | CASE
}
