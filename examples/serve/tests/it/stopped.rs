//! A process that was stopped wakes with deadlines that have passed and octets that came in time. Nobody is blamed for it, and whoever
//! really stalls is cut at its time: `examples/serve` in a process of its own, stopped by a signal; and the README's loop, stopped by a
//! peer that does not read.
//!
//! Here time is real, as it is what a stop takes. Cases of one process run at once.

#![cfg(unix)]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use http_keepalive::{CloseReason, Config, Limits, Policy, Server, Timeouts};
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, SockRef, Socket, Type};

use crate::serve::event_loop::{EventLoop, Shared};
use crate::serve::places::Places;
use crate::serve::site::Site;

#[path = "../../../hello/serve.rs"]
mod hello;

/// What each of the timeouts is that a peer can meet.
const TERM: Duration = Duration::from_secs(2);
const STOP: Duration = Duration::from_secs(5);
/// A cut may come so much later than it is due.
const LATE: Duration = Duration::from_secs(1);
/// A bound on a test that fails, not a wait.
const PATIENCE: Duration = Duration::from_secs(20);

const GET: &str = "GET /small.txt HTTP/1.1\r\nHost: x\r\n\r\n";
const LARGE: usize = 24_000_000;

fn timeouts() -> Timeouts {
    Timeouts::DEFAULT
        .with_first_octet(Some(TERM))
        .with_idle(Some(TERM))
        .with_idle_advertised(None)
        .with_head(Some(TERM))
        .with_head_cap(Some(TERM * 2))
        .with_content_gap(Some(TERM))
        .with_write_stall(Some(TERM))
}

/// A process that serves.
struct Process {
    child: Child,
    address: SocketAddr,
    folder: PathBuf,
}

