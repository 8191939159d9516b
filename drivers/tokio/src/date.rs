//! `Date`, made once a second (RFC 9110 6.6.1).

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use httpdate::HttpDate;
use tokio::time::Instant;

/// The date as it was told last, on this thread.
struct Told {
    value: HeaderValue,
    /// When it is to be made again.
    until: Option<Instant>,
}

std::thread_local! {
    static TOLD: RefCell<Told> = const { RefCell::new(Told { value: HeaderValue::from_static(""), until: None }) };
}

/// Gives the value of `Date` to `use_it`: that of now, which is `now`, and at most a second old.
pub fn with_date<R>(now: Instant, use_it: impl FnOnce(&HeaderValue) -> R) -> R {
    TOLD.with_borrow_mut(|told| {
        // an instant far ahead is one of another clock: time of a test, which was paused
        if !told.until.is_some_and(|until| now < until && until - now <= SECOND) {
            told.make(now);
        }
        use_it(&told.value)
    })
}

impl Told {
    #[cold]
    fn make(&mut self, now: Instant) {
        let system = SystemTime::now();
        if let Ok(value) = HeaderValue::try_from(HttpDate::from(system).to_string()) {
            self.value = value;
        }
        let into_second = system.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
        self.until = now.checked_add(SECOND - Duration::from_nanos(into_second.into()));
    }
}

const SECOND: Duration = Duration::from_secs(1);
