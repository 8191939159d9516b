//! What is asked of the state by whoever reads and writes octets, and the few facts that they note themselves.
//!
//! A question moves nothing; where the answer is "no", it is an error that says by whose fault.

use crate::config::{Client, Server, Settings};
use crate::error::{Misuse, ReceiveError, SendError};
use crate::lifecycle::content_use::ContentUse;
use crate::lifecycle::persistence::CloseReason;
use crate::lifecycle::request_received;
use crate::lifecycle::role::LifecycleRole;
use crate::lifecycle::state::{
    BodyEnd, ConnectionState, Ended, OwnTimeouts, PeerSide, Receiving, RequestFacts, Sending, Stage,
};
use crate::message::connection_facts::ConnectionFacts;
use crate::message::method::MethodKind;
use crate::message::upgrade::{Names, Offers};
use crate::time::Instant;

impl<R: LifecycleRole> ConnectionState<R> {
    /// A head may come: nothing of another is open.
    pub(crate) fn check_head(&self) -> Result<(), ReceiveError> {
        if self.is_tunnel() {
            return Err(Misuse::Tunnel.into());
        }
        if self.reads_nothing() {
            return Err(ReceiveError::Ended(self.close_reason()));
        }
        match self.receive.half() {
            Receiving::Idle | Receiving::Head => Ok(()),
            Receiving::Content | Receiving::Complete => Err(Misuse::ExchangeOpen.into()),
        }
    }

    /// So much content may come.
    pub(crate) fn check_content(&self, octets: u64) -> Result<(), ReceiveError> {
        let expected = self.lifetime.is_open() && self.receive.half() == Receiving::Content;
        if expected && (self.receive.end != BodyEnd::Exact || octets <= self.receive.remaining) {
            Ok(())
        } else if !expected && !self.lifetime.causes.is_empty() {
            // given up, by a timeout or a fault
            Err(ReceiveError::Ended(self.close_reason()))
        } else {
            Err(Misuse::ContentNotExpected.into())
        }
    }

    /// No message is being sent: more octets of one are nothing, pointless, or a mistake.
    #[cold]
    pub(crate) fn check_nothing_more(&self, octets: u64) -> Result<(), SendError> {
        match self.send.ended {
            Ended::GivenUp => {
                return Err(SendError::Ended(self.lifetime.causes.first().unwrap_or(CloseReason::PeerClosed)));
            }
            Ended::WriteFailed => return Err(SendError::Ended(self.close_reason())),
            Ended::ByLength if octets == 0 => return Ok(()),
            Ended::WithHead if octets == 0 && !self.is_tunnel() => return Ok(()),
            Ended::ByLength | Ended::WithHead | Ended::ByCall => {}
        }
        self.check_open()?;
        Err(Misuse::NotSending.into())
    }

    /// The final response has begun, so none may be sent; or nothing can be sent any more.
    #[cold]
    pub(crate) fn already_answered(&self) -> SendError {
        if self.send.has_failed() { SendError::Ended(self.close_reason()) } else { Misuse::AlreadyAnswered.into() }
    }

    /// Messages may be sent: HTTP is spoken.
    #[inline]
    pub(crate) fn check_open(&self) -> Result<(), SendError> {
        if self.lifetime.is_open() { Ok(()) } else { Err(self.speaks_no_http()) }
    }

    #[cold]
    fn speaks_no_http(&self) -> SendError {
        if self.is_tunnel() { Misuse::Tunnel.into() } else { SendError::Ended(self.close_reason()) }
    }

    /// The connection is another protocol's.
    #[inline]
    pub(crate) fn is_tunnel(&self) -> bool {
        matches!(self.lifetime.stage(), Stage::Tunnel(_))
    }

    /// Content of a message may be sent.
    #[inline]
    pub(crate) fn sends_content(&self) -> bool {
        self.lifetime.is_open() && self.send.half() == Sending::Content
    }

    /// Why the connection ends: what ended it, else the first cause of the verdict.
    pub(crate) fn close_reason(&self) -> CloseReason {
        debug_assert!(!self.lifetime.causes.is_empty(), "an end without a cause: {self:?}");
        self.lifetime.causes.end().unwrap_or(CloseReason::Aborted)
    }

