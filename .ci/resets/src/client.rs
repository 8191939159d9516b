//! A client that sends a random prefix of requests, reads a random part of what comes, and resets at a random moment.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::Duration;

use socket2::SockRef;

/// Numbers from a seed (splitmix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of 0 to `count` - 1.
    fn below(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }

    fn pause(&mut self) {
        match self.below(4) {
            0 => {}
            1 => std::thread::yield_now(),
            _ => sleep(Duration::from_micros(self.next() % 3000)),
        }
    }
}

/// The requests of a connection, and where each ends.
fn requests(random: &mut Random) -> (Vec<u8>, Vec<usize>) {
    let (mut octets, mut ends) = (Vec::new(), Vec::new());
    for _ in 0..=random.below(5) {
        let content = vec![b'x'; [0, 1, 100, 5000, 100_000][random.below(5)]];
        match random.below(7) {
            0..3 => octets.extend_from_slice(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
            3 => octets.extend_from_slice(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"),
            4 | 5 => {
                let expect = if random.below(2) == 0 { "Expect: 100-continue\r\n" } else { "" };
                let head = format!("POST / HTTP/1.1\r\nHost: x\r\n{expect}Content-Length: {}\r\n\r\n", content.len());
                octets.extend_from_slice(head.as_bytes());
                octets.extend_from_slice(&content);
            }
            _ => {
                octets.extend_from_slice(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
                for chunk in content.chunks(1 + random.below(3000)) {
                    octets.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                    octets.extend_from_slice(chunk);
                    octets.extend_from_slice(b"\r\n");
                }
                octets.extend_from_slice(b"0\r\n\r\n");
            }
        }
        ends.push(octets.len());
    }
    (octets, ends)
}

/// What was seen before a reset.
#[derive(Clone, Copy, Default)]
pub struct Seen {
    /// Nothing was sent.
    pub silent: bool,
    /// A request was sent whole.
    pub whole: bool,
    /// Octets of responses that were read.
    pub octets: u64,
}

/// One connection, to its reset.
pub fn run(address: SocketAddr, random: &mut Random) -> std::io::Result<Seen> {
    let mut stream = TcpStream::connect(address)?;
    let socket = SockRef::from(&stream);
    socket.set_linger(Some(Duration::ZERO))?;
    if random.below(4) == 0 {
        // so that much of a large response waits in the server
        socket.set_recv_buffer_size(4096)?;
    }
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(Duration::from_millis(20)))?;
    stream.set_read_timeout(Some(Duration::from_millis(1 + random.next() % 20)))?;
    let (octets, ends) = requests(random);
    // a part of a request, whole requests, or nothing
    let sent = match random.below(8) {
        0 => 0,
        1..4 => ends[random.below(ends.len())],
        _ => random.below(octets.len()),
    };
    let mut rest = &octets[..sent];
    while !rest.is_empty() {
        let most = rest.len().min([rest.len(), 1, 30, 2000][random.below(4)]);
        // the server may wait for us to read
        let Ok(taken) = stream.write(&rest[..most]) else { break };
        rest = &rest[taken..];
        if most == 1 {
            // the rest of it at once: one octet alone is enough
            let _ = stream.write(rest).map(|taken| rest = &rest[taken..]);
        }
        if random.below(3) == 0 {
            random.pause();
        }
    }
    let mut seen = Seen { silent: sent == 0, whole: rest.is_empty() && sent >= ends[0], octets: 0 };
    if random.below(8) == 0 {
        let _ = stream.shutdown(Shutdown::Write);
    }
    let mut piece = vec![0; 1 + random.below(100_000)];
    for _ in 0..random.below(7) {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(octets) => seen.octets += octets as u64,
        }
    }
    random.pause();
    Ok(seen)
}
