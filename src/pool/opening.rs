//! Connections that are being opened, and what becomes of the requests that wait meanwhile.

use std::hash::{BuildHasher, Hash};

use super::Pool;
use super::checkin::{ANY_USES, MOST_USES};
use super::index::{OriginIndex, Second, Slot, Tick};
use super::names::{Lease, Permit, Stale, Ticket};
use super::reasons::EndReason;
use super::slots::{Entry, Marks, Stamp, State};
use super::waiting::PlaceToOpen;
use crate::config::nanos::Span;
use crate::time::Instant;

/// A connection that is being opened.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) origin: OriginIndex,
    /// The place in the queue of the request that opens it, where that waits meanwhile. It may be stale.
    pub(super) ticket: Option<Ticket>,
}

impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
    /// A connection was opened: it is in use, and comes back with [`checkin`](Self::checkin), be it at once. The ticket that came
    /// with the permit, if one did, is stale from now.
    ///
    /// # Errors
    ///
    /// [`Stale`] if the permit is overdue or was answered: close the connection.
    pub fn opened(&mut self, now: Instant, permit: Permit, id: Id) -> Result<Lease, Stale> {
        let now = self.advance_clock(now);
        let Opening { origin, ticket } = self.permits.remove(&permit).ok_or(Stale)?;
        if let Some(ticket) = ticket {
            self.stop_waiting(&ticket);
        }
        let age = Span::of_nanos(self.with_jitter(self.resolved.age.as_nanos()));
        let uses_left = match self.config.limits.uses {
            Some(uses) => self.with_jitter(uses.into()).clamp(1, MOST_USES) as u16,
            None => ANY_USES,
        };
        let due = self.resolved.shortest.after(now);
        let entry = Entry {
            id,
            since: now,
            due,
            stamp: Stamp::FIRST_LEASE,
            origin,
            prev: Slot::NONE,
            next: Slot::NONE,
            order_key: self.counters.opened as u32,
            retires_at: if age == Span::NEVER { Second::NEVER } else { Second::or_never(age.after(now)) },
            armed: Tick::NEVER,
            uses_left,
            marks: Marks::new(uses_left != ANY_USES, !self.resolved.orders_by_idle),
            why: EndReason::Verdict,
        };
        let slot = self.first_vacant;
        let slot = match self.entries.get_mut(slot) {
            Some(vacant) => {
                self.first_vacant = vacant.next;
                let mut marks = entry.marks;
                marks.set_in_idle_order(vacant.marks.is_in_idle_order());
                let (stamp, armed) = (vacant.stamp, vacant.armed);
                *vacant = Entry { stamp, armed, marks, ..entry };
                vacant.step(State::Leased);
                slot
            }
            None => {
                if self.resolved.learns {
                    self.idle_before_use.push(Span::of_nanos(0));
                }
                self.entries.push(entry)
            }
        };
        // early for the lease, so that it will do when the connection comes back
        let entry = &mut self.entries[slot];
        if self.deadlines.needs_record(entry.armed, self.deadlines.tick(due)) {
            entry.armed = self.deadlines.insert(slot, due);
        }
        self.counters.opened += 1;
        let lease = Lease { slot, stamp: self.entries[slot].stamp };
        self.after_call();
        Ok(lease)
    }

    /// A connection could not be opened. If its request waits meanwhile ([`Checkout::OpenOrWait`](super::Checkout::OpenOrWait)), it
    /// waits on, at its place in the queue, for a connection that comes back, and is given no other place. When no connection of its
    /// key is left, [`WaitOver`](super::Due::WaitOver) says so. To have it fail at once, cancel its ticket.
    ///
    /// # Errors
    ///
    /// [`Stale`] if the permit is overdue or was answered.
    pub fn failed(&mut self, now: Instant, permit: Permit) -> Result<(), Stale> {
        self.advance_clock(now);
        let opening = self.permits.remove(&permit).ok_or(Stale)?;
        self.end_permit(&opening, EndReason::OpenFailed);
        self.after_call();
        Ok(())
    }

    /// A connection was not opened: its place is free again.
    pub(super) fn end_permit(&mut self, opening: &Opening, why: EndReason) {
        if let Some(ticket) = &opening.ticket {
            self.lose_place(ticket);
        }
        self.origins.remove_connection(opening.origin);
        self.count_freed_place(opening.origin, why);
    }

    /// The request's own connection is there.
    #[inline(never)]
    fn stop_waiting(&mut self, ticket: &Ticket) {
        self.dequeue(ticket);
    }

    /// The request's own connection will not be there.
    pub(super) fn lose_place(&mut self, ticket: &Ticket) {
        if let Some(waiter) = self.waiters.get_mut(ticket) {
            waiter.place = PlaceToOpen::Lost;
            self.counters.waited += 1;
        }
    }
}
