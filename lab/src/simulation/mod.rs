//! A world as it runs: events, and what each of them does.
//!
//! Read in this order: `events` (what happens, and when), `links` and `flow` (when octets arrive), `connection` (what is kept of one),
//! `users` (pages), `asking` (which connection carries a request), `ending` (connections end, requests are repeated), `reading` (responses come), `serving` (requests are answered), `machine`
//! (places and processors), `story` (what the lifecycles were told). The rules of persistence are in none of them: each fact is told to a
//! `Lifecycle` or to a `Pool`, and what these answer is done.

mod asking;
mod connection;
mod draws;
mod ending;
mod events;
mod flow;
mod links;
mod machine;
pub mod measures;
mod reading;
mod serving;
pub mod story;
mod users;

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};

use http_keepalive::pool::{Pool, PoolConfig, Ticket};
use http_keepalive::presets::ClientPreset;
use http_keepalive::{Client, Config, HeadFacts, Instant, Method, Server, Use, Version};
use slab::Slab;

use crate::settings::{Protocol, World};
use connection::{Connection, Line, UNARMED};
pub use connection::{REQUEST, RESPONSE_HEAD};
use draws::{Draws, Purpose};
use events::{Event, Events};
use flow::FlowTerms;
use links::{Link, LinkTerms};
use machine::Site;
use measures::{Measures, Outcome};
use story::Story;
use users::User;

type Hasher = BuildHasherDefault<DefaultHasher>;

/// A kind of clients: users, their rivals, the proxy.
struct Kind<const DEPTH: usize> {
    preset: ClientPreset,
    pool: PoolConfig,
    config: Config<Client<DEPTH>>,
    /// Each user has a pool of its own, since something is bounded for all of its sites together.
    own_pools: bool,
}

/// The settings of a world as the lifecycles hold them.
pub struct Configs<const DEPTH: usize> {
    world: World,
    kinds: Vec<Kind<DEPTH>>,
    server: Config<Server>,
    proxy_server: Option<Config<Server>>,
    flow: FlowTerms,
    own_link: LinkTerms,
    shared_link: LinkTerms,
    /// Of a `GET` and of a `POST`, as the client's own fields and as they arrive, without and with `keep-alive`.
    own_fields: HeadFacts,
}

/// The number of the kind of the proxy.
const PROXY: usize = 2;

impl<const DEPTH: usize> Configs<DEPTH> {
    /// Checks them.
    ///
    /// # Errors
    ///
    /// What is wrong, or not known of a preset.
    pub fn new(world: &World) -> Result<Self, String> {
        world.check()?;
        let rival = world.rival.as_ref().unwrap_or(&world.client);
        let proxy = world.proxy.as_ref().map_or(&world.client, |proxy| &proxy.client);
        let kinds = [&world.client, rival, proxy].map(|preset| Self::kind(preset, world));
        let mut server = world.server.config().map_err(|error| error.to_string())?;
        if server.timeouts().idle.is_some_and(|idle| idle.is_zero()) {
            // as Apache's `KeepAliveTimeout 0` and `serve --idle 0`: each response says `close`
            let policy = server.policy().with_persistence(Use::Off);
            server = Config::new(*server.limits(), *server.timeouts(), policy).map_err(|error| error.to_string())?;
        }
        let proxy_server = world.proxy.as_ref().map(|proxy| proxy.server.config()).transpose();
        let network = &world.network;
        let mut own_fields = HeadFacts::request(Method::new(b"GET"), Version::HTTP_11);
        own_fields.field_line(b"Host", b"site");
        Ok(Self {
            kinds: kinds.into_iter().collect::<Result<_, _>>()?,
            server,
            proxy_server: proxy_server.map_err(|error| error.to_string())?,
            flow: FlowTerms {
                initial_window: network.initial_window.0.map(|segments| segments as u32),
                receive_window: network.receive_window,
                cold_after_idle: network.cold_after_idle,
                train: network.train.into(),
                least_timer: network.least_timer.nanos(),
            },
            own_link: LinkTerms { rate: network.down.0, buffer: network.down_buffer.0 },
            shared_link: LinkTerms { rate: network.shared.0, buffer: network.shared_buffer.0 },
            own_fields,
            world: world.clone(),
        })
    }

