//! A chart of a group: a small one for each series, instructions of a unit over the size, and where its bound is.

use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::series::{Group, Line};

const WIDTH: u32 = 340;
const HEIGHT: u32 = 230;
const TITLE: u32 = 34;

type Failure = Box<dyn std::error::Error>;

pub fn draw(group: &Group, lines: &[Line], path: &Path) -> Result<(), Failure> {
    // four stand in two rows of two
    let columns = if lines.len() == 4 { 2 } else { lines.len().min(3) };
    let rows = lines.len().div_ceil(columns);
    let size = (WIDTH * columns as u32, HEIGHT * rows as u32 + TITLE);
    let area = SVGBackend::new(path, size).into_drawing_area();
    area.fill(&WHITE)?;
    let (title, panels) = area.split_vertically(TITLE);
    let said = format!("{}: instructions of a unit (blue) and its bound (red), over {}", group.title, group.size);
    title.draw(&Text::new(said, (10, 10), ("sans-serif", 17)))?;
    for (line, panel) in lines.iter().zip(panels.split_evenly((rows, columns))) {
        panel_of(line, &panel)?;
    }
    area.present()?;
    Ok(())
}

/// What a unit of one series costs, and what it may cost.
fn panel_of(line: &Line, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), Failure> {
    let (first, last) = (line.points[0].0 as f64, line.points[line.points.len() - 1].0 as f64);
    let bound: Vec<(f64, f64)> = line.bounded().map(|&(size, _)| (size as f64, line.bound(size))).collect();
    let bound = [vec![(line.series.since as f64, line.reference() * line.series.most)], bound].concat();
    let points = line.points.iter().map(|&(size, each)| (size as f64, each));
    let most = points.clone().chain(bound.iter().copied()).map(|(_, each)| each).fold(0.0, f64::max);
    let (name, unit) = (line.series.name, line.series.unit);
    let mut chart = ChartBuilder::on(area)
        .caption(name, ("sans-serif", 14))
        .margin(8)
        .margin_right(28)
        .x_label_area_size(24)
        .y_label_area_size(54)
        .build_cartesian_2d((first..last).log_scale(), 0.0..most * 1.1)?;
    chart
        .configure_mesh()
        .max_light_lines(0)
        .x_labels(6)
        .y_labels(5)
        .x_label_formatter(&|size| size_name(*size))
        .y_label_formatter(&|each| each.to_string())
        .y_desc(unit)
        .label_style(("sans-serif", 11))
        .axis_desc_style(("sans-serif", 11))
        .draw()?;
    chart.draw_series([PathElement::new(bound, RED.mix(0.6).stroke_width(1))])?;
    chart.draw_series([PathElement::new(points.clone().collect::<Vec<_>>(), BLUE.stroke_width(2))])?;
    chart.draw_series(points.map(|point| Circle::new(point, 3, BLUE.filled())))?;
    Ok(())
}

fn size_name(size: f64) -> String {
    match size {
        1e6.. => format!("{} M", size / 1e6),
        1e4.. => format!("{} k", (size / 1e3).round()),
        _ => format!("{}", size.round()),
    }
}
