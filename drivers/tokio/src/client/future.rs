//! A request on its way to its response.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response, StatusCode};
use http_keepalive::Instant;
use http_keepalive::pool::{Ended, Granted, Handout, Look, Source};
use http_keepalive::retry::{Advice, Evidence, RetryReason, RetryVerdict, Sent};

use super::Connect;
use super::asked::Asked;
use super::body::Body;
use super::builder::Shared;
use super::error::{Error, ErrorKind};
use super::exchange::{Exchange, Here, Lent, give_back};
use super::extensions::ConnectionInfo;
use super::key::Key;
use super::opening::{FreePlace, Opening};
use super::upgrade::Upgrade;
use super::upload::Upload;
use super::wire::{Got, Wire};
use crate::BoxError;
use crate::Upgraded;
use crate::trace::event;

/// A request on its way to its response: what [`Client::request`](super::Client::request) returns. Nothing is done before it is polled.
///
/// If it is dropped, the request is broken off: what waits in the pool leaves the queue, and a connection on which it was sent is closed.
#[must_use = "nothing is sent before it is polled"]
pub struct ResponseFuture<C: Connect> {
    shared: Arc<Shared<C>>,
    asked: Result<Asked, Option<Error>>,
    upload: Upload,
    state: State<C>,
    source: Source,
    /// Tries before this one, and how many of them were lost on a connection that had been used before.
    tries: u32,
    lost_on_reused: u32,
    /// Why no connection could be opened, while the request waits for another one.
    unopened: Option<Error>,
}

type Waiting<T> = http_keepalive::pool::Waiting<Key, Box<Wire<T>>>;

enum State<C: Connect> {
    /// It has no connection.
    Start,
    Waits(Waiting<C::Transport>),
    Opens(Box<Opening<C>>),
    /// It is sent, and its response comes.
    Sent(Lent<C::Transport>),
    Over,
}

