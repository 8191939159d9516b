//! The heads of messages as they are reported. They borrow the buffer that they were read in, not the connection.

use super::{Fault, FieldSection, Progress, Rules, Section};
use crate::config::{Limits, Policy};
use crate::error::{ProtocolError, ProtocolErrorKind};
use crate::message::fact_set::{Fact, FactSet};
use crate::message::framing::{self, BodyLength, Framing, FramingRule};
use crate::message::head_facts::{Compared, HeadFacts};
use crate::message::method::{Method, MethodKind, Version};
use crate::message::octets;
use crate::message::target::Target;
use crate::message::upgrade;
use crate::status::StatusCode;

/// A request's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead<'a> {
    /// The method, as sent.
    pub method: Method<'a>,
    /// The target, as sent.
    pub target: Target<'a>,
    /// The version.
    pub version: Version,
    /// The field lines, as sent.
    pub fields: FieldSection<'a>,
    /// How the end of the content is known.
    pub framing: Framing,
    /// What the head says of its connection.
    pub(crate) facts: FactSet,
}

impl<'a> RequestHead<'a> {
    /// Nothing read yet: `GET` of nothing.
    pub const fn new() -> Self {
        Self {
            method: Method::new(b"GET"),
            target: Target::new(b"", MethodKind::Get),
            version: Version::HTTP_11,
            fields: FieldSection::new(),
            framing: Framing { length: BodyLength::Empty, rule: FramingRule::NothingSaid },
            facts: FactSet::EMPTY,
        }
    }

    /// Reads the head that `buf` begins with, without a connection: how many octets it has, its empty line included, and its facts for a
    /// [`Lifecycle`](crate::Lifecycle). `None`: it is not complete; then `self` is to be read again from the start.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and at which octet of `buf` (RFC 9112 2.2, 3, 5, 6.3).
    ///
    /// ```
    /// use http_keepalive::*;
    ///
    /// let mut head = RequestHead::new();
    /// let octets = b"GET /a HTTP/1.1\r\nHost: example.org\r\n\r\n";
    /// let (read, facts) = head.parse(octets, &Limits::DEFAULT, &Policy::DEFAULT)?.expect("a whole head");
    /// assert_eq!((read, head.target.as_str(), facts.has_close()), (octets.len(), "/a", false));
    /// # Ok::<(), ProtocolError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What is wrong with it and where, or which limit it is beyond. Nothing of it counts as read.
    pub fn parse(
        &mut self,
        buf: &'a [u8],
        limits: &Limits,
        policy: &Policy,
    ) -> Result<Option<(usize, HeadFacts)>, ProtocolError> {
        let rules = Rules { section: Section::Request, limits, policy };
        let mut progress = Progress::FRESH;
        self.fields.clear();
        let Some(octets) = progress.read_request(rules, buf, self).map_err(Fault::alone)? else { return Ok(None) };
        let framing = framing::frame_request(&progress.facts, policy);
        let Framing { length, rule } = framing.map_err(|kind| Fault::new(kind, 0).alone())?;
        // part by part: the unused octets between the parts are not copied
        (self.framing.length, self.framing.rule) = (length, rule);
        let facts = progress.facts;
        let special = facts.has_any([Fact::UpgradeLine, Fact::Te]) || !matches!(self.target.as_bytes(), [b'/', ..]);
        let compared = if special { compare(&self.fields) } else { Compared::NONE };
        Ok(Some((octets, HeadFacts { compared, ..HeadFacts::of(facts).with_octets(octets) })))
    }

