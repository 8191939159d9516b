//! Serves a folder over HTTP/1.0 and HTTP/1.1 on persistent connections.
//!
//! ```sh
//! cargo run --release --example serve -- --addr 127.0.0.1:8080 --dir .
//! ```
//!
//! A driver to be copied: `event_loop` waits for sockets and deadlines, `peer` carries octets between a socket and its machine,
//! `site` knows files. What HTTP asks of a connection is decided by the machine alone. For Unix.

#![forbid(unsafe_code)]

mod buffer;
mod event_loop;
mod peer;
mod site;
mod slot;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use clap::Parser;
use http_keepalive::{Config, IdleClose, Limits, Policy, Server, Timeouts};
use listenfd::ListenFd;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use socket2::{Domain, Socket, Type};

use crate::event_loop::{EventLoop, Shared};
use crate::site::Site;

/// Serves a folder over HTTP/1.0 and HTTP/1.1 on persistent connections.
///
/// Durations are written as 90s, 250ms or 2m; a plain number counts seconds. Ctrl-C or SIGTERM stops accepting and lets
/// exchanges in flight finish; a second one ends at once.
#[derive(Parser)]
#[command(name = "serve")]
struct Options {
    /// Where to listen, unless a listening socket is inherited (LISTEN_FDS).
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    addr: String,
    /// The folder to serve.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Close a connection after so long without an octet between exchanges. A client that asks is told less, by 5s or by half
    /// if that is shorter, so that it does not send into our close; of less than a second it is told nothing.
    #[arg(long, value_name = "DURATION", default_value = "65s", value_parser = duration)]
    idle: Duration,
    /// Requests answered on one connection; 0: any number.
    #[arg(long, value_name = "N", default_value_t = Limits::DEFAULT.max_exchanges.unwrap_or(0))]
    max_requests: u32,
    /// A request's head must be complete after so long; up to twice that if it keeps coming.
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = duration)]
    head: Duration,
    /// The longest gap in a request's content.
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = duration)]
    content: Duration,
    /// Cut a client that takes nothing of its answer for so long.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration)]
    write_stall: Duration,
    /// The most octets of a request's content; more is refused with 413.
    #[arg(long, value_name = "OCTETS", default_value_t = 1024 * 1024)]
    max_content: u64,
    /// Per cent by which the limit of requests and the age of a connection vary, so that those that opened together do not end
    /// together.
    #[arg(long, value_name = "PERCENT", default_value_t = 10, value_parser = clap::value_parser!(u8).range(0..=100))]
    jitter: u8,
    /// How long exchanges in flight may take to finish once the end was asked for.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration)]
    drain_timeout: Duration,
    /// How long idle connections stay then, so that a request already on its way is answered; half as long again at random.
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration)]
    drain_window: Duration,
    /// Threads, each with its own loop; 0: as many as cores.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Write a line to standard error for each closed connection.
    #[arg(long)]
    log: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(secs) => Ok(Duration::from_secs(secs)),
        Err(_) => humantime::parse_duration(text).map_err(|error| error.to_string()),
    }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("serve: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let config = config(options)?;
    let site = Site::new(&options.dir).map_err(|error| format!("cannot serve {}: {error}", options.dir.display()))?;
    let threads = match options.threads {
        0 => thread::available_parallelism().map_or(1, |cores| cores.get()),
        threads => threads,
    };
    let listeners =
        listeners(&options.addr, threads).map_err(|error| format!("cannot listen on {}: {error}", options.addr))?;
    let address = listeners[0].local_addr().map_err(|error| error.to_string())?;
    // loops live as long as the process
    let shared: &'static Shared = Box::leak(Box::new(Shared {
        config,
        site,
        logs: options.log,
        draining: AtomicBool::new(false),
        octets_lost: AtomicU64::new(0),
    }));
    let loops: Vec<EventLoop> = listeners
        .into_iter()
        .map(|listener| EventLoop::new(shared, listener))
        .collect::<io::Result<_>>()
        .map_err(|error| format!("cannot wait for sockets: {error}"))?;
    heed_signals(shared, &loops).map_err(|error| format!("cannot heed signals: {error}"))?;
    println!("serving {} on http://{address}/", shared.site.root().display());
    io::stdout().flush().map_err(|error| format!("cannot write: {error}"))?;
    let threads: Vec<_> = loops.into_iter().map(|one| thread::spawn(|| one.run())).collect();
    for thread in threads {
        let ended = thread.join().map_err(|_| "a loop has panicked")?;
        ended.map_err(|error| format!("cannot wait for sockets: {error}"))?;
    }
    eprintln!("serve: {} octets thrown away by idle closes", shared.octets_lost.load(Ordering::Relaxed));
    Ok(())
}