impl<C: Connect> ResponseFuture<C> {
    pub(super) fn new<B>(shared: Arc<Shared<C>>, request: Request<B>) -> Self
    where
        B: http_body::Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (parts, body) = request.into_parts();
        let upload = Upload::new(body, shared.replay_limit());
        Self {
            shared,
            asked: Asked::new(parts).map_err(Some),
            upload,
            state: State::Start,
            source: Source::Any,
            tries: 0,
            lost_on_reused: 0,
            unopened: None,
        }
    }

    /// What follows from where it is. `None`: it is polled again.
    fn step(&mut self, now: &mut Instant, context: &mut Context<'_>) -> Poll<Option<Result<Response<Body>, Error>>> {
        match &mut self.state {
            State::Start => return Poll::Ready(self.start(*now, context).err().map(Err)),
            State::Waits(waiting) => {
                let Poll::Ready(granted) = waiting.poll(*now, context) else { return Poll::Pending };
                self.state = State::Start;
                let granted = match granted {
                    Ok(Granted::Use(lent)) => self.lend(lent, *now, context),
                    Ok(Granted::Open(place)) => {
                        self.open(place, *now);
                        Ok(())
                    }
                    Err(why) => {
                        event!(DEBUG, "refused by the pool", reason = why.as_str(), clause = why.clause());
                        Err(self.unopened.take().unwrap_or_else(|| Error::of_pool(why)))
                    }
                };
                return Poll::Ready(granted.err().map(Err));
            }
            State::Opens(opening) => {
                let overtaken = opening.place.waits().then(|| opening.place.poll(*now, context));
                if let Some(Poll::Ready(lent)) = overtaken {
                    if let State::Opens(opening) = std::mem::replace(&mut self.state, State::Start) {
                        opening.for_the_next(Arc::clone(&self.shared));
                    }
                    return Poll::Ready(self.lend(lent, *now, context).err().map(Err));
                }
                let Poll::Ready(opened) = opening.poll(&self.shared, context) else { return Poll::Pending };
                let State::Opens(opening) = std::mem::replace(&mut self.state, State::Start) else {
                    return Poll::Pending;
                };
                *now = self.shared.clock.now();
                match opened {
                    Ok(io) => {
                        let lent = opening.opened(&self.shared, io);
                        let sent = lent.and_then(|lent| self.lend(lent, *now, context));
                        return Poll::Ready(sent.err().map(Err));
                    }
                    Err(error) => {
                        event!(DEBUG, "not opened", error = error.to_string().as_str());
                        match opening.place.failed(*now) {
                            Some(waiting) => {
                                self.unopened = Some(error);
                                self.state = State::Waits(waiting);
                            }
                            None => return Poll::Ready(Some(Err(error))),
                        }
                    }
                }
            }
            State::Sent(lent) => match lent.poll(now, &mut self.upload, context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Got::Interim(response)) => {
                    if let Ok(asked) = &self.asked {
                        asked.told_interim(&response);
                    }
                }
                Poll::Ready(Got::Response(response, octets)) => {
                    let State::Sent(lent) = std::mem::replace(&mut self.state, State::Over) else {
                        return Poll::Pending;
                    };
                    return self.answered(lent, response, octets, now, context);
                }
                Poll::Ready(Got::Closed | Got::HandOver) => {
                    let State::Sent(lent) = std::mem::replace(&mut self.state, State::Start) else {
                        return Poll::Pending;
                    };
                    return Poll::Ready(self.lost(lent, *now).err().map(Err));
                }
                Poll::Ready(Got::Content(_) | Got::End(_)) => {}
            },
            State::Over => return Poll::Pending,
        }
        Poll::Ready(None)
    }

    /// Asks the pool.
    fn start(&mut self, now: Instant, context: &mut Context<'_>) -> Result<(), Error> {
        let asked = self.asked.as_mut().map_err(|error| error.take().unwrap_or_else(none_left))?;
        match self.shared.pool.checkout(now, &asked.way.key, asked.demand(self.source)) {
            Handout::Use(lent) => self.lend(lent, now, context),
            Handout::Open(place) => {
                self.open(place, now);
                Ok(())
            }
            Handout::Wait(waiting) => {
                event!(DEBUG, "waits for a connection");
                self.state = State::Waits(waiting);
                Ok(())
            }
            Handout::Refuse(why) => {
                event!(DEBUG, "refused by the pool", reason = why.as_str(), clause = why.clause());
                Err(Error::of_pool(why))
            }
        }
    }

    fn open(&mut self, place: FreePlace<C::Transport>, now: Instant) {
        if let Ok(asked) = &self.asked {
            event!(DEBUG, "opens a connection", to = asked.way.key.authority().as_str());
            self.state = State::Opens(Box::new(Opening::new(&self.shared, now, place, &asked.way.key)));
        }
    }

    /// Sends it on this connection, or finds that it is to have another one.
    fn lend(&mut self, mut lent: Lent<C::Transport>, now: Instant, context: &mut Context<'_>) -> Result<(), Error> {
        let Ok(asked) = &self.asked else { return Ok(()) };
        lent.begin();
        if lent.look() == Look::First {
            lent.look_first(now, context);
        }
        if !lent.is_reusable(now) {
            // found before anything was sent: another one is tried, and no try is counted
            let reason = lent.drive.connection().ended_by();
            event!(
                DEBUG,
                "not reused",
                reason = reason.map(|reason| reason.as_str()),
                clause = reason.map(|reason| reason.clause())
            );
            let is_reused = lent.is_reused();
            lent.closed(now, Ended::of_machine(reason, is_reused)).close(now);
            return if is_reused { Ok(()) } else { Err(Error::new(ErrorKind::Unanswered, None).with_reason(reason)) };
        }
        if let Err(error) = asked.send(now, &mut lent, &self.upload) {
            give_back(lent, now);
            return Err(error);
        }
        event!(
            DEBUG,
            "sent",
            to = asked.way.key.authority().as_str(),
            reused = lent.is_reused(),
            exchange = lent.exchanges
        );
        self.state = State::Sent(lent);
        Ok(())
    }

    /// A final response has come.
    fn answered(
        &mut self,
        mut lent: Lent<C::Transport>,
        response: Response<()>,
        octets: Option<u64>,
        now: &mut Instant,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Response<Body>, Error>>> {
        if response.status().is_client_error() && self.is_asked_again(&lent, response.status()) {
            if lent.is_sending() {
                // what the peer has of the request must not pass for all of it
                lent.closed(*now, Ended::ByUs).close(*now);
            } else {
                // its content is read, or its connection closed
                drop(Exchange::begin(lent, Upload::none(), octets, *now));
            }
            return Poll::Ready(None);
        }
        let mut response = response;
        let (is_reused, exchange) = (lent.is_reused(), lent.exchanges);
        let information = ConnectionInfo { is_reused, exchange, tries: self.tries + 1 };
        response.extensions_mut().insert(information);
        if lent.is_tunnel() {
            return match lent.poll(now, &mut self.upload, context) {
                Poll::Ready(Got::HandOver) => {
                    event!(DEBUG, "handed over to another protocol");
                    let wire = lent.closed(*now, Ended::ByUs);
                    let upgraded = Upgraded::new(wire.stream.io, wire.drive.received());
                    response.extensions_mut().insert(Upgrade::new(upgraded));
                    Poll::Ready(Some(Ok(response.map(|()| Body::default()))))
                }
                _ => Poll::Ready(Some(Err(Error::new(ErrorKind::Incomplete, None)))),
            };
        }
        let upload = std::mem::replace(&mut self.upload, Upload::none());
        let body = match Exchange::begin(lent, upload, octets, *now) {
            Here::Whole(content, trailers) => Body::whole(content, trailers),
            Here::Part(rest) => Body::coming(Box::new(rest)),
        };
        Poll::Ready(Some(Ok(response.map(|()| body))))
    }

    /// Whether the answer asks for another try, and is given one.
    #[cold]
    fn is_asked_again(&mut self, lent: &Lent<C::Transport>, status: StatusCode) -> bool {
        let Ok(asked) = &mut self.asked else { return false };
        let evidence = Evidence {
            sent: Sent::All,
            response_begun: true,
            reused: lent.is_reused(),
            status: Some(status.into()),
            ..asked.evidence(self.shared.sender())
        };
        let verdict = judge(evidence, &self.upload, self.tries, self.lost_on_reused);
        if verdict.advice != Advice::Retry {
            return false;
        }
        if verdict.reason == RetryReason::ExpectationFailed {
            asked.expect_nothing();
        }
        self.try_again(evidence.reused);
        self.state = State::Start;
        true
    }

    /// The connection ended without a response: it is sent again, or fails.
    #[cold]
    fn lost(&mut self, mut lent: Lent<C::Transport>, now: Instant) -> Result<(), Error> {
        let unanswered = lent.drive.connection().unanswered().next();
        let reason = lent.drive.connection().ended_by();
        let failure = lent.failure.take();
        let is_unanswered = unanswered.is_none_or(|unanswered| !unanswered.evidence.response_begun);
        let ended = Ended::of_machine(reason, lent.is_reused() && is_unanswered);
        event!(
            DEBUG,
            "closed without a response",
            reason = reason.map(|reason| reason.as_str()),
            clause = reason.map(|reason| reason.clause())
        );
        lent.closed(now, ended).close(now);
        let (kind, source) = match failure {
            Some(failure) => (failure.kind, Some(failure.source)),
            None => (ErrorKind::Unanswered, None),
        };
        let error = Error::new(kind, source).with_reason(reason);
        let Some(unanswered) = unanswered else { return Err(error) };
        let evidence = unanswered.evidence.sent_for(self.shared.sender());
        let verdict = judge(evidence, &self.upload, self.tries, self.lost_on_reused);
        if verdict.advice == Advice::Retry && kind == ErrorKind::Unanswered {
            self.try_again(evidence.reused);
            Ok(())
        } else {
            Err(error.with_verdict(verdict))
        }
    }

    /// It is sent again, on a new connection: those that were idle beside the one that failed are most likely dead, too.
    fn try_again(&mut self, was_reused: bool) {
        self.upload.rewind();
        self.source = Source::New;
        self.tries += 1;
        self.lost_on_reused += u32::from(was_reused);
        self.shared.count_retry();
    }
}

