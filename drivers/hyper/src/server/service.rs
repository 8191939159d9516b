//! The service as hyper sees it: which heads come, and what their answers must say.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Request, Response, response};
use http_body::Body;
use http_keepalive::{Announce, Content as ContentLength, IntentFields, MethodKind, SendError, StatusCode};
use hyper::body::Incoming;
use hyper::service::Service;
use pin_project_lite::pin_project;

use super::content::Content;
use super::facts::Shared;
use super::outgoing::Outgoing;

/// A service that tells which requests come to it, and what it answers.
#[derive(Debug)]
pub struct Watched<S> {
    service: S,
    shared: Shared,
}

impl<S> Watched<S> {
    pub(super) const fn new(service: S, shared: Shared) -> Self {
        Self { service, shared }
    }
}

impl<S, B> Service<Request<Incoming>> for Watched<S>
where
    S: Service<Request<Content>, Response = Response<B>>,
    B: Body,
{
    type Response = Response<Outgoing<B>>;
    type Error = S::Error;
    type Future = Answer<S::Future>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (method, received) = self.shared.lock().head(&request);
        let http10 = request.version() == http::Version::HTTP_10;
        let future = received.ok().map(|exchange| {
            let told = exchange.map(|exchange| (self.shared.clone(), exchange));
            self.service.call(request.map(|body| Content::new(body, told)))
        });
        Answer { future, shared: self.shared.clone(), method, http10 }
    }
}

/// What the application's own fields say of the connection, and of the length of its content.
fn intents(headers: &HeaderMap, method: MethodKind, status: StatusCode, length: Option<u64>) -> (bool, ContentLength) {
    let by_length = || length.map_or(ContentLength::Unknown, ContentLength::Exact);
    let says = |name: &HeaderName| *name == CONNECTION || *name == CONTENT_LENGTH || *name == TRANSFER_ENCODING;
    if !headers.keys().any(says) {
        return (false, by_length());
    }
    match IntentFields::new(headers) {
        Ok(fields) => {
            (fields.close(), fields.content_of_response(method, status, length).unwrap_or_else(|_| by_length()))
        }
        Err(_) => (false, by_length()),
    }
}

pin_project! {
    /// The answer of a [`Watched`] service. Where the machine refuses the request, or the connection has ended, there is none: the connection
    /// sees to that.
    pub struct Answer<F> {
        #[pin]
        future: Option<F>,
        shared: Shared,
        method: MethodKind,
        http10: bool,
    }
}

impl<F, B, E> Future for Answer<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<Outgoing<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else { return Poll::Pending };
        let answered = ready!(future.poll(context));
        // what it still holds of the request is dropped before its response is weighed
        this.future.set(None);
        match answered {
            Ok(response) => respond(response, this.shared, *this.method, *this.http10)
                .map_or(Poll::Pending, |response| Poll::Ready(Ok(response))),
            Err(error) => {
                let mut facts = this.shared.lock();
                let now = facts.now();
                let _ = facts.life.application_gone(now);
                Poll::Ready(Err(error))
            }
        }
    }
}

/// The response with what its head must say of the connection. `None`: nobody is to see it.
fn respond<B: Body>(
    response: Response<B>,
    shared: &Shared,
    method: MethodKind,
    http10: bool,
) -> Option<Response<Outgoing<B>>> {
    let (mut parts, body) = response.into_parts();
    let status = StatusCode::from(parts.status);
    let length = if body.is_end_stream() { Some(0) } else { body.size_hint().exact() };
    let (close, content) = intents(&parts.headers, method, status, length);
    let mut facts = shared.lock();
    let now = facts.now();
    facts.reads_on(now);
    let head = http_keepalive::Response::new(status).with_close(close);
    let (announce, body) = match facts.life.head_to_send(now, head, content) {
        Ok(announce) => (announce, Some(body)),
        Err(SendError::Ended(_)) => return None,
        Err(_) => {
            // what may not be sent, as an interim status, is a mistake of the application
            parts.status = http::StatusCode::INTERNAL_SERVER_ERROR;
            parts.headers.clear();
            let head = http_keepalive::Response::new(StatusCode::from(parts.status)).with_close(true);
            (facts.life.head_to_send(now, head, ContentLength::Empty).ok()?, None)
        }
    };
    let hint = announce.keep_alive.and_then(|hint| facts.hint_value(hint));
    drop(facts);
    say(&mut parts, &announce, hint, http10);
    Some(Response::from_parts(parts, Outgoing::new(body, &announce, shared)))
}

/// Writes what the head must say of the connection. How its content is framed hyper says.
fn say(parts: &mut response::Parts, announce: &Announce, hint: Option<HeaderValue>, http10: bool) {
    const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
    let (options, headers) = (announce.options, &mut parts.headers);
    if http10 && !options.keep_alive {
        // else hyper adds `keep-alive` where the client asked for it
        parts.version = http::Version::HTTP_10;
    }
    let option = match (options.close, options.keep_alive) {
        (true, _) => HeaderValue::from_static("close"),
        (false, true) => HeaderValue::from_static("keep-alive"),
        (false, false) => return,
    };
    // an `Upgrade` beside it needs its own option, which the application has set
    if headers.contains_key(http::header::UPGRADE) {
        headers.append(CONNECTION, option);
    } else {
        headers.insert(CONNECTION, option);
    }
    match hint {
        Some(hint) => headers.insert(KEEP_ALIVE, hint),
        None => headers.remove(KEEP_ALIVE),
    };
}
