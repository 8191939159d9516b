//! A pool with its driver, and a shared pool beside it.

use std::collections::{HashMap, VecDeque};

use super::*;

/// A pool with a driver: what [`SharedPool`] is there to replace.
struct Glue {
    pool: Pool<u8, u32>,
    answers: HashMap<Ticket, Got>,
    closing: VecDeque<(u32, EndReason)>,
    opened: u32,
}

/// What a request has, on the side of the driver.
enum Got {
    Lease(u32, Lease),
    Permit(Permit, Option<Ticket>),
    Ticket(Ticket),
    Refused(RefuseReason),
}

impl Glue {
    fn sort(&mut self, checkout: Checkout<u32>) -> Got {
        match checkout {
            Checkout::Reuse { id, lease, .. } => Got::Lease(id, lease),
            Checkout::Open(permit) => Got::Permit(permit, None),
            Checkout::OpenOrWait { permit, ticket } => Got::Permit(permit, Some(ticket)),
            Checkout::EvictThenOpen { victim, why, permit, ticket } => {
                self.closing.push_back((victim, why));
                Got::Permit(permit, ticket)
            }
            Checkout::Wait(ticket) => Got::Ticket(ticket),
            Checkout::Refuse(why) => Got::Refused(why),
        }
    }

    fn due(&mut self, due: Due<u32>) {
        match due {
            Due::Close { id, why } => self.closing.push_back((id, why)),
            Due::PermitOverdue(_) | Due::LeaseOverdue { .. } => {}
            Due::WaitOver { ticket, why } => drop(self.answers.insert(ticket, Got::Refused(why))),
            Due::GoOn { ticket, checkout } => {
                let got = self.sort(checkout);
                self.answers.insert(ticket, got);
            }
        }
    }

    fn settle(&mut self, now: Instant) {
        while self.pool.waiting() > 0 {
            let Some(due) = self.pool.expire(now) else { return };
            self.due(due);
        }
    }

    fn expire(&mut self, now: Instant) -> Option<(u32, EndReason)> {
        loop {
            if let Some(closing) = self.closing.pop_front() {
                return Some(closing);
            }
            let due = self.pool.expire(now)?;
            self.due(due);
        }
    }
}

/// What a request has, on both sides.
enum Both {
    Use(Lent<u8, u32>, u32, Lease),
    Open(FreePlace<u8, u32>, Permit, Option<Ticket>),
    Wait(Waiting<u8, u32>, Ticket),
}

/// The two have the same, or both nothing: what it is.
fn both(shared: Result<Handout<u8, u32>, RefuseReason>, got: Got) -> Option<Both> {
    match (shared, got) {
        (Ok(Handout::Use(lent)), Got::Lease(id, lease)) => {
            assert_eq!(*lent, id);
            Some(Both::Use(lent, id, lease))
        }
        (Ok(Handout::Open(place)), Got::Permit(permit, ticket)) => {
            assert_eq!(place.waits(), ticket.is_some());
            Some(Both::Open(place, permit, ticket))
        }
        (Ok(Handout::Wait(waiting)), Got::Ticket(ticket)) => Some(Both::Wait(waiting, ticket)),
        (Err(why), Got::Refused(refused)) => {
            assert_eq!(why, refused);
            None
        }
        (shared, _) => panic!("the pool answers otherwise than {shared:?}"),
    }
}

