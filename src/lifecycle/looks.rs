//! The look at the transport before a deadline takes effect: nothing that had arrived is punished.
//!
//! A process that was stopped, starved or asleep wakes with a deadline that has passed and with octets in its sockets. So a deadline that
//! accuses the peer or cuts it takes effect only after the driver looked once more: it tried to read, or, where the peer is said not to
//! read, to write ([`Wants::read`](crate::Wants::read), [`Wants::flush_once`](crate::Wants::flush_once)).
//!
//! | deadlines | looks for | what the look finds | and otherwise |
//! | --- | --- | --- | --- |
//! | a gap: `first_octet`, `content_gap`, `response`, `linger_gap`, `idle` | octets that came | it counts anew | it takes effect |
//! | a total: `head`, `content_rate`, `linger`, also that of a failed write | octets that came | ended by what is complete, else due again after a grace | it takes effect |
//! | `age`, `idle_shield`, `drain_window`, between exchanges | octets that came | the begin of a head is served | it takes effect |
//! | a gap: `write_stall`, `half_closed`, and `linger` of content that is late, while octets wait | octets that leave | it counts anew | it takes effect |
//! | a total: `send_rate` | octets that leave | due again after a grace | it takes effect |
//! | `drain`, `exchange`, `application`, `expect`; `idle`, `age` of a client | nothing | | |
//!
//! **The end of the peer** that a look finds ends the message as such, never as a timeout.
//!
//! **The grace** of a total ([`grace`](crate::lifecycle::grace)) is as long as the look came late, and at most its setting, all in all. Where
//! nothing more is granted, a total takes effect after the look that did not complete it, without another one, unless what came put it off.
//!
//! **Tie-breaks.** One look answers for all that were due on its side of the transport: those that it does not answer pass after it, in the
//! order of their instants, each with a look of its own, which finds nothing. While a look is waited for, no deadline is armed that takes
//! one, but for the one that has passed: where nothing is said to the connection for [`LONGEST_LOOK`], it passes again, and is looked for again;
//! the second time it takes effect. So a driver which does not know of looks waits two seconds longer, and not for ever; and one that is
//! stopped between the question and its look is asked once more. What no longer holds when the look is over (the application pauses, a message
//! is given up) takes no effect.

use crate::config::nanos::Span;
use crate::lifecycle::deadline::{Deadline, DeadlineKind};
use crate::lifecycle::role::LifecycleRole;
use crate::lifecycle::state::{ConnectionState, Receiving};
use crate::lifecycle::terms::Terms;
use crate::time::Instant;

/// After how long a look that nobody answers is asked for again, or is over. A second: a driver that looks does so at once, or within the
/// turn of a loop.
pub(crate) const LONGEST_LOOK: Span = Span::of_nanos(1_000_000_000);

/// The side of the transport that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Octets may have come.
    Reading,
    /// Octets may leave.
    Writing,
}

impl<R: LifecycleRole> ConnectionState<R> {
    /// The side that is to be looked at before a deadline of this kind takes effect; `None`: it does so at once.
    pub(crate) fn looks_before(&self, kind: DeadlineKind) -> Option<Side> {
        use DeadlineKind as Kind;
        let waits = self.send.unsent > 0;
        match kind {
            Kind::Drain | Kind::Exchange | Kind::Application | Kind::Expect => None,
            // what it would find ends the connection as well
            Kind::Idle | Kind::Age if R::IS_CLIENT => None,
            // nobody said that it was one
            Kind::Head if self.receive.half() == Receiving::Idle => None,
            // content is late, and it is for the application to end its response
            Kind::Linger if self.lifetime.is_open() && self.content_timed_out() => waits.then_some(Side::Writing),
            // all there is has come, and nobody takes it
            Kind::Linger if self.receive.has_ended() && self.is_paused() => None,
            Kind::HalfClosed => waits.then_some(Side::Writing),
            Kind::WriteStall | Kind::SendRate => Some(Side::Writing),
            Kind::FirstOctet | Kind::Head | Kind::ContentGap | Kind::ContentRate | Kind::Response => {
                Some(Side::Reading)
            }
            Kind::Linger | Kind::LingerGap | Kind::IdleShield | Kind::DrainWindow | Kind::Idle | Kind::Age => {
                Some(Side::Reading)
            }
        }
    }

    /// The side that is to be looked at before this deadline, which is due, takes effect; `None`: it does so at once, for one that takes
    /// no look, or for a total that has just been looked at and has no grace left.
    pub(crate) fn looks_before_effect(&self, due: Deadline) -> Option<Side> {
        use DeadlineKind as Kind;
        let side = self.looks_before(due.kind)?;
        let looked_at = match due.kind {
            Kind::Linger if self.reads_on() => self.send.granted.is_spent(),
            Kind::Head | Kind::ContentRate | Kind::Linger => {
                self.grace.granted.is_spent() && due.at <= self.grace.again_at(self.receive.began)
            }
            Kind::SendRate => self.send.granted.is_spent(),
            _ => false,
        };
        if looked_at { None } else { Some(side) }
    }

    /// A look at the transport is waited for.
    #[inline(always)]
    pub(crate) fn is_looking(&self) -> bool {
        self.lifetime.passed.is_some()
    }

