//! The client reads: heads and content of responses, and ends.

use std::io::Write;

use http_keepalive::{HeadFacts, Instant, StatusCode, Version};

use super::asking::{asker, opened_by_user};
use super::connection::{Asked, RESPONSE_HEAD, UNARMED};
use super::events::Event;
use super::story::Fact;
use super::{Simulation, heeds, instant};

/// The facts of a response's head, of which a client hears what it heeds.
pub(super) fn response_facts(asked: &Asked, heeds: (bool, bool)) -> HeadFacts {
    let mut head = HeadFacts::response(StatusCode::OK, Version::HTTP_11).with_octets(RESPONSE_HEAD as usize);
    let mut digits = [0; 48];
    let mut line = |head: &mut HeadFacts, name: &[u8], arguments: std::fmt::Arguments<'_>| {
        let mut rest = &mut digits[..];
        rest.write_fmt(arguments).expect("it fits");
        let left = rest.len();
        head.field_line(name, &digits[..digits.len() - left]);
    };
    line(&mut head, b"Content-Length", format_args!("{}", asked.octets));
    if asked.closes {
        head.field_line(b"Connection", b"close");
    }
    if asked.keeps_alive {
        head.field_line(b"Connection", b"keep-alive");
        let (timeout, max) = heeds;
        match (asked.timeout.filter(|_| timeout), asked.max.filter(|_| max)) {
            (Some(timeout), Some(max)) => line(&mut head, b"Keep-Alive", format_args!("timeout={timeout}, max={max}")),
            (Some(timeout), None) => line(&mut head, b"Keep-Alive", format_args!("timeout={timeout}")),
            (None, Some(max)) => line(&mut head, b"Keep-Alive", format_args!("max={max}")),
            (None, None) => {}
        }
    }
    head
}

impl<const DEPTH: usize> Simulation<'_, DEPTH> {
    /// Segments are at the client; the acknowledgement goes back.
    pub(super) fn delivered(&mut self, now: u64, connection: u32, start: u32, octets: u16) {
        let one_way = self.one_way(connection);
        self.later(now + one_way, connection, Event::Acknowledged { connection, start, octets });
        let flow = &mut self.connections[connection as usize].flow;
        let start = flow.whole(start);
        let more = flow.delivered(start, octets.into());
        let is_all = flow.is_delivered();
        self.read_octets(now, connection, more as u32);
        let end = self.connections[connection as usize].server_end;
        if let (true, Some(at)) = (is_all && more > 0, end) {
            if at > now {
                self.later(at, connection, Event::EndAtClient { connection });
            } else {
                self.end_at_client(now, connection);
            }
        }
    }

    fn read_octets(&mut self, now: u64, connection: u32, mut octets: u32) {
        while octets > 0 {
            let reading = &mut self.connections[connection as usize];
            if reading.client.is_none() || reading.outstanding() == 0 {
                return;
            }
            if reading.head_left > 0 {
                let some = octets.min(reading.head_left);
                reading.head_left -= some;
                reading.is_reading = true;
                octets -= some;
                let is_whole = reading.head_left == 0;
                self.head_octets(now, connection, some, is_whole);
            } else {
                let some = octets.min(reading.content_left);
                reading.content_left -= some;
                octets -= some;
                let client = reading.client.as_mut().expect("it is open");
                client.octets_received(instant(now), some.into());
                client.content_received(instant(now), some.into()).expect("it is awaited");
                self.tell(now, connection, Fact::ContentRead { octets: some });
            }
            let reading = &self.connections[connection as usize];
            if reading.head_left == 0 && reading.content_left == 0 {
                self.response_whole(now, connection);
            }
        }
        self.arm_client(now, connection);
    }

    fn head_octets(&mut self, now: u64, connection: u32, octets: u32, is_whole: bool) {
        let heeds = heeds(&self.kind(self.connections[connection as usize].pool).preset);
        let reading = &mut self.connections[connection as usize];
        let asked = *reading.asked(0);
        let client = reading.client.as_mut().expect("it is open");
        client.octets_received(instant(now), octets.into());
        let facts = response_facts(&asked, heeds);
        if is_whole {
            client.head_received(instant(now), &facts).expect("it is a response to what was asked");
            reading.content_left = asked.octets;
        }
        if self.story.is_some() {
            let hint = super::story::Head {
                octets: asked.octets,
                closes: asked.closes,
                keeps_alive: asked.keeps_alive,
                timeout: asked.timeout.filter(|_| heeds.0),
                max: asked.max.filter(|_| heeds.1),
            };
            self.tell(now, connection, Fact::HeadRead { octets, head: is_whole.then_some(hint) });
        }
    }

    fn response_whole(&mut self, now: u64, connection: u32) {
        let reading = &mut self.connections[connection as usize];
        let asked = reading.answer();
        reading.head_left = RESPONSE_HEAD;
        reading.is_reading = false;
        let (line, user) = (reading.line, reading.user);
        self.measures.responses += 1;
        if opened_by_user(line) {
            self.users[user as usize].knows_http11 |= !self.is_http10(line);
        }
        // the connection comes back before its user asks for more, so that it is there for that
        self.exchange_over(now, connection);
        self.request_over(now, asker(line, user, &asked), &asked, true);
        // what its lifecycle ends, as after `close`
        self.ended_at_client(now, connection);
    }

    pub(super) fn end_at_client(&mut self, now: u64, connection: u32) {
        let ended = &mut self.connections[connection as usize];
        let Some(client) = &mut ended.client else { return };
        let _ = client.eof_received(instant(now));
        self.tell(now, connection, Fact::EndRead);
        self.ended_at_client(now, connection);
    }

    pub(super) fn reset_at_client(&mut self, now: u64, connection: u32) {
        let ended = &mut self.connections[connection as usize];
        let Some(client) = &mut ended.client else { return };
        client.transport_failed(instant(now));
        self.tell(now, connection, Fact::ResetRead);
        self.ended_at_client(now, connection);
    }

    /// Waits for the client's next deadline, if that comes before the one that is waited for.
    pub(super) fn arm_client(&mut self, _now: u64, connection: u32) {
        let armed = &mut self.connections[connection as usize];
        let Some(client) = &armed.client else { return };
        // of an idle one the pool keeps the time
        if client.is_idle() {
            return;
        }
        let next = client.next_deadline().map_or(UNARMED, |deadline| Instant::as_nanos(deadline.at));
        if next < armed.client_armed {
            armed.client_armed = next;
            let serial = armed.serial;
            self.events.add(next, Event::ClientDeadline { connection, serial });
        }
    }

    pub(super) fn client_due(&mut self, now: u64, connection: u32) {
        let due = &mut self.connections[connection as usize];
        due.client_armed = UNARMED;
        let Some(client) = &mut due.client else { return };
        if client.is_idle() {
            return;
        }
        let mut has_passed = false;
        while client.handle_timeout(instant(now)).is_some() {
            has_passed = true;
        }
        if client.wants_read() == http_keepalive::ReadWant::LookOnce {
            // what had come would have been read
            client.nothing_to_read(instant(now));
        }
        if has_passed {
            self.tell(now, connection, Fact::ClientTimedOut);
        }
        self.ended_at_client(now, connection);
        self.arm_client(now, connection);
    }
}
