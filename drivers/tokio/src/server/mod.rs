//! A connection of a server: any tower service of [`http::Request`], streaming both ways.
//!
//! ```no_run
//! use std::convert::Infallible;
//! use http_body_util::Full;
//! use http_keepalive_tokio::http_keepalive::Config;
//! use http_keepalive_tokio::server::{Body, Builder};
//! use http_keepalive_tokio::{Drain, Stop};
//!
//! # async fn run() -> std::io::Result<()> {
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! let service = tower::service_fn(|_: http::Request<Body>| async {
//!     Ok::<_, Infallible>(http::Response::new(Full::new(bytes::Bytes::from_static(b"Hello\n"))))
//! });
//! let signal = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
//! Builder::new(Config::DEFAULT).serve_until(listener, |_| service, Stop::Close, signal).await;
//! # Ok(())
//! # }
//! ```
//!
//! # What becomes of what
//!
//! | the service | the client sees |
//! | --- | --- |
//! | returns a response | it; content of known length framed by it, other content chunked |
//! | fails | `500 (Internal Server Error)`, the next request on the same connection |
//! | its response's content fails | a connection that is cut, so that nobody takes it for whole |
//! | sets `Content-Length`, `Transfer-Encoding`, `Connection: close` | what it meant: they are read as intents |
//! | sets a line that may not be sent | `500` |
//! | does not read the content | what is left is dropped within a limit, or the connection ends after the response |
//! | reads slowly | nothing: back-pressure, and no deadline runs against the client |
//! | reads a request with `Expect: 100-continue` | `100 (Continue)`, at the first read |
//! | is dropped, since the client went away or a deadline passed | the machine's answer: 408, 503, or a close |
//!
//! The future of a [`Connection`] does all of this, and its output is the summary ([`ConnectionSummary`](http_keepalive::ConnectionSummary)): what the connection came to, and why it
//! ended.

mod body;
mod builder;
mod connection;
mod extensions;
mod parts;
mod request;
mod response;
mod upgrade;

pub use body::{Body, ContentError};
pub use builder::Builder;
pub use connection::Connection;
pub use extensions::{ConnectionInfo, ExchangeTimeouts};
pub use upgrade::{NotUpgraded, OnUpgrade};

pub use crate::{Transport, Upgraded};
