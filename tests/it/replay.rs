//! The fuzz targets' seeds, replayed: every past finding stays found.

use crate::harness;
use std::path::Path;

fn replay(target: &str, run: fn(&[u8])) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    if !fuzz.exists() {
        // a package of its own, which the published one is without
        return;
    }
    let folder = fuzz.join("seeds").join(target);
    let seeds: Vec<_> =
        std::fs::read_dir(&folder).expect("a folder of seeds").map(|entry| entry.unwrap().path()).collect();
    assert!(!seeds.is_empty(), "no seeds in {}", folder.display());
    for seed in seeds {
        println!("{}", seed.display());
        run(&std::fs::read(&seed).unwrap());
    }
}

#[test]
fn connection() {
    replay("connection", harness::connection);
}

#[test]
fn answers() {
    replay("answers", harness::answers);
}

#[test]
fn operations() {
    replay("operations", harness::operations);
}

#[test]
fn head() {
    replay("head", harness::head);
}

#[test]
fn fields() {
    replay("fields", harness::fields);
}

#[test]
fn pool() {
    replay("pool", harness::pool);
}

#[test]
fn relay() {
    replay("relay", crate::relay_fuzz::relay);
}

#[test]
fn drive() {
    replay("drive", crate::drive_fuzz::drive);
}
