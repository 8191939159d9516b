//! The field lines of a message as they go on to the next hop (RFC 9110 7.6.1, 11.7).

use super::{ForwardFault, NamedFields, Nominations, options};
use crate::message::known_fields;
use crate::message::octets;

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a message is one or the other")]
pub enum Direction {
    /// A request, to the upstream.
    Request,
    /// A response, to the client.
    Response,
}

/// What becomes of `Proxy-Authorization` and `Proxy-Authenticate` (RFC 9110 11.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 9110 11.7 knows these two")]
pub enum ProxyAuthentication {
    /// They are of the hop: a request's is for this proxy, and is not sent on; a response's is not, either.
    #[default]
    OfHop,
    /// They pass, as among proxies of one owner that ask for one authentication.
    Relayed,
}

/// What is decided of field lines beside what the texts fix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FieldPolicy {
    /// Connection options that name fields for every recipient. Default: the message is refused.
    pub nominations: Nominations,
    /// `Proxy-Authorization` and `Proxy-Authenticate`. Default: of the hop.
    pub proxy_authentication: ProxyAuthentication,
    /// Fields that are not forwarded, either way, by configuration (RFC 9110 5.1). Default: none.
    pub removed: &'static [&'static str],
}

impl FieldPolicy {
    /// Strict, and nothing removed beside fields of the hop.
    pub const DEFAULT: Self =
        Self { nominations: Nominations::Refuse, proxy_authentication: ProxyAuthentication::OfHop, removed: &[] };

    /// With another treatment of options that name fields for every recipient.
    #[must_use]
    pub const fn with_nominations(mut self, nominations: Nominations) -> Self {
        self.nominations = nominations;
        self
    }

    /// With another treatment of the fields of proxy authentication.
    #[must_use]
    pub const fn with_proxy_authentication(mut self, proxy_authentication: ProxyAuthentication) -> Self {
        self.proxy_authentication = proxy_authentication;
        self
    }

    /// Without fields of these names.
    #[must_use]
    pub const fn with_removed(mut self, removed: &'static [&'static str]) -> Self {
        self.removed = removed;
        self
    }

    /// Does policy keep this field on the hop, whatever the message says?
    fn keeps_back(&self, name: &[u8]) -> bool {
        let of_hop = self.proxy_authentication == ProxyAuthentication::OfHop
            && (name.eq_ignore_ascii_case(b"proxy-authorization") || name.eq_ignore_ascii_case(b"proxy-authenticate"));
        of_hop || self.removed.iter().any(|removed| name.eq_ignore_ascii_case(removed.as_bytes()))
    }
}

/// The field lines of a head, and which of them stay on this hop. `I`: name and value of each, in order.
///
/// ```
/// use http_keepalive::intermediary::{Direction, FieldPolicy, ForwardFault, HopFields};
///
/// let lines: [(&[u8], &[u8]); 3] = [(b"Connection", b"close, X-Hop"), (b"X-Hop", b"1"), (b"Accept", b"*/*")];
/// let fields = HopFields::of(lines.into_iter(), &FieldPolicy::DEFAULT)?;
/// assert!(fields.forwarded(Direction::Request).eq([(&b"Accept"[..], &b"*/*"[..])]));
///
/// let hostile: [(&[u8], &[u8]); 1] = [(b"Connection", b"Content-Length")];
/// assert_eq!(HopFields::of(hostile.into_iter(), &FieldPolicy::DEFAULT).err(), Some(ForwardFault::EndToEndOption));
/// # Ok::<(), ForwardFault>(())
/// ```
#[derive(Clone, Debug)]
pub struct HopFields<'p, I> {
    lines: I,
    named: NamedFields,
    policy: &'p FieldPolicy,
}

impl<'p, 'h, I: Iterator<Item = (&'h [u8], &'h [u8])> + Clone> HopFields<'p, I> {
    /// Reads the connection options of these lines.
    ///
    /// # Errors
    ///
    /// [`ForwardFault::EndToEndOption`]: one names a field that is for every recipient. [`ForwardFault::TooManyOptions`]: more than 32
    /// name fields.
    pub fn of(lines: I, policy: &'p FieldPolicy) -> Result<Self, ForwardFault> {
        let named = options::named(values(lines.clone(), b"connection"), policy.nominations)?;
        Ok(Self { lines, named, policy })
    }

    /// Which fields the options name: for the trailer section.
    pub const fn named(&self) -> NamedFields {
        self.named
    }

    /// Does this field stay on the hop: by its name, by an option, or by policy?
    pub fn is_of_hop(&self, name: &[u8]) -> bool {
        known_fields::is_of_hop(name)
            || self.policy.keeps_back(name)
            // the filter says which names are looked for at all
            || (self.named.may_have(name) && !options::is_end_to_end(name) && self.is_named(name))
    }

    fn is_named(&self, name: &[u8]) -> bool {
        let options = values(self.lines.clone(), b"connection").flat_map(octets::members);
        options.into_iter().any(|option| option.eq_ignore_ascii_case(name))
    }

    /// The lines that go on, in order (RFC 9110 5.3), without those that the next hop is told anew: `Content-Length` and, of a request,
    /// `Host`, `Expect`, and `Max-Forwards` of a method that counts it.
    ///
    /// `Via` passes, and the intermediary adds its own line after it.
    pub fn forwarded(&self, direction: Direction) -> impl Iterator<Item = (&'h [u8], &'h [u8])> {
        let made_anew = move |name: &[u8]| {
            known_fields::is_owned(name)
                || (direction == Direction::Request
                    && (name.eq_ignore_ascii_case(b"host") || name.eq_ignore_ascii_case(b"expect")))
        };
        self.lines.clone().filter(move |(name, _)| !made_anew(name) && !self.is_of_hop(name))
    }
}

/// May this line of a trailer section go on? Not what may be no trailer (RFC 9110 6.5.1), not what an option of the head named, not what
/// policy keeps back.
pub(crate) fn trailer_goes_on(named: NamedFields, policy: &FieldPolicy, name: &[u8]) -> bool {
    !known_fields::never_a_trailer(name) && !policy.keeps_back(name) && !named.may_have(name)
}

/// Do these lines of a request say that trailers are accepted: `TE: trailers`, as a field of this connection (RFC 9110 6.5.1, 10.1.4)?
pub fn accepts_trailers<'h>(lines: impl Iterator<Item = (&'h [u8], &'h [u8])> + Clone) -> bool {
    let has = |name: &'static [u8], member: &'static [u8]| {
        let members = values(lines.clone(), name).flat_map(octets::members);
        members.into_iter().any(|one| one.eq_ignore_ascii_case(member))
    };
    has(b"te", b"trailers") && has(b"connection", b"te")
}

/// The values of the lines of this name.
pub(super) fn values<'h>(
    lines: impl Iterator<Item = (&'h [u8], &'h [u8])>,
    name: &'static [u8],
) -> impl Iterator<Item = &'h [u8]> {
    lines.filter(move |(one, _)| one.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}
