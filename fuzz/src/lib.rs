//! What the fuzz targets do: the tests' harness, whose seeds plain tests replay.

#[path = "../../tests/it/harness/mod.rs"]
mod harness;
#[path = "../../tests/it/twin/mod.rs"]
mod twin;

pub use harness::*;
