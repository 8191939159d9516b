//! What is due: rows that say in which phases a deadline is armed, from when it counts and by which setting.
//!
//! A deadline is derived from an anchor (when something last happened) and a length; nothing is kept but the anchors, so nothing is due
//! twice: what passes changes the state that armed it, or waits for a look at the transport ([`looks`](crate::lifecycle::looks)); what
//! follows from it is in [`expiry`](crate::lifecycle::expiry). Announcing, expiring and explaining read the same rows: [`ROWS`] has the kind and
//! its phases, [`ConnectionState::armed`] the anchor, the fact, the setting and what else must hold. Of deadlines that are due at once the
//! first in the order of [`DeadlineKind`] expires: the rows stand in that order.
//!
//! **Fast paths.** A connection is asked for its deadline after every exchange; what is then due of one that stays is told without the rows
//! ([`ConnectionState::server_idle_deadline`], [`ConnectionState::client_idle_deadline`]). Their twin is
//! [`ConnectionState::next_deadline`]; debug builds compare them at every call.
//!
//! `inline(always)`: see [`response_to_send`](crate::lifecycle::response_to_send).

use core::time::Duration;

use crate::config::nanos::Span;
use crate::config::{AgeClose, DrainMode, Settings};
use crate::lifecycle::content_use::ContentUse;
use crate::lifecycle::deadline::{Deadline, DeadlineCause, DeadlineFact, DeadlineKind};
use crate::lifecycle::looks::LONGEST_LOOK;
use crate::lifecycle::phase::{Phase, Phases};
use crate::lifecycle::role::LifecycleRole;
use crate::lifecycle::state::{ConnectionState, Receiving};
use crate::lifecycle::terms::Terms;
use crate::time::Instant;

/// In which phases a deadline may be armed.
struct Row {
    kind: DeadlineKind,
    server: Phases,
    client: Phases,
}

const fn row(kind: DeadlineKind, server: &[Phase], client: &[Phase]) -> Row {
    Row { kind, server: Phases::of(server), client: Phases::of(client) }
}

/// Every deadline, in the order in which those that are due at once expire.
const ROWS: [Row; DeadlineKind::ALL.len()] = {
    use DeadlineKind as Kind;
    use Phase::*;
    // an exchange of a server, to the last octet of its response: octets may wait to leave in each of them
    const EXCHANGE: &[Phase] = &[
        Flushing,
        Head,
        AwaitsContinue,
        Content,
        Waiting,
        Refusing,
        Responding,
        BothWays,
        UnreadContent,
        ContentLate,
        Finishing,
    ];
    // and those in which content is received that the application may take, or not
    const CONTENT: &[Phase] = &[Content, BothWays, UnreadContent];
    [
        Row { kind: Kind::Drain, server: Phases::LIVING, client: Phases::LIVING },
        row(Kind::Exchange, EXCHANGE, &[Requesting, AwaitsContinue, Waiting, Head, Content]),
        row(Kind::FirstOctet, &[Fresh, Leaving], &[]),
        row(Kind::Head, &[Idle, Head], &[Head]),
        row(Kind::ContentGap, CONTENT, &[Content]),
        row(Kind::ContentRate, CONTENT, &[Content]),
        row(Kind::Application, &[Waiting, Refusing, Content, BothWays], &[Content]),
        row(Kind::Response, &[], &[Requesting, AwaitsContinue, Waiting]),
        row(Kind::WriteStall, EXCHANGE, &[Flushing, Requesting, AwaitsContinue, Waiting, Head, Content, Finishing]),
        row(Kind::SendRate, EXCHANGE, &[Flushing, Requesting, AwaitsContinue, Waiting, Head, Content, Finishing]),
        row(Kind::HalfClosed, EXCHANGE, &[]),
        row(Kind::Expect, &[], &[AwaitsContinue, Head, Content]),
        row(Kind::Linger, &[ContentLate, Content, Lingering], &[Waiting, Head, Content]),
        row(Kind::LingerGap, &[Lingering], &[]),
        row(Kind::IdleShield, &[Leaving], &[]),
        row(Kind::DrainWindow, &[Leaving], &[]),
        row(Kind::Idle, &[Idle, Leaving], &[Fresh, Idle, Flushing]),
        row(Kind::Age, &[Fresh, Idle, Leaving], &[Fresh, Idle, Flushing]),
    ]
};

const _: () = {
    let mut at = 0;
    while at < ROWS.len() {
        assert!(ROWS[at].kind as usize == at, "a row stands where its kind does");
        at += 1;
    }
};

