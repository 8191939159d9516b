//! The door by which an exchange gets timeouts of its own ([`terms`](crate::lifecycle::terms) says what they are).

use core::ops::Deref;

use crate::config::Config;
use crate::error::{Misuse, SendError};
use crate::lifecycle::Lifecycle;
use crate::lifecycle::deadline::DeadlineKind;
use crate::lifecycle::grace::Granted;
use crate::lifecycle::role::LifecycleRole;
use crate::lifecycle::state::{ConnectionState, Sending};
use crate::lifecycle::terms::Terms;
use crate::time::Instant;

impl<R: LifecycleRole, C: Deref<Target = Config<R>>> Lifecycle<R, C> {
    /// The settings that hold now.
    #[inline(always)]
    pub(crate) fn terms(&self) -> Terms<'_> {
        let connection = self.config.settings();
        let own = R::own_timeouts(&self.state);
        let of = |is_own: bool| match &self.exchange_config {
            Some(own) if is_own => own.settings(),
            _ => connection,
        };
        Terms { connection, receiving: of(own.receiving), sending: of(own.sending) }
    }

    /// The state, and the settings that hold now.
    #[inline(always)]
    pub(crate) fn parts_on_terms(&mut self) -> (&mut ConnectionState<R>, Terms<'_>) {
        let connection = self.config.settings();
        let own = R::own_timeouts(&self.state);
        let of = |is_own: bool| match &self.exchange_config {
            Some(own) if is_own => own.settings(),
            _ => connection,
        };
        (&mut self.state, Terms { connection, receiving: of(own.receiving), sending: of(own.sending) })
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
    /// [`SendError::Ended`]: the connection has ended. [`SendError::Misuse`]: no exchange is open; of a client that pipelines, one before
    /// this has timeouts of its own and is not over; the connection is a tunnel. Nothing has moved.
    pub fn exchange_timeouts(&mut self, now: Instant, config: C) -> Result<(), SendError> {
        self.state.check_open()?;
        R::give_timeouts(&mut self.state)?;
        self.exchange_config = Some(config);
        let (state, terms) = self.parts_on_terms();
        state.terms_changed(now, terms);
        self.check();
        Ok(())
    }
}

impl<R: LifecycleRole> ConnectionState<R> {
    /// Other settings hold from here on.
    fn terms_changed(&mut self, now: Instant, terms: Terms<'_>) {
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
        let goes = self.send.unsent > 0 || self.send.half() == Sending::Content;
        if goes && self.send.rate_began == Instant::MAX {
            self.begin_to_send(now, terms);
        }
    }

    /// An exchange with timeouts of its own is over. What still waits of it counts by those of the connection, from now.
    #[cold]
    pub(crate) fn own_timeouts_end(&mut self, now: Instant) {
        let send = &mut self.send;
        if send.has_failed() {
            return;
        }
        if send.unsent > 0 {
            send.still_since = now;
        }
        // octets of it may be told later, too
        if send.rate_began != Instant::MAX {
            (send.rate_began, send.granted) = (now, Granted::NOTHING);
        }
    }

    /// An exchange is open that can have timeouts of its own.
    pub(crate) fn check_exchange(&self) -> Result<(), Misuse> {
        if self.is_between_exchanges() { Err(Misuse::NothingToAnswer) } else { Ok(()) }
    }
}
