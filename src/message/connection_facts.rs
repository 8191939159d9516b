//! What a head says of its connection. Every field line is looked at once, and what decides framing, persistence and hand-over is kept
//! as facts. The rules ([`framing`](crate::message::framing), [`persistence`](crate::lifecycle::persistence)) read the facts only, so
//! they serve a caller with its own parser as well: see [`HeadFacts`](crate::HeadFacts).
//!
//! Read first: RFC 9110 5.3 (repeated lines combine), 7.6.1 (`Connection`), 7.8 (`Upgrade`), 10.1.1 (`Expect`);
//! RFC 9112 6.1, 6.3 (framing fields). No first match wins here: each line adds to what was there.

use crate::message::fact_set::{Fact, FactSet};
use crate::message::host;
use crate::message::keep_alive::KeepAlive;
use crate::message::known_fields;
use crate::message::method::{MethodKind, Version};
use crate::message::octets::{self, Known, NumberFault};
use crate::message::upgrade::{self, Offers};
use crate::status::StatusCode;

/// The facts of one head, as they are kept while it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ConnectionFacts {
    content_length: u64,
    /// `timeout` of `Keep-Alive`, or [`ABSENT`].
    hint_timeout: u32,
    /// `max` of `Keep-Alive`, or [`ABSENT`].
    hint_max: u32,
    offers: Offers,
    set: FactSet,
    status: u16,
    method: MethodKind,
    minor: u8,
}

/// No number. What a peer says is at most one less.
const ABSENT: u32 = u32::MAX;

impl ConnectionFacts {
    /// A response whose field lines are still to come.
    pub(crate) const fn response(status: StatusCode, version: Version) -> Self {
        let mut facts = Self::new(MethodKind::Other, version);
        facts.status = status.as_u16();
        facts.set = FactSet::of([Fact::Response]);
        facts
    }

    /// A request whose field lines are still to come.
    pub(crate) const fn new(method: MethodKind, version: Version) -> Self {
        Self {
            content_length: 0,
            hint_timeout: ABSENT,
            hint_max: ABSENT,
            offers: Offers::NONE,
            set: FactSet::EMPTY,
            status: 0,
            method,
            minor: version.minor,
        }
    }

    /// Takes one field line into account, as sent or with outer whitespace trimmed. Lines that do not bear on the
    /// connection may be left out.
    pub(crate) fn field_line(&mut self, name: &[u8], value: &[u8]) {
        if name.first().is_some_and(|&first| known_fields::may_be_kept(first, name.len())) {
            self.kept_line(name, octets::trim(value));
        }
    }

    /// A request that begins with lines that say this.
    pub(crate) const fn with_lines(self, set: FactSet) -> Self {
        Self { set, ..self }
    }

    /// Takes a line into account whose name has passed the filter; its value is trimmed. Out of line, so that the loop over field
    /// lines stays small. What is done for each name is out of line too: then this function saves and restores no register.
    #[inline(never)]
    pub(crate) fn kept_line(&mut self, name: &[u8], value: &[u8]) {
        const HOST: Known = known_fields::kept(b"host");
        const EXPECT: Known = known_fields::kept(b"expect");
        const UPGRADE: Known = known_fields::kept(b"upgrade");
        const CONNECTION: Known = known_fields::kept(b"connection");
        const KEEP_ALIVE: Known = known_fields::kept(b"keep-alive");
        const CONTENT_LENGTH: Known = known_fields::kept(b"content-length");
        const TRANSFER_ENCODING: Known = known_fields::kept(b"transfer-encoding");
        const PROXY_CONNECTION: Known = known_fields::kept(b"proxy-connection");
        const TE: &[u8] = known_fields::kept_name(b"te");
        if HOST.is(name) {
            self.host_line(value);
        } else if CONNECTION.is(name) {
            self.connection_line(value);
        } else if KEEP_ALIVE.is(name) {
            self.keep_alive_line(value);
        } else if CONTENT_LENGTH.is(name) {
            self.content_length_line(value);
        } else if EXPECT.is(name) {
            self.expect_line(value);
        } else if UPGRADE.is(name) {
            self.upgrade_line(value);
        } else if name.eq_ignore_ascii_case(TE) {
            self.set.add(Fact::Te);
        } else if let [.., b'g' | b'G'] = name {
            // the letter is looked at first, so that the lengths of the other names alone are a jump table, which begins at 0
            if TRANSFER_ENCODING.is(name) {
                self.transfer_encoding_line(value);
            }
        } else if let ([.., b'n' | b'N'], true) = (name, self.has(Fact::Response)) {
            if PROXY_CONNECTION.is(name) {
                self.proxy_connection_line(value);
            }
        }
    }

