//! The response of the service, on its way out.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::{HeaderMap, Response as HttpResponse};
use http_keepalive::{Content, HttpFields, Instant, IntentFields, NO_FIELDS, Response, SendError, Server, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tower_service::Service;

use super::connection::Answer;
use super::{Body, Connection, request};
use crate::stream::{Machine, PIECES};
use crate::{BoxError, with_date};

/// What a response is cut for whose next piece does not fit into its length.
const TOO_MUCH: &str = "the content is longer than was said";
/// Content that is written at once, about: what is more is asked for when this has left.
const AT_ONCE: usize = 512 * 1024;
/// Content from here on is not copied.
const BIG: usize = 4 * 1024;
/// Content of this length at most goes out with its head, if it is there.
const WHOLE: u64 = 16 * 1024;

impl<T, S, B> Connection<T, S, B>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<http::Request<Body>, Response = HttpResponse<B>>,
    S::Error: Into<BoxError>,
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    /// Sends the head, and the content with it where that is short and there.
    pub(super) fn respond(mut self: Pin<&mut Self>, response: HttpResponse<B>, context: &mut Context<'_>) {
        let (head, body) = response.into_parts();
        let mut this = self.as_mut().project();
        let octets = if body.is_end_stream() { Some(0) } else { body.size_hint().exact() };
        this.content.set(Some(body));
        let status = StatusCode::from(head.status);
        let intents = IntentFields::new(&head.headers);
        let content =
            intents.and_then(|fields| Ok((fields, fields.content_of_response(this.parts.method, status, octets)?)));
        let (fields, content) = match content {
            Ok(content) => content,
            Err(error) => return self.fail(error),
        };
        // short content goes out with its head; and content that comes of the request's asks for that before the head says what becomes of it
        let (mut whole, mut trailers, mut ended) = (None, None, false);
        let is_short = matches!(content, Content::Exact(1..=WHOLE));
        if octets != Some(0) && (is_short || this.parts.has_unread()) {
            match this.content.as_mut().as_pin_mut().map(|body| body.poll_frame(context)) {
                Some(Poll::Ready(Some(Ok(frame)))) => match frame.into_data() {
                    Ok(mut data) => whole = Some(data.copy_to_bytes(data.remaining())),
                    Err(frame) => trailers = frame.into_trailers().ok(),
                },
                Some(Poll::Ready(Some(Err(error)))) => return self.fail(error),
                Some(Poll::Ready(None)) => ended = true,
                Some(Poll::Pending) | None => {}
            }
            this.parts.go_on_reading();
        }
        this.parts.take_timeouts();
        let response = Response::new(status).with_close(fields.close());
        let (now, machine) = (this.parts.now, &mut this.parts.machine);
        let sent = if this.parts.shared.date {
            with_date(&this.parts.shared.clock, now, |date| {
                send(machine, now, response, fields.with_date(date), content, whole.as_deref())
            })
        } else {
            send(machine, now, response, fields, content, whole.as_deref())
        };
        match sent {
            Ok(taken) => {
                this.parts.head_sent(status);
                let rest = whole.map(|whole| whole.slice(taken..)).filter(|rest| !rest.is_empty());
                if let Some(rest) = rest.filter(|_| this.parts.machine.takes_content()) {
                    self.as_mut().send_data(rest, context);
                } else if ended || trailers.is_some() {
                    self.as_mut().send_end(&trailers.unwrap_or_default());
                }
                self.after_sending();
                request::recycle(head.headers);
            }
            // the client or a deadline was faster
            Err(SendError::Ended(_)) => this.content.set(None),
            Err(error) => self.fail(error),
        }
    }

    /// Sends the next piece of content, or its end. `Pending`: there is none yet.
    pub(super) fn send_content(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.as_mut().project();
        if let Answer::Failed(error) = std::mem::replace(this.answer, Answer::None) {
            self.fail(error);
            return Poll::Ready(());
        }
        let frame = match this.content.as_pin_mut() {
            Some(body) => std::task::ready!(body.poll_frame(context)),
            None => None,
        };
        match frame {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(mut data) => {
                    let data = data.copy_to_bytes(data.remaining());
                    self.as_mut().send_data(data, context);
                }
                Err(frame) => self.as_mut().send_end(&frame.into_trailers().unwrap_or_default()),
            },
            Some(Err(error)) => self.as_mut().fail(error),
            None => self.as_mut().send_end(&HeaderMap::new()),
        }
        self.after_sending();
        Poll::Ready(())
    }

    /// Sends a piece of content: a short one is copied after what waits; a long one is written where it is, with those after it that are there.
    fn send_data(mut self: Pin<&mut Self>, data: Bytes, context: &mut Context<'_>) {
        let mut this = self.as_mut().project();
        let (now, machine) = (this.parts.now, &mut this.parts.machine);
        // what is passed may be of the response before
        if data.len() < BIG || machine.passed() > 0 {
            return match copy(machine, now, data) {
                Ok(()) | Err(SendError::Ended(_)) => {}
                Err(error) => self.fail(error),
            };
        }
        let (pieces, next) = gather(data, this.content.as_mut(), context);
        let Some(stream) = &mut this.parts.stream else { return };
        match stream.pass(machine, now, pieces) {
            Ok(is_more) if is_more && machine.takes_content() => *this.answer = Answer::Failed(TOO_MUCH.into()),
            Ok(_) => match next {
                Next::Later => {}
                Next::End(trailers) => self.send_end(&trailers),
                // what came before it goes first
                Next::Failed(error) => *this.answer = Answer::Failed(error.into()),
            },
            Err(SendError::Ended(_)) => {}
            Err(error) => self.fail(error),
        }
    }

    /// Ends the content. Fields that may not be trailers are left out, all of them.
    fn send_end(mut self: Pin<&mut Self>, trailers: &HeaderMap) {
        let this = self.as_mut().project();
        let (now, machine) = (this.parts.now, &mut this.parts.machine);
        let ended = match machine.finish(now, HttpFields(trailers)) {
            Err(SendError::Misuse(_)) if !trailers.is_empty() => machine.finish(now, NO_FIELDS),
            ended => ended,
        };
        match ended {
            Ok(()) | Err(SendError::Ended(_)) => {}
            // content that is shorter than was said
            Err(error) => self.fail(error),
        }
    }

    /// The response may be complete.
    fn after_sending(self: Pin<&mut Self>) {
        let mut this = self.project();
        if !this.parts.machine.takes_content() {
            this.content.set(None);
            this.parts.answered();
        }
    }
}

