//! `Date`, made once a second (RFC 9110 6.6.1).

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use httpdate::HttpDate;
use tokio::time::Instant;

/// The date as it was told last, on this thread.
struct Told {
    text: String,
    /// When it is to be made again.
    until: Option<Instant>,
}

std::thread_local! {
    static TOLD: RefCell<Told> = const { RefCell::new(Told { text: String::new(), until: None }) };
}

/// Gives the value of `Date` as of now to `use_it`: at most a second old.
pub fn with_date<R>(use_it: impl FnOnce(&str) -> R) -> R {
    let now = Instant::now();
    TOLD.with_borrow_mut(|told| {
        // an instant far ahead is one of another clock: time of a test, which was paused
        let holds = told.until.is_some_and(|until| now < until && until - now <= SECOND);
        if !holds {
            let system = SystemTime::now();
            told.text = HttpDate::from(system).to_string();
            let into_second = system.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.subsec_nanos());
            told.until = now.checked_add(SECOND - Duration::from_nanos(into_second.into()));
        }
        use_it(&told.text)
    })
}

const SECOND: Duration = Duration::from_secs(1);
