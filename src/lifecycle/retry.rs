//! What becomes of a request that was not answered: evidence in, a verdict with its reason out. A pure function.
//!
//! Read first: RFC 9110 9.2.2 (what may be repeated, and that a failed repetition is not repeated), 15.5.9 (408), 15.5.20 (421),
//! 10.1.1 (417); RFC 9112 9.3.1, 9.3.2 (connections that close early).
//!
//! Tie-breaks, the first that applies: an answer that asks for it; nothing of it has left, by the driver's word, so nothing can have
//! been applied; the status line of a final response was seen, never; content that can not be sent again; a repetition that failed too;
//! then idempotence decides. A proxy never repeats what is not idempotent (RFC 9110 9.2.2); a user agent asks whoever made the
//! request, unless policy takes the silence of a reused connection for proof enough.
//!
//! **The budget.** A request of which nothing was sent may be repeated by any rule, and so again and again, as fast as connections open.
//! So every repetition is within a budget, and goes on a new connection: those that were idle beside a dead one are most likely dead, too.
//! Losses on connections that had been used before count once together; on new ones a request has `budget` tries, 2. What was sent is
//! repeated once at most, whatever the budget (RFC 9110 9.2.2: a failed repetition is not repeated). When it is used up the caller is asked.

use crate::error::Misuse;
use crate::message::method::MethodKind;
use crate::reasons::reasons;
use crate::status::StatusCode;

/// For whom the request is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Sender {
    /// For ourselves.
    UserAgent,
    /// For a client of ours.
    Proxy,
}

/// How much of a request has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever repeats requests weighs each: finer knowledge is a breaking change on purpose"
)]
pub enum Sent {
    /// Not one octet, by the driver's word ([`nothing_left`](crate::Connection::nothing_left)).
    Nothing,
    /// Not known: it was handed out, and no octet is confirmed. Counts as sent.
    Unknown,
    /// Some, not all.
    Some,
    /// All of it.
    All,
}

/// What is known of a request whose connection ended, or whose answer asks for another try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever kept their own records writes it down whole; a new fact changes verdicts, and so breaks on purpose"
)]
pub struct Evidence {
    /// How much of it has left.
    pub sent: Sent,
    /// Its method.
    pub method: MethodKind,
    /// It may be repeated: by its method, or because the caller said so.
    pub idempotent: bool,
    /// It has no content, or content that can be sent again from the start.
    pub replayable: bool,
    /// The whole status line of a final response was read; interim ones do not count, and neither do octets that are no status line.
    pub response_begun: bool,
    /// A request had been answered on this connection before.
    pub reused: bool,
    /// It went after another one that had no answer yet.
    pub pipelined: bool,
    /// Tries of this request before this one, on whatever connection.
    pub attempts: u32,
    /// How many of these were lost on a connection on which a request had been answered before: they count once together.
    pub reused_attempts: u32,
    /// Tries on new connections that a request may have: at least 1, by default 2.
    pub budget: u8,
    /// For whom it is sent.
    pub sender: Sender,
    /// The whole answer, where there was one.
    pub status: Option<StatusCode>,
    /// Silence of a reused connection counts as proof that a request was not applied. Off by default: it is none.
    pub trusts_silence: bool,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever repeats requests acts on each: another advice is a breaking change on purpose"
)]
pub enum Advice {
    /// Repeat it without asking, on a new connection: not one that was idle beside the one that failed
    /// (`Source::New` of a pool).
    Retry,
    /// Only the caller can know whether it may be repeated.
    Ask,
    /// Do not repeat it.
    Never,
}

impl Advice {
    /// The token for logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Ask => "ask",
            Self::Never => "never",
        }
    }
}

reasons! {
    /// Why a request may be repeated, or not.
    pub enum RetryReason {
        /// 408: the server gave up waiting for it.
        RequestTimeout => "request-timeout", "RFC 9110 15.5.9";
        /// 421: this connection was the wrong one.
        Misdirected => "misdirected", "RFC 9110 15.5.20";
        /// 417: without the expectation it may do.
        ExpectationFailed => "expectation-failed", "RFC 9110 10.1.1";
        /// 425: not as early data.
        TooEarly => "too-early", "RFC 8470 5.2";
        /// It was answered.
        Answered => "answered", "RFC 9110 15";
        /// Octets of a final response were seen.
        ResponseBegun => "response-begun", "RFC 9110 9.2.2";
        /// Nothing of it has left.
        NotSent => "not-sent", "RFC 9110 9.2.2";
        /// Its content can not be sent again.
        NotReplayable => "not-replayable", "RFC 9110 9.2.2";
        /// It was a repetition already, or its budget of tries is used up.
        RetriedBefore => "retried-before", "RFC 9110 9.2.2";
        /// Twice is as once.
        Idempotent => "idempotent", "RFC 9110 9.2.2";
        /// The connection was closed in silence, as idle ones are; policy takes that for proof.
        SilentReuse => "silent-reuse", "RFC 9112 9.3.1";
        /// Twice may not be as once, and the server may have applied it.
        NotIdempotent => "not-idempotent", "RFC 9110 9.2.2";
        /// Twice may not be as once, and it is not ours.
        NotOurs => "not-ours", "RFC 9110 9.2.2";
    }
}