    /// The server's connections.
    pub const fn server(&self) -> &Config<Server> {
        &self.server
    }

    /// The users' connections.
    pub fn client(&self) -> &Config<Client<DEPTH>> {
        &self.kinds[0].config
    }

    fn kind(preset: &ClientPreset, world: &World) -> Result<Kind<DEPTH>, String> {
        let sites = u64::from(world.users.sites);
        let mut config = preset.config::<DEPTH>().map_err(|error| error.to_string())?;
        if world.protocol == Protocol::Http10 && preset.asks == Use::Off {
            // HTTP/1.0 as it was: a connection for each request
            let policy = config.policy().with_http10_keep_alive(Use::Off);
            config = Config::new(*config.limits(), *config.timeouts(), policy).map_err(|error| error.to_string())?;
        }
        let pool = preset.pool().map_err(|error| error.to_string())?;
        let limits = pool.limits();
        let bounds_all = match (limits.total, limits.per_origin) {
            (None, _) => false,
            (Some(total), Some(each)) => u64::from(total) < u64::from(each) * sites,
            (Some(_), None) => true,
        };
        let own_pools =
            bounds_all || limits.idle_total.is_some() || limits.high_water.is_some() || pool.timeouts().purge.is_some();
        // a lost permit or lease would be a mistake of ours: no timer is to hide it. Who waits is bounded by the patience of users
        let timeouts = pool.timeouts().with_open(None).with_lease(None).with_wait(None);
        let mut limits = limits.with_waiters(u32::MAX);
        if !own_pools {
            limits = limits.with_total(None);
        }
        let pool = PoolConfig::new(limits, timeouts, *pool.policy()).map_err(|error| error.to_string())?;
        Ok(Kind { preset: *preset, pool, config, own_pools })
    }
}

/// A pool, and who waits in it.
struct PoolSeat {
    pool: Pool<u32, u32, Hasher>,
    /// Of users, the user; of the proxy, the user's connection.
    waiting: HashMap<Ticket, u32, Hasher>,
    kind: usize,
    armed: u64,
    is_dirty: bool,
}

impl PoolSeat {
    fn new(now: Instant, config: &PoolConfig, kind: usize) -> Self {
        let pool = Pool::with_hasher(now, config, Hasher::default());
        Self { pool, waiting: HashMap::default(), kind, armed: UNARMED, is_dirty: false }
    }
}

/// A world that runs. `DEPTH`: requests that may be outstanding on a connection.
pub struct Simulation<'c, const DEPTH: usize> {
    configs: &'c Configs<DEPTH>,
    events: Events,
    users: Slab<User>,
    connections: Slab<Connection<'c, DEPTH>>,
    pools: Vec<PoolSeat>,
    dirty_pools: Vec<u32>,
    site: Site,
    shared: Link,
    /// From the server to the proxy: nothing waits there.
    back: Link,
    arrivals: Draws,
    services: Draws,
    sizes: Option<rand_distr::LogNormal<f64>>,
    arrived: u32,
    pages_begun: u32,
    measures: Measures,
    story: Option<Story>,
}

impl<'c, const DEPTH: usize> Simulation<'c, DEPTH> {
    /// A world before anything happens.
    pub fn new(configs: &'c Configs<DEPTH>) -> Self {
        let world = &configs.world;
        let pools = configs.kinds.iter().enumerate();
        let pools = pools.map(|(number, kind)| PoolSeat::new(Instant::EPOCH, &kind.pool, number)).collect();
        let mut events = Events::default();
        if world.users.count > 0 {
            events.add(0, Event::Arrival);
        }
        if let Some(after) = world.machine.restart.0 {
            events.add(after.as_nanos() as u64, Event::Restart);
        }
        let mut simulation = Self {
            events,
            users: Slab::new(),
            connections: Slab::new(),
            pools,
            dirty_pools: Vec::new(),
            site: Site::new(&world.machine, &world.server),
            shared: Link::default(),
            back: Link::default(),
            arrivals: Draws::new(world.seed, Purpose::Arrivals, 0, 0),
            services: Draws::new(world.seed, Purpose::Services, 0, 0),
            sizes: draws::sizes(&world.page),
            arrived: 0,
            pages_begun: 0,
            measures: Measures::new(),
            story: None,
            configs,
        };
        if world.proxy.is_some() {
            simulation.pools[PROXY].pool.set_users(world.users.count);
        }
        simulation
    }

