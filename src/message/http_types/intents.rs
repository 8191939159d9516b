//! A caller's own lines of the connection and of the framing, read as what they mean.
//!
//! Read first: RFC 9110 7.6.1 (`Connection`), 8.6 (`Content-Length`); RFC 9112 6.1 to 6.3, 9.6 (`close`).
//!
//! The machine writes these lines, and a caller's are a mistake. But applications written for other servers set them: `Content-Length`
//! beside content that a stream gives, or `Connection: close`. Here they are read once, as the caller's intents, and left out.

use http::header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue};

use crate::error::Misuse;
use crate::message::announcement::Content;
use crate::message::fields_to_send::{Fields, Grammar};
use crate::message::known_fields::is_owned;
use crate::message::method::MethodKind;
use crate::message::octets;
use crate::reasons::reasons;
use crate::status::StatusCode;

reasons! {
    /// Why a caller's own lines of the connection can not be meant.
    pub enum IntentError {
        /// A `Content-Length` that is no number, or one beyond 64 bits.
        LengthNotANumber => "length-not-a-number", "RFC 9110 8.6";
        /// Two lengths that differ.
        LengthsDiffer => "lengths-differ", "RFC 9110 8.6";
        /// A length that is not that of the content.
        LengthNotOfContent => "length-not-of-content", "RFC 9110 8.6";
        /// A `Transfer-Encoding` other than `chunked`.
        Coding => "coding", "RFC 9112 6.1";
    }
}

impl core::error::Error for IntentError {}

/// The lines of a `HeaderMap` to be sent, those of the connection and of the framing read as intents and left out.
///
/// | line | is read as |
/// | --- | --- |
/// | `Content-Length` | the length of the content ([`Content::Exact`]) |
/// | `Transfer-Encoding: chunked` | content of unknown length ([`Content::Unknown`]), whatever a `Content-Length` says (RFC 9112 6.3) |
/// | `Connection` with `close` | the end of the connection: [`close`](Self::close) |
/// | other options of `Connection` | nothing, and the lines that they name are left out, too; those of `Upgrade` and `TE` stay |
/// | `Keep-Alive`, `Proxy-Connection` | nothing |
///
/// What the machine says of the connection is its own: the intents go into [`Content`], [`Response`](crate::Response) and
/// [`Request`](crate::Request). Names and values are not judged again.
///
/// ```
/// use http::{HeaderMap, HeaderValue};
/// use http_keepalive::*;
///
/// let now = Instant::from_secs(1);
/// let mut connection = Connection::<Server>::new(now, &Config::DEFAULT);
/// connection.receive(now, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")?;
/// connection.receive(now, b"")?;
///
/// let mut map = HeaderMap::new();
/// map.insert("content-length", HeaderValue::from_static("13"));
/// map.insert("connection", HeaderValue::from_static("close"));
/// let fields = IntentFields::new(&map)?;
/// // a stream, of which no length is known
/// let content = fields.content_of_response(MethodKind::Get, StatusCode::OK, None)?;
/// assert_eq!(content, Content::Exact(13));
/// let response = Response::new(StatusCode::OK).with_close(fields.close());
/// let mut out = Vec::new();
/// connection.send_response(now, response, fields, content, &mut out)?;
/// assert_eq!(out, b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct IntentFields<'a> {
    map: &'a HeaderMap,
    date: Option<&'a HeaderValue>,
    length: Option<u64>,
    chunked: bool,
    close: bool,
    /// An option of `Connection` names a field that the machine knows nothing of.
    names_others: bool,
    has_date: bool,
}

/// The members of the lists that all lines of this name have.
fn members(map: &HeaderMap, name: http::HeaderName) -> impl Iterator<Item = &[u8]> {
    map.get_all(name).into_iter().flat_map(|value| octets::members(value.as_bytes()))
}

/// Options that the machine says by itself, or that name no field.
fn is_own_option(option: &[u8]) -> bool {
    [&b"close"[..], b"keep-alive", b"upgrade", b"te"].iter().any(|own| option.eq_ignore_ascii_case(own))
}

