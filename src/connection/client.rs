//! What only a client does: sends requests, reads response heads, knows what was left unanswered.
//!
//! Read first: RFC 9112 6.3 (a response is framed by the request it answers), 9.2, 9.5 (early responses), 9.6; RFC 9110 7.5, 10.1.1,
//! 15.2 (interim responses), 7.8 (`101`), 9.3.6 (CONNECT).
//!
//! Tie-breaks. Octets that come while nothing is outstanding, or before an octet of the oldest request has left, are no response,
//! whatever they say: they end the connection without an error. Line ends between responses are dropped, a bounded number of them,
//! before and after the next request alike; a CR waits for its LF. What a response means is in [`response_received`].

use core::ops::Deref;

use crate::config::{Client, Config, RequestHint};
use crate::connection::Connection;
use crate::connection::event::{Event, Outcome, Received};
use crate::connection::receive::{Reading, Reads, Step};
use crate::error::{Misuse, ProtocolError, ProtocolErrorKind, ReceiveError, SendError};
use crate::lifecycle::Lifecycle;
use crate::lifecycle::persistence::CloseReason;
use crate::lifecycle::pipeline::{Pending, bit};
use crate::lifecycle::request_to_send;
use crate::lifecycle::response_received;
use crate::lifecycle::retry::{Evidence, Reusable, Sender, Unanswered};
use crate::lifecycle::state::{Half, flag};
use crate::lifecycle::teardown::Stage;
use crate::message::announcement::{Announce, Content};
use crate::message::connection_facts::ConnectionFacts as Facts;
use crate::message::fields_to_send::{self, Fields};
use crate::message::framing::Framing;
use crate::message::head::{Fault, FieldSection, FieldTable, Progress, Rules, Section, StatusLine};
use crate::message::head::{ResponseHead, blamed_field};
use crate::message::head_facts::{Compared, HeadFacts};
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
        let Lifecycle { config, machine, state } = &mut connection.lifecycle;
        let settings = config.settings();
        let rules = Rules { section: Section::Response, limits: &settings.limits, policy: &settings.policy };
        // nothing waits to leave: so the request has left
        let (Some(&Pending { method, .. }), Stage::Open, Half::Idle, 0) =
            (state.first(), machine.stage, machine.receiving, machine.pending)
        else {
            return connection.receive_next(now, buf, None);
        };
        let Some((mut progress, line)) = Progress::fast_response(rules, buf) else {
            return connection.receive_next(now, buf, None);
        };
        let mut table = FieldTable::new();
        if let Some((section, octets)) = progress.fast_section(rules, buf, &mut table) {
            let (lines, facts) = (progress.lines() as u32, &progress.facts);
            if let Some(framing) = response_received::judge_plain(method, line.status, settings, facts) {
                response_received::received_final(machine, state, settings, now, facts, framing, true);
                connection.reading = Reading::Exact;
                connection.leave(octets, buf.len());
                return Ok(line.received(facts, FieldSection::of(section, table, lines), framing, octets));
            }
            if let Some(framing) = connection.receive_final(now, facts) {
                connection.leave(octets, buf.len());
                return Ok(line.received(facts, FieldSection::of(section, table, lines), framing, octets));
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
        let (machine, state) = (&connection.lifecycle.machine, &connection.lifecycle.state);
        let begins = machine.receiving == Half::Idle;
        match buf {
            [] => return Ok(Step::NeedMore(0)),
            [b'\r' | b'\n', ..] if begins => {
                if let Some(step) = connection.skip_line_end(now, buf) {
                    return Ok(step);
                }
            }
            _ if begins && !state.awaits(machine) => return Ok(connection.unsolicited(now, buf.len())),
            _ => {}
        }
        let Reading::Head(progress) = &mut connection.reading else { return Ok(Step::NeedMore(0)) };
        let settings = connection.lifecycle.config.settings();
        let machine = &mut connection.lifecycle.machine;
        machine.head_octets(now, buf.len() as u64);
        let rules = Rules { section: Section::Response, limits: &settings.limits, policy: &settings.policy };
        // read where it is returned from: a head is long to move
        *outcome = Outcome::Event(Event::Response(ResponseHead::new()));
        let Outcome::Event(Event::Response(head)) = outcome else { return Ok(Step::NeedMore(0)) };
        if let Some(table) = table {
            *head.fields.table() = table.clone();
        }
        let octets = match progress.read_response(rules, buf, head) {
            Ok(Some(octets)) => octets,
            Ok(None) => return Ok(Step::NeedMore(0)),
            Err(fault) => return Err(connection.fail(now, fault)),
        };
        let facts = progress.facts;
        // only a switch is compared with what was offered
        let named = (head.status == StatusCode::SWITCHING_PROTOCOLS)
            .then(|| Names::of(head.fields.values("upgrade").map(|value| value.as_received())));
        let framing = match connection.lifecycle.response_head(now, &facts, named.as_ref()) {
            Ok(framing) => framing,
            Err(kind) => {
                let at = blamed_field(kind)
                    .and_then(|name| crate::connection::server::place_of(buf, &head.fields, name))
                    .unwrap_or(0);
                return Err(connection.fail(now, Fault::new(kind, at)));
            }
        };
        head.framing = framing;
        connection.reading = Reading::FRESH;
        if head.status.is_interim() && head.status != StatusCode::SWITCHING_PROTOCOLS {
            if let Outcome::Event(Event::Response(head)) = core::mem::replace(outcome, Outcome::NeedMore) {
                *outcome = Outcome::Event(Event::Interim(head));
            }
        } else if connection.lifecycle.machine.stage != Stage::Tunnel {
            let limits = &connection.lifecycle.config.settings().limits;
            connection.reading = Reading::content(framing.length, limits);
        }
        Ok(Step::Done(octets))
    }
}

