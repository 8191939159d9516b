//! The loop that accepts connections, until the end.

use std::future::Future;
use std::io;
use std::time::Duration;

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
    /// It goes on accepting for so long, and each answer says `close`; then it accepts nothing more.
    LameDuck(Duration),
}

/// Accepts connections, and gives each to `open`, until `signal` ends; then begins the drain, and waits until all that joined it have ended.
/// The listener is dropped as soon as nothing more is accepted.
///
/// How long connections may take to end is the machine's to say: its timeouts `drain`, `drain_window`, and its drain mode.
pub async fn accept_until<L: Listener>(
    mut listener: L,
    drain: &Drain,
    stop: Stop,
    signal: impl Future<Output = ()>,
    mut open: impl AsyncFnMut(L::Io, L::Addr),
) {
    let until = async {
        signal.await;
        drain.begin();
        if let Stop::LameDuck(time) = stop {
            tokio::time::sleep(time).await;
        }
    };
    let accepts = async {
        loop {
            let (io, from) = listener.accept().await;
            open(io, from).await;
        }
    };
    tokio::select! {
        // the end is not put off by newcomers
        biased;
        () = until => {}
        () = accepts => {}
    }
    drop(listener);
    drain.ended().await;
}
