//! The exchange: a request with its responses, as two halves; this file holds all their transitions and knows no role.
//!
//! **Component machines.** A *receiving* half and a *sending* half, each `Idle → Head → Content → Complete`. Of a server the
//! request is the receiving half, of a client the sending one. Beside them stands the [`Stage`] of the connection, of which
//! [`teardown`](crate::lifecycle::teardown) is the owner: the halves move only while it is `Open`.
//!
//! **Who sees which event.** Facts of the wire move the receiving half (head, content, end, EOF); intents of the application
//! move the sending half; octets that left move neither. Time moves none: a deadline that expires adds a cause to close.
//!
//! **What fires by itself.** An exchange is over when both halves are complete. Then, and only then, the next may begin, or
//! the teardown if there is a cause to close. A response that is complete while content of its request is still unread leaves
//! the receiving half in `Content`: what still comes is discarded and reported to nobody (RFC 9112 9.3).
//!
//! **Tie-breaks.** A cause to close that comes before the final response's head is announced in it; one that comes later ends
//! the connection after that response, unannounced. A fault in a request counts before a response that has not begun: the
//! application's answer is refused and the refusal goes out. The peer's FIN after a complete request cancels nothing.

use crate::config::Settings;
use crate::error::ProtocolErrorKind;
use crate::error::{Misuse, ReceiveError, SendError};
use crate::lifecycle::persistence::{self, CloseReason, Persistence, ReuseReason, TunnelReason};
use crate::lifecycle::state::{Counted, Half, Machine, flag};
use crate::lifecycle::teardown::Stage;
use crate::message::connection_facts::ConnectionFacts as Facts;
use crate::message::framing::{BodyLength, Framing, FramingRule};
use crate::message::method::MethodKind;
use crate::status::StatusCode;
use crate::time::Instant;

impl Machine {
    /// A head is being received, `octets` of it so far.
    #[inline(always)]
    pub(crate) fn head_octets(&mut self, now: Instant, octets: u64) {
        let now = self.tick(now);
        if self.receiving == Half::Idle {
            self.receiving = Half::Head;
            self.looking = None;
            if self.is(flag::CLIENT) {
                self.begun = now;
            } else {
                self.exchange = now;
            }
        }
        self.octets = octets;
    }

    /// Octets came, read by a parser of the user.
    pub(crate) fn octets_ahead(&mut self, octets: u64) {
        // in a chunked body what is content and what is framing is not told
        if self.receiving == Half::Content && self.receive_by == Counted::Chunked {
            return;
        }
        self.ahead_told |= self.receiving == Half::Complete && self.ahead == 0;
        self.ahead = u32::try_from(octets.saturating_add(self.ahead.into())).unwrap_or(u32::MAX);
    }

    /// `octets` of these belong to what has been told.
    pub(crate) fn octets_told(&mut self, octets: u64) {
        self.ahead = u64::from(self.ahead).saturating_sub(octets) as u32;
    }

    /// Octets came that belong to no message: empty lines between exchanges.
    pub(crate) fn stray_octets(&mut self, now: Instant) {
        let now = self.tick(now);
        if self.looking == Some(CloseReason::IdleTimeout) {
            // they end an idle time; they begin no request, for which any other close would wait
            self.looking = None;
        }
        if self.exchanges > 0 && self.pending == 0 {
            self.left = now;
        }
    }

