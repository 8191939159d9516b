//! Many requests outstanding at once, for long: a connection against a model that asks all of them each time.

use std::collections::VecDeque;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::time::Duration;

use http_keepalive::retry::Sent;
use http_keepalive::*;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::cases;
use crate::rows::nothing;

const DEPTH: usize = 16;

type Deep = Client<DEPTH>;

/// How long each timeout is: of the connection, and of an exchange that has its own.
const SECONDS: [u64; 2] = [50, 20];

fn config(seconds: u64) -> Config<Deep> {
    let some = Some(Duration::from_secs(seconds));
    let timeouts = nothing().with_exchange(some).with_response(some).with_write_stall(some);
    Config::new(Limits::DEFAULT.with_max_exchanges(None), timeouts, Policy::DEFAULT).expect("within bounds")
}

#[derive(Clone, Copy, PartialEq)]
enum Progress {
    Begun,
    Whole(u64),
    Left(Instant),
}

struct Asked {
    number: u32,
    began: Instant,
    from: u64,
    progress: Progress,
    idempotent: bool,
    pipelined: bool,
    has_own: bool,
}

/// What is expected, by the plainest rules.
struct Model {
    now: Instant,
    row: VecDeque<Asked>,
    asked: u32,
    /// Content that the last request is still to be followed by.
    content: u64,
    written: u64,
    unsent: u64,
    still_since: Instant,
    answered_at: Instant,
}

impl Model {
    fn sent(&self) -> u64 {
        self.written - self.unsent
    }

    /// May the next request be asked?
    fn check(&self) -> Result<(), SendError> {
        let misuse = match &self.row {
            _ if self.content > 0 => Misuse::RequestUnfinished,
            row if row.len() == DEPTH => Misuse::PipelineFull,
            row if !row.iter().all(|request| request.idempotent) => Misuse::PipelineHeld,
            _ => return Ok(()),
        };
        Err(misuse.into())
    }

    fn ask(&mut self, idempotent: bool, content: u64) {
        self.row.push_back(Asked {
            number: self.asked,
            began: self.now,
            from: self.written,
            progress: Progress::Begun,
            idempotent,
            pipelined: !self.row.is_empty(),
            has_own: false,
        });
        self.asked += 1;
        self.content = content;
    }

    fn written(&mut self, octets: u64) {
        if self.unsent == 0 {
            self.still_since = self.now;
        }
        self.written += octets;
        self.unsent += octets;
        if self.content == 0 {
            self.whole();
        }
    }

    /// Also where it had left: what is told after its end has not.
    fn whole(&mut self) {
        if let Some(last) = self.row.back_mut() {
            last.progress = Progress::Whole(self.written);
        }
    }

    fn left(&mut self, octets: u64) {
        if octets > 0 {
            self.unsent -= octets;
            self.still_since = self.now;
        }
        let (sent, now, own) = (self.sent(), self.now, self.sends_by_own());
        for request in &mut self.row {
            if matches!(request.progress, Progress::Whole(to) if to <= sent) {
                request.progress = Progress::Left(now);
            }
        }
        if self.row.len() > 1 && self.sends_by_own() != own && self.unsent > 0 {
            self.still_since = now;
        }
    }

    fn content_sent(&mut self, octets: u64) {
        self.content -= octets;
        if self.content == 0 {
            self.whole();
            self.left(0);
        }
    }

    /// Has what goes timeouts of its own?
    fn sends_by_own(&self) -> bool {
        let goes = self.row.iter().find(|request| !matches!(request.progress, Progress::Left(_)));
        goes.or(self.row.back()).is_some_and(|request| request.has_own)
    }

    fn give(&mut self) -> Result<(), SendError> {
        let last = self.row.len().checked_sub(1).ok_or(Misuse::NothingToAnswer)?;
        if self.row.iter().take(last).any(|request| request.has_own) {
            return Err(Misuse::ExchangeOpen.into());
        }
        self.row[last].has_own = true;
        Ok(())
    }

