//! What only a server is told and asks: request heads in, final and interim responses out.

use core::ops::Deref;

use crate::config::{Config, Server};
use crate::error::{ReceiveError, SendError};
use crate::lifecycle::state::Receiving;
use crate::lifecycle::{Lifecycle, request_received, response_to_send};
use crate::message::announcement::{Announce, Content};
use crate::message::framing::{BodyLength, Framing};
use crate::message::head_facts::HeadFacts;
use crate::status::StatusCode;
use crate::time::Instant;

impl<C: Deref<Target = Config<Server>>> Lifecycle<Server, C> {
    /// A request's head is complete: how its content is framed.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::Fault`]: what is wrong with it; then the refusal is due. [`ReceiveError::Ended`]: the connection ends, and what comes
    /// is to be dropped. [`ReceiveError::Misuse`]: the exchange before is not over; pipelined requests wait (RFC 9112 9.3.2).
    pub fn head_received(&mut self, now: Instant, head: &HeadFacts) -> Result<Framing, ReceiveError> {
        let (octets, told, head) = (head.octets, head.octets_told, &head.facts);
        let (state, settings) = self.parts();
        state.check_head()?;
        if state.receive.half() == Receiving::Idle {
            // its octets ran ahead: the exchange begins where it is looked at
            state.head_octets(now, 0);
        }
        state.octets_told(octets.into());
        state.receive.ahead_told = told;
        let framing = request_received::received(state, settings, now, head);
        if framing.is_ok_and(|framing| framing.length == BodyLength::Chunked) {
            state.receive.ahead = 0;
        }
        self.check();
        Ok(framing?)
    }

    /// May a final response of this status and content be sent, and what must its head say? Then it counts as handed out.
    pub fn head_to_send(&mut self, now: Instant, status: StatusCode, content: Content) -> Result<Announce, SendError> {
        let (state, settings) = self.parts();
        let now = state.tick(now);
        let plan = response_to_send::judge(state, state.send.request, settings, now, status, content, 0)?;
        let announce = plan.announce(state, settings);
        response_to_send::record(state, settings, now, &plan);
        self.check();
        Ok(announce)
    }

    /// May an interim response of this status be sent? Then it counts as handed out. `false`: it is not to be sent, for it would say
    /// nothing: a `100 (Continue)` that nobody waits for, or no longer.
    pub fn interim_to_send(&mut self, now: Instant, status: StatusCode) -> Result<bool, SendError> {
        let (state, _) = self.parts();
        state.tick(now);
        let says = response_to_send::judge_interim(state, status)?;
        if says {
            response_to_send::record_interim(state, status);
        }
        self.check();
        Ok(says)
    }
}
