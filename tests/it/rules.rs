//! `docs/rules.md` is complete, and says what is so: each requirement has its row, each test that a row names exists, and each rule that is
//! ours can be broken by one line of `.ci/breaks.toml`, at a place that is still there. That its tests then fail, `.ci/breaks` sees.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// How many requirements there are under each topic; they are numbered from 01.
const TOPICS: [(&str, usize); 14] = [
    ("SYN", 32),
    ("FRAME", 27),
    ("CHUNK", 18),
    ("PERS", 22),
    ("H10", 18),
    ("PIPE", 12),
    ("CLOSE", 19),
    ("RETRY", 13),
    ("EXP", 15),
    ("UPG", 14),
    ("PROXY", 17),
    ("LIMIT", 12),
    ("XLAT", 10),
    ("SEND", 18),
];

/// What a row says of its tests.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shown {
    /// They fail without the rule.
    By(Vec<String>),
    /// It is not ours, for this reason.
    NotOurs(String),
}

#[derive(Clone, Debug)]
struct Row {
    id: String,
    clause: String,
    rule: String,
    shown: Shown,
}

/// The row of this line, if it is one of a requirement.
fn row(line: &str) -> Option<Row> {
    let cells: Vec<_> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
    let [id, clause, rule, tests] = cells[..] else { return None };
    let (topic, number) = id.split_once('-').filter(|(_, number)| number.parse::<u8>().is_ok())?;
    let shown = match tests.strip_prefix("not ours: ") {
        Some(why) => Shown::NotOurs(why.to_string()),
        None => Shown::By(tests.split("<br>").map(|test| test.trim_matches('`').to_string()).collect()),
    };
    assert!(number.len() == 2 && topic.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit()), "{id}");
    Some(Row { id: id.into(), clause: clause.into(), rule: rule.into(), shown })
}

fn page() -> String {
    fs::read_to_string("docs/rules.md").expect("the page")
}

fn rows() -> Vec<Row> {
    page().lines().filter_map(row).collect()
}

/// The names of the tests in this text.
fn tests_in(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        if line == "#[test]" {
            let function = lines.by_ref().find(|line| !line.starts_with("#[") && !line.starts_with("//"));
            let name = function.and_then(|line| line.strip_prefix("fn ")).and_then(|line| line.split_once('('));
            names.extend(name.map(|(name, _)| name.to_string()));
        }
    }
    names
}

/// The tests of each file of this program.
fn tests() -> BTreeMap<String, BTreeSet<String>> {
    let files = fs::read_dir("tests/it").expect("the tests").map(|entry| entry.expect("a file").path());
    let sources = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let named = |path: &Path| {
        let text = fs::read_to_string(path).expect("a text");
        (path.file_stem().expect("a name").to_string_lossy().into_owned(), tests_in(&text))
    };
    sources.map(|path| named(&path)).collect()
}

#[test]
fn each_requirement_has_one_row_in_its_place() {
    let numbers = |(topic, most): &(&str, usize)| {
        let topic = topic.to_string();
        (1..=*most).map(move |number| format!("{topic}-{number:02}"))
    };
    let expected: Vec<_> = TOPICS.iter().flat_map(numbers).collect();
    let ids: Vec<_> = rows().into_iter().map(|row| row.id).collect();
    assert_eq!(ids, expected);
    for Row { id, clause, rule, .. } in rows() {
        let named = ["RFC ", "draft-"].iter().any(|document| clause.starts_with(document));
        assert!(named && rule.ends_with('.') && rule.len() > 20, "{id}: {clause:?}, {rule:?}");
    }
}

#[test]
fn each_row_names_tests_that_exist_or_says_why_there_are_none() {
    let tests = tests();
    assert!(tests.values().map(BTreeSet::len).sum::<usize>() > 900, "the tests are found");
    for Row { id, shown, .. } in rows() {
        match shown {
            Shown::NotOurs(why) => assert!(why.len() > 20, "{id}: why?"),
            Shown::By(named) => {
                for test in &named {
                    let (file, name) = test.split_once("::").unwrap_or_else(|| panic!("{id}: {test:?} is no test"));
                    assert!(tests.get(file).is_some_and(|tests| tests.contains(name)), "{id}: there is no {test}");
                }
                assert_eq!(named.iter().collect::<BTreeSet<_>>().len(), named.len(), "{id}: a test is named twice");
            }
        }
    }
}

#[test]
fn the_page_counts_its_rows() {
    let rows = rows();
    let count = |which: fn(&Shown) -> bool| rows.iter().filter(|row| which(&row.shown)).count();
    let ours = count(|shown| matches!(shown, Shown::By(_)));
    let others = count(|shown| matches!(shown, Shown::NotOurs(_)));
    let sum = format!("Of {} rules {ours} are ours, and {others} are not ours.", rows.len());
    assert!(page().contains(&sum), "{sum}");
}

/// A test that bears a requirement's id is of a row: it is named there, or another one of that row.
#[test]
fn a_test_named_by_a_requirement_is_of_a_row() {
    let ids: BTreeSet<_> = rows().into_iter().map(|row| row.id.to_lowercase().replace('-', "_")).collect();
    for (file, names) in tests() {
        for name in names {
            let id: Vec<_> = name.splitn(3, '_').collect();
            let [topic, number, _] = id[..] else { continue };
            let is_topic = TOPICS.iter().any(|(of, _)| topic == of.to_lowercase());
            if is_topic && number.parse::<u8>().is_ok() {
                assert!(ids.contains(&format!("{topic}_{number}")), "{file}::{name}: there is no such requirement");
            }
        }
    }
}

