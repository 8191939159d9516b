//! Errors by whose fault they are.
//!
//! A [`ProtocolError`] is the peer's: octets off the wire cause it, it is returned once, and after it no octet is read as
//! HTTP again (RFC 9112 2.2, 6.3, 11.2). A [`Misuse`] is the caller's: no octet of a peer can cause one. What a peer or a timeout has
//! made pointless is [`SendError::Ended`] or [`ReceiveError::Ended`], with the reason. [`ConfigError`] names the setting that is out of bounds before any connection exists.

use core::fmt;

use crate::close_reason::CloseReason;
use crate::reasons::reasons;
use crate::status::StatusCode;

/// The peer broke the protocol or a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ProtocolError {
    /// What is wrong.
    pub kind: ProtocolErrorKind,
    /// Where: octets received on this connection before the one that is wrong.
    pub offset: u64,
}

impl ProtocolError {
    /// The status to answer with, where an answer is of use to the peer.
    pub const fn suggested_status(&self) -> Option<StatusCode> {
        self.kind.suggested_status()
    }

    /// The clause that was broken.
    pub const fn clause(&self) -> &'static str {
        self.kind.clause()
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at octet {}", self.kind, self.offset)
    }
}

impl core::error::Error for ProtocolError {}

reasons! {
    /// What the peer did wrong.
    pub enum ProtocolErrorKind {
        /// The first octet can not begin a start line: TLS, another protocol, noise.
        NotHttp => "not-http", "RFC 9112 2.2";
        /// The preface of HTTP/2.
        Http2Preface => "http2-preface", "RFC 9113 3.4";
        /// More empty lines before a start line than the limit allows.
        EmptyLines => "empty-lines", "RFC 9112 2.2";
        /// A request line that is not `method SP request-target SP HTTP-version`.
        RequestLine => "request-line", "RFC 9112 3";
        /// A method that is no token.
        Method => "method", "RFC 9110 9.1";
        /// A request target with octets it may not hold, or of no form.
        Target => "target", "RFC 9112 3.2";
        /// A form of request target that is not this method's.
        TargetForm => "target-form", "RFC 9110 7.1";
        /// A version that is not `HTTP/` DIGIT `.` DIGIT.
        Version => "version", "RFC 9112 2.3";
        /// A well-formed version of another major number.
        MajorVersion => "major-version", "RFC 9110 15.6.6";
        /// A status line that is not `HTTP-version SP 3DIGIT SP [reason-phrase]`.
        StatusLine => "status-line", "RFC 9112 4";
        /// A line ended by LF alone.
        BareLf => "bare-lf", "RFC 9112 2.2";
        /// A CR that is not followed by LF.
        BareCr => "bare-cr", "RFC 9112 2.2";
        /// Whitespace before the first field line.
        WhitespaceBeforeFields => "whitespace-before-fields", "RFC 9112 2.2";
        /// A field line continued on the next (obs-fold).
        ObsFold => "obs-fold", "RFC 9112 5.2";
        /// A field line without a colon.
        MissingColon => "missing-colon", "RFC 9112 5";
        /// Whitespace between field name and colon.
        WhitespaceBeforeColon => "whitespace-before-colon", "RFC 9112 5.1";
        /// A field name that is no token.
        FieldName => "field-name", "RFC 9110 5.1";
        /// A control octet in a field value.
        FieldValue => "field-value", "RFC 9110 5.5";
        /// A request target longer than the limit.
        TargetTooLong => "target-too-long", "RFC 9110 15.5.15";
        /// A method longer than the limit of the start line.
        MethodTooLong => "method-too-long", "RFC 9112 3";
        /// A field line longer than the limit.
        FieldLineTooLong => "field-line-too-long", "RFC 6585 5";
        /// A head, or a trailer section, longer than the limit.
        HeadTooLong => "head-too-long", "RFC 6585 5";
        /// More field lines than the limit.
        FieldLines => "field-lines", "RFC 6585 5";
        /// An HTTP/1.1 request without `Host`.
        HostMissing => "host-missing", "RFC 9112 3.2";
        /// More than one `Host` field line.
        HostRepeated => "host-repeated", "RFC 9112 3.2";
        /// A `Host` that is no `uri-host [":" port]`.
        HostInvalid => "host-invalid", "RFC 9112 3.2";
        /// A `Content-Length` that is not `1*DIGIT`, or differing ones.
        ContentLength => "content-length", "RFC 9112 6.3";
        /// The same `Content-Length` more than once.
        ContentLengthRepeated => "content-length-repeated", "RFC 9112 6.3";
        /// A `Content-Length` of more than 64 bits.
        ContentLengthTooLarge => "content-length-too-large", "RFC 9110 8.6";
        /// `Content-Length` and `Transfer-Encoding` in one message.
        LengthAndTransferEncoding => "length-and-transfer-encoding", "RFC 9112 6.3";
        /// `Transfer-Encoding` in an HTTP/1.0 message.
        TransferEncodingInHttp10 => "transfer-encoding-in-http10", "RFC 9112 6.1";
        /// A request whose last transfer coding is not `chunked`.
        NotChunkedLast => "not-chunked-last", "RFC 9112 6.3";
        /// `chunked` more than once, or with parameters.
        ChunkedMisused => "chunked-misused", "RFC 9112 7.1";
        /// A `Transfer-Encoding` that is no list of codings.
        TransferEncoding => "transfer-encoding", "RFC 9112 6.1";
        /// A transfer coding other than `chunked`.
        UnknownCoding => "unknown-coding", "RFC 9112 6.1";
        /// Content on a method that has none (CONNECT, TRACE).
        ContentNotAllowed => "content-not-allowed", "RFC 9110 9.3.6";
        /// An expectation other than `100-continue`.
        Expectation => "expectation", "RFC 9110 10.1.1";
        /// More content than the limit.
        ContentTooLarge => "content-too-large", "RFC 9110 15.5.14";
        /// More interim responses to a request than the limit.
        InterimResponses => "interim-responses", "RFC 9110 15.2";
        /// A response to no request: none is outstanding, or nothing of the first has left. Of a [`Lifecycle`](crate::Lifecycle);
        /// a [`Connection`](crate::Connection) ends without an error.
        Unsolicited => "unsolicited", "RFC 9112 9.2";
        /// `101` to a protocol that was not offered, or before the request was whole.
        UpgradeNotOffered => "upgrade-not-offered", "RFC 9110 7.8";
        /// A chunk size that is not `1*HEXDIG`, or a chunk line not ended by CRLF.
        ChunkSize => "chunk-size", "RFC 9112 7.1";
        /// A chunk size of more digits or a greater value than we count.
        ChunkSizeTooLarge => "chunk-size-too-large", "RFC 9112 7.1";
        /// A chunk extension outside the grammar.
        ChunkExtension => "chunk-extension", "RFC 9112 7.1.1";
        /// More octets of chunk extensions than the limit, in one chunk or in all.
        ChunkExtensionsTooLong => "chunk-extensions-too-long", "RFC 9112 7.1.1";
        /// More octets of chunk framing than the limit, against those of content.
        ChunkFramingTooLong => "chunk-framing-too-long", "RFC 9112 7.1";
        /// Chunk data not followed by CRLF.
        ChunkEnd => "chunk-end", "RFC 9112 7.1";
        /// A trailer field that would have changed framing, routing or persistence.
        Trailer => "trailer", "RFC 9110 6.5.1";
        /// Content took too long, while its response was under way.
        ContentTimeout => "content-timeout", "RFC 9110 15.5.9";
        /// The peer closed inside a head.
        IncompleteHead => "incomplete-head", "RFC 9112 8";
        /// The peer closed inside content.
        IncompleteContent => "incomplete-content", "RFC 9112 8";
        /// The peer closed after the last chunk, or after a whole trailer field: all content came, and only the empty line at its end
        /// did not.
        IncompleteTrailers => "incomplete-trailers", "RFC 9112 8";
    }
}

