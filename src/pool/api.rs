//! What is asked of a pool, and what it answers.

use core::time::Duration;

use super::names::{Idle, Lease, Permit, Ticket};
use super::reasons::{EndReason, RefuseReason, Taint};
use crate::config::nanos::Span;
use crate::lifecycle::persistence::{Persistence, ReuseReason};
use crate::message::keep_alive::KeepAlive;
use crate::time::Instant;

/// What the key of a check-out names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Peer {
    /// The origin server, or one end of a tunnel to it.
    #[default]
    Origin,
    /// A proxy that carries requests for any origin.
    Proxy,
}

/// Which request of its own client's connection this is, as [`ReuseMode`](super::ReuseMode) needs to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the first, or a later one: there is no third")]
pub enum Session {
    /// The first one: its client does not repeat it when the connection fails.
    First,
    /// A later one, or one of our own, which we can repeat.
    #[default]
    Later,
}

/// Which connections a request may be given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// An idle one, or else a new one.
    #[default]
    Any,
    /// A new one: to repeat a request that an idle one failed, or to have one in advance.
    New,
}

/// Whether the request waits for a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Patience {
    /// It waits, if there is room.
    #[default]
    Wait,
    /// It does not.
    None,
}

/// What a request does while its connection is being opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Meanwhile {
    /// Nothing: it is given the new connection, and no other.
    #[default]
    Nothing,
    /// It waits too ([`Checkout::OpenOrWait`]), and takes whichever connection comes first: one that comes back, or the new one. It
    /// does not where it would not wait otherwise ([`Patience::None`], no room in the queue), nor where only a new connection will
    /// do ([`Source::New`]).
    Wait,
}

/// What a request needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Demand {
    /// What the key names.
    pub peer: Peer,
    /// Which request of its session it is.
    pub session: Session,
    /// Which connections a request may be given.
    pub source: Source,
    /// Whether it waits.
    pub patience: Patience,
    /// What it does while its connection is being opened.
    pub meanwhile: Meanwhile,
}

impl Demand {
    /// One of our own requests to an origin: any connection will do, and it waits.
    pub const DEFAULT: Self = Self {
        peer: Peer::Origin,
        session: Session::Later,
        source: Source::Any,
        patience: Patience::Wait,
        meanwhile: Meanwhile::Nothing,
    };

    /// With `peer` set so.
    #[must_use]
    pub const fn with_peer(mut self, peer: Peer) -> Self {
        self.peer = peer;
        self
    }

    /// With `session` set so.
    #[must_use]
    pub const fn with_session(mut self, session: Session) -> Self {
        self.session = session;
        self
    }

    /// With `source` set so.
    #[must_use]
    pub const fn with_source(mut self, source: Source) -> Self {
        self.source = source;
        self
    }

    /// With `patience` set so.
    #[must_use]
    pub const fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// With `meanwhile` set so.
    #[must_use]
    pub const fn with_meanwhile(mut self, meanwhile: Meanwhile) -> Self {
        self.meanwhile = meanwhile;
        self
    }

    /// It waits while its connection is being opened.
    pub(super) const fn waits_meanwhile(&self) -> bool {
        matches!((self.meanwhile, self.patience, self.source), (Meanwhile::Wait, Patience::Wait, Source::Any))
    }
}

/// Whether to read from a connection before it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a driver does each of these: a new one is a breaking change on purpose")]
pub enum Look {
    /// Not needed: the driver watches idle connections, as it said ([`idle_watched`](super::PoolPolicy::idle_watched)), and saw nothing.
    Skip,
    /// Read without waiting, and offer what comes. Octets that are no line ends, or an end, mean that it is [over](super::Pool::closed),
    /// as [`Ended::Unsolicited`] or [`Ended::DeadAtReuse`], and the next check-out may find another.
    First,
}

/// The answer to a check-out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a name in it keeps a place until it is given back, or until its timeout is over"]
#[expect(clippy::exhaustive_enums, reason = "a driver does each of these: a new one is a breaking change on purpose")]
pub enum Checkout<Id> {
    /// Use this connection.
    Reuse {
        /// The connection.
        id: Id,
        /// Its name while it is in use.
        lease: Lease,
        /// Whether to look at it first.
        look: Look,
    },
    /// Open a connection.
    Open(Permit),
    /// Open a connection, and wait at once: what comes first is the request's. Only where the demand asks for it
    /// ([`Meanwhile::Wait`]).
    ///
    /// If a connection of the key comes first, [`Due::GoOn`] says so, and the permit goes on to live on its own: when the new
    /// connection is there, [`opened`](super::Pool::opened) gives its lease as ever, and it is checked in unused; or its opening is
    /// given up with [`failed`](super::Pool::failed). If the new connection comes first, `opened` makes the ticket stale, and nothing
    /// is said of it any more.
    OpenOrWait {
        /// The place.
        permit: Permit,
        /// The place in the queue: it may be given up without the other one.
        ticket: Ticket,
    },
    /// Close this idle connection, and open another one.
    EvictThenOpen {
        /// The connection that goes; the pool has forgotten it.
        victim: Id,
        /// Why it was this one.
        why: EndReason,
        /// The place.
        permit: Permit,
        /// As of [`OpenOrWait`](Self::OpenOrWait), where the demand asks for it; else `None`.
        ticket: Option<Ticket>,
    },
    /// Wait: [`expire`](super::Pool::expire) will say.
    Wait(Ticket),
    /// There is no connection for it, and it may not wait.
    Refuse(RefuseReason),
}

