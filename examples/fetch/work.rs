//! Requests handed to connections, and what becomes of those that a connection leaves unanswered.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::fs::File;
use std::io::{IsTerminal, Read, Write, stderr, stdout};
use std::time::Duration;

use http_keepalive::pool::Lease;
use http_keepalive::retry::{Advice, Evidence, Sent};
use http_keepalive::{
    Client, Config, Content, Instant, Limits, Method, Persistence, Policy, Request, RequestHint, Reusable, StatusCode,
    Timeouts,
};
use indicatif::{ProgressBar, ProgressStyle};
use url::Url;

use crate::Options;
use crate::pool::{Connections, Taken};
use crate::wire::{DEPTH, Happened, Wire};

/// The machine's time: since the program began.
#[derive(Clone, Copy)]
pub struct Clock(std::time::Instant);

impl Clock {
    pub fn new() -> Self {
        Self(std::time::Instant::now())
    }

    pub fn now(self) -> Instant {
        Instant::since(self.0, std::time::Instant::now())
    }
}

/// Who is connected to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    pub host: String,
    pub port: u16,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// What is fetched.
#[derive(Clone, Debug)]
pub struct Target {
    pub url: String,
    pub origin: Origin,
    /// The value of `Host`.
    pub authority: String,
    /// In origin-form.
    pub path: String,
}

impl Target {
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("{text}: not a URL: {error}"))?;
        if url.scheme() != "http" {
            return Err(format!("{text}: only http:// is spoken here, not {}://", url.scheme()));
        }
        let host = url.host_str().ok_or_else(|| format!("{text}: no host"))?;
        let port = url.port_or_known_default().unwrap_or(80);
        let authority = url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"));
        let path = url.query().map_or(url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let host = host.trim_matches(['[', ']']).to_owned();
        Ok(Self { url: text.to_owned(), origin: Origin { host, port }, authority, path })
    }
}

/// The settings of a connection that took so long to open.
pub fn config(options: &Options, connecting: Duration) -> Config<Client<DEPTH>> {
    // a request takes a round trip from the server's last octet to the server's ear, and clocks tick
    let margin = options.margin.unwrap_or(connecting * 2 + Duration::from_millis(50));
    let timeouts = Timeouts::CLIENT.with_response(Some(options.timeout)).with_hint_margin(Some(margin));
    let limits = Limits::DEFAULT.with_max_exchanges(None);
    // Apache httpd and others say how long they wait only to who asks
    let policy = Policy::DEFAULT.with_request_hint(RequestHint::Ask);
    Config::new(limits, timeouts, policy).unwrap_or_default()
}

/// A request to be made, or being made.
struct Task {
    target: Target,
    attempts: u32,
    /// Without `Expect`, which was refused before.
    unexpecting: bool,
}

/// A connection, and the requests on it.
struct Line {
    wire: Wire,
    lease: Lease,
    /// It had been idle.
    reused: bool,
    tasks: VecDeque<Task>,
    upload: Option<File>,
    status: Option<StatusCode>,
    bar: Option<ProgressBar>,
    answered: u32,
}

impl Line {
    fn new(wire: Wire, lease: Lease, reused: bool) -> Self {
        Self { wire, lease, reused, tasks: VecDeque::new(), upload: None, status: None, bar: None, answered: 0 }
    }
}

pub struct Worker<'o> {
    options: &'o Options,
    clock: Clock,
    tasks: VecDeque<Task>,
    connections: Connections,
    /// Origins that have answered as HTTP/1.1, and whose last connection's pipeline did not break.
    known: HashMap<Origin, bool>,
    answered: u64,
    failed: u64,
    opened: u64,
    reused: u64,
    retried: u64,
    complaints: u64,
}

impl<'o> Worker<'o> {
    pub fn new(options: &'o Options) -> Self {
        let clock = Clock::new();
        Self {
            options,
            clock,
            tasks: VecDeque::new(),
            connections: Connections::new(options, clock),
            known: HashMap::new(),
            answered: 0,
            failed: 0,
            opened: 0,
            reused: 0,
            retried: 0,
            complaints: 0,
        }
    }

    pub fn add(&mut self, target: Target) {
        self.tasks.push_back(Task { target, attempts: 0, unexpecting: false });
    }