impl<'b> StatusLine<'b> {
    /// The head that begins with it, of so many octets.
    #[inline(always)]
    fn received(self, facts: &Facts, fields: FieldSection<'b>, framing: Framing, octets: usize) -> Received<'b> {
        let head = ResponseHead { status: self.status, reason: self.reason, version: facts.version(), fields, framing };
        Received { consumed: octets, outcome: Outcome::Event(Event::Response(head)) }
    }
}

impl<const DEPTH: usize, C: Deref<Target = Config<Client<DEPTH>>>> Lifecycle<Client<DEPTH>, C> {
    /// A response's head is complete: how its content is framed, by the first request that has no answer. An interim response is
    /// over with its head. What is wrong with it has been recorded, and the connection ends.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::Fault`]: what is wrong with it. [`ReceiveError::Ended`]: the connection ends, and what comes is to be dropped.
    /// [`ReceiveError::Misuse`]: the response before is not complete.
    pub fn head_received(&mut self, now: Instant, head: &HeadFacts) -> Result<Framing, ReceiveError> {
        self.machine.check_head()?;
        if self.machine.receiving == Half::Idle && !self.state.awaits(&self.machine) {
            self.machine.unsolicited(now);
            return Err(ProtocolErrorKind::Unsolicited.into());
        }
        Ok(self.response_head(now, &head.facts, head.compared.protocols.as_ref())?)
    }

    /// The same; `named` are the protocols of its `Upgrade`, where it switches.
    fn response_head(
        &mut self,
        now: Instant,
        head: &Facts,
        named: Option<&Names>,
    ) -> Result<Framing, ProtocolErrorKind> {
        let settings = self.config.settings();
        let judged = response_received::judge(&self.machine, &self.state, settings, head, named);
        match judged {
            Ok(framing) => {
                response_received::received(&mut self.machine, &mut self.state, settings, now, head, framing)
            }
            Err(kind) => self.machine.fail(now, kind),
        }
        self.settle(now);
        judged
    }

    /// No octet of what is pending has left: the driver's word. Octets that were handed out and are not confirmed
    /// ([`handle_sent`](Self::handle_sent)) may have left; a request of which none is confirmed is judged as sent, unless this was said
    /// before the octets, the end, the failure or the deadline that cost its answer (RFC 9110 9.2.2). It holds for what comes next, and no
    /// longer than until all that was offered has been looked at; octets handed out and `handle_sent` take it back.
    pub fn nothing_left(&mut self, now: Instant) {
        self.machine.tick(now);
        self.state.nothing_left();
    }

