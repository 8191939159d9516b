//! What the README shows is what there is.
#![cfg(feature = "std")]

use std::time::Duration;

use http_keepalive::check::{Network, check};
use http_keepalive::presets;

const README: &str = include_str!("../../README.md");

/// The block that begins so.
fn block(begin: &str) -> &'static str {
    let (_, rest) = README.split_once(begin).expect("the block");
    rest.split_once("```\n").expect("its end").0
}

#[test]
fn the_findings_are_those_of_the_checker() {
    let (client, server) = (presets::client("aws-alb").unwrap(), presets::server("node").unwrap());
    let mut lines = String::from("aws-alb to node, round trip 50ms\n");
    for finding in check(client, server, &Network::of(Duration::from_millis(50))) {
        let hazard = finding.hazard;
        lines += &format!("  {}: {finding} [{}, {}]\n", finding.severity.as_str(), hazard.as_str(), hazard.clause());
        if let Some(cure) = finding.cure {
            lines += &format!("    cure: {cure}\n");
        }
    }
    let command = "$ cargo run --release --example check -- --client aws-alb --server node --rtt 50ms\n";
    assert_eq!(block(&format!("```text\n{command}")), lines);
}
