//! A set of facts about one head, as bits of one word. The bits are private: who asks, asks for a [`Fact`] by name.

use crate::message::method::Version;

/// What a field line, or the start line, can say. Each is said, or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Fact {
    /// There is a `Content-Length`.
    Length,
    /// It is not a number, or two of them differ.
    LengthInvalid,
    /// It is a number that does not fit 64 bits.
    LengthTooLarge,
    /// The same number stands there more than once.
    LengthRepeated,
    /// There is a `Transfer-Encoding`.
    Coding,
    /// It names something that is not a transfer coding by the grammar.
    CodingInvalid,
    /// It names a coding other than `chunked`.
    CodingOther,
    /// `chunked` is the last coding.
    ChunkedLast,
    /// `chunked` is a coding before the last one.
    ChunkedBefore,
    /// `chunked` has parameters.
    ChunkedParameters,
    /// The connection option `close`.
    Close,
    /// The connection option `keep-alive`.
    KeepAlive,
    /// The connection option `upgrade`.
    UpgradeOption,
    /// There is an `Upgrade` that names a protocol that may be taken up.
    UpgradeOffer,
    /// There is a `Host`.
    Host,
    /// There is more than one `Host`.
    HostRepeated,
    /// A `Host` is not within the grammar.
    HostInvalid,
    /// `Expect: 100-continue`
    Continue,
    /// An expectation other than `100-continue`.
    OtherExpectation,
    /// The head is that of a response.
    Response,
    /// There is a `TE`.
    Te,
    /// There is an `Upgrade`, whatever it names.
    UpgradeLine,
    /// `close` in a response's `Proxy-Connection`.
    ProxyClose,
    /// `keep-alive` in a response's `Proxy-Connection`.
    ProxyKeepAlive,
}

/// Some [`Fact`]s, and beside them how many leading zeros a `Content-Length` has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FactSet(u32);

impl FactSet {
    /// No fact.
    pub(crate) const EMPTY: Self = Self(0);
    /// The first bit of the number of leading zeros, which is above those of all facts.
    const ZEROS_SHIFT: u32 = 24;
    /// The largest number of leading zeros that is counted.
    const MAX_ZEROS: u32 = u32::MAX >> Self::ZEROS_SHIFT;

    const fn bit(fact: Fact) -> u32 {
        1 << fact as u32
    }

    /// These facts.
    pub(crate) const fn of<const N: usize>(facts: [Fact; N]) -> Self {
        let (mut bits, mut index) = (0, 0);
        while index < N {
            bits |= Self::bit(facts[index]);
            index += 1;
        }
        Self(bits)
    }

    /// Is this fact among them?
    pub(crate) const fn has(self, fact: Fact) -> bool {
        self.0 & Self::bit(fact) != 0
    }

    /// Is one of these facts among them?
    pub(crate) const fn has_any<const N: usize>(self, facts: [Fact; N]) -> bool {
        self.0 & Self::of(facts).0 != 0
    }

    /// Are these facts all there is?
    pub(crate) const fn is_exactly<const N: usize>(self, facts: [Fact; N]) -> bool {
        self.0 == Self::of(facts).0
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// These facts and this one.
    pub(crate) const fn with(self, fact: Fact) -> Self {
        Self(self.0 | Self::bit(fact))
    }

    /// Adds one fact.
    pub(crate) const fn add(&mut self, fact: Fact) {
        self.0 |= Self::bit(fact);
    }

    /// Adds the facts of `other`.
    pub(crate) const fn add_all(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// `chunked` was the last coding, and another coding follows it.
    pub(crate) const fn move_chunked_before(&mut self) {
        if self.has(Fact::ChunkedLast) {
            self.0 &= !Self::of([Fact::ChunkedLast]).0;
            self.add(Fact::ChunkedBefore);
        }
    }

    /// Remembers how many leading zeros the first `Content-Length` has, up to [`MAX_ZEROS`](Self::MAX_ZEROS). To be called once.
    pub(crate) const fn set_leading_zeros(&mut self, zeros: u32) {
        self.0 |= (if zeros < Self::MAX_ZEROS { zeros } else { Self::MAX_ZEROS }) << Self::ZEROS_SHIFT;
    }

    /// How many leading zeros the first `Content-Length` has.
    pub(crate) const fn leading_zeros(self) -> usize {
        (self.0 >> Self::ZEROS_SHIFT) as usize
    }

    /// Protocols are offered that may be switched to: named by an `Upgrade`, and `upgrade` as a connection option, in HTTP/1.1
    /// (RFC 9110 7.8).
    pub(crate) const fn offers_upgrade(self, version: Version) -> bool {
        self.has(Fact::UpgradeOffer) && self.has(Fact::UpgradeOption) && version.is_http11()
    }

    /// `Expect: 100-continue`, in HTTP/1.1 (RFC 9110 10.1.1).
    pub(crate) const fn expects_continue(self, version: Version) -> bool {
        self.has(Fact::Continue) && version.is_http11()
    }
}

const _: () = assert!((Fact::ProxyKeepAlive as u32) < FactSet::ZEROS_SHIFT, "the facts and the zeros share no bit");
