//! What only a server keeps, is told and asks: request heads in, final and interim responses out.

use core::ops::Deref;

use crate::config::{Config, Limits, Server, Timeouts};
use crate::error::{Misuse, ReceiveError, SendError};
use crate::lifecycle::packing::{OWN, Packer, Unpacker};
use crate::lifecycle::relative::Relative;
use crate::lifecycle::response_to_send::Sends;
use crate::lifecycle::role::{LifecycleRole, Own};
use crate::lifecycle::state::{ConnectionState, OwnTimeouts, Receiving, Unread};
use crate::lifecycle::{Lifecycle, request_received, response_to_send};
use crate::message::announcement::{Announce, Content};
use crate::message::connection_facts::ConnectionFacts;
use crate::message::fields_to_send::Fields;
use crate::message::framing::{BodyLength, Framing};
use crate::message::head_facts::HeadFacts;
use crate::message::output::{Base, Output};
use crate::message::response::Response;
use crate::message::upgrade::Offers;
use crate::message::writer::Writer;
use crate::status::StatusCode;
use crate::time::Instant;

impl LifecycleRole for Server {
    /// The protocols that the request offers to switch to.
    type State = Offers;
    const FRESH: Self::State = Offers::NONE;
    const IS_CLIENT: bool = false;

    #[inline]
    fn on_exchange_over(state: &mut ConnectionState<Self>) {
        state.role = Offers::NONE;
    }

    #[inline(always)]
    fn own_timeouts(state: &ConnectionState<Self>) -> Own {
        let own = state.receive.own_timeouts;
        let receiving = own == OwnTimeouts::OfExchange;
        Own { any: receiving, receiving, sending: own != OwnTimeouts::None }
    }

    fn give_timeouts(state: &mut ConnectionState<Self>) -> Result<(), Misuse> {
        // one of which octets wait to leave is not over
        if state.is_between_exchanges() && state.send.unsent == 0 {
            return Err(Misuse::NothingToAnswer);
        }
        state.receive.own_timeouts = OwnTimeouts::OfExchange;
        Ok(())
    }

    fn canonical(state: &mut ConnectionState<Self>, _: &Limits, _: &Timeouts, _: Relative) {
        if !state.lifetime.is_open() || !state.send.is_idle() {
            state.role = Offers::NONE;
        }
    }

    fn check(state: &ConnectionState<Self>) {
        let answers = !state.is_between_exchanges();
        assert!(answers || state.role.is_empty(), "protocols are offered by no request");
    }

    fn pack(state: &ConnectionState<Self>, _: &Limits) -> Option<[u8; OWN]> {
        let mut packer = Packer { octets: [0; OWN], at: 0 };
        packer.put(state.lifetime.octets, 6)?;
        Some(packer.octets)
    }

    fn unpack(own: [u8; OWN], state: &mut ConnectionState<Self>) {
        state.lifetime.octets = Unpacker { octets: &own, at: 0 }.take(6);
    }
}

impl<C: Deref<Target = Config<Server>>> Lifecycle<Server, C> {
    /// A request's head is complete: how its content is framed.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::Fault`]: what is wrong with it; then the refusal is due. [`ReceiveError::Ended`]: the connection ends, and what comes
    /// is to be dropped; or a refusal was [kept](Self::refuse) for it, and is due now. [`ReceiveError::Misuse`]: the exchange before is not
    /// over; pipelined requests wait (RFC 9112 9.3.2).
    pub fn head_received(&mut self, now: Instant, head: &HeadFacts) -> Result<Framing, ReceiveError> {
        let (octets, told, head) = (head.octets, head.octets_told, &head.facts);
        self.state().check_head()?;
        self.octets_came(now);
        let (state, settings) = self.parts();
        if state.receive.half() == Receiving::Idle {
            // its octets ran ahead: the exchange begins where it is looked at
            state.head_octets(now, 0);
            if state.reads_nothing() {
                // a refusal was kept for it
                return Err(ReceiveError::Ended(state.close_reason()));
            }
        }
        state.octets_told(octets.into());
        state.receive.unread_at = if told { Unread::Told } else { Unread::Guessed };
        let framing = request_received::received(state, settings, now, head);
        if framing.is_ok_and(|framing| framing.length == BodyLength::Chunked) {
            state.receive.unread = 0;
        }
        self.check();
        Ok(framing?)
    }

