//! The parser-free front door: facts and intents in, decisions out, and not one octet seen.
//!
//! Whoever has a parser and a writer already tells a [`Lifecycle`] what they read and what they are about to write, and gets
//! the decisions of [`Connection`](crate::Connection), which is built on it: framing, persistence with its reason, what to
//! announce, deadlines with their causes, the staged close. It can not write, so it says what must be written
//! ([`Announce`]).
//!
//! ```
//! use http_keepalive::*;
//!
//! let now = Instant::EPOCH;
//! let mut lifecycle = Lifecycle::<Server>::new(now, &Config::DEFAULT);
//!
//! // a foreign parser has read `GET / HTTP/1.0` with two field lines, 61 octets
//! lifecycle.octets_received(now, 61);
//! let mut head = HeadFacts::request(Method::new(b"GET"), Version::HTTP_10).with_octets(61);
//! head.field_line(b"Host", b"example.org");
//! head.field_line(b"Connection", b"Keep-Alive");
//! assert_eq!(lifecycle.head_received(now, &head)?.length, BodyLength::Empty);
//!
//! // the application answers with 13 octets: what must the head say?
//! let announce = lifecycle.head_to_send(now, StatusCode::OK, Content::Exact(13))?;
//! assert!(announce.options.keep_alive);
//! assert_eq!(announce.framing, FramingField::ContentLength(13));
//! lifecycle.octets_written(now, 120);
//! lifecycle.content_sent(now, 13)?;
//! lifecycle.handle_sent(now, 120);
//! assert_eq!(lifecycle.next_deadline().map(|deadline| deadline.kind), Some(DeadlineKind::Idle));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod deadline;
pub(crate) mod deadlines;
pub(crate) mod exchange;
pub(crate) mod lifetime;
pub(crate) mod packing;
pub mod persistence;
pub(crate) mod pipeline;
pub(crate) mod request_to_send;
pub(crate) mod response_received;
pub(crate) mod response_to_send;
pub mod retry;
pub(crate) mod role;
pub(crate) mod state;
pub(crate) mod teardown;
pub(crate) mod wants;

use core::ops::Deref;

use crate::config::{Config, Server, Settings};
use crate::error::{Misuse, ProtocolErrorKind, ReceiveError, SendError};
use crate::lifecycle::deadline::{Deadline, DeadlineCause};
use crate::lifecycle::persistence::{CloseReason, Persistence};
use crate::lifecycle::role::LifecycleRole;
use crate::lifecycle::state::{Counted, Half, Machine, flag};
use crate::lifecycle::teardown::Stage;
use crate::lifecycle::wants::{ReadWant, Shut, Turn, Wants};
use crate::message::announcement::{Announce, Content};
use crate::message::connection_facts::ConnectionFacts as Facts;
use crate::message::framing::{self, BodyLength, Framing};
use crate::message::head_facts::HeadFacts;
use crate::status::StatusCode;
use crate::time::Instant;

/// The lifecycle of one connection, for whoever reads and writes octets elsewhere. `C` is how it holds its configuration.
///
/// **Facts in**: [`octets_received`](Self::octets_received), [`head_received`](Self::head_received),
/// [`content_received`](Self::content_received), [`end_received`](Self::end_received), [`eof_received`](Self::eof_received),
/// [`octets_written`](Self::octets_written), [`handle_sent`](Self::handle_sent), [`handle_shut`](Self::handle_shut),
/// [`handle_timeout`](Self::handle_timeout), [`nothing_to_read`](Self::nothing_to_read),
/// [`transport_failed`](Self::transport_failed). **Intents in**: [`head_to_send`](Self::head_to_send),
/// [`interim_to_send`](Self::interim_to_send), [`content_sent`](Self::content_sent), [`end_sent`](Self::end_sent),
/// [`close_after_exchange`](Self::close_after_exchange), [`abort`](Self::abort). **Answers out**: everything that takes `&self`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lifecycle<R: LifecycleRole, C: Deref<Target = Config<R>> = &'static Config<R>> {
    pub(crate) config: C,
    pub(crate) machine: Machine,
    pub(crate) state: R::State,
}

impl<R: LifecycleRole, C: Deref<Target = Config<R>>> Lifecycle<R, C> {
    /// A connection that opened at `now`.
    pub fn new(now: Instant, config: C) -> Self {
        let mut machine = Machine::new(now, R::FLAGS);
        machine.begin_life(config.settings(), lifetime::MIDDLE);
        Self { config, machine, state: R::FRESH }
    }

