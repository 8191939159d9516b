//! What is known of one connection, in named parts, and the only moves of its halves and of its stage.
//!
//! **Parts.** [`Receive`] is what comes, [`Send`] what goes, [`Lifetime`] how long the connection may last, why it ends and how far it is
//! from its end. Beside them stand the clock, the begin of the exchange, and what the role keeps of its own. Instants are kept, never
//! timers; counts, never octets.
//!
//! **Moves.** A receiving half goes `Idle → Head → Content → Complete → Idle`, a sending half `Idle → Content → Complete → Idle`, with
//! `RefusalDue` between `Idle` and `Content` where a refusal is due. A [`Stage`] goes forward only. These three fields are private to this
//! file: every other file moves them by the functions below, which know no role and no setting. Which move follows from which event is
//! said in [`exchange`](crate::lifecycle::exchange) and [`teardown`](crate::lifecycle::teardown).
//!
//! **One field, one meaning.** A field that counts or dates "what is being received" speaks of the part of a message that the receiving half
//! names: its head, its content; or, once our side is shut, of what is dropped; or, once the peer's side is closed, of its end.

use core::num::NonZeroU8;

use crate::error::ProtocolErrorKind;
use crate::lifecycle::content_use::ContentUse;
use crate::lifecycle::deadline::DeadlineKind;
use crate::lifecycle::grace::{Grace, Granted};
use crate::lifecycle::jitter;
use crate::lifecycle::persistence::{Causes, CloseReason, TunnelReason};
use crate::lifecycle::relative::Relative;
use crate::lifecycle::role::LifecycleRole;
use crate::message::framing::BodyLength;
use crate::message::method::MethodKind;
use crate::status::StatusCode;
use crate::time::Instant;

/// Everything a decision is made from, whichever door the facts came through. Public in name only, for the sealed trait of roles.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ConnectionState<R: LifecycleRole> {
    /// The greatest instant seen: a clock that goes back counts as no time.
    pub(super) latest: Instant,
    /// When the exchange began: a server received the first octet of its request; a client handed out the head of its request.
    pub(super) exchange_began: Instant,
    pub(super) receive: Receive,
    pub(super) send: Send,
    pub(super) lifetime: Lifetime,
    /// What looks at the transport have granted to what is being received.
    pub(super) grace: Grace,
    /// What the role keeps of its own.
    pub(super) role: R::State,
}

/// Where the receiving half of an exchange stands: of a server the request, of a client the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Receiving {
    /// Nothing of the message has come.
    Idle,
    /// Within its head.
    Head,
    /// Its head is complete, its content is not.
    Content,
    /// All of it came, or nothing more of it is read.
    Complete,
}

/// Where the sending half of an exchange stands: of a server the response, of a client the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Sending {
    /// No head has been handed out.
    Idle,
    /// A server's: a refusal is due, and no other response may be sent but one that takes its place.
    RefusalDue,
    /// The head was handed out, the content is not complete.
    Content,
    /// All of it was handed out, or nothing more of it is wanted.
    Complete,
}

/// By what the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum BodyEnd {
    /// By the number of its octets.
    Exact,
    /// By its last chunk.
    Chunked,
    /// By the close of the connection.
    UntilClose,
}

/// The peer's side of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PeerSide {
    /// Octets may come.
    Open,
    /// It is closed.
    Closed,
    /// It ended without the closure alert that TLS owes (RFC 9112 9.8).
    Truncated,
}

/// What comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Receive {
    half: Receiving,
    pub(super) end: BodyEnd,
    /// From when what is being received counts as a whole: it began then; pauses of the application move it on. Once the peer's side is
    /// closed: since then, or since an octet of ours left after it.
    pub(super) began: Instant,
    /// When it last got further: an octet of it came, it became complete, or, where it was given up and our response may still be ended,
    /// an octet of ours went. While the application pauses: since when it does.
    pub(super) progress_at: Instant,
    /// Octets of it so far.
    pub(super) octets: u64,
    /// How many octets of content may come at most: what is left of a known length; all there are, until the connection closes; of chunked
    /// content that nobody reads, what it is worth to keep the connection.
    pub(super) remaining: u64,
    /// Octets that came and belong to no message told so far.
    pub(super) unread: u32,
    /// Where they are, and how well their number is known.
    pub(super) unread_at: Unread,
    /// No more of the message is read, though it may not be complete: after a fault, or where the rest is not worth it.
    pub(super) given_up: bool,
    /// What the application does with the content.
    pub(super) content_use: ContentUse,
    /// Empty lines skipped since the last message.
    pub(super) empty_lines: u8,
    pub(super) peer_side: PeerSide,
    /// What the peer did wrong.
    pub(super) fault: Option<ProtocolErrorKind>,
    /// A server's: what is answered instead of the application, to the request that is open, or to the next one.
    pub(super) refusal: Option<Refusal>,
    /// A server's: which timeouts are those of an exchange.
    pub(super) own_timeouts: OwnTimeouts,
}