    /// With a record of what each lifecycle is told.
    #[must_use]
    pub fn with_story(mut self) -> Self {
        self.story = Some(Story::default());
        self
    }

    /// Runs to its end; `progress` is told of the events so far and of the users who have gone, now and then.
    pub fn run(mut self, mut progress: impl FnMut(u64, u64)) -> (Outcome, Option<Story>) {
        while self.step() {
            if self.measures.events % 65_536 == 0 {
                progress(self.measures.events, self.measures.users);
            }
        }
        self.check_end();
        let round_trip = self.configs.world.network.round_trip.nanos();
        (self.measures.outcome(round_trip), self.story)
    }

    /// One event. Whether there was one.
    fn step(&mut self) -> bool {
        let Some((now, event)) = self.events.next() else { return false };
        self.measures.events += 1;
        self.happen(now, event);
        self.after_event(now);
        true
    }

    fn happen(&mut self, now: u64, event: Event) {
        match event {
            Event::Arrival => self.user_comes(now),
            Event::NextPage { user } => self.page_begins(now, user),
            Event::Parsed { user, page } => self.parts_are_known(now, user, page),
            Event::PatienceOver { user, page } => self.patience_over(now, user, page),
            Event::PoolDeadline { pool } => self.pool_due(now, pool),
            Event::ShieldOver => self.site.shield_asked = false,
            Event::Restart => self.restart(now),
            Event::ServerDeadline { connection, serial } | Event::ClientDeadline { connection, serial } => {
                if self.connections.get(connection as usize).is_some_and(|one| one.serial == serial) {
                    self.happen_to(now, connection, event);
                    self.forget_if_over(connection);
                }
            }
            Event::OpeningArrived { connection }
            | Event::OpeningAgain { connection }
            | Event::Opened { connection }
            | Event::OpeningRefused { connection }
            | Event::RequestArrived { connection }
            | Event::ResponseMade { connection }
            | Event::Delivered { connection, .. }
            | Event::Acknowledged { connection, .. }
            | Event::SegmentsOverdue { connection, .. }
            | Event::EndAtServer { connection }
            | Event::EndAtClient { connection }
            | Event::ResetAtClient { connection } => {
                self.connections[connection as usize].pending -= 1;
                self.happen_to(now, connection, event);
                self.forget_if_over(connection);
            }
        }
    }

    fn happen_to(&mut self, now: u64, connection: u32, event: Event) {
        match event {
            Event::OpeningArrived { .. } | Event::OpeningAgain { .. } => self.opening_arrived(now, connection),
            Event::Opened { .. } => self.opened(now, connection),
            Event::OpeningRefused { .. } => self.opening_refused(now, connection),
            Event::RequestArrived { .. } => self.request_arrived(now, connection),
            Event::ResponseMade { .. } => self.response_made(now, connection),
            Event::Delivered { start, octets, .. } => self.delivered(now, connection, start, octets),
            Event::Acknowledged { start, octets, .. } => self.acknowledged(now, connection, start, octets),
            Event::SegmentsOverdue { start, .. } => self.segments_overdue(now, connection, start),
            Event::EndAtServer { .. } => self.end_at_server(now, connection),
            Event::EndAtClient { .. } => self.end_at_client(now, connection),
            Event::ResetAtClient { .. } => self.reset_at_client(now, connection),
            Event::ServerDeadline { .. } => self.server_due(now, connection),
            Event::ClientDeadline { .. } => self.client_due(now, connection),
            _ => {}
        }
    }

    /// What an event has left to do: places that are free now, and pools in which somebody may go on.
    fn after_event(&mut self, now: u64) {
        loop {
            self.fill_places(now);
            let Some(pool) = self.dirty_pools.pop() else { break };
            self.turn_pool(now, pool);
        }
    }

