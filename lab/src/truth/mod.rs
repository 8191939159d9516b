//! The truth: small worlds run for real as well. `serve` and `fetch`, the crate's examples, on loopback through a proxy that delays.
//!
//! Connections and how often they were used have to be the same; times may differ by `tolerance`. The loopback has no slow start to speak of, so
//! the worlds have none here. What a process takes to start is measured beside, and taken off: it is no matter of connections.

mod delay;

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::settings::World;
use crate::simulation::run as simulate;
use delay::{DelayProxy, Terms};

/// Where the programs are, and how close is close.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The folder with `serve` and `fetch`: `cargo build --release --examples` makes them
    #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/examples"))]
    bin: PathBuf,
    /// Per cent by which times may differ
    #[arg(long, default_value_t = 15.0)]
    tolerance: f64,
    /// Tries of a setting whose time differs: a busy machine makes real programs late, and counts are asserted at each
    #[arg(long, default_value_t = 5)]
    tries: u32,
}

/// One setting.
struct Setting {
    name: &'static str,
    round_trip: Duration,
    rate: Option<u64>,
    octets: u32,
    /// Options of `serve`, and what they are in a world.
    serve: &'static [&'static str],
    server: &'static str,
    pipeline: u8,
    /// Clients at once: the page is shared out among them.
    clients: u32,
}

/// Objects of the page.
const OBJECTS: u32 = 24;

const PLAIN: Setting = Setting {
    name: "one connection",
    round_trip: Duration::from_millis(100),
    rate: None,
    octets: 5_000,
    serve: &[],
    server: "",
    pipeline: 1,
    clients: 1,
};

const SETTINGS: [Setting; 6] = [
    Setting {
        name: "a connection for each object",
        serve: &["--idle", "0"],
        server: "timeouts.idle = '0s'\ntimeouts.idle_advertised = '0s'",
        ..PLAIN
    },
    PLAIN,
    // so few round trips that they have to be long to be measured
    Setting { name: "pipelined by 8, 400 ms", pipeline: 8, round_trip: Duration::from_millis(400), ..PLAIN },
    Setting {
        name: "10 requests a connection",
        serve: &["--max-requests", "10"],
        server: "limits.max_exchanges = 10",
        ..PLAIN
    },
    Setting { name: "pipelined by 8 on 1 Mbit/s", pipeline: 8, rate: Some(1_000_000), octets: 20_000, ..PLAIN },
    Setting { name: "4 clients on 2 Mbit/s", clients: 4, rate: Some(2_000_000), octets: 10_000, ..PLAIN },
];

/// What came of a setting.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Seen {
    connections: u64,
    requests: u64,
    /// The mean of the clients, in milliseconds.
    millis: f64,
}

/// A process that ends with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs all settings.
///
/// # Errors
///
/// Which of them does not agree with its world, or why it can not be run.
pub fn run(options: &Options) -> Result<(), String> {
    let folder = std::env::temp_dir().join(format!("lab-truth-{}", std::process::id()));
    let result = settings(options, &folder);
    let _ = fs::remove_dir_all(&folder);
    result
}

