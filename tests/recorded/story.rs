//! Stories: a configuration, then facts, intents and time in a seeded order, told to a server or a client through one of both doors.

use std::fmt::Write as _;
use std::time::Duration;

use http_keepalive::*;

use crate::sayings;

pub const STORIES: u64 = 100_000;
pub const BLOCK: u64 = 1_000;

/// The digest of a block of stories (FNV-1a).
pub fn digest(block: u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for number in block * BLOCK..(block + 1) * BLOCK {
        for octet in tell(number).iter().flat_map(|line| line.bytes().chain([b'\n'])) {
            hash = (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

/// One story, line by line.
pub fn tell(number: u64) -> Vec<String> {
    let mut dice = Dice(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66);
    let told = match number % 4 {
        0 => Server::tell(&mut dice),
        1 => Client::<2>::tell(&mut dice),
        2 => server_without_octets(&mut dice),
        _ => client_without_octets(&mut dice),
    };
    told.0
}

/// SplitMix64.
pub struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }

    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

#[derive(Default)]
pub struct Told(Vec<String>);

impl Told {
    pub fn say(&mut self, what: &str, came: impl Into<String>) {
        self.0.push(format!("{what}: {}", came.into()));
    }

    pub fn refused(&mut self, what: &str, error: &SendError) {
        let text = match error {
            SendError::OutputTooSmall { needed } => format!("needs {needed}"),
            SendError::Ended(reason) => format!("ended {}", reason.as_str()),
            SendError::Misuse(misuse) => format!("misuse {}", misuse.as_str()),
        };
        self.say(what, text);
    }

    fn not_taken(&mut self, what: &str, error: &ReceiveError) {
        let text = match error {
            ReceiveError::Fault(kind) => format!("fault {} {}", kind.as_str(), kind.clause()),
            ReceiveError::Ended(reason) => format!("ended {}", reason.as_str()),
            ReceiveError::Misuse(misuse) => format!("misuse {}", misuse.as_str()),
        };
        self.say(what, text);
    }

    fn outcome(&mut self, received: &Result<Received<'_>, ProtocolError>) {
        let text = match received {
            Err(error) => {
                format!("error {} at {} {:?}", error.kind.as_str(), error.offset, status(error.suggested_status()))
            }
            Ok(Received { consumed, outcome }) => {
                let what = match outcome {
                    Outcome::NeedMore => "more".to_owned(),
                    Outcome::Paused(reason) => format!("paused {}", paused(*reason)),
                    Outcome::Event(event) => told_of(event),
                };
                format!("{consumed} {what}")
            }
        };
        self.say("receive", text);
    }

    /// What a machine answers to everything that can be asked of it.
    fn answers<R: Role>(&mut self, lifecycle: &Lifecycle<R, &Config<R>>, now: Instant) {
        let wants = lifecycle.wants();
        let mut text = String::new();
        let persistence = lifecycle.persistence();
        let _ = write!(text, "{} {} ", persistence.as_str(), persistence.clause());
        if let Some(due) = lifecycle.next_deadline() {
            let cause = lifecycle.deadline_cause().expect("it has a cause");
            let after = due.at.as_nanos() as i128 - now.as_nanos() as i128;
            let _ = write!(text, "due {} {after} {} {} ", due.kind.as_str(), cause.fact.as_str(), cause.setting);
        }
        let read = match wants.read {
            ReadWant::No => "no",
            ReadWant::Offer => "offer",
            ReadWant::EofOnly => "eof",
            ReadWant::Octets => "octets",
            ReadWant::Discard => "discard",
            ReadWant::LookOnce => "look",
        };
        let application = match wants.application {
            None => "none".to_owned(),
            Some(Turn::Respond) => "respond".to_owned(),
            Some(Turn::Continue) => "continue".to_owned(),
            Some(Turn::Content) => "content".to_owned(),
            Some(Turn::Refuse(status)) => format!("refuse {}", status.as_u16()),
        };
        let shut = match wants.shut {
            None => "none".to_owned(),
            Some(Shut::HalfClose(reason)) => format!("half-close {}", reason.as_str()),
            Some(Shut::Close(reason)) => format!("close {}", reason.as_str()),
            Some(Shut::Reset(reason)) => format!("reset {}", reason.as_str()),
        };
        let reasons: Vec<_> = lifecycle.close_reasons().map(CloseReason::as_str).collect();
        let _ = write!(
            text,
            "read {read} flush {} once {} take {} application {application} shut {shut} reasons {} pending {} exchanges {} idle {} closed {}",
            wants.flush,
            wants.flush_once,
            wants.take_content,
            reasons.join(","),
            lifecycle.octets_pending(),
            lifecycle.exchanges(),
            lifecycle.is_idle(),
            lifecycle.is_closed()
        );
        self.say("answers", text);
    }
}

fn status(status: Option<StatusCode>) -> u16 {
    status.map_or(0, StatusCode::as_u16)
}

fn paused(reason: PauseReason) -> &'static str {
    match reason {
        PauseReason::ResponseDue => "response",
        PauseReason::ContinueDue => "continue",
        PauseReason::OctetsLeft => "octets",
        PauseReason::Tunnel => "tunnel",
        PauseReason::Closed => "closed",
        PauseReason::ContentPaused => "content",
        _ => "other",
    }
}

fn told_of(event: &Event<'_>) -> String {
    let lines = |section: &FieldSection<'_>| {
        let lines = section.iter().map(|line| {
            let value: Vec<u8> = line.value.octets().collect();
            format!("{}={}", line.name.escape_ascii(), value.escape_ascii())
        });
        lines.collect::<Vec<_>>().join(";")
    };
    match event {
        Event::Request(head) => format!(
            "request {} {} 1.{} {} {} [{}]",
            head.method.as_bytes().escape_ascii(),
            head.target.as_bytes().escape_ascii(),
            head.version.minor,
            head.framing.length,
            head.framing.rule.as_str(),
            lines(&head.fields)
        ),
        Event::Interim(head) | Event::Response(head) => format!(
            "{} {} 1.{} {} {} [{}]",
            if matches!(event, Event::Interim(_)) { "interim" } else { "response" },
            head.status.as_u16(),
            head.version.minor,
            head.framing.length,
            head.framing.rule.as_str(),
            lines(&head.fields)
        ),
        Event::Content(octets) => format!("content {}", octets.escape_ascii()),
        Event::End { trailers } => format!("end [{}]", lines(trailers)),
        Event::Tunnel(reason) => format!("tunnel {}", reason.as_str()),
        Event::PeerClosed => "peer closed".to_owned(),
        _ => "other".to_owned(),
    }
}

/// Settings of every kind, most of them common.
fn config<R: Role>(dice: &mut Dice) -> Config<R> {
    let lenient = dice.of(&[Tolerance::Refuse, Tolerance::Refuse, Tolerance::Accept]);
    let on_off = [Use::On, Use::Off];
    let policy = Policy::DEFAULT
        .with_bare_lf(lenient)
        .with_request_fold(lenient)
        .with_http10_coding(lenient)
        .with_repeated_length(lenient)
        .with_request_trailers(lenient)
        .with_persistence(dice.of(&[Use::On, Use::On, Use::On, Use::Off]))
        .with_http10_keep_alive(dice.of(&on_off))
        .with_keep_alive_field(dice.of(&[KeepAliveField::Never, KeepAliveField::OnOption, KeepAliveField::Always]))
        .with_idle_close(dice.of(&[IdleClose::AtOnce, IdleClose::Staged]))
        .with_half_close(dice.of(&[HalfClose::Answer, HalfClose::Answer, HalfClose::Abort]))
        .with_request_timeout_response(dice.of(&[Use::On, Use::On, Use::Off]))
        .with_read_unwanted_content(dice.of(&on_off))
        .with_stop_refused_content(dice.of(&on_off))
        .with_age_close(dice.of(&[AgeClose::Any, AgeClose::Announced]))
        .with_drain_mode(dice.of(&[DrainMode::Close, DrainMode::LameDuck]))
        .with_application_timeout_response(dice.of(&on_off));
    let limits = Limits::DEFAULT
        .with_content(dice.of(&[None, None, Some(8)]))
        .with_unread_octets(dice.of(&[Some(65_536), Some(4), None]))
        .with_linger_octets(dice.of(&[Some(1 << 26), Some(8)]))
        .with_max_exchanges(dice.of(&[Some(1000), Some(2), None]))
        .with_max_octets(dice.of(&[None, None, Some(300)]))
        .with_empty_lines(dice.of(&[4, 1]));
    let some = |dice: &mut Dice, seconds: u64| {
        dice.of(&[Some(Duration::from_secs(seconds)), Some(Duration::from_secs(seconds)), None])
    };
    let timeouts = Timeouts::DEFAULT
        .with_application(some(dice, 9))
        .with_response(some(dice, 11))
        .with_exchange(some(dice, 50))
        .with_content_gap(some(dice, 20))
        .with_write_stall(some(dice, 60))
        .with_linger(some(dice, 30))
        .with_send_rate(dice.of(&[None, None, Some(1)]))
        .with_half_closed(some(dice, 45))
        .with_drain_window(some(dice, 3))
        .with_idle_shield(dice.of(&[None, Some(Duration::from_secs(1)), Some(Duration::from_secs(8))]))
        .with_age(some(dice, 200));
    Config::new(limits, timeouts, policy).expect("within bounds")
}

/// What a peer sends, whole or in pieces.
const REQUESTS: [&str; 14] = [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
    "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nT: v\r\n\r\n",
    "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 12\r\n\r\n",
    "hello, world",
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n",
    "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
    "\r\n",
    "5\r\nhello\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\nabc",
];

const RESPONSES: [&str; 14] = [
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5, max=2\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n",
    "HTTP/1.1 200 OK\r\n\r\nuntil the end",
    "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
    "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n",
    "\r\n",
    "x",
];

const USES: [ContentUse; 4] = [ContentUse::Paused, ContentUse::Paused, ContentUse::Reading, ContentUse::Dropped];

/// A connection in a role, and what may be done in that role.
trait Teller: Role {
    const PEER_SENDS: &'static [&'static str];

    fn act(told: &mut Told, connection: &mut Connection<Self, &Config<Self>>, now: Instant, dice: &mut Dice);
    fn more(told: &mut Told, connection: &Connection<Self, &Config<Self>>, now: Instant);

    fn tell(dice: &mut Dice) -> Told {
        let (config, own) = (config::<Self>(dice), config::<Self>(dice));
        let mut now = Instant::from_secs(1000);
        let mut connection = Connection::<Self, _>::new(now, &config).with_seed(dice.next());
        let (mut told, mut unread) = (Told::default(), Vec::new());
        for _ in 0..10 + dice.below(30) {
            match dice.below(23) {
                0..=5 => {
                    let piece = dice.of(Self::PEER_SENDS);
                    let to = if dice.below(3) == 0 { dice.below(piece.len() as u64 + 1) as usize } else { piece.len() };
                    unread.extend_from_slice(&piece.as_bytes()[..to]);
                    offer(&mut told, &mut connection, now, &mut unread, dice.below(4) == 0);
                }
                6 => offer(&mut told, &mut connection, now, &mut unread, false),
                7..=11 => Self::act(&mut told, &mut connection, now, dice),
                12 | 13 => {
                    let pending = connection.lifecycle().octets_pending();
                    let octets = if dice.below(3) == 0 { dice.below(pending + 1) } else { pending };
                    connection.handle_sent(now, octets);
                    told.say("sent", octets.to_string());
                }
                14 => {
                    now = now + Duration::from_millis(dice.of(&[1, 400, 1_100, 4_000, 9_000, 30_000, 70_000]));
                }
                15 => {
                    if let (Some(due), true) = (connection.next_deadline(), dice.below(2) == 0) {
                        now = now.max(due.at);
                    }
                    while let Some(expired) = connection.handle_timeout(now) {
                        told.say("expired", expired.kind.as_str());
                    }
                }
                16 if dice.below(3) == 0 => {
                    let eof = dice.of(&[Eof::Clean, Eof::Clean, Eof::Truncated]);
                    let received = connection.receive_eof(now, eof);
                    told.outcome(&received);
                }
                17 => match dice.below(8) {
                    0 => connection.close_after_exchange(now),
                    1 => connection.abort(now),
                    2 => connection.transport_failed(now),
                    3 => told.say("skip", format!("{:?}", connection.skip_content(now, 1 + dice.below(3)).is_ok())),
                    _ => connection.nothing_to_read(now),
                },
                18 => {
                    if let Some(parked) = connection.park() {
                        told.say("parked", parked.to_octets().escape_ascii().to_string());
                        connection = Connection::unpark(parked, &config);
                    }
                }
                19 => {
                    let said = dice.of(&USES);
                    match connection.content_use(now, said) {
                        Ok(()) => told.say("use", said.as_str()),
                        Err(error) => told.not_taken("use", &error),
                    }
                }
                20 if connection.wants().flush_once => connection.handle_sent(now, dice.of(&[0, 0, 1])),
                20 => connection.nothing_to_read(now),
                21 => sayings::connection(&mut told, &mut connection, now, &own, dice),
                _ => {
                    if connection.wants().shut.is_some() {
                        connection.handle_shut(now);
                    }
                }
            }
            told.answers(connection.lifecycle(), now);
            let text = format!(
                "{} {} {:?}",
                connection.offset(),
                connection.contiguous_content(),
                connection.error().map(|e| (e.kind.as_str(), e.offset))
            );
            told.say("connection", text);
            Self::more(&mut told, &connection, now);
        }
        told
    }
}

