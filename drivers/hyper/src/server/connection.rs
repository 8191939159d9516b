//! A connection of a server: hyper's, with the machine beside it.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use http_keepalive::{
    CloseReason, Config, Content as ContentLength, DeadlineKind, HalfClose, Instant, ProtocolErrorKind, ReadWant,
    Server, StatusCode, Turn,
};
use http_keepalive_tokio::{Clock, Drain, Joined, Reset, Timer, next_seed, reset_tcp};
use hyper::server::conn::http1::{Builder, UpgradeableConnection};
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Sleep;

use super::content::Content;
use super::facts::{Facts, Shared};
use super::own::{Own, Step};
use super::service::Watched;
use super::summary::{Error, Summary};
use super::transport::Transport;
use crate::BoxError;

type Hyper<T, S> = UpgradeableConnection<TokioIo<Transport<T>>, Watched<S>>;

/// Serves a connection with hyper, and keeps it to `config`: hyper's own `serve_connection`, with two differences. The transport is tokio's,
/// without a `TokioIo` around it, and the service takes a `Request<Content>` in the place of a `Request<Incoming>`.
///
/// Upgrades work (hyper's `with_upgrades`). A service of tower, as an axum `Router` is, goes in by hyper-util's `TowerToHyperService`.
///
/// Of `builder` three settings are the machine's here: `header_read_timeout` is off, for `head` and `idle` say more; `half_close` is as the
/// policy `half_close` says; `pipeline_flush` is off.
///
/// # Panics
///
/// Polled outside of a runtime of tokio with its time on.
pub fn serve_connection<T, S, B>(
    builder: &Builder,
    io: T,
    service: S,
    config: impl Into<Arc<Config<Server>>>,
) -> Connection<T, S, B>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Content>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body + 'static,
    B::Error: Into<BoxError>,
{
    let config = config.into();
    let mut builder = builder.clone();
    builder.header_read_timeout(None).pipeline_flush(false);
    builder.half_close(config.policy().half_close != HalfClose::Abort);
    let clock = Clock::start();
    let shared = Shared::new(Facts::new(config, clock, next_seed()));
    let transport = TokioIo::new(Transport::new(io, shared.clone()));
    let hyper = builder.serve_connection(transport, Watched::new(service, shared.clone())).with_upgrades();
    Connection {
        phase: Phase::Hyper(hyper),
        shared,
        joined: None,
        clock,
        reset: reset_tcp,
        timer: Timer::new(),
        look: None,
        reason: None,
        error: None,
        body: PhantomData,
    }
}

/// A connection of a server, which is a future: what it came to, or what hyper says and what it came to.
#[must_use = "a connection does nothing unless it is polled"]
pub struct Connection<T, S, B>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Content>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body + 'static,
{
    phase: Phase<T, S, B>,
    shared: Shared,
    joined: Option<Joined>,
    clock: Clock,
    reset: Reset<T>,
    timer: Timer,
    /// Until when the look that is under way lasts.
    look: Option<Pin<Box<Sleep>>>,
    reason: Option<CloseReason>,
    error: Option<hyper::Error>,
    body: PhantomData<fn() -> B>,
}

/// Who has the transport.
#[expect(clippy::large_enum_variant, reason = "hyper has it for nearly all of the time")]
enum Phase<T, S, B>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Content>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body + 'static,
{
    Hyper(Hyper<T, S>),
    Own(Own<T>),
    /// Nobody here: it was handed over, or is closed.
    Over,
}

