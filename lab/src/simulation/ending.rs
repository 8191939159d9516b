//! The ends of a client's connections: closed by itself, by its peer, by its user; and what becomes of requests without an answer.

use http_keepalive::pool::{Demand, Ended, Readable, Source};
use http_keepalive::presets::Repeats;
use http_keepalive::retry::{Advice, Sent, Unanswered};
use http_keepalive::{CloseReason, Shut};

use super::asking::{Asker, asker, opened_by_user};
use super::connection::{Asked, Held};
use super::events::Event;
use super::story::Fact;
use super::{PROXY, Simulation, instant};

impl<const DEPTH: usize> Simulation<'_, DEPTH> {
    /// The client closes: what is left of it is an end on its way.
    pub(super) fn close_client(&mut self, now: u64, connection: u32) {
        let closing = &mut self.connections[connection as usize];
        let Some(client) = &mut closing.client else { return };
        client.close_after_exchange(instant(now));
        if client.wants_shut().is_none() {
            client.abort(instant(now));
        }
        self.tell(now, connection, Fact::ClientCloses);
        self.shut_client(now, connection);
    }

    /// Does what the client's lifecycle wants of its socket, if it wants it closed.
    pub(super) fn shut_client(&mut self, now: u64, connection: u32) {
        let one_way = self.one_way(connection);
        let closing = &mut self.connections[connection as usize];
        let Some(client) = &mut closing.client else { return };
        match client.wants_shut() {
            Some(Shut::Close(_) | Shut::HalfClose(_)) => {}
            Some(Shut::Reset(_)) => closing.client_resets = true,
            None => return,
        }
        client.handle_shut(instant(now));
        closing.client = None;
        self.later(now + one_way, connection, Event::EndAtServer { connection });
    }

    /// The pool has forgotten an idle connection.
    pub(super) fn close_idle(&mut self, now: u64, connection: u32) {
        self.connections[connection as usize].held = Held::Not;
        self.close_client(now, connection);
        self.forget_if_over(connection);
    }

    /// The connection has ended at its client, by the peer or by the network; the lifecycle has been told.
    pub(super) fn ended_at_client(&mut self, now: u64, connection: u32) {
        let ended = &mut self.connections[connection as usize];
        let Some(client) = &ended.client else { return };
        if !client.has_ended() {
            return;
        }
        let (pool, line, user) = (ended.pool, ended.line, ended.user);
        let reason = client.ended_by();
        let unanswered: Vec<Unanswered> = client.unanswered().collect();
        let is_broken = client.pipeline_broke();
        let was_reused = ended.answered > 0 && !ended.is_reading;
        let held = std::mem::replace(&mut ended.held, Held::Not);
        let asked: Vec<Asked> = (0..ended.outstanding()).map(|number| *ended.asked(number)).collect();
        debug_assert!(asked.len() == unanswered.len(), "the lifecycle knows of other requests");
        self.shut_client(now, connection);
        match held {
            Held::Leased(lease) => {
                let how = Ended::of_machine(reason, was_reused);
                let _ = self.pools[pool as usize].pool.closed(instant(now), lease, how);
            }
            Held::Idle(idle) => {
                let _ = self.pools[pool as usize].pool.readable_while_idle(instant(now), idle, Readable::End);
            }
            Held::Opening(_) | Held::Not => {}
        }
        self.mark_dirty(pool);
        if opened_by_user(line) {
            self.no_more_in_use(user, line, connection);
            self.users[user as usize].knows_http11 &= !is_broken;
        }
        for (asked, unanswered) in asked.into_iter().zip(unanswered).rev() {
            self.unanswered(now, pool, asker(line, user, &asked), asked, unanswered);
        }
        if opened_by_user(line) {
            self.ask_more(now, user);
        }
    }

    /// A request has no answer: it is repeated, or lost.
    fn unanswered(&mut self, now: u64, pool: u32, asker: Asker, asked: Asked, left: Unanswered) {
        self.measures.unanswered += 1;
        let preset = &self.kind(pool).preset;
        let evidence = left.evidence.after(asked.tries.into()).after_reused(asked.reused_tries.into());
        let tries = preset.attempts.unwrap_or(u8::MAX);
        let evidence = evidence.with_budget(tries.max(1));
        let repeats = match preset.repeats {
            Repeats::Nothing => false,
            Repeats::NeverStarted => evidence.sent == Sent::Nothing,
            Repeats::Idempotent => evidence.verdict().advice == Advice::Retry,
            Repeats::Any => !evidence.response_begun && evidence.reused && asked.tries + 1 < tries,
            _ => false,
        };
        let again = Asked {
            tries: asked.tries.saturating_add(1),
            reused_tries: asked.reused_tries + u8::from(evidence.reused),
            closes: false,
            keeps_alive: false,
            ..asked
        };
        if !repeats {
            self.measures.lost += 1;
            return self.request_over(now, asker, &asked, false);
        }
        self.measures.repeated += 1;
        match asker {
            Asker::User(user) => self.users[user as usize].again.push((again, preset.repeats != Repeats::Any)),
            Asker::Proxy(front) => {
                let Some(front_connection) = self.connections.get_mut(front as usize) else { return };
                let read = usize::from(front_connection.read);
                if read == 0 || read > front_connection.outstanding() {
                    return;
                }
                let of_user = front_connection.asked(read - 1);
                (of_user.relays, of_user.reused_relays) = (again.tries, again.reused_tries);
                let demand = Demand::DEFAULT.with_source(Source::New);
                let answer = self.pools[PROXY].pool.checkout(instant(now), &0, demand);
                self.go_on(now, PROXY as u32, Asker::Proxy(front), 0, answer);
            }
        }
    }

    /// A user leaves a page that takes too long: what is under way is cut.
    pub(super) fn give_up_connections(&mut self, now: u64, user: u32) {
        let in_use = std::mem::take(&mut self.users[user as usize].in_use);
        for connection in in_use {
            let cut = &mut self.connections[connection as usize];
            let pool = cut.pool;
            match std::mem::replace(&mut cut.held, Held::Not) {
                Held::Opening(permit) => drop(self.pools[pool as usize].pool.failed(instant(now), permit)),
                Held::Leased(lease) => {
                    self.measures.unanswered += cut.outstanding() as u64;
                    self.measures.lost += cut.outstanding() as u64;
                    let _ = self.pools[pool as usize].pool.closed(instant(now), lease, Ended::ByUs);
                }
                Held::Idle(_) | Held::Not => {}
            }
            self.mark_dirty(pool);
            let cut = &mut self.connections[connection as usize];
            if let Some(client) = &mut cut.client {
                client.abort(instant(now));
                self.tell(now, connection, Fact::ClientAborts);
                self.shut_client(now, connection);
            }
            self.forget_if_over(connection);
        }
    }

    /// Why the server's side of a connection ended.
    pub(super) fn count_end(&mut self, why: Option<CloseReason>) {
        self.measures.ended(why);
    }
}
