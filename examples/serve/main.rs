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
mod places;
mod site;
mod slot;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use clap::Parser;
use http_keepalive::{Config, DrainMode, IdleClose, Limits, Policy, Server, Timeouts, Use};
use listenfd::ListenFd;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use socket2::{Domain, Socket, Type};

use crate::event_loop::{EventLoop, Shared};
use crate::places::Places;
use crate::site::Site;

/// Serves a folder over HTTP/1.0 and HTTP/1.1 on persistent connections.
///
/// Durations are written as 90s, 250ms or 2m; a plain number counts seconds. Ctrl-C or SIGTERM stops accepting and lets
/// exchanges in flight finish; a second one ends at once.
#[derive(Parser)]
#[command(
    name = "serve",
    after_help = "Exits with 0 when it was stopped, with 1 where it can not serve, with 2 for wrong options."
)]
struct Options {
    /// Where to listen, unless a listening socket is inherited (LISTEN_FDS).
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    addr: String,
    /// The folder to serve.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Settings in TOML: `preset = "NAME"` to begin with, and sections `limits`, `timeouts` and `policy` of what is different. The
    /// options below override it; without a file their defaults are those in brackets.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the settings in force, and no more.
    #[arg(long)]
    print_config: bool,
    /// Close a connection after so long without an octet between exchanges, never sooner than 500ms unless a file says so [65s]; 0: with its first response. A
    /// client that asks is told less, by 5s or by half if that is shorter, so that it does not send into our close; of less than
    /// a second it is told nothing.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    idle: Option<Duration>,
    /// Requests answered on one connection; 0: any number [1000].
    #[arg(long, value_name = "N")]
    max_requests: Option<u32>,
    /// A request's head must be complete after so long; up to twice that if it keeps coming [20s].
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    head: Option<Duration>,
    /// The longest gap in a request's content [20s].
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    content: Option<Duration>,
    /// Cut a client that takes nothing of its answer for so long [60s].
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    write_stall: Option<Duration>,
    /// The most octets of a request's content; more is refused with 413 [1048576].
    #[arg(long, value_name = "OCTETS")]
    max_content: Option<u64>,
    /// Per cent by which the limit of requests and the age of a connection vary, so that those that opened together do not end
    /// together [10].
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=50))]
    jitter: Option<u8>,
    /// How long exchanges in flight may take to finish once the end was asked for [30s].
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    drain_timeout: Option<Duration>,
    /// How long idle connections stay then, so that a request already on its way is answered; up to half as long again at
    /// random [1s].
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    drain_window: Option<Duration>,
    /// How long a lame duck goes on after the end was asked for: it accepts, and each answer says `close`; then all end as above. 0: until
    /// `--drain-timeout` [off].
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    lame_duck: Option<Duration>,
    /// The most connections, open files counted as well. When they run out the longest idle one goes; if none is idle, newcomers get 503
    /// [as many as the limit of descriptors allows].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_connections: Option<u32>,
    /// Threads, each with its own loop; 0: as many as cores.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Write a line to standard error for each exchange that is over, and for each closed connection.
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
    if options.print_config {
        print!("{}", toml::to_string(&config).map_err(|error| error.to_string())?);
        return Ok(());
    }
    let threads = match options.threads {
        0 => thread::available_parallelism().map_or(1, |cores| cores.get()),
        threads => threads,
    };
    let listeners =
        listeners(&options.addr, threads).map_err(|error| format!("cannot listen on {}: {error}", options.addr))?;
    let address = listeners[0].local_addr().map_err(|error| error.to_string())?;
    let places = Places::new(options.max_connections.map(|most| most as usize), DESCRIPTORS_OF_A_LOOP * threads);
    let site =
        Site::new(&options.dir, places).map_err(|error| format!("cannot serve {}: {error}", options.dir.display()))?;
    // loops live as long as the process
    let shared: &'static Shared = Box::leak(Box::new(Shared {
        lame_duck: options.lame_duck.filter(|time| !time.is_zero()),
        logs: options.log,
        ..Shared::new(config, site)
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

/// What the file says, or else what suits a server of files; and over it the options that were given.
fn config(options: &Options) -> Result<Config<Server>, String> {
    let base = match &options.config {
        Some(path) => {
            let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
            let text = std::fs::read_to_string(path).map_err(|error| named(&error))?;
            toml::from_str::<Config<Server>>(&text).map_err(|error| match error.span() {
                Some(span) => {
                    named(&format!("line {}: {}", text[..span.start].lines().count().max(1), error.message()))
                }
                None => named(&error.message()),
            })?
        }
        None => DEFAULT,
    };
    let (mut limits, mut timeouts) = (*base.limits(), *base.timeouts());
    let mut policy = *base.policy();
    if let Some(idle) = options.idle {
        if idle.is_zero() {
            policy.persistence = Use::Off;
        }
        timeouts.idle = Some(idle);
        timeouts.idle_advertised = Timeouts::advertised(idle);
    }
    if let Some(head) = options.head {
        timeouts.head = Some(head);
        timeouts.head_cap = Some(head.saturating_mul(2));
    }
    if let Some(window) = options.drain_window {
        timeouts.drain_window = Some(window);
        timeouts.drain_spread = Some(window / 2);
    }
    timeouts.content_gap = options.content.or(timeouts.content_gap);
    timeouts.write_stall = options.write_stall.or(timeouts.write_stall);
    timeouts.drain = options.drain_timeout.or(timeouts.drain);
    if let Some(time) = options.lame_duck {
        policy.drain_mode = DrainMode::LameDuck;
        timeouts.drain = timeouts.drain.map(|drain| drain.saturating_add(time));
    }
    if let Some(most) = options.max_requests {
        limits.max_exchanges = Some(most).filter(|&most| most > 0);
    }
    limits.content = options.max_content.or(limits.content);
    limits.jitter = options.jitter.unwrap_or(limits.jitter);
    Config::new(limits, timeouts, policy).map_err(|error| error.to_string())
}

/// Uploads are of no use here, and are read to a bound only; a request that crosses an idle close is not to meet a reset.
const DEFAULT: Config<Server> = match Config::new(
    Limits::DEFAULT.with_content(Some(1024 * 1024)).with_jitter(10),
    Timeouts::DEFAULT
        // under pressure it is what a newcomer waits for
        .with_idle_shield(Some(Duration::from_millis(500)))
        .with_drain_window(Some(Duration::from_secs(1)))
        .with_drain_spread(Some(Duration::from_millis(500))),
    Policy::DEFAULT.with_idle_close(IdleClose::Staged),
) {
    Ok(config) => config,
    Err(_) => panic!("out of bounds"),
};

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

/// Descriptors of a loop beside its listener: what it waits with, and what wakes it; and those of the signals.
const DESCRIPTORS_OF_A_LOOP: usize = 4;
/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;
