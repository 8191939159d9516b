//! What only a client does: sends requests, reads response heads, knows what was left unanswered.
//!
//! Read first: RFC 9112 6.3 (a response is framed by the request it answers), 9.2, 9.5 (early responses), 9.6; RFC 9110 7.5, 10.1.1,
//! 15.2 (interim responses), 7.8 (`101`), 9.3.6 (CONNECT).
//!
//! Tie-breaks. Octets that come while nothing is outstanding, or before an octet of the oldest request has left, are no response,
//! whatever they say: they end the connection without an error. Line ends between responses are dropped, a bounded number of them,
//! before and after the next request alike; a CR waits for its LF. What a response means is in [`response_received`].

use core::ops::Deref;

use crate::config::{Client, Config};
use crate::connection::Connection;
use crate::connection::event::{Event, Outcome, Received};
use crate::connection::receive::{Reading, Reads, Step};
use crate::connection::server::place_of;
use crate::error::{Misuse, ProtocolError, SendError};
use crate::lifecycle::request_to_send;
use crate::lifecycle::response_received;
use crate::lifecycle::retry::{Reusable, Unanswered};
use crate::lifecycle::role::LifecycleRole;
use crate::lifecycle::state::Receiving;
use crate::lifecycle::terms::Terms;
use crate::message::announcement::Content;
use crate::message::connection_facts::ConnectionFacts;
use crate::message::fields_to_send::{self, Fields};
use crate::message::framing::Framing;
use crate::message::head::ResponseHead;
use crate::message::head::{Fault, FieldSection, FieldTable, Progress, Rules, Section, StatusLine};
use crate::message::head_facts::Compared;
use crate::message::keep_alive::KeepAlive;
use crate::message::output::{Base, Output};
use crate::message::request::Request;
use crate::message::target::Target;
use crate::message::upgrade::Names;
use crate::message::writer::Writer;
use crate::status::StatusCode;
use crate::time::Instant;

impl<const DEPTH: usize> Reads for Client<DEPTH> {
    const TRAILERS: Section = Section::ResponseTrailers;

    #[inline(never)]
    fn receive_next<'b, C: Deref<Target = Config<Self>>>(
        connection: &mut Connection<Self, C>,
        now: Instant,
        buf: &'b [u8],
    ) -> Result<Received<'b>, ProtocolError> {
        let (state, settings) = connection.lifecycle.parts();
        let rules = Rules { section: Section::Response, limits: &settings.limits, policy: &settings.policy };
        // nothing waits to leave: so the request has left
        let Some(method) = state.answered_method() else {
            return connection.receive_next(now, buf, None);
        };
        let Some((mut progress, line)) = Progress::fast_response(rules, buf) else {
            return connection.receive_next(now, buf, None);
        };
        let mut table = FieldTable::new();
        if let Some((section, octets)) = progress.fast_section(rules, buf, &mut table) {
            let (lines, facts) = (progress.lines() as u32, &progress.facts);
            if let Some(framing) = response_received::judge_plain(method, line.status, settings, facts) {
                response_received::record_final(state, settings, now, facts, framing, true);
                connection.reading = Reading::Exact;
                connection.leave(octets, buf.len());
                connection.check();
                return Ok(line.received(facts, FieldSection::of_plain(section, table, lines), framing, octets));
            }
            if let Some(framing) = connection.receive_final(now, facts) {
                connection.leave(octets, buf.len());
                connection.check();
                return Ok(line.received(facts, FieldSection::of_plain(section, table, lines), framing, octets));
            }
        }
        // what has been read of it is not read again
        connection.reading = Reading::Head(progress);
        connection.receive_next(now, buf, Some(&table))
    }

    fn receive_head<'b, C: Deref<Target = Config<Self>>>(
        connection: &mut Connection<Self, C>,
        now: Instant,
        buf: &'b [u8],
        table: Option<&FieldTable>,
        outcome: &mut Outcome<'b>,
    ) -> Result<Step, ProtocolError> {
        let state = connection.lifecycle.state();
        let begins = state.receiving() == Receiving::Idle;
        match buf {
            [] => return Ok(Step::NeedMore(0)),
            [b'\r' | b'\n', ..] if begins => {
                if let Some(step) = connection.skip_line_end(now, buf) {
                    return Ok(step);
                }
            }
            _ if begins && !Self::awaits(state) => return Ok(connection.unsolicited(now, buf.len())),
            _ => {}
        }
        let Reading::Head(progress) = &mut connection.reading else { return Ok(Step::NeedMore(0)) };
        let (state, settings) = connection.lifecycle.parts();
        state.head_octets(now, buf.len() as u64);
        let rules = Rules { section: Section::Response, limits: &settings.limits, policy: &settings.policy };
        // read where it is returned from: a head is long to move
        *outcome = Outcome::Event(Event::Response(ResponseHead::new()));
        let Outcome::Event(Event::Response(head)) = outcome else { return Ok(Step::NeedMore(0)) };
        if let Some(table) = table {
            *head.fields.table() = *table;
        }
        let octets = match progress.read_response(rules, buf, head) {
            Ok(Some(octets)) => octets,
            unfinished => {
                if let Some(status) = progress.facts.status() {
                    state.status_line(status);
                }
                return match unfinished {
                    Err(fault) => Err(connection.fail(now, fault)),
                    _ => Ok(Step::NeedMore(0)),
                };
            }
        };
        let facts = progress.facts;
        // only a switch is compared with what was offered
        let named = (head.status == StatusCode::SWITCHING_PROTOCOLS)
            .then(|| Names::of(head.fields.values("upgrade").map(|value| value.as_received())));
        let framing = match connection.lifecycle.response_head(now, &facts, octets as u32, named.as_ref()) {
            Ok(framing) => framing,
            Err(kind) => {
                let fault = Fault::new(kind, place_of(buf, &head.fields, kind));
                return Err(connection.failed(fault));
            }
        };
        head.framing = framing;
        connection.reading = Reading::FRESH;
        if head.status.is_interim() && head.status != StatusCode::SWITCHING_PROTOCOLS {
            if let Outcome::Event(Event::Response(head)) = core::mem::replace(outcome, Outcome::NeedMore) {
                *outcome = Outcome::Event(Event::Interim(head));
            }
        } else if !connection.lifecycle.state().is_tunnel() {
            let limits = connection.lifecycle.config().limits();
            connection.reading = Reading::content(framing.length, limits);
        }
        Ok(Step::Done(octets))
    }
}

