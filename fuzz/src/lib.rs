//! What the fuzz targets do: the tests' harness, whose seeds plain tests replay.

#[path = "../../tests/harness/mod.rs"]
mod harness;

pub use harness::*;
