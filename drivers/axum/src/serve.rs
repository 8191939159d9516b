//! The loop that accepts, in the shape of [`axum::serve()`].

use std::any::Any;
use std::fmt;
use std::future::{Future, IntoFuture, pending};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::Listener;
use http_keepalive_tokio::http_keepalive::{Config, Limits, Policy, Server, Timeouts};
use http_keepalive_tokio::server::Builder;
use http_keepalive_tokio::{Accepting, Drain, Stop};
use tokio::net::TcpStream;

use crate::{IncomingStream, MakeConnectionService, serve_connection};

/// Serves a router, or whatever else [`axum::serve()`] takes, over HTTP/1.x, with the timeouts of [`preset`].
///
/// In a program that says `axum::serve(listener, router)`, only the name of the function changes. It never returns, unless
/// [`with_graceful_shutdown`](Serve::with_graceful_shutdown) says when; accepting goes on after errors.
pub fn serve<L: Listener, M: MakeConnectionService<L>>(listener: L, make_service: M) -> Serve<L, M> {
    Serve { listener, make_service, builder: Builder::new(preset()) }
}

/// What [`serve`] uses: the limits, timeouts and policies of [`Config::DEFAULT`], but that content is as long as it is (axum has a limit of its
/// own, `DefaultBodyLimit`), that a connection carries any number of exchanges within its age, and that a client which has closed its side
/// is waited for no longer than 10 seconds without an octet to it.
pub fn preset() -> Config<Server> {
    let limits = Limits::DEFAULT.with_content(None).with_max_exchanges(None);
    let timeouts = Timeouts::DEFAULT.with_half_closed(Some(Duration::from_secs(10)));
    Config::new(limits, timeouts, Policy::DEFAULT).unwrap_or(Config::DEFAULT)
}

/// What [`serve`] returns: to be awaited.
#[must_use = "a server does nothing before it is awaited"]
pub struct Serve<L, M> {
    listener: L,
    make_service: M,
    builder: Builder,
}

/// What [`Serve::with_graceful_shutdown`] returns: to be awaited.
#[must_use = "a server does nothing before it is awaited"]
pub struct WithGracefulShutdown<L, M, F> {
    serve: Serve<L, M>,
    signal: F,
    stop: Stop,
}

impl<L: Listener, M: MakeConnectionService<L>> Serve<L, M> {
    /// With these limits, timeouts and policies, in the place of [`preset`]'s.
    pub fn with_config(self, config: impl Into<Arc<Config<Server>>>) -> Self {
        Self { builder: self.builder.with_config(config), ..self }
    }

    /// Each request has [`ConnectionInfo`](crate::ConnectionInfo) and [`ExchangeTimeouts`](crate::ExchangeTimeouts) among its extensions. Off
    /// by default.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::Duration;
    ///
    /// use axum::body::Body;
    /// use axum::routing::post;
    /// use axum::{Extension, Router};
    /// use http_keepalive_axum::http_keepalive::{Config, ConfigError, Server};
    /// use http_keepalive_axum::{ExchangeTimeouts, preset, serve};
    ///
    /// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
    /// // uploads may pause for ten minutes
    /// let slow = preset();
    /// let slow = Arc::new(slow.with_timeouts(slow.timeouts().with_content_gap(Some(Duration::from_secs(600))))?);
    /// // `Body`, since an extractor that reads it would have read it before
    /// let upload = async move |Extension(timeouts): Extension<ExchangeTimeouts>, body: Body| {
    ///     timeouts.set(slow);
    ///     axum::body::to_bytes(body, usize::MAX).await.map(|content| content.len().to_string()).unwrap_or_default()
    /// };
    /// let router = Router::new().route("/upload", post(upload));
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    /// serve(listener, router).with_extensions(true).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_extensions(self, extensions: bool) -> Self {
        Self { builder: self.builder.with_extensions(extensions), ..self }
    }

    /// With all that a [`Builder`] knows.
    pub fn with_builder(self, builder: Builder) -> Self {
        Self { builder, ..self }
    }

    /// Ends when `signal` does: nothing more is accepted, requests under way are answered, and their responses say `close`. It returns when
    /// the last connection has ended: how long that may take, `drain` of the timeouts says.
    pub fn with_graceful_shutdown<F>(self, signal: F) -> WithGracefulShutdown<L, M, F>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        WithGracefulShutdown { serve: self, signal, stop: Stop::Close }
    }

    /// The address that the listener is bound to.
    ///
    /// # Errors
    ///
    /// Those of the listener.
    pub fn local_addr(&self) -> io::Result<L::Addr> {
        self.listener.local_addr()
    }
}

