//! What a request's head must announce about the connection: may it be sent, what does it say, what follows from it.
//!
//! Read first: RFC 9112 3.2 (targets), 6.1 to 6.3 (framing), 9.3, 9.6 (options); RFC 9110 7.8 (`Upgrade`), 8.6 (`Content-Length`), 9.3
//! (content by method), 10.1.1 (`Expect`). As for a response, the plan moves nothing and is committed once the octets fitted.
//!
//! Tie-breaks. POST and PUT without content say `Content-Length: 0`; other methods say nothing (RFC 9110 8.6). Content of unknown
//! length is chunked, unless the peer has answered as HTTP/1.0: then it is refused, for a request can not end by closing.

use crate::announce::{Announce, ConnectionOptions, Content, FramingField};
use crate::config::{RequestHint, Settings};
use crate::error::Misuse;
use crate::facts::Facts;
use crate::framing::{self, BodyLength};
use crate::head_facts::Compared;
use crate::keep_alive::KeepAlive;
use crate::machine::{Counted, Half, Machine, flag};
use crate::method::{Method, MethodKind, Version};
use crate::octets::{self, class};
use crate::outstanding::{Outstanding, bit};
use crate::persistence::CloseReason;
use crate::send_fields::CheckedFields;
use crate::target::{Target, TargetForm};
use crate::time::Instant;
use crate::upgrade::Names;

/// A request to be sent: its request line, and what the caller knows of it.
///
/// ```
/// use http_keepalive::{Method, Request, Version};
///
/// let request = Request::new(Method::new(b"POST"), b"/orders").with_idempotent(true);
/// assert_eq!(request.version, Version::HTTP_11);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request<'a> {
    method: Method<'a>,
    kind: MethodKind,
    /// The target, in the form its recipient expects (RFC 9112 3.2): origin-form to an origin, absolute-form to a proxy.
    pub target: &'a [u8],
    /// The version. HTTP/1.0 asks for persistence with `Connection: keep-alive`, if policy lets it.
    pub version: Version,
    /// It is the last one on this connection: `Connection: close` (RFC 9112 9.6).
    pub close: bool,
    /// It may be repeated though its method does not say so (RFC 9110 9.2.2).
    pub idempotent: bool,
    /// Its content can be sent again from the start.
    pub replayable: bool,
}

impl<'a> Request<'a> {
    /// An HTTP/1.1 request that says nothing of itself.
    pub const fn new(method: Method<'a>, target: &'a [u8]) -> Self {
        Self {
            method,
            kind: method.kind(),
            target,
            version: Version::HTTP_11,
            close: false,
            idempotent: false,
            replayable: false,
        }
    }

    /// The method.
    pub const fn method(&self) -> Method<'a> {
        self.method
    }

    pub(crate) const fn kind(&self) -> MethodKind {
        self.kind
    }

    /// Its facts, those of its first field lines with them.
    #[inline(always)]
    pub(crate) const fn facts(&self, lines: &CheckedFields<'_>) -> Facts {
        Facts::new(self.kind, self.version).with_lines(lines.flags)
    }

    /// With another version.
    #[must_use]
    pub const fn with_version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// The last one on this connection, or not.
    #[must_use]
    pub const fn with_close(mut self, close: bool) -> Self {
        self.close = close;
        self
    }

    /// It may be repeated, or not.
    #[must_use]
    pub const fn with_idempotent(mut self, idempotent: bool) -> Self {
        self.idempotent = idempotent;
        self
    }

    /// Its content can be sent again, or not.
    #[must_use]
    pub const fn with_replayable(mut self, replayable: bool) -> Self {
        self.replayable = replayable;
        self
    }

    /// Are method and target what they may be (RFC 9112 3.2, RFC 9110 9.1)?
    #[inline(always)]
    pub(crate) fn check_line(&self) -> Result<(), Misuse> {
        let target = match self.target {
            // origin-form, as nearly all are
            [b'/', rest @ ..] if self.kind != MethodKind::Connect => octets::all(rest, class::TARGET),
            target => octets::all(target, class::TARGET) && crate::head::check_form(self.kind, target).is_ok(),
        };
        let method = self.kind != MethodKind::Other || octets::is_token(self.method.as_bytes());
        if method && target && self.version.minor <= 1 { Ok(()) } else { Err(Misuse::RequestLine) }
    }
}

/// A request head that may be sent, and what follows from sending it.
#[derive(Clone, Copy)]
pub(crate) struct RequestPlan {
    pub(crate) options: ConnectionOptions,
    pub(crate) framing: FramingField,
    pub(crate) hint: RequestHint,
    length: BodyLength,
    closes: bool,
    /// Why, if it does.
    reason: CloseReason,
}

impl RequestPlan {
    /// There is nothing to announce.
    #[inline(always)]
    pub(crate) fn is_silent(&self) -> bool {
        self.framing == FramingField::None
            && self.hint == RequestHint::Silent
            && self.options == ConnectionOptions::default()
    }

    pub(crate) fn announce(&self, settings: &Settings) -> Announce {
        let keep_alive = match self.hint {
            // a hint of nothing is no field
            RequestHint::Timeout => {
                hint_seconds(settings).map(|seconds| KeepAlive { timeout: Some(seconds), max: None })
            }
            RequestHint::Silent | RequestHint::Ask | RequestHint::BareNumber => None,
        };
        Announce { options: self.options, keep_alive, framing: self.framing, length: self.length }
    }
}

