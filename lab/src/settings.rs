//! A world in a file: who asks for what, of whom, over which network. Every name is checked, every default stands here.

use std::time::Duration;

use http_keepalive::presets::{self, ClientPreset, ServerPreset};
use http_keepalive::settings::{Value, duration_or_off};
use serde::de::{Deserialize, Deserializer, Error};

/// A time as people write it: `"75s"`, `"250ms"`, a number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Duration);

impl Time {
    /// In nanoseconds.
    pub const fn nanos(self) -> u64 {
        self.0.as_nanos() as u64
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Value::deserialize(deserializer)?.to_string();
        match duration_or_off(&written).map_err(D::Error::custom)? {
            Some(duration) => Ok(Self(duration)),
            None => Err(D::Error::custom("`off` is no time here")),
        }
    }
}

/// A number, or `"off"` for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(pub Option<u64>);

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Number(number) => Ok(Self(Some(number))),
            Value::Text(word) if word == "off" => Ok(Self(None)),
            other => Err(D::Error::custom(format!("`{other}` is neither a number nor `off`"))),
        }
    }
}

/// Times as they are spread around a mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spread {
    /// All are the mean.
    Fixed,
    /// As of events that know nothing of each other.
    Exponential,
}

/// As which version of HTTP the client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub enum Protocol {
    /// HTTP/1.0; whether it asks for persistence says `client.asks`.
    #[serde(rename = "1.0")]
    Http10,
    /// HTTP/1.1.
    #[serde(rename = "1.1")]
    Http11,
}

/// A page: a document, and its parts, which are known once the document has come.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Page {
    /// Octets of the document.
    pub document: u32,
    /// Parts beside it.
    pub parts: u16,
    /// Octets of a part: the median of a log-normal distribution.
    pub part: u32,
    /// How wide that is: the standard deviation of the logarithm; 0: all parts are equal.
    pub part_sigma: f64,
    /// Octets of a part at most.
    pub part_most: u32,
    /// From the document's end to the first request for a part.
    pub parse: Time,
    /// Per cent of the parts that are asked for with POST, which nobody may repeat unasked.
    pub posts: u8,
}

impl Default for Page {
    fn default() -> Self {
        let parse = Time(Duration::ZERO);
        Self { document: 20_000, parts: 24, part: 6_000, part_sigma: 1.0, part_most: 1_000_000, parse, posts: 0 }
    }
}

/// The users: when they come, what they read, when they go.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Users {
    /// How many come.
    pub count: u32,
    /// The time within which they come, as a Poisson process.
    pub within: Time,
    /// Pages that each reads.
    pub pages: u32,
    /// From a page's end to the next click.
    pub think: Time,
    /// How that is spread.
    pub think_spread: Spread,
    /// A page that takes so long is given up; `"off"`: none is.
    pub patience: Patience,
    /// Sites over which the parts of a page are spread: each user has connections to each of them. All are on the one server.
    pub sites: u16,
}

/// How long users wait for a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience(pub Option<Duration>);

impl<'de> Deserialize<'de> for Patience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Value::deserialize(deserializer)?.to_string();
        duration_or_off(&written).map(Self).map_err(D::Error::custom)
    }
}

impl Default for Users {
    fn default() -> Self {
        Self {
            count: 50,
            within: Time(Duration::from_secs(30)),
            pages: 3,
            think: Time(Duration::from_secs(10)),
            think_spread: Spread::Exponential,
            patience: Patience(None),
            sites: 1,
        }
    }
}

/// The network between users and server.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// From the client to the server and back, with nothing in the queues.
    pub round_trip: Time,
    /// Round trips differ by user: the standard deviation of the logarithm; 0: all are equal.
    pub round_trip_sigma: f64,
    /// Bits in a second on each user's own link, downwards.
    pub down: Limit,
    /// Octets that may wait before it; more are dropped.
    pub down_buffer: Limit,
    /// Bits in a second on the link that all share.
    pub shared: Limit,
    /// Octets that may wait before it; more are dropped.
    pub shared_buffer: Limit,
    /// Segments that a new connection sends at once; `"off"`: there is no slow start.
    pub initial_window: Limit,
    /// Octets on their way at most.
    pub receive_window: u64,
    /// A window that was idle begins anew.
    pub cold_after_idle: bool,
    /// Segments that go as one: 2 as by acknowledgements of every second one, up to 44 for speed.
    pub train: u8,
    /// The least time of the retransmission timer.
    pub least_timer: Time,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            round_trip: Time(Duration::from_millis(50)),
            round_trip_sigma: 0.0,
            down: Limit(Some(8_000_000)),
            down_buffer: Limit(None),
            shared: Limit(None),
            shared_buffer: Limit(None),
            initial_window: Limit(Some(10)),
            receive_window: 4_194_304,
            cold_after_idle: true,
            train: 2,
            least_timer: Time(Duration::from_millis(200)),
        }
    }
}

