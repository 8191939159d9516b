//! What is known of one connection of a client: its machine, which is told what went and what came.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Request, Response};
use http_body::Body;
use http_keepalive::{
    Client, CloseReason, Config, Content, HeadFacts, Instant, IntentFields, KeepAlive, Lifecycle, Method, Reusable,
    Version,
};
use http_keepalive_tokio::Clock;

/// The machine, shared by a connection and the content of its response.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<Known>>);

pub(super) struct Known {
    life: Lifecycle<Client, Arc<Config<Client>>>,
    clock: Clock,
}

impl Shared {
    pub(super) fn new(config: Arc<Config<Client>>) -> Self {
        let clock = Clock::start();
        Self(Arc::new(Mutex::new(Known { life: Lifecycle::new(clock.now(), config), clock })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl Known {
    /// Whether a request may go now.
    pub(super) fn reusable(&mut self) -> Reusable {
        let now = self.clock.now();
        while self.life.next_deadline().is_some_and(|deadline| deadline.at <= now) {
            if self.life.handle_timeout(now).is_none() {
                break;
            }
        }
        self.life.reusable(now)
    }

    pub(super) fn hint(&self) -> KeepAlive {
        self.life.peer_hint()
    }

    /// A request goes. It is told as sent whole, for nobody here sees what leaves; what of it may be repeated is not asked of this machine.
    pub(super) fn request<B: Body>(&mut self, request: &Request<B>) {
        let now = self.clock.now();
        let target = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let method = Method::from(request.method());
        let authority = request.uri().authority().map_or("", |authority| authority.as_str());
        let target = if *request.method() == http::Method::CONNECT { authority } else { target };
        let version = Version::try_from(request.version()).unwrap_or(Version::HTTP_11);
        let mut facts = HeadFacts::request(method, version);
        for (name, value) in request.headers() {
            facts.field_line(name.as_str().as_bytes(), value.as_bytes());
        }
        let length = if request.body().is_end_stream() { Some(0) } else { request.body().size_hint().exact() };
        let intents = IntentFields::new(request.headers());
        let close = intents.is_ok_and(|intents| intents.close());
        let content = match length {
            Some(0) => Content::Empty,
            Some(octets) => Content::Exact(octets),
            None => Content::Unknown,
        };
        let head = http_keepalive::Request::new(method, target.as_bytes()).with_version(version).with_close(close);
        match self.life.head_to_send(now, &head, &facts, content) {
            Ok(_) => {
                // how many octets they are says nothing of reuse: only that all have left
                self.life.octets_written(now, 1);
                if let Some(octets) = length.filter(|octets| *octets > 0) {
                    let _ = self.life.content_sent(now, octets);
                }
                let _ = self.life.end_sent(now);
                self.life.handle_sent(now, 1);
            }
            // what the machine would not send is not followed either: the connection serves it, and no other
            Err(_) => self.life.abort(now),
        }
    }

    /// Its response's head came. Whether content follows.
    pub(super) fn response<B>(&mut self, response: &Response<B>) -> bool {
        let now = self.clock.now();
        let version = Version::try_from(response.version()).unwrap_or(Version::HTTP_11);
        let mut facts = HeadFacts::response(response.status().into(), version);
        for (name, value) in response.headers() {
            facts.field_line(name.as_str().as_bytes(), value.as_bytes());
        }
        self.life.head_received(now, &facts).is_ok() && self.life.is_reading()
    }

    pub(super) fn content(&mut self, octets: u64) {
        let now = self.clock.now();
        let _ = self.life.content_received(now, octets);
    }

    /// All of the response came.
    pub(super) fn end(&mut self) {
        let now = self.clock.now();
        if self.life.end_received(now).is_err() {
            self.life.abort(now);
        }
        self.life.octets_unread(now, 0);
    }

    /// The exchange broke off, or nobody reads the rest of it.
    pub(super) fn broke_off(&mut self) {
        if let Reusable::Wait(_) = self.reusable() {
            let now = self.clock.now();
            self.life.abort(now);
        }
    }

    /// Its service failed.
    pub(super) fn failed(&mut self) {
        let now = self.clock.now();
        self.life.transport_failed(now);
    }

    /// The instant of tokio's.
    pub(super) fn of_tokio(&self, at: Instant) -> tokio::time::Instant {
        self.clock.of_tokio(at)
    }

    /// Why it is over, if it is.
    pub(super) fn over(&mut self) -> Option<CloseReason> {
        match self.reusable() {
            Reusable::No(reason) => Some(reason),
            Reusable::Now { .. } | Reusable::Wait(_) => None,
        }
    }
}