    /// May the first be answered? Not before it left, and here not while its content is being sent.
    fn may_be_answered(&self) -> bool {
        let has_left = self.row.front().is_some_and(|first| self.sent() > first.from);
        has_left && (self.row.len() > 1 || self.content == 0)
    }

    fn answered(&mut self) {
        let first = self.row.pop_front().expect("one was asked");
        self.answered_at = self.now;
        if self.row.is_empty() || (first.has_own && self.unsent > 0) {
            self.still_since = self.now;
        }
    }

    fn unanswered(&self) -> Vec<(u32, Sent, bool, bool)> {
        let sent_of = |request: &Asked| match (request.progress, self.sent() > request.from) {
            (Progress::Left(_), _) => Sent::All,
            (_, true) => Sent::Some,
            (_, false) => Sent::Unknown,
        };
        self.row.iter().map(|it| (it.number, sent_of(it), it.idempotent, it.pipelined)).collect()
    }

    /// When what is due, and since when that counts.
    fn deadlines(&self) -> Vec<(DeadlineKind, Instant, Instant)> {
        let after = |since: Instant, own: bool| (since + Duration::from_secs(SECONDS[usize::from(own)]), since);
        let exchange = self.row.iter().map(|request| after(request.began, request.has_own)).min();
        let response = self.row.front().and_then(|first| match first.progress {
            Progress::Left(at) => Some(after(at.max(self.answered_at), first.has_own)),
            _ => None,
        });
        let stall = (self.unsent > 0).then(|| after(self.still_since, self.sends_by_own()));
        let all =
            [(DeadlineKind::Exchange, exchange), (DeadlineKind::Response, response), (DeadlineKind::WriteStall, stall)];
        all.into_iter().filter_map(|(kind, due)| due.map(|(at, since)| (kind, at, since))).collect()
    }
}

type Machine<'c> = Lifecycle<Deep, &'c Config<Deep>>;

fn head_to_send(machine: &mut Machine<'_>, now: Instant, method: &[u8], content: u64) -> Result<(), SendError> {
    let mut fields = HeadFacts::request(Method::new(method), Version::HTTP_11);
    fields.field_line(b"Host", b"a");
    let content = if content == 0 { Content::Empty } else { Content::Exact(content) };
    machine.head_to_send(now, &Request::new(Method::new(method), b"/"), &fields, content).map(|_| ())
}

fn answer(machine: &mut Machine<'_>, now: Instant) {
    let mut head = HeadFacts::response(StatusCode::OK, Version::HTTP_11);
    head.field_line(b"Content-Length", b"0");
    machine.head_received(now, &head).expect("it answers the first");
}

fn agree(machine: &Machine<'_>, model: &Model) {
    let unanswered = machine.unanswered().map(|left| {
        let evidence = left.evidence;
        (left.request, evidence.sent, evidence.idempotent, evidence.pipelined)
    });
    assert_eq!(unanswered.collect::<Vec<_>>(), model.unanswered());
    let deadlines = machine.deadlines().map(|cause| (cause.deadline.kind, cause.deadline.at, cause.since));
    assert_eq!(deadlines.collect::<Vec<_>>(), model.deadlines());
    let reusable = match machine.reusable(model.now) {
        Reusable::Now { .. } => Ok(()),
        Reusable::Wait(misuse) => Err(misuse.into()),
        Reusable::No(reason) => Err(SendError::Ended(reason)),
    };
    assert_eq!(reusable, model.check());
    assert_eq!((machine.requests(), machine.has_ended()), (model.asked, false));
}

/// What is told, and with which number.
fn calls() -> impl Strategy<Value = Vec<(u8, u8)>> {
    vec((0..24u8, any::<u8>()), 0..400)
}

