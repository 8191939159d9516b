//! Where a connection stands, in one word: derived from its parts, and kept nowhere.
//!
//! The halves, the stage and a few facts decide everything; a [`Phase`] is what they come to, for people, for logs and for the table of
//! [deadlines](crate::lifecycle::deadlines). Of what could be said at once, the first of this order is: the stage where it is not open,
//! octets that wait to leave between exchanges, a look, a close that waits, then the halves.

use crate::lifecycle::content_use::ContentUse;
use crate::lifecycle::role::LifecycleRole;
use crate::lifecycle::state::{ConnectionState, Receiving, Sending, Stage};

/// Declares the phases, their names and what they are.
macro_rules! phases {
    ($($(#[$doc:meta])+ $phase:ident => $name:literal;)+) => {
        /// Where a connection stands. Both roles go through the same kinds of phases; some belong to one role.
        ///
        /// It decides nothing that [`Wants`](crate::Wants), [`Persistence`](crate::Persistence) and the deadlines do not say: it is what a
        /// log, a counter or a picture shows. `docs/states.md` has the diagram, and the table of what each phase reads, lets the application
        /// do, arms and ends in.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Phase {
            $($(#[$doc])+ $phase,)+
        }

        impl Phase {
            /// Every phase, in the order of a connection's life.
            pub const ALL: &'static [Self] = &[$(Self::$phase),+];

            /// The name, for logs and counters: lower case, words joined by `-`. It is stable.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$phase => $name,)+
                }
            }
        }
    };
}

phases! {
    /// Nothing has happened: a server has received no octet of a head, a client has handed out no request.
    Fresh => "fresh";
    /// Between exchanges, to stay.
    Idle => "idle";
    /// Between exchanges, and octets of ours have not left.
    Flushing => "flushing";
    /// A server's, between exchanges: a close is wanted, and waits for a request that may be on its way.
    Leaving => "leaving";
    /// A server's, between exchanges: a close is wanted, and one more look at the transport decides.
    Looking => "looking";
    /// A client's: its request is being sent, or another one after it; no octet of the response has come, or all of it.
    Requesting => "requesting";
    /// A head is being received.
    Head => "head";
    /// The request's content waits for `100 (Continue)`: a server owes it or a final response, a client waits for it.
    AwaitsContinue => "awaits-continue";
    /// Content is being received, and is all that goes on.
    Content => "content";
    /// The request is complete, and no octet of its response is there: a server waits for the application, a client for the server.
    Waiting => "waiting";
    /// A server's: a refusal is due.
    Refusing => "refusing";
    /// A server's: the request is complete, and its response is being sent.
    Responding => "responding";
    /// A server's: the request's content is being received while its response is being sent.
    BothWays => "both-ways";
    /// A server's: the response is complete, and content of the request that nobody reads is dropped.
    UnreadContent => "unread-content";
    /// A server's: the request's content took too long, and the application may end its response in time.
    ContentLate => "content-late";
    /// The last octets are being sent, then our side is to be shut; what comes is dropped.
    Finishing => "finishing";
    /// Our side is shut; what comes is dropped.
    Lingering => "lingering";
    /// The transport is to be closed.
    CloseDue => "close-due";
    /// The transport is to be closed so that the peer sees a reset.
    ResetDue => "reset-due";
    /// The transport is closed.
    Closed => "closed";
    /// The connection is another protocol's.
    Tunnel => "tunnel";
}

impl core::fmt::Display for Phase {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of phases.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Phases(u32);

impl Phases {
    /// Those in which the transport is not about to be closed, or closed, or handed over.
    pub(crate) const LIVING: Self =
        Self::of(&[Phase::CloseDue, Phase::ResetDue, Phase::Closed, Phase::Tunnel]).complement();

    pub(crate) const fn of(phases: &[Phase]) -> Self {
        let (mut set, mut at) = (0, 0);
        while at < phases.len() {
            set |= 1 << phases[at] as u32;
            at += 1;
        }
        Self(set)
    }

    const fn complement(self) -> Self {
        Self(!self.0)
    }

    #[inline]
    pub(crate) const fn has(self, phase: Phase) -> bool {
        self.0 >> phase as u32 & 1 != 0
    }
}

impl<R: LifecycleRole> ConnectionState<R> {
    /// Where the connection stands.
    pub(crate) fn phase(&self) -> Phase {
        match self.lifetime.stage() {
            Stage::Open if self.is_between_exchanges() => self.phase_between(),
            Stage::Open if R::IS_CLIENT => self.phase_of_client(),
            Stage::Open => self.phase_of_server(),
            Stage::Finishing => Phase::Finishing,
            Stage::HalfClosed => Phase::Lingering,
            Stage::CloseDue => Phase::CloseDue,
            Stage::ResetDue => Phase::ResetDue,
            Stage::Closed => Phase::Closed,
            Stage::Tunnel(_) => Phase::Tunnel,
        }
    }

    fn phase_between(&self) -> Phase {
        if self.send.unsent > 0 {
            Phase::Flushing
        } else if self.lifetime.passed.is_some() {
            Phase::Looking
        } else if !R::IS_CLIENT && !self.lifetime.causes.is_empty() {
            Phase::Leaving
        } else if self.lifetime.exchanges == 0 {
            Phase::Fresh
        } else {
            Phase::Idle
        }
    }

    fn phase_of_server(&self) -> Phase {
        match (self.receive.half(), self.send.half()) {
            (Receiving::Content, Sending::Idle) if self.send.request.awaits_continue => Phase::AwaitsContinue,
            (Receiving::Content, Sending::Idle | Sending::RefusalDue) => Phase::Content,
            (Receiving::Content, Sending::Content) => Phase::BothWays,
            (Receiving::Content, Sending::Complete) => match self.receive.content_use {
                ContentUse::Dropped => Phase::UnreadContent,
                _ => Phase::Content,
            },
            (Receiving::Head | Receiving::Idle, _) => Phase::Head,
            (Receiving::Complete, Sending::Idle) => Phase::Waiting,
            (Receiving::Complete, Sending::RefusalDue) => Phase::Refusing,
            (Receiving::Complete, _) if self.content_timed_out() => Phase::ContentLate,
            (Receiving::Complete, _) => Phase::Responding,
        }
    }

    fn phase_of_client(&self) -> Phase {
        match (self.receive.half(), self.send.half()) {
            (Receiving::Head, _) => Phase::Head,
            (Receiving::Content, _) => Phase::Content,
            (_, Sending::Content) if self.send.request.awaits_continue => Phase::AwaitsContinue,
            (_, Sending::Content) => Phase::Requesting,
            (_, _) => Phase::Waiting,
        }
    }
}
