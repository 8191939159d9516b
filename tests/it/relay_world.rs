//! A relay with a client and upstreams of octets: what each sent, what each got, and what the relay said.

use std::collections::VecDeque;
use std::time::Duration;

use http_keepalive::drive::{Attempt, Drive, Side, Transport};
use http_keepalive::intermediary::NextHop;
use http_keepalive::relay::*;
use http_keepalive::*;

pub use http_keepalive::relay::Neighbor::{self, Client as ToClient, Upstream as ToUpstream};

pub type Upstream = Drive<Client, Vec<u8>>;

/// What the driver does where an upstream is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The next hop is the origin: an idle connection where one may be used, else a new one.
    Origin,
    /// The next hop is another proxy.
    Proxy,
    /// There is none.
    NotConnected,
    /// There is none in time.
    Late,
    /// The driver opens a tunnel itself.
    Tunnel,
    /// Nothing for now.
    Nothing,
}

/// One connection to an upstream.
pub struct Origin {
    /// What it was sent.
    pub got: Vec<u8>,
    /// Where what it was sent last begins.
    from: usize,
    /// It came back, and may be used again.
    pub idle: Option<Upstream>,
    /// How it came back.
    pub verdict: Option<UpstreamVerdict>,
    /// So many octets more it takes.
    pub window: usize,
}

pub struct World {
    pub relay: Relay<Vec<u8>>,
    pub now: Instant,
    /// What the client was sent, and where what was sent last begins.
    pub told: Vec<u8>,
    from: usize,
    /// So many octets more the client takes.
    pub window: usize,
    pub origins: Vec<Origin>,
    /// Which of them the request goes to.
    pub current: Option<usize>,
    pub routes: VecDeque<Route>,
    pub steps: Vec<RelayStep>,
    pub shut: Option<Shut>,
    pub handed_over: Option<TunnelReason>,
    /// Fields that the driver adds.
    pub adds: Vec<(&'static str, &'static str)>,
    /// What the transports were asked for last.
    pub transports: Transports,
    upstream_config: &'static Config<Client>,
}

const STILL: Transport = Transport { read: Attempt::No, write: Attempt::No };

impl World {
    pub fn new() -> Self {
        Self::with(RelayPolicy::DEFAULT)
    }

    pub fn with(policy: RelayPolicy) -> Self {
        Self::of(policy, &Config::DEFAULT, &Config::DEFAULT)
    }

    pub fn of(policy: RelayPolicy, client: &'static Config<Server>, upstream: &'static Config<Client>) -> Self {
        let now = Instant::from_secs(1);
        let drive = Drive::new(now, client, Vec::new(), Vec::new());
        Self {
            relay: Relay::new(drive, policy, Vec::new()),
            now,
            told: Vec::new(),
            from: 0,
            window: usize::MAX,
            origins: Vec::new(),
            current: None,
            routes: VecDeque::new(),
            steps: Vec::new(),
            shut: None,
            handed_over: None,
            adds: Vec::new(),
            transports: Transports { client: STILL, upstream: STILL },
            upstream_config: upstream,
        }
    }

    /// The client sends this, as much at once as is asked for.
    pub fn client(&mut self, octets: impl AsRef<[u8]>) -> &mut Self {
        self.says(ToClient, octets.as_ref(), usize::MAX);
        self
    }

    /// The upstream sends this.
    pub fn upstream(&mut self, octets: impl AsRef<[u8]>) -> &mut Self {
        self.says(ToUpstream, octets.as_ref(), usize::MAX);
        self
    }

    /// One of the two sends this, in pieces.
    pub fn says(&mut self, who: Neighbor, mut octets: &[u8], piece: usize) {
        self.run();
        while !octets.is_empty() {
            let asked = if who == ToClient { self.transports.client } else { self.transports.upstream };
            let room = self.relay.room(who);
            if asked.read == Attempt::No || room.is_empty() {
                panic!("{who:?} is not read: {:?} is left", String::from_utf8_lossy(octets));
            }
            let taken = octets.len().min(piece).min(room.len());
            room[..taken].copy_from_slice(&octets[..taken]);
            self.relay.read(who, taken);
            octets = &octets[taken..];
            self.run();
        }
    }

    /// Is this side read?
    pub fn reads(&self, who: Neighbor) -> bool {
        let asked = if who == ToClient { self.transports.client } else { self.transports.upstream };
        asked.read != Attempt::No
    }

    /// The peer closes its side.
    pub fn ends(&mut self, who: Neighbor) -> &mut Self {
        self.run();
        self.relay.eof(who, Eof::Clean);
        self.run();
        self
    }

    /// Idle upstreams have closed, and this is known here.
    pub fn idle_ends(&mut self) {
        self.origins.iter_mut().for_each(|origin| origin.idle = None);
    }

    pub fn fails(&mut self, who: Neighbor, side: Side) -> &mut Self {
        self.run();
        self.relay.failed(self.now, who, side);
        self.run();
        self
    }

    /// Time passes in which nothing comes or leaves.
    pub fn waits(&mut self, time: Duration) -> &mut Self {
        let until = self.now + time;
        loop {
            self.run();
            match self.relay.wait(self.now) {
                Some(wait) if self.now + wait <= until => {
                    self.now = self.now + wait;
                    self.relay.timeout(self.now);
                }
                _ => break,
            }
        }
        self.now = until;
        self.run();
        self
    }

    /// What the client was told since this was asked last.
    pub fn answer(&mut self) -> String {
        self.run();
        let said = String::from_utf8_lossy(&self.told[self.from..]).into_owned();
        self.from = self.told.len();
        said
    }

