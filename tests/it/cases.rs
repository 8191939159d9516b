//! How much a test tries: everything with `CASES=all`, which `.ci/run` says; otherwise a share of it that takes a moment without
//! optimisations. Who works on what a test is about runs all of it.

use proptest::test_runner::Config;

/// `all` of them, or a `few`.
pub fn of(all: u32, few: u32) -> u32 {
    if std::env::var_os("CASES").is_some_and(|cases| cases == "all") { all } else { few }
}

/// The same of a property, unless `PROPTEST_CASES` says how many. What it finds is not written down.
pub fn property(all: u32, few: u32) -> Config {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    Config { cases: cases.unwrap_or_else(|| of(all, few)), failure_persistence: None, ..Config::default() }
}
