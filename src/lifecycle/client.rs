//! What only a client keeps, is told and asks: requests out, response heads in, what was left unanswered.

use core::ops::Deref;

use crate::config::{Client, Config, Limits, Timeouts};
use crate::error::{Misuse, ProtocolErrorKind, ReceiveError, SendError};
use crate::lifecycle::packing::OWN;
use crate::lifecycle::persistence::CloseReason;
use crate::lifecycle::pipeline::{Answer, Outstanding};
use crate::lifecycle::relative::Relative;
use crate::lifecycle::retry::{Evidence, Reusable, Unanswered};
use crate::lifecycle::role::{LifecycleRole, Own, PeerTime};
use crate::lifecycle::state::{ConnectionState, Receiving, Sending, Stage};
use crate::lifecycle::terms::Terms;
use crate::lifecycle::{Lifecycle, request_to_send, response_received};
use crate::message::announcement::{Announce, Content};
use crate::message::connection_facts::ConnectionFacts;
use crate::message::framing::Framing;
use crate::message::head_facts::HeadFacts;
use crate::message::keep_alive::KeepAlive;
use crate::message::request::Request;
use crate::message::target::Target;
use crate::message::upgrade::Names;
use crate::status::StatusCode;
use crate::time::Instant;

impl<const DEPTH: usize> LifecycleRole for Client<DEPTH> {
    type State = Outstanding<DEPTH>;
    const FRESH: Self::State = Outstanding::new();
    const TIMEOUTS: Timeouts = Timeouts::CLIENT;
    const IS_CLIENT: bool = true;

    #[inline]
    fn awaits(state: &ConnectionState<Self>) -> bool {
        state.role.awaits(state.send.unsent)
    }

    #[inline]
    fn on_looked_at(state: &mut ConnectionState<Self>) {
        state.role.looked_at();
    }

    fn is_refused(state: &ConnectionState<Self>) -> bool {
        state.role.answer == Answer::Refuses
    }

    fn exchange_number(state: &ConnectionState<Self>) -> u32 {
        state.role.answered()
    }

    fn octets_sent(state: &ConnectionState<Self>, _: u64) -> (u64, u64) {
        state.role.octets_sent()
    }

    fn wait_anew(state: &mut ConnectionState<Self>, now: Instant) {
        state.role.peer.waiting = Some(now);
    }

    fn on_message_complete(state: &mut ConnectionState<Self>, now: Instant) {
        state.over_if_answered(now, false);
    }

    fn on_handed_out(state: &mut ConnectionState<Self>, now: Instant) {
        state.over_if_answered(now, true);
    }

    fn on_written(state: &mut ConnectionState<Self>, octets: u64) {
        state.role.written(octets);
    }

    fn on_sent_whole(state: &mut ConnectionState<Self>) {
        state.role.whole();
    }

    fn on_sent(state: &mut ConnectionState<Self>, now: Instant) {
        let now = state.tick(now);
        if DEPTH > 1 && !state.role.sends_first() {
            return state.left_of_several(now);
        }
        state.role.left(state.send.unsent, now);
    }

    #[inline]
    fn peer_time(state: &ConnectionState<Self>) -> PeerTime {
        state.role.peer
    }

    #[inline(always)]
    fn own_timeouts(state: &ConnectionState<Self>) -> Own {
        state.role.own_timeouts()
    }

    fn exchange_due(state: &ConnectionState<Self>, terms: Terms<'_>) -> (Instant, Instant) {
        state.role.exchange_due(terms)
    }

    fn give_timeouts(state: &mut ConnectionState<Self>) -> Result<(), Misuse> {
        state.role.give_timeouts()
    }

    fn canonical(state: &mut ConnectionState<Self>, limits: &Limits, timeouts: &Timeouts, relative: Relative) {
        let ended = !state.lifetime.is_open();
        let answered = matches!(state.receive.half(), Receiving::Content | Receiving::Complete);
        state.role.canonical(limits, timeouts, relative, ended, answered);
    }

    fn check(state: &ConnectionState<Self>) {
        state.role.check(state);
    }

    fn pack(state: &ConnectionState<Self>, limits: &Limits) -> Option<[u8; OWN]> {
        // the octets that it carried are not kept
        if limits.max_octets.is_some() {
            return None;
        }
        state.role.pack(state.lifetime.exchanges, state.receive.empty_lines)
    }

