//! How connections are served.

use std::future::Future;
use std::sync::Arc;

use http::{Request, Response};
use http_keepalive::{Config, Server};
use tokio::io::{AsyncRead, AsyncWrite};
use tower_service::Service;

use super::{Body, Connection};
use crate::{Accepting, BoxError, Clock, Drain, Listener, Stop};

/// What all connections of a server share. A clone is another handle of the same.
#[derive(Clone, Debug)]
pub struct Builder {
    pub(super) shared: Arc<Shared>,
}

#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) config: Arc<Config<Server>>,
    pub(super) clock: Clock,
    pub(super) drain: Option<Drain>,
    pub(super) date: bool,
    pub(super) extensions: bool,
    pub(super) tunnels: bool,
}

impl Builder {
    /// Of these limits, timeouts and policies.
    pub fn new(config: impl Into<Arc<Config<Server>>>) -> Self {
        let shared = Shared {
            config: config.into(),
            clock: Clock::start(),
            drain: None,
            date: true,
            extensions: false,
            tunnels: false,
        };
        Self { shared: Arc::new(shared) }
    }

    /// With other limits, timeouts and policies.
    #[must_use]
    pub fn with_config(self, config: impl Into<Arc<Config<Server>>>) -> Self {
        self.with(|shared| shared.config = config.into())
    }

    /// Connections end after their exchange when this begins.
    #[must_use]
    pub fn with_drain(self, drain: &Drain) -> Self {
        self.with(|shared| shared.drain = Some(drain.clone()))
    }

    /// Responses have a `Date`, unless the service gave one (RFC 9110 6.6.1). On by default; off for a server that has no clock.
    #[must_use]
    pub fn with_date(self, date: bool) -> Self {
        self.with(|shared| shared.date = date)
    }

    /// Requests have a [`ConnectionInfo`](super::ConnectionInfo) and [`ExchangeTimeouts`](super::ExchangeTimeouts) among their extensions.
    /// Off by default: it costs a request allocations.
    #[must_use]
    pub fn with_extensions(self, extensions: bool) -> Self {
        self.with(|shared| shared.extensions = extensions)
    }

    /// CONNECT is the service's to answer: a successful response makes the connection a tunnel, which [`OnUpgrade`](super::OnUpgrade) gives.
    /// Off by default: it is refused by 501.
    #[must_use]
    pub fn with_tunnels(self, tunnels: bool) -> Self {
        self.with(|shared| shared.tunnels = tunnels)
    }

    /// Connections end as this way to end a server asks for: a lame duck's stay by their own timeouts.
    #[must_use]
    pub fn with_stop(self, stop: Stop) -> Self {
        self.with(|shared| shared.config = stop.config(Arc::clone(&shared.config)))
    }

    fn with(mut self, change: impl FnOnce(&mut Shared)) -> Self {
        change(Arc::make_mut(&mut self.shared));
        self
    }

    /// The drain that connections have joined, if there is one.
    pub fn drain(&self) -> Option<&Drain> {
        self.shared.drain.as_ref()
    }

    /// A connection that has just been accepted: a future, to be spawned or awaited.
    pub fn serve<T, S, B>(&self, transport: T, service: S) -> Connection<T, S, B>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Service<Request<Body>, Response = Response<B>>,
        S::Error: Into<BoxError>,
        B: http_body::Body,
        B::Error: Into<BoxError>,
    {
        Connection::new(Arc::clone(&self.shared), transport, service)
    }

    /// Serves all connections of a listener, each in a task of its own, until `signal` ends; then until all have ended. `make` makes the
    /// service of a connection, given the address of its peer.
    pub async fn serve_until<L, S, B>(
        self,
        listener: L,
        mut make: impl FnMut(L::Addr) -> S,
        stop: Stop,
        signal: impl Future<Output = ()> + Send + 'static,
    ) where
        L: Listener,
        S: Service<Request<Body>, Response = Response<B>> + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
        B: http_body::Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let drain = self.drain().cloned().unwrap_or_default();
        let builder = self.with_stop(stop).with_drain(&drain);
        let mut accepting = Accepting::new(listener, &drain, stop, signal);
        while let Some((io, from)) = accepting.next().await {
            tokio::spawn(builder.serve(io, make(from)));
        }
        drain.ended().await;
    }
}
