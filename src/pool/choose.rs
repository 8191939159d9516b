//! Which idle connection of a list is handed out.

use std::hash::{BuildHasher, Hash};

use super::Pool;
use super::api::{Demand, Session, Source};
use super::config::{Order, ReuseMode};
use super::index::{OriginIndex, Slot};
use super::slots::{Entry, ListKind, Marks};
use crate::config::Use;
use crate::time::Instant;

/// Which connections a request may be given.
#[derive(Clone, Copy)]
enum Allowed {
    All,
    /// Those that were never used, and those that have been reused with success.
    UnusedOrProven,
    /// Those that were never used: they are as good as new ones.
    Unused,
}

impl Allowed {
    const fn of(reuse: ReuseMode, session: Session) -> Self {
        match (reuse, session) {
            (ReuseMode::Always, _) | (ReuseMode::Safe | ReuseMode::Aggressive, Session::Later) => Self::All,
            (ReuseMode::Aggressive, Session::First) => Self::UnusedOrProven,
            (ReuseMode::Never, _) | (ReuseMode::Safe, Session::First) => Self::Unused,
        }
    }

    const fn allows(self, marks: Marks) -> bool {
        match self {
            Self::All => true,
            Self::UnusedOrProven => !marks.is_used() || marks.is_proven(),
            Self::Unused => !marks.is_used(),
        }
    }
}

impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
    /// The connection of a list that is taken, if any may be. Those whose time is over are put into the list of expired ones.
    pub(super) fn choose_idle(
        &mut self,
        now: Instant,
        index: OriginIndex,
        list: ListKind,
        session: Session,
    ) -> Option<Slot> {
        let policy = &self.config.policy;
        let order = match if list == ListKind::USED { policy.order } else { policy.unused_order } {
            Order::Warmest if list == ListKind::UNUSED => Order::Newest,
            order => order,
        };
        let allowed = Allowed::of(policy.reuse, session);
        if list == ListKind::USED && policy.used_first == Use::On && matches!(allowed, Allowed::Unused) {
            // all in the list were used
            return None;
        }
        let turn = self.origins.all[index].turn;
        let ((mut slot, len), mut fit, mut best) = (self.list_start(index, list, order), 0_u64, (0, Slot::NONE));
        for _ in 0..len {
            let entry = self.entries.get(slot)?;
            let next = if order == Order::Newest { entry.prev } else { entry.next };
            if entry.due <= now {
                self.set_aside_expired(index, slot);
            } else if allowed.allows(entry.marks) {
                if matches!(order, Order::Newest | Order::Oldest) {
                    return Some(slot);
                }
                fit += 1;
                let rank = match order {
                    Order::Warmest if entry.marks.is_used() => entry.order_key,
                    Order::Warmest => 0,
                    // the fewer openings after the one whose turn it is, the better
                    Order::RoundRobin => u32::MAX - entry.order_key.wrapping_sub(turn),
                    _ => u32::MAX - entry.order_key,
                };
                if rank >= best.0 {
                    best = (rank, slot);
                }
            }
            slot = next;
        }
        match order {
            _ if fit == 0 => None,
            Order::Random => {
                let number = self.next_random() % fit;
                self.nth_allowed(index, list, allowed, number)
            }
            Order::RoundRobin => {
                self.origins.all[index].turn = self.entries.get(best.1)?.order_key.wrapping_add(1);
                Some(best.1)
            }
            _ => Some(best.1),
        }
    }

    /// Whether a request may be given this idle connection.
    pub(super) fn may_be_given(&self, entry: &Entry<Id>, demand: Demand) -> bool {
        demand.source == Source::Any && Allowed::of(self.config.policy.reuse, demand.session).allows(entry.marks)
    }

    /// Of the connections of a list that a request may be given, the one with this number.
    fn nth_allowed(&self, index: OriginIndex, list: ListKind, allowed: Allowed, mut number: u64) -> Option<Slot> {
        let list = self.origins.all[index].lists[list];
        let mut slot = list.first;
        for _ in 0..list.len {
            let entry = self.entries.get(slot)?;
            if allowed.allows(entry.marks) {
                if number == 0 {
                    return Some(slot);
                }
                number -= 1;
            }
            slot = entry.next;
        }
        None
    }

    /// Where the search through a list begins, and its length.
    fn list_start(&self, index: OriginIndex, list: ListKind, order: Order) -> (Slot, u32) {
        let list = self.origins.all[index].lists[list];
        (if order == Order::Newest { list.last } else { list.first }, list.len)
    }

    /// Puts an idle connection whose time is over where no search meets it again.
    fn set_aside_expired(&mut self, index: OriginIndex, slot: Slot) {
        let lists = &mut self.origins.all[index].lists;
        lists.unlink(self.entries.view(), slot);
        lists.append(self.entries.view(), ListKind::EXPIRED, slot);
    }
}