fn offer<R: Role>(
    told: &mut Told,
    connection: &mut Connection<R, &Config<R>>,
    now: Instant,
    unread: &mut Vec<u8>,
    once: bool,
) {
    loop {
        let (consumed, again) = {
            let received = connection.receive(now, unread);
            told.outcome(&received);
            match &received {
                Ok(received) => (received.consumed, matches!(received.outcome, Outcome::Event(_))),
                Err(_) => (0, true),
            }
        };
        unread.drain(..consumed);
        if !again || once {
            return;
        }
    }
}

/// Content that may be sent, and what is done with it, in either role.
fn send<R: Role>(told: &mut Told, connection: &mut Connection<R, &Config<R>>, now: Instant, dice: &mut Dice) {
    let mut out = [0; 64];
    match dice.below(3) {
        0 => match connection.send_content(now, &b"0123456789"[..1 + dice.below(9) as usize], &mut out) {
            Ok(sent) => told.say("content", format!("{} {}", sent.consumed, out[..sent.written].escape_ascii())),
            Err(error) => told.refused("content", &error),
        },
        1 => match connection.send_end(now, NO_FIELDS, &mut out) {
            Ok(octets) => told.say("end", out[..octets].escape_ascii().to_string()),
            Err(error) => told.refused("end", &error),
        },
        _ => match connection.frame_content(now, 1 + dice.below(5)) {
            Ok(framed) => {
                told.say("frame", format!("{} {}", framed.before().escape_ascii(), framed.after().escape_ascii()))
            }
            Err(error) => told.refused("frame", &error),
        },
    }
}

