//! What is due: which state arms which deadline, what follows when it expires, and which fact and setting it comes from.
//!
//! A deadline is derived from an anchor (when something last happened) and a span; nothing is kept but the anchors, so nothing
//! is due twice: what expires changes the state that armed it. [`Machine::handle_timeout`] reads the same table that announces.
//!
//! **Idle.** Before it closes an idle connection a server looks at its transport once more
//! ([`ReadWant::LookOnce`](crate::ReadWant::LookOnce)): octets that came before it committed to closing win (RFC 9112 9.5). A
//! client has nothing to look for: what it would find ends the connection as well.

use core::time::Duration;

use crate::config::Settings;
use crate::config::nanos::{Span, Spans};
use crate::lifecycle::deadline::{Deadline, DeadlineCause, DeadlineFact, DeadlineKind};
use crate::lifecycle::persistence::CloseReason;
use crate::lifecycle::state::{Half, Machine, flag};
use crate::lifecycle::teardown::Stage;
use crate::status::StatusCode;
use crate::time::Instant;

/// What a role knows of its peer's time: nothing, of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeerTime {
    /// Since when the response to the first request is waited for: it left whole, and the one before is answered.
    pub(crate) waiting: Option<Instant>,
    /// Seconds the peer says it will stay, or the greatest number.
    pub(crate) hint: u32,
}

impl PeerTime {
    pub(crate) const UNKNOWN: Self = Self { waiting: None, hint: u32::MAX };
}

impl Machine {
    /// No close of an idle connection by us before this.
    fn shield_end(&self, settings: &Settings) -> Instant {
        if self.exchanges > 0 { settings.spans.idle_shield.or_nothing().after(self.left) } else { Instant::EPOCH }
    }

    /// In a drain: until then a request on its way is still awaited.
    fn window_end(&self, settings: &Settings) -> Instant {
        let spans = &settings.spans;
        if !self.is(flag::DRAINING) {
            return Instant::EPOCH;
        }
        spans.drain_window.or_nothing().plus(self.share(spans.drain_spread.or_nothing())).after(self.life)
    }

    /// May a draining server's idle connection end?
    pub(crate) fn may_end_idle(&self, settings: &Settings, now: Instant) -> bool {
        self.shield_end(settings).max(self.window_end(settings)) <= now
    }

    /// The table of deadlines: which state arms which.
    pub(crate) fn next_deadline(&self, settings: &Settings, peer: PeerTime) -> Option<Deadline> {
        let spans = &settings.spans;
        let mut earliest = Earliest::new();
        if self.is(flag::DRAINING)
            && !matches!(self.stage, Stage::CloseDue | Stage::ResetDue | Stage::Closed | Stage::Tunnel)
        {
            earliest.offer(DeadlineKind::Drain, self.life, spans.drain);
        }
        match self.stage {
            Stage::Open if self.is(flag::CLIENT) && !self.between_exchanges() => {
                self.client_deadlines(settings, peer, &mut earliest);
            }
            Stage::Open if self.is(flag::CLIENT) => {
                if self.pending > 0 {
                    earliest.offer(DeadlineKind::WriteStall, self.left, spans.write_stall);
                }
                self.resting_deadlines(settings, peer.hint, &mut earliest);
            }
            Stage::Open if self.between_exchanges() => self.idle_deadlines(settings, &mut earliest),
            Stage::Open => self.exchange_deadlines(settings, &mut earliest),
            Stage::Finishing if self.pending > 0 => {
                // it lasts until the last octet of its response has left
                earliest.offer(DeadlineKind::Exchange, self.exchange, spans.exchange);
                earliest.offer(DeadlineKind::WriteStall, self.left, spans.write_stall);
            }
            Stage::HalfClosed => {
                earliest.offer(DeadlineKind::Linger, self.begun, spans.linger);
                earliest.offer(DeadlineKind::LingerGap, self.last, spans.linger_gap);
            }
            _ => {}
        }
        earliest.get()
    }

    /// What is due next of a server between exchanges that is to stay, if that is so: asked for after every exchange.
    #[inline(always)]
    pub(crate) fn idling(&self, settings: &Settings) -> Option<Earliest> {
        let idles = self.stage == Stage::Open && self.between_exchanges() && self.exchanges > 0 && self.pending == 0;
        if !idles || self.looking.is_some() || !self.causes.is_empty() || self.ahead > 0 {
            return None;
        }
        let mut earliest = Earliest::new();
        self.used_deadlines(settings, &mut earliest);
        Some(earliest)
    }

