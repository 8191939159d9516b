//! A server's connection that carries no exchange, seen by one that looks for a place: may it go, and what is lost with it?
//!
//! Where places run out (descriptors, memory) the longest idle connection goes, and not the newest client. Which that is, among many, says
//! a queue ([`IdleQueue`](crate::IdleQueue)); what is to be known of each is here.
//!
//! **What may go.** A connection that carries no exchange, of which nothing waits to leave, and whose `idle_shield` is over: since its last
//! octet left, or since it opened. And one whose side is shut, of which nothing has been dropped since: only its peer's end is waited for.
//! The shield is what protects the last answer then.
//!
//! **How it goes.** As an idle connection that is closed at its time: one more look, for a request that has come is served (its response says
//! `close`); then the close, in stages where octets left a short time ago. One whose side is shut already is closed at once.

use core::ops::Deref;

use crate::config::{Config, KeepAliveField, Server, Settings};
use crate::lifecycle::Lifecycle;
use crate::lifecycle::deadline::DeadlineKind;
use crate::lifecycle::persistence::CloseReason;
use crate::lifecycle::state::{ConnectionState, Stage};
use crate::time::Instant;

/// How a server's connection that carries no exchange is idle, for the choice of which goes when places run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "users of the queue make their own: what the order of going is made of, and no more"
)]
pub struct Idleness {
    /// Since when nothing moves: the connection opened, its last octet left, or our side was shut.
    pub since: Instant,
    /// No octet of a request has come on it yet.
    pub is_fresh: bool,
    /// Until when its client may count on it: what `Keep-Alive: timeout=` told (RFC 2068 19.7.1.1). It has passed at this instant.
    /// `None`: nothing was promised; [`Instant::MAX`], which never passes, is the same.
    pub promised_until: Option<Instant>,
    /// Until when we do not close it: the end of `idle_shield`. It may go at this instant. [`Instant::EPOCH`]: it may go at once.
    ///
    /// Of a fresh one, too, which gets the same time for its first request to come. Without that, newcomers that come faster than their
    /// requests displace each other while connections that are idle for longer stay.
    pub shielded_until: Instant,
}

impl ConnectionState<Server> {
    fn idleness(&self, settings: &Settings) -> Option<Idleness> {
        let since = self.send.still_since;
        let shielded_until = settings.spans.idle_shield.or_nothing().after(since);
        let lingers = self.lifetime.stage() == Stage::HalfClosed && self.receive.octets == 0;
        if lingers {
            // its end has been told
            let shut = self.receive.began;
            let shielded_until = shielded_until.max(shut);
            return Some(Idleness { since: shut, is_fresh: false, promised_until: Some(shut), shielded_until });
        }
        let idles = self.lifetime.is_open()
            && self.is_between_exchanges()
            && self.send.unsent == 0
            && self.receive.ahead() == 0
            && !self.receive.has_ended();
        if !idles {
            return None;
        }
        let is_fresh = self.lifetime.exchanges == 0;
        let says = !is_fresh && settings.policy.keep_alive_field != KeepAliveField::Never;
        let promised_until = settings.timeouts.idle_advertised.filter(|_| says).map(|_| {
            let told = settings.spans.idle_advertised.after(since);
            told.min(self.promises_end_at(settings))
        });
        Some(Idleness { since, is_fresh, promised_until, shielded_until })
    }

    /// The place of the connection is needed for another one. Whether it goes.
    fn free_place(&mut self, now: Instant, settings: &Settings) -> bool {
        let now = self.tick(now);
        if self.idleness(settings).is_none_or(|idleness| idleness.shielded_until > now) {
            return false;
        }
        if !self.lifetime.is_open() {
            self.lifetime.causes.end_by(CloseReason::PlaceNeeded);
            self.lifetime.owe_close();
            return true;
        }
        self.lifetime.causes.add(CloseReason::PlaceNeeded);
        self.lifetime.passed = Some(DeadlineKind::IdleShield);
        self.grace.unanswered = 0;
        true
    }
}

impl<C: Deref<Target = Config<Server>>> Lifecycle<Server, C> {
    /// What the connection is for one that looks for a place: `None` while it carries an exchange, or something of ours waits to leave. To be
    /// asked after each turn, for an [`IdleQueue`](crate::IdleQueue).
    pub fn idleness(&self) -> Option<Idleness> {
        self.state().idleness(self.config().settings())
    }

    /// Frees the place of the connection for another one, if it may go (it has an [`idleness`](Self::idleness), and its shield is over): whether
    /// it does. One more look at what came is asked for then ([`ReadWant::LookOnce`](crate::ReadWant::LookOnce)): a request that it finds is
    /// served, and its response says `close`. The close is staged where octets of ours left less than `linger_gap` ago; said again of a
    /// connection whose side is shut, it is closed at once (RFC 9112 9.5, 9.6).
    pub fn free_place(&mut self, now: Instant) -> bool {
        let (state, settings) = self.parts();
        let goes = state.free_place(now, settings);
        self.check();
        goes
    }
}
