//! What falls due in the two pools: all of it, nothing else, and in order.

use super::*;

impl World {
    pub(super) fn wait(&mut self, choices: &mut Choices) {
        let choice = u64::from(choices.next());
        self.now += match choice % 4 {
            // a driver sleeps until something is due
            0 => self.pool.next_deadline().map_or(0, |at| at.as_nanos().saturating_sub(self.now).min(100 * SECOND)),
            1 => choice * 50_000_000,
            2 => choice,
            _ => choice % 16 * SECOND,
        };
        self.expire();
    }

    /// Everything that is due comes out, nothing else, and in order.
    pub(super) fn expire(&mut self) {
        for _ in 0..1000 {
            let late = self.is_late();
            if !late {
                self.begin_reap();
            }
            match self.pool.expire(self.at()) {
                Some(due) if late => self.follow_late(due),
                due if self.purging > 0 || self.ebbing => {
                    let rule = self.config.policy().eviction;
                    let victims = self.victims(if rule == Eviction::Never { Eviction::LongestIdle } else { rule });
                    let purging = self.purging > 0;
                    self.purging = self.purging.saturating_sub(1);
                    if victims.is_empty() {
                        (self.purging, self.ebbing) = (0, false);
                        if self.follow(due) {
                            continue;
                        }
                        return;
                    }
                    let Some(Due::Close { id, why }) = due else {
                        panic!("{due:?} though one of {victims:?} is to go")
                    };
                    assert!(victims.contains(&id), "{id} of {victims:?}");
                    assert_eq!(why, if purging { EndReason::Purge } else { EndReason::Water });
                    self.gone(id);
                }
                due => {
                    if !self.follow(due) {
                        return;
                    }
                }
            }
        }
        panic!("it never ends");
    }

    pub(super) fn lease_due(&self, connection: &Connection) -> u64 {
        connection.since.saturating_add(nanos(self.config.timeouts().lease))
    }

    /// Something is past its time.
    fn is_late(&self) -> bool {
        self.connections.iter().any(|connection| {
            self.now >= if connection.is_idle() { connection.due } else { self.lease_due(connection) }
        }) || self.permits.front().is_some_and(|opening| opening.due <= self.now)
    }

    fn begin_reap(&mut self) {
        let (idle, purge) = (self.idle().count() as u64, nanos(self.config.timeouts().purge));
        if self.purge_at <= self.now {
            self.purging = idle * u64::from(self.config.policy().purge_percent) / 100;
            self.purge_at = if idle == 0 { u64::MAX } else { self.now.saturating_add(purge) };
        }
        self.ebbing &= idle > u64::from(self.config.limits().low_water);
    }

    fn follow_late(&mut self, due: Due<Id>) {
        match due {
            Due::Close { id, why } => {
                let gone = self.gone(id);
                assert!(gone.is_idle() && gone.due <= self.now && gone.why == why, "{gone:?} for {why}");
            }
            Due::LeaseOverdue { id, lease } => {
                let gone = self.gone(id);
                assert!(gone.name == Name::Lease(lease) && self.lease_due(&gone) <= self.now);
            }
            Due::PermitOverdue(permit) => {
                let opening = self.permits.pop_front().unwrap();
                assert!(opening.permit == permit && opening.due <= self.now);
                self.stale.2.push(permit);
                self.lose_place(&opening);
            }
            due => panic!("{due:?} while something is late"),
        }
    }

