//! A request of the machine's, as one of `http`.

use std::cell::Cell;

use bytes::Bytes;
use http::{HeaderMap, Request, Uri};
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
        *request.headers_mut() = SPARE.take();
        fields.append_to_http(&octets, request.headers_mut())?;
    }
    Ok(request)
}

std::thread_local! {
    /// A map whose memory the next request may have.
    static SPARE: Cell<HeaderMap> = Cell::new(HeaderMap::new());
}

/// The fields of a response that was sent: the memory of their map is for the next request.
pub(super) fn recycle(mut map: HeaderMap) {
    if map.capacity() <= MOST_SPARE {
        map.clear();
        SPARE.set(map);
    }
}

/// Lines of a map that is kept, at most.
const MOST_SPARE: usize = 100;