/// Which timeouts are those of an exchange, and not those of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum OwnTimeouts {
    None,
    /// Those of the exchange that is open.
    OfExchange,
    /// Those of the exchange before, for its octets that wait to leave.
    OfWhatGoes,
}

/// Where the octets are that have not been looked at, and how well their number is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Unread {
    /// They are offered again.
    Offered,
    /// A parser of the user was given them, and how many are of no message is a guess.
    Guessed,
    /// The same, and the number was told.
    Told,
}

/// A status that refuses, 400 to 599, in one octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Refusal(NonZeroU8);

impl Refusal {
    /// Of this status, if it refuses.
    pub(super) fn of(status: StatusCode) -> Option<Self> {
        if !(400..600).contains(&status.as_u16()) {
            return None;
        }
        u8::try_from(status.as_u16() - 399).ok().and_then(NonZeroU8::new).map(Self)
    }

    pub(super) fn status(self) -> StatusCode {
        StatusCode::new(u16::from(self.0.get()) + 399).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
    }
}

/// What goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Send {
    half: Sending,
    pub(super) end: BodyEnd,
    /// How the message that was sent last came to its end.
    pub(super) ended: Ended,
    /// The peer's last message is HTTP/1.0: it knows no chunks and no interim responses (RFC 9112 6.1, RFC 9110 15.2).
    pub(super) peer_is_http10: bool,
    /// The request of this exchange, as far as what is sent depends on it.
    pub(super) request: RequestFacts,
    /// Content still to be handed out, where its length is known.
    pub(super) remaining: u64,
    /// Octets that were handed out and have not left.
    pub(super) unsent: u64,
    /// Since when nothing moves: the connection opened, an octet left, an octet began to wait, or an exchange ended.
    pub(super) still_since: Instant,
    /// From when the rate of what goes counts: its first octet began to wait. Time in which none waits moves it on, and so does what leaves,
    /// by the time that the rate gives it. [`Instant::MAX`]: it does not count. Once a write has failed: since then.
    pub(super) rate_began: Instant,
    /// What looks at the transport have granted to the rate of this message.
    pub(super) granted: Granted<u8>,
}

/// How the message that was sent last came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ended {
    /// It was ended by the application, or it is not at its end.
    ByCall,
    /// By its length: to say its end is no mistake.
    ByLength,
    /// With its head, for it may have no content, whatever the application holds for it.
    WithHead,
    /// What was left of it is not wanted.
    GivenUp,
    /// A write failed: no octet goes any more, of this message or another one.
    WriteFailed,
}

/// What of a request decides how it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RequestFacts {
    pub(super) method: AnsweredMethod,
    /// It has the connection option `keep-alive`.
    pub(super) keep_alive: bool,
    /// Its content waits for `100 (Continue)`.
    pub(super) awaits_continue: bool,
}

/// Methods whose responses are framed in their own way (RFC 9112 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum AnsweredMethod {
    Head,
    Connect,
    Other,
}

/// How long the connection may last, why it ends, and how far it is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lifetime {
    stage: Stage,
    /// This deadline has passed; one more look at the transport decides whether it takes effect.
    pub(super) passed: Option<DeadlineKind>,
    /// Where this connection lies in the range of `jitter` and `drain_spread`.
    pub(super) jitter: u16,
    /// Exchanges so far: complete heads received.
    pub(super) exchanges: u32,
    pub(super) causes: Causes,
    /// Octets that came and that were handed out.
    pub(super) octets: u64,
    /// When the connection is as old as it may become ([`Instant::MAX`]: never), or, once a drain has begun, when that was: then no age ends
    /// it. See [`age_ends_at`](Self::age_ends_at), [`drain_began`](Self::drain_began).
    term: Instant,
}

/// How far the connection is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// HTTP is spoken.
    Open,
    /// The last octets are being sent; nothing is read as HTTP any more.
    Finishing,
    /// Our side is shut; what comes is dropped.
    HalfClosed,
    /// The transport is to be closed.
    CloseDue,
    /// The transport is to be reset.
    ResetDue,
    /// It is.
    Closed,
    /// Handed over to another protocol.
    Tunnel(TunnelReason),
}

