//! What a run comes to.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use http_keepalive::CloseReason;

/// What a link carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Segments that were offered to it.
    pub segments: u64,
    /// Those that found its buffer full.
    pub dropped: u64,
}

/// A number that changes with time, and its mean.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Level {
    level: u64,
    most: u64,
    since: u64,
    area: u128,
}

impl Level {
    pub(crate) fn change(&mut self, now: u64, by: i64) {
        self.area += u128::from(self.level) * u128::from(now - self.since);
        self.since = now;
        self.level = self.level.checked_add_signed(by).expect("no more leave than came");
        self.most = self.most.max(self.level);
    }

    pub(crate) const fn level(&self) -> u64 {
        self.level
    }

    pub(crate) const fn most(&self) -> u64 {
        self.most
    }

    /// The mean until now.
    pub(crate) fn mean(&self, now: u64) -> f64 {
        let area = self.area + u128::from(self.level) * u128::from(now - self.since);
        if now == 0 { 0.0 } else { area as f64 / now as f64 }
    }
}

/// The same of two kinds of users.
pub(crate) const KINDS: usize = 2;

/// Times and counts of one kind of users.
#[derive(Debug)]
pub(crate) struct OfUsers {
    /// Times of pages that came whole, in microseconds.
    pub(crate) pages: Histogram<u64>,
    /// Octets of content, and nanoseconds spent on pages.
    pub(crate) octets: u64,
    pub(crate) nanos: u128,
}

/// What is counted while a world runs.
#[derive(Debug)]
pub(crate) struct Measures {
    pub(crate) of_users: [OfUsers; KINDS],
    pub(crate) users: u64,
    pub(crate) pages_failed: u64,
    pub(crate) requests: u64,
    pub(crate) responses: u64,
    pub(crate) repeated: u64,
    pub(crate) lost: u64,
    /// Requests whose connection ended before an answer, repeated or lost.
    pub(crate) unanswered: u64,
    pub(crate) opened: u64,
    pub(crate) openings_dropped: u64,
    pub(crate) refused: u64,
    pub(crate) back_opened: u64,
    pub(crate) shared: Carried,
    pub(crate) own: Carried,
    pub(crate) timers_passed: u64,
    pub(crate) placed: Level,
    pub(crate) working: Level,
    pub(crate) open: Level,
    pub(crate) processor_nanos: u128,
    /// Of users who have gone: the sums of their octets a second, and of its squares.
    pub(crate) rates: (u64, f64, f64),
    pub(crate) ends: BTreeMap<&'static str, u64>,
    pub(crate) events: u64,
    /// When the last user had gone, and the means of connections in places and in work until then.
    over: (u64, f64, f64),
}

impl Measures {
    pub(crate) fn new() -> Self {
        let of_users = || OfUsers {
            // 3 digits, up to an hour and more
            pages: Histogram::new_with_bounds(1, 10_000_000_000, 3).expect("the bounds are in order"),
            octets: 0,
            nanos: 0,
        };
        Self {
            of_users: [of_users(), of_users()],
            users: 0,
            pages_failed: 0,
            requests: 0,
            responses: 0,
            repeated: 0,
            lost: 0,
            unanswered: 0,
            opened: 0,
            openings_dropped: 0,
            refused: 0,
            back_opened: 0,
            shared: Carried::default(),
            own: Carried::default(),
            timers_passed: 0,
            placed: Level::default(),
            working: Level::default(),
            open: Level::default(),
            processor_nanos: 0,
            rates: (0, 0.0, 0.0),
            ends: BTreeMap::new(),
            events: 0,
            over: (0, 0.0, 0.0),
        }
    }

    pub(crate) fn ended(&mut self, why: Option<CloseReason>) {
        *self.ends.entry(why.map_or("none", CloseReason::as_str)).or_default() += 1;
    }

    /// What comes after is idle connections that end.
    pub(crate) fn last_user_gone(&mut self, now: u64) {
        self.over = (now, self.placed.mean(now), self.working.mean(now));
    }

