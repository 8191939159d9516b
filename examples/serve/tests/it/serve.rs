//! The driver of `examples/serve` over real sockets on loopback: one loop in a thread, blocking clients, and nobody sleeps.

#[path = "../../beneath.rs"]
mod beneath;
#[path = "../../event_loop.rs"]
pub mod event_loop;
#[path = "../../peer.rs"]
mod peer;
#[path = "../../places.rs"]
pub mod places;
#[expect(dead_code, reason = "the program's own uses are in its main")]
#[path = "../../site.rs"]
pub mod site;
#[path = "../../slot.rs"]
mod slot;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use http_keepalive::{Config, DrainMode, Limits, Policy, Timeouts};

use self::event_loop::{EventLoop, Shared};
use self::places::Places;
use self::site::Site;

/// A running loop over a folder of its own.
struct Served {
    folder: PathBuf,
    address: SocketAddr,
    shared: &'static Shared,
    waker: Arc<mio::Waker>,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Served {
    fn new(name: &str) -> Self {
        // an idle connection may be closed at once, so that a drain has nothing to wait for
        Self::of(name, Timeouts::DEFAULT.with_idle_shield(None), Policy::DEFAULT, None, None)
    }

    /// With so many places at most, and so long a lame duck.
    fn of(name: &str, timeouts: Timeouts, policy: Policy, most: Option<usize>, lame_duck: Option<Duration>) -> Self {
        let folder = std::env::temp_dir().join(format!("serve-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("small.txt"), SMALL).unwrap();
        std::fs::write(folder.join("large.bin"), vec![b'x'; LARGE]).unwrap();
        let config = Config::new(Limits::DEFAULT, timeouts, policy).unwrap();
        let site = Site::new(&folder, Places::new(most, 0)).unwrap();
        let shared: &'static Shared = Box::leak(Box::new(Shared { lame_duck, ..Shared::new(config, site) }));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let one = EventLoop::new(shared, listener).unwrap();
        let waker = one.waker();
        Self { folder, address, shared, waker, thread: Some(thread::spawn(|| one.run())) }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        // a bound on a test that fails, not a wait
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// What is answered to these octets, after which the client closes its side.
    fn ask(&self, octets: &[u8]) -> String {
        let mut stream = self.connect();
        let mut writing = stream.try_clone().unwrap();
        let octets = octets.to_vec();
        let writer = thread::spawn(move || {
            writing.write_all(&octets).unwrap();
            writing.shutdown(Shutdown::Write).unwrap();
        });
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        writer.join().unwrap();
        String::from_utf8(answer).unwrap()
    }

    fn drain(&mut self) {
        self.shared.draining.store(true, Ordering::Release);
        self.waker.wake().unwrap();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap().unwrap();
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.drain();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

const SMALL: &str = "a small file\n";
const LARGE: usize = 3_000_000;

#[test]
fn pipelined_requests_are_all_answered_though_the_client_has_closed_its_side() {
    let served = Served::new("pipelined");
    let requests = b"GET /small.txt HTTP/1.1\r\nHost: x\r\n\r\n".repeat(900);
    let answers = served.ask(&requests);
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), 900);
    assert_eq!(answers.matches(SMALL).count(), 900);
}

#[test]
fn a_large_file_comes_whole_and_the_connection_stays() {
    let served = Served::new("large");
    let answers = served.ask(b"GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\nGET /small.txt HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(answers.matches('x').count() - answers.matches("text/").count(), LARGE);
    assert!(answers.ends_with(SMALL));
}

#[test]
fn large_files_and_small_ones_come_in_their_order_and_octet_for_octet() {
    let served = Served::new("order");
    let content: Vec<u8> = (0..500_000_u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(served.folder.join("numbers"), &content).unwrap();
    let of = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    let requests = [of("/numbers"), of("/small.txt"), of("/numbers"), of("/numbers"), of("/small.txt")].concat();
    let mut stream = served.connect();
    stream.write_all(requests.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let (mut answers, mut rest) = (Vec::new(), Vec::new());
    stream.read_to_end(&mut rest).unwrap();
    while let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") {
        let head = String::from_utf8(rest.drain(..end + 4).collect()).unwrap();
        let length: usize =
            head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap().parse().unwrap();
        answers.push(rest.drain(..length).collect::<Vec<u8>>());
    }
    let small = SMALL.as_bytes();
    assert!(rest.is_empty() && answers == [&content[..], small, &content, &content, small]);
}

/// What was promised can not be kept: the connection is cut, so that what came does not pass for whole.
#[test]
fn a_file_that_is_cut_while_it_is_sent_cuts_the_connection() {
    let served = Served::new("cut");
    let path = served.folder.join("shrinks");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(256 << 20).unwrap();
    let mut stream = served.connect();
    stream.write_all(b"GET /shrinks HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut first = [0; 1000];
    stream.read_exact(&mut first).unwrap();
    assert!(String::from_utf8_lossy(&first).contains("Content-Length: 268435456\r\n"));
    file.set_len(1000).unwrap();
    let came = std::io::copy(&mut stream, &mut std::io::sink());
    assert!(came.is_err() || came.is_ok_and(|octets| octets < 255 << 20));
    // others are served
    assert!(served.ask(b"GET /small.txt HTTP/1.0\r\n\r\n").ends_with(SMALL));
}

#[test]
fn head_is_answered_as_get_is_without_the_content() {
    let served = Served::new("head");
    let get = served.ask(b"GET /small.txt HTTP/1.0\r\n\r\n");
    let head = served.ask(b"HEAD /small.txt HTTP/1.0\r\n\r\n");
    let without_date =
        |head: &str| head.lines().filter(|line| !line.starts_with("Date:")).collect::<Vec<_>>().join("\n");
    assert_eq!(without_date(&head), without_date(get.strip_suffix(SMALL).unwrap()));
}

#[test]
fn an_absolute_form_is_served_by_its_path() {
    let served = Served::new("absolute");
    for (target, status) in [
        ("http://h", "200 OK"),
        ("http://h?x", "200 OK"),
        ("http://h/small.txt?x", "200 OK"),
        ("http://h/nothing", "404 Not Found"),
        ("h:80", "400 Bad Request"),
    ] {
        let answer = served.ask(format!("GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{target}: {answer}");
    }
}

#[test]
fn other_methods_and_noise_are_refused() {
    let served = Served::new("refused");
    let answer = served.ask(
        b"PUT /small.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET /none HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("\r\nAllow: GET, HEAD\r\n"));
    assert!(answer.contains("HTTP/1.1 404 "), "the content was not read past: {answer}");
    assert!(served.ask(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").starts_with("HTTP/1.1 400 "));
    assert!(served.ask(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").starts_with("HTTP/1.1 505 "));
}

#[test]
fn an_upload_is_answered_when_its_last_octet_has_come_and_the_connection_stays() {
    let served = Served::new("upload");
    let mut stream = served.connect();
    let mut answer = [0; 1000];
    for content in [&b"abc"[..], &[b'x'; 30_000]] {
        stream.write_all(b"POST /small.txt HTTP/1.1\r\nHost: x\r\n").unwrap();
        stream.write_all(format!("Content-Length: {}\r\n\r\n", content.len()).as_bytes()).unwrap();
        stream.write_all(content).unwrap();
        let octets = stream.read(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer[..octets]);
        assert!(answer.starts_with("HTTP/1.1 405 ") && !answer.contains("Connection: close"), "{answer}");
    }
    // whoever waits to be asked for it is told at once that it is not wanted
    stream.write_all(b"PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n").unwrap();
    let octets = stream.read(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer[..octets]);
    assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("Connection: close"), "{answer}");
}

#[test]
fn a_drain_ends_what_is_idle_and_finishes_what_is_not() {
    let mut served = Served::new("drain");
    let mut idle = served.connect();
    idle.write_all(b"HEAD /small.txt HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert!(idle.read(&mut [0; 1000]).unwrap() > 0);
    let mut busy = served.connect();
    busy.write_all(b"GET /large.bin HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut begun = [0; 100];
    busy.read_exact(&mut begun).unwrap();
    let reader = thread::spawn(move || {
        let mut rest = Vec::new();
        busy.read_to_end(&mut rest).unwrap();
        rest.iter().rev().take_while(|&&b| b == b'x').count()
    });
    served.drain();
    assert_eq!(reader.join().unwrap(), LARGE);
    assert_eq!(idle.read(&mut [0; 1]).unwrap(), 0);
    assert!(TcpStream::connect(served.address).is_err());
}

#[test]
fn who_could_not_be_accepted_is_when_there_are_descriptors_again() {
    const NAME: &str = "serve::who_could_not_be_accepted_is_when_there_are_descriptors_again";
    // in a process of its own: nobody else in it could open anything
    const ALONE: &str = "SERVE_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let mut alone = Command::new(std::env::current_exe().unwrap());
        let output = alone.args(["--exact", NAME]).env(ALONE, "1").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let served = Served::new("descriptors");
    let mut taken: Vec<_> = std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()).collect();
    // one for the client, and none for the server
    taken.pop();
    let mut stream = TcpStream::connect(served.address).unwrap();
    // the loop has tried; a bound on a test that fails, not a wait
    let begun = Instant::now();
    while served.shared.not_accepted.load(Ordering::Acquire) == 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "the loop had a descriptor left");
        thread::yield_now();
    }
    drop(taken);
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(b"GET /small.txt HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.ends_with(SMALL), "{answer}");
}

/// The status of an answer, all of whose octets have been read.
fn status(stream: &mut TcpStream) -> String {
    let (mut answer, mut octet) = (Vec::new(), [0]);
    while !answer.ends_with(SMALL.as_bytes()) && stream.read(&mut octet).unwrap() > 0 {
        answer.push(octet[0]);
    }
    String::from_utf8_lossy(answer.get(9..12).unwrap_or_default()).into_owned()
}

const GET: &[u8] = b"GET /small.txt HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn when_places_run_out_the_longest_idle_goes_and_the_newcomer_is_served() {
    let timeouts = Timeouts::DEFAULT.with_idle_shield(None);
    let served = Served::of("places", timeouts, Policy::DEFAULT, Some(3), None);
    let mut held = Vec::new();
    for number in 0..9 {
        let mut stream = served.connect();
        stream.write_all(GET).unwrap();
        assert_eq!(status(&mut stream), "200", "client {number}");
        held.push(stream);
    }
    // those that were idle for longest have gone, in order; the last three are there
    let (gone, here) = held.split_at_mut(6);
    for stream in gone {
        assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
    }
    for stream in here {
        stream.write_all(GET).unwrap();
        assert_eq!(status(stream), "200");
    }
}

#[test]
fn where_no_connection_is_idle_a_newcomer_is_refused_once_it_has_asked() {
    let served = Served::of("door", Timeouts::DEFAULT, Policy::DEFAULT, Some(1), None);
    let mut busy = served.connect();
    // a head that has begun is no idle connection
    busy.write_all(b"GET /small.txt").unwrap();
    let mut newcomer = served.connect();
    newcomer.write_all(GET).unwrap();
    let mut answer = String::new();
    newcomer.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("Connection: close"), "{answer}");
    busy.write_all(b" HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert_eq!(status(&mut busy), "200");
}

#[test]
fn a_lame_duck_goes_on_accepting_and_says_close_until_its_time_is_over() {
    let policy = Policy::DEFAULT.with_drain_mode(DrainMode::LameDuck);
    let timeouts = Timeouts::DEFAULT.with_idle_shield(None);
    let mut served = Served::of("lame", timeouts, policy, None, Some(Duration::from_millis(400)));
    let mut idle = served.connect();
    idle.write_all(GET).unwrap();
    assert_eq!(status(&mut idle), "200");
    served.shared.draining.store(true, Ordering::Release);
    served.waker.wake().unwrap();
    let closes = |mut stream: TcpStream| {
        stream.write_all(GET).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.starts_with("HTTP/1.1 200 ") && answer.contains("Connection: close")
    };
    // one that was idle, and one that has just come
    assert!(closes(idle));
    assert!(closes(served.connect()));
    // one that is idle does not hold up the end
    let mut fresh = served.connect();
    served.drain();
    assert_eq!(fresh.read(&mut [0]).unwrap(), 0);
    assert!(TcpStream::connect(served.address).is_err());
}

#[test]
fn who_waits_for_a_place_when_the_end_comes_is_served() {
    let mut served = Served::of("aside", Timeouts::DEFAULT, Policy::DEFAULT, Some(1), None);
    // it is idle within its shield, so its place is not free yet
    let mut idle = served.connect();
    idle.write_all(GET).unwrap();
    assert_eq!(status(&mut idle), "200");
    let mut newcomer = served.connect();
    newcomer.write_all(GET).unwrap();
    served.shared.draining.store(true, Ordering::Release);
    served.waker.wake().unwrap();
    let mut answer = String::new();
    newcomer.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("Connection: close"), "{answer}");
    drop((idle, newcomer));
    served.drain();
}
