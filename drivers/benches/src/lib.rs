//! What [`compare`](../compare/index.html) is made of: servers that run beside it, the load, and what is measured of them.

pub mod load;
pub mod server;