    /// May a final response of this status and content be sent, and what must its head say? Then it counts as handed out. A [`Response`] says
    /// more than its status: that the connection ends with it, or that it goes out as HTTP/1.0.
    ///
    /// # Errors
    ///
    /// [`SendError::Ended`]: the connection has ended. [`SendError::Misuse`]: there is no request to answer, its final response has
    /// begun, the connection is a tunnel, the status is no final one, a `101` was not offered, a switch or a tunnel comes before the
    /// request is whole, or a version or reason phrase may not be sent. Nothing has moved.
    pub fn head_to_send<'r>(
        &mut self,
        now: Instant,
        response: impl Into<Response<'r>>,
        content: Content,
    ) -> Result<Announce, SendError> {
        let response = response.into();
        let (state, terms) = self.parts_on_terms();
        let settings = terms.connection;
        let now = state.tick(now);
        // what came after a CONNECT that is refused may be of its tunnel
        let unread = if state.receive.unread_at == Unread::Told { state.receive.unread.into() } else { 0 };
        let plan = response_to_send::judge(state, state.send.request, settings, now, &response, content, unread)?;
        let announce = plan.announce();
        state.begin_to_send(now, terms);
        response_to_send::record(state, settings, now, &plan);
        state.begin_what_came(now);
        self.check();
        Ok(announce)
    }

    /// May an interim response of this status be sent? Then it counts as handed out. `false`: it is not to be sent, for it would say
    /// nothing: a `100 (Continue)` that nobody waits for, or no longer.
    ///
    /// # Errors
    ///
    /// [`SendError::Ended`]: the connection has ended, or a refusal is due. [`SendError::Misuse`]: there is no request to answer, its
    /// final response has begun, its client speaks HTTP/1.0, the connection is a tunnel, or the status is no interim one or is `101`.
    /// Nothing has moved.
    pub fn interim_to_send(&mut self, now: Instant, status: StatusCode) -> Result<bool, SendError> {
        let (state, terms) = self.parts_on_terms();
        let now = state.tick(now);
        let says = response_to_send::judge_interim(state, status)?;
        if says {
            state.begin_to_send(now, terms);
            response_to_send::record_interim(state, status);
        }
        self.check();
        Ok(says)
    }

    /// Writes the whole refusal that is due ([`Turn::Refuse`](crate::Turn::Refuse)), as [`Connection`](crate::Connection) does: its status,
    /// `close`, and a line of text that says why (none where the driver [refused](Self::refuse)), beside the `fields` given: a server with a
    /// clock sends `Date` (RFC 9110 6.6.1). Its octets count as handed out: [`octets_written`](Self::octets_written) is not said of them. An application that knows better sends its
    /// own response instead ([`head_to_send`](Self::head_to_send)).
    ///
    /// Of a request whose head did not become complete, in time or without a fault, no method is known here: its refusal has a text, where
    /// that of a `Connection` that has read `HEAD` has none.
    ///
    /// # Errors
    ///
    /// [`SendError::OutputTooSmall`]: it does not fit. [`SendError::Ended`]: the connection has ended. [`SendError::Misuse`]: no
    /// refusal is due, or a field may not be sent. Nothing is to be sent, and nothing has moved.
    pub fn send_refusal(
        &mut self,
        now: Instant,
        fields: impl Fields,
        out: &mut (impl Output + ?Sized),
    ) -> Result<usize, SendError> {
        self.write_refusal(now, None, fields, out.base())
    }

    /// The same; `late` are the facts of a head that was not complete in time, as far as they came.
    pub(crate) fn write_refusal(
        &mut self,
        now: Instant,
        late: Option<&ConnectionFacts>,
        fields: impl Fields,
        out: &mut (impl Base + ?Sized),
    ) -> Result<usize, SendError> {
        let (state, terms) = self.parts_on_terms();
        let settings = terms.connection;
        let now = state.tick(now);
        state.check_open()?;
        let Some(status) = state.refusal() else { return Err(Misuse::NothingToAnswer.into()) };
        let known = state.known_by_refusal(late);
        let said = state.refusal_reason();
        let (reason, clause) = said.unwrap_or_default();
        let digits = status.digits();
        let text: [&[u8]; 8] = [
            &digits,
            b" ",
            status.reason_phrase().as_bytes(),
            b": ",
            reason.as_bytes(),
            b", ",
            clause.as_bytes(),
            b"\n",
        ];
        let octets = if said.is_some() { text.iter().map(|piece| piece.len()).sum::<usize>() } else { 0 };
        let response = Response::new(status);
        let plan = response_to_send::judge(state, known, settings, now, &response, Content::Exact(octets as u64), 0)?;
        let mut writer = Writer::new(out);
        writer.status_line(status);
        if octets > 0 {
            writer.fields([("Content-Type", "text/plain; charset=us-ascii")], None)?;
        }
        let upgrades = writer.fields(fields, None)?;
        writer.announce_to_end(plan.framing, plan.options.with_upgrade(upgrades), plan.hint, None);
        let has_text = plan.sends != Sends::Nothing && octets > 0;
        if has_text {
            text.iter().for_each(|piece| writer.put(piece));
        }
        let written = writer.finish()?;
        state.record_refused(late);
        state.begin_to_send(now, terms);
        state.written(now, written as u64);
        response_to_send::record(state, settings, now, &plan);
        // it was written whole
        if has_text {
            self.content_sent(now, octets as u64)?;
        }
        self.check();
        Ok(written)
    }
}