/// The seconds that a request's hint says.
pub(crate) fn hint_seconds(settings: &Settings) -> Option<u32> {
    settings.timeouts.idle.map(|idle| u32::try_from(idle.as_secs()).unwrap_or(u32::MAX))
}

/// Which connection options and framing field go with a request; all but its field lines is known.
#[inline]
pub(crate) fn plan<const DEPTH: usize>(
    state: &Outstanding<DEPTH>,
    machine: &Machine,
    settings: &Settings,
    request: &Request<'_>,
    content: Content,
) -> Result<RequestPlan, Misuse> {
    let method = request.kind;
    let (framing, length) = match content {
        Content::Empty | Content::Exact(0) if matches!(method, MethodKind::Post | MethodKind::Put) => {
            (FramingField::ContentLength(0), BodyLength::Empty)
        }
        Content::Empty | Content::Exact(0) => (FramingField::None, BodyLength::Empty),
        _ if matches!(method, MethodKind::Connect | MethodKind::Trace) => return Err(Misuse::ContentNotAllowed),
        Content::Exact(octets) => (FramingField::ContentLength(octets), BodyLength::Exact(octets)),
        Content::Unknown if request.version.is_http11() && !machine.is(flag::HTTP10) => {
            (FramingField::Chunked, BodyLength::Chunked)
        }
        Content::Unknown | Content::UntilClose => return Err(Misuse::ContentNotAllowed),
    };
    let policy = &settings.policy;
    let last = machine.most_exchanges(settings).is_some_and(|most| state.asked().saturating_add(1) >= most);
    let closes = request.close || last || !policy.persistence.is_on();
    let hint = if closes { RequestHint::Silent } else { policy.request_hint };
    let asks = !request.version.is_http11() && policy.http10_keep_alive.is_on();
    let keep_alive = !closes && (asks || hint != RequestHint::Silent);
    let options = ConnectionOptions { close: closes, keep_alive, ..ConnectionOptions::default() };
    let reason = match (request.close, policy.persistence.is_on()) {
        (true, _) => CloseReason::CloseSent,
        (false, false) => CloseReason::PersistenceOff,
        (false, true) => CloseReason::MaxExchanges,
    };
    Ok(RequestPlan { options, framing, hint, length, closes, reason })
}

/// What the field lines of a request add to its plan; `facts` are theirs.
#[inline]
pub(crate) fn check_fields(plan: &mut RequestPlan, facts: &Facts) -> Result<(), Misuse> {
    framing::check_host(facts).map_err(|_| Misuse::Host)?;
    let empty = plan.length == BodyLength::Empty;
    if facts.any(crate::facts::flag::EXPECTATION) || (facts.any(crate::facts::flag::CONTINUE) && empty) {
        return Err(Misuse::Expectation);
    }
    plan.options.upgrade = facts.any(crate::facts::flag::UPGRADE_LINE);
    plan.options.te = facts.any(crate::facts::flag::TE);
    Ok(())
}

/// What must be compared octet by octet of a head to be sent: the `Host` with the authority of the target (RFC 9112 3.2), and
/// the protocols offered, which are returned, with what can be remembered.
#[cold]
pub(crate) fn check_compared<'h>(target: Target<'_>, head: &'h Compared) -> Result<Option<&'h Names>, Misuse> {
    if let Some(misuse) = head.misuse {
        return Err(misuse);
    }
    let named = matches!(target.form(), TargetForm::Absolute | TargetForm::Authority);
    if named && !head.host_is(target.authority().unwrap_or_default()) {
        return Err(Misuse::Host);
    }
    match &head.protocols {
        Some(names) if !names.fit() => Err(Misuse::UpgradeTooLong),
        names => Ok(names.as_ref()),
    }
}

/// The request planned was handed out, and what it offers is kept already.
#[inline]
pub(crate) fn commit<const DEPTH: usize>(
    state: &mut Outstanding<DEPTH>,
    machine: &mut Machine,
    now: Instant,
    request: &Request<'_>,
    plan: &RequestPlan,
    facts: &Facts,
) {
    let expects = facts.expects_continue();
    let connects = facts.method() == MethodKind::Connect;
    let mut bits = if plan.options.upgrade { bit::LAST | bit::OFFERS } else { 0 };
    if facts.method().is_idempotent() || request.idempotent {
        bits |= bit::IDEMPOTENT;
    }
    if plan.closes || connects || expects {
        bits |= bit::LAST;
    }
    if plan.length == BodyLength::Empty || request.replayable {
        bits |= bit::REPLAYABLE;
    }
    state.push(machine, now, facts.method(), bits);
    machine.flags &= !(flag::ENDED | flag::SUPPRESSED | flag::CONTINUE | flag::GIVEN_UP);
    if expects {
        machine.flags |= flag::CONTINUE;
    }
    if plan.closes {
        machine.causes.add(plan.reason);
    }
    (machine.send_by, machine.to_send) = match plan.length {
        BodyLength::Empty | BodyLength::UntilClose => (Counted::Exact, 0),
        BodyLength::Exact(octets) => (Counted::Exact, octets),
        BodyLength::Chunked => (Counted::Chunked, 0),
    };
    machine.sending = Half::Content;
    if plan.length == BodyLength::Empty {
        machine.flags |= flag::ENDED;
        machine.sending = Half::Complete;
    }
}