fn settings(options: &Options, folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    println!(
        "{:<30} {:>11} {:>8} {:>9} {:>9} {:>7}",
        "setting", "connections", "requests", "real ms", "world ms", "differ"
    );
    let mut wrong = Vec::new();
    for setting in &SETTINGS {
        let of_world = in_world(setting)?;
        let mut differ = f64::INFINITY;
        for _ in 0..options.tries.max(1) {
            let real = in_reality(setting, options, folder)?;
            if (real.connections, real.requests) != (of_world.connections, of_world.requests) {
                return Err(format!("{}: {real:?} in reality, {of_world:?} in the world", setting.name));
            }
            differ = (real.millis / of_world.millis - 1.0) * 100.0;
            println!(
                "{:<30} {:>11} {:>8} {:>9.0} {:>9.0} {differ:>+6.1}%",
                setting.name, real.connections, real.requests, real.millis, of_world.millis
            );
            if differ.abs() <= options.tolerance {
                break;
            }
        }
        if differ.abs() > options.tolerance {
            wrong.push(format!("{}: times differ by {differ:.1} %", setting.name));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn in_world(setting: &Setting) -> Result<Seen, String> {
    let Setting { octets, pipeline, clients, server, .. } = setting;
    let off = "'off'".to_owned();
    let text = format!(
        "[users]\ncount = {clients}\nwithin = '0s'\npages = 1\n
        [page]\ndocument = {octets}\nparts = {parts}\npart = {octets}\npart_sigma = 0.0\n
        [network]\nround_trip = '{round_trip}ms'\ndown = 'off'\nshared = {rate}\ninitial_window = 'off'\ntrain = 1\n
        [machine]\nservice = '200us'\nservice_spread = 'fixed'\naccept = '100us'\n
        [client]\npreset = 'crate-default'\nlimits.per_origin = 1\ndepth = {pipeline}\n
        [server]\npreset = 'crate-default'\n{server}",
        parts = OBJECTS / clients - 1,
        round_trip = setting.round_trip.as_millis(),
        rate = setting.rate.map_or(off, |rate| rate.to_string()),
    );
    let world: World = toml::from_str(&text).map_err(|error| format!("{}: {error}", setting.name))?;
    let outcome = simulate(&world, |_, _| ())?;
    let value = |name: &str| outcome.value(name).unwrap_or(f64::NAN);
    Ok(Seen {
        connections: value("connections") as u64,
        requests: value("requests") as u64,
        millis: value("page_mean_ms"),
    })
}

fn in_reality(setting: &Setting, options: &Options, folder: &Path) -> Result<Seen, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", setting.name);
    for object in 0..OBJECTS {
        fs::write(folder.join(object.to_string()), vec![b'x'; setting.octets as usize]).map_err(failed)?;
    }
    let mut serve = Command::new(options.bin.join("serve"));
    serve.arg(folder).args(["--addr", "127.0.0.1:0", "--jitter", "0", "--threads", "1"]).args(setting.serve);
    let serve = serve.stdout(Stdio::piped()).spawn();
    let mut serve = Running(serve.map_err(|error| format!("{}: {error}", options.bin.join("serve").display()))?);
    let mut line = String::new();
    let said = serve.0.stdout.take().ok_or("serve says nothing")?;
    BufReader::new(said).read_line(&mut line).map_err(failed)?;
    let address = line.split_once("http://").and_then(|(_, rest)| rest.split_once('/'));
    let address: SocketAddr =
        address.and_then(|(address, _)| address.parse().ok()).ok_or_else(|| format!("serve says {line}"))?;
    let terms = Terms { round_trip: setting.round_trip, rate: setting.rate };
    let proxy = DelayProxy::start(address, terms).map_err(failed)?;

    let began = Instant::now();
    let mut idle = Command::new(options.bin.join("fetch"));
    let started = idle.arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status();
    started.map_err(|error| format!("{}: {error}", options.bin.join("fetch").display()))?;
    let start = began.elapsed();

    let each = OBJECTS / setting.clients;
    let fetches = (0..setting.clients).map(|client| {
        let urls = (client * each..(client + 1) * each).map(|object| format!("http://{}/{object}", proxy.address));
        let mut fetch = Command::new(options.bin.join("fetch"));
        fetch.args(["--discard", "--summary", "--pipeline", &setting.pipeline.to_string()]).args(urls);
        fetch.stdout(Stdio::null()).stderr(Stdio::piped());
        let began = Instant::now();
        let running = fetch.spawn().map_err(|error| format!("{}: {error}", options.bin.join("fetch").display()));
        thread::spawn(move || {
            let output = running?.wait_with_output().map_err(|error| error.to_string())?;
            Ok((began.elapsed(), String::from_utf8_lossy(&output.stderr).into_owned()))
        })
    });
    let fetches: Vec<_> = fetches.collect();
    let (mut requests, mut opened, mut millis) = (0, 0, 0.0);
    for fetch in fetches {
        let done: Result<(Duration, String), String> = fetch.join().map_err(|_| "a thread has panicked".to_owned())?;
        let (took, said) = done?;
        // answered 24, failed 0, connections 1, reused 23, retried 0
        let count = |name: &str| {
            let rest = said.split_once(name).map(|(_, rest)| rest.trim_start());
            rest.and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next())
                .and_then(|digits| digits.parse::<u64>().ok())
        };
        let counts = [count("answered"), count("connections"), count("reused"), count("failed"), count("retried")];
        let [Some(answered), Some(connections), Some(reused), Some(0), Some(0)] = counts else {
            return Err(format!("{}: fetch says {said}", setting.name));
        };
        if answered != connections + reused {
            return Err(format!("{}: a request went on no connection: {said}", setting.name));
        }
        requests += answered;
        opened += connections;
        millis += took.saturating_sub(start).as_secs_f64() * 1e3 / f64::from(setting.clients);
    }
    if opened != proxy.connections() {
        return Err(format!(
            "{}: fetch tells of {opened} connections, the proxy of {}",
            setting.name,
            proxy.connections()
        ));
    }
    Ok(Seen { connections: opened, requests, millis })
}
