//! What sets connections apart where policy spreads them.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// A seed for the next connection: no two of a process have the same, and those of another process are others. To be given to
/// [`with_seed`](http_keepalive::Connection::with_seed), without which `jitter` and `drain_spread` do nothing.
pub fn next_seed() -> u64 {
    static NEXT: LazyLock<AtomicU64> = LazyLock::new(|| AtomicU64::new(RandomState::new().hash_one(0)));
    NEXT.fetch_add(1, Ordering::Relaxed)
}