    /// [`Connection::with_seed`](crate::Connection::with_seed): before anything happens.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.machine.begin_life(self.config.settings(), lifetime::place(seed));
        self
    }

    /// The configuration it keeps to.
    pub fn config(&self) -> &Config<R> {
        &self.config
    }

    #[inline(always)]
    pub(crate) fn parts(&mut self) -> (&mut Machine, &Settings) {
        (&mut self.machine, self.config.settings())
    }

    /// A message may have become complete.
    #[inline(always)]
    pub(crate) fn settle(&mut self, now: Instant) {
        R::settle(&mut self.state, &mut self.machine, now);
    }

    /// Content arrived.
    #[inline(always)]
    pub(crate) fn took(&mut self, now: Instant, octets: u64) {
        // it has them: said for the compiler, which then leaves out what is the other role's
        self.machine.flags |= R::FLAGS;
        self.machine.content_received(now, octets);
        self.moved(now);
    }

    /// A message was moved on, perhaps to its end, and with it the exchange.
    #[inline(always)]
    pub(crate) fn moved(&mut self, now: Instant) {
        self.settle(now);
        self.end_if_old(now);
    }

    #[inline(always)]
    fn end_if_old(&mut self, now: Instant) {
        if R::FLAGS & flag::CLIENT == 0 {
            self.machine.end_if_old(now);
        }
    }

    /// Octets were handed out, at an instant that has been noted.
    #[inline(always)]
    pub(crate) fn wrote(&mut self, now: Instant, octets: u64) {
        self.machine.written(now, octets);
        self.gone(now);
        R::wrote(&mut self.state, octets);
        if self.machine.sending == Half::Complete {
            R::whole(&mut self.state);
        }
    }

    /// Nothing that a client receives is late while it sends.
    #[inline(always)]
    fn gone(&mut self, now: Instant) {
        if R::FLAGS & flag::CLIENT == 0 {
            self.machine.gone(now);
        }
    }

    /// Octets arrived. May run ahead of the heads in them: the first after an exchange begins the next one's head. Line ends that the
    /// parser skips between messages are not counted here.
    ///
    /// What came with a message and is not of it may be the begin of the next head, whose deadline runs then. Whether it is a server knows
    /// where its parser says how long heads are ([`HeadFacts::with_octets`]) or what is left ([`octets_unread`](Self::octets_unread)); without
    /// that the deadline is that of a head which may have begun, and if nothing more comes until then it was none.
    pub fn octets_received(&mut self, now: Instant, octets: u64) {
        let awaits = R::awaits(&self.state, &self.machine);
        let (machine, settings) = self.parts();
        machine.carry(octets);
        if !machine.is(flag::CLIENT) {
            machine.octets_ahead(octets);
        }
        match (machine.stage, machine.receiving) {
            (Stage::Open, Half::Idle) if octets > 0 && !awaits => {
                // the next request's answer must not be read from them (RFC 9112 9.2)
                machine.unsolicited(now);
            }
            (Stage::Open, Half::Idle) if octets > 0 => machine.head_octets(now, octets),
            (Stage::Open, Half::Head) => machine.head_octets(now, machine.octets.saturating_add(octets)),
            (Stage::Open, _) => {}
            _ => machine.discarded(now, settings, octets),
        }
    }

    /// So many octets that arrived have not been looked at: they lie after the message that was told last.
    ///
    /// While a client has no request outstanding and there are any, none may be sent: what was there before it is never its answer
    /// (RFC 9112 9.2). Its parser skips line ends, a few of them, and says 0; a response is told by
    /// [`head_received`](Lifecycle::head_received), anything else by [`fault_received`](Self::fault_received). Of a server they are the begin
    /// of the next head.
    pub fn octets_unread(&mut self, now: Instant, octets: u64) {
        let machine = &mut self.machine;
        let now = machine.tick(now);
        let octets = u32::try_from(octets).unwrap_or(u32::MAX);
        if machine.is(flag::CLIENT) {
            machine.unread = octets;
            return;
        }
        (machine.ahead, machine.ahead_told) = (octets, true);
        match (machine.stage, machine.receiving) {
            (Stage::Open, Half::Idle) if octets > 0 && machine.between_exchanges() => {
                machine.head_octets(now, octets.into());
            }
            // what had begun was none
            (Stage::Open, Half::Head) if octets == 0 => machine.receiving = Half::Idle,
            _ => {}
        }
    }

    /// Content arrived, `octets` of it; framing not counted.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::Fault`]: more than [`Limits::content`](crate::Limits::content); none of these octets counts as content, and a server's
    /// refusal is due. [`ReceiveError::Ended`]: the message was given up. [`ReceiveError::Misuse`]: no content is to come, or not so much.
    pub fn content_received(&mut self, now: Instant, octets: u64) -> Result<(), ReceiveError> {
        let (machine, settings) = self.parts();
        machine.check_content(octets)?;
        machine.octets_told(octets);
        let unread = machine.is(flag::DISCARD) && !machine.is(flag::CLIENT);
        let most = settings.limits.content.unwrap_or(u64::MAX);
        if machine.receive_by != Counted::Exact && !unread && octets > most.saturating_sub(machine.octets) {
            machine.fail(now, ProtocolErrorKind::ContentTooLarge);
            self.settle(now);
            return Err(ProtocolErrorKind::ContentTooLarge.into());
        }
        machine.content_received(now, octets);
        if unread {
            machine.unread_content(now, settings);
        }
        self.moved(now);
        Ok(())
    }

    /// The message being received is complete. An exact length ends by itself; then this changes nothing.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::Misuse`]: a head is still to be received, or content of an exact length.
    pub fn end_received(&mut self, now: Instant) -> Result<(), ReceiveError> {
        match self.machine.receiving {
            _ if self.machine.stage != Stage::Open => {}
            Half::Content if self.machine.receive_by != Counted::Exact => {
                self.machine.end_received(now);
                self.end_if_old(now);
            }
            Half::Content | Half::Head => return Err(Misuse::ContentNotExpected.into()),
            Half::Complete | Half::Idle => {}
        }
        self.settle(now);
        Ok(())
    }

    /// What a foreign parser found wrong. A server's answer is then due: [`Wants::application`].
    pub fn fault_received(&mut self, now: Instant, fault: ProtocolErrorKind) {
        if self.machine.stage == Stage::Open {
            self.machine.fail(now, fault);
        }
    }

    /// The peer closed its side, all it sent having been reported. What it broke off, if anything.
    pub fn eof_received(&mut self, now: Instant) -> Option<ProtocolErrorKind> {
        let broken = self.machine.eof(now, 0);
        let (machine, settings) = self.parts();
        machine.half_closed(settings);
        self.settle(now);
        broken
    }

    /// The look that [`ReadWant::LookOnce`] asked for found nothing.
    pub fn nothing_to_read(&mut self, now: Instant) {
        let (machine, settings) = self.parts();
        machine.nothing_to_read(now, settings);
    }

    /// Octets were handed to the transport, or will be: of heads, framing and content.
    pub fn octets_written(&mut self, now: Instant, octets: u64) {
        let now = self.machine.tick(now);
        self.wrote(now, octets);
    }

    /// So many of the octets handed out have left since the last call.
    #[inline]
    pub fn handle_sent(&mut self, now: Instant, octets: u64) {
        self.machine.sent(now, octets);
        if octets > 0 {
            self.gone(self.machine.latest);
        }
        R::left(&mut self.state, &mut self.machine, now);
    }

    /// The half-close or close asked for is done.
    pub fn handle_shut(&mut self, now: Instant) {
        self.machine.shut(now);
    }

    /// The transport failed: nothing more comes or goes.
    pub fn transport_failed(&mut self, now: Instant) {
        self.machine.transport_failed(now);
    }

    /// Lets what is due expire: the deadline that did, if one was due. To be called until `None`; then the next deadline is
    /// absent or later than `now`.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Deadline> {
        let peer = R::peer_time(&self.state);
        let (machine, settings) = self.parts();
        machine.handle_timeout(now, settings, peer)
    }

    /// Closes gracefully: after this exchange, or now if there is none (RFC 9112 9.6).
    pub fn close_after_exchange(&mut self, now: Instant) {
        let (machine, settings) = self.parts();
        machine.drain(now, settings);
    }

    /// Cuts the connection.
    pub fn abort(&mut self, now: Instant) {
        self.machine.abort(now, CloseReason::Aborted);
    }

    /// Content of ours was sent; of an exact length the last ends the message.
    pub fn content_sent(&mut self, now: Instant, octets: u64) -> Result<(), SendError> {
        let machine = &mut self.machine;
        if machine.stage != Stage::Open || machine.sending != Half::Content {
            return machine.check_nothing_more(octets);
        }
        let to_send = match machine.send_by {
            Counted::Exact => Some(machine.to_send.checked_sub(octets).ok_or(Misuse::TooMuchContent)?),
            Counted::Chunked | Counted::UntilClose => None,
        };
        if R::FLAGS & flag::CLIENT != 0 && octets > 0 {
            // it goes without the `100 (Continue)` it might have waited for
            machine.flags &= !flag::CONTINUE;
        }
        if let Some(to_send) = to_send {
            machine.to_send = to_send;
            if to_send == 0 {
                machine.flags |= flag::ENDED;
                self.sent_whole(now);
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn sent_whole(&mut self, now: Instant) {
        self.machine.end_sent(now);
        R::whole(&mut self.state);
        // all of it may have left before
        R::left(&mut self.state, &mut self.machine, now);
        self.moved(now);
    }

    /// The message we send is complete. After one that ended by itself this changes nothing.
    pub fn end_sent(&mut self, now: Instant) -> Result<(), SendError> {
        let machine = &mut self.machine;
        match machine.sending {
            Half::Content if machine.stage == Stage::Open => {
                if machine.send_by == Counted::Exact && machine.to_send > 0 {
                    return Err(Misuse::TooLittleContent.into());
                }
                self.sent_whole(now);
                Ok(())
            }
            _ => machine.check_nothing_more(0),
        }
    }

    /// Whether the connection outlives this exchange, as far as is known, and why.
    pub fn persistence(&self) -> Persistence {
        self.machine.persistence()
    }

    /// Every cause to close so far: the first, which is the reason of [`persistence`](Self::persistence), and then the others in
    /// the order of [`CloseReason`].
    pub fn close_reasons(&self) -> impl Iterator<Item = CloseReason> + use<R, C> {
        self.machine.causes.iter()
    }

    /// What is due next, if nothing happens before.
    #[inline]
    pub fn next_deadline(&self) -> Option<Deadline> {
        let (settings, peer) = (self.config.settings(), R::peer_time(&self.state));
        let idle = match R::FLAGS & flag::CLIENT {
            0 => self.machine.idling(settings),
            _ => self.machine.resting(settings, peer.hint),
        };
        match idle {
            Some(earliest) => earliest.get(),
            None => self.machine.next_deadline(settings, peer),
        }
    }

    /// Which fact armed the next deadline, and which setting gave its length.
    pub fn deadline_cause(&self) -> Option<DeadlineCause> {
        self.machine.deadline_cause(self.config.settings(), R::peer_time(&self.state))
    }

    /// Exchanges begun on this connection: complete heads.
    pub fn exchanges(&self) -> u32 {
        self.machine.exchanges
    }

    /// Octets handed out that have not left.
    pub fn octets_pending(&self) -> u64 {
        self.machine.pending
    }

    /// The transport is closed, and nothing is left to do.
    pub fn is_closed(&self) -> bool {
        self.machine.stage == Stage::Closed
    }

    /// Nothing of an exchange is outstanding, and the next may begin.
    pub fn is_idle(&self) -> bool {
        self.machine.stage == Stage::Open && self.machine.between_exchanges()
    }

    /// What the machine waits for. Each part is independent of the others.
    pub fn wants(&self) -> Wants {
        let machine = &self.machine;
        Wants {
            read: self.read_want(),
            flush: machine.pending > 0 && matches!(machine.stage, Stage::Open | Stage::Finishing | Stage::Tunnel),
            application: self.turn(),
            shut: match machine.stage {
                Stage::Finishing if machine.pending > 0 => None,
                Stage::Finishing if machine.is(flag::EOF) => Some(Shut::Close(machine.close_reason())),
                Stage::Finishing => Some(Shut::HalfClose(machine.close_reason())),
                Stage::CloseDue => Some(Shut::Close(machine.close_reason())),
                Stage::ResetDue => Some(Shut::Reset(machine.close_reason())),
                Stage::Open | Stage::HalfClosed | Stage::Closed | Stage::Tunnel => None,
            },
        }
    }

    fn read_want(&self) -> ReadWant {
        let machine = &self.machine;
        if machine.is(flag::EOF) {
            // the application comes first where a response is due; what is offered may be nothing: then the end is told
            let waits = machine.stage == Stage::Open && machine.receiving != Half::Complete;
            return if waits { ReadWant::Offer } else { ReadWant::No };
        }
        match machine.stage {
            Stage::Open if machine.looking.is_some() => ReadWant::LookOnce,
            Stage::Open if machine.is(flag::REFUSING) => ReadWant::Discard,
            Stage::Open if machine.receiving != Half::Complete => ReadWant::Octets,
            Stage::Open if machine.is(flag::DISCARD) => ReadWant::Discard,
            Stage::Open => ReadWant::EofOnly,
            Stage::Finishing | Stage::HalfClosed => ReadWant::Discard,
            _ => ReadWant::No,
        }
    }

    fn turn(&self) -> Option<Turn> {
        let machine = &self.machine;
        if machine.is(flag::CLIENT) {
            let sends = machine.stage == Stage::Open && machine.sending == Half::Content;
            return if sends && !machine.is(flag::CONTINUE) { Some(Turn::Content) } else { None };
        }
        match (machine.stage, machine.refusal()) {
            (Stage::Open, Some(status)) => Some(Turn::Refuse(status)),
            (Stage::Open, None) => match (machine.receiving, machine.sending) {
                (_, Half::Content) => Some(Turn::Content),
                (Half::Content, Half::Idle) if machine.is(flag::CONTINUE) => Some(Turn::Continue),
                (Half::Content | Half::Complete, Half::Idle) => Some(Turn::Respond),
                _ => None,
            },
            _ => None,
        }
    }
}

impl<C: Deref<Target = Config<Server>>> Lifecycle<Server, C> {
    /// A request's head is complete: how its content is framed.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::Fault`]: what is wrong with it; then the refusal is due. [`ReceiveError::Ended`]: the connection ends, and what comes
    /// is to be dropped. [`ReceiveError::Misuse`]: the exchange before is not over; pipelined requests wait (RFC 9112 9.3.2).
    pub fn head_received(&mut self, now: Instant, head: &HeadFacts) -> Result<Framing, ReceiveError> {
        let (octets, told, head) = (head.octets, head.octets_told, &head.facts);
        let (machine, settings) = self.parts();
        machine.check_head()?;
        if machine.receiving == Half::Idle {
            // its octets ran ahead: the exchange begins where it is looked at
            machine.head_octets(now, 0);
        }
        machine.octets_told(octets.into());
        machine.ahead_told = told;
        let framing = request_head(machine, settings, now, head)?;
        if framing.length == BodyLength::Chunked {
            machine.ahead = 0;
        }
        Ok(framing)
    }

    /// May a final response of this status and content be sent, and what must its head say? Then it counts as handed out.
    pub fn head_to_send(&mut self, now: Instant, status: StatusCode, content: Content) -> Result<Announce, SendError> {
        let (machine, settings) = self.parts();
        let now = machine.tick(now);
        let plan = response_to_send::plan_response(machine, settings, now, status, content, 0)?;
        let announce = plan.announce(machine, settings);
        response_to_send::commit_response(machine, now, &plan);
        Ok(announce)
    }

    /// May an interim response of this status be sent? Then it counts as handed out. `false`: it is not to be sent, for it would say
    /// nothing: a `100 (Continue)` that nobody waits for, or no longer.
    pub fn interim_to_send(&mut self, now: Instant, status: StatusCode) -> Result<bool, SendError> {
        self.machine.tick(now);
        let says = response_to_send::check_interim(&self.machine, status)?;
        if says {
            response_to_send::commit_interim(&mut self.machine, status);
        }
        Ok(says)
    }
}

/// A complete request head: its framing, or the fault that has been recorded.
#[inline(always)]
pub(crate) fn request_head(
    machine: &mut Machine,
    settings: &Settings,
    now: Instant,
    head: &Facts,
) -> Result<Framing, ProtocolErrorKind> {
    match judge_request(settings, head) {
        Ok(framing) => {
            machine.request_received(now, settings, head, framing);
            Ok(framing)
        }
        Err(kind) => {
            machine.request_known(head);
            machine.fail(now, kind);
            Err(kind)
        }
    }
}

#[inline(always)]
fn judge_request(settings: &Settings, head: &Facts) -> Result<Framing, ProtocolErrorKind> {
    let framing = framing::frame_request(head, &settings.policy)?;
    if settings.policy.host.is_on() {
        framing::check_host(head)?;
    }
    framing::check_expectation(head, &settings.policy)?;
    match (framing.length, settings.limits.content) {
        (BodyLength::Exact(octets), Some(most)) if octets > most => Err(ProtocolErrorKind::ContentTooLarge),
        _ => Ok(framing),
    }
}
