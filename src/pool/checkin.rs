//! Taking in: what was opened, what comes back, and what is over.

use std::hash::{BuildHasher, Hash};

use super::Pool;
use super::api::{Checkin, Ended, Idle, Lease, Permit, Readable, Returned, Stale};
use super::config::{Eviction, Excess, Order};
use super::origins::{HTTP10, LIST_UNUSED, LIST_USED};
use super::reasons::EndReason;
use super::second;
use super::slots::{Entry, IDLE, LEASED, LIMITED, NONE, OUTDATED, PROVEN, RECORDED, REUSED, SETTLED, STEP, USED, link};
use crate::config::Use;
use crate::lifecycle::persistence::{CloseReason, Persistence, ReuseReason};
use crate::time::Instant;

impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
    /// A connection was opened: it is in use, and comes back with [`checkin`](Self::checkin), be it at once.
    ///
    /// # Errors
    ///
    /// [`Stale`] if the permit is overdue or was answered: close the connection.
    pub fn opened(&mut self, now: Instant, permit: Permit, id: Id) -> Result<Lease, Stale> {
        let now = self.advance_clock(now);
        let origin = self.permits.remove((permit.slot, permit.stamp)).ok_or(Stale)?;
        let age = self.with_jitter(self.resolved.age);
        let uses =
            self.config.limits.uses.map_or(u16::MAX, |uses| self.with_jitter(uses.into()).clamp(1, 65_534) as u16);
        let retires_at = now.saturating_add(age) / NANOS;
        let entry = Entry {
            id,
            since: now,
            due: now.saturating_add(self.resolved.shortest),
            stamp: LEASED,
            origin,
            prev: NONE,
            next: NONE,
            rank: self.counters.opened as u32,
            retires_at: if age == u64::MAX { NONE } else { u32::try_from(retires_at).unwrap_or(NONE) },
            armed: NONE,
            uses,
            flags: if uses == u16::MAX { 0 } else { LIMITED } | if self.resolved.ranks { 0 } else { RECORDED },
            why: 0,
        };
        let slot = self.vacant;
        let slot = match self.entries.get_mut(slot as usize) {
            Some(vacant) => {
                self.vacant = vacant.next;
                let (stamp, armed, records) = (vacant.stamp, vacant.armed, vacant.flags & RECORDED);
                *vacant = Entry { stamp, armed, flags: entry.flags | records, ..entry };
                vacant.step(LEASED);
                slot
            }
            None => {
                self.entries.push(entry);
                if self.resolved.learns {
                    self.idle_before_use.push(0);
                }
                self.entries.len() as u32 - 1
            }
        };
        // early for the lease, so that it will do when the connection comes back
        let (due, entry) = (now.saturating_add(self.resolved.shortest), &mut self.entries[slot as usize]);
        if self.deadlines.needs_record(entry.armed, self.deadlines.tick(due)) {
            entry.armed = self.deadlines.insert(slot, due);
        }
        self.counters.opened += 1;
        Ok(Lease { slot, stamp: self.entries[slot as usize].stamp })
    }

    /// A connection could not be opened.
    ///
    /// # Errors
    ///
    /// [`Stale`] if the permit is overdue or was answered.
    pub fn failed(&mut self, now: Instant, permit: Permit) -> Result<(), Stale> {
        self.advance_clock(now);
        let origin = self.permits.remove((permit.slot, permit.stamp)).ok_or(Stale)?;
        self.end_permit(origin, EndReason::OpenFailed);
        Ok(())
    }

    /// A connection is not used any more: it is kept, or to be closed. Its idle time counts from `now`, which is when the last
    /// octet of the response came.
    ///
    /// Constant time, but where more come back than may be idle.
    ///
    /// # Errors
    ///
    /// [`Stale`] if the lease is overdue or over: close the connection, if that is not done.
    #[inline(always)]
    pub fn checkin(&mut self, now: Instant, lease: Lease, returned: &Returned) -> Result<Checkin<Id>, Stale> {
        let now = self.advance_clock(now);
        let (slow, resolved) = (self.needs_full_path, &self.resolved);
        let entry =
            self.entries.get_mut(lease.slot as usize).filter(|entry| entry.stamp == lease.stamp).ok_or(Stale)?;
        // all of this is what `judge` and `keep` do, where nothing else can matter
        let due = now.wrapping_add(resolved.used_idle);
        let settled = entry.flags == SETTLED;
        let lasting = entry.due <= due && due <= u64::from(entry.retires_at) * NANOS;
        if !slow && returned.plain && settled && lasting {
            let place = self.origins.all.get(entry.origin as usize).map(|origin| origin.lists[LIST_USED].last);
            if place == Some(lease.slot) {
                entry.since = now;
                entry.due = due;
                entry.why = EndReason::IdleLimit as u8;
                entry.stamp = entry.stamp.wrapping_add(STEP + IDLE - LEASED);
                self.counters.kept += 1;
                return Ok(Checkin::Kept(Idle { slot: lease.slot, stamp: entry.stamp }));
            }
        }
        self.checkin_full(now, lease, returned)
    }

    #[inline(never)]
    fn checkin_full(&mut self, now: u64, lease: Lease, returned: &Returned) -> Result<Checkin<Id>, Stale> {
        let index = self.entry(lease.slot, lease.stamp)?.origin;
        self.unlink_leased(index);
        let entry = &mut self.entries[lease.slot as usize];
        if returned.persistence != Persistence::Undecided {
            if self.config.policy.order == Order::Warmest {
                let before = if entry.has(USED) { entry.rank } else { 0 };
                entry.rank = before.saturating_add((returned.octets >> 10).min(u64::from(NONE)) as u32);
            }
            if entry.has(REUSED) {
                entry.flags |= PROVEN;
            }
            entry.flags |= USED;
            if entry.uses != u16::MAX {
                entry.uses = entry.uses.saturating_sub(1);
            }
        }
        match self.idle_deadline(now, lease.slot, index, returned) {
            Ok((due, why)) => Ok(self.keep_idle(now, lease.slot, index, due, why)),
            Err(why) => {
                self.remove(lease.slot, why);
                Ok(Checkin::Close(why))
            }
        }
    }

    /// Until when the connection may be idle, and what sets that; or why it ends.
    fn idle_deadline(
        &mut self,
        now: u64,
        slot: u32,
        index: u32,
        returned: &Returned,
    ) -> Result<(u64, EndReason), EndReason> {
        let entry = &self.entries[slot as usize];
        let flags = entry.flags;
        if let Some(taint) = returned.taint {
            return Err(taint.end());
        }
        match returned.persistence {
            Persistence::Reuse(reason) => self.note_version(index, reason == ReuseReason::Http10KeepAlive),
            Persistence::Undecided => {}
            Persistence::Close(reason) => {
                if matches!(reason, CloseReason::Http10 | CloseReason::Http10KeepAliveOff) {
                    self.note_version(index, true);
                }
                return Err(EndReason::of(reason));
            }
            Persistence::Tunnel(_) => return Err(EndReason::Tunnel),
        }
        if self.draining {
            return Err(EndReason::Drain);
        }
        let entry = &self.entries[slot as usize];
        if entry.has(OUTDATED) {
            return Err(EndReason::Generation);
        }
        if entry.uses == 0 {
            return Err(EndReason::Uses);
        }
        let (limit, why) = match flags & USED {
            0 => (self.resolved.unused_idle, EndReason::UnusedLimit),
            _ => (self.resolved.used_idle, EndReason::IdleLimit),
        };
        let mut end = (now.saturating_add(limit), why);
        if entry.retires_at != NONE {
            end = earlier(end, (u64::from(entry.retires_at) * NANOS, EndReason::Age));
        }
        if !returned.hint.is_empty() || self.resolved.learns || returned.until.is_some() {
            end = self.limit_by_peer(now, slot, index, returned, end)?;
        }
        if end.0 <= now { Err(end.1) } else { Ok(end) }
    }

    /// The end of idleness by what the peer and the machine say, and by what was learned.
    fn limit_by_peer(
        &mut self,
        now: u64,
        slot: u32,
        index: u32,
        returned: &Returned,
        mut end: (u64, EndReason),
    ) -> Result<(u64, EndReason), EndReason> {
        if self.config.policy.hints == Use::On {
            let entry = &mut self.entries[slot as usize];
            match returned.hint.max {
                Some(0) => return Err(EndReason::MaxHint),
                Some(max) => {
                    entry.uses = entry.uses.min(max.min(65_534) as u16);
                    entry.flags |= LIMITED;
                }
                None => {}
            }
            if let Some(timeout) = returned.hint.timeout {
                let limit = self.resolved.less_margin(u64::from(timeout) * NANOS, returned.round_trip);
                if limit == 0 {
                    return Err(EndReason::HintTooShort);
                }
                end = earlier(end, (now.saturating_add(limit), EndReason::HintLimit));
            }
        }
        if let Some(observed) = self.origins.learned.get_mut(index as usize).filter(|_| self.resolved.learns) {
            let entry = &self.entries[slot as usize];
            if entry.has(REUSED) {
                observed.note_worked(self.idle_before_use.get(slot as usize).copied().unwrap_or(0));
            }
            if let Some(closed) = observed.peer_limit(second(now), self.resolved.forget) {
                let limit = self.resolved.less_margin(closed, returned.round_trip);
                end = earlier(end, (now.saturating_add(limit), EndReason::LearnedLimit));
            }
        }
        if let Some(until) = returned.until {
            end = earlier(end, (until.as_nanos(), EndReason::Until));
        }
        Ok(end)
    }

    fn note_version(&mut self, index: u32, http10: bool) {
        let matters = self.config.limits.per_http10_origin.is_some();
        if let Some(origin) = self.origins.all.get_mut(index as usize).filter(|_| matters) {
            if origin.has(HTTP10) != http10 {
                origin.flags ^= HTTP10;
                self.saw_http10 = true;
                self.update_fast_path();
            }
        }
    }

    fn keep_idle(&mut self, now: u64, slot: u32, index: u32, due: u64, why: EndReason) -> Checkin<Id> {
        let mut instead = None;
        let origin = &self.origins.all[index as usize];
        let claimed = origin.waiting > origin.idle();
        if (self.idle() >= self.resolved.idle_total || origin.idle() >= self.resolved.idle_per_origin) && !claimed {
            match self.over_idle_limit(now, index) {
                (Some(victim), why) => instead = Some((self.remove(victim, why), why)),
                (None, why) => {
                    self.remove(slot, why);
                    return Checkin::Close(why);
                }
            }
        }
        let entry = &mut self.entries[slot as usize];
        let list = if entry.has(USED) || self.config.policy.used_first == Use::Off { LIST_USED } else { LIST_UNUSED };
        entry.since = now;
        entry.due = due;
        entry.why = why as u8;
        entry.step(IDLE);
        let idle = Idle { slot, stamp: entry.stamp };
        entry.set_list(list);
        self.arm_deadline(slot);
        if self.resolved.ranks {
            self.index_by_idle(slot);
        }
        link(&mut self.entries, &mut self.origins.all[index as usize].lists[list], slot);
        self.counters.kept += 1;
        if self.waiters.len() > 0 || self.idle() > self.resolved.high_water || self.resolved.purge != u64::MAX {
            self.after_return(now, index);
        }
        match instead {
            Some((victim, why)) => Checkin::KeptFor { idle, victim, why },
            None => Checkin::Kept(idle),
        }
    }

    /// More come back than may be idle: which one goes, if not the one that comes.
    fn over_idle_limit(&mut self, now: u64, index: u32) -> (Option<u32>, EndReason) {
        let policy = self.config.policy;
        if self.origins.all[index as usize].idle() >= self.resolved.idle_per_origin {
            let own =
                if policy.origin_excess == Excess::Idle { self.longest_idle_of_origin(index, |_| true) } else { None };
            return (own, EndReason::IdlePerOrigin);
        }
        let rule = if policy.eviction == Eviction::Never { Eviction::LongestIdle } else { policy.eviction };
        let any = if policy.total_excess == Excess::Idle { self.evictable(now, rule) } else { None };
        (any, EndReason::IdleTotal)
    }

    fn after_return(&mut self, now: u64, index: u32) {
        self.make_ready(index);
        let limits = &self.config.limits;
        if self.config.policy.eviction != Eviction::Never && limits.total.is_some_and(|total| self.held >= total) {
            // it may have to go for one who waits for another
            self.wake_waiters();
        }
        self.over_high_water |= self.idle() > self.resolved.high_water;
        if self.purge_at == u64::MAX {
            self.purge_at = now.saturating_add(self.resolved.purge);
        }
    }

    /// A connection that was in use is over: it is closed, or will be.
    ///
    /// # Errors
    ///
    /// [`Stale`] if the lease is overdue or over.
    pub fn closed(&mut self, now: Instant, lease: Lease, ended: Ended) -> Result<(), Stale> {
        let now = self.advance_clock(now);
        let entry = self.entry(lease.slot, lease.stamp)?;
        let (index, reused) = (entry.origin, entry.has(REUSED));
        let why = match ended {
            Ended::DeadAtReuse => EndReason::DeadAtReuse,
            Ended::ByPeer => EndReason::PeerClosed,
            Ended::ByUs => EndReason::Caller,
        };
        if why == EndReason::DeadAtReuse && reused && self.resolved.learns {
            let age = self.idle_before_use.get(lease.slot as usize).copied().unwrap_or(0);
            self.note_peer_close(now, index, age);
        }
        self.remove(lease.slot, why);
        Ok(())
    }

    fn note_peer_close(&mut self, now: u64, index: u32, idle: u64) {
        if let Some(observed) = self.origins.learned.get_mut(index as usize) {
            observed.note_closed(idle, second(now), self.resolved.forget);
        }
    }

    /// An idle connection can be read: whatever there is, nobody asked for it (RFC 9112 9.2), and the connection is over. Close it.
    ///
    /// # Errors
    ///
    /// [`Stale`] if it is not idle any more: whoever uses it will see.
    pub fn readable_while_idle(&mut self, now: Instant, idle: Idle, readable: Readable) -> Result<EndReason, Stale> {
        let now = self.advance_clock(now);
        let entry = self.entry(idle.slot, idle.stamp)?;
        let (index, age) = (entry.origin, now.saturating_sub(entry.since));
        let why = match readable {
            Readable::Octets => EndReason::UnsolicitedOctets,
            Readable::End => EndReason::PeerClosed,
        };
        if why == EndReason::PeerClosed && self.resolved.learns {
            self.note_peer_close(now, index, age);
        }
        self.remove(idle.slot, why);
        Ok(why)
    }

    /// Takes an idle connection out of the pool, for whatever reason of the caller's: its id.
    ///
    /// # Errors
    ///
    /// [`Stale`] if it is not idle any more.
    pub fn withdraw(&mut self, now: Instant, idle: Idle) -> Result<Id, Stale> {
        self.advance_clock(now);
        self.entry(idle.slot, idle.stamp)?;
        Ok(self.remove(idle.slot, EndReason::Caller))
    }
}

fn earlier(one: (u64, EndReason), other: (u64, EndReason)) -> (u64, EndReason) {
    if other.0 < one.0 { other } else { one }
}

const NANOS: u64 = 1_000_000_000;