impl Row {
    #[inline(always)]
    const fn phases(&self, is_client: bool) -> Phases {
        if is_client { self.client } else { self.server }
    }
}

/// A deadline that is armed: when it is due, and why then.
#[derive(Clone, Copy)]
struct Armed {
    at: Instant,
    since: Instant,
    fact: DeadlineFact,
    setting: &'static str,
}

impl<R: LifecycleRole> ConnectionState<R> {
    /// Until then no idle connection is closed by us.
    fn idle_shield_end(&self, settings: &Settings) -> Instant {
        match self.lifetime.exchanges {
            0 => Instant::EPOCH,
            _ => settings.spans.idle_shield.or_nothing().after(self.send.still_since),
        }
    }

    /// Until then a request that is on its way is awaited in a drain.
    fn drain_window_end(&self, settings: &Settings) -> Instant {
        let spans = &settings.spans;
        match self.lifetime.drain_began() {
            None => Instant::EPOCH,
            Some(began) => {
                let spread = self.spread_share(spans.drain_spread.or_nothing());
                spans.drain_window.or_nothing().plus(spread).after(began)
            }
        }
    }

    /// A server's connection that is to end stays for one more request, as long as one that is to stay: it refuses that request, or it is
    /// a lame duck.
    fn stays_for_request(&self, settings: &Settings) -> bool {
        match self.lifetime.drain_began() {
            None => self.receive.refusal.is_some(),
            Some(_) => settings.policy.drain_mode == DrainMode::LameDuck,
        }
    }

    /// Its age ends a connection that is idle or fresh.
    #[inline(always)]
    pub(crate) fn closes_at_age(settings: &Settings) -> bool {
        R::IS_CLIENT || settings.policy.age_close == AgeClose::Any
    }

    /// May a draining server's idle connection end?
    pub(crate) fn may_end_idle(&self, settings: &Settings, now: Instant) -> bool {
        !self.stays_for_request(settings) && self.idle_shield_end(settings).max(self.drain_window_end(settings)) <= now
    }

    /// How long a client stays idle: its own limit, and what the peer said less the margin.
    #[inline(always)]
    pub(crate) fn idle_span(settings: &Settings, hint: u32) -> Span {
        if hint == u32::MAX {
            return settings.spans.idle;
        }
        let hint = Span::of(Some(Duration::from_secs(hint.into())));
        settings.spans.idle.min(hint.less(settings.spans.hint_margin.or_nothing()))
    }

    /// How long a head may take of which `octets` have come, and by which setting.
    fn head_span(settings: &Settings, octets: u64) -> (Span, &'static str) {
        let (spans, rate) = (&settings.spans, settings.timeouts.head_rate);
        match spans.head.extended(octets, if R::IS_CLIENT { None } else { rate }, spans.head_cap) {
            span if span == spans.head => (span, DeadlineKind::Head.as_str()),
            span if span == spans.head_cap => (span, "head_cap"),
            span => (span, "head_rate"),
        }
    }

    /// How long the application may take to end a response whose request's content came too late, and by which setting; counted anew from
    /// each octet that goes.
    fn content_late_span(terms: Terms<'_>) -> (Span, &'static str) {
        let (linger, stall) = (DeadlineKind::Linger.as_str(), DeadlineKind::WriteStall.as_str());
        match (terms.connection.spans.linger, terms.sending.spans.write_stall) {
            (Span::NEVER, Span::NEVER) => (Span::of(Some(Duration::ZERO)), linger),
            (Span::NEVER, span) => (span, stall),
            (span, _) => (span, linger),
        }
    }

