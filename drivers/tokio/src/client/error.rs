//! Why a request failed.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use http_keepalive::pool::{EndReason, RefuseReason};
use http_keepalive::retry::RetryVerdict;
use http_keepalive::{CloseReason, IntentError, Misuse, NotHttp1, ProtocolError};

use crate::BoxError;

/// Why a request failed, or the content of its response. One line says what happened and what may be done; [`source`](StdError::source) has
/// the error below it.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    verdict: Option<RetryVerdict>,
    reason: Option<CloseReason>,
    refused: Option<RefuseReason>,
    source: Option<BoxError>,
}

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request can not be sent as it is: its URI, a field, its length. Nothing of it was sent.
    Request,
    /// No connection could be opened. Nothing was sent.
    Connect,
    /// The pool has no place for the request: [`Error::refused`] says why. Nothing was sent.
    Pool,
    /// The connection ended before a response came. [`Error::verdict`] says whether the request may be sent again.
    Unanswered,
    /// The content of the request failed while it was sent.
    Upload,
    /// The connection ended inside the response.
    Incomplete,
    /// The response is none that `http` has: a status below 100, say.
    Response,
}

impl Error {
    pub(super) fn new(kind: ErrorKind, source: Option<BoxError>) -> Self {
        Self(Box::new(Inner { kind, verdict: None, reason: None, refused: None, source }))
    }

    pub(super) fn of_request(source: impl Into<BoxError>) -> Self {
        Self::new(ErrorKind::Request, Some(source.into()))
    }

    pub(super) fn of_connect(source: impl Into<BoxError>) -> Self {
        Self::new(ErrorKind::Connect, Some(source.into()))
    }

    pub(super) fn of_pool(why: RefuseReason) -> Self {
        let mut error = Self::new(ErrorKind::Pool, None);
        error.0.refused = Some(why);
        error
    }

    /// Its connection was open too late: the pool has given its place away.
    pub(super) fn open_overdue() -> Self {
        Self::of_connect(io::Error::new(io::ErrorKind::TimedOut, EndReason::OpenOverdue.to_string()))
    }

    pub(super) fn with_reason(mut self, reason: Option<CloseReason>) -> Self {
        self.0.reason = reason;
        self
    }

    pub(super) fn with_verdict(mut self, verdict: RetryVerdict) -> Self {
        self.0.verdict = Some(verdict);
        self
    }

    /// What failed.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What the machine says of sending the request again: its advice, the reason and the clause. It has none where the request was wrong,
    /// or never had a connection.
    pub fn verdict(&self) -> Option<RetryVerdict> {
        self.0.verdict
    }

    /// Why the connection ended, as the machine says, if one had been used.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.0.reason
    }

    /// Why the pool gave no connection.
    pub fn refused(&self) -> Option<RefuseReason> {
        self.0.refused
    }

    /// A time of the settings was over: that of a response, of content, of sending, of opening a connection, or of waiting for one.
    pub fn is_timeout(&self) -> bool {
        use CloseReason::{
            ContentTimeout, DrainTimeout, ExchangeTimeout, FirstOctetTimeout, HalfClosedTimeout, HeadTimeout,
            IdleTimeout, ResponseTimeout, SendRate, WriteStall,
        };
        let by_machine = matches!(
            self.0.reason,
            Some(
                ContentTimeout
                    | DrainTimeout
                    | ExchangeTimeout
                    | FirstOctetTimeout
                    | HalfClosedTimeout
                    | HeadTimeout
                    | IdleTimeout
                    | ResponseTimeout
                    | SendRate
                    | WriteStall
            )
        );
        let by_pool = self.0.refused == Some(RefuseReason::WaitTimeout);
        let source = self.0.source.as_deref().and_then(|source| source.downcast_ref::<io::Error>());
        by_machine || by_pool || source.is_some_and(|source| source.kind() == io::ErrorKind::TimedOut)
    }

    /// No connection could be opened.
    pub fn is_connect(&self) -> bool {
        self.0.kind == ErrorKind::Connect
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, verdict, reason, refused, source } = &*self.0;
        match kind {
            ErrorKind::Request => f.write_str("this request can not be sent, and is to be changed")?,
            ErrorKind::Connect => f.write_str("no connection could be opened, and nothing was sent")?,
            ErrorKind::Pool => f.write_str("there is no connection for the request, and nothing was sent")?,
            ErrorKind::Unanswered => f.write_str("the request was not answered")?,
            ErrorKind::Upload => f.write_str("the content of the request failed, and so it was broken off")?,
            ErrorKind::Incomplete => f.write_str("the connection ended inside the response, which is not whole")?,
            ErrorKind::Response => f.write_str("the response is none that can be passed on")?,
        }
        if let Some(refused) = refused {
            write!(f, ": {refused}")?;
        }
        if let Some(reason) = reason {
            write!(f, ": {reason}")?;
        }
        if let Some(source) = source {
            write!(f, ": {source}")?;
        }
        if let Some(RetryVerdict { advice, reason }) = verdict {
            write!(f, "; sending it again: {}, {reason}", advice.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, verdict, reason, refused, source } = &*self.0;
        let mut debug = f.debug_struct("Error");
        debug.field("kind", kind).field("reason", reason).field("refused", refused);
        debug.field("verdict", verdict).field("source", source).finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<IntentError> for Error {
    fn from(error: IntentError) -> Self {
        Self::of_request(error)
    }
}

impl From<NotHttp1> for Error {
    fn from(error: NotHttp1) -> Self {
        Self::of_request(error)
    }
}

impl From<Misuse> for Error {
    fn from(error: Misuse) -> Self {
        Self::of_request(error)
    }
}

/// What went wrong on a connection, beside its machine's reason.
pub(super) struct Failure {
    pub(super) kind: ErrorKind,
    pub(super) source: BoxError,
}

impl Failure {
    pub(super) fn of_transport(error: io::Error) -> Self {
        Self { kind: ErrorKind::Unanswered, source: error.into() }
    }

    pub(super) fn of_protocol(error: ProtocolError) -> Self {
        Self { kind: ErrorKind::Unanswered, source: error.into() }
    }

    pub(super) fn of_upload(error: impl Into<BoxError>) -> Self {
        Self { kind: ErrorKind::Upload, source: error.into() }
    }

    pub(super) fn of_response(error: impl Into<BoxError>) -> Self {
        Self { kind: ErrorKind::Response, source: error.into() }
    }
}
