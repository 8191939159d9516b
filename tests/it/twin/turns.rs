//! Who has waited for the longest time of those that any place would serve, and what goes for it.

use super::*;

impl World {
    /// Of the waiters that any place would serve, the first.
    pub(super) fn first_in_line(&self) -> Option<usize> {
        (0..self.waiters.len()).find(|&place| {
            let key = self.waiters[place].key;
            let wants = |waiter: &Waiter| waiter.key == key && waiter.place == Place::Wanted;
            self.waiters.iter().position(wants) == Some(place) && self.held(|other| other == key) < self.most(key).0
        })
    }

    fn is_full(&self) -> bool {
        self.config.limits().total.is_some_and(|total| self.held(|_| true) >= total as usize)
    }

    /// The waiter that was passed over as often as it may be.
    pub(super) fn turn(&self) -> Option<usize> {
        let first = self.first_in_line().filter(|_| self.is_full())?;
        let most = self.config.limits().passed_over?;
        (self.waiters[first].passed >= most).then_some(first)
    }

    /// One who stands at this place, or does not wait yet, is given an idle connection or the place of one: may it be?
    pub(super) fn may_pass(&mut self, place: Option<usize>) -> bool {
        let passes = |first: usize| place.is_none_or(|place| first < place);
        let Some(first) = self.first_in_line().filter(|&first| self.is_full() && passes(first)) else { return true };
        let may = self.turn().is_none();
        self.waiters[first].passed += u32::from(may);
        may
    }

    /// What may go for the one that has its turn: what was claimed for it, or what a later waiter would get, or take the place of.
    pub(super) fn claimable(&self) -> Vec<Id> {
        let mut all = self.claimed.clone();
        let first = self.turn().unwrap_or(0);
        let later = self.waiters.iter().skip(first + 1).filter(|waiter| waiter.place == Place::Wanted);
        for key in later.map(|waiter| waiter.key) {
            let own_idle =
                self.idle().filter(|idle| idle.key == key && self.config.policy().eviction != Eviction::Never);
            let is_at_limit = self.held(|other| other == key) == self.most(key).0;
            all.extend(own_idle.min_by_key(|idle| idle.since).filter(|_| is_at_limit).map(|idle| idle.id));
        }
        for waiter in self.waiters.iter().skip(first + 1).filter(|waiter| waiter.demand.source == Source::Any) {
            for unused in [false, true] {
                all.extend(self.choices_of(waiter.key, unused, waiter.demand.session));
            }
        }
        all.retain(|&id| self.idle().any(|idle| idle.id == id));
        all
    }

    /// One of these goes for the waiter that has its turn. Which one is known only where it is one.
    pub(super) fn claim(&mut self, ids: Vec<Id>) {
        self.claim_stands = !ids.is_empty();
        self.claimed = ids;
    }

    /// What was claimed stays so until it has gone, or nobody has a turn when the next is told.
    pub(super) fn drop_claims(&mut self) {
        if self.turn().is_none() {
            self.claim(Vec::new());
        }
    }
}
