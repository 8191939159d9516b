//! Thousands of connections that are reset at random moments, against two servers: the README's loop on threads (the file itself), and
//! a task of tokio for each connection.
//!
//! Every second connection is answered with 1 MiB, the others with a line, so that resets fall before, within and after requests and
//! while responses are under way. Afterwards nothing may be left: no thread, no task, no descriptor; each connection has ended by a
//! reason of the machine's; a new one is served; and the end, while connections are idle or within a request, takes no longer than
//! the settings say.

mod client;
#[path = "../../../examples/hello/serve.rs"]
mod hello;
mod tasks;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant as Clock};

use http_keepalive::{CloseReason, Config, Limits, Policy, SendError, Server, Timeouts};
use tokio::sync::watch;

use crate::client::{Random, Seen};

const USAGE: &str = "resets [--connections N] [--seed N]: N connections to each server, 2000 unless said otherwise";
/// Connections at once.
const CLIENTS: u64 = 64;
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";

const fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

static CONFIG: Config<Server> = {
    let timeouts = Timeouts::DEFAULT
        .with_first_octet(seconds(2))
        .with_idle(seconds(2))
        .with_idle_advertised(seconds(1))
        .with_content_gap(seconds(2))
        .with_head(seconds(2))
        .with_head_cap(seconds(3))
        .with_write_stall(seconds(2))
        .with_linger(seconds(2))
        .with_drain(seconds(3));
    match Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT) {
        Ok(config) => config,
        Err(_) => panic!("the settings do not fit"),
    }
};
/// No end may take longer: the longest of the settings, of which two may follow one another, and a busy machine.
const END: Duration = Duration::from_secs(10);

static LARGE: [u8; 1 << 20] = [b'x'; 1 << 20];

/// The content for the connection of this number.
fn content(number: u64) -> &'static [u8] {
    if number.is_multiple_of(2) { b"Hello\n" } else { &LARGE }
}

/// The connections of a server.
#[derive(Default)]
struct Count {
    begun: AtomicU64,
    open: AtomicU64,
    reasons: Mutex<BTreeMap<&'static str, u64>>,
    mistakes: Mutex<Vec<String>>,
}

/// A connection that is open, until this is dropped.
struct Open(Arc<Count>, u64);

impl Open {
    fn new(count: &Arc<Count>) -> Self {
        count.open.fetch_add(1, SeqCst);
        Self(count.clone(), count.begun.fetch_add(1, SeqCst))
    }

    fn ended(&self, how: Result<CloseReason, SendError>) {
        match how {
            Ok(reason) => *self.0.reasons.lock().unwrap().entry(reason.as_str()).or_default() += 1,
            Err(mistake) => self.0.mistakes.lock().unwrap().push(mistake.to_string()),
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, SeqCst);
    }
}

/// A server that runs: its address, and what ends it.
trait Running {
    fn address(&self) -> SocketAddr;
    /// Accepts no more; returns when all connections have ended.
    fn end(self: Box<Self>);
}

struct Threads {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    accepts: thread::JoinHandle<()>,
    count: Arc<Count>,
}

impl Threads {
    fn start(count: &Arc<Count>) -> io::Result<Box<dyn Running>> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (address, ends) = (listener.local_addr()?, Arc::new(AtomicBool::new(false)));
        let (end, counted) = (ends.clone(), count.clone());
        let accepts = thread::spawn(move || {
            while !end.load(SeqCst) {
                // a connection that was reset before it was accepted is an error, and not the end
                let Ok((stream, _)) = listener.accept() else { continue };
                let open = Open::new(&counted);
                thread::spawn(move || open.ended(hello::serve(stream, &CONFIG, content(open.1))));
            }
        });
        Ok(Box::new(Self { address, ends, accepts, count: count.clone() }))
    }
}

impl Running for Threads {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn end(self: Box<Self>) {
        self.ends.store(true, SeqCst);
        drop(TcpStream::connect(self.address));
        self.accepts.join().expect("the accepting thread panicked");
        // the README's loop is not asked to drain: its connections end by their own deadlines
        while self.count.open.load(SeqCst) > 0 {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

struct Tasks {
    address: SocketAddr,
    drain: watch::Sender<bool>,
    accepts: tokio::task::JoinHandle<()>,
    runtime: tokio::runtime::Runtime,
}

impl Tasks {
    fn start(count: &Arc<Count>) -> io::Result<Box<dyn Running>> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
        let (address, (drain, mut drains), count) = (listener.local_addr()?, watch::channel(false), count.clone());
        let accepts = runtime.spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    _ = drains.wait_for(|drain| *drain) => return,
                };
                let Ok((stream, _)) = accepted else { continue };
                let (open, drain) = (Open::new(&count), drains.clone());
                tokio::spawn(async move { open.ended(tasks::serve(stream, &CONFIG, content(open.1), drain).await) });
            }
        });
        Ok(Box::new(Self { address, drain, accepts, runtime }))
    }
}

impl Running for Tasks {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn end(self: Box<Self>) {
        let Self { drain, accepts, runtime, .. } = *self;
        drain.send_replace(true);
        runtime.block_on(accepts).expect("the accepting task panicked");
        // each task holds a receiver
        runtime.block_on(drain.closed());
    }
}

/// Threads and descriptors of this process.
fn held() -> (usize, usize) {
    let count = |folder| std::fs::read_dir(folder).map_or(0, Iterator::count);
    (count("/proc/self/task"), count("/proc/self/fd"))
}