    #[inline]
    pub(crate) fn stage(&self) -> Stage {
        self.lifetime.stage()
    }

    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.lifetime.is_open()
    }

    #[inline]
    pub(crate) fn receiving(&self) -> Receiving {
        self.receive.half()
    }

    /// Nothing was sent for the message being received, and something may be.
    #[inline]
    pub(crate) fn may_be_answered(&self) -> bool {
        self.send.is_idle() && self.lifetime.is_open()
    }

    /// A head is being received, and HTTP is spoken.
    #[inline]
    pub(crate) fn is_within_head(&self) -> bool {
        self.receive.half() == Receiving::Head && self.lifetime.is_open()
    }

    /// By what the end of the body being received is known.
    #[inline]
    pub(crate) fn body_end(&self) -> BodyEnd {
        self.receive.end
    }

    /// Octets of content that may come at most, where they stand next to each other.
    #[inline]
    pub(crate) fn content_to_receive(&self) -> u64 {
        self.receive.remaining
    }

    /// Octets of content that came so far.
    pub(crate) fn content_octets(&self) -> u64 {
        self.receive.octets
    }

    /// Octets of content that may still come before there is too much.
    #[inline]
    pub(crate) fn content_allowed(&self, settings: &Settings) -> u64 {
        settings.limits.content.unwrap_or(u64::MAX).saturating_sub(self.receive.octets)
    }

    /// Content is being received that nobody reads.
    pub(crate) fn drops_content(&self) -> bool {
        self.receive.content_use == ContentUse::Dropped && self.receive.half() == Receiving::Content
    }

    /// The request's content waits for `100 (Continue)`.
    pub(crate) fn awaits_continue(&self) -> bool {
        self.send.request.awaits_continue
    }

    /// The peer closed its side, and a message of its may still be told, or its end.
    pub(crate) fn waits_for_end(&self) -> bool {
        self.receive.has_ended() && self.lifetime.is_open() && self.receive.half() != Receiving::Complete
    }

    /// The peer closed its side after a message that is complete, or of which no more is read; it did not break one off, and that was not how
    /// the message ended.
    pub(crate) fn ended_after_message(&self) -> bool {
        let ended = self.receive.has_ended() && self.lifetime.is_open() && self.receive.half() == Receiving::Complete;
        ended && !self.lifetime.causes.has(CloseReason::Incomplete) && !self.ends_with_connection()
    }

    /// The peer's side ended without the closure that TLS owes; the end itself is told by [`eof`](Self::eof).
    pub(crate) fn end_truncated(&mut self, now: Instant) {
        let now = self.tick(now);
        self.peer_ended(now, PeerSide::Truncated);
    }

    /// Octets that were offered and have not been looked at.
    #[inline]
    pub(crate) fn octets_unread(&self) -> u32 {
        self.receive.unread
    }

    #[inline]
    pub(crate) fn set_unread(&mut self, octets: usize) {
        self.receive.unread = u32::try_from(octets).unwrap_or(u32::MAX);
    }

    /// One more empty line may be skipped before the next message.
    pub(crate) fn may_skip_line(&self, settings: &Settings) -> bool {
        self.receive.empty_lines < settings.limits.empty_lines
    }

    /// An empty line is skipped, if one more may be.
    pub(crate) fn count_empty_line(&mut self, settings: &Settings) -> bool {
        let may = self.may_skip_line(settings);
        self.receive.empty_lines += u8::from(may);
        may
    }

    /// The message sent last has no content, whatever the application holds for it.
    pub(crate) fn ended_with_head(&self) -> bool {
        self.send.ended == Ended::WithHead
    }

    /// By what the end of the body being sent is known, and its octets to come where that is their number.
    #[inline]
    pub(crate) fn content_to_send(&self) -> (BodyEnd, u64) {
        (self.send.end, self.send.remaining)
    }
}

impl ConnectionState<Server> {
    /// A request may begin, and nothing else is known of its exchange: no refusal was kept for it, no timeouts of its own, and no look is
    /// waited for.
    #[inline]
    pub(crate) fn awaits_plain_request(&self) -> bool {
        let receive = &self.receive;
        self.lifetime.is_open()
            && receive.half() == Receiving::Idle
            && receive.own_timeouts == OwnTimeouts::None
            && receive.refusal.is_none()
            && !self.is_looking()
    }

    /// What of the request decides how it is answered.
    #[inline]
    pub(crate) fn request_facts(&self) -> RequestFacts {
        self.send.request
    }

    /// The protocols that the request offers.
    pub(crate) fn offers(&self) -> &Offers {
        &self.role
    }

    /// What a refusal knows of its request: `late` are the facts of a head that was not complete in time, as far as they came.
    pub(crate) fn known_by_refusal(&self, late: Option<&ConnectionFacts>) -> RequestFacts {
        late.map_or(self.send.request, request_received::request_facts)
    }

    /// A refusal was handed out that knew this; what comes is dropped as before.
    pub(crate) fn record_refused(&mut self, late: Option<&ConnectionFacts>) {
        if let Some(head) = late {
            request_received::record_request(self, head);
            self.receive.given_up = true;
        }
    }
}

impl<const DEPTH: usize> ConnectionState<Client<DEPTH>> {
    /// The method of the request that the next octets answer, where nothing of the answer has come and nothing waits to leave.
    #[inline]
    pub(crate) fn answered_method(&self) -> Option<MethodKind> {
        let first = self.role.first()?;
        let begins = self.lifetime.is_open() && self.receive.half() == Receiving::Idle && self.send.unsent == 0;
        let begins = begins && !self.is_looking();
        if begins { Some(first.method) } else { None }
    }

    /// The next request offers these protocols.
    pub(crate) fn keep_offer(&mut self, names: Option<&Names>) {
        self.role.offer(names);
    }
}
