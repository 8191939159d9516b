//! Serves axum routers over HTTP/1.x on the state machine `http-keepalive`: what [`axum::serve()`] does, with every deadline, a graceful end
//! that loses nothing, and a reason for each thing done.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//!
//! # async fn run() -> std::io::Result<()> {
//! let router = Router::new().route("/", get(|| async { "Hello, World!" }));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//! http_keepalive_axum::serve(listener, router).await
//! # }
//! ```
//!
//! # The map
//!
//! ```text
//!  service      axum's requests and responses on a connection
//!  upgrade      the transport of a WebSocket, as hyper's type, which axum asks for
//!  make         what makes a service for each connection
//!  serve        the loop that accepts
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

mod make;
mod serve;
mod service;
#[cfg(feature = "upgrade")]
mod upgrade;

pub use http_keepalive_tokio::http_keepalive;
pub use http_keepalive_tokio::server::{Builder, Connection, ConnectionInfo, ExchangeTimeouts};
pub use http_keepalive_tokio::{Drain, Stop};
pub use make::{IncomingStream, MakeConnectionService};
pub use serve::{Serve, WithGracefulShutdown, preset, serve};
pub use service::{AxumService, serve_connection};

/// The README's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