    /// Does all of it: whether nothing failed.
    pub fn run(mut self) -> Result<bool, String> {
        while let Some(task) = self.tasks.front() {
            let origin = task.target.origin.clone();
            let mut line = match self.connect(&origin) {
                Ok(line) => line,
                Err(message) => {
                    if let Some(task) = self.tasks.pop_front() {
                        self.fail(&task, &message);
                    }
                    continue;
                }
            };
            self.fill(&origin, &mut line)?;
            while !line.tasks.is_empty() && !line.wire.is_closed() {
                self.attend(&mut line)?;
                self.fill(&origin, &mut line)?;
            }
            if line.wire.is_closed() || !matches!(line.wire.reusable(), Reusable::Now { .. }) {
                self.close(&origin, line);
            } else {
                let verbose = self.options.verbose;
                self.connections.give_back(line.lease, line.wire, |text| say(verbose, &text));
            }
        }
        if self.options.summary {
            eprintln!(
                "answered {}, failed {}, connections {}, reused {}, retried {}",
                self.answered, self.failed, self.opened, self.reused, self.retried
            );
        }
        Ok(self.failed + self.complaints == 0)
    }

    /// A connection to the origin: an idle one, or a new one.
    fn connect(&mut self, origin: &Origin) -> Result<Line, String> {
        let options = self.options;
        let permit = match self.connections.take(origin, |text| say(options.verbose, &text))? {
            Taken::Reused(wire, lease) => return Ok(Line::new(*wire, lease, true)),
            Taken::Open(permit) => permit,
        };
        let opened = Wire::open(origin, self.clock, |connecting| config(options, connecting));
        let mut wire = match opened {
            Ok(wire) => wire,
            Err(why) => {
                self.connections.failed(permit);
                return Err(why);
            }
        };
        let lease = self.connections.opened(permit, &mut wire)?;
        if self.known.get(origin) == Some(&true) {
            wire.machine.knows_http11();
        }
        self.opened += 1;
        self.say(|| format!("{origin}: connection opened"));
        Ok(Line::new(wire, lease, false))
    }

    /// Sends requests while they may be outstanding together.
    fn fill(&mut self, origin: &Origin, line: &mut Line) -> Result<(), String> {
        while line.tasks.len() < usize::from(self.options.pipeline) {
            match self.tasks.front() {
                Some(task) if task.target.origin == *origin => {}
                _ => return Ok(()),
            }
            match line.wire.reusable() {
                Reusable::Now { .. } => {}
                Reusable::Wait(_) => return Ok(()),
                Reusable::No(reason) => {
                    self.say(|| format!("{origin}: not reused: {reason}"));
                    return Ok(());
                }
            }
            let Some(task) = self.tasks.pop_front() else { return Ok(()) };
            self.ask(line, &task)?;
            if line.wire.machine.lifecycle().requests() > 1 {
                self.reused += 1;
            }
            line.tasks.push_back(task);
        }
        Ok(())
    }

    fn ask(&mut self, line: &mut Line, task: &Task) -> Result<(), String> {
        let mut fields =
            vec![("Host", task.target.authority.as_str()), ("User-Agent", "http-keepalive-fetch"), ("Accept", "*/*")];
        let (method, content) = match &self.options.upload {
            Some(path) => {
                let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
                line.upload = Some(file);
                if !task.unexpecting {
                    fields.push(("Expect", "100-continue"));
                }
                ("PUT", Content::Unknown)
            }
            None if self.options.head => ("HEAD", Content::Empty),
            None => ("GET", Content::Empty),
        };
        let request = Request::new(Method::new(method.as_bytes()), task.target.path.as_bytes()).with_replayable(true);
        self.say(|| format!("{}: {method} {}", task.target.origin, task.target.path));
        line.wire.ask(&request, &fields, content).map_err(|error| format!("{}: {error}", task.target.url))
    }

    /// Lets something happen on the connection, and does what follows.
    fn attend(&mut self, line: &mut Line) -> Result<(), String> {
        let mut has_more = false;
        if line.wire.wants_content() {
            has_more = true;
            if line.wire.waiting() < 256 * 1024 {
                let mut piece = vec![0; 64 * 1024];
                let octets = match &mut line.upload {
                    Some(file) => file.read(&mut piece).map_err(|error| format!("cannot read the upload: {error}"))?,
                    None => 0,
                };
                let piece = if octets > 0 { Some(&piece[..octets]) } else { None };
                line.wire.send(piece).map_err(|error| error.to_string())?;
                has_more = octets > 0;
            }
        }
        for happened in line.wire.turn(has_more) {
            self.follow(line, happened)?;
        }
        Ok(())
    }

