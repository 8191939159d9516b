//! Who has waited for the longest time of those that any place would serve, and when it is its turn.
//!
//! A waiter stands in line while it is the first of its key that wants a place to open a connection, and its key has fewer connections
//! than it may have: only the limit of all holds it back, so any connection that goes would make a place for it. Others are held back
//! by the limit of their own key, or have had their place: they open a connection and wait meanwhile, or could not open it. No place
//! of another key would serve them, so nobody passes them over, and they hold up nobody.
//!
//! At the limit of all, a connection that is lent is a place that is not given. So each one that is lent to a later request is
//! counted with the waiter that is first in line, whether that later request has a place of its own already or not. After [`passed_over`](super::PoolLimits::passed_over) of them it has its turn:
//! an idle connection that would be lent to a later request, or that comes back, goes for it instead.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::{BuildHasher, Hash};

use super::Pool;
use super::index::{OriginIndex, Place, Slot};
use super::names::Idle;

#[derive(Debug)]
pub(super) struct Turns {
    /// Those that stand in line, by their number. Some are not in line any more: that is found out when they are first.
    line: BinaryHeap<Reverse<(u64, Place)>>,
    /// The idle connection that goes for the one whose turn it is.
    claimed: Option<Idle>,
}

/// The number of a request that does not wait yet: it comes after all that do.
pub(super) const NEWCOMER: u64 = u64::MAX;

impl Turns {
    pub(super) const fn new() -> Self {
        Self { line: BinaryHeap::new(), claimed: None }
    }
}

impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
    /// The first waiter of this key that wants a place is put into the line, if it belongs there and is not in it yet.
    pub(super) fn stand_in_line(&mut self, index: OriginIndex) {
        let place = self.first_for_place(index);
        let is_below_limit = self.origins.all[index].held < self.connection_limit(index).0;
        let Some(waiter) = self.waiters.item_mut(place).filter(|waiter| is_below_limit && !waiter.is_in_line) else {
            return;
        };
        waiter.is_in_line = true;
        let number = waiter.number;
        if self.turns.line.len() > FEW + 2 * self.waiters.len() as usize {
            let waiters = &self.waiters;
            self.turns
                .line
                .retain(|Reverse((number, place))| waiters.item(*place).is_some_and(|waiter| waiter.number == *number));
        }
        self.turns.line.push(Reverse((number, place)));
        if !self.is_full() {
            self.wake_waiters();
        }
    }

    /// The waiter that is first in line: its number, and its place in the queue.
    pub(super) fn first_in_line(&mut self) -> Option<(u64, Place)> {
        while let Some(&Reverse((number, place))) = self.turns.line.peek() {
            if let Some(waiter) = self.waiters.item(place).filter(|waiter| waiter.number == number) {
                let index = waiter.origin;
                let origin = &self.origins.all[index];
                if self.first_for_place(index) == place && origin.held < self.connection_limit(index).0 {
                    return Some((number, place));
                }
            }
            self.turns.line.pop();
            if let Some(waiter) = self.waiters.item_mut(place).filter(|waiter| waiter.number == number) {
                waiter.is_in_line = false;
            }
        }
        None
    }

    /// There is no place for another connection.
    pub(super) fn is_full(&self) -> bool {
        self.config.limits.total.is_some_and(|total| self.held >= total)
    }

    /// The waiter that has its turn, if one has.
    pub(super) fn has_turn(&mut self) -> Option<Place> {
        let most = self.config.limits.passed_over.filter(|_| !self.waiters.is_empty() && self.is_full())?;
        let (_, first) = self.first_in_line()?;
        self.waiters.item(first).filter(|waiter| waiter.passed_over >= most).map(|_| first)
    }

    /// A request with this number is about to get an idle connection, or the place of one. Whether it may: if an earlier one has its
    /// turn, the connection goes for that one.
    pub(super) fn may_pass(&mut self, slot: Slot, number: u64) -> bool {
        if self.waiters.is_empty() || !self.is_full() {
            return true;
        }
        match self.first_in_line() {
            Some((first, place)) if first < number => {
                let most = self.config.limits.passed_over.unwrap_or(u32::MAX);
                match self.waiters.item_mut(place) {
                    Some(waiter) if waiter.passed_over >= most => {
                        self.claim(slot);
                        return false;
                    }
                    Some(waiter) => waiter.passed_over = waiter.passed_over.saturating_add(1),
                    None => {}
                }
            }
            _ => {}
        }
        true
    }

    /// An idle connection goes for the one whose turn it is.
    pub(super) fn claim(&mut self, slot: Slot) {
        self.turns.claimed = Some(Idle { slot, stamp: self.entries[slot].stamp });
        self.wake_waiters();
    }

    /// The idle connection that goes for the one whose turn it is.
    pub(super) fn take_claimed(&mut self) -> Option<Slot> {
        let claimed = self.turns.claimed.take()?;
        self.named(claimed.slot, claimed.stamp).ok().map(|_| claimed.slot)
    }
}

