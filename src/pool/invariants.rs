//! What always holds in a pool. In debug builds it is asserted after every public call, so all tests and the fuzz target assert it.
//!
//! Each assertion begins with the name of what it asserts. Nothing here allocates: tests that count allocations are debug builds too.

use std::hash::{BuildHasher, Hash};

use super::Pool;

impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
    /// Ends every public call that may change the pool. In release builds it is nothing.
    #[inline]
    pub(super) fn after_call(&mut self) {
        #[cfg(debug_assertions)]
        self.check_some();
    }
}

#[cfg(debug_assertions)]
mod checks {
    use super::super::Pool;
    use super::super::calendar::Calendar;
    use super::super::checkin::ANY_USES;
    use super::super::config::Excess;
    use super::super::index::{OriginIndex, Place, Slot, Table, TableIndex, Tick};
    use super::super::list::List;
    use super::super::origins::Origin;
    use super::super::slots::{Entry, ListKind};
    use super::super::waiting::PlaceToOpen;
    use crate::config::Use;
    use crate::time::Instant;
    use std::hash::{BuildHasher, Hash};

    /// A pool with no more connections and keys than this is checked after every call. Of a greater one, each connection and key is
    /// checked once in four calls on average.
    const SMALL: usize = 64;

    #[track_caller]
    fn holds(invariant: &str, holds: bool) {
        assert!(holds, "{invariant} does not hold");
    }

    impl<K: Hash + Eq, Id: Copy, S: BuildHasher> Pool<K, Id, S> {
        pub(super) fn check_some(&mut self) {
            let size = self.entries.len().max(self.origins.all.len());
            self.calls_since_check += 1;
            if size <= SMALL || self.calls_since_check >= 4 * size {
                self.calls_since_check = 0;
                self.check();
            }
        }

        /// Asserts everything.
        pub(in super::super) fn check(&self) {
            self.check_counts();
            self.check_openings();
            self.check_free_slots();
            self.check_origins();
            for (index, origin) in self.origins.all.indices().zip(self.origins.all.items()) {
                self.check_lists(index, origin);
                self.check_waiters(index, origin);
            }
            for (slot, entry) in self.entries.indices().zip(self.entries.items()) {
                self.check_entry(entry);
                self.check_records(slot, entry);
            }
            self.check_calendars();
            self.check_fast_path();
            self.check_settings();
            self.permits.check();
            self.waiters.check();
            self.check_turns();
        }

        fn check_counts(&self) {
            let counters = &self.counters;
            let idle = self.entries.items().filter(|entry| entry.is_idle()).count();
            let leased = self.entries.items().filter(|entry| entry.is_leased()).count();
            holds("idle-count: kept ≥ reused + ended idle", counters.kept >= counters.reused + self.ended_idle);
            holds("idle-count: kept − reused − ended idle = idle connections", self.idle() as usize == idle);
            let in_place = |origin: &Origin| self.is_leased_in_place(origin.lists[ListKind::USED].last);
            let origins = || self.origins.all.items();
            let listed: usize = origins().map(|origin| origin.idle() as usize).sum();
            let in_place = origins().filter(|origin| in_place(origin)).count();
            holds("idle-count: lists without those leased in place = idle connections", listed - in_place == idle);
            let held: usize = origins().map(|origin| origin.held as usize).sum();
            holds("held-count: held = sum over origins", self.held as usize == held);
            let permits = self.permits.len() as usize;
            holds("held-count: held = leased + idle + permits", held == leased + idle + permits);
            let out = self.outstanding().count();
            holds("outstanding: leased + permits + waiters", out == leased + permits + self.waiters.len() as usize);
            let left = counters.permitted - counters.ended_in_all();
            holds("permits-end-once: permitted = held + ended", left == u64::from(self.held));
        }

        fn check_openings(&self) {
            let tickets = || self.permits.items().filter_map(|opening| opening.ticket.as_ref());
            let waiting = || tickets().filter_map(|ticket| self.waiters.get(ticket));
            holds("openings: who waits meanwhile has its place", waiting().all(|one| one.place == PlaceToOpen::Given));
            let given = self.waiters.items().filter(|one| one.place == PlaceToOpen::Given).count();
            holds("openings: who has a place has one", waiting().count() == given);
        }

        fn check_free_slots(&self) {
            let vacant = self.entries.items().filter(|entry| entry.is_vacant()).count();
            let (mut slot, mut found) = (self.first_vacant, 0);
            while let Some(entry) = self.entries.get(slot) {
                found += 1;
                holds("free-slots: what is in the list is vacant, and once", entry.is_vacant() && found <= vacant);
                slot = entry.next;
            }
            holds("free-slots: all vacant slots are in the list", found == vacant && slot == Slot::NONE);
        }

