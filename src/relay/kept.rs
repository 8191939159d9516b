//! The request that is open, as it is sent on: kept from its head until its response begins, so that it can be sent to another upstream.
//!
//! A head is written anew from what was read, line by line, and each line is checked as any that is sent (RFC 9112 11.2): what stands here is
//! all that an upstream sees of the client's head. `Host` comes first, made from the target; what the next hop is to be told is made anew.

use core::ops::Range;

use super::policy::{RelayPolicy, Standing, Trailers};
use crate::config::Use;
use crate::drive::Storage;
use crate::intermediary::{
    Direction, ForwardFault, HopFields, MaxForwards, NamedFields, NextHop, Route, Telling, accepts_trailers,
    content_to_send, max_forwards, may_be_told, trailer_goes_on,
};
use crate::message::announcement::Content;
use crate::message::connection_facts::ConnectionFacts;
use crate::message::fact_set::FactSet;
use crate::message::fields_to_send::{CheckedFields, check_field, split_lines};
use crate::message::head::{FieldSection, RequestHead};
use crate::message::method::{Method, MethodKind, Version};
use crate::message::target::TargetForm;

/// A place in the storage.
type Place = Range<usize>;

/// The request that is open.
#[derive(Clone, Debug)]
pub(super) struct Kept<S> {
    storage: S,
    /// Octets in use.
    used: usize,
    lines: Place,
    method: Place,
    target: Place,
    authority: Place,
    credentials: Option<Place>,
    trailers: Place,
    facts: FactSet,
    pub(super) about: About,
}

/// What else is known of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    pub(super) method: MethodKind,
    pub(super) version: Version,
    pub(super) content: Content,
    /// Which fields its options named: for its trailers.
    pub(super) named: NamedFields,
    /// Its response may have trailers.
    pub(super) takes_trailers: bool,
    /// It authenticates its connection.
    pub(super) pins: bool,
    /// `Max-Forwards` is used up: it is answered here.
    pub(super) ends_here: bool,
}

impl<S: Storage> Kept<S> {
    pub(super) const fn new(storage: S) -> Self {
        Self {
            storage,
            used: 0,
            lines: 0..0,
            method: 0..0,
            target: 0..0,
            authority: 0..0,
            credentials: None,
            trailers: 0..0,
            facts: FactSet::EMPTY,
            about: About {
                method: MethodKind::Other,
                version: Version::HTTP_11,
                content: Content::Empty,
                named: NamedFields::NONE,
                takes_trailers: false,
                pins: false,
                ends_here: false,
            },
        }
    }

    /// Keeps the request of this head, in the place of the one before.
    pub(super) fn keep(&mut self, head: &RequestHead<'_>, policy: &RelayPolicy) -> Result<(), ForwardFault> {
        let received = head.fields.iter().map(|line| (line.name, line.value.as_received()));
        if policy.via.as_ref().is_some_and(|us| us.is_in(received.clone())) {
            return Err(ForwardFault::Loop);
        }
        let fields = HopFields::of(received.clone(), &policy.fields)?;
        let route = Route::of(head)?;
        let kind = head.method.kind();
        let counted = max_forwards(kind, received.clone());
        if counted == MaxForwards::Invalid {
            return Err(ForwardFault::MaxForwards);
        }
        let trailers = policy.trailers != Trailers::Never
            && may_be_told(head.version, Telling::Trailers)
            && accepts_trailers(received.clone());
        let mut lines = Lines { kept: self, facts: ConnectionFacts::new(kind, Version::HTTP_11) };
        lines.kept.used = 0;
        lines.put(b"Host", route.host())?;
        let first = lines.kept.used - 2;
        for (name, value) in fields.forwarded(Direction::Request) {
            if counted == MaxForwards::NotSaid || !name.eq_ignore_ascii_case(b"max-forwards") {
                lines.put(name, value)?;
            }
        }
        if head.expects_continue() {
            lines.put(b"Expect", b"100-continue")?;
        }
        if trailers {
            lines.put(b"TE", b"trailers")?;
        }
        if policy.upgrades == Use::On && head.offers_upgrade() && offer_fits(head) {
            lines.put_list(b"Upgrade", head.upgrade_offers())?;
        }
        if let Some(us) = &policy.via {
            lines.put(b"Via", &us.line(head.version))?;
        }
        if let MaxForwards::GoesOn(number) = counted {
            lines.put_number(b"Max-Forwards", number)?;
        }
        let facts = lines.facts.set();
        let (authority, target) = (first - route.authority().len()..first, head.target.as_bytes());
        let credentials = head.fields.value("proxy-authorization").map(|value| value.as_received());
        (self.facts, self.authority, self.lines) = (facts, authority, 0..self.used);
        self.method = self.put(head.method.as_bytes())?;
        self.target = self.put(target)?;
        self.trailers = 0..0;
        self.credentials = credentials.map(|value| self.put(value)).transpose()?;
        self.about = About {
            method: kind,
            version: head.version,
            content: content_to_send(head.framing.length),
            named: fields.named(),
            takes_trailers: match policy.trailers {
                Trailers::WhereAccepted => trailers,
                Trailers::Always => may_be_told(head.version, Telling::Trailers),
                Trailers::Never => false,
            },
            pins: head.fields.values("authorization").any(|value| authenticates_connection(value.as_received())),
            ends_here: counted == MaxForwards::EndsHere,
        };
        Ok(())
    }

