//! What a request may say beside its head, and what a response says.

use std::fmt;
use std::sync::Arc;

use http::{Response, Uri};
use http_keepalive::{Client, Config};

/// Timeouts of one request, as an extension of it: those of this configuration, until its response is complete. Those of the client hold for
/// what is not within the exchange. By default they are the client's.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use http_keepalive_tokio::client::RequestTimeouts;
/// use http_keepalive_tokio::http_keepalive::{Client, Config, Limits, Policy, Timeouts};
///
/// let timeouts = Timeouts::CLIENT.with_response(Some(Duration::from_secs(5)));
/// let config = Config::<Client>::new(Limits::DEFAULT, timeouts, Policy::DEFAULT)?;
/// let request = http::Request::get("http://example.org/").extension(RequestTimeouts(Arc::new(config)));
/// # let _ = request;
/// # Ok::<(), http_keepalive_tokio::http_keepalive::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a name for a configuration, and nothing more")]
pub struct RequestTimeouts(pub Arc<Config<Client>>);

/// The request may be repeated though its method does not say so (RFC 9110 9.2.2), as an extension of it: a POST with a key by which its
/// server knows it again, say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing in it")]
pub struct Idempotent;

/// The request goes to this proxy, as an extension of it: the target is written whole (RFC 9112 3.2.2), and that of CONNECT as its authority.
/// Scheme and authority of the URI count; connections are shared by all requests to the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a name for a URI, and nothing more")]
pub struct Proxy(pub Uri);

/// Is called with each interim response (RFC 9110 15.2), `100` among them, as an extension of a request. It is called from the future that
/// waits for the response, and should not block.
#[derive(Clone)]
pub struct OnInterim(Arc<Call>);

type Call = dyn Fn(&Response<()>) + Send + Sync;

impl OnInterim {
    /// Calls this function.
    pub fn new(call: impl Fn(&Response<()>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(call))
    }

    pub(super) fn call(&self, response: &Response<()>) {
        (self.0)(response);
    }
}

impl fmt::Debug for OnInterim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnInterim")
    }
}

/// On which connection a response came, as an extension of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// It had been idle in the pool.
    pub is_reused: bool,
    /// Which exchange of its connection this is, from 1.
    pub exchange: u32,
    /// How often the request was sent, this time counted.
    pub tries: u32,
}
