//! What happens to the two pools, and what must hold after it.

use std::collections::HashSet;

use http_keepalive::{CloseReason, KeepAlive, Persistence, ReuseReason, TunnelReason};

use super::*;

impl World {
    pub(super) fn answer_permit(&mut self, choices: &mut Choices) {
        let Some(opening) = self.permits.pop_front() else { return };
        let Opening { permit, key, .. } = &opening;
        let (permit, key) = (permit.clone(), *key);
        self.stale.2.push(permit.clone());
        if choices.next() % 4 == 0 {
            self.pool.failed(self.at(), permit).unwrap();
            return self.lose_place(&opening);
        }
        self.ids += 1;
        let lease = self.pool.opened(self.at(), permit, self.ids).unwrap();
        if let Some(place) = self.waits_with(&opening) {
            // it has its connection
            let waiter = self.waiters.remove(place).unwrap();
            self.stale.3.push(waiter.ticket);
        }
        let retire = self.config.timeouts().age.map_or(u64::MAX, |age| {
            // whole seconds
            (self.now + age.as_nanos() as u64) / SECOND * SECOND
        });
        self.connections.push(Connection {
            id: self.ids,
            key,
            name: Name::Lease(lease),
            since: self.now,
            due: u64::MAX,
            why: EndReason::Verdict,
            used: false,
            proven: false,
            reused: false,
            outdated: false,
            kib: 0,
            retire,
            uses: self.config.limits().uses.unwrap_or(u16::MAX),
            age: 0,
        });
    }

    fn pick(&self, choices: &mut Choices, idle: bool) -> Option<Connection> {
        let all: Vec<_> = self.connections.iter().filter(|connection| connection.is_idle() == idle).collect();
        let choice = usize::from(choices.next());
        (!all.is_empty()).then(|| all[choice % all.len()].clone())
    }

    /// A connection comes back; `moves`: under a key of somebody's.
    pub(super) fn checkin(&mut self, choices: &mut Choices, moves: bool) {
        let Some(Connection { id, key, name: Name::Lease(lease), outdated, .. }) = self.pick(choices, false) else {
            return;
        };
        let to = if moves { choices.next() % 5 } else { key };
        let choice = choices.next();
        let persistence = match choice % 16 {
            0..=10 => Persistence::Reuse(ReuseReason::Http11),
            11 => Persistence::Reuse(ReuseReason::Http10KeepAlive),
            12 | 13 => Persistence::Undecided,
            14 if choice & 16 == 0 => Persistence::Close(CloseReason::CloseReceived),
            14 => Persistence::Close(CloseReason::Unsolicited),
            _ => Persistence::Tunnel(TunnelReason::Upgrade),
        };
        let mut returned = Returned::new(persistence).with_octets(u64::from(choice) * 512);
        let (mut hint, mut until, mut trip) = (KeepAlive::default(), None, 0);
        let taint = match choice >> 4 {
            15 => Some(Taint::UnreadContent),
            14 => Some(Taint::UnsolicitedOctets),
            _ => None,
        };
        let bound = Some(Taint::ConnectionBoundAuthentication).filter(|_| moves);
        if choice >> 6 == 1 {
            let more = choices.next();
            hint.timeout = [None, Some(1), Some(4), Some(20)][usize::from(more % 4)];
            hint.max = [None, None, Some(0), Some(1)][usize::from(more / 4 % 4)];
            until = (more / 16 % 4 == 3).then(|| Instant::from_nanos(self.now + 3 * SECOND));
            trip = SECOND / 5;
            returned = returned.with_hint(hint).with_until(until).with_round_trip(Some(Duration::from_millis(100)));
        }
        returned = returned.with_taint(taint.or(bound));
        let got = if moves {
            self.pool.checkin_as(self.at(), lease, &to, &returned).unwrap()
        } else {
            self.pool.checkin(self.at(), lease, &returned).unwrap()
        };
        let persists = matches!(persistence, Persistence::Reuse(_) | Persistence::Undecided);
        let shut = self.draining || outdated || self.is_quarantined(key);
        let key = if persists && taint.is_none() && !shut {
            let proxy = self.origins[&key].proxy;
            self.origins.entry(to).or_default().proxy |= proxy;
            self.find(id).key = to;
            to
        } else {
            key
        };

        let quarantined = self.is_quarantined(key);
        let (now, origin) = (self.now, self.origins.get_mut(&key).unwrap());
        if taint.is_none() {
            match persistence {
                Persistence::Reuse(reason) => origin.http10 = reason == ReuseReason::Http10KeepAlive,
                Persistence::Close(CloseReason::Http10) => origin.http10 = true,
                _ => {}
            }
        }
        let learned = origin.closed.filter(|&(_, seen)| now / SECOND - seen < 3600);
        let timeouts = *self.config.timeouts();
        let connection = self.find(id);
        if persistence != Persistence::Undecided {
            connection.proven |= connection.reused;
            connection.used = true;
            connection.kib += u64::from(choice) / 2;
            connection.uses = connection.uses.saturating_sub(u16::from(connection.uses != u16::MAX));
        }
        let limit = if connection.used { timeouts.used_idle } else { timeouts.unused_idle };
        let own = if connection.used { EndReason::IdleLimit } else { EndReason::UnusedLimit };
        let mut ends = vec![(now.saturating_add(nanos(limit)), own), (connection.retire, EndReason::Age)];
        let margin = |span: u64, trip: u64| span.saturating_sub(SECOND).saturating_sub(trip);
        let used_up = connection.uses == 0;
        if let Some(max) = hint.max {
            connection.uses = connection.uses.min(max as u16);
        }
        if let Some(timeout) = hint.timeout {
            ends.push((now + margin(u64::from(timeout) * SECOND, trip), EndReason::HintLimit));
        }
        if let Some((closed, _)) = learned {
            ends.push((now + margin(closed * 1_000_000, trip), EndReason::LearnedLimit));
        }
        ends.extend(until.map(|until| (until.as_nanos(), EndReason::Until)));
        let (due, why) = ends.iter().copied().min_by_key(|end| end.0).unwrap();
        let end = match persistence {
            _ if taint.is_some() => taint.map(Taint::end),
            Persistence::Close(CloseReason::Unsolicited) => Some(EndReason::UnsolicitedOctets),
            Persistence::Close(_) => Some(EndReason::Verdict),
            Persistence::Tunnel(_) => Some(EndReason::Tunnel),
            _ if self.draining => Some(EndReason::Drain),
            _ if outdated => Some(EndReason::Generation),
            _ if quarantined => Some(EndReason::Quarantine),
            _ if used_up => Some(EndReason::Uses),
            _ if hint.max == Some(0) => Some(EndReason::MaxHint),
            _ if hint.timeout.is_some_and(|timeout| margin(u64::from(timeout) * SECOND, trip) == 0) => {
                Some(EndReason::HintTooShort)
            }
            _ => (due <= now).then_some(why),
        };
        if let Some(why) = end {
            assert_eq!(got, Checkin::Close(why));
            self.gone(id);
            if why == EndReason::UnsolicitedOctets {
                self.offend(key);
            }
            return;
        }
        self.keep(id, key, due, why, got);
    }