#[cfg(debug_assertions)]
impl Turns {
    /// This waiter has its place in the line.
    pub(super) fn has(&self, number: u64, place: Place) -> bool {
        self.line.iter().any(|&Reverse(one)| one == (number, place))
    }
}

/// This many that are not in line any more do no harm.
const FEW: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::persistence::{Persistence, ReuseReason};
    use crate::pool::{Checkout, Demand, Due, Lease, PoolConfig, PoolLimits, PoolPolicy, PoolTimeouts, Returned};
    use crate::time::Instant;
    use std::vec::Vec;

    fn pool(total: u32) -> Pool<u32, u32> {
        let limits = PoolLimits::DEFAULT.with_per_origin(Some(1)).with_total(Some(total)).with_waiters(2000);
        let config = PoolConfig::new(limits, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT).expect("within bounds");
        Pool::new(Instant::EPOCH, &config)
    }

    fn open(pool: &mut Pool<u32, u32>, key: u32) -> Lease {
        let Checkout::Open(permit) = pool.checkout(pool.now, &key, Demand::DEFAULT) else { panic!("there is a place") };
        pool.opened(pool.now, permit, key).expect("it is not stale")
    }

    fn wait(pool: &mut Pool<u32, u32>, key: u32) -> crate::pool::Ticket {
        let Checkout::Wait(ticket) = pool.checkout(pool.now, &key, Demand::DEFAULT) else { panic!("it waits") };
        ticket
    }

    /// A thousand wait that their own key holds back: none is looked at when another one is served.
    #[test]
    fn who_is_held_back_by_its_key_costs_nothing() {
        let mut pool = pool(1001);
        let held: Vec<Lease> = (1..1001).map(|key| open(&mut pool, key)).collect();
        let mut busy = open(&mut pool, 0);
        for key in 1..1001 {
            let _ = wait(&mut pool, key);
        }
        assert!(pool.turns.line.is_empty());
        let returned = Returned::new(Persistence::Reuse(ReuseReason::Http11));
        for key in 2000..2100 {
            let _ = wait(&mut pool, key);
            assert_eq!(pool.turns.line.len(), 1);
            let _ = pool.closed(pool.now, busy, crate::pool::Ended::ByUs);
            let Some(Due::GoOn { checkout: Checkout::Open(permit), .. }) = pool.expire(pool.now) else {
                panic!("it goes on")
            };
            busy = pool.opened(pool.now, permit, key).expect("it is not stale");
            assert_eq!(pool.expire(pool.now), None);
        }
        for lease in held {
            let _ = pool.checkin(pool.now, lease, &returned);
            assert!(matches!(pool.expire(pool.now), Some(Due::GoOn { checkout: Checkout::Reuse { .. }, .. })));
        }
    }

    #[test]
    fn the_line_forgets_who_has_left() {
        let mut pool = pool(1);
        let _ = open(&mut pool, 0);
        let _ = wait(&mut pool, 1);
        for key in 2..10_000 {
            let ticket = wait(&mut pool, key);
            assert_eq!(pool.cancel(ticket), Ok(()));
            assert!(pool.turns.line.len() <= FEW + 2 * 2 + 1);
        }
    }
}
