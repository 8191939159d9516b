//! What persistent connections buy: claims of the texts as experiments in virtual time, on the crate's own lifecycles and pools.
//!
//! The theory, what is modelled and what is not, is in the README. `settings` is a world in a file, `simulation` runs one.

pub mod chart;
pub mod scenario;
pub mod settings;
pub mod simulation;
pub mod table;
pub mod truth;