fn sent(told: &mut Told, what: &str, out: &[u8], sent: Result<usize, SendError>) {
    match sent {
        Ok(octets) => told.say(what, out[..octets].escape_ascii().to_string()),
        Err(error) => told.refused(what, &error),
    }
}

const CONTENTS: [Content; 5] =
    [Content::Empty, Content::Exact(3), Content::Exact(0), Content::Unknown, Content::UntilClose];

impl Teller for Server {
    const PEER_SENDS: &'static [&'static str] = &REQUESTS;

    fn act(told: &mut Told, connection: &mut Connection<Self, &Config<Self>>, now: Instant, dice: &mut Dice) {
        let mut out = [0; 400];
        match dice.below(10) {
            8 => sayings::server_connection(told, connection, now, dice),
            9 => {
                let response = sayings::response(dice);
                let response = connection.send_response(now, response, [("X", "y")], dice.of(&CONTENTS), &mut out);
                sent(told, "respond", &out, response);
            }
            0..=2 => {
                let code = dice.of(&[200, 200, 204, 304, 404, 413, 101, 503]);
                let fields: &[(&str, &str)] = if code == 101 { &[("Upgrade", "foo")] } else { &[("X", "y")] };
                let status = StatusCode::new(code).expect("three digits");
                let response = connection.send_response(now, status, fields, dice.of(&CONTENTS), &mut out);
                sent(told, "respond", &out, response);
            }
            3 => {
                let interim = connection.send_interim(now, StatusCode::EARLY_HINTS, [("Link", "x")], &mut out);
                sent(told, "interim", &out, interim);
            }
            4 => {
                let proceed = connection.send_continue(now, &mut out);
                sent(told, "continue", &out, proceed);
            }
            5 => {
                let room = dice.of(&[400, 60]);
                let refusal = connection.send_refusal(now, NO_FIELDS, &mut out[..room]);
                sent(told, "refuse", &out, refusal);
            }
            _ => send(told, connection, now, dice),
        }
    }

    fn more(told: &mut Told, connection: &Connection<Self, &Config<Self>>, now: Instant) {
        sayings::idle(told, connection.idleness(), now);
    }
}

