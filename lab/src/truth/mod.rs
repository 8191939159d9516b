//! The truth.
/// x
#[derive(Debug, clap::Args)]
pub struct Options {}
/// x
///
/// # Errors
///
/// x
pub fn run(_: &Options) -> Result<(), String> { Ok(()) }