impl Process {
    /// It is this program, running the test of this name alone: there, this call serves and does not return.
    fn of(name: &str, timeouts: Timeouts) -> Self {
        const FOLDER: &str = "STOPPED_TEST_FOLDER";
        const LISTENS: &str = "listens on ";
        if let Some(folder) = std::env::var_os(FOLDER) {
            // it ends with who begun it
            thread::spawn(|| {
                let _ = std::io::stdin().read(&mut [0]);
                std::process::exit(0);
            });
            let limits = Limits::DEFAULT.with_max_exchanges(None);
            let config = Config::new(limits, timeouts, Policy::DEFAULT).unwrap();
            let site = Site::new(folder.as_ref(), Places::new(None, 0)).unwrap();
            let shared: &'static Shared = Box::leak(Box::new(Shared::new(config, site)));
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            println!("{LISTENS}{}", listener.local_addr().unwrap());
            EventLoop::new(shared, listener).unwrap().run().unwrap();
            unreachable!("it is not asked to end");
        }
        let folder = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("small.txt"), "a small file\n").unwrap();
        std::fs::write(folder.join("large.bin"), vec![b'x'; LARGE]).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("stopped::{name}"), "--nocapture"])
            .env(FOLDER, &folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let address = lines.filter_map(|line| line.split_once(LISTENS).map(|(_, address)| address.parse().unwrap()));
        let address = { address }.next().expect("it listens");
        Self { child, address, folder }
    }

    fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// With little room for what comes, so that what is not read waits in the server.
    fn connect(&self) -> TcpStream {
        connect(self.address, 64 * 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// With room for so much of what comes.
fn connect(address: SocketAddr, room: usize) -> TcpStream {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(room).unwrap();
    socket.connect(&address.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A state in which the peer owes something.
#[derive(Clone)]
struct State {
    name: &'static str,
    /// Whether an exchange came before.
    used: bool,
    /// What has come.
    part: String,
    /// What is owed.
    rest: String,
    /// The status that answers the whole.
    whole: &'static str,
    /// And the part alone; none, where nothing does.
    cut: &'static str,
    /// What a peer can send for ever without an end of what it owes.
    drip: Option<&'static str>,
}

fn states() -> [State; 6] {
    let fresh =
        State { name: "fresh", used: false, part: String::new(), rest: GET.into(), whole: "200", cut: "", drip: None };
    let (part, rest) = GET.split_at(30);
    let head = State { part: part.into(), rest: rest.into(), cut: "408", drip: Some("x"), ..fresh.clone() };
    let post = |framing: &str| format!("POST /small.txt HTTP/1.1\r\nHost: x\r\n{framing}");
    let content = State { whole: "405", ..head.clone() };
    [
        State { name: "idle", used: true, ..fresh.clone() },
        State { name: "a second head", used: true, ..head.clone() },
        State {
            name: "content",
            part: post("Content-Length: 100000\r\n\r\nx"),
            rest: "x".repeat(99_999),
            ..content.clone()
        },
        State {
            name: "chunks",
            part: post("Transfer-Encoding: chunked\r\n\r\n186a0\r\nx"),
            rest: "x".repeat(99_999) + "\r\n0\r\n\r\n",
            ..content
        },
        State { name: "a head", ..head },
        fresh,
    ]
}

impl State {
    /// A connection in this state.
    fn enter(&self, process: &Process) -> TcpStream {
        let mut stream = process.connect();
        if self.used {
            stream.write_all(GET.as_bytes()).unwrap();
            assert_eq!(answer(&mut stream).0, "200", "{}", self.name);
        }
        stream.write_all(self.part.as_bytes()).unwrap();
        stream
    }
}

/// The status of the next answer and whether the connection stays, or nothing where there is none.
fn answer(stream: &mut TcpStream) -> (String, bool) {
    let (mut head, mut octet) = (String::new(), [0]);
    while !head.ends_with("\r\n\r\n") {
        if stream.read(&mut octet).unwrap() == 0 {
            assert_eq!(head, "");
            return (head, false);
        }
        head.push(octet[0].into());
    }
    let length = head.split_once("Content-Length: ").map_or("0", |(_, rest)| rest.split("\r\n").next().unwrap());
    stream.read_exact(&mut vec![0; length.parse().unwrap()]).unwrap();
    (head[9..12].to_owned(), !head.contains("Connection: close"))
}

/// It was cut a term after it had `begun`, or up to so much later.
fn assert_cut(name: &str, begun: Instant, grace: Duration) {
    let took = begun.elapsed();
    assert!((TERM..TERM + grace + LATE).contains(&took), "{name}: cut after {took:?}");
}

/// Waits for the reset that a peer sees which does not read.
fn await_reset(stream: TcpStream) {
    stream.set_nonblocking(true).unwrap();
    let (mut poll, mut events) = (Poll::new().unwrap(), Events::with_capacity(8));
    let mut stream = mio::net::TcpStream::from_std(stream);
    poll.registry().register(&mut stream, Token(0), Interest::READABLE).unwrap();
    let begun = Instant::now();
    while !events.iter().any(mio::event::Event::is_error) {
        assert!(begun.elapsed() < PATIENCE, "it was not cut");
        poll.poll(&mut events, Some(PATIENCE)).unwrap();
    }
}

/// Asks for what is more than a socket takes.
fn download(process: &Process) -> TcpStream {
    let mut stream = process.connect();
    stream.write_all(b"GET /large.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    stream
}

#[test]
fn a_stop_is_blamed_on_nobody_who_was_in_time() {
    let process = &Process::of("a_stop_is_blamed_on_nobody_who_was_in_time", timeouts());
    let states = states();
    let (stops, stopped, fast) =
        (Barrier::new(states.len() + 2), Barrier::new(states.len() + 1), AtomicBool::new(false));
    thread::scope(|scope| {
        for state in &states {
            scope.spawn(|| {
                let mut stream = state.enter(process);
                stops.wait();
                stopped.wait();
                stream.write_all(state.rest.as_bytes()).unwrap();
                // answered, and the connection is as good as before
                assert_eq!(answer(&mut stream), (state.whole.to_owned(), true), "{}", state.name);
                stream.write_all(GET.as_bytes()).unwrap();
                assert_eq!(answer(&mut stream).0, "200", "{}", state.name);
            });
        }
        scope.spawn(|| {
            // it reads all the time, and so little that the socket is never said to take more
            let mut stream = download(process);
            let (mut piece, mut octets) = ([0; 16 * 1024], 0);
            stream.read_exact(&mut piece).unwrap();
            stops.wait();
            loop {
                match stream.read(&mut piece).expect("the download goes on") {
                    0 => break,
                    more => octets += more,
                }
                if !fast.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(100));
                }
            }
            assert!(octets > LARGE - piece.len(), "only {octets} octets came");
        });
        stops.wait();
        // what was sent before this answer has been read
        let mut stream = process.connect();
        stream.write_all(GET.as_bytes()).unwrap();
        assert_eq!(answer(&mut stream).0, "200");
        process.signal("STOP");
        stopped.wait();
        thread::sleep(STOP);
        process.signal("CONT");
        // slowly for one term more, which begins now
        thread::sleep(TERM + LATE / 2);
        fast.store(true, Ordering::Relaxed);
    });
}

#[test]
fn who_stalls_is_cut_at_its_time() {
    let process = &Process::of("who_stalls_is_cut_at_its_time", timeouts());
    let states = states();
    thread::scope(|scope| {
        for state in &states {
            scope.spawn(|| {
                let begun = Instant::now();
                let mut stream = state.enter(process);
                assert_eq!(answer(&mut stream), (state.cut.to_owned(), false), "{}", state.name);
                assert_cut(state.name, begun, Duration::ZERO);
            });
        }
        scope.spawn(|| {
            let begun = Instant::now();
            await_reset(download(process));
            assert_cut("a download", begun, Duration::ZERO);
        });
    });
}

#[test]
fn who_drips_gains_one_term_at_most() {
    // whatever comes is too little
    let timeouts =
        timeouts().with_head_rate(None).with_content_rate(Some(1_000_000)).with_send_rate(Some(1_000_000_000));
    let process = &Process::of("who_drips_gains_one_term_at_most", timeouts);
    let states = states();
    thread::scope(|scope| {
        for state in &states {
            let Some(drip) = state.drip else { continue };
            scope.spawn(move || {
                let (begun, mut status) = (Instant::now(), [0; 12]);
                let mut stream = state.enter(process);
                stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
                loop {
                    match stream.read(&mut status) {
                        Ok(octets) => break assert_eq!(octets, status.len(), "{}", state.name),
                        Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{}", state.name),
                    }
                    assert!(begun.elapsed() < PATIENCE, "{} is not cut", state.name);
                    stream.write_all(drip.as_bytes()).unwrap();
                }
                assert_eq!(status, *b"HTTP/1.1 408", "{}", state.name);
                assert_cut(state.name, begun, TERM);
            });
        }
        scope.spawn(|| {
            let begun = Instant::now();
            let mut stream = download(process);
            while stream.read(&mut [0; 16 * 1024]).is_ok_and(|octets| octets > 0) {
                assert!(begun.elapsed() < PATIENCE, "a download is not cut");
                thread::sleep(Duration::from_millis(10));
            }
            assert_cut("a download", begun, TERM);
        });
    });
}

#[test]
fn the_loop_of_the_readme_looks_for_a_head_while_its_answer_waits() {
    const HEAD: Duration = Duration::from_millis(300);
    let timeouts = Timeouts::DEFAULT.with_head(Some(HEAD)).with_head_cap(Some(HEAD)).with_write_stall(Some(HEAD * 3));
    let config: &'static Config<Server> =
        Box::leak(Box::new(Config::new(Limits::DEFAULT, timeouts, Policy::DEFAULT).unwrap()));
    let (part, rest) = GET.split_at(20);
    // what comes of the head after the time for it, whether the client reads, and what the second answer is
    for (rest, reads, second) in [(rest, true, "200"), ("", true, "408"), ("", false, "")] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        // what the sockets take is less than an answer
        let mut client = connect(listener.local_addr().unwrap(), 1024);
        client.write_all([GET, part].concat().as_bytes()).unwrap();
        let server = listener.accept().unwrap().0;
        SockRef::from(&server).set_send_buffer_size(1024).unwrap();
        let (ends, ended) = mpsc::channel();
        thread::spawn(move || ends.send(hello::serve(server, config, &[b'x'; 15_000])));
        // its answer has begun, and it is blocked
        client.peek(&mut [0]).unwrap();
        client.write_all(rest.as_bytes()).unwrap();
        if reads {
            thread::sleep(HEAD * 2);
            assert_eq!(answer(&mut client), ("200".to_owned(), true));
            assert_eq!(answer(&mut client), (second.to_owned(), second == "200"));
            client.shutdown(Shutdown::Both).unwrap();
        }
        let reason = ended.recv_timeout(PATIENCE).expect("it ends").unwrap();
        assert_eq!(reason == CloseReason::WriteStall, !reads, "{reason}");
    }
}
