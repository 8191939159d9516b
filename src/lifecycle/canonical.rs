//! States that behave alike, made equal.
//!
//! Two connections with the same configuration may differ in what no later call can show: how late it is, octets and exchanges that are not
//! limited, instants from which nothing is counted any more. [`Lifecycle::canonical`] leaves these out: every instant is told relative to
//! `now`, what has no effect has one value, counters that only tell "none" from "some" are clamped. The configuration is no part of it.
//!
//! **The law.** Where `a.canonical(t) == b.canonical(u)`, the same calls, at `t + d` and `u + d` where `d` is not negative, come to the same:
//! results, wants, phases, causes, deadlines (moved by `u - t`), and equal states again. Not the same are the mere counts: exchanges,
//! requests and their numbers, octets of the connection and of content that is not limited, and so the offsets in errors. A search over
//! states, a simulator, a cache of decisions need no more.
//!
//! **One call is left out.** What an exchange is given by `exchange_timeouts` later counts from instants that are not told here where nothing that
//! is in force counts from them. What it has been given is told.
//!
//! Exact but for the ends of time: where an instant would be before the epoch or after the last one.

use core::ops::Deref;

use crate::config::Config;
use crate::lifecycle::Lifecycle;
use crate::lifecycle::content_use::ContentUse;
use crate::lifecycle::grace::Granted;
use crate::lifecycle::jitter;
use crate::lifecycle::relative::{Parser, Relative};
use crate::lifecycle::role::LifecycleRole;
use crate::lifecycle::state::{BodyEnd, ConnectionState, OwnTimeouts, Receiving, RequestFacts, Sending, Stage, Unread};
use crate::lifecycle::terms::Terms;
use crate::time::Instant;

/// What a connection will do, whatever it has done: equal values do the same for every next call. See [`Lifecycle::canonical`].
///
/// It can be compared, hashed and cloned; what is in it is shown by `Debug` alone, for people.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Canonical<R: LifecycleRole>(ConnectionState<R>);

impl<R: LifecycleRole, C: Deref<Target = Config<R>>> Lifecycle<R, C> {
    /// The state as far as it has an effect on what is to come, seen from `now`: lifecycles of one configuration whose values are equal do
    /// the same for every next call.
    ///
    /// Instants are relative to `now`, what has no effect any more has one value, counts that nothing limits are clamped. So counts and
    /// numbers ([`exchanges`](Self::exchanges), of a client `requests` and the numbers of [`Unanswered`](crate::retry::Unanswered)) may
    /// differ between lifecycles that are equal here. The configuration is no part of the value, nor are the timeouts of an exchange: compare
    /// those of one configuration. What [`exchange_timeouts`](Self::exchange_timeouts) gives later is not foreseen: from when it counts may
    /// differ.
    ///
    /// ```
    /// use http_keepalive::*;
    ///
    /// let config = Config::DEFAULT;
    /// let early = Lifecycle::<Server, _>::new(Instant::from_secs(1), &config);
    /// let late = Lifecycle::<Server, _>::new(Instant::from_secs(1000), &config);
    /// assert_ne!(early, late);
    /// assert_eq!(early.canonical(Instant::from_secs(3)), late.canonical(Instant::from_secs(1002)));
    /// assert_ne!(early.canonical(Instant::from_secs(3)), late.canonical(Instant::from_secs(1003)));
    /// ```
    pub fn canonical(&self, now: Instant) -> Canonical<R> {
        self.canonical_by(Parser::Theirs, now)
    }

    /// The same, where what may be called is known.
    pub(crate) fn canonical_by(&self, parser: Parser, now: Instant) -> Canonical<R> {
        let mut state = self.state.clone();
        state.make_canonical(self.terms(), parser, now);
        Canonical(state)
    }
}

