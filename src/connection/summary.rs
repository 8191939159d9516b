//! One line that tells it whole: what an exchange came to, and a connection.
//!
//! An [`Account`] is kept beside a connection by a driver that writes a log, and costs no other driver anything. It looks at the machine after
//! each call that may have moved it, and says when an exchange is over. Octets of an exchange count as the machine counts them: consumed, and
//! handed out to be sent; what a driver still holds in its buffers is not among the first, and is among the second. The summary of the
//! connection knows whether they have left.

use core::fmt;
use core::ops::Deref;
use core::time::Duration;

use crate::close_reason::CloseReason;
use crate::config::Config;
use crate::connection::{Connection, Role};
use crate::lifecycle::deadline::{Deadline, DeadlineKind};
use crate::lifecycle::exchange_facts::ExchangeFacts;
use crate::lifecycle::persistence::Persistence;
use crate::time::Instant;

/// Why a connection ends, in the order in which the reasons came. At most eight are kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reasons {
    list: [Option<CloseReason>; 8],
}

impl Reasons {
    const NONE: Self = Self { list: [None; 8] };

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = CloseReason> + '_ {
        self.list.iter().map_while(|reason| *reason)
    }

    fn add(&mut self, reason: CloseReason) {
        for place in &mut self.list {
            match place {
                Some(other) if *other == reason => return,
                Some(_) => {}
                None => {
                    *place = Some(reason);
                    return;
                }
            }
        }
    }
}

impl fmt::Debug for Reasons {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// What one exchange came to: a request and its final response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ExchangeSummary {
    /// Its number on the connection, from 1.
    pub number: u32,
    /// When it began: a server received the first octet of the request, a client handed out its head.
    pub began: Instant,
    /// From there to the first octet of the response: handed out by a server, received by a client. `None`: there was none.
    pub first_octet: Option<Duration>,
    /// From its begin to its end.
    pub took: Duration,
    /// Octets that were consumed.
    pub received: u64,
    /// Octets that were handed out to be sent.
    pub sent: u64,
    /// The request was whole: received to its end by a server, handed out to its end by a client.
    pub request_whole: bool,
    /// The response was whole.
    pub response_whole: bool,
    /// What became of the connection, as it was known at the end of the exchange.
    pub persistence: Persistence,
    /// Why it ends, in order, if it does.
    pub reasons: Reasons,
    /// The deadline that passed last on the connection, if one did.
    pub deadline: Option<DeadlineKind>,
}

impl ExchangeSummary {
    /// Its connection had carried an exchange before.
    pub const fn is_reused(&self) -> bool {
        self.number > 1
    }
}

/// What a connection came to, up to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ConnectionSummary {
    /// Exchanges that are over.
    pub exchanges: u32,
    /// When it opened.
    pub opened: Instant,
    /// Since it opened.
    pub took: Duration,
    /// From its opening to the first octet of its first response. `None`: there was none.
    pub first_octet: Option<Duration>,
    /// Octets that were consumed.
    pub received: u64,
    /// Octets that left. Those that a server had handed out when its transport failed count, too.
    pub sent: u64,
    /// Every exchange was whole, none is under way, and all octets have left.
    pub whole: bool,
    /// What becomes of it.
    pub persistence: Persistence,
    /// Why it ends, in order, if it does.
    pub reasons: Reasons,
    /// The deadline that passed last, if one did.
    pub deadline: Option<DeadlineKind>,
}

impl ConnectionSummary {
    /// It carried more than one exchange.
    pub const fn is_reused(&self) -> bool {
        self.exchanges > 1
    }
}

/// The exchange under way.
#[derive(Clone, Copy, Debug)]
struct Open {
    number: u32,
    began: Instant,
    first_octet: Option<Duration>,
}

/// Octets of a connection.
#[derive(Clone, Copy, Debug, Default)]
struct Octets {
    received: u64,
    sent: u64,
}