impl core::error::Error for ProtocolErrorKind {}

impl ProtocolErrorKind {
    /// The peer's side ended within a message: nothing that came was wrong.
    pub const fn is_incomplete(self) -> bool {
        matches!(self, Self::IncompleteHead | Self::IncompleteContent | Self::IncompleteTrailers)
    }

    /// The status a server answers with; `None` where nobody is left to read it.
    pub const fn suggested_status(self) -> Option<StatusCode> {
        use ProtocolErrorKind::*;
        Some(match self {
            TargetTooLong => StatusCode::URI_TOO_LONG,
            FieldLineTooLong | HeadTooLong | FieldLines => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            ContentTooLarge | ContentLengthTooLarge => StatusCode::CONTENT_TOO_LARGE,
            Expectation => StatusCode::EXPECTATION_FAILED,
            UnknownCoding | MethodTooLong => StatusCode::NOT_IMPLEMENTED,
            MajorVersion | Http2Preface => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            IncompleteHead | IncompleteContent | IncompleteTrailers | ContentTimeout => return None,
            _ => StatusCode::BAD_REQUEST,
        })
    }
}

/// Why nothing could be sent. In each case nothing was written and no state moved. A [`Lifecycle`](crate::Lifecycle) writes nothing, and so
/// never says `OutputTooSmall`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a caller acts on each: one more whole kind of failure is a breaking change on purpose"
)]
pub enum SendError {
    /// The output is shorter than what must be written in one piece.
    OutputTooSmall {
        /// Octets that would have been enough.
        needed: usize,
    },
    /// The connection takes no more of this: it has ended, or the message that was being sent has, by the peer, a timeout or an earlier
    /// call. Nobody's mistake: drop what was to be sent, and do what [`wants`](crate::Connection::wants) says.
    Ended(CloseReason),
    /// The call is not allowed now, or its arguments are not.
    Misuse(Misuse),
}

