//! Is the work linear in the octets, in every shape and whatever the split? Counted under callgrind, each run alone: at eight times
//! the length an octet may not cost more, but for a quarter. A program of its own: what calls the crate beside the work that is counted
//! changes what the compiler makes of it.

#[path = "../../calls.rs"]
mod calls;
mod shapes;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use http_keepalive::*;
use shapes::{Reader, Shape};

/// Counts every shape at two lengths: fails where an octet among many costs more than one among few.
#[derive(Parser)]
struct Options {
    /// Prints every count.
    #[arg(long)]
    all: bool,
    #[command(subcommand)]
    command: Option<Action>,
}

#[derive(Subcommand)]
enum Action {
    /// Offers every shape once: what is counted.
    Run,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(Action::Run) = options.command {
        run();
        return ExitCode::SUCCESS;
    }
    let broken = check(options.all).unwrap_or_else(|message| vec![message]);
    broken.iter().for_each(|line| eprintln!("flat: {line}"));
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Octets of a shape: few, and many. Less than 64 KiB, so that a chunk extension can be so long.
const LENGTHS: [usize; 2] = [8_000, 64_000];

/// Instructions of an octet among many, over those of one among few.
const MOST: f64 = 1.25;

/// How a message is offered.
#[derive(Clone, Copy, Debug)]
enum Split {
    Octets,
    Pieces,
    Lines,
    Whole,
}

const SPLITS: [Split; 4] = [Split::Octets, Split::Pieces, Split::Lines, Split::Whole];

impl Split {
    /// Where the offers end.
    fn ends(self, octets: &[u8]) -> Vec<usize> {
        let all = 1..=octets.len();
        match self {
            Self::Octets => all.collect(),
            Self::Pieces => all.filter(|end| end % 61 == 0 || *end == octets.len()).collect(),
            Self::Lines => all.filter(|end| octets[end - 1] == b'\n' || *end == octets.len()).collect(),
            Self::Whole => vec![octets.len()],
        }
    }
}

/// The function whose calls are counted, one by one.
const COUNTED: &str = "flat::offered";

/// What is run, in order: few octets, then many.
fn runs() -> impl Iterator<Item = (&'static Shape, Reader, Split)> {
    shapes::ALL.iter().flat_map(|shape| {
        shape.1.iter().flat_map(move |reader| SPLITS.into_iter().map(move |split| (shape, *reader, split)))
    })
}

/// Offers every shape; to be run under callgrind.
fn run() {
    for ((_, reader, split), shape) in runs().map(|run| (run, run.0)) {
        for length in LENGTHS {
            let octets = shape.2(length);
            let ends = split.ends(&octets);
            let mut connection = open(reader);
            let mut out = vec![0; 1 << 16];
            let consumed = offered(&mut *connection, &octets, &ends, &mut out);
            assert_eq!(consumed, octets.len(), "{}, {reader:?}, {split:?}", shape.0);
        }
    }
}

/// What is counted: octets consumed.
#[inline(never)]
fn offered(connection: &mut dyn Receives, octets: &[u8], ends: &[usize], out: &mut [u8]) -> usize {
    let mut from = 0;
    for end in ends {
        while let Some(consumed) = connection.offered(&octets[from..*end], out) {
            from += consumed;
        }
        from += connection.left();
    }
    from
}

/// Counts every shape and prints `all` or a summary: those that are not flat.
fn check(all: bool) -> Result<Vec<String>, String> {
    let folder = std::env::temp_dir().join(format!("flat-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let counted = calls::counted(COUNTED, &["run"], &folder);
    let _ = std::fs::remove_dir_all(&folder);
    let (_, counts) = counted?;
    if counts.len() < 2 * runs().count() {
        return Err(format!("{} counts of {} runs", counts.len(), 2 * runs().count()));
    }
    let mut broken = Vec::new();
    let mut greatest = 0.0f64;
    for (at, (shape, reader, split)) in runs().enumerate() {
        let each = [0, 1].map(|of| counts[2 * at + of] as f64 / shape.2(LENGTHS[of]).len() as f64);
        greatest = greatest.max(each[1] / each[0]);
        let said = format!("{}, {reader:?}, {split:?}: {:.1} and {:.1} an octet", shape.0, each[0], each[1]);
        if all {
            println!("{said}");
        }
        if each[1] > each[0] * MOST {
            broken.push(said);
        }
    }
    println!("{} shapes and splits, the steepest {greatest:.2} (at most {MOST:.2})", runs().count());
    Ok(broken)
}

/// A connection of either role.
trait Receives {
    /// One offer: octets consumed, and whether to offer again is whether there is an answer.
    fn offered(&mut self, octets: &[u8], out: &mut [u8]) -> Option<usize>;

    /// Octets consumed by the last offer, which came to nothing.
    fn left(&mut self) -> usize;
}

/// What was read of the last offer.
struct Reading<R: Role> {
    connection: Connection<R>,
    left: usize,
    answers: bool,
}

const NOW: Instant = Instant::from_secs(1);

impl Receives for Reading<Server> {
    fn offered(&mut self, octets: &[u8], out: &mut [u8]) -> Option<usize> {
        let received = self.connection.receive(NOW, octets).expect("accepted");
        let (consumed, event) = (received.consumed, matches!(received.outcome, Outcome::Event(_)));
        if matches!(received.outcome, Outcome::Event(Event::Request(_))) && self.answers {
            let answer = self.connection.send_response(NOW, StatusCode::OK, NO_FIELDS, Content::Empty, out);
            self.connection.handle_sent(NOW, answer.expect("an answer") as u64);
        }
        self.left = if event { 0 } else { consumed };
        event.then_some(consumed)
    }

    fn left(&mut self) -> usize {
        core::mem::take(&mut self.left)
    }
}

impl Receives for Reading<Client> {
    fn offered(&mut self, octets: &[u8], _: &mut [u8]) -> Option<usize> {
        let received = self.connection.receive(NOW, octets).expect("accepted");
        let event = matches!(received.outcome, Outcome::Event(_));
        self.left = if event { 0 } else { received.consumed };
        event.then_some(received.consumed)
    }

    fn left(&mut self) -> usize {
        core::mem::take(&mut self.left)
    }
}

const LIMITS: Limits = Limits::DEFAULT
    .with_head(1 << 20)
    .with_start_line(1 << 19)
    .with_field_line(1 << 20)
    .with_field_lines(u16::MAX)
    .with_trailer_section(1 << 20)
    .with_trailer_lines(u16::MAX)
    .with_chunk_extension(u16::MAX)
    .with_chunk_extensions(1 << 20)
    .with_chunk_framing(None)
    .with_unread_octets(None)
    .with_interim_responses(None)
    .with_interim_octets(None)
    .with_max_exchanges(None);

const LENIENT: Policy = Policy::DEFAULT
    .with_bare_lf(Tolerance::Accept)
    .with_bare_cr(Tolerance::Accept)
    .with_control_octets(Tolerance::Accept)
    .with_whitespace_before_fields(Tolerance::Accept)
    .with_start_line_whitespace(Tolerance::Accept)
    .with_target_octets(Tolerance::Accept)
    .with_request_fold(Tolerance::Accept)
    .with_response_colon_space(Tolerance::Accept)
    .with_response_junk_lines(Tolerance::Accept)
    .with_repeated_length(Tolerance::Accept)
    .with_other_codings(Tolerance::Accept)
    .with_chunk_size_whitespace(Tolerance::Accept)
    .with_request_trailers(Tolerance::Accept);

const fn config<R: Role>(policy: Policy) -> Config<R> {
    match Config::new(LIMITS, Timeouts::DEFAULT, policy) {
        Ok(config) => config,
        Err(_) => panic!("out of bounds"),
    }
}

static STRICT_SERVER: Config<Server> = config(Policy::DEFAULT);
static LENIENT_SERVER: Config<Server> = config(LENIENT);
static STRICT_CLIENT: Config<Client> = config(Policy::DEFAULT);
static LENIENT_CLIENT: Config<Client> = config(LENIENT);

fn open(reader: Reader) -> Box<dyn Receives> {
    let server = |config: &'static Config<Server>, answers: bool| {
        Box::new(Reading { connection: Connection::<Server>::new(NOW, config), left: 0, answers })
    };
    let client = |config: &'static Config<Client>| {
        let (mut connection, mut out) = (Connection::<Client>::new(NOW, config), [0; 256]);
        let request = Request::new(Method::new(b"GET"), b"/");
        let octets = connection.send_request(NOW, &request, [("Host", "x")], Content::Empty, &mut out).expect("sent");
        connection.handle_sent(NOW, octets as u64);
        Box::new(Reading { connection, left: 0, answers: false })
    };
    match reader {
        Reader::Strict => server(&STRICT_SERVER, false),
        Reader::Lenient => server(&LENIENT_SERVER, false),
        Reader::Discarding => server(&LENIENT_SERVER, true),
        Reader::Client => client(&STRICT_CLIENT),
        Reader::LenientClient => client(&LENIENT_CLIENT),
    }
}