/// The machine's verdict, of what this client can send again.
fn judge(mut evidence: Evidence, upload: &Upload, tries: u32, lost_on_reused: u32) -> RetryVerdict {
    // more of it may have come since its head was sent
    evidence.replayable = upload.is_replayable();
    let mut verdict = evidence.after(tries).after_reused(lost_on_reused).verdict();
    if verdict.advice == Advice::Retry && !evidence.replayable {
        verdict = RetryVerdict { advice: Advice::Ask, reason: RetryReason::NotReplayable };
    }
    event!(
        DEBUG,
        "verdict of a retry",
        advice = verdict.advice.as_str(),
        reason = verdict.reason.as_str(),
        clause = verdict.reason.clause(),
    );
    verdict
}

/// The error was given already.
#[cold]
fn none_left() -> Error {
    Error::of_request("it has failed already")
}

impl<C: Connect> Future for ResponseFuture<C> {
    type Output = Result<Response<Body>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let mut now = this.shared.clock.now();
        loop {
            match this.step(&mut now, context) {
                Poll::Ready(None) => {}
                Poll::Ready(Some(result)) => {
                    this.state = State::Over;
                    return Poll::Ready(result);
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

// nothing in it is pinned but what is in a box
impl<C: Connect> Unpin for ResponseFuture<C> {}

impl<C: Connect> fmt::Debug for ResponseFuture<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("tries", &self.tries).finish_non_exhaustive()
    }
}