impl From<Misuse> for SendError {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutputTooSmall { needed } => write!(f, "output too small: {needed} octets needed"),
            Self::Ended(reason) => write!(f, "ended: {reason}"),
            Self::Misuse(misuse) => misuse.fmt(f),
        }
    }
}

impl core::error::Error for SendError {}

/// Why a fact is not taken, where octets are read elsewhere. Nothing moved, but for a fault of the peer, which is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a caller acts on each: one more whole kind of failure is a breaking change on purpose"
)]
pub enum ReceiveError {
    /// The peer broke the protocol or a limit.
    Fault(ProtocolErrorKind),
    /// The connection has ended, or the message that was being received was given up: what comes is to be dropped.
    Ended(CloseReason),
    /// The fact does not fit what was told before.
    Misuse(Misuse),
}

impl From<ProtocolErrorKind> for ReceiveError {
    fn from(kind: ProtocolErrorKind) -> Self {
        Self::Fault(kind)
    }
}

impl From<Misuse> for ReceiveError {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

impl fmt::Display for ReceiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(kind) => kind.fmt(f),
            Self::Ended(reason) => write!(f, "ended: {reason}"),
            Self::Misuse(misuse) => misuse.fmt(f),
        }
    }
}

impl core::error::Error for ReceiveError {}

