//! Checks whether a client's policy and a server's fit, over the network between them.
//!
//! ```sh
//! cargo run --release --example check -- --client undici --server node --rtt 50ms
//! cargo run --release --example check -- --client nginx-upstream --server uvicorn
//! cargo run --release --example check -- --client aws-alb --server my-server.toml
//! cargo run --release --example check -- --client chromium --via gcp-lb-front,gcp-lb --server behind-gcp-lb
//! ```
//!
//! Exits with 1 where something is found that loses requests, and with 2 where it can not tell.

#![forbid(unsafe_code)]

#[path = "../shared/settings_file.rs"]
mod settings_file;

use std::marker::PhantomData;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use http_keepalive::check::{Hop, Network, Severity, check_chain};
use http_keepalive::presets::{self, ClientPreset, ServerPreset};
use http_keepalive::settings::duration;
use serde_json::{Value, json};

/// Checks whether a client's policy and a server's fit, over the network between them.
///
/// A policy is the name of a preset (--list) or a file in TOML: `preset = "NAME"` to begin with, and sections `limits`, `timeouts` and
/// `policy` of what is different; without `preset` the crate's defaults. A server's file is what `serve --config FILE` takes, and
/// `serve --print-config` writes. A client's has the limits, timeouts and policy of its pool. Durations are written as 90s, 250ms or 1m30s; a
/// plain number counts seconds.
#[derive(Parser)]
#[command(
    name = "check",
    after_help = "Exits with 1 where something is found that loses requests, and with 2 where it can not tell."
)]
struct Options {
    /// Who connects: a preset or a file.
    #[arg(long, value_name = "NAME|FILE", required_unless_present = "list")]
    client: Option<String>,
    /// Who is connected to: a preset or a file.
    #[arg(long, value_name = "NAME|FILE", required_unless_present = "list")]
    server: Option<String>,
    /// A proxy between them: what it is to its clients, and what to its servers. Repeated from the client's side on.
    #[arg(long, value_name = "SERVER,CLIENT")]
    via: Vec<String>,
    /// From one side to the other and back, of each hop.
    #[arg(long, value_name = "DURATION", default_value = "1ms", value_parser = duration)]
    rtt: Duration,
    /// How late timers are at most, of both sides.
    #[arg(long, value_name = "DURATION", default_value = "10ms", value_parser = duration)]
    granularity: Duration,
    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
    /// Print the presets, and no more.
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("check: {message}");
            ExitCode::from(2)
        }
    }
}

/// Whether nothing is found that loses requests.
fn run(options: &Options) -> Result<bool, String> {
    if options.list {
        list();
        return Ok(true);
    }
    let (Some(client), Some(server)) = (&options.client, &options.server) else { return Ok(true) };
    let mut clients = vec![policy::<ClientPreset>(client)?];
    let mut servers = Vec::new();
    let mut given = vec![client.as_str()];
    for via in &options.via {
        let (front, back) = via.split_once(',').ok_or_else(|| format!("--via {via}: expected SERVER,CLIENT"))?;
        servers.push(policy::<ServerPreset>(front)?);
        clients.push(policy::<ClientPreset>(back)?);
        given.extend([front, back]);
    }
    given.push(server);
    servers.push(policy::<ServerPreset>(server)?);
    let network = Network { granularity: options.granularity, ..Network::of(options.rtt) };
    let hops: Vec<Hop> = clients.iter().zip(&servers).map(|(client, server)| (client, server, network)).collect();
    let mut findings: Vec<(Severity, usize, Value)> = Vec::new();
    for (hop, finding) in check_chain(&hops) {
        let line = json!({
            "severity": finding.severity.as_str(),
            "reason": finding.hazard.as_str(),
            "cure": finding.cure.map(|cure| cure.to_string()),
            "explanation": finding.to_string(),
            "clause": finding.hazard.clause(),
            "client": clients[hop].name,
            "server": servers[hop].name,
            "hop": hop,
        });
        findings.push((finding.severity, hop, line));
    }
    for (hop, (client, server)) in clients.iter().zip(&servers).enumerate() {
        for (name, unknown) in [(client.name, client.unknown), (server.name, server.unknown)] {
            if !unknown.is_empty() {
                findings.push((Severity::Note, hop, guessed(name, unknown, client, server, hop)));
            }
        }
    }
    let safe = findings.iter().all(|(severity, ..)| *severity < Severity::Error);
    if options.json {
        let findings: Vec<Value> = findings.into_iter().map(|(_, _, line)| line).collect();
        println!("{}", serde_json::to_string_pretty(&findings).map_err(|error| error.to_string())?);
    } else {
        show(&findings, &hops, &given);
    }
    Ok(safe)
}

fn guessed(name: &str, unknown: &[&str], client: &ClientPreset, server: &ServerPreset, hop: usize) -> Value {
    json!({
        "severity": "note",
        "reason": "not-known",
        "cure": format!("{name}: to be set in a file: {}", unknown.join(", ")),
        "explanation": format!("not known of {name}, and guessed: {}", unknown.join(", ")),
        "clause": Value::Null,
        "client": client.name,
        "server": server.name,
        "hop": hop,
    })
}

/// `given`: client and server of each hop, as they were asked for.
fn show(findings: &[(Severity, usize, Value)], hops: &[Hop<'_>], given: &[&str]) {
    let shown = |given: &str, name: &str| if given == name { name.to_owned() } else { format!("{given} ({name})") };
    for (number, (client, server, network)) in hops.iter().enumerate() {
        let rtt = humantime::format_duration(network.round_trip);
        let (client, server) = (shown(given[2 * number], client.name), shown(given[2 * number + 1], server.name));
        println!("{client} to {server}, round trip {rtt}");
        let of_hop: Vec<_> = findings.iter().filter(|(_, hop, _)| *hop == number).collect();
        if of_hop.is_empty() {
            println!("  nothing that does not fit");
        }
        for (severity, _, finding) in of_hop {
            let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
            println!("  {}: {} [{}, {}]", severity.as_str(), text("explanation"), text("reason"), text("clause"));
            if let Some(cure) = finding["cure"].as_str() {
                println!("    cure: {cure}");
            }
        }
    }
}

/// The presets, for people.
fn list() {
    println!("servers:");
    for preset in presets::SERVERS {
        println!("  {:20} {}", preset.name, preset.about);
    }
    println!("clients:");
    for preset in presets::CLIENTS {
        println!("  {:20} {}", preset.name, preset.about);
    }
}

/// What is looked up by name or read from a file.
trait Policy: serde::de::DeserializeOwned + Copy {
    const SIDE: &'static str;
    fn named(name: &str) -> Option<Self>;
    fn names() -> Vec<&'static str>;
}

impl Policy for ClientPreset {
    const SIDE: &'static str = "client";
    fn named(name: &str) -> Option<Self> {
        presets::client(name).copied()
    }
    fn names() -> Vec<&'static str> {
        presets::clients().collect()
    }
}

impl Policy for ServerPreset {
    const SIDE: &'static str = "server";
    fn named(name: &str) -> Option<Self> {
        presets::server(name).copied()
    }
    fn names() -> Vec<&'static str> {
        presets::servers().collect()
    }
}

fn policy<P: Policy>(given: &str) -> Result<P, String> {
    settings_file::read(given, P::SIDE, P::named(given), P::names().into_iter(), PhantomData::<P>)
}
