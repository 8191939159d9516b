//! Methods, status codes and versions, both ways: `From` where nothing is lost, `TryFrom` where it may be.

use core::fmt;

use crate::message::method::{Method, Version};
use crate::message::response::Response;
use crate::status::StatusCode;

impl<'a> From<&'a http::Method> for Method<'a> {
    fn from(method: &'a http::Method) -> Self {
        Self::new(method.as_str().as_bytes())
    }
}

/// A method that was received is always one; [`Method::new`] takes any octets.
impl TryFrom<Method<'_>> for http::Method {
    type Error = http::method::InvalidMethod;

    fn try_from(method: Method<'_>) -> Result<Self, Self::Error> {
        Self::from_bytes(method.as_bytes())
    }
}

impl From<http::StatusCode> for StatusCode {
    fn from(status: http::StatusCode) -> Self {
        // `http` has those of 100 to 999
        Self::new(status.as_u16()).unwrap_or(Self::INTERNAL_SERVER_ERROR)
    }
}

/// A status below 100, which a peer may send, is none of `http`.
impl TryFrom<StatusCode> for http::StatusCode {
    type Error = http::status::InvalidStatusCode;

    fn try_from(status: StatusCode) -> Result<Self, Self::Error> {
        Self::from_u16(status.as_u16())
    }
}

impl From<http::StatusCode> for Response<'_> {
    fn from(status: http::StatusCode) -> Self {
        Self::new(status.into())
    }
}

/// A later minor version than 1 counts as HTTP/1.1 (RFC 9110 2.5).
impl From<Version> for http::Version {
    fn from(version: Version) -> Self {
        if version.is_http11() { Self::HTTP_11 } else { Self::HTTP_10 }
    }
}

impl TryFrom<http::Version> for Version {
    type Error = NotHttp1;

    fn try_from(version: http::Version) -> Result<Self, NotHttp1> {
        match version {
            http::Version::HTTP_10 => Ok(Self::HTTP_10),
            http::Version::HTTP_11 => Ok(Self::HTTP_11),
            _ => Err(NotHttp1 { version }),
        }
    }
}

/// A version that is neither HTTP/1.0 nor HTTP/1.1 (RFC 9112 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotHttp1 {
    /// The version.
    pub version: http::Version,
}

impl fmt::Display for NotHttp1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is neither HTTP/1.0 nor HTTP/1.1", self.version)
    }
}

impl core::error::Error for NotHttp1 {}
