//! Heads by the clock: each parser in turn, in one process, many times over; what is told are ratios, which a busy machine changes little.
//!
//! A round is a batch of each parser on the same octets, in another order every time. The ratio of a round is that of two batches next to
//! each other; of all rounds the median is told, and the quartiles.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use plotters::prelude::*;

use crate::heads;
use crate::inputs::{self, Heads};

/// A parser, by its name.
type Parser = (&'static str, fn(&[u8]));

const OURS: Parser = ("ours", heads::ours);
const PEERS: [Parser; 3] =
    [("httparse", heads::httparse), ("picohttpparser", heads::picohttpparser), ("http-net", heads::http_net)];

/// How long a batch takes at least: many times what reading the clock does.
const BATCH: Duration = Duration::from_micros(60);

/// Median and quartiles of a ratio.
struct Ratio {
    first: f64,
    median: f64,
    third: f64,
}

/// What came of an input: the ratio to each peer.
struct Row {
    name: &'static str,
    octets: usize,
    fields: usize,
    ratios: Vec<Ratio>,
}

/// Times all of it, prints a table, and draws it if asked to.
pub fn run(rounds: usize, only: Option<&str>, svg: Option<&Path>) -> Result<(), String> {
    print!(
        "ours over a peer's time, parsing, framing, persistence and every field read over parsing and every field read\n\n| input | octets | fields |"
    );
    PEERS.iter().for_each(|(name, _)| print!(" {name} |"));
    println!("\n| --- | ---: | ---: |{}", " --- |".repeat(PEERS.len()));
    let mut rows = Vec::new();
    let asked = inputs::TIMED.into_iter().filter(|name| only.is_none_or(|only| only == *name));
    for input in asked.filter_map(inputs::named) {
        let row = time(&input, rounds);
        print!("| {} | {} | {} |", row.name, row.octets, row.fields);
        for Ratio { first, median, third } in &row.ratios {
            print!(" **{median:.2}** ({first:.2}–{third:.2}) |");
        }
        println!();
        rows.push(row);
    }
    match svg {
        Some(path) => draw(&rows, path).map_err(|error| format!("cannot draw {}: {error}", path.display())),
        None => Ok(()),
    }
}

fn time(input: &Heads, rounds: usize) -> Row {
    let parsers: Vec<Parser> = [OURS].into_iter().chain(PEERS).collect();
    let times = times_of_a_batch(input);
    let mut ratios = vec![Vec::with_capacity(rounds); PEERS.len()];
    let mut took = vec![Duration::ZERO; parsers.len()];
    for round in 0..rounds {
        for turn in 0..parsers.len() {
            let number = (round + turn) % parsers.len();
            took[number] = batch(parsers[number].1, input, times);
        }
        for (ratio, took_by_peer) in ratios.iter_mut().zip(&took[1..]) {
            ratio.push(took[0].as_secs_f64() / took_by_peer.as_secs_f64());
        }
    }
    let octets = input.heads.iter().map(Vec::len).sum::<usize>() / input.heads.len();
    let lines = |head: &Vec<u8>| head.iter().filter(|octet| **octet == b'\n').count() - 2;
    let fields = input.heads.iter().map(lines).sum::<usize>() / input.heads.len();
    Row { name: input.name, octets, fields, ratios: ratios.into_iter().map(quartiles).collect() }
}

fn quartiles(mut ratios: Vec<f64>) -> Ratio {
    ratios.sort_by(f64::total_cmp);
    let at = |quarter: usize| ratios[(ratios.len() - 1) * quarter / 4];
    Ratio { first: at(1), median: at(2), third: at(3) }
}

/// How often all heads of the input are read in a batch.
fn times_of_a_batch(input: &Heads) -> usize {
    let mut times = 1;
    while batch(OURS.1, input, times) < BATCH {
        times *= 2;
    }
    times
}

fn batch(parse: fn(&[u8]), input: &Heads, times: usize) -> Duration {
    let parse = black_box(parse);
    let begun = Instant::now();
    for _ in 0..times {
        for head in &input.heads {
            parse(black_box(head));
        }
    }
    begun.elapsed()
}

/// Bars of medians, with their quartiles.
fn draw(rows: &[Row], path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let area = SVGBackend::new(path, (960, 420)).into_drawing_area();
    area.fill(&WHITE)?;
    let most = rows.iter().flat_map(|row| &row.ratios).map(|ratio| ratio.third).fold(1.0, f64::max);
    let groups = rows.len() as f64;
    let mut chart = ChartBuilder::on(&area)
        .caption("our time over a peer's, of a head (below 1: faster)", ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..groups, 0.0..most * 1.1)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(rows.len() * 2 + 1)
        .x_label_formatter(&|at| {
            let is_middle = (at.fract() - 0.5).abs() < 0.01;
            rows.get(*at as usize).filter(|_| is_middle).map_or_else(String::new, |row| row.name.into())
        })
        .y_desc("ratio")
        .draw()?;
    let width = 0.8 / PEERS.len() as f64;
    for (number, (name, _)) in PEERS.iter().enumerate() {
        let color = Palette99::pick(number).mix(0.9);
        let left = move |group: usize| group as f64 + 0.1 + width * number as f64;
        let bars = rows.iter().enumerate().map(|(group, row)| {
            let corners = [(left(group), 0.0), (left(group) + width * 0.9, row.ratios[number].median)];
            Rectangle::new(corners, color.filled())
        });
        chart
            .draw_series(bars)?
            .label(*name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 10, y + 5)], color.filled()));
        chart.draw_series(rows.iter().enumerate().map(|(group, row)| {
            let (middle, ratio) = (left(group) + width * 0.45, &row.ratios[number]);
            PathElement::new(vec![(middle, ratio.first), (middle, ratio.third)], BLACK.stroke_width(1))
        }))?;
    }
    chart.draw_series([PathElement::new(vec![(0.0, 1.0), (groups, 1.0)], BLACK.mix(0.6).stroke_width(1))])?;
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).border_style(BLACK.mix(0.3)).draw()?;
    area.present()?;
    Ok(())
}
