//! A relay: `relay HOST:PORT [UPSTREAM:PORT...]`. With upstreams it stands before them, each request at the next in turn; without, it is a
//! forward proxy, and opens tunnels. A thread for each client; one pool of idle connections for all. Drains on SIGTERM and SIGINT.
//!
//! It shows `http_keepalive::relay`, and is no product: it asks nobody who they are, and speaks no TLS.
#![forbid(unsafe_code)]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use std::{env, error::Error, process, thread, time};

use http_keepalive::drive::{Attempt, Drive, Side, Step, Transport};
use http_keepalive::intermediary::{NextHop, Pseudonym};
use http_keepalive::pool::*;
use http_keepalive::relay::*;
use http_keepalive::*;
use rustix::event::{PollFd, PollFlags, poll};
use signal_hook::{consts::*, iterator::Signals};

static DRAINS: AtomicBool = AtomicBool::new(false);
static CLIENTS: AtomicU32 = AtomicU32::new(0);
static MOST_CLIENTS: AtomicU32 = AtomicU32::new(0);
static TURN: AtomicUsize = AtomicUsize::new(0);
/// So often who waits looks at `DRAINS`.
const TICK: Duration = Duration::from_millis(100);
const CONNECT: Duration = Duration::from_secs(5);

/// An upstream connection; its drive is in the relay while a request is under way.
struct Wire {
    stream: TcpStream,
    drive: Option<Drive<Client, Vec<u8>, &'static Config<Client>>>,
}

type Idle = SharedPool<String, Wire>;

/// What all threads share.
struct Shared {
    pool: Idle,
    upstreams: Vec<String>,
    policy: RelayPolicy,
    opened: time::Instant,
    server: Config<Server>,
    client: Config<Client>,
}