impl RequestFacts {
    pub(super) const NONE: Self = Self { method: AnsweredMethod::Other, keep_alive: false, awaits_continue: false };
}

impl AnsweredMethod {
    #[inline]
    pub(super) const fn of(method: MethodKind) -> Self {
        match method {
            MethodKind::Head => Self::Head,
            MethodKind::Connect => Self::Connect,
            _ => Self::Other,
        }
    }
}

impl<R: LifecycleRole> ConnectionState<R> {
    /// A connection that opened at `now`.
    pub(crate) const fn new(now: Instant) -> Self {
        Self {
            latest: now,
            exchange_began: now,
            receive: Receive::new(now),
            send: Send::new(now),
            lifetime: Lifetime::new(),
            grace: Grace::NONE,
            role: R::FRESH,
        }
    }

    /// The greatest instant so far.
    #[inline]
    pub(crate) fn tick(&mut self, now: Instant) -> Instant {
        if now > self.latest {
            self.latest = now;
        }
        self.latest
    }
}

impl Receive {
    const fn new(now: Instant) -> Self {
        Self {
            half: Receiving::Idle,
            end: BodyEnd::Exact,
            began: now,
            progress_at: now,
            octets: 0,
            remaining: 0,
            unread: 0,
            unread_at: Unread::Offered,
            given_up: false,
            content_use: ContentUse::Undecided,
            empty_lines: 0,
            peer_side: PeerSide::Open,
            fault: None,
            refusal: None,
            own_timeouts: OwnTimeouts::None,
        }
    }

    /// Octets that a parser of the user was given and that belong to no message told so far.
    #[inline(always)]
    pub(super) fn ahead(&self) -> u32 {
        if self.unread == 0 || self.unread_at == Unread::Offered { 0 } else { self.unread }
    }

    #[inline]
    pub(crate) const fn half(&self) -> Receiving {
        self.half
    }

    /// The peer closed its side.
    #[inline]
    pub(super) fn has_ended(&self) -> bool {
        self.peer_side != PeerSide::Open
    }

    /// The first octets of a head came.
    #[inline]
    pub(super) fn begin_head(&mut self, now: Instant) {
        debug_assert_eq!(self.half, Receiving::Idle);
        self.half = Receiving::Head;
        self.began = now;
    }

    /// What had begun was no head, or one after which another follows: an interim response.
    pub(super) fn leave_head(&mut self) {
        debug_assert!(matches!(self.half, Receiving::Head | Receiving::Idle));
        self.half = Receiving::Idle;
    }

    /// A head is complete: content of this length follows.
    #[inline]
    pub(super) fn begin_content(&mut self, length: BodyLength) {
        debug_assert!(matches!(self.half, Receiving::Head | Receiving::Idle));
        let (end, octets) = match length {
            BodyLength::Empty => (BodyEnd::Exact, 0),
            BodyLength::Exact(octets) => (BodyEnd::Exact, octets),
            BodyLength::Chunked => (BodyEnd::Chunked, 0),
            BodyLength::UntilClose => (BodyEnd::UntilClose, u64::MAX),
        };
        self.end = end;
        self.remaining = octets;
        let empty = end == BodyEnd::Exact && octets == 0;
        self.half = if empty { Receiving::Complete } else { Receiving::Content };
    }

    /// All of the message came, or no more of it is read.
    #[inline]
    pub(super) fn complete(&mut self) {
        self.half = Receiving::Complete;
    }

    /// The next message may come.
    #[inline]
    pub(super) fn begin_next(&mut self) {
        debug_assert_eq!(self.half, Receiving::Complete);
        self.half = Receiving::Idle;
    }
}

impl Send {
    const fn new(now: Instant) -> Self {
        Self {
            half: Sending::Idle,
            end: BodyEnd::Exact,
            ended: Ended::ByCall,
            peer_is_http10: false,
            request: RequestFacts::NONE,
            remaining: 0,
            unsent: 0,
            still_since: now,
            rate_began: Instant::MAX,
            granted: Granted::NOTHING,
        }
    }

    #[inline]
    pub(crate) const fn half(&self) -> Sending {
        self.half
    }

    /// Nothing was left out of the message that was sent last, as far as it went.
    pub(super) fn is_whole(&self) -> bool {
        !matches!(self.ended, Ended::GivenUp | Ended::WriteFailed)
    }

    /// A write failed: no octet goes any more.
    #[inline(always)]
    pub(super) fn has_failed(&self) -> bool {
        self.ended == Ended::WriteFailed
    }

