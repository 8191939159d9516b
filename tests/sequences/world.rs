//! A subject with what its driver knows.

mod checks;

use std::hash::{Hash, Hasher};
use std::time::Duration;

use http_keepalive::*;

use crate::laws::{Law, law, looks_always};

use super::subject::{Fact, Intent, Letter, Refused, Subject, Told};

/// What is left of a message that is being sent: octets, if their number was said.
type Left = Option<u64>;

#[derive(Clone, Debug)]
pub struct World<S> {
    pub subject: S,
    now: Instant,
    /// A request has been told, and no final response to it was sent.
    owes_answer: bool,
    sending: Option<Left>,
    /// A message has begun and not ended: what of its content is to come, if that is known.
    receiving: Option<Left>,
    /// The answer was sent whole before the message had come whole: its end may be told, or not.
    gave_up: bool,
    failed: bool,
    /// A write failed.
    write_failed: bool,
    /// The next request is refused.
    turns_away: bool,
    /// An exchange was given timeouts of its own.
    own_timeouts: bool,
    told_error: bool,
    told_tunnel: bool,
    half_closed: bool,
    /// The instant of the deadline that was told last, while a look is waited for or others are due in the past.
    due_told: Option<Instant>,
}

/// Worlds of one value have the same future.
impl<S: Subject> Hash for World<S> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.subject.canonical(self.now, hasher);
        let Self { subject: _, now, owes_answer, sending, receiving, gave_up, due_told, .. } = self;
        (owes_answer, sending, receiving, gave_up).hash(hasher);
        (self.write_failed, self.turns_away, self.own_timeouts).hash(hasher);
        (self.failed, self.told_error, self.told_tunnel, self.half_closed).hash(hasher);
        due_told.map(|told| now.saturating_duration_since(told)).hash(hasher);
    }
}

impl<S: Subject> World<S> {
    pub fn new(subject: S) -> Self {
        Self {
            subject,
            now: Instant::from_secs(1),
            owes_answer: false,
            sending: None,
            receiving: None,
            gave_up: false,
            failed: false,
            write_failed: false,
            turns_away: false,
            own_timeouts: false,
            told_error: false,
            told_tunnel: false,
            half_closed: false,
            due_told: None,
        }
    }

    fn is_tunnel(&self) -> bool {
        matches!(self.subject.persistence(), Persistence::Tunnel(_))
    }

    /// What a letter does, and whether it was lawful.
    pub fn apply(&mut self, letter: Letter) -> Law {
        let (wanted, had) = (self.subject.wants(), self.subject.close_reasons());
        self.go(letter)?;
        let found = match letter {
            Letter::Octets(octets) | Letter::Once(octets) => wanted.read == ReadWant::LookOnce && !octets.is_empty(),
            Letter::Fact(Fact::Octets(_) | Fact::Content(_) | Fact::End) | Letter::Eof => {
                wanted.read == ReadWant::LookOnce
            }
            Letter::Sent | Letter::SentSome => wanted.flush_once,
            _ => false,
        };
        if found {
            self.check_look(&wanted, &had)?;
        }
        self.check()
    }

    fn go(&mut self, letter: Letter) -> Law {
        let now = self.now;
        match letter {
            Letter::Octets(octets) => {
                self.subject.arrive(octets);
                self.pump()?;
            }
            Letter::Once(octets) => {
                self.subject.arrive(octets);
                if let Some(told) = self.subject.pump(now) {
                    self.hear(told)?;
                }
            }
            Letter::Fact(fact) => self.fact(fact)?,
            Letter::Eof => {
                if let Some(told) = self.subject.eof(now) {
                    self.hear(told)?;
                }
            }
            Letter::Expire => {
                if let Some(due) = self.subject.next_deadline() {
                    self.expire(due, Duration::ZERO)?;
                }
            }
            Letter::ExpireLate => {
                if let Some(due) = self.subject.next_deadline() {
                    self.expire(due, LONG)?;
                }
            }
            Letter::NothingToRead => self.subject.nothing_to_read(now),
            Letter::Sent => self.subject.handle_sent(now, self.subject.octets_pending()),
            Letter::SentSome => self.subject.handle_sent(now, 1.min(self.subject.octets_pending())),
            Letter::SentNothing => self.subject.handle_sent(now, 0),
            Letter::Shut => {
                if self.subject.wants().shut.is_some() {
                    self.shut()?;
                }
            }
            Letter::Failed => {
                self.subject.transport_failed(now);
                self.failed = true;
            }
            Letter::WriteFailed => {
                self.subject.write_failed(now);
                self.write_failed = true;
            }
            Letter::Abort => {
                self.subject.abort(now);
                self.failed = true;
            }
            Letter::Drain => {
                self.subject.close_after_exchange(now);
                if self.is_looking() {
                    // a drain looks by itself
                    self.due_told.get_or_insert(now);
                }
            }
            Letter::Act(intent) => drop(self.act(intent)?),
        }
        self.note_due();
        Ok(())
    }

    fn is_looking(&self) -> bool {
        let wants = self.subject.wants();
        wants.read == ReadWant::LookOnce || wants.flush_once
    }

