//! Field lines that have octets of their own.

use bytes::Bytes;
use http::HeaderMap;
use http_keepalive::FieldSection;

/// The lines of a section as those of `http`, which share one copy of the octets.
///
/// # Errors
///
/// What `http` does not take.
pub(crate) fn own_lines(section: &FieldSection<'_>) -> Result<HeaderMap, http::Error> {
    let lines = section.as_bytes();
    let octets = Bytes::copy_from_slice(lines);
    section.places(lines).on(&octets).as_ref().unwrap_or(section).to_http(&octets)
}
