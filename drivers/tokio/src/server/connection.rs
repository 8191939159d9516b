//! The future of a connection.
//!
//! It asks the drive what is next, does it, and waits when nothing moves: for the transport, for the application, for time. Whatever wakes
//! it, it does all there is to do: what has come goes before what is due.
//!
//! A buffer belongs to a connection only while there is something in it. Else it is the thread's, lent for a poll, so that an idle
//! connection has none.

use std::cell::RefCell;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_keepalive::drive::{Attempt, Drive, Step};
use http_keepalive::{
    Account, BodyLength, ConnectionSummary, ContentUse, Event, Instant, MethodKind, RequestHead, Shut, StatusCode,
};
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite};
use tower_service::Service;

use super::body::{self, Appetite, Sender};
use super::builder::Shared;
use super::transport::{Machine, Wire};
use super::{Body, ConnectionInfo, ContentError, ExchangeTimeouts, Upgraded, request, upgrade};
use crate::{BoxError, Joined, Reset, Timer, reset_tcp, trace, with_date};

pin_project! {
    /// A connection that is served: its output says what it came to, and why it ended.
    ///
    /// If it is dropped, the transport is dropped with it, and an answer that has not left is lost: tell the [`Drain`](crate::Drain), and wait.
    #[must_use = "a future does nothing before it is polled"]
    pub struct Connection<T, S, B>
    where
        S: Service<Request<Body>>,
    {
        pub(super) parts: Parts<T>,
        service: S,
        #[pin]
        pub(super) answer: Answer<S::Future>,
        #[pin]
        pub(super) content: Option<B>,
    }
}

pin_project! {
    /// What the application does with the request.
    #[project = AnswerProject]
    pub(super) enum Answer<F> {
        None,
        /// It is not ready for one.
        Waits { request: Option<Box<Request<Body>>> },
        Runs { #[pin] future: F },
    }
}

/// All of a connection but the application.
pub(super) struct Parts<T> {
    pub(super) machine: Machine,
    pub(super) wire: Option<Wire<T>>,
    pub(super) shared: Arc<Shared>,
    pub(super) now: Instant,
    pub(super) method: MethodKind,
    account: Account,
    timer: Timer,
    joined: Option<Joined>,
    draining: bool,
    opened: Instant,
    exchange: u32,
    /// When the look that was asked for is over.
    look: Option<Instant>,
    /// The content of the request, and what was said of it.
    reading: Option<(Sender, Appetite)>,
    /// What the application may ask of this exchange, where requests have extensions.
    timeouts: Option<ExchangeTimeouts>,
    upgrade: Option<upgrade::Fulfil>,
}

impl<T, S, B> Connection<T, S, B>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Body>, Response = Response<B>>,
{
    pub(super) fn new(shared: Arc<Shared>, transport: T, service: S) -> Self {
        let now = shared.clock.now();
        let mut machine = Drive::new(now, Arc::clone(&shared.config), Vec::new(), Vec::new())
            .with_early_responses()
            .with_late_continue();
        if shared.tunnels {
            machine = machine.with_tunnels();
        }
        let parts = Parts {
            machine,
            wire: Some(Wire::new(transport, reset_tcp)),
            now,
            method: MethodKind::Get,
            account: Account::new(now),
            timer: Timer::new(),
            joined: shared.drain.as_ref().map(crate::Drain::join),
            draining: false,
            opened: now,
            exchange: 0,
            look: None,
            reading: None,
            timeouts: None,
            upgrade: None,
            shared,
        };
        Self { parts, service, answer: Answer::None, content: None }
    }

    /// Resets by this function: for a transport around a socket, such as TLS. By default a [`TcpStream`](tokio::net::TcpStream) is reset, and
    /// any other transport is closed.
    pub fn with_reset(mut self, reset: Reset<T>) -> Self {
        if let Some(wire) = &mut self.parts.wire {
            wire.reset = reset;
        }
        self
    }
}

impl<T, S, B> Future for Connection<T, S, B>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    type Output = ConnectionSummary;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<ConnectionSummary> {
        let parts = self.as_mut().project().parts;
        parts.now = parts.shared.clock.now();
        if !parts.draining && parts.joined.as_mut().is_some_and(|joined| joined.poll_begun(context)) {
            parts.draining = true;
            parts.machine.close_after_exchange(parts.now);
        }
        parts.lend_buffers();
        if let Some((sender, _)) = &parts.reading {
            sender.drive();
        }
        let over = loop {
            if self.as_mut().run(context).is_ready() {
                break true;
            }
            if self.as_mut().project().parts.rests(context) {
                break false;
            }
        };
        let parts = self.as_mut().project().parts;
        parts.take_buffers();
        if !over {
            return Poll::Pending;
        }
        parts.look();
        let summary = parts.account.summary(parts.now, parts.machine.connection());
        trace::closed(&summary);
        Poll::Ready(summary)
    }
}