    /// May this request be sent, and what must its head say? Then it counts as handed out. `fields` are the facts of its field
    /// lines.
    pub fn head_to_send(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        fields: &HeadFacts,
        content: Content,
    ) -> Result<Announce, SendError> {
        let now = self.machine.tick(now);
        let settings = self.config.settings();
        request.check_line()?;
        self.state.check(&self.machine, settings, now)?;
        let mut plan = request_to_send::plan(&self.state, &self.machine, settings, request, content)?;
        request_to_send::check_fields(&mut plan, &fields.facts)?;
        self.state
            .offer(request_to_send::check_compared(Target::new(request.target, request.kind()), &fields.compared)?);
        let announce = plan.announce(settings);
        request_to_send::commit(&mut self.state, &mut self.machine, now, request, &plan, &fields.facts);
        Ok(announce)
    }

    /// May a request be sent now, and until when?
    #[inline]
    pub fn reusable(&self, now: Instant) -> Reusable {
        let settings = self.config.settings();
        let now = now.max(self.machine.latest);
        // nothing is outstanding, and nothing is due
        if let (true, Some(earliest)) = (self.state.is_empty(), self.machine.resting(settings, self.state.peer.hint)) {
            if earliest.is_after(now) && self.state.check_state(&self.machine, settings).is_ok() {
                return Reusable::Now { until: earliest.get().map(|deadline| deadline.at) };
            }
        }
        self.any_reusable(now)
    }

    #[inline(never)]
    fn any_reusable(&self, now: Instant) -> Reusable {
        match self.state.check(&self.machine, self.config.settings(), now) {
            // what is due and has not been looked at is due now
            Ok(()) => Reusable::Now { until: self.next_deadline().map(|deadline| deadline.at.max(now)) },
            Err(SendError::Ended(reason)) => Reusable::No(reason),
            Err(SendError::Misuse(Misuse::Tunnel) | SendError::OutputTooSmall { .. }) => {
                Reusable::No(CloseReason::HandedOver)
            }
            Err(SendError::Misuse(misuse)) => Reusable::Wait(misuse),
        }
    }

    /// The peer is known to speak HTTP/1.1, from connections before this one: requests may be pipelined at once. Not to be said
    /// after a connection whose pipeline broke ([`pipeline_broke`](Self::pipeline_broke)): then one request goes alone first
    /// (RFC 9112 9.3.2).
    pub fn knows_http11(&mut self) {
        self.state.is_http11 = true;
    }

    /// More than one request was outstanding when the connection ended.
    pub fn pipeline_broke(&self) -> bool {
        self.has_ended() && self.state.iter().count() > 1
    }

    /// Requests handed out on this connection.
    pub const fn requests(&self) -> u32 {
        self.state.asked()
    }

    /// The requests without a whole answer, in order, each with the evidence for a verdict: final once the connection has ended.
    pub fn unanswered(&self) -> impl Iterator<Item = Unanswered> + '_ {
        self.state.iter().enumerate().map(move |(place, (request, pending))| {
            let evidence = Evidence {
                sent: self.state.sent_of(&self.machine, pending),
                method: pending.method,
                idempotent: pending.is(bit::IDEMPOTENT),
                replayable: pending.is(bit::REPLAYABLE),
                response_begun: place == 0 && self.machine.receiving != Half::Idle,
                reused: request > 0,
                pipelined: pending.is(bit::PIPELINED),
                attempts: 0,
                sender: Sender::UserAgent,
                status: None,
                trusts_silence: false,
            };
            Unanswered { request, evidence }
        })
    }

    /// A response has begun, and is not complete.
    pub fn is_reading(&self) -> bool {
        self.machine.receiving != Half::Idle
    }

    /// The peer has closed its side.
    pub fn peer_closed(&self) -> bool {
        self.machine.is(flag::EOF)
    }