fn reusable(reusable: Reusable, now: Instant) -> String {
    match reusable {
        Reusable::Now { until } => {
            format!("now {:?}", until.map(|until| until.as_nanos() as i128 - now.as_nanos() as i128))
        }
        Reusable::Wait(misuse) => format!("wait {}", misuse.as_str()),
        Reusable::No(reason) => format!("no {}", reason.as_str()),
    }
}

fn unanswered(unanswered: impl Iterator<Item = retry::Unanswered>) -> String {
    let lines = unanswered.map(|left| {
        let sent = match left.evidence.sent {
            retry::Sent::Nothing => "nothing",
            retry::Sent::Unknown => "unknown",
            retry::Sent::Some => "some",
            retry::Sent::All => "all",
        };
        let verdict = left.verdict();
        format!("{} {sent} {} {}", left.request, verdict.advice.as_str(), verdict.reason.as_str())
    });
    lines.collect::<Vec<_>>().join(", ")
}

const METHODS: [(&str, &str, &str, Content); 8] = [
    ("GET", "/", "", Content::Empty),
    ("GET", "/", "", Content::Empty),
    ("HEAD", "/", "", Content::Empty),
    ("POST", "/", "", Content::Exact(5)),
    ("PUT", "/", "", Content::Unknown),
    ("POST", "/", "Expect", Content::Exact(5)),
    ("GET", "/", "Upgrade", Content::Empty),
    ("CONNECT", "a:80", "", Content::Empty),
];