    #[inline(always)]
    fn used_deadlines(&self, settings: &Settings, earliest: &mut Earliest) {
        let shield = self.shield_end(settings);
        earliest.offer_at(DeadlineKind::Idle, settings.spans.idle.after(self.left).max(shield));
        earliest.offer_at(DeadlineKind::Age, self.life.max(shield));
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
            return self.closing_deadlines(settings, earliest);
        }
        if self.exchanges == 0 {
            earliest.offer(DeadlineKind::FirstOctet, self.left, spans.first_octet);
            return earliest.offer_at(DeadlineKind::Age, self.life);
        }
        if self.ahead > 0 {
            earliest.offer(DeadlineKind::Head, self.left, self.head_span(settings, self.ahead.into()));
        }
        self.used_deadlines(settings, earliest);
    }

    /// Idle, and a close is wanted.
    #[cold]
    fn closing_deadlines(&self, settings: &Settings, earliest: &mut Earliest) {
        let (shield, window) = (self.shield_end(settings), self.window_end(settings));
        if window <= shield {
            return earliest.offer_at(DeadlineKind::IdleShield, shield);
        }
        earliest.offer_at(DeadlineKind::DrainWindow, window);
        if self.exchanges > 0 {
            earliest.offer_at(DeadlineKind::Idle, settings.spans.idle.after(self.left).max(shield));
        }
    }

    #[inline(never)]
    fn client_deadlines(&self, settings: &Settings, peer: PeerTime, earliest: &mut Earliest) {
        let (timeouts, spans) = (&settings.timeouts, &settings.spans);
        earliest.offer(DeadlineKind::Exchange, self.exchange, spans.exchange);
        match (self.receiving, peer.waiting) {
            (Half::Head, _) => earliest.offer(DeadlineKind::Head, self.begun, spans.head),
            (Half::Content, _) => self.content_deadlines(timeouts.content_rate, spans, earliest),
            (Half::Idle, Some(waiting)) => {
                // what passed within a head is due when that turns out to be an interim one
                earliest.offer_at(DeadlineKind::Response, spans.response.after(waiting).max(self.begun));
            }
            _ => {}
        }
        if self.pending > 0 {
            earliest.offer(DeadlineKind::WriteStall, self.left, spans.write_stall);
        } else if self.is(flag::CONTINUE) {
            earliest.offer(DeadlineKind::Expect, self.left, spans.expect);
        }
    }

    #[inline(always)]
    fn resting_deadlines(&self, settings: &Settings, hint: u32, earliest: &mut Earliest) {
        if self.exchanges > 0 {
            earliest.offer(DeadlineKind::Idle, self.left, self.idle_span(settings, hint));
        }
        if !self.is(flag::DRAINING) {
            earliest.offer_at(DeadlineKind::Age, self.life);
        }
    }

    /// What is due next of a client that has nothing to do, if that is so: asked for after every exchange.
    #[inline(always)]
    pub(crate) fn resting(&self, settings: &Settings, hint: u32) -> Option<Earliest> {
        if self.stage != Stage::Open || !self.between_exchanges() || self.is(flag::DRAINING) || self.pending > 0 {
            return None;
        }
        let mut earliest = Earliest::new();
        self.resting_deadlines(settings, hint, &mut earliest);
        Some(earliest)
    }

    /// How long a client stays idle: its own limit, and what the peer said less the margin.
    #[inline(always)]
    pub(crate) fn idle_span(&self, settings: &Settings, hint: u32) -> Span {
        if hint == u32::MAX {
            return settings.spans.idle;
        }
        let hint = Span::of(Some(Duration::from_secs(hint.into())));
        settings.spans.idle.min(hint.less(settings.spans.hint_margin.or_nothing()))
    }

    /// Has a client been idle, or has it lived, for as long as it may?
    #[inline]
    pub(crate) fn is_over_idle(&self, settings: &Settings, hint: u32, now: Instant) -> bool {
        self.is_over_age(now) || (self.exchanges > 0 && self.idle_span(settings, hint).is_over(self.left, now))
    }

    fn content_deadlines(&self, rate: Option<u32>, spans: &Spans, earliest: &mut Earliest) {
        earliest.offer(DeadlineKind::ContentGap, self.last, spans.content_gap);
        if rate.is_some() {
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
                earliest.offer(DeadlineKind::Head, self.exchange, self.head_span(settings, self.octets));
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
        if self.content_timed_out() {
            earliest.offer(DeadlineKind::Linger, self.last, self.cut_span(settings).0);
        }
    }

    /// How long a head may take of which `octets` have come.
    fn head_span(&self, settings: &Settings, octets: u64) -> Span {
        settings.spans.head.extended(octets, settings.timeouts.head_rate, settings.spans.head_cap)
    }

    /// Content of the request took too long while its response was under way: the application may end that, and is given a time for
    /// it, counted anew from each octet that goes. By which setting.
    fn cut_span(&self, settings: &Settings) -> (Span, &'static str) {
        let spans = &settings.spans;
        match (spans.linger, spans.write_stall) {
            (Span::NEVER, Span::NEVER) => (Span::of(Some(Duration::ZERO)), "linger"),
            (Span::NEVER, stall) => (stall, "write_stall"),
            (linger, _) => (linger, "linger"),
        }
    }

    /// Where the next deadline comes from. The longer of two settings, or the shorter, is named: which of them made the length.
    pub(crate) fn deadline_cause(&self, settings: &Settings, peer: PeerTime) -> Option<DeadlineCause> {
        use DeadlineFact::*;
        let deadline = self.next_deadline(settings, peer)?;
        let is_client = self.is(flag::CLIENT);
        let spans = &settings.spans;
        let (since, fact) = match deadline.kind {
            DeadlineKind::Drain | DeadlineKind::DrainWindow => (self.life, DrainBegan),
            DeadlineKind::Exchange => (self.exchange, ExchangeBegan),
            DeadlineKind::FirstOctet => (self.left, Opened),
            DeadlineKind::Age => (self.age(settings).before(self.life), Opened),
            DeadlineKind::Head if is_client => (self.begun, HeadBegan),
            DeadlineKind::Head if self.receiving == Half::Idle => (self.left, HeadBegan),
            DeadlineKind::Head => (self.exchange, HeadBegan),
            DeadlineKind::ContentGap => (self.last, ContentCame),
            DeadlineKind::ContentRate => (self.begun, ContentBegan),
            DeadlineKind::Application => (self.last, RequestCame),
            DeadlineKind::Response => (peer.waiting.unwrap_or(self.left), RequestLeft),
            DeadlineKind::WriteStall | DeadlineKind::Expect => (self.left, OctetLeft),
            DeadlineKind::IdleShield | DeadlineKind::Idle => (self.left, OctetLeft),
            DeadlineKind::Linger if self.stage == Stage::Open => (self.last, ContentTimedOut),
            DeadlineKind::Linger => (self.begun, HalfClosed),
            DeadlineKind::LingerGap => (self.last, OctetDiscarded),
        };
        let after = |span: Span| deadline.at == span.after(since);
        let setting = match deadline.kind {
            DeadlineKind::Idle if is_client && !after(spans.idle) => "keep_alive",
            DeadlineKind::Idle if !is_client && !after(spans.idle) => "idle_shield",
            DeadlineKind::Age if !after(self.age(settings)) => "idle_shield",
            DeadlineKind::Head if !is_client && !after(spans.head) => match after(spans.head_cap) {
                true => "head_cap",
                false => "head_rate",
            },
            DeadlineKind::Linger if self.stage == Stage::Open => self.cut_span(settings).1,
            DeadlineKind::DrainWindow if !after(spans.drain_window.or_nothing()) => "drain_spread",
            kind => kind.as_str(),
        };
        // what would have been earlier waits for the end of the shield
        let (since, fact) = if setting == "idle_shield" { (self.left, OctetLeft) } else { (since, fact) };
        Some(DeadlineCause { deadline, since, fact, setting })
    }

    /// Lets the earliest deadline expire if it is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant, settings: &Settings, peer: PeerTime) -> Option<Deadline> {
        let now = self.tick(now);
        let due = self.next_deadline(settings, peer).filter(|deadline| deadline.at <= now)?;
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
            DeadlineKind::IdleShield | DeadlineKind::DrainWindow => self.looking = self.causes.first(),
            // nobody said that it was one
            DeadlineKind::Head if self.receiving == Half::Idle => self.ahead = 0,
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
            DeadlineKind::Linger if self.stage == Stage::Open => self.cut(),
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
        if reason == CloseReason::ContentTimeout && self.sending == Half::Content {
            return self.content_too_late(now);
        }
        let answers = settings.policy.request_timeout_response.is_on();
        self.refuse(now, if answers { Some(StatusCode::REQUEST_TIMEOUT) } else { None });
    }
}

