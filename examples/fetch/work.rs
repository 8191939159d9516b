//! Requests handed to connections, and what becomes of those that a connection leaves unanswered.
//!
//! A repetition is never tried on a connection that was there when its request failed: those that were idle beside it are most likely
//! dead, too, and a 421 asks for another one (RFC 9110 15.5.20). How many tries a request has says its budget.

use std::collections::{HashMap, VecDeque};
use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::Duration;

use http_keepalive::pool::Source;
use http_keepalive::retry::{Advice, Evidence, Sent};
use http_keepalive::{
    Client, Config, Content, Limits, Method, Persistence, Policy, Request, RequestHint, Reusable, StatusCode, Timeouts,
};
use indicatif::{ProgressBar, ProgressStyle};

use crate::Options;
use crate::happened::Happened;
use crate::pool::{Connections, Taken};
use crate::target::{Clock, Origin, Target};
use crate::task::{Answered, Line, Task, Tries};
use crate::trace::Traces;
use crate::upload::Upload;
use crate::wire::{DEPTH, Wire};

/// The settings of a connection that took so long to open.
pub fn config(options: &Options, connecting: Duration) -> Config<Client<DEPTH>> {
    // a request takes a round trip from the server's last octet to the server's ear, and clocks tick
    let margin = options.margin.unwrap_or(connecting * 2 + Duration::from_millis(50));
    let timeouts = Timeouts::CLIENT
        .with_response(Some(options.timeout))
        .with_content_gap(options.gap.0)
        .with_hint_margin(Some(margin));
    let limits = Limits::DEFAULT.with_max_exchanges(None);
    // Apache httpd and others say how long they wait only to who asks
    let policy = Policy::DEFAULT.with_request_hint(RequestHint::Ask);
    Config::new(limits, timeouts, policy).unwrap_or_default()
}

