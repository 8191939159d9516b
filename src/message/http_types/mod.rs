//! The types of the crate `http`, both ways (feature `http`).
//!
//! What one side has judged the other does not judge again, as far as the two crates let it: a line of a `HeaderMap` is within the
//! grammar, so only what the machine allows is asked of it ([`HttpFields`]); the values of a head are slices of its octets, which `http`
//! looks at once, since it takes nobody's word for them without `unsafe`. No verdict depends on these types.

mod convert;
mod heads;
mod intents;

pub use convert::NotHttp1;
pub use intents::{IntentError, IntentFields};

use crate::error::Misuse;
use crate::message::fields_to_send::{Fields, Grammar};

/// The lines of a `HeaderMap` to be sent, in its order, of which the grammar is not asked again: `http` has.
///
/// A `&HeaderMap` alone can be sent, too, by all features and none, and its lines are judged as any others are. Lines that the machine writes
/// itself are a [`Misuse::OwnedField`] either way; [`IntentFields`] takes them for what they mean. Whitespace at the ends of a value,
/// which `http` lets in, is not sent (RFC 9110 5.5).
///
/// ```
/// use http_keepalive::*;
///
/// let now = Instant::from_secs(1);
/// let mut connection = Connection::<Server>::new(now, &Config::DEFAULT);
/// connection.receive(now, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")?;
/// connection.receive(now, b"")?;
/// let mut map = http::HeaderMap::new();
/// map.insert("a", http::HeaderValue::from_static("b "));
/// let mut out = Vec::new();
/// connection.send_response(now, http::StatusCode::OK, HttpFields(&map), Content::Empty, &mut out)?;
/// assert_eq!(out, b"HTTP/1.1 200 OK\r\na: b\r\nContent-Length: 0\r\n\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a name for a reference, and nothing more")]
pub struct HttpFields<'a>(pub &'a http::HeaderMap);

impl Fields for HttpFields<'_> {
    fn visit(self, mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), Misuse>) -> Result<(), Misuse> {
        self.0.iter().try_for_each(|(name, value)| visit(name.as_str().as_bytes(), value.as_bytes()))
    }

    fn grammar(&self) -> Grammar {
        Grammar::KEPT
    }
}
