//! What always holds of a connection, in every state that calls can lead to.
//!
//! Debug builds assert it after every public call, so that every test and every fuzz target looks for a way to break it. Release builds know
//! nothing of it.
#![cfg(debug_assertions)]

use crate::lifecycle::content_use::ContentUse;
use crate::lifecycle::role::LifecycleRole;
use crate::lifecycle::state::{BodyEnd, ConnectionState, Ended, Receiving, Sending, Stage};

impl<R: LifecycleRole> ConnectionState<R> {
    /// Asserts every invariant; the message is its name.
    pub(crate) fn check(&self) {
        self.check_end();
        self.check_clock();
        self.check_look();
        if self.lifetime.is_open() {
            self.check_halves();
            if !R::IS_CLIENT {
                self.check_halves_of_server();
            }
        }
        R::check(self);
    }

    fn check_end(&self) {
        let stage = self.lifetime.stage();
        let speaks = matches!(stage, Stage::Open | Stage::Tunnel(_));
        assert!(speaks || !self.lifetime.causes.is_empty(), "an end has a cause: {self:?}");
        assert!(stage != Stage::HalfClosed || !R::IS_CLIENT, "only a server closes its side alone: {self:?}");
        let finishes = R::IS_CLIENT && stage == Stage::Finishing;
        assert!(!finishes || self.is_between_exchanges(), "a client that finishes was answered: {self:?}");
        let drains = self.lifetime.drain_began().is_some();
        assert!(
            !drains || !R::IS_CLIENT || !self.lifetime.is_open() || !self.is_between_exchanges(),
            "a client that drains ends when it is idle: {self:?}"
        );
    }

    fn check_clock(&self) {
        let anchors = [
            self.exchange_began,
            self.receive.began,
            self.receive.progress_at,
            self.send.still_since,
            self.lifetime.drain_began().unwrap_or(self.latest),
        ];
        assert!(anchors.iter().all(|at| *at <= self.latest), "nothing happened after the latest instant: {self:?}");
    }

    fn check_look(&self) {
        let Some(kind) = self.lifetime.passed else { return };
        let mut seen = self.clone();
        seen.lifetime.passed = None;
        assert!(seen.look_of(kind).is_some(), "what takes effect at once waits for no look: {self:?}");
        let armed = match Self::ends_idleness(kind) {
            true => self.lifetime.is_open() && self.is_between_exchanges(),
            false => seen.may_be_armed(kind),
        };
        assert!(armed, "what has passed was armed in this phase: {self:?}");
    }

    fn check_halves(&self) {
        let (receive, send) = (&self.receive, &self.send);
        let counts = |end| end == BodyEnd::Exact;
        let content = receive.half() == Receiving::Content;
        assert!(
            !content || !counts(receive.end) || receive.remaining > 0,
            "content of a known length is incomplete until it is all there: {self:?}"
        );
        let content = send.half() == Sending::Content;
        assert!(
            !content || !counts(send.end) || send.remaining > 0,
            "content to send of a known length ends by itself: {self:?}"
        );
        let asked = R::IS_CLIENT && send.request.awaits_continue;
        assert!(!asked || content, "a client waits with content that is to come: {self:?}");
        assert!(!content || send.ended == Ended::ByCall, "a message that is being sent has not ended: {self:?}");
        let refuses = send.half() == Sending::RefusalDue;
        assert!(!refuses || !R::IS_CLIENT, "only a server refuses: {self:?}");
        assert!(!refuses || receive.half() == Receiving::Complete, "nothing is read where a refusal is due: {self:?}");
        assert!(!refuses || self.refusal().is_some(), "a refusal has a status: {self:?}");
        assert!(
            receive.fault.is_none() || receive.half() == Receiving::Complete,
            "nothing is read after a fault: {self:?}"
        );
    }