    /// Of deadlines in the past that may be told after a look it is known which was the last.
    fn note_due(&mut self) {
        let late = self.is_looking()
            || self.subject.wants().take_content
            || self.subject.next_deadline().is_some_and(|due| due.at < self.now);
        self.due_told = self.due_told.filter(|_| late);
    }

    fn expire(&mut self, due: Deadline, late: Duration) -> Law {
        self.now = self.now.max(due.at).saturating_add(late);
        // a look that nobody takes is asked for twice, and then over
        let looked = self.is_looking();
        let mut before = Vec::new();
        let mut expired = self.subject.handle_timeout(self.now);
        law(expired == Some(due), || format!("{due:?} is announced, {expired:?} expires"))?;
        for _ in 0..8 {
            let Some(deadline) = expired else { return self.pump() };
            // its end counts from what was said last, and others may have been due before
            let told = if looked { None } else { self.due_told.replace(deadline.at) };
            let resumed = deadline.kind == DeadlineKind::ContentRate;
            // another one took effect while its look was waited for, and the look is asked for anew
            let again = before.contains(&deadline);
            let in_time = resumed || again || told.is_none_or(|told| told <= deadline.at);
            law(in_time, || format!("{deadline:?} is told too late"))?;
            // what came before the end of the peer is looked at first
            let looks = self.is_looking() || self.subject.wants().read == ReadWant::Offer;
            let looks = looks || looked || !looks_always(deadline.kind, S::IS_CLIENT);
            law(looks, || format!("{deadline:?} takes effect without a look"))?;
            before.push(deadline);
            expired = self.subject.handle_timeout(self.now);
        }
        Err("a deadline stays due".into())
    }

    /// Offers what is unread until there is nothing to tell.
    fn pump(&mut self) -> Law {
        for _ in 0..24 {
            match self.subject.pump(self.now) {
                Some(told) => self.hear(told)?,
                None => return Ok(()),
            }
        }
        Err("there is always something to tell".into())
    }

    fn hear(&mut self, told: Told) -> Law {
        match told {
            Told::Head(content) => {
                let ends = self.receiving.is_none() || self.gave_up || !S::TELLS;
                law(ends, || "a message begins, and the end of the one before was not told".into())?;
                law(!self.turns_away, || "the next request is refused, and told".into())?;
                self.receiving = Some(content);
                self.gave_up = false;
                self.owes_answer = !S::IS_CLIENT;
            }
            Told::Content(octets) => {
                law(self.receiving.is_some(), || "content of no message is told".into())?;
                self.receiving = self.receiving.map(|left| left.map(|left| left.saturating_sub(octets)));
            }
            Told::End => {
                law(self.receiving.is_some() || !S::TELLS, || "an end is told twice".into())?;
                self.receiving = None;
            }
            Told::Tunnel => {
                law(!self.told_tunnel && self.is_tunnel(), || {
                    "a tunnel is told, and is none, or not a new one".into()
                })?;
                self.told_tunnel = true;
            }
            Told::Error => {
                law(!self.told_error || !S::TELLS, || "an error is told twice".into())?;
                self.told_error = true;
                self.receiving = None;
            }
        }
        Ok(())
    }

    fn fact(&mut self, fact: Fact) -> Law {
        let before = self.subject.clone();
        match self.subject.fact(self.now, fact) {
            Ok(Some(told)) => self.hear(told),
            Ok(None) => Ok(()),
            // it is the one that a refusal was kept for
            Err(Refused::Ended) if self.turns_away && before.is_idle() && self.subject != before => {
                let due = matches!(self.subject.wants().application, Some(Turn::Refuse(_)));
                law(due, || format!("the next request is refused, and {fact:?} leads to no refusal"))
            }
            Err(refused) => {
                law(self.subject == before, || format!("{fact:?} is refused, {refused:?}, and changes something"))
            }
        }
    }

