//! The loop that accepts connections, until the end.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_keepalive::{Config, DrainMode, Server};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use crate::Drain;

/// What connections come from.
pub trait Listener: Send {
    /// The transport of a connection.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// The address of a peer.
    type Addr: Send;

    /// The next connection. Where it fails for a while, since there are no descriptors, it waits.
    fn accept(&mut self) -> impl Future<Output = (Self::Io, Self::Addr)> + Send;
}

impl Listener for TcpListener {
    type Io = TcpStream;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (TcpStream, Self::Addr) {
        loop {
            match Self::accept(self).await {
                Ok((stream, from)) => {
                    // answers are written whole, and wait for nothing
                    let _ = stream.set_nodelay(true);
                    return (stream, from);
                }
                Err(error) => failed(&error).await,
            }
        }
    }
}

#[cfg(unix)]
impl Listener for tokio::net::UnixListener {
    type Io = tokio::net::UnixStream;
    type Addr = tokio::net::unix::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            match Self::accept(self).await {
                Ok(accepted) => return accepted,
                Err(error) => failed(&error).await,
            }
        }
    }
}

/// A connection that its peer gave up is nobody's trouble; whatever else fails will for a while.
async fn failed(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How a server ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum Stop {
    /// It accepts nothing more, and every connection ends after its exchange.
    #[default]
    Close,
    /// It goes on accepting for so long, and each answer says `close`; then it accepts nothing more, and what is idle goes. It asks for the drain
    /// mode [`LameDuck`](http_keepalive::DrainMode::LameDuck).
    LameDuck(Duration),
}

impl Stop {
    /// The same limits, timeouts and policies, but that the drain mode is the one that this way to end asks for.
    pub fn config(self, config: Arc<Config<Server>>) -> Arc<Config<Server>> {
        match self {
            Self::Close => config,
            Self::LameDuck(_) => {
                let policy = config.policy().with_drain_mode(DrainMode::LameDuck);
                // no mode makes a configuration faulty
                Config::new(*config.limits(), *config.timeouts(), policy).map_or(config, Arc::new)
            }
        }
    }
}

/// Accepts connections until the end is asked for, and tells all that joined a drain.
///
/// ```no_run
/// # use http_keepalive_tokio::{Accepting, Drain, Stop};
/// # async fn serve(io: tokio::net::TcpStream, joined: http_keepalive_tokio::Joined) {}
/// # async fn run(listener: tokio::net::TcpListener) {
/// let drain = Drain::new();
/// let signal = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
/// let mut accepting = Accepting::new(listener, &drain, Stop::Close, signal);
/// while let Some((io, _from)) = accepting.next().await {
///     tokio::spawn(serve(io, drain.join()));
/// }
/// drop(accepting);
/// drain.ended().await;
/// # }
/// ```
///
/// How long connections may take to end is the machine's to say: its timeouts `drain`, `drain_window`, and its drain mode.
pub struct Accepting<L> {
    /// `None`: nothing more is accepted.
    listener: Option<L>,
    end: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl<L: Listener> Accepting<L> {
    /// Of this listener, until `signal` ends.
    pub fn new(listener: L, drain: &Drain, stop: Stop, signal: impl Future<Output = ()> + Send + 'static) -> Self {
        let drain = drain.clone();
        let end = Box::pin(async move {
            signal.await;
            drain.begin();
            if let Stop::LameDuck(time) = stop {
                tokio::time::sleep(time).await;
                drain.leave();
            }
        });
        Self { listener: Some(listener), end }
    }

    /// The next connection. `None`: nothing more is accepted, and the listener is dropped.
    pub async fn next(&mut self) -> Option<(L::Io, L::Addr)> {
        let listener = self.listener.as_mut()?;
        tokio::select! {
            // the end is not put off by newcomers
            biased;
            () = &mut self.end => {}
            accepted = listener.accept() => return Some(accepted),
        }
        self.listener = None;
        None
    }
}

impl<L: std::fmt::Debug> std::fmt::Debug for Accepting<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accepting").field("listener", &self.listener).finish_non_exhaustive()
    }
}
