//! The folders are the architecture: a lower floor never imports a higher one, no path goes by the root of the crate, and no circle of
//! imports goes through two floors.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The floors from the ground up, by folder or file; what stands in one row may import each other.
const FLOORS: [&[&str]; 7] = [
    &["time", "reasons"],
    &["status", "close_reason", "error"],
    &["config"],
    &["message"],
    &["lifecycle"],
    &["connection", "deadline_queue"],
    &["pool", "presets", "check", "settings"],
];

/// What a lower floor imports of a higher one all the same, and why.
const UPWARD: [(&str, &str); 1] = [
    // a struct of settings is made readable from files where it is declared, by the macro that declares it
    ("config", "settings"),
];

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() { files(&entry, into) } else { into.push(entry) }
    }
}

/// The first part of each path that begins with `crate::`, outside of comments and tests.
fn imports(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines = code.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
    let paths = lines.flat_map(|line| line.split("crate::").skip(1).map(str::to_owned).collect::<Vec<_>>());
    paths.map(|path| path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()).collect()
}

fn floor_of(name: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&name))
}

#[test]
fn a_lower_floor_never_imports_a_higher_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&root, &mut all);
    let (mut wrong, mut upward, mut rooms) = (Vec::new(), BTreeSet::new(), BTreeMap::<String, BTreeSet<String>>::new());
    for file in all.iter().filter(|file| **file != root.join("lib.rs")) {
        let path = file.strip_prefix(&root).expect("within");
        let room =
            path.components().next().expect("a part").as_os_str().to_str().expect("text").trim_end_matches(".rs");
        let Some(floor) = floor_of(room) else { panic!("{room} stands on no floor") };
        for import in imports(&fs::read_to_string(file).expect("text")) {
            match floor_of(&import) {
                None => wrong.push(format!("{}: {import} by the root of the crate", path.display())),
                Some(other) if other > floor => {
                    upward.insert((room.to_owned(), import.clone()));
                }
                Some(_) => drop(rooms.entry(room.to_owned()).or_default().insert(import)),
            }
        }
    }
    let allowed: BTreeSet<_> = UPWARD.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
    assert_eq!(upward, allowed, "imports that go up");
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(rooms["lifecycle"].contains("message") && !rooms["message"].contains("lifecycle"));
}

#[test]
fn the_top_of_the_sources_can_be_read_at_a_glance() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let entries = fs::read_dir(root).expect("a folder").count();
    assert!(entries <= 16, "{entries} files and folders");
}

#[test]
fn an_import_that_goes_up_would_be_seen() {
    let text = "use crate::lifecycle::Lifecycle;\n// use crate::pool::Pool;\nfn f() -> crate::time::Instant {}\n#[cfg(test)]\nuse crate::check::X;";
    assert_eq!(imports(text), BTreeSet::from(["lifecycle".to_owned(), "time".to_owned()]));
    assert!(floor_of("lifecycle") > floor_of("message"));
}

/// A file that no program names is compiled by nobody, and its tests pass in silence.
#[test]
fn every_file_of_tests_is_part_of_a_program() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let main = fs::read_to_string(tests.join("it/main.rs")).expect("text");
    let named: BTreeSet<_> = main.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';')).collect();
    let entries = fs::read_dir(tests.join("it")).expect("a folder").map(|entry| entry.expect("an entry").path());
    let stems: Vec<_> =
        entries.map(|path| path.file_stem().expect("a name").to_str().expect("text").to_owned()).collect();
    let there = stems.iter().map(String::as_str).filter(|&stem| stem != "main").collect();
    assert_eq!(named.symmetric_difference(&there).collect::<Vec<_>>(), Vec::<&&str>::new());
}
