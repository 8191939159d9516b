//! The server: requests are read one after another, each takes a processor for a while, responses go out; then what the lifecycle says.

use http_keepalive::{Announce, Content, HeadFacts, Instant, Method, ReadWant, Shut, StatusCode, Version};

use super::connection::{Line, REQUEST, RESPONSE_HEAD, Seat, UNARMED};
use super::events::Event;
use super::flow::Train;
use super::story::Fact;
use super::{Simulation, instant};

/// The facts of a request's head.
pub(super) fn request_facts(is_post: bool, is_http10: bool, closes: bool, keeps_alive: bool) -> HeadFacts {
    let method = if is_post { Method::new(b"POST") } else { Method::new(b"GET") };
    let version = if is_http10 { Version::HTTP_10 } else { Version::HTTP_11 };
    let mut head = HeadFacts::request(method, version).with_octets(REQUEST as usize);
    head.field_line(b"Host", b"site");
    if closes {
        head.field_line(b"Connection", b"close");
    }
    if keeps_alive {
        head.field_line(b"Connection", b"keep-alive");
    }
    head
}

impl<const DEPTH: usize> Simulation<'_, DEPTH> {
    pub(super) fn request_arrived(&mut self, now: u64, connection: u32) {
        let one_way = self.one_way(connection);
        let serving = &mut self.connections[connection as usize];
        match (&serving.server, serving.seat) {
            (Some(_), _) => {
                serving.arrived += 1;
                self.settle_server(now, connection);
            }
            (None, Seat::Waits) => serving.arrived += 1,
            // the socket has gone
            (None, _) => self.later(now + one_way, connection, Event::ResetAtClient { connection }),
        }
    }

    pub(super) fn end_at_server(&mut self, now: u64, connection: u32) {
        let serving = &mut self.connections[connection as usize];
        serving.client_end = Some(serving.client_resets);
        self.settle_server(now, connection);
    }

    /// Does what the server's lifecycle wants, until it waits.
    pub(super) fn settle_server(&mut self, now: u64, connection: u32) {
        let mut turns = 0;
        loop {
            turns += 1;
            debug_assert!(turns < 10_000, "the server's lifecycle wants something again and again");
            let serving = &mut self.connections[connection as usize];
            let Some(server) = &mut serving.server else { return };
            if let Some(shut) = server.wants_shut() {
                let is_over = !matches!(shut, Shut::HalfClose(_));
                server.handle_shut(instant(now));
                let why = server.ended_by();
                self.tell(now, connection, Fact::ServerShut);
                self.server_ends(now, connection, matches!(shut, Shut::Reset(_)));
                if is_over {
                    self.connections[connection as usize].server = None;
                    self.count_end(why);
                    self.leave_place(now, connection);
                }
                continue;
            }
            let read = server.wants_read();
            match (serving.arrived, read) {
                (0, ReadWant::LookOnce) => {
                    server.nothing_to_read(instant(now));
                    self.tell(now, connection, Fact::NothingToRead);
                    continue;
                }
                (1.., ReadWant::Discard) => {
                    let octets = REQUEST * u32::from(std::mem::take(&mut serving.arrived));
                    server.octets_received(instant(now), octets.into());
                    self.tell(now, connection, Fact::Dropped { octets });
                    continue;
                }
                (1.., ReadWant::LookOnce | ReadWant::Octets) if !serving.in_work && server.is_idle() => {
                    self.read_request(now, connection);
                    continue;
                }
                _ => {}
            }
            if let (Some(resets), false, 0) = (serving.client_end, serving.server_knows_end, serving.arrived) {
                serving.server_knows_end = true;
                if resets {
                    server.transport_failed(instant(now));
                } else {
                    let _ = server.eof_received(instant(now));
                }
                self.tell(now, connection, Fact::ClientEnded { resets });
                continue;
            }
            break;
        }
        self.arm_server(now, connection);
    }

    fn read_request(&mut self, now: u64, connection: u32) {
        let is_http10 = self.is_http10(self.connections[connection as usize].line);
        let machine = &self.configs.world.machine;
        let serving = &mut self.connections[connection as usize];
        serving.arrived -= 1;
        let read = usize::from(serving.read);
        let Some(server) = &mut serving.server else { return };
        server.octets_received(instant(now), REQUEST.into());
        // the client may have given up meanwhile, and what it asked for is not known any more
        let asked = if read < serving.outstanding() { *serving.asked(read) } else { Default::default() };
        let facts = request_facts(asked.is_post, is_http10, asked.closes, asked.keeps_alive);
        let Some(server) = &mut self.connections[connection as usize].server else { return };
        let is_read = server.head_received(instant(now), &facts).is_ok();
        let (is_post, closes, keeps_alive) = (asked.is_post, asked.closes, asked.keeps_alive);
        self.tell(now, connection, Fact::RequestRead { is_post, is_http10, closes, keeps_alive });
        if !is_read {
            return;
        }
        let serving = &mut self.connections[connection as usize];
        serving.read += 1;
        serving.in_work = true;
        if serving.line == Line::UserToProxy {
            return self.relay(now, connection);
        }
        let is_paid_for = std::mem::replace(&mut serving.is_paid_for, true);
        self.measures.working.change(now, 1);
        let mut nanos = self.services.time(machine.service.nanos(), machine.service_spread);
        if !is_paid_for {
            nanos += machine.accept.nanos();
        }
        self.measures.processor_nanos += u128::from(nanos);
        let done = self.site.work(now, nanos);
        self.later(done, connection, Event::ResponseMade { connection });
    }

    /// The proxy has an answer for the connection of a user, or will have none.
    pub(super) fn relayed(&mut self, now: u64, front: u32, came: bool) {
        let Some(serving) = self.connections.get_mut(front as usize) else { return };
        if serving.line != Line::UserToProxy || !serving.in_work || serving.server.is_none() || serving.read == 0 {
            return;
        }
        if !came {
            let read = usize::from(serving.read) - 1;
            if read < serving.outstanding() {
                let asked = serving.asked(read);
                (asked.octets, asked.failed) = (0, true);
            }
        }
        self.later(now, front, Event::ResponseMade { connection: front });
    }

    pub(super) fn response_made(&mut self, now: u64, connection: u32) {
        let (send_buffer, timer) = (self.configs.world.machine.send_buffer, self.timer(connection));
        let serving = &mut self.connections[connection as usize];
        let outstanding = serving.outstanding();
        let Some(read) = usize::from(serving.read).checked_sub(1).filter(|read| *read < outstanding) else { return };
        let content = serving.asked(read).octets;
        let whole = u64::from(RESPONSE_HEAD + content);
        let Some(server) = &mut serving.server else { return };
        let Ok(announce) = server.head_to_send(instant(now), StatusCode::OK, Content::Exact(content.into())) else {
            // the client has reset it
            serving.in_work = false;
            self.measures.working.change(now, -1);
            return;
        };
        server.octets_written(instant(now), whole);
        if content > 0 {
            server.content_sent(instant(now), content.into()).expect("it was announced");
        }
        said_by(&announce, serving.asked(read));
        serving.flow.write(&self.configs.flow, now, whole, timer);
        let (written, _, delivered) = serving.flow.counts();
        serving.kept_back = (written - delivered).saturating_sub(send_buffer).min(whole);
        let left = whole - serving.kept_back;
        if let (true, Some(server)) = (left > 0, &mut serving.server) {
            server.handle_sent(instant(now), left);
        }
        self.tell(now, connection, Fact::Responded { content, left });
        self.work_is_done(now, connection);
        self.send_segments(now, connection);
        self.settle_server(now, connection);
    }

    /// The response has left its worker's hands, if it has.
    fn work_is_done(&mut self, now: u64, connection: u32) {
        let serving = &mut self.connections[connection as usize];
        if serving.kept_back == 0 && serving.in_work {
            serving.in_work = false;
            if serving.line != Line::UserToProxy {
                self.measures.working.change(now, -1);
            }
        }
    }

    /// How long the sender waits for an acknowledgement.
    fn timer(&self, connection: u32) -> u64 {
        let queue = self.shared.wait(self.events.now());
        (4 * self.one_way(connection) + queue).max(self.configs.flow.least_timer)
    }

    /// Sends what the window lets go.
    fn send_segments(&mut self, now: u64, connection: u32) {
        let (one_way, timer) = (self.one_way(connection), self.timer(connection));
        let (line, user) = (self.connections[connection as usize].line, self.connections[connection as usize].user);
        let configs = self.configs;
        while let Some(train) = self.connections[connection as usize].flow.next_train(&configs.flow, now) {
            let is_shared = line != Line::UserToProxy;
            let first = match is_shared {
                true => self.shared.offer(&configs.shared_link, now, train.octets, &mut self.measures.shared),
                false => super::links::Passed { octets: train.octets, at: now },
            };
            let mut passed = first;
            if first.octets > 0 && line != Line::ProxyToServer {
                let mut carried = std::mem::take(&mut self.measures.own);
                passed = self.own_link(user, line).offer(&configs.own_link, first.at, first.octets, &mut carried);
                self.measures.own = carried;
            }
            let Train { start, octets, .. } = train;
            let again = passed.octets;
            if again > 0 {
                let (at, low, octets) = (passed.at + one_way, start as u32, again as u16);
                self.later(at, connection, Event::Delivered { connection, start: low, octets });
            }
            if again < octets {
                let flow = &mut self.connections[connection as usize].flow;
                flow.dropped(train, again);
                let overdue = now + (timer << flow.timeouts());
                let start = (start + again) as u32;
                self.later(overdue, connection, Event::SegmentsOverdue { connection, start });
            }
        }
    }

    pub(super) fn acknowledged(&mut self, now: u64, connection: u32, start: u32, octets: u16) {
        let send_buffer = self.configs.world.machine.send_buffer;
        let serving = &mut self.connections[connection as usize];
        let start = serving.flow.whole(start);
        serving.flow.acknowledged(start, octets.into());
        self.send_segments(now, connection);
        let serving = &mut self.connections[connection as usize];
        if serving.kept_back > 0 {
            let (written, _, delivered) = serving.flow.counts();
            let kept_back = (written - delivered).saturating_sub(send_buffer).min(serving.kept_back);
            let left = serving.kept_back - kept_back;
            serving.kept_back = kept_back;
            if let (Some(server), true) = (&mut serving.server, left > 0) {
                server.handle_sent(instant(now), left);
                self.tell(now, connection, Fact::Left { octets: left });
                self.work_is_done(now, connection);
                self.settle_server(now, connection);
            }
        }
    }

    pub(super) fn segments_overdue(&mut self, now: u64, connection: u32, start: u32) {
        let flow = &mut self.connections[connection as usize].flow;
        let start = flow.whole(start);
        if flow.overdue(start) {
            self.measures.timers_passed += 1;
            self.send_segments(now, connection);
        }
    }

    /// The server's end goes after the last octet.
    fn server_ends(&mut self, now: u64, connection: u32, resets: bool) {
        let at = now + self.one_way(connection) + self.shared.wait(now);
        let ending = &mut self.connections[connection as usize];
        if resets {
            return self.later(at, connection, Event::ResetAtClient { connection });
        }
        if ending.server_end.is_some() {
            return;
        }
        ending.server_end = Some(at);
        if ending.flow.is_delivered() {
            self.later(at, connection, Event::EndAtClient { connection });
        } else if !ending.flow.is_sent() {
            // it goes with the last segment
            ending.server_end = Some(now);
        }
    }

    /// Waits for the server's next deadline, if that comes before the one that is waited for.
    fn arm_server(&mut self, now: u64, connection: u32) {
        let serving = &mut self.connections[connection as usize];
        let Some(server) = &serving.server else { return };
        if let (Some(idle), true) = (&mut self.site.idle, serving.line != Line::UserToProxy) {
            let idleness = server.idleness().filter(|_| serving.arrived == 0 && !serving.yields);
            idle.set(connection, &mut serving.queued, idleness);
        }
        let next = server.next_deadline().map_or(UNARMED, |deadline| Instant::as_nanos(deadline.at));
        if next < serving.server_armed {
            serving.server_armed = next.max(now);
            let serial = serving.serial;
            self.events.add(next, Event::ServerDeadline { connection, serial });
        }
    }

    pub(super) fn server_due(&mut self, now: u64, connection: u32) {
        let due = &mut self.connections[connection as usize];
        due.server_armed = UNARMED;
        let Some(server) = &mut due.server else { return };
        let mut has_passed = false;
        while server.handle_timeout(instant(now)).is_some() {
            has_passed = true;
        }
        if server.wants_flush_once() {
            // the octets that wait are the system's to send: none has left
            server.handle_sent(instant(now), 0);
        }
        if has_passed {
            self.tell(now, connection, Fact::ServerTimedOut);
        }
        self.settle_server(now, connection);
    }
}

/// What a response's head says of its connection.
fn said_by(announce: &Announce, asked: &mut super::connection::Asked) {
    let short = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    asked.closes = announce.options.close;
    asked.keeps_alive = announce.options.keep_alive;
    asked.timeout = announce.keep_alive.and_then(|hint| hint.timeout).map(short);
    asked.max = announce.keep_alive.and_then(|hint| hint.max).map(short);
}
