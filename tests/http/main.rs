//! The features `http` and `bytes`, in a program of their own, so that who tests the crate builds neither.
#![cfg(feature = "http")]

// layers of the other program
#[allow(dead_code, reason = "not all of it is needed here")]
#[path = "../it/common/mod.rs"]
mod common;
#[allow(dead_code, unused_imports, reason = "not all of it is needed here")]
#[path = "../it/harness/mod.rs"]
mod harness;
#[allow(dead_code, reason = "not all of it is needed here")]
#[path = "../it/twin/mod.rs"]
mod twin;

// topics
#[path = "../it/outputs.rs"]
mod outputs;
mod types;