    /// The head of a request is complete and within every rule.
    #[inline(always)]
    pub(crate) fn request_received(&mut self, now: Instant, settings: &Settings, facts: &Facts, framing: Framing) {
        let now = self.tick(now);
        self.exchanges = self.exchanges.saturating_add(1);
        self.begun = now;
        self.last = now;
        self.octets = 0;
        let empty = self.expect_content(framing.length);
        self.request_known(facts);
        if facts.offers_upgrade() {
            self.flags |= flag::UPGRADE;
            self.offers = facts.offers();
        }
        if facts.expects_continue() && !empty {
            self.flags |= flag::CONTINUE;
        }
        let policy = &settings.policy;
        if let Persistence::Close(reason) = persistence::of_facts(facts, policy.http10_keep_alive.is_on()) {
            self.causes.add(reason);
        }
        if framing.rule == FramingRule::FaultyCoding {
            self.causes.add(CloseReason::FaultyFraming);
        }
        if !policy.persistence.is_on() {
            self.causes.add(CloseReason::PersistenceOff);
        }
        if self.most_exchanges(settings).is_some_and(|most| self.exchanges >= most) {
            self.causes.add(CloseReason::MaxExchanges);
        }
    }

    /// What any answer to a request depends on, also the refusal of a head that is wrong further on.
    #[inline(always)]
    pub(crate) fn request_known(&mut self, facts: &Facts) {
        let mut flags = self.flags & !flag::OF_REQUEST;
        if !facts.version().is_http11() {
            flags |= flag::HTTP10;
        }
        if facts.has_keep_alive() {
            flags |= flag::KEEP_ALIVE;
        }
        match facts.method() {
            MethodKind::Head => flags |= flag::HEAD,
            MethodKind::Connect => flags |= flag::CONNECT,
            _ => {}
        }
        self.flags = flags;
    }

    #[inline(always)]
    pub(crate) fn expect_content(&mut self, length: BodyLength) -> bool {
        let (by, octets) = match length {
            BodyLength::Empty => (Counted::Exact, 0),
            BodyLength::Exact(octets) => (Counted::Exact, octets),
            BodyLength::Chunked => (Counted::Chunked, 0),
            BodyLength::UntilClose => (Counted::UntilClose, u64::MAX),
        };
        self.receive_by = by;
        self.to_receive = octets;
        let empty = by == Counted::Exact && octets == 0;
        self.receiving = if empty { Half::Complete } else { Half::Content };
        empty
    }

    /// Content of a known length is being received, and reported.
    #[inline(always)]
    pub(crate) fn counts_content(&self) -> bool {
        self.receiving == Half::Content
            && self.receive_by == Counted::Exact
            && self.stage == Stage::Open
            && !self.is(flag::REFUSING)
            && !self.is(flag::DISCARD)
    }

    /// Content arrived.
    pub(crate) fn content_received(&mut self, now: Instant, octets: u64) {
        let now = self.tick(now);
        self.last = now;
        self.octets = self.octets.saturating_add(octets);
        if self.is(flag::CONTINUE) && !self.is(flag::CLIENT) {
            // it came unasked; its time begins with it
            self.begun = now;
            self.flags &= !flag::CONTINUE;
        }
        if self.receive_by == Counted::Exact {
            self.to_receive = self.to_receive.saturating_sub(octets);
            if self.to_receive == 0 {
                self.end_received(now);
            }
        }
    }

    /// The message being received is complete.
    pub(crate) fn end_received(&mut self, now: Instant) {
        let now = self.tick(now);
        self.last = now;
        self.receiving = Half::Complete;
        self.over_if_complete(now);
    }

    /// The peer broke the protocol or a limit: no octet is read as HTTP again.
    pub(crate) fn fail(&mut self, now: Instant, kind: ProtocolErrorKind) {
        let now = self.tick(now);
        self.causes.add(CloseReason::ProtocolError);
        self.fault = Some(kind);
        self.refuse(now, kind.suggested_status());
    }

    /// Receiving ends here; `status` goes out if no response has begun and one is of use.
    pub(crate) fn refuse(&mut self, now: Instant, status: Option<StatusCode>) {
        if self.receiving == Half::Idle && !self.is(flag::CLIENT) {
            // no head had begun: an exchange of its own
            self.exchange = now;
        }
        self.receiving = Half::Complete;
        self.last = now;
        self.flags = self.flags & !flag::CONTINUE | flag::DISCARD;
        if self.is(flag::CLIENT) {
            // nobody is to be told
            return self.end();
        }
        match (self.sending, status) {
            (Half::Idle, Some(_)) => self.flags |= flag::REFUSING,
            (Half::Idle, None) => self.close(now),
            _ => self.over_if_complete(now),
        }
    }