impl<L: Listener, M: MakeConnectionService<L>, F> WithGracefulShutdown<L, M, F> {
    /// For so long after the signal it goes on accepting, and each response says `close`: for as long as those who find it, a load balancer,
    /// need to learn that it ends. None of their requests fails.
    pub fn with_lame_duck(self, time: Duration) -> Self {
        Self { stop: Stop::LameDuck(time), ..self }
    }

    /// The address that the listener is bound to.
    ///
    /// # Errors
    ///
    /// Those of the listener.
    pub fn local_addr(&self) -> io::Result<L::Addr> {
        self.serve.local_addr()
    }
}

impl<L: fmt::Debug, M: fmt::Debug> fmt::Debug for Serve<L, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("listener", &self.listener)
            .field("make_service", &self.make_service)
            .finish_non_exhaustive()
    }
}

impl<L: fmt::Debug, M: fmt::Debug, F> fmt::Debug for WithGracefulShutdown<L, M, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithGracefulShutdown")
            .field("serve", &self.serve)
            .field("stop", &self.stop)
            .finish_non_exhaustive()
    }
}

/// A server that runs.
pub struct ServeFuture(Pin<Box<dyn Future<Output = io::Result<()>> + Send>>);

impl Future for ServeFuture {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<io::Result<()>> {
        self.0.as_mut().poll(context)
    }
}

impl fmt::Debug for ServeFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServeFuture").finish_non_exhaustive()
    }
}

impl<L: Listener, M: MakeConnectionService<L>> IntoFuture for Serve<L, M> {
    type Output = io::Result<()>;
    type IntoFuture = ServeFuture;

    fn into_future(self) -> ServeFuture {
        self.with_graceful_shutdown(pending()).into_future()
    }
}

impl<L, M, F> IntoFuture for WithGracefulShutdown<L, M, F>
where
    L: Listener,
    M: MakeConnectionService<L>,
    F: Future<Output = ()> + Send + 'static,
{
    type Output = io::Result<()>;
    type IntoFuture = ServeFuture;

    fn into_future(self) -> ServeFuture {
        ServeFuture(Box::pin(run(self)))
    }
}

async fn run<L, M, F>(server: WithGracefulShutdown<L, M, F>) -> io::Result<()>
where
    L: Listener,
    M: MakeConnectionService<L>,
    F: Future<Output = ()> + Send + 'static,
{
    let WithGracefulShutdown { serve: Serve { listener, mut make_service, builder }, signal, stop } = server;
    let drain = builder.drain().cloned().unwrap_or_else(Drain::new);
    let builder = builder.with_stop(stop).with_drain(&drain);
    let mut accepting = Accepting::new(Accepts(listener), &drain, stop, signal);
    while let Some((mut io, from)) = accepting.next().await {
        if let Some(stream) = (&mut io as &mut dyn Any).downcast_mut::<TcpStream>() {
            // answers are written whole, and wait for nothing
            let _ = stream.set_nodelay(true);
        }
        let service = make_service.make(IncomingStream::new(&io, from)).await;
        tokio::spawn(serve_connection(&builder, io, service));
    }
    drain.ended().await;
    Ok(())
}

/// A listener of axum's.
struct Accepts<L>(L);

impl<L: Listener> http_keepalive_tokio::Listener for Accepts<L> {
    type Io = L::Io;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (L::Io, L::Addr) {
        self.0.accept().await
    }
}