/// What a log needs to know of a connection: kept beside it, and shown it after each call that may have moved it.
///
/// Of a connection that was parked it goes on with the one that is unparked.
///
/// ```
/// use http_keepalive::{Account, Config, Connection, Content, Instant, NO_FIELDS, Server, StatusCode};
///
/// let opened = Instant::from_secs(1);
/// let mut connection = Connection::<Server>::new(opened, &Config::DEFAULT);
/// let (mut account, mut out) = (Account::new(opened), [0; 256]);
///
/// let received = connection.receive(opened, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")?;
/// assert_eq!(account.look(opened, &connection), None);
/// let received = connection.receive(opened, b"")?;
/// connection.send_response(opened, StatusCode::OK, NO_FIELDS, Content::Empty, &mut out)?;
/// let summary = account.look(opened, &connection).expect("it is over");
/// assert_eq!(summary.to_string(), "exchange 1: 27 octets in, 38 out, first octet after 0.0ns, 0.0ns in all, whole; http11 (RFC 9112 9.3)");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Account {
    opened: Instant,
    exchanges: u32,
    first_octet: Option<Duration>,
    all: Octets,
    /// Those of the exchanges that are over.
    over: Octets,
    /// What the machine said of them at the last look: it may begin anew where it was parked.
    seen: Octets,
    open: Option<Open>,
    broken: bool,
    reasons: Reasons,
    deadline: Option<DeadlineKind>,
}

impl Account {
    /// Of a connection that opened at `now`.
    pub const fn new(now: Instant) -> Self {
        const NONE: Octets = Octets { received: 0, sent: 0 };
        Self {
            opened: now,
            exchanges: 0,
            first_octet: None,
            all: NONE,
            over: NONE,
            seen: NONE,
            open: None,
            broken: false,
            reasons: Reasons::NONE,
            deadline: None,
        }
    }

    /// When the connection opened.
    pub const fn opened(&self) -> Instant {
        self.opened
    }

    /// A deadline passed, as [`handle_timeout`](Connection::handle_timeout) said.
    pub const fn expired(&mut self, deadline: Deadline) {
        self.deadline = Some(deadline.kind);
    }

    /// Looks at the connection after a call: the exchange that is over with it, if one is. To be called after each call of `receive`, of
    /// those that send, and of those that tell of time, ends and failures. Exchanges that end between two looks are told as
    /// one, and those that begin and end between them are not told.
    pub fn look<R: Role, C: Deref<Target = Config<R>>>(
        &mut self,
        now: Instant,
        connection: &Connection<R, C>,
    ) -> Option<ExchangeSummary> {
        let state = connection.lifecycle.state();
        let facts = state.exchange_facts(connection.offset);
        self.count(connection.offset, facts.sent.1);
        state.reasons().for_each(|reason| self.reasons.add(reason));
        let goes_on = |open: &Open| facts.is_open && facts.number == open.number;
        let over = self.open.take_if(|open| !goes_on(open));
        let summary = over.map(|open| self.end(now, open, facts, R::IS_CLIENT, connection.persistence()));
        if facts.is_open {
            let open = self.open.get_or_insert(Open { number: facts.number, began: facts.began, first_octet: None });
            if facts.answer_begun && open.first_octet.is_none() {
                open.first_octet = Some(now.saturating_duration_since(open.began));
                self.first_octet = self.first_octet.or(Some(now.saturating_duration_since(self.opened)));
            }
        }
        summary
    }

    fn count(&mut self, received: u64, sent: u64) {
        let since = |now: u64, seen: u64| now.checked_sub(seen).unwrap_or(now);
        self.all.received += since(received, self.seen.received);
        self.all.sent += since(sent, self.seen.sent);
        self.seen = Octets { received, sent };
    }