    /// No head has been handed out in this exchange.
    #[inline]
    pub(super) const fn is_idle(&self) -> bool {
        matches!(self.half, Sending::Idle | Sending::RefusalDue)
    }

    /// A refusal is due.
    pub(super) fn owe_refusal(&mut self) {
        debug_assert_eq!(self.half, Sending::Idle);
        self.half = Sending::RefusalDue;
    }

    /// A head was handed out: content follows, of which the end is known by `end`; `octets` of it, where that is its length.
    #[inline]
    pub(super) fn begin_content(&mut self, end: BodyEnd, octets: u64) {
        debug_assert_ne!(self.half, Sending::Content);
        (self.end, self.remaining) = (end, octets);
        self.ended = Ended::ByCall;
        self.half = Sending::Content;
    }

    /// All of the message was handed out, or no more of it is wanted.
    #[inline]
    pub(super) fn complete(&mut self) {
        self.half = Sending::Complete;
    }

    /// The next message may be sent.
    #[inline]
    pub(super) fn begin_next(&mut self) {
        debug_assert_ne!(self.half, Sending::Content);
        self.half = Sending::Idle;
    }
}

impl Lifetime {
    const fn new() -> Self {
        Self {
            stage: Stage::Open,
            passed: None,
            jitter: jitter::MIDDLE,
            exchanges: 0,
            causes: Causes::NONE,
            octets: 0,
            term: Instant::MAX,
        }
    }

    #[inline]
    pub(crate) const fn stage(&self) -> Stage {
        self.stage
    }

    #[inline]
    pub(crate) const fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open)
    }

    /// When the connection is as old as it may become; [`Instant::MAX`]: never, or a drain ends it by other rules.
    #[inline]
    pub(super) const fn age_ends_at(&self) -> Instant {
        if self.causes.is_empty() || !self.causes.has(CloseReason::Drain) { self.term } else { Instant::MAX }
    }

    /// Its age, or a drain, has come to its instant: to be asked first, since it costs one comparison.
    #[inline(always)]
    pub(super) fn may_be_over_age(&self, now: Instant) -> bool {
        self.term <= now
    }

    /// It is as old as it may become then.
    pub(super) fn set_age_end(&mut self, at: Instant) {
        debug_assert!(self.drain_began().is_none());
        self.term = at;
    }

    /// A drain began now.
    pub(super) fn begin_drain(&mut self, now: Instant) {
        self.causes.add(CloseReason::Drain);
        self.term = now;
    }

    /// When a drain began, if one did.
    #[inline]
    pub(super) const fn drain_began(&self) -> Option<Instant> {
        if self.causes.has(CloseReason::Drain) { Some(self.term) } else { None }
    }

    /// When the age or since when the drain counts, as it is seen from now; `open`: HTTP is spoken, `over`: nothing is due any more.
    pub(super) fn keep_term(&mut self, relative: Relative, open: bool, over: bool) {
        let counts = if self.drain_began().is_some() { !over } else { open };
        relative.keep(&mut self.term, counts);
    }

    /// The stage moves on; no look is waited for any more.
    fn go_to(&mut self, stage: Stage) {
        self.stage = stage;
        self.passed = None;
    }

    /// What was handed out is sent; nothing more is read as HTTP.
    pub(super) fn begin_finishing(&mut self) {
        debug_assert!(matches!(self.stage, Stage::Open | Stage::Finishing));
        self.go_to(Stage::Finishing);
    }

    /// Our side is shut.
    pub(super) fn half_closed(&mut self) {
        debug_assert_eq!(self.stage, Stage::Finishing);
        self.go_to(Stage::HalfClosed);
    }

    /// The transport is to be closed.
    pub(super) fn owe_close(&mut self) {
        debug_assert!(!matches!(self.stage, Stage::Closed | Stage::Tunnel(_)));
        self.go_to(Stage::CloseDue);
    }

    /// The transport is to be reset.
    pub(super) fn owe_reset(&mut self) {
        debug_assert!(!matches!(self.stage, Stage::Closed | Stage::Tunnel(_)));
        self.go_to(Stage::ResetDue);
    }

    /// The transport is closed.
    pub(super) fn closed(&mut self) {
        debug_assert!(matches!(self.stage, Stage::Finishing | Stage::CloseDue | Stage::ResetDue));
        self.go_to(Stage::Closed);
    }

    /// The connection is another protocol's.
    pub(super) fn hand_over(&mut self, reason: TunnelReason) {
        debug_assert_eq!(self.stage, Stage::Open);
        self.go_to(Stage::Tunnel(reason));
    }
}