        fn check_origins(&self) {
            let ready = || self.origins.all.indices().filter(|&index| self.origins.all[index].is_ready);
            holds("ready-origins: each is in the list, and once", ready().count() == self.ready_origins.len() as usize);
            let first = |index: OriginIndex| self.waiters.item(self.origins.all[index].first_waiter);
            let is_known =
                |index| first(index).is_some_and(|first| self.ready_origins.item(first.ready_at) == Some(&index));
            holds("ready-origins: somebody waits for each, and knows its place", ready().all(is_known));
            self.ready_origins.check();
            self.origins.check();
        }

        fn check_lists(&self, index: OriginIndex, origin: &Origin) {
            for kind in [ListKind::USED, ListKind::UNUSED, ListKind::EXPIRED] {
                self.check_list(index, kind, origin.lists[kind]);
            }
            if self.entries.len() <= SMALL {
                let own = self.entries.items().filter(|entry| !entry.is_vacant() && entry.origin == index);
                let permits = self.permits.items().filter(|opening| opening.origin == index);
                holds("held-count: of each origin", origin.held as usize == own.count() + permits.count());
            }
        }

        /// Since each entry names one list, to be in the list that it names is to be in one at most.
        fn check_list(&self, index: OriginIndex, kind: ListKind, list: List) {
            let (mut slot, mut prev) = (list.first, Slot::NONE);
            for number in 0..list.len {
                let entry = self.entries.get(slot);
                assert!(entry.is_some(), "list-links does not hold: a link to nothing");
                let Some(entry) = entry else { return };
                let is_named = entry.origin == index && entry.marks.list() == kind;
                holds("list-links: each entry names its list", is_named);
                let back = number == 0 || entry.prev == prev && slot != list.first;
                holds("list-links: each link has its way back, and there is no circle", back);
                let in_place = kind == ListKind::USED && slot == list.last && entry.is_leased();
                holds("list-links: only the last used one may be leased", entry.is_idle() || in_place);
                holds("expired-list: their time is over", kind != ListKind::EXPIRED || entry.due <= self.now);
                (prev, slot) = (slot, entry.next);
            }
            holds("list-links: the last entry ends it", list.last == prev);
        }

        fn check_waiters(&self, index: OriginIndex, origin: &Origin) {
            let (mut place, mut prev, mut number) = (origin.first_waiter, Place::NONE, 0);
            let mut first_for_place = Place::NONE;
            while let Some(waiter) = self.waiters.item(place) {
                number += 1;
                let right = waiter.origin == index && waiter.prev == prev && number <= origin.waiting;
                holds("waiter-chain: each waiter names its origin and the one before", right);
                let wants = waiter.place == PlaceToOpen::Wanted;
                let one_wants = first_for_place != Place::NONE;
                holds("waiter-chain: who wants no place stands before who does", wants || !one_wants);
                if wants && !one_wants {
                    first_for_place = place;
                }
                (prev, place) = (place, waiter.next);
            }
            let ends = number == origin.waiting && origin.last_waiter == prev;
            holds("waiter-chain: it has as many as wait, and ends", ends);
            holds("first-for-place: it is known", first_for_place == self.first_for_place(index));
            holds("nothing-left: who waits for nothing is told", !self.has_nothing_left(index) || origin.is_ready);
        }

        fn check_turns(&self) {
            let (limits, waiters) = (&self.config.limits, &self.waiters);
            let mut some = false;
            for (index, origin) in self.origins.all.indices().zip(self.origins.all.items()) {
                let below = origin.held < self.connection_limit(index).0;
                let place = self.first_for_place(index);
                if let Some(first) = waiters.item(place).filter(|_| below) {
                    some = true;
                    holds("turns-line: who any place would serve is in it", first.is_in_line);
                }
                let marked = waiters.item(place).filter(|first| first.is_in_line && waiters.len() < 64);
                let is_there = marked.is_none_or(|first| self.turns.has(first.number, place));
                holds("turns-line: who is marked is in it", is_there);
            }
            let is_free = limits.total.is_none_or(|total| self.held < total);
            let is_told = self.waiters_may_go_on || !(is_free && some);
            holds("turns-place: none is free while it would serve one, and nobody is told", is_told);
            let most = limits.passed_over.unwrap_or(u32::MAX);
            holds(
                "turns-passed: by no more than the setting",
                waiters.items().all(|waiter| waiter.passed_over <= most),
            );
        }

