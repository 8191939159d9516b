//! Beside hyper, not instead of it: what [`http_keepalive`] decides, for programs that read and write with hyper.
//!
//! **A server**: [`serve_connection`](server::serve_connection) in the place of hyper's own gives a connection the deadlines of a
//! [`Config`](http_keepalive::Config): first octet, idle, head, content, stall, send rate, age, exchanges, drain; each with its reason. hyper
//! parses and writes as before. [`serve`](server::serve) is a loop that accepts, and ends with its connections.
//!
//! **A client**: [`ReuseLayer`](client::ReuseLayer) between hyper-util's composable pool and what connects. It reads `Keep-Alive`, and keeps a
//! connection out of use that its server may be about to close.
//!
//! No rule of HTTP is in this crate: [`Lifecycle`](http_keepalive::Lifecycle) is told what hyper read and wrote, and says what follows. What
//! can not be known from outside hyper is in the README.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "server")]
pub mod server;

pub use http_keepalive;
pub use http_keepalive_tokio as tokio;
pub use http_keepalive_tokio::BoxError;

/// The README's examples compile.
#[cfg(all(doctest, feature = "server", feature = "client"))]
#[doc = include_str!("../README.md")]
struct Readme;