    fn keep(&mut self, id: Id, key: Key, due: u64, why: EndReason, got: Checkin<Id>) {
        let (limits, policy) = (*self.config.limits(), *self.config.policy());
        let waiting = self.waiters.iter().filter(|waiter| waiter.key == key).count();
        let own = self.idle().filter(|idle| idle.key == key).count();
        let over = |most: Option<u32>, idle: usize| most.is_some_and(|most| idle >= most as usize) && waiting <= own;
        let excess = if over(limits.idle_per_origin, own) {
            let own = self.idle().filter(|idle| idle.key == key).min_by_key(|idle| idle.since).map(|idle| idle.id);
            let may = policy.origin_excess == Excess::Idle;
            Some((own.filter(|_| may).into_iter().collect(), EndReason::IdlePerOrigin))
        } else if over(limits.idle_total, self.idle().count()) {
            let may = policy.total_excess == Excess::Idle;
            let rule = if policy.eviction == Eviction::Never { Eviction::LongestIdle } else { policy.eviction };
            Some((if may { self.victims(rule) } else { Vec::new() }, EndReason::IdleTotal))
        } else {
            None
        };
        let idle = match (excess, got) {
            (None, Checkin::Kept(idle)) => idle,
            (Some((victims, why)), Checkin::KeptFor { idle, victim, why: got }) => {
                assert!(victims.contains(&victim) && got == why, "{victim} for {got} of {victims:?} for {why}");
                self.gone(victim);
                idle
            }
            (Some((victims, why)), Checkin::Close(got)) => {
                assert!(victims.is_empty() && got == why, "closed for {got} though {victims:?} may go");
                self.gone(id);
                return;
            }
            (excess, got) => panic!("{got:?} where {excess:?} may go"),
        };
        let now = self.now;
        let connection = self.find(id);
        (connection.since, connection.due, connection.why) = (now, due, why);
        let before = std::mem::replace(&mut connection.name, Name::Idle(idle));
        self.forget_name(before);
        self.make_ready(key);
        if self.turn().is_some() {
            self.claim(vec![id]);
        }
        self.ebbing |= limits.high_water.is_some_and(|high| self.idle().count() > high as usize);
        if self.purge_at == u64::MAX {
            self.purge_at = self.now.saturating_add(nanos(self.config.timeouts().purge));
        }
    }