    fn unpack(own: [u8; OWN], state: &mut ConnectionState<Self>) {
        (state.role, state.receive.empty_lines) = Outstanding::unpack(own, state.lifetime.exchanges);
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
        self.state.check_head()?;
        if self.state.receive.half() == Receiving::Idle && !Client::awaits(&self.state) {
            self.state.unsolicited(now);
            self.check();
            return Err(ProtocolErrorKind::Unsolicited.into());
        }
        Ok(self.response_head(now, &head.facts, head.octets, head.compared.protocols.as_ref())?)
    }

    /// A parser has read the whole status line of a response whose head is not complete. Said so that what
    /// [`unanswered`](Self::unanswered) says of its request is right if the head never is: a request is not repeated
    /// once a final response has begun (RFC 9110 9.2.2). Of an interim one nothing follows.
    ///
    /// # Errors
    ///
    /// As [`head_received`](Self::head_received), for the same reasons.
    pub fn status_line_received(&mut self, now: Instant, status: StatusCode) -> Result<(), ReceiveError> {
        self.state.check_head()?;
        if self.state.receive.half() == Receiving::Idle && !Client::awaits(&self.state) {
            self.state.unsolicited(now);
            self.check();
            return Err(ProtocolErrorKind::Unsolicited.into());
        }
        self.state.status_line(status);
        self.check();
        Ok(())
    }

    /// The same; `octets`: those of the head; `named` are the protocols of its `Upgrade`, where it switches.
    pub(crate) fn response_head(
        &mut self,
        now: Instant,
        head: &ConnectionFacts,
        octets: u32,
        named: Option<&Names>,
    ) -> Result<Framing, ProtocolErrorKind> {
        self.octets_came(now);
        let (state, settings) = self.parts();
        let head = &response_received::facts(settings, head);
        let judged = response_received::judge(state, settings, head, octets, named);
        match judged {
            Ok(framing) => response_received::record(state, settings, now, head, octets, framing),
            Err(kind) => {
                if let Some(status) = head.status() {
                    state.status_line(status);
                }
                state.fail(now, kind);
            }
        }
        Client::on_message_complete(state, now);
        self.check();
        judged
    }

    /// No octet of what is pending has left: the driver's word. Octets that were handed out and are not confirmed
    /// ([`handle_sent`](Self::handle_sent)) may have left; a request of which none is confirmed is judged as sent, unless this was said
    /// before the octets, the end, the failure or the deadline that cost its answer (RFC 9110 9.2.2). It holds for what comes next, and no
    /// longer than until all that was offered has been looked at ([`octets_unread`](Self::octets_unread) says so of a parser); octets handed
    /// out and `handle_sent` take it back.
    pub fn nothing_left(&mut self, now: Instant) {
        self.state.tick(now);
        self.state.role.nothing_left();
        self.check();
    }

    /// May this request be sent, and what must its head say? Then it counts as handed out. `fields` are the facts of its field
    /// lines.
    ///
    /// # Errors
    ///
    /// [`SendError::Ended`]: the connection has ended, or takes no more requests. [`SendError::Misuse`]: no request may go now, as
    /// [`reusable`](Self::reusable) says, or not this one: its method, target, version, content, or what its fields say. Nothing has
    /// moved.
    pub fn head_to_send(
        &mut self,
        now: Instant,
        request: &Request<'_>,
        fields: &HeadFacts,
        content: Content,
    ) -> Result<Announce, SendError> {
        let (state, settings) = self.parts();
        let now = state.tick(now);
        request.check_line()?;
        state.check_request(settings, now)?;
        let mut plan = request_to_send::judge(state, settings, request, content)?;
        request_to_send::check_fields(&mut plan, &fields.facts)?;
        let target = Target::new(request.target, request.kind());
        state.role.offer(request_to_send::check_compared(target, &fields.compared)?);
        let announce = plan.announce(settings);
        // a new exchange has no timeouts of its own yet
        state.begin_to_send(now, Terms::of(settings));
        request_to_send::record(state, now, request, &plan, &fields.facts);
        self.check();
        Ok(announce)
    }