pub struct Worker<'o> {
    options: &'o Options,
    clock: Clock,
    tasks: VecDeque<Task>,
    connections: Connections,
    traces: Option<Traces>,
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
            traces: options.trace.as_deref().map(Traces::new),
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
        self.tasks.push_back(Task { target, tries: Tries::default(), after: 0, unexpecting: false, upload: None });
    }

    /// Does all of it: whether nothing failed.
    pub fn run(mut self) -> Result<bool, String> {
        while let Some(task) = self.tasks.front() {
            let origin = task.target.origin.clone();
            let source = if task.after > 0 { Source::New } else { Source::Any };
            let mut line = match self.connect(&origin, source) {
                Ok(line) => line,
                Err(message) => {
                    if let Some(task) = self.tasks.pop_front() {
                        self.fail(&task, &message);
                    }
                    continue;
                }
            };
            self.fill(&origin, &mut line)?;
            while !line.is_over() {
                self.attend(&mut line)?;
                self.settle(&mut line);
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
        // what waits to be written is
        drop(self.connections);
        let traced = self.traces.is_none_or(|traces| !traces.is_broken());
        Ok(self.failed + self.complaints == 0 && traced)
    }

    /// A connection to the origin: an idle one, or a new one.
    fn connect(&mut self, origin: &Origin, source: Source) -> Result<Line, String> {
        let options = self.options;
        let permit = match self.connections.take(origin, source, |text| say(options.verbose, &text))? {
            Taken::Reused(wire, lease) => return Ok(Line::new(*wire, lease, true)),
            Taken::Open(permit) => permit,
        };
        let opened = match self.traces.as_mut().map(Traces::next).transpose() {
            Ok(trace) => Wire::open(origin, self.clock, |connecting| config(options, connecting), trace),
            Err(why) => Err(why),
        };
        let mut wire = match opened {
            Ok(wire) => wire,
            Err(why) => {
                self.connections.failed(permit);
                return Err(why);
            }
        };
        let lease = self.connections.opened(permit, &mut wire)?;
        if self.known.get(origin) == Some(&true) {
            wire.knows_http11();
        }
        self.opened += 1;
        self.say(|| format!("{origin}: connection opened"));
        Ok(Line::new(wire, lease, false))
    }

    /// Sends requests while they may be outstanding together.
    fn fill(&mut self, origin: &Origin, line: &mut Line) -> Result<(), String> {
        while line.tasks.len() < usize::from(self.options.pipeline) {
            match self.tasks.front() {
                Some(task) if task.target.origin == *origin && line.wire.number > task.after => {}
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
            let Some(mut task) = self.tasks.pop_front() else { return Ok(()) };
            self.ask(line, &mut task)?;
            if line.wire.drive.connection().lifecycle().requests() > 1 {
                self.reused += 1;
            }
            line.tasks.push_back(task);
        }
        Ok(())
    }

    fn ask(&mut self, line: &mut Line, task: &mut Task) -> Result<(), String> {
        let mut fields =
            vec![("Host", task.target.authority.as_str()), ("User-Agent", "http-keepalive-fetch"), ("Accept", "*/*")];
        task.upload = self.options.upload.as_deref().map(Upload::open).transpose()?;
        let content = if task.upload.is_some() { Content::Unknown } else { Content::Empty };
        if task.upload.is_some() && !task.unexpecting {
            fields.push(("Expect", "100-continue"));
        }
        let method = self.options.method();
        let replayable = task.upload.as_ref().is_none_or(Upload::is_replayable);
        let request =
            Request::new(Method::new(method.as_bytes()), task.target.path.as_bytes()).with_replayable(replayable);
        self.say(|| format!("{}: {method} {}", task.target.origin, task.target.path));
        line.wire.ask(&request, &fields, content).map_err(|error| format!("{}: {error}", task.target.url))?;
        if let Some(upload) = &mut task.upload {
            upload.begin(&line.wire);
        }
        Ok(())
    }

    /// Lets something happen on the connection, and does what follows.
    fn attend(&mut self, line: &mut Line) -> Result<(), String> {
        let answered = line.tasks.is_empty() && line.wire.drive.connection().is_idle() && line.wire.waiting() == 0;
        if line.wire.is_early() && answered {
            line.wire.end();
            return Ok(());
        }
        for happened in line.wire.turn() {
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
                line.location = location(&head).filter(|_| (300..400).contains(&status.as_u16()));
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
                    // as it comes: whoever reads it may wait for it
                    let mut out = stdout().lock();
                    out.write_all(&octets).and_then(|()| out.flush()).map_err(broken)?;
                }
            }
            Happened::End(persistence) => self.end(line, persistence),
            Happened::Asked => {
                // of the request that was handed out last, which may be answered already
                let last = line.tasks.back_mut().or(line.sending.back_mut().map(|answered| &mut answered.task));
                if let Some(upload) = last.and_then(|task| task.upload.as_mut()) {
                    upload.send_next(&mut line.wire)?;
                }
            }
            Happened::Error(error) => self.say(|| format!("the server broke the protocol: {error}")),
            Happened::Expired(deadline) => {
                self.say(|| format!("deadline passed: {} ({})", deadline.kind.as_str(), deadline.kind.clause()));
            }
            Happened::Exchange(summary) => self.say(|| summary.to_string()),
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
        let reused = line.reused || line.answered > 0;
        line.answered += 1;
        let method = Method::new(self.options.method().as_bytes());
        let replayable = task.upload.as_ref().is_none_or(Upload::is_replayable);
        let evidence =
            Evidence { status: Some(status), sent: Sent::All, replayable, reused, ..Evidence::new(method.kind()) };
        let verdict = task.tries.judge(self.options, evidence);
        if verdict.advice == Advice::Retry {
            self.say(|| format!("repeated: {}", verdict.reason));
            task.unexpecting |= status == StatusCode::EXPECTATION_FAILED;
            return self.repeat(task);
        }
        let location = line.location.take();
        line.sending.push_back(Answered { task, status, location });
        self.settle(line);
    }

    /// Answered requests of which nothing more will leave, in their order: all of them was sent, or it is said how much.
    fn settle(&mut self, line: &mut Line) {
        while line.sending.front().is_some_and(|answered| answered.is_over(&line.wire)) {
            let Some(Answered { task, status, location }) = line.sending.pop_front() else { return };
            let refused = status.as_u16() >= 400;
            let why = match &task.upload {
                Some(upload) if !upload.is_whole(&line.wire) => {
                    upload.complaint(&line.wire, status, location.as_deref())
                }
                Some(upload) if refused => {
                    format!("{status} {}, to the whole upload: {}", status.reason_phrase(), upload.progress(&line.wire))
                }
                None if refused => format!("{status} {}", status.reason_phrase()),
                _ => {
                    self.answered += 1;
                    continue;
                }
            };
            if refused {
                self.answered += 1;
                self.complaints += 1;
                eprintln!("fetch: {}: {why}", task.target.url);
            } else {
                self.fail(&task, &why);
            }
        }
    }

    /// The connection is over: what it left unanswered is repeated, or has failed.
    fn close(&mut self, origin: &Origin, mut line: Line) {
        let reason = line.wire.close_reason();
        self.say(|| {
            format!("{origin}: connection closed: {}", reason.map_or("unused".into(), |reason| reason.to_string()))
        });
        self.settle(&mut line);
        self.say(|| format!("{origin}: {}", line.wire.summary()));
        let broke = line.wire.drive.connection().lifecycle().pipeline_broke();
        self.known
            .insert(origin.clone(), !broke && line.wire.drive.connection().persistence() != Persistence::Undecided);
        self.connections.closed(line.lease, reason, line.reused && line.answered == 0);
        let mut again = Vec::new();
        for unanswered in line.wire.unanswered() {
            let Some(mut task) = line.tasks.pop_front() else { break };
            let status = line.status.take();
            let verdict = task.tries.judge(self.options, unanswered.evidence);
            self.say(|| format!("{}: unanswered: {}, {}", task.target.url, verdict.advice.as_str(), verdict.reason));
            if verdict.advice == Advice::Retry {
                again.push(task);
                continue;
            }
            let what = match status {
                Some(status) => format!("{status} {}, cut short", status.reason_phrase()),
                None => "not answered".into(),
            };
            let sent = |upload: &Upload| format!("of the upload {}; ", upload.progress(&line.wire));
            let progress = task.upload.as_ref().map_or(String::new(), sent);
            self.fail(&task, &format!("{what}: {}; {progress}{}", line.wire.why_it_ended(), verdict.reason));
        }
        again.into_iter().rev().for_each(|task| self.repeat(task));
    }

    /// On a connection that is opened from now on.
    fn repeat(&mut self, mut task: Task) {
        self.retried += 1;
        task.after = self.opened;
        task.upload = None;
        self.tasks.push_front(task);
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

/// The value of `Location` in a response's head.
fn location(head: &str) -> Option<String> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find(|(name, _)| name.eq_ignore_ascii_case("location")).map(|(_, value)| value.to_owned())
}

fn bar(octets: Option<u64>) -> ProgressBar {
    let template = match octets {
        Some(_) => "{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        None => "{spinner} {bytes} {bytes_per_sec}",
    };
    let bar = octets.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}
