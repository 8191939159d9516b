//! What only a client does: sends requests, reads response heads, knows what was left unanswered.
//!
//! Read first: RFC 9112 6.3 (a response is framed by the request it answers), 9.2, 9.5 (early responses), 9.6; RFC 9110 7.5, 10.1.1,
//! 15.2 (interim responses), 7.8 (`101`), 9.3.6 (CONNECT).
//!
//! Tie-break. Octets while nothing is outstanding are no response, whatever they say: CRs and LFs are dropped, a bounded number of
//! them, anything else ends the connection without an error. What a response means is in [`answer`].

use core::ops::Deref;

use crate::announce::{Announce, Content};
use crate::answer;
use crate::config::{Client, Config, Limits, RequestHint, Timeouts};
use crate::connection::Connection;
use crate::deadline::{Deadline, DeadlineKind};
use crate::due::PeerTime;
use crate::error::{Misuse, ProtocolError, ProtocolErrorKind, SendError};
use crate::facts::Facts;
use crate::framing::Framing;
use crate::head::{Fault, FieldSection, FieldTable, Progress, Rules, Section, StatusLine};
use crate::head_facts::HeadFacts;
use crate::lifecycle::Lifecycle;
use crate::machine::{Half, Machine, flag};
use crate::message::{Event, Outcome, Received, ResponseHead, blamed_field};
use crate::octets;
use crate::output::Writer;
use crate::outstanding::{Outstanding, Pending, bit};
use crate::parking::OWN;
use crate::persistence::CloseReason;
use crate::receive::{Reading, Reads, Step};
use crate::request::{self, Request};
use crate::retry::{Evidence, Reusable, Sender, Sent, Unanswered};
use crate::send_fields::{self, Fields};
use crate::status::StatusCode;
use crate::target::Target;
use crate::teardown::Stage;
use crate::time::Instant;
use crate::upgrade::Names;

impl<const DEPTH: usize> Reads for Client<DEPTH> {
    type State = Outstanding<DEPTH>;
    const FRESH: Self::State = Outstanding::new();
    const TIMEOUTS: Timeouts = Timeouts::CLIENT;
    const FLAGS: u16 = flag::CLIENT;
    const ENDS_BEHIND: bool = true;
    const HEAD: Section = Section::Response;
    const TRAILERS: Section = Section::ResponseTrailers;

    fn awaits(state: &Self::State) -> bool {
        !state.is_empty()
    }

    fn settle(state: &mut Self::State, machine: &mut Machine, now: Instant) {
        if machine.stage != Stage::Open || machine.receiving != Half::Complete {
            return;
        }
        if state.sends_first() && machine.sending == Half::Content {
            // answered early: its content is still being sent
            return;
        }
        let now = machine.tick(now);
        state.answered(machine, now);
        if state.is_empty() && machine.is_over_age(now) {
            // it passed behind the head of the response
            machine.causes.add(CloseReason::Age);
        }
        if machine.is(flag::FINAL) || (state.is_empty() && !machine.causes.is_empty()) {
            machine.end();
        }
    }

    fn wrote(state: &mut Self::State, octets: u64) {
        state.written(octets);
    }

    fn whole(state: &mut Self::State) {
        state.whole();
    }

    fn peer_time(state: &Self::State) -> PeerTime {
        state.peer
    }

    fn left(state: &mut Self::State, machine: &mut Machine, now: Instant) {
        let now = machine.tick(now);
        state.left(machine, now);
    }

    fn pack(state: &Self::State, machine: &Machine, limits: &Limits) -> Option<[u8; OWN]> {
        // what it has carried is not kept
        if limits.max_octets.is_some() {
            return None;
        }
        state.pack(machine.exchanges)
    }

    fn unpack(own: [u8; OWN], machine: &mut Machine) -> Self::State {
        Outstanding::unpack(own, machine.exchanges)
    }

