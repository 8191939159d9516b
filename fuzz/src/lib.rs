//! What the fuzz targets do: the tests' harness, whose seeds plain tests replay.

#[path = "../../tests/it/drive_applications.rs"]
mod drive_applications;
#[path = "../../tests/it/drive_fuzz.rs"]
mod drive_fuzz;
#[path = "../../tests/it/drive_loops.rs"]
mod drive_loops;
#[path = "../../tests/it/drive_world.rs"]
mod drive_world;
#[path = "../../tests/it/harness/mod.rs"]
mod harness;
#[path = "../../tests/it/relay_fuzz.rs"]
mod relay_fuzz;
#[path = "../../tests/it/twin/mod.rs"]
mod twin;

pub use drive_fuzz::drive;
pub use harness::*;
pub use relay_fuzz::relay;