    /// Something will happen to a connection.
    fn later(&mut self, at: u64, connection: u32, event: Event) {
        self.connections[connection as usize].pending += 1;
        self.events.add(at, event);
    }

    fn forget_if_over(&mut self, connection: u32) {
        let Some(gone) = self.connections.get(connection as usize) else { return };
        if !gone.is_over() {
            return;
        }
        let (line, user) = (gone.line, gone.user);
        self.connections.remove(connection as usize);
        self.measures.open.change(self.events.now(), -1);
        if line != Line::ProxyToServer {
            self.users[user as usize].connections -= 1;
            self.forget_user_if_gone(user);
        }
    }

    /// Half a round trip, in nanoseconds.
    fn one_way(&self, connection: u32) -> u64 {
        let connection = &self.connections[connection as usize];
        let world = &self.configs.world;
        let whole = match (connection.line, &world.proxy) {
            (Line::UserToProxy, Some(proxy)) => proxy.round_trip.nanos(),
            (Line::ProxyToServer, _) => world.network.round_trip.nanos(),
            _ => self.users[connection.user as usize].round_trip,
        };
        whole / 2
    }

    fn kind(&self, pool: u32) -> &'c Kind<DEPTH> {
        &self.configs.kinds[self.pools[pool as usize].kind]
    }

    fn is_http10(&self, line: Line) -> bool {
        self.configs.world.protocol == Protocol::Http10 && line != Line::ProxyToServer
    }

    /// What always holds at the end: all have gone, and nothing is lost in silence.
    fn check_end(&self) {
        let measures = &self.measures;
        assert_eq!(measures.users, u64::from(self.configs.world.users.count), "a user is still there");
        if let Some((_, open)) = self.connections.iter().next() {
            panic!("{} connections are open for ever, such as {open:?}", self.connections.len());
        }
        assert!(
            self.pools.iter().all(|seat| seat.pool.held() == 0 && seat.pool.waiting() == 0),
            "a pool holds something"
        );
        assert_eq!(measures.requests, measures.responses + measures.unanswered, "a request has no end");
        assert_eq!(measures.placed.level() + measures.working.level(), 0, "a place is taken");
    }
}

/// An instant of the crate.
const fn instant(now: u64) -> Instant {
    Instant::from_nanos(now)
}

/// Whether a client of this preset heeds the hints of its peer: the timeout, and `max`.
fn heeds(preset: &ClientPreset) -> (bool, bool) {
    (preset.policy.hints == Use::On, preset.max_hint == Use::On)
}

/// Runs a world to its end.
///
/// # Errors
///
/// What is wrong with its settings.
pub fn run(world: &World, progress: impl FnMut(u64, u64)) -> Result<Outcome, String> {
    fn deep<const DEPTH: usize>(world: &World, progress: impl FnMut(u64, u64)) -> Result<Outcome, String> {
        Ok(Simulation::new(&Configs::<DEPTH>::new(world)?).run(progress).0)
    }
    match world.depth() {
        0..=1 => deep::<1>(world, progress),
        2..=8 => deep::<8>(world, progress),
        9..=32 => deep::<32>(world, progress),
        33..=128 => deep::<128>(world, progress),
        _ => world.check().map(|()| unreachable!("no world is deeper")),
    }
}

/// The same, with the record of what each lifecycle was told, and the settings that they had: of a world with one kind of clients and without
/// a proxy, whose pipelines are no deeper than 8.
///
/// # Errors
///
/// What is wrong with its settings, or that it is no such world.
pub fn run_with_story(world: &World) -> Result<(Outcome, Story, Configs<8>), String> {
    if world.depth() > 8 || world.rival.is_some() || world.proxy.is_some() {
        return Err("a story is of one kind of clients, without a proxy, of a depth of 8 at most".to_owned());
    }
    let configs = Configs::<8>::new(world)?;
    let (outcome, story) = Simulation::new(&configs).with_story().run(|_, _| ());
    Ok((outcome, story.unwrap_or_default(), configs))
}
