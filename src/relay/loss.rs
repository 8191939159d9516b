//! What becomes of a request whose upstream was lost: evidence in, a verdict with its reason out. A pure function.
//!
//! Read first: RFC 9110 9.2.2 (a proxy repeats what is idempotent, and nothing else), 15.6.3, 15.6.5; RFC 9112 8 (what was cut is not whole),
//! 9.3.1 (connections end while they are idle).
//!
//! Tie-breaks, the first that applies:
//!
//! 1. The final response has begun towards the client: it is **cut**, and never completed.
//! 2. A timeout: **504**. The client has waited for it, and a repetition would wait as long again. Where no connection could be opened in time,
//!    nothing was waited for but that: it is tried again first.
//! 3. A next hop that asks for credentials of ours: **502**. A response of no HTTP on a connection on which none was answered before: **502**.
//!    On a used one it may be what is left of another request.
//! 4. What [`retry`](crate::retry) allows a proxy, within one budget over all upstreams: **resend**.
//! 5. A used connection ended, and not one octet came; and the client's own connection has carried an answer: **silent close**. To the client it
//!    looks as what it is, the end of an idle connection, and the client knows what of its own may be repeated (RFC 9112 9.3.1). Never for a
//!    connection that could not be opened, for a timeout, or for a connection that was new: then the client, sending again, would meet the
//!    same.
//! 6. All else: **502**; **504** where connections could not be opened in time.

use crate::lifecycle::retry::{Advice, Evidence};
use crate::reasons::reasons;
use crate::status::StatusCode;

/// How an upstream was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LossKind {
    /// It could not be reached.
    NotConnected,
    /// It could not be reached in time.
    ConnectTimeout,
    /// Its connection ended.
    Ended,
    /// A deadline of its connection passed.
    TimedOut,
    /// It sent what is no HTTP, or may not be forwarded.
    Malformed,
    /// It answered that it did not look at the request: 408, 421.
    Unanswered,
    /// It is a proxy that asks for credentials, which the client can not give (407).
    Unauthenticated,
}

/// What is known of a lost upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "a new fact changes verdicts, and so breaks on purpose")]
pub struct Loss {
    /// How it was lost.
    pub kind: LossKind,
    /// What its connection says of the request, with the tries before it.
    pub evidence: Evidence,
    /// An octet of it has come since the request was sent.
    pub octets_came: bool,
    /// The final response has begun towards the client.
    pub response_begun: bool,
    /// An interim response went to the client.
    pub interim_sent: bool,
    /// The client's connection has carried an answer before this request.
    pub client_reused: bool,
    /// [`RelayPolicy::silent_close`](super::RelayPolicy::silent_close)
    pub may_close_silently: bool,
}

/// What becomes of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "whoever relays acts on each")]
pub enum LossVerdict {
    /// It is sent again, on a new connection.
    Resend,
    /// The client's connection is closed without an answer.
    CloseSilently,
    /// This status is the answer, and the client's connection stays where its request was read whole.
    Answer(StatusCode),
    /// The response that has begun is cut, once what came of it has left.
    Cut,
}

impl LossVerdict {
    /// The token for logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resend => "resend",
            Self::CloseSilently => "close-silently",
            Self::Answer(_) => "answer",
            Self::Cut => "cut",
        }
    }
}

reasons! {
    /// Why a request whose upstream was lost is treated as it is.
    pub enum LossReason {
        /// Its response had begun.
        ResponseBegun => "response-begun", "RFC 9112 8";
        /// A deadline passed.
        TimedOut => "timed-out", "RFC 9110 15.6.5";
        /// No connection could be opened in time.
        ConnectTimeout => "connect-timeout", "RFC 9110 15.6.5";
        /// No connection could be opened.
        NotConnected => "not-connected", "RFC 9110 15.6.3";
        /// What came is no HTTP, or may not be forwarded.
        Malformed => "malformed", "RFC 9110 15.6.3";
        /// The next hop asks this one for credentials.
        NextHopAuthentication => "next-hop-authentication", "RFC 9110 15.5.8";
        /// Nothing of it was sent, or it may be repeated.
        Repeatable => "repeatable", "RFC 9110 9.2.2";
        /// A used connection ended in silence, as idle ones do.
        SilentEnd => "silent-end", "RFC 9112 9.3.1";
        /// It was lost, and may not be repeated, or not again.
        NotRepeatable => "not-repeatable", "RFC 9110 9.2.2";
    }
}

impl Loss {
    /// The verdict, and why.
    ///
    /// ```
    /// use http_keepalive::relay::{Loss, LossKind, LossReason, LossVerdict};
    /// use http_keepalive::retry::{Evidence, Sender, Sent};
    /// use http_keepalive::{MethodKind, StatusCode};
    ///
    /// let evidence = Evidence { sent: Sent::All, reused: true, ..Evidence::new(MethodKind::Post).sent_for(Sender::Proxy) };
    /// let mut loss = Loss {
    ///     kind: LossKind::Ended,
    ///     evidence,
    ///     octets_came: false,
    ///     response_begun: false,
    ///     interim_sent: false,
    ///     client_reused: true,
    ///     may_close_silently: true,
    /// };
    /// assert_eq!(loss.verdict(), (LossVerdict::CloseSilently, LossReason::SilentEnd));
    /// loss.client_reused = false;
    /// assert_eq!(loss.verdict().0, LossVerdict::Answer(StatusCode::BAD_GATEWAY));
    /// ```
    pub const fn verdict(&self) -> (LossVerdict, LossReason) {
        const BAD_GATEWAY: LossVerdict = LossVerdict::Answer(StatusCode::BAD_GATEWAY);
        const TIMEOUT: LossVerdict = LossVerdict::Answer(StatusCode::GATEWAY_TIMEOUT);
        if self.response_begun {
            return (LossVerdict::Cut, LossReason::ResponseBegun);
        }
        match self.kind {
            LossKind::TimedOut => return (TIMEOUT, LossReason::TimedOut),
            LossKind::Unauthenticated => return (BAD_GATEWAY, LossReason::NextHopAuthentication),
            LossKind::Malformed if !self.evidence.reused => return (BAD_GATEWAY, LossReason::Malformed),
            _ => {}
        }
        if matches!(self.evidence.verdict().advice, Advice::Retry) {
            return (LossVerdict::Resend, LossReason::Repeatable);
        }
        match self.kind {
            LossKind::ConnectTimeout => (TIMEOUT, LossReason::ConnectTimeout),
            LossKind::NotConnected => (BAD_GATEWAY, LossReason::NotConnected),
            LossKind::Malformed => (BAD_GATEWAY, LossReason::Malformed),
            LossKind::Ended if self.is_silent() => (LossVerdict::CloseSilently, LossReason::SilentEnd),
            _ => (BAD_GATEWAY, LossReason::NotRepeatable),
        }
    }

    const fn is_silent(&self) -> bool {
        let nothing_came = !self.octets_came && !self.interim_sent && !self.evidence.response_begun;
        self.may_close_silently && self.client_reused && self.evidence.reused && nothing_came
    }
}
