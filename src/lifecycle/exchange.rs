//! The exchange: a request with its responses, as two halves; what moves them.
//!
//! **Who sees which event.** Facts of the wire move the receiving half (head, content, end, the close of the peer); intents of the
//! application move the sending half; octets that left move neither. Time moves none: a deadline that expires adds a cause to close. The
//! halves move only while the [`Stage`] is `Open`.
//!
//! **What fires by itself.** An exchange is over when both halves are complete. Then, and only then, the next may begin, or the teardown
//! if there is a cause to close. A response that is complete while content of its request is still unread leaves the receiving half in
//! `Content`: what still comes is dropped and reported to nobody (RFC 9112 9.3). Of a client more requests may be outstanding: the
//! [queue](crate::lifecycle::pipeline) says when the next exchange begins.
//!
//! **Tie-breaks.** A cause to close that comes before the final response's head is announced in it; one that comes later ends the
//! connection after that response, unannounced. A fault in a request counts before a response that has not begun: the application's
//! answer is refused and the refusal goes out. The peer's close after a complete request cancels nothing.
//!
//! `inline(always)` in `exchange`, `lifetime` and `mod` buys 17 instructions of `client-exchange` (1008; benches, `count`).

use crate::config::Settings;
use crate::error::ProtocolErrorKind;
use crate::lifecycle::deadline::DeadlineKind;
use crate::lifecycle::grace::Grace;
use crate::lifecycle::persistence::{CloseReason, Persistence, ReuseReason};
use crate::lifecycle::role::LifecycleRole;
use crate::lifecycle::state::{
    BodyEnd, ConnectionState, OwnTimeouts, PeerSide, Receiving, RequestFacts, Sending, Stage, Unread,
};
use crate::status::StatusCode;
use crate::time::Instant;

impl<R: LifecycleRole> ConnectionState<R> {
    /// Nothing of an exchange is outstanding.
    #[inline(always)]
    pub(crate) fn is_between_exchanges(&self) -> bool {
        self.receive.half() == Receiving::Idle && self.send.half() == Sending::Idle
    }

    /// What comes is of no message: HTTP is over, or the message was refused, whether the answer to that has begun or not.
    #[inline(always)]
    pub(crate) fn reads_nothing(&self) -> bool {
        !self.lifetime.is_open()
            || self.owes_refusal()
            || (self.receive.given_up && self.receive.half() == Receiving::Complete)
    }

    /// A head is being received, `octets` of it so far.
    #[inline(always)]
    pub(crate) fn head_octets(&mut self, now: Instant, octets: u64) {
        let now = self.tick(now);
        if self.receive.half() == Receiving::Idle {
            self.receive.begin_head(now);
            self.grace = Grace::NONE;
            self.end_look_at_reading();
            if !R::IS_CLIENT {
                self.exchange_began = now;
                if self.receive.own_timeouts != OwnTimeouts::None || self.receive.refusal.is_some() {
                    self.begin_as_said(now);
                }
            }
        }
        self.receive.octets = octets;
    }

    /// A request begins, and before it something was said: of the exchange before, or of this one.
    #[cold]
    #[inline(never)]
    fn begin_as_said(&mut self, now: Instant) {
        self.leave_own_timeouts();
        self.refuse_next(now);
    }

    /// The next exchange has those of the connection; what still waits to leave, or is told later, keeps its own.
    fn leave_own_timeouts(&mut self) {
        if self.receive.own_timeouts != OwnTimeouts::None {
            self.receive.own_timeouts = OwnTimeouts::OfWhatGoes;
        }
    }

    /// Octets came, read by a parser of the user.
    pub(crate) fn octets_ahead(&mut self, octets: u64) {
        let receive = &mut self.receive;
        // in a chunked body what is content and what is framing is not told
        if receive.half() == Receiving::Content && receive.end == BodyEnd::Chunked {
            return;
        }
        let is_exact = receive.half() == Receiving::Complete && receive.unread == 0;
        if is_exact {
            receive.unread_at = Unread::Told;
        } else if receive.unread_at == Unread::Offered {
            receive.unread_at = Unread::Guessed;
        }
        receive.unread = u32::try_from(octets.saturating_add(receive.unread.into())).unwrap_or(u32::MAX);
    }

    /// `octets` of these belong to what has been told.
    pub(crate) fn octets_told(&mut self, octets: u64) {
        if self.receive.unread_at != Unread::Offered {
            self.receive.unread = u64::from(self.receive.unread).saturating_sub(octets) as u32;
        }
    }

