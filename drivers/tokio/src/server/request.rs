//! A request of the machine's, as one of `http`.

use bytes::Bytes;
use http::{Request, Uri};
use http_keepalive::RequestHead;

use super::Body;

/// The same request: its target and its values share one copy of the octets, which is as long as they are, whatever else was read with
/// them.
///
/// # Errors
///
/// What `http` does not take.
pub(super) fn to_http(head: &RequestHead<'_>, body: Body) -> Result<Request<Body>, http::Error> {
    let (target, lines) = (head.target.as_bytes(), head.fields.as_bytes());
    let mut octets = Vec::with_capacity(target.len() + lines.len());
    octets.extend_from_slice(target);
    octets.extend_from_slice(lines);
    let octets = Bytes::from(octets);
    let mut request = Request::new(body);
    *request.method_mut() = head.method.try_into()?;
    *request.uri_mut() = Uri::from_maybe_shared(octets.slice(..target.len()))?;
    *request.version_mut() = head.version.into();
    // the same lines, on the copy
    if let Some(fields) = head.fields.places(lines).on(octets.get(target.len()..).unwrap_or_default()) {
        *request.headers_mut() = fields.to_http(&octets)?;
    }
    Ok(request)
}
