//! Sixty-four threads share a pool behind a mutex, with real sockets on loopback, a server that closes connections as it likes,
//! and waiters that are woken by whoever gives a connection back.

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use http_keepalive::pool::*;
use http_keepalive::{Instant, Persistence, ReuseReason};

use crate::cases;

const THREADS: usize = 64;

const PER_ORIGIN: u32 = 3;
const TOTAL: u32 = 8;

/// The pool, the sockets of its idle connections, and what waiters are given.
struct Shared {
    pool: Pool<SocketAddr, u32>,
    idle: HashMap<u32, TcpStream>,
    given: HashMap<Ticket, Checkout<u32>>,
}

struct World {
    shared: Mutex<Shared>,
    woken: Condvar,
    began: std::time::Instant,
    ids: AtomicU32,
    found_dead: AtomicUsize,
}

impl World {
    fn now(&self) -> Instant {
        Instant::since(self.began, std::time::Instant::now())
    }

    /// What fell due is done; whoever may go on is told.
    fn settle(&self, shared: &mut MutexGuard<'_, Shared>) {
        let mut woken = false;
        while let Some(due) = shared.pool.expire(self.now()) {
            match due {
                Due::Close { id, .. } => drop(shared.idle.remove(&id).expect("an idle connection")),
                Due::GoOn { ticket, checkout } => {
                    shared.given.insert(ticket, checkout);
                    woken = true;
                }
                Due::WaitOver { ticket, why } => {
                    shared.given.insert(ticket, Checkout::Refuse(why));
                    woken = true;
                }
                due => panic!("nobody is late: {due:?}"),
            }
        }
        if woken {
            self.woken.notify_all();
        }
    }

    /// A connection to use, opened if need be.
    fn check_out(&self, origin: SocketAddr) -> (u32, Lease, TcpStream) {
        let mut shared = self.shared.lock().unwrap();
        let mut checkout = shared.pool.checkout(self.now(), &origin, Demand::DEFAULT);
        self.settle(&mut shared);
        if let Checkout::Wait(ticket) = checkout {
            checkout = loop {
                if let Some(given) = shared.given.remove(&ticket) {
                    break given;
                }
                shared = self.woken.wait_timeout(shared, Duration::from_millis(100)).unwrap().0;
                self.settle(&mut shared);
            };
        }
        let permit = match checkout {
            Checkout::Reuse { id, lease, .. } => {
                return (id, lease, shared.idle.remove(&id).expect("an idle connection"));
            }
            Checkout::EvictThenOpen { victim, permit, .. } => {
                drop(shared.idle.remove(&victim).expect("an idle connection"));
                permit
            }
            Checkout::Open(permit) => permit,
            checkout => panic!("{checkout:?}"),
        };
        assert!(shared.pool.held() <= TOTAL);
        drop(shared);
        let stream = TcpStream::connect(origin).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        let lease = self.shared.lock().unwrap().pool.opened(self.now(), permit, id).unwrap();
        (id, lease, stream)
    }

    /// One request, repeated as long as it meets connections that the server has closed.
    fn fetch(&self, origin: SocketAddr) {
        for _ in 0..100 {
            let (id, lease, mut stream) = self.check_out(origin);
            let answered = exchange(&mut stream);
            let mut shared = self.shared.lock().unwrap();
            if answered {
                let returned = Returned::new(Persistence::Reuse(ReuseReason::Http11));
                // before anybody can be given it
                shared.idle.insert(id, stream);
                match shared.pool.checkin(self.now(), lease, &returned).unwrap() {
                    Checkin::Kept(_) => {}
                    Checkin::KeptFor { victim, .. } => drop(shared.idle.remove(&victim)),
                    Checkin::Close(_) => drop(shared.idle.remove(&id)),
                }
            } else {
                shared.pool.closed(self.now(), lease, Ended::DeadAtReuse).unwrap();
                self.found_dead.fetch_add(1, Ordering::Relaxed);
            }
            self.settle(&mut shared);
            if answered {
                return;
            }
        }
        panic!("a hundred connections were dead");
    }
}

/// A request of four octets and an answer of four: the pool knows no more of it.
fn exchange(stream: &mut TcpStream) -> bool {
    let mut answer = [0; 4];
    stream.write_all(b"ping").is_ok() && stream.read_exact(&mut answer).is_ok() && answer == *b"pong"
}

/// Answers a few requests on each connection, then closes it without a word.
fn serve(listener: TcpListener) {
    for (number, stream) in listener.incoming().enumerate() {
        let Ok(mut stream) = stream else { return };
        thread::spawn(move || {
            let mut request = [0; 4];
            for _ in 0..3 + number % 20 {
                match stream.read_exact(&mut request) {
                    Ok(()) => drop(stream.write_all(b"pong")),
                    Err(error) => {
                        assert!(error.kind() != ErrorKind::InvalidData);
                        return;
                    }
                }
            }
        });
    }
}

#[test]
fn sixty_four_threads_share_eight_connections_to_four_origins() {
    let origins: Vec<SocketAddr> = (0..4)
        .map(|_| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let origin = listener.local_addr().unwrap();
            thread::spawn(move || serve(listener));
            origin
        })
        .collect();
    let limits = PoolLimits::DEFAULT.with_per_origin(Some(PER_ORIGIN)).with_total(Some(TOTAL));
    let timeouts = PoolTimeouts::DEFAULT.with_wait(None).with_used_idle(Some(Duration::from_millis(20)));
    let config = PoolConfig::new(limits, timeouts, PoolPolicy::DEFAULT).unwrap();
    let world = Arc::new(World {
        shared: Mutex::new(Shared {
            pool: Pool::new(Instant::EPOCH, &config),
            idle: HashMap::new(),
            given: HashMap::new(),
        }),
        woken: Condvar::new(),
        began: std::time::Instant::now(),
        ids: AtomicU32::new(0),
        found_dead: AtomicUsize::new(0),
    });
    let requests = cases::of(60, 15) as usize;
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (world, origins) = (Arc::clone(&world), origins.clone());
            thread::spawn(move || {
                for request in 0..requests {
                    world.fetch(origins[(thread * 7 + request * request) % origins.len()]);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());

    let mut shared = world.shared.lock().unwrap();
    let counters = *shared.pool.counters();
    assert_eq!(counters.kept as usize, THREADS * requests, "each request was answered once");
    assert!(counters.reused > counters.opened, "{counters:?}");
    assert!(counters.waited > 0 && counters.went_on == counters.waited, "{counters:?}");
    assert_eq!(counters.ended(EndReason::DeadAtReuse) as usize, world.found_dead.load(Ordering::Relaxed));
    assert_eq!(shared.idle.len(), shared.pool.idle() as usize);
    shared.pool.drain(world.now());
    world.settle(&mut shared);
    assert!(shared.pool.is_drained() && shared.idle.is_empty());
}
