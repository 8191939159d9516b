//! The same origin against the example client, as a process: GETs, with a second origin's answers as the pauses between them.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::judge::Tally;
use crate::origin::{Log, Origin, own};
use crate::plan::Round;

pub fn run(path: &Path, round: &Round) -> Result<Tally, String> {
    let failed = |error: std::io::Error| format!("cannot run {}: {error}", path.display());
    let hostile = Origin::start(Some((round.kind, round.gap))).map_err(failed)?;
    let quiet = Origin::start(None).map_err(failed)?;
    let pause = format!("http://{}/pause/{}", quiet.address, round.pause.as_micros());
    let target = |number: u32| format!("/{}/{number}", round.number);
    let address = hostile.address;
    let url = |number: u32| format!("http://{address}{}", target(number));
    let urls = [url(0), pause.clone(), url(1), url(2), pause, url(3)];
    let mut command = Command::new(path);
    command.args(["--timeout", "5s"]).args(&urls).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let until = Instant::now() + PATIENCE;
    // what it says fits into a pipe
    let ended = loop {
        match child.try_wait().map_err(failed)? {
            Some(_) => break true,
            None if Instant::now() > until => {
                let _ = (child.kill(), child.wait());
                break false;
            }
            None => thread::sleep(Duration::from_millis(2)),
        }
    };
    let (mut content, mut complaints) = (Vec::new(), String::new());
    if let (Some(mut output), Some(mut errors)) = (child.stdout.take(), child.stderr.take()) {
        output.read_to_end(&mut content).and_then(|_| errors.read_to_string(&mut complaints)).map_err(failed)?;
    }
    let (log, pauses) = (hostile.end(), quiet.end());
    let mut tally = Tally::default();
    if !ended {
        tally.lose(&format!("fetch has no end: {urls:?}"));
        return Ok(tally);
    }
    let content = String::from_utf8_lossy(&content).into_owned();
    let mut lines = content.lines().filter(|line| !line.contains("/pause/"));
    for number in 0..4 {
        tally.requests += 1;
        let (request, name) = (format!("GET {}", target(number)), url(number));
        let times = log.received.iter().filter(|received| **received == request).count();
        tally.repeated += times.saturating_sub(1) as u32;
        if complaints.lines().any(|line| line.contains(&format!("{name}: "))) {
            // its verdict is on the line
            tally.never += 1;
            continue;
        }
        let line = format!("{}\n", lines.next().unwrap_or_default());
        if line == own(&request) {
            tally.answered += 1;
            continue;
        }
        let said = log.said.iter().rfind(|said| said.content.as_ref().is_none_or(|content| *content == line));
        match said {
            Some(said) => tally.foreign(&(round, name), &line, Some(said.to), seen(&log, &pauses, round, number)),
            None => tally.lose(&(name, line, &complaints)),
        }
    }
    Ok(tally)
}

/// The example client had not looked before this instant: the answer before had not been written.
fn seen(log: &Log, pauses: &Log, round: &Round, number: u32) -> Instant {
    let before = match number {
        1 => pauses.said.first(),
        3 => pauses.said.get(1),
        _ => log
            .said
            .iter()
            .find(|said| said.content == Some(own(&format!("GET /{}/{}", round.number, number.saturating_sub(1))))),
    };
    before.or(log.said.first()).map_or_else(Instant::now, |said| said.from)
}

const PATIENCE: Duration = Duration::from_secs(30);