    fn follow(&mut self, line: &mut Line, happened: Happened) -> Result<(), String> {
        let broken = |error: std::io::Error| format!("cannot write: {error}");
        match happened {
            Happened::Interim(status) => self.say(|| format!("interim response {status}")),
            Happened::Response { status, head, octets } => {
                line.status = Some(status);
                if self.options.head {
                    stdout().write_all(head.as_bytes()).map_err(broken)?;
                }
                if octets.is_none_or(|octets| octets > 1 << 20) && !self.options.discard && stderr().is_terminal() {
                    line.bar = Some(bar(octets));
                }
                self.say(|| format!("response {status} {}", status.reason_phrase()));
            }
            Happened::Content(octets) => {
                if let Some(bar) = &line.bar {
                    bar.inc(octets.len() as u64);
                }
                if !self.options.discard && line.status.is_some_and(|status| status.as_u16() < 400) {
                    stdout().write_all(&octets).map_err(broken)?;
                }
            }
            Happened::End(persistence) => self.end(line, persistence),
            Happened::Error(error) => self.say(|| format!("the server broke the protocol: {error}")),
            Happened::Expired(deadline) => {
                self.say(|| format!("deadline passed: {} ({})", deadline.kind.as_str(), deadline.kind.clause()));
            }
        }
        Ok(())
    }

    /// An answer is complete.
    fn end(&mut self, line: &mut Line, persistence: Persistence) {
        if let Some(bar) = line.bar.take() {
            bar.finish_and_clear();
        }
        self.say(|| format!("complete; the connection: {} ({})", persistence.as_str(), persistence.clause()));
        let (Some(mut task), Some(status)) = (line.tasks.pop_front(), line.status.take()) else { return };
        line.answered += 1;
        let method = if self.options.upload.is_some() { Method::new(b"PUT") } else { Method::new(b"GET") };
        let evidence =
            Evidence { status: Some(status), sent: Sent::All, ..Evidence::new(method.kind()).after(task.attempts) };
        let verdict = evidence.verdict();
        if verdict.advice == Advice::Retry {
            self.say(|| format!("repeated: {}", verdict.reason));
            task.attempts += 1;
            task.unexpecting |= status == StatusCode::EXPECTATION_FAILED;
            self.retried += 1;
            return self.tasks.push_front(task);
        }
        self.answered += 1;
        if status.as_u16() >= 400 {
            self.complaints += 1;
            eprintln!("fetch: {}: {status} {}", task.target.url, status.reason_phrase());
        }
    }

    /// The connection is over: what it left unanswered is repeated, or has failed.
    fn close(&mut self, origin: &Origin, mut line: Line) {
        let reason = line.wire.close_reason();
        self.say(|| {
            format!("{origin}: connection closed: {}", reason.map_or("unused".into(), |reason| reason.to_string()))
        });
        let broke = line.wire.machine.lifecycle().pipeline_broke();
        self.known.insert(origin.clone(), !broke && line.wire.machine.persistence() != Persistence::Undecided);
        self.connections.closed(line.lease, reason, line.reused && line.answered == 0);
        let mut again = Vec::new();
        for unanswered in line.wire.unanswered() {
            let Some(mut task) = line.tasks.pop_front() else { break };
            let verdict = unanswered.evidence.after(task.attempts).verdict();
            self.say(|| format!("{}: unanswered: {}, {}", task.target.url, verdict.advice.as_str(), verdict.reason));
            if verdict.advice == Advice::Retry {
                if unanswered.evidence.sent != Sent::Nothing {
                    task.attempts += 1;
                }
                self.retried += 1;
                again.push(task);
            } else {
                let why = reason.map_or("the connection ended".into(), |reason| reason.to_string());
                self.fail(&task, &format!("not answered: {why}; {}", verdict.reason));
            }
        }
        again.into_iter().rev().for_each(|task| self.tasks.push_front(task));
    }

    fn fail(&mut self, task: &Task, why: &str) {
        self.failed += 1;
        eprintln!("fetch: {}: {why}", task.target.url);
    }

    fn say(&self, text: impl FnOnce() -> String) {
        if self.options.verbose {
            say(true, &text());
        }
    }
}

fn say(verbose: bool, text: &str) {
    if verbose {
        eprintln!("* {text}");
    }
}

fn bar(octets: Option<u64>) -> ProgressBar {
    let template = match octets {
        Some(_) => "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        None => "{spinner} {bytes} {bytes_per_sec}",
    };
    let bar = octets.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}
