//! What connections come from.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::BoxError;

/// What opens connections: any [`Service`] of a URI, which has a scheme, an authority and the path `/`. It need not be implemented by hand.
///
/// TLS is the connector's: it opens what its scheme asks for, and the transport says the end of its side by an error of the kind
/// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) where the peer did not say it, as that of `tokio-rustls` does.
pub trait Connect: Clone + Send + 'static {
    /// The transport of a connection.
    type Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// Why none could be opened.
    type Error: Into<BoxError>;
    /// A connection that is being opened.
    type Future: Future<Output = Result<Self::Transport, Self::Error>> + Send + 'static;

    /// `Ready`: a connection may be opened.
    ///
    /// # Errors
    ///
    /// None can be, and none will be.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>>;

    /// Opens a connection.
    fn connect(&mut self, uri: Uri) -> Self::Future;
}

impl<S, T> Connect for S
where
    S: Service<Uri, Response = T> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Transport = T;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Service::poll_ready(self, context)
    }

    fn connect(&mut self, uri: Uri) -> S::Future {
        self.call(uri)
    }
}

/// Opens TCP connections, for `http` alone. All addresses of a name are tried in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpConnector {
    address_timeout: Duration,
}

impl TcpConnector {
    /// One that gives each address ten seconds.
    pub const fn new() -> Self {
        Self { address_timeout: Duration::from_secs(10) }
    }

    /// With this time for each address. The time for all of them is the pool's: `open` of its timeouts.
    #[must_use]
    pub const fn with_address_timeout(mut self, timeout: Duration) -> Self {
        self.address_timeout = timeout;
        self
    }

    async fn open(self, uri: Uri) -> Result<TcpStream, ConnectError> {
        if uri.scheme_str() != Some("http") {
            return Err(ConnectError { to: uri.to_string(), tried: Vec::new(), error: unknown_scheme() });
        }
        let host = uri.host().unwrap_or_default();
        let name = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = uri.port_u16().unwrap_or(80);
        let failed = |error, tried| ConnectError { to: format!("{host}:{port}"), tried, error };
        let addresses = match tokio::net::lookup_host((name, port)).await {
            Ok(addresses) => addresses,
            Err(error) => return Err(failed(error, Vec::new())),
        };
        let mut tried = Vec::new();
        for address in addresses {
            let error = match tokio::time::timeout(self.address_timeout, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // a request is written whole, and waits for nothing
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(Err(error)) => error,
                Err(_) => io::Error::new(io::ErrorKind::TimedOut, "it did not answer in time"),
            };
            tried.push((address, error));
        }
        let error = match tried.pop() {
            Some((address, error)) => {
                let kind = error.kind();
                tried.push((address, error));
                io::Error::from(kind)
            }
            None => io::Error::new(io::ErrorKind::NotFound, "the name has no address"),
        };
        Err(failed(error, tried))
    }
}

impl Default for TcpConnector {
    fn default() -> Self {
        Self::new()
    }
}

impl Service<Uri> for TcpConnector {
    type Response = TcpStream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let opening = self.open(uri);
        Box::pin(async move { opening.await.map_err(|error| io::Error::new(error.error.kind(), error)) })
    }
}

fn unknown_scheme() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "only http is opened here: give a connector that has TLS for others")
}

/// Where no connection could be opened to, and what each address said.
#[derive(Debug)]
struct ConnectError {
    to: String,
    tried: Vec<(SocketAddr, io::Error)>,
    error: io::Error,
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to)?;
        match &self.tried[..] {
            [] => write!(f, ": {}", self.error),
            tried => tried.iter().try_for_each(|(address, error)| write!(f, ": {address}: {error}")),
        }
    }
}

impl StdError for ConnectError {}
