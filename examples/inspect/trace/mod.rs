//! Trace mode: facts and intents with their instants, a JSON object a line, replayed exactly.
//!
//! How a line more is added: a variant of [`parse::Fact`], its key and its value in `parse`, and what the driver does with it in
//! `Driver::apply`; or, if only one role can be told it, the same in `server` or `client`. What goes with facts, as `unconfirmed` does
//! with `sent`, is taken off the line before they are read.

mod client;
mod driver;
pub mod header;
mod parse;
mod sending;
mod server;

use http_keepalive::Role;
use serde_json::Value;

use driver::Driver;
pub use driver::run;
pub use parse::parse;

/// What only one role can be told, and what only that role makes of its connection.
pub trait Intents: Role + Sized {
    type Intent;
    const NAME: &'static str;
    /// The keys of its intents.
    const KEYS: &'static [&'static str];

    /// The intent of a key, which is one of `KEYS`.
    fn read(key: &str, value: &Value) -> Result<Self::Intent, String>;
    fn intend(driver: &mut Driver<Self>, intent: Self::Intent);
    /// The number of the exchange that began last.
    fn exchanges(driver: &Driver<Self>) -> u32;
    /// Sends the refusal that the machine asks for. Whether that was possible.
    fn refuse(driver: &mut Driver<Self>) -> bool;
    /// Gives the word that nothing of what waits has left.
    fn nothing_left(driver: &mut Driver<Self>);
    /// What a connection that has ended leaves.
    fn leftovers(driver: &Driver<Self>) -> Vec<Value>;
    fn broke_off(driver: &Driver<Self>) -> bool;
    fn is_idle(driver: &Driver<Self>) -> bool;
}
