//! Which connection carries a request: the pool's answer, done. Also pipelining, repeating, and the ends of a client's connections.

use http_keepalive::pool::{Checkin, Checkout, Demand, Due, Peer, Returned, Session, Source};
use http_keepalive::{Content, Instant, Lifecycle, Method, Request, Reusable, Version};

use super::connection::{Asked, Connection, Held, Line, REQUEST, UNARMED};
use super::events::Event;
use super::story::Fact;
use super::{PROXY, Simulation, instant};

/// For whom a connection is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    User(u32),
    /// The proxy, for this connection of a user.
    Proxy(u32),
}

impl<const DEPTH: usize> Simulation<'_, DEPTH> {
    /// The user asks for all that may be asked for now.
    pub(super) fn ask_more(&mut self, now: u64, user: u32) {
        let pool = self.users[user as usize].pool;
        let mut turns = 0;
        while self.users[user as usize].ticket.is_none() {
            turns += 1;
            debug_assert!(turns < 100_000, "a user asks again and again");
            let (key, anew) = match self.users[user as usize].again.last() {
                Some(&(_, anew)) => (self.key_of_repeated(user), anew),
                None => match self.next_to_ask(user) {
                    Some((_, key)) => (key, false),
                    None => break,
                },
            };
            let source = if anew { Source::New } else { Source::Any };
            let peer = if self.configs.world.proxy.is_some() { Peer::Proxy } else { Peer::Origin };
            let demand = Demand::DEFAULT.with_source(source).with_peer(peer);
            let answer = self.pools[pool as usize].pool.checkout(instant(now), &key, demand);
            self.mark_dirty(pool);
            self.go_on(now, pool, Asker::User(user), key, answer);
        }
        if DEPTH > 1 {
            self.fill_pipelines(now, user);
        }
        self.stop_waiting_if_content(user);
    }

    /// Repeated requests go to the first site: where sites differ they are asked for by whichever connection there is.
    fn key_of_repeated(&self, user: u32) -> u32 {
        user * u32::from(self.configs.world.users.sites)
    }

    fn stop_waiting_if_content(&mut self, user: u32) {
        let one = &self.users[user as usize];
        if one.ticket.is_some() && one.again.is_empty() && one.next.is_none() && one.to_ask == 0 {
            self.stop_waiting(user);
        }
    }

    pub(super) fn stop_waiting(&mut self, user: u32) {
        let pool = self.users[user as usize].pool as usize;
        if let Some(ticket) = self.users[user as usize].ticket.take() {
            self.pools[pool].waiting.remove(&ticket);
            let cancelled = self.pools[pool].pool.cancel(ticket);
            debug_assert!(cancelled.is_ok(), "a ticket was answered and kept");
            self.mark_dirty(pool as u32);
        }
    }

    /// Does what the pool answers.
    pub(super) fn go_on(&mut self, now: u64, pool: u32, asker: Asker, key: u32, answer: Checkout<u32>) {
        let permit = match answer {
            Checkout::Reuse { id, lease, .. } => {
                // its end would have been seen as it came: that is the look
                self.connections[id as usize].held = Held::Leased(lease);
                return self.send_first(now, id, asker);
            }
            Checkout::Wait(ticket) | Checkout::OpenOrWait { ticket, .. } => {
                let waiter = match asker {
                    Asker::User(user) => {
                        self.users[user as usize].ticket = Some(ticket.clone());
                        user
                    }
                    Asker::Proxy(front) => front,
                };
                self.pools[pool as usize].waiting.insert(ticket, waiter);
                return;
            }
            Checkout::Refuse(_) => return self.cannot_ask(now, asker),
            Checkout::EvictThenOpen { victim, permit, .. } => {
                self.close_idle(now, victim);
                permit
            }
            Checkout::Open(permit) => permit,
        };
        let (line, user) = match asker {
            Asker::Proxy(_) => (Line::ProxyToServer, 0),
            Asker::User(user) if self.configs.world.proxy.is_some() => (Line::UserToProxy, user),
            Asker::User(user) => (Line::UserToServer, user),
        };
        let mut connection = Connection::new(&self.configs.flow, line, user, pool, key, Held::Opening(permit));
        connection.serial = (self.measures.opened + self.measures.back_opened) as u32;
        let connection = self.connections.insert(connection) as u32;
        self.measures.open.change(now, 1);
        match asker {
            Asker::User(user) => {
                self.users[user as usize].connections += 1;
                self.users[user as usize].in_use.push(connection);
                self.measures.opened += 1;
            }
            Asker::Proxy(_) => self.measures.back_opened += 1,
        }
        // the request that it is opened for
        if let Some(asked) = self.take_next(asker) {
            self.connections[connection as usize].ask(asked);
        }
        let arrives = now + self.one_way(connection);
        self.later(arrives, connection, Event::OpeningArrived { connection });
    }

    /// What the asker asks for next: then it counts as asked for.
    fn take_next(&mut self, asker: Asker) -> Option<Asked> {
        match asker {
            Asker::User(user) => match self.users[user as usize].again.pop() {
                Some((asked, _)) => Some(asked),
                None => {
                    let (asked, _) = self.next_to_ask(user)?;
                    self.asked_for(user);
                    Some(asked)
                }
            },
            Asker::Proxy(front) => {
                let front_connection = self.connections.get_mut(front as usize)?;
                let read = usize::from(front_connection.read).checked_sub(1)?;
                let asked = *front_connection.asked(read);
                Some(Asked { on_behalf: front, tries: asked.relays, reused_tries: asked.reused_relays, ..asked })
            }
        }
    }

    fn cannot_ask(&mut self, now: u64, asker: Asker) {
        let Some(asked) = self.take_next(asker) else { return };
        self.request_over(now, asker, &asked, false);
    }

    /// A request has come to its end, with an answer or without.
    pub(super) fn request_over(&mut self, now: u64, asker: Asker, asked: &Asked, came: bool) {
        match asker {
            Asker::User(user) => self.part_done(now, user, asked, came && !asked.failed),
            Asker::Proxy(front) => self.relayed(now, front, came),
        }
    }

    /// The proxy asks for what the connection of a user wants.
    pub(super) fn relay(&mut self, now: u64, front: u32) {
        let session = match self.connections[front as usize].answered {
            0 => Session::First,
            _ => Session::Later,
        };
        let demand = Demand::DEFAULT.with_session(session);
        let answer = self.pools[PROXY].pool.checkout(instant(now), &0, demand);
        self.mark_dirty(PROXY as u32);
        self.go_on(now, PROXY as u32, Asker::Proxy(front), 0, answer);
    }

    /// The connection is there, at the client.
    pub(super) fn opened(&mut self, now: u64, connection: u32) {
        let one_way = self.one_way(connection);
        let opened = &mut self.connections[connection as usize];
        let Held::Opening(permit) = std::mem::replace(&mut opened.held, Held::Not) else {
            // its user has given up
            opened.client_resets = true;
            return self.later(now + one_way, connection, Event::EndAtServer { connection });
        };
        let pool = opened.pool;
        let config = &self.configs.kinds[self.pools[pool as usize].kind].config;
        let mut client = Lifecycle::new(instant(now), config);
        let knows_http11 = match opened.line {
            Line::ProxyToServer => true,
            _ => self.users[opened.user as usize].knows_http11,
        };
        if knows_http11 {
            client.knows_http11();
        }
        opened.client = Some(client);
        let lease =
            self.pools[pool as usize].pool.opened(instant(now), permit, connection).expect("permits do not end");
        opened.held = Held::Leased(lease);
        self.mark_dirty(pool);
        self.tell(now, connection, Fact::Opened { knows_http11 });
        let opened = &mut self.connections[connection as usize];
        if opened.outstanding() > 0 {
            let user = opened.user;
            self.send(now, connection, 0);
            if opened_by_user(self.connections[connection as usize].line) && DEPTH > 1 {
                self.fill_pipelines(now, user);
                self.stop_waiting_if_content(user);
            }
        } else {
            self.check_in(now, connection);
        }
    }

    /// Nobody accepts it.
    pub(super) fn opening_refused(&mut self, now: u64, connection: u32) {
        let refused = &mut self.connections[connection as usize];
        let Held::Opening(permit) = std::mem::replace(&mut refused.held, Held::Not) else { return };
        let (pool, line, user) = (refused.pool, refused.line, refused.user);
        let asked = (refused.outstanding() > 0).then(|| *refused.asked(0));
        self.measures.refused += 1;
        self.no_more_in_use(user, line, connection);
        let _ = self.pools[pool as usize].pool.failed(instant(now), permit);
        self.mark_dirty(pool);
        if let Some(asked) = asked {
            let asker = asker(line, user, &asked);
            self.request_over(now, asker, &asked, false);
        }
    }

    /// A connection has been lent: its first request goes.
    fn send_first(&mut self, now: u64, connection: u32, asker: Asker) {
        let Some(asked) = self.take_next(asker) else { return self.check_in(now, connection) };
        self.connections[connection as usize].ask(asked);
        let number = self.connections[connection as usize].outstanding() - 1;
        self.send(now, connection, number);
        if let Asker::User(user) = asker {
            self.users[user as usize].in_use.push(connection);
        }
    }

    /// Sends the request after so many others that are outstanding.
    fn send(&mut self, now: u64, connection: u32, number: usize) {
        let is_http10 = self.is_http10(self.connections[connection as usize].line);
        let one_way = self.one_way(connection);
        let sending = &mut self.connections[connection as usize];
        let is_post = sending.asked(number).is_post;
        let client = sending.client.as_mut().expect("a connection that was lent is open");
        let method = if is_post { Method::new(b"POST") } else { Method::new(b"GET") };
        let version = if is_http10 { Version::HTTP_10 } else { Version::HTTP_11 };
        let request = Request::new(method, b"/").with_version(version);
        let announce = client
            .head_to_send(instant(now), &request, &self.configs.own_fields, Content::Empty)
            .expect("the lifecycle said that it may go");
        client.octets_written(instant(now), REQUEST.into());
        client.handle_sent(instant(now), REQUEST.into());
        let asked = sending.asked(number);
        (asked.closes, asked.keeps_alive) = (announce.options.close, announce.options.keep_alive);
        self.measures.requests += 1;
        self.tell(now, connection, Fact::Asked { is_post, is_http10 });
        self.arm_client(now, connection);
        self.later(now + one_way, connection, Event::RequestArrived { connection });
    }

    /// Further requests go on connections in use, on that with the fewest outstanding first.
    fn fill_pipelines(&mut self, now: u64, user: u32) {
        let depth = self.kind(self.users[user as usize].pool).preset.depth.into();
        while self.users[user as usize].again.is_empty() {
            let Some((asked, key)) = self.next_to_ask(user) else { return };
            let in_use = self.users[user as usize].in_use.iter();
            let least = in_use.map(|&id| (self.connections[id as usize].outstanding(), id));
            let may = |id: u32| {
                let connection = &self.connections[id as usize];
                let client = connection.client.as_ref();
                connection.key == key
                    && client.is_some_and(|client| matches!(client.reusable(instant(now)), Reusable::Now { .. }))
            };
            let least = least.filter(|&(outstanding, id)| outstanding < depth && outstanding < DEPTH && may(id)).min();
            // what may not be repeated goes alone
            let Some((_, connection)) = least.filter(|_| !asked.is_post) else { return };
            self.asked_for(user);
            self.connections[connection as usize].ask(asked);
            let number = self.connections[connection as usize].outstanding() - 1;
            self.send(now, connection, number);
        }
    }

    /// An exchange is over: another request goes on the same connection, or it comes back to its pool.
    pub(super) fn exchange_over(&mut self, now: u64, connection: u32) {
        let over = &self.connections[connection as usize];
        let (outstanding, user) = (over.outstanding(), over.user);
        if DEPTH > 1 && opened_by_user(over.line) && outstanding > 0 {
            self.fill_pipelines(now, user);
            self.stop_waiting_if_content(user);
        }
        if self.connections[connection as usize].outstanding() == 0 {
            self.check_in(now, connection);
        }
    }

    fn check_in(&mut self, now: u64, connection: u32) {
        let back = &mut self.connections[connection as usize];
        let Held::Leased(lease) = std::mem::replace(&mut back.held, Held::Not) else { return };
        let (pool, user, line) = (back.pool, back.user, back.line);
        let client = back.client.as_ref().expect("what was lent is open");
        let (_, _, octets) = back.flow.counts();
        let returned = Returned::of_machine(client.persistence(), client.reusable(instant(now))).with_octets(octets);
        let answer = self.pools[pool as usize].pool.checkin(instant(now), lease, &returned).expect("leases do not end");
        self.mark_dirty(pool);
        self.no_more_in_use(user, line, connection);
        match answer {
            Checkin::Kept(idle) => self.connections[connection as usize].held = Held::Idle(idle),
            Checkin::KeptFor { idle, victim, .. } => {
                self.connections[connection as usize].held = Held::Idle(idle);
                self.close_idle(now, victim);
            }
            Checkin::Close(_) => self.close_client(now, connection),
        }
        // the pool tells first who waits there
        if opened_by_user(line) && self.users[user as usize].ticket.is_none() {
            self.ask_more(now, user);
        }
    }

    pub(super) fn no_more_in_use(&mut self, user: u32, line: Line, connection: u32) {
        if opened_by_user(line) {
            self.users[user as usize].in_use.retain(|&other| other != connection);
        }
    }

    pub(super) fn mark_dirty(&mut self, pool: u32) {
        let seat = &mut self.pools[pool as usize];
        if !seat.is_dirty {
            seat.is_dirty = true;
            self.dirty_pools.push(pool);
        }
    }

    pub(super) fn pool_due(&mut self, _now: u64, pool: u32) {
        self.pools[pool as usize].armed = UNARMED;
        self.mark_dirty(pool);
    }

    /// Lets what is due in a pool come out of it.
    pub(super) fn turn_pool(&mut self, now: u64, pool: u32) {
        self.pools[pool as usize].is_dirty = false;
        while let Some(due) = self.pools[pool as usize].pool.expire(instant(now)) {
            match due {
                Due::Close { id, .. } => self.close_idle(now, id),
                Due::GoOn { ticket, checkout } => {
                    let waiter = self.pools[pool as usize].waiting.remove(&ticket).expect("who waits is known");
                    if pool as usize == PROXY {
                        self.go_on(now, pool, Asker::Proxy(waiter), 0, checkout);
                    } else {
                        self.users[waiter as usize].ticket = None;
                        let key = match self.users[waiter as usize].again.is_empty() {
                            true => self.next_to_ask(waiter).map_or(0, |(_, key)| key),
                            false => self.key_of_repeated(waiter),
                        };
                        self.go_on(now, pool, Asker::User(waiter), key, checkout);
                        self.ask_more(now, waiter);
                    }
                }
                Due::WaitOver { ticket, .. } => {
                    let waiter = self.pools[pool as usize].waiting.remove(&ticket).expect("who waits is known");
                    let asker = if pool as usize == PROXY { Asker::Proxy(waiter) } else { Asker::User(waiter) };
                    if let Asker::User(user) = asker {
                        self.users[user as usize].ticket = None;
                    }
                    self.cannot_ask(now, asker);
                }
                Due::PermitOverdue(_) | Due::LeaseOverdue { .. } => debug_assert!(false, "these timeouts are off"),
            }
        }
        let seat = &mut self.pools[pool as usize];
        let next = seat.pool.next_deadline().map_or(UNARMED, Instant::as_nanos);
        if next < seat.armed {
            seat.armed = next;
            self.events.add(next, Event::PoolDeadline { pool });
        }
    }
}

/// A user has it, and not the proxy.
pub(super) fn opened_by_user(line: Line) -> bool {
    line != Line::ProxyToServer
}

/// For whom a request was sent on this line.
pub(super) fn asker(line: Line, user: u32, asked: &Asked) -> Asker {
    match line {
        Line::ProxyToServer => Asker::Proxy(asked.on_behalf),
        _ => Asker::User(user),
    }
}
