//! A loop that accepts connections, serves each, and ends with them.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use http::{Request, Response};
use http_body::Body;
use http_keepalive::{Config, Server};
use http_keepalive_tokio::{Accepting, Drain, Listener, Reset, Stop, reset_tcp};
use hyper::server::conn::http1::Builder;
use hyper::service::Service;

use super::connection::serve_connection;
use super::content::Content;
use super::summary::{Error, Summary};
use crate::BoxError;

/// What connections came to is told to this.
type Log = Arc<dyn Fn(Result<Summary, Error>) + Send + Sync>;

/// A server: [`until`](Serve::until) runs it. `make_service` gives the service of a connection, by its peer's address.
pub fn serve<L: Listener, M>(listener: L, make_service: M, config: impl Into<Arc<Config<Server>>>) -> Serve<L, M> {
    Serve {
        listener,
        make_service,
        config: config.into(),
        builder: Builder::new(),
        drain: Drain::new(),
        stop: Stop::Close,
        reset: reset_tcp,
        log: None,
    }
}

/// A server that does not run yet: see [`serve`].
#[must_use = "a server does nothing before `until`"]
pub struct Serve<L: Listener, M> {
    listener: L,
    make_service: M,
    config: Arc<Config<Server>>,
    builder: Builder,
    drain: Drain,
    stop: Stop,
    reset: Reset<L::Io>,
    log: Option<Log>,
}

impl<L: Listener, M> Serve<L, M> {
    /// With settings of hyper's: see [`serve_connection`] on which of them count.
    pub fn with_builder(mut self, builder: Builder) -> Self {
        self.builder = builder;
        self
    }

    /// With a drain of the caller's, which other servers may share.
    pub fn with_drain(mut self, drain: Drain) -> Self {
        self.drain = drain;
        self
    }

    /// With another way to end than [`Stop::Close`].
    pub fn with_stop(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }

    /// With another way to reset a transport than [`reset_tcp`].
    pub fn with_reset(mut self, reset: Reset<L::Io>) -> Self {
        self.reset = reset;
        self
    }

    /// Tells what each connection came to.
    pub fn with_log(mut self, log: impl Fn(Result<Summary, Error>) + Send + Sync + 'static) -> Self {
        self.log = Some(Arc::new(log));
        self
    }

    /// Serves until `signal` ends; then as it was told to [stop](Self::with_stop), and until the last connection has ended. How long that may
    /// take the timeouts `drain` and `drain_window` say, and the policy `drain_mode`.
    pub async fn until<S, B>(self, signal: impl Future<Output = ()> + Send + 'static)
    where
        M: FnMut(L::Addr) -> S,
        S: Service<Request<Content>, Response = Response<B>> + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let Self { listener, mut make_service, config, builder, drain, stop, reset, log } = self;
        let config = stop.config(config);
        let mut accepting = Accepting::new(listener, &drain, stop, signal);
        while let Some((io, from)) = accepting.next().await {
            let connection = serve_connection(&builder, io, make_service(from), Arc::clone(&config))
                .with_drain(&drain)
                .with_reset(reset);
            let log = log.clone();
            tokio::spawn(async move {
                let ended = connection.await;
                if let Some(log) = log {
                    log(ended);
                }
            });
        }
        drain.ended().await;
    }
}

impl<L: Listener + fmt::Debug, M> fmt::Debug for Serve<L, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve").field("listener", &self.listener).field("stop", &self.stop).finish_non_exhaustive()
    }
}
