//! Handing out: an idle connection, a place for a new one, a place in the queue, or a reason.

use std::borrow::{Borrow, ToOwned};
use std::hash::{BuildHasher, Hash};

use super::api::{Checkout, Demand, Lease, Look, Patience, Peer, Permit, Session, Source, Stale, Ticket};
use super::config::{Eviction, Order, ReuseMode};
use super::origins::{HTTP10, LIST_EXPIRED, LIST_UNUSED, LIST_USED, PROXY};
use super::queue::Name;
use super::reasons::{EndReason, RefuseReason};
use super::slots::{Entry, IDLE, LEASED, NONE, PROVEN, REUSED, STEP, USED, link, unlink};
use super::{Pool, Waiter, second};
use crate::time::Instant;

impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
    /// Asks for a connection.
    ///
    /// Constant time with [`Order::Newest`] and [`Order::Oldest`], but for connections whose time is up: each is passed once.
    #[inline(always)]
    pub fn checkout<Q>(&mut self, now: Instant, key: &Q, demand: Demand) -> Checkout<Id>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
    {
        let now = self.advance_clock(now);
        match self.origins.find(key) {
            Some(index) => self.serve(now, index, demand),
            None => self.serve_new_key(now, key.to_owned(), demand),
        }
    }

    #[inline(never)]
    fn serve_new_key(&mut self, now: u64, key: K, demand: Demand) -> Checkout<Id> {
        if self.draining {
            return self.refuse(RefuseReason::Drain);
        }
        let index = self.origins.add(key, self.resolved.learns, second(now), self.resolved.forget);
        self.serve_full(now, index, demand)
    }

    #[inline(always)]
    fn serve(&mut self, now: u64, index: u32, demand: Demand) -> Checkout<Id> {
        let fast = !self.needs_full_path && demand.source == Source::Any;
        if let (true, Some(origin)) = (fast, self.origins.all.get(index as usize)) {
            let slot = origin.lists[LIST_USED].last;
            if let Some(entry) = self.entries.get_mut(slot as usize) {
                if entry.is_idle() && entry.due > now {
                    // it stays where it is: most often it comes back before anybody looks
                    self.counters.reused += 1;
                    return entry.lease(now, slot, self.resolved.look_after);
                }
            }
        }
        self.serve_full(now, index, demand)
    }

    #[inline(never)]
    fn serve_full(&mut self, now: u64, index: u32, demand: Demand) -> Checkout<Id> {
        self.unlink_leased(index);
        if self.draining {
            return self.refuse(RefuseReason::Drain);
        }
        if demand.peer == Peer::Proxy {
            self.origins.all[index as usize].flags |= PROXY;
        }
        let why = if self.origins.all[index as usize].waiting > 0 {
            RefuseReason::Behind
        } else {
            match self.try_serve(now, index, demand, self.waiters_may_go_on && self.waiters.len() > 0) {
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
        let (slot, stamp) = self.enqueue(now, index, demand);
        Checkout::Wait(Ticket { slot, stamp })
    }

    fn refuse(&mut self, why: RefuseReason) -> Checkout<Id> {
        self.counters.count_refusal(why);
        Checkout::Refuse(why)
    }

    fn enqueue(&mut self, now: u64, index: u32, demand: Demand) -> Name {
        let before = self.origins.all[index as usize].last_waiter;
        let due = now.saturating_add(self.resolved.wait);
        let name = self.waiters.push(due, Waiter { origin: index, demand, before, behind: NONE });
        self.origins.taken(index);
        let origin = &mut self.origins.all[index as usize];
        origin.last_waiter = name.0;
        origin.waiting += 1;
        match self.waiters.item_mut(before) {
            Some(waiter) => waiter.behind = name.0,
            None => origin.first_waiter = name.0,
        }
        self.counters.waited += 1;
        self.update_fast_path();
        name
    }

    /// Takes a waiter out of the queue.
    pub(super) fn dequeue(&mut self, name: Name) -> Option<Waiter> {
        let waiter = self.waiters.remove(name)?;
        let origin = &mut self.origins.all[waiter.origin as usize];
        origin.waiting -= 1;
        match self.waiters.item_mut(waiter.before) {
            Some(before) => before.behind = waiter.behind,
            None => origin.first_waiter = waiter.behind,
        }
        match self.waiters.item_mut(waiter.behind) {
            Some(behind) => behind.before = waiter.before,
            None => origin.last_waiter = waiter.before,
        }
        self.origins.left(waiter.origin);
        self.update_fast_path();
        Some(waiter)
    }

    /// Gives up a place in the queue.
    ///
    /// # Errors
    ///
    /// [`Stale`] if the ticket was answered: then its connection or place is to be given back.
    pub fn cancel(&mut self, ticket: Ticket) -> Result<(), Stale> {
        let waiter = self.dequeue((ticket.slot, ticket.stamp)).ok_or(Stale)?;
        // who stood after may need less
        self.make_ready(waiter.origin);
        self.wake_waiters();
        Ok(())
    }

    /// An idle connection, or else a place for a new one. `yields`: the place is the queue's.
    pub(super) fn try_serve(
        &mut self,
        now: u64,
        index: u32,
        demand: Demand,
        yields: bool,
    ) -> Result<Checkout<Id>, RefuseReason> {
        self.unlink_leased(index);
        if demand.source == Source::Any {
            for list in [LIST_USED, LIST_UNUSED] {
                if let Some(slot) = self.choose_idle(now, index, list, demand.session) {
                    return Ok(self.lease_out(now, index, slot));
                }
            }
        }
        if yields { Err(RefuseReason::Behind) } else { self.open_or_evict(now, index) }
    }

    /// Which connection of a list is taken, if any may be. Those whose time is up are put aside.
    fn choose_idle(&mut self, now: u64, index: u32, list: usize, session: Session) -> Option<u32> {
        let policy = &self.config.policy;
        let order = match if list == LIST_USED { policy.order } else { policy.unused_order } {
            Order::Warmest if list == LIST_UNUSED => Order::Newest,
            order => order,
        };
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
        let turn = self.origins.all[index as usize].turn;
        let ((mut slot, len), mut fit, mut best) = (self.list_start(index, list, order), 0_u64, (0, NONE));
        for _ in 0..len {
            let entry = self.entries.get(slot as usize)?;
            let next = if order == Order::Newest { entry.prev } else { entry.next };
            if entry.due <= now {
                self.set_aside_expired(index, slot);
            } else if fits(entry.flags) {
                if matches!(order, Order::Newest | Order::Oldest) {
                    return Some(slot);
                }
                fit += 1;
                let rank = match order {
                    Order::Warmest if entry.flags & USED != 0 => entry.rank,
                    Order::Warmest => 0,
                    // how far it is from the one whose turn it is
                    Order::RoundRobin => NONE - entry.rank.wrapping_sub(turn),
                    _ => NONE - entry.rank,
                };
                if rank >= best.0 {
                    best = (rank, slot);
                }
            }
            slot = next;
        }
        if fit == 0 {
            return None;
        }
        let mut place = match order {
            Order::Random => self.next_random() % fit,
            Order::RoundRobin => {
                let next = self.entries.get(best.1 as usize)?.rank.wrapping_add(1);
                self.origins.all[index as usize].turn = next;
                return Some(best.1);
            }
            _ => return Some(best.1),
        };
        let (mut slot, len) = self.list_start(index, list, order);
        for _ in 0..len {
            let entry = self.entries.get(slot as usize)?;
            if fits(entry.flags) {
                if place == 0 {
                    return Some(slot);
                }
                place -= 1;
            }
            slot = entry.next;
        }
        None
    }

    /// Where a list begins, in the order in which it is searched, and its length.
    fn list_start(&self, index: u32, list: usize, order: Order) -> (u32, u32) {
        let list = self.origins.all[index as usize].lists[list];
        (if order == Order::Newest { list.last } else { list.first }, list.len)
    }

    /// Puts an idle connection whose time is up where it is not met again.
    fn set_aside_expired(&mut self, index: u32, slot: u32) {
        let origin = &mut self.origins.all[index as usize];
        unlink(&mut self.entries, origin, slot);
        link(&mut self.entries, &mut origin.lists[LIST_EXPIRED], slot);
        self.entries[slot as usize].set_list(LIST_EXPIRED);
    }

    fn lease_out(&mut self, now: u64, index: u32, slot: u32) -> Checkout<Id> {
        unlink(&mut self.entries, &mut self.origins.all[index as usize], slot);
        self.counters.reused += 1;
        let entry = &mut self.entries[slot as usize];
        if self.resolved.learns {
            self.idle_before_use[slot as usize] = now.saturating_sub(entry.since);
        }
        let answer = entry.lease(now, slot, self.resolved.look_after);
        if !self.resolved.long_lease {
            entry.due = u64::MAX;
            self.arm_deadline(slot);
        }
        answer
    }

    /// A place for a new connection, if need be that of an idle one.
    fn open_or_evict(&mut self, now: u64, index: u32) -> Result<Checkout<Id>, RefuseReason> {
        let (most, why) = self.connection_limit(index);
        let held = self.origins.all[index as usize].held;
        let total = self.config.limits.total.unwrap_or(NONE);
        let victim = if held >= most {
            // one over the limit would be as much after it went
            Some(self.evictable_of_origin(now, index).filter(|_| held == most && self.held <= total).ok_or(why)?)
        } else if self.held >= total {
            let rule = self.config.policy.eviction;
            let may = self.held == total && rule != Eviction::Never;
            Some(if may { self.evictable(now, rule) } else { None }.ok_or(RefuseReason::Total)?)
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
        let (slot, stamp) = self.permits.push(now.saturating_add(self.resolved.open), index);
        let permit = Permit { slot, stamp };
        Ok(match evicted {
            Some((victim, why)) => Checkout::EvictThenOpen { victim, why, permit },
            None => Checkout::Open(permit),
        })
    }

    /// How many connections this origin may have, and which limit says so.
    fn connection_limit(&self, index: u32) -> (u32, RefuseReason) {
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

impl<Id: Copy> Entry<Id> {
    /// From idle to leased.
    #[inline(always)]
    fn lease(&mut self, now: u64, slot: u32, look_after: u64) -> Checkout<Id> {
        let idle = now.wrapping_sub(self.since);
        let look = if idle >= look_after { Look::First } else { Look::Skip };
        self.since = now;
        self.flags |= REUSED;
        self.stamp = self.stamp.wrapping_add(STEP + LEASED - IDLE);
        Checkout::Reuse { id: self.id, lease: Lease { slot, stamp: self.stamp }, look }
    }
}
