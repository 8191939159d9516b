//! The laws that hold in every state, and of every call.

use http_keepalive::*;

use crate::laws::{Law, accuses, law};

use super::super::subject::{Intent, Subject};
use super::World;

impl<S: Subject> World<S> {
    /// What a state says of itself.
    pub(super) fn check(&self) -> Law {
        let (wants, due) = (self.subject.wants(), self.subject.next_deadline());
        let (closed, tunnel) = (self.subject.is_closed(), self.is_tunnel());
        match wants.owed_by() {
            Party::Nobody => law(closed || tunnel, || "nobody owes the next step".into())?,
            Party::Peer => law(due.is_some(), || format!("no deadline while the peer owes the next step: {wants:?}"))?,
            Party::Transport | Party::Application => {}
        }
        let told = self.due_told.unwrap_or(self.now);
        // a rate goes on after a pause from where it stood: it may have been due before what was told in the pause
        let resumed = due.is_some_and(|due| due.kind == DeadlineKind::ContentRate);
        law(resumed || due.is_none_or(|due| due.at >= told), || format!("{due:?} was due and is not told of"))?;
        law(!self.is_looking() || due.is_some(), || "a look that nobody takes has no end".into())?;
        law(!wants.flush_once || wants.flush, || "nothing waits, and a try to write it is asked for".into())?;
        let content = |due: Deadline| matches!(due.kind, DeadlineKind::ContentGap | DeadlineKind::ContentRate);
        let blames = wants.take_content && due.is_some_and(content);
        law(!blames, || "the application takes no content, and its peer is blamed for it".into())?;
        if closed {
            let nothing = wants.owed_by() == Party::Nobody && !wants.flush;
            law(nothing && due.is_none(), || format!("closed, and still {wants:?}, {due:?}"))?;
        }
        if self.failed && !closed && !tunnel {
            law(wants.shut.is_some() || wants.flush, || format!("it has ended, and is not to be shut: {wants:?}"))?;
        }
        if let Some(Turn::Content) = wants.application {
            law(self.sending.is_some(), || "content is asked for, and none is being sent".into())?;
        }
        self.check_refusal(&wants)?;
        self.check_idleness(&wants)
    }

    /// After a failed write nothing is to be sent, and a refusal kept for the next request is owed once that begins, and instead of it.
    fn check_refusal(&self, wants: &Wants) -> Law {
        let asked = wants.application;
        let goes = wants.flush || wants.flush_once || asked.is_some() || matches!(wants.shut, Some(Shut::HalfClose(_)));
        let failed = self.write_failed && !self.is_tunnel();
        law(!failed || !goes, || format!("a write failed, and something is to be sent: {wants:?}"))?;
        let idles = self.subject.is_idle();
        law(!idles || asked.is_none(), || format!("it is idle, and {asked:?} is asked for"))?;
        let answers = matches!(asked, Some(Turn::Respond | Turn::Continue));
        law(!self.turns_away || !answers, || format!("the next request is refused, and {asked:?} is asked for"))
    }

    /// Whose place may be freed carries nothing.
    fn check_idleness(&self, wants: &Wants) -> Law {
        let Some(idleness) = self.subject.idleness() else { return Ok(()) };
        let lingers = matches!(wants.read, ReadWant::Discard | ReadWant::LookOnce);
        let carries = wants.flush || wants.application.is_some() || wants.shut.is_some();
        law(!carries && self.subject.octets_pending() == 0, || format!("{idleness:?}, and {wants:?}"))?;
        law(self.subject.is_idle() || lingers, || format!("{idleness:?} of what is neither idle nor shut: {wants:?}"))?;
        law(idleness.since <= self.now, || format!("{idleness:?} since what has not been"))
    }

    /// What is allowed by all that the driver did and was told.
    pub(super) fn allows(&self, intent: Intent) -> bool {
        match intent {
            Intent::Respond(_) | Intent::RespondLast(_) => self.owes_answer,
            Intent::Continue => self.owes_answer && self.sending.is_none(),
            Intent::Content(octets) => self.sending.is_some_and(|left| left.is_none_or(|left| left >= octets)),
            Intent::End => self.sending.is_some_and(|left| left.unwrap_or(0) == 0),
            Intent::Use(_) => self.subject.wants().take_content,
            Intent::TurnAway(_) => self.sending.is_none() && (self.owes_answer || self.subject.is_idle()),
            Intent::Gone => self.owes_answer || self.sending.is_some(),
            Intent::FreePlace => self.subject.idleness().is_some_and(|idleness| idleness.shielded_until <= self.now),
            Intent::OwnTimeouts if S::IS_CLIENT => {
                self.sending.is_some() && !self.own_timeouts && !self.subject.is_idle()
            }
            Intent::OwnTimeouts => self.owes_answer || self.sending.is_some(),
            _ => false,
        }
    }

    /// A call was taken: it leads to what it says.
    pub(super) fn check_taken(&self, intent: Intent, before: &S) -> Law {
        let (wants, persistence) = (self.subject.wants(), self.subject.persistence());
        let stays = !matches!(persistence, Persistence::Close(_) | Persistence::Tunnel(_));
        let holds = match intent {
            Intent::TurnAway(_) if before.is_idle() => wants == before.wants() && self.subject.is_idle() && !stays,
            Intent::TurnAway(status) => {
                wants.application == StatusCode::new(status).map(Turn::Refuse) && !wants.take_content && !stays
            }
            Intent::Gone => matches!(wants.application, None | Some(Turn::Refuse(_))) && !wants.take_content,
            Intent::FreePlace => self.is_looking() || matches!(wants.shut, Some(Shut::Close(_))),
            Intent::RespondLast(_) => !stays,
            _ => true,
        };
        law(holds, || format!("{intent:?} is taken, and leads to {persistence:?}, {wants:?}"))
    }

    /// What a look has found is not punished.
    pub(super) fn check_look(&self, wanted: &Wants, had: &[CloseReason]) -> Law {
        let wants = self.subject.wants();
        let accused = self.subject.close_reasons().into_iter().find(|reason| accuses(*reason) && !had.contains(reason));
        law(accused.is_none(), || format!("a look has found something, and {accused:?}"))?;
        let late = Some(Turn::Refuse(StatusCode::REQUEST_TIMEOUT));
        let refused = wants.application != wanted.application && wants.application == late;
        law(!refused, || "a look has found something, and it is refused with 408".into())
    }
}
