//! Charts of tables: lines in black and greys, told apart by their marks and dashes, with units at both axes.

use http_keepalive::settings::duration;
use plotters::coord::Shift;
use plotters::element::{DynElement, IntoDynElement};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::scenario::{Axis, ChartPlan};
use crate::table::{Row, digits};

const SIZE: (u32, u32) = (900, 480);
/// What lies around the plot: left, right, top, bottom.
const MARGINS: (i32, i32, i32, i32) = (78, 262, 44, 62);

/// The points of a series.
struct Line {
    name: String,
    points: Vec<(f64, f64)>,
}

/// Where a value stands on an axis: numbers and times by their size, words one after another.
fn places(axis: &Axis) -> Vec<f64> {
    let number = |value: &toml::Value| match value {
        toml::Value::Integer(number) => Some(*number as f64),
        toml::Value::Float(number) => Some(*number),
        toml::Value::String(text) => duration(text).ok().map(|time| time.as_secs_f64()),
        _ => None,
    };
    let numbers: Option<Vec<f64>> = axis.values.iter().map(number).collect();
    match numbers {
        Some(numbers) if !axis.logarithmic => numbers,
        Some(numbers) if numbers.iter().all(|number| *number > 0.0) => {
            numbers.iter().map(|number| number.ln()).collect()
        }
        _ => (0..axis.values.len()).map(|place| place as f64).collect(),
    }
}

fn shown(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Integer(number) => grouped(*number as f64),
        other => other.to_string(),
    }
}

/// Thousands and millions in short.
fn grouped(number: f64) -> String {
    match number.abs() {
        1e9.. => format!("{}G", digits(number / 1e9)),
        1e6.. => format!("{}M", digits(number / 1e6)),
        1e4.. => format!("{}k", digits(number / 1e3)),
        _ => digits(number),
    }
}

/// Round numbers that span all of it.
fn ticks(most: f64) -> Vec<f64> {
    let rough = most.max(1e-9) / 6.0;
    let power = 10_f64.powi(rough.log10().floor() as i32);
    let step =
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= rough).unwrap_or(rough);
    (0..).map(|number| f64::from(number) * step).take_while(|tick| *tick < most + step).collect()
}

fn logarithmic_ticks(least: f64, most: f64) -> Vec<f64> {
    let (first, last) = (least.log10().floor() as i32, most.log10().ceil() as i32);
    let wide = last - first > 3;
    let of_power = move |power: i32| {
        let factors: &[f64] = if wide { &[1.0] } else { &[1.0, 2.0, 5.0] };
        factors.iter().map(move |factor| factor * 10_f64.powi(power))
    };
    let all: Vec<f64> = (first..=last).flat_map(of_power).collect();
    // one beyond each end
    let from = all.iter().rposition(|tick| *tick <= least).unwrap_or(0);
    let to = all.iter().position(|tick| *tick >= most).unwrap_or(all.len() - 1);
    all[from..=to].to_vec()
}

/// The lines of a chart, of what the table has.
fn lines(plan: &ChartPlan, axis: &Axis, rows: &[Row]) -> Vec<Line> {
    let places = places(axis);
    let place_of = |at: &str| {
        let place = axis.values.iter().position(|value| match value {
            toml::Value::String(text) => text == at,
            other => other.to_string() == at,
        });
        place.map(|place| places[place])
    };
    let value = |row: &Row| row.outcome.value(&plan.column);
    let mut lines: Vec<Line> = Vec::new();
    for row in rows {
        let is_wanted = plan.only.is_empty() || plan.only.iter().any(|name| row.series.starts_with(name.as_str()));
        let is_base = plan.relative_to.as_deref().is_some_and(|base| row.series.starts_with(base));
        if !is_wanted || is_base {
            continue;
        }
        let Some((x, mut y)) = place_of(&row.at).zip(value(row)) else { continue };
        if let Some(base) = &plan.relative_to {
            // the same further values after the name
            let rest = row.series.find(',').map_or("", |comma| &row.series[comma..]);
            let of_base = rows.iter().find(|other| other.at == row.at && other.series == format!("{base}{rest}"));
            let Some(of_base) = of_base.and_then(value).filter(|value| *value > 0.0) else { continue };
            y /= of_base;
        }
        match lines.iter_mut().find(|line| line.name == row.series) {
            Some(line) => line.points.push((x, y)),
            None => lines.push(Line { name: row.series.clone(), points: vec![(x, y)] }),
        }
    }
    shorten(&mut lines);
    lines
}

