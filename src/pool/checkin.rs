//! Taking in: what was opened, and what comes back.

use std::hash::{BuildHasher, Hash};

use super::Pool;
use super::api::{Checkin, Returned};
use super::config::{Eviction, Excess, Order};
use super::index::{OriginIndex, Second, Slot};
use super::names::{Idle, Lease, Stale};
use super::reasons::EndReason;
use super::slots::{ListKind, State};
use crate::config::Use;
use crate::config::nanos::Span;
use crate::lifecycle::persistence::{CloseReason, Persistence, ReuseReason};
use crate::time::Instant;

/// Until when a connection may be idle, and why it ends then.
type IdleEnd = (Instant, EndReason);

impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
    /// A connection is not used any more: it is kept, or to be closed. Its idle time counts from `now`, which is when the last
    /// octet of the response came.
    ///
    /// Constant time, except where more come back than may be idle.
    ///
    /// # Errors
    ///
    /// [`Stale`] if the lease is overdue or over: close the connection, if that is not done.
    // −26 on `pool`: what is said of the connection is known where it is said
    #[inline(always)]
    pub fn checkin(&mut self, now: Instant, lease: Lease, returned: &Returned) -> Result<Checkin<Id>, Stale> {
        let now = self.advance_clock(now);
        let answer = match self.checkin_fast(now, &lease, returned) {
            Some(checkin) => Ok(checkin),
            None => self.checkin_full(now, &lease, returned),
        };
        self.after_call();
        answer
    }

    /// Takes back a connection that was leased in place, if nothing is known but that it persists and until when, and nothing but that
    /// and the idle limit can matter. `None`: nothing was done.
    ///
    /// Its careful twin is [`checkin_full`](Self::checkin_full).
    #[inline]
    pub(super) fn checkin_fast(&mut self, now: Instant, lease: &Lease, returned: &Returned) -> Option<Checkin<Id>> {
        if self.is_full_path_forced() {
            return None;
        }
        let entry = self.entries.get_mut(lease.slot).filter(|entry| entry.stamp == lease.stamp)?;
        if self.needs_full_path || !returned.plain || !entry.marks.are_usual() {
            return None;
        }
        let (mut limit, mut why) = (self.resolved.used_idle, EndReason::IdleLimit);
        if let Some(timeout) = returned.hint.timeout {
            let said = self.resolved.hint_limit(timeout, returned.round_trip);
            if said < limit && self.resolved.hints {
                (limit, why) = (said, EndReason::HintLimit);
            }
        }
        // an idle limit without end is none of this path's; where the sum is too great, it is before now
        let mut due = Instant::from_nanos(now.as_nanos().wrapping_add(limit.as_nanos()));
        if returned.until < due {
            (due, why) = (returned.until, EndReason::Until);
        }
        // there is time left, its record comes up early enough, and its age is reached later
        let lasts = now < due && entry.due <= due && due < entry.retires_at.start();
        if !lasts || self.origins.all.get(entry.origin)?.lists[ListKind::USED].last != lease.slot {
            return None;
        }
        entry.since = now;
        entry.due = due;
        entry.why = why;
        let stamp = lease.stamp.leased_to_idle();
        entry.stamp = stamp;
        self.counters.kept += 1;
        Some(Checkin::Kept(Idle { slot: lease.slot, stamp }))
    }

    /// The careful twin of [`checkin_fast`](Self::checkin_fast): takes back any connection, whatever is known of it.
    #[inline(never)]
    pub(super) fn checkin_full(
        &mut self,
        now: Instant,
        lease: &Lease,
        returned: &Returned,
    ) -> Result<Checkin<Id>, Stale> {
        let index = self.named(lease.slot, lease.stamp)?.origin;
        self.unlink_leased(index);
        if returned.persistence != Persistence::Undecided {
            self.note_exchange(lease.slot, returned);
        }
        match self.idle_end(now, lease.slot, index, returned) {
            Ok(end) => Ok(self.keep_idle(now, lease.slot, index, end)),
            Err(why) => {
                self.remove(lease.slot, why);
                self.note_end(now, index, why);
                Ok(Checkin::Close(why))
            }
        }
    }

    /// An exchange on it is over.
    fn note_exchange(&mut self, slot: Slot, returned: &Returned) {
        let entry = &mut self.entries[slot];
        if self.config.policy.order == Order::Warmest {
            let before = if entry.marks.is_used() { entry.order_key } else { 0 };
            let kib = u32::try_from(returned.octets >> 10).unwrap_or(u32::MAX);
            entry.order_key = before.saturating_add(kib);
        }
        entry.marks.note_exchange();
        if entry.uses_left != ANY_USES {
            entry.uses_left = entry.uses_left.saturating_sub(1);
        }
    }

    /// Until when the connection may be idle, and what sets that; or why it ends now.
    fn idle_end(
        &mut self,
        now: Instant,
        slot: Slot,
        index: OriginIndex,
        returned: &Returned,
    ) -> Result<IdleEnd, EndReason> {
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
        let entry = &self.entries[slot];
        if entry.marks.is_outdated() {
            return Err(EndReason::Generation);
        }
        if let Some(note) = self.origins.note(index) {
            note.allows_reuse(now, entry.since)?;
        }
        if entry.uses_left == 0 {
            return Err(EndReason::Uses);
        }
        let (limit, why) = if entry.marks.is_used() {
            (self.resolved.used_idle, EndReason::IdleLimit)
        } else {
            (self.resolved.unused_idle, EndReason::UnusedLimit)
        };
        let mut end = (limit.after(now), why);
        if entry.retires_at != Second::NEVER {
            end = earlier(end, (entry.retires_at.start(), EndReason::Age));
        }
        if !returned.hint.is_empty() || self.resolved.learns || returned.until != Instant::MAX {
            end = self.limit_by_peer(now, slot, index, returned, end)?;
        }
        if end.0 <= now { Err(end.1) } else { Ok(end) }
    }

    /// The end of idleness by what the peer and the machine say, and by what was learned.
    fn limit_by_peer(
        &mut self,
        now: Instant,
        slot: Slot,
        index: OriginIndex,
        returned: &Returned,
        mut end: IdleEnd,
    ) -> Result<IdleEnd, EndReason> {
        if self.resolved.hints {
            let entry = &mut self.entries[slot];
            match returned.hint.max {
                Some(0) => return Err(EndReason::MaxHint),
                Some(max) => {
                    entry.uses_left = entry.uses_left.min(u64::from(max).min(MOST_USES) as u16);
                    entry.marks.set_limited();
                }
                None => {}
            }
            if let Some(timeout) = returned.hint.timeout {
                let limit = self.resolved.hint_limit(timeout, returned.round_trip);
                if limit.is_nothing() {
                    return Err(EndReason::HintTooShort);
                }
                end = earlier(end, (limit.after(now), EndReason::HintLimit));
            }
        }
        if let Some(observed) = self.origins.learned.get_mut(index).filter(|_| self.resolved.learns) {
            if self.entries[slot].marks.is_reused() {
                observed.note_worked(self.idle_before_use[slot]);
            }
            if let Some(closed) = observed.peer_limit(Second::of(now), self.resolved.forget) {
                let limit = self.resolved.less_margin(closed, returned.round_trip);
                end = earlier(end, (limit.after(now), EndReason::LearnedLimit));
            }
        }
        Ok(earlier(end, (returned.until, EndReason::Until)))
    }

    fn note_version(&mut self, index: OriginIndex, is_http10: bool) {
        if self.config.limits.per_http10_origin.is_none() {
            return;
        }
        let origin = &mut self.origins.all[index];
        if origin.is_http10 != is_http10 {
            origin.is_http10 = is_http10;
            self.saw_http10 = true;
            self.update_fast_path();
            self.offer_place(index);
        }
    }

    /// The connection is idle from now on, if it or another one has a place among the idle ones.
    fn keep_idle(&mut self, now: Instant, slot: Slot, index: OriginIndex, end: IdleEnd) -> Checkin<Id> {
        let mut instead = None;
        let origin = &self.origins.all[index];
        let is_wanted = origin.waiting > origin.idle();
        if (self.idle() >= self.resolved.idle_total || origin.idle() >= self.resolved.idle_per_origin) && !is_wanted {
            match self.over_idle_limit(now, index) {
                (Some(victim), why) => instead = Some((self.remove(victim, why), why)),
                (None, why) => {
                    self.remove(slot, why);
                    return Checkin::Close(why);
                }
            }
        }
        let entry = &mut self.entries[slot];
        let apart = self.config.policy.used_first == Use::On;
        let list = if apart && !entry.marks.is_used() { ListKind::UNUSED } else { ListKind::USED };
        entry.since = now;
        (entry.due, entry.why) = end;
        entry.step(State::Idle);
        let idle = Idle { slot, stamp: entry.stamp };
        self.origins.all[index].lists.append(self.entries.view(), list, slot);
        self.arm_deadline(slot);
        if self.resolved.orders_by_idle {
            self.index_by_idle(slot);
        }
        self.counters.kept += 1;
        if !self.waiters.is_empty() || self.idle() > self.resolved.high_water || self.resolved.purge != Span::NEVER {
            self.after_return(now, slot, index);
        }
        match instead {
            Some((victim, why)) => Checkin::KeptFor { idle, victim, why },
            None => Checkin::Kept(idle),
        }
    }

    /// More come back than may be idle: which idle one goes, if not the one that comes, and why.
    fn over_idle_limit(&mut self, now: Instant, index: OriginIndex) -> (Option<Slot>, EndReason) {
        let policy = self.config.policy;
        if self.origins.all[index].idle() >= self.resolved.idle_per_origin {
            let own = match policy.origin_excess {
                Excess::Idle => self.longest_idle_of_origin(index, |_| true),
                Excess::Returned => None,
            };
            return (own, EndReason::IdlePerOrigin);
        }
        let rule = if policy.eviction == Eviction::Never { Eviction::LongestIdle } else { policy.eviction };
        let any = if policy.total_excess == Excess::Idle { self.evictable(now, rule) } else { None };
        (any, EndReason::IdleTotal)
    }

    /// One more is idle: this may matter to waiters, to the water marks and to purges.
    fn after_return(&mut self, now: Instant, slot: Slot, index: OriginIndex) {
        self.make_ready(index);
        if self.has_turn().is_some() {
            self.claim(slot);
        }
        let limits = &self.config.limits;
        if self.config.policy.eviction != Eviction::Never && limits.total.is_some_and(|total| self.held >= total) {
            // it may have to go for one who waits for another
            self.wake_waiters();
        }
        self.over_high_water |= self.idle() > self.resolved.high_water;
        if self.purge_at == Instant::MAX {
            self.purge_at = self.resolved.purge.after(now);
        }
    }
}

/// The end that comes first; of equal ones the first given.
fn earlier(one: IdleEnd, other: IdleEnd) -> IdleEnd {
    if other.0 < one.0 { other } else { one }
}

/// Stands for any number of uses.
pub(super) const ANY_USES: u16 = u16::MAX;
/// The greatest limit of uses that is told apart.
pub(super) const MOST_USES: u64 = 65_534;