fn compare(calls: Vec<(u8, u8)>) -> (u32, usize) {
    let (connection, own) = (config(SECONDS[0]), config(SECONDS[1]));
    let now = Instant::from_secs(1000);
    let mut machine = Lifecycle::<Deep, _>::new(now, &connection);
    machine.knows_http11();
    let mut model = Model {
        now,
        row: VecDeque::new(),
        asked: 0,
        content: 0,
        written: 0,
        unsent: 0,
        still_since: now,
        answered_at: Instant::EPOCH,
    };
    let (mut untold, mut deepest) = (0, 0);
    for (call, argument) in calls {
        let now = model.now;
        match call {
            // a head that is told at once, or later, perhaps after the next one
            0..=9 => {
                let (method, content): (&[u8], u64) = match argument % 16 {
                    0 => (b"POST", 0),
                    1 => (b"PUT", 5),
                    _ => (b"GET", 0),
                };
                assert_eq!(head_to_send(&mut machine, now, method, content), model.check());
                if model.check().is_ok() {
                    model.ask(method != b"POST", content);
                    untold += 20;
                }
                if argument & 16 == 0 && untold > 0 {
                    model.written(untold);
                    machine.octets_written(now, untold);
                    untold = 0;
                }
            }
            10 if untold > 0 => {
                model.written(untold);
                machine.octets_written(now, untold);
                untold = 0;
            }
            11 | 12 if model.content > 0 => {
                let octets = model.content.min(u64::from(argument % 8));
                model.content_sent(octets);
                machine.content_sent(now, octets).expect("it is due");
                untold += octets;
            }
            11..=16 => {
                let octets = model.unsent.min(u64::from(argument));
                model.left(octets);
                machine.handle_sent(now, octets);
            }
            17..=21 if model.may_be_answered() => {
                model.answered();
                answer(&mut machine, now);
            }
            22 => assert_eq!(machine.exchange_timeouts(now, &own), model.give()),
            23 => model.now = now + Duration::from_millis(u64::from(argument)),
            _ => {}
        }
        deepest = deepest.max(model.row.len());
        agree(&machine, &model);
    }
    (model.asked, deepest)
}

proptest! {
    #![proptest_config(cases::property(600, 60))]

    #[test]
    fn a_deep_row_is_that_of_the_model(calls in calls()) {
        compare(calls);
    }
}

#[test]
fn a_full_row_goes_round_again_and_again() {
    let fill = [(0, 2); DEPTH];
    // the eighth has timeouts of its own; octets leave by parts of requests
    let turn = (0..100)
        .flat_map(|at| [(11, 13), (17, 0), (0, 2), (23, at), (11, 30), (if at % 24 == 8 { 22 } else { 10 }, 0)]);
    let (asked, deepest) = compare(fill.into_iter().chain(turn).collect());
    assert!(asked as usize > 5 * DEPTH && deepest == DEPTH, "{asked} {deepest}");
}

#[test]
fn where_in_its_room_a_row_stands_makes_no_difference() {
    let (config, now) = (config(50), Instant::from_secs(1000));
    let after = |answered: usize, last: &'static [u8]| {
        let mut machine = Lifecycle::<Deep, _>::new(now, &config);
        machine.knows_http11();
        let ask = |machine: &mut Machine<'_>, method| {
            head_to_send(machine, now, method, 0).expect("it may go");
            machine.octets_written(now, 20);
            machine.handle_sent(now, 20);
        };
        (0..4).for_each(|_| ask(&mut machine, b"GET"));
        for _ in 0..answered {
            answer(&mut machine, now);
            ask(&mut machine, b"GET");
        }
        ask(&mut machine, last);
        machine.canonical(now)
    };
    let hash = |value: &Canonical<Deep>| BuildHasherDefault::<DefaultHasher>::default().hash_one(value);
    let first = after(1, b"GET");
    for answered in 2..2 * DEPTH {
        let other = after(answered, b"GET");
        assert_eq!((&first, hash(&first)), (&other, hash(&other)));
        assert_ne!(first, after(answered, b"HEAD"));
    }
}