    /// Whether it was taken.
    fn act(&mut self, intent: Intent) -> Result<bool, String> {
        let before = self.subject.clone();
        let allowed = self.allows(intent) && !self.is_tunnel();
        if let Err(refused) = self.subject.act(self.now, intent) {
            law(self.subject == before, || format!("{intent:?} is refused, {refused:?}, and changes something"))?;
            // of the version it was told
            let misuse = match refused {
                Refused::Misuse(misuse) => misuse != Misuse::InterimToHttp10,
                Refused::Stays => true,
                Refused::TooSmall | Refused::Ended => false,
            };
            law(!(allowed && misuse), || format!("{intent:?} is allowed, and {refused:?}"))?;
            return Ok(false);
        }
        self.check_taken(intent, &before)?;
        let begins = |content| match content {
            Content::Empty | Content::Exact(0) => None,
            Content::Exact(octets) => Some(Some(octets)),
            Content::Unknown | Content::UntilClose => Some(None),
        };
        match intent {
            Intent::Respond(content) | Intent::RespondLast(content) => {
                self.owes_answer = false;
                self.sending = begins(content);
            }
            Intent::Refuse => self.owes_answer = false,
            Intent::Ask(_, _, content, _) => self.sending = begins(content),
            Intent::Content(octets) => {
                self.sending = self.sending.and_then(|left| match left {
                    Some(left) if left == octets => None,
                    left => Some(left.map(|left| left - octets)),
                });
            }
            Intent::End => self.sending = None,
            Intent::TurnAway(_) => self.turns_away |= before.is_idle(),
            // what had begun is cut, if it could go on
            Intent::Gone => self.failed |= self.sending.take().is_some() && !self.write_failed,
            Intent::FreePlace => {
                law(allowed, || "a place is freed that is shielded, or no place".into())?;
                if self.is_looking() {
                    self.due_told.get_or_insert(self.now);
                }
            }
            Intent::OwnTimeouts => {
                self.own_timeouts = true;
                // what is due by them is told next
                let past = self.subject.next_deadline().map(|due| due.at).filter(|at| *at < self.now);
                self.due_told = past.map(|at| self.due_told.map_or(at, |told| told.min(at))).or(self.due_told);
            }
            // it was received past the connection
            Intent::Skip(octets) => {
                self.receiving = self.receiving.map(|left| left.map(|left| left.saturating_sub(octets)));
            }
            _ => {}
        }
        if !S::IS_CLIENT
            && !self.owes_answer
            && self.sending.is_none()
            && self.receiving.is_some_and(|it| it != Some(0))
        {
            self.gave_up = true;
        }
        Ok(true)
    }

    /// Shuts the transport as it is asked for: once in full, and at most once in half before that.
    fn shut(&mut self) -> Law {
        let shut = self.subject.wants().shut;
        self.subject.handle_shut(self.now);
        match shut {
            Some(Shut::HalfClose(_)) => {
                law(!self.half_closed, || "a second half-close is asked for".into())?;
                self.half_closed = true;
            }
            Some(Shut::Close(_) | Shut::Reset(_)) => law(self.subject.is_closed(), || "shut, and not closed".into())?,
            None => {}
        }
        self.check()
    }

    /// One step of a driver that does as it is asked; the peer is silent. Whether there was one.
    pub fn obey(&mut self) -> Result<bool, String> {
        self.pump()?;
        let (now, wants) = (self.now, self.subject.wants());
        if wants.shut.is_some() {
            self.shut()?;
        } else if wants.flush_once {
            self.subject.handle_sent(now, 0);
        } else if wants.flush {
            self.subject.handle_sent(now, self.subject.octets_pending());
        } else if wants.read == ReadWant::LookOnce {
            self.subject.nothing_to_read(now);
        } else if wants.take_content {
            for said in [ContentUse::Dropped, ContentUse::Reading] {
                law(self.clone().act(Intent::Use(said))?, || {
                    format!("content is to be taken, and {said:?} is refused")
                })?;
            }
            self.act(Intent::Use(ContentUse::Reading))?;
        } else if let Some(turn) = wants.application {
            self.take(turn)?;
        } else if wants.owed_by() == Party::Nobody {
            let untold = S::TELLS && self.is_tunnel() && !self.told_tunnel;
            law(!untold, || "a tunnel was not told".into())?;
            return Ok(false);
        } else if wants.read != ReadWant::Offer {
            let due = self.subject.next_deadline().ok_or("no deadline while the peer owes the next step")?;
            self.expire(due, Duration::ZERO)?;
        }
        self.pump()?;
        self.note_due();
        if self.subject.is_idle() && S::TELLS {
            law(self.receiving.is_none() || self.gave_up, || "it is idle, and an end was not told".into())?;
        }
        self.check()?;
        Ok(true)
    }

    /// Does what the application is asked for, in every way that is allowed: none of them is refused.
    fn take(&mut self, turn: Turn) -> Law {
        let contents = [Content::Exact(1), Content::Unknown, Content::UntilClose];
        let ways = match turn {
            Turn::Respond => contents.map(Intent::Respond).to_vec(),
            Turn::Continue => vec![Intent::Continue, Intent::Respond(Content::Exact(1))],
            Turn::Refuse(_) => vec![],
            Turn::Content if matches!(self.sending, Some(Some(1..))) => vec![Intent::Content(1)],
            Turn::Content => vec![Intent::Content(1), Intent::End],
        };
        let last = match turn {
            Turn::Respond | Turn::Continue => Intent::Respond(Content::Empty),
            Turn::Refuse(_) => Intent::Refuse,
            Turn::Content => match self.sending {
                Some(Some(left)) => Intent::Content(left),
                _ => Intent::End,
            },
        };
        for way in ways {
            law(self.clone().act(way)?, || format!("{turn:?} is asked for, and {way:?} is refused"))?;
        }
        law(self.act(last)?, || format!("{turn:?} is asked for, and {last:?} is refused"))
    }
}

/// Longer than any timeout.
const LONG: Duration = Duration::from_secs(1000);

/// Every timeout is set, so that whenever the peer owes the next step a deadline is armed.
pub const EVERY_TIMEOUT: Timeouts = {
    let long = Some(Duration::from_secs(100));
    Timeouts::DEFAULT.with_application(long).with_response(long).with_exchange(long).with_send_rate(Some(1))
};
