//! All of a connection but the application: the machine, the transport, time, and the content of the request.

use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_keepalive::{Account, ConnectionSummary, ContentUse, Instant, MethodKind, Server, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};

use super::body::{Appetite, Sender};
use super::builder::Shared;
use super::connection::ready_or_none;
use super::{Body, ConnectionInfo, ContentError, ExchangeTimeouts, upgrade};
use crate::stream::{Machine, Stream, machine};
use crate::trace::event;
use crate::{Joined, Timer, Upgraded, reset_tcp, spare};

/// All of a connection but the application.
pub(super) struct Parts<T> {
    pub(super) machine: Machine<Server>,
    pub(super) stream: Option<Stream<T>>,
    pub(super) shared: Arc<Shared>,
    pub(super) now: Instant,
    pub(super) method: MethodKind,
    pub(super) account: Account,
    timer: Timer,
    joined: Option<Joined>,
    draining: bool,
    exchange: u32,
    /// When the look that was asked for is over.
    look: Option<Instant>,
    /// The content of the request, while the application may take it.
    pub(super) reading: Option<Sender>,
    /// What the machine was told of it.
    said: Appetite,
    /// What the application may ask of this exchange, where requests have extensions.
    pub(super) timeouts: Option<ExchangeTimeouts>,
    /// Boxed, since few ask for one.
    upgrade: Option<Box<upgrade::Fulfil>>,
}