    fn check_halves_of_server(&self) {
        let (receive, send) = (&self.receive, &self.send);
        let begun = matches!(receive.half(), Receiving::Content | Receiving::Complete);
        assert!(begun || send.half() == Sending::Idle, "a response follows a request: {self:?}");
        let over = receive.half() == Receiving::Complete && send.half() == Sending::Complete;
        assert!(!over, "an exchange that is over has been left: {self:?}");
        assert!(!receive.given_up || receive.half() == Receiving::Complete, "what is given up is not read: {self:?}");
        assert!(
            !send.request.awaits_continue || receive.half() == Receiving::Content,
            "content that waits is to come: {self:?}"
        );
        let unread = receive.half() == Receiving::Content && send.half() == Sending::Complete;
        assert!(
            !unread || receive.content_use != ContentUse::Undecided,
            "whether content after a response is read has been decided: {self:?}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Client, Server};
    use crate::lifecycle::deadline::DeadlineKind;
    use crate::lifecycle::persistence::CloseReason;
    use crate::lifecycle::state::RequestFacts;
    use crate::message::framing::BodyLength;
    use crate::time::Instant;

    const NOW: Instant = Instant::from_secs(1000);

    fn check<R: LifecycleRole>(breaks: impl FnOnce(&mut ConnectionState<R>)) {
        let mut state = ConnectionState::<R>::new(NOW);
        state.check();
        breaks(&mut state);
        state.check();
    }

    /// Each breaks one invariant, and is told which.
    macro_rules! broken {
        ($($name:ident, $says:literal, $role:ty, $breaks:expr;)+) => {
            $(#[test]
            #[should_panic(expected = $says)]
            fn $name() {
                check::<$role>($breaks);
            })+
        };
    }

    broken! {
        an_end_without_a_cause, "an end has a cause", Server, |state| state.lifetime.owe_close();
        a_client_that_closes_its_side_alone, "only a server closes its side alone", Client, |state| {
            state.lifetime.causes.add(CloseReason::Aborted);
            state.lifetime.begin_finishing();
            state.lifetime.half_closed();
        };
        a_client_that_finishes_unanswered, "a client that finishes was answered", Client, |state| {
            state.lifetime.causes.add(CloseReason::Aborted);
            state.receive.begin_head(Instant::from_secs(1000));
            state.lifetime.begin_finishing();
        };
        an_instant_to_come, "nothing happened after the latest instant", Server, |state| {
            state.send.still_since = Instant::from_secs(1001);
        };
        content_of_no_length, "content of a known length is incomplete", Server, |state| {
            state.receive.begin_content(BodyLength::Exact(5));
            state.receive.remaining = 0;
        };
        a_message_that_has_ended_and_goes_on, "a message that is being sent has not ended", Server, |state| {
            state.receive.begin_content(BodyLength::Empty);
            state.send.begin_content(BodyEnd::Exact, 5);
            state.send.ended = Ended::ByLength;
        };
        a_refusal_within_a_message, "nothing is read where a refusal is due", Server, |state| {
            state.send.owe_refusal();
        };
        an_idle_look_within_a_message, "what has passed was armed", Server, |state| {
            state.receive.begin_head(NOW);
            state.lifetime.passed = Some(DeadlineKind::Idle);
        };
        an_idle_client_that_looks, "waits for no look", Client, |state| {
            state.lifetime.passed = Some(DeadlineKind::Idle);
        };
        content_after_a_response_that_nobody_decided_on, "has been decided", Server, |state| {
            state.receive.begin_content(BodyLength::Exact(5));
            state.send.complete();
        };
        a_response_to_nothing, "a response follows a request", Server, |state| {
            state.send.begin_content(BodyEnd::Chunked, 0);
        };
        an_exchange_that_is_not_left, "an exchange that is over has been left", Server, |state| {
            state.receive.complete();
            state.send.complete();
        };
        content_that_waits_and_is_there, "content that waits is to come", Server, |state| {
            state.receive.complete();
            state.send.request = RequestFacts { awaits_continue: true, ..RequestFacts::NONE };
        };
        a_request_that_nobody_sent, "a request waits, or none was sent", Client, |state| state.send.complete();
    }
}
