//! Which connection or place a request must be given, and which idle connection goes.

use super::*;

impl World {
    /// Is this the connection or the place that the request must get? `Err`: it must get none. `place`: of a waiter in the queue.
    /// `waits`: with a place to open a connection it must be given a ticket, which is returned.
    pub(super) fn judge(
        &mut self,
        key: Key,
        demand: Demand,
        place: Option<usize>,
        waits: bool,
        got: &Checkout<Id>,
    ) -> Result<Option<Ticket>, RefuseReason> {
        if demand.source == Source::Any {
            for unused in [false, true] {
                let right = self.choices_of(key, unused, demand.session);
                if right.is_empty() {
                    continue;
                }
                if !self.may_pass(place) {
                    self.claim(right);
                    return Err(RefuseReason::Behind);
                }
                let policy = self.config.policy();
                let order = if unused { policy.unused_order } else { policy.order };
                let &Checkout::Reuse { id, ref lease, look } = got else { panic!("{got:?} though {right:?} are idle") };
                assert!(right.contains(&id), "{id} of {right:?}");
                if order == Order::RoundRobin {
                    self.origins.entry(key).or_default().turn = id + 1;
                }
                self.claim_stands &= !self.claimed.contains(&id);
                let now = self.now;
                // only who watches idle connections may trust one for a time
                let look_after = match policy.idle_watched {
                    Use::On => nanos(self.config.timeouts().look_after),
                    Use::Off => 0,
                };
                let connection = self.find(id);
                assert_eq!(look == Look::First, now - connection.since >= look_after);
                connection.age = now - connection.since;
                (connection.since, connection.reused) = (now, true);
                let before = std::mem::replace(&mut connection.name, Name::Lease(lease.clone()));
                self.forget_name(before);
                return Ok(None);
            }
        }
        let (most, why) = self.most(key);
        let (own, all) = (self.held(|other| other == key), self.held(|_| true));
        let total = self.config.limits().total.map_or(usize::MAX, |total| total as usize);
        let victims = if own >= most {
            let never = self.config.policy().eviction == Eviction::Never;
            let own_idle = self.idle().filter(|idle| idle.key == key && (!never || idle.due <= self.now));
            let longest = own_idle.min_by_key(|idle| idle.since).map(|idle| idle.id);
            let longest = longest.filter(|_| own == most && all <= total).ok_or(why)?;
            if !self.may_pass(place) {
                self.claim(vec![longest]);
                return Err(RefuseReason::Behind);
            }
            vec![longest]
        } else if place.is_none() && self.first_in_line().is_some() {
            return Err(RefuseReason::Behind);
        } else if all >= total {
            let rule = self.config.policy().eviction;
            let victims = if rule == Eviction::Never { Vec::new() } else { self.victims(rule) };
            if victims.is_empty() && place.is_some() && self.turn() == place { self.claimable() } else { victims }
        } else {
            let (permit, ticket) = match got {
                Checkout::Open(permit) => (permit, None),
                Checkout::OpenOrWait { permit, ticket } => (permit, Some(ticket)),
                got => panic!("{got:?} though there is room"),
            };
            assert_eq!(ticket.is_some(), waits);
            self.permit(permit, key, ticket);
            return Ok(ticket.cloned());
        };
        if victims.is_empty() {
            return Err(RefuseReason::Total);
        }
        let &Checkout::EvictThenOpen { victim, why, ref permit, ref ticket } = got else {
            panic!("{got:?} though one of {victims:?} may go")
        };
        assert!(victims.contains(&victim), "{victim} of {victims:?}");
        let (now, evicted) = (self.now, self.find(victim));
        assert_eq!(why, if evicted.due <= now { evicted.why } else { EndReason::Evicted });
        self.gone(victim);
        assert_eq!(ticket.is_some(), waits);
        self.permit(permit, key, ticket.as_ref());
        Ok(ticket.clone())
    }

    /// May a request of such a session be given this one?
    fn may_have(&self, connection: &Connection, session: Session) -> bool {
        !connection.used
            || match (self.config.policy().reuse, session) {
                (ReuseMode::Always, _) | (ReuseMode::Safe | ReuseMode::Aggressive, Session::Later) => true,
                (ReuseMode::Aggressive, Session::First) => connection.proven,
                (ReuseMode::Never, _) | (ReuseMode::Safe, Session::First) => false,
            }
    }

    /// Which idle connections may be taken.
    pub(super) fn choices_of(&self, key: Key, unused: bool, session: Session) -> Vec<Id> {
        let policy = self.config.policy();
        let apart = policy.used_first == Use::On;
        let fits = |connection: &&Connection| {
            let here = if apart { connection.used != unused } else { !unused };
            connection.key == key && here && connection.due > self.now && self.may_have(connection, session)
        };
        let mut fit: Vec<&Connection> = self.idle().filter(fits).collect();
        fit.sort_by_key(|connection| connection.since);
        let (Some(first), Some(last)) = (fit.first(), fit.last()) else { return Vec::new() };
        let turn = self.origins.get(&key).map_or(0, |origin| origin.turn);
        match if unused { policy.unused_order } else { policy.order } {
            Order::Newest => vec![last.id],
            Order::Oldest => vec![first.id],
            Order::FirstOpened => vec![fit.iter().min_by_key(|connection| connection.id).unwrap().id],
            Order::Warmest => vec![fit.iter().max_by_key(|connection| connection.kib).unwrap().id],
            Order::RoundRobin => vec![fit.iter().map(|idle| idle.id).min_by_key(|&id| (id < turn, id)).unwrap()],
            Order::Random => fit.iter().map(|connection| connection.id).collect(),
        }
    }

    pub(super) fn most(&self, key: Key) -> (usize, RefuseReason) {
        let limits = self.config.limits();
        let origin = &self.origins[&key];
        let (most, why) = if origin.proxy {
            (limits.per_proxy, RefuseReason::PerProxy)
        } else if origin.http10 && limits.per_http10_origin.is_some() {
            (limits.per_http10_origin, RefuseReason::PerHttp10Origin)
        } else {
            (limits.per_origin, RefuseReason::PerOrigin)
        };
        let users = limits.per_user.map_or(u32::MAX, |each| each * self.users);
        (most.unwrap_or(u32::MAX).min(users) as usize, why)
    }

    pub(super) fn victims(&self, rule: Eviction) -> Vec<Id> {
        let spared = |idle: &Connection| {
            let warm = self.idle().filter(|other| other.key == idle.key).count();
            let first = self.waiters_for(idle.key).position(|waiter| waiter.place == Place::Wanted);
            // those that want no place, and the first that does
            let next = self.waiters_for(idle.key).take(first.map_or(usize::MAX, |first| first + 1));
            let wanted = next
                .map(|waiter| waiter.demand)
                .any(|demand| demand.source == Source::Any && self.may_have(idle, demand.session));
            idle.due > self.now && (wanted || warm <= self.config.limits().min_warm as usize)
        };
        let may_go = || self.idle().filter(|idle| !spared(idle));
        if rule == Eviction::NearestExpiry {
            let first = may_go().map(|idle| idle.due).min().filter(|&due| due != u64::MAX);
            if let Some(first) = first {
                return may_go().filter(|idle| idle.due == first).map(|idle| idle.id).collect();
            }
        }
        may_go().min_by_key(|idle| idle.since).map(|idle| idle.id).into_iter().collect()
    }
}