    /// Puts octets after what is in use.
    fn put(&mut self, octets: &[u8]) -> Result<Place, ForwardFault> {
        let place = self.used..self.used + octets.len();
        self.storage.grow(place.end);
        let room = self.storage.octets_mut().get_mut(place.clone()).ok_or(ForwardFault::TooLong)?;
        room.copy_from_slice(octets);
        self.used = place.end;
        Ok(place)
    }

    fn at(&self, place: &Place) -> &[u8] {
        self.storage.octets().get(place.clone()).unwrap_or_default()
    }

    /// The target for this next hop, made after what is in use.
    pub(super) fn make_target(&mut self, next: NextHop) -> Result<Place, ForwardFault> {
        let most = self.target.len() + self.authority.len() + "http:///".len();
        self.storage.grow(self.used + most);
        let (front, room) = self.storage.octets_mut().split_at_mut_checked(self.used).ok_or(ForwardFault::TooLong)?;
        let at = |place: &Place| front.get(place.clone()).unwrap_or_default();
        let route = Route::new(self.about.method, at(&self.target), at(&self.authority))?;
        let (octets, mut length) = (route.target_for(next)?.octets(), 0);
        for octet in octets {
            *room.get_mut(length).ok_or(ForwardFault::TooLong)? = octet;
            length += 1;
        }
        Ok(self.used..self.used + length)
    }

    /// Method, a target that was made, and the field lines.
    pub(super) fn parts(&self, target: &Place) -> (Method<'_>, &[u8], CheckedFields<'_>) {
        let lines = CheckedFields { lines: self.at(&self.lines), facts: self.facts, has_padding: false };
        (Method::new(self.at(&self.method)), self.at(target), lines)
    }

    /// Keeps the trailers of the request that go on. Those for which there is no room are left out (RFC 9110 6.5.1).
    pub(super) fn keep_trailers(&mut self, trailers: &FieldSection<'_>, policy: &RelayPolicy) {
        let (from, named) = (self.used, self.about.named);
        for line in trailers.iter().filter(|line| trailer_goes_on(named, &policy.fields, line.name)) {
            let before = self.used;
            let mut lines = Lines { kept: self, facts: ConnectionFacts::new(MethodKind::Other, Version::HTTP_11) };
            if lines.put(line.name, line.value.as_received()).is_err() {
                self.used = before;
            }
        }
        self.trailers = from..self.used;
    }

    /// The trailers of the request.
    pub(super) fn trailers(&self) -> CheckedFields<'_> {
        CheckedFields { lines: self.at(&self.trailers), facts: FactSet::EMPTY, has_padding: false }
    }

    /// The request, as a driver looks at it.
    pub(super) fn wanted(&self) -> Wanted<'_> {
        Wanted {
            method: Method::new(self.at(&self.method)),
            target: self.at(&self.target),
            authority: self.at(&self.authority),
            version: self.about.version,
            content: self.about.content,
            proxy_authorization: self.credentials.as_ref().map(|place| self.at(place)),
            lines: self.at(&self.lines),
            tries: 0,
            new_only: false,
            pinned: false,
        }
    }

    /// Memory beyond a little is given back.
    pub(super) fn shrink(&mut self) {
        self.storage.shrink(0);
    }
}

