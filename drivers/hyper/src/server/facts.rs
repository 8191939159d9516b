//! What is known of one connection: the machine, and what the wrappers around hyper tell it.
//!
//! All of them share it, under a lock that nobody else ever waits for but an application that reads its content in a task of its own.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use http::{HeaderValue, Request};
use http_keepalive::{
    Announce, BodyLength, Config, ConnectionOptions, ContentUse, DeadlineKind, FramingField, HeadFacts, Instant,
    KeepAlive, Lifecycle, MethodKind, Persistence, ReceiveError, Server, StatusCode,
};
use http_keepalive_tokio::Clock;
use hyper::body::{Body, Incoming};

use super::heads::Heads;

/// The facts, shared by the wrappers of one connection.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<Facts>>);

impl Shared {
    pub(super) fn new(facts: Facts) -> Self {
        Self(Arc::new(Mutex::new(facts)))
    }

    #[inline]
    pub(super) fn lock(&self) -> MutexGuard<'_, Facts> {
        // who panicked with it held it for a call of the machine, which does not
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

pub(super) struct Facts {
    pub(super) life: Lifecycle<Server, Arc<Config<Server>>>,
    clock: Clock,
    pub(super) opened: Instant,
    /// When the task of the connection began to run.
    now: Instant,
    /// It runs: what is told now it sees before it waits again.
    runs: bool,
    waker: Option<Waker>,
    pub(super) received: u64,
    pub(super) sent: u64,
    pub(super) deadline: Option<DeadlineKind>,
    /// Octets that were offered to the transport, are counted as handed out, and have not left.
    pub(super) pending: u64,
    /// hyper waits for the peer: its last read found nothing.
    pub(super) blocked: bool,
    /// What was read last ends with an empty line.
    after_empty_line: bool,
    /// The number of the exchange whose content may come.
    exchange: u32,
    content: Option<Expected>,
    heads: Heads,
    /// The field's value as it was made last.
    hint: Option<(KeepAlive, HeaderValue)>,
}

/// Content that is to come.
struct Expected {
    /// How much of it, where that is known.
    remaining: Option<u64>,
    /// The client waits for `100 (Continue)`, and nobody has asked for the content yet.
    unasked: bool,
    /// The application waits for it: its last poll found nothing.
    awaited: bool,
    /// The application has dropped it, and this is what is left to be walked over.
    dropped: Option<Incoming>,
}

impl Facts {
    pub(super) fn new(config: Arc<Config<Server>>, clock: Clock, seed: u64) -> Self {
        let now = clock.now();
        Self {
            life: Lifecycle::new(now, config).with_seed(seed),
            clock,
            opened: now,
            now,
            runs: false,
            waker: None,
            received: 0,
            sent: 0,
            deadline: None,
            pending: 0,
            blocked: false,
            after_empty_line: false,
            exchange: 0,
            content: None,
            heads: Heads::default(),
            hint: None,
        }
    }

    /// The task of the connection begins to run: when.
    #[inline]
    pub(super) fn begin(&mut self, waker: &Waker) -> Instant {
        self.now = self.clock.now();
        self.runs = true;
        if !self.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            self.waker = Some(waker.clone());
        }
        self.now
    }

    /// It waits again.
    pub(super) fn pause(&mut self) {
        self.runs = false;
    }

    #[inline]
    pub(super) fn now(&self) -> Instant {
        if self.runs { self.now } else { self.clock.now() }
    }

    /// Has the task of the connection look at what was told, if it does not run.
    fn wake(&self) {
        if let (false, Some(waker)) = (self.runs, &self.waker) {
            waker.wake_by_ref();
        }
    }

    #[inline]
    pub(super) fn is_handed_over(&self) -> bool {
        matches!(self.life.persistence(), Persistence::Tunnel(_))
    }

    /// A read found this. Whether the connection is another protocol's, so that nothing more is to be told; and the same without the octets.
    pub(super) fn read(&mut self, polled: Poll<io::Result<&[u8]>>) -> (bool, Poll<io::Result<()>>) {
        self.blocked = polled.is_pending();
        let Poll::Ready(read) = polled else { return (false, Poll::Pending) };
        let handed_over = self.is_handed_over();
        if !handed_over {
            self.note_read(&read);
        }
        (handed_over, Poll::Ready(read.map(|_| ())))
    }

    fn note_read(&mut self, read: &io::Result<&[u8]>) {
        let now = self.now();
        match read {
            Ok([]) => {
                let _ = self.life.eof_received(now);
            }
            Ok(octets) => {
                self.received += octets.len() as u64;
                self.after_empty_line = octets.ends_with(b"\n\r\n");
                self.life.octets_received(now, octets.len() as u64);
            }
            Err(_) => self.life.transport_failed(now),
        }
    }

    /// So many octets were offered to be written, and this came of it. Whether the connection is another protocol's.
    pub(super) fn wrote(&mut self, offered: usize, polled: &Poll<io::Result<usize>>) -> bool {
        let now = self.now();
        let offered = offered as u64;
        if offered > self.pending {
            self.life.octets_written(now, offered - self.pending);
            self.pending = offered;
        }
        match polled {
            Poll::Ready(Ok(octets)) => {
                let octets = *octets as u64;
                self.pending = self.pending.saturating_sub(octets);
                self.sent += octets;
                self.life.handle_sent(now, octets);
                // the last octets of HTTP have left
                self.pending == 0 && self.is_handed_over()
            }
            Poll::Ready(Err(_)) => {
                self.life.transport_failed(now);
                false
            }
            Poll::Pending => false,
        }
    }

    /// A head came. The number of its exchange, if content comes with it; or nothing, if the request is refused.
    pub(super) fn head<B>(&mut self, request: &Request<B>) -> (MethodKind, Result<Option<u32>, ReceiveError>) {
        let facts = self.heads.facts_of(request);
        (facts.method(), self.head_received(&facts))
    }