    #[inline(never)]
    fn receive_next<'b, C: Deref<Target = Config<Self>>>(
        connection: &mut Connection<Self, C>,
        now: Instant,
        buf: &'b [u8],
    ) -> Result<Received<'b>, ProtocolError> {
        let Lifecycle { config, machine, state } = &mut connection.lifecycle;
        let settings = config.settings();
        let rules = Rules { section: Section::Response, limits: &settings.limits, policy: &settings.policy };
        let (Some(&Pending { method, .. }), Stage::Open, Half::Idle) =
            (state.first(), machine.stage, machine.receiving)
        else {
            return connection.receive_next(now, buf, None);
        };
        let Some((mut progress, line)) = Progress::quick_response(rules, buf) else {
            return connection.receive_next(now, buf, None);
        };
        let mut table = FieldTable::new();
        if let Some((section, octets)) = progress.quick_section(rules, buf, &mut table) {
            let (lines, facts) = (progress.lines() as u32, &progress.facts);
            if let Some(framing) = answer::judge_plain(method, line.status, settings, facts) {
                answer::received_final(machine, state, settings, now, facts, framing, true);
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
        let Reading::Head(progress) = &mut connection.reading else { return Ok(Step::NeedMore(0)) };
        let Some(&first_octet) = buf.first() else { return Ok(Step::NeedMore(0)) };
        if connection.lifecycle.state.is_empty() {
            return Ok(connection.unsolicited(now, first_octet, buf.len()));
        }
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
                let at =
                    blamed_field(kind).and_then(|name| crate::server::place_of(buf, &head.fields, name)).unwrap_or(0);
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
            connection.reading = Reading::content(framing.length);
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
    pub fn head_received(&mut self, now: Instant, head: &HeadFacts) -> Result<Framing, ProtocolErrorKind> {
        self.response_head(now, &head.facts, head.protocols.as_ref())
    }

    /// The same; `named` are the protocols of its `Upgrade`, where it switches.
    fn response_head(
        &mut self,
        now: Instant,
        head: &Facts,
        named: Option<&Names>,
    ) -> Result<Framing, ProtocolErrorKind> {
        let settings = self.config.settings();
        let judged = answer::judge(&self.machine, &self.state, settings, head, named);
        match judged {
            Ok(framing) => answer::received(&mut self.machine, &mut self.state, settings, now, head, framing),
            Err(kind) => self.machine.fail(now, kind),
        }
        self.settle(now);
        judged
    }

    /// May this request be sent, and what must its head say? Then it counts as handed out. `fields` are the facts of its field
    /// lines.
    pub fn head_to_send(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        fields: &HeadFacts,
        content: Content,
    ) -> Result<Announce, Misuse> {
        let now = self.machine.tick(now);
        let settings = self.config.settings();
        request.check_line()?;
        self.state.check(&self.machine, settings, now)?;
        let mut plan = request::plan(&self.state, &self.machine, settings, request, content)?;
        request::check_fields(&mut plan, &fields.facts)?;
        self.state.offer(request::check_compared(Target::new(request.target, request.kind()), fields)?);
        let announce = plan.announce(settings);
        request::commit(&mut self.state, &mut self.machine, now, request, &plan, &fields.facts);
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
            Err(Misuse::Closed | Misuse::Tunnel) => Reusable::No(match self.machine.causes.first() {
                Some(reason) => reason,
                None if self.state.is_exhausted() => CloseReason::MaxHint,
                // due, though nobody has looked
                None => match self.next_deadline() {
                    Some(Deadline { kind: DeadlineKind::Age, .. }) => CloseReason::Age,
                    _ => CloseReason::IdleTimeout,
                },
            }),
            Err(misuse) => Reusable::Wait(misuse),
        }
    }

    /// The peer is known to speak HTTP/1.1, from connections before this one: requests may be pipelined at once. Not to be said
    /// behind a connection whose pipeline broke ([`pipeline_broke`](Self::pipeline_broke)): then one request goes alone first
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
        let sent = self.state.sent(&self.machine);
        self.state.iter().enumerate().map(move |(place, (request, pending))| {
            let (octets, all) = pending.octets_left(sent);
            let evidence = Evidence {
                sent: if all {
                    Sent::All
                } else if octets > 0 {
                    Sent::Some
                } else {
                    Sent::Nothing
                },
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
        let mut plan = request::plan(state, machine, settings, request, content)?;
        let mut writer = Writer::new(out);
        writer.request_line(request);
        let facts = writer.request_fields(request, fields)?;
        request::check_fields(&mut plan, &facts)?;
        if plan.is_silent() && matches!(request.target, [b'/', ..]) {
            writer.end_head();
        } else {
            let bare = match plan.hint {
                RequestHint::BareNumber => request::hint_seconds(settings),
                RequestHint::Silent | RequestHint::Ask | RequestHint::Timeout => None,
            };
            writer.announce_request(&plan.announce(settings), bare);
            // of a head that did not fit nothing is kept
            if let (Some(head), true) =
                (writer.written(), plan.options.upgrade || request.target.first() != Some(&b'/'))
            {
                self.compare(request, head)?;
            }
        }
        let written = writer.finish()?;
        let lifecycle = &mut self.lifecycle;
        request::commit(&mut lifecycle.state, &mut lifecycle.machine, now, request, &plan, &facts);
        lifecycle.wrote(now, written as u64);
        Ok(written)
    }

    /// The head of a request that was written is compared with its target, and what it offers is kept. Nothing has moved if it may not
    /// be sent.
    #[cold]
    #[inline(never)]
    fn compare(&mut self, request: &Request<'_>, head: &[u8]) -> Result<(), Misuse> {
        let lines = memchr::memchr(b'\n', head).and_then(|lf| head.get(lf + 1..)).unwrap_or_default();
        let mut facts = HeadFacts::of(Facts::new(request.kind(), request.version));
        send_fields::lines(lines).for_each(|(name, value)| facts.compared(name, value));
        let target = Target::new(request.target, request.kind());
        self.lifecycle.state.offer(request::check_compared(target, &facts)?);
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

    /// [`Lifecycle::unanswered`]
    pub fn unanswered(&self) -> impl Iterator<Item = Unanswered> + '_ {
        self.lifecycle.unanswered()
    }

    /// A final response's head is complete, behind which there is still HTTP: how its content is framed. Nothing has moved if it is
    /// another, or one that may not be what it is.
    #[inline(never)]
    fn receive_final(&mut self, now: Instant, facts: &Facts) -> Option<Framing> {
        let Lifecycle { config, machine, state } = &mut self.lifecycle;
        let settings = config.settings();
        let framing = answer::judge_final(state, settings, facts)?;
        answer::received_final(machine, state, settings, now, facts, framing, facts.has_valid_status());
        self.lifecycle.settle(now);
        self.reading = Reading::content(framing.length);
        Some(framing)
    }

    /// Octets came while nothing is outstanding (RFC 9112 9.2).
    #[cold]
    fn unsolicited(&mut self, now: Instant, first: u8, octets: usize) -> Step {
        let (machine, settings) = (&mut self.lifecycle.machine, self.lifecycle.config.settings());
        machine.tick(now);
        let state = &mut self.lifecycle.state;
        if octets::is_line_end(first) && state.strays < settings.limits.empty_lines.saturating_mul(2) {
            state.strays += 1;
            return Step::Again(1);
        }
        machine.unsolicited(now);
        Step::Again(octets)
    }
}
