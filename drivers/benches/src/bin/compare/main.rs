//! `compare`: axum on hyper, on hyper with the machine beside it, and on the machine alone; then the clients of hyper-util and of this
//! project. The kinds run in turn, each round in the other order; medians are told, and ratios to hyper. `--page FILE --svg FILE` writes them.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use http_keepalive_drivers_benches::load::{self, Load};
use http_keepalive_drivers_benches::server::{Server, cpu_of, on_core, program};

mod page;

const KINDS: [&str; 3] = ["hyper", "beside", "ours"];

#[derive(Parser)]
#[command(about = "axum on hyper, beside hyper, and on http-keepalive; and clients: side by side")]
struct Options {
    /// How often each kind runs.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// For how long each run goes on, in seconds.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Only what has this in its name.
    #[arg(long)]
    only: Option<String>,
    /// Writes the tables to this file.
    #[arg(long)]
    page: Option<PathBuf>,
    /// Draws the ratios of time to this file.
    #[arg(long)]
    svg: Option<PathBuf>,
    /// Fails where a ratio to hyper is beyond its bar.
    #[arg(long)]
    check: bool,
}

/// The medians of a kind.
#[derive(Clone, Debug, Default)]
struct Measured {
    rate: f64,
    cpu: f64,
    p50: f64,
    p99: f64,
}