/// What comes after pieces of content.
enum Next<E> {
    /// More, which is not there yet or too much for now; or nothing.
    Later,
    End(HeaderMap),
    Failed(E),
}

/// Pieces of content that are there, so that the system is asked once for all of them.
fn gather<B: http_body::Body>(
    data: Bytes,
    mut content: Pin<&mut Option<B>>,
    context: &mut Context<'_>,
) -> (Vec<Bytes>, Next<B::Error>) {
    let (mut octets, mut pieces) = (data.len(), vec![data]);
    while octets < AT_ONCE && pieces.len() < PIECES {
        let Some(body) = content.as_mut().as_pin_mut() else { break };
        match body.poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(mut data) => {
                    octets += data.remaining();
                    pieces.push(data.copy_to_bytes(data.remaining()));
                }
                Err(frame) => return (pieces, Next::End(frame.into_trailers().unwrap_or_default())),
            },
            Poll::Ready(Some(Err(error))) => return (pieces, Next::Failed(error)),
            Poll::Ready(None) => return (pieces, Next::End(HeaderMap::new())),
            Poll::Pending => break,
        }
    }
    (pieces, Next::Later)
}

/// Sends all of a piece of content after what waits.
fn copy(machine: &mut Machine<Server>, now: Instant, mut data: Bytes) -> Result<(), SendError> {
    while !data.is_empty() {
        data.advance(machine.send_content(now, &data)?);
    }
    Ok(())
}

/// Sends a head, and content with it: how many octets of it.
fn send(
    machine: &mut Machine<Server>,
    now: Instant,
    response: Response<'_>,
    fields: IntentFields<'_>,
    content: Content,
    whole: Option<&[u8]>,
) -> Result<usize, SendError> {
    match (whole, content) {
        (Some(octets), Content::Exact(length)) if octets.len() as u64 == length => {
            machine.respond_with(now, response, fields, octets)
        }
        _ => machine.respond(now, response, fields, content).map(|()| 0),
    }
}