    pub(crate) fn user_gone(&mut self, octets: u64, nanos: u64) {
        if nanos > 0 {
            let rate = octets as f64 * 1e9 / nanos as f64;
            self.rates.0 += 1;
            self.rates.1 += rate;
            self.rates.2 += rate * rate;
        }
    }
}

/// What a run came to: the columns of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Each with its name.
    pub columns: Vec<(&'static str, f64)>,
    /// Why servers' connections ended, and how many of them.
    pub ends: BTreeMap<&'static str, u64>,
}

impl Outcome {
    /// The names of the columns, with their units.
    pub const NAMES: [&'static str; 33] = [
        "users",
        "pages",
        "pages_failed",
        "page_mean_ms",
        "page_p50_ms",
        "page_p95_ms",
        "page_p99_ms",
        "page_round_trips",
        "requests",
        "responses",
        "connections",
        "connections_per_page",
        "requests_per_connection",
        "handshakes_dropped",
        "connects_refused",
        "unanswered",
        "repeated",
        "lost",
        "lost_per_million",
        "drops_percent",
        "timers_passed",
        "fairness",
        "rival_page_mean_ms",
        "rival_share",
        "places_mean",
        "places_most",
        "places_idle_mean",
        "open_most",
        "processor_ms_per_page",
        "back_connections",
        "goodput_mbit",
        "seconds",
        "events",
    ];

    /// A column.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.columns.iter().find(|(other, _)| *other == name).map(|&(_, value)| value)
    }

    /// The means of several runs.
    pub fn mean(runs: &[Self]) -> Option<Self> {
        let mut mean = runs.first()?.clone();
        for (at, column) in mean.columns.iter_mut().enumerate() {
            column.1 = runs.iter().map(|run| run.columns[at].1).sum::<f64>() / runs.len() as f64;
        }
        for run in &runs[1..] {
            for (why, count) in &run.ends {
                *mean.ends.entry(why).or_default() += count;
            }
        }
        Some(mean)
    }
}

/// A part of a whole, 0 of nothing.
pub(crate) fn part(of: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { of / whole }
}

impl Measures {
    pub(crate) fn outcome(&self, round_trip: u64) -> Outcome {
        let main = &self.of_users[0].pages;
        let millis = |micros: u64| micros as f64 / 1e3;
        let [first, rival] = [0, 1].map(|kind| &self.of_users[kind]);
        let rate = |of: &OfUsers| part(of.octets as f64, of.nanos as f64);
        let pages = (first.pages.len() + rival.pages.len()) as f64;
        let mean = main.mean() / 1e3;
        let (over, placed, working) = self.over;
        let values = [
            self.users as f64,
            pages,
            self.pages_failed as f64,
            mean,
            millis(main.value_at_quantile(0.5)),
            millis(main.value_at_quantile(0.95)),
            millis(main.value_at_quantile(0.99)),
            part(mean * 1e6, round_trip as f64),
            self.requests as f64,
            self.responses as f64,
            self.opened as f64,
            part(self.opened as f64, pages),
            part(self.responses as f64, self.opened as f64),
            self.openings_dropped as f64,
            self.refused as f64,
            self.unanswered as f64,
            self.repeated as f64,
            self.lost as f64,
            part(self.lost as f64 * 1e6, self.requests as f64),
            part(
                (self.shared.dropped + self.own.dropped) as f64 * 100.0,
                (self.shared.segments.max(self.own.segments)) as f64,
            ),
            self.timers_passed as f64,
            part(self.rates.1 * self.rates.1, self.rates.0 as f64 * self.rates.2),
            rival.pages.mean() / 1e3,
            part(rate(rival), rate(first)),
            placed,
            self.placed.most() as f64,
            placed - working,
            self.open.most() as f64,
            part(self.processor_nanos as f64 / 1e6, pages),
            self.back_opened as f64,
            part((first.octets + rival.octets) as f64 * 8e3, over as f64),
            over as f64 / 1e9,
            self.events as f64,
        ];
        let columns = Outcome::NAMES.into_iter().zip(values).collect();
        Outcome { columns, ends: self.ends.clone() }
    }
}
