//! Closing in stages, and draining (RFC 9112 9.5, 9.6).
//!
//! **Stages.** `Open → Finishing → HalfClosed → CloseDue → Closed`. While `Finishing`, what was handed out is being sent; then
//! our side is shut, and what the peer still sends is discarded within octets, total time and gap, because a close with
//! unread input makes TCP reset the connection and destroy the answer on its way. Where the peer has closed its side there
//! is nothing of the kind to lose, and the close follows at once. A reset is advised for a peer that does not read, and where
//! our own until-close content was cut, so that it can not pass for complete.
//!
//! **Draining** asks for the end without cutting anything: a fresh connection ends at once, an idle one too but not within the
//! shield after its last exchange, a busy one with its exchange. A hard deadline ends it in any state.

use core::time::Duration;

use crate::config::Settings;
use crate::deadline::{Deadline, DeadlineKind, Earliest, Span, Spans};
use crate::exchange::{Counted, Half, Machine, flag};
use crate::persistence::CloseReason;
use crate::time::Instant;
use crate::{ProtocolErrorKind, StatusCode};

/// How far the connection is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Stage {
    /// HTTP is spoken.
    Open,
    /// The last octets are being sent; nothing is read as HTTP any more.
    Finishing,
    /// Our side is shut; what comes is discarded.
    HalfClosed,
    /// The transport is to be closed.
    CloseDue,
    /// The transport is to be reset.
    ResetDue,
    /// It is.
    Closed,
    /// Handed over to another protocol.
    Tunnel,
}

impl Machine {
    /// Sends what was handed out, then closes in stages.
    pub(crate) fn finish(&mut self, now: Instant) {
        // a teardown never goes back
        if !matches!(self.stage, Stage::Open | Stage::Finishing) {
            return;
        }
        self.stage = Stage::Finishing;
        self.begun = now;
    }

    /// Closes where nothing can be lost.
    pub(crate) fn close(&mut self, now: Instant) {
        if self.pending > 0 {
            self.finish(now);
        } else if matches!(self.stage, Stage::Open | Stage::Finishing) {
            self.stage = Stage::CloseDue;
        }
    }

    /// Ends the connection of a client that has nothing to lose: what it was told has been read, or will not come.
    pub(crate) fn end(&mut self) {
        if self.sending == Half::Content {
            // what the application still holds is taken and not written: the peer's octets are no mistake of the caller's
            self.sending = Half::Complete;
            self.flags |= flag::SUPPRESSED | flag::ENDED;
        }
        if matches!(self.stage, Stage::Open | Stage::Finishing) {
            self.stage = Stage::CloseDue;
        }
    }

    /// Octets came to a client that answer no request of its (RFC 9112 9.2).
    pub(crate) fn unsolicited(&mut self, now: Instant) {
        self.tick(now);
        self.causes.add(CloseReason::Unsolicited);
        self.end();
    }

    /// Cuts the connection; a message being sent must not look complete.
    pub(crate) fn cut(&mut self) {
        let unsent = self.sending == Half::Content || self.pending > 0;
        let until_close = unsent && self.send_by == Counted::UntilClose;
        self.stage = if until_close { Stage::ResetDue } else { Stage::CloseDue };
    }

    /// The peer closed its side after ours was shut, or while the last octets leave.
    pub(crate) fn peer_gone(&mut self, now: Instant) {
        match self.stage {
            Stage::HalfClosed => self.stage = Stage::CloseDue,
            _ => self.latest = self.latest.max(now),
        }
    }

    /// The half-close or close asked for is done.
    pub(crate) fn shut(&mut self, now: Instant) {
        let now = self.tick(now);
        self.stage = match self.stage {
            Stage::Finishing if self.pending > 0 => Stage::Finishing,
            Stage::Finishing if self.is(flag::EOF) => Stage::Closed,
            Stage::Finishing => {
                self.begun = now;
                self.last = now;
                self.octets = 0;
                Stage::HalfClosed
            }
            Stage::CloseDue | Stage::ResetDue => Stage::Closed,
            stage => stage,
        };
    }

