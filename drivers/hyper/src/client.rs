//! For the pools of hyper-util's clients: which connection may be used again, and until when.
//!
//! hyper-util's composable pool keeps connections as services, and knows no time. [`ReuseLayer`] stands between its cache and what connects,
//! and makes each connection a [`Reuse`]: it reads what the server says of the connection (`Keep-Alive`, `Connection`, the version), and its
//! machine says whether another request may go. The `Keep-Alive` timeout counts from the end of a response, less the `hint_margin`; `max`
//! counts requests; `idle` and `age` are those of the [`Config`](http_keepalive::Config).
//!
//! A cache gives out what it has without asking, so ask before: [`retain`](hyper_util::client::pool::cache) with
//! [`is_reusable`](Reuse::is_reusable). A connection that is given out all the same fails in `poll_ready`, by which the cache drops it.
//!
//! ```
//! use std::sync::Arc;
//!
//! use http_keepalive::Config;
//! use http_keepalive_hyper::client::{Reuse, ReuseLayer};
//! use hyper_util::client::pool::cache;
//! use tower::{Layer, Service, ServiceExt};
//!
//! # type Request = http::Request<http_body_util::Empty<bytes::Bytes>>;
//! # type Response = http::Response<http_body_util::Empty<bytes::Bytes>>;
//! # #[derive(Clone)]
//! # struct Sender;
//! # impl tower::Service<Request> for Sender {
//! #     type Response = Response;
//! #     type Error = std::convert::Infallible;
//! #     type Future = std::future::Ready<Result<Response, std::convert::Infallible>>;
//! #     fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
//! #         std::task::Poll::Ready(Ok(()))
//! #     }
//! #     fn call(&mut self, _: Request) -> Self::Future {
//! #         std::future::ready(Ok(Response::default()))
//! #     }
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # let connector = tower::service_fn(|_: &'static str| std::future::ready(Ok::<_, std::convert::Infallible>(Sender)));
//! # let request = || http::Request::builder().header("host", "example.org").body(Default::default()).unwrap();
//! // `connector` is the program's own: a service that opens a connection, and gives what sends requests on it
//! let connector = ReuseLayer::new(Arc::new(Config::DEFAULT.clone())).layer(connector);
//! let mut pool = cache::builder().build(connector);
//!
//! pool.retain(|connection: &mut Reuse<Sender>| connection.is_reusable());
//! let mut connection = pool.ready().await.unwrap().call("example.org").await.unwrap();
//! let response = connection.ready().await.unwrap().call(request()).await.unwrap();
//! # }
//! ```

mod connect;
mod error;
mod known;
mod received;
mod reuse;

pub use connect::{Connect, ReuseConnector, ReuseLayer};
pub use error::ReuseError;
pub use received::Received;
pub use reuse::{Exchange, Reuse};