impl<'a> IntentFields<'a> {
    /// Reads the intents.
    ///
    /// # Errors
    ///
    /// [`IntentError::LengthNotANumber`], [`IntentError::LengthsDiffer`], [`IntentError::Coding`]. The same length said twice is one.
    pub fn new(map: &'a HeaderMap) -> Result<Self, IntentError> {
        let mut intents =
            Self { map, date: None, length: None, chunked: false, close: false, names_others: false, has_date: false };
        // one walk is less than a search for each name
        for (name, value) in map {
            if *name == CONTENT_LENGTH {
                intents.take_length(value.as_bytes())?;
            } else if *name == TRANSFER_ENCODING {
                intents.take_coding(value.as_bytes())?;
            } else if *name == CONNECTION {
                intents.take_options(value.as_bytes());
            } else if *name == DATE {
                intents.has_date = true;
            }
        }
        Ok(intents)
    }

    fn take_length(&mut self, value: &[u8]) -> Result<(), IntentError> {
        let mut numbers = octets::members(value).peekable();
        if numbers.peek().is_none() {
            return Err(IntentError::LengthNotANumber);
        }
        for number in numbers {
            let octets = octets::decimal(number).map_err(|_| IntentError::LengthNotANumber)?;
            if *self.length.get_or_insert(octets) != octets {
                return Err(IntentError::LengthsDiffer);
            }
        }
        Ok(())
    }

    fn take_coding(&mut self, value: &[u8]) -> Result<(), IntentError> {
        for coding in octets::members(value) {
            if self.chunked || !coding.eq_ignore_ascii_case(b"chunked") {
                return Err(IntentError::Coding);
            }
            self.chunked = true;
        }
        Ok(())
    }

    fn take_options(&mut self, value: &[u8]) {
        for option in octets::members(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.names_others |= !is_own_option(option);
        }
    }

    /// With a `Date` before the others, unless they have one: of a server that has a clock (RFC 9110 6.6.1).
    #[must_use]
    pub const fn with_date(mut self, date: &'a HeaderValue) -> Self {
        self.date = Some(date);
        self
    }

    /// The connection is to end with this message: [`Response::with_close`](crate::Response::with_close),
    /// [`Request::with_close`](crate::Request::with_close).
    pub const fn close(&self) -> bool {
        self.close
    }

    /// The content of a response of this status to a request of this method. `body`: how many octets the application has; `None`: that is
    /// not known.
    ///
    /// Where the method or the status allows no content (HEAD, 204, 304), what the application has says nothing, for a framework may have
    /// taken the content away: only a length that is declared counts (RFC 9110 8.6).
    ///
    /// # Errors
    ///
    /// [`IntentError::LengthNotOfContent`]: `body` is known, and another length is declared.
    pub fn content_of_response(
        &self,
        method: MethodKind,
        status: StatusCode,
        body: Option<u64>,
    ) -> Result<Content, IntentError> {
        if method == MethodKind::Head || status.has_no_content() {
            return Ok(match self.length {
                Some(octets) if !self.chunked => Content::Exact(octets),
                _ => Content::Unknown,
            });
        }
        self.content(body)
    }

    /// The content of a request. `body`: how many octets there are; `None`: that is not known.
    ///
    /// # Errors
    ///
    /// [`IntentError::LengthNotOfContent`]: `body` is known, and another length is declared.
    pub fn content_of_request(&self, body: Option<u64>) -> Result<Content, IntentError> {
        self.content(body)
    }

    fn content(&self, body: Option<u64>) -> Result<Content, IntentError> {
        match (self.length, body) {
            _ if self.chunked => Ok(Content::Unknown),
            (Some(declared), Some(octets)) if declared != octets => Err(IntentError::LengthNotOfContent),
            (Some(octets), _) => Ok(Content::Exact(octets)),
            (None, Some(0)) => Ok(Content::Empty),
            (None, Some(octets)) => Ok(Content::Exact(octets)),
            (None, None) => Ok(Content::Unknown),
        }
    }

    fn is_left_out(&self, name: &[u8]) -> bool {
        let named = |option: &[u8]| !is_own_option(option) && option.eq_ignore_ascii_case(name);
        is_owned(name) || (self.names_others && members(self.map, CONNECTION).any(named))
    }
}

impl Fields for IntentFields<'_> {
    fn visit(self, mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), Misuse>) -> Result<(), Misuse> {
        if let Some(date) = self.date.filter(|_| !self.has_date) {
            visit(b"Date", date.as_bytes())?;
        }
        let lines = self.map.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
        lines.filter(|(name, _)| !self.is_left_out(name)).try_for_each(|(name, value)| visit(name, value))
    }

    fn grammar(&self) -> Grammar {
        Grammar::KEPT
    }
}
