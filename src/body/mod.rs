//! Bodies: the framed octets of a message, and the content in them.
//!
//! Read first: RFC 9112 6.2, 6.3, 7.1. Content is handed out as ranges of the octets received and taken in as slices of the
//! caller's: nothing is copied that need not be. Exact-length and until-close bodies are a count; [`chunked`] is a machine.

pub(crate) mod chunked;