    /// What the latest upstream was told since this was asked last.
    pub fn request(&mut self) -> String {
        self.run();
        let origin = self.origins.last_mut().expect("an upstream was opened");
        let said = String::from_utf8_lossy(&origin.got[origin.from..]).into_owned();
        origin.from = origin.got.len();
        said
    }

    pub fn lost(&self) -> Vec<(LossVerdict, LossReason)> {
        let lost =
            |step: &RelayStep| if let RelayStep::Lost(_, verdict, why) = step { Some((*verdict, *why)) } else { None };
        self.steps.iter().filter_map(lost).collect()
    }

    pub fn verdict(&self) -> UpstreamVerdict {
        self.origins.last().and_then(|origin| origin.verdict).expect("it came back")
    }

    pub fn run(&mut self) {
        for _ in 0..100_000 {
            match self.relay.poll(self.now) {
                RelayStep::Upstream => match self.routes.pop_front().unwrap_or(Route::Origin) {
                    Route::Nothing => {
                        self.routes.push_front(Route::Nothing);
                        let step = self.relay.poll_while_busy(self.now);
                        if !self.does(step) {
                            return;
                        }
                    }
                    route => self.routes_by(route),
                },
                step => {
                    if !self.does(step) {
                        return;
                    }
                }
            }
        }
        panic!("it goes on for ever: {:?}", &self.steps[self.steps.len().saturating_sub(5)..]);
    }

    fn routes_by(&mut self, route: Route) {
        let wanted = self.relay.wanted().expect("one is wanted");
        let next = if route == Route::Proxy { NextHop::Proxy } else { NextHop::Origin };
        match route {
            Route::NotConnected => return self.relay.not_connected(self.now, true),
            Route::Late => return self.relay.not_connected(self.now, false),
            Route::Tunnel => return self.relay.tunnel(self.now, NO_FIELDS).expect("a CONNECT"),
            _ => {}
        }
        if wanted.pinned {
            assert!(self.relay.forward_pinned(self.now, next, self.adds.iter()));
            return;
        }
        let now = self.now;
        let is_usable = |origin: &Origin| {
            let reusable = origin.idle.as_ref().map(|drive| drive.reusable(now));
            matches!(reusable, Some(Reusable::Now { .. }))
        };
        // one that was never used is as good
        let is_usable = |origin: &Origin| is_usable(origin) || (origin.idle.is_some() && origin.got.is_empty());
        let idle = if wanted.new_only { None } else { self.origins.iter().position(is_usable) };
        let at = idle.unwrap_or_else(|| {
            let drive = Drive::new(self.now, self.upstream_config, Vec::new(), Vec::new());
            let window = usize::MAX;
            self.origins.push(Origin { got: Vec::new(), from: 0, idle: Some(drive), verdict: None, window });
            self.origins.len() - 1
        });
        self.current = Some(at);
        let drive = self.origins[at].idle.take().expect("it is idle");
        assert!(self.relay.forward(self.now, drive, next, self.adds.iter()).is_ok());
    }

    /// `false`: nothing more is to be done.
    fn does(&mut self, step: RelayStep) -> bool {
        if !matches!(step, RelayStep::Transport(_)) {
            self.steps.push(step);
        }
        match step {
            RelayStep::Return => {
                let (drive, verdict) = self.relay.take_upstream(self.now).expect("it is to be taken");
                let origin = &mut self.origins[self.current.take().expect("one is here")];
                origin.verdict = Some(verdict);
                origin.idle = (verdict == UpstreamVerdict::Reuse).then_some(drive);
            }
            RelayStep::Transport(asked) => {
                self.transports = asked;
                let wrote = self.writes(ToClient, asked.client) | self.writes(ToUpstream, asked.upstream);
                let mut looked = false;
                for (who, transport) in [(ToClient, asked.client), (ToUpstream, asked.upstream)] {
                    if transport.read == Attempt::Look {
                        self.relay.looked_nothing(self.now, who);
                        looked = true;
                    }
                }
                return wrote || looked;
            }
            RelayStep::Shut(shut) => {
                self.shut = Some(shut);
                self.relay.shut_done(self.now);
            }
            RelayStep::HandOver(reason) => {
                self.handed_over = Some(reason);
                return false;
            }
            RelayStep::Closed => return false,
            RelayStep::Upstream | RelayStep::Content => return false,
            RelayStep::Refused(_) | RelayStep::Lost(..) | RelayStep::Error(..) | RelayStep::Expired(..) => {}
        }
        true
    }

    fn writes(&mut self, to: Neighbor, transport: Transport) -> bool {
        if transport.write == Attempt::No {
            return false;
        }
        let window = match (to, self.current) {
            (ToClient, _) => &mut self.window,
            (ToUpstream, Some(at)) => &mut self.origins[at].window,
            (ToUpstream, None) => return false,
        };
        let octets = self.relay.unsent(to).slices().concat();
        assert!(!octets.is_empty(), "a write of nothing is asked for");
        let takes = octets.len().min(*window);
        *window -= takes;
        match (to, self.current) {
            (ToUpstream, Some(at)) => self.origins[at].got.extend_from_slice(&octets[..takes]),
            _ => self.told.extend_from_slice(&octets[..takes]),
        }
        if takes > 0 || transport.write == Attempt::Look {
            self.relay.wrote(self.now, to, takes);
        }
        takes > 0 || transport.write == Attempt::Look
    }
}

/// `name: value` lines of a head, in order, without the start line.
pub fn lines(head: &str) -> Vec<&str> {
    head.split("\r\n\r\n").next().unwrap_or_default().split("\r\n").skip(1).collect()
}
