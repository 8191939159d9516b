//! The tables, and the picture.

use std::fmt::Write as _;
use std::path::Path;

use plotters::prelude::*;

use super::{KINDS, Options, Row};

type Memory = [(&'static str, [f64; 2])];
type Instructions = [(&'static str, Vec<u64>)];
type Clients = [(&'static str, [f64; 2])];

/// The ratio of a kind to hyper.
fn ratio(of: f64, hyper: f64) -> f64 {
    of / hyper.max(1e-9)
}

pub(crate) fn text(rows: &[Row], memory: &Memory, instructions: &Instructions, clients: &Clients) -> String {
    let mut text = String::new();
    if !rows.is_empty() {
        text += "| load | on | requests a second | of hyper's | CPU a request, µs | of hyper's | latency p50, µs | p99, µs |\n";
        text += "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n";
    }
    for row in rows {
        for (kind, of) in KINDS.iter().zip(&row.measured) {
            let hyper = &row.measured[0];
            let _ = writeln!(
                text,
                "| {} | {kind} | {:.0} | {:.2} | {:.2} | {:.2} | {:.0} | {:.0} |",
                if *kind == KINDS[0] { row.name } else { "" },
                of.rate,
                ratio(of.rate, hyper.rate),
                of.cpu,
                ratio(of.cpu, hyper.cpu),
                of.p50,
                of.p99
            );
        }
    }
    if !memory.is_empty() {
        text += "\n| octets of an idle connection | fresh | after an exchange |\n| --- | ---: | ---: |\n";
        for (kind, [fresh, used]) in memory {
            let _ = writeln!(text, "| {kind} | {fresh:.0} | {used:.0} |");
        }
    }
    if !instructions.is_empty() {
        text += "\n| instructions of a request | hyper | beside | of hyper's | ours | of hyper's |\n| --- | ---: | ---: | ---: | ---: | ---: |\n";
        for (name, of) in instructions {
            let against = |at: usize| ratio(of[at] as f64, of[0] as f64);
            let _ = writeln!(
                text,
                "| {name} | {} | {} | {:.2} | {} | {:.2} |",
                of[0],
                of[1],
                against(1),
                of[2],
                against(2)
            );
        }
    }
    if !clients.is_empty() {
        text +=
            "\n| CPU a request of a client, µs | hyper-util | ours | of hyper-util's |\n| --- | ---: | ---: | ---: |\n";
        for (name, [hyper, ours]) in clients {
            let _ = writeln!(text, "| {name} | {hyper:.2} | {ours:.2} | {:.2} |", ratio(*ours, *hyper));
        }
    }
    text
}

/// The page of the docs.
pub(crate) fn whole(text: &str, options: &Options) -> String {
    format!(
        "# Drivers side by side\n\n\
        The same axum router on hyper (`axum::serve`), on hyper with `http-keepalive-hyper` beside it, and on `http-keepalive-axum`; then the\n\
        clients of hyper-util and of `http-keepalive-tokio`. One thread each, on loopback, all with `TCP_NODELAY`, the load on another core; {} rounds of {} s, the kinds\n\
        in turn and in the other order each other round; medians. Instructions are counted (callgrind, a slope between two numbers of requests),\n\
        memory is the private memory of 4,000 connections. Machines differ: the ratios are what to look at.\n\n\
        `cargo run --release --manifest-path drivers/Cargo.toml -p http-keepalive-drivers-benches -- --page docs/drivers.md --svg docs/drivers.svg`\n\
        writes this page (after `cargo build --release` of the same package, which builds the servers). `--check` fails where a bar is not held.\n\n\
        ![CPU of a request, of hyper's](drivers.svg)\n\n{text}",
        options.rounds, options.seconds
    )
}

/// What is beyond its bar.
pub(crate) fn beyond(rows: &[Row], memory: &Memory, instructions: &Instructions, clients: &Clients) -> Vec<String> {
    let mut all = Vec::new();
    let mut judge = |name: &str, what: &str, value: f64, bar: f64| {
        if value > bar {
            all.push(format!("{name}: {what} {value:.2}, and the bar is {bar:.2}"));
        }
    };
    for row in rows {
        let [hyper, _, ours] = &*row.measured else { continue };
        judge(row.name, "CPU of ours", ratio(ours.cpu, hyper.cpu), row.bar);
        judge(row.name, "time of ours", ratio(hyper.rate, ours.rate), 1.0 / 0.97);
    }
    for (kind, [_, used]) in memory.iter().filter(|(kind, _)| *kind == "ours") {
        judge(kind, "octets of an idle connection", *used, 1600.0);
    }
    for ((name, of), [beside, ours]) in instructions.iter().zip([[1.18, 1.10], [1.17, 1.03], [1.25, 1.12]]) {
        judge(name, "instructions of ours", ratio(of[2] as f64, of[0] as f64), ours);
        judge(name, "instructions beside", ratio(of[1] as f64, of[0] as f64), beside);
    }
    for (name, [hyper, ours]) in clients {
        judge(name, "CPU of ours", ratio(*ours, *hyper), 0.9);
    }
    all
}

/// Draws the CPU of each load, of hyper's, as bars: legible without colours.
pub(crate) fn draw(file: &Path, rows: &[Row]) -> Result<(), Box<dyn std::error::Error>> {
    let height = 70 + 60 * rows.len() as u32;
    let area = SVGBackend::new(file, (900, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let font = |size: u32| ("sans-serif", size).into_font();
    area.draw_text(
        "CPU time of a request, as a share of hyper's (1.00); shorter is better",
        &TextStyle::from(font(18)),
        (20, 12),
    )?;
    let (left, unit) = (300, 420.0);
    for (at, row) in rows.iter().enumerate() {
        let top = 50 + 60 * at as i32;
        area.draw_text(row.name, &TextStyle::from(font(15)), (20, top + 8))?;
        for (kind, of) in (1..KINDS.len()).enumerate() {
            let share = ratio(row.measured[of].cpu, row.measured[0].cpu);
            let (y, end) = (top + 22 * kind as i32, left + (share.min(1.3) * unit) as i32);
            let shade = RGBColor([150, 60][kind], [150, 60][kind], [150, 60][kind]);
            area.draw(&Rectangle::new([(left, y), (end, y + 18)], shade.filled()))?;
            area.draw_text(&format!("{} {share:.2}", KINDS[of]), &TextStyle::from(font(13)), (end + 6, y + 3))?;
        }
    }
    let one = left + unit as i32;
    area.draw(&PathElement::new([(one, 40), (one, height as i32 - 10)], BLACK.stroke_width(1)))?;
    area.present()?;
    Ok(())
}
