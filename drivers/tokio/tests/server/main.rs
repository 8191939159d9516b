//! A server's connection through the public API, in virtual time: a scripted client writes octets.
#![cfg(feature = "server")]

mod basic;
mod content;
mod deadlines;
mod ends;
mod failures;
mod found;
mod readers;
mod secure;
mod support;
mod upgrades;
