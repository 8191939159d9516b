//! Octets and what they say: heads, fields, framing, bodies, in both directions. Knows no connection, and no time.
//!
//! Received: [`head`] finds the lines of a head; [`connection_facts`] keeps what they say of the connection, and [`head_facts`] beside that
//! what callers with their own parser tell; [`known_fields`] is the table of the names that matter; [`framing`] says how the content ends,
//! and [`chunked`] reads the one framing that needs a state machine. Sent: [`fields_to_send`] checks what a caller gives, and [`writer`]
//! writes it into an [`output`]. Below both are [`octets`]: classes, numbers, lists, and searches by many octets at once.
//!
//! **Fast paths.** Where nearly all input has one shape there are two functions: a fast one for that shape and a full one for every shape.
//! The fast one answers completely, or changes nothing that the full one would not have changed as well. Each names its twin, and
//! `fast_paths_test` compares the two.
//!
//! **`inline(always)`** is where it was counted. The comment above it says how many instructions of a row of the benches it saves: the row
//! was counted without it (`benches`, `count`).

pub(crate) mod announcement;
pub(crate) mod chunked;
pub(crate) mod connection_facts;
pub(crate) mod fact_set;
pub(crate) mod fields_to_send;
pub mod framing;
pub(crate) mod head;
pub(crate) mod head_facts;
pub(crate) mod host;
#[cfg(feature = "http")]
pub(crate) mod http_types;
pub(crate) mod keep_alive;
pub(crate) mod known_fields;
pub(crate) mod method;
pub(crate) mod octets;
pub(crate) mod output;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod target;
pub(crate) mod upgrade;
pub(crate) mod writer;

#[cfg(test)]
mod fast_paths_test;