impl Shared {
    fn now(&self) -> Instant {
        Instant::since(self.opened, time::Instant::now())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let address = env::args().nth(1).unwrap_or("127.0.0.1:8080".into());
    let upstreams: Vec<String> = env::args().skip(2).collect();
    let listener = TcpListener::bind(address)?;
    let (address, mut signals) = (listener.local_addr()?, Signals::new([SIGINT, SIGTERM])?);
    let standing = if upstreams.is_empty() { Standing::Proxy } else { Standing::Gateway };
    let via = Pseudonym::new(&format!("relay-{}", process::id()));
    let response = Timeouts::CLIENT.with_response(Some(Duration::from_secs(60)));
    // one more than there are of them, so that each may be asked
    let tries = u8::try_from(upstreams.len() + 1).unwrap_or(u8::MAX).max(2);
    // two connections for each of its users, as RFC 2616 8.1.4 had it for proxies, and no limit for one origin
    let limits = PoolLimits::DEFAULT.with_per_origin(None).with_total(None).with_per_user(Some(2));
    let shared: &Shared = Box::leak(Box::new(Shared {
        pool: SharedPool::new(Instant::EPOCH, &PoolConfig::new(limits, PoolTimeouts::DEFAULT, PoolPolicy::DEFAULT)?),
        upstreams,
        policy: RelayPolicy::DEFAULT.with_standing(standing).with_via(via).with_tries(tries),
        opened: time::Instant::now(),
        server: Config::new(Limits::DEFAULT, Timeouts::DEFAULT, Policy::DEFAULT)?,
        client: Config::new(Limits::DEFAULT, response, Policy::DEFAULT)?,
    }));
    println!("listening on http://{address}/");
    thread::spawn(move || {
        DRAINS.store(signals.forever().next().is_some(), Relaxed);
        TcpStream::connect(address) // so that `accept` returns
    });
    thread::scope(move |scope| {
        for stream in listener.incoming().take_while(|_| !DRAINS.load(Relaxed)) {
            let serve = |stream: TcpStream| {
                thread::Builder::new().spawn_scoped(scope, move || {
                    // the most there were: idle connections beyond a limit that falls would keep new ones from being opened
                    let clients = CLIENTS.fetch_add(1, Relaxed) + 1;
                    shared.pool.set_users(MOST_CLIENTS.fetch_max(clients, Relaxed).max(clients));
                    let peer = stream.peer_addr().map_or_else(|_| "?".into(), |peer| peer.to_string());
                    let mut client =
                        Served { shared, stream, peer, lent: None, key: String::new(), opened: 0, turn: 0 };
                    if let Err(error) = client.serve() {
                        eprintln!("{}: {error}", client.peer);
                    }
                    CLIENTS.fetch_sub(1, Relaxed);
                })
            };
            stream.and_then(serve).map_or_else(|_| thread::sleep(TICK), drop); // no descriptors or threads for a while
        }
    });
    Ok(())
}

/// A client, and the upstream that its request goes to.
struct Served {
    shared: &'static Shared,
    stream: TcpStream,
    peer: String,
    lent: Option<Lent<String, Wire>>,
    key: String,
    opened: u32,
    /// At which of the upstreams the request was first.
    turn: usize,
}

type Relayed = Relay<Vec<u8>>;

impl Served {
    fn serve(&mut self) -> std::io::Result<()> {
        self.stream.set_nodelay(true)?;
        self.stream.set_nonblocking(true)?;
        let (shared, mut account) = (self.shared, Account::new(self.shared.now()));
        let drive = Drive::new(shared.now(), &shared.server, Vec::new(), Vec::new());
        let mut relay = Relayed::new(drive, shared.policy.clone(), Vec::new());
        let mut tunnel = None;
        loop {
            if DRAINS.load(Relaxed) {
                relay.close_after_exchange(shared.now());
            }
            let step = relay.poll(shared.now());
            if let Some(done) = account.look(shared.now(), relay.client().connection()) {
                println!(
                    "{} {} {} octets in, {} out, {:.1} ms, {} to {}",
                    self.peer,
                    done.number,
                    done.received,
                    done.sent,
                    done.took.as_secs_f64() * 1e3,
                    done.persistence.as_str(),
                    self.key
                );
            }
            match step {
                RelayStep::Upstream => self.route(&mut relay, &mut tunnel),
                RelayStep::Return => self.give_back(&mut relay),
                RelayStep::Transport(asked) => self.transfer(&mut relay, asked)?,
                RelayStep::Shut(shut) => {
                    // the rest where it is dropped; a reset so that what was cut does not pass for whole
                    let _ = match shut {
                        Shut::HalfClose(_) => self.stream.shutdown(Shutdown::Write),
                        Shut::Close(_) => Ok(()),
                        Shut::Reset(_) => socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)),
                    };
                    relay.shut_done(shared.now());
                }
                RelayStep::HandOver(_) => {
                    let (client, upstream) = relay.into_drives();
                    let stream =
                        tunnel.or_else(|| self.lent.take().map(|lent| lent.closed(shared.now(), Ended::ByUs).stream));
                    let Some(stream) = stream else { return Ok(()) };
                    let early = upstream.map_or_else(Vec::new, |drive| drive.received().to_vec());
                    return pump(&self.stream, &stream, client.received(), &early);
                }
                RelayStep::Closed => return Ok(()),
                RelayStep::Content => {}
                RelayStep::Lost(kind, verdict, reason) => {
                    println!("{} lost {}: {kind:?}, {} {reason}", self.peer, self.key, verdict.as_str());
                }
                RelayStep::Refused(fault) => println!("{} refused: {fault}", self.peer),
                RelayStep::Error(side, error) => println!("{} {side:?}: {error}", self.peer),
                RelayStep::Expired(side, deadline) => println!("{} {side:?}: {} passed", self.peer, deadline.kind),
            }
        }
    }

    /// Finds an upstream for the request: an idle connection, or a new one.
    fn route(&mut self, relay: &mut Relayed, tunnel: &mut Option<TcpStream>) {
        let (shared, now) = (self.shared, self.shared.now());
        let Some(wanted) = relay.wanted() else { return };
        let (connects, new_only, authority) =
            (wanted.method.kind() == MethodKind::Connect, wanted.new_only, wanted.authority);
        let key = match shared.upstreams.len() {
            0 => {
                let authority = String::from_utf8_lossy(authority).into_owned();
                let has_port = authority
                    .rsplit(':')
                    .next()
                    .is_some_and(|port| !port.contains(']') && port.len() < authority.len());
                if has_port { authority } else { format!("{authority}:80") }
            }
            count => {
                if wanted.tries == 0 {
                    self.turn = TURN.fetch_add(1, Relaxed);
                }
                // the next try is at the next of them
                shared.upstreams[self.turn.wrapping_add(wanted.tries as usize) % count].clone()
            }
        };
        let forwarded = [("X-Forwarded-For", self.peer.rsplit_once(':').map_or("", |(host, _)| host).to_owned())];
        if wanted.pinned {
            if self.key == key {
                relay.forward_pinned(now, NextHop::Origin, &forwarded);
            } else {
                relay.release_pinned(now);
            }
            return;
        }
        self.key = key;
        if connects && shared.upstreams.is_empty() {
            return match connect(&self.key) {
                Ok(stream) => match relay.tunnel(now, NO_FIELDS) {
                    Ok(()) => *tunnel = Some(stream),
                    Err(error) => println!("{} no tunnel: {error}", self.peer),
                },
                Err(error) => relay.not_connected(shared.now(), error.kind() != ErrorKind::TimedOut),
            };
        }
        let source = if new_only { Source::New } else { Source::Any };
        let handout = shared.pool.checkout(now, &self.key, Demand::DEFAULT.with_source(source));
        let mut answer = match handout {
            Handout::Wait(mut waiting) => match waiting.block(|| shared.now(), now + CONNECT) {
                Some(Ok(next)) => next,
                _ => return relay.not_connected(shared.now(), false),
            },
            Handout::Use(lent) => Granted::Use(lent),
            Handout::Open(place) => Granted::Open(place),
            Handout::Refuse(_) => return relay.not_connected(now, true),
        };
        while let Some(closing) = shared.pool.expire(shared.now()) {
            drop(closing);
        }
        let lent = match &mut answer {
            Granted::Use(_) => {
                let Granted::Use(mut lent) = answer else { return };
                let Some(mut drive) = lent.drive.take() else { return };
                look(&lent.stream, &mut drive, shared.now());
                if !matches!(drive.reusable(shared.now()), Reusable::Now { .. }) {
                    // found before anything was sent: no try is counted
                    drop(lent.closed(shared.now(), Ended::of_machine(drive.connection().ended_by(), true)));
                    return;
                }
                lent.drive = Some(drive);
                lent
            }
            Granted::Open(_) => {
                let Granted::Open(place) = answer else { return };
                let stream = match connect(&self.key) {
                    Ok(stream) => stream,
                    Err(error) => {
                        drop(place.failed(shared.now()));
                        return relay.not_connected(shared.now(), error.kind() != ErrorKind::TimedOut);
                    }
                };
                self.opened += 1;
                let drive = Drive::new(shared.now(), &shared.client, Vec::new(), Vec::new());
                match place.opened(shared.now(), Wire { stream, drive: Some(drive) }) {
                    Ok(lent) => lent,
                    Err(_) => return relay.not_connected(shared.now(), false),
                }
            }
        };
        let mut lent = lent;
        let Some(drive) = lent.drive.take() else { return };
        self.lent = Some(lent);
        let next = if connects { NextHop::Proxy } else { NextHop::Origin };
        if relay.forward(shared.now(), drive, next, &forwarded).is_err() {
            self.lent = None;
        }
    }

    fn give_back(&mut self, relay: &mut Relayed) {
        let now = self.shared.now();
        let Some((mut drive, verdict)) = relay.take_upstream(now) else { return };
        let Some(mut lent) = self.lent.take() else { return };
        match verdict {
            UpstreamVerdict::Reuse => {
                let returned = Returned::of_machine(drive.connection().persistence(), drive.reusable(now));
                drive.shrink();
                lent.drive = Some(drive);
                drop(lent.checkin(now, &returned).to_close);
            }
            UpstreamVerdict::Close(_) => {
                let unanswered = drive.connection().unanswered().next().is_some_and(|one| !one.evidence.response_begun);
                let ended = Ended::of_machine(drive.connection().ended_by(), lent.is_reused() && unanswered);
                drop(lent.closed(now, ended));
            }
        }
        while let Some(closing) = self.shared.pool.expire(now) {
            drop(closing);
        }
    }

    /// Waits for what is asked, and does it.
    fn transfer(&mut self, relay: &mut Relayed, asked: Transports) -> std::io::Result<()> {
        let shared = self.shared;
        let mut sides = vec![(Neighbor::Client, asked.client, &self.stream)];
        if let Some(lent) = &self.lent {
            sides.push((Neighbor::Upstream, asked.upstream, &lent.stream));
        }
        let looks = |transport: &Transport| transport.read == Attempt::Look || transport.write == Attempt::Look;
        if sides.iter().any(|(_, transport, _)| looks(transport)) {
            for (who, transport, mut stream) in sides {
                if looks(&transport) {
                    relay.transfer(|| shared.now(), who, transport, &mut stream);
                }
            }
            return Ok(());
        }
        let wait = relay.wait(shared.now()).map_or(TICK, |wait| wait.min(TICK));
        let flags = |transport: &Transport| {
            let read = if transport.read == Attempt::No { PollFlags::empty() } else { PollFlags::IN };
            read | if transport.write == Attempt::No { PollFlags::empty() } else { PollFlags::OUT }
        };
        let waited: Vec<_> = sides.iter().filter(|(_, transport, _)| !flags(transport).is_empty()).collect();
        let mut polled: Vec<_> =
            waited.iter().map(|(_, transport, stream)| PollFd::new(*stream, flags(transport))).collect();
        let timeout = rustix::event::Timespec::try_from(wait).ok();
        if let Err(error) = poll(&mut polled, timeout.as_ref()) {
            return if error == rustix::io::Errno::INTR { Ok(()) } else { Err(error.into()) };
        }
        let mut ready = false;
        for ((who, transport, stream), found) in waited.iter().zip(polled.iter().map(|one| one.revents())) {
            let (write, read) =
                (Transport { read: Attempt::No, ..*transport }, Transport { write: Attempt::No, ..*transport });
            let failed = found.intersects(PollFlags::ERR | PollFlags::HUP);
            for (wanted, flag) in [(write, PollFlags::OUT), (read, PollFlags::IN)] {
                let asks = wanted.write != Attempt::No || wanted.read != Attempt::No;
                if asks && (failed || found.intersects(flag)) {
                    ready = true;
                    relay.transfer(|| shared.now(), *who, wanted, &mut &**stream);
                }
            }
        }
        if !ready {
            relay.expire(shared.now());
        }
        Ok(())
    }
}