    pub(super) fn closed(&mut self, choices: &mut Choices) {
        let Some(connection) = self.pick(choices, false) else { return };
        let Name::Lease(lease) = connection.name else { return };
        let ended = choices.of(&[Ended::DeadAtReuse, Ended::ByPeer, Ended::ByUs, Ended::Unsolicited]);
        self.pool.closed(self.at(), lease, ended).unwrap();
        if ended == Ended::DeadAtReuse && connection.reused {
            self.learn(connection.key, connection.age);
        }
        self.gone(connection.id);
        if ended == Ended::Unsolicited {
            self.offend(connection.key);
        }
    }

    pub(super) fn readable(&mut self, choices: &mut Choices) {
        let Some(connection) = self.pick(choices, true) else { return };
        let Name::Idle(idle) = connection.name else { return };
        let mut ended = None;
        if choices.next() % 4 == 0 {
            assert_eq!(self.pool.withdraw(self.at(), idle), Ok(connection.id));
        } else {
            let readable = choices.of(&[Readable::End, Readable::Octets]);
            let why = self.pool.readable_while_idle(self.at(), idle, readable).unwrap();
            assert_eq!(why == EndReason::PeerClosed, readable == Readable::End);
            ended = Some(why);
            if readable == Readable::End {
                self.learn(connection.key, self.now - connection.since);
            }
        }
        self.gone(connection.id);
        if ended == Some(EndReason::UnsolicitedOctets) {
            self.offend(connection.key);
        }
    }

    fn is_quarantined(&self, key: Key) -> bool {
        self.origins.get(&key).is_some_and(|origin| self.now < origin.quarantined_until)
    }

    /// A connection of this key ended for octets that nobody asked for.
    fn offend(&mut self, key: Key) {
        let Some(most) = self.config.limits().unsolicited_per_origin else { return };
        let (now, time) = (self.now, nanos(Some(self.config.timeouts().quarantine)));
        let origin = self.origins.get_mut(&key).unwrap();
        origin.unsolicited.push(now);
        if origin.unsolicited.iter().filter(|&&at| now - at < time).count() < usize::from(most) {
            return;
        }
        self.quarantined += u64::from(now >= origin.quarantined_until);
        origin.quarantined_until = now + time;
        for idle in self.connections.iter_mut().filter(|idle| idle.is_idle() && idle.key == key) {
            (idle.due, idle.why) = (now, EndReason::Quarantine);
        }
    }

    fn learn(&mut self, key: Key, idle: u64) {
        if self.config.policy().learn == Use::On {
            let second = self.now / SECOND;
            let closed = &mut self.origins.get_mut(&key).unwrap().closed;
            let before = closed.filter(|&(_, seen)| second - seen < 3600).map_or(u64::MAX, |(closed, _)| closed);
            *closed = Some((before.min(idle / 1_000_000), second));
        }
    }

    pub(super) fn cancel(&mut self, choices: &mut Choices) {
        if self.waiters.is_empty() {
            return;
        }
        let place = usize::from(choices.next()) % self.waiters.len();
        let waiter = self.waiters.remove(place).unwrap();
        self.pool.cancel(waiter.ticket.clone()).unwrap();
        self.stale.3.push(waiter.ticket);
        self.make_ready(waiter.key);
    }

    pub(super) fn upheaval(&mut self, choices: &mut Choices) {
        let (now, choice) = (self.at(), choices.next());
        let why = match choice {
            0..=15 => {
                self.pool.drain(now);
                self.draining = true;
                EndReason::Drain
            }
            16..=50 => {
                let key = choice % 3;
                self.pool.new_generation_of(now, &key);
                for connection in self.connections.iter_mut().filter(|connection| connection.key == key) {
                    connection.outdated = true;
                    if connection.is_idle() {
                        (connection.due, connection.why) = (self.now, EndReason::Generation);
                    }
                }
                // the pool's clock is ahead by this
                self.now += 1;
                return;
            }
            51..=90 => {
                self.pool.new_generation(now);
                self.connections.iter_mut().for_each(|connection| connection.outdated = true);
                EndReason::Generation
            }
            91..=110 => {
                self.pool.suspended(now, Duration::from_secs(60));
                self.connections.iter_mut().for_each(|one| one.retire = earlier(one.retire, 60));
                EndReason::Suspended
            }
            _ => {
                self.pool.suspended(now, Duration::from_secs(4));
                self.connections.iter_mut().for_each(|one| one.retire = earlier(one.retire, 4));
                for idle in self.connections.iter_mut().filter(|connection| connection.is_idle()) {
                    (idle.since, idle.due) = (idle.since - 4 * SECOND, earlier(idle.due, 4));
                }
                return;
            }
        };
        for idle in self.connections.iter_mut().filter(|connection| connection.is_idle()) {
            (idle.due, idle.why) = (self.now, why);
        }
    }