    /// One row: from when the deadline of this kind counts, for how long and why, if it is armed in this phase.
    #[inline(always)]
    fn armed(&self, kind: DeadlineKind, phase: Phase, terms: Terms<'_>) -> Option<Armed> {
        use DeadlineFact as Fact;
        let (settings, receiving, sending) = (terms.connection, &terms.receiving.spans, &terms.sending.spans);
        let spans = &settings.spans;
        let (receive, send) = (&self.receive, &self.send);
        let after = |span: Span, since: Instant, fact, setting| Armed { at: span.after(since), since, fact, setting };
        let plain = |span: Span, since, fact| Some(after(span, since, fact, kind.as_str()));
        // of what counts as a whole: a look may have granted more
        let again = |armed: Armed| Armed { at: armed.at.max(self.grace.again_at(receive.began)), ..armed };
        match kind {
            // what came before the end of the peer is still to be offered, and no idle time
            DeadlineKind::FirstOctet | DeadlineKind::IdleShield | DeadlineKind::DrainWindow if receive.has_ended() => {
                None
            }
            DeadlineKind::Idle | DeadlineKind::Age if !R::IS_CLIENT && receive.has_ended() => None,
            DeadlineKind::Drain => plain(spans.drain, self.lifetime.drain_began()?, Fact::DrainBegan),
            DeadlineKind::Exchange => {
                // it lasts until the last octet of its response has left
                let over = match phase {
                    Phase::Flushing => self.lifetime.exchanges == 0,
                    Phase::Finishing => send.unsent == 0,
                    _ => false,
                };
                if over {
                    return None;
                }
                let (at, since) = R::exchange_due(self, terms);
                Some(Armed { at, since, fact: Fact::ExchangeBegan, setting: kind.as_str() })
            }
            DeadlineKind::FirstOctet if phase == Phase::Leaving && !self.stays_for_request(settings) => None,
            DeadlineKind::FirstOctet if self.lifetime.exchanges > 0 => None,
            DeadlineKind::FirstOctet => plain(spans.first_octet, send.still_since, Fact::Opened),
            DeadlineKind::Head => {
                let (octets, since) = match phase {
                    // nobody said that what came is a head
                    Phase::Idle if receive.ahead() == 0 => return None,
                    Phase::Idle => (receive.ahead().into(), send.still_since),
                    _ => (receive.octets, receive.began),
                };
                let (span, setting) = Self::head_span(settings, octets);
                Some(again(after(span, since, Fact::HeadBegan, setting)))
            }
            DeadlineKind::ContentGap | DeadlineKind::ContentRate if self.awaits_no_content() => None,
            DeadlineKind::ContentGap => plain(receiving.content_gap, receive.progress_at, Fact::ContentCame),
            DeadlineKind::ContentRate => {
                let rate = terms.receiving.timeouts.content_rate;
                rate?;
                let span = receiving.content_gap.extended(receive.octets, rate, Span::NEVER);
                Some(again(after(span, receive.began, Fact::ContentBegan, kind.as_str())))
            }
            DeadlineKind::Application if receive.half() == Receiving::Content => {
                // who has not asked for the content need not take it
                let asked = R::IS_CLIENT || !send.request.awaits_continue;
                if !self.is_paused() || !asked {
                    return None;
                }
                plain(receiving.application, receive.progress_at, Fact::ContentPaused)
            }
            DeadlineKind::Application => plain(receiving.application, receive.progress_at, Fact::RequestCame),
            DeadlineKind::Response => {
                let peer = R::peer_time(self);
                let since = peer.waiting.filter(|_| receive.half() == Receiving::Idle)?;
                // if it ran out while an interim head came, it is due when that head is complete
                let at = receiving.response.after(since).max(peer.interim_at);
                Some(Armed { at, since, fact: Fact::RequestLeft, setting: kind.as_str() })
            }
            DeadlineKind::WriteStall | DeadlineKind::SendRate if send.unsent == 0 || send.has_failed() => None,
            DeadlineKind::Expect if send.unsent > 0 || !send.request.awaits_continue => None,
            DeadlineKind::WriteStall => plain(sending.write_stall, send.still_since, Fact::OctetLeft),
            DeadlineKind::SendRate => {
                let at = terms.send_rate_advance()?.after(send.rate_began);
                // what left has moved it on, perhaps beyond the last octet that did
                let since = send.rate_began.min(send.still_since);
                Some(Armed { at, since, fact: Fact::OctetWaits, setting: kind.as_str() })
            }
            DeadlineKind::HalfClosed => {
                let owed = receive.has_ended() && (phase != Phase::Finishing || send.unsent > 0);
                if owed { plain(spans.half_closed, receive.began, Fact::PeerClosed) } else { None }
            }
            DeadlineKind::Expect => plain(sending.expect, send.still_since, Fact::OctetLeft),
            DeadlineKind::Linger if phase == Phase::ContentLate => {
                let (span, setting) = Self::content_late_span(terms);
                Some(after(span, receive.progress_at, Fact::ContentTimedOut, setting))
            }
            DeadlineKind::Linger if self.lifetime.is_open() => {
                if !send.has_failed() {
                    return None;
                }
                plain(spans.linger, send.rate_began, Fact::WriteFailed)
            }
            DeadlineKind::Linger => Some(again(after(spans.linger, receive.began, Fact::HalfClosed, kind.as_str()))),
            DeadlineKind::LingerGap => plain(spans.linger_gap, receive.progress_at, Fact::OctetDiscarded),
            DeadlineKind::IdleShield | DeadlineKind::DrainWindow if self.stays_for_request(settings) => None,
            DeadlineKind::IdleShield => {
                let shield = self.idle_shield_end(settings);
                (self.drain_window_end(settings) <= shield).then(|| self.shielded(shield))
            }
            DeadlineKind::DrainWindow => {
                let (since, at) = (self.lifetime.drain_began()?, self.drain_window_end(settings));
                let plain = spans.drain_window.or_nothing().after(since) == at;
                let setting = if plain { kind.as_str() } else { "drain_spread" };
                let armed = Armed { at, since, fact: Fact::DrainBegan, setting };
                (at > self.idle_shield_end(settings)).then_some(armed)
            }
            DeadlineKind::Idle if R::IS_CLIENT => {
                let span = Self::idle_span(settings, R::peer_time(self).hint);
                let setting = if span == spans.idle { kind.as_str() } else { "keep_alive" };
                (self.lifetime.exchanges > 0).then(|| after(span, send.still_since, Fact::OctetLeft, setting))
            }
            DeadlineKind::Idle => {
                let shield = self.idle_shield_end(settings);
                let fresh = self.lifetime.exchanges == 0;
                let waits = phase == Phase::Leaving
                    && (fresh || (!self.stays_for_request(settings) && self.drain_window_end(settings) <= shield));
                let armed = after(spans.idle, send.still_since, Fact::OctetLeft, kind.as_str());
                (!waits).then(|| if armed.at < shield { self.shielded(shield) } else { armed })
            }
            DeadlineKind::Age if self.lifetime.drain_began().is_some() || !Self::closes_at_age(settings) => None,
            DeadlineKind::Age => {
                let (at, shield) = (self.lifetime.age_ends_at(), self.idle_shield_end(settings));
                let since = self.age(settings).before(at);
                let armed = Armed { at, since, fact: Fact::Opened, setting: kind.as_str() };
                Some(if !R::IS_CLIENT && at < shield { self.shielded(shield) } else { armed })
            }
        }
    }