    /// Octets came that are read by nobody.
    pub(crate) fn discarded(&mut self, now: Instant, settings: &Settings, octets: u64) {
        let now = self.tick(now);
        if self.stage == Stage::HalfClosed && octets > 0 {
            self.last = now;
            self.octets = self.octets.saturating_add(octets);
            if settings.limits.linger_octets.is_some_and(|most| self.octets > most) {
                self.stage = Stage::CloseDue;
            }
        }
    }

    /// Content came that is read only to keep the connection. More than that is worth: its end.
    pub(crate) fn unread_content(&mut self, now: Instant, settings: &Settings) {
        let most = settings.limits.unread_octets.unwrap_or(u64::MAX);
        // an exact length was weighed when the response was sent
        if self.receive_by != Counted::Exact && self.octets > most && self.receiving == Half::Content {
            self.causes.add(CloseReason::UnreadContent);
            self.receiving = Half::Complete;
            self.finish(now);
        }
    }

    /// A graceful close is asked for.
    pub(crate) fn drain(&mut self, now: Instant, settings: &Settings) {
        let now = self.tick(now);
        if self.is(flag::DRAINING) || matches!(self.stage, Stage::Closed | Stage::Tunnel) {
            return;
        }
        self.flags |= flag::DRAINING;
        self.life = now;
        self.causes.add(CloseReason::Drain);
        if self.is(flag::CLIENT) {
            if self.between_exchanges() {
                self.end();
            }
        } else if self.stage == Stage::Open && self.between_exchanges() && self.shield_end(settings) <= now {
            self.looking = Some(CloseReason::Drain);
        }
    }

    pub(crate) fn abort(&mut self, now: Instant, reason: CloseReason) {
        self.tick(now);
        if matches!(self.stage, Stage::ResetDue | Stage::Closed) {
            return;
        }
        // what is cut matters more than who asked for it
        let content = reason == CloseReason::Aborted && self.sending == Half::Content;
        self.causes.add(if content { CloseReason::ContentAborted } else { reason });
        self.cut();
    }

    /// The transport is gone.
    pub(crate) fn transport_failed(&mut self, now: Instant) {
        self.tick(now);
        self.causes.add(CloseReason::TransportFailed);
        if !self.is(flag::CLIENT) {
            // what of its requests never left is evidence for a client
            self.pending = 0;
        }
        self.stage = Stage::Closed;
    }

    /// The look that an idle deadline asked for found nothing.
    pub(crate) fn nothing_to_read(&mut self, now: Instant) {
        let now = self.tick(now);
        if let Some(reason) = self.looking.take() {
            self.causes.add(reason);
            self.close(now);
        }
    }

    /// No close by us before this.
    fn shield_end(&self, settings: &Settings) -> Instant {
        if self.exchanges > 0 { settings.spans.idle_shield.or_nothing().after(self.left) } else { Instant::EPOCH }
    }

    /// The table of deadlines: which state arms which.
    pub(crate) fn next_deadline(&self, settings: &Settings) -> Option<Deadline> {
        let spans = &settings.spans;
        let mut earliest = Earliest::new();
        if self.is(flag::DRAINING)
            && !matches!(self.stage, Stage::CloseDue | Stage::ResetDue | Stage::Closed | Stage::Tunnel)
        {
            earliest.offer(DeadlineKind::Drain, self.life, spans.drain);
        }
        match self.stage {
            Stage::Open if self.is(flag::CLIENT) && !self.between_exchanges() => {
                self.client_deadlines(settings, &mut earliest);
            }
            Stage::Open if self.is(flag::CLIENT) => {
                if self.pending > 0 {
                    earliest.offer(DeadlineKind::WriteStall, self.left, spans.write_stall);
                }
                if self.exchanges > 0 {
                    earliest.offer(DeadlineKind::Idle, self.left, self.idle_span(settings));
                }
                earliest.offer(DeadlineKind::Age, self.life, spans.age);
            }
            Stage::Open if self.between_exchanges() => self.idle_deadlines(settings, &mut earliest),
            Stage::Open => self.exchange_deadlines(settings, &mut earliest),
            Stage::Finishing if self.pending > 0 => {
                earliest.offer(DeadlineKind::WriteStall, self.left, spans.write_stall)
            }
            Stage::HalfClosed => {
                earliest.offer(DeadlineKind::Linger, self.begun, spans.linger);
                earliest.offer(DeadlineKind::LingerGap, self.last, spans.linger_gap);
            }
            _ => {}
        }
        earliest.get()
    }

