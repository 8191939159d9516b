//! What is known of one connection: every fact that a decision is made from, and no rule.
//!
//! Anchors in time are kept, never timers; counts, never contents. Of a server this is a little over a hundred octets.

use crate::error::ProtocolErrorKind;
use crate::lifecycle::lifetime;
use crate::lifecycle::persistence::{Causes, CloseReason};
use crate::lifecycle::teardown::Stage;
use crate::message::upgrade::Offers;
use crate::time::Instant;

/// Where one half of an exchange stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Half {
    /// Nothing of it yet.
    Idle,
    /// Within its head.
    Head,
    /// Its head is complete, its content is not.
    Content,
    /// All of it.
    Complete,
}

/// How the end of a body is counted; the count stands beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Counted {
    Exact,
    Chunked,
    UntilClose,
}

/// What both roles and both front doors share: every fact that a decision is made from. Public in name only, for the sealed
/// trait of roles.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Machine {
    /// The greatest instant seen: a clock that goes back counts as no time.
    pub(crate) latest: Instant,
    /// It is as old as it may become; once draining, the drain began.
    pub(crate) life: Instant,
    /// The exchange began, with its first octet.
    pub(crate) exchange: Instant,
    /// Content being received, or lingering, began; of a client also a head, or the wait after an interim one.
    pub(crate) begun: Instant,
    /// The last piece of it; then, the request complete.
    pub(crate) last: Instant,
    /// The last octet left, or the first since nothing waited was handed out.
    pub(crate) left: Instant,
    /// Octets of the head or content being received, or discarded.
    pub(crate) octets: u64,
    /// Octets handed out that have not left.
    pub(crate) pending: u64,
    /// Octets that came and that were handed out, on this connection.
    pub(crate) carried: u64,
    /// Content still to be received, where its length is known; else, once it is discarded, what of it came before.
    pub(crate) to_receive: u64,
    /// Content still to be sent, where its length is known.
    pub(crate) to_send: u64,
    /// Exchanges begun: complete heads received.
    pub(crate) exchanges: u32,
    /// Octets that came and have not been looked at.
    pub(crate) unread: u32,
    /// Where the user has a parser: octets that came, and belong to no message that was told.
    pub(crate) ahead: u32,
    pub(crate) causes: Causes,
    pub(crate) offers: Offers,
    pub(crate) flags: u16,
    /// Where between the extremes its limits lie.
    pub(crate) jitter: u16,
    pub(crate) fault: Option<ProtocolErrorKind>,
    /// A close is wanted for this; one more look at the transport decides.
    pub(crate) looking: Option<CloseReason>,
    pub(crate) receiving: Half,
    pub(crate) sending: Half,
    pub(crate) receive_by: Counted,
    pub(crate) send_by: Counted,
    pub(crate) stage: Stage,
    /// That number is known.
    pub(crate) ahead_told: bool,
}

/// Bits of [`Machine::flags`].
pub(crate) mod flag {
    /// The peer closed its side.
    pub(crate) const EOF: u16 = 1;
    /// A graceful close was asked for.
    pub(crate) const DRAINING: u16 = 1 << 1;
    /// The request is HTTP/1.0.
    pub(crate) const HTTP10: u16 = 1 << 2;
    /// The request has the connection option `keep-alive`.
    pub(crate) const KEEP_ALIVE: u16 = 1 << 3;
    /// The request's method is HEAD.
    pub(crate) const HEAD: u16 = 1 << 4;
    /// The request's method is CONNECT.
    pub(crate) const CONNECT: u16 = 1 << 5;
    /// The request offers protocols to switch to.
    pub(crate) const UPGRADE: u16 = 1 << 6;
    /// The peer waits for `100 (Continue)`.
    pub(crate) const CONTINUE: u16 = 1 << 7;
    /// What is received is discarded: a fault, or content nobody reads.
    pub(crate) const DISCARD: u16 = 1 << 8;
    /// The message sent last ended by itself; an end to it is no mistake.
    pub(crate) const ENDED: u16 = 1 << 9;
    /// What is left of the message that was being sent is not wanted.
    pub(crate) const GIVEN_UP: u16 = 1 << 10;
    /// The message sent last may have no content, whatever the application holds for it.
    pub(crate) const SUPPRESSED: u16 = 1 << 11;
    /// What is sent are requests.
    pub(crate) const CLIENT: u16 = 1 << 12;
    /// A client's: no response follows the one being received.
    pub(crate) const FINAL: u16 = 1 << 13;
    /// The peer's side ended without the closure that TLS owes.
    pub(crate) const TRUNCATED: u16 = 1 << 14;
    /// A refusal is due, and nothing else may be sent.
    pub(crate) const REFUSING: u16 = 1 << 15;

    /// What belongs to one request.
    pub(crate) const OF_REQUEST: u16 =
        HTTP10 | KEEP_ALIVE | HEAD | CONNECT | UPGRADE | CONTINUE | DISCARD | ENDED | SUPPRESSED;
    /// Of these, what stays until the next request.
    pub(crate) const STAYS: u16 = HTTP10 | ENDED | SUPPRESSED;
}

impl Machine {
    /// A connection that opened at `now`; `flags` are those of its role.
    pub(crate) const fn new(now: Instant, flags: u16) -> Self {
        Self {
            latest: now,
            life: now,
            exchange: now,
            begun: now,
            last: now,
            left: now,
            octets: 0,
            pending: 0,
            carried: 0,
            to_receive: 0,
            to_send: 0,
            exchanges: 0,
            unread: 0,
            ahead: 0,
            ahead_told: false,
            causes: Causes::NONE,
            offers: Offers::NONE,
            flags,
            jitter: lifetime::MIDDLE,
            fault: None,
            looking: None,
            receiving: Half::Idle,
            sending: Half::Idle,
            receive_by: Counted::Exact,
            send_by: Counted::Exact,
            stage: Stage::Open,
        }
    }

    #[inline(always)]
    pub(crate) const fn is(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    /// The greatest instant so far.
    #[inline(always)]
    pub(crate) fn tick(&mut self, now: Instant) -> Instant {
        if now > self.latest {
            self.latest = now;
        }
        self.latest
    }

    /// What comes is of no message: HTTP is over, or the message was refused, whether the answer to that has begun or not.
    #[inline(always)]
    pub(crate) fn reads_nothing(&self) -> bool {
        self.stage != Stage::Open
            || self.is(flag::REFUSING)
            || (self.is(flag::DISCARD) && self.receiving == Half::Complete)
    }

    /// Nothing of an exchange is outstanding.
    pub(crate) fn between_exchanges(&self) -> bool {
        self.receiving == Half::Idle && self.sending == Half::Idle
    }
}