    /// A look that nobody takes is asked for again, and then over.
    fn look_over(&self, kind: DeadlineKind) -> Armed {
        let since = self.latest;
        Armed { at: LONGEST_LOOK.after(since), since, fact: DeadlineFact::LookAsked, setting: kind.as_str() }
    }

    /// What would be earlier waits for the end of the shield.
    fn shielded(&self, shield: Instant) -> Armed {
        let setting = DeadlineKind::IdleShield.as_str();
        Armed { at: shield, since: self.send.still_since, fact: DeadlineFact::OctetLeft, setting }
    }

    /// Every deadline that is armed now, in the order of their kinds.
    pub(crate) fn deadlines<'s>(&'s self, terms: Terms<'s>) -> impl Iterator<Item = DeadlineCause> + 's {
        let (phase, passed) = (self.phase(), self.lifetime.passed);
        ROWS.iter().filter_map(move |row| {
            let Armed { at, since, fact, setting } = match passed {
                Some(kind) if kind == row.kind => self.look_over(kind),
                Some(_) if self.looks_before(row.kind).is_some() => return None,
                _ if row.phases(R::IS_CLIENT).has(phase) => self.armed(row.kind, phase, terms)?,
                _ => return None,
            };
            let deadline = Deadline { at, kind: row.kind };
            (at < Instant::MAX).then_some(DeadlineCause { deadline, since, fact, setting })
        })
    }

    /// Where the next deadline comes from.
    pub(crate) fn deadline_cause(&self, terms: Terms<'_>) -> Option<DeadlineCause> {
        let next = self.next_deadline(terms)?;
        self.deadlines(terms).find(|cause| cause.deadline == next)
    }

    /// What is due next, and of several at once the first in the order of their kinds.
    ///
    /// The rows are told one after the other, each with a kind that the compiler knows: in a loop it reads every setting before it looks at
    /// the first row, about 300 instructions a call where these are 130.
    #[inline(never)]
    pub(crate) fn next_deadline(&self, terms: Terms<'_>) -> Option<Deadline> {
        if self.lifetime.passed.is_some() {
            return self.next_deadline_beside_a_look(terms);
        }
        let phase = self.phase();
        let mut next = Deadline { at: Instant::MAX, kind: DeadlineKind::Drain };
        macro_rules! rows {
            ($($row:literal)+) => {
                $(if const { ROWS[$row].phases(R::IS_CLIENT) }.has(phase) {
                    let kind = const { ROWS[$row].kind };
                    match self.armed(kind, phase, terms) {
                        Some(Armed { at, .. }) if at < next.at => next = Deadline { at, kind },
                        _ => {}
                    }
                })+
                const { assert!(ROWS.len() == [$($row),+].len(), "every row is told") }
            };
        }
        rows! { 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 }
        if next.at == Instant::MAX { None } else { Some(next) }
    }