    /// A waiter goes on or gives up. Whether there may be more.
    fn follow(&mut self, due: Option<Due<Id>>) -> bool {
        match due {
            Some(Due::GoOn { ticket, checkout }) => {
                self.drop_claims();
                let place = self.waiters.iter().position(|waiter| waiter.ticket == ticket).expect("a waiter");
                let Waiter { key, demand, place: wants, .. } = self.waiters[place];
                assert!(!self.draining);
                let before = || self.waiters.iter().take(place).filter(|waiter| waiter.key == key);
                assert!(
                    before().all(|waiter| waiter.place != Place::Wanted),
                    "the first of its key that wants a place"
                );
                assert!(before().all(|waiter| !self.may_be_given_idle(waiter)), "the first of its key that may use it");
                if !matches!(checkout, Checkout::Reuse { .. }) {
                    assert_eq!(wants, Place::Wanted, "nobody is given two places");
                    if self.held(|other| other == key) < self.most(key).0 {
                        assert_eq!(self.first_in_line(), Some(place), "of those that any place serves, the first");
                    }
                }
                self.overtaken += u64::from(wants == Place::Given);
                match self.judge(key, demand, Some(place), waits_meanwhile(demand), &checkout) {
                    // the same place in the queue under another name
                    Ok(Some(next)) => (self.waiters[place].ticket, self.waiters[place].place) = (next, Place::Given),
                    Ok(None) => drop(self.waiters.remove(place)),
                    Err(why) => panic!("{checkout:?} where none may be had: {why:?}"),
                }
                self.stale.3.push(ticket);
                true
            }
            Some(Due::WaitOver { ticket, why }) => {
                self.drop_claims();
                let place = if why == RefuseReason::OpenFailed {
                    self.waiters.iter().position(|waiter| waiter.ticket == ticket).expect("a waiter")
                } else {
                    0
                };
                let waiter = self.waiters.remove(place).expect("a waiter");
                assert_eq!(waiter.ticket, ticket);
                match why {
                    RefuseReason::Drain => assert!(self.draining),
                    RefuseReason::OpenFailed => {
                        assert!(waiter.place == Place::Lost && self.held(|other| other == waiter.key) == 0);
                    }
                    why => assert!(why == RefuseReason::WaitTimeout && waiter.due <= self.now && !self.draining),
                }
                self.stale.3.push(ticket);
                true
            }
            Some(due) => panic!("{due:?} while nothing is late"),
            None => {
                assert!(!self.draining || self.waiters.is_empty());
                assert!(self.waiters.front().is_none_or(|waiter| waiter.due > self.now));
                for place in 0..self.waiters.len() {
                    assert!(!self.may_go_on(place), "waiter {place} may go on: {self:?}");
                    let Waiter { key, place, .. } = self.waiters[place];
                    assert!(place != Place::Lost || self.held(|other| other == key) > 0, "nothing is left to come");
                }
                assert!(!self.claim_stands || self.turn().is_none(), "one goes for the waiter that has its turn");
                self.claim(Vec::new());
                self.ready.clear();
                let next = self.pool.next_deadline().map_or(u64::MAX, Instant::as_nanos);
                let connections = self
                    .connections
                    .iter()
                    .map(|connection| if connection.is_idle() { connection.due } else { self.lease_due(connection) });
                let permits = self.permits.iter().map(|opening| opening.due);
                let waiters = self.waiters.iter().map(|waiter| waiter.due);
                let first = connections.chain(permits).chain(waiters).chain([self.purge_at]).min();
                assert!(next > self.now, "due at once though nothing is");
                assert!(next <= first.unwrap_or(u64::MAX), "{next} is later than {first:?}");
                false
            }
        }
    }

    /// Is there anything for this waiter, if nobody of its key who wants a place came before it?
    fn may_go_on(&self, place: usize) -> bool {
        let waiter = &self.waiters[place];
        let key = waiter.key;
        if self.waiters.iter().take(place).any(|other| other.key == key && other.place == Place::Wanted) {
            return false;
        }
        if self.may_be_given_idle(waiter) {
            return true;
        }
        if waiter.place != Place::Wanted {
            return false;
        }
        let (own, all, (most, _)) = (self.held(|other| other == key), self.held(|_| true), self.most(key));
        let total = self.config.limits().total.map_or(usize::MAX, |total| total as usize);
        let rule = self.config.policy().eviction;
        if own >= most {
            let mut own_idle = self.idle().filter(|idle| idle.key == key);
            return own == most && all <= total && own_idle.any(|idle| rule != Eviction::Never || idle.due <= self.now);
        }
        all < total || rule != Eviction::Never && !self.victims(rule).is_empty()
    }
}
