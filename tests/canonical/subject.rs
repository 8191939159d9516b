//! A connection or a lifecycle, the calls that may be made, and all that can be observed of it, seen from now.

use std::fmt::Debug;
use std::hash::Hash;
use std::time::Duration;

use http_keepalive::retry::{Evidence, Reusable};
use http_keepalive::*;

/// One call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// Octets came; all of what is told is taken.
    Arrive(&'static str),
    /// Octets came; they are offered once.
    Once(&'static str),
    Eof(Eof),
    NothingToRead,
    Sent(u64),
    SentAll,
    Shut,
    Failed,
    /// A write failed, and reading may go on.
    WriteFailed,
    /// The exchange gets timeouts of its own.
    OwnTimeouts,
    /// Until nothing is due.
    Timeout,
    TimeoutOnce,
    Drain,
    Abort,
    Content(u64),
    Frame(u64),
    End,
    Skip(u64),
    /// What the application does with the content that comes.
    Said(ContentUse),
    /// It is parked, if that is possible, and taken up again.
    Park,
    /// A final response, with a field line.
    Respond(u16, Option<(&'static str, &'static str)>, Content),
    /// The same as HTTP/1.0, or as the last response of the connection.
    RespondAs(Version, bool, Content),
    Interim(u16),
    Refuse,
    /// The driver refuses the request that is open, or the next one.
    TurnAway(u16),
    /// The application will not answer, or not go on.
    Gone,
    /// The place of the connection is needed.
    FreePlace,
    /// A request: its method, after a space `idempotent` or `replayable` if it is known to be that; the last is whether it says `close`.
    Ask(&'static str, Option<(&'static str, &'static str)>, Content, bool),
    NothingLeft,
    KnowsHttp11,
    // what is told to a lifecycle
    Octets(u64),
    /// A head: a method or a status, the version, a field line, and its octets, if they are told.
    Head(&'static str, Version, Option<(&'static str, &'static str)>, Option<usize>),
    /// The status line of a response whose head is not complete.
    StatusLine(u16),
    Came(u64),
    EndCame,
    Fault,
    Unread(u64),
    Written(u64),
}

/// What passes before a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    Millis(u64),
    /// Until something is due.
    Due,
    /// So much later than something is due: nobody was there.
    Late(u64),
    /// The clock goes back.
    Back(u64),
}

pub type Step = (Pause, Call);

/// A deadline and its cause; nanoseconds from now.
type Due = (DeadlineKind, i128, i128, DeadlineFact, &'static str);

/// All that can be observed after a call but for counts, instants being relative to now.
#[derive(Debug, PartialEq)]
pub struct Seen {
    told: Vec<String>,
    out: Vec<u8>,
    wants: Wants,
    phase: Phase,
    persistence: Persistence,
    reasons: Vec<CloseReason>,
    next: Option<(DeadlineKind, i128)>,
    cause: Option<Due>,
    deadlines: Vec<Due>,
    is_closed: bool,
    is_idle: bool,
    pending: u64,
    parks: bool,
    error: Option<ProtocolErrorKind>,
    contiguous: u64,
    own: OwnSeen,
}

/// What only one role is asked.
#[derive(Debug, Default, PartialEq)]
pub struct OwnSeen {
    /// Since when it is idle, whether it is fresh, what was promised, and until when it is shielded.
    idleness: Option<(i128, bool, Option<i128>, i128)>,
    reusable: Option<(Reusable, Option<i128>)>,
    unanswered: Vec<Evidence>,
    flags: [bool; 4],
    is_request_whole: bool,
}

/// What a call came to.
#[derive(Default)]
pub struct Told {
    told: Vec<String>,
    out: Vec<u8>,
}

impl Told {
    fn say(&mut self, what: impl Debug) {
        self.told.push(format!("{what:?}"));
    }
}

fn from(now: Instant, at: Instant) -> i128 {
    i128::from(at.as_nanos()) - i128::from(now.as_nanos())
}

fn due(now: Instant, cause: DeadlineCause) -> Due {
    (cause.deadline.kind, from(now, cause.deadline.at), from(now, cause.since), cause.fact, cause.setting)
}

/// What is tested, through one of the two doors.
pub trait Subject: Clone + Debug + PartialEq {
    type Key: Clone + Debug + Eq + Hash;
    type Role: Tested;
    /// Parking loses nothing of it.
    const PARKS_ALL: bool = true;
    fn new(now: Instant, config: &'static Config<Self::Role>, seed: Option<u64>) -> Self;
    fn lifecycle(&self) -> &Lifecycle<Self::Role>;
    fn canonical(&self, now: Instant) -> Self::Key;
    fn call(&mut self, now: Instant, call: Call, told: &mut Told);
    /// Parked and taken up again, if that is possible.
    fn parked(&self, now: Instant) -> Option<Self>;
    fn error(&self) -> Option<ProtocolErrorKind> {
        None
    }
    fn contiguous(&self) -> u64 {
        0
    }
}

/// A role, as far as its calls are its own.
pub trait Tested: Role {
    fn call(connection: &mut Connection<Self>, now: Instant, call: Call, out: &mut [u8]) -> Result<usize, SendError>;
    fn tell(lifecycle: &mut Lifecycle<Self>, now: Instant, call: Call, told: &mut Told);
    fn seen(lifecycle: &Lifecycle<Self>, now: Instant) -> OwnSeen;
    /// For an exchange that gets timeouts of its own.
    fn own() -> &'static Config<Self>;
}

const fn own_config<R: Role>() -> Config<R> {
    const fn secs(secs: u64) -> Option<Duration> {
        Some(Duration::from_secs(secs))
    }
    let reads = Timeouts::DEFAULT.with_content_gap(secs(9)).with_content_rate(Some(2)).with_response(secs(71));
    let times = reads.with_application(secs(19)).with_exchange(secs(79)).with_write_stall(secs(47));
    match Config::new(Limits::DEFAULT, times.with_send_rate(Some(1)).with_expect(secs(2)), Policy::DEFAULT) {
        Ok(config) => config,
        Err(_) => panic!("within bounds"),
    }
}

fn response(version: Version, last: bool) -> Response<'static> {
    Response::new(StatusCode::OK).with_version(version).with_close(last)
}

impl Tested for Server {
    fn call(connection: &mut Connection<Self>, now: Instant, call: Call, out: &mut [u8]) -> Result<usize, SendError> {
        match call {
            Call::Respond(status, field, content) => {
                connection.send_response(now, code(status), field.as_slice(), content, out)
            }
            Call::Interim(status) => connection.send_interim(now, code(status), NO_FIELDS, out),
            Call::RespondAs(version, last, content) => {
                connection.send_response(now, response(version, last), NO_FIELDS, content, out)
            }
            Call::Refuse => connection.send_refusal(now, NO_FIELDS, out),
            Call::TurnAway(status) => connection.refuse(now, code(status)).map(|()| 0),
            // whether it goes is seen by what it wants
            Call::FreePlace => {
                connection.free_place(now);
                Ok(0)
            }
            Call::Gone => connection.application_gone(now).map(|()| 0),
            other => unreachable!("{other:?}"),
        }
    }

    fn tell(lifecycle: &mut Lifecycle<Self>, now: Instant, call: Call, told: &mut Told) {
        match call {
            Call::Head(method, version, field, octets) => {
                let mut head = HeadFacts::request(Method::new(method.as_bytes()), version);
                head.field_line(b"Host", b"a");
                if let Some((name, value)) = field {
                    head.field_line(name.as_bytes(), value.as_bytes());
                }
                if let Some(octets) = octets {
                    head = head.with_octets(octets);
                }
                told.say(lifecycle.head_received(now, &head));
            }
            Call::Respond(status, _, content) => told.say(lifecycle.head_to_send(now, code(status), content)),
            Call::RespondAs(version, last, content) => {
                told.say(lifecycle.head_to_send(now, response(version, last), content));
            }
            Call::TurnAway(status) => told.say(lifecycle.refuse(now, code(status))),
            Call::Gone => told.say(lifecycle.application_gone(now)),
            Call::FreePlace => told.say(lifecycle.free_place(now)),
            Call::Interim(status) => told.say(lifecycle.interim_to_send(now, code(status))),
            Call::Refuse => {
                if let Some(Turn::Refuse(status)) = lifecycle.wants().application {
                    told.say(lifecycle.head_to_send(now, status, Content::Empty));
                }
            }
            other => unreachable!("{other:?}"),
        }
    }

    fn seen(lifecycle: &Lifecycle<Self>, now: Instant) -> OwnSeen {
        let idleness = lifecycle.idleness().map(|Idleness { since, is_fresh, promised_until, shielded_until }| {
            (from(now, since), is_fresh, promised_until.map(|at| from(now, at)), from(now, shielded_until))
        });
        OwnSeen { idleness, ..OwnSeen::default() }
    }

    fn own() -> &'static Config<Self> {
        const { &own_config() }
    }
}

impl<const DEPTH: usize> Tested for Client<DEPTH> {
    fn call(connection: &mut Connection<Self>, now: Instant, call: Call, out: &mut [u8]) -> Result<usize, SendError> {
        match call {
            Call::Ask(method, field, content, close) => {
                let target: &[u8] = if method == "CONNECT" { b"a:80" } else { b"/" };
                let request = request(method, target).with_close(close);
                let fields: Vec<_> = [("Host", "a:80")].into_iter().chain(field).collect();
                return connection.send_request(now, &request, fields.as_slice(), content, out);
            }
            Call::NothingLeft => connection.nothing_left(now),
            Call::KnowsHttp11 => connection.knows_http11(),
            other => unreachable!("{other:?}"),
        }
        Ok(0)
    }

    fn tell(lifecycle: &mut Lifecycle<Self>, now: Instant, call: Call, told: &mut Told) {
        match call {
            Call::Head(status, version, field, _) => {
                let mut head = HeadFacts::response(code(status.parse().expect("a status")), version);
                if let Some((name, value)) = field {
                    head.field_line(name.as_bytes(), value.as_bytes());
                }
                told.say(lifecycle.head_received(now, &head));
            }
            Call::StatusLine(status) => told.say(lifecycle.status_line_received(now, code(status))),
            Call::Ask(method, field, content, close) => {
                let target: &[u8] = if method == "CONNECT" { b"a:80" } else { b"/" };
                let request = request(method, target).with_close(close);
                let mut head = HeadFacts::request(request.method(), Version::HTTP_11);
                for (name, value) in [("Host", "a:80")].into_iter().chain(field) {
                    head.field_line(name.as_bytes(), value.as_bytes());
                }
                told.say(lifecycle.head_to_send(now, &request, &head, content));
            }
            Call::NothingLeft => lifecycle.nothing_left(now),
            Call::KnowsHttp11 => lifecycle.knows_http11(),
            other => unreachable!("{other:?}"),
        }
    }

    fn seen(lifecycle: &Lifecycle<Self>, now: Instant) -> OwnSeen {
        let reusable = match lifecycle.reusable(now) {
            Reusable::Now { until } => (Reusable::Now { until: None }, until.map(|until| from(now, until))),
            other => (other, None),
        };
        OwnSeen {
            reusable: Some(reusable),
            idleness: None,
            unanswered: lifecycle.unanswered().map(|left| left.evidence).collect(),
            flags: [lifecycle.is_reading(), lifecycle.peer_closed(), lifecycle.has_ended(), lifecycle.pipeline_broke()],
            is_request_whole: lifecycle.is_request_whole(),
        }
    }

    fn own() -> &'static Config<Self> {
        const { &own_config() }
    }
}

/// The method, and after a space what else is known of the request.
fn request<'a>(method: &'a str, target: &'a [u8]) -> Request<'a> {
    let (method, known) = method.split_once(' ').unwrap_or((method, ""));
    let request = Request::new(Method::new(method.as_bytes()), target);
    request.with_idempotent(known == "idempotent").with_replayable(known == "replayable")
}

fn code(status: u16) -> StatusCode {
    StatusCode::new(status).expect("three digits")
}

/// What both doors name alike; whether it was such a call.
macro_rules! common {
    ($machine:expr, $now:ident, $call:ident, $told:ident) => {
        match $call {
            Call::NothingToRead => $machine.nothing_to_read($now),
            Call::Sent(octets) => $machine.handle_sent($now, octets),
            Call::SentAll => {
                let octets = $machine.octets_pending();
                $machine.handle_sent($now, octets);
            }
            Call::Shut => $machine.handle_shut($now),
            Call::Failed => $machine.transport_failed($now),
            Call::WriteFailed => $machine.write_failed($now),
            Call::OwnTimeouts => $told.say($machine.exchange_timeouts($now, R::own())),
            Call::Timeout | Call::TimeoutOnce => {
                while let Some(due) = $machine.handle_timeout($now) {
                    $told.say((due.kind, from($now, due.at)));
                    assert!($told.told.len() < 24, "a deadline stays due: {:?}", $told.told);
                    if $call == Call::TimeoutOnce {
                        break;
                    }
                }
            }
            Call::Drain => $machine.close_after_exchange($now),
            Call::Abort => $machine.abort($now),
            _ => {}
        }
    };
}

/// A connection, and the octets that it has not consumed.
#[derive(Clone, Debug, PartialEq)]
pub struct Whole<R: Role> {
    connection: Connection<R>,
    config: &'static Config<R>,
    inbox: Vec<u8>,
}

impl<R: Tested> Whole<R> {
    /// Whether there may be more to tell.
    fn receive(&mut self, now: Instant, told: &mut Told) -> bool {
        let (consumed, more) = match self.connection.receive(now, &self.inbox) {
            Ok(received) => {
                told.say(&received);
                (received.consumed, matches!(received.outcome, Outcome::Event(_)))
            }
            Err(error) => {
                told.say(error.kind);
                (0, true)
            }
        };
        self.inbox.drain(..consumed);
        more
    }
}

impl<R: Tested> Subject for Whole<R> {
    type Key = (CanonicalConnection<R>, Vec<u8>);
    type Role = R;

    fn new(now: Instant, config: &'static Config<R>, seed: Option<u64>) -> Self {
        let connection = Connection::new(now, config);
        let connection = match seed {
            Some(seed) => connection.with_seed(seed),
            None => connection,
        };
        Self { connection, config, inbox: Vec::new() }
    }

    fn lifecycle(&self) -> &Lifecycle<R> {
        self.connection.lifecycle()
    }

    fn canonical(&self, now: Instant) -> Self::Key {
        (self.connection.canonical(now), self.inbox.clone())
    }

    fn call(&mut self, now: Instant, call: Call, told: &mut Told) {
        let connection = &mut self.connection;
        let mut room = [0; 512];
        let mut written = 0;
        common!(connection, now, call, told);
        match call {
            Call::Arrive(octets) => {
                self.inbox.extend_from_slice(octets.as_bytes());
                while self.receive(now, told) {
                    assert!(told.told.len() < 64, "there is always something to tell: {:?}", told.told);
                }
            }
            Call::Once(octets) => {
                self.inbox.extend_from_slice(octets.as_bytes());
                self.receive(now, told);
            }
            Call::Eof(eof) => match connection.receive_eof(now, eof) {
                Ok(received) => told.say(received),
                Err(error) => told.say(error.kind),
            },
            Call::Content(octets) => match connection.send_content(now, &b"0123456789"[..octets as usize], &mut room) {
                Ok(sent) => written = sent.written,
                Err(error) => told.say(error),
            },
            Call::Frame(octets) => told.say(connection.frame_content(now, octets)),
            Call::End => match connection.send_end(now, NO_FIELDS, &mut room) {
                Ok(octets) => written = octets,
                Err(error) => told.say(error),
            },
            Call::Skip(octets) => told.say(connection.skip_content(now, octets).map_err(|error| match error {
                ReceiveError::Fault(kind) => format!("{kind:?}"),
                error => format!("{error:?}"),
            })),
            Call::Said(said) => told.say(connection.content_use(now, said)),
            Call::Park => {
                if let Some(parked) = self.parked(now) {
                    *self = parked;
                }
            }
            Call::Respond(..)
            | Call::RespondAs(..)
            | Call::Interim(_)
            | Call::Refuse
            | Call::TurnAway(_)
            | Call::Gone
            | Call::FreePlace
            | Call::Ask(..)
            | Call::NothingLeft
            | Call::KnowsHttp11 => match R::call(connection, now, call, &mut room) {
                Ok(octets) => written = octets,
                Err(error) => told.say(error),
            },
            _ => {}
        }
        told.out.extend_from_slice(&room[..written]);
    }

    fn parked(&self, now: Instant) -> Option<Self> {
        let parked = self.connection.park()?;
        let connection = Connection::unpark(parked, self.config);
        assert_eq!(parked.canonical(self.config, now), connection.lifecycle().canonical(now));
        Some(Self { connection, config: self.config, inbox: self.inbox.clone() })
    }

    fn error(&self) -> Option<ProtocolErrorKind> {
        self.connection.error().map(|error| error.kind)
    }

    fn contiguous(&self) -> u64 {
        // where nothing limits it, it is a count
        Some(self.connection.contiguous_content()).filter(|octets| *octets < 1 << 60).unwrap_or(u64::MAX)
    }
}

/// A lifecycle, whose parser is beside it.
#[derive(Clone, Debug, PartialEq)]
pub struct Bare<R: Role> {
    lifecycle: Lifecycle<R>,
    config: &'static Config<R>,
}

impl<R: Tested> Subject for Bare<R> {
    type Key = Canonical<R>;
    type Role = R;
    // what is told of octets later than of the message is lost: the time of the last exchange, the word that nothing left
    const PARKS_ALL: bool = false;

    fn new(now: Instant, config: &'static Config<R>, seed: Option<u64>) -> Self {
        let lifecycle = Lifecycle::new(now, config);
        let lifecycle = match seed {
            Some(seed) => lifecycle.with_seed(seed),
            None => lifecycle,
        };
        Self { lifecycle, config }
    }

    fn lifecycle(&self) -> &Lifecycle<R> {
        &self.lifecycle
    }

    fn canonical(&self, now: Instant) -> Self::Key {
        self.lifecycle.canonical(now)
    }

    fn call(&mut self, now: Instant, call: Call, told: &mut Told) {
        let lifecycle = &mut self.lifecycle;
        common!(lifecycle, now, call, told);
        match call {
            Call::Octets(octets) => lifecycle.octets_received(now, octets),
            Call::Came(octets) => told.say(lifecycle.content_received(now, octets)),
            Call::EndCame => told.say(lifecycle.end_received(now)),
            Call::Fault => lifecycle.fault_received(now, ProtocolErrorKind::FieldName),
            Call::Unread(octets) => lifecycle.octets_unread(now, octets),
            Call::Written(octets) => lifecycle.octets_written(now, octets),
            Call::Content(octets) => told.say(lifecycle.content_sent(now, octets)),
            Call::End => told.say(lifecycle.end_sent(now)),
            Call::Eof(_) => told.say(lifecycle.eof_received(now)),
            Call::Said(said) => told.say(lifecycle.content_use(now, said)),
            Call::Park => {
                if let Some(parked) = self.parked(now) {
                    *self = parked;
                }
            }
            Call::Head(..)
            | Call::StatusLine(_)
            | Call::Respond(..)
            | Call::Interim(_)
            | Call::Refuse
            | Call::Ask(..)
            | Call::NothingLeft
            | Call::KnowsHttp11 => R::tell(lifecycle, now, call, told),
            _ => {}
        }
    }

    fn parked(&self, now: Instant) -> Option<Self> {
        let parked = self.lifecycle.park()?;
        let lifecycle = Lifecycle::unpark(parked, self.config);
        assert_eq!(parked.canonical(self.config, now), lifecycle.canonical(now));
        Some(Self { lifecycle, config: self.config })
    }
}

/// A subject and the clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Machine<S> {
    pub subject: S,
    pub now: Instant,
    /// The clock does not go back before it.
    pub floor: Instant,
}