    #[inline(always)]
    fn idle_deadlines(&self, settings: &Settings, earliest: &mut Earliest) {
        let spans = &settings.spans;
        if self.pending > 0 {
            if self.exchanges > 0 {
                // it lasts until the last octet of its response has left
                earliest.offer(DeadlineKind::Exchange, self.exchange, spans.exchange);
            }
            return earliest.offer(DeadlineKind::WriteStall, self.left, spans.write_stall);
        }
        if self.looking.is_some() {
            return;
        }
        if !self.causes.is_empty() {
            return earliest.offer(DeadlineKind::IdleShield, self.left, spans.idle_shield.or_nothing());
        }
        if self.exchanges == 0 {
            earliest.offer(DeadlineKind::FirstOctet, self.life, spans.first_octet);
            return earliest.offer(DeadlineKind::Age, self.life, spans.age);
        }
        let shield = self.shield_end(settings);
        earliest.offer_at(DeadlineKind::Idle, spans.idle.after(self.left).max(shield));
        earliest.offer_at(DeadlineKind::Age, spans.age.after(self.life).max(shield));
    }

    #[inline(never)]
    fn client_deadlines(&self, settings: &Settings, earliest: &mut Earliest) {
        let (timeouts, spans) = (&settings.timeouts, &settings.spans);
        if self.pending > 0 {
            earliest.offer(DeadlineKind::WriteStall, self.left, spans.write_stall);
        }
        earliest.offer(DeadlineKind::Exchange, self.exchange, spans.exchange);
        if self.is(flag::CONTINUE) && self.pending == 0 {
            earliest.offer(DeadlineKind::Expect, self.left, spans.expect);
        }
        match (self.receiving, self.asked) {
            (Half::Head, _) => earliest.offer(DeadlineKind::Head, self.begun, spans.head),
            (Half::Content, _) => self.content_deadlines(timeouts.content_rate, spans, earliest),
            (Half::Idle, Some(asked)) => earliest.offer(DeadlineKind::Response, asked, spans.response),
            _ => {}
        }
    }

    /// How long a client stays idle: its own limit, and what the peer said less the margin.
    #[inline(always)]
    pub(crate) fn idle_span(&self, settings: &Settings) -> Span {
        if self.hint == u32::MAX {
            return settings.spans.idle;
        }
        let hint = Span::of(Some(Duration::from_secs(self.hint.into())));
        settings.spans.idle.min(hint.less(settings.spans.hint_margin.or_nothing()))
    }

    /// Has a client been idle, or has it lived, for as long as it may?
    #[inline]
    pub(crate) fn is_over_idle(&self, settings: &Settings, now: Instant) -> bool {
        settings.spans.age.is_over(self.life, now)
            || (self.exchanges > 0 && self.idle_span(settings).is_over(self.left, now))
    }

    fn content_deadlines(&self, rate: Option<u32>, spans: &Spans, earliest: &mut Earliest) {
        earliest.offer(DeadlineKind::ContentGap, self.last, spans.content_gap);
        if rate.is_some() && !self.is(flag::DISCARD) {
            let due = spans.content_gap.extended(self.octets, rate, Span::NEVER);
            earliest.offer(DeadlineKind::ContentRate, self.begun, due);
        }
    }

