//! What a driver says: where a request goes, and what becomes of an upstream.

use core::fmt;
use core::ops::Deref;

use super::exchange::Stage;
use super::kept::Wanted;
use super::step::TakenReason;
use super::{LossKind, Relay, UpstreamVerdict};
use crate::config::{Client, Config, Server};
use crate::drive::{Drive, Storage};
use crate::error::{Misuse, SendError};
use crate::intermediary::{ForwardFault, NextHop};
use crate::lifecycle::persistence::TunnelReason;
use crate::lifecycle::retry::{Evidence, Reusable, Sender, Sent};
use crate::message::announcement::Content;
use crate::message::fields_to_send::Fields;
use crate::message::method::MethodKind;
use crate::message::request::Request;
use crate::message::response::Response;
use crate::status::StatusCode;
use crate::time::Instant;

/// No upstream was wanted, or one is here: that which was given.
#[expect(clippy::exhaustive_structs, reason = "what was given, and no more")]
pub struct NotTaken<D>(pub D);

impl<D> fmt::Debug for NotTaken<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NotTaken")
    }
}

impl<S: Storage, CS, CU> Relay<S, CS, CU>
where
    CS: Deref<Target = Config<Server>>,
    CU: Deref<Target = Config<Client>>,
{
    /// The request that an upstream is wanted for. `None`: none is, or no longer, since its client has gone.
    pub fn wanted(&self) -> Option<Wanted<'_>> {
        if self.exchange.stage != Stage::Routing || self.kept.about.ends_here {
            return None;
        }
        let tries = self.exchange.attempt.tries;
        let pinned = self.upstream.is_some() && self.exchange.taken.is_none();
        Some(Wanted { tries, new_only: tries > 0, pinned, ..self.kept.wanted() })
    }

    /// The request goes to this upstream, whose connection is free: a new one, or one that a pool has lent. `fields` go after the client's,
    /// such as `X-Forwarded-For`; none of them is one that the relay makes ([`check_field`](crate::check_field)). What follows, also where the
    /// request can not be sent on it, [`poll`](Self::poll) says.
    ///
    /// # Errors
    ///
    /// [`NotTaken`]: no upstream is wanted, or one that is [pinned](Wanted::pinned) is here, and is to be released first
    /// ([`release_pinned`](Self::release_pinned)). Nothing has moved.
    #[expect(clippy::result_large_err, reason = "it gives back what it was given")]
    pub fn forward(
        &mut self,
        now: Instant,
        upstream: Drive<Client, S, CU>,
        next: NextHop,
        fields: impl Fields + Clone,
    ) -> Result<(), NotTaken<Drive<Client, S, CU>>> {
        if self.wanted().is_none() || self.upstream.is_some() {
            return Err(NotTaken(upstream));
        }
        self.upstream = Some(upstream);
        self.send(now, next, fields);
        Ok(())
    }

    /// The request goes to the upstream that is [pinned](Wanted::pinned) here. `false`: there is none, or no request. Nothing has moved.
    pub fn forward_pinned(&mut self, now: Instant, next: NextHop, fields: impl Fields + Clone) -> bool {
        let pinned = self.wanted().is_some_and(|wanted| wanted.pinned);
        if pinned {
            self.send(now, next, fields);
        }
        pinned
    }

    /// The upstream that is pinned here is of no use: the client asks for another host. It is taken back and closed.
    pub fn release_pinned(&mut self, now: Instant) {
        if self.exchange.pinned && matches!(self.exchange.stage, Stage::Idle | Stage::Routing) {
            self.leave_upstream(now, TakenReason::Pinned);
        }
    }

    fn send(&mut self, now: Instant, next: NextHop, fields: impl Fields + Clone) {
        let target = match self.kept.make_target(next) {
            Ok(target) => target,
            Err(fault) => return self.not_sendable(now, fault),
        };
        let Some(drive) = &mut self.upstream else { return };
        let reused = drive.connection().lifecycle().requests() > 0;
        let (method, target, lines) = self.kept.parts(&target);
        let sent = drive.request(now, &Request::new(method, target), lines.and(fields), self.kept.about.content);
        let fault = match sent {
            Ok(()) => {
                self.exchange.stage = Stage::Forwarding;
                return;
            }
            // nothing of it was sent, and another one may take it
            Err(SendError::Ended(_)) => return self.not_sent(now, reused),
            Err(SendError::Misuse(
                Misuse::RequestUnfinished
                | Misuse::PipelineFull
                | Misuse::PipelineHeld
                | Misuse::OctetsUnread
                | Misuse::Tunnel,
            )) => return self.not_sent(now, reused),
            Err(SendError::Misuse(Misuse::ContentNotAllowed)) => ForwardFault::LengthRequired,
            Err(SendError::Misuse(_)) => ForwardFault::FieldValue,
            Err(SendError::OutputTooSmall { .. }) => ForwardFault::TooLong,
        };
        self.not_sendable(now, fault);
    }

    fn not_sent(&mut self, now: Instant, reused: bool) {
        let evidence = Evidence { reused, ..self.untried() };
        self.lost(now, LossKind::Ended, evidence, TakenReason::NotSent);
    }

    /// The request is not one that can be sent; the upstream is as it was.
    fn not_sendable(&mut self, now: Instant, fault: ForwardFault) {
        self.refuse(now, fault);
        self.exchange.returned = self.upstream.is_some();
    }

    /// What is known of a request of which nothing was sent in this try.
    fn untried(&self) -> Evidence {
        let attempt = self.exchange.attempt;
        Evidence { sent: Sent::Nothing, ..Evidence::new(self.kept.about.method) }
            .sent_for(Sender::Proxy)
            .after(attempt.tries)
            .after_reused(attempt.reused_tries)
            .with_budget(self.policy.tries)
    }

    /// No upstream could be reached, or not in time: it counts as a try. The request is wanted again, or answered by 502 or 504.
    pub fn not_connected(&mut self, now: Instant, in_time: bool) {
        if self.wanted().is_some() {
            let kind = if in_time { LossKind::NotConnected } else { LossKind::ConnectTimeout };
            let evidence = self.untried();
            self.lost(now, kind, evidence, TakenReason::NotSent);
        }
    }

    /// The driver has opened a tunnel to the authority of a CONNECT itself: the client is told so, and
    /// [`RelayStep::HandOver`](super::RelayStep::HandOver) follows.
    ///
    /// # Errors
    ///
    /// As [`Drive::respond`]; [`Misuse::NothingToAnswer`]: no CONNECT is wanted. Nothing has moved.
    pub fn tunnel(&mut self, now: Instant, fields: impl Fields + Clone) -> Result<(), SendError> {
        if self.wanted().is_none_or(|wanted| wanted.method.kind() != MethodKind::Connect) {
            return Err(Misuse::NothingToAnswer.into());
        }
        self.client.respond(now, StatusCode::OK, fields, Content::Empty)?;
        self.exchange.stage = Stage::Switching(TunnelReason::Connect);
        Ok(())
    }

    /// The driver answers the request that an upstream is wanted for itself: 403, 407 with a challenge, a page of its own. Its content follows
    /// where [`RelayStep::Content`](super::RelayStep::Content) is said. The connection stays where the machine lets it, and says so in
    /// `Connection`: authentication goes on on it (RFC 9110 11.7).
    ///
    /// # Errors
    ///
    /// As [`Drive::respond`]; [`Misuse::NothingToAnswer`]: no request is wanted. Nothing has moved.
    pub fn answer<'r>(
        &mut self,
        now: Instant,
        response: impl Into<Response<'r>>,
        fields: impl Fields + Clone,
        content: Content,
    ) -> Result<(), SendError> {
        if self.wanted().is_none() {
            return Err(Misuse::NothingToAnswer.into());
        }
        self.client.respond(now, response, fields, content)?;
        self.exchange.stage = Stage::DriverAnswers;
        Ok(())
    }

    /// Takes content of the driver's own answer: how many octets of it ([`Drive::send_content`]).
    ///
    /// # Errors
    ///
    /// As there; [`Misuse::NotSending`]: the driver does not answer.
    pub fn send_content(&mut self, now: Instant, content: &[u8]) -> Result<usize, SendError> {
        self.answers()?;
        self.client.send_content(now, content)
    }

    /// Ends the driver's own answer ([`Drive::finish`]).
    ///
    /// # Errors
    ///
    /// As there; [`Misuse::NotSending`]: the driver does not answer.
    pub fn finish(&mut self, now: Instant, trailers: impl Fields + Clone) -> Result<(), SendError> {
        self.answers()?;
        self.client.finish(now, trailers)
    }

    fn answers(&self) -> Result<(), SendError> {
        if self.exchange.stage == Stage::DriverAnswers { Ok(()) } else { Err(Misuse::NotSending.into()) }
    }

    /// Takes the upstream back, with what may be done with it; where [`RelayStep::Return`](super::RelayStep::Return) says so. What its machine
    /// says is told to a pool: `Returned::of_machine`, `Ended::of_machine`. Octets that nobody asked for count there against its origin, which
    /// gets into quarantine for them.
    pub fn take_upstream(&mut self, now: Instant) -> Option<(Drive<Client, S, CU>, UpstreamVerdict)> {
        if !self.is_to_be_taken() {
            return None;
        }
        let mut drive = self.upstream.take()?;
        drive.hold(false);
        let taken = self.exchange.taken.take();
        self.exchange.returned = false;
        if self.exchange.stage == Stage::Responded {
            self.end_exchange();
        }
        let verdict = match (taken, drive.reusable(now)) {
            (Some(reason), _) => UpstreamVerdict::Close(reason),
            (None, Reusable::Now { .. }) if drive.received().is_empty() => UpstreamVerdict::Reuse,
            (None, _) => UpstreamVerdict::Close(TakenReason::Ended),
        };
        Some((drive, verdict))
    }

    /// Closes the client's connection gracefully: after this exchange, or now if there is none. At the end of a process it is said of every relay.
    pub fn close_after_exchange(&mut self, now: Instant) {
        self.client.close_after_exchange(now);
    }
}