impl<'b> StatusLine<'b> {
    /// The head that begins with it, of so many octets.
    #[inline(always)]
    fn received(
        self,
        facts: &ConnectionFacts,
        fields: FieldSection<'b>,
        framing: Framing,
        octets: usize,
    ) -> Received<'b> {
        let head = ResponseHead { status: self.status, reason: self.reason, version: facts.version(), fields, framing };
        Received { consumed: octets, outcome: Outcome::Event(Event::Response(head)) }
    }
}

impl<const DEPTH: usize, C: Deref<Target = Config<Client<DEPTH>>>> Connection<Client<DEPTH>, C> {
    /// Writes the head of a request, with what must be said of the connection and of the content. Its content follows by
    /// [`send_content`](Self::send_content) once [`wants`](Self::wants) says so: with `Expect: 100-continue` among the `fields`, when
    /// the server asked for it or the wait is over.
    ///
    /// The caller gives `Host` (RFC 9112 3.2), and `Upgrade`, `Expect`, `TE` if it likes; their connection options are added. `Host` is
    /// the authority of the target where that names one, `TE` never names `chunked`, and the protocols of an `Upgrade` fit into 64
    /// octets. Of one line alone [`check_field`](crate::check_field) says whether it may be sent.
    ///
    /// # Errors
    ///
    /// [`SendError::OutputTooSmall`]: the head does not fit. [`SendError::Ended`]: the connection has ended, or takes no more requests.
    /// [`SendError::Misuse`]: no request may go now, as [`reusable`](Self::reusable) says, or not this one: its method, target,
    /// version, content or fields. Nothing was written, and nothing has moved.
    pub fn send_request(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        fields: impl Fields,
        content: Content,
        out: &mut (impl Output + ?Sized),
    ) -> Result<usize, SendError> {
        self.write_request(now, request, fields, content, out.base())
    }

    fn write_request(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        fields: impl Fields,
        content: Content,
        out: &mut (impl Base + ?Sized),
    ) -> Result<usize, SendError> {
        let (state, settings) = self.lifecycle.parts();
        let now = state.tick(now);
        request.check_line()?;
        state.check_request(settings, now)?;
        let mut plan = request_to_send::judge(state, settings, request, content)?;
        let mut writer = Writer::new(&mut *out);
        writer.request_line(request);
        let facts = writer.request_fields(request, fields)?;
        request_to_send::check_fields(&mut plan, &facts)?;
        let is_usual = plan.is_silent() && matches!(request.target, [b'/', ..]);
        if is_usual {
            writer.end_head();
        } else {
            writer = writer.announce_request(&plan.announce(settings));
        }
        // of a head that did not fit nothing is kept
        let written = writer.finish()?;
        if !is_usual && (plan.options.upgrade || request.target.first() != Some(&b'/')) {
            self.compare(request, out.written(written)).inspect_err(|_| out.take_back(written))?;
        }
        let (state, settings) = self.lifecycle.parts();
        // a new exchange has no timeouts of its own yet
        state.begin_to_send(now, Terms::of(settings));
        request_to_send::record(state, now, request, &plan, &facts);
        self.lifecycle.on_written(now, written as u64);
        self.check();
        Ok(written)
    }

