#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
//! HTTP/1.x persistent connections as a state machine that does no I/O.
#[cfg(feature = "std")]
extern crate std;

mod body;
mod config;
mod connection;
mod deadline;
#[cfg(feature = "std")]
mod deadline_queue;
mod error;
mod exchange;
mod facts;
pub mod framing;
mod head;
mod host;
mod keep_alive;
mod lifecycle;
mod message;
mod method;
mod octets;
mod output;
pub mod persistence;
mod reasons;
mod receive;
mod server;
mod status;
mod target;
mod teardown;
mod time;
mod wants;

pub use config::{Config, KeepAliveField, Limits, Policy, Role, Server, Timeouts, Tolerance, Use};
pub use connection::Connection;
pub use deadline::{Deadline, DeadlineKind};
#[cfg(feature = "std")]
pub use deadline_queue::{Armed, DeadlineQueue};
pub use error::{ConfigError, Misuse, ProtocolError, ProtocolErrorKind, SendError};
pub use facts::HeadFacts;
pub use framing::{BodyLength, Framing, FramingRule};
pub use head::{FieldLine, FieldLines, FieldSection, FieldValue, FieldValueOctets};
pub use keep_alive::KeepAlive;
pub use lifecycle::{Announce, ConnectionOptions, Content, FramingField, Lifecycle};
pub use message::{Eof, Event, Framed, Outcome, PauseReason, Received, RequestHead, ResponseHead, Written};
pub use method::{Method, MethodKind, Version};
pub use output::{Fields, NO_FIELDS, SendField};
pub use persistence::{CloseReason, Persistence, ReuseReason, TunnelReason};
pub use status::StatusCode;
pub use target::{Target, TargetForm};
pub use time::Instant;
pub use wants::{ReadWant, Shut, Turn, Wants};
