//! A subject with one fault, which a search must find.

use std::hash::Hasher;

use http_keepalive::*;

use super::subject::{Fact, Intent, Refused, Subject, Told};

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Once its side is shut nothing is due.
    NoLinger,
    /// An answer that does not fit changes something.
    MovesWhenRefused,
    /// The end of a request is not told once its answer has left.
    NoEnd,
    /// When it is closed it is to be closed.
    ClosesTwice,
    /// A response is asked for, and refused.
    RefusesTheAnswer,
    /// An idle deadline leads to no look.
    NeverLooks,
    /// What was handed out never leaves.
    NeverFlushed,
    /// Nobody is asked to try to write before a peer is said not to read.
    NeverTries,
    /// Content is due while the application takes none.
    BlamesThePause,
    /// What a look at the transport finds is told too late: what was due has taken effect.
    FindsNothing,
    /// A refusal is not kept for the next request.
    ForgetsTheRefusal,
    /// That the application is gone is not known.
    WaitsForWhoIsGone,
    /// A write failed, and nobody was told.
    WritesOn,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planted<S> {
    pub subject: S,
    pub fault: Fault,
    /// Octets have arrived, and nobody has looked at them.
    arrived: bool,
}

impl<S> Planted<S> {
    pub const fn new(subject: S, fault: Fault) -> Self {
        Self { subject, fault, arrived: false }
    }
}

impl<S: Subject> Subject for Planted<S> {
    const TELLS: bool = S::TELLS;
    const IS_CLIENT: bool = S::IS_CLIENT;

    fn canonical(&self, now: Instant, hasher: &mut impl Hasher) {
        self.subject.canonical(now, hasher);
    }

    fn wants(&self) -> Wants {
        let mut wants = self.subject.wants();
        if self.fault == Fault::ClosesTwice && self.subject.is_closed() {
            wants.shut = Some(Shut::Close(CloseReason::Aborted));
        }
        if self.fault == Fault::NeverLooks && wants.read == ReadWant::LookOnce {
            wants.read = ReadWant::No;
        }
        wants.flush_once &= self.fault != Fault::NeverTries;
        wants
    }

    fn next_deadline(&self) -> Option<Deadline> {
        let due = self.subject.next_deadline();
        if self.fault == Fault::BlamesThePause && self.subject.wants().take_content {
            return due.map(|due| Deadline { kind: DeadlineKind::ContentGap, ..due });
        }
        due.filter(|due| self.fault != Fault::NoLinger || due.kind != DeadlineKind::LingerGap)
    }

    fn is_closed(&self) -> bool {
        self.subject.is_closed()
    }

    fn is_idle(&self) -> bool {
        self.subject.is_idle()
    }

    fn persistence(&self) -> Persistence {
        self.subject.persistence()
    }

    fn close_reasons(&self) -> Vec<CloseReason> {
        self.subject.close_reasons()
    }

    fn octets_pending(&self) -> u64 {
        self.subject.octets_pending()
    }

    fn idleness(&self) -> Option<Idleness> {
        self.subject.idleness()
    }

    fn handle_timeout(&mut self, now: Instant) -> Option<Deadline> {
        self.subject.handle_timeout(now)
    }

    fn nothing_to_read(&mut self, now: Instant) {
        self.subject.nothing_to_read(now);
    }

    fn handle_sent(&mut self, now: Instant, octets: u64) {
        if self.fault != Fault::NeverFlushed {
            self.subject.handle_sent(now, octets);
        }
    }

    fn handle_shut(&mut self, now: Instant) {
        self.subject.handle_shut(now);
    }

    fn transport_failed(&mut self, now: Instant) {
        self.subject.transport_failed(now);
    }

    fn write_failed(&mut self, now: Instant) {
        if self.fault != Fault::WritesOn {
            self.subject.write_failed(now);
        }
    }

    fn abort(&mut self, now: Instant) {
        self.subject.abort(now);
    }

    fn close_after_exchange(&mut self, now: Instant) {
        self.subject.close_after_exchange(now);
    }

    fn arrive(&mut self, octets: &'static str) {
        self.arrived = true;
        self.subject.arrive(octets);
    }

    fn pump(&mut self, now: Instant) -> Option<Told> {
        if std::mem::take(&mut self.arrived) && self.fault == Fault::FindsNothing {
            self.subject.nothing_to_read(now);
        }
        loop {
            let told = self.subject.pump(now);
            let hidden = self.fault == Fault::NoEnd && told == Some(Told::End) && self.subject.is_idle();
            if !hidden {
                return told;
            }
        }
    }

    fn fact(&mut self, now: Instant, fact: Fact) -> Result<Option<Told>, Refused> {
        self.subject.fact(now, fact)
    }

    fn eof(&mut self, now: Instant) -> Option<Told> {
        self.subject.eof(now)
    }

    fn act(&mut self, now: Instant, intent: Intent) -> Result<(), Refused> {
        if self.fault == Fault::RefusesTheAnswer && matches!(intent, Intent::Respond(_)) {
            return Err(Refused::Ended);
        }
        let said = match self.fault {
            Fault::ForgetsTheRefusal => matches!(intent, Intent::TurnAway(_)) && self.subject.is_idle(),
            Fault::WaitsForWhoIsGone => intent == Intent::Gone && self.subject.wants().application.is_some(),
            _ => false,
        };
        if said {
            return Ok(());
        }
        let done = self.subject.act(now, intent);
        if self.fault == Fault::MovesWhenRefused && done == Err(Refused::TooSmall) {
            self.subject.close_after_exchange(now);
        }
        done
    }
}