    /// Content took too long, and its response is under way: the application is told, and may end the response.
    pub(crate) fn content_too_late(&mut self, now: Instant) {
        self.fault = Some(ProtocolErrorKind::ContentTimeout);
        self.refuse(now, None);
    }

    /// Content took too long, and its response is still under way.
    pub(crate) fn content_timed_out(&self) -> bool {
        self.fault == Some(ProtocolErrorKind::ContentTimeout) && self.sending == Half::Content
    }

    /// The sending half is complete.
    pub(crate) fn end_sent(&mut self, now: Instant) {
        let now = self.tick(now);
        self.sending = Half::Complete;
        if self.receiving == Half::Content && !self.is(flag::CLIENT) {
            if self.causes.is_empty() {
                if self.is(flag::CONTINUE) {
                    // the peer learns only now that it is not asked
                    self.begun = now;
                    self.last = now;
                }
                if self.receive_by != Counted::Exact {
                    self.to_receive = self.octets;
                }
                self.flags = self.flags & !flag::CONTINUE | flag::DISCARD;
            } else {
                self.receiving = Half::Complete;
            }
        }
        self.over_if_complete(now);
    }

    /// The exchange is over once both halves are complete.
    #[inline(always)]
    fn over_if_complete(&mut self, now: Instant) {
        if self.receiving != Half::Complete || self.sending != Half::Complete || self.stage != Stage::Open {
            return;
        }
        if self.is(flag::CLIENT) {
            // more may be outstanding: the queue knows
            return;
        }
        if self.pending == 0 {
            self.left = now;
        }
        if self.causes.is_empty() {
            self.receiving = Half::Idle;
            self.sending = Half::Idle;
            self.flags &= !(flag::OF_REQUEST & !flag::STAYS);
            if self.ahead > 0 && self.ahead_told {
                self.head_octets(now, self.ahead.into());
            }
        } else {
            self.finish(now);
        }
    }

    /// The peer closed its side; `ahead` octets of its are still unread in the caller's buffer. What it broke off, if anything.
    pub(crate) fn eof(&mut self, now: Instant, ahead: u64) -> Option<ProtocolErrorKind> {
        let now = self.tick(now);
        if ahead == 0 {
            self.looking = None;
        }
        self.flags |= flag::EOF;
        if self.stage != Stage::Open {
            self.peer_gone(now);
            return None;
        }
        match self.receiving {
            Half::Idle if ahead > 0 => None,
            Half::Idle => {
                self.causes.add(CloseReason::PeerClosed);
                if self.is(flag::CLIENT) {
                    self.end();
                } else {
                    self.finish(now);
                }
                None
            }
            Half::Head => Some(self.broken_off(now, ProtocolErrorKind::IncompleteHead)),
            Half::Content if ahead > 0 => None,
            Half::Content if self.receive_by == Counted::UntilClose && !self.is(flag::TRUNCATED) => {
                self.end_received(now);
                None
            }
            Half::Content => Some(self.broken_off(now, ProtocolErrorKind::IncompleteContent)),
            Half::Complete => {
                if ahead == 0 {
                    self.causes.add(CloseReason::PeerClosed);
                }
                if self.is(flag::CLIENT) && self.sending == Half::Content {
                    // answered, and nobody reads the rest of the request
                    self.give_up_content();
                }
                None
            }
        }
    }

    fn broken_off(&mut self, now: Instant, kind: ProtocolErrorKind) -> ProtocolErrorKind {
        self.causes.add(CloseReason::Incomplete);
        self.fault = Some(kind);
        self.refuse(now, None);
        kind
    }

