//! The parser-free front door: facts and intents in, decisions out, and not one octet read.
//!
//! Whoever has a parser and a writer already tells a [`Lifecycle`] what they read and what they are about to write, and gets
//! the decisions of [`Connection`](crate::Connection), which is built on it: framing, persistence with its reason, what to
//! announce, deadlines with their causes, the staged close. What a head must say of its connection it says
//! ([`Announce`](crate::Announce), which can be written); a refusal of a server it writes whole
//! ([`send_refusal`](Lifecycle::send_refusal)).
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

pub(crate) mod canonical;
pub(crate) mod checks;
mod client;
pub(crate) mod content_received;
pub(crate) mod content_use;
pub(crate) mod deadline;
pub(crate) mod deadlines;
pub(crate) mod exchange;
pub(crate) mod exchange_facts;
pub(crate) mod expiry;
pub(crate) mod grace;
pub(crate) mod idleness;
mod invariants;
pub(crate) mod jitter;
pub(crate) mod lifetime;
pub(crate) mod looks;
pub(crate) mod own_timeouts;
pub(crate) mod packing;
pub(crate) mod parking;
pub mod persistence;
pub(crate) mod phase;
pub(crate) mod pipeline;
pub(crate) mod refusals;
pub(crate) mod relative;
pub(crate) mod request_received;
pub(crate) mod request_to_send;
pub(crate) mod response_received;
pub(crate) mod response_to_send;
pub mod retry;
pub(crate) mod role;
pub(crate) mod sending;
mod server;
pub(crate) mod state;
pub(crate) mod teardown;
pub(crate) mod terms;
pub(crate) mod wants;
mod wants_by_part;
pub(crate) mod write_failure;

use core::ops::Deref;

use crate::config::{Config, Settings};
use crate::error::{Misuse, ProtocolErrorKind, ReceiveError, SendError};
use crate::lifecycle::content_use::ContentUse;
use crate::lifecycle::deadline::{Deadline, DeadlineCause};
use crate::lifecycle::persistence::{CloseReason, Persistence};
use crate::lifecycle::phase::Phase;
use crate::lifecycle::role::LifecycleRole;
use crate::lifecycle::state::{BodyEnd, ConnectionState, Ended, Receiving, Sending, Stage, Unread};
use crate::time::Instant;

/// The lifecycle of one connection, for whoever reads and writes octets elsewhere. `C` is how it holds its configuration.
///
/// **Facts in**: [`octets_received`](Self::octets_received), [`head_received`](Self::head_received),
/// [`content_received`](Self::content_received), [`end_received`](Self::end_received), [`eof_received`](Self::eof_received) or
/// [`truncation_received`](Self::truncation_received), [`octets_written`](Self::octets_written), [`handle_sent`](Self::handle_sent), [`handle_shut`](Self::handle_shut),
/// [`handle_timeout`](Self::handle_timeout), [`nothing_to_read`](Self::nothing_to_read), [`write_failed`](Self::write_failed),
/// [`transport_failed`](Self::transport_failed), [`application_gone`](Lifecycle::application_gone). **Intents in**:
/// [`head_to_send`](Self::head_to_send), [`refuse`](Lifecycle::refuse), [`exchange_timeouts`](Self::exchange_timeouts),
/// [`interim_to_send`](Lifecycle::interim_to_send), [`send_refusal`](Lifecycle::send_refusal), [`content_sent`](Self::content_sent),
/// [`end_sent`](Self::end_sent), [`content_use`](Self::content_use), [`close_after_exchange`](Self::close_after_exchange),
/// [`free_place`](Lifecycle::free_place), [`abort`](Self::abort). **Answers out**: everything that takes `&self`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lifecycle<R: LifecycleRole, C: Deref<Target = Config<R>> = &'static Config<R>> {
    config: C,
    /// Of the exchange, where it has timeouts of its own: what is kept after it counts no more.
    exchange_config: Option<C>,
    state: ConnectionState<R>,
}