/// Field lines as they are written.
struct Lines<'k, S> {
    kept: &'k mut Kept<S>,
    facts: ConnectionFacts,
}

impl<S: Storage> Lines<'_, S> {
    /// A line, with a space in the place of each octet of a fold (RFC 9112 5.2).
    fn put(&mut self, name: &[u8], value: &[u8]) -> Result<(), ForwardFault> {
        self.kept.put(name)?;
        self.kept.put(b": ")?;
        let place = self.kept.put(value)?;
        let value = self.kept.storage.octets_mut().get_mut(place).unwrap_or_default();
        value.iter_mut().filter(|b| matches!(**b, b'\r' | b'\n' | 0)).for_each(|b| *b = b' ');
        check_field(name, &*value).map_err(|_| ForwardFault::FieldValue)?;
        self.facts.field_line(name, value);
        self.kept.put(b"\r\n")?;
        Ok(())
    }

    fn put_list<'v>(&mut self, name: &[u8], mut values: impl Iterator<Item = &'v [u8]>) -> Result<(), ForwardFault> {
        self.kept.put(name)?;
        self.kept.put(b": ")?;
        let from = self.kept.used;
        values.try_for_each(|value| {
            if self.kept.used > from {
                self.kept.put(b", ")?;
            }
            self.kept.put(value).map(|_| ())
        })?;
        let value = self.kept.storage.octets().get(from..self.kept.used).unwrap_or_default();
        self.facts.field_line(name, value);
        self.kept.put(b"\r\n")?;
        Ok(())
    }

    fn put_number(&mut self, name: &[u8], mut number: u64) -> Result<(), ForwardFault> {
        let (mut digits, mut from) = ([0; 20], 20);
        loop {
            from -= 1;
            digits[from] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return self.put(name, &digits[from..]);
            }
        }
    }
}

/// As much as a client remembers of its offer: 64 octets, a comma after each name.
fn offer_fits(head: &RequestHead<'_>) -> bool {
    let octets: usize = head.upgrade_offers().map(|name| name.len() + 1).sum();
    (1..=64).contains(&octets)
}

/// Do these credentials, or this challenge, authenticate the connection and not the request: NTLM, Negotiate?
pub(super) fn authenticates_connection(value: &[u8]) -> bool {
    value.split(|&b| b == b',').any(|one| {
        let mut words = one.split(|&b| b == b' ' || b == b'\t').filter(|word| !word.is_empty());
        let scheme = words.next().unwrap_or_default();
        [&b"ntlm"[..], b"negotiate"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
    })
}

/// The request that is to go on.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Wanted<'r> {
    /// Its method.
    pub method: Method<'r>,
    /// Its target, as received: absolute-form and authority-form are asked of a forward proxy.
    pub target: &'r [u8],
    /// Host, and port where one is named: of the target, or else of `Host` (RFC 9112 3.2.2). It may be empty, of an HTTP/1.0 request.
    pub authority: &'r [u8],
    /// The version in which the client speaks.
    pub version: Version,
    /// Its content, as it is sent on.
    pub content: Content,
    /// The credentials for this proxy (RFC 9110 11.7.2).
    pub proxy_authorization: Option<&'r [u8]>,
    /// How many upstreams it has been lost on.
    pub tries: u32,
    /// It is sent again: on a new connection, since those that were idle beside a dead one are most likely dead, too (`Source::New` of a pool).
    pub new_only: bool,
    /// A connection that was authenticated for this client is here: [`forward_pinned`](super::Relay::forward_pinned).
    pub pinned: bool,
    pub(super) lines: &'r [u8],
}

impl<'r> Wanted<'r> {
    /// The form of its target: CONNECT has the authority-form, and is answered by a tunnel.
    pub fn form(&self) -> TargetForm {
        crate::message::target::Target::new(self.target, self.method.kind()).form()
    }

    /// The field lines that go on, as they are sent: name and value of each.
    pub fn fields(&self) -> impl Iterator<Item = (&'r [u8], &'r [u8])> {
        split_lines(self.lines)
    }
}

/// `Via` is of every request, and of a proxy's responses, too.
pub(super) fn names_itself_in_responses(policy: &RelayPolicy) -> bool {
    policy.standing == Standing::Proxy
}