    /// An exchange is over.
    fn end(
        &mut self,
        now: Instant,
        open: Open,
        facts: ExchangeFacts,
        is_client: bool,
        persistence: Persistence,
    ) -> ExchangeSummary {
        let answered = facts.number != open.number;
        let (request_whole, response_whole) = match is_client {
            true => (facts.sent_whole || (answered && facts.is_open), answered),
            false => (facts.received_whole, facts.sent_whole),
        };
        let first_octet = open.first_octet.or(response_whole.then(|| now.saturating_duration_since(open.began)));
        if first_octet.is_some() {
            self.first_octet = self.first_octet.or(Some(now.saturating_duration_since(self.opened)));
        }
        self.exchanges += 1;
        self.broken |= !(request_whole && response_whole);
        // what was handed out after it is the next one's
        let next = facts.sent.1 - facts.sent.0;
        let over = Octets { received: self.all.received, sent: self.all.sent.saturating_sub(next) };
        let before = core::mem::replace(&mut self.over, over);
        ExchangeSummary {
            number: self.exchanges,
            began: open.began,
            first_octet,
            took: now.saturating_duration_since(open.began),
            received: over.received - before.received,
            sent: over.sent.saturating_sub(before.sent),
            request_whole,
            response_whole,
            persistence,
            reasons: self.reasons,
            deadline: self.deadline,
        }
    }

    /// What the connection has come to so far, as it was at the last look.
    pub fn summary<R: Role, C: Deref<Target = Config<R>>>(
        &self,
        now: Instant,
        connection: &Connection<R, C>,
    ) -> ConnectionSummary {
        ConnectionSummary {
            exchanges: self.exchanges,
            opened: self.opened,
            took: now.saturating_duration_since(self.opened),
            first_octet: self.first_octet,
            received: self.all.received,
            sent: self.all.sent.saturating_sub(connection.octets_pending()),
            whole: !self.broken && self.open.is_none() && !connection.lifecycle.state().holds_octets(),
            persistence: connection.persistence(),
            reasons: self.reasons,
            deadline: self.deadline,
        }
    }
}

/// What a line of either kind ends with: the verdict, what else ends the connection, and the deadline that passed.
fn end_of_line(
    f: &mut fmt::Formatter<'_>,
    persistence: Persistence,
    reasons: &Reasons,
    deadline: Option<DeadlineKind>,
) -> fmt::Result {
    write!(f, "; {} ({})", persistence.as_str(), persistence.clause())?;
    for reason in reasons.iter().filter(|reason| persistence != Persistence::Close(*reason)) {
        write!(f, ", {}", reason.as_str())?;
    }
    match deadline {
        Some(kind) => write!(f, "; deadline {}", kind.as_str()),
        None => Ok(()),
    }
}

fn octets_and_time(
    f: &mut fmt::Formatter<'_>,
    octets: (u64, u64),
    first_octet: Option<Duration>,
    took: Duration,
) -> fmt::Result {
    write!(f, "{} octets in, {} out, ", octets.0, octets.1)?;
    match first_octet {
        Some(time) => write!(f, "first octet after {time:.1?}, ")?,
        None => f.write_str("no octet of a response, ")?,
    }
    write!(f, "{took:.1?} in all, ")
}

/// One line: the number, octets, times, whether it was whole, the verdict with its clause, other reasons, the last deadline.
impl fmt::Display for ExchangeSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exchange {}: ", self.number)?;
        octets_and_time(f, (self.received, self.sent), self.first_octet, self.took)?;
        f.write_str(match (self.request_whole, self.response_whole) {
            (true, true) => "whole",
            (true, false) => "response not whole",
            (false, true) => "request not whole",
            (false, false) => "neither is whole",
        })?;
        end_of_line(f, self.persistence, &self.reasons, self.deadline)
    }
}

/// One line: exchanges, octets, times, whether all were whole, the verdict with its clause, other reasons, the last deadline.
impl fmt::Display for ConnectionSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.exchanges == 1 { "" } else { "s" };
        write!(f, "{} exchange{plural}: ", self.exchanges)?;
        octets_and_time(f, (self.received, self.sent), self.first_octet, self.took)?;
        f.write_str(if self.whole { "whole" } else { "not whole" })?;
        end_of_line(f, self.persistence, &self.reasons, self.deadline)
    }
}