impl<R: LifecycleRole, C: Deref<Target = Config<R>>> Lifecycle<R, C> {
    /// A connection that opened at `now`.
    pub fn new(now: Instant, config: C) -> Self {
        let mut state = ConnectionState::new(now);
        state.start_lifetime(config.settings(), jitter::MIDDLE);
        Self { config, exchange_config: None, state }
    }

    /// [`Connection::with_seed`](crate::Connection::with_seed): before anything happens.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.state.start_lifetime(self.config.settings(), jitter::jitter_position(seed));
        self
    }

    /// The configuration it keeps to.
    pub fn config(&self) -> &Config<R> {
        &self.config
    }

    /// The state, and the settings that it is changed by.
    #[inline(always)]
    pub(crate) fn parts(&mut self) -> (&mut ConnectionState<R>, &Settings) {
        (&mut self.state, self.config.settings())
    }

    /// What is known of the connection, to be asked.
    #[inline(always)]
    pub(crate) const fn state(&self) -> &ConnectionState<R> {
        &self.state
    }

    /// Content came, known to be expected.
    #[inline(always)]
    pub(crate) fn on_content(&mut self, now: Instant, octets: u64) {
        self.state.content_received(now, octets);
        self.after_content(now);
    }

    /// A message was moved on, perhaps to its end, and with it the exchange.
    #[inline(always)]
    pub(crate) fn after_content(&mut self, now: Instant) {
        let (state, settings) = self.parts();
        R::on_message_complete(state, now);
        Self::after_exchange(state, settings, now);
    }

    /// An exchange may be over.
    #[inline(always)]
    fn after_exchange(state: &mut ConnectionState<R>, settings: &Settings, now: Instant) {
        state.end_if_old(now, settings);
        state.begin_what_came(now);
    }

    /// Octets have come, or a part of a message is told whose octets have: a look that is waited for found them.
    #[inline(always)]
    pub(crate) fn octets_came(&mut self, now: Instant) {
        if self.state.is_looking() {
            self.look_found_octets(now);
        }
    }

    #[cold]
    #[inline(never)]
    fn look_found_octets(&mut self, now: Instant) {
        let (state, terms) = self.parts_on_terms();
        state.look_found_octets(now, terms);
    }

    /// Octets were handed out, at an instant that has been noted.
    #[inline(always)]
    pub(crate) fn on_written(&mut self, now: Instant, octets: u64) {
        self.state.written(now, octets);
        self.state.response_goes_on(now);
        R::on_written(&mut self.state, octets);
        if self.state.send.half() == Sending::Complete {
            R::on_sent_whole(&mut self.state);
        }
    }

    /// Octets arrived. May run ahead of the heads in them: the first after an exchange begins the next one's head. Line ends that the
    /// parser skips between messages are not counted here. For [`Limits::max_octets`](crate::Limits::max_octets) they count now, whatever
    /// they are of.
    ///
    /// What came with a message and is not of it may be the begin of the next head, whose deadline runs then. Whether it is, a server knows
    /// where its parser says how long heads are ([`HeadFacts::with_octets`](crate::HeadFacts::with_octets)) or what is left
    /// ([`octets_unread`](Self::octets_unread)); without that the deadline is that of a head which may have begun, and if nothing more comes
    /// until then it was none.
    pub fn octets_received(&mut self, now: Instant, octets: u64) {
        let awaits = R::awaits(&self.state);
        if octets > 0 {
            self.octets_came(now);
        }
        let (state, settings) = self.parts();
        state.count_octets(octets);
        if !R::IS_CLIENT {
            state.octets_ahead(octets);
        }
        match (state.lifetime.stage(), state.receive.half()) {
            (Stage::Open, Receiving::Idle) if octets > 0 && !awaits => {
                // the next request's answer must not be read from them (RFC 9112 9.2)
                state.unsolicited(now);
            }
            (Stage::Open, Receiving::Idle) if octets > 0 => state.head_octets(now, octets),
            (Stage::Open, Receiving::Head) => state.head_octets(now, state.receive.octets.saturating_add(octets)),
            (Stage::Open, _) => {}
            _ => state.octets_dropped(now, settings, octets),
        }
        self.check();
    }

    /// This number of octets has arrived and not been looked at: they come after the message that was told last.
    ///
    /// While a client has no request outstanding and there are any, none may be sent: what was there before it is never its answer
    /// (RFC 9112 9.2). Its parser skips line ends, a few of them, and says 0; a response is told by
    /// [`head_received`](Lifecycle::head_received), anything else by [`fault_received`](Self::fault_received). Of a server they are the begin
    /// of the next head; of a client, too, where another response is waited for. What else was received has been looked at: the word of
    /// [`nothing_left`](Lifecycle::nothing_left) is over, so a client says it within a message, too.
    pub fn octets_unread(&mut self, now: Instant, octets: u64) {
        let state = &mut self.state;
        let now = state.tick(now);
        let octets = u32::try_from(octets).unwrap_or(u32::MAX);
        if R::IS_CLIENT {
            state.receive.unread = octets;
            if state.lifetime.is_open() {
                R::on_looked_at(state);
                if octets > 0 && state.receive.half() == Receiving::Idle && R::awaits(state) {
                    // they came with the response before, and begin the next one's head
                    state.head_octets(now, octets.into());
                }
            }
            self.check();
            return;
        }
        (state.receive.unread, state.receive.unread_at) = (octets, Unread::Told);
        match (state.lifetime.stage(), state.receive.half()) {
            (Stage::Open, Receiving::Idle) if octets > 0 && state.is_between_exchanges() => {
                state.head_octets(now, octets.into());
            }
            // what had begun was none
            (Stage::Open, Receiving::Head) if octets == 0 => {
                state.receive.leave_head();
                state.lifetime.passed = None;
            }
            _ => {}
        }
        self.check();
    }

    /// Content arrived, `octets` of it; framing not counted.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::Fault`]: more than [`Limits::content`](crate::Limits::content); none of these octets counts as content, and a server's
    /// refusal is due. [`ReceiveError::Ended`]: the message was given up. [`ReceiveError::Misuse`]: no content is to come, or not so much.
    pub fn content_received(&mut self, now: Instant, octets: u64) -> Result<(), ReceiveError> {
        self.state.check_content(octets)?;
        self.octets_came(now);
        let (state, settings) = self.parts();
        state.octets_told(octets);
        if state.is_paused() {
            // what came all the same: the pause up to here is not the peer's
            state.end_pause(now);
        }
        let unread = state.drops_content();
        let over = octets > state.content_allowed(settings);
        if over && state.receive.end != BodyEnd::Exact && !unread {
            state.fail(now, ProtocolErrorKind::ContentTooLarge);
            R::on_message_complete(&mut self.state, now);
            return Err(ProtocolErrorKind::ContentTooLarge.into());
        }
        state.content_received(now, octets);
        if unread {
            state.content_dropped(now, octets);
        }
        self.after_content(now);
        self.check();
        Ok(())
    }

    /// The message being received is complete. An exact length ends by itself; then this changes nothing, also where octets that came with
    /// it have begun the next head.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::Misuse`]: content of an exact length is still to be received.
    pub fn end_received(&mut self, now: Instant) -> Result<(), ReceiveError> {
        match self.state.receive.half() {
            _ if !self.state.lifetime.is_open() => {}
            Receiving::Content if self.state.receive.end != BodyEnd::Exact => {
                self.octets_came(now);
                self.state.end_received(now);
                self.after_content(now);
            }
            Receiving::Content => return Err(Misuse::ContentNotExpected.into()),
            Receiving::Complete | Receiving::Idle | Receiving::Head => R::on_message_complete(&mut self.state, now),
        }
        self.check();
        Ok(())
    }

    /// What a foreign parser found wrong. A server's answer is then due: [`Wants::application`](crate::Wants::application). Of a client
    /// [`ProtocolErrorKind::Unsolicited`] says that octets came where no response is due, also where they are no whole head.
    pub fn fault_received(&mut self, now: Instant, fault: ProtocolErrorKind) {
        if self.state.lifetime.is_open() {
            match fault {
                ProtocolErrorKind::Unsolicited if R::IS_CLIENT => self.state.unsolicited(now),
                _ => self.state.fail(now, fault),
            }
        }
        self.check();
    }

    /// The peer closed its side as it should, by a FIN or a closure alert of TLS, all it sent having been reported. What it broke off, if
    /// anything.
    pub fn eof_received(&mut self, now: Instant) -> Option<ProtocolErrorKind> {
        let (state, settings) = self.parts();
        let broken = state.eof(now, 0);
        state.half_closed_by_peer(settings);
        R::on_message_complete(&mut self.state, now);
        self.check();
        broken
    }

    /// The same of a side that ended without the closure alert that TLS owes: content that ends with the connection is not known to be whole,
    /// and counts as broken off (RFC 9112 9.8).
    pub fn truncation_received(&mut self, now: Instant) -> Option<ProtocolErrorKind> {
        self.state.end_truncated(now);
        self.eof_received(now)
    }

    /// What the application does with the content being received, and no longer than that; each message begins with
    /// [`ContentUse::Undecided`]. An application that does not take what has come says `Paused`, so that the peer is not blamed for it.
    ///
    /// # Errors
    ///
    /// [`ReceiveError::Ended`]: the content was given up, by a timeout or a fault. [`ReceiveError::Misuse`]: no content is being received, or
    /// it was said that it is dropped. Nothing has moved.
    pub fn content_use(&mut self, now: Instant, said: ContentUse) -> Result<(), ReceiveError> {
        let (state, settings) = self.parts();
        state.content_use(now, settings, said)?;
        self.check();
        Ok(())
    }

    /// The look that [`ReadWant::LookOnce`](crate::ReadWant::LookOnce) asked for found nothing.
    pub fn nothing_to_read(&mut self, now: Instant) {
        let (state, terms) = self.parts_on_terms();
        state.nothing_to_read(now, terms);
        self.check();
    }

    /// Octets were handed to the transport, or will be: of heads, framing and content. The last of a client's request before
    /// [`content_sent`](Self::content_sent) or [`end_sent`](Self::end_sent) says that it is whole: where it was answered early that ends the
    /// connection, once all that was told has left.
    pub fn octets_written(&mut self, now: Instant, octets: u64) {
        let now = self.state.tick(now);
        self.on_written(now, octets);
        self.check();
    }

    /// So many of the octets handed out have left since the last call; 0: none left at a try that [`Wants::flush_once`](crate::Wants::flush_once) asked for.
    #[inline]
    pub fn handle_sent(&mut self, now: Instant, octets: u64) {
        if self.state.lifetime.passed.is_some() {
            return self.handle_tried(now, octets);
        }
        self.note_sent(now, octets);
        self.check();
    }

    #[inline(always)]
    fn note_sent(&mut self, now: Instant, octets: u64) {
        if self.state.sent(now, octets) {
            self.note_what_left(octets);
        }
        if octets > 0 {
            self.state.response_goes_on(self.state.latest);
        }
        R::on_sent(&mut self.state, now);
    }

    #[cold]
    #[inline(never)]
    fn note_what_left(&mut self, octets: u64) {
        let (state, terms) = self.parts_on_terms();
        state.note_what_left(octets, terms);
    }

    /// The same, and perhaps the answer to a look.
    #[cold]
    #[inline(never)]
    fn handle_tried(&mut self, now: Instant, octets: u64) {
        let due = self.state.send_rate_due(self.terms());
        if octets > 0 {
            self.note_sent(now, octets);
        }
        let (state, terms) = self.parts_on_terms();
        state.tried_to_write(now, terms, octets, due);
        self.check();
    }

    /// The half-close or close asked for is done.
    pub fn handle_shut(&mut self, now: Instant) {
        self.state.shut_done(now);
        self.check();
    }

    /// A write failed, which says nothing about reading: nothing more goes, and what comes is read until what is awaited is complete, the peer
    /// ends, or `linger` has passed since. So the answer of a server that refuses an upload is read, though the server has stopped reading
    /// (RFC 9112 9.5). Where nothing is awaited, a client's connection is to be closed at once.
    pub fn write_failed(&mut self, now: Instant) {
        self.state.write_failed(now);
        self.check();
    }

    /// The transport failed: nothing more comes or goes.
    pub fn transport_failed(&mut self, now: Instant) {
        self.state.transport_failed(now);
        self.check();
    }

    /// Lets what is due expire: the deadline that did, if one was due. To be called until `None`; then the next deadline is
    /// absent or later than `now`.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<Deadline> {
        let (state, terms) = self.parts_on_terms();
        let expired = state.handle_timeout(now, terms);
        self.check();
        expired
    }

    /// Closes gracefully: after this exchange, or now if there is none (RFC 9112 9.6).
    pub fn close_after_exchange(&mut self, now: Instant) {
        let (state, settings) = self.parts();
        state.drain(now, settings);
        self.check();
    }

    /// Cuts the connection.
    pub fn abort(&mut self, now: Instant) {
        self.state.abort(now, CloseReason::Aborted);
        self.check();
    }

    /// Content of ours was sent; of an exact length the last ends the message.
    ///
    /// # Errors
    ///
    /// [`SendError::Ended`]: the connection has ended, or nobody wants the rest of this message. [`SendError::Misuse`]: more than the
    /// declared length (RFC 9110 8.6), or no message is being sent. Nothing has moved.
    pub fn content_sent(&mut self, now: Instant, octets: u64) -> Result<(), SendError> {
        let state = &mut self.state;
        if !state.sends_content() {
            return state.check_nothing_more(octets);
        }
        if state.send.end == BodyEnd::Exact && octets > state.send.remaining {
            return Err(Misuse::TooMuchContent.into());
        }
        self.content_handed_out(now, octets);
        self.check();
        Ok(())
    }

    /// The same of content that may be sent, and is no more than is left.
    #[inline(always)]
    pub(crate) fn content_handed_out(&mut self, now: Instant, octets: u64) {
        let state = &mut self.state;
        debug_assert!(state.sends_content());
        if R::IS_CLIENT && octets > 0 {
            // it goes without the `100 (Continue)` it might have waited for
            state.send.request.awaits_continue = false;
        }
        if state.send.end == BodyEnd::Exact {
            self.exact_content_sent(now, octets);
        }
    }

    /// `octets` of content were handed out with the head that said its length, which they do not exceed.
    #[inline(always)]
    pub(crate) fn exact_content_sent(&mut self, now: Instant, octets: u64) {
        debug_assert!(self.state.sends_content() && octets <= self.state.send.remaining);
        let remaining = self.state.send.remaining.saturating_sub(octets);
        self.exact_content_remains(now, remaining);
    }

    /// So much of the content is still to be handed out.
    #[inline(always)]
    fn exact_content_remains(&mut self, now: Instant, remaining: u64) {
        self.state.send.remaining = remaining;
        if remaining == 0 {
            self.state.send.ended = Ended::ByLength;
            self.on_sent_whole(now);
        }
    }

    #[inline(always)]
    fn on_sent_whole(&mut self, now: Instant) {
        self.state.end_sent(now, self.config.settings());
        R::on_sent_whole(&mut self.state);
        // all of it may have left before
        R::on_sent(&mut self.state, now);
        R::on_handed_out(&mut self.state, now);
        let (state, settings) = self.parts();
        Self::after_exchange(state, settings, now);
    }

    /// The message we send is complete. After one that ended by itself this changes nothing.
    ///
    /// # Errors
    ///
    /// [`SendError::Ended`]: the connection has ended, or nobody wants the rest of this message. [`SendError::Misuse`]: less than the
    /// declared length was sent (RFC 9110 8.6), or no message is being sent. Nothing has moved.
    pub fn end_sent(&mut self, now: Instant) -> Result<(), SendError> {
        if !self.state.sends_content() {
            return self.state.check_nothing_more(0);
        }
        if self.state.send.end == BodyEnd::Exact && self.state.send.remaining > 0 {
            return Err(Misuse::TooLittleContent.into());
        }
        self.on_sent_whole(now);
        self.check();
        Ok(())
    }

    /// Whether the connection outlives this exchange, as far as is known, and why.
    pub fn persistence(&self) -> Persistence {
        self.state.persistence()
    }

    /// Every cause to close so far: the first, which is the reason of [`persistence`](Self::persistence), and then the others in
    /// the order of [`CloseReason`].
    pub fn close_reasons(&self) -> impl Iterator<Item = CloseReason> + use<R, C> {
        self.state.lifetime.causes.iter()
    }

    /// What ends the connection, or has ended it: the reason of its [`Shut`](crate::Shut). `None`: nothing has, so far.
    ///
    /// A refusal, a reset, a cut, a deadline name their own cause here, where the verdict on the messages
    /// ([`persistence`](Self::persistence)) keeps its first: a peer that said `close` and then does not read is `close-received` there, and
    /// `write-stall` here. An end that follows from the messages alone has the reason of the verdict, once the exchange is over.
    pub fn ended_by(&self) -> Option<CloseReason> {
        match self.state.lifetime.stage() {
            Stage::Open | Stage::Tunnel(_) => self.state.lifetime.causes.ended_by(),
            _ => self.state.lifetime.causes.end(),
        }
    }

    /// What is due next, if nothing happens before.
    #[inline]
    pub fn next_deadline(&self) -> Option<Deadline> {
        let settings = self.config.settings();
        let idle = match R::IS_CLIENT {
            true => self.state.client_idle_deadline(settings, R::peer_time(&self.state).hint),
            false => self.state.server_idle_deadline(settings),
        };
        let next = match idle {
            Some(deadline) if deadline.at == Instant::MAX => None,
            Some(deadline) => Some(deadline),
            None => self.state.next_deadline(self.terms()),
        };
        debug_assert_eq!(next, self.state.next_deadline(self.terms()), "the fast path differs from its twin");
        next
    }

    /// Which fact armed the next deadline, and which setting gave its length.
    pub fn deadline_cause(&self) -> Option<DeadlineCause> {
        self.state.deadline_cause(self.terms())
    }

    /// Every deadline that is armed now, each with its cause, in the order of [`DeadlineKind`](crate::DeadlineKind): of those that are due
    /// at once the first expires first. [`next_deadline`](Self::next_deadline) is the earliest. Empty where nothing is armed.
    pub fn deadlines(&self) -> impl Iterator<Item = DeadlineCause> {
        self.state.deadlines(self.terms())
    }

    /// Where the connection stands, in one word: for logs, counters and pictures. What to do is in [`wants`](Self::wants).
    pub fn phase(&self) -> Phase {
        self.state.phase()
    }

    /// Exchanges begun on this connection: complete heads.
    pub fn exchanges(&self) -> u32 {
        self.state.lifetime.exchanges
    }

    /// Octets handed out that have not left.
    pub fn octets_pending(&self) -> u64 {
        self.state.send.unsent
    }

    /// The transport is closed, and nothing is left to do.
    pub fn is_closed(&self) -> bool {
        self.state.lifetime.stage() == Stage::Closed
    }

    /// Nothing of an exchange is under way: no octet of the next head has been told either ([`octets_received`](Self::octets_received)). A parser
    /// that may have the next head already asks [`wants_application`](Self::wants_application) instead: where a server's is `None`, the exchange
    /// before is answered, and the head may be told (RFC 9112 9.3.2).
    pub fn is_idle(&self) -> bool {
        self.state.lifetime.is_open() && self.state.is_between_exchanges()
    }

    /// What always holds is asserted, in debug builds.
    // nothing in release builds
    #[inline(always)]
    pub(crate) fn check(&self) {
        #[cfg(debug_assertions)]
        self.state.check();
    }
}