    /// May a request be sent now, and until when?
    #[inline]
    pub fn reusable(&self, now: Instant) -> Reusable {
        let (state, settings) = (&self.state, self.config.settings());
        let now = now.max(state.latest);
        // nothing is outstanding, and nothing is due
        if let (true, Some(due)) = (state.role.is_empty(), state.client_idle_deadline(settings, state.role.peer.hint)) {
            if due.at > now && state.check_request_untimed(settings).is_ok() {
                let until = if due.at == Instant::MAX { None } else { Some(due.at) };
                let reusable = Reusable::Now { until };
                debug_assert_eq!(reusable, self.reusable_in_any_state(now), "the fast path differs from its twin");
                return reusable;
            }
        }
        self.reusable_in_any_state(now)
    }

    /// Twin of the fast path in [`reusable`](Self::reusable), for every state.
    #[inline(never)]
    fn reusable_in_any_state(&self, now: Instant) -> Reusable {
        match self.state.check_request(self.config.settings(), now) {
            // what is due and has not been looked at is due now
            Ok(()) => Reusable::Now { until: self.next_deadline().map(|deadline| deadline.at.max(now)) },
            Err(SendError::Ended(reason)) => Reusable::No(reason),
            Err(SendError::Misuse(Misuse::Tunnel) | SendError::OutputTooSmall { .. }) => {
                Reusable::No(CloseReason::HandedOver)
            }
            Err(SendError::Misuse(misuse)) => Reusable::Wait(misuse),
        }
    }

    /// What the peer's `Keep-Alive` fields have said, as far as it holds: `timeout` in seconds, from the end of a response; `max`, less
    /// the requests since. `None` each where it said nothing of it. [`reusable`](Self::reusable) obeys both already, with the timeout
    /// less `hint_margin`: a driver that gives a pool what that says is not to give it this, too (RFC 2068 19.7.1.1).
    pub fn peer_hint(&self) -> KeepAlive {
        let timeout = Some(self.state.role.peer.hint).filter(|&hint| hint != u32::MAX);
        KeepAlive { timeout, max: self.state.role.still_accepts() }
    }

    /// The peer is known to speak HTTP/1.1, from connections before this one: requests may be pipelined at once. Not to be said
    /// after a connection whose pipeline broke ([`pipeline_broke`](Self::pipeline_broke)): then one request goes alone first
    /// (RFC 9112 9.3.2).
    pub fn knows_http11(&mut self) {
        self.state.role.is_http11 = true;
    }

    /// More than one request was outstanding when the connection ended.
    pub fn pipeline_broke(&self) -> bool {
        self.has_ended() && self.state.role.len() > 1
    }

    /// Requests handed out on this connection.
    pub const fn requests(&self) -> u32 {
        self.state.role.asked()
    }

    /// The requests without a whole answer, in order, each with the evidence for a verdict: final once the connection has ended.
    pub fn unanswered(&self) -> impl Iterator<Item = Unanswered> + '_ {
        // an answer can be whole while its request is still being sent
        let answered = self.state.receive.half() == Receiving::Complete && !self.state.receive.given_up;
        self.state.role.iter().enumerate().skip(answered.into()).map(move |(place, (request, pending))| {
            let evidence = Evidence {
                sent: self.state.role.sent_of(self.state.send.unsent, pending),
                idempotent: pending.marks.idempotent,
                replayable: pending.marks.replayable,
                response_begun: place == 0 && self.state.role.answer != Answer::None,
                reused: request > 0,
                pipelined: pending.pipelined,
                ..Evidence::new(pending.method)
            };
            Unanswered { request, evidence }
        })
    }

    /// The request that was handed out last was handed out whole, or is on its way: `false` once its content was given up, because a
    /// response refused it (RFC 9112 9.5) or the connection ended, or once a write failed. What of it has left is
    /// [evidence](Self::unanswered) as long as it has no answer; of one that was answered this alone says that it was not whole.
    pub fn is_request_whole(&self) -> bool {
        let broken_off = !self.state.lifetime.is_open() && self.state.send.half() == Sending::Content;
        self.state.send.is_whole() && !broken_off
    }

    /// A response has begun, and is not complete.
    pub fn is_reading(&self) -> bool {
        self.state.receive.half() != Receiving::Idle
    }

    /// The peer has closed its side.
    pub fn peer_closed(&self) -> bool {
        self.state.receive.has_ended()
    }

    /// The connection has ended, or is to be closed: nothing more will be answered.
    pub fn has_ended(&self) -> bool {
        !matches!(self.state.lifetime.stage(), Stage::Open | Stage::Tunnel(_))
    }
}
