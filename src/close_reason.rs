//! Why connections end: the reason of a verdict, of a close and of an error.

use crate::reasons::reasons;

reasons! {
    /// Why a connection ends.
    pub enum CloseReason {
        /// The peer sent the connection option `close`.
        CloseReceived => "close-received", "RFC 9112 9.6";
        /// We sent the connection option `close`, as the caller asked.
        CloseSent => "close-sent", "RFC 9112 9.6";
        /// HTTP/1.0 without the connection option `keep-alive`.
        Http10 => "http10", "RFC 9112 9.3";
        /// HTTP/1.0 with `keep-alive`, which policy does not honour.
        Http10KeepAliveOff => "http10-keep-alive-off", "RFC 9112 9.3";
        /// Connections do not persist, by policy.
        PersistenceOff => "persistence-off", "RFC 9112 9.3";
        /// The end of the response is the end of the connection.
        UntilClose => "until-close", "RFC 9112 6.3 (8)";
        /// Framing that was let in by policy ends the connection.
        FaultyFraming => "faulty-framing", "RFC 9112 6.1";
        /// As many exchanges as one connection may have.
        MaxExchanges => "max-exchanges", "RFC 9112 9.5";
        /// The limit of octets of one connection is reached.
        MaxOctets => "max-octets", "RFC 9112 9.5";
        /// The connection is as old as one may become.
        Age => "age", "RFC 9112 9.5";
        /// We are closing gracefully.
        Drain => "drain", "RFC 9112 9.6";
        /// A drain took as long as one may.
        DrainTimeout => "drain-timeout", "RFC 9112 9.6";
        /// Content is left that would take too long to read.
        UnreadContent => "unread-content", "RFC 9112 9.3";
        /// Octets that were meant for a tunnel came after a CONNECT that was refused.
        ConnectRefused => "connect-refused", "RFC 9110 9.3.6";
        /// A final response went out instead of `100 (Continue)`; whether content follows is unknown.
        ContentUnwanted => "content-unwanted", "RFC 9110 10.1.1";
        /// The final response came before our content was sent, and it does not want the rest.
        EarlyResponse => "early-response", "RFC 9112 9.5";
        /// 408: the server gave up waiting for the request.
        RequestTimeoutReceived => "request-timeout-received", "RFC 9110 15.5.9";
        /// 421: this connection was the wrong one for the request.
        Misdirected => "misdirected", "RFC 9110 15.5.20";
        /// A response with a status below 100, which no server sends.
        InvalidStatus => "invalid-status", "RFC 9110 15";
        /// The peer accepts no more requests: `Keep-Alive: max`.
        MaxHint => "max-hint", "RFC 2068 19.7.1.1";
        /// The peer will stay for less than the margin: `Keep-Alive: timeout`.
        HintTooShort => "hint-too-short", "RFC 2068 19.7.1.1";
        /// Octets came that answer no request.
        Unsolicited => "unsolicited", "RFC 9112 9.2";
        /// The peer closed its side, and broke nothing off.
        PeerClosed => "peer-closed", "RFC 9112 9.6";
        /// The peer closed inside a message.
        Incomplete => "incomplete", "RFC 9112 8";
        /// The peer broke the protocol or a limit.
        ProtocolError => "protocol-error", "RFC 9112 2.2";
        /// No octet came on a fresh connection.
        FirstOctetTimeout => "first-octet-timeout", "RFC 9112 9.5";
        /// No octet came between exchanges.
        IdleTimeout => "idle-timeout", "RFC 9112 9.5";
        /// A head took too long.
        HeadTimeout => "head-timeout", "RFC 9110 15.5.9";
        /// Received content took too long.
        ContentTimeout => "content-timeout", "RFC 9110 15.5.9";
        /// The driver refused a request, or the next one.
        Refused => "refused", "RFC 9112 9.6";
        /// The place of an idle connection was needed for another one.
        PlaceNeeded => "place-needed", "RFC 9112 9.5";
        /// The application is gone, and did not answer.
        ApplicationGone => "application-gone", "RFC 9110 15.6.1";
        /// The application took too long to answer.
        ApplicationTimeout => "application-timeout", "RFC 9112 9.5";
        /// The peer took too long to answer.
        ResponseTimeout => "response-timeout", "RFC 9112 9.5";
        /// Nothing of what we send leaves.
        WriteStall => "write-stall", "RFC 9112 9.5";
        /// What we send leaves more slowly than it must.
        SendRate => "send-rate", "RFC 9112 9.5";
        /// The peer closed its side, and no octet of its answer went for too long.
        HalfClosedTimeout => "half-closed-timeout", "RFC 9112 9.5";
        /// The exchange took too long.
        ExchangeTimeout => "exchange-timeout", "RFC 9112 9.5";
        /// Our own message ended before its declared length.
        ContentAborted => "content-aborted", "RFC 9112 8";
        /// The connection is another protocol's now: of what may be sent on it, not of how it ends.
        HandedOver => "handed-over", "RFC 9110 7.8";
        /// The application ended the connection.
        Aborted => "aborted", "RFC 9112 9.5";
        /// The transport failed.
        TransportFailed => "transport-failed", "RFC 9112 9.5";
    }
}
