//! Status codes (RFC 9110 15): what decides framing and persistence is their class.

use core::fmt;

/// A status code: three digits. Of a peer's, any from 0 to 999 can arrive and is classified by its first digit (RFC 9110 15); one
/// below 100 counts as a server's error, and its connection is not used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusCode(u16);

macro_rules! statuses {
    ($($name:ident => $code:literal, $phrase:literal;)+) => {
        impl StatusCode {
            $(
                #[doc = concat!("`", stringify!($code), " ", $phrase, "`")]
                pub const $name: Self = Self($code);
            )+

            /// The registered reason phrase; empty for a code we do not know (RFC 9112 4 lets it be empty).
            pub const fn reason_phrase(self) -> &'static str {
                match self.0 {
                    $($code => $phrase,)+
                    _ => "",
                }
            }
        }
    };
}

statuses! {
    CONTINUE => 100, "Continue";
    SWITCHING_PROTOCOLS => 101, "Switching Protocols";
    EARLY_HINTS => 103, "Early Hints";
    OK => 200, "OK";
    CREATED => 201, "Created";
    ACCEPTED => 202, "Accepted";
    NO_CONTENT => 204, "No Content";
    RESET_CONTENT => 205, "Reset Content";
    PARTIAL_CONTENT => 206, "Partial Content";
    MOVED_PERMANENTLY => 301, "Moved Permanently";
    FOUND => 302, "Found";
    SEE_OTHER => 303, "See Other";
    NOT_MODIFIED => 304, "Not Modified";
    TEMPORARY_REDIRECT => 307, "Temporary Redirect";
    PERMANENT_REDIRECT => 308, "Permanent Redirect";
    BAD_REQUEST => 400, "Bad Request";
    UNAUTHORIZED => 401, "Unauthorized";
    FORBIDDEN => 403, "Forbidden";
    NOT_FOUND => 404, "Not Found";
    METHOD_NOT_ALLOWED => 405, "Method Not Allowed";
    NOT_ACCEPTABLE => 406, "Not Acceptable";
    PROXY_AUTHENTICATION_REQUIRED => 407, "Proxy Authentication Required";
    REQUEST_TIMEOUT => 408, "Request Timeout";
    CONFLICT => 409, "Conflict";
    GONE => 410, "Gone";
    LENGTH_REQUIRED => 411, "Length Required";
    PRECONDITION_FAILED => 412, "Precondition Failed";
    CONTENT_TOO_LARGE => 413, "Content Too Large";
    URI_TOO_LONG => 414, "URI Too Long";
    UNSUPPORTED_MEDIA_TYPE => 415, "Unsupported Media Type";
    RANGE_NOT_SATISFIABLE => 416, "Range Not Satisfiable";
    EXPECTATION_FAILED => 417, "Expectation Failed";
    MISDIRECTED_REQUEST => 421, "Misdirected Request";
    UNPROCESSABLE_CONTENT => 422, "Unprocessable Content";
    TOO_EARLY => 425, "Too Early";
    UPGRADE_REQUIRED => 426, "Upgrade Required";
    PRECONDITION_REQUIRED => 428, "Precondition Required";
    TOO_MANY_REQUESTS => 429, "Too Many Requests";
    REQUEST_HEADER_FIELDS_TOO_LARGE => 431, "Request Header Fields Too Large";
    UNAVAILABLE_FOR_LEGAL_REASONS => 451, "Unavailable For Legal Reasons";
    INTERNAL_SERVER_ERROR => 500, "Internal Server Error";
    NOT_IMPLEMENTED => 501, "Not Implemented";
    BAD_GATEWAY => 502, "Bad Gateway";
    SERVICE_UNAVAILABLE => 503, "Service Unavailable";
    GATEWAY_TIMEOUT => 504, "Gateway Timeout";
    HTTP_VERSION_NOT_SUPPORTED => 505, "HTTP Version Not Supported";
}

impl StatusCode {
    /// The code of this number, if it has at most three digits.
    pub const fn new(code: u16) -> Option<Self> {
        if code < 1000 { Some(Self(code)) } else { None }
    }

    /// The number.
    pub const fn as_u16(self) -> u16 {
        self.0
    }

    /// 1xx: not the answer yet (RFC 9110 15.2).
    pub const fn is_interim(self) -> bool {
        self.0 >= 100 && self.0 < 200
    }

    /// 2xx (RFC 9110 15.3).
    pub const fn is_successful(self) -> bool {
        self.0 >= 200 && self.0 < 300
    }

    /// The number it counts as: that of a server's error where there is no such status (RFC 9110 15).
    pub(crate) const fn counted(self) -> u16 {
        if self.0 < 100 { 500 } else { self.0 }
    }

    /// One we may send: 100 to 599 (RFC 9110 15).
    pub const fn is_valid(self) -> bool {
        self.0 >= 100 && self.0 < 600
    }

    /// A response of this status ends with its head, whatever its fields say (RFC 9112 6.3, item 1).
    pub const fn has_no_content(self) -> bool {
        self.is_interim() || matches!(self.0, 204 | 304)
    }

    /// As three digits, leading zeros kept.
    pub(crate) const fn digits(self) -> [u8; 3] {
        [b'0' + (self.0 / 100 % 10) as u8, b'0' + (self.0 / 10 % 10) as u8, b'0' + (self.0 % 10) as u8]
    }
}

impl fmt::Debug for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.0)
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}", self.0)
    }
}