    /// A head may come: nothing of another is open.
    pub(crate) fn check_head(&self) -> Result<(), ReceiveError> {
        match self.stage {
            Stage::Open => {}
            Stage::Tunnel => return Err(Misuse::Tunnel.into()),
            _ => return Err(ReceiveError::Ended(self.close_reason())),
        }
        if self.reads_nothing() {
            return Err(ReceiveError::Ended(self.close_reason()));
        }
        match self.receiving {
            Half::Idle | Half::Head => Ok(()),
            Half::Content | Half::Complete => Err(Misuse::ExchangeOpen.into()),
        }
    }

    /// So much content may come.
    pub(crate) fn check_content(&self, octets: u64) -> Result<(), ReceiveError> {
        let expected = self.stage == Stage::Open && self.receiving == Half::Content;
        if expected && (self.receive_by != Counted::Exact || octets <= self.to_receive) {
            Ok(())
        } else if !expected && !self.causes.is_empty() {
            // given up, by a timeout or a fault
            Err(ReceiveError::Ended(self.close_reason()))
        } else {
            Err(Misuse::ContentNotExpected.into())
        }
    }

    /// No message is being sent: more octets of one are nothing, pointless, or a mistake.
    #[cold]
    pub(crate) fn check_nothing_more(&self, octets: u64) -> Result<(), SendError> {
        if self.is(flag::GIVEN_UP) {
            return Err(SendError::Ended(self.causes.first().unwrap_or(CloseReason::PeerClosed)));
        }
        if octets == 0 && self.is(flag::ENDED) {
            return Ok(());
        }
        self.check_open()?;
        Err(Misuse::NotSending.into())
    }

    /// Messages may be sent: HTTP is spoken.
    #[inline(always)]
    pub(crate) fn check_open(&self) -> Result<(), SendError> {
        match self.stage {
            Stage::Open => Ok(()),
            Stage::Tunnel => Err(Misuse::Tunnel.into()),
            _ => Err(SendError::Ended(self.close_reason())),
        }
    }

    /// Why the connection ends: the first cause.
    pub(crate) fn close_reason(&self) -> CloseReason {
        debug_assert!(!self.causes.is_empty(), "an end without a cause: {self:?}");
        self.causes.first().unwrap_or(CloseReason::Aborted)
    }

    /// The refusal that is due: for what was wrong, or for what took too long.
    pub(crate) fn refusal(&self) -> Option<StatusCode> {
        match self.fault {
            _ if !self.is(flag::REFUSING) => None,
            Some(fault) => fault.suggested_status(),
            None => Some(StatusCode::REQUEST_TIMEOUT),
        }
    }

    /// Octets were handed out to be sent.
    #[inline(always)]
    pub(crate) fn written(&mut self, now: Instant, octets: u64) {
        if self.pending == 0 {
            self.left = now;
        }
        self.pending = self.pending.saturating_add(octets);
        self.carry(octets);
    }

    /// An octet of ours goes: who sends while content is late has time anew. A head never does: where one may be sent no response is
    /// under way.
    #[inline(always)]
    pub(crate) fn gone(&mut self, now: Instant) {
        if self.fault.is_some() && self.content_timed_out() {
            self.last = now;
        }
    }

    /// Octets left.
    #[inline(always)]
    pub(crate) fn sent(&mut self, now: Instant, octets: u64) {
        let now = self.tick(now);
        if octets > 0 {
            self.pending = self.pending.saturating_sub(octets);
            self.left = now;
        }
    }

    /// The verdict as far as it is known.
    pub(crate) fn persistence(&self) -> Persistence {
        if self.stage == Stage::Tunnel {
            let reason = if self.is(flag::CONNECT) { TunnelReason::Connect } else { TunnelReason::Upgrade };
            return Persistence::Tunnel(reason);
        }
        match self.causes.first() {
            Some(reason) => Persistence::Close(reason),
            None if self.exchanges == 0 => Persistence::Undecided,
            None if self.is(flag::HTTP10) => Persistence::Reuse(ReuseReason::Http10KeepAlive),
            None => Persistence::Reuse(ReuseReason::Http11),
        }
    }
}
