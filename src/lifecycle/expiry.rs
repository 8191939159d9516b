//! What follows when a deadline passes: a look at the transport first, where it would punish the peer
//! ([`looks`](crate::lifecycle::looks)), then its effect.
//!
//! | deadline | effect |
//! | --- | --- |
//! | `first_octet`, `idle`, `age`, and the end of `idle_shield` or `drain_window` of a server | the connection is closed in silence |
//! | `idle`, `age` of a client | the same |
//! | `head`, `content_gap`, `content_rate` | 408, where no response has begun; content after that is an error that is told |
//! | `application`, by policy, where no response has begun | 503 |
//! | `response`, `application`, `exchange`; `linger` of content that is late | the connection is cut |
//! | `linger` after a failed write | the connection is closed |
//! | `write_stall`, `send_rate` | a reset |
//! | `half_closed` | a reset where the response has begun, else a close |
//! | `drain` | the connection is cut, in every state |
//! | `linger`, `linger_gap` after our side was shut | the connection is closed |
//! | `expect` | the content is sent all the same |
//!
//! **Reasons.** What takes effect names its own cause, whatever the verdict on persistence was before (a reset for a peer that does not read
//! is `write-stall`, though the peer had sent `close`).

use crate::config::{IdleClose, Settings};
use crate::error::ProtocolErrorKind;
use crate::lifecycle::content_use::ContentUse;
use crate::lifecycle::deadline::{Deadline, DeadlineKind};
use crate::lifecycle::persistence::CloseReason;
use crate::lifecycle::role::LifecycleRole;
use crate::lifecycle::state::{ConnectionState, Receiving, Sending};
use crate::lifecycle::terms::Terms;
use crate::status::StatusCode;
use crate::time::Instant;

impl<R: LifecycleRole> ConnectionState<R> {
    /// Lets the earliest deadline pass if it is due: it takes effect, or a look is waited for.
    pub(crate) fn handle_timeout(&mut self, now: Instant, terms: Terms<'_>) -> Option<Deadline> {
        // a look is over by the time since anything was said
        let next = self.next_deadline(terms);
        let now = self.tick(now);
        let due = next.filter(|deadline| deadline.at <= now)?;
        if self.lifetime.passed == Some(due.kind) {
            self.ask_again(now, terms);
        } else if self.looks_before_effect(due).is_some() {
            self.lifetime.passed = Some(due.kind);
            self.grace.unanswered = 0;
        } else {
            self.take_effect(due.kind, now, terms);
        }
        Some(due)
    }

    /// A deadline of this kind has passed, and no look has found that it may not.
    pub(crate) fn take_effect(&mut self, kind: DeadlineKind, now: Instant, terms: Terms<'_>) {
        let settings = terms.connection;
        match kind {
            DeadlineKind::Idle => self.end_idle(now, settings, CloseReason::IdleTimeout),
            DeadlineKind::Age => self.end_idle(now, settings, CloseReason::Age),
            DeadlineKind::FirstOctet => self.end_idle(now, settings, CloseReason::FirstOctetTimeout),
            DeadlineKind::IdleShield | DeadlineKind::DrainWindow => {
                // what the shield or the window kept
                let reason = self.lifetime.causes.first().unwrap_or(CloseReason::Drain);
                self.end_idle(now, settings, reason);
            }
            // nobody said that it was one
            DeadlineKind::Head if self.receive.half() == Receiving::Idle => self.receive.unread = 0,
            DeadlineKind::Head => self.time_out(now, settings, CloseReason::HeadTimeout),
            DeadlineKind::ContentGap | DeadlineKind::ContentRate => {
                self.time_out(now, settings, CloseReason::ContentTimeout);
            }
            DeadlineKind::Application => self.application_late(now, settings),
            DeadlineKind::Response => self.abort(now, CloseReason::ResponseTimeout),
            DeadlineKind::Exchange => self.end_exchange(now, settings, CloseReason::ExchangeTimeout),
            DeadlineKind::Drain => self.abort(now, CloseReason::DrainTimeout),
            DeadlineKind::WriteStall => self.reset(CloseReason::WriteStall),
            DeadlineKind::SendRate => self.reset(CloseReason::SendRate),
            DeadlineKind::HalfClosed
                if self.send.is_idle() && self.lifetime.is_open() && !self.is_between_exchanges() =>
            {
                self.lifetime.causes.end_by(CloseReason::HalfClosedTimeout);
                self.lifetime.owe_close();
            }
            DeadlineKind::HalfClosed => self.reset(CloseReason::HalfClosedTimeout),
            DeadlineKind::Linger if self.send.has_failed() => self.lifetime.owe_close(),
            DeadlineKind::Linger if self.lifetime.is_open() => self.cut(CloseReason::ContentTimeout),
            DeadlineKind::Linger | DeadlineKind::LingerGap => self.lifetime.owe_close(),
            DeadlineKind::Expect => self.send.request.awaits_continue = false,
        }
    }

    /// A connection that carries no exchange ends.
    fn end_idle(&mut self, now: Instant, settings: &Settings, reason: CloseReason) {
        self.lifetime.causes.end_by(reason);
        if R::IS_CLIENT {
            return self.close_at_once();
        }
        match settings.policy.idle_close {
            IdleClose::AtOnce => self.close_once_sent(now, settings),
            IdleClose::Staged => self.close_in_stages(),
        }
    }

    /// The application took too long.
    fn application_late(&mut self, now: Instant, settings: &Settings) {
        let reason = CloseReason::ApplicationTimeout;
        let answers = !R::IS_CLIENT && settings.policy.application_timeout_response.is_on();
        if answers && self.send.half() == Sending::Idle {
            return self.answer_for_application(now, StatusCode::SERVICE_UNAVAILABLE, reason);
        }
        self.end_exchange(now, settings, reason);
    }

    /// An exchange ends before its time. What has begun is cut; where a server has begun nothing, the answers before it are not destroyed.
    fn end_exchange(&mut self, now: Instant, settings: &Settings, reason: CloseReason) {
        let begun = R::IS_CLIENT || !self.send.is_idle() || self.is_between_exchanges() || !self.lifetime.is_open();
        // their octets had as much time as the exchange that is over
        let stalls = reason == CloseReason::ExchangeTimeout && self.send.unsent > 0;
        if begun || stalls {
            return self.abort(now, reason);
        }
        self.lifetime.causes.end_by(reason);
        self.close_once_sent(now, settings);
    }

    /// What was to be received came too late.
    fn time_out(&mut self, now: Instant, settings: &Settings, reason: CloseReason) {
        if R::IS_CLIENT {
            return self.abort(now, reason);
        }
        self.lifetime.causes.end_by(reason);
        if reason == CloseReason::ContentTimeout && self.send.half() == Sending::Content {
            return self.content_too_late(now);
        }
        let answered = self.send.half() == Sending::Complete;
        if reason == CloseReason::ContentTimeout && answered && self.receive.content_use == ContentUse::Reading {
            // it was read after its response, and who reads is told
            self.receive.fault = Some(ProtocolErrorKind::ContentTimeout);
        }
        if settings.policy.request_timeout_response.is_on() || self.send.half() != Sending::Idle {
            self.refuse(now, Some(StatusCode::REQUEST_TIMEOUT));
        } else {
            self.stop_receiving(now);
            self.close_once_sent(now, settings);
        }
    }
}
