//! Beside a server of hyper's: one connection, or a loop that accepts them.
//!
//! # How it knows
//!
//! Four wrappers tell the machine what goes on, and none of them changes an octet: [`Transport`] what was read and written, the service which
//! heads came, [`Content`] what the application takes, [`Outgoing`] what it gives. The future around hyper's connection polls hyper first, then
//! does what is due.
//!
//! What was handed to hyper and is not written yet is unknown, but hyper writes within the same poll. Whether it waits for the peer is known:
//! its last read found nothing. Whether the application waits for content, too: its last poll found nothing. So the peer is blamed for late
//! content only while both wait for it.

mod connection;
mod content;
mod facts;
mod heads;
mod outgoing;
mod own;
mod serve;
mod service;
mod summary;
mod transport;

pub use connection::{Connection, serve_connection};
pub use content::Content;
pub use outgoing::Outgoing;
pub use serve::{Serve, serve};
pub use service::{Answer, Watched};
pub use summary::{Error, Summary};
pub use transport::Transport;
