//! Message body length: RFC 9112 6.3 as one function for each direction. The answer comes with the rule that gave it.
//!
//! Pure functions of [`HeadFacts`], public for callers with their own parser. Read first: RFC 9112 6.1 to 6.3, 7; RFC 9110 8.6, 9.3, 10.1.1.
//! The items of 6.3 are tried in their order. A request whose framing is faulty is refused (items 3 to 5), since the end of its content
//! decides where the next request begins. A response without content is framed by item 1 alone. If its fields are faulty,
//! [`response_fault`] says so, and its connection ends.

use core::fmt;

use crate::config::Policy;
use crate::error::ProtocolErrorKind::{self, *};
use crate::message::connection_facts::ConnectionFacts;
use crate::message::fact_set::Fact;
use crate::message::head_facts::HeadFacts;
use crate::message::method::MethodKind;
use crate::reasons::reasons;

/// How the end of a body is known (RFC 9112 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "RFC 9112 6.3 knows these alone, and a reader of content must know how each ends"
)]
pub enum BodyLength {
    /// There is no body.
    Empty,
    /// This many octets; 0 is possible.
    Exact(u64),
    /// The chunked coding says (RFC 9112 7.1).
    Chunked,
    /// The end of the connection says: responses only.
    UntilClose,
}

impl fmt::Display for BodyLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty"),
            Self::Exact(octets) => write!(f, "{octets} octets"),
            Self::Chunked => f.write_str("chunked"),
            Self::UntilClose => f.write_str("until close"),
        }
    }
}

/// The answer, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "readers of heads of their own say it in the same way: a length and the rule that decided"
)]
pub struct Framing {
    /// How long the body is.
    pub length: BodyLength,
    /// The rule that decided.
    pub rule: FramingRule,
}

reasons! {
    /// Which rule decided a body length: the items of RFC 9112 6.3.
    pub enum FramingRule {
        /// A response that has no content by its status or by its request's method.
        NoContent => "no-content", "RFC 9112 6.3 (1)";
        /// A successful response to CONNECT: a tunnel follows.
        Connect => "connect", "RFC 9112 6.3 (2)";
        /// `Transfer-Encoding` against a `Content-Length`, or in HTTP/1.0: let in by policy, and the connection ends with it.
        FaultyCoding => "faulty-coding", "RFC 9112 6.3 (3)";
        /// `Transfer-Encoding` that ends in `chunked`.
        Chunked => "chunked", "RFC 9112 6.3 (4)";
        /// A response with `Transfer-Encoding` that does not end in `chunked`.
        CodingUntilClose => "coding-until-close", "RFC 9112 6.3 (4)";
        /// `Content-Length`.
        ContentLength => "content-length", "RFC 9112 6.3 (6)";
        /// A request with neither of these fields has no content.
        NothingSaid => "nothing-said", "RFC 9112 6.3 (7)";
        /// The content of a response with neither of these fields ends with the connection.
        UntilClose => "until-close", "RFC 9112 6.3 (8)";
    }
}

/// The body length of a request (RFC 9112 6.3).
///
/// # Errors
///
/// `Content-Length` or `Transfer-Encoding` is faulty or not let in by `policy`, or the method has no content and the head says that there
/// is some.
#[inline]
pub fn request_framing(facts: &HeadFacts, policy: &Policy) -> Result<Framing, ProtocolErrorKind> {
    frame_request(&facts.facts, policy)
}

/// [`request_framing`]
#[inline]
pub(crate) fn frame_request(facts: &ConnectionFacts, policy: &Policy) -> Result<Framing, ProtocolErrorKind> {
    if !facts.has_any([Fact::Length, Fact::Coding]) {
        return Ok(Framing { length: BodyLength::Empty, rule: FramingRule::NothingSaid });
    }
    let framing = declared_request_framing(facts, policy)?;
    let has_none = matches!(facts.method(), MethodKind::Connect | MethodKind::Trace);
    match framing.length {
        BodyLength::Empty | BodyLength::Exact(0) => Ok(framing),
        _ if has_none => Err(ContentNotAllowed),
        _ => Ok(framing),
    }
}

#[inline(never)]
fn declared_request_framing(facts: &ConnectionFacts, policy: &Policy) -> Result<Framing, ProtocolErrorKind> {
    if !facts.has(Fact::Coding) {
        return content_length(facts, policy);
    }
    check_transfer_encoding(facts, policy)?;
    if !facts.has(Fact::ChunkedLast) {
        return Err(NotChunkedLast);
    }
    if facts.has(Fact::CodingOther) && !policy.other_codings.accepts() {
        return Err(UnknownCoding);
    }
    Ok(Framing { length: BodyLength::Chunked, rule: coding_rule(facts) })
}

/// The body length of a response to a request of `method` (RFC 9112 6.3).
///
/// # Errors
///
/// `Content-Length` or `Transfer-Encoding` is faulty or not let in by `policy`, and the response has content.
#[inline]
pub fn response_framing(facts: &HeadFacts, method: MethodKind, policy: &Policy) -> Result<Framing, ProtocolErrorKind> {
    frame_response(&facts.facts, method, policy)
}

