//! `Date`, made once a second (RFC 9110 6.6.1).

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use http_keepalive::Instant;
use httpdate::HttpDate;

use crate::Clock;

/// The date as it was told last, on this thread.
struct Told {
    value: HeaderValue,
    /// When it is to be made again, and by which clock.
    until: Option<(Clock, Instant)>,
}

std::thread_local! {
    static TOLD: RefCell<Told> = const { RefCell::new(Told { value: HeaderValue::from_static(""), until: None }) };
}

/// Gives the value of `Date` to `use_it`: that of now, which is `now` by this clock, and at most a second old.
pub fn with_date<R>(clock: &Clock, now: Instant, use_it: impl FnOnce(&HeaderValue) -> R) -> R {
    TOLD.with_borrow_mut(|told| {
        if !told.until.is_some_and(|(by, until)| now < until && by == *clock) {
            told.make(clock, now);
        }
        use_it(&told.value)
    })
}

impl Told {
    #[cold]
    fn make(&mut self, clock: &Clock, now: Instant) {
        let system = SystemTime::now();
        if let Ok(value) = HeaderValue::try_from(HttpDate::from(system).to_string()) {
            self.value = value;
        }
        let into_second = system.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
        self.until = Some((*clock, now.saturating_add(SECOND - Duration::from_nanos(into_second.into()))));
    }
}

const SECOND: Duration = Duration::from_secs(1);