/// What is in all names, between commas, is in none of them.
fn shorten(lines: &mut [Line]) {
    let names: Vec<Vec<String>> = lines.iter().map(|line| line.name.split(", ").map(str::to_owned).collect()).collect();
    let parts = names.first().map_or(0, Vec::len);
    if names.len() < 2 || names.iter().any(|name| name.len() != parts) {
        return;
    }
    let differ: Vec<usize> = (0..parts).filter(|&part| names.iter().any(|name| name[part] != names[0][part])).collect();
    for (line, name) in lines.iter_mut().zip(&names) {
        line.name = differ.iter().map(|&part| name[part].as_str()).collect::<Vec<_>>().join(", ");
    }
}

type Pixel = (i32, i32);

/// The mark of a series, by its number.
fn mark<'a, DB: DrawingBackend + 'a>(number: usize, at: Pixel, shade: RGBColor) -> DynElement<'a, DB, Pixel> {
    let (hollow, full, white) = (shade.stroke_width(2), shade.filled(), WHITE.filled());
    let square = |half: i32| [(at.0 - half, at.1 - half), (at.0 + half, at.1 + half)];
    let empty = EmptyElement::<Pixel, DB>::at(at);
    match number % 8 {
        0 => (empty + Circle::new((0, 0), 4, full)).into_dyn(),
        1 => (empty + Circle::new((0, 0), 4, white) + Circle::new((0, 0), 4, hollow)).into_dyn(),
        2 => Rectangle::new(square(4), full).into_dyn(),
        3 => (empty + TriangleMarker::new((0, 0), 7, full)).into_dyn(),
        4 => (empty + Cross::new((0, 0), 4, hollow)).into_dyn(),
        5 => Rectangle::new(square(4), hollow).into_dyn(),
        6 => (empty + TriangleMarker::new((0, 0), 7, white) + TriangleMarker::new((0, 0), 7, hollow)).into_dyn(),
        _ => (empty + Circle::new((0, 0), 2, full) + Circle::new((0, 0), 6, shade.stroke_width(1))).into_dyn(),
    }
}

