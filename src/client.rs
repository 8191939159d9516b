//! What only a client does: sends requests, reads response heads, knows what was left unanswered.
//!
//! Read first: RFC 9112 6.3 (a response is framed by the request it answers), 9.2, 9.5 (early responses), 9.6; RFC 9110 7.5, 10.1.1,
//! 15.2 (interim responses), 7.8 (`101`), 9.3.6 (CONNECT).
//!
//! Tie-breaks. A response that comes before the content of its request is sent: held back for `100 (Continue)`, the content is
//! not sent at all where the status is 300 or above, for it is not wanted; on its way, it is stopped where the response says
//! `close`, and goes on otherwise. Octets while nothing is outstanding are no response, whatever they say: CRs and LFs are
//! dropped, a bounded number of them, anything else ends the connection without an error.

use core::ops::Deref;

use crate::announce::{Announce, Content};
use crate::config::{Client, Config, Limits, RequestHint, Settings};
use crate::connection::Connection;
use crate::deadline::{Deadline, DeadlineKind};
use crate::due::PeerTime;
use crate::error::ProtocolErrorKind::{self, ContentTooLarge};
use crate::error::{Misuse, ProtocolError, SendError};
use crate::exchange::{Half, Machine, flag};
use crate::facts::HeadFacts;
use crate::framing::{self, BodyLength, Framing, FramingRule};
use crate::head::{Fault, Rules, Section};
use crate::lifecycle::Lifecycle;
use crate::message::{Event, Outcome, ResponseHead, blamed_field};
use crate::method::MethodKind;
use crate::octets;
use crate::output::Writer;
use crate::outstanding::{Outstanding, bit};
use crate::parking::OWN;
use crate::persistence::{self, CloseReason, Persistence};
use crate::receive::{Reading, Reads, Step};
use crate::request::{self, Request};
use crate::retry::{Evidence, Reusable, Sender, Sent, Unanswered};
use crate::send_fields::Fields;
use crate::status::StatusCode;
use crate::teardown::Stage;
use crate::time::Instant;

impl<const DEPTH: usize> Reads for Client<DEPTH> {
    type State = Outstanding<DEPTH>;
    const FRESH: Self::State = Outstanding::new();
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