/// What serves connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Workers {
    /// A process, or a thread, for each connection, idle ones included: `places` of them.
    Processes,
    /// An event loop: an idle connection takes a descriptor of `places`.
    EventLoop,
}

/// The machine of the server.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Machine {
    /// What serves connections.
    pub workers: Workers,
    /// Connections at once; `"off"`: any number. Unless it is said here, what the preset says.
    pub places: Option<Limit>,
    /// Connections that may wait to be accepted; the first segments of more are dropped, and sent again after 1 s, 3 s, 7 s …
    pub backlog: u32,
    /// How often a client sends its first segment: then it gives up.
    pub openings: u8,
    /// Who waits for a place is given that of an idle connection, the longest idle one first, as by `IdleQueue`.
    pub idle_yields: bool,
    /// Processors.
    pub cores: u16,
    /// What a response takes of one.
    pub service: Time,
    /// How that is spread.
    pub service_spread: Spread,
    /// What a new connection takes of one, beside.
    pub accept: Time,
    /// Octets of a response that the system takes at once. The rest holds the worker until it has gone.
    pub send_buffer: u64,
    /// When the server is restarted, and again after each such time; `"off"`: never. Nobody is refused, as the listening socket is handed on.
    pub restart: Patience,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            workers: Workers::EventLoop,
            places: None,
            backlog: 511,
            openings: 3,
            idle_yields: false,
            cores: 4,
            service: Time(Duration::from_millis(1)),
            service_spread: Spread::Exponential,
            accept: Time(Duration::from_micros(100)),
            send_buffer: 262_144,
            restart: Patience(None),
        }
    }
}

/// A proxy near to the users. It has a response whole before it sends it on, and answers in no time.
#[derive(Clone, Copy, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proxy {
    /// Its pool towards the server.
    pub client: ClientPreset,
    /// What it does with its users' connections.
    pub server: ServerPreset,
    /// From a user to it and back.
    pub round_trip: Time,
}

/// A whole world.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct World {
    /// The seed of everything random.
    pub seed: u64,
    /// The users.
    pub users: Users,
    /// What they read.
    pub page: Page,
    /// As which version they ask.
    pub protocol: Protocol,
    /// What they use.
    pub client: ClientPreset,
    /// What every second user uses instead, to be compared with the others in the same world.
    pub rival: Option<ClientPreset>,
    /// What the server does with connections.
    pub server: ServerPreset,
    /// What it runs on.
    pub machine: Machine,
    /// What lies between.
    pub network: Network,
    /// A proxy between.
    pub proxy: Option<Proxy>,
}

impl Default for World {
    fn default() -> Self {
        let client = *presets::client("crate-default").expect("it is there");
        Self {
            seed: 1,
            users: Users::default(),
            page: Page::default(),
            protocol: Protocol::Http11,
            client,
            rival: None,
            server: *presets::server("crate-default").expect("it is there"),
            machine: Machine::default(),
            network: Network::default(),
            proxy: None,
        }
    }
}

/// The greatest number of requests outstanding on a connection that a world can have.
pub const DEPTHS: [u8; 4] = [1, 8, 32, 128];

impl World {
    /// The deepest pipeline of its clients.
    pub fn depth(&self) -> u8 {
        let clients = [Some(&self.client), self.rival.as_ref(), self.proxy.as_ref().map(|proxy| &proxy.client)];
        clients.into_iter().flatten().map(|client| client.depth).max().unwrap_or(1)
    }

    /// Checks what no single value shows.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub fn check(&self) -> Result<(), String> {
        let wrong = |text: &str| Err(text.to_owned());
        if !(1..=44).contains(&self.network.train) {
            return wrong("network.train: 1 to 44 segments");
        }
        if self.depth() > DEPTHS[DEPTHS.len() - 1] {
            return wrong("client.depth: at most 128");
        }
        if self.users.sites == 0 || self.machine.cores == 0 || self.machine.openings == 0 {
            return wrong("users.sites, machine.cores, machine.openings: at least 1");
        }
        if !self.page.part_sigma.is_finite() || self.page.part_sigma < 0.0 || self.page.posts > 100 {
            return wrong("page.part_sigma: at least 0; page.posts: 0 to 100");
        }
        if self.network.receive_window < 1460 || self.network.initial_window.0 == Some(0) {
            return wrong("network.receive_window: at least a segment; network.initial_window: at least 1");
        }
        if self.network.shared_buffer.0.is_some_and(|octets| octets < 1500) {
            return wrong("network.shared_buffer: at least 1500 octets");
        }
        Ok(())
    }
}