/// A row of a table: what was measured of each kind, in their order.
struct Row {
    name: &'static str,
    measured: Vec<Measured>,
    /// CPU of ours over hyper's, at most.
    bar: f64,
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: compare\r\n\r\n";

fn post(target: &str, octets: usize) -> Vec<u8> {
    let mut request =
        format!("POST {target} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nContent-Length: {octets}\r\n\r\n").into_bytes();
    request.resize(request.len() + octets, b'x');
    request
}

/// What is asked, and the bar of ours.
fn loads() -> Vec<(Load, f64)> {
    let get =
        |name, connections, pipelined| Load { name, request: GET.to_vec(), connections, pipelined, is_bulk: false };
    let other = |name, target: &str, connections, is_bulk| {
        let request = format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n").into_bytes();
        Load { name, request, connections, pipelined: 1, is_bulk }
    };
    let echo = Load {
        name: "echo 1 MiB, 8 connections",
        request: post("/echo", 1 << 20),
        connections: 8,
        pipelined: 1,
        is_bulk: true,
    };
    vec![
        (get("GET, 1 connection", 1, 1), 1.0),
        (get("GET, 64 connections", 64, 1), 0.85),
        (get("GET, 512 connections", 512, 1), 0.75),
        (get("GET, 16 at once, 64 connections", 64, 16), 0.40),
        (echo, 1.1),
        (other("download 100 MiB, 2 connections", "/download", 2, true), 1.2),
        (other("100 events, 64 connections", "/events", 64, false), 1.0),
    ]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    // the load is on a core of its own, where there are two
    let own = std::process::id().to_string();
    let _ = Command::new("taskset").args(["-pc", "1", &own]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let wanted = |name: &str| options.only.as_ref().is_none_or(|only| name.contains(only.as_str()));
    let mut rows = Vec::new();
    for (load, bar) in loads().into_iter().filter(|(load, _)| wanted(load.name)) {
        eprintln!("{} ...", load.name);
        rows.push(runtime.block_on(measure(&load, bar, &options))?);
    }
    let memory = if wanted("idle") { runtime.block_on(memory())? } else { Vec::new() };
    let instructions = if wanted("instructions") { runtime.block_on(instructions())? } else { Vec::new() };
    let clients = if wanted("client") { runtime.block_on(clients(&options))? } else { Vec::new() };
    let text = page::text(&rows, &memory, &instructions, &clients);
    println!("{text}");
    if let Some(file) = &options.page {
        std::fs::write(file, page::whole(&text, &options))?;
    }
    if let Some(file) = &options.svg {
        page::draw(file, &rows)?;
    }
    let beyond = page::beyond(&rows, &memory, &instructions, &clients);
    if options.check && !beyond.is_empty() {
        return Err(beyond.join("; ").into());
    }
    Ok(())
}

/// One load on each kind, in turn.
async fn measure(load: &Load, bar: f64, options: &Options) -> std::io::Result<Row> {
    let mut all = vec![(Vec::new(), Vec::new(), Vec::new(), Vec::new()); KINDS.len()];
    for round in 0..options.rounds {
        let mut order: Vec<usize> = (0..KINDS.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for at in order {
            let server = Server::start(KINDS[at])?;
            load.run(&server.address, Duration::from_millis(200)).await?;
            let before = server.cpu();
            let came = load.run(&server.address, Duration::from_secs_f64(options.seconds)).await?;
            let (rates, cpus, p50s, p99s) = &mut all[at];
            rates.push(came.rate());
            cpus.push((server.cpu() - before) as f64 / came.requests.max(1) as f64);
            p50s.push(came.latency(0.5).into());
            p99s.push(came.latency(0.99).into());
            server.end();
        }
    }
    let measured = all.into_iter().map(|(rates, cpus, p50s, p99s)| Measured {
        rate: median(rates),
        cpu: median(cpus),
        p50: median(p50s),
        p99: median(p99s),
    });
    Ok(Row { name: load.name, measured: measured.collect(), bar })
}

/// Octets of an idle connection of each kind: fresh, and after an exchange.
async fn memory() -> std::io::Result<Vec<(&'static str, [f64; 2])>> {
    const CONNECTIONS: usize = 4000;
    let mut rows = Vec::new();
    for kind in KINDS {
        let mut octets = [0.0; 2];
        for (slot, used) in octets.iter_mut().zip([None, Some(GET)]) {
            let server = Server::start(kind)?;
            // what the first ones cost is not theirs
            drop(load::idle(&server.address, 100, Some(GET)).await?);
            let before = server.memory();
            let streams = load::idle(&server.address, CONNECTIONS, used).await?;
            *slot = server.memory().saturating_sub(before) as f64 / CONNECTIONS as f64;
            drop(streams);
        }
        rows.push((kind, octets));
    }
    Ok(rows)
}

/// Fields of a browser.
fn browser() -> Vec<u8> {
    let mut request = String::from("GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n");
    for line in [
        "Connection: keep-alive",
        "sec-ch-ua: \"Chromium\";v=\"128\", \"Not;A=Brand\";v=\"24\", \"Google Chrome\";v=\"128\"",
        "sec-ch-ua-mobile: ?0",
        "sec-ch-ua-platform: \"Linux\"",
        "Upgrade-Insecure-Requests: 1",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
        "Sec-Fetch-Site: none",
        "Sec-Fetch-Mode: navigate",
        "Sec-Fetch-User: ?1",
        "Sec-Fetch-Dest: document",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Accept-Language: en-US,en;q=0.9",
        "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark",
    ] {
        let _ = write!(request, "{line}\r\n");
    }
    (request + "\r\n").into_bytes()
}

/// Instructions of a request, of each kind: a slope between two numbers of requests. None where there is no valgrind.
async fn instructions() -> std::io::Result<Vec<(&'static str, Vec<u64>)>> {
    let has = Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !has.is_ok_and(|status| status.success()) {
        eprintln!("no valgrind: instructions are not counted");
        return Ok(Vec::new());
    }
    let requests =
        [("GET", GET.to_vec(), 1), ("GET of a browser", browser(), 1), ("GET, 16 at once", GET.to_vec(), 16)];
    let mut rows = Vec::new();
    for (name, request, at_once) in requests {
        let mut counts = Vec::new();
        for kind in KINDS {
            let mut of = Vec::new();
            for number in [300u64, 900] {
                of.push(counted(kind, &request, number, at_once).await?);
            }
            counts.push((of[1] - of[0]) / (600 * at_once as u64));
        }
        rows.push((name, counts));
    }
    Ok(rows)
}

async fn counted(kind: &str, request: &[u8], number: u64, at_once: usize) -> std::io::Result<u64> {
    let file = std::env::temp_dir().join(format!("compare-{}-{kind}", std::process::id()));
    let mut command = on_core(0, std::path::Path::new("valgrind"));
    command.arg("--tool=callgrind").arg(format!("--callgrind-out-file={}", file.display())).arg(program("server"));
    // what it says of itself is not shown
    command.stderr(Stdio::null());
    let server = Server::of(command, kind)?;
    load::exactly(&server.address, request, number, at_once).await?;
    server.end();
    let text = std::fs::read_to_string(&file)?;
    let _ = std::fs::remove_file(&file);
    let total = text.lines().rev().find_map(|line| line.strip_prefix("totals: "));
    total.and_then(|total| total.trim().parse().ok()).ok_or_else(|| std::io::Error::other("callgrind told no total"))
}

/// Time of a core for a request of a client, in microseconds: hyper-util's, ours.
async fn clients(options: &Options) -> std::io::Result<Vec<(&'static str, [f64; 2])>> {
    let mut rows = Vec::new();
    for (name, requests, tasks) in [("client, 1 task", 20_000, 1), ("client, 64 tasks", 64_000, 64)] {
        eprintln!("{name} ...");
        let mut all = [Vec::new(), Vec::new()];
        for round in 0..options.rounds {
            let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
            for at in order {
                let server = Server::start("ours")?;
                let kind = ["hyper", "ours"][at];
                let began = Instant::now();
                let mut child = on_core(1, &program("client"))
                    .args([kind, &server.address, &requests.to_string(), &tasks.to_string()])
                    .stdout(Stdio::piped())
                    .spawn()?;
                let cpu = loop {
                    let (cpu, ended) = cpu_of(child.id());
                    if ended || began.elapsed() > Duration::from_secs(120) {
                        break cpu;
                    }
                    tokio::time::sleep(Duration::from_millis(20)).await;
                };
                if !child.wait()?.success() {
                    return Err(std::io::Error::other(format!("the client {kind} failed")));
                }
                all[at].push(cpu as f64 / requests as f64);
                server.end();
            }
        }
        rows.push((name, all.map(median)));
    }
    Ok(rows)
}
