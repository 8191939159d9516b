//! Rows of a table of deadlines: the state that arms each, and what is checked of every one.

use crate::common::Passes;
use std::time::Duration;

use http_keepalive::DeadlineKind::{self, *};
use http_keepalive::{Config, Deadline, DeadlineCause, DeadlineFact, Instant, Limits, Policy, Timeouts, Wants};

use crate::common::Driver;
use crate::common::client::{Asker, no_timeouts, with_timeouts};

/// A state that arms a deadline.
pub struct Row<D> {
    pub state: &'static str,
    pub kind: DeadlineKind,
    pub set: fn(Timeouts) -> Timeouts,
    pub arm: fn(&mut D),
    /// Milliseconds from there.
    pub after: u64,
    pub then: fn(&mut D),
}

/// What both roles' drivers have.
pub trait Drives: Sized {
    fn now(&mut self) -> &mut Instant;
    fn next(&self) -> Option<Deadline>;
    fn cause(&self) -> Option<DeadlineCause>;
    fn timeout(&mut self, now: Instant) -> Option<Deadline>;
    fn wants(&self) -> Wants;
    fn anew(set: fn(Timeouts) -> Timeouts) -> Self;
}

macro_rules! drives {
    ($driver:ident, $anew:expr) => {
        impl Drives for $driver {
            fn now(&mut self) -> &mut Instant {
                &mut self.now
            }
            fn next(&self) -> Option<Deadline> {
                self.connection.next_deadline()
            }
            fn cause(&self) -> Option<DeadlineCause> {
                self.connection.deadline_cause()
            }
            fn timeout(&mut self, now: Instant) -> Option<Deadline> {
                self.connection.expire(now)
            }
            fn wants(&self) -> Wants {
                self.connection.wants()
            }
            fn anew(set: fn(Timeouts) -> Timeouts) -> Self {
                $anew(set(nothing()))
            }
        }
    };
}

/// What arms it.
pub fn fact_of(kind: DeadlineKind) -> DeadlineFact {
    match kind {
        Drain | DrainWindow => DeadlineFact::DrainBegan,
        Exchange => DeadlineFact::ExchangeBegan,
        FirstOctet | Age => DeadlineFact::Opened,
        Head => DeadlineFact::HeadBegan,
        ContentGap => DeadlineFact::ContentCame,
        ContentRate => DeadlineFact::ContentBegan,
        Application => DeadlineFact::RequestCame,
        Response => DeadlineFact::RequestLeft,
        SendRate => DeadlineFact::OctetWaits,
        HalfClosed => DeadlineFact::PeerClosed,
        WriteStall | Expect | IdleShield | Idle => DeadlineFact::OctetLeft,
        Linger => DeadlineFact::HalfClosed,
        LingerGap => DeadlineFact::OctetDiscarded,
        new => panic!("{new:?}: what arms it?"),
    }
}

/// Nothing is ever due.
pub fn nothing() -> Timeouts {
    let none = no_timeouts().with_first_octet(None).with_idle_shield(None).with_linger(None).with_linger_gap(None);
    none.with_head_rate(None).with_hint_margin(None)
}

pub fn server(timeouts: Timeouts) -> Driver {
    Driver::new(&Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).expect("within bounds"))
}

drives!(Driver, server);
drives!(Asker, |timeouts| Asker::knowing(&with_timeouts(timeouts)));

impl<D: Drives> Row<D> {
    /// In the state of this row.
    fn armed(&self) -> (D, Deadline) {
        let mut driver = D::anew(self.set);
        // a connection that has lived, but for the deadlines that count from its opening
        if !matches!(self.kind, FirstOctet | Age) {
            *driver.now() = *driver.now() + Duration::from_secs(7);
        }
        (self.arm)(&mut driver);
        let due = Deadline { at: *driver.now() + Duration::from_millis(self.after), kind: self.kind };
        assert_eq!(driver.next(), Some(due), "{}", self.state);
        self.explained(&driver.cause().expect("it has a cause"), due, *driver.now());
        (driver, due)
    }

    /// The fact has happened, and the setting it names is as long as the deadline says.
    fn explained(&self, cause: &DeadlineCause, due: Deadline, now: Instant) {
        assert_eq!(cause.deadline, due, "{}", self.state);
        assert!(cause.since <= now, "{}: {cause:?}", self.state);
        let fact = match (cause.setting, self.kind) {
            ("idle_shield", _) => DeadlineFact::OctetLeft,
            (_, Application) if self.state.contains("pause") => DeadlineFact::ContentPaused,
            (_, kind) => fact_of(kind),
        };
        assert_eq!(cause.fact, fact, "{}", self.state);
        let timeouts = (self.set)(nothing());
        let length = match cause.setting {
            "first_octet" => timeouts.first_octet,
            "idle" => timeouts.idle,
            "idle_shield" => timeouts.idle_shield,
            "head" => timeouts.head,
            "head_cap" => timeouts.head_cap,
            "content_gap" => timeouts.content_gap,
            "application" => timeouts.application,
            "response" => timeouts.response,
            "write_stall" => timeouts.write_stall,
            "half_closed" => timeouts.half_closed,
            "exchange" => timeouts.exchange,
            "expect" => timeouts.expect,
            "linger" => timeouts.linger,
            "linger_gap" => timeouts.linger_gap,
            "drain" => timeouts.drain,
            "drain_window" => timeouts.drain_window,
            "age" => timeouts.age,
            // what these add depends on what came
            "head_rate" | "content_rate" | "send_rate" | "keep_alive" => return,
            other => panic!("{other} is no setting"),
        };
        assert_eq!(Some(due.at.saturating_duration_since(cause.since)), length, "{}: {cause:?}", self.state);
    }

    /// It expires at `now`, alone, and does not come back while nothing else happens.
    fn expires(&self, driver: &mut D, due: Deadline, now: Instant) {
        *driver.now() = now;
        assert_eq!(driver.timeout(now), Some(due), "{}", self.state);
        let mut expired = 0;
        while let Some(next) = driver.timeout(now) {
            expired += 1;
            assert!(next != due && now > due.at && expired < 4, "{}: {next:?} behind {due:?}", self.state);
        }
        assert!(driver.next().is_none_or(|next| next.at > now), "{}", self.state);
    }

    /// Both sides of it.
    pub fn check(&self) {
        let (mut driver, due) = self.armed();
        let (wants, before) = (driver.wants(), Instant::from_nanos(due.at.as_nanos() - 1));
        assert_eq!(driver.timeout(before), None, "{}: nothing before its time", self.state);
        assert_eq!((driver.next(), driver.wants()), (Some(due), wants), "{}", self.state);
        self.expires(&mut driver, due, due.at);
        (self.then)(&mut driver);

        // a clock set back counts as no time
        let (mut driver, due) = self.armed();
        assert_eq!(driver.timeout(Instant::EPOCH), None, "{}", self.state);
        assert_eq!((driver.next(), driver.wants()), (Some(due), wants), "{}", self.state);
        self.expires(&mut driver, due, due.at);
        assert_eq!(driver.timeout(Instant::EPOCH), None, "{}: once is enough", self.state);

        // one that jumps ahead brings what was due first, by its own time
        for late in [Instant::from_secs(1 << 30), Instant::MAX] {
            let (mut driver, due) = self.armed();
            self.expires(&mut driver, due, late);
        }
    }
}
