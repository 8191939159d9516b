//! HTTP/1.x connections for tokio, on the state machine [`http_keepalive`].
//!
//! No rule of HTTP is in this crate: [`http_keepalive::drive`] says what is next, and this does it on a transport of tokio's. Why a
//! connection ended, which deadline passed and which clause says so are the machine's words.
//!
//! # The map
//!
//! ```text
//!  clock, timer, date, transport     time and transports, as tokio has them
//!  stream, spare, upgraded, own_lines what both roles do with a transport, buffers, another protocol, field lines
//!  drain, listen                     the end of a process; the loop that accepts
//!  server/                           a connection of a server, for a tower service
//!  client/                           a client over a pool, as a tower service
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "client")]
pub mod client;
mod clock;
mod date;
mod drain;
mod listen;
#[cfg(any(feature = "server", feature = "client"))]
mod own_lines;
mod seed;
#[cfg(feature = "server")]
pub mod server;
#[cfg(any(feature = "server", feature = "client"))]
mod spare;
#[cfg(any(feature = "server", feature = "client"))]
mod stream;
mod task;
mod timer;
#[cfg(any(feature = "server", feature = "client"))]
mod trace;
mod transport;
#[cfg(any(feature = "server", feature = "client"))]
mod upgraded;

pub use clock::Clock;
pub use date::with_date;
pub use drain::{Drain, Joined};
pub use http_keepalive;
pub use listen::{Accepting, Listener, Stop};
pub use seed::next_seed;
pub use timer::Timer;
pub use transport::{Reset, reset_tcp};
#[cfg(any(feature = "server", feature = "client"))]
pub use upgraded::{Transport, Upgraded};

/// Any error.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
