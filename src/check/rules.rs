//! The rules, one function each. Which comes first does not matter: a pair is judged by all of them.

use core::time::Duration;
use std::vec::Vec;

use super::Network;
use super::cure::Cure;
use super::finding::{Finding, Hazard, Severity};
use crate::config::{AgeClose, DrainMode, IdleClose, KeepAliveField};
use crate::presets::{ClientPreset, HeadTimer, Repeats, ServerPreset};

/// The most that a server of this crate takes off what is left of a connection's age before it tells it.
const MOST_GUARD: Duration = Duration::from_secs(5);

/// What is judged.
pub(super) struct Pair<'p> {
    pub(super) client: &'p ClientPreset,
    pub(super) server: &'p ServerPreset,
    pub(super) network: &'p Network,
}

/// How the latest arrival stands to the close.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Race {
    None,
    /// It depends on how late timers are.
    Maybe,
    Lost,
}

impl Pair<'_> {
    pub(super) fn judge(&self, findings: &mut Vec<Finding>) {
        let before = findings.len();
        findings.extend(self.idle_race());
        findings.extend(self.age_race());
        findings.extend(self.blind_repeat(&findings[before..]));
        findings.extend(self.unused_race());
        findings.extend(self.head_timer());
        findings.extend(self.hint());
        findings.extend(self.pool_over_cap());
        findings.extend(self.pipeline_over_max());
        findings.extend(self.starvation());
        findings.extend(self.drain_race());
        findings.extend(self.drain_endless());
        findings.extend(self.answer_destroyed());
    }

    /// Does the server send its hint to this client?
    fn hints(&self) -> bool {
        let policy = &self.server.policy;
        let says = match policy.keep_alive_field {
            KeepAliveField::Never => false,
            KeepAliveField::OnOption => self.client.asks.is_on(),
            KeepAliveField::Always => true,
        };
        says && policy.persistence.is_on()
    }

    /// The idle timeout that the server announces to this client; in whole seconds.
    fn said(&self) -> Option<Duration> {
        let said = self.server.timeouts.idle_advertised.filter(|_| self.hints())?;
        Some(Duration::from_secs(said.as_secs()))
    }

    /// What the client takes off a hint.
    fn margin(&self, hint: Duration) -> Duration {
        let policy = &self.client.policy;
        let part = (hint / 100).saturating_mul(policy.margin_percent.into());
        let trips = self.network.round_trip.saturating_mul(policy.margin_round_trips.into());
        self.client.timeouts.margin.saturating_add(part).saturating_add(trips)
    }

    /// How long a connection may have been idle when the client uses it again; `None`: for ever; zero: it is not used again.
    fn client_idle(&self) -> Option<Duration> {
        let own = self.client.timeouts.used_idle;
        let hinted = self.said().filter(|_| self.client.policy.hints.is_on());
        let hinted = hinted.map(|hint| hint.saturating_sub(self.margin(hint)));
        match (own, hinted) {
            (Some(own), Some(hinted)) => Some(own.min(hinted)),
            (limit, None) | (None, limit) => limit,
        }
    }

    fn reuses(&self) -> bool {
        let some = self.client_idle() != Some(Duration::ZERO);
        some && self.client.policy.reuse != crate::pool::ReuseMode::Never && self.server.policy.persistence.is_on()
    }

    /// A round trip, and the lateness of a timer.
    fn way(&self) -> Duration {
        self.network.round_trip.saturating_add(self.network.granularity)
    }

    /// The longest limit with which a client's last request still arrives before this close, if there is one.
    fn in_time(&self, close: Duration) -> Option<Duration> {
        close.checked_sub(self.way()).filter(|limit| !limit.is_zero())
    }

    /// The latest arrival on a connection that the client uses for `limit`.
    fn arrival(&self, limit: Option<Duration>) -> Option<Duration> {
        limit.map(|limit| limit.saturating_add(self.network.round_trip))
    }

    fn race(&self, arrival: Option<Duration>, close: Duration) -> Race {
        let late = self.network.granularity;
        match arrival {
            None => Race::Lost,
            Some(arrival) if arrival > close.saturating_add(late.saturating_mul(2)) => Race::Lost,
            Some(arrival) if arrival.saturating_add(late) > close => Race::Maybe,
            Some(_) => Race::None,
        }
    }

    /// A lost request is an error, unless the client repeats every request.
    fn severity(&self, race: Race) -> Option<Severity> {
        match (race, self.client.repeats) {
            (Race::None, _) => None,
            (Race::Lost, Repeats::Any) | (Race::Maybe, _) => Some(Severity::Warning),
            (Race::Lost, _) => Some(Severity::Error),
        }
    }

    /// The server closes a connection once it is idle for this long.
    fn server_idle(&self) -> Option<Duration> {
        let timeouts = &self.server.timeouts;
        timeouts.idle.map(|idle| idle.max(timeouts.idle_shield.unwrap_or_default()))
    }

    fn idle_race(&self) -> Option<Finding> {
        let close = self.server_idle().filter(|_| self.reuses())?;
        let arrival = self.arrival(self.client_idle());
        let severity = self.severity(self.race(arrival, close))?;
        let cure = match arrival {
            // the side that is connected to should keep the connection for longer than the side that connects
            Some(arrival) => Some(Cure::server_idle(arrival.saturating_add(self.network.granularity))),
            None => self.in_time(close).map(Cure::used_idle),
        };
        Some(Finding { severity, hazard: Hazard::IdleRace, client: arrival, server: Some(close), cure })
    }

    /// The age at which the server closes an idle connection.
    fn closing_age(&self) -> Option<Duration> {
        self.server.timeouts.age.filter(|_| self.server.policy.age_close == AgeClose::Any)
    }

    /// Does the client stop before the age, because it is told less than what is left of it? The server takes a guard off what is left,
    /// and the client its margin: both together must be as long as its way.
    fn is_told_of_age(&self) -> bool {
        let timeouts = &self.server.timeouts;
        let guard = match (timeouts.idle, timeouts.idle_advertised) {
            (Some(idle), Some(told)) => idle.saturating_sub(told).min(MOST_GUARD),
            _ => Duration::ZERO,
        };
        // a hint may be as short as a second: a part of it is no margin to count on
        let margin = self.margin(Duration::ZERO);
        let obeys = self.said().is_some() && self.client.policy.hints.is_on();
        obeys && guard.saturating_add(margin) >= self.way()
    }

    fn age_race(&self) -> Option<Finding> {
        let age = self.closing_age().filter(|_| self.reuses() && !self.is_told_of_age())?;
        let varied = |age: Duration, percent: u8| (age / 100).saturating_mul(percent.into());
        // the shortest of the server's, the longest of the client's
        let close = age.saturating_sub(varied(age, self.server.limits.jitter));
        let used =
            self.client.timeouts.age.map(|age| age.saturating_add(varied(age, self.client.policy.jitter_percent)));
        let arrival = self.arrival(used);
        if self.race(arrival, close) == Race::None {
            return None;
        }
        let left = close.saturating_sub(self.way()).as_nanos();
        let most = left * 100 / (100 + u128::from(self.client.policy.jitter_percent));
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        // in whole seconds, as pools count them
        let cure = Duration::from_secs(Duration::from_nanos(most).as_secs());
        let cure = Some(if cure.is_zero() { Cure::announced_age() } else { Cure::client_age(cure) });
        // once in a connection's life, and only if it is idle then
        let severity = Severity::Warning;
        Some(Finding { severity, hazard: Hazard::AgeRace, client: arrival, server: Some(close), cure })
    }

    /// A connection opened in advance, or given back unused, has another limit on either side.
    fn unused_race(&self) -> Option<Finding> {
        let close = self.server.timeouts.first_octet?;
        let arrival = self.arrival(self.client.timeouts.unused_idle);
        if self.race(arrival, close) == Race::None {
            return None;
        }
        let cure = self.in_time(close).map(Cure::unused_idle);
        // whether it opens any in advance is not known here
        let (severity, hazard) = (Severity::Note, Hazard::UnusedRace);
        Some(Finding { severity, hazard, client: arrival, server: Some(close), cure })
    }

    /// A client that repeats every request may have a POST done twice.
    fn blind_repeat(&self, races: &[Finding]) -> Option<Finding> {
        if self.client.repeats != Repeats::Any || races.is_empty() {
            return None;
        }
        let cure = Some(Cure::repeat_idempotent());
        Some(Finding { severity: Severity::Warning, hazard: Hazard::BlindRepeat, client: None, server: None, cure })
    }

    fn head_timer(&self) -> Option<Finding> {
        if self.server.head_timer == HeadTimer::Own || !self.reuses() {
            return None;
        }
        let idle = self.server_idle()?;
        let arrival = self.arrival(self.client_idle());
        let lost = self.race(arrival, idle) != Race::None;
        let severity = if lost { Severity::Error } else { Severity::Warning };
        let cure = Some(Cure::own_head_timer());
        Some(Finding { severity, hazard: Hazard::HeadTimer, client: arrival, server: Some(idle), cure })
    }

    fn hint(&self) -> Option<Finding> {
        let said = self.said()?;
        let least = self.way();
        let kept = self.server_idle();
        let outlasts = Some(Cure::server_idle(said.saturating_add(least)));
        let (severity, hazard, cure) = match kept {
            None => {
                // the limit that is enforced must not race with this client
                let longest = if self.reuses() { self.arrival(self.client_idle()) } else { Some(Duration::ZERO) };
                let enforced = longest
                    .map(|arrival| (said.saturating_add(least)).max(arrival.saturating_add(self.network.granularity)));
                (Severity::Note, Hazard::HintNotEnforced, enforced.map(Cure::server_idle))
            }
            Some(kept) if kept < said => {
                let believes = self.client.policy.hints.is_on();
                let severity = if believes { Severity::Error } else { Severity::Warning };
                (severity, Hazard::HintNotKept, outlasts)
            }
            Some(kept) if kept < said.saturating_add(least) => (Severity::Note, Hazard::HintWithoutGuard, outlasts),
            Some(_) => return None,
        };
        Some(Finding { severity, hazard, client: Some(said), server: kept, cure })
    }

    fn pool_over_cap(&self) -> Option<Finding> {
        let cap = self.server.connections?;
        let limits = &self.client.limits;
        let most = [limits.per_origin, limits.total].into_iter().flatten().min();
        let severity = match most {
            Some(most) if most <= cap => return None,
            Some(_) => Severity::Error,
            // without a limit it may be more, but need not be
            None => Severity::Note,
        };
        let cure = Some(Cure::per_origin(cap));
        Some(Finding { severity, hazard: Hazard::PoolOverCap, client: None, server: None, cure })
    }

    fn pipeline_over_max(&self) -> Option<Finding> {
        if self.client.depth <= 1 || self.server.limits.max_exchanges.is_none() {
            return None;
        }
        // `max` goes with the hint, also with one of no time
        if self.hints() && self.client.max_hint.is_on() {
            return None;
        }
        let severity = if self.client.repeats < Repeats::Idempotent { Severity::Error } else { Severity::Warning };
        let cure = match self.hints() {
            true => Cure::max_hint_on(),
            false => Cure::depth(1),
        };
        Some(Finding { severity, hazard: Hazard::PipelineOverMax, client: None, server: None, cure: Some(cure) })
    }

    fn starvation(&self) -> Option<Finding> {
        let limits = &self.client.limits;
        let bounded = limits.per_origin.is_some() || limits.total.is_some() || limits.per_user.is_some();
        let timeouts = &self.client.timeouts;
        if !bounded || limits.waiters == 0 || timeouts.wait.is_some() || timeouts.lease.is_some() {
            return None;
        }
        let cure = Some(Cure::wait(Duration::from_secs(30)));
        Some(Finding { severity: Severity::Note, hazard: Hazard::Starvation, client: None, server: None, cure })
    }

    fn drain_endless(&self) -> Option<Finding> {
        let timeouts = &self.server.timeouts;
        // a peer that does not close its side is waited for after the exchange, too
        let lingers = timeouts.linger.is_none() && timeouts.linger_gap.is_none();
        if timeouts.drain.is_some() || (timeouts.exchange.is_some() && !lingers) {
            return None;
        }
        let (severity, hazard) = (Severity::Note, Hazard::DrainEndless);
        Some(Finding { severity, hazard, client: None, server: None, cure: Some(Cure::drain(Duration::from_secs(30))) })
    }

    fn drain_race(&self) -> Option<Finding> {
        if !self.drain_closes() || !self.reuses() {
            return None;
        }
        let (severity, hazard, server) = (Severity::Note, Hazard::DrainRace, self.server.timeouts.drain);
        Some(Finding { severity, hazard, client: None, server, cure: Some(Cure::drain_window(self.way())) })
    }

    /// Does a drain close a connection on which a request can be on its way?
    fn drain_closes(&self) -> bool {
        let timeouts = &self.server.timeouts;
        if self.server.policy.drain_mode == DrainMode::LameDuck
            || timeouts.drain_window.unwrap_or_default() >= self.way()
        {
            return false;
        }
        // the shield holds in a drain, too: no close before the last request that the client sends has come
        let arrival = self.arrival(self.client_idle());
        timeouts.idle_shield.is_none_or(|shield| self.race(arrival, shield) != Race::None)
    }

    /// A request that arrives on a closed socket is answered by a reset, and that takes with it what the client has not read yet.
    fn answer_destroyed(&self) -> Option<Finding> {
        let (timeouts, policy) = (&self.server.timeouts, &self.server.policy);
        let least = self.way();
        let short = |time: Option<Duration>| time.is_some_and(|time| time < least);
        if self.client.depth <= 1 || !self.reuses() || timeouts.idle_shield.unwrap_or_default() >= least {
            return None;
        }
        // off, the gap stages no close that is to be at once; in a staged one it waits for as long as the peer takes
        let at_once = policy.idle_close == IdleClose::AtOnce && timeouts.linger_gap.is_none();
        let unprotected = at_once || short(timeouts.linger_gap) || short(timeouts.linger);
        let closes_early = short(timeouts.idle) || self.closing_age().is_some() || self.drain_closes();
        if !unprotected || !closes_early {
            return None;
        }
        // the linger as a whole bounds the gap: where it is short, too, the shield is the one change that helps
        let cure = Some(if short(timeouts.linger) { Cure::idle_shield(least) } else { Cure::linger_gap(least) });
        let (severity, hazard) = (Severity::Warning, Hazard::AnswerDestroyed);
        let stays = [timeouts.linger, timeouts.linger_gap].into_iter().flatten().min().filter(|_| !at_once);
        Some(Finding { severity, hazard, client: None, server: stays, cure })
    }
}