/// What is there now is no answer to a request that was not sent.
fn look(stream: &TcpStream, drive: &mut Drive<Client, Vec<u8>, &'static Config<Client>>, now: Instant) {
    let mut stream = stream;
    match stream.read(drive.room()) {
        Ok(octets) => drive.read(octets),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        Err(_) => drive.failed(now, Side::Read),
    }
    while !matches!(drive.poll(now), Step::Transport(_) | Step::Shut(_) | Step::Closed) {}
}

fn connect(to: &str) -> std::io::Result<TcpStream> {
    let mut last = ErrorKind::NotFound.into();
    for address in to.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Both ways, until both sides have ended: what one had sent goes first, then the other is shut (RFC 9110 9.3.6).
fn pump(client: &TcpStream, upstream: &TcpStream, early: &[u8], answer: &[u8]) -> std::io::Result<()> {
    client.set_nonblocking(false)?;
    upstream.set_nonblocking(false)?;
    let one_way = |mut from: &TcpStream, mut to: &TcpStream, first: &[u8]| {
        let _ = to.write_all(first).and_then(|()| std::io::copy(&mut from, &mut to));
        let _ = to.shutdown(Shutdown::Write);
    };
    thread::scope(|scope| {
        scope.spawn(|| one_way(client, upstream, early));
        one_way(upstream, client, answer);
    });
    Ok(())
}
