//! A proxy on loopback that makes a network of it: a delay each way, a handshake that takes a round trip, a rate that all connections share.
//!
//! The first octets of a connection wait for another round trip, as the connection itself was there at once. What comes from the server goes
//! on at the rate, each piece after the one before, whichever connection that was of; headers of TCP and IP are counted as `lab` counts them.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// What the network is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) round_trip: Duration,
    /// Bits in a second downwards.
    pub(super) rate: Option<u64>,
}

/// A proxy that runs until the process ends.
#[derive(Debug)]
pub(super) struct DelayProxy {
    pub(super) address: SocketAddr,
    connections: Arc<AtomicU64>,
}

/// A piece on its way, and when it is there; none: the end.
type Piece = (Instant, Vec<u8>);

impl DelayProxy {
    pub(super) fn start(server: SocketAddr, terms: Terms) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let connections = Arc::new(AtomicU64::new(0));
        let (count, free_at) = (Arc::clone(&connections), Arc::new(Mutex::new(Instant::now())));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                count.fetch_add(1, Ordering::Relaxed);
                let free_at = Arc::clone(&free_at);
                thread::spawn(move || carry(client, server, terms, &free_at));
            }
        });
        Ok(Self { address, connections })
    }

    /// Connections so far.
    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }
}

fn carry(client: TcpStream, server: SocketAddr, terms: Terms, free_at: &Arc<Mutex<Instant>>) {
    let opened = Instant::now();
    let Ok(server) = TcpStream::connect(server) else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (Ok(client_too), Ok(server_too)) = (client.try_clone(), server.try_clone()) else { return };
    let up = move |came: Instant, _: usize| came.max(opened + terms.round_trip) + terms.round_trip / 2;
    let free_at = Arc::clone(free_at);
    let down = move |came: Instant, octets: usize| {
        let on_the_wire = octets + 40 * octets.div_ceil(1460);
        let nanos = terms.rate.map_or(0, |rate| on_the_wire as u64 * 8_000_000_000 / rate);
        let mut free_at = free_at.lock().expect("nobody panics here");
        *free_at = (*free_at).max(came) + Duration::from_nanos(nanos);
        *free_at + terms.round_trip / 2
    };
    let upwards = thread::spawn(move || one_way(client_too, server_too, up));
    one_way(server, client, down);
    let _ = upwards.join();
}

/// Carries all that comes, and the end.
fn one_way(mut from: TcpStream, mut to: TcpStream, arrives: impl Fn(Instant, usize) -> Instant + Send + 'static) {
    let (sender, receiver) = mpsc::channel::<Piece>();
    let writer = thread::spawn(move || {
        for (at, octets) in receiver {
            thread::sleep(at.saturating_duration_since(Instant::now()));
            if octets.is_empty() || to.write_all(&octets).is_err() {
                let _ = to.shutdown(Shutdown::Write);
                break;
            }
        }
    });
    // a segment at a time, so that the rate is that of a line
    let mut piece = [0; 1460];
    loop {
        let read = from.read(&mut piece).unwrap_or(0);
        if sender.send((arrives(Instant::now(), read), piece[..read].to_vec())).is_err() || read == 0 {
            break;
        }
    }
    drop(sender);
    let _ = writer.join();
}
