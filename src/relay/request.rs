//! What the client says goes to the upstream.

use core::ops::Deref;

use super::exchange::{Stage, Told};
use super::step::TakenReason;
use super::{Loss, LossKind, LossVerdict, Relay};
use crate::config::{Client, Config, Server, Use};
use crate::drive::Storage;
use crate::intermediary::ForwardFault;
use crate::lifecycle::retry::{Evidence, Sender, Sent};
use crate::message::announcement::Content;
use crate::message::method::MethodKind;
use crate::status::StatusCode;
use crate::time::Instant;

impl<S: Storage, CS, CU> Relay<S, CS, CU>
where
    CS: Deref<Target = Config<Server>>,
    CU: Deref<Target = Config<Client>>,
{
    /// A request's head was read, and may go on or not.
    pub(super) fn request_came(&mut self, now: Instant, read: Result<(), ForwardFault>) {
        match read {
            Err(fault) => self.refuse(now, fault),
            Ok(()) if self.kept.about.ends_here => {
                // it asks how far it comes: to here; TRACE is not answered by what it brought, which may be secret (RFC 9110 9.3.8)
                let trace = self.kept.about.method == MethodKind::Trace;
                let status = if trace { StatusCode::METHOD_NOT_ALLOWED } else { StatusCode::OK };
                self.exchange.stage = Stage::Answering(status);
            }
            Ok(()) => {}
        }
    }

    /// The request does not go on.
    pub(super) fn refuse(&mut self, now: Instant, fault: ForwardFault) {
        self.exchange.told = Some(Told::Refused(fault));
        if fault == ForwardFault::LengthRequired {
            self.exchange.stage = Stage::Answering(fault.status());
            return;
        }
        // what is wrong with its head may be wrong with what follows it
        if self.client.refuse(now, fault.status()).is_err() {
            self.client.abort(now);
        }
        self.exchange.stage = Stage::Over;
    }

    /// A piece of content came.
    pub(super) fn request_content(&mut self, now: Instant, address: usize, octets: usize) {
        let Self { client, upstream, exchange, policy, .. } = self;
        let Some(drive) = upstream.as_mut().filter(|_| exchange.taken.is_none()) else { return };
        if !exchange.stage.forwards() || !drive.takes_content() {
            return;
        }
        let place = client.place_of(address, octets);
        if drive.pass_content(now, octets as u64).is_err() {
            // it takes no more, and says so itself
            return;
        }
        let most = if S::GROWS && exchange.stage == Stage::Forwarding { policy.replayed_octets as usize } else { 0 };
        exchange.request.pieces.add(&place, most);
    }

    /// What is known of the request that goes to this upstream.
    pub(super) fn evidence(&self) -> Evidence {
        let attempt = self.exchange.attempt;
        let about = self.kept.about;
        let sent = self.exchange.stage != Stage::Routing;
        let known = self.upstream.as_ref().and_then(|drive| drive.connection().unanswered().next());
        let evidence = match known {
            // what began of an answer has not reached the client: what may be repeated is (RFC 9110 9.2.2)
            Some(unanswered) if sent => {
                let evidence = unanswered.evidence;
                Evidence { response_begun: evidence.response_begun && !evidence.idempotent, ..evidence }
            }
            // it was answered, by what could not be used
            None if sent => Evidence { sent: Sent::All, response_begun: true, ..Evidence::new(about.method) },
            _ => Evidence::new(about.method),
        };
        let no_content = matches!(about.content, Content::Empty | Content::Exact(0));
        Evidence { replayable: no_content || self.exchange.request.pieces.is_replayable(), ..evidence }
            .sent_for(Sender::Proxy)
            .after(attempt.tries)
            .after_reused(attempt.reused_tries)
            .with_budget(self.policy.tries)
    }

    /// The upstream was lost: what becomes of the request.
    pub(super) fn lost(&mut self, now: Instant, kind: LossKind, evidence: Evidence, taken: TakenReason) {
        let stage = self.exchange.stage;
        let loss = Loss {
            kind,
            evidence,
            octets_came: self.exchange.attempt.octets_came,
            response_begun: stage == Stage::Responding,
            interim_sent: self.exchange.response.interim_sent,
            // this request is counted
            client_reused: self.client.connection().lifecycle().exchanges() > 1,
            may_close_silently: self.policy.silent_close == Use::On,
        };
        let (verdict, reason) = loss.verdict();
        self.leave_upstream(now, taken);
        self.exchange.told = Some(Told::Lost(kind, verdict, reason));
        match verdict {
            LossVerdict::Resend => {
                let exchange = &mut self.exchange;
                exchange.attempt = exchange.attempt.next(evidence.reused);
                exchange.request.pieces.rewind();
                exchange.stage = Stage::Routing;
            }
            LossVerdict::CloseSilently => self.exchange.stage = Stage::ClosingSilently,
            LossVerdict::Answer(status) => self.exchange.stage = Stage::Answering(status),
            LossVerdict::Cut => self.exchange.stage = Stage::Cutting,
        }
    }
}
