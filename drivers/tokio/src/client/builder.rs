//! The settings of a client, and what its handles share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http_keepalive::pool::{PoolConfig, SharedPool};
use http_keepalive::retry::Sender;
use http_keepalive::{Client as ClientRole, Config, Instant, Limits, Policy, Timeouts};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::exchange::close;
use super::key::Key;
use super::wire::Wire;
use super::{Client, Connect, Figures, keeper};
use crate::{Clock, Reset, reset_tcp};

/// The settings of a client.
#[derive(Clone, Debug)]
pub struct Builder {
    config: Arc<Config<ClientRole>>,
    pool: PoolConfig,
    replay_limit: u64,
    sender: Sender,
}

impl Builder {
    pub(super) fn new() -> Self {
        let config = Config::new(Limits::DEFAULT.with_max_exchanges(None), Timeouts::CLIENT, Policy::DEFAULT);
        Self {
            config: Arc::new(config.unwrap_or_default()),
            pool: PoolConfig::DEFAULT,
            replay_limit: 64 * 1024,
            sender: Sender::UserAgent,
        }
    }

    /// With these limits, timeouts and policies of each connection. By default [`Timeouts::CLIENT`], and any number of exchanges.
    #[must_use]
    pub fn with_config(mut self, config: Arc<Config<ClientRole>>) -> Self {
        self.config = config;
        self
    }

    /// With this pool. By default [`PoolConfig::DEFAULT`]: six connections to one peer.
    #[must_use]
    pub const fn with_pool(mut self, pool: PoolConfig) -> Self {
        self.pool = pool;
        self
    }

    /// So many octets of a request's content are kept, so that it can be sent again. 65,536 by default; 0: nothing is.
    #[must_use]
    pub const fn with_replay_limit(mut self, octets: u64) -> Self {
        self.replay_limit = octets;
        self
    }

    /// For whom requests are sent: a proxy repeats less ([`retry`](http_keepalive::retry)). For ourselves by default.
    #[must_use]
    pub const fn with_sender(mut self, sender: Sender) -> Self {
        self.sender = sender;
        self
    }

    /// The client, with what its connections come from. A [`TcpStream`](tokio::net::TcpStream) is reset where the machine asks for it; any
    /// other transport is closed.
    pub fn build<C: Connect>(self, connector: C) -> Client<C> {
        self.build_with_reset(connector, reset_tcp)
    }

    /// The client, with what its connections come from, and how they are reset.
    pub fn build_with_reset<C: Connect>(self, connector: C, reset: Reset<C::Transport>) -> Client<C> {
        let clock = Clock::start();
        Client {
            shared: Arc::new(Shared {
                clock,
                pool: SharedPool::new(clock.now(), &self.pool),
                connector: Mutex::new(connector),
                reset,
                open_timeout: self.pool.timeouts().open,
                settings: self,
                retries: AtomicU64::new(0),
                keeper: Mutex::new(None),
            }),
        }
    }
}

/// What all handles of a client share.
pub(super) struct Shared<C: Connect> {
    pub(super) clock: Clock,
    pub(super) pool: SharedPool<Key, Box<Wire<C::Transport>>>,
    connector: Mutex<C>,
    reset: Reset<C::Transport>,
    pub(super) open_timeout: Option<Duration>,
    settings: Builder,
    retries: AtomicU64,
    /// The task that closes what is idle, and what tells it that the client has gone, by being dropped.
    keeper: Mutex<Option<(JoinHandle<()>, oneshot::Sender<()>)>>,
}

impl<C: Connect> Shared<C> {
    pub(super) fn connector(&self) -> C {
        lock(&self.connector).clone()
    }

    pub(super) fn wire(&self, now: Instant, io: C::Transport) -> Box<Wire<C::Transport>> {
        Box::new(Wire::new(now, self.clock, Arc::clone(&self.settings.config), io, self.reset))
    }

    pub(super) const fn replay_limit(&self) -> u64 {
        self.settings.replay_limit
    }

    pub(super) const fn sender(&self) -> Sender {
        self.settings.sender
    }

    pub(super) fn count_retry(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn figures(&self) -> Figures {
        Figures {
            idle: self.pool.idle(),
            held: self.pool.held(),
            waiting: self.pool.waiting(),
            retries: self.retries.load(Ordering::Relaxed),
            pool: self.pool.counters(),
        }
    }

    pub(super) fn drain(&self) {
        self.pool.drain(self.clock.now());
        self.close_due();
    }

    pub(super) fn new_generation(&self) {
        self.pool.new_generation(self.clock.now());
        self.close_due();
    }

    fn close_due(&self) {
        let now = self.clock.now();
        while let Some(closing) = self.pool.expire(now) {
            close(closing, now);
        }
    }

    /// There will be a connection: somebody closes it when its time is over.
    pub(super) fn keep(&self) {
        let mut keeper = lock(&self.keeper);
        // that of a runtime which has ended is over
        if keeper.as_ref().is_none_or(|(task, _)| task.is_finished()) {
            let (here, gone) = oneshot::channel();
            let task = tokio::spawn(keeper::keep(self.pool.clone(), self.clock, gone));
            *keeper = Some((task, here));
        }
    }
}

/// Nothing panics while it is held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