    /// `Host` as the first field line and with a registered name alone, as in nearly every request.
    ///
    /// Twin of [`kept_line`](Self::kept_line).
    pub(crate) const fn set_first_host(&mut self) {
        self.set.add(Fact::Host);
    }

    /// `Content-Length` in digits that fit 64 bits and without leading zeros. Changes nothing and returns `false` where there has been
    /// one before.
    ///
    /// Twin of [`kept_line`](Self::kept_line).
    pub(crate) const fn set_first_length(&mut self, octets: u64) -> bool {
        if self.has(Fact::Length) {
            return false;
        }
        self.set.add(Fact::Length);
        self.content_length = octets;
        true
    }

    #[inline(never)]
    fn host_line(&mut self, value: &[u8]) {
        if self.has(Fact::Host) {
            self.set.add(Fact::HostRepeated);
        }
        self.set.add(Fact::Host);
        if !host::is_host(value) {
            self.set.add(Fact::HostInvalid);
        }
    }

    #[inline(never)]
    fn expect_line(&mut self, value: &[u8]) {
        for member in octets::members(value) {
            let continues = member.eq_ignore_ascii_case(b"100-continue");
            self.set.add(if continues { Fact::Continue } else { Fact::OtherExpectation });
        }
    }

    #[inline(never)]
    fn upgrade_line(&mut self, value: &[u8]) {
        self.set.add(Fact::UpgradeLine);
        for protocol in upgrade::offers(value) {
            self.set.add(Fact::UpgradeOffer);
            self.offers.add(protocol);
        }
    }

    #[inline(never)]
    fn connection_line(&mut self, value: &[u8]) {
        let one = connection_option(value);
        if !one.is_empty() {
            return self.set.add_all(one);
        }
        // options are tokens: a quote hides no comma
        for option in value.split(|&b| b == b',') {
            self.set.add_all(connection_option(octets::trim(option)));
        }
    }

    #[cold]
    fn proxy_connection_line(&mut self, value: &[u8]) {
        for option in value.split(|&b| b == b',') {
            let options = connection_option(octets::trim(option));
            for (option, proxy) in [(Fact::Close, Fact::ProxyClose), (Fact::KeepAlive, Fact::ProxyKeepAlive)] {
                if options.has(option) {
                    self.set.add(proxy);
                }
            }
        }
    }

    /// The same facts where `Proxy-Connection` says what `Connection` would.
    #[cold]
    pub(crate) fn with_proxy_connection(mut self) -> Self {
        for (proxy, option) in [(Fact::ProxyClose, Fact::Close), (Fact::ProxyKeepAlive, Fact::KeepAlive)] {
            if self.has(proxy) {
                self.set.add(option);
            }
        }
        self
    }

    #[inline(never)]
    fn keep_alive_line(&mut self, value: &[u8]) {
        // `ABSENT` is the largest, so the smaller of two is the one that was said
        let or_absent = |number: Option<u32>| number.map_or(ABSENT, |number| number.min(ABSENT - 1));
        let hint = KeepAlive::parse(value);
        self.hint_timeout = self.hint_timeout.min(or_absent(hint.timeout));
        self.hint_max = self.hint_max.min(or_absent(hint.max));
    }