reasons! {
    /// What the caller did that the machine does not allow. No octet of a peer can cause one.
    pub enum Misuse {
        /// There is no request to answer.
        NothingToAnswer => "nothing-to-answer", "RFC 9110 15";
        /// The final response has been sent, or is being sent.
        AlreadyAnswered => "already-answered", "RFC 9110 15";
        /// No message is being sent.
        NotSending => "not-sending", "RFC 9112 6";
        /// A head, while the exchange before is not over.
        ExchangeOpen => "exchange-open", "RFC 9112 9.3.2";
        /// The connection is no longer HTTP.
        Tunnel => "tunnel", "RFC 9110 9.3.6";
        /// A status outside 100 to 599, or an interim status where a final one is due, or the reverse.
        Status => "status", "RFC 9110 15";
        /// An interim response to an HTTP/1.0 client.
        InterimToHttp10 => "interim-to-http10", "RFC 9110 15.2";
        /// A field name that is no token.
        FieldName => "field-name", "RFC 9110 5.1";
        /// A field value with CR, LF, NUL or another control octet.
        FieldValue => "field-value", "RFC 9110 5.5";
        /// `Connection`, `Keep-Alive`, `Proxy-Connection`, `Content-Length`, `Transfer-Encoding`: the machine's own.
        OwnedField => "owned-field", "RFC 9110 7.6.1";
        /// A switch of protocols that was not offered, or without an `Upgrade` field.
        UpgradeNotOffered => "upgrade-not-offered", "RFC 9110 7.8";
        /// An `Upgrade` that names no protocol, or something that is not `token ["/" token]`.
        Upgrade => "upgrade", "RFC 9110 7.8";
        /// An offer of protocols too long to be remembered: their names, with a comma after each, are of more than 64 octets in
        /// one request.
        UpgradeTooLong => "upgrade-too-long", "RFC 9110 7.8";
        /// `chunked` in `TE`: every recipient knows it, and it is never named there.
        TeChunked => "te-chunked", "RFC 9112 7.4";
        /// A switch of protocols before the request was received whole.
        UpgradeTooEarly => "upgrade-too-early", "RFC 9110 7.8";
        /// More content than was declared.
        TooMuchContent => "too-much-content", "RFC 9110 8.6";
        /// The content ended before the declared length.
        TooLittleContent => "too-little-content", "RFC 9110 8.6";
        /// Trailers where the content is not chunked.
        TrailersNotChunked => "trailers-not-chunked", "RFC 9110 6.5.1";
        /// A trailer field that may not stand in a trailer section.
        TrailerField => "trailer-field", "RFC 9110 6.5.1";
        /// The request before is still being sent.
        RequestUnfinished => "request-unfinished", "RFC 9112 9.3.2";
        /// As many requests are outstanding as the type has room for.
        PipelineFull => "pipeline-full", "RFC 9112 9.3.2";
        /// Nothing may follow what is outstanding until it is answered.
        PipelineHeld => "pipeline-held", "RFC 9112 9.3.2";
        /// Octets that came after the last response have not been looked at: they are to be offered again before a request is sent,
        /// for what was there before it is never its answer.
        OctetsUnread => "octets-unread", "RFC 9112 9.2";
        /// A method that is no token, or a target that is none or not this method's.
        RequestLine => "request-line", "RFC 9112 3";
        /// A reason phrase with CR, LF, NUL or another control octet; a version that is neither 1.0 nor 1.1; a switch of protocols as
        /// HTTP/1.0.
        StatusLine => "status-line", "RFC 9112 4";
        /// A request without `Host`, with more than one, with one that is no `uri-host [":" port]`, or with another one than the
        /// authority of its target where that names one (absolute-form and CONNECT; without `userinfo`, and empty if there is
        /// none). Only the case of letters may differ.
        Host => "host", "RFC 9112 3.2";
        /// Content on a method that has none, or whose length must be known and is not.
        ContentNotAllowed => "content-not-allowed", "RFC 9110 9.3";
        /// `Expect` on a request without content, or one we do not know.
        Expectation => "expectation", "RFC 9110 10.1.1";
        /// Content is not expected from the peer, or not so much of it.
        ContentNotExpected => "content-not-expected", "RFC 9112 6.3";
    }
}

impl core::error::Error for Misuse {}

/// A setting out of bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ConfigError {
    /// The setting, by its field's name.
    pub setting: &'static str,
    /// What it must keep to.
    pub bound: &'static str,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "setting `{}` must be {}", self.setting, self.bound)
    }
}

impl core::error::Error for ConfigError {}