    /// What is due next while a look is waited for: of several at once the first in the order of their kinds.
    #[cold]
    #[inline(never)]
    fn next_deadline_beside_a_look(&self, terms: Terms<'_>) -> Option<Deadline> {
        self.deadlines(terms).map(|cause| cause.deadline).min_by_key(|deadline| deadline.at)
    }

    /// A deadline of this kind may be armed in the phase that the connection is in.
    #[cfg(debug_assertions)]
    pub(crate) fn may_be_armed(&self, kind: DeadlineKind) -> bool {
        ROWS.iter().any(|row| row.kind == kind && row.phases(R::IS_CLIENT).has(self.phase()))
    }

    /// When the deadline of this kind was due, if it is: a look that is waited for not counted.
    pub(crate) fn due(&self, kind: DeadlineKind, now: Instant, terms: Terms<'_>) -> Option<Instant> {
        debug_assert!(self.lifetime.passed.is_none());
        let phase = self.phase();
        let row = ROWS.iter().find(|row| row.kind == kind).filter(|row| row.phases(R::IS_CLIENT).has(phase))?;
        let at = self.armed(row.kind, phase, terms)?.at;
        (at <= now && at < Instant::MAX).then_some(at)
    }

    /// The peer owes no content: the application takes none, the peer was not asked for it, or all of it has come.
    #[inline(always)]
    fn awaits_no_content(&self) -> bool {
        let receive = &self.receive;
        let asked = R::IS_CLIENT || !self.send.request.awaits_continue;
        !asked || receive.content_use == ContentUse::Paused || receive.has_ended()
    }

    /// What is due next of a server between exchanges that is to stay, if that is so; one that is never due is none.
    ///
    /// Twin of [`next_deadline`](Self::next_deadline).
    #[inline(always)]
    pub(crate) fn server_idle_deadline(&self, settings: &Settings) -> Option<Deadline> {
        let lifetime = &self.lifetime;
        let idles =
            lifetime.is_open() && self.is_between_exchanges() && lifetime.exchanges > 0 && self.send.unsent == 0;
        if !idles
            || self.receive.has_ended()
            || lifetime.passed.is_some()
            || !lifetime.causes.is_empty()
            || self.receive.ahead() > 0
        {
            return None;
        }
        let shield = self.idle_shield_end(settings);
        let idle = settings.spans.idle.after(self.send.still_since).max(shield);
        let age = if Self::closes_at_age(settings) { lifetime.age_ends_at().max(shield) } else { Instant::MAX };
        Some(idle_or_age(idle, age))
    }

    /// What is due next of a client that has nothing to do, if that is so; one that is never due is none.
    ///
    /// Twin of [`next_deadline`](Self::next_deadline).
    #[inline(always)]
    pub(crate) fn client_idle_deadline(&self, settings: &Settings, hint: u32) -> Option<Deadline> {
        let lifetime = &self.lifetime;
        if !lifetime.is_open() || !self.is_between_exchanges() || !lifetime.causes.is_empty() || self.send.unsent > 0 {
            return None;
        }
        let idle = match lifetime.exchanges {
            0 => Instant::MAX,
            _ => Self::idle_span(settings, hint).after(self.send.still_since),
        };
        Some(idle_or_age(idle, lifetime.age_ends_at()))
    }

    /// Has a client been idle, or has it lived, for as long as it may?
    #[inline]
    pub(crate) fn is_over_idle(&self, settings: &Settings, hint: u32, now: Instant) -> bool {
        let idle = || Self::idle_span(settings, hint).is_over(self.send.still_since, now);
        self.is_over_age(now) || (self.lifetime.exchanges > 0 && idle())
    }
}

/// The earlier of the two; of equal ones the first in the order of their kinds.
#[inline(always)]
fn idle_or_age(idle: Instant, age: Instant) -> Deadline {
    if idle <= age {
        Deadline { at: idle, kind: DeadlineKind::Idle }
    } else {
        Deadline { at: age, kind: DeadlineKind::Age }
    }
}
