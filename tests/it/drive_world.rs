//! A transport in virtual time for one connection: what comes when, what may leave when, where it fails; and a log of what happened.

use http_keepalive::Instant;

/// What a run is made of.
#[derive(Clone, Debug)]
pub struct Script {
    /// All that the peer sends.
    pub octets: Vec<u8>,
    /// By when so much of it has come, in milliseconds: what is not listed comes with the last.
    pub arrivals: Vec<(u64, usize)>,
    /// When the peer ends its side or the transport fails, after all of it.
    pub end: Option<(u64, End)>,
    /// So much is read at once at most, in turn.
    pub reads: Vec<usize>,
    /// From when on so many octets more may leave.
    pub windows: Vec<(u64, usize)>,
    /// So much leaves at once at most, in turn.
    pub writes: Vec<usize>,
    /// Writing fails after so many octets.
    pub write_fails: Option<(usize, Failure)>,
    /// When the process is stopped, and for how long.
    pub stops: Vec<(u64, u64)>,
    /// When the end of the process is asked for.
    pub drains: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    Clean,
    Truncated,
    Fails,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Failure {
    /// Nothing more leaves.
    Write,
    /// The connection was reset.
    Both,
}

/// What came of a try.
#[derive(Debug, PartialEq)]
pub enum Tried {
    Octets(usize),
    End(End),
    Nothing,
    Failed(Failure),
}

pub struct World<'s> {
    script: &'s Script,
    now: u64,
    stopped: usize,
    drained: bool,
    pub read: usize,
    reads: usize,
    writes: usize,
    pub sent: Vec<u8>,
    pub log: Vec<String>,
}

impl<'s> World<'s> {
    pub fn new(script: &'s Script) -> Self {
        let (sent, log) = (Vec::new(), Vec::new());
        Self { script, now: 1000, stopped: 0, drained: false, read: 0, reads: 0, writes: 0, sent, log }
    }

    pub fn now(&self) -> Instant {
        Instant::from_millis(self.now)
    }

    pub fn say(&mut self, what: impl std::fmt::Debug) {
        let line = format!("{} {what:?}", self.now);
        self.log.push(line);
    }

    /// The transport is asked: the process may be stopped before it is.
    pub fn stop(&mut self) {
        while let Some(&(at, time)) = self.script.stops.get(self.stopped).filter(|stop| stop.0 <= self.now) {
            let _ = at;
            self.now += time;
            self.stopped += 1;
        }
    }

    /// Whether the end of the process is asked for now, once.
    pub fn drains(&mut self) -> bool {
        let drains = !self.drained && self.script.drains.is_some_and(|at| at <= self.now);
        self.drained |= drains;
        drains
    }

    fn come(&self) -> usize {
        let come = self.script.arrivals.iter().filter(|arrival| arrival.0 <= self.now).map(|arrival| arrival.1);
        let last = self.script.arrivals.iter().all(|arrival| arrival.0 <= self.now);
        if last { self.script.octets.len() } else { come.max().unwrap_or(0).min(self.script.octets.len()) }
    }

    /// Reads into the room, which takes what has come.
    pub fn read(&mut self, room: &mut [u8]) -> Tried {
        assert!(!room.is_empty(), "asked to read into nothing");
        let come = self.come();
        if self.read < come {
            let most = self.script.reads[self.reads % self.script.reads.len()];
            self.reads += 1;
            let octets = (come - self.read).min(most).min(room.len());
            room[..octets].copy_from_slice(&self.script.octets[self.read..self.read + octets]);
            self.read += octets;
            return Tried::Octets(octets);
        }
        match self.script.end.filter(|end| end.0 <= self.now && come == self.script.octets.len()) {
            Some((_, End::Fails)) => Tried::Failed(Failure::Both),
            Some((_, end)) => Tried::End(end),
            None => Tried::Nothing,
        }
    }

    pub fn write(&mut self, octets: &[u8]) -> Tried {
        let window: usize =
            self.script.windows.iter().filter(|window| window.0 <= self.now).map(|window| window.1).sum();
        let most = self.script.writes[self.writes % self.script.writes.len()];
        self.writes += 1;
        let mut left = octets.len().min(most).min(window.saturating_sub(self.sent.len()));
        if let Some((after, failure)) = self.script.write_fails {
            if self.sent.len() >= after {
                return Tried::Failed(failure);
            }
            left = left.min(after - self.sent.len());
        }
        if left == 0 {
            return Tried::Nothing;
        }
        self.sent.extend_from_slice(&octets[..left]);
        Tried::Octets(left)
    }

    /// Sleeps until the next deadline, or until something comes or may leave. Whether it is the deadline; `None`: for ever.
    pub fn sleep(&mut self, deadline: Option<Instant>) -> Option<bool> {
        let script = self.script;
        let arrivals = script.arrivals.iter().map(|arrival| arrival.0);
        let windows = script.windows.iter().map(|window| window.0);
        let others = script.end.iter().map(|end| end.0).chain(script.drains);
        let next = arrivals.chain(windows).chain(others).filter(|&at| at > self.now).min();
        let due = deadline.map(|due| due.as_nanos().div_ceil(1_000_000));
        match (due, next) {
            (None, None) => None,
            (Some(due), next) if next.is_none_or(|next| due <= next) => {
                self.now = self.now.max(due);
                Some(true)
            }
            (_, next) => {
                self.now = next.unwrap_or(self.now);
                Some(false)
            }
        }
    }
}