impl<T, S, B> Connection<T, S, B>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    /// Does all there is to do. `Ready`: the connection is over.
    fn run(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // the application was asked, and has nothing to say
        let mut busy = false;
        loop {
            let parts = self.as_mut().project().parts;
            let now = parts.now;
            let step = if busy { parts.machine.poll_while_busy(now) } else { parts.machine.poll(now) };
            match step {
                Step::Transport(transport) => {
                    let Some(wire) = &mut parts.wire else { return Poll::Pending };
                    let mut moved = false;
                    if transport.write != Attempt::No {
                        moved = wire.write(&mut parts.machine, now, context).is_ready();
                    } else {
                        // it wakes this task where it goes on
                        let _ = wire.flush(&mut parts.machine, now, context);
                    }
                    // what has left may be all that is to be done for now, and the next step says whether to read
                    if transport.read != Attempt::No && !moved {
                        let read = parts.read(context);
                        busy &= read != Some(Read::Content);
                        moved |= read.is_some();
                    }
                    if !moved {
                        return Poll::Pending;
                    }
                }
                Step::Respond | Step::Continue => match ready_or_none(self.as_mut().poll_answer(context)) {
                    Some(Ok(response)) => self.as_mut().respond(response, context),
                    Some(Err(error)) => self.as_mut().fail(error),
                    None => busy = self.as_mut().project().parts.go_on_reading(),
                },
                Step::Content => {
                    busy = self.as_mut().send_content(context).is_pending();
                    self.as_mut().project().parts.take_timeouts();
                }
                Step::Event(Event::Request(head)) => {
                    parts.method = head.method.kind();
                    let begun = begin(&head);
                    let offers = head.offers_upgrade() || parts.method == MethodKind::Connect;
                    parts.look();
                    match begun.map(|(request, sender)| parts.begun(request, sender, offers)) {
                        Ok(request) => self.as_mut().call(request, context),
                        // `http` does not take what the machine does
                        Err(_) => drop(parts.machine.refuse(now, StatusCode::BAD_REQUEST)),
                    }
                    busy = false;
                }
                Step::Event(Event::Content(piece)) => {
                    let piece = Bytes::copy_from_slice(piece);
                    parts.push(piece, context);
                    busy = false;
                }
                Step::Event(Event::End { trailers }) => {
                    if let Some((sender, _)) = parts.reading.take() {
                        let trailers = (!trailers.as_bytes().is_empty()).then(|| {
                            let octets = Bytes::copy_from_slice(trailers.as_bytes());
                            let copy = trailers.places(trailers.as_bytes()).on(&octets)?;
                            copy.to_http(&octets).ok()
                        });
                        sender.end(Ok(trailers.flatten()), context.waker());
                        if let Some(wire) = &mut parts.wire {
                            wire.content_ended();
                        }
                        parts.look();
                        busy = false;
                    }
                }
                Step::Event(_) => {}
                Step::Error(error) => {
                    trace::error(&error);
                    if let Some((sender, _)) = parts.reading.take() {
                        let error = ContentError { reason: error.kind.as_str(), clause: error.kind.clause() };
                        sender.end(Err(error), context.waker());
                        busy = false;
                    }
                }
                Step::Expired(deadline) => {
                    trace::expired(&deadline);
                    parts.account.expired(deadline);
                }
                Step::Refuse(status) => {
                    trace::refused(status, parts.machine.connection());
                    self.as_mut().drop_application();
                    let parts = self.as_mut().project().parts;
                    if parts.shared.date {
                        // where it fails, the drive sends it as it is
                        let _ = with_date(&parts.shared.clock, now, |date| {
                            parts.machine.send_refusal(now, [("Date", date)])
                        });
                    }
                }
                Step::Shut(shut) => {
                    let Some(wire) = &mut parts.wire else { return Poll::Pending };
                    ready!(wire.shut(shut, context));
                    trace::shut(shut);
                    parts.machine.shut_done(now);
                    if !matches!(shut, Shut::HalfClose(_)) {
                        self.as_mut().drop_application();
                    }
                }
                Step::HandOver(_) => {
                    if let Some(wire) = &mut parts.wire {
                        // the other protocol may begin with the peer, who waits for this
                        ready!(wire.flush(&mut parts.machine, now, context));
                    }
                    parts.hand_over();
                    return Poll::Ready(());
                }
                Step::Closed => {
                    self.as_mut().drop_application();
                    return Poll::Ready(());
                }
            }
        }
    }

    /// A request came, and the service is ready for it or not yet.
    fn call(self: Pin<&mut Self>, request: Request<Body>, context: &mut Context<'_>) {
        let mut this = self.project();
        match this.service.poll_ready(context) {
            Poll::Ready(Ok(())) => this.answer.set(Answer::Runs { future: this.service.call(request) }),
            Poll::Pending => this.answer.set(Answer::Waits { request: Some(Box::new(request)) }),
            Poll::Ready(Err(error)) => {
                trace::failed(&error.into());
                let _ = this.parts.machine.application_gone(this.parts.now);
            }
        }
    }

    /// The response, if there is one.
    fn poll_answer(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Response<B>, S::Error>> {
        let mut this = self.project();
        loop {
            match this.answer.as_mut().project() {
                AnswerProject::Runs { future } => {
                    let answer = ready!(future.poll(context));
                    // it may have taken long, and what comes of it is of now
                    this.parts.now = this.parts.shared.clock.now();
                    this.answer.set(Answer::None);
                    return Poll::Ready(answer);
                }
                AnswerProject::Waits { request } => {
                    ready!(this.service.poll_ready(context))?;
                    match request.take() {
                        Some(request) => {
                            let future = this.service.call(*request);
                            this.answer.set(Answer::Runs { future });
                        }
                        None => return Poll::Pending,
                    }
                }
                AnswerProject::None => return Poll::Pending,
            }
        }
    }

    /// The service, or the content of its response, failed.
    pub(super) fn fail(self: Pin<&mut Self>, error: impl Into<BoxError>) {
        let mut this = self.project();
        trace::failed(&error.into());
        this.answer.set(Answer::None);
        this.content.set(None);
        if this.parts.machine.application_gone(this.parts.now).is_err() {
            this.parts.machine.abort(this.parts.now);
        }
    }

    /// Nobody waits for the application any more.
    fn drop_application(self: Pin<&mut Self>) {
        let mut this = self.project();
        this.answer.set(Answer::None);
        this.content.set(None);
        this.parts.timeouts = None;
        this.parts.lose_content();
    }
}

