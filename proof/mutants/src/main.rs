//! Which changes of the library do its tests not notice?
//!
//! All mutants are built at once, each under a number (`tree`), so that one build serves for all of them; a mutant runs only the tests
//! that pass it, those first that pass little else (`judge`). `survivors.txt` has those that are let live, each with its reason: a
//! mutant that lives and is not there fails the run, and so does a line of it that says what is not so.

mod find;
mod judge;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use judge::{Judge, Verdict, in_parallel};
use tree::Placed;

const USAGE: &str = "\
Which changes of the library do its tests not notice?

    cargo run --release --manifest-path proof/mutants/Cargo.toml -- [FILE…] [--list] [--shard K/N] [--jobs N]

FILE      only files whose path begins so: src/lifecycle, src/pool/checkin.rs (all of src without one)
--list    name the mutants, and run nothing
--shard   every N-th mutant, from the K-th on (1 to N)
--jobs    tests at once (2)
";

struct Options {
    files: Vec<String>,
    lists: bool,
    shard: (usize, usize),
    jobs: usize,
}

fn options() -> Option<Options> {
    let mut options = Options { files: Vec::new(), lists: false, shard: (1, 1), jobs: 2 };
    let mut said = env::args().skip(1);
    while let Some(word) = said.next() {
        match word.as_str() {
            "--list" => options.lists = true,
            "--jobs" => options.jobs = said.next()?.parse().ok()?,
            "--shard" => {
                let value = said.next()?;
                let (place, of) = value.split_once('/')?;
                options.shard = (place.parse().ok()?, place_of(of)?);
            }
            file if !file.starts_with('-') => options.files.push(file.to_string()),
            _ => return None,
        }
    }
    Some(options)
}

fn place_of(number: &str) -> Option<usize> {
    number.parse().ok().filter(|&number| number > 0)
}

/// The mutants of the files that were asked for.
fn find_all(root: &Path, files: &[String]) -> io::Result<Vec<Placed>> {
    let asked = |name: &str| files.is_empty() || files.iter().any(|file| name.starts_with(file.as_str()));
    let sources = tree::tracked(root)?.into_iter().filter(|name| name.starts_with("src/") && name.ends_with(".rs"));
    // what is compiled by a feature or for tests alone is in no program that is run, and `canonical` has one of its own
    let others = ["_test", "twins.rs", "http_types", "invariants", "src/lib.rs", "canonical.rs", "relative.rs"];
    let mut all = Vec::new();
    for file in sources.filter(|name| asked(name) && !others.iter().any(|other| name.contains(other))) {
        let text = fs::read_to_string(root.join(&file))?;
        let found = find::mutants(&text).map_err(|error| io::Error::other(format!("{file}: {error}")))?;
        for mutant in found {
            let original = match mutant.change {
                find::Change::Arm => {
                    text[text[..mutant.range.start].rfind('\n').map_or(0, |lf| lf + 1)..mutant.range.start].trim()
                }
                _ => &text[mutant.range.clone()],
            };
            let original = original.to_string();
            all.push(Placed { number: all.len() + 1, file: file.clone(), mutant, original });
        }
    }
    Ok(all)
}

/// The mutants that are let live: name and reason.
fn survivors(path: &Path) -> io::Result<BTreeMap<String, String>> {
    let text = fs::read_to_string(path)?;
    let (mut known, mut reason) = (BTreeMap::new(), String::new());
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("//")) {
        match line.strip_prefix("# ") {
            Some(why) => reason = why.to_string(),
            None => drop(known.insert(line.to_string(), reason.clone())),
        }
    }
    Ok(known)
}

fn run(options: &Options) -> io::Result<bool> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = here.join("../..").canonicalize()?;
    let mutants = find_all(&root, &options.files)?;
    if options.lists {
        mutants.iter().for_each(|placed| println!("{}:{} {}", placed.file, placed.mutant.line, placed.name()));
        println!("{} mutants", mutants.len());
        return Ok(true);
    }
    let (copy, target) = (root.join("target/mutants/tree"), root.join("target/mutants/target"));
    tree::write(&root, &copy, &mutants)?;
    let mut judge = Judge::build(&copy, &target)?;
    let tests = judge.learn(options.jobs)?;
    println!("{} mutants, {tests} tests", mutants.len());

    let (place, of) = options.shard;
    let chosen: Vec<_> = mutants.iter().skip(place.saturating_sub(1)).step_by(of).collect();
    let verdicts = in_parallel(options.jobs, &chosen, |_, placed| {
        let verdict = judge.verdict(placed.number);
        if verdict != Verdict::Caught {
            // as soon as it is known: a run may be cut short
            eprintln!("{verdict:?} {}:{}", placed.file, placed.mutant.line);
        }
        verdict
    });
    report(&chosen, &verdicts, &survivors(&here.join("survivors.txt"))?, options)
}

/// Prints what lives and is not known to, and the sums. Does all agree?
fn report(
    chosen: &[&Placed],
    verdicts: &[Verdict],
    known: &BTreeMap<String, String>,
    options: &Options,
) -> io::Result<bool> {
    let mut sums: BTreeMap<&str, [usize; 4]> = BTreeMap::new();
    let (mut news, mut alive) = (0, BTreeSet::new());
    for (placed, verdict) in chosen.iter().zip(verdicts) {
        let name = placed.name();
        let is_known = known.contains_key(&name);
        let column = match verdict {
            Verdict::Caught => 0,
            _ if is_known => 1,
            Verdict::Alive => 2,
            Verdict::Unreached => 3,
        };
        sums.entry(&placed.file).or_default()[column] += 1;
        if column >= 2 {
            news += 1;
            let how = if column == 3 { "no test passes" } else { "lives" };
            println!("{how}: {}:{} {name}", placed.file, placed.mutant.line);
        }
        if *verdict != Verdict::Caught {
            alive.insert(name);
        }
    }
    let whole = options.shard.1 == 1;
    let stale: Vec<_> = known
        .keys()
        .filter(|name| {
            whole
                && chosen.iter().any(|placed| name.starts_with(&format!("{} ", placed.file)))
                && !alive.contains(*name)
        })
        .collect();
    stale.iter().for_each(|name| println!("survivors.txt has what is caught, or is no more: {name}"));
    println!("{:>7} {:>6} {:>6} {:>9}  file", "caught", "known", "alive", "unreached");
    let mut all = [0; 4];
    for (file, sum) in &sums {
        println!("{:>7} {:>6} {:>6} {:>9}  {file}", sum[0], sum[1], sum[2], sum[3]);
        all.iter_mut().zip(sum).for_each(|(all, one)| *all += one);
    }
    let judged = (all[0] + all[2] + all[3]).max(1);
    let share = 100.0 * all[0] as f64 / judged as f64;
    println!(
        "{:>7} {:>6} {:>6} {:>9}  all: {share:.1} % of those that are not known to be equivalent",
        all[0], all[1], all[2], all[3]
    );
    Ok(news == 0 && stale.is_empty())
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
