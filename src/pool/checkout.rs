//! Handing out: an idle connection, a place for a new one, a place in the queue, or a reason.

use std::borrow::{Borrow, ToOwned};
use std::hash::{BuildHasher, Hash};

use super::Pool;
use super::api::{Checkout, Demand, Look, Patience, Peer, Source};
use super::config::Eviction;
use super::index::{OriginIndex, Slot, elapsed};
use super::names::{Lease, Ticket};
use super::opening::Opening;
use super::reasons::{EndReason, RefuseReason};
use super::slots::{Entry, ListKind};
use super::turns::NEWCOMER;
use super::unused::BeforeLease;
use super::waiting::PlaceToOpen;
use crate::config::nanos::Span;
use crate::time::Instant;

/// What there is for a request.
pub(super) enum Served<Id> {
    /// An idle connection.
    Idle(Checkout<Id>),
    /// A place to open one, and the idle connection that goes for it, if one must.
    Place(Option<Slot>),
}

impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
    /// Asks for a connection.
    ///
    /// Constant time with [`Order::Newest`](super::Order::Newest) and [`Order::Oldest`](super::Order::Oldest), except for
    /// connections whose time is over: each is passed over once. All idle connections of the key are looked at where one of them goes
    /// for a new one, and those that the first of a session may not use in [`ReuseMode::Aggressive`](super::ReuseMode::Aggressive), or
    /// where used ones are not kept apart ([`used_first`](super::PoolPolicy::used_first)).
    // −37 on `pool`: the answer is taken apart where it is given
    #[inline(always)]
    pub fn checkout<Q>(&mut self, now: Instant, key: &Q, demand: Demand) -> Checkout<Id>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let now = self.advance_clock(now);
        let answer = match self.origins.find(key) {
            Some(index) => match self.serve_fast(now, index, demand) {
                Some(checkout) => checkout,
                None => self.serve_full(now, index, demand),
            },
            None => self.serve_new_key(now, key.to_owned(), demand),
        };
        self.after_call();
        answer
    }

    #[inline(never)]
    fn serve_new_key(&mut self, now: Instant, key: K, demand: Demand) -> Checkout<Id> {
        if self.draining {
            return self.refuse(RefuseReason::Drain);
        }
        let index = self.origins.add(key, now, &self.resolved);
        self.serve_full(now, index, demand)
    }

    /// Leases the newest used connection where it is in its list: it often comes back before anybody looks at the list. `None`:
    /// nothing was done.
    ///
    /// Its careful twin is [`serve_full`](Self::serve_full).
    #[inline]
    pub(super) fn serve_fast(&mut self, now: Instant, index: OriginIndex, demand: Demand) -> Option<Checkout<Id>> {
        if self.needs_full_path || demand.source != Source::Any || self.is_full_path_forced() {
            return None;
        }
        let slot = self.origins.all.get(index)?.lists[ListKind::USED].last;
        let entry = self.entries.get_mut(slot).filter(|entry| entry.is_idle() && entry.due > now)?;
        self.counters.reused += 1;
        Some(entry.lease(now, slot, self.resolved.look_after))
    }

    /// The careful twin of [`serve_fast`](Self::serve_fast): serves any demand, in any state of the pool.
    #[inline(never)]
    fn serve_full(&mut self, now: Instant, index: OriginIndex, demand: Demand) -> Checkout<Id> {
        self.unlink_leased(index);
        if self.draining {
            return self.refuse(RefuseReason::Drain);
        }
        if demand.peer == Peer::Proxy {
            self.note_proxy(index);
        }
        let is_behind = self.is_behind_others(index);
        let why = if is_behind {
            RefuseReason::Behind
        } else {
            match self.serve_now(now, index, demand) {
                Ok(Served::Idle(checkout)) => return checkout,
                Ok(Served::Place(victim)) => {
                    let waits = demand.waits_meanwhile() && self.waiters.len() < self.config.limits.waiters;
                    let ticket = if waits { Some(self.enqueue(now, index, demand, PlaceToOpen::Given)) } else { None };
                    return self.open(now, index, victim, ticket);
                }
                Err(why) => why,
            }
        };
        if demand.patience == Patience::None || self.config.limits.waiters == 0 {
            return self.refuse(why);
        }
        if self.waiters.len() >= self.config.limits.waiters {
            return self.refuse(RefuseReason::Waiters);
        }
        let was_first = !self.waits_for_place(index);
        let ticket = self.enqueue(now, index, demand, PlaceToOpen::Wanted);
        if is_behind && was_first {
            // nobody has tried yet whether there is a place for it
            self.wake_waiters();
        }
        if self.origins.all[index].idle() > 0 {
            // if those who go before it give up, it can have that one
            self.make_ready(index);
        }
        Checkout::Wait(ticket)
    }

    /// A new request has others of its key before it: one that wants a place, or any for whom a connection has come back. Who opens
    /// a connection holds nobody back else.
    fn is_behind_others(&self, index: OriginIndex) -> bool {
        let origin = &self.origins.all[index];
        let has_come_back = || origin.waiting > 0 && origin.is_ready && origin.idle() > 0;
        self.waits_for_place(index) || has_come_back()
    }

    /// The key names a proxy, which has a limit of its own.
    pub(super) fn note_proxy(&mut self, index: OriginIndex) {
        if !self.origins.all[index].is_proxy {
            self.origins.all[index].is_proxy = true;
            self.offer_place(index);
        }
    }

    fn refuse(&mut self, why: RefuseReason) -> Checkout<Id> {
        self.counters.count_refusal(why);
        Checkout::Refuse(why)
    }

    /// A request that is after nobody of its key: an idle connection, or else a place for a new one.
    // one of three; −68 on `pool-opened` together: the answer is taken apart where it is given
    #[inline(always)]
    fn serve_now(&mut self, now: Instant, index: OriginIndex, demand: Demand) -> Result<Served<Id>, RefuseReason> {
        match self.serve_from_own(now, index, demand, NEWCOMER) {
            Ok(served) => Ok(served),
            Err(Some(why)) => Err(why),
            Err(None) if !self.waiters.is_empty() && self.first_in_line().is_some() => Err(RefuseReason::Behind),
            Err(None) => self.place_of_all(now, None).map(Served::Place),
        }
    }

    /// What the key itself has for a request with this number: an idle connection or, at the limit of the key, the place of one that
    /// the request may not use. `Err(None)`: it needs a place, and its key may have one more.
    // one of three; −68 on `pool-opened` together: the answer is taken apart where it is given
    #[inline(always)]
    pub(super) fn serve_from_own(
        &mut self,
        now: Instant,
        index: OriginIndex,
        demand: Demand,
        number: u64,
    ) -> Result<Served<Id>, Option<RefuseReason>> {
        if let Some(checkout) = self.serve_idle(now, index, demand, number)? {
            return Ok(Served::Idle(checkout));
        }
        let (most, why) = self.connection_limit(index);
        let (held, total) = (self.origins.all[index].held, self.config.limits.total.unwrap_or(u32::MAX));
        if held < most {
            return Err(None);
        }
        // where more are held than the limit allows, one that goes would still leave no place
        let may = held == most && self.held <= total;
        let victim = self.evictable_of_origin(now, index).filter(|_| may).ok_or(why)?;
        if self.may_pass(victim, number) { Ok(Served::Place(Some(victim))) } else { Err(Some(RefuseReason::Behind)) }
    }

    /// An idle connection of the key for a request with this number, if there is one that it may use. `Err`: it goes for one who has
    /// waited for longer.
    // one of three; −68 on `pool-opened` together: the answer is taken apart where it is given
    #[inline(always)]
    pub(super) fn serve_idle(
        &mut self,
        now: Instant,
        index: OriginIndex,
        demand: Demand,
        number: u64,
    ) -> Result<Option<Checkout<Id>>, RefuseReason> {
        self.unlink_leased(index);
        if demand.source != Source::Any {
            return Ok(None);
        }
        let turn = self.origins.all[index].turn;
        for list in [ListKind::USED, ListKind::UNUSED] {
            if let Some(slot) = self.choose_idle(now, index, list, demand.session) {
                if self.may_pass(slot, number) {
                    return Ok(Some(self.lease_out(now, index, slot)));
                }
                self.origins.all[index].turn = turn;
                return Err(RefuseReason::Behind);
            }
        }
        Ok(None)
    }

    /// A place for a new connection to an origin below its limit: which idle one goes for it, if one must. `claimed`: this one may go,
    /// whatever the policy says.
    #[inline]
    pub(super) fn place_of_all(&mut self, now: Instant, claimed: Option<Slot>) -> Result<Option<Slot>, RefuseReason> {
        let total = self.config.limits.total.unwrap_or(u32::MAX);
        if self.held < total {
            return Ok(None);
        }
        let rule = self.config.policy.eviction;
        let may = self.held == total && rule != Eviction::Never;
        let victim = if may { self.evictable(now, rule) } else { None };
        victim.or(claimed).map(Some).ok_or(RefuseReason::Total)
    }

    /// A place for a new connection. `victim`: the idle one that goes for it. `ticket`: of the request, if it waits meanwhile.
    #[inline]
    pub(super) fn open(
        &mut self,
        now: Instant,
        index: OriginIndex,
        victim: Option<Slot>,
        ticket: Option<Ticket>,
    ) -> Checkout<Id> {
        let evicted = victim.map(|victim| {
            let entry = &self.entries[victim];
            let why = if entry.due <= now { entry.why } else { EndReason::Evicted };
            (self.remove(victim, why), why)
        });
        self.origins.add_connection(index);
        self.held += 1;
        self.counters.permitted += 1;
        let opening = Opening { origin: index, ticket: ticket.clone() };
        let permit = self.permits.push(self.resolved.open.after(now), opening);
        match (evicted, ticket) {
            (Some((victim, why)), ticket) => Checkout::EvictThenOpen { victim, why, permit, ticket },
            (None, Some(ticket)) => Checkout::OpenOrWait { permit, ticket },
            (None, None) => Checkout::Open(permit),
        }
    }

    fn lease_out(&mut self, now: Instant, index: OriginIndex, slot: Slot) -> Checkout<Id> {
        self.origins.all[index].lists.unlink(self.entries.view(), slot);
        self.counters.reused += 1;
        let entry = &mut self.entries[slot];
        if self.resolved.learns {
            self.idle_before_use[slot] = elapsed(entry.since, now);
        }
        self.last_lent = Some(BeforeLease { since: entry.since, due: entry.due, why: entry.why });
        let answer = entry.lease(now, slot, self.resolved.look_after);
        if !self.resolved.long_lease {
            entry.due = Instant::MAX;
            self.arm_deadline(slot);
        }
        answer
    }

    /// How many connections this origin may have, and which limit says so.
    pub(super) fn connection_limit(&self, index: OriginIndex) -> (u32, RefuseReason) {
        let (limits, origin) = (&self.config.limits, &self.origins.all[index]);
        let (most, why) = if origin.is_proxy {
            (limits.per_proxy, RefuseReason::PerProxy)
        } else if origin.is_http10 && limits.per_http10_origin.is_some() {
            (limits.per_http10_origin, RefuseReason::PerHttp10Origin)
        } else {
            (limits.per_origin, RefuseReason::PerOrigin)
        };
        let for_users = limits.per_user.map_or(u32::MAX, |each| each.saturating_mul(self.users));
        (most.unwrap_or(u32::MAX).min(for_users), why)
    }
}

impl<Id: Copy> Entry<Id> {
    /// From idle to leased.
    #[inline]
    fn lease(&mut self, now: Instant, slot: Slot, look_after: Span) -> Checkout<Id> {
        // `since` is never later than `now`
        let idle = Span::of_nanos(now.as_nanos().wrapping_sub(self.since.as_nanos()));
        let look = if idle >= look_after { Look::First } else { Look::Skip };
        self.since = now;
        self.marks.set_reused();
        self.stamp = self.stamp.idle_to_leased();
        Checkout::Reuse { id: self.id, lease: Lease { slot, stamp: self.stamp }, look }
    }
}
