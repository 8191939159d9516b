//! The folders are the architecture: a lower floor never imports a higher one, no path goes by the root of the crate, and no circle of
//! imports goes through two floors.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The floors from the ground up, by folder or file; what stands in one row may import each other.
const FLOORS: [&[&str]; 9] = [
    &["time", "reasons"],
    &["status", "close_reason", "error"],
    &["config"],
    &["message"],
    &["lifecycle"],
    &["intermediary"],
    &["connection", "queues"],
    &["drive", "pool", "presets", "check", "settings"],
    &["relay"],
];

/// A circle of two or three files is one room with doors; more are a corridor.
const MOST_IN_A_CIRCLE: usize = 3;

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() { files(&entry, into) } else { into.push(entry) }
    }
}

/// The lines of code, without comments and without each item that is for tests alone.
fn code(text: &str) -> String {
    let mut lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut code = String::new();
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            code += line;
            code.push('\n');
            continue;
        }
        // the item ends with its line, or with the brace that stands below its begin
        let indent = &line[..line.len() - line.trim_start().len()];
        let item = lines.by_ref().find(|line| !line.trim_start().starts_with("#[")).unwrap_or_default();
        if !item.trim_end().ends_with([';', '}', ',']) {
            let end = |line: &&str| line.strip_prefix(indent).is_some_and(|rest| rest.starts_with(['}', ')']));
            lines.by_ref().find(end);
        }
    }
    code
}

/// The first part of each path that begins with `crate::`, outside of comments and tests.
fn imports(text: &str) -> BTreeSet<String> {
    let code = code(text);
    let paths = code.split("crate::").skip(1);
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
    assert_eq!(upward, BTreeSet::new(), "imports that go up");
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(rooms["lifecycle"].contains("message") && !rooms["message"].contains("lifecycle"));
}

/// The module that a path names, or the nearest above it: `lifecycle::state::Stage` names `lifecycle::state`.
fn module_of<'m>(path: &str, modules: &'m BTreeMap<String, BTreeSet<String>>) -> Option<&'m str> {
    let mut ends = std::iter::once(path.len()).chain(path.rmatch_indices("::").map(|(at, _)| at));
    ends.find_map(|end| modules.get_key_value(&path[..end])).map(|(name, _)| name.as_str())
}

/// Every path of a tree of imports: `a::{b, c::{d, e}}` has three.
fn paths(prefix: &str, tree: &str, into: &mut BTreeSet<String>) {
    let (mut depth, mut from) = (0, 0);
    let mut parts = Vec::new();
    for (at, c) in tree.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&tree[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&tree[from..]);
    for part in parts.into_iter().map(str::trim).filter(|part| !part.is_empty()) {
        match part.split_once('{') {
            Some((head, rest)) => {
                let rest = rest.strip_suffix('}').expect("a tree is closed");
                paths(&format!("{prefix}{}", head.trim()), rest, into);
            }
            None => drop(into.insert(format!("{prefix}{part}"))),
        }
    }
}

/// What each module imports: by `use`, and by paths in the code.
fn modules() -> BTreeMap<String, BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&root, &mut all);
    let mut modules = BTreeMap::new();
    for file in all.iter().filter(|file| **file != root.join("lib.rs")) {
        let name = file.strip_prefix(&root).expect("within").with_extension("");
        let name = name.to_str().expect("text").replace(['/', '\\'], "::");
        let text = fs::read_to_string(file).expect("text");
        let code = code(&text);
        let name = name.trim_end_matches("::mod").to_owned();
        let above = name.rsplit_once("::").map_or(String::new(), |(above, _)| format!("{above}::"));
        let mut imports = BTreeSet::new();
        for (start, prefix) in [("crate::", String::new()), ("super::", above)] {
            for path in code.split(start).skip(1) {
                // the tree goes on to the end of the statement; in code a path ends at the first sign that is none of its
                let statement = path.split(';').next().unwrap_or_default();
                let is_tree = |c: char| c.is_alphanumeric() || "_:{}, \n".contains(c);
                let tree = &statement[..statement.find(|c| !is_tree(c)).unwrap_or(statement.len())];
                let closed = tree.matches('{').count() == tree.matches('}').count();
                let end = tree.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':').unwrap_or(tree.len());
                let whole = closed && tree.len() == statement.len();
                paths(&prefix, if whole { tree } else { &tree[..end] }, &mut imports);
            }
        }
        modules.insert(name, imports);
    }
    let named = |imports: &BTreeSet<String>, own: &str| {
        let modules = imports.iter().filter_map(|path| module_of(path, &modules)).filter(|other| *other != own);
        modules.map(str::to_owned).collect()
    };
    modules.iter().map(|(name, imports)| (name.clone(), named(imports, name))).collect()
}

/// Those that can be reached from this module.
fn reached(from: &str, modules: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let (mut reached, mut open) = (BTreeSet::new(), vec![from.to_owned()]);
    while let Some(module) = open.pop() {
        for next in &modules[&module] {
            if reached.insert(next.clone()) {
                open.push(next.clone());
            }
        }
    }
    reached
}

#[test]
fn no_circle_of_imports_is_larger_than_three_files() {
    let modules = modules();
    assert!(modules["lifecycle::deadlines"].contains("lifecycle::phase"), "imports are seen");
    let reached: BTreeMap<_, _> = modules.keys().map(|name| (name, reached(name, &modules))).collect();
    for (name, those) in &reached {
        let circle: Vec<_> = those.iter().filter(|other| reached[other].contains(*name)).collect();
        assert!(circle.len() <= MOST_IN_A_CIRCLE, "{name} is in a circle of {circle:?}");
    }
}

#[test]
fn the_top_of_the_sources_can_be_read_at_a_glance() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let entries = fs::read_dir(root).expect("a folder").count();
    assert!(entries <= 18, "{entries} files and folders");
}

#[test]
fn an_import_that_goes_up_would_be_seen() {
    let text = "use crate::lifecycle::Lifecycle;\n// use crate::pool::Pool;\nfn f() -> crate::time::Instant {}\n#[cfg(test)]\nuse crate::check::X;";
    assert_eq!(imports(text), BTreeSet::from(["lifecycle".to_owned(), "time".to_owned()]));
    // what follows an item that is for tests is seen
    let text = "#[cfg(test)]\nmod tests;\nuse crate::pool::Pool;\n    #[cfg(test)]\n    fn f() {\n        crate::check::f();\n    }\n    crate::time::f();";
    assert_eq!(imports(text), BTreeSet::from(["pool".to_owned(), "time".to_owned()]));
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