    #[inline(never)]
    fn exchange_deadlines(&self, settings: &Settings, earliest: &mut Earliest) {
        let (timeouts, spans) = (&settings.timeouts, &settings.spans);
        earliest.offer(DeadlineKind::Exchange, self.exchange, spans.exchange);
        match (self.receiving, self.sending) {
            (Half::Head, _) => {
                let head = spans.head.extended(self.octets, timeouts.head_rate, spans.head_cap);
                earliest.offer(DeadlineKind::Head, self.exchange, head);
            }
            (Half::Content, _) if !self.is(flag::CONTINUE) => {
                self.content_deadlines(timeouts.content_rate, spans, earliest);
            }
            (Half::Complete, Half::Idle) => earliest.offer(DeadlineKind::Application, self.last, spans.application),
            _ => {}
        }
        if self.pending > 0 {
            earliest.offer(DeadlineKind::WriteStall, self.left, spans.write_stall);
        }
    }

    /// Lets the earliest deadline expire if it is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant, settings: &Settings) -> Option<Deadline> {
        let now = self.tick(now);
        let due = self.next_deadline(settings).filter(|deadline| deadline.at <= now)?;
        let at = due.at;
        match due.kind {
            DeadlineKind::Idle | DeadlineKind::Age if self.is(flag::CLIENT) => {
                let age = due.kind == DeadlineKind::Age;
                self.causes.add(if age { CloseReason::Age } else { CloseReason::IdleTimeout });
                self.end();
            }
            // what had arrived before we committed to closing counts: the transport is looked at once more
            DeadlineKind::FirstOctet => self.looking = Some(CloseReason::FirstOctetTimeout),
            DeadlineKind::Idle => self.looking = Some(CloseReason::IdleTimeout),
            DeadlineKind::Age => self.looking = Some(CloseReason::Age),
            DeadlineKind::IdleShield => self.looking = self.causes.first(),
            DeadlineKind::Head => self.time_out(now, settings, CloseReason::HeadTimeout),
            DeadlineKind::ContentGap | DeadlineKind::ContentRate => {
                self.time_out(now, settings, CloseReason::ContentTimeout);
            }
            DeadlineKind::Application => self.abort(at, CloseReason::ApplicationTimeout),
            DeadlineKind::Response => self.abort(at, CloseReason::ResponseTimeout),
            DeadlineKind::Exchange => self.abort(at, CloseReason::ExchangeTimeout),
            DeadlineKind::WriteStall => {
                self.causes.add(CloseReason::WriteStall);
                self.stage = Stage::ResetDue;
            }
            DeadlineKind::Drain => {
                self.causes.add(CloseReason::DrainTimeout);
                self.cut();
            }
            DeadlineKind::Linger | DeadlineKind::LingerGap => self.stage = Stage::CloseDue,
            DeadlineKind::Expect => self.flags &= !flag::CONTINUE,
        }
        Some(due)
    }

    fn time_out(&mut self, now: Instant, settings: &Settings, reason: CloseReason) {
        if self.is(flag::CLIENT) {
            return self.abort(now, reason);
        }
        self.causes.add(reason);
        let answers = settings.policy.request_timeout_response.is_on();
        self.refuse(now, if answers { Some(StatusCode::REQUEST_TIMEOUT) } else { None });
    }

    /// Why a refusal goes out, for people.
    pub(crate) fn refusal_reason(&self) -> (&'static str, &'static str) {
        match (self.fault, self.causes.first()) {
            (Some(fault), _) => (fault.as_str(), fault.clause()),
            (None, Some(cause)) => (cause.as_str(), cause.clause()),
            (None, None) => (ProtocolErrorKind::NotHttp.as_str(), ProtocolErrorKind::NotHttp.clause()),
        }
    }
}