fn field(name: &str) -> Option<(&str, &str)> {
    match name {
        "Expect" => Some(("Expect", "100-continue")),
        "Upgrade" => Some(("Upgrade", "foo")),
        _ => None,
    }
}

impl Teller for Client<2> {
    const PEER_SENDS: &'static [&'static str] = &RESPONSES;

    fn act(told: &mut Told, connection: &mut Connection<Self, &Config<Self>>, now: Instant, dice: &mut Dice) {
        let mut out = [0; 300];
        match dice.below(6) {
            0..=2 => {
                let (method, target, name, content) = dice.of(&METHODS);
                let request = Request::new(Method::new(method.as_bytes()), target.as_bytes())
                    .with_close(dice.below(9) == 0)
                    .with_replayable(dice.below(2) == 0);
                let host = if method == "CONNECT" { "a:80" } else { "a" };
                let fields: Vec<_> = [("Host", host)].into_iter().chain(field(name)).collect();
                let asked = connection.send_request(now, &request, fields.as_slice(), content, &mut out);
                sent(told, "ask", &out, asked);
            }
            3 => match dice.below(2) {
                0 => connection.nothing_left(now),
                _ => connection.knows_http11(),
            },
            _ => send(told, connection, now, dice),
        }
    }

    fn more(told: &mut Told, connection: &Connection<Self, &Config<Self>>, now: Instant) {
        told.say("reusable", reusable(connection.reusable(now), now));
        told.say("unanswered", unanswered(connection.unanswered()));
    }
}

/// Facts of a head that a foreign parser has read.
fn facts(mut facts: HeadFacts, lines: &[(&str, &str)]) -> HeadFacts {
    lines.iter().for_each(|(name, value)| facts.field_line(name.as_bytes(), value.as_bytes()));
    facts
}

