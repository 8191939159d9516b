//! Runs the tests: which mutants each test passes, and which tests notice a mutant.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A test of a program of tests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Test {
    pub program: usize,
    pub name: String,
}

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A test failed, or did not end.
    Caught,
    /// No test passes it.
    Unreached,
    /// Every test that passes it goes on as before.
    Alive,
}

pub struct Judge {
    pub tree: PathBuf,
    pub programs: Vec<PathBuf>,
    /// The tests that pass each mutant, those first that pass few others.
    reach: BTreeMap<usize, Vec<Test>>,
}

/// Without a single answer for so long a batch of tests has failed: none of them takes a tenth of it.
const LONGEST: Duration = Duration::from_secs(40);

/// Tests that read the sources: they notice the copy, and no mutant.
const READERS: [&str; 2] = ["architecture::", "rules::"];

/// How many tests are run before more of them are: most mutants are caught by the first that pass them.
const BATCHES: [usize; 2] = [12, 90];

impl Judge {
    /// Builds the programs of tests in this copy.
    ///
    /// # Errors
    ///
    /// It does not build.
    pub fn build(tree: &Path, target: &Path) -> io::Result<Self> {
        let built = Command::new("cargo")
            .current_dir(tree)
            .args(["test", "-p", "http-keepalive", "--lib", "--test", "it", "--no-run"])
            // the switch is an intrinsic of the compiler's own, in this copy alone
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_TARGET_DIR", target)
            // once built, they run thousands of times
            .env("CARGO_PROFILE_TEST_OPT_LEVEL", "1")
            .env("RUSTFLAGS", "-A warnings")
            .stderr(Stdio::piped())
            .output()?;
        let said = String::from_utf8_lossy(&built.stderr).into_owned();
        if !built.status.success() {
            eprintln!("{said}");
            return Err(io::Error::other("the copy does not build"));
        }
        let path = |line: &str| line.split_once('(')?.1.strip_suffix(')').map(PathBuf::from);
        let programs = said.lines().filter(|line| line.contains("Executable")).filter_map(path).collect();
        Ok(Self { tree: tree.into(), programs, reach: BTreeMap::new() })
    }

    fn command(&self, program: usize) -> Command {
        let mut command = Command::new(&self.programs[program]);
        command.current_dir(&self.tree).env("PROPTEST_CASES", "60").env("RUST_BACKTRACE", "0");
        command.stdin(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn tests(&self) -> io::Result<Vec<Test>> {
        let mut tests = Vec::new();
        for program in 0..self.programs.len() {
            let listed = self.command(program).args(["--list", "--format=terse"]).output()?;
            let names = String::from_utf8_lossy(&listed.stdout).into_owned();
            let of = names.lines().filter_map(|line| line.strip_suffix(": test"));
            let of = of.filter(|name| !READERS.iter().any(|reader| name.starts_with(reader)));
            tests.extend(of.map(|name| Test { program, name: name.into() }));
        }
        Ok(tests)
    }

    /// Runs each test once, and keeps which mutants it passes. How many tests there are.
    ///
    /// # Errors
    ///
    /// A test fails with no mutant on.
    pub fn learn(&mut self, jobs: usize) -> io::Result<usize> {
        let tests = self.tests()?;
        let scratch = self.tree.join("passed");
        fs::create_dir_all(&scratch)?;
        let learned = in_parallel(jobs, &tests, |place, test| {
            let path = scratch.join(place.to_string());
            let mut command = self.command(test.program);
            command
                .args(["--exact", "--test-threads=1", &test.name])
                .env("MUTANTS_PASSED", &path)
                .stdout(Stdio::null());
            let passed = command.status().is_ok_and(|status| status.success());
            let numbers = fs::read_to_string(&path).unwrap_or_default();
            let _ = fs::remove_file(&path);
            (passed, numbers.lines().filter_map(|line| line.parse().ok()).collect::<Vec<usize>>())
        });
        let failed: Vec<_> =
            tests.iter().zip(&learned).filter(|(_, (passed, _))| !passed).map(|(test, _)| &test.name).collect();
        if !failed.is_empty() {
            return Err(io::Error::other(format!("with no mutant on these fail: {failed:?}")));
        }
        let mut order: Vec<_> = (0..tests.len()).collect();
        order.sort_by_key(|&place| learned[place].1.len());
        for place in order {
            for &number in &learned[place].1 {
                self.reach.entry(number).or_default().push(tests[place].clone());
            }
        }
        Ok(tests.len())
    }

    /// What becomes of this mutant.
    pub fn verdict(&self, number: usize) -> Verdict {
        let Some(tests) = self.reach.get(&number) else { return Verdict::Unreached };
        let mut from = 0;
        for to in BATCHES.into_iter().chain([usize::MAX]) {
            let batch = tests.get(from..to.min(tests.len())).unwrap_or_default();
            for program in 0..self.programs.len() {
                let names: Vec<_> =
                    batch.iter().filter(|test| test.program == program).map(|test| &test.name).collect();
                if !names.is_empty() && !self.passes(program, number, &names) {
                    return Verdict::Caught;
                }
            }
            from = to.min(tests.len());
        }
        Verdict::Alive
    }

    fn passes(&self, program: usize, number: usize, names: &[&String]) -> bool {
        let mut command = self.command(program);
        command
            .args(["--exact", "--test-threads=1"])
            .args(names)
            .env("MUTANT", number.to_string())
            .stdout(Stdio::piped());
        command.spawn().is_ok_and(ends_well)
    }
}

/// Does the program end in time, with no test failed? It is ended at the first that fails.
fn ends_well(mut child: Child) -> bool {
    let Some(mut out) = child.stdout.take() else { return false };
    let last = Mutex::new(Instant::now());
    let (last, over) = (&last, &AtomicUsize::new(0));
    thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let (mut said, mut buffer) = (String::new(), [0; 4096]);
            while let Ok(octets @ 1..) = out.read(&mut buffer) {
                *last.lock().expect("no panic holds it") = Instant::now();
                said.push_str(&String::from_utf8_lossy(&buffer[..octets]));
                if said.contains("FAILED") {
                    return false;
                }
                let keep = said.len().saturating_sub(16);
                said = said.chars().skip(said.chars().count().saturating_sub(said.len() - keep)).collect();
            }
            true
        });
        loop {
            if reader.is_finished() || last.lock().expect("no panic holds it").elapsed() > LONGEST {
                break;
            }
            thread::sleep(Duration::from_millis(3));
        }
        let went_on = reader.is_finished();
        over.store(1, Ordering::Relaxed);
        if !went_on {
            let _ = child.kill();
        }
        let no_failure = reader.join().unwrap_or(false);
        if !no_failure {
            let _ = child.kill();
        }
        let ended = child.wait().is_ok_and(|status| status.success());
        went_on && no_failure && ended
    })
}

/// What `work` says of each, in their order.
pub fn in_parallel<T: Sync, A: Send>(jobs: usize, all: &[T], work: impl Fn(usize, &T) -> A + Sync) -> Vec<A> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some((place, one)) = {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    all.get(place).map(|one| (place, one))
                } {
                    let answer = work(place, one);
                    done.lock().expect("no panic holds it").push((place, answer));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no panic holds it");
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, answer)| answer).collect()
}