/// The earliest of the deadlines offered; of equal ones the first offered, so they are offered in the order of their kinds. What is never
/// due is none.
#[derive(Clone, Copy)]
pub(crate) struct Earliest {
    deadline: Deadline,
    #[cfg(debug_assertions)]
    last: Option<DeadlineKind>,
}

impl Earliest {
    #[inline(always)]
    pub(crate) const fn new() -> Self {
        Self {
            deadline: Deadline { at: Instant::MAX, kind: DeadlineKind::Drain },
            #[cfg(debug_assertions)]
            last: None,
        }
    }

    /// Offers the deadline `span` after `anchor`.
    #[inline(always)]
    pub(crate) fn offer(&mut self, kind: DeadlineKind, anchor: Instant, span: Span) {
        self.offer_at(kind, span.after(anchor));
    }

    /// Offers a deadline at this instant.
    #[inline(always)]
    pub(crate) fn offer_at(&mut self, kind: DeadlineKind, at: Instant) {
        #[cfg(debug_assertions)]
        {
            debug_assert!(self.last < Some(kind), "{kind:?} after {:?}", self.last);
            self.last = Some(kind);
        }
        if at < self.deadline.at {
            self.deadline = Deadline { at, kind };
        }
    }

    /// Nothing offered is due at `now`.
    #[inline(always)]
    pub(crate) fn is_after(&self, now: Instant) -> bool {
        self.deadline.at > now
    }

    #[inline(always)]
    pub(crate) fn get(self) -> Option<Deadline> {
        if self.deadline.at == Instant::MAX { None } else { Some(self.deadline) }
    }
}
