//! Heads that were received, as those of `http`: their values share the octets of the head.

use alloc::vec::Vec;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};

use crate::message::head::{FieldSection, RequestHead, ResponseHead};

impl RequestHead<'_> {
    /// The same request as one of `http`, without content. `octets` are those that the head lies in: its target and its values share them, and
    /// nothing is copied but the names that `http` does not know, and folded values. What does not lie in them is copied.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use http_keepalive::*;
    ///
    /// let now = Instant::from_secs(1);
    /// let mut connection = Connection::<Server>::new(now, &Config::DEFAULT);
    /// let mut buffer = BytesMut::from("GET /a HTTP/1.1\r\nHost: example.org\r\n\r\n");
    /// let received = connection.receive(now, &buffer)?;
    /// let Outcome::Event(Event::Request(head)) = received.outcome else { panic!("a whole request") };
    /// let (places, consumed) = (head.places(&buffer), received.consumed);
    /// let octets = buffer.split_to(consumed).freeze();
    /// let request = places.on(&octets).expect("the same octets").to_http(&octets)?;
    /// assert_eq!(request.uri().path(), "/a");
    /// assert_eq!(request.headers()["host"], "example.org");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A target, or a value where policy let in control octets, that `http` does not take; more than 24,576 field lines. It is the
    /// driver's to answer: [`refuse`](crate::Connection::refuse).
    pub fn to_http(&self, octets: &Bytes) -> Result<http::Request<()>, http::Error> {
        let mut request = http::Request::new(());
        *request.method_mut() = self.method.try_into()?;
        *request.uri_mut() = Uri::from_maybe_shared(shared(self.target.as_bytes(), octets))?;
        *request.version_mut() = self.version.into();
        *request.headers_mut() = self.fields.to_http(octets)?;
        Ok(request)
    }
}

impl ResponseHead<'_> {
    /// The same response as one of `http`, without content and without its reason phrase. `octets` are those that the head lies in: its
    /// values share them. What does not lie in them is copied.
    ///
    /// # Errors
    ///
    /// A status below 100; a value that `http` does not take, where policy let in control octets; more than 24,576 field lines.
    pub fn to_http(&self, octets: &Bytes) -> Result<http::Response<()>, http::Error> {
        let mut response = http::Response::new(());
        *response.status_mut() = self.status.try_into()?;
        *response.version_mut() = self.version.into();
        *response.headers_mut() = self.fields.to_http(octets)?;
        Ok(response)
    }
}

impl FieldSection<'_> {
    /// The same lines as those of `http`, in order, duplicates kept, names in lower case. `octets` are those that the section lies in: the
    /// values share them. What does not lie in them is copied.
    ///
    /// # Errors
    ///
    /// A value that `http` does not take, where policy let in control octets; more than 24,576 lines.
    pub fn to_http(&self, octets: &Bytes) -> Result<HeaderMap, http::Error> {
        let mut map = HeaderMap::new();
        self.append_to_http(octets, &mut map)?;
        Ok(map)
    }

    /// The same, after the lines that a map has: one that was used before and [cleared](HeaderMap::clear) need not be allocated again.
    ///
    /// # Errors
    ///
    /// As [`to_http`](Self::to_http). Lines before the one that failed are in the map.
    pub fn append_to_http(&self, octets: &Bytes, map: &mut HeaderMap) -> Result<(), http::Error> {
        // the table is made once: most lines are longer than this
        map.try_reserve(self.as_bytes().len() / 32)?;
        for line in self {
            // what `http` looks for is in no value but one that was folded, or has octets that policy let in
            let value = match HeaderValue::from_maybe_shared(shared(line.value.as_received(), octets)) {
                Ok(value) => value,
                Err(_) => HeaderValue::from_maybe_shared(Bytes::from(line.value.octets().collect::<Vec<u8>>()))?,
            };
            map.try_append(HeaderName::from_bytes(line.name)?, value)?;
        }
        Ok(())
    }
}

/// `part`, shared with the octets that it lies in, or copied.
fn shared(part: &[u8], octets: &Bytes) -> Bytes {
    let from = (part.as_ptr() as usize).wrapping_sub(octets.as_ptr() as usize);
    match from.checked_add(part.len()) {
        Some(to) if to <= octets.len() => octets.slice(from..to),
        _ => Bytes::copy_from_slice(part),
    }
}