    /// The head of a request that was written is compared with its target, and what it offers is kept. Nothing has moved if it may not
    /// be sent.
    #[cold]
    #[inline(never)]
    fn compare(&mut self, request: &Request<'_>, head: &[u8]) -> Result<(), Misuse> {
        let lines = memchr::memchr(b'\n', head).and_then(|lf| head.get(lf + 1..)).unwrap_or_default();
        let mut compared = Compared::NONE;
        fields_to_send::split_lines(lines).for_each(|(name, value)| compared.line(name, value));
        let target = Target::new(request.target, request.kind());
        let offered = request_to_send::check_compared(target, &compared)?;
        self.lifecycle.parts().0.keep_offer(offered);
        Ok(())
    }

    /// [`Lifecycle::reusable`](crate::Lifecycle::reusable)
    pub fn reusable(&self, now: Instant) -> Reusable {
        self.lifecycle.reusable(now)
    }

    /// [`Lifecycle::knows_http11`](crate::Lifecycle::knows_http11)
    pub fn knows_http11(&mut self) {
        self.lifecycle.knows_http11();
    }

    /// [`Lifecycle::nothing_left`](crate::Lifecycle::nothing_left): to be said before [`receive`](Self::receive),
    /// [`receive_eof`](Self::receive_eof), [`handle_timeout`](Self::handle_timeout) or [`transport_failed`](Self::transport_failed) by a driver that knows.
    ///
    /// **In which order the facts are told.** What has left is said first, then what has come: a response counts as one only where an octet
    /// of its request is known to have left. A *blocking* driver writes, says [`handle_sent`](Self::handle_sent) with the number that the
    /// call returned, and reads then; what is left in its buffer has not left, so it may say `nothing_left`. A *readiness* driver writes what
    /// it has before it reads, and says the same of a write that returned nothing. A *completion* driver takes the completions of writes
    /// before those of reads, and says `nothing_left` only while no write is under way.
    pub fn nothing_left(&mut self, now: Instant) {
        self.lifecycle.nothing_left(now);
    }

    /// [`Lifecycle::peer_hint`](crate::Lifecycle::peer_hint)
    pub fn peer_hint(&self) -> KeepAlive {
        self.lifecycle.peer_hint()
    }

    /// [`Lifecycle::is_request_whole`](crate::Lifecycle::is_request_whole)
    pub fn is_request_whole(&self) -> bool {
        self.lifecycle.is_request_whole()
    }

    /// [`Lifecycle::unanswered`](crate::Lifecycle::unanswered)
    pub fn unanswered(&self) -> impl Iterator<Item = Unanswered> + '_ {
        self.lifecycle.unanswered()
    }

    /// A final response's head is complete, after which there is still HTTP: how its content is framed. Nothing has moved if it is
    /// another, or one that may not be what it is.
    #[inline(never)]
    fn receive_final(&mut self, now: Instant, facts: &ConnectionFacts) -> Option<Framing> {
        let (state, settings) = self.lifecycle.parts();
        let facts = &response_received::facts(settings, facts);
        let framing = response_received::judge_final(state, settings, facts)?;
        response_received::record_final(state, settings, now, facts, framing, facts.has_usual_status());
        Client::on_message_complete(state, now);
        self.reading = Reading::content(framing.length, &settings.limits);
        Some(framing)
    }

    /// Octets came that answer no request (RFC 9112 9.2).
    #[cold]
    fn unsolicited(&mut self, now: Instant, octets: usize) -> Step {
        self.lifecycle.parts().0.unsolicited(now);
        Step::Again(octets)
    }

    /// A line end between responses, or the first half of one (RFC 9112 2.2, 9.2); `None`: a CR alone, which a response can not begin
    /// with.
    #[cold]
    fn skip_line_end(&mut self, now: Instant, buf: &[u8]) -> Option<Step> {
        let (state, settings) = self.lifecycle.parts();
        state.tick(now);
        let octets = match buf {
            _ if !state.may_skip_line(settings) => return Some(self.unsolicited(now, buf.len())),
            [b'\r'] => return Some(Step::NeedMore(0)),
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            _ if Client::awaits(state) => return None,
            _ => return Some(self.unsolicited(now, buf.len())),
        };
        state.count_empty_line(settings);
        Some(Step::Again(octets))
    }
}