    /// Octets came that belong to no message: empty lines between exchanges.
    pub(crate) fn stray_octets(&mut self, now: Instant) {
        let now = self.tick(now);
        // they begin no request, for which any other close would wait
        let gap = matches!(self.lifetime.passed, Some(DeadlineKind::Idle | DeadlineKind::FirstOctet));
        if gap {
            self.lifetime.passed = None;
        }
        if (self.lifetime.exchanges > 0 || gap) && self.send.unsent == 0 {
            self.stay_still(now);
        }
    }

    /// Content of a known length is being received, and reported.
    #[inline(always)]
    pub(crate) fn counts_content(&self) -> bool {
        self.receive.end == BodyEnd::Exact && self.reports_content()
    }

    /// Content is being received, and reported, and no look is waited for.
    #[inline(always)]
    pub(crate) fn reports_content(&self) -> bool {
        let receive = &self.receive;
        receive.half() == Receiving::Content
            && self.lifetime.is_open()
            && !self.is_looking()
            && receive.content_use.is_reported()
    }

    /// What is received from here on is counted and dated anew, and nothing has been granted to it: content after its head, or what is dropped.
    #[inline(always)]
    pub(crate) fn begin_part(&mut self, now: Instant) {
        self.receive.began = now;
        self.receive.progress_at = now;
        self.receive.octets = 0;
        self.grace = Grace::NONE;
    }

    /// Content came.
    #[inline(always)]
    pub(crate) fn content_received(&mut self, now: Instant, octets: u64) {
        let now = self.tick(now);
        self.receive.progress_at = now;
        self.receive.octets = self.receive.octets.saturating_add(octets);
        if !R::IS_CLIENT && self.send.request.awaits_continue {
            // it came unasked; its time begins with it
            self.receive.began = now;
            self.send.request.awaits_continue = false;
        }
        if self.receive.end == BodyEnd::Exact {
            let remaining = self.receive.remaining;
            if octets < remaining {
                self.receive.remaining = remaining - octets;
            } else {
                self.receive.remaining = 0;
                self.end_received(now);
            }
        }
    }

    /// The message being received is complete.
    pub(crate) fn end_received(&mut self, now: Instant) {
        let now = self.tick(now);
        self.receive.progress_at = now;
        self.receive.complete();
        if !R::IS_CLIENT {
            // it was not asked for, and there is none
            self.send.request.awaits_continue = false;
        }
        self.over_if_complete(now);
    }

    /// The peer broke the protocol or a limit: no octet is read as HTTP again.
    pub(crate) fn fail(&mut self, now: Instant, kind: ProtocolErrorKind) {
        let now = self.tick(now);
        self.lifetime.causes.end_by(CloseReason::ProtocolError);
        self.receive.fault = Some(kind);
        self.refuse(now, kind.suggested_status());
    }

    /// Receiving ends here; `status` goes out if no response has begun and one is of use.
    pub(crate) fn refuse(&mut self, now: Instant, status: Option<StatusCode>) {
        self.stop_receiving(now);
        if R::IS_CLIENT {
            // nobody is to be told
            return self.close_at_once();
        }
        match (self.send.half(), status) {
            (Sending::Idle, Some(_)) => self.send.owe_refusal(),
            (Sending::Idle, None) => self.close_in_stages(),
            _ => self.over_if_complete(now),
        }
    }

    /// No more of a message is received, though it may not be complete.
    pub(crate) fn stop_receiving(&mut self, now: Instant) {
        if self.receive.half() == Receiving::Idle && !R::IS_CLIENT {
            // no head had begun: an exchange of its own
            self.exchange_began = now;
            self.leave_own_timeouts();
        }
        self.receive.complete();
        self.receive.progress_at = now;
        self.receive.given_up = true;
        self.send.request.awaits_continue = false;
        // who is to be answered has come in time
        self.lifetime.passed = None;
    }

    /// Content took too long, and its response is under way: the application is told, and may end the response.
    pub(crate) fn content_too_late(&mut self, now: Instant) {
        self.receive.fault = Some(ProtocolErrorKind::ContentTimeout);
        self.refuse(now, None);
    }

    /// Content took too long, and its response is still under way.
    #[inline(always)]
    pub(crate) fn content_timed_out(&self) -> bool {
        self.receive.fault == Some(ProtocolErrorKind::ContentTimeout) && self.send.half() == Sending::Content
    }

    /// Content took too long that somebody waits for: its response is under way, or complete and the content read all the same.
    pub(crate) fn tells_content_timeout(&self) -> bool {
        self.receive.fault == Some(ProtocolErrorKind::ContentTimeout)
    }

