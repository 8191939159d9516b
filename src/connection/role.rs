//! Which side of a connection we are.

use crate::config::{Client, Server};
use crate::connection::receive::Reads;

/// Which side of a connection we are: [`Server`] or [`Client`], and nothing outside: it is sealed.
pub trait Role: Reads + 'static {}

impl Role for Server {}

impl<const DEPTH: usize> Role for Client<DEPTH> {}