    fn head_received(&mut self, head: &HeadFacts) -> Result<Option<u32>, ReceiveError> {
        let now = self.now();
        self.end_content(now);
        let framing = self.life.head_received(now, head)?;
        let remaining = match framing.length {
            BodyLength::Empty => return Ok(None),
            BodyLength::Exact(octets) => Some(octets),
            BodyLength::Chunked | BodyLength::UntilClose => None,
        };
        self.exchange = self.exchange.wrapping_add(1);
        self.content = Some(Expected { remaining, unasked: head.expects_continue(), awaited: false, dropped: None });
        Ok(Some(self.exchange))
    }

    /// hyper has gone on, so all of the content has come, taken or not.
    fn end_content(&mut self, now: Instant) {
        if let Some(content) = self.content.take() {
            let _ = match content.remaining {
                Some(octets) => self.life.content_received(now, octets),
                None => self.life.end_received(now),
            };
        }
    }

    fn expected(&mut self, exchange: u32) -> Option<&mut Expected> {
        self.content.as_mut().filter(|_| self.exchange == exchange)
    }

    /// The application asks for content of this exchange, and there was none.
    pub(super) fn content_awaited(&mut self, exchange: u32) {
        let now = self.now();
        let Some(content) = self.expected(exchange) else { return };
        content.awaited = true;
        if std::mem::take(&mut content.unasked) {
            // hyper writes it now
            let _ = self.life.interim_to_send(now, StatusCode::CONTINUE);
        }
        self.wake();
    }

    /// The application took so much content of this exchange.
    pub(super) fn content_taken(&mut self, exchange: u32, octets: u64) -> Result<(), ReceiveError> {
        let now = self.now();
        let Some(content) = self.expected(exchange) else { return Ok(()) };
        (content.awaited, content.unasked) = (false, false);
        if let Some(remaining) = &mut content.remaining {
            *remaining = remaining.saturating_sub(octets);
            if *remaining == 0 {
                self.content = None;
            }
        }
        let told = self.life.content_received(now, octets);
        self.wake();
        told
    }

    /// The application took the last of it.
    pub(super) fn content_ended(&mut self, exchange: u32) {
        let now = self.now();
        if self.expected(exchange).is_some() {
            self.end_content(now);
            self.wake();
        }
    }

    /// The application has dropped it. What is left is walked over, so that hyper does not close for it what the machine would keep.
    pub(super) fn content_dropped(&mut self, exchange: u32, body: Incoming) {
        let now = self.now();
        if self.expected(exchange).is_none() {
            return;
        }
        if self.life.content_use(now, ContentUse::Dropped).is_ok() && !content_is_unasked(self.content.as_ref()) {
            if let Some(content) = &mut self.content {
                content.dropped = Some(body);
            }
        }
        self.wake();
    }

    /// Walks over what was dropped, as far as it has come, and says whether who takes content waits for the peer.
    #[inline]
    pub(super) fn after_poll(&mut self, context: &mut Context<'_>) {
        if self.content.is_some() {
            self.weigh_content(context);
        } else if self.blocked && self.after_empty_line && self.life.is_idle() {
            // hyper waits for more, and what it has ends with an empty line: of a head it would have made a request
            self.after_empty_line = false;
            self.life.octets_unread(self.now, 0);
        }
    }

    #[cold]
    fn weigh_content(&mut self, context: &mut Context<'_>) {
        let now = self.now;
        while let Some(body) = self.content.as_mut().and_then(|content| content.dropped.as_mut()) {
            match std::pin::Pin::new(body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    let octets = frame.data_ref().map_or(0, |data| data.len() as u64);
                    let _ = self.content_taken(self.exchange, octets);
                }
                Poll::Ready(Some(Err(_))) => self.content = None,
                Poll::Ready(None) => self.end_content(now),
                Poll::Pending => return,
            }
        }
        if let Some(content) = &self.content {
            let waits = content.awaited && self.blocked;
            // what was dropped and given up, or timed out, is not to be said again
            let _ = self.life.content_use(now, if waits { ContentUse::Reading } else { ContentUse::Paused });
        }
    }

    /// A response is about to begin, or to be complete, and content of its request is still with the application: it may read on.
    pub(super) fn reads_on(&mut self, now: Instant) {
        if let Some(Expected { unasked: false, dropped: None, .. }) = self.content {
            let _ = self.life.content_use(now, ContentUse::Reading);
        }
    }

    /// The value of `Keep-Alive`, made anew where it says something else than the last time.
    pub(super) fn hint_value(&mut self, hint: KeepAlive) -> Option<HeaderValue> {
        match &self.hint {
            Some((known, value)) if *known == hint => Some(value.clone()),
            _ => {
                let value = written(hint)?;
                self.hint = Some((hint, value.clone()));
                Some(value)
            }
        }
    }
}

/// The machine's own words, of which the value is taken: a third of what it costs to format them.
fn written(hint: KeepAlive) -> Option<HeaderValue> {
    let says = Announce {
        options: ConnectionOptions { keep_alive: true, ..ConnectionOptions::default() },
        keep_alive: Some(hint),
        bare_keep_alive: None,
        framing: FramingField::None,
        length: BodyLength::Empty,
    };
    let mut line = [0; Announce::MOST_OCTETS];
    let octets = says.write(&mut line).ok()?;
    let value = line.get(..octets)?.strip_prefix(b"Connection: keep-alive\r\nKeep-Alive: ")?.strip_suffix(b"\r\n")?;
    HeaderValue::from_bytes(value).ok()
}

fn content_is_unasked(content: Option<&Expected>) -> bool {
    content.is_some_and(|content| content.unasked)
}