fn config(options: &Options) -> Result<Config<Server>, String> {
    let guard = Duration::from_secs(5).min(options.idle / 2);
    let advertised = Some(options.idle - guard).filter(|&told| told >= Duration::from_secs(1));
    let limits = Limits::DEFAULT
        .with_max_exchanges(Some(options.max_requests).filter(|&most| most > 0))
        .with_content(Some(options.max_content))
        .with_jitter(options.jitter);
    let timeouts = Timeouts::DEFAULT
        .with_idle(Some(options.idle))
        .with_idle_advertised(advertised)
        .with_head(Some(options.head))
        .with_head_cap(Some(options.head.saturating_mul(2)))
        .with_content_gap(Some(options.content))
        .with_write_stall(Some(options.write_stall))
        .with_drain(Some(options.drain_timeout))
        .with_drain_window(Some(options.drain_window))
        .with_drain_spread(Some(options.drain_window / 2));
    // a request that crosses our idle close is not to meet a reset
    let policy = Policy::DEFAULT.with_idle_close(IdleClose::Staged);
    Config::new(limits, timeouts, policy).map_err(|error| error.to_string())
}

/// A listener for each thread, all on one address: the system spreads connections over them, and no thread wakes for another's.
/// One that was inherited (`LISTEN_FDS`) serves instead of the address, so that a restart refuses nobody: each thread waits for it.
fn listeners(addr: &str, threads: usize) -> io::Result<Vec<TcpListener>> {
    if let Some(inherited) = ListenFd::from_env().take_tcp_listener(0)? {
        return (0..threads).map(|_| inherited.try_clone()).collect();
    }
    let mut refused = io::Error::new(io::ErrorKind::NotFound, "no such host");
    for address in addr.to_socket_addrs()? {
        match listen(address, threads) {
            Ok(listeners) => return Ok(listeners),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

fn listen(address: SocketAddr, threads: usize) -> io::Result<Vec<TcpListener>> {
    let bound = |address: SocketAddr, shares: bool| {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(shares)?;
        socket.bind(&address.into())?;
        io::Result::Ok(socket)
    };
    // does not share the address, so it fails if another process is there; chooses the port if none is named
    let first = bound(address, false)?;
    let address = first.local_addr()?.as_socket().ok_or(io::ErrorKind::Unsupported)?;
    let sockets = (0..threads).map(|_| {
        let socket = bound(address, true)?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    });
    sockets.collect()
}

/// The first signal asks for the end, the second is the end.
fn heed_signals(shared: &'static Shared, loops: &[EventLoop]) -> io::Result<()> {
    let wakers: Vec<_> = loops.iter().map(EventLoop::waker).collect();
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::spawn(move || {
        let mut signals = signals.forever();
        signals.next();
        eprintln!("serve: stopping when exchanges in flight have finished; once more to stop at once");
        shared.draining.store(true, Ordering::Release);
        for waker in &wakers {
            if let Err(error) = waker.wake() {
                eprintln!("serve: cannot wake a loop: {error}");
            }
        }
        let signal = signals.next().unwrap_or(SIGTERM);
        std::process::exit(128 + signal);
    });
    Ok(())
}

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;
