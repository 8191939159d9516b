//! A write that failed says nothing about reading.
//!
//! A server that refuses an upload answers, and closes its reading side: the client's next write fails, and the answer lies in the client's
//! socket (RFC 9112 9.5). So after a failed write nothing more is sent, and reading goes on: until what is awaited is complete, the peer ends,
//! or `linger` has passed since the failure.
//!
//! | what is open | client | server |
//! | --- | --- | --- |
//! | nothing, or nothing that can be answered | closed at once | our side counts as shut: what comes is dropped until the peer's end |
//! | a response that may come, or comes | read to its end, then closed | |
//! | content of a request, and an application that reads it | | read to its end, then as above |
//!
//! **Evidence.** What of a client's requests had not left stays so for [`retry`](crate::lifecycle::retry).
//!
//! **The clock** is `linger`, with its look and its grace, from the failure, whatever is received meanwhile; the clocks of what is received run
//! on beside it. Those of what is sent are over.

use crate::lifecycle::content_use::ContentUse;
use crate::lifecycle::grace::Granted;
use crate::lifecycle::persistence::CloseReason;
use crate::lifecycle::role::LifecycleRole;
use crate::lifecycle::state::{ConnectionState, Ended, Receiving, Sending, Stage};
use crate::time::Instant;

impl<R: LifecycleRole> ConnectionState<R> {
    /// A write failed: no octet goes any more.
    pub(crate) fn write_failed(&mut self, now: Instant) {
        let now = self.tick(now);
        if !matches!(self.lifetime.stage(), Stage::Open | Stage::Finishing) || self.send.has_failed() {
            return;
        }
        self.lifetime.causes.end_by(CloseReason::TransportFailed);
        if matches!(self.send.half(), Sending::Content | Sending::RefusalDue) || !R::IS_CLIENT {
            self.send.complete();
        }
        if !R::IS_CLIENT && self.send.request.awaits_continue {
            // nobody tells the peer to send its content: its time begins now, if it does all the same
            (self.receive.began, self.receive.progress_at) = (now, now);
        }
        self.send.request.awaits_continue = false;
        self.send.ended = Ended::WriteFailed;
        self.send.rate_began = now;
        self.send.granted = Granted::NOTHING;
        self.lifetime.passed = None;
        if R::IS_CLIENT {
            // an answer that is whole ended nothing while its request was being sent
            R::on_message_complete(self, now);
            if !self.lifetime.is_open() || self.is_unanswerable() {
                self.close_at_once();
            }
            return;
        }
        // what of a client's requests never left is evidence, of a server's responses it is nothing
        self.send.unsent = 0;
        let reads = self.lifetime.is_open()
            && self.receive.half() == Receiving::Content
            && self.receive.content_use != ContentUse::Dropped;
        match self.receive.content_use {
            _ if !reads => self.shut_by_failure(),
            ContentUse::Undecided => self.receive.content_use = ContentUse::Reading,
            _ => {}
        }
    }

    /// A client's write has failed, and nothing of the request that is to be answered next has left.
    pub(crate) fn is_unanswerable(&self) -> bool {
        self.send.has_failed() && !R::awaits(self) && self.receive.half() == Receiving::Idle
    }

    /// Our side can not be shut any more: it counts as shut since the failure.
    pub(crate) fn shut_by_failure(&mut self) {
        if !matches!(self.lifetime.stage(), Stage::Open | Stage::Finishing) {
            return;
        }
        self.lifetime.begin_finishing();
        if self.receive.has_ended() {
            return self.lifetime.owe_close();
        }
        let failed_at = self.send.rate_began;
        self.begin_part(failed_at.min(self.latest));
        self.receive.progress_at = self.latest;
        self.lifetime.half_closed();
    }
}
