//! Beside hyper.