/// Waits until it is so, for as long as an end may take.
fn wait_for(what: impl Fn() -> bool) -> bool {
    let begun = Clock::now();
    while !what() {
        if begun.elapsed() > END {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
    true
}

/// A request is answered.
fn asked(mut stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(END))?;
    stream.write_all(GET)?;
    let (mut octets, mut piece) = (Vec::new(), [0; 65536]);
    let whole = |octets: &[u8]| {
        let head = octets.windows(4).position(|window| window == b"\r\n\r\n");
        head.is_some_and(|head| octets.len() - head - 4 == 6 || octets.len() - head - 4 == LARGE.len())
    };
    while !whole(&octets) {
        match stream.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => octets.extend_from_slice(&piece[..read]),
        }
    }
    if octets.starts_with(b"HTTP/1.1 200 OK\r\n") { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

fn storm(address: SocketAddr, connections: u64, seed: u64) -> Result<Vec<Seen>, String> {
    let next = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let next = next.clone();
            thread::spawn(move || {
                let mut seen = Vec::new();
                loop {
                    let number = next.fetch_add(1, SeqCst);
                    if number >= connections {
                        return Ok::<_, String>(seen);
                    }
                    let mut random = Random::new(seed.wrapping_mul(1_000_003).wrapping_add(number));
                    seen.push(
                        client::run(address, &mut random).map_err(|error| format!("connection {number}: {error}"))?,
                    );
                }
            })
        })
        .collect();
    let mut seen = Vec::new();
    for client in clients {
        seen.extend(client.join().map_err(|_| "a client panicked")??);
    }
    Ok(seen)
}

fn judge(
    name: &str,
    start: fn(&Arc<Count>) -> io::Result<Box<dyn Running>>,
    connections: u64,
    seed: u64,
) -> Result<(), String> {
    let before = held();
    let count = Arc::new(Count::default());
    let running = start(&count).map_err(|error| error.to_string())?;
    let address = running.address();
    // what is made once is made now
    TcpStream::connect(address).and_then(|stream| asked(&stream)).map_err(|error| format!("the first: {error}"))?;
    if !wait_for(|| count.open.load(SeqCst) == 0) {
        return Err("the first connection does not end".into());
    }
    let serving = held();
    let begun = Clock::now();
    let seen = storm(address, connections, seed)?;
    let took = begun.elapsed();
    if !wait_for(|| count.open.load(SeqCst) == 0 && held() == serving) {
        let open = count.open.load(SeqCst);
        return Err(format!("{open} connections left; threads and descriptors {:?}, {serving:?} before", held()));
    }
    let rest = begun.elapsed() - took;
    TcpStream::connect(address).and_then(|stream| asked(&stream)).map_err(|error| format!("afterwards: {error}"))?;
    // the end, with connections fresh, idle, and within a request
    let fresh = TcpStream::connect(address);
    let idle = TcpStream::connect(address).and_then(|stream| asked(&stream).map(|()| stream));
    let busy = TcpStream::connect(address).and_then(|mut stream| {
        stream.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx").map(|()| stream)
    });
    thread::sleep(Duration::from_millis(50));
    let (begun, (ended, end)) = (Clock::now(), std::sync::mpsc::channel());
    let closes = thread::scope(|scope| {
        scope.spawn(move || {
            end.recv_timeout(END).is_err().then(|| {
                eprintln!("{name}: the end takes longer than {END:?}");
                std::process::exit(1)
            })
        });
        running.end();
        let closes = begun.elapsed();
        let _ = ended.send(());
        closes
    });
    for (which, open) in [("fresh", fresh), ("idle", idle), ("busy", busy)] {
        let mut stream = open.map_err(|error| format!("{which}: {error}"))?;
        // a reset is an end, too
        let _ = stream.read_to_end(&mut Vec::new());
    }
    if !wait_for(|| held() == before) {
        return Err(format!("threads and descriptors at the end {:?}, {before:?} before", held()));
    }
    let reasons = count.reasons.lock().unwrap();
    let mistakes = count.mistakes.lock().unwrap();
    if let Some(mistake) = mistakes.first() {
        return Err(format!("{} connections ended in a mistake of the driver: {mistake}", mistakes.len()));
    }
    let (begun, told) = (count.begun.load(SeqCst), reasons.values().sum::<u64>());
    if told != begun {
        return Err(format!("{begun} connections, and {told} reasons"));
    }
    let of = |what: fn(&Seen) -> bool| seen.iter().filter(|seen| what(seen)).count();
    println!(
        "{name}: {connections} connections in {took:.1?}, the last ended {rest:.1?} later; {} silent, {} after a whole request, {} within or after a response, {} MB read; the end took {closes:.1?}; {}",
        of(|seen| seen.silent),
        of(|seen| seen.whole),
        of(|seen| seen.octets > 0),
        seen.iter().map(|seen| seen.octets).sum::<u64>() / 1_000_000,
        reasons.iter().map(|(reason, count)| format!("{reason} {count}")).collect::<Vec<_>>().join(", ")
    );
    Ok(())
}

fn main() -> ExitCode {
    let (mut connections, mut seed) = (2000, std::process::id().into());
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().and_then(|value| value.parse().ok());
        match (name.as_str(), value) {
            ("--connections", Some(value)) => connections = value,
            ("--seed", Some(value)) => seed = value,
            _ => {
                eprintln!("{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    println!("seed {seed}");
    for (name, start) in [("threads", Threads::start as fn(&_) -> _), ("tokio", Tasks::start)] {
        if let Err(why) = judge(name, start, connections, seed) {
            eprintln!("{name}: {why}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
