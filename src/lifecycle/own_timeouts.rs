//! The door by which an exchange gets timeouts of its own ([`terms`](crate::lifecycle::terms) says what they are).

use core::ops::Deref;

use crate::config::{Config, Settings};
use crate::error::SendError;
use crate::lifecycle::Lifecycle;
use crate::lifecycle::deadline::DeadlineKind;
use crate::lifecycle::grace::Granted;
use crate::lifecycle::role::{LifecycleRole, Own};
use crate::lifecycle::state::{ConnectionState, OwnTimeouts, Sending, Stage};
use crate::lifecycle::terms::Terms;
use crate::time::Instant;

impl<R: LifecycleRole, C: Deref<Target = Config<R>>> Lifecycle<R, C> {
    /// The settings that hold now.
    #[inline(always)]
    pub(crate) fn terms(&self) -> Terms<'_> {
        terms(&self.config, &self.exchange_config, &self.state)
    }

    /// The state, and the settings that hold now.
    #[inline(always)]
    pub(crate) fn parts_on_terms(&mut self) -> (&mut ConnectionState<R>, Terms<'_>) {
        let terms = terms(&self.config, &self.exchange_config, &self.state);
        (&mut self.state, terms)
    }

    /// Gives the exchange that is open timeouts of its own, and no longer than that: of `config` count `content_gap`, `content_rate`,
    /// `application`, `response`, `write_stall`, `send_rate`, `exchange` and `expect`; everything else stays that of the connection. For a
    /// client it is the exchange of the request sent last. Said again, the later word holds.
    ///
    /// What is due is told anew from where it counted before, and what is past by then expires at the next
    /// [`handle_timeout`](Self::handle_timeout) (RFC 9112 9.5).
    ///
    /// # Errors
    ///
    /// [`SendError::Ended`]: the connection has ended, and nothing waits to leave. [`SendError::Misuse`]: no exchange is open; of a client
    /// that pipelines, one before this has timeouts of its own and is not over; the connection is a tunnel. Nothing has moved.
    pub fn exchange_timeouts(&mut self, now: Instant, config: C) -> Result<(), SendError> {
        if self.state.stage() != Stage::Finishing || self.state.send.unsent == 0 {
            self.state.check_open()?;
        }
        let rate = self.terms().sending.timeouts.send_rate;
        R::give_timeouts(&mut self.state)?;
        self.exchange_config = Some(config);
        let (state, terms) = self.parts_on_terms();
        state.terms_changed(now, rate, terms);
        self.check();
        Ok(())
    }
}

#[inline(always)]
fn terms<'s, R: LifecycleRole, C: Deref<Target = Config<R>>>(
    connection: &'s C,
    exchange: &'s Option<C>,
    state: &ConnectionState<R>,
) -> Terms<'s> {
    match exchange {
        None => Terms::of(connection.settings()),
        Some(exchange) => own_terms(connection.settings(), exchange.settings(), R::own_timeouts(state)),
    }
}

#[cold]
#[inline(never)]
fn own_terms<'s>(connection: &'s Settings, own: &'s Settings, has: Own) -> Terms<'s> {
    let of = |is_own| if is_own { own } else { connection };
    Terms { connection, own: of(has.any), receiving: of(has.receiving), sending: of(has.sending) }
}

impl<R: LifecycleRole> ConnectionState<R> {
    /// Other settings hold from here on.
    fn terms_changed(&mut self, now: Instant, rate: Option<u32>, terms: Terms<'_>) {
        use DeadlineKind as Kind;
        let now = self.tick(now);
        let moved = matches!(
            self.lifetime.passed,
            Some(Kind::ContentGap | Kind::ContentRate | Kind::Response | Kind::WriteStall | Kind::SendRate)
        );
        if moved {
            // it may not be due any more; if it is, it passes again
            self.lifetime.passed = None;
        }
        if terms.sending.timeouts.send_rate == rate || self.send.has_failed() {
            return;
        }
        if self.send.unsent > 0 || self.send.half() == Sending::Content {
            self.pace_anew(now);
        } else {
            // what counted was of an exchange before
            self.send.rate_began = Instant::MAX;
        }
    }

    /// What goes is of another exchange from here on, with other timeouts: what still waits counts by those, from now.
    #[cold]
    #[inline(never)]
    pub(crate) fn own_timeouts_end(&mut self, now: Instant) {
        self.receive.own_timeouts = OwnTimeouts::None;
        let send = &mut self.send;
        if send.has_failed() {
            return;
        }
        if send.unsent == 0 {
            send.rate_began = Instant::MAX;
            return;
        }
        send.still_since = now;
        if send.rate_began != Instant::MAX {
            (send.rate_began, send.granted) = (now, Granted::NOTHING);
        }
    }
}