/// What a read came to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Read {
    Octets,
    /// The application has content.
    Content,
}

fn ready_or_none<R>(polled: Poll<R>) -> Option<R> {
    match polled {
        Poll::Ready(ready) => Some(ready),
        Poll::Pending => None,
    }
}

/// A request's head as a request of `http`, and the connection's end of its content.
fn begin(head: &RequestHead<'_>) -> Result<(Request<Body>, Option<Sender>), http::Error> {
    let (sender, body) = match head.framing.length {
        BodyLength::Empty | BodyLength::Exact(0) => (None, Body::empty()),
        length => {
            let octets = if let BodyLength::Exact(octets) = length { Some(octets) } else { None };
            let (sender, body) = body::channel(octets);
            (Some(sender), body)
        }
    };
    Ok((request::to_http(head, body)?, sender))
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Parts<T> {
    /// An exchange begins: its content is not read before it is asked for.
    fn begun(&mut self, mut request: Request<Body>, sender: Option<Sender>, offers: bool) -> Request<Body> {
        self.exchange += 1;
        // what is left of the request before is nobody's
        self.lose_content();
        if let Some(sender) = sender {
            // how the machine takes it until it is told
            self.reading = Some((sender, Appetite::Reading));
            self.say_appetite();
        }
        self.upgrade = None;
        if offers {
            let (own, theirs) = upgrade::pair();
            self.upgrade = Some(own);
            request.extensions_mut().insert(theirs);
        }
        if self.shared.extensions {
            let own = ExchangeTimeouts::default();
            let (exchange, draining) = (self.exchange, self.draining);
            let opened = self.shared.clock.of_tokio(self.opened);
            request.extensions_mut().insert(ConnectionInfo { exchange, opened, draining });
            request.extensions_mut().insert(own.clone());
            self.timeouts = Some(own);
        }
        request
    }

    /// Tells the machine what the application does with the content, if that has changed. Whether it has.
    fn say_appetite(&mut self) -> bool {
        let Some((sender, said)) = &mut self.reading else { return false };
        let appetite = sender.appetite();
        if appetite == *said {
            return false;
        }
        *said = appetite;
        self.say(appetite);
        true
    }

    fn say(&mut self, appetite: Appetite) {
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
        if self.say_appetite() && matches!(self.reading, Some((_, Appetite::Reading))) {
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
        self.look();
        let switches = status == StatusCode::SWITCHING_PROTOCOLS
            || (self.method == MethodKind::Connect && (200..300).contains(&status.as_u16()));
        if !switches {
            self.upgrade = None;
        }
    }

    /// Counts: after each step that may begin or end an exchange.
    fn look(&mut self) {
        self.account.look(self.now, self.machine.connection());
    }

    /// Content of the request waits for the application.
    pub(super) const fn has_unread(&self) -> bool {
        matches!(self.reading, Some((_, Appetite::Paused)))
    }

    /// Reads what the machine wants: content straight to where it stays, if none of it waits in the buffer.
    fn read(&mut self, context: &mut Context<'_>) -> Option<Read> {
        let wire = self.wire.as_mut()?;
        if matches!(self.reading, Some((_, Appetite::Reading))) {
            let octets = self.machine.contiguous_content();
            if octets > 0 {
                let polled = wire.read_content(&mut self.machine, self.now, octets, context);
                return match ready_or_none(polled)? {
                    Some(piece) => {
                        self.push(piece, context);
                        Some(Read::Content)
                    }
                    None => Some(Read::Octets),
                };
            }
        }
        ready_or_none(wire.read(&mut self.machine, self.now, context)).map(|()| Read::Octets)
    }

    /// A piece of content came.
    fn push(&mut self, piece: Bytes, context: &Context<'_>) {
        if let Some((sender, said)) = &mut self.reading {
            let appetite = sender.push(piece, context.waker());
            if appetite != *said {
                *said = appetite;
                self.say(appetite);
            }
        }
    }

    /// The response is complete: content that nobody takes now is lost to the application.
    pub(super) fn answered(&mut self) {
        self.say_appetite();
        if matches!(self.reading, Some((_, Appetite::Paused | Appetite::Dropped))) {
            self.lose_content();
        }
        self.timeouts = None;
        self.look();
    }

    /// What is left of the content does not come to the application.
    fn lose_content(&mut self) {
        if let Some((sender, _)) = self.reading.take() {
            let error = match self.machine.connection().ended_by() {
                Some(reason) => ContentError { reason: reason.as_str(), clause: reason.clause() },
                None => ContentError { reason: "response-complete", clause: "RFC 9112 9.3" },
            };
            sender.end(Err(error), std::task::Waker::noop());
        }
    }

    /// Whether it is to wait: nothing has changed meanwhile, and no deadline has passed.
    fn rests(&mut self, context: &mut Context<'_>) -> bool {
        if let Some((sender, said)) = &mut self.reading {
            let appetite = sender.rest(*said, context.waker());
            if appetite != *said {
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
    fn hand_over(&mut self) {
        let received = Bytes::copy_from_slice(self.machine.received());
        if let (Some(fulfil), Some(wire)) = (self.upgrade.take(), self.wire.take()) {
            // who does not wait for it does not want it
            let _ = fulfil.send(Upgraded { io: Box::new(wire.io), received });
        }
    }

    fn lend_buffers(&mut self) {
        SPARE.with_borrow_mut(|spare| {
            for (own, spare) in self.machine.empty_storages().into_iter().zip(spare) {
                if let Some(own) = own {
                    if own.is_empty() {
                        mem::swap(own, spare);
                    }
                }
            }
        });
    }

    fn take_buffers(&mut self) {
        let mut holds = false;
        SPARE.with_borrow_mut(|spare| {
            for (own, spare) in self.machine.empty_storages().into_iter().zip(spare) {
                match own {
                    Some(own) if own.len() <= MOST_SPARE => *spare = mem::take(own),
                    Some(own) => *own = Vec::new(),
                    None => holds = true,
                }
            }
        });
        if holds {
            self.machine.shrink();
        }
    }
}

std::thread_local! {
    /// Buffers of this thread, for what is received and for what is to be sent.
    static SPARE: RefCell<[Vec<u8>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// A buffer that has become longer than this is not kept.
const MOST_SPARE: usize = 256 * 1024;
/// For how long to look whether there is something: the runtime asks the system meanwhile.
const LOOK: Duration = Duration::from_millis(1);