impl<S: Subject> Machine<S> {
    pub fn new(now: Instant, config: &'static Config<S::Role>, seed: Option<u64>) -> Self {
        Self { subject: S::new(now, config, seed), now, floor: now }
    }

    pub fn canonical(&self) -> S::Key {
        self.subject.canonical(self.now)
    }

    /// Whose clock does not go back before now.
    pub fn starts_now(mut self) -> Self {
        self.floor = self.now;
        self
    }

    pub fn step(&mut self, (pause, call): Step) -> Seen {
        let nanos = |millis: u64| millis * 1_000_000;
        let now = self.now.as_nanos();
        self.now = match (pause, self.subject.lifecycle().next_deadline()) {
            (Pause::Millis(millis), _) => Instant::from_nanos(now + nanos(millis)),
            (Pause::Back(millis), _) => Instant::from_nanos(now - nanos(millis)).max(self.floor),
            (Pause::Due, Some(due)) => self.now.max(due.at),
            (Pause::Late(millis), Some(due)) => Instant::from_nanos(now.max(due.at.as_nanos()) + nanos(millis)),
            (Pause::Due | Pause::Late(_), None) => self.now,
        };
        let mut told = Told::default();
        self.subject.call(self.now, call, &mut told);
        self.seen(told)
    }

    fn seen(&self, told: Told) -> Seen {
        let (lifecycle, now) = (self.subject.lifecycle(), self.now);
        Seen {
            told: told.told,
            out: told.out,
            wants: lifecycle.wants(),
            phase: lifecycle.phase(),
            persistence: lifecycle.persistence(),
            reasons: lifecycle.close_reasons().collect(),
            next: lifecycle.next_deadline().map(|due| (due.kind, from(now, due.at))),
            cause: lifecycle.deadline_cause().map(|cause| due(now, cause)),
            deadlines: lifecycle.deadlines().map(|cause| due(now, cause)).collect(),
            is_closed: lifecycle.is_closed(),
            is_idle: lifecycle.is_idle(),
            pending: lifecycle.octets_pending(),
            parks: self.subject.parked(now).is_some(),
            error: self.subject.error(),
            contiguous: self.subject.contiguous(),
            own: S::Role::seen(lifecycle, now),
        }
    }
}