    /// The connection has ended, or is to be closed: nothing more will be answered.
    pub fn has_ended(&self) -> bool {
        !matches!(self.machine.stage, Stage::Open | Stage::Tunnel)
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
    pub fn send_request(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        fields: impl Fields,
        content: Content,
        out: &mut [u8],
    ) -> Result<usize, SendError> {
        let now = self.lifecycle.machine.tick(now);
        let settings = self.lifecycle.config.settings();
        let (machine, state) = (&self.lifecycle.machine, &self.lifecycle.state);
        request.check_line()?;
        state.check(machine, settings, now)?;
        let mut plan = request_to_send::plan(state, machine, settings, request, content)?;
        let mut writer = Writer::new(out);
        writer.request_line(request);
        let facts = writer.request_fields(request, fields)?;
        request_to_send::check_fields(&mut plan, &facts)?;
        let is_usual = plan.is_silent() && matches!(request.target, [b'/', ..]);
        if is_usual {
            writer.end_head();
        } else {
            let bare = match plan.hint {
                RequestHint::BareNumber => request_to_send::hint_seconds(settings),
                RequestHint::Silent | RequestHint::Ask | RequestHint::Timeout => None,
            };
            writer = writer.announce_request(&plan.announce(settings), bare);
        }
        // of a head that did not fit nothing is kept
        let written = writer.finish()?;
        if !is_usual && (plan.options.upgrade || request.target.first() != Some(&b'/')) {
            self.compare(request, &out[..written])?;
        }
        let lifecycle = &mut self.lifecycle;
        request_to_send::commit(&mut lifecycle.state, &mut lifecycle.machine, now, request, &plan, &facts);
        lifecycle.wrote(now, written as u64);
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
        self.lifecycle.state.offer(request_to_send::check_compared(target, &compared)?);
        Ok(())
    }

    /// [`Lifecycle::reusable`]
    pub fn reusable(&self, now: Instant) -> Reusable {
        self.lifecycle.reusable(now)
    }

    /// [`Lifecycle::knows_http11`]
    pub fn knows_http11(&mut self) {
        self.lifecycle.knows_http11();
    }

    /// [`Lifecycle::nothing_left`]: to be said before [`receive`](Self::receive), [`receive_eof`](Self::receive_eof),
    /// [`handle_timeout`](Self::handle_timeout) or [`transport_failed`](Self::transport_failed) by a driver that knows.
    ///
    /// **In which order the facts are told.** What has left is said first, then what has come: a response counts as one only where an octet
    /// of its request is known to have left. A *blocking* driver writes, says [`handle_sent`](Self::handle_sent) with the number that the
    /// call returned, and reads then; what is left in its buffer has not left, so it may say `nothing_left`. A *readiness* driver writes what
    /// it has before it reads, and says the same of a write that returned nothing. A *completion* driver takes the completions of writes
    /// before those of reads, and says `nothing_left` only while no write is under way.
    pub fn nothing_left(&mut self, now: Instant) {
        self.lifecycle.nothing_left(now);
    }

    /// [`Lifecycle::unanswered`]
    pub fn unanswered(&self) -> impl Iterator<Item = Unanswered> + '_ {
        self.lifecycle.unanswered()
    }

    /// A final response's head is complete, after which there is still HTTP: how its content is framed. Nothing has moved if it is
    /// another, or one that may not be what it is.
    #[inline(never)]
    fn receive_final(&mut self, now: Instant, facts: &Facts) -> Option<Framing> {
        let Lifecycle { config, machine, state } = &mut self.lifecycle;
        let settings = config.settings();
        let framing = response_received::judge_final(state, settings, facts)?;
        response_received::received_final(machine, state, settings, now, facts, framing, facts.has_valid_status());
        self.lifecycle.settle(now);
        self.reading = Reading::content(framing.length, &self.lifecycle.config.settings().limits);
        Some(framing)
    }

    /// Octets came that answer no request (RFC 9112 9.2).
    #[cold]
    fn unsolicited(&mut self, now: Instant, octets: usize) -> Step {
        self.lifecycle.machine.unsolicited(now);
        Step::Again(octets)
    }

    /// A line end between responses, or the first half of one (RFC 9112 2.2, 9.2); `None`: a CR alone, which a response can not begin
    /// with.
    #[cold]
    fn skip_line_end(&mut self, now: Instant, buf: &[u8]) -> Option<Step> {
        let Lifecycle { config, machine, state } = &mut self.lifecycle;
        if state.line_ends >= config.settings().limits.empty_lines {
            return Some(self.unsolicited(now, buf.len()));
        }
        machine.tick(now);
        let octets = match buf {
            [b'\r'] => return Some(Step::NeedMore(0)),
            [b'\r', b'\n', ..] => 2,
            [b'\n', ..] => 1,
            _ if state.awaits(machine) => return None,
            _ => return Some(self.unsolicited(now, buf.len())),
        };
        state.line_ends += 1;
        Some(Step::Again(octets))
    }
}
