//! Content as it comes: what the application does with it, and what becomes of what nobody reads. The theory is with
//! [`ContentUse`](crate::lifecycle::content_use).

use crate::config::Settings;
use crate::error::{Misuse, ReceiveError};
use crate::lifecycle::content_use::ContentUse;
use crate::lifecycle::deadline::DeadlineKind;
use crate::lifecycle::persistence::CloseReason;
use crate::lifecycle::role::LifecycleRole;
use crate::lifecycle::state::{BodyEnd, ConnectionState, Receiving, Sending};
use crate::time::Instant;

impl<R: LifecycleRole> ConnectionState<R> {
    /// The application takes no content for now.
    #[inline(always)]
    pub(crate) fn is_paused(&self) -> bool {
        self.receive.content_use == ContentUse::Paused && self.receive.half() == Receiving::Content
    }

    /// The application says what it does with the content being received.
    pub(crate) fn content_use(
        &mut self,
        now: Instant,
        settings: &Settings,
        said: ContentUse,
    ) -> Result<(), ReceiveError> {
        self.check_content(0)?;
        let now = self.tick(now);
        let before = self.receive.content_use;
        let said = match said {
            // after our response it is read or not
            ContentUse::Undecided if !R::IS_CLIENT && self.send.half() == Sending::Complete => ContentUse::Dropped,
            said => said,
        };
        if before == said {
            return Ok(());
        }
        if before == ContentUse::Dropped {
            return Err(Misuse::ContentNotExpected.into());
        }
        if matches!(self.lifetime.passed, Some(DeadlineKind::ContentGap | DeadlineKind::ContentRate)) {
            // what has been said came in time
            self.lifetime.passed = None;
        }
        self.receive.content_use = said;
        match (before, said) {
            (_, ContentUse::Paused) => self.receive.progress_at = now,
            (ContentUse::Paused, _) => self.end_pause(now),
            _ => {}
        }
        if said == ContentUse::Dropped {
            self.drop_content(now, settings);
        }
        Ok(())
    }

    /// Content is taken again: its gap counts anew, and its whole without the pause.
    pub(crate) fn end_pause(&mut self, now: Instant) {
        let now = self.tick(now);
        let paused = now.saturating_duration_since(self.receive.progress_at);
        if !self.receive.has_ended() {
            self.receive.began = self.receive.began.saturating_add(paused);
        }
        self.receive.progress_at = now;
    }

    /// What is still to come is read by nobody: it is walked over if it is worth it, else given up.
    pub(crate) fn drop_content(&mut self, now: Instant, settings: &Settings) {
        if self.send.has_failed() {
            // only for the application it was read on
            return if R::IS_CLIENT { self.close_at_once() } else { self.shut_by_failure() };
        }
        let most = settings.limits.unread_octets.unwrap_or(u64::MAX);
        let is_worth_it = match self.receive.end {
            BodyEnd::Exact => self.receive.remaining <= most,
            BodyEnd::Chunked => {
                self.receive.remaining = most;
                true
            }
            // it would be read for a connection that ends with it
            BodyEnd::UntilClose => false,
        };
        if !is_worth_it {
            self.give_up_content(now);
        }
    }

    /// Content that nobody reads is more than the connection is worth.
    pub(crate) fn give_up_content(&mut self, now: Instant) {
        if R::IS_CLIENT {
            self.lifetime.causes.end_by(CloseReason::UnreadContent);
            return self.close_at_once();
        }
        self.lifetime.causes.add(CloseReason::UnreadContent);
        self.receive.complete();
        self.receive.progress_at = now;
        self.receive.given_up = true;
        self.send.request.awaits_continue = false;
        self.over_if_complete(now);
    }

    /// Our response is complete, and content of its request is still to come.
    pub(crate) fn content_after_response(&mut self, now: Instant, settings: &Settings) {
        debug_assert!(!R::IS_CLIENT && self.send.half() == Sending::Complete);
        if self.send.request.awaits_continue {
            // the peer learns only now that it is not asked
            self.receive.began = now;
            self.receive.progress_at = now;
            self.send.request.awaits_continue = false;
        }
        match self.receive.content_use {
            ContentUse::Reading => {}
            _ if !self.lifetime.causes.is_empty() => self.receive.complete(),
            ContentUse::Dropped => {}
            // it was weighed when the response began; if it is more, it has come already
            ContentUse::Undecided if self.receive.end == BodyEnd::Exact => {
                self.receive.content_use = ContentUse::Dropped;
            }
            was @ (ContentUse::Undecided | ContentUse::Paused) => {
                if was == ContentUse::Paused {
                    self.end_pause(now);
                }
                self.receive.content_use = ContentUse::Dropped;
                self.drop_content(now, settings);
            }
        }
    }
}