/// [`response_framing`]
#[inline]
pub(crate) fn frame_response(
    facts: &ConnectionFacts,
    method: MethodKind,
    policy: &Policy,
) -> Result<Framing, ProtocolErrorKind> {
    let status = facts.status().unwrap_or(crate::status::StatusCode::OK);
    if method == MethodKind::Head || status.has_no_content() {
        return Ok(Framing { length: BodyLength::Empty, rule: FramingRule::NoContent });
    }
    if method == MethodKind::Connect && status.is_successful() {
        return Ok(Framing { length: BodyLength::Empty, rule: FramingRule::Connect });
    }
    if !facts.has(Fact::Coding) {
        if facts.has(Fact::Length) {
            return content_length(facts, policy);
        }
        return Ok(Framing { length: BodyLength::UntilClose, rule: FramingRule::UntilClose });
    }
    check_transfer_encoding(facts, policy)?;
    if facts.has(Fact::ChunkedLast) {
        Ok(Framing { length: BodyLength::Chunked, rule: coding_rule(facts) })
    } else {
        Ok(Framing { length: BodyLength::UntilClose, rule: FramingRule::CodingUntilClose })
    }
}

/// What is wrong with `Content-Length` and `Transfer-Encoding` of a response, also where they frame nothing
/// ([`FramingRule::NoContent`]), and what policy lets in at the price of the connection: `Transfer-Encoding` beside
/// `Content-Length` or in HTTP/1.0. A response without content that has such a fault is whole, but its sender is not to be
/// trusted with another one: the connection ends ([`CloseReason::FaultyFraming`](crate::CloseReason::FaultyFraming); RFC 9112
/// 6.1, 6.3). After a tunnel's response ([`FramingRule::Connect`]) it counts for nothing.
#[must_use]
pub fn response_fault(facts: &HeadFacts, policy: &Policy) -> Option<ProtocolErrorKind> {
    fault_of_response(&facts.facts, policy)
}

/// [`response_fault`]
pub(crate) fn fault_of_response(facts: &ConnectionFacts, policy: &Policy) -> Option<ProtocolErrorKind> {
    match (facts.has(Fact::Coding), facts.has(Fact::Length)) {
        (false, false) => None,
        (true, true) => Some(LengthAndTransferEncoding),
        (true, false) if !facts.version().is_http11() => Some(TransferEncodingInHttp10),
        (true, false) => check_codings(facts).err(),
        (false, true) => content_length(facts, policy).err(),
    }
}

/// May a message have the `Transfer-Encoding` that it has (RFC 9112 6.1, 6.3)? To be asked where there is one.
fn check_transfer_encoding(facts: &ConnectionFacts, policy: &Policy) -> Result<(), ProtocolErrorKind> {
    if facts.has(Fact::Length) && !policy.length_and_coding.accepts() {
        return Err(LengthAndTransferEncoding);
    }
    if !facts.version().is_http11() && !policy.http10_coding.accepts() {
        return Err(TransferEncodingInHttp10);
    }
    check_codings(facts)
}

fn check_codings(facts: &ConnectionFacts) -> Result<(), ProtocolErrorKind> {
    let named = facts.has_any([Fact::ChunkedLast, Fact::ChunkedBefore, Fact::CodingOther]);
    if facts.has(Fact::CodingInvalid) || !named {
        Err(TransferEncoding)
    } else if facts.has(Fact::ChunkedParameters) || (facts.has(Fact::ChunkedBefore) && facts.has(Fact::ChunkedLast)) {
        Err(ChunkedMisused)
    } else {
        Ok(())
    }
}

fn coding_rule(facts: &ConnectionFacts) -> FramingRule {
    if facts.has(Fact::Length) || !facts.version().is_http11() {
        FramingRule::FaultyCoding
    } else {
        FramingRule::Chunked
    }
}

fn content_length(facts: &ConnectionFacts, policy: &Policy) -> Result<Framing, ProtocolErrorKind> {
    if facts.has(Fact::LengthInvalid) {
        Err(ContentLength)
    } else if facts.has(Fact::LengthTooLarge) {
        Err(ContentLengthTooLarge)
    } else if facts.has(Fact::LengthRepeated) && !policy.repeated_length.accepts() {
        Err(ContentLengthRepeated)
    } else {
        Ok(Framing { length: BodyLength::Exact(facts.content_length()), rule: FramingRule::ContentLength })
    }
}

/// The `Host` rule of RFC 9112 3.2: one `Host` in each HTTP/1.1 request, none or one in HTTP/1.0, within the grammar.
///
/// # Errors
///
/// There is none, more than one, or one that is not within the grammar.
#[inline]
pub fn host_rule(facts: &HeadFacts) -> Result<(), ProtocolErrorKind> {
    check_host(&facts.facts)
}

/// [`host_rule`]
pub(crate) fn check_host(facts: &ConnectionFacts) -> Result<(), ProtocolErrorKind> {
    check_optional_host(facts)?;
    if !facts.has(Fact::Host) && facts.version().is_http11() { Err(HostMissing) } else { Ok(()) }
}

/// The same of a `Host` that may be absent.
pub(crate) fn check_optional_host(facts: &ConnectionFacts) -> Result<(), ProtocolErrorKind> {
    if facts.has(Fact::HostRepeated) {
        Err(HostRepeated)
    } else if facts.has(Fact::HostInvalid) {
        Err(HostInvalid)
    } else {
        Ok(())
    }
}

/// Expectations other than `100-continue` (RFC 9110 10.1.1). Those of an HTTP/1.0 client are ignored.
///
/// # Errors
///
/// There is one, and `policy` does not let it in.
#[inline]
pub fn expectation_rule(facts: &HeadFacts, policy: &Policy) -> Result<(), ProtocolErrorKind> {
    check_expectation(&facts.facts, policy)
}

/// [`expectation_rule`]
#[inline]
pub(crate) fn check_expectation(facts: &ConnectionFacts, policy: &Policy) -> Result<(), ProtocolErrorKind> {
    let unknown = facts.has(Fact::OtherExpectation) && facts.version().is_http11();
    if unknown && !policy.expectation.accepts() { Err(Expectation) } else { Ok(()) }
}