impl<T, S, B> Connection<T, S, B>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Content>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body + 'static,
    B::Error: Into<BoxError>,
{
    /// One of those of this drain: when it begins, the connection ends after its exchange.
    pub fn with_drain(mut self, drain: &Drain) -> Self {
        self.joined = Some(drain.join());
        self
    }

    /// With another way to reset the transport than [`reset_tcp`], which knows `TcpStream` alone.
    pub fn with_reset(mut self, reset: Reset<T>) -> Self {
        self.reset = reset;
        self
    }

    /// hyper has ended, in its own way or since there is nothing more to do.
    fn hyper_ended(&mut self, now: Instant, result: Result<(), hyper::Error>) {
        if !self.let_go() {
            return;
        }
        let mut facts = self.shared.lock();
        if let Err(error) = result {
            if error.is_parse() {
                let too_large = error.is_parse_too_large();
                let fault = if too_large { ProtocolErrorKind::HeadTooLong } else { ProtocolErrorKind::NotHttp };
                facts.life.fault_received(now, fault);
                if facts.sent > 0 {
                    // hyper has answered, without content
                    let _ = facts.life.head_to_send(now, StatusCode::BAD_REQUEST, ContentLength::Empty);
                }
            }
            self.error = Some(error);
        }
        let refuses = matches!(facts.life.wants_application(), Some(Turn::Refuse(_)));
        if !refuses && facts.life.wants_shut().is_none() {
            facts.life.abort(now);
        }
    }

    /// Takes the transport back from hyper, and with it ends the application's future. `false`: it was handed over.
    fn let_go(&mut self) -> bool {
        let Phase::Hyper(hyper) = std::mem::replace(&mut self.phase, Phase::Over) else { return false };
        // what the application holds is dropped here, and tells so: the facts are not locked
        let Some(parts) = hyper.into_parts() else { return false };
        self.phase = Phase::Own(Own::new(parts.io.into_inner().into_inner()));
        true
    }

    /// Does what is due and what is wanted. `Ready`: the connection is over.
    fn go_on(&mut self, now: Instant, mut looked: bool, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let mut facts = self.shared.lock();
            let (letting_go, reads) = match &mut self.phase {
                Phase::Over => return Poll::Ready(()),
                Phase::Hyper(_) => {
                    facts.after_poll(context);
                    let refuses = matches!(facts.life.wants_application(), Some(Turn::Refuse(_)));
                    // what was answered before is written first
                    ((refuses && facts.pending == 0) || facts.life.wants_shut().is_some(), facts.blocked)
                }
                Phase::Own(own) => match own.step(&mut facts, &self.clock, now, self.reset, context) {
                    Step::Done => continue,
                    Step::Closed(reason) => {
                        self.reason = Some(reason);
                        self.phase = Phase::Over;
                        return Poll::Ready(());
                    }
                    Step::Waits => (false, facts.blocked),
                },
            };
            if letting_go {
                drop(facts);
                self.let_go();
                continue;
            }
            let next = facts.life.next_deadline();
            if next.is_some_and(|deadline| deadline.at <= now) {
                let idles = facts.life.is_idle();
                if let Some(passed) = facts.life.handle_timeout(now) {
                    // of a head that nobody said had begun nothing passed
                    if !(idles && passed.kind == DeadlineKind::Head) {
                        facts.deadline = Some(passed.kind);
                    }
                }
                continue;
            }
            let is_looking = facts.life.wants_read() == ReadWant::LookOnce || facts.life.wants_flush_once();
            // a lame duck's time is over, and what is idle goes
            let leaves = !is_looking && self.joined.as_ref().is_some_and(Joined::leaves);
            let goes = if leaves { facts.life.idleness().map(|idleness| idleness.shielded_until) } else { None };
            if goes.is_some_and(|goes| goes <= now) && facts.life.free_place(now) {
                continue;
            }
            let goes = goes.filter(|goes| *goes > now);
            if is_looking {
                if looked {
                    (looked, self.look) = (false, None);
                    // what was there would have been found, read before the time of the look was judged to be over
                    match facts.life.wants_read() {
                        ReadWant::LookOnce if reads => facts.life.nothing_to_read(now),
                        ReadWant::LookOnce => {}
                        _ => facts.life.handle_sent(now, 0),
                    }
                    continue;
                }
                facts.pause();
                drop(facts);
                self.begin_look(context);
            } else {
                self.look = None;
                facts.pause();
                drop(facts);
            }
            if let Some(at) = next.map(|deadline| deadline.at).into_iter().chain(goes).min() {
                self.arm(at, now, context);
            }
            return Poll::Pending;
        }
    }

    /// Begins a look: for 1 ms what hyper has asked for may come, so that the runtime asks the system.
    fn begin_look(&mut self, context: &mut Context<'_>) {
        // one that is over as it begins has had no time
        while self.look.as_mut().is_none_or(|look| look.as_mut().poll(context).is_ready()) {
            self.look = Some(Box::pin(tokio::time::sleep(LOOK)));
        }
    }

    /// Has this task woken at an instant, or before it.
    fn arm(&mut self, at: Instant, now: Instant, context: &mut Context<'_>) {
        if self.timer.poll_until(&self.clock, now, at, context).is_ready() {
            context.waker().wake_by_ref();
        }
    }

    fn summary(&mut self) -> Summary {
        let facts = self.shared.lock();
        Summary {
            reason: self.reason,
            persistence: facts.life.persistence(),
            exchanges: facts.life.exchanges(),
            received: facts.received,
            sent: facts.sent,
            took: facts.now().saturating_duration_since(facts.opened),
            deadline: facts.deadline,
        }
    }
}

impl<T, S, B> Future for Connection<T, S, B>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Content>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body + 'static,
    B::Error: Into<BoxError>,
{
    type Output = Result<Summary, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        // judged before hyper reads: what the runtime found by then is read
        let looked = this.look.as_mut().is_some_and(|look| look.as_mut().poll(context).is_ready());
        let drains = this.joined.as_mut().is_some_and(|joined| joined.poll_begun(context));
        let mut facts = this.shared.lock();
        let now = facts.begin(context.waker());
        if drains {
            facts.life.close_after_exchange(now);
        }
        drop(facts);
        if let Phase::Hyper(hyper) = &mut this.phase {
            if let Poll::Ready(result) = Pin::new(hyper).poll(context) {
                this.hyper_ended(now, result);
            }
        }
        let polled = this.go_on(now, looked, context);
        polled.map(|()| {
            let summary = this.summary();
            this.joined = None;
            match this.error.take() {
                Some(hyper) => Err(Error { hyper, summary }),
                None => Ok(summary),
            }
        })
    }
}

impl<T, S, B> fmt::Debug for Connection<T, S, B>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Content>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// How long a look lasts: the least that the runtime's time tells apart.
const LOOK: Duration = Duration::from_millis(1);