    /// The sending half is complete.
    pub(crate) fn end_sent(&mut self, now: Instant, settings: &Settings) {
        let now = self.tick(now);
        self.send.complete();
        if R::IS_CLIENT {
            // there is no content that could wait
            self.send.request.awaits_continue = false;
        } else if self.receive.half() == Receiving::Content {
            self.content_after_response(now, settings);
        }
        self.over_if_complete(now);
    }

    /// The exchange is over once both halves are complete.
    #[inline(always)]
    pub(crate) fn over_if_complete(&mut self, now: Instant) {
        // of a client more may be outstanding: the queue knows
        let over = !R::IS_CLIENT
            && self.receive.half() == Receiving::Complete
            && self.send.half() == Sending::Complete
            && self.lifetime.is_open();
        if !over {
            return;
        }
        if self.send.unsent == 0 {
            self.stay_still(now);
        }
        if self.lifetime.causes.is_empty() {
            self.receive.begin_next();
            self.receive.given_up = false;
            self.send.begin_next();
            self.send.request = RequestFacts::NONE;
            R::on_exchange_over(self);
        } else {
            self.close_in_stages();
        }
    }

    /// What came ahead of the end of an exchange begins the next head.
    #[inline(always)]
    pub(crate) fn begin_what_came(&mut self, now: Instant) {
        if self.receive.unread_at == Unread::Told && self.receive.unread > 0 {
            self.begin_told(now);
        }
    }

    #[cold]
    #[inline(never)]
    fn begin_told(&mut self, now: Instant) {
        if self.lifetime.is_open() && self.is_between_exchanges() {
            self.head_octets(now, self.receive.unread.into());
        }
    }

    /// The peer closed its side; `ahead` octets of its are still unread in the caller's buffer. What it broke off, if anything.
    pub(crate) fn eof(&mut self, now: Instant, ahead: u64) -> Option<ProtocolErrorKind> {
        let now = self.tick(now);
        // it found the end, or what is still to be offered before that
        self.end_look_at_reading();
        self.peer_ended(now, PeerSide::Closed);
        if !self.lifetime.is_open() {
            self.peer_closed_after_us();
            return None;
        }
        match self.receive.half() {
            Receiving::Idle if ahead > 0 => None,
            Receiving::Idle => {
                self.lifetime.causes.end_by(CloseReason::PeerClosed);
                if R::IS_CLIENT {
                    self.close_once_left(false);
                } else {
                    self.close_in_stages();
                }
                None
            }
            Receiving::Head => Some(self.broken_off(now, ProtocolErrorKind::IncompleteHead)),
            Receiving::Content if ahead > 0 => None,
            Receiving::Content if self.ends_with_connection() && self.receive.peer_side != PeerSide::Truncated => {
                self.end_received(now);
                None
            }
            Receiving::Content => Some(self.broken_off(now, ProtocolErrorKind::IncompleteContent)),
            Receiving::Complete => {
                if ahead == 0 {
                    self.lifetime.causes.add(CloseReason::PeerClosed);
                }
                if self.send.half() == Sending::Content && R::is_refused(self) {
                    // nobody reads the rest of the request
                    self.stop_sending();
                }
                None
            }
        }
    }

    /// The peer's side has ended in this way; only the first word on that counts.
    pub(crate) fn peer_ended(&mut self, now: Instant, side: PeerSide) {
        if self.receive.has_ended() {
            return;
        }
        self.receive.peer_side = side;
        if matches!(self.lifetime.stage(), Stage::Open | Stage::Finishing) {
            // an answer that is owed is counted from here
            self.receive.began = now;
        }
    }

    fn broken_off(&mut self, now: Instant, kind: ProtocolErrorKind) -> ProtocolErrorKind {
        self.lifetime.causes.end_by(CloseReason::Incomplete);
        self.receive.fault = Some(kind);
        self.refuse(now, None);
        kind
    }

    /// The content being received ends with the connection.
    pub(crate) fn ends_with_connection(&self) -> bool {
        self.receive.end == BodyEnd::UntilClose
    }

    /// The verdict as far as it is known.
    pub(crate) fn persistence(&self) -> Persistence {
        if let Stage::Tunnel(reason) = self.lifetime.stage() {
            return Persistence::Tunnel(reason);
        }
        match self.lifetime.causes.first() {
            Some(reason) => Persistence::Close(reason),
            None if self.lifetime.exchanges == 0 => Persistence::Undecided,
            None if self.send.peer_is_http10 => Persistence::Reuse(ReuseReason::Http10KeepAlive),
            None => Persistence::Reuse(ReuseReason::Http11),
        }
    }
}