    fn receive_head<'b, C: Deref<Target = Config<Self>>>(
        connection: &mut Connection<Self, C>,
        now: Instant,
        buf: &'b [u8],
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
        let octets = match progress.read_response(rules, buf, head) {
            Ok(Some(octets)) => octets,
            Ok(None) => return Ok(Step::NeedMore(0)),
            Err(fault) => return Err(connection.fail(now, fault)),
        };
        let facts = progress.facts;
        let framing = match connection.lifecycle.head_received(now, &facts) {
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

impl<const DEPTH: usize, C: Deref<Target = Config<Client<DEPTH>>>> Lifecycle<Client<DEPTH>, C> {
    /// A response's head is complete: how its content is framed, by the first request that has no answer. An interim response is
    /// over with its head. What is wrong with it has been recorded, and the connection ends.
    pub fn head_received(&mut self, now: Instant, head: &HeadFacts) -> Result<Framing, ProtocolErrorKind> {
        let settings = self.config.settings();
        let judged = judge(&self.machine, &self.state, settings, head);
        match judged {
            Ok(framing) => received(&mut self.machine, &mut self.state, settings, now, head, framing),
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
        request::check_fields(&mut plan, fields)?;
        let announce = plan.announce(settings);
        request::commit(&mut self.state, &mut self.machine, now, request, &plan, fields);
        Ok(announce)
    }

    /// May a request be sent now, and until when?
    pub fn reusable(&self, now: Instant) -> Reusable {
        let now = now.max(self.machine.latest);
        match self.state.check(&self.machine, self.config.settings(), now) {
            Ok(()) => Reusable::Now { until: self.next_deadline().map(|deadline| deadline.at) },
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
    /// The caller gives `Host` (RFC 9112 3.2), and `Upgrade`, `Expect`, `TE` if it likes; their connection options are added.
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
        let bare = match plan.hint {
            RequestHint::BareNumber => request::hint_seconds(settings),
            RequestHint::Silent | RequestHint::Timeout => None,
        };
        writer.announce_request(&plan.announce(settings), bare);
        let written = writer.finish()?;
        let lifecycle = &mut self.lifecycle;
        request::commit(&mut lifecycle.state, &mut lifecycle.machine, now, request, &plan, &facts);
        lifecycle.wrote(now, written as u64);
        Ok(written)
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

/// How a response is framed, if it may be what it is.
fn judge<const DEPTH: usize>(
    machine: &Machine,
    state: &Outstanding<DEPTH>,
    settings: &Settings,
    head: &HeadFacts,
) -> Result<Framing, ProtocolErrorKind> {
    let (Some(first), Some(status)) = (state.first(), head.status()) else {
        return Err(ProtocolErrorKind::StatusLine);
    };
    if status == StatusCode::SWITCHING_PROTOCOLS {
        let whole = !state.sends_first() || machine.sending != Half::Content;
        let offered = head.offers_upgrade() && first.offers.covers(&head.offers());
        return match whole && offered {
            true => Ok(Framing { length: BodyLength::Empty, rule: FramingRule::NoContent }),
            false => Err(ProtocolErrorKind::UpgradeNotOffered),
        };
    }
    if status.is_interim() && state.interim >= settings.limits.interim_responses {
        return Err(ProtocolErrorKind::InterimResponses);
    }
    let framing = framing::response_framing(head, first.method, &settings.policy)?;
    match (framing.length, settings.limits.content) {
        (BodyLength::Exact(octets), Some(most)) if octets > most => Err(ContentTooLarge),
        _ => Ok(framing),
    }
}

/// A response's head is complete and within every rule.
fn received<const DEPTH: usize>(
    machine: &mut Machine,
    state: &mut Outstanding<DEPTH>,
    settings: &Settings,
    now: Instant,
    head: &HeadFacts,
    framing: Framing,
) {
    let now = machine.tick(now);
    let (Some(first), Some(status)) = (state.first().copied(), head.status()) else { return };
    state.is_http11 = head.version().is_http11();
    if status.is_interim() && status != StatusCode::SWITCHING_PROTOCOLS {
        state.interim += 1;
        machine.receiving = Half::Idle;
        machine.octets = 0;
        if status == StatusCode::CONTINUE && state.sends_first() {
            machine.flags &= !flag::CONTINUE;
        }
        if head.has_close() {
            // the final response is still owed
            machine.causes.add(CloseReason::CloseReceived);
        }
        return;
    }
    machine.exchanges = machine.exchanges.saturating_add(1);
    machine.begun = now;
    machine.last = now;
    machine.octets = 0;
    let connects = first.method == MethodKind::Connect && status.is_successful();
    if status == StatusCode::SWITCHING_PROTOCOLS || connects {
        machine.flags = machine.flags & !flag::CONNECT | if connects { flag::CONNECT } else { 0 };
        state.answered(machine, now);
        machine.stage = Stage::Tunnel;
        return;
    }
    machine.flags = machine.flags & !flag::HTTP10 | if head.version().is_http11() { 0 } else { flag::HTTP10 };
    let message = message_causes(machine, state, settings, head, framing);
    if message {
        machine.flags |= flag::FINAL;
    }
    let mut causes = machine.causes;
    machine.life_causes(settings, now, 0, &mut causes);
    machine.causes = causes;
    early(machine, state, settings, status, message);
    machine.expect_content(framing.length);
}

/// Causes to close that lie in the message itself: no response follows it.
fn message_causes<const DEPTH: usize>(
    machine: &mut Machine,
    state: &mut Outstanding<DEPTH>,
    settings: &Settings,
    head: &HeadFacts,
    framing: Framing,
) -> bool {
    let policy = &settings.policy;
    let mut ends = false;
    let mut end = |machine: &mut Machine, reason| {
        machine.causes.add(reason);
        ends = true;
    };
    if let Persistence::Close(reason) = persistence::of_message(head, policy.http10_keep_alive.is_on()) {
        end(machine, reason);
    }
    if framing.length == BodyLength::UntilClose {
        end(machine, CloseReason::UntilClose);
    }
    if framing.rule == FramingRule::FaultyCoding {
        end(machine, CloseReason::FaultyFraming);
    }
    if let Some(hint) = head.keep_alive() {
        state.peer.hint = hint.timeout.unwrap_or(state.peer.hint);
        if policy.max_hint.is_on() || hint.max == Some(0) || state.iter().count() > 1 {
            state.hint(hint.max);
        }
    }
    // also behind a response that says nothing of it: the one before did
    if state.is_exhausted() && !ends {
        machine.causes.add(CloseReason::MaxHint);
    }
    if head.keep_alive().is_some() && machine.idle_span(settings, state.peer.hint).is_nothing() && !ends {
        machine.causes.add(CloseReason::HintTooShort);
    }
    ends
}

/// The content of the request that is answered may be still to be sent.
fn early<const DEPTH: usize>(
    machine: &mut Machine,
    state: &mut Outstanding<DEPTH>,
    settings: &Settings,
    status: StatusCode,
    closes: bool,
) {
    if !state.sends_first() || machine.sending != Half::Content {
        return;
    }
    let held = machine.is(flag::CONTINUE);
    machine.flags &= !flag::CONTINUE;
    let code = status.as_u16();
    let refused = code >= 400 && settings.policy.stop_refused_content.is_on();
    let reason = match (held, closes || refused) {
        (true, _) if code >= 300 => CloseReason::ContentUnwanted,
        (_, true) => CloseReason::EarlyResponse,
        _ => return,
    };
    machine.causes.add(reason);
    machine.sending = Half::Complete;
    // what the application still holds is taken and not written
    machine.flags |= flag::SUPPRESSED | flag::ENDED;
}
