//! A server of hyper's with the machine beside it, in virtual time: each deadline in its time, with its reason.
#![allow(missing_docs, reason = "tests")]

mod application;
mod close;
mod common;
mod content;
mod deadlines;
mod drain;
mod messages;
mod sending;
mod upgrade;