    /// The side that is to be looked at now.
    #[inline(always)]
    pub(crate) fn look(&self) -> Option<Side> {
        match self.lifetime.passed {
            None => None,
            Some(kind) => self.look_of(kind),
        }
    }

    #[cold]
    pub(super) fn look_of(&self, kind: DeadlineKind) -> Option<Side> {
        match kind {
            // the octets that waited may have left since
            DeadlineKind::HalfClosed => Some(Side::Writing),
            DeadlineKind::Linger if self.lifetime.is_open() && self.content_timed_out() => Some(Side::Writing),
            kind => self.looks_before(kind),
        }
    }

    /// It ends a connection that carries no exchange.
    pub(super) const fn ends_idleness(kind: DeadlineKind) -> bool {
        use DeadlineKind as Kind;
        matches!(kind, Kind::FirstOctet | Kind::Idle | Kind::Age | Kind::IdleShield | Kind::DrainWindow)
    }

    /// Octets came while a look is waited for: what was due as a gap counts anew, and what was due as a whole has a grace. Between
    /// exchanges it depends on what the octets are.
    #[cold]
    #[inline(never)]
    pub(crate) fn look_found_octets(&mut self, now: Instant, terms: Terms<'_>) {
        let now = self.tick(now);
        let Some(kind) = self.lifetime.passed else { return };
        if Self::ends_idleness(kind) || self.look_of(kind) != Some(Side::Reading) {
            return;
        }
        self.lifetime.passed = None;
        let spans = &terms.connection.spans;
        for (kind, setting) in [
            (DeadlineKind::Head, spans.head),
            (DeadlineKind::ContentRate, terms.receiving.spans.content_gap),
            (DeadlineKind::Linger, spans.linger),
        ] {
            let Some(due) = self.due(kind, now, terms) else { continue };
            let late = now.as_nanos() - due.as_nanos();
            if kind == DeadlineKind::Linger && self.reads_on() {
                self.grant_after_failure(now, late, setting);
                continue;
            }
            // where nothing more is granted this was the last look
            let grace = self.grace.granted.grant(late, setting).unwrap_or(0);
            self.grace.set_again(self.receive.began, Span::of_nanos(grace).after(now));
        }
        let mut gaps = [DeadlineKind::ContentGap, DeadlineKind::LingerGap].into_iter();
        if gaps.any(|gap| self.due(gap, now, terms).is_some()) {
            self.receive.progress_at = now;
        }
        if self.due(DeadlineKind::Response, now, terms).is_some() {
            R::wait_anew(self, now);
        }
    }

    /// A write failed, and what is awaited is read.
    fn reads_on(&self) -> bool {
        self.send.has_failed() && self.lifetime.is_open()
    }

    /// What is read after a failed write has a grace: it counts from later.
    fn grant_after_failure(&mut self, now: Instant, late: u64, linger: Span) {
        let grace = self.send.granted.grant(late, linger).unwrap_or(0);
        self.send.rate_began = linger.before(Span::of_nanos(grace).after(now));
    }

    /// The look at what can be read found nothing.
    pub(crate) fn nothing_to_read(&mut self, now: Instant, terms: Terms<'_>) {
        let now = self.tick(now);
        if self.look() == Some(Side::Reading) {
            self.look_found_nothing(now, terms);
        }
    }

    /// A try to write what waits was told while it was asked for: so many `octets` left, of which the state knows already.
    #[cold]
    #[inline(never)]
    pub(crate) fn tried_to_write(&mut self, now: Instant, terms: Terms<'_>, octets: u64, due: Option<Instant>) {
        let now = self.tick(now);
        if self.look() != Some(Side::Writing) {
            return;
        }
        if octets == 0 {
            return self.look_found_nothing(now, terms);
        }
        self.lifetime.passed = None;
        let Some(due) = due.filter(|due| *due <= now) else { return };
        // what left has extended it, perhaps by enough
        let Some(natural) = self.due(DeadlineKind::SendRate, now, terms) else { return };
        if let Some(grace) = self.send.granted.grant(now.as_nanos() - due.as_nanos(), terms.sending.spans.write_stall) {
            let moves = now.as_nanos().saturating_add(grace) - natural.as_nanos();
            self.send.rate_began = Span::of_nanos(moves).after(self.send.rate_began);
        }
    }

    /// Nobody answered the look: it is asked for once more.
    pub(super) fn ask_again(&mut self, now: Instant, terms: Terms<'_>) {
        if self.grace.unanswered > 0 {
            return self.look_found_nothing(now, terms);
        }
        self.grace.unanswered = 1;
    }

    /// What has passed takes effect, if it is still due.
    fn look_found_nothing(&mut self, now: Instant, terms: Terms<'_>) {
        let Some(kind) = self.lifetime.passed.take() else { return };
        // empty lines found by the look are no request, and put off nothing
        let holds = match Self::ends_idleness(kind) {
            true => self.lifetime.is_open() && self.is_between_exchanges(),
            false => self.due(kind, now, terms).is_some(),
        };
        if holds {
            self.take_effect(kind, now, terms);
        }
    }

    /// The look on the reading side is over, for what it found is the end of the peer.
    pub(crate) fn end_look_at_reading(&mut self) {
        if self.look() == Some(Side::Reading) {
            self.lifetime.passed = None;
        }
    }
}