/// Advice, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "users give verdicts of their own beside these: what to do, and why")]
pub struct RetryVerdict {
    /// What to do.
    pub advice: Advice,
    /// Why.
    pub reason: RetryReason,
}

impl Evidence {
    /// A request of `method` of which nothing is known: nothing of it was sent.
    pub const fn new(method: MethodKind) -> Self {
        Self {
            sent: Sent::Nothing,
            method,
            idempotent: method.is_idempotent(),
            replayable: true,
            response_begun: false,
            reused: false,
            pipelined: false,
            attempts: 0,
            reused_attempts: 0,
            budget: 2,
            sender: Sender::UserAgent,
            status: None,
            trusts_silence: false,
        }
    }

    /// As the try after so many others.
    #[must_use]
    pub const fn after(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// With this number of the tries before lost on connections that had been used before.
    #[must_use]
    pub const fn after_reused(mut self, reused_attempts: u32) -> Self {
        self.reused_attempts = reused_attempts;
        self
    }

    /// With this number of tries on new connections; 0 counts as 1.
    #[must_use]
    pub const fn with_budget(mut self, budget: u8) -> Self {
        self.budget = budget;
        self
    }

    /// Sent for `sender`.
    #[must_use]
    pub const fn sent_for(mut self, sender: Sender) -> Self {
        self.sender = sender;
        self
    }

    /// The verdict.
    ///
    /// ```
    /// use http_keepalive::retry::{Advice, Evidence, RetryReason, Sent};
    /// use http_keepalive::MethodKind;
    ///
    /// let mut get = Evidence::new(MethodKind::Get);
    /// get.sent = Sent::All;
    /// assert_eq!(get.verdict().advice, Advice::Retry);
    /// let post = Evidence { method: MethodKind::Post, idempotent: false, ..get };
    /// assert_eq!(post.verdict().reason, RetryReason::NotIdempotent);
    /// ```
    pub const fn verdict(&self) -> RetryVerdict {
        match self.unbounded_verdict() {
            RetryVerdict { advice: Advice::Retry, .. } if self.is_used_up() => {
                RetryVerdict { advice: Advice::Ask, reason: RetryReason::RetriedBefore }
            }
            verdict => verdict,
        }
    }

    /// Is there no try left, this one counted?
    const fn is_used_up(&self) -> bool {
        let reused_before = if self.reused_attempts < self.attempts { self.reused_attempts } else { self.attempts };
        let new = (self.attempts - reused_before).saturating_add(!self.reused as u32);
        let budget = if self.budget == 0 { 1 } else { self.budget as u32 };
        // a driver that goes on with used ones, though it should not, comes to an end, too
        new >= budget || reused_before >= MOST_REUSED
    }

    /// The verdict of a request that may be tried any number of times.
    const fn unbounded_verdict(&self) -> RetryVerdict {
        use {Advice::*, RetryReason::*};
        const fn is(advice: Advice, reason: RetryReason) -> RetryVerdict {
            RetryVerdict { advice, reason }
        }
        let again = self.attempts > 0;
        if let Some(status) = self.status {
            let reason = match status.as_u16() {
                408 => RequestTimeout,
                417 => ExpectationFailed,
                421 => Misdirected,
                425 => TooEarly,
                _ => return is(Never, Answered),
            };
            if !self.replayable {
                return is(Never, NotReplayable);
            }
            // what the server refused to look at was not applied
            let unapplied = matches!(reason, Misdirected | ExpectationFailed | TooEarly);
            return match (again, unapplied || self.idempotent, self.sender) {
                (true, _, _) => is(Ask, RetriedBefore),
                (false, true, _) => is(Retry, reason),
                (false, false, Sender::UserAgent) => is(Ask, NotIdempotent),
                (false, false, Sender::Proxy) => is(Never, NotOurs),
            };
        }
        if matches!(self.sent, Sent::Nothing) {
            return is(Retry, NotSent);
        }
        if self.response_begun {
            return is(Never, ResponseBegun);
        }
        if !self.replayable {
            return is(Never, NotReplayable);
        }
        let silent = self.trusts_silence && self.reused && !self.pipelined;
        match (self.idempotent, self.sender) {
            (true, _) if again => is(Ask, RetriedBefore),
            (true, _) => is(Retry, Idempotent),
            (false, Sender::Proxy) => is(Never, NotOurs),
            (false, Sender::UserAgent) if silent && !again => is(Retry, SilentReuse),
            (false, Sender::UserAgent) => is(Ask, NotIdempotent),
        }
    }
}

/// As many connections as a pool has to one origin by default.
const MOST_REUSED: u32 = 6;

/// A request that the connection leaves unanswered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Unanswered {
    /// Its number on the connection, from 0.
    pub request: u32,
    /// What is known of it.
    pub evidence: Evidence,
}

impl Unanswered {
    /// [`Evidence::verdict`]
    pub const fn verdict(&self) -> RetryVerdict {
        self.evidence.verdict()
    }
}

/// Whether a request may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever sends requests acts on each: another answer is a breaking change on purpose"
)]
pub enum Reusable {
    /// Yes.
    Now {
        /// Until when, if nothing happens; `None`: without end.
        until: Option<crate::time::Instant>,
    },
    /// Not before something outstanding is complete.
    Wait(Misuse),
    /// Never again: the cause.
    No(crate::close_reason::CloseReason),
}
