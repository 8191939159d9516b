//! What a request tells of its connection, and what its application may ask of it: types among its extensions.

use std::sync::{Arc, Mutex, PoisonError};

use http_keepalive::{Config, Server};

/// The connection that a request came on. Among the extensions of the request where the builder was asked for it
/// ([`with_extensions`](super::Builder::with_extensions)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// The number of this request on its connection, from 1.
    pub exchange: u32,
    /// When the connection was accepted.
    pub opened: tokio::time::Instant,
    /// The server is about to end, and this response will say `close`.
    pub draining: bool,
}

/// Gives this exchange timeouts of its own: a long upload, an event stream. Among the extensions of the request where the builder was
/// asked for it ([`with_extensions`](super::Builder::with_extensions)).
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use http_keepalive_tokio::http_keepalive::{Config, Limits, Policy, Server, Timeouts};
/// use http_keepalive_tokio::server::{Body, ExchangeTimeouts};
///
/// # fn handler(request: http::Request<Body>) -> Result<(), Box<dyn std::error::Error>> {
/// // the content of this upload may pause for ten minutes
/// let timeouts = Timeouts::DEFAULT.with_content_gap(Some(Duration::from_secs(600)));
/// let config = Config::<Server>::new(Limits::DEFAULT, timeouts, Policy::DEFAULT)?;
/// if let Some(own) = request.extensions().get::<ExchangeTimeouts>() {
///     own.set(Arc::new(config));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct ExchangeTimeouts {
    asked: Arc<Mutex<Option<Arc<Config<Server>>>>>,
}

impl ExchangeTimeouts {
    /// From the next time that the connection is looked at, which is at once where the handler's own task says it, until the end of the
    /// exchange. What is said later holds instead. Limits and policies of `config` do not count.
    pub fn set(&self, config: Arc<Config<Server>>) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(config);
    }

    pub(super) fn take(&self) -> Option<Arc<Config<Server>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
