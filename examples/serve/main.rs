//! Serves a folder over HTTP/1.0 and HTTP/1.1 on persistent connections.
//!
//! ```sh
//! cargo run --release --example serve -- --addr 127.0.0.1:8080 .
//! ```
//!
//! A driver to be copied: `event_loop` waits for sockets and deadlines, `peer` carries octets between a socket and its machine,
//! `site` knows files, `options` what it is told. What HTTP asks of a connection is decided by the machine alone. For Unix.

#![forbid(unsafe_code)]

mod beneath;
mod event_loop;
mod options;
mod peer;
mod places;
#[path = "../shared/settings_file.rs"]
mod settings_file;
mod site;
mod slot;
#[path = "../shared/values.rs"]
mod values;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::thread;

use clap::Parser;
use listenfd::ListenFd;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use socket2::{Domain, Socket, Type};

use crate::event_loop::{EventLoop, Shared};
use crate::options::Options;
use crate::places::Places;
use crate::site::Site;

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
    let (config, folder) = (options.config()?, options.folder()?);
    if options.print_config {
        print!("{}", toml::to_string(&config).map_err(|error| error.to_string())?);
        return Ok(());
    }
    let threads = match options.threads {
        0 => thread::available_parallelism().map_or(1, |cores| cores.get()),
        threads => threads,
    };
    let listeners = listeners(&options.addr, threads)
        .map_err(|error| format!("cannot listen on {}: {}", options.addr, not_listening(&error)))?;
    let address = listeners[0].local_addr().map_err(|error| error.to_string())?;
    let places = Places::new(options.max_connections(), DESCRIPTORS_OF_A_LOOP * threads);
    let site = Site::new(folder, places).map_err(|error| format!("cannot serve {}: {error}", folder.display()))?;
    let site = site.with_dot_files(options.dot_files);
    // loops live as long as the process
    let shared: &'static Shared =
        Box::leak(Box::new(Shared { lame_duck: options.lame_duck(), logs: options.log, ..Shared::new(config, site) }));
    let loops: Vec<EventLoop> = listeners
        .into_iter()
        .map(|listener| EventLoop::new(shared, listener))
        .collect::<io::Result<_>>()
        .map_err(|error| format!("cannot wait for sockets: {error}"))?;
    heed_signals(shared, &loops).map_err(|error| format!("cannot heed signals: {error}"))?;
    println!("serving {} on http://{address}/ (Ctrl-C to stop)", shared.site.root().display());
    io::stdout().flush().map_err(|error| format!("cannot write: {error}"))?;
    let threads: Vec<_> = loops.into_iter().map(|one| thread::spawn(|| one.run())).collect();
    for thread in threads {
        let ended = thread.join().map_err(|_| "a loop has panicked")?;
        ended.map_err(|error| format!("cannot wait for sockets: {error}"))?;
    }
    let lost = shared.octets_lost.load(Ordering::Relaxed);
    if options.log || lost > 0 {
        eprintln!("serve: {lost} octets thrown away by idle closes");
    }
    Ok(())
}

/// Why it can not listen, and what to do about it.
fn not_listening(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "another program does; `--addr HOST:PORT` chooses another address, such as `--addr 127.0.0.1:8081`; port 0 is any that is free"
                .to_owned()
        }
        io::ErrorKind::AddrNotAvailable => "it is no address of this machine; 0.0.0.0 is all of them".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 are the administrator's; `--addr HOST:PORT` chooses another, such as `--addr 127.0.0.1:8080`".to_owned()
        }
        _ => error.to_string(),
    }
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

/// Descriptors of a loop beside its listener: what it waits with, and what wakes it; and those of the signals.
const DESCRIPTORS_OF_A_LOOP: usize = 4;
/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;
