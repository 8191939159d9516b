//! Counting: the program runs itself under callgrind, a group each time, and the instructions of each call of [`measured`] are written
//! to a file of their own.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::calls;
use crate::series::{GROUPS, Group, Line, Series, Work};

/// The function whose calls are counted, one by one.
const COUNTED: &str = "growth::count::measured";

#[inline(never)]
fn measured(act: &mut dyn FnMut()) {
    act();
}

/// Does the work of a group once, and says on its output how many units each piece was; to be run under callgrind.
pub fn run(name: &str, all: bool) -> Result<(), String> {
    let group = GROUPS.into_iter().find(|group| group.name == name).ok_or("no such group")?;
    for series in group.series {
        eprintln!("{}: {}", group.title, series.name);
        // what is only done the first time in a program is done
        (series.work)(group.sizes[0]).act.as_mut()();
        for size in group.sizes(all) {
            let Work { units, mut act } = (series.work)(size);
            measured(&mut *act);
            println!("{units}");
        }
    }
    Ok(())
}

/// Counts these groups, two at a time: it takes the processors that are there for a check.
pub fn all<'g>(groups: &[&'g Group], all: bool) -> Result<Vec<(&'g Group, Vec<Line>)>, String> {
    let folder = std::env::temp_dir().join(format!("growth-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let (next, counted) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                // those that take longest stand last, and begin first
                while let Some(at) = groups.len().checked_sub(1 + next.fetch_add(1, Ordering::Relaxed)) {
                    let lines = lines(groups[at], all, &folder);
                    counted.lock().expect("no panic").push((at, lines));
                }
            });
        }
    });
    let _ = std::fs::remove_dir_all(&folder);
    let mut counted = counted.into_inner().expect("no panic");
    counted.sort_by_key(|(at, _)| *at);
    counted.into_iter().map(|(at, lines)| lines.map(|lines| (groups[at], lines))).collect()
}

fn lines(group: &Group, all: bool, folder: &Path) -> Result<Vec<Line>, String> {
    let counts = counts(group, all, folder).map_err(|error| format!("{}: {error}", group.name))?;
    let sizes = group.sizes(all);
    let each = |(series, counts): (&'static Series, &[_])| Line::new(series, &sizes, counts);
    Ok(group.series.iter().zip(counts.chunks(sizes.len())).map(each).collect())
}

/// Instructions and units of each piece of work, in order.
fn counts(group: &Group, all: bool, folder: &Path) -> Result<Vec<(u64, u64)>, String> {
    let arguments: Vec<&str> = all.then_some("--all").into_iter().chain(["run", group.name]).collect();
    let (said, counts) = calls::counted(COUNTED, &arguments, folder)?;
    let units: Vec<u64> = said.lines().map_while(|units| units.parse().ok()).collect();
    if units.len() != said.lines().count() || counts.len() < units.len() {
        return Err(format!("{} counts of what was said to be: {said}", counts.len()));
    }
    Ok(counts.into_iter().zip(units).collect())
}