/// What may be told to a lifecycle of either role; whether this was one of them.
macro_rules! common {
    ($told:ident, $lifecycle:ident, $now:ident, $dice:ident, $config:ident, $what:expr) => {
        match $what {
            0 | 1 => $lifecycle.octets_received($now, $dice.of(&[1, 27, 60, 90])),
            2 => {
                if let Err(error) = $lifecycle.content_received($now, $dice.of(&[1, 2, 5])) {
                    $told.not_taken("content", &error);
                }
            }
            3 => {
                if let Err(error) = $lifecycle.end_received($now) {
                    $told.not_taken("end", &error);
                }
            }
            4 if $dice.below(4) == 0 => {
                let broken = $lifecycle.eof_received($now);
                $told.say("eof", broken.map_or("-", ProtocolErrorKind::as_str));
            }
            5 => $lifecycle.octets_written($now, 1 + $dice.below(60)),
            6 | 7 => {
                let pending = $lifecycle.octets_pending();
                $lifecycle.handle_sent($now, if $dice.below(3) == 0 { pending / 2 } else { pending });
            }
            8 => {
                if let Err(error) = $lifecycle.content_sent($now, $dice.of(&[1, 2, 3])) {
                    $told.refused("content", &error);
                }
            }
            9 => {
                if let Err(error) = $lifecycle.end_sent($now) {
                    $told.refused("end", &error);
                }
            }
            10 => $now = $now + Duration::from_millis($dice.of(&[1, 400, 1_100, 4_000, 9_000, 30_000, 70_000])),
            11 => {
                if let (Some(due), true) = ($lifecycle.next_deadline(), $dice.below(2) == 0) {
                    $now = $now.max(due.at);
                }
                while let Some(expired) = $lifecycle.handle_timeout($now) {
                    $told.say("expired", expired.kind.as_str());
                }
            }
            12 => match $dice.below(7) {
                0 => $lifecycle.close_after_exchange($now),
                1 => $lifecycle.abort($now),
                2 => $lifecycle.transport_failed($now),
                3 => $lifecycle.octets_unread($now, $dice.below(3)),
                _ => $lifecycle.nothing_to_read($now),
            },
            13 => match $lifecycle.content_use($now, $dice.of(&USES)) {
                Ok(()) => {}
                Err(error) => $told.not_taken("use", &error),
            },
            14 if $lifecycle.wants().flush_once => $lifecycle.handle_sent($now, $dice.of(&[0, 0, 1])),
            14 => $lifecycle.nothing_to_read($now),
            15 => {
                if $lifecycle.wants().shut.is_some() {
                    $lifecycle.handle_shut($now);
                }
            }
            _ => {
                if let Some(parked) = $lifecycle.park() {
                    $told.say("parked", parked.to_octets().escape_ascii().to_string());
                    $lifecycle = Lifecycle::unpark(parked, &$config);
                }
            }
        }
    };
}

fn announced(told: &mut Told, what: &str, announce: Result<Announce, SendError>) {
    match announce {
        Ok(announce) => {
            let ConnectionOptions { close, keep_alive, te, upgrade } = announce.options;
            let hint = announce.keep_alive.map(|hint| (hint.timeout, hint.max));
            let framing = match announce.framing {
                FramingField::None => "none".to_owned(),
                FramingField::ContentLength(octets) => octets.to_string(),
                FramingField::Chunked => "chunked".to_owned(),
            };
            told.say(what, format!("{close} {keep_alive} {te} {upgrade} {hint:?} {framing} {}", announce.length));
        }
        Err(error) => told.refused(what, &error),
    }
}

/// A method, a minor version, and the field lines that bear on the connection.
type Head = (&'static str, u8, &'static [(&'static str, &'static str)]);

const HEADS: [Head; 7] = [
    ("GET", 1, &[("Host", "a")]),
    ("GET", 0, &[("Connection", "keep-alive")]),
    ("POST", 1, &[("Host", "a"), ("Content-Length", "5")]),
    ("POST", 1, &[("Host", "a"), ("Transfer-Encoding", "chunked")]),
    ("PUT", 1, &[("Host", "a"), ("Content-Length", "9"), ("Expect", "100-continue")]),
    ("GET", 1, &[]),
    ("GET", 1, &[("Host", "a"), ("Connection", "close")]),
];