        fn check_entry(&self, entry: &Entry<Id>) {
            if entry.is_vacant() {
                return;
            }
            let marks = entry.marks;
            holds("clock: nothing is later than the latest instant", entry.since <= self.now);
            holds("marks: proven is used and reused", !marks.is_proven() || marks.is_used() && marks.is_reused());
            holds("marks: limited, if uses are counted", marks.is_limited() || entry.uses_left == ANY_USES);
            if entry.is_idle() {
                let ends = !(self.draining || marks.is_outdated() || entry.uses_left == 0);
                holds("idle-is-usable: or its time is over", ends || entry.due <= self.now);
                let unused = self.config.policy.used_first == Use::On && !marks.is_used();
                let list = if unused { ListKind::UNUSED } else { ListKind::USED };
                holds("list-kind", [list, ListKind::EXPIRED].contains(&marks.list()));
            }
        }

        fn check_records(&self, slot: Slot, entry: &Entry<Id>) {
            let is_small = self.entries.len() <= SMALL;
            let comes_up = |at: Instant| is_early_enough(&self.deadlines, entry.armed, at);
            if !entry.is_vacant() {
                holds("deadline-record: it comes up in time", comes_up(entry.deadline(self.resolved.lease)));
            }
            if entry.is_leased() && entry.due != Instant::MAX {
                holds("deadline-record: it comes up in time for the return", comes_up(entry.due));
            }
            if is_small && entry.armed != Tick::NEVER {
                holds("deadline-record: it is in the calendar", self.deadlines.has_record(slot, entry.armed));
            }
            if !self.resolved.orders_by_idle {
                return holds("idle-record: none is needed", entry.marks.is_in_idle_order());
            }
            if entry.is_idle() && !entry.marks.is_in_idle_order() {
                holds("idle-record: each idle one has one", self.idle_order.tick(entry.since) == Tick::NEVER);
            }
        }

        pub(in super::super) fn check_calendars(&self) {
            let entries = self.entries.items().filter(|entry| !entry.is_vacant());
            let deadlines = entries.map(|entry| entry.deadline(self.resolved.lease));
            let countable = deadlines.filter(|&at| self.deadlines.tick(at) != Tick::NEVER);
            let next = self.next_connection_due().unwrap_or(Instant::MAX);
            let first = countable.min().unwrap_or(Instant::MAX);
            holds("next-deadline: no later than the first that is not due yet", next <= first.max(self.now));
            let ordered = self.entries.items().filter(|entry| entry.marks.is_in_idle_order()).count();
            let needed = if self.resolved.orders_by_idle { ordered } else { 0 };
            let marked = |slot: Slot| self.entries.get(slot).is_some_and(|entry| entry.marks.is_in_idle_order());
            let (mut records, mut all_marked) = (0, true);
            for slot in self.idle_order.slots() {
                (records, all_marked) = (records + 1, all_marked && marked(slot));
            }
            holds("idle-record: there is one for each mark", records == needed && all_marked);
        }

        fn check_fast_path(&self) {
            holds("fast-path: it is off where it would not do", self.needs_full_path == self.does_need_full_path());
            let saw = self.saw_http10 || self.origins.all.items().all(|origin| !origin.is_http10);
            holds("fast-path: an HTTP/1.0 origin was noted", saw);
            holds("passed-over: empty between two calls", self.passed_over.is_empty());
        }

        fn check_settings(&self) {
            let learned = if self.resolved.learns { self.origins.all.len() } else { 0 };
            holds("learned: of each origin, where it is asked for", self.origins.learned.len() == learned);
            let idle = if self.resolved.learns { self.entries.len() } else { 0 };
            holds("learned: idle times of each slot", self.idle_before_use.len() == idle);
            let most = self.config.limits.idle_total.filter(|_| self.config.policy.total_excess == Excess::Returned);
            // a connection that a waiter wants is kept above the limit
            let waited = self.counters.waited + self.counters.waited_opening > 0;
            holds("idle-limit", waited || most.is_none_or(|most| self.idle() <= most));
        }
    }

    /// A record at this tick comes up no later than `at`.
    fn is_early_enough(calendar: &Calendar, recorded: Tick, at: Instant) -> bool {
        recorded <= calendar.tick(at).max(calendar.front())
    }

    impl<I: TableIndex, T> Table<I, T> {
        fn items(&self) -> impl Iterator<Item = &T> {
            self.indices().filter_map(|index| self.get(index))
        }
    }
}

#[cfg(all(test, debug_assertions))]
mod tests;