    /// The authority the request is for: that of the target, or else that of `Host` (RFC 9112 3.2.2). `None` where there is neither, or
    /// where `Host` is not one slice.
    pub fn authority(&self) -> Option<&'a [u8]> {
        self.target.authority().or_else(|| self.fields.value("host").and_then(|value| value.as_slice()))
    }

    /// The client waits for `100 (Continue)` before it sends content (RFC 9110 10.1.1).
    pub const fn expects_continue(&self) -> bool {
        self.has_content() && self.facts.expects_continue(self.version)
    }

    /// The protocols offered that may be switched to, in the client's order (RFC 9110 7.8). None where the offer does not count: in
    /// HTTP/1.0, and without `upgrade` as a connection option. The first four can be accepted.
    pub fn upgrade_offers(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        let counts = self.offers_upgrade();
        let values = self.fields.values("upgrade").filter(move |_| counts);
        values.flat_map(|value| upgrade::offers(value.as_received()))
    }

    /// Protocols are offered that may be switched to (RFC 9110 7.8): [`upgrade_offers`](Self::upgrade_offers).
    pub const fn offers_upgrade(&self) -> bool {
        self.facts.offers_upgrade(self.version)
    }

    /// Is content to come? `false` also where its length is 0.
    pub const fn has_content(&self) -> bool {
        !matches!(self.framing.length, BodyLength::Empty | BodyLength::Exact(0))
    }
}

/// A response's head.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponseHead<'a> {
    /// The status.
    pub status: StatusCode,
    /// The reason phrase, which means nothing (RFC 9112 4).
    pub reason: &'a [u8],
    /// The version.
    pub version: Version,
    /// The field lines, as sent.
    pub fields: FieldSection<'a>,
    /// How the end of the content is known.
    pub framing: Framing,
}

impl<'a> ResponseHead<'a> {
    /// Nothing read yet: `200` with nothing.
    pub const fn new() -> Self {
        Self {
            status: StatusCode::OK,
            reason: b"",
            version: Version::HTTP_11,
            fields: FieldSection::new(),
            framing: Framing { length: BodyLength::Empty, rule: FramingRule::NoContent },
        }
    }

    /// Reads the head that `buf` begins with, the answer to a request of `method`, without a connection: how many octets it has, its empty
    /// line included, and its facts. `None`: it is not complete; then `self` is to be read again from the start.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and at which octet of `buf` (RFC 9112 2.2, 4, 5, 6.3).
    pub fn parse(
        &mut self,
        buf: &'a [u8],
        method: MethodKind,
        limits: &Limits,
        policy: &Policy,
    ) -> Result<Option<(usize, HeadFacts)>, ProtocolError> {
        let rules = Rules { section: Section::Response, limits, policy };
        let mut progress = Progress::FRESH;
        self.fields.clear();
        let Some(octets) = progress.read_response(rules, buf, self).map_err(Fault::alone)? else { return Ok(None) };
        let framing = framing::frame_response(&progress.facts, method, policy);
        self.framing = framing.map_err(|kind| Fault::new(kind, 0).alone())?;
        let facts = progress.facts;
        let special = facts.has_any([Fact::UpgradeLine, Fact::Te]);
        let compared = if special { compare(&self.fields) } else { Compared::NONE };
        Ok(Some((octets, HeadFacts { compared, ..HeadFacts::of(facts).with_octets(octets) })))
    }
}

/// What is compared octet by octet of a head that has been read.
#[cold]
fn compare(fields: &FieldSection<'_>) -> Compared {
    let mut compared = Compared::NONE;
    fields.iter().for_each(|line| compared.line(line.name, octets::trim(line.value.as_received())));
    compared
}

impl Default for RequestHead<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl Default for ResponseHead<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// The field that a fault in framing, routing or expectation is about.
pub(crate) const fn blamed_field(kind: ProtocolErrorKind) -> Option<&'static str> {
    use ProtocolErrorKind::*;
    match kind {
        HostRepeated | HostInvalid => Some("host"),
        ContentLength | ContentLengthRepeated | ContentLengthTooLarge | ContentTooLarge => Some("content-length"),
        LengthAndTransferEncoding
        | TransferEncodingInHttp10
        | NotChunkedLast
        | ChunkedMisused
        | TransferEncoding
        | UnknownCoding => Some("transfer-encoding"),
        Expectation => Some("expect"),
        _ => None,
    }
}
