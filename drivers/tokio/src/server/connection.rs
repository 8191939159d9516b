//! The future of a connection.
//!
//! It asks the drive what is next, does it, and waits when nothing moves: for the transport, for the application, for time. Whatever wakes
//! it, it does all there is to do: what has come goes before what is due.
//!
//! A buffer belongs to a connection only while there is something in it. Else it is the thread's, lent for a poll, so that an idle
//! connection has none.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Request, Response};
use http_keepalive::drive::{Attempt, Step};
use http_keepalive::{
    BodyLength, ConnectionSummary, Content, Event, MethodKind, NO_FIELDS, RequestHead, Shut, StatusCode,
};
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite};
use tower_service::Service;

use super::body::{self, Sender};
use super::builder::Shared;
use super::parts::{Parts, Read};
use super::{Body, ContentError, request};
use crate::own_lines::own_lines;
use crate::trace::event;
use crate::{BoxError, Reset, trace, with_date};

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
        pub(super) answer: Answer<S::Future>,
        #[pin]
        pub(super) content: Option<B>,
    }
}

/// What the application does with the request: in memory of its own, so that a connection without a request has none of it.
pub(super) enum Answer<F> {
    None,
    /// It is not ready for one.
    Waits(Box<Request<Body>>),
    Runs(Pin<Box<F>>),
    /// The content of the response failed, after what is passed of it.
    Failed(BoxError),
}

impl<T, S, B> Connection<T, S, B>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Body>, Response = Response<B>>,
{
    pub(super) fn new(shared: Arc<Shared>, transport: T, service: S) -> Self {
        let parts = Parts::new(shared, transport);
        Self { parts, service, answer: Answer::None, content: None }
    }

    /// Resets by this function: for a transport around a socket, such as TLS. By default a [`TcpStream`](tokio::net::TcpStream) is reset, and
    /// any other transport is closed.
    pub fn with_reset(mut self, reset: Reset<T>) -> Self {
        if let Some(stream) = &mut self.parts.stream {
            stream.reset = reset;
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
        self.as_mut().project().parts.begin(context);
        let over = loop {
            if self.as_mut().run(context).is_ready() {
                break true;
            }
            if self.as_mut().project().parts.rests(context) {
                break false;
            }
        };
        let parts = self.as_mut().project().parts;
        parts.give_storages();
        if over { Poll::Ready(parts.summary()) } else { Poll::Pending }
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
                    let Some(stream) = &mut parts.stream else { return Poll::Pending };
                    let mut moved = false;
                    if transport.write != Attempt::No {
                        moved = stream.write(&mut parts.machine, now, context).is_ready();
                    } else {
                        // it wakes this task where it goes on
                        let _ = stream.flush(&mut parts.machine, now, context);
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
                    if let Some(sender) = parts.reading.take() {
                        let has_some = !trailers.as_bytes().is_empty();
                        let trailers = if has_some { own_lines(&trailers).ok() } else { None };
                        sender.end(Ok(trailers), context.waker());
                        parts.look();
                        busy = false;
                    }
                }
                Step::Event(_) => {}
                Step::Error(error) => {
                    trace::error(&error);
                    if let Some(sender) = parts.reading.take() {
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
                    let persistence = parts.machine.connection().persistence();
                    event!(
                        INFO,
                        "refused",
                        status = status.as_u16(),
                        reason = persistence.as_str(),
                        clause = persistence.clause()
                    );
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
                    let Some(stream) = &mut parts.stream else { return Poll::Pending };
                    ready!(stream.shut(shut, context));
                    event!(
                        DEBUG,
                        "shut",
                        how = how(shut),
                        reason = shut.reason().as_str(),
                        clause = shut.reason().clause()
                    );
                    parts.machine.shut_done(now);
                    if !matches!(shut, Shut::HalfClose(_)) {
                        self.as_mut().drop_application();
                    }
                }
                Step::HandOver(_) => {
                    if let Some(stream) = &mut parts.stream {
                        // the other protocol may begin with the peer, who waits for this
                        let _ = ready!(stream.flush(&mut parts.machine, now, context));
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
    fn call(mut self: Pin<&mut Self>, request: Request<Body>, context: &mut Context<'_>) {
        let this = self.as_mut().project();
        match this.service.poll_ready(context) {
            Poll::Ready(Ok(())) => *this.answer = Answer::Runs(Box::pin(this.service.call(request))),
            Poll::Pending => *this.answer = Answer::Waits(Box::new(request)),
            Poll::Ready(Err(error)) => self.fail(error),
        }
    }

    /// The response, if there is one.
    fn poll_answer(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<Response<B>, S::Error>> {
        let this = self.project();
        if matches!(this.answer, Answer::Waits(_)) {
            ready!(this.service.poll_ready(context))?;
            if let Answer::Waits(request) = std::mem::replace(this.answer, Answer::None) {
                *this.answer = Answer::Runs(Box::pin(this.service.call(*request)));
            }
        }
        let Answer::Runs(future) = this.answer else { return Poll::Pending };
        let answer = ready!(future.as_mut().poll(context));
        // it may have taken long, and what comes of it is of now
        this.parts.now = this.parts.shared.clock.now();
        *this.answer = Answer::None;
        Poll::Ready(answer)
    }

    /// The service, or the content of its response, failed.
    pub(super) fn fail(self: Pin<&mut Self>, error: impl Into<BoxError>) {
        let mut this = self.project();
        let error = error.into();
        event!(ERROR, "the service failed", reason = "application-gone", error = error.to_string().as_str());
        *this.answer = Answer::None;
        this.content.set(None);
        let (now, machine) = (this.parts.now, &mut this.parts.machine);
        // nothing is wrong with the connection, unless the response has begun
        let answered = if this.parts.shared.date {
            with_date(&this.parts.shared.clock, now, |date| {
                machine.respond(now, FAILED, [("Date", date.as_bytes())], Content::Empty)
            })
        } else {
            machine.respond(now, FAILED, NO_FIELDS, Content::Empty)
        };
        if answered.is_ok() {
            this.parts.head_sent(FAILED);
            this.parts.answered();
        } else if machine.application_gone(now).is_err() {
            machine.abort(now);
        }
    }

    /// Nobody waits for the application any more.
    fn drop_application(self: Pin<&mut Self>) {
        let mut this = self.project();
        *this.answer = Answer::None;
        this.content.set(None);
        this.parts.timeouts = None;
        this.parts.lose_content();
    }
}

/// What the client is told of a service that failed.
const FAILED: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;

pub(super) fn ready_or_none<R>(polled: Poll<R>) -> Option<R> {
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

/// How the transport is shut, for the log.
const fn how(shut: Shut) -> &'static str {
    match shut {
        Shut::HalfClose(_) => "half-close",
        Shut::Close(_) => "close",
        Shut::Reset(_) => "reset",
    }
}