/// What a read came to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    Octets,
    /// The application has content.
    Content,
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Parts<T> {
    pub(super) fn new(shared: Arc<Shared>, transport: T) -> Self {
        let now = shared.clock.now();
        let mut machine = machine(now, Arc::clone(&shared.config)).with_early_responses().with_late_continue();
        if shared.tunnels {
            machine = machine.with_tunnels();
        }
        Self {
            machine,
            stream: Some(Stream::new(transport, reset_tcp)),
            now,
            method: MethodKind::Get,
            account: Account::new(now),
            timer: Timer::new(),
            joined: shared.drain.as_ref().map(crate::Drain::join),
            draining: false,
            exchange: 0,
            look: None,
            reading: None,
            said: Appetite::Reading,
            timeouts: None,
            upgrade: None,
            shared,
        }
    }

    /// The task runs.
    pub(super) fn begin(&mut self, context: &mut Context<'_>) {
        self.now = self.shared.clock.now();
        if !self.draining && self.joined.as_mut().is_some_and(|joined| joined.poll_begun(context)) {
            self.draining = true;
            self.machine.close_after_exchange(self.now);
        }
        self.machine.empty_storages().into_iter().flatten().for_each(spare::take);
        if let Some(sender) = &self.reading {
            sender.drive();
        }
    }

    /// What the connection came to.
    pub(super) fn summary(&mut self) -> ConnectionSummary {
        self.look();
        let summary = self.account.summary(self.now, self.machine.connection());
        event!(
            DEBUG,
            "connection over",
            reason = summary.persistence.as_str(),
            clause = summary.persistence.clause(),
            summary = summary.to_string().as_str()
        );
        summary
    }

    /// An exchange begins: its content is not read before it is asked for.
    pub(super) fn begun(&mut self, mut request: Request<Body>, sender: Option<Sender>, offers: bool) -> Request<Body> {
        self.exchange += 1;
        // what is left of the request before is nobody's
        self.lose_content();
        if let Some(sender) = sender {
            // how the machine takes it until it is told
            self.reading = Some(sender);
            self.said = Appetite::Reading;
            self.say_appetite();
        }
        self.upgrade = None;
        if offers {
            let (own, theirs) = upgrade::pair();
            self.upgrade = Some(Box::new(own));
            request.extensions_mut().insert(theirs);
        }
        if self.shared.extensions {
            let own = ExchangeTimeouts::default();
            let (exchange, draining) = (self.exchange, self.draining);
            let opened = self.shared.clock.of_tokio(self.account.opened());
            request.extensions_mut().insert(ConnectionInfo { exchange, opened, draining });
            request.extensions_mut().insert(own.clone());
            self.timeouts = Some(own);
        }
        request
    }

    /// Tells the machine what the application does with the content, if that has changed. Whether it has.
    fn say_appetite(&mut self) -> bool {
        let Some(sender) = &self.reading else { return false };
        let appetite = sender.appetite();
        if appetite == self.said {
            return false;
        }
        self.say(appetite);
        true
    }

    fn say(&mut self, appetite: Appetite) {
        self.said = appetite;
        let content_use = match appetite {
            Appetite::Paused => ContentUse::Paused,
            Appetite::Reading => ContentUse::Reading,
            Appetite::Dropped => ContentUse::Dropped,
        };
        // where it has ended, nothing is read
        let _ = self.machine.content_use(self.now, content_use);
    }

    /// The application has nothing to say: it may have begun to read, or have asked for other timeouts. Whether it is busy.
    pub(super) fn go_on_reading(&mut self) -> bool {
        self.take_timeouts();
        if self.say_appetite() && self.said == Appetite::Reading {
            // nothing is sent where the client does not wait for it
            let _ = self.machine.send_continue(self.now);
        }
        true
    }

    /// Tells the machine of the timeouts that the application asked for.
    pub(super) fn take_timeouts(&mut self) {
        if let Some(config) = self.timeouts.as_ref().and_then(ExchangeTimeouts::take) {
            let _ = self.machine.exchange_timeouts(self.now, config);
        }
    }

    /// The head of the response was sent. Who waits for another protocol is told where there will be none.
    pub(super) fn head_sent(&mut self, status: StatusCode) {
        // one that is complete is looked at where it is answered
        if self.machine.takes_content() {
            self.look();
        }
        let switches = status == StatusCode::SWITCHING_PROTOCOLS
            || (self.method == MethodKind::Connect && (200..300).contains(&status.as_u16()));
        if !switches {
            self.upgrade = None;
        }
    }

    /// Counts: after each step that may begin or end an exchange.
    pub(super) fn look(&mut self) {
        self.account.look(self.now, self.machine.connection());
    }

    /// Content of the request waits for the application.
    pub(super) const fn has_unread(&self) -> bool {
        self.reading.is_some() && matches!(self.said, Appetite::Paused)
    }

    /// Reads what the machine wants: content straight to where it stays, if none of it waits in the buffer.
    pub(super) fn read(&mut self, context: &mut Context<'_>) -> Option<Read> {
        let stream = self.stream.as_mut()?;
        if self.reading.is_some() && self.said == Appetite::Reading {
            let octets = self.machine.contiguous_content();
            if octets > 0 {
                let polled = stream.read_content(&mut self.machine, self.now, octets, context);
                return match ready_or_none(polled)? {
                    Ok(Some(piece)) => {
                        self.push(piece, context);
                        Some(Read::Content)
                    }
                    Ok(None) | Err(_) => Some(Read::Octets),
                };
            }
        }
        ready_or_none(stream.read(&mut self.machine, self.now, context)).map(|_| Read::Octets)
    }

    /// A piece of content came.
    pub(super) fn push(&mut self, piece: Bytes, context: &Context<'_>) {
        if let Some(sender) = &self.reading {
            let appetite = sender.push(piece, context.waker());
            if appetite != self.said {
                self.say(appetite);
            }
        }
    }

    /// The response is complete: content that nobody takes now is lost to the application.
    pub(super) fn answered(&mut self) {
        self.say_appetite();
        if self.said != Appetite::Reading {
            self.lose_content();
        }
        self.timeouts = None;
        self.look();
    }

    /// What is left of the content does not come to the application.
    pub(super) fn lose_content(&mut self) {
        if let Some(sender) = self.reading.take() {
            let error = match self.machine.connection().ended_by() {
                Some(reason) => ContentError { reason: reason.as_str(), clause: reason.clause() },
                None => ContentError { reason: "response-complete", clause: "RFC 9112 9.3" },
            };
            sender.end(Err(error), Waker::noop());
        }
    }

    /// Whether it is to wait: nothing has changed meanwhile, and no deadline has passed.
    pub(super) fn rests(&mut self, context: &mut Context<'_>) -> bool {
        if let Some(sender) = &self.reading {
            let appetite = sender.rest(self.said, context.waker());
            if appetite != self.said {
                self.go_on_reading();
                return false;
            }
        }
        let mut goes = self.goes();
        let machine = &mut self.machine;
        if goes.is_some_and(|goes| goes <= self.now) {
            if machine.free_place(self.now) {
                return false;
            }
            goes = None;
        }
        let at = if machine.is_looking() {
            let now = self.now;
            *self.look.get_or_insert_with(|| now.saturating_add(LOOK))
        } else {
            self.look = None;
            match (machine.next_deadline(), goes) {
                (Some(deadline), Some(goes)) => deadline.at.min(goes),
                (Some(deadline), None) => deadline.at,
                (None, Some(goes)) => goes,
                (None, None) => return true,
            }
        };
        if at > self.now && self.timer.poll_until(&self.shared.clock, self.now, at, context).is_pending() {
            return true;
        }
        self.now = self.now.max(at);
        self.look = None;
        machine.timeout(self.now);
        false
    }

    /// When it is to go since it is idle, if it is to.
    fn goes(&self) -> Option<Instant> {
        let leaves = self.draining && self.joined.as_ref().is_some_and(Joined::leaves);
        let idleness = if leaves { self.machine.idleness()? } else { return None };
        // it was looked at, and is being shut
        (!self.machine.is_looking()).then_some(idleness.shielded_until)
    }

    /// The connection is another protocol's.
    pub(super) fn hand_over(&mut self) {
        if let (Some(fulfil), Some(stream)) = (self.upgrade.take(), self.stream.take()) {
            // who does not wait for it does not want it
            let _ = fulfil.send(Upgraded::new(stream.io, self.machine.received()));
        }
    }

    /// Nothing is done for now: what holds no octets goes to other connections.
    pub(super) fn give_storages(&mut self) {
        let mut holds = false;
        for storage in self.machine.empty_storages() {
            match storage {
                Some(storage) => spare::give(storage),
                None => holds = true,
            }
        }
        if holds {
            self.machine.shrink();
        }
    }
}

/// For how long to look whether there is something: the runtime asks the system meanwhile.
const LOOK: Duration = Duration::from_millis(1);