    pub(super) fn try_stale(&mut self, choices: &mut Choices) {
        let (now, place) = (self.at(), usize::from(choices.next()));
        let (leases, idle, permits, tickets) = &self.stale;
        if let Some(lease) = leases.get(place % leases.len().max(1)) {
            let returned = Returned::new(Persistence::Reuse(ReuseReason::Http11));
            assert_eq!(self.pool.checkin(now, lease.clone(), &returned), Err(Stale));
            assert_eq!(self.pool.closed(now, lease.clone(), Ended::ByPeer), Err(Stale));
        }
        if let Some(&idle) = idle.get(place % idle.len().max(1)) {
            assert_eq!(self.pool.readable_while_idle(now, idle, Readable::End), Err(Stale));
            assert_eq!(self.pool.withdraw(now, idle), Err(Stale));
        }
        if let Some(permit) = permits.get(place % permits.len().max(1)) {
            assert_eq!(self.pool.opened(now, permit.clone(), 0), Err(Stale));
            assert_eq!(self.pool.failed(now, permit.clone()), Err(Stale));
        }
        if let Some(ticket) = tickets.get(place % tickets.len().max(1)) {
            assert_eq!(self.pool.cancel(ticket.clone()), Err(Stale));
        }
    }

    pub(super) fn check(&self) {
        assert_eq!(self.pool.idle() as usize, self.idle().count());
        assert_eq!(self.pool.held() as usize, self.held(|_| true));
        assert_eq!(self.pool.waiting() as usize, self.waiters.len());
        let counters = self.pool.counters();
        let ended: u64 = EndReason::ALL.iter().map(|&why| counters.ended(why)).sum();
        assert_eq!(counters.overtaken, self.overtaken);
        assert_eq!(counters.permitted, ended + self.held(|_| true) as u64);
        let names: HashSet<Name> = self.connections.iter().map(|connection| connection.name.clone()).collect();
        assert_eq!(names.len(), self.connections.len());
        assert!((0..5).all(|key| self.pool.is_quarantined(self.at(), &key) == self.is_quarantined(key)));
        assert_eq!(counters.quarantined, self.quarantined);
        self.check_outstanding();
    }

    /// All that was given and not given back is named, once, and nothing else.
    fn check_outstanding(&self) {
        let end = |at: u64| (at != u64::MAX).then(|| Instant::from_nanos(at));
        let leases = self.connections.iter().filter_map(|connection| {
            let Name::Lease(lease) = &connection.name else { return None };
            let (since, until) = (Instant::from_nanos(connection.since), end(self.lease_due(connection)));
            Some(Outstanding::Lease { id: connection.id, lease: lease.clone(), since, until })
        });
        let mut leases: Vec<_> = leases.collect();
        let mut found: Vec<_> = self.pool.outstanding().collect();
        let others = found.split_off(leases.len());
        let id = |lease: &Outstanding<Id>| match lease {
            Outstanding::Lease { id, .. } => *id,
            other => panic!("{other:?} is no lease"),
        };
        leases.sort_by_key(id);
        found.sort_by_key(id);
        assert_eq!(found, leases);
        let permits = self.permits.iter().map(|opening| (opening.permit.clone(), end(opening.due)));
        let tickets = self.waiters.iter().map(|waiter| (waiter.ticket.clone(), end(waiter.due)));
        let permits = permits.map(|(permit, until)| Outstanding::Permit { permit, until });
        let tickets = tickets.map(|(ticket, until)| Outstanding::Ticket { ticket, until });
        assert!(permits.chain(tickets).eq(others));
    }

    /// All of it ends.
    pub(super) fn end(&mut self) {
        // a generation of one key has put the pool's clock ahead
        self.now += 1;
        self.pool.drain(self.at());
        self.draining = true;
        for idle in self.connections.iter_mut().filter(|connection| connection.is_idle()) {
            (idle.due, idle.why) = (self.now, EndReason::Drain);
        }
        self.expire();
        while let Some(opening) = self.permits.pop_front() {
            self.pool.failed(self.at(), opening.permit).unwrap();
        }
        for connection in std::mem::take(&mut self.connections) {
            let Name::Lease(lease) = connection.name else { panic!("still idle") };
            let returned = Returned::new(Persistence::Reuse(ReuseReason::Http11));
            assert_eq!(self.pool.checkin(self.at(), lease, &returned), Ok(Checkin::Close(EndReason::Drain)));
        }
        assert!(self.pool.is_drained());
        assert_eq!(self.pool.expire(self.at()), None);
    }
}

/// So many seconds earlier; never stays never.
fn earlier(at: u64, seconds: u64) -> u64 {
    if at == u64::MAX { at } else { at - seconds * SECOND }
}
