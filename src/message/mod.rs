//! Octets and what they say: heads, fields, framing, bodies, in both directions. Knows no connection, and no time.
//!
//! Received: [`octets`] are looked at by [`head`], which finds the lines; [`head_facts`] keeps what they say of the connection; [`framing`]
//! says how the content ends, and [`chunked`] reads the one framing that needs a machine. Sent: [`fields_to_send`] checks what a caller
//! gives, and [`writer`] writes it.

pub(crate) mod announcement;
pub(crate) mod chunked;
pub(crate) mod connection_facts;
pub(crate) mod fact_set;
pub(crate) mod fields_to_send;
pub mod framing;
pub(crate) mod head;
pub(crate) mod head_facts;
pub(crate) mod host;
pub(crate) mod keep_alive;
pub(crate) mod known_fields;
pub(crate) mod method;
pub(crate) mod octets;
pub(crate) mod request;
pub(crate) mod target;
pub(crate) mod upgrade;
pub(crate) mod writer;

#[cfg(test)]
mod fast_paths_test;
