//! An origin on loopback that answers properly, and says one thing more after the first answer of each connection.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What is said that nobody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Response,
    ResponseThenClose,
    Interim,
    Timeout,
    Garbage,
    LineEnd,
    LineEnds,
    ManyLineEnds,
    PartialStatusLine,
    Close,
    Reset,
}

impl Kind {
    pub const ALL: [(Self, &'static str); 11] = [
        (Self::Response, "response"),
        (Self::ResponseThenClose, "response-close"),
        (Self::Interim, "interim"),
        (Self::Timeout, "408"),
        (Self::Garbage, "garbage"),
        (Self::LineEnd, "line-end"),
        (Self::LineEnds, "line-ends"),
        (Self::ManyLineEnds, "many-line-ends"),
        (Self::PartialStatusLine, "partial"),
        (Self::Close, "close"),
        (Self::Reset, "reset"),
    ];

    fn octets(self) -> Vec<u8> {
        match self {
            Self::Response | Self::ResponseThenClose => answer(EVIL),
            Self::Interim => b"HTTP/1.1 103 Early Hints\r\nLink: </evil>\r\n\r\n".to_vec(),
            Self::Timeout => {
                b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 5\r\n\r\nEVIL\n".to_vec()
            }
            Self::Garbage => b"\x16\x03\x01 EVIL \xff\r\n\r\n".to_vec(),
            Self::LineEnd => b"\r\n".to_vec(),
            // as many as `Limits::empty_lines` lets pass by default
            Self::LineEnds => b"\r\n".repeat(4),
            Self::ManyLineEnds => b"\r\n".repeat(5000),
            Self::PartialStatusLine => b"HTTP/1.1 2".to_vec(),
            Self::Close | Self::Reset => Vec::new(),
        }
    }
}

/// The content of a response that answers nobody.
pub const EVIL: &str = "EVIL\n";
/// The content of the answer to `request`, a method and a target.
pub fn own(request: &str) -> String {
    format!("own {request}\n")
}

/// One write, or what else was done to the connection.
pub struct Said {
    /// The client's port: the connection's name.
    pub port: u16,
    /// The content of an answer; `None`: the hostile thing.
    pub content: Option<String>,
    pub from: Instant,
    pub to: Instant,
}

/// What the origin saw and did.
#[derive(Default)]
pub struct Log {
    pub said: Vec<Said>,
    /// Each request that was received whole, in order: a method and a target.
    pub received: Vec<String>,
}

pub struct Origin {
    pub address: SocketAddr,
    log: Arc<Mutex<Log>>,
    over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Origin {
    /// `plan`: what is said after the first answer of each connection, and how long after it.
    pub fn start(plan: Option<(Kind, Duration)>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (log, over) = (Arc::new(Mutex::new(Log::default())), Arc::new(AtomicBool::new(false)));
        let (of_thread, is_over) = (Arc::clone(&log), Arc::clone(&over));
        let thread = thread::spawn(move || {
            let mut connections = Vec::new();
            while let Ok((stream, peer)) = listener.accept() {
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
                let log = Arc::clone(&of_thread);
                connections.push(thread::spawn(move || {
                    // an error is the client's end
                    let _ = serve(stream, peer.port(), plan, &log);
                }));
            }
            for connection in connections {
                let _ = connection.join();
            }
        });
        Ok(Self { address, log, over, thread })
    }

    /// To be called when the client has closed its connections: what happened.
    pub fn end(self) -> Log {
        self.over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        let _ = self.thread.join();
        std::mem::take(&mut *self.log.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn serve(mut stream: TcpStream, port: u16, plan: Option<(Kind, Duration)>, log: &Mutex<Log>) -> io::Result<()> {
    let log = || log.lock().unwrap_or_else(PoisonError::into_inner);
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let (mut buffer, mut hostile) = (Vec::new(), plan);
    while let Some(request) = read_request(&mut stream, &mut buffer)? {
        log().received.push(request.clone());
        if let Some(micros) = request.rsplit_once("/pause/").and_then(|(_, micros)| micros.parse().ok()) {
            thread::sleep(Duration::from_micros(micros));
        }
        let content = own(&request);
        let from = Instant::now();
        stream.write_all(&answer(&content))?;
        log().said.push(Said { port, content: Some(content), from, to: Instant::now() });
        let Some((kind, gap)) = hostile.take() else { continue };
        // requests that come meanwhile stay unread: what is said is no answer to them
        thread::sleep(gap);
        let from = Instant::now();
        let octets = kind.octets();
        if !octets.is_empty() {
            stream.write_all(&octets)?;
        }
        let said = |from| Said { port, content: None, from, to: Instant::now() };
        match kind {
            Kind::Close | Kind::ResponseThenClose => {
                stream.shutdown(Shutdown::Write)?;
                log().said.push(said(from));
                while let Some(request) = read_request(&mut stream, &mut buffer)? {
                    log().received.push(request);
                }
                return Ok(());
            }
            Kind::Reset => {
                reset(stream)?;
                log().said.push(said(from));
                return Ok(());
            }
            _ => log().said.push(said(from)),
        }
    }
    Ok(())
}

/// The next whole request, as its method and target; `None` where the client closed between two.
fn read_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<String>> {
    let broken = || io::Error::from(io::ErrorKind::InvalidData);
    loop {
        if let Some(head) = buffer.windows(4).position(|octets| octets == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&buffer[..head]).into_owned();
            let length = text.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            let length: usize = length.map_or(Ok(0), str::parse).map_err(|_| broken())?;
            if buffer.len() >= head + 4 + length {
                buffer.drain(..head + 4 + length);
                let line = text.lines().next().and_then(|line| line.strip_suffix(" HTTP/1.1")).ok_or_else(broken)?;
                return Ok(Some(line.to_owned()));
            }
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece)? {
            0 => return Ok(None),
            octets => buffer.extend_from_slice(&piece[..octets]),
        }
    }
}

fn answer(content: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{content}", content.len()).into_bytes()
}

/// Closes by a reset: the standard library has no word for `SO_LINGER`.
fn reset(stream: TcpStream) -> io::Result<()> {
    #[repr(C)]
    struct Linger {
        on: i32,
        seconds: i32,
    }
    unsafe extern "C" {
        fn setsockopt(socket: i32, level: i32, name: i32, value: *const Linger, length: u32) -> i32;
    }
    let (at_once, length) = (Linger { on: 1, seconds: 0 }, size_of::<Linger>() as u32);
    const SOL_SOCKET: i32 = 1;
    const SO_LINGER: i32 = 13;
    // SAFETY: the value lives until the call returns, and has the length that is said
    match unsafe { setsockopt(stream.as_raw_fd(), SOL_SOCKET, SO_LINGER, &raw const at_once, length) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Nobody waits for longer.
const PATIENCE: Duration = Duration::from_secs(10);
