//! Handing out: an idle connection, a place for a new one, a place in the queue, or a reason.

use std::borrow::{Borrow, ToOwned};
use std::hash::{BuildHasher, Hash};

use super::answers::{Checkout, Demand, Lease, Look, Patience, Peer, Permit, Session, Source, Stale, Ticket};
use super::config::{Eviction, Order, ReuseMode};
use super::entries::{LEASED, NONE, PROVEN, REUSED, USED, link, unlink};
use super::line::Name;
use super::origins::{HTTP10, LIST_SPENT, LIST_UNUSED, LIST_USED, PROXY};
use super::reasons::{EndReason, RefuseReason};
use super::rules::End;
use super::{Pool, Waiter, second};
use crate::time::Instant;

impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
    /// Asks for a connection.
    ///
    /// Constant time with [`Order::Newest`] and [`Order::Oldest`], but for connections whose time is up: each is passed once.
    #[inline]
    pub fn checkout<Q>(&mut self, now: Instant, key: &Q, demand: Demand) -> Checkout<Id>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let now = self.advance(now);
        match self.origins.find(key) {
            Some(index) => self.serve(now, index, demand),
            None => self.serve_new(now, key.to_owned(), demand),
        }
    }

    #[inline(never)]
    fn serve_new(&mut self, now: u64, key: K, demand: Demand) -> Checkout<Id> {
        if self.draining {
            return self.refuse(RefuseReason::Drain);
        }
        let index = self.origins.add(key, self.rules.learns, second(now), self.rules.forget);
        self.serve_slowly(now, index, demand)
    }

    #[inline(always)]
    fn serve(&mut self, now: u64, index: u32, demand: Demand) -> Checkout<Id> {
        if let (Some(end), Source::Any, Some(origin)) =
            (self.rules.quick, demand.source, self.origins.all.get(index as usize))
        {
            let list = &origin.lists[LIST_USED];
            let slot = if end == End::Last { list.last } else { list.first };
            if self.entries.get(slot as usize).is_some_and(|entry| entry.due > now) && origin.waiting == 0 {
                return self.hand_out(now, index, slot);
            }
        }
        self.serve_slowly(now, index, demand)
    }

    #[inline(never)]
    fn serve_slowly(&mut self, now: u64, index: u32, demand: Demand) -> Checkout<Id> {
        if self.draining {
            return self.refuse(RefuseReason::Drain);
        }
        if demand.peer == Peer::Proxy {
            self.origins.all[index as usize].flags |= PROXY;
        }
        let why = if self.origins.all[index as usize].waiting > 0 {
            RefuseReason::Behind
        } else {
            match self.allot(now, index, demand, self.unsettled && self.waiters.len() > 0) {
                Ok(checkout) => return checkout,
                Err(why) => why,
            }
        };
        if demand.patience == Patience::None || self.config.limits.waiters == 0 {
            return self.refuse(why);
        }
        if self.waiters.len() >= self.config.limits.waiters {
            return self.refuse(RefuseReason::Waiters);
        }
        let (slot, stamp) = self.queue(now, index, demand);
        Checkout::Wait(Ticket { slot, stamp })
    }

    fn refuse(&mut self, why: RefuseReason) -> Checkout<Id> {
        self.counters.count_refusal(why);
        Checkout::Refuse(why)
    }

    fn queue(&mut self, now: u64, index: u32, demand: Demand) -> Name {
        let before = self.origins.all[index as usize].waiters.map(|(_, last)| last);
        let due = now.saturating_add(self.rules.wait);
        let name = self.waiters.push(due, Waiter { origin: index, demand, before, behind: None });
        if let Some(waiter) = before.and_then(|before| self.waiters.get_mut(before)) {
            waiter.behind = Some(name);
        }
        self.origins.taken(index);
        let origin = &mut self.origins.all[index as usize];
        origin.waiters = Some((origin.waiters.map_or(name, |(first, _)| first), name));
        origin.waiting += 1;
        self.counters.waited += 1;
        name
    }

    /// Takes a waiter out of the queue.
    pub(super) fn unqueue(&mut self, name: Name) -> Option<Waiter> {
        let waiter = self.waiters.remove(name)?;
        if let Some(before) = waiter.before.and_then(|before| self.waiters.get_mut(before)) {
            before.behind = waiter.behind;
        }
        if let Some(behind) = waiter.behind.and_then(|behind| self.waiters.get_mut(behind)) {
            behind.before = waiter.before;
        }
        let origin = &mut self.origins.all[waiter.origin as usize];
        origin.waiting -= 1;
        origin.waiters = origin.waiters.and_then(|(first, last)| match (waiter.before, waiter.behind) {
            (None, None) => None,
            (None, Some(behind)) => Some((behind, last)),
            (Some(before), None) => Some((first, before)),
            (Some(_), Some(_)) => Some((first, last)),
        });
        self.origins.left(waiter.origin);
        Some(waiter)
    }

    /// Gives up a place in the queue.
    ///
    /// # Errors
    ///
    /// [`Stale`] if the ticket was answered: then its connection or place is to be given back.
    pub fn cancel(&mut self, ticket: Ticket) -> Result<(), Stale> {
        let waiter = self.unqueue((ticket.slot, ticket.stamp)).ok_or(Stale)?;
        // who stood behind may need less
        self.make_ready(waiter.origin);
        Ok(())
    }

    /// An idle connection, or else a place for a new one. `yields`: the place is the queue's.
    pub(super) fn allot(
        &mut self,
        now: u64,
        index: u32,
        demand: Demand,
        yields: bool,
    ) -> Result<Checkout<Id>, RefuseReason> {
        if demand.source == Source::Any {
            for list in [LIST_USED, LIST_UNUSED] {
                if let Some(slot) = self.choose(now, index, list, demand.session) {
                    return Ok(self.hand_out(now, index, slot));
                }
            }
        }
        if yields { Err(RefuseReason::Behind) } else { self.place(now, index) }
    }

    /// Which connection of a list is taken, if any may be. Those whose time is up are put aside.
    fn choose(&mut self, now: u64, index: u32, list: usize, session: Session) -> Option<u32> {
        let policy = &self.config.policy;
        let order = if list == LIST_USED { policy.order } else { policy.unused_order };
        let barred = match (policy.reuse, session) {
            (ReuseMode::Always, _) | (ReuseMode::Safe | ReuseMode::Aggressive, Session::Later) => 0,
            (ReuseMode::Aggressive, Session::First) => PROVEN,
            (ReuseMode::Never, _) | (ReuseMode::Safe, Session::First) => USED,
        };
        // a connection that was never used is as good as new
        let fits = |flags: u8| match barred {
            0 => true,
            PROVEN => flags & (USED | PROVEN) != USED,
            _ => flags & USED == 0,
        };
        let (mut slot, mut fit, mut warmest) = (self.end(index, list, order), 0_u64, (0, NONE));
        while let Some(entry) = self.entries.get(slot as usize) {
            let next = if order == Order::Newest { entry.prev } else { entry.next };
            if entry.due <= now {
                self.spend(index, slot);
            } else if fits(entry.flags) {
                if matches!(order, Order::Newest | Order::Oldest) {
                    return Some(slot);
                }
                fit += 1;
                if entry.octets >= warmest.0 {
                    warmest = (entry.octets, slot);
                }
            }
            slot = next;
        }
        if fit == 0 {
            return None;
        }
        let mut place = match order {
            Order::RoundRobin => {
                let turn = &mut self.origins.all[index as usize].turn;
                *turn = turn.wrapping_add(1);
                u64::from(turn.wrapping_sub(1)) % fit
            }
            Order::Random => self.draw() % fit,
            _ => return Some(warmest.1),
        };
        slot = self.end(index, list, order);
        loop {
            let entry = self.entries.get(slot as usize)?;
            if fits(entry.flags) {
                if place == 0 {
                    return Some(slot);
                }
                place -= 1;
            }
            slot = entry.next;
        }
    }

    fn end(&self, index: u32, list: usize, order: Order) -> u32 {
        let list = self.origins.all[index as usize].lists[list];
        if order == Order::Newest { list.last } else { list.first }
    }

    /// Puts an idle connection whose time is up where it is not met again.
    fn spend(&mut self, index: u32, slot: u32) {
        let origin = &mut self.origins.all[index as usize];
        unlink(&mut self.entries, origin, slot);
        link(&mut self.entries, origin, slot, LIST_SPENT);
    }

    #[inline(always)]
    fn hand_out(&mut self, now: u64, index: u32, slot: u32) -> Checkout<Id> {
        let (Some(origin), true) = (self.origins.all.get_mut(index as usize), (slot as usize) < self.entries.len())
        else {
            // no name leads here
            return Checkout::Refuse(RefuseReason::Total);
        };
        unlink(&mut self.entries, origin, slot);
        self.idle = self.idle.wrapping_sub(1);
        let entry = &mut self.entries[slot as usize];
        let idle = now.saturating_sub(entry.since);
        let look = if idle >= self.rules.look_after { Look::First } else { Look::Skip };
        if self.rules.learns {
            if let Some(age) = self.ages.get_mut(slot as usize) {
                *age = idle;
            }
        }
        entry.since = now;
        entry.due = now.saturating_add(self.rules.lease);
        entry.flags |= REUSED;
        entry.step(LEASED);
        let (id, lease) = (entry.id, Lease { slot, stamp: entry.stamp });
        let tick = self.deadlines.tick(entry.due);
        if self.deadlines.is_late(entry.armed, tick) {
            entry.armed = self.deadlines.insert(slot, entry.due);
        }
        self.counters.reused += 1;
        Checkout::Reuse { id, lease, look }
    }

    /// A place for a new connection, if need be that of an idle one.
    fn place(&mut self, now: u64, index: u32) -> Result<Checkout<Id>, RefuseReason> {
        let (most, why) = self.most(index);
        let held = self.origins.all[index as usize].held;
        let total = self.config.limits.total.unwrap_or(NONE);
        let victim = if held >= most {
            // one over the limit would be as much after it went
            Some(self.own_victim(now, index).filter(|_| held == most && self.held <= total).ok_or(why)?)
        } else if self.held >= total {
            let rule = self.config.policy.eviction;
            let may = self.held == total && rule != Eviction::Never;
            Some(if may { self.victim(now, rule) } else { None }.ok_or(RefuseReason::Total)?)
        } else {
            None
        };
        let evicted = victim.map(|victim| {
            let entry = &self.entries[victim as usize];
            let why = if entry.due <= now { EndReason::numbered(entry.why) } else { EndReason::Evicted };
            (self.remove(victim, why), why)
        });
        self.origins.taken(index);
        self.origins.all[index as usize].held += 1;
        self.held += 1;
        self.counters.permitted += 1;
        let (slot, stamp) = self.permits.push(now.saturating_add(self.rules.open), index);
        let permit = Permit { slot, stamp };
        Ok(match evicted {
            Some((victim, why)) => Checkout::EvictThenOpen { victim, why, permit },
            None => Checkout::Open(permit),
        })
    }

    /// How many connections this origin may have, and which limit says so.
    fn most(&self, index: u32) -> (u32, RefuseReason) {
        let (limits, origin) = (&self.config.limits, &self.origins.all[index as usize]);
        let (most, why) = if origin.has(PROXY) {
            (limits.per_proxy, RefuseReason::PerProxy)
        } else if origin.has(HTTP10) && limits.per_http10_origin.is_some() {
            (limits.per_http10_origin, RefuseReason::PerHttp10Origin)
        } else {
            (limits.per_origin, RefuseReason::PerOrigin)
        };
        let for_users = limits.per_user.map_or(NONE, |each| each.saturating_mul(self.users));
        (most.unwrap_or(NONE).min(for_users), why)
    }
}