impl<R: LifecycleRole> ConnectionState<R> {
    fn make_canonical(&mut self, terms: Terms<'_>, parser: Parser, now: Instant) {
        let relative = Relative::to(now, parser);
        let stage = self.lifetime.stage();
        let (open, lingers) = (stage == Stage::Open, stage == Stage::HalfClosed);
        let over = !open && !lingers && stage != Stage::Finishing;
        // octets of an exchange may wait, or be told, after it
        let leaves = (self.send.unsent > 0 || parser == Parser::Theirs) && !over && !lingers;
        let (limits, timeouts) = (&terms.connection.limits, &terms.set());
        let half = |half| open && self.receive.half() == half;
        let (head, content) = (half(Receiving::Head), half(Receiving::Content));
        let complete = half(Receiving::Complete);
        let late_content = open && self.content_timed_out();
        let between = self.is_between_exchanges();
        let waits = self.send.unsent > 0;
        // the clock goes on from now, if it has not been there yet
        let latest = self.latest.max(now);
        // a look that nobody takes is over so long after it
        let looks = self.is_looking();
        if !looks {
            self.latest = latest;
        }
        R::canonical(self, limits, timeouts, relative);
        relative.keep(&mut self.latest, looks || (latest > now && !over));
        let late = !R::IS_CLIENT && leaves;
        relative.keep(&mut self.exchange_began, timeouts.exchange.is_some() && (late || (open && !between)));

        // an exchange that takes too long is cut, where nothing of ours may still be on its way
        let own = terms.connection;
        let may_be_cut = timeouts.application.is_some()
            || timeouts.exchange.is_some()
            || !own.policy.request_timeout_response.is_on();
        let cut = may_be_cut && !R::IS_CLIENT && open && !between && self.send.is_idle();
        let lately = cut && self.moved_lately(latest, own);
        // the place of one whose side is shut, or will be, may be freed after the shield, and not before it was shut
        let shut_at = match self.send.has_failed() {
            _ if lingers => self.receive.began,
            true => self.send.rate_began,
            false => latest,
        };
        let shield = own.spans.idle_shield.or_nothing();
        let shielded = !R::IS_CLIENT && !over && shield.after(self.send.still_since) > shut_at;
        let send = &mut self.send;
        let sends = open && send.half() == Sending::Content;
        if !sends {
            send.remaining = 0;
            if send.end == BodyEnd::Chunked {
                send.end = BodyEnd::Exact;
            }
        }
        if !open {
            (send.request, send.peer_is_http10) = (RequestFacts::NONE, false);
        } else if !send.is_idle() {
            send.request = RequestFacts { awaits_continue: send.request.awaits_continue, ..RequestFacts::NONE };
        }
        let asks = send.request.awaits_continue;
        // a head that turns out to be none leaves what was before, and a request may be announced before its octets are told
        let before = between || (parser == Parser::Theirs && (R::IS_CLIENT || head));
        // octets of the message may go on to wait, and time in which none does is taken off
        let goes = !over && !lingers && (waits || sends || parser == Parser::Theirs);
        let rates = [terms.sending, terms.connection].map(|settings| settings.timeouts.send_rate);
        let rated = rates.iter().any(Option::is_some) && !send.has_failed();
        let paced = goes && rated && send.rate_began != Instant::MAX;
        let still =
            lately || shielded || (open && (before || (R::IS_CLIENT && asks))) || (waits && !over && !lingers) || paced;
        relative.keep(&mut send.still_since, still);
        // or since a write failed
        if paced || (open && send.has_failed()) {
            relative.keep(&mut send.rate_began, true);
        } else {
            (send.rate_began, send.granted) = (Instant::MAX, Granted::NOTHING);
        }

        let receive = &mut self.receive;
        // content that a server has not asked for is not waited for
        let content = content && (R::IS_CLIENT || !asks);
        let rate = content && timeouts.content_rate.is_some();
        let owed = !R::IS_CLIENT && receive.has_ended() && timeouts.half_closed.is_some() && !over;
        relative.keep(&mut receive.began, lingers || head || rate || owed);
        if !(lingers || head || rate) {
            self.grace.forget();
        }
        if !looks {
            self.grace.unanswered = 0;
        }
        let paused = open && receive.half() == Receiving::Content && receive.content_use == ContentUse::Paused;
        let answers = !R::IS_CLIENT && complete && send.is_idle() && timeouts.application.is_some();
        relative.keep(&mut receive.progress_at, lingers || content || answers || late_content || paused);
        let counts = (head && !R::IS_CLIENT && timeouts.head_rate.is_some())
            || rate
            || (open && receive.half() == Receiving::Content && limits.content.is_some())
            || (lingers && limits.linger_octets.is_some());
        if !counts {
            // whether anything was dropped since our side was shut
            receive.octets = if lingers { receive.octets.min(1) } else { 0 };
        }
        if !open || receive.half() != Receiving::Content {
            (receive.end, receive.remaining) = (BodyEnd::Exact, 0);
            receive.content_use = ContentUse::Undecided;
        }
        if !open || receive.half() != Receiving::Idle {
            receive.empty_lines = 0;
        }
        if !open {
            receive.given_up = false;
            receive.fault = None;
            (receive.unread, receive.unread_at) = (0, Unread::Offered);
            receive.refusal = None;
        }

        let own = open && !between && receive.own_timeouts == OwnTimeouts::OfExchange;
        if !own && !leaves {
            receive.own_timeouts = OwnTimeouts::None;
        }

        let lifetime = &mut self.lifetime;
        lifetime.keep_term(relative, open, over);
        if !open || (limits.jitter == 0 && timeouts.drain_spread.is_none()) {
            lifetime.jitter = jitter::MIDDLE;
        }
        lifetime.exchanges = match limits.max_exchanges {
            _ if !open => 0,
            Some(_) if !R::IS_CLIENT => lifetime.exchanges,
            _ => lifetime.exchanges.min(1),
        };
        if !open || limits.max_octets.is_none() {
            lifetime.octets = 0;
        }
    }
}