    #[inline(never)]
    fn content_length_line(&mut self, value: &[u8]) {
        if let (Ok(number), false) = (octets::decimal(value), self.has(Fact::Length)) {
            self.set.add(Fact::Length);
            self.content_length = number;
            return self.count_leading_zeros(value, number);
        }
        self.unusual_content_length(value);
    }

    #[cold]
    pub(super) fn unusual_content_length(&mut self, value: &[u8]) {
        // `5, 5` is two values on one line; an empty member is not a number
        for member in value.split(|&b| b == b',') {
            let member = octets::trim(member);
            let is_first = !self.has(Fact::Length);
            self.set.add(Fact::Length);
            match octets::decimal(member) {
                Ok(number) if is_first => {
                    self.content_length = number;
                    self.count_leading_zeros(member, number);
                }
                Ok(number) => {
                    let is_same = number == self.content_length && member.len() == self.content_length_digits();
                    self.set.add(if is_same { Fact::LengthRepeated } else { Fact::LengthInvalid });
                }
                Err(NumberFault::TooLarge) => self.set.add(Fact::LengthTooLarge),
                Err(NumberFault::NotANumber) => self.set.add(Fact::LengthInvalid),
            }
        }
    }

    // `5` and `05` are the same number, but not the same text
    fn count_leading_zeros(&mut self, member: &[u8], number: u64) {
        if member.first() == Some(&b'0') {
            self.set.set_leading_zeros(u32::try_from(member.len().saturating_sub(digits(number))).unwrap_or(u32::MAX));
        }
    }

    /// How many digits the first `Content-Length` has, leading zeros included.
    fn content_length_digits(&self) -> usize {
        digits(self.content_length) + self.set.leading_zeros()
    }

    #[inline(never)]
    fn transfer_encoding_line(&mut self, value: &[u8]) {
        self.set.add(Fact::Coding);
        for member in octets::members(value) {
            self.set.move_chunked_before();
            let (name, parameters) = member.split_at(octets::separator_at(member, b';'));
            let name = octets::trim(name);
            if name.eq_ignore_ascii_case(b"chunked") {
                self.set.add(Fact::ChunkedLast);
                if name.len() != member.len() {
                    self.set.add(Fact::ChunkedParameters);
                }
            } else {
                let is_valid = octets::is_token(name) && are_parameters(parameters);
                self.set.add(if is_valid { Fact::CodingOther } else { Fact::CodingInvalid });
            }
        }
    }

    /// Is this a fact?
    pub(crate) const fn has(&self, fact: Fact) -> bool {
        self.set.has(fact)
    }

    /// Is one of these a fact?
    pub(crate) const fn has_any<const N: usize>(&self, facts: [Fact; N]) -> bool {
        self.set.has_any(facts)
    }

    /// The length of its content, where a response says nothing else that bears on the connection.
    pub(crate) const fn length_alone(&self) -> Option<u64> {
        if self.set.is_exactly([Fact::Response, Fact::Length]) { Some(self.content_length) } else { None }
    }

    /// Everything that is said or not said, without numbers and names.
    pub(crate) const fn set(&self) -> FactSet {
        self.set
    }

    /// The number of `Content-Length`; 0 where there is none.
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

    /// A request of HTTP/1.1 that says where it goes, once, and nothing of its connection, its content or its exchange but that the
    /// connection is to stay.
    #[inline]
    pub(crate) fn is_plain_request(&self) -> bool {
        self.set.with(Fact::KeepAlive).is_exactly([Fact::Host, Fact::KeepAlive]) && self.version().is_http11()
    }

    /// The status of a response.
    pub(crate) const fn status(&self) -> Option<StatusCode> {
        if self.has(Fact::Response) { StatusCode::new(self.status) } else { None }
    }

    /// A response's status says nothing of its connection: below 100 there is none (RFC 9110 15), and 408 and 421 do (15.5.9, 15.5.20).
    pub(crate) const fn has_usual_status(&self) -> bool {
        !matches!(self.status, ..100 | 408 | 421)
    }