/// The shade and the dashes of a series: 0 for a whole line.
const fn stroke(number: usize) -> (RGBColor, f64, f64) {
    match number % 8 {
        0 => (RGBColor(0, 0, 0), 0.0, 0.0),
        1 => (RGBColor(0, 0, 0), 8.0, 4.0),
        2 => (RGBColor(110, 110, 110), 0.0, 0.0),
        3 => (RGBColor(0, 0, 0), 2.0, 4.0),
        4 => (RGBColor(110, 110, 110), 8.0, 4.0),
        5 => (RGBColor(60, 60, 60), 14.0, 4.0),
        6 => (RGBColor(150, 150, 150), 0.0, 0.0),
        _ => (RGBColor(110, 110, 110), 2.0, 3.0),
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn dashed(area: &Area<'_>, from: Pixel, to: Pixel, number: usize) -> Result<(), String> {
    let (shade, dash, gap) = stroke(number);
    let style = shade.stroke_width(2);
    let (dx, dy) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
    let length = dx.hypot(dy);
    let at = |along: f64| {
        let part = (along / length.max(1e-9)).min(1.0);
        (from.0 + (dx * part).round() as i32, from.1 + (dy * part).round() as i32)
    };
    if dash == 0.0 {
        return area.draw(&PathElement::new(vec![from, to], style)).map_err(|error| error.to_string());
    }
    let mut along = 0.0;
    while along < length {
        let piece = PathElement::new(vec![at(along), at(along + dash)], style);
        area.draw(&piece).map_err(|error| error.to_string())?;
        along += dash + gap;
    }
    Ok(())
}

fn text(area: &Area<'_>, words: &str, at: Pixel, size: u32, anchor: Pos, turned: bool) -> Result<(), String> {
    let style = ("sans-serif", size).into_text_style(area).pos(anchor);
    let style = if turned { style.transform(FontTransform::Rotate270) } else { style };
    area.draw(&Text::new(words.to_owned(), at, style)).map_err(|error| error.to_string())
}

/// Draws one, as SVG.
///
/// # Errors
///
/// Why it can not be drawn.
pub fn svg(plan: &ChartPlan, axis: &Axis, rows: &[Row]) -> Result<String, String> {
    let lines = lines(plan, axis, rows);
    if lines.is_empty() {
        return Err(format!("chart `{}`: nothing to draw", plan.file));
    }
    let mut drawn = String::new();
    {
        let area = SVGBackend::with_string(&mut drawn, SIZE).into_drawing_area();
        draw(&area, plan, axis, &lines)?;
        area.present().map_err(|error| error.to_string())?;
    }
    Ok(drawn)
}

fn draw(area: &Area<'_>, plan: &ChartPlan, axis: &Axis, lines: &[Line]) -> Result<(), String> {
    let error = |error: DrawingAreaErrorKind<_>| error.to_string();
    area.fill(&WHITE).map_err(error)?;
    let (left, right, top, bottom) = (MARGINS.0, SIZE.0 as i32 - MARGINS.1, MARGINS.2, SIZE.1 as i32 - MARGINS.3);
    let points = || lines.iter().flat_map(|line| line.points.iter().copied());
    let most = points().map(|(_, y)| y).fold(0.0, f64::max);
    let least = points().map(|(_, y)| y).filter(|y| *y > 0.0).fold(f64::INFINITY, f64::min);
    let is_logarithmic = plan.logarithmic && least.is_finite();
    let y_ticks = if is_logarithmic { logarithmic_ticks(least, most) } else { ticks(most) };
    let scale = |y: f64| if is_logarithmic { y.max(y_ticks[0]).ln() } else { y };
    let (low, high) = (scale(y_ticks[0]), scale(y_ticks[y_ticks.len() - 1]).max(scale(y_ticks[0]) + 1e-9));
    let places = places(axis);
    let (first, last) = places.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(*x), b.max(*x)));
    let inset = 14;
    let pixel_x = |x: f64| {
        let part = if last > first { (x - first) / (last - first) } else { 0.5 };
        left + inset + (part * f64::from(right - left - 2 * inset)).round() as i32
    };
    let pixel_y = |y: f64| bottom - ((scale(y) - low) / (high - low) * f64::from(bottom - top)).round() as i32;

    for tick in &y_ticks {
        let y = pixel_y(*tick);
        area.draw(&PathElement::new(vec![(left, y), (right, y)], RGBColor(215, 215, 215).stroke_width(1)))
            .map_err(error)?;
        text(area, &grouped(*tick), (left - 8, y), 13, Pos::new(HPos::Right, VPos::Center), false)?;
    }
    let mut free_from = i32::MIN;
    for (value, x) in axis.values.iter().zip(&places) {
        let (x, label) = (pixel_x(*x), shown(value));
        area.draw(&PathElement::new(vec![(x, bottom), (x, bottom + 5)], BLACK.stroke_width(1))).map_err(error)?;
        let half = label.len() as i32 * 4 + 3;
        if x - half >= free_from {
            text(area, &label, (x, bottom + 9), 13, Pos::new(HPos::Center, VPos::Top), false)?;
            free_from = x + half;
        }
    }
    let frame = vec![(left, top), (left, bottom), (right, bottom)];
    area.draw(&PathElement::new(frame, BLACK.stroke_width(1))).map_err(error)?;
    text(area, &plan.title, (left, 14), 17, Pos::new(HPos::Left, VPos::Top), false)?;
    text(area, &axis.title, ((left + right) / 2, SIZE.1 as i32 - 14), 14, Pos::new(HPos::Center, VPos::Bottom), false)?;
    text(area, &plan.label, (18, (top + bottom) / 2), 14, Pos::new(HPos::Center, VPos::Center), true)?;

    for (number, line) in lines.iter().enumerate() {
        let shade = stroke(number).0;
        let at: Vec<Pixel> = line.points.iter().map(|&(x, y)| (pixel_x(x), pixel_y(y))).collect();
        for pair in at.windows(2) {
            dashed(area, pair[0], pair[1], number)?;
        }
        for &point in &at {
            area.draw(&mark(number, point, shade)).map_err(error)?;
        }
        let y = top + 12 + number as i32 * 24;
        dashed(area, (right + 16, y), (right + 50, y), number)?;
        area.draw(&mark(number, (right + 33, y), shade)).map_err(error)?;
        text(area, &line.name, (right + 58, y), 13, Pos::new(HPos::Left, VPos::Center), false)?;
    }
    Ok(())
}
