//! Answers that no application gives: what was wrong, what took too long, what the driver refuses, what an application left undone.
//!
//! **A fault or a timeout** of the peer is refused where no response has begun ([`ConnectionState::fail`], `expiry`).
//!
//! **The driver refuses** for reasons of its own (RFC 9110 15.5, 15.6): at its door, for it has no place; within a head, by a limit of its own;
//! instead of an answer, for its own types do not take the request. A refusal needs no whole request, but it needs one that has begun: before
//! the first octet of a head it would answer nothing, and be taken for the answer to a request that crosses it (RFC 9112 9.2). So on a fresh or
//! idle connection it is kept until then. If none comes, the connection closes in silence by `first_octet`, `idle` or `age`.
//!
//! **An application that is gone** (its handler panicked, or was dropped) says nothing more. A response that has begun is cut so that it can not
//! pass for whole; one that has not is 500. **One that is late** is answered for by 503, where policy has it so. Both are told with the next
//! call that sends: it has ended.
//!
//! **Tie-breaks.** A response that has begun is not refused. Of two refusals kept for the next request the later one counts; one that is due for
//! another reason stays as it is. What follows is as after any refusal: `close`, then the close in stages.

use core::ops::Deref;

use crate::config::{Config, Server};
use crate::error::{Misuse, ProtocolErrorKind, SendError};
use crate::lifecycle::Lifecycle;
use crate::lifecycle::content_use::ContentUse;
use crate::lifecycle::persistence::CloseReason;
use crate::lifecycle::role::LifecycleRole;
use crate::lifecycle::state::{ConnectionState, Receiving, Refusal, Sending};
use crate::status::StatusCode;
use crate::time::Instant;

impl<R: LifecycleRole> ConnectionState<R> {
    /// The request that begins is the one that a refusal was kept for, if one was.
    pub(crate) fn refuse_next(&mut self, now: Instant) {
        if let Some(refusal) = self.receive.refusal {
            self.answer_for_application(now, refusal.status(), CloseReason::Refused);
        }
    }

    /// No response has begun, and none of the application's will: this status goes out, for this reason.
    pub(crate) fn answer_for_application(&mut self, now: Instant, status: StatusCode, reason: CloseReason) {
        let now = self.tick(now);
        self.lifetime.causes.end_by(reason);
        self.receive.refusal = Refusal::of(status);
        self.refuse(now, Some(status));
    }

    /// A refusal is due.
    #[inline(always)]
    pub(crate) fn owes_refusal(&self) -> bool {
        self.send.half() == Sending::RefusalDue
    }

    /// The refusal that is due: for what was wrong, for what took too long, or as it was said.
    pub(crate) fn refusal(&self) -> Option<StatusCode> {
        match self.receive.fault {
            _ if !self.owes_refusal() => None,
            Some(fault) => fault.suggested_status(),
            None => Some(self.receive.refusal.map_or(StatusCode::REQUEST_TIMEOUT, Refusal::status)),
        }
    }

    /// Why a refusal goes out, for people; the driver's own has no text.
    pub(crate) fn refusal_reason(&self) -> Option<(&'static str, &'static str)> {
        Some(match (self.receive.fault, self.lifetime.causes.end()) {
            (Some(fault), _) => (fault.as_str(), fault.clause()),
            (None, Some(CloseReason::Refused)) => return None,
            (None, Some(cause)) => (cause.as_str(), cause.clause()),
            (None, None) => (ProtocolErrorKind::NotHttp.as_str(), ProtocolErrorKind::NotHttp.clause()),
        })
    }
}

impl ConnectionState<Server> {
    /// The driver refuses the request that is open, or the next one.
    fn refuse_by_driver(&mut self, now: Instant, status: StatusCode) -> Result<(), SendError> {
        self.check_open()?;
        let Some(refusal) = Refusal::of(status) else { return Err(Misuse::Status.into()) };
        match (self.receive.half(), self.send.half()) {
            (_, Sending::RefusalDue) => Err(SendError::Ended(self.close_reason())),
            (_, Sending::Content | Sending::Complete) => Err(self.already_answered()),
            (Receiving::Idle, Sending::Idle) => {
                self.tick(now);
                self.receive.refusal = Some(refusal);
                self.lifetime.causes.add(CloseReason::Refused);
                Ok(())
            }
            (_, Sending::Idle) => {
                self.answer_for_application(now, status, CloseReason::Refused);
                Ok(())
            }
        }
    }

