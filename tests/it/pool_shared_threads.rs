//! Threads share a pool that owns its connections: each has one alone, and blocks until it may go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use http_keepalive::pool::*;
use http_keepalive::{Instant, Persistence, ReuseReason};

use crate::cases;

const THREADS: u32 = 16;

const PER_ORIGIN: u32 = 2;
const TOTAL: u32 = 5;

/// A connection that one thread may use at a time.
struct Conn {
    in_use: AtomicBool,
    alive: Arc<AtomicU32>,
}

impl Drop for Conn {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Is what is shared fit for it?
const fn is_shared<T: Send + Sync + 'static>() {}
const fn is_sent<T: Send + 'static>() {}
const _: () = {
    is_shared::<SharedPool<String, Box<dyn Send>>>();
    is_sent::<Lent<String, Box<dyn Send>>>();
    is_sent::<FreePlace<String, Box<dyn Send>>>();
    is_sent::<Waiting<String, Box<dyn Send>>>();
};

fn use_it(connection: &Conn, number: u32) {
    assert!(!connection.in_use.swap(true, Ordering::AcqRel), "two have the same");
    if number % 3 == 0 {
        thread::yield_now();
    }
    connection.in_use.store(false, Ordering::Release);
}

#[test]
fn sixteen_threads_share_five_connections_and_none_is_lost_or_shared() {
    let limits = PoolLimits::DEFAULT.with_per_origin(Some(PER_ORIGIN)).with_total(Some(TOTAL));
    // nobody is refused: a test that hangs would be one
    let timeouts = PoolTimeouts::DEFAULT.with_wait(None).with_used_idle(Some(Duration::from_millis(2)));
    let config = PoolConfig::new(limits, timeouts, PoolPolicy::DEFAULT).unwrap();
    let began = std::time::Instant::now();
    let now = move || Instant::since(began, std::time::Instant::now());
    let pool = SharedPool::<u32, Conn>::new(now(), &config);
    let (alive, answered, given_up) = (Arc::new(AtomicU32::new(0)), Arc::default(), Arc::default());
    let requests = cases::of(400, 100);
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (pool, alive) = (pool.clone(), Arc::clone(&alive));
            let (answered, given_up): (Arc<AtomicUsize>, Arc<AtomicUsize>) =
                (Arc::clone(&answered), Arc::clone(&given_up));
            thread::spawn(move || {
                for request in 0..requests {
                    let number = thread * 7919 + request * 104_729;
                    let key = number % 4;
                    let granted = match pool.checkout(now(), &key, Demand::DEFAULT) {
                        Handout::Use(lent) => Granted::Use(lent),
                        Handout::Open(place) => Granted::Open(place),
                        Handout::Refuse(why) => panic!("{why}"),
                        Handout::Wait(mut waiting) => {
                            // some give up at once, or soon
                            let most = if number % 11 == 0 { number % 3 } else { 20_000 };
                            match waiting.block(now, now() + Duration::from_millis(most.into())) {
                                Some(granted) => granted.expect("nobody is refused"),
                                None => {
                                    assert!(most < 20_000, "nobody has woken it");
                                    given_up.fetch_add(1, Ordering::Relaxed);
                                    continue;
                                }
                            }
                        }
                    };
                    let lent = match granted {
                        Granted::Use(lent) => lent,
                        Granted::Open(place) if number % 13 == 0 => {
                            drop(place);
                            continue;
                        }
                        Granted::Open(place) => {
                            alive.fetch_add(1, Ordering::Relaxed);
                            let connection = Conn { in_use: AtomicBool::new(false), alive: Arc::clone(&alive) };
                            place.opened(now(), connection).map_err(|late| late.why).expect("in time")
                        }
                    };
                    assert!(pool.held() <= TOTAL);
                    use_it(&lent, number);
                    match number % 17 {
                        0 => drop(lent),
                        1 => drop(lent.closed(now(), Ended::ByPeer)),
                        _ => {
                            let returned = Returned::new(Persistence::Reuse(ReuseReason::Http11));
                            drop(lent.checkin(now(), &returned).to_close);
                        }
                    }
                    answered.fetch_add(1, Ordering::Relaxed);
                    if number % 5 == 0 {
                        while let Some(closing) = pool.expire(now()) {
                            drop(closing);
                        }
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());

    assert_eq!((pool.held(), pool.waiting()), (pool.idle(), 0));
    let counters = pool.counters();
    assert!(counters.went_on > 0 && counters.reused > counters.opened, "{counters:?}");
    assert!(answered.load(Ordering::Relaxed) > (THREADS * requests / 2) as usize);
    pool.drain(now());
    while let Some(closing) = pool.expire(now()) {
        drop(closing);
    }
    assert!(pool.is_drained());
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}