    /// There is an expectation other than `100-continue`, in any version (RFC 9110 10.1.1).
    pub(crate) const fn has_other_expectation(&self) -> bool {
        self.has(Fact::OtherExpectation)
    }

    /// There is `Expect: 100-continue`, in any version (RFC 9110 10.1.1).
    pub(crate) const fn has_continue_expectation(&self) -> bool {
        self.has(Fact::Continue)
    }

    /// There is an `Upgrade`, whatever it names (RFC 9110 7.8).
    pub(crate) const fn has_upgrade_line(&self) -> bool {
        self.has(Fact::UpgradeLine)
    }

    /// There is a `TE` (RFC 9110 10.1.4).
    pub(crate) const fn has_te(&self) -> bool {
        self.has(Fact::Te)
    }

    /// The connection option `upgrade`, in HTTP/1.1, whatever an `Upgrade` names (RFC 9110 7.8).
    pub(crate) const fn is_upgrade(&self) -> bool {
        self.has(Fact::UpgradeOption) && self.version().is_http11()
    }

    /// The version.
    pub(crate) const fn version(&self) -> Version {
        Version { minor: self.minor }
    }

    /// The connection option `close` (RFC 9112 9.6).
    pub(crate) const fn has_close(&self) -> bool {
        self.has(Fact::Close)
    }

    /// The connection option `keep-alive` (RFC 9112 9.3).
    pub(crate) const fn has_keep_alive(&self) -> bool {
        self.has(Fact::KeepAlive)
    }

    /// The `Keep-Alive` field, where its connection option stands beside it (RFC 2068 19.7.1.1).
    pub(crate) fn keep_alive(&self) -> Option<KeepAlive> {
        let number = |number| if number == ABSENT { None } else { Some(number) };
        let hint = KeepAlive { timeout: number(self.hint_timeout), max: number(self.hint_max) };
        if self.has_keep_alive() && !hint.is_empty() { Some(hint) } else { None }
    }

    /// The protocols of an `Upgrade` that may be taken up: named as a connection option, in HTTP/1.1, not only h2c
    /// (RFC 9110 7.8, RFC 9113 3.1).
    pub(crate) const fn offers_upgrade(&self) -> bool {
        self.set.offers_upgrade(self.version())
    }

    /// `Expect: 100-continue`, in HTTP/1.1 (RFC 9110 10.1.1).
    pub(crate) const fn expects_continue(&self) -> bool {
        self.set.expects_continue(self.version())
    }
}

/// How many digits a number has without leading zeros.
fn digits(number: u64) -> usize {
    number.checked_ilog10().unwrap_or(0) as usize + 1
}

fn connection_option(option: &[u8]) -> FactSet {
    const KEEP_ALIVE: Known = Known::new(b"keep-alive");
    const CLOSE: Known = Known::new(b"close");
    const UPGRADE: Known = Known::new(b"upgrade");
    if KEEP_ALIVE.is(option) {
        FactSet::of([Fact::KeepAlive])
    } else if CLOSE.is(option) {
        FactSet::of([Fact::Close])
    } else if UPGRADE.is(option) {
        FactSet::of([Fact::UpgradeOption])
    } else {
        FactSet::EMPTY
    }
}

/// `*( OWS ";" OWS transfer-parameter )` with `transfer-parameter = token BWS "=" BWS ( token / quoted-string )`
/// (RFC 9112 7).
fn are_parameters(mut octets: &[u8]) -> bool {
    while let [b';', rest @ ..] = octets {
        let (parameter, after) = rest.split_at(octets::separator_at(rest, b';'));
        let equals = parameter.iter().position(|&b| b == b'=').unwrap_or(parameter.len());
        let (name, value) = parameter.split_at(equals);
        let value = octets::trim(value.get(1..).unwrap_or_default());
        if !octets::is_token(octets::trim(name)) || !(octets::is_token(value) || octets::is_quoted_string(value)) {
            return false;
        }
        octets = after;
    }
    true
}