pub fn compare(config: &PoolConfig, calls: Vec<Call>) {
    let pool = SharedPool::<u8, u32>::new(START, config);
    let mut glue =
        Glue { pool: Pool::new(START, config), answers: HashMap::new(), closing: VecDeque::new(), opened: 0 };
    let (mut now, mut all) = (START, Vec::<Both>::new());
    for (call, one, other) in calls {
        let place = usize::from(one) % all.len().max(1);
        match (call % 16, all.is_empty()) {
            (0..6, _) | (_, true) => {
                let key = other % 4;
                let handout = match pool.checkout(now, &key, demand(one)) {
                    Handout::Refuse(why) => Err(why),
                    handout => Ok(handout),
                };
                let checkout = glue.pool.checkout(now, &key, demand(one));
                let got = glue.sort(checkout);
                all.extend(both(handout, got));
            }
            (6..12, _) => match all.swap_remove(place) {
                Both::Use(lent, id, lease) if other % 8 == 7 => {
                    assert_eq!(lent.closed(now, Ended::DeadAtReuse), id);
                    let _ = glue.pool.closed(now, lease, Ended::DeadAtReuse);
                }
                Both::Use(lent, id, lease) => {
                    let (returned, key) = (returned(other), one % 4);
                    let (checked_in, checkin) = if other % 5 == 0 {
                        (lent.checkin_as(now, &key, &returned), glue.pool.checkin_as(now, lease, &key, &returned))
                    } else {
                        (lent.checkin(now, &returned), glue.pool.checkin(now, lease, &returned))
                    };
                    let (idle, closing) = match checkin {
                        Ok(Checkin::Kept(idle)) => (Some(idle), None),
                        Ok(Checkin::KeptFor { idle, victim, why }) => (Some(idle), Some((victim, why))),
                        Ok(Checkin::Close(why)) => (None, Some((id, why))),
                        Err(Stale) => (None, Some((id, EndReason::LeaseOverdue))),
                    };
                    assert_eq!(checked_in.idle, idle);
                    assert_eq!(checked_in.to_close.map(|closing| (closing.connection, closing.why)), closing);
                }
                Both::Open(place, permit, ticket) if other % 8 == 0 => {
                    drop(place);
                    ticket.map(|ticket| glue.pool.cancel(ticket));
                    let _ = glue.pool.failed(Instant::EPOCH, permit);
                }
                Both::Open(place, permit, ticket) if other % 4 == 0 => {
                    let waiting = place.failed(now);
                    let _ = glue.pool.failed(now, permit);
                    assert_eq!(waiting.is_some(), ticket.is_some());
                    all.extend(waiting.zip(ticket).map(|(waiting, ticket)| Both::Wait(waiting, ticket)));
                }
                Both::Open(place, permit, ticket) => {
                    let id = glue.opened;
                    glue.opened += 1;
                    match (place.opened(now, id), glue.pool.opened(now, permit, id)) {
                        (Ok(lent), Ok(lease)) => all.push(Both::Use(lent, id, lease)),
                        (Err(closing), Err(Stale)) => {
                            assert_eq!(closing.why, EndReason::OpenOverdue);
                            ticket.map(|ticket| glue.pool.cancel(ticket));
                        }
                        (lent, lease) => panic!("{lent:?} and {lease:?}"),
                    }
                }
                // what was answered is taken below, so this one waits
                Both::Wait(waiting, ticket) => {
                    drop(waiting);
                    assert_eq!(glue.pool.cancel(ticket), Ok(()));
                }
            },
            (12, _) => now = now + Duration::from_millis(u64::from(one) * u64::from(other) / 8),
            (13, _) if one < 20 => {
                pool.new_generation(now);
                glue.pool.new_generation(now);
            }
            (13, _) if one < 60 => {
                pool.new_generation_of(now, &(other % 4));
                glue.pool.new_generation_of(now, &(other % 4));
            }
            (13, _) if one < 100 => {
                pool.suspended(now, Duration::from_secs(other.into()));
                glue.pool.suspended(now, Duration::from_secs(other.into()));
            }
            (13, _) if one < 103 => {
                pool.drain(now);
                glue.pool.drain(now);
            }
            _ => loop {
                let closing = pool.expire(now).map(|closing| (closing.connection, closing.why));
                assert_eq!(closing, glue.expire(now));
                if closing.is_none() {
                    break;
                }
            },
        }
        glue.settle(now);
        // all take what they were given
        for both_wait in std::mem::take(&mut all) {
            match both_wait {
                Both::Wait(mut waiting, ticket) => match (waiting.ask(now), glue.answers.remove(&ticket)) {
                    (None, None) => all.push(Both::Wait(waiting, ticket)),
                    (Some(Ok(Granted::Use(lent))), Some(got)) => all.extend(both(Ok(Handout::Use(lent)), got)),
                    (Some(Ok(Granted::Open(place))), Some(got)) => all.extend(both(Ok(Handout::Open(place)), got)),
                    (Some(Err(why)), Some(got)) => assert!(both(Err(why), got).is_none()),
                    (answer, _) => panic!("the pool answers otherwise than {answer:?}"),
                },
                Both::Open(mut place, permit, Some(ticket)) => match (place.ask(now), glue.answers.remove(&ticket)) {
                    (None, None) => all.push(Both::Open(place, permit, Some(ticket))),
                    (Some(lent), Some(got)) => {
                        all.extend(both(Ok(Handout::Use(lent)), got));
                        all.push(Both::Open(place, permit, None));
                    }
                    (None, Some(Got::Refused(_))) => all.push(Both::Open(place, permit, None)),
                    (lent, _) => panic!("the pool answers otherwise than {lent:?}"),
                },
                other => all.push(other),
            }
        }
        assert_eq!(
            (pool.idle(), pool.held(), pool.waiting(), pool.keys(), pool.is_drained()),
            (
                glue.pool.idle(),
                glue.pool.held(),
                glue.pool.waiting(),
                glue.pool.keys(),
                glue.pool.is_drained() && glue.closing.is_empty()
            )
        );
        // a generation of one key puts the clock ahead by a nanosecond each time
        let soon = |next: Option<Instant>| next.map(|next| next.max(now + Duration::from_micros(1)));
        let next = if glue.closing.is_empty() { glue.pool.next_deadline() } else { Some(now) };
        assert_eq!(soon(pool.next_deadline()), soon(next));
    }
    assert_eq!(pool.counters(), *glue.pool.counters());
}