/// The answer to a check-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[expect(clippy::exhaustive_enums, reason = "a driver does each of these: a new one is a breaking change on purpose")]
pub enum Checkin<Id> {
    /// The connection is idle in the pool.
    Kept(Idle),
    /// The connection is idle in the pool, and another one is to be closed instead; the pool has forgotten that one.
    KeptFor {
        /// The connection that came back.
        idle: Idle,
        /// The one that goes.
        victim: Id,
        /// Why.
        why: EndReason,
    },
    /// Close it; the pool has forgotten it.
    Close(EndReason),
}

/// What is known of a connection that comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Returned {
    /// An HTTP/1.1 connection that persists, and of which nothing is known but until when: the fast path will do.
    pub(super) plain: bool,
    pub(super) persistence: Persistence,
    pub(super) taint: Option<Taint>,
    pub(super) hint: KeepAlive,
    /// [`Instant::MAX`]: nothing is said of it.
    pub(super) until: Instant,
    pub(super) octets: u64,
    /// Nothing, where it is not known.
    pub(super) round_trip: Span,
}

impl Returned {
    /// With the verdict of its machine ([`Connection::persistence`](crate::Connection::persistence)), and nothing else.
    /// `Undecided`: it was never used.
    pub const fn new(persistence: Persistence) -> Self {
        Self {
            plain: matches!(persistence, Persistence::Reuse(ReuseReason::Http11)),
            persistence,
            taint: None,
            hint: KeepAlive { timeout: None, max: None },
            until: Instant::MAX,
            octets: 0,
            round_trip: Span::of_nanos(0),
        }
    }

    /// With what makes it unfit for another request, even if its machine says that it persists.
    #[must_use]
    pub const fn with_taint(mut self, taint: Option<Taint>) -> Self {
        self.plain &= taint.is_none();
        self.taint = taint;
        self
    }

    /// With the peer's `Keep-Alive` field, if the connection option was there too. The pool takes its margin off the time
    /// ([`margin`](super::PoolTimeouts::margin)), and counts how often the connection is used again.
    ///
    /// For a driver without our machine. A machine has read the field itself and taken its own margin off
    /// ([`hint_margin`](crate::Timeouts::hint_margin)): what it says goes into [`with_until`](Self::with_until). If both are said, the
    /// earlier end counts, which is that with the longer of the two margins.
    #[must_use]
    pub const fn with_hint(mut self, hint: KeepAlive) -> Self {
        self.plain &= hint.max.is_none();
        self.hint = hint;
        self
    }

    /// With the instant until which its machine would use it ([`Reusable::Now`](crate::Reusable::Now)). The pool takes no margin off
    /// it.
    ///
    /// For a driver with our machine, which has read the peer's `Keep-Alive` field and taken its margin off. A driver without one says
    /// [`with_hint`](Self::with_hint). If both are said, the earlier end counts.
    #[must_use]
    pub const fn with_until(mut self, until: Option<Instant>) -> Self {
        self.until = match until {
            Some(until) => until,
            None => Instant::MAX,
        };
        self
    }

    /// With the octets that it carried this time: what [`Order::Warmest`](super::Order::Warmest) counts.
    #[must_use]
    pub const fn with_octets(mut self, octets: u64) -> Self {
        self.octets = octets;
        self
    }

    /// With how long a round trip takes, if known.
    #[must_use]
    pub const fn with_round_trip(mut self, round_trip: Option<Duration>) -> Self {
        self.round_trip = match round_trip {
            Some(_) => Span::of(round_trip),
            None => Span::of_nanos(0),
        };
        self
    }
}

/// What is known of a connection that ended while it was in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ended {
    /// The peer had closed it: it was found closed before a response began.
    DeadAtReuse,
    /// The peer closed it, or the transport failed, in the middle of its use.
    ByPeer,
    /// We closed it.
    ByUs,
    /// There were octets that no request had asked for (RFC 9112 9.2): a look found them before it was used, or they came while it
    /// was.
    Unsolicited,
}

/// What a look at an idle connection shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Readable {
    /// Octets: no request asked for them.
    Octets,
    /// The end: the peer has closed.
    End,
}

/// What fell due.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the pool has forgotten what it names, or has given a waiter a place: it does not say so again"]
#[expect(clippy::exhaustive_enums, reason = "a driver does each of these: a new one is a breaking change on purpose")]
pub enum Due<Id> {
    /// Close this idle connection; the pool has forgotten it.
    Close {
        /// The connection.
        id: Id,
        /// Why.
        why: EndReason,
    },
    /// A permit was not answered in time, and its place is free again. If a connection is opened with it later, close it.
    PermitOverdue(Permit),
    /// A connection was not returned in time, and its place is free again. Close it.
    LeaseOverdue {
        /// The connection.
        id: Id,
        /// Its name, stale from now.
        lease: Lease,
    },
    /// A request that waited will get nothing. If its connection is still being opened ([`Checkout::OpenOrWait`]), its permit is
    /// good all the same.
    WaitOver {
        /// The waiter's.
        ticket: Ticket,
        /// Why.
        why: RefuseReason,
    },
    /// A request that waited can go on.
    GoOn {
        /// The waiter's, stale from now.
        ticket: Ticket,
        /// What it gets: `Reuse`, `Open` or `EvictThenOpen`; `OpenOrWait`, if its demand asks for it, with a new ticket for the same
        /// place in the queue.
        checkout: Checkout<Id>,
    },
}