/// An expression of the sources, and another in its place.
struct Edit {
    file: String,
    find: String,
    replace: String,
    within: Option<String>,
}

impl Edit {
    fn of(table: &toml::Table) -> Self {
        let said = |name: &str| table.get(name).and_then(toml::Value::as_str).map(str::to_string);
        let must = |name: &str| said(name).unwrap_or_else(|| panic!("no `{name}` in {table}"));
        Self { file: must("file"), find: must("find"), replace: must("replace"), within: said("within") }
    }

    /// It has one place.
    #[track_caller]
    fn check(&self, rule: &str) {
        let text = fs::read_to_string(&self.file).unwrap_or_else(|error| panic!("{rule}: {}: {error}", self.file));
        let within = self.within.as_deref().unwrap_or(&text);
        assert_eq!(text.matches(within).count(), 1, "{rule}: {within:?} in {}", self.file);
        assert_eq!(within.matches(&self.find).count(), 1, "{rule}: {:?} in {}", self.find, self.file);
        assert_ne!(self.find, self.replace, "{rule}");
    }
}

#[test]
fn each_rule_that_is_ours_can_be_broken_by_one_line() {
    // it is no part of the package
    if !Path::new(".ci").exists() {
        return;
    }
    let text = fs::read_to_string(".ci/breaks.toml").expect("the breaks");
    let file: toml::Table = toml::from_str(&text).expect("they can be read");
    let breaks = file["break"].as_array().expect("a list");
    let (number, breaks) = (breaks.len(), breaks.iter().map(|one| one.as_table().expect("a table")));
    // the tests of each row that are not seen to fail yet
    let mut missing: BTreeMap<_, BTreeSet<_>> = rows()
        .into_iter()
        .filter_map(
            |row| if let Shown::By(tests) = row.shown { Some((row.id, tests.into_iter().collect())) } else { None },
        )
        .collect();
    let of_rows = missing.clone();
    for one in breaks {
        let rule = one["rule"].as_str().expect("a rule");
        let of_row = of_rows.get(rule).unwrap_or_else(|| panic!("{rule} is not ours"));
        let fails = one["fails"].as_array().expect("a list");
        assert!(!fails.is_empty(), "{rule}: nothing fails");
        for test in fails.iter().map(|test| test.as_str().expect("a test")) {
            assert!(of_row.contains(test), "{rule}: {test} is not of its row");
            missing.get_mut(rule).expect("it is a row").remove(test);
        }
        match one.get("edits").and_then(toml::Value::as_array) {
            None => Edit::of(one).check(rule),
            Some(edits) => edits.iter().for_each(|edit| Edit::of(edit.as_table().expect("a table")).check(rule)),
        }
    }
    assert!(page().contains(&format!("has these lines, {number} of them.")), "{number} breaks");
    missing.retain(|_, tests| !tests.is_empty());
    assert!(missing.is_empty(), "no break makes these fail: {missing:?}");
}

/// Each threat has a law, rules that have rows, and tests that exist; a test may be a file or a folder of another program.
#[test]
fn each_threat_names_rules_and_tests_that_exist() {
    let text = fs::read_to_string("docs/threats.md").expect("the page");
    let (tests, rows) = (tests(), rows());
    let mut shapes = BTreeSet::new();
    let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("| threat |") && !line.starts_with("| --- ");
    for line in text.lines().filter(is_row) {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [threat, law, rules, shown] = cells[..] else { panic!("four cells: {line:?}") };
        assert!(threat.len() > 10 && law.len() > 6, "{threat:?}: {law:?}");
        for rule in rules.split(", ") {
            assert!(rows.iter().any(|row| row.id == rule), "{threat}: there is no {rule}");
        }
        for test in shown.split("<br>").map(|test| test.trim_matches('`')) {
            let Some((file, name)) = test.split_once("::") else {
                // what is no part of the package is looked for where all of it is
                assert!(Path::new(test).exists() || !Path::new(".ci").exists(), "{threat}: there is no {test}");
                continue;
            };
            assert!(tests.get(file).is_some_and(|tests| tests.contains(name)), "{threat}: there is no {test}");
            shapes.extend(Some(name.to_string()).filter(|_| file == "smuggling"));
        }
    }
    assert_eq!(tests.get("smuggling"), Some(&shapes), "each of its tests stands against a threat");
}

#[test]
fn a_row_is_read_as_it_is_written() {
    let read = |tests| row(&format!("| SYN-01 | RFC 9112 2.2 | A rule. | {tests} |")).expect("a row").shown;
    assert_eq!(read("`a::b`<br>`c::d`"), Shown::By(vec!["a::b".into(), "c::d".into()]));
    assert_eq!(read("not ours: so it is"), Shown::NotOurs("so it is".into()));
    assert!(row("| id | clause | rule | tests |").is_none() && row("| --- | --- | --- | --- |").is_none());
    let found = tests_in("#[test]\nfn one() {}\n    #[test]\n    #[ignore]\n    fn two(\n#[cfg(x)]\nfn three() {}");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["one", "two"]);
}