fn server_without_octets(dice: &mut Dice) -> Told {
    let (config, own) = (config::<Server>(dice), config::<Server>(dice));
    let (mut now, mut told) = (Instant::from_secs(1000), Told::default());
    let mut lifecycle = Lifecycle::<Server, _>::new(now, &config).with_seed(dice.next());
    for _ in 0..10 + dice.below(30) {
        match dice.below(27) {
            what @ 0..=16 => common!(told, lifecycle, now, dice, config, what),
            17..=19 => {
                let (method, minor, lines) = dice.of(&HEADS);
                let head = HeadFacts::request(Method::new(method.as_bytes()), Version { minor });
                let head = if dice.below(2) == 0 { head.with_octets(27) } else { head };
                match lifecycle.head_received(now, &facts(head, lines)) {
                    Ok(framing) => told.say("head", format!("{} {}", framing.length, framing.rule.as_str())),
                    Err(error) => told.not_taken("head", &error),
                }
            }
            24 => sayings::lifecycle(&mut told, &mut lifecycle, now, &own, dice),
            25 => sayings::server_lifecycle(&mut told, &mut lifecycle, now, dice),
            26 => {
                let response = sayings::response(dice);
                announced(&mut told, "respond", lifecycle.head_to_send(now, response, dice.of(&CONTENTS)));
            }
            20 => match lifecycle.interim_to_send(now, dice.of(&[StatusCode::CONTINUE, StatusCode::EARLY_HINTS])) {
                Ok(says) => told.say("interim", says.to_string()),
                Err(error) => told.refused("interim", &error),
            },
            _ => {
                let status = StatusCode::new(dice.of(&[200, 200, 204, 404, 101, 503])).expect("three digits");
                announced(&mut told, "respond", lifecycle.head_to_send(now, status, dice.of(&CONTENTS)));
            }
        }
        told.answers(&lifecycle, now);
        sayings::idle(&mut told, lifecycle.idleness(), now);
    }
    told
}

/// The same with a status.
type Answer = (u16, u8, &'static [(&'static str, &'static str)]);

const ANSWERS: [Answer; 7] = [
    (200, 1, &[("Content-Length", "5")]),
    (200, 1, &[("Transfer-Encoding", "chunked")]),
    (204, 1, &[]),
    (100, 1, &[]),
    (200, 1, &[]),
    (413, 1, &[("Connection", "close"), ("Content-Length", "0")]),
    (200, 0, &[("Connection", "keep-alive"), ("Keep-Alive", "timeout=9"), ("Content-Length", "2")]),
];

fn client_without_octets(dice: &mut Dice) -> Told {
    let (config, own) = (config::<Client<2>>(dice), config::<Client<2>>(dice));
    let (mut now, mut told) = (Instant::from_secs(1000), Told::default());
    let mut lifecycle = Lifecycle::<Client<2>, _>::new(now, &config).with_seed(dice.next());
    for _ in 0..10 + dice.below(30) {
        match dice.below(25) {
            what @ 0..=16 => common!(told, lifecycle, now, dice, config, what),
            17..=19 => {
                let (method, target, name, content) = dice.of(&METHODS);
                let request = Request::new(Method::new(method.as_bytes()), target.as_bytes());
                let head = HeadFacts::request(request.method(), Version::HTTP_11);
                let host = if method == "CONNECT" { "a:80" } else { "a" };
                let lines: Vec<_> = [("Host", host)].into_iter().chain(field(name)).collect();
                announced(&mut told, "ask", lifecycle.head_to_send(now, &request, &facts(head, &lines), content));
                if dice.below(3) > 0 {
                    lifecycle.octets_written(now, 50);
                    lifecycle.handle_sent(now, 50);
                }
            }
            24 => sayings::lifecycle(&mut told, &mut lifecycle, now, &own, dice),
            20 => match dice.below(2) {
                0 => lifecycle.nothing_left(now),
                _ => lifecycle.knows_http11(),
            },
            _ => {
                let (code, minor, lines) = dice.of(&ANSWERS);
                let head = HeadFacts::response(StatusCode::new(code).expect("three digits"), Version { minor });
                match lifecycle.head_received(now, &facts(head, lines)) {
                    Ok(framing) => told.say("head", format!("{} {}", framing.length, framing.rule.as_str())),
                    Err(error) => told.not_taken("head", &error),
                }
            }
        }
        told.answers(&lifecycle, now);
        told.say("reusable", reusable(lifecycle.reusable(now), now));
        told.say("unanswered", unanswered(lifecycle.unanswered()));
    }
    told
}