    /// The request that is open gets no answer, and the connection ends in stages.
    fn close_unanswered(&mut self, now: Instant) -> Result<(), SendError> {
        self.check_open()?;
        match (self.receive.half(), self.send.half()) {
            (Receiving::Idle | Receiving::Head, Sending::Idle) => Err(Misuse::NothingToAnswer.into()),
            (_, Sending::Idle) => {
                let now = self.tick(now);
                self.lifetime.causes.end_by(CloseReason::ApplicationGone);
                self.stop_receiving(now);
                self.close_in_stages();
                Ok(())
            }
            (_, Sending::RefusalDue) => Err(SendError::Ended(self.close_reason())),
            (_, Sending::Content | Sending::Complete) => Err(self.already_answered()),
        }
    }

    /// Nobody sends the response, or the rest of it.
    fn application_gone(&mut self, now: Instant) -> Result<(), SendError> {
        self.check_open()?;
        let reason = CloseReason::ApplicationGone;
        match (self.receive.half(), self.send.half()) {
            (Receiving::Idle | Receiving::Head, Sending::Idle) => Err(Misuse::NothingToAnswer.into()),
            // it goes out all the same
            (_, Sending::RefusalDue) => Ok(()),
            (_, Sending::Idle) => {
                self.answer_for_application(now, StatusCode::INTERNAL_SERVER_ERROR, reason);
                Ok(())
            }
            (_, Sending::Content) => {
                self.tick(now);
                self.cut(reason);
                Ok(())
            }
            (_, Sending::Complete) => Ok(()),
        }
    }
}

impl<C: Deref<Target = Config<Server>>> Lifecycle<Server, C> {
    /// Refuses the request that is open, in any part of it, or the next one: 400 to 599, without content, and with `close`. It is then due
    /// as any refusal ([`Turn::Refuse`](crate::Turn::Refuse)); on a fresh or idle connection with the first octet of the next head, and if
    /// none comes the connection closes in silence. No event and no error tells of it, so [`wants`](Self::wants) is to be asked after what came
    /// was offered. For a server that has no place (503), limits or types of its own (431, 400).
    ///
    /// # Errors
    ///
    /// [`SendError::Ended`]: the connection has ended, or another refusal is due. [`SendError::Misuse`]: the response has begun, the status
    /// is another one, or the connection is a tunnel. Nothing has moved.
    pub fn refuse(&mut self, now: Instant, status: StatusCode) -> Result<(), SendError> {
        self.parts().0.refuse_by_driver(now, status)?;
        self.check();
        Ok(())
    }

    /// Closes without an answer to the request that is open: for an intermediary whose own connection ended in silence. A client that meets
    /// this on a connection which carried an answer before knows it for the end of an idle connection, and repeats what it may
    /// (RFC 9112 9.3.1); a status would be an answer. What was handed out before leaves first.
    ///
    /// # Errors
    ///
    /// [`SendError::Ended`]: the connection has ended, or a refusal is due. [`SendError::Misuse`]: there is no request, its response has begun,
    /// or the connection is a tunnel. Nothing has moved.
    pub fn close_unanswered(&mut self, now: Instant) -> Result<(), SendError> {
        self.parts().0.close_unanswered(now)?;
        self.check();
        Ok(())
    }

    /// The application will not answer, or not go on: its handler panicked, or was dropped. A response that has begun is cut, with a reset
    /// where it could pass for whole (RFC 9112 8); one that has not becomes a refusal, 500 with `close` (RFC 9110 15.6.1). Where the response
    /// is complete nothing is left to answer: content of its request that was still read is dropped.
    ///
    /// # Errors
    ///
    /// [`SendError::Ended`]: the connection has ended. [`SendError::Misuse`]: there is no request, or the connection is a tunnel. Nothing
    /// has moved.
    pub fn application_gone(&mut self, now: Instant) -> Result<(), SendError> {
        self.parts().0.application_gone(now)?;
        let state = self.state();
        let read = state.is_open() && state.receiving() == Receiving::Content && state.send.half() == Sending::Complete;
        if read {
            // what nobody reads is dropped
            self.content_use(now, ContentUse::Dropped).map_err(|_| SendError::Misuse(Misuse::NothingToAnswer))?;
        }
        self.check();
        Ok(())
    }
}
