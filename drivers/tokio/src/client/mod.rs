//! A client over a pool, as a tower service.
//!
//! ```no_run
//! use http_keepalive_tokio::client::{Client, TcpConnector};
//! # async fn get() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder().build(TcpConnector::new());
//! let request = http::Request::get("http://example.org/").body(String::new())?;
//! let response = client.request(request).await?;
//! println!("{}", response.status());
//! # Ok(())
//! # }
//! ```
//!
//! # Who does what
//!
//! Whoever waits for a response drives its connection: first the future of the request, then the body of the response. There is no task for
//! a connection. One task for each client closes what is idle for too long; it ends when the last handle of the client has gone. Two more kinds
//! are rare: one opens a connection to its end where its request was given another one meanwhile, one sends the rest of a request whose
//! response is whole already.
//!
//! What is dropped gives back what it has: a future at any point, a body before its end.
//!
//! # What is sent again
//!
//! What the machine's verdict says, and nothing else: a GET once, of which no response came; a POST only where nothing of it has left. Content
//! is kept for that, [64 KiB](Builder::with_replay_limit) by default; a request whose content was longer is not sent again. An error that has a
//! [verdict](Error::verdict) says why not.
//!
//! # What a request may say
//!
//! By extensions: [`RequestTimeouts`], [`Idempotent`], [`OnInterim`], [`Proxy`]. `Host` comes from the URI where it is not given;
//! `Connection: close` ends the connection with the request; `Expect: 100-continue` has the content wait until the server asks for it.
//! A response has [`ConnectionInfo`] and, where the connection is another protocol's, [`Upgrade`] among its extensions.

mod asked;
mod body;
mod builder;
mod connect;
mod error;
mod exchange;
mod extensions;
mod future;
mod keeper;
mod key;
mod opening;
mod transfer;
mod upgrade;
mod upload;
mod wire;

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_keepalive::pool::{Counters, EndReason, RefuseReason};
use tower_service::Service;

use crate::BoxError;

pub use crate::{Transport, Upgraded};
pub use body::Body;
pub use builder::Builder;
pub use connect::{Connect, TcpConnector};
pub use error::{Error, ErrorKind};
pub use extensions::{ConnectionInfo, Idempotent, OnInterim, Proxy, RequestTimeouts};
pub use future::ResponseFuture;
pub use upgrade::Upgrade;

use builder::Shared;

/// A client: requests go on connections of its pool. A clone is another handle of the same client.
pub struct Client<C: Connect> {
    shared: Arc<Shared<C>>,
}

impl Client<TcpConnector> {
    /// One with the settings that are common, which opens TCP connections.
    pub fn new() -> Self {
        Self::builder().build(TcpConnector::new())
    }

    /// Begins with the settings that are common.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl Default for Client<TcpConnector> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Connect> Client<C> {
    /// Sends the request as soon as the future is polled, and gives its response when the head of that has come. Its URI has scheme and authority.
    ///
    /// The future fails as [`Error`] says. It may be dropped at any time: its place in the pool is free at once.
    pub fn request<B>(&self, request: Request<B>) -> ResponseFuture<C>
    where
        B: http_body::Body + Send + 'static,
        B::Error: Into<BoxError>,
    {
        ResponseFuture::new(Arc::clone(&self.shared), request)
    }

    /// What the client has done, and what it holds.
    pub fn figures(&self) -> Figures {
        self.shared.figures()
    }

    /// Ends the client: nothing more is sent, connections that are idle are closed, and the others when their response is whole.
    pub fn drain(&self) {
        self.shared.drain();
    }

    /// Connections that are open now are used by no more requests: after a change of network, say. Idle ones are closed.
    pub fn new_generation(&self) {
        self.shared.new_generation();
    }
}

impl<C: Connect> Clone for Client<C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<C: Connect> fmt::Debug for Client<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("figures", &self.figures()).finish_non_exhaustive()
    }
}

impl<C, B> Service<Request<B>> for Client<C>
where
    C: Connect,
    B: http_body::Body + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Error;
    type Future = ResponseFuture<C>;

    /// Always ready: a request waits in the pool.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture<C> {
        self.request(request)
    }
}

/// What a client has done, and what it holds. [`Display`](fmt::Display) says it in one line.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Figures {
    /// Connections that are idle.
    pub idle: u32,
    /// Connections that are idle, in use, or being opened.
    pub held: u32,
    /// Requests that wait for a connection.
    pub waiting: u32,
    /// Requests that were sent again, each time.
    pub retries: u64,
    /// Counts of the pool: connections opened and used again, and why they ended.
    pub pool: Counters,
}

/// In one line, for people: what is nought is left out of the causes.
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { idle, held, waiting, retries, pool } = self;
        write!(f, "connections held {held}, idle {idle}, opened {}, reused {}; ", pool.opened, pool.reused)?;
        write!(f, "requests waiting {waiting}, sent again {retries}")?;
        let ended = EndReason::ALL.iter().map(|why| (why.as_str(), pool.ended(*why)));
        let mut before = "; ended: ";
        for (why, times) in ended.filter(|(_, times)| *times > 0) {
            write!(f, "{before}{why} {times}")?;
            before = ", ";
        }
        let refused = RefuseReason::ALL.iter().map(|why| (why.as_str(), pool.refused(*why)));
        before = "; refused: ";
        for (why, times) in refused.filter(|(_, times)| *times > 0) {
            write!(f, "{before}{why} {times}")?;
            before = ", ";
        }
        Ok(())
    }
}
